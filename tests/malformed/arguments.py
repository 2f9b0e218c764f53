"""Plausible mistakes in calls: a table of (argument, mistakes, call); what is accepted is a fault, since every value here is a mistake."""
from functools import cache
import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord
from regions import CircleSkyRegion
from specnb import (AnalysisConfig, CashCountsStatistic, DataStore, Datasets, EDispKernel, EnergyDispersion2D, Fit, FluxPoints, FluxPointsDataset, FluxPointsEstimator, GTI, LogParabolaSpectralModel,
                    MapAxis, Models, Observation, Parameter, PowerLawSpectralModel, ReflectedRegionsBackgroundMaker, ReflectedRegionsFinder, RegionGeom, RegionNDMap, SafeMaskMaker, SkyModel,
                    SpectralAnalysis, SpectrumArrays, SpectrumDataset, SpectrumDatasetMaker, SpectrumDatasetOnOff, TemplateSpectralModel, WStatCountsStatistic, WcsGeom, WobbleRegionsFinder, cash,
                    demo_dir, latin_hypercube, sample_counts, fit_many, sweep_points, wstat)
from specnb.simulate.example import example_datasets
from .fits_bytes import choose
from .judge import Kind

NAN, INF = float("nan"), float("inf")
SIZES = -5, 0, NAN, INF, "many", None, [1, 2], 1j
NEGATIVE = -1, NAN, INF, "many", 1j
OBJECTS = None, 5, "1001", [1, 2], object(), {}
ENERGIES = 5, -1 * u.TeV, 0 * u.TeV, NAN * u.TeV, INF * u.TeV, 1 * u.m, "many", "1 deg", None
EDGES = ([1, 10], [10, 1] * u.TeV, [1, 1] * u.TeV, [-1, 1] * u.TeV, [0, 1] * u.TeV, [NAN, 1] * u.TeV, [1, INF] * u.TeV, [1] * u.TeV, 5 * u.TeV, [1, 2] * u.m, "1 TeV", [[1, 2], [3, 4]] * u.TeV, [])
MASKS = True, 1, [True], [True] * 3, [1, 2] * 11, "all", [[True] * 22] * 2, np.ones(22) * .5, [NAN] * 22
CENTER = SkyCoord(83.63, 22.01, unit="deg")
FLUX = "cm-2 s-1 TeV-1"


@cache
def best():
    datasets = example_datasets()
    Fit().run(datasets)
    return datasets.models


def datasets():
    "New ones for each call, at the minimum."
    new = example_datasets()
    new.models = best().copy()
    return new


def one(): return datasets()[0]


@cache
def observation(): return DataStore.from_dir(demo_dir()).get_observations([1001])[0]


@cache
def axis(): return MapAxis.from_energy_bounds(.3, 30, 8, "TeV", name="energy")


@cache
def true_axis(): return MapAxis.from_energy_bounds(.1, 100, 30, "TeV", name="energy_true")


@cache
def geom(radius=.11): return RegionGeom.create(CircleSkyRegion(CENTER, radius * u.deg), axes=[axis()])


@cache
def reduced(): return SpectrumDatasetMaker().run(SpectrumDataset.create(geom(), true_axis(), name="1001"), observation())


@cache
def points(): return FluxPointsEstimator([1, 3, 10] * u.TeV).run(datasets())


def estimator(**kwargs):
    found = FluxPointsEstimator(**{"energy_edges": [1, 10] * u.TeV, "selection_optional": "all", **kwargs}).run(datasets())
    return {"norm": found.norm, "scan": found.data["norm_scan"], "ul": found.data["norm_ul"]}


def arrays(**kwargs):
    n = 4
    good = dict(e_reco_edges=np.geomspace(1, 10, n + 1), e_true_edges=np.geomspace(1, 10, 3), n_on=np.ones(n), n_off=np.ones(n), acceptance=np.ones(n), acceptance_off=np.ones(n), exposure=np.ones(2),
                edisp=np.ones((2, n)) / n, mask_safe=np.ones(n, bool), livetime=1., ontime=1.)
    return SpectrumArrays(**good | kwargs).n_on


def with_mask(dataset, name, value):
    setattr(dataset, name, value)
    return dataset.stat_sum()


