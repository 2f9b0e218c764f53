"""What a data set says of a run in two places, and what its files leave out: one right value for each, or one clear refusal.

The data sets are the demo data, changed: a gap in the good time, rows of an index exchanged, a folder as that of the first CTA data challenge
(index apart, responses below $CALDB, intervals without a unit), one as HAWC's (an index without pointings), several data sets side by side.
"""
import gzip
import io
import shutil
import warnings
import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from regions import CircleSkyRegion
from specnb import (GTI, DataError, DataStore, EventList, MapAxis, Observation, Observations, RegionGeom, SpecnbWarning, SpectrumDataset,
                    SpectrumDatasetMaker, TimeReference, demo_dir, inventory, validate, write_dl3)

RUN, OTHER = "run_001001.fits.gz", "run_001002.fits.gz"
INDEX, OBS_INDEX = "hdu-index.fits.gz", "obs-index.fits.gz"


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    "Two runs of the demo data without PSF and background, not compressed, to be quick."
    runs = DataStore.from_dir(demo_dir()).get_observations([1001, 1002])
    path = write_dl3([o.copy(psf=None, bkg=None) for o in runs], tmp_path_factory.mktemp("small"))
    for file in path.iterdir(): file.write_bytes(gzip.decompress(file.read_bytes()))
    return path


@pytest.fixture
def folder(small, tmp_path): return shutil.copytree(small, tmp_path / "set")


def edit(path, change):
    "Rewrite a FITS file with changed HDUs, not compressed."
    with fits.open(path) as file: hdus = fits.HDUList([hdu.copy() for hdu in file])
    buffer = io.BytesIO()
    (change(hdus) or hdus).writeto(buffer)
    path.write_bytes(buffer.getvalue())


def keys(hdu, **values):
    "Set keywords of an HDU, or delete them (None)."
    def change(hdus):
        for key, value in values.items():
            if value is None: hdus[hdu].header.remove(key, ignore_missing=True)
            else: hdus[hdu].header[key] = value
    return change


def value(hdu, column, number, row=0):
    def change(hdus): hdus[hdu].data[column][row] = number
    return change


def good_time(*intervals):
    "Other good time intervals, s from the start of the run."
    def change(hdus):
        first = hdus["EVENTS"].header["TSTART"]
        columns = [fits.Column(name, "D", "s", array=first + np.array(ends, float)) for name, ends in zip(("START", "STOP"), zip(*intervals))]
        hdus["GTI"] = fits.BinTableHDU.from_columns(columns, header=hdus["GTI"].header, name="GTI")
    return change


def unitless(hdus, factor=1):
    "Intervals in another unit that no column names."
    old = hdus["GTI"]
    columns = [fits.Column(c.name, "D", array=old.data[c.name] / factor) for c in old.columns]
    hdus["GTI"] = fits.BinTableHDU.from_columns(columns, name="GTI")
    hdus["GTI"].header.update({k: old.header[k] for k in ("HDUCLAS1", "MJDREFI", "MJDREFF", "TIMESYS")})


def exchange(path, column, rows):
    "Exchange cells of a column of an index."
    def change(hdus):
        cells = hdus[1].data[column].copy()
        hdus[1].data[column][list(rows)] = cells[list(rows)[::-1]]
    edit(path, change)


def told(action):
    "Result and warnings."
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = action()
    assert all(issubclass(w.category, SpecnbWarning) for w in caught)
    return result, [str(w.message) for w in caught]


def first(folder, **kwargs): return DataStore.from_dir(folder, **kwargs).obs(1001)


def flux(observation):
    "ON counts per exposure."
    energy = MapAxis.from_energy_bounds(1, 10, 1, unit="TeV")
    geom = RegionGeom.create(CircleSkyRegion(SkyCoord(83.63, 22.01, unit="deg"), .2 * u.deg), axes=[energy])
    empty = SpectrumDataset.create(geom, MapAxis.from_energy_bounds(.5, 20, 20, unit="TeV", name="energy_true"))
    arrays = SpectrumDatasetMaker(selection=["counts", "exposure", "edisp"]).run(empty, observation).arrays
    return arrays.n_on.sum() / arrays.exposure.mean()


