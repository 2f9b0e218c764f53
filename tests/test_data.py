"Runs and data sets: numbers of the reference, round trips, everything that can be missing."
import shutil
import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.time import Time
from specnb.base.axes import MapAxis
from specnb.base.core import DataError, SpecnbWarning
from specnb.data.store import DataStore, write_dl3
from specnb.data.edisp import EnergyDispersion2D
from specnb.data.events import EventList
from specnb.data.gti import GTI, TimeReference, merge_intervals
from specnb.data.irf import EffectiveAreaTable2D
from specnb.data.observations import Observation, Observations
from specnb.base.tables import read_tables, write_tables

RUNS = {23523: (83.633333333333, 21.514444444444, 1687, 1581.7367647, 7613), 23526: (83.633333333333, 22.514444444444, 1683, 1572.6867491, 7581),
        23559: (85.2533333381014, 22.014444444444, 1686, 1578.1234798, 7601), 23592: (82.0133333285646, 22.014444444444, 1686, 1581.2646658, 7334)}


@pytest.fixture(scope="module")
def hess(hess_dir): return DataStore.from_dir(hess_dir)


def toy(obs_id=1, n=50, **kwargs):
    "A run with two responses and `n` events."
    true, offset = MapAxis.from_energy_bounds(.1, 100, 5, unit="TeV", name="energy_true"), MapAxis.from_edges([0, 2.5], name="offset", unit="deg")
    irfs = {"aeff": EffectiveAreaTable2D([true, offset], np.ones((5, 1))), "edisp": EnergyDispersion2D.from_gauss(true, MapAxis.from_bounds(.2, 3, 20, name="migra"), offset, 0, .2)}
    rng = np.random.default_rng(obs_id)
    events = EventList(rng.uniform(1, 9, n), rng.uniform(82, 84, n), rng.uniform(21, 23, n), np.sort(rng.uniform(0, 100, n)), extra={"PHASE": (rng.random(n), "")})
    return Observation.create(SkyCoord(83, 22, unit="deg"), obs_id=obs_id, tstart=0 * u.s, tstop=100 * u.s, irfs=irfs, events=events, deadtime_fraction=.1, **kwargs)


@pytest.fixture
def data_set(tmp_path):
    "A writable folder with the toy runs 1 and 2."
    return write_dl3([toy(1), toy(2)], tmp_path / "set")


@pytest.mark.parametrize("run", RUNS)
def test_reference_runs(hess, run):
    ra, dec, ontime, livetime, n = RUNS[run]
    observation = hess.obs(run)
    np.testing.assert_allclose(observation.pointing_deg, (ra, dec), rtol=1e-13)
    assert observation.ontime_s == ontime and observation.livetime_s == pytest.approx(livetime, rel=1e-10) and len(observation.events) == n
    assert observation.available_irfs == ["aeff", "edisp", "psf", "bkg"] and observation.rad_max is None
    assert observation.bkg.fov_alignment == "REVERSE_LON_RADEC"
    assert observation.observation_live_time_duration.unit == "s" and observation.observation_dead_time_fraction == pytest.approx(1 - livetime / ontime, rel=1e-8)
    assert observation.get_pointing_icrs(observation.tmid).separation(SkyCoord(ra, dec, unit="deg")).deg < 1e-12


def test_times_of_a_run(hess):
    observation = hess.obs(23523)
    assert observation.tstart.isot == "2004-12-04T22:08:10.184" and observation.tmid.scale == "tt"
    assert (observation.tstop - observation.tstart).to_value("s") == pytest.approx(1687, abs=1e-6)
    assert (observation.tmid - observation.tstart).to_value("s") == pytest.approx(843.5, abs=1e-6)
    assert abs(observation.events.time[0] - Time("2004-12-04T22:08:10.184", scale="tt")).to_value("s") < 2
    assert observation.target_radec.separation(SkyCoord(83.633333, 22.014444, unit="deg")).arcsec < .1


def test_time_cut_of_a_run(hess):
    observation = hess.obs(23523)
    half = observation.select_time((observation.tstart, observation.tmid))
    rest = observation.select_time((observation.tmid, observation.tstop + 1 * u.s))
    assert half.ontime_s == pytest.approx(843.5, abs=1e-5) and half.livetime_s == pytest.approx(843.5 * observation.deadc, abs=1e-5)
    assert len(half.events) + len(rest.events) == len(observation.events)
    assert half.events.t_s.max() < rest.events.t_s.min() and half.aeff is observation.aeff
    assert len(Observations([observation]).select_time((observation.tstop + 9 * u.s, observation.tstop + 99 * u.s))) == 0


