"Systematic errors: nuisance parameters added to datasets, errors taken apart, impacts, analysis choices, the table for a paper."
import astropy.units as u
import matplotlib.pyplot as plt
import numpy as np
import pytest
from astropy.table import Table
from specnb import (DerivedQuantity, Fit, GaussianPrior, NuisanceModel, Result, SkyModel, UniformPrior, add_nuisances, choice_variations, choices, error_budget,
                    expected_shift, fit_many, held_covariance, plot_impacts, plot_tornado, sample_counts, systematics)
from specnb.command_line.cli import app
from specnb.fit.problem import FitProblem
from specnb.simulate.example import example_datasets, example_model

close = np.testing.assert_allclose
QUANTITIES = {"flux": DerivedQuantity.flux("1 TeV", "10 TeV"), "energy flux": DerivedQuantity.energy_flux("1 TeV", "10 TeV"),
              "dnde": DerivedQuantity.dnde("2 TeV"), "cut-off": DerivedQuantity.cutoff_energy()}


def example():
    datasets = example_datasets()
    datasets.models = [SkyModel(example_model(), name="source")]
    return datasets


@pytest.fixture(scope="module")
def datasets():
    new = add_nuisances(example(), area_norm=.15, energy_scale=.08, per="run")
    return add_nuisances(new, background_norm=.05, per={"both": ["run 1", "run 2"]})


@pytest.fixture(scope="module")
def found(datasets):
    return systematics(datasets, quantities=QUANTITIES)


def test_impacts_are_those_of_single_fits(datasets, found):
    model = datasets.models["source"].spectral_model
    before = [p.value for p in datasets.parameters]
    for k, name in enumerate(found.nuisances):
        owner, _, which = name.rpartition(".")
        p = getattr(datasets.models[owner], which)
        for shifts, width in ((found.post_shifts, found.post), (found.prior_shifts, found.width)):
            for j, sign in enumerate((1, -1)):
                with datasets.parameters.restore_status():
                    p.value, p.frozen = p.value + sign*width[k], True
                    problem = FitProblem(datasets)
                    problem.write_back(problem.minimize(problem.minimize(problem.start, n_scoring=8).theta[0]).theta[0])
                    values = [*model.parameters.free_parameters.value, *(r.to_value(unit) for r, unit in (
                        (model.integral("1 TeV", "10 TeV"), "cm-2 s-1"), (model.energy_flux("1 TeV", "10 TeV"), "erg cm-2 s-1"),
                        (model(2*u.TeV), "cm-2 s-1 TeV-1"), (1/model.lambda_.quantity, "TeV")))]
                close((found.value + shifts[k, j] - values)/found.total, 0, atol=1e-6, err_msg=name)
    assert [p.value for p in datasets.parameters] == before and {*found.nuisance_status} == {"ok"}


@pytest.mark.parametrize("statistic", ["dwstat", "grouped"])
def test_impacts_follow_the_statistic_of_the_datasets(statistic):
    datasets = example()
    datasets.statistic = statistic
    datasets = add_nuisances(datasets, area_norm=.15, per={"one": "run 1"})
    found, free = systematics(datasets), datasets.models["source"].parameters.free_parameters
    p = datasets.models["one"].area_norm
    p.value, p.frozen = p.value + found.post[0], True
    Fit().run(datasets)
    assert datasets.statistic == statistic
    close((found.value + found.post_shifts[0, 0] - free.value)/found.total, 0, atol=2e-5)


def test_the_statistical_error_is_that_of_a_fit_with_frozen_nuisances_and_the_total_one_that_of_the_fit(datasets, found):
    free = datasets.models["source"].parameters.free_parameters
    model = datasets.models["source"].spectral_model
    close(found.total[:3], free.error, rtol=1e-6)
    close(found.total[3], model.integral_error("1 TeV", "10 TeV")[1].value, rtol=1e-5)
    with datasets.parameters.restore_status():
        for m in datasets.models.nuisances:
            m.freeze()
        Fit().run(datasets)
        close(found.stat[:3], free.error, rtol=1e-5)
        close(found.stat[3], model.integral_error("1 TeV", "10 TeV")[1].value, rtol=1e-5)
    close(np.hypot(found.stat, found.syst), found.total, rtol=1e-12)
    close(found.value[6], 1/free.value[2], rtol=1e-9)
    close(found.total[6]/found.value[6], found.total[2]/found.value[2], rtol=1e-6)


