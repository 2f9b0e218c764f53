"Sources that change with time: norms, means over good time intervals, fits, files."
import astropy.units as u
import numpy as np
import pytest
from astropy.table import Table
from astropy.time import Time
from numpy.testing import assert_allclose
from scipy.integrate import quad
from specnb import (ConstantTemporalModel, Datasets, ExpDecayTemporalModel, Fit, GaussianTemporalModel, GeneralizedGaussianTemporalModel, LightCurveTemplateTemporalModel,
                    LinearTemporalModel, MapAxis, Models, PowerLawSpectralModel, PowerLawTemporalModel, RegionGeom, SineTemporalModel, SkyModel, SpectrumDataset,
                    SpectrumDatasetOnOff, TEMPORAL_MODEL_REGISTRY, TemplatePhaseCurveTemporalModel, TemporalModel)
from specnb.base.core import DataError
from specnb.data.events import GTI
from specnb.makers.arrays import SpectrumArrays

START = Time("2010-01-01")
REF = START.mjd * u.d
AXIS = MapAxis.from_energy_bounds("0.5 TeV", "20 TeV", 6)


def dataset(name, gti, model=None, hours=1., on_off=False):
    edges = AXIS.edges_in("TeV")
    arrays = SpectrumArrays(edges, edges, n_on=np.zeros(6), exposure=np.full(6, 2e5*3600*hours), edisp=np.eye(6), livetime=3600*hours, background=None if on_off else np.ones(6),
                            **(dict(n_off=np.full(6, 10.), acceptance=np.ones(6), acceptance_off=np.full(6, 10.)) if on_off else {}))
    cls = SpectrumDatasetOnOff if on_off else SpectrumDataset
    return cls.from_arrays(arrays, RegionGeom.create(None, [AXIS]), name, gti=gti, models=model and Models([model]))


def hour(k, length=.8): return GTI.create(START + k*u.h, START + (k + length)*u.h)


def source(temporal, **kwargs): return SkyModel(PowerLawSpectralModel(index=2.2, amplitude="3e-11 cm-2 s-1 TeV-1"), temporal_model=temporal, name="flare", **kwargs)


@pytest.mark.parametrize("temporal, expected", [ # sums over 1-2, 3-3.5 and 5-6 d after the reference, as Gammapy 2.1 finds them
    (LinearTemporalModel(alpha=1, beta="0.1 d-1", t_ref=REF), 1.345), (ExpDecayTemporalModel(t0="1 d", t_ref=REF), .102557),
    (GaussianTemporalModel(t_ref=REF + 3*u.d, sigma="2 d"), .682679), (PowerLawTemporalModel(alpha=-1, t_ref=REF), .411847), (ConstantTemporalModel(), 1)])
def test_mean_norms_are_those_of_the_peer(temporal, expected):
    assert_allclose(temporal.integral(START + [1, 3, 5]*u.d, START + [2, 3.5, 6]*u.d).sum().value, expected, rtol=1e-5)


@pytest.mark.parametrize("temporal", [SineTemporalModel(amp=.5, omega=.8*u.rad/u.d, t_ref=REF), GeneralizedGaussianTemporalModel(t_ref=REF + 1.4*u.d, t_rise="1 d", t_decay="3 d", eta=.7)])
def test_integrals_that_the_peer_has_wrong_are_those_of_direct_integration(temporal):
    direct = quad(lambda d: temporal(START + d*u.d).value, 1, 2, points=[1.4])[0]
    assert_allclose(temporal.integral(START + 1*u.d, START + 2*u.d).value, direct, rtol=1e-9)


def test_predicted_counts_are_those_of_the_mean_over_the_good_time_intervals():
    gti = GTI.create(START + [0, 3]*u.h, START + [1, 3.5]*u.h)
    flare = source(ExpDecayTemporalModel(t0="2 h", t_ref=REF))
    plain = dataset("a", gti, SkyModel(flare.spectral_model)).npred_signal().data
    factor = 2*(1 - np.exp(-.5) + np.exp(-1.5) - np.exp(-1.75))/1.5
    d = dataset("a", gti, flare)
    assert_allclose(d.npred_signal().data, factor*plain, rtol=1e-12)
    assert_allclose(d.npred_signal(["flare"]).data, factor*plain, rtol=1e-12)
    assert_allclose(dataset("a", gti, source(ConstantTemporalModel())).npred_signal().data, plain, rtol=1e-12)
    with pytest.raises(ValueError, match="dataset 'a': no gti, over which ExpDecayTemporalModel of flare could be averaged"): dataset("a", None, flare).npred()
    with pytest.raises(ValueError, match="dataset 'a': gti: PowerLawTemporalModel is not defined.*begins at its reference time"):
        dataset("a", gti, source(PowerLawTemporalModel(t_ref=REF + 1*u.d))).npred()


