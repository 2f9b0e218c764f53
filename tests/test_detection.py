"Sensitivity, upper limits, profiles, theta squared, nested models: against the numbers of the reference, the peer and direct solutions."
import astropy.units as u
import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from numpy.testing import assert_allclose, assert_array_equal
from regions import CircleSkyRegion
from specnb import (DataStore, Datasets, MapAxis, PowerLawSpectralModel, ReflectedRegionsBackgroundMaker, RegionGeom, SafeMaskMaker,
                    SensitivityEstimator, SpectrumDataset, SpectrumDatasetMaker, ThetaSquaredTable, make_theta_squared_table, minimum_excess,
                    plot_sensitivity, plot_theta_squared_table, sensitivity)
from specnb.simulate.example import example_datasets

matplotlib.use("agg")
CRAB = SkyCoord(83.6324, 22.0174, unit="deg")


@pytest.fixture(scope="module")
def hess_runs(hess_dir):
    return DataStore.from_dir(hess_dir).get_observations([23523, 23526, 23559, 23592])


@pytest.fixture(scope="module")
def hess_datasets(hess_runs):
    geom = RegionGeom.create(CircleSkyRegion(SkyCoord(83.63, 22.01, unit="deg"), .11*u.deg),
                             axes=[MapAxis.from_energy_bounds(.1, 40, nbin=10, per_decade=True, unit="TeV", name="energy")])
    true = MapAxis.from_energy_bounds(.05, 100, nbin=20, per_decade=True, unit="TeV", name="energy_true")
    exclusion = [CircleSkyRegion(SkyCoord(183.604, -8.708, unit="deg", frame="galactic"), .5*u.deg)]
    makers = [SpectrumDatasetMaker(containment_correction=True, selection=["counts", "exposure", "edisp"]),
              ReflectedRegionsBackgroundMaker(exclusion_mask=exclusion), SafeMaskMaker(methods=["aeff-max"], aeff_percent=10)]
    datasets = Datasets()
    for run in hess_runs:
        dataset = SpectrumDataset.create(geom, true, name=str(run.obs_id))
        for maker in makers:
            dataset = maker.run(dataset, run)
        datasets.append(dataset)
    return datasets


@pytest.fixture(scope="module")
def stacked():
    return example_datasets().stack_reduce()


# sensitivity

def test_sensitivity_of_the_hess_runs_is_that_of_the_reference(hess_datasets):
    table = SensitivityEstimator().run(hess_datasets.stack_reduce())
    assert table.colnames[:7] == ["e_ref", "e_min", "e_max", "e2dnde", "excess", "background", "criterion"]
    assert_allclose([table[n][8] for n in ("excess", "background", "e2dnde")], [17.2462, 6.62805, 2.48923e-11], rtol=2e-6)
    assert_allclose([table[n][17] for n in ("e_ref", "excess", "e2dnde")], [4.8587, 10, 1.91638e-11], rtol=1e-5)
    assert table["criterion"][17] == "gamma" and table["e2dnde"].unit == "erg cm-2 s-1"


def test_demands_of_a_detection_are_those_of_the_peer():
    excess, criterion = minimum_excess([3.6e6, 3600, 3.6], .2, gamma_min=25, bkg_syst_fraction=.075)
    assert_allclose(excess, [270000, 334.454, 25], rtol=1e-5)
    assert criterion.tolist() == ["bkg", "significance", "gamma"]


def test_sensitivity_of_arrays_over_time_and_toys_is_that_of_each():
    rng = np.random.default_rng(1)
    n_off, alpha = rng.poisson(20, (3, 4, 5)), np.array([.1, .2, 0, .3, .1])
    found = sensitivity(n_off*alpha, 7., 2e-12, alpha)
    assert found["flux"].shape == (3, 4, 5) and np.isnan(found["flux"][..., 2]).all() and not found["criterion"][..., 2].any()
    for i in np.ndindex(3, 4, 5):
        assert_allclose(found["flux"][i], sensitivity(n_off[i]*alpha[i[-1]], 7., 2e-12, alpha[i[-1]])["flux"], rtol=1e-9)


def test_integral_sensitivity_of_one_bin_is_the_differential_one(stacked):
    one = stacked.slice_by_energy(1*u.TeV, 1.2*u.TeV)
    estimator = SensitivityEstimator(PowerLawSpectralModel(index=2.5))
    a, b = estimator.run(one), estimator.run_integral(one)
    low = a["e_min"][0]
    dnde = a["e2dnde"][0]/1.602176634/a["e_ref"][0]**2
    assert_allclose(b["flux"], dnde*(a["e_ref"][0]/low)**2.5*low/1.5, rtol=1e-6)


