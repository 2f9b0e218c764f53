"""specnb against Gammapy 2.1 on the same machine, in turn; one command measures everything and renews the page of the documentation:

    GAMMAPY_DATA=... python tests/benchmarks/compare.py

It makes a virtual environment for the peer, runs the four-run analysis (`stages.py`) and the analysis of many simulated runs (`scale.py`)
in processes of their own, peer and specnb alternately, checks that both found the same, writes `results.json` and executes
`nbs/benchmarks.ipynb`. `--quick` is a look in a minute or two that writes nothing, `--quick --only scale` one at the many runs;
`--against REVISION` compares with an older revision of specnb instead. This process itself loads the standard library only: what a child
is said to have needed in memory is at least what its parent had.
"""
import argparse
import json
import math
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path
from statistics import median

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
PEER, PINS = "gammapy", ["gammapy==2.1", "regions<0.12"]
THREADS = dict.fromkeys(["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"], "1")
SIZES, PEER_SIZES, FEW = (1, 4, 16, 50, 64, 256, 500), (1, 4, 16), 50  # runs; growth is told from FEW to the most
JOBS = (1, 2)  # processes that reduce many runs
TUTORIAL = ("set up", "read and reduce", "info table", "write OGIP", "read OGIP", "joint fit", "flux points", "stack and fit")
ROWS = [  # row, stages of the peer, stages of specnb, target, stretch: ratio of medians
    ("set up", ["set up"], ["set up"], None, None),
    ("read and reduce", ["read and reduce"], ["read and reduce"], 30, 60),
    ("info table", ["info table"], ["info table"], None, None),
    ("write OGIP", ["write OGIP"], ["write OGIP"], None, None),
    ("read OGIP", ["read OGIP"], ["read OGIP"], None, None),
    ("joint fit", ["joint fit"], ["joint fit"], 150, 300),
    ("joint fit, default", ["joint fit"], ["joint fit, default"], None, None),
    ("flux points", ["flux points"], ["flux points"], 2000, 5000),
    ("flux points, repeated", ["flux points"], ["flux points, repeated"], 2000, 5000),
    ("stack and fit", ["stack and fit"], ["stack and fit"], None, None),
    ("stack and fit, default", ["stack and fit"], ["stack and fit, default"], 40, 60),
    ("stack and fit, default, repeated", ["stack and fit"], ["stack and fit, default, repeated"], 40, 60),
    ("all stages", TUTORIAL, TUTORIAL, 120, 300),
    ("all stages but OGIP", *[[s for s in TUTORIAL if "OGIP" not in s]]*2, None, None)]
TOYS = [  # row, what ten thousand toys are compared with: three fits of the peer
    ("10,000 toys against 3 fits", "10,000 toys"), ("the same with exact errors", "10,000 toys, exact errors")]
CHECKS = {"counts": 0, "counts_off": 0, "sqrt_ts": 1e-6, "dnde_errn": 5e-4, "dnde_errp": 5e-4, "dnde_ul": 5e-4, "ts": 5e-4, "scan": 5e-4,
          "dnde": 3.5e-3}  # largest relative differences allowed; the peer stops before the minimum of dnde


# Statistics

def summary(values):
    "Median, extremes and number of repeats."
    return {"median": median(values), "min": min(values), "max": max(values), "n": len(values)}


def ratio(peer, own):
    "Ratio of the medians of all repeats; lowest and highest ratio of the medians of one round. Given: for each round its repeats."
    pairs = [median(p) / median(o) for p, o in zip(peer, own, strict=True)]
    return {"ratio": median(sum(peer, [])) / median(sum(own, [])), "low": min(pairs), "high": max(pairs)}


def repeats(children, stages, clock):
    "For each process the times of its passes, summed over `stages`; `clock` 0 is wall, 1 is CPU time."
    return [[sum(t[clock] for t in one) for one in zip(*(c["times"][s] for s in stages))] for c in children]


def row(name, peer, own, target=None, stretch=None):
    "Row of the table; `peer` and `own` map each clock to rounds of repeats."
    return {"stage": name, "target": target, "stretch": stretch, "peer": {k: summary(sum(v, [])) for k, v in peer.items()},
            "specnb": {k: summary(sum(v, [])) for k, v in own.items()}, "ratio": {k: ratio(peer[k], own[k]) for k in peer}}


