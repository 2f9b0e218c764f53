"""What a reader sees in a picture: numbers on axes, names in legends, colours, units."""
import matplotlib.pyplot
import numpy as np
from astropy import units as u
from astropy.time import Time
from matplotlib.figure import Figure
from specnb import (EventList, ExpCutoffPowerLawSpectralModel, FluxPoints, FluxPointsDataset, PowerLawSpectralModel,
                    ReflectedRegionsFinder, SkyModel, TimeMapAxis, WcsGeom, WcsNDMap, demo_datasets,
                    demo_observations, plot_off_regions, sky_regions)
from specnb.base.figures import log_scale, series_colors
from specnb.models.model_base import Covariance

matplotlib.use("agg")
LAW = PowerLawSpectralModel(index=2.4, amplitude="3e-11 cm-2 s-1 TeV-1")


def axes(**kwargs):
    return Figure(**kwargs).add_subplot()


def numbers(ax, name="x"):
    "Labels that are seen along an axis."
    axis, limits = getattr(ax, f"{name}axis"), sorted(getattr(ax, f"get_{name}lim")())
    shown = {}
    for minor in (False, True):
        pairs = zip(axis.get_ticklocs(minor=minor), axis.get_ticklabels(minor=minor))
        shown |= {place: label.get_text() for place, label in pairs if label.get_text() and limits[0] <= place <= limits[1]}
    return [shown[k] for k in sorted(shown)]


def texts(ax):
    return [t.get_text() for t in ax.get_legend().get_texts()]


def some_points(scale=1., is_ul=(False, False, True)):
    model, e = LAW.copy(), np.array([1., 2, 4, 8])
    data = dict(e_ref=np.sqrt(e[1:]*e[:-1]), e_min=e[:-1], e_max=e[1:], norm=np.full(3, scale), norm_err=np.full(3, .1*scale),
                norm_ul=np.full(3, 1.2*scale), ts=np.where(is_ul, 0., 100.))
    return FluxPoints(data, model)


def test_a_decade_has_more_numbers_than_powers_of_ten():
    for limits, count in (((1, 9.5), 5), ((.7, 30), 5), ((.01, 100), 5), ((2, 3), 2), ((3e-13, 2e-12), 3)):
        ax = log_scale(axes(), "xy")
        ax.set(xlim=limits, ylim=limits)
        for name in "xy":
            found = numbers(ax, name)
            assert len(found) >= count and len(set(found)) == len(found)
            assert ("\\times" in "".join(found)) == (limits[1] < 1e-3)
        if limits[0] == .01:
            assert numbers(ax) == ["0.01", "0.1", "1", "10", "100"]


def test_spectra_have_labelled_energies_in_any_unit():
    ax = LAW.plot([800, 9000]*u.GeV, ax=axes(), xunits="GeV")
    assert {"1000", "2000"} < set(numbers(ax)) and ax.get_xlabel() == "Energy [GeV]"


def test_calls_on_one_axes_take_successive_colours_and_bands_that_of_their_line():
    ax, cutoff = axes(), ExpCutoffPowerLawSpectralModel()
    for model in (LAW, cutoff):
        model.covariance = np.diag([.1, 2e-12, *[0]*(len(model.parameters) - 2)])**2
        model.plot([1, 10]*u.TeV, ax=ax)
    cutoff.plot_error([1, 10]*u.TeV, ax=ax)
    LAW.plot_error([1, 10]*u.TeV, ax=ax)
    lines = [matplotlib.colors.to_rgb(line.get_color()) for line in ax.lines]
    bands = [tuple(c.get_facecolor()[0][:3]) for c in ax.collections]
    assert bands == lines[::-1] and len(set(bands)) == 2
    ax = axes()
    LAW.plot_error([1, 10]*u.TeV, ax=ax)  # the band first
    LAW.plot([1, 10]*u.TeV, ax=ax)
    assert tuple(ax.lines[0].get_color()) == tuple(ax.collections[0].get_facecolor()[0][:3])
    first, second = (some_points(k).plot(ax).containers[-1].lines[0].get_color() for k in (1, 2))
    assert len({tuple(matplotlib.colors.to_rgb(c)) for c in (first, second, ax.lines[0].get_color())}) == 3


def test_limits_are_arrows_of_one_length_in_the_colour_of_their_points():
    ax = some_points().plot(axes(), color="red", label="mine")
    dots, arrows = [c.lines[0] for c in ax.containers]
    assert arrows.get_color() == dots.get_color() == "red" and len(arrows.get_ydata()) == 1 and len(dots.get_ydata()) == 2
    assert arrows.get_markersize() == 28 and ax.get_legend_handles_labels()[1] == ["mine"]
    ax = some_points(is_ul=[True]*3).plot(axes(), label="limits")
    assert ax.get_legend_handles_labels()[1] == ["limits"]


