"Datasets: what they predict, how they stack, what they refuse."
from dataclasses import replace
import astropy.units as u
import numpy as np
import pytest
from astropy.time import Time
from numpy.testing import assert_allclose
from specnb import (EDispKernel, GTI, Models, PowerLawSpectralModel, Datasets, ExpCutoffPowerLawSpectralModel, MapAxis, RegionGeom, RegionNDMap, SkyModel, SpectrumDataset, SpectrumDatasetOnOff,
                    SpecnbWarning, WStatCountsStatistic, arrays_from_maps)
from specnb.makers.arrays import SpectrumArrays, stack_spectra
from test_fit import dataset, power_law
from test_likelihood import FLUX, arrays


def test_stacked_prediction_is_the_sum_of_the_single_ones():
    datasets = Datasets([dataset(n, i) for i, n in enumerate("abcd")])
    for model in (power_law(index=2.), SkyModel(ExpCutoffPowerLawSpectralModel(amplitude=f"1e-11 {FLUX}", lambda_="0.3 TeV-1"), name="x")):
        datasets.models = [model]
        single = sum(d.signal_counts() * d.arrays.mask_safe for d in datasets)
        assert datasets.stack_reduce().signal_counts() == pytest.approx(single, rel=1e-12)


def test_stacking_at_once_equals_stacking_one_after_the_other():
    spectra = [arrays(i) for i in range(5)]
    once, step = stack_spectra(spectra), spectra[0]
    for other in spectra[1:]: step = stack_spectra([step, other])
    for name in ("n_on", "n_off", "acceptance", "acceptance_off", "exposure", "edisp", "mask_safe", "livetime"):
        a, b = getattr(once, name), getattr(step, name)
        assert np.asarray(a, float) == pytest.approx(np.asarray(b, float), rel=1e-12), name


def test_stack_method_equals_stack_reduce():
    a, b = dataset("a", 1), dataset("b", 2)
    total = Datasets([a, b]).stack_reduce()
    a.stack(b)
    assert a.arrays.n_on == pytest.approx(total.arrays.n_on) and a.arrays.alpha == pytest.approx(total.arrays.alpha)


def test_a_run_without_safe_bins_adds_nothing():
    good, bad = arrays(1), replace(arrays(2), mask_safe=np.zeros(15, bool), acceptance_off=np.zeros(15), n_off=np.zeros(15))
    both = stack_spectra([good, bad])
    assert both.livetime == good.livetime and both.exposure == pytest.approx(good.exposure)
    assert both.n_bkg.sum() == pytest.approx((good.n_bkg * good.mask_safe).sum())


def test_info_is_finite_without_off_regions():
    lost = dataset("lost", 1, acceptance_off=np.zeros(15), n_off=np.zeros(15), mask_safe=np.zeros(15, bool))
    info = Datasets([lost, dataset("good", 2)]).info_table()
    assert info["counts"][0] == 0 and info["stat_sum"][0] == 0 and info["counts"][1] > 0
    assert lost.counts_off is None


def test_info_table_cumulates_and_names_its_convention():
    datasets = Datasets([dataset(n, i) for i, n in enumerate("abc")])
    single, total = datasets.info_table(), datasets.info_table(cumulative=True)
    assert list(total["counts"]) == list(np.cumsum(single["counts"]))
    assert total["livetime"].unit == "s" and total.meta["acceptance"] == "sum"
    assert total["acceptance"][2] == pytest.approx(single["acceptance"].sum())
    bins = datasets.info_table(cumulative=True, acceptance="bins")
    assert bins["acceptance"][2] == bins["n_fit_bins"][2]
    row = total[2]
    expected = WStatCountsStatistic(row["counts"], row["counts_off"], row["background"] / row["counts_off"]).sqrt_ts
    assert row["sqrt_ts"] == pytest.approx(float(expected))


