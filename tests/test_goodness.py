"Goodness of fit: what the statistic is on average if the model is true, p-values, and what is wrong with a model that is not."
import numpy as np
import pytest
import test_reference
from astropy import units as u
from astropy.table import Table
from scipy import stats
from specnb import (Datasets, Fit, FitResult, FluxPoints, FluxPointsDataset, LogParabolaSpectralModel, MapAxis, PowerLawSpectralModel, RegionGeom, SkyModel, SpectrumDataset,
                    SpectrumDatasetOnOff, cash_moments, cstat, curvature_test, goodness_of_fit, plot_consistency, plot_influence, plot_qq, plot_toys,
                    run_consistency, run_influence, wstat, wstat_moments)
from specnb.fit.goodness import gamma_p_value, minimum_moments, on_off_cells
from specnb.makers.arrays import SpectrumArrays
from specnb.stats.expectations import CountCells

# s, b, alpha, E[U], E[W], Var[W] of an enumeration by other code
ENUMERATED = np.array([(.1, .2, 1, -.52995368064, .6557291375, .5114898829), (.5, .5, 1, -.0085619893, 1.1519079903, 1.1717581883),
                       (1, 1, 1, .0264257031, 1.2029646358, 2.1721136022), (2, 5, 1, .00223108433, 1.0560495682, 2.2824748392),
                       (10, 10, 1, .00040651272, 1.0168810945, 2.0726366661), (.5, .5, 1/3, .0267716235, 1.0974358803, .9950073116)])


def test_moments_of_w_are_those_of_the_study():
    s, b, a, score, mean, variance = ENUMERATED.T
    found = wstat_moments(s, b, a)
    np.testing.assert_allclose([found.score, found.mean, found.variance], [score, mean, variance], rtol=0, atol=6e-11)


def test_score_without_signal_is_exact():
    "Of the right side of the kink that empty measurements have at zero signal."
    b, a = np.meshgrid([.01, .3, 2, 8], [1, 1/3, .05])
    found = wstat_moments(0, b, a)
    assert found.mean.shape == (3, 4)
    np.testing.assert_allclose(found.score, -np.exp(-(1 + a)*b), rtol=1e-9, atol=1e-13)


def test_moments_with_the_scores_agree_with_simulated_counts():
    s, b, a = 1.5, .8, .5
    rng, mu = np.random.default_rng(5), s + a*b
    on, off = rng.poisson(mu, 200_000), rng.poisson(b, 200_000)
    w, found = wstat(on, off, a, s), wstat_moments(s, b, a)
    on_score = on/mu - 1
    for value, products in ((found.mean, w), (found.w_signal, w*on_score), (found.w_background, w*(a*on_score + off/b - 1)),
                            (found.w_contrast, w*(on - a*off - s))):
        assert abs(products.mean() - value) < 4*products.std()/np.sqrt(len(w))


@pytest.mark.parametrize("s, b, a", [(20, 25, 1), (40, 100, .1), (.5, 300, .1), (200, .3, 1)])
def test_thinned_counts_are_as_good_as_all(s, b, a):
    "From 20 counts on only some are taken; here all of them, one by one."
    from scipy.stats import poisson
    mu = s + a*b
    on, off = np.arange(int(mu + 12*mu**.5 + 20))[:, None], np.arange(int(b + 12*b**.5 + 20))
    p, w = poisson.pmf(on, mu)*poisson.pmf(off, b), wstat(on, off, a, s)
    mean = (p*w).sum()
    expected = mean, (p*(w - mean)**2).sum(), (p*w*(on/mu - 1)).sum(), (p*w*(on - a*off - s)).sum()
    found = wstat_moments(s, b, a)
    np.testing.assert_allclose([found.mean, found.variance, found.w_signal, found.w_contrast], expected, rtol=3e-6, atol=2e-6)


def test_moments_of_w_of_another_signal_have_their_root_in_the_slope():
    "W of a signal that is not the true one: its mean is higher, and its slope is that of the mean."
    h = 1e-4
    means = [wstat_moments(1, 2, .5, at=1.5 + d).mean for d in (-h, h)]
    assert (means[1] - means[0])/(2*h) == pytest.approx(-2*wstat_moments(1, 2, .5, at=1.5).score, rel=1e-6)


def test_moments_that_cannot_be_are_nan_and_shapes_are_kept():
    found = wstat_moments([[1, -3, np.nan], [0, 1, 2]], 1, [[.5, .5, .5], [0, .5, .5]])
    assert np.isnan(found.mean).tolist() == [[False, True, True], [False, False, False]]
    assert found.mean[1, 0] == 0 and wstat_moments(1, 1, 1).mean.shape == ()
    assert wstat_moments(0, 0, 1).mean == 0 and wstat_moments(2, 0, 1).w_background == wstat_moments(2, 0, 1).w_signal
    assert np.isnan(cash_moments([-1, np.nan, 2]).mean).tolist() == [True, True, False]


