"""The four-run analysis of the reference tutorial in stages that are timed; the same code for specnb and for its peer, Gammapy.

Run by `compare.py` in processes of their own: prints, as JSON, the times of every repeat of every stage, the peak memory, the versions
and the numbers that were computed. `BENCHMARK_PACKAGE` chooses the package; only the import lines depend on it.
"""
import argparse
import gc
import json
import os
import resource
import sys
import tempfile
import time
import warnings
from contextlib import contextmanager, nullcontext
from pathlib import Path
import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord
from regions import CircleSkyRegion

PACKAGE = os.environ.get("BENCHMARK_PACKAGE", "specnb")
if PACKAGE == "gammapy":
    from gammapy.data import DataStore
    from gammapy.datasets import Datasets, SpectrumDataset, SpectrumDatasetOnOff
    from gammapy.estimators import FluxPointsEstimator
    from gammapy.makers import ReflectedRegionsBackgroundMaker, SafeMaskMaker, SpectrumDatasetMaker
    from gammapy.maps import MapAxis, RegionGeom, WcsGeom
    from gammapy.modeling import Fit
    from gammapy.modeling.models import ExpCutoffPowerLawSpectralModel, SkyModel
else:
    from specnb import (Datasets, DataStore, ExpCutoffPowerLawSpectralModel, Fit, FluxPointsEstimator, MapAxis,
                        ReflectedRegionsBackgroundMaker, RegionGeom, SafeMaskMaker, SkyModel, SpectrumDataset, SpectrumDatasetMaker,
                        SpectrumDatasetOnOff, WcsGeom)

RUNS = [23523, 23526, 23559, 23592]
TARGET = SkyCoord(83.63, 22.01, unit="deg", frame="icrs")
EXCLUDED = SkyCoord(183.604, -8.708, unit="deg", frame="galactic")
# specnb's way to search as the peer does: Migrad with numerical derivatives, its covariance; both make 244 calls in the joint fit
SAME = dict(optimize_opts={"gradient": False}, covariance_opts={"backend": "minuit"}) if PACKAGE == "specnb" else {}


def set_up():
    "Exclusion mask, empty dataset and makers."
    geom = WcsGeom.create(npix=(150, 150), binsz=0.05, skydir=TARGET.galactic, proj="TAN", frame="icrs")
    exclusion_mask = ~geom.region_mask([CircleSkyRegion(EXCLUDED, 0.5 * u.deg)])
    energy = MapAxis.from_energy_bounds(0.1, 40, nbin=10, per_decade=True, unit="TeV", name="energy")
    energy_true = MapAxis.from_energy_bounds(0.05, 100, nbin=20, per_decade=True, unit="TeV", name="energy_true")
    empty = SpectrumDataset.create(geom=RegionGeom.create(CircleSkyRegion(TARGET, 0.11 * u.deg), axes=[energy]), energy_axis_true=energy_true)
    return empty, [SpectrumDatasetMaker(containment_correction=True, selection=["counts", "exposure", "edisp"]),
                   ReflectedRegionsBackgroundMaker(exclusion_mask=exclusion_mask), SafeMaskMaker(methods=["aeff-max"], aeff_percent=10)]


def reduce(data_dir, obs_ids, empty, makers):
    "Read runs and make spectra of them."
    datasets = Datasets()
    for observation in DataStore.from_dir(data_dir).get_observations(obs_ids):
        dataset = empty.copy(name=str(observation.obs_id))
        for maker in makers: dataset = maker.run(dataset, observation)
        datasets.append(dataset)
    return datasets


def write(datasets, folder):
    for dataset in datasets: dataset.write(filename=folder / f"obs_{dataset.name}.fits.gz", overwrite=True, format="ogip")


def read(folder, names): return Datasets([SpectrumDatasetOnOff.read(folder / f"obs_{name}.fits.gz", format="ogip") for name in names])


def set_model(datasets):
    "A model at the start values of the tutorial."
    spectral_model = ExpCutoffPowerLawSpectralModel(amplitude=1e-12 * u.Unit("cm-2 s-1 TeV-1"), index=2, lambda_=0.1 * u.Unit("TeV-1"),
                                                    reference=1 * u.TeV)
    datasets.models = [SkyModel(spectral_model=spectral_model, name="crab")]


def estimate(datasets):
    "Flux points in ten bands; what Gammapy 2.1 adds to the tutorial's `all`, the sensitivity, is not asked for."
    return FluxPointsEstimator(energy_edges=np.geomspace(0.7, 30, 11) * u.TeV, source="crab",
                               selection_optional=["errn-errp", "ul", "scan"]).run(datasets=datasets)


