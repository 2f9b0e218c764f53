"What an extra brings is missed by name where it is needed, and by nothing else: each package is made absent in turn."
import configparser
import re
import sys
from pathlib import Path
from types import SimpleNamespace
import astropy.units as u
import numpy as np
import pytest
from typer.testing import CliRunner
from specnb import (AnalysisConfig, EBLAbsorptionNormSpectralModel, MissingPart, NaimaSpectralModel, read_sweep, record_results, run_analysis, sweep)
from specnb.base.core import EXTRAS, has_part, lazy
from specnb.command_line.cli import app
from specnb.fit.chains import run_chain

ROOT = Path(__file__).parent.parent
NOTEBOOKS = "papermill", "nbconvert", "nbformat", "ipykernel", "IPython"
EVERY = tuple(EXTRAS)


@pytest.fixture
def absent(monkeypatch):
    "Makes packages absent."
    def make(*packages):
        for name in {*packages, *(n for n in sys.modules if n.partition(".")[0] in packages)}: monkeypatch.setitem(sys.modules, name, None)
    return make


def test_every_package_is_in_its_extra_and_none_in_the_core():
    settings = configparser.ConfigParser(delimiters=["="])
    settings.read(ROOT / "settings.ini")
    values = settings["DEFAULT"]
    def names(extra): return {re.match(r"[\w-]+", r)[0] for r in values[extra].split()}
    comes_with = {"nbformat": "nbconvert", "IPython": "ipykernel", "dask": "distributed"}
    for package, extra in EXTRAS.items():
        assert comes_with.get(package, package) in names(f"{extra}_requirements"), package
        assert comes_with.get(package, package) in names("dev_requirements") & names("all_requirements"), package
        assert package not in names("requirements")


@pytest.mark.parametrize("package", EVERY)
def test_the_message_names_the_extra(absent, package):
    absent(package)
    assert not has_part(package)
    with pytest.raises(MissingPart, match=rf"^{package} is not installed; it comes with: pip install 'specnb\[{EXTRAS[package]}\]'$"): lazy(package).anything


@pytest.mark.parametrize("package", ["papermill", "nbconvert", "ipykernel"])
def test_a_run_with_notebook_says_so_before_it_works(absent, tmp_path, monkeypatch, package):
    absent(package)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(MissingPart, match=r"specnb\[notebooks\]'; notebook=False writes everything but"): run_analysis(AnalysisConfig(), tmp_path / "out")
    done = CliRunner().invoke(app, ["run"], prog_name="specnb")
    assert done.exit_code == 5 and "pip install 'specnb[notebooks]'; --no-notebook writes everything but" in done.output.splitlines()[-1]
    assert list(tmp_path.iterdir()) == []


def test_a_run_without_notebook_and_a_sweep_in_this_process_need_no_extra(absent, tmp_path, empty_figures):
    absent(*EVERY)
    assert run_analysis(AnalysisConfig(fit={"goodness": 0}), tmp_path / "run", notebook=False).success
    swept = sweep(AnalysisConfig(), {"model": ["pl", "ecpl"]}, tmp_path / "sweep", progress=False)
    assert swept.table["status"].tolist() == ["done", "done"]
    assert sorted(p.name for p in (tmp_path / "sweep").iterdir()) == ["sweep.ecsv", "sweep.sqlite"]
    assert record_results(x=1.)["x"].value == 1


def test_without_pyarrow_no_old_parquet_file_stays(absent, tmp_path):
    def square(x): return {"y": x**2}
    sweep(square, {"x": [1., 2.]}, tmp_path, n_jobs=1, progress=False)
    assert (tmp_path / "sweep.parquet").is_file()
    absent("pyarrow")
    sweep(square, {"x": [3.]}, tmp_path, n_jobs=1, progress=False)
    assert not (tmp_path / "sweep.parquet").exists() and read_sweep(tmp_path).table["y"].tolist() == [1, 4, 9]


@pytest.mark.parametrize("how", [{"n_jobs": 2}, {"executor": "tcp://127.0.0.1:9"}, {"timeout": "1 s"}], ids=lambda d: next(iter(d)))
def test_processes_of_a_sweep(absent, tmp_path, how):
    absent("distributed", "dask")
    with pytest.raises(MissingPart, match=r"specnb\[sweeps\]'; n_jobs=1"): sweep(lambda x: {"y": x}, {"x": [1., 2.]}, tmp_path / "s", progress=False, **how)
    assert not (tmp_path / "s").exists()


def test_without_processes_one_point_after_the_other(absent, tmp_path):
    absent("distributed", "dask")
    assert len(sweep(lambda x: {"y": x}, {"x": [1., 2.]}, tmp_path, progress=False)) == 2


def test_notebooks_of_a_sweep(absent, tmp_path):
    absent(*NOTEBOOKS)
    (tmp_path / "a.ipynb").write_text("{}")
    with pytest.raises(MissingPart, match=r"specnb\[notebooks\]'"): sweep(tmp_path / "a.ipynb", {"x": [1.]}, tmp_path / "s", progress=False)
    with pytest.raises(MissingPart, match=r"specnb\[notebooks\]'"): sweep(AnalysisConfig(), {"model": ["pl"]}, tmp_path / "s", engine="papermill", progress=False)
    assert not (tmp_path / "s").exists()


def test_tables_of_the_background_light(absent, tmp_path, monkeypatch):
    "A file in the layout of Gammapy's data needs no package; the tables of the package do."
    monkeypatch.setenv("GAMMAPY_DATA", str(tmp_path))
    there = EBLAbsorptionNormSpectralModel.read_builtin("dominguez")
    from specnb.base.tables import write_tables
    from specnb.models.absorption import xspec_table
    (tmp_path / "ebl").mkdir()
    write_tables(tmp_path / "ebl/ebl_dominguez11.fits.gz", xspec_table(there.energy.value, there.param, there.data.value))
    absent("ebltable")
    model = EBLAbsorptionNormSpectralModel.read_builtin("dominguez", redshift=.2)
    assert model(1*u.TeV).value == pytest.approx(np.exp(np.log(there.evaluate(1., .2, 1.))), rel=1e-4)
    for name in ("finke", "dominguez-upper"):
        with pytest.raises(MissingPart, match=r"specnb\[ebl\]'"): EBLAbsorptionNormSpectralModel.read_builtin(name)


def test_models_of_naima_and_chains_of_emcee(absent):
    absent("naima", "emcee")
    with pytest.raises(MissingPart, match=r"specnb\[naima\]'"): NaimaSpectralModel(SimpleNamespace(particle_distribution=None))
    with pytest.raises(MissingPart, match=r"specnb\[emcee\]'"): run_chain(None)
