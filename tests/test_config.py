"The configuration: every refusal names key, value and what is allowed; what is written is read back; one model for file, notebook and command line."
import json
from pathlib import Path
import astropy.units as u
import papermill
import pytest
import yaml
from specnb import AnalysisConfig, ConfigError

ROOT = Path(__file__).parent.parent


def at(path, data):
    "The value of a dotted key in nested dictionaries."
    for name in path.split("."): data = data[name]
    return data


REFUSED = [  # key, value, words of the message
    ("datasets.on_region.radius", 0.11, ["found 0.11", "expected an angle with a unit"]),
    ("datasets.on_region.radius", "0.11 TeV", ["found '0.11 TeV'", "expected an angle"]),
    ("datasets.on_region.radius", "0 deg", ["found '0 deg'", "above 0 deg"]),
    ("datasets.on_region.radius", "-1 deg", ["above 0 deg"]),
    ("datasets.on_region.radius", "nan deg", ["expected an angle"]),
    ("datasets.on_region.radius", [1, 2], ["found [1, 2]", "expected an angle"]),
    ("datasets.on_region.radius", True, ["found True", "expected an angle"]),
    ("datasets.on_region.lat", "91 deg", ["found '91 deg'", "at most 90 deg"]),
    ("datasets.on_region.lon", "x", ["found 'x'", "such as '83.63 deg'"]),
    ("datasets.on_region.frame", "galatic", ["expected 'icrs' or 'galactic'", "did you mean galactic?"]),
    ("datasets.geom.axes.energy.min", "1 deg", ["found '1 deg'", "expected an energy"]),
    ("datasets.geom.axes.energy.min", "50 TeV", ["min is 50 TeV, expected less than max, 40 TeV"]),
    ("datasets.geom.axes.energy.nbins", 0, ["found 0", "greater than or equal to 1"]),
    ("datasets.geom.axes.energy.nbins", 2.5, ["found 2.5", "integer"]),
    ("datasets.geom.axes.energy_true.min", "50 TeV", ["energy_true: expected a range that overlaps"]),
    ("datasets.geom.selection.offset_max", "200 deg", ["at most 180 deg"]),
    ("datasets.type", "3d", ["found '3d'", "'1d'"]),
    ("datasets.stack", "perhaps", ["found 'perhaps'", "boolean"]),
    ("datasets.background.method", "ring", ["found 'ring'", "'reflected' or 'wobble'"]),
    ("datasets.background.exclusion", [{"lon": "1 deg", "lat": "2 deg"}], ["exclusion.0.radius", "required"]),
    ("datasets.background.exclusion", [{"lon": "1 deg", "lat": "2 deg", "radius": 3}], ["exclusion.0.radius: found 3", "expected an angle"]),
    ("datasets.background.parameters", {"min_distnce": "1 deg"}, ["unknown parameter 'min_distnce'", "did you mean min_distance"]),
    ("datasets.safe_mask.methods", ["aeff"], ["methods.0: found 'aeff'", "'aeff-max'"]),
    ("datasets.safe_mask.parameters", {"aeff_percent": 101}, ["safe_mask.parameters", "between 0 and 100, found 101"]),
    ("datasets.containment_correction", None, ["found None"]),
    ("observations.obs_ids", ["a"], ["obs_ids.0: found 'a'", "integer"]),
    ("observations.obs_ids", [1, 1], ["obs_ids: a run is listed twice"]),
    ("observations.obs_cone.lon", "1 deg", ["a cone needs lon, lat and radius"]),
    ("observations.obs_time.start", "yesterday", ["found 'yesterday'", "expected a date such as"]),
    ("observations.required_irf", ["aef"], ["required_irf.0: found 'aef'", "did you mean aeff?"]),
    ("observations.datastore", "", ["datastore: found ''", "at least 1 character"]),
    ("observations.datastore", 5, ["found 5", "string"]),
    ("model.type", "PowerLow", ["found 'PowerLow'", "did you mean PowerLawSpectralModel?"]),
    ("model.parameters", {"gamma": 2}, ["model.parameters.gamma: unknown parameter", "has index, amplitude, reference, lambda_, alpha"]),
    ("model.parameters", {"amplitude": "1 TeV"}, ["model.parameters.amplitude", "expected a unit that converts to"]),
    ("model.parameters", {"index": "two"}, ["model.parameters.index"]),
    ("model.parameters", {"index": {"value": 2, "minimum": 1}}, ["model.parameters.index: unknown key 'minimum'", "value, min, max, frozen"]),
    ("model.parameters", {"index": {"frozen": "maybe"}}, ["frozen: found 'maybe'", "true or false"]),
    ("model.parameters", {"index": {"value": 2, "min": 3}}, ["model.parameters.index", "the value 2 is outside its limits [3, nan]"]),
    ("fit.backend", "sherpa", ["found 'sherpa'", "'minuit' or 'scipy'"]),
    ("fit.covariance_opts", {"backend": "x"}, ["covariance_opts", "found 'x'"]),
    ("fit.fit_range", {"min": "10 TeV", "max": "1 TeV"}, ["fit_range: min is 10 TeV, expected less than max, 1 TeV"]),
    ("flux_points.parameters", {"n_sigma": 0}, ["n_sigma: expected a positive number"]),
    ("flux_points.parameters", {"energy_edges": [1, 2]}, ["unknown parameter 'energy_edges'"]),
    ("general.log.level", "verbose", ["found 'verbose'", "'debug', 'info', 'warning' or 'error'"]),
    ("general.outdir", None, ["found None"]),
    ("datasets.on_regin.radius", "1 deg", ["datasets.on_regin: unknown key", "did you mean on_region?"]),
    ("dataset", {}, ["dataset: unknown key", "did you mean datasets?"]),
    ("radius", "1 deg", ["radius: unknown key", "observations.obs_cone.radius or datasets.on_region.radius"]),
    ("light_curve", {}, ["belongs to an analysis with maps or time bins"]),
    ("datasets.geom.wcs", {}, ["datasets.geom.wcs", "belongs to an analysis with maps"]),
    ("datasets", 5, ["datasets: found 5"]),
]


