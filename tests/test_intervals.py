"Intervals: what their ends must be, for parameters and for what follows from them, inside and at limits."
import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.stats import chi2, norm, poisson
from specnb import (Datasets, DerivedQuantity, ExpCutoffPowerLawSpectralModel, Fit, LogParabolaSpectralModel, NuisanceModel, GaussianPrior, PowerLawSpectralModel,
                    SkyModel, certify, cls_upper_limit, feldman_cousins, intervals, on_off_interval, sample_counts)
from specnb.fit.derived import BoundQuantity, reparametrised
from specnb.fit.problem import FitProblem
from test_fit import dataset, power_law
from test_likelihood import FLUX


def fitted(*models, n=2, **changes):
    datasets = Datasets([dataset(f"run {k}", k, **changes) for k in range(1, n + 1)])
    datasets.models = list(models) or [power_law()]
    Fit().run(datasets)
    return datasets


@pytest.fixture(scope="module")
def joint():
    "Two runs fitted with a power law."
    return fitted()


def brute_profile(datasets, quantity, value):
    "Lowest statistic for a value of a quantity of a power law, by brute force over the index."
    model = datasets.models[0].spectral_model.copy()
    def stat(index):
        model.index.value, model.amplitude.value = index, 1e-12
        model.amplitude.value = 1e-12*value/quantity(model)
        datasets.models[0].spectral_model.index.value = model.index.value
        datasets.models[0].spectral_model.amplitude.value = model.amplitude.value
        return datasets.stat_sum()
    best = datasets.parameters.value
    try:
        return minimize_scalar(stat, (1.8, 2.2), tol=1e-10).fun
    finally:
        datasets.parameters.value = best


def test_profile_interval_is_that_of_confidence(joint):
    for name in ("index", "amplitude"):
        found, ends = intervals(joint, name, confidence_level=chi2.cdf(4, 1)), Fit().confidence(joint, name, sigma=2)
        assert found.success and (found.errn, found.errp) == pytest.approx((ends["errn"], ends["errp"]), rel=1e-5)


def test_hessian_interval_is_symmetric_and_that_of_the_fit(joint):
    found = Fit().intervals(joint, "index", "hessian", .95)
    assert found.errn == pytest.approx(norm.isf(.025)*joint.parameters["index"].error, rel=1e-5) and found.errp == pytest.approx(found.errn)


@pytest.mark.parametrize("kind, method", [("flux", "integral"), ("energy_flux", "energy_flux")])
def test_hessian_interval_of_a_flux_is_linear_propagation(joint, kind, method):
    found = intervals(joint, getattr(DerivedQuantity, kind)("1 TeV", "10 TeV"), "hessian", chi2.cdf(1, 1))
    value, error = getattr(joint.models[0].spectral_model, f"{method}_error")("1 TeV", "10 TeV", symmetric=True).to_value(found.unit)
    assert (found.value, found.errp) == pytest.approx((value, error), rel=1e-4)


@pytest.mark.parametrize("quantity, function", [
    (DerivedQuantity.flux("1 TeV", "10 TeV"), lambda m: m.integral("1 TeV", "10 TeV").value),
    (DerivedQuantity.dnde("5 TeV"), lambda m: m("5 TeV").value),
    (lambda m: m.energy_flux("2 TeV", "20 TeV"), lambda m: m.energy_flux("2 TeV", "20 TeV").value)])
def test_profile_of_a_derived_quantity_is_the_constrained_minimum(joint, quantity, function):
    found, lowest = intervals(joint, quantity, confidence_level=chi2.cdf(1, 1)), joint.stat_sum()
    for end in (found.lower, found.upper):
        assert brute_profile(joint, function, end) - lowest == pytest.approx(1, abs=1e-3)


def test_derivatives_of_a_reparametrised_spectrum():
    datasets = fitted(SkyModel(LogParabolaSpectralModel(amplitude=f"2e-12 {FLUX}", beta=.05)), n=1)
    target = reparametrised(datasets, DerivedQuantity(lambda m: m.integral("1 TeV", "3 TeV")/m.integral("3 TeV", "10 TeV"), "ratio"))
    likelihood = target.datasets.likelihood()
    x = likelihood.start*1.02
    step = 1e-5*np.abs(x)*np.eye(len(x))
    slopes = [(likelihood.stat(x + s) - likelihood.stat(x - s))/(2*s.sum()) for s in step]
    assert likelihood.gradient(x) == pytest.approx(slopes, rel=1e-4)