def stage_rows(peer, own):
    "Rows of the warm stages. Given: the outputs of the processes."
    def times(children, stages): return {clock: repeats(children, stages, i) for i, clock in enumerate(("wall", "cpu"))}
    rows = []
    for name, peer_stages, own_stages, target, stretch in ROWS:
        if name in peer[0]["times"]: peer_stages = [name]  # an older specnb has the default fits too
        rows.append(row(name, times(peer, peer_stages), times(own, own_stages), target, stretch))
    if "10,000 toys" not in own[0]["times"]: return rows
    three = {clock: [[3*t for t in one] for one in many] for clock, many in times(peer, ["a stacked fit"]).items()}
    return rows + [row(name, three, times(own, [stage]), 1 if stage == "10,000 toys" else None) for name, stage in TOYS]


def differences(peer, own):
    "Largest relative difference of each group of numbers, with what is allowed; values of fits in units of their errors."
    def relative(name):
        pairs = list(zip(peer[name], own[name], strict=True))
        smallest = 1e-6*max(p for p, _ in pairs)  # below is zero: the flux of a band without excess
        return max(abs(o - p)/p if o > 0 else math.inf for p, o in pairs if p > smallest)
    found = [{"what": name, "difference": relative(name), "allowed": allowed} for name, allowed in CHECKS.items()]
    for fit in ("joint fit", "stack and fit"):
        values = max(abs(own[fit][k][0] - v[0]) / v[1] for k, v in peer[fit].items() if isinstance(v, list))
        found.append({"what": f"{fit}: parameters, in errors", "difference": values, "allowed": 1e-3})
        found.append({"what": f"{fit}: statistic", "difference": abs(own[fit]["stat"] - peer[fit]["stat"]), "allowed": 1e-3})
        found.append({"what": f"{fit}: calls", "difference": abs(own[fit]["nfev"] - peer[fit]["nfev"]), "allowed": 0})
    return found


def short(x):
    "Three significant digits, no exponent."
    return f"{float(f'{x:.3g}'):,.10g}"


def format_rows(rows, goals=True):
    "Lines of a plain table: CPU time [ms] or memory [MB], and their ratio."
    lines = [f"{'':34}{'peer':>10}{'specnb':>10}{'ratio':>9}{'spread':>18}" + f"{'target':>8}{'stretch':>8}"*goals]
    for r in rows:
        kind = "cpu" if "cpu" in r["peer"] else "MB"
        scale, q = 1e3 if kind == "cpu" else 1, r["ratio"][kind]
        peer, own = [short(scale*r[who][kind]["median"]) for who in ("peer", "specnb")]
        line = f"{r['stage']:34}{peer:>10}{own:>10}{short(q['ratio']):>9}{short(q['low']) + ' .. ' + short(q['high']):>18}"
        lines.append(line + f"{r['target'] or '':>8}{r['stretch'] or '':>8}"*goals)
    return lines


def scale_goals(points):
    "What the most runs cost, most of it as a multiple of what few cost, and what is allowed (None: it is only told)."
    own = {(p["runs"], p["jobs"]): p for p in points if p["package"] == "specnb"}
    n = max(runs for runs, _ in own)
    few, many, shared = own[FEW, 1], own[n, 1], own[n, max(JOBS)]
    def growth(key): return many[key]["median"] / few[key]["median"]
    found = [(f"peak memory of reduction, {n} runs / {FEW}", growth("MB, reduced"), 1.3), (f"peak memory of the analysis, {n} runs / {FEW}", growth("MB"), None),
             (f"joint fit of {n} runs [s]", many["joint fit"]["median"], 2),
             (f"growth of a likelihood call / growth of its bins, {n} runs / {FEW}", growth("a likelihood call") * few["bins"] / many["bins"], 1),
             (f"reduction of {n} runs, wall time, {max(JOBS)} processes / 1", shared["reduce, wall"]["median"] / many["reduce, wall"]["median"], None)]
    return [{"what": what, "value": value, "allowed": allowed} for what, value, allowed in found]


def format_points(points, goals):
    "Lines of two plain tables: medians of many runs, and what is allowed."
    columns = {"reduce": "reduce", "reduce, wall": "its wall", "info table": "info table", "joint fit": "joint fit", "a likelihood call": "call [ms]",
               "MB, reduced": "reduced [MB]", "MB": "all [MB]"}
    lines = [f"{'':10}{'runs':>6}{'jobs':>6}{'bins':>7}" + "".join(f"{name:>14}" for name in columns.values())]
    for p in sorted(points, key=lambda p: (p["package"], p["jobs"], p["runs"])):
        cells = [short(p[key]["median"] * (1e3 if "ms" in name else 1)) for key, name in columns.items()]
        lines.append(f"{p['package']:10}{p['runs']:6}{p['jobs']:6}{p['bins']:7}" + "".join(f"{c:>14}" for c in cells))
    verdict = {True: "at most {:g}", False: "MISSED: at most {:g}"}
    return lines + [f"{g['what']:70}{short(g['value']):>8}  " + (verdict[g["value"] <= g["allowed"]].format(g["allowed"]) if g["allowed"] else "") for g in goals]