@pytest.mark.parametrize("key, value, words", REFUSED, ids=[f"{k}={v}" for k, v, _ in REFUSED])
def test_refused(key, value, words):
    with pytest.raises(ConfigError) as caught: AnalysisConfig().with_settings({key: value})
    assert len(caught.value.problems) == 1
    assert key.split(".")[0] in str(caught.value)
    for word in words: assert word in str(caught.value)


def test_all_faults_at_once():
    with pytest.raises(ConfigError) as caught: AnalysisConfig().with_settings({k: v for k, v, _ in REFUSED if k in ("radius", "fit.backend", "datasets.type")})
    assert len(caught.value.problems) == 3


def test_a_point_needs_what_belongs_to_it():
    with pytest.raises(ConfigError, match="expected false for a point"): AnalysisConfig().with_settings({"datasets.on_region.radius": None})
    settings = {"datasets.on_region.radius": None, "datasets.containment_correction": False}
    with pytest.raises(ConfigError, match="expected 'wobble' for a point"): AnalysisConfig().with_settings(settings)
    config = AnalysisConfig().with_settings({**settings, "datasets.background.method": "wobble"})
    assert type(config.datasets.on_region.region()).__name__ == "PointSkyRegion"


CHANGED = {"datasets.on_region.radius": "0.123456789012345678 deg", "observations.obs_ids": [3, 1], "observations.obs_time.start": "2004-12-04 22:00",
           "datasets.background.exclusion": [{"frame": "icrs", "lon": "1h2m3s", "lat": "-2d3m", "radius": "6 arcmin"}], "datasets.stack": True,
           "model.type": "lp", "model.parameters": {"alpha": {"value": 2.3, "frozen": True}, "amplitude": "3e-11 cm-2 s-1 TeV-1"},
           "fit.fit_range.min": "600 GeV", "flux_points.source": "Crab: nebula # 1", "general.models_file": "a b.yaml"}


@pytest.mark.parametrize("comments", [False, True])
def test_what_is_written_is_read_back(tmp_path, comments):
    config = AnalysisConfig().with_settings(CHANGED)
    config.write(tmp_path / "c.yaml", comments=comments)
    assert AnalysisConfig.read(tmp_path / "c.yaml") == config
    assert AnalysisConfig(**json.loads(json.dumps(config.to_dict()))) == config
    with pytest.raises(FileExistsError): config.write(tmp_path / "c.yaml")
    config.write(tmp_path / "c.yaml", overwrite=True)


