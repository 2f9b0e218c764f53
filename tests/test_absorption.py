"Absorption by the extragalactic background light: tables, interpolation, derivatives, files of models, fits."
import numpy as np
import pytest
import astropy.units as u
from numpy.testing import assert_allclose
from specnb import (DataError, EBL_DATA_BUILTIN, EBLAbsorptionNormSpectralModel, ExpCutoffPowerLawSpectralModel, Models,
                    PowerLawSpectralModel, SkyModel, SpecnbWarning)
from specnb.base.tables import write_tables
from specnb.models.absorption import xspec_table

ENERGY = [.01, .1, 1, 3, 10]*u.TeV
OF_FILES = { # Gammapy 2.1 with its files, z = 0.117
    "dominguez": [1, .976113065, .283877443, .134691529, .0115062262],
    "franceschini": [1, .982911146, .303044237, .146723551, .00705040441],
    "finke": [1, .972940962, .270666190, .106832433, .0110986395]}


@pytest.fixture(scope="module")
def dominguez(): return EBLAbsorptionNormSpectralModel.read_builtin("dominguez", redshift=.117)


@pytest.fixture
def no_data(monkeypatch, tmp_path):
    "A data folder without tables, so that those of ebltable are taken."
    monkeypatch.setenv("GAMMAPY_DATA", str(tmp_path))


@pytest.fixture
def xspec(tmp_path):
    "The table of Dominguez et al. in the format of XSPEC, single precision and energies in keV as in Gammapy's data."
    model = EBLAbsorptionNormSpectralModel.read_builtin("dominguez")
    rows = slice(0, 40)
    path = tmp_path/"ebl_test.fits.gz"
    write_tables(path, xspec_table(model.energy.value, model.param[rows].astype(np.float32), model.data.value[rows].astype(np.float32)))
    return path


@pytest.mark.parametrize("name", OF_FILES)
def test_tables_of_ebltable_give_the_numbers_of_the_files_of_gammapy(name, no_data):
    model = EBLAbsorptionNormSpectralModel.read_builtin(name, redshift=.117)
    assert_allclose(model(ENERGY), OF_FILES[name], rtol=3e-6) # single precision of the files
    assert model.source == f"table {name} of ebltable"


@pytest.mark.parametrize("name", EBL_DATA_BUILTIN)
def test_every_builtin_table_is_there_without_a_data_folder(name, no_data):
    model = EBLAbsorptionNormSpectralModel.read_builtin(name, redshift=.2)
    assert .01 < model("1 TeV") < .3 and model("10 GeV") > .99
    assert model.redshift.min < .02 and model.redshift.max > 1.9 and model.redshift.frozen and model.alpha_norm.frozen


def test_xspec_files_are_read_as_gammapy_reads_them(xspec, dominguez):
    model = EBLAbsorptionNormSpectralModel.read(xspec, redshift=.117)
    assert_allclose(model(ENERGY), dominguez(ENERGY), rtol=3e-6)
    assert model.source == "file ebl_test.fits.gz" and model.filename == str(xspec)


def test_files_of_the_data_folder_come_first(xspec, monkeypatch):
    folder = xspec.parent/"ebl"
    folder.mkdir()
    xspec.rename(folder/"ebl_dominguez11.fits.gz")
    monkeypatch.setenv("GAMMAPY_DATA", str(xspec.parent))
    model = EBLAbsorptionNormSpectralModel.read_builtin("dominguez", redshift=.117)
    assert model.source == "file ebl_dominguez11.fits.gz"
    assert_allclose(model(ENERGY), OF_FILES["dominguez"], rtol=3e-6)


@pytest.mark.parametrize("hdu, change, message", [
    ("PARAMETERS", dict(VALUE=np.array([[.1, .2, .5]])), "PARAMETERS lists 3 redshifts in VALUE, SPECTRA has 2"),
    ("SPECTRA", dict(INTPSPEC=np.ones((2, 2))), "one for each of the 2 values of a row of SPECTRA, found 3"),
    ("SPECTRA", dict(INTPSPEC=-np.ones((2, 3))), "column INTPSPEC: expected finite numbers that are not negative"),
    ("ENERGIES", dict(ENERG_LO=np.array([2e9, 1e9, 1e9])), "expected increasing, positive bins"),
    ("ENERGIES", None, "no HDU ENERGIES")])
def test_damaged_xspec_files_are_refused_with_one_message(tmp_path, hdu, change, message):
    tables = {t.name: t for t in xspec_table(np.array([.1, 1, 10]), np.array([.1, .2]), np.ones((2, 3)))}
    if change is None:
        del tables[hdu]
    else:
        tables[hdu].columns.update(change)
    write_tables(tmp_path/"ebl.fits", list(tables.values()))
    with pytest.raises(DataError, match=message) as error: EBLAbsorptionNormSpectralModel.read(tmp_path/"ebl.fits")
    assert "ebl.fits" in str(error.value)


def test_units_of_the_energies_of_xspec_files_are_used(tmp_path):
    tables = xspec_table(np.array([.1, 1, 10]), np.array([.1, .2]), np.exp(-np.outer([1, 2], [1, 2, 3])))
    tables[1].columns.update({n: (np.asarray(c)/1e6, "GeV") for n, c in tables[1].columns.items()})
    write_tables(tmp_path/"ebl.fits", tables)
    model = EBLAbsorptionNormSpectralModel.read(tmp_path/"ebl.fits", redshift=.15)
    assert_allclose(model.energy.to_value("TeV"), [.1, 1, 10])
    assert_allclose(model([.1, 1, 10]*u.TeV), np.exp([-1.5, -3, -4.5]))


