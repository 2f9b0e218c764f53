"""Validation: every rule is broken once in a copy of good data, and exactly the problem it names is listed.

A case is label -> (damage, place, words), where place is (severity, hdu, where) and `words` a pattern in the message; further places follow
for damage that is seen twice. Good data, simulated and real, have no problem but the true ones.
"""
import gzip
import io
import json
import re
import shutil
import warnings
import numpy as np
import pytest
from astropy.io import fits
from specnb import (DataError, DataStore, EnergyDependentMultiGaussPSF, Problem, PSFKing, Background2D, MapAxis, RadMax2D, SpectrumArrays, count_problems, demo_dir,
                    problems_table, read_ogip, validate, write_ogip)

RUN = "run_001001.fits.gz"
E, W = "error", "warning"


# --- damage ------------------------------------------------------------------------------------------------------------------

def edit(path, *changes, to=None):
    "Rewrite a FITS file with changed HDUs (not compressed, whatever its name says)."
    with fits.open(path) as file: hdus = fits.HDUList([hdu.copy() for hdu in file])
    for change in changes: change(hdus)
    buffer = io.BytesIO()
    hdus.writeto(buffer, output_verify="ignore")
    (to or path).write_bytes(buffer.getvalue())


def key(hdu, **keys):
    "Set keywords, or delete them (None)."
    def change(hdus):
        header = hdus[hdu].header
        for name, value in keys.items():
            if value is None: header.pop(name, None)
            else: header[name] = value
    return change


def put(hdu, column, value, place=0):
    "Change one number (or a slice of them) of a column."
    def change(hdus): hdus[hdu].data[column].flat[place] = value
    return change


def times(hdu, column, factor):
    "Multiply a column."
    def change(hdus): hdus[hdu].data[column] = hdus[hdu].data[column] * factor
    return change


def turned(hdu, *columns):
    "Columns with their cells or rows backwards."
    def change(hdus):
        for c in columns: hdus[hdu].data[c] = np.flip(hdus[hdu].data[c], -1).copy()
    return change


def columns(hdu, drop=(), rename=None, form=None, unit=None, dim=None, make=None, rows=None):
    "Table made anew: columns left out, renamed, with another form, unit or TDIM, other values, or other rows."
    def change(hdus):
        old, i = hdus[hdu], hdus.index_of(hdu)
        new = []
        for c in old.columns:
            if c.name in drop: continue
            array = (make or {}).get(c.name, lambda x: x)(old.data[c.name])
            new.append(fits.Column((rename or {}).get(c.name, c.name), (form or {}).get(c.name, c.format), (unit or {}).get(c.name, c.unit) or None,
                                   dim=(dim or {}).get(c.name, c.dim) or None, array=array))
        header = fits.Header([c for c in old.header.cards if not re.match(r"(TTYPE|TFORM|TUNIT|TDIM)\d|NAXIS|TFIELDS|PCOUNT", c.keyword)])
        table = fits.BinTableHDU.from_columns(new, header=header, name=old.name)
        if rows is not None: table = fits.BinTableHDU(table.data[np.asarray(rows, int)], table.header, name=old.name)
        hdus[i] = table
    return change


def remove(hdu):
    def change(hdus): hdus.pop(hdu)
    return change


def double(hdu):
    def change(hdus): hdus.append(hdus[hdu].copy())
    return change


def swap(hdu, response):
    "Put a response in the place of one."
    def change(hdus): hdus[hdus.index_of(hdu)] = response.to_hdu(hdu)
    return change


def listed(problems): return [(p.severity, p.hdu, p.where) for p in problems]


def compare(problems, file, case):
    "The problems of a case, and no other."
    (_, place, words), more = case[:3], case[3:]
    assert sorted(listed(problems)) == sorted([place, *more]), "\n".join(map(str, problems))
    found = [p for p in problems if listed([p])[0] == place]
    assert any(p.file == file and re.search(words, p.message) for p in found), "\n".join(map(str, found))


def agree(problems, read):
    "Reading refuses the data exactly where validation lists an error."
    errors = [p for p in problems if p.severity == E]
    with warnings.catch_warnings(action="ignore"):
        if not errors: read()
        else:
            with pytest.raises((DataError, FileNotFoundError)): read()


def read_runs(store):
    "All parts of all runs."
    store.obs_table
    for obs in store.get_observations():
        for part in ("events", "gti", "aeff", "edisp", "psf", "bkg", "rad_max", "observation_live_time_duration", "pointing_deg"): getattr(obs, part)


def check(cases): return pytest.mark.parametrize("case", cases.values(), ids=list(cases))


# --- one file ----------------------------------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    "A run that is not compressed."
    path = tmp_path_factory.mktemp("plain") / "run.fits"
    path.write_bytes(gzip.decompress((demo_dir() / RUN).read_bytes()))
    return path


EV, GT, AE, ED, PS, BK = "EVENTS", "GTI", "AEFF", "EDISP", "PSF", "BKG"
TRUE = MapAxis.from_energy_bounds("0.1 TeV", "100 TeV", 5, name="energy_true")
RECO = MapAxis.from_energy_bounds("0.1 TeV", "100 TeV", 5, name="energy")
OFFSET = MapAxis.from_bounds(0, 3, 3, name="offset", unit="deg")
GAUSS = EnergyDependentMultiGaussPSF([TRUE, OFFSET], np.full((6, 5, 3), .1))
KING = PSFKing([TRUE, OFFSET], np.full((2, 5, 3), 2.))
FLAT = Background2D([RECO, OFFSET], np.full((5, 3), 1e-6))
CUT = RadMax2D([RECO, OFFSET], np.full((5, 3), .1), is_pointlike=True)
POINT = key(AE, HDUCLAS3="POINT-LIKE"), key(ED, HDUCLAS3="POINT-LIKE")

KEYWORDS = {f"{hdu} {name}={value!r}": ([key(hdu, **{name: value})], (severity, hdu, name), words) for hdu, name, value, severity, words in [
    (EV, "HDUCLASS", None, W, "no such keyword, expected GADF or OGIP"), (EV, "HDUCLASS", "ESO", W, "'ESO', expected GADF"),
    (EV, "OBS_ID", None, E, "no such keyword, expected an integer"), (EV, "OBS_ID", "crab", E, "is 'crab', expected int"),
    (EV, "TELESCOP", None, W, "no such keyword, expected a text"), (EV, "INSTRUME", " ", W, "no such keyword"),
    (EV, "TSTART", None, W, "expected a number"), (EV, "TSTOP", None, W, "expected a number"),
    (EV, "MJDREFI", None, E, "expected a number"), (EV, "MJDREFI", "old", E, "is 'old', expected float"),
    (EV, "TIMESYS", "CET", E, "'CET', expected one of TT, UTC"), (EV, "TIMEUNIT", "d", W, "'d', expected s"),
    (EV, "TIMEUNIT", None, W, "taken as s"), (EV, "TIMEUNIT", "crab", E, "'crab', expected a unit of time"), (EV, "DEADC", None, E, "above 0 and up to 1"),
    (EV, "ONTIME", None, W, "expected a number"), (EV, "LIVETIME", None, W, "expected a number"), (EV, "LIVETIME", 1686., W, "DEADC \\* ONTIME = 1584.84"),
    (EV, "RA_PNT", None, E, "expected a number from -360 to 360 deg"), (EV, "RA_PNT", "north", E, "is 'north'"),
    (EV, "DEC_PNT", None, E, "expected a number from -90 to 90 deg"),
    (EV, "RADECSYS", "FK4", E, "'FK4', expected ICRS or FK5"), (EV, "RADECSYS", None, W, "taken as ICRS"),
    (EV, "EQUINOX", 1950., E, "1950.0, expected 2000"), (EV, "EQUINOX", None, W, "taken as 2000"),
    (EV, "OBS_MODE", "SLEEP", W, "'SLEEP', expected one of POINTING, WOBBLE"), (EV, "OBS_MODE", None, W, "taken as POINTING"), (EV, "OBS_MODE", "slew", W, "'slew', expected a fixed pointing"),
    (EV, "TSTOP", 1., W, "expected a time after TSTART"), (GT, "MJDREFI", None, E, "expected a number"),
    (GT, "HDUCLASS", None, W, "expected GADF or OGIP"), (GT, "TIMESYS", "CET", E, "'CET'"), (GT, "TIMEUNIT", None, W, "taken as s"), (GT, "MJDREFF", "x", E, "is 'x', expected float"),
    *((hdu, "HDUCLAS3", "HALF", W, "expected FULL-ENCLOSURE or POINT-LIKE") for hdu in (AE, ED, PS, BK)),
    (AE, "HDUCLAS1", "IRF", W, "'IRF', expected RESPONSE"), (AE, "HDUCLAS2", "AREA", W, "'AREA', expected EFF_AREA"),
    (AE, "HDUCLASS", None, W, "expected GADF"), (PS, "HDUCLAS3", None, W, "taken as FULL-ENCLOSURE"),
    (BK, "HDUCLAS4", "BKG_4D", W, "BKG_4D, expected one of EVENTS, GTI, AEFF_2D")]}
