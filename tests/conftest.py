"""Where the tests find data.

The real observations are not part of the project. `GAMMAPY_DATA` names a folder that holds them in the layout of Gammapy's
data sets: `hess-dl3-dr1/` (H.E.S.S. DL3 public test data release 1) and `magic/rad_max/data/`. Without it the tests that need
them are skipped, and the end of the test run says so; with `SPECNB_DATA=required` (as in `.ci/run`) they fail instead.
"""
import os
import sys
from pathlib import Path
import pytest

# tests start hundreds of processes: what one has compiled the others need not compile again
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

ROOT = Path(__file__).parent.parent
MISSING = ("needs real data: set GAMMAPY_DATA to a folder that holds {} (H.E.S.S. DL3 DR1 and the MAGIC RAD_MAX runs, "
           "in the layout of `gammapy download datasets`); found GAMMAPY_DATA={}")


def data_dir(name):
    "Folder `name` of GAMMAPY_DATA, or skip the test (fail if SPECNB_DATA=required)."
    top = os.environ.get("GAMMAPY_DATA", "")
    if top and (Path(top) / name / "hdu-index.fits.gz").exists(): return (Path(top) / name).resolve()
    message = MISSING.format(f"{name}/", top or "(not set)")
    if os.environ.get("SPECNB_DATA") == "required": pytest.fail(message, pytrace=False)
    pytest.skip(message)


@pytest.fixture(scope="session")
def hess_dir(): return data_dir("hess-dl3-dr1")


@pytest.fixture(scope="session")
def magic_dir(): return data_dir("magic/rad_max/data")


@pytest.fixture(scope="session")
def root(): return ROOT


@pytest.fixture
def empty_figures(monkeypatch):
    "The files of the figures of an analysis are there but empty: they are most of the time of a run in this process."
    def write(analysis, folder, dpi=120):
        folder.mkdir()
        for name in {*analysis.figures()} - {"profiles"}:
            for ending in ("png", "pdf"): (folder / f"{name}.{ending}").touch()
    monkeypatch.setattr("specnb.analysis.products._write_figures", write)


def pytest_terminal_summary(terminalreporter):
    skipped = {str(r.longrepr[2]).removeprefix("Skipped: ") for r in terminalreporter.stats.get("skipped", [])
               if "GAMMAPY_DATA" in str(r.longrepr)}
    if skipped: terminalreporter.section("tests on real data did not run")
    for line in sorted(skipped): terminalreporter.write_line(line)