# --- events and the good time -----------------------------------------------------------------------------------------------

def test_events_outside_the_good_time_are_not_counted_and_told(folder):
    whole = first(folder)
    t, before = whole.events.t_s - whole.gti.start_s[0], flux(whole)
    edit(folder / RUN, good_time((0, 600), (1200, 1686)))
    run = first(folder)
    events, messages = told(lambda: run.events)
    kept = (t < 600) | (t >= 1200)
    np.testing.assert_array_equal(events.t_s - whole.gti.start_s[0], t[kept])
    assert run.ontime_s == 1086 and len(messages) == 1
    assert messages[0].endswith(f"{RUN}[EVENTS]: {np.sum(~kept)} of 4533 events are outside the good time, 1086 s in 2 intervals; they are not counted")
    assert abs(flux(run) / before - 1) < .25    # was 686/1086 too high without the cut: +55 %


def test_events_follow_the_good_time_of_a_copy(folder):
    run = first(folder)
    start, t = run.gti.start_s[0], run.events.t_s
    half = run.copy(gti=GTI([start], [start + 843], run.gti.time_ref))
    assert len(half.events) == np.sum(t < start + 843) and half.livetime_s == pytest.approx(run.livetime_s / 2)
    parts = [run.copy(gti=GTI([a], [b], run.gti.time_ref)) for a, b in zip(start + np.arange(0, 1686, 281), start + np.arange(281, 1687, 281))]
    assert sum(len(p.events) for p in parts) == len(t) and run.copy(gti=run.gti).events is run.events
    other = TimeReference(run.gti.time_ref.mjd_int - 1, run.gti.time_ref.mjd_frac, "tt")   # the same by another clock
    late = run.copy(gti=GTI([start + 86400 + 843], [start + 86400 + 1686.5], other))
    assert len(late.events) == np.sum(t >= start + 843)


def test_rounded_ends_of_public_runs_lose_no_event(hess_dir):
    "Run 23592 has six events after its last whole second, which Gammapy counts too."
    run = DataStore.from_dir(hess_dir).obs(23592)
    events, messages = told(lambda: run.events)
    assert len(events) == 7334 and messages == [] and np.sum(events.t_s > run.gti.stop_s[-1]) == 6
    cut = run.copy(gti=GTI(run.gti.start_s, run.gti.stop_s - 1, run.gti.time_ref))
    assert cut.events.t_s.max() < cut.gti.stop_s[-1]   # an end that is not the run's own is exact


@pytest.mark.parametrize("change, message", [
    (good_time((0, 20 * 3.16e7)), "the good time lasts 6.32e.08 s, but ONTIME is 1686 s; expected no more than that"),
    (keys("EVENTS", LIVETIME=2000.), "keyword LIVETIME is 2000 s, expected no more than ONTIME, 1686 s"),
    (good_time((5000, 6000)), "4533 of 4533 events are outside the good time"),
    (keys("EVENTS", DEADC=1.2), "expected a number in the keyword DEADC, above 0 and up to 1, found 1.2")])
def test_livetimes_that_cannot_be(folder, change, message):
    edit(folder / RUN, change)
    if "DEADC" in message or "events" in message: (folder / OBS_INDEX).unlink()
    with pytest.raises(DataError, match=f"{RUN}.*{message}"): told(lambda: (first(folder).livetime_s, first(folder).events))


def test_a_livetime_that_is_not_used_is_told(folder):
    edit(folder / RUN, keys("EVENTS", LIVETIME=500.))
    livetime, messages = told(lambda: first(folder).livetime_s)
    assert livetime == pytest.approx(DataStore.from_dir(demo_dir()).obs(1001).livetime_s) and "keyword LIVETIME is 500 s, but DEADC * ONTIME is" in messages[0]


