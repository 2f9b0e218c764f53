"Bands that follow the data: edges by counts, excess and significance, among those of the bins and between events."
import warnings
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from regions import CircleSkyRegion
import astropy.units as u
from specnb import (DataStore, Datasets, FluxPointsEstimator, MapAxis, PowerLawSpectralModel, ReflectedRegionsBackgroundMaker, RegionGeom, SafeMaskMaker,
                    SkyModel, SpecnbWarning, SpectrumDataset, SpectrumDatasetMaker, WStatCountsStatistic, demo_dir, event_energy_edges,
                    resample_energy_edges)


@pytest.fixture(scope="module")
def stacked():
    axis = MapAxis.from_energy_bounds("0.1 TeV", "40 TeV", nbin=10, per_decade=True, name="energy")
    true = MapAxis.from_energy_bounds("0.05 TeV", "100 TeV", nbin=10, per_decade=True, name="energy_true")
    region = CircleSkyRegion(SkyCoord(83.63, 22.01, unit="deg"), .11*u.deg)
    empty, datasets = SpectrumDataset.create(RegionGeom.create(region, axes=[axis]), true), Datasets()
    for observation in DataStore.from_dir(demo_dir()).get_observations([1001, 1002]):
        dataset = empty.copy(name=str(observation.obs_id))
        for maker in (SpectrumDatasetMaker(), ReflectedRegionsBackgroundMaker(), SafeMaskMaker(methods=["aeff-max"])):
            dataset = maker.run(dataset, observation)
        datasets.append(dataset)
    stacked = datasets.stack_reduce(name="stacked")
    stacked.models = SkyModel(PowerLawSpectralModel(index=2.5, amplitude="3e-11 cm-2 s-1 TeV-1"), name="source")
    return stacked


def bands(dataset, edges):
    "Counts, background and OFF counts between edges that are edges of bins."
    a = dataset.arrays
    k = np.searchsorted(np.asarray(edges.to_value("TeV"))*(1 + 1e-9), a.e_reco_edges[1:]) - 1
    use = a.mask & (k >= 0)
    return [np.bincount(k[use], v[use]) for v in (a.n_on, a.n_bkg, a.n_off)]


@pytest.mark.parametrize("name, least", [("counts_min", 20), ("excess_min", 25.), ("background_min", 2), ("sqrt_ts_min", 6), ("npred_signal_min", 15)])
def test_every_band_fulfils_the_condition_and_none_could_be_narrower(stacked, name, least):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        edges = resample_energy_edges(stacked, conditions={name: least})

    def values(e):
        on, bkg, off = bands(stacked, e)
        if name == "npred_signal_min":
            return [stacked.npred_signal().data.ravel()[stacked.arrays.mask & (stacked.arrays.e_reco_edges[1:] > lo*1.001)
                                                        & (stacked.arrays.e_reco_edges[1:] < hi*1.001)].sum() for lo, hi in zip(e[:-1].value, e[1:].value)]
        alpha = np.divide(bkg, off, out=np.full(len(off), stacked.arrays.alpha[stacked.arrays.mask].mean()), where=off > 0)
        return {"counts_min": on, "excess_min": on - bkg, "background_min": bkg, "sqrt_ts_min": WStatCountsStatistic(on, off, alpha).sqrt_ts}[name]
    assert np.all(np.asarray(values(edges)) >= least*(1 - 1e-3))
    bins = stacked.arrays.e_reco_edges
    for low, high in zip(edges[1:-1], edges[2:]):  # the lowest band may hold a remainder
        narrower = bins[np.searchsorted(bins, low.value*1.001)]*u.TeV
        if narrower < high*.999:
            assert values(u.Quantity([narrower, high]))[0] < least


def test_without_conditions_all_edges_of_the_masks_stay(stacked):
    kept = stacked.arrays.e_reco_edges[np.append(stacked.arrays.mask, True)]
    np.testing.assert_allclose(resample_energy_edges(stacked).value, kept)


def test_a_remainder_is_joined_to_the_lowest_band_and_told(stacked):
    half = int(stacked.arrays.n_on[stacked.arrays.mask].sum()*.7)
    with pytest.warns(SpecnbWarning, match="what is left between .* is joined to the lowest band"):
        edges = resample_energy_edges(stacked, {"counts_min": half})
    assert len(edges) == 2 and bands(stacked, edges)[0] == stacked.arrays.n_on[stacked.arrays.mask].sum()


@pytest.mark.parametrize("conditions, message", [({"counts_min": 1e6}, "no band fulfils"), ({"counts": 3}, "'counts_min'")])
def test_conditions_that_cannot_be_are_refused(stacked, conditions, message):
    with pytest.raises(ValueError, match=message):
        resample_energy_edges(stacked, conditions)


def test_edges_between_events_hold_just_as_many_as_asked(stacked):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        edges = event_energy_edges(stacked, {"counts_min": 30})
        points = FluxPointsEstimator(edges, "source").run(stacked)
    np.testing.assert_array_equal(points.data["counts"][1:, 0], 30)
    np.testing.assert_allclose(points.energy_min, edges[:-1])
    for equal in ("sqrt_ts", "excess"):
        points = FluxPointsEstimator(event_energy_edges(stacked, n_bins=6, equal=equal), "source").run(stacked)
        assert len(points) == 6
        if equal == "sqrt_ts":
            np.testing.assert_allclose(points.sqrt_ts[1:]/points.sqrt_ts[1:].mean(), 1, atol=.05)


def test_edges_between_events_need_events(stacked):
    bare = stacked.fill(n_on=stacked.arrays.n_on + 1)
    with pytest.raises(ValueError, match="keeps no ON and OFF events"):
        event_energy_edges(bare, {"counts_min": 30})
