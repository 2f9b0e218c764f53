"""What users of Gammapy write runs on specnb, with other import lines, and gives the same numbers.

Each test is a small script in the idioms of Gammapy 2.1: loops over makers, parameters with limits and links, profiles and contours,
simulated spectra, flux points from a file, models of one's own, models in YAML, masks, runs chosen from the index. The expected
numbers are those that the same lines give with Gammapy 2.1 on the same data (the four simulated runs that ship with specnb).
"""
import operator
import pickle
import matplotlib.pyplot as plt
import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import Table
from astropy.time import Time
from numpy.testing import assert_allclose
from regions import CircleSkyRegion, PointSkyRegion
from specnb import (UNIT_STRING_FORMAT, CashCountsStatistic, CompoundSpectralModel, ConstantSpectralModel, Datasets, DataStore, EDispKernel,
                    ExpCutoffPowerLawSpectralModel, Fit, FluxPoints, FluxPointsDataset, FluxPointsEstimator, LogParabolaSpectralModel, Map,
                    MapAxis, Models, Parameter, Parameters, PowerLaw2SpectralModel, PowerLawNormSpectralModel, PowerLawSpectralModel,
                    ReflectedRegionsBackgroundMaker, ReflectedRegionsFinder, RegionGeom, RegionNDMap, SafeMaskMaker, SkyModel,
                    SpectralModel, SpectrumDataset, SpectrumDatasetMaker, SpectrumDatasetOnOff, TemplateSpectralModel, TimeMapAxis,
                    WcsGeom, WcsNDMap, WobbleRegionsFinder, WStatCountsStatistic, cash, create_crab_spectral_model, demo_dir,
                    get_rebinned_axis, get_wstat_mu_bkg, make_path, plot_spectrum_datasets_off_regions, wstat)

TARGET = SkyCoord(83.63, 22.01, unit="deg", frame="icrs")
ON = CircleSkyRegion(center=TARGET, radius=0.11 * u.deg)
ENERGY = MapAxis.from_energy_bounds(0.1, 40, nbin=10, per_decade=True, unit="TeV", name="energy")
ENERGY_TRUE = MapAxis.from_energy_bounds(0.05, 100, nbin=20, per_decade=True, unit="TeV", name="energy_true")
FLUX = u.Unit("cm-2 s-1 TeV-1")


def run_makers(observations, region=ON, background=None, safe=None, exposure=None):
    "The loop every analysis has."
    empty = SpectrumDataset.create(geom=RegionGeom.create(region=region, axes=[ENERGY]), energy_axis_true=ENERGY_TRUE)
    makers = [exposure or SpectrumDatasetMaker(containment_correction=True, selection=["counts", "exposure", "edisp"]),
              background or ReflectedRegionsBackgroundMaker(), safe or SafeMaskMaker(methods=["aeff-max"], aeff_percent=10)]
    datasets = Datasets()
    for obs in observations:
        dataset = empty.copy(name=f"obs-{obs.obs_id}")
        for maker in makers: dataset = maker.run(dataset, obs)
        datasets.append(dataset)
    return datasets


@pytest.fixture(scope="module")
def store(): return DataStore.from_dir(demo_dir())


@pytest.fixture(scope="module")
def observations(store): return store.get_observations([1001, 1002])


@pytest.fixture(scope="module")
def reduced(observations): return run_makers(observations)


@pytest.fixture
def datasets(reduced): return reduced.copy()


@pytest.fixture
def fitted(datasets):
    model = SkyModel(spectral_model=LogParabolaSpectralModel(amplitude=3e-11 * FLUX, reference=1 * u.TeV, alpha=2.3, beta=0.1), name="crab")
    datasets.models = [model]
    return datasets, model, Fit().run(datasets)


@pytest.fixture(autouse=True)
def no_figures():
    yield
    plt.close("all")


