"Unfolded spectra: limits that are known, covariance against toys, bias and coverage for a wrong reference, and what a user may pass."
import warnings
import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import ndtr
import astropy.units as u
from numpy.testing import assert_allclose as close
from specnb import (Datasets, Fit, FluxPointsEstimator, LogParabolaSpectralModel, MapAxis, PowerLawSpectralModel, RegionGeom, SkyModel, SpecnbWarning,
                    SpectrumDataset, SpectrumDatasetOnOff, UnfoldedSpectrum, unfold, wstat)
from specnb.fit.problem import FitProblem
from specnb.flux_points.regularised import (LinearPrediction, bayes_steps, choose_penalty, choose_step, global_correlations, roughness, solve_penalised,
                                            strengths)
from specnb.flux_points.unfolding import _band_centers, _linear_pairs, _toy_pairs
from specnb.makers.arrays import SpectrumArrays
from specnb.models.integrals import EnergyNodes
from specnb.stats.stats import CashTerm, WStatTerm

EDGES = np.geomspace(.6, 20, 10)*u.TeV
TRUTH = dict(amplitude="3e-11 cm-2 s-1 TeV-1", reference="10 TeV", alpha=2.2, beta=.2)


def made(rng=None, n_reco=30, exposure=3e8, background=200., alpha=.1, sharp=False, name="made", on_off=True, model=None):
    "A spectrum of a log parabola in 0.5 to 20 TeV: expected counts, or drawn ones."
    e_reco = np.geomspace(.5, 20, n_reco + 1)
    e_true = e_reco if sharp else np.geomspace(.25, 40, 67)
    center = np.sqrt(e_true[1:]*e_true[:-1])
    edisp = np.eye(n_reco) if sharp else np.diff(ndtr(np.log(e_reco/center[:, None])/.15), axis=1)
    truth = model or LogParabolaSpectralModel(**TRUTH)
    area = np.full(len(center), exposure)
    signal = 1e4*(truth.bin_flux(EnergyNodes(e_true), truth.parameters.internal_values)*area) @ edisp
    off = background*(e_reco[:-1]/e_reco[0])**-1.5
    n_on, n_off = signal + alpha*off, off
    if rng is not None:
        n_on, n_off = rng.poisson(n_on), rng.poisson(n_off)
    common = dict(exposure=area, edisp=edisp)
    geom = RegionGeom.create(None, axes=[MapAxis.from_energy_edges(e_reco, "TeV", name="energy")])
    if not on_off:
        return SpectrumDataset.from_arrays(SpectrumArrays(e_reco, e_true, n_on=n_on, background=alpha*off, **common), geom, name=name)
    arrays = SpectrumArrays(e_reco, e_true, n_on=n_on, n_off=n_off, acceptance=np.full(n_reco, alpha), acceptance_off=np.ones(n_reco), **common)
    return SpectrumDatasetOnOff.from_arrays(arrays, geom, name=name)


def with_model(*datasets):
    datasets = Datasets(datasets)
    datasets.models = [SkyModel(PowerLawSpectralModel(index=2.5, amplitude="3e-11 cm-2 s-1 TeV-1"), name="source")]
    return datasets


def true_norms(result, edges=EDGES):
    truth = LogParabolaSpectralModel(**TRUTH).integral(edges[:-1], edges[1:])
    return (truth/result.reference_model.spectral_model.integral(edges[:-1], edges[1:])).to_value("")


@pytest.fixture(scope="module")
def datasets():
    rng = np.random.default_rng(1)
    return with_model(made(rng, name="a"), made(rng, name="b", exposure=2e8))


def test_without_smearing_and_penalty_it_is_the_flux_points():
    data = with_model(made(np.random.default_rng(2), sharp=True))
    Fit().run(data)
    edges = data[0].arrays.e_reco_edges[2:28:3]*u.TeV
    points, found = FluxPointsEstimator(edges, selection_optional=None).run(data), unfold(data, edges, strength=0)
    close(found.dnde.value, points.dnde.value, rtol=1e-5)
    close(found.dnde_err.value, points.dnde_err.value, rtol=.05)
    close(found.correlation, np.eye(8), atol=1e-6)
    one = data[0].arrays.e_reco_edges[2:9]*u.TeV # one bin in each band: expected and observed errors are the same
    points, found = FluxPointsEstimator(one, selection_optional=None).run(data), unfold(data, one, strength=0)
    close(found.dnde_err.value, points.dnde_err.value, rtol=1e-5)