def test_cells_hold_all_of_the_probability():
    mu, b, a = np.array([0, .02, 5, 31, 4e5]), np.array([0, .1, 29, 30.5, 1e6]), np.array([1, .2, 1, 1, .4])
    cells = CountCells(mu - a*b, b, a)
    np.testing.assert_allclose(cells.mean(1), 1, rtol=1e-12)
    np.testing.assert_allclose(cells.mean(cells.n_off), b, rtol=1e-11)


def test_moments_of_the_c_statistic_are_those_of_kaastra_2017():
    "His fitting formulae in five ranges; he quotes relative errors of some 1e-4."
    mu = np.array([.3, 1.5, 3, 7, 20])
    mean = [-.25*.3**3 + 1.38*.3**2 - 2*.3*np.log(.3), -.00335*1.5**5 + .04259*1.5**4 - .27331*1.5**3 + 1.381*1.5**2 - 2*1.5*np.log(1.5), 1.019275 + .1345*3**(.461 - .9*np.log(3)),
            1.00624 + .604/7**1.68, 1 + .1649/20 + .226/400]
    variance = [4.23*.09 - 2.8254*.3 + 1.12522, .1125*1.5**4 - .641*1.5**3 + .859*1.5**2 + 1.0914*1.5 - .05748, .089*27 - .872*9 + 2.8422*3 - .67539,
                2.05159 + .331*7**(1.343 - np.log(7)), 2 + .6747/20 + .79/400 + 12/8000]
    found = cash_moments(mu)
    np.testing.assert_allclose(found.mean, mean, rtol=2e-4)
    np.testing.assert_allclose(found.variance, variance, rtol=4e-4)


# --- the height of a minimum -------------------------------------------------------------------------------------------------

ON, OFF, SHAPE = np.array([7., 4, 3, 2, 0, 1, 1, 0]), np.array([9., 4, 1, 1, 0, 1, 0, 0]), np.array([4, 3, 2.2, 1.6, 1.2, .9, .7, .4])
BACKGROUND = np.array([8.8075039012, 3.7017035875, 1.6819010298, .8261315993, .4386802, .2518238344, .1562772042, .1048442059])
NORM, ALPHA = .7181778461, np.full(8, .5)


def test_height_of_the_norm_fit_is_that_of_the_study():
    x = (2*np.arange(8) + 1)/8 - 1
    cells = on_off_cells(NORM*SHAPE, SHAPE[None], BACKGROUND, ALPHA, np.stack([x**0, x, x**2], 1), rare=1e-16)
    (mean,), (used,), (variance,) = minimum_moments(cells, np.ones((1, 8), bool))
    stat = wstat(ON, OFF, ALPHA, NORM*SHAPE).sum()
    np.testing.assert_allclose([stat, mean, cells.variance.sum(), variance], [3.0850506787, 8.6064355795, 12.6372794738, 12.5300130907], rtol=1e-8)
    assert used == pytest.approx(1) and gamma_p_value(stat, mean, used, variance) == pytest.approx(.94937, abs=1e-5)


def test_parts_of_the_data_add_up_and_share_the_parameters():
    cells = on_off_cells(NORM*SHAPE, SHAPE[None], BACKGROUND, ALPHA, np.ones((8, 1)))
    halves = np.array([[1]*8, [1]*4 + [0]*4, [0]*4 + [1]*4], bool)
    mean, used, variance = minimum_moments(cells, halves)
    assert mean[0] == pytest.approx(mean[1:].sum()) and used[0] == pytest.approx(1) == used[1:].sum()
    assert variance[1:].sum() != pytest.approx(variance[0], rel=1e-9)  # the fit ties them together
    assert minimum_moments(cells, halves, prior=np.array([[1e9]]))[1][0] < 1e-6  # what a prior holds is not fitted


