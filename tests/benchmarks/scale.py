"""Reduction and joint fit of many simulated runs, timed; the same code for specnb and for its peer, Gammapy.

Run by `compare.py` in processes of their own: `scale.py FOLDER --simulate 500` makes the runs, `scale.py FOLDER --runs 64` analyses the
first 64 of them and prints times, peak memory after reduction and at the end, and what was found as JSON.
"""
import argparse
import json
import warnings
import astropy.units as u
import numpy as np
from stages import PACKAGE, SAME, TARGET, DataStore, Fit, Stopwatch, fitted, peak_memory, set_model, set_up

if PACKAGE == "gammapy": from gammapy.makers import DatasetsMaker
else: from specnb import DatasetsMaker

CALLS = 100 if SAME else 3  # of the likelihood


def simulate(folder, n):
    "Runs of half an hour on a source like the Crab nebula, no two with the same pointing; written as DL3."
    from specnb import demo_model, simulate_observations, wobble_pointings, write_dl3
    rng = np.random.default_rng(500)
    pointings = wobble_pointings(TARGET, rng.uniform(.5, 1, n) * u.deg, rng.uniform(0, 360, n))
    write_dl3(simulate_observations(demo_model(), TARGET, pointings, seed=500), folder, overwrite=True)


def reduce_many(folder, n, jobs):
    "Read the first `n` runs and make spectra of them, in as many processes."
    empty, makers = set_up()
    observations = DataStore.from_dir(folder).get_observations(list(range(1001, 1001 + n)))
    return DatasetsMaker(makers, stack_datasets=False, n_jobs=jobs).run(empty, observations)


def call(datasets, watch):
    "Call the likelihood as a search does, each time with other parameters."
    if SAME:
        likelihood = datasets.likelihood()
        theta = likelihood.start * (1 + 1e-6*np.arange(CALLS)[:, None])
        with watch("likelihood calls"):
            for x in theta: likelihood.stat(x)
        return
    amplitude = datasets.models[0].parameters["amplitude"]
    with watch("likelihood calls"):
        for _ in range(CALLS):
            amplitude.value *= 1 + 1e-6
            datasets.stat_sum()


def analyse(folder, n, jobs, watch):
    "Reduction, cumulative table and joint fit of the first `n` runs; what was found, peak memory in bytes."
    with watch("reduce"): datasets = reduce_many(folder, n, jobs)
    reduced = peak_memory()
    with watch("info table"): datasets.info_table(cumulative=True)
    set_model(datasets)
    with watch("joint fit"): result = Fit(**SAME).run(datasets=datasets)
    memory = {"reduced": reduced, "all": peak_memory()}
    found = {**fitted(result, datasets.models[0]), "bins": sum(int(d.mask.data.sum()) for d in datasets)}
    call(datasets, watch)
    if SAME:  # specnb's own way, on datasets that have not been fitted
        datasets = datasets.copy()
        set_model(datasets)
        with watch("joint fit, default"): Fit().run(datasets=datasets)
    return found, memory


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder")
    parser.add_argument("--simulate", type=int)
    parser.add_argument("--runs", type=int)
    parser.add_argument("--jobs", type=int, default=1, help="processes that reduce")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    if args.simulate:
        simulate(args.folder, args.simulate)
        return print("{}")
    analyse(args.folder, args.jobs, args.jobs, Stopwatch())  # warm up; as many runs as processes, so that all are started
    watch = Stopwatch()
    found, memory = analyse(args.folder, args.runs, args.jobs, watch)
    watch["a likelihood call"] = [[t / CALLS for t in one] for one in watch.pop("likelihood calls")]
    print(json.dumps({"times": watch, "memory": memory, "found": found}))


if __name__ == "__main__": main()
