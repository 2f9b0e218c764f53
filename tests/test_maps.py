"The sphere, image geometries, masks, regions with axes: against astropy and regions, and with bad input."
import gzip
import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.wcs import WCS
from numpy.testing import assert_allclose, assert_array_equal
from regions import (CircleAnnulusSkyRegion, CircleSkyRegion, EllipseSkyRegion, PixCoord, PointSkyRegion, PolygonSkyRegion,
                     RectangleSkyRegion)
from specnb import Map, MapAxis, RegionGeom, RegionNDMap, WcsGeom, WcsNDMap, region_contains
from specnb.base.core import DataError
from specnb.regions.shapes import sky_regions
from specnb.base.sphere import (from_icrs, galactic_to_icrs, icrs_to_galactic, separation, sky_frame, sky_position, tan_deproject,
                           tan_project, to_icrs)

CRAB = SkyCoord(83.63, 22.01, unit="deg")
AXIS = MapAxis.from_energy_bounds("0.1 TeV", "40 TeV", nbin=10, per_decade=True)


def sphere_points(n, seed=0):
    rng = np.random.default_rng(seed)
    return rng.uniform(0, 360, n), np.degrees(np.arcsin(rng.uniform(-1, 1, n)))


# --- sphere ------------------------------------------------------------------------------------------------------------------

def test_separation_is_that_of_astropy():
    (a, b), (c, d) = sphere_points(1000), sphere_points(1000, 1)
    assert_allclose(separation(a, b, c, d), SkyCoord(a, b, unit="deg").separation(SkyCoord(c, d, unit="deg")).deg, rtol=1e-13)
    assert separation(10., 90., 200., 90.) < 1e-14


@pytest.mark.parametrize("center", [(0., 0.), (83.63, 22.01), (200., -89.5), (10., 90.)])
def test_projection_is_that_of_astropy(center):
    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.crval, wcs.wcs.cdelt, wcs.wcs.crpix = ["RA---TAN", "DEC--TAN"], center, [1, 1], [0, 0]
    wcs.wcs.lonpole = 180  # north is up also at the pole
    lon, lat = sphere_points(2000)
    near = separation(*center, lon, lat) < 60
    assert_allclose(tan_project(*center, lon[near], lat[near]), wcs.wcs_world2pix(lon[near], lat[near], 0) + np.array([[1], [1]]), atol=1e-10)
    assert_allclose(separation(*tan_deproject(*center, *tan_project(*center, lon[near], lat[near])), lon[near], lat[near]), 0, atol=1e-11)
    assert np.isnan(tan_project(*center, lon, lat)[0][separation(*center, lon, lat) > 90]).all()


def test_galactic_coordinates_are_those_of_astropy():
    ra, dec = sphere_points(1000)
    galactic = SkyCoord(ra, dec, unit="deg").galactic
    assert separation(*icrs_to_galactic(ra, dec), galactic.l.deg, galactic.b.deg).max()*3.6e6 < 1  # milliarcsecond
    assert separation(*galactic_to_icrs(galactic.l.deg, galactic.b.deg), ra, dec).max()*3.6e6 < 1


def test_other_frames_go_through_astropy():
    fk4 = sky_frame(CRAB.fk4)
    assert_allclose(sky_position(CRAB.fk4), [83.63, 22.01], atol=1e-9)
    assert_allclose(to_icrs(*from_icrs(83.63, 22.01, fk4), fk4), [83.63, 22.01], atol=1e-9)
    with pytest.raises(TypeError, match="pointing: expected a SkyCoord, found 3"): sky_position(3, name="pointing")


# --- image geometries --------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("proj", ["TAN", "CAR", "AIT", "SIN", "ZEA", "MER"])
@pytest.mark.parametrize("frame", ["icrs", "galactic"])
def test_pixels_are_those_of_astropy(proj, frame):
    geom = WcsGeom.create(npix=(60, 41), binsz=(.1, .05), proj=proj, frame=frame, skydir=CRAB)
    assert_allclose(geom.icrs_to_pix(83.63, 22.01), [29.5, 20], atol=1e-5)
    x, y = np.random.default_rng(0).uniform(0, 40, (2, 100))
    sky = geom.wcs.pixel_to_world(x, y).icrs
    assert separation(*geom.pix_to_icrs(x, y), sky.ra.deg, sky.dec.deg).max()*3.6e6 < 1
    assert_allclose(geom.icrs_to_pix(sky.ra.deg, sky.dec.deg), [x, y], atol=2e-5)
    assert geom.center_skydir.separation(CRAB).arcsec < 1e-2 and geom.center_skydir.frame.name == frame


