"The page that compares specnb with Gammapy name by name: what it calls the same is there, what it leaves out has a reason."
import csv
import inspect
from pathlib import Path
import nbformat
import pytest
import specnb

NBS = Path(__file__).parent.parent/"nbs"


@pytest.fixture(scope="module")
def page():
    "Names that the cells of the page define, without the cells that only show something."
    cells = [c.source for c in nbformat.read(NBS/"coming_from_gammapy.ipynb", 4).cells if c.cell_type == "code"]
    names = {}
    for source in cells:
        if source.startswith("#| hide\n") and "assert " not in source:
            exec(source.replace('rows = compare()', ''), names)
    return names


@pytest.fixture(scope="module")
def rows(page): return page["compare"](NBS/"coming_from_gammapy.csv")


def test_every_name_of_the_list_is_compared_once(rows):
    with open(NBS/"coming_from_gammapy.csv", newline="") as file: assert len(rows) == len(list(csv.DictReader(file))) > 1000
    assert len({row["name"] for row in rows}) == len(rows)
    assert {row["status"] for row in rows} == {"same", "different", "not here"}


def test_no_name_called_the_same_is_lacking_or_lacks_an_argument(rows):
    for row in rows:
        if row["status"] != "same": continue
        owner, _, member = row["name"].partition(".")
        thing = getattr(specnb, owner)
        if row["kind"] in ("class", "function", "method"):
            thing = getattr(thing, member) if member else thing
            assert {a for a in row["arguments"].split() if not a.startswith("*")} <= set(inspect.signature(thing).parameters or row["arguments"].split()), row


def test_every_other_name_has_a_remark(rows):
    assert [row for row in rows if row["status"] != "same" and not row["remark"]] == []


def test_what_is_here_is_not_called_absent(rows):
    assert [row["name"] for row in rows if row["status"] == "not here" and "." not in row["name"] and hasattr(specnb, row["name"])] == []


def test_a_made_up_name_is_not_called_the_same(page):
    assert page["look_up"]({"name": "Datasets.fly", "arguments": ""}) == (False, [])
    assert page["look_up"]({"name": "Datasets.stack_reduce", "arguments": "name wings"}) == (True, ["wings"])
