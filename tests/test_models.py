"Models: published values, fluxes and gradients of every shape, parameters, covariance, files."
import copy
import operator
import astropy.units as u
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from specnb.base.axes import MapAxis
from specnb.base.core import DataError
from specnb.models.shapes import (BrokenPowerLawSpectralModel, ExpCutoffPowerLawSpectralModel, GaussianSpectralModel, LogParabolaSpectralModel,
                           PowerLaw2SpectralModel, PowerLawSpectralModel, SmoothBrokenPowerLawSpectralModel)
from specnb.models.parameters import Parameter, Parameters
from specnb.models.sky import Models, SkyModel, create_crab_spectral_model
from specnb.models.corrections import (ExpCutoffPowerLaw3FGLSpectralModel, ExpCutoffPowerLawNormSpectralModel, LogParabolaNormSpectralModel,
                                   PiecewiseNormSpectralModel, PowerLawNormSpectralModel, ScaleSpectralModel,
                                   SuperExpCutoffPowerLaw3FGLSpectralModel, SuperExpCutoffPowerLaw4FGLDR3SpectralModel,
                                   SuperExpCutoffPowerLaw4FGLSpectralModel, TemplateSpectralModel)
from specnb.models.integrals import EnergyNodes, integrate, integrate_gradient, integrate_log
from specnb.models.spectral import CompoundSpectralModel, ConstantSpectralModel, SpectralModel

A, FLUX = u.Quantity("4e-11 cm-2 s-1 TeV-1"), u.Quantity("4e-11 cm-2 s-1")
EDGES = np.geomspace(.05, 100, 68)
SHAPES = {  # model, flux at .1, 1, 10 TeV, photon and energy flux from 1 to 10 TeV
    "pl": (PowerLawSpectralModel(amplitude=A, index=2.3), "7.98104926e-09 4.00000000e-11 2.00474893e-13 2.922711620e-11 6.650836885e-11"),
    "pl2": (PowerLaw2SpectralModel(amplitude=FLUX, index=2.3, emin="1 TeV", emax="10 TeV"),
            "1.09228009e-08 5.47436835e-11 2.74368353e-13 4.000000000e-11 9.102282741e-11"),
    "ecpl": (ExpCutoffPowerLawSpectralModel(amplitude=A, index=2.3, lambda_="0.1 TeV-1"),
             "7.90163649e-09 3.61934967e-11 7.37505918e-14 2.355657912e-11 4.832090198e-11"),
    "ecpl3": (ExpCutoffPowerLaw3FGLSpectralModel(amplitude=A, index=2.3),
              "8.73265886e-09 4.00000000e-11 8.15070092e-14 2.603404617e-11 5.340285560e-11"),
    "super3": (SuperExpCutoffPowerLaw3FGLSpectralModel(amplitude=A),
               "1.27749588e-09 4.00000000e-11 4.70011468e-13 4.850098810e-11 1.352288326e-10"),
    "super4": (SuperExpCutoffPowerLaw4FGLSpectralModel(amplitude=A),
               "1.27749588e-09 4.00000000e-11 4.70011468e-13 4.850098810e-11 1.352288326e-10"),
    "dr3": (SuperExpCutoffPowerLaw4FGLDR3SpectralModel(amplitude=A, expfactor=.3, index_2=.6),
            "7.46558524e-10 4.00000000e-11 3.33560153e-13 4.353490777e-11 1.118449046e-10"),
    "lp": (LogParabolaSpectralModel(amplitude=A, reference="1 TeV", alpha=2.3, beta=.25),
           "2.12038009e-09 4.00000000e-11 5.32615398e-14 2.515315391e-11 4.896777166e-11"),
    "bpl": (BrokenPowerLawSpectralModel(amplitude=A, index1=2, index2=3, ebreak="2 TeV"),
            "1.60000000e-08 1.60000000e-10 3.20000000e-13 1.183965527e-10 2.388966865e-10"),
    "sbpl": (SmoothBrokenPowerLawSpectralModel(amplitude=A, index1=2, index2=3, ebreak="2 TeV"),
             "3.80952381e-09 2.66666667e-11 6.66666667e-14 1.767399787e-11 3.665125361e-11"),
    "gauss": (GaussianSpectralModel(amplitude=FLUX, mean="2 TeV", sigma="0.5 TeV"),
              "2.33557541e-14 4.31927732e-12 8.20930458e-67 3.908999472e-11 7.925980877e-11"),
}
PL, ECPL, LP = (SHAPES[k][0] for k in ("pl", "ecpl", "lp"))
OTHERS = {
    "constant": ConstantSpectralModel(), "meyer": create_crab_spectral_model(), "sum": PL + ECPL, "difference": PL - .5*ECPL,
    "product": PL*ExpCutoffPowerLawNormSpectralModel(), "curved": PL*LogParabolaNormSpectralModel(alpha=.3, beta=.2),
    "ratio": ECPL*(LP/PL), "scaled": ScaleSpectralModel(ECPL, norm=-2), "number": ECPL/3, "negative": -ECPL,
    "piecewise": PL*PiecewiseNormSpectralModel([.1, 2, 30]*u.TeV, norms=[1, 3, .5]),
    "piecewise-lin": PL*PiecewiseNormSpectralModel([.1, 2, 30]*u.TeV, norms=[1, 3, .5], interp="lin"),
    "template": TemplateSpectralModel([.1, 1, 3, 50]*u.TeV, A*[40, 1, .2, 1e-5], tilt=.2),
    "tilted": PowerLawNormSpectralModel(tilt=.3)*ECPL,
    "ecpl-alpha": ExpCutoffPowerLawSpectralModel(amplitude=-A, index=1, lambda_="0.3 TeV-1", alpha=.7),
    "ecpl-no-cutoff": ExpCutoffPowerLawSpectralModel(amplitude=A, index=1, lambda_="0 TeV-1"),
    "pl-flat": PowerLawSpectralModel(index=1), "pl2-flat": PowerLaw2SpectralModel(index=1), "sbpl-hard": SmoothBrokenPowerLawSpectralModel(
        index1=3, index2=1.5, ebreak="3 TeV", beta=.5), "zero": ECPL*0,
}
ALL = {k: m for k, (m, _) in SHAPES.items()} | OTHERS


