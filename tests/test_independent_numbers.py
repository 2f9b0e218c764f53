"Numbers of the study of sparse counts, of papers, and of programs written from the formulas alone, through the functions that users call."
import numpy as np
import pytest
from numpy.testing import assert_allclose as close
from specnb import (Datasets, Fit, MapAxis, PowerLawSpectralModel, RegionGeom, SkyModel, SpectrumDatasetOnOff, likelihood_ratio)
from specnb.makers.arrays import SpectrumArrays
from specnb.models.integrals import EnergyNodes

SHAPE = np.array([4, 3, 2.2, 1.6, 1.2, .9, .7, .4])
ONE = [[7, 4, 3, 2, 0, 1, 1, 0]], [[9, 4, 1, 1, 0, 1, 0, 0]], [.5], [1.]
TWO = [[4, 2, 1, 1, 0, 1, 0, 0], [3, 2, 2, 1, 0, 0, 1, 0]], [[3, 1, 1, 0, 0, 0, 0, 0], [4, 4, 1, 2, 0, 1, 0, 0]], [.5, .25], [.4, .6]


def norm_fit(n_on, n_off, alpha, share, statistic="dwstat"):
    "Runs in which an amplitude of 1e-12 puts share * SHAPE signal counts into eight bins that mix nothing."
    edges = np.geomspace(1, 100, 9)
    model = PowerLawSpectralModel(index=2.5, amplitude="1e-12 cm-2 s-1 TeV-1")
    model.index.frozen = True
    flux, datasets = model.bin_flux(EnergyNodes(edges), model.parameters.internal_values), Datasets()
    geom = RegionGeom.create(None, axes=[MapAxis.from_energy_edges(edges, "TeV", name="energy")])
    for k, (on, off, a, t) in enumerate(zip(n_on, n_off, alpha, share)):
        arrays = SpectrumArrays(edges, edges, n_on=np.array(on, float), n_off=np.array(off, float), acceptance=np.full(8, a*t), acceptance_off=np.full(8, t),
                                exposure=t*SHAPE/flux/1e4, edisp=np.eye(8), livetime=1.)
        datasets.append(SpectrumDatasetOnOff.from_arrays(arrays, geom, name=f"run {k}"))
    datasets.models = [SkyModel(model, name="source")]
    datasets.statistic = statistic
    return datasets


@pytest.mark.parametrize("runs, norm, error, ts", [(ONE, .7181778461, .3151540079, 5.99877993), (TWO, .8333655350, .3091606866, 9.80481690)])
def test_decoupled_norm_fits_of_the_study(runs, norm, error, ts):
    datasets = norm_fit(*runs)
    Fit().run(datasets)
    amplitude = datasets.parameters["amplitude"]
    close([amplitude.value/1e-12, amplitude.error/1e-12], [norm, error], atol=2e-6)
    counts = [[np.array([x], float) for x in side] for side in runs[:2]]
    close(likelihood_ratio(datasets, *counts, {amplitude: 0}).ts, ts, atol=1e-6)


def test_ends_and_limits_of_the_decoupled_norm_fit_are_those_of_the_study():
    "Both terms of the likelihood ratio have the weights of the hypothesis, for a model with one parameter as well."
    datasets = norm_fit(*ONE)
    Fit().run(datasets)
    amplitude = datasets.parameters["amplitude"]
    for sigma, up in ((1, 1.0560817), (np.sqrt(2.705543), 1.297881), (2, 1.439652)):
        found = Fit().confidence(datasets, amplitude, sigma=sigma)
        close((amplitude.value + found["errp"])/1e-12, up, atol=1.5e-6)
    close((amplitude.value - Fit().confidence(datasets, amplitude)["errn"])/1e-12, .4181854, atol=1e-6)
    one = Fit().intervals(datasets, "amplitude", confidence_level=.95, side="upper")
    close(one.upper/1e-12, 1.297881, atol=1.5e-6)
