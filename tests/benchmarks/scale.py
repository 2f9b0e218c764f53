"""Reduction and joint fit of many simulated runs, timed; the same code for specnb and for its peer, Gammapy.

Run by `compare.py` in processes of their own: `scale.py FOLDER --simulate 500` makes the runs, `scale.py FOLDER --runs 64` analyses the
first 64 of them and prints times, peak memory and what was found as JSON.
"""
import argparse
import json
import warnings
import astropy.units as u
import numpy as np
from stages import SAME, TARGET, Fit, Stopwatch, fitted, peak_memory, reduce, set_model, set_up


def simulate(folder, n):
    "Runs of half an hour on a source like the Crab nebula, no two with the same pointing; written as DL3."
    from specnb import demo_model, simulate_observations, wobble_pointings, write_dl3
    rng = np.random.default_rng(500)
    pointings = wobble_pointings(TARGET, rng.uniform(.5, 1, n) * u.deg, rng.uniform(0, 360, n))
    site = {"GEOLON": 16.5002222, "GEOLAT": -23.2717778, "ALTITUDE": 1835.}  # the peer wants to know where
    write_dl3(simulate_observations(demo_model(), TARGET, pointings, seed=500, meta=site), folder, overwrite=True)


def analyse(folder, n, watch):
    "Reduction and joint fit of the first `n` runs."
    empty, makers = set_up()
    with watch("reduce"): datasets = reduce(folder, list(range(1001, 1001 + n)), empty, makers)
    set_model(datasets)
    with watch("joint fit"): result = Fit(**SAME).run(datasets=datasets)
    found = fitted(result, datasets.models[0])
    if SAME:  # specnb's own way, on datasets that have not been fitted
        datasets = datasets.copy()
        set_model(datasets)
        with watch("joint fit, default"): Fit().run(datasets=datasets)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder")
    parser.add_argument("--simulate", type=int)
    parser.add_argument("--runs", type=int)
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    if args.simulate:
        simulate(args.folder, args.simulate)
        return print("{}")
    analyse(args.folder, 1, Stopwatch())  # warm up
    before, watch = peak_memory(), Stopwatch()
    found = analyse(args.folder, args.runs, watch)
    print(json.dumps({"times": watch, "memory": peak_memory(), "memory_before": before, "found": found}))


if __name__ == "__main__": main()
