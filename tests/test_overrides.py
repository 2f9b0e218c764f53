"A method of a subclass is used by fluxes, counts and fits, or refused when the class is made."
import operator
import astropy.units as u
import numpy as np
import pytest
from numpy.testing import assert_allclose
from specnb import (CompoundSpectralModel, Datasets, ExpCutoffPowerLawSpectralModel, Fit, GaussianSpectralModel, LogParabolaSpectralModel, MapAxis, Models, Parameter,
                    PowerLaw2SpectralModel, PowerLawNormSpectralModel, PowerLawSpectralModel, ReflectedRegionsBackgroundMaker, RegionGeom, SafeMaskMaker, ScaleSpectralModel,
                    SkyModel, SpectralModel, SpectrumDataset, SpectrumDatasetMaker, TemplateSpectralModel)
from specnb.makers.arrays import SpectrumArrays

A = "4e-11 cm-2 s-1 TeV-1"
EDGES = np.geomspace(.1, 50, 25)


class Halved(PowerLawSpectralModel):
    @staticmethod
    def evaluate(energy, index, amplitude, reference): return .5*amplitude*(energy/reference)**(-index)


class HalvedInUnits(PowerLawSpectralModel):
    @staticmethod
    def evaluate(energy, index, amplitude, reference): return .5*amplitude*(energy.to("TeV")/reference).to_value("")**(-index)


class Bent(PowerLawSpectralModel):
    "A cutoff at 5 TeV by the exponent alone."
    @staticmethod
    def log_shape(log_energy, energy, index, reference): return -index*(log_energy - np.log(reference)) - energy/5


class HalvedTwice(PowerLaw2SpectralModel):
    def evaluate(self, energy, amplitude, index, emin, emax): return .5*PowerLaw2SpectralModel.evaluate(energy, amplitude, index, emin, emax)


class HalvedLine(GaussianSpectralModel):
    @staticmethod
    def evaluate(energy, amplitude, mean, sigma): return .5*amplitude*np.exp(-((energy - mean)/sigma)**2/2)/(np.sqrt(2*np.pi)*sigma)


class HalvedTable(TemplateSpectralModel):
    def evaluate(self, energy, norm, tilt, reference): return .5*norm*np.exp(self.log_shape(np.log(energy), energy, tilt, reference))


class HalvedScale(ScaleSpectralModel):
    def evaluate(self, energy, norm): return .5*super().evaluate(energy, norm)


class HalvedSum(CompoundSpectralModel):
    def evaluate(self, energy, *pars): return .5*super().evaluate(energy, *pars)


PL, ECPL = PowerLawSpectralModel(amplitude=A, index=2.3), ExpCutoffPowerLawSpectralModel(amplitude=A, index=2.3, lambda_="0.2 TeV-1")
TABLE = dict(energy=[.1, 1, 50]*u.TeV, values=[1, .1, 1e-4]*u.Unit("cm-2 s-1 TeV-1"))
CASES = {
    "shape": (Halved(amplitude=A, index=2.3), PL, .5), "shape with units": (HalvedInUnits(amplitude=A, index=2.3), PL, .5),
    "exponent": (Bent(amplitude=A, index=2.3), ECPL, 1), "integral shape": (HalvedTwice(), PowerLaw2SpectralModel(), .5),
    "line": (HalvedLine(mean="5 TeV"), GaussianSpectralModel(mean="5 TeV"), .5), "table": (HalvedTable(**TABLE), TemplateSpectralModel(**TABLE), .5),
    "scaled": (HalvedScale(ECPL), ECPL, .5), "compound": (HalvedSum(PL, ECPL, operator.add), PL + ECPL, .5),
    "in a product": (Halved(amplitude=A, index=2.3)*PowerLawNormSpectralModel(tilt=.2), PL*PowerLawNormSpectralModel(tilt=.2), .5),
    "in a sum": (Halved(amplitude=A, index=2.3) + 2*Halved(amplitude=A, index=2.3), 3*PL, .5),
    "scaled subclass": (ScaleSpectralModel(Halved(amplitude=A, index=2.3)), PL, .5),
}


