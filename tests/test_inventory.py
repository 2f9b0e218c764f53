"Inventory: what a folder holds is told from the index, from headers where the index is silent, and from the files alone without it."
import gzip
import json
import shutil
import numpy as np
import pytest
from astropy.io import fits
from specnb import DataError, DataStore, FitsFile, Inventory, RunInfo, SpecnbWarning, demo_dir, inventory

RUNS = [1001, 1002, 1003, 1004]
RESPONSES = {"aeff": "aeff_2d", "edisp": "edisp_2d", "psf": "psf_table", "bkg": "bkg_3d"}


@pytest.fixture
def folder(tmp_path): return shutil.copytree(demo_dir(), tmp_path / "Krebs #1")


def edit(path, change):
    with fits.open(path) as file:
        hdus = fits.HDUList([h.copy() for h in file])
    change(hdus)
    hdus.writeto(path, overwrite=True)


def without(*names):
    "Drop columns of the first table."
    def change(hdus): hdus[1] = fits.BinTableHDU.from_columns([c for c in hdus[1].columns if c.name not in names], hdus[1].header, name=hdus[1].name)
    return change


def without_index(folder):
    for name in ("hdu", "obs"): (folder / f"{name}-index.fits.gz").unlink()
    return folder


def test_a_run_is_what_the_observation_says():
    found, store = inventory(demo_dir()), DataStore.from_dir(demo_dir())
    assert [r.obs_id for r in found.runs] == RUNS and len(found) == 4 and found.missing == []
    for run in found.runs:
        obs = store.obs(run.obs_id)
        assert (run.ra_deg, run.dec_deg) == pytest.approx(obs.pointing_deg) and run.livetime_s == pytest.approx(obs.livetime_s)
        assert run.ontime_s == obs.ontime_s and run.n_events == len(obs.events) and run.start == obs.tstart.utc.iso[:19]
        assert run.zenith_deg == pytest.approx(obs.meta["ZEN_PNT"]) and (run.object, run.telescope) == ("Crab-like", "SIMULATED")
        assert run.responses == RESPONSES and list(run.responses) == list(RESPONSES)
        assert run.files == (f"run_00{run.obs_id}.fits.gz",) and run.present


def test_no_event_is_read(folder):
    "Nor any other table of a run: files that end behind the header of their events are as good."
    for path in folder.glob("run_*"):
        with gzip.open(path) as file: path.write_bytes(file.read(2880 * 4))
        with pytest.raises(DataError, match="truncated"): FitsFile(path)["EVENTS"]
    assert inventory(folder).runs == inventory(demo_dir()).runs


def test_tables():
    found = inventory(demo_dir())
    table = found.table
    assert list(table["OBS_ID"]) == RUNS and str(table["LIVETIME"].unit) == "s" and str(table["RA_PNT"].unit) == "deg"
    assert list(table["IRFS"]) == ["aeff_2d edisp_2d psf_table bkg_3d"] * 4 and table["PRESENT"].all()
    assert table["EVENT_COUNT"].sum() == sum(r.n_events for r in found.runs)
    (target,) = found.targets
    assert (target["OBJECT"], target["RUNS"], target["PRESENT"]) == ("Crab-like", 4, 4)
    assert target["LIVETIME"] == target["LIVETIME_PRESENT"] == pytest.approx(table["LIVETIME"].sum())
    assert (target["RA"], target["DEC"]) == pytest.approx((83.5, 22.0), abs=.1) and str(found.targets["RA"].unit) == "deg"


def test_plain_dictionary(folder):
    edit(folder / "obs-index.fits.gz", without("OBJECT", "LIVETIME", "EVENT_COUNT"))
    (folder / "run_001002.fits.gz").unlink()
    plain = inventory(folder).as_dict()
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain
    assert (plain["name"], plain["n_runs"], plain["n_present"], plain["missing"]) == ("Krebs #1", 4, 3, ["run_001002.fits.gz"])
    lost = plain["runs"][1]
    assert (lost["livetime_s"], lost["n_events"], lost["object"], lost["present"]) == (None, None, "", False) and lost["ontime_s"] > 0


