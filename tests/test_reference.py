"""Numbers printed by the reference analysis, and independent numbers of the same chain, on the real runs.

Reference: the spectral-analysis tutorial of Gammapy 0.19 on four H.E.S.S. runs of the Crab nebula (public test data release 1),
ON circle of 0.11 deg at (83.63, 22.01) deg. Each test states its tolerance; counts are exact.
"""
import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from numpy.testing import assert_allclose, assert_array_equal
from regions import CircleSkyRegion
from specnb import (DataStore, Datasets, ExpCutoffPowerLawSpectralModel, Fit, FluxPointsDataset, FluxPointsEstimator, MapAxis,
                    ReflectedRegionsBackgroundMaker, RegionGeom, SafeMaskMaker, SkyModel, SpectrumDataset, SpectrumDatasetMaker,
                    SpectrumDatasetOnOff, WcsGeom)

RUNS = [23523, 23526, 23559, 23592]
TARGET = SkyCoord(83.63, 22.01, unit="deg")
AXIS = MapAxis.from_energy_bounds(0.1, 40, nbin=10, per_decade=True, unit="TeV", name="energy")
AXIS_TRUE = MapAxis.from_energy_bounds(0.05, 100, nbin=20, per_decade=True, unit="TeV", name="energy_true")
MINUIT = dict(optimize_opts={"gradient": False}, covariance_opts={"backend": "minuit"})  # the reference's set-up

COUNTS = {  # all reconstructed bins, before any mask
    23523: ("0 0 0 0 0 0 0 15 28 30 30 13 19 18 4 9 8 10 2 4 1 0 0 1 0 0 0",
            "0 0 0 0 0 0 1 39 67 30 13 14 14 11 6 8 9 2 1 4 2 1 0 1 0 1 0"),
    23526: ("0 0 0 0 0 0 10 37 37 21 13 16 16 9 17 9 2 3 4 4 1 1 0 1 0 0 0",
            "0 0 0 0 0 0 10 68 45 24 16 9 13 9 7 6 9 5 3 1 2 1 0 0 0 0 0"),
    23559: ("0 0 0 0 0 0 10 20 24 32 19 15 12 12 9 3 3 0 2 0 1 3 1 0 0 0 0",
            "0 0 0 0 0 0 31 162 118 51 35 30 17 18 9 9 3 8 4 6 6 4 2 2 3 2 0"),
    23592: ("0 0 0 0 0 0 0 10 20 25 17 18 14 7 7 10 2 3 3 1 4 0 0 0 0 0 0",
            "0 0 0 0 0 0 4 73 150 78 42 36 16 28 21 13 6 5 2 4 9 2 5 2 2 2 2"),
}
REDUCTION = {  # pointing, offset, OFF regions, angular size, safe energy, first safe bin, safe bins, on, off, ontime, livetime
    23523: ((83.633333333333, 21.514444444444), .4955652, 12, 25.2103359, .6124402, 9, 18, 149, 117, 1687, 1581.7367647),
    23526: ((83.633333333333, 22.514444444444), .5044539, 12, 24.9400748, .4993802, 8, 19, 154, 150, 1683, 1572.6867491),
    23559: ((85.2533333381014, 22.014444444444), 1.5049982, 41, 8.1170344, .5065612, 8, 19, 136, 327, 1686, 1578.1234798),
    23592: ((82.0133333285646, 22.014444444444), 1.4988176, 36, 8.1439980, .6150446, 9, 18, 111, 275, 1686, 1581.2646658),
}
TRUE_BINS = [25, 30, 40, 50, 60, 66]
EXPOSURE = {  # m2 s at TRUE_BINS, containment included; containment at the same bins
    23523: ([2.0406104e8, 3.2601165e8, 5.9169507e8, 7.4025819e8, 8.1571694e8, 8.2845320e8],
            [.6192626, .6442494, .6465694, .7025581, .7986370, .8488966]),
    23526: ([2.2974627e8, 3.3858063e8, 5.5891222e8, 6.8663020e8, 7.0946346e8, 6.9221652e8],
            [.6789875, .6768996, .6727873, .7358536, .8216393, .8627539]),
    23559: ([1.6095738e8, 2.2058721e8, 3.4420976e8, 4.5112387e8, 5.1366494e8, 5.3417673e8],
            [.6831068, .6936562, .6533752, .6548869, .6872468, .7138639]),
    23592: ([1.4403647e8, 2.2167854e8, 3.6629981e8, 4.8591663e8, 5.7720448e8, 5.5741098e8],
            [.6175569, .6655612, .6429211, .6338277, .6714252, .6950880]),
}
KERNEL = {  # row 30, columns 10 to 15; sum of row 60
    23523: ([.0863075, .2448652, .3599958, .1466216, .0596194, .0305503], .1269842),
    23526: ([.0812919, .2465487, .3714992, .1498630, .0590168, .0272856], .1385534),
    23559: ([.0780824, .2691457, .3718687, .1432694, .0474773, .0222792], .1936746),
    23592: ([.0831487, .2644698, .3751120, .1378114, .0477435, .0242205], .1998214),
}
INFO = {  # cumulative table, four rows
    "counts": [149, 303, 439, 550], "counts_off": [117, 267, 594, 869],
    "background": [9.75, 22.25, 30.2256107, 37.8644981], "excess": [139.25, 280.75, 408.77438, 512.1355],
    "sqrt_ts": [20.449683757, 28.446256071, 36.175888275, 40.900863460],
    "npred": [20.461539, 43.846156, 50.883645, 59.674912], "npred_background": [20.461539, 43.846156, 50.883645, 59.674912],
    "exposure_min": [2892003.25, 13397218, 19239694, 21017612],
    "exposure_max": [841726208, 1572412928, 2077411584, 2635248640],
    "livetime": [1581.7367584, 3154.4234825, 4732.5469999, 6313.8116406], "ontime": [1687, 3370, 5056, 6742],
    "n_bins": [27]*4, "n_fit_bins": [18, 19, 19, 19], "stat_sum": [433.5372461, 823.6909484, 1325.2637061, 1701.2360966],
}
# the last three columns have two conventions: Gammapy 2.1 (additive, effective alpha) and 0.19 (the printed reference)
ACCEPTANCE = {"acceptance": [18, 37, 56, 74], "acceptance_off": [216, 444, 1100.52, 1698.32],
              "alpha": [.0833333, .0833333, .0508849, .0435725]}
