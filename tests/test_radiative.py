"Radiative models of naima as spectral models; run where the extra naima is installed."
import numpy as np
import pytest
import astropy.units as u
from numpy.testing import assert_allclose
from specnb import NaimaSpectralModel, SkyModel

naima = pytest.importorskip("naima")
FLUX = "cm-2 s-1 TeV-1"


def electrons(): return naima.models.ExponentialCutoffPowerLaw(1e34/u.eV, 1*u.TeV, 2.5, 30*u.TeV)


@pytest.fixture
def compton():
    radiative = naima.models.InverseCompton(electrons(), seed_photon_fields=["CMB", ["FIR", 26.5*u.K, .415*u.eV/u.cm**3]], Eemin=100*u.GeV)
    return NaimaSpectralModel(radiative, distance="1.5 kpc")


def test_flux_is_that_of_naima_and_of_gammapy(compton):
    energy = [.1, 2, 20]*u.TeV
    assert_allclose(compton(energy), compton.radiative_model.flux(energy, distance=1.5*u.kpc).to(FLUX))
    protons = naima.models.PowerLaw(amplitude=2e33/u.eV, e_0=10*u.TeV, alpha=2.5)
    pion = NaimaSpectralModel(naima.radiative.PionDecay(protons, nh=1/u.cm**3))
    assert_allclose(pion("2 TeV").to_value(FLUX), 9.725347355450884e-14) # Gammapy 2.1
    assert compton(np.ones((2, 1, 3))*u.TeV).shape == (2, 1, 3)


def test_parameters_are_those_of_the_particles_and_of_the_field():
    model = NaimaSpectralModel(naima.models.Synchrotron(electrons(), B=3*u.uG))
    assert model.parameters.names == ["amplitude", "e_0", "alpha", "e_cutoff", "beta", "B"] and model.B.quantity == 3*u.uG
    one = model("1 keV")
    model.B.value = 6
    assert model("1 keV") > 2*one
    assert SkyModel(model, name="source").parameters["B"] is model.B


def test_amplitude_alone_asks_naima_once(compton, monkeypatch):
    asked, inner = [], compton.radiative_model.flux
    monkeypatch.setattr(compton.radiative_model, "flux", lambda *args, **kwargs: asked.append(1) or inner(*args, **kwargs))
    edges, x = np.geomspace(.5, 20, 4), compton.parameters.internal_values
    flux, rows = compton.bin_flux_gradient(edges, x, free=[True, False, False, False, False])
    for factor in (1e-3, 2, 50): assert_allclose(compton.bin_flux(edges, x*[factor, 1, 1, 1, 1]), factor*flux)
    assert_allclose(rows[0]*x[0], flux)
    assert len(asked) == 1


def test_derivatives_and_sets_of_parameters(compton):
    edges, x = np.geomspace(.5, 20, 4), compton.parameters.internal_values
    flux, rows = compton.bin_flux_gradient(edges, x, free=[True, False, True, False, False])
    step = np.array([0, 0, 1e-3, 0, 0])
    up, down = compton.bin_flux(edges, np.array([x + step, x - step]))
    assert_allclose(rows[2]/flux, (up - down)/2e-3/flux, rtol=1e-4)


def test_copies_are_independent(compton):
    new = compton.copy()
    new.alpha.value = 3
    assert new("10 TeV") < compton("10 TeV")
    assert compton.radiative_model.particle_distribution is not new.radiative_model.particle_distribution


def test_electrons_scatter_their_own_photons(compton):
    radiative = naima.models.InverseCompton(electrons(), seed_photon_fields=["CMB"], Eemin=100*u.GeV)
    plain = NaimaSpectralModel(radiative.__class__(electrons(), seed_photon_fields=["CMB"], Eemin=100*u.GeV))
    model = NaimaSpectralModel(radiative, nested_models=dict(SSC=dict(B=100*u.uG, radius=.1*u.pc)))
    assert model.parameters.names[-2:] == ["B", "radius"] and model.radius.frozen
    one, few = model("1 TeV"), plain("1 TeV")
    model.amplitude.value *= 10
    excess = (model("1 TeV") - 10*few)/(one - few)
    assert_allclose(excess, 100, rtol=1e-3) # twice the electrons scatter twice the photons
