"OGIP files: what is written comes back, files of other writers are read, damaged sets are refused."
import gzip
from dataclasses import replace
import numpy as np
import pytest
from astropy.io import fits
from numpy.testing import assert_allclose, assert_array_equal
from specnb import (DataError, GTI, ReflectedRegionsFinder, RegionGeom, SpecnbWarning, SpectrumArrays, SpectrumDatasetOnOff, WobbleRegionsFinder,
                    pack_matrix, read_arf, read_ogip, read_rmf, unpack_matrix, write_ogip)

N_TRUE, N_RECO = 12, 7
SAME = ["e_reco_edges", "e_true_edges", "n_on", "n_off", "mask_safe", "livetime", "ontime"]


def spectrum(seed=0, **changes):
    "A spectrum with a matrix that has holes, empty rows and several groups in a row."
    rng = np.random.default_rng(seed)
    edisp = rng.random((N_TRUE, N_RECO)) * (rng.random((N_TRUE, N_RECO)) < .6)
    edisp /= edisp.sum(1, keepdims=True) * 1.01
    edisp[[0, 5]] = 0
    fields = dict(e_reco_edges=np.geomspace(.1, 40, N_RECO + 1), e_true_edges=np.geomspace(.05, 100, N_TRUE + 1), n_on=rng.poisson(20, N_RECO),
                  n_off=rng.poisson(90, N_RECO), acceptance=np.ones(N_RECO), acceptance_off=np.full(N_RECO, 12.), exposure=rng.random(N_TRUE) * 1e9,
                  edisp=edisp, mask_safe=rng.random(N_RECO) < .7, livetime=1581.736764695497, ontime=1687.)
    return SpectrumArrays(**{**fields, **changes})


def assert_same(a, b):
    "Equal up to the precision the files promise: exposure 1e-12, matrix 1e-7."
    for name in SAME: assert_allclose(getattr(b, name), getattr(a, name), rtol=1e-14, err_msg=name)
    assert_allclose(b.exposure, a.exposure, rtol=1e-12)
    assert_allclose(b.edisp, a.edisp, atol=1e-7)
    assert_allclose(b.alpha, a.alpha, rtol=1e-15)


def table(name, columns, header):
    "HDU from (name, format, unit, values) rows."
    hdu = fits.BinTableHDU.from_columns([fits.Column(n, f, unit=u, array=v) for n, f, u, v in columns], name=name)
    hdu.header.update(header)
    return hdu


def write(path, *hdus): fits.HDUList([fits.PrimaryHDU(), *hdus]).writeto(path, overwrite=True)


# the way there and back ------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("form", ["ogip", "ogip-sherpa"])
@pytest.mark.parametrize("suffix", ["fits", "fits.gz"])
def test_round_trip(tmp_path, form, suffix):
    a = spectrum()
    write_ogip(tmp_path / f"x.{suffix}", a, name="23523", format=form)
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(f"x{s}.{suffix}" for s in ("", "_arf", "_bkg", "_rmf"))
    b, info = read_ogip(tmp_path / f"x.{suffix}")
    assert_same(a, b)
    assert info["name"] == "23523" and info["gti"] is None and info["region"] is None and info["off_regions"] is None


@pytest.mark.parametrize("changes", [
    {"acceptance_off": np.arange(1., N_RECO + 1)}, {"acceptance": np.arange(1., N_RECO + 1)}, {"n_on": np.arange(N_RECO) + .25},
    {"n_off": np.zeros(N_RECO), "acceptance_off": np.zeros(N_RECO), "mask_safe": np.zeros(N_RECO, bool)}, {"n_on": np.full(N_RECO, 2**31 - 1)},
    {"edisp": np.zeros((N_TRUE, N_RECO))}, {"edisp": np.ones((N_TRUE, N_RECO)) / N_RECO}, {"edisp": np.eye(N_TRUE, N_RECO)}],
    ids=["alpha varies", "acceptance varies", "fractions", "no OFF region", "many counts", "empty matrix", "full matrix", "diagonal"])
@pytest.mark.parametrize("form", ["ogip", "ogip-sherpa"])
@pytest.mark.filterwarnings("ignore:.*the acceptance varies")
def test_round_trip_of_special_spectra(tmp_path, changes, form):
    a = spectrum(1, **changes)
    write_ogip(tmp_path / "x.fits", a, format=form)
    assert_same(a, read_ogip(tmp_path / "x.fits")[0])


