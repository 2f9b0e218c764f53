"Time: axes of light curves, good time intervals, selections by time, pointing, phase."
import pickle
import astropy.units as u
import numpy as np
import pytest
from astropy.table import Table
from astropy.time import Time
from astropy.coordinates import AltAz, SkyCoord
from astropy.io import fits
from regions import CircleSkyRegion, PointSkyRegion, RectangleSkyRegion
from specnb import (AnalysisConfig, DataError, DataStore, EffectiveAreaTable2D, EnergyDependentMultiGaussPSF, EnergyDispersion2D, EventList, FixedPointingInfo, GTI,
                    MapAxes, MapAxis, Observation, ObservationFilter, Observations, PSF3D, PSFKing, PhaseBackgroundMaker, PointingInfo, PointingMode,
                    RadMax2D, RegionGeom, SpectrumDataset, SpectrumDatasetMaker, TimeMapAxis, TimeReference, WcsGeom, demo_dir,
                    load_irf_dict_from_file, observatory_locations)
from specnb.analysis.data_check import setup_problems
from specnb.base.sphere import separation
from specnb.base.tables import NewTable, write_tables
from specnb.analysis.validate import validate

REF = Time("2020-03-19", scale="utc")
NIGHTS = np.linspace(0, 10, 20) * u.d


@pytest.fixture(scope="module")
def nights():
    return TimeMapAxis(NIGHTS, NIGHTS + 1 * u.h, REF)


def test_time_axis_has_dates_and_bins(nights):
    assert (nights.nbin, nights.name, nights.node_type, nights.unit) == (20, "time", "intervals", u.d)
    np.testing.assert_allclose(nights.time_delta.to_value("min"), 60)
    np.testing.assert_allclose(nights.time_mid[0].mjd, 58927.020833333336, rtol=1e-12)
    np.testing.assert_allclose(nights.center.to_value("h"), NIGHTS.to_value("h") + .5)
    assert nights.copy() == nights and nights.rename("t") != nights and nights.copy(name="t").name == "t"
    assert (nights.slice(slice(1, 5)).nbin, nights.slice([2, 6, 9]).nbin, nights.squash().nbin, nights.to_contiguous().nbin) == (4, 3, 1, 39)
    np.testing.assert_allclose(nights.squash().time_delta.to_value("d"), 10 + 1 / 24)
    assert all(isinstance(t, Time) for pair in nights.iter_by_time_edges for t in pair)
    axes = MapAxes([MapAxis.from_energy_edges([1, 3] * u.TeV), nights])
    assert axes["time"] is nights


def test_time_axis_finds_bins_also_in_gaps_and_for_other_scales(nights):
    times = nights.time_mid.tt # 69 s later on the clock, the same moment
    assert list(nights.coord_to_idx(times)) == list(range(20))
    assert list(nights.coord_to_idx(times + 1 * u.h)) == [-1] * 20
    assert nights.coord_to_idx(REF - 1 * u.yr) == -1 and nights.coord_to_idx(.5 * u.h) == 0
    np.testing.assert_allclose(nights.coord_to_pix(times), np.arange(20), atol=1e-9)
    single = TimeMapAxis(1 * u.d, 11 * u.d, REF)
    np.testing.assert_allclose(single.coord_to_pix(Time(58933, format="mjd") + [1.5, 3.5, 10] * u.d), [.15, .35, np.nan])
    back = nights.pix_to_coord([[3., .25], [-1.2, 24.7]])
    np.testing.assert_allclose((back[0] - REF).to_value("d"), [NIGHTS[3].value + .5 / 24, NIGHTS[0].value + .75 / 24])
    assert back.mask.tolist() == [[False, False], [True, True]]


@pytest.mark.parametrize("low, high, error, text", [
    (NIGHTS, NIGHTS[::-1], ValueError, "Edges max must all be larger than edge min"), (NIGHTS, NIGHTS[:-1], ValueError, "as many starts as stops"),
    (NIGHTS, NIGHTS + 1 * u.d, ValueError, "must not overlap. Bins 0 and 1"), (NIGHTS[::-1], NIGHTS[::-1] + 1 * u.h, ValueError, "in the order of time"),
    ([0] * u.m, [1] * u.m, TypeError, "edges_min: expected a unit that converts to s"), ([np.nan] * u.s, [1] * u.s, ValueError, "finite edges")])
def test_time_axis_refuses_bins_that_are_none(low, high, error, text):
    with pytest.raises(error, match=text): TimeMapAxis(low, high, REF)
    with pytest.raises(TypeError, match="reference_time: expected an astropy Time"): TimeMapAxis(NIGHTS, NIGHTS + 1 * u.h, 51000 * u.d)


