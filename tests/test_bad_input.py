"""Bad input, in the order of the list the project keeps: what a user does, the one clear exception or warning that comes, and that no run is lost.

Every case starts where users start: a folder of DL3 files, a maker, a list of datasets, a fit, an estimator of flux points. The chapters' own tests
go into the details; here each kind of mistake meets the whole chain.
"""
import io
import re
import shutil
import tempfile
import warnings
from pathlib import Path
from unittest import mock
import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from numpy.testing import assert_array_equal
from regions import CircleSkyRegion
from specnb import (DataError, DataStore, Datasets, Fit, FluxPointsEstimator, MapAxis, Models, PowerLawSpectralModel, ReflectedRegionsBackgroundMaker,
                    RegionGeom, SafeMaskMaker, SkyModel, SpecnbWarning, SpectrumDataset, SpectrumDatasetMaker, SpectrumDatasetOnOff, WcsGeom,
                    demo_dir, write_dl3)
from specnb.base import tables as file_tables

CRAB = SkyCoord(83.63, 22.01, unit="deg")
RUN = "run_001001.fits.gz"
FLUX = "cm-2 s-1 TeV-1"


# --- the way of a user -------------------------------------------------------------------------------------------------------

def energy_axis(low=.1, high=40, name="energy", per_decade=10): return MapAxis.from_energy_bounds(low, high, per_decade, "TeV", per_decade=True, name=name)
TRUE = energy_axis(.05, 100, "energy_true", 20)


def reduce(observation, center=CRAB, axis=None, true=TRUE, exclusion=None):
    "One run, all makers."
    geom = RegionGeom.create(CircleSkyRegion(center, .11*u.deg), axes=[energy_axis() if axis is None else axis])
    dataset = SpectrumDatasetMaker(containment_correction=True, selection=["counts", "exposure", "edisp"]).run(
        SpectrumDataset.create(geom, true, name=str(observation.obs_id)), observation)
    dataset = ReflectedRegionsBackgroundMaker(exclusion_mask=exclusion).run(dataset, observation)
    return SafeMaskMaker(["aeff-max"]).run(dataset, observation)


def analyse(folder, obs_id=(1001,), **kwargs):
    "From the folder to datasets."
    return Datasets([reduce(o, **kwargs) for o in DataStore.from_dir(folder).get_observations(list(obs_id))])


def power_law(**kwargs): return SkyModel(PowerLawSpectralModel(**{"index": 2.3, "amplitude": f"3e-11 {FLUX}", **kwargs}), name="crab")


@pytest.fixture
def folder(tmp_path):
    "A copy of the demo data, to be damaged; blanks and letters of all kinds in its name must not matter."
    return shutil.copytree(demo_dir(), tmp_path / "Daten für München #1")


@pytest.fixture(scope="module")
def reduced(): return analyse(demo_dir(), (1001, 1002))


@pytest.fixture
def datasets(reduced):
    new = reduced.copy()
    new.models = [power_law()]
    return new


def messages(action):
    "What the action warns of; its result."
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = action()
    assert all(issubclass(w.category, SpecnbWarning) for w in caught), [str(w.message) for w in caught]
    return [str(w.message) for w in caught], result


def edit(path, change):
    "Rewrite a FITS file with changed HDUs (not compressed, whatever its name says: quicker, and no matter to the reader)."
    with fits.open(path) as file: hdus = fits.HDUList([hdu.copy() for hdu in file])
    changed, buffer = change(hdus), io.BytesIO()
    (changed or hdus).writeto(buffer)
    path.write_bytes(buffer.getvalue())


def value(hdu, column, number, place=0):
    "Change one number of a column."
    def change(hdus): hdus[hdu].data[column].reshape(-1)[place] = number
    return change


def column(hdu, name, make):
    "Change a column as a whole."
    def change(hdus): hdus[hdu].data[name] = make(hdus[hdu].data[name])
    return change


def keyword(hdu, **keys):
    "Set keywords, or delete them (None)."
    def change(hdus):
        for key, number in keys.items():
            if number is None: del hdus[hdu].header[key]
            else: hdus[hdu].header[key] = number
    return change


def columns(hdu, keep=lambda name: True, unit=lambda name, old: old, rows=None):
    "Leave out columns, change units, or change the number of rows."
    def change(hdus):
        old, i = hdus[hdu], hdus.index_of(hdu)
        new = [fits.Column(c.name, c.format, unit(c.name, c.unit), dim=c.dim, array=old.data[c.name]) for c in old.columns if keep(c.name)]
        header = fits.Header([c for c in old.header.cards if not c.keyword.startswith(("TTYPE", "TFORM", "TUNIT", "TDIM"))])
        table = fits.BinTableHDU.from_columns(new, header=header, name=old.name)
        if rows is not None: table = fits.BinTableHDU(table.data[np.arange(rows) % len(old.data)], table.header)
        hdus[i] = table
    return change


