"Every command and every refusal, as a shell sees them: standard output, error output, exit code."
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
import nbformat
import pytest
import yaml
from astropy.io import fits
from typer.testing import CliRunner
from specnb import AnalysisConfig, demo_dir, read_sweep, suggest_config
from specnb.command_line.cli import _show_keys, app

MAIN = [sys.executable, "-c", "from specnb.command_line.cli import main; main()"]
try: RUNNER = CliRunner(mix_stderr=False)  # older click
except TypeError: RUNNER = CliRunner()


def call(*args):
    "Exit code, standard output, error output; in this process."
    done = RUNNER.invoke(app, [str(a) for a in args], env={"COLUMNS": "200", "NO_COLOR": "1", "TERM": "dumb"}, prog_name="specnb")
    if done.exception and not isinstance(done.exception, SystemExit): raise done.exception
    return done.exit_code, done.stdout, done.stderr


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch, empty_figures):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SPECNB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("MPLBACKEND", "agg")


# ---- run

DEMO = ["4 runs (1001, 1002, 1003, 1004), livetime 1.76 h.",
        "550 ON and 418 OFF counts: background 23.3, excess 526.7, significance 44.3 sigma (Li and Ma).",
        "source.index = 2.4234 ± 0.15", "source.amplitude = 3.8575e-11 ± 2.9e-12 cm-2 s-1 TeV-1 at 1 TeV", "source.lambda_ = 0.079772 ± 0.053 TeV-1",
        "Fit converged: wstat 66.64, 75 bins, 3 free parameters.", "Goodness of fit: The model describes the runs (p = 0.51 ± 0.02).",
        "10 flux points from 0.7 to 30 TeV, 2 of them upper limits."]