@pytest.mark.parametrize("name", CASES)
def test_fluxes_follow_an_evaluate_of_ones_own(name):
    mine, other, factor = CASES[name]
    e = [.2, 1, 7]*u.TeV
    assert_allclose(mine(e).value, factor*other(e).value, rtol=1e-12)
    for power in (0, 1):
        expected = factor*other.bin_flux(EDGES, other._values, power)
        assert_allclose(mine.bin_flux(EDGES, mine._values, power), expected, rtol=3e-3, atol=1e-5*expected.max())
    assert_allclose(mine.integral("1 TeV", "10 TeV").value, factor*other.integral("1 TeV", "10 TeV").value, rtol=3e-3)
    x = mine._values
    flux, rows = mine.bin_flux_gradient(EDGES, x)
    slopes = mine.dnde_gradient(EDGES, x)
    assert_allclose(flux, mine.bin_flux(EDGES, x))
    for i in range(len(x)):
        dx = np.where(np.arange(len(x)) == i, 1e-5*(abs(x[i]) or 1), 0)
        for found, function in ((rows, mine.bin_flux), (slopes, mine.dnde)):
            numeric = (function(EDGES, x + dx) - function(EDGES, x - dx))/2
            assert np.all(np.abs(numeric - found[i]*dx[i]) <= 2e-8*np.abs(function(EDGES, x)) + 1e-4*np.abs(numeric) + 1e-300), i
    sets = x*np.linspace(.9, 1.1, 3)[:, None]
    assert_allclose(mine.bin_flux(EDGES, sets)[2], mine.bin_flux(EDGES, sets[2]), rtol=1e-10)


def test_an_analytic_gradient_of_ones_own_is_used():
    class Told(Halved):
        def evaluate_gradient(self, energy, index, amplitude, reference): return [7*energy, 8*energy, 9*energy]
    assert_allclose(Told().dnde_gradient([1., 2], [2, 1, 1]), [[7, 14], [8, 16], [9, 18]])


@pytest.mark.parametrize("base, name, message", [
    (PowerLawSpectralModel, "integral", "defines integral, which counts and fits do not ask: define evaluate"),
    (PowerLawSpectralModel, "energy_flux", "defines energy_flux"), (SpectralModel, "evaluate_integral", "defines evaluate_integral"),
    (PowerLawSpectralModel, "__call__", "defines __call__"), (PowerLawSpectralModel, "dnde", "defines dnde without evaluate"),
    (LogParabolaSpectralModel, "bin_flux", "bin_flux and bin_flux_gradient go together"),
    (SkyModel, "evaluate", "defines evaluate, which counts and fits do not ask"),
    (SpectrumDataset, "npred", "defines npred, which a fit does not ask"), (SpectrumDataset, "stat_sum", "defines stat_sum, which a fit does not ask"),
    (SpectrumDatasetMaker, "make_edisp_kernel", "defines make_edisp_kernel, which SpectrumDatasetMaker does not call; it calls make_counts"),
    (ReflectedRegionsBackgroundMaker, "make_counts_off", "defines make_counts_off, which ReflectedRegionsBackgroundMaker does not call")])
def test_what_would_have_no_effect_is_refused_when_the_class_is_made(base, name, message):
    with pytest.raises(TypeError, match=f"Mine {message}|Mine: {message}"): type("Mine", (base,), {name: lambda self, *args: None})


def dataset(name, cls=SpectrumDataset, scale=1):
    edges = np.geomspace(.5, 20, 7)
    arrays = SpectrumArrays(edges, edges, n_on=scale*np.array([90, 60, 30, 20, 9, 3.]), exposure=np.full(6, 1e11), edisp=np.eye(6), mask_safe=np.ones(6, bool),
                            background=np.full(6, 2.), livetime=100., ontime=100.)
    return cls.from_arrays(arrays, RegionGeom.create("icrs;circle(83, 22, 0.1)", axes=[MapAxis.from_energy_edges(edges, unit="TeV", name="energy")]), name)


def test_counts_and_fits_follow_an_evaluate_of_ones_own():
    mine, other = dataset("a"), dataset("b")
    mine.models, other.models = [SkyModel(Halved(amplitude=A), name="m")], [SkyModel(PowerLawSpectralModel(amplitude=A), name="m")]
    assert_allclose(mine.npred_signal().data, .5*other.npred_signal().data, rtol=1e-3)
    for d in (mine, other): assert Fit().run(Datasets([d])).success
    a, b = (d.models.parameters for d in (mine, other))
    assert_allclose([a["index"].value, a["amplitude"].value/b["amplitude"].value, a["index"].error], [b["index"].value, 2, b["index"].error], rtol=2e-3)


def test_a_mask_method_of_ones_own_is_used():
    class Mine(SafeMaskMaker):
        def make_mask_energy_aeff_max(self, dataset, observation=None): return np.arange(6) > 2
    d = dataset("a")
    assert Mine(methods=["aeff-max"]).run(d).arrays.mask_safe.tolist() == [False]*3 + [True]*3


