"The configuration: every refusal names key, value and what is allowed; what is written is read back; one model for file, notebook and command line."
import json
from pathlib import Path
import astropy.units as u
import papermill
import pytest
import yaml
from specnb import AnalysisConfig, ConfigError, Models, SkyModel, SpecnbWarning

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
    ("datasets.on_region.radius", 10**400, ["expected an angle"]),
    ("datasets.geom.axes.energy.min", "1e-320 TeV", ["at least 1e-12 TeV and at most 1e+06 TeV"]),
    ("datasets.geom.axes.energy.max", "inf TeV", ["expected an energy"]),
    ("datasets.geom.axes.energy.max", "1e300 TeV", ["at most 1e+06 TeV"]),
    ("flux_points.energy.max", float("nan"), ["found nan", "expected an energy"]),
    ("fit.fit_range.min", "-1 TeV", ["at least 1e-12 TeV"]),
    ("fit.optimize_opts.tol", float("inf"), ["found inf", "finite number"]),
    ("fit.optimize_opts.tol", float("nan"), ["found nan"]),
    ("fit.optimize_opts.print_level", 10**30, ["less than or equal to 3"]),
    ("datasets.safe_mask.parameters.aeff_percent", float("nan"), ["found nan", "finite number"]),
    ("datasets.background.parameters.binsz", "1e-300 deg", ["at least 0.001 deg"]),
    ("datasets.background.parameters.angle_increment", "0 deg", ["at least 0.001 deg"]),
    ("datasets.background.parameters.max_region_number", "9"*400, ["less than or equal to 100000"]),
    ("flux_points.parameters.norm_n_values", 10**400, ["less than or equal to 10000"]),
    ("flux_points.parameters.n_sigma", 1e308, ["less than or equal to 100"]),
    ("flux_points.parameters.norm_values", [1., float("nan")], ["found nan", "finite number"]),
    ("general.n_jobs", 10**9, ["less than or equal to 1000"]),
    ("general.outdir", "a\0b", ["without control characters"]),
    ("observations.datastore", "\ud800", ["expected a valid string"]),
    ("model.type", "x"*120, ["expected a spectral model"]),
    ("model.parameters", {"index": float("nan")}, ["model.parameters.index"]),
    ("model.parameters", {"index": 10**400}, ["model.parameters.index", "expected a number"]),
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
    ("datasets.background.method", "rings", ["found 'rings'", "'reflected', 'wobble', 'ring', 'regions' or 'phase'"]),
    ("datasets.background.method", "ring", ["datasets.background.parameters: r_in, width: expected two angles"]),
    ("datasets.background.method", "phase", ["parameters.on_phase: found null, expected a value for 'phase'"]),
    ("datasets.background", {"method": "phase", "parameters": {"on_phase": [0, .5], "off_phase": [.4, .8]}}, ["off_phase: expected phases other than the ON phases"]),
    ("datasets.background.parameters.width", "0.3 deg", ["width: no effect on 'reflected'"]),
    ("datasets.background.exclusion", [{"lon": "1 deg", "lat": "2 deg"}], ["exclusion.0.radius", "required"]),
    ("datasets.background.exclusion", [{"lon": "1 deg", "lat": "2 deg", "radius": 3}], ["exclusion.0.radius: found 3", "expected an angle"]),
    ("datasets.background.parameters", {"min_distnce": "1 deg"}, ["parameters.min_distnce: unknown key", "did you mean min_distance"]),
    ("datasets.safe_mask.methods", ["aeff"], ["methods.0: found 'aeff'", "'aeff-max'"]),
    ("datasets.safe_mask.parameters", {"aeff_percent": 101}, ["safe_mask.parameters", "<= 100, found 101"]),
    ("datasets.containment_correction", None, ["found None"]),
    ("datasets.use_region_center", False, ["use_region_center", "expected true"]),
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
    ("model.parameters", {"index": {"value": 2, "minimum": 1}}, ["model.parameters.index.minimum: unknown key", "value, min, max, frozen"]),
    ("model.parameters", {"index": {"frozen": "maybe"}}, ["frozen: found 'maybe'", "true or false"]),
    ("model.parameters", {"index": {"value": 2, "min": 3}}, ["model.parameters.index", "the value 2 is outside its limits [3, nan]"]),
    ("fit.backend", "sherpa", ["found 'sherpa'", "'minuit' or 'scipy'"]),
    ("fit.covariance_opts", {"backend": "x"}, ["covariance_opts", "found 'x'"]),
    ("fit.fit_range", {"min": "10 TeV", "max": "1 TeV"}, ["fit_range: min is 10 TeV, expected less than max, 1 TeV"]),
    ("light_curve.time_intervals", "5 TeV", ["found '5 TeV'", "expected run, night, bayesian-blocks, a duration"]),
    ("light_curve.time_intervals", [["2004-12-05", "2004-12-04"]], ["time_intervals", "expected a start before its stop"]),
    ("light_curve.time_intervals", {"start": ["2004-12-05"], "stop": []}, ["time_intervals", "expected pairs of dates"]),
    ("light_curve.parameters", {"n_sigma": 0}, ["n_sigma: expected a positive number"]),
    ("nuisance.area_norm", -.1, ["found -0.1", "expected the width of a normal distribution around 1"]),
    ("nuisance.area_norm", {"mu": 1, "width": 2}, ["nuisance.area_norm", "{mu: 1, sigma: 0.1}"]),
    ("flux_points.energy.edges", ["1 TeV"], ["edges: found ['1 TeV'], expected at least two rising energies"]),
    ("flux_points.energy.edges", "2 TeV, 1 TeV", ["expected at least two rising energies"]),
    ("flux_points.energy.edges", [1, "2 TeV"], ["found 1", "expected an energy"]),
    ("observations.obs_zenith", {"min": "40 deg", "max": "30 deg"}, ["obs_zenith: min is 40 deg, expected less than max, 30 deg"]),
    ("observations.event_type", True, ["event_type: found True", "expected the type as in the index"]),
    ("general.formats", "xls", ["formats.0: found 'xls'", "expected 'csv'"]),
    ("flux_points.parameters", {"n_sigma": 0}, ["n_sigma: expected a positive number"]),
    ("flux_points.parameters", {"energy_edges": [1, 2]}, ["flux_points.parameters.energy_edges: unknown key"]),
    ("flux_points.parameters.selection_optional", "limits", ["selection_optional: expected 'all' or some of", "found 'limits'"]),
    ("flux_points.parameters.n_sigma_ul", "two", ["n_sigma_ul: found 'two'", "number"]),
    ("datasets.background.parameters.n_off_regions", 5, ["n_off_regions: no effect on 'reflected'", "min_distance"]),
    ("datasets.background.parameters.min_distance", 0.2, ["min_distance: found 0.2", "expected an angle"]),
    ("datasets.safe_mask.parameters.offset_max", "3 TeV", ["offset_max: found '3 TeV'", "expected an angle"]),
    ("datasets.safe_mask.parameters.irfs", "DL5", ["irfs: found 'DL5'", "'DL4' or 'DL3'"]),
    ("datasets.on_region.lon", "1:30:00", ["on_region.lon: found '1:30:00'", "expected an angle with a unit"]),
    ("fit.optimize_opts", {"gradeint": False}, ["optimize_opts.gradeint: unknown key", "did you mean gradient?"]),
    ("fit.optimize_opts.method", "SLSQP", ["optimize_opts.method: no effect with backend 'minuit'"]),
    ("model.parameters.index", [1], ["model.parameters.index.value: found [1]", "expected a number"]),
    ("general.log.level", "verbose", ["found 'verbose'", "'debug', 'info', 'warning' or 'error'"]),
    ("general.outdir", None, ["found None"]),
    ("datasets.on_regin.radius", "1 deg", ["datasets.on_regin: unknown key", "did you mean on_region?"]),
    ("dataset", {}, ["dataset: unknown key", "did you mean datasets?"]),
    ("radius", "1 deg", ["radius: unknown key", "observations.obs_cone.radius or datasets.background.catalogue.radius or datasets.on_region.radius"]),
    ("excess_map", {}, ["belongs to an analysis with maps"]),
    ("datasets.geom.wcs", {}, ["datasets.geom.wcs", "belongs to an analysis with maps"]),
    ("datasets", 5, ["datasets: found 5"]),
]


