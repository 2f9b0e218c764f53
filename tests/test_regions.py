"OFF regions: the four runs of the reference, the long way against the short way, and bad input."
import warnings
import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.table import Table
from numpy.testing import assert_allclose
from regions import (CircleAnnulusSkyRegion, CirclePixelRegion, CircleSkyRegion, EllipseAnnulusSkyRegion, EllipseSkyRegion, PixCoord,
                     PointSkyRegion, PolygonSkyRegion, RectangleAnnulusSkyRegion, RectangleSkyRegion, Regions)
from specnb import (DataError, OffRegions, ReflectedRegionsFinder, RegionGeom, WcsGeom, WcsNDMap, WobbleRegionsFinder, catalogue_regions,
                    extract_bright_star_regions, plot_off_regions, read_regions, region_contains)
from specnb.base.core import SpecnbWarning
from specnb.regions.planes import angular_size, mask_pixels, on_shape, pointing_plane
from specnb.regions.off_regions import reflected_angles
from specnb.base.sphere import separation

CRAB = SkyCoord(83.63, 22.01, unit="deg")
ON = RegionGeom.create(CircleSkyRegion(CRAB, .11*u.deg))
CLOUDS = CircleSkyRegion(SkyCoord(183.604, -8.708, unit="deg", frame="galactic"), .5*u.deg)
IMAGE = WcsGeom.create(npix=(150, 150), binsz=.05, skydir=CRAB, proj="TAN", frame="icrs")
MASK = ~IMAGE.region_mask([CLOUDS])
POINTING = 83.633333333333, 21.514444444444

REFERENCE = {  # run: number of OFF regions, angular size [deg], radius [pixels], ON and OFF counts in 27 bins from 0.1 to 40 TeV
    23523: (12, 25.2103359, 11.000823, "0 0 0 0 0 0 0 15 28 30 30 13 19 18 4 9 8 10 2 4 1 0 0 1 0 0 0",
            "0 0 0 0 0 0 1 39 67 30 13 14 14 11 6 8 9 2 1 4 2 1 0 1 0 1 0"),
    23526: (12, 24.9400748, 11.000852, "0 0 0 0 0 0 10 37 37 21 13 16 16 9 17 9 2 3 4 4 1 1 0 1 0 0 0",
            "0 0 0 0 0 0 10 68 45 24 16 9 13 9 7 6 9 5 3 1 2 1 0 0 0 0 0"),
    23559: (41, 8.1170344, 11.003796, "0 0 0 0 0 0 10 20 24 32 19 15 12 12 9 3 3 0 2 0 1 3 1 0 0 0 0",
            "0 0 0 0 0 0 31 162 118 51 35 30 17 18 9 9 3 8 4 6 6 4 2 2 3 2 0"),
    23592: (36, 8.1439980, 11.003765, "0 0 0 0 0 0 0 10 20 25 17 18 14 7 7 10 2 3 3 1 4 0 0 0 0 0 0",
            "0 0 0 0 0 0 4 73 150 78 42 36 16 28 21 13 6 5 2 4 9 2 5 2 2 2 2")}


def read_events(path):
    with fits.open(path) as hdus:
        data, header = hdus["EVENTS"].data, hdus["EVENTS"].header
        return (header["RA_PNT"], header["DEC_PNT"]), *[data[c].astype(float) for c in ("RA", "DEC", "ENERGY")]


def in_bins(energy): return np.histogram(energy, np.geomspace(.1, 40, 28))[0].tolist()


@pytest.mark.parametrize("run", REFERENCE)
def test_the_runs_of_the_reference(hess_dir, run):
    n, size, radius, on, off = REFERENCE[run]
    pointing, ra, dec, energy = read_events(hess_dir/f"data/hess_dl3_dr1_obs_id_0{run}.fits.gz")
    found = ReflectedRegionsFinder().find(ON, pointing, MASK)
    assert found.n == n == len(found.regions)
    assert_allclose([found.angular_size_deg, found.radius_pix], [size, radius], rtol=3e-7)
    is_off = found.contains(ra, dec)
    assert in_bins(energy[region_contains(ON.region, ra, dec)]) == [int(k) for k in on.split()]
    assert in_bins(energy[is_off]) == [int(k) for k in off.split()]
    assert found.count(ra, dec) == is_off.sum()
    great_circles = np.any([separation(*p, ra, dec) < .11 for p in zip(found.lon, found.lat)], axis=0)
    assert np.sum(great_circles != is_off) <= 1  # at the rim: a circle in the plane is 0.03 % smaller along the radius


