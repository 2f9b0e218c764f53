"The engine against brute force: derivatives, exact norm fits, what the compiler refuses."
from dataclasses import replace
import numpy as np
import pytest
from scipy.optimize import brentq, minimize_scalar
from specnb.models import shapes as models
from specnb.flux_points.bands import ShiftedTerm
from specnb.flux_points.norms import minimize_norm, norm_crossing, norm_derivatives
from specnb.stats.likelihood import CountsPart, PointsPart, compile_likelihood
from specnb.makers.arrays import SpectrumArrays
from specnb.stats.stats import CashTerm, WStatTerm, wstat


def arrays(seed, n_true=40, n_reco=15, cash=False):
    "A random spectrum with a diagonal-ish response."
    rng = np.random.default_rng(seed)
    e_true, e_reco = np.geomspace(.1, 100, n_true + 1), np.geomspace(.4, 50, n_reco + 1)
    center = np.sqrt(e_true[1:] * e_true[:-1])
    edisp = np.exp(-.5 * (np.log(np.sqrt(e_reco[1:] * e_reco[:-1]) / center[:, None]) / .2)**2) * np.diff(np.log(e_reco)) / .5
    common = dict(n_on=rng.poisson(20 * e_reco[:-1]**-1.2), exposure=3e8 * center / (1 + center), edisp=edisp,
                  mask_safe=e_reco[:-1] > rng.uniform(.4, .7), livetime=1600.)
    if cash: return SpectrumArrays(e_reco, e_true, background=5 * e_reco[:-1]**-1.7, **common)
    return SpectrumArrays(e_reco, e_true, n_off=rng.poisson(40 * e_reco[:-1]**-1.7), acceptance=np.ones(n_reco), acceptance_off=np.full(n_reco, 9.), **common)


FLUX = "cm-2 s-1 TeV-1"
SHAPES = {
    "power law": lambda: models.PowerLawSpectralModel(index=2.4, amplitude=f"3e-11 {FLUX}"),
    "power law 2": lambda: models.PowerLaw2SpectralModel(index=2.4, amplitude="3e-10 cm-2 s-1"),
    "cutoff": lambda: models.ExpCutoffPowerLawSpectralModel(index=2.2, amplitude=f"4e-11 {FLUX}", lambda_="0.08 TeV-1"),
    "log parabola": lambda: models.LogParabolaSpectralModel(alpha=2.4, beta=.15, amplitude=f"4e-11 {FLUX}", reference="1 TeV"),
    "broken": lambda: models.BrokenPowerLawSpectralModel(index1=2.1, index2=2.9, ebreak="2.3 TeV", amplitude=f"1e-11 {FLUX}"),
    "smooth broken": lambda: models.SmoothBrokenPowerLawSpectralModel(index1=2.1, index2=2.9, ebreak="2.3 TeV", amplitude=f"2e-11 {FLUX}"),
    "sum": lambda: models.PowerLawSpectralModel(index=2.4, amplitude=f"3e-11 {FLUX}") + models.GaussianSpectralModel(
        amplitude="1e-12 cm-2 s-1", mean="3 TeV", sigma="0.7 TeV"),
}


@pytest.mark.parametrize("kind", ["wstat", "cash", "both", "points"])
@pytest.mark.parametrize("shape", SHAPES)
def test_gradient_and_hessian_are_those_of_the_statistic(shape, kind):
    model = SHAPES[shape]()
    parts = {"wstat": [CountsPart("a", arrays(1), (model,)), CountsPart("b", arrays(2), (model,))],
             "cash": [CountsPart("a", arrays(3, cash=True), (model,))]}
    parts["both"] = parts["wstat"] + parts["cash"]
    energy = np.array([.7, 1.5, 4, 9])
    parts["points"] = [PointsPart("p", energy, 3e-11 * energy**-2.5, .2 * 3e-11 * energy**-2.5, (model,))]
    likelihood = compile_likelihood(parts[kind])
    theta = likelihood.start
    steps = np.diag(1e-5 * np.abs(theta))
    numeric = np.array([(likelihood.stat(theta + h) - likelihood.stat(theta - h)) / 2 for h in steps])
    scale = 1e-5 * np.abs(theta)
    assert likelihood.gradient(theta) * scale == pytest.approx(numeric, abs=2e-6 * np.abs(numeric).max())
    curved = np.array([(likelihood.gradient(theta + h) - likelihood.gradient(theta - h)) * scale / 2 for h in steps])
    hessian = likelihood.hessian(theta) * np.outer(scale, scale)
    assert np.allclose(hessian, curved, atol=1e-5 * np.abs(curved).max(), rtol=0)