def on_off(**kwargs):
    d = one()
    new = SpectrumDatasetOnOff(**{"counts": d.counts, "counts_off": d.counts_off, "acceptance": 1, "acceptance_off": 12, "exposure": d.exposure, "edisp": d.edisp, "models": d.models, **kwargs})
    return {"n_off": new.arrays.n_off, "stat": new.stat_sum(), "alpha": np.nan_to_num(new.arrays.alpha)}


def parameter(name, value):
    d = datasets()
    setattr(d.models[0].parameters["amplitude" if name != "frozen" else "index"], name, value)
    return Fit().run(d).total_stat


def region(radius): return CircleSkyRegion(CENTER, radius)


def maker(finder): return ReflectedRegionsBackgroundMaker(region_finder=finder).run(reduced(), observation()).arrays.n_off


def fake(value):
    d = one()
    d.fake(value, 0)
    return d.arrays.n_on


def fit_with(model):
    d = datasets()
    d.models = model
    return Fit().run(d).total_stat


def stat(**kwargs):
    s = WStatCountsStatistic(**{"n_on": 5, "n_off": 10, "alpha": .1, **kwargs})
    return {"n_sig": s.n_sig, "sqrt_ts": s.sqrt_ts, "error": s.error}


def sampled(name, value):
    kwargs = {"n_sets": 3, "rng": np.random.default_rng(0)} | {name: value}
    return sample_counts(datasets(), **kwargs)[0]


