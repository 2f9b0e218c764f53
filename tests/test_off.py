"Where the background is measured: homogeneity of OFF regions, and OFF events from elsewhere than reflected regions."
import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from dataclasses import replace
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import kstest
from specnb import (Datasets, DataStore, EventList, GivenRegionsBackgroundMaker, MapAxis, OffRunsBackgroundMaker, ReflectedRegionsBackgroundMaker,
                    RegionGeom, RingBackgroundMaker, SpecnbWarning, SpectrumDataset, SpectrumDatasetMaker, SpectrumDatasetOnOff, demo_dir, containment_per_bin, dispersion, dispersion_p_value, off_homogeneity, region_contains, region_p_value)
from specnb.base.sphere import separation
from specnb.data.edisp import bin_centers
from specnb.regions.shapes import region_grid
from specnb.simulate.simulate import draw_field, fov_position

CRAB = SkyCoord(83.63, 22.01, unit="deg")
AXIS = MapAxis.from_energy_bounds(.1, 40, nbin=10, per_decade=True, unit="TeV", name="energy")
AXIS_TRUE = MapAxis.from_energy_bounds(.05, 100, nbin=20, per_decade=True, unit="TeV", name="energy_true")


def empty(region="icrs;circle(83.63, 22.01, 0.11)", name="run"): return SpectrumDataset.create(RegionGeom.create(region, axes=[AXIS]), AXIS_TRUE, name=name)


@pytest.fixture(scope="module")
def observations(): return DataStore.from_dir(demo_dir()).get_observations()[:2]


@pytest.fixture(scope="module")
def reduced(observations): return [SpectrumDatasetMaker().run(empty(name=f"run {o.obs_id}"), o) for o in observations]


@pytest.fixture(scope="module")
def reflected(observations, reduced): return [ReflectedRegionsBackgroundMaker().run(d, o) for d, o in zip(reduced, observations)]


# homogeneity ------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("total, n_regions", [(9, 12), (60, 12), (400, 7)])
def test_p_values_of_regions_that_agree_are_uniform(total, n_regions):
    rng, share = np.random.default_rng(total), np.full((150, n_regions), 1/n_regions)
    counts = rng.multinomial(total, share[0], 150).astype(float)
    each, _, drawn = dispersion_p_value(counts, share, n_toys=300, random_state=1)
    assert drawn.all() == (total/n_regions < 10)
    assert kstest(each, "uniform").pvalue > .01 if total > 20 else np.mean(each <= .1) <= .15 and .4 < each.mean() < .75


def test_total_p_value_is_that_of_the_summed_dispersion():
    counts, share = np.array([[120., 90, 90], [100, 110, 90]]), np.full((2, 3), 1/3)
    from scipy.stats import chi2
    each, total, _ = dispersion_p_value(counts, share)
    assert_allclose(total, chi2.sf(dispersion(counts, share).sum(), 4))
    assert_allclose(each, chi2.sf(dispersion(counts, share), 2))


def test_unequal_shares_are_what_the_counts_are_compared_with():
    share = np.array([[.5, .3, .2, 0]])
    assert_allclose(dispersion(np.array([[50., 30, 20, 0]]), share), 0)
    assert_allclose(region_p_value(np.array([[50., 30, 20, 0]]), share)[0], [[0, 0, 0, np.nan]])


def test_counts_per_region_are_those_of_the_spectrum(reflected):
    found = off_homogeneity(reflected)
    assert_allclose(found.counts.sum(1), [d.arrays.n_off.sum() for d in reflected])
    assert found.n_regions.tolist() == [d.off_regions.n for d in reflected]
    high = off_homogeneity(reflected, energy_min=1*u.TeV)
    assert 0 < high.counts.sum() < found.counts.sum() and (high.counts <= found.counts).all()
    assert found.to_table()["name"].tolist() == ["run 1001", "run 1002", "all"]
    assert_allclose(found.to_table()["p_value"][-1], found.total_p_value)


def test_a_stack_is_compared_run_by_run(reflected):
    found, stacked = off_homogeneity(reflected), off_homogeneity(Datasets(reflected).stack_reduce(name="sum"))
    assert stacked.names == ["sum [0]", "sum [1]"]
    assert_array_equal(stacked.counts, found.counts)
    assert stacked.total_p_value == found.total_p_value
    with pytest.raises(ValueError, match="cannot be drawn one by one"): stacked.plot_regions()