def test_hessian_equals_differences_of_the_statistic_itself():
    model = SHAPES["cutoff"]()
    likelihood = compile_likelihood([CountsPart("a", arrays(1), (model,))])
    theta, h = likelihood.start, np.diag([1e-3, 1e-14, 1e-4])
    four = [[likelihood.stat(theta + a + b) - likelihood.stat(theta + a - b) - likelihood.stat(theta - a + b) + likelihood.stat(theta - a - b)
             for b in h] for a in h]
    scale = h.sum(0)
    exact = likelihood.hessian(theta) * np.outer(scale, scale) * 4
    assert np.allclose(four, exact, atol=1e-3 * np.abs(exact).max(), rtol=1e-3)


def test_a_linked_parameter_counts_once_and_reaches_both_models():
    one, two = SHAPES["power law"](), SHAPES["power law"]()
    two.index = one.index
    likelihood = compile_likelihood([CountsPart("a", arrays(1), (one,)), CountsPart("b", arrays(2), (two,))])
    assert [p.name for p in likelihood.parameters] == ["index", "amplitude", "amplitude"]
    alone = [compile_likelihood([CountsPart("a", arrays(i), (SHAPES["power law"](),))]) for i in (1, 2)]
    separate = sum(single.gradient(single.start)[0] for single in alone)
    assert likelihood.gradient(likelihood.start)[0] == pytest.approx(separate, rel=1e-10)


def test_units_of_the_user_do_not_change_the_statistic():
    plain, odd = SHAPES["power law"](), models.PowerLawSpectralModel(index=2.4, amplitude="3e-10 m-2 s-1 GeV-1", reference="1000 GeV")
    values = [compile_likelihood([CountsPart("a", arrays(1), (m,))]) for m in (plain, odd)]
    assert values[0].stat(values[0].start) == pytest.approx(values[1].stat(values[1].start), rel=1e-12)
    assert values[0].gradient(values[0].start)[1] * 3e-11 == pytest.approx(values[1].gradient(values[1].start)[1] * 3e-10, rel=1e-10)


def test_different_true_axes_and_masks_are_allowed():
    model = SHAPES["power law"]()
    parts = [CountsPart("a", arrays(1), (model,)), CountsPart("b", arrays(2, n_true=60), (model,))]
    likelihood = compile_likelihood(parts)
    assert len(likelihood.pairs) == 2
    assert likelihood.stat(likelihood.start) == pytest.approx(sum(compile_likelihood([p]).stat(likelihood.start) for p in parts))


def test_bins_without_background_measurement_do_not_count():
    spectrum, model = arrays(1), SHAPES["power law"]()
    off = spectrum.acceptance_off.copy()
    off[5] = 0
    likelihood = compile_likelihood([CountsPart("a", replace(spectrum, acceptance_off=off), (model,))])
    assert likelihood.pairs[0][0].matrix.shape[1] == spectrum.mask.sum() - 1
    nothing = replace(spectrum, acceptance_off=np.zeros(15))
    with pytest.raises(ValueError, match="no bin left to fit in 'a'.*no background was measured"): compile_likelihood([CountsPart("a", nothing, (model,))])


def bands(seed, n=400, width=6):
    "Random bands, many of them nearly or wholly empty."
    rng = np.random.default_rng(seed)
    s = rng.exponential(1, (n, width)) * (rng.random((n, width)) > .3)
    s[s.sum(1) == 0, 0] = 1.
    alpha = rng.uniform(.02, 1, (n, width))
    norm, b = rng.choice([0, .1, 1, 5], (n, 1)), rng.choice([0, .3, 5], (n, 1))
    return rng.poisson(norm * s + alpha * b), rng.poisson(b, (n, width)), alpha, s