def test_reparametrised_fit_with_a_nuisance_has_the_same_minimum():
    nuisance = NuisanceModel(area_norm=GaussianPrior(mu=1, sigma=.1), name="area")
    datasets = fitted(power_law(), nuisance)
    target = reparametrised(datasets, DerivedQuantity.flux("1 TeV", "10 TeV"))
    problem = FitProblem(target.datasets)
    found = problem.minimize(problem.start)
    assert found.stat[0] == pytest.approx(datasets.stat_sum(), abs=1e-6) and target.parameter.name == "flux"
    assert found.theta[0] == pytest.approx(problem.start, rel=1e-3)


def test_a_shared_parameter_is_no_pivot():
    first, second = power_law("a"), power_law("b")
    second.spectral_model.amplitude = first.spectral_model.amplitude
    datasets = Datasets([dataset("a", 1)])
    datasets.models = [first, second]
    second.spectral_model.index.frozen = True
    target = reparametrised(datasets, DerivedQuantity.flux("1 TeV", "10 TeV"))
    assert [p.name for p in FitProblem(target.datasets).parameters] == ["flux", "amplitude"]


def test_cutoff_energy_is_the_inverse_and_infinite_without_a_cutoff():
    datasets = fitted(SkyModel(ExpCutoffPowerLawSpectralModel(index=2, amplitude=f"1e-12 {FLUX}", lambda_="0.05 TeV-1"), name="source"))
    cutoff, inverse = DerivedQuantity.cutoff_energy(), datasets.parameters["lambda_"]
    inverse.min, inverse.value = 1e-3, .05
    found, ends = intervals(datasets, cutoff), intervals(datasets, "lambda_")
    assert (found.lower, found.upper) == pytest.approx((1/ends.upper, 1/ends.lower), rel=1e-6) and found.unit == "TeV"
    inverse.min = np.nan
    wide = intervals(datasets, cutoff, confidence_level=.99)
    if intervals(datasets, "lambda_", confidence_level=.99).lower < 0:
        assert np.isinf(wide.upper) and "not finite" in wide.status and np.isfinite(wide.lower)


def test_upper_limit_of_a_decreasing_quantity_is_the_lower_end_of_the_parameter():
    datasets = fitted(SkyModel(ExpCutoffPowerLawSpectralModel(index=2, amplitude=f"1e-12 {FLUX}", lambda_="0.05 TeV-1"), name="source"))
    datasets.parameters["lambda_"].value, datasets.parameters["lambda_"].min = .01, 0
    low = intervals(datasets, DerivedQuantity.cutoff_energy(), side="lower", confidence_level=.95)
    assert 0 < low.lower == pytest.approx(1/intervals(datasets, "lambda_", side="upper", confidence_level=.95).upper, rel=1e-6)


def weak(n_on, **limits):
    "A run with `n_on` in each bin above OFF counts of 10 at alpha 0.5, and an amplitude alone."
    d = dataset("weak", 1)
    d = d.fill(n_on=np.full(d.arrays.n_reco, float(n_on)), n_off=np.full(d.arrays.n_reco, 10.), acceptance=np.ones(d.arrays.n_reco),
               acceptance_off=np.full(d.arrays.n_reco, 2.))
    model = power_law()
    model.parameters["index"].frozen = True
    model.parameters["amplitude"].set_lim(**limits)
    datasets = Datasets([d])
    datasets.models = [model]
    return datasets


def test_profile_at_a_limit_starts_at_the_limit():
    datasets = weak(3, min=0)
    Fit().run(datasets)
    found = intervals(datasets, "amplitude", confidence_level=.9)
    assert found.value == found.lower == 0 and "lower end at the limit" in found.status and found.success
    lowest = datasets.stat_sum()
    datasets.parameters["amplitude"].value = found.upper
    assert datasets.stat_sum() - lowest == pytest.approx(norm.isf(.05)**2, abs=1e-3)
    none = intervals(datasets, "amplitude", "hessian")
    assert np.isnan([none.lower, none.upper]).all() and "at its limit" in none.status and not none.success


def test_bootstrap_agrees_with_the_profile_within_its_error(joint):
    exact = intervals(joint, "index")
    for resample in ("model", "counts"):
        found = intervals(joint, "index", "bootstrap", n_toys=300, random_state=3, resample=resample)
        assert found.n_toys == 300 and len(found.samples) == 300
        assert abs(found.lower - exact.lower) < 4*found.error_lower + .1*exact.errn
        assert abs(found.upper - exact.upper) < 4*found.error_upper + .1*exact.errp