def test_an_event_in_two_regions_counts_once(hess_dir):
    pointing, ra, dec, energy = read_events(hess_dir/"data/hess_dl3_dr1_obs_id_023592.fits.gz")
    found = ReflectedRegionsFinder().find(ON, pointing, MASK)
    safe = (energy >= np.geomspace(.1, 40, 28)[9]) & (energy < 40)
    assert found.count(ra[safe], dec[safe]) == 275
    assert sum(s.contains(*found.plane.icrs_to_pix(ra[safe], dec[safe])).sum() for s in found.shapes) == 278


@pytest.mark.parametrize("run, position, expected", [(5029747, "035", {1: 378, 3: 1178}), (5029748, "215", {1: 413, 3: 1255})])
def test_wobble_positions_of_the_magic_runs(magic_dir, run, position, expected):
    path = magic_dir/f"20131004_0{run}_DL3_CrabNebula-W0.40+{position}.fits"
    pointing, ra, dec, energy = read_events(path)
    with fits.open(path) as hdus: row = hdus["RAD_MAX"].data[0]
    low, high = row["ENERG_LO"].astype(float), row["ENERG_HI"].astype(float)
    assert row["RAD_MAX"].shape[0] == 1  # a single offset
    nearest = np.abs(np.log(energy)[:, None] - np.log(low*high)/2).argmin(axis=1)
    radius = np.where((energy >= low[0]) & (energy < high[-1]), row["RAD_MAX"][0].astype(float)[nearest], -1)
    keep = (energy >= .05) & (energy < 100)
    ra, dec, radius = ra[keep], dec[keep], radius[keep]
    for n, counts in expected.items():
        found = WobbleRegionsFinder(n).find(PointSkyRegion(CRAB), pointing)
        assert found.n == n and found.count(ra, dec, radius) == counts
        assert found.min_separation_deg > 2*radius.max() or n == 3
    assert region_contains(PointSkyRegion(CRAB), ra, dec, radius).sum() == {5029747: 791, 5029748: 837}[run]


# --- the long way ------------------------------------------------------------------------------------------------------------

def find_the_long_way(geom, pointing, mask):
    "Reflected circles with all pixels of the plane, `astropy.wcs` and `regions`."
    plane = pointing_plane(pointing, float(separation(*geom.center_deg, *pointing)), geom.frame)
    x, y = np.meshgrid(np.arange(plane.npix[0]), np.arange(plane.npix[0]))
    sky = plane.wcs.pixel_to_world(x, y)
    mx, my = (np.rint(v).astype(int) for v in mask.geom.wcs.world_to_pixel(sky))
    on = (mx >= 0) & (mx < mask.geom.npix[0]) & (my >= 0) & (my < mask.geom.npix[1])
    excluded = np.zeros(x.shape, bool)
    excluded[on] = ~mask.data[my[on], mx[on]]
    shape, center = on_shape(geom, plane), plane.crpix[0]
    circle = CirclePixelRegion(PixCoord(shape.x, shape.y), shape.radius)
    inside = circle.contains(PixCoord(x, y))
    pixels = PixCoord(x[excluded], y[excluded])
    blocked = lambda a: circle.rotate(PixCoord(center, center), a*u.rad).contains(pixels).any()
    return reflected_angles(blocked, angular_size(x[inside], y[inside], center), .1, 0, .1, 10000)[0]