ACCEPTANCE_019 = {"acceptance": [18, 19, 19, 19], "acceptance_off": [216, 227.99998, 373.391959, 436.054901],
                  "alpha": [.0833333, .0833334, .0496578, .0417010]}
FLUX_POINTS = """
e_ref  e_min  e_max   dnde      err       errp      errn      ul        ts      sqrt_ts stat   scan_0  scan_10 stat_null on_0 on_3
0.823  0.737  0.920   6.956e-11 7.229e-12 7.462e-12 7.000e-12 8.496e-11 318.308 17.841  8.252  140.739 451.124 326.560   30   25
1.148  0.920  1.434   2.884e-11 2.581e-12 2.654e-12 2.510e-12 3.430e-11 449.770 21.208  12.649 182.603 693.653 462.419   43   35
1.790  1.434  2.235   1.104e-11 1.132e-12 1.168e-12 1.096e-12 1.345e-11 350.109 18.711  6.105  150.799 424.855 356.214   37   21
2.790  2.235  3.483   3.463e-12 4.450e-13 4.631e-13 4.273e-13 4.426e-12 219.114 14.802  12.915 102.546 293.446 232.029   13   17
3.892  3.483  4.348   8.756e-13 2.576e-13 2.800e-13 2.362e-13 1.482e-12 36.235  6.020   4.035  13.594  125.092 40.269    8    2
5.429  4.348  6.778   5.335e-13 1.079e-13 1.149e-13 1.011e-13 7.776e-13 86.926  9.323   11.815 47.101  132.109 98.741    12   6
8.462  6.778  10.564  1.626e-13 4.556e-14 4.941e-14 4.186e-14 2.695e-13 38.108  6.173   8.980  28.474  55.783  47.089    5    5
11.803 10.564 13.189  5.229e-14 3.015e-14 3.529e-14 2.546e-14 1.339e-13 7.911   2.813   7.934  12.285  18.679  15.845    0    0
16.465 13.189 20.556  1.179e-14 7.829e-15 9.399e-15 6.393e-15 3.395e-14 5.269   2.295   6.611  9.622   17.557  11.880    1    0
25.663 20.556 32.040  0         nan       1.094e-15 nan       4.378e-15 0       0       0.620  0.866   6.774   0.620     0    0
"""