def test_time_axis_from_edges_bounds_and_tables(nights):
    assert TimeMapAxis.from_time_edges(nights.time_min, nights.time_max, unit="h") == nights
    np.testing.assert_allclose(TimeMapAxis.from_time_bounds(REF, REF + 12 * u.h, nbin=3).center.to_value("h"), [2, 6, 10])
    assert TimeMapAxis.from_time_bounds(REF, REF + 7 * u.yr, nbin=1001).is_contiguous
    table = Table({"TIME_MIN": NIGHTS, "TIME_MAX": NIGHTS + 1 * u.h}, meta=nights.to_header(idx=1))
    assert TimeMapAxis.from_table(table) == nights
    meta = {"MJDREFI": 58927, "MJDREFF": 0., "TIMESYS": "utc", "TIMEUNIT": "h"}
    twice = Table({"time_min": NIGHTS.to_value("h"), "time_max": NIGHTS.to_value("h") + 1}, meta=meta)
    assert TimeMapAxis.from_table(twice, format="lightcurve") == nights
    mjd = Table({"time_min": nights.time_min.mjd, "time_max": nights.time_max.mjd}, meta={"TIMESYS": "utc"})
    read = TimeMapAxis.from_table(mjd, format="lightcurve")
    assert read.reference_time.mjd == 58927 and read.is_allclose(nights, atol=1e-5)
    with pytest.raises(ValueError, match="two columns with the start and stop"): TimeMapAxis.from_table(Table({"a": [1]}))
    assert (nights.to_table()["START"] == nights.time_min).all()


def test_time_axis_groups_bins_that_lie_whole_in_an_interval(nights):
    groups = nights.group_table([5 * u.d - 1 * u.h, 6 * u.d + 2 * u.h, 11 * u.d, 12 * u.d, -3 * u.d, -2 * u.d, .1 * u.d, .2 * u.d])
    assert list(groups["idx_min"]) == [10, -1, -1, -1] and list(groups["bin_type"])[:3] == ["normal", "overflow", "underflow"]
    np.testing.assert_allclose([groups["time_min"][0], groups["time_max"][0]], [58932.263158, 58932.83114])
    exact = nights.group_table([REF + 0 * u.d, REF + 10 * u.d + 1 * u.h])
    assert (exact["idx_min"][0], exact["idx_max"][0]) == (0, 19)


def test_time_axis_on_plots(nights):
    axis = TimeMapAxis([0, 1, 3] * u.d, [.8, 1.9, 5.4] * u.d, Time("1999-01-01T00:00:00.123456789"))
    assert axis.as_plot_labels[0] == "1999-01-01 00:00:00.123 - 1999-01-01 19:12:00.123"
    assert axis.as_plot_center[0].year == axis.to_contiguous().as_plot_edges[0].year == 1999
    axis.time_format = "mjd"
    assert axis.as_plot_center.unit == "d" and axis.slice([0]).time_format == "mjd"
    with pytest.raises(ValueError, match="Invalid time_format: null"): axis.time_format = "null"


DAY = Time("2020-01-01 00:00:00")


def hours(*pairs):
    return GTI.create(DAY + [p[0] for p in pairs] * u.h, DAY + [p[1] for p in pairs] * u.h)


def in_hours(gti):
    return [tuple(np.round((t - DAY).to_value("h"), 6) for t in pair) for pair in gti.time_intervals]


def test_gti_deletes_and_selects_intervals_also_inverted():
    gti = hours((1, 1.75), (2, 2.75), (3, 3.75), (5, 5.75))
    trimmed = gti.delete_interval(DAY + [7 / 3, 16 / 3] * u.h)
    assert in_hours(trimmed) == [(1, 1.75), (2, 2.333333), (5.333333, 5.75)]
    assert in_hours(trimmed.delete_interval(DAY + [5.5, 8] * u.h))[-1] == (5.333333, 5.5)
    assert in_hours(trimmed.delete_interval(DAY + [5.9, 8] * u.h)) == in_hours(trimmed)
    inner = gti.delete_interval(DAY + [3.25, 3.5] * u.h) # inside of one: two are left
    assert in_hours(inner)[2:4] == [(3, 3.25), (3.5, 3.75)]
    two = [DAY + [1.5, 2.25] * u.h, DAY + [5, 5.5] * u.h]
    assert in_hours(gti.select_time(two)) == [(1.5, 1.75), (2, 2.25), (5, 5.5)]
    assert in_hours(gti.select_time(two, inverted=True)) == [(1, 1.5), (2.25, 2.75), (3, 3.75), (5.5, 5.75)]
    touching = [DAY + [1, 2] * u.h, DAY + [2, 3] * u.h]
    assert in_hours(gti.select_time(touching, inverted=True)) == [(3, 3.75), (5, 5.75)]


