"Every cell of every chapter and of the front page runs, from a fresh start and top to bottom."
import multiprocessing
import os
import sys
from pathlib import Path
from unittest import mock
import pytest

NBS = Path(__file__).parent.parent / "nbs"
LIBRARIES = ["nbdev.test", "execnb.shell", "matplotlib.pyplot", "astropy.coordinates", "astropy.table", "astropy.time",
             "astropy.wcs", "astropy.io.fits", "regions", "scipy.optimize", "scipy.stats", "scipy.interpolate", "iminuit", "pydantic",
             "nbformat", "papermill", "nbconvert.exporters", "distributed", "yaml", "jinja2", "typer.testing", "rich.table", "tqdm", "pyarrow.parquet"]


def plain_shell(path):
    "A shell that draws each picture once: not first for nobody, then to find its edges, and then at twice the size."
    from execnb.shell import CaptureShell
    from matplotlib import pyplot
    shell = CaptureShell(path, mpl_format="png")
    shell.run_cell("%config InlineBackend.print_figure_kwargs = {'bbox_inches': None}")
    pyplot.uninstall_repl_displayhook()
    return shell


def run_notebook(path, log):
    "Run the cells of `path` in this process; output and errors go to the file `log`."
    os.chdir(NBS.parent)
    with open(log, "w") as f:
        for stream in (1, 2): os.dup2(f.fileno(), stream)
    from nbdev import test
    with mock.patch.object(test, "CaptureShell", plain_shell): done = test.test_nb(path, basepath=NBS.parent)[0]
    sys.stdout.flush()
    sys.stderr.flush()
    sys.exit(not done)


@pytest.fixture(scope="module")
def processes():
    "Starts processes that have the libraries, but nothing of specnb, imported already: half of a short chapter's time."
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(LIBRARIES)
    with mock.patch.dict(os.environ, MPLBACKEND="agg"): yield context


@pytest.mark.parametrize("path", [*sorted(NBS.glob("[0-9][0-9]_*/*.ipynb")), *sorted(NBS.glob("*.ipynb"))],
                         ids=lambda p: p.relative_to(NBS).with_suffix("").as_posix())
def test_notebook_runs(path, processes, tmp_path):
    process = processes.Process(target=run_notebook, args=(path, tmp_path / "log"))
    process.start()
    process.join()
    assert process.exitcode == 0, (tmp_path / "log").read_text()[-8000:]


def test_a_cell_that_fails_is_told(processes, tmp_path):
    wrong = tmp_path / "wrong.ipynb"
    wrong.write_text('''{"cells": [{"cell_type": "code", "execution_count": null, "id": "0", "metadata": {}, "outputs": [],
                         "source": ["assert 1 == 2, 'told'"]}], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}''')
    process = processes.Process(target=run_notebook, args=(wrong, tmp_path / "log"))
    process.start()
    process.join()
    assert process.exitcode == 1 and "told" in (tmp_path / "log").read_text()
