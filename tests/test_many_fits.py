"Many fits at once give what single fits give: for every model, with limits, shared and own responses; what fails says so."
import numpy as np
import pytest
from specnb import (AnalysisConfig, Datasets, Fit, SkyModel, SpectralAnalysis, SpectralModel, fit_each, fit_many, sample_counts)

close = np.testing.assert_allclose


def prepared(**settings):
    analysis = SpectralAnalysis(AnalysisConfig().with_settings({k.replace("__", "."): v for k, v in settings.items()}))
    analysis.get_observations()
    analysis.get_datasets()
    analysis.set_models()
    analysis.run_fit()
    return analysis.datasets


@pytest.fixture(scope="module")
def joint(): return prepared()


@pytest.fixture(scope="module")
def stacked(): return prepared(datasets__stack=True)


def single(datasets, on, off):
    "The same set by Fit."
    alone = Datasets([d.fill(n_on=a, **({} if b is None else {"n_off": b})) for d, a, b in zip(datasets, on, off)])
    alone.models = datasets.models.copy()
    return Fit().run(alone)


def check(many, datasets, n_on, n_off, sets):
    "Parameters within a thousandth of the error, statistic within 1e-6, errors within a thousandth."
    for k in sets:
        one = single(datasets, [x[k] for x in n_on], [None if x is None else x[k] for x in n_off])
        free = one.parameters.free_parameters
        assert many.success[k] and one.success
        close((many.values[k] - free.value)/free.error, 0, atol=1e-3)
        close(many.errors[k], free.error, rtol=2e-3)
        close(many.stat[k], one.total_stat, rtol=0, atol=1e-6)


def test_stacked_toys(stacked):
    n_on, n_off = sample_counts(stacked, 300, np.random.default_rng(1))
    many = fit_many(stacked, n_on, n_off)
    assert many.success.all() and many.names == ["source.index", "source.amplitude", "source.lambda_"]
    check(many, stacked, n_on, n_off, range(0, 300, 12))


def test_joint_toys(joint):
    n_on, n_off = sample_counts(joint, 60, np.random.default_rng(2))
    check(fit_many(joint, n_on, n_off), joint, n_on, n_off, range(0, 60, 6))


def test_few_counts(stacked):
    "A twentieth of the exposure: dozens of empty bins, kinks, flat directions. What arrives is right, and what Minuit had to do is told."
    faint = Datasets([stacked[0].fill(exposure=stacked[0].arrays.exposure/20)])
    faint.models, faint.statistic = stacked.models.copy(), "wstat"
    n_on, n_off = sample_counts(faint, 150, np.random.default_rng(3), background=[stacked[0].npred_background().data.ravel()/20])
    many = fit_many(faint, n_on, n_off)
    assert many.success.mean() > .9 and set(many.backend) <= {"scoring", "minuit"}
    other = [k for k in range(0, 150, 2) if abs(many.stat[k] - single(faint, [n_on[0][k]], [n_off[0][k]]).total_stat) > 1e-5]
    assert len(other) <= 3, "few sets have two minima, of which each search finds one"
    assert np.all(many.errors[many.success] > 0)


@pytest.mark.parametrize("tag", ["pl", "pl-2", "ecpl", "lp", "bpl", "sbpl", "ecpl-3fgl", "secpl-4fgl-dr3", "const"])
def test_every_shape(stacked, tag):
    "One step of every model in the batch is the step of the model alone; and a power law and a parabola are fitted to the end."
    from specnb.stats.likelihood import derivatives
    model = SpectralModel.registry[tag]()
    if "amplitude" in model.parameters.names: model.parameters["amplitude"].value *= 30
    datasets = Datasets([stacked[0].fill()])
    datasets.models = [SkyModel(model, name="source")]
    likelihood = datasets.likelihood()
    theta = likelihood.start*(1 + .01*np.random.default_rng(4).standard_normal((5, len(likelihood.start))))
    values, grads, _, _ = derivatives(likelihood.pairs, theta)
    for t, value, grad in zip(theta, values, grads):
        one = likelihood.derivatives(t)
        close(value, one[0], rtol=1e-10)
        close(grad, one[1], rtol=1e-7, atol=1e-9*np.abs(one[1]).max())
    if tag in ("pl", "lp"):
        n_on, n_off = sample_counts(stacked, 20, np.random.default_rng(5))
        check(fit_many(datasets, n_on, n_off), datasets, n_on, n_off, range(0, 20, 5))