def test_headers_tell_what_the_index_does_not(folder):
    whole = inventory(folder)
    edit(folder / "obs-index.fits.gz", without("OBJECT", "LIVETIME", "ONTIME", "EVENT_COUNT", "RA_PNT", "DEC_PNT", "TSTART"))
    assert inventory(folder).runs == whole.runs
    (folder / "obs-index.fits.gz").unlink()
    assert inventory(folder).runs == whole.runs


def test_the_index_counts_where_it_tells(folder):
    def change(hdus): hdus[1].data["OBJECT"][0], hdus[1].data["ONTIME"][0] = "Moon", 7.
    edit(folder / "obs-index.fits.gz", change)
    run = inventory(folder).runs[0]
    assert (run.object, run.ontime_s) == ("Moon", 7.)
    assert [(t["OBJECT"], t["RUNS"]) for t in inventory(folder).targets] == [("Crab-like", 3), ("Moon", 1)]


def test_absent_files(folder):
    for i in (1002, 1004): (folder / f"run_00{i}.fits.gz").unlink()
    found = inventory(folder)
    assert found.missing == ["run_001002.fits.gz", "run_001004.fits.gz"] and [r.present for r in found.runs] == [True, False, True, False]
    assert found.targets["PRESENT"][0] == 2 and found.targets["LIVETIME_PRESENT"][0] == pytest.approx(found.runs[0].livetime_s + found.runs[2].livetime_s)
    assert found.runs[1].livetime_s > 1500 and found.runs[1].start.startswith("20")    # from the index
    assert "2 files are listed but not there, the first: run_001002.fits.gz" in str(found) and "4 runs, 2 present" in repr(found)


def test_unknown_numbers_are_masked(folder):
    edit(folder / "obs-index.fits.gz", without("EVENT_COUNT"))
    (folder / "run_001002.fits.gz").unlink()
    counts = inventory(folder).table["EVENT_COUNT"]
    assert list(counts.mask) == [False, True, False, False]


@pytest.mark.parametrize("name", ["hdu-index.fits.gz", "obs-index.fits.gz", ""])
def test_uncompressed_index(folder, name):
    for n in ("hdu", "obs"):
        (folder / f"{n}-index.fits").write_bytes(gzip.decompress((folder / f"{n}-index.fits.gz").read_bytes()))
        (folder / f"{n}-index.fits.gz").unlink()
    assert inventory(folder / name.removesuffix(".gz")).runs == inventory(demo_dir()).runs


def test_without_index(folder):
    whole = inventory(folder)
    without_index(folder)
    (folder / "deep").mkdir()
    (folder / "run_001003.fits.gz").rename(folder / "deep/run.fits.gz")
    found = inventory(folder)
    assert [r._replace(files=()) for r in found.runs] == [r._replace(files=()) for r in whole.runs]
    assert found.runs[2].files == ("deep/run.fits.gz",) and found.name == "Krebs #1"
    one = inventory(folder / "run_001001.fits.gz")
    assert one.runs == whole.runs[:1] and one.name == "run_001001.fits.gz"


def test_a_damaged_file_without_index_is_left_out(folder):
    without_index(folder)
    path = folder / "run_001001.fits.gz"
    path.write_bytes(path.read_bytes()[:9999])
    with pytest.warns(SpecnbWarning, match="run_001001.fits.gz is left out: the file is truncated"): found = inventory(folder)
    assert [r.obs_id for r in found.runs] == RUNS[1:]


def test_a_damaged_file_with_index_is_there(folder):
    (folder / "run_001001.fits.gz").write_bytes(b"nothing")
    run = inventory(folder).runs[0]
    assert run.present and run.livetime_s > 1500 and run.telescope == ""


