"""The stages of specnb alone, with pytest-benchmark, which runs only when it is asked for by its path:

    GAMMAPY_DATA=... pytest tests/benchmarks/bench_speed.py

Add `--benchmark-autosave`, and later `--benchmark-compare`, to follow the work on one stage.
"""
import os
import sys
from pathlib import Path
import pytest

sys.path.insert(0, str(Path(__file__).parent))
os.environ["BENCHMARK_PACKAGE"] = "specnb"
import stages  # noqa: E402
from stages import Datasets, Fit, SAME  # noqa: E402


@pytest.fixture(scope="module")
def made(): return stages.set_up()


@pytest.fixture(scope="module")
def reduced(hess_dir, made): return stages.reduce(hess_dir, stages.RUNS, *made)


@pytest.fixture(scope="module")
def fitted(reduced):
    datasets = Datasets(reduced).copy()
    stages.set_model(datasets)
    Fit().run(datasets)
    return datasets


@pytest.fixture(scope="module")
def written(reduced, tmp_path_factory):
    folder = tmp_path_factory.mktemp("ogip")
    stages.write(reduced, folder)
    return folder


def fresh(reduced):
    "Arguments of a fit: datasets that have not been asked yet, at the start values."
    datasets = reduced.copy()
    stages.set_model(datasets)
    return (datasets,), {}


def test_set_up(benchmark): benchmark(stages.set_up)


def test_read_and_reduce(benchmark, hess_dir, made):
    datasets = benchmark(stages.reduce, hess_dir, stages.RUNS, *made)
    assert datasets.info_table(cumulative=True)["counts"][-1] == 550


def test_info_table(benchmark, reduced): benchmark(reduced.info_table, cumulative=True)


def test_write_ogip(benchmark, reduced, tmp_path): benchmark(stages.write, reduced, tmp_path)


def test_read_ogip(benchmark, written): benchmark(stages.read, written, stages.RUNS)


@pytest.mark.parametrize("options", [SAME, {}], ids=["minuit", "default"])
def test_joint_fit(benchmark, reduced, options):
    result = benchmark.pedantic(lambda datasets: Fit(**options).run(datasets), setup=lambda: fresh(reduced), rounds=30, warmup_rounds=2)
    assert round(result.total_stat, 2) == 86.12


def test_flux_points(benchmark, fitted): assert len(benchmark(stages.estimate, fitted).to_table()) == 10


@pytest.mark.parametrize("options", [SAME, {}], ids=["minuit", "default"])
def test_stack_and_fit(benchmark, fitted, options):
    def start(): return (fitted, fitted.models[0].copy(name="crab"), options), {}
    assert benchmark.pedantic(stages.stack_and_fit, setup=start, rounds=30, warmup_rounds=2).total_stat < 10