def brute(f):
    "Minimum of a convex function, searched in three ranges around zero."
    return min(minimize_scalar(f, bounds=(-r, r), method="bounded", options={"xatol": 1e-12}).fun for r in (1, 10, 100))


def test_norms_are_the_minima_and_crossings_the_levels():
    n, m, alpha, s = bands(0)
    term = WStatTerm(n, m, alpha)
    norm, value, _, curvature = minimize_norm(term, s)
    width = np.where(np.isfinite(curvature), np.sqrt(2 / np.where(curvature > 0, curvature, 1)), 1 / s.sum(1))
    for i in range(len(s)):
        def f(x): return wstat(n[i], m[i], alpha[i], x * s[i]).sum()
        best = min(brute(f), f(0))
        assert value[i] <= best + 1e-8 * (1 + abs(best)), i
    for side, rise in ((1, 1.), (1, 4.), (-1, 1.)):
        x = norm_crossing(term, s, norm, value, width, rise, side)
        assert np.all((x - norm) * side > 0)
        assert norm_derivatives(term, s, x)[0] == pytest.approx(value + rise, rel=1e-9, abs=1e-8)


def test_kinks_are_recognised():
    term = WStatTerm(np.zeros((2, 2)), np.array([[0., 0], [0, 3]]), np.full((2, 2), .1))
    norm, *_, curvature = minimize_norm(term, np.array([[1., 1], [1, .01]]))
    assert norm[0] == norm[1] == 0 and np.isnan(curvature).all()
    balanced = minimize_norm(WStatTerm([[1.]], [[5.]], [[.2]]), np.array([[2.]]))
    assert balanced[0] == pytest.approx([0], abs=1e-12) and np.isfinite(balanced[3]).all()


def test_padding_changes_nothing():
    n, m, alpha, s = bands(1, 50)
    wide = [np.pad(x, ((0, 0), (0, 3)), constant_values=fill) for x, fill in ((n, 0), (m, 0), (alpha, 1), (s, 0))]
    narrow, padded = WStatTerm(n, m, alpha), WStatTerm(*wide[:3])
    assert minimize_norm(padded, wide[3])[0] == pytest.approx(minimize_norm(narrow, s)[0], rel=1e-10, abs=1e-12)


def test_norms_with_a_known_background():
    rng = np.random.default_rng(4)
    s, b = rng.uniform(.1, 2, (100, 4)), rng.uniform(.1, 4, (100, 4))
    n = rng.poisson(s + b)
    term = CashTerm(n, b)
    norm, value, slope, curvature = minimize_norm(term, s)
    lowest = -(b / s).min(1)
    assert np.all(norm >= lowest)
    inside = np.isfinite(curvature)
    assert slope[inside] == pytest.approx(0, abs=1e-6) and np.all(slope[~inside] > -1e-6)
    up = norm_crossing(term, s, norm, value, np.ones(100), 4., 1)
    for i in (0, 7, 50):
        def f(x): return norm_derivatives(term, s, np.full(100, x))[0][i] - value[i] - 4
        assert up[i] == pytest.approx(brentq(f, norm[i], norm[i] + 50), rel=1e-8)


def search_minimum(term, s):
    "Minimum of convex bands by halving the interval in which the slope changes sign."
    lo, hi = np.full(len(s), -1e9), np.full(len(s), 1e9)
    for _ in range(200):
        middle = (lo + hi) / 2
        falls = norm_derivatives(term, s, middle)[1] <= 0
        lo, hi = np.where(falls, middle, lo), np.where(falls, hi, middle)
    return np.minimum(term.value(lo[:, None] * s), term.value(hi[:, None] * s))


class Counted(WStatTerm):
    calls = 0
    def terms(self, s):
        Counted.calls += 1
        return super().terms(s)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("strength", [.01, 1., 100.])
