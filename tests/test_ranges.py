"Damaged and unusual responses: what they mean is used or refused; nothing becomes a flux that is wrong without a word."
import warnings
import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from specnb.base.axes import MapAxis
from specnb.base.core import DataError, SpecnbWarning
from specnb.data.background import Background2D, Background3D
from specnb.data.edisp import EDispKernel, EnergyDispersion2D
from specnb.data.irf import EffectiveAreaTable2D, RadMax2D
from specnb.data.psf import EnergyDependentMultiGaussPSF, PSF3D, PSFKing
from specnb.data.ranges import PHYSICAL_RANGES, check_range
from specnb import demo_dir, validate

ENERGY = MapAxis.from_energy_bounds(.0126, 199, 21, unit="TeV", name="energy_true")
OFFSET = MapAxis.from_edges([0, 1, 2, 3, 4, 5, 6], name="offset", unit="deg")
MIGRA = MapAxis.from_bounds(0, 3, 60, name="migra")
FIELD = [MapAxis.from_bounds(-6, 6, 12, name=name, unit="deg") for name in ("fov_lon", "fov_lat")]
E, O = ENERGY.center_value[:, None], OFFSET.center_value


def change(hdu, **columns):
    "The first values of columns, set; the HDU is changed."
    for name, value in columns.items(): hdu.data[name].flat[:3] = value
    return hdu


def rebuilt(hdu, column, name=None, form=None, unit=False, dim=False, make=lambda x: x):
    "The table with another name, TFORM, unit, TDIM or content of one column."
    columns = [fits.Column(name or c.name, form or c.format, c.unit if unit is False else unit, dim=c.dim if dim is False else dim, array=make(hdu.data[c.name]))
               if c.name == column else fits.Column(c.name, c.format, c.unit, dim=c.dim, array=hdu.data[c.name]) for c in hdu.columns]
    return fits.BinTableHDU.from_columns(columns, fits.Header([c for c in hdu.header.cards if c.keyword.startswith("HDUC")]), name=hdu.name)


def saved(path, *hdus):
    fits.HDUList([fits.PrimaryHDU(), *hdus]).writeto(path, overwrite=True)
    return path


def demo_hdu(name):
    with fits.open(demo_dir() / "run_001001.fits.gz") as file: return file[name].copy()


READERS = {"AEFF": EffectiveAreaTable2D, "EDISP": EnergyDispersion2D, "PSF": PSF3D, "BKG": Background3D}
DAMAGED = {"AEFF EFFAREA 1e30": "3 of 480 values are not from 0 to 1e\\+08 m2, the first is 1e\\+30", "AEFF EFFAREA -1e6": "3 of 480 values are not from 0",
           "EDISP MATRIX -2": "not from 0 to", "EDISP MATRIX 1e9": "not from 0 to", "EDISP MATRIX 1e4": "a bin of MIGRA with a probability of 400",
           "PSF RPSF 1e20": "not from 0", "PSF RPSF -1e6": "not from 0", "BKG BKG 1e9": "not from 0", "BKG BKG -1": "not from 0",
           "AEFF ENERG_LO -1": "not above 0 and up to 1e\\+06 TeV", "AEFF THETA_HI 400": "not from 0 to 90 deg", "PSF RAD_HI -4": "not from 0 to 90 deg",
           "BKG DETX_LO -1e5": "not from -90 to 90 deg", "EDISP MIGRA_HI 1e30": "not from 0 to 10000"}


@pytest.mark.parametrize("case", DAMAGED)
def test_values_that_cannot_be_are_refused_by_reading_and_validate_alike(tmp_path, case):
    hdu, column, value = case.split()
    path = saved(tmp_path / "irf.fits", change(demo_hdu(hdu), **{column: float(value)}))
    with pytest.raises(DataError, match=rf"irf.fits\[{hdu}\]: column.*{DAMAGED[case]}"): READERS[hdu].read(path)
    errors = [p for p in validate(path) if p.severity == "error"]
    assert errors and all(p.hdu == hdu for p in errors)


def test_a_psf_that_contains_many_times_everything_is_refused(tmp_path):
    path = saved(tmp_path / "psf.fits", change(demo_hdu("PSF"), RPSF=1e11))
    with pytest.raises(DataError, match=r"psf.fits\[PSF\]: column RPSF adds up to a probability of"): PSF3D.read(path).containment_value(.1, 1, .5)
    assert any(p.severity == "error" and "adds up to" in p.message for p in validate(path))