def test_every_key_is_in_the_file_with_its_meaning():
    text = AnalysisConfig().to_yaml(comments=True)
    for key, (default, about) in AnalysisConfig.keys().items():
        assert about and f"# {about}" in text, key
        assert yaml.safe_load(default) == at(key, AnalysisConfig().to_dict()), key


def test_the_parameters_cell_of_the_notebook_is_the_default_configuration():
    cells = [c for c in json.loads((ROOT / "nbs/tutorials/02_analysis.ipynb").read_text())["cells"] if c["metadata"].get("tags") == ["parameters"]]
    assert len(cells) == 1
    found = {}
    exec("".join(cells[0]["source"]), {}, found)
    assert found == AnalysisConfig().to_dict()
    assert set(papermill.inspect_notebook(ROOT / "nbs/tutorials/02_analysis.ipynb")) == set(found)


@pytest.mark.parametrize("text, words", [("a: [1", "not a YAML file"), ("[1, 2]", "expected sections"), ("just a text", "expected sections"), ("dataset: {}", "did you mean datasets?")])
def test_files_that_are_no_configuration(tmp_path, text, words):
    (tmp_path / "c.yaml").write_text(text)
    with pytest.raises(ConfigError, match=words) as caught: AnalysisConfig.read(tmp_path / "c.yaml")
    assert str(tmp_path / "c.yaml") in str(caught.value)


def test_file_that_is_no_text(tmp_path):
    (tmp_path / "c.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="not a text file"): AnalysisConfig.read(tmp_path / "c.yaml")
    with pytest.raises(FileNotFoundError): AnalysisConfig.read(tmp_path / "d.yaml")


def test_assignments_are_checked_and_change_nothing_if_refused():
    config = AnalysisConfig()
    config.datasets.on_region.radius = "0.2 deg"
    assert config.datasets.on_region.radius == .2*u.deg
    with pytest.raises(ConfigError, match="radius: found 1"): config.datasets.on_region.radius = 1
    with pytest.raises(ConfigError, match="min is 90 TeV"): config.datasets.geom.axes.energy.min = "90 TeV"
    assert config.datasets.on_region.radius == .2*u.deg and config.datasets.geom.axes.energy.min == .1*u.TeV
    assert AnalysisConfig().datasets.on_region.radius == .11*u.deg, "defaults are not shared"


def test_update_as_in_gammapy():
    config = AnalysisConfig()
    other = AnalysisConfig(datasets={"stack": True})
    assert config.update(other).datasets.stack and config.update("datasets: {stack: true}").datasets.stack and not config.datasets.stack
    kept = AnalysisConfig(datasets={"on_region": {"radius": "0.2 deg"}}).update(other)
    assert kept.datasets.on_region.radius == .2*u.deg and kept.datasets.stack


def test_runs_from_a_file(tmp_path):
    (tmp_path / "runs.txt").write_text("1003\n1001\n")
    assert AnalysisConfig(observations={"obs_file": str(tmp_path / "runs.txt")}).observations.listed() == [1003, 1001]
    for text, words in (("1001 x", "found 'x'"), ("", "found 'nothing'")):
        (tmp_path / "runs.txt").write_text(text)
        with pytest.raises(ConfigError, match=words): AnalysisConfig(observations={"obs_file": str(tmp_path / "runs.txt")}).observations.listed()
    with pytest.raises(ConfigError, match="no such file"): AnalysisConfig(observations={"obs_file": str(tmp_path / "no.txt")}).observations.listed()
    with pytest.raises(ConfigError, match="exclude each other"): AnalysisConfig(observations={"obs_file": "a", "obs_ids": [1]})


def test_models_from_a_file(tmp_path):
    config = AnalysisConfig(model={"type": "pl"}, flux_points={"source": "crab"})
    config.models().write(tmp_path / "models.yaml")
    again = AnalysisConfig(general={"models_file": str(tmp_path / "models.yaml")}, flux_points={"source": "crab"})
    assert again.models()["crab"].spectral_model.tag[1] == "pl"
    with pytest.raises(ConfigError, match="flux_points.source: found 'source', expected one of the models .* crab"):
        AnalysisConfig(general={"models_file": str(tmp_path / "models.yaml")}).models()
