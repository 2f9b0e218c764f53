"Many runs: nothing of a run stays in memory, several processes give what one gives, and the work grows no faster than the number of runs."
import gc
import multiprocessing
import os
import pickle
import re
import signal
import subprocess
import sys
import time
import warnings
from dataclasses import fields, replace
from pathlib import Path
import numpy as np
import pytest
from specnb import (AnalysisConfig, ConfigError, DataStore, Datasets, DatasetsMaker, EventList, SpecnbWarning, SpectralAnalysis, SpectrumArrays,
                    simulate_observation, wobble_pointings, write_dl3)
from specnb.makers.datasets import cumulative_stacks
from specnb.simulate.simulate import demo_model
from specnb.makers.arrays import stack_spectra

N_RUNS, FAR, NO_OFF = 12, 10003, 10006


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    "Twelve runs of two minutes; one points too far away, one is too close for OFF regions."
    from astropy.coordinates import SkyCoord
    source, folder = SkyCoord(83.63, 22.01, unit="deg"), tmp_path_factory.mktemp("dl3")
    offsets = {FAR: "9 deg", NO_OFF: "0.1 deg"}
    runs = []
    for i in range(N_RUNS):
        obs_id = 10001 + i
        pointing = wobble_pointings(source, offsets.get(obs_id, ("0.5 deg", "0.7 deg", "1 deg")[i % 3]), [90 * i])[0]
        runs.append(simulate_observation(demo_model(), source, pointing, ontime="120 s", tstart=f"{i * 1000} s", obs_id=obs_id, seed=i))
    return write_dl3(runs, folder)


@pytest.fixture(scope="module")
def config(folder): return AnalysisConfig(observations={"datastore": str(folder), "obs_ids": list(range(10001, 10001 + N_RUNS))})


def reduce(config, observations, n_jobs=None, **kwargs):
    "Datasets, and the texts of the warnings in order."
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        datasets = DatasetsMaker(config.datasets.makers(), stack_datasets=False, n_jobs=n_jobs, **kwargs).run(config.datasets.empty(), observations)
    assert {w.category for w in caught} <= {SpecnbWarning}
    return datasets, [str(w.message) for w in caught]


@pytest.fixture(scope="module")
def reduced(folder, config): return reduce(config, DataStore.from_dir(folder).get_observations())


def same(a, b):
    "Whether two datasets are equal to the last bit."
    for f in fields(SpectrumArrays):
        x, y = getattr(a.arrays, f.name), getattr(b.arrays, f.name)
        pairs = [(getattr(x, n.name), getattr(y, n.name)) for n in fields(x)] if f.name == "events" and x is not None else [(x, y)]
        if not all(x is y is None or np.array_equal(x, y) for x, y in pairs): return False
    regions = [(None if d.off_regions is None else d.off_regions.angles.tolist()) for d in (a, b)]
    return a.name == b.name and a.meta == b.meta and regions[0] == regions[1] and a.gti.start_s.tolist() == b.gti.start_s.tolist() and type(a) is type(b)


@pytest.mark.parametrize("n_jobs", [2, 3])
def test_result_and_warnings_do_not_depend_on_the_number_of_processes(folder, config, reduced, n_jobs):
    datasets, texts = reduce(config, DataStore.from_dir(folder).get_observations(), n_jobs, parallel_backend="multiprocessing")
    assert texts == reduced[1] and [t.split(":")[0] for t in texts if "no exposure" in t or "no OFF counts" in t]
    assert datasets.names == reduced[0].names == [str(10001 + i) for i in range(N_RUNS)]
    assert all(same(a, b) for a, b in zip(reduced[0], datasets))
    assert len({id(d.geom) for d in datasets}) == 1 and len({id(d.arrays.e_true_edges) for d in datasets}) == 1
    assert not any(getattr(d.arrays, n).flags.writeable for d in datasets for n in ("n_on", "edisp", "exposure", "mask_safe"))
    assert multiprocessing.active_children() == []


def test_warnings_come_in_the_order_of_the_runs(reduced):
    numbers = [int(re.search(r"\b100\d\d\b", t)[0]) for t in reduced[1]]
    assert numbers == sorted(numbers) and {FAR, NO_OFF} <= set(numbers)


def test_order_and_choice_of_the_runs_are_those_asked_for(folder, config, reduced):
    ids = [10009, 10002, 10005]
    datasets, _ = reduce(config, DataStore.from_dir(folder).get_observations(ids), 2)
    assert datasets.names == list(map(str, ids)) and all(same(d, reduced[0][d.name]) for d in datasets)