GAMMAPY = {  # version 2.1
    "info_dict": [170, 93, 7.75, 23.35065, 0.08333333, 19],
    "rates": [0.4402333, 6.142576, 309573.6],
    "cumulative": [0.8794767, 326.5833, 33.18063],
    "maps": [265, 216, 247, 1.114465e+13, 40000, 28.1],
    "kernel": [67, 27, 27, 67],
    "fit": [36.92442, 3.839227e-11, 2.374659, 0.1822586],
    "errors": [2.439813e-12, 0.1432089, 0.08790481],
    "frozen": [36.92442, 3.839018e-11, 2.374335],
    "scipy": [36.92441],
    "linked": [41.94391, 2.63391, 3.689781e-11, 3.687217e-11],
    "profile": [5.96473, 1.411819, 0.03182401, 2.563244, 9.393518],
    "surface": [174.0695, 96.37864, 60.67283, 96.39815, 56.13775, 40.84714, 56.94823, 39.60835, 37.36702, 42.92789, 39.80995, 45.57734, 46.48633,
        52.17567, 62.50624],
    "interval": [0.3028434, 0.2805467],
    "correlation": [-0.002744307, 0.2695145],
    "predicted": [189.672, 18],
    "points": [5.579408e-11, 2.663928e-11, 8.369799e-12, 3.975148e-12, 3.954882e-12, 2.063006e-12, 4.065795e-12, 4.144594e-12, 2.238419e-12,
        3.885925e-12, 3.769756e-12, 1.904396e-12, 6.411138e-11, 3.531653e-11, 1.32202e-11],
    "points ts": [26.8962, 13.14287, 7.939294, 1.283172, 3.483064, 13.18855],
    "points chi2": [0.8378729],
    "e2dnde": [9.259069e-11, 6.635612e-11, 6.453134e-11, 3.909103e-11, 3.113014e-11, 1.617821e-11, 1.040104e-11, 4.695934e-12],
    "chi2 pl": [14.99058, 2.549144, 2.668287e-11],
    "chi2 ecpl": [5.947651, 2.379801, 3.20287e-11, 0.07370657],
    "chi2 lp": [4.827929, 3.115251e-11, 2.486869, 0.08304817],
    "own": [4.744371e-12, 1.679376e-11],
    "own fit": [38.68232, 2.396188, 4.042653e-11, 12.00353],
    "sum": [3.609575e-11, 2e-12, 4.675919e-14],
    "norm": [6.898648e-11, 2e-12, 5.798237e-14],
    "integrals": [1.463935e-12, 4.086309e-12],
    "law2": [3.769681e-13],
    "template": [9e-13],
    "constant": [9e-12],
    "crab": [1.739845e-11, 2.108286e-11, 2.266951e-11, 2.025348e-11, 2.070707e-11],
    "safe aeff-max-aeff_percent": [17, 17],
    "safe edisp-bias-bias_percent": [19, 19],
    "safe bkg-peak": [21, 20],
    "safe aeff-max-offset-max-offset_max": [0, 0],
    "safe aeff-max-edisp-bias-fixed_offset": [19, 19],
    "safe aeff-max-position": [19, 19],
    "mask_fit": [12, 20.99241],
    "mask_safe": [12, 20.99241, 276.203],
    "slice": [102, 11.48377],
    "exclusion 0": [155, 8, 202, 12],
    "exclusion 1": [145, 8, 202, 12],
    "exclusion 2": [145, 8, 202, 12],
    "exclusion 3": [145, 8, 202, 12],
    "circles": [6, 83.40005, 22.05753],
    "solid angle": [28.27433],
    "map": [12960, 54],
    "axis": [1.732051, 5.477226, 1000, 1732.051, 3000, 5477.226, 10000, -1, 0, 1],
    "nodes": [0.3162278, 3.162278, 31.62278, 316.2278],
    "gauss": [0.4143027, 1],
    "cash": [2.613706, -4.986123, -21.55004, 0.002, -0.1588831, -78.32201],
    "wstat": [1.094291, 0.5194045, 1.495721, 2.434791, 0.4327906, 0.4700316],
    "profiled": [0.7748518, 1.236068, 7.816654, 2, 0, 4.357817],
    "on": [7.5, 5.5, 3.605551, 7.365233, 2.713896, 0.003324849, 3.280212, 8.601686, 21.50297, 15.39886],
    "onoff": [7.5, 5.5, 3.968627, 4.379947, 2.092832, 0.01818206, 3.749522, 9.079528, 22.10793, 23.12189],
    "many": [2.092832, 1.8739, 0, 2.366826, 13],
    "run": [2, 26.414, 0.06, 1686, 0.5],
    "events": [4533, 31533.1, 1.230737, 823, 1754],
    "half": [843, 2222],
    "area": [298434.4, 80, 2],
    "psf": [0.7569644],
    "dispersion": [26.82724],
    "magic": [390, 222, 352, 147],
}


def same(name, values, rtol=1e-3, atol=0.):
    "Compare with what Gammapy gives."
    assert_allclose(np.ravel(np.asarray(values, float)), GAMMAPY[name], rtol=rtol, atol=atol)


