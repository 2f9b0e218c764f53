"""Sweeps: what a killed process, two writers, strange and endless points and a cluster that breaks may not do to them.

Every wait has an end, so that nothing here can hang. Processes of a driver are found by a variable of their environment.
"""
import json
import logging
import os
import random
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import textwrap
import threading
import time
import uuid
from collections import Counter
from contextlib import closing
import nbformat
import numpy as np
import psutil
import pytest
from specnb import ConfigError, DataError, read_sweep, sweep, sweep_points
from specnb.sweeps.store import Store
from specnb.sweeps.subjects import check_against

TAG = "SPECNB_TEST_TAG"


def until(condition, seconds, what):
    "The first true value of `condition`; fails after a while."
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = condition()
        if found: return found
        time.sleep(.02)
    pytest.fail(f"{what}: not within {seconds} s")


def alive(tag):
    "Processes with the tag in their environment."
    found = []
    for p in psutil.process_iter():
        try:
            if p.status() != psutil.STATUS_ZOMBIE and p.environ().get(TAG) == tag: found.append(" ".join(p.cmdline())[:150])
        except (psutil.Error, OSError): pass
    return found


class Process:
    "A Python process with all that it starts; nothing of it is left behind."

    def __init__(self, *args, **options):
        self.tag = uuid.uuid4().hex
        self.process = subprocess.Popen([sys.executable, *map(str, args)], env=os.environ | {TAG: self.tag}, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler), **options)

    def __enter__(self): return self

    def __exit__(self, *_):
        for p in psutil.process_iter():
            try:
                if p.environ().get(TAG) == self.tag: p.kill()
            except (psutil.Error, OSError): pass
        self.process.communicate(timeout=20)

    def send(self, number): os.kill(self.process.pid, number)

    def end(self, seconds=90):
        "Wait for the end; its output."
        output, _ = self.process.communicate(timeout=seconds)
        return output

    def done(self):
        "Wait for a good end."
        output = self.end()
        assert self.process.returncode == 0 and "Traceback" not in output, output

    def none_left(self, seconds=15): until(lambda: not alive(self.tag), seconds, f"end of {alive(self.tag)}")


@pytest.fixture(scope="session")
def client():
    "Two workers, for all tests that need no processes of their own."
    import dask
    import distributed
    with dask.config.set({"distributed.worker.multiprocessing-method": "forkserver"}):
        with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster, distributed.Client(cluster) as c: yield c


def script(folder, text):
    path = folder / f"driver_{uuid.uuid4().hex[:6]}.py"
    path.write_text(textwrap.dedent(text))
    return path


def notebook(path, *cells, parameters="x = 1"):
    "A notebook whose first cell has the parameters."
    first = nbformat.v4.new_code_cell(parameters, metadata={"tags": ["parameters"]})
    nbformat.write(nbformat.v4.new_notebook(cells=[first, *(nbformat.v4.new_code_cell(c) for c in cells)]), path)
    return path


def stored(out):
    "Identifier to row of what is in the store; nothing if there is none."
    try: return {r["point_id"]: r for r in Store(out, create=False).rows()}
    except FileNotFoundError: return {}


def without_times(content):
    "The rows of a table, as text, without what may differ."
    return [[str(row[n]) for n in content.colnames if n not in ("seconds", "finished", "traceback")] for row in content]


def whole(out, points):
    "Both tables of a folder have all the points once, with numbers of their own, and nothing half-done lies about."
    from astropy.table import Table
    import pyarrow.parquet as pq
    content, arrow = Table.read(out / "sweep.ecsv"), pq.read_table(out / "sweep.parquet")
    assert sorted(content["x"].tolist()) == sorted(points) == sorted(arrow["x"].to_pylist())
    assert len(set(content["point"].tolist())) == len(points)
    assert [p.name for p in out.rglob(".*")] == []
    return content


FUNCTION = """
    import sys, time
    from pathlib import Path
    from specnb import sweep

    def slow(x):
        with open({log!r}, "a") as f: f.write(f"{{x}}\\n")
        time.sleep({seconds})
        return {{"y": x**2}}

    if __name__ == "__main__": sweep(slow, {{"x": {xs}}}, {out!r}, n_jobs=int(sys.argv[1]), progress=False)
"""


