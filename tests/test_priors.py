"Priors: the densities, their part in every kind of fit, and their form in files. Numbers without another source are Gammapy's (2.1)."
import numpy as np
import pytest
from scipy import stats
from specnb import (PRIOR_REGISTRY, Datasets, Fit, GaussianPrior, GeneralizedGaussianPrior, LogUniformPrior, Models, Parameter, Prior, PriorParameter,
                    SkyModel, TablePrior, UniformPrior, fit_each, fit_many)
from specnb.simulate.example import example_datasets, example_model

close = np.testing.assert_allclose
X = np.array([.3, 1.1, 1.9, 2.6])
DENSITIES = {"gauss": (GaussianPrior(1, .4), stats.norm(1, .4)), "laplace": (GeneralizedGaussianPrior(1, .4, 1), stats.gennorm(1, 1, .4*2**.5)),
             "box": (GeneralizedGaussianPrior(1, .4, .2), stats.gennorm(5, 1, .4*2**.5)), "uniform": (UniformPrior(.2, 3), stats.uniform(.2, 2.8)),
             "log": (LogUniformPrior(.2, 3), stats.loguniform(.2, 3)), "table": (TablePrior(np.linspace(-2, 4, 200), stats.norm(1, .4).pdf(np.linspace(-2, 4, 200))), stats.norm(1, .4))}


def priors(model):
    model.index.prior = GaussianPrior(mu=2.1, sigma=.05)
    model.amplitude.prior = LogUniformPrior(min=1e-12, max=1e-9)
    model.lambda_.prior = GeneralizedGaussianPrior(mu=.12, sigma=.02, eta=.3)


def fitted():
    datasets = example_datasets()
    model = datasets.models[0].spectral_model
    model.amplitude.value = 3e-11
    priors(model)
    return datasets, Fit().run(datasets)


@pytest.mark.parametrize("name", DENSITIES)
def test_values_derivatives_and_quantiles_are_those_of_the_distribution(name):
    prior, distribution = DENSITIES[name]
    close(prior.stat(X), -2*distribution.logpdf(X), rtol=1e-4, atol=1e-4)
    close(prior.inverse_cdf([.05, .4, .9]), distribution.ppf([.05, .4, .9]), rtol=2e-3)
    value, first, second = prior.terms(X)
    h = 1e-4
    close(first, (prior.stat(X + h) - prior.stat(X - h))/(2*h), rtol=1e-5, atol=1e-6)
    close(second, (prior.terms(X + h)[1] - prior.terms(X - h)[1])/(2*h), rtol=1e-3, atol=1e-6)
    prior.weight = 2
    close(prior.terms(X), [2*value, 2*first, 2*second])
    prior.weight = 1


def test_a_prior_counts_in_the_fit_as_in_the_peer():
    datasets, result = fitted()
    assert result.success and result.total_stat == pytest.approx(-22.73954, abs=2e-5)
    close(datasets.parameters.value[[0, 1, 3]], [2.093612, 3.734790e-11, .1059352], rtol=2e-5)
    close(datasets.parameters.error[[0, 1, 3]], [.0465828, 3.08651e-12, .0150475], rtol=1e-4)
    close([datasets.stat_sum(), datasets._stat_sum_likelihood(), datasets[0].stat_sum(), datasets.parameters.prior_stat_sum()],
          [-22.73954, 31.32002, 12.07772, -54.05957], atol=1e-4)
    interval = Fit().confidence(datasets, "index")
    close([interval["errp"], interval["errn"]], [.046728, .046587], atol=2e-6)
    index = datasets.parameters["index"]
    index.scan_values = [2., 2.1, 2.2]
    close(Fit().stat_profile(datasets, index, reoptimize=True)["stat_scan"], [-18.70471, -22.72070, -17.56666], atol=2e-4)
    contour = Fit().stat_contour(datasets, "index", "lambda_", numpoints=4)
    index.value, datasets.parameters["lambda_"].value = (contour[f"source.spectral.{n}"][1] for n in ("index", "lambda_"))
    index.frozen = datasets.parameters["lambda_"].frozen = True
    assert Fit().optimize(datasets).total_stat == pytest.approx(result.total_stat + 1, abs=1e-4)


def test_many_fits_use_priors_too():
    datasets, result = fitted()
    free = datasets.parameters.free_parameters
    best, errors = free.value.copy(), free.error.copy()
    free.value = [2, 3e-11, .12]
    many = fit_many(datasets, [np.stack([d.arrays.n_on]*2) for d in datasets])
    close(many.values[1], best, rtol=1e-5)
    close(many.errors[0], errors, rtol=1e-3)
    close(many.stat, result.total_stat, atol=1e-6)
    alone = Datasets([datasets[0]])
    each = fit_each(alone)
    one = Fit().run(alone)
    close(each.values[0], alone.parameters.free_parameters.value, rtol=1e-5)
    close(each.stat[0], one.total_stat, atol=1e-6)