def test_small_negative_areas_are_taken_as_zero_with_a_warning_of_validate(tmp_path):
    "As in some public runs of H.E.S.S."
    good = EffectiveAreaTable2D.read(demo_dir() / "run_001001.fits.gz")
    path = saved(tmp_path / "run.fits", change(demo_hdu("AEFF"), EFFAREA=-50.))
    aeff = EffectiveAreaTable2D.read(path)
    e = good.axes[0].center_value
    assert (aeff.value(e[:3], 0) == 0).all() and np.array_equal(aeff.value(e[4:], .7), good.value(e[4:], .7))
    found, = validate(path)
    assert found.severity == "warning" and "3 of 480 values are not from 0 to 1e+08 m2, the first is -50; taken as 0" in found.message


@pytest.mark.parametrize("hdu, column", [("AEFF", "EFFAREA"), ("AEFF", "ENERG_LO"), ("EDISP", "MATRIX"), ("BKG", "BKG")])
def test_logical_columns_are_no_numbers(tmp_path, hdu, column):
    old = demo_hdu(hdu)
    path = saved(tmp_path / "l.fits", rebuilt(old, column, form=old.columns[column].format[:-1] + "L", make=lambda x: x > 0))
    with pytest.raises(DataError, match=rf"column {column} holds logical values, expected numbers"): READERS[hdu].read(path)
    assert any(p.severity == "error" and p.where == column and "logical" in p.message for p in validate(path))


def test_made_in_memory_the_same_ranges_hold():
    with pytest.raises(ValueError, match="EffectiveAreaTable2D: column EFFAREA: 126 of 126 values are not from 0 to 1e"): EffectiveAreaTable2D([ENERGY, OFFSET], 1e12 + 0 * E * O)
    with pytest.raises(ValueError, match="column SIGMA: .* not from 0 to 90 deg"): PSFKing([ENERGY, OFFSET], [2 + 0 * E * O, 400 + 0 * E * O])
    assert check_range([1, 2], "no such column", "here").dtype == float
    assert all(span.low < span.high for span in PHYSICAL_RANGES.values())


# --- the responses of CTA's first data challenge (prod3b), made here in their form -----------------------------------------------

def prod3b(folder):
    "AEFF, PSF, EDISP and BKG as in the public caldb: names of an older format, no HDUCLAS4 of today, SCALE without unit, BGD."
    ones, sigma = 0 * E * O + 1, .15 * E**-.3 * (1 + .05 * O)
    made = {"EFFECTIVE AREA": EffectiveAreaTable2D([ENERGY, OFFSET], 1e5 * E**.5 / (1 + O)),
            "POINT SPREAD FUNCTION": EnergyDependentMultiGaussPSF([ENERGY, OFFSET], [ones, sigma, 0 * ones, 0 * ones, 0 * ones, 0 * ones]),
            "ENERGY DISPERSION": EnergyDispersion2D.from_gauss(ENERGY, MIGRA, OFFSET, 0, .1),
            "BACKGROUND": Background3D([ENERGY.rename("energy"), *FIELD], 1e-4 * E[..., None]**-2.7 + np.zeros((21, 12, 12)))}
    hdus = [irf.to_hdu(name) for name, irf in made.items()]
    hdus[1] = rebuilt(hdus[1], "SCALE", unit=None)
    for end in ("LO", "HI"): hdus[2] = rebuilt(hdus[2], f"ENERG_{end}", f"ETRUE_{end}")
    hdus[3] = rebuilt(hdus[3], "BKG", "BGD", unit="1/s/MeV/sr")
    for hdu, four in zip(hdus, ("2D", "3GAUSS", "2D", "3D")):
        hdu.header["HDUCLASS"], hdu.header["HDUCLAS4"] = "OGIP", four
    return made, saved(folder / "irf_file.fits", *hdus)


@pytest.fixture(scope="module")
def cta(tmp_path_factory): return prod3b(tmp_path_factory.mktemp("cta"))


@pytest.mark.parametrize("name", ["EFFECTIVE AREA", "POINT SPREAD FUNCTION", "ENERGY DISPERSION", "BACKGROUND"])
def test_the_responses_of_prod3b_are_read(cta, name):
    made, path = cta
    with warnings.catch_warnings(action="error"): back = type(made[name]).read(path)   # neither name nor index are needed
    np.testing.assert_allclose(back.data, made[name].data, rtol=1e-6)
    assert back.label.endswith(f"irf_file.fits[{name}]") and [a.name for a in back.axes] == [a.name for a in made[name].axes]