@pytest.mark.parametrize("seed", range(24))
def test_the_short_way_finds_what_the_long_way_finds(seed):
    rng = np.random.default_rng(seed)
    frame, mask_frame = rng.choice(["icrs", "galactic"], 2)
    center = SkyCoord(rng.uniform(0, 360), rng.uniform(-80, 80), unit="deg", frame=frame)
    pointing = center.directional_offset_by(rng.uniform(0, 360)*u.deg, rng.uniform(.3, 1.2)*u.deg).icrs
    geom = RegionGeom.create(CircleSkyRegion(center, rng.uniform(.05, .2)*u.deg))
    others = [CircleSkyRegion(pointing.directional_offset_by(rng.uniform(0, 360)*u.deg, rng.uniform(.3, 1.5)*u.deg), rng.uniform(.03, .4)*u.deg)
              for _ in range(rng.integers(1, 4))]
    image = WcsGeom.create(width=4, binsz=rng.choice([.02, .05, .3]), proj=rng.choice(["TAN", "CAR", "AIT"]), frame=str(mask_frame), skydir=pointing)
    mask = image.region_mask(others, inside=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SpecnbWarning)
        found = ReflectedRegionsFinder().find(geom, (pointing.ra.deg, pointing.dec.deg), mask)
    assert_allclose(found.angles, find_the_long_way(geom, (pointing.ra.deg, pointing.dec.deg), mask), rtol=1e-12)


def test_excluded_pixels_of_a_map_of_the_whole_sky():
    "At the rim of an all-sky map pixels are long and thin; none is missed."
    image = WcsGeom.create(binsz=2, proj="AIT", frame="galactic")
    rng = np.random.default_rng(0)
    data = np.ones(image.data_shape, bool)
    data[rng.integers(0, 90, 3000), rng.integers(0, 180, 3000)] = False
    mask = WcsNDMap(image, data)
    for lon, lat in [(0, 0), (170, 60), (185, -70), (120, 85)]:
        pointing = SkyCoord(lon, lat, unit="deg", frame="galactic").icrs
        plane = pointing_plane((pointing.ra.deg, pointing.dec.deg), 1.)
        x, y = (v.ravel().astype(float) for v in np.meshgrid(np.arange(plane.npix[0]), np.arange(plane.npix[0])))
        rho = np.hypot(x - plane.crpix[0], y - plane.crpix[0])
        expected = (rho > 80) & (rho < 120) & ~mask.allowed_at(*plane.pix_to_icrs(x, y))
        got = mask_pixels(plane, mask, 80, 120)
        assert set(zip(*got)) == set(zip(x[expected], y[expected]))


@pytest.mark.parametrize("shape", [
    EllipseSkyRegion(CRAB.galactic, .3*u.deg, .12*u.deg, 70*u.deg), RectangleSkyRegion(CRAB, .3*u.deg, .12*u.deg, 20*u.deg),
    CircleAnnulusSkyRegion(CRAB, .05*u.deg, .12*u.deg), PolygonSkyRegion(SkyCoord([83.5, 83.75, 83.6], [21.95, 21.98, 22.1], unit="deg")),
    EllipseAnnulusSkyRegion(CRAB, .1*u.deg, .25*u.deg, .06*u.deg, .15*u.deg, 30*u.deg),
    RectangleAnnulusSkyRegion(CRAB, .1*u.deg, .3*u.deg, .04*u.deg, .12*u.deg, 30*u.deg),
    CircleSkyRegion(CRAB, .1*u.deg) | RectangleSkyRegion(CRAB, .3*u.deg, .06*u.deg, 20*u.deg)])
def test_other_shapes(shape):
    rng = np.random.default_rng(0)
    ra, dec = rng.uniform(82.9, 84.4, 20000), rng.uniform(20.8, 22.2, 20000)
    off = ReflectedRegionsFinder().find(shape, POINTING, [CircleSkyRegion(SkyCoord(83.2, 21.4, unit="deg"), .2*u.deg)])
    assert off.n > 3 and off.radius_deg is None and off.radius_pix is None
    inside = off.contains(ra, dec)
    assert_allclose(separation(off.lon, off.lat, *POINTING), off.offset_deg, rtol=1e-9)
    density = len(ra)/(1.5*1.4*np.cos(np.radians(21.5)))
    expected = off.n*off.geom.solid_angle().to_value("deg2")*density
    assert abs(inside.sum() - expected) < 5*np.sqrt(expected)
    assert not inside[separation(83.2, 21.4, ra, dec) < .2 - .01].any() and not inside[region_contains(shape, ra, dec)].any()
    if off.plane.frame == "icrs":  # the package draws the same regions
        again = np.any([region_contains(r, ra, dec) for r in off.regions], axis=0)
        assert np.sum(again != inside) <= .01*inside.sum()


