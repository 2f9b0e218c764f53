"Names and results of models that scripts expect: registries, creation and selection of sources, errors in their several forms."
import numpy as np
import pytest
import astropy.units as u
from numpy.testing import assert_allclose
from specnb import (MODEL_REGISTRY, SPATIAL_MODEL_REGISTRY, SPECTRAL_MODEL_REGISTRY, ConstantSpectralModel,
                    ExpCutoffPowerLawSpectralModel, LogParabolaSpectralModel, MapAxis, Models, Parameter, PowerLawNormSpectralModel,
                    PowerLawSpectralModel, SkyModel, SpectralModel, integrate_spectrum)
from specnb.models.registry import Registry


@pytest.fixture
def fitted():
    model = ExpCutoffPowerLawSpectralModel(index=2.3, amplitude="4e-11 cm-2 s-1 TeV-1", lambda_="0.1 TeV-1")
    model.covariance = np.diag([.1, 3e-12, 0, .02, 0])**2
    return model


@pytest.fixture
def models():
    return Models([SkyModel(PowerLawSpectralModel(), name="crab", datasets_names=["a", "b"]),
                   SkyModel(LogParabolaSpectralModel(), name="vela"), SkyModel(PowerLawSpectralModel(), name="crab-2")])


def test_registry_lists_every_model_and_finds_it_by_each_tag():
    for cls in SPECTRAL_MODEL_REGISTRY:
        for tag in cls.tag: assert SPECTRAL_MODEL_REGISTRY.get_cls(tag) is cls is MODEL_REGISTRY.get_cls(tag)
        assert f"{cls.__name__} " in str(SPECTRAL_MODEL_REGISTRY) and cls.tag[1] in str(SPECTRAL_MODEL_REGISTRY)
    assert not SPATIAL_MODEL_REGISTRY and "<table" in SPECTRAL_MODEL_REGISTRY._repr_html_()
    with pytest.raises(KeyError, match="no class with tag 'plo'"): SPECTRAL_MODEL_REGISTRY.get_cls("plo")


def test_classes_say_whether_they_are_norms():
    norms = {cls.tag[1] for cls in SPECTRAL_MODEL_REGISTRY if cls.is_norm_spectral_model}
    assert norms >= {"pl-norm", "ecpl-norm", "lp-norm", "piecewise-norm", "ebl-norm"} and not norms & {"pl", "lp", "compound", "template"}
    assert ConstantSpectralModel(const=1).is_norm_spectral_model and not ConstantSpectralModel().is_norm_spectral_model


def test_sources_are_created_from_tags():
    source = SkyModel.create("ecpl", temporal_model="const", name="crab")
    assert type(source.spectral_model) is ExpCutoffPowerLawSpectralModel and source.name == "crab" and source.temporal_model.tag[1] == "const"
    with pytest.raises(ValueError, match="spatial_model: a one-region analysis takes none"): SkyModel.create("pl", "point")


def test_sources_are_selected_by_tag_name_dataset_and_state(models):
    models["vela"].freeze()
    assert models.select(tag="pl", model_type="spectral").names == ["crab", "crab-2"]
    assert models.select(tag=["lp", "ecpl"], model_type="spectral").names == ["vela"] and len(models.select(tag="sky-model")) == 3
    assert models.select(tag="const", model_type="temporal").names == []
    assert models.select("crab", datasets_names="c").names == ["crab-2"] and models.select(frozen=True).names == ["vela"]
    either = models.selection_mask("vela") | models.selection_mask("-2")
    assert models[either].names == ["vela", "crab-2"] and models[either][0] is models["vela"]
    with pytest.raises(ValueError, match="mask: expected 3 entries"): models[np.array([True])]
    with pytest.raises(ValueError, match="model_type: expected spectral"): models.select(tag="pl", model_type="special")


def test_sources_are_reassigned_and_bounded(models):
    new = models.reassign(["a", "b"], ["x", "b"])
    assert new["crab"].datasets_names == ["x", "b"] and models["crab"].datasets_names == ["a", "b"] and new["vela"].datasets_names is None
    models.set_parameters_bounds("pl", "spectral", "index", min=1, max=4, value=2.5)
    assert [m.spectral_model.parameters["index"].max for m in models if m.name != "vela"] == [4, 4]
    with models.restore_status(): models["crab"].spectral_model.index.value = 3
    assert models["crab"].spectral_model.index.value == 2.5
    assert models.parameters_unique_names[0] == "crab.spectral.index" and models["crab"].parameters_unique_names[0] == "spectral.index"


def test_copies_take_new_names_and_values(fitted, models):
    steep = fitted.copy(index=3, amplitude="1e-7 m-2 s-1 TeV-1")
    assert steep.index.value == 3 and fitted.index.value == 2.3 and steep.amplitude.error == 3e-12*1e4
    with pytest.raises(ValueError, match="has no parameter 'indx'"): fitted.copy(indx=3)
    other = models["crab"].copy(name="nebula", spectral_model=fitted)
    assert other.name == "nebula" and other.spectral_model is fitted and other.datasets_names == ["a", "b"]
    assert type(fitted).from_parameters(fitted.parameters).lambda_ is fitted.lambda_


