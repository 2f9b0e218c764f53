"OGIP files of others: offsets of channels, scales, groups, full responses, rates, several spectra in a file."
from dataclasses import replace
import gzip
import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from numpy.testing import assert_allclose, assert_array_equal
from specnb import (DataError, Datasets, Fit, FluxPointsEstimator, PowerLawSpectralModel, RegionGeom, SkyModel, SpecnbWarning, SpectrumDataset, SpectrumDatasetOnOff, fit_each, fit_many,
                    read_ogip, read_rmf, stack_spectra, write_ogip, wstat)
from specnb.stats.likelihood import CountsPart, compile_likelihood

N_TRUE, N_RECO = 20, 8
E_TRUE, E_RECO = np.geomspace(.1, 100, N_TRUE + 1), np.geomspace(.3, 60, N_RECO + 1)
AREA = 1e5 * E_TRUE[:-1] / (1 + E_TRUE[:-1])  # m2
N_ON, N_OFF = np.array([30, 22, 15, 9, 6, 3, 1, 0]), np.array([60, 41, 19, 8, 5, 1, 0, 0])


def matrix(empty=()):
    "Probabilities of true energies in the channels; `empty` channels hold none."
    center = np.sqrt(E_TRUE[1:] * E_TRUE[:-1])[:, None]
    r = np.exp(-.5 * (np.log(np.sqrt(E_RECO[1:] * E_RECO[:-1]) / center) / .3)**2)
    r[:, list(empty)] = 0
    return .9 * r / np.maximum(r.sum(1, keepdims=True), .5)


def table(name, columns, **keys):
    "HDU from name -> (format, unit, values) or (format, values)."
    hdu = fits.BinTableHDU.from_columns([fits.Column(n, c[0], unit=c[1] if len(c) == 3 else None, array=c[-1]) for n, c in columns.items()], name=name)
    hdu.header.update(keys)
    return hdu


def write(path, *hdus): fits.HDUList([fits.PrimaryHDU(), *hdus]).writeto(path, overwrite=True)


def ebounds(first=0, unit="keV", factor=1e9, **keys):
    return table("EBOUNDS", {"CHANNEL": ("J", np.arange(N_RECO) + first), "E_MIN": ("D", unit, E_RECO[:-1] * factor), "E_MAX": ("D", unit, E_RECO[1:] * factor)}, **keys)


def rmf(folder, r=None, first=0, tlmin=None, name="MATRIX", unit=None, start=None, **keys):
    "RMF whose rows are one group each, from the first to the last channel with a value."
    r = matrix() if r is None else r
    used = [np.flatnonzero(row) for row in r]
    low, n = [u[0] if len(u) else 0 for u in used], [u[-1] - u[0] + 1 if len(u) else 0 for u in used]
    values = np.zeros(r.shape)
    for row, k, m, source in zip(values, low, n, r): row[:m] = source[k:k + m]
    columns = {"ENERG_LO": ("D", "keV", E_TRUE[:-1] * 1e9), "ENERG_HI": ("D", "keV", E_TRUE[1:] * 1e9), "N_GRP": ("I", [1] * N_TRUE),
               "F_CHAN": ("I", np.array(low) + first), "N_CHAN": ("I", n), "MATRIX": (f"{N_RECO}D", unit, values)}
    if tlmin is not None: keys["TLMIN4"] = tlmin
    write(folder / "r.fits", table(name, columns, **keys), ebounds(first if start is None else start))
    return r


def arf(folder):
    write(folder / "a.fits", table("SPECRESP", {"ENERG_LO": ("D", "keV", E_TRUE[:-1] * 1e9), "ENERG_HI": ("D", "keV", E_TRUE[1:] * 1e9), "SPECRESP": ("D", "cm2", AREA * 1e4)}))


