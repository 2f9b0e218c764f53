"""Sparse OFF counts: what W is expected to do to a fit, against numbers of an independent toy study and enumeration."""
import pickle
import numpy as np
import pytest
from specnb import (Datasets, Fit, GaussianPrior, NuisanceModel, SpecnbWarning, fit_many, statistic_bias, statistic_bias_table, weak_source,
                    wstat_expected_fit, wstat_score_mean, wstat_shift)
from specnb.stats.bias import ExpectedWStatTerm, StatisticBias, wstat_information
from specnb.stats.stats import WStatTerm

F, B = np.array([4, 3, 2.2, 1.6, 1.2, .9, .7, .4]), np.array([6, 4, 2, 1, .5, .25, .12, .06])


class Norm:
    "A known shape times a norm."
    has_bends = is_normed = False

    def __init__(self, shape): self.shape, self.n_bins = shape, len(shape)
    def predict(self, theta): return theta[..., :1]*self.shape
    def gradient(self, theta): return self.predict(theta), np.broadcast_to(self.shape, (*theta.shape, self.n_bins))


@pytest.mark.parametrize("s, b, a, score, mean", [
    (.1, .2, 1, -.52995368064, .6557291375), (.5, .5, 1, -.0085619893, 1.1519079903), (1, 1, 1, .0264257031, 1.2029646358),
    (2, 5, 1, .00223108433, 1.0560495682), (.5, .5, 1/3, .0267716235, 1.0974358803)])
def test_mean_of_w_and_of_its_score_by_enumeration(s, b, a, score, mean):
    assert wstat_score_mean(s, b, a) == pytest.approx(score, abs=2e-10)
    assert ExpectedWStatTerm([s], [b], [a]).value(np.array([s])) == pytest.approx(mean, abs=1e-9)


def test_mean_score_is_the_derivative_of_the_engine_summed_over_all_counts():
    n = np.arange(40.)
    def poisson(mean): return np.exp(n*np.log(mean) - mean - np.cumsum(np.log(np.maximum(n, 1))))
    for s, b, a in ((.3, 2., .2), (5., .4, .7), (1e-6, .3, 1.)):
        slope = WStatTerm(np.repeat(n, 40), np.tile(n, 40), np.full(1600, a)).terms(np.full(1600, s))[1]
        assert wstat_score_mean(s, b, a) == pytest.approx(-.5*np.outer(poisson(s + a*b), poisson(b)).ravel() @ slope, abs=1e-10)


def test_without_signal_the_mean_score_is_that_of_empty_bins():
    np.testing.assert_allclose(wstat_score_mean(0, B, .5), np.where(B < 8, -np.exp(-1.5*B), 0), rtol=1e-9)


def test_norm_fit_score_information_and_roots():
    assert F @ wstat_score_mean(F, B, 1.) == pytest.approx(-.1951092726, abs=1e-9)
    assert wstat_information(F, F[None], B, 1.)[0, 0] == pytest.approx(5.3720238771, abs=1e-9)
    for scale, alpha, root in ((1, 1, .95902874), (1, .5, .99945378), (.25, .5, .83363826)):
        assert wstat_expected_fit(Norm(scale*F), [1.], scale*B, alpha) == pytest.approx(root, abs=1e-8)


CASES = [(30, 30, 1, 27, 1, -25.3, .52), (100, 300, 1/12, 27, 20, -7.7, .24), (100, 100, 1, 60, 4, -68.9, 1.50), (30, 30, 1/12, 27, 1, 0, 0)]


@pytest.mark.parametrize("case", CASES)
def test_expected_fits_of_the_toy_grid(case):
    "To the digits of the study, whose toys give -28.2, .54; -8.3, .24; -69.8, 1.51; -2.7, .01."
    *numbers, amplitude, index = case
    w = weak_source(*numbers)
    likelihood = w.datasets.likelihood()
    (fold, _), = likelihood.pairs
    off, alpha = w.off.ravel(), np.tile(w.alpha, numbers[4])
    shift = wstat_expected_fit(fold, likelihood.start, off, alpha, [0, 1e-18], [6, 3e-11]) - likelihood.start
    assert [p.name for p in likelihood.parameters] == ["index", "amplitude"]
    assert shift[1]/1e-12 == pytest.approx(amplitude/100, abs=.0006) and shift[0] == pytest.approx(index, abs=.006)
    first, error = wstat_shift(*(x for x in fold.gradient(likelihood.start)), off, alpha)
    exact, _ = wstat_shift(*(x for x in fold.gradient(likelihood.start)), off, alpha, rare=1e-16)
    np.testing.assert_allclose(first/error, exact/error, atol=3e-3)
    assert (np.abs(first/error).max() > .25) == (amplitude != 0)


def test_sentence_of_a_biased_fit():
    bias = StatisticBias(["index", "amplitude"], np.array([2.5, 1e-12]), np.array([.1, -4e-13]), np.array([.4, 1e-12]),
                         27, .4, 1., np.array([2.6, 6e-13]), "statistic='dwstat' removes it")
    assert bias.level == "warning" and bias.largest == pytest.approx(.4)
    assert bias.text() == ("the statistic is expected to shift the amplitude by -0.4 sigma (expected index 2.6 instead of 2.5, amplitude 6e-13 instead of "
                           "1e-12): 27 bins with 0.4 OFF counts each at alpha = 1; statistic='dwstat' removes it")
    assert bias.to_dict()["shift_sigma"] == pytest.approx({"index": .25, "amplitude": -.4})