KEYWORDS["EVENTS TSTOP=1.0"] += ((W, EV, "TSTOP"),)             # neither after TSTART nor after the good time
KEYWORDS["EVENTS DEADC=2"] = ([key(EV, DEADC=2., LIVETIME=3372.)], (E, EV, "DEADC"), "2.0, expected a number above 0 and up to 1")
KEYWORDS["EVENTS DEADC=0"] = ([key(EV, DEADC=0., LIVETIME=0.)], (E, EV, "DEADC"), "0.0, expected a number above 0")
KEYWORDS["EVENTS DEC_PNT=120"] = ([key(EV, DEC_PNT=120., RA_OBJ=None)], (E, EV, "DEC_PNT"), "120.0, expected a number from -90 to 90 deg")
KEYWORDS["EVENTS MJDREFF"] = ([key(EV, MJDREFF=None)], (W, EV, "MJDREFF"), "taken as 0", (W, EV, "TIME"), (W, GT, "MJDREFI"), (W, EV, "TSTOP"))
KEYWORDS["EVENTS HDUCLAS1"] = ([key(EV, HDUCLAS1=None)], (W, EV, "HDUCLAS1"), "no such keyword, expected EVENTS")
KEYWORDS |= {f"{hdu} HDUCLAS4={value!r}": ([key(hdu, HDUCLAS4=value)], (W, hdu, "HDUCLAS4"), "expected") for hdu, value in ((AE, None), (ED, "MIGRA"), (PS, None), (BK, "CUBE"))}  # columns tell
KEYWORDS["DRIFT without ALT_PNT"] = ([key(EV, OBS_MODE="DRIFT", ALT_PNT=None)], (E, EV, "ALT_PNT"), "expected a number")
KEYWORDS["no RADECSYS but RADESYS"] = ([key(EV, RADECSYS=None, RADESYS="FK4")], (E, EV, "RADESYS"), "FK4")
KEYWORDS["HDUCLAS3 differ"] = ([key(ED, HDUCLAS3="POINT-LIKE")], (W, AE, "HDUCLAS3"), "FULL-ENCLOSURE, but the energy dispersion has POINT-LIKE")
KEYWORDS["point-like without cut"] = (POINT, (W, AE, "RAD_MAX"), "neither a table RAD_MAX nor this keyword")
KEYWORDS["target far away"] = ([key(EV, DEC_OBJ=60.)], (W, EV, "RA_OBJ"), r"the target is 37.5 deg from the pointing, the effective area ends at \d")
KEYWORDS["other clock"] = ([key(GT, MJDREFI=51911), put(GT, "START", 629764985. - 86400), put(GT, "STOP", 629766671. - 86400)], (W, GT, "MJDREFI"), "times count from MJD 51911.00074 TT, those of the events from 51910.00074 TT")
KEYWORDS["other time scale"] = ([key(GT, TIMESYS="UTC")], (W, GT, "MJDREFI"), "from MJD 51910.00074 UTC, those of the events from 51910.00074 TT")


@check(KEYWORDS)
def test_keywords(plain, tmp_path, case):
    edit(plain, *case[0], to=tmp_path / "run.fits")
    problems = validate(tmp_path / "run.fits")
    compare(problems, "run.fits", case)
    agree(problems, lambda: read_runs(DataStore.from_events_files(tmp_path / "run.fits")))


COLUMNS = {f"{hdu} without {name}": ([columns(hdu, drop=[name])], (E, hdu, name), r"no such column; found \w+") for hdu, names in {
    EV: ("RA", "DEC", "ENERGY"), AE: ("EFFAREA", "ENERG_HI", "THETA_LO"), ED: ("MATRIX", "MIGRA_LO"), PS: ("RPSF", "RAD_HI"),
    BK: ("BKG", "DETX_LO", "ENERG_HI")}.items() for name in names}
COLUMNS["EVENTS without TIME"] = ([columns(EV, drop=["TIME"])], (E, EV, "TIME"), "no such column")
COLUMNS["EVENTS without EVENT_ID"] = ([columns(EV, drop=["EVENT_ID"])], (W, EV, "EVENT_ID"), "no such column")
COLUMNS["GTI without STOP"] = ([columns(GT, drop=["STOP"])], (E, GT, "STOP"), "no such column; found START")
COLUMNS |= {f"{hdu} {name} without unit": ([columns(hdu, unit={name: ""})], (E, hdu, name), "has no unit, expected one that converts to")
            for hdu, name in ((EV, "RA"), (EV, "ENERGY"))}
COLUMNS |= {f"{hdu} {name} without unit": ([columns(hdu, unit={name: ""})], (W, hdu, name), f"has no unit, taken as {unit}, the unit of the format")
            for hdu, name, unit in ((EV, "TIME", "s"), (GT, "START", "s"), (AE, "EFFAREA", "m2"), (AE, "ENERG_LO", "TeV"), (ED, "THETA_HI", "deg"), (PS, "RPSF", "sr-1"), (BK, "DETY_HI", "deg"))}
COLUMNS |= {f"{hdu} {name} in mag": ([columns(hdu, unit={name: "mag"})], (E, hdu, name), "unit 'mag' does not convert to")
            for hdu, name in ((EV, "DEC"), (EV, "ENERGY"), (GT, "STOP"), (AE, "EFFAREA"), (ED, "MATRIX"), (PS, "RAD_LO"))}
