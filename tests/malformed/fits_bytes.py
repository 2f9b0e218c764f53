"""Mutations of FITS files, byte by byte, so that a file may be wrong in every way; each returns (class of mutation, what was done).

A file is a list of `Part`: the cards of a header without END, and the data with their filling.
"""
import gzip
import re
from functools import cache
import numpy as np

BLOCK = 2880
STRUCTURE = ("XTENSION", "BITPIX", "NAXIS", "NAXIS1", "NAXIS2", "PCOUNT", "GCOUNT", "TFIELDS", "THEAP", "EXTNAME", "SIMPLE", "EXTEND")
COLUMN_KEY = re.compile(r"T(TYPE|FORM|UNIT|DIM|SCAL|ZERO|NULL|DISP)\d+")
TYPES = {"A": "S1", "L": "S1", "X": "u1", "B": "u1", "I": ">i2", "J": ">i4", "K": ">i8", "E": ">f4", "D": ">f8"}


class Part:
    "One HDU."

    def __init__(self, cards, data): self.cards, self.data = cards, data

    def __bytes__(self):
        header = b"".join(c[:80].ljust(80) for c in self.cards) + b"END".ljust(80)
        return header + b" " * (-len(header) % BLOCK) + self.data

    def keys(self): return [c[:8].decode("latin-1").rstrip() for c in self.cards if c[8:10] == b"= "]

    def place(self, key): return next((i for i, c in enumerate(self.cards) if c[:10].decode("latin-1") == f"{key:8}= "), None)

    def value(self, key, default=None):
        i = self.place(key)
        if i is None: return default
        text = self.cards[i][10:].decode("latin-1")
        found = re.match(r"\s*'((?:[^']|'')*)'", text)
        return found[1].rstrip() if found else text.partition("/")[0].strip()

    def put(self, key, text):
        "Set a card to a text as it stands in the file."
        card, i = f"{key:8}= {text:>20}".encode("latin-1")[:80].ljust(80), self.place(key)
        if i is None: self.cards.append(card)
        else: self.cards[i] = card

    def remove(self, key): del self.cards[self.place(key)]

    @property
    def name(self): return self.value("EXTNAME", "PRIMARY")
    @property
    def n_columns(self): return int(self.value("TFIELDS", 0))

    def dtype(self):
        "Of a row."
        fields = []
        for i in range(1, self.n_columns + 1):
            n, letter = re.match(r"(\d*)(\w)", self.value(f"TFORM{i}")).groups()
            n = int(n or 1)
            fields.append((f"c{i}", f"S{n}") if letter == "A" else (f"c{i}", TYPES[letter], (n,)))
        return np.dtype(fields)

    def rows(self):
        "The table, a copy."
        dtype, n = self.dtype(), int(self.value("NAXIS2"))
        return np.frombuffer(self.data[:n * dtype.itemsize], dtype).copy()

    def set_rows(self, rows):
        raw = rows.tobytes()
        self.data = raw + bytes(-len(raw) % BLOCK)
        self.put("NAXIS2", str(len(rows)))


