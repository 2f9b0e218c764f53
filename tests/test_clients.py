"""Our spectrum files read by other programs, with the same counts, predictions and statistic as ours.

`SPECNB_CLIENTS` names the folder with the environments of the programs, which `python -m clients FOLDER --make` in `tests` fills. Without it
the tests are skipped: some of the programs take minutes to install.
"""
import os
import shutil
import pytest

from clients.common import FILES, REQUIREMENTS, ask, differences, fitsverify, python_of, write_files

FOLDER = os.environ.get("SPECNB_CLIENTS", "")
pytestmark = pytest.mark.skipif(not FOLDER, reason="needs the environments of other programs: set SPECNB_CLIENTS, see tests/clients")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clients")
    return folder, write_files(folder)


@pytest.mark.parametrize("name, file", [(name, file) for name in REQUIREMENTS for file in FILES.get(name, ["x.fits"])])
def test_another_program_finds_what_we_find(files, name, file):
    folder, expected = files
    if not python_of(FOLDER, name).exists(): pytest.skip(f"{name} is not installed in {FOLDER}")
    found = differences(name, ask(python_of(FOLDER, name), name, folder / file), expected)
    assert not {key: far for key, (far, bad) in found.items() if bad}


def test_the_checker_of_fits_files_has_nothing_to_say(files):
    if not shutil.which("fitsverify"): pytest.skip("fitsverify is not installed")
    assert fitsverify(files[0]) == []