def test_index_and_order(hess):
    assert len(hess.obs_table) == 105 and len(hess.hdu_table) == 630 and hess.obs_table["RA_PNT"].unit == "deg"
    assert set(hess.obs_table["OBJECT"][:2]) == {"MSH15-52"} and list(hess.hdu_table["HDU_CLASS"][:2]) == ["aeff_2d", "bkg_3d"]
    observations = hess.get_observations([23592, 23523])
    assert observations.ids == ["23592", "23523"] and observations["23523"] is observations[1] is observations[23523]
    assert observations[:1].ids == ["23592"] and [o.obs_id for o in observations] == [23592, 23523]


def test_listed_but_absent_file(hess):
    with pytest.raises(FileNotFoundError, match=r"run 20136: .*hess_dl3_dr1_obs_id_020136.fits.gz is listed in .*hdu-index.fits.gz but does not exist"): hess.get_observations()
    with pytest.warns(SpecnbWarning, match="skipped 95 runs from 20136 to .*; the first: run 20136") as record: found = hess.get_observations(skip_missing=True)
    assert len(found) == 10 and len(record) == 1
    with pytest.raises(ValueError, match="no run 1; 105 runs from 20136 to 47829"): hess.obs(1)


def test_point_like_runs(magic_dir):
    observation = DataStore.from_dir(magic_dir).obs(5029747, "point-like")
    assert observation.aeff.is_pointlike and observation.available_irfs == ["aeff", "edisp", "rad_max"]
    assert observation.livetime_s == pytest.approx(1178.06621791733, rel=1e-6) and observation.gti.time_ref.scale == "utc"
    with pytest.raises(DataError, match="lists no psf; found events, gti, rad_max, aeff, edisp"): DataStore.from_dir(magic_dir).obs(5029747, ["aeff", "psf"])


def test_radius_of_the_cut_from_a_keyword():
    run = toy()
    aeff = EffectiveAreaTable2D(run.aeff.axes, run.aeff.data, is_pointlike=True, meta={"RAD_MAX": .07})
    assert run.rad_max is None and run.copy(aeff=aeff).rad_max.value(3, 1) == .07


def test_real_runs_survive_writing(hess, tmp_path):
    before = hess.get_observations([23523, 23592])
    after = DataStore.from_dir(write_dl3(before, tmp_path)).get_observations()
    assert after.ids == before.ids
    for a, b in zip(after, before):
        assert a.pointing_deg == b.pointing_deg and a.ontime_s == b.ontime_s and a.livetime_s == b.livetime_s
        for name in ("e_tev", "ra_deg", "dec_deg", "t_s"): np.testing.assert_array_equal(getattr(a.events, name), getattr(b.events, name))
        for name in ("aeff", "edisp", "psf"): np.testing.assert_array_equal(getattr(a, name).data, getattr(b, name).data)
        assert a.bkg.fov_alignment == "RADEC" and a.tstart == b.tstart
        np.testing.assert_allclose(a.bkg.rate(1, [-.5, .5, 1.2], .3), b.bkg.rate(1, [-.5, .5, 1.2], .3), rtol=1e-6)


def test_written_set_is_complete_and_reproducible(data_set, tmp_path):
    again = write_dl3([toy(1), toy(2)], tmp_path / "again")
    for path in sorted(data_set.iterdir()): assert path.read_bytes() == (again / path.name).read_bytes()
    head = fits.getheader(data_set / "run_000001.fits.gz", "EVENTS")
    assert [head[k] for k in ("HDUCLASS", "HDUVERS", "HDUCLAS1", "OBS_ID", "RADECSYS", "OBS_MODE", "TIMESYS", "TIMEUNIT")] == ["GADF", "0.3", "EVENTS", 1, "ICRS", "POINTING", "TT", "s"]
    assert head["LIVETIME"] == pytest.approx(90) and head["DEADC"] == pytest.approx(.9) and head["TSTOP"] == 100
    run = DataStore.from_dir(data_set).obs(2)
    np.testing.assert_array_equal(run.events.column("PHASE"), toy(2).events.column("PHASE"))
    assert run.events.select_parameter("PHASE", (0, .5)).column("PHASE").max() < .5
    with pytest.raises(FileExistsError): write_dl3([toy(1)], data_set)
    with pytest.raises(ValueError, match="one time reference"): write_dl3([toy(1), toy(2).copy(gti=GTI([0], [1], TimeReference(55000)))], tmp_path / "x")


