"FITS tables: every layout astropy can write is read back, and every way a file can be wrong is named."
import gzip
import io
import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from specnb.base.core import DataError
from specnb.base.tables import NewTable, parse_cards, read_tables, table_hdu, unit_factor, write_tables

RNG = np.random.default_rng(5)
COLUMNS = {
    "f4": np.float32(RNG.normal(size=5)), "f8": RNG.normal(size=5), "i2": np.arange(5, dtype="i2") - 2, "i4": np.arange(5, dtype="i4") * 10**8,
    "i8": np.arange(5) * 10**15, "u1": np.arange(5, dtype="u1"), "bool": np.array([True, False, False, True, True]),
    "text": np.array(["a", "bc  ", "", "def", " x"]), "vector": RNG.normal(size=(5, 3)), "cube": np.float32(RNG.normal(size=(5, 2, 3, 4)))}


def test_every_common_column_comes_back(tmp_path):
    write_tables(tmp_path / "t.fits.gz", [table_hdu("T", COLUMNS)])
    table = read_tables(tmp_path / "t.fits.gz")["T"]
    for name, values in COLUMNS.items():
        found = table.column(name)
        assert found.shape == values.shape and found.dtype.isnative
        if name == "text": assert list(found) == ["a", "bc", "", "def", "x"]
        else: np.testing.assert_array_equal(found, values)
        assert found.dtype.kind == {"f": "f", "i": "i", "u": "i", "b": "b", "U": "U"}[values.dtype.kind]


@pytest.mark.parametrize("column", [
    fits.Column("C", "I", bzero=32768, array=np.array([1, 40000], "u2")), fits.Column("C", "D", bscale=.5, array=np.array([1., 7.5])),
    fits.Column("C", "PE()", array=np.array([np.array([1., 2.]), np.array([3.])], dtype=object)), fits.Column("C", "8X", array=np.eye(2, 8, dtype=bool)),
    fits.Column("C", "M", array=np.array([1 + 2j, 3]))], ids=["unsigned", "scaled", "variable length", "bits", "complex"])
def test_uncommon_columns_take_the_way_through_astropy(tmp_path, column):
    hdu = fits.BinTableHDU.from_columns([column, fits.Column("N", "D", array=np.arange(2.))], name="T")
    hdu.writeto(tmp_path / "t.fits")
    table = read_tables(tmp_path / "t.fits")["T"]
    for found, expected in zip(table.raw("C"), hdu.data["C"]): np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(table.column("N"), [0, 1])


def test_ascii_table(tmp_path):
    hdu = fits.TableHDU.from_columns([fits.Column("E", "E15.7", array=np.array([1.5, 2.5])), fits.Column("S", "A4", array=np.array(["ab", "c"]))], name="T")
    hdu.writeto(tmp_path / "t.fits")
    table = read_tables(tmp_path / "t.fits")["T"]
    np.testing.assert_allclose(table.column("E"), [1.5, 2.5])
    assert list(table.column("S")) == ["ab", "c"]


def test_header_cards_agree_with_astropy():
    header = fits.Header({"A": 1, "B": -1.5e-7, "C": True, "D": "it's", "E": "", "F": "a / b", "G": 12345678901234567890, "H": False})
    header["LONG"] = "x" * 100
    header["HIERARCH a long keyword"] = 3
    header.add_comment("no = value")
    header["UNDEF"] = None
    text = header.tostring(padding=False)
    assert parse_cards(text) == {k: (None if isinstance(header[k], fits.card.Undefined) else header[k]) for k in header if k != "COMMENT"}
    plain = header[:8].tostring(padding=False)
    assert "HIERARCH" not in plain
    assert parse_cards(plain) == dict(header[:8])


def test_header_that_fills_its_block_and_header_of_several_blocks(tmp_path):
    for n in (1, 2, 34, 35, 36, 37, 70, 71, 72, 300):
        hdu = table_hdu("T", {"A": np.arange(3.)}, {f"KEY{i}": i for i in range(n)})
        hdu.header["COMMENT"] = "this is not the END"
        write_tables(tmp_path / "t.fits", [hdu, table_hdu("U", {"B": np.ones(2)})], overwrite=True)
        file = read_tables(tmp_path / "t.fits")
        assert file["T"].key(f"KEY{n - 1}", kind=int) == n - 1 and list(file["U"].column("B")) == [1, 1]


