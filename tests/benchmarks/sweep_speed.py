"""How fast sweeps are: analyses a second, notebooks against bare papermill, memory of many notebooks, Dask against local, resuming.

Workers import this file, so it imports what is heavy where it is used. One command, a few minutes for each part:
`GAMMAPY_DATA=... python tests/benchmarks/sweep_speed.py [analyses notebooks memory dask resume]`.
"""
import argparse
import os
import tempfile
import threading
import time
from importlib.metadata import version
from pathlib import Path
from statistics import median
from specnb import AnalysisConfig, sweep, tutorial_notebook
from specnb.sweeps.design import seeded_points, sweep_points
from specnb.sweeps import workers
from specnb.sweeps.store import Store
from specnb.sweeps.subjects import AnalysisSubject
from specnb.sweeps.run import assign_numbers, plan


def timed(work):
    "Seconds, and what came out."
    begun = time.perf_counter()
    out = work()
    return time.perf_counter() - begun, out


def radii(n): return {"on_radius": [f"{.08 + .08*i/n:.6f} deg" for i in range(n)]}


def config(data): return AnalysisConfig(observations={"datastore": str(data)})


def swept(what, grid, **options):
    "A sweep in a folder of its own, none of whose points may fail."
    with tempfile.TemporaryDirectory() as out:
        seconds, done = timed(lambda: sweep(what, grid, out, progress=False, **options))
        assert not done.n_failed, done.failed["error"][0]
        return seconds, [r["seconds"] for r in done._rows]


def analyses(data, n=200):
    "In-process: full analyses a second and core."
    for jobs in (1, 2):
        wall, each = swept(config(data), radii(n), n_jobs=jobs)
        print(f"  {n} analyses, {jobs} process(es): {wall:.1f} s in all, {n/wall/jobs:.0f} a second and core with start and tables, "
              f"{1/median(each):.0f} from the median point", flush=True)


def notebooks(data, rounds=3, points=3):
    "Papermill: seconds a point against bare papermill."
    import papermill
    notebook, values = tutorial_notebook("01_spectral_analysis"), [.09 + .01*i for i in range(points)]

    def bare():
        with tempfile.TemporaryDirectory() as out:
            for v in values:
                papermill.execute_notebook(notebook, f"{out}/n.ipynb", {"on_radius": v}, cwd=out, progress_bar=False, kernel_name="python3", extra_arguments=["--log-level=CRITICAL"])
    pairs = [(timed(bare)[0]/points, swept(notebook, {"on_radius": values}, n_jobs=1)[0]/points) for _ in range(rounds)]
    a, b = (median(x) for x in zip(*pairs))
    print(f"  a point: {a:.2f} s bare, {b:.2f} s in a sweep with page, ratio {b/a:.2f} (rounds: {', '.join(f'{y/x:.2f}' for x, y in pairs)})", flush=True)


def memory(data, n=200):
    "Papermill: memory of the workers over many notebooks."
    import psutil
    seen, stop, me = [], threading.Event(), psutil.Process()

    def of_workers():
        for p in me.children(recursive=True):
            try:
                if "forkserver" in " ".join(p.cmdline()): yield p.memory_info().rss/1e6
            except psutil.NoSuchProcess: pass # a kernel that has just ended

    def look():
        while not stop.wait(1): seen.append((time.perf_counter(), sum(of_workers()), me.memory_info().rss/1e6))
    thread = threading.Thread(target=look)
    thread.start()
    try: wall, _ = swept(tutorial_notebook("01_spectral_analysis"), {"on_radius": [.09 + .05*i/n for i in range(n)]}, n_jobs=2)
    finally:
        stop.set()
        thread.join()
    quarter = len(seen)//4
    for name, column in (("workers", 1), ("this process", 2)):
        parts = [median(s[column] for s in seen[i*quarter:(i + 1)*quarter]) for i in range(4)]
        print(f"  {n} notebooks in {wall:.0f} s; MB of {name} in each quarter: {', '.join(f'{p:.0f}' for p in parts)}", flush=True)


def dask(data, n=400, rounds=3):
    "In-process engine: a user's Dask clusters of two processes, with Dask's profiler and without, against n_jobs=2; two sweeps on each cluster."
    import dask
    from distributed import Client, LocalCluster

    def with_dask(profiler):
        with dask.config.set({"distributed.worker.profile.enabled": profiler}), LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
            with Client(cluster) as client: return [swept(config(data), radii(n), executor=client)[0] for _ in range(2)]
    times = [[swept(config(data), radii(n), n_jobs=2)[0], *with_dask(True), *with_dask(False)] for _ in range(rounds)]
    local, *others = (median(x) for x in zip(*times))
    for name, (first, second) in (("with its profiler", others[:2]), ("without", others[2:])):
        print(f"  {n} analyses: {local:.1f} s local with the start of processes; Dask {name} {first:.1f} s with workers that have nothing loaded, {second:.1f} s again: "
              f"throughput {100*local/first:.0f} % and {100*local/second:.0f} %", flush=True)


def resume(data, n=10_000, done=5000):
    "Resuming: seconds until the first new point starts."
    subject = AnalysisSubject(config(data))
    grid = radii(n)
    rows = plan(subject, "in-process", seeded_points([subject.with_units(p) for p in sweep_points(grid)]), {})
    results = {"index": [2.3], "index_err": [.1], "points_dnde": [[1e-12]*10]}
    with tempfile.TemporaryDirectory() as out:
        store = Store(out)
        assign_numbers(rows, store)
        store.add([{**r, "status": "done", "error": "", "traceback": "", "results": results, "seconds": .03, "finished": "2026-01-01"} for r in rows[:done]])
        store.set_notes(subject=rows[0]["subject"], what="analysis", seed=0)
        begun = time.perf_counter()

        def stop(subject, task, *_):
            nonlocal first
            first = time.perf_counter()
            raise KeyboardInterrupt
        first, done_by = begun, workers.do_point
        workers.do_point = stop
        try: sweep(config(data), grid, out, n_jobs=1, progress=False)
        except KeyboardInterrupt: pass
        finally: workers.do_point = done_by
        print(f"  {done} of {n} points are there: {first - begun:.1f} s until the first new one starts, "
              f"{time.perf_counter() - first:.1f} s for the tables after the stop", flush=True)


PARTS = {f.__name__: f for f in (analyses, notebooks, memory, dask, resume)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", help=f"{', '.join(PARTS)}; all by default")
    parser.add_argument("--data", default=os.environ.get("GAMMAPY_DATA"), help="folder that holds hess-dl3-dr1/ (default $GAMMAPY_DATA)")
    args = parser.parse_args()
    if args.data is None: parser.error("no data: set GAMMAPY_DATA or give --data")
    if set(args.parts) - set(PARTS): parser.error(f"parts are {', '.join(PARTS)}")
    print(f"specnb {version('specnb')}, {os.cpu_count()} cores")
    for name in args.parts or PARTS:
        print(f"{name}: {PARTS[name].__doc__}", flush=True)
        PARTS[name](Path(args.data) / "hess-dl3-dr1")


if __name__ == "__main__": main()