def test_bootstrap_corrects_the_bias_of_a_skewed_estimate():
    "Quantiles of log-normal fits, all shifted: Efron's interval is that of the logarithm, shift undone."
    from specnb.fit.interval_ends import corrected_ends
    class Question:
        value, z, tails, side, limits = 1., 1., (.16, .16), "both", (-np.inf, np.inf)
    sample = np.exp(.2*norm.ppf((np.arange(20000) + .5)/20000) + .1)
    found = corrected_ends(Question, sample)
    assert (found.lower, found.upper) == pytest.approx((np.exp(-.2 - .1), np.exp(.2 - .1)), rel=2e-3)


def test_nothing_of_the_user_changes(joint):
    before = [(p.value, p.error, p.min, p.frozen) for p in joint.parameters]
    intervals(joint, method=["hessian", "profile", "bootstrap"], n_toys=50)
    intervals(joint, DerivedQuantity.flux("1 TeV", "10 TeV"), bounds=(0, None))
    after = [(p.value, p.error, p.min, p.frozen) for p in joint.parameters]
    assert np.array(after, float) == pytest.approx(np.array(before, float), nan_ok=True)


def test_a_list_shows_itself_as_a_table(joint):
    found = intervals(joint, method=["hessian", "profile"])
    table = found.to_table()
    assert table["method"].tolist() == ["hessian", "profile"]*2 and len(found) == 4
    assert "index" in repr(found) and "<table>" in found._repr_html_() and "profile" in repr(found[1])


def test_a_quantity_without_number_or_influence_is_refused(joint):
    with pytest.raises(TypeError, match="one number"):
        intervals(joint, lambda m: [1, 2])
    with pytest.raises(ValueError, match="no free parameter"):
        intervals(joint, lambda m: 3.)
    with pytest.raises(ValueError, match="expected one of"):
        BoundQuantity and intervals(joint, "index", "guess")


def test_power_law_flux_limits():
    "The limit of a flux of fixed shape is that of the amplitude times its ratio."
    datasets = weak(8)
    Fit().run(datasets)
    amplitude = intervals(datasets, "amplitude", side="upper", confidence_level=.95)
    flux = intervals(datasets, DerivedQuantity.flux("1 TeV", "10 TeV"), side="upper", confidence_level=.95)
    model = PowerLawSpectralModel(index=2, amplitude=f"1e-12 {FLUX}")
    assert flux.upper == pytest.approx(amplitude.upper*1e12*model.integral("1 TeV", "10 TeV").value, rel=1e-6)


def test_certificate_of_a_fit_with_many_counts(joint):
    "Pulls of mean 0 and width 1, and intervals that cover, within 3.5 errors of 600 sets."
    found = Fit().certify(joint, n_toys=600, random_state=5)
    assert found.names == ["source.index", "source.amplitude"] and found.n_failed == 0
    for name in ("index", "amplitude"):
        row = found[name]
        assert abs(row["pull_mean"]) < 3.5*row["pull_mean_err"] + .1 and abs(row["pull_width"] - 1) < 3.5*row["pull_width_err"]
        for method in ("hessian", "profile"):
            for level in (.683, .95):
                key = f"{method}_{100*level:.3g}"
                assert abs(row[key] - level) < 3.5*row[f"{key}_err"]
    assert found.pulls.shape == (600, 2) and "<table>" in found._repr_html_() and "Certificate from 600" in repr(found)


def test_certificate_counts_the_truths_inside_profile_intervals(joint):
    "The coverage from one constrained fit a set is that of intervals made one by one."
    row = certify(joint, n_toys=40, random_state=1)["index"]
    counts = sample_counts(joint, 40, np.random.default_rng(1))
    inside = 0
    for k in range(40):
        toy = Datasets([d.fill(n_on=on[k], n_off=off[k]) for d, on, off in zip(joint, *counts)])
        inside += bool(intervals(toy, "index").contains(joint.parameters["index"].value))
    assert row["profile_68.3"] == inside/40


def test_certificate_says_in_words_what_deviates():
    "Ten counts and sparse OFF counts for two free parameters: what is quoted does not cover, and the certificate says so."
    d = dataset("a", 1)
    n = d.arrays.n_reco
    datasets = Datasets([d.fill(acceptance=np.ones(n), acceptance_off=np.ones(n))])
    datasets.models = [power_law(index=2.2, amplitude=f"3e-12 {FLUX}")]
    found = certify(datasets, n_toys=100, refit=False, background=[np.full(n, .3)])
    assert not found.good and any("take method" in w for w in found.words) and any("too few counts" in w for w in found.words)
    assert found.n_failed > 5 and set(found.to_dict()["parameters"]) == {"source.index", "source.amplitude"}