def test_gti_union_intersection_and_stack_across_clocks():
    gti, other = hours((1, 2), (3, 4)), GTI.create([1.5, 3.9] * u.h, [1.6, 6] * u.h, DAY.tai)
    assert in_hours(gti.union(other)) == [(1, 2), (3, 6)] and in_hours(gti.intersection(other)) == [(1.5, 1.6), (3.9, 4)]
    assert gti.intersection(hours((7, 8))).ontime_s == 0
    assert in_hours(GTI.from_stack([gti, other]))[2:] == [(1.5, 1.6), (3.9, 6)]
    assert in_hours(hours((1, 2), (2, 3)).union()) == [(1, 3)] and len(hours((1, 2), (2, 3)).union(merge_equal=False)) == 2
    assert len(hours((1, 2), (2, 3)).union(overlap_ok=False)) == 1
    with pytest.raises(ValueError, match="Overlapping time bins: 2 intervals last 8280 s, united 7200 s"): hours((1, 2.3), (2, 3)).union(overlap_ok=False)


def test_gti_groups_splits_and_makes_an_axis():
    gti = hours((1, 1.5), (2, 2.5), (30, 30.5), (90, 91))
    groups = gti.group_table([DAY + [.5, 3] * u.h, DAY + [29, 30.5] * u.h])
    assert list(groups["group_idx"]) == [0, 0, 1, -1] and groups["bin_type"][3] == "overflow"
    np.testing.assert_allclose(groups["time_min"], gti.time_start.utc.mjd)
    parts = gti.split(20 * u.min)
    assert len(parts) == 9 and parts.ontime_s == gti.ontime_s
    axis = TimeMapAxis.from_gti(parts)
    assert axis.nbin == 9 and axis.bin_width.to_value("min").max() < 20 + 1e-6
    assert TimeMapAxis.from_gti_bounds(hours((1, 1.5), (2, 2.5)), 10 * u.min).nbin == 9
    assert in_hours(GTI.create(axis.time_min, axis.time_max).union()) == in_hours(gti)


def test_gti_is_written_and_read_with_its_clock(tmp_path):
    gti = GTI.create([5, 60] * u.s, [8, 70] * u.s, Time("2010-01-01", scale="tt"))
    gti.write(tmp_path / "gti.fits")
    back = GTI.read(tmp_path / "gti.fits")
    assert (back.reference_time.iso, back.time_ref.scale, list(back.stop_s)) == ("2010-01-01 00:00:00.000", "tt", [8, 70])
    assert (back.table["START"] == gti.time_start).all() and (back.met_stop - gti.met_stop == 0 * u.s).all()
    with pytest.raises(FileExistsError): gti.write(tmp_path / "gti.fits")
    copy = back.copy()
    copy.start_s[0] = 0
    assert back.start_s[0] == 5
    assert in_hours(GTI.from_time_intervals(hours((1, 2), (3, 4)).time_intervals, DAY)) == [(1, 2), (3, 4)]


@pytest.fixture(scope="module")
def run():
    return DataStore.from_dir(demo_dir()).obs(1001)


def test_event_lists_are_read_stacked_and_made_from_tables(run, tmp_path):
    events = EventList.read(demo_dir() / "run_001001.fits.gz")
    assert len(events) == len(run.events) and events.t_s[0] == run.events.t_s[0]
    again = EventList(events.table)
    assert again.time_ref == events.time_ref and (again.e_tev == events.e_tev).all() and again.meta["OBS_ID"] == 1001
    dated = events.table
    dated["TIME"] = events.time
    np.testing.assert_allclose((EventList(dated).time - events.time).to_value("s"), 0, atol=1e-6)
    stacked = EventList.from_stack([events, again.select_energy([1, 10] * u.TeV)])
    assert len(stacked) > len(events) and (stacked.column("EVENT_ID")[:len(events)] == events.column("EVENT_ID")).all()
    later = EventList([1.], [83.], [22.], [0.], TimeReference.from_time(events.time[0]))
    np.testing.assert_allclose(events.stack(later).t_s[-1], events.t_s[0], atol=1e-5)
    events.write(tmp_path / "events.fits")
    assert len(EventList.read(tmp_path / "events.fits")) == len(events)
    with pytest.raises(ValueError, match="table: no column TIME; found RA, DEC, ENERGY"): EventList(events.table["RA", "DEC", "ENERGY"])


def test_events_by_region_mask_phase_and_values(run):
    events = run.events
    circle = CircleSkyRegion(SkyCoord(83.63, 22.01, unit="deg"), .3 * u.deg)
    near = events.select_region(circle)
    assert len(near) == np.sum(separation(83.63, 22.01, events.ra_deg, events.dec_deg) < .3) > 50
    pixels = WcsGeom.create(skydir=(83.63, 22.01), binsz=.01, width=4 * u.deg, proj="TAN")
    assert abs(len(events.select_mask(pixels.region_mask([circle]))) - len(near)) <= 6
    assert len(events.select_region("icrs;box(83.63, 22.01, 0.2, 0.4)")) == len(events.select_region(
        [RectangleSkyRegion(SkyCoord(83.63, 22.01, unit="deg"), .2 * u.deg, .4 * u.deg)]))
    phases = np.linspace(-.5, .5, len(events), endpoint=False)
    pulsed = events.with_columns(PHASE=phases)
    assert len(pulsed.select_phase((.9, 1.1))) == len(pulsed.select_phase((-.1, .1))) == np.sum(np.abs(phases + 1e-9) < .1)
    assert len(pulsed.select_phase([(0, .2), (.5, .6)])) == pytest.approx(.3 * len(events), abs=2)
    with pytest.raises(DataError, match="no column PHASE"): events.select_phase((0, .1))
    with pytest.raises(DataError, match="column PHASE holds 1 values that are not finite"):
        events.with_columns(PHASE=np.r_[np.nan, phases[1:]]).select_phase((0, .1))
    ids = events.column("EVENT_ID")
    assert list(events.select_parameter("EVENT_ID", [ids[3], ids[7]], is_range=False).column("EVENT_ID")) == [ids[3], ids[7]]
    assert len(events.select_parameter("ENERGY", values=(500, 2000) * u.GeV)) == len(events.select_energy([.5, 2] * u.TeV))
    inverted = events.select_time(events.time[[100, 200]], inverted=True)
    assert len(inverted) + len(events.select_time(events.time[[100, 200]])) == len(events)


