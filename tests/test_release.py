"Files that go with a release: they exist, agree with each other, and hold what their formats ask for."
import configparser
import re
import shlex
from pathlib import Path
import pytest
import yaml

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def settings():
    parser = configparser.ConfigParser(delimiters=["="])
    parser.read(ROOT / "settings.ini")
    return parser["DEFAULT"]


def test_citation_is_cff_of_this_version(settings):
    "Keys that version 1.2.0 of the Citation File Format requires, and types where it lists them."
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert {"cff-version", "message", "title", "authors"} <= set(citation)
    assert citation["cff-version"] == "1.2.0" and citation["type"] in ("software", "dataset")
    assert set(citation) <= {"cff-version", "message", "title", "authors", "type", "abstract", "version", "license", "repository-code", "keywords", "url", "doi", "date-released", "references"}
    assert citation["version"] == settings["version"] and citation["license"] == "BSD-3-Clause"
    assert all({"name"} <= set(a) or {"family-names"} <= set(a) for a in citation["authors"])
    assert citation["repository-code"] == settings["git_url"] and all(isinstance(k, str) for k in citation["keywords"])


def test_changelog_has_this_version_and_only_known_headings(settings):
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    versions = re.findall(r"^## ([\d.]+)", text, re.M)
    assert settings["version"] in versions and len(set(versions)) == len(versions)
    assert f'__version__ = "{settings["version"]}"' in (ROOT / "specnb/__init__.py").read_text()


def test_files_and_commands_of_contributing_are_there():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    for name in re.findall(r"`((?:nbs|tests|\.ci)/[\w./-]+)", text): assert (ROOT / name).exists() or "NN" in name, name
    block = re.search(r"^```\n(.*?)^```", text, re.M | re.S)[1].splitlines()
    assert len(block) == 5
    for line in block:
        for word in shlex.split(line, comments=True):
            if re.match(r"(nbs|tests|\.ci)/", word): assert (ROOT / word).exists(), word


def test_sdist_has_what_setup_reads():
    "settings.ini is named in MANIFEST.in; README.md and setup.py are always taken; the tutorials are package data."
    read = set(re.findall(r'(?:cfg\.read|Path)\("([^"]+)"', (ROOT / "setup.py").read_text()))
    assert read == {"settings.ini", "README.md"} and "settings.ini" in (ROOT / "MANIFEST.in").read_text()