def test_run_without_arguments_in_its_own_process(tmp_path):
    "From nothing to the page: the command a newcomer types."
    done = subprocess.run([*MAIN, "run"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr == "Analysing demo in a notebook.\n" and "results/report.html" in done.stdout.splitlines()[-1]
    assert done.stdout.splitlines()[:-1] == DEMO
    assert (tmp_path / "results/report.html").is_file() and [p.name for p in tmp_path.iterdir()] == ["results"]


def test_run_of_the_hess_data(hess_dir, tmp_path):
    code, out, err = call("run", "--data", hess_dir, "--no-notebook", "--out", "crab")
    assert code == 0 and "source.index = 2.2728 ± 0.16" in out and "wstat 86.12, 74 bins" in out
    assert "Reducing 4 runs: 23523, 23526, 23559, 23592." in err
    assert "warning: flux point at 24.9 TeV: the best-fit flux is zero; there is an upper limit, but no symmetric error" in err
    again = call("rerun", "crab")
    assert again[0] == 0 and "numbers:\n    all the same" in again[1]


def test_run_by_the_name_of_the_public_data(hess_dir, monkeypatch):
    "Without network: the runs are found in $GAMMAPY_DATA."
    monkeypatch.setenv("GAMMAPY_DATA", str(hess_dir.parent))
    monkeypatch.setenv("SPECNB_DATA_URL", "http://127.0.0.1:9")
    code, out, _ = call("run", "--data", "hess-dl3-dr1", "--no-notebook", "-q")
    assert code == 0 and out == ""
    assert json.loads(Path("results/provenance.json").read_text())["config"]["observations"]["datastore"] == "hess-dl3-dr1"


def test_configuration_then_data_then_settings(tmp_path):
    AnalysisConfig().with_settings({"observations.datastore": "nowhere", "datasets.stack": True, "flux_points.source": "a"}).write("c.yaml")
    code, _, err = call("run", "c.yaml", "--data", "demo", "--set", "flux_points.source=b", "-s", "observations.obs_ids=1001,1002", "--no-notebook", "-o", "x")
    assert code == 0, err
    found = yaml.safe_load(Path("x/config.yaml").read_text())
    assert (found["observations"]["datastore"], found["flux_points"]["source"], found["datasets"]["stack"]) == ("demo", "b", True)
    assert json.loads(Path("x/results.json").read_text())["runs"]["name"] == ["1001", "1002"]
    code, _, err = call("run", "x/config.yaml", "--no-notebook", "-o", "y")
    assert code == 0 and Path("x/results.json").read_text() == Path("y/results.json").read_text()


REFUSED = [
    (["run", "no.yaml"], ["no.yaml: no such configuration file", "specnb init"]),
    (["run", "."], [".: no such configuration file", "--data"]),
    (["run", "bad.yaml"], ["bad.yaml", "not a YAML file"]),
    (["run", "wrong.yaml"], ["wrong.yaml", "dataset: unknown key; did you mean datasets?"]),
    (["run", "twice.yaml"], ["twice.yaml: line 2: the key model is given in line 1, too"]),
    (["run", "nothing.yaml"], ["nothing.yaml: expected sections such as observations and datasets, found nothing"]),
    (["run", "--set", "datasets.on_region.lon=1:30:00"], ["datasets.on_region.lon: found '1:30:00', expected an angle"]),
    (["run", "--set", "datasets.on_region.radius=0.15"], ["datasets.on_region.radius: found 0.15", "expected an angle"]),
    (["run", "--set", "datasets.on_region.raduis=0.15deg"], ["did you mean radius?"]),
    (["run", "--set", "radius"], ["'radius': expected key=value"]),
    (["run", "--set", "a=[1"], ["no YAML value"]),
    (["run", "--data", "nowhere"], ["observations.datastore: nowhere: no such folder", "demo, hess-dl3-dr1"]),
    (["run", "--data", "$NOT_SET_AT_ALL/x"], ["NOT_SET_AT_ALL is not set"]),
    (["run", "--out", "full"], ["full holds 1 files", "--overwrite"]),
    (["run", "--out", "bad.yaml"], ["bad.yaml is a file"]),
    (["run", "--log-level", "loud"], ["loud", "debug, info, warning or error"]),
    (["run", "--nothing"], ["No such option", "--nothing"]),
    (["nothing"], ["No such command", "nothing"]),
    (["init", "bad.yaml"], ["bad.yaml exists", "--overwrite"]),
    (["init", "new.yaml", "--set", "model.type=xyz"], ["model.type: found 'xyz'"]),
    (["keys", "zzz"], ["no key begins with 'zzz'"]),
    (["info", "nowhere"], ["nowhere: no such file or folder"]),
    (["info"], ["Missing argument"]),
    (["validate", "nowhere"], ["nowhere: no such file or folder"]),
    (["download", "hess"], ["no data set 'hess'", "hess-dl3-dr1"]),
    (["download", "--runs", "abc"], ["--runs: found 'abc'"]),
    (["rerun"], ["Missing argument"]),
    (["sweep"], ["no points", "-g model=pl,ecpl"]),
    (["sweep", "-g", "on_radus=1 deg"], ["on_radus: unknown parameter; did you mean on_radius?"]),
    (["sweep", "-g", "datasets.on_region.radius=0.07,0.11"], ["datasets.on_region.radius: found 0.07, expected an angle with a unit"]),
    (["sweep", "-g", "model=pl", "-g", "model=lp"], ["model: given 2 times"]),
    (["sweep", "--data", "nowhere", "-g", "model=pl"], ["observations.datastore: nowhere: no such folder"]),
    (["sweep", "--points", "wrong.yaml"], ["wrong.yaml: found dataset, expected grid, points, latin_hypercube"]),
    (["sweep", "--points", "full/notes.txt"], ["full/notes.txt: not a table that can be read"]),
    (["sweep", "-g", "on_radius"], ["'on_radius': expected name=values"]),
    (["sweep", "-g", "on_radius=0.1 deg..0.2 deg"], ["a range needs the number of points, --sample"]),
    (["sweep", "--points", "no.yaml"], ["no.yaml: no such file with points"]),
    (["sweep", "no.ipynb", "-g", "x=1"], ["no.ipynb: no such notebook"]),
    (["sweep", "no_such_module:f", "-g", "x=1"], ["No module named 'no_such_module'"]),
    (["sweep", "json:dumps", "-g", "obj=1", "--set", "a=1"], ["--data and --set are for configurations"]),
    (["sweep", "-g", "model=pl", "--engine", "magic"], ["engine: found 'magic', expected in-process or papermill"]),
    (["sweep", "-g", "model=pl", "-o", "bad.yaml"], ["bad.yaml is a file"]),
    (["sweep", "-g", "model=pl", "--repeats", "2"], ["analysis takes no seed"]),
    (["sweep", "-g", "model=pl", "--input", "gone.txt"], ["gone.txt: no such file or folder"]),
    (["choices", "-g", "nbins=14..28"], ["nbins: found a range, expected values with commas"]),
    (["choices", "--data", "nowhere"], ["observations.datastore: nowhere: no such folder"]),
    (["rerun", ".", "--rtol", "-1"], ["--rtol"]),
    (["rerun", "nowhere"], ["nowhere: no such folder"]),
    (["report", "nowhere"], ["nowhere: no such folder"]),
    (["download", "--runs", "5"], ["--runs: hess-dl3-dr1: no run 5"]),
    (["init", "new.yaml", "--data", "nowhere"], ["nowhere: no such file or folder"]),
    (["init", "new.yaml", "--target", "crab"], ["name them by --data"]),
    (["init", "new.yaml", "--data", "demo", "--target", "Mrk 421"], ["target: found 'Mrk 421'", "They have Crab-like"]),
    (["init", "new.yaml", "--data", "demo", "--position", "10 20"], ["no run points there", "Crab-like (4 runs)"]),
    (["init", "new.yaml", "--data", "demo", "--position", "Crab"], ["position: found 'Crab'", "such as '83.63 22.01'"]),
    (["init", "new.yaml", "--data", "demo", "--set", "model.type=xyz"], ["model.type: found 'xyz'"]),
    (["run", "--set", "observations.required_irf=rad_max", "--set", "fit.fit_range.min=60TeV"],
     ["the configuration does not go with these data", "required_irf: found rad_max", "fit.fit_range: found 60 to inf TeV"]),
    (["run", "--set", "observations.obs_ids=77"], ["no run 77"]),
    (["run", "--no-notebook", "--set", "datasets.on_region.lat=-60deg"], ["none of 4 runs points within 2.5 deg of 83.63 deg, -60 deg", "they are on Crab-like"]),
]


@pytest.mark.parametrize("args, words", REFUSED, ids=[" ".join(a) for a, _ in REFUSED])
def test_wrong_use(args, words, tmp_path):
    "Exit code 2, a message that says what and how, and nothing written."
    Path("bad.yaml").write_text("a: [1")
    Path("wrong.yaml").write_text("dataset: {stack: true}")
    Path("twice.yaml").write_text("model: {type: pl}\nmodel: {type: lp}\n")
    Path("nothing.yaml").write_text("# model: {type: pl}\n")
    Path("full").mkdir()
    Path("full/notes.txt").write_text("mine")
    before = sorted(tmp_path.rglob("*"))
    code, out, err = call(*args)
    assert code == 2 and out == "", (code, out, err)
    for word in words: assert word in err, err
    assert "Traceback" not in err and sorted(tmp_path.rglob("*")) == before


FAILED = [
    (4, ["run", "--no-notebook", "--set", "fit.fit_range.max=0.2TeV"], ["bin"]),
    (3, ["run", "--no-notebook", "--data", "broken"], ["run_001002.fits.gz", "truncated"]),
    (3, ["run", "--no-notebook", "--data", "empty"], ["empty: no DL3 data here"]),
    (3, ["init", "new.yaml", "--data", "empty"], ["empty: no DL3 data here"]),
    (3, ["sweep", "--data", "empty", "-g", "model=pl"], ["empty: no DL3 data here"]),
    (3, ["choices", "--data", "empty"], ["empty: no DL3 data here"]),
    (3, ["info", "empty"], ["empty"]),
    (6, ["validate", "empty"], []),
    (3, ["rerun", "broken"], ["provenance.json: no such file"]),
    (3, ["report", "empty"], ["empty"]),
]


@pytest.mark.parametrize("expected, args, words", FAILED, ids=[" ".join(a) for _, a, _ in FAILED])
def test_failures(expected, args, words, tmp_path):
    "One exit code for each kind in all commands, one message, nothing left in the folder of the results."
    shutil.copytree(demo_dir(), "broken")
    Path("broken/run_001002.fits.gz").write_bytes((demo_dir() / "run_001002.fits.gz").read_bytes()[:5000])
    Path("empty").mkdir()
    before = sorted(p for p in tmp_path.rglob("*"))
    code, out, err = call(*args)
    assert code == expected, (code, out, err)
    for word in words: assert word in err, err
    assert ("error: " in err) == (code != 6) and "Traceback" not in err and sorted(tmp_path.rglob("*")) == before


def test_failure_with_a_notebook_keeps_it():
    code, _, err = call("run", "--set", "fit.fit_range.max=0.2TeV", "--out", "x")
    assert code == 4 and "error: ValueError: " in err and "x/failed.ipynb shows" in err
    assert [p.name for p in Path("x").iterdir()] == ["failed.ipynb"]


def test_only_debugging_shows_where_it_happened():
    command = "run", "--no-notebook", "--set", "observations.obs_ids=77"
    for wanted in (("--debug", *command), (*command, "--debug")):
        code, _, err = call(*wanted)
        assert code == 2 and "Traceback" in err and "no run 77" in err
    code, _, err = call(*command, "--log-level", "debug")
    assert code == 2 and "Traceback" not in err and "no run 77" in err


class Unreadable(Exception):
    def __str__(self): raise self


COMMANDS = {"run": "run_analysis", "init": "read_config", "keys": "show_table", "info": "inventory", "validate": "find_problems", "download": "download_dataset",
            "rerun": "repeat_run", "sweep": "sweep", "report": "read_sweep", "choices": "choices"}
ARGUMENTS = {"info": ["demo"], "validate": ["demo"], "rerun": ["."], "sweep": ["-g", "stack=true"], "report": ["."]}


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("error", [KeyError("a\nb"), ZeroDivisionError(), RecursionError("x"*10**6), MemoryError(), AttributeError("no attribute"), OSError("from a library"),
                                   ValueError("from a library"), AssertionError(), UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"), Unreadable(), ExceptionGroup("some", [ValueError()])],
                         ids=lambda e: type(e).__name__)
def test_an_unforeseen_error_is_one_line_that_says_where_its_text_is(command, error, monkeypatch, tmp_path):
    def fail(*_, **__): exec("raise error", {"error": error})   # as if from elsewhere
    monkeypatch.setattr(f"specnb.command_line.cli.{COMMANDS[command]}", fail)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    code, _, err = call(command, *ARGUMENTS.get(command, []))
    last = err.splitlines()[-1]
    assert code == 1 and "Traceback" not in err and len(last) < 1000
    assert last.startswith(f"error: unexpected {type(error).__name__} in specnb/command_line/cli.py, line ")
    kept = Path(last.rpartition("the whole text is in ")[2])
    assert kept.parent == tmp_path and "Traceback" in kept.read_text() and type(error).__name__ in kept.read_text()


def test_a_fit_that_does_not_converge_is_a_failure_with_results(monkeypatch):
    from specnb.fit.fit import FitResult
    monkeypatch.setattr(FitResult, "success", property(lambda self: False))
    code, _, err = call("run", "--no-notebook")
    assert code == 4 and "error: the fit did not converge" in err and Path("results/results.json").is_file()


UNREADABLE = [
    (["run", "--no-notebook", "--set", "observations.obs_file=bytes"], ["observations.obs_file: ", "bytes: not a text file"]),
    (["run", "--no-notebook", "--set", "datasets.background.exclusion=bytes"], ["datasets.background.exclusion: ", "bytes: not a text file"]),
    (["run", "bytes"], ["bytes: not a text file"]),
    (["sweep", "--points", "bytes.yaml"], ["bytes.yaml: not a text file"]),
    (["sweep", "breaks:f", "-g", "a=1"], ["breaks:f: ZeroDivisionError: division by zero"]),
    (["sweep", "-g", "stack=true", "-o", "run"], ["run holds a run, expected a folder for a sweep"]),
    (["run", "-o", "sweep", "--overwrite"], ["sweep holds a sweep, expected a folder for a run"]),
    (["run", "deep"], ["nested deeper than"]),
]


@pytest.mark.parametrize("args, words", UNREADABLE, ids=[" ".join(a) for a, _ in UNREADABLE])
def test_files_that_cannot_be_read_and_folders_of_other_kinds(args, words):
    for name in ("bytes", "bytes.yaml"): Path(name).write_bytes(b"\xff\xfe\x00")
    Path("deep").write_text("[" * 5000)
    Path("breaks.py").write_text("1/0\n")
    for folder, mark in (("run", "provenance.json"), ("sweep", "sweep.sqlite")):
        Path(folder).mkdir()
        Path(folder, mark).write_text("x")
    code, out, err = call(*args)
    assert code == 2 and out == "" and "Traceback" not in err and "unexpected" not in err, err
    for word in words: assert word in err, err


def test_quiet_is_quiet():
    code, out, err = call("run", "--no-notebook", "--quiet")
    assert (code, out, err) == (0, "", "")


def test_overwrite():
    assert call("run", "--no-notebook", "-q")[0] == 0
    assert call("run", "--no-notebook")[::2] == (0, f"Analysing demo.\n{Path('results').absolute()} holds this run already, with the same inputs and versions: nothing was to do\n")
    other = "run", "--no-notebook", "-q", "--set", "datasets.stack=true"
    assert call(*other)[0] == 2
    assert call(*other, "--overwrite")[0] == 0


@pytest.mark.parametrize("number, code", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupt_leaves_nothing(tmp_path, number, code):
    process = subprocess.Popen([*MAIN, "run"], cwd=tmp_path, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, start_new_session=True,
                               preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler))  # ignored in jobs of a shell's background
    deadline = time.time() + 60
    def at_work(): # the first cell is done
        return any('"execution_count": 1' in p.read_text() for p in tmp_path.glob(".writing-*/*/analysis.ipynb"))
    while not at_work() and process.poll() is None and time.time() < deadline: time.sleep(.05)
    assert list(tmp_path.glob(".writing-*")) and process.poll() is None, "interrupted too late to be a test"
    process.send_signal(number)
    err = process.communicate(timeout=60)[1]
    assert process.returncode == code, err
    assert "Traceback" not in err and list(tmp_path.iterdir()) == []
    left = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True).stdout
    assert str(tmp_path) not in left


# ---- init, keys

def test_init_writes_what_run_reads():
    code, out, _ = call("init", "--set", "datasets.stack=true")
    assert code == 0 and "specnb run config.yaml" in out
    assert AnalysisConfig.read("config.yaml") == AnalysisConfig(datasets={"stack": True})
    assert "# radius; null: a point" in Path("config.yaml").read_text()
    assert call("init", "--overwrite")[0] == 0 and AnalysisConfig.read("config.yaml") == AnalysisConfig()


def test_a_file_with_a_level_gives_limits():
    "What the file does not name, the selection of limits, keeps its default."
    Path("c.yaml").write_text("flux_points: {parameters: {n_sigma_ul: 1.645}}")
    assert call("run", "c.yaml", "--no-notebook", "-q", "-o", "file")[0] == 0
    assert call("run", "--set", "flux_points.parameters.n_sigma_ul=1.645", "--no-notebook", "-q", "-o", "set")[0] == 0
    points = json.loads(Path("file/results.json").read_text())["flux_points"]
    assert points == json.loads(Path("set/results.json").read_text())["flux_points"] and min(points["dnde_ul"]) > 0


def test_keys():
    code, out, _ = call("keys")
    assert code == 0 and all(key in out for key in AnalysisConfig.keys())
    assert set(json.loads(call("keys", "fit.", "--json")[1])) == {k for k in AnalysisConfig.keys() if k.startswith("fit.")}


def test_keys_on_a_narrow_terminal(monkeypatch, capsys):
    "The meaning is below its key, in lines that fit."
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "80")
    _show_keys({"fit.goodness": ("1000", "toys " * 30), "fit.certify": ("0", "simulations")})
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "fit.goodness: 1000" and lines[-2:] == ["fit.certify: 0", "    simulations"] and 4 < len(lines) < 8
    assert all(len(line) <= 80 for line in lines)


def test_init_looks_at_the_data():
    code, out, _ = call("init", "--data", "demo", "--target", "CRAB", "--set", "datasets.on_region.radius=0.2 deg")
    text = Path("config.yaml").read_text()
    assert code == 0 and out.splitlines()[1] == "Crab-like: 4 runs, 1.76 h, 0.88 deg from the pointing"
    assert "# position of the source: RA_OBJ and DEC_OBJ of run 1001" in text and "of a point source at 1 TeV" not in text
    expected = suggest_config("demo").config.with_settings({"datasets.on_region.radius": "0.2 deg"})
    assert AnalysisConfig.read("config.yaml") == expected and expected.flux_points.source == "Crab-like"


# ---- info, validate

def test_info(hess_dir):
    code, out, err = call("info", hess_dir)
    assert code == 0 and err == "" and "105 runs" in out and "Crab" in out and "95 files" in out
    data = json.loads(call("info", hess_dir, "--json")[1])
    assert len(data["runs"]) == 105
    code, out, _ = call("info", "demo", "--runs")
    assert code == 0 and "psf_table" in out and "run_001004.fits.gz" in out


def test_validate():
    assert call("validate", "demo") == (0, "no problem\n", "")
    shutil.copytree(demo_dir(), "data")
    Path("data/run_001001.fits.gz").unlink()
    code, out, _ = call("validate", "data")
    assert code == 6 and "run_001001.fits.gz" in out and "1 error" in out
    problems = json.loads(call("validate", "data", "--json")[1])
    assert [p["severity"] for p in problems] == ["error"] and "run_001001.fits.gz" in problems[0]["file"] + problems[0]["message"]


def test_validate_has_one_line_for_equal_problems_of_many_runs(hess_dir):
    code, out, _ = call("validate", hess_dir)
    lines = out.splitlines()
    assert code == 6 and len(lines) == 5 and lines[-1] == "95 errors, 20 warnings"
    assert [re.search(r"and (\d+) more", line)[1] for line in lines[1:4]] == ["94", "9", "9"]


def test_what_is_found_is_no_failure():
    "An exit code that says something was found comes without an error message."
    shutil.copytree(demo_dir(), "data")
    Path("data/run_001001.fits.gz").unlink()
    assert call("validate", "data")[::2] == (6, "")


def test_validate_ogip_and_warnings(hess_dir):
    assert call("run", "--no-notebook", "-q")[0] == 0
    assert call("validate", "results/spectra") == (0, "no problem\n", "")
    run = hess_dir / "data/hess_dl3_dr1_obs_id_023523.fits.gz"
    code, out, _ = call("validate", run)
    assert code == 0 and "warning" in out
    assert call("validate", run, "--strict")[0] == 6 and call("validate", run, "-q")[0] == 0


# ---- download

def test_download_without_network_suggests_the_simulated_data(monkeypatch):
    monkeypatch.setenv("SPECNB_DATA_URL", "http://127.0.0.1:9")
    monkeypatch.delenv("GAMMAPY_DATA", raising=False)
    code, out, err = call("download", "--runs", "23523")
    assert code == 3 and out == "" and "--data demo" in err and "No scientific publications may be derived" in err
    code, _, err = call("run", "--data", "hess-dl3-dr1", "--no-notebook")
    assert code == 3 and "--data demo" in err and "terms of use" in err


def test_download_from_another_server(hess_dir, tmp_path):
    from functools import partial
    from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
    from threading import Thread
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=hess_dir.parent))
    Thread(target=server.serve_forever, daemon=True).start()
    try: code, out, err = call("download", "--runs", "23523,23526", "-r", "23559", "--url", f"http://127.0.0.1:{server.server_port}", "-q")
    finally: server.shutdown()
    assert code == 0, err
    assert Path(out.strip()) == tmp_path / "cache/hess-dl3-dr1" and (Path(out.strip()) / "README.txt").is_file()
    assert len(list(Path(out.strip()).glob("data/*.gz"))) == 3
    code, out, err = call("run", "--data", out.strip(), "--set", "observations.skip_missing=true", "--no-notebook", "-q")
    assert code == 0 and "skipped" in err