def test_files_without_index(data_set):
    store = DataStore.from_events_files(sorted(data_set.glob("run*")))
    assert store.obs_ids == [1, 2] and store.obs(1).available_irfs == ["aeff", "edisp"] and len(store.hdu_table) == 8
    assert list(store.obs_table["OBS_ID"]) == [1, 2] and store.obs_table["TSTOP"].unit == "s"


def change_index(data_set, change):
    "Rewrite the HDU index with changed rows."
    path = data_set / "hdu-index.fits.gz"
    hdu = read_tables(path)[1].to_hdu()
    data = change(hdu.data.copy())
    write_tables(path, [fits.BinTableHDU(data, hdu.header)], overwrite=True)
    return DataStore.from_dir(data_set)


def test_index_without_a_part(data_set):
    store = change_index(data_set, lambda rows: rows[rows["HDU_TYPE"] != "edisp"])
    with pytest.raises(DataError, match="run 1: .*hdu-index.fits.gz lists no edisp; found events, gti, aeff"): store.obs(1)
    assert store.obs(1, "all-optional").edisp is None and store.obs(1, ["aeff"]).aeff is not None
    with pytest.warns(SpecnbWarning, match="skipped 1 run; the first: run 2"): assert len(store.get_observations([2], skip_missing=True)) == 0


def test_index_with_a_part_twice(data_set):
    store = change_index(data_set, lambda rows: rows[[0, 1, 2, 2, 3]])
    with pytest.warns(SpecnbWarning, match="lists more than one aeff"): assert store.obs(1).aeff is not None


def test_index_with_an_unknown_class(data_set):
    def unknown(rows):
        rows["HDU_CLASS"][2] = "aeff_9d"
        return rows
    with pytest.raises(DataError, match=r"run_000001.fits.gz\[AEFF\]: unknown HDU_CLASS 'aeff_9d'; known are events, gti, aeff_2d"): change_index(data_set, unknown).obs(1).aeff


