"What a run leaves behind: files that others can read, a record that repeats it, nothing half-written."
import errno
import json
import logging
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from specnb import (AnalysisConfig, AnalysisError, DataError, Datasets, FluxPoints, Models, SpectralAnalysis, compare_results, demo_dir, read_record, rerun,
                    run_analysis, tutorial_notebook, write_products)
from specnb.analysis.analysis import growth_caption
from specnb.analysis.folders import outputs_of, publish
from specnb.analysis.pages import plain_warnings
from specnb.base.core import clear_leftovers, temporary_folder

UMASK = os.umask(0)
os.umask(UMASK)

FILES = {"config.yaml", "provenance.json", "results.json"}
TABLES = {"runs", "info", "parameters", "covariance", "flux_points"}
FIGURES = {"background_regions", "signal_growth", "fit", "spectrum", "goodness", "runs"}


def names(folder): return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}


DRAWN = {"test_the_same_run_writes_the_same_files", "test_products_of_an_analysis_without_a_run_folder"} # and what other processes do


@pytest.fixture(autouse=True)
def figures(request):
    if request.node.name not in DRAWN: request.getfixturevalue("empty_figures")


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    "A run with its notebook."
    folder = tmp_path_factory.mktemp("runs") / "new" / "crab"
    return run_analysis(AnalysisConfig(), folder, progress=False)


def test_all_files_are_there(finished):
    found = names(finished.folder)
    assert FILES | {"analysis.ipynb", "report.html"} == {n for n in found if "/" not in n}
    assert {n for n in found if n.startswith("figures/")} == {f"figures/{n}.{e}" for n in FIGURES for e in ("png", "pdf")}
    assert {n for n in found if n.startswith("tables/")} == {f"tables/{n}.{e}" for n in TABLES for e in ("ecsv", "fits")} | {"tables/models.yaml", "tables/models_covariance.dat"}
    assert len([n for n in found if n.startswith("spectra/")]) == 4*4 + 1
    assert [p for p in finished.folder.parent.iterdir()] == [finished.folder], "no temporary folder stays"


def test_files_hold_the_results(finished):
    folder, results = finished.folder, json.loads((finished.folder / "results.json").read_text())
    assert results == finished.results and finished.success
    for ending in ("ecsv", "fits"):
        info = Table.read(folder / f"tables/info.{ending}")
        assert info["counts"].tolist() == results["info"]["counts"] and str(info["livetime"].unit) == "s"
        values = Table.read(folder / f"tables/parameters.{ending}")
        assert dict(zip(values["name"], values["value"])) == {n: p["value"] for n, p in results["models"][0]["parameters"].items()}
        matrix = Table.read(folder / f"tables/covariance.{ending}")
        np.testing.assert_allclose([list(row)[1:] for row in matrix], results["covariance"]["matrix"], rtol=1e-12)
    np.testing.assert_allclose(np.sqrt(np.diag(results["covariance"]["matrix"])), [p["error"] for p in results["models"][0]["parameters"].values() if not p["frozen"]])
    assert FluxPoints.read(folder / "tables/flux_points.fits").to_table("dnde")["dnde"].tolist() == pytest.approx(results["flux_points"]["dnde"])
    assert Table.read(folder / "tables/flux_points.ecsv")["dnde"].tolist() == results["flux_points"]["dnde"]
    datasets = Datasets.read(folder / "spectra/datasets.yaml")
    datasets.models = Models.read(folder / "tables/models.yaml")
    assert datasets.stat_sum() == pytest.approx(results["fit"]["total_stat"], rel=1e-6)
    for name in FIGURES:
        assert (folder / f"figures/{name}.png").read_bytes()[:4] == b"\x89PNG" and (folder / f"figures/{name}.pdf").read_bytes()[:5] == b"%PDF-"
        assert b"CreationDate" not in (folder / f"figures/{name}.pdf").read_bytes()