def test_runs_in_memory_and_cut_in_time_travel_too(folder, config):
    from astropy import units as u
    observations = DataStore.from_dir(folder).get_observations([10001, 10002])
    loaded = [o.copy(**{k: getattr(o, k) for k in ("events", "gti", "aeff", "edisp", "psf", "bkg")}) for o in observations]
    cut = [o.select_time(u.Quantity([i * 1000 + 30, i * 1000 + 90], "s")) for i, o in enumerate(observations)]
    for runs in (loaded, cut):
        one, two = (reduce(config, runs, n)[0] for n in (1, 2))
        assert all(same(a, b) for a, b in zip(one, two))
    assert [d.arrays.ontime for d in one] == pytest.approx([60, 60])


def test_stacked_at_once_is_the_stack_of_all(folder, config, reduced):
    with pytest.warns(SpecnbWarning): stacked, = DatasetsMaker(config.datasets.makers(), n_jobs=2).run(config.datasets.empty(), DataStore.from_dir(folder).get_observations())
    whole = reduced[0].stack_reduce(name=stacked.name)
    assert all(np.array_equal(getattr(stacked.arrays, n), getattr(whole.arrays, n)) for n in ("n_on", "n_off", "exposure", "edisp", "acceptance_off"))


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_an_error_names_the_run_and_leaves_no_process(folder, config, tmp_path, n_jobs):
    for path in folder.iterdir(): (tmp_path / path.name).write_bytes(path.read_bytes())
    broken = tmp_path / "run_010004.fits.gz"
    broken.write_bytes(broken.read_bytes()[:3000])
    with pytest.raises(ValueError, match="010004"): reduce(config, DataStore.from_dir(tmp_path).get_observations(), n_jobs)
    assert multiprocessing.active_children() == []


def alive():
    gc.collect()
    return sum(isinstance(thing, EventList) for thing in gc.get_objects())


def test_nothing_of_a_run_stays(folder, config):
    observations, before, most = DataStore.from_dir(folder).get_observations(), alive(), []

    class Count:
        "A maker that looks how many event lists there are."
        def run(self, dataset, observation):
            observation.events
            most.append(alive() - before)
            return dataset

    with pytest.warns(SpecnbWarning): reduce_all = DatasetsMaker([Count(), *config.datasets.makers()[:1]], stack_datasets=False).run(config.datasets.empty(), observations)
    assert len(reduce_all) == N_RUNS and most == [1] * N_RUNS and alive() == before
    assert all(part.cache_info().currsize == 0 for o in observations for part in o._parts.values())


def test_what_was_read_before_is_used_and_kept(folder):
    run = DataStore.from_dir(folder).obs(10001)
    events, fresh = run.events, run.fresh()
    assert fresh.events is events and fresh.aeff is not run.aeff and np.array_equal(fresh.aeff.data, run.aeff.data)
    sent = pickle.dumps(run)
    assert len(sent) < 5000 and np.array_equal(pickle.loads(sent).events.e_tev, events.e_tev)


def test_analysis_in_processes_gives_the_same_numbers(config):
    one, two = (SpectralAnalysis(config.update({"general": {"n_jobs": n}})).run().results() for n in (1, 2))
    assert repr(one) == repr(two) and one["remarks"]
    with pytest.raises(ConfigError, match="n_jobs"): AnalysisConfig(general={"n_jobs": 0})


def test_time_cut_of_an_analysis_does_not_keep_the_events(folder, config):
    before, analysis = alive(), SpectralAnalysis(config.update({"observations": {"obs_time": {"start": "2001-01-01 00:17:00"}}}))
    analysis.get_observations()
    assert analysis.observations.ids == [str(10001 + i) for i in range(1, N_RUNS)] and alive() == before


SCRIPT = """
import os, sys, time
from pathlib import Path
from specnb import AnalysisConfig, DataStore, DatasetsMaker

class Slow:
    def run(self, dataset, observation):
        Path(sys.argv[2], f"{os.getpid()}.pid").touch()
        time.sleep(.3)
        return dataset

if __name__ == "__main__":
    DatasetsMaker([Slow()], n_jobs=2).run(AnalysisConfig().datasets.empty(), list(DataStore.from_dir(sys.argv[1]).get_observations()) * 20)
"""


