"Goodness of fit: what the statistic is on average if the model is true, p-values, and what is wrong with a model that is not."
import numpy as np
import pytest
from specnb import cash_moments, wstat, wstat_moments
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
    "From 30 counts on only some are taken; here all of them, one by one."
    from scipy.stats import poisson
    mu = s + a*b
    on, off = np.arange(int(mu + 12*mu**.5 + 20))[:, None], np.arange(int(b + 12*b**.5 + 20))
    p, w = poisson.pmf(on, mu)*poisson.pmf(off, b), wstat(on, off, a, s)
    mean = (p*w).sum()
    expected = mean, (p*(w - mean)**2).sum(), (p*w*(on/mu - 1)).sum(), (p*w*(on - a*off - s)).sum()
    found = wstat_moments(s, b, a)
    np.testing.assert_allclose([found.mean, found.variance, found.w_signal, found.w_contrast], expected, rtol=2e-6, atol=3e-7)


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
    mu = np.array([.3, 1, 3, 7, 20])
    mean = [-.25*.3**3 + 1.38*.3**2 - 2*.3*np.log(.3), -.00335 + .04259 - .27331 + 1.381, 1.019275 + .1345*3**(.461 - .9*np.log(3)),
            1.00624 + .604/7**1.68, 1 + .1649/20 + .226/400]
    variance = [4.23*.09 - 2.8254*.3 + 1.12522, 1.28 - 5.191 + 7.666 - 3.5446 + 1.15431, .089*27 - .872*9 + 2.8422*3 - .67539,
                2.05159 + .331*7**(1.343 - np.log(7)), 2 + .6747/20 + .79/400 + 12/8000]
    found = cash_moments(mu)
    np.testing.assert_allclose(found.mean, mean, rtol=2e-4)
    np.testing.assert_allclose(found.variance, variance, rtol=4e-4)