def test_counts_and_significance(datasets):
    row = datasets[0].info_dict()
    same("info_dict", [row[k] for k in ("counts", "counts_off", "background", "sqrt_ts", "alpha", "n_fit_bins")])
    same("rates", [row["livetime"].to_value("h"), row["excess_rate"].to_value("min-1"), row["exposure_max"].to_value("m2 h")])
    table = datasets.info_table(cumulative=True)
    same("cumulative", [table["livetime"].to("h")[-1].value, table["excess"][-1], table["sqrt_ts"][-1]])
    energies = datasets[0].counts.geom.axes["energy"].edges.to("GeV")
    same("maps", [datasets[0].counts.data.sum(), datasets[0].counts_off.data.sum(), datasets[0].excess.data.sum(),
                  datasets[0].exposure.quantity.to_value("cm2 s").max(), energies[-1].value, datasets[0].gti.time_sum.to_value("min")])
    kernel = datasets[0].edisp.get_edisp_kernel()
    same("kernel", [kernel.pdf_matrix.shape, (kernel.axes["energy"].nbin, kernel.axes["energy_true"].nbin)])


def test_parameters_limits_and_units(fitted):
    datasets, model, result = fitted
    same("fit", [result.total_stat, *[p.value for p in result.parameters.free_parameters]])
    same("errors", [p.error for p in result.parameters.free_parameters], rtol=.01)   # Gammapy's are those of Migrad
    amplitude = model.parameters["amplitude"]
    amplitude.quantity = 4e-7 * u.Unit("m-2 s-1 TeV-1")
    amplitude.min, amplitude.max = 1e-8, 1e-5
    model.spectral_model.beta.frozen = True
    with datasets.parameters.restore_status():
        model.spectral_model.alpha.frozen = True
    assert [p.name for p in datasets.models.parameters.free_parameters] == ["amplitude", "alpha"]
    again = Fit(store_trace=True, optimize_opts={"print_level": 0, "strategy": 1, "tol": .01}).run(datasets)
    assert again.success and again.trace.colnames[1:] == ["crab.spectral.amplitude", "crab.spectral.alpha"]
    same("frozen", [again.total_stat, amplitude.quantity.to_value(FLUX), model.spectral_model.alpha.value])
    single = Parameters([Parameter("index", 2.3, min=1, max=4), Parameter("norm", "3 TeV", frozen=True)])
    single["index"].value = 2
    assert single.names == ["index", "norm"] and single.free_parameters.names == ["index"] and single[1].quantity == 3 * u.TeV


def test_a_search_with_scipy(fitted):
    datasets, model, _ = fitted
    model.parameters["alpha"].value = 2.
    result = Fit(backend="scipy", optimize_opts={"method": "L-BFGS-B", "options": {"ftol": 1e-8}}).optimize(datasets)
    same("scipy", result.total_stat, rtol=1e-4)


def test_links_and_models_of_single_datasets(datasets):
    first = PowerLawSpectralModel(index=2.5, amplitude="3e-11 cm-2 s-1 TeV-1")
    second = PowerLawSpectralModel(index=2.5, amplitude="4e-11 cm-2 s-1 TeV-1")
    second.index = first.index
    datasets.models = Models([SkyModel(first, name="a", datasets_names=["obs-1001"]), SkyModel(second, name="b", datasets_names="obs-1002")])
    result = Fit().run(datasets)
    assert (len(datasets.models.parameters), len(datasets.models.parameters.unique_parameters)) == (6, 5)
    same("linked", [result.total_stat, first.index.value, first.amplitude.value, second.amplitude.value])


def test_profiles_surfaces_intervals_contours(fitted):
    datasets, model, result = fitted
    fit, (alpha, beta) = Fit(), [model.spectral_model.parameters[n] for n in ("alpha", "beta")]
    alpha.scan_values = np.linspace(2, 2.8, 5)
    profile = fit.stat_profile(datasets=datasets, parameter=alpha, reoptimize=True)
    same("profile", profile["stat_scan"] - result.total_stat, rtol=.02, atol=.01)
    beta.scan_min, beta.scan_max, beta.scan_n_values = 0, .2, 3
    surface = fit.stat_surface(datasets=datasets, x=alpha, y=beta, reoptimize=False)
    same("surface", surface["stat_scan"], rtol=.01)
    assert set(surface) >= {"crab.spectral.alpha_scan", "crab.spectral.beta_scan", "stat_scan"}
    interval = fit.confidence(datasets=datasets, parameter=alpha, sigma=2)
    same("interval", [interval["errn"], interval["errp"]], rtol=.01)
    contour = fit.stat_contour(datasets=datasets, x=alpha, y=beta, numpoints=10, sigma=1)
    assert contour["success"] and len(contour["crab.spectral.alpha"]) >= 10
    assert abs(np.ptp(contour["crab.spectral.beta"]) / (2 * beta.error) - 1) < .15
    same("correlation", datasets.models.covariance.correlation[0, 2:], rtol=.05, atol=.01)
    model.covariance.plot_correlation(figsize=(4, 4))