def split(raw):
    "The parts of a good file."
    parts, at = [], 0
    while at < len(raw):
        cards = []
        while raw[at:at + 80].rstrip() != b"END":
            cards.append(raw[at:at + 80])
            at += 80
        at = -(-(at + 80) // BLOCK) * BLOCK
        part = Part(cards, b"")
        axes = [int(part.value(f"NAXIS{i + 1}")) for i in range(int(part.value("NAXIS")))]
        size = abs(int(part.value("BITPIX"))) // 8 * int(np.prod(axes)) if axes else 0
        size += -size % BLOCK
        part.data = raw[at:at + size]
        parts.append(part)
        at += size
    return parts


def choose(rng, values):
    "One of them, of any type."
    return values[int(rng.integers(len(values)))]


def some_table(parts, rng): return choose(rng, [p for p in parts if p.value("XTENSION") == "BINTABLE"])


# --- keywords -----------------------------------------------------------------------------------------------------------------

TEXTS = ["'many'", "''", "'nan'", "nan", "inf", "-1", "0", "1E30", "-1E30", "T", "F", "", "1_0", "0x1F", "12345678901234567890123", "'1.5 TeV'", "(1,2)",
         "'A''B'", "1E999", "1.2.3", "'\xe9'", "-0.0", "1D3", "'x' 'y'", "+", "'unclosed"]


def plain_keys(part): return [k for k in part.keys() if k not in STRUCTURE and not COLUMN_KEY.fullmatch(k)]


def key_dropped(parts, rng):
    part = choose(rng, [p for p in parts if plain_keys(p)])
    key = choose(rng, plain_keys(part))
    part.remove(key)
    return "keyword dropped", f"{part.name}: {key}"


def key_value(parts, rng):
    part = choose(rng, [p for p in parts if plain_keys(p)])
    key, text = choose(rng, plain_keys(part)), choose(rng, TEXTS)
    part.put(key, text)
    return "keyword senseless", f"{part.name}: {key} = {text}"


def key_changed(parts, rng):
    part = choose(rng, [p for p in parts if plain_keys(p)])
    key = choose(rng, plain_keys(part))
    old = part.value(key)
    try: new = f"{float(old) * choose(rng, [1.01, .5, 2, -1, 1e3]):.12G}"
    except ValueError: new = "'" + "".join(rng.permutation(list(old or "abc"))) + "'"
    part.put(key, new)
    return "keyword changed", f"{part.name}: {key} {old} -> {new}"


def key_twice(parts, rng):
    part = choose(rng, [p for p in parts if plain_keys(p)])
    key, text = choose(rng, plain_keys(part)), choose(rng, TEXTS)
    part.cards.append(f"{key:8}= {text:>20}".encode("latin-1").ljust(80))
    return "keyword twice", f"{part.name}: {key} = {text}, too"


def strange_card(parts, rng):
    part = choose(rng, parts[1:])
    card = choose(rng, [b"CONTINUE  'of nothing'", b"CONTINUE  5", b"NOTE    = 'with &'", b"HIERARCH ESO = 5", b"HIERARCH =", b"caf\xe9   = 5", b"        = 5", b"\0" * 80,
                        b"NOTE    = 'caf\xe9'", b"COMMENT caf\xe9", b"HISTORY \xff\xfe", b"END     = 5", b"TFORM1  = '1D'", b"=" * 80, b"\t" * 80, b"END"])
    part.cards.insert(int(rng.integers(1, len(part.cards) + 1)), card.ljust(80))
    return "strange card", f"{part.name}: {card.rstrip()!r}"


SIZES = ["-1", "0", "1", "2", "3", "7", "999", "1000", "2147483648", "1000000000000", "9223372036854775807", "99999999999999999999", "2.5", "'8'", "T", "", "nan", "1E3"]


def structure(parts, rng):
    part = choose(rng, parts[1:])
    key = choose(rng, [k for k in STRUCTURE if k not in ("SIMPLE", "EXTEND")])
    old = part.value(key)
    if key in ("XTENSION", "EXTNAME"): text = choose(rng, ["'IMAGE'", "'TABLE'", "'BINTABL'", "'A3DTABLE'", "''", "5", "T", "'bintable'", "'FOREIGN '", "'\xe9'", "'EVENTS'"])
    else: text = choose(rng, SIZES + [str(int(old or 0) + int(rng.integers(-3, 4)))])
    if rng.random() < .15 and old is not None:
        part.remove(key)
        return "structure", f"{part.name}: no {key}"
    part.put(key, text)
    return "structure", f"{part.name}: {key} {old} -> {text}"


def column_format(parts, rng):
    part = some_table(parts, rng)
    i, kind = int(rng.integers(1, part.n_columns + 1)), choose(rng, ["TFORM", "TFORM", "TDIM"])
    old = part.value(f"{kind}{i}")
    if kind == "TFORM":
        n = re.match(r"\d*", old)[0]
        text = choose(rng, [f"'{n}{x}'" for x in "LXBIJKEDCMAPQZ"] + ["''", "5", f"'-{n}D'", "'99999999999D'", "'1PD(5)'", "'D D'", f"'{n}D5'", "'1QE'", "'0D'", "'e'"])
    else: text = choose(rng, ["'(1)'", "'(3,2)'", "'(2,2,2)'", "'(-1,3)'", "'(0)'", "'()'", "'3,2'", "7", "'(99999999999,99999999999)'", "'(1,1,1,1,1,1)'", "'(x)'", "''"])
    part.put(f"{kind}{i}", text)
    return "column format", f"{part.name}: {kind}{i} ({part.value(f'TTYPE{i}')}) {old} -> {text}"


def column_scale(parts, rng):
    part = some_table(parts, rng)
    i, key = int(rng.integers(1, part.n_columns + 1)), choose(rng, ["TSCAL", "TZERO", "TNULL"])
    text = choose(rng, ["2.0", "-1.0", "0.0", "32768", "1E300", "nan", "'two'", "T", "1", "", "12345678901234567890123"])
    part.put(f"{key}{i}", text)
    return "column scale", f"{part.name}: {key}{i} ({part.value(f'TTYPE{i}')}) = {text}"


def column_name(parts, rng):
    part = some_table(parts, rng)
    i, j = (int(rng.integers(1, part.n_columns + 1)) for _ in range(2))
    old, other = part.value(f"TTYPE{i}", ""), part.value(f"TTYPE{j}", "")
    what = choose(rng, ["renamed", "exchanged", "twice", "lower case", "senseless", "dropped"])
    if what == "exchanged" and i != j:
        part.put(f"TTYPE{i}", f"'{other}'")
        part.put(f"TTYPE{j}", f"'{old}'")
    elif what == "dropped": part.remove(f"TTYPE{i}") if part.place(f"TTYPE{i}") is not None else None
    else:
        new = {"renamed": f"'{old}X'", "twice": f"'{other}'", "lower case": f"'{old.lower()}'"}.get(what) or choose(rng, ["5", "T", "''", "'\xe9'", "' '", "'A B'"])
        part.put(f"TTYPE{i}", new)
    return f"column name {what}", f"{part.name}: TTYPE{i} {old} ({other})"


SAME_KIND = {"TeV": ["GeV", "MeV", "keV", "eV", "erg"], "keV": ["TeV", "MeV"], "m2": ["cm2", "km2", "cm**2", "m^2"], "cm2": ["m2", "cm**2"], "cm**2": ["m2"], "deg": ["rad", "arcmin"],
             "s": ["ms", "min", "d", "h"], "sr-1": ["deg-2", "1/sr"], "m": ["km", "cm"], "s-1 MeV-1 sr-1": ["s-1 TeV-1 sr-1", "1/s/MeV/sr"]}


def column_unit(parts, rng):
    tables = [p for p in parts if any(k.startswith("TUNIT") for k in p.keys())]
    if not tables: return column_name(parts, rng)
    part = choose(rng, tables)
    key = choose(rng, [k for k in part.keys() if k.startswith("TUNIT")])
    old, where = part.value(key), part.value(f"TTYPE{key[5:]}")
    kind = choose(rng, ["dropped", "of the same kind", "of another kind", "unknown"])
    if kind == "of the same kind" and old in SAME_KIND: new = f"'{choose(rng, SAME_KIND[old])}'"
    elif kind == "dropped":
        part.remove(key)
        return "unit dropped", f"{part.name}: {where} {old}"
    elif kind == "unknown": new = choose(rng, ["'Tev'", "'quux'", "5", "'\xb5m'", "'10**3 TeV'", "'TeV TeV'", "'('", "'1/0'", "'2.5 TeV'", "T", "'TeV-'", "'mag'", "'dex(TeV)'"])
    else: kind, new = "of another kind", choose(rng, [f"'{x}'" for x in ("TeV", "m2", "deg", "s", "kg", "sr-1", "Hz") if x != old and x not in SAME_KIND.get(old, ())])
    part.put(key, new)
    return f"unit {kind}", f"{part.name}: {where} {old} -> {new}"


# --- values -------------------------------------------------------------------------------------------------------------------

def value(parts, rng):
    part = choose(rng, [p for p in parts[1:] if p.n_columns and p.value("NAXIS2") != "0"])
    rows = part.rows()
    column = choose(rng, [c for c in rows.dtype.names])
    i, cells = int(column[1:]), rows[column].reshape(len(rows), -1)
    what = choose(rng, ["not finite", "negative", "zero", "huge", "changed", "senseless bytes"])
    n = max(1, int(cells.size * choose(rng, [0, 0, .01, .3, 1])))
    at = rng.choice(cells.size, n, replace=False)
    flat = cells.reshape(-1)
    if flat.dtype.kind == "S": flat[at] = choose(rng, [b"", b"\xff\xfe", b"nan", b"X" * 99, b"../x", b"\0a", b"events"]); what = "text"
    elif what == "senseless bytes": flat[at] = np.frombuffer(rng.bytes(n * flat.itemsize), flat.dtype)
    elif what == "changed":
        with np.errstate(all="ignore"): flat[at] = (flat[at] * choose(rng, [1.3, .9, 1.0001, 100.])).astype(flat.dtype)
    elif flat.dtype.kind == "f": flat[at] = {"not finite": choose(rng, [np.nan, np.inf, -np.inf]), "negative": -np.abs(flat[at]) - choose(rng, [0, 1e-3, 1]), "zero": 0, "huge": choose(rng, [1e30, -1e30])}[what]
    else: flat[at] = {"not finite": np.iinfo(flat.dtype).min, "negative": -1 if flat.dtype.kind == "i" else 255, "zero": 0, "huge": np.iinfo(flat.dtype).max}[what]
    rows[column] = flat.reshape(rows[column].shape)
    part.set_rows(rows)
    return f"value {what}", f"{part.name}: {n} of {cells.size} in {part.value(f'TTYPE{i}')}"


def row_order(parts, rng):
    part = choose(rng, [p for p in parts[1:] if p.n_columns and p.value("NAXIS2") != "0"])
    rows, what = part.rows(), choose(rng, ["none left", "dropped", "repeated", "backwards", "one repeated"])
    n = len(rows)
    part.set_rows({"none left": rows[:0], "dropped": rows[np.arange(n) != int(rng.integers(n))], "repeated": np.concatenate([rows, rows]), "backwards": rows[::-1],
                   "one repeated": np.concatenate([rows, rows[:1]])}[what])
    return f"rows {what}", f"{part.name}: {n} rows"


def cells_backwards(parts, rng):
    part = choose(rng, [p for p in parts[1:] if p.n_columns and p.value("NAXIS2") != "0"])
    rows = part.rows()
    column = choose(rng, list(rows.dtype.names))
    if rows[column].ndim > 1: rows[column] = rows[column][:, ::-1].copy()
    else: rows[column] = rows[column][::-1].copy()
    part.set_rows(rows)
    return "cells backwards", f"{part.name}: {part.value('TTYPE' + column[1:])}"


# --- HDUs and bytes -------------------------------------------------------------------------------------------------------------

def hdus(parts, rng):
    what, i = choose(rng, ["dropped", "repeated", "backwards", "renamed", "an image instead"]), int(rng.integers(1, len(parts)))
    name = parts[i].name
    if what == "dropped": del parts[i]
    elif what == "repeated": parts.append(Part(list(parts[i].cards), parts[i].data))
    elif what == "backwards": parts[1:] = parts[:0:-1]
    elif what == "renamed": parts[i].put("EXTNAME", f"'{choose(rng, parts[1:]).name}X'")
    else: parts[i] = Part([f"{c:80}".encode() for c in ("XTENSION= 'IMAGE   '", "BITPIX  =                  -32", "NAXIS   =                    2", "NAXIS1  =                    4",
                                                        "NAXIS2  =                    3", "PCOUNT  =                    0", "GCOUNT  =                    1", f"EXTNAME = '{name}'")], bytes(BLOCK))
    return f"HDU {what}", name


def raw_bytes(parts, rng):
    raw = bytearray(b"".join(map(bytes, parts)))
    what, at = choose(rng, ["header", "header", "data", "block dropped", "block put in", "truncated", "trailing bytes", "XTENSION", "END"]), int(rng.integers(len(raw)))
    if what in ("header", "XTENSION", "END"):
        starts = np.cumsum([0] + [len(bytes(p)) for p in parts])[:-1]
        i = int(rng.integers(len(parts)))
        start, size = int(starts[i]), len(bytes(parts[i])) - len(parts[i].data)
        if what == "XTENSION": raw[start:start + 8] = choose(rng, [b"XTENSIO ", b"xtension", b"YTENSION", b"\0" * 8, b"SIMPLE  "])
        elif what == "END":
            end = start + len(parts[i].cards) * 80
            raw[end:end + 3] = b"   "
        else:
            at, n = start + int(rng.integers(size)), int(rng.integers(1, 30))
            raw[at:at + n] = bytes(rng.integers(32, 127, n).astype("u1")) if rng.random() < .7 else rng.bytes(n)
        at = f"HDU {i} {at if what == 'header' else ''}"
    elif what == "data": raw[at:at + 8] = rng.bytes(8)
    elif what == "block dropped": del raw[at - at % BLOCK:at - at % BLOCK + BLOCK]
    elif what == "block put in": raw[at - at % BLOCK:at - at % BLOCK] = choose(rng, [bytes(BLOCK), b" " * BLOCK, rng.bytes(BLOCK)])
    elif what == "truncated": del raw[at:]
    else: raw += choose(rng, [b"\0" * 100, b"x" * BLOCK, b"XTENSION", rng.bytes(5000)])
    return f"bytes: {what}", f"{at}", bytes(raw)


@cache
def zeros(n_mb): return gzip.compress(bytes(2**20) * n_mb, 1)


def gzipped(parts, rng):
    whole = b"".join(map(bytes, parts))
    what = choose(rng, ["bit flipped", "bit flipped", "bit flipped", "truncated", "trailing bytes", "bomb", "two members", "zeros behind"])
    if what == "bomb":
        part = some_table(parts, rng)
        part.put("NAXIS2", str(2**33 // max(1, int(part.value("NAXIS1")))))
        return "gzip bomb", part.name, gzip.compress(b"".join(map(bytes, parts)), 1) + zeros(64) * 128
    raw = bytearray(gzip.compress(whole, 6, mtime=0))
    at = int(rng.integers(len(raw)))
    if what == "bit flipped": raw[at] ^= 1 << int(rng.integers(8))
    elif what == "truncated": del raw[at:]
    elif what == "trailing bytes": raw += choose(rng, [b"\0" * 100, b"x" * 50, b"\x1f\x8b"])
    elif what == "zeros behind": raw += zeros(64)
    else:
        half = len(whole) // 2
        raw = gzip.compress(whole[:half], 1) + gzip.compress(whole[half:], 1)
    return f"gzip {what}", f"{at} of {len(raw)} bytes", bytes(raw)


MUTATIONS = {key_dropped: 2, key_value: 3, key_changed: 2, key_twice: 1, strange_card: 1, structure: 5, column_format: 3, column_scale: 1, column_name: 2, column_unit: 3,
             value: 6, row_order: 1.5, cells_backwards: .7, hdus: 1.5, raw_bytes: 3, gzipped: 3}


def mutate(raw, rng):
    "Class of mutation, what was done, and the changed file."
    weights = np.array(list(MUTATIONS.values()))
    change = list(MUTATIONS)[int(rng.choice(len(weights), p=weights / weights.sum()))]
    parts = split(raw)
    group, text, *changed = change(parts, rng)
    return group, text, changed[0] if changed else b"".join(map(bytes, parts))