def test_kinks_and_jumps_of_other_sources_end_no_search_early(seed, strength):
    "Half of the counts are missing: kinks away from zero, and curvatures between which Newton's method would go back and forth."
    rng = np.random.default_rng(seed)
    s, shape = rng.exponential(1, (400, 5)), (400, 5)
    n, m = (rng.poisson(rng.choice([1, 10, 1000], shape)) * (rng.random(shape) < .5) for _ in range(2))
    Counted.calls, term = 0, ShiftedTerm(Counted(n, m, np.full(shape, .1)), rng.exponential(strength, shape))
    norm = minimize_norm(term, s)[0]
    assert Counted.calls < 70
    best = search_minimum(term, s)
    assert term.value(norm[:, None] * s) - best == pytest.approx(np.zeros(400), abs=1e-9 * best.max())


def test_a_kink_away_from_zero_takes_few_steps():
    rng, shape = np.random.default_rng(1), (50, 5)
    s = rng.exponential(1, shape)
    Counted.calls, term = 0, ShiftedTerm(Counted(np.zeros(shape), np.zeros(shape), np.full(shape, .1)), rng.exponential(1, shape))
    minimize_norm(term, s)
    assert Counted.calls < 20


EXTREMES = {"few": 1e-2, "many": 1e5, "huge": 1e8}


@pytest.mark.parametrize("alpha", [1e-6, .1, 10., 1e4])
@pytest.mark.parametrize("scale", [1e-30, 1., 1e30])
@pytest.mark.parametrize("counts", EXTREMES)
def test_norms_and_crossings_at_extremes(counts, scale, alpha):
    "Up to 10^8 counts per bin, predictions in any size, OFF regions much larger and much smaller than the ON region."
    rng = np.random.default_rng(3)
    s = rng.exponential(1, (60, 4))
    n, m = rng.poisson(EXTREMES[counts] * (s + 1)), rng.poisson(EXTREMES[counts] / max(alpha, 1e-3), s.shape)
    term, s = WStatTerm(n, m, np.full(s.shape, alpha)), s * scale
    norm, value, _, curvature = minimize_norm(term, s)
    noise = 1e-14 * (n + m + 1).sum(1) * 20
    assert np.all(value <= search_minimum(term, s) + noise) or scale != 1
    width = np.where(curvature > 0, np.sqrt(2 / np.where(curvature > 0, curvature, 1)), 1 / s.sum(1))
    for side, rise in ((1, 1.), (1, 4.), (-1, 1.)):
        x = norm_crossing(term, s, norm, value, width, rise, side)
        assert np.all((x - norm) * side > 0)
        assert np.all(np.abs(norm_derivatives(term, s, x)[0] - value - rise) < 1e-7 + noise)


def test_a_level_that_is_not_reached_has_no_crossing():
    "Over a known background the norm ends where no counts would be expected, and C rises by less than 9 on the way."
    term, s = CashTerm([[1., 0]], [[2., 1]]), np.array([[1., 2]])
    norm, value, *_ = minimize_norm(term, s)
    width = np.array([.5])
    assert np.isnan(norm_crossing(term, s, norm, value, width, 9., -1)) and norm_crossing(term, s, norm, value, width, 9., 1) > norm


def test_impossible_predictions_are_far_from_any_minimum():
    "A search may try anything: what overflows, or cannot be, must look bad, and what is not a number must not look good."
    with np.errstate(all="raise"):
        for s in (1e200, -1e200, np.inf, -np.inf):
            for term in (WStatTerm([3., 0, 0], [5., 2, 0], [.1, .1, .1]), CashTerm([3., 0], [1., 2])):
                value, slope, _ = term.terms(np.full(len(term.n_on), s))
                assert value.sum() > 1e99 and np.isfinite(value).all() and np.all(slope * np.sign(s) > 0)
                assert term.value(np.full(len(term.n_on), s)) > 1e99
    assert np.isnan(WStatTerm([3., 0], [5., 2], [.1, .1]).value(np.array([-1, np.nan])))
    below = CashTerm([3.], [1.])
    assert below.value(np.array([-1.1])) > below.value(np.array([-1.01])) > below.value(np.array([-.99]))
