"Fits: what must come out, and what must be refused."
import re
import warnings
from dataclasses import replace
import numpy as np
import pytest
from scipy.stats import chi2
from specnb import (Datasets, ExpCutoffPowerLawSpectralModel, Fit, MapAxis, Parameter, PowerLawSpectralModel, RegionGeom, SkyModel, SpectralModel, SpectrumDataset, fit_many,
                    SpectrumDatasetOnOff)
from test_likelihood import FLUX, arrays


def dataset(name, seed, cash=False, **changes):
    spectrum = replace(arrays(seed, cash=cash), **changes)
    geom = RegionGeom.create(None, axes=[MapAxis.from_energy_edges(spectrum.e_reco_edges, unit="TeV")])
    return (SpectrumDataset if cash else SpectrumDatasetOnOff).from_arrays(spectrum, geom, name=name)


def power_law(name="source", **kwargs):
    return SkyModel(PowerLawSpectralModel(**{"index": 2., "amplitude": f"1e-12 {FLUX}", **kwargs}), name=name)


def test_the_minimum_has_no_slope_and_both_set_ups_agree():
    datasets = Datasets([dataset("a", 1), dataset("b", 2)])
    datasets.models = [power_law()]
    exact = Fit().run(datasets)
    likelihood = datasets.likelihood()
    errors = np.array([p.error for p in likelihood.parameters])
    assert likelihood.gradient(likelihood.start) * errors == pytest.approx([0, 0], abs=1e-4)
    assert np.linalg.inv(likelihood.hessian(likelihood.start) / 2) == pytest.approx(datasets.models.covariance.data[:2, :2], rel=1e-3)
    values = datasets.parameters.value
    datasets.models = [power_law()]
    plain = Fit(optimize_opts={"gradient": False}, covariance_opts={"backend": "minuit"}).run(datasets)
    assert plain.total_stat == pytest.approx(exact.total_stat, abs=1e-3)
    assert (datasets.parameters.value - values)[:2] / errors == pytest.approx([0, 0], abs=.02)
    assert exact.success and plain.success and exact.backend == "minuit"


def test_scipy_finds_the_same():
    datasets = Datasets([dataset("a", 1)])
    datasets.models = [power_law()]
    Fit().run(datasets)
    values, errors = datasets.parameters.value, datasets.parameters.error
    datasets.models = [power_law()]
    result = Fit(backend="scipy", optimize_opts={"method": "L-BFGS-B"}).run(datasets)
    assert (datasets.parameters.value - values)[:2] == pytest.approx([0, 0], abs=.05 * errors[:2].max())
    assert result.backend == "scipy" and result.method == "L-BFGS-B"


def test_toys_have_unit_pulls():
    base, truth = dataset("a", 1), power_law(index=2.3, amplitude=f"3e-11 {FLUX}")
    base.models, rng, pulls = [truth], np.random.default_rng(7), []
    background = 5 * base.arrays.e_reco_edges[:-1]**-1.7
    for _ in range(150):
        base.models = [truth]
        base.fake(background, rng)
        fitted = power_law(index=2.3, amplitude=f"3e-11 {FLUX}")
        base.models = [fitted]
        assert Fit().run(base).success
        pulls.append([(f.value - t.value) / f.error for f, t in zip(fitted.parameters[:2], truth.parameters[:2])])
    pulls = np.array(pulls)
    assert np.abs(pulls.mean(0)).max() < 4 / np.sqrt(150)
    assert chi2(149).cdf((pulls**2).sum(0)).max() < .9999 and chi2(149).cdf((pulls**2).sum(0)).min() > 1e-4


def test_cash_and_wstat_fit_together():
    datasets = Datasets([dataset("on-off", 1), dataset("known", 3, cash=True)])
    datasets.models = [power_law()]
    result = Fit().run(datasets)
    assert result.success and result.total_stat == pytest.approx(datasets.stat_sum())


def test_linked_parameters_are_fitted_as_one():
    datasets, first, second = Datasets([dataset("a", 1), dataset("b", 2)]), power_law("first"), power_law("second")
    first.datasets_names, second.datasets_names = ["a"], ["b"]
    second.spectral_model.index = first.spectral_model.index
    datasets.models = [first, second]
    assert Fit().run(datasets).success
    assert second.parameters["index"] is first.parameters["index"]
    assert second.parameters["index"].error > 0
    assert len(datasets.models.parameters.free_unique_parameters) == 3
    assert list(datasets.models.to_parameters_table()["link"]).count("") == 4


