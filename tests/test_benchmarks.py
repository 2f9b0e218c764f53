"How the benchmarks turn times into medians, ratios and tables. Nothing here measures a time."
import json
import re
import subprocess
import sys
from pathlib import Path
import pytest

FOLDER = Path(__file__).parent / "benchmarks"
sys.path.insert(0, str(FOLDER))
import compare  # noqa: E402


def test_summary_and_ratio():
    assert compare.summary([3., 1., 8.]) == {"median": 3., "min": 1., "max": 8., "n": 3}
    peer, own = [[10.], [12.], [8.]], [[1., 2., 3.], [1., 1., 4.], [2., 2., 2.]]
    assert compare.ratio(peer, own) == {"ratio": 10/2, "low": 4., "high": 12.}  # rounds: 10/2, 12/1, 8/2
    with pytest.raises(ValueError): compare.ratio(peer, own[:2])


def test_repeats_sum_the_stages_of_one_pass():
    children = [{"times": {"a": [[1, 10], [2, 20]], "b": [[3, 30], [4, 40]]}}, {"times": {"a": [[5, 50]], "b": [[6, 60]]}}]
    assert compare.repeats(children, ["a", "b"], 0) == [[4, 6], [11]]
    assert compare.repeats(children, ["b"], 1) == [[30, 40], [60]]


def test_stage_rows():
    def child(unit, *more): return {"times": {s: [[2*unit, unit]] for s in (*compare.TUTORIAL, *more)}}
    rows = {r["stage"]: r for r in compare.stage_rows([child(50)]*3, [child(1, *(r[0] for r in compare.ROWS if "," in r[0]))]*3)}
    assert list(rows) == [r[0] for r in compare.ROWS]
    assert all(r["ratio"] == {c: {"ratio": 50, "low": 50, "high": 50} for c in ("wall", "cpu")} for r in rows.values())
    assert rows["all stages"]["peer"]["cpu"] == {"median": 400, "min": 400, "max": 400, "n": 3}
    assert (rows["flux points"]["target"], rows["flux points"]["stretch"]) == (2000, 5000)
    lines = compare.format_rows(list(rows.values()))
    assert re.sub(" +", " ", lines[2]) == "read and reduce 50,000 1,000 50 50 .. 50 30 60"


def test_differences_are_relative_and_in_errors():
    fit = {"index": [2., .1], "stat": 5., "nfev": 7}
    peer = {**{name: [1., 2.] for name in compare.CHECKS}, "joint fit": fit, "stack and fit": fit}
    own = {**peer, "ts": [1., 2.1], "joint fit": {"index": [2.05, .1], "stat": 5.5, "nfev": 8}}
    def found(own): return {d["what"]: round(d["difference"], 9) for d in compare.differences(peer, own) if d["difference"]}
    assert found(own) == {"ts": .05, "joint fit: parameters, in errors": .5, "joint fit: statistic": .5, "joint fit: calls": 1}
    assert found({**peer, "dnde": [1., float("nan")]}) == {"dnde": float("inf")}


def test_scale_goals():
    def point(runs, jobs, x, package="specnb"):
        keys = "reduce", "reduce, wall", "info table", "joint fit", "a likelihood call", "MB, reduced", "MB"
        return {"package": package, "runs": runs, "jobs": jobs, "bins": 10*runs, **{k: {"median": x} for k in keys}}
    points = [point(4, 1, 7., "gammapy"), point(4, 1, 1.), point(50, 1, 2.), point(200, 1, 3.), point(200, 2, 2.)]
    goals = compare.scale_goals(points)
    assert [(g["value"], g["allowed"]) for g in goals] == [(1.5, 1.3), (1.5, None), (3, 2), (1.5/4, 1), (2/3, None)]
    lines = compare.format_points(points, goals)
    assert [re.sub(" +", " ", lines[i]) for i in (1, 2, -5, -2)] == [
        "gammapy 4 1 40 7 7 7 7 7,000 7 7", "specnb 4 1 40 1 1 1 1 1,000 1 1", "peak memory of reduction, 200 runs / 50 1.5 MISSED: at most 1.3",
        "growth of a likelihood call / growth of its bins, 200 runs / 50 0.375 at most 1"]


@pytest.mark.parametrize("x, text", [(.123456, "0.123"), (12.345, "12.3"), (1234.5, "1,230"), (98765.4, "98,800"), (0, "0")])
def test_short(x, text): assert compare.short(x) == text


def test_rounded():
    assert compare.rounded({"a": [1.23456789, 3, "x"], "b": None}) == {"a": [1.235, 3, "x"], "b": None}


def test_results_are_complete_and_name_no_place():
    text = (FOLDER / "results.json").read_text()
    results = json.loads(text)
    assert [r["stage"] for r in results["stages"]["rows"]] == [r[0] for r in compare.ROWS + compare.TOYS] + ["whole process, cold", "peak memory"]
    points = {(p["package"], p["runs"], p["jobs"]) for p in results["scale"]["points"]}
    assert points >= {("specnb", n, jobs) for n in compare.SIZES for jobs in compare.JOBS if jobs <= n} | {("gammapy", n, 1) for n in compare.PEER_SIZES}
    missed = [g["what"] for g in results["scale"]["goals"] if g["allowed"] and g["value"] > g["allowed"]]
    assert missed == ["peak memory of reduction, 500 runs / 50"], "what the page shows as missed, and nothing else"
    assert all(d["difference"] <= d["allowed"] for d in results["stages"]["differences"])
    assert not re.search(r"/(home|root|tmp|work|Users|usr)/", text)


def test_the_parent_stays_small():
    "A child's peak memory is never less than its parent's: the comparison loads the standard library only."
    code = "import sys; sys.path.insert(0, sys.argv[1]); import compare; print({'numpy', 'astropy', 'specnb'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code, FOLDER], capture_output=True, text=True, check=True).stdout.strip() == "set()"