def stack_and_fit(datasets, model, options):
    stacked = datasets.stack_reduce()
    stacked.models = [model]
    return Fit(**options).run([stacked])


def toys(datasets, watch):
    "Three single fits of the stacked runs from the start values; with specnb also ten thousand toys of them at once."
    stacked = Datasets([datasets.stack_reduce()])
    for _ in range(3):
        set_model(stacked)
        with watch("a stacked fit"): Fit().run(stacked)
    if not SAME: return
    from specnb import fit_many, sample_counts
    counts = sample_counts(stacked, 10_000, np.random.default_rng(1))
    for name, errors in (("10,000 toys", "fisher"), ("10,000 toys, exact errors", "hessian")):
        with watch(name): many = fit_many(stacked, *counts, errors=errors)
        assert many.success.mean() > .999, "toys did not arrive"


class Stopwatch(dict):
    "Stage -> [wall, CPU] seconds of its repeats."
    @contextmanager
    def __call__(self, stage):
        gc.collect()  # no stage pays for the litter of the one before
        wall, cpu = time.perf_counter(), time.process_time()
        yield
        self.setdefault(stage, []).append([time.perf_counter() - wall, time.process_time() - cpu])

    def again(self, stage, work):
        "Time twenty calls of what takes a few milliseconds; one repeat, their mean."
        with self(stage):
            for _ in range(20): work()
        self[stage][-1] = [seconds/20 for seconds in self[stage][-1]]


def fitted(result, model):
    "Numbers of a fit: free parameters, their errors, statistic, calls."
    values = {p.name: [float(p.value), float(p.error)] for p in model.parameters.free_parameters}
    return {**values, "stat": float(result.total_stat), "nfev": int(result.nfev)}


def analyse(data_dir, watch, once=False):
    "One pass through all stages, with nothing kept from the pass before; returns the numbers. `once`: what a script does, no second fits."
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        with watch("set up"): empty, makers = set_up()
        with watch("read and reduce"): datasets = reduce(data_dir, RUNS, empty, makers)
        with watch("info table"): info = datasets.info_table(cumulative=True)
        with watch("write OGIP"): write(datasets, folder)
        with watch("read OGIP"): datasets = read(folder, RUNS)
        numbers = {"counts": [int(n) for n in info["counts"]], "counts_off": [int(n) for n in info["counts_off"]],
                   "sqrt_ts": [float(x) for x in info["sqrt_ts"]]}
        if SAME and not once:  # specnb's own way, on datasets of its own
            other = read(folder, RUNS)
            set_model(other)
            with watch("joint fit, default"): result = Fit().run(datasets=other)
            model = other.models[0]
            numbers["joint fit, default"] = fitted(result, model)
            with watch("stack and fit, default"): stack_and_fit(other, model.copy(name="crab"), {})
            watch.again("stack and fit, default, repeated", lambda: stack_and_fit(other, model.copy(name="crab"), {}))
        set_model(datasets)
        model = datasets.models[0]
        with watch("joint fit"): result = Fit(**SAME).run(datasets=datasets)
        numbers["joint fit"] = fitted(result, model)
        with watch("flux points"): table = estimate(datasets).to_table(sed_type="dnde")
        if SAME and not once: watch.again("flux points, repeated", lambda: estimate(datasets).to_table(sed_type="dnde"))
        for name in ("dnde", "dnde_errn", "dnde_errp", "dnde_ul", "ts"): numbers[name] = [float(x) for x in table[name]]
        numbers["scan"] = [float(x) for x in np.ravel(table["stat_scan"])]
        stacked = model.copy(name="crab")  # the flux points and the joint fit keep theirs
        with watch("stack and fit"): result = stack_and_fit(datasets, stacked, SAME)
        numbers["stack and fit"] = fitted(result, stacked)
        if not once: toys(datasets, watch)
    return numbers


def peak_memory(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def versions():
    from importlib.metadata import version
    names = [PACKAGE, "numpy", "scipy", "astropy", "regions", "iminuit"]
    return {"python": sys.version.split()[0], **{name: version(name) for name in names}}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data_dir", help="folder hess-dl3-dr1")
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--once", action="store_true", help="one cold pass as a script makes it, no watch; prints the peak memory only")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    if args.once:
        analyse(args.data_dir, lambda stage: nullcontext(), once=True)
        return print(json.dumps({"memory": peak_memory()}))
    watch = Stopwatch()
    analyse(args.data_dir, Stopwatch())  # warm up
    for _ in range(args.repeats): numbers = analyse(args.data_dir, watch)
    print(json.dumps({"package": PACKAGE, "versions": versions(), "memory": peak_memory(), "times": watch, "numbers": numbers}))


if __name__ == "__main__": main()