# Models of each dataset ----------------------------------------------------------------------------------------------------------

def test_the_cumulative_table_predicts_each_dataset_by_its_own_models():
    both = Datasets([dataset("a"), dataset("b", scale=2)])
    bright, faint = (SkyModel(PowerLawSpectralModel(amplitude=a), name=n, datasets_names=[d]) for a, n, d in ((A, "bright", "a"), ("1e-11 cm-2 s-1 TeV-1", "faint", "b")))
    both.models = [bright, faint]
    single, total = both.info_table(), both.info_table(cumulative=True)
    assert_allclose(total["npred_signal"], np.cumsum(single["npred_signal"]))
    assert_allclose(total["npred"], np.cumsum(single["npred"]))
    assert_allclose(total["stat_sum"][0], single["stat_sum"][0])
    s = both[0].npred_signal().data + both[1].npred_signal().data
    n, mu = both[0].arrays.n_on + both[1].arrays.n_on, s.ravel() + 4
    assert_allclose(total["stat_sum"][1], 2*(mu - n*np.log(mu)).sum())
    both.models = [SkyModel(PowerLawSpectralModel(amplitude=A), name="one")]
    stacked = both.stack_reduce()
    assert_allclose([both.info_table(cumulative=True)[name][1] for name in ("npred", "stat_sum")], [stacked.info_dict()[name] for name in ("npred", "stat_sum")])
    both.models = None
    assert np.isnan(both.info_table(cumulative=True)["npred_signal"]).all()


def test_a_model_for_a_dataset_that_is_not_there_is_told():
    both = Datasets([dataset("a"), dataset("b")])
    with pytest.warns(UserWarning, match="model m: no dataset named c here; there are a, b"): both.models = [SkyModel(PowerLawSpectralModel(), name="m", datasets_names=["a", "c"])]
    assert both["a"].models.names == ["m"] and not both["b"].models


def test_parameters_of_a_formula_of_the_wrong_kind():
    class Length(SpectralModel):
        size = Parameter("size", 1, "m")

        @staticmethod
        def evaluate(energy, size): return size
    with pytest.raises(TypeError, match="Length: evaluate gives m, expected a unit that converts to cm-2 s-1 TeV-1"): SkyModel(Length())
    assert Models().parameters.names == []


def test_a_formula_that_takes_one_set_at_a_time():
    class Broken(SpectralModel):
        amplitude, index, reference = Parameter("amplitude", 4e-11, "cm-2 s-1 TeV-1"), Parameter("index", 2.3), Parameter("reference", 1, "TeV", frozen=True)

        @staticmethod
        def evaluate(energy, amplitude, index, reference): return amplitude*(energy/reference)**(-index) if index > 0 else amplitude*np.ones(np.shape(energy))
    values = np.array([[4e-11, 2.3, 1], [4e-11, 2., 1], [1e-11, -1, 1]])
    flux, rows = Broken().bin_flux_gradient(EDGES, values)
    assert flux.shape == (3, 24) and rows.shape == (3, 3, 24)
    assert_allclose(flux[1], Broken().bin_flux(EDGES, values[1]))
    d = dataset("a")
    d.models = [SkyModel(Broken(), name="m")]
    assert Fit().run(Datasets([d])).success


def test_models_that_were_fitted_together_keep_their_correlation():
    both = Datasets([dataset("a"), dataset("b", scale=2)])
    bright, faint = (SkyModel(PowerLawSpectralModel(amplitude=a), name=n, datasets_names=d) for a, n, d in ((A, "bright", ["a", "b"]), ("1e-11 cm-2 s-1 TeV-1", "faint", ["b"])))
    mine = both.models = Models([faint, bright])
    result = Fit().run(both)
    assert result.success and both.models.names == ["bright", "faint"]
    matrix, names = both.models.covariance, ["bright", "bright", "bright", "faint", "faint", "faint"]
    assert_allclose(matrix.data, result.covariance_result.matrix)
    assert both.models.parameters.models == names and abs(matrix.correlation[1, 4]) > .1
    for some, i, j in ((mine, 1, 4), (mine[::-1], 4, 1), (both.models.copy(), 4, 1), (mine.select(name_substring="t"), 1, 4), (Models([bright]) + [faint], 4, 1)):
        assert some.covariance.correlation[i, j] == pytest.approx(matrix.correlation[1, 4])
