"""How long it takes to know whether numbers can be trusted; one command, a table on the screen:

    python tests/benchmarks/trust.py [FOLDER]

Four runs of the Crab nebula (or the simulated ones, without the folder of the H.E.S.S. test data), fitted jointly: goodness of fit with
1000 toys, the certificate, intervals, impacts of nuisance parameters, comparison of models and the search for lines. The peer has none of
these, so there is no second column. CPU times, medians of a few calls; more toys take longer in proportion.
"""
import argparse
import time
import warnings
from statistics import median


def clock(work, repeats=3):
    "Median CPU time [s] of calls."
    times = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return median(times)


def reduced(folder):
    "Four runs with a fitted power law with cut-off."
    from specnb import AnalysisConfig, SpectralAnalysis
    ids = [] if folder == "demo" else [23523, 23526, 23559, 23592]
    config = AnalysisConfig(observations={"datastore": folder, "obs_ids": ids}, flux_points={"parameters": {"selection_optional": []}},
                            general={"log": {"level": "warning"}})
    analysis = SpectralAnalysis(config)
    analysis.run()
    return analysis.datasets


def stages(datasets, n_toys):
    "Name and work of everything that is timed."
    import astropy.units as u
    import numpy as np
    from specnb import (ExpCutoffPowerLawSpectralModel, Fit, LogParabolaSpectralModel, PowerLawSpectralModel, add_nuisances, certify, compare,
                        goodness_of_fit, line_search, plot_impacts, systematics)
    start = dict(amplitude="3e-11 cm-2 s-1 TeV-1")
    pair = {"power law": PowerLawSpectralModel(index=2.5, **start), "cut-off": ExpCutoffPowerLawSpectralModel(index=2.2, lambda_="0.05 TeV-1", **start)}
    three = pair | {"log parabola": LogParabolaSpectralModel(alpha=2.5, reference="1 TeV", beta=.05, **start)}
    calibrated = add_nuisances(datasets, area_norm=.1, energy_scale=.1, background_norm=.02)
    name = datasets.parameters.free_parameters.names[0]
    return {"fit alone": lambda: Fit().run(datasets),
            f"goodness of fit, {n_toys} toys": lambda: goodness_of_fit(datasets, n_toys, 0),
            f"certificate, {n_toys} toys": lambda: certify(datasets, n_toys, 0),
            "interval by the profile": lambda: Fit().intervals(datasets, name, method="profile"),
            "impacts and their picture": lambda: plot_impacts(systematics(calibrated)),
            f"comparison of two models, {n_toys} toys": lambda: compare(datasets, pair, n_toys),
            f"comparison of three models, {n_toys} toys of each": lambda: compare(datasets, three, n_toys),
            "search for a line at 20 energies, 100 toys": lambda: line_search(datasets, np.geomspace(.8, 20, 20)*u.TeV, 100)}


def main():
    "Print the table."
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", default="demo")
    parser.add_argument("--n-toys", type=int, default=1000)
    args = parser.parse_args()
    import matplotlib
    matplotlib.use("Agg")
    warnings.simplefilter("ignore")
    for name, work in stages(reduced(args.folder), args.n_toys).items():
        try:
            print(f"{name:55} {clock(work):8.3f} s", flush=True)
        except (TypeError, ValueError, NotImplementedError) as error:
            print(f"{name:55} failed: {error}", flush=True)


if __name__ == "__main__":
    main()