def spectrum(counts, columns=None, name="SPECTRUM", first=0, drop=(), **keys):
    columns = {"CHANNEL": ("J", np.arange(N_RECO) + first), "COUNTS": ("J", counts), **(columns or {})}
    for n in drop: del columns[n]
    return table(name, columns, **{"EXPOSURE": 1500., "RESPFILE": "r.fits", "ANCRFILE": "a.fits", "HDUCLAS1": "SPECTRUM", **keys})


@pytest.fixture
def folder(tmp_path):
    "A folder with a response and OFF counts."
    rmf(tmp_path)
    arf(tmp_path)
    write(tmp_path / "b.fits", spectrum(N_OFF, BACKSCAL=4.))
    return tmp_path


def read(folder, *args, spec_num=None, **keys):
    "The arrays of a spectrum of `N_ON` with these columns and keywords."
    write(folder / "p.fits", spectrum(N_ON, *args, **{"BACKFILE": "b.fits", **keys}))
    return read_ogip(folder / "p.fits", spec_num)[0]


MODEL = PowerLawSpectralModel(index=2.3, amplitude="3e-11 cm-2 s-1 TeV-1", reference="1 TeV")


def fluxes():
    "Integrals of the model over the true bins, cm-2 s-1, by its formula."
    return 3e-11 * np.diff(E_TRUE**-1.3) / -1.3


def predicted(arrays):
    "Counts of the compiled likelihood, shape (n_bins,)."
    likelihood = compile_likelihood([CountsPart("x", arrays, (MODEL,))])
    return likelihood.pairs[0][0].predict(likelihood.start)


# where channels begin -----------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("stated", [True, False])
@pytest.mark.parametrize("empty", [(), (0,)])
def test_channels_begin_where_ebounds_says(folder, first, stated, empty):
    r = rmf(folder, matrix(empty), first, tlmin=first if stated else None)
    write(folder / "b.fits", spectrum(N_OFF, first=first))
    assert_allclose(read(folder, first=first).edisp, r)


@pytest.mark.parametrize("changes, message", [
    ({"tlmin": 1}, r"r.fits\[MATRIX\]: keyword TLMIN4 is 1, but the channels of EBOUNDS begin at 0"),
    ({"first": 1, "start": 0, "tlmin": 1}, "keyword TLMIN4 is 1, but the channels of EBOUNDS begin at 0"),
    ({"first": 1}, r"p.fits\[SPECTRUM\]: column CHANNEL begins at 0, but the channels of .*r.fits begin at 1")])
def test_channels_that_contradict_each_other_are_refused(folder, changes, message):
    rmf(folder, **changes)
    with pytest.raises(DataError, match=message): read(folder)


def test_off_counts_with_other_channel_numbers_are_refused(folder):
    write(folder / "b.fits", spectrum(N_OFF, first=1))
    with pytest.raises(DataError, match=r"b.fits\[SPECTRUM\]: column CHANNEL begins at 1, but that of .*p.fits\[SPECTRUM\] at 0"): read(folder)


def test_a_matrix_without_tlmin_and_without_channels_counts_from_1(folder):
    rmf(folder, first=1)
    with fits.open(folder / "r.fits") as file:
        bounds = fits.BinTableHDU.from_columns([c for c in file["EBOUNDS"].columns if c.name != "CHANNEL"], name="EBOUNDS")
        write(folder / "r2.fits", file["MATRIX"], bounds)
    assert_allclose(read_rmf(folder / "r2.fits")[2], matrix())


# scales -------------------------------------------------------------------------------------------------------------------------

SCALES = [("EXPOSURE", 1500., 4500.), ("AREASCAL", .5, .25), ("BACKSCAL", .3, 4.)]

