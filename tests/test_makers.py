"""Reduction of runs to spectra: on the demo data, on real runs where GAMMAPY_DATA has them, and with input that is wrong.

Numbers quoted without a formula come from Gammapy 2.1 on the same input.
"""
import warnings
import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from numpy.testing import assert_allclose, assert_array_equal
from regions import CircleSkyRegion, PointSkyRegion, PolygonSkyRegion
from specnb import (DataError, DataStore, EventList, MapAxis, ReflectedRegionsBackgroundMaker, RegionGeom, SafeMaskMaker, SpecnbWarning,
                    SpectrumDataset, SpectrumDatasetMaker, WcsGeom, WobbleRegionsFinder, aeff_max_threshold, background_per_bin,
                    counts_per_bin, demo_dir, edisp_bias_threshold, off_counts, on_counts)
from specnb.makers.reduction import offset_weights, on_offset

CRAB = SkyCoord(83.63, 22.01, unit="deg")
AXIS = MapAxis.from_energy_bounds(.1, 40, nbin=10, per_decade=True, unit="TeV", name="energy")
AXIS_TRUE = MapAxis.from_energy_bounds(.05, 100, nbin=20, per_decade=True, unit="TeV", name="energy_true")
METHODS = ["aeff-max", "aeff-default", "edisp-bias", "bkg-peak", "offset-max"]


def circle(radius=.11, center=CRAB, axis=AXIS): return RegionGeom.create(CircleSkyRegion(center, radius*u.deg), axes=[axis])
def empty(geom, name="run"): return SpectrumDataset.create(geom, AXIS_TRUE, name=name)


class Changed:
    "A run with some parts replaced."
    def __init__(self, run, **parts):
        self._run = run
        vars(self).update(parts)
    def __getattr__(self, name): return getattr(self._run, name)


@pytest.fixture(scope="module")
def run(): return DataStore.from_dir(demo_dir()).get_observations()[0]


@pytest.fixture(scope="module")
def reduced(run): return SpectrumDatasetMaker(containment_correction=True).run(empty(circle()), run)


@pytest.fixture(scope="module")
def hess(hess_dir): return DataStore.from_dir(hess_dir).get_observations([23523, 23526, 23559, 23592])


@pytest.fixture(scope="module")
def magic(magic_dir): return {o.obs_id: o for o in DataStore.from_dir(magic_dir).get_observations([5029747, 5029748], required_irf="point-like")}


# counts -----------------------------------------------------------------------------------------------------------------

def test_bins_are_half_open_and_what_is_outside_is_dropped():
    e = np.array([0., .5, 1, 1.5, 2, 4, 5, -1, np.nan, np.inf])
    assert_array_equal(counts_per_bin(e, np.array([1., 2, 4])), [2, 1])
    assert_array_equal(counts_per_bin(np.empty(0), np.array([1., 2, 4])), [0, 0])


def test_counts_do_not_depend_on_how_the_events_are_binned(run, reduced):
    fine = circle(axis=MapAxis.from_edges(np.sort(np.r_[AXIS.edges_value, AXIS.center_value]), unit="TeV", name="energy", interp="log"))
    assert_array_equal(on_counts(run, fine, fine.axes["energy"].edges_value).reshape(-1, 2).sum(1), reduced.arrays.n_on)


def test_an_empty_event_list_gives_an_empty_spectrum(run):
    none = Changed(run, events=EventList(np.empty(0), np.empty(0), np.empty(0), np.empty(0)))
    dataset = ReflectedRegionsBackgroundMaker().run(SpectrumDatasetMaker().run(empty(circle()), none), none)
    assert dataset.arrays.n_on.sum() == dataset.arrays.n_off.sum() == 0
    assert dataset.arrays.exposure.any() and dataset.arrays.acceptance_off.all()


def test_energies_outside_the_axis(run):
    high = circle(axis=MapAxis.from_edges([1e5, 1e6], unit="TeV", name="energy", interp="log"))
    with pytest.warns(SpecnbWarning, match=f"observation {run.obs_id}: none of its .* events"): dataset = SpectrumDatasetMaker(selection=["counts"]).run(empty(high), run)
    assert_array_equal(dataset.arrays.n_on, [0])


