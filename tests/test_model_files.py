"Files of models: what is read as it says, what is refused, what is told; covariance by name; files of Gammapy."
import warnings
import astropy.units as u
import numpy as np
import pytest
import yaml
from numpy.testing import assert_allclose
from specnb import (ConstantSpectralModel, DataError, ExpCutoffPowerLawSpectralModel, LogParabola2SpectralModel, LogParabolaSpectralModel, Models, Parameter,
                    PowerLawNormSpectralModel, PowerLawSpectralModel, SkyModel, SpecnbWarning, SpectralModel, TemplateSpectralModel)
from specnb.models.parameters import Parameters

AMPLITUDE = "- {name: amplitude, value: 3.0e-8, unit: m-2 s-1 TeV-1}"
FILE = f"""components:
- name: crab
  type: SkyModel
  spectral:
    type: PowerLawSpectralModel
    parameters:
    - {{name: index, value: 2.3, error: 0.1, min: 1, max: 5}}
    {AMPLITUDE}
    - {{name: reference, value: 1, unit: TeV, frozen: true}}
"""


def read(folder, text, name="models.yaml"):
    (folder / name).write_text(text)
    return Models.read(folder / name)


@pytest.mark.parametrize("number", ["3.0e-8", "3e-8", "'3e-8'", "'3.0e-08'", "+3E-8", ".3e-7"])
def test_a_number_is_a_number_and_its_unit_counts(tmp_path, number):
    model = read(tmp_path, FILE.replace("3.0e-8", number)).parameters["amplitude"]
    assert model.value == pytest.approx(3e-8, rel=1e-15) and model.unit == u.Unit("m-2 s-1 TeV-1")
    assert model.quantity.to_value("cm-2 s-1 TeV-1") == pytest.approx(3e-12)


def test_numbers_as_texts_elsewhere(tmp_path):
    index = read(tmp_path, FILE.replace("value: 2.3, error: 0.1, min: 1, max: 5", "value: '23e-1', error: 1e-1, min: '1', max: 5e0")).parameters["index"]
    assert (index.value, index.error, index.min, index.max) == (2.3, .1, 1, 5)
    absent = read(tmp_path, FILE.replace("error: 0.1, min: 1, max: 5", "min: null, max: .nan")).parameters["index"]
    assert np.isnan(absent.min) and np.isnan(absent.max) and absent.error == 0