def observe(norms, seed, n_off=8., alpha=.1, index=2.5, nbin=12, cutoff=0., known=False, edges=None):
    "Runs with a perfect response and a power law in their models at its best joint fit."
    e, rng, found = np.geomspace(.5, 30, nbin + 1) if edges is None else edges, np.random.default_rng(seed), Datasets()
    axis, centre = MapAxis.from_energy_edges(e, unit="TeV", name="energy"), np.sqrt(e[1:]*e[:-1])
    unit = 4e-12*1e13/(index - 1)*(e[:-1]**(1 - index) - e[1:]**(1 - index))*np.exp(-cutoff*centre)
    off = n_off*(e[:-1]/.5)**-1.7
    for k, norm in enumerate(norms):
        off_side = (dict(background=alpha*off) if known else
                    dict(n_off=rng.poisson(off), acceptance=np.ones(len(off)), acceptance_off=np.full(len(off), 1/alpha)))
        arrays = SpectrumArrays(e, e, n_on=rng.poisson(norm*unit + alpha*off), exposure=np.full(len(off), 1e9), edisp=np.eye(len(off)), livetime=1500.,
                                ontime=1600., **off_side)
        kind = SpectrumDataset if known else SpectrumDatasetOnOff
        found.append(kind.from_arrays(arrays, RegionGeom.create(None, axes=[axis]), name=f"run {k + 1}"))
    found.models = [SkyModel(PowerLawSpectralModel(index=index, amplitude="4e-12 cm-2 s-1 TeV-1"), name="source")]
    Fit().run(found)
    return found


@pytest.fixture(scope="module")
def steady():
    return observe([1]*4, 1)


@pytest.fixture(scope="module")
def flaring():
    return observe([1, 1, 3, 1], 2)


@pytest.mark.parametrize("known", [False, True])
def test_analytic_p_values_are_uniform_under_the_true_model(known):
    p = [goodness_of_fit(observe([1, 1], 300 + k, known=known), n_toys=0, compare=False).p_value for k in range(25)]
    assert stats.kstest(p, "uniform").pvalue > .01


def test_toys_and_expectation_agree_in_total_and_per_dataset(steady):
    g = goodness_of_fit(steady, n_toys=400, random_state=3)
    assert g.n_toys == 400 and g.describes and [h.name for h in g.datasets] == ["run 1", "run 2", "run 3", "run 4"]
    for height, toys in zip([g.total, *g.datasets], g.toys.T):
        assert abs(height.p_value - height.toy_p_value) < 4*height.toy_p_value_err + .02
        assert abs(toys.mean() - height.expected) < 4.5*toys.std()/20 and toys.std() == pytest.approx(height.std, rel=.2)
    assert g.stat == pytest.approx(steady.stat_sum()) == pytest.approx(sum(h.stat for h in g.datasets))
    assert g.to_table()["name"].tolist() == ["all", "run 1", "run 2", "run 3", "run 4"]


def test_same_seed_gives_the_same_toys(steady):
    a, b = (goodness_of_fit(steady, 20, random_state=seed).toys for seed in (4, np.random.default_rng(4)))
    assert (a == b).all() and a.shape == (20, 5)


def test_flare_fitted_as_one_is_found_and_named(flaring):
    g = goodness_of_fit(flaring, n_toys=200)
    assert g.describes is False
    assert g.verdict.startswith("the model does not describe the runs (p < 0.001): the flux differs from run to run (chi2 = ")
    assert "the index" not in g.verdict and "run 3" in g.bad_datasets and g.verdict in repr(g)


def test_curved_spectrum_fitted_with_a_power_law_is_found():
    "With counts that the height of the minimum is not sharp enough for."
    g = goodness_of_fit(observe([14]*4, 5, cutoff=.2), n_toys=0)
    assert g.p_value > .001 and g.describes is False and g.consistency.faults == []
    assert "the spectrum bends down from the model (chi2 = " in g.verdict and g.curvature.curvature < -3.3


def test_goodness_of_a_known_background_is_that_of_the_c_statistic():
    known = observe([1, 1], 8, known=True)
    g = goodness_of_fit(known, n_toys=100)
    mu = [d.npred().data.ravel() for d in known]
    assert g.stat == pytest.approx(sum(cstat(d.arrays.n_on, m).sum() for d, m in zip(known, mu)))
    assert g.expected == pytest.approx(sum(cash_moments(m).mean.sum() for m in mu) - 2) and abs(g.toys[:, 0].mean() - g.expected) < 5


@pytest.mark.filterwarnings("ignore:the statistic is expected to shift")
def test_decoupled_fit_is_judged_by_w():
    sparse = observe([1]*3, 9, n_off=2, alpha=.5)
    sparse.statistic = "dwstat"
    Fit().run(sparse)
    g = goodness_of_fit(sparse, n_toys=100)
    assert g.stat == pytest.approx(sum(d.stat_array().sum() for d in sparse)) and abs(g.toys[:, 0].mean() - g.expected) < 4
    assert g.describes and np.isnan(g.consistency["flux"].ts) and np.isfinite(g.consistency["flux"].p_value)


