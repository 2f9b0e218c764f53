"What does not go with the data is told together, before a run is read: for each kind of data and choice, with the key and what would do."
import numpy as np
import pytest
from specnb import AnalysisConfig, ConfigError, DataStore, SpectralAnalysis, demo_dir, run_analysis
from specnb.analysis.data_check import RunFacts, facts_of_runs, setup_problems

STORE = DataStore.from_dir(demo_dir())


def problems(store=STORE, **settings):
    return setup_problems(AnalysisConfig().with_settings({k.replace("__", "."): v for k, v in settings.items()}), store)


def test_magic_with_the_default_choices_is_told_in_one_message(magic_dir):
    "Region, correction and method at once, and no run is read."
    with pytest.raises(ConfigError) as caught: SpectralAnalysis({"observations": {"datastore": str(magic_dir)}}).run()
    assert [p.split(":")[0] for p in caught.value.problems] == ["datasets.on_region.radius", "datasets.containment_correction", "datasets.background.method"]
    assert "expected null" in caught.value.problems[0] and "expected 'wobble'" in caught.value.problems[2] and f"specnb init --data {magic_dir}" in str(caught.value)
    with pytest.raises(ConfigError) as caught:  # also beside the wrong position, and for a notebook before it begins
        run_analysis(AnalysisConfig().with_settings({"observations.datastore": str(magic_dir), "datasets.on_region.lat": "60 deg"}), "never")
    assert len(caught.value.problems) == 4 and "the nearest is CrabNebula, 37.8 deg away" in caught.value.problems[0]


def test_files_that_are_listed_but_not_there(hess_dir):
    store, pks = DataStore.from_dir(hess_dir), {"datasets__on_region__lon": "329.72 deg", "datasets__on_region__lat": "-30.23 deg"}
    assert ["files of 15 of 21 runs" in p and "47802, 47803, 47804, 47827, 47828, 47829" in p for p in problems(store, **pks)] == [True]
    assert problems(store) == problems(store, **pks, observations__skip_missing=True) == setup_problems(AnalysisConfig(), store, complete=False) == []


WRONG = [  # settings, beginnings of what is told
    ({"datasets.on_region.lat": "62 deg"}, ["datasets.on_region: none of 4 runs points within 2.5 deg"]),
    ({"observations.obs_cone": {"lon": "0 deg", "lat": "0 deg", "radius": "1 deg"}}, ["observations.obs_cone: none of 4 runs points within 1 deg"]),
    ({"observations.obs_ids": [1001, 77, 78]}, ["observations.obs_ids: the index lists no run 77, 78"]),
    ({"observations.obs_time.stop": "2001-01-01"}, ["observations.obs_time: found the beginning to 2001"]),
    ({"observations.obs_time": {"start": "2020-12-16 01:00", "stop": "2020-12-17"}}, ["observations.obs_time: found 2020-12-16 01"]),
    ({"observations.required_irf": ["aeff", "rad_max"]}, ["observations.required_irf: found rad_max, run 1001 has aeff, edisp, psf, bkg"]),
    ({"observations.event_type": 3}, ["observations.event_type: found '3', expected null"]),
    ({"datasets.geom.axes.energy": {"min": "200 TeV", "max": "300 TeV"}, "datasets.geom.axes.energy_true.max": "400 TeV"},
     ["datasets.geom.axes.energy: found 200 to 300 TeV, expected a range that overlaps", "flux_points.energy: found 0.7 to 30 TeV"]),
    ({"fit.fit_range.min": "50 TeV"}, ["fit.fit_range: found 50 to inf TeV"]),
    ({"light_curve.time_intervals": "run", "light_curve.energy_edges.min": "1 MeV", "light_curve.energy_edges.max": "1 GeV"}, ["light_curve.energy_edges: found 1e-06 to 0.001 TeV"]),
    ({"datasets.on_region.radius": None, "datasets.background.method": "wobble", "datasets.containment_correction": False}, ["datasets.on_region.radius: found null, expected a radius"]),
    ({"datasets.background.exclusion": [{"lon": "83.6 deg", "lat": "22 deg", "radius": "4 deg"}]}, ["datasets.background.exclusion: covers all places"]),
    ({"datasets.background.method": "ring", "datasets.background.parameters": {"r_in": "0.5 deg", "width": "0.2 deg"},
      "datasets.background.exclusion": [{"lon": "83.6 deg", "lat": "22 deg", "radius": "2 deg"}]}, ["datasets.background.exclusion: covers all places"]),
    ({"general.models_file": "gone.yaml"}, ["general.models_file: gone.yaml"]),
]


@pytest.mark.parametrize("settings, beginnings", WRONG, ids=[" ".join(s) for s, _ in WRONG])
def test_each_choice_is_told_with_its_key(settings, beginnings):
    found = setup_problems(AnalysisConfig().with_settings(settings), STORE)
    assert [p[:len(b)] for p, b in zip(found, beginnings, strict=True)] == beginnings


def test_choices_that_go_with_the_data():
    assert problems() == problems(observations__obs_zenith__max="50 deg") == problems(observations__obs_time__start="2020-12-16 00:00") == []
    ring = {"method": "ring", "parameters": {"r_in": "0.5 deg", "width": "0.2 deg"}}
    assert problems(datasets__background=ring) == problems(datasets__background={"method": "wobble"}) == []


def test_zenith_angles_choose_runs():
    analysis = SpectralAnalysis({"observations": {"obs_zenith": {"min": "46 deg", "max": "50 deg"}}})
    analysis.get_observations()
    assert analysis.observations.ids == ["1002", "1003"]
    assert ["none of 4 runs is in the range {min: null, max: 20 deg}; their zenith angles are 45.3 to 51.5 deg" in p for p in problems(observations__obs_zenith__max="20 deg")] == [True]


@pytest.mark.parametrize("cut, radius, expected", [(.2, "0.11 deg", "expected 0.2 deg"), (.2, "0.2 deg", ""), ("table", "0.2 deg", "expected null"), (None, "0.2 deg", "")])
def test_point_like_responses(monkeypatch, cut, radius, expected):
    facts = RunFacts(1, ("aeff", "edisp"), True, cut, (.01, 100.), np.inf)
    monkeypatch.setattr("specnb.analysis.data_check.facts_of_runs", lambda *_: [facts, facts._replace(obs_id=2)])
    found = problems(datasets__on_region__radius=radius, datasets__containment_correction=False, datasets__background__method="wobble")
    assert len(found) == bool(expected) and expected in "".join(found)
    assert ["their effective area holds the directional cut" in p for p in problems(datasets__on_region__radius="0.2 deg") if "containment" in p] == [True]


def test_runs_on_the_source_itself(monkeypatch):
    monkeypatch.setattr("specnb.analysis.data_check.separation", lambda *a: 0.05)
    assert ["expected 'ring' or 'regions': all runs point at the source" in p for p in problems()] == [True]


def test_a_damaged_run_is_told_where_it_is_used(tmp_path):
    for path in demo_dir().iterdir(): (tmp_path / path.name).write_bytes(path.read_bytes()[:5000] if "1002" in path.name or "1001" in path.name else path.read_bytes())
    assert [f.obs_id for f in facts_of_runs(DataStore.from_dir(tmp_path), [1001, 1002, 1003, 1004])] == [1003, 1004]
