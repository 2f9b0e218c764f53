"Flux points: exact solutions, forms, files, fits to points, bad input; and the digits of the reference on the real runs."
import re
import warnings
from dataclasses import replace
import astropy.units as u
import matplotlib
import numpy as np
import pytest
import test_reference
from astropy.io import fits
from astropy.table import Table
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import brentq, minimize_scalar
from specnb import (DataError, DataStore, Datasets, ExpCutoffPowerLawSpectralModel, Fit, FluxPoints, FluxPointsDataset, FluxPointsEstimator,
                    LogParabolaSpectralModel, MapAxis, PowerLawSpectralModel, RegionGeom, SkyModel, SpecnbWarning, SpectrumArrays, SpectrumDataset,
                    SpectrumDatasetOnOff, cash, demo_dir, wstat)
from specnb.flux_points.bands import ShiftedTerm, solve_norms
from specnb.simulate.example import example_datasets
from specnb.stats.likelihood import Fold, response_matrix
from specnb.stats.stats import CashTerm, WStatTerm

matplotlib.use("agg")
FLUX = "cm-2 s-1 TeV-1"
EDGES = np.geomspace(.7, 30, 8)*u.TeV
E_TRUE, E_RECO = np.geomspace(.1, 100, 61), np.geomspace(.3, 50, 31)
CENTER = np.sqrt(E_RECO[1:]*E_RECO[:-1])


def source(name="source", **kwargs):
    values = {"index": 2.3, "amplitude": f"4e-11 {FLUX}", "lambda_": "0.1 TeV-1", **kwargs}
    return SkyModel(ExpCutoffPowerLawSpectralModel(**values), name=name)


def spectrum(seed, threshold=.5, on_off=True, strength=1., n_off=12):
    "A simulated spectrum."
    rng, center = np.random.default_rng(seed), np.sqrt(E_TRUE[1:]*E_TRUE[:-1])
    exposure = 3e8*(center/threshold)**3/(1 + (center/threshold)**3)
    edisp = np.exp(-.5*(np.log(CENTER/center[:, None])/.15)**2)*np.diff(np.log(E_RECO))/(.15*np.sqrt(2*np.pi))
    signal = Fold([source().spectral_model], [], E_TRUE, response_matrix(exposure, edisp)).predict(np.empty(0))
    background = 3*(CENTER/.5)**-1.7
    off = dict(n_off=rng.poisson(n_off*background), acceptance=np.ones(30), acceptance_off=np.full(30, float(n_off)))
    return SpectrumArrays(E_RECO, E_TRUE, n_on=rng.poisson(strength*signal + background), exposure=exposure, edisp=edisp, mask_safe=CENTER > threshold,
                          livetime=1500., ontime=1600., **(off if on_off else {"background": background}))


def dataset(name, seed, on_off=True, **kwargs):
    geom = RegionGeom.create(None, axes=[MapAxis.from_energy_edges(E_RECO, unit="TeV", name="energy")])
    return (SpectrumDatasetOnOff if on_off else SpectrumDataset).from_arrays(spectrum(seed, on_off=on_off, **kwargs), geom, name=name)


def runs(*models, on_off=True, **kwargs):
    datasets = Datasets([dataset("a", 1, on_off, **kwargs), dataset("b", 2, on_off, threshold=.8, **kwargs)])
    datasets.models = list(models) or [source()]
    return datasets


def estimate(datasets, **kwargs):
    return FluxPointsEstimator(**{"energy_edges": EDGES, "source": "source", "selection_optional": "all", "snap": True, **kwargs}).run(datasets)


def brute_force(datasets, other, low, high):
    "Norm, error ends, limit, statistic of one band, by general root finders and the public statistics."
    def stat(norm):
        total = 0.
        for d in datasets:
            a, k = d.arrays, d.arrays.mask & (CENTER > low) & (CENTER < high)
            signal = norm*d.signal_counts("source")[k] + (d.signal_counts(other)[k] if other else 0)
            total += (wstat(a.n_on[k], a.n_off[k], a.alpha[k], signal) if a.is_on_off else cash(a.n_on[k], signal + a.background[k])).sum()
        return total
    best = minimize_scalar(stat, bracket=(.5, 1.5), tol=1e-12).x
    def end(side, rise): return brentq(lambda x: stat(best + side*x) - stat(best) - rise, 1e-6, 5, xtol=1e-13)
    curvature = (stat(best + 1e-3) - 2*stat(best) + stat(best - 1e-3))/1e-6
    return {"norm": best, "norm_err": np.sqrt(2/curvature), "norm_errp": end(1, 1), "norm_errn": end(-1, 1), "norm_ul": best + end(1, 4 + max(stat(0) - stat(best), 0)*(best < 0)),
            "stat": stat(best), "stat_null": stat(0), "stat_scan": np.array([stat(x) for x in np.geomspace(.2, 5, 11)])}


# --- the solution ------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("other", [None, "halo"])
def test_bands_against_general_root_finders(other):
    halo = SkyModel(PowerLawSpectralModel(index=2.8, amplitude=f"5e-12 {FLUX}"), name="halo")
    datasets = runs(source(), *([halo] if other else []))
    points = estimate(datasets)
    for i in (0, 2, 4):
        expected = brute_force(datasets, other, points.energy_min[i].value, points.energy_max[i].value)
        for name, value in expected.items():
            assert_allclose(getattr(points, name)[i], value, rtol=2e-4 if name == "norm_err" else 2e-6, err_msg=name)
    assert_allclose(points.ts, points.stat_null - points.stat)
    assert_allclose(points.sqrt_ts, np.sign(points.norm)*np.sqrt(points.ts))


def test_a_known_background_uses_cash():
    datasets = runs(on_off=False)
    points = estimate(datasets)
    for i in (0, 3):
        expected = brute_force(datasets, None, points.energy_min[i].value, points.energy_max[i].value)
        for name, value in expected.items():
            assert_allclose(getattr(points, name)[i], value, rtol=2e-4 if name == "norm_err" else 2e-6, err_msg=name)
    assert_allclose(points.npred.sum(1)[:6]/points.counts.sum(1)[:6], 1, atol=.01)


def test_band_edges_move_to_the_bins_and_masks_shrink_bands():
    datasets = runs()
    points = estimate(datasets, energy_edges=[.3, 1, 5]*u.TeV)
    first = E_RECO[:-1][datasets[0].arrays.mask][0]   # the lowest edge any run keeps
    edges = E_RECO[[np.abs(np.log(E_RECO/e)).argmin() for e in (1, 5)]]
    assert_allclose(points.energy_min.value, [first, edges[0]])
    assert_allclose(points.energy_max.value, edges)
    assert_allclose(points.energy_ref, np.sqrt(points.energy_min*points.energy_max))
    for i, d in enumerate(datasets):
        k = d.arrays.mask & (CENTER > edges[0]) & (CENTER < edges[1])
        assert points.counts[1, i] == d.arrays.n_on[k].sum()
        assert_allclose(points.npred_excess[1, i], points.norm[1]*d.signal_counts()[k].sum())


