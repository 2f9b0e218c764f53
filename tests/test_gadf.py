"Spectra as Gammapy writes them by default: read with what they hold, written so that nothing changes, refused where they are something else."
import warnings
from dataclasses import replace
import numpy as np
import pytest
from astropy.io import fits
from numpy.testing import assert_allclose, assert_array_equal
from specnb import (DataError, Datasets, GTI, MapAxis, ReflectedRegionsFinder, RegionGeom, SkyModel, SpecnbWarning, SpectrumDataset,
                    SpectrumDatasetOnOff, read_gadf, validate, write_gadf)
from test_fit import dataset, power_law
from test_ogip import N_RECO, N_TRUE, spectrum

FIELDS = ["e_reco_edges", "e_true_edges", "n_on", "n_off", "acceptance", "acceptance_off", "mask_safe", "mask_fit", "exposure", "edisp", "background"]
ON = RegionGeom.create("icrs;circle(83.63, 22.01, 0.11)")


def columns_of(axes):
    "Columns, in the order and with the rows of the peer, of a table of bins: the first axis runs fastest."
    names = {"energy": ("ENERGY", "E_MIN", "E_MAX"), "energy_true": ("ENERGY_TRUE", "ENERGY_TRUE_MIN", "ENERGY_TRUE_MAX")}
    grids = np.meshgrid(*(np.arange(len(e) - 1) for e in axes.values()), indexing="ij")
    result = []
    for (axis, e), i in zip(axes.items(), grids):
        i = i.T.ravel()
        result += zip(names[axis], (np.sqrt(e[1:] * e[:-1])[i], e[:-1][i], e[1:][i]))
    keys = {f"AXCOLS{n}": ",".join(names[axis][1:]) for n, axis in enumerate(axes, 1)} | {f"INTERP{n}": "log" for n, _ in enumerate(axes, 1)}
    return result, keys


def peer_map(name, values, axes, unit="", form="E"):
    "HDUs of a map as Gammapy 2.1 writes them: single precision, cells of shape (1, 1) or (n_reco, 1, 1), no keyword of a format."
    shape = values.shape[1:] + (1, 1)
    data = fits.Column("DATA", f"{np.prod(shape)}{form}", unit=unit, dim=f"({','.join(map(str, shape[::-1]))})", array=values.reshape(-1, *shape))
    columns, keys = columns_of(axes)
    hdus = [fits.BinTableHDU.from_columns([fits.Column("CHANNEL", "I", array=np.arange(len(values))), data], name=name),
            fits.BinTableHDU.from_columns([fits.Column("CHANNEL", "K", array=np.arange(len(columns[0][1])))]
                                          + [fits.Column(n, "D", unit="TeV", array=v) for n, v in columns], name=f"{name}_BANDS")]
    for hdu in hdus: hdu.header.update(keys)
    region = fits.BinTableHDU.from_columns([fits.Column("SHAPE", "6A", array=["circle"]), *(
        fits.Column(n, "D", unit=u, array=[v]) for n, u, v in (("X", "pix", 1.5), ("Y", "pix", 1.5), ("R", "pix", 1.1), ("ROTANG", "deg", 0.)))], name=f"{name}_REGION")
    region.header.update({"WCSAXES": 2, "CRPIX1": 2.5, "CRPIX2": 2.5, "CDELT1": -.1, "CDELT2": .1, "CUNIT1": "deg", "CUNIT2": "deg", "CTYPE1": "RA---TAN",
                          "CTYPE2": "DEC--TAN", "CRVAL1": 83.63, "CRVAL2": 22.01, "LONPOLE": 180., "LATPOLE": 22.01, "RADESYS": "ICRS", "WCSSHAPE": "(4,4)"})
    return [*hdus, region]