def test_two_sources_and_a_users_own_model(stacked):
    from specnb import Parameter, PowerLawSpectralModel

    class Mine(SpectralModel):
        tag = "MineForBatch"
        amplitude = Parameter("amplitude", 3e-11, "cm-2 s-1 TeV-1")
        index = Parameter("index", 2.4)
        @staticmethod
        def evaluate(energy, amplitude, index): return amplitude*(energy/1.)**(-index) if not hasattr(energy, "unit") else amplitude*energy.to_value("TeV")**(-index)

    datasets = Datasets([stacked[0].fill()])
    fixed = PowerLawSpectralModel(amplitude="1e-12 cm-2 s-1 TeV-1", index=2)
    fixed.parameters.freeze_all()
    datasets.models = [SkyModel(Mine(), name="mine"), SkyModel(fixed, name="other")]
    n_on, n_off = sample_counts(datasets, 10, np.random.default_rng(6))
    many = fit_many(datasets, n_on, n_off)
    assert many.names == ["mine.amplitude", "mine.index"]
    check(many, datasets, n_on, n_off, (0, 5))
    SpectralModel.registry.pop("MineForBatch")


def test_limits_are_respected(stacked):
    datasets = Datasets([stacked[0].fill()])
    datasets.models = stacked.models.copy()
    lambda_ = datasets.models.parameters["lambda_"]
    lambda_.min, lambda_.max = .075, .09
    n_on, n_off = sample_counts(datasets, 80, np.random.default_rng(7))
    many = fit_many(datasets, n_on, n_off)
    at = (many["lambda_"] <= .075) | (many["lambda_"] >= .09)
    assert many.success.all() and many["lambda_"].min() >= .075 and many["lambda_"].max() <= .09 and at.sum() > 20
    assert np.all(many.errors[at, many.names.index("source.lambda_")] == 0) and np.all(many.errors[~at] > 0)
    for k in range(0, 80, 10):
        one = single(datasets, [n_on[0][k]], [n_off[0][k]])
        close(many.stat[k], one.total_stat, rtol=0, atol=2e-6)


def test_result_does_not_depend_on_chunks_and_start(stacked):
    n_on, n_off = sample_counts(stacked, 50, np.random.default_rng(8))
    whole, pieces = fit_many(stacked, n_on, n_off), fit_many(stacked, n_on, n_off, chunk_size=7)
    far = fit_many(stacked, n_on, n_off, start=np.array([p.value for p in stacked.parameters.free_parameters])*[.7, 3, 3])
    for other in (pieces, far): close((other.values - whole.values)/whole.errors, 0, atol=1e-3)
    close(far.stat, whole.stat, atol=1e-6)


def test_own_off_counts_and_expected_errors(stacked):
    n_on, _ = sample_counts(stacked, 5, np.random.default_rng(9))
    many = fit_many(stacked[0], n_on[0], errors="fisher")
    check_off = [np.tile(stacked[0].arrays.n_off, (5, 1))]
    one = single(stacked, [n_on[0][0]], [check_off[0][0]])
    close(many.stat[0], one.total_stat, atol=1e-6)
    close(many.errors[0], one.parameters.free_parameters.error, rtol=.3)
    assert np.isnan(fit_many(stacked[0], n_on[0], errors="none").errors).all()


def test_known_background(stacked):
    from specnb import SpectrumDataset
    a = stacked[0].arrays
    from dataclasses import replace
    arrays = replace(a, n_off=None, acceptance=None, acceptance_off=None, background=a.n_bkg + .01)
    datasets = Datasets([SpectrumDataset.from_arrays(arrays, stacked[0].geom, "cash", stacked[0].gti, None)])
    datasets.models = stacked.models.copy()
    n_on, n_off = sample_counts(datasets, 20, np.random.default_rng(10))
    assert n_off == [None]
    check(fit_many(datasets, n_on), datasets, n_on, n_off, (0, 10))