def test_frozen_parameters_stay_and_have_no_error():
    datasets = Datasets([dataset("a", 1)])
    model = power_law(index=2.5)
    model.parameters["index"].frozen = True
    datasets.models = [model]
    Fit().run(datasets)
    assert model.parameters["index"].value == 2.5 and model.parameters["index"].error == 0
    assert model.parameters["amplitude"].error > 0


def test_limits_hold_and_are_reported():
    datasets = Datasets([dataset("a", 1)])
    model = power_law(index=1.2)
    model.parameters["index"].max = 1.5
    datasets.models = [model]
    result = Fit().run(datasets)
    assert model.parameters["index"].value == pytest.approx(1.5) and model.parameters["index"].error == 0
    assert "index (at its limit)" in result.covariance_result.message
    interval = Fit().confidence(datasets, "index")
    assert np.isnan(interval["errp"]) and not interval["success"] and "errp" in interval["message"]


def test_a_parameter_without_influence_is_reported_not_hidden():
    datasets = Datasets([dataset("a", 1)])
    model = SkyModel(PowerLawSpectralModel(amplitude=f"3e-11 {FLUX}") * 1. + 0 * PowerLawSpectralModel(index=3, amplitude=f"1e-12 {FLUX}"), name="x")
    model.parameters[1].frozen = False
    datasets.models = [model]
    result = Fit().run(datasets)
    assert not result.success
    assert "not positive definite" in str(result) and np.isnan(model.parameters["index"].error)


def test_intervals_profiles_surfaces_and_contours_agree():
    datasets = Datasets([dataset("a", 1), dataset("b", 2)])
    datasets.models = [model] = [power_law()]
    fit = Fit()
    best = fit.run(datasets).total_stat
    index, amplitude = model.parameters["index"], model.parameters["amplitude"]
    before = datasets.parameters.value
    interval = fit.confidence(datasets, index)
    index.scan_values = [index.value - interval["errn"], index.value, index.value + interval["errp"]]
    scan = fit.stat_profile(datasets, index, reoptimize=True)
    assert scan["stat_scan"] - best == pytest.approx([1, 0, 1], abs=1e-5)
    assert np.all(fit.stat_profile(datasets, "index")["stat_scan"] >= scan["stat_scan"] - 1e-9)
    contour = fit.stat_contour(datasets, "index", "amplitude", numpoints=24)
    assert contour["success"]
    assert contour["source.spectral.index"].max() - index.value == pytest.approx(interval["errp"], rel=.02)
    index.scan_values, amplitude.scan_values = contour["source.spectral.index"][:3], contour["source.spectral.amplitude"][:3]
    surface = fit.stat_surface(datasets, index, amplitude)
    assert np.diag(surface["stat_scan"]) - best == pytest.approx([1, 1, 1], abs=.02)
    assert surface["stat_scan"].shape == (3, 3)
    assert datasets.parameters.value == pytest.approx(before, rel=1e-12)


def with_cutoff(exposure, cash=False):
    "A simulated source with a cutoff, fitted; `exposure` in units of that of `arrays`."
    base = dataset("a", 1, cash=cash, exposure=arrays(1).exposure * exposure)
    base.models = [SkyModel(ExpCutoffPowerLawSpectralModel(index=2.2, amplitude=f"4e-11 {FLUX}", lambda_=".1 TeV-1"), name="source")]
    base.fake(**{} if cash else {"npred_background": base.arrays.e_reco_edges[:-1]**-1.7}, random_state=4)
    return base, Fit().run(base)


@pytest.mark.parametrize("exposure, cash, sigma", [(2, False, 1), (2, False, 3), (2, True, 2), (.6, False, 1), (.6, False, 3), (.3, False, 2)])
def test_contours_have_the_rise_asked_for_and_are_those_of_minuit(exposure, cash, sigma):
    "Minuit's points lie on ours, in units of the errors; it may find none where few counts make them no ellipse at all."
    base, result = with_cutoff(exposure, cash)
    index, amplitude = base.models[0].parameters[:2]
    contour = Fit().stat_contour(base, index, amplitude, numpoints=720, sigma=sigma)
    ours, best = np.stack(list(contour.values())[1:], 1), np.array([index.value, amplitude.value])
    assert contour["success"] and np.array_equal(ours[0], ours[-1]) and len(ours) == 721
    index.scan_values, amplitude.scan_values = ours[::90].T
    assert np.diag(Fit().stat_surface(base, index, amplitude, reoptimize=True)["stat_scan"]) - result.total_stat == pytest.approx(sigma**2, rel=1e-6)
    theirs = result.minuit.mncontour(0, 1, cl=chi2(2).cdf(sigma**2), size=12)
    if not len(theirs) and exposure < 1: return
    theirs = theirs * 10**np.round(np.log10(best / result.minuit.values[:2]))
    root = np.linalg.inv(np.linalg.cholesky(base.models.covariance.data[:2, :2] / np.outer(best, best)))
    (angle, r), (their_angle, their_r) = ((np.arctan2(*c), np.hypot(*c)) for c in (root @ (points / best - 1).T for points in (ours[:-1], theirs)))
    order = np.argsort(angle)
    assert np.interp(their_angle, angle[order], r[order], period=2*np.pi) == pytest.approx(their_r, abs=5e-4 * sigma)