def test_certificate_of_a_derived_quantity(joint):
    found = certify(joint, n_toys=100, quantities=[DerivedQuantity.flux("1 TeV", "10 TeV")])
    value = joint.models[0].spectral_model.integral("1 TeV", "10 TeV").value
    assert found["flux"]["truth"] == pytest.approx(value, rel=1e-4) and .5 < found["flux"]["profile_68.3"] < .85


def test_feldman_cousins_is_the_profile_where_counts_are_many(joint):
    exact = intervals(joint, "index", confidence_level=.9)
    found = intervals(joint, "index", "feldman-cousins", .9, n_toys=200, random_state=1)
    assert abs(found.lower - exact.lower) < 4*found.error_lower and abs(found.upper - exact.upper) < 4*found.error_upper
    assert found.n_toys >= 400 and len(found.tested) == found.n_toys/200 and 0 < found.error_upper < .5*exact.errp


def test_feldman_cousins_of_a_weak_flux_is_never_negative_nor_empty():
    for n_on in (3, 5):
        datasets = weak(n_on)
        datasets.parameters["amplitude"].value = 1e-13
        amplitude, flux = (intervals(datasets, q, "feldman-cousins", .9, n_toys=100, random_state=2)
                           for q in ("amplitude", DerivedQuantity.flux("1 TeV", "10 TeV")))
        assert amplitude.lower == 0 < amplitude.upper and "at the limit" in amplitude.status
        model = PowerLawSpectralModel(index=2, amplitude=f"1e-12 {FLUX}")
        assert flux.upper == pytest.approx(amplitude.upper*1e12*model.integral("1 TeV", "10 TeV").value, abs=4*flux.error_upper)


def test_cls_of_many_counts_is_the_asymptotic_one_and_above_the_profile():
    datasets = weak(7)
    Fit().run(datasets)
    simple, toys = (intervals(datasets, "amplitude", "cls", .95, n_toys=300, **o) for o in ({"asymptotic": True}, {}))
    profile = intervals(datasets, "amplitude", "profile", .95, side="upper", bounds=(0, None))
    assert toys.side == "upper" and abs(toys.upper - simple.upper) < 4*toys.error_upper
    assert simple.upper >= profile.upper*(1 - 1e-3) and 0 < toys.error_upper < .2*toys.upper


def test_cls_never_excludes_zero_for_a_downward_fluctuation():
    datasets = weak(1)
    datasets.parameters["amplitude"].value = 1e-13
    found = intervals(datasets, "amplitude", "cls", .95, asymptotic=True)
    profile = intervals(datasets, "amplitude", "profile", .95, side="upper", bounds=(0, None))
    assert found.upper > 1.2*profile.upper > 0
    with pytest.raises(ValueError, match="expected an amplitude"):
        datasets.parameters["index"].frozen = False
        intervals(datasets, "index", "cls")


def test_asymptotic_cls_is_that_of_two_normal_distributions():
    "Cowan et al. 2011, eqs. 65 and 66: sigma = 1, best value x, no signal expected."
    from specnb.fit.hypotheses import asymptotic_cls
    for best, value in ((.5, 2.), (1.5, 2.), (-.7, 2.), (0., 1.)):
        q = (value - best)**2 if best >= 0 else value**2 - 2*value*best
        assert asymptotic_cls(q, value**2) == pytest.approx(norm.sf(value - best)/norm.cdf(best), rel=1e-9)


B3_LOWER = [0, 0, 0, 0, 0, 0, .15, .89, 1.51, 1.88, 2.63, 3.04, 4.01, 4.42, 5.50]
B3_UPPER = [1.08, 1.88, 3.04, 4.42, 5.60, 6.99, 8.47, 9.53, 10.99, 12.30, 13.50, 14.81, 16.00, 17.05, 18.50]


@pytest.mark.parametrize("n_on, background, lower, upper", [
    (np.arange(15), 3, B3_LOWER, B3_UPPER), (10, .5, 5, 16), (np.arange(5), 0, [0, .11, .53, 1.10, 1.47], [2.44, 4.36, 5.91, 7.42, 8.60])])
def test_feldman_cousins_tables(n_on, background, lower, upper):
    "Phys. Rev. D 57, 3873, Table IV: 90 %, two digits."
    found = feldman_cousins(n_on, background)
    assert found.lower == pytest.approx(lower, abs=.0101) and found.upper == pytest.approx(upper, abs=.0101)


