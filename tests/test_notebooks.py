"Every cell of every chapter and of the front page runs, from a fresh start and top to bottom."
import pytest

from notebooks import NBS, run_notebook


@pytest.mark.parametrize("path", [*sorted(NBS.glob("[0-9][0-9]_*/*.ipynb")), *sorted(NBS.glob("*.ipynb"))],
                         ids=lambda p: p.relative_to(NBS).with_suffix("").as_posix())
def test_notebook_runs(path, tmp_path):
    assert run_notebook(path, tmp_path / "log") == 0, (tmp_path / "log").read_text()[-8000:]


def test_a_cell_that_fails_is_told(tmp_path):
    wrong = tmp_path / "wrong.ipynb"
    wrong.write_text('''{"cells": [{"cell_type": "code", "execution_count": null, "id": "0", "metadata": {}, "outputs": [],
                         "source": ["assert 1 == 2, 'told'"]}], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}''')
    assert run_notebook(wrong, tmp_path / "log") == 1 and "told" in (tmp_path / "log").read_text()
