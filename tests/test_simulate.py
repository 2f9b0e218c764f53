"The simulation gives what responses and model say, repeats itself, and made the data in the package."
import gzip
import json
import astropy.io.fits as fits
import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from regions import CircleSkyRegion
from specnb import (DataStore, Datasets, Fit, MapAxis, PowerLawSpectralModel, ReflectedRegionsBackgroundMaker, RegionGeom, SafeMaskMaker, SkyModel,
                    SpectrumDataset, SpectrumDatasetMaker, TelescopeArray, create_irfs, demo_datasets, demo_dir, demo_model, make_demo, simulate_observation,
                    simulate_observations, validate, wobble_pointings, write_dl3)
from specnb.simulate.simulate import detected_rate, draw_field, draw_gammas, fov_position, offset_position, power_law_cells

CRAB = SkyCoord(83.63, 22.01, unit="deg")
EVENT_KEYS = """HDUCLASS HDUDOC HDUVERS HDUCLAS1 OBS_ID TSTART TSTOP MJDREFI MJDREFF TIMEUNIT TIMESYS TIMEREF ONTIME LIVETIME DEADC OBJECT RA_OBJ
    DEC_OBJ RA_PNT DEC_PNT ALT_PNT AZ_PNT RADECSYS EQUINOX OBS_MODE TELESCOP INSTRUME ORIGIN CREATOR GEOLON GEOLAT ALTITUDE""".split()
HDUS = {"EVENTS": "EVENTS", "GTI": "GTI", "AEFF": "AEFF_2D", "EDISP": "EDISP_2D", "PSF": "PSF_TABLE", "BKG": "BKG_3D"}


@pytest.fixture(scope="module")
def irfs(): return create_irfs(TelescopeArray())


@pytest.fixture(scope="module")
def rebuilt(tmp_path_factory): return make_demo(tmp_path_factory.mktemp("demo"), overwrite=True)


def flux(e): return 3e-11*e**-2.5


def same_tables(one, two):
    "Every keyword and column of two FITS files; floats to the last digit of a float32, because mathematical libraries differ there."
    with fits.open(one) as a, fits.open(two) as b:
        assert [h.name for h in a] == [h.name for h in b]
        for x, y in zip(a, b):
            assert dict(x.header) == dict(y.header)
            for name in x.columns.names if x.data is not None else []:
                if x.data[name].dtype.kind == "f": np.testing.assert_allclose(x.data[name], y.data[name], rtol=3e-7, atol=1e-12, err_msg=f"{one} {x.name} {name}")
                else: np.testing.assert_array_equal(x.data[name], y.data[name])


@pytest.mark.parametrize("name", ["run_001001", "run_001002", "run_001003", "run_001004", "hdu-index", "obs-index"])
def test_the_demo_data_are_what_make_demo_gives(rebuilt, name):
    one, two = demo_dir() / f"{name}.fits.gz", rebuilt / f"{name}.fits.gz"
    if gzip.decompress(one.read_bytes()) != gzip.decompress(two.read_bytes()): same_tables(one, two)


def test_the_demo_truth(rebuilt):
    assert (rebuilt / "truth.json").read_text() == (demo_dir() / "truth.json").read_text()
    truth = json.loads((demo_dir() / "truth.json").read_text())
    assert {p.name: p.value for p in demo_model().parameters} == {k: truth["model"][k] for k in demo_model().parameters.names}


def test_the_demo_data_are_small_and_complete():
    files = list(demo_dir().iterdir())
    assert len(files) == 7 and sum(f.stat().st_size for f in files) < 600_000
    store = DataStore.from_dir(demo_dir())
    assert len(store.hdu_table) == 24 and list(store.obs_table["OBS_ID"]) == store.obs_ids == [1001, 1002, 1003, 1004]
    for path in demo_dir().glob("run_*"):
        with fits.open(path) as hdus:
            hdus.verify("exception")
            assert [h.name for h in hdus[1:]] == list(HDUS)
            assert [h.header.get("HDUCLAS4", h.header["HDUCLAS1"]) for h in hdus[1:]] == list(HDUS.values())
            assert [k for k in EVENT_KEYS if k not in hdus["EVENTS"].header] == []
            assert hdus["EVENTS"].columns.names[:5] == ["EVENT_ID", "TIME", "RA", "DEC", "ENERGY"]


