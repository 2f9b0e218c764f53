"From a configuration to flux points, on the simulated and on the real runs; choices, failures, and Gammapy's way of calling it."
import warnings
import numpy as np
import pytest
from specnb import (AnalysisConfig, Datasets, Models, PowerLawSpectralModel, FluxPointsDataset, LogParabolaSpectralModel, SkyModel, SpecnbWarning, SpectralAnalysis, WcsGeom, demo_dir, fit_view, light_curve_view, limits_view, record_results, sensitivity_view, sweep, write_products)
from specnb.analysis.analysis import warnings_as_remarks

close = np.testing.assert_allclose


def run(**settings):
    return SpectralAnalysis(AnalysisConfig().with_settings({k.replace("__", "."): v for k, v in settings.items()})).run()


def fitted(analysis): return {p.name: (p.value, p.error) for p in analysis.models.parameters if not p.frozen}


def test_the_reference_analysis(hess_dir):
    "On the public H.E.S.S. data the default configuration, with bands that end where bins do, gives the reference numbers."
    analysis = run(observations__datastore=str(hess_dir), flux_points__parameters={"snap": True})
    assert analysis.observations.ids == ["23523", "23526", "23559", "23592"]
    info = analysis.runs.info_table(cumulative=True)
    assert info["counts"].tolist() == [149, 303, 439, 550] and info["counts_off"].tolist() == [117, 267, 594, 869]
    close(info["sqrt_ts"], [20.449683757, 28.446256071, 36.175888275, 40.900863460], rtol=1e-6)
    close(analysis.fit_result.total_stat, 86.118564, atol=1e-5)
    for name, (value, error) in {"index": (2.27281, .15726), "amplitude": (4.79087e-11, 3.6051e-12), "lambda_": (.120884, .054032)}.items():
        close(fitted(analysis)[name], (value, error), rtol=2e-5)
    points = analysis.flux_points.data.to_table(sed_type="dnde")
    close(points["dnde"][:9], [6.956e-11, 2.884e-11, 1.104e-11, 3.463e-12, 8.756e-13, 5.335e-13, 1.626e-13, 5.229e-14, 1.179e-14], rtol=5e-4)
    close(points["dnde_ul"], [8.496e-11, 3.430e-11, 1.345e-11, 4.426e-12, 1.482e-12, 7.776e-13, 2.695e-13, 1.339e-13, 3.395e-14, 4.378e-15], rtol=5e-4)
    assert points["is_ul"].tolist() == [False]*9 + [True]
    assert any("25.7 TeV" in r for r in analysis.remarks), "the band without counts is remarked"


def test_the_reference_set_up_of_minuit(hess_dir):
    analysis = run(observations__datastore=str(hess_dir), model__parameters={"index": 2, "amplitude": "1e-12 cm-2 s-1 TeV-1", "lambda_": "0.1 TeV-1"},
                   fit__optimize_opts={"gradient": False}, fit__covariance_opts={"backend": "minuit"})
    assert analysis.fit_result.nfev == 244
    assert [f"{x:.3e}" for x in (*fitted(analysis)["index"], *fitted(analysis)["lambda_"])] == ["2.273e+00", "1.566e-01", "1.210e-01", "5.382e-02"]


def test_stacked_reference(hess_dir):
    analysis = run(observations__datastore=str(hess_dir), datasets__stack=True)
    close(analysis.fit_result.total_stat, 8.162262, atol=1e-5)
    assert len(analysis.datasets) == 1 and len(analysis.runs) == 4


def test_point_like_data_with_rad_max(magic_dir):
    settings = {"observations.datastore": str(magic_dir), "datasets.on_region.radius": None, "datasets.containment_correction": False,
                "datasets.background.method": "wobble", "datasets.background.parameters.n_off_regions": 3, "datasets.background.exclusion": None,
                "datasets.geom.axes.energy": {"min": "0.05 TeV", "max": "100 TeV", "nbins": 17}, "model.type": "lp"}
    analysis = SpectralAnalysis(AnalysisConfig().with_settings(settings))
    analysis.get_observations()
    analysis.get_datasets()
    assert [int(d.arrays.n_on.sum()) for d in analysis.runs] == [791, 837]
    assert [int(d.arrays.n_off.sum()) for d in analysis.runs] == [1178, 1255]
    analysis.run_fit()
    analysis.get_flux_points()
    assert analysis.success and {"background_regions", "spectrum"} <= set(analysis.figures())