def test_fit_masks_and_other_axes_take_part():
    datasets = runs()
    datasets[0].mask_fit = CENTER > 3
    points = estimate(datasets, energy_edges=[1, 2, 8]*u.TeV)
    assert points.counts[0, 0] == 0 and points.counts[0, 1] > 0
    coarse = datasets[1]
    merged = replace(coarse.arrays, e_reco_edges=E_RECO[::2], **{n: getattr(coarse.arrays, n).reshape(-1, 2).sum(1) for n in ("n_on", "n_off")},
                     acceptance=np.ones(15), acceptance_off=np.full(15, 12.), mask_safe=coarse.arrays.mask_safe[::2],
                     edisp=coarse.arrays.edisp.reshape(60, 15, 2).sum(2))
    geom = RegionGeom.create(None, axes=[MapAxis.from_energy_edges(E_RECO[::2], unit="TeV", name="energy")])
    mixed = Datasets([datasets[0], SpectrumDatasetOnOff.from_arrays(merged, geom, name="c")])
    mixed.models = [source()]
    assert np.isfinite(estimate(mixed, energy_edges=E_RECO[[8, 14, 20]]*u.TeV).norm).all()


def test_summed_bins_lose_little():
    datasets = runs()
    plain, summed = (estimate(datasets, sum_over_energy_groups=flag) for flag in (False, True))
    assert_allclose(summed.norm[:4], plain.norm[:4], atol=.3*plain.norm_err[:4].max())
    assert_allclose(summed.counts, plain.counts)
    single = estimate(datasets, energy_edges=E_RECO[[10, 11]]*u.TeV)
    assert_allclose(estimate(datasets, energy_edges=E_RECO[[10, 11]]*u.TeV, sum_over_energy_groups=True).norm_ul, single.norm_ul)


def test_a_band_of_one_bin_reproduces_the_excess():
    term, s = WStatTerm([[13.], [5.], [2.]], [[11.], [1.], [40.]], [[.5], [.1], [.1]]), np.array([[2.], [3.], [4.]])
    solved = solve_norms(term, s)
    assert_allclose(solved["norm"]*s[:, 0], [7.5, 4.9, -2.])
    assert_allclose(solved["stat"], 0, atol=1e-12)
    assert_allclose(solved["norm_errn"][:2]*s[:2, 0], [3.74952183, 1.91915210], rtol=1e-7)
    assert_allclose(solved["norm_errp"][:2]*s[:2, 0], [4.23647509, 2.58277012], rtol=1e-7)


def test_kinks():
    "Empty bins: the norm is exactly 0, or exactly minus the other source; limits exist, the symmetric error does not."
    term, s = WStatTerm([[0., 0]], [[0., 3]], [[.1, .1]]), np.array([[1., .5]])
    solved = solve_norms(term, s)
    assert solved["norm"][0] == 0 and np.isnan(solved["norm_err"][0])
    assert_allclose(term.value(solved["norm_ul"]*s), solved["stat"] + 4)
    assert_allclose(term.value(-solved["norm_errn"]*s), solved["stat"] + 1)
    shifted = ShiftedTerm(WStatTerm([[0.]], [[0.]], [[.1]]), np.array([[2.]]))
    solved = solve_norms(shifted, np.array([[4.]]))
    assert_allclose(solved["norm"], -.5, atol=1e-9)
    assert np.isnan(solved["norm_err"][0])
    assert_allclose(solved["norm_ul"], 2/4, atol=1e-9)   # 2 s = 4 above norm 0, the lowest that is allowed


def test_nothing_seen_over_a_known_background():
    "C = 2 (nu s + B): no minimum inside, so the norm is where the expectation vanishes."
    solved = solve_norms(CashTerm([[0.]], [[1.5]]), np.array([[3.]]))
    assert_allclose(solved["norm"], -.5, atol=1e-6)
    assert np.isnan(solved["norm_err"][0])
    assert_allclose(solved["norm_ul"]*3, 2, atol=1e-5)   # C has risen by 4 above norm 0


def test_random_bands_are_minima():
    rng = np.random.default_rng(5)
    s = rng.exponential(2, (200, 6))*(rng.random((200, 6)) < .9) + 1e-3
    s[100:] /= 4   # hardly any signal: some norms are negative
    term = WStatTerm(rng.poisson(.7*s + .3), rng.poisson(3., s.shape)*(rng.random(s.shape) < .7), rng.uniform(.02, .5, s.shape))
    solved = solve_norms(term, s)
    for shift in (-1e-3, 1e-3): assert (term.value((solved["norm"] + shift)[:, None]*s) >= solved["stat"] - 1e-10).all()
    below = np.where(solved["norm"] < 0, solved["stat_null"] - solved["stat"], 0)
    assert (below > 0).sum() > 5 and (solved["norm_ul"] > 0).all()
    for end, rise in ((solved["norm"] + solved["norm_errp"], 1), (solved["norm"] - solved["norm_errn"], 1), (solved["norm_ul"], 4 + below)):
        assert_allclose(term.value(end[:, None]*s), solved["stat"] + rise, rtol=1e-9)


def test_n_sigma():
    datasets = runs()
    one, two = (estimate(datasets, n_sigma=n, n_sigma_ul=n) for n in (1, 2))
    assert_allclose(two.norm_err, 2*one.norm_err)
    assert_allclose(one.norm_ul, one.norm + one.norm_errp)
    assert_allclose(two.norm_ul, two.norm + two.norm_errp)


def test_only_what_was_asked_for():
    table = estimate(runs(), selection_optional=None).to_table("dnde")
    assert not {"dnde_ul", "dnde_errn", "stat_scan", "is_ul"} & set(table.colnames)
    assert {"dnde", "dnde_err", "ts", "sqrt_ts", "npred", "stat", "stat_null", "counts", "success"} <= set(table.colnames)
    points = estimate(runs(), selection_optional=["scan"], norm_values=[.5, 1, 2])
    assert points.stat_scan.shape == (7, 3) and not points.has_ul and not points.is_ul.any()
    assert estimate(runs(), norm_min=.1, norm_max=10, norm_n_values=5).norm_scan[0] == pytest.approx(np.geomspace(.1, 10, 5))


def test_errors_cover_the_truth():
    "Pulls of simulated bands with many counts have unit width."
    pulls = []
    for seed in range(60):
        datasets = Datasets([dataset("a", 100 + seed)])
        datasets.models = [source()]
        points = estimate(datasets, energy_edges=[.7, 1, 1.5]*u.TeV, selection_optional=None)
        pulls.append((points.norm - 1)/points.norm_err)
    assert abs(np.mean(pulls)) < 4/np.sqrt(120) and .8 < np.std(pulls) < 1.2


FEW = {"nothing": (0, 0), "nothing ON": (0, None), "nothing OFF": (None, 0), "one event": ("one", 0), "1e8 per bin": (1e8, 1e8)}


@pytest.mark.parametrize("case, way", [(case, way) for case in FEW for way in ("exact", "reoptimize", "fit")
                                       if way != "reoptimize" or case in ("nothing", "one event", "1e8 per bin")])