@pytest.fixture(scope="module")
def runs():
    return DataStore.from_dir(demo_dir()).get_observations()


def test_observations_are_cut_by_several_and_inverted_intervals_with_dead_time_kept(runs):
    first, second = runs[0].tstart + [[100, 400], [600, 700]] * u.s
    several = runs.select_time([first, second])
    np.testing.assert_allclose([o.ontime_s for o in several], [300, 100], atol=1e-5)
    np.testing.assert_allclose([o.livetime_s / o.ontime_s for o in several], runs[0].deadc)
    assert [o.obs_id for o in several] == [1001, 1001]
    rest = runs.select_time([first, second], inverted=True)
    assert rest.ids == runs.ids and len(rest[0].gti) == 3
    assert sum(len(o.events) for o in several) + len(rest[0].events) == len(runs[0].events)
    np.testing.assert_allclose(sum(o.livetime_s for o in several) + rest[0].livetime_s, runs[0].livetime_s, rtol=1e-8)
    assert runs[0].select_time(first, inverted=True).gti.ontime_s == pytest.approx(runs[0].ontime_s - 300, abs=1e-5)


def test_runs_are_split_so_that_a_light_curve_is_finer_than_runs(runs):
    parts = runs.split(3 * u.min)
    assert len(parts) == sum(int(np.ceil(o.ontime_s / 180)) for o in runs) and max(o.ontime_s for o in parts) <= 180 + 1e-6
    assert sum(len(o.events) for o in parts) == sum(len(o.events) for o in runs)
    np.testing.assert_allclose(sum(o.livetime_s for o in parts), sum(o.livetime_s for o in runs), rtol=1e-12)
    axis = TimeMapAxis.from_gti(GTI.from_stack([o.gti for o in parts]))
    assert axis.nbin == len(parts) and list(axis.coord_to_idx(runs[0].events.time[[0, -1]])) == [0, 9]
    assert runs.group_by_label([1, 2, 1, 2])["group_2"].ids == runs.ids[1::2]
    assert Observations.from_stack([runs[:1], runs[2:]]).ids == [runs.ids[i] for i in (0, 2, 3)]
    assert [o.obs_id for o in runs.in_memory_generator()] == [o.obs_id for o in runs]


def test_an_observation_filter_stays_with_copies_pickles_and_livetime(run):
    pulsed = run.copy(events=run.events.with_columns(PHASE=run.events.t_s % 1))
    pulsed.obs_filter = ObservationFilter(time_filter=run.tstart + [0, 600] * u.s,
                                          event_filters=[{"type": "custom", "opts": {"parameter": "PHASE", "values": (.2, .8)}}])
    for other in pulsed, pulsed.copy(), pickle.loads(pickle.dumps(pulsed)), pulsed.copy(obs_id=7, in_memory=True):
        assert other.ontime_s == pytest.approx(600, abs=1e-5) and other.livetime_s == pytest.approx(600 * .6 * run.deadc, rel=1e-6)
        phases = other.events.column("PHASE")
        assert phases.min() >= .2 and phases.max() < .8 and (other.events.t_s < run.events.t_s[0] + 601).all()
    pulsed.obs_filter = None
    assert pulsed.livetime_s == run.livetime_s and len(pulsed.events) == len(run.events)
    with pytest.raises(TypeError, match="obs_filter: expected an ObservationFilter"): pulsed.obs_filter = 5


def test_events_and_good_time_of_an_observation_may_be_set(run):
    changed = run.copy()
    changed.gti = GTI(run.gti.table, reference_time=run.gti.reference_time).select_time(run.tstart + [0, 600] * u.s)
    assert changed.livetime_s == pytest.approx(600 * run.deadc) and 0 < len(changed.events) < len(run.events)
    changed.events = run.events.with_columns(PHASE=run.events.t_s % 1)
    assert "PHASE" in changed.copy().events.table.colnames and len(changed.events) < len(run.events)
    with pytest.raises(TypeError, match="events: expected EventList, found 5"): changed.events = 5
    assert run.gti.time_ref.mjd == pytest.approx(run.gti.reference_time.mjd) and len(run.events) > len(changed.events)