@pytest.mark.parametrize("name", SHAPES)
def test_published_values(name):
    model, numbers = SHAPES[name]
    found = [*model([.1, 1, 10]*u.TeV).value, model.integral("1 TeV", "10 TeV").value, model.energy_flux("1 TeV", "10 TeV").value]
    assert_allclose(found, [float(x) for x in numbers.split()], rtol=2e-8)


def test_bin_flux_of_the_reference_analysis():
    flux = ECPL.bin_flux(EDGES, [2, 1e-12, 1, .1, 1])
    assert_allclose(flux[[0, 20, 40, 66]], [2.1336414e-12, 2.1077790e-13, 1.3994013e-14, 9.9618147e-20], rtol=1e-7)
    nodes = EnergyNodes(EDGES)
    assert nodes.n_segments == 3 and nodes.energy.size == 202
    assert_array_equal(ECPL.bin_flux(nodes, [2, 1e-12, 1, .1, 1]), flux)


@pytest.mark.parametrize("name", ALL)
def test_flux_follows_the_spectrum(name):
    "bin_flux against the general rule applied to dnde, and dnde against the call with units."
    model, nodes = ALL[name], EnergyNodes(EDGES)
    values = model.parameters.internal_values
    dnde = model.dnde(nodes.energy, values)
    assert_allclose(model(nodes.energy*u.TeV).value, dnde)
    if name not in ("gauss", "zero"):
        for power in (0, 1):
            assert_allclose(model.bin_flux(EDGES, values, power), integrate(nodes, dnde*nodes.energy**(1 + power)), rtol=1e-10)
    quantities = [p.quantity for p in model.parameters]
    if model.result_unit:
        assert_allclose(u.Quantity(model.evaluate(2*u.TeV, *quantities)).to_value(model.result_unit), model("2 TeV").value, rtol=1e-12)