def test_correlations_are_those_of_free_parameters_with_whole_names():
    law = LAW.copy()
    ax = Covariance(law.parameters, np.diag([.1, 1e-12, 0])**2).plot_correlation(Figure((2.5, 2.5), layout="constrained").add_subplot())
    assert [t.get_text() for t in ax.get_xticklabels()] == ["index", "amplitude"] and len(ax.texts) == 4
    ax.figure.draw_without_rendering()
    figure = ax.figure.bbox
    for label in [*ax.get_xticklabels(), *ax.get_yticklabels()]:
        box = label.get_window_extent()
        assert box.x0 >= figure.x0 and box.y0 >= figure.y0


def test_many_series_have_as_many_colours():
    for n in (1, 8, 9, 40):
        assert len({matplotlib.colors.to_hex(c) for c in series_colors(n)}) == n


def off_of(pointings):
    on, = sky_regions("icrs;circle(83.633, 22.014, 0.11)")
    return [ReflectedRegionsFinder().find(on, pointing) for pointing in pointings]


def test_many_pointings_have_a_colour_each_and_a_named_colour_bar():
    off = off_of([(83.633, 22.2 + .01*k) for k in range(34)])
    ax = plot_off_regions(off, labels=[str(k) for k in range(34)])
    crosses = [line for line in ax.lines if line.get_marker() == "+"]
    assert len({matplotlib.colors.to_hex(line.get_color()) for line in crosses}) == 34 and ax.get_legend() is None
    assert ax.figure.axes[-1].get_ylabel() == "Run" and ax.figure.axes[-1].get_yticklabels()[0].get_text() == "0"
    matplotlib.pyplot.close("all")


def test_the_picture_of_off_regions_has_counts_beneath_and_the_on_region_named():
    run, off = demo_observations()[0], off_of([demo_observations()[0].pointing_deg])
    counts = WcsNDMap.from_geom(WcsGeom.create(npix=(60, 60), binsz=.1, proj="TAN", frame="icrs", skydir=(83.633, 22.014)))
    counts.fill_events(run.events)
    smooth = counts.smooth("0.1 deg")
    assert abs(smooth.data.sum() / counts.data.sum() - 1) < .02 and smooth.data.max() < counts.data.max()
    mask = counts.geom.region_mask("icrs;circle(83, 22.5, 0.3)", inside=False)
    for exclusion in (mask, sky_regions("icrs;circle(83, 22.5, 0.3)")):
        ax = plot_off_regions(off, labels=["1001"], counts=smooth, exclusion=exclusion)
        assert [t.get_text() for t in ax.texts] == ["ON"] and texts(ax) == ["1001"] and len(ax.images) == 1
        assert ax.figure.axes[-1].get_ylabel() == "Events [deg$^{-2}$]"
        matplotlib.pyplot.close("all")
    ax = plot_off_regions(off, mask.plot(), counts=smooth)  # the pixels of another image
    assert any(isinstance(c, matplotlib.collections.QuadMesh) for c in ax.collections) or len(ax.images) == 2
    matplotlib.pyplot.close("all")


def test_the_picture_of_a_run_has_labels_units_and_its_field_of_view():
    axes = demo_observations()[0].peek()
    assert all(ax.get_xlabel() and ax.get_ylabel() for ax in axes) and len(axes) == 6
    assert texts(axes[0]) == ["pointing", "target", "field of view"] and axes[3].get_ylabel() == "Effective area [m$^{2}$]"
    bars = [ax.get_ylabel() for ax in axes[0].figure.axes if ax not in axes]
    assert bars == ["Events", "Probability density"] and "1001" in axes[0].figure.get_suptitle()
    matplotlib.pyplot.close("all")


def test_events_on_both_sides_of_right_ascension_zero_are_one_image():
    events = EventList(np.ones(4), np.array([359.9, .1, .2, 359.8]), np.zeros(4), np.arange(4.))
    low, high = sorted(events.plot_image(axes()).get_xlim())
    assert high - low < 1


def test_legends_name_source_instrument_and_dataset():
    run = demo_datasets(LAW)[0]
    name = run.models[0].name
    upper, lower = run.plot_fit(*Figure().subplots(2), kwargs_residuals={"method": "diff/sqrt(model)"})
    assert upper.get_legend().get_title().get_text() == "1001: Crab-like (SIMULATED)" and f"Model {name}" in texts(upper)
    assert lower.get_ylabel() == "(counts $-$ model)\n/ $\\sqrt{\\mathrm{model}}$"
    points = FluxPointsDataset(data=some_points(), models=SkyModel(LAW, name="Crab"), name="HESS")
    upper, lower = points.plot_fit(*Figure().subplots(2), kwargs_residuals={"method": "diff/err"})
    assert texts(upper) == ["Model Crab", "HESS"] and lower.get_ylabel() == "(flux $-$ model)\n/ error"


def test_dates_are_short_and_times_have_their_scale():
    axis = TimeMapAxis([0, 2]*u.h, [1, 3]*u.h, reference_time=Time("2026-01-01 22:00:00"))
    ax = axes()
    ax.errorbar(axis.as_plot_center, [1, 2], fmt="o")
    axis.format_plot_xaxis(ax)
    assert max(map(len, numbers(ax))) <= 8 and ax.get_xlabel().startswith("Time [")