@pytest.mark.parametrize("key, value, words", REFUSED, ids=[f"{k}={v}" for k, v, _ in REFUSED])
def test_refused(key, value, words):
    with pytest.raises(ConfigError) as caught: AnalysisConfig().with_settings({key: value})
    assert len(caught.value.problems) == 1
    assert key.split(".")[0] in str(caught.value)
    for word in words: assert word in str(caught.value)


def test_texts_of_refusals_are_short():
    "However long or deep the values are, and however many the faults."
    endless = ["ha"]
    for _ in range(25): endless = [endless, endless]
    for wrong in ({"model": endless}, {"model": {"type": "x" * 10**6}}, {"x" * 10**5: 1}, {"model": {"parameters": {f"p{n}": endless for n in range(1000)}}}, {"datasets": {str(n): n for n in range(1000)}}):
        with pytest.raises(ConfigError) as caught: AnalysisConfig(**wrong)
        assert len(str(caught.value)) < 35_000 and max(map(len, str(caught.value).splitlines())) <= 1000


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


KEYS = list(AnalysisConfig.keys())
CHANGES = {  # a value other than the default for every key
    "general.outdir": "x", "general.models_file": "m.yaml", "general.formats": ["csv"], "general.n_jobs": 2, "general.log.level": "debug",
    "observations.datastore": "x", "observations.obs_ids": [5], "observations.obs_file": "x", "observations.skip_missing": True,
    "observations.obs_cone": {"lon": "1 deg", "lat": "2 deg", "radius": "3 deg"}, "observations.obs_cone.frame": "galactic",
    "observations.obs_time.start": "2004-12-04 22:00:00", "observations.obs_time.stop": "2004-12-04", "observations.required_irf": ["psf"],
    "observations.obs_zenith.min": "10 deg", "observations.obs_zenith.max": "40 deg", "observations.event_type": "3",
    "datasets.stack": True, "datasets.geom.selection.offset_max": "1 deg", "datasets.geom.axes.energy.min": "0.2 TeV",
    "datasets.geom.axes.energy.max": "50 TeV", "datasets.geom.axes.energy.nbins": 5, "datasets.geom.axes.energy_true.min": "0.2 TeV",
    "datasets.geom.axes.energy_true.max": "50 TeV", "datasets.geom.axes.energy_true.nbins": 5, "datasets.background.method": "wobble",
    "datasets.background.exclusion": None, "datasets.background.parameters.angle_increment": "0.2 rad",
    "datasets.background.parameters.min_distance": "0.2 rad", "datasets.background.parameters.min_distance_input": "0.2 rad",
    "datasets.background.parameters.max_region_number": 5, "datasets.background.parameters.binsz": "0.02 deg",
    "datasets.background": {"method": "wobble", "parameters": {"n_off_regions": 5}},
    "datasets.safe_mask.methods": ["edisp-bias"], "datasets.safe_mask.parameters.aeff_percent": 5, "datasets.safe_mask.parameters.bias_percent": 5,
    "datasets.safe_mask.parameters.position": {"lon": "83 deg", "lat": "22 deg"}, "datasets.safe_mask.parameters.fixed_offset": "0.5 deg",
    "datasets.safe_mask.parameters.offset_max": "2 deg", "datasets.safe_mask.parameters.irfs": "DL3",
    "datasets.on_region.frame": "galactic", "datasets.on_region.lon": "5h34m31s", "datasets.on_region.lat": "1 deg",
    "datasets.on_region.radius": "0.2 deg", "datasets.containment_correction": False,
    "model.type": "pl", "model.parameters": {"index": 2},
    "model.frozen": ["index"], "model.links": {"b.index": "a.index"}, "flux_points.energy.edges": ["1 TeV", "2 TeV", "5 TeV"],
    "light_curve.energy_edges.edges": ["1 TeV", "2 TeV"],
    "model": {"ebl": "dominguez", "redshift": .116},
    "fit.fit_range.min": "1 TeV", "fit.fit_range.max": "9 TeV", "fit.backend": "scipy", "fit.optimize_opts.gradient": False,
    "fit.optimize_opts.strategy": 2, "fit.optimize_opts.print_level": 1, "fit.optimize_opts.migrad_opts": {"ncall": 9}, "fit.optimize_opts.tol": 0.5,
    "fit": {"backend": "scipy", "optimize_opts": {"method": "SLSQP", "options": {"maxiter": 9}}}, "fit.covariance_opts.backend": "minuit",
    "flux_points.energy.min": "1 TeV", "flux_points.energy.max": "9 TeV", "flux_points.energy.nbins": 3, "flux_points.source": "crab",
    "flux_points.parameters.selection_optional": ["ul"], "flux_points.parameters.n_sigma": 2, "flux_points.parameters.n_sigma_ul": 1.645,
    "flux_points.parameters.reoptimize": True, "flux_points.parameters.norm_min": 0.1, "flux_points.parameters.norm_max": 9,
    "flux_points.parameters.norm_n_values": 5, "flux_points.parameters.norm_values": [1, 2], "flux_points.parameters.sum_over_energy_groups": True,
    "flux_points.parameters.snap": True,
    "datasets": {"containment_correction": False, "use_region_center": False, "background": {"method": "phase", "parameters": {"on_phase": [.9, 1.1], "off_phase": [[.3, .5], [.6, .7]]}}},
    "datasets.background.catalogue.file": "c.ecsv", "datasets.background.catalogue.radius": "SIZE", "datasets.background.catalogue.factor": 2,
    "datasets.background.catalogue.margin": "0.1 deg", "datasets.background.catalogue.radius_min": "0.2 deg",
    "datasets.background.stars.max_star_mag": 6, "datasets.background.stars.star_rad": "0.2 deg", "datasets.background.stars.star_table": "s.dat",
    "datasets.background.homogeneity": True, "datasets.on_region.shape": "icrs;circle(83,22,0.2)",
    "nuisance.background_norm": .05, "nuisance.area_norm": {"mu": 1.1, "sigma": .1}, "nuisance.energy_scale": .1,
    "light_curve.time_intervals": "15 min", "light_curve.energy_edges.min": "0.5 TeV", "light_curve.energy_edges.max": "20 TeV",
    "light_curve.energy_edges.nbins": 2, "light_curve.parameters.selection_optional": None, "light_curve.parameters.n_sigma": 2,
    "light_curve.parameters.n_sigma_ul": 3, "light_curve.parameters.reoptimize": True, "light_curve.parameters.p0": .01,
    "light_curve.parameters.snap": True, "flux_points.parameters.n_sigma_sensitivity": 3,
    "sensitivity.enabled": True, "sensitivity.index": 2.5, "sensitivity.n_sigma": 3, "sensitivity.gamma_min": 5, "sensitivity.bkg_syst_fraction": .1,
    "limits.enabled": True, "limits.index": [2.2], "limits.energy_min": "1 TeV", "limits.energy_max": "10 TeV", "limits.n_sigma_ul": 3,
    "limits.confidence_level": .95, "fit.statistic": "dwstat", "fit.goodness": 0, "fit.certify": 100,
    "weak_source.min_significance": None, "weak_source.index": 2.2, "weak_source.confidence_level": .9,
    "weak_source.n_toys": 0}