def test_bands_with_few_and_many_counts(case, way):
    "Every way ends: with a norm and a limit, and with errors or a status that says why not. Nothing for numpy to warn of."
    def counts(wanted, there): return there if wanted is None else np.eye(30)[12] if wanted == "one" else np.full(30, float(wanted))
    a = dataset("a", 1)
    a.counts, a.counts_off = (counts(w, x) for w, x in zip(FEW[case], (a.arrays.n_on, a.arrays.n_off)))
    datasets = Datasets([a])
    datasets.models = [source(), halo()] if way == "reoptimize" else [source()]
    ways = {"exact": {}, "fit": {"fit": Fit()},   # a scan would fit the flat likelihood of two sources eleven times more
            "reoptimize": {"reoptimize": True, "energy_edges": [1, 20]*u.TeV, "selection_optional": ["errn-errp", "ul"]}}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        points = estimate(datasets, **{"energy_edges": [1, 2, 5, 20]*u.TeV, **ways[way]})
    bounded = points.norm < 0   # a good limit with a status that says how it was found
    assert all(bool(s) != ok or (low and "best-fit flux is negative" in s) for s, ok, low in zip(points.status, points.success, bounded))
    if way == "reoptimize":          # two free sources share a band: norms and limits need not exist, but belong together
        assert not np.any(points.norm_ul < points.norm) and not np.any(np.isfinite(points.norm_ul) & np.isnan(points.norm))
        return
    assert np.isfinite(points.norm).all() and np.isfinite(points.norm_ul).all() and np.isfinite(points.norm_errn).all() and np.all(points.norm_ul > points.norm)
    exact = estimate(datasets, energy_edges=[1, 2, 5, 20]*u.TeV)
    assert_allclose(points.norm_ul, exact.norm_ul, rtol=1e-5, atol=1e-6)


# --- other sources -----------------------------------------------------------------------------------------------------------

def halo(**kwargs): return SkyModel(PowerLawSpectralModel(**{"index": 2.8, "amplitude": f"5e-12 {FLUX}", **kwargs}), name="halo")


def test_reoptimize_lets_other_sources_follow():
    datasets = runs(source(), halo())
    before = datasets.parameters.value.copy()
    held, free = (estimate(datasets, energy_edges=[1, 8]*u.TeV, reoptimize=flag) for flag in (False, True))
    assert free.stat[0] < held.stat[0] and free.norm_err[0] > held.norm_err[0]
    assert free.stat_null[0] <= held.stat_null[0]
    assert_array_equal(datasets.parameters.value, before)   # the user's models stay as they are
    values = [free.norm[0] + free.norm_errp[0], free.norm[0] - free.norm_errn[0]]
    refit = estimate(datasets, energy_edges=[1, 8]*u.TeV, reoptimize=True, norm_values=values, selection_optional=["scan"])
    assert_allclose(refit.stat_scan[0], free.stat[0] + 1, rtol=1e-6)


def test_reoptimize_without_anything_to_follow_changes_nothing():
    frozen = halo()
    frozen.freeze()
    datasets = runs(source(), frozen)
    assert_array_equal(*(estimate(datasets, reoptimize=flag).norm for flag in (False, True)))


def test_a_search_finds_what_the_exact_solution_is():
    datasets = runs()
    exact, searched = estimate(datasets), estimate(datasets, fit=Fit())
    for name in ("norm", "norm_err", "norm_errp", "norm_errn", "norm_ul", "stat", "ts", "npred", "stat_scan"):
        good = exact.success
        assert_allclose(getattr(searched, name)[good], getattr(exact, name)[good], rtol=1e-4, err_msg=name)


def test_sources_of_single_datasets():
    "A dataset without the source does not take part; a second source counts only where it shines."
    datasets = runs(source(), halo())
    only = halo()
    only.datasets_names = ["b"]
    datasets.models = [source(), only]
    points = estimate(datasets)
    assert points.counts.shape == (7, 2)
    mine = source()
    mine.datasets_names = ["a"]
    datasets.models = [mine, halo()]
    assert estimate(datasets).counts.shape == (7, 1)


# --- bands without data ------------------------------------------------------------------------------------------------------

def test_bands_without_data_or_exposure():
    datasets = runs()
    points = estimate(datasets, energy_edges=[.01, .02, .35, .45, 1, 2, 60, 90]*u.TeV)
    assert_array_equal(points.success, [False, False, False, True, True, True, False])
    nothing = ~points.success
    for name in ("norm", "norm_err", "norm_ul", "ts", "sqrt_ts", "stat", "counts", "npred"): assert np.isnan(getattr(points, name)[nothing]).all(), name
    assert np.isnan(points.stat_scan[nothing]).all() and not points.is_ul[nothing].any()
    assert_allclose(points.energy_min[0].value, .01)   # what was asked for stays readable
    assert all("no data" in s for s in np.array(points.status)[nothing])
    dark = [d.fill(exposure=np.zeros(60)) for d in datasets]
    assert all("no exposure" in s for s in estimate(dark, energy_edges=[1, 2]*u.TeV).status)
    points.plot(sed_type="e2dnde")
    points.plot_ts_profiles(sed_type="e2dnde")
    assert len(points.to_table("flux", formatted=True)) == 7 and "nan" in points._repr_html_()


def test_runs_without_off_counts_do_not_take_part():
    datasets = runs()
    datasets[0] = datasets[0].fill(acceptance_off=np.zeros(30))
    datasets.models = [source()]
    alone = Datasets([datasets[1]])
    assert_allclose(estimate(datasets).norm, estimate(alone).norm)


@pytest.mark.parametrize("kwargs, error, message", [
    (dict(energy_edges=[1, 2]), TypeError, "energy_edges: expected a unit that converts to TeV"),
    (dict(energy_edges=[1, 2]*u.m), TypeError, "energy_edges: expected a unit that converts to TeV"),
    (dict(energy_edges=[2, 1]*u.TeV), ValueError, "increasing energies"),
    (dict(energy_edges=[1]*u.TeV), ValueError, "at least two"),
    (dict(selection_optional=["sensitive"]), ValueError, "found 'sensitive'"),
    (dict(n_sigma_ul=-1), ValueError, "n_sigma_ul: expected a positive number"),
    (dict(source="crab"), ValueError, "no model 'crab'; there are source"),
])
def test_bad_arguments(kwargs, error, message):
    with pytest.raises(error, match=message): estimate(runs(), **kwargs)


def test_bad_datasets():
    bare = Datasets([dataset("a", 1)])
    with pytest.raises(ValueError, match="set datasets.models first"): estimate(bare)
    mixed = Datasets([dataset("a", 1), dataset("b", 2, on_off=False)])
    mixed.models = [source()]
    with pytest.raises(ValueError, match="estimate them separately"): estimate(mixed)
    blind = runs()[0].fill(exposure=None)
    with pytest.raises(ValueError, match="dataset 'a': no exposure"): estimate([blind])


# --- forms and files ---------------------------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def points(): return estimate(runs())


def test_all_forms_are_norms_times_references(points):
    model, e = source().spectral_model, points.data
    assert_allclose(points.dnde_ref, model(points.energy_ref), rtol=1e-12)
    assert_allclose(points.flux_ref, model.integral(points.energy_min, points.energy_max), rtol=1e-6)
    assert_allclose(points.eflux_ref.to("TeV cm-2 s-1"), model.energy_flux(points.energy_min, points.energy_max), rtol=1e-6)
    assert_allclose(points.e2dnde_ref.to_value("TeV cm-2 s-1"), e["e_ref"]**2*points.dnde_ref.value, rtol=1e-12)
    for sed_type in ("dnde", "e2dnde", "flux", "eflux"):
        table = points.to_table(sed_type)
        for suffix in ("", "_err", "_errp", "_errn", "_ul"):
            assert_allclose(table[sed_type + suffix], points.data["norm" + suffix]*points.reference[sed_type], rtol=1e-12)