def test_what_has_no_sensitivity_says_why(stacked):
    dark = stacked.fill(exposure=0*stacked.arrays.exposure)
    table = SensitivityEstimator().run(dark)
    assert set(table["status"][np.isfinite(table["excess"])]) == {"no exposure: no counts predicted"}
    assert set(table["status"][np.isnan(table["excess"])]) == {"no background measurement: acceptance_off is 0"}
    flat = SensitivityEstimator(PowerLawSpectralModel(index=1)).run_integral(stacked)
    assert set(flat["status"]) == {"the integral flux of the reference spectrum is infinite"} and np.isnan(flat["flux"]).all()


@pytest.mark.parametrize("bad, match", [({"n_sigma": 0}, "n_sigma"), ({"gamma_min": -1}, "gamma_min"), ({"bkg_syst_fraction": "a"}, "bkg_syst"),
                                        ({"spectral_model": 2}, "spectral_model")])
def test_demands_are_checked(bad, match):
    with pytest.raises((TypeError, ValueError), match=match):
        SensitivityEstimator(**bad)


def test_sensitivities_are_drawn(stacked):
    for table in (SensitivityEstimator().run(stacked), SensitivityEstimator().run_integral(stacked)):
        assert plot_sensitivity(table, plt.figure().add_subplot()).get_legend()


# theta squared

@pytest.mark.parametrize("options, expected", [  # of Gammapy 2.1
    ({"position_off": CRAB.directional_offset_by(180*u.deg, 1*u.deg)}, ([350, 152, 86], [19, 26, 31], [19.0215, 9.9361, 5.1868], [18.9142, 13.1167, 10.6795])),
    ({"off_regions_number": 3}, ([418, 215, 143], [66, 76, 105], [28.4843, 17.4816, 10.9059], [20.2996, 14.6343, 12.1411])),
    ({"energy_edges": [1.2, 11]*u.TeV}, ([192, 69, 40], [5, 4, 8], [15.0496, 8.3779, 4.8258], [13.723, 8.2567, 6.7303]))])
def test_theta_squared_of_the_hess_runs_is_that_of_the_peer(hess_runs, options, expected):
    runs, end = (list(hess_runs)[:2], .2) if "position_off" in options else (hess_runs, .1)
    table = ThetaSquaredTable(runs, MapAxis.from_bounds(0, end, nbin=20, interp="lin", unit="deg2"), CRAB, **options).run()
    counts, counts_off, sqrt_ts, errn = expected
    assert_array_equal(table["counts"][:3], counts)
    assert_array_equal(table["counts_off"][:3], counts_off)
    assert_allclose(table["sqrt_ts"][:3], sqrt_ts, atol=1e-4)
    assert_allclose(table["excess_errn"][:3], errn, atol=1e-4)
    assert table.meta["ON_RA"] == CRAB.ra and len(plot_theta_squared_table(table, plt.figure())) == 2


def test_several_off_positions_are_each_an_acceptance(hess_runs):
    axis = MapAxis.from_bounds(0, .05, nbin=5, unit="deg2")
    where = SkyCoord([CRAB.directional_offset_by(a*u.deg, 1*u.deg) for a in (0, 180)])
    both, one, other = (make_theta_squared_table(list(hess_runs)[:1], axis, CRAB, position_off=p) for p in (where, where[0], where[1]))
    assert_array_equal(both["counts_off"], one["counts_off"] + other["counts_off"])
    assert set(both["alpha"]) == {.5} and set(both["acceptance_off"]) == {2}


def test_theta_squared_of_overlapping_regions_is_refused(hess_runs):
    runs, axis = list(hess_runs)[:1], MapAxis.from_bounds(0, .3, nbin=4, unit="deg2")
    for options, match in [({}, "would overlap"), ({"position_off": CRAB}, "overlaps with the ON region"),
                           ({"energy_edges": [1, 2, 3]*u.TeV}, "one energy interval but 2"),
                           ({"position_off": CRAB, "off_regions_number": 2}, "fixed OFF position")]:
        with pytest.raises(ValueError, match=match):
            make_theta_squared_table(runs, axis, CRAB, **options)