def test_validate_tells_each_default_of_prod3b_and_no_error(cta):
    problems = validate(cta[1])
    assert not [p for p in problems if p.severity == "error"]
    found = {(p.hdu, p.where): p.message for p in problems}
    assert found["POINT SPREAD FUNCTION", "SCALE"] == "has no unit, taken as sr-1, the unit of the format"
    assert found["ENERGY DISPERSION", "ETRUE_LO"] == "older name of ENERG_LO, as which it is taken"
    assert {hdu for hdu, where in found if where == "HDUCLAS4"} == set(cta[0])


def test_a_missing_unit_of_a_value_that_matters_is_told_when_it_is_read(tmp_path):
    path = saved(tmp_path / "p.fits", rebuilt(demo_hdu("PSF"), "RPSF", unit=None))
    with pytest.warns(SpecnbWarning, match="column RPSF has no unit, taken as sr-1, the unit of the format"): PSF3D.read(path)


# --- the cut as a keyword ---------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("value, deg", [(.2, .2), ("0.2 deg", .2), ("0.2", .2), ("12 arcmin", .2), (1, 1.)])
def test_rad_max_is_a_number_in_deg_or_a_text_with_a_unit(value, deg):
    aeff = EffectiveAreaTable2D([ENERGY, OFFSET], 1 + 0 * E * O, is_pointlike=True, meta={"RAD_MAX": value})
    assert RadMax2D.from_irf(aeff).value(1, 1) == pytest.approx(deg)


@pytest.mark.parametrize("value", ["small", "0.2 TeV", True, 0, -1, np.nan, 1e9, "", None])
def test_rad_max_of_no_meaning_is_refused(value):
    aeff = EffectiveAreaTable2D([ENERGY, OFFSET], 1 + 0 * E * O, is_pointlike=True, meta={"RAD_MAX": value})
    with pytest.raises(DataError, match="keyword RAD_MAX"): RadMax2D.from_irf(aeff)


def test_validate_tells_a_rad_max_with_its_unit_and_refuses_an_alignment_that_is_none(tmp_path):
    aeff, bkg = demo_hdu("AEFF"), demo_hdu("BKG")
    aeff.header["RAD_MAX"], bkg.header["FOVALIGN"] = "0.2 deg", "NORTH"
    path = saved(tmp_path / "x.fits", aeff, bkg)
    assert {(p.severity, p.where) for p in validate(path)} == {("warning", "RAD_MAX"), ("error", "FOVALIGN")}
    with pytest.raises(DataError, match=r"x.fits\[BKG\]: fov_alignment, keyword FOVALIGN: expected one of RADEC, ALTAZ.*found 'NORTH'"): Background3D.read(path)


# --- shapes -----------------------------------------------------------------------------------------------------------------------

def test_the_width_of_a_gaussian_dispersion_is_taken_along_the_energies():
    "Also where there are as many offsets as energies (Gammapy: arrays have the dimension of energy_true)."
    energy, offset = MapAxis.from_energy_bounds(.1, 10, 3, unit="TeV", name="energy_true"), MapAxis.from_bounds(0, 3, 3, name="offset", unit="deg")
    edisp = EnergyDispersion2D.from_gauss(energy, MIGRA, offset, bias=[0, .1, .2], sigma=np.array([.1, .2, .4]))
    assert (edisp.data == edisp.data[:, :, :1]).all()
    mean = (edisp.data[..., 0] * MIGRA.center_value).sum(1) / edisp.data[..., 0].sum(1)
    spread = ((edisp.data[..., 0] * (MIGRA.center_value - mean[:, None])**2).sum(1) / edisp.data[..., 0].sum(1))**.5
    np.testing.assert_allclose(mean, [1, 1.1, 1.2], atol=.01)
    np.testing.assert_allclose(spread, [.1, .2, .4], atol=.02)
    for bad in (np.ones(2), np.ones((3, 3)), np.ones((3, 2, 1)), 0, -1, np.nan):
        with pytest.raises(ValueError, match="sigma: expected"): EnergyDispersion2D.from_gauss(energy, MIGRA, offset, 0, bad)
    with pytest.raises(ValueError, match=r"bias: expected the shape a number, \(3,\)"): EDispKernel.from_gauss(energy, energy.rename("energy"), .1, np.ones(4))
    with pytest.raises(TypeError, match="sigma: expected"): EnergyDispersion2D.from_gauss(energy, MIGRA, offset, 0, 1 * u.TeV)