@pytest.mark.filterwarnings("ignore:.*column EXPOSURE is used")
@pytest.mark.parametrize("form", ["keyword", "column", "varying"])
@pytest.mark.parametrize("name, on, off", SCALES)
def test_every_scale_enters_signal_and_background(folder, form, name, on, off):
    "Against the formula of OGIP/92-007, written out here."
    vary = np.linspace(1, .5, N_RECO) if form == "varying" else np.ones(N_RECO)
    on, off = on * vary, off * vary[::-1]
    def given(values): return {name: values[0]} if form == "keyword" else {"columns": {name: ("D", values)}}
    write(folder / "b.fits", spectrum(N_OFF, **given(off)))
    arrays = read(folder, **given(on))
    t, area, back = (on if name == n else d * np.ones(N_RECO) for n, d in (("EXPOSURE", 1500.), ("AREASCAL", 1.), ("BACKSCAL", 1.)))
    t_off, area_off, back_off = (off if name == n else d * np.ones(N_RECO) for n, d in (("EXPOSURE", 1500.), ("AREASCAL", 1.), ("BACKSCAL", 1.)))
    signal = t * area * ((fluxes() * AREA * 1e4) @ matrix())
    alpha = t * area * back / (t_off * area_off * back_off)
    assert_allclose(arrays.alpha, alpha)
    assert_allclose(predicted(arrays), signal, rtol=1e-6)
    assert_allclose(arrays.n_bkg, alpha * N_OFF)
    likelihood = compile_likelihood([CountsPart("x", arrays, (MODEL,))])
    assert likelihood.stat(likelihood.start) == pytest.approx(wstat(N_ON, N_OFF, alpha, signal).sum())


def test_half_the_area_is_half_the_signal(folder):
    whole = predicted(read(folder)).sum()
    write(folder / "b.fits", spectrum(N_OFF, BACKSCAL=4., AREASCAL=.5))
    half = read(folder, AREASCAL=.5)
    assert predicted(half).sum() == pytest.approx(whole / 2)
    assert_allclose(half.alpha, .25)


@pytest.mark.parametrize("keys, message", [
    ({"EXPOSURE": 0.}, r"p.fits\[SPECTRUM\]: EXPOSURE is 0 in 7 of 8 channels that have counts, expected a positive number"),
    ({"BACKSCAL": 0.}, "BACKSCAL is 0 in 7 of 8 channels that have counts"), ({"AREASCAL": 0.}, "AREASCAL is 0 in 7 of 8 channels"),
    ({"BACKSCAL": -1.}, "keyword BACKSCAL is -1, expected a finite number that is not negative"),
    ({"columns": {"BACKSCAL": ("D", -np.ones(N_RECO))}}, "column BACKSCAL holds 8 values that are not finite or negative"),
    ({"EXPOSURE": "inf"}, "keyword EXPOSURE is .*inf.*, expected"), ({"EXPOSURE": ""}, "no keyword EXPOSURE")])
def test_scales_that_cannot_be_are_refused(folder, keys, message):
    with pytest.raises(DataError, match=message): read(folder, **keys)


@pytest.mark.parametrize("keys", [{"EXPOSURE": 0.}, {"BACKSCAL": 0.}])
def test_scales_of_the_off_counts_are_checked_too(folder, keys):
    write(folder / "b.fits", spectrum(N_OFF, **keys))
    with pytest.raises(DataError, match=rf"b.fits\[SPECTRUM\]: {next(iter(keys))} is 0 in 6 of 8 channels that have counts"): read(folder)


def test_nothing_measured_is_no_error(folder):
    "No time and no counts: the bins take no part."
    write(folder / "b.fits", spectrum(0 * N_OFF, BACKSCAL=0.))
    arrays = read(folder)
    assert_array_equal(arrays.alpha, 0)
    write(folder / "p.fits", spectrum(0 * N_ON, BACKFILE="b.fits", EXPOSURE=0.))
    empty = read_ogip(folder / "p.fits")[0]
    assert_array_equal(empty.alpha, 0)
    assert np.isfinite(empty.exposure).all() and not empty.exposure.any()