@pytest.mark.parametrize("strength", [0, .5])
def test_norms_minimise_statistic_and_penalty(strength):
    "Against a general minimiser on the formulas themselves."
    rng = np.random.default_rng(3)
    x = np.cumsum(rng.uniform(.3, .6, 5))
    matrix = 40*np.exp(-(np.arange(5)[:, None] - np.linspace(0, 4, 15))**2)
    n_off = rng.poisson(30., 15).astype(float)
    n_on = rng.poisson(matrix.sum(0) + 6)

    def total(norm):
        second = [2*((norm[k + 2] - norm[k + 1])/(x[k + 2] - x[k + 1]) - (norm[k + 1] - norm[k])/(x[k + 1] - x[k]))/(x[k + 2] - x[k]) for k in range(3)]
        width = (x[2:] - x[:-2])/2
        return wstat(n_on, n_off, .2, norm @ matrix + 1.).sum() + strength*np.sum(width*np.square(second))
    found = solve_penalised([(LinearPrediction(matrix, 1.), WStatTerm(n_on, n_off, np.full(15, .2)))], roughness(x), strength, np.ones((1, 5)))
    best = minimize(total, found.theta[0], method="Nelder-Mead", options={"xatol": 1e-7, "fatol": 1e-10, "maxfev": 4000})
    assert total(found.theta[0]) <= best.fun + 1e-7
    close(found.theta[0], best.x, atol=2e-3)


def test_bayes_steps_are_those_of_dagostini_and_richardson_lucy():
    "With a known background of zero: nu_j <- nu_j sum_k R_jk n_k / mu_k / eps_j."
    rng = np.random.default_rng(4)
    matrix, n = rng.uniform(0, 5, (4, 9)), rng.poisson(20., 9).astype(float)
    norm = np.ones(4)
    for step, _ in bayes_steps([(LinearPrediction(matrix), CashTerm(n, np.zeros(9)))], np.ones((1, 4)), 6):
        norm = norm*(matrix @ (n/(norm @ matrix)))/matrix.sum(1)
        close(step[0], norm, rtol=1e-12)


def test_jacobian_of_the_bayes_steps_is_the_derivative_with_respect_to_counts():
    rng = np.random.default_rng(5)
    matrix, background = rng.uniform(0, 30, (4, 9)), rng.uniform(5, 10, 9)
    expected = matrix.sum(0) + background  # the start is the truth, so each step stays there, and its derivative is exact
    def last(n):
        for step, jacobian in bayes_steps([(LinearPrediction(matrix), CashTerm(n, background))], np.ones((1, 4)), 5):
            pass
        return step[0], jacobian[0]
    numeric = np.stack([(last(expected + h)[0] - last(expected - h)[0])/2e-3 for h in np.eye(9)*1e-3*np.sqrt(expected)], 1)
    close(last(expected)[1], numeric, rtol=1e-4, atol=1e-7)


def test_global_correlation_is_the_multiple_correlation():
    rng = np.random.default_rng(6)
    root = rng.normal(size=(5, 5))
    matrix = root @ root.T
    others = matrix[0, 1:] @ np.linalg.solve(matrix[1:, 1:], matrix[1:, 0])/matrix[0, 0]
    close(global_correlations(matrix)[0], np.sqrt(others), rtol=1e-9)


@pytest.mark.parametrize("method", ["tikhonov", "bayes"])
def test_expected_counts_of_a_curved_spectrum_come_back_with_a_wrong_reference(method):
    "The reference is a power law of index 1.5; the truth is curved by beta = 0.2."
    found = unfold(with_model(made()), EDGES, method=method, reference=PowerLawSpectralModel(index=1.5))
    deviation = found.norm - true_norms(found)
    assert np.abs(deviation/found.norm_err).max() < .5
    close(found.norm, true_norms(found), rtol=.06)


def test_toys_of_a_curved_spectrum_bias_scatter_and_coverage():
    "100 sets of counts of the curved spectrum, by both methods with the default rule; the reference is a power law."
    data = with_model(made())
    expected = unfold(data, EDGES, strength=0)
    (prediction, term), = _linear_pairs(list(data), FitProblem(data).parts, data.models[0], expected.reference_model, EDGES.value)
    rng, truth = np.random.default_rng(7), true_norms(expected)
    n_off = rng.poisson(term.n_off, (100, 30)).astype(float)
    n_on = rng.poisson(term.n_on, (100, 30)).astype(float)
    pairs, start, inside = [(prediction, WStatTerm(n_on, n_off, .1))], np.ones((100, 11)), np.arange(1, 10)
    rows = roughness(_band_centers(EDGES.value))
    grid = strengths([(prediction, term)], rows, start[0], 12)
    for choice in (choose_penalty(pairs, rows, start, grid, ["correlation"], inside), choose_step(pairs, start, 10, ["correlation"], inside)):
        found = choice["correlation"].found
        error = np.sqrt(np.diagonal(found.covariance, axis1=1, axis2=2))[:, inside]
        pulls = (found.norm[:, inside] - truth)/error
        assert np.abs(pulls.mean(0)).max() < .25 + 3.5/np.sqrt(100)
        covered = (np.abs(pulls) < 1).mean()
        assert abs(covered - .683) < .02 + 3.5*.466/np.sqrt(100*6), covered # neighbours go together: about six independent bands
        close(np.std(found.norm[:, inside], axis=0)/error.mean(0), 1, atol=.3)