# --- one key, two things --------------------------------------------------------------------------------------------------------

def test_rows_of_the_hdu_index_exchanged(folder):
    with fits.open(folder / INDEX) as file: rows = file[1].data
    events = [i for i, r in enumerate(rows) if r["HDU_TYPE"].strip() == "events"][:2]
    gti = [i for i, r in enumerate(rows) if r["HDU_TYPE"].strip() == "gti"][:2]
    exchange(folder / INDEX, "FILE_NAME", events)
    with pytest.raises(DataError, match=rf"{OTHER}\[EVENTS\]: keyword OBS_ID is 1002, but the index has it for run 1001"): first(folder).events
    exchange(folder / INDEX, "FILE_NAME", events)
    exchange(folder / INDEX, "FILE_NAME", gti)
    with pytest.raises(DataError, match="good time is from .* but the run of the observation index is from TSTART"): first(folder).events
    (folder / OBS_INDEX).unlink()
    with pytest.raises(DataError, match="4533 of 4533 events are outside the good time"): first(folder).events


def test_rows_of_the_observation_index_exchanged(folder):
    exchange(folder / OBS_INDEX, "OBS_ID", (0, 1))
    with pytest.raises(DataError, match=f"{RUN}.*, but the run of the observation index is from TSTART"): first(folder).events
    for name in ("TSTART", "TSTOP", "EVENT_COUNT"): exchange(folder / OBS_INDEX, name, (0, 1))
    with pytest.raises(DataError, match=rf"{RUN}\[EVENTS\]: keywords RA_PNT, DEC_PNT are .*, but the observation index has .* deg away"): first(folder).events


def test_lost_events(folder):
    def change(hdus): hdus["EVENTS"] = fits.BinTableHDU(hdus["EVENTS"].data[:2], hdus["EVENTS"].header, name="EVENTS")
    edit(folder / RUN, change)
    with pytest.raises(DataError, match=rf"{RUN}\[EVENTS\]: 2 events, but the observation index has EVENT_COUNT 4533"): first(folder).events


def test_two_files_of_one_run(folder):
    shutil.copy(folder / RUN, folder / "again.fits.gz")
    with pytest.raises(DataError, match=rf"{RUN}: keyword OBS_ID is 1001, as in .*again.fits.gz; expected one file per run"):
        DataStore.from_events_files([folder / "again.fits.gz", folder / RUN])
    for name in (INDEX, OBS_INDEX): (folder / name).unlink()
    found, messages = told(lambda: inventory(folder))
    assert [r.obs_id for r in found.runs] == [1001, 1001, 1002] and messages == [f"run 1001 is there 2 times: again.fits.gz, {RUN}; expected each run number once"]


def test_two_lists_of_events_of_one_run(folder):
    def twice(hdus):
        for name, text in dict(HDU_TYPE="events", HDU_CLASS="events", FILE_NAME=OTHER, HDU_NAME="EVENTS").items(): hdus[1].data[name][3] = text
    edit(folder / INDEX, twice)
    with pytest.raises(DataError, match=rf"run 1001: .*{INDEX} lists two events, .*{RUN}\[EVENTS\] and .*{OTHER}\[EVENTS\]; expected one"): first(folder)


def test_repeated_rows_of_the_observation_index(folder):
    def twice(hdus): hdus[1].data = np.concatenate([hdus[1].data, hdus[1].data[:2]])
    edit(folder / OBS_INDEX, twice)
    table, messages = told(lambda: DataStore.from_dir(folder).obs_table)
    assert list(table["OBS_ID"]) == [1001, 1002] and "2 rows are repeated; each run is listed once" in messages[0]
    assert len(first(folder).events) == 4533
    edit(folder / OBS_INDEX, value(1, "RA_PNT", 5., 2))
    with pytest.raises(DataError, match="column OBS_ID has two different rows on run 1001, expected one"): DataStore.from_dir(folder).obs_table