@pytest.mark.parametrize("key", CHANGES)
def test_a_file_means_the_same_as_settings(tmp_path, key):
    "What a file does not name keeps its default, in every section and at every depth."
    value = CHANGES[key]
    for name in reversed(key.split(".")): value = {name: value}
    (tmp_path / "c.yaml").write_text(yaml.safe_dump(value))
    changed = AnalysisConfig().with_settings({key: CHANGES[key]})
    read = AnalysisConfig.read(tmp_path / "c.yaml")
    assert read == changed == AnalysisConfig(**value) == AnalysisConfig().update(value) and changed != AnalysisConfig()
    data, default = read.to_dict(), AnalysisConfig().to_dict()
    assert {k for k in KEYS if at(k, data) != at(k, default) and k != key and not k.startswith(f"{key}.")} == set()


def test_every_key_is_changed_once():
    "A new field needs an entry above."
    inside = {f"{k}.{n}" for k in ("observations.obs_cone",) for n in ("lon", "lat", "radius")}
    inside |= {f"datasets.background.parameters.{n}" for n in ("r_in", "width", "center", "on_margin", "acceptance", "n_sectors", "regions",
                                                               "on_phase", "off_phase", "phase_column_name", "phase_averaged")}
    inside |= {"datasets.background.parameters.n_off_regions", "fit.optimize_opts.method", "fit.optimize_opts.options", "datasets.type", "datasets.use_region_center", "model.ebl", "model.redshift"}
    assert set(AnalysisConfig.keys()) <= set(CHANGES) | inside


