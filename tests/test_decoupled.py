"""The decoupled statistic, groups of bins and the choice among them, in single fits, profiles and toys."""
import numpy as np
import pytest
from specnb import (Datasets, Fit, SkyModel, compute_upper_limits, fit_each, fit_many, likelihood_ratio, norm_limits,
                    sample_counts)
from specnb.detection.limits import gather_counts
from specnb.simulate.weak_source import weak_source
from specnb.stats.decoupled import (DecoupledTerm, Smooth, common_groups, decoupled_stat, enough_degrees,
                                    fit_background)
from specnb.stats.likelihood import derivatives
from specnb.stats.minimize import minimize, reweighted, rises

SHAPE = np.array([4, 3, 2.2, 1.6, 1.2, .9, .7, .4])
EDGES = np.geomspace(1, 10, 9)


class Norm:
    """A shape times one parameter."""
    has_bends, is_normed = True, False

    def __init__(self, shape): self.shape, self.n_bins = shape, len(shape)
    def predict(self, theta): return theta*self.shape
    def gradient(self, theta): return theta*self.shape, np.broadcast_to(self.shape, (*theta.shape, self.n_bins))


@pytest.fixture(scope="module")
def norm_fit():
    term = DecoupledTerm([7, 4, 3, 2, 0, 1, 1, 0], [9, 4, 1, 1, 0, 1, 0, 0], np.full(8, .5),
                         Smooth(EDGES[:-1], EDGES[1:], np.zeros(8, int), [1.]))
    return [(Norm(SHAPE), term)]


def ratio(pairs, norm, best):
    """T of a given norm."""
    at = minimize(pairs, np.array([[norm]]), fixed=True)
    return rises(pairs, at, np.array([False]), best, scale=np.ones(1))[0][0]


def test_values_of_single_bins():
    counts = np.array([(0, 0, 1, .5, .3), (3, 1, .5, 2, 1.5), (2, 4, 1/3, 1, 3), (0, 3, 1, .2, .5), (7, 20, 1/12, 4, 15)]).T
    value, slope, _ = decoupled_stat(*counts)
    assert value == pytest.approx([.2726370357, -3.4069715446, -.2384631517, 1.1292862272, -10.3864629006], abs=1e-9)
    assert -slope/2 == pytest.approx([-.4545454545, .16, -.1428571429, -2.6666666667, .2490272374], abs=1e-9)


def test_norm_its_error_test_statistic_and_limits(norm_fit):
    found = minimize(norm_fit, np.ones((1, 1)), goal=1e-18)
    best = found.theta[0]
    information = derivatives(reweighted(norm_fit, found.theta), found.theta)[2][0, 0, 0]
    assert best[0] == pytest.approx(.7181778461, abs=1e-9)
    assert np.sqrt(2/information) == pytest.approx(.3151540079, abs=1e-9)
    assert ratio(norm_fit, 0., best) == pytest.approx(5.99877993, abs=1e-7)
    assert ratio(norm_fit, 1., best) == pytest.approx(.70992543, abs=1e-7)
    for norm, rise in ((1.297881, 2.705543), (1.439652, 4), (.4181854, 1), (1.0560817, 1)):
        assert ratio(norm_fit, norm, best) == pytest.approx(rise, abs=1e-5)


def test_two_runs_share_the_shape_of_their_background():
    smooth = Smooth(*(np.tile(x, 2) for x in (EDGES[:-1], EDGES[1:])), np.repeat([0, 1], 8), [.4, .6])
    term = DecoupledTerm([4, 2, 1, 1, 0, 1, 0, 0, 3, 2, 2, 1, 0, 0, 1, 0], [3, 1, 1, 0, 0, 0, 0, 0, 4, 4, 1, 2, 0, 1, 0, 0],
                         np.repeat([.5, .25], 8), smooth)
    pairs = [(Norm(np.append(.4*SHAPE, .6*SHAPE)), term)]
    found = minimize(pairs, np.ones((1, 1)), goal=1e-18)
    information = derivatives(reweighted(pairs, found.theta), found.theta)[2][0, 0, 0]
    assert [found.theta[0, 0], np.sqrt(2/information)] == pytest.approx([.8333655350, .3091606866], abs=1e-9)
    assert ratio(pairs, 0., found.theta[0]) == pytest.approx(9.80481690, abs=1e-7)