# --- exclusion, settings -----------------------------------------------------------------------------------------------------

def test_exclusion_given_as_regions():
    pointing = 82.0133333285646, 22.014444444444
    finder = ReflectedRegionsFinder()
    assert finder.find(ON, pointing).n == 41
    for exclusion in (MASK, CLOUDS, [CLOUDS], "galactic;circle(183.604, -8.708, 0.5)"): assert finder.find(ON, pointing, exclusion).n == 36
    rectangle = RectangleSkyRegion(CLOUDS.center, 1*u.deg, 1*u.deg)
    assert finder.find(ON, pointing, [rectangle]).n in (35, 36)
    assert finder.find(ON, pointing, []).n == 41


def test_settings():
    assert ReflectedRegionsFinder(max_region_number=3).find(ON, POINTING).n == 3
    assert ReflectedRegionsFinder(min_distance="0.2 rad").find(ON, POINTING).n == 8
    assert ReflectedRegionsFinder(min_distance_input=60*u.deg).find(ON, POINTING).n == 8
    assert ReflectedRegionsFinder(binsz="0.02 deg").find(ON, POINTING).plane.npix == (114, 114)
    away = ReflectedRegionsFinder(min_distance_input=60*u.deg).find(ON, POINTING)
    assert separation(*ON.center_deg, away.lon, away.lat).min() > .5


def test_the_way_of_gammapy():
    regions, wcs = ReflectedRegionsFinder().run(ON.region, SkyCoord(*POINTING, unit="deg"), MASK)
    assert len(regions) == 12 and wcs.wcs.ctype[0] == "RA---TAN" and all(isinstance(r, CircleSkyRegion) for r in regions)
    regions, wcs = WobbleRegionsFinder(3).run(PointSkyRegion(CRAB), SkyCoord(*POINTING, unit="deg"))
    assert len(regions) == 3 and all(isinstance(r, PointSkyRegion) for r in regions)


def test_galactic_on_region_has_a_galactic_plane():
    off = ReflectedRegionsFinder().find(CircleSkyRegion(CRAB.galactic, .11*u.deg), SkyCoord(*POINTING, unit="deg").galactic)
    assert off.plane.wcs.wcs.ctype[0] == "GLON-TAN" and off.regions[0].center.frame.name == "galactic" and off.n == 13
    assert ReflectedRegionsFinder().find(CircleSkyRegion(CRAB.fk5, .11*u.deg), POINTING).n == 12


# --- no place, bad input -----------------------------------------------------------------------------------------------------

def test_target_at_the_pointing_has_no_off_region():
    for finder in (ReflectedRegionsFinder(), WobbleRegionsFinder(1)):
        off = finder.find(ON, ON.center_deg)
        assert off.n == 0 and "pointing" in off.reason and off.regions == [] and off.reason in off._repr_html_()
        assert off.count(np.array([83.63]), np.array([22.01])) == 0 and off.min_separation_deg == np.inf


@pytest.mark.parametrize("radius", [.5, .6, 2.])
def test_on_region_that_reaches_the_pointing(radius):
    off = ReflectedRegionsFinder().find(CircleSkyRegion(CRAB, radius*u.deg), POINTING)
    assert off.n == 0 and "leaves no room for another" in off.reason


def test_exclusion_over_the_on_region_warns_and_changes_nothing_else():
    with pytest.warns(SpecnbWarning, match="covers .* the ON region"):
        off = ReflectedRegionsFinder().find(ON, POINTING, IMAGE.region_mask(ON.region, inside=False))
    assert off.n == 12
    with pytest.warns(SpecnbWarning, match="covers .* the ON region"):
        nowhere = ReflectedRegionsFinder().find(ON, POINTING, IMAGE.region_mask("icrs;circle(83.63, 22.01, 3)", inside=False))
    assert nowhere.n == 0 and "touch the exclusion mask" in nowhere.reason