# ---- rerun

def test_rerun_reports_what_changed(tmp_path):
    shutil.copytree(demo_dir(), "data")
    assert call("run", "--data", "data", "--no-notebook", "-q")[0] == 0
    assert call("rerun", "results", "-q")[0] == 0
    with fits.open("data/run_001002.fits.gz") as hdus:
        hdus["EVENTS"].data["ENERGY"] *= 1.2
        hdus.writeto("data/run_001002.fits.gz", overwrite=True)
    code, out, _ = call("rerun", "results", "-q", "--out", "again")
    assert code == 6 and "run_001002.fits.gz: changed" in out and ", was " in out and Path("again/results.json").is_file()


# ---- help, completion, cost

@pytest.mark.parametrize("command", ["run", "init", "keys", "info", "validate", "download", "rerun"])
def test_help(command):
    code, out, _ = call(command, "--help")
    assert code == 0 and f"Usage: specnb {command}" in out
    assert command in call("--help")[1]


def test_the_first_line_comes_before_the_package_is_loaded(monkeypatch, capsys):
    from specnb.command_line import start
    told = []
    monkeypatch.setattr(start, "cli", type("Cli", (), {"main": staticmethod(lambda: told.append(capsys.readouterr()))}))
    for arguments in (["run", "c.yaml"], ["--debug", "sweep"], ["run", "-q"], ["keys"], ["run", "--help"], ["run", "--log-level", "error"]):
        monkeypatch.setattr("sys.argv", ["specnb", *arguments])
        start.main()
    assert [out.err.rpartition(": ")[2] for out in told] == ["run begins\n", "sweep begins\n", "", "", "", ""] and {out.out for out in told} == {""}