def test_simulated_spectra_fitted_in_a_loop(reduced):
    source = SkyModel(PowerLawSpectralModel(index=2.4, amplitude=4e-11 * FLUX, reference=1 * u.TeV), name="source")
    known = reduced[0].to_spectrum_dataset(name="known")
    known.models = source
    signal = known.npred_signal().data[known.mask_safe.data].sum()
    same("predicted", [signal, known.npred_background().data.sum()])
    on_off = SpectrumDatasetOnOff.from_spectrum_dataset(dataset=known, acceptance=1, acceptance_off=5)
    simulated = Datasets()
    for i in range(20):
        on_off.fake(random_state=i, npred_background=known.npred_background())
        simulated.append(on_off.copy(name=f"toy-{i}"))
    index = []
    for toy in simulated:
        toy.models = source.copy()
        index.append(Fit().optimize(toy).parameters["index"].value)
    assert abs(np.mean(index) - 2.4) < .1 and .05 < np.std(index) < .4
    assert abs(np.mean(simulated.info_table()["excess"]) / signal - 1) < .05


def test_flux_points_of_a_fit(fitted):
    datasets, model, _ = fitted
    points = FluxPointsEstimator(energy_edges=[.7, 2, 6, 30] * u.TeV, source="crab", selection_optional=["errn-errp", "ul", "scan"],
                                 snap=True).run(datasets)  # bands end at edges of bins, as there
    table = points.to_table(sed_type="e2dnde", formatted=True)
    same("points", [table[n].quantity.to_value("erg cm-2 s-1") for n in ("e2dnde", "e2dnde_err", "e2dnde_errp", "e2dnde_errn", "e2dnde_ul")], rtol=.01)
    same("points ts", [table["sqrt_ts"], points.energy_ref.to_value("TeV")])
    ax = points.plot(sed_type="e2dnde", color="darkorange", marker="s", markersize=3, ls="none", label="points")
    points.plot_ts_profiles(ax=ax, sed_type="e2dnde", cmap="Blues")
    data = FluxPointsDataset(data=points, models=[model.copy(name="again")])
    same("points chi2", data.stat_sum(), rtol=.02)
    ax, _ = data.plot_fit()
    ax.yaxis.set_units(u.Unit("TeV cm-2 s-1"))


def test_flux_points_from_a_file(tmp_path):
    energy, crab = np.geomspace(.2, 20, 8) * u.TeV, create_crab_spectral_model("magic_lp")
    table = Table({"e_ref": energy, "dnde": crab(energy).to(FLUX) * (1 + .1 * np.cos(3 * np.arange(8)))}, meta={"SED_TYPE": "dnde"})
    table["dnde_err"], table["dnde_ul"], table["is_ul"] = .1 * table["dnde"], 1.3 * table["dnde"], np.arange(8) == 7
    table.write(tmp_path / "points.fits")
    points = FluxPoints.read(tmp_path / "points.fits", sed_type="dnde", format="gadf-sed", reference_model=PowerLawSpectralModel(index=2))
    same("e2dnde", points.to_table(sed_type="e2dnde")["e2dnde"].to("erg cm-2 s-1").value)
    for name, spectrum in dict(pl=PowerLawSpectralModel(index=2, amplitude="1e-12 cm-2 s-1 TeV-1", reference="1 TeV"),
                               ecpl=ExpCutoffPowerLawSpectralModel(index=2, amplitude="2e-11 cm-2 s-1 TeV-1", lambda_="0.1 TeV-1"),
                               lp=LogParabolaSpectralModel(alpha=2, amplitude="2e-11 cm-2 s-1 TeV-1", reference="1 TeV", beta=.1)).items():
        dataset = FluxPointsDataset(data=points, models=SkyModel(spectral_model=spectrum, name=name))
        result = Fit().run(datasets=[dataset])
        same(f"chi2 {name}", [result.total_stat, *[p.value for p in result.parameters.free_parameters]], rtol=2e-3)
    points.write(tmp_path / "out.fits", sed_type="e2dnde", overwrite=True)
    assert_allclose(FluxPoints.read(tmp_path / "out.fits", reference_model=PowerLawSpectralModel(index=2)).to_table(sed_type="dnde")["dnde"].data,
                    table["dnde"].data, rtol=1e-6)