def test_wobble_regions_that_overlap_are_not_used():
    with pytest.warns(SpecnbWarning, match="20 wobble regions at 0.496 deg overlap"): off = WobbleRegionsFinder(20).find(ON, POINTING)
    assert off.n == 0
    with pytest.warns(SpecnbWarning, match="overlap each other or the ON region"):
        assert WobbleRegionsFinder(1).find(CircleSkyRegion(CRAB, .6*u.deg), POINTING).n == 0
    assert WobbleRegionsFinder(20).find(PointSkyRegion(CRAB), POINTING).n == 20
    off = WobbleRegionsFinder(3).find(PointSkyRegion(CRAB), POINTING, "icrs;circle(83.63, 21.02, 0.1)")
    assert_allclose(off.angles, [np.pi/2, 3*np.pi/2])
    assert "all 1 places" in WobbleRegionsFinder(1).find(PointSkyRegion(CRAB), POINTING, "icrs;circle(83.63, 21.02, 0.1)").reason


@pytest.mark.parametrize("call, error, text", [
    (lambda f: f.find(PointSkyRegion(CRAB), POINTING), ValueError, "use WobbleRegionsFinder"),
    (lambda f: f.find(CRAB, POINTING), TypeError, "expected a sky region"),
    (lambda f: f.find(RegionGeom.create(None), POINTING), ValueError, "the geometry has none"),
    (lambda f: f.find(ON, 3), TypeError, "pointing: expected a SkyCoord, found 3"),
    (lambda f: f.find(ON, (1, 2, 3)), ValueError, "pointing: expected right ascension and declination"),
    (lambda f: f.find(ON, (np.nan, 2)), ValueError, "pointing: expected right ascension and declination"),
    (lambda f: f.find(ON, (263., -22.)), ValueError, "expected an offset within the field of view"),
    (lambda f: f.find(ON, POINTING, MASK.data), TypeError, "exclusion_mask: expected a boolean WcsNDMap or sky regions, found ndarray"),
    (lambda f: f.find(ON, POINTING, "x;"), ValueError, "exclusion_mask: the DS9 text .x;.: .x. frame or shape is not a valid"),
    (lambda f: f.find(ON, POINTING, "x.reg"), FileNotFoundError, "exclusion_mask: x.reg: no such region file"),
    (lambda f: f.find(ON, POINTING, WcsNDMap.from_geom(IMAGE)), TypeError, r"convert with .astype\(bool\)"),
    (lambda f: f.find(ON, POINTING, PointSkyRegion(CRAB)), ValueError, "exclusion_mask: expected regions with an area"),
    (lambda f: type(f)(min_distance=3).find(ON, POINTING), TypeError, "min_distance: expected a unit that converts to rad"),
    (lambda f: type(f)(angle_increment="0 rad").find(ON, POINTING), ValueError, "angle_increment: expected a positive number"),
    (lambda f: WobbleRegionsFinder(2.5), ValueError, "n_off_regions: expected a positive whole number, found 2.5")])
def test_refused(call, error, text):
    with pytest.raises(error, match=text): call(ReflectedRegionsFinder())


def test_pictures():
    import matplotlib
    matplotlib.use("agg")
    import matplotlib.pyplot as plt
    found = [ReflectedRegionsFinder().find(s, POINTING) for s in (ON, CircleAnnulusSkyRegion(CRAB, .05*u.deg, .1*u.deg))]
    found.append(WobbleRegionsFinder(3).find(PointSkyRegion(CRAB), POINTING))
    for off in found:
        fig = plt.figure()
        ax = off.plot(label="run")
        assert len(ax.patches) + len(ax.lines) == off.n + 2  # the ON region and the cross
        fig.canvas.draw()
        plt.close(fig)
    ax = plot_off_regions(found, MASK.plot(), labels=["a", "b", "c"], linewidth=2)
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["a", "b", "c"]
    plt.close("all")
    ax = plot_off_regions([found[0], found[1], found[0]], labels=["a", "b", "c"]) # a covers c
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["a, c", "b"]
    assert isinstance(found[0], OffRegions) and repr(found[0]) == "OffRegions(12 around 83.6333, 21.5144 at 0.4956 deg)"
    with pytest.raises(ValueError, match="at least one OffRegions"): plot_off_regions([])
    plt.close("all")