def test_observations_are_read_checked_and_written(run, tmp_path):
    path = demo_dir() / "run_001001.fits.gz"
    read = Observation.read(path)
    assert read.obs_id == 1001 and len(read.events) == len(run.events) and read.livetime_s == run.livetime_s
    assert read.available_hdus == ["events", "gti", "aeff", "edisp", "psf", "bkg"] and read.check() == [] == run.check()
    np.testing.assert_array_equal(read.aeff.data, load_irf_dict_from_file(path)["aeff"].data)
    read.write(tmp_path / "events.fits.gz", include_irfs=False)
    parted = Observation.read(tmp_path / "events.fits.gz", irf_file=path)
    assert parted.available_irfs == read.available_irfs
    assert Observation.read(tmp_path / "events.fits.gz").check()[:2] == ["no aeff", "no edisp"]
    gone = Observation(5, {"gti": run.gti}, {"DEADC": 0, "RA_PNT": 83.}).check()
    assert any("keyword DEADC" in text for text in gone) and any("RA_PNT, DEC_PNT" in text for text in gone)


def test_observations_are_created_with_a_place(run):
    crab = SkyCoord(83.63, 22.01, unit="deg")
    site = observatory_locations["ctao_south"]
    irfs = {name: getattr(run, name) for name in run.available_irfs}
    obs = Observation.create(pointing=FixedPointingInfo(fixed_icrs=crab), location=site, obs_id=3, tstart=DAY, tstop=DAY + 1 * u.h,
                             irfs=irfs, deadtime_fraction=.1, reference_time=DAY)
    assert obs.observation_live_time_duration.to_value("min") == pytest.approx(54) and obs.observation_time_duration.to_value("h") == pytest.approx(1)
    assert obs.observation_dead_time_fraction == pytest.approx(.1) and (obs.tmid - DAY).to_value("min") == pytest.approx(30)
    assert obs.observatory_earth_location.lat.deg == pytest.approx(site.lat.deg) and obs.pointing.mode is PointingMode.POINTING
    assert abs(obs.get_pointing_altaz(obs.tmid).transform_to("icrs").separation(crab).deg) < 1e-6
    assert obs.get_pointing_icrs(obs.tmid).separation(crab).deg < 1e-9
    drifting = Observation.create(FixedPointingInfo(fixed_altaz=AltAz(az=0 * u.deg, alt=80 * u.deg)), site, livetime=1 * u.h, irfs=irfs)
    assert drifting.get_pointing_altaz().alt.deg == pytest.approx(80)
    early, late = drifting.get_pointing_icrs(drifting.tstart), drifting.get_pointing_icrs(drifting.tstop)
    assert early.separation(late).deg == pytest.approx(15.04 * np.cos(early.dec.rad), rel=2e-3)
    np.testing.assert_allclose(drifting.pointing_deg, [drifting.get_pointing_icrs().ra.deg, drifting.get_pointing_icrs().dec.deg])
    with pytest.raises(DataError, match="GEOLON, GEOLAT, ALTITUDE"): Observation.create(crab, livetime=1 * u.h).get_pointing_altaz()
    with pytest.raises(TypeError, match="location: expected an EarthLocation, found 7"): Observation.create(crab, 7, livetime=1 * u.h)


def test_pointing_of_a_table_has_no_jump_at_right_ascension_zero():
    moving = PointingInfo([0, 600], [359.5, .5], [10, 10], meta={"GEOLON": 16.5, "GEOLAT": -23.27, "ALTITUDE": 1835})
    middle = moving.get_icrs(moving.time_ref.time(300))
    assert middle.ra.wrap_at(180 * u.deg).deg == pytest.approx(0, abs=1e-9) and moving.get_altaz(moving.time).alt.shape == (2,)
    with pytest.raises(ValueError, match="obstime: PointingInfo is for"): moving.get_icrs(moving.time_ref.time(700))
    with pytest.raises(ValueError, match="expected one of fixed_icrs and fixed_altaz, found both"):
        FixedPointingInfo(SkyCoord(0, 0, unit="deg"), AltAz(az=0 * u.deg, alt=80 * u.deg))
    with pytest.raises(DataError, match="expected numbers in the keywords AZ_PNT, ALT_PNT"): FixedPointingInfo.from_fits_header({"OBS_MODE": "DRIFT"})


@pytest.fixture(scope="module")
def pulsar(run):
    "A run whose events have a phase, and its spectrum over all phases."
    observation = run.copy(events=run.events.with_columns(PHASE=run.events.t_s * 10))
    axes = MapAxis.from_energy_bounds("0.1 TeV", "40 TeV", 8), MapAxis.from_energy_bounds("0.05 TeV", "100 TeV", 20, name="energy_true")
    empty = SpectrumDataset.create(geom=RegionGeom.create("icrs;circle(83.63, 22.01, 0.2)", axes=[axes[0]]), energy_axis_true=axes[1])
    return observation, SpectrumDatasetMaker(selection=["counts", "exposure", "edisp"]).run(empty, observation)