def test_parameters_at_a_limit_are_not_counted(steady):
    held = Datasets([d.fill() for d in steady])
    held.models = [steady.models[0].copy(name="source")]
    more = goodness_of_fit(held, 0).expected
    index = held.models[0].parameters["index"]
    index.min = index.value
    assert goodness_of_fit(held, 0).expected == pytest.approx(more + 1, abs=.02)


def test_groups_of_bins_are_judged_as_groups(steady):
    marks = np.array([1, -1]*6)
    grouped = Datasets([d.fill(grouping=marks) for d in steady])
    grouped.models = [steady.models[0].copy(name="source")]
    Fit().run(grouped)
    g = goodness_of_fit(grouped, 100)
    assert g.n_bins == 24 and g.stat == pytest.approx(grouped.stat_sum()) and abs(g.toys[:, 0].mean() - g.expected) < 4


def test_curvature_is_a_normal_deviation_under_the_true_model():
    found = [curvature_test(observe([1, 1], 300 + k)) for k in range(40)]
    assert stats.kstest([t.curvature for t in found], "norm").pvalue > .01 and stats.kstest([t.p_value for t in found], "uniform").pvalue > .01
    assert {t.dof for t in found} == {1}


def test_curvature_is_that_of_the_likelihood_ratio():
    "A log-parabola frees what the test looks for: its improvement is about the square of the curvature."
    runs = observe([18]*4, 3, cutoff=.2)
    before, curvature = runs.stat_sum(), curvature_test(runs, degree=2)
    runs.models = [SkyModel(LogParabolaSpectralModel(amplitude="3e-11 cm-2 s-1 TeV-1", alpha=2.5, beta=.1), name="source")]
    gain = before - Fit().run(runs).total_stat
    assert curvature.chi2 == pytest.approx(curvature.curvature**2) and curvature.chi2 == pytest.approx(gain, rel=.25) and gain > 5
    free = curvature_test(runs, degree=2)
    assert (free.dof, free.curvature) == (0, 0) and np.isnan(free.p_value) and "any smooth shape" in free.words


# --- what is wrong -----------------------------------------------------------------------------------------------------------

def test_runs_with_one_flux_are_consistent(steady):
    found = run_consistency(steady)
    assert [p.kind for p in found.parameters] == ["flux", "index"] and found.faults == [] and found["flux"].dof == 3
    assert found["flux"].words.startswith("the flux is the same in all runs (chi2 = ")
    assert found["flux"].ts == pytest.approx(found["flux"].chi2, abs=1.5)


def test_values_of_the_runs_are_those_of_single_fits(flaring):
    alone = Datasets([flaring[2].fill()])
    alone.models = [flaring.models[0].copy(name="source")]
    Fit().run(alone)
    index = alone.models[0].parameters["index"]
    found = run_consistency(flaring)["index"]
    assert (found.values[2], found.errors[2]) == (pytest.approx(index.value, rel=1e-4), pytest.approx(index.error, rel=1e-3))


def test_likelihood_ratio_of_the_flux_is_that_of_single_fits(flaring):
    before = flaring.parameters.value.tolist()
    found, total = run_consistency(flaring)["flux"], flaring.stat_sum()
    assert flaring.parameters.value.tolist() == before and [p.frozen for p in flaring.parameters] == [False, False, True]
    for d in flaring:
        alone = Datasets([d.fill()])
        alone.models = [flaring.models[0].copy(name="source")]
        alone.models[0].parameters["index"].frozen = True
        total -= Fit().run(alone).total_stat
    assert found.ts == pytest.approx(total, abs=1e-5) and found.ts_p_value == pytest.approx(stats.chi2.sf(total, 3), rel=1e-4)


def test_index_that_differs_is_told_from_a_flux_that_does():
    soft, hard = observe([1, 1], 4), observe([1, 1], 5, index=1.8)
    both = Datasets([d.fill(name=f"run {k}") for k, d in enumerate([*soft, *hard])])
    both.models = [soft.models[0].copy(name="source")]
    Fit().run(both)
    assert run_consistency(both)["index"].p_value < 1e-3


def test_runs_with_other_axes_have_values_of_one_step():
    found = observe([1, 1, 1], 6)
    other = observe([1], 7, edges=np.geomspace(.5, 30, 10))
    both = Datasets([*(d.fill() for d in found), other[0].fill(name="other")])
    both.models = [found.models[0].copy(name="source")]
    Fit().run(both)
    result = run_consistency(both)
    assert "one step" in result.status and np.isfinite(result["flux"].values).all() and np.isnan(result["flux"].ts)
    assert result["index"].p_value > 1e-3 and result["flux"].dof == 3