@pytest.mark.parametrize("name", ["min_distance", "min_distance_input", "angle_increment", "binsz"])
@pytest.mark.parametrize("angle", ["nan deg", "inf deg", "-0.1 deg"])
def test_settings_that_would_put_regions_over_each_other_or_end_the_search_are_refused(name, angle):
    "A distance of -1 rad made 10000 regions of one place, nan made none without a reason."
    angle = u.Quantity(float(angle.split()[0]), "deg")
    with pytest.raises(ValueError, match=f"{name}: expected a"): ReflectedRegionsFinder(**{name: angle})


@pytest.mark.parametrize("number", [0, -1, 1.5, np.nan])
def test_numbers_of_regions_that_are_none_are_refused(number):
    with pytest.raises(ValueError, match="max_region_number: expected a whole number >= 1"): ReflectedRegionsFinder(max_region_number=number)


def test_a_pixel_larger_than_the_region_is_told_and_a_plane_too_large_for_the_memory_refused():
    off = ReflectedRegionsFinder(binsz="1 deg").find(ON, POINTING)
    assert off.n == 0 and off.reason == "the ON region covers no pixel of 1 deg"
    with pytest.raises(ValueError, match="binsz: expected a pixel size"): ReflectedRegionsFinder(binsz="1e-5 deg").find(ON, POINTING)


@pytest.mark.parametrize("lon, lat, frame", [(0, 22, "icrs"), (359.999, 22, "icrs"), (10, 90, "icrs"), (10, -90, "icrs"), (0, 0, "galactic"), (83, 22, "fk4")])
def test_the_same_regions_are_found_everywhere_on_the_sky(lon, lat, frame):
    center = SkyCoord(lon, lat, unit="deg", frame=frame)
    off = ReflectedRegionsFinder().find(CircleSkyRegion(center, .1*u.deg), center.directional_offset_by(0*u.deg, .5*u.deg))
    assert off.n == 14 and off.min_separation_deg == pytest.approx(.196, abs=2e-3)


def test_an_exclusion_map_of_numbers_is_refused_and_nan_is_not_taken_for_allowed():
    geom = WcsGeom.create(npix=20, binsz=.1, proj="TAN", skydir=CRAB)
    numbers = WcsNDMap(geom, np.where(geom.region_mask("icrs;circle(83.63, 22.5, 0.3)").data, np.nan, 1.))
    with pytest.raises(TypeError, match="exclusion_mask: expected a boolean WcsNDMap, found float64"): ReflectedRegionsFinder().find(ON, POINTING, numbers)
    with pytest.raises(ValueError, match="not finite and have no counterpart in bool"): numbers.astype(bool)


# --- files, unions ---------------------------------------------------------------------------------------------------------------

SHAPES = {"circle": CircleSkyRegion(CRAB, .2*u.deg), "ellipse": EllipseSkyRegion(CRAB.galactic, .2*u.deg, .5*u.deg, 30*u.deg),
          "rectangle": RectangleSkyRegion(CRAB, .2*u.deg, .5*u.deg, 30*u.deg), "ring": CircleAnnulusSkyRegion(CRAB, .1*u.deg, .3*u.deg),
          "polygon": PolygonSkyRegion(SkyCoord([83.4, 83.9, 83.6], [21.8, 21.9, 22.3], unit="deg")), "point": PointSkyRegion(CRAB)}