def test_create_sizes():
    assert WcsGeom.create(width=1, binsz=.1).npix == (10, 10)
    assert WcsGeom.create(width=(2, 1.13), binsz=.1).npix == (20, 11)
    assert WcsGeom.create(width="90 arcmin", binsz=6*u.arcmin).npix == (15, 15)
    assert WcsGeom.create().npix == (360, 180)
    assert WcsGeom.create(npix=7, skydir=(10, 20), frame="galactic").center_skydir.l.deg == pytest.approx(10)


@pytest.mark.parametrize("kwargs, text", [
    ({"npix": 0}, "npix: expected positive numbers"), ({"binsz": "1 m"}, "binsz: expected a unit that converts to deg"),
    ({"width": np.nan}, "width: expected positive"), ({"skydir": 3}, "skydir: expected a SkyCoord"), ({"proj": "tan"}, "found 'tan'"),
    ({"frame": "fk5"}, "found 'fk5'")])
def test_create_refuses(kwargs, text):
    with pytest.raises((TypeError, ValueError), match=text): WcsGeom.create(**kwargs)


def rotated_header(ctype="TAN", radesys="FK5"):
    "Header of an image turned by 30 degrees."
    header = fits.Header({"CTYPE1": f"RA---{ctype}", "CTYPE2": f"DEC--{ctype}", "CRVAL1": 83.63, "CRVAL2": 22.01, "CRPIX1": 20., "CRPIX2": 30.,
                          "CDELT1": -.05, "CDELT2": .05, "RADESYS": radesys, "EQUINOX": 2000.})
    cos, sin = np.cos(np.pi/6), np.sin(np.pi/6)
    header.update({"PC1_1": cos, "PC1_2": -sin, "PC2_1": sin, "PC2_2": cos})
    return header


def test_a_header_with_a_rotation_is_obeyed(tmp_path):
    data = np.ones((50, 40), np.int16)
    data[10:12, 25:30] = 0
    fits.PrimaryHDU(data, rotated_header()).writeto(tmp_path/"rotated.fits")
    mask = Map.read(tmp_path/"rotated.fits")
    assert mask.is_mask and mask.geom.header_wcs is not None and mask.geom.frame.name == "fk5"
    sky = mask.geom.wcs.pixel_to_world([27, 27], [11, 13]).icrs
    assert_array_equal(mask.allowed_at(sky.ra.deg, sky.dec.deg), [False, True])
    assert len(mask.excluded_positions[0]) == 10
    assert mask.geom.pixel_deg == pytest.approx(.05)


# --- masks -------------------------------------------------------------------------------------------------------------------

def shapes(center):
    return [CircleSkyRegion(center, .5*u.deg), EllipseSkyRegion(center, .6*u.deg, 1*u.deg, 20*u.deg), RectangleSkyRegion(center, 1*u.deg, .3*u.deg, 50*u.deg),
            CircleAnnulusSkyRegion(center, .2*u.deg, .6*u.deg),
            PolygonSkyRegion(SkyCoord([83, 84, 83.5], [22, 22, 23], unit="deg").transform_to(center.frame))]


@pytest.mark.parametrize("frame", ["icrs", "galactic"])
@pytest.mark.parametrize("i", range(5))
def test_region_mask_against_the_sky(frame, i):
    "All pixels but those at the rim agree with the region seen in a plane at its own centre."
    region = shapes(CRAB.transform_to(frame))[i]
    geom = WcsGeom.create(width=3, binsz=.02, proj="TAN", frame="icrs", skydir=SkyCoord(84.3, 22.4, unit="deg"))
    mask = geom.region_mask(region)
    ra, dec = geom.pix_to_icrs(*np.meshgrid(np.arange(150.), np.arange(150.)))
    inside = region_contains(region, ra.ravel(), dec.ravel()).reshape(150, 150)
    assert np.sum(mask.data != inside) <= .02*np.sum(inside)
    assert_array_equal(geom.region_mask([region], inside=False).data, ~mask.data)