def renamed(**names):
    "Give HDUs other names."
    def change(hdus):
        found = {hdus[old]: new for old, new in names.items()}
        for hdu, new in found.items(): hdu.name = new
    return change


def check(cases):
    "Parametrize over a table of label -> (..., message)."
    return pytest.mark.parametrize("case", cases.values(), ids=list(cases))


# --- missing, truncated and foreign files ------------------------------------------------------------------------------------

@pytest.mark.parametrize("name", [RUN, "hdu-index.fits.gz"])
@pytest.mark.parametrize("kept", [0, 1, 2, 10, 11, 100, .3, .7])
def test_truncated_files(folder, name, kept):
    whole = (folder / name).read_bytes()
    (folder / name).write_bytes(whole[:int(kept if kept >= 1 else kept * len(whole))])
    with pytest.raises(DataError, match=f"{name}: (not a FITS file|the file is truncated)"): analyse(folder)


@pytest.mark.parametrize("name", [RUN, "hdu-index.fits.gz"])
@pytest.mark.parametrize("content", [b"<html>404 Not Found</html>", b"\x89PNG" * 1000, b"SIMPLE  =", b"\x1f\x8b garbage"])
def test_foreign_files(folder, name, content):
    (folder / name).write_bytes(content)
    with pytest.raises(DataError, match=f"{name}: (not a FITS file|the file is truncated|the compressed data are damaged)"): analyse(folder)


