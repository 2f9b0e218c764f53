"""Comparison of models: probabilities, nested models, toys, words."""
import astropy.units as u
import numpy as np
import pytest
from scipy import stats
from specnb import (BrokenPowerLawSpectralModel, Datasets, EBLAbsorptionNormSpectralModel, ExpCutoffPowerLawSpectralModel, GaussianSpectralModel,
                    LogParabolaSpectralModel, PowerLawSpectralModel, SkyModel, SmoothBrokenPowerLawSpectralModel, compare, count_upcrossings,
                    information_criteria, line_search, pvalue_to_sigma, toy_pvalue, upcrossing_pvalue, wilks_pvalue)
from specnb.detection.line_search import energy_resolution
from specnb.detection.model_pairs import Candidate, measured_counts, named_models, pair_of, pair_ratios
from specnb.detection.nesting import nesting_of
from specnb.fit.many_fits import likelihood_ratio, sample_counts
from specnb.simulate.example import example_datasets


def simulated(model, seed=0):
    "The example datasets with counts of a model."
    datasets = example_datasets()
    datasets.models = [SkyModel(model, name="source")]
    rng = np.random.default_rng(seed)
    filled = Datasets([d.fill(n_on=rng.poisson(np.nan_to_num(d.npred().data.ravel()))) for d in datasets])
    filled.models = None
    return filled


@pytest.fixture(scope="module")
def power_law_data():
    return simulated(PowerLawSpectralModel(index=2.4, amplitude="4e-10 cm-2 s-1 TeV-1"))


def toys_of(datasets, simple, larger, n_toys=300):
    "Likelihood ratios of toys of the simpler model."
    one, two = (Candidate(n, s, datasets) for n, s in named_models({"simple": simple, "larger": larger}).items())
    counts = sample_counts(one.datasets, n_toys, np.random.default_rng(1))
    return pair_ratios(pair_of(one, two), counts, one.many(counts).values)[0]


def test_probabilities_of_wilks_and_chernoff():
    np.testing.assert_allclose(wilks_pvalue(9), 2*stats.norm.sf(3))
    np.testing.assert_allclose(wilks_pvalue(9, at_limit=True), stats.norm.sf(3))
    np.testing.assert_allclose(wilks_pvalue(5, 2, True), (stats.chi2.sf(5, 1) + stats.chi2.sf(5, 2))/2)
    np.testing.assert_allclose(pvalue_to_sigma(2*stats.norm.sf([1, 5])), [1, 5])


def test_a_p_value_beyond_all_toys_is_a_tail_with_a_bound():
    p = toy_pvalue(16, np.random.default_rng(0).chisquare(1, 2000))
    assert p.n_above < 10 and p.bound < .01
    assert abs(np.log(p.best/wilks_pvalue(16))) < 3.5*p.log_p_tail_err
    assert toy_pvalue(16, np.arange(5.)).p_value == 1/6 # too few for a tail
    assert "reach it" in str(p)


def test_likelihood_ratio_of_a_cut_off_follows_chi2_with_many_counts(power_law_data):
    ts = toys_of(power_law_data, PowerLawSpectralModel(), ExpCutoffPowerLawSpectralModel())
    assert np.isfinite(ts).all() and stats.kstest(ts, stats.chi2(1).cdf).pvalue > .01


def test_a_cut_off_that_cannot_be_negative_follows_chernoff(power_law_data):
    larger = ExpCutoffPowerLawSpectralModel()
    larger.lambda_.min = 0
    ts = toys_of(power_law_data, PowerLawSpectralModel(), larger)
    assert abs(np.mean(ts < 1e-8) - .5) < 3.5*.5/np.sqrt(len(ts))
    assert stats.kstest(ts[ts > 1e-8], stats.chi2(1).cdf).pvalue > .01


def test_a_true_cut_off_is_preferred_and_no_cut_off_where_there_is_none(power_law_data):
    models = {"power law": PowerLawSpectralModel(), "cut-off": ExpCutoffPowerLawSpectralModel()}
    curved = simulated(ExpCutoffPowerLawSpectralModel(index=2, amplitude="4e-10 cm-2 s-1 TeV-1", lambda_="0.2 TeV-1"))
    found = compare(curved, models, n_toys=200)
    assert found.preferred == "cut-off" and found["cut-off", "power law"].sigma > 3
    assert "cut-off preferred over power law" in found.summary() and "sigma by toys" in repr(found)
    found = compare(power_law_data, models, n_toys=200)
    assert found.preferred == "power law" and "not needed" in found.summary()
    table = found.tests_table()
    assert table["nested"][0] and table["hypothesis"][0] == "lambda_ = 0" and 0 < table["p_toys"][0] < 1


def test_the_same_seed_gives_the_same_comparison(power_law_data):
    models = [PowerLawSpectralModel(), LogParabolaSpectralModel(reference="1 TeV")]
    assert repr(compare(power_law_data, models, 50, 3)) == repr(compare(power_law_data, models, 50, 3))
    assert models[0].index.value == 2 and power_law_data.models is None