class CutoffFromGeV(SpectralModel):
    "A formula that needs units, with parameters in another order than its arguments."
    tag = "cutoff-from-gev"
    amplitude = Parameter("amplitude", "1e-11 cm-2 s-1 TeV-1", min=0)
    index = Parameter("index", 2)
    reference = Parameter("reference", "1 TeV", frozen=True)
    ecut = Parameter("ecut", 8000 * u.GeV, min=1)

    @staticmethod
    def evaluate(energy, index, amplitude, reference, ecut):
        law = PowerLawSpectralModel.evaluate(energy=energy, index=index, amplitude=amplitude, reference=reference)
        return law * np.exp(-(energy / ecut).to_value(""))


def test_a_model_of_ones_own(datasets):
    own = CutoffFromGeV(index=2.3, amplitude=3e-11 * FLUX)
    same("own", [own(2 * u.TeV).to_value(FLUX), own.integral(1 * u.TeV, 10 * u.TeV).to_value("cm-2 s-1")])
    datasets.models = [SkyModel(spectral_model=own, name="own")]
    result = Fit().run(datasets=datasets)
    same("own fit", [result.total_stat, own.index.value, own.amplitude.value, own.ecut.quantity.to_value("TeV")], rtol=.02)


def test_spectra_and_their_arithmetic():
    law, energy = PowerLawSpectralModel(index=2, amplitude=1e-12 * FLUX, reference=1 * u.TeV), [.2, 1, 5] * u.TeV
    curved = LogParabolaSpectralModel(alpha=2.3, amplitude="1e-12 cm-2 s-1 TeV-1", reference=1 * u.TeV, beta=.5)
    same("sum", (law + curved)(energy).to_value(FLUX))
    same("sum", CompoundSpectralModel(law, curved, operator.add)(energy).to_value(FLUX))
    same("norm", (law * PowerLawNormSpectralModel(tilt=.2, norm=2))(energy).to_value(FLUX))
    same("integrals", [(law + curved).integral(1 * u.TeV, 10 * u.TeV).to_value("cm-2 s-1"), curved.energy_flux(.1 * u.TeV, 10 * u.TeV).to_value("erg cm-2 s-1")])
    total = PowerLaw2SpectralModel(amplitude=u.Quantity(1e-12, "cm-2 s-1"), index=2.1, emin="100 GeV", emax="10 TeV")
    same("law2", total(500 * u.GeV).to_value(FLUX))
    nodes = np.geomspace(.1, 100, 30) * u.TeV
    same("template", TemplateSpectralModel(energy=nodes, values=law(nodes)).integral(1 * u.TeV, 10 * u.TeV).to_value("cm-2 s-1"))
    same("constant", ConstantSpectralModel(const="1e-12 cm-2 s-1 TeV-1").integral(1 * u.TeV, 10 * u.TeV).to_value("cm-2 s-1"))
    same("crab", [create_crab_spectral_model(r).integral(1 * u.TeV, 30 * u.TeV).to_value("cm-2 s-1") for r in ("hegra", "hess_pl", "hess_ecpl", "magic_lp", "magic_ecpl")])
    ax = law.plot(energy_bounds=[.1, 100] * u.TeV, sed_type="e2dnde", label="law", ls="--")
    law.amplitude.error, law.index.error = 1e-13, .1
    law.plot_error(energy_bounds=[.1, 100] * u.TeV, ax=ax, sed_type="e2dnde", facecolor="blue", alpha=.3)


def test_models_as_yaml(tmp_path):
    first, second = SkyModel(PowerLawSpectralModel(), name="a"), SkyModel(LogParabolaSpectralModel(), name="b", datasets_names=["x"])
    second.spectral_model.amplitude = first.spectral_model.amplitude
    second.spectral_model.beta.min, second.spectral_model.alpha.frozen = 0, True
    models = Models([first, second])
    models.write(tmp_path / "models.yaml")
    back = Models.read(tmp_path / "models.yaml")
    assert back.names == ["a", "b"] and back["b"].spectral_model.amplitude is back["a"].spectral_model.amplitude
    assert list(back.to_parameters_table()["frozen"]) == list(models.to_parameters_table()["frozen"]) and back["b"].spectral_model.beta.min == 0
    text = "components: [{name: source, type: SkyModel, spectral: {type: pl, parameters: [{name: index, value: 2.2}]}}]"
    assert Models.from_yaml(text).parameters["index"].value == 2.2
    models.append(SkyModel(PowerLawSpectralModel(), name="c"))
    models.remove(models["a"])
    assert models.names == ["b", "c"] and models.select(name_substring="c").names == ["c"]
    models.freeze()
    assert len(models.parameters.free_parameters) == 0


