"Statistics: limits, derivatives, cancellation, and intervals against plain root finding."
from decimal import Decimal, getcontext
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import brentq
from specnb.stats.stats import (CashCountsStatistic, WStatCountsStatistic, cash, cash_derivatives, cstat, get_wstat_mu_bkg, wstat,
                          wstat_derivatives)


def exact(n, m, a, s):
    "W statistic and profiled background with 50 digits."
    getcontext().prec = 50
    n, m, a, s = (Decimal(float(x)) for x in (n, m, a, s))
    c = a*(n + m) - (1 + a)*s
    b = (c + (c*c + 4*a*(1 + a)*m*s).sqrt())/(2*a*(1 + a))
    mu = s + a*b
    def deviance(k, x): return x - k + (k*(k/x).ln() if k else 0)
    return float(2*(deviance(n, mu) + deviance(m, b))), float(b), float(2*(1 - n/mu))


def test_cash_and_cstat():
    assert_allclose(cash([5, 0], 3), [-4.98612289, 6], rtol=1e-8)
    assert_allclose(cash(5, 0), 575.64627325, rtol=1e-10)
    assert_allclose(cstat([5, 0], 3), [1.10825624, 6], rtol=1e-8)
    assert_allclose(cash(7, 2.5) - cstat(7, 2.5), cash(7, 7), rtol=1e-12)
    assert cash(3, -1) == cash(3, 0)