COLUMNS["unknown unit"] = ([columns(EV, unit={"ENERGY": "teraelectron"})], (E, EV, "ENERGY"), "unit 'teraelectron' is unknown")
COLUMNS["background without unit"] = ([columns(BK, unit={"BKG": ""})], (W, BK, "BKG"), "taken as s-1 MeV-1 sr-1")
COLUMNS |= {f"{hdu} {name}={value}": ([put(hdu, name, value, 5)], (severity, hdu, name), words) for hdu, name, value, severity, words in [
    (EV, "ENERGY", np.nan, E, "1 of 4533 values are not finite, the first is nan"), (EV, "ENERGY", -2, E, "1 of 4533 values are not above 0 and up to 1e\\+06 TeV, the first is -2"),
    (EV, "ENERGY", 0, E, "not above 0"), (EV, "RA", 1e20, E, "not from -360 to 360 deg, the first is 1e\\+20"), (EV, "RA", np.inf, E, "not finite, the first is inf"), (EV, "RA", -3, W, "not from 0 to 360 deg, the first is -3"),
    (EV, "DEC", 91, E, "not from -90 to 90 deg"), (EV, "DEC", np.nan, E, "not finite"), (EV, "TIME", np.nan, E, "not finite"),
    (EV, "EVENT_ID", 6, W, "1 of 4533 events have the number of another one"), (AE, "EFFAREA", np.nan, E, "1 of 480 values are not finite"),
    (AE, "EFFAREA", -1, W, "1 of 480 values are not from 0 to 1e\\+08 m2, the first is -1; taken as 0"), (ED, "MATRIX", -1, E, "not from 0 to 1e\\+06, the first is -1"),
    (AE, "EFFAREA", -1e6, E, "not from 0 to 1e\\+08 m2, the first is -1e\\+06"), (AE, "EFFAREA", 1e30, E, "the first is 1e\\+30"), (AE, "ENERG_HI", 1e9, E, "up to 1e\\+06 TeV"), (ED, "MATRIX", np.inf, E, "not finite"),
    (PS, "RPSF", -1, W, "not from 0 to 1e\\+12 sr-1, the first is -1; taken as 0"), (PS, "RPSF", np.nan, E, "not finite"), (BK, "BKG", -1, E, "not from 0 to 1e\\+06 s-1 MeV-1 sr-1"), (BK, "BKG", np.nan, E, "not finite"),
    (AE, "ENERG_LO", np.nan, E, "1 of 80 values are not finite"), (PS, "RAD_HI", np.inf, E, "1 of 36 values are not finite")]}
COLUMNS["late event"] = ([put(EV, "TIME", 629766771., 5)], (W, EV, "TIME"), "outside the good time intervals: 1 of 4533, by up to 100 s")
COLUMNS["time of no clock"] = ([put(EV, "TIME", -1e30, 5)], (E, EV, "TIME"), "not from -1e\\+11 to 1e\\+11 s")
COLUMNS["no event"] = ([columns(EV, rows=[])], (E, EV, ""), "the event list is empty")
COLUMNS["no good time"] = ([columns(GT, rows=[])], (E, GT, ""), "no good time interval")
COLUMNS["no row"] = ([columns(AE, rows=[])], (E, AE, ""), "the table is empty")
COLUMNS["two rows"] = ([columns(AE, rows=[0, 0])], (W, AE, ""), "2 rows, expected one")
COLUMNS["twice the time"] = ([columns(GT, rows=[0, 0])], (W, GT, "START"), "intervals overlap by 1686 s; they are united")
COLUMNS["time backwards"] = ([put(GT, "STOP", 629764000.)], (E, GT, "STOP"), "1 of 1 values are not after START")
COLUMNS["time of NaN"] = ([put(GT, "STOP", np.nan)], (E, GT, "STOP"), "1 of 1 values are not finite")
COLUMNS["unsorted time"] = ([columns(GT, rows=[0, 0], make={"START": lambda x: x}), put(GT, "START", 629765985., 0), put(GT, "STOP", 629765985., 1)],
                            (W, GT, "START"), "not sorted by time")
COLUMNS["shorter time"] = ([put(GT, "STOP", 629766571.)], (W, EV, "ONTIME"), "1686 s, but the good time intervals last 1586 s", (W, EV, "TIME"))
COLUMNS["longer time"] = ([put(GT, "STOP", 629766771.)], (W, EV, "TSTOP"), "but good time reaches to 629766771", (W, EV, "ONTIME"), (E, EV, ""))
AXES = {AE: ("ENERG", "THETA"), ED: ("ENERG", "MIGRA", "THETA"), PS: ("ENERG", "THETA", "RAD"), BK: ("ENERG", "DETX", "DETY")}
COLUMNS |= {f"{hdu} {name} backwards": ([turned(hdu, f"{name}_LO", f"{name}_HI")], (E, hdu, f"{name}_LO, {name}_HI"), "increasing")
            for hdu, names in AXES.items() for name in names}
COLUMNS |= {f"{hdu} {name} with a gap": ([put(hdu, f"{name}_LO", .45, 20)], (E, hdu, f"{name}_LO, {name}_HI"), r"without gaps, found \[.* \.\.\. .*\] and")
            for hdu, name in ((PS, "RAD"), (ED, "MIGRA"))}
COLUMNS["energy from 0"] = ([put(AE, "ENERG_LO", 0.)], (E, AE, "ENERG_LO"), "not above 0 and up to")
COLUMNS["too few values"] = ([columns(AE, form={"EFFAREA": "400E"}, dim={"EFFAREA": "(80,5)"}, make={"EFFAREA": lambda x: x.reshape(1, -1)[:, :400]})],
                             (E, AE, "EFFAREA"), r"has shape \(5, 80\), expected \(6, 80\) from its axes")
COLUMNS["axes exchanged"] = ([columns(AE, dim={"EFFAREA": "(6,80)"}, make={"EFFAREA": lambda x: x.reshape(1, 80, 6)})], (E, AE, "EFFAREA"), r"has shape \(80, 6\), expected \(6, 80\)")
COLUMNS["no TDIM"] = ([columns(AE, dim={"EFFAREA": ""}, make={"EFFAREA": lambda x: x.reshape(1, -1)})], (W, AE, "EFFAREA"), "no TDIM")
COLUMNS |= {f"{hdu} of zeros": ([times(hdu, name, 0)], (severity, hdu, name), "all values are 0")
            for hdu, name, severity in ((AE, "EFFAREA", W), (ED, "MATRIX", W), (PS, "RPSF", W), (BK, "BKG", W))}
COLUMNS["twice the dispersion"] = ([times(ED, "MATRIX", 2)], (W, ED, "MATRIX"), "162 of 162 densities have a sum over MIGRA from 1.97 to 2, expected 1")
COLUMNS["twice the PSF"] = ([times(PS, "RPSF", 2)], (W, PS, "RPSF"), r"\d+ of 162 densities contain more than everything, up to 2")
COLUMNS["short dispersion"] = ([times(ED, "ENERG_LO", 3.), times(ED, "ENERG_HI", 3.)], (W, ED, "ENERG_LO"), "but the effective area is positive from .* to .* TeV; extrapolated")
COLUMNS |= {f"narrow {hdu}": ([times(hdu, "THETA_LO", .5), times(hdu, "THETA_HI", .5)], (W, hdu, "THETA_HI"), "the effective area at") for hdu in (ED, PS)}
COLUMNS["Gaussians"] = ([swap(PS, GAUSS), put(PS, "SIGMA_2", -1)], (E, PS, "SIGMA_2"), "1 of 15 values are not from 0 to 90 deg")
COLUMNS["King"] = ([swap(PS, KING), columns(PS, drop=["GAMMA"])], (E, PS, "GAMMA"), "no such column")
COLUMNS["flat background"] = ([swap(BK, FLAT), put(BK, "BKG", np.inf)], (E, BK, "BKG"), "1 of 15 values are not finite")
COLUMNS["cut"] = ([*POINT, swap(BK, CUT), times(BK, "RAD_MAX", -1)], (E, BK, "RAD_MAX"), "15 of 15 values are not from 0 to 90 deg")
FILES = {"no GTI": ([remove(GT)], (E, "", ""), "no gti; found events, aeff, edisp, psf, bkg"), "no responses": ([remove(AE), remove(ED)], (E, "", ""), "no aeff, edisp"),
         "no name": ([key(BK, EXTNAME=None)], (W, "HDU6", "EXTNAME"), "no such keyword, expected a name"),
         "double": ([double(BK)], (W, BK, "EXTNAME"), "HDU 7 has the name of HDU 6; the first is used")}