def test_a_circle_behind_the_plane_masks_nothing():
    geom = WcsGeom.create(npix=20, binsz=.1, proj="TAN", skydir=CRAB)
    assert not geom.region_mask("icrs;circle(263.63, -22.01, 1)").data.any()


def test_masks_combine():
    geom = WcsGeom.create(npix=(30, 20), binsz=.1, proj="TAN", skydir=CRAB)
    left, right = geom.region_mask("icrs;circle(84.2, 22.01, 0.5)"), geom.region_mask("icrs;circle(83.1, 22.01, 0.5)")
    assert (left | right).data.sum() == left.data.sum() + right.data.sum() and not (left & right).data.any()
    assert_array_equal((left ^ right).data, (left | right).data)
    assert_array_equal((~(left | right)).data, (~left & ~right).data)
    with pytest.raises(ValueError): left.data[0, 0] = True
    assert "WcsNDMap(30 x 20 pixels, mask" in repr(left)
    assert "pixels excluded" in left._repr_html_() and "TAN" in geom._repr_html_()


@pytest.mark.parametrize("name", ["mask.fits", "mask.fits.gz"])
def test_mask_files_round_trip(tmp_path, name):
    geom = WcsGeom.create(npix=(30, 20), binsz=.1, proj="TAN", frame="galactic", skydir=CRAB)
    mask = geom.region_mask("icrs;circle(84.2, 22.01, 0.5)", inside=False)
    mask.write(tmp_path/name)
    again = Map.read(tmp_path/name)
    assert_array_equal(again.data, mask.data)
    assert again.geom.header_wcs is None and again.geom.is_allclose(geom) and again.geom.frame == "galactic"
    with pytest.raises(FileExistsError): mask.write(tmp_path/name)
    mask.write(tmp_path/name, overwrite=True)


def test_what_is_read_as_a_mask(tmp_path):
    geom = WcsGeom.create(npix=3, binsz=.1, proj="TAN", skydir=CRAB)
    for dtype, value, is_mask in [("i8", 1, True), ("u1", 1, True), ("i4", 2, False), ("f4", 1, False)]:
        data = np.zeros((1, 3, 3), dtype)  # with an axis of one energy bin
        data[0, 1] = value
        hdus = [fits.PrimaryHDU(), fits.ImageHDU(data, geom.wcs.to_header(), name="exclusion")]
        fits.HDUList(hdus).writeto(tmp_path/"m.fits", overwrite=True)
        mask = Map.read(tmp_path/"m.fits", hdu="EXCLUSION")
        assert mask.is_mask == is_mask and mask.data.dtype.isnative
        assert_array_equal(mask.astype(bool).data, data[0] > 0)


@pytest.mark.filterwarnings("ignore:File may have been truncated")
def test_bad_image_files(tmp_path):
    geom = WcsGeom.create(npix=200, binsz=.1, proj="TAN", skydir=CRAB)
    WcsNDMap.from_geom(geom).write(tmp_path/"good.fits")
    good = (tmp_path/"good.fits").read_bytes()
    (tmp_path/"short.fits").write_bytes(good[:20000])
    (tmp_path/"short.fits.gz").write_bytes(gzip.compress(good)[:300])
    (tmp_path/"text.fits").write_text("not a FITS file")
    fits.PrimaryHDU(np.zeros((3, 3))).writeto(tmp_path/"nowhere.fits")
    fits.PrimaryHDU(np.zeros((4, 3, 3)), geom.wcs.to_header()).writeto(tmp_path/"cube.fits")
    fits.PrimaryHDU().writeto(tmp_path/"empty.fits")
    with pytest.raises(FileNotFoundError, match="absent.fits: no such file"): Map.read(tmp_path/"absent.fits")
    for name, text in [("short.fits", "not a complete FITS file"), ("short.fits.gz", "not a complete FITS file"), ("text.fits", "not a complete FITS file"),
                       ("nowhere.fits", "no celestial axes"), ("cube.fits", "expected an image, found shape"), ("empty.fits", "no image; the file has")]:
        with pytest.raises(DataError, match=f"{name}.*{text}"): Map.read(tmp_path/name)
    with pytest.raises(DataError, match="no image in HDU 'MASK'; the file has"): Map.read(tmp_path/"good.fits", hdu="MASK")