def test_regions_of_other_shapes_are_counted(run):
    corners = SkyCoord(83.63 + np.array([-.2, .2, .2, -.2]), 22.01 + np.array([-.2, -.2, .2, .2]), unit="deg")
    geom = RegionGeom.create(PolygonSkyRegion(corners), axes=[AXIS])
    dataset = ReflectedRegionsBackgroundMaker().run(SpectrumDatasetMaker().run(empty(geom), run), run)
    assert dataset.arrays.n_on.sum() > on_counts(run, circle(), AXIS.edges_value).sum()
    assert dataset.arrays.acceptance_off[0] == dataset.off_regions.n > 1


# responses ----------------------------------------------------------------------------------------------------------------

def test_selection_chooses_what_is_computed(run):
    dataset = SpectrumDatasetMaker(selection=["exposure"]).run(empty(circle()), run)
    assert dataset.arrays.n_on.sum() == 0 and dataset.arrays.edisp is None and dataset.arrays.background is None
    assert dataset.arrays.livetime == run.livetime_s and dataset.gti is run.gti and dataset.meta["OBS_ID"] == run.obs_id
    assert dataset.arrays.mask_safe.all()


def test_the_given_dataset_is_not_changed(run):
    dataset = empty(circle())
    SpectrumDatasetMaker().run(dataset, run)
    assert dataset.arrays.n_on.sum() == 0 and dataset.arrays.exposure is None


def test_a_run_without_background_model_is_fine_unless_it_is_asked_for(run):
    bare = Changed(run, bkg=None)
    assert SpectrumDatasetMaker().run(empty(circle()), bare).arrays.background is None
    with pytest.raises(DataError, match=rf"observation {run.obs_id}: no field background \(bkg\); found aeff"):
        SpectrumDatasetMaker(selection=["background"]).run(empty(circle()), bare)


@pytest.mark.parametrize("part, name, settings", [
    ("aeff", "effective area", {"selection": ["exposure"]}), ("edisp", "energy dispersion", {"selection": ["edisp"]}),
    ("psf", "point spread function", {"selection": ["exposure"], "containment_correction": True})])
def test_a_missing_response_is_named_with_its_run(run, part, name, settings):
    with pytest.raises(DataError, match=rf"observation {run.obs_id}: no {name} \({part}\); found "):
        SpectrumDatasetMaker(**settings).run(empty(circle()), Changed(run, **{part: None}))


def test_a_run_without_events(run):
    with pytest.raises(DataError, match=f"observation {run.obs_id}: no events"): SpectrumDatasetMaker().run(empty(circle()), Changed(run, events=None))
    assert SpectrumDatasetMaker(selection=["exposure", "edisp", "background"]).run(empty(circle()), Changed(run, events=None)).arrays.edisp is not None


def test_wrong_settings_of_the_dataset_maker(run):
    with pytest.raises(ValueError, match="selection: expected some of .* found masks"): SpectrumDatasetMaker(selection=["masks"])
    with pytest.raises(ValueError, match="use_region_center=True"): SpectrumDatasetMaker(containment_correction=True, use_region_center=False)
    ring = RegionGeom.create("icrs;annulus(83.63, 22.01, 0.1, 0.2)", axes=[AXIS])
    with pytest.raises(ValueError, match="containment_correction: expected a shape around"): SpectrumDatasetMaker(containment_correction=True).run(empty(ring), run)


def test_average_over_a_small_region_is_the_value_at_its_centre(run):
    one, many = (SpectrumDatasetMaker(use_region_center=c).run(empty(circle(.05)), run).arrays for c in (True, False))
    bright = one.exposure > one.exposure.max() * 1e-3
    assert_allclose(many.exposure[bright], one.exposure[bright], rtol=5e-3)
    assert_allclose(many.edisp[bright], one.edisp[bright], atol=5e-3)
    assert_allclose(many.background.sum(), one.background.sum(), rtol=.02)


def test_offsets_of_a_large_region(run):
    offsets, weights = offset_weights(run, circle(.3), use_region_center=False)
    center = on_offset(run, circle())
    assert_allclose([weights.sum(), offsets.min(), offsets.max()], [1, center - .3, center + .3], atol=.02)
    assert_allclose((offsets**2 * weights).sum(), center**2 + .3**2 / 2, rtol=5e-3)   # mean square distance of a disc