def peer_file(path, arrays, skip=(), gti=True):
    "A file with the layout of Gammapy 2.1: HDUs in its order, a region of a background that is not there, and no live time."
    reco, true = {"energy": arrays.e_reco_edges}, {"energy_true": arrays.e_true_edges}
    primary = fits.PrimaryHDU()
    primary.header.update({"NAME": "crab 1", "CREATOR": "Gammapy 2.1"})
    maps = {"COUNTS": (arrays.n_on, reco), "EXPOSURE": (arrays.exposure, true, "m2 s", "D"), "EDISP": (arrays.edisp, reco | true, "", "D"),
            "EDISP_EXPOSURE": (arrays.exposure[:, None], {"energy": arrays.e_reco_edges[[0, -1]]} | true, "m2 s"), "MASK_SAFE": (arrays.mask_safe, reco, "", "L"),
            "COUNTS_OFF": (arrays.n_off, reco), "ACCEPTANCE": (arrays.acceptance, reco), "ACCEPTANCE_OFF": (arrays.acceptance_off, reco),
            "BACKGROUND": (arrays.background, reco)}
    hdus = [h for name, (values, *how) in maps.items() if values is not None and name not in skip for h in peer_map(name, values, *how)]
    if arrays.background is None: hdus.append(peer_map("BACKGROUND", arrays.n_on, reco)[2])
    if gti: hdus.append(fits.BinTableHDU.from_columns([fits.Column(n, "D", unit="s", array=v) for n, v in (("START", [0., 1000.]), ("STOP", [800., 1800.]))],
                                                      fits.Header({"MJDREFI": 53343, "MJDREFF": 0., "TIMESYS": "utc"}), name="GTI"))
    hdus.append(fits.BinTableHDU.from_columns([fits.Column("TELESCOP", "8A", dim="(4,2)", array=[["HESS", "HESS"]]), fits.Column("OBS_ID", "2K", array=[[1, 2]])], name="META_TABLE"))
    fits.HDUList([primary, *hdus]).writeto(path, overwrite=True)
    return path


@pytest.fixture
def expected():
    "A spectrum with an expected background."
    return spectrum(n_off=None, acceptance=None, acceptance_off=None, background=np.linspace(8, 1, N_RECO))


@pytest.mark.filterwarnings("ignore:.*does not tell the live time")
def test_a_file_of_gammapy_is_read_with_all_it_holds(tmp_path):
    a = spectrum(edisp=np.eye(N_TRUE, N_RECO))
    back, info = read_gadf(peer_file(tmp_path / "x.fits", a))
    for name in FIELDS[:7] + ["exposure", "edisp"]: assert_allclose(getattr(back, name), getattr(a, name), rtol=1e-6, err_msg=name)
    assert info["name"] == "crab 1" and info["meta"] == {"TELESCOP": "HESS"} and info["gti"].ontime_s == 1600
    assert RegionGeom.create(info["region"]).is_allclose(ON) and back.mask_fit is None and back.background is None


@pytest.mark.filterwarnings("ignore:.*does not tell the live time")
def test_the_dataset_of_a_file_of_gammapy_predicts_what_the_arrays_do(tmp_path):
    ours = dataset("a", 1)
    ours.models = [power_law(index=2.3, amplitude="3e-11 cm-2 s-1 TeV-1")]
    back = SpectrumDatasetOnOff.read(peer_file(tmp_path / "x.fits", ours.arrays))
    back.models = ours.models
    assert back.stat_sum() == pytest.approx(ours.stat_sum(), rel=1e-6)
    assert back.npred().data == pytest.approx(ours.npred().data, rel=1e-6)


def test_a_live_time_that_is_not_told_is_told(tmp_path):
    path = peer_file(tmp_path / "x.fits", spectrum())
    with pytest.warns(SpecnbWarning, match=r"x.fits\[EXPOSURE\]: the file does not tell the live time, so the 1600 s of the good time intervals"):
        assert read_gadf(path)[0].livetime == 1600


@pytest.mark.filterwarnings("ignore:.*does not tell the live time")
def test_an_expected_background_is_read_as_one(tmp_path, expected):
    path = peer_file(tmp_path / "x.fits", expected)
    back = SpectrumDataset.read(path)
    assert_allclose(back.arrays.background, expected.background, rtol=1e-6)
    assert back.stat_type == "cash" and not back.arrays.is_on_off
    with pytest.raises(DataError, match="no map ACCEPTANCE, so there is no OFF measurement; read it as SpectrumDataset"): SpectrumDatasetOnOff.read(path)
    with pytest.raises(DataError, match="an OFF measurement; read it as SpectrumDatasetOnOff"): SpectrumDataset.read(peer_file(tmp_path / "y.fits", spectrum()))


