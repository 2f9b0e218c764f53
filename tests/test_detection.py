"Sensitivity, upper limits, profiles, theta squared, nested models: against the numbers of the reference, the peer and direct solutions."
import astropy.units as u
import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from numpy.testing import assert_allclose, assert_array_equal
from regions import CircleSkyRegion
from scipy.optimize import brentq, minimize_scalar
from specnb import (CashCountsStatistic, DataStore, Datasets, EDispKernel, Fit, FluxPointsEstimator, FluxProfileEstimator,
                    MapAxis, NestedModelSelection, ParameterEstimator,
                    ParameterSensitivityEstimator, PowerLawSpectralModel, ReflectedRegionsBackgroundMaker,
                    RegionGeom, RegionNDMap, SafeMaskMaker, SensitivityEstimator, SkyModel, SpectrumDataset, SpectrumDatasetMaker, ThetaSquaredTable,
                    WStatCountsStatistic, compute_upper_limits, detection_time, demo_dir, expected_norm_limits, make_concentric_annulus_sky_regions,
                    make_orthogonal_rectangle_sky_regions, make_profile_datasets, make_theta_squared_table, minimum_excess,
                    norm_limits, plot_sensitivity, plot_theta_squared_table, select_nested_models, sensitivity, wstat)
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


# upper limits

def statistic_of(datasets, model):
    "Sum of the public statistic over the bins of the masks, for one model alone."
    return sum(wstat(a.n_on[k], a.n_off[k], a.alpha[k], d.fill(models=[SkyModel(model)]).signal_counts()[k]).sum()
               for d in datasets for a in [d.arrays] for k in [a.mask & (a.alpha > 0)])


@pytest.fixture(scope="module")
def empty_field():
    "The example without a source."
    datasets, rng = example_datasets(), np.random.default_rng(2)
    datasets.models = None
    for d in datasets:
        d.counts = rng.poisson(np.nan_to_num(d.arrays.n_bkg))
    return datasets


@pytest.mark.parametrize("index", [2., 3.5])
def test_limit_is_where_the_statistic_has_risen(empty_field, index):
    "Against general root finding on the public statistic."
    limits = compute_upper_limits(empty_field, index, confidence_level=.95)
    def stat(norm): return statistic_of(empty_field, PowerLawSpectralModel(index=index, amplitude=norm*1e-12*u.Unit("cm-2 s-1 TeV-1")))
    best = minimize_scalar(stat, bounds=(0, 3), method="bounded", options={"xatol": 1e-10}).x
    end = brentq(lambda x: stat(x) - stat(best) - 1.6448536**2, best + 1e-6, 50)
    assert_allclose(limits.norm_ul, end, rtol=1e-5)
    assert_allclose(limits.flux_ul.to_value("cm-2 s-1"), end*1e-12*limits.e_min**(1 - index)/(index - 1), rtol=1e-5)
    assert_allclose(limits.confidence_level, .95)


def test_limit_of_one_bin_is_that_of_its_counts():
    n_on, n_off, alpha = np.array([13., 5, 0, 3, 40]), np.array([11., 1, 4, 200, 60]), np.array([.5, .1, .2, .1, .25])
    for q in (1, 2, 3):
        found = norm_limits(np.full((5, 1), 2.), n_on[:, None], n_off[:, None], alpha[:, None], n_sigma_ul=q)
        assert_allclose(2*found["norm_ul"], WStatCountsStatistic(n_on, n_off, alpha).compute_upper_limit(q), rtol=1e-7)
        found = norm_limits(np.ones((5, 1)), n_on[:, None], background=5., n_sigma_ul=q)
        assert_allclose(found["norm_ul"], CashCountsStatistic(n_on, 5).compute_upper_limit(q), rtol=1e-7)


def test_limits_of_arrays_over_time_and_toys_are_those_of_each():
    rng = np.random.default_rng(4)
    n_on, n_off, s = rng.poisson(3, (3, 2, 6)), rng.poisson(30, (3, 2, 6)), np.array([1., 2, 0, 1, 3, 1])
    alpha = np.array([.1, .1, .1, 0, .2, .1])
    found = norm_limits(s, n_on, n_off, alpha)
    assert found["norm_ul"].shape == (3, 2)
    for i in np.ndindex(3, 2):
        assert_allclose(found["norm_ul"][i], norm_limits(s[alpha > 0], n_on[i][alpha > 0], n_off[i][alpha > 0], alpha[alpha > 0])["norm_ul"], rtol=1e-8)