@pytest.mark.parametrize("name", SHAPES)
def test_each_shape_survives_a_ds9_file_and_may_be_given_by_its_path(tmp_path, name):
    Regions([SHAPES[name]]).write(str(tmp_path/"one.reg"), format="ds9", precision=10)
    geom, again = RegionGeom.create(SHAPES[name]), RegionGeom.create(tmp_path/"one.reg")
    assert type(again.region) is type(geom.region) and again.frame == geom.frame
    assert_allclose(again.center_deg, geom.center_deg, atol=1e-8)
    assert_allclose(again.solid_angle().value, geom.solid_angle().value, rtol=1e-7)


def test_a_minus_in_a_region_file_cuts_out(tmp_path):
    (tmp_path/"ring.reg").write_text("icrs\ncircle(83.63, 22.01, 0.3)\n-circle(83.63, 22.01, 0.1)\n")
    for given in (str(tmp_path/"ring.reg"), Regions.read(str(tmp_path/"ring.reg"), format="ds9"), (tmp_path/"ring.reg").read_text()):
        ring = RegionGeom.from_regions(given)
        assert_allclose(ring.solid_angle().to_value("deg2"), np.pi*(.3**2 - .1**2), rtol=1e-3)
        assert ring.contains(SkyCoord([83.63, 83.63], [22.01, 22.2], unit="deg")).tolist() == [False, True]


@pytest.mark.parametrize(("width", "height"), [(1, .4), (1, .05), (.3, .3)])
def test_solid_angle_of_a_union_of_boxes_is_exact(width, height):
    "A lattice in the direction of the edges counted up to 1 % too much."
    region = f"icrs;box(83.63, 22.01, {width}, {height}, 0)"
    box, union = RegionGeom.create(region), RegionGeom.create(list(Regions.parse(region, format="ds9"))*2)
    assert_allclose(box.solid_angle().to_value("deg2"), width*height, rtol=1e-6)
    assert_allclose(union.solid_angle().to_value("deg2"), width*height, rtol=5e-4)


@pytest.mark.parametrize("text, found", [("icrs\ncircle(83, 22, 1)\nbanana(83, 22, 1)", "banana"), ("image\ncircle(10, 20, 3)", "1 regions in pixels"),
                                         ("# nothing", "no region in the file"), ("icrs\n-circle(83, 22, 1)", "only 1 to be cut out")])
def test_what_a_region_file_does_not_say_is_not_left_out_silently(tmp_path, text, found):
    (tmp_path/"bad.reg").write_text(text)
    with pytest.raises(DataError, match=f"bad.reg: not a file of sky regions: .*{found}"): read_regions(tmp_path/"bad.reg")


def test_a_union_is_counted_once_where_its_parts_overlap():
    a, b = CircleSkyRegion(CRAB, .2*u.deg), CircleSkyRegion(SkyCoord(83.8, 22.01, unit="deg"), .2*u.deg)
    union = RegionGeom.from_regions([a, b])
    d = CRAB.separation(b.center).deg
    overlap = 2*.04*np.arccos(d/.4) - d/2*np.sqrt(.16 - d**2)
    assert_allclose(union.solid_angle().to_value("deg2"), 2*np.pi*.04 - overlap, rtol=5e-4)
    assert_allclose(union.center_deg, [(83.63 + 83.8)/2, 22.01], atol=1e-3)
    off = ReflectedRegionsFinder().find(union, POINTING)
    ra, dec = np.random.default_rng(1).uniform([[82.5], [20.8]], [[84.8], [22.3]], (2, 40000))
    density = 40000/(2.3*np.degrees(np.sin(np.radians(22.3)) - np.sin(np.radians(20.8))))
    expected = off.n*union.solid_angle().to_value("deg2")*density
    assert off.n == 4 and abs(off.count(ra, dec) - expected) < 4*np.sqrt(expected)
    union.plot_region(off.plot())