def test_components_and_the_part_of_the_data_add_up_in_quadrature_to_the_covariance(found):
    priors = np.zeros_like(found.covariance)
    priors[found.numbers, found.numbers] = 1/found.width**2
    data = np.linalg.inv(found.covariance) - priors # the information of the counts alone
    of_data = np.einsum("ri,ij,jk,kl,rl->r", found.gradient, found.covariance, data, found.covariance, found.gradient)
    close(of_data + (found.components**2).sum(0), found.total**2, rtol=1e-9)
    shares = found.groups("model")
    assert [*dict.fromkeys(shares["group"])] == ["run 1", "run 2", "both", "all"] and len(shares) == 4*7
    all_of_it = shares[(shares["group"] == "all") & (shares["result"] == "flux")]
    close(all_of_it["syst"], found.syst[3], rtol=1e-9)
    kinds = found.groups("parameter")
    close(np.sqrt((kinds["component"][(kinds["result"] == "dnde") & (kinds["group"] != "all")]**2).sum()),
          kinds["component"][(kinds["result"] == "dnde") & (kinds["group"] == "all")][0], rtol=1e-9)


def test_a_component_is_the_shift_of_the_result_for_a_moved_prior(datasets, found):
    p = datasets.models["run 1"].area_norm
    prior, moved = p.prior, []
    with datasets.parameters.restore_status():
        for step in (.015, -.015): # a tenth of its width, so that it stays linear
            p.prior = GaussianPrior(1 + step, .15)
            Fit().run(datasets)
            moved.append(datasets.models["source"].parameters["amplitude"].value)
    p.prior = prior
    k = found.nuisances.index("run 1.area_norm")
    close((moved[0] - moved[1])/2*10, found.components[k, 1], rtol=2e-3)


def test_the_total_error_covers_toys_with_drawn_calibrations_and_the_statistical_one_does_not():
    plain, rng, draws = example(), np.random.default_rng(5), []
    datasets = add_nuisances(plain, area_norm=.15, energy_scale=.1, per="all")
    problem, background = FitProblem(datasets), [d.arrays.n_bkg for d in plain]
    calibration = [p for p in problem.parameters if p.prior is not None]
    for _ in range(200):
        for p in calibration:
            p.value = max(float(p.prior.sample((), rng)), .5)
        draws.append(sample_counts(datasets, 1, rng, background))
    problem.write_back(problem.start)
    fits = fit_many(datasets, *([np.concatenate([d[w][i] for d in draws]) for i in (0, 1)] for w in (0, 1)))
    stat = np.sqrt(np.diagonal(held_covariance(fits.covariance, np.arange(5) > 2), axis1=1, axis2=2))
    away = np.abs(fits.values - problem.start)[:, 1]
    total, alone = (away < fits.errors[:, 1]).mean(), (away < stat[:, 1]).mean()
    assert fits.success.all() and abs(total - .683) < 3.5*np.sqrt(.683*.317/200)
    assert alone < .5 # 45 % is expected for a statistical error that is half of the total one


def test_what_cannot_be_computed_has_a_status():
    datasets = example()
    wide = NuisanceModel(name="wide", datasets_names="run 1", area_norm=GaussianPrior(1, .1), energy_scale=GaussianPrior(1, .05))
    wide.energy_scale.min, wide.energy_scale.max = .98, 1.02
    free = NuisanceModel(name="free", datasets_names="run 2")
    free.area_norm.frozen = False
    datasets.models = [*datasets.models, wide, free]
    found = systematics(datasets, ["amplitude"])
    status = dict(zip(found.nuisances, found.nuisance_status))
    assert status["free.area_norm"] == "no prior" and "beyond the limits" in status["wide.energy_scale"]
    numbers = found.impact_table()
    row = numbers[list(numbers["nuisance"]).index("free.area_norm")]
    assert np.isnan(row["pull"]) and np.isfinite(row["up"]) and np.isnan(row["prior_up"])
    assert found.status == ["ok"] and np.isfinite(found.total).all() and found.to_table()["status"][0] == "ok"
    plot_impacts(found)
    plt.close("all")
    datasets.models["wide"].area_norm.prior = UniformPrior(.5, 1.5) # flat: nothing tells area from amplitude
    lost = systematics(datasets, ["amplitude"])
    assert "did not converge" in lost.status[0] and np.isnan(lost.total[0])
    assert all("no error after the fit" in text for text in lost.nuisance_status)