def test_a_uniform_prior_is_a_limit_and_a_linked_parameter_has_one_prior():
    datasets = example_datasets()
    datasets.models[0].spectral_model.index.prior = UniformPrior(1.5, 2.1)
    result = Fit().run(datasets)
    assert result.parameters["index"].value == 2.1 and result.parameters["index"].error == 0
    a, b = example_model(), example_model()
    b.index = a.index
    a.index.prior = GaussianPrior(2, .1)
    both = Models([SkyModel(a, name="a"), SkyModel(b, name="b")])
    assert both.parameters.prior_stat_sum() == a.index.prior_stat_sum()
    assert Models.from_dict(both.to_dict()).parameters.prior_stat_sum() == a.index.prior_stat_sum()


def test_a_class_of_ones_own_in_a_fit():
    class Ramp(Prior):
        slope = PriorParameter("slope", 1)

        @staticmethod
        def evaluate(value, slope):
            return slope*max(value, 0)

    assert PRIOR_REGISTRY.get_cls("Ramp") is Ramp
    datasets = example_datasets()
    Fit().run(datasets)
    plain = datasets.parameters["index"]
    value, error = plain.value, plain.error
    plain.prior = Ramp(slope=.2/error)
    assert Fit().run(datasets).parameters["index"].value == pytest.approx(value - .1*error, abs=.01*error)
    again = Parameter("index", 2, prior=plain.prior.to_dict()["prior"])
    assert isinstance(again.prior, Ramp) and again.prior.slope.value == .2/error
    PRIOR_REGISTRY.remove(Ramp)


PEER = """components:
-   name: a
    type: SkyModel
    spectral:
        type: PowerLawSpectralModel
        parameters:
        -   {name: index, value: 2.0, unit: '', error: 0, min: .nan, max: .nan, frozen: false, interp: lin, scale_method: scale10, scale_transform: lin,
             prior: {type: GaussianPrior, parameters: [{name: sigma, value: 0.1, unit: ''}, {name: mu, value: 2.0, unit: ''}], weight: 2}}
        -   {name: amplitude, value: 1.0e-12, unit: TeV-1 s-1 cm-2, error: 0, min: 1.0e-14, max: 1.0e-10, frozen: false, interp: log,
             prior: {type: LogUniformPrior, parameters: [{name: min, value: 1.0e-14, unit: ''}, {name: max, value: 1.0e-10, unit: ''}], weight: 1}}
        -   {name: reference, value: 1.0, unit: TeV, frozen: true}
"""


def test_files_of_the_peer_and_own_ones_with_every_prior(tmp_path):
    model = Models.from_yaml(PEER)[0].spectral_model
    assert (model.index.prior.mu.value, model.index.prior.sigma.value, model.index.prior.weight) == (2, .1, 2)
    close(model.amplitude.prior_stat_sum(), 2*np.log(1e-12) + 2*np.log(np.log(1e4)))
    for name, (prior, _) in DENSITIES.items():
        model.index.prior = prior
        Models([SkyModel(model, name="x")]).write(tmp_path/"m.yaml", overwrite=True)
        again = Models.read(tmp_path/"m.yaml")[0].spectral_model.index
        assert type(again.prior) is type(prior) and again.prior_stat_sum() == model.index.prior_stat_sum(), name
    assert list(model.parameters.to_table()["prior"]) == ["TablePrior", "LogUniformPrior", ""]
    assert model.copy().index.prior is not model.index.prior


def test_units_of_a_prior_are_converted_or_refused():
    cutoff = Parameter("ecut", "2 TeV", prior=GaussianPrior("1500 GeV", "500 GeV"))
    assert cutoff.prior_stat_sum() == pytest.approx(1 + np.log(2*np.pi*.25))
    cutoff.quantity = "2000 GeV"
    assert cutoff.prior_stat_sum() == pytest.approx(1 + np.log(2*np.pi*500**2))
    plain = Parameter("ecut", "2 TeV", prior=GaussianPrior(1.5, .5))
    with pytest.raises(ValueError, match="its prior is in TeV"): plain.quantity = "2000 GeV"
    with pytest.raises(TypeError, match="prior of parameter index: mu of a prior: expected a unit that converts to a pure number, found GeV"):
        Parameter("index", 2, prior=GaussianPrior("1 GeV", 1))