def reduce(data_dir):
    "The reference's reduction: one ON/OFF dataset a run."
    on_region = CircleSkyRegion(TARGET, 0.11*u.deg)
    source = CircleSkyRegion(SkyCoord(183.604, -8.708, unit="deg", frame="galactic"), 0.5*u.deg)
    mask = ~WcsGeom.create(npix=(150, 150), binsz=0.05, skydir=TARGET.galactic, proj="TAN", frame="icrs").region_mask([source])
    empty = SpectrumDataset.create(RegionGeom.create(on_region, axes=[AXIS]), energy_axis_true=AXIS_TRUE)
    maker = SpectrumDatasetMaker(containment_correction=True, selection=["counts", "exposure", "edisp"])
    off_maker, safe_maker = ReflectedRegionsBackgroundMaker(exclusion_mask=mask), SafeMaskMaker(methods=["aeff-max"], aeff_percent=10)
    datasets = Datasets()
    for observation in DataStore.from_dir(data_dir).get_observations(RUNS):
        dataset = off_maker.run(maker.run(empty.copy(name=str(observation.obs_id)), observation), observation)
        datasets.append(safe_maker.run(dataset, observation))
    return datasets


def start_model():
    "The reference's model at its start values."
    shape = ExpCutoffPowerLawSpectralModel(index=2, amplitude="1e-12 cm-2 s-1 TeV-1", lambda_="0.1 TeV-1", reference="1 TeV")
    return SkyModel(spectral_model=shape, name="crab")


@pytest.fixture(scope="module")
def observations(hess_dir): return DataStore.from_dir(hess_dir).get_observations(RUNS)


@pytest.fixture(scope="module")
def datasets(hess_dir): return reduce(hess_dir)


@pytest.fixture
def reread(datasets, tmp_path):
    "The datasets after a round through OGIP files, as the reference fits them."
    for d in datasets: d.write(tmp_path / f"obs_{d.name}.fits.gz", overwrite=True)
    return Datasets([SpectrumDatasetOnOff.read(tmp_path / f"obs_{run}.fits.gz") for run in RUNS])


def fitted(datasets, model=None, **options):
    "(result, {name: (value, error)}) of a fit; amplitudes in 1e-11 cm-2 s-1 TeV-1."
    model = model or start_model()
    datasets.models = [model]
    result = Fit(**options).run(datasets=datasets)
    scale = {"amplitude": 1e11}
    return result, {p.name: (p.value*scale.get(p.name, 1), p.error*scale.get(p.name, 1)) for p in model.parameters if not p.frozen}


# --- reduction ---------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("run", RUNS)
def test_counts(datasets, run):
    on, off = (np.array(x.split(), float) for x in COUNTS[run])
    assert_array_equal(datasets[str(run)].counts.data.ravel(), on)
    assert_array_equal(datasets[str(run)].counts_off.data.ravel(), off)