def test_choices_reach_the_analysis():
    one = run(observations__obs_ids=[1003, 1001], datasets__safe_mask__methods=["aeff-max", "edisp-bias"], fit__fit_range__max="10 TeV",
              flux_points__energy__nbins=4, flux_points__parameters={"selection_optional": ["ul"], "n_sigma_ul": 3}, flux_points__source="crab")
    assert one.observations.ids == ["1003", "1001"] and one.models.names == ["crab"]
    assert len(one.flux_points.data) == 4 and one.flux_points.data.n_sigma_ul == 3 and not one.flux_points.data.has_stat_profiles
    assert "profiles" not in one.figures()
    for d in one.datasets: assert d.energy_range[1].to_value("TeV") <= 10 < d.energy_range_safe[1].to_value("TeV")
    wide = run(datasets__on_region__radius="0.2 deg")
    assert wide.runs.info_table()["counts"].sum() > run().runs.info_table()["counts"].sum()


def test_exclusion_as_circles_region_file_and_mask_is_the_same(tmp_path):
    base = AnalysisConfig()
    circle = base.datasets.background.mask()
    (tmp_path / "exclusion.reg").write_text("# Region file format: DS9\ngalactic;circle(183.604,-8.708,0.5)\n")
    image = WcsGeom.create(npix=(400, 400), binsz=.02, skydir=base.datasets.on_region.center, proj="TAN", frame="icrs")
    (~image.region_mask(circle)).write(tmp_path / "exclusion.fits.gz")
    expected = run().results()
    for name in ("exclusion.reg", "exclusion.fits.gz"):
        analysis = run(datasets__background__exclusion=str(tmp_path / name))
        assert analysis.results()["runs"]["counts_off"] == expected["runs"]["counts_off"]
        assert "background_regions" in analysis.figures()
    assert run(datasets__background__exclusion=None).results()["runs"]["counts_off"] != expected["runs"]["counts_off"]


def test_responses_averaged_over_the_region_are_lower_than_at_its_centre():
    "A region as large as that, seen at .5 deg: some percent less effective area than at its centre."
    settings = {"datasets__containment_correction": False, "datasets__on_region": {"radius": "0.4 deg"}, "fit__goodness": 0,
                "datasets__background__method": "ring", "datasets__background__parameters": {"r_in": "0.6 deg", "width": "0.3 deg"}}
    centre, mean = (run(**settings, datasets__use_region_center=at) for at in (True, False))
    exposures = [a.runs[0].exposure.data.ravel()[30:45] for a in (centre, mean)]
    assert np.all(exposures[1] < exposures[0]) and np.all(exposures[1] > .9*exposures[0])


def test_runs_cut_in_time():
    whole = run()
    middle = whole.observations[1].tmid.utc.iso
    first = run(observations__obs_time__stop=middle)
    assert first.observations.ids == ["1001", "1002"]
    close(first.runs[1].arrays.ontime, whole.runs[1].arrays.ontime/2, rtol=1e-3)
    with pytest.raises(ValueError, match="expected a time in which there are runs"): run(observations__obs_time__stop="2000-01-01")


def test_what_cannot_be_done_is_said(tmp_path):
    for settings, error, words in [
            ({"observations__datastore": str(tmp_path / "no")}, FileNotFoundError, "no such folder; data are a folder with DL3 files, or one of demo"),
            ({"observations__datastore": str(tmp_path)}, (FileNotFoundError, ValueError), str(tmp_path)),
            ({"observations__obs_ids": [5]}, ValueError, "no run 5"),
            ({"datasets__on_region__lat": "-60 deg"}, ValueError, "none of 4 runs points within 2.5 deg"),
            ({"observations__required_irf": ["rad_max"]}, ValueError, "observations.required_irf: found rad_max"),
            ({"fit__fit_range__max": "0.3 TeV"}, ValueError, "bin"),
            ({"datasets__background__exclusion": str(tmp_path / "no.fits")}, ValueError, "exclusion.*no such file"),
            ({"model__type": "meyer-crab"}, ValueError, "no free parameter")]:
        with pytest.raises(error, match=words): run(**settings)