def test_the_demo_runs():
    runs = DataStore.from_dir(demo_dir()).get_observations()
    np.testing.assert_allclose([CRAB.separation(o.pointing_radec).deg for o in runs], [.5, .5, 1, 1.5], atol=1e-9)
    np.testing.assert_allclose([o.livetime_s/o.ontime_s for o in runs], [.94, .939, .937, .938])
    for o in runs:
        assert o.gti.start_s[0] <= o.events.t_s[0] and o.events.t_s[-1] < o.gti.stop_s[0] and np.all(np.diff(o.events.t_s) >= 0)
        assert o.available_irfs == ["aeff", "edisp", "psf", "bkg"]
        low, high = o.aeff.axes[0].center_value[[0, -1]]
        e = np.geomspace(low, high, 2000)
        area = o.aeff.value(e, CRAB.separation(o.pointing_radec).deg)*o.psf.containment_value(.11, e, .5)
        assert .4 < e[np.argmax(area > .1*area.max())] < .7


def test_demo_gamma_rays_follow_the_true_spectrum():
    for o in DataStore.from_dir(demo_dir()).get_observations():
        offset = float(CRAB.separation(o.pointing_radec).deg)
        irf = {k: getattr(o, k) for k in o.available_irfs}
        expected = power_law_cells(*detected_rate(lambda e: demo_model()(e*u.TeV).value, irf, offset))[0].sum()*o.livetime_s
        assert abs(o.events.column("MC_ID").sum() - expected) < 3*expected**.5


def test_gamma_rays_are_spread_as_the_responses_say(irfs):
    e_true, e_reco, rad = draw_gammas(flux, irfs, 1.2, 1e6, np.random.default_rng(0))
    for low in (.4, 1.5, 6):
        inside = (e_true > low) & (e_true < 1.05*low)
        n, e = inside.sum(), low*1.025
        for r in (.05, .11, .2):
            c = irfs["psf"].containment_value(r, e, 1.2)
            assert abs(np.mean(rad[inside] < r) - c) < .003 + 4*(c*(1 - c)/n)**.5
        kernel = irfs["edisp"].kernel(1.2, np.array([low, low*1.05]), e*np.array([.2, .8, 1, 1.2, 3]))[0]
        np.testing.assert_allclose(np.histogram(e_reco[inside]/e_true[inside], [.2, .8, 1, 1.2, 3])[0]/n, kernel, atol=.005 + 2/n**.5)


def test_detected_energies_have_the_expected_distribution(irfs):
    e_true, _, _ = draw_gammas(flux, irfs, .5, 1e6, np.random.default_rng(1))
    e, rate = detected_rate(flux, irfs, .5)
    cumulative = np.r_[0, np.cumsum(power_law_cells(e, rate)[0])]
    sample = np.sort(np.interp(np.log(e_true), np.log(e), cumulative/cumulative[-1]))
    assert np.abs(sample - (np.arange(len(sample)) + .5)/len(sample)).max() < 1.6/len(sample)**.5    # Kolmogorov-Smirnov, 1 %


def test_the_field_is_filled_as_the_background_model_says(irfs):
    e, lon, lat = draw_field(irfs["bkg"], 1e5, np.random.default_rng(2))
    x = np.linspace(-2.5, 2.5, 11)
    fine = (np.arange(100) + .5)/20 - 2.5
    energies = np.geomspace(.1, 100, 200)
    rate = power_law_cells(energies, irfs["bkg"].rate(energies[:, None, None], fine[:, None], fine))[0].sum(axis=0)
    expected = (rate*1e6*1e5*np.radians(.05)**2*np.cos(np.radians(fine))).reshape(10, 10, 10, 10).sum(axis=(1, 3))
    counts = np.histogram2d(lon, lat, [x, x])[0]
    whole = np.s_[2:8, 2:8]    # squares inside the camera
    assert 14 < np.sum((counts - expected)[whole]**2/expected[whole]) < 68     # chi2 of 36, 0.1 % on each side


def test_any_response_will_do(irfs):
    "An effective area alone; a field alone; a point spread function that is not normalised loses events."
    model, pointing = PowerLawSpectralModel(), wobble_pointings(CRAB, "0.7 deg", [40])[0]
    run = simulate_observation(model, CRAB, pointing, {"aeff": irfs["aeff"]}, ontime="20 h")
    np.testing.assert_allclose(CRAB.separation(run.events.radec).deg, 0, atol=1e-9)
    half = type(irfs["psf"])(irfs["psf"].axes, irfs["psf"].data/2)
    rate = [power_law_cells(*detected_rate(flux, {"aeff": irfs["aeff"], "psf": p}, .7))[0].sum() for p in (irfs["psf"], half)]
    assert rate[1]/rate[0] == pytest.approx(.5)


