"Datasets: what they predict, how they stack, what they refuse."
from dataclasses import replace
import numpy as np
import pytest
from specnb import Datasets, ExpCutoffPowerLawSpectralModel, SkyModel, SpectrumDatasetOnOff, WStatCountsStatistic
from specnb.makers.arrays import stack_spectra
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


def test_fake_is_reproducible_and_wants_a_seed():
    counts = []
    for _ in range(2):
        d = dataset("a", 1)
        d.models = [power_law(amplitude=f"3e-11 {FLUX}")]
        d.fake(np.full(15, np.inf), random_state=5)
        counts.append(d.arrays.n_on)
        assert d.arrays.n_off.sum() == 0
    assert list(counts[0]) == list(counts[1])
    with pytest.raises(TypeError, match="random_state"): d.fake(np.ones(15))


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
    "wrong shape": (lambda d: setattr(d, "counts", np.zeros(4)), ValueError, r"n_on: expected shape \(15,\)"),
    "empty slice": (lambda d: d.slice_by_energy("60 TeV", "70 TeV"), ValueError, "no bin between 60 and 70 TeV"),
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
