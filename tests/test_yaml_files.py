"YAML texts: the numbers that YAML 1.2 has, texts for all else, and one error for what is refused."
import pytest
from specnb.base.core import DataError
from specnb.base.yaml_files import load_yaml, read_yaml

NUMBERS = {"3e-8": 3e-8, "1e5": 1e5, "-2E+3": -2000., "+.5": .5, "5.": 5., "1.5e3": 1500., "12": 12, "-7": -7}
TEXTS = ["1_000", "1_0.5", "1:30", "1:30.5", "023", "0x1f", "3e", "e5", "1e5x", "2004-12-04", "'3e-8'"]


@pytest.mark.parametrize("text, expected", [*NUMBERS.items(), *((t, t.strip("'")) for t in TEXTS)])
def test_numbers_without_a_point_are_numbers_and_texts_stay_texts(text, expected):
    found = load_yaml(f"a: {text}", "m.yaml")["a"]
    assert found == expected and type(found) is type(expected)


@pytest.mark.parametrize("text, message", [
    ("a: !!int [1]", "line 1: expected a scalar"), ("a: !!set {b}", "line 1: found a value of type .*set, expected plain values"), ("\0", "unacceptable character"),
    ("a: !!binary aGVsbG8=", "line 1: found a value of type .*binary"), ("---\na: 1\n---\nb: 2", "line 3: but found another document"), ("a: *x", "undefined alias"),
    ("1e5: x", "line 1: found the key 1e5, expected a text"), ("\xff", None), ("[" * 10**5, "line 1: nested deeper than"), ("a: 1\na: 2", "line 2: the key a is given in line 1, too")])
def test_what_is_refused_names_file_and_line(tmp_path, text, message):
    (tmp_path / "m.yaml").write_bytes(text.encode("latin-1"))
    with pytest.raises(DataError, match=f"m.yaml: .*{message or 'not a text file'}"): read_yaml(tmp_path / "m.yaml")


def test_a_tag_that_claims_another_type_leaves_the_text():
    assert load_yaml("[!!bool maybe, !!float abc, !!int 0x1f]", "m.yaml") == ["maybe", "abc", "0x1f"]