def test_a_level_in_a_file_keeps_upper_limits():
    config = AnalysisConfig.from_yaml("flux_points: {parameters: {n_sigma_ul: 1.645}}")
    estimator = config.flux_points.estimator()
    assert estimator.n_sigma_ul == 1.645 and estimator.selection_optional == {"errn-errp", "scan", "sensitivity", "ul"}
    assert AnalysisConfig.from_yaml("flux_points: {parameters: {selection_optional: null}}").flux_points.estimator().selection_optional == set()


def test_a_parameter_as_number_and_as_dictionary():
    config = AnalysisConfig(model={"type": "pl", "parameters": {"index": {"value": 2.2, "frozen": True}, "amplitude": "4e-11"}})
    config = config.with_settings({"model.parameters.index": 2.5, "model.parameters.amplitude.max": "1e-6 m-2 s-1 TeV-1"})
    index, amplitude = (config.models().parameters[n] for n in ("index", "amplitude"))
    assert index.value == 2.5 and index.frozen and amplitude.value == 4e-11
    assert (amplitude.max*amplitude.unit).to_value("m-2 s-1 TeV-1") == pytest.approx(1e-6)


def test_an_update_by_another_configuration_takes_what_differs():
    mine = AnalysisConfig(datasets={"background": {"exclusion": None}})
    assert mine.update(AnalysisConfig(datasets={"stack": True})).datasets.background.exclusion is None