def test_missing_runs_are_left_out_if_asked_for(tmp_path):
    import shutil
    shutil.copytree(demo_dir(), tmp_path / "data")
    (tmp_path / "data/run_001002.fits.gz").unlink()
    with pytest.raises(ValueError, match="files of 1 of 4 runs are not there, the first is run_001002"): run(observations__datastore=str(tmp_path / "data"))
    analysis = run(observations__datastore=str(tmp_path / "data"), observations__skip_missing=True)
    assert analysis.observations.ids == ["1001", "1003", "1004"] and "run_001002" in analysis.remarks[0]


def test_a_run_without_off_regions_is_remarked():
    ra, dec = run().observations["1004"].pointing_deg
    analysis = run(datasets__background__exclusion=[{"frame": "icrs", "lon": f"{ra} deg", "lat": f"{dec} deg", "radius": "1.65 deg"}])
    assert any("1004: no OFF counts" in r for r in analysis.remarks), analysis.remarks
    assert analysis.success and analysis.results()["runs"]["n_fit_bins"][3] == 0


def test_folders_without_index_and_single_files(tmp_path):
    import shutil
    for name in ("run_001001.fits.gz", "run_001002.fits.gz"): shutil.copy(demo_dir() / name, tmp_path)
    assert run(observations__datastore=str(tmp_path)).results()["runs"] == run(observations__obs_ids=[1001, 1002]).results()["runs"]
    assert run(observations__datastore=str(tmp_path / "run_001001.fits.gz")).observations.ids == ["1001"]


def test_steps_as_in_gammapy():
    "A script for Gammapy's Analysis, with other imports."
    config = AnalysisConfig()
    config.observations.obs_ids = [1001, 1002]
    config.datasets.stack = True
    analysis = SpectralAnalysis(config)
    for step, missing in ((analysis.get_datasets, "no observations yet: call get_observations"), (analysis.set_models, "no datasets yet: call get_datasets"),
                          (analysis.get_flux_points, "no fit_result yet: call run_fit"), (analysis.results, "no flux_points yet")):
        with pytest.raises(RuntimeError, match=missing): step()
    analysis.get_observations()
    analysis.get_datasets()
    analysis.set_models(SkyModel(LogParabolaSpectralModel(amplitude="3e-11 cm-2 s-1 TeV-1", reference="1 TeV"), name="source"))
    analysis.run_fit()
    analysis.get_flux_points()
    assert analysis.datasets.names == ["stacked"] and isinstance(analysis.runs, Datasets) and isinstance(analysis.flux_points, FluxPointsDataset)
    assert "converged" in repr(analysis) and "not run yet" in repr(SpectralAnalysis())
    assert "<table>" in analysis._repr_html_()


def test_a_fit_that_does_not_converge_is_no_success():
    "One run, a shape with more freedom than the data can hold."
    analysis = run(observations__obs_ids=[1004], model__type="sbpl", fit__fit_range__min="10 TeV")
    assert not analysis.success and analysis.results()["fit"]["success"] is False
    assert analysis.remarks[0].startswith("the fit did not converge: the matrix of second derivatives is not positive definite") and analysis.results()["models"][0]["parameters"]["amplitude"]["error"] is None


def test_results_have_no_nan():
    import json
    json.dumps(run(observations__obs_ids=[1004], flux_points__energy={"min": "0.2 TeV", "max": "39 TeV", "nbins": 30}).results(), allow_nan=False)


def test_thousands_of_remarks_of_one_kind_are_a_few_and_a_number():
    "10000 bands gave 1 MB of warnings."
    remarks = []
    with warnings_as_remarks(remarks):
        for i in range(3000): warnings.warn(f"run {i}: odd", SpecnbWarning)
    assert len(remarks) == 21 and remarks[0] == "run 0: odd" and remarks[-1] == "warnings: 2980 more remarks like these"