def test_region_average_of_a_real_run(hess):
    arrays = SpectrumDatasetMaker(use_region_center=False, selection=["exposure", "background"]).run(empty(circle(.3)), hess[0]).arrays
    assert_allclose(arrays.exposure[[25, 30, 40, 50, 60]], [327576878.2, 499185571.7, 898499558.2, 1045022404.7, 1015794566.1], rtol=2e-4)
    assert_allclose(arrays.background[[8, 12, 16, 20]], [16.85714170, 8.14392545, 3.33341228, .93245974], rtol=2e-3)


def test_background_model_of_real_runs(hess):
    found = [background_per_bin(o, circle(), AXIS.edges_value)[[8, 12, 16, 20]] for o in hess]
    assert_allclose(found, [[2.27534294, 1.1027828, .45581244, .12549924], [2.77883258, .78532422, .3379452, .11407287],
                            [2.14525992, .54982945, .22789514, .09727057], [1.61386837, .76694359, .26558789, .10295417]], rtol=1e-6)
    fine = background_per_bin(hess[0], circle(), AXIS.edges_value, oversampling=4)
    assert_allclose(fine[[12, 16, 20]], found[0][1:], rtol=.02)


# point-like responses ---------------------------------------------------------------------------------------------------------

MAGIC_AXIS = MapAxis.from_energy_bounds(.05, 100, nbin=5, per_decade=True, unit="TeV", name="energy")
MAGIC_TRUE = MapAxis.from_energy_bounds(.01, 100, nbin=5, per_decade=True, unit="TeV", name="energy_true")
POINT = RegionGeom.create(PointSkyRegion(CRAB), axes=[MAGIC_AXIS])


@pytest.mark.parametrize("obs_id, n_on, n_off", [(5029747, 791, {1: 378, 3: 1178}), (5029748, 837, {1: 413, 3: 1255})])
def test_cut_that_depends_on_energy(magic, obs_id, n_on, n_off):
    dataset = SpectrumDatasetMaker(selection=["counts", "exposure", "edisp"]).run(SpectrumDataset.create(POINT, MAGIC_TRUE), magic[obs_id])
    assert dataset.arrays.n_on.sum() == n_on
    for n, expected in n_off.items():
        on_off = ReflectedRegionsBackgroundMaker(region_finder=WobbleRegionsFinder(n_off_regions=n)).run(dataset, magic[obs_id])
        assert on_off.arrays.n_off.sum() == expected
        assert_array_equal(on_off.arrays.acceptance_off, np.full(17, n))


def test_point_like_exposure_has_no_containment(magic):
    o = magic[5029747]
    arrays = SpectrumDatasetMaker(selection=["exposure"]).run(SpectrumDataset.create(POINT, MAGIC_TRUE), o).arrays
    assert_allclose(arrays.exposure, o.aeff.value(MAGIC_TRUE.center_value, on_offset(o, POINT)) * o.livetime_s)
    with pytest.raises(ValueError, match="observation 5029747: containment_correction: the responses are point-like"):
        SpectrumDatasetMaker(containment_correction=True, selection=["exposure"]).run(SpectrumDataset.create(POINT, MAGIC_TRUE), o)


def test_point_like_responses_need_their_own_region(magic, run):
    with pytest.raises(ValueError, match="depends on energy .* expected a point"): on_counts(magic[5029747], circle(), AXIS.edges_value)
    with pytest.raises(ValueError, match="the ON region is a point, and there is no RAD_MAX"): on_counts(run, POINT, AXIS.edges_value)
    with pytest.raises(ValueError, match="use WobbleRegionsFinder"):
        ReflectedRegionsBackgroundMaker().run(SpectrumDataset.create(POINT, MAGIC_TRUE), magic[5029747])


def test_too_many_wobble_positions_for_the_cut(magic):
    off = off_counts(magic[5029747], POINT, MAGIC_AXIS.edges_value, WobbleRegionsFinder(n_off_regions=15))
    assert off.n_regions == 0 and off.n_off.sum() == 0 and "closer than twice the radius" in off.reason


# OFF counts and what can go wrong -------------------------------------------------------------------------------------------

