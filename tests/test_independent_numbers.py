"Numbers of the study of sparse counts, of papers, and of programs written from the formulas alone, through the functions that users call."
import numpy as np
import pytest
from numpy.testing import assert_allclose as close
from scipy.optimize import brentq
from scipy.stats import poisson
import astropy.units as u
from specnb import (Datasets, ExpCutoffPowerLawSpectralModel, Fit, FluxPointsDataset, FluxPointsEstimator, LogParabolaSpectralModel, MapAxis,
                    PowerLawSpectralModel, RegionGeom, RegionNDMap, SkyModel, SpecnbWarning, SpectrumDataset, SpectrumDatasetOnOff, compare, fit_weak_source, goodness_of_fit, intervals,
                    likelihood_ratio, run_influence, statistic_bias_table, unfold)
from specnb.detection import line_search as line_search_module
from specnb.fit import goodness
from specnb.makers.arrays import SpectrumArrays
from specnb.models.integrals import EnergyNodes
from specnb.simulate.example import example_datasets

SHAPE = np.array([4, 3, 2.2, 1.6, 1.2, .9, .7, .4])
ONE = [[7, 4, 3, 2, 0, 1, 1, 0]], [[9, 4, 1, 1, 0, 1, 0, 0]], [.5], [1.]
TWO = [[4, 2, 1, 1, 0, 1, 0, 0], [3, 2, 2, 1, 0, 0, 1, 0]], [[3, 1, 1, 0, 0, 0, 0, 0], [4, 4, 1, 2, 0, 1, 0, 0]], [.5, .25], [.4, .6]


def norm_fit(n_on, n_off, alpha, share, statistic="dwstat"):
    "Runs in which an amplitude of 1e-12 puts share * SHAPE signal counts into eight bins that mix nothing."
    edges = np.geomspace(1, 100, 9)
    model = PowerLawSpectralModel(index=2.5, amplitude="1e-12 cm-2 s-1 TeV-1")
    model.index.frozen = True
    flux, datasets = model.bin_flux(EnergyNodes(edges), model.parameters.internal_values), Datasets()
    geom = RegionGeom.create(None, axes=[MapAxis.from_energy_edges(edges, "TeV", name="energy")])
    for k, (on, off, a, t) in enumerate(zip(n_on, n_off, alpha, share)):
        arrays = SpectrumArrays(edges, edges, n_on=np.array(on, float), n_off=np.array(off, float), acceptance=np.full(8, a*t), acceptance_off=np.full(8, t),
                                exposure=t*SHAPE/flux/1e4, edisp=np.eye(8), livetime=1.)
        datasets.append(SpectrumDatasetOnOff.from_arrays(arrays, geom, name=f"run {k}"))
    datasets.models = [SkyModel(model, name="source")]
    datasets.statistic = statistic
    return datasets


@pytest.mark.parametrize("runs, norm, error, ts", [(ONE, .7181778461, .3151540079, 5.99877993), (TWO, .8333655350, .3091606866, 9.80481690)])
def test_decoupled_norm_fits_of_the_study(runs, norm, error, ts):
    datasets = norm_fit(*runs)
    Fit().run(datasets)
    amplitude = datasets.parameters["amplitude"]
    close([amplitude.value/1e-12, amplitude.error/1e-12], [norm, error], atol=2e-6)
    counts = [[np.array([x], float) for x in side] for side in runs[:2]]
    close(likelihood_ratio(datasets, *counts, {amplitude: 0}).ts, ts, atol=1e-6)


def test_ends_and_limits_of_the_decoupled_norm_fit_are_those_of_the_study():
    "Both terms of the likelihood ratio have the weights of the hypothesis, for a model with one parameter as well."
    datasets = norm_fit(*ONE)
    Fit().run(datasets)
    amplitude = datasets.parameters["amplitude"]
    for sigma, up in ((1, 1.0560817), (np.sqrt(2.705543), 1.297881), (2, 1.439652)):
        found = Fit().confidence(datasets, amplitude, sigma=sigma)
        close((amplitude.value + found["errp"])/1e-12, up, atol=1.5e-6)
    close((amplitude.value - Fit().confidence(datasets, amplitude)["errn"])/1e-12, .4181854, atol=1e-6)
    one = Fit().intervals(datasets, "amplitude", confidence_level=.95, side="upper")
    close(one.upper/1e-12, 1.297881, atol=1.5e-6)


# What users may pass

def pair(**changes):
    datasets = Datasets([d.fill(**changes) for d in example_datasets()])
    datasets.models = [SkyModel(PowerLawSpectralModel(index=2.3, amplitude="3e-11 cm-2 s-1 TeV-1"), name="source")]
    return datasets


