"Time: axes of light curves, good time intervals, selections by time, pointing, phase."
import astropy.units as u
import numpy as np
import pytest
from astropy.table import Table
from astropy.time import Time
from specnb import GTI, MapAxes, MapAxis, TimeMapAxis

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