def kept_without_off(geom, run, match, **settings):
    "A run that has no OFF region is kept, with a warning and without any safe bin."
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset = SpectrumDatasetMaker(selection=["counts", "exposure", "edisp"]).run(empty(geom), run)
    with pytest.warns(SpecnbWarning, match=match): on_off = ReflectedRegionsBackgroundMaker(**settings).run(dataset, run)
    assert not on_off.arrays.n_off.any() and not on_off.arrays.acceptance_off.any() and not on_off.arrays.alpha.any()
    assert not on_off.arrays.mask_safe.any() and on_off.arrays.livetime == run.livetime_s
    assert not SafeMaskMaker(["offset-max"], offset_max="100 deg").run(on_off, run).arrays.mask_safe.any()
    return on_off


def test_target_at_the_pointing(run):
    geom = circle(center=SkyCoord(*run.pointing_deg, unit="deg"))
    on_off = kept_without_off(geom, run, match=f"observation {run.obs_id}: no OFF counts, .*leaves no room")
    assert on_off.arrays.n_on.sum() > 0


@pytest.mark.parametrize("ra", [93, 263.63])
def test_target_outside_the_field_of_view(run, ra):
    geom = circle(center=SkyCoord(ra, 22, unit="deg"))
    with pytest.warns(SpecnbWarning, match=f"observation {run.obs_id}: no exposure, the ON region at .* deg from the pointing"):
        SpectrumDatasetMaker(selection=["exposure"]).run(empty(geom), run)
    kept_without_off(geom, run, match="no exposure in the ON region")
    dataset = SpectrumDatasetMaker(selection=["counts"]).run(empty(geom), run)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert not ReflectedRegionsBackgroundMaker().run(dataset, run).arrays.n_off.any()


def test_everything_excluded(run):
    mask = ~WcsGeom.create(npix=120, binsz=.05, skydir=CRAB, proj="TAN").region_mask([CircleSkyRegion(CRAB, 2*u.deg)])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        kept_without_off(circle(), run, match=f"observation {run.obs_id}: no OFF counts, all .* touch the exclusion mask", exclusion_mask=mask)


def test_exclusion_mask_over_the_on_region_changes_only_the_off_regions(run, reduced):
    over = CircleSkyRegion(CRAB, .3*u.deg)
    mask = ~WcsGeom.create(npix=120, binsz=.02, skydir=CRAB, proj="TAN").region_mask([over])
    free = ReflectedRegionsBackgroundMaker().run(reduced, run)
    for exclusion in (mask, [over]):
        with pytest.warns(SpecnbWarning, match="covers .* the ON region"): held = ReflectedRegionsBackgroundMaker(exclusion_mask=exclusion).run(reduced, run)
        assert 0 < held.arrays.acceptance_off[0] < free.arrays.acceptance_off[0]
        assert_array_equal(held.arrays.n_on, reduced.arrays.n_on)


def test_settings_go_to_the_default_finder(run, reduced):
    few = ReflectedRegionsBackgroundMaker(max_region_number=3, min_distance="0.2 rad").run(reduced, run)
    assert_array_equal(few.arrays.acceptance_off, np.full(27, 3))
    assert few.off_regions.n == 3
    with pytest.raises(TypeError, match="binsz: pass these to the region_finder"): ReflectedRegionsBackgroundMaker(WobbleRegionsFinder(n_off_regions=1), binsz="1 deg")


def test_events_in_two_regions_count_once(hess):
    geom, o = circle(), hess[3]
    region = CircleSkyRegion(SkyCoord(183.604, -8.708, unit="deg", frame="galactic"), .5*u.deg)
    mask = ~WcsGeom.create(npix=150, binsz=.05, skydir=CRAB, proj="TAN").region_mask([region])
    off = off_counts(o, geom, AXIS.edges_value, ReflectedRegionsBackgroundMaker().region_finder, mask)
    safe = AXIS.edges_value[:-1] >= .6150446
    single = [counts_per_bin(o.events.e_tev[r.contains(SkyCoord(o.events.ra_deg, o.events.dec_deg, unit="deg"), RegionGeom.create(geom.region).wcs)],
                             AXIS.edges_value) for r in off.off_regions.regions]
    assert off.n_off[safe].sum() == 275 < np.sum(single, axis=0)[safe].sum()


# safe masks ---------------------------------------------------------------------------------------------------------------------