@pytest.mark.parametrize("on_off", [False, True])
def test_a_fit_over_runs_finds_decay_time_and_spectrum(on_off):
    truth = source(ExpDecayTemporalModel(t0="3 h", t_ref=REF))
    runs = Datasets([dataset(f"run-{k}", hour(k), truth, on_off=on_off) for k in range(8)])
    for k, d in enumerate(runs):
        d.fake(np.full(6, 1.), random_state=k) if on_off else d.fake(random_state=k)
    truth.temporal_model.t0.value, truth.spectral_model.index.value = 1., 2.5
    result = Fit().run(runs)
    assert result.success and result.parameters["t0"].error > 0
    for name, right in {"t0": 3., "index": 2.2, "amplitude": 3e-11}.items():
        p = truth.parameters[name]
        assert abs(p.value - right) < 3*p.error and p.error < .1*right
    assert truth.covariance.data.shape == (5, 5)


def test_a_fit_finds_the_time_and_width_of_a_peak_with_errors_as_its_profile_has_them():
    truth = source(GaussianTemporalModel(t_ref=REF + 4*u.h, sigma="1.5 h"))
    truth.spectral_model.index.frozen = True
    runs = Datasets([dataset(f"run-{k}", hour(k), truth) for k in range(8)])
    for d in runs: d.counts = d.npred()   # as if there were no noise
    peak = truth.temporal_model.t_ref
    peak.value += .02
    fit = Fit()
    fit.run(runs)
    assert_allclose((peak.value - REF.value)*24, 4, atol=1e-3)
    assert_allclose(truth.temporal_model.sigma.quantity.to_value("h"), 1.5, rtol=1e-4)
    best = runs.stat_sum()
    peak.value += peak.error
    assert runs.stat_sum() - best > 1 - 1e-2      # >= 1: the others would follow


def test_flux_points_of_a_changing_source_are_relative_to_its_norm():
    from specnb import FluxPointsEstimator
    flare = source(ExpDecayTemporalModel(t0="1 h", t_ref=REF))
    d = dataset("a", hour(2), flare)
    d.counts = d.npred()
    found = FluxPointsEstimator(energy_edges=AXIS.edges[[0, 3, 6]], source="flare").run(Datasets([d]))
    assert_allclose(np.ravel(found.norm), 1, rtol=1e-6)


def test_drawn_times_follow_the_model():
    peak = GaussianTemporalModel(t_ref=REF + .06*u.d, sigma="0.5 h")
    drawn = peak.sample_time(20000, "2010-01-01T00:00:00", "2010-01-01T03:00:00", random_state=0, t_delta="3 min")
    hours = (drawn - START).to_value("h")
    assert_allclose([hours.mean(), hours.std()], [1.44, .5], atol=.02)
    assert np.all((hours >= 0) & (hours <= 3))
    again = peak.sample_time(5, START, START + 3*u.h, random_state=np.random.default_rng(3))
    assert_allclose(again.mjd, peak.sample_time(5, START, START + 3*u.h, random_state=3).mjd)


def test_files_keep_every_temporal_model(tmp_path):
    table = Table({"TIME": [0., 10]*u.h, "NORM": [1., 2]}, meta={"MJDREFI": 55197, "MJDREFF": .25, "TIMESYS": "utc"})
    curve = LightCurveTemplateTemporalModel.from_table(table)
    with pytest.raises(ValueError, match="kept in a file of its own; write it first"): source(curve).to_dict()
    curve.write(tmp_path/"curve.fits")
    pulse = TemplatePhaseCurveTemporalModel(Table({"PHASE": [0, .5, 1.], "NORM": [1., 3, 1]}), f0="20 Hz", t_ref=REF, scale="tdb")
    pulse.write(tmp_path/"pulse.fits")
    kinds = [cls(t_ref=REF, scale="tt") if "t_ref" in cls.default_parameters.names else cls() for cls in TEMPORAL_MODEL_REGISTRY if "Template" not in cls.__name__]
    sources = [SkyModel(PowerLawSpectralModel(), temporal_model=m, name=type(m).__name__) for m in (*kinds, curve, pulse)]
    Models(sources).write(tmp_path/"models.yaml")
    when = Time(55197.5, format="mjd")
    for old, new in zip(sources, Models.read(tmp_path/"models.yaml")):
        a, b = old.temporal_model, new.temporal_model
        assert type(a) is type(b) and a.scale == b.scale
        assert_allclose(b(when).value, a(when).value, rtol=1e-12)
        assert_allclose(b.parameters.value, a.parameters.value)