@pytest.mark.parametrize("on, off, parts", [((.5, .6), (.7, 1), (.1, .3)), ((-.1, .1), [(.2, .5), (.6, .8)], (.2, .5)), ((.9, .1), (.2, .8), (.2, .6))])
def test_phase_background_counts_one_region_at_different_phases(pulsar, on, off, parts):
    observation, dataset = pulsar
    result = PhaseBackgroundMaker(on_phase=on, off_phase=off).run(dataset, observation)
    near = observation.events.select_region("icrs;circle(83.63, 22.01, 0.2)").select_energy([.1, 40] * u.TeV)
    assert result.counts.data.sum() == len(near.select_phase(on)) and result.counts_off.data.sum() == len(near.select_phase(off))
    np.testing.assert_allclose([result.acceptance.data.flat[0], result.acceptance_off.data.flat[0]], parts)
    np.testing.assert_array_equal(result.arrays.exposure, dataset.arrays.exposure) # a mean over the rotation
    inside = PhaseBackgroundMaker(on, off, phase_averaged=False).run(dataset, observation)
    np.testing.assert_allclose(inside.arrays.exposure, dataset.arrays.exposure * parts[0])


@pytest.mark.parametrize("given, found", [([(.2, .3)], [(.2, .3)]), ((.9, .1), [(.9, 1), (0, .1)]), ((-.2, .1), [(.8, 1), (0, .1)]),
                                          ((.8, 1.2), [(.8, 1), (0, .2)]), ((.8, 1), [(.8, 1)]), ([(.2, .4), (.8, .9)], [(.2, .4), (.8, .9)])])
def test_phases_that_wrap_are_cut_in_two(given, found):
    np.testing.assert_allclose(PhaseBackgroundMaker(given, (.5, .7)).on_phase, found)
    with pytest.raises(ValueError, match="off_phase: expected phases other than the ON phases"): PhaseBackgroundMaker((.9, .1), (.05, .5))


def test_runs_are_chosen_from_the_index_by_number_circle_time_and_zenith():
    store = DataStore.from_dir(demo_dir())
    index = store.obs_table
    ids = list(index["OBS_ID"])
    assert list(index.select_obs_id([1003, 1001])["OBS_ID"]) == [1003, 1001]
    near = index.select_sky_circle(SkyCoord(83.63, 22.01, unit="deg"), .7 * u.deg)
    assert list(near["OBS_ID"]) == [1001, 1002] and list(index.select_sky_circle(SkyCoord(83.63, 22.01, unit="deg"), ".7 deg", inverted=True)["OBS_ID"]) == ids[2:]
    dates = index.time_start[1] - 1 * u.s, index.time_stop[2] + 1 * u.s
    assert list(index.select_time_range(dates)["OBS_ID"]) == ids[1:3]
    box = {"type": "time_box", "time_range": Time([dates[0] - 10 * u.min, dates[1]])}
    assert list(index.select_observations(box)["OBS_ID"]) == ids[1:3]
    assert list(index.select_observations({**box, "partial_overlap": True})["OBS_ID"]) == ids[:3]
    assert list(index.select_observations([box, {"type": "par_box", "variable": "OBS_ID", "value_range": [1001, 1003], "inverted": True}])["OBS_ID"]) == [1003]
    assert store.get_observations(near["OBS_ID"]).ids == ["1001", "1002"]
    heights = index.copy()
    heights["ALT_PNT"] = [40., 50., 60., 70.]
    assert list(heights.select_observations({"type": "par_box", "variable": "ZEN_PNT", "value_range": ["0 deg", "35 deg"]})["OBS_ID"]) == ids[2:]
    assert abs((index.time_ref - Time(51910.000742870370370241, format="mjd", scale="tt")).to_value("s")) < 1e-3
    with pytest.raises(ValueError, match="the index lists no run 5"): index.select_obs_id(5)


@pytest.fixture(params=["column", "keyword"])
def typed_store(run, tmp_path, request):
    "A data set of one run with two types of events, whose responses differ: in the index, or in the headers of the responses."
    events = run.events.with_columns(EVENT_TYPE=np.arange(len(run.events)) % 3 % 2 + 1) # two thirds are of type 1
    tables = run.copy(events=events).to_hdus()
    hdus, rows = [tables["events"], tables["gti"]], [("events", "events", "EVENTS", ""), ("gti", "gti", "GTI", "")]
    for number, part in ("1", 2 / 3), ("2", 1 / 3):
        aeff = EffectiveAreaTable2D(run.aeff.axes, run.aeff.data * part)
        for kind, irf in ("aeff", aeff), ("edisp", run.edisp):
            hdu = irf.to_hdu(f"{kind}_{number}".upper())
            if request.param == "keyword": hdu.header["EVTYPE"] = number
            hdus.append(hdu)
            rows.append((kind, f"{kind}_2d", hdu.name, number))
    write_tables(tmp_path / "run.fits", hdus)
    names = "HDU_TYPE", "HDU_CLASS", "HDU_NAME", "EVENT_TYPE"
    columns = {"OBS_ID": np.full(6, 1001), **dict(zip(names, map(np.array, zip(*rows)))), "FILE_DIR": np.full(6, "."), "FILE_NAME": np.full(6, "run.fits")}
    if request.param == "keyword": del columns["EVENT_TYPE"]
    write_tables(tmp_path / "hdu-index.fits.gz", [NewTable("HDU_INDEX", columns, {})])
    return DataStore.from_dir(tmp_path)