def test_maps_can_be_read_and_set():
    d = dataset("a", 1)
    d.models = [power_law(index=2.3, amplitude=f"3e-11 {FLUX}")]
    d.mask_fit = d.counts.geom.energy_mask(energy_min="2 TeV")
    assert d.mask.data.sum() == (d.arrays.mask_safe & (d.arrays.e_reco_edges[:-1] >= 2)).sum()
    assert d.npred().data == pytest.approx(d.npred_signal().data + d.npred_background().data)
    assert d.npred_off().data.ravel() * d.arrays.alpha == pytest.approx(d.npred_background().data.ravel())
    assert d.counts.data.shape == (15, 1, 1)
    assert d.energy_range_fit[0].to_value("TeV") >= 2
    assert d.residuals("diff/model").data.shape == (15, 1, 1)


def test_models_can_be_meant_for_some_datasets():
    datasets, model = Datasets([dataset("a", 1), dataset("b", 2)]), power_law()
    model.datasets_names = ["b"]
    datasets.models = [model]
    assert len(datasets["a"].models) == 0 and datasets["b"].models[0] is model
    assert datasets["a"].npred_signal().data.sum() == 0


def test_two_sources_add_up():
    d = dataset("a", 1)
    first, second = power_law("first"), power_law("second", index=3.)
    d.models = [first, second]
    assert d.signal_counts() == pytest.approx(d.signal_counts("first") + d.signal_counts("second"))
    assert d.npred_signal(model_names=["second"]).data.sum() == pytest.approx(d.signal_counts("second").sum())


def test_files_keep_names_models_and_order(tmp_path):
    datasets = Datasets([dataset("b", 2), dataset("a", 1)])
    datasets.models = [power_law()]
    datasets.write(tmp_path / "list.yaml", filename_models=tmp_path / "models.yaml")
    again = Datasets.read(tmp_path / "list.yaml", filename_models=tmp_path / "models.yaml")
    assert again.names == ["b", "a"] and again.stat_sum() == pytest.approx(datasets.stat_sum(), rel=1e-5)
    with pytest.raises(FileExistsError): datasets.write(tmp_path / "list.yaml")


def test_asimov_data_fit_back_to_the_truth():
    d, truth = dataset("a", 1), power_law(index=2.3, amplitude=f"3e-11 {FLUX}")
    d.models = [truth]
    background = 4 * d.arrays.e_reco_edges[:-1]**-1.7
    d.counts, d.counts_off = d.signal_counts() + background, background / d.arrays.alpha
    likelihood = Datasets([d]).likelihood()
    assert likelihood.stat(likelihood.start) == pytest.approx(0, abs=1e-9)
    assert likelihood.gradient(likelihood.start) * [1, 1e-12] == pytest.approx([0, 0], abs=1e-9)


def test_fake_is_reproducible():
    counts = []
    for _ in range(2):
        d = dataset("a", 1)
        d.models = [power_law(amplitude=f"3e-11 {FLUX}")]
        d.fake(np.full(15, np.inf), random_state=5)
        counts.append(d.arrays.n_on)
        assert d.arrays.n_off.sum() == 0
    assert list(counts[0]) == list(counts[1])


@pytest.mark.parametrize("other, message", [
    (dict(e_reco_edges=np.geomspace(.5, 50, 16)), "cannot stack b on a: e_reco_edges differ"),
    (dict(e_true_edges=np.geomspace(.2, 100, 41)), "cannot stack b on a: e_true_edges differ"),
])
def test_incompatible_axes_are_not_stacked(other, message):
    with pytest.raises(ValueError, match=message): Datasets([dataset("a", 1), dataset("b", 2, **other)]).stack_reduce()