def test_each_dataset_by_itself(joint):
    datasets = Datasets([d.fill() for d in joint])
    datasets.models = [SkyModel(SpectralModel.registry["pl"](amplitude="3e-11 cm-2 s-1 TeV-1", index=2.4), name="source")]
    each = fit_each(datasets)
    for k, d in enumerate(datasets):
        alone = Datasets([d.fill()])
        alone.models = datasets.models.copy()
        one = Fit().run(alone)
        free = one.parameters.free_parameters
        close((each.values[k] - free.value)/free.error, 0, atol=1e-3)
        close(each.errors[k], free.error, rtol=2e-3)
        close(each.stat[k], one.total_stat, atol=1e-6)
    assert len(fit_each(datasets, chunk_size=2)) == 4


def test_what_cannot_be_fitted(joint, stacked):
    n_on, n_off = sample_counts(joint, 3, np.random.default_rng(11))
    for args, words in [((joint, n_on[:1], n_off), "expected 4 arrays"), ((joint, n_on, [x[:2] for x in n_off]), "expected 3 sets"),
                        ((stacked, -n_on[0]), "not negative"), ((stacked, n_on[0]*np.nan), "finite"), ((stacked, n_on[0][:, :3]), r"expected shape \(n_sets, 27\)")]:
        with pytest.raises(ValueError, match=words): fit_many(*args)
    with pytest.raises(ValueError, match="errors: expected 'hessian'"): fit_many(stacked, n_on[0], errors="minos")
    dark = Datasets([stacked[0].fill(mask_safe=np.zeros(27, bool))])
    dark.models = stacked.models
    with pytest.raises(ValueError, match="no bin left"): fit_many(dark, n_on[0])
    other = Datasets([joint[0].fill(), joint[1].slice_by_energy("1 TeV", "10 TeV")])
    other.models = joint.models.copy()
    with pytest.raises(ValueError, match="expected the axes, models and kind of background"): fit_each(other)
    frozen = Datasets([stacked[0].fill()])
    frozen.models = stacked.models.copy()
    frozen.models.freeze()
    with pytest.raises(ValueError, match="no free parameter"): fit_many(frozen, n_on[0])


def test_models_stay_as_they_are_even_if_minuit_helps(stacked, monkeypatch):
    from specnb.fit import many_fits
    before = [p.value for p in stacked.parameters]
    n_on, n_off = sample_counts(stacked, 4, np.random.default_rng(12))
    real = many_fits.minimize
    def lame(*args, **kwargs):
        found = real(*args, **kwargs)
        found.converged[np.isclose(args[0][0][1].n_on.sum(1), n_on[0][1][stacked[0].arrays.mask].sum())] = False
        return found
    monkeypatch.setattr(many_fits, "minimize", lame)
    many = fit_many(stacked, n_on, n_off)
    assert many.backend.tolist() == ["scoring", "minuit", "scoring", "scoring"] and many.success.all()
    check(many, stacked, n_on, n_off, (1, 2))
    assert [p.value for p in stacked.parameters] == before
    table = many.to_table()
    assert len(table) == 4 and str(table["source.lambda_"].unit) == "1 / TeV" and "1 of them by Minuit" in repr(many) and "<table>" in many._repr_html_()
    with pytest.raises(KeyError, match="expected one of source.index"): many["beta"]


def test_profiles_are_those_of_single_searches(stacked):
    from specnb.fit.problem import FitProblem
    datasets = Datasets([stacked[0].fill()])
    datasets.models = stacked.models.copy()
    Fit().run(datasets)
    index = datasets.parameters["index"]
    index.scan_values = np.linspace(index.value - 4*index.error, index.value + 4*index.error, 21)
    found = Fit().stat_profile(datasets, "index", reoptimize=True)["stat_scan"]
    problem = FitProblem(datasets)

    def alone(fixed, values):
        "Statistic of a search for one point, with exact second derivatives."
        theta = problem.start.copy()
        theta[fixed] = values
        return problem.minimize(theta, np.isin(range(3), fixed)).stat[0]

    close(found, [alone([0], v) for v in index.scan_values], atol=1e-6)
    lambda_ = datasets.parameters["lambda_"]
    lambda_.scan_values = np.linspace(.02, .2, 4)
    surface = Fit().stat_surface(datasets, "index", "lambda_", reoptimize=True)["stat_scan"]
    close(surface[3, 2], alone([0, 2], [index.scan_values[3], lambda_.scan_values[2]]), atol=1e-6)
    assert surface.shape == (21, 4)
