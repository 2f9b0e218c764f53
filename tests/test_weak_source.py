"No significant signal: the result says so, limits cover, and the page is made; 100 simulated sets of runs without source."
import astropy.units as u
import numpy as np
import pytest
from specnb import (AnalysisConfig, Datasets, FluxPointsEstimator, PowerLawSpectralModel, SkyModel, SpectralAnalysis, WStatCountsStatistic,
                    fit_view, has_signal, norm_limit_coverage, record_results, signal_counts, signal_view, fit_weak_source,
                    intervals, points_view, weak_source)
from specnb.detection.limits import expected_norm_limits, gather_counts
from specnb.simulate.example import example_datasets

# n_on, n_off, 1/alpha, significance of the profile likelihood: Cousins, Linnemann & Tucker 2008, NIM A 595, 480, table 1
PUBLISHED = [(4, 5, 5.0, 1.95), (6, 18.78, 14.44, 2.82), (9, 17.83, 4.69, 1.99), (17, 40.11, 10.56, 4.57), (50, 55, 2.0, 3.02), (67, 15, .5, 3.04),
             (200, 10, .1, 2.38), (523, 2327, 5.99, 5.95), (498426, 493434, 1.0, 5.01),
             (2119449, 23650096, 11.21, 6.40)]


@pytest.mark.parametrize("n_on, n_off, tau, significance", PUBLISHED)
def test_significances_are_the_published_ones(n_on, n_off, tau, significance):
    assert WStatCountsStatistic(n_on, n_off, 1/tau).sqrt_ts == pytest.approx(significance, abs=.0051)


def simulated(runs, seed, flux=0.):
    "Counts of runs without source, or with one of index 2.5 and an amplitude in units of 1e-12 cm-2 s-1 TeV-1."
    rng, result = np.random.default_rng(seed), Datasets()
    source = SkyModel(PowerLawSpectralModel(index=2.5, amplitude="1e-12 cm-2 s-1 TeV-1"), name="source")
    for d in runs:
        signal = flux*d.fill(models=[source]).signal_counts() if flux else 0
        result.append(d.fill(n_on=rng.poisson(d.arrays.alpha*d.arrays.n_off + signal).astype(float), n_off=rng.poisson(d.arrays.n_off).astype(float)))
    return result


@pytest.fixture(scope="module")
def reduced():
    "The simulated runs that ship with the package, reduced."
    analysis = SpectralAnalysis(AnalysisConfig(weak_source={"n_toys": 0}, fit={"statistic": "wstat", "goodness": 0}, flux_points={"parameters": {"snap": True}}))
    analysis.get_observations()
    analysis.get_datasets()
    return analysis


def analysed(reduced, seed, flux=0., **settings):
    analysis = SpectralAnalysis(reduced.config.with_settings(settings))
    analysis.observations, analysis.exclusion, analysis.runs = reduced.observations, reduced.exclusion, simulated(reduced.runs, seed, flux)
    analysis.combine_runs()
    analysis.analyse_datasets()
    return analysis


def test_hundred_analyses_without_source(reduced):
    "All end with a result, no index that ran away, limits of a sensible size in every band, and no detection above 4 sigma."
    significances = []
    for seed in range(100):
        default = {"fit.statistic": "auto", "fit.goodness": 20} if seed < 2 else {}
        found = analysed(reduced, seed, **{"flux_points.parameters.selection_optional": "ul"}, **default)
        weak = found.weak_source
        assert weak is not None and found.success and "no significant signal" in " ".join(found.remarks)
        significances.append(weak.counts["sqrt_ts"])
        parameters = found.models["source"].parameters
        assert parameters["index"].value == 2.5 and parameters["index"].frozen and parameters["lambda_"].value == .1 and parameters["amplitude"].value >= 0
        points = found.flux_points.data
        limits = points.e2dnde_ul.to_value("erg cm-2 s-1")
        assert points.is_ul.all() and np.all((limits > 5e-13) & (limits < 5e-11)) and not any("no exposure" in s for s in points.status)
        flux = found.limits.flux_ul.to_value("cm-2 s-1")
        assert np.all((flux > 5e-14) & (flux < 1e-11)) and 5e-14 < weak.amplitude_ul.value < 1e-11
        # no limit lies below that of no ON counts at all, 1.35 counts for 95 %
        assert sum(d.signal_counts()[d.arrays.mask].sum() for d in (d.fill(models=[weak.model_ul()]) for d in found.datasets)) > 2.7055/2
        if seed < 5: # as plain numbers, and as they are shown
            results = found.results()
            kept = record_results(found) # for a sweep
            assert kept["dnde_1TeV_ul"].value > kept["dnde_1TeV"].value >= 0 and kept["flux_1_10TeV_ul"].value > 0 and 2.4 < kept["index_1TeV"].value < 3
            assert not results["signal"]["significant"] and results["signal"]["weak_source"]["amplitude_ul"] == weak.amplitude_ul.value
            assert "no significant signal" in str(signal_view(found)) and "<" in str(fit_view(found)) and results["limits"]["index"] == [2, 2.5, 3]
    significances = np.array(significances)
    assert (significances < 4).all() and (significances > -4).all()
    assert abs(significances.mean()) < .35 and .75 < significances.std() < 1.25