def test_provenance(finished):
    import hashlib
    record = json.loads((finished.folder / "provenance.json").read_text())
    assert set(record["packages"]) >= {"specnb", "numpy", "scipy", "astropy", "regions", "iminuit", "python"}
    assert set(record["inputs"]) == {"hdu-index.fits.gz", "obs-index.fits.gz", *(f"run_00100{i}.fits.gz" for i in (1, 2, 3, 4))}
    for name, entry in record["inputs"].items():
        assert entry["sha256"] == hashlib.sha256((demo_dir() / name).read_bytes()).hexdigest() and entry["bytes"] == (demo_dir() / name).stat().st_size
    assert set(record["outputs"]) == names(finished.folder) - {"provenance.json"}
    for name, entry in record["outputs"].items(): assert entry["sha256"] == hashlib.sha256((finished.folder / name).read_bytes()).hexdigest()
    assert record["seeds"] == {"demo data": 1} and AnalysisConfig(**record["config"]) == AnalysisConfig.read(finished.folder / "config.yaml")


def test_the_page_stands_alone(finished):
    page = finished.page.read_text(encoding="utf-8")
    assert "<summary>code</summary><pre>show(" in page and "#| " not in page, "code without directives"
    assert page.startswith("<!DOCTYPE html>") and page.count("data:image/png;base64,") == 7
    for word in ("http:", "https:", "<script", "<link", "@import"): assert word not in page, word
    for word in ("2.42 ± 0.15", "1004", "nothing to remark", "datastore: demo", "significance", "width=device-width"): assert word in page, word
    assert ".writing-" not in page, "the temporary folder is nobody's business"


def test_the_page_names_the_source_and_tells_what_each_picture_shows(finished):
    page = finished.page.read_text(encoding="utf-8")
    assert "<h1>Spectrum of Crab-like</h1>" in page and "Data: demo (SIMULATED). Made by specnb" in page
    alts, captions = re.findall('<img alt="([^"]*)"', page), re.findall("<caption>([^<]*)", page)
    assert len(alts) == 7 and all(len(text) > 40 for text in alts) and {"Parameters of the fit", "Runs and counts"} <= {*captions}
    assert "at 0.5° to 1.5° from the pointing" in page and "need not follow the lines" in page and "What is hatched is excluded" in page
    assert re.findall("<h([1-6])", page) == ["1", *"2"*7]


def test_growth_of_runs_at_one_offset_follows_the_lines(monkeypatch):
    from types import SimpleNamespace
    runs = [SimpleNamespace(off_regions=SimpleNamespace(offset_deg=x)) for x in (.5, .52)]
    assert growth_caption(runs).endswith("as far as the runs have the same zenith angle.")


def test_warnings_in_a_notebook_lose_file_and_line():
    text = "/x/site-packages/astropy/units/core.py:281: UnitsWarning: odd unit\n  warnings.warn(text)\n"
    own = "/tmp/ipykernel_3/7.py:1: SpecnbWarning: run 7: no OFF region\n  work()\n"
    assert plain_warnings(2*text + own + "plain text\n") == "astropy: odd unit\nrun 7: no OFF region\nplain text\n"


def test_the_executed_notebook_has_the_configuration(finished):
    cells = json.loads((finished.folder / "analysis.ipynb").read_text())["cells"]
    injected = next("".join(c["source"]) for c in cells if "injected-parameters" in c["metadata"].get("tags", []))
    found = {}
    exec(injected, {}, found)
    assert AnalysisConfig(**found).datasets == AnalysisConfig().datasets


def test_with_and_without_notebook_the_same_numbers(finished, tmp_path):
    other = run_analysis(AnalysisConfig(), tmp_path / "plain", notebook=False)
    assert other.results == finished.results
    assert names(other.folder) == names(finished.folder) - {"analysis.ipynb", "report.html"}