def test_a_scale_as_keyword_and_column(folder):
    "The column counts; only if they differ is it told."
    assert_allclose(read(folder, {"BACKSCAL": ("D", np.full(N_RECO, 2.))}, BACKSCAL=2.).alpha, .5)
    with pytest.warns(SpecnbWarning, match="column BACKSCAL is used, which differs from the keyword BACKSCAL = 3"):
        assert_allclose(read(folder, {"BACKSCAL": ("D", np.full(N_RECO, 2.))}, BACKSCAL=3.).alpha, .5)


# counts -------------------------------------------------------------------------------------------------------------------------

def test_rates_are_counts_again(folder):
    arrays = read(folder, {"RATE": ("E", "count/s", N_ON / 1500)}, drop=["COUNTS"], HDUCLAS3="RATE")
    assert_array_equal(arrays.n_on, N_ON)
    with pytest.raises(DataError, match="column RATE: expected counts per second, found 'count/s/m2'"):
        read(folder, {"RATE": ("E", "count/s/m2", N_ON / 1500)}, drop=["COUNTS"])


@pytest.mark.parametrize("args, keys, message", [
    ((), {"HDUCLAS2": "NET"}, r"keyword HDUCLAS2 is NET \(background subtracted\)"),
    (({"RATE": ("D", N_ON / 1500 + 1e-4)},), {"drop": ["COUNTS"], "POISSERR": False}, "no whole numbers of counts and POISSERR is F"),
    ((), {"CORRFILE": "c.fits"}, "CORRFILE names c.fits, to be subtracted"),
    ((), {"drop": ["COUNTS"]}, "no column COUNTS or RATE"),
    (({"COUNTS": ("4A", ["many"] * N_RECO)},), {}, "column COUNTS: expected one number in each row, found texts"),
    (({"COUNTS": ("L", [True] * N_RECO)},), {}, "column COUNTS: expected one number in each row, found logical values"),
    (({"CHANNEL": ("D", np.arange(N_RECO) + .5)},), {}, "column CHANNEL: expected numbers that increase by 1"),
    (({"CHANNEL": ("D", np.full(N_RECO, np.nan))},), {}, "column CHANNEL: expected numbers that increase by 1"),
    (({"GROUPING": ("I", [2] + [1] * (N_RECO - 1))},), {}, "GROUPING: expected 1 where a group begins, -1 where it goes on or 0, found 2 in row 1"),
    (({"GROUPING": ("I", [-1] * N_RECO)},), {}, "GROUPING: .*found -1 in row 1")])
def test_counts_that_cannot_be_used_are_refused(folder, args, keys, message):
    with pytest.raises(DataError, match=message): read(folder, *args, **keys)


@pytest.mark.parametrize("args, keys, good", [
    ((), {"QUALITY": 0}, [True] * 8), ((), {"QUALITY": 1}, [False] * 8),
    (({"QUALITY": ("I", [0, 1, 2, 5, -1, 0, 0, 0])},), {}, [1, 0, 0, 0, 0, 1, 1, 1]),
    (({"QUALITY": ("L", [True, False] * 4)},), {}, [0, 1] * 4)])
def test_quality_is_a_keyword_or_a_column_of_numbers_or_logical(folder, args, keys, good):
    assert_array_equal(read(folder, *args, **keys).mask_safe, np.array(good, bool))


def test_the_table_of_counts_is_found_by_its_class(folder):
    assert_array_equal(read(folder, name="PHA1").n_on, N_ON)
    write(folder / "p.fits", spectrum(N_ON, name="A"), spectrum(N_ON, name="B"))
    with pytest.raises(DataError, match="p.fits: expected an HDU SPECTRUM or one with HDUCLAS1 = SPECTRUM, found several: A, B"): read_ogip(folder / "p.fits")


@pytest.mark.parametrize("value, name", [(0, "0"), ("0", "0"), ("", "p"), (23523, "23523")])
def test_the_name_of_observation_0(folder, value, name):
    read(folder, OBS_ID=value)
    assert read_ogip(folder / "p.fits")[1]["name"] == name