def test_covariance_is_the_scatter_of_toys_and_seed_repeats_them(datasets):
    found = unfold(datasets, EDGES, n_toys=60, random_state=3)
    close(np.sqrt(np.diag(found.toy_covariance))/found.norm_err, 1, atol=.3)
    close(np.diag(found.toy_covariance/np.sqrt(np.outer(*[np.diag(found.toy_covariance)]*2)), 1), np.diag(found.correlation, 1), atol=.35)
    assert np.abs(found.toy_bias/found.norm_err).max() < .15 + 3.5/np.sqrt(60)
    close(found.toy_coverage.mean(), .683, atol=.02 + 3.5*.466/np.sqrt(60*6))
    again = unfold(datasets, EDGES, n_toys=4, random_state=np.random.default_rng(3)), unfold(datasets, EDGES, n_toys=4, random_state=3)
    close(again[0].toys["norm"], again[1].toys["norm"], rtol=0)


def test_joint_runs_are_their_stack_when_the_responses_agree(datasets):
    same = [made(np.random.default_rng(k), name=f"run {k}") for k in (8, 9)]
    joint = unfold(with_model(*same), EDGES, strength=.1)
    stacked = unfold(with_model(Datasets(same).stack_reduce(name="stacked")), EDGES, strength=.1)
    assert np.all(np.abs(joint.norm - stacked.norm) < .25*stacked.norm_err)
    close(joint.norm_err, stacked.norm_err, rtol=.1)


def test_flux_points_table_and_covariance_hold_the_same_numbers(datasets):
    found = unfold(datasets, EDGES)
    points, table = found.to_flux_points(), found.to_table()
    close(points.dnde.value, found.dnde.value)
    close(points.dnde_err.value, np.sqrt(np.diag(found.covariance.value)))
    close(points.correlation, found.correlation)
    close(table["dnde"].value, found.dnde.value)
    close(found.dnde_bias.value/found.dnde.value, found.norm_bias/found.norm)
    assert table.meta["rule"] == "correlation" and list(table["status"]) == [""]*9
    close(found.kernel.sum(1), 1, atol=.2)
    assert "effective parameters" in repr(found) and "UnfoldedSpectrum" in found._repr_html_()
    assert str(found.covariance.unit.decompose()) == str((found.dnde.unit**2).decompose())


def test_more_strength_fewer_parameters_and_smaller_errors(datasets):
    results = [unfold(datasets, EDGES, strength=s) for s in (0, .1, 10, 1e4)]
    sizes = [r.n_effective for r in results]
    assert np.all(np.diff(sizes) < 0) and abs(sizes[0] - 11) < 1e-6 and sizes[-1] < 2.5
    assert np.all(results[2].norm_err < results[0].norm_err)
    steps = [unfold(datasets, EDGES, method="bayes", strength=k).n_effective for k in (1, 4, 20)]
    assert np.all(np.diff(steps) > 0)


def test_known_background_two_sources_frozen_parameters_and_a_masked_run(datasets):
    cash = unfold(with_model(made(np.random.default_rng(10), on_off=False)), EDGES, n_toys=3)
    assert np.isfinite(cash.norm).all() and np.isfinite(cash.norm_err).all() and cash.toys["norm"].shape == (3, 9)
    mixed = unfold(with_model(made(name="on-off"), made(on_off=False, name="known")), EDGES)
    close(mixed.norm, true_norms(mixed), rtol=.1)
    two = Datasets([d.fill() for d in datasets])
    other = PowerLawSpectralModel(amplitude="5e-12 cm-2 s-1 TeV-1", index=2.2)
    two.models = [datasets.models[0].copy(), SkyModel(other, name="other")]
    found = unfold(two, EDGES, source="source", strength=.1)
    total = unfold(datasets, EDGES, strength=.1)
    middle = np.sqrt(EDGES[1:]*EDGES[:-1])
    close((found.dnde + other(middle)).to_value("TeV-1 cm-2 s-1"), total.dnde.to_value("TeV-1 cm-2 s-1"), rtol=.15, atol=1e-14)
    assert two.models["other"].spectral_model.amplitude.value == 5e-12 and not two.models["source"].spectral_model.index.frozen
    masked = Datasets([datasets[0].fill(mask_fit=np.zeros(30, bool)), datasets[1].fill()])
    masked.models = datasets.models
    close(unfold(masked, EDGES, strength=.1).norm, unfold(with_model(datasets[1].fill()), EDGES, strength=.1).norm, rtol=1e-3)


