"""What may change numbers without a word: damage that leaves a file which is written correctly and means something else.

Nobody can see that a count was changed; that a unit is none, everybody can. Each row is a kind, a pattern of the class of mutation, a pattern of what
was done (and of what changed), and why nobody can notice.
"""
import re

ANY = ""
ALLOWED = (
    # FITS: DL3 and OGIP
    ("dl3|ogip", "unit of the same kind", ANY, "the unit that the file states is used; values of this size are possible"),
    ("dl3|ogip", "column scale", r"TSCAL|TZERO", "a scaled column is read as scaled; values of this size are possible"),
    ("dl3|ogip", "value (changed|senseless bytes|zero|negative)|bytes: data", ANY, "a measured or simulated number within its physical range"),
    ("dl3|ogip", "value huge", r"EVENTS: .*(DETX|DETY|MULTIP|AZ|ALT)|QUALITY", "a column that no spectrum uses, or any value but 0, which is bad"),
    ("dl3|ogip", "keyword changed|keyword senseless", ANY, "another value that the format allows"),
    ("ogip", "keyword dropped", "ONTIME", "a keyword that need not be there; the time without dead time is taken"),
    ("ogip", "value huge", "COUNTS", "counts, many of them"),
    ("dl3", "cells backwards|rows (dropped|backwards)", ANY, "the table is as it is written; which event or area is missing or moved cannot be known"),
    ("ogip", "cells backwards|rows backwards", r"BACKSCAL|COUNTS|SPECRESP|MATRIX|AREASCAL|QUALITY|rows", "numbers of other channels; the channels are in order"),
    ("ogip", "column name (dropped|renamed|senseless|exchanged|lower case)", r"QUALITY|GROUPING|AREASCAL|SYS_ERR|STAT_ERR", "a column that need not be there, under a name that means nothing"),
    ("ogip", "column format", r"QUALITY|GROUPING", "flags of another type"),
    # spectra as maps
    ("gadf", "unit of the same kind|column scale|value (changed|zero|negative|huge|senseless bytes|text)|bytes: data", ANY, "a number, scale or flag within its range; masks are flags"),
    ("gadf", "keyword (changed|senseless|dropped)", r"LIVETIME|ONTIME|NAME|TELESCOP|INSTRUME", "another time or name; fluxes do not depend on them"),
    ("gadf", "cells backwards", ANY, "numbers of other bins; the bins are in order"),
    ("gadf", "HDU (renamed|dropped)|structure|bytes: END", r"MASK_|META_TABLE|GTI|REGION|HDU (9|1\d)", "a map that need not be there: all bins are safe, nothing is known of the run"),
    # flux points
    ("flux points", "value (changed|zero|negative|senseless bytes)|table: cell senseless|number.*|bytes: data", ANY, "a flux, error or statistic within its range"),
    ("flux points", "value huge", r"(flux|dnde|norm|eflux)[^ ]*(ul|err)", "an error or a limit that says nothing"),
    ("flux points", "rows .*|table: row.*|characters: line (twice|dropped)", ANY, "a table with fewer or other bands"),
    ("flux points", "column name .*", r"ul|err[np]|ts|scan|npred|counts|success|is_ul", "a column that need not be there, under a name that means nothing"),
    ("flux points", "head of the text", r"name: ", "a column that need not be there, under a name that means nothing"),
    ("flux points", "unit of the same kind|column scale|unit of another kind or none", r"GeV|km|erg|keV|MeV|TSCAL|TZERO|5 /", "the unit or scale that the file states is used"),
    ("flux points", "keyword changed|head of the text|characters: (flipped|random)", ANY, "another value that the format allows"),
    # texts
    ("models|datasets", "number (changed|as text)|number with something more", ANY, "a parameter with another value, in whatever spelling"),
    ("models|datasets", "unit of the same kind", ANY, "the unit that the file states is used"),
    ("models|datasets", "list (backwards|element dropped)|characters: line (dropped|twice)", ANY, "fewer models, parameters at their defaults, or another order"),
    ("models|datasets", "key dropped", r"error|frozen|min|max|unit|link|scale|datasets_names|name|type|parameters|interp|extrapolate|reference|prior", "a key that need not be there"),
    ("models|datasets", "key one more", r"limits$|min", "a limit that somebody may want"),
    ("models|datasets", "value senseless", r"'(value|min|max|error|frozen|name|data|datasets_names|link)'|'(values|energy)'", "a value that the parameter allows, or another name"),
    ("models|datasets|configuration|sweeps", "characters: .*", ANY, "another text, correctly written"),
    ("covariance", "models: backwards", r"names$", "the models in the order of their file, each with its own errors"),
    ("covariance", "table: cell senseless|characters: .*", ANY, "another covariance, symmetric and not negative"),
    ("configuration", "number .*|unit of the same kind|list .*|key dropped|value senseless|unit of another kind", ANY, "another configuration, every value of it within its range"),
    ("configuration", "unit unknown", r"-> '5 TeV'", "another energy"),
    ("sweeps", "(number|unit|list|key|value) .*", ANY, "another design: any plain value may be varied, by any name"),
    ("sweeps", "database: cell|database: bytes .*|database: note", ANY, "another result, as a result may be"),
)


def why(verdict):
    "Why a change without a word is allowed; '' if it is not."
    told = f"{verdict.text} | {verdict.message}"
    return next((reason for kind, group, text, reason in ALLOWED if re.fullmatch(kind, verdict.kind) and re.fullmatch(group, verdict.group) and re.search(text, told)), "")


def is_allowed(verdict): return bool(why(verdict))