def test_spectra_as_files(datasets, tmp_path):
    for dataset in datasets: dataset.write(filename=tmp_path / f"pha_{dataset.name}.fits.gz", format="ogip", overwrite=True)
    back = Datasets([SpectrumDatasetOnOff.read(tmp_path / f"pha_{name}.fits.gz", format="ogip") for name in datasets.names])
    assert back.names == datasets.names
    assert_allclose(back.info_table()["sqrt_ts"], datasets.info_table()["sqrt_ts"], rtol=1e-6)
    datasets.models = [SkyModel(PowerLawSpectralModel(), name="crab")]
    datasets.write(filename=tmp_path / "all.yaml", filename_models=tmp_path / "models.yaml", overwrite=True)
    again = Datasets.read(filename=tmp_path / "all.yaml", filename_models=tmp_path / "models.yaml")
    assert again.models.names == ["crab"] and abs(again.stat_sum() / datasets.stat_sum() - 1) < 1e-4


@pytest.mark.parametrize("options", [dict(methods=["aeff-max"], aeff_percent=20), dict(methods=["edisp-bias"], bias_percent=10),
                                     dict(methods=["bkg-peak"]), dict(methods=["aeff-max", "offset-max"], offset_max="0.1 deg"),
                                     dict(methods=["aeff-max", "edisp-bias"], fixed_offset=1 * u.deg), dict(methods=["aeff-max"], position=TARGET)],
                         ids=lambda o: "-".join(map(str, o["methods"] + list(o)[1:])))
def test_safe_masks(observations, options, request):
    same(f"safe {request.node.callspec.id}", [d.mask_safe.data.sum() for d in run_makers(observations, safe=SafeMaskMaker(**options))])


def test_masks_of_energies(datasets):
    dataset = datasets[0]
    dataset.models = [SkyModel(PowerLawSpectralModel(index=2.5, amplitude="4e-11 cm-2 s-1 TeV-1"), name="crab")]
    dataset.mask_fit = dataset.counts.geom.energy_mask(energy_min=1 * u.TeV, energy_max=20 * u.TeV)
    same("mask_fit", [dataset.mask_fit.data.sum(), dataset.stat_sum()])
    dataset.mask_safe &= dataset.mask_fit
    dataset.mask_fit = None
    same("mask_safe", [dataset.mask_safe.data.sum(), dataset.stat_sum(), dataset.npred_signal().data.sum()])
    part = dataset.slice_by_energy(energy_min=1 * u.TeV, energy_max=10 * u.TeV, name="part")
    same("slice", [part.counts.data.sum(), part.counts.geom.axes["energy"].edges.value[[0, -1]].sum()])
    dataset.plot_masks(ax=dataset.plot_fit()[0])


def test_exclusion_masks(observations, tmp_path):
    hole = CircleSkyRegion(SkyCoord(83.63, 23.2, unit="deg"), .5 * u.deg)
    frames = [WcsGeom.create(npix=(150, 150), binsz=.05, skydir=TARGET.galactic, proj="TAN", frame="galactic"),
              WcsGeom.create(skydir=TARGET, width=(5 * u.deg, 5 * u.deg), binsz=.02 * u.deg, proj="TAN", frame="icrs")]
    masks = [~frames[0].region_mask([hole]), frames[1].region_mask([hole], inside=False),
             frames[1].region_mask("icrs;circle(83.63, 23.2, 0.5)", inside=False)]
    masks[1].write(tmp_path / "mask.fits")
    masks.append(WcsNDMap(frames[1], Map.read(tmp_path / "mask.fits").data.astype(bool)))
    for i, mask in enumerate(masks):
        datasets = run_makers(observations, background=ReflectedRegionsBackgroundMaker(exclusion_mask=mask))
        same(f"exclusion {i}", [[d.counts_off.data.sum(), d.acceptance_off.data[0, 0, 0]] for d in datasets])
    ax = masks[0].plot(add_cbar=True)
    ON.to_pixel(ax.wcs).plot(ax=ax, edgecolor="k")
    plot_spectrum_datasets_off_regions(ax=ax, datasets=datasets, legend=True, legend_kwargs={"loc": "upper left"})
    finder = ReflectedRegionsFinder(angle_increment="0.2 rad", min_distance_input="0.3 deg", max_region_number=6)
    circles, wcs = finder.run(region=ON, center=SkyCoord(83.63, 22.51, unit="deg"), exclusion_mask=masks[1])
    same("circles", [len(circles), circles[0].center.icrs.ra.deg, circles[0].center.icrs.dec.deg])