def test_the_same_run_writes_the_same_files(tmp_path):
    one, two = (run_analysis(AnalysisConfig(), tmp_path / n, notebook=False).folder for n in "ab")
    shared = {n for n in names(one) if not n.endswith((".json", ".yaml"))} | {"results.json"}
    assert [n for n in sorted(shared) if (one / n).read_bytes() != (two / n).read_bytes() and not n.endswith(".fits")] == []


def test_a_run_from_the_written_configuration(finished, tmp_path):
    again = run_analysis(AnalysisConfig.read(finished.folder / "config.yaml"), tmp_path / "again", notebook=False)
    assert again.results == finished.results


def test_folders_in_use_are_respected(finished, tmp_path):
    before = {n: (finished.folder / n).read_bytes() for n in names(finished.folder)}
    other = AnalysisConfig(datasets={"stack": True})
    with pytest.raises(FileExistsError, match="name another folder, or allow to overwrite"): run_analysis(other, finished.folder, notebook=False)
    assert {n: (finished.folder / n).read_bytes() for n in names(finished.folder)} == before
    (tmp_path / "file").write_text("x")
    with pytest.raises(FileExistsError, match="is a file"): run_analysis(AnalysisConfig(), tmp_path / "file")
    (tmp_path / "empty").mkdir()
    assert run_analysis(AnalysisConfig(), tmp_path / "empty", notebook=False).success


def test_overwriting_removes_what_the_earlier_run_left_and_nothing_else(tmp_path):
    config = AnalysisConfig()
    run_analysis(config, tmp_path / "out", notebook=False)
    (tmp_path / "out/notes.txt").write_text("mine")
    (tmp_path / "out/figures/mine.png").write_text("mine")
    fewer = config.with_settings({"observations.obs_ids": [1001], "flux_points.parameters.selection_optional": ["ul"]})
    run_analysis(fewer, tmp_path / "out", notebook=False, overwrite=True)
    found = names(tmp_path / "out")
    assert {"notes.txt", "figures/mine.png", "spectra/pha_obs1001.fits.gz"} <= found
    assert not [n for n in found if "1002" in n]


def test_a_failed_run_leaves_the_notebook_and_what_was_there(tmp_path):
    config = AnalysisConfig()
    run_analysis(config, tmp_path / "out", notebook=False)
    before = {n: (tmp_path / "out" / n).read_bytes() for n in names(tmp_path / "out")}
    failing = config.with_settings({"fit.fit_range.max": "0.2 TeV"})
    with pytest.raises(AnalysisError, match="failed.ipynb") as caught: run_analysis(failing, tmp_path / "out", overwrite=True, progress=False)
    assert "ValueError" in str(caught.value)
    after = {n: (tmp_path / "out" / n).read_bytes() for n in names(tmp_path / "out")}
    assert "ValueError" in after.pop("failed.ipynb").decode() and after == before
    with pytest.raises(ValueError): run_analysis(failing, tmp_path / "new", notebook=False)
    assert not (tmp_path / "new").exists() and sorted(p.name for p in tmp_path.iterdir()) == ["out"]


def test_overwriting_deletes_only_what_a_result_can_hold(tmp_path):
    "A record may name anything; files that no run writes, links, and all that is elsewhere stay."
    folder, outside = tmp_path / "out", tmp_path / "outside.fits"
    (folder / "tables").mkdir(parents=True)
    for path in (outside, folder / "tables/info.fits", folder / "tables/notes.txt", folder / "mine.fits", folder / ".hidden"): path.write_text("mine")
    (folder / "tables/link.fits").symlink_to(outside)
    (folder / "empty").mkdir()
    names_of_record = ["tables/info.fits", "tables/notes.txt", "mine.fits", ".hidden", "tables/link.fits", "../outside.fits", str(outside), "", ".", None, 3]
    (folder / "provenance.json").write_text(json.dumps({"outputs": names_of_record}))
    assert outputs_of(folder) == ["tables/info.fits", "provenance.json"]
    publish_into(folder)
    assert names(folder) == {"results.json", "tables/notes.txt", "mine.fits", ".hidden", "tables/link.fits"} and (folder / "empty").is_dir()
    assert outside.read_text() == "mine" and (folder / "tables/link.fits").is_symlink()