def test_one_clock_for_runs_that_count_from_different_days(folder):
    def later(hdus):
        for name in ("EVENTS", "GTI"): hdus[name].header["MJDREFI"] -= 10
        hdus["EVENTS"].data["TIME"] += 864000
        for name in ("START", "STOP"): hdus["GTI"].data[name] += 864000
        for name in ("TSTART", "TSTOP"): hdus["EVENTS"].header[name] += 864000
    before = DataStore.from_dir(folder)
    edit(folder / OTHER, later)
    store = DataStore.from_dir(folder)
    assert store.obs(1002).tstart.mjd == pytest.approx(before.obs(1002).tstart.mjd, abs=1e-9) and len(store.obs(1002).events) == len(before.obs(1002).events)
    table = DataStore.from_events_files([folder / RUN, folder / OTHER]).obs_table
    np.testing.assert_allclose(table["TSTART"], before.obs_table["TSTART"][:2], atol=1e-3)
    assert table.meta["MJDREFI"] == before.obs(1001).gti.time_ref.mjd_int
    edit(folder / OBS_INDEX, keys(1, MJDREFI=51000))    # now the index is wrong about all runs
    with pytest.raises(DataError, match="expected the same run"): first(folder).events


# --- intervals of time ------------------------------------------------------------------------------------------------------------

def test_lists_of_intervals(folder):
    runs = DataStore.from_dir(folder).get_observations([1001, 1002])
    start = runs[0].tstart
    one, two = start + [100, 400] * u.s, start + [900, 1200] * u.s
    t = runs[0].events.t_s - runs[0].gti.start_s[0]
    n = [np.sum((t >= a) & (t < a + 300)) for a in (100, 900)]
    for intervals in ([one, two], (one, two), start + np.array([[100, 400], [900, 1200]]) * u.s, [list(one), two], [two, one]):
        cut = runs.select_time(intervals)
        assert cut.ids == ["1001", "1001"] and [len(o.events) for o in cut] == n
        np.testing.assert_allclose([o.ontime_s for o in cut], 300, atol=1e-5)
    for interval in (one, list(one), tuple(one), [one]):
        assert [len(o.events) for o in runs.select_time(interval)] == n[:1]
        assert len(runs[0].select_time(interval).events) == n[0] and runs[0].gti.select_time(interval).ontime_s == pytest.approx(300)
    assert runs[0].select_time([one, two]).ontime_s == pytest.approx(600) and len(runs[0].select_time([one, two]).events) == sum(n)
    assert [round(o.ontime_s) for o in runs.select_time([one, start + [300, 1000] * u.s, two])] == [1100]
    assert [round(o.ontime_s) for o in runs.select_time([one, start + [400, 500] * u.s])] == [300, 100]
    for wrong in (start, [one, start], start + [1, 2, 3] * u.s, one[::-1], []):
        with pytest.raises((ValueError, TypeError), match="time_interval: expected"): runs.select_time(wrong)
    with pytest.raises(TypeError, match="time: expected a quantity in s"): runs[0].select_time(["2020-01-01", "2020-01-02"])


# --- layouts of public data ---------------------------------------------------------------------------------------------------------