def test_runs_cannot_be_compared_alone_or_by_what_they_do_not_have(steady):
    with pytest.raises(ValueError, match="at least two runs"):
        run_consistency(steady[:1])
    with pytest.raises(KeyError, match="expected one of flux, index"):
        run_consistency(steady)["cutoff"]


def test_influence_is_that_of_fits_without_a_run(flaring):
    found = run_influence(flaring)
    rest = Datasets([flaring[k].fill() for k in (0, 1, 3)])
    rest.models = [flaring.models[0].copy(name="source")]
    Fit().run(rest)
    free = rest.parameters.free_parameters
    np.testing.assert_allclose(found.values[2], free.value, rtol=1e-4)
    errors = np.array([p.error for p in flaring.parameters.free_parameters])
    np.testing.assert_allclose(found.shifts[2], (free.value - flaring.parameters.free_parameters.value)/errors, rtol=.02, atol=.02)
    assert any(text.startswith("without run 3 amplitude moves by -") for text in found.words)


def test_influence_of_steady_runs_is_that_of_chance(steady):
    found = run_influence(steady)
    assert np.abs(found.pulls).max() < 4 and found.to_table().colnames[0] == "run"


def test_pictures_are_drawn(flaring):
    plt = pytest.importorskip("matplotlib.pyplot")
    g = goodness_of_fit(flaring, 20)
    for draw in (plot_toys, plot_qq, lambda g, ax: plot_consistency(g.consistency, "index", ax), lambda g, ax: plot_influence(run_influence(flaring), ax)):
        ax = plt.figure().add_subplot()
        assert draw(g, ax) is ax
    plot_toys(g, plt.figure().add_subplot(), "run 3")
    with pytest.raises(ValueError, match="expected some with toys"):
        plot_toys(goodness_of_fit(flaring, 0))
    plt.close("all")


# --- results of fits ---------------------------------------------------------------------------------------------------------

def test_goodness_of_a_result_is_that_of_its_fit_whatever_came_later(steady):
    runs = Datasets([d.fill() for d in steady])
    runs.models = [steady.models[0].copy(name="source")]
    result, expected = Fit().run(runs), goodness_of_fit(runs, 0)
    runs[0].counts.data[0] = 900
    runs.models[0].parameters["index"].value = 4
    assert result.goodness.n_toys == 0 and result.goodness.to_dict() == expected.to_dict() and result.goodness is result.goodness
    assert "p = " not in repr(result) and goodness_of_fit(runs, 0).stat > expected.stat + 10


def test_fit_with_goodness_runs_toys(steady, tmp_path):
    result = Fit().run(steady, goodness=30)
    assert result.goodness.n_toys == 30
    result.write(tmp_path/"result.yaml")
    assert FitResult.read(tmp_path/"result.yaml").goodness is None


def test_goodness_of_flux_points_is_chi_square():
    energy = np.geomspace(.5, 20, 12)
    rng, true = np.random.default_rng(3), 3e-12*energy**-2.4
    points = Table({"e_ref": energy*u.TeV, "dnde": rng.normal(true, .1*true)*u.Unit("cm-2 s-1 TeV-1"), "dnde_err": .1*true*u.Unit("cm-2 s-1 TeV-1")})
    data = FluxPointsDataset(data=FluxPoints.from_table(points, sed_type="dnde"), name="points")
    data.models = [SkyModel(PowerLawSpectralModel(), name="source")]
    result = Fit().run(Datasets([data]))
    g = result.goodness
    assert g.p_value == pytest.approx(stats.chi2.sf(result.total_stat, 10), abs=.01) and g.expected == pytest.approx(10) and g.consistency is None
    assert "cannot be simulated" in goodness_of_fit(Datasets([data]), 10).status


def test_crab_runs_of_the_reference(hess_dir):
    "Their fit is at the edge of what chance allows, by the expectation as by a thousand toys; the runs agree with each other."
    runs = test_reference.reduce(hess_dir)
    runs.models = [test_reference.start_model()]
    g = Fit().run(runs, goodness=True).goodness
    assert g.n_bins == 74 and g.n_toys > 990 and g.stat == pytest.approx(86.12, abs=.02)
    assert (g.expected, g.std) == (pytest.approx(67.1, abs=.1), pytest.approx(10.8, abs=.1))
    assert g.p_value == pytest.approx(.047, abs=.002) and abs(g.toy_p_value - g.p_value) < 3.5*g.toy_p_value_err
    assert g.describes and [p.dof for p in g.consistency.parameters] == [3, 3] and not g.faults