def test_event_types_are_no_problem_and_must_be_chosen(typed_store, run):
    "validate knows that a kind may be there once for each type; a configuration has to choose one."
    folder = typed_store.hdu_rows(1001)[0].path.parent
    assert [p for p in validate(folder) if "expected one" in p.message or p.severity == "error"] == []
    ra, dec = run.pointing_deg
    place = {"datasets.on_region.lon": f"{ra} deg", "datasets.on_region.lat": f"{dec + .5} deg", "datasets.containment_correction": False}
    asked = AnalysisConfig().with_settings(place)
    assert [p for p in setup_problems(asked, typed_store) if "event_type" in p] == ["observations.event_type: found null, expected one of 1, 2: each has responses of its own"]
    assert [p for p in setup_problems(asked.with_settings({"observations.event_type": 2}), typed_store) if "event_type" in p or "irf" in p] == []


def test_event_types_are_separate_observations_with_responses_of_their_own(typed_store, run, pulsar):
    assert typed_store.event_types(1001) == ["1", "2"] and DataStore.from_dir(demo_dir()).event_types(1001) == []
    with pytest.raises(ValueError, match="expected event_type to be one of 1, 2, event_type was not given"): typed_store.obs(1001)
    with pytest.raises(ValueError, match="expected event_type to be one of 1, 2, found 5"): typed_store.obs(1001, event_type=5)
    types = [typed_store.get_observations(event_type=t)[0] for t in (1, "2")]
    assert sum(len(o.events) for o in types) == len(run.events) and set(types[0].events.column("EVENT_TYPE")) == {1}
    assert [o.livetime_s for o in types] == [run.livetime_s] * 2
    maker, (_, whole) = SpectrumDatasetMaker(selection=["counts", "exposure"]), pulsar
    empty = SpectrumDataset.create(geom=whole.geom, energy_axis_true=whole.energy_axis_true)
    parts = [maker.run(empty, o) for o in types]
    np.testing.assert_array_equal(sum(p.counts.data for p in parts), whole.counts.data)
    np.testing.assert_allclose(parts[0].arrays.exposure, whole.arrays.exposure * 2 / 3, rtol=1e-6)
    np.testing.assert_allclose(sum(p.arrays.exposure for p in parts), whole.arrays.exposure, rtol=1e-6)


def test_event_types_may_be_bits(run, tmp_path):
    flags = np.zeros((len(run.events), 32), bool)
    flags[::2, 3], flags[::5, 30] = True, True
    hdu = run.events.to_hdu()
    columns = hdu.columns + fits.ColDefs([fits.Column("EVENT_TYPE", "32X", array=flags)])
    fits.BinTableHDU.from_columns(columns, header=hdu.header, name="EVENTS").writeto(tmp_path / "bits.fits")
    events = EventList.read(tmp_path / "bits.fits")
    assert [len(events.select_event_type(n)) for n in (3, 30, 0)] == [flags[:, 3].sum(), flags[:, 30].sum(), 0]


# --- directional cuts and point spread functions -------------------------------------------------------------------------------

TRUE, OFFSETS = MapAxis.from_energy_bounds("0.05 TeV", "100 TeV", 12, name="energy_true"), MapAxis.from_nodes([0, 1, 2], name="offset", unit="deg")
NARROW = .05 + .02 / TRUE.center_value[:, None]**.3 + .01 * OFFSETS.center_value


def cut_run(run, meta=None, **parts):
    "A run with point-like responses."
    aeff = EffectiveAreaTable2D(run.aeff.axes, run.aeff.data, is_pointlike=True, meta=meta or {})
    return run.copy(aeff=aeff, **parts)


def counts_of(observation, region):
    geom = RegionGeom.create(region, axes=[MapAxis.from_energy_bounds("0.1 TeV", "40 TeV", 8)])
    return SpectrumDatasetMaker(selection=["counts"]).run(SpectrumDataset.create(geom=geom, energy_axis_true=TRUE), observation).counts.data.sum()