def test_missing_folder_and_index(folder, tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere: no such folder"): DataStore.from_dir(tmp_path / "nowhere")
    (folder / "hdu-index.fits.gz").unlink()
    with pytest.raises(FileNotFoundError, match="hdu-index.fits.gz: no such file"): DataStore.from_dir(folder)
    assert DataStore.from_events_files(folder / RUN).get_observations().ids == ["1001"]   # one file will do without index


# --- an index that lists absent files -------------------------------------------------------------------------------------------

def test_listed_but_absent_runs(folder):
    (folder / "run_001002.fits.gz").unlink()
    store = DataStore.from_dir(folder)
    with pytest.raises(FileNotFoundError, match="run 1002: .*run_001002.fits.gz is listed in .*hdu-index.fits.gz but does not exist"): store.get_observations()
    told, observations = messages(lambda: store.get_observations(skip_missing=True))
    assert observations.ids == ["1001", "1003", "1004"] and len(told) == 1 and "skipped 1 run; the first: run 1002" in told[0]


STORE = {"unknown run": (lambda s: s.get_observations([1001, 7]), "no run 7; 4 runs from 1001 to 1004"),
         "no number": (lambda s: s.get_observations(["crab"]), "obs_id: expected the number of a run, found 'crab'"),
         "half a number": (lambda s: s.obs(1001.5), "obs_id: expected the number of a run, found 1001.5"),
         "unknown responses": (lambda s: s.get_observations(required_irf="full", skip_missing=True), "required_irf: expected one of full-enclosure"),
         "absent responses": (lambda s: s.obs(1001, ["aeff", "rad_max"]), "run 1001: .*hdu-index.fits.gz lists no rad_max; found events, gti, aeff")}


@check(STORE)
def test_wrong_wishes(case):
    with pytest.raises(ValueError, match=case[1]): case[0](DataStore.from_dir(demo_dir()))


INDEX = {"empty": (columns("HDU_INDEX", rows=0), r"hdu-index.fits.gz\[HDU_INDEX\]: the index lists no run"),
         "no table": (lambda hdus: hdus[:1], "hdu-index.fits.gz: no HDU 1; found PRIMARY"),
         "no OBS_ID": (columns("HDU_INDEX", lambda name: name != "OBS_ID"), "no column OBS_ID; found HDU_TYPE"),
         "no HDU_NAME": (columns("HDU_INDEX", lambda name: name != "HDU_NAME"), "no column HDU_NAME; found OBS_ID"),
         "wrong HDU_NAME": (value("HDU_INDEX", "HDU_NAME", "AREA", 2), f"{RUN}: no HDU AREA; found PRIMARY, EVENTS, GTI, AEFF"),
         "unknown HDU_CLASS": (value("HDU_INDEX", "HDU_CLASS", "aeff_3d", 2), r"unknown HDU_CLASS 'aeff_3d'; known are events"),
         "wrong HDU_CLASS": (value("HDU_INDEX", "HDU_CLASS", "edisp_2d", 2), rf"{RUN}\[AEFF\]: no column MIGRA_LO; found ENERG_LO")}


@check(INDEX)
def test_a_wrong_index(folder, case):
    edit(folder / "hdu-index.fits.gz", case[0])
    with pytest.raises(DataError, match=case[1]): analyse(folder)


# --- a missing HDU, column, keyword or unit -----------------------------------------------------------------------------------

MISSING = {f"HDU {name}": (lambda hdus, name=name: hdus.pop(name) and None, f"{RUN}: no HDU {name}; found PRIMARY") for name in ("EVENTS", "GTI", "AEFF", "EDISP", "PSF")}
MISSING |= {f"{a} and {b} exchanged": (renamed(**{a: b, b: a}), rf"{RUN}\[{a}\]: no column")
            for a, b in (("EVENTS", "GTI"), ("AEFF", "EDISP"), ("EDISP", "PSF"), ("EDISP", "BKG"))}
COLUMNS = {"EVENTS": ("TIME", "RA", "DEC", "ENERGY"), "GTI": ("START", "STOP"), "AEFF": ("EFFAREA", "ENERG_LO", "THETA_HI"),
           "EDISP": ("MATRIX", "ENERG_HI", "MIGRA_LO"), "PSF": ("RPSF", "RAD_HI", "THETA_LO")}
MISSING |= {f"column {hdu} {name}": (columns(hdu, lambda other, name=name: other != name), rf"{RUN}\[{hdu}\]: no column {name}; found \w+")
            for hdu, names in COLUMNS.items() for name in names}
UNITS = {"ENERGY": "TeV", "RA": "deg", "START": "s", "EFFAREA": "m2", "ENERG_LO": "TeV", "THETA_HI": "deg", "RPSF": "sr-1"}
PRESCRIBED = "START", "EFFAREA", "ENERG_LO", "THETA_HI", "RPSF"  # taken in the unit of the format, with a warning (test_irf.py), START in that of the header (test_data_sets.py)
MISSING |= {f"unit of {name}": (columns(hdu, unit=lambda other, old, name=name: None if other == name else old),
                                rf"{RUN}\[{hdu}\]: column {name} has no unit, expected one that converts to {UNITS[name]}")
            for hdu, names in COLUMNS.items() for name in names if name in UNITS and name not in PRESCRIBED}
MISSING |= {f"other unit of {name}": (columns(hdu, unit=lambda other, old, name=name: "mag" if other == name else old),
                                      rf"{RUN}\[{hdu}\]: column {name}: unit 'mag' does not convert to '{UNITS[name]}'")
            for hdu, names in COLUMNS.items() for name in names if name in UNITS}
KEYWORDS = {"DEADC": ("EVENTS", (None, "", "high", 0, -.9, 1.5), "run 1001 .*: expected a number in the keyword DEADC, above 0 and up to 1, found"),
            "RA_PNT": ("EVENTS", (None, "", "north"), "run 1001 .*: expected numbers in the keywords RA_PNT, DEC_PNT"),
            "DEC_PNT": ("EVENTS", (120., -91.), "run 1001 .*: expected a position in the sky in the keywords RA_PNT, DEC_PNT, found 83.63.*, "),
            "MJDREFI": ("GTI", (None, "old"), rf"{RUN}\[GTI\]: (no keyword MJDREFI|keyword MJDREFI is 'old', expected float)"),
            "TIMESYS": ("GTI", ("CET",), rf"{RUN}\[GTI\]: keyword TIMESYS is 'CET', expected one of TT, UTC")}
MISSING |= {f"keyword {name} {number!r}": (keyword(hdu, **{name: number}), message)
            for name, (hdu, numbers, message) in KEYWORDS.items() for number in numbers}


@check(MISSING)
def test_missing_parts_of_a_run(folder, case):
    edit(folder / RUN, case[0])
    with pytest.raises(DataError, match=case[1]): analyse(folder)


# --- responses and times that make no sense ---------------------------------------------------------------------------------------

AXES = {"AEFF": ("ENERG", "THETA"), "EDISP": ("ENERG", "MIGRA", "THETA"), "PSF": ("ENERG", "THETA", "RAD")}
SENSELESS = {f"NaN in {hdu} {name}": (value(hdu, name, np.nan, 3), rf"{RUN}\[{hdu}\]: column {name} holds 1 values that are not finite")
             for hdu, name in (("AEFF", "EFFAREA"), ("EDISP", "MATRIX"), ("PSF", "RPSF"))}
SENSELESS |= {f"infinity in {hdu} {name}": (value(hdu, name, np.inf, 3), rf"{RUN}\[{hdu}\]: column {name} holds 1 values that are not finite")
              for hdu, name in (("AEFF", "EFFAREA"), ("EDISP", "MATRIX"), ("PSF", "RPSF"))}
SENSELESS |= {f"{hdu} {name} backwards": (lambda hdus, hdu=hdu, name=name: [column(hdu, f"{name}_{end}", lambda x: x[:, ::-1].copy())(hdus) for end in ("LO", "HI")] and None,
                                          rf"{RUN}\[{hdu}\]: columns {name}_LO, {name}_HI: ") for hdu, names in AXES.items() for name in names}
SENSELESS |= {f"NaN in {hdu} {name}_HI": (value(hdu, f"{name}_HI", np.nan, 1), rf"{RUN}\[{hdu}\]: columns {name}_LO, {name}_HI: expected finite numbers")
              for hdu, names in AXES.items() for name in names}
SENSELESS |= {f"intervals with {end}": (value("GTI", "STOP", end), rf"{RUN}\[GTI\]: {what}") for end, what in ((np.nan, "column STOP holds 1 values that are not finite"), (np.inf, "column STOP holds 1 values"), (-1, "columns START, STOP: GTI: expected finite intervals"))}
SENSELESS |= {"no interval": (columns("GTI", rows=0), rf"{RUN}\[GTI\]: no good time interval, expected at least one")}
SENSELESS |= {f"{name} of {number}": (value("EVENTS", name, number, 5), rf"{RUN}\[EVENTS\]: column {name}( holds|:) 1 (of 4533 )?values (that )?are {what}")
              for name, number, what in (("ENERGY", np.nan, "not finite"), ("RA", np.inf, "not finite"), ("DEC", np.nan, "not finite"), ("TIME", np.nan, "not finite"),
                                         ("ENERGY", 0, "not above 0"), ("ENERGY", -1, "not above 0"), ("ENERGY", 1e20, "not above 0 and up to 1e.06 TeV"),
                                         ("DEC", 123, "not from -90 to 90 deg"), ("RA", 1e20, "not from -360 to 360 deg"), ("TIME", 1e15, "not from"))}
# an empty event list
SENSELESS |= {"no event": (columns("EVENTS", rows=0), rf"{RUN}\[EVENTS\]: the event list is empty, expected at least one event")}


@check(SENSELESS)
def test_numbers_that_cannot_be(folder, case):
    edit(folder / RUN, case[0])
    with pytest.raises(DataError, match=case[1]): analyse(folder)


def test_time_that_is_listed_twice_counts_once(folder):
    before = analyse(folder)[0].arrays
    edit(folder / RUN, columns("GTI", rows=2))
    told, after = messages(lambda: analyse(folder)[0].arrays)
    assert len(told) == 1 and f"{RUN}[GTI]: good time intervals overlap; united they last 1686 s instead of 3372 s" in told[0]
    assert after.livetime == before.livetime and np.array_equal(after.exposure, before.exposure)


def kept_without_safe_bins(dataset):
    "The run is there, without counts that take part; a sum over runs does not notice it, and a fit of it alone is refused."
    a = dataset.arrays
    assert not a.mask_safe.any() and not a.n_off.any()
    with pytest.raises(ValueError, match=f"no bin left to fit in '{dataset.name}'"): Fit().run(dataset.fill(models=[power_law()]))
    with tempfile.TemporaryDirectory() as folder:
        dataset.write(f"{folder}/kept.fits")
        assert not SpectrumDatasetOnOff.read(f"{folder}/kept.fits").arrays.mask_safe.any()
    info = dataset.info_dict()
    assert info["counts"] == info["counts_off"] == 0 and info["stat_sum"] == 0 and np.isfinite(info["sqrt_ts"])


def test_a_run_of_no_time_is_kept(folder, reduced):
    edit(folder / RUN, column("GTI", "STOP", lambda stop: stop - 1686))
    told, datasets = messages(lambda: analyse(folder, (1001, 1002)))
    assert datasets.names == ["1001", "1002"] and all("observation 1001" in t or "dataset '1001'" in t or f"{RUN}[EVENTS]: 4533 of 4533 events are outside" in t for t in told)
    assert any("observation 1001: no exposure, its livetime is 0" in t for t in told)
    kept_without_safe_bins(datasets[0])
    assert_array_equal(datasets.stack_reduce().arrays.n_on, reduced[1:].stack_reduce().arrays.n_on)


# --- energies outside the axes -------------------------------------------------------------------------------------------------------

def test_events_outside_the_axis_are_left_out_and_a_run_with_none_inside_is_told(reduced):
    "Part of the events outside is daily business; all of them is a mistake, of units perhaps."
    narrow = MapAxis.from_edges(energy_axis().edges_value[10:15], "log", "energy", "TeV")
    told, datasets = messages(lambda: analyse(demo_dir(), axis=narrow))
    assert told == [] and np.array_equal(datasets[0].arrays.n_on, reduced[0].arrays.n_on[10:14])
    told, datasets = messages(lambda: analyse(demo_dir(), axis=energy_axis(1e3, 1e5)))
    assert datasets[0].arrays.n_on.sum() == 0
    assert any(re.match(r"observation 1001: none of its \d+ events, .* TeV, is inside the energy axis, 1000-100000 TeV", t) for t in told)


def test_models_beyond_the_true_axis_are_not_seen(datasets):
    "A narrow true axis cuts the prediction, and one that no response covers leaves a run without exposure, which is told."
    whole = datasets[0].signal_counts()
    narrow = analyse(demo_dir(), true=energy_axis(1, 10, "energy_true", 20))[0].fill(models=datasets.models)
    assert 0 < narrow.signal_counts().sum() < whole.sum() and np.all(narrow.signal_counts() <= whole * 1.01 + 1e-9)
    told, far = messages(lambda: analyse(demo_dir(), true=energy_axis(1e3, 1e4, "energy_true")))
    assert any("observation 1001: no exposure, " in t and "energy range" in t for t in told)
    kept_without_safe_bins(far[0])


@pytest.mark.parametrize("hdu, message", [("AEFF", "energy range of the effective area"), ("PSF", "point spread function"), ("EDISP", "energy dispersion")])
def test_responses_for_other_energies_are_told(folder, hdu, message):
    "As if the energies of a table were much higher: effective area and containment are 0 there, an energy dispersion would be extrapolated."
    edit(folder / RUN, lambda hdus: [column(hdu, f"ENERG_{end}", lambda e: e * 5e3)(hdus) for end in ("LO", "HI")] and None)
    told, datasets = messages(lambda: analyse(folder))
    assert any(t.startswith("observation 1001: no ") and message in t for t in told), told
    if hdu != "EDISP": kept_without_safe_bins(datasets[0])


@pytest.mark.parametrize("hdu, name, message", [("AEFF", "EFFAREA", "energy range of the effective area"), ("PSF", "RPSF", "point spread function"), ("EDISP", "MATRIX", "energy dispersion")])
def test_responses_of_zero_are_told(folder, hdu, name, message):
    edit(folder / RUN, column(hdu, name, lambda x: 0 * x))
    told, datasets = messages(lambda: analyse(folder))
    assert any(t.startswith("observation 1001: no ") and message in t for t in told), told
    datasets.models = [power_law()]
    assert datasets[0].signal_counts().sum() == 0 and np.isfinite(datasets[0].stat_sum())


def test_bands_and_slices_outside_the_axis(datasets):
    points = FluxPointsEstimator([1, 10, 1e3, 1e4]*u.TeV, selection_optional="all").run(datasets)
    assert points.success.tolist() == [True, True, False] and points.status[2].startswith("no data")
    assert points.energy_max[1].value == pytest.approx(40)   # a band that reaches beyond ends with the axis
    for low, high in ((50, 60), (1e-3, 1e-2)):
        with pytest.raises(ValueError, match=f"dataset '1001': no bin between energy_min {low:g} and energy_max {high:g} TeV; its axis spans 0.1 - 40 TeV"):
            datasets.slice_by_energy(low*u.TeV, high*u.TeV)
    assert_array_equal(datasets[0].slice_by_energy(1e-3*u.TeV, 1e3*u.TeV).arrays.n_on, datasets[0].arrays.n_on)


# --- the ON region ------------------------------------------------------------------------------------------------------------

@check({"10 deg away": (93.63, 22.01, "outside the field of view"), "behind": (263.63, -22.01, "outside the field of view"),
        "at the pointing": (None, None, "leaves no room for another")})
def test_on_regions_without_off_regions(case):
    "Outside the field of view, or on the pointing: the run stays in the list, without OFF counts, and says why."
    observations = DataStore.from_dir(demo_dir()).get_observations([1001, 1002])
    center = SkyCoord(*(observations[0].pointing_deg if case[0] is None else case[:2]), unit="deg")
    told, datasets = messages(lambda: Datasets([reduce(o, center) for o in observations]))
    assert datasets.names == ["1001", "1002"]
    datasets.models = [power_law()]
    assert len(datasets.info_table(cumulative=True)) == 2 and datasets.info_table(cumulative=True)["counts"][0] == 0
    datasets.models = None
    assert any("observation 1001" in t and case[2] in t for t in told) and any("the run is kept without safe bins" in t for t in told)
    kept_without_safe_bins(datasets[0])


def test_nowhere_to_put_off_regions(reduced):
    everywhere = ~WcsGeom.create(npix=100, binsz=.05, skydir=CRAB, proj="TAN").region_mask([CircleSkyRegion(CRAB, 2*u.deg)])
    told, datasets = messages(lambda: analyse(demo_dir(), exclusion=everywhere))
    assert any("observation 1001: no OFF counts, all" in t and "touch the exclusion mask; the run is kept without safe bins" in t for t in told)
    kept_without_safe_bins(datasets[0])
    both = Datasets([datasets[0], reduced[1].copy()])   # beside a good run it changes nothing
    both.models = [power_law()]
    alone = reduced[1:].copy()
    alone.models = [power_law()]
    assert Fit().run(both).total_stat == pytest.approx(Fit().run(alone).total_stat, abs=1e-9)
    assert_array_equal(both.stack_reduce().arrays.n_off, alone.stack_reduce().arrays.n_off)


def test_an_exclusion_mask_over_the_on_region(reduced):
    over = [CircleSkyRegion(CRAB, .3*u.deg)]
    told, datasets = messages(lambda: analyse(demo_dir(), exclusion=over))
    assert any("the exclusion mask covers (a part of) the ON region" in t for t in told)
    assert_array_equal(datasets[0].arrays.n_on, reduced[0].arrays.n_on)
    assert 0 < datasets[0].arrays.acceptance_off[0] < reduced[0].arrays.acceptance_off[0]


# --- models, parameters, fits -----------------------------------------------------------------------------------------------------

def set_parameter(datasets, name, **changes):
    for key, number in changes.items(): setattr(datasets.models["crab"].parameters[name], key, number)
    return datasets


FITS = {
    "unknown model": (lambda d: d.models["vela"], "no model 'vela'; there are crab"),
    "unknown parameter": (lambda d: d.models["crab"].parameters["gamma"], "no parameter 'gamma'; there are index, amplitude, reference"),
    "unknown parameter of a profile": (lambda d: Fit().stat_profile(d, "gamma"), "no parameter 'gamma'"),
    "unknown parameter of a model": (lambda d: PowerLawSpectralModel(gamma=2), "has no parameter 'gamma'; it has index, amplitude, reference"),
    "unknown source of flux points": (lambda d: FluxPointsEstimator([1, 10]*u.TeV, source="vela").run(d), "no model 'vela'; there are crab"),
    "unknown dataset": (lambda d: d["7"], "no dataset named '7'; there are '1001', '1002'"),
    "start above its limit": (lambda d: Fit().run(set_parameter(d, "index", max=2)), r"parameter index of model crab: the value 2.3 is outside its limits \[nan, 2\]"),
    "start below its limit": (lambda d: Fit().run(set_parameter(d, "index", min=3)), r"parameter index of model crab: the value 2.3 is outside its limits \[3, nan\]"),
    "limits exchanged": (lambda d: Fit().run(set_parameter(d, "index", min=3, max=1)), r"parameter index of model crab: .*limits \[3, 1\]"),
    "start is NaN": (lambda d: Fit().run(set_parameter(d, "amplitude", value=np.nan)), "parameter amplitude of model crab: the value is nan, expected a finite number"),
    "start is infinite": (lambda d: Fit().run(set_parameter(d, "index", value=np.inf)), "parameter index of model crab: the value is inf"),
    "frozen value is NaN": (lambda d: Fit().run(set_parameter(d, "reference", value=np.nan)), "parameter reference of model crab: the value is nan"),
    "no free parameter": (lambda d: (d.parameters.freeze_all(), Fit().run(d)), "no free parameter in crab: unfreeze one to fit"),
    "no bin left": (lambda d: ([setattr(x, "mask_fit", np.zeros(27, bool)) for x in d], Fit().run(d)), "no bin left to fit in '1001', '1002'"),
    "no model": (lambda d: Fit().run(d[0].copy(name="1001")), "dataset '1001' has no models; set datasets.models first"),
    "no datasets": (lambda d: Fit().run(Datasets()), "no datasets to fit"),
    "profile of a frozen parameter": (lambda d: Fit().stat_profile(d, "reference"), "parameter 'reference' is frozen; free ones are index, amplitude"),
    "flux points without models": (lambda d: FluxPointsEstimator([1, 10]*u.TeV).run(d[0].copy()), "no datasets with models"),
    "flux points of NaN": (lambda d: FluxPointsEstimator([1, 10]*u.TeV).run(set_parameter(d, "index", value=np.nan)), "parameter index of model crab: the value is nan"),
    "edges that fall": (lambda d: FluxPointsEstimator([10, 1]*u.TeV), "energy_edges: expected at least two positive, increasing energies"),
    "edges without unit": (lambda d: FluxPointsEstimator([1, 10]), "energy_edges: expected a unit that converts to TeV"),
    "energies that are none": (lambda d: d.slice_by_energy(1*u.m, 2*u.m), "energy_min: expected a unit that converts to TeV, found m"),
}


@check(FITS)
def test_fits_that_are_refused(datasets, case):
    with pytest.raises((ValueError, KeyError, TypeError), match=case[1]): case[0](datasets)


@pytest.mark.parametrize("start", [dict(amplitude=f"1e-15 {FLUX}"), dict(amplitude=f"1e-8 {FLUX}"), dict(index=10), dict(index=-5), dict(amplitude=f"-1e-12 {FLUX}")], ids=str)
def test_far_starts_of_a_real_analysis_reach_the_minimum(datasets, start):
    best = Fit().run(datasets)
    datasets.models = [power_law(**start)]
    told, result = messages(lambda: Fit().run(datasets))
    assert told == [] and result.success and result.total_stat == pytest.approx(best.total_stat, abs=1e-6)


def test_bands_without_data_are_rows_that_say_so(datasets):
    d = datasets.copy()
    for one in d: one.mask_fit = one.counts.geom.energy_mask(energy_min=2*u.TeV)
    told, points = messages(lambda: FluxPointsEstimator([.7, 1.5, 5, 30]*u.TeV, selection_optional="all").run(d))
    assert told == [] and points.success.tolist() == [False, True, True]
    assert points.status[0] == "no data: no energy bin lies in this band, or none is safe and in the range of the fit"
    table = points.to_table(sed_type="dnde")
    assert np.isnan(table["dnde"][0]) and np.isnan(table["dnde_ul"][0]) and len(table) == 3


OTHER = {"reconstructed": (dict(axis=energy_axis(.2)), "cannot stack 1002 on 1001: e_reco_edges differ, 24 bins 0.2-40 TeV against 27 bins 0.1-40 TeV"),
         "true": (dict(true=energy_axis(.1, 100, "energy_true", 20)), "cannot stack 1002 on 1001: e_true_edges differ, 60 bins 0.1-100 TeV against 67 bins 0.05-100 TeV")}


@check(OTHER)
def test_runs_on_other_axes_are_not_stacked(reduced, case):
    "Together in a fit they may be."
    both = Datasets([reduced[0].copy(), *analyse(demo_dir(), (1002,), **case[0])])
    for action in (lambda: both.stack_reduce(), lambda: both.info_table(cumulative=True), lambda: both[0].stack(both[1])):
        with pytest.raises(ValueError, match=case[1].replace("1002 on 1001", ".* on .*")): action()
    both.models = [power_law()]
    assert Fit().run(both).success and np.isfinite(FluxPointsEstimator([1, 10]*u.TeV).run(both).norm).all()


# --- files are complete or absent ---------------------------------------------------------------------------------------------

def contents(folder): return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


WRITERS = {
    "spectrum": (lambda d, path: d[0].write(path / "x.fits.gz", overwrite=True), 4),
    "datasets and models": (lambda d, path: d.write(path / "d.yaml", path / "m.yaml", overwrite=True), 8),
    "flux points": (lambda d, path: FluxPointsEstimator([1, 10]*u.TeV).run(d).write(path / "p.fits", overwrite=True), 1),
    "runs": (lambda d, path: write_dl3(DataStore.from_dir(demo_dir()).get_observations([1001, 1002]), path, overwrite=True), 4)}


@pytest.mark.parametrize("what", WRITERS)
@pytest.mark.parametrize("there", [False, True], ids=["new", "replaced"])
def test_an_interrupted_write_changes_nothing(datasets, tmp_path, what, there):
    "The disk is full at the first, second, ... file: no new file, no half file, no temporary file, and old files as they were."
    write, n_files = WRITERS[what]
    if there:
        write(datasets, tmp_path)
        for path in tmp_path.iterdir(): path.write_text(f"old {path.name}")
    before, plain = contents(tmp_path), file_tables._file_bytes
    for n in range(n_files):
        calls = iter(range(99))
        def full(hdus, keys):
            if next(calls) == n: raise OSError(28, "No space left on device")
            return plain(hdus, keys)
        with mock.patch.object(file_tables, "_file_bytes", full), pytest.raises(OSError, match="No space left"): write(datasets, tmp_path)
        assert contents(tmp_path) == before and not list(tmp_path.glob(".*"))
    write(datasets, tmp_path)
    assert len(contents(tmp_path)) >= n_files


@pytest.mark.parametrize("what, first, taken", [("spectrum", "x", "x_arf.fits.gz"), ("datasets and models", "d", "pha_obs1002_rmf.fits.gz"),
                                                ("datasets and models", "d", "m.yaml"), ("runs", "run", "hdu-index.fits.gz")])
def test_one_file_in_the_way_keeps_all_from_being_written(datasets, tmp_path, what, first, taken):
    (tmp_path / taken).write_text("mine")
    writers = {"spectrum": lambda: datasets[0].write(tmp_path / "x.fits.gz"), "datasets and models": lambda: datasets.write(tmp_path / "d.yaml", tmp_path / "m.yaml"),
               "runs": lambda: write_dl3(DataStore.from_dir(demo_dir()).get_observations([1001, 1002]), tmp_path)}
    with pytest.raises(FileExistsError, match=f"{taken} exists; pass overwrite=True"): writers[what]()
    assert contents(tmp_path) == {taken: b"mine"}


@pytest.mark.parametrize("what", WRITERS)
def test_a_folder_that_cannot_be_written_to(datasets, tmp_path, what):
    with mock.patch("tempfile.mkdtemp", side_effect=PermissionError(13, "Permission denied")), pytest.raises(PermissionError, match=f"cannot be written in the folder {tmp_path}"):
        WRITERS[what][0](datasets, tmp_path)


def test_a_folder_that_is_not_there(datasets, tmp_path):
    for what in ("spectrum", "datasets and models", "flux points"):
        with pytest.raises(FileNotFoundError, match="the folder .*no does not exist"): WRITERS[what][0](datasets, tmp_path / "no")


def test_names_with_blanks_and_slashes(datasets, tmp_path):
    both = Datasets([d.fill(name=name) for d, name in zip(datasets, ("Crab 1/2", "Crab 1:2"))])
    both.write(tmp_path / "a list.yaml", tmp_path / "the models.yaml")
    assert Datasets.read(tmp_path / "a list.yaml", tmp_path / "the models.yaml").names == both.names
    with pytest.raises(ValueError, match="Übersicht.fits.*: expected printable ASCII characters"): datasets[0].write(tmp_path / "Übersicht.fits")
    with pytest.raises(ValueError, match="Krebs №1.*: expected printable ASCII characters"): datasets[0].fill(name="Krebs №1").write(tmp_path / "x.fits")
    deep = tmp_path / "Übersicht 2024"
    deep.mkdir()
    datasets[0].write(deep / "x y.fits")
    assert_array_equal(SpectrumDatasetOnOff.read(deep / "x y.fits").arrays.n_on, datasets[0].arrays.n_on)


LISTS = {"no YAML": ("[1", "list.yaml: not a YAML file: line 1"), "something else": ("runs: 5", "expected a list under 'datasets'"),
         "no file": ("datasets: [{name: a}]", "expected entries with 'name' and 'filename' under 'datasets'"),
         "absent file": ("datasets: [{name: a, filename: b.fits}]", "b.fits, and there is no such file")}


@check(LISTS)
def test_damaged_lists(tmp_path, case):
    (tmp_path / "list.yaml").write_text(case[0])
    with pytest.raises((DataError, FileNotFoundError), match=case[1]): Datasets.read(tmp_path / "list.yaml")


PARTS = {"no spectrum": ("{name: a}", "components.a.spectral: missing"), "unknown type": ("{name: a, spectral: {type: planck, parameters: []}}", "no spectral model of type 'planck'"),
         "unknown parameter": ("{name: a, spectral: {type: pl, parameters: [{name: gamma, value: 2}]}}", "no parameter 'gamma'"),
         "no number": ("{name: a, spectral: {type: pl, parameters: [{name: index, value: steep}]}}", "steep")}


@check(PARTS)
def test_damaged_models(tmp_path, case):
    (tmp_path / "m.yaml").write_text(f"components: [{case[0]}]")
    with pytest.raises(DataError, match=f"m.yaml: .*{case[1]}"): Models.read(tmp_path / "m.yaml")


@pytest.mark.parametrize("name, hdu, change, message", [
    ("x", "SPECTRUM", value("SPECTRUM", "COUNTS", -3, 12), r"x.fits\[SPECTRUM\]: column COUNTS holds 1 values that are not finite or negative"),
    ("x_bkg", "SPECTRUM", value("SPECTRUM", "COUNTS", -3, 12), r"x_bkg.fits\[SPECTRUM\]: column COUNTS holds 1 values"),
    ("x_arf", "SPECRESP", value("SPECRESP", "SPECRESP", np.nan, 30), r"x_arf.fits\[SPECRESP\]: column SPECRESP holds 1 values"),
    ("x", "SPECTRUM", columns("SPECTRUM", lambda n: n != "COUNTS"), r"x.fits\[SPECTRUM\]: no column COUNTS"),
    ("x", "SPECTRUM", keyword("SPECTRUM", EXPOSURE=-5.), r"x.fits\[SPECTRUM\]: keyword EXPOSURE is -5, expected a finite number that is not negative"),
    ("x", "SPECTRUM", keyword("SPECTRUM", EXPOSURE=None), r"x.fits\[SPECTRUM\]: no keyword EXPOSURE"),
    ("x_bkg", "SPECTRUM", column("SPECTRUM", "BACKSCAL", lambda x: -x), r"x_bkg.fits\[SPECTRUM\]: column BACKSCAL holds 27 values"),
    ("x", "SPECTRUM", column("SPECTRUM", "BACKSCAL", lambda x: np.nan * x), r"x.fits\[SPECTRUM\]: column BACKSCAL holds 27 values"),
    ("x_rmf", "MATRIX", lambda hdus: hdus.pop("MATRIX") and None, "x_rmf.fits: no HDU MATRIX; found PRIMARY")])
def test_damaged_spectra(datasets, tmp_path, name, hdu, change, message):
    datasets[0].write(tmp_path / "x.fits")
    edit(tmp_path / f"{name}.fits", change)
    with pytest.raises(DataError, match=message): SpectrumDatasetOnOff.read(tmp_path / "x.fits")


def test_a_file_that_cannot_be_written_is_named_by_its_final_path(datasets, tmp_path):
    "Not by the hidden folder in which it is made."
    long = "y" * 260
    for action, file in ((lambda: datasets[0].write(tmp_path / f"{long}.fits"), f"{long}.fits"),
                         (lambda: datasets.write(tmp_path / f"{long}.yaml"), f"{long}.yaml"),
                         (lambda: Datasets([datasets[0].copy(name=long)]).write(tmp_path / "d.yaml"), f"pha_obs{long}")):
        with pytest.raises(OSError) as told: action()
        assert f"{tmp_path}/{file}" in str(told.value) and ".writing" not in str(told.value)


def test_a_full_disk_names_the_file_of_a_set(datasets, tmp_path, monkeypatch):
    def full(*args): raise OSError(28, "No space left on device")
    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError) as told: datasets.write(tmp_path / "d.yaml")
    assert f"{tmp_path}/pha_obs" in str(told.value) and ".writing" not in str(told.value) and not list(tmp_path.iterdir())
