"Statistics of flux points: profiles, distributions with limits, light curves with models that change in time."
import matplotlib.pyplot as plt
import numpy as np
import pytest
import astropy.units as u
from astropy.time import Time
from numpy.testing import assert_allclose
from scipy.special import log_ndtr
from specnb import (Datasets, ExpDecayTemporalModel, Fit, FluxPoints, FluxPointsDataset, FluxPointsEstimator, GaussianPrior, GTI, PowerLawSpectralModel,
                    SkyModel, TimeMapAxis, plot_npred_signal)
from specnb.simulate.example import example_datasets

AMPLITUDE = "1e-11 cm-2 s-1 TeV-1"


@pytest.fixture(scope="module")
def scanned():
    "Counts of two runs, and their flux points with profiles, a band for each pair of bins."
    runs = example_datasets()
    Fit().run(runs)
    edges = runs[0].arrays.e_reco_edges
    bands = edges[(edges > .76) & (edges < 50.1)][::2]*u.TeV
    for run in runs:
        run.mask_fit = (edges[:-1] >= bands[0].value*.999) & (edges[1:] <= bands[-1].value*1.001)
    Fit().run(runs)
    return runs, FluxPointsEstimator(bands, "source", selection_optional="all", snap=True).run(runs)


def points(**columns):
    n = len(columns["norm"])
    energy = np.geomspace(1, 8, n)
    return FluxPoints({"e_ref": energy, "e_min": energy/1.3, "e_max": energy*1.3, **{k: np.asarray(v) for k, v in columns.items()}},
                      PowerLawSpectralModel(amplitude=AMPLITUDE))


def test_profiles_say_what_the_counts_say(scanned):
    runs, found = scanned
    model, counts = runs.models[0].copy(name="points"), runs.models[0].parameters.free_parameters
    dataset = FluxPointsDataset(model, found, stat_type="profile")
    assert Fit().run(dataset).success and dataset.mask_valid.all() and found.is_ul.any()
    for p, q in zip(model.parameters.free_parameters, counts):
        assert_allclose(p.value, q.value, atol=.15*q.error)
        assert_allclose(p.error, q.error, rtol=.15)


@pytest.mark.parametrize("stat_kwargs", [None, {"interp_scale": "lin"}])
def test_a_profile_is_followed_between_its_points(scanned, stat_kwargs):
    found = scanned[1]
    model = SkyModel(found.reference_spectral_model.copy())
    dataset = FluxPointsDataset(model, found, stat_type="profile", stat_kwargs=stat_kwargs)
    amplitude, start = model.spectral_model.amplitude, model.spectral_model.amplitude.value
    for k, norm in enumerate(found.norm_scan[0]):
        amplitude.value = start*norm
        inside = norm >= 0
        assert_allclose(dataset.stat_array()[inside], (found.stat_scan[:, k] - found.stat)[inside], rtol=1e-6, atol=1e-6)
    assert_allclose(dataset.stat_sum(), np.sum(dataset.stat_array()))
    with pytest.raises(ValueError, match="outside the scanned norms"):
        amplitude.value = start*1e3
        FluxPointsDataset(model, found, stat_type="profile", stat_kwargs={"extrapolate": False}).stat_sum()


def test_distributions_take_the_error_of_the_side_and_limits():
    found = points(norm=[1, 1, .2], norm_errn=[.1, .1, .3], norm_errp=[.2, .2, .4], norm_ul=[9, 9, 1.], is_ul=[False, False, True])
    model = SkyModel(PowerLawSpectralModel(amplitude=AMPLITUDE))
    dataset = FluxPointsDataset(model, found, stat_type="distrib")
    for norm, side in ((.8, .1), (1.5, .2)):
        model.spectral_model.amplitude.value = 1e-11*norm
        limit = 2*(log_ndtr(1/.4) - log_ndtr((1 - norm)/.4))
        assert_allclose(dataset.stat_array(), [((norm - 1)/side)**2]*2 + [limit])
    assert dataset.fill(stat_type="chi2").mask_valid.sum() == 2 and dataset.mask_valid.sum() == 3


def test_limits_without_errors_take_the_error_from_the_limit():
    found = points(norm=[1, np.nan], norm_err=[.1, np.nan], norm_ul=[np.nan, .5], is_ul=[False, True])
    model = SkyModel(PowerLawSpectralModel(amplitude="1.5e-11 cm-2 s-1 TeV-1"))
    stat = FluxPointsDataset(model, found, stat_type="distrib").stat_array()
    assert_allclose(stat, [25, 2*(log_ndtr(2) - log_ndtr(-4))])


def test_several_statistics_counts_and_priors_in_one_fit(scanned):
    runs, found = scanned
    model = runs.models[0].copy(name="joint")
    parts = [FluxPointsDataset(data=found, name=s, stat_type=s) for s in ("chi2", "distrib", "profile")]
    both = Datasets([runs[0].copy("run"), *parts])
    both.models = [model]
    assert Fit().run(both).success
    assert_allclose(both.stat_sum(), sum(d.stat_sum() for d in both))
    free = model.spectral_model.index.value
    model.spectral_model.index.prior = GaussianPrior(mu=free + 1, sigma=1e-3)
    assert Fit().run(both).success
    assert_allclose(model.spectral_model.index.value, free + 1, atol=.02)