def test_derivatives_of_absorbed_spectra_are_exact(dominguez):
    model = ExpCutoffPowerLawSpectralModel()*dominguez.copy()
    edges, x = np.geomspace(.05, 30, 12), model.parameters.internal_values
    flux, rows = model.bin_flux_gradient(edges, x)
    for row, step in zip(rows, 1e-6*np.eye(len(x))):
        slope = (model.bin_flux(edges, x + step) - model.bin_flux(edges, x - step))/2e-6
        assert_allclose(row/flux, slope/flux, atol=2e-7, rtol=1e-6)
    several = np.array([x, x + .01])
    assert_allclose(model.bin_flux_gradient(edges, several)[1][0], rows)


def test_norm_is_a_power_of_the_factor_and_nothing_is_gained(dominguez):
    twice = EBLAbsorptionNormSpectralModel.read_builtin("dominguez", redshift=.117, alpha_norm=2)
    assert_allclose(twice(ENERGY), dominguez(ENERGY)**2)
    rising = EBLAbsorptionNormSpectralModel([.1, 1]*u.TeV, [.1, .2], [[.9, .5], [.8, .3]], redshift=.1)
    assert rising("1 GeV") == 1 # extrapolated above one


def test_frozen_redshift_is_looked_up_once(dominguez, monkeypatch):
    from specnb.models import grids
    calls, model, edges = [], dominguez.copy(), np.geomspace(.1, 20, 30)
    inner = grids.interpolate
    monkeypatch.setattr(grids, "interpolate", lambda *args: calls.append(1) or inner(*args))
    spectrum = PowerLawSpectralModel()*model
    for index in np.linspace(2, 3, 7):
        spectrum.parameters["index"].value = index
        spectrum.bin_flux(edges, spectrum.parameters.internal_values)
    assert len(calls) == 1
    model.redshift.value = .2
    spectrum.bin_flux(edges, spectrum.parameters.internal_values)
    assert len(calls) == 2


@pytest.mark.parametrize("name", ["dominguez", "finke2022"])
def test_files_of_models_name_the_table(name, no_data):
    model = EBLAbsorptionNormSpectralModel.read_builtin(name, redshift=.2, alpha_norm=.8)
    model.redshift.frozen = False
    models = Models([SkyModel(PowerLawSpectralModel()*model, name="agn")])
    again = Models.from_yaml(models.to_yaml())["agn"].spectral_model
    assert again.model2.redshift.value == .2 and not again.model2.redshift.frozen and again.model2.alpha_norm.value == .8
    assert_allclose(again(ENERGY), models[0].spectral_model(ENERGY))
    assert models.to_yaml() == Models([SkyModel(again, name="agn")]).to_yaml()


def test_tables_without_a_file_stand_in_the_file_of_models():
    table = np.exp(-np.outer([.5, 1, 3], [.1, 1, 4]))
    model = EBLAbsorptionNormSpectralModel([.1, 1, 10]*u.TeV, [.1, .2, .3], table, redshift=.25)
    data = model.to_dict()
    assert data["values"] == dict(data=table.tolist(), unit="") and data["param"]["data"] == [.1, .2, .3]
    assert_allclose(EBLAbsorptionNormSpectralModel.from_dict(data)(ENERGY), model(ENERGY))


def test_files_of_gammapy_with_absorption_are_read(no_data):
    text = """
components:
- name: pks
  type: SkyModel
  spectral:
    type: CompoundSpectralModel
    model1: {type: PowerLawSpectralModel, parameters: [{name: index, value: 2.3}, {name: amplitude, value: 1e-12, unit: TeV-1 s-1 cm-2}]}
    model2:
      type: EBLAbsorptionNormSpectralModel
      parameters: [{name: redshift, value: 0.116, frozen: true}, {name: alpha_norm, value: 1.0, frozen: true}]
      filename: /somewhere/else/ebl/ebl_dominguez11.fits.gz
    operator: mul
"""
    model = Models.from_yaml(text.replace("index, value: 2.3}", "index, value: 2.3}, {name: reference, value: 1, unit: TeV, frozen: true}"))
    assert model[0].spectral_model.model2.source == "table dominguez of ebltable"
    with pytest.raises(ValueError, match="filename: /no/where.fits is not there"):
        Models.from_yaml(text.replace("/somewhere/else/ebl/ebl_dominguez11.fits.gz", "/no/where.fits"))


def test_errors_of_absorbed_fluxes_have_those_of_the_redshift(dominguez):
    model = PowerLawSpectralModel()*dominguez.copy()
    model.covariance = np.diag([0, 0, 0, .01, 0])**2
    value, error = model.evaluate_error("1 TeV")[:2]
    far = model.copy()
    far.parameters["redshift"].value += 1e-5
    assert_allclose(error/value, .01*abs(far("1 TeV")/model("1 TeV") - 1)/1e-5, rtol=1e-3)


def test_what_lies_beyond_the_table_is_told_once():
    model = EBLAbsorptionNormSpectralModel([.1, 1]*u.TeV, [.1, .2], [[1, .5], [1, .3]], redshift=.15)
    with pytest.warns(SpecnbWarning, match="ends at 1 TeV, where 0.39 of the photons are left at redshift 0.15"): model("2 TeV")
    model("2 TeV")
    model.redshift.value = .3
    with pytest.warns(SpecnbWarning, match="redshifts from 0.1 to 0.2, at 0.3 it is extrapolated"): model("1 TeV")