# several spectra in a file --------------------------------------------------------------------------------------------------------

def type_2(numbers=(3, 7), **keys):
    n = len(numbers)
    return table("SPECTRUM", {"SPEC_NUM": ("I", list(numbers)), "CHANNEL": (f"{N_RECO}J", np.tile(np.arange(N_RECO), (n, 1))),
                              "COUNTS": (f"{N_RECO}J", np.outer(np.arange(1, n + 1), N_ON)), "EXPOSURE": ("D", 500. * np.arange(1, n + 1)),
                              "BACKFILE": ("12A", ["b.fits"] * n)},
                 HDUCLAS1="SPECTRUM", HDUCLAS4="TYPE:II", RESPFILE="r.fits", ANCRFILE="a.fits", OBS_ID="9", **keys)


def test_a_spectrum_of_a_file_of_several_is_chosen_by_number(folder):
    write(folder / "p.fits", type_2())
    arrays, info = read_ogip(folder / "p.fits", spec_num=7)
    assert_array_equal(arrays.n_on, 2 * N_ON)
    assert arrays.livetime == 1000 and info["name"] == "9_7"
    assert_allclose(arrays.alpha, 1000 / (4 * 1500))
    for number, message in ((None, "holds 2 spectra .type II., choose one by spec_num; found 3, 7"), (1, "expected one spectrum with the number 1, found 3, 7")):
        with pytest.raises(DataError, match=message): read_ogip(folder / "p.fits", number)
    write(folder / "p.fits", type_2([1]))
    assert_array_equal(read_ogip(folder / "p.fits")[0].n_on, N_ON)
    with pytest.raises(DataError, match="holds one spectrum, so none has the number 2"): read(folder, spec_num=2)


def test_off_counts_of_a_file_of_several(folder):
    write(folder / "many.fits", type_2([1, 2], BACKSCAL=5.))
    arrays = read(folder, BACKFILE="many.fits{2}")
    assert_array_equal(arrays.n_off, 2 * N_ON)
    assert_allclose(arrays.alpha, 1500 / (1000 * 5))
    with pytest.raises(DataError, match=r"many.fits\[SPECTRUM\]: holds 2 spectra"): read(folder, BACKFILE="many.fits")


# responses ----------------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("form", [dict(name="SPECRESP MATRIX"), dict(HDUCLAS3="FULL"), dict(unit="cm2"), dict(unit="m**2", HDUCLAS3="FULL")])
def test_a_full_response_holds_the_area(folder, form):
    usual = read(folder)
    factor = 1. if "m**2" in form.values() else 1e4
    rmf(folder, matrix() * AREA[:, None] * factor, **form)
    arrays = read(folder, ANCRFILE="NONE")
    assert_allclose(arrays.exposure[:, None] * arrays.edisp, usual.exposure[:, None] * usual.edisp, rtol=1e-12)
    assert_allclose(predicted(arrays), predicted(usual))
    assert arrays.edisp.sum(1).max() <= 1 + 1e-12


def test_a_full_response_beside_an_arf_is_refused(folder):
    rmf(folder, HDUCLAS3="FULL")
    with pytest.raises(DataError, match=r"r.fits: the matrix holds the effective area .* names an ANCRFILE too"): read(folder)


def test_energies_that_begin_at_0(folder):
    for name, hdu, column in (("r.fits", "MATRIX", "ENERG_LO"), ("a.fits", "SPECRESP", "ENERG_LO"), ("r.fits", "EBOUNDS", "E_MIN")):
        with fits.open(folder / name, mode="update") as file: file[hdu].data[column][0] = 0
    with pytest.warns(SpecnbWarning) as told: arrays = read(folder)
    assert len([w for w in told if "begins at 0; the first bin is taken from" in str(w.message)]) == 3
    assert_allclose(arrays.e_true_edges, E_TRUE)
    assert_allclose(arrays.e_reco_edges, E_RECO)