@check(COLUMNS | FILES)
def test_columns_and_tables(plain, tmp_path, case):
    edit(plain, *case[0], to=tmp_path / "run.fits")
    problems = validate(tmp_path / "run.fits")
    compare(problems, "run.fits", case)
    agree(problems, lambda: read_runs(DataStore.from_events_files(tmp_path / "run.fits")))


GOOD = {"Gaussians": [swap(PS, GAUSS)], "King": [swap(PS, KING)], "flat background": [swap(BK, FLAT)], "cut": [*POINT, swap(BK, CUT)],
        "fixed cut": [*POINT, key(AE, RAD_MAX=.1)], "no field background": [remove(BK)], "parsec": [columns(AE, unit={"EFFAREA": "cm2"})],
        "GeV": [columns(EV, unit={"ENERGY": "GeV"})], "FK5": [key(EV, RADECSYS="FK5")], "RADESYS": [key(EV, RADECSYS=None, RADESYS="ICRS")],
        "drift": [key(EV, OBS_MODE="DRIFT", RA_PNT=None, DEC_PNT=None)], "BGD": [columns(BK, rename={"BKG": "BGD"})],
        "small letters": [key(EV, HDUCLAS1="events", TIMESYS="tt")], "two intervals": [columns(GT, rows=[0, 0]), put(GT, "START", 629765985., 1), put(GT, "STOP", 629765985.)]}


@pytest.mark.parametrize("changes", GOOD.values(), ids=list(GOOD))
def test_no_problem(plain, tmp_path, changes):
    edit(plain, *changes, to=tmp_path / "run.fits")
    assert validate(tmp_path / "run.fits") == []


def test_what_cannot_be_told_hides_nothing_else(plain, tmp_path):
    "Without a time scale the times are not compared; the durations are."
    edit(plain, key(EV, TIMESYS="CET"), put(GT, "STOP", 629766571.), to=tmp_path / "run.fits")
    assert listed(validate(tmp_path / "run.fits")) == [(E, EV, "TIMESYS"), (W, EV, "ONTIME")]


def test_several_faults_are_all_listed(plain, tmp_path):
    cases = [KEYWORDS["EVENTS DEADC=None"], KEYWORDS["EVENTS RADECSYS='FK4'"], COLUMNS["EVENTS ENERGY=-2"], COLUMNS["AEFF without EFFAREA"], COLUMNS["AEFF EFFAREA in mag"],
             COLUMNS["EDISP MIGRA backwards"], COLUMNS["PSF RPSF=nan"], COLUMNS["BKG of zeros"], FILES["double"]]
    edit(plain, *(change for case in cases for change in case[0] if case is not COLUMNS["AEFF EFFAREA in mag"]), to=tmp_path / "run.fits")
    wanted = [case[1] for case in cases if case is not COLUMNS["AEFF EFFAREA in mag"]]
    assert sorted(listed(validate(tmp_path / "run.fits"))) == sorted(wanted)


# --- the FITS level ------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("kept", [0, 1, 11, 100, .3, .7])
@pytest.mark.parametrize("compressed", [True, False])
def test_truncated_files(plain, tmp_path, kept, compressed):
    whole, path = ((demo_dir() / RUN) if compressed else plain).read_bytes(), tmp_path / "run.fits"
    path.write_bytes(whole[:int(kept if kept >= 1 else kept * len(whole))])
    problems = validate(path)
    assert problems[0][:3] == (E, "run.fits", "") and re.search("not a FITS file|truncated", problems[0].message)
    assert len(problems) == 1 + (isinstance(kept, float) and any("no " in p.message for p in problems[1:]))


@pytest.mark.parametrize("content", [b"<html>404 Not Found</html>", b"\x89PNG" * 1000, b"\x1f\x8b garbage", b"SIMPLE  =                    T" + b" " * 50 + b"END".ljust(2800)])
def test_foreign_files(tmp_path, content):
    (tmp_path / "run.fits").write_bytes(content)
    assert [p[:4] for p in validate(tmp_path / "run.fits")] == [(E, "run.fits", "", "")]


def test_garbage_inside_a_file_is_a_problem_and_no_exception(plain, tmp_path):
    "Headers with a character changed at random: whatever comes, it is a list."
    whole, rng = bytearray(plain.read_bytes()), np.random.default_rng(1)
    at = [i for i in range(0, len(whole), 80) if re.match(rb"[A-Z][A-Z0-9_-]{2,7} *= ", bytes(whole[i:i + 80]))]
    kinds = set()
    for i in rng.choice(at, 60, replace=False):
        changed = whole.copy()
        changed[i + 10:i + 30] = bytes(rng.integers(32, 127, 20).astype("u1"))
        (tmp_path / "run.fits").write_bytes(changed)
        problems = validate(tmp_path / "run.fits")
        assert all(isinstance(p, Problem) and all(isinstance(x, str) for x in p) for p in problems)
        kinds |= {p.hdu for p in problems}
    assert len(kinds) > 3


@pytest.mark.parametrize("file", ["hdu-index.fits.gz", "obs-index.fits.gz", "x.fits", "x_rmf.fits"])
def test_garbage_in_other_files(tmp_path, file):
    "The same, and bytes in the data, for indices and spectra; what can still be read without a problem has none."
    if file.startswith("x"): write_ogip(tmp_path / "x.fits", spectrum(), "x")
    else: [(tmp_path / n).write_bytes((demo_dir() / n).read_bytes()) for n in (HI, OI)]
    whole = (tmp_path / file).read_bytes()
    whole, rng, found = gzip.decompress(whole) if file.endswith("gz") else whole, np.random.default_rng(2), set()
    for i in rng.integers(2880, len(whole) - 20, 60):
        changed = bytearray(whole)
        if i < 8640: changed[i - i % 80 + 10:i - i % 80 + 30] = bytes(rng.integers(32, 127, 20).astype("u1"))
        else: changed[i] = rng.integers(256)
        (tmp_path / file).write_bytes(changed)
        problems = validate(tmp_path)
        assert all(isinstance(x, str) and str(tmp_path) not in x for p in problems for x in p)
        found |= {p.hdu for p in problems if p.file == file}
        if file == "x.fits" and not problems: read_ogip(tmp_path / file)
    assert len(found) > 1


def test_checksums(plain, tmp_path):
    path = tmp_path / "run.fits"
    edit(plain, *(lambda hdus, i=i: hdus[i].add_checksum() for i in range(7)), to=path)
    assert validate(path) == []
    whole = path.read_bytes()
    energy = np.array(fits.getdata(path, "EVENTS")["ENERGY"][7], ">f4").tobytes()
    path.write_bytes(whole.replace(energy, np.array(1.25, ">f4").tobytes(), 1))
    assert [p[:4] for p in validate(path)] == [(W, "run.fits", EV, "DATASUM")]
    path.write_bytes(whole.replace(b"'Crab-like'", b"'Crab-lake'"))
    assert [p[:4] for p in validate(path)] == [(W, "run.fits", EV, "CHECKSUM")]
    at = whole.index(b"DATASUM", whole.index(b"'EVENTS")) + 11
    path.write_bytes(whole[:at] + b"x" + whole[at + 1:])
    assert [(p.hdu, p.where) for p in validate(path)] == [(EV, "DATASUM")]


# --- a folder with an index --------------------------------------------------------------------------------------------------

@pytest.fixture
def folder(tmp_path):
    "A copy of the demo data, to be damaged."
    return shutil.copytree(demo_dir(), tmp_path / "Daten für München #1")