# --- catalogues ------------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("suffix, form", [("fits", "fits"), ("ecsv", "ascii.ecsv")])
def test_exclusion_circles_of_a_catalogue_file_with_its_units(tmp_path, suffix, form):
    table = Table({"RA": [83.63, 84.2, 200.], "DEC": [22.01, 21.7, 0.], "SIZE": [6., 12., 3.]}, units={"RA": "deg", "DEC": "deg", "SIZE": "arcmin"})
    table.write(tmp_path/f"sources.{suffix}", format=form)
    near = catalogue_regions(tmp_path/f"sources.{suffix}", "SIZE", factor=2, margin="0.1 deg", geom=IMAGE)
    assert_allclose([(r.center.ra.deg, r.center.dec.deg, r.radius.to_value("deg")) for r in near], [(83.63, 22.01, .3), (84.2, 21.7, .5)])
    assert ReflectedRegionsFinder().find(ON, POINTING, near).n < ReflectedRegionsFinder().find(ON, POINTING).n == 12
    assert len(catalogue_regions(table, "0.2 deg")) == 3


@pytest.mark.parametrize("change, found", [({"RA": [np.nan, 1.]}, "1 of 2 positions are not finite"), ({"DEC": [95., 1.]}, "1 of 2 positions"),
                                           ({"SIZE": ["a", "b"]}, "column SIZE: expected numbers"), ({"SIZE": [1., 2.]}, "column SIZE has no unit"),
                                           ({"SIZE": [-1., 2.]*u.deg}, "column SIZE: 1 of 2 values are missing, zero or negative"),
                                           ({"RAJ2000": [1., 2.], "DEJ2000": [1., 2.]}, "found RA, DEC and RAJ2000, DEJ2000; pass their names")])
def test_faults_of_a_catalogue_name_the_column(change, found):
    table = Table({"RA": [83.63, 84.2], "DEC": [22.01, 21.7], "SIZE": [.1, .2]*u.deg})
    for name, values in change.items(): table[name] = values
    with pytest.raises(DataError, match=found): catalogue_regions(table, "SIZE")


def test_bright_stars_are_chosen_by_the_sum_of_the_columns_in_the_image(tmp_path):
    table = Table({"_RAJ2000": [83., 84.4, 83.6, 40.], "_DEJ2000": [22., 21.1, 22.5, 0.], "Vmag": [5.8, 3., 5.9, 1.], "B-V": [.3, -.2, -.1, 0.]})
    table.write(tmp_path/"stars.dat", format="ascii.commented_header")
    stars = extract_bright_star_regions(IMAGE, star_table=str(tmp_path/"stars.dat"))
    assert [r.center.ra.deg for r in stars] == [84.4, 83.6] and stars[0].radius == .3*u.deg
    assert len(extract_bright_star_regions(IMAGE, max_star_mag=2, star_rad=.1*u.deg, star_table=table)) == 0
    with pytest.raises(FileNotFoundError, match="no such catalogue"): extract_bright_star_regions(IMAGE, star_table="none.dat")


@pytest.mark.parametrize("shape", [RectangleSkyRegion, EllipseSkyRegion])
def test_a_shape_whose_edge_touches_the_pointing_is_reflected_as_by_gammapy(shape):
    center, pointing = SkyCoord(.5, 0, unit="deg"), SkyCoord(0, 0, unit="deg")
    wide = (.5, 1) if shape is RectangleSkyRegion else (.1, 1)
    found = [ReflectedRegionsFinder(min_distance_input="0 deg").find(shape(center, *wide*u.deg, a*u.deg), pointing).n for a in (0, 90)]
    assert found == ([1, 1] if shape is RectangleSkyRegion else [2, 2])


def test_settings_of_a_finder_may_be_changed():
    finder = ReflectedRegionsFinder()
    finder.max_region_number = 5
    assert finder.find(ON, POINTING).n == 5


def test_events_are_counted_in_the_pixels_of_a_map():
    class Events: ra_deg, dec_deg = np.array([83.63, 83.63, 83.63, 263.]), np.array([22.01, 22.01, 22.2, -22.])
    counts = WcsNDMap.from_geom(WcsGeom.create(npix=11, binsz=.1, proj="TAN", skydir=CRAB))
    counts.fill_events(Events)
    assert counts.data.sum() == 3 and counts.data[5, 5] == 2 and counts.data[7, 5] == 1
    with pytest.raises(TypeError, match="boolean map"): MASK.fill_events(Events)