@pytest.mark.parametrize("change, message", [
    ({"N_GRP": 2}, r"row 0: N_GRP is 2, but F_CHAN and N_CHAN hold 1 groups"), ({"N_GRP": -1}, "row 0: N_GRP is -1"),
    ({"N_CHAN": 9}, "N_CHAN is .9., but MATRIX holds 8 values"), ({"N_CHAN": -2}, "row 0: N_CHAN is .-2."),
    ({"F_CHAN": 7}, "row 0: channels 7 to .* reach out of 0 to 7"), ({"F_CHAN": -3}, "reach out of 0 to 7"),
    ({"MATRIX": np.nan}, "column MATRIX holds .* values that are not finite or negative"), ({"MATRIX": -1}, "column MATRIX holds .* negative")])
def test_a_matrix_that_cannot_be(folder, change, message):
    with fits.open(folder / "r.fits", mode="update") as file:
        for name, value in change.items(): file["MATRIX"].data[name] = value
    with pytest.raises(DataError, match=rf"r.fits\[MATRIX\]: .*{message}"): read(folder)


def test_groups_of_a_matrix_that_overlap(folder):
    with fits.open(folder / "r.fits") as file:
        columns = {c.name: (c.format, c.unit, file["MATRIX"].data[c.name]) for c in file["MATRIX"].columns}
        two = np.tile([2, 1], (N_TRUE, 1))
        columns.update(N_GRP=("I", [2] * N_TRUE), F_CHAN=("2I", np.tile([0, 1], (N_TRUE, 1))), N_CHAN=("2I", two))
        write(folder / "r.fits", table("MATRIX", columns), ebounds())
    with pytest.raises(DataError, match="row 0: channels 1 to 1 overlap the group before"): read(folder)


def test_several_matrices_in_a_file_are_refused(folder):
    with fits.open(folder / "r.fits") as file: write(folder / "r2.fits", file["MATRIX"], file["MATRIX"].copy(), file["EBOUNDS"])
    with pytest.raises(DataError, match="the file holds several HDUs MATRIX, expected one"): read(folder, RESPFILE="r2.fits")


def test_a_compressed_file_in_a_folder_below_is_found(folder):
    (folder / "sub").mkdir()
    (folder / "sub" / "r.fits.gz").write_bytes(gzip.compress((folder / "r.fits").read_bytes()))
    assert_allclose(read(folder, RESPFILE="sub/r.fits").edisp, matrix())
    with pytest.raises(FileNotFoundError, match="RESPFILE names x{50}"): read(folder, RESPFILE="x" * 60)


# groups of channels --------------------------------------------------------------------------------------------------------------

GROUPS = [1, -1, 1, -1, -1, 1, -1, 0]
SUMS = [[0, 1], [2, 3, 4], [5, 6], [7]]


def summed(values, groups=SUMS): return np.array([np.asarray(values)[..., g].sum(-1) for g in groups])


def test_the_likelihood_takes_sums_over_groups(folder):
    arrays = read(folder, {"GROUPING": ("I", GROUPS)})
    signal = 1500 * ((fluxes() * AREA * 1e4) @ matrix())
    likelihood = compile_likelihood([CountsPart("x", arrays, (MODEL,))])
    assert arrays.n_fit_bins == 4 and arrays.n_reco == 8
    assert_allclose(predicted(arrays), summed(signal), rtol=1e-6)
    assert likelihood.stat(likelihood.start) == pytest.approx(wstat(summed(N_ON), summed(N_OFF), .25, summed(signal)).sum())


def test_masks_cut_groups(folder):
    arrays = read(folder, {"GROUPING": ("I", GROUPS), "QUALITY": ("I", [1, 0, 0, 0, 0, 0, 0, 1])})
    arrays = replace(arrays, mask_fit=np.arange(8) != 3)
    likelihood = compile_likelihood([CountsPart("x", arrays, (MODEL,))])
    left = [[1], [2, 4], [5, 6]]
    term = likelihood.pairs[0][1]
    assert arrays.n_fit_bins == 3
    assert_allclose([term.n_on, term.n_off], [summed(N_ON, left), summed(N_OFF, left)])