def test_a_bad_region_is_found_and_drawn(reflected):
    events = reflected[0].arrays.events
    more = replace(events, e_off=np.r_[events.e_off, np.full(40, 1.)], off_region=np.r_[events.off_region, np.full(40, 3)])
    found = off_homogeneity([reflected[0].fill(events=more), reflected[1]], n_toys=1000)
    run, region, p = found.worst
    assert (run, region) == (0, 3) and p < 1e-4 and found.p_value[0] < 1e-2 < found.p_value[1]
    import matplotlib.pyplot as plt
    found.plot()
    plt.figure()
    assert len(found.plot_regions().patches) == found.n_regions[0] + 1
    plt.close("all")


def test_spectra_without_off_events_are_named(reduced):
    with pytest.raises(ValueError, match="dataset 'run 1001': its OFF events are not known"): off_homogeneity(reduced)
    with pytest.raises(ValueError, match="at least one ON/OFF dataset"): off_homogeneity([])


# regions of any shape through the chain -------------------------------------------------------------------------------------

SHAPES = {"circle": "icrs;circle(83.63, 22.01, 0.3)", "ellipse": "galactic;ellipse(184.5575, -5.7844, 0.15, 0.4, 30)",
          "thin ellipse": "icrs;ellipse(83.63, 22.01, 0.04, 0.5, 30)", "rectangle": "icrs;box(83.63, 22.01, 0.2, 0.5, 20)",
          "ring": "icrs;annulus(83.63, 22.01, 0.25, 0.3)", "polygon": "icrs;polygon(83.3, 21.8, 83.9, 21.9, 83.6, 22.3)",
          "elliptical ring": "icrs;ellipse(83.63, 22.01, 0.15, 0.2, 0.3, 0.4, 30)", "rectangular ring": "icrs;box(83.63, 22.01, 0.3, 0.4, 0.4, 0.5, 30)",
          "union": "icrs\ncircle(83.63, 22.01, 0.1)\ncircle(83.8, 22.2, 0.2)", "with a hole": "icrs\nbox(83.63, 22.01, 0.5, 0.4, 10)\n-circle(83.63, 22.01, 0.1)"}


def direct_mean(function, geom, pointing):
    "Mean of a function of the offset over a shape, by some hundred thousand points."
    offset = separation(*region_grid(geom.region, 600)[:2], *pointing)
    number, edges = np.histogram(offset, 300)
    mean = np.histogram(offset, edges, weights=offset)[0][number > 0]/number[number > 0]
    return sum(n*function(m) for n, m in zip(number[number > 0]/number.sum(), mean))


@pytest.mark.parametrize("name", SHAPES)
def test_every_shape_is_counted_averaged_and_reflected(observations, name):
    run, geom = observations[0], RegionGeom.from_regions(SHAPES[name], axes=[AXIS])
    maker = SpectrumDatasetMaker(selection=["counts", "exposure"], use_region_center=False)
    dataset = maker.run(SpectrumDataset.create(geom, AXIS_TRUE), run)
    direct = direct_mean(lambda offset: run.aeff.value(bin_centers(AXIS_TRUE.edges_value), offset), geom, run.pointing_deg)*run.livetime_s
    assert_allclose(dataset.arrays.exposure, direct, rtol=1e-3)
    inside = region_contains(geom.region, run.events.ra_deg, run.events.dec_deg)
    e = run.events.e_tev[inside]
    assert dataset.arrays.n_on.sum() == np.sum((e >= .1) & (e < 40)) > 0
    on_off = ReflectedRegionsBackgroundMaker().run(dataset, run)
    n = on_off.off_regions.n
    density = run.events.e_tev.size/(np.pi*2.5**2)
    assert n > 0 and on_off.arrays.n_off.sum() > .3*n*density*geom.solid_angle().to_value("deg2")
    on_off.off_regions.plot()


@pytest.mark.parametrize("region", ["icrs;circle(83.63, 22.01, 0.11)", "icrs;ellipse(83.63, 22.01, 0.1, 0.2, 30)", "icrs;box(83.63, 22.01, 0.2, 0.3, 10)",
                                    "icrs;polygon(83.5, 21.9, 83.75, 21.9, 83.62, 22.2)"])
def test_containment_of_a_shape_is_the_integral_of_the_point_spread_function(observations, region):
    run, geom = observations[0], RegionGeom.create(region)
    contained = containment_per_bin(run, geom, AXIS_TRUE.edges_value)
    ra, dec, area = region_grid(geom.region, 300)
    rad, offset = separation(ra, dec, *geom.center_deg), separation(*geom.center_deg, *run.pointing_deg)
    edges = np.linspace(0, rad.max(), 60)
    number = np.histogram(rad, edges)[0]*area
    rings = np.pi*np.diff(edges**2)
    inside = np.diff(run.psf.containment_value(edges[:, None], bin_centers(AXIS_TRUE.edges_value), offset), axis=0)
    assert_allclose(contained, (number/rings) @ inside, atol=2e-3)
    assert (contained[20:] > .3).all()