def test_version(): assert call("--version")[1].startswith("specnb ")


def complete(line, word):
    "What the shell is offered."
    env = {**os.environ, "_SPECNB_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(word)}
    return subprocess.run(MAIN, env=env, capture_output=True, text=True).stdout.split()


def test_completion_of_commands_and_keys():
    assert complete("specnb ini", 1) == ["init"]
    assert "datasets.on_region.radius=" in complete("specnb run --set datasets.on_region.r", 3)
    assert complete("specnb run --data hess", 3) == ["hess-dl3-dr1"]


def test_the_command_line_does_not_load_what_it_does_not_need():
    code = "import sys; from specnb.command_line.cli import app; print({m.split('.')[0] for m in sys.modules} & {'astropy', 'scipy', 'matplotlib', 'regions', 'papermill', 'nbconvert', 'pooch', 'iminuit'})"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "set()"


# ---- sweep and report

SWEPT = ["sweep", "-g", "on_radius=0.1 deg,0.15 deg", "-g", "model=pl,ecpl", "-j", "1"]


def test_sweep_makes_table_and_page_and_goes_on(tmp_path):
    code, out, err = call(*SWEPT)
    assert code == 0, err
    assert "index_1TeV" in out and "4 points, 0 failed.\nPage: " in out and "sweep/report.html" in out
    assert sorted(p.name for p in Path("sweep").iterdir()) == ["report.html", "sweep.ecsv", "sweep.parquet", "sweep.sqlite"]
    first = read_sweep("sweep").table
    assert call(*SWEPT, "-g", "stack=true,false", "-q")[:2] == (0, "")
    again = read_sweep("sweep").table
    assert len(again) == 12 and list(again["index"][:4]) == list(first["index"])  # stack is a parameter more: eight new points


def test_sweep_of_a_sample_and_of_a_file():
    code, out, _ = call("sweep", "-g", "on_radius=0.08 deg..0.16 deg", "-g", "stack=true,false", "--sample", "3", "--seed", "4", "-j", "1", "-o", "a")
    assert code == 0 and "6 points, 0 failed." in out
    Path("points.yaml").write_text("points:\n- {on_radius: 0.1 deg}\n- {on_radius: 0.12 deg, model: pl}\n")
    code, out, _ = call("sweep", "--points", "points.yaml", "--set", "datasets.stack=true", "-j", "1", "-o", "b")
    assert code == 0 and read_sweep("b").table["on_radius"].tolist() == [.1, .12]


def test_sweep_of_a_notebook_with_a_point_that_fails():
    cells = [nbformat.v4.new_code_cell("x = 1.0", metadata={"tags": ["parameters"]}),
             nbformat.v4.new_code_cell("from specnb import record_results\nrecord_results(y=1/x);")]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), "inverse.ipynb")
    code, out, err = call("sweep", "inverse.ipynb", "-g", "x=0,2", "-j", "2")
    assert code == 4 and "warning: point 0: AnalysisError: ZeroDivisionError" in err and "1 of 2 points failed" in err
    page = Path("sweep/report.html").read_text()
    assert "ZeroDivisionError" in page and all(f'"{p.relative_to("sweep")}"' in page for p in Path("sweep/points").glob("*/page.html"))


def test_sweep_of_a_function_beside_it():
    Path("mine.py").write_text("def area(r, rng): return {'a': 3*r**2 + rng.normal()}\n")
    code, _, err = call("sweep", "mine:area", "-g", "r=1.0,2.0", "--repeats", "5", "-j", "2", "-q")
    assert code == 0, err
    assert len(set(read_sweep("sweep").table["a"])) == 10


def test_report_of_chosen_points():
    assert call(*SWEPT, "-q")[0] == 0
    code, out, err = call("report", "sweep", "--render", "1", "-q")
    assert code == 0, err
    folder = Path("sweep") / read_sweep("sweep").table["folder"][1]
    assert {p.name for p in folder.iterdir()} >= {"notebook.ipynb", "page.html", "tables"}
    assert f"{folder.name}/page.html" in Path("sweep/report.html").read_text()