@pytest.mark.filterwarnings("ignore:.*does not tell the live time")
def test_no_off_region_means_alpha_zero(tmp_path):
    back = read_gadf(peer_file(tmp_path / "x.fits", spectrum(), skip=("COUNTS_OFF", "ACCEPTANCE_OFF")))[0]
    assert back.is_on_off and not back.alpha.any() and not back.n_off.any()


@pytest.mark.parametrize("suffix", ["fits", "fits.gz"])
@pytest.mark.filterwarnings("ignore:.*the groups of bins stand")
def test_the_way_there_and_back_changes_nothing(tmp_path, suffix):
    a = spectrum(mask_fit=np.arange(N_RECO) > 2, n_on=np.arange(N_RECO) + .1, grouping=[1, -1, -1, 1, 1, -1, 1])
    off, gti = ReflectedRegionsFinder().find(ON, (83.63, 21.51)), GTI([10., 200.25], [90., 1000.5])
    write_gadf(tmp_path / f"x.{suffix}", a, "7", ON, off, gti, meta={"TELESCOP": "HESS", "OBS_ID": 7, "parts": [1]})
    back, info = read_gadf(tmp_path / f"x.{suffix}")
    for name in FIELDS[:-1] + ["livetime", "ontime", "grouping"]: assert_array_equal(getattr(back, name), getattr(a, name), err_msg=name)
    assert info["name"] == "7" and info["meta"] == {"TELESCOP": "HESS", "OBS_ID": 7} and info["off_regions"].n == off.n
    assert_array_equal([info["gti"].start_s, info["gti"].stop_s], [gti.start_s, gti.stop_s])


def test_parts_that_are_absent(tmp_path, expected):
    write_gadf(tmp_path / "x.fits", expected)
    assert_array_equal(read_gadf(tmp_path / "x.fits")[0].background, expected.background)
    write_gadf(tmp_path / "y.fits", replace(expected, exposure=None, edisp=None, background=None), overwrite=True)
    with pytest.warns(SpecnbWarning, match=r"y.fits\[COUNTS\]: the file does not tell the live time, so the 0 s"): back, info = read_gadf(tmp_path / "y.fits")
    assert back.exposure is None and back.edisp is None and back.background is None and info["region"] is None and info["gti"] is None


def test_the_layout_is_that_of_gammapy(tmp_path):
    "What Gammapy asks for, HDU by HDU: names, columns, shapes and axis keywords of its own file."
    a = spectrum()
    write_gadf(tmp_path / "ours.fits", a, "crab 1", ON)
    with fits.open(tmp_path / "ours.fits") as ours, fits.open(peer_file(tmp_path / "peer.fits", a)) as peer:
        assert ours[0].header["NAME"] == "crab 1"
        for hdu in peer[1:]:
            if hdu.name in ("GTI", "META_TABLE", "BACKGROUND_REGION"): continue
            found = ours[hdu.name]
            assert found.columns.names == hdu.columns.names and found.data.dtype.names == hdu.data.dtype.names
            for name in hdu.columns.names:
                assert found.data[name].shape == hdu.data[name].shape, (hdu.name, name)
                if hdu.name.endswith("_BANDS"): assert_allclose(found.data[name], hdu.data[name])
            keys = [k for k in hdu.header if k.startswith(("AXCOLS", "INTERP"))]
            assert {k: found.header[k] for k in keys} == {k: hdu.header[k] for k in keys}


def test_a_name_that_needs_two_cards(tmp_path):
    write_gadf(tmp_path / "x.fits", spectrum(), "a" * 100)
    assert read_gadf(tmp_path / "x.fits")[1]["name"] == "a" * 100


def damaged(path, hdu, change):
    with fits.open(path, mode="update") as file: change(file[hdu] if hdu else file)
    return path


def delete(name):
    def change(file): del file[name]
    return change