WRONG = {
    "text as value": ("value: 2.3", "value: steep", "components.crab.spectral.parameters.index.value: found 'steep', expected a number"),
    "nan": ("value: 2.3", "value: .nan", "parameters.index.value: found nan, expected a finite number"),
    "logical": ("value: 2.3", "value: true", "parameters.index.value: found True, expected a number"),
    "list": ("value: 2.3", "value: [2.3]", r"parameters.index.value: found \[2.3\], expected a number"),
    "text as error": ("error: 0.1", "error: small", "parameters.index.error: found 'small', expected a number"),
    "negative error": ("error: 0.1", "error: -0.1", "parameters.index.error: found -0.1, expected a number that is not negative"),
    "text as limit": ("min: 1", "min: low", "parameters.index.min: found 'low', expected a number"),
    "limits in the wrong order": ("min: 1, max: 5", "min: 5, max: 1", "parameters.index: min 5 is above max 1"),
    "text as frozen": ("frozen: true", "frozen: perhaps", "parameters.reference.frozen: found 'perhaps', expected a valid boolean"),
    "misspelled value": ("value: 2.3", "vlaue: 2.3", "parameters.index.vlaue: unknown key; did you mean value"),
    "misspelled name": ("name: index", "nmae: index", "parameters.0.nmae: unknown key; did you mean name"),
    "misspelled frozen": ("frozen: true", "frozne: true", "parameters.reference.frozne: unknown key; did you mean frozen"),
    "misspelled spectral": ("spectral:", "spectrum:", "components.crab.spectrum: unknown key; did you mean spectral"),
    "misspelled components": ("components:", "component:", "expected a list of models under 'components'"),
    "no parameters": ("parameters:", "interp:", "PowerLawSpectralModel: parameters missing|interp: found"),
    "unknown parameter": ("name: index", "name: indx", "crab: PowerLawSpectralModel: no parameter 'indx'; did you mean index"),
    "parameter twice": ("name: reference", "name: index", "parameter index is given twice"),
    "unknown type": ("type: PowerLawSpectralModel", "type: PowerLaw3SpectralModel", "no spectral model of type 'PowerLaw3SpectralModel'; did you mean PowerLaw"),
    "no name": ("name: crab", "datasets_names: [a]", "components.0.name: missing"),
    "number as name": ("name: crab", "name: 12", "components.12.name: found 12, expected a text"),
    "unit of another kind": ("unit: TeV,", "unit: deg,", "crab: PowerLawSpectralModel: value of parameter reference: expected a unit that converts to TeV, found deg"),
    "seconds": ("unit: TeV,", "unit: s,", "expected a unit that converts to TeV, found s"),
    "scaled pure number": ("value: 2.3,", "value: 2.3, unit: '2.5',", "parameters.index: unit: expected a unit without a number, found '2.5'"),
    "number and unit": ("unit: TeV,", "unit: 5 TeV,", "parameters.reference: unit: expected a unit without a number, found '5 TeV'"),
    "number as unit": ("unit: TeV,", "unit: 2.5,", "parameters.reference.unit: found 2.5, expected a text"),
    "no unit at all": ("unit: TeV,", "unit: teraelectron,", "unit of parameter reference: found 'teraelectron'"),
    "energy of zero": ("value: 1, unit", "value: 0, unit", "reference of PowerLawSpectralModel: expected a positive energy, found 0.0 TeV"),
    "unknown prior": ("error: 0.1", "prior: {type: GausPrior, parameters: []}", "prior of parameter index: no class with tag .GausPrior.; did you mean GaussianPrior"),
    "prior without width": ("error: 0.1", "prior: {type: GaussianPrior, parameters: [{name: mu, value: 2}, {name: sigma, value: 0}]}", "sigma of GaussianPrior: expected a finite number above 0, found 0"),
    "number of a prior": ("error: 0.1", "prior: {type: GaussianPrior, parameters: [{name: mu, valu: 2}]}", "parameters.index.prior.parameters.mu.valu: unknown key; did you mean value"),
    "unit of a prior": ("error: 0.1", "prior: {type: UniformPrior, parameters: [{name: min, value: 2, unit: TeV}, {name: max, value: 3}]}", "prior of parameter index: min of a prior: expected a unit that converts to a pure number, found TeV"),
    "prior without table": ("error: 0.1", "prior: {type: TablePrior, density: [1, 2]}", "TablePrior: values missing"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_a_file_cannot_say_is_refused_with_its_place(tmp_path, case):
    old, new, message = WRONG[case]
    assert old in FILE
    with pytest.raises(DataError, match="models.yaml: (.|\n)*" + f"({message})"): read(tmp_path, FILE.replace(old, new, 1))


def test_the_inverse_cutoff_energy_in_tev_is_refused(tmp_path):
    text = Models(SkyModel(ExpCutoffPowerLawSpectralModel(), name="x")).to_yaml()
    with pytest.raises(DataError, match="value of parameter lambda_: expected a unit that converts to TeV-1, found TeV"):
        read(tmp_path, text.replace("unit: TeV-1\n", "unit: TeV\n"))
    model = read(tmp_path, text.replace("value: 0.1\n        unit: TeV-1\n", "value: 1e-4\n        unit: GeV-1\n")).parameters["lambda_"]
    assert model.quantity == u.Quantity("0.1 TeV-1")


def test_what_is_taken_by_default_is_told(tmp_path):
    with pytest.warns(SpecnbWarning, match="not given, so taken by default: amplitude = 1e-12 cm-2 s-1 TeV-1"): read(tmp_path, FILE.replace(AMPLITUDE, ""))
    with pytest.warns(SpecnbWarning, match="parameter reference: no unit is given, TeV is taken"): read(tmp_path, FILE.replace("unit: TeV, ", ""))
    with pytest.warns(SpecnbWarning, match=r"parameter index: the value 2.3 is outside its limits \[3, 5\]"): read(tmp_path, FILE.replace("min: 1", "min: 3"))
    with pytest.raises(DataError, match="two models named 'crab'"): read(tmp_path, FILE + FILE.partition("\n")[2])


OTHERS = {
    "background of a map": ("components:\n", "components:\n- {type: FoVBackgroundModel, datasets_names: [x], spectral: {type: pl-norm, parameters: []}}\n",
                            "components.0: a FoVBackgroundModel scales the background of a map"),
    "disk": ("  spectral:", "  spatial: {type: DiskSpatialModel, parameters: []}\n  spectral:", "spatial model of type 'DiskSpatialModel' is not supported"),
    "light curve": ("  spectral:", "  temporal: {type: ExpDecayTemporalModels, parameters: []}\n  spectral:", "no temporal model of type 'ExpDecayTemporalModels'; did you mean"),
    "EBL": ("type: PowerLawSpectralModel", "type: EBLAbsorptionNormSpectralModel", "EBLAbsorptionNormSpectralModel: filename missing"),
    "naima": ("type: PowerLawSpectralModel", "type: NaimaSpectralModel", "a radiative model of naima, is not supported in a file"),
    "scaled nothing": ("type: PowerLawSpectralModel", "type: ScaleSpectralModel", "ScaleSpectralModel: model missing"),
    "part of the response": ("  spectral:", "  apply_irf: {edisp: false}\n  spectral:", "apply_irf: a source is always folded"),
    "norm as a source": ("type: PowerLawSpectralModel", "type: ConstantSpectralModel", "no parameter 'index'"),
}


@pytest.mark.parametrize("case", OTHERS)
def test_models_that_are_not_ours_are_refused_by_name(tmp_path, case):
    old, new, message = OTHERS[case]
    with pytest.raises(DataError, match=message): read(tmp_path, FILE.replace(old, new, 1))


def test_a_pure_number_is_no_source(tmp_path):
    with pytest.raises(TypeError, match="PowerLawNormSpectralModel gives a pure number, expected a flux in cm-2 s-1 TeV-1"): SkyModel(PowerLawNormSpectralModel())
    with pytest.raises(DataError, match="models.yaml: model n: .*pure number"):
        read(tmp_path, "components: [{name: n, spectral: {type: pl-norm, parameters: [{name: norm, value: 1}]}}]")


def test_what_changes_nothing_is_left_out_and_told(tmp_path):
    parts = "  spatial: {type: PointSpatialModel, frame: icrs, parameters: [{name: lon_0, value: 83, unit: deg}]}\n"
    with pytest.warns(SpecnbWarning, match="model crab: PointSpatialModel left out"): models = read(tmp_path, FILE.replace("  spectral:", parts + "  spectral:"))
    assert models.parameters["index"].value == 2.3


GAMMAPY = """components:
-   name: a
    type: SkyModel
    datasets_names:
    - x
    spectral:
        type: PowerLawSpectralModel
        parameters:
        -   name: index
            value: 2.3
            unit: ''
            error: 0.1
            min: .nan
            max: .nan
            frozen: false
            interp: lin
            scale_method: scale10
            scale_transform: lin
            is_norm: false
            link: index@Egl94QA9
        -   {name: amplitude, value: 1.0e-12, unit: TeV-1 s-1 cm-2, interp: log}
        -   {name: reference, value: 1.0, unit: TeV}
-   name: b
    type: SkyModel
    spectral:
        type: CompoundSpectralModel
        model1:
            type: ExpCutoffPowerLawSpectralModel
            parameters:
            -   {name: index, value: 2.3, error: 0.1, link: index@Egl94QA9}
            -   {name: amplitude, value: 1.0e-12, unit: TeV-1 s-1 cm-2}
            -   {name: reference, value: 1.0, unit: TeV}
            -   {name: lambda_, value: 0.1, unit: TeV-1}
            -   {name: alpha, value: 1.0}
        model2:
            type: PiecewiseNormSpectralModel
            parameters:
            -   {name: norm_0, value: 1.0}
            -   {name: norm_1, value: 2.0}
            energy: {data: [1.0, 2.0], unit: TeV}
            interp: log
        operator: mul
-   name: t
    type: SkyModel
    spectral:
        type: TemplateSpectralModel
        parameters: []
        energy: {data: [1.0, 2.0], unit: TeV}
        values: {data: [1.0, 2.0], unit: 1 / (TeV s cm2)}
-   name: c
    type: SkyModel
    spectral:
        type: LogParabola2SpectralModel
        parameters:
        -   {name: amplitude, value: 1.0e-12, unit: TeV-1 s-1 cm-2}
        -   {name: reference, value: 10.0, unit: TeV}
        -   {name: alpha, value: 2.0}
        -   {name: beta, value: 1.0}
        -   {name: escale, value: 1.0, unit: TeV}
# a comment
metadata:
    creator: Gammapy 2.1
    date: '2026-01-01T00:00:00.000000'
    origin: null
checksum: e76f8886b72b7aa14e2a114b0ce87e9e
"""


def test_a_file_of_gammapy_is_read_as_it_says(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        models = read(tmp_path, GAMMAPY)
    assert models.names == ["a", "b", "t", "c"] and models["a"].datasets_names == ["x"]
    assert models["a"].spectral_model.index is models["b"].spectral_model.model1.index
    assert models["a"].parameters["reference"].frozen and models["b"].parameters["alpha"].frozen and models["a"].parameters["amplitude"].interp == "log"
    assert_allclose(models["b"].spectral_model("2 TeV").value, 2*ExpCutoffPowerLawSpectralModel(index=2.3)("2 TeV").value)
    assert_allclose(models["c"].spectral_model("3 TeV").value, 1e-12*.3**(-2 - np.log(3)))


def test_the_second_log_parabola_peaks_where_it_does():
    model = LogParabola2SpectralModel(reference="3 TeV", alpha=2.2, beta=.3, escale="0.4 TeV")
    energy = model.e_peak.value*np.array([.99, 1, 1.01])
    sed = model(energy*u.TeV).value*energy**2
    assert sed[1] > max(sed[0], sed[2])


# Links ---------------------------------------------------------------------------------------------------------------------------

def linked():
    a, b = SkyModel(PowerLawSpectralModel(index=2.3), name="a"), SkyModel(LogParabolaSpectralModel(), name="b")
    b.spectral_model.alpha = a.spectral_model.index
    return Models([a, b])


def test_a_link_between_models_of_different_type_comes_back(tmp_path):
    models = linked()
    models.parameters["index"].error = .2
    models.write(tmp_path / "m.yaml")
    back = Models.read(tmp_path / "m.yaml")
    assert back["b"].spectral_model.alpha is back["a"].spectral_model.index and back["b"].spectral_model.alpha.value == 2.3
    assert back.to_dict() == models.to_dict() and back["b"].spectral_model.alpha.error == .2
    assert "b.spectral.alpha" in (tmp_path / "m_covariance.dat").read_text()


def test_links_that_disagree_are_refused(tmp_path):
    text = linked().to_yaml()
    with pytest.raises(DataError, match="link index@a: value is 2.3 in one place and 2.4 in another"):
        read(tmp_path, "2.4".join(text.rsplit("2.3", 1)))


def test_a_link_needs_a_unit_of_one_kind():
    model, other = ExpCutoffPowerLawSpectralModel(), ExpCutoffPowerLawSpectralModel(lambda_="1e-4 GeV-1")
    model.lambda_ = other.lambda_
    assert_allclose(model("3 TeV").value, ExpCutoffPowerLawSpectralModel()("3 TeV").value)
    for value in (other.reference, other.index):
        with pytest.raises(TypeError, match="lambda_: expected a parameter whose unit converts to TeV-1, found"): model.lambda_ = value
    with pytest.raises(TypeError, match="index: expected a parameter whose unit converts to a pure number, found GeV-1"): PowerLawSpectralModel(index=other.lambda_)


# Covariance by name --------------------------------------------------------------------------------------------------------------

@pytest.fixture
def fitted(tmp_path):
    models = Models([SkyModel(PowerLawSpectralModel(), name="a"), SkyModel(ExpCutoffPowerLawSpectralModel(), name="b")])
    matrix = np.diag([.01, 1e-26, 0, .04, 4e-26, 0, 1e-4, 0])
    matrix[0, 3] = matrix[3, 0] = .01
    matrix[0, 1] = matrix[1, 0] = 5e-15
    models.covariance = matrix
    models.write(tmp_path / "m.yaml")
    return models


def changed(folder, change):
    data = yaml.safe_load((folder / "m.yaml").read_text())
    change(data["components"])
    (folder / "m.yaml").write_text(yaml.safe_dump(data))
    return Models.read(folder / "m.yaml")


def test_covariance_of_models_in_another_order(fitted, tmp_path):
    back = changed(tmp_path, lambda components: components.reverse())
    assert back.names == ["b", "a"]
    assert_allclose(back["a"].parameters.error, fitted["a"].parameters.error)
    assert_allclose(back["b"].spectral_model.covariance.data, fitted["b"].spectral_model.covariance.data)
    assert back.covariance.correlation[0, 5] == pytest.approx(.5)


def test_covariance_of_parameters_in_another_order(fitted, tmp_path):
    back = changed(tmp_path, lambda components: components[1]["spectral"]["parameters"].reverse())
    assert_allclose(back.covariance.data, fitted.covariance.data)


def test_covariance_of_a_model_that_is_gone_or_new_is_told(fitted, tmp_path):
    with pytest.warns(SpecnbWarning, match="m_covariance.dat: no model has a.spectral.index, a.spectral.amplitude, a.spectral.reference"):
        back = changed(tmp_path, lambda components: components.pop(0))
    assert_allclose(back.parameters.error, fitted["b"].parameters.error)
    new = SkyModel(TemplateSpectralModel([1, 10]*u.TeV, [1, .1]*u.Unit("cm-2 s-1 TeV-1"), norm=1), name="t").to_dict()
    new["spectral"]["parameters"][0].update(error=.3, frozen=False)
    with pytest.warns(SpecnbWarning, match="no row for t.spectral.norm"): back = changed(tmp_path, lambda components: components.insert(0, new))
    assert back["t"].parameters["norm"].error == .3
    assert_allclose(back["b"].parameters.error, fitted["b"].parameters.error)


def matrix_text(rows, matrix, names=None, title="Parameters"):
    lines = [[title, *(names or map(str, range(len(rows))))], *([row, *map(str, values)] for row, values in zip(rows, matrix))]
    return "".join(f"| {' | '.join(cell.ljust(20) for cell in line)} |\n" for line in lines)


ROWS = ["b.spectral.index", "b.spatial.lon_0", "a.spectral.index"]
MATRIX = [[.09, 0, .03], [0, 1, 0], [.03, 0, .16]]


def test_covariance_as_gammapy_writes_it(fitted, tmp_path):
    "Columns are numbers, and there are rows for positions."
    (tmp_path / "m_covariance.dat").write_text(matrix_text(ROWS, MATRIX))
    with pytest.warns(SpecnbWarning, match="no row for a.spectral.amplitude"): back = Models.read(tmp_path / "m.yaml")
    assert_allclose([back["b"].parameters["index"].error, back["a"].parameters["index"].error], [.3, .4])
    assert back["a"].parameters["amplitude"].error == pytest.approx(1e-13)
    assert back.covariance.data[0, 3] == pytest.approx(.03)


@pytest.mark.parametrize("change, message", [
    (dict(matrix=[["text", 0, 0], *MATRIX[1:]]), "column 0: expected numbers, found"),
    (dict(rows=["x", "x", "y"]), "two rows named x"), (dict(title="Names"), "expected a column Parameters"),
    (dict(names=["b.spectral.index", "a.spectral.index", "c"]), "found a column named a.spectral.index, expected b.spatial.lon_0 as the row"),
    (dict(matrix=[[-.09, 0, 0], *MATRIX[1:]]), "found the variance -0.09 of b.spectral.index"),
    (dict(matrix=[["inf", 0, 0], *MATRIX[1:]]), "found the variance inf of b.spectral.index"),
    (dict(matrix=[[.09, 0, .02], *MATRIX[1:]]), "expected a symmetric matrix with correlations up to 1"),
    (dict(matrix=MATRIX[:2]), "square matrix, found 2 rows")])
def test_damaged_covariance(fitted, tmp_path, change, message):
    (tmp_path / "m_covariance.dat").write_text(matrix_text(**(dict(rows=ROWS, matrix=MATRIX) | change)))
    with pytest.raises(DataError, match=f"m_covariance.dat: .*{message}"): Models.read(tmp_path / "m.yaml")


def test_covariance_elsewhere_is_refused(fitted, tmp_path):
    (tmp_path / "m.yaml").write_text((tmp_path / "m.yaml").read_text().replace("m_covariance.dat", "../m_covariance.dat"))
    with pytest.raises(DataError, match="expected the name of a file beside it"): Models.read(tmp_path / "m.yaml")


def test_covariance_of_a_part_of_the_models_and_in_another_unit(fitted):
    for some in (fitted[::-1], fitted.select(frozen=False), fitted.copy(), fitted[:1] + fitted[1:]):
        i, j = (some.parameters.unique_parameters.index(some[name].parameters["index"]) for name in "ab")
        assert some.covariance.correlation[i, j] == pytest.approx(.5)
    amplitude = fitted["a"].spectral_model.amplitude
    amplitude.max = 1e-11
    amplitude.quantity = "1e-8 m-2 s-1 TeV-1"
    assert (amplitude.value, amplitude.error, amplitude.max) == pytest.approx((1e-8, 1e-9, 1e-7))
    assert_allclose(fitted["a"].spectral_model.covariance.correlation[0, 1], .5)


# Python --------------------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("make, kind, message", [
    (lambda: PowerLawSpectralModel(index=np.nan), ValueError, "value of parameter index: expected a finite number, found nan"),
    (lambda: PowerLawSpectralModel(index=True), TypeError, "index: expected a number, found True"),
    (lambda: PowerLawSpectralModel(amplitude="3 m"), TypeError, "amplitude: expected a unit that converts to cm-2 s-1 TeV-1, found m"),
    (lambda: PowerLawSpectralModel(reference="0 TeV"), ValueError, "reference of PowerLawSpectralModel: expected a positive energy, found 0.0 TeV"),
    (lambda: PowerLawSpectralModel(reference="-1 TeV"), ValueError, "expected a positive energy"),
    (lambda: ExpCutoffPowerLawSpectralModel(lambda_="1 TeV"), TypeError, "lambda_: expected a unit that converts to TeV-1, found TeV"),
    (lambda: setattr(PowerLawSpectralModel().amplitude, "unit", "m-2 s-1 TeV-1"), ValueError, "unit of parameter amplitude: cannot change from"),
    (lambda: setattr(PowerLawSpectralModel().index, "error", -1), ValueError, "error of parameter index: expected a number >= 0, found -1"),
    (lambda: PowerLawSpectralModel()([1, -1]*u.TeV), ValueError, "energy: expected positive, finite energies, found -1 TeV"),
    (lambda: PowerLawSpectralModel()(np.nan*u.TeV), ValueError, "energy: expected positive, finite energies, found nan TeV"),
    (lambda: PowerLawSpectralModel().integral("0 TeV", "1 TeV"), ValueError, "energy_min: expected positive"),
    (lambda: PowerLawSpectralModel().energy_flux("3 TeV", "1 TeV"), ValueError, "energy_max: expected energies above energy_min"),
    (lambda: PowerLawSpectralModel().inverse("1e-12 cm-2 s-1 TeV-1", "3 TeV", "1 TeV"), ValueError, "energy_max: expected an energy above energy_min"),
    (lambda: Parameters.from_dict([dict(name="x", vlaue=3)]), ValueError, "vlaue: unknown key; did you mean value"),
    (lambda: SpectralModel.from_dict([1]), ValueError, "expected|valid dictionary"),
    (lambda: Models.from_yaml("components: 3"), ValueError, "components: found 3, expected a valid list"),
])
def test_calls_that_make_no_sense(make, kind, message):
    with pytest.raises(kind, match=message): make()


def test_a_value_set_later_is_checked_where_it_is_used():
    model = PowerLawSpectralModel()
    model.reference.value = -1
    with pytest.raises(ValueError, match="parameter reference of model PowerLawSpectralModel: the value is -1.0 TeV, expected a positive energy"): model("1 TeV")
    with pytest.raises(ValueError, match="expected a positive energy"): SkyModel(model).parameters.check()


def test_an_error_that_is_not_known_is_told():
    model = PowerLawSpectralModel()
    with pytest.warns(SpecnbWarning, match="the free parameters have no errors, so the error is 0"): model.evaluate_error("1 TeV")
    model.covariance = np.full((3, 3), np.nan)
    with pytest.warns(SpecnbWarning, match="the covariance of index, amplitude is not known, so the error is nan"): model.integral_error("1 TeV", "2 TeV")
    with pytest.warns(SpecnbWarning, match="nowhere between the energies searched"): assert np.isnan(model.inverse("1 cm-2 s-1 TeV-1").value).all()


def test_a_constant_keeps_its_kind(tmp_path):
    total = SkyModel(PowerLawSpectralModel()*2 + ConstantSpectralModel(const="1e-16 m-2 s-1 MeV-1"), name="x")
    Models(total).write(tmp_path / "m.yaml")
    back = Models.read(tmp_path / "m.yaml")[0].spectral_model
    assert back.model1.model2.result_unit == "" and back.model2.result_unit != ""
    assert_allclose(back("2 TeV").value, total.spectral_model("2 TeV").value)


def test_assigning_what_is_no_number_names_the_parameter():
    p = PowerLawSpectralModel().reference
    p.value = "500 GeV"
    assert p.quantity == .5*u.TeV
    for name in ("value", "min", "error", "quantity"):
        with pytest.raises(TypeError, match="of parameter reference: expected a number or a quantity, found 'steep'"): setattr(p, name, "steep")
    p.min, p.max = 3, 1
    with pytest.raises(ValueError, match=r"parameter reference: limits \[3, 1\], the lower one is above the upper"): p.check()
    model = PowerLawSpectralModel()
    with pytest.raises(ValueError, match="covariance: expected variances >= 0, found -1 for index"): model.covariance = -np.eye(3)
    with pytest.raises(TypeError, match="covariance: expected a matrix of numbers"): model.covariance = [["a"]]


@pytest.mark.parametrize("make, kind, message", [
    (lambda: Parameter("x", 1, 5), TypeError, "unit of parameter x: expected a unit, found 5"), (lambda: Parameter("x", 1, "quux"), TypeError, "unit of parameter x: expected a unit, found 'quux'"),
    (lambda: Parameter("x", [1, 2]), TypeError, "value of parameter x: expected a number or a quantity"), (lambda: PowerLawSpectralModel().parameters[7], IndexError, "no parameter at position 7; there are 3"),
    (lambda: SkyModel(PowerLawSpectralModel(), datasets_names=5), TypeError, "datasets_names: expected a name or a list of names, found 5"),
    (lambda: SkyModel(PowerLawSpectralModel(), datasets_names=[5]), TypeError, "datasets_names: expected"), (lambda: Models()[0], IndexError, "no model at position 0; there are 0"),
    (lambda: TemplateSpectralModel([1]*u.TeV, [1]*u.Unit("cm-2 s-1 TeV-1")), ValueError, "energy: expected two or more increasing energies")])
def test_arguments_that_are_something_else(make, kind, message):
    with pytest.raises(kind, match=message): make()


def test_a_model_without_parameters_and_a_file_without_models_are_told(tmp_path):
    with pytest.warns(SpecnbWarning, match="not given, so taken by default: index = 2, amplitude"): read(tmp_path, "components: [{name: x, spectral: {type: pl, parameters: []}}]")
    with pytest.warns(SpecnbWarning, match="lists no model"): assert read(tmp_path, "components: []").names == []


def test_a_file_of_models_carries_a_checksum_that_is_checked_on_request(tmp_path):
    path = tmp_path/"models.yaml"
    Models([SkyModel(PowerLawSpectralModel(), name="crab")]).write(path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Models.read(path, checksum=True)
    path.write_text(path.read_text().replace("value: 2.0", "value: 2.5"))
    assert Models.read(path)["crab"].spectral_model.index.value == 2.5   # editing by hand is what the files are for
    with pytest.warns(SpecnbWarning, match="the checksum does not agree"): Models.read(path, checksum=True)