def test_killed_sweep_of_a_function_goes_on_where_it_was(tmp_path):
    out, log, chance = tmp_path / "out", tmp_path / "log.txt", random.Random(int.from_bytes(os.urandom(4)))
    path, kept = script(tmp_path, FUNCTION.format(log=str(log), out=str(out), xs=list(range(60)), seconds=.05)), {}
    for least in (0, 5):
        with Process(path, 2) as driver:
            until(lambda: len(stored(out)) >= len(kept) + least and out.exists(), 60, "points")
            time.sleep(chance.uniform(0, .4))
            driver.send(signal.SIGKILL)
            driver.process.wait(10)
            driver.none_left()
        now = stored(out)
        assert all(now[p]["finished"] == r["finished"] and now[p]["seconds"] == r["seconds"] for p, r in kept.items())
        kept = now
    before = log.read_text().split()
    with Process(path, 2) as driver: driver.done()
    content = whole(out, range(60))
    assert (content["y"] == content["x"]**2).all() and set(content["status"]) == {"done"}
    assert content["point"].tolist() == content["x"].tolist()
    again = Counter(log.read_text().split()[len(before):])
    assert set(again) == {str(x) for x in range(60)} - {str(r["parameters"]["x"]) for r in kept.values()} and set(again.values()) <= {1}
    assert all(stored(out)[p]["finished"] == r["finished"] for p, r in kept.items())


RECORD = """from IPython.display import display
display({"application/vnd.specnb.results+json": {"results": [["y", x**2]]}, "text/plain": ""}, raw=True)"""   # record_results(y=x**2), without the second to import specnb

NOTEBOOKS = """
    from specnb import sweep
    if __name__ == "__main__": sweep({path!r}, {{"x": {xs}}}, {out!r}, n_jobs={n_jobs}, progress=False)
"""


def test_killed_sweep_of_a_notebook_goes_on_where_it_was(tmp_path):
    out, go = tmp_path / "out", tmp_path / "go"
    source = notebook(tmp_path / "n.ipynb", f"import time\nfrom pathlib import Path\nwhile x > 1 and not Path({str(go)!r}).exists(): time.sleep(.02)", RECORD)
    path = script(tmp_path, NOTEBOOKS.format(path=str(source), out=str(out), xs=[1, 2, 3], n_jobs=2))
    def writing(): return list(out.glob("points/.writing-*"))
    with Process(path) as driver:
        until(lambda: stored(out) and len(writing()) == 2, 60, "first point")   # the others wait for `go`
        go.touch()
        time.sleep(random.uniform(0, .7))
        driver.send(signal.SIGKILL)
        driver.process.wait(10)
        driver.none_left()
    kept = stored(out)
    (out / "points" / f".writing-00003-00000000@{socket.gethostname()}@{driver.process.pid}@0").mkdir()   # of a code that has changed since
    with Process(path) as driver: driver.done()
    content = whole(out, [1, 2, 3])
    assert (content["y"] == content["x"]**2).all()
    assert sorted(p.name for p in (out / "points").iterdir()) == sorted(f.split("/")[1] for f in content["folder"])
    assert all({"notebook.ipynb", "page.html"} <= {p.name for p in (out / f).iterdir()} for f in content["folder"])
    assert all(stored(out)[p] == r for p, r in kept.items())


@pytest.mark.parametrize("number, n_jobs", [(signal.SIGINT, 1), (signal.SIGINT, 2), (signal.SIGTERM, 2)])
def test_stopped_sweep_ends_and_goes_on(number, n_jobs, tmp_path):
    out, log = tmp_path / "out", tmp_path / "log.txt"
    path = script(tmp_path, FUNCTION.format(log=str(log), out=str(out), xs=list(range(60)), seconds=.07))
    with Process(path, n_jobs) as driver:
        until(lambda: len(stored(out)) > 2, 60, "points")
        driver.send(number)
        output = driver.end(60)
        assert driver.process.returncode != 0
        driver.none_left()
    if number == signal.SIGINT: assert "points are done and kept; the same call goes on" in output and "KeyboardInterrupt" in output
    if number == signal.SIGINT: whole(out, [r["parameters"]["x"] for r in stored(out).values()])
    kept = stored(out)
    assert 2 < len(kept) < 60
    if number != signal.SIGINT or n_jobs == 1: return
    with Process(path, 1) as driver: driver.done()
    whole(out, range(60))
    assert all(stored(out)[p] == r for p, r in kept.items())


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_interrupt_ends_kernels(n_jobs, tmp_path):
    out, source = tmp_path / "out", notebook(tmp_path / "n.ipynb", "open('begun', 'w').close()\nimport time; time.sleep(60)")
    with Process(script(tmp_path, NOTEBOOKS.format(path=str(source), out=str(out), xs=[1, 2, 3], n_jobs=n_jobs))) as driver:
        until(lambda: list(out.glob("points/.writing-*/*/begun")), 60, "kernel")
        assert any("ipykernel" in p for p in alive(driver.tag))
        driver.send(signal.SIGINT)
        driver.end(20)
        driver.none_left()
    assert stored(out) == {}