@pytest.mark.parametrize("name", ALL)
def test_gradients_against_differences(name):
    model, edges = ALL[name], np.geomspace(.07, 4 if name == "gauss" else 40, 25)
    x = model.parameters.internal_values
    flux, rows = model.bin_flux_gradient(edges, x)
    energy = np.sqrt(edges[1:]*edges[:-1])
    slopes = model.dnde_gradient(energy, x)
    assert_allclose(flux, model.bin_flux(edges, x))
    for i in range(len(x)):
        dx = np.where(np.arange(len(x)) == i, 1e-5*(np.abs(x[i]) or 1), 0)
        for found, function, where in ((rows, model.bin_flux, edges), (slopes, model.dnde, energy)):
            if name == "ecpl-no-cutoff" and i == 4: continue   # 0**alpha: no slope
            numeric = (function(where, x + dx) - function(where, x - dx))/2
            size = np.abs(function(where, x)) + np.abs(numeric)
            assert np.all(np.abs(numeric - found[i]*dx[i]) <= 2e-9*size + 1e-5*np.abs(numeric) + 1e-300), (name, i)
    free = np.arange(len(x)) % 2 == 0
    some = model.bin_flux_gradient(edges, x, free=free)[1]
    assert_array_equal(some[free], rows[free])
    assert not some[~free].any()


@pytest.mark.parametrize("name", [name for name in ALL if name != "ecpl-no-cutoff"])
def test_many_sets_at_once(name):
    model, edges = ALL[name], np.geomspace(.07, 40, 12)
    sets = model.parameters.internal_values*np.linspace(.97, 1.03, 4)[:, None]
    flux, rows = model.bin_flux_gradient(edges, sets)
    assert flux.shape == (4, 11) and rows.shape == (4, sets.shape[1], 11)
    energy = np.array([.2, 1.7, 9])
    for k in range(4):
        one, one_rows = model.bin_flux_gradient(edges, sets[k])
        for found, expected in ((flux[k], one), (rows[k], one_rows), (model.bin_flux(edges, sets)[k], one),
                                (model.dnde(energy, sets)[k], model.dnde(energy, sets[k])),
                                (model.dnde_gradient(energy, sets)[k], model.dnde_gradient(energy, sets[k]))):
            assert_allclose(found, expected, rtol=1e-12, atol=1e-300)


@pytest.mark.parametrize("delta", [0, 1e-15, -1e-12, 1e-9, -1e-6, 1e-3])
def test_flat_spectrum_is_stable(delta):
    "Near index 1 the integral tends to a logarithm; the derivative with respect to the index to its square."
    edges, index = np.array([1., 2., 20.]), 1 + delta
    log = np.log(edges)
    expected = [(b - a) - delta*(b*b - a*a)/2 for a, b in zip(log, log[1:])]
    flux, rows = PL.bin_flux_gradient(edges, [index, 1, 1])
    assert_allclose(flux, expected, rtol=2e-14 + 2*delta**2)
    assert_allclose(rows[0], [-(b*b - a*a)/2 + delta*(b**3 - a**3)/3 for a, b in zip(log, log[1:])], rtol=1e-12 + 5*delta**2)


def test_extreme_parameters_stay_finite():
    for values in ([2, 1e-12, 1, -10, 1], [400, 1e-12, 1, .1, 1], [-400, 1e-12, 1, .1, 1], [2, 1e-12, 1, 1e5, 1]):
        flux, rows = ECPL.bin_flux_gradient(EDGES, values, free=[True, True, False, True, False])
        assert np.all(np.isfinite(flux)) and np.all(np.isfinite(rows))


def test_general_rule():
    nodes = EnergyNodes([1, 10], n_segments=1)
    L = np.log(10)
    assert integrate(nodes, [0, 0]) == 0
    assert_allclose(integrate(nodes, [-2, -2]), -2*L)
    assert_allclose(integrate(nodes, [-2, 4]), L)
    assert_allclose(integrate(nodes, [0, 1]), L/-np.log(np.finfo(float).tiny), rtol=1e-12)
    assert_allclose(integrate_gradient(nodes, [0., 0.], [np.ones(2)])[1][0], L)
    assert np.all(np.isfinite(integrate_gradient(nodes, [0., 1.], [np.ones(2)])[1][0]))
    rng = np.random.default_rng(0)
    q = 10**rng.uniform(-2, 2, (500, 2))*rng.choice([-1, 1], (500, 1))
    rows = integrate_gradient(nodes, q, [np.array([1., 0]), np.array([0, 1.])])[1]
    for i in (0, 1):
        dq = 1e-6*np.abs(q)*(np.arange(2) == i)
        assert_allclose((integrate(nodes, q + dq) - integrate(nodes, q - dq))[:, 0]/(2*dq.sum(1)), rows[i][:, 0], rtol=1e-6)
    assert_allclose(integrate_log(nodes, np.log(np.abs(q))), np.abs(integrate(nodes, q)), rtol=1e-13)