def test_contours_at_a_limit_are_left_to_minuit():
    "It follows the limit, or finds nothing."
    for exposure, sigma in ((2, 1), (.3, 3)):
        base, _ = with_cutoff(exposure)
        index = base.models[0].parameters["index"]
        index.min = index.value - index.error / 2
        contour = Fit().stat_contour(base, "index", "amplitude", numpoints=12, sigma=sigma)
        values = contour["source.spectral.index"]
        assert contour["success"] == (len(values) >= 12) and np.all(values >= index.min - 1e-9)
        assert contour["success"] or exposure < 1


def test_trace_and_texts():
    datasets = Datasets([dataset("a", 1)])
    datasets.models = [power_law()]
    result = Fit(store_trace=True, optimize_opts={"gradient": False}).run(datasets)
    assert result.trace.colnames == ["total_stat", "source.spectral.index", "source.spectral.amplitude"]
    assert len(result.trace) == result.nfev
    assert str(result).startswith("OptimizeResult\n\n\tbackend    : minuit\n\tmethod     : migrad\n\tsuccess    : True\n")
    assert "<table>" in result._repr_html_()


def bad_starts():
    for index in (-5, 0, 10, 30): yield dict(index=index)
    for amplitude in (1e-15, 1e-13, 1e-10, 1e-8, 1e-5, 0, -1e-12, -1e-9): yield dict(amplitude=f"{amplitude} {FLUX}")
    for index, amplitude in ((-5, 1e-15), (-5, 1e-8), (10, 1e-15), (10, 1e-8)): yield dict(index=index, amplitude=f"{amplitude} {FLUX}")


@pytest.mark.parametrize("cash", [False, True])
@pytest.mark.parametrize("start", list(bad_starts()), ids=str)
def test_bad_starts_reach_the_same_minimum(start, cash):
    "As far as an index of 30 or an amplitude of 1e-5; numpy has nothing to warn of (warnings are errors here)."
    datasets, good = Datasets([dataset("a", 1, cash=cash)]), power_law()
    datasets.models = [good]
    best, values, errors = Fit().run(datasets).total_stat, datasets.parameters.value[:2], datasets.parameters.error[:2]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for search in (Fit(), Fit(optimize_opts={"gradient": False}, covariance_opts={"backend": "minuit"})):
            datasets.models = [power_law(**start)]
            result = search.run(datasets)
            found, stat = datasets.parameters.value[:2], result.total_stat
            assert stat >= best - 1e-6 and np.isfinite(found).all()   # what overflows never looks good
            if "gradient" in search.optimize_opts: continue           # Migrad alone may get lost
            assert result.success and stat == pytest.approx(best, abs=1e-6) and (found - values) / errors == pytest.approx([0, 0], abs=1e-3)


LITTLE = {"nothing at all": (0, 0, True), "nothing ON": (0, 3, True), "nothing OFF": (5, 0, True), "one event ON": ("fourth", 0, True),
          "one event ON, for which no spectrum is too steep": ("first", 0, False), "one event OFF": (0, "middle", True),
          "one event ON, outweighed by empty bins": ("middle", 0, True), "a hundred million per bin": (1e8, 1e8, True)}


@pytest.mark.parametrize("case", LITTLE)
def test_few_and_many_counts(case):
    "A fit ends with finite values: at a minimum with errors, or without errors and says so."
    def counts(n): return np.eye(15)[{"first": 0, "fourth": 3, "middle": 6}[n]] if isinstance(n, str) else np.full(15, float(n))
    n_on, n_off, good = LITTLE[case]
    datasets = Datasets([dataset("a", 1, n_on=counts(n_on), n_off=counts(n_off), mask_safe=np.ones(15, bool))])
    datasets.models, datasets.statistic = [power_law()], "wstat"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", "the statistic is expected to shift")
        result = Fit().run(datasets)
    assert result.success == good and np.isfinite(datasets.parameters.value).all() and np.isfinite(result.total_stat)
    if not good: assert "failed" in str(result) or "No errors" in str(result)
    likelihood = datasets.likelihood()
    slope, noise = likelihood.gradient(likelihood.start)[:2] * datasets.parameters.error[:2], 1e-15 * 15 * n_on if n_on == 1e8 else 0
    if good and datasets.parameters.value[1]: assert np.isfinite(slope).all() and slope == pytest.approx([0, 0], abs=1e-4 + noise)
    elif good: # a minimum at zero flux is a result, at which the index has no influence
        assert np.isnan(datasets.parameters.error[0]) and datasets.parameters.error[1] == 0
        assert "No error for amplitude (zero, where the likelihood is no parabola), index (without influence then)." in result.covariance_result.message