def test_two_sweeps_at_once(tmp_path):
    source, log = notebook(tmp_path / "n.ipynb", RECORD), str(tmp_path / "log.txt")
    def function(out, xs):
        text = FUNCTION.format(log=log, out=str(tmp_path / out), xs=list(xs), seconds=.01)
        return text.replace("def slow", f"while not Path({str(tmp_path / 'go')!r}).exists(): time.sleep(.01)\n\n    def slow")
    texts = [function("same", range(30)), function("same", range(20, 50)), *[NOTEBOOKS.format(path=str(source), out=str(tmp_path / "notebooks"), xs=[1, 2], n_jobs=1)] * 2]
    drivers = []
    try:
        for text in texts: drivers.append(Process(script(tmp_path, text), 1))
        (tmp_path / "go").touch()
        for d in drivers: d.done()
    finally:
        for d in drivers: d.__exit__()
    whole(tmp_path / "same", range(50))
    content = whole(tmp_path / "notebooks", [1, 2])
    assert content["status"].tolist() == ["done", "done"]
    assert sorted(p.name for p in (tmp_path / "notebooks" / "points").iterdir()) == sorted(f.split("/")[1] for f in content["folder"])


# What is done again

def test_only_what_changed_is_done_again(tmp_path, monkeypatch):
    calls, data = [], tmp_path / "data.txt"
    data.write_text("1")
    def work(x):
        calls.append(x)
        if x == 2: raise ValueError("two")
        return {"y": x}
    def do(f=work, xs=(1, 2, 3), out="out", **more):
        calls.clear()
        s = sweep(f, {"x": list(xs)}, tmp_path / out, n_jobs=1, progress=False, **{"inputs": data} | more)
        return calls.copy(), s
    assert do()[0] == [1, 2, 3]
    assert do()[0] == []
    assert do(retry_failed=True)[0] == [2]
    assert do(seed=5)[0] == []                                  # takes none
    more, s = do(xs=(3, 4, 1))
    assert (more, s.table["x"].tolist(), s.table["point"].tolist()) == ([4], [3, 4, 1], [2, 3, 0])
    data.write_text("2")
    assert do()[0] == [1, 2, 3] and do()[0] == []
    monkeypatch.setattr("specnb.sweeps.run.version", lambda _: "99")
    assert do()[0] == [1, 2, 3] and do()[0] == []
    assert len(read_sweep(tmp_path / "out")) == 4
    def work(x): calls.append(x); return {"y": 2*x}
    more, s = do(work)
    assert more == [1, 2, 3] and s.table["y"].tolist() == [2, 4, 6] and len(read_sweep(tmp_path / "out")) == 3
    def seeded(x, seed): calls.append(x); return {"y": seed}
    assert [do(seeded, out="seeded", **more)[0] for more in ({}, {}, {"seed": 5})] == [[1, 2, 3], [], [1, 2, 3]]


def test_files_of_the_table_are_those_of_the_last_call(tmp_path):
    from astropy.table import Table
    def f(x): return {"y": x}
    one = f
    def f(x): return {"z": x}
    for version, name in ((one, "y"), (f, "z"), (one, "y")):
        sweep(version, {"x": [1, 2]}, tmp_path, n_jobs=1, progress=False)
        assert name in Table.read(tmp_path / "sweep.ecsv").colnames and name in read_sweep(tmp_path).table.colnames


# A folder knows what it holds

def test_another_sweep_does_not_replace_table_and_page(tmp_path):
    def one(x): return {"y": x}
    def two(x): return {"z": x}
    sweep(one, {"x": [1, 2]}, tmp_path, n_jobs=1, progress=False)
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    for other, grid in ((two, {"x": [1]}), ({}, {"stack": [True]})):
        with pytest.raises(FileExistsError, match="holds a sweep of one, whose table would be replaced; name another folder"): sweep(other, grid, tmp_path, n_jobs=1, progress=False)
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


@pytest.mark.parametrize("mark, kind", [("provenance.json", "a run"), ("results.json", "a run"), ("hdu-index.fits.gz", "DL3 data")])
def test_a_sweep_does_not_go_where_something_else_is(tmp_path, mark, kind):
    (tmp_path / mark).write_text("x")
    (tmp_path / "report.html").write_text("of the run")
    with pytest.raises(FileExistsError, match=f"holds {kind}, expected a folder for a sweep"): sweep(lambda x: {"y": x}, {"x": [1]}, tmp_path, n_jobs=1)
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([mark, "report.html"])


def test_a_repeated_sweep_says_that_nothing_was_to_do(tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger("specnb"), "propagate", True)   # the command line changes it
    def f(x): return {"y": x}
    with caplog.at_level("INFO", "specnb"):
        sweep(f, {"x": [1, 2]}, tmp_path, n_jobs=1, progress=False)
        assert "nothing was to do" not in caplog.text
        sweep(f, {"x": [1, 2]}, tmp_path, n_jobs=1, progress=False)
    assert "holds all 2 points already: nothing was to do" in caplog.text


