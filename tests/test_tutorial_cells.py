"""The code of the reference tutorial runs on specnb: only its import lines are changed.

The tutorial (Gammapy 0.19, `spectral_analysis`) is not part of the project. It is read, as the plain text of its page, from
`reference/spectral_analysis_tutorial.txt` beside the folder of real data; without it these tests are skipped.
"""
import ast
import os
import re
import matplotlib
import numpy as np
import pytest


def longest_code(lines):
    "The longest beginning of a cell's text that is Python: output and prose that follow it are not."
    for stop in range(len(lines), 0, -1):
        try: ast.parse("\n".join(lines[:stop]))
        except SyntaxError: continue
        return lines[:stop]
    return []


def tutorial_cells(text):
    "Code of the page, cell by cell, with imports from specnb in place of gammapy."
    cells = re.split(r"^\[\d+\]:$", text, flags=re.M)[1:]
    for cell in cells:
        lines = longest_code([line for line in cell.strip("\n").splitlines() if not line.startswith("%")])
        if lines and re.fullmatch(r"[A-Z]\w+", lines[-1]): lines.pop()  # first line of a printed result
        code = "\n".join(lines)
        yield re.sub(r"^from gammapy[\w.]* import", "from specnb import", re.sub(r"^import gammapy$", "import specnb as gammapy", code, flags=re.M), flags=re.M)


def reference_text(hess_dir):
    "Text of the tutorial's page, or skip (fail if SPECNB_DATA=required)."
    path = hess_dir.parent.parent / "reference" / "spectral_analysis_tutorial.txt"
    if path.exists(): return path.read_text(encoding="utf-8")
    (pytest.fail if os.environ.get("SPECNB_DATA") == "required" else pytest.skip)("needs the reference tutorial as reference/spectral_analysis_tutorial.txt "
                                                                                  "beside the folder GAMMAPY_DATA")


@pytest.fixture(scope="module")
def names(hess_dir, tmp_path_factory):
    "The variables the cells leave behind; run in an empty folder, because they write files."
    matplotlib.use("agg")
    names, cells = {}, list(tutorial_cells(reference_text(hess_dir)))
    assert sum(map(bool, cells)) > 30
    with pytest.MonkeyPatch.context() as patch, matplotlib.rc_context({"figure.max_open_warning": 0}):
        patch.chdir(tmp_path_factory.mktemp("cells"))
        patch.setenv("GAMMAPY_DATA", str(hess_dir.parent))
        for i, cell in enumerate(cells): exec(compile(cell, f"cell {i}", "exec"), names)
    yield names
    names["plt"].close("all")


def test_the_cells_run_and_give_the_printed_result(names):
    joint, stacked = names["model_best_joint"].parameters, names["model_best_stacked"].parameters
    assert f"{names['result_joint'].total_stat:.2f} {names['result_stacked'].total_stat:.2f}" == "86.12 8.16"
    for got, printed in [(joint, (2.2727, .1566, .12097)), (stacked, (2.2785, .1563, .11830))]:  # the exact minimum: .01 sigma
        value, error, lambda_ = printed
        np.testing.assert_allclose(got["index"].value, value, atol=.01*error)
        np.testing.assert_allclose(got["index"].error, error, rtol=.01)
        np.testing.assert_allclose(got["lambda_"].value, lambda_, atol=.01*.054)
    table = names["datasets"].models.to_parameters_table()
    assert table.colnames == "model type name value unit error min max frozen link".split()
    assert list(table["name"]) == ["index", "amplitude", "reference", "lambda_", "alpha"]


def test_what_the_result_prints(names):
    lines = [line.split(":") for line in str(names["result_joint"]).splitlines() if ":" in line]
    assert {k.strip() for k, _ in lines} >= {"backend", "method", "success", "message", "nfev", "total stat"}
    assert ["total stat", "86.12"] in [[a.strip(), b.strip()] for a, b in lines]


def test_columns_of_the_tables(names):
    info = names["info_table"].colnames
    assert info == """name counts background excess sqrt_ts npred npred_background npred_signal exposure_min exposure_max livetime
        ontime counts_rate background_rate excess_rate n_bins n_fit_bins stat_type stat_sum counts_off acceptance acceptance_off
        alpha""".split()
    points = names["flux_points"].to_table(sed_type="dnde", formatted=True).colnames
    assert set("""e_ref e_min e_max dnde dnde_err dnde_errp dnde_errn dnde_ul ts sqrt_ts npred npred_excess stat is_ul counts
        success norm_scan stat_scan""".split()) <= set(points)
