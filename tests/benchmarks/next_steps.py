"""What follows the spectrum, timed beside the peer on the same simulated runs in one go; one command, a table on the screen:

    python tests/benchmarks/next_steps.py

A light curve of 21 runs in three bands, flux points with everything that can be asked for, and, of specnb alone, bands with exact edges beside
snapped ones and a fit with absorption beside one without. The same code runs in a process for each package (`BENCHMARK_PACKAGE`), peer and
specnb alternately; the peer's environment and the runs are those of `compare.py`. CPU times, medians; the largest difference of the norms is told.
"""
import argparse
import json
import os
import sys
import time
import warnings
from pathlib import Path
from statistics import median

RUNS, REPEATS = 21, 20


def reduced(folder):
    "The runs with the fitted model of the source."
    from scale import reduce_many
    from stages import SAME, Fit, set_model
    datasets = reduce_many(folder, RUNS, 1)
    set_model(datasets)
    Fit(**SAME).run(datasets)
    return datasets


def clock(work, repeats):
    "Median CPU time [ms] of calls, and what the last one gave."
    times = []
    for _ in range(repeats):
        start = time.process_time()
        found = work()
        times.append(1e3*(time.process_time() - start))
    return median(times), found


def measure(folder, package):
    "Times [ms] and norms of one package."
    import astropy.units as u
    import numpy as np
    if package == "gammapy": from gammapy.estimators import FluxPointsEstimator, LightCurveEstimator
    else: from specnb import FluxPointsEstimator, LightCurveEstimator
    own = package == "specnb"
    datasets, bands, edges = reduced(folder), [1, 3, 10, 30]*u.TeV, np.geomspace(.7, 30, 11)*u.TeV
    snap, n = ({"snap": True}, REPEATS) if own else ({}, 1)
    options = dict(source="crab", selection_optional=["errn-errp", "ul"], **snap)
    times, norms = {}, {}
    times["light curve, 21 runs x 3 bands"], curve = clock(lambda: LightCurveEstimator(energy_edges=bands, **options).run(datasets), n)
    norms["light curve"] = np.ravel(curve.norm if own else curve.norm.data).tolist()
    four = type(datasets)(list(datasets)[:4])
    four.models = datasets.models
    times["flux points, 10 bands, 4 runs"], points = clock(lambda: FluxPointsEstimator(energy_edges=edges, **options).run(four), n)
    norms["flux points"] = np.ravel(points.norm if own else points.norm.data).tolist()
    everything = dict(options, selection_optional="all")
    times["the same with all that can be asked for"], _ = clock(lambda: FluxPointsEstimator(energy_edges=edges, **everything).run(four), n)
    if own: times |= own_times(four, edges, options)
    return {"times": times, "norms": norms}


def own_times(datasets, edges, options):
    "What the peer does not have, or needs data for that are not everywhere."
    from specnb import EBLAbsorptionNormSpectralModel, Fit, FluxPointsEstimator, PowerLawSpectralModel, SkyModel
    exact = dict(options, snap=False)
    times = {"flux points, exact edges": clock(lambda: FluxPointsEstimator(energy_edges=edges, **exact).run(datasets), REPEATS)[0]}
    shape, absorption = PowerLawSpectralModel(amplitude="3e-11 cm-2 s-1 TeV-1"), EBLAbsorptionNormSpectralModel.read_builtin("dominguez", redshift=.116)
    for name, model in (("fit of a power law", shape), ("fit of an absorbed power law", shape*absorption)):
        def fit():
            own = datasets.copy()
            own.models = [SkyModel(model.copy(), name="crab")]
            return Fit().run(own)
        times[name] = clock(fit, REPEATS)[0]
    return times


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--child", metavar="FOLDER", help="measure one package, print JSON")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    if args.child: return print(json.dumps(measure(args.child, os.environ.get("BENCHMARK_PACKAGE", "specnb"))))
    from compare import PEER, make_peer, make_runs, run, short
    cache = Path(os.environ.get("SPECNB_BENCHMARKS") or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "specnb-benchmarks").expanduser()
    python, folder = make_peer(cache), make_runs(cache, RUNS)
    found = {PEER: [], "specnb": []}
    for _ in range(args.rounds):
        for package, executable in ((PEER, python), ("specnb", sys.executable)):
            found[package].append(run(executable, "next_steps.py", "--child", folder, package=package))
    print(f"{'CPU time [ms]':44}{'peer':>12}{'specnb':>12}{'ratio':>10}")
    for name in found["specnb"][0]["times"]:
        peer, own = ([f["times"][name] for f in found[p] if name in f["times"]] for p in (PEER, "specnb"))
        other = f"{short(median(peer)):>12}{short(median(own)):>12}{short(median(peer)/median(own)):>10}" if peer else f"{'':12}{short(median(own)):>12}"
        print(f"{name:44}{other}")
    for name, norms in found["specnb"][0]["norms"].items():
        pairs = [(a, b) for a, b in zip(norms, found[PEER][0]["norms"][name], strict=True) if a > 0 and b > 0]
        print(f"{name + ': largest difference of norms':44}{max(abs(a/b - 1) for a, b in pairs):24.2g}")


if __name__ == "__main__": main()