CELLS = [("results", "{"), ("results", "[]"), ("results", '{"y": 5}'), ("results", '{"y": []}'), ("results", None), ("parameters", "x"), ("parameters", "[" * 10**5), ("number", "one"),
         ("status", "fine"), ("seconds", "long"), ("seed", "x")]


@pytest.mark.parametrize("column, value", CELLS, ids=lambda v: str(v)[:9])
def test_a_damaged_cell_is_said_and_its_point_done_again(column, value, tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger("specnb"), "propagate", True)
    calls = []
    def f(x): calls.append(x); return {"y": x}
    def do(): return sweep(f, {"x": [1, 2, 3]}, tmp_path, n_jobs=1, progress=False)
    whole_table = without_times(do().table)
    with closing(sqlite3.connect(tmp_path / "sweep.sqlite")) as database, database: database.execute(f"UPDATE points SET {column} = ? WHERE number = 1", (value,))
    calls.clear()
    assert read_sweep(tmp_path).table["x"].tolist() == [1, 3] and "sweep.sqlite: 1 rows are damaged and left out, such as point" in caplog.text
    assert without_times(do().table) == whole_table and calls == [2]


@pytest.mark.parametrize("damage", ["truncated", "no database", "empty", "another database", "note", "no table"])
def test_a_damaged_database_is_named(damage, tmp_path):
    def f(x): return {"y": x}
    sweep(f, {"x": list(range(50))}, tmp_path, n_jobs=1, progress=False)
    file = tmp_path / "sweep.sqlite"
    if damage == "truncated": file.write_bytes(file.read_bytes()[:9000])
    if damage == "no database": file.write_text("x" * 5000)
    if damage == "another database": file.unlink()
    if damage == "empty": file.write_bytes(b"")
    with closing(sqlite3.connect(file)) as database, database:
        if damage == "another database": database.execute("CREATE TABLE other (x)")
        if damage == "note": database.execute("UPDATE notes SET value = '{'")
        if damage == "no table": database.execute("DROP TABLE points")
    if damage == "empty":   # as if it were new
        assert len(sweep(f, {"x": [1]}, tmp_path, n_jobs=1, progress=False)) == 1
        return
    for call in (lambda: read_sweep(tmp_path).table, lambda: sweep(f, {"x": [1]}, tmp_path, n_jobs=1, progress=False)):
        with pytest.raises((DataError, OSError), match="sweep.sqlite: "): call()


# Files with points

BOMB = "a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n" + "".join(f"{n}: &{n} [{', '.join([f'*{m}']*10)}]\n" for m, n in zip("abcdefgh", "bcdefghi"))
POINTS = [("bomb", BOMB, "aliases such as"), ("bomb in points", f"points:\n- {{x: 1}}\n{BOMB}", "aliases such as"), ("deep", "points: " + "["*5000 + "]"*5000, "nested deeper than"),
          ("not UTF-8", b"points: [{x: \xff}]", "not a text file"), ("list for a table", "grid: [1, 2]", "expected a mapping of names and lists"),
          ("table for a list", "points: {x: 1}", "expected a list of mappings"), ("numbers for points", "points: [1, 2]", "expected a list of mappings"),
          ("cube", "latin_hypercube: [1]", "expected a mapping of n, seed and ranges"), ("ranges", "latin_hypercube: {n: 2, seed: 1, ranges: [a]}", "ranges: found"),
          ("n", "latin_hypercube: {n: 1e12, seed: 1, ranges: {a: [0, 1]}}", "n: found"), ("huge n", "latin_hypercube: {n: 1000000000000, seed: 1, ranges: {a: [0, 1]}}", "at most 1000000"),
          ("n of texts", "latin_hypercube: {n: many, seed: 1, ranges: {a: [0, 1]}}", "n: found 'many'"), ("seed", "latin_hypercube: {n: 2, seed: -1, ranges: {a: [0, 1]}}", "seed: found -1"),
          ("limits", "latin_hypercube: {n: 2, seed: 1, ranges: {a: [x, 1]}}", "a.low: found 'x', expected a number"), ("nan", "latin_hypercube: {n: 2, seed: 1, ranges: {a: [.nan, 1]}}", "finite numbers"),
          ("limits of lists", "latin_hypercube: {n: 2, seed: 1, ranges: {a: {low: [1, 2], high: 3}}}", "a.low: found"), ("log", "latin_hypercube: {n: 2, seed: 1, ranges: {a: {low: 1, high: 3, log: perhaps}}}", "a.log: found"),
          ("too wide", "latin_hypercube: {n: 2, seed: 1, ranges: {a: {low: 1e-300, high: 1e300, log: true}}}", "finite numbers"),
          ("choices", "latin_hypercube: {n: 2, seed: 1, ranges: {a: {choices: abc}}}", "expected choices, a list"), ("a long key", f"{'k'*100}: 1\n{'l'*100}: 1\n{'m'*100}: 1", "expected grid, points"),
          ("many points", "grid:\n" + "".join(f"  {n}: [{', '.join(map(str, range(400)))}]\n" for n in "abcd"), "25600000000 points, expected at most 1000000"), ("nothing", "", "expected grid"), ("a text", "x", "expected grid"),
          ("twice", "grid: {a: [1]}\ngrid: {a: [2]}", "given in line 1, too")]


