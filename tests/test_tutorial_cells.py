"""The code of the reference tutorial runs on specnb: only its import lines are changed.

What stands between the import lines and the final assertions are the code cells of Gammapy 0.19's tutorial `spectral_analysis`
(Copyright the Gammapy developers, BSD-3 licence), in their order. They state which names, arguments and idioms must work.
"""
import matplotlib
import numpy as np
import pytest

CELLS = '''
import matplotlib.pyplot as plt

import numpy as np
import astropy
import regions
import specnb
print("specnb:", specnb.__version__)

from pathlib import Path
import astropy.units as u
from astropy.coordinates import SkyCoord, Angle
from regions import CircleSkyRegion
from specnb import MapAxis, RegionGeom, WcsGeom
from specnb import Fit
from specnb import DataStore
from specnb import (
    Datasets,
    SpectrumDataset,
    SpectrumDatasetOnOff,
    FluxPointsDataset,
)
from specnb import (
    ExpCutoffPowerLawSpectralModel,
    create_crab_spectral_model,
    SkyModel,
)
from specnb import (
    SafeMaskMaker,
    SpectrumDatasetMaker,
    ReflectedRegionsBackgroundMaker,
)
from specnb import FluxPointsEstimator
from specnb import plot_spectrum_datasets_off_regions

datastore = DataStore.from_dir("$GAMMAPY_DATA/hess-dl3-dr1/")
obs_ids = [23523, 23526, 23559, 23592]
observations = datastore.get_observations(obs_ids)

target_position = SkyCoord(ra=83.63, dec=22.01, unit="deg", frame="icrs")
on_region_radius = Angle("0.11 deg")
on_region = CircleSkyRegion(center=target_position, radius=on_region_radius)

exclusion_region = CircleSkyRegion(
    center=SkyCoord(183.604, -8.708, unit="deg", frame="galactic"),
    radius=0.5 * u.deg,
)
skydir = target_position.galactic
geom = WcsGeom.create(
    npix=(150, 150), binsz=0.05, skydir=skydir, proj="TAN", frame="icrs"
)
exclusion_mask = ~geom.region_mask([exclusion_region])
exclusion_mask.plot();

energy_axis = MapAxis.from_energy_bounds(
    0.1, 40, nbin=10, per_decade=True, unit="TeV", name="energy"
)
energy_axis_true = MapAxis.from_energy_bounds(
    0.05, 100, nbin=20, per_decade=True, unit="TeV", name="energy_true"
)
geom = RegionGeom.create(region=on_region, axes=[energy_axis])
dataset_empty = SpectrumDataset.create(
    geom=geom, energy_axis_true=energy_axis_true
)

dataset_maker = SpectrumDatasetMaker(
    containment_correction=True, selection=["counts", "exposure", "edisp"]
)
bkg_maker = ReflectedRegionsBackgroundMaker(exclusion_mask=exclusion_mask)
safe_mask_masker = SafeMaskMaker(methods=["aeff-max"], aeff_percent=10)

datasets = Datasets()
for obs_id, observation in zip(obs_ids, observations):
    dataset = dataset_maker.run(
        dataset_empty.copy(name=str(obs_id)), observation
    )
    dataset_on_off = bkg_maker.run(dataset, observation)
    dataset_on_off = safe_mask_masker.run(dataset_on_off, observation)
    datasets.append(dataset_on_off)

plt.figure(figsize=(8, 8))
ax = exclusion_mask.plot()
on_region.to_pixel(ax.wcs).plot(ax=ax, edgecolor="k")
plot_spectrum_datasets_off_regions(ax=ax, datasets=datasets)

info_table = datasets.info_table(cumulative=True)
info_table
plt.figure()
plt.plot(
    info_table["livetime"].to("h"), info_table["excess"], marker="o", ls="none"
)
plt.xlabel("Livetime [h]")
plt.ylabel("Excess");
plt.plot(
    info_table["livetime"].to("h"),
    info_table["sqrt_ts"],
    marker="o",
    ls="none",
)
plt.xlabel("Livetime [h]")
plt.ylabel("Sqrt(TS)");

path = Path("spectrum_analysis")
path.mkdir(exist_ok=True)
for dataset in datasets:
    dataset.write(
        filename=path / f"obs_{dataset.name}.fits.gz", overwrite=True
    )
datasets = Datasets()
for obs_id in obs_ids:
    filename = path / f"obs_{obs_id}.fits.gz"
    datasets.append(SpectrumDatasetOnOff.read(filename))

spectral_model = ExpCutoffPowerLawSpectralModel(
    amplitude=1e-12 * u.Unit("cm-2 s-1 TeV-1"),
    index=2,
    lambda_=0.1 * u.Unit("TeV-1"),
    reference=1 * u.TeV,
)
model = SkyModel(spectral_model=spectral_model, name="crab")
datasets.models = [model]
fit_joint = Fit()
result_joint = fit_joint.run(datasets=datasets)
# we make a copy here to compare it later
model_best_joint = model.copy()
print(result_joint)
datasets.models.to_parameters_table()
ax_spectrum, ax_residuals = datasets[0].plot_fit()
ax_spectrum.set_ylim(0.1, 40)

e_min, e_max = 0.7, 30
energy_edges = np.geomspace(e_min, e_max, 11) * u.TeV
fpe = FluxPointsEstimator(
    energy_edges=energy_edges, source="crab", selection_optional="all"
)
flux_points = fpe.run(datasets=datasets)
flux_points.to_table(sed_type="dnde", formatted=True)
plt.figure(figsize=(8, 5))
ax = flux_points.plot(sed_type="e2dnde", color="darkorange")
flux_points.plot_ts_profiles(ax=ax, sed_type="e2dnde");
flux_points_dataset = FluxPointsDataset(
    data=flux_points, models=model_best_joint
)
flux_points_dataset.plot_fit();

dataset_stacked = Datasets(datasets).stack_reduce()
dataset_stacked.models = model
stacked_fit = Fit()
result_stacked = stacked_fit.run([dataset_stacked])
# make a copy to compare later
model_best_stacked = model.copy()
print(result_stacked)
model_best_joint.parameters.to_table()
model_best_stacked.parameters.to_table()

plt.figure()
plot_kwargs = {
    "energy_bounds": [0.1, 30] * u.TeV,
    "sed_type": "e2dnde",
    "yunits": u.Unit("erg cm-2 s-1"),
}
# plot stacked model
model_best_stacked.spectral_model.plot(
    **plot_kwargs, label="Stacked analysis result"
)
model_best_stacked.spectral_model.plot_error(
    facecolor="blue", alpha=0.3, **plot_kwargs
)
# plot joint model
model_best_joint.spectral_model.plot(
    **plot_kwargs, label="Joint analysis result", ls="--"
)
model_best_joint.spectral_model.plot_error(
    facecolor="orange", alpha=0.3, **plot_kwargs
)
create_crab_spectral_model("hess_ecpl").plot(
    **plot_kwargs, label="Crab reference"
)
plt.legend()
'''


