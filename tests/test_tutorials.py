"""Each tutorial runs with parameters from papermill, on the simulated and on the real runs, and finds the stored numbers.

Its own last cells assert what it claims; here its JSON is compared with `tests/expected/`. After a wanted change of a number:
`SPECNB_STORE=1 pytest tests/test_tutorials.py` writes the files again, and the diff shows what moved.
"""
import json
import os
from pathlib import Path
import numpy as np
import papermill

from notebooks import run_notebook

ROOT = Path(__file__).parent.parent
TUTORIALS = ROOT / "nbs" / "tutorials"
RTOL = 1e-6  # of stored numbers; other versions of numpy, scipy and iminuit stay inside


def execute(name, out_dir, **parameters):
    "Run tutorial `name` with `parameters`, all of which it must know, and give its results."
    path, filled = TUTORIALS / f"{name}.ipynb", out_dir / f"{name}.ipynb"
    known = papermill.inspect_notebook(path)
    parameters = {**({"out_dir": str(out_dir)} if "out_dir" in known else {}), **parameters}
    assert set(parameters) <= set(known), "papermill would only warn of an unknown parameter"
    papermill.execute_notebook(path, filled, parameters, kernel_name="python3", prepare_only=True, progress_bar=False)
    assert run_notebook(filled, out_dir / "log", TUTORIALS) == 0, (out_dir / "log").read_text()[-8000:]
    return json.loads((out_dir / "results.json").read_text())


def compare(got, expected, where="results"):
    "The same structure, the same text, numbers within RTOL."
    assert type(got) is type(expected) or {type(got), type(expected)} <= {int, float}, where
    if isinstance(expected, dict):
        assert list(got) == list(expected), where
        for key in expected: compare(got[key], expected[key], f"{where}.{key}")
    elif isinstance(expected, list):
        assert len(got) == len(expected), where
        for i, (a, b) in enumerate(zip(got, expected)): compare(a, b, f"{where}[{i}]")
    elif isinstance(expected, float):  # a statistic of a bin described exactly is rounding noise
        np.testing.assert_allclose(got, expected, rtol=RTOL, atol=1e-9 if "stat" in where else 1e-30, err_msg=where)
    else: assert got == expected, where


def check(results, name):
    path = ROOT / "tests" / "expected" / f"{name}.json"
    if os.environ.get("SPECNB_STORE"): path.write_text(json.dumps(results, indent=1) + "\n")
    compare(results, json.loads(path.read_text()))


def test_spectral_analysis_of_the_simulated_runs(tmp_path):
    results = execute("01_spectral_analysis", tmp_path)
    check(results, "01_spectral_analysis_demo")
    names = {p.name for p in tmp_path.iterdir()}
    assert names >= {"results.json", "flux_points.fits", "flux_points.ecsv", "models.yaml", "ogip"}


def test_spectral_analysis_of_the_hess_runs(hess_dir, tmp_path):
    runs = [23523, 23526, 23559, 23592]
    results = execute("01_spectral_analysis", tmp_path, data_dir=str(hess_dir), obs_ids=runs)
    check(results, "01_spectral_analysis_hess")


def test_record_of_a_run_by_hand(tmp_path):
    "The notebook that `specnb run` executes, with papermill's own parameters: whole sections, as far as they differ."
    results = execute("02_analysis", tmp_path, datasets={"stack": True}, general={"outdir": str(tmp_path)}) # whole under papermill in test_cli.py
    assert results["fit"]["success"] and results["fit"]["n_bins"] == 19 and (tmp_path / "tables/flux_points.fits").is_file()


def test_stability_on_the_simulated_runs(tmp_path):
    check(execute("03_stability", tmp_path), "03_stability_demo")
    assert {p.name for p in tmp_path.iterdir()} >= {"stability.png", "stability"}
    assert {p.name for p in (tmp_path / "stability").iterdir()} == {"sweep.sqlite", "sweep.parquet", "sweep.ecsv"}


def test_stability_of_the_crab_nebula(hess_dir, tmp_path):
    check(execute("03_stability", tmp_path, data_dir=str(hess_dir), n_jobs=2), "03_stability_hess")


def test_joint_fit_of_two_instruments(tmp_path):
    "Nuisance parameters recover a wrong energy scale: bias and coverage of toys with and without."
    results = execute("08_joint_fit", tmp_path)
    check(results, "08_joint_fit_demo")
    assert min(results["toys"]["fitted"]["coverage"]) > .6 > .4 > min(results["toys"]["ignored"]["coverage"])


def test_light_curve_of_simulated_runs(tmp_path):
    check(execute("04_light_curve", tmp_path), "04_light_curve_demo")


def test_light_curve_of_the_steady_hess_runs(hess_dir, tmp_path):
    runs = [47802, 47803, 47804, 47827, 47828, 47829]
    results = execute("04_light_curve", tmp_path, data_dir=str(hess_dir), obs_ids=runs, target=[329.7169, -30.2256], band=[.398107, 10])
    check(results, "04_light_curve_hess")


def test_absorbed_blazar_of_a_simulated_flare(tmp_path, monkeypatch):
    monkeypatch.delenv("GAMMAPY_DATA", raising=False) # the table of ebltable, wherever the test runs
    check(execute("05_absorbed_blazar", tmp_path), "05_absorbed_blazar_demo")