@pytest.mark.parametrize("lowest", [0, np.nan])
@pytest.mark.parametrize("frozen", [False, True])
def test_a_minimum_at_zero_flux_is_a_valid_result(lowest, frozen):
    "At a limit of 0, or at the kink of W at 0: the same statistic as without the source, also in a batch; not 'positive definite'."
    d = dataset("a", 1, n_on=np.zeros(15), n_off=np.r_[np.full(8, 2.), np.zeros(7)], mask_safe=np.ones(15, bool))
    model = power_law(amplitude="1e-14 cm-2 s-1 TeV-1")
    model.parameters["amplitude"].min, model.parameters["index"].frozen = lowest, frozen
    datasets = Datasets([d])
    datasets.models = [model]
    many = fit_many(datasets, np.zeros((2, 15)))
    result, amplitude = Fit().run(datasets), model.parameters["amplitude"]
    assert result.success and many.success.all() and "definite" not in str(result)
    if lowest == 0:
        assert amplitude.value == 0 == many["amplitude"][0] and amplitude.error == 0 and "amplitude (at its limit)" in result.covariance_result.message
    else:
        assert amplitude.value <= 0


def test_counts_of_few_bins_that_a_power_law_cannot_describe_are_reported():
    d = Datasets([dataset("a", 1, mask_safe=np.arange(15) == 6)])
    d.models = [power_law()]
    result = Fit().run(d)
    assert not result.success and "positive definite" in result.message and np.isnan(d.parameters.error[:2]).all()
    d.models = [model] = [power_law()]
    model.parameters["index"].frozen = True
    assert Fit().run(d).success and model.parameters["amplitude"].error > 0


def test_a_response_that_reaches_no_bin_is_reported():
    d = Datasets([dataset("a", 1, edisp=np.zeros((40, 15)))])
    d.models = [power_law()]
    result = Fit().run(d)
    assert not result.success and "no influence of index, amplitude on the statistic" in result.message
    assert d.parameters.value[:2] == pytest.approx([2., 1e-12], rel=1e-3)


@pytest.mark.parametrize("limits, start, amplitude_min, end", [
    ((2, np.nan), 2., np.nan, None), ((np.nan, 1.9), 1.9, np.nan, 1.9), ((1.2, 1.3), 1.2, np.nan, 1.3), ((2, 2), 2., np.nan, 2.), ((-5, 5), 2., 0, None)])
def test_starts_on_a_limit(limits, start, amplitude_min, end):
    "A start on a limit leaves it if the minimum is inside; a minimum beyond ends on the limit, without error."
    d = Datasets([dataset("a", 1)])
    d.models = [free] = [power_law()]
    Fit().run(d)
    d.models = [model] = [power_law(index=start, **({"amplitude": f"0 {FLUX}"} if amplitude_min == 0 else {}))]
    index, amplitude = model.parameters[:2]
    (index.min, index.max), amplitude.min = limits, amplitude_min
    result = Fit().run(d)
    assert result.success and index.value == pytest.approx(free.parameters["index"].value if end is None else end, abs=1e-6)
    assert (index.error == 0) == (end is not None) and amplitude.error > 0


class Broken(SpectralModel):
    "No number above 10 TeV."
    amplitude = Parameter("amplitude", 1e-12, FLUX)
    @staticmethod
    def evaluate(energy, amplitude): return amplitude * np.where(energy < 10, 1., np.nan)


def test_a_model_that_gives_no_number_is_refused_at_the_start():
    d = Datasets([dataset("a", 1)])
    d.models = [SkyModel(Broken(), name="broken")]
    with pytest.raises(ValueError, match="the statistic is not finite at the start: amplitude=1e-12"): Fit().run(d)