def test_the_idioms_of_the_tutorial():
    import matplotlib
    matplotlib.use("agg")
    import matplotlib.pyplot as plt
    on_region = CircleSkyRegion(center=CRAB, radius=.11*u.deg)
    exclusion_region = CircleSkyRegion(center=SkyCoord(183.604, -8.708, unit="deg", frame="galactic"), radius=.5*u.deg)
    geom = WcsGeom.create(npix=(150, 150), binsz=0.05, skydir=CRAB.galactic, proj="TAN", frame="icrs")
    exclusion_mask = ~geom.region_mask([exclusion_region])
    assert np.sum(~exclusion_mask.data) == 314
    plt.figure()
    ax = exclusion_mask.plot()
    on_region.to_pixel(ax.wcs).plot(ax=ax, edgecolor="k")
    assert ax.wcs is geom.wcs and len(ax.patches) == 1
    assert exclusion_mask.plot(ax, add_cbar=True, cmap="viridis") is ax
    plt.close("all")


# --- regions with axes -------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("frame", ["icrs", "galactic", "fk5"])
@pytest.mark.parametrize("i", range(5))
def test_inside_against_the_regions_package(frame, i):
    region = shapes(CRAB.transform_to(frame))[i]
    wcs = RegionGeom.create(region).wcs
    rng = np.random.default_rng(0)
    ra, dec = rng.uniform(82.5, 84.8, 3000), rng.uniform(21, 23, 3000)
    expected = region.to_pixel(wcs).contains(PixCoord(*wcs.world_to_pixel(SkyCoord(ra, dec, unit="deg"))))
    assert_array_equal(region_contains(region, ra, dec), expected)
    assert_array_equal(RegionGeom.create(region).contains(SkyCoord(ra, dec, unit="deg").galactic), expected)


def test_region_geom():
    geom = RegionGeom.create("galactic;circle(184.56, -5.78, 0.11)", axes=[AXIS])
    assert (geom.frame, geom.radius_deg, geom.is_point, geom.data_shape) == ("galactic", .11, False, (27, 1, 1))
    assert_allclose(geom.center_deg, sky_position(SkyCoord(184.56, -5.78, unit="deg", frame="galactic").icrs), atol=3e-7)
    assert geom.axes["energy"] is AXIS and geom.center_skydir.frame.name == "galactic"
    assert "circle" in geom._repr_html_() and repr(geom).startswith("RegionGeom(circle")
    assert geom.is_allclose(RegionGeom.create("galactic;circle(184.56, -5.78, 0.11)", axes=[AXIS]))
    assert not geom.is_allclose(RegionGeom.create("galactic;circle(184.56, -5.78, 0.12)", axes=[AXIS]))
    assert not geom.is_allclose(RegionGeom.create(None, axes=[AXIS]))
    nothing = RegionGeom.create(None, axes=[AXIS])
    assert not nothing.is_region and nothing.frame is None and "none" in repr(nothing)
    assert RegionGeom.create(PointSkyRegion(CRAB)).solid_angle().value == 0


@pytest.mark.parametrize("region, error, text", [
    (CRAB, TypeError, "expected a sky region"), (3, TypeError, "expected a sky region"),
    (PointSkyRegion(CRAB) | PointSkyRegion(CRAB), ValueError, "in a compound region, found a point")])
def test_region_geom_refuses(region, error, text):
    with pytest.raises(error, match=text): RegionGeom.create(region)


def test_two_regions_are_a_union_of_them_and_none_is_no_known_region():
    two = "icrs;circle(1,2,.3)\nicrs;circle(3,2,.1)"
    assert_allclose(RegionGeom.create(two).solid_angle().to_value("deg2"), np.pi*.1, rtol=1e-3)
    assert RegionGeom.create([]).region is None
    with pytest.raises(ValueError, match="expected one region, found 2; RegionGeom.create makes a union of them"): RegionGeom(two)


def test_region_maps():
    a = RegionNDMap.create(None, axes=[AXIS], data=np.arange(27.), unit="m2")
    b = a*(2*u.s) + RegionNDMap(a.geom, np.ones(27), unit="m2 s")
    assert_allclose(b.quantity[:, 0, 0].to_value("m2 s"), 2*np.arange(27) + 1)
    assert_allclose(np.asarray(-a/a.copy(data=np.full(27, 2.)))[:, 0, 0], -np.arange(27)/2)
    assert (a - a).data.sum() == 0 and (3*a).data[2, 0, 0] == 6 and a.copy().data.shape == (27, 1, 1)
    assert RegionNDMap.from_geom(a.geom).data.sum() == 0
    with pytest.raises(TypeError, match="boolean maps"): a & a
    with pytest.raises(u.UnitConversionError): a + b
    assert "m2" in a._repr_html_() and "351" in repr(a)