def test_a_damaged_index(folder):
    (folder / "obs-index.fits.gz").write_bytes(b"nothing")
    assert inventory(folder).runs == inventory(demo_dir()).runs
    (folder / "hdu-index.fits.gz").write_bytes(b"nothing")
    with pytest.raises(DataError, match="hdu-index.fits.gz: not a FITS file"): inventory(folder)


def test_an_index_with_a_damaged_header(folder):
    path = folder / "hdu-index.fits.gz"
    path.write_bytes(gzip.decompress(path.read_bytes()).replace(b"TFORM3  = '9A", b"TFORM3  = '?A"))
    with pytest.raises(DataError, match=r"hdu-index.fits.gz\[HDU_INDEX\]: keyword TFORM3 is '\?A', expected a count and a letter"): inventory(folder)


def test_nothing_there(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere: no such folder or file"): inventory(tmp_path / "nowhere")
    with pytest.raises(DataError, match="no DL3 file, expected hdu-index.fits.gz or FITS files with a table EVENTS"): inventory(tmp_path)
    fits.BinTableHDU.from_columns([fits.Column("A", "E", array=[1.])], name="MOON").writeto(tmp_path / "moon.fits")
    with pytest.raises(DataError, match="moon.fits: no DL3 file"): inventory(tmp_path / "moon.fits")


def run(**keys):
    return RunInfo(**{"obs_id": 1, "object": "a", "ra_deg": 0., "dec_deg": 0., "zenith_deg": np.nan, "start": "", "ontime_s": 10., "livetime_s": 9., "n_events": 3,
                      "responses": {}, "telescope": "", "files": (), "missing": ()} | keys)


def test_display():
    found = Inventory("x", [run(obs_id=2, ra_deg=1.), run(ra_deg=359.), run(obs_id=3, object="", livetime_s=np.nan, files=("f",), missing=("f",))])
    assert [r.obs_id for r in found.runs] == [1, 2, 3] and found.targets["RA"][0] == pytest.approx(0, abs=1e-9) or found.targets["RA"][0] == pytest.approx(360)
    assert str(found).splitlines() == ["Inventory(x: 3 runs, 2 present)", "unknown telescope; responses: none",
                                       "target   runs  present  livetime [h]  RA [deg]  DEC [deg]",
                                       f"a           2        2          0.01  {found.targets['RA'][0]:8.2f}       0.00",
                                       "unknown     1        0           nan      0.00       0.00", "1 file is listed but not there: f"]
    assert "<th>target</th>" in found._repr_html_() and "<td>unknown</td>" in found._repr_html_()


def test_hess(hess_dir):
    found = inventory(hess_dir)
    here = {p.name for p in (hess_dir / "data").iterdir()}
    assert len(found) == 105 and {f.split("/")[1] for r in found.runs if r.present for f in r.files} == here and len(found.missing) == 105 - len(here)
    crab = next(t for t in found.targets if t["OBJECT"] == "Crab Nebula")
    assert crab["RUNS"] == 4 and (crab["RA"], crab["DEC"]) == pytest.approx((83.63, 22.01), abs=.02)
    one = next(r for r in found.runs if r.obs_id == 23523)
    assert (one.ontime_s, one.n_events, one.start, one.telescope, one.responses) == (1687., 7613, "2004-12-04 22:07:06", "HESS", RESPONSES)
    assert found.runs[0].start == "2004-03-26 02:56:42"   # of a run that is not there


def test_magic(magic_dir):
    found = inventory(magic_dir)
    assert [r.responses for r in found.runs] == [{"aeff": "aeff_2d", "edisp": "edisp_2d", "rad_max": "rad_max_2d"}] * 2
    assert [r.object for r in found.runs] == ["CrabNebula"] * 2 and found.runs[0].start.startswith("2013-10-04 04:20")
    assert found.runs[0].livetime_s == pytest.approx(1178.066) and found.runs[0].zenith_deg == pytest.approx(20.3, abs=.01)