def test_goodness_of_datasets_without_models_is_refused():
    bare = Datasets([d.fill() for d in example_datasets()])
    for d in bare:
        d.models = None
    with pytest.raises(ValueError, match="no models"):
        goodness_of_fit(bare, n_toys=0)


def test_few_toys_do_not_say_that_counts_scatter_too_little():
    datasets = pair()
    Fit().run(datasets)
    assert "scatter less" not in goodness_of_fit(datasets, n_toys=1).verdict


def test_goodness_where_no_toy_converges_keeps_the_expectation(monkeypatch):
    datasets = pair()
    Fit().run(datasets)
    real = goodness.fit_many
    def failing(*args, **options):
        many = real(*args, **options)
        many.success[:] = False
        return many
    monkeypatch.setattr(goodness, "fit_many", failing)
    found = goodness_of_fit(datasets, n_toys=3)
    assert "none of 3 fits" in found.status and found.p_value > 0 and np.isnan(found.toy_p_value) and found.n_failed == 3
    assert found.verdict


@pytest.mark.parametrize("statistic", ["grouped", "dwstat"])
def test_influence_of_runs_whose_bins_are_grouped(statistic):
    datasets = pair()
    datasets.statistic = statistic
    Fit().run(datasets)
    found = run_influence(datasets)
    alone = Datasets([datasets[1]])
    Fit().run(alone)
    close(found.shifts[0], [(p.value - v)/p.error for p, v in zip(datasets.parameters.free_parameters, found.values[0])], atol=3)
    assert np.isfinite(found.values).all()


def test_influence_of_grouped_runs_is_a_fit_of_the_others():
    datasets = pair()
    for d in datasets: # groups that are in the data, so that they stay when a run is left out
        marks = np.where(np.arange(22) % 2, -1, 1)
        d.arrays = d.arrays.replace(grouping=marks)
    Fit().run(datasets)
    values = run_influence(datasets).values[0]
    other = Datasets([datasets[1].fill()])
    other.models = datasets.models.copy()
    Fit().run(other)
    close(values, [p.value for p in other.parameters.free_parameters], rtol=1e-4)


def test_bootstrap_says_what_it_cannot_simulate_and_where_it_ends():
    datasets = pair()
    Fit().run(datasets)
    points = FluxPointsDataset(data=FluxPointsEstimator(np.geomspace(.7, 20, 6)*u.TeV, snap=True).run(datasets), models=datasets.models.copy(), name="points")
    with pytest.raises(TypeError, match="'points'.*FluxPointsDataset"):
        intervals(points, "amplitude", method="bootstrap", n_toys=50)
    empty = pair(n_on=np.zeros(22))
    Fit().run(empty) # a negative amplitude, which no simulated counts have
    found = intervals(empty, "amplitude", method="bootstrap", n_toys=50)
    assert not found.success and "outside" in found.status


def test_bias_table_has_a_row_for_a_run_without_bins():
    datasets = pair()
    datasets[0].mask_fit = RegionNDMap(datasets[0].geom, np.zeros(22, bool))
    found = statistic_bias_table(datasets)
    assert list(found["dataset"]) == ["run 1", "run 2", "joint"] and found["level"][0] == "no bins" and np.isfinite(found["index_sigma"][1:]).all()


@pytest.mark.parametrize("amplitude", [0, -2e-12])
def test_unfolding_with_a_reference_that_is_not_positive(amplitude):
    datasets = pair()
    datasets.parameters["amplitude"].value = amplitude
    with pytest.warns(SpecnbWarning, match="not positive"):
        found = unfold(datasets, np.geomspace(.7, 20, 6)*u.TeV)
    close(found.norm, unfold(pair(), np.geomspace(.7, 20, 6)*u.TeV).norm, rtol=.02)


def test_models_are_not_compared_on_flux_points_and_expected_counts_are_not_negative():
    datasets = pair()
    Fit().run(datasets)
    points = FluxPointsDataset(data=FluxPointsEstimator(np.geomspace(.7, 20, 6)*u.TeV, snap=True).run(datasets), models=datasets.models.copy(), name="points")
    with pytest.raises(TypeError, match="'points'.*FluxPointsDataset"):
        compare(points, [PowerLawSpectralModel(), LogParabolaSpectralModel()], n_toys=0)
    empty = pair(n_on=np.zeros(22))
    empty.parameters["amplitude"].value = -1e-11
    assert min(on.min() for on in line_search_module._expected_counts(empty)[0]) == 0