@pytest.fixture
def challenge(tmp_path, monkeypatch):
    "The layout of the first CTA data challenge: index, events and responses in three folders, intervals without a unit."
    monkeypatch.delenv("CALDB", raising=False)
    monkeypatch.delenv("GAMMAPY_DATA", raising=False)
    root = tmp_path / "cta-1dc"
    data, irf, index = root / "data/baseline/gps", root / "caldb/data/cta/1dc/bcf/South_z20_50h", root / "index/gps"
    for path in (data, irf, index): path.mkdir(parents=True)
    names = {"AEFF": "EFFECTIVE AREA", "EDISP": "ENERGY DISPERSION", "PSF": "POINT SPREAD FUNCTION", "BKG": "BACKGROUND"}
    with fits.open(demo_dir() / RUN) as file:
        unitless(file)
        events, gti = file["EVENTS"].copy(), file["GTI"]
        events.header.update(TELESCOP="CTA", CALDB="1dc", IRF="South_z20_50h")
        gti.header["TIMEUNIT"] = "s"
        fits.HDUList([fits.PrimaryHDU(), events, gti]).writeto(data / "gps_baseline_1001.fits")
        responses = [file[name].copy() for name in names]
        for hdu in responses: hdu.name = names[hdu.name]
        fits.HDUList([fits.PrimaryHDU(), *responses]).writeto(irf / "irf_file.fits")
    with fits.open(demo_dir() / INDEX) as file: rows = file[1].data[file[1].data["OBS_ID"] == 1001]
    texts = [(r["HDU_TYPE"], r["HDU_CLASS"], "../../data/baseline/gps", "gps_baseline_1001.fits", r["HDU_NAME"]) if r["HDU_NAME"] in ("EVENTS", "GTI")
             else (r["HDU_TYPE"], r["HDU_CLASS"], "$CALDB/data/cta/1dc/bcf/South_z20_50h", "irf_file.fits", names[r["HDU_NAME"]]) for r in rows]
    columns = [fits.Column("OBS_ID", "J", array=[1001] * len(texts))]
    columns += [fits.Column(n, "60A", array=list(x)) for n, x in zip(("HDU_TYPE", "HDU_CLASS", "FILE_DIR", "FILE_NAME", "HDU_NAME"), zip(*texts))]
    fits.BinTableHDU.from_columns(columns, name="HDU_INDEX").writeto(index / INDEX)
    return root


def same(run):
    "Whether a run has all that the demo run has."
    demo = DataStore.from_dir(demo_dir()).obs(1001)
    assert len(run.events) == len(demo.events) and run.livetime_s == demo.livetime_s and run.available_irfs == demo.available_irfs
    for name in ("aeff", "edisp", "psf"): np.testing.assert_array_equal(getattr(run, name).data, getattr(demo, name).data)
    return True


def test_the_data_challenge_by_its_index(challenge, monkeypatch):
    assert same(DataStore.from_dir(challenge / "index/gps").obs(1001))
    found = inventory(challenge / "index/gps")
    assert found.runs[0].present and found.runs[0].ontime_s == 1686 and len(DataStore.from_dir(challenge / "index/gps").obs_table) == 1
    (challenge / "caldb").rename(challenge.parent / "my caldb")
    with pytest.raises(DataError, match=f"run 1001: .*{INDEX}: .CALDB/data/cta/.* the environment variable CALDB is not set"): DataStore.from_dir(challenge / "index/gps").obs(1001)
    monkeypatch.setenv("CALDB", str(challenge.parent / "my caldb"))
    assert same(DataStore.from_dir(challenge / "index/gps").obs(1001))


def test_the_data_challenge_by_its_files(challenge, monkeypatch):
    path = challenge / "data/baseline/gps/gps_baseline_1001.fits"
    assert same(DataStore.from_events_files([path]).obs(1001))
    irf = challenge / "caldb/data/cta/1dc/bcf/South_z20_50h/irf_file.fits"
    moved = shutil.move(irf, challenge.parent)
    with pytest.raises(FileNotFoundError, match="run 1001: .*South_z20_50h/irf_file.fits is listed in event files but does not exist"): DataStore.from_events_files([path]).obs(1001)
    assert same(DataStore.from_events_files([path], moved).obs(1001))
    shutil.rmtree(challenge / "caldb")
    store = DataStore.from_events_files([path])
    assert store.obs_ids == [1001] and len(store.obs(1001, "all-optional").events) == 4533
    with pytest.raises(DataError, match=r"lists no aeff, edisp; found events, gti; .*CALDB = '1dc', IRF = 'South_z20_50h'.* \$CALDB/data/cta/1dc/bcf/South_z20_50h; expected CALDB to be set"):
        store.get_observations()
    edit(path, keys("EVENTS", CALDB=None))
    with pytest.raises(DataError, match="run 1001: event files lists no aeff, edisp; found events, gti$"): DataStore.from_events_files([path]).obs(1001)