BOMB = "a: &a [x, x, x]\n" + "".join(f"{new}: &{new} [{', '.join([f'*{old}']*9)}]\n" for old, new in zip("abcdefgh", "bcdefghi"))


@pytest.mark.parametrize("text, words", [
    ("a: [1", "not a YAML file"), ("[1, 2]", "expected sections"), ("just a text", "expected sections"), ("dataset: {}", "did you mean datasets?"),
    ("", "found nothing"), ("# all commented out", "found nothing"), ("datasets:\n  stack: true\n  stack: false", "line 3: the key stack is given in line 2, too"),
    ("model: {type: pl}\nmodel: {type: lp}", "line 2: the key model"), ("1: 2", "line 1: found the key 1, expected a text"),
    ("datasets: {on: 5}", "found the key on, expected a text"), ("? [a]\n: 1", "expected a text"), ("self: 1", "self: unknown key"),
    ("datasets: {on_region: {lon: 1:30:00}}", "datasets.on_region.lon: found '1:30:00', expected an angle"),
    ("observations: {obs_time: {start: 2004-13-45}}", "obs_time.start: found '2004-13-45', expected a date"),
    (BOMB, "aliases such as"), ("a: &a [*a]", "aliases such as"), ("["*100_000, "nested deeper than 40 levels"), ("{a: "*5000, "nested deeper"),
    ("a: !!python/object/apply:os.system [ls]", "not a YAML file")], ids=lambda x: x[:20])
def test_files_that_are_no_configuration(tmp_path, text, words):
    (tmp_path / "c.yaml").write_text(text)
    with pytest.raises(ConfigError, match=words) as caught: AnalysisConfig.read(tmp_path / "c.yaml")
    assert str(tmp_path / "c.yaml") in str(caught.value)


def test_run_numbers_with_leading_zeros_are_decimal():
    assert AnalysisConfig.from_yaml("observations: {obs_ids: [023523, 23526]}").observations.obs_ids == [23523, 23526]


def test_keys_that_are_no_text_in_python():
    for values in ({"datasets": {1: 2}}, {"model": {"parameters": {1: 2}}}, {"datasets": {"background": {"parameters": {None: 2}}}}):
        with pytest.raises(ConfigError, match="should be|expected a valid string"): AnalysisConfig(**values)


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


# ---- files of Gammapy, models