@pytest.mark.parametrize("content, message", [p[1:] for p in POINTS], ids=[p[0] for p in POINTS])
def test_a_file_with_points_is_refused_at_once_and_by_name(content, message, tmp_path):
    file = tmp_path / "points.yaml"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ConfigError, match=re.escape(message)) as caught: sweep_points(file)
    assert str(caught.value).startswith(str(file)) and len(str(caught.value)) < 1000


def test_points_of_python_are_refused_by_a_short_text():
    endless = []
    endless.append(endless)
    for points in ([{"x": endless}], {"x": [endless]}, [["x"] * 10**6], {"x": []}, {n: range(10**4) for n in "abc"}, 5):
        with pytest.raises(ConfigError) as caught: sweep_points(points)
        assert len(str(caught.value)) < 500
    with pytest.raises(ConfigError, match="expected a number") as caught: check_against({"x": 1}, [{"x": "y" * 10**6}], "f")
    assert len(str(caught.value)) < 500


def test_table_is_written_after_a_kill_just_before_it(tmp_path, monkeypatch):
    def f(x): return {"y": x}
    sweep(f, {"x": [1]}, tmp_path, n_jobs=1, progress=False)
    with monkeypatch.context() as m:
        def killed(*_): raise InterruptedError
        m.setattr("specnb.sweeps.run.write_sweep_tables", killed)
        with pytest.raises(InterruptedError): sweep(f, {"x": [1, 2]}, tmp_path, n_jobs=1, progress=False)
    whole(tmp_path, [1])
    sweep(f, {"x": [1, 2]}, tmp_path, n_jobs=1, progress=False)
    whole(tmp_path, [1, 2])


def test_notebook_with_other_outputs_is_the_same(tmp_path):
    path = notebook(tmp_path / "n.ipynb", RECORD)
    def do(): return sweep(path, {"x": [1]}, tmp_path / "out", n_jobs=1, progress=False).table
    first = do()
    content = nbformat.read(path, 4)
    content.cells[1].update(outputs=[nbformat.v4.new_output("stream", text="hello")], execution_count=7)
    nbformat.write(content, path)
    assert do()["finished"].tolist() == first["finished"].tolist() and do()["seconds"].tolist() == first["seconds"].tolist()
    content.cells[1].source = RECORD.replace("x**2", "x + 2")
    nbformat.write(content, path)
    assert do()["y"].tolist() == [3]


# Points that misbehave

def _strange(kind):
    import sys
    if kind == "exit": sys.exit(3)
    if kind == "interrupt": raise KeyboardInterrupt
    if kind == "generator": raise GeneratorExit
    if kind == "unspeakable":
        class Unspeakable(Exception):
            def __str__(self): raise self
        raise Unspeakable
    if kind == "unpicklable":
        import threading
        error = ValueError("with a lock")
        error.lock = threading.Lock()
        raise error
    if kind == "type": return {"y": object()}
    if kind == "complex": return {"y": 1j}
    if kind == "no dictionary": return 5
    if kind == "surrogate": raise OSError("file \udcff")
    if kind == "surrogate result": return {"y": "file \udcff"}
    if kind == "group": raise ExceptionGroup("some", [ValueError("\udcff")])
    if kind == "large": return {"n": 2**70}
    if kind == "lists": return {"y": [1., None, float("nan")], "z": [[1], ["a"]]}
    if kind == "texts": return {"z": ["a", "b"], "y": "text"}
    if kind in LISTS: return {"list": LISTS[kind]}
    if kind == "nul": return {"z": "a\0b\r\n\"c"}
    if kind == "recursion": return _strange(kind)
    return {"y": 1., "n": 1}

LISTS = {"floats": [1., None], "words": ["a"], "nested": [[1.], [2]], "booleans": [True], "empty": []}
KINDS = [*LISTS, "exit", "interrupt", "generator", "unspeakable", "unpicklable", "type", "complex", "no dictionary", "surrogate", "surrogate result", "group", "large", "lists", "texts", "nul", "good"]
FAILED = {"exit", "interrupt", "generator", "unspeakable", "unpicklable", "type", "complex", "no dictionary", "surrogate", "group"}