def running(pid):
    try: os.kill(pid, 0)
    except ProcessLookupError: return False
    stat = Path(f"/proc/{pid}/stat")
    return not stat.exists() or stat.read_text().rsplit(")", 1)[1].split()[0] != "Z"


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupt_leaves_no_process_behind(folder, tmp_path, number):
    (tmp_path / "script.py").write_text(SCRIPT)
    parent = subprocess.Popen([sys.executable, tmp_path / "script.py", folder, tmp_path], stderr=subprocess.PIPE, text=True,
                              preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler))  # ignored in jobs of a shell's background
    def wait(until, seconds=60):
        stop = time.monotonic() + seconds
        while not until() and time.monotonic() < stop: time.sleep(.1)
        assert until()
    try:
        wait(lambda: len(list(tmp_path.glob("*.pid"))) == 2 or parent.poll() is not None)
        assert parent.poll() is None
        parent.send_signal(number)
        assert parent.wait(60) != 0
        workers = [int(p.stem) for p in tmp_path.glob("*.pid")]
        assert len(workers) == 2
        wait(lambda: not any(map(running, workers)))
        if number == signal.SIGINT: assert parent.stderr.read().count("KeyboardInterrupt") == 1
    finally:
        parent.kill()
        parent.stderr.close()


def grown(datasets): return list(cumulative_stacks(list(datasets)))


def stacked_anew(datasets): return [stack_spectra([d.arrays for d in list(datasets)[:i + 1]]) for i in range(len(datasets))]


def without_off(datasets, n): return Datasets([d.fill(n_off=0 * d.arrays.n_off) if i < n else d for i, d in enumerate(datasets)])


@pytest.mark.parametrize("change", [lambda d: d, lambda d: without_off(d, 5), lambda d: without_off(d, N_RUNS), lambda d: Datasets(list(d)[::-1]),
                                    lambda d: Datasets([x.to_spectrum_dataset() for x in d]), lambda d: Datasets([x.fill(mask_safe=np.zeros(x.arrays.n_reco, bool)) for x in d])],
                         ids=["as they are", "first without OFF counts", "all without OFF counts", "backwards", "known background", "no safe bin"])
def test_growing_stack_is_the_stack_of_the_first_runs(reduced, change):
    datasets = change(reduced[0])
    for a, b in zip(grown(datasets), stacked_anew(datasets)):
        for f in (f for f in fields(SpectrumArrays) if f.name not in ("events", "statistic")):
            x, y = getattr(a, f.name), getattr(b, f.name)
            assert x is y is None or np.allclose(np.asarray(x, float), np.asarray(y, float), rtol=1e-12, atol=1e-300), f.name
    table, last = datasets.info_table(cumulative=True), datasets.stack_reduce().info_dict()
    assert all(table[n][-1] == pytest.approx(getattr(last[n], "value", last[n]), rel=1e-12, nan_ok=True) for n in ("counts", "excess", "sqrt_ts", "npred", "livetime"))


def test_growing_stack_refuses_what_a_stack_refuses(reduced):
    first, second = list(reduced[0])[:2]
    for other in (second.fill(e_reco_edges=second.arrays.e_reco_edges * 1.1), second.to_spectrum_dataset()):
        with pytest.raises(ValueError, match="cannot stack"): grown([first, other])


def test_work_grows_with_the_number_of_runs(reduced, monkeypatch):
    from specnb.makers import datasets
    handed = []
    monkeypatch.setattr(datasets, "stack_spectra", lambda spectra, names=None: handed.append(len(spectra)) or stack_spectra(spectra, names))
    many = Datasets([d.fill(name=f"{d.name}-{k}") for k in range(5) for d in reduced[0]])
    many.info_table(cumulative=True)
    assert sum(handed) < 2.2 * len(many)
    likelihood = many.likelihood()
    assert len(likelihood.pairs) == 1 and likelihood.pairs[0][0].matrix.shape[1] == sum(d.part().bins().sum() for d in many) # one matrix for all runs


def test_copies_share_the_arrays_which_do_not_change(reduced):
    first = reduced[0][0]
    assert first.copy(name="x").arrays is first.arrays and first.fill(n_on=first.arrays.n_on + 1).arrays.edisp is not None
    assert replace(first.arrays).n_on.flags.writeable is False


def test_wrong_makers_datasets_and_observations_are_refused_by_name():
    from specnb import MapAxis, RegionGeom, SpectrumDataset, SpectrumDatasetMaker
    for makers, text in ((3, "found int"), ([3], "found 3"), ([SpectrumDatasetMaker], "expected makers, which have a method run")):
        with pytest.raises(TypeError, match=f"makers: .*{text}"): DatasetsMaker(makers)
    maker = DatasetsMaker([SpectrumDatasetMaker()])
    with pytest.raises(TypeError, match="dataset: expected a SpectrumDataset, found 3"): maker.run(3, [])
    with pytest.raises(TypeError, match="observations: expected a list of Observation"): maker.run(SpectrumDataset.create(RegionGeom.create(None, [MapAxis.from_energy_bounds(1, 2, 3, "TeV")])), [3])
