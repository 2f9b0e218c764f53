"Spectra of dark matter and of tables with several axes."
import numpy as np
import pytest
import astropy.units as u
from numpy.testing import assert_allclose
from specnb import (DarkMatterAnnihilationSpectralModel, DarkMatterDecaySpectralModel, DataError, MapAxis, Models, PowerLawSpectralModel,
                    PrimaryFlux, RegionNDMap, SkyModel, TemplateNDSpectralModel)
from specnb.models.dark_matter import example_yields

# Gammapy 2.1 with the same small tables
PEER_PRIMARY = [1.504802961040155, 0.018508855933448705, 0.0005086974020412319]
PEER_ANNIHILATION = [2.119721130743403e-13, 5.346075922590543e-15, 1.0280743275483808e-16]
PEER_INTEGRAL = 1.245274450810959e-13
PEER_DECAY = [0.26312341155261304, 0.005200425562432054, 0.0006128875412683137]


@pytest.fixture
def yields(tmp_path, monkeypatch):
    "A data folder with small tables in the formats of the published ones."
    folder = tmp_path/"dark_matter_spectra"
    for source, name in (("pppc4", "PPPC4DMID/AtProduction_gammas.dat"), ("cosmixs", "cosmixs/AtProduction-Gamma.dat")):
        (folder/name).parent.mkdir(parents=True)
        (folder/name).write_text(example_yields(source))
    monkeypatch.setenv("GAMMAPY_DATA", str(tmp_path))
    return folder


def test_missing_tables_are_told(monkeypatch, tmp_path):
    monkeypatch.setenv("GAMMAPY_DATA", str(tmp_path))
    with pytest.raises(FileNotFoundError, match="cosmixs/AtProduction-Gamma.dat: no such file; the spectra of dark matter are part of"):
        DarkMatterAnnihilationSpectralModel("1 TeV", "b", source="cosmixs")
    monkeypatch.delenv("GAMMAPY_DATA")
    with pytest.raises(FileNotFoundError, match="no such file"): PrimaryFlux("1 TeV", "b")


def test_numbers_are_those_of_gammapy(yields):
    "Gammapy 2.1 on the same small tables."
    assert_allclose(PrimaryFlux("1 TeV", "W")([20, 300, 900]*u.GeV).to_value("GeV-1"), PEER_PRIMARY, rtol=2e-6)
    model = DarkMatterAnnihilationSpectralModel(5*u.TeV, "b", jfactor="3.41e19 GeV2 cm-5", z=.1, k=4, source="cosmixs")
    assert_allclose(model([.1, 1, 4]*u.TeV).to_value("cm-2 s-1 TeV-1"), PEER_ANNIHILATION, rtol=2e-6)
    decay = DarkMatterDecaySpectralModel(5*u.TeV, "tau", jfactor="3.41e19 GeV cm-2")
    assert_allclose(decay([.1, 1, 2]*u.TeV).to_value("cm-2 s-1 TeV-1"), PEER_DECAY, rtol=2e-6)
    assert_allclose(model.integral(.01*u.TeV, 10*u.TeV).value, PEER_INTEGRAL, rtol=5e-3)


def test_no_photon_has_more_energy_than_the_particle(yields):
    assert_allclose(PrimaryFlux("1 TeV", "e")([.99, 1.01, 30]*u.TeV).value > 0, [True, False, False])
    assert DarkMatterDecaySpectralModel("1 TeV", "b", jfactor="1 GeV cm-2")("0.6 TeV").value < 1e-100


def test_without_a_j_factor_it_is_a_flux_per_j(yields):
    per_j = DarkMatterAnnihilationSpectralModel("5 TeV", "b")
    with_j = DarkMatterAnnihilationSpectralModel("5 TeV", "b", jfactor="2e19 GeV2 cm-5")
    flux = (2e19*u.Unit("GeV2 cm-5")*per_j.integral("0.1 TeV", "10 TeV")).to("cm-2 s-1")
    assert_allclose(flux, with_j.integral("0.1 TeV", "10 TeV"))
    with pytest.raises(TypeError, match="expected a flux in cm-2 s-1 TeV-1"): SkyModel(per_j)


def test_files_of_models_hold_mass_channel_and_j_factor(yields):
    model = DarkMatterAnnihilationSpectralModel("5 TeV", "Z", scale=2, jfactor="3e19 GeV2 cm-5", z=.1, k=4, source="cosmixs")
    again = Models.from_yaml(Models([SkyModel(model, name="halo")]).to_yaml())[0].spectral_model
    assert (again.channel, again.k, again.z, again.source, again.mass, again.scale.value) == ("Z", 4, .1, "cosmixs", 5*u.TeV, 2)
    assert_allclose(again("1 TeV"), model("1 TeV"))


def test_damaged_tables_are_refused(yields):
    file = yields/"PPPC4DMID/AtProduction_gammas.dat"
    file.write_text("\n".join(file.read_text().split("\n")[:-10]))
    with pytest.raises(DataError, match="AtProduction_gammas.dat: expected a row for each of 4 masses and 81 log10 x, found 315"):
        PrimaryFlux("1 TeV", "b")


ENERGY = MapAxis.from_nodes(np.geomspace(.05, 50, 31), unit="TeV", name="energy_true", interp="log")
AGE = MapAxis.from_nodes([1, 3, 9], unit="kyr", name="age", interp="log")
FIELD = MapAxis.from_nodes([2, 4], unit="uG", name="field")


def test_axes_of_a_template_are_parameters_in_any_order():
    x, age, field = ENERGY.center_value, AGE.center_value, FIELD.center_value
    values = 1e-12*x**-2*age[:, None]**-.5*field[:, None, None]
    for axes, data in (([ENERGY, AGE, FIELD], values), ([FIELD, ENERGY, AGE], values.transpose(1, 2, 0))):
        model = TemplateNDSpectralModel(RegionNDMap.create(None, axes=axes, data=data, unit="cm-2 s-1 TeV-1"), interp_kwargs=dict(values_scale="log"))
        assert sorted(model.parameters.names) == ["age", "field"] and model.age.interp == "log"
        model.age.quantity, model.field.value = 2000*u.yr, 4
        assert_allclose(model([.1, 2]*u.TeV).value, 4e-12*np.array([100, .25])/np.sqrt(2))
    slopes = model.dnde_gradient(np.array([1.]), model.parameters.internal_values)
    step = 1e-6*model.parameters.internal_values
    for row, h in zip(slopes, np.diag(step)):
        x = model.parameters.internal_values
        assert_allclose(row, (model.dnde(np.array([1.]), x + h) - model.dnde(np.array([1.]), x - h))/(2*h.max()), rtol=1e-6)


def test_template_without_unit_is_a_factor():
    factor = TemplateNDSpectralModel(RegionNDMap.create(None, axes=[ENERGY, AGE], data=np.exp(-np.outer(AGE.center_value, ENERGY.center_value))))
    factor.age.value = 3
    assert_allclose((PowerLawSpectralModel()*factor)(ENERGY.center[5]), 1e-12/u.cm**2/u.s/u.TeV*ENERGY.center_value[5]**-2*np.exp(-3*ENERGY.center_value[5]))
    strict = TemplateNDSpectralModel(factor.map, interp_kwargs=dict(extrapolate=False))
    with pytest.raises(ValueError, match="energy_true: the table goes from 0.05 to 50, found 60"): strict("60 TeV")