def test_counts_of_a_weak_source_have_the_expected_means():
    w = weak_source(100, 300, 1/3, n_runs=4, background="hump")
    n_on, n_off = w.sample(500, random_state=1)
    assert np.sum(n_on, (0, 2)).mean() == pytest.approx(200, abs=3.5*np.sqrt(200/500))
    assert np.sum(n_off, (0, 2)).mean() == pytest.approx(300, abs=3.5*np.sqrt(300/500))
    assert len(w.with_known_background()) == 4 and not w.with_known_background()[0].arrays.is_on_off


def test_every_fit_says_what_its_statistic_does_to_it():
    "Thirty counts over thirty: W is expected to give index 3.02 and 0.75 of the flux; a warning, which the decoupled statistic does not need."
    w = weak_source(30, 30, alpha=1)
    w.datasets.statistic = "wstat"
    with pytest.warns(SpecnbWarning, match="shift the index by .* instead of 2.5.* 26 bins with 0.93 OFF counts each at alpha = 1; Datasets.statistic"):
        result = Fit().run(w.datasets)
    assert result.bias.level == "warning"
    np.testing.assert_allclose(result.bias.expected/[2.5, 1e-12], [3.02/2.5, .7473], atol=.01) # off the true background by its smooth estimate
    again = pickle.loads(pickle.dumps(result.bias))
    np.testing.assert_array_equal(again.expected, result.bias.expected)
    w.datasets.statistic = "dwstat"
    assert Fit().run(w.datasets).bias.level == "none"
    assert Fit().run(w.with_known_background()).bias.largest == 0


def test_bias_of_a_fit_from_smooth_counts_is_that_of_the_truth():
    w = weak_source(100, 300, 1/12, n_runs=20)
    likelihood = w.datasets.likelihood()
    (fold, _), = likelihood.pairs
    shift, error = wstat_shift(*fold.gradient(likelihood.start), w.off.ravel(), np.tile(w.alpha, 20))
    np.testing.assert_allclose(statistic_bias(w.datasets).sigma, shift/error, atol=.03)
    table = statistic_bias_table(w.datasets)
    assert len(table) == 21 and table["index_sigma"][-1] > 2*table["index_sigma"][0] and table["sparse_bins"][-1] == 540


def test_bias_of_well_filled_runs_is_none_and_of_grouped_bins_small():
    assert statistic_bias(weak_source(300, 3000, 1/3, background="hump").datasets).level == "none"
    w = weak_source(30, 30, alpha=1)
    before = statistic_bias(w.datasets).largest
    w.datasets.statistic = "grouped"
    assert statistic_bias(w.datasets).largest < before/3


def test_bias_of_a_mixed_likelihood_counts_the_information_of_the_rest():
    "A dataset with a known background determines the parameters too: the shift in units of the error is smaller."
    w, other = weak_source(30, 30, alpha=1), weak_source(300, 30, alpha=1).with_known_background()
    other[0].models, alone = w.datasets.models, statistic_bias(w.datasets)
    both = Datasets([w.datasets[0], other[0].copy(name="known")])
    both.models = w.datasets.models
    joint = statistic_bias(both)
    assert np.all(np.abs(joint.sigma) < np.abs(alone.sigma)) and np.all(np.isfinite(joint.expected))
    np.testing.assert_allclose((joint.expected - joint.values)/joint.shift, 1, atol=.5)


def test_bias_with_a_free_norm_of_the_background_and_without_determined_parameters():
    w = weak_source(30, 30, alpha=1)
    free = statistic_bias(w.datasets)
    w.datasets.models = [*w.datasets.models, NuisanceModel(name="off", background_norm=GaussianPrior(1, .1))]
    normed = statistic_bias(w.datasets)
    assert normed.names == ["index", "amplitude", "background_norm"] and np.all(np.isfinite(normed.sigma))
    np.testing.assert_allclose(normed.sigma[:2], free.sigma[:2], atol=.15)
    assert np.isnan(normed.expected).all() and "expected index" not in normed.text()   # no search with norms
    lost = weak_source(30, 30, alpha=1)
    lost.model.amplitude.min = lost.model.amplitude.value = 0
    bias = statistic_bias(lost.datasets)                                              # without a signal the index is anything
    assert bias.level == "unknown" and "not known" in bias.text() and np.isnan(bias.sigma).all()


def test_auto_leaves_w_where_the_expected_shift_is_above_a_tenth_and_nowhere_else():
    for numbers, wanted in (((30, 30, 1), "dwstat"), ((300, 1000, 1/12), "wstat")):
        w, found = weak_source(*numbers), {}
        shift = statistic_bias(w.datasets).largest
        for name in ("wstat", "dwstat", "auto"):
            w.datasets.statistic = name
            found[name] = fit_many(w.datasets, *w.sample(5, random_state=1), errors="none").values
        assert (shift > .1) == (wanted == "dwstat")
        np.testing.assert_array_equal(found["auto"], found[wanted])
        assert not np.array_equal(found["wstat"], found["dwstat"])