@pytest.mark.parametrize("n", [0, 1, 7])
def test_cash_derivatives(n):
    mu, step = np.array([.3, 2., 9.]), 1e-4
    c, slope, bend = cash_derivatives(n, mu)
    assert_allclose(slope, (cash(n, mu + step) - cash(n, mu - step))/(2*step), rtol=1e-5, atol=1e-6)
    assert_allclose(bend, (cash(n, mu + step) - 2*c + cash(n, mu - step))/step**2, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("n, m, a, s, expected", [
    (5, 10, .5, 2, .48344856838684), (0, 10, .5, 2, 12.109302162163), (5, 0, .5, 2, 3.1629073187416), (5, 0, .5, 1, 6.9861228866811),
    (13, 11, .5, 0, 4.3799473226132), (3, 4, .1, -.2, 7.2472190363178), (0, 4, .1, -.38, .0103463551004), (0, 0, .1, -.1, 2)])
def test_wstat_values(n, m, a, s, expected): assert_allclose(wstat(n, m, a, s), expected, rtol=1e-10)


def test_wstat_limits():
    n, m, a = 7, 11, .2
    s = np.array([-1.5, .3, 2, 30])
    assert_allclose(wstat(0, m, a, s), 2*(s + m*np.log(1 + a)), rtol=1e-12)
    few, many = np.array([-2, 0, 1.1]), np.array([1.2, 8, 50])
    assert_allclose(wstat(n, 0, a, few), 2*(-few/a + n*np.log((1 + a)/a)), rtol=1e-12)
    assert_allclose(wstat(n, 0, a, many), 2*(many - n + n*np.log(n/many)), rtol=1e-12)
    assert_allclose(wstat(n, m, a, 0), 2*(n*np.log((1 + a)/a*n/(n + m)) + m*np.log((1 + a)*m/(n + m))), rtol=1e-12)
    assert_allclose(wstat(0, 0, a, [-1, 0, 1]), [2/a, 0, 2])
    assert_allclose(wstat(0, m, a, -5), 2*(5/a - m + m*np.log(m) - m*np.log(5/a)), rtol=1e-12)
    assert_allclose(wstat(n, m, a, n - a*m), 0, atol=1e-14)


def test_no_acceptance_counts_nothing():
    assert_array_equal(wstat([3, 0], [4, 0], 0, [1, -1]), [0, 0])
    for part in wstat_derivatives([3, 0], [4, 0], 0, [1, -1]): assert_array_equal(part, [0, 0])


@pytest.mark.parametrize("seed", range(5))
def test_wstat_against_many_digits(seed):
    rng = np.random.default_rng(seed)
    for n, m, a in zip(rng.integers(0, 2000, 40), rng.integers(1, 2000, 40), 10**rng.uniform(-4, .5, 40)):
        for s in (rng.uniform(-a*m/(1 + a), n + 1), rng.uniform(0, 10*n + 5), 1e-9*rng.normal()):
            if n == 0 and s < 0: continue
            found, expected = wstat_derivatives(n, m, a, s), exact(n, m, a, s)
            assert_allclose(found[0], expected[0], rtol=1e-9, atol=1e-11*(n + m))
            assert_allclose(get_wstat_mu_bkg(n, m, a, s), expected[1], rtol=1e-12)
            assert_allclose(found[1], expected[2], rtol=1e-9, atol=1e-12)


def test_no_cancellation_where_mu_or_b_vanish():
    "Large opposite terms: the means stay positive or exactly zero and W' keeps its sign."
    a, m = 1/13, 1.
    s = -a*m/(1 + a)*np.array([.999999999, 1, 1.000000001, 2])
    w, slope, bend = wstat_derivatives(0, m, a, s)
    assert np.all(np.isfinite(w)) and np.all(w > 0)
    assert_allclose(slope[0], 2)
    assert slope[3] == pytest.approx(2/a*(m/(-s[3]/a) - 1)) and bend[3] == pytest.approx(2*m/s[3]**2)
    assert get_wstat_mu_bkg(40, 0, .1, 1e6) == 0
    assert_allclose(get_wstat_mu_bkg(3, 5, .1, 1e9), 5/1.1, rtol=1e-6)


@pytest.mark.parametrize("n, m", [(0, 0), (0, 3), (4, 0), (4, 3), (200, 1000)])
@pytest.mark.parametrize("a", [.03, .5, 2])
def test_wstat_derivatives_and_convexity(n, m, a):
    s = np.linspace(-3, 12, 301) + .0123
    w, slope, bend = wstat_derivatives(n, m, a, s)
    step = 1e-5
    assert_allclose(w, wstat(n, m, a, s))
    assert_allclose(slope, (wstat(n, m, a, s + step) - wstat(n, m, a, s - step))/(2*step), rtol=2e-5, atol=2e-4)
    numeric = (wstat_derivatives(n, m, a, s + step)[1] - wstat_derivatives(n, m, a, s - step)[1])/(2*step)
    smooth = np.abs(numeric - bend) < 1e-3*(1 + np.abs(bend))
    assert smooth.sum() >= 299                                  # the curvature may jump once, where mu or b reaches 0
    assert np.all(bend >= 0) and np.all(np.diff(slope) >= -1e-9*(1 + np.abs(slope[1:])))


def test_kink_of_an_empty_bin():
    assert_array_equal(wstat_derivatives(0, 0, .25, [-1, -1e-300, 0, 1])[1], [-8, -8, 2, 2])
    assert_array_equal(wstat_derivatives(0, 0, .25, [-1, 0, 1])[2], 0)


def test_wstat_arguments():
    assert wstat([1, 2], [[3], [4]], .5, 0).shape == (2, 2)
    b = get_wstat_mu_bkg(5, 10, .5, 2)
    assert_allclose(wstat(5, 10, .5, 2, mu_bkg=b), wstat(5, 10, .5, 2))
    assert wstat(5, 10, .5, 2, mu_bkg=b + 1) > wstat(5, 10, .5, 2)
    extra = wstat(5, 10, .5, [0, 2]) - wstat(5, 10, .5, [0, 2], extra_terms=False)
    assert_allclose(extra, 2*(5*np.log(5) - 5 + 10*np.log(10) - 10))


def test_intervals_against_brentq():
    rng = np.random.default_rng(1)
    stat = WStatCountsStatistic(rng.integers(0, 60, 40), rng.integers(0, 200, 40), rng.uniform(.05, 1, 40))
    for q in (1, 2, 3):
        up, low, limit = stat.compute_errp(q), stat.compute_errn(q), stat.compute_upper_limit(q)
        for i in range(40):
            n, m, a, x = stat.n_on[i], stat.n_off[i], stat.alpha[i], stat.n_sig[i]
            def above(s): return wstat(n, m, a, s) - wstat(n, m, a, x) - q*q
            far = 2*q*(stat.error[i] + 1)
            assert_allclose(x + up[i], brentq(above, x, x + 4*far, xtol=1e-13), rtol=1e-9, atol=1e-9)
            assert limit[i] >= 0
            if x >= 0: assert_allclose(limit[i], x + up[i])
            else: assert_allclose(wstat(n, m, a, limit[i]) - wstat(n, m, a, 0), q*q, rtol=1e-9)
            if above(x - far) > 0: assert_allclose(x - low[i], brentq(above, x - far, x, xtol=1e-13), rtol=1e-9, atol=1e-9)
            else: assert low[i] == n


def test_wstat_counts_statistic():
    stat = WStatCountsStatistic([13, 5, 0, 40], [11, 1, 4, 60], [.5, .1, .2, .25])
    assert_allclose(stat.n_sig, [7.5, 4.9, -.8, 25])
    assert_allclose(stat.error, [3.96862697, 2.23830293, .4, 6.61437828], rtol=1e-8)
    assert_allclose(stat.sqrt_ts, [2.09283237, 4.33160924, -1.20771373, 4.57492358], rtol=1e-8)
    assert_allclose(stat.compute_errn(), [3.74952183, 1.91915210, .46926564, 6.32514513], rtol=1e-8)
    assert_allclose(stat.compute_errp(), [4.23647509, 2.58277012, .57071377, 6.91960221], rtol=1e-8)
    assert_allclose(stat.compute_upper_limit(3), [22.10792698, 14.89278136, 4.5, 47.70977466], rtol=1e-8)
    assert_allclose(stat.n_sig_matching_significance(5), [23.12188723, 6.29503029, 10.71093613, 27.85081412], rtol=1e-8)
    assert_allclose(stat.p_value[0], .0181818, rtol=1e-3)
    assert stat[1].n_on == 5 and stat[1:].n_on.shape == (3,)
    assert stat.info_dict()["n_off"][3] == 60 and "WStatCountsStatistic" in str(stat) and "<table>" in stat._repr_html_()


def test_matching_significance():
    stat = WStatCountsStatistic([3, 3, 3], [0, 5, 5], [.2, .2, 0])
    found = stat.n_sig_matching_significance(5)
    assert_allclose(found[:2], [6.97638283, 11.26670442], rtol=1e-8)
    assert np.isnan(found[2])
    back = WStatCountsStatistic(found[:2] + stat.n_bkg[:2], stat.n_off[:2], stat.alpha[:2])
    assert_allclose(back.sqrt_ts, 5, rtol=1e-10)
    low = WStatCountsStatistic(0, 100, .2).n_sig_matching_significance(-2)
    assert_allclose(WStatCountsStatistic(low + 20, 100, .2).sqrt_ts, -2, rtol=1e-8)


def test_sum_and_known_signal():
    stat = WStatCountsStatistic([13, 5], [11, 1], [.5, .1])
    total = stat.sum()
    assert (total.n_on, total.n_off) == (18, 12) and total.n_bkg == pytest.approx(5.6)
    assert WStatCountsStatistic([1, 2], [0, 0], [.1, .3]).sum().alpha == pytest.approx(.2)
    grid = WStatCountsStatistic(np.ones((2, 3)), np.ones((2, 3)), .5).sum(axis=0)
    assert_array_equal(grid.n_on, [2, 2, 2])
    assert WStatCountsStatistic(13, 11, .5, mu_sig=7.5).ts == pytest.approx(0)


def test_cash_counts_statistic():
    stat = CashCountsStatistic([13, 5, 0, 40], [5.5, 1, 4, 30])
    assert_allclose(stat.sqrt_ts, [2.71389626, 2.84506224, -2.82842712, 1.7362505], rtol=1e-8)
    assert_allclose(stat.compute_errn(), [3.28021156, 1.91591584, 0, 5.99570751], rtol=1e-8)
    assert_allclose(stat.compute_errp(), [3.94630912, 2.58110581, .5, 6.66218906], rtol=1e-8)
    assert_allclose(stat.n_sig_matching_significance(5), [15.39885968, 8.32727611, 13.6160318, 31.2945351], rtol=1e-8)
    assert_allclose(stat.compute_upper_limit(2)[[0, 2]], [7.5 + stat.compute_errp(2)[0], 2])
    for q in (1, 3): assert_allclose(cash(13, 13 + stat.compute_errp(q)[0]) - cash(13, 13), q*q, rtol=1e-9)
    assert np.isnan(CashCountsStatistic(3, 0).n_sig_matching_significance(5))
    assert stat.sum().n_on == 58 and stat[0].mu_bkg == 5.5


# --- numbers that cannot be --------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("wrong", [-1, np.nan, np.inf, [1, -2], "x"], ids=str)
@pytest.mark.parametrize("name", ["n_on", "n_off", "alpha"])
def test_counts_and_alpha_that_cannot_be_are_refused_by_name(name, wrong):
    "W of nan counts was 0."
    values = {"n_on": 5, "n_off": 8, "alpha": .25, name: wrong}
    for action in (lambda: WStatCountsStatistic(**values), lambda: wstat(mu_sig=1, **values)):
        with pytest.raises((TypeError, ValueError), match=f"{name}: expected"): action()
    if wrong == "x":
        for action in (lambda: cash(5, "x"), lambda: cstat(5, "x")):
            with pytest.raises(TypeError, match="mu_on: expected numbers, found 'x'"): action()
        with pytest.raises(TypeError, match="mu_sig: expected numbers, found 'x'"): wstat(5, 8, .25, "x")
    if name == "n_on":
        for action in (lambda: cash(wrong, 1), lambda: cstat(wrong, 1), lambda: CashCountsStatistic(wrong, 1)):
            with pytest.raises((TypeError, ValueError), match="n_on: expected"): action()


@pytest.mark.parametrize("n_sigma", [0, -1, np.nan, np.inf])
def test_a_number_of_standard_deviations_is_positive(n_sigma):
    for stat in (WStatCountsStatistic(5, 8, .25), CashCountsStatistic(5, 2)):
        for method in (stat.compute_errn, stat.compute_errp, stat.compute_upper_limit):
            with pytest.raises(ValueError, match="n_sigma: expected a positive number"): method(n_sigma)
    with pytest.raises(ValueError, match="significance: expected a number"): WStatCountsStatistic(5, 8, .25).n_sig_matching_significance(np.nan)


@pytest.mark.filterwarnings("error")
def test_zero_counts_have_finite_limits_and_no_measurement_has_none():
    "Values of Gammapy 2.1 for the first three, but for the limit of the second, which is not counted from a negative excess; the last has alpha = 0."
    stat = WStatCountsStatistic([0, 0, 5, 5], [0, 4, 0, 0], [.1, .1, .1, 0])
    assert stat.sqrt_ts[:3] == pytest.approx([0, -.87320183, 4.89683089]) and np.isnan(stat.sqrt_ts[3])
    assert stat.compute_errp() == pytest.approx([.5, .51875928, 2.58110581, np.nan], rel=1e-6, nan_ok=True)
    assert stat.compute_upper_limit(2) == pytest.approx([2, 2, 10.89376218, np.nan], rel=1e-6, nan_ok=True)
    assert np.isnan(stat.compute_errn()[3]) and np.isfinite(stat.compute_errn()[:3]).all() and np.isnan(stat.p_value[3])
    assert CashCountsStatistic(0, 0).compute_upper_limit(2) == 2 and np.isfinite(CashCountsStatistic(0, 0).sqrt_ts)
    small = WStatCountsStatistic(5, 8, [1e-3, 1e-6, 1e-9]).sqrt_ts
    assert (np.diff(small) > 0).all() and np.isfinite(small).all()


def test_shapes_that_do_not_go_together_are_told_and_nan_predictions_stay_nan():
    with pytest.raises(ValueError, match="counts and background differ in shape"): WStatCountsStatistic([1, 2], [1, 2, 3], .1)
    assert np.isnan(wstat(5, 8, .25, np.nan)) and np.isnan(cash(5, np.nan)) and wstat(5, 8, 0, 1) == 0


def test_an_upper_limit_is_never_negative():
    "Counted from the lowest point among signals >= 0; it was -11.5 for 3 ON counts over a background of 20."
    n_on, background = np.meshgrid(np.arange(0, 40, 3), np.arange(0, 400, 13))
    for stat in (WStatCountsStatistic(n_on, background/.2, .2), CashCountsStatistic(n_on, background)):
        limit = stat.compute_upper_limit(2)
        low = stat.n_sig < 0
        assert (limit > 0).all() and low.any()
        assert_allclose(limit[~low], (stat.n_sig + stat.compute_errp(2))[~low], rtol=1e-9)
        assert_allclose(stat._curve(limit)[0] - np.where(low, stat.stat_null, stat.stat_max), 4, rtol=1e-9)
    assert CashCountsStatistic(1, 1000.).compute_upper_limit(2) == pytest.approx(2.002)
