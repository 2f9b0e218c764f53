"Nuisance parameters: what is predicted, exact derivatives, every kind of fit, files."
import warnings
import astropy.units as u
import numpy as np
import pytest
from specnb import (Datasets, EnergyNodes, Fit, FluxPointsDataset, FluxPointsEstimator, GaussianPrior, Models, NuisanceModel, SkyModel, SpectralModel, fit_each,
                    fit_many, get_wstat_mu_bkg, sample_counts)
from specnb.models.nuisance import SeenSpectrum
from specnb.simulate.example import example_datasets, example_model

close = np.testing.assert_allclose
KNOWN = dict(background_norm=GaussianPrior(1, .05), area_norm=GaussianPrior(1, .1), energy_scale=GaussianPrior(1, .1))


def joint(cash=False, **nuisance):
    datasets = example_datasets()
    if cash:
        datasets = Datasets([d.to_spectrum_dataset() for d in datasets])
    source = SkyModel(example_model(index=2.1, amplitude="3.5e-11 cm-2 s-1 TeV-1"), name="source")
    datasets.models = [source, NuisanceModel(name="second", datasets_names="run 2", **nuisance)]
    return datasets


@pytest.mark.parametrize("cash", [False, True])
def test_derivatives_of_the_statistic_are_exact(cash):
    datasets = joint(cash, **KNOWN)
    likelihood = datasets.likelihood()
    theta = likelihood.start*np.array([1, 1.1, .9, 1.1, .93, 1.07])
    assert [p.name for p in likelihood.parameters] == ["index", "amplitude", "lambda_", "area_norm", "energy_scale", "background_norm"]
    numeric = [(likelihood.stat(theta + h) - likelihood.stat(theta - h))/(2*h.sum()) for h in np.diag(1e-5*theta)]
    close(likelihood.gradient(theta), numeric, rtol=2e-6)
    steps = 1e-5*theta
    rows = np.array([(likelihood.gradient(theta + h) - likelihood.gradient(theta - h))/(2*h.sum()) for h in np.diag(steps)])
    close(likelihood.hessian(theta)*np.outer(theta, theta), rows*np.outer(theta, theta), rtol=1e-4, atol=1e-3)
    values, gradient, information = likelihood.derivatives(theta)
    close(gradient, likelihood.gradient(theta), rtol=1e-12)
    assert np.linalg.eigvalsh(information*np.outer(theta, theta)).min() > 0


def test_the_prediction_is_the_integral_with_shifted_edges_through_the_same_response():
    datasets = joint(energy_scale=.85, area_norm=1.1, background_norm=1.2)
    run, model = datasets["run 2"], datasets.models["source"].spectral_model
    a, values = run.arrays, model.parameters.internal_values
    fine = np.linspace(np.log(a.e_true_edges[:-1]/.85), np.log(a.e_true_edges[1:]/.85), 400)
    energy = np.exp(fine)
    y = energy*model.dnde(energy.ravel(), values).reshape(energy.shape)
    flux = ((y[1:] + y[:-1])/2*np.diff(fine, axis=0)).sum(0)
    close(run.npred_signal().data.ravel(), 1.1*flux*1e4*a.exposure @ a.edisp, rtol=5e-4)
    off = get_wstat_mu_bkg(a.n_on, a.n_off, 1.2*a.alpha, run.npred_signal().data.ravel())
    close(run.npred_background().data.ravel(), 1.2*a.alpha*off, rtol=1e-9)
    close(run.npred_off().data.ravel(), off, rtol=1e-9)
    other = datasets["run 1"]
    close(other.npred_signal().data, other.fill(models=[datasets.models["source"]]).npred_signal().data)
    assert run.stat_sum() == pytest.approx(run.stat_array()[run.mask.data].sum())


@pytest.mark.parametrize("cash", [False, True])
def test_a_norm_that_is_fitted_is_the_norm_that_is_set(cash):
    datasets = joint(cash, **KNOWN)
    result = Fit().run(datasets)
    assert result.success and (result.parameters.free_parameters.error > 0).all()
    best = result.total_stat
    assert best == pytest.approx(datasets.stat_sum(), abs=1e-9)
    plain = Fit(optimize_opts={"gradient": False, "tol": 1e-4})
    datasets.parameters["area_norm"].value = 1.05
    assert plain.optimize(datasets).total_stat == pytest.approx(best, abs=1e-3)
    norm = datasets.parameters["background_norm"]
    interval = Fit().confidence(datasets, norm)
    Fit().optimize(datasets)
    norm.value += interval["errp"]
    norm.frozen = True
    assert Fit().optimize(datasets).total_stat == pytest.approx(best + 1, abs=1e-4)


def test_many_fits_and_toys_with_nuisance_parameters():
    datasets = joint(**KNOWN)
    n_on, n_off = sample_counts(datasets, 3, np.random.default_rng(0))
    many = fit_many(datasets, n_on, n_off)
    assert many.success.all() and many.names[-3:] == ["second.area_norm", "second.energy_scale", "second.background_norm"]
    for k in range(3):
        one = Datasets([d.fill(n_on=a[k], n_off=b[k]) for d, a, b in zip(datasets, n_on, n_off)])
        one.models = datasets.models.copy()
        assert Fit().run(one).success
        free = one.likelihood().parameters
        close((many.values[k] - [p.value for p in free])/[p.error for p in free], 0, atol=1e-3)
        close(many.errors[k], [p.error for p in free], rtol=2e-3)
    alone = Datasets([datasets["run 2"]])
    each = fit_each(alone)
    assert Fit().run(alone).success and each.success.all()
    close(each.values[0], [p.value for p in alone.likelihood().parameters], rtol=1e-4)