def test_region_map_of_two_axes():
    true = MapAxis.from_energy_bounds("0.05 TeV", "100 TeV", nbin=5, name="energy_true")
    edisp = RegionNDMap.create(None, axes=[AXIS, true])
    assert edisp.data.shape == (5, 27, 1, 1)
    with pytest.raises(ValueError, match="only maps with one axis"): edisp.plot()


def test_an_axis_of_centres_keeps_them():
    "Values of Gammapy 2.1, but for the outer edges of a slice, which stay those of the bins."
    nodes = [.25, .75, 1, 2]
    lin, log = (MapAxis.from_nodes(nodes, interp, "energy", "TeV") for interp in ("lin", "log"))
    for axis in (lin, log):
        part = axis.slice(slice(1, 3))
        assert_array_equal(part.center_value, [.75, 1])
        assert_array_equal(part.edges_value, axis.edges_value[1:4])
        assert_array_equal(part.copy(unit="GeV").edges_value, part.edges_value * 1000)
        assert_allclose(axis.pix_to_coord([0, 1, 2, 3]).value, axis.center_value, rtol=1e-14)
        assert_allclose(axis.coord_to_pix(axis.center), [0, 1, 2, 3], atol=1e-12)
        assert axis.slice(slice(0, 4)) == axis and part.slice(slice(0, 1)).center_value[0] == .75
        assert_allclose(axis.upsample(3).downsample(3).center_value, nodes, rtol=1e-14)
    assert_allclose(lin.coord_to_pix([.1, .5, .9, 1.5, 2.5]*u.TeV), [-.3, .5, 1.6, 2.5, 3.5])
    assert_allclose(log.coord_to_pix([.1, .5, 2.5]*u.TeV), [-.83404377, .63092975, 3.32192809])
    assert_allclose(lin.upsample(2).center_value, [.25, .5, .75, .875, 1, 1.5, 2])
    assert_allclose(lin.upsample(2).edges_value, [.125, .375, .625, .8125, .9375, 1.25, 1.75, 2.25])
    assert lin.squash().node_type == "edges" and lin.squash().edges_value.tolist() == [0, 2.5]
    with pytest.raises(ValueError, match="3 steps between centres do not divide by 2"): lin.downsample(2)
    same_edges = MapAxis.from_edges(lin.edges, name="energy")
    assert not lin.is_allclose(same_edges) and same_edges.is_allclose(same_edges.copy())


WRONG_AXES = {
    "no bins": (lambda: MapAxis.from_energy_bounds(1, 10, 0, "TeV"), ValueError, "nbin: expected a positive whole number, found 0"),
    "half a bin": (lambda: MapAxis.from_bounds(1, 10, 2.5), ValueError, "nbin: expected a whole number >= 1, found 2.5"),
    "nan": (lambda: MapAxis.from_energy_bounds(1*u.TeV, np.nan*u.TeV, 3), ValueError, "energy_max: expected a number, found nan"),
    "one unit missing": (lambda: MapAxis.from_energy_bounds(1*u.GeV, 10, 3), TypeError, "energy_max: expected a quantity"),
    "metres": (lambda: MapAxis.from_energy_bounds(1*u.m, 2*u.m, 3), TypeError, "converts to TeV, found m"),
    "no unit of astropy": (lambda: MapAxis.from_energy_bounds(1, 2, 3, "TeVV"), TypeError, "'TeVV' did not parse as unit"),
    "negative": (lambda: MapAxis.from_energy_edges([-1, 1]*u.TeV, interp="lin"), ValueError, "energy_edges: expected positive energies, found an edge at -1 TeV"),
    "falling": (lambda: MapAxis.from_energy_edges([2, 1]*u.TeV), ValueError, "nodes must be finite and increasing"),
    "one edge": (lambda: MapAxis.from_energy_edges([2]*u.TeV), ValueError, "expected at least two edges"),
    "a text": (lambda: MapAxis.from_edges("abc"), TypeError, "expected nodes that are a quantity, or numbers and a unit"),
    "an axis as list": (lambda: RegionGeom.create(None, axes=AXIS), TypeError, "axes: expected a list of MapAxis, found the single axis 'energy'"),
    "names as axes": (lambda: RegionGeom.create(None, axes=["energy"]), TypeError, "axes: expected a MapAxis, found 'energy'")}