def test_headers_come_without_the_rest_and_numbers_only_with_the_checksum(tmp_path):
    write_tables(tmp_path / "t.fits.gz", [table_hdu("A", {"X": np.arange(3.)}), table_hdu("B", {"X": RNG.random(200000)})])
    raw = (tmp_path / "t.fits.gz").read_bytes()
    (tmp_path / "cut.fits.gz").write_bytes(raw[:len(raw) // 2])
    file = read_tables(tmp_path / "cut.fits.gz")
    assert file.header("A")["NAXIS2"] == 3
    for name in "AAB":
        with pytest.raises(DataError, match=r"cut.fits.gz: the file is truncated"): file[name]


def test_no_flipped_bit_of_a_compressed_file_changes_numbers(tmp_path):
    "One bit in each of 150 copies: the same numbers (the bit was in the head of the file) or an error."
    rng, path, values = np.random.default_rng(3), tmp_path / "t.fits.gz", np.arange(4000) % 7
    write_tables(path, [table_hdu("A", {"X": values}), table_hdu("B", {"X": np.arange(100.)})])
    whole, refused = path.read_bytes(), 0
    for _ in range(150):
        raw = bytearray(whole)
        raw[int(rng.integers(len(raw)))] ^= 1 << int(rng.integers(8))
        path.write_bytes(raw)
        try: np.testing.assert_array_equal(read_tables(path)["A"].column("X"), values)
        except DataError as error:
            refused += 1
            assert "t.fits.gz" in str(error)
    assert refused > 130


@pytest.mark.parametrize("suffix", [".fits", ".fits.gz"])
def test_truncation_anywhere_is_noticed(tmp_path, suffix):
    path = tmp_path / f"t{suffix}"
    write_tables(path, [table_hdu("A", {"X": RNG.random(2000)})])
    raw = path.read_bytes()
    for part in (.05, .3, .6, .85):
        path.write_bytes(raw[:int(part * len(raw))])
        with pytest.raises(DataError, match="truncated"): read_tables(path)["A"].column("X")


def test_damaged_and_foreign_files(tmp_path):
    write_tables(tmp_path / "t.fits.gz", [table_hdu("A", {"X": RNG.random(5000)})])
    raw = bytearray((tmp_path / "t.fits.gz").read_bytes())
    raw[5000:5100] = bytes(100)
    (tmp_path / "t.fits.gz").write_bytes(raw)
    with pytest.raises(DataError, match="damaged"): read_tables(tmp_path / "t.fits.gz")["A"].column("X"), read_tables(tmp_path / "t.fits.gz").names
    for name, content in {"empty": b"", "text": b"hello", "png": b"\x89PNG" * 2000, "gzipped text": gzip.compress(b"hello")}.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError, match=f"{name}: not a FITS file"): read_tables(tmp_path / name)
    with pytest.raises(FileNotFoundError, match="nowhere.fits: no such file"): read_tables(tmp_path / "nowhere.fits")


# --- malformed files -----------------------------------------------------------------------------------------------------------

def malformed(path, columns=None, drop=(), **cards):
    "A file with a table T, some of its cards changed after it was made; text values of cards are written as they are."
    columns = columns or {"A": np.arange(3.), "B": np.ones((3, 2, 3), "f4"), "C": np.array(["x", "yz", ""])}
    write_tables(path, [table_hdu("T", columns, {"NOTE": "nothing"}), table_hdu("LAST", {"A": np.ones(2)})], overwrite=True)
    raw = path.read_bytes()
    header, data = raw[2880:5760], raw[5760:]
    lines = [header[i:i + 80].decode() for i in range(0, 2880, 80)]
    lines = [x for x in lines if x[:8].strip() not in (*drop, *cards)]
    end = lines.index(f"{'END':80}")
    lines[end:end] = [f"{key:8}= {value:>20}".ljust(80) for key, value in cards.items()]
    path.write_bytes(raw[:2880] + "".join(lines).rstrip().encode("latin-1").ljust(2880) + data)


MALFORMED = {
    "NAXIS": ({"NAXIS": 10**12}, "keyword NAXIS is 1000000000000, expected an integer from 0 to 999"), "no NAXIS": (["NAXIS"], "no keyword NAXIS"),
    "NAXIS of 3": ({"NAXIS": 3}, "no keyword NAXIS3"), "NAXIS of 1": ({"NAXIS": 1}, "keyword NAXIS is 1, expected 2"),
    "NAXIS1": ({"NAXIS1": -34}, "keyword NAXIS1 is -34"), "wide": ({"NAXIS1": 35}, "truncated|NAXIS1 is 35, expected 34"),
    "narrow": ({"NAXIS1": 33}, "keyword NAXIS1 is 33, expected 34, the bytes of the columns by TFORM"), "no NAXIS1": (["NAXIS1"], "no keyword NAXIS1"),
    "NAXIS1 of 0": ({"NAXIS1": 0, "TFIELDS": 0}, "keyword NAXIS2 is 3, expected 0"), "NAXIS2": ({"NAXIS2": 10**12}, "the file is truncated: \\d+ of 34000000000000 bytes"),
    "parts of NAXIS2": ({"NAXIS2": 2.5}, "keyword NAXIS2 is 2.5, expected an integer"), "NAXIS2 of Python": ({"NAXIS2": "0_3"}, "keyword NAXIS2 is '0_3'"), "logical NAXIS2": ({"NAXIS2": "T"}, "keyword NAXIS2 is True, expected"),
    "no NAXIS2": (["NAXIS2"], "no keyword NAXIS2"), "NAXIS2 beyond 64 bits": ({"NAXIS2": 10**19}, "keyword NAXIS2 is 10000000000000000000"),
    "BITPIX": ({"BITPIX": 7}, "keyword BITPIX is 7, expected 8, 16"), "BITPIX of images": ({"BITPIX": -32}, "truncated|keyword BITPIX is -32, expected 8"),
    "no BITPIX": (["BITPIX"], "no keyword BITPIX"), "text of BITPIX": ({"BITPIX": "'8'"}, "keyword BITPIX is '8'"),
    "PCOUNT": ({"PCOUNT": -1}, "keyword PCOUNT is -1"), "large PCOUNT": ({"PCOUNT": 10**15}, "truncated"), "text of PCOUNT": ({"PCOUNT": "'none'"}, "keyword PCOUNT is 'none'"),
    "GCOUNT": ({"GCOUNT": 0}, "keyword GCOUNT is 0, expected an integer from 1"), "two groups": ({"GCOUNT": 2}, "truncated|keyword GCOUNT is 2, expected 1"),
    "THEAP": ({"THEAP": 7}, "keyword THEAP is 7, expected 102"),
    "TFIELDS": ({"TFIELDS": 10**12}, "keyword TFIELDS is 1000000000000, expected an integer from 0 to 999"), "no TFIELDS": (["TFIELDS"], "no keyword TFIELDS"),
    "many TFIELDS": ({"TFIELDS": 4}, "no keyword TFORM4, expected a count and a letter"), "few TFIELDS": ({"TFIELDS": 2}, "keyword NAXIS1 is 34, expected 32"),
    "negative TFIELDS": ({"TFIELDS": -1}, "keyword TFIELDS is -1"),
    "no TFORM": (["TFORM2"], "no keyword TFORM2"), "TFORM": ({"TFORM1": "'1Z'"}, "keyword TFORM1 is '1Z', expected a count and a letter"),
    "empty TFORM": ({"TFORM1": "' '"}, "keyword TFORM1 is ''"), "TFORM of 5": ({"TFORM1": 5}, "keyword TFORM1 is 5"), "TFORM of P": ({"TFORM1": "'1PZ'"}, "keyword TFORM1 is '1PZ'"),
    "large TFORM": ({"TFORM1": "'99999999999D'"}, "keyword NAXIS1 is 34, expected 800000000018"),
    "TDIM": ({"TDIM2": "'(3,3)'"}, "keyword TDIM2 is '.3,3.', expected a shape"), "text of TDIM": ({"TDIM2": "'3 by 2'"}, "keyword TDIM2 is '3 by 2'"),
    "TDIM of 7": ({"TDIM2": 7}, "keyword TDIM2 is 7"), "open TDIM": ({"TDIM2": "'(3,2'"}, "keyword TDIM2"), "negative TDIM": ({"TDIM2": "'(-3,2)'"}, "keyword TDIM2"),
    "TTYPE": ({"TTYPE2": "'a'"}, "keyword TTYPE2 is 'a', expected a name that no other column has"), "TTYPE of 5": ({"TTYPE2": 5}, "keyword TTYPE2 is 5, expected a text"),
    "TTYPE as a number of another": ({"TTYPE1": "''", "TTYPE2": "'COL1'"}, "keyword TTYPE2 is 'COL1'"),
    "TSCAL": ({"TSCAL1": "'two'"}, "keyword TSCAL1 is 'two', expected a number"), "TSCAL of 0": ({"TSCAL1": 0}, "keyword TSCAL1 is 0, expected a number that is not 0"), "TZERO": ({"TZERO1": "nan"}, "keyword TZERO1 is nan, expected a number below 1e30"),
    "XTENSION": ({"XTENSION": "'FOREIGN'"}, "no HDU T|expected a table, found FOREIGN|HDU 1 is damaged"), "text that is not ASCII": ({"NOTE": "'caf\xe9'"}, "HDU 1 has a card that is not ASCII: .*caf"),
}


@pytest.mark.parametrize("suffix", [".fits", ".fits.gz"])
@pytest.mark.parametrize("case", MALFORMED.values(), ids=list(MALFORMED))
def test_malformed_headers_are_refused(tmp_path, case, suffix):
    changes, message = case
    malformed(tmp_path / "t.fits", **(changes if isinstance(changes, dict) else {"drop": changes}))
    if suffix == ".fits.gz": (tmp_path / "t.fits.gz").write_bytes(gzip.compress((tmp_path / "t.fits").read_bytes()))
    with pytest.raises(DataError, match=message) as caught: read_tables(tmp_path / f"t{suffix}")["T"].column("A")
    assert f"t{suffix}" in str(caught.value)


def test_a_column_without_a_name_has_its_number(tmp_path):
    malformed(tmp_path / "t.fits", drop=["TTYPE1"])
    assert read_tables(tmp_path / "t.fits")["T"].colnames == ["col1", "B", "C"] and list(read_tables(tmp_path / "t.fits")["T"].column("COL1")) == [0, 1, 2]


def test_other_tables_of_a_file_with_a_malformed_one(tmp_path):
    "What a table is made of is looked at when it is asked for; its size is known without."
    malformed(tmp_path / "t.fits", TFORM1="'1Z'")
    file = read_tables(tmp_path / "t.fits")
    assert file.names == ["PRIMARY", "T", "LAST"] and list(file["LAST"].column("A")) == [1, 1]
    for _ in range(2):
        with pytest.raises(DataError, match="TFORM1"): file["T"]


def test_texts_that_are_not_ascii(tmp_path):
    malformed(tmp_path / "t.fits")
    path = tmp_path / "t.fits"
    path.write_bytes(path.read_bytes().replace(b"yz", b"\xe9z"))
    table = read_tables(path)["T"]
    with pytest.raises(DataError, match=r"t.fits\[T\]: column C has a text that is not ASCII"): table.column("C")
    assert list(table.column("A")) == [0, 1, 2]


def test_long_texts(tmp_path):
    header = fits.Header({"A": "x & y' " * 30, "B": "no &", "C": 1})
    write_tables(tmp_path / "t.fits", [table_hdu("T", {"X": np.ones(1)}, header)])
    found = read_tables(tmp_path / "t.fits")["T"]
    assert [found.key(k, kind=str) for k in "AB"] == [("x & y' " * 30).rstrip(), "no &"] and found.key("C") == 1
    lone = [f"{x:80}" for x in ("A       = 'no end &'", "B       =                    1", "CONTINUE  'of nothing'", "CONTINUE  5")]
    assert parse_cards("".join(lone)) == {"A": "no end &", "B": 1}


@pytest.mark.parametrize("value, kind", [("inf", int), ("nan", int), ("'many'", float), ("1.2.3", float)])
def test_keywords_that_are_no_numbers(tmp_path, value, kind):
    malformed(tmp_path / "t.fits", NOTE=value)
    table = read_tables(tmp_path / "t.fits")["T"]
    with pytest.raises(DataError, match=rf"\[T\]: keyword NOTE is .*, expected {kind.__name__}"): table.key("NOTE", kind=kind)


def test_arrays_of_any_length_that_cannot_be_numbers(tmp_path):
    column = fits.Column("C", "PE()", array=np.array([np.ones(2), np.ones(1)], dtype=object))
    fits.BinTableHDU.from_columns([column], name="T").writeto(tmp_path / "t.fits")
    with pytest.raises(DataError, match=r"t.fits\[T\]: column C has cells of different lengths"): read_tables(tmp_path / "t.fits")["T"].column("C")


def test_bombs_are_not_inflated(tmp_path, monkeypatch):
    "Many zeros in few bytes: behind a small table, as a table larger than they can be, and as a header without end."
    import tracemalloc
    malformed(tmp_path / "t.fits")
    whole, zeros = (tmp_path / "t.fits").read_bytes(), bytes(2**20) * 60
    (tmp_path / "behind.fits.gz").write_bytes(gzip.compress(whole + zeros, 1))
    malformed(tmp_path / "t.fits", NAXIS2=10**9)
    (tmp_path / "large.fits.gz").write_bytes(gzip.compress((tmp_path / "t.fits").read_bytes() + zeros, 1))
    (tmp_path / "endless.fits.gz").write_bytes(gzip.compress(whole[:2880] + b"XTENSION= 'BINTABLE'".ljust(2880) + zeros.replace(b"\0", b" "), 1))
    monkeypatch.setattr("specnb.base.tables.SIZE_LIMIT", 20 << 20)
    monkeypatch.setattr("specnb.base.tables.RATIO_LIMIT", 1100)
    for name, message in (("behind", "inflates to more than 20 MB"), ("large", "inflates to more than 20 MB"), ("endless", "the header of HDU 1 has no keyword END in 1000 blocks")):
        tracemalloc.start()
        with pytest.raises(DataError, match=f"{name}.fits.gz: {message}"): read_tables(tmp_path / f"{name}.fits.gz")["T"]
        assert tracemalloc.get_traced_memory()[1] < 150e6
        tracemalloc.stop()


def test_headers_and_data_of_random_bytes(tmp_path):
    "Whatever stands in a file, numbers come or a DataError; texts of a header changed at random, and whole blocks of it."
    rng, path = np.random.default_rng(8), tmp_path / "t.fits"
    malformed(path)
    whole, refused = path.read_bytes(), 0
    for n in range(300):
        raw = bytearray(whole)
        at = int(rng.integers(0, 8640))
        if n % 2: raw[at:at + 20] = bytes(rng.integers(32, 127, 20).astype("u1"))
        else: raw[at - at % 80 + 10:at - at % 80 + 30] = str(rng.integers(-9, 10**rng.integers(1, 18))).rjust(20).encode()
        path.write_bytes(raw)
        try:
            file = read_tables(path)
            for name in file:
                for c in file[name].colnames: file[name].column(c)
        except DataError as error:
            refused += 1
            assert "t.fits" in str(error)
    assert refused > 50


def test_keywords_that_stand_twice(tmp_path):
    "With the same value it does not matter; else it is refused where it matters."
    table = table_hdu("T", {"A": np.arange(3.)}, {"SAME": 1, "OTHER": 1})
    for key in ("SAME", "OTHER", "TUNIT1"): table.header.append((key, 1 + (key == "OTHER")), end=True)
    for key in ("TUNIT1",): table.header.append((key, "TeV"), end=True)
    write_tables(tmp_path / "t.fits", [table])
    with pytest.raises(DataError, match=r"t.fits\[T\]: keyword TUNIT1 stands twice"): read_tables(tmp_path / "t.fits")["T"]
    while "TUNIT1" in table.header: del table.header["TUNIT1"]
    write_tables(tmp_path / "t.fits", [table], overwrite=True)
    found = read_tables(tmp_path / "t.fits")["T"]
    assert found.key("SAME") == 1
    with pytest.raises(DataError, match=r"t.fits\[T\]: keyword OTHER stands twice, with different values"): found.key("OTHER")


@pytest.mark.parametrize("form, array, found", [("L", np.array([True, False]), "logical values"), ("3A", np.array(["1.5", "2.5"]), "texts"), ("C", np.ones(2, "c8"), "complex numbers")])
def test_columns_that_are_no_numbers_where_numbers_are_due(tmp_path, form, array, found):
    fits.BinTableHDU.from_columns([fits.Column("C", form, array=array)], name="T").writeto(tmp_path / "t.fits")
    table = read_tables(tmp_path / "t.fits")["T"]
    for call in (lambda: table.column("C", "TeV"), lambda: table.column("C", numbers=True)):
        with pytest.raises(DataError, match=rf"t.fits\[T\]: column C holds {found}, expected numbers"): call()
    assert len(table.column("C")) == 2


def test_values_that_are_marked_as_undefined(tmp_path):
    fits.BinTableHDU.from_columns([fits.Column("C", "J", array=np.array([1, -1, 3]), null=-1), fits.Column("D", "J", array=np.array([1, 2, 3]), null=-1)], name="T").writeto(tmp_path / "t.fits")
    table = read_tables(tmp_path / "t.fits")["T"]
    with pytest.raises(DataError, match=r"t.fits\[T\]: column C holds 1 values that are undefined, by TNULL -1"): table.column("C")
    assert list(table.column("D")) == [1, 2, 3]


@pytest.mark.parametrize("value, kind", [("2.5", int), ("T", float), ("T", int), ("'yes'", bool), ("1", bool), ("1E999", float), ("nan", float), ("99999999999999999999", int), ("'1_0'", int)])
def test_keywords_of_another_type(tmp_path, value, kind):
    malformed(tmp_path / "t.fits", NOTE=value)
    with pytest.raises(DataError, match=rf"\[T\]: keyword NOTE is .*, expected {kind.__name__}"): read_tables(tmp_path / "t.fits")["T"].key("NOTE", kind=kind)


@pytest.mark.parametrize("suffix", [".fits", ".fits.gz"])
def test_a_damaged_hdu_does_not_hide_those_behind_it(tmp_path, suffix):
    "Filling behind the last HDU is none."
    malformed(tmp_path / "t.fits")
    whole = (tmp_path / "t.fits").read_bytes()
    for content, message in {whole[:2880] + whole[2880:].replace(b"XTENSION", b"XTENSIOM", 1): "HDU 1 is damaged: found b'XTENSIOM'", whole[:2880] + bytes(2880) + whole[2880:]: "HDU 1 is damaged: found filling and more",
                             whole + b"trailing": "HDU 3 is damaged: found b'trailing'", whole + bytes(100): None, whole + b" \n": None}.items():
        (tmp_path / f"u{suffix}").write_bytes(gzip.compress(content) if suffix == ".fits.gz" else content)
        if message is None: assert read_tables(tmp_path / f"u{suffix}").names == ["PRIMARY", "T", "LAST"]
        else:
            with pytest.raises(DataError, match=f"u{suffix}: {message}"): read_tables(tmp_path / f"u{suffix}").names


def test_missing_last_padding_is_forgiven(tmp_path):
    write_tables(tmp_path / "t.fits", [table_hdu("A", {"X": np.arange(5.)})])
    raw = (tmp_path / "t.fits").read_bytes()
    (tmp_path / "t.fits").write_bytes(raw[:-(2880 - 40)])
    assert list(read_tables(tmp_path / "t.fits")["A"].column("X")) == [0, 1, 2, 3, 4]


def test_missing_things_are_named(tmp_path):
    write_tables(tmp_path / "t.fits", [table_hdu("A", {"X": (np.arange(5.), "TeV"), "BARE": np.arange(5.)}, {"N": "many"}), fits.ImageHDU(np.ones((2, 2)), name="I")])
    file = read_tables(tmp_path / "t.fits")
    table = file["a"]
    for call, message in {
        (lambda: file["B"]): r"t.fits: no HDU B; found PRIMARY, A, I", (lambda: file["I"]): r"t.fits\[I\]: expected a table, found an image",
        (lambda: table.column("Y")): r"t.fits\[A\]: no column Y; found X, BARE", (lambda: table.column("X", "deg")): r"column X: unit 'TeV' does not convert to 'deg'",
        (lambda: table.column("BARE", "deg")): r"column BARE has no unit, expected one that converts to deg",
        (lambda: table.key("M")): r"t.fits\[A\]: no keyword M", (lambda: table.key("N")): r"keyword N is 'many', expected float"}.items():
        with pytest.raises(DataError, match=message): call()
    assert list(file) == ["A"] and "B" not in file and "i" in file
    assert table.column("y", default=3) == 3 and table.key("M", 4) == 4


@pytest.mark.parametrize("found, wanted, factor", [
    ("1/s/MeV/sr", "s-1 MeV-1 sr-1", 1), ("s-1 MeV-1 sr-1", "s-1 MeV-1 sr-1", 1), ("MeV-1 s-1 sr-1", "s-1 MeV-1 sr-1", 1), ("1/(s MeV sr)", "s-1 MeV-1 sr-1", 1),
    ("s^-1 TeV^-1 sr^-1", "s-1 MeV-1 sr-1", 1e-6), ("sr^-1", "sr-1", 1), ("1/sr", "sr-1", 1), ("cm**2", "m2", 1e-4), ("GeV", "TeV", 1e-3), ("rad", "deg", 180 / np.pi)])
def test_spellings_of_units(found, wanted, factor):
    assert unit_factor(found, wanted) == pytest.approx(factor, rel=1e-12)


def test_written_files_are_standard_and_reproducible(tmp_path):
    hdus = [table_hdu("T", COLUMNS, {"OBS_ID": 7}), table_hdu("U", {"E": (np.ones((1, 3)), "TeV")})]
    for name in ("a.fits.gz", "b.fits.gz"): write_tables(tmp_path / name, hdus)
    assert (tmp_path / "a.fits.gz").read_bytes() == (tmp_path / "b.fits.gz").read_bytes()
    with fits.open(tmp_path / "a.fits.gz") as file: file.verify("exception")
    table = Table.read(tmp_path / "a.fits.gz", hdu="T")
    np.testing.assert_array_equal(table["cube"], COLUMNS["cube"])
    assert fits.getheader(tmp_path / "a.fits.gz", "T")["OBS_ID"] == 7 and Table.read(tmp_path / "a.fits.gz", hdu="U")["E"].unit == "TeV"
    with pytest.raises(FileExistsError): write_tables(tmp_path / "a.fits.gz", hdus)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.fits.gz", "b.fits.gz"]


VALUES = [0, -7, 2**40, True, False, 0., -0., 1/3, -1/7e12, 1e25, 1e16, 123456789012345678., 5e-324, np.float32(.1), np.float64(2.5), np.int16(-3), np.bool_(True),
          "", " ", "it's", "''", "trailing  ", "x" * 8, "x" * 20, "x" * 67, "x" * 68, "a / b", "= ~!'\"", "'" * 34]


def both_ways(tmp_path, columns, header):
    "A table written by its own encoder and by astropy; whether astropy was asked for the first."
    table = NewTable("T", columns, header)
    write_tables(tmp_path / "own.fits", [table, NewTable("LAST", {"N": np.arange(3)})], overwrite=True)
    write_tables(tmp_path / "astropy.fits", [table.to_hdu(), NewTable("LAST", {"N": np.arange(3)}).to_hdu()], overwrite=True)
    with fits.open(tmp_path / "own.fits") as own, fits.open(tmp_path / "astropy.fits") as other:
        own.verify("exception")
        for a, b in zip(own, other, strict=True):
            assert [(c.keyword, c.value, c.comment) for c in a.header.cards] == [(c.keyword, c.value, c.comment) for c in b.header.cards]
            if a.data is None: continue
            assert a.data.dtype == b.data.dtype and str(a.columns) == str(b.columns)
            for name in a.columns.names: np.testing.assert_array_equal(a.data[name], b.data[name], strict=True)
    return table.to_bytes() is None


def test_the_encoder_writes_what_astropy_writes(tmp_path):
    assert not both_ways(tmp_path, {k: (v, "TeV") if v.dtype.kind == "f" else v for k, v in COLUMNS.items()}, {f"KEY{i}": v for i, v in enumerate(VALUES)})
    for n in range(12): assert not both_ways(tmp_path, {"A": RNG.random((n, 2)), "B": np.zeros(n, "S3")}, {f"K{i}": RNG.normal() * 10.**RNG.integers(-40, 40) for i in range(n)})
    for n in range(28, 33): assert not both_ways(tmp_path, {"A": (np.arange(n), "s")}, {f"K{i}": i for i in range(n)})
    assert not both_ways(tmp_path, {"BIG": np.arange(5, dtype=">i4"), "SLICE": RNG.random((5, 6))[:, ::2], "WIDE": np.zeros((5, 0))}, {})


@pytest.mark.parametrize("columns, header", [
    ({"A": np.arange(2.)}, {"LONG": "x" * 69}), ({"A": np.arange(2.)}, {"LONG": "'" * 35}), ({"A": np.arange(2.)}, {"A LONG KEYWORD": 1}), ({"A": np.arange(2.)}, {"NONE": None}),
    ({"A": np.arange(2.)}, {"COMMENT": "some words"}), ({"A": np.arange(2.)}, {"TNULL9": 1}), ({"A": np.arange(2.)}, {"lower": 1})], ids=str)
@pytest.mark.filterwarnings("ignore::astropy.io.fits.verify.VerifyWarning")
def test_what_is_not_plain_is_left_to_astropy(tmp_path, columns, header):
    assert both_ways(tmp_path, columns, header)


@pytest.mark.parametrize("columns, header, error", [({"A": np.arange(2.)}, {"BAD": np.nan}, ValueError), ({"A": np.arange(2.)}, {"BAD": "\n"}, ValueError), ({"A": np.ones(2, complex)}, {}, KeyError)], ids=str)
def test_what_no_table_can_hold_is_refused_as_by_astropy(tmp_path, columns, header, error):
    with pytest.raises(error): NewTable("T", columns, header).to_hdu()
    with pytest.raises(error): write_tables(tmp_path / "t.fits", [NewTable("T", columns, header)])
    assert list(tmp_path.iterdir()) == []


def test_a_table_goes_back_to_astropy(tmp_path):
    write_tables(tmp_path / "t.fits", [table_hdu("T", COLUMNS)])
    hdu = read_tables(tmp_path / "t.fits")["T"].to_hdu()
    buffer = io.BytesIO()
    hdu.writeto(buffer)
    np.testing.assert_array_equal(hdu.data["vector"], COLUMNS["vector"])


def test_real_files_agree_with_astropy(hess_dir, magic_dir):
    for path in (*sorted((hess_dir / "data").glob("*.fits.gz"))[:2], *sorted(magic_dir.glob("2013*.fits")), hess_dir / "obs-index.fits.gz"):
        file = read_tables(path)
        with fits.open(path) as expected:
            assert file.names == [h.name for h in expected]
            for name in file:
                assert {k: v for k, v in expected[name].header.items() if k not in ("COMMENT", "HISTORY", "")} == file[name].header
                for column in file[name].colnames:
                    found, wanted = file[name].column(column), np.asarray(expected[name].data[column])
                    np.testing.assert_array_equal(found.reshape(-1), np.char.strip(wanted) if wanted.dtype.kind == "U" else wanted.reshape(-1))