def test_errors_come_as_value_lower_upper_or_as_a_pair(fitted):
    for call in (lambda **k: fitted.evaluate_error([1, 3]*u.TeV, **k), lambda **k: fitted.integral_error([1, 3]*u.TeV, "10 TeV", **k),
                 lambda **k: fitted.energy_flux_error([1, 3]*u.TeV, "10 TeV", **k), lambda **k: fitted.spectral_index_error([1, 3]*u.TeV, **k)):
        value, lower, upper = call()
        again, error = call(symmetric=True)
        assert_allclose(u.Quantity([lower, upper, error]).value/error.value, 1)
        assert_allclose(again/value, 1)
        drawn = call(n_samples=8000, random_state=1)
        assert drawn.shape == (3, 2)
        assert_allclose(drawn/call(), 1, rtol=.25)
        assert_allclose(call(n_samples=8000, random_state=1, symmetric=True)[1]/error, 1, rtol=.06)
    assert fitted.evaluate_error("1 TeV").shape == (3,)


def test_errors_of_given_samples_are_their_quantiles(fitted):
    samples = [p.quantity*np.ones(101) for p in fitted.parameters]
    samples[1] = np.linspace(3, 5, 101)*1e-11*u.Unit("cm-2 s-1 TeV-1")
    value, lower, upper = fitted.evaluate_error("1 TeV", samples=samples)
    assert_allclose([value/fitted("1 TeV"), lower/value, upper/value], [1, .6827/4, .6827/4], rtol=1e-3)
    with pytest.raises(ValueError, match="samples: expected an array for each of index"): fitted.evaluate_error("1 TeV", samples=samples[:2])


def test_draws_follow_the_covariance_of_numbers_of_any_size(fitted):
    drawn = fitted.sample_parameters_from_covariance(20_000, free_only=True)
    assert drawn.shape == (20_000, 3)
    assert_allclose(drawn.std(0), [.1, 3e-12, .02], rtol=.03)
    assert_allclose(drawn.mean(0), [2.3, 4e-11, .1], rtol=.01)


def test_functions_and_samples_are_integrated(fitted):
    energies = [.1, 1, 10]*u.TeV
    assert_allclose(integrate_spectrum(fitted, energies[:-1], energies[1:]), fitted.integral(energies[:-1], energies[1:]), rtol=1e-9)
    flux = integrate_spectrum(PowerLawSpectralModel(), [100, 1000]*u.GeV, [1, 10]*u.TeV, ndecade=20,
                              parameter_samples=[np.ones(5)*p.quantity for p in PowerLawSpectralModel().parameters])
    assert flux.shape == (2, 5)
    assert_allclose(flux[:, 0].to_value("cm-2 s-1"), [9e-12, 9e-13])
    rows = fitted.reference_fluxes(MapAxis.from_energy_bounds("1 TeV", "10 TeV", nbin=2))
    assert list(rows) == ["e_ref", "e_min", "e_max", "ref_dnde", "ref_flux", "ref_eflux", "ref_e2dnde"]
    assert_allclose(rows["ref_flux"], fitted.integral(rows["e_min"], rows["e_max"]))


def test_energies_of_several_values_are_found(fitted):
    one, two = fitted.inverse_all(fitted([1, 5]*u.TeV))
    assert_allclose([one.to_value("TeV"), two.to_value("TeV")], [[1], [5]], rtol=1e-9)


def test_a_class_of_ones_own_is_known_and_can_be_listed():
    class Step(SpectralModel):
        tag = ["Step", "step"]
        amplitude = Parameter("amplitude", "1e-12 cm-2 s-1 TeV-1")
        @staticmethod
        def evaluate(energy, amplitude): return amplitude*np.where(energy > 1*u.TeV, 1, 0)
    mine = Registry(SPECTRAL_MODEL_REGISTRY)
    mine.append(Step)
    assert mine.get_cls("step") is Step and not Step.is_norm_spectral_model
    assert type(SpectralModel.from_dict(Step().to_dict())) is Step
    del SpectralModel.registry["step"], SpectralModel.registry["Step"]
    assert PowerLawNormSpectralModel in mine


def test_peaks_of_curved_models_are_where_the_spectrum_is_largest():
    from specnb import LogParabola2SpectralModel, SuperExpCutoffPowerLaw4FGLDR3SpectralModel
    energy = np.geomspace(1e-3, 1e3, 200_001)*u.TeV
    for model in (LogParabola2SpectralModel.from_log10("4 cm-2 s-1 TeV-1", "1 TeV", 2.3, 1.15, "10 TeV"),
                  SuperExpCutoffPowerLaw4FGLDR3SpectralModel(index_1=1.5, index_2=.6, expfactor=.3)):
        assert_allclose(model.e_peak, energy[np.argmax(model(energy)*energy**2)], rtol=1e-4)
    assert np.isnan(SuperExpCutoffPowerLaw4FGLDR3SpectralModel(index_1=3, index_2=.5, expfactor=.5).e_peak)


def test_template_of_a_map():
    from specnb import RegionNDMap, TemplateSpectralModel
    axis = MapAxis.from_energy_bounds("1 TeV", "10 TeV", nbin=3, name="energy_true")
    model = TemplateSpectralModel.from_region_map(RegionNDMap.create(None, axes=[axis], data=[3, 2, 1.], unit="cm-2 s-1 TeV-1"))
    assert_allclose(model(axis.center).value, [3, 2, 1])