def test_geometries_and_maps():
    geom = RegionGeom.create("galactic;circle(10, 20, 3)", axes=[ENERGY])
    assert geom.data_shape == (27, 1, 1) and geom.axes.names == ["energy"] and geom.is_region
    same("solid angle", geom.solid_angle().to_value("deg2"))
    counts = RegionNDMap.create(ON, axes=[ENERGY], data=2., unit="s-1")
    same("map", [(counts * 3 + counts).quantity.to_value("min-1").sum(), counts.data.sum()])
    axis = MapAxis.from_edges([1, 3, 10] * u.TeV, name="energy", interp="log")
    same("axis", [*axis.center.value, *axis.upsample(2).edges.to_value("GeV"), *axis.coord_to_idx([500, 2000, 4000] * u.GeV)])
    same("nodes", MapAxis.from_nodes([1, 10, 100] * u.TeV, name="energy_true", interp="log").edges.value)
    axes = [ENERGY_TRUE, ENERGY]
    kernel = EDispKernel.from_gauss(energy_axis_true=axes[0], energy_axis=axes[1], sigma=.2, bias=0)
    same("gauss", [kernel.pdf_matrix[40].max(), kernel.pdf_matrix[30].sum()], rtol=.01)


def test_statistics_of_counts():
    n_on, n_off, mu = np.array([[1, 5, 9], [0, 3, 20]]), np.array([[1, 1, 9], [3, 0, 4]]), np.array([[2, 3., 9], [1e-3, 2, 15]])
    same("cash", cash(n_on=n_on, mu_on=mu))
    same("wstat", wstat(n_on=n_on, n_off=n_off, alpha=.5, mu_sig=mu))
    same("profiled", get_wstat_mu_bkg(n_on=n_on, n_off=n_off, alpha=.5, mu_sig=mu))
    for name, stat in dict(on=CashCountsStatistic(n_on=13, mu_bkg=5.5), onoff=WStatCountsStatistic(n_on=13, n_off=11, alpha=1 / 2)).items():
        same(name, [stat.n_sig, stat.n_bkg, stat.error, stat.ts, stat.sqrt_ts, stat.p_value, stat.compute_errn(), stat.compute_errp(2.),
                    stat.compute_upper_limit(n_sigma=3), stat.n_sig_matching_significance(5)])
    many = WStatCountsStatistic(n_on=[13, 5, 3], n_off=[11, 8, 3], alpha=[.5, .2, 1.])
    same("many", [*many.sqrt_ts, many.sum().sqrt_ts, many[0].n_on])


def test_runs_and_their_responses(store):
    near = store.obs_table.select_observations(dict(type="sky_circle", frame="icrs", lon="83.63 deg", lat="22.01 deg", radius="0.6 deg"))
    observations = store.get_observations(near["OBS_ID"], required_irf=["aeff", "edisp", "psf"])
    obs = observations[0]
    same("run", [len(observations), obs.observation_live_time_duration.to_value("min"), obs.observation_dead_time_fraction, obs.gti.time_sum.to_value("s"),
                 obs.get_pointing_icrs(obs.tmid).separation(TARGET).deg])
    events = obs.events
    same("events", [len(events.table), events.energy.to_value("GeV").max(), events.radec[0].separation(TARGET).deg,
                    len(events.select_energy([1, 10] * u.TeV).table), len(events.select_offset([0, 1] * u.deg).table)])
    half = observations.select_time(Time([obs.tstart, obs.tmid]))
    same("half", [half[0].gti.time_sum.to_value("s"), len(half[0].events.table)])
    area = obs.aeff
    same("area", [area.evaluate(energy_true=2 * u.TeV, offset=.7 * u.deg).to_value("m2").squeeze(), area.axes["energy_true"].nbin, len(area.axes.names)])
    same("psf", obs.psf.containment(rad=.11 * u.deg, energy_true=1 * u.TeV, offset=.5 * u.deg))
    same("dispersion", obs.edisp.to_edisp_kernel(offset=.5 * u.deg).pdf_matrix.sum(), rtol=.01)
    events.peek(), area.peek(), obs.edisp.peek(), obs.psf.peek(), obs.peek()