def test_limits_cover_a_small_true_flux(reduced):
    "1000 simulated measurements of a weak source: 95 % limits lie above its flux in 93 to 98 %."
    runs = reduced.runs.copy()
    runs.models = [SkyModel(PowerLawSpectralModel(index=2.5, amplitude="1e-12 cm-2 s-1 TeV-1"), name="source")]
    counts = gather_counts(list(runs), [m.spectral_model for m in runs.models], runs.models[0])
    total = counts.signal.sum()
    for excess in (5., 15.):
        coverage, error = norm_limit_coverage(counts.signal, np.array([excess/total]), **counts.measured, n_sigma_ul=1.644854, n_toys=1000, random_state=1)
        assert .93 - 2*error[0] < coverage[0] < .98 and error[0] < .01
    none, _ = norm_limit_coverage(counts.signal, np.zeros(1), **counts.measured, n_sigma_ul=1.644854, n_toys=200, random_state=1)
    assert none[0] == 1, "limits are positive"


def test_a_flux_that_is_negative_has_no_shape(reduced):
    "A deficit that is called a signal: the fit finds an amplitude below zero, and the analysis assumes the shape."
    few = Datasets([d.fill(n_on=np.floor(.5*d.arrays.alpha*d.arrays.n_off)) for d in reduced.runs])
    analysis = SpectralAnalysis(reduced.config.with_settings({"weak_source.min_significance": 0, "model.type": "pl"}))
    analysis.observations, analysis.exclusion, analysis.runs = reduced.observations, reduced.exclusion, few
    analysis.combine_runs()
    assert "below the threshold of 0 sigma" in analysis.config.weak_source.reason(few)
    bright = reduced.runs # the source is there, the spectrum that is fitted has the wrong sign
    model = SkyModel(PowerLawSpectralModel(index=2.5, amplitude="-1e-12 cm-2 s-1 TeV-1"), name="source")
    assert "amplitude -1e-12 cm-2 s-1 TeV-1, which is no flux" in analysis.config.weak_source.reason(bright, model)
    analysis.run_fit()
    assert analysis.success and analysis.weak_source.amplitude.value == 0 and analysis.models["source"].parameters["index"].value == 2.5
    assert "at its limit, <" in str(fit_view(analysis))
    analysis.get_flux_points()
    assert "(expected " in str(points_view(analysis)) and np.isfinite(analysis.flux_points.data.norm_ul_expected).any()


def test_a_deficit_is_seen_beside_the_expected_limit():
    "The limit is positive, above that of no counts, and the status tells how far below the expected one it lies."
    runs = example_datasets()
    few = Datasets([d.fill(n_on=np.floor(.8*d.arrays.alpha*d.arrays.n_off)) for d in runs])
    few.models = [SkyModel(PowerLawSpectralModel(), name="source")]
    weak = fit_weak_source(few, n_toys=200)
    assert signal_counts(few)["sqrt_ts"] < -1.5 and not has_signal(few)
    assert 0 < weak.amplitude_ul < weak.amplitude_ul_quantiles[1] < weak.amplitude_ul_expected
    assert "times the one expected without source, by chance" in weak.limits.status[0] and weak.limits.status[0] in weak.message
    assert few.models["source"].parameters["index"].value == 2 and not few.models["source"].parameters["index"].frozen, "models are left alone"
    found = weak.to_dict()
    assert found["confidence_level"] == pytest.approx(.95) and len(found["amplitude_ul_quantiles"]) == 5 and 0 <= found["coverage"] <= 1