HI, OI, HDUS, OBS = "hdu-index.fits.gz", "obs-index.fits.gz", "HDU_INDEX", "OBS_INDEX"
INDEX = {
    "HDUCLASS": (HI, [key(HDUS, HDUCLASS=None)], (W, HDUS, "HDUCLASS"), "expected GADF"),
    "HDUCLAS1": (HI, [key(HDUS, HDUCLAS1="LIST")], (W, HDUS, "HDUCLAS1"), "'LIST', expected INDEX"),
    "HDUCLAS2": (HI, [key(HDUS, HDUCLAS2="OBS")], (W, HDUS, "HDUCLAS2"), "'OBS', expected HDU"),
    "unknown type": (HI, [put(HDUS, "HDU_TYPE", "moon", 5)], (W, HDUS, "HDU_TYPE"), "'moon', expected one of events, gti"),
    "unknown class": (HI, [put(HDUS, "HDU_CLASS", "bkg_4d", 5)], (E, HDUS, "HDU_CLASS"), "'bkg_4d' for bkg, expected one of bkg_2d, bkg_3d"),
    "class of another type": (HI, [put(HDUS, "HDU_CLASS", "edisp_2d", 5)], (E, HDUS, "HDU_CLASS"), "'edisp_2d' for bkg"),
    "other class": (HI, [put(HDUS, "HDU_CLASS", "bkg_2d", 5)], (E, BK, "HDUCLAS4"), "'BKG_3D', expected BKG_2D", (E, BK, "THETA_LO"), (E, BK, "THETA_HI")),
    "double": (HI, [columns(HDUS, rows=[*range(24), 2])], (W, HDUS, "HDU_TYPE"), "run 1001 has 2 rows of type aeff, expected one; the first is used"),
    "no edisp": (HI, [columns(HDUS, rows=[i for i in range(24) if i != 9])], (E, HDUS, "HDU_TYPE"), "run 1002: lists no edisp"),
    "wrong name": (HI, [put(HDUS, "HDU_NAME", "AREA", 2)], (E, HDUS, "HDU_NAME"), f"run 1001: no AREA in {RUN}; found EVENTS, GTI, AEFF"),
    "other file": (HI, [put(HDUS, "FILE_NAME", "run_001002.fits.gz", 0)], (E, EV, "OBS_ID"), "1002, but the index has these events for run 1001",
                   (W, EV, "TIME"), (W, EV, "ONTIME"), (W, EV, "TSTART"), (W, EV, "RA_PNT")),
    "absent file": (HI, [put(HDUS, "FILE_NAME", "lost.fits", slice(0, 6))], (E, "", ""), "no such file, but hdu-index.fits.gz lists it for run 1001 .events, gti, aeff, edisp, psf, bkg"),
    "absent runs": (HI, [columns(HDUS, rows=range(12))], (W, OBS, "OBS_ID"), "runs not in the HDU index: 2, the first is 1003"),
    "no run": (HI, [columns(HDUS, rows=[])], (E, HDUS, ""), "the index lists no run", (W, OBS, "OBS_ID")),
    "HDUCLAS2 of the observations": (OI, [key(OBS, HDUCLAS2="HDU")], (W, OBS, "HDUCLAS2"), "'HDU', expected OBS"),
    "no table": (HI, [remove(HDUS)], (E, "", ""), "no table in it, expected an HDU index", (W, OBS, "OBS_ID")),
    "missing runs": (OI, [columns(OBS, rows=[0, 1])], (W, OBS, "OBS_ID"), "runs only in the HDU index: 2, the first is 1003"),
    "double run": (OI, [columns(OBS, rows=[0, 1, 2, 3, 3])], (W, OBS, "OBS_ID"), "runs with more than one row: 1, the first is 1004"),
    "no OBS_ID": (OI, [columns(OBS, drop=["OBS_ID"])], (E, OBS, "OBS_ID"), "no such column"),
    "no TSTART": (OI, [columns(OBS, drop=["TSTART"])], (W, OBS, "TSTART"), "no such column"),
    "unit": (OI, [columns(OBS, unit={"RA_PNT": ""})], (W, OBS, "RA_PNT"), "has no unit"),
    "no MJDREFI": (OI, [key(OBS, MJDREFI=None)], (W, OBS, "MJDREFI"), "no such keyword"),
    "pointing": (OI, [put(OBS, "DEC_PNT", 20.)], (W, EV, "RA_PNT"), "the pointing is 2.51 deg from that in the observation index", (E, EV, "RA_PNT, DEC_PNT")),
    "older HDUCLAS4": (RUN, [key(BK, HDUCLAS4="3D")], (W, BK, "HDUCLAS4"), "'3D', expected BKG_3D"),
    "no HDUCLAS4": (RUN, [key(PS, HDUCLAS4=None)], (W, PS, "HDUCLAS4"), "expected PSF_TABLE"),
    "GTI HDUCLAS1": (RUN, [key(GT, HDUCLAS1="TIME")], (W, GT, "HDUCLAS1"), "'TIME', expected GTI"),
    "EVENTS HDUCLAS1": (RUN, [key(EV, HDUCLAS1="LIST")], (W, EV, "HDUCLAS1"), "'LIST', expected EVENTS"),
    "OBS_ID": (RUN, [key(EV, OBS_ID=1002)], (E, EV, "OBS_ID"), "1002, but the index has these events for run 1001"),
    "a fault in a run": (RUN, [put(EV, "ENERGY", -1)], (E, EV, "ENERGY"), "not above 0"),
    "no response in a run": (RUN, [remove(PS)], (E, HDUS, "HDU_NAME"), f"run 1001: no PSF in {RUN}; found EVENTS")}
PLACE = {"other class": RUN, "other file": "run_001002.fits.gz", "absent file": "lost.fits", "absent runs": OI, "pointing": RUN, "no response in a run": HI}


@pytest.mark.parametrize("label", INDEX)
def test_index(folder, label):
    file, changes, *case = INDEX[label]
    edit(folder / file, *changes)
    problems = validate(folder)
    compare(problems, PLACE.get(label, file), (changes, *case))
    assert validate(folder / HI) == problems
    agree(problems, lambda: read_runs(DataStore.from_dir(folder)))


def test_a_missing_run_is_seen_from_the_folder_above(folder, tmp_path):
    "As in joint-crab, where the index is in a folder of its own beside spectra."
    (tmp_path / "joint").mkdir()
    shutil.move(folder, tmp_path / "joint" / "dl3")
    (tmp_path / "joint" / "dl3" / RUN).unlink()
    (tmp_path / "joint" / "spectra").mkdir()
    (tmp_path / "joint" / "spectra" / "notes.fits").write_bytes(b"no FITS")
    problems = validate(tmp_path / "joint")
    assert {(p.severity, p.file) for p in problems} == {(E, f"dl3/{RUN}"), (E, "spectra/notes.fits")}
    assert [p.message for p in problems if p.file.endswith(RUN)] == ["no such file, but dl3/hdu-index.fits.gz lists it for run 1001 (events, gti, aeff, edisp, psf, bkg)"]
    assert [p for p in validate(tmp_path) if "notes" not in p.file] == [p._replace(file=f"joint/{p.file}", message=p.message.replace("dl3/", "joint/dl3/")) for p in problems if "notes" not in p.file]


def test_fewer_events_than_the_index_counts(folder):
    edit(folder / RUN, columns(EV, rows=[0, 1]))
    problem, = validate(folder)
    assert problem.severity == E and problem.message == "2 events, but the observation index has EVENT_COUNT 4533; expected one number"


def test_a_file_outside_the_folder_is_an_error(folder):
    shutil.copy(folder / RUN, folder.parent / RUN)
    edit(folder / HI, columns(HDUS, form={"FILE_DIR": "8A"}), put(HDUS, "FILE_DIR", "..", slice(0, 6)))
    assert {(p.severity, p.hdu, p.where) for p in validate(folder)} == {(E, HDUS, "FILE_NAME")}