def test_broken_run_files(data_set):
    path = data_set / "run_000001.fits.gz"
    whole = path.read_bytes()
    path.write_bytes(whole[:len(whole) // 3])
    with pytest.raises(DataError, match="run_000001.fits.gz.*truncated"): DataStore.from_dir(data_set).obs(1).edisp
    path.write_bytes(b"no FITS at all")
    with pytest.raises(DataError, match="run_000001.fits.gz: not a FITS file"): DataStore.from_dir(data_set).obs(1).events
    path.unlink()
    with pytest.raises(FileNotFoundError, match="run_000001.fits.gz is listed in"): DataStore.from_dir(data_set).obs(1)


def test_missing_folder_index_and_variable(tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match="nowhere: no such folder"): DataStore.from_dir(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match="hdu-index.fits.gz: no such file"): DataStore.from_dir(tmp_path)
    monkeypatch.delenv("NO_SUCH", raising=False)
    with pytest.raises(ValueError, match="NO_SUCH is not set"): DataStore.from_dir("$NO_SUCH/data")


def rewrite_events(data_set, change):
    "The first run with changed events."
    path = data_set / "run_000001.fits.gz"
    tables = read_tables(path)
    hdus = [tables[n].to_hdu() for n in tables]
    hdus[0] = change(hdus[0])
    write_tables(path, hdus, overwrite=True)
    return DataStore.from_dir(data_set).obs(1)


def without(hdu, name):
    "The HDU without a column or keyword."
    if name in hdu.columns.names: return fits.BinTableHDU.from_columns([c for c in hdu.columns if c.name != name], header=None, name="EVENTS")
    del hdu.header[name]
    return hdu


def with_value(hdu, column, value):
    hdu.data[column][3] = value
    return hdu


@pytest.mark.parametrize("change, message", [
    (lambda h: fits.BinTableHDU(h.data[:0], h.header), r"\[EVENTS\]: the event list is empty, expected at least one event"),
    (lambda h: without(h, "ENERGY"), r"\[EVENTS\]: no column ENERGY; found EVENT_ID, TIME, RA, DEC"),
    (lambda h: with_value(h, "RA", np.nan), r"\[EVENTS\]: column RA holds 1 values that are not finite"),
    (lambda h: without(h, "MJDREFI"), r"\[EVENTS\]: no keyword MJDREFI")])
def test_bad_events(data_set, change, message):
    with pytest.raises(DataError, match="run_000001.fits.gz" + message): rewrite_events(data_set, change).events


@pytest.mark.parametrize("name, access", [("RA_PNT", "pointing_deg"), ("DEADC", "livetime_s")])
def test_missing_keywords(data_set, name, access):
    with pytest.raises(DataError, match=f"run 1 .*expected (a )?numbers? in the keywords? .*{name}"): getattr(rewrite_events(data_set, lambda h: without(h, name)), access)


def test_wrong_unit_of_energy(data_set):
    def wrong(hdu):
        hdu.columns["ENERGY"].unit = "deg"
        return hdu
    with pytest.raises(DataError, match=r"run_000001.fits.gz\[EVENTS\]: column ENERGY: unit 'deg' does not convert to 'TeV'"): rewrite_events(data_set, wrong).events


def test_missing_hdu(data_set):
    path = data_set / "run_000001.fits.gz"
    tables = read_tables(path)
    write_tables(path, [tables[n].to_hdu() for n in ("EVENTS", "GTI")], overwrite=True)
    with pytest.raises(DataError, match="run_000001.fits.gz: no HDU AEFF; found PRIMARY, EVENTS, GTI"): DataStore.from_dir(data_set).obs(1).aeff


def test_drift_mode():
    meta = {"OBS_MODE": "DRIFT", "ALT_PNT": 90., "AZ_PNT": 0., "GEOLON": 16.5, "GEOLAT": -23.27, "ALTITUDE": 1800.}
    run = Observation(1, {"gti": GTI([0], [100])}, {**meta, "DEADC": 1.})
    assert abs(run.pointing_deg[1] + 23.27) < .2
    later = run.get_pointing_icrs(run.tmid + 1 * u.hour)
    assert (later.ra.deg - run.pointing_deg[0]) % 360 == pytest.approx(15.04, abs=.05)


def test_intervals_against_a_grid():
    rng, grid = np.random.default_rng(3), np.arange(0, 100, .25)
    for _ in range(50):
        start = rng.integers(0, 90, 8)
        stop = start + rng.integers(1, 12, 8)
        a, b = merge_intervals(start, stop)
        assert np.all(a[1:] > b[:-1])
        inside = [np.any((grid >= a) & (grid < b)) for grid in grid]
        np.testing.assert_array_equal(inside, [np.any((grid >= start) & (grid < stop)) for grid in grid])


def test_intervals_with_dates():
    ref = Time("2020-01-01", scale="utc")
    gti = GTI.create([0, 10] * u.min, [5, 20] * u.min, ref)
    assert gti.time_sum == 15 * u.min and abs(gti.time_start[1] - (ref + 10 * u.min)).to_value("s") < 1e-6
    same = GTI.create(gti.time_start, gti.time_stop)
    assert same.time_ref != gti.time_ref and same.union(gti).ontime_s == pytest.approx(900, abs=1e-4)
    assert gti.select_time((ref + 4 * u.min, ref + 11 * u.min)).ontime_s == pytest.approx(120, abs=1e-5)
    with pytest.raises(ValueError, match="end after they start"): GTI([np.nan], [1])


def test_nothing_heavy_is_loaded_to_read_a_run(hess_dir):
    import subprocess
    import sys
    code = f"import sys; from specnb.data.store import DataStore; o = DataStore.from_dir({str(hess_dir)!r}).obs(23523); o.events, o.gti, o.aeff, o.edisp, o.psf, o.livetime_s; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"astropy.units", "astropy.io.fits", "scipy", "matplotlib", "regions"} & set(loaded)


def test_representations(hess):
    run = hess.obs(23523)
    for thing in (run, run.events, run.gti, hess, hess.get_observations([23523])): assert "<table>" in thing._repr_html_() and "0x" not in repr(thing)


def test_pictures_return_their_axes(hess):
    import matplotlib
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    for axes in (hess.obs(23523).peek(), hess.obs(23523).events.peek()):
        for ax in axes: assert ax.get_xlabel() and ax.get_ylabel()
        plt.close("all")


def test_a_copy_of_the_real_index_alone(hess_dir, tmp_path):
    "The index may be read where the files are not; asking for a run tells which file is missing."
    for name in ("hdu-index.fits.gz", "obs-index.fits.gz"): shutil.copy(hess_dir / name, tmp_path)
    store = DataStore.from_dir(tmp_path)
    assert len(store.obs_ids) == 105
    with pytest.raises(FileNotFoundError, match="hess_dl3_dr1_obs_id_023523.fits.gz is listed"): store.obs(23523)