@pytest.mark.parametrize("where", ["here", "workers"])
def test_strange_points_are_rows(where, tmp_path, client):
    kinds = [k for k in KINDS if where == "workers" or k != "interrupt"]   # in this process it is the user's
    s = sweep(_strange, {"kind": kinds}, tmp_path, n_jobs=1, executor=client if where == "workers" else None, progress=False)
    content = s.table
    assert {k for k, status in zip(content["kind"], content["status"]) if status == "failed"} == FAILED & set(kinds)
    error = dict(zip(content["kind"], content["error"]))
    assert error["exit"] == "SystemExit: 3" and error["unpicklable"] == "ValueError: with a lock" and error["unspeakable"].startswith("Unspeakable: ")
    assert all(t for t, status in zip(content["traceback"], content["status"]) if status == "failed")
    assert {"sweep.ecsv", "sweep.parquet"} <= {p.name for p in tmp_path.iterdir()}
    assert without_times(read_sweep(tmp_path).table) == without_times(content)


def test_point_that_kills_its_process(tmp_path):
    def deadly(x):
        import os, signal, time
        time.sleep(.005)
        if x == 7: os.kill(os.getpid(), signal.SIGKILL)
        return {"y": x**2}
    content = sweep(deadly, {"x": list(range(100))}, tmp_path, n_jobs=2, progress=False).table
    assert content["x"][content["status"] == "failed"].tolist() == [7] and content["error"][7].startswith("KilledWorker")
    assert np.delete(content["y"], 7).tolist() == [x**2 for x in range(100) if x != 7]
    whole(tmp_path, range(100))


def test_subject_that_cannot_be_sent(tmp_path):
    lock = threading.Lock()
    def locked(x):
        with lock: return {"y": x}
    assert sweep(locked, {"x": [1, 2]}, tmp_path / "here", n_jobs=1, progress=False).n_failed == 0
    with pytest.raises(ConfigError, match="locked: cannot be sent to other processes.*n_jobs=1"):
        sweep(locked, {"x": [1, 2]}, tmp_path / "out", n_jobs=2, progress=False)


def test_sweep_within_a_sweep(tmp_path):
    folder = str(tmp_path)
    def outer(x):
        from specnb import sweep
        return {"total": float(sum(sweep(lambda y: {"z": x*y}, {"y": [1, 2]}, f"{folder}/inner{x}", n_jobs=1, progress=False).table["z"]))}
    done = []
    thread = threading.Thread(target=lambda: done.append(sweep(outer, {"x": [1, 2]}, tmp_path / "outer", n_jobs=1, progress=False).table["total"].tolist()), daemon=True)
    thread.start()
    thread.join(30)
    assert done == [[3., 6.]]


def test_notebook_whose_kernel_dies(tmp_path):
    path = notebook(tmp_path / "n.ipynb", RECORD, "import os\nif x == 2: os._exit(1)")
    s = sweep(path, {"x": [1, 2]}, tmp_path / "out", n_jobs=1, progress=False)
    assert s.table["status"].tolist() == ["done", "failed"] and "DeadKernelError" in s.table["error"][1]
    kept = tmp_path / "out" / s.table["folder"][1]
    assert {"notebook.ipynb", "page.html"} <= {p.name for p in kept.iterdir()} and s.table["y"].tolist() == [1, 4]


def test_notebook_that_prints_without_end(tmp_path):
    "What it prints is cut, and said so; what it records is kept."
    path = notebook(tmp_path / "n.ipynb", "for _ in range(20): print('x' * 10**6)\nprint('y' * 10**7)", RECORD, "raise ValueError('z' * 10**6)")
    s = sweep(path, {"x": [3]}, tmp_path / "out", n_jobs=1, progress=False)
    kept = tmp_path / "out" / s.table["folder"][0] / "notebook.ipynb"
    assert s.table["y"].tolist() == [9] and len(s.table["error"][0]) < 6000
    assert kept.stat().st_size < 5e6 and "[specnb keeps 1 MB of what a notebook has printed; the rest is left out]" in kept.read_text()


def test_script_without_guard(tmp_path):
    path = script(tmp_path, f"""
        from specnb import sweep
        def f(x): return {{"y": x}}
        sweep(f, {{"x": [1, 2, 3]}}, {str(tmp_path / "out")!r}, n_jobs=2, progress=False)
    """)
    with Process(path) as driver:
        output = driver.end(60)
        assert driver.process.returncode == 1 and 'RuntimeError: a process of the sweep did not start; a script needs the line if __name__ == "__main__"' in output
        driver.none_left()