def test_absorbed_blazar_of_the_hess_runs(hess_dir, tmp_path):
    runs = [47802, 47803, 47804, 47827, 47828, 47829]
    results = execute("05_absorbed_blazar", tmp_path, data_dir=str(hess_dir), obs_ids=runs, target=[329.7169, -30.2256])
    check(results, "05_absorbed_blazar_hess")


def test_sparse_counts_on_one_case_and_two_points_of_the_grid(tmp_path):
    "Its own cells assert bias and coverage, as far as so few toys can tell."
    small = dict(n_toys=20, grid_toys=10, cases=[4], off_per_bin=[.1, 3], alphas=[1], layouts=[[27, 1]])
    results = execute("13_sparse_counts", tmp_path, **small)
    assert len(results["cases"]) == 4 and len(results["beyond"]) == 16 and (tmp_path / "sparse_counts.png").is_file()
    w, decoupled = (next(r for name, r in results["cases"].items() if name.endswith(s))["amplitude"] for s in ("wstat", "dwstat"))
    assert w["mean"] < decoupled["mean"]


def test_pulsar_with_a_pulse_around_phase_zero(tmp_path):
    check(execute("12_pulsar", tmp_path), "12_pulsar_demo")


def test_point_like_responses_of_simulated_runs(tmp_path):
    check(execute("06_point_like", tmp_path), "06_point_like_demo")


def test_point_like_responses_of_the_magic_runs(magic_dir, tmp_path):
    results = execute("06_point_like", tmp_path, data_dir=str(magic_dir))
    check(results, "06_point_like_magic")
    assert results["counts"] == {"5029747": [791, 378, 1178], "5029748": [837, 413, 1255]}


def test_extended_source_with_a_hidden_source_in_an_off_region(tmp_path):
    check(execute("07_extended_source", tmp_path), "07_extended_source_demo")


def test_limits_of_a_simulated_empty_field(tmp_path):
    check(execute("09_limits", tmp_path), "09_limits_demo")


def test_limits_beside_the_crab_nebula(hess_dir, tmp_path):
    results = execute("09_limits", tmp_path, data_dir=str(hess_dir), obs_ids=[23523, 23526], target=[83.63, 23.01], exclude=[[83.63, 22.01, .35]], n_toys=200)
    check(results, "09_limits_hess")


def test_which_model_of_simulated_measurements(tmp_path):
    "Its own cells assert calibrated p-values, recovered cut-offs and the line, as far as so few toys can tell."
    results = execute("17_which_model", tmp_path, n_toys=20, n_measurements=20, cut_offs=[5], n_energies=8)
    assert results["data"]["preferred"] == "power law" and len(results["calibration"]) == 6
    assert results["power"]["5"] > .4 and abs(np.log(results["seen"]["energy"]/3)) < .4


def test_a_run_without_source_from_data_to_result(tmp_path):
    "Its own cells assert the result without signal; few repetitions, and no page, which another test makes."
    results = execute("16_weak_source", tmp_path, n_sets=10, n_toys=30, page=False)
    assert not results["signal"]["significant"] and results["simulated"]["above_4"] == 0 and results["simulated"]["coverage"] >= .6


def test_coverage_of_intervals_at_low_and_high_counts(tmp_path):
    "Few sets: all methods answer; the ordered interval of a weak source is a limit or not, never empty."
    results = execute("15_coverage", tmp_path, n_sets=2, n_certified=200, n_toys=50)
    assert set(results["coverage"]) == {"hessian", "profile", "bootstrap", "feldman-cousins", "mcmc", "cls (limit)", "profile (limit)"}
    assert results["coverage"]["profile"]["high"] > .8 and results["coverage"]["hessian"]["low"] < .9
    assert all(low < 2.7 < up for low, up in results["index"].values())


def test_systematic_errors_of_the_simulated_runs(tmp_path):
    "Statistical, systematic and choices side by side; the errors of the table are those of the file."
    results = execute("18_systematics", tmp_path, n_toys=100)
    check(results, "18_systematics_demo")
    assert len(results["errors"]) == 3 and (tmp_path / "errors.tex").read_text().count("&") == 20


def test_simulation_and_sensitivity(tmp_path):
    check(execute("10_sensitivity", tmp_path), "10_sensitivity_demo")


def test_flux_points_of_several_instruments(tmp_path):
    "What is lost from counts to points: least with profiles, most with chi2."
    results = execute("11_flux_point_fitting", tmp_path)
    check(results, "11_flux_point_fitting_demo")
    away = results["away"]
    assert all(a < b < c for a, b, c in zip(away["profile"], away["distrib"], away["chi2"]))


def test_every_tutorial_is_tested():
    source = Path(__file__).read_text()
    assert [p.stem for p in TUTORIALS.glob("*.ipynb") if f'execute("{p.stem}"' not in source] == []


def test_goodness_of_fit_of_simulated_runs_and_of_a_flare(tmp_path):
    check(execute("14_goodness", tmp_path, n_sets=12, n_toys=10), "14_goodness_demo")