def test_more_counts_than_an_integer_column_holds(tmp_path):
    a = spectrum(n_on=np.full(N_RECO, 1e12))
    write_ogip(tmp_path / "x.fits", a)
    assert_array_equal(read_ogip(tmp_path / "x.fits")[0].n_on, a.n_on)


def test_parts_that_are_absent(tmp_path):
    counted = spectrum(exposure=None, edisp=None, n_off=None, acceptance=None, acceptance_off=None)
    write_ogip(tmp_path / "x.fits", counted)
    assert [p.name for p in tmp_path.iterdir()] == ["x.fits"]
    back = read_ogip(tmp_path / "x.fits")[0]
    assert back.exposure is None and back.edisp is None and back.n_off is None and not back.is_on_off
    assert_array_equal(back.n_on, counted.n_on)
    no_matrix = spectrum(edisp=None)
    write_ogip(tmp_path / "y.fits", no_matrix)
    assert_allclose(read_ogip(tmp_path / "y.fits")[0].exposure, no_matrix.exposure)


@pytest.mark.parametrize("text", ["icrs;circle(83.63, 22.01, 0.11)", "galactic;circle(184.5575, -5.7844, 0.2)", "icrs;ellipse(83.63, 22.01, 0.2, 0.1, 30)",
                                  "icrs;box(83.63, 22.01, 0.3, 0.1, 10)"])
def test_regions_come_back(tmp_path, text):
    geom = RegionGeom.create(text)
    off = ReflectedRegionsFinder().find(geom, (83.63, 21.5))
    write_ogip(tmp_path / "x.fits", spectrum(), region=geom, off_regions=off)
    info = read_ogip(tmp_path / "x.fits")[1]
    again = RegionGeom.create(info["region"])
    assert again.is_allclose(geom) and again.frame == geom.frame
    assert info["off_regions"].n == off.n > 3
    assert_allclose([info["off_regions"].lon, info["off_regions"].lat], [off.lon, off.lat], atol=1e-5)
    assert_allclose(info["off_regions"].pointing_deg, (83.63, 21.5), atol=1e-9)


def test_wobble_positions_come_back(tmp_path):
    geom = RegionGeom.create("icrs;point(83.63, 22.01)")
    off = WobbleRegionsFinder(n_off_regions=3).find(geom, (83.63, 21.6))
    write_ogip(tmp_path / "x.fits", spectrum(), region=geom, off_regions=off)
    info = read_ogip(tmp_path / "x.fits")[1]
    assert RegionGeom.create(info["region"]).is_point and info["off_regions"].geom.is_point
    assert_allclose([info["off_regions"].lon, info["off_regions"].lat], [off.lon, off.lat], atol=1e-9)


def test_times_and_keywords_come_back(tmp_path):
    gti = GTI(np.array([10., 200.25]), np.array([90., 1000.5]))
    write_ogip(tmp_path / "x.fits", spectrum(), name="7", gti=gti, meta={"TELESCOP": "HESS", "RA_PNT": 83.6, "not a keyword": 3, "PARTS": ["a"]})
    info = read_ogip(tmp_path / "x.fits")[1]
    assert_array_equal([info["gti"].start_s, info["gti"].stop_s], [gti.start_s, gti.stop_s])
    assert info["meta"] == {"TELESCOP": "HESS", "INSTRUME": "UNKNOWN", "OBS_ID": "7"}
    assert fits.getheader(tmp_path / "x.fits", "SPECTRUM")["RA_PNT"] == 83.6


def test_dataset_round_trip(tmp_path):
    geom = RegionGeom.create("icrs;circle(83.63, 22.01, 0.11)")
    write_ogip(tmp_path / "x.fits", spectrum(), name="23523", region=geom)
    dataset = SpectrumDatasetOnOff.read(tmp_path / "x.fits")
    dataset.write(tmp_path / "y.fits.gz")
    again = SpectrumDatasetOnOff.read(tmp_path / "y.fits.gz")
    assert_same(dataset.arrays, again.arrays)
    assert again.name == "23523" and again.geom.is_allclose(dataset.geom)


# the files themselves ---------------------------------------------------------------------------------------------------------