def publish_into(folder):
    "A result of one file takes the place of what is there."
    with temporary_folder(folder.parent, folder.name) as spare:
        (Path(spare) / folder.name).mkdir()
        (Path(spare) / folder.name / "results.json").write_text("new")
        publish(Path(spare) / folder.name, folder, Path(spare))


@pytest.mark.parametrize("swap", [True, False], ids=["swapped", "two renames"])
def test_a_death_at_any_step_leaves_the_old_result_or_the_new_one(tmp_path, monkeypatch, swap):
    "A child process ends at the n-th step; what is then there, or after the next call, is whole, and nothing else is left."
    if not swap: monkeypatch.setattr("specnb.base.core._exchange", lambda *_: False)
    folder = tmp_path / "out"
    for n in range(1, 20):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for name, text in (("results.json", "old"), ("notes.txt", "mine"), ("provenance.json", '{"outputs": ["results.json"]}')): (folder / name).write_text(text)
        child = os.fork()
        if not child:
            left = [n]
            def step(event, _):
                if event in ("os.rename", "os.link", "os.mkdir", "os.remove", "os.rmdir", "shutil.rmtree", "ctypes.dlsym"):
                    left[0] -= 1
                    if not left[0]: os._exit(9)
            sys.addaudithook(step)
            publish_into(folder)
            os._exit(0)
        dead = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if swap: assert folder.is_dir(), n
        clear_leftovers(tmp_path)   # as the next call does
        text = (folder / "results.json").read_text()
        assert names(folder) == {"results.json", "notes.txt", *(["provenance.json"] if text == "old" else [])}, n
        assert [p.name for p in tmp_path.iterdir()] == ["out"]
        if dead == 0: break
    assert dead == 0 and n > 5 and text == "new"


def test_a_repeat_says_that_nothing_was_to_do(finished, tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger("specnb"), "propagate", True)   # the command line changes it
    folder = tmp_path / "copy"
    shutil.copytree(finished.folder, folder)
    before = {n: (folder / n).stat().st_mtime_ns for n in names(folder)}
    with caplog.at_level("INFO", "specnb"): again = run_analysis(AnalysisConfig(general={"n_jobs": 2}), folder)
    assert again.results == finished.results and "nothing was to do" in caplog.text
    assert {n: (folder / n).stat().st_mtime_ns for n in names(folder)} == before
    (folder / "tables/info.ecsv").write_text("edited")   # no longer what the run wrote
    with pytest.raises(FileExistsError, match="allow to overwrite"): run_analysis(AnalysisConfig(), folder)


@pytest.mark.parametrize("mark, kind", [("sweep.sqlite", "a sweep"), ("hdu-index.fits.gz", "DL3 data")])
def test_a_run_does_not_go_where_something_else_is(tmp_path, mark, kind):
    (tmp_path / mark).write_text("x")
    for overwrite in (False, True):
        with pytest.raises(FileExistsError, match=f"holds {kind}, expected a folder for a run"): run_analysis(AnalysisConfig(), tmp_path, overwrite=overwrite)
    assert names(tmp_path) == {mark}