def test_norms_of_datasets_multiply_and_are_shared():
    datasets = joint(area_norm=1.2)
    shared = NuisanceModel(name="both", area_norm=.5, background_norm=GaussianPrior(1, .1))
    datasets.models = [*datasets.models, shared, NuisanceModel(name="run", datasets_names="run 2", background_norm=GaussianPrior(1, .2))]
    one, two = (d.npred_signal().data for d in datasets)
    datasets.models = [datasets.models["source"]]
    close([one.sum(), two.sum()], [.5*datasets[0].npred_signal().data.sum(), .6*datasets[1].npred_signal().data.sum()])
    datasets = joint(**KNOWN)
    datasets.models["second"].datasets_names = None
    datasets.models = list(datasets.models)
    assert len(datasets.likelihood().pairs) == 2 # one fold for both, and the priors
    likelihood = datasets.likelihood()
    numeric = [(likelihood.stat(likelihood.start + h) - likelihood.stat(likelihood.start - h))/(2*h.sum()) for h in np.diag(1e-5*likelihood.start)]
    close(likelihood.gradient(likelihood.start), numeric, rtol=1e-5, atol=1e-5)


def test_without_effect_they_cost_nothing_and_change_nothing():
    datasets = joint()
    source = datasets.models["source"]
    assert datasets[1].spectrum_of(source) is source.spectral_model and datasets[1].calibrated_arrays() is datasets[1].arrays
    assert len(datasets.likelihood().pairs) == 1
    datasets.models = [source]
    plain = Fit().run(datasets).total_stat
    datasets = joint()
    assert Fit().run(datasets).total_stat == pytest.approx(plain, abs=1e-8)


def test_flux_points_are_those_of_the_calibrated_instrument():
    datasets = joint(area_norm=1.25)
    second = Datasets([datasets["run 2"]])
    points = FluxPointsEstimator(energy_edges=[1, 3, 10]*u.TeV, source="source").run(second)
    second.models = [datasets.models["source"]]
    close(np.asarray(points.norm), np.asarray(FluxPointsEstimator(energy_edges=[1, 3, 10]*u.TeV, source="source").run(second).norm)/1.25, rtol=1e-6)


def test_every_spectrum_can_be_seen_for_many_sets_at_once():
    nodes = EnergyNodes(np.geomspace(.5, 20, 9))
    for cls in sorted(set(SpectralModel.registry.values()), key=lambda c: c.__name__):
        if cls.__module__.startswith("test_") or not cls.default_parameters: continue
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                model = cls()
        except TypeError:
            continue
        seen = SeenSpectrum(model, NuisanceModel(energy_scale=.9, area_norm=1.1))
        values = np.array([p.value*p.internal_factor for p in seen.parameters])*np.array([[1.], [1.01]])
        flux, slopes = seen.bin_flux_gradient(nodes, values)
        for row in (0, 1):
            alone = seen.bin_flux_gradient(nodes, values[row])
            close(flux[row], alone[0], rtol=1e-9, err_msg=cls.__name__)
            close(slopes[row], alone[1], rtol=1e-6, atol=1e-30, err_msg=cls.__name__)


def test_files_keep_nuisance_models_with_their_priors(tmp_path):
    datasets = joint(**KNOWN)
    Fit().run(datasets)
    datasets.models.write(tmp_path/"m.yaml")
    again = Models.read(tmp_path/"m.yaml")
    assert again.to_dict() == datasets.models.to_dict() and again.nuisances[0].datasets_names == ["run 2"]
    close(again.covariance.data, datasets.models.covariance.data)
    datasets.models = again
    assert datasets.stat_sum() == pytest.approx(Fit().run(datasets).total_stat, abs=1e-6)
    text = (tmp_path/"m.yaml").read_text().replace("name: area_norm", "name: area")
    with pytest.raises(ValueError, match="model second: no parameter 'area'; did you mean area_norm"): Models.from_yaml(text)
    with pytest.raises(ValueError, match="components.second.size: unknown key; known here: name, type, parameters, datasets_names"):
        Models.from_yaml(text.replace("type: NuisanceModel", "type: NuisanceModel\n    size: 3"))


def test_lists_of_models_treat_nuisance_models_like_sources():
    datasets = joint(**KNOWN)
    models = datasets.models
    models.freeze("spectral")
    assert [p.name for p in models.parameters.free_parameters] == ["background_norm", "area_norm", "energy_scale"]
    models.freeze()
    assert models.frozen
    models.unfreeze()
    assert len(models.parameters.free_parameters) == 6
    assert models.select(datasets_names="run 1").names == ["source"] and datasets.copy().models.names == ["source", "second"]
    points = FluxPointsEstimator(energy_edges=[1, 3, 10]*u.TeV, source="source", reoptimize=True).run(datasets)
    free, held = (np.asarray(FluxPointsEstimator(energy_edges=[1, 3, 10]*u.TeV, source="source", reoptimize=r).run(datasets).norm_err).ravel() for r in (True, False))
    assert (free > held).all()
    seen = FluxPointsDataset(data=points, models=[models["source"], NuisanceModel(name="x", energy_scale=GaussianPrior(1.02, .1))])
    likelihood = Datasets([seen]).likelihood()
    steps = np.diag(1e-5*likelihood.start)
    numeric = [(likelihood.stat(likelihood.start + h) - likelihood.stat(likelihood.start - h))/(2*h.sum()) for h in steps]
    np.testing.assert_allclose(likelihood.gradient(likelihood.start), numeric, rtol=1e-5, atol=1e-4)