@pytest.mark.parametrize("unit, factor", [(None, 1), ("min", 60), ("d", 86400)])
def test_intervals_without_a_unit_have_that_of_the_header(folder, unit, factor):
    def change(hdus):
        unitless(hdus, factor)
        keys("GTI", TIMEUNIT=unit)(hdus)
    edit(folder / RUN, change)
    assert first(folder).ontime_s == pytest.approx(1686, abs=1e-4)
    edit(folder / RUN, keys("GTI", TIMEUNIT="TeV"))
    with pytest.raises(DataError, match=rf"{RUN}\[GTI\]: keyword TIMEUNIT is 'TeV', expected a unit of time"): first(folder).gti


def test_an_offset_of_all_times_is_added(folder):
    edit(folder / RUN, keys("GTI", TIMEZERO=100.))
    assert first(folder).gti.start_s[0] == pytest.approx(DataStore.from_dir(demo_dir()).obs(1001).gti.start_s[0] + 100)


def test_directions_of_another_frame_are_refused(folder):
    edit(folder / RUN, keys("EVENTS", RADECSYS="FK4"))
    with pytest.raises(DataError, match=rf"{RUN}\[EVENTS\]: keyword RADECSYS is 'FK4', expected ICRS or FK5"): first(folder).events


def test_logical_and_text_columns_are_no_numbers(folder):
    for form, array, what in (("L", np.ones(4533, bool), "logical values"), ("3A", np.full(4533, "1.5"), "texts")):
        def change(hdus):
            columns = [fits.Column("ENERGY", form, "TeV", array=array) if c.name == "ENERGY" else c for c in hdus["EVENTS"].columns]
            hdus["EVENTS"] = fits.BinTableHDU.from_columns(columns, header=hdus["EVENTS"].header, name="EVENTS")
        edit(folder / RUN, change)
        with pytest.raises(DataError, match=rf"{RUN}\[EVENTS\]: column ENERGY holds {what}, expected numbers"): first(folder).events
    edit(folder / INDEX, value(1, "OBS_ID", 1001))
    def logical(hdus):
        columns = [fits.Column("OBS_ID", "L", array=np.ones(len(hdus[1].data), bool)) if c.name == "OBS_ID" else c for c in hdus[1].columns]
        hdus[1] = fits.BinTableHDU.from_columns(columns, name="HDU_INDEX")
    edit(folder / INDEX, logical)
    with pytest.raises(DataError, match=f"{INDEX}.*column OBS_ID: obs_id: expected the number of a run, found True"): first(folder)


def test_an_index_without_pointings(folder):
    "As that of HAWC: the headers of the events know them."
    whole = DataStore.from_dir(folder).obs_table
    def change(hdus): hdus[1] = fits.BinTableHDU.from_columns([c for c in hdus[1].columns if c.name not in ("RA_PNT", "DEC_PNT")], hdus[1].header, name="OBS_INDEX")
    edit(folder / OBS_INDEX, change)
    near = {"type": "sky_circle", "lon": "83.63 deg", "lat": "22.01 deg", "radius": "0.8 deg"}
    table = DataStore.from_dir(folder).obs_table
    np.testing.assert_allclose(table["RA_PNT"], whole["RA_PNT"], rtol=1e-6)
    assert list(table.select_observations(near)["OBS_ID"]) == list(whole.select_observations(near)["OBS_ID"]) == [1001, 1002]
    (folder / OTHER).unlink()
    assert list(DataStore.from_dir(folder).obs_table.select_observations(near)["OBS_ID"]) == [1001] and len(first(folder).events) == 4533