def test_source_models_are_accepted(irfs):
    model = PowerLawSpectralModel()
    args = CRAB, wobble_pointings(CRAB)[0], irfs
    one, two = (simulate_observation(m, *args, seed=4).events for m in (model, SkyModel(spectral_model=model, name="x")))
    np.testing.assert_array_equal(one.e_tev, two.e_tev)


def test_runs_are_independent_and_repeatable(irfs):
    pointings = wobble_pointings(CRAB, [.5, .7, 1.]*u.deg, [0, 90, 180])
    three = simulate_observations(demo_model(), CRAB, pointings, seed=7, irfs=irfs)
    two = simulate_observations(demo_model(), CRAB, pointings[:2], seed=7, irfs=irfs)
    assert three.ids == ["1001", "1002", "1003"]
    for a, b in zip(three, two): np.testing.assert_array_equal(a.events.e_tev, b.events.e_tev)
    other = simulate_observations(demo_model(), CRAB, pointings[:1], seed=8, irfs=irfs)
    assert len(other[0].events) != len(two[0].events)
    assert three[1].tstart > three[0].tstop


def test_a_written_run_has_a_site_and_what_gadf_requires(irfs, tmp_path):
    "Gammapy 2.1 opens no run without a site. Altitude and azimuth are required of a drift scan only."
    def header(**options):
        folder = write_dl3(simulate_observations(None, CRAB, wobble_pointings(CRAB)[:1], irfs=irfs, **options), tmp_path, overwrite=True)
        assert not validate(folder)
        with fits.open(folder / "obs-index.fits.gz") as index: site = [index[1].header[k] for k in ("GEOLON", "GEOLAT", "ALTITUDE")]
        return fits.getheader(folder / "run_001001.fits.gz", "EVENTS"), site
    events, site = header()
    assert [k for k in EVENT_KEYS if k not in events] == ["ALT_PNT", "AZ_PNT"]
    assert site == [events[k] for k in ("GEOLON", "GEOLAT", "ALTITUDE")] == [16.5002222, -23.2717778, 1835.]
    events, site = header(meta={"GEOLON": -17.89, "GEOLAT": 28.76, "ALTITUDE": 2200., "TELESCOP": "MAGIC"})
    assert (site, events["TELESCOP"]) == ([-17.89, 28.76, 2200.], "MAGIC")


def test_the_analysis_finds_the_truth(irfs):
    "The fit to 28 hours of simulated runs is within its errors of the spectrum they are drawn from."
    runs = simulate_observations(demo_model(), CRAB, wobble_pointings(CRAB, "0.7 deg", [0, 90, 180, 270]*15), seed=5, irfs=irfs)
    reco, true = (MapAxis.from_energy_bounds(low, high, nbin=n, per_decade=True, unit="TeV", name=name)
                  for low, high, n, name in ((.1, 40, 10, "energy"), (.05, 100, 20, "energy_true")))
    empty = SpectrumDataset.create(geom=RegionGeom.create(CircleSkyRegion(CRAB, .11*u.deg), axes=[reco]), energy_axis_true=true)
    makers = (SpectrumDatasetMaker(containment_correction=True, selection=["counts", "exposure", "edisp"]), ReflectedRegionsBackgroundMaker(),
              SafeMaskMaker(methods=["aeff-max"], aeff_percent=10))
    datasets = Datasets()
    for run in runs:
        dataset = empty.copy(name=str(run.obs_id))
        for maker in makers: dataset = maker.run(dataset, run)
        datasets.append(dataset)
    fitted = SkyModel(spectral_model=demo_model(), name="source")
    datasets.models = [fitted]
    assert Fit().run(datasets).success
    free = [i for i, p in enumerate(fitted.parameters) if not p.frozen]
    off = np.array([fitted.parameters[i].value - demo_model().parameters[i].value for i in free])
    assert off @ np.linalg.inv(np.asarray(fitted.covariance.data)[np.ix_(free, free)]) @ off < 11.3       # chi2 of 3, 1 %


def test_positions():
    lon, lat = offset_position(83.63, 22.01, [.5, .5], [0, 90])
    np.testing.assert_allclose(CRAB.position_angle(SkyCoord(lon, lat, unit="deg")).deg, [0, 90], atol=1e-8)
    frame = CRAB.skyoffset_frame()
    there = SkyCoord(*fov_position(83.63, 22.01, [2., -1.5], [1., .3]), unit="deg").transform_to(frame)
    np.testing.assert_allclose([there.lon.wrap_at("180d").deg, there.lat.deg], [[2, -1.5], [1, .3]], atol=1e-9)