def test_nuisances_are_added_to_copies_by_instrument_run_or_group():
    plain = example()
    plain[0].meta, plain[1].meta = {"TELESCOP": "north"}, {"TELESCOP": "south", "INSTRUME": "camera"}
    new = add_nuisances(plain, area_norm=GaussianPrior(1.02, .1), energy_scale=.1)
    assert [(m.name, m.datasets_names) for m in new.models.nuisances] == [("north", ["run 1"]), ("south camera", ["run 2"])]
    assert len(plain.models) == 1 and new.models["source"] is not plain.models["source"] and new[0].arrays is plain[0].arrays
    assert new.models["north"].area_norm.value == 1.02 and new.models["north"].background_norm.frozen
    assert new.models["north"].area_norm.prior is not new.models["south camera"].area_norm.prior
    again = add_nuisances(new, background_norm=.02, per={"north": "run 1"})
    assert "north (2)" in again.models.names
    for fault, per in (("per", 3), ("no dataset named x", {"a": "x"})):
        with pytest.raises(ValueError, match=fault):
            add_nuisances(plain, area_norm=.1, per=per)
    with pytest.raises(ValueError, match="area_norm"):
        add_nuisances(plain, area_norm=-.1)
    with pytest.raises(ValueError, match="add_nuisances"):
        systematics(plain)


def test_the_ranking_is_by_impact_and_can_be_drawn(found):
    ranked = found.impact_table("amplitude")
    size = np.fmax(np.abs(ranked["up"]), np.abs(ranked["down"]))
    assert (np.diff(size) <= 0).all() and ranked.meta == {"result": "amplitude", "unit": "cm-2 s-1 TeV-1"}
    left, right = plot_impacts(found, "amplitude", n=3)
    assert [t.get_text() for t in left.get_yticklabels()] == list(ranked["nuisance"][:3])
    assert "+- " in repr(found) and "<table>" in found._repr_html_()
    with pytest.raises(ValueError, match="result"):
        found.impact_table("norm")
    plt.close("all")


def counting(radius=1., scale=1., fail=False, shape="a"):
    "A measurement of a rate by counts that grow with the radius; a function for sweeps."
    if fail:
        raise ZeroDivisionError("no counts")
    n = int(400*radius)
    shift = {"a": 0, "b": .01, "c": 0}[shape]
    return {"rate": Result((n/400/radius + shift)*scale, "s-1", "rate"), "rate_err": Result(n**.5/400/radius, "s-1", "error"), "counts": n, "counts_off": 7}


def test_choices_vary_one_at_a_time_and_know_what_chance_would_do(tmp_path):
    variations = {"radius": [.5, 2.], "calibration": {"+10 %": {"scale": 1.1}}, "shape": ["b", "c"], "broken": {"yes": {"fail": True}}}
    found = choices(counting, tmp_path/"choices", variations, n_jobs=1, progress=False)
    assert found.names == ["rate"] and found.units == ["s-1"] and found.value[0] == 1 and found.error[0] == .05
    assert [v.label for v in found.variations] == ["0.5", "2.0", "+10 %", "b", "c", "yes"]
    assert found.recounted.tolist() == [True, True, False, False, False, True]
    close(found.expected[:5, 0], [np.sqrt(1/200 - 1/400), np.sqrt(1/400 - 1/800), 0, 0, 0])
    close(found.shift[:5, 0], [0, 0, .1, .01, 0], atol=1e-12)
    assert found.status[5] == "failed: ZeroDivisionError: no counts" and np.isnan(found.shift[5, 0])
    close([found.spread[0], found.spread_beyond[0]], np.hypot(.1, .01))
    parts = found.to_table()
    close(parts["percent"][2:4], [10, 1])
    close(parts["sigma"][2:4], [2, .2])
    assert found.spread_table()["largest"][0] == "calibration"
    axes = plot_tornado(found)
    assert [t.get_text() for t in axes.get_yticklabels()] == ["calibration", "shape", "radius", "broken"]
    assert "1 do not count" in repr(found) and "<table>" in found._repr_html_()
    plt.close("all")
    with pytest.raises(RuntimeError, match="the baseline failed"):
        choices(lambda y=0: {"z": 1/y}, tmp_path/"none", {"y": [1]}, n_jobs=1, progress=False)
    more = choices(counting, tmp_path/"choices", variations | {"radius": [.5, 2., 3.]}, n_jobs=1, progress=False)
    assert more.sweep.table["finished"].tolist()[:3] == found.sweep.table["finished"].tolist()[:3] and len(more.sweep) == 8