@pytest.mark.parametrize("run", RUNS)
def test_geometry_times_and_safe_range(datasets, observations, run):
    pointing, offset, n_off, size, e_safe, first, n_safe, on, off, ontime, livetime = REDUCTION[run]
    dataset, observation = datasets[str(run)], observations[str(run)]
    assert_allclose(observation.pointing_deg, pointing, rtol=0, atol=1e-9)
    assert_allclose(SkyCoord(*observation.pointing_deg, unit="deg").separation(TARGET).deg, offset, atol=1e-7)
    assert dataset.off_regions.n == n_off
    assert_array_equal(dataset.arrays.acceptance_off, n_off)
    assert_allclose(dataset.off_regions.angular_size_deg, size, rtol=2e-7)
    mask = dataset.arrays.mask_safe
    assert (int(mask.argmax()), int(mask.sum())) == (first, n_safe)
    assert AXIS.edges[first - 1].value < e_safe <= AXIS.edges[first].value
    assert (dataset.arrays.n_on[mask].sum(), dataset.arrays.n_off[mask].sum()) == (on, off)
    assert (dataset.arrays.ontime, observation.ontime_s) == (ontime, ontime)
    assert_allclose(dataset.arrays.livetime, livetime, rtol=1e-10)


@pytest.mark.parametrize("run", RUNS)
def test_exposure_and_containment(datasets, observations, run):
    dataset, observation = datasets[str(run)], observations[str(run)]
    exposure, containment = EXPOSURE[run]
    x = dataset.exposure.quantity.to_value("m2 s").ravel()
    assert_allclose(x[TRUE_BINS], exposure, rtol=1e-6)
    assert not x[:17].any() and x[17] > 0
    centers = AXIS_TRUE.center.to_value("TeV")[TRUE_BINS]
    c = observation.psf.containment_value(0.11, centers, SkyCoord(*observation.pointing_deg, unit="deg").separation(TARGET).deg)
    assert_allclose(np.ravel(c), containment, rtol=1e-6)


@pytest.mark.parametrize("run", RUNS)
def test_energy_dispersion(datasets, run):
    kernel = datasets[str(run)].arrays.edisp
    row, total = KERNEL[run]
    assert_allclose(kernel[30, 10:16], row, rtol=0, atol=1e-6)
    assert_allclose(kernel[60].sum(), total, rtol=0, atol=1e-6)


def test_start_of_the_joint_fit(datasets):
    datasets.models = [start_model()]
    assert_allclose(datasets.stat_sum(), 1544.109040043, rtol=1e-10)
    npred = [d.npred_signal().data.ravel()[d.arrays.mask_safe].sum() for d in datasets]
    assert_allclose(npred, [3.4634114, 4.0920024, 2.7120973, 2.3408839], rtol=1e-7)


def test_info_table(datasets):
    datasets.models = None
    table = datasets.info_table(cumulative=True)
    for name, expected in INFO.items(): assert_allclose(table[name], expected, rtol=1e-6, err_msg=name)
    for name, expected in ACCEPTANCE.items(): assert_allclose(table[name], expected, rtol=1e-5, err_msg=name)
    assert np.isnan(table["npred_signal"]).all() and list(table["stat_type"]) == ["wstat"]*4
    table = datasets.info_table(cumulative=True, acceptance="bins")
    for name, expected in ACCEPTANCE_019.items(): assert_allclose(table[name], expected, rtol=2e-6, err_msg=name)


# --- fits --------------------------------------------------------------------------------------------------------------------

def test_joint_fit_with_the_set_up_of_the_reference(reread):
    result, p = fitted(reread, **MINUIT)
    assert (result.nfev, f"{result.total_stat:.2f}", result.success) == (244, "86.12", True)
    assert [f"{v:.4f} {e:.4f}" for v, e in (p["index"], p["amplitude"])] == ["2.2727 0.1566", "4.7913 0.3600"]
    assert "{:.5f} {:.5f}".format(*p["lambda_"]) == "0.12097 0.05382"