def test_limit_in_a_band_is_that_of_a_flux_point(empty_field):
    "Between edges of the datasets, which flux points use exactly."
    axis = empty_field[0].arrays.e_reco_edges[[8, 14]]*u.TeV
    model = SkyModel(PowerLawSpectralModel(index=2.5), name="source")
    limits = compute_upper_limits(empty_field, model.spectral_model, *axis)
    datasets = Datasets([d.fill(models=[model]) for d in empty_field])
    points = FluxPointsEstimator(axis, "source", selection_optional="ul").run(datasets)
    assert_allclose(limits.flux_ul.value, points.flux_ul.to_value("cm-2 s-1").ravel(), rtol=1e-8)
    assert_allclose(limits.sqrt_ts, np.ravel(points.sqrt_ts), atol=1e-8)
    assert_allclose(limits.data["fraction"], 1)


def test_limit_beside_another_source_follows_it():
    "With the flux of the other source free, the limit is that of the profile; with it fixed, that of the norm alone."
    datasets = example_datasets()
    other = datasets.models[0]
    other.spectral_model.amplitude.value = 4e-11
    for name in ("index", "lambda_"): other.parameters[name].frozen = True
    Fit().run(datasets)
    fixed, free = (compute_upper_limits(datasets, 3., reoptimize=r) for r in (False, True))
    assert free.norm_ul[0] > 1.2*fixed.norm_ul[0]
    probe, reference = SkyModel(PowerLawSpectralModel(index=3), name="probe"), other.copy(name="source")
    probe.spectral_model.index.frozen = probe.spectral_model.amplitude.frozen = True
    both = Datasets([d.fill(models=[reference, probe]) for d in datasets])
    def profile(norm):
        probe.spectral_model.amplitude.value = norm*1e-12
        return Fit().optimize(both).total_stat
    assert_allclose(profile(free.norm_ul[0]) - profile(max(free.data["norm"][0], 0)), 4, rtol=1e-3)


def test_expected_limit_is_the_median_of_simulations():
    "With many OFF counts, where the expected counts stand for the typical measurement."
    asimov, quantiles = expected_norm_limits(np.full(4, 5.), np.full(4, 2000), .1, n_toys=3000, random_state=3)
    assert_allclose(asimov, quantiles[2], rtol=.02)
    assert np.all(np.diff(quantiles) > 0)


def test_limits_cover_the_true_flux():
    "A one-sided limit of 95 % is above the true norm in 95 % of simulations."
    rng, s, b, alpha, truth = np.random.default_rng(8), np.array([20., 10, 5]), np.array([30., 10, 3]), .2, .6
    ul = norm_limits(s, rng.poisson(truth*s + b, (4000, 3)), rng.poisson(b/alpha, (4000, 3)), alpha, n_sigma_ul=1.6448536)["norm_ul"]
    assert abs(np.mean(ul > truth) - .95) < .015


def test_what_has_no_limit_says_why(empty_field):
    def status(*args, **kwargs): return compute_upper_limits(empty_field, *args, **kwargs).status[0]
    assert status(2, "60 TeV").startswith("no data") and status(.9, "1 TeV").startswith("no flux limit")
    dark = [d.fill(exposure=0*d.arrays.exposure) for d in empty_field]
    limits = compute_upper_limits(dark, [2, 3])
    assert limits.status == ["no exposure: the model predicts no counts between these energies"]*2 and np.isnan(limits.flux_ul).all()
    assert compute_upper_limits(example_datasets()).status[0].startswith("detected with 23.3 sigma")
    table = limits.to_table()
    assert table["status"].tolist() == limits.status and table.meta["n_sigma_ul"] == 2


@pytest.mark.parametrize("options, match", [({"confidence_level": .4}, "confidence_level"), ({"energy_max": "10 GeV"}, "energy_max"),
                                            ({"energy_min": 1}, "energy_min"), ({"spectral_model": []}, "spectral_model"),
                                            ({"spectral_model": None}, "no models"), ({"n_sigma_ul": -1}, "n_sigma_ul")])
def test_bad_arguments_of_limits_are_named(empty_field, options, match):
    with pytest.raises((TypeError, ValueError), match=match):
        compute_upper_limits(empty_field, **{"spectral_model": 2} | options)