@pytest.mark.parametrize("case", WRONG_AXES)
def test_axes_that_are_refused(case):
    action, error, text = WRONG_AXES[case]
    with pytest.raises(error, match=text): action()


def test_units_of_axes_are_used_as_given():
    assert MapAxis.from_energy_edges([1, 2]*u.TeV, unit="GeV").edges_value.tolist() == [1000, 2000]
    assert MapAxis.from_energy_edges([1*u.TeV, 2000*u.GeV]).edges_value.tolist() == [1, 2]
    assert AXIS.coord_to_idx("200 GeV") == AXIS.coord_to_idx(.2)


def test_ds9_text():
    assert len(sky_regions(["icrs;circle(1,2,3)", CircleSkyRegion(CRAB, 1*u.deg)])) == 2


# --- shapes and places are not guessed ---------------------------------------------------------------------------------------

def test_a_geometry_takes_lists_and_texts_like_create():
    geom = RegionGeom("icrs;circle(83.63, 22.01, 0.1)", axes=[AXIS])
    assert geom.data_shape == (27, 1, 1) and geom.radius_deg == pytest.approx(.1) and geom.axes["energy"] is AXIS


UNKNOWN = RegionGeom.create(None, axes=[AXIS])
TRUE = MapAxis.from_energy_bounds("0.05 TeV", "100 TeV", nbin=5, name="energy_true")
MAPS = {
    "infinite radius": (lambda: RegionGeom.create(CircleSkyRegion(CRAB, np.inf*u.deg)), ValueError, "region: expected a circle with finite centre"),
    "no position": (lambda: RegionGeom.create(CircleSkyRegion(SkyCoord(np.nan, 2, unit="deg"), 1*u.deg)), ValueError, "region: expected a circle with finite centre"),
    "vertex that is none": (lambda: RegionGeom.create(PolygonSkyRegion(SkyCoord([1, np.nan, 2], [1, 2, 2], unit="deg"))), ValueError, "region: expected finite"),
    "line": (lambda: RegionGeom.create(PolygonSkyRegion(SkyCoord([1, 2], [1, 2], unit="deg"))), ValueError, "expected at least three vertices, found 2"),
    "contains": (lambda: UNKNOWN.contains(CRAB), ValueError, "region of this geometry is not known"),
    "solid angle": (lambda: UNKNOWN.solid_angle(), ValueError, "region of this geometry is not known"),
    "mask without axis": (lambda: RegionGeom.create(None).energy_mask(1*u.TeV), ValueError, "no energy axis"),
    "mask from nan": (lambda: UNKNOWN.energy_mask(np.nan*u.TeV), ValueError, "energy_min: expected a positive number, found nan"),
    "mask of exchanged bounds": (lambda: UNKNOWN.energy_mask(10*u.TeV, 1*u.TeV), ValueError, "energy_min 10 and energy_max 1 TeV must be increasing"),
    "transposed": (lambda: RegionNDMap.create(None, [AXIS, TRUE], data=np.zeros((27, 5))), ValueError, r"the geometry has shape \(5, 27, 1, 1\), the data \(27, 5\)"),
    "short": (lambda: RegionNDMap(UNKNOWN, np.zeros(4)), ValueError, "the data"), "text": (lambda: RegionNDMap(UNKNOWN, "x"), TypeError, "data: expected numbers"),
    "ragged": (lambda: RegionNDMap(UNKNOWN, [[1, 2], [3]]), TypeError, "data: expected numbers"),
    "no geometry": (lambda: RegionNDMap("x"), TypeError, "geom: expected a RegionGeom"), "unit": (lambda: RegionNDMap(UNKNOWN, unit="foo"), TypeError, "unit: expected a unit"),
    "sum over other bins": (lambda: RegionNDMap(UNKNOWN) + RegionNDMap.create(None, [AXIS.copy(unit="GeV").slice(slice(0, 26))]), ValueError, "maps are of different bins"),
    "mask of other bins": (lambda: UNKNOWN.energy_mask(1*u.TeV) & RegionGeom.create(None, [MapAxis.from_energy_bounds(1, 2, 27, "TeV")]).energy_mask(1*u.TeV), ValueError, "different places"),
    "mask of another place": (lambda: WcsGeom.create(npix=5).region_mask("icrs;circle(0,0,1)") & WcsGeom.create(npix=5, skydir=CRAB).region_mask("icrs;circle(0,0,1)"), ValueError, "different places")}