def test_thresholds_of_the_reference(hess):
    maker = SpectrumDatasetMaker(containment_correction=True, selection=["exposure", "edisp"])
    arrays = [maker.run(empty(circle()), o).arrays for o in hess]
    found = [aeff_max_threshold(a.e_true_edges, a.exposure, 10) for a in arrays]
    assert_allclose(found, [.6124402, .4993802, .5065612, .6150446], rtol=1e-6)
    bias = [edisp_bias_threshold(a.e_true_edges, a.e_reco_edges, a.edisp, 10) for a in arrays]
    edges = AXIS.edges_value
    assert_allclose(edges[np.searchsorted(edges, bias)], [1.148414, .919869, .736806, .919869], rtol=1e-6)


@pytest.mark.parametrize("method, first", [("aeff-max", [8, 7, 8, 8]), ("aeff-default", [10, 9, 9, 10]), ("edisp-bias", [11, 10, 9, 10]), ("bkg-peak", [9, 8, 8, 9])])
def test_first_safe_bin_of_real_runs(hess, method, first):
    datasets = [SpectrumDatasetMaker().run(empty(circle()), o) for o in hess]   # without containment
    assert [int(SafeMaskMaker([method]).run(d, o).arrays.mask_safe.argmax()) for d, o in zip(datasets, hess)] == first


def test_safe_ranges_from_the_tables_of_the_run(hess):
    datasets = [SpectrumDatasetMaker().run(empty(circle()), o) for o in hess]
    masks = [SafeMaskMaker(["edisp-bias"], irfs="DL3").run(d, o).arrays.mask_safe for d, o in zip(datasets, hess)]
    assert [int(m.argmax()) for m in masks] == [10, 10, 9, 10]


@pytest.mark.parametrize("method, settings, first", [
    ("aeff-max", {"irfs": "DL3", "fixed_offset": .5*u.deg}, [8, 8]), ("aeff-max", {"irfs": "DL3", "fixed_offset": 1.5*u.deg}, [9, 9]), ("aeff-max", {"irfs": "DL3", "position": CRAB}, [8, 9]),
    ("aeff-max", {"aeff_percent": 20}, [9, 9]), ("aeff-max", {"aeff_percent": 1}, [7, 7]), ("edisp-bias", {"irfs": "DL3", "fixed_offset": 1.5*u.deg}, [10, 10]),
    ("edisp-bias", {"irfs": "DL3", "position": CRAB}, [10, 10]), ("edisp-bias", {"bias_percent": 5}, [12, 11]), ("aeff-default", {}, [10, 10])])
def test_variants_of_safe_masks_cut_as_gammapy_does(hess, method, settings, first):
    masks = [SafeMaskMaker([method], **settings).run(SpectrumDatasetMaker(selection=["exposure", "edisp"]).run(empty(circle()), hess[i]), hess[i]).mask_safe for i in (0, 3)]
    assert [int(np.argmax(m.data)) for m in masks] == first


def test_masks_of_one_method_are_maps(run, reduced):
    maker = SafeMaskMaker(bias_percent=20)
    for mask in (maker.make_mask_energy_aeff_max(reduced), maker.make_mask_energy_edisp_bias(reduced), maker.make_mask_energy_bkg_peak(reduced), maker.make_mask_energy_aeff_default(reduced, run)):
        assert mask.geom is reduced.geom and 0 < mask.data.sum() < 27


def test_offset_max(run, reduced):
    offset = on_offset(run, circle())
    for limit, kept in ((offset - .01, False), (offset + .01, True), (3, True)):
        assert (SafeMaskMaker(["offset-max"], offset_max=limit*u.deg).run(reduced, run).arrays.mask_safe
                == (reduced.arrays.mask_safe & (reduced.arrays.background > 0) & kept)).all()


def test_masks_are_combined_and_never_widened(run, reduced):
    single = [SafeMaskMaker([m]).run(reduced, run).arrays.mask_safe for m in METHODS]
    assert_array_equal(SafeMaskMaker(METHODS).run(reduced, run).arrays.mask_safe, np.all(single, axis=0))
    strict = SafeMaskMaker(["aeff-max"], aeff_percent=50).run(reduced, run)
    assert_array_equal(SafeMaskMaker(["aeff-max"], aeff_percent=1).run(strict, run).arrays.mask_safe, strict.arrays.mask_safe)


def test_higher_percentage_means_higher_threshold(run, reduced):
    first = [SafeMaskMaker(["aeff-max"], aeff_percent=p).run(reduced).arrays.mask_safe.sum() for p in (1, 10, 50, 90)]
    assert sorted(first, reverse=True) == first and first[0] > first[-1]