# argument (and other names that an error may use): mistakes, call
CALLS = {
    "FluxPointsEstimator: energy_edges": (EDGES, lambda v: estimator(energy_edges=v)),
    "FluxPointsEstimator: norm_min": ((-1, 0, NAN, INF, "many", 10), lambda v: estimator(norm_min=v)),
    "FluxPointsEstimator: norm_max": ((-5, 0, NAN, INF, "many", .1, None), lambda v: estimator(norm_max=v)),
    "FluxPointsEstimator: norm_n_values": ((-1, 0, 2.5, NAN, "many", None, 10**10), lambda v: estimator(norm_n_values=v)),
    "FluxPointsEstimator: norm_values": (([NAN, 1], "many", [[1, 2]], [INF, 1]), lambda v: estimator(norm_values=v)),
    "FluxPointsEstimator: n_sigma": (SIZES, lambda v: estimator(n_sigma=v)),
    "FluxPointsEstimator: n_sigma_ul": (SIZES, lambda v: estimator(n_sigma_ul=v)),
    "FluxPointsEstimator: selection_optional": (("limits", 5, ["all", "some"], [5]), lambda v: estimator(selection_optional=v)),
    "FluxPointsEstimator: source, model": ((5, "vela", None, -7, 1.5), lambda v: estimator(source=v)),
    "FluxPointsEstimator: fit": ((5, "minuit"), lambda v: estimator(fit=v, reoptimize=True)),
    "FluxPointsEstimator.run: datasets": (OBJECTS, lambda v: FluxPointsEstimator([1, 10] * u.TeV).run(v).norm),
    "FluxPoints.to_table: sed_type": (("counts", 5, ["dnde"]), lambda v: points().to_table(sed_type=v)["e_ref"].data),
    "FluxPoints.to_table: format": (("fits", 5), lambda v: points().to_table(format=v)["e_ref"].data),
    "FluxPoints.from_table: table": ((None, 5, "t", [1, 2], {}), lambda v: FluxPoints.from_table(v).norm),
    "FluxPointsDataset: data": (OBJECTS, lambda v: FluxPointsDataset(data=v).stat_sum()),
    "FluxPointsDataset: mask_fit": ((True, [True], [True] * 5, "all", 1), lambda v: FluxPointsDataset(datasets().models, points(), mask_fit=v).stat_sum()),
    "FluxPointsDataset: mask_safe": ((True, [True], [True] * 5, "all", 1), lambda v: FluxPointsDataset(datasets().models, points(), mask_safe=v).stat_sum()),
    "Fit.run: datasets": (OBJECTS, lambda v: Fit().run(v).total_stat),
    "Fit.optimize: datasets": (OBJECTS, lambda v: Fit().optimize(v).total_stat),
    "Fit: backend": (("scipy2", 5, None), lambda v: Fit(backend=v).run(datasets()).total_stat),
    "Fit: optimize_opts": ((5, "fast", [1]), lambda v: Fit(optimize_opts=v).run(datasets()).total_stat),
    "Fit.confidence: sigma": ((-1, 0, NAN, INF, "one", None), lambda v: Fit().confidence(datasets(), "index", sigma=v)["errp"]),
    "Fit.confidence: parameter": ((5, "gamma", None, 1.5), lambda v: Fit().confidence(datasets(), v)["errp"]),
    "Fit.stat_profile: parameter": ((5, "gamma", None), lambda v: Fit().stat_profile(datasets(), v)["stat_scan"]),
    "Fit.stat_contour: sigma": ((-1, 0, NAN, INF, "one"), lambda v: Fit().stat_contour(datasets(), "index", "amplitude", sigma=v)),
    "Fit.stat_contour: numpoints": ((-1, 0, NAN, 2.5, "many", 10**9), lambda v: Fit().stat_contour(datasets(), "index", "amplitude", numpoints=v)),
    "Fit.stat_contour: x, y, parameter": (("gamma", "amplitude", 5, None), lambda v: Fit().stat_contour(datasets(), v, "amplitude")),
    "SpectrumDatasetOnOff: counts": ((5, None, [1, 2], "many"), lambda v: on_off(counts=v)),
    "SpectrumDatasetOnOff: counts_off": ((-1, [1, 2], NAN, INF, "many", np.full(22, -1), np.full(22, NAN)), lambda v: on_off(counts_off=v)),
    "SpectrumDatasetOnOff: acceptance": ((-1, [1, 2], NAN, INF, "many", None, np.full(22, -1)), lambda v: on_off(acceptance=v)),
    "SpectrumDatasetOnOff: acceptance_off": ((-1, [1, 2], NAN, INF, "many", None), lambda v: on_off(acceptance_off=v)),
    "SpectrumDatasetOnOff: exposure": ((5, "many", [1, 2], -1), lambda v: on_off(exposure=v)),
    "SpectrumDatasetOnOff: edisp": ((5, "many", [1, 2]), lambda v: on_off(edisp=v)),
    "SpectrumDatasetOnOff: mask_safe": (MASKS, lambda v: on_off(mask_safe=v)),
    "SpectrumDatasetOnOff: mask_fit": (MASKS, lambda v: on_off(mask_fit=v)),
    "SpectrumDatasetOnOff: models, model": ((5, "pl", [5], object()), lambda v: on_off(models=v)),
    "SpectrumDatasetOnOff.mask_fit": (MASKS, lambda v: with_mask(one(), "mask_fit", v)),
    "SpectrumDatasetOnOff.mask_safe": (MASKS, lambda v: with_mask(one(), "mask_safe", v)),
    "SpectrumDatasetOnOff.fake: npred_background": ((-1, NAN, "many", [1, 2], None, np.full(22, -1.)), fake),
    "SpectrumDatasetOnOff.slice_by_energy: energy_min": ((5, -1 * u.TeV, NAN * u.TeV, 1 * u.m, "many", 1e9 * u.TeV), lambda v: one().slice_by_energy(energy_min=v).arrays.n_on),
    "SpectrumDatasetOnOff.slice_by_energy: energy_max": ((5, -1 * u.TeV, NAN * u.TeV, 1 * u.m, "many"), lambda v: one().slice_by_energy(energy_max=v).arrays.n_on),
    "SpectrumDatasetOnOff.residuals: method": (("ratio", 5, None), lambda v: np.nan_to_num(one().residuals(v).data)),
    "SpectrumDataset.create: geom": (OBJECTS, lambda v: SpectrumDataset.create(v, true_axis()).arrays.n_on),
    "SpectrumDataset.create: energy_axis_true": ((5, "x", [1, 2]), lambda v: SpectrumDataset.create(geom(), v).arrays.n_on),
    "SpectrumDataset.from_spectrum_dataset: acceptance": ((-1, NAN, "x"), lambda v: SpectrumDatasetOnOff.from_spectrum_dataset(reduced(), v, 12).arrays.acceptance),
    "SpectrumDataset.from_spectrum_dataset: counts_off, n_off": ((-1, NAN, "x", [1, 2]), lambda v: SpectrumDatasetOnOff.from_spectrum_dataset(reduced(), 1, 12, v).arrays.n_off),
    "SpectrumArrays: n_on": ((-1, NAN, "x", [1, 2], [-1] * 4, [NAN] * 4), lambda v: arrays(n_on=v)),
    "SpectrumArrays: n_off": (([1, 2], [-1] * 4, [NAN] * 4), lambda v: arrays(n_off=v)),
    "SpectrumArrays: acceptance": (([1, 2], [-1] * 4, [NAN] * 4), lambda v: arrays(acceptance=v)),
    "SpectrumArrays: exposure": (([1, 2, 3], [-1] * 2, [NAN] * 2, [INF] * 2), lambda v: arrays(exposure=v)),
    "SpectrumArrays: edisp": (([1, 2, 3], np.full((2, 4), NAN), np.full((2, 4), -1.)), lambda v: arrays(edisp=v)),
    "SpectrumArrays: e_reco_edges": (([1], [5, 4, 3, 2, 1], [NAN] * 5, [0, 1, 2, 3, 4], [1] * 5), lambda v: arrays(e_reco_edges=v)),
    "SpectrumArrays: livetime": ((-1, NAN, INF, "x"), lambda v: arrays(livetime=v)),
    "Datasets: datasets, dataset": ((5, [5], "x", [None]), lambda v: len(Datasets(v))),
    "Datasets.append: dataset": ((5, None, "x"), lambda v: datasets().append(v)),
    "Datasets.models, model": ((5, "pl", [5]), fit_with),
    "Datasets.slice_by_energy: energy_min": ((5, NAN * u.TeV, 1 * u.m, "many"), lambda v: len(datasets().slice_by_energy(energy_min=v))),
    "Datasets.info_table: acceptance": ((5, "x"), lambda v: len(datasets().info_table(acceptance=v))),
    "SpectrumDatasetMaker.run: dataset": (OBJECTS, lambda v: SpectrumDatasetMaker().run(v, observation()).arrays.n_on),
    "SpectrumDatasetMaker.run: observation": (OBJECTS, lambda v: SpectrumDatasetMaker().run(reduced(), v).arrays.n_on),
    "SpectrumDatasetMaker: selection": ((5, "count", ["count"]), lambda v: SpectrumDatasetMaker(selection=v).run(reduced(), observation()).arrays.n_on),
    "ReflectedRegionsBackgroundMaker.run: dataset": (OBJECTS, lambda v: ReflectedRegionsBackgroundMaker().run(v, observation()).arrays.n_on),
    "ReflectedRegionsBackgroundMaker.run: observation": (OBJECTS, lambda v: ReflectedRegionsBackgroundMaker().run(reduced(), v).arrays.n_on),
    "ReflectedRegionsBackgroundMaker: region_finder, finder": ((5, "wobble", object(), ReflectedRegionsFinder), maker),
    "ReflectedRegionsBackgroundMaker: exclusion_mask, region": ((5, "x", [1, 2], np.ones((3, 3), bool)), lambda v: ReflectedRegionsBackgroundMaker(exclusion_mask=v).run(reduced(), observation()).arrays.n_off),
    "ReflectedRegionsFinder: max_region_number": ((-1, 0, 2.5, NAN, "x"), lambda v: maker(ReflectedRegionsFinder(max_region_number=v))),
    "ReflectedRegionsFinder: min_distance_input, min_distance": ((5, -1 * u.deg, NAN * u.deg, 1 * u.m, "x"), lambda v: maker(ReflectedRegionsFinder(min_distance_input=v))),
    "ReflectedRegionsFinder: angle_increment": ((5, 0 * u.deg, -1 * u.deg, NAN * u.deg, 1 * u.m, "x"), lambda v: maker(ReflectedRegionsFinder(angle_increment=v))),
    "ReflectedRegionsFinder: binsz": ((5, 0 * u.deg, -1 * u.deg, NAN * u.deg, 1 * u.m, "x"), lambda v: maker(ReflectedRegionsFinder(binsz=v))),
    "WobbleRegionsFinder: n_off_regions": ((-1, 0, 2.5, NAN, "x", None), lambda v: maker(WobbleRegionsFinder(n_off_regions=v))),
    "SafeMaskMaker: methods, method": (("aeff", 5, ["x"], [5]), lambda v: SafeMaskMaker(v).run(reduced(), observation()).arrays.n_on),
    "SafeMaskMaker: aeff_percent": ((-1, 101, NAN, "x", None), lambda v: SafeMaskMaker(["aeff-max"], aeff_percent=v).run(reduced(), observation()).arrays.n_on),
    "SafeMaskMaker: bias_percent": ((-1, NAN, "x"), lambda v: SafeMaskMaker(["edisp-bias"], bias_percent=v).run(reduced(), observation()).arrays.n_on),
    "SafeMaskMaker: offset_max": ((5, -1 * u.deg, NAN * u.deg, "x", 1 * u.m), lambda v: SafeMaskMaker(["offset-max"], offset_max=v).run(reduced(), observation()).arrays.n_on),
    "SafeMaskMaker.run: dataset": (OBJECTS, lambda v: SafeMaskMaker(["aeff-max"]).run(v, observation()).arrays.n_on),
    "SafeMaskMaker.run: observation": (OBJECTS[1:], lambda v: SafeMaskMaker(["aeff-max"]).run(reduced(), v).arrays.n_on),
    "MapAxis.from_energy_bounds: energy_min": (ENERGIES, lambda v: MapAxis.from_energy_bounds(v, 10 * u.TeV, 5).edges_value),
    "MapAxis.from_energy_bounds: energy_max": (ENERGIES, lambda v: MapAxis.from_energy_bounds(1 * u.TeV, v, 5).edges_value),
    "MapAxis.from_energy_bounds: nbin": ((0, -1, 2.5, NAN, "x", None, 10**12), lambda v: MapAxis.from_energy_bounds(1 * u.TeV, 10 * u.TeV, v).edges_value),
    "MapAxis.from_energy_edges: energy_edges, edges, axis": (EDGES, lambda v: MapAxis.from_energy_edges(v).edges_value),
    "MapAxis.from_nodes: nodes, axis": (([2, 1] * u.TeV, [NAN] * u.TeV, [], "x", [[1, 2]] * u.TeV), lambda v: MapAxis.from_nodes(v, name="energy", interp="log").edges_value),
    "MapAxis: interp": (("cube", 5, None), lambda v: MapAxis.from_edges([1, 2] * u.TeV, interp=v).edges_value),
    "RegionGeom.create: region": ((5, "x", [5]), lambda v: RegionGeom.create(v, axes=[axis()]).axes.shape),
    "RegionGeom.create: axes, axis": ((5, "x", [5], [None]), lambda v: RegionGeom.create(region(1 * u.deg), axes=v).axes["energy"].nbin),
    "RegionNDMap: data": (([1, 2], "x", np.ones(7)), lambda v: RegionNDMap(geom(), v).data),
    "WcsGeom.create: binsz": ((0, -1, NAN, "x"), lambda v: WcsGeom.create(npix=10, binsz=v, skydir=CENTER).data_shape),
    "WcsGeom.create: npix": ((0, -1, NAN, "x", 2.5), lambda v: WcsGeom.create(npix=v, binsz=.1, skydir=CENTER).data_shape),
    "WcsGeom.create: skydir": ((5, "x", (1, 2, 3)), lambda v: WcsGeom.create(npix=10, binsz=.1, skydir=v).data_shape),
    "WcsGeom.create: width": ((-1, 0, NAN, "x"), lambda v: WcsGeom.create(width=v, binsz=.1, skydir=CENTER).data_shape),
    "EDispKernel.from_gauss: sigma": ((NAN, -.1, 0, "x", [.1, .2]), lambda v: EDispKernel.from_gauss(true_axis(), axis(), v).data),
    "EDispKernel.from_gauss: bias": ((NAN, -2, "x", [.1, .2]), lambda v: EDispKernel.from_gauss(true_axis(), axis(), .1, v).data),
    "EnergyDispersion2D.from_gauss: sigma": ((NAN, -.1, 0, "x", [.1, .2, .3]), lambda v: EnergyDispersion2D.from_gauss(true_axis(), MapAxis.from_bounds(.2, 5, 20, name="migra"),
                                             MapAxis.from_bounds(0, 2, 2, unit="deg", name="offset"), bias=0, sigma=v).data),
    "PowerLawSpectralModel: index": (("2 TeV", NAN, "steep", 2 * u.m, [2, 3], INF), lambda v: fit_with(SkyModel(PowerLawSpectralModel(index=v)))),
    "PowerLawSpectralModel: amplitude": ((5, NAN, "1e-12", "1 TeV", 2 * u.m, [2, 3]), lambda v: fit_with(SkyModel(PowerLawSpectralModel(amplitude=v)))),
    "PowerLawSpectralModel: reference": ((5, "1", "1 m", -1 * u.TeV, 0 * u.TeV, NAN * u.TeV), lambda v: fit_with(SkyModel(PowerLawSpectralModel(reference=v)))),
    "SpectralModel: energy": ((5, "x", -1 * u.TeV, 0 * u.TeV, 1 * u.m, NAN * u.TeV, None), lambda v: PowerLawSpectralModel()(v).value),
    "SpectralModel.integral: energy_min": (ENERGIES[:8], lambda v: PowerLawSpectralModel().integral(v, 10 * u.TeV).value),
    "SpectralModel.integral: energy_max": ((5, -1 * u.TeV, 1 * u.m, NAN * u.TeV, .1 * u.TeV), lambda v: LogParabolaSpectralModel().integral(1 * u.TeV, v).value),
    "SpectralModel.energy_flux: energy_min": (ENERGIES[:8], lambda v: PowerLawSpectralModel().energy_flux(v, 10 * u.TeV).value),
    "TemplateSpectralModel: energy": (EDGES[:11], lambda v: TemplateSpectralModel(v, [1, 1] * u.Unit(FLUX))(2 * u.TeV).value),
    "TemplateSpectralModel: values": (([1, 2], [NAN, 1] * u.Unit(FLUX), [-1, 1] * u.Unit(FLUX), [1] * u.Unit(FLUX), [1, 1] * u.m), lambda v: TemplateSpectralModel([1, 10] * u.TeV, v)(2 * u.TeV).value),
    "SkyModel: spectral_model": (OBJECTS, lambda v: fit_with(SkyModel(v))),
    "SkyModel: datasets_names": ((5, [5]), lambda v: fit_with(SkyModel(PowerLawSpectralModel(), datasets_names=v))),
    "Models: models, model": ((5, "x", [5], [None]), lambda v: len(Models(v))),
    "Parameter.value, amplitude": ((NAN, INF, "x", None, [1, 2]), lambda v: parameter("value", v)),
    "Parameter.min, amplitude": (("x", 1., [1, 2], INF), lambda v: parameter("min", v)),
    "Parameter.max, amplitude": (("x", -1., [1, 2], -INF), lambda v: parameter("max", v)),
    "Parameter.error": ((-1, "x", [1, 2]), lambda v: parameter("error", v)),
    "Parameter.frozen": (("no", 5, None), lambda v: parameter("frozen", v)),
    "Parameter: unit": (("quux", 5), lambda v: Parameter("a", 1, v).value),
    "WStatCountsStatistic: n_on": (NEGATIVE, lambda v: stat(n_on=v)),
    "WStatCountsStatistic: n_off": (NEGATIVE, lambda v: stat(n_off=v)),
    "WStatCountsStatistic: alpha": ((-1, NAN, INF, "x"), lambda v: stat(alpha=v)),
    "CashCountsStatistic: mu_bkg": (NEGATIVE, lambda v: CashCountsStatistic(5, v).sqrt_ts),
    "WStatCountsStatistic.compute_upper_limit: n_sigma": ((-1, NAN, INF, "x"), lambda v: WStatCountsStatistic(5, 10, .1).compute_upper_limit(v)),
    "WStatCountsStatistic.compute_errn: n_sigma": ((-1, NAN, INF, "x"), lambda v: WStatCountsStatistic(5, 10, .1).compute_errn(v)),
    "WStatCountsStatistic.n_sig_matching_significance: significance": ((NAN, INF, "x"), lambda v: WStatCountsStatistic(5, 10, .1).n_sig_matching_significance(v)),
    "cash: n_on": (("many", 1j), lambda v: cash(v, 3.)),
    "cash: mu_on": (("x", None), lambda v: cash(3, v)),
    "wstat: alpha": (("x", None), lambda v: wstat(5, 10, v, 3.)),
    "sample_counts: n_sets": ((-1, 2.5, NAN, "x", None), lambda v: sampled("n_sets", v)),
    "sample_counts: rng": ((5.5, "x", object()), lambda v: sampled("rng", v)),
    "fit_many: n_on": ((5, "x", np.ones((2, 3)), np.full((2, 44), -1), np.full((2, 44), NAN)), lambda v: fit_many(datasets(), v).values),
    "GTI.create: start": (([NAN] * u.s, [5] * u.m, "x", [-INF] * u.s), lambda v: GTI.create(v, [10] * u.s).time_sum.value),
    "GTI.create: stop": (([NAN] * u.s, [5] * u.m, "x", [-5] * u.s, [1, 2] * u.s), lambda v: GTI.create([0] * u.s, v).time_sum.value),
    "Observation.create: livetime": ((5, -1 * u.h, NAN * u.h, 1 * u.m, "x"), lambda v: Observation.create(CENTER, livetime=v).observation_live_time_duration.value),
    "Observation.create: pointing": ((5, "x", None), lambda v: Observation.create(v, livetime=1 * u.h).pointing_deg),
    "Observation.create: deadtime_fraction, DEADC": ((-1, 2, NAN, "x"), lambda v: Observation.create(CENTER, livetime=1 * u.h, deadtime_fraction=v).observation_live_time_duration.value),
    "DataStore.get_observations: obs_id, run": (("x", [NAN], [1.5], 7, [[1]], object()), lambda v: len(DataStore.from_dir(demo_dir()).get_observations(v))),
    "DataStore.get_observations: required_irf": ((5, "x", ["x"]), lambda v: len(DataStore.from_dir(demo_dir()).get_observations([1001], required_irf=v))),
    "DataStore.from_dir: base_dir, path, folder, dir": ((5, None, [1], object()), lambda v: len(DataStore.from_dir(v).obs_ids)),
    "Observations.select_time: time": ((5, "x", [1, 2], None, [2, 1] * u.s), lambda v: len(DataStore.from_dir(demo_dir()).get_observations([1001]).select_time(v))),
    "SpectralAnalysis: config": ((5, [1], "x: 1", object()), lambda v: len(SpectralAnalysis(v).config.to_dict())),
    "AnalysisConfig: datasets": ((5, [1], "x", {"stakc": True}), lambda v: len(AnalysisConfig(datasets=v).to_dict())),
    "sweep_points: grid, point, value, list": ((5, "x", [5], {}, {"x": []}, {"x": [object()]}, {5: [1]}), lambda v: len(sweep_points(v))),
    "latin_hypercube: n": ((0, -1, 2.5, NAN, "x", None), lambda v: len(latin_hypercube({"x": {"low": 1, "high": 2}}, v, 0))),
    "latin_hypercube: ranges, x": ((5, {"x": 5}, {"x": {"low": 2, "high": 1}}, {"x": {"low": NAN, "high": 1}}, {"x": {"low": -1, "high": 1, "log": True}}, {"x": {}}, {}), lambda v: len(latin_hypercube(v, 3, 0))),
}


class Arguments(Kind):
    "Calls with one mistake."
    name = "arguments"
    reference = {}

    def set_up(self, folder): self.files = {}

    def mutant(self, rng, folder):
        where = choose(rng, list(CALLS))
        mistakes, call = CALLS[where]
        value = choose(rng, mistakes)
        self.action = lambda: call(value)
        names = where.partition(": ")[2] or where.rpartition(".")[2]
        return where, " ".join(f"{value!r}".split())[:60].partition(" at 0x")[0], {}, [n.strip() for n in names.split(",")]

    def carry(self, folder):
        found = self.action()
        found = found if isinstance(found, dict) else {"result": found}
        return {k: v if isinstance(v, np.ndarray) or np.ndim(v) == 0 else str(v) for k, v in found.items()}