def test_columns_units_and_meta(points):
    table = points.to_table("dnde", formatted=True)
    assert table.colnames == """e_ref e_min e_max dnde dnde_err dnde_errp dnde_errn dnde_ul dnde_sensitivity ts sqrt_ts npred npred_excess stat stat_null is_ul counts
        success norm_scan stat_scan measured_fraction status""".split()
    assert table["dnde"].unit == u.Unit(FLUX) and table["e_ref"].unit == u.TeV and table["counts"].shape == (7, 2)
    assert table.meta["SED_TYPE"] == "dnde" and table.meta["UL_CONF"] == pytest.approx(.9544997)
    assert (table.meta["n_sigma"], table.meta["n_sigma_ul"], table.meta["sqrt_ts_threshold_ul"]) == (1, 2, 2)
    assert points.to_table("e2dnde")["e2dnde_ul"].unit == u.Unit("erg cm-2 s-1")
    assert points.to_table().colnames[3:7] == ["ref_dnde", "ref_e2dnde", "ref_flux", "ref_eflux"]


@pytest.mark.parametrize("ending", ["fits", "fits.gz", "ecsv"])
@pytest.mark.parametrize("sed_type", ["dnde", "e2dnde", "flux", "eflux", "likelihood"])
def test_files(points, tmp_path, ending, sed_type):
    path = tmp_path/f"points.{ending}"
    points.write(path, sed_type=sed_type)
    model = source().spectral_model
    again = FluxPoints.read(path, reference_model=None if sed_type == "likelihood" else model)
    assert again.sed_type_init == sed_type and again.n_sigma_ul == 2 and again.n_sigma == 1
    for name in ("dnde", "dnde_err", "dnde_errn", "flux_ul", "eflux_errp", "counts", "npred", "stat_scan", "norm_scan", "ts", "is_ul", "success", "energy_min"):
        assert_allclose(getattr(again, name), getattr(points, name), rtol=1e-6, err_msg=name)
    with pytest.raises(FileExistsError): points.write(path, sed_type=sed_type)
    points.write(path, sed_type=sed_type, overwrite=True)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_a_fits_file_has_the_columns_of_the_format(points, tmp_path):
    points.write(tmp_path/"points.fits", sed_type="flux")
    with fits.open(tmp_path/"points.fits") as hdus:
        assert hdus[1].name == "FLUXPOINTS" and hdus[1].header["SED_TYPE"] == "flux"
        assert u.Unit(hdus[1].columns["flux_ul"].unit) == u.Unit("cm-2 s-1") and hdus[1].columns["is_ul"].format == "L"


def test_default_reference_is_a_power_law_of_index_2(points, tmp_path):
    points.write(tmp_path/"points.fits", sed_type="dnde")
    again = FluxPoints.read(tmp_path/"points.fits")
    assert again.reference_spectral_model.parameters["index"].value == 2
    assert_allclose(again.dnde_errp, points.dnde_errp, rtol=1e-12)
    assert_allclose(again.copy(reference_model=source()).norm, again.norm)


def table(**columns): return Table({"e_ref": [1., 3]*u.TeV, "dnde": [3e-11, 2e-12]*u.Unit(FLUX), **columns})


def test_tables_of_others():
    plain = FluxPoints.from_table(table(dnde_ul=[4e-11, 3e-12]*u.Unit(FLUX), sqrt_ts=[5., 1.]))
    assert_array_equal(plain.is_ul, [False, True])
    assert_allclose(plain.ts, [25, 1])
    assert plain.available_sed_types == ["dnde", "e2dnde", "likelihood"]
    mev = table()
    mev["e_ref"], mev["dnde"] = mev["e_ref"].to("MeV"), (mev["dnde"].quantity*u.ph).to("ph m-2 s-1 GeV-1")
    assert_allclose(FluxPoints.from_table(mev).dnde.to_value(FLUX), [3e-11, 2e-12])
    bands = Table({"e_min": [1., 2]*u.TeV, "e_max": [2., 4]*u.TeV, "flux": [1e-11, 5e-12]*u.Unit("cm-2 s-1")})
    assert_allclose(FluxPoints.from_table(bands).energy_ref.value, np.sqrt([2, 8]))


@pytest.mark.parametrize("change, message", [
    (lambda t: t.remove_column("dnde"), "no flux column"),
    (lambda t: t.remove_column("e_ref"), "no column e_ref, which flux points of type 'dnde' need"),
    (lambda t: t.meta.update(SED_TYPE="flux"), "no column e_min"),
    (lambda t: t.meta.update(SED_TYPE="fluence"), "SED_TYPE is 'fluence'"),
    (lambda t: t.replace_column("dnde", Table({"dnde": [1., 2]})["dnde"]), "column dnde has no unit, expected one that converts to cm-2"),
    (lambda t: t.replace_column("dnde", Table({"dnde": [1., 2]*u.TeV})["dnde"]), "column dnde: unit 'TeV' does not convert"),
])
def test_bad_tables_name_file_and_column(tmp_path, change, message):
    bad = table()
    change(bad)
    bad.write(tmp_path/"bad.ecsv")
    with pytest.raises(DataError, match=message) as caught: FluxPoints.read(tmp_path/"bad.ecsv")
    assert "bad.ecsv" in str(caught.value)