def test_many_sets_are_fitted_as_single_ones(norm_fit):
    (prediction, term), = norm_fit
    counts = np.random.default_rng(3).poisson([[6, 4, 2, 1, .5, .3, .2, .1]]*20, (2, 20, 8)).astype(float)
    many = minimize([(prediction, DecoupledTerm(*counts, term.alpha, term.smooth))], np.ones((20, 1)), goal=1e-14)
    for k in (0, 7, 19):
        one = minimize([(prediction, DecoupledTerm(*counts[:, k], term.alpha, term.smooth))], np.ones((1, 1)), goal=1e-14)
        assert many.theta[k] == pytest.approx(one.theta[0], rel=1e-6)
    assert many.converged.all()


def test_backgrounds_without_counts_are_small_and_finite():
    empty = np.zeros((1, 8))
    found = fit_background(empty, empty, np.full((1, 8), .1), None, Smooth(EDGES[:-1], EDGES[1:], np.zeros(8, int), [1.]))
    assert found.counts.sum() == pytest.approx(.25) and (found.counts > 0).all()


def test_groups_are_closed_from_the_highest_energy_down():
    assert common_groups([9, 4, 1, 1, 0, 1, 0, 0]).tolist() == [0, 1, 1, 1, 1, 1, 1, 1]
    assert common_groups([2, 4, 1, 3, 5, 0, 6]).tolist() == [0, 0, 0, 0, 1, 1, 2]
    assert common_groups([0, 0, 1]).tolist() == [0, 0, 0]


@pytest.fixture(scope="module")
def weak():
    """Thirty counts over as much background, and toys of them."""
    source = weak_source(30, 30, alpha=1)
    return source, *source.sample(300, random_state=5)


def test_the_statistic_restores_what_w_loses(weak):
    source, n_on, n_off = weak
    truth = {p.name: p.value for p in source.model.parameters.free_parameters}
    shift, covered = {}, {}
    for name in ("wstat", "dwstat", "grouped"):
        source.datasets.statistic = name
        fits = fit_many(source.datasets, n_on, n_off)
        shift[name] = np.median(fits["amplitude"])/truth["amplitude"] - 1
        covered[name] = (likelihood_ratio(source.datasets, n_on, n_off, {"index": truth["index"]}).ts < 1).mean()
    source.datasets.statistic = "wstat"
    assert shift["wstat"] < -.2 and covered["wstat"] < .6
    assert abs(shift["dwstat"]) < .12 and abs(covered["dwstat"] - .68) < .09
    assert abs(shift["grouped"]) < .15


@pytest.fixture
def simulated(weak):
    """One set of counts as datasets with a model of its own."""
    source, n_on, n_off = weak
    sets = Datasets([d.fill(n_on=on[3], n_off=off[3]) for d, on, off in zip(source.datasets, n_on, n_off)])
    sets.models = [SkyModel(source.model.copy(), name="source")]
    return sets


def test_single_fits_profiles_and_intervals_follow(simulated):
    simulated.statistic = "dwstat"
    result = Fit().run(simulated)
    assert result.success and result.bias.largest == 0
    assert result.total_stat == pytest.approx(simulated.stat_sum())  # W at the parameters found
    index = simulated.parameters["index"]
    error = Fit().confidence(simulated, index)
    values = index.value + np.array([-error["errn"], 0, error["errp"]])
    index.scan_values = values
    profile = Fit().stat_profile(simulated, index, reoptimize=True)
    assert profile["stat_scan"] - result.total_stat == pytest.approx([1, 0, 1], abs=1e-5)