def test_position_and_fixed_offset_agree(run, reduced):
    place = SkyCoord(83.63, run.pointing_deg[1] - .8, unit="deg")
    offset = place.separation(SkyCoord(*run.pointing_deg, unit="deg"))
    for methods in (["aeff-max"], ["edisp-bias"]):
        a, b = (SafeMaskMaker(methods, **kw).run(reduced, run).arrays.mask_safe for kw in ({"position": place}, {"fixed_offset": offset}))
        assert_array_equal(a, b)


def test_bkg_peak_of_off_counts(run, reduced):
    on_off = ReflectedRegionsBackgroundMaker().run(reduced, run)
    s = on_off.arrays
    expected = np.arange(27) >= np.argmax(s.alpha * (s.n_on + s.n_off) / (1 + s.alpha))
    assert_array_equal(SafeMaskMaker(["bkg-peak"]).run(on_off).arrays.mask_safe, expected)


def test_bins_without_expected_background_are_unsafe(reduced):
    hole = reduced.fill(background=np.where(np.arange(27) == 12, np.nan, 1.))
    assert_array_equal(np.flatnonzero(~SafeMaskMaker(["aeff-max"], aeff_percent=0).run(hole).arrays.mask_safe[9:]), [3])


def test_wrong_settings_of_the_safe_mask_maker(run, reduced):
    for settings, message in [({"methods": ["aeff"]}, "methods: expected some of .* found 'aeff'"), ({"irfs": "DL2"}, "irfs: expected"),
                              ({"bias_percent": -1}, "bias_percent: expected a number >= 0"), ({"position": CRAB, "fixed_offset": 1*u.deg}, "exclude each other")]:
        with pytest.raises(ValueError, match=message): SafeMaskMaker(**settings)
    with pytest.raises(TypeError, match="offset_max: expected a unit that converts to deg"): SafeMaskMaker(["offset-max"], offset_max=3)
    with pytest.raises(ValueError, match="method aeff-default needs the observation"): SafeMaskMaker().run(reduced)
    with pytest.warns(SpecnbWarning, match="neither LO_THRES nor HI_THRES"):
        SafeMaskMaker().run(reduced, Changed(run, aeff=type(run.aeff)(run.aeff.axes, run.aeff.data)))


WRONG = {"safe methods": (SafeMaskMaker, {"methods": 3}, TypeError, "methods: expected a list of names"), "percent": (SafeMaskMaker, {"aeff_percent": -5}, ValueError, "aeff_percent: expected"),
         "percent nan": (SafeMaskMaker, {"aeff_percent": np.nan}, ValueError, "aeff_percent: expected"), "percent text": (SafeMaskMaker, {"bias_percent": "10"}, TypeError, "bias_percent: expected a number"),
         "offset without unit": (SafeMaskMaker, {"fixed_offset": 1}, TypeError, "fixed_offset: expected a unit"), "offset below 0": (SafeMaskMaker, {"offset_max": -1*u.deg}, ValueError, "offset_max .deg.: expected"),
         "no position": (SafeMaskMaker, {"position": (83, 22)}, TypeError, "position: expected a SkyCoord"), "selection": (SpectrumDatasetMaker, {"selection": 7}, TypeError, "selection: expected a list"),
         "flag": (SpectrumDatasetMaker, {"containment_correction": "yes"}, TypeError, "containment_correction: expected True or False"),
         "oversampling": (SpectrumDatasetMaker, {"background_oversampling": 0}, ValueError, "background_oversampling: expected"),
         "finder": (ReflectedRegionsBackgroundMaker, {"region_finder": "reflected"}, TypeError, "region_finder: expected a ReflectedRegionsFinder")}


@pytest.mark.parametrize("case", WRONG.values(), ids=list(WRONG))
def test_wrong_settings_of_makers_are_named(case):
    maker, settings, kind, message = case
    with pytest.raises(kind, match=message): maker(**settings)


@pytest.mark.parametrize("maker", [SpectrumDatasetMaker(), ReflectedRegionsBackgroundMaker(), SafeMaskMaker("aeff-max")])
def test_makers_name_what_is_no_dataset_and_no_run(run, reduced, maker):
    with pytest.raises(TypeError, match="dataset: expected a SpectrumDataset, found Observation"): maker.run(run, reduced)
    with pytest.raises(TypeError, match="observation: expected an Observation, found int"): maker.run(reduced, 23523)


