"""Events kept with the spectra, and flux points that end where they were asked to."""
import pickle
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from specnb import (Datasets, MapAxis, ReflectedRegionsBackgroundMaker, RegionGeom, SafeMaskMaker, SpectrumDataset,
                    SpectrumDatasetMaker, SpectrumDatasetOnOff, counts_per_bin)
from specnb.data.store import example_observations

AXIS = MapAxis.from_energy_bounds(.1, 40, nbin=10, per_decade=True, unit="TeV", name="energy")
TRUE = MapAxis.from_energy_bounds(.05, 100, nbin=20, per_decade=True, unit="TeV", name="energy_true")
GEOM = RegionGeom.create("icrs;circle(83.63, 22.01, 0.11)", axes=[AXIS])


def reduce(axis=AXIS):
    "The four simulated runs."
    geom = RegionGeom.create(GEOM.region, axes=[axis])
    datasets = Datasets()
    for run in example_observations():
        d = SpectrumDataset.create(geom, energy_axis_true=TRUE, name=str(run.obs_id))
        for maker in SpectrumDatasetMaker(), ReflectedRegionsBackgroundMaker(), SafeMaskMaker(["aeff-max"]):
            d = maker.run(d, run)
        datasets.append(d)
    return datasets


@pytest.fixture(scope="module")
def runs(): return reduce()


def counts(events, edges): return [counts_per_bin(e, edges).tolist() for e in (events.e_on, events.e_off)]


def test_a_reduced_run_keeps_the_events_that_were_counted(runs):
    for d in runs:
        assert counts(d.selected_events, AXIS.edges_value) == [d.arrays.n_on.tolist(), d.arrays.n_off.tolist()]
        assert set(d.selected_events.off_region) <= set(range(d.off_regions.n))
        start, stop = d.gti.start_s[0], d.gti.stop_s[-1]
        assert all(start <= t.min() and t.max() <= stop for t in (d.selected_events.t_on, d.selected_events.t_off))


def test_the_kept_response_gives_the_matrix_on_any_edges(runs):
    d, run = runs[0], example_observations()[0]
    wanted = np.array([.3, .77, 1.05, 4.4, 12.])
    below = d.selected_events.probability_below(TRUE.edges_value, wanted)
    assert_allclose(np.diff(below), run.edisp.kernel(d.off_regions.offset_deg, TRUE.edges_value, wanted), atol=2e-7)


def test_events_survive_copies_slices_stacks_and_pickling(runs):
    d = runs[0]
    again = pickle.loads(pickle.dumps(d))
    assert_array_equal(again.selected_events.e_off, d.selected_events.e_off)
    assert d.copy().selected_events is d.slice_by_energy("1 TeV", "10 TeV").selected_events is d.selected_events
    stacked = runs.stack_reduce()
    assert counts(stacked.selected_events, AXIS.edges_value) == [stacked.arrays.n_on.tolist(), stacked.arrays.n_off.tolist()]
    part = stacked.slice_by_energy("1 TeV", "10 TeV")
    assert counts(part.selected_events, part.arrays.e_reco_edges) == [part.arrays.n_on.tolist(), part.arrays.n_off.tolist()]


def test_events_go_when_the_counts_are_others(runs, tmp_path):
    d = runs[0].copy()
    d.counts = d.arrays.n_on + 1
    assert d.selected_events is None
    assert Datasets([d, runs[1]]).stack_reduce().selected_events is None
    runs[0].write(tmp_path / "run.fits")
    assert SpectrumDatasetOnOff.read(tmp_path / "run.fits").selected_events is None


def test_a_maker_that_counts_in_its_own_way_keeps_no_events():
    class Twice(SpectrumDatasetMaker):
        def make_counts(self, *args): return 2 * super().make_counts(*args)
    d = Twice().run(SpectrumDataset.create(GEOM, energy_axis_true=TRUE), example_observations()[0])
    assert d.selected_events is None and d.arrays.n_on.sum() == 530