def test_detection_time_scales_with_the_flux(empty_field):
    "In five standard deviations of expected counts; a brighter source takes less time."
    faint, bright = (PowerLawSpectralModel(index=2.3, amplitude=a*u.Unit("cm-2 s-1 TeV-1")) for a in (4e-13, 4e-12))
    hours = detection_time(empty_field, faint)
    factor = (hours/u.Quantity(3000, "s")).to_value("")
    stat = 0
    for d in empty_field:
        a, k = d.arrays, d.arrays.mask & (d.arrays.alpha > 0)
        s = d.fill(models=[SkyModel(faint)]).signal_counts()[k]
        stat += wstat(factor*(a.n_bkg[k] + s), factor*a.n_off[k], a.alpha[k], 0).sum()
    assert_allclose(np.sqrt(stat), 5, rtol=1e-6)
    assert detection_time(empty_field, bright) < hours/10
    with pytest.raises(TypeError, match="spectral_model"):
        detection_time(empty_field, 2)


# nested models and limits of parameters

def test_nested_models_are_compared_by_fits_of_both():
    datasets = example_datasets()
    shape = datasets.models[0].spectral_model
    result = select_nested_models(datasets, [shape.lambda_], [0])
    assert shape.lambda_.frozen and shape.lambda_.value == 0, "TS 0.8 does not need the cut-off"
    assert not result["fit_results"].models.parameters["lambda_"].frozen
    alone = example_datasets()
    alone.models[0].spectral_model.lambda_.value, alone.models[0].spectral_model.lambda_.frozen = 0, True
    assert_allclose(result["fit_results_null"].total_stat, Fit().run(alone).total_stat, rtol=1e-9)
    assert_allclose(result["fit_results"].total_stat, Fit().run(example_datasets()).total_stat, rtol=1e-9)
    kept = select_nested_models(datasets, [shape.lambda_], [0], n_sigma=.5)
    assert not shape.lambda_.frozen and shape.lambda_.error > 0 and kept["ts"] > .25
    assert_allclose(NestedModelSelection([shape.lambda_], [0]).ts(datasets), kept["ts"], rtol=1e-6)


def test_null_hypothesis_without_free_parameters_is_not_fitted():
    datasets = example_datasets()
    shape = datasets.models[0].spectral_model
    shape.index.frozen = shape.lambda_.frozen = True
    result = select_nested_models(datasets, [shape.amplitude], [0])
    assert result["fit_results_null"].nfev == 0 and result["ts"] > 400 and shape.amplitude.error > 0


def test_null_hypothesis_may_link_two_parameters():
    datasets = example_datasets()
    one, two = (SkyModel(PowerLawSpectralModel(index=2.5, amplitude="3e-11 cm-2 s-1 TeV-1"), name=n, datasets_names=[d])
                for n, d in (("a", "run 1"), ("b", "run 2")))
    datasets.models = [one, two]
    test = NestedModelSelection([one.spectral_model.index], [two.spectral_model.index], n_sigma=99)
    result = test.run(datasets)
    assert one.spectral_model.index is two.spectral_model.index and 0 < result["ts"] < 9
    assert result["fit_results"].models[0].parameters["index"].value != result["fit_results"].models[1].parameters["index"].value


def test_sensitivity_of_a_parameter_reaches_its_significance():
    datasets = example_datasets()
    amplitude = datasets.models[0].spectral_model.amplitude
    before = amplitude.value
    estimator = ParameterSensitivityEstimator(amplitude, 0, n_sigma=4, rtol=1e-4)
    needed = estimator.run(datasets)
    assert amplitude.value == before
    amplitude.value = needed
    assert_allclose(estimator.test.ts_asimov(datasets), 16, rtol=1e-3)
    amplitude.max = needed/2
    amplitude.value = needed/4
    assert np.isnan(estimator.run(datasets)), "the limit of the parameter is reached first"


def test_sensitivity_of_a_dataset_that_has_only_a_background():
    "Without counts; at 4.600e-12 the peer's own test statistic is 5.001 squared."
    axis, true = (MapAxis.from_energy_bounds(1, 10, n, unit="TeV", name=name) for n, name in ((4, "energy"), (20, "energy_true")))
    background = RegionNDMap.create("icrs;circle(0, 0, 0.1)", axes=[axis])
    background.data = np.array([3.6e6, 3600, 3600, 3.6]).reshape(background.data.shape)
    exposure = RegionNDMap.create("icrs;circle(0, 0, 0.1)", axes=[true], data=1e6*np.ones((20, 1, 1)), unit="m2 h")
    dataset = SpectrumDataset(background=background, exposure=exposure, edisp=EDispKernel.from_diagonal_response(true, axis), name="test")
    assert not dataset.counts.data.any()
    model = SkyModel(PowerLawSpectralModel(index=2), name="source")
    dataset.models = [model]
    assert_allclose(ParameterSensitivityEstimator(model.spectral_model.amplitude, 0, rtol=1e-4).run(dataset), 4.599e-12, rtol=1e-3)
    table = SensitivityEstimator(gamma_min=25, bkg_syst_fraction=.075).run(dataset)
    assert table["criterion"].tolist() == ["bkg", "significance", "significance", "gamma"]