@pytest.mark.parametrize("hdu, change, message", [
    (None, delete("COUNTS"), r"x.fits: no HDU COUNTS"),
    (None, delete("COUNTS_BANDS"), r"x.fits: no HDU COUNTS_BANDS"),
    (None, delete("EDISP_BANDS"), r"x.fits: no HDU EDISP_BANDS"),
    ("COUNTS", lambda h: h.data["DATA"].fill(-1), r"\[COUNTS\]: column DATA holds 7 values that are not finite or negative"),
    ("EXPOSURE", lambda h: h.data["DATA"].fill(np.nan), r"\[EXPOSURE\]: column DATA holds 12 values that are not finite"),
    ("EXPOSURE", lambda h: h.header.set("TUNIT2", "m2"), r"\[EXPOSURE\]: column DATA: unit 'm2' does not convert to 'm2 s'"),
    ("ACCEPTANCE_OFF", lambda h: h.data["DATA"].fill(np.inf), r"\[ACCEPTANCE_OFF\]: column DATA holds 7 values that are not finite or negative"),
    ("EDISP", lambda h: h.data["DATA"].fill(-1), r"\[EDISP\]: column DATA holds 84 values"),
    ("EDISP_BANDS", lambda h: h.header.set("AXCOLS1", "MIGRA_MIN,MIGRA_MAX"), r"EDISP_BANDS\]: keyword AXCOLS1 is 'MIGRA_MIN,MIGRA_MAX', expected 'E_MIN,E_MAX'"),
    ("COUNTS_BANDS", lambda h: h.header.set("TUNIT3", "m"), r"COUNTS_BANDS\]: column E_MIN: unit 'm' does not convert to 'TeV'"),
    ("COUNTS_BANDS", lambda h: h.data["E_MIN"].fill(1), r"COUNTS_BANDS\]: columns E_MIN, E_MAX: expected positive, increasing bins"),
    ("COUNTS_OFF_BANDS", lambda h: h.data["E_MAX"].fill(1), r"COUNTS_OFF_BANDS\]: column E_MAX holds 7 values from .* expected the bins of the counts"),
    (None, lambda h: h.append(fits.BinTableHDU.from_columns([fits.Column("GROUPING", "I", array=[1, -1])], name="GROUPING")), r"x.fits: grouping: expected shape \(7,\)"),
    ("GTI", lambda h: h.data["STOP"].fill(-9), r"\[GTI\]: columns START, STOP")])
def test_what_is_damaged_is_named(tmp_path, hdu, change, message):
    write_gadf(tmp_path / "x.fits", spectrum(), gti=GTI(0., 10.))
    damaged(tmp_path / "x.fits", hdu, change)
    with pytest.raises(DataError, match=message): read_gadf(tmp_path / "x.fits")


def test_a_map_of_sky_pixels_is_refused_by_name(tmp_path):
    fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(np.zeros((2, 3, 3)), name="COUNTS"), fits.BinTableHDU.from_columns([], name="COUNTS_BANDS")]).writeto(tmp_path / "x.fits")
    with pytest.raises(DataError, match=r"x.fits\[COUNTS\]: a map of sky pixels, expected the map of one region"): SpectrumDatasetOnOff.read(tmp_path / "x.fits")


# lists of datasets ------------------------------------------------------------------------------------------------------------

@pytest.mark.filterwarnings("ignore:.*does not tell the live time")
def test_a_list_of_gammapy_is_read(tmp_path):
    "With the metadata and the checksum that Gammapy 2.1 writes."
    for i in (1, 2): peer_file(tmp_path / f"pha_obs{i}.fits", spectrum(i))
    text = ("datasets:\n-   name: '1'\n    type: SpectrumDatasetOnOff\n    filename: pha_obs1.fits\n-   name: '2'\n    type: SpectrumDatasetOnOff\n"
            "    filename: pha_obs2.fits\nmetadata:\n    creator: Gammapy 2.1\n    date: '2001-01-01T00:00:00.000000'\n    origin: null\n")
    (tmp_path / "list.yaml").write_text(text + "checksum: 6c1ea45fdc3dc5f1c6ab44d4b4ffa5e2\n")
    with pytest.warns(SpecnbWarning, match="list.yaml: the checksum does not agree"): Datasets.read(tmp_path / "list.yaml")
    (tmp_path / "list.yaml").write_text(text + "checksum: 14fdc51c580206d5831f0ec46377ae99\n")
    assert Datasets.read(tmp_path / "list.yaml").names == ["1", "2"]