def test_a_folder_without_observation_index(folder):
    whole = DataStore.from_dir(folder).obs_table
    (folder / OBS_INDEX).unlink()
    table = DataStore.from_dir(folder).obs_table
    for name in ("OBS_ID", "RA_PNT", "DEC_PNT", "TSTART", "ONTIME", "LIVETIME"): np.testing.assert_allclose(table[name], whole[name], rtol=1e-6)
    assert len(first(folder).events) == 4533 and str(table["RA_PNT"].unit) == "deg"
    with pytest.raises(FileNotFoundError, match="mine.fits: no such file"): DataStore.from_dir(folder, None, "mine.fits")


def test_an_index_elsewhere(folder, monkeypatch):
    "By its name from the data folder or from where one is; files are joined to the data folder, as in Gammapy, else to that of the index."
    (folder / "lists").mkdir()
    for name in (INDEX, OBS_INDEX): shutil.move(folder / name, folder / "lists")
    assert len(DataStore.from_dir(folder, f"lists/{INDEX}", f"lists/{OBS_INDEX}").obs(1001).events) == 4533
    monkeypatch.chdir(folder.parent)
    assert len(DataStore.from_dir("set", f"set/lists/{INDEX}").obs(1001).events) == 4533
    shutil.move(folder / RUN, folder / "lists")
    assert len(DataStore.from_dir(folder, f"lists/{INDEX}").obs(1001).events) == 4533


def test_paths_that_lead_out_of_the_folder(folder, monkeypatch):
    monkeypatch.delenv("GAMMAPY_DATA", raising=False)
    away = folder.parent / "away"
    away.mkdir()
    shutil.move(folder / RUN, away)
    def rows(where):
        def change(hdus):
            old = hdus[1].data
            columns = [fits.Column(n, "400A", array=[where if n == "FILE_DIR" else r[n] for r in old]) if n != "OBS_ID" else hdus[1].columns["OBS_ID"] for n in old.names]
            hdus[1] = fits.BinTableHDU.from_columns(columns, name="HDU_INDEX")
        return change
    for where in ("../away", str(away)):
        edit(folder / INDEX, rows(where))
        with pytest.raises(DataError, match=f"run 1001: .*FILE_DIR '{where}', FILE_NAME '{RUN}' lead out of the data folder .*follow_outside=True"): first(folder)
        assert len(first(folder, follow_outside=True).events) == 4533 and not inventory(folder).runs[0].present
        monkeypatch.setenv("SPECNB_FOLLOW_OUTSIDE", "1")
        assert len(first(folder).events) == 4533
        monkeypatch.delenv("SPECNB_FOLLOW_OUTSIDE")
    edit(folder / INDEX, rows("link"))
    (folder / "link").symlink_to(away)
    assert len(first(folder).events) == 4533


def test_data_sets_side_by_side(folder, tmp_path):
    "As in joint-crab/dl3: given the folder above, a run that one of them lists and that is not there is seen."
    above = tmp_path / "dl3"
    for name in ("hess", "magic"): shutil.copytree(folder, above / name)
    def number(hdus): hdus[1].data["OBS_ID"] += 1000
    for name in (INDEX, OBS_INDEX): edit(above / "magic" / name, number)
    shutil.copy(folder / RUN, above / "single.fits.gz")
    edit(above / "single.fits.gz", keys("EVENTS", OBS_ID=7))
    (above / "magic" / OTHER).unlink()
    found, messages = told(lambda: inventory(above))
    assert messages == [] and [r.obs_id for r in found.runs] == [7, 1001, 1002, 2001, 2002]
    assert found.missing == [f"magic/{OTHER}"] and [r.obs_id for r in found.runs if not r.present] == [2002]


# --- what a person may ask for ---------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("odd", [True, None, 1.5, np.nan, np.inf, "crab", "", {"a": 1}, [[1001]], [1001, None], object()])
def test_odd_numbers_of_runs(odd):
    store = DataStore.from_dir(demo_dir())
    with pytest.raises((ValueError, TypeError), match="obs_id: expected"): store.get_observations([odd] if odd is None else odd)
    with pytest.raises((ValueError, TypeError), match="obs_id: expected"): store.obs(odd)