def test_the_high_level_interface_takes_models_as_text_adds_to_them_and_changes_its_configuration():
    from specnb import Analysis
    text = Models([SkyModel(PowerLawSpectralModel(), name="source")]).to_yaml().replace("frozen: false", "frozen: false\n      scale: 1.0")
    analysis = Analysis({"observations": {"datastore": "demo"}, "datasets": {"stack": True}})
    analysis.update_config("flux_points: {energy: {min: 1 TeV, max: 10 TeV, nbins: 2}}")
    analysis.get_observations(), analysis.get_datasets()
    analysis.set_models(text)
    analysis.set_models(SkyModel(PowerLawSpectralModel(amplitude="0 cm-2 s-1 TeV-1"), name="other"))
    assert analysis.models.names == ["source", "other"]
    analysis.set_models(text, extend=False)
    assert analysis.models.names == ["source"]
    analysis.run_fit(), analysis.get_flux_points()
    assert analysis.success and len(analysis.flux_points.data) == 2
    with pytest.raises(TypeError, match="config: expected an AnalysisConfig"): Analysis("spam")
    with pytest.raises(TypeError, match="config: expected an AnalysisConfig"): analysis.update_config(0)
    with pytest.raises(RuntimeError, match="general.models_file: no file is named"): analysis.write_models()


def test_a_light_curve_is_measured_when_the_configuration_asks_for_one():
    "Intervals as a word, a duration into which runs are cut, or dates; the spectrum stays as it is."
    plain, cut = run(), run(light_curve__time_intervals="15 min", light_curve__energy_edges__nbins=2)
    found, expected = cut.results(), plain.results()
    assert "light_curve" not in expected and found["flux_points"] == expected["flux_points"]
    curve = found["light_curve"]
    assert len(curve["flux"]) == 8 and len(curve["flux"][0]) == 2 and found["light_curve_units"]["flux"] == "1 / (s cm2)"
    plain.get_light_curve()
    assert len(plain.light_curve) == 4 and "light_curve" in plain.figures()
    test = plain.results()["light_curve"]["constancy"] # the simulated source is constant
    assert .01 < test["ts_p_value"][0] < 1 and .01 < test["p_value"][0] < 1 and test["n_points"] == [4]
    assert record_results(plain)["curve_p_value"].value == test["ts_p_value"][0] and len(record_results(cut)["curve_p_value"].value) == 2
    assert f"constant flux: p = {test['ts_p_value'][0]:.2g}" in repr(light_curve_view(plain))
    for name in ("counts", "npred"): # two bands of parts of a run, the run
        parts = np.nansum(cut.light_curve.data[name], axis=(1, 2)).reshape(4, 2).sum(1)
        np.testing.assert_allclose(parts, np.nansum(plain.light_curve.data[name], axis=(1, 2)), rtol=.02 if name == "npred" else 0)
    start, stop = (t.utc.iso for t in (plain.light_curve.time_axis.time_min[0], plain.light_curve.time_axis.time_max[1]))
    middle = plain.light_curve.time_axis.time_mid[1].utc.iso
    plain.config = plain.config.update({"light_curve": {"time_intervals": [[start, middle], [middle, stop]]}})
    plain.get_light_curve()
    counts = plain.light_curve.data["counts"]
    assert counts.shape == (2, 1, 3) and np.isfinite(counts).sum() == 3 and np.nansum(counts) > 100


def test_a_calibration_with_priors_is_fitted_beside_the_source():
    fixed, free = run(), run(nuisance={"background_norm": .05, "area_norm": {"mu": 1, "sigma": .1}})
    models = {m["name"]: m for m in free.results()["models"]}
    assert models["nuisance"]["type"] == "NuisanceModel" and free.models.names == ["source", "nuisance"]
    found = models["nuisance"]["parameters"]
    assert found["energy_scale"]["frozen"] and found["energy_scale"]["value"] == 1
    assert found["area_norm"]["error"] == pytest.approx(.1, rel=1e-3) # known from the prior alone
    errors = [a.models["source"].spectral_model.amplitude.error / a.models["source"].spectral_model.amplitude.value for a in (fixed, free)]
    assert errors[1] == pytest.approx((errors[0]**2 + .1**2)**.5, rel=.02)
    assert "nuisance: background_norm" in repr(fit_view(free))


RINGS = {  # sections of the background, OFF counts
    "ring": {"method": "ring", "parameters": {"r_in": "0.4 deg", "width": "0.3 deg"}},
    "regions": {"method": "regions", "parameters": {"regions": "icrs;circle(83.63,22.6,0.2)"}}}