@pytest.mark.parametrize("form", ["ogip", "gadf", None])
def test_a_list_of_both_kinds_comes_back(tmp_path, form, expected):
    axis = MapAxis.from_energy_edges(expected.e_reco_edges, unit="TeV", name="energy")
    datasets = Datasets([SpectrumDatasetOnOff.from_arrays(spectrum(), RegionGeom.create(None, [axis]), "a/b"),
                         SpectrumDataset.from_arrays(expected, RegionGeom.create(None, [axis]), "known")])
    datasets.models = [SkyModel(power_law().spectral_model, name="crab")]
    if form == "ogip":
        with pytest.raises(ValueError, match="known: OGIP files hold OFF counts, not an expected background; format='gadf' does"): datasets.write(tmp_path / "d.yaml", format=form)
        assert not list(tmp_path.iterdir())
        return
    datasets.write(tmp_path / "d.yaml", tmp_path / "m.yaml", format=form)
    back = Datasets.read(tmp_path / "d.yaml", tmp_path / "m.yaml")
    assert back.names == ["a/b", "known"] and [d.tag for d in back] == [d.tag for d in datasets]
    assert back.stat_sum() == pytest.approx(datasets.stat_sum(), rel=1e-6)


@pytest.mark.parametrize("entry, message", [
    ("{name: a, filename: x.fits, type: MapDataset}", "dataset 1: a is of type 'MapDataset', expected SpectrumDataset or SpectrumDatasetOnOff"),
    ("{name: a, filename: x.fits, type: FluxPointsDataset}", "dataset 1: a is of type 'FluxPointsDataset', expected"),
    ("{name: a, filename: x.fits, typ: b}", "dataset 1: unknown key 'typ'; did you mean type?"),
    ("{name: a, filename: [x.fits]}", r"dataset 1: key 'filename' is \['x.fits'\], expected a text"),
    ("{name: [a], filename: x.fits}", r"dataset 1: key 'name' is \['a'\], expected a text"),
    ("{name: a, name: b, filename: x.fits}", "the key name is given in line"),
    ("{name: a, filename: nowhere.fits}", "dataset 1: a names .*nowhere.fits, and there is no such file"),
    ("{name: a, filename: x.fits}, {name: a, filename: x.fits}", "several datasets are named 'a'"),
    ("a", "dataset 1: expected entries with 'name' and 'filename'")])
def test_entries_that_are_refused(tmp_path, entry, message):
    write_gadf(tmp_path / "x.fits", spectrum())
    (tmp_path / "d.yaml").write_text(f"datasets: [{entry}]\n")
    with pytest.raises((DataError, FileNotFoundError), match=rf"d.yaml.*{message}"): Datasets.read(tmp_path / "d.yaml")


def test_anchors_are_read_and_unknown_keys_beside_the_list_are_not(tmp_path):
    write_gadf(tmp_path / "x.fits", spectrum())
    (tmp_path / "d.yaml").write_text("datasets:\n- &a {name: a, filename: x.fits, type: SpectrumDatasetOnOff}\n- {<<: *a, name: b}\n")
    assert Datasets.read(tmp_path / "d.yaml").names == ["a", "b"]
    (tmp_path / "d.yaml").write_text("dataset: []\ndatasets: []\n")
    with pytest.raises(DataError, match="d.yaml: unknown key 'dataset'; did you mean datasets?"): Datasets.read(tmp_path / "d.yaml")


def test_names_that_would_make_one_file(tmp_path):
    "Letters that some file systems do not tell apart, and names like those of the companions of an OGIP file."
    names = ["a", "A", "a_bkg", "x/y", "x y", "a_b"]
    datasets = Datasets([dataset(name, i) for i, name in enumerate(names)])
    datasets.write(tmp_path / "d.yaml")
    back = Datasets.read(tmp_path / "d.yaml")
    assert back.names == names and len({p.name.lower() for p in tmp_path.iterdir()}) == 4 * len(names) + 1
    for a, b in zip(datasets, back): assert_array_equal(a.arrays.n_on, b.arrays.n_on)