def test_runs_with_a_cut_that_depends_on_energy(magic_dir):
    observations = DataStore.from_dir(magic_dir).get_observations(required_irf="point-like")
    assert observations.ids == ["5029747", "5029748"]
    observations["5029747"].rad_max.plot_rad_max_vs_energy(ax=plt.subplot())
    datasets = run_makers(observations, region=PointSkyRegion(TARGET), background=ReflectedRegionsBackgroundMaker(region_finder=WobbleRegionsFinder(n_off_regions=3)),
                          exposure=SpectrumDatasetMaker(containment_correction=False, selection=["counts", "exposure", "edisp"]))
    same("magic", [[d.counts.data.sum(), d.counts_off.data.sum()] for d in datasets])
    plt.figure()
    ax = (~WcsGeom.create(skydir=TARGET, width=3, binsz=.05).region_mask([ON])).plot()
    datasets[0].counts.geom.plot_region(ax=ax, kwargs_point={"color": "k", "marker": "*"})
    plot_spectrum_datasets_off_regions(ax=ax, datasets=datasets)


def test_flux_points_answer_as_maps_and_norms_of_profiles_are_a_parameter(fitted):
    norm = Parameter("norm", 1, interp="log")
    estimator = FluxPointsEstimator([1, 3, 10] * u.TeV, selection_optional="scan", norm=norm, n_jobs=4)
    estimator.norm.scan_min, estimator.norm.scan_max, estimator.norm.scan_n_values = .1, 10, 5
    assert_allclose(estimator.norm_values, [.1, 10**-.5, 1, 10**.5, 10])
    assert_allclose(FluxPointsEstimator(norm={"scan_values": [.5, 2]}).norm_values, [.5, 2])
    assert_allclose(FluxPointsEstimator(norm_max=8).norm.scan_max, 8)
    points = estimator.run(fitted[0])
    assert points.norm_scan.shape == (2, 5)
    flux = points.dnde
    assert flux.shape == (2,) and flux.quantity.shape == flux.data.shape == (2, 1, 1)
    assert flux.quantity.unit == FLUX and type(flux.quantity) is type(2 * flux) is type(flux.to("m-2 s-1 TeV-1")) is u.Quantity
    assert_allclose(flux.quantity.squeeze().to_value("m-2 s-1 GeV-1"), 10 * flux.value)
    assert_allclose(pickle.loads(pickle.dumps(flux)).value, flux.value)
    for wrong in [dict(norm=3), dict(n_jobs=0), dict(norm={"scan_n_values": 0})]:
        with pytest.raises((TypeError, ValueError), match=f"{next(iter(wrong))}"): FluxPointsEstimator(**wrong)


def test_names_that_scripts_ask_for(datasets):
    assert_allclose(datasets[0].geoms["geom"].axes["energy"].edges.value, datasets[0].counts.geom.axes["energy"].edges.value)
    assert MapAxis.from_nodes([0, .1, .2], name="redshift", interp="linear").interp == "lin"
    assert_allclose(MapAxis.from_bounds(1, 100, 3, interp="log", node_type="center").center.value, [1, 10, 100])
    assert (1 * FLUX).unit.to_string(UNIT_STRING_FORMAT).startswith("$") and make_path("a/b").name == "b"


def test_a_light_curve_in_coarser_intervals_is_the_weighted_mean():
    start = Time(60000 + np.arange(7) / 24, format="mjd")
    columns = {"norm": np.linspace(1, 2, 7)[:, None], "norm_err": np.linspace(.1, .3, 7)[:, None], "norm_ul": np.linspace(2, 3, 7)[:, None],
               "counts": np.arange(7)[:, None, None]}
    curve = FluxPoints({"e_ref": [2.], "e_min": [1.], "e_max": [4.], **columns}, PowerLawSpectralModel(),
                       time_axis=TimeMapAxis.from_time_edges(start, start + 1 * u.h))
    coarse = curve.resample_axis(get_rebinned_axis(curve, "time", method="fixed-bins", group_size=3))
    mean, weight = np.average(columns["norm"][:3, 0], weights=columns["norm_err"][:3, 0]**-2, returned=True)
    assert coarse.norm.shape == (3, 1) and coarse.counts.ravel().tolist() == [3, 12, 6]
    assert_allclose([coarse.norm[0, 0], coarse.norm_err[0, 0], coarse.norm_ul[0, 0], coarse.ts[0, 0]],
                    [mean, weight**-.5, mean + 2 * weight**-.5, mean**2 * weight])
    assert_allclose([coarse.norm[2, 0], coarse.norm_err[2, 0]], [2, .3])
    assert_allclose(coarse.flux.quantity, coarse.flux[..., None, None])
    assert_allclose(get_rebinned_axis(curve, "energy", "fixed-bins", group_size=1).edges.value, [1, 4])
    with pytest.raises(TypeError, match="axis_new"): curve.resample_axis(3)