def test_nodes():
    assert EnergyNodes([1, 1.01, 1.02]).n_segments == 1
    assert EnergyNodes([1, 2, 200]).n_segments == 199
    with pytest.raises(ValueError, match="increasing"): EnergyNodes([1])
    with pytest.raises(ValueError, match="increasing"): EnergyNodes([0, 1])
    low, high = np.array([1., 5, 2]), np.array([2., 7, 3])
    assert_allclose(PL.bin_flux(EnergyNodes.from_bounds(low, high), [2, 1, 1]), 1/low - 1/high)


def test_integral_shapes_and_units():
    assert PL.integral("1 TeV", "10 TeV").shape == ()
    assert ECPL.integral([[1, 2], [3, 4]]*u.TeV, 9e6*u.MeV).shape == (2, 2)
    assert_allclose(ECPL.integral("1 TeV", "9e6 MeV"), ECPL.integral(1*u.TeV, 9*u.TeV))
    mev = PowerLawSpectralModel(index=2.3, amplitude="4e-17 cm-2 s-1 MeV-1", reference="1000 GeV")
    assert_allclose(mev("3 TeV"), PL("3 TeV"))
    with pytest.raises(TypeError, match="energy_min"): PL.integral(1, 10*u.TeV)
    with pytest.raises(ValueError, match="energy_max: expected energies above energy_min, found 1 TeV for 2 TeV"): PL.integral("2 TeV", "1 TeV")


@pytest.mark.parametrize("reference, flux, energy_flux", [
    ("meyer", 2.074015e-11, 4.094944e-11), ("hegra", 1.745908e-11, 3.469565e-11), ("hess_pl", 2.115401e-11, 4.192446e-11),
    ("hess_ecpl", 2.267957e-11, 4.585827e-11), ("magic_lp", 2.028061e-11, 4.003628e-11), ("magic_ecpl", 2.070767e-11, 4.094112e-11)])
def test_crab_as_in_gammapy(reference, flux, energy_flux):
    model = create_crab_spectral_model(reference)
    assert_allclose(model.integral("1 TeV", "100 TeV").value, flux, rtol=1e-6)
    assert_allclose(model.energy_flux("1 TeV", "10 TeV").value, energy_flux, rtol=1e-6)


def test_searches():
    ecpl = ExpCutoffPowerLawSpectralModel(index=1.7, lambda_="0.2 TeV-1", alpha=.8)
    peak = ecpl.e_peak.value
    sed = [ecpl(e*u.TeV).value*e**2 for e in (peak*.999, peak, peak*1.001)]
    assert sed[1] > max(sed[0], sed[2])
    assert_allclose(ecpl.inverse(ecpl("3 TeV")).value, [3])
    assert_allclose(LP.spectral_index("5 TeV"), 2.3 + 2*.25*np.log(5), rtol=1e-7)
    assert np.isnan(PL.pivot_energy.value)     # no covariance


# Parameters ---------------------------------------------------------------------------------------------------------------------

def test_table_prints_as_the_reference():
    model = ExpCutoffPowerLawSpectralModel(index=2.27271, amplitude="4.79131e-11 cm-2 s-1 TeV-1", lambda_="0.120971 TeV-1", reference=1*u.TeV)
    for name, error in dict(index=.15661, amplitude=3.6001e-12, lambda_=.053821).items(): model.parameters[name].error = error
    table = Models(SkyModel(model, name="crab")).to_parameters_table()
    assert [(c, table[c].dtype.str.lstrip("<>|").replace("U", "str")) for c in table.colnames] == [
        ("model", "str4"), ("type", "str8"), ("name", "str9"), ("value", "f8"), ("unit", "str14"), ("error", "f8"), ("min", "f8"),
        ("max", "f8"), ("frozen", "b1"), ("link", "str1")]
    assert [line.split() for line in table.pformat(max_width=-1, max_lines=-1)[2:]] == [
        ["crab", "spectral", "index", "2.2727e+00", "1.566e-01", "nan", "nan", "False"],
        ["crab", "spectral", "amplitude", "4.7913e-11", "cm-2", "s-1", "TeV-1", "3.600e-12", "nan", "nan", "False"],
        ["crab", "spectral", "reference", "1.0000e+00", "TeV", "0.000e+00", "nan", "nan", "True"],
        ["crab", "spectral", "lambda_", "1.2097e-01", "TeV-1", "5.382e-02", "nan", "nan", "False"],
        ["crab", "spectral", "alpha", "1.0000e+00", "0.000e+00", "nan", "nan", "True"]]
    assert model.parameters.to_table().colnames == table.colnames[1:]