@pytest.mark.parametrize("case", MAPS)
def test_regions_and_maps_that_are_refused(case):
    action, error, text = MAPS[case]
    with pytest.raises(error, match=text): action()


def test_values_of_a_map_are_looked_up_interpolated_changed_and_filled():
    two = RegionNDMap.create("icrs;circle(83.63, 22.01, 0.5)", [MapAxis.from_energy_bounds("1 TeV", "10 TeV", 6), MapAxis.from_edges([0, 1, 2], name="phase")], unit="TeV-1")
    two.data = np.arange(12).reshape(two.geom.data_shape)
    assert two.unit == u.Unit("TeV-1") and two.to_unit("GeV-1").data[1, 0, 0, 0] == .006
    assert_allclose(two.get_by_coord({"skycoord": SkyCoord(83.63, 22.01, unit="deg"), "energy": [1.1, 9]*u.TeV, "phase": 1.5}), [6, 11])
    assert np.isnan(two.get_by_coord((0, 0, 2*u.TeV, .5)))
    assert_allclose(two.interp_by_coord({"energy": 10**(1/6)*u.TeV, "phase": 1}), 3.5)     # between two bins of each axis
    assert two.sum_over_axes(["phase"]).data.shape == (1, 6, 1, 1) and two.sum_over_axes(keepdims=False).data.shape == (1, 1)
    assert_allclose(two.slice_by_idx({"energy": slice(1, 3), "phase": 1}).data.ravel(), [7, 8])
    assert_allclose(two.resample_axis(MapAxis.from_energy_edges([1, 10]*u.TeV)).data.ravel(), [15, 51])
    assert_allclose(two.upsample(2, axis_name="energy").downsample(2, axis_name="energy").data, two.data)
    two.set_by_coord((83.63, 22.01, 9*u.TeV, 1.5), 0)
    assert two.get_by_idx((0, 0, 5, 1)) == 0
    with pytest.raises(ValueError, match="coords: some are outside"): two.set_by_coord((83.63, 22.01, 90*u.TeV, 1.5), 0)
    with pytest.raises(ValueError, match="axis_name: expected one of energy, phase"): two.downsample(2)


def test_a_geometry_knows_its_coordinates_and_its_image():
    axis = MapAxis.from_energy_bounds("1 TeV", "10 TeV", 3)
    geom = RegionGeom.create("galactic;circle(0, 0, 1)", axes=[axis], binsz_wcs="0.05 deg")
    coords = geom.get_coord()
    assert coords["energy"].shape == geom.data_shape and coords.lon.shape == (3, 1, 1)
    assert_allclose(geom.coord_to_pix({"skycoord": SkyCoord(0, 0, unit="deg", frame="galactic"), "energy": "1 TeV"})[2], -.5)
    assert_allclose([geom.binsz_wcs[0].deg, geom.to_binsz_wcs(.1).binsz_wcs[1].deg], [.05, .1])
    position, weights = geom.get_wcs_coord_and_weights()
    assert_allclose(weights.sum()*.05**2, np.pi, rtol=2e-3) and position.shape == weights.shape
    assert_allclose(geom.bin_volume().sum().to_value("deg2 TeV"), 9*geom.solid_angle().to_value("deg2"))
    assert geom.to_image().is_image and geom == RegionGeom.create("galactic;circle(0, 0, 1)", axes=[axis]) and geom != geom.squash("energy")
    assert RegionGeom.from_regions([]).region is None
    assert_allclose(geom.separation(SkyCoord(0, 1.1, unit="deg", frame="galactic")).deg, 1.1)
    given = RegionGeom.create("galactic;circle(0, 0, 1)", wcs=WcsGeom.create(skydir=(0, 0), frame="galactic", width=1.5, binsz=.1).wcs)
    assert_allclose(given.binsz_wcs[0].deg, .1)