def test_joint_fit_at_the_exact_minimum(reread):
    result, p = fitted(reread)
    for name, value, error in [("index", 2.27281, .15726), ("amplitude", 4.79087, .36051), ("lambda_", .120884, .054032)]:
        assert_allclose(p[name][0], value, atol=.01*error, err_msg=name)
        assert_allclose(p[name][1], error, rtol=1e-3, err_msg=name)
    assert_allclose(result.total_stat, 86.118564, atol=1e-5)


def test_ogip_files_do_not_change_the_joint_fit(datasets, reread):
    assert_allclose(fitted(datasets)[1]["index"], fitted(reread)[1]["index"], rtol=1e-6)


def test_stacked_fit_with_the_set_up_of_the_reference(reread):
    model = start_model()
    fitted(reread, model, **MINUIT)
    stacked = Datasets(reread).stack_reduce()
    result, p = fitted(Datasets([stacked]), model, **MINUIT)
    assert (result.nfev, f"{result.total_stat:.2f}", result.success) == (54, "8.16", True)
    assert [f"{v:.4f} {e:.4f}" for v, e in (p["index"], p["amplitude"])] == ["2.2785 0.1563", "4.7800 0.3566"]
    assert "{:.5f} {:.5f}".format(*p["lambda_"]) == "0.11830 0.05329"


def test_stacked_fit_at_the_exact_minimum(reread):
    result, p = fitted(Datasets([reread.stack_reduce()]))
    for name, value, error in [("index", 2.27848, .15649), ("amplitude", 4.77995, .35673), ("lambda_", .118279, .053358)]:
        assert_allclose(p[name][0], value, atol=.01*error, err_msg=name)
        assert_allclose(p[name][1], error, rtol=1e-3, err_msg=name)
    assert_allclose(result.total_stat, 8.162262, atol=1e-5)


def test_stacked_response(reread):
    stacked = reread.stack_reduce().arrays
    alpha = """.0406629 .0432272 .0418584 .0409930 .0518180 .0436889 .0438646 .0485358 .0644384 .0458672 .0486450 .0449413
               .0384039 .0399729 .0268099 .0375339 .0257453 .0375339 .0277778"""
    assert_allclose(stacked.alpha[8:], np.array(alpha.split(), float), rtol=2e-6)
    assert_allclose(stacked.exposure[30], 1.106858025e9, rtol=1e-6)
    assert_allclose(stacked.edisp[30, 10:16], [.0825014, .2541454, .3689082, .1451806, .0546367, .0266356], atol=1e-6)


def test_stacking_keeps_the_prediction(datasets):
    "The stacked response predicts the sum of the runs' predictions in their safe ranges, for any spectrum."
    stacked = datasets.stack_reduce()
    for index in (1.5, 3.5):
        model = start_model()
        model.spectral_model.index.value = index
        datasets.models, stacked.models = [model], [model]
        parts = sum(d.npred_signal().data.ravel()*d.arrays.mask_safe for d in datasets)
        assert_allclose(stacked.npred_signal().data.ravel(), parts, rtol=1e-12, atol=1e-300)


def test_intervals_and_profile(reread):
    model = start_model()
    fitted(reread, model)
    fit, best = Fit(), {p.name: p for p in model.parameters}
    for name, errn, errp in [("index", .16390, .15158), ("amplitude", 3.3604e-12, 3.9165e-12), ("lambda_", .049380, .059406)]:
        interval = fit.confidence(datasets=reread, parameter=best[name], sigma=1)
        assert_allclose([interval["errn"], interval["errp"]], [errn, errp], rtol=2e-4, err_msg=name)
    best["index"].scan_values = np.linspace(2, 2.5, 6)
    profile = fit.stat_profile(datasets=reread, parameter=best["index"], reoptimize=True)
    assert_allclose(profile["stat_scan"], [88.73745, 87.22513, 86.32523, 86.14887, 86.81456, 88.44590], atol=1e-4)