# OFF events from elsewhere --------------------------------------------------------------------------------------------------

def without_source(observation, seed=3, factor=30, **header):
    "A run with background only, drawn from its own model as if it were `factor` times as bright."
    rng = np.random.default_rng(seed)
    bright = type(observation.bkg)(observation.bkg.axes, observation.bkg.data*factor, meta=observation.bkg.meta)
    e, lon, lat = draw_field(bright, observation.ontime_s, rng)
    ra, dec = fov_position(*observation.pointing_deg, lon, lat)
    old = observation.events
    events = EventList(e, ra % 360, dec, np.sort(rng.uniform(old.t_s.min(), old.t_s.max(), len(e))), old.time_ref, old.meta)
    return observation.copy(events=events)


@pytest.fixture(scope="module")
def dark(observations): return without_source(observations[0])


@pytest.fixture(scope="module")
def dark_on(dark): return SpectrumDatasetMaker().run(empty(), dark)


def expected_on(dark_on): return 30*dark_on.arrays.background


OFF_MAKERS = {"ring": lambda **kw: RingBackgroundMaker("0.3 deg", "0.4 deg", **kw), "wide ring": lambda **kw: RingBackgroundMaker("0.5 deg", "1 deg", **kw),
              "ring around pointing": lambda **kw: RingBackgroundMaker(center="pointing", **kw),
              "given": lambda **kw: GivenRegionsBackgroundMaker("icrs\nbox(83.0, 22.6, 0.5, 0.8, 20)\ncircle(84.4, 22.9, 0.4)\ncircle(84.5, 23.1, 0.3)", **kw)}


@pytest.mark.parametrize("exclusion", [None, "icrs\ncircle(84.3, 22.6, 0.3)\nbox(83.2, 21.8, 0.5, 0.2, 0)"])
@pytest.mark.parametrize("name", OFF_MAKERS)
def test_the_background_of_off_regions_is_that_of_the_on_region_wherever_they_are(dark, dark_on, name, exclusion):
    a = OFF_MAKERS[name](exclusion_mask=exclusion).run(dark_on, dark).arrays
    sigma = np.sqrt(np.sum(a.alpha**2*a.n_off))
    assert sigma < .05*a.n_bkg.sum() and abs(a.n_bkg.sum() - expected_on(dark_on).sum()) < 3*sigma
    assert off_homogeneity(OFF_MAKERS[name](exclusion_mask=exclusion).run(dark_on, dark), n_toys=500).total_p_value > 1e-3


def test_a_flat_acceptance_is_wrong_by_the_gradient_of_the_field(dark, dark_on):
    model, flat = (OFF_MAKERS["wide ring"](acceptance=k).run(dark_on, dark).arrays.n_bkg.sum() for k in (None, "solid_angle"))
    assert flat < .95*model
    bare = OFF_MAKERS["wide ring"]().run(dark_on, dark.copy(bkg=None)).arrays.n_bkg.sum()
    assert bare == flat


def test_acceptance_of_a_ring_is_its_area_over_that_of_the_on_region(dark, dark_on):
    a = RingBackgroundMaker(.3*u.deg, .4*u.deg, acceptance="solid_angle").run(dark_on, dark).arrays
    assert_allclose(a.acceptance_off/a.acceptance, (.7**2 - .3**2)/.11**2, rtol=1e-3)
    assert_array_equal(np.bincount(a.events.off_region, minlength=12) > 0, True)


@pytest.mark.parametrize(("region", "area"), [("box(83.63, 22.9, 1, 0.4, 0)", .4), ("ellipse(83.63, 22.9, 0.5, 0.2, 0)", .1*np.pi), ("circle(83.63, 22.9, 0.3)", .09*np.pi)])
def test_acceptance_of_a_region_is_its_area_over_that_of_the_on_region(dark, dark_on, region, area):
    "A box in the direction of the axes counted 2 % too large: all cells of the lattice at its edges were inside."
    a = GivenRegionsBackgroundMaker(f"icrs;{region}", acceptance="solid_angle").run(dark_on, dark).arrays
    assert_allclose(a.acceptance_off/a.acceptance, area/(np.pi*.11**2), rtol=1e-4)


def test_rings_and_regions_with_nothing_left_leave_the_run_without_safe_bins(dark, dark_on):
    for maker in (RingBackgroundMaker("0.3 deg", "0.1 deg", exclusion_mask="icrs;circle(83.63, 22.01, 1)"), GivenRegionsBackgroundMaker("icrs;circle(83.63, 22.01, 0.1)")):
        with pytest.warns(SpecnbWarning, match="no OFF counts, nothing is left of the OFF regions"): found = maker.run(dark_on, dark)
        assert not found.arrays.mask_safe.any() and not found.arrays.acceptance_off.any()