REFUSED = {
    "stack nothing": (lambda d: Datasets().stack_reduce(), ValueError, "nothing to stack"),
    "mixed kinds": (lambda d: Datasets([d, dataset("k", 3, cash=True)]).stack_reduce(), ValueError, "with OFF counts"),
    "same name": (lambda d: Datasets([d, dataset("a", 2)]), ValueError, "'a' is there already; names must be unique"),
    "unknown dataset": (lambda d: Datasets([d])["z"], KeyError, "no dataset named 'z'; there are 'a'"),
    "no response": (lambda d: (setattr(d, "models", [power_law()]), d.fill(edisp=None).npred()), ValueError, "dataset 'a': no edisp"),
    "wrong shape": (lambda d: setattr(d, "counts", np.zeros(4)), ValueError, r"counts: expected shape \(15,\)"),
    "empty slice": (lambda d: d.slice_by_energy("60 TeV", "70 TeV"), ValueError, "no bin between energy_min 60 and energy_max 70 TeV"),
    "no unit": (lambda d: d.slice_by_energy(1, 2), TypeError, "energy_min: expected a unit that converts to TeV"),
    "convention": (lambda d: d.info_dict(acceptance="mean"), ValueError, "expected 'sum' or 'bins', found 'mean'"),
    "not ON/OFF": (lambda d: SpectrumDatasetOnOff.from_arrays(arrays(1, cash=True), d.geom, "k"), ValueError, "dataset 'k': an ON/OFF dataset needs n_off"),
    "missing file": (lambda d: SpectrumDatasetOnOff.read("nowhere/pha.fits"), FileNotFoundError, "nowhere"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused(case):
    action, error, message = REFUSED[case]
    with pytest.raises(error, match=message): action(dataset("a", 1))


def test_texts_and_pictures_exist():
    import matplotlib.pyplot as plt
    for d in (dataset("a", 1), dataset("k", 3, cash=True)):
        d.models = [power_law()]
        assert d.name in repr(d) and "stat_sum" in d._repr_html_()
        upper, lower = d.plot_fit(kwargs_residuals={"method": "diff/model"})
        assert upper.get_ylabel() == "Counts" and "model" in lower.get_ylabel()
        d.peek()
        plt.close("all")


# --- shapes, masks and objects are not guessed -------------------------------------------------------------------------------

def test_two_copies_have_different_names_and_a_name_that_is_given_is_kept():
    d = dataset("a", 1)
    d.models = [power_law()]
    both = Datasets([d, d.copy(), d.copy(), d.copy(name="b")])
    assert both.names[0] == "a" and both.names[3] == "b" and both[1].models is None
    assert Datasets([d, dataset("c", 2)]).copy().names == ["a", "c"] and Datasets([d]).copy().models is not None


@pytest.mark.parametrize("method", ["diff", "diff/model", "diff/sqrt(model)"])
def test_residuals_are_nan_outside_the_masks(method):
    "As in Gammapy 2.1."
    d = dataset("a", 1)
    d.mask_fit = d.counts.geom.energy_mask(energy_min="2 TeV", energy_max="30 TeV")
    values = d.residuals(method).data.ravel()
    assert (np.isfinite(values) == d.arrays.mask).all() and 0 < d.arrays.mask.sum() < 15


def test_the_picture_of_residuals_has_only_bins_inside_the_masks():
    import matplotlib.pyplot as plt
    d = dataset("a", 1)
    points = d.plot_residuals().containers[0]
    assert len(points.lines[0].get_xdata()) == d.arrays.mask.sum() < 15
    d.counts_off = None
    assert len(d.plot_excess(plt.figure().gca()).containers[0].lines[0].get_xdata()) == 0
    plt.close("all")


def test_sums_with_masks_are_those_of_gammapy():
    "Numbers of Gammapy 2.1 for five bins, of which three are safe and two fitted."
    axis = MapAxis.from_energy_bounds("0.5 TeV", "50 TeV", 5, name="energy")
    fields = {"counts": [5, 4, 3, 2, 1], "counts_off": [10, 8, 6, 4, 2], "acceptance": np.ones(5), "acceptance_off": np.full(5, 4.), "mask_safe": np.array([0, 1, 1, 1, 0], bool)}
    geom = RegionGeom("icrs;circle(83, 22, .1)", axes=[axis])
    d = SpectrumDatasetOnOff(name="a", **{k: RegionNDMap(geom, v) for k, v in fields.items()})
    d.mask_fit = [False, False, True, True, True]
    assert d.residuals().data.ravel() == pytest.approx([np.nan, np.nan, 1.2, .8, np.nan], nan_ok=True)
    for safe, expected in ((True, (9, 4.5, 1.6221236645845983, 5.4, 18, 3, 12, 2)), (False, (15, 7.5, 2.0941526461417403, 9, 30, 5, 20, 2))):
        info = d.info_dict(in_safe_data_range=safe)
        names = "counts", "excess", "sqrt_ts", "npred", "counts_off", "acceptance", "acceptance_off", "n_fit_bins"
        assert [info[n] for n in names] == pytest.approx(expected) and info["stat_sum"] == pytest.approx(1.461825101780812)
    assert d.stat_array().ravel() == pytest.approx([1.4618251, 1.16946008, .87709506, .58473004, .29236502])


AXIS = dataset("x", 1).energy_axis
OTHER_BINS = RegionNDMap.create(None, [MapAxis.from_energy_bounds(1, 2, 15, "TeV")])
VALUES = {"one number": (1., "expected shape \\(15,\\) .* found \\(\\)"), "short": (np.ones(3), "expected shape \\(15,\\) .* found \\(3,\\)"),
          "other bins": (OTHER_BINS, "expected a map on the axis MapAxis\\(energy: 15 log bins, 0.4 - 50 TeV\\)"), "text": ("all", "expected shape"),
          "nan": (np.full(15, np.nan), "expected (True and False|finite numbers)"), "negative": (np.full(15, -1), "expected (True and False|finite numbers)")}


@pytest.mark.parametrize("field", ["counts", "counts_off", "acceptance", "acceptance_off", "mask_safe", "mask_fit"])
@pytest.mark.parametrize("what", VALUES)
def test_values_of_other_bins_or_no_values_are_refused_by_name(field, what):
    d, (value, text) = dataset("a", 1), VALUES[what]
    with pytest.raises((TypeError, ValueError), match=f"^{field}: {text}"): setattr(d, field, value)


@pytest.mark.parametrize("mask", [np.arange(15), [2] * 15, ["False"] * 15], ids=str)
def test_numbers_and_texts_are_no_mask(mask):
    with pytest.raises(TypeError, match="mask_fit: expected True and False, one for each bin"): dataset("a", 1).mask_fit = mask


def test_masks_may_be_lists_arrays_and_maps():
    d, expected = dataset("a", 1), np.arange(15) > 4
    for mask in (expected, expected.tolist(), expected.astype(int), expected[:, None, None], RegionNDMap(d.geom, expected)):
        d.mask_fit = mask
        assert (d.arrays.mask_fit == expected).all()
    d.mask_fit = None
    assert d.mask_fit is None


def test_acceptances_may_be_maps_numbers_and_arrays():
    d = dataset("a", 1)
    for on, off in ((d.acceptance, d.acceptance_off), (1, 9.), (np.ones(15), np.full((15, 1, 1), 9.))):
        new = SpectrumDatasetOnOff(counts=d.counts, counts_off=d.counts_off, acceptance=on, acceptance_off=off)
        assert (new.arrays.alpha == d.arrays.alpha).all()


def test_no_off_counts_are_no_measurement():
    "None is taken as Gammapy gives it; nothing is fitted, and the table says that the background is not known."
    d = dataset("a", 1, exposure=np.zeros(40))
    d.counts_off = None
    assert d.counts_off is None and not d.part().bins().any() and d.stat_sum() == 0
    info = Datasets([d]).info_table()
    assert info["counts"][0] > 0 and np.isnan([info[n][0] for n in ("background", "excess", "sqrt_ts")]).all()
    assert info["exposure_min"][0] == info["exposure_max"][0] == info["alpha"][0] == 0
    assert info.meta["notes"] == "a: background not known in all safe bins, no exposure"
    with pytest.warns(SpecnbWarning, match="no counts_off beside acceptance_off"): SpectrumDatasetOnOff(counts=d.counts, acceptance_off=3)


def test_off_counts_that_are_missing_come_from_the_expected_background():
    "As in Gammapy: counts_off = background / alpha."
    cash = dataset("k", 3, cash=True)
    assert SpectrumDatasetOnOff.from_spectrum_dataset(cash, 1, 5).arrays.n_off == pytest.approx(5 * cash.arrays.background)


@pytest.mark.filterwarnings("error")
def test_zero_counts_everywhere_give_finite_numbers():
    zero = np.zeros(15)
    d = dataset("a", 1, n_on=zero, n_off=zero, mask_safe=np.ones(15, bool))
    d.models = [power_law()]
    info = Datasets([d]).info_table()
    assert all(np.isfinite(info[n][0]) for n in info.colnames if info[n].dtype.kind in "fi")
    assert info["alpha"][0] == pytest.approx(1 / 9) and info["acceptance_off"][0] == pytest.approx(135) and "notes" not in info.meta


def test_a_background_that_is_not_known_in_a_masked_bin_spoils_no_sum():
    a, b = (dataset(n, i, cash=True, mask_safe=np.arange(15) > 2) for i, n in enumerate("ab"))
    known = Datasets([a, b]).stack_reduce()
    hole = a.arrays.background.copy()
    hole[1] = np.nan
    a.arrays = replace(a.arrays, background=hole)
    assert Datasets([a, b]).stack_reduce().arrays.background == pytest.approx(known.arrays.background)
    a.models = [power_law()]
    a.mask_safe = np.ones(15, bool)
    assert np.isfinite(a.stat_sum()) and not a.part().bins()[1] and np.isnan(a.info_dict()["background"])


TRUE = RegionGeom.create(None, [MapAxis.from_energy_bounds(1, 2, 15, "TeV", name="energy_true")])
OBJECTS = {
    "true axis as reconstructed": (lambda d: SpectrumDataset.create(TRUE), ValueError, "geom: expected one axis, named 'energy', found \\['energy_true'\\]"),
    "reconstructed axis as true": (lambda d: SpectrumDataset.create(d.geom, energy_axis_true=d.energy_axis), ValueError, "energy_axis_true: expected an axis named 'energy_true'"),
    "no axis": (lambda d: SpectrumDataset.create(d.geom, energy_axis_true=3), TypeError, "energy_axis_true: expected a MapAxis, found 3"),
    "axis as geometry": (lambda d: SpectrumDataset.create(d.energy_axis), TypeError, "geom: expected a RegionGeom, found MapAxis"),
    "geometry of other bins": (lambda d: SpectrumDataset.from_arrays(d.arrays, OTHER_BINS.geom), ValueError, "the energy axis of geom, .* is not that of the arrays"),
    "no arrays": (lambda d: SpectrumDataset.from_arrays("x", d.geom), TypeError, "arrays: expected a SpectrumArrays, found 'x'"),
    "negative acceptance": (lambda d: SpectrumDatasetOnOff(counts=d.counts, acceptance=-1), ValueError, "acceptance: expected finite numbers and >= 0, found -1"),
    "negative OFF counts": (lambda d: SpectrumDatasetOnOff(counts=d.counts, counts_off=-1), ValueError, "counts_off: expected finite numbers"),
    "exposure without unit": (lambda d: arrays_from_maps(d.counts, RegionNDMap(d.exposure.geom)), TypeError, "exposure: expected a unit that converts to m2 s"),
    "exposure on the wrong axis": (lambda d: arrays_from_maps(d.counts, d.counts), ValueError, "exposure: expected one axis, named 'energy_true'"),
    "no dispersion": (lambda d: arrays_from_maps(d.counts, edisp=3), TypeError, "edisp: expected an EDispKernel, found 3"),
    "no time": (lambda d: SpectrumDataset(counts=d.counts, gti=3), TypeError, "gti: expected a GTI, found 3"),
    "stack a number": (lambda d: d.stack(3), TypeError, "other: expected a SpectrumDataset, found 3"),
    "no datasets": (lambda d: Datasets(3), TypeError, "datasets: expected datasets, found int"),
    "text as dataset": (lambda d: Datasets([d]).__setitem__(0, "x"), TypeError, "datasets: expected a dataset, found str"),
    "same name put in": (lambda d: Datasets([d, dataset("b", 2)]).__setitem__(0, dataset("b", 3)), ValueError, "'b' is there already"),
    "one number as background": (lambda d: d.fake(1., 1), ValueError, "npred_background: expected shape"),
    "negative background": (lambda d: d.fake(np.full(15, -1.), 1), ValueError, "npred_background: expected finite numbers"),
    "text as seed": (lambda d: d.fake(np.ones(15), "some-seed"), TypeError, "random_state: expected a whole number"),
    "negative seed": (lambda d: d.fake(np.ones(15), -1), ValueError, "random_state: expected a whole number >= 0"),
    "slice from nan": (lambda d: d.slice_by_energy(energy_min="nan TeV"), ValueError, "energy_min: expected a positive number, found nan"),
    "counts gone": (lambda d: setattr(d, "counts", None), TypeError, "counts: expected a map or one number for each bin"),
    "time that runs back": (lambda d: replace(d.arrays, livetime=-1.), ValueError, "livetime: expected a number >= 0"),
    "edges that fall": (lambda d: replace(d.arrays, e_reco_edges=d.arrays.e_reco_edges[::-1]), ValueError, "e_reco_edges: expected at least two increasing"),
    "edges from zero": (lambda d: replace(d.arrays, e_true_edges=np.arange(41.)), ValueError, "e_true_edges: expected finite numbers and > 0")}


@pytest.mark.parametrize("case", OBJECTS)
def test_wrong_objects_and_numbers_are_refused_by_name(case):
    action, error, message = OBJECTS[case]
    with pytest.raises(error, match=message): action(dataset("a", 1))


def small(name="small", on_off=True):
    edges = np.geomspace(1, 16, 5)
    a = SpectrumArrays(edges, edges, n_on=np.array([9., 8, 7, 6]), exposure=np.full(4, 1e9), edisp=np.eye(4), mask_safe=np.array([False, True, True, True]), livetime=100.,
                       **(dict(n_off=np.array([4., 6, 0, 2]), acceptance=np.ones(4), acceptance_off=np.array([2., 4, 4, 4])) if on_off else dict(background=np.ones(4))))
    axis = MapAxis.from_energy_edges(edges, unit="TeV")
    return (SpectrumDatasetOnOff if on_off else SpectrumDataset).from_arrays(a, RegionGeom.create(None, [axis]), name, models=Models([SkyModel(PowerLawSpectralModel(), name="pl")]))


def test_values_of_a_datasets_maps_may_be_changed_in_place():
    d = small()
    before, counts, exposure = d.npred_signal().data.copy(), d.counts, d.exposure
    exposure.data *= 2
    assert_allclose(d.npred_signal().data, 2*before)
    counts.data[0] = 3
    d.mask_safe.data[...] = True
    assert d.arrays.n_on[0] == 3 and d.arrays.mask.all() and counts is d.counts
    d.exposure = d.exposure*3
    assert_allclose(d.npred_signal().data, 6*before)
    d.exposure.quantity = d.exposure.quantity.to("cm2 s")
    assert_allclose(d.npred_signal().data, 6*before)
    d.counts_off.data[2] = 5
    assert d.alpha.data.shape == d.counts_off.data.shape and d.arrays.n_off[2] == 5
    other = d.copy("other")
    other.counts.data += 1
    assert d.arrays.n_on[0] == 3 and other.arrays.n_on[0] == 4
    counts.data[1] = -1
    with pytest.raises(ValueError, match="dataset 'small': counts"): d.stat_sum()


def test_energy_dispersion_may_be_replaced():
    d = small()
    kernel = EDispKernel(d.energy_axis_true, d.energy_axis, np.eye(4)/2)
    before, d.edisp = d.npred_signal().data, kernel
    assert_allclose(d.npred_signal().data, before/2)
    d.edisp = None
    with pytest.raises(ValueError, match="no edisp"): d.npred_signal()


@pytest.mark.parametrize("on_off", [True, False])
def test_fake_without_a_seed_draws_one_and_tells_it(on_off):
    d, again = small(on_off=on_off), small(on_off=on_off)
    background = (d.npred_background(),) if on_off else ()
    with pytest.warns(SpecnbWarning, match="dataset 'small': no random_state was given, the seed [0-9]+ was drawn"): d.fake(*background)
    again.fake(*background, random_state=d.meta["random_state"])
    assert d.counts.data.tolist() == again.counts.data.tolist()


def test_fewer_bins_predict_and_measure_the_sum_of_the_safe_ones():
    d = small()
    two = d.resample_energy_axis(MapAxis.from_energy_edges([1, 4, 16], unit="TeV"), name="two")
    assert (two.name, two.counts.data.ravel().tolist(), two.counts_off.data.ravel().tolist()) == ("two", [8, 13], [6, 2])
    assert_allclose(two.npred_signal().data.ravel(), [d.npred_signal().data[1, 0, 0], d.npred_signal().data[2:].sum()])
    assert_allclose(two.background.data.ravel(), [1.5, .5])
    image = d.to_image()
    assert_allclose([image.counts.data.sum(), image.background.data.sum(), image.npred_signal().data.sum()], [21, 2, d.npred_signal().data[1:].sum()])
    masked = d.to_masked()
    assert masked.counts.data[0, 0, 0] == 0 and masked.models is not None
    assert_allclose(masked.npred_signal().data, d.npred_signal().data*d.mask_safe.data)
    assert d.slice_by_idx({"energy": slice(1, 3)}).data_shape == (2, 1, 1)
    with pytest.raises(ValueError, match="holds no bin of"): d.resample_energy_axis(MapAxis.from_energy_edges([50, 60], unit="TeV"))


def test_datasets_know_their_times_facts_and_axes():
    start = Time("2020-01-01")
    several = Datasets([small(f"d{i}") for i in range(3)])
    for i, d in enumerate(several): d.gti, d.meta = GTI.create(start + i*u.d, start + i*u.d + 1*u.h), {"OBS_ID": i, **({"TELESCOP": "X"} if i else {})}
    assert several.select_time(start + 12*u.h, start + 3*u.d).names == ["d1", "d2"]
    assert_allclose(several.gti.time_sum.to_value("h"), 3)
    assert several.meta_table["OBS_ID"].tolist() == [0, 1, 2] and several.meta_table["TELESCOP"].mask.tolist() == [True, False, False]
    assert several.energy_axes_are_aligned and several.is_all_same_type and several.is_all_same_shape and several.contributes_to_stat.all()
    assert not Datasets([several[0], several[1].to_image()]).energy_axes_are_aligned
    assert (several + small("d4")).names == ["d0", "d1", "d2", "d4"]
    several.remove("d1")
    assert several.names == ["d0", "d2"] and several.pop(0).name == "d0"
    several[0].gti = None
    with pytest.raises(ValueError, match="dataset 'd2': no gti"): several.select_time(start, start)
    assert small("a").to_dict() == {"name": "a", "type": "SpectrumDatasetOnOff", "filename": "a.fits"}


def test_the_livetime_that_an_exposure_tells_is_taken():
    d = small()
    exposure = d.exposure
    exposure.meta["livetime"] = 2*u.min
    new = SpectrumDatasetOnOff(counts=d.counts, exposure=exposure, edisp=d.edisp, acceptance=1, acceptance_off=4, counts_off=d.counts_off)
    assert new.arrays.livetime == 120 and new.exposure.meta["livetime"] == 120*u.s