def test_a_failed_run_may_be_repeated_also_behind_a_link(tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "out").symlink_to(tmp_path / "disk")
    (tmp_path / "disk/failed.ipynb").write_text("{}")
    assert run_analysis(AnalysisConfig(datasets={"stack": True}), tmp_path / "out", notebook=False).success
    assert (tmp_path / "out").is_symlink() and "results.json" in names(tmp_path / "disk") and "failed.ipynb" not in names(tmp_path / "disk")
    assert (tmp_path / "disk").stat().st_mode & 0o777 == 0o777 & ~UMASK


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EFBIG, errno.EROFS])
def test_a_disk_that_cannot_be_written_is_named(tmp_path, monkeypatch, number):
    def full(*_, **__): raise OSError(number, os.strerror(number))
    monkeypatch.setattr(SpectralAnalysis, "run", lambda self: self)
    monkeypatch.setattr(SpectralAnalysis, "_need", lambda *_: None)
    monkeypatch.setattr("specnb.analysis.products._write_tables", full)
    for write, name in ((lambda path: run_analysis(AnalysisConfig(), path, notebook=False), "out"), (lambda path: write_products(SpectralAnalysis(), path), "products")):
        with pytest.raises(OSError, match=re.escape(f"{os.strerror(number)}: '{tmp_path / name}'")): write(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_named():
    with pytest.raises(OSError, match="out cannot be written in the folder /proc"): run_analysis(AnalysisConfig(), "/proc/out", notebook=False)


RUN = "import sys; from specnb import AnalysisConfig, run_analysis; run_analysis(AnalysisConfig(), sys.argv[1], notebook=sys.argv[2] == 'notebook', progress=False)"


@pytest.mark.parametrize("way", ["notebook", "plain"])
def test_an_interrupt_leaves_nothing(tmp_path, way):
    "Ctrl-C while the hidden folder is there; afterwards it is not, and no kernel is left."
    import signal
    process = subprocess.Popen([sys.executable, "-c", RUN, str(tmp_path / "out"), way], start_new_session=True, stderr=subprocess.DEVNULL, env={**os.environ, "MPLBACKEND": "agg"},
                               preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler)) # ignored in jobs of a shell's background
    deadline = time.time() + 60
    while not list(tmp_path.glob(".writing-*/*/*")) and time.time() < deadline: time.sleep(.02)
    if way == "notebook": time.sleep(2.5) # until the kernel is at work
    assert list(tmp_path.glob(".writing-*")), "interrupted too late to be a test"
    process.send_signal(signal.SIGINT)
    assert process.wait(60) != 0
    assert list(tmp_path.iterdir()) == []
    left = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True).stdout
    assert str(tmp_path) not in left


def test_products_of_an_analysis_without_a_run_folder(tmp_path):
    analysis = SpectralAnalysis({"datasets": {"stack": True}})
    with pytest.raises(RuntimeError, match="call run"): write_products(analysis, tmp_path / "x")
    written = write_products(analysis.run(), tmp_path / "x", figures=False)
    assert set(written) == names(tmp_path / "x") and not any(n.startswith("figures") for n in written)
    with pytest.raises(FileExistsError, match="overwrite=True"): write_products(analysis, tmp_path / "x")
    write_products(analysis, tmp_path / "x", overwrite=True)


def test_tutorials_are_found(): assert tutorial_notebook("01_spectral_analysis").is_file() and tutorial_notebook().name == "02_analysis.ipynb"


def test_unknown_tutorial():
    with pytest.raises(FileNotFoundError, match="03_nothing.ipynb: no such tutorial"): tutorial_notebook("03_nothing")


# ---- rerun

@pytest.fixture
def copied(tmp_path):
    "A run on a copy of the simulated data."
    shutil.copytree(demo_dir(), tmp_path / "data")
    config = AnalysisConfig(observations={"datastore": str(tmp_path / "data")})
    return run_analysis(config, tmp_path / "out", notebook=False).folder


def test_rerun_gives_the_same(copied, tmp_path):
    report = rerun(copied, tmp_path / "again")
    assert report.same and not report.differences and "all the same" in str(report)
    assert (tmp_path / "again/provenance.json").is_file()