def test_everything_about_one_parameter():
    datasets = example_datasets()
    found = ParameterEstimator(selection_optional="all").run(datasets, "amplitude")
    assert datasets.models[0].spectral_model.amplitude.value == 1e-12
    Fit().run(datasets)
    ends = Fit().confidence(datasets, "amplitude", 2)
    assert_allclose(found["amplitude_ul"], datasets.models[0].spectral_model.amplitude.value + ends["errp"], rtol=1e-4)
    assert len(found["amplitude_scan"]) == len(found["stat_scan"]) and found["counts"].tolist() == [d.arrays.n_on[d.arrays.mask].sum() for d in datasets]
    dark = [d.fill(mask_safe=np.zeros(d.arrays.n_reco, bool)) for d in example_datasets()]
    nothing = ParameterEstimator(selection_optional="all").run(dark, "amplitude")
    assert all(np.isnan(nothing[n]) for n in ("amplitude", "amplitude_ul", "ts")) and not nothing["success"]


# profiles

def test_profile_of_a_point_is_its_point_spread_function():
    "Simulated runs; the norm of a region and band is that of a flux point of its datasets."
    runs, center = DataStore.from_dir(demo_dir()).get_observations(), SkyCoord(83.63, 22.01, unit="deg")
    rings = make_concentric_annulus_sky_regions(center, "0.2 deg", nbin=5)
    axis, true = (MapAxis.from_energy_bounds(a, b, n, unit="TeV", name=name) for a, b, n, name in
                  [(.5, 30, 12, "energy"), (.2, 60, 24, "energy_true")])
    spectra = make_profile_datasets(list(runs)[:2], rings, axis, true)
    profile = FluxProfileEstimator(rings, PowerLawSpectralModel(index=2.5), energy_edges=[1, 20]*u.TeV, selection_optional="ul").run(spectra)
    expected = np.diff([runs[0].psf.containment_value(r, np.array([1.5]), .5)[0] for r in (1e-5, .05, .1, .15, .2)])
    flux, error = profile.flux.value[:, 0], profile.flux_err.value[:, 0]
    assert np.all(np.abs(flux/flux.sum() - expected/expected.sum()) < 3*error/flux.sum())
    model = SkyModel(PowerLawSpectralModel(index=2.5), name="source")
    points = FluxPointsEstimator([1, 20]*u.TeV, "source", selection_optional="ul").run(Datasets([d.fill(models=[model]) for d in spectra[1]]))
    assert_allclose(profile.norm[1], points.norm)
    table = profile.to_table(sed_type="flux")
    assert_allclose(table["x_ref"], [.025, .075, .125, .175], atol=1e-4)
    assert_allclose(table["flux_ul"].ravel(), profile.flux_ul.value.ravel())
    assert_allclose(profile.solid_angle.to_value("deg2"), np.pi*np.diff([0, .0025, .01, .0225, .04]), rtol=.02)
    assert profile.plot(plt.figure().add_subplot()).get_xlabel() == "projected distance [deg]"
    part = profile.slice_by_idx({"projected-distance": slice(1, 3)})
    assert_allclose(part.norm, profile.norm[1:3])


def test_boxes_along_a_line_touch_and_have_the_wanted_size():
    start, end = SkyCoord("0d", "0d", frame="galactic"), SkyCoord("2d", "0d", frame="galactic")
    wcs = RegionGeom.create(CircleSkyRegion(start, 3*u.deg)).wcs
    boxes = make_orthogonal_rectangle_sky_regions(start, end, wcs, "0.5 deg", nbin=4)
    assert_allclose([b.center.galactic.l.deg for b in boxes], [.25, .75, 1.25, 1.75], atol=1e-3)
    assert_allclose([b.width.to_value("deg") for b in boxes], .5, rtol=1e-6)
    with pytest.raises(ValueError, match="at least two"):
        FluxProfileEstimator(boxes[:1])
    with pytest.raises(ValueError, match="4 regions"):
        FluxProfileEstimator(boxes).run([])