@pytest.mark.filterwarnings("ignore:the statistic is expected")
def test_auto_is_the_decoupled_statistic_where_counts_are_sparse_and_w_elsewhere(simulated):
    def fitted(datasets, name):
        datasets.statistic = name
        simulated.models[0].spectral_model.index.value, simulated.models[0].spectral_model.amplitude.value = start
        return Fit().run(datasets).parameters.free_parameters.value

    spectrum = simulated.models[0].spectral_model
    start = spectrum.index.value, spectrum.amplitude.value
    sparse = {name: fitted(simulated, name) for name in ("wstat", "auto", "dwstat")}
    assert sparse["auto"] == pytest.approx(sparse["dwstat"], rel=1e-4)
    assert abs(sparse["auto"][0] - sparse["wstat"][0]) > .01
    filled = Datasets([d.fill(n_on=100*d.arrays.n_on, n_off=100*d.arrays.n_off + 100, exposure=100*d.arrays.exposure)
                       for d in simulated])
    assert fitted(filled, "auto") == pytest.approx(fitted(filled, "wstat"), rel=1e-9)


def test_each_dataset_alone_with_its_own_background(simulated):
    simulated.statistic = "dwstat"
    each = fit_each(simulated)
    alone = Datasets([simulated[0]])
    assert each.values[0] == pytest.approx(Fit().run(alone).parameters.free_parameters.value, rel=1e-3)


def test_unknown_statistics_are_refused(simulated):
    with pytest.raises(ValueError, match="statistic: expected one of 'wstat'"):
        simulated.statistic = "chi2"


def test_the_statistic_stays_with_copies_stacks_and_slices(simulated):
    simulated.statistic = "grouped"
    assert simulated[0].copy().statistic == simulated.stack_reduce().statistic == simulated[:1].statistic == "grouped"


def test_a_threshold_raises_the_degree_of_the_background_and_a_power_law_does_not():
    smooth = Smooth(EDGES[:-1], EDGES[1:], np.zeros(8, int), [1.])
    falling = 200*EDGES[:-1]**-1.6
    threshold = falling/(1 + (1.4/EDGES[:-1])**12)
    assert [enough_degrees(np.round(x), smooth).degree for x in (falling, threshold, 0*falling)] == [2, 4, 2]


def test_limits_of_sparse_spectra_cover_and_those_of_w_do_not():
    source = weak_source(10, 30, alpha=1, n_bins=60)
    n_on, n_off = (np.concatenate(x, -1) for x in source.sample(300, random_state=3))
    covered = {}
    for name in ("wstat", "dwstat"):
        source.datasets.statistic = name
        counts = gather_counts(list(source.datasets), [source.model], source.datasets.models[0])
        limits = norm_limits(counts.signal, n_on, n_off, counts.alpha, n_sigma_ul=np.sqrt(2.705543), smooth=counts.smooth)
        covered[name] = (limits["norm_ul"] >= 1).mean()
    assert covered["wstat"] < .6 and abs(covered["dwstat"] - .95) < .04


def test_limits_of_datasets_follow_their_statistic(simulated):
    found = {}
    for name in ("wstat", "dwstat", "auto"):
        simulated.statistic = name
        found[name] = compute_upper_limits(simulated)
    assert found["auto"].norm_ul == pytest.approx(found["dwstat"].norm_ul)
    assert abs(found["dwstat"].norm_ul - found["wstat"].norm_ul) > .01
    assert np.isfinite(found["dwstat"].norm_ul_expected).all()


def test_toys_of_sparse_spectra_have_the_smooth_background(simulated):
    "OFF counts of 0 and 1 a bin: toys of W have no background where none was seen, those of the decoupled statistic the smooth one."
    means = {}
    for name in ("wstat", "dwstat"):
        simulated.statistic = name
        means[name] = sample_counts(simulated, 2000, np.random.default_rng(1))[1][0].mean(0)
    empty = simulated[0].arrays.n_off == 0
    smooth = np.log(means["dwstat"])
    assert empty.sum() > 3 and (means["wstat"][empty & (simulated[0].arrays.n_on == 0)] == 0).all()
    assert (means["dwstat"] > 0).all() and np.abs(np.diff(smooth, 2)).max() < .5  # nearly log-quadratic
    assert means["dwstat"].sum() == pytest.approx(simulated[0].arrays.n_off.sum(), rel=.3)