def test_no_counts_no_signal_and_bands_without_exposure_have_a_status():
    empty = with_model(made().fill(n_on=np.zeros(30), n_off=np.zeros(30)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SpecnbWarning)
        found = unfold(empty, EDGES)
    assert np.all((found.norm == 0) | np.isnan(found.norm) | (found.norm < 1e-3)) and all(found.status)
    dark = with_model(made().fill(n_on=made().arrays.n_bkg))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SpecnbWarning)
        found = unfold(dark, EDGES)
    assert np.all(found.norm < 1e-3) and np.isfinite(found.norm_err).all()
    wide = unfold(with_model(made()), np.r_[.01, .02, EDGES.value]*u.TeV, strength=0)
    assert wide.status[0].startswith("no exposure") and np.isnan(wide.norm[0]) and np.isnan(wide.norm_covariance[0]).all()


def test_mistakes_are_named(datasets):
    bare = made()
    with pytest.raises(ValueError, match="no models"):
        unfold(bare, EDGES)
    with pytest.raises(ValueError, match="'tikhonov' or 'bayes'"):
        unfold(datasets, EDGES, method="svd")
    with pytest.raises(ValueError, match="'correlation', 'aic'"):
        unfold(datasets, EDGES, method="bayes", strength="evidence")
    with pytest.raises(ValueError, match="strength"):
        unfold(datasets, EDGES, strength=-1)
    with pytest.raises(ValueError, match="number of steps"):
        unfold(datasets, EDGES, method="bayes", strength=0)
    with pytest.raises(ValueError, match="energy_edges"):
        unfold(datasets, EDGES[::-1])
    with pytest.raises(TypeError, match="reference"):
        unfold(datasets, EDGES, reference=3)
    with pytest.raises(ValueError, match="masks exclude all"):
        unfold(with_model(bare.fill(mask_fit=np.zeros(30, bool))), EDGES, reference=PowerLawSpectralModel())
    with pytest.raises(ValueError, match="no toys"):
        unfold(datasets, EDGES, strength=1).toy_bias
    alone = unfold(bare, EDGES, reference=PowerLawSpectralModel(), n_toys=1)
    assert isinstance(alone, UnfoldedSpectrum) and np.isnan(alone.toy_covariance).all()
    close(alone.norm, true_norms(alone), rtol=.06)


def test_decoupled_statistic_removes_the_shift_of_w_for_sparse_off_counts():
    "200 sets of 30 signal counts over half an OFF count in each of 60 bins, alpha = 1: W loses a fifth and more of the flux, the decoupled statistic does not."
    truth = PowerLawSpectralModel(index=2.5, amplitude="3e-11 cm-2 s-1 TeV-1")
    data, shift = with_model(made(n_reco=60, exposure=5e7, background=3., alpha=1., model=truth)), {}
    edges = np.array([.5, 20])
    for name in ("wstat", "dwstat", "auto"):
        data.statistic = name
        pairs = _linear_pairs(list(data), FitProblem(data).parts, data.models[0], data.models[0], edges)
        (prediction, _), = pairs = [(LinearPrediction(p.matrix[1:2], p.matrix[[0, 2]].sum(0)), term) for p, term in pairs]
        toys = _toy_pairs(pairs, np.ones(1), 200, np.random.default_rng(12))
        shift[name] = solve_penalised(toys, roughness(np.zeros(1)), 0., np.ones((200, 1))).theta[:, 0]
    assert 20 < prediction.matrix.sum() < 40
    mean, error = shift["dwstat"].mean(), shift["dwstat"].std()/np.sqrt(200)
    assert abs(mean - 1) < .06 + 3.5*error, mean
    assert shift["wstat"].mean() < .85*mean
    close(shift["auto"], shift["dwstat"], rtol=1e-9)


@pytest.mark.parametrize("statistic", ["dwstat", "auto"])
def test_well_filled_data_give_the_same_with_each_statistic(datasets, statistic):
    for d in (same := Datasets([d.fill() for d in datasets])):
        d.models = datasets.models
    same.statistic = statistic
    found, plain = unfold(same, EDGES, strength=.1, n_toys=5), unfold(datasets, EDGES, strength=.1)
    assert np.abs((found.norm - plain.norm)/plain.norm_err).max() < .2
    close(found.norm_err, plain.norm_err, rtol=.05)
    assert np.isfinite(found.toys["norm"]).all()
