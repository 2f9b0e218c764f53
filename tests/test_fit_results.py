"Results of fits: independent of later fits, written and read; options and names of the peer (Gammapy 2.1)."
import numpy as np
import pytest
from specnb import (Covariance, DataError, Fit, FitResult, GaussianPrior, Model, Models, NuisanceModel, Parameter, Parameters, PowerLawSpectralModel,
                    SkyModel)
from specnb.simulate.example import example_datasets

PEER = """OptimizeResult:
    backend: minuit
    method: migrad
    success: true
    message: Optimization terminated successfully.
    nfev: 63
    total_stat: -22.739542649834924
CovarianceResult:
    backend: minuit
    method: hesse
    success: true
    message: Hesse terminated successfully.
metadata:
    creator: Gammapy 2.1
components:
-   name: source
    type: SkyModel
    spectral:
        type: PowerLawSpectralModel
        parameters:
        -   {name: index, value: 2.0, unit: '', error: .1}
        -   {name: amplitude, value: 1.0e-12, unit: TeV-1 s-1 cm-2, error: 2.e-13}
        -   {name: reference, value: 1.0, unit: TeV, frozen: true}
metadata:
    creator: Gammapy 2.1
"""


@pytest.fixture
def fitted():
    datasets = example_datasets()
    datasets.models = [*datasets.models, NuisanceModel(name="hess")]
    return datasets, Fit().run(datasets)


def test_a_result_is_written_and_read(fitted, tmp_path):
    result = fitted[1]
    result.write(tmp_path/"r.yaml")
    with pytest.raises(FileExistsError): result.write(tmp_path/"r.yaml")
    again = FitResult.read(tmp_path/"r.yaml")
    for name in ("success", "backend", "method", "message", "nfev", "total_stat"):
        assert getattr(again, name) == getattr(result, name)
    assert again.models.to_dict() == result.models.to_dict() and again.covariance_result.success
    np.testing.assert_allclose(again.models.covariance.data, result.models.covariance.data)
    np.testing.assert_allclose(again.covariance_result.matrix, result.covariance_result.matrix)
    assert Models.read(tmp_path/"r.yaml").names == result.models.names


def test_a_result_of_the_peer_is_read(tmp_path):
    (tmp_path/"r.yaml").write_text(PEER)
    result = FitResult.read(tmp_path/"r.yaml")
    assert (result.total_stat, result.nfev, result.covariance_result.method, result.parameters["index"].error) == (-22.739542649834924, 63, "hesse", .1)


WRONG = {"no result": ("OptimizeResult:", "OptimiseResult:", "OptimiseResult: unknown key; did you mean OptimizeResult"),
         "no number": ("nfev: 63", "nfev: many", "OptimizeResult.nfev: expected int, found 'many'"),
         "a key less": ("    total_stat: -22.739542649834924\n", "", "OptimizeResult.total_stat: missing"),
         "a key more": ("    nfev: 63\n", "    nfev: 63\n    edm: 1\n", "OptimizeResult.edm: unknown key"),
         "flag": ("success: true\n    message: Hesse", "success: 1\n    message: Hesse", "CovarianceResult.success: expected bool, found 1")}


@pytest.mark.parametrize("case", WRONG)
def test_a_file_that_is_no_result_is_refused(case, tmp_path):
    old, new, message = WRONG[case]
    assert old in PEER
    (tmp_path/"r.yaml").write_text(PEER.replace(old, new, 1))
    with pytest.raises(DataError, match=f"r.yaml: {message}"): FitResult.read(tmp_path/"r.yaml")
    models = tmp_path/"m.yaml"
    models.write_text(PEER[PEER.index("metadata"):])
    with pytest.raises(DataError, match="m.yaml: OptimizeResult: expected the outcome of a fit, found None; Models.read reads models alone"):
        FitResult.read(models)


def test_models_of_a_result_do_not_follow_later_fits(fitted):
    datasets, result = fitted
    value = result.parameters["index"].value
    errors = result.parameters.error
    assert (errors[[0, 1, 3]] > 0).all()
    np.testing.assert_allclose(result.models.covariance.data, datasets.models.covariance.data)
    datasets.parameters["index"].value = 1.
    assert result.parameters["index"].value == value and result.models is not datasets.models
    optimized = Fit().optimize(datasets)
    optimized.parameters.error = 0*optimized.parameters.error
    Fit().covariance(datasets, optimized)
    np.testing.assert_allclose(optimized.parameters.error, errors, rtol=1e-4)


def test_backends_may_stand_among_the_options(fitted):
    datasets, result = fitted
    datasets.parameters["index"].value = 2
    other = Fit(optimize_opts={"backend": "scipy", "method": "L-BFGS-B", "options": {"ftol": 1e-10}}, covariance_opts={"backend": "scipy"}).run(datasets)
    assert (other.backend, other.method) == ("scipy", "L-BFGS-B") and other.total_stat == pytest.approx(result.total_stat, abs=1e-3)
    with pytest.raises(ValueError, match="backend: expected one of 'minuit', 'scipy', found 'sherpa'"): Fit(optimize_opts={"backend": "sherpa"})


def test_names_of_parameters_and_covariances():
    p = Parameter("index", 2, error=.1)
    p.set_lim(min=1)
    p.set_lim(max=3)
    both = Parameters([p, Parameter("norm", 1, error=.2, frozen=True)])
    assert (p.min, p.max, both.types, both[np.array([False, True])].names) == (1, 3, ["", ""], ["norm"])
    p.value = 4
    with pytest.warns(UserWarning, match=r"index: the value 4 is outside its limits \[1, 3\]"): both.check_limits()
    covariance = Covariance(both)
    np.testing.assert_allclose(covariance.data, np.diag([.01, .04]))
    covariance.data = [[.01, .01], [.01, .04]]
    covariance.set_subcovariance(Covariance(both[:1], [[.09]]))
    np.testing.assert_allclose(covariance.data, [[.09, 0], [0, .04]])
    assert covariance.scipy_mvn.cov.tolist() == covariance.data.tolist()
    p.value, p.scale_method = 2e3, "factor1"
    p.autoscale()
    assert (p.scale, p.factor) == (2e3, 1)


def test_models_of_every_kind_by_tag():
    spectrum = Model.create("pl", index=2.5)
    spectrum.index.prior = GaussianPrior(2, .1)
    members = [SkyModel(spectrum, name="a"), NuisanceModel(name="b", area_norm=GaussianPrior(1, .1))]
    for model in (spectrum, spectrum.index.prior, *members, Model.create("exp-decay", "temporal")):
        again = Model.from_dict(model.to_dict())
        assert type(again) is type(model) and again.to_dict() == model.to_dict()
    assert isinstance(Model.from_dict(members[0].to_dict()).spectral_model, PowerLawSpectralModel)
    with pytest.raises(KeyError, match="no prior model with tag 'pl'"): Model.create("pl", "prior")


def test_a_search_that_starts_at_its_minimum_has_converged(monkeypatch):
    "The end may be above the start by rounding; more is a failure that leaves the parameters where they were."
    from specnb.fit import fit as chapter
    datasets = example_datasets()
    best = Fit().run(datasets)
    search = chapter._search
    for rise, success in ((1e-12, True), (1e-3, False)):
        def higher(problem, *args):
            problem.first -= rise
            return search(problem, *args)
        monkeypatch.setattr(chapter, "_search", higher)
        again = Fit().optimize(datasets)
        assert again.success is success and ("left at their start" in again.message) is not success
        assert abs(again.total_stat - best.total_stat) < 2e-3