def rounded(x):
    "The same with four significant digits, for a file that can be read."
    if isinstance(x, dict): return {k: rounded(v) for k, v in x.items()}
    if isinstance(x, list): return [rounded(v) for v in x]
    return float(f"{x:.4g}") if isinstance(x, float) else x


# Processes

def say(text): print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


def run(python, script, *args, package="specnb", path=None):
    "Run a script of this folder with one thread; its JSON output, with time and memory of the whole process."
    env = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONDONTWRITEBYTECODE")}
    env |= {**THREADS, "BENCHMARK_PACKAGE": package, "MPLBACKEND": "agg"} | ({"PYTHONPATH": str(path)} if path else {})
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        start = time.perf_counter()
        process = subprocess.Popen([str(python), str(HERE / script), *map(str, args)], stdout=out, stderr=err, env=env)
        _, status, usage = os.wait4(process.pid, 0)  # the usage of this child only
        wall, process.returncode = time.perf_counter() - start, os.waitstatus_to_exitcode(status)
        out.seek(0), err.seek(0)
        if process.returncode: raise SystemExit(f"{package}: {script} failed\n{err.read().decode()[-3000:]}")
        return {**json.loads(out.read()), "process": [wall, usage.ru_utime + usage.ru_stime]}


def make_peer(cache):
    "Python of a virtual environment with the peer; made if it is not there."
    folder = cache / f"{PEER}-{PINS[0].split('==')[1]}-python{sys.version_info.major}.{sys.version_info.minor}"
    python = folder / "bin" / "python"
    if not (folder / "complete").exists():
        say(f"virtual environment for {', '.join(PINS)}")
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PINS], check=True)
        (folder / "complete").touch()
    return python


def checkout(cache, revision):
    "Folder with the package as it was at `revision`."
    def git(*args): return subprocess.run(["git", *args], cwd=ROOT, check=True, capture_output=True).stdout
    name = git("rev-parse", "--short", f"{revision}^{{commit}}").decode().strip()
    folder, archive = cache / f"specnb-{name}", git("archive", name, "specnb")
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["tar", "-x", "-C", str(folder)], input=archive, check=True)
    return folder


def make_runs(cache, n):
    "Folder with `n` simulated runs; made if it is not there."
    folder = cache / f"simulated-{n}"
    if not (folder / "hdu-index.fits.gz").exists():
        say(f"simulate {n} runs")
        run(sys.executable, "scale.py", folder, "--simulate", n)
    return folder


def cpu_model():
    try: return re.search(r"model name\s*:\s*(.*)", Path("/proc/cpuinfo").read_text())[1]
    except (OSError, TypeError): return platform.processor() or platform.machine()


# What is measured

def run_stages(how, *args): return run(how["python"], "stages.py", *args, **{k: v for k, v in how.items() if k != "python"})


def compare_stages(peer, data_dir, rounds, passes):
    "Four runs: in each round, one process of peer and specnb for the whole script, one for the warm stages. `peer`: arguments of `run`."
    cold, warm = {"peer": [], "specnb": []}, {"peer": [], "specnb": []}
    sides = {"peer": peer, "specnb": dict(python=sys.executable)}
    for i in range(rounds + 1):
        for who, how in sides.items():
            say(f"four runs, {'first look' if not i else f'round {i} of {rounds}'}: {who}")
            once = run_stages(how, data_dir, "--once")
            if not i: continue  # compiles the modules, brings the files into memory
            cold[who].append(once)
            warm[who].append(run_stages(how, data_dir, "--repeats", 1 if how.get("package") == PEER else passes))
    found = differences(warm["peer"][-1]["numbers"], warm["specnb"][-1]["numbers"])
    rows = stage_rows(warm["peer"], warm["specnb"])
    clocks = {who: {clock: [[c["process"][i]] for c in cold[who]] for i, clock in enumerate(("wall", "cpu"))} for who in cold}
    memory = {who: {"MB": [[c["memory"] / 1e6] for c in cold[who]]} for who in cold}
    rows += [row("whole process, cold", clocks["peer"], clocks["specnb"], 15, 40), row("peak memory", memory["peer"], memory["specnb"], 2)]
    versions = {who: warm[who][0]["versions"] for who in warm}
    return {"date": date.today().isoformat(), "rounds": rounds, "passes": passes, "versions": versions, "rows": rows, "differences": found}