def test_rad_max_as_a_keyword_as_a_table_and_per_energy(run):
    crab = SkyCoord(83.63, 22.01, unit="deg")
    distance = separation(83.63, 22.01, run.events.ra_deg, run.events.dec_deg)
    inside = (run.events.e_tev >= .1) & (run.events.e_tev < 40)
    edges = MapAxis.from_energy_edges([.1, 1, 40], unit="TeV")
    one, two = (RadMax2D([axis, OFFSETS.squash()], np.reshape(r, (-1, 1)), is_pointlike=True)
                for axis, r in ((edges.squash(), [.15]), (edges, [.2, .1])))
    keyword, table = cut_run(run, {"RAD_MAX": .15}), cut_run(run, rad_max=one)
    other = run.copy(aeff=cut_run(run).aeff, edisp=EnergyDispersion2D(run.edisp.axes, run.edisp.data, is_pointlike=True, meta={"RAD_MAX": .15}))
    for observation in keyword, table, other: # a point, or a circle of the radius
        assert counts_of(observation, PointSkyRegion(crab)) == counts_of(observation, CircleSkyRegion(crab, .15 * u.deg)) == np.sum(inside & (distance < .15))
        with pytest.raises(ValueError, match="point-like responses are for a cut of 0.15 deg"): counts_of(observation, CircleSkyRegion(crab, .2 * u.deg))
    radius = np.where(run.events.e_tev < np.sqrt(np.sqrt(.1 * 1) * np.sqrt(1 * 40)), .2, .1) # the nearest node in the logarithm
    assert counts_of(cut_run(run, rad_max=two), PointSkyRegion(crab)) == np.sum(inside & (distance < radius))
    with pytest.raises(ValueError, match="depends on energy .* expected a point"): counts_of(cut_run(run, rad_max=two), CircleSkyRegion(crab, .15 * u.deg))
    with pytest.raises(DataError, match="keyword RAD_MAX is -1, expected a positive angle"): counts_of(cut_run(run, {"RAD_MAX": -1.}), PointSkyRegion(crab))
    picked = run.events.select_rad_max(two, crab)
    assert len(picked) == np.sum((distance < radius) & (run.events.e_tev >= .1) & (run.events.e_tev < 40))


def made_psfs():
    "A King function, three Gaussians and a table of one Gaussian with the same width."
    zero, rad = np.zeros_like(NARROW), MapAxis.from_bounds(0, 1, 400, name="rad", unit="deg")
    gauss = np.exp(-rad.center_value**2 / 2 / NARROW[..., None]**2) / (2 * np.pi * np.radians(NARROW[..., None])**2)
    return {"king": PSFKing([TRUE, OFFSETS], [zero + 2.5, .7 * NARROW]), "table": PSF3D([TRUE, OFFSETS, rad], gauss),
            "3gauss": EnergyDependentMultiGaussPSF([TRUE, OFFSETS], [zero + 1, NARROW, zero + .1, 2 * NARROW, zero + .02, 4 * NARROW])}


@pytest.mark.parametrize("kind", ["king", "3gauss", "table"])
def test_containment_is_the_integral_of_the_point_spread_function(kind):
    psf = made_psfs()[kind]
    r = np.linspace(0, .3, 3001)
    middle, ring = (r[1:] + r[:-1]) / 2, np.pi * np.diff(np.radians(r)**2) # sr
    for energy, offset in (.3, .2), (1, 1.), (20, 1.7):
        sums = np.cumsum(psf.value(energy, offset, middle) * ring)
        for radius in .05, .1, .3:
            found = float(psf.containment_value(radius, energy, offset))
            np.testing.assert_allclose(found, sums[np.searchsorted(r, radius - 1e-9) - 1], rtol=2e-4 if kind != "table" else 2e-3)
    width = float(np.interp(np.log(1.), np.log(TRUE.center_value), NARROW[:, 1]))
    if kind == "table": np.testing.assert_allclose(psf.containment_value(.1, 1., 1.), 1 - np.exp(-.01 / 2 / width**2), rtol=3e-3)


def test_time_cuts_of_gammapy_on_the_hess_runs(hess_dir):
    "Eight intervals of ten minutes over four runs: events, times and pointings as of Gammapy 2.1."
    runs = DataStore.from_dir(hess_dir).get_observations([47802, 47803, 47804, 23523])
    edges = runs[0].tstart + np.arange(9) * 10 * u.min
    cut = runs.select_time(list(zip(edges[:-1], edges[1:])))
    assert [len(o.events) for o in cut] == [2140, 2145, 1713, 2111, 2147, 1985, 2084, 2213]
    np.testing.assert_allclose([o.ontime_s for o in cut], [600, 600, 488, 570, 600, 518, 547, 600], atol=2e-3)
    np.testing.assert_allclose([o.livetime_s for o in cut], [558.912, 558.912, 454.582, 529.12, 556.968, 480.849, 505.31, 554.271], atol=2e-3)
    np.testing.assert_allclose([o.get_pointing_altaz(o.tmid).alt.deg for o in runs], [52.82487, 60.42111, 66.5334, 41.95081], atol=1e-4)
    np.testing.assert_allclose(runs[3].get_pointing_altaz(runs[3].tstop).az.deg, 18.3837, atol=1e-4)