def test_bad_files(points, tmp_path):
    with pytest.raises(FileNotFoundError, match="absent.fits: no such file"): FluxPoints.read(tmp_path/"absent.fits")
    (tmp_path/"text.fits").write_text("not a table")
    with pytest.raises(DataError, match="text.fits: not a FITS file"): FluxPoints.read(tmp_path/"text.fits")
    fits.PrimaryHDU(np.zeros(3)).writeto(tmp_path/"image.fits")
    with pytest.raises(DataError, match="image.fits: no table"): FluxPoints.read(tmp_path/"image.fits")
    points.write(tmp_path/"points.fits")
    content = (tmp_path/"points.fits").read_bytes()
    (tmp_path/"cut.fits").write_bytes(content[:len(content)//2])
    with pytest.raises(DataError, match="cut.fits.*truncated"): FluxPoints.read(tmp_path/"cut.fits")
    with pytest.raises(ValueError, match="ends in .fits"): points.write(tmp_path/"points.txt")
    with pytest.raises(ValueError, match="'lightcurve' is for light curves"): points.to_table(format="lightcurve")


# --- pictures ----------------------------------------------------------------------------------------------------------------

def axes():
    from matplotlib.figure import Figure
    return Figure().add_subplot()


@pytest.mark.parametrize("sed_type, label", [("dnde", r"$\mathrm{d}N/\mathrm{d}E$ [cm$^{-2}$ s$^{-1}$ TeV$^{-1}$]"),
                                             ("e2dnde", r"$E^{2}$ $\mathrm{d}N/\mathrm{d}E$ [erg cm$^{-2}$ s$^{-1}$]"),
                                             ("flux", "Photon flux [cm$^{-2}$ s$^{-1}$]"), ("eflux", "Energy flux [erg cm$^{-2}$ s$^{-1}$]")])
def test_pictures(points, sed_type, label):
    ax = axes()
    assert points.plot(ax, sed_type=sed_type, label="points") is ax
    dots, arrows = [c.lines[0].get_ydata() for c in ax.containers]
    assert_allclose(dots, getattr(points, sed_type).value[~points.is_ul])
    assert_allclose(arrows, getattr(points, f"{sed_type}_ul").value[points.is_ul])
    assert ax.get_xscale() == ax.get_yscale() == "log" and ax.get_ylabel() == label and ax.get_xlabel() == "Energy [TeV]"
    points.plot_ts_profiles(ax, sed_type=sed_type, cmap="Oranges")
    assert len(ax.collections) > 7 and len(ax.figure.axes) == 2


def test_points_follow_the_units_of_the_axes(points):
    ax = axes()
    source().spectral_model.plot([1, 10]*u.TeV, ax=ax, sed_type="e2dnde", yunits=u.Unit("TeV cm-2 s-1"), xunits=u.GeV)
    points.plot(ax, sed_type="e2dnde")
    line = ax.containers[0].lines[0]
    assert_allclose(line.get_xdata(), points.energy_ref.to_value("GeV")[~points.is_ul])
    assert_allclose(line.get_ydata()[0], points.e2dnde[0].to_value("TeV cm-2 s-1"))


def test_an_error_down_to_zero_does_not_set_the_limits():
    e, flux = np.array([1., 3, 9]), np.array([1e-11, 1e-12, 1e-13])
    points = FluxPoints.from_table(Table({"e_ref": e*u.TeV, "dnde": flux*u.Unit(FLUX), "dnde_err": [1, 1, 1 - 1e-9]*flux*u.Unit(FLUX)}))
    ax = points.plot(axes(), sed_type="dnde")
    assert 1e-14 < ax.get_ylim()[0] < 1e-13 and ax.get_ylim()[1] > 2e-11
    model = SkyModel(PowerLawSpectralModel(index=2, amplitude="1e-11 cm-2 s-1 TeV-1"))
    model.spectral_model.covariance = np.diag([1., 1e-11, 0])**2
    upper, lower = FluxPointsDataset(data=points, models=model).plot_fit(axes(), axes(), kwargs_spectrum={"kwargs_fp": {"sed_type": "dnde"}})
    assert 1e-15 < upper.get_ylim()[0] < 1e-13


def test_profiles_are_those_of_the_statistic(points):
    "The interpolated profile against the statistic itself."
    from specnb.flux_points.flux_points import profile_points
    from specnb.flux_points.plots import signed_root
    norms = np.linspace(.3, 2, 20)
    exact = estimate(runs(), norm_values=norms)
    for i, (norm, root) in enumerate(zip(*profile_points(points))):
        rise = exact.stat_scan[i] - exact.stat[i]
        near = rise < 6
        assert_allclose(signed_root(norm, root, norms)[near]**2, rise[near], atol=.15)


# --- fits to flux points -----------------------------------------------------------------------------------------------------

def test_chi2_is_least_squares():
    "Power law through points of equal relative errors: a straight line in the logarithms for small scatter."
    e = np.geomspace(1, 20, 12)
    dnde = 3e-11*e**-2.4*(1 + 1e-3*np.random.default_rng(1).normal(size=12))
    points = FluxPoints.from_table(Table({"e_ref": e*u.TeV, "dnde": dnde*u.Unit(FLUX), "dnde_err": 1e-3*dnde*u.Unit(FLUX)}))
    model = SkyModel(PowerLawSpectralModel(), name="line")
    dataset = FluxPointsDataset(data=points, models=model)
    result = Fit().run([dataset])
    slope, intercept = np.polyfit(np.log(e), np.log(dnde), 1)
    covariance = np.linalg.inv(np.stack([[len(e), np.log(e).sum()], [np.log(e).sum(), (np.log(e)**2).sum()]]))*1e-6
    assert_allclose(model.parameters["index"].value, -slope, atol=1e-5)
    assert_allclose(model.parameters["amplitude"].value, np.exp(intercept), rtol=1e-5)
    assert_allclose(model.parameters["index"].error, np.sqrt(covariance[1, 1]), rtol=1e-2)
    assert result.success and 2 < result.total_stat < 25
    assert_allclose(dataset.stat_sum(), np.nansum(dataset.stat_array()), rtol=1e-12)


def test_limits_masks_and_nans_stay_out(points):
    dataset = FluxPointsDataset(data=points, models=source())
    assert_array_equal(dataset.mask_valid, points.success & ~points.is_ul)
    everything = dataset.stat_sum()
    dataset.mask_fit = points.energy_ref > 2*u.TeV
    assert dataset.stat_sum() < everything
    dataset.mask_safe = np.zeros(7, bool)
    assert dataset.stat_sum() == 0
    with pytest.raises(ValueError, match="no bin left to fit"): Fit().run([dataset])
    assert np.isnan(dataset.residuals()[points.is_ul]).all()


def test_errors_of_both_sides_are_averaged(points):
    data = {k: v for k, v in points.data.items() if k != "norm_err"}
    lopsided = FluxPoints(data, points.reference_model)
    part = FluxPointsDataset(data=lopsided, models=source()).part()
    both = (points.dnde_errp + points.dnde_errn).value/2
    assert_allclose(part.error[part.bins()], both[part.bins()])


def test_points_and_counts_fit_together(points):
    model = source()
    datasets = Datasets([*runs(), FluxPointsDataset(data=points, name="points")])
    datasets.models = [model]
    assert_allclose(datasets.stat_sum(), sum(d.stat_sum() for d in datasets))
    assert Fit().run(datasets).success
    fitted = model.parameters["index"].error
    alone = source()
    Fit_counts = runs(alone)
    Fit().run(Fit_counts)
    assert fitted < alone.parameters["index"].error


def test_fit_pictures(points):
    import matplotlib.pyplot as plt
    model = source()
    model.spectral_model.covariance = np.diag([.1, 2e-12, 0, .02, 0])**2
    dataset = FluxPointsDataset(data=points, models=[model])
    plt.figure()
    upper, lower = dataset.plot_fit(kwargs_spectrum={"kwargs_model": {"color": "red"}}, kwargs_residuals={"method": "diff/err", "color": "green"})
    assert [t.get_text() for t in upper.get_legend().get_texts()] == ["Model source", "Flux points"]
    assert "error" in lower.get_ylabel()
    good = dataset.mask_valid | ~points.is_ul
    assert_allclose(lower.containers[0].lines[0].get_ydata(), np.asarray(dataset.residuals("diff/err"))[good & np.isfinite(dataset.residuals("diff/err"))])
    for method in ("diff", "diff/model"): dataset.plot_residuals(axes(), method=method)
    dataset.plot_spectrum(axes(), kwargs_fp={"sed_type": "dnde"})
    plt.close("all")


def test_dataset_is_strict(points):
    with pytest.raises(TypeError, match="data: expected FluxPoints, found Table"): FluxPointsDataset(data=Table())
    with pytest.raises(ValueError, match="mask_fit: expected 7 entries"): FluxPointsDataset(data=points, mask_fit=[True])
    with pytest.raises(ValueError, match="has no models"): Fit().run([FluxPointsDataset(data=points)])
    with pytest.raises(ValueError, match="method: expected one of"): FluxPointsDataset(data=points, models=source()).residuals("sigma")


# --- the digits of the reference ---------------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def reference_runs(hess_dir):
    "The reference's four runs and its printed joint fit."
    from test_reference import reduce, start_model
    datasets, model = reduce(hess_dir), start_model()
    for name, value in [("index", 2.27265781), ("amplitude", 4.79134632e-11), ("lambda_", .120965342)]: model.parameters[name].value = value
    datasets.models = [model]
    return datasets


REFERENCE = {"snap": True, "energy_edges": np.geomspace(.7, 30, 11)*u.TeV, "source": "crab", "selection_optional": "all"}
COUNTS = [(30, 25), (43, 35), (37, 21), (13, 17), (8, 2), (12, 6), (5, 5), (0, 0), (1, 0), (0, 0)]
STAT_NULL = [326.560, 462.419, 356.214, 232.029, 40.269, 98.741, 47.089, 15.845, 11.880, .620]
DNDE = "6.950e-11 2.884e-11 1.104e-11 3.462e-12 8.756e-13 5.335e-13 1.623e-13 5.214e-14 1.177e-14".split()
DNDE_ERR = "7.224e-12 2.581e-12 1.132e-12 4.450e-13 2.576e-13 1.079e-13 4.547e-14 3.008e-14 7.816e-15".split()


def test_the_reference(reference_runs):
    points = FluxPointsEstimator(**REFERENCE).run(reference_runs)
    assert_array_equal(points.counts[:, [0, 3]], COUNTS)
    assert_allclose(points.stat_null, STAT_NULL, atol=6e-4)
    assert points.norm[9] == 0 and np.isnan(points.norm_err[9]) and points.is_ul[9] and points.status[9].startswith("the best-fit flux is zero")
    assert_allclose(points.dnde_errn[9].value, 1.943e-16, rtol=5e-4)
    assert_allclose(points.npred[[0, 1, 9]][:, [0, 3]], [[31.3665, 23.8898], [40.7216, 29.6275], [.0769231, .1081081]], rtol=3.5e-3)
    assert_allclose(points.npred_excess[:3, 0], [28.8755, 38.46755, 29.863085], rtol=3.5e-3)
    assert_allclose(points.e2dnde_errp[:3].to_value("erg cm-2 s-1"), [8.103e-12, 5.608e-12, 5.998e-12], rtol=5e-4)
    assert_allclose(points.eflux_errp[[0, 1, 3]].to_value("erg cm-2 s-1"), [1.798e-12, 2.490e-12, 2.564e-12], rtol=5e-4)


def test_the_digits_that_migrad_leaves(reference_runs):
    "The reference's search stops before the minimum; the same search stops at the same place."
    search = Fit(optimize_opts={"gradient": False}, covariance_opts={"backend": "minuit"})
    points = FluxPointsEstimator(**REFERENCE, fit=search).run(reference_runs)
    assert [f"{x:.3e}" for x in points.dnde.value[:9]] == DNDE
    assert [f"{x:.3e}" for x in points.dnde_err.value[:9]] == DNDE_ERR
    assert_array_equal(points.success, [True]*9 + [False])


def test_demo_data():
    "The bundled runs, simulated with a known spectrum: points agree with it."
    import json
    from astropy.coordinates import SkyCoord
    from regions import CircleSkyRegion
    from specnb import ReflectedRegionsBackgroundMaker, SafeMaskMaker, SpectrumDatasetMaker
    axis = MapAxis.from_energy_bounds("0.1 TeV", "40 TeV", nbin=10, per_decade=True, name="energy")
    axis_true = MapAxis.from_energy_bounds("0.05 TeV", "100 TeV", nbin=20, per_decade=True, name="energy_true")
    region = CircleSkyRegion(SkyCoord(83.63, 22.01, unit="deg"), .11*u.deg)
    empty = SpectrumDataset.create(RegionGeom.create(region, axes=[axis]), energy_axis_true=axis_true)
    makers = SpectrumDatasetMaker(containment_correction=True), ReflectedRegionsBackgroundMaker(), SafeMaskMaker(methods=["aeff-max"])
    datasets = Datasets()
    for observation in DataStore.from_dir(demo_dir()).get_observations():
        one = empty.copy(name=str(observation.obs_id))
        for maker in makers: one = maker.run(one, observation)
        datasets.append(one)
    model = SkyModel(LogParabolaSpectralModel(amplitude=f"4e-11 {FLUX}", reference="1 TeV", alpha=2.4, beta=.1), name="source")
    datasets.models = [model]
    Fit().run(datasets)
    points = estimate(datasets)
    assert json.loads((demo_dir()/"truth.json").read_text())
    pulls = ((points.norm - 1)/np.where(points.norm > 1, points.norm_errn, points.norm_errp))[~points.is_ul]
    assert len(pulls) >= 5 and np.abs(pulls).max() < 3.5 and np.sqrt(np.mean(pulls**2)) < 1.8


# --- files and arguments that say something else -----------------------------------------------------------------------------

def limits_of_a_deficit():
    "A run with far fewer ON counts than its background predicts."
    a = dataset("a", 1)
    a.counts, a.counts_off = np.zeros(30), np.full(30, 50.)
    datasets = Datasets([a])
    datasets.models = [source()]
    return datasets


def test_a_limit_at_a_deficit_is_not_negative_has_a_status_and_is_drawn():
    import matplotlib.pyplot as plt
    points = FluxPointsEstimator(energy_edges=[1, 2, 5]*u.TeV, selection_optional="all").run(limits_of_a_deficit())
    assert (points.norm < 0).all() and (points.norm_ul > 0).all() and points.is_ul.all() and points.success.all()
    assert points.status == ["the best-fit flux is negative; the upper limit is that for positive fluxes"]*2
    fit = FluxPointsEstimator(energy_edges=[1, 2, 5]*u.TeV, selection_optional="ul", fit=Fit()).run(limits_of_a_deficit())
    assert_allclose(fit.norm_ul, points.norm_ul, rtol=1e-4)
    ax = plt.figure().gca()
    points.plot(ax, sed_type="e2dnde")
    drawn = np.concatenate([line.get_ydata() for line in ax.lines])
    assert np.isin(np.round(np.log10(points.e2dnde_ul.value), 6), np.round(np.log10(drawn[drawn > 0]), 6)).all()
    plt.close("all")


def test_the_status_of_a_band_survives_a_file(tmp_path):
    points = FluxPointsEstimator(energy_edges=[1, 2, 5]*u.TeV, selection_optional="ul").run(limits_of_a_deficit())
    for name in ("p.fits", "p.ecsv"):
        points.write(tmp_path/name, sed_type="likelihood")
        again = FluxPoints.read(tmp_path/name)
        assert again.status == points.status and again.counts.shape == points.counts.shape == (2, 1)


def test_the_axis_of_one_dataset_survives_a_fits_file(tmp_path):
    "TDIM (1): the peer takes a column of numbers for something else and cannot read the file."
    from astropy.io import fits
    points = FluxPointsEstimator(energy_edges=[1, 2, 5]*u.TeV).run(limits_of_a_deficit())
    points.write(tmp_path/"p.fits", sed_type="likelihood")
    header = fits.getheader(tmp_path/"p.fits", 1)
    column = next(i for i in range(1, 40) if header[f"TTYPE{i}"] == "npred")
    assert header[f"TDIM{column}"] == "(1)" and header[f"TFORM{column}"] == "1D"


GOOD = {"e_ref": [1., 3]*u.TeV, "e_min": [.5, 2]*u.TeV, "e_max": [2, 6]*u.TeV, "dnde": [3e-11, 2e-12]*u.Unit(FLUX),
        "dnde_err": [2e-12, 3e-13]*u.Unit(FLUX), "dnde_errn": [2e-12, 3e-13]*u.Unit(FLUX)}
WRONG_TABLES = [({"e_ref": [1., np.nan]*u.TeV}, "row 2: e_ref is nan TeV, expected a positive energy"),
                ({"e_ref": [np.inf, 3]*u.TeV}, "row 1: e_ref is inf TeV"), ({"e_ref": [0., 3]*u.TeV}, "row 1: e_ref is 0 TeV"),
                ({"e_ref": [1., -3]*u.TeV}, "row 2: e_ref is -3 TeV"), ({"e_min": [2., 2]*u.TeV}, "row 1: e_min is 2 and e_max 2 TeV"),
                ({"e_ref": [1., 30]*u.TeV}, "row 2: e_ref is 30 TeV, expected an energy between"),
                ({"dnde": [np.inf, 1]*u.Unit(FLUX)}, "row 1: norm is inf"), ({"dnde_err": [1, -1]*u.Unit(FLUX)}, "row 2: norm_err is -"),
                ({"dnde_errn": [1, -1]*u.Unit(FLUX)}, "row 2: norm_errn is -"), ({"dnde": ["3e-11", "2e-12"]}, "column dnde holds"),
                ({"is_ul": ["perhaps", "no"]}, "column is_ul: row 1 is 'perhaps', expected a logical value"),
                ({"ts": [1, 2]*u.TeV}, "column ts: unit 'TeV' does not convert"), ({"time_min": [1., 2]}, "a light curve (columns time_min)"),
                ({"e_ref": [[1.], [3]]*u.TeV}, "a light curve (columns e_ref)")]


@pytest.mark.parametrize("change, message", WRONG_TABLES, ids=[m[:24] for _, m in WRONG_TABLES])
def test_a_table_that_cannot_be_is_refused_with_its_file(change, message, tmp_path):
    for name in ("p.ecsv", "p.fits"):
        Table({**GOOD, **change}, meta={"SED_TYPE": "dnde"}).write(tmp_path/name)
        with pytest.raises(DataError, match=re.escape(message)) as error: FluxPoints.read(tmp_path/name)
        assert name in str(error.value)


@pytest.mark.parametrize("meta, message", [({"UL_CONF": 1.}, "UL_CONF: expected a number > 0 and <= 1"), ({"UL_CONF": "high"}, "UL_CONF: expected a number"),
                                           ({"n_sigma": -1}, "n_sigma: expected a positive number"), ({"SED_TYPE": 3}, "SED_TYPE is 3")])
def test_meta_data_that_cannot_be_are_refused(meta, message):
    with pytest.raises(DataError, match=re.escape(message)): FluxPoints.from_table(Table(GOOD, meta=meta))


def test_downward_errors_with_a_sign_are_lengths():
    "As in the catalog of the H.E.S.S. Galactic plane survey."
    with pytest.warns(SpecnbWarning, match="downward errors are negative"):
        points = FluxPoints.from_table(Table({**GOOD, "dnde_errn": -GOOD["dnde_errn"]}))
    assert_allclose(points.dnde_errn.value, GOOD["dnde_errn"].value)


def test_a_flux_of_another_kind_tells_the_assumed_spectrum():
    import matplotlib.pyplot as plt
    points = FluxPoints.from_table(Table(GOOD))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        points.e2dnde, points.to_table("e2dnde"), points.plot(plt.figure().gca(), sed_type="e2dnde")
    for ask in (lambda: points.flux, lambda: points.to_table("eflux"), lambda: points.plot(plt.figure().gca(), sed_type="flux")):
        with pytest.warns(SpecnbWarning, match="with an assumed power law of index 2"): ask()
    plt.close("all")


@pytest.mark.parametrize("wrong, message", [({"norm_max": -5}, "norm_max (norm_min is 0.2): expected a number > 0.2"), ({"norm_min": np.nan}, "norm_min: expected a positive number"),
                                            ({"n_sigma": np.nan}, "n_sigma: expected a positive number, found nan"), ({"n_sigma_ul": "2"}, "n_sigma_ul: expected a number, found '2'"),
                                            ({"norm_n_values": 0}, "norm_n_values: expected a whole number >= 1"), ({"norm_values": [1, np.inf]}, "norm_values: expected a list of finite"),
                                            ({"fit": "minuit"}, "fit: expected a Fit, found str"), ({"selection_optional": 3}, "selection_optional: expected names")])
def test_estimator_arguments_that_cannot_be(wrong, message):
    with pytest.raises((TypeError, ValueError), match=re.escape(message)): FluxPointsEstimator(**wrong)


def test_residuals_of_points_outside_the_masks_are_nan():
    points = FluxPoints.from_table(Table(GOOD))
    d = FluxPointsDataset(PowerLawSpectralModel(amplitude=f"3e-11 {FLUX}"), points, mask_fit=[True, False])
    assert_array_equal(np.isnan(d.residuals()), [False, True])
    with pytest.raises(TypeError, match="mask_fit: expected logical values"): d.mask_fit = [1., np.nan]


def test_types_of_fluxes_and_edges_that_are_no_list_are_named():
    points = FluxPoints.from_table(Table(GOOD))
    with pytest.raises(ValueError, match="sed_type: expected one of"): points.to_table(["dnde"])
    with pytest.raises(ValueError, match="energy_edges: expected at least two"): FluxPointsEstimator(energy_edges=[[1, 2], [3, 4]]*u.TeV)


def test_single_values_may_be_lists_of_one_and_nothing_longer():
    listed = Table({**GOOD, "dnde_err": GOOD["dnde_err"].reshape(2, 1), "sqrt_ts": np.array([[[9.]], [[3.]]])})
    points = FluxPoints.from_table(listed)
    assert points.norm_err.shape == points.sqrt_ts.shape == (2,)
    with pytest.raises(DataError, match=r"column sqrt_ts has shape \(2, 2\), expected one value in each row"):
        FluxPoints.from_table(Table({**GOOD, "sqrt_ts": np.ones((2, 2))}))


# --- edges as asked ----------------------------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def crab_runs(hess_dir):
    "The four runs with the bins of the reference, and with bins that are divided where the bands end."
    runs, asked = test_reference.reduce(hess_dir), np.geomspace(.7, 30, 11)
    edges = np.sort(np.append(runs[0].arrays.e_reco_edges, asked))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(test_reference, "AXIS", MapAxis.from_energy_edges(edges, "TeV", name="energy"))
        fine = test_reference.reduce(hess_dir)
    for datasets in (runs, fine):
        datasets.models = [source()]
    for a, b in zip(runs, fine):  # the same safe energies: a threshold that lies in a bin is at its next edge
        b.mask_safe = (b.arrays.e_reco_edges[:-1] >= a.arrays.e_reco_edges[:-1][a.arrays.mask_safe][0] *(1 - 1e-9))
    return runs, fine, asked


@pytest.mark.parametrize("stacked", [False, True])
def test_bands_end_where_they_were_asked_to(crab_runs, stacked):
    "Norms are those of spectra that were made with these edges."
    runs, fine, asked = crab_runs
    if stacked:
        runs, fine = (Datasets([d.stack_reduce(name="all")]) for d in (runs, fine))
        runs.models = fine.models = [source()]
    points, expected = (estimate(d, energy_edges=asked*u.TeV, snap=snap) for d, snap in ((runs, False), (fine, True)))
    assert_allclose(points.energy_max.value, asked[1:], rtol=1e-12)
    assert_allclose(points.energy_min.value[1:], asked[1:-1], rtol=1e-12)
    assert_array_equal(points.counts, expected.counts)
    for name in ("norm", "norm_errp", "norm_ul", "ts", "stat"): assert_allclose(getattr(points, name), getattr(expected, name), rtol=1e-6, atol=2e-6, err_msg=name)


def test_a_band_below_the_threshold_says_how_much_was_measured(crab_runs):
    runs, _, _ = crab_runs
    points = estimate(Datasets(runs[:1]), energy_edges=[.1, .5, 1, 2]*u.TeV, snap=False)
    first = runs[0].arrays.e_reco_edges[:-1][runs[0].arrays.mask_safe][0]
    assert np.isnan(points.norm[0]) and "or none is safe" in points.status[0]
    assert_allclose([points.energy_min[1].value, points.energy_max[1].value], [first, 1], rtol=1e-9)
    model = runs.models[0].spectral_model
    share = model.integral(first*u.TeV, 1*u.TeV) / model.integral(.5*u.TeV, 1*u.TeV)
    assert_allclose(points.measured_fraction[1:], [share, 1], rtol=3e-3)


def test_edges_that_move_are_told():
    two_runs = example_datasets()
    with pytest.warns(SpecnbWarning, match="1, 3 TeV became .* snap=True says that this is wanted"):
        estimate(two_runs, energy_edges=[1, 3]*u.TeV, snap=False)


# --- sensitivity, limits of another size, norms of the profile -------------------------------------------------------------------

@pytest.mark.parametrize("on_off", [True, False])
def test_sensitivity_is_the_norm_whose_expected_counts_have_the_significance(on_off):
    datasets = runs(source(), source("other", amplitude=f"8e-12 {FLUX}"), on_off=on_off)
    edges = [1, 2, 5, 12]*u.TeV
    points = estimate(datasets, energy_edges=edges, selection_optional="sensitivity", n_sigma_sensitivity=4)
    assert points.success.all() and points.meta["n_sigma_sensitivity"] == 4 and "norm_ul" not in points.data
    assert_allclose(points.dnde_sensitivity/points.dnde_ref, points.norm_sensitivity)
    for i in range(3):  # the counts that are expected, as data, have a best norm there and this significance
        datasets.models["source"].parameters["amplitude"].value = 4e-11
        expected = []
        for d in datasets:
            s, other = d.signal_counts("source"), d.signal_counts("other")
            new = other + points.norm_sensitivity[i]*s
            if on_off:
                expected.append(d.fill(n_on=new + d.arrays.alpha*d.arrays.n_off))
            else:
                expected.append(d.fill(n_on=new + d.arrays.n_bkg))
        asimov = Datasets(expected)
        asimov.models = datasets.models
        again = estimate(asimov, energy_edges=edges, selection_optional=None)
        assert_allclose(again.norm[i], points.norm_sensitivity[i], rtol=1e-7)
        assert_allclose(again.sqrt_ts[i], 4, rtol=1e-7)


def test_sensitivity_survives_files(points, tmp_path):
    points.write(tmp_path/"p.fits")
    again = FluxPoints.read(tmp_path/"p.fits", reference_model=points.reference_model)
    assert_allclose(again.flux_sensitivity, points.flux_sensitivity)
    assert again.meta["n_sigma_sensitivity"] == 5


def test_limits_of_another_size_from_the_profiles():
    datasets = runs()
    points = estimate(datasets, norm_values=np.linspace(-.5, 9, 96))
    for n_sigma in (1.5, 3):
        exact = estimate(datasets, n_sigma_ul=n_sigma)
        found = points.recompute_ul(n_sigma_ul=n_sigma)
        assert found.meta["n_sigma_ul"] == n_sigma and points.meta["n_sigma_ul"] == 2
        known = np.isfinite(found.norm_ul)
        assert known.sum() >= 5
        assert_allclose(found.norm_ul[known], exact.norm_ul[known], rtol=1e-3)
    with pytest.raises(ValueError, match="there are no likelihood profiles"):
        estimate(datasets, selection_optional="ul").recompute_ul()


def test_norms_of_neighbouring_bands_are_correlated_as_a_joint_fit_says():
    "The covariance of the bands is that of a fit of a norm for each of them."
    datasets = runs()
    edges = np.array([1., 2, 5, 12])
    points = estimate(datasets, energy_edges=edges*u.TeV, selection_optional="covariance")
    masks = [d.arrays.mask for d in datasets]
    model = datasets.models[0].spectral_model

    def stat(norms):
        total = 0
        for d, mask in zip(datasets, masks):
            a = d.arrays
            fine = np.unique(np.concatenate([a.e_true_edges, edges]))
            flux = model.integral(fine[:-1]*u.TeV, fine[1:]*u.TeV).value
            middle = np.sqrt(fine[1:]*fine[:-1])
            flux = flux*np.concatenate([[1], norms, [1]])[np.searchsorted(edges, middle)]
            binned = np.bincount(np.searchsorted(a.e_true_edges, middle) - 1, flux, minlength=a.n_true)
            s = (binned*1e4*a.exposure) @ a.edisp
            total += wstat(a.n_on, a.n_off, a.alpha, s)[mask].sum()
        return total

    h, eye = 1e-3, np.eye(3)
    hessian = np.array([[(stat(1 + h*(x + y)) - stat(1 + h*(x - y)) - stat(1 - h*(x - y)) + stat(1 - h*(x + y)))/(4*h*h) for x in eye] for y in eye])
    assert_allclose(points.norm_covariance, 2*np.linalg.inv(hessian), rtol=2e-3)
    assert np.all(np.diag(points.correlation, 1) < 0) and np.all(np.diag(points.norm_covariance) > points.norm_err**2)


def test_the_norm_is_a_parameter_with_a_profile():
    estimator = FluxPointsEstimator(EDGES, norm={"scan_min": .5, "scan_max": 2, "scan_n_values": 3}, n_jobs=2, sqrt_ts_threshold_ul=3)
    assert_allclose(estimator.norm.scan_values, [.5, 1, 2])
    estimator.selection_optional = "all"
    assert estimator.run(runs()).sqrt_ts_threshold_ul == 3