def compare_scale(python, cache, rounds):
    "Many runs: a process for each number of runs and of processes that reduce them."
    folder, points = make_runs(cache, max(SIZES)), []
    for n, jobs in [(n, jobs) for n in SIZES for jobs in JOBS if jobs <= n]:
        found = {who: [] for who in ([PEER] if n in PEER_SIZES and jobs == 1 else []) + ["specnb"]}
        for i in range(rounds):
            for who in found:
                say(f"{n} simulated runs, {jobs} process{'es'*(jobs > 1)}, round {i + 1} of {rounds}: {who}")
                found[who].append(run(python if who == PEER else sys.executable, "scale.py", folder, "--runs", n, "--jobs", jobs, package=who))
        stats = [c["found"]["stat"] for children in found.values() for c in children]
        if max(stats) - min(stats) > 1e-5*max(stats): raise SystemExit(f"{n} runs: the minima differ, {stats}")
        for who, children in found.items():
            point = {stage: summary([c["times"][stage][0][1] for c in children]) for stage in children[0]["times"]}
            point["reduce, wall"] = summary([c["times"]["reduce"][0][0] for c in children])  # CPU time is that of this process only
            memory = {"MB, reduced": summary([c["memory"]["reduced"] / 1e6 for c in children]), "MB": summary([c["memory"]["all"] / 1e6 for c in children])}
            points.append({"package": who, "runs": n, "jobs": jobs, "bins": children[0]["found"]["bins"], **point, **memory})
    return {"date": date.today().isoformat(), "rounds": rounds, "points": points, "goals": scale_goals(points)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5, help="rounds: pairs of processes of peer and specnb (default 5)")
    parser.add_argument("--passes", type=int, default=5, help="timed passes of specnb in each process (default 5; the peer makes one)")
    parser.add_argument("--quick", action="store_true", help="one round, write nothing; many runs only with --only scale")
    parser.add_argument("--only", choices=["stages", "scale"], help="measure one part, keep the results of the other")
    parser.add_argument("--against", metavar="REVISION", help="an older revision of specnb instead of Gammapy; write nothing")
    parser.add_argument("--data", default=os.environ.get("GAMMAPY_DATA"), help="folder that holds hess-dl3-dr1/ (default $GAMMAPY_DATA)")
    cache = os.environ.get("SPECNB_BENCHMARKS") or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "specnb-benchmarks"
    parser.add_argument("--cache", default=cache, help="folder for the peer's environment and the simulated runs "
                                                       "(default $SPECNB_BENCHMARKS or ~/.cache/specnb-benchmarks)")
    args = parser.parse_args()
    data_dir, cache, path = Path(args.data or "") / "hess-dl3-dr1", Path(args.cache).expanduser().resolve(), HERE / "results.json"
    if not (data_dir / "hdu-index.fits.gz").exists(): raise SystemExit("no data: set GAMMAPY_DATA to the folder that holds hess-dl3-dr1/")
    peer = dict(python=sys.executable, path=checkout(cache, args.against)) if args.against else dict(python=make_peer(cache), package=PEER)

    results = json.loads(path.read_text()) if args.only else {}
    results |= {"cpu": cpu_model(), "cores": os.cpu_count()}
    if args.only != "scale":
        results["stages"] = stages = compare_stages(peer, data_dir.resolve(), 1 if args.quick else args.repeats, args.passes)
        print("CPU time [ms], memory [MB]", *format_rows(stages["rows"], not args.against), sep="\n")
        for d in stages["differences"]: print(f"{d['what']:40}{d['difference']:10.2g}  allowed {d['allowed']:g}")
        bad = [d["what"] for d in stages["differences"] if d["difference"] > d["allowed"]]
        if bad: raise SystemExit(f"the two did not compute the same: {', '.join(bad)}")
    if args.against or args.quick and args.only != "scale": return
    if args.only != "stages":
        results["scale"] = scale = compare_scale(peer["python"], cache, 1 if args.quick else args.repeats)
        print("CPU time [s], memory [MB]", *format_points(scale["points"], scale["goals"]), sep="\n")
    if args.quick: return
    path.write_text(json.dumps(rounded(results), indent=1) + "\n")
    page = ROOT / "nbs" / "benchmarks.ipynb"
    nbconvert = [sys.executable, "-m", "nbconvert", "--log-level", "ERROR", "--to", "notebook", "--execute", "--inplace"]
    subprocess.run([*nbconvert, str(page)], check=True)
    subprocess.run([sys.executable, "-c", "from nbdev.clean import nbdev_clean; nbdev_clean()"], cwd=ROOT, check=True)
    say("renewed tests/benchmarks/results.json and nbs/benchmarks.ipynb")


if __name__ == "__main__": main()