@pytest.fixture(scope="module")
def names(hess_dir, tmp_path_factory):
    "The variables the cells leave behind; run in an empty folder, because they write files."
    matplotlib.use("agg")
    names = {}
    with pytest.MonkeyPatch.context() as patch, matplotlib.rc_context({"figure.max_open_warning": 0}):
        patch.chdir(tmp_path_factory.mktemp("cells"))
        patch.setenv("GAMMAPY_DATA", str(hess_dir.parent))
        exec(compile(CELLS, "tutorial", "exec"), names)
    yield names
    names["plt"].close("all")


def test_the_cells_run_and_give_the_printed_result(names):
    joint, stacked = names["model_best_joint"].parameters, names["model_best_stacked"].parameters
    assert f"{names['result_joint'].total_stat:.2f} {names['result_stacked'].total_stat:.2f}" == "86.12 8.16"
    for got, printed in [(joint, (2.2727, .1566, .12097)), (stacked, (2.2785, .1563, .11830))]:  # the exact minimum: .01 sigma
        value, error, lambda_ = printed
        np.testing.assert_allclose(got["index"].value, value, atol=.01*error)
        np.testing.assert_allclose(got["index"].error, error, rtol=.01)
        np.testing.assert_allclose(got["lambda_"].value, lambda_, atol=.01*.054)
    table = names["datasets"].models.to_parameters_table()
    assert table.colnames == "model type name value unit error min max frozen link".split()
    assert list(table["name"]) == ["index", "amplitude", "reference", "lambda_", "alpha"]


def test_what_the_result_prints(names):
    lines = [line.split(":") for line in str(names["result_joint"]).splitlines() if ":" in line]
    assert {k.strip() for k, _ in lines} >= {"backend", "method", "success", "message", "nfev", "total stat"}
    assert ["total stat", "86.12"] in [[a.strip(), b.strip()] for a, b in lines]


def test_columns_of_the_tables(names):
    info = names["info_table"].colnames
    assert info == """name counts background excess sqrt_ts npred npred_background npred_signal exposure_min exposure_max livetime
        ontime counts_rate background_rate excess_rate n_bins n_fit_bins stat_type stat_sum counts_off acceptance acceptance_off
        alpha""".split()
    points = names["flux_points"].to_table(sed_type="dnde", formatted=True).colnames
    assert set("""e_ref e_min e_max dnde dnde_err dnde_errp dnde_errn dnde_ul ts sqrt_ts npred npred_excess stat is_ul counts
        success norm_scan stat_scan""".split()) <= set(points)
