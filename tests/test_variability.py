"Variability: numbers of the peer, missing points, units, and the likelihood of one norm against that of many."
import numpy as np
import astropy.units as u
import pytest
from astropy.time import Time
from numpy.testing import assert_allclose
from specnb import (Datasets, FluxPointsEstimator, GTI, LightCurveEstimator, TimmerKonig_lightcurve_simulator, compute_chisq,
                    compute_excess_variance, compute_flux_doubling, compute_fpp, compute_fvar, compute_lightcurve_constancy,
                    compute_lightcurve_discrete_correlation, compute_lightcurve_doublingtime, compute_lightcurve_fpp,
                    compute_lightcurve_fvar, discrete_correlation, make_rate_table, structure_function)
from specnb.simulate.example import example_datasets

FLUX = np.array([[1e-11, 4e-12], [3e-11, 2.5e-12], [1e-11, 1e-12], [.8e-11, .8e-12], [1e-11, 1e-12]])
ERROR = np.array([[.1e-11, .4e-12], [.3e-11, .2e-12], [.1e-11, .1e-12], [.08e-11, .08e-12], [.1e-11, .1e-12]])
TIME = np.array([6.31157019e8, 6.31160619e8, 6.31164219e8, 6.31171419e8, 6.31178419e8])*u.s


def test_excess_variance_is_that_of_the_peer_and_keeps_its_sign():
    flux = np.array([[1e-11, 4e-12], [3e-11, np.nan], [1e-11, 1e-12]])
    assert_allclose(compute_fvar(flux, flux/10), [[.68322763, .84047606], [.06679978, .08285806]], rtol=1e-6)
    assert_allclose(compute_fvar(flux.T, flux.T/10, axis=1), compute_fvar(flux, flux/10))
    assert_allclose(compute_fpp(flux, flux/10), [[1.19448734, .11661904], [.06648574, .10099505]], rtol=1e-6)
    value, error = compute_excess_variance([1., 1.1, .9], [.3, .3, .3])
    assert_allclose(value, .01 - .09)
    assert error > 0


def test_chi_square_uses_errors_and_units():
    assert_allclose(compute_chisq(np.array([1e-11, 3e-11])), [1e-11, .999997476867478])
    assert_allclose(compute_chisq(FLUX*u.Unit("cm-2 s-1"), ERROR*1e4*u.Unit("m-2 s-1"))[0][1],
                    np.sum((FLUX[:, 1] - np.average(FLUX[:, 1], weights=ERROR[:, 1]**-2))**2/ERROR[:, 1]**2))
    assert np.isnan(compute_chisq([1.], [.1])).all()


def test_doubling_structure_and_correlation_are_those_of_the_peer():
    found = compute_flux_doubling(FLUX[:, 0], ERROR[:, 0], TIME)
    assert_allclose(u.Quantity([found["doubling"], found["doubling_err"]]).value[:, 0], [2271.34711286, 292.384304])
    assert_allclose(found["halving_coord"].value, 6.31160619e8)
    assert np.isnan(compute_flux_doubling([3., 2, 1], [.1, .1, .1], [0, 1, 2]*u.h)["doubling"]).all()   # it never rises
    sf, distances = structure_function(FLUX, ERROR, TIME)
    assert_allclose(sf[:, 1], [2.25e-24, 4e-26, 4.52e-24, 2.89e-24, 0, 1.024e-23, 2.25e-24, 9e-24], rtol=1e-9)
    assert_allclose(distances.value, [3600, 7000, 7200, 10800, 14200, 14400, 17800, 21400])
    other = np.array([[1e-11, 3.5e-12], [4e-11, 1.5e-12], [1.7e-11, 2e-12], [.4e-11, 1.8e-12], [1e-11, 1.5e-12], [1.1e-11, .7e-12]])
    error = np.array([[.2, .024], [.4, .021], [.07, .014], [.12, .018], [.1, .013], [.4, .02]])*1e-11
    time = np.array([6.31156919e8, 6.31160519e8, 6.31163819e8, 6.31171419e8, 6.31178219e8, 6.31178819e8])*u.s
    bins, dcf, dcf_err = discrete_correlation(FLUX, ERROR, other, error, TIME, time, tau=1.5e4*u.s)
    assert_allclose(bins.value, [-22500, -7500, 7500, 22500])
    assert_allclose(dcf, [[-.332361, -1.009638], [-.065639, .313054], [.215329, .133132], [-.373906, -.56788]], rtol=1e-5)
    assert_allclose(dcf_err, [[.34881, .553113], [.236548, .174538], [.401313, .361757], [.820525, 1.204655]], rtol=1e-5)