def test_a_light_curve_says_what_is_missing(tmp_path):
    with pytest.raises(ValueError, match="column TIME: Time unit not found in the table"):
        LightCurveTemplateTemporalModel.from_table(Table({"TIME": [0., 1], "NORM": [1., 1]}, meta={"MJDREFI": 55197}))
    Table({"TIME": [0., 1]*u.d, "NORM": [1., 1]}).write(tmp_path/"a.fits")
    with pytest.raises(DataError, match="a.fits: keyword MJDREFI: missing"): LightCurveTemplateTemporalModel.read(tmp_path/"a.fits")
    with pytest.raises(ValueError, match="scale: expected one of"): GaussianTemporalModel(scale="ms")
    with pytest.raises(TypeError, match="reference_time: expected a Time"): GaussianTemporalModel().reference_time = 23456


def test_scales_of_time_are_told_apart():
    flare = GaussianTemporalModel(t_ref=52398*u.d, scale="tai")
    flare.reference_time = Time(52398.23456, format="mjd", scale="utc")
    assert_allclose((flare.t_ref.value - 52398.23456)*86400, 32, atol=1e-5)     # leap seconds then
    assert_allclose(flare(Time(52398.23456, format="mjd", scale="utc")).value, 1)


def test_a_model_of_your_own_is_integrated_by_its_values():
    class Step(TemporalModel):
        def evaluate(self, time): return np.exp(-((time % 86400)/40000)**2)
    mine = Step()
    assert_allclose(mine.integral(START, START + 6*u.h).value, quad(lambda t: np.exp(-(t/40000)**2), 0, 21600)[0]/21600, rtol=1e-3)


def test_simulated_events_of_a_changing_source_come_when_it_shines():
    from astropy.coordinates import SkyCoord
    from specnb import simulate_observation
    place, pointing = SkyCoord(83.63, 22.01, unit="deg"), SkyCoord(83.63, 22.51, unit="deg")
    steady = SkyModel(PowerLawSpectralModel(amplitude="1e-9 cm-2 s-1 TeV-1", index=2.5), name="s")
    run = simulate_observation(steady, place, pointing, ontime="1000 s", seed=2)
    t_ref = run.gti.time_start[0].utc.mjd*u.d
    flare = SkyModel(steady.spectral_model, temporal_model=GaussianTemporalModel(t_ref=t_ref + 600*u.s, sigma="50 s"), name="f")
    events = simulate_observation(flare, place, pointing, ontime="1000 s", seed=2).events
    times = events.t_s[events.column("MC_ID") == 1]
    share = len(times)/np.sum(run.events.column("MC_ID") == 1)
    assert_allclose(share, np.sqrt(2*np.pi)*50/1000, rtol=.1)
    assert_allclose([times.mean(), times.std()], [600, 50], rtol=.05)
    constant = SkyModel(steady.spectral_model, temporal_model=ConstantTemporalModel(), name="c")
    again = simulate_observation(constant, place, pointing, ontime="1000 s", seed=2).events
    assert_allclose(np.sort(again.t_s), np.sort(run.events.t_s), atol=1e-6)


def test_systematics_of_an_instrument_and_changes_of_the_source_go_together():
    from specnb import NuisanceModel
    truth, instrument = source(ExpDecayTemporalModel(t0="3 h", t_ref=REF)), NuisanceModel(name="telescope")
    runs = Datasets([dataset(f"run-{k}", hour(k)) for k in range(6)])
    runs.models = [truth, instrument]
    before = runs[1].npred_signal().data.sum()
    instrument.parameters["area_norm"].value = 1.1
    assert_allclose(runs[1].npred_signal().data.sum(), 1.1*before)
    for d in runs: d.counts = d.npred()
    truth.temporal_model.t0.value = 2.
    assert Fit().run(runs).success
    assert_allclose(truth.temporal_model.t0.value, 3, rtol=1e-4)