def test_whatever_happens_is_a_finding(folder, monkeypatch):
    from specnb.analysis import validate as chapter
    def broken(*args): raise RecursionError("far too deep")
    monkeypatch.setattr(chapter, "check_dl3_folder", broken)
    problem, = validate(folder)
    assert problem.severity == E and "RecursionError: far too deep" in problem.message


def test_an_index_of_small_floats_is_near_enough(folder):
    edit(folder / OI, columns(OBS, form={"RA_PNT": "E", "DEC_PNT": "E"}))
    assert validate(folder) == []


def test_damaged_files_and_the_rest(folder):
    "Whatever is wrong with one file, the others are looked at."
    (folder / OI).unlink()
    (folder / "run_001002.fits.gz").write_bytes(b"nothing")
    (folder / "run_001003.fits.gz").unlink()
    edit(folder / "run_001004.fits.gz", put(EV, "ENERGY", np.nan, slice(0, 9)), key(AE, HDUCLAS3=None))
    assert {(p.severity, p.file, p.where) for p in validate(folder)} == {(W, OI, ""), (E, "run_001002.fits.gz", ""), (E, "run_001003.fits.gz", ""),
                                                                        (E, "run_001004.fits.gz", "ENERGY"), (W, "run_001004.fits.gz", "HDUCLAS3")}


@pytest.mark.parametrize("column", ["OBS_ID", "HDU_TYPE", "HDU_CLASS", "FILE_DIR", "FILE_NAME", "HDU_NAME"])
def test_an_index_of_no_use(folder, column):
    "Then the files are looked at as they are."
    edit(folder / HI, columns(HDUS, drop=[column]))
    edit(folder / RUN, put(EV, "ENERGY", -1))
    assert {p[:4] for p in validate(folder)} == {(E, HI, HDUS, column), (E, RUN, EV, "ENERGY"), (W, OI, OBS, "OBS_ID")}
    (folder / HI).write_bytes(b"")
    assert {p[:4] for p in validate(folder)} == {(E, HI, "", ""), (E, RUN, EV, "ENERGY"), (W, OI, OBS, "OBS_ID")}


def test_without_index(folder):
    for name in (HI, OI): (folder / name).unlink()
    assert validate(folder) == []
    (folder / "deep").mkdir()
    (folder / RUN).rename(folder / "deep" / RUN)
    edit(folder / "deep" / RUN, put(EV, "ENERGY", -1))
    assert [p[:4] for p in validate(folder)] == [(E, f"deep/{RUN}", EV, "ENERGY")]


def test_an_uncompressed_index(folder):
    for name in (HI, OI):
        (folder / name.removesuffix(".gz")).write_bytes(gzip.decompress((folder / name).read_bytes()))
        (folder / name).unlink()
    assert validate(folder) == []


def test_paths_from_where_one_is(folder, monkeypatch):
    monkeypatch.chdir(folder)
    edit(folder / RUN, put(EV, "ENERGY", -1))
    for path in (".", "hdu-index.fits.gz", RUN, "../" + folder.name): assert [p.file for p in validate(path)] == [RUN]
    monkeypatch.setenv("MY_DATA", str(folder))
    assert [p.file for p in validate("$MY_DATA")] == [RUN]