def test_simulated_noise_has_its_mean_and_power():
    series, time = TimmerKonig_lightcurve_simulator(lambda f, i: f**-i, 2000, 1*u.h, random_state=3, nchunks=4,
                                                    power_spectrum_params={"i": 2}, mean=1e-7*u.Unit("cm-2"), std=.5e-3*u.Unit("m-2"))
    assert series.shape == time.shape == (2000,) and time[-1] == 1999*u.h
    assert_allclose([series.mean().value, series.std().value], [1e-7, 5e-8])
    power = np.abs(np.fft.rfft(series.value*np.hanning(2000)))**2
    frequency = np.fft.rfftfreq(2000)
    slope = np.polyfit(np.log(frequency[5:200]), np.log(power[5:200]), 1)[0]
    assert -2.3 < slope < -1.7
    with pytest.raises(TypeError): TimmerKonig_lightcurve_simulator(lambda f: f, 20, 1*u.s, nchunks=.5)


@pytest.fixture(scope="module")
def runs():
    first, result = example_datasets(), Datasets()
    for i in range(4):
        gti = GTI.create(i*u.h, (i + .5)*u.h, Time("2022-01-01 20:00", scale="tt"))
        result.append(first[i % 2].fill(name=f"run {i}", gti=gti))
    result.models = first.models
    return result


def test_likelihood_ratio_is_one_norm_against_a_norm_for_each_interval(runs):
    estimator = LightCurveEstimator(energy_edges=[1, 3, 10]*u.TeV, snap=True)
    curve = estimator.run(runs)
    found = compute_lightcurve_constancy(curve, runs, estimator)
    joint = FluxPointsEstimator(energy_edges=[1, 3, 10]*u.TeV, snap=True).run(runs)
    assert_allclose(found["norm"], joint.norm)
    assert_allclose(found["ts"], joint.stat - curve.stat.sum(0))
    assert (found["ts"] >= 0).all() and (found["n_points"] == 4).all()
    assert_allclose(found["ts"], found["chi2"], rtol=.4, atol=.5)


def test_tables_of_light_curves_have_a_row_per_band(runs):
    curve = LightCurveEstimator(energy_edges=[1, 3, 10]*u.TeV, snap=True).run(runs)
    fvar, fpp, times = (f(curve) for f in (compute_lightcurve_fvar, compute_lightcurve_fpp, compute_lightcurve_doublingtime))
    assert_allclose(fvar["fvar"], compute_fvar(curve.flux, curve.flux_err)[0])
    assert_allclose(fpp["fpp"], compute_fpp(curve.flux, curve.flux_err)[0])
    expected = compute_flux_doubling(curve.flux, curve.flux_err, curve.time_axis.center)
    assert_allclose(times["doublingtime"], expected["doubling"], rtol=1e-9)
    found = compute_lightcurve_discrete_correlation(curve, tau=1*u.h)
    assert found["discrete_correlation"].shape == (len(found["bins"]), 2)


def test_rates_are_those_of_the_info_table_and_of_the_stack(runs):
    rates, info = make_rate_table(runs), runs.info_table(cumulative=True)
    for name in ("counts", "excess", "background", "sqrt_ts"): assert_allclose(rates[f"cumulative_{name}"], info[name], err_msg=name)
    assert_allclose(rates["excess_rate"].to_value("s-1"), [d.info_dict()["excess_rate"].to_value("s-1") for d in runs])
    start = runs[0].gti.time_start[0] - 1*u.s
    hours = [[start, start + 2*u.h], [start + 2*u.h, start + 4*u.h], [start + 9*u.h, start + 10*u.h]]
    pairs = make_rate_table(runs, hours, energy_min=1*u.TeV)
    assert (pairs["counts"][:2] < rates["cumulative_counts"][1]).all() and pairs["counts"][2] == 0
    assert np.isnan(pairs["excess_rate"][2]) and pairs["cumulative_sqrt_ts"][2] == pairs["cumulative_sqrt_ts"][1]
