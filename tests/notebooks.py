"""Notebooks run in processes of their own, in which all libraries are imported already: half of a short notebook's time.

The processes are forked from one that has imported them and done nothing else. A picture is drawn once: not first for nobody, then
to find its edges, and then at twice the size.
"""
import multiprocessing
import os
import sys
from functools import cache
from pathlib import Path
from unittest import mock

NBS = Path(__file__).parent.parent / "nbs"
IMPORTED = ["nbdev.test", "execnb.shell", "matplotlib.pyplot", "astropy.coordinates", "astropy.table", "astropy.time", "astropy.wcs",
            "astropy.io.fits", "regions", "scipy.optimize", "scipy.stats", "scipy.interpolate", "iminuit", "pydantic", "nbformat",
            "papermill", "nbconvert.exporters", "distributed", "yaml", "jinja2", "typer.testing", "rich.table", "tqdm",
            "pyarrow.parquet", "specnb.command_line.cli"]


def plain_shell(path):
    "A shell for the cells of a notebook."
    from execnb.shell import CaptureShell
    from matplotlib import pyplot
    shell = CaptureShell(path, mpl_format="png")
    shell.run_cell("%config InlineBackend.print_figure_kwargs = {'bbox_inches': None}")
    pyplot.uninstall_repl_displayhook()
    return shell


def run_cells(path, folder, log):
    "Run the cells of the notebook `path` in this process, from the working directory `folder`; output and errors go to the file `log`."
    with open(log, "w") as file:
        for stream in (1, 2): os.dup2(file.fileno(), stream)
    from nbdev import test
    change = test.working_directory
    with mock.patch.multiple(test, CaptureShell=plain_shell, working_directory=lambda _: change(folder)):
        done = test.test_nb(path, basepath=NBS.parent)[0]
    sys.stdout.flush()
    sys.stderr.flush()
    sys.exit(not done)


@cache
def prepared():
    "Where the processes come from."
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(IMPORTED)
    return context


def run_notebook(path, log, folder=None):
    "Exit code of a process that runs a notebook: 0 if no cell fails; `folder` is where it works, by default that of the notebook."
    with mock.patch.dict(os.environ, MPLBACKEND="agg"):
        process = prepared().Process(target=run_cells, args=(path, folder or path.parent, log))
        process.start()
    process.join()
    return process.exitcode