def test_numbers_of_runs_in_all_forms():
    store = DataStore.from_dir(demo_dir())
    for wish in (1001, "1001", "01001", 1001., np.int32(1001), np.array(1001), [1001], ("1001",), {1001}, np.array([1001]), store.obs_table["OBS_ID"][:1], (i for i in [1001])):
        assert store.get_observations(wish).ids == ["1001"]
    with pytest.raises(ValueError, match="obs_id: expected each run once, found 1001 more than once"): store.get_observations([1001, 1002, "1001"])


@pytest.mark.parametrize("odd", ["full_enclosure", "aef", ["aeff", "edips"], ["events"], 5, None, [None]])
def test_odd_sets_of_responses(odd):
    with pytest.raises((ValueError, TypeError), match="required_irf: expected one of full-enclosure, point-like, all-optional, or names among aeff, edisp, psf, bkg, rad_max; found"):
        DataStore.from_dir(demo_dir()).get_observations(required_irf=odd)


def test_parts_that_are_none():
    run = DataStore.from_dir(demo_dir()).obs(1001)
    for wrong, message in ({"gti": 5}, "gti: expected GTI, found 5"), ({"events": [1]}, "events: expected EventList, found"), ({"gtis": run.gti}, "expected one of events, gti, aeff"):
        with pytest.raises(TypeError, match=message): run.copy(**wrong)
    with pytest.raises(TypeError, match="observations: expected a list of Observation"): Observations(run)
    with pytest.raises(TypeError, match="events_paths: expected a path or a list of paths, found None"): DataStore.from_events_files(None)
    with pytest.raises(ValueError, match="obs_id: expected the number of a run"): Observation("first", {})


def test_quantities_keep_their_unit():
    events = EventList([500] * u.GeV, [1] * u.rad, [22], [1] * u.min)
    assert (events.e_tev[0], events.t_s[0]) == (.5, 60) and events.ra_deg[0] == pytest.approx(57.29578)
    assert GTI([0] * u.h, [.5] * u.h).ontime_s == 1800
    with pytest.raises(TypeError, match="e_tev: expected"): EventList([500] * u.deg, [1], [22], [1])
    with pytest.raises(TypeError, match="start_s: expected numbers or a quantity in s"): GTI(["a"], [1])


# --- validate says what the store refuses ------------------------------------------------------------------------------------------------

def test_validate_tells_what_the_store_refuses(folder, challenge, monkeypatch):
    errors = lambda path: [(p.where, p.message) for p in validate(path) if p.severity == "error"]
    assert errors(challenge / "index/gps") == []
    assert any(p.where == "START" and "has no unit, taken as s" in p.message for p in validate(challenge / "index/gps"))
    edit(folder / RUN, good_time((0, 20 * 3.16e7)))
    assert errors(folder) == [("", "the good time lasts 6.32e+08 s, but ONTIME is 1686 s; expected no more than that")]
    shutil.copy(demo_dir() / RUN, folder / RUN)
    exchange(folder / OBS_INDEX, "OBS_ID", (0, 1))
    assert any("but the run of the observation index is from TSTART" in text for _, text in errors(folder))
    exchange(folder / OBS_INDEX, "OBS_ID", (0, 1))
    edit(folder / INDEX, value(1, "FILE_NAME", "../run.fits"))
    assert any(where == "FILE_NAME" and "run 1001: FILE_DIR '.', FILE_NAME '../run.fits' lead out of the data folder" in text for where, text in errors(folder))


def test_arguments_of_times_and_folders_are_named():
    for wrong, message in ((lambda: DataStore.from_dir(None), "base_dir: expected a path, found None"),
                           (lambda: GTI.create([0] * u.s, [5] * u.m), "stop: expected a unit that converts to s"),
                           (lambda: Observation.create(SkyCoord(83, 22, unit="deg"), livetime=1 * u.h, deadtime_fraction=-1), "deadtime_fraction: ")):
        with pytest.raises((TypeError, ValueError), match=message): wrong()