REFUSED = {
    "no datasets": (lambda d, m: Fit().run([]), "no datasets to fit"),
    "no model": (lambda d, m: Fit().run(dataset("bare", 1)), "dataset 'bare' has no models"),
    "all frozen": (lambda d, m: (m.parameters.freeze_all(), Fit().run(d)), "no free parameter in source"),
    "start not finite": (lambda d, m: (setattr(m.parameters["index"], "value", np.nan), Fit().run(d)), "index.*source"),
    "start outside limits": (lambda d, m: (setattr(m.parameters["index"], "min", 3), Fit().run(d)), "index.*source.*outside"),
    "no bin left": (lambda d, m: (setattr(d, "mask_fit", np.zeros(15, bool)), Fit().run(d)), "no bin left to fit in 'a'"),
    "unknown parameter": (lambda d, m: Fit().confidence(d, "gamma"), "no parameter 'gamma'"),
    "frozen parameter": (lambda d, m: Fit().stat_profile(d, "reference"), "parameter 'reference' is frozen"),
    "unknown backend": (lambda d, m: Fit(backend="sherpa"), "backend: expected one of 'minuit', 'scipy', found 'sherpa'"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused(case):
    action, message = REFUSED[case]
    d, m = dataset("a", 1), power_law()
    d.models = [m]
    with pytest.raises((ValueError, KeyError), match=message): action(d, m)


@pytest.mark.parametrize("call, message", [
    (lambda d: Fit(optimize_opts={"stratgy": 2}), "optimize_opts: there is no option 'stratgy'"),
    (lambda d: Fit(optimize_opts={"migrad_opts": {"maxcall": 9}}), "optimize_opts: migrad_opts: there is no option 'maxcall'; expected some of ncall"),
    (lambda d: Fit(optimize_opts={"migrad_opts": {"ncall": "x"}}), "optimize_opts: migrad_opts: ncall: expected a whole number, found 'x'"),
    (lambda d: Fit(optimize_opts={"strategy": 7}), "optimize_opts: strategy: expected a whole number >= 0 and <= 2, found 7"),
    (lambda d: Fit(optimize_opts={"gradient": 5}), "optimize_opts: gradient: expected a bool, found 5"),
    (lambda d: Fit("scipy", {"method": "nope"}), "optimize_opts: method: expected one of Nelder-Mead, Powell"),
    (lambda d: Fit("scipy", {"callback": 5}), "optimize_opts: callback: expected a function, found 5"),
    (lambda d: Fit("scipy", {"options": 5}), "optimize_opts: options: expected a dict, found 5"),
    (lambda d: Fit().run(np.ones(3)), "datasets: expected a dataset, found float64"),
    (lambda d: setattr(d, "models", 5), "models: expected a SkyModel or a list of them, found 5"),
    (lambda d: Parameter("index", 2, scan_n_values=-3), "scan_n_values of parameter index: expected a whole number >= 1, found -3"),
    (lambda d: Parameter("index", 2, scan_min="low"), "scan_min of parameter index: expected a number or a quantity, found 'low'"),
    (lambda d: Parameter("index", 2, scan_values=["low"]), "scan_values of parameter index: expected numbers"),
    (lambda d: Parameter("index", 2, scan_n_sigma=0), "scan_n_sigma of parameter index: expected a positive number, found 0"),
    (lambda d: MapAxis.from_energy_bounds("1 deg", "10 TeV", 3), "energy_min: expected a unit that converts to TeV, found deg"),
    (lambda d: Fit(optimize_opts="tol"), "optimize_opts: expected a dict, found 'tol'"),
    (lambda d: Fit(optimize_opts={"tol": np.nan}), "optimize_opts: tol: expected a positive number, found nan"),
    (lambda d: Fit(covariance_opts={"bakend": "exact"}), "covariance_opts: there is no option 'bakend'"),
    (lambda d: Fit(backend=["minuit"]), "backend: expected one of"),
    (lambda d: Fit().confidence(d, "index", sigma=np.nan), "sigma: expected a positive number, found nan"),
    (lambda d: Fit().confidence(d, "index", sigma=-1), "sigma: expected a positive number, found -1"),
    (lambda d: Fit().stat_contour(d, "index", "amplitude", numpoints=0), "numpoints: expected a whole number >= 4 and <= 100000, found 0"),
])
def test_arguments_that_cannot_be_are_named(call, message):
    with pytest.raises((TypeError, ValueError), match=re.escape(message)): call(Datasets([]))


def test_an_option_set_later_is_checked_when_it_is_used():
    datasets, fit = Datasets([dataset("a", 1)]), Fit()
    datasets.models = [power_law()]
    fit.optimize_opts = {"stratgy": 2}
    with pytest.raises(ValueError, match="there is no option 'stratgy'"): fit.run(datasets)