def test_contour(reread):
    "The points that Minuit's MNCONTOUR finds with ten points; the rise at ours is exact."
    model = start_model()
    result, _ = fitted(reread, model)
    index, lambda_ = model.parameters["index"], model.parameters["lambda_"]
    contour = Fit().stat_contour(reread, index, lambda_, numpoints=4000, sigma=1)
    x, y = contour["crab.spectral.index"], contour["crab.spectral.lambda_"]
    minuit = [(2.10890, .173659), (2.14123, .147056), (2.20036, .120918), (2.27913, .095207), (2.40614, .071504),
              (2.42438, .077237), (2.38605, .103924), (2.32255, .130126), (2.24478, .156000), (2.12644, .180289)]
    for one, two in minuit: assert np.hypot((x - one)/index.error, (y - two)/lambda_.error).min() < 2e-3
    index.scan_values, lambda_.scan_values = x[:-1:400], y[:-1:400]
    surface = Fit().stat_surface(reread, index, lambda_, reoptimize=True)["stat_scan"]
    assert_allclose(np.diag(surface) - result.total_stat, 1, atol=1e-5)


def test_butterfly(reread):
    model = start_model()
    fitted(reread, model, **MINUIT)
    energy = [.5, 1, 2, 5, 10, 20]*u.TeV
    dnde, error = u.Quantity(model.spectral_model.evaluate_error(energy)).to_value("cm-2 s-1 TeV-1")[:2]
    assert_allclose(dnde, [2.1794e-10, 4.2454e-11, 7.785e-12, 6.749e-13, 7.629e-14, 4.709e-15], rtol=2e-4)
    assert_allclose(error, [2.462e-11, 2.235e-12, 5.214e-13, 6.947e-14, 1.703e-14, 3.01e-15], rtol=2e-3)
    flux = model.spectral_model.integral(1*u.TeV, 10*u.TeV).to_value("cm-2 s-1")
    energy_flux = model.spectral_model.energy_flux(1*u.TeV, 10*u.TeV).to_value("TeV cm-2 s-1")
    assert_allclose([flux, energy_flux], [2.74603e-11, 5.57473e-11], rtol=1e-5)


# --- flux points -------------------------------------------------------------------------------------------------------------

@pytest.fixture
def flux_points(reread):
    "Flux points of the reference: its edges, its joint fit with its set-up."
    fitted(reread, **MINUIT)
    return FluxPointsEstimator(energy_edges=np.geomspace(0.7, 30, 11)*u.TeV, source="crab", selection_optional="all").run(reread)


def test_flux_points(flux_points):
    names, *rows = [line.split() for line in FLUX_POINTS.strip().splitlines()]
    expected = dict(zip(names, np.array(rows, float).T))
    table = flux_points.to_table(sed_type="dnde")
    got = {n: np.asarray(table[n], float) for n in ("e_ref", "e_min", "e_max", "dnde", "ts", "sqrt_ts", "stat", "stat_null")}
    got |= {n: np.asarray(table[f"dnde_{n}"], float) for n in ("err", "errp", "errn", "ul")}
    got |= {f"scan_{i}": table["stat_scan"][:, i] for i in (0, 10)} | {f"on_{i}": table["counts"][:, i] for i in (0, 3)}
    for name in expected:  # half a unit of the last printed digit, or 5e-4
        last = 9 if name in ("err", "errn") else 10  # both are undefined where the best norm sits on the kink at zero
        assert_allclose(got[name][:last], expected[name][:last], rtol=5.1e-4, atol=5e-4 if expected[name].max() > 1 else 0,
                        err_msg=name)
    assert np.isnan(got["err"][9])
    assert list(table["is_ul"]) == [False]*9 + [True]
    assert list(table["success"]) == [True]*9 + [False]
    assert_allclose(table["norm_scan"][0], np.geomspace(0.2, 5, 11))


def test_chi2_of_the_flux_points(flux_points):
    model = start_model()
    for name, value in [("index", 2.27265781), ("amplitude", 4.79134632e-11), ("lambda_", .120965342)]:
        model.parameters[name].value = value
    assert_allclose(FluxPointsDataset(data=flux_points, models=model).stat_sum(), 5.13, atol=.01)