def test_rerun_reports_a_changed_input(copied, tmp_path):
    with fits.open(tmp_path / "data/run_001001.fits.gz") as hdus:
        hdus["EVENTS"].data["ENERGY"] *= 1.2
        hdus.writeto(tmp_path / "data/run_001001.fits.gz", overwrite=True)
    report = rerun(copied)
    assert not report.same and report.inputs[0].startswith("run_001001.fits.gz: changed (SHA-256 ")
    assert {"fit.total_stat"} <= {d.key for d in report.differences}
    assert "run_001001.fits.gz" in str(report) and "info.excess.0: 186" in str(report)


def test_rerun_reports_a_changed_input_that_does_not_matter(copied, tmp_path):
    import gzip
    path = tmp_path / "data/run_001001.fits.gz"
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes()), 1))
    report = rerun(copied)
    assert not report.same and report.inputs and not report.differences


def test_rerun_reports_other_numbers_and_versions(copied):
    for name, change in (("results.json", lambda d: d["fit"].update(total_stat=1.)), ("provenance.json", lambda d: d["packages"].update(numpy="0.1"))):
        data = json.loads((copied / name).read_text())
        change(data)
        (copied / name).write_text(json.dumps(data))
    report = rerun(copied)
    assert [d.key for d in report.differences] == ["fit.total_stat"] and report.packages[0].startswith("numpy: ") and report.packages[0].endswith("was 0.1")
    assert not report.same and "<table>" in report._repr_html_()


def test_rerun_refuses_what_is_no_run(copied, tmp_path):
    with pytest.raises(FileNotFoundError, match="no such folder"): rerun(tmp_path / "no")
    with pytest.raises(FileNotFoundError, match="provenance.json: no such file"): rerun(tmp_path / "data")
    (tmp_path / "data/run_001001.fits.gz").unlink()
    with pytest.raises(FileNotFoundError, match="run_001001.fits.gz: no longer there"): rerun(copied)
    (copied / "provenance.json").write_text("{}")
    with pytest.raises(DataError, match="no entry 'config'"): read_record(copied)
    (copied / "provenance.json").write_text("x")
    with pytest.raises(DataError, match="not a JSON file"): read_record(copied)


DAMAGED = [("config", 5), ("config", {"model": 3}), ("inputs", []), ("inputs", {"a": {}}), ("packages", "x"), ("runs", None), ("runs", {"name": ["x"]}), ("runs", {"name": []})]


@pytest.mark.parametrize("entry, value", DAMAGED, ids=[f"{e}={v}" for e, v in DAMAGED])
def test_a_damaged_record_is_named(tmp_path, entry, value):
    whole = {"provenance.json": {"config": {}, "inputs": {}, "packages": {}}, "results.json": {"fit": {}, "flux_points": {}, "runs": {"name": ["1001"]}}}
    for name, content in whole.items(): (tmp_path / name).write_text(json.dumps({k: value if k == entry else v for k, v in content.items()}))
    with pytest.raises(DataError, match=f"(provenance|results).json: the entry '{entry}' is damaged"): rerun(tmp_path)


def test_records_that_are_nested_without_end_and_wrong_use_of_rerun(tmp_path):
    (tmp_path / "provenance.json").write_text("[" * 10**5)
    with pytest.raises(DataError, match="not a JSON file"): rerun(tmp_path)
    with pytest.raises(ValueError, match="rtol: found nan"): rerun(tmp_path, rtol=float("nan"))
    with pytest.raises(FileExistsError, match="a repetition needs a new folder"): rerun(tmp_path, tmp_path)


def test_compare_results():
    assert compare_results({"a": 1.0}, {"a": 1.0 + 1e-10}) == [] and len(compare_results({"a": 1.0}, {"a": 1.0 + 1e-8})) == 1
    assert len(compare_results({"a": None}, {"a": 0.})) == 1 and len(compare_results({"a": "x"}, {"a": 1})) == 1
    assert [d.key for d in compare_results({"a": [1, {"b": 2}]}, {"a": [1, {"b": 3}]})] == ["a.1.b"]