def test_models_that_are_not_nested_are_tested_with_toys_of_both(power_law_data):
    found = compare(power_law_data, {"cut-off": ExpCutoffPowerLawSpectralModel(), "curved": LogParabolaSpectralModel(reference="1 TeV")}, 100)
    test, = found.tests
    assert not test.nested and test.toys.n_toys > 95 and test.toys_alternative.n_toys > 95
    assert "cannot be told apart" in str(test) and found.preferred in found.names


def test_a_smooth_break_is_ranked_but_not_tested(power_law_data):
    found = compare(power_law_data, {"power law": PowerLawSpectralModel(), "smooth": SmoothBrokenPowerLawSpectralModel(index2=3)}, 50)
    assert "not tested" in str(found.tests[0]) and len(found.to_table()) == 2


def test_which_models_are_nested():
    pl, absorption = PowerLawSpectralModel(), EBLAbsorptionNormSpectralModel([.1, 1, 10]*u.TeV, [0, 1], np.array([[0, 0, 0], [0, 1, 9]]), redshift=.5)
    assert nesting_of(pl, pl*absorption) is None
    absorption.alpha_norm.frozen = False
    assert str(nesting_of(pl, pl*absorption)) == "alpha_norm = 0"
    assert nesting_of(pl, BrokenPowerLawSpectralModel()).scan[0].name == "ebreak"
    frozen = LogParabolaSpectralModel()
    frozen.beta.frozen = True
    assert nesting_of(pl, frozen) is None and str(nesting_of(frozen, LogParabolaSpectralModel())) == "beta = 1"
    assert nesting_of(ExpCutoffPowerLawSpectralModel(), pl) is None


def test_information_criteria():
    found = information_criteria([10., 8.], [2, 3], 20)
    np.testing.assert_allclose(found["aic"], [14, 14])
    np.testing.assert_allclose(found["bic"], [10 + 2*np.log(20), 8 + 3*np.log(20)])
    assert np.isinf(information_criteria(1., 3, 4)["aicc"])


@pytest.mark.parametrize("statistic", ["dwstat", "grouped"])
def test_the_comparison_follows_the_statistic_of_the_datasets(power_law_data, statistic):
    datasets = power_law_data.copy()
    datasets.statistic = statistic
    models = {"power law": PowerLawSpectralModel(), "cut-off": ExpCutoffPowerLawSpectralModel()}
    test, = compare(datasets, models, 50).tests
    assert test.toys.n_toys == 50 and np.isfinite(test.ts) and test.preferred == ""


# --- lines

def test_upcrossings_of_curves():
    assert count_upcrossings([[0, 1, 0, 2], [1, 1, 0, 0]], .5).tolist() == [2, 0]
    p, error = upcrossing_pvalue(9, np.array([[0, 1, 0, 2.], [1, 1, 0, 0]]), .5)
    np.testing.assert_allclose(p, stats.norm.sf(3) + np.exp(-4.25))
    assert error > 0


def test_limits_of_a_line_are_where_its_profile_has_risen(power_law_data):
    power_law_data = power_law_data.copy()
    power_law_data.models = [SkyModel(PowerLawSpectralModel(index=2.4, amplitude="4e-10 cm-2 s-1 TeV-1"), name="source")]
    found = line_search(power_law_data, [2, 5]*u.TeV, n_toys=0)
    line = GaussianSpectralModel(amplitude=found.flux_ul[1]*u.Unit("cm-2 s-1"), mean="5 TeV", sigma="0.25 TeV")
    datasets = power_law_data.copy()
    datasets.models = [*power_law_data.models, SkyModel(line, name="line")]
    line.mean.frozen = line.sigma.frozen = True
    line.sigma.value = 5*energy_resolution(datasets, [5.])[0]/3
    line.amplitude.min = 0
    counts = measured_counts(datasets)
    ts = likelihood_ratio(datasets, *counts, hypothesis={line.amplitude: found.flux_ul[1]}).ts
    np.testing.assert_allclose(ts, stats.norm.isf(.05)**2, rtol=.01)
    assert np.all(found.flux_ul >= found.flux) and np.isnan(found.p_value) and "no toys" in repr(found)


def test_a_line_is_found_and_its_p_value_counts_the_trials():
    datasets = simulated(PowerLawSpectralModel(index=2.4, amplitude="4e-11 cm-2 s-1 TeV-1"), 3)
    datasets.models = [SkyModel(PowerLawSpectralModel(index=2.4, amplitude="4e-11 cm-2 s-1 TeV-1"), name="source")]
    energies = np.geomspace(1, 10, 6)*u.TeV
    nothing = line_search(datasets, energies, n_toys=100)
    assert nothing.p_value > nothing.p_local and "no line" in repr(nothing)
    assert nothing.ts_toys.shape == (100, 6) and np.all(nothing.ts_toys >= 0)
    peak = int(np.argmax(datasets[0].arrays.e_reco_edges > 4)) - 1
    lit = Datasets([d.fill(n_on=d.arrays.n_on + 40*(np.arange(d.arrays.n_reco) == peak)) for d in datasets])
    lit.models = datasets.models
    found = line_search(lit, energies, n_toys=100)
    assert repr(found).startswith("a line") and abs(np.log(found.energy[found.best]/4)) < .3