GAMMAPY = """
general: {log: {level: info, filename: null, filemode: null, format: null, datefmt: null}, outdir: ., n_jobs: 1, datasets_file: null, models_file: null}
observations:
    datastore: $GAMMAPY_DATA/hess-dl3-dr1
    obs_ids: [23523, 23526]
    obs_cone: {frame: null, lon: null, lat: null, radius: null}
    obs_time: {start: null, stop: null}
    required_irf: [aeff, edisp, psf, bkg]
datasets:
    type: 1d
    stack: true
    geom:
        wcs: {skydir: {frame: null, lon: null, lat: null}, binsize: 0.02 deg, width: {width: 5.0 deg, height: 5.0 deg}, binsize_irf: 0.2 deg}
        selection: {offset_max: 2.5 deg}
        axes: {energy: {min: 0.5 TeV, max: 30.0 TeV, nbins: 15}, energy_true: {min: 0.1 TeV, max: 100.0 TeV, nbins: 40}}
    map_selection: [counts, exposure, background, psf, edisp]
    background: {method: reflected, exclusion: null, parameters: {}}
    safe_mask: {methods: [aeff-max], parameters: {aeff_percent: 10}}
    on_region: {frame: icrs, lon: 83.633 deg, lat: 22.014 deg, radius: 0.11 deg}
    containment_correction: true
fit: {fit_range: {min: null, max: null}}
flux_points: {energy: {min: 1.0 TeV, max: 20.0 TeV, nbins: 5}, source: crab, parameters: {selection_optional: all}}
excess_map: {correlation_radius: 0.1 deg, parameters: {}, energy_edges: {min: null, max: null, nbins: null}}
light_curve:
    time_intervals: {start: null, stop: null}
    energy_edges: {min: null, max: null, nbins: null}
    source: source
    parameters: {selection_optional: all}
metadata: {creator: Gammapy 2.1, date: '2026-01-01', origin: null}
"""


def test_a_file_that_gammapy_wrote_is_read():
    "With its nulls and keys of maps: what is not used is told once, in one warning, with the reason."
    with pytest.warns(SpecnbWarning) as told: config = AnalysisConfig.from_yaml(GAMMAPY)
    assert len(told) == 1 and "datasets.geom.wcs, datasets.map_selection, excess_map (of an analysis with maps)" in str(told[0].message)
    assert "light_curve.source (it is flux_points.source)" in str(told[0].message) and "general.log" not in str(told[0].message)
    assert config.observations.obs_ids == [23523, 23526] and config.flux_points.source == "crab" and config.datasets.geom.axes.energy.nbins == 15
    assert config.light_curve.time_intervals is None and config.light_curve.energy_edges.nbins == 1 and config.datasets.background.exclusion is None
    nulls = GAMMAPY.replace("{frame: icrs, lon: 83.633 deg, lat: 22.014 deg, radius: 0.11 deg}", "{frame: null, lon: null, lat: null, radius: null}")
    with pytest.warns(SpecnbWarning, match="null, so the default holds: datasets.on_region"): config = AnalysisConfig.from_yaml(nulls)
    assert config.datasets.on_region.radius.value == .11
    with pytest.warns(SpecnbWarning), pytest.raises(ConfigError, match="datasets.stak: unknown key"): AnalysisConfig.from_yaml(GAMMAPY.replace("stack", "stak"))
    with pytest.raises(ConfigError, match="on_region.lon: found None"): AnalysisConfig.from_yaml("datasets: {on_region: {lon: null}}")


def test_edges_of_flux_points():
    config = AnalysisConfig().with_settings({"flux_points.energy.edges": "500 GeV, 1 TeV, 5 TeV", "light_curve.energy_edges.edges": ["1 TeV", "9 TeV"]})
    assert list(config.flux_points.estimator().energy_edges.to_value("TeV")) == [.5, 1, 5] and list(config.light_curve.energy_edges.edge_values().value) == [1, 9]


def test_parameters_are_frozen_and_linked(tmp_path):
    assert [p.name for p in AnalysisConfig().with_settings({"model.frozen": "index, source.lambda_"}).models().parameters if p.frozen] == ["index", "reference", "lambda_", "alpha"]
    Models([SkyModel.create("pl", name=n) for n in ("a", "b")]).write(tmp_path / "m.yaml")
    config = AnalysisConfig().with_settings({"general.models_file": str(tmp_path / "m.yaml"), "flux_points.source": "a", "model.links": {"b.index": "a.index"}, "model.frozen": ["b.amplitude"]})
    models = config.models()
    models.parameters["index"].value = 3
    assert models["b"].parameters["index"].value == 3 and models["b"].parameters["amplitude"].frozen and not models["a"].parameters["amplitude"].frozen
    for settings, words in [({"model.frozen": ["indx"]}, "expected one of source.index.*did you mean index"), ({"model.links": {"index": "lambda_"}}, "the same parameter of two models")]:
        with pytest.raises(ConfigError, match=words): AnalysisConfig().with_settings(settings).models()
    assert "frozen: true" in AnalysisConfig.keys()["model.parameters"][1] and {"model.frozen", "model.links"} <= set(AnalysisConfig.keys())