def test_feldman_cousins_sensitivity():
    "Its Table XII: mean upper limit without signal over a background of 3, 90 %."
    n = np.arange(12)
    assert poisson.pmf(n, 3) @ feldman_cousins(n, 3).upper == pytest.approx(4.42, abs=.011)


def test_cls_limit_has_the_ratio_of_p_values():
    for n, b in ((0, 2.), (3, 1.5), (12, 10.)):
        s = cls_upper_limit(n, b, .9)
        assert poisson.cdf(n, s + b)/poisson.cdf(n, b) == pytest.approx(.1, rel=1e-9)


def test_profile_of_on_and_off_counts_is_the_brute_force_one():
    "Rolke, Lopez and Conrad's model with a Poisson background: minimum over the background by a search."
    def profile(s, x, y, tau):
        return minimize_scalar(lambda b: -2*(poisson.logpmf(x, s + b) + poisson.logpmf(y, tau*b)), (.1, 5), bounds=(1e-9, 60), method="bounded").fun
    for x, y, tau in ((8, 12, 4.), (1, 7, 5.), (25, 10, 1.)):
        found, best = on_off_interval(x, y, 1/tau, .9), max(x - y/tau, 0)
        ends = [end for end in found if end > 0]
        assert [profile(e, x, y, tau) - profile(best, x, y, tau) for e in ends] == pytest.approx([norm.isf(.05)**2]*len(ends), abs=2e-3)


def test_simulated_hypotheses_agree_with_the_exact_belt():
    "One bin over a known background of 3, ordered by likelihood: toys against all outcomes."
    d = dataset("one bin", 1, cash=True)
    one = np.arange(d.arrays.n_reco) == 5
    for n in (4, 9):
        datasets = Datasets([d.fill(n_on=np.where(one, float(n), 0), background=np.full(d.arrays.n_reco, 3.), mask_fit=one, mask_safe=one)])
        datasets.models = [power_law()]
        datasets.parameters["index"].frozen = True
        counts = datasets[0].npred_signal().data.ravel()[5]/datasets.parameters["amplitude"].value
        found, exact = intervals(datasets, "amplitude", "feldman-cousins", .9, n_toys=1000), feldman_cousins(n, 3, lengthen=False)
        for end, true in ((found.lower*counts, exact.lower), (found.upper*counts, exact.upper)):
            assert end == pytest.approx(float(true), abs=.35), (n, end, true)


def test_on_and_off_counts_ordered_by_likelihood_cover():
    "Listed pairs of counts: the p-value of the true signal is below 10 % in about 10 % of the outcomes."
    from specnb.stats.counting import on_off_p_value
    s, b, alpha = 3., 6., .5
    on, off = np.arange(16), np.arange(18)
    p = poisson.pmf(on, s + alpha*b)[:, None]*poisson.pmf(off, b)
    inside = np.array([[on_off_p_value(x, y, alpha, s) > .1 for y in off] for x in on])
    assert .87 < (p*inside).sum()/p.sum() < .95


def test_chain_of_many_counts_is_the_profile(joint):
    pytest.importorskip("emcee")
    exact = intervals(joint, "index")
    found, again = (intervals(joint, "index", "mcmc", n_toys=200, random_state=4) for _ in range(2))
    assert abs(found.lower - exact.lower) < .15*exact.errn + 4*found.error_lower and abs(found.upper - exact.upper) < .15*exact.errp + 4*found.error_upper
    assert found.n_toys == len(found.samples) >= 10000 and found.lower == again.lower


def test_chain_for_a_flux_has_the_prior_of_the_parameters():
    "Density in flux and index times the Jacobian is that in amplitude and index."
    from specnb.fit.chains import log_posterior
    from specnb.fit.derived import copied
    from specnb.fit.interval_ends import Question
    datasets = fitted()
    target, own = reparametrised(datasets, DerivedQuantity.flux("1 TeV", "10 TeV")), copied(datasets)
    of_flux, of_own = Question(target.datasets, target.parameter, .683, "both"), Question(own, own.parameters["amplitude"], .683, "both")
    points, fluxes = [], []
    for index, amplitude in ((1.8, 1e-11), (2.4, 2e-11)):
        model = PowerLawSpectralModel(index=index, amplitude=f"{amplitude} {FLUX}")
        points.append([index, amplitude])
        fluxes.append([index, model.integral("1 TeV", "10 TeV").value])
    jacobian = np.log([f[1]/p[1] for f, p in zip(fluxes, points)])
    assert np.diff(log_posterior(of_flux, np.array(fluxes), target.spectrum)) == pytest.approx(
        np.diff(log_posterior(of_own, np.array(points)) - jacobian), rel=1e-6)
