"The full run: many mutants in processes of their own, and a table of what became of them."
import argparse
import multiprocessing
import os
import sys
import tempfile
import time
import traceback
from collections import Counter
from multiprocessing.connection import wait
from pathlib import Path

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"): os.environ.setdefault(name, "1")
GIGABYTES = 4


def options():
    parser = argparse.ArgumentParser(prog="python -m malformed", description=__doc__)
    parser.add_argument("--n", type=int, default=10000, help="mutants in all")
    parser.add_argument("--kind", action="append", help="only this kind (may be repeated)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--against", help="working tree whose specnb is tried, by default that of this folder")
    parser.add_argument("--only", help="KIND:NUMBER, one mutant with its traceback")
    parser.add_argument("--out", help="file for the list of faults, else they are printed")
    return parser.parse_args()


def work(pipe, kinds, seed, scratch):
    "A worker: kind and number in, verdict out."
    import resource
    resource.setrlimit(resource.RLIMIT_AS, (GIGABYTES << 30, GIGABYTES << 30))
    resource.setrlimit(resource.RLIMIT_FSIZE, (GIGABYTES << 30, GIGABYTES << 30))
    sys.stdout = sys.stderr = open(os.devnull, "w")
    while True:
        name, number = pipe.recv()
        try: pipe.send(kinds[name].run(number, seed, scratch))
        except BaseException: pipe.send(traceback.format_exc())


class Worker:
    "A process that may be killed, and started again."

    def __init__(self, *args):
        self.args, self.task = args, None
        self.start()

    def start(self):
        self.pipe, theirs = multiprocessing.Pipe()
        self.process = multiprocessing.get_context("fork").Process(target=work, args=(theirs, *self.args), daemon=True)
        self.process.start()
        theirs.close()

    def give(self, task):
        self.task, self.since = task, time.monotonic()
        self.pipe.send(task)

    def kill(self):
        self.process.kill()
        self.process.join()


def described(kinds, task, seed, scratch):
    "Class of mutation and what was done, of a mutant whose worker is gone."
    return kinds[task[0]].mutant(kinds[task[0]].generator(task[1], seed), scratch)[:2]


def run_all(kinds, tasks, seed, scratch, jobs):
    "Verdicts on all tasks, in any order."
    from .judge import SECONDS, Verdict
    waiting, workers = iter(tasks), [Worker(kinds, seed, scratch) for _ in range(jobs)]

    def next_task(worker):
        worker.task = None
        if (task := next(waiting, None)) is not None: worker.give(task)
    for w in workers: next_task(w)
    while busy := [w for w in workers if w.task]:
        ready = wait([w.pipe for w in busy], timeout=1)
        for w in busy:
            verdict = None
            if w.pipe in ready:
                try: verdict = w.pipe.recv()
                except EOFError: verdict = Verdict(*w.task, *described(kinds, w.task, seed, scratch), "raw", "the process died")
            elif time.monotonic() - w.since > 2 * SECONDS: verdict = Verdict(*w.task, *described(kinds, w.task, seed, scratch), "hang", "killed")
            if verdict is None: continue
            if isinstance(verdict, str): verdict = Verdict(*w.task, "?", "?", "raw", "the generator fails: " + verdict[-500:])
            yield verdict
            if verdict.message in ("killed", "the process died"):
                w.kill()
                w.start()
            next_task(w)
    for w in workers: w.kill()


def table(verdicts, kinds):
    "Kind x class."
    from .judge import CLASSES
    count = Counter((v.kind, v.result) for v in verdicts)
    lines = [f"{'kind':15}{'mutants':>9}" + "".join(f"{c.replace('changed ', ''):>16}" for c in CLASSES)]
    for kind in (*kinds, "all"):
        numbers = [sum(n for (k, r), n in count.items() if r == c and kind in (k, "all")) for c in CLASSES]
        lines.append(f"{kind:15}{sum(numbers):9}" + "".join(f"{n:16}" for n in numbers))
    return "\n".join(lines)


def main():
    args = options()
    if args.against: sys.path.insert(0, str(Path(args.against).resolve()))
    import specnb
    from .allowed import is_allowed
    from .kinds import KINDS
    print(f"specnb of {Path(specnb.__file__).parent.parent}", flush=True)
    only = args.only and args.only.rpartition(":")
    names = [only[0]] if only else args.kind or list(KINDS)
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as scratch:
        scratch, kinds = Path(scratch), {n: KINDS[n]() for n in names}
        for name, kind in kinds.items():
            (scratch / name).mkdir()
            kind.set_up(scratch / name)
        if only:
            verdict = kinds[only[0]].run(int(only[2]), args.seed, scratch)
            print(verdict.trace, *(f"{k}: {v}" for k, v in verdict._asdict().items() if k != "trace"), sep="\n")
            return
        tasks = [(n, i) for n in names for i in range(args.n // len(names))]
        verdicts = []
        for v in run_all(kinds, tasks, args.seed, scratch, args.jobs):
            verdicts.append(v)
            if len(verdicts) % 500 == 0: print(f"{len(verdicts)} of {len(tasks)}", file=sys.stderr, flush=True)
    faults = sorted(v for v in verdicts if v.result in ("raw", "hang", "silent nan") or (v.result == "changed silently" and not is_allowed(v)))
    report = [f"{v.kind}:{v.number} | {v.result} | {v.group} | {v.text} | {v.message}" for v in faults]
    print("\n".join(report) if not args.out else Path(args.out).write_text("\n".join(report) + "\n") and "")
    print(table(verdicts, names))
    silent = Counter((v.kind, v.group) for v in verdicts if v.result == "changed silently")
    print("\nchanged silently, by class of mutation (* is not explained in allowed.py):")
    for (kind, group), n in sorted(silent.items()):
        mark = "*" if any(v.kind == kind and v.group == group and v.result == "changed silently" and not is_allowed(v) for v in verdicts) else " "
        print(f" {mark} {kind:15} {group:40} {n}")
    print(f"\n{len(faults)} faults")


if __name__ == "__main__": main()