# Whoever does it

def test_tables_do_not_depend_on_who_does_it(tmp_path, client):
    def random_mean(x, rng): return {"mean": rng.normal(x, 1, 10).mean(), "process": "any"}
    grid, more = [{"x": float(x)} for x in range(12)], {"repeats": 3, "seed": 11, "progress": False}
    one = without_times(sweep(random_mean, grid, tmp_path / "1", n_jobs=1, **more).table)
    assert len({r[3] for r in one}) == len(one) == 36
    assert without_times(sweep(random_mean, grid, tmp_path / "2", n_jobs=2, **more).table) == one
    assert without_times(sweep(random_mean, grid, tmp_path / "3", executor=client, **more).table) == one
    backward = sweep(random_mean, grid[::-1], tmp_path / "4", n_jobs=2, **more).table
    assert {tuple(r[1:]) for r in without_times(backward)} == {tuple(r[1:]) for r in one}
    half = sweep(random_mean, grid[:5], tmp_path / "5", n_jobs=1, **more)
    assert without_times(sweep(random_mean, grid, tmp_path / "5", n_jobs=2, **more).table) == one and len(half) == 15


# Memory and size

def test_workers_do_not_grow(tmp_path):
    def size(x):
        import numpy, os, psutil
        numpy.ones(200_000).sum()
        return {"rss": psutil.Process().memory_info().rss / 2**20, "pid": os.getpid()}
    content = sweep(size, {"x": list(range(500))}, tmp_path, n_jobs=2, progress=False).table
    for pid in set(content["pid"]):
        mine = content["rss"][content["pid"] == pid]
        assert mine[-5:].mean() - mine[len(mine)//5] < 5, (pid, mine.tolist())


def test_workers_do_not_grow_with_notebooks(tmp_path):
    path = notebook(tmp_path / "n.ipynb", "import os, psutil", RECORD.replace("x**2", "psutil.Process(os.getppid()).memory_info().rss / 2**20").replace('["y"', '["pid", os.getppid()], ["y"'))
    content = sweep(path, {"x": list(range(10))}, tmp_path / "out", n_jobs=2, progress=False).table
    for pid in set(content["pid"]):
        mine = content["y"][content["pid"] == pid].tolist()
        assert mine[-1] - max(mine[:max(2, len(mine)//2)]) < 5, mine   # what the first notebooks load stays


# Time limits

def _sleeps(x):
    import time
    if x == 2: time.sleep(1000)
    return {"y": x}


@pytest.mark.parametrize("where", ["one worker", "client"])
def test_function_over_its_limit(where, tmp_path, client):
    more = {"n_jobs": 1} if where == "one worker" else {"executor": client}
    def do(**other): return InThread(lambda: sweep(_sleeps, {"x": list(range(5))}, tmp_path, timeout="1 s", progress=False, **more, **other)).end(40).table
    content = do()
    assert content["x"][content["status"] == "failed"].tolist() == [2] and content["error"][2] == "TimeoutError: the point was ended at its time limit of 1 s"
    assert np.delete(content["y"], 2).tolist() == [0, 1, 3, 4]
    before = content["finished"].tolist()
    assert do()["finished"].tolist() == before                     # a failed row like others
    if where == "client": assert do(retry_failed=True)["status"].tolist() == ["done", "done", "failed", "done", "done"]


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_notebook_over_its_limit(n_jobs, tmp_path):
    path = notebook(tmp_path / "n.ipynb", RECORD, "while x == 2: pass")
    s = InThread(lambda: sweep(path, {"x": [1, 2]}, tmp_path / "out", n_jobs=n_jobs, timeout=4, progress=False)).end(60)
    assert s.table["status"].tolist() == ["done", "failed"] and s.table["error"][1].startswith("TimeoutError: the point was ended")
    kept = tmp_path / "out" / s.table["folder"][1]
    assert {"notebook.ipynb", "page.html"} <= {p.name for p in kept.iterdir()} and s.table["y"].tolist() == [1, 4]
    whole(tmp_path / "out", [1, 2])


def test_limits_that_make_no_sense(tmp_path):
    for wrong in ("soon", -1, 0, "3 deg"):
        with pytest.raises(ConfigError, match="timeout: found"): sweep(_sleeps, {"x": [1]}, tmp_path / "out", timeout=wrong)
    assert not (tmp_path / "out").exists()


def test_limit_of_the_command_line(tmp_path):
    path = notebook(tmp_path / "n.ipynb", RECORD, "while x == 2: pass")
    with Process("-c", "from specnb.command_line.cli import main; main()", "sweep", path, "-g", "x=2", "-o", tmp_path / "out", "-j", "1", "--timeout", "4 s", "--quiet") as command:
        output = command.end(60)
        assert command.process.returncode == 4 and "TimeoutError: the point was ended at its time limit of 4 s" in output


def test_dask_is_imported_only_when_it_is_used(tmp_path):
    path = script(tmp_path, f"""
        import sys
        from specnb import sweep
        def f(x): return {{"y": x}}
        assert sweep(f, {{"x": [1, 2]}}, {str(tmp_path / "out")!r}, n_jobs=1, progress=False).n_failed == 0
        assert not {{"distributed", "dask"}} & set(sys.modules)
    """)
    with Process(path) as driver: driver.done()


# Dask

class Scheduler:
    "A scheduler and a worker in processes of their own."

    def __init__(self, folder):
        file = folder / "scheduler.json"
        self.processes = [Process("-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", file)]
        try:
            until(lambda: file.is_file() and file.read_text().rstrip().endswith("}"), 30, "scheduler")   # it is written bit by bit
            self.address = json.loads(file.read_text())["address"]
            self.processes.append(Process("-m", "distributed.cli.dask_worker", self.address, "--nthreads", 2, "--no-nanny", "--no-dashboard", "--local-directory", folder))
        except BaseException:
            self.__exit__()
            raise

    def __enter__(self): return self
    def __exit__(self, *_):
        for p in self.processes[::-1]: p.__exit__()

    def kill(self): self.processes[0].process.kill()


class InThread(threading.Thread):
    "A call whose end can be waited for."

    def __init__(self, call):
        super().__init__(daemon=True)
        self.call, self.result, self.error = call, None, None
        self.start()

    def run(self):
        try: self.result = self.call()
        except BaseException as error: self.error = error

    def end(self, seconds):
        self.join(seconds)
        assert not self.is_alive(), f"not within {seconds} s"
        if self.error: raise self.error
        return self.result


def test_dask_client(client, tmp_path):
    def random_mean(x, rng): return {"mean": rng.normal(x, 1, 10).mean()}
    grid, more = {"x": [float(x) for x in range(50)]}, {"seed": 3, "progress": False}
    there = sweep(random_mean, grid, tmp_path / "there", executor=client, **more).table
    assert without_times(there) == without_times(sweep(random_mean, grid, tmp_path / "here", n_jobs=1, **more).table)
    whole(tmp_path / "there", range(50))
    with pytest.raises(ConfigError, match="executor: found int, expected a Dask client"): sweep(random_mean, grid, tmp_path / "no", executor=3)


def test_dask_executes_notebooks(client, tmp_path):
    path = notebook(tmp_path / "n.ipynb", RECORD)
    content = sweep(path, {"x": [2, 3]}, tmp_path / "out", executor=client, progress=False).table
    assert content["y"].tolist() == [4, 9]
    whole(tmp_path / "out", [2, 3])


def _slow(x):
    import time
    time.sleep(.1)
    return {"y": x**2}


def test_dask_workers_that_come_late_and_are_killed(tmp_path):
    import distributed
    with distributed.LocalCluster(n_workers=0, threads_per_worker=1, dashboard_address=":0") as cluster:
        call = InThread(lambda: sweep(_slow, {"x": list(range(40))}, tmp_path / "out", executor=cluster.scheduler_address, progress=False))
        cluster.scale(2)
        until(lambda: len(stored(tmp_path / "out")) > 3, 60, "points")
        os.kill(next(iter(cluster.workers.values())).pid, signal.SIGKILL)
        content = call.end(60).table
    assert content["y"].tolist() == [x**2 for x in range(40)] and set(content["status"]) == {"done"}
    whole(tmp_path / "out", range(40))


def test_dask_scheduler_that_is_killed(tmp_path, monkeypatch):
    monkeypatch.setattr("specnb.sweeps.workers._CONNECT", 2)
    def do(**where): return sweep(_slow, {"x": list(range(40))}, tmp_path / "out", progress=False, **where)
    with Scheduler(tmp_path) as cluster:
        call = InThread(lambda: do(executor=cluster.address))
        until(lambda: len(stored(tmp_path / "out")) > 3, 60, "points")
        cluster.kill()
        with pytest.raises(RuntimeError, match="cluster.*what is done is kept"): call.end(30)
        kept = stored(tmp_path / "out")
        assert 3 < len(kept) < 40
        whole(tmp_path / "out", [r["parameters"]["x"] for r in kept.values()])
        with pytest.raises(RuntimeError, match="no Dask scheduler"): InThread(lambda: do(executor=cluster.address)).end(60)
    do(n_jobs=2)
    whole(tmp_path / "out", range(40))
    assert all(stored(tmp_path / "out")[p] == r for p, r in kept.items())
