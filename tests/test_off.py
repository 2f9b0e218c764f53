"Where the background is measured: homogeneity of OFF regions, and OFF events from elsewhere than reflected regions."
import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from dataclasses import replace
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import kstest
from specnb import (Datasets, MapAxis, ReflectedRegionsBackgroundMaker, RegionGeom, SpectrumDataset, SpectrumDatasetMaker, demo_dir, DataStore,
                    containment_per_bin, dispersion, dispersion_p_value, off_homogeneity, region_contains, region_p_value)
from specnb.base.sphere import separation
from specnb.data.edisp import bin_centers
from specnb.regions.shapes import region_grid

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