def test_a_table_with_exchanged_axes_is_refused(tmp_path):
    path = saved(tmp_path / "t.fits", rebuilt(demo_hdu("AEFF"), "EFFAREA", dim="(6,80)", make=lambda x: x.reshape(1, 80, 6)))
    with pytest.raises(DataError, match=r"column EFFAREA has shape \(80, 6\), expected \(6, 80\) from its axes"): EffectiveAreaTable2D.read(path, "AEFF")


def test_a_background_without_tdim_is_refused(tmp_path):
    bkg = Background2D([ENERGY.rename("energy"), OFFSET], 1e-6 + 0 * E * O).to_hdu()
    path = saved(tmp_path / "b.fits", rebuilt(bkg, "BKG", dim=None, make=lambda x: x.reshape(1, -1)))
    with pytest.raises(DataError, match=r"column BKG has shape \(126,\), expected \(21, 6\) or the reverse"): Background2D.read(path, "BACKGROUND")


def test_axes_of_one_node_and_axes_that_fall(tmp_path):
    one = MapAxis.from_nodes([.5], name="offset", unit="deg")
    aeff = EffectiveAreaTable2D([ENERGY, one], 1 + E)
    aeff.write(tmp_path / "one.fits")
    back = EffectiveAreaTable2D.read(tmp_path / "one.fits")
    np.testing.assert_allclose(back.value(E[:, 0], .6), 1 + E[:, 0], rtol=1e-6)
    hdu = aeff.to_hdu()
    for end in ("LO", "HI"): hdu.data[f"ENERG_{end}"] = hdu.data[f"ENERG_{end}"][:, ::-1].copy()
    with pytest.raises(DataError, match=r"fall.fits\[EFFECTIVE AREA\]: columns ENERG_LO, ENERG_HI: "): EffectiveAreaTable2D.read(saved(tmp_path / "fall.fits", hdu))


# --- zeros between which logarithms are taken --------------------------------------------------------------------------------------

def test_background_beyond_the_nodes_does_not_rise_out_of_an_empty_bin():
    axis = ENERGY.rename("energy")
    rate = np.where(np.arange(21)[:, None] == 0, 1e-3, 0) + 0 * O
    bkg = Background2D([axis, OFFSET], rate)
    assert bkg.value(axis.edges_value[0], 1) == pytest.approx(1e-3)
    assert np.isfinite(bkg.value(axis.edges_value[:, None], np.linspace(0, 6, 13))).all()


@pytest.mark.parametrize("values", [[1, 0, 1, 0, 0, 1, 0], [0, 0, 0, 0, 0, 0, 1], [0, 0, 1, 1, 1, 0, 0], [0] * 7])
def test_a_table_model_with_zeros_is_finite_everywhere(values):
    from specnb import TemplateSpectralModel
    model = TemplateSpectralModel(np.geomspace(.1, 100, 7) * u.TeV, np.array(values) * 1e-12 * u.Unit("cm-2 s-1 TeV-1"))
    with np.errstate(all="raise", under="ignore"): assert (model(np.geomspace(1e-3, 1e4, 50) * u.TeV).value <= 1.001e-12).all()
    assert np.isfinite([model.integral(.01 * u.TeV, 1e3 * u.TeV).value, model.energy_flux(1 * u.TeV, 10 * u.TeV).value]).all()


@pytest.mark.parametrize("run, wanted", [(23523, [0, 0, 2.4860e-04, .54403]), (23526, [0, 2.4326e-06, .070136, 2.0167]), (23559, [0, 0, 3.2533e-03, 1.1893])])
def test_background_of_public_runs_with_empty_bins_is_finite(hess_dir, run, wanted):
    "Five bins per decade from 0.1 to 40 TeV; numbers of Gammapy 2.1."
    from specnb import DataStore, RegionGeom
    from specnb.makers.reduction import background_per_bin
    geom = RegionGeom.create("icrs;circle(83.63, 22.01, 0.11)", axes=[MapAxis.from_energy_bounds("0.1 TeV", "40 TeV", 5, per_decade=True, name="energy")])
    found = background_per_bin(DataStore.from_dir(hess_dir).obs(run), geom, geom.axes[0].edges_value)
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found[:4], wanted, rtol=3e-4, atol=1e-30)