def test_a_difference_of_nested_samples_has_the_variance_that_is_expected():
    x = np.random.default_rng(1).exponential(size=(4000, 300))
    scatter = (x[:, :100].mean(1) - x.mean(1)).std()
    close(scatter, expected_shift(1/np.sqrt(100), 1/np.sqrt(300)), rtol=3.5/np.sqrt(2*4000))


def test_usual_variations_follow_the_configuration():
    usual = choice_variations({})
    assert list(usual)[:6] == ["ON radius", "threshold", "OFF finder", "binning", "runs", *(["statistic"] if "statistic" in usual else ["model"])]
    assert usual["model"] == {"pl": {"model": "pl"}, "lp": {"model": "lp"}} and usual["runs"] == {"stacked": {"stack": True}}
    other = choice_variations({"datasets": {"containment_correction": False, "on_region": {"radius": None}, "background": {"method": "wobble"}, "safe_mask": {"methods": ["edisp-bias"]}}, "model": {"type": "pl", "ebl": "dominguez", "redshift": .1}})
    assert {"ON radius", "threshold", "model"} & set(other) == set() and list(other["OFF finder"]) == ["reflected"]
    for fault in ({}, {"nbins": 3}, {"x": {"label": 3}}):
        with pytest.raises(ValueError, match="variations"):
            choices({}, "nowhere", fault)


def test_the_budget_of_a_paper_has_all_errors_in_one_unit(tmp_path, found):
    def flux(scale=1.):
        return {"flux": Result(2.4e-7*scale, "m-2 s-1", ""), "flux_err": Result(2e-8, "m-2 s-1", ""), "counts": 1, "counts_off": 1}
    other = choices(flux, tmp_path/"flux", {"scale": [1.05]}, n_jobs=1, progress=False)
    budget = error_budget(found, other)
    row, = budget.rows
    assert (row.result, row.unit, row.value) == ("flux", "cm-2 s-1", found.value[3])
    close([row.stat, row.syst, row.choices], [found.stat[3], found.syst[3], .05*2.4e-11])
    close(budget.to_table()["total"], np.sqrt(found.total[3]**2 + 1.44e-24))
    assert budget.to_markdown().splitlines()[2] == "| flux | 2.42 | 0.21 | 0.32 | 0.12 | 1e-11 cm-2 s-1 |"
    assert r"flux & 2.42 & 0.21 & 0.32 & 0.12 & $10^{-11}$ cm$^{-2}$ s$^{-1}$ \\" in budget.to_latex()
    alone = error_budget(found, names=["index", "cut-off"])
    assert np.isnan(alone.rows[0].choices) and "--" in repr(alone) and "<table>" in alone._repr_html_()
    for arguments, fault in (((), "expected systematics"), ((found, other, ["index"]), "index"), ((found, other, []), "no common result")):
        with pytest.raises(ValueError, match=fault):
            error_budget(*arguments)


def test_the_command_line_varies_choices_and_writes_tornado_plots(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    arguments = ["choices", "-g", "stack=true", "-g", "model=pl", "-s", "flux_points.parameters.selection_optional=[]", "-s", "fit.goodness=0", "-r", "index_1TeV", "-j", "1", "-q"]
    assert app(arguments, standalone_mode=False) in (None, 0)
    assert {p.name for p in (tmp_path/"choices").iterdir()} == {"choices.ecsv", "tornado_index_1TeV.png", "sweep.sqlite", "sweep.parquet", "sweep.ecsv"}
    content = Table.read(tmp_path/"choices"/"choices.ecsv")
    assert content["choice"].tolist() == ["stack", "model"] and content["expected"].tolist() == [0, 0] and abs(content["sigma"][0]) < .2
    assert content["status"][1].startswith("rejected")