def test_alpha_of_a_group_keeps_its_background(folder):
    write(folder / "b.fits", spectrum(N_OFF, {"BACKSCAL": ("D", np.linspace(3, 6, N_RECO))}))
    arrays = read(folder, {"GROUPING": ("I", GROUPS)})
    term = compile_likelihood([CountsPart("x", arrays, (MODEL,))]).pairs[0][1]
    assert_allclose(term.alpha * term.n_off, summed(arrays.n_bkg))
    assert term.alpha[3] == pytest.approx(1 / 6)  # no OFF counts there


@pytest.mark.parametrize("keys", [{"GROUPING": 0}, {"GROUPING": 1}, {"columns": {"GROUPING": ("I", [0] * 8)}}, {"columns": {"GROUPING": ("I", [1] * 8)}}])
def test_no_groups(folder, keys):
    assert read(folder, **keys).grouping is None


def test_stacks_of_grouped_spectra(folder):
    arrays = read(folder, {"GROUPING": ("I", GROUPS)})
    assert_array_equal(stack_spectra([arrays, arrays]).grouping, arrays.grouping)
    with pytest.warns(SpecnbWarning, match="grouped differently"): assert stack_spectra([arrays, replace(arrays, grouping=None)]).grouping is None


def test_groups_are_written_and_come_back(folder):
    arrays = read(folder, {"GROUPING": ("I", GROUPS)})
    write_ogip(folder / "again.fits", arrays)
    assert_array_equal(read_ogip(folder / "again.fits")[0].grouping, np.where(np.array(GROUPS) < 0, -1, 1))


def test_the_statistic_of_groups_is_that_of_sherpa(folder):
    "Sherpa 4.19 gives these for the same files, grouped and ungrouped."
    write(folder / "b.fits", spectrum(N_OFF, BACKSCAL=4., AREASCAL=.5))
    arrays = read(folder, {"GROUPING": ("I", GROUPS)}, AREASCAL=.5, BACKSCAL=1.)
    for a, stat in ((arrays, 13.33976515842144), (replace(arrays, grouping=None), 14.504261134335763)):
        likelihood = compile_likelihood([CountsPart("x", a, (MODEL,))])
        assert likelihood.stat(likelihood.start) == pytest.approx(stat, rel=1e-12)
    assert_allclose(predicted(arrays), [21.97410837, 7.92472051, .79065454, .12769832], rtol=1e-7)


@pytest.fixture
def grouped(folder):
    "A dataset with groups, whose alpha varies within them, and a model."
    write(folder / "b.fits", spectrum(N_OFF, {"BACKSCAL": ("D", np.linspace(3, 6, N_RECO))}))
    read(folder, {"GROUPING": ("I", GROUPS)})
    dataset = SpectrumDatasetOnOff.read(folder / "p.fits")
    dataset.models = [SkyModel(MODEL.copy(), name="source")]
    return dataset


def test_fits_of_groups_all_at_once_and_one_by_one(grouped):
    other = grouped.fill(name="other", grouping=None)
    found = [ManyFits["amplitude"][0] for ManyFits in (fit_many(grouped, grouped.arrays.n_on), fit_each([grouped, other]))]
    Fit().run(Datasets([grouped]))
    assert_allclose(found, grouped.models.parameters["amplitude"].value, rtol=1e-4)
    assert grouped.info_dict()["n_fit_bins"] == 4


def test_toys_of_groups_have_their_own_alpha(grouped):
    "Alpha of a group depends on the OFF counts of the set."
    off = np.stack([N_OFF, N_OFF[::-1]])
    found = fit_many(grouped, np.stack([N_ON, N_ON]), off)
    alone = grouped.fill(n_off=off[1])
    Fit().run(Datasets([alone]))
    assert_allclose(found["index"][1], alone.models.parameters["index"].value, rtol=1e-4)


