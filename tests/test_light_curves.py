"Light curves: intervals, norms of runs against reference values, bands kept whole, results read back."
import numpy as np
import astropy.units as u
import pytest
from astropy.time import Time
from numpy.testing import assert_allclose
from specnb import (Datasets, ExpCutoffPowerLawSpectralModel, FluxPoints, FluxPointsEstimator, GTI, LightCurveEstimator, SkyModel,
                    SpecnbWarning, TimeMapAxis)
from specnb.simulate.example import example_datasets
from test_reference import reduce

TARGETS = {  # ECPL of the joint fit, 1 - 10 TeV snapped, the four runs
    "norm": [1.04698, 0.80816, 1.04918, 1.14113], "norm_errn": [.0997649, .0867200, .1213301, .1267322],
    "norm_errp": [.1060259, .0928272, .1309571, .1361660], "norm_ul": [1.265443, 1.000085, 1.320992, 1.423148],
    "ts": [338.2113, 253.7402, 295.6741, 294.1285]}


@pytest.fixture(scope="module")
def crab(hess_dir):
    datasets = reduce(hess_dir)
    model = ExpCutoffPowerLawSpectralModel(index=2.27265781, amplitude="4.79134632e-11 cm-2 s-1 TeV-1", lambda_="0.120965342 TeV-1")
    datasets.models = [SkyModel(model, name="crab")]
    return datasets


def test_norms_of_the_four_runs_are_the_reference(crab):
    curve = LightCurveEstimator(energy_edges=[1, 10]*u.TeV, source="crab", selection_optional=["errn-errp", "ul"], snap=True).run(crab)
    assert_allclose([curve.energy_min.value[0], curve.energy_max.value[0]], [.9198689, 10.5639038], rtol=1e-6)
    assert curve.norm.shape == (4, 1)
    for name, expected in TARGETS.items(): assert_allclose(getattr(curve, name)[:, 0], expected, rtol=1e-5, err_msg=name)
    assert curve.status == [[""]]*4


@pytest.fixture(scope="module")
def runs():
    "Six runs on two nights; the threshold of the last one is 3 TeV."
    first, result = example_datasets(), Datasets()
    for i, start in enumerate([0, 1, 2, 24, 25, 26]):
        gti = GTI.create(start*u.h, (start + .5)*u.h, Time("2022-01-01 20:00", scale="tt"))
        result.append(first[i % 2].fill(name=f"run {i}", gti=gti))
    result[-1].mask_safe = result[-1].arrays.mask_safe & (result[-1].arrays.e_reco_edges[:-1] >= 3)
    result.models = first.models
    return result


def test_each_interval_is_the_joint_norm_of_its_runs(runs):
    options = dict(energy_edges=[1, 3, 10]*u.TeV, selection_optional="all", snap=True)
    curve = LightCurveEstimator(time_intervals="night", **options).run(runs)
    assert curve.norm.shape == (2, 2) and curve.time_axis.nbin == 2
    for k, night in enumerate((runs[:3], runs[3:])):
        points = FluxPointsEstimator(**options).run(night)
        for name in ("norm", "norm_err", "norm_errn", "norm_errp", "norm_ul", "ts", "stat", "stat_scan"):
            assert_allclose(getattr(curve, name)[k], getattr(points, name), rtol=1e-9, err_msg=name)
        assert_allclose(curve.counts[k][:, 3*k:3*k + 3], points.counts)
        assert np.isnan(np.delete(curve.counts[k], range(3*k, 3*k + 3), axis=1)).all()


def test_the_band_is_kept_where_a_run_measured_a_part_of_it(runs):
    curve = LightCurveEstimator(energy_edges=[1, 10]*u.TeV, snap=True).run(runs)
    alone = FluxPointsEstimator(energy_edges=[1, 10]*u.TeV, snap=True).run(runs[-1:])
    fraction = curve.measured_fraction[:, 0]
    assert_allclose(curve.norm[-1], alone.norm, rtol=1e-9)           # the same counts
    assert alone.energy_min[0] > 2*u.TeV and curve.energy_min[0] < 1.1*u.TeV
    model, low = runs.models[0].spectral_model, runs[-1].arrays.e_reco_edges
    first = low[:-1][runs[-1].arrays.mask_safe][0]
    ends = curve.energy_min[0], curve.energy_max[0]
    assert fraction[:-1].tolist() == [1]*5
    assert_allclose(fraction[-1], model.integral(first*u.TeV, ends[1])/model.integral(*ends), rtol=2e-3)


def test_files_give_the_light_curve_back(runs, tmp_path):
    curve = LightCurveEstimator(energy_edges=[1, 3, 10]*u.TeV, selection_optional="all", snap=True).run(runs)
    for sed_type in ("flux", "likelihood"):
        curve.write(tmp_path / "curve.fits", sed_type=sed_type, format="lightcurve", overwrite=True)
        again = FluxPoints.read(tmp_path / "curve.fits", format="lightcurve", reference_model=runs.models[0])
        assert_allclose(again.flux, curve.flux, rtol=1e-6)
        assert again.status == curve.status
        assert_allclose(again.time_axis.time_min.mjd, curve.time_axis.time_min.mjd, rtol=0, atol=1e-9)


def test_runs_that_stick_out_of_an_interval_are_named_and_left_out(runs):
    first = Time(["2022-01-01 19:00", "2022-01-01 21:10"], scale="tt")
    with pytest.warns(SpecnbWarning, match="only in part: run 1"):
        curve = LightCurveEstimator(time_intervals=[first], snap=True).run(runs)
    assert np.isfinite(curve.counts[0, 0]).tolist() == [True] + [False]*5


def test_an_interval_without_data_says_so(runs):
    axis = TimeMapAxis([0, 50]*u.h, [30, 60]*u.h, Time("2022-01-01 19:00", scale="tt"))
    curve = LightCurveEstimator(snap=True, time_intervals=axis).run(runs)
    assert curve.status[1] == ["no data: no dataset lies in this interval"] and np.isnan(curve.norm[1]).all()
    with pytest.raises(ValueError, match="none of the 6 datasets"): LightCurveEstimator(snap=True, time_intervals=axis.slice([1])).run(runs)


def test_blocks_find_a_change_of_flux(runs):
    bright = Datasets([run.fill(n_on=run.arrays.n_on*(4 if i > 2 else 1)) for i, run in enumerate(runs[:5])])
    bright.models = runs.models
    curve = LightCurveEstimator(time_intervals="bayesian-blocks", snap=True, energy_edges=[1, 10]*u.TeV).run(bright)
    assert curve.time_axis.nbin == 2 and np.isfinite(curve.counts[0, 0]).tolist() == [True]*3 + [False]*2