def test_with_the_responses_of_a_real_array(hess_dir, tmp_path):
    real = DataStore.from_dir(hess_dir).obs(23523)
    irfs = {k: getattr(real, k) for k in real.available_irfs}
    run = simulate_observation(demo_model(), CRAB, real.pointing_radec, irfs, u.Quantity(real.ontime_s, "s"), real.observation_dead_time_fraction, obs_id=7)
    assert 150 < run.events.column("MC_ID").sum() < 500
    assert len(run.events) > 4000
    back = DataStore.from_dir(write_dl3([run], tmp_path / "real")).obs(7)
    np.testing.assert_allclose(back.events.e_tev, run.events.e_tev, rtol=1e-6)
    np.testing.assert_allclose(back.livetime_s, real.livetime_s)


WRONG = {
    "ontime of nan": (dict(ontime="nan s"), ValueError, "ontime: expected a positive number"), "negative ontime": (dict(ontime="-5 s"), ValueError, "ontime: expected a positive number"),
    "start of nan": (dict(tstart="nan s"), ValueError, "tstart: expected a number"), "dead time of nan": (dict(deadtime_fraction=np.nan), ValueError, "deadtime_fraction: expected"),
    "dead time of all": (dict(deadtime_fraction=1), ValueError, "deadtime_fraction must be at least 0 and less than 1"),
    "negative run": (dict(obs_id=-1), ValueError, "obs_id: expected a whole number >= 0, found -1"), "half a run": (dict(obs_id=1.5), ValueError, "obs_id: expected a whole number"),
    "text as seed": (dict(seed="x"), TypeError, "seed: expected a whole number"), "negative seed": (dict(seed=-1), ValueError, "seed: expected a whole number >= 0"),
    "no seed": (dict(seed=None), TypeError, "seed: expected a whole number"), "responses": (dict(irfs=3), TypeError, "irfs: expected a dict, found 3"),
    "two positions": (dict(position=SkyCoord([1, 2], [1, 2], unit="deg")), ValueError, "position: expected"),
    "no position": (dict(position=SkyCoord(np.nan, 2, unit="deg")), ValueError, "position: expected finite numbers")}


@pytest.mark.parametrize("case", WRONG)
def test_what_cannot_be_simulated_is_refused_by_name(case):
    changes, error, message = WRONG[case]
    place = SkyCoord(83.63, 22.01, unit="deg")
    with pytest.raises(error, match=message): simulate_observation(**{"model": None, "position": place, "pointing": place, **changes})


def test_wrong_numbers_of_runs_pointings_and_telescopes():
    place = SkyCoord(83.63, 22.01, unit="deg")
    with pytest.raises(TypeError, match="pointings: expected several positions"): simulate_observations(None, place, place)
    with pytest.raises(ValueError, match="seed: expected a whole number >= 0"): simulate_observations(None, place, wobble_pointings(place), seed=-1)
    with pytest.raises(ValueError, match="pause: expected a number >= 0"): simulate_observations(None, place, wobble_pointings(place), pause="-1 min")
    with pytest.raises(ValueError, match="offset: expected finite numbers and >= 0"): wobble_pointings(place, "nan deg")
    for name in ("area", "threshold", "resolution", "background", "background_width", "zenith"):
        with pytest.raises(ValueError, match=f"{name}: expected"): TelescopeArray(**{name: np.nan})


def test_demo_datasets_are_the_reduced_demo_runs_and_copies():
    "The chain of the README, done once; a change of what one caller got does not reach the next."
    on = CircleSkyRegion(CRAB, .11 * u.deg)
    axes = [MapAxis.from_energy_bounds(a, b, nbin=n, per_decade=True, unit="TeV", name=name) for a, b, n, name in ((.1, 40, 10, "energy"), (.05, 100, 20, "energy_true"))]
    empty = SpectrumDataset.create(RegionGeom.create(on, axes=axes[:1]), energy_axis_true=axes[1])
    run = DataStore.from_dir(demo_dir()).get_observations([1003])[0]
    for maker in (SpectrumDatasetMaker(containment_correction=True), ReflectedRegionsBackgroundMaker(), SafeMaskMaker(methods=["aeff-max"])):
        empty = maker.run(empty, run)
    given = demo_datasets(True)
    for key in ("n_on", "n_off", "exposure", "edisp", "mask_safe", "acceptance_off"):
        np.testing.assert_array_equal(getattr(given["1003"].arrays, key), getattr(empty.arrays, key))
    given[0].mask_fit, given[1].meta_table["x"] = np.zeros(27, bool), 1
    del given["1003"]
    again = demo_datasets()
    assert again.names == ["1001", "1002", "1003", "1004"] and again.models is None and again[0].mask_fit is None
    assert "x" not in again[1].meta_table.colnames
    assert demo_datasets(PowerLawSpectralModel()).models.names == ["crab"]