def test_check_names_model_and_parameter():
    model = SkyModel(PowerLawSpectralModel(), name="crab")
    model.parameters.check()
    model.parameters["index"].max = 1.5
    with pytest.raises(ValueError, match=r"parameter index of model crab: the value 2 is outside its limits \[nan, 1.5\]"):
        Models(model).parameters.check()
    model.parameters["index"].frozen = True
    model.parameters.check()
    model.parameters["amplitude"].value = np.nan
    with pytest.raises(ValueError, match="parameter amplitude of model crab: the value is nan"): model.parameters.check()


def test_bad_parameters():
    with pytest.raises(ValueError, match="has no parameter 'gamma'; it has index, amplitude, reference"): PowerLawSpectralModel(gamma=2)
    with pytest.raises(TypeError, match="amplitude.*cm-2 s-1 TeV-1.*no unit"): PowerLawSpectralModel(amplitude=1e-12)
    with pytest.raises(TypeError, match="amplitude.*found TeV"): PowerLawSpectralModel(amplitude="1 TeV")
    with pytest.raises(TypeError, match="assign to index.value"): PowerLawSpectralModel().index = 3
    with pytest.raises(ValueError, match="no parameter 'lambda'; there are index"): PL.parameters["lambda"]
    with pytest.raises(TypeError, match="min of parameter"): PowerLawSpectralModel().reference.min = "3 s"


def test_parameter_scale_and_scan():
    p = Parameter("amplitude", -4.7e-11, "cm-2 s-1 TeV-1", min=-1e-10, error=1e-12)
    p.autoscale()
    assert (p.scale, p.factor) == (pytest.approx(1e-11), pytest.approx(-4.7)) and p.factor_min == pytest.approx(-10)
    p.factor = 2
    assert p.value == pytest.approx(2e-11)
    assert_allclose(p.scan_values, np.linspace(1.8e-11, 2.2e-11, 11))
    p.scan_values = [1, 2]
    assert_array_equal(p.scan_values, [1, 2])
    assert_allclose(Parameter("norm", 1, scan_min=.1, scan_max=10, scan_n_values=3, interp="log").scan_values, [.1, 1, 10])
    zero = Parameter("x", 0)
    zero.autoscale()
    assert zero.scale == 1
    assert Parameter("x", 3, frozen=np.bool_(True)).frozen is True


def test_selection():
    pars = Models([SkyModel(PL.copy(), name="a"), SkyModel(ECPL.copy(), name="b")]).parameters
    assert pars.models == ["a"]*3 + ["b"]*5
    assert pars.free_parameters.names == ["index", "amplitude", "index", "amplitude", "lambda_"]
    assert len(pars.select(name="index")) == 2 and len(pars[2:4]) == 2 and len(pars.select(frozen=True)) == 3
    assert pars.index(pars[4]) == 4
    assert_allclose(pars.internal_values, pars.value)


def test_links():
    a, b = SkyModel(PowerLawSpectralModel(), name="a"), SkyModel(PowerLawSpectralModel(index=3), name="b")
    b.spectral_model.index = a.spectral_model.index
    models = Models([a, b])
    assert len(models.parameters) == 6 and len(models.parameters.unique_parameters) == 5
    a.spectral_model.index.value = 2.7
    assert b.parameters["index"].value == 2.7
    assert models.to_parameters_table()["link"].tolist() == ["index@a", "", "", "index@a", "", ""]
    for new in (models.copy(), copy.deepcopy(models)):
        assert new["a"].spectral_model.index is new["b"].spectral_model.index is not a.spectral_model.index
    assert b.copy().spectral_model.index is not a.spectral_model.index


# Covariance ---------------------------------------------------------------------------------------------------------------------

def random_covariance(n, seed=0):
    root = np.random.default_rng(seed).normal(size=(n, n))
    return root @ root.T