def test_a_selection_may_be_one_name(run):
    found = SpectrumDatasetMaker(selection="exposure").run(empty(circle()), run)
    assert found.arrays.exposure.any() and not found.arrays.n_on.any()


def test_an_area_above_the_limit_from_the_first_bin_on_cuts_nothing(run):
    "True energies from 0.8 TeV, where the area is 40 % of its maximum; the bins below the centre of the first one were cut."
    reco, true = (MapAxis.from_energy_bounds("0.8 TeV", "40 TeV", n, per_decade=True, name=name) for n, name in ((10, "energy"), (5, "energy_true")))
    geom = RegionGeom.create(circle().region, axes=[reco])
    whole = SpectrumDatasetMaker(selection=["counts", "exposure", "edisp"]).run(SpectrumDataset.create(geom, true), run)
    area = whole.arrays.exposure
    assert (area > .1 * area.max()).all() and aeff_max_threshold(true.edges_value, area, 10) == 0
    safe = SafeMaskMaker("aeff-max").run(whole, run).arrays
    assert safe.mask_safe.all() and safe.n_on[safe.mask_safe].sum() == whole.arrays.n_on.sum() > 0


def test_a_bias_that_is_never_or_always_too_large():
    e = np.geomspace(.1, 10, 21)
    assert edisp_bias_threshold(e, e, np.eye(20), 10) == 0
    assert edisp_bias_threshold(e, e * 1.5, np.eye(20), 10) == np.inf


def test_no_safe_bin_is_told(run, reduced):
    with pytest.warns(SpecnbWarning, match="ON region is 0.* deg from the pointing, offset_max is 0.1 deg, no bin is safe"):
        assert not SafeMaskMaker("offset-max", offset_max="0.1 deg").run(reduced, run).arrays.mask_safe.any()
    with pytest.warns(SpecnbWarning, match="no background at any energy, no bin is safe"):
        SafeMaskMaker("bkg-peak").run(reduced.fill(background=np.zeros(27)))


@pytest.mark.parametrize("low, message", [("0.5 TeV", None), ("500 GeV", None), ("half", "keyword LO_THRES is 'half'"), (-1, "LO_THRES, HI_THRES are -1"), (np.nan, "LO_THRES, HI_THRES are nan")])
def test_thresholds_of_the_area_are_numbers_or_texts_with_a_unit(run, reduced, low, message):
    other = Changed(run, aeff=type(run.aeff)(run.aeff.axes, run.aeff.data, meta={"LO_THRES": low, "HI_THRES": 30}, label="a.fits[AEFF]"))
    if message:
        with pytest.raises(DataError, match=rf"a.fits\[AEFF\]: .*{message}"): SafeMaskMaker().run(reduced, other)
    else:
        safe = AXIS.edges_value[:-1][SafeMaskMaker().run(reduced, other).arrays.mask_safe]
        assert .5 <= safe[0] < .65 and safe[-1] < 30


def test_a_threshold_of_32_bits_does_not_cost_the_bin_it_names(run, reduced):
    low = float(np.float32(AXIS.edges_value[10]) * (1 + 1e-7))
    other = Changed(run, aeff=type(run.aeff)(run.aeff.axes, run.aeff.data, meta={"LO_THRES": low}))
    assert SafeMaskMaker().run(reduced, other).arrays.mask_safe.argmax() == 10


def test_a_method_that_is_entered_in_the_table_is_known_to_the_maker(monkeypatch):
    from types import SimpleNamespace
    from specnb.makers import safe_masks
    monkeypatch.setattr(safe_masks, "SAFE_MASK_METHODS", dict(safe_masks.SAFE_MASK_METHODS))
    @safe_masks.safe_mask_method("first-bin")
    def first_bin(settings, dataset, observation=None): return np.arange(3) == 0
    arrays = SimpleNamespace(mask_safe=np.ones(3, bool), background=None, n_reco=3)
    dataset = SimpleNamespace(arrays=arrays, fill=lambda mask_safe: mask_safe)
    assert SafeMaskMaker("first-bin").run(dataset).tolist() == [True, False, False]
    with pytest.raises(ValueError, match="offset-max, first-bin, found 'last-bin'"): SafeMaskMaker(["last-bin"])