def test_bands_of_flux_points_cut_groups(grouped):
    "The solution for all bands at once and a fit of each band see the same part of a group."
    edges = u.Quantity(E_RECO[[0, 3, 6]], "TeV")
    exact, fitted = (FluxPointsEstimator(edges, "source", "all", fit=fit).run(Datasets([grouped])) for fit in (None, Fit()))
    for name in ("norm", "norm_err", "norm_ul", "ts"):
        assert_allclose(getattr(exact, name), getattr(fitted, name), rtol=2e-3, err_msg=name)
    plain = FluxPointsEstimator(edges, "source", "all").run(Datasets([grouped.fill(grouping=None)]))
    assert not np.allclose(plain.norm, exact.norm, rtol=1e-3)


def test_maps_keep_groups_and_say_that_others_do_not_see_them(grouped, folder):
    with pytest.warns(SpecnbWarning, match="the groups of bins stand in a table of specnb"): grouped.write(folder / "maps.fits", format="gadf")
    again = SpectrumDatasetOnOff.read(folder / "maps.fits")
    again.models = grouped.models
    assert again.stat_sum() == pytest.approx(grouped.stat_sum(), rel=1e-12)


def test_datasets_of_files_with_and_without_off_counts(folder):
    write(folder / "p.fits", type_2())
    assert SpectrumDatasetOnOff.read(folder / "p.fits", spec_num=3).name == "9_3"
    read(folder, BACKFILE="NONE")
    dataset = SpectrumDataset.read(folder / "p.fits")
    assert dataset.stat_type == "cash" and dataset.arrays.n_on.sum() == N_ON.sum()
    with pytest.raises(DataError, match="read it as SpectrumDataset$"): SpectrumDatasetOnOff.read(folder / "p.fits")


@pytest.mark.parametrize("name, hdu, change, message", [
    ("a.fits", "SPECRESP", {"SPECRESP": 1e30}, r"a.fits\[SPECRESP\]: column SPECRESP: 20 of 20 values are not from 0 to 1e\+08 m2, the first is 1e\+26"),
    ("a.fits", "SPECRESP", {"ENERG_HI": np.inf}, "columns ENERG_LO, ENERG_HI: expected positive, increasing bins"),
    ("r.fits", "EBOUNDS", {"E_MAX": 1e20}, "columns E_MIN, E_MAX: expected positive, increasing bins")])
def test_values_out_of_all_bounds(folder, name, hdu, change, message):
    with fits.open(folder / name, mode="update") as file:
        for column, value in change.items(): file[hdu].data[column] = value
    with pytest.raises(DataError, match=message): read(folder)


@pytest.mark.parametrize("change", [{"R": -3.}, {"R": 1e30}, {"X": np.nan}, {"SHAPE": "blob"}, {"CDELT1": 0.}, {"CRVAL2": 1e9}])
def test_regions_that_cannot_be_name_their_table(folder, change):
    write_ogip(folder / "x.fits", read(folder), region=RegionGeom.create("icrs;circle(83.63, 22.01, 0.11)"))
    with fits.open(folder / "x.fits", mode="update") as file:
        for name, value in change.items():
            if name in file["REGION"].columns.names: file["REGION"].data[name] = value
            else: file["REGION"].header[name] = value
    with pytest.raises(DataError, match=r"x.fits\[REGION\]"): read_ogip(folder / "x.fits")


def test_a_probability_above_1_is_refused(folder):
    with fits.open(folder / "r.fits", mode="update") as file: file["MATRIX"].data["MATRIX"][5, 0] = 1e30
    with pytest.raises(DataError, match=r"r.fits\[MATRIX\]: column MATRIX: expected probabilities, found a row with the sum 1e\+30"): read(folder)