@pytest.mark.parametrize("kwargs, message", [({"stat_type": "cash"}, "'profile'"), ({"stat_type": "profile"}, "likelihood profiles"),
                                             ({"stat_kwargs": {"kind": 1}}, "stat_kwargs"), ({"stat_kwargs": {"interp_scale": "log"}}, "interp_scale")])
def test_statistics_that_cannot_be_are_refused(kwargs, message):
    with pytest.raises(ValueError, match=message):
        FluxPointsDataset(data=points(norm=[1, 1], norm_err=[.1, .1]), **kwargs)


def light_curve(n=8):
    start = Time("2020-01-01") + np.arange(n)*2*u.h
    decay = ExpDecayTemporalModel(t0="6 h", t_ref=Time("2020-01-01").mjd*u.d)
    model = SkyModel(PowerLawSpectralModel(index=2, amplitude=AMPLITUDE), temporal_model=decay)
    mean = 6*(np.exp(-np.arange(n)*2/6) - np.exp(-(np.arange(n)*2 + 1)/6))
    error = .1*np.sqrt(mean)[:, None]*[1, 2]
    norm = mean[:, None] + error*np.random.default_rng(0).normal(size=(n, 2))
    data = {"e_ref": np.array([1., 3]), "e_min": np.array([.7, 2]), "e_max": np.array([2, 5.]), "norm": norm, "norm_err": error}
    axis = TimeMapAxis.from_time_edges(start, start + 1*u.h)
    return FluxPoints(data, PowerLawSpectralModel(amplitude=AMPLITUDE), time_axis=axis), model, mean


def test_a_model_that_decays_is_averaged_over_each_interval_of_a_light_curve(tmp_path):
    curve, model, mean = light_curve()
    dataset = FluxPointsDataset(model, curve, name="flare")
    assert_allclose(dataset.flux_pred().value, 1e-11*mean[:, None]/np.array([1, 9]), rtol=1e-8)
    assert dataset.mask_valid.shape == dataset.stat_array().shape == dataset.residuals().shape == (8, 2)
    expected = ((curve.norm - mean[:, None])/curve.norm_err)**2
    assert_allclose(dataset.stat_array(), expected, rtol=1e-6)
    dataset.mask_fit = np.arange(16).reshape(8, 2) > 5
    assert_allclose(dataset.stat_sum(), expected[3:].sum(), rtol=1e-6)
    dataset.write(tmp_path/"curve.fits")
    again = FluxPointsDataset.read(tmp_path/"curve.fits", name="flare")
    again.models = [model]
    assert_allclose(again.stat_sum(), dataset.stat_sum(), rtol=1e-6)
    dataset.plot_spectrum(axis_name="time")
    for draw in (dataset.plot_fit, dataset.plot_residuals, dataset.plot_spectrum):
        with pytest.raises(ValueError, match="a light curve of 8 intervals"):
            draw()


def test_a_fit_to_a_light_curve_finds_the_decay_time():
    curve, model, _ = light_curve()
    model.temporal_model.t0.quantity, model.spectral_model.index.value = "3 h", 2.5
    dataset = FluxPointsDataset(model, curve)
    assert Fit().run(dataset).success
    t0, index = model.temporal_model.t0, model.spectral_model.index
    assert abs(t0.value - 6) < 3*t0.error < 1.5 and abs(index.value - 2) < 3*index.error
    best = dataset.stat_sum()
    t0.value += t0.error
    assert best < dataset.stat_sum() and Fit().run(dataset).success
    assert_allclose(dataset.stat_sum(), best, atol=1e-3)


def test_a_model_that_decays_is_averaged_over_the_good_time_of_points():
    curve, model, mean = light_curve(2)
    single = curve.slice_by_idx({"time": 0})
    single.gti = GTI.create([0, 2]*u.h, [1, 3]*u.h, reference_time=Time("2020-01-01"))
    assert_allclose(FluxPointsDataset(model, single).flux_pred().value, 1e-11*mean.mean()/np.array([1, 9]), rtol=1e-6)
    single.gti = None
    with pytest.raises(ValueError, match="no gti"):
        FluxPointsDataset(model, single).flux_pred()


def test_predicted_counts_of_each_source_are_drawn(scanned):
    run = scanned[0][0]
    ax = plot_npred_signal(run, ax=plt.figure().subplots())
    drawn = {patch.get_label(): patch.get_data().values for patch in ax.patches}
    assert_allclose(drawn["source"], run.npred_signal().data.ravel())
    assert_allclose(drawn["background"], run.npred_background().data.ravel())
    with pytest.raises(ValueError, match="no models"):
        plot_npred_signal(run.copy("bare"))