def test_nothing_to_look_at(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere: no such file or folder"): validate(tmp_path / "nowhere")
    assert [(p.file, p.message) for p in validate(tmp_path)] == [(".", "no FITS file in it, expected a DL3 data set or OGIP files")]
    fits.BinTableHDU.from_columns([fits.Column("A", "E", array=[1.])], name="MOON").writeto(tmp_path / "moon.fits")
    for path in (tmp_path, tmp_path / "moon.fits"):
        assert [tuple(p) for p in validate(path)] == [(E, "moon.fits", "", "", "neither a DL3 nor an OGIP file; found MOON")]


# --- spectra -----------------------------------------------------------------------------------------------------------------

def spectrum(n=8):
    true, reco = np.geomspace(.5, 50, 21), np.geomspace(.5, 50, n + 1)
    edisp = np.clip(np.minimum(true[1:, None], reco[1:]) - np.maximum(true[:-1, None], reco[:-1]), 0, None) / np.diff(true)[:, None]
    return SpectrumArrays(e_true_edges=true, e_reco_edges=reco, n_on=np.arange(n) * 1., n_off=np.arange(n) * 3., acceptance=np.ones(n), acceptance_off=np.arange(n) + 9.,
                          exposure=np.geomspace(1e8, 1e9, 20), edisp=edisp, mask_safe=np.arange(n) > 0, livetime=1500., ontime=1600.)


@pytest.fixture(scope="module")
def formats(tmp_path_factory):
    "The spectrum in both formats."
    top, gti = tmp_path_factory.mktemp("spectra"), DataStore.from_dir(demo_dir()).obs(1001).gti
    for name in ("ogip", "ogip-sherpa"):
        (top / name).mkdir()
        write_ogip(top / name / "x.fits", spectrum(), "x", format=name, gti=gti)
    return top


@pytest.fixture(params=["ogip", "ogip-sherpa"])
def written(formats, request): return formats / request.param


def test_what_is_written_is_clean(written):
    assert validate(written) == []
    for path in written.iterdir(): assert validate(path) == []


SP, EB, AR, MA = "SPECTRUM", "EBOUNDS", "SPECRESP", "MATRIX"
OGIP = {f"{file} {hdu} {name}={value!r}": (file, [key(hdu, **{name: value})], (severity, hdu, name), words) for file, hdu, name, value, severity, words in [
    ("x", SP, "HDUCLASS", None, W, "expected OGIP"), ("x", SP, "HDUCLAS1", "PHA", W, "expected SPECTRUM"), ("x", SP, "HDUCLAS2", "ON", W, "expected one of TOTAL, BKG, NET"),
    ("x", SP, "HDUCLAS3", "FLUX", W, "'FLUX', expected COUNT or RATE"), ("x", SP, "TELESCOP", None, W, "expected a text"), ("x_rmf", MA, "INSTRUME", None, W, "expected a text"), ("x", SP, "CHANTYPE", "PX", W, "expected PI or PHA"),
    ("x", SP, "DETCHANS", 7, W, "7, but there are 8 channels"), ("x", SP, "DETCHANS", "many", W, "is 'many', expected int"), ("x", SP, "TLMIN1", 1, W, "1, but the first channel is 0"),
    ("x", SP, "EXPOSURE", None, E, "expected a time"), ("x", SP, "EXPOSURE", -3., E, "-3.0, expected a time that is not negative"), ("x", SP, "EXPOSURE", 0., E, "is 0 in . of 8 channels that have counts"),
    ("x", SP, "AREASCAL", None, W, "taken as 1"), ("x", SP, "AREASCAL", -1., E, "-1.0, expected a positive number"), ("x", SP, "AREASCAL", 0., E, "is 0 in . of 8 channels that have counts"),
    ("x", SP, "POISSERR", None, W, "no such keyword, expected T"), ("x", SP, "POISSERR", False, W, "False, expected T"),
    *(("x", SP, k, "lost.fits", E, f"{k} names lost.fits, and there is no such file beside it") for k in ("BACKFILE", "RESPFILE", "ANCRFILE")),
    ("x", EB, "HDUCLAS2", None, W, "expected EBOUNDS"), ("x_rmf", EB, "DETCHANS", 3, W, "3, but there are 8 channels"), ("x_rmf", EB, "TLMIN1", 1, W, "1, but the first channel is 0"),
    ("x_arf", AR, "HDUCLAS1", None, W, "expected RESPONSE"), ("x_arf", AR, "HDUCLAS2", "AREA", W, "expected SPECRESP"),
    ("x_rmf", MA, "HDUCLAS2", None, W, "expected RSP_MATRIX"), ("x_rmf", MA, "HDUCLAS3", "AREA", W, "expected one of REDIST, FULL"), ("x_rmf", MA, "DETCHANS", 9, W, "9, but EBOUNDS has 8"),
    ("x_rmf", MA, "NUMGRP", 3, W, r"3, but there are \d+"), ("x_rmf", MA, "NUMELT", 3, W, r"3, but there are \d+"), ("x_rmf", MA, "CHANTYPE", None, W, "expected PI"),
    ("x_bkg", SP, "EXPOSURE", -1., E, "-1.0, expected a time"), ("x", "GTI", "MJDREFI", None, E, "expected a number")]}
OGIP |= {label: (file, changes, *more) for label, file, changes, *more in [
    ("no COUNTS", "x", [columns(SP, drop=["COUNTS"])], (E, SP, "COUNTS"), "no such column; found CHANNEL"),
    ("no CHANNEL", "x", [columns(SP, drop=["CHANNEL"])], (E, SP, "CHANNEL"), "no such column"),
    ("negative counts", "x", [put(SP, "COUNTS", -3, 4)], (E, SP, "COUNTS"), "1 of 8 values are not 0 or more, the first is -3"),
    ("counts of NaN", "x", [columns(SP, form={"COUNTS": "E"}), put(SP, "COUNTS", np.nan, 4)], (E, SP, "COUNTS"), "not finite"),
    ("parts of counts", "x_bkg", [columns(SP, form={"COUNTS": "E"}), put(SP, "COUNTS", .5, 4)], (W, SP, "COUNTS"), "1 of 8 values are not whole numbers, the first is 0.5"),
    ("quality", "x", [put(SP, "QUALITY", 7, 4)], (W, SP, "QUALITY"), "not -1, 0, 1, 2 or 5, the first is 7; taken as bad"),
    ("logical quality", "x", [columns(SP, form={"QUALITY": "L"}, make={"QUALITY": lambda x: x > 0})], (W, SP, "QUALITY"), "logical, expected integers"),
    ("channels", "x", [put(SP, "CHANNEL", 9, 4)], (E, SP, "CHANNEL"), "expected numbers that increase by 1"),
    ("other first channel", "x", [columns(SP, make={"CHANNEL": lambda x: x + 1}), key(SP, TLMIN1=1, TLMAX1=8)], (E, SP, "CHANNEL"), "channels start at 1, those of EBOUNDS of x_rmf.fits at 0", (E, SP, "CHANNEL")),
    ("scale of 0", "x_bkg", [put(SP, "BACKSCAL", 0, 4)], (E, SP, "BACKSCAL"), "is 0 in 1 of 8 channels that have counts"),
    ("negative scale", "x_bkg", [put(SP, "BACKSCAL", -2, 4)], (E, SP, "BACKSCAL"), "1 of 8 values are not 0 or more, the first is -2"),
    ("short spectrum", "x", [columns(SP, rows=range(7)), key(SP, DETCHANS=7)], (E, SP, "CHANNEL"), "7 channels, but EBOUNDS of x_rmf.fits has 8", (E, SP, "CHANNEL")),
    ("short background", "x_bkg", [columns(SP, rows=range(7)), key(SP, DETCHANS=7)], (E, SP, "CHANNEL"), "7 channels, but x.fits has 8"),
    ("unit of energy", "x", [columns(EB, unit={"E_MIN": "", "E_MAX": ""})], (W, EB, "E_MIN"), "has no unit; taken as keV", (W, EB, "E_MAX")),
    ("wrong unit", "x", [columns(EB, unit={"E_MIN": "deg"})], (W, EB, "E_MIN"), "unit 'deg' does not convert to 'TeV'"),
    ("wrong unit of area", "x_arf", [columns(AR, unit={"SPECRESP": "deg"})], (E, AR, "SPECRESP"), "unit 'deg' does not convert to 'm2'"),
    ("unit of area", "x_arf", [columns(AR, unit={"SPECRESP": ""})], (W, AR, "SPECRESP"), "has no unit; taken as cm2"),
    ("E_MIN", "x_rmf", [columns(EB, drop=["E_MIN"])], (E, EB, "E_MIN"), "no such column"),
    ("gap in EBOUNDS", "x_rmf", [put(EB, "E_MIN", 1e-3, 4)], (E, EB, "E_MIN, E_MAX"), "expected positive, increasing bins without gaps"),
    ("channels of EBOUNDS", "x_rmf", [columns(EB, drop=["CHANNEL"])], (W, EB, "CHANNEL"), "no such column"),
    ("energy from 0", "x_arf", [put(AR, "ENERG_LO", 0)], (W, AR, "ENERG_LO"), "begins at 0; the first bin is taken to be as wide as the second"),
    ("NaN energy", "x_arf", [put(AR, "ENERG_LO", np.nan)], (E, AR, "ENERG_LO"), "1 of 20 values are not finite"),
    ("negative area", "x_arf", [put(AR, "SPECRESP", -1, 3)], (E, AR, "SPECRESP"), "1 of 20 values are not 0 or more"),
    ("no area", "x_arf", [times(AR, "SPECRESP", 0)], (W, AR, "SPECRESP"), "all values are 0"),
    ("other energies", "x_arf", [times(AR, "ENERG_LO", 2), times(AR, "ENERG_HI", 2)], (E, AR, "ENERG_LO"), "20 bins, 1 to 100 TeV, but x_rmf.fits has 20, 0.5 to 50 TeV"),
    ("fewer energies", "x_arf", [columns(AR, rows=range(9))], (E, AR, "ENERG_LO"), "9 bins, .* but x_rmf.fits has 20"),
    ("empty ARF", "x_arf", [columns(AR, rows=[])], (E, AR, ""), "the table is empty"),
    ("no MATRIX", "x_rmf", [columns(MA, drop=["MATRIX"])], (E, MA, "MATRIX"), "no such column"),
    ("no F_CHAN", "x_rmf", [columns(MA, drop=["F_CHAN"])], (E, MA, "F_CHAN"), "no such column"),
    ("groups", "x_rmf", [put(MA, "N_GRP", 5, 3)], (E, MA, "N_GRP"), "rows with more groups than in F_CHAN and N_CHAN: 1, the first is row 3"),
    ("lengths", "x_rmf", [put(MA, "N_CHAN", 50, 6)], (E, MA, "N_CHAN"), "rows with more channels than values in MATRIX: 1, the first is row 3"),
    ("out of range", "x_rmf", [put(MA, "F_CHAN", 50, 6)], (E, MA, "F_CHAN"), r"row 3: channels 50 to 5\d reach out of 0 to 7"),
    ("no TLMIN", "x_rmf", [key(MA, TLMIN4=None)], (W, MA, "TLMIN4"), "no such keyword; the channels are taken to begin at 0"),
    ("other TLMIN", "x_rmf", [key(MA, TLMIN4=-1)], (E, MA, "TLMIN4"), "is -1, but the channels of EBOUNDS begin at 0"),
    ("a little too much", "x_rmf", [times(MA, "MATRIX", 1.03)], (W, MA, "MATRIX"), "20 of 20 rows have a sum above 1, up to 1.03"),
    ("an area of 1e30", "x_arf", [put(AR, "SPECRESP", 1e30, 3)], (E, AR, "SPECRESP"), "not from 0 to 1e.+08 m2"),
    ("energies of 1e12 TeV", "x_arf", [times(AR, "ENERG_LO", 1e12), times(AR, "ENERG_HI", 1e12)], (E, AR, "ENERG_LO, ENERG_HI"), "without gaps up to 1e.+06 TeV"),
    ("channels of 1e12 TeV", "x_rmf", [times(EB, "E_MIN", 1e12), times(EB, "E_MAX", 1e12)], (E, EB, "E_MIN, E_MAX"), "without gaps up to 1e.+06 TeV"),
    ("too much", "x_rmf", [times(MA, "MATRIX", 2)], (E, MA, "MATRIX"), "20 of 20 rows have a sum above 1, up to 2"),
    ("negative probability", "x_rmf", [put(MA, "MATRIX", -1.)], (E, MA, "MATRIX"), r"1 of \d+ values are not 0 or more, the first is -1"),
    ("nothing", "x_rmf", [times(MA, "MATRIX", 0)], (W, MA, "MATRIX"), "all values are 0"),
    ("no EBOUNDS", "x_rmf", [remove(EB)], (E, "", "EBOUNDS"), "no such HDU, expected the energies of the channels"),
    ("other name", "x_arf", [key(AR, EXTNAME="AREA")], (W, "AREA", "EXTNAME"), "AREA, expected SPECRESP"),
    ("no SPECTRUM", "x", [remove(SP)], (E, "", ""), "expected SPECTRUM, SPECRESP or MATRIX; found EBOUNDS"),
    ("wrong file", "x", [key(SP, ANCRFILE="x_rmf.fits")], (E, "", ""), "no HDU SPECRESP; found PRIMARY, MATRIX, EBOUNDS")]}


@pytest.fixture
def damaged(formats, tmp_path): return shutil.copytree(formats / "ogip-sherpa", tmp_path / "spectrum")


@pytest.mark.parametrize("label", OGIP)
def test_spectra(damaged, label):
    file, changes, *case = OGIP[label]
    edit(damaged / f"{file}.fits", *changes)
    problems = validate(damaged / "x.fits")
    compare(problems, f"{file}.fits", (changes, *case))
    agree(problems, lambda: read_ogip(damaged / "x.fits"))
    if not case[1].startswith(("no HDU", "7 channels, but x")): assert set(validate(damaged)) == set(problems)


def test_backscal_keyword(damaged):
    "A scale that does not vary is a keyword in the format for other programs."
    for value, place in ((-1., (E, SP, "BACKSCAL")), (0., (E, SP, "BACKSCAL")), (None, (W, SP, "BACKSCAL"))):
        edit(damaged / "x.fits", *([columns(SP, drop=["BACKSCAL"])] if "BACKSCAL" in fits.getdata(damaged / "x.fits", SP).names else []), key(SP, BACKSCAL=value))
        assert listed(validate(damaged / "x.fits")) == [place]


def test_a_truncated_companion(damaged):
    whole = (damaged / "x_rmf.fits").read_bytes()
    (damaged / "x_rmf.fits").write_bytes(whole[:len(whole) // 2])
    edit(damaged / "x_bkg.fits", put(SP, "COUNTS", -1))
    assert {p[:4] for p in validate(damaged / "x.fits")} >= {(E, "x_rmf.fits", "", ""), (E, "x_bkg.fits", SP, "COUNTS")}


def test_older_name_and_full_matrices(damaged):
    "SPECRESP MATRIX is the older name; a matrix that holds the area has rows of any sum, and no ARF goes with it."
    edit(damaged / "x_rmf.fits", key(MA, EXTNAME="SPECRESP MATRIX"))
    assert validate(damaged / "x.fits") == []
    edit(damaged / "x_rmf.fits", times("SPECRESP MATRIX", "MATRIX", 1000), key("SPECRESP MATRIX", HDUCLAS3="FULL"))
    assert "holds the effective area" in validate(damaged / "x.fits")[0].message
    edit(damaged / "x.fits", key(SP, ANCRFILE="NONE"))
    assert validate(damaged / "x.fits") == []


@pytest.mark.parametrize("factor", [1, 2])
def test_matrices_of_variable_length(damaged, factor):
    "As other programs write them: cells of their own length, an empty row as one group of no channel, with checksums."
    with fits.open(damaged / "x_rmf.fits") as file:
        old, ebounds = file[MA].data, file[EB].copy()
        head = {k: v for k, v in file[MA].header.items() if re.match("HDU|TLMIN|TELESCOP|INSTRUME|CHANTYPE|DETCHANS", k)}
        n_grp, n_chan = old["N_GRP"].copy(), old["N_CHAN"].copy()
        n_grp[0], n_chan[0] = 1, 0
        lengths = [c[:g] for c, g in zip(n_chan, n_grp)]
        cells = {"F_CHAN": [c[:g] for c, g in zip(old["F_CHAN"], n_grp)], "N_CHAN": lengths, "MATRIX": [factor * c[:n.sum()] for c, n in zip(old["MATRIX"], lengths)]}
        new = [fits.Column(k, c, old.columns[k].unit, array=old[k] if k != "N_GRP" else n_grp) for k, c in (("ENERG_LO", "D"), ("ENERG_HI", "D"), ("N_GRP", "I"))]
        for (name, values), form in zip(cells.items(), ("PI()", "PI()", "PE()")):
            array = np.empty(len(old), object)
            array[:] = values
            new.append(fits.Column(name, form, array=array))
        matrix = fits.BinTableHDU.from_columns(new, fits.Header(head), name=MA)
    fits.HDUList([fits.PrimaryHDU(), matrix, ebounds]).writeto(damaged / "x_rmf.fits", overwrite=True, checksum=True)
    assert listed(validate(damaged / "x.fits")) == ([] if factor == 1 else [(E, MA, "MATRIX")])


def test_spectra_without_problem_can_be_read(written):
    assert validate(written / "x.fits") == [] and read_ogip(written / "x.fits")[0].n_on.sum() == 28


# --- good data, display, time ----------------------------------------------------------------------------------------------

def test_demo_data():
    assert validate(demo_dir()) == [] and validate(str(demo_dir())) == []


def test_hess(hess_dir):
    problems = validate(hess_dir)
    errors, warnings = ([p for p in problems if p.severity == s] for s in (E, W))
    runs = {r["FILE_NAME"].strip() for r in fits.getdata(hess_dir / HI) if not (hess_dir / r["FILE_DIR"].strip() / r["FILE_NAME"].strip()).is_file()}
    assert len(errors) == len(runs) and {p.file for p in errors} == {f"data/{n}" for n in runs} and all(p.message.startswith("no such file") for p in errors)
    assert {(p.hdu, p.where) for p in warnings} <= {(EV, "TIME"), (ED, "MATRIX")}   # late events; densities that the axis of MIGRA cuts
    run = hess_dir / "data/hess_dl3_dr1_obs_id_023523.fits.gz"
    events, gti = fits.getdata(run, "EVENTS"), fits.getdata(run, "GTI")
    late = np.sum((events["TIME"] < gti["START"][0]) | (events["TIME"] > gti["STOP"][0]))
    assert [p.message for p in validate(run) if p.where == "TIME"] == [f"events outside the good time intervals: {late} of {len(events)}, by up to 0.00627 s; 0 are not counted"]


def test_magic(magic_dir):
    problems = validate(magic_dir)
    assert {p[:4] for p in problems} == {(W, HI, OBS, "HDUCLAS2")} | {(W, OI, OBS, k) for k in ("MJDREFI", "MJDREFF", "TIMESYS", "TIMEUNIT")}


def test_display():
    problems = [Problem(E, "a.fits", "EVENTS", "TIME", "late"), Problem(W, "a.fits", "", "", "odd")]
    assert [str(p) for p in problems] == ["error: a.fits[EVENTS]: TIME: late", "warning: a.fits: odd"]
    assert problems_table(problems).colnames == list(Problem._fields) and list(problems_table(problems)["hdu"]) == ["EVENTS", ""]
    assert len(problems_table([])) == 0
    assert [count_problems(p) for p in (problems, problems * 2, [])] == ["1 error, 1 warning", "2 errors, 2 warnings", "no problem"]
    assert json.loads(json.dumps([p._asdict() for p in problems]))[0]["where"] == "TIME"