def test_covariance_goes_into_the_parts_and_back():
    a, b = SkyModel(PL*PowerLawNormSpectralModel(), name="a").copy(), SkyModel(ECPL.copy(), name="b")
    b.spectral_model.index = a.spectral_model.model1.index
    models = Models([a, b])
    unique = models.parameters.unique_parameters
    matrix = random_covariance(len(unique))
    models.covariance = matrix
    assert_allclose(models.covariance.data, matrix)
    assert_allclose(models.parameters.covariance.data, matrix)
    assert_allclose(unique.error, np.sqrt(np.diag(matrix)))
    assert_allclose(a.spectral_model.covariance.data, matrix[:6, :6])
    assert_allclose(a.spectral_model.model2.covariance.data, matrix[3:6, 3:6])
    rows = [0, 6, 7, 8, 9]
    assert_allclose(b.copy().spectral_model.covariance.data, matrix[np.ix_(rows, rows)])
    assert_allclose(models.copy().covariance.data, matrix)
    assert_allclose(Models(models).covariance.data, matrix)
    assert_allclose(np.array(models.covariance), matrix)
    twice = [models.parameters.unique_parameters.index(p) for p in models.parameters]
    models.covariance = 2*matrix[np.ix_(twice, twice)]      # also with a row per occurrence
    assert_allclose(models.covariance.data, 2*matrix)
    models.append(SkyModel(LP.copy(), name="c"))
    assert_allclose(models.covariance.data[:10, :10], 2*matrix)
    with pytest.raises(ValueError, match="expected shape"): models.covariance = np.eye(3)


def test_error_propagation():
    model = ECPL.copy()
    cov = np.zeros((5, 5))
    free = np.ix_([0, 1, 3], [0, 1, 3])
    cov[free] = random_covariance(3)*np.outer([.1, 1e-12, .02], [.1, 1e-12, .02])
    model.covariance = cov
    samples = np.random.default_rng(0).multivariate_normal([0, 0, 0], cov[free]/np.outer([.1, 1e-12, .02], [.1, 1e-12, .02]), 40_000)
    values = np.repeat(model.parameters.internal_values[None], len(samples), 0)
    values[:, [0, 1, 3]] += 1e-3*samples*[.1, 1e-12, .02]
    energy = np.array([.5, 3, 10])
    value, error = model.evaluate_error(energy*u.TeV, symmetric=True)
    assert_allclose(1e3*model.dnde(energy, values).std(0), error.value, rtol=.02)
    flux, error = model.integral_error("1 TeV", "10 TeV", symmetric=True)
    assert_allclose(1e3*model.bin_flux([1, 10], values).std(), error.value, rtol=.02)
    assert_allclose(flux, model.integral("1 TeV", "10 TeV"))
    eflux, error = model.energy_flux_error("1 TeV", "10 TeV", symmetric=True)
    assert_allclose(1e3*model.bin_flux([1, 10], values, 1).std(), error.value, rtol=.02)
    gev = ExpCutoffPowerLawSpectralModel(index=2.3, amplitude=A.to("cm-2 s-1 GeV-1"), lambda_="1e-4 GeV-1", reference="1000 GeV")
    scale = np.array([1, 1e-3, 1e3, 1e-3, 1])
    gev.covariance = cov*np.outer(scale, scale)
    assert_allclose(gev.evaluate_error(energy*u.TeV)[1], model.evaluate_error(energy*u.TeV)[1])


# Compounds, files ---------------------------------------------------------------------------------------------------------------

def test_arithmetic():
    e = [.3, 2, 9]*u.TeV
    for model, expected in ((PL + ECPL, PL(e) + ECPL(e)), (PL - ECPL, PL(e) - ECPL(e)), (PL/ECPL, PL(e)/ECPL(e)), (2*PL, 2*PL(e)),
                            (PL*2, 2*PL(e)), (PL/4, PL(e)/4), (-PL, -PL(e)), (PL + A, PL(e) + A), (A - PL, A - PL(e)),
                            (np.float64(3)*PL, 3*PL(e))):
        assert_allclose(model(e).to_value(expected.unit), expected.value, rtol=1e-13)
    assert (PL + A).parameters["const"].frozen
    with pytest.raises(ValueError, match="cannot add"): PL + 2
    with pytest.raises(ValueError, match="expected add"): CompoundSpectralModel(PL, ECPL, operator.pow)


@pytest.mark.parametrize("name", ALL)
def test_files(name, tmp_path):
    models = Models(SkyModel(ALL[name].copy(), name="source", datasets_names=["run"]))
    models.parameters.unique_parameters[0].error = .25
    models.write(tmp_path/"models.yaml")
    back = Models.read(tmp_path/"models.yaml")
    assert back.to_dict() == models.to_dict()
    assert_allclose(back.covariance.data, models.covariance.data)
    x = models.parameters.internal_values
    assert_array_equal(back[0].spectral_model.bin_flux(EDGES, x), models[0].spectral_model.bin_flux(EDGES, x))