def test_information_criteria_and_likelihood_ratio_of_an_independent_folding():
    "Quadrature over each bin, W from its own formula, Minuit without derivatives: 31.0025989, 30.1818149, 30.6697537 for 37 bins."
    models = {"pl": PowerLawSpectralModel(index=2.3, amplitude="3e-11 cm-2 s-1 TeV-1"),
              "ecpl": ExpCutoffPowerLawSpectralModel(index=2.2, amplitude="4e-11 cm-2 s-1 TeV-1", lambda_=".1 TeV-1"),
              "lp": LogParabolaSpectralModel(alpha=2.2, amplitude="4e-11 cm-2 s-1 TeV-1", reference="1 TeV", beta=.1)}
    table = compare(example_datasets(), models, n_toys=0).to_table()
    close(table["stat"], [31.0025989, 30.1818149, 30.6697537], atol=2e-6)
    close(table["aic"], [35.0025989, 36.1818149, 36.6697537], atol=2e-6)
    close(table["aicc"], [35.3555401, 36.9090877, 37.3970264], atol=2e-6)
    close(table["bic"], [38.2244348, 41.0145687, 41.5025074], atol=2e-6)


# Counting experiments: one bin, known background

def counting(n, background):
    "Counts in one bin, in which an amplitude of 1e-12 puts one count."
    edges = np.array([1., 10])
    model = PowerLawSpectralModel(index=2, amplitude="1e-12 cm-2 s-1 TeV-1")
    model.index.frozen = True
    flux = model.bin_flux(EnergyNodes(edges), model.parameters.internal_values)
    arrays = SpectrumArrays(edges, edges, n_on=np.array([float(n)]), background=np.array([float(background)]), exposure=1/flux/1e4, edisp=np.eye(1))
    geom = RegionGeom.create(None, axes=[MapAxis.from_energy_edges(edges, "TeV", name="energy")])
    datasets = Datasets([SpectrumDataset.from_arrays(arrays, geom, name="one")])
    datasets.models = [SkyModel(model, name="source")]
    model.amplitude.value = max(n - background, .1)*1e-12
    Fit().run(datasets)
    return datasets


@pytest.mark.parametrize("n, background, lower, upper", [(0, 0, 0, 2.44), (1, 0, .11, 4.36), (3, 0, 1.10, 7.42), (1, 3, 0, 1.88), (3, 3, 0, 4.42), (7, 3, .89, 9.53)])
def test_intervals_of_feldman_and_cousins_1998(n, background, lower, upper):
    "Table IV, 90 %, by toys: within three of the errors that are told and 2 % of the distance from the best value."
    found = intervals(counting(n, background), "amplitude", method="feldman-cousins", confidence_level=.9, n_toys=1500, random_state=1)
    for end, error, true in ((found.lower, found.error_lower, lower), (found.upper, found.error_upper, upper)):
        assert abs(end/1e-12 - true) < 3*error/1e-12 + .02*abs(true - max(n - background, 0)) + .01, (found, true)
    assert 0 < found.error_upper < .3*found.upper


@pytest.mark.parametrize("n, background", [(0, 0), (0, 3), (1, 3), (3, 0), (7, 3)])
def test_cls_limits_of_a_counting_experiment(n, background):
    "P(n or fewer | s + b) / P(n or fewer | b) = 0.05, exactly."
    exact = brentq(lambda s: poisson.cdf(n, s + background)/poisson.cdf(n, background) - .05, .1, 40)
    found = intervals(counting(n, background), "amplitude", method="cls", confidence_level=.95, n_toys=1500, random_state=1)
    assert abs(found.upper/1e-12 - exact) < 3.5*found.error_upper/1e-12


@pytest.mark.parametrize("n, lower, upper", [(1, .10570930, 3.64655447), (3, .97212614, 6.81377278)])
def test_profile_stops_at_the_wall_of_no_counts_and_not_on_it(n, lower, upper):
    "With counts and no background a flux of zero has an infinite statistic; 90 %."
    found = intervals(counting(n, 0), "amplitude", confidence_level=.9, bounds=(0, None))
    close([found.lower/1e-12, found.upper/1e-12], [lower, upper], rtol=1e-6)


def test_limit_that_is_asked_for_beside_a_signal_and_of_flux_points():
    datasets = pair()
    found = fit_weak_source(datasets, n_toys=0)
    assert found.message.startswith("an upper limit was asked for although there is a signal") and "no significant signal" not in found.message
    assert fit_weak_source(pair(n_on=np.zeros(22)), n_toys=0).message.startswith("no significant signal: -5.7 sigma, below the threshold of 3 sigma")
    Fit().run(datasets)
    points = FluxPointsDataset(data=FluxPointsEstimator(np.geomspace(.7, 20, 6)*u.TeV, snap=True).run(datasets), models=datasets.models.copy(), name="points")
    with pytest.raises(TypeError, match="'points'.*FluxPointsDataset"):
        fit_weak_source(points)