@pytest.mark.parametrize("method", RINGS)
def test_background_of_a_method_is_that_of_its_maker(method):
    from specnb import GivenRegionsBackgroundMaker, RingBackgroundMaker
    analysis = SpectralAnalysis({"datasets": {"background": RINGS[method]}, "observations": {"obs_ids": [1001, 1002]}})
    analysis.get_observations(), analysis.get_datasets()
    maker = RingBackgroundMaker("0.4 deg", "0.3 deg") if method == "ring" else GivenRegionsBackgroundMaker("icrs;circle(83.63,22.6,0.2)")
    on, _, safe = analysis.config.datasets.makers()
    for run, obs in zip(analysis.runs, analysis.observations):
        other = maker.run(on.run(analysis.config.datasets.empty(), obs), obs)
        assert run.arrays.n_off.sum() > 0 and list(run.arrays.n_off) == list(other.arrays.n_off)


def test_an_on_region_of_another_shape_and_exclusion_from_tables(tmp_path):
    from astropy.table import Table
    Table({"RA": [83.63, 10], "DEC": [22.6, 0], "Vmag": [3., 1], "B-V": [0., 0]}).write(tmp_path / "c.ecsv")
    base = {"observations": {"obs_ids": [1001, 1003]}}
    def runs(**datasets):
        analysis = SpectralAnalysis({**base, "datasets": datasets})
        analysis.get_observations(), analysis.get_datasets()
        return analysis
    plain, wide = runs(), runs(on_region={"shape": "icrs;ellipse(83.63,22.01,0.22,0.11,30)"}, containment_correction=False)
    assert [d.counts.data.sum() for d in wide.runs] > [d.counts.data.sum() for d in plain.runs]
    table = {"catalogue": {"file": str(tmp_path / "c.ecsv"), "radius": "0.3 deg"}}
    stars = {"stars": {"max_star_mag": 4, "star_table": str(tmp_path / "c.ecsv")}}
    off = [[int(d.arrays.n_off.sum()) for d in runs(background=b).runs] for b in ({}, table, stars)]
    assert off[1] == off[2] and off[1][1] < off[0][1]
    assert len(runs(background=table).exclusion) == 3 and len(runs(background=stars).exclusion) == 2


def test_off_regions_that_do_not_agree_are_told():
    agree = run(datasets__background__homogeneity=True)
    found = agree.results()["off_homogeneity"]
    assert found["p_value"][-1] == pytest.approx(agree.homogeneity.total_p_value) and found["p_value"][-1] > .01 and not agree.remarks
    assert "off_homogeneity" in agree.figures() and "off_homogeneity" not in run().results()
    ra, dec = agree.observations[0].pointing_deg
    other_side = {"lon": f"{2*ra - 83.63} deg", "lat": f"{2*dec - 22.01} deg"} # so that the source is in an OFF region
    lit = SpectralAnalysis({"datasets": {"on_region": other_side, "background": {"method": "wobble", "homogeneity": True}}, "observations": {"obs_ids": [1001]}})
    lit.get_observations(), lit.get_datasets()
    assert lit.remarks[-1].startswith("the counts of the OFF regions differ by more than chance: p = ")


def test_a_sweep_has_limits_and_sensitivity_as_columns(tmp_path):
    "Limits of a narrower ON region, beside a background known to a few percent; the numbers are those of the single analysis."
    settings = {"limits": {"enabled": True, "index": [2, 2.5], "energy_min": "1 TeV", "confidence_level": .95},
                "sensitivity": {"enabled": True}, "flux_points": {"energy": {"nbins": 2}}, "datasets": {"stack": True}}
    table = sweep(AnalysisConfig(**settings), {"nuisance.background_norm": [.02, .1]}, tmp_path / "s", n_jobs=1, progress=False).table
    assert len(table) == 2 and table["background_norm.nuisance_err"][0] < table["background_norm.nuisance_err"][1]
    single = SpectralAnalysis(AnalysisConfig(**settings, nuisance={"background_norm": .1})).run()
    found = single.results()
    assert table["limits_flux_ul"][1].tolist() == found["limits"]["flux_ul"] and found["limits_units"]["flux_ul"] == "1 / (s cm2)"
    assert table["limits_index"][0].tolist() == [2, 2.5] and len(table["sensitivity_e2dnde"][0]) == len(found["sensitivity"]["e2dnde"]) == 27
    close(single.limits.confidence_level, .95)
    assert any("upper limit for index 2: detected" in r for r in single.remarks)
    assert len(limits_view(single).rows) == 2 and 0 < len(sensitivity_view(single).rows) < 27
    names = write_products(single, tmp_path / "p", figures=False)
    assert {"tables/limits.ecsv", "tables/sensitivity.ecsv"} <= set(names)