def test_file_errors(tmp_path):
    (tmp_path/"a.yaml").write_text("{not: [yaml")
    with pytest.raises(DataError, match="a.yaml: not a YAML file: line 1"): Models.read(tmp_path/"a.yaml")
    (tmp_path/"b.yaml").write_text("- 1\n")
    with pytest.raises(DataError, match="b.yaml: expected a list of models under 'components'"): Models.read(tmp_path/"b.yaml")
    (tmp_path/"c.yaml").write_text("components: [{name: x, spectral: {type: blackbody, parameters: []}}]\n")
    with pytest.raises(ValueError, match="'blackbody'"): Models.read(tmp_path/"c.yaml")
    with pytest.raises(FileNotFoundError): Models.read(tmp_path/"d.yaml")
    Models(SkyModel(PL, name="x")).write(tmp_path/"e.yaml")
    with pytest.raises(FileExistsError): Models(SkyModel(PL, name="x")).write(tmp_path/"e.yaml")


def test_defaults_fill_what_a_file_leaves_out():
    model = SpectralModel.from_dict(dict(type="ecpl", parameters=[dict(name="reference", value=2), dict(name="index", value=3)]))
    assert model.reference.frozen and model.reference.unit == u.TeV and model.lambda_.value == .1
    with pytest.raises(ValueError, match="value: missing"): Parameters.from_dict([dict(name="index")])


def test_models_list():
    models = Models([SkyModel(PL.copy(), name="a"), SkyModel(ECPL.copy(), name="b", datasets_names="run-1")])
    assert models.names == ["a", "b"] and "a" in models and models.index("b") == 1 and len(models[:1]) == 1
    assert models.select(datasets_names="run-2").names == ["a"] and models.select(name_substring="b").names == ["b"]
    with pytest.raises(ValueError, match="no model 'c'; there are a, b"): models["c"]
    with pytest.raises(ValueError, match="two models named 'a'"): models.append(SkyModel(PL, name="a"))
    with pytest.raises(TypeError, match="found PowerLawSpectralModel"): Models([PL])
    models["a"] = SkyModel(LP.copy(), name="a")
    del models["b"]
    assert len(models + SkyModel(PL, name="z")) == 2
    models.freeze()
    assert models.frozen
    models.unfreeze()
    assert models.parameters.free_parameters.names == ["amplitude", "alpha", "beta"]
    assert "<table>" in models._repr_html_() and "crab" in SkyModel(PL, name="crab")._repr_html_()
    assert SkyModel(PL).name != SkyModel(PL).name and SkyModel(PL, name="x").copy().name == "x"


def test_plots():
    plt = pytest.importorskip("matplotlib.pyplot")
    model = ECPL.copy()
    model.covariance = np.diag([.1, 4e-12, 0, .02, 0])**2
    kwargs = dict(energy_bounds=[.1, 30]*u.TeV, sed_type="e2dnde", yunits=u.Unit("erg cm-2 s-1"))
    ax = plt.figure().add_subplot()
    assert model.plot(ax=ax, **kwargs, label="fit", ls="--") is ax
    model.plot_error(ax=ax, facecolor="orange", alpha=.3, **kwargs)
    x, y = ax.lines[0].get_data()
    assert_allclose(y, (model(x*u.TeV)*(x*u.TeV)**2).to_value("erg cm-2 s-1"))
    PL.plot(ax=ax, energy_bounds=[100*u.GeV, 30*u.TeV], sed_type="e2dnde")     # same units as what is there
    assert_allclose(ax.lines[1].get_xdata()[[0, -1]], x[[0, -1]])
    for kind in ("dnde", "flux", "eflux"): model.plot_error(ax=plt.figure().add_subplot(), energy_bounds=["1 TeV", "10 TeV"], sed_type=kind)
    axis = MapAxis.from_energy_bounds("0.1 TeV", "10 TeV", 20)
    assert len(PL.plot(axis, ax=plt.figure().add_subplot(), sed_type="flux").lines[0].get_xdata()) == 20
    PowerLawNormSpectralModel().plot([1, 10]*u.TeV, ax=plt.figure().add_subplot())
    plt.close("all")
