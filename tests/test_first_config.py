"A configuration for new data is made from their headers: it goes with them, and runs."
import numpy as np
import pytest
from astropy.io import fits
from specnb import AnalysisConfig, ConfigError, DataStore, SpectralAnalysis, demo_dir, suggest_config
from specnb.analysis.data_check import setup_problems
from specnb.analysis.first_config import _radius, _scene, find_target


def test_magic_runs_at_once(magic_dir):
    found = suggest_config(magic_dir)
    config = found.config.datasets
    assert config.on_region.radius is None and not config.containment_correction and config.background.method == "wobble"
    assert found.about[0].endswith("MAGIC, point-like responses with RAD_MAX") and "RA_OBJ" in found.reasons["datasets.on_region.lon"]
    quick = {"fit.goodness": 0, "flux_points.energy.nbins": 4, "flux_points.parameters.selection_optional": None}
    analysis = SpectralAnalysis(found.config.with_settings(quick)).run()
    assert analysis.success and [int(d.arrays.n_on.sum()) for d in analysis.runs] == [937, 1049]
    assert abs(analysis.models["CrabNebula"].parameters["index"].value - 2.289) < 1e-3


def test_hess_has_several_targets_and_runs_that_are_not_there(hess_dir):
    crab, pks = suggest_config(hess_dir, "crab"), suggest_config(hess_dir, "PKS2155-304")
    assert crab.config.observations.obs_ids == [] and pks.config.observations.obs_ids == [47802, 47803, 47804, 47827, 47828, 47829]
    assert suggest_config(hess_dir).config == pks.config and "other targets with data: Crab Nebula" in pks.about
    by_place = suggest_config(hess_dir, position="5h34m32s +22d00m52s").config
    assert by_place.flux_points.source == "source" and by_place.datasets.background == crab.config.datasets.background
    for found in (crab, pks):
        assert setup_problems(found.config, DataStore.from_dir(hess_dir)) == [] and found.config.datasets.on_region.radius.to_value("deg") == .11
    with pytest.raises(ConfigError, match="20 runs are listed there, but no file is; the nearest"): suggest_config(hess_dir, "msh 15-52")
    with pytest.raises(ConfigError, match="1 run is listed there, but no file is; the nearest"): suggest_config(hess_dir, "cen a")
    with pytest.raises(ConfigError, match="may be PKS 2155-304 or PKS 2316-423 or PKS 0548-322"): suggest_config(hess_dir, "pks")


def test_written_file_runs(tmp_path):
    found = suggest_config(demo_dir())
    found.write(tmp_path / "c.yaml")
    with pytest.raises(FileExistsError): found.write(tmp_path / "c.yaml")
    text = (tmp_path / "c.yaml").read_text()
    assert all(f"# {why}\n" in text for why in found.reasons.values()) and AnalysisConfig.read(tmp_path / "c.yaml") == found.config
    analysis = SpectralAnalysis(found.config)
    analysis.get_observations()
    assert len(analysis.observations) == 4


def headers(folder, changes):
    "The simulated runs with other keywords of the events, without index."
    folder.mkdir()
    for path in sorted(demo_dir().glob("run*"))[:2]:
        with fits.open(path) as hdus:
            for key, value in changes.items():
                if value is None: del hdus["EVENTS"].header[key]
                else: hdus["EVENTS"].header[key] = value
            hdus.writeto(folder / path.name)
    return folder


def test_headers_without_a_position_ask_for_it(tmp_path):
    folder = headers(tmp_path / "data", {"RA_OBJ": None, "DEC_OBJ": None})
    with pytest.raises(ConfigError, match="do not tell where Crab-like is"): suggest_config(folder)
    assert suggest_config(folder, position="83.63 22.01").config.datasets.on_region.lon.value == 83.63


def test_runs_on_the_source_get_a_ring(tmp_path):
    scene = _scene("demo", None, "83.63 22.51")
    assert scene.where == "as given" and scene.name == ""
    folder = headers(tmp_path / "data", {"RA_OBJ": 83.63, "DEC_OBJ": 22.01, "RA_PNT": 83.63, "DEC_PNT": 22.02})
    found = suggest_config(folder)
    assert found.config.datasets.background.method == "ring" and setup_problems(found.config, DataStore.from_events_files(sorted(folder.iterdir()))) == []


def test_a_wide_point_spread_function_widens_the_circle(monkeypatch):
    scene = _scene("demo", None, None)
    psf = scene.observation.psf
    monkeypatch.setattr(type(psf), "containment_value", lambda self, rad, *_: 1 - np.exp(-rad**2/(2*.2**2)))
    radius, why = _radius(scene)
    assert radius == .3 and why.startswith("holds 68%")


def test_names_of_targets():
    names = ["MSH15-52", "custom", "1ES 0145+138", "1ES 0145-138"]
    assert find_target(names, "1es0145+138") == "1ES 0145+138" and find_target(names, "msh 15 52") == "MSH15-52"
    for wrong in ("1ES", "", "-"):
        with pytest.raises(ConfigError): find_target(names, wrong)