def test_the_same_spectrum_gives_the_same_bytes(tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        write_ogip(tmp_path / folder / "x.fits.gz", spectrum(), gti=GTI(0., 10.))
    for path in (tmp_path / "a").iterdir(): assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()
    assert gzip.decompress((tmp_path / "a" / "x.fits.gz").read_bytes())[:6] == b"SIMPLE"


@pytest.mark.parametrize("form", ["ogip", "ogip-sherpa"])
def test_one_file_for_all_programs(tmp_path, form):
    "keV, cm**2, and BACKSCAL as keyword (threeML) and column (Gammapy), under both names of the format."
    write_ogip(tmp_path / "x.fits", spectrum(), format=form)
    for name, scale in {"x": 1., "x_bkg": 12.}.items():
        with fits.open(tmp_path / f"{name}.fits") as file:
            assert file["SPECTRUM"].header["BACKSCAL"] == scale and set(file["SPECTRUM"].data["BACKSCAL"]) == {scale}
            assert file["SPECTRUM"].columns["COUNTS"].unit is None   # with one, Gammapy 2.1 cannot stack what it has read
    units = [fits.open(tmp_path / f"x{s}.fits")[h].columns[c].unit for s, h, c in (("", "EBOUNDS", "E_MIN"), ("_rmf", "MATRIX", "ENERG_LO"), ("_arf", "SPECRESP", "SPECRESP"))]
    assert units == ["keV", "keV", "cm**2"]


def test_keywords_of_mission_place_dates_and_versions(tmp_path):
    gti = GTI([10., 200.], [90., 1000.])
    write_ogip(tmp_path / "x.fits", spectrum(), gti=gti, region=RegionGeom.create("galactic;circle(184.5575, -5.7844, 0.2)"),
               meta={"TELESCOP": "HESS", "INSTRUME": "CAM", "OBJECT": "Crab"})
    pha, times = (fits.getheader(tmp_path / "x.fits", h) for h in ("SPECTRUM", "GTI"))
    found = {k: pha[k] for k in ("TELESCOP", "INSTRUME", "OBJECT", "PHAVERSN", "CREATOR", "DATE-OBS", "DATE-END", "RADECSYS")}
    assert found == {"TELESCOP": "HESS", "INSTRUME": "CAM", "OBJECT": "Crab", "PHAVERSN": "1992a", "CREATOR": "specnb", "RADECSYS": "ICRS",
                     "DATE-OBS": "2001-01-01T00:00:10.000", "DATE-END": "2001-01-01T00:16:40.000"}
    assert [pha["RA_OBJ"], pha["DEC_OBJ"]] == pytest.approx([83.63, 22.01], abs=.01)
    assert [fits.getheader(tmp_path / f"x_{s}.fits", 1)[k] for s, k in (("arf", "ARFVERSN"), ("rmf", "RMFVERSN"))] == ["1992a"] * 2
    assert [times[k] for k in ("HDUCLASS", "HDUCLAS1")] == ["OGIP", "GTI"] and "HDUDOC" not in times


def test_energies_that_a_person_writes_come_back_exactly(tmp_path):
    "A mask from 0.3 TeV must not lose its bin because the file counts in keV."
    edges = np.array([.1, .2, .3, .5, .7, 1, 3, 10.])
    write_ogip(tmp_path / "x.fits", spectrum(e_reco_edges=edges))
    assert_array_equal(read_ogip(tmp_path / "x.fits")[0].e_reco_edges, edges)


def test_an_acceptance_that_varies_is_told_and_can_be_made_one(tmp_path):
    varying = spectrum(acceptance_off=np.linspace(9, 15, N_RECO))
    with pytest.warns(SpecnbWarning, match=r"x.fits: the acceptance varies from channel to channel, so BACKSCAL is a column only, which threeML cannot read"):
        write_ogip(tmp_path / "x.fits", varying)
    assert "BACKSCAL" not in fits.getheader(tmp_path / "x_bkg.fits", "SPECTRUM")
    assert_allclose(read_ogip(tmp_path / "x.fits")[0].alpha, varying.alpha)
    with pytest.warns(SpecnbWarning, match=r"y.fits: all channels get the mean alpha 0.08\d+, in single ones it changes by up to \d+.\d\d%"):
        write_ogip(tmp_path / "y.fits", varying, one_acceptance=True)
    mean, k = read_ogip(tmp_path / "y.fits")[0], varying.mask_safe
    assert_allclose(mean.alpha, np.average(varying.alpha[k], weights=varying.n_off[k]))
    assert mean.n_bkg[k].sum() == pytest.approx(varying.n_bkg[k].sum())
    assert "BACKSCAL" in fits.getheader(tmp_path / "y_bkg.fits", "SPECTRUM")


def test_a_bin_without_off_measurement_does_not_get_the_mean(tmp_path):
    off = np.array([0, 5, 5, 5, 5, 5, 5.])
    lost = spectrum(acceptance_off=off, n_off=off, mask_safe=np.ones(N_RECO, bool))
    with pytest.warns(SpecnbWarning, match="x.fits: 1 safe channels without an OFF measurement are left out"): write_ogip(tmp_path / "x.fits", lost, one_acceptance=True)
    assert_array_equal(read_ogip(tmp_path / "x.fits")[0].mask_safe, off > 0)
    nothing = spectrum(acceptance_off=np.zeros(N_RECO), acceptance=np.arange(N_RECO))
    with pytest.raises(ValueError, match="no safe channel with an OFF measurement"): write_ogip(tmp_path / "y.fits", nothing, one_acceptance=True)


def test_keywords_that_xspec_and_sherpa_ask_for(tmp_path):
    write_ogip(tmp_path / "x.fits", spectrum(), format="ogip-sherpa")
    with fits.open(tmp_path / "x.fits") as file:
        pha, ebounds = file["SPECTRUM"], file["EBOUNDS"]
        wanted = {"HDUCLASS": "OGIP", "HDUCLAS1": "SPECTRUM", "HDUCLAS2": "TOTAL", "HDUCLAS3": "COUNT", "HDUCLAS4": "TYPE:I", "HDUVERS": "1.2.1",
                  "POISSERR": True, "CHANTYPE": "PI", "DETCHANS": N_RECO, "TLMIN1": 0, "TLMAX1": N_RECO - 1, "CORRFILE": "NONE", "CORRSCAL": 1.,
                  "AREASCAL": 1., "BACKSCAL": 1., "FILTER": "NONE", "BACKFILE": "x_bkg.fits", "RESPFILE": "x_rmf.fits", "ANCRFILE": "x_arf.fits"}
        assert {k: pha.header[k] for k in wanted} == wanted and type(pha.header["CORRSCAL"]) is float
        assert pha.columns["QUALITY"].format == "I" and pha.columns["COUNTS"].format == "J"
        assert ebounds.columns["E_MIN"].unit == "keV" and ebounds.data["E_MIN"][0] == pytest.approx(1e8)
        channels = pha.data["CHANNEL"]
    with fits.open(tmp_path / "x_rmf.fits") as file:
        rmf = file["MATRIX"]
        assert rmf.header["TLMIN4"] == channels[0] == 0 and rmf.columns.names[3] == "F_CHAN"
        assert rmf.header["NUMELT"] == np.count_nonzero(spectrum().edisp) and rmf.header["NUMGRP"] == rmf.data["N_GRP"].sum()
        assert file["EBOUNDS"].header["DETCHANS"] == N_RECO
    with fits.open(tmp_path / "x_arf.fits") as file: assert file["SPECRESP"].columns["SPECRESP"].unit == "cm**2"
    assert_allclose(fits.getdata(tmp_path / "x_arf.fits", 1)["SPECRESP"], spectrum().exposure / spectrum().livetime * 1e4)


@pytest.mark.parametrize("existing", ["x.fits", "x_bkg.fits", "x_arf.fits", "x_rmf.fits"])
def test_all_files_or_none(tmp_path, existing):
    (tmp_path / existing).write_text("old")
    with pytest.raises(FileExistsError, match=existing): write_ogip(tmp_path / "x.fits", spectrum())
    assert [p.name for p in tmp_path.iterdir()] == [existing] and (tmp_path / existing).read_text() == "old"
    write_ogip(tmp_path / "x.fits", spectrum(), overwrite=True)
    assert_same(spectrum(), read_ogip(tmp_path / "x.fits")[0])


def test_an_error_half_way_leaves_the_old_files(tmp_path, monkeypatch):
    write_ogip(tmp_path / "x.fits", spectrum())
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    calls = []
    import specnb.makers.ogip_writing as module
    def fail(path, hdus):
        calls.append(path)
        if len(calls) == 3: raise OSError("disk full")
        original(path, hdus)
    original = module.save_tables
    monkeypatch.setattr(module, "save_tables", fail)
    with pytest.raises(OSError, match="disk full"): write_ogip(tmp_path / "x.fits", spectrum(2), overwrite=True)
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


def test_what_cannot_be_written(tmp_path):
    with pytest.raises(ValueError, match="format: expected one of ogip, ogip-sherpa, found 'gadf'"): write_ogip(tmp_path / "x.fits", spectrum(), format="gadf")
    expected = spectrum(background=np.ones(N_RECO), n_off=None, acceptance=None, acceptance_off=None)
    with pytest.raises(ValueError, match="not an expected background"): write_ogip(tmp_path / "x.fits", expected)
    with pytest.raises(ValueError, match="livetime must be positive"): write_ogip(tmp_path / "x.fits", spectrum(livetime=0.))
    with pytest.raises(FileNotFoundError, match="the folder .* does not exist"): write_ogip(tmp_path / "no" / "x.fits", spectrum())
    assert list(tmp_path.iterdir()) == []


# the matrix -------------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("seed", range(20))
def test_packing_keeps_every_matrix(seed):
    rng = np.random.default_rng(seed)
    edisp = rng.random((9, 8)) * (rng.random((9, 8)) < rng.random())
    packed = pack_matrix(edisp)
    assert_allclose(unpack_matrix(*packed.values(), 8, first=0), edisp, rtol=1e-7)
    assert packed["N_CHAN"].sum() == np.count_nonzero(edisp)


def test_channels_count_from_tlmin():
    n_grp, f_chan, n_chan, matrix = np.array([1]), np.array([[3]]), np.array([[2]]), np.array([[.25, .5]])
    for first, column in ((0, 3), (1, 2), (3, 0)):
        row = unpack_matrix(n_grp, f_chan, n_chan, matrix, 6, first)[0]
        assert_array_equal(np.flatnonzero(row), [column, column + 1])
    for first in (4, -2):
        with pytest.raises(ValueError, match="row 0: channels 3 to 4 reach out of"): unpack_matrix(n_grp, f_chan, n_chan, matrix, 6, first)


# other writers ----------------------------------------------------------------------------------------------------------------

def reference_files(folder, exposure_off=1500., tlmin=0, **keys):
    """Files in the style of Gammapy: logical QUALITY, empty strings, BACKSCAL columns, single-precision response energies,
    variable-length matrix, and empty rows written as one group of length zero."""
    a = spectrum(3)
    low, high = a.e_true_edges[:-1], a.e_true_edges[1:]
    links = {"BACKFILE": "b.fits", "RESPFILE": "r.fits", "ANCRFILE": "a.fits", "CORRFILE": "", "CORRSCAL": "", "HDUCLAS4": "TYPE:1", "OBS_ID": "3", **keys}
    for name, counts, scale, exposure in (("p", a.n_on, 1, 1500.), ("b", a.n_off, 12, exposure_off)):
        columns = [("CHANNEL", "I", None, np.arange(N_RECO) + tlmin), ("COUNTS", "J", None, counts), ("QUALITY", "L", None, ~a.mask_safe), ("BACKSCAL", "K", None, np.full(N_RECO, scale))]
        write(folder / f"{name}.fits", table("SPECTRUM", columns, {**links, "EXPOSURE": exposure}),
              table("EBOUNDS", [("CHANNEL", "I", None, np.arange(N_RECO) + tlmin), ("E_MIN", "D", "TeV", a.e_reco_edges[:-1]), ("E_MAX", "D", "TeV", a.e_reco_edges[1:])], {}))
    write(folder / "a.fits", table("SPECRESP", [("ENERG_LO", "D", "TeV", low), ("ENERG_HI", "D", "TeV", high), ("SPECRESP", "D", "m2", a.exposure / 1500)], {}))
    rows = [(np.flatnonzero(np.diff(np.r_[0, r != 0]) == 1), np.flatnonzero(np.diff(np.r_[r != 0, 0]) == -1) + 1, r[r != 0]) for r in a.edisp]
    first = [s + tlmin if len(s) else [tlmin] for s, _, _ in rows]
    number = [e - s if len(s) else [0] for s, e, _ in rows]
    columns = [("ENERG_LO", "E", "TeV", low), ("ENERG_HI", "E", "TeV", high), ("N_GRP", "I", None, [max(1, len(s)) for s, _, _ in rows]),
               ("F_CHAN", "PI()", None, np.array([np.array(f, "i2") for f in first] + [None], object)[:-1]),
               ("N_CHAN", "PI()", None, np.array([np.array(n, "i2") for n in number] + [None], object)[:-1]),
               ("MATRIX", "PE()", None, np.array([v.astype("f4") for _, _, v in rows] + [None], object)[:-1])]
    write(folder / "r.fits", table("MATRIX", columns, {} if tlmin == 1 else {"TLMIN4": tlmin}),
          table("EBOUNDS", [("CHANNEL", "I", None, np.arange(N_RECO) + tlmin), ("E_MIN", "D", "TeV", a.e_reco_edges[:-1]), ("E_MAX", "D", "TeV", a.e_reco_edges[1:])], {}))
    return a


@pytest.mark.parametrize("tlmin", [0, 1])
def test_files_in_the_style_of_gammapy(tmp_path, tlmin):
    a = reference_files(tmp_path, tlmin=tlmin)
    b, info = read_ogip(tmp_path / "p.fits")
    assert_same(replace(a, livetime=1500., ontime=1500.), b)
    assert info["name"] == "3"


def test_alpha_takes_the_exposures_into_account(tmp_path):
    a = reference_files(tmp_path, exposure_off=3000.)
    assert_allclose(read_ogip(tmp_path / "p.fits")[0].alpha, a.alpha / 2)


def test_area_scale_as_column_and_keyword(tmp_path):
    a = reference_files(tmp_path, AREASCAL=1.)
    with fits.open(tmp_path / "b.fits", mode="update") as file:
        del file["SPECTRUM"].header["AREASCAL"]
        file["SPECTRUM"] = fits.BinTableHDU.from_columns(file["SPECTRUM"].columns + fits.Column("AREASCAL", "E", array=np.full(N_RECO, 4.)), file["SPECTRUM"].header)
    assert_allclose(read_ogip(tmp_path / "p.fits")[0].alpha, a.alpha / 4)


@pytest.mark.parametrize("nothing", ["", "NONE", "none", " "])
def test_links_that_name_nothing(tmp_path, nothing):
    reference_files(tmp_path, BACKFILE=nothing, ANCRFILE=nothing)
    b, _ = read_ogip(tmp_path / "p.fits")
    assert b.n_off is None and b.exposure is None and b.edisp is not None


def test_columns_without_units_are_kev_and_cm2(tmp_path):
    low = np.array([1e8, 1e9])
    write(tmp_path / "a.fits", table("SPECRESP", [("ENERG_LO", "E", None, low), ("ENERG_HI", "E", None, low * 10), ("SPECRESP", "E", None, [1e9, 2e9])], {}))
    edges, area = read_arf(tmp_path / "a.fits")
    assert_allclose(edges, [.1, 1, 10], rtol=1e-6)
    assert_allclose(area, [1e5, 2e5], rtol=1e-6)


def test_matrix_under_its_other_name_with_scalar_cells(tmp_path):
    e = np.array([1., 2, 4])
    write(tmp_path / "r.fits", table("SPECRESP MATRIX", [("ENERG_LO", "E", "TeV", e[:-1]), ("ENERG_HI", "E", "TeV", e[1:]), ("N_GRP", "I", None, [1, 1]),
                                                         ("F_CHAN", "I", None, [1, 2]), ("N_CHAN", "I", None, [1, 1]), ("MATRIX", "E", None, [.5, .75])], {}),
          table("EBOUNDS", [("CHANNEL", "I", None, [1, 2]), ("E_MIN", "E", "TeV", e[:-1]), ("E_MAX", "E", "TeV", e[1:])], {}))
    assert_allclose(read_rmf(tmp_path / "r.fits")[2], [[.5, 0], [0, .75]])


def test_regions_in_a_projection_that_is_not_understood(tmp_path):
    write_ogip(tmp_path / "x.fits", spectrum(), region=RegionGeom.create("icrs;circle(83.63, 22.01, 0.11)"))
    with fits.open(tmp_path / "x.fits", mode="update") as file: file["REGION"].header["CTYPE1"] = "RA---AIT"
    with pytest.warns(SpecnbWarning, match="REGION.: the regions are left out, expected an upright TAN"): info = read_ogip(tmp_path / "x.fits")[1]
    assert info["region"] is None


# what is wrong ------------------------------------------------------------------------------------------------------------------

@pytest.fixture
def files(tmp_path):
    "A folder with a good set of files."
    write_ogip(tmp_path / "x.fits", spectrum())
    return tmp_path


def change(path, hdu, **columns):
    "Change columns, or keywords (upper case that are no columns), of a file."
    with fits.open(path, mode="update") as file:
        for name, value in columns.items():
            if name in file[hdu].columns.names: file[hdu].data[name] = value
            else: file[hdu].header[name] = value


@pytest.mark.parametrize("suffix, key", [("bkg", "BACKFILE"), ("rmf", "RESPFILE"), ("arf", "ANCRFILE")])
def test_a_file_that_is_named_but_not_there(files, suffix, key):
    (files / f"x_{suffix}.fits").unlink()
    with pytest.raises(FileNotFoundError, match=rf"x.fits\[SPECTRUM\]: {key} names x_{suffix}.fits"): read_ogip(files / "x.fits")


@pytest.mark.parametrize("name, hdu, columns, message", [
    ("x.fits", "SPECTRUM", {"CHANNEL": np.arange(N_RECO)[::-1]}, r"x.fits\[SPECTRUM\]: column CHANNEL: expected numbers that increase by 1"),
    ("x_arf.fits", "SPECRESP", {"ENERG_LO": 1.}, r"x_arf.fits\[SPECRESP\]: columns ENERG_LO, ENERG_HI: expected positive, increasing bins"),
    ("x_arf.fits", "SPECRESP", {"SPECRESP": np.nan}, r"x_arf.fits\[SPECRESP\]: column SPECRESP holds 12 values that are not finite or negative"),
    ("x_rmf.fits", "MATRIX", {"MATRIX": np.nan}, r"x_rmf.fits\[MATRIX\]: column MATRIX holds 38 values that are not finite or negative"),
    ("x_rmf.fits", "EBOUNDS", {"E_MIN": 0.}, r"x_rmf.fits\[EBOUNDS\]: columns E_MIN, E_MAX: expected positive"),
    ("x_rmf.fits", "MATRIX", {"TLMIN4": 5}, r"x_rmf.fits\[MATRIX\]: keyword TLMIN4 is 5, but the channels of EBOUNDS begin at 0; expected the same"),
    ("x.fits", "SPECTRUM", {"EXPOSURE": "long"}, r"x.fits\[SPECTRUM\]: keyword EXPOSURE is 'long', expected float"),
    ("x.fits", "SPECTRUM", {"COUNTS": -1}, r"x.fits\[SPECTRUM\]: column COUNTS holds 7 values that are not finite or negative"),
    ("x_bkg.fits", "SPECTRUM", {"COUNTS": -1}, r"x_bkg.fits\[SPECTRUM\]: column COUNTS holds 7 values that are not finite or negative")])
def test_damaged_contents_are_named(files, name, hdu, columns, message):
    change(files / name, hdu, **columns)
    with pytest.raises(DataError, match=message): read_ogip(files / "x.fits")


def test_files_that_do_not_belong_together(files):
    other = replace(spectrum(), e_true_edges=np.geomspace(.04, 100, N_TRUE + 1))
    write_ogip(files / "y.fits", other)
    change(files / "x.fits", "SPECTRUM", ANCRFILE="y_arf.fits")
    with pytest.raises(DataError, match=r"y_arf.fits\[SPECRESP\] has 12 true-energy bins 0.04-100 TeV, .*x_rmf.fits\[MATRIX\] has 12, 0.05-100 TeV"): read_ogip(files / "x.fits")


@pytest.mark.parametrize("suffix, hdu", [("", "SPECTRUM"), ("_bkg", "SPECTRUM"), ("_arf", "SPECRESP"), ("_rmf", "MATRIX"), ("_rmf", "EBOUNDS")])
def test_a_missing_hdu_is_named(files, suffix, hdu):
    with fits.open(files / f"x{suffix}.fits", mode="update") as file: file[hdu].header.update(EXTNAME="OTHER", HDUCLAS1="OTHER")
    with pytest.raises(DataError, match=rf"x{suffix}.fits: no HDU {hdu}; found PRIMARY"): read_ogip(files / "x.fits")