def test_a_source_that_is_there_is_fitted_as_before(reduced):
    analysis = SpectralAnalysis(reduced.config)
    analysis.observations, analysis.exclusion, analysis.runs = reduced.observations, reduced.exclusion, reduced.runs
    analysis.combine_runs()
    analysis.analyse_datasets()
    found = analysis.results()["signal"]
    assert analysis.weak_source is None and analysis.limits is None and found["significant"] and found["sqrt_ts"] > 30
    assert "significance (Li and Ma)" in str(signal_view(analysis))
    assert analysis.models["source"].parameters.free_parameters.names == ["index", "amplitude", "lambda_"]


def test_flux_points_of_a_negative_model_do_not_tell_of_exposure():
    "A reference that is negative, or zero, is named; it was called a lack of exposure."
    runs = example_datasets()
    for amplitude, words in (("-1e-12", "no reference flux: the model is negative"), ("0", "no exposure, or no flux")):
        runs.models = [SkyModel(PowerLawSpectralModel(amplitude=f"{amplitude} cm-2 s-1 TeV-1"), name="source")]
        points = FluxPointsEstimator([1, 3, 10]*u.TeV, selection_optional="ul", snap=True).run(runs)
        assert all(s.startswith(words) for s in points.status) and np.isnan(points.norm_ul).all()


def test_bands_tell_the_limit_to_be_expected_and_a_lucky_fluctuation():
    "Asimov limits of each band are those of plain counts; a band without ON counts explains itself."
    source = weak_source(20, 2000, alpha=.1)
    d, edges = source.datasets[0], [.5, 1, 2, 5, 10]*u.TeV
    empty = Datasets([d.fill(n_on=np.where(d.arrays.e_reco_edges[:-1] < 2, np.round(d.arrays.n_bkg), 0))])
    empty.models = source.datasets.models
    points = FluxPointsEstimator(edges, selection_optional=["ul", "ul-expected"], snap=True).run(empty)
    for i in range(len(points.energy_ref)):
        inside = (d.arrays.e_reco_edges[:-1] >= points.energy_min.value[i]*.999) & (d.arrays.e_reco_edges[1:] <= points.energy_max.value[i]*1.001)
        signal = d.signal_counts()[inside]
        expected, _ = expected_norm_limits(signal, d.arrays.n_off[inside], d.arrays.alpha[inside])
        assert points.norm_ul_expected[i] == pytest.approx(float(expected), rel=1e-6)
    low = points.norm_ul/points.norm_ul_expected < .5
    assert low.any() and not low.all()
    assert all(("times the one expected without source, by chance" in text) == few for text, few in zip(points.status, low))
    assert np.isfinite(points.flux_ul_expected.value).all()


def test_at_a_deficit_the_limit_ordered_by_likelihood_stands_beside_the_profile_one():
    "Seven tenths of the background: both limits are positive, and the ordered one is that of `intervals`; none where the best norm is positive."
    source = weak_source(20, 2000, alpha=.1)
    d = source.datasets[0]
    found = {}
    for share in (.7, 1.1):
        runs = Datasets([d.fill(n_on=np.round(share*d.arrays.n_bkg))])
        runs.models = source.datasets.models
        found[share] = fit_weak_source(runs, n_toys=100, random_state=1)
    low, high = found[.7], found[1.1]
    assert high.ordered is None and high.to_dict()["amplitude_ul_ordered"] is None and "ordered" not in str(high)
    same = intervals(Datasets([d.fill(n_on=np.round(.7*d.arrays.n_bkg), models=low.models)]), "amplitude", "feldman-cousins", .95, side="upper",
                     n_toys=100, random_state=1)
    assert low.ordered.upper == pytest.approx(same.upper, rel=1e-6) and low.to_dict()["amplitude_ul_ordered"] == low.ordered.upper > 0
    assert f"< {low.ordered.upper:.3g}" in str(low) and "Feldman and Cousins" in str(low) and 0 < low.amplitude_ul.value
