"Where the background is measured: homogeneity of OFF regions, and OFF events from elsewhere than reflected regions."
import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from dataclasses import replace
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import kstest
from specnb import (Datasets, MapAxis, ReflectedRegionsBackgroundMaker, RegionGeom, SpectrumDataset, SpectrumDatasetMaker, demo_dir, DataStore,
                    dispersion, dispersion_p_value, off_homogeneity, region_p_value)

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