@pytest.mark.parametrize("maker, settings, found", [
    (RingBackgroundMaker, {"r_in": "0.3 deg"}, "r_in, width: expected two angles"), (RingBackgroundMaker, {"center": "on the left"}, "center: expected 'on' or"),
    (RingBackgroundMaker, {"r_in": "0.3 deg", "width": "0 deg"}, "width: expected"), (RingBackgroundMaker, {"center": "pointing", "acceptance": "area"}, "acceptance: expected None or"),
    (GivenRegionsBackgroundMaker, {"regions": []}, "at least one sky region"), (GivenRegionsBackgroundMaker, {"regions": "icrs;point(83, 22)"}, "regions: expected regions with an area")])
def test_wrong_settings_of_off_makers_are_named(maker, settings, found):
    with pytest.raises(ValueError, match=found): maker(**settings)


@pytest.mark.parametrize("scale", ["livetime", "background"])
def test_runs_without_the_source_see_the_background_at_its_place_in_the_camera(observations, dark, dark_on, scale):
    others = [without_source(observations[1], seed).copy() for seed in (5, 6)]
    maker = OffRunsBackgroundMaker(others, max_zenith_difference="5 deg", scale=scale)
    found = maker.run(dark_on, dark)
    a = found.arrays
    fainter = sum(len(o.events.e_tev) for o in others)/len(dark.events.e_tev)   # the second run has another zenith angle
    livetime = 2*others[0].livetime_s/dark.livetime_s
    assert_allclose(a.acceptance_off, livetime if scale == "livetime" else fainter, rtol=1e-9 if scale == "livetime" else .03)
    expected = expected_on(dark_on).sum()*(fainter/livetime if scale == "livetime" else 1)
    assert abs(a.n_bkg.sum() - expected) < 3*np.sqrt(np.sum(a.alpha**2*a.n_off)) + .02*expected
    assert off_homogeneity(found).n_regions.tolist() == [2] and len(a.events.t_off) == len(a.events.e_off) >= a.n_off.sum()


def test_an_exclusion_in_the_field_of_the_other_run_lowers_its_acceptance(observations, dark, dark_on):
    other, geom = without_source(observations[1], 5), dark_on.geom
    whole = OffRunsBackgroundMaker([other]).matching(dark, geom)
    place = 83.63, 22.01 + other.pointing_deg[1] - dark.pointing_deg[1]
    half = OffRunsBackgroundMaker([other], exclusion_mask=f"icrs;box({place[0] - .5/np.cos(np.radians(place[1]))}, {place[1]}, 1, 1, 0)").matching(dark, geom)
    assert_allclose(half["acceptance"][0]/whole["acceptance"][0], .5, atol=.03)
    assert_allclose(half["counts_off"][0]/whole["counts_off"][0], .5, atol=.15)


def test_runs_that_do_not_match_are_told_and_not_used(observations, dark, dark_on):
    other = observations[1]
    far = other.copy()
    far.meta["ALT_PNT"] = 20.
    maker = OffRunsBackgroundMaker([dark, far])
    table = maker.matching(dark, dark_on.geom)
    assert table["not_used"].tolist() == ["the run itself", "zenith angle"] and table["zenith"][1] == 70
    with pytest.warns(SpecnbWarning, match="no run can be used .1001: the run itself, 1002: zenith angle."): found = maker.run(dark_on, dark)
    assert not found.arrays.mask_safe.any()
    assert OffRunsBackgroundMaker([far], max_zenith_difference=None).matching(dark, dark_on.geom)["not_used"].tolist() == [""]


def test_spectra_with_a_ring_or_a_union_are_written_and_read(tmp_path, observations):
    run = observations[0]
    geom = RegionGeom.from_regions("icrs\ncircle(83.63, 22.01, 0.1)\ncircle(83.8, 22.2, 0.1)", axes=[AXIS])
    dataset = SpectrumDatasetMaker().run(SpectrumDataset.create(geom, AXIS_TRUE, name="union"), run)
    found = RingBackgroundMaker("0.5 deg", "0.2 deg").run(dataset, run)
    with pytest.warns(SpecnbWarning, match="acceptance varies from channel to channel"):
        found.write(tmp_path/"pha_obsunion.fits")
    again = SpectrumDatasetOnOff.read(tmp_path/"pha_obsunion.fits")
    assert_allclose(again.arrays.alpha, found.arrays.alpha, rtol=1e-6)
    assert_allclose(again.geom.solid_angle().value, geom.solid_angle().value, rtol=1e-4)
    assert again.off_regions.n == 12
    again.off_regions.plot()