def test_two_datasets_of_one_name_are_not_written(tmp_path):
    datasets = Datasets([dataset("a", 1), dataset("b", 2)])
    datasets["b"].name = "a"
    with pytest.raises(ValueError, match="several datasets are named a; names must be unique"): datasets.write(tmp_path / "d.yaml")
    with pytest.raises(ValueError, match="expected different files for the datasets and the models"):
        single = Datasets([dataset("a", 1)])
        single.models = [power_law()]
        single.write(tmp_path / "d.yaml", tmp_path / "d.yaml")
    assert not list(tmp_path.iterdir())


def test_models_that_share_a_parameter_still_do(tmp_path):
    datasets, one, two = Datasets([dataset("a", 1)]), power_law(), power_law()
    two.name = "second"
    two.spectral_model.index = one.spectral_model.index
    datasets.models = [one, two]
    datasets.write(tmp_path / "d.yaml", tmp_path / "m.yaml", format="gadf")
    first, second = Datasets.read(tmp_path / "d.yaml", tmp_path / "m.yaml").models
    assert first.spectral_model.index is second.spectral_model.index


def test_the_telescope_of_stacked_runs_stays(tmp_path):
    datasets = Datasets([dataset("a", 1), dataset("b", 2)])
    for i, d in enumerate(datasets): d.meta = {"TELESCOP": "HESS", "INSTRUME": "CAM", "OBJECT": "Crab", "OBS_ID": i}
    stacked = datasets.stack_reduce()
    assert stacked.meta == {"TELESCOP": "HESS", "INSTRUME": "CAM", "OBJECT": "Crab"}
    with warnings.catch_warnings(action="error"): stacked.write(tmp_path / "x.fits", one_acceptance=True) # alpha is the same, so nothing moves
    header = fits.getheader(tmp_path / "x.fits", "SPECTRUM")
    assert [header[k] for k in ("TELESCOP", "INSTRUME", "OBJECT", "OBS_ID")] == ["HESS", "CAM", "Crab", "stacked"]
    datasets[0].stack(datasets[1])
    assert datasets[0].meta == stacked.meta


def test_validate_knows_a_file_of_maps(tmp_path):
    "A good one has no problem; what is not told is a warning, what is refused an error."
    write_gadf(tmp_path / "x.fits", spectrum())
    assert validate(tmp_path / "x.fits") == []
    (told,) = validate(peer_file(tmp_path / "y.fits", spectrum()))
    assert told.severity == "warning" and "does not tell the live time" in told.message
    damaged(tmp_path / "x.fits", "COUNTS", lambda h: h.data["DATA"].fill(-1))
    (wrong,) = validate(tmp_path / "x.fits")
    assert wrong.severity == "error" and "column DATA holds 7 values" in wrong.message + wrong.where


def test_off_counts_that_are_lost_are_told(tmp_path):
    path = peer_file(tmp_path/"x.fits", spectrum(), skip=("COUNTS_OFF",))
    with pytest.warns(SpecnbWarning, match="no HDU COUNTS_OFF although there is ACCEPTANCE_OFF"): read_gadf(path)


def test_bins_in_another_order_are_refused(tmp_path):
    path = peer_file(tmp_path/"x.fits", spectrum())
    with fits.open(path, mode="update") as file:
        file["COUNTS"].data = file["COUNTS"].data[::-1].copy()
    with pytest.raises(DataError, match=r"x.fits\[COUNTS\]: column CHANNEL does not count from 0 to"): read_gadf(path)


def test_counts_with_their_unit_are_counts(tmp_path):
    "Gammapy writes the unit that it found: `count` where the spectrum came from an OGIP file."
    path = peer_file(tmp_path/"x.fits", spectrum())
    with fits.open(path, mode="update") as file:
        for name in ("COUNTS", "COUNTS_OFF"): file[name].header["TUNIT2"] = "count"
    assert_array_equal(read_gadf(path)[0].n_on, spectrum().n_on)
