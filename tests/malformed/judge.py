"""What became of a mutant: its class, found from the error that came, the numbers and the warnings."""
import dis
import re
import shutil
import signal
import traceback
import warnings
from pathlib import Path
from typing import NamedTuple
import numpy as np
from specnb import DataError, SpecnbWarning

CLASSES = ("harmless", "clear", "changed with a warning", "changed silently", "raw", "hang", "silent nan")
SECONDS = 20


class Verdict(NamedTuple):
    "One mutant."
    kind:str
    number:int
    group:str   # class of mutation
    text:str    # what was done
    result:str  # one of CLASSES
    message:str # error, or what changed
    trace:str = ""


class Hang(BaseException):
    "Too slow; no handler of Exception holds it."


def _too_slow(*_): raise Hang


def timed(action, seconds=SECONDS):
    "The result of an action, which is broken off when it takes too long."
    before = signal.signal(signal.SIGALRM, _too_slow)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try: return action()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def raised_by_specnb(error):
    "Whether a `raise` statement of specnb made the error, rather than an operation that failed in it."
    last = list(traceback.walk_tb(error.__traceback__))[-1][0]
    place = error.__traceback__
    while place.tb_next: place = place.tb_next
    operation = dis.opname[last.f_code.co_code[place.tb_lasti]]
    return "specnb" in Path(last.f_code.co_filename).parts and operation in ("RAISE_VARARGS", "RERAISE")


def is_clear(error, names):
    "Whether an error says what is wrong, and where."
    own = isinstance(error, DataError) or (isinstance(error, (ValueError, TypeError, LookupError, OSError)) and raised_by_specnb(error))
    return own and (isinstance(error, FileNotFoundError) or any(n in str(error) for n in names))


def flat(results):
    "Name -> array of numbers or texts."
    def array(value):
        try: return np.asarray(value)
        except ValueError: return np.asarray(str(value)) # lists of different lengths
    return {k: array(v) for k, v in results.items()}


def same(a, b):
    if a.shape != b.shape or (a.dtype.kind in "US") != (b.dtype.kind in "US"): return False
    if a.dtype.kind in "USO": return a.tolist() == b.tolist()
    return np.allclose(a, b, rtol=1e-9, atol=0, equal_nan=True)


def not_finite(new, old):
    "Names of numbers that are not finite although they were before."
    found = []
    for name, a in new.items():
        if a.dtype.kind not in "fc" or name.startswith("may be nan"): continue
        b = old.get(name)
        bad = ~np.isfinite(a)
        if bad.any() and (b is None or b.shape != a.shape or np.any(bad & np.isfinite(b))): found.append(name)
    return found


def compare(new, old, told):
    "Class and text for results."
    new, old = flat(new), flat(old)
    changed = sorted(set(old) ^ set(new) | {k for k in set(old) & set(new) if not same(new[k], old[k])})
    status = any(k.startswith("status") for k in changed)
    if (bad := not_finite(new, old)) and not told and not status: return "silent nan", ", ".join(bad)
    if not changed: return "harmless", ""
    return ("changed with a warning" if told or status else "changed silently"), ", ".join(changed[:5])


def run(kind, number, rng, folder):
    "Verdict on one mutant, in an empty folder."
    group, text, files, names = kind.mutant(rng, folder)
    verdict = Verdict(kind.name, number, group, text, "", "")
    for name, content in files.items(): (folder / name).write_bytes(content)
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            def way():
                try: return kind.carry(folder)
                finally: kind.check(folder)
            results = timed(way)
    except Hang: return verdict._replace(result="hang", message=f"more than {SECONDS} s")
    except Exception as error:
        trace = traceback.format_exc()
        kind_of = type(error).__name__
        message = re.sub(r"\s+", " ", f"{kind_of}: {error}".replace(f"{folder}/", ""))[:300]
        last = traceback.extract_tb(error.__traceback__)[-1]
        own = [f for f in traceback.extract_tb(error.__traceback__) if "/specnb/" in f.filename]
        place = own[-1] if own else last
        result = "clear" if is_clear(error, names) else "raw"
        return verdict._replace(result=result, message=f"{message} [{Path(place.filename).parent.name}/{Path(place.filename).name}:{place.name}]", trace=trace)
    told = [str(w.message) for w in caught if issubclass(w.category, SpecnbWarning) and str(w.message) not in kind.known]
    result, message = compare(results, kind.reference, told)
    return verdict._replace(result=result, message=message + (f" ({told[0][:150]})" if told else ""))


class Kind:
    """One kind of input.

    `prepare` makes good files in a folder; `mutant` gives (class of mutation, text, files to write, names of which an error has to
    contain one); `carry` goes the way of a user in a folder and returns name -> numbers; `check` runs `validate`. When the files have been
    read, a later step may fail for what they say, and names what it works on: one of `later`.
    """
    name = ""
    known = frozenset()
    later = ()

    def prepare(self, folder): pass
    def check(self, folder): pass

    def set_up(self, folder):
        "Good files, and what comes of them."
        self.prepare(folder)
        self.files = {p.name: p.read_bytes() for p in sorted(folder.iterdir()) if p.is_file()}
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            self.reference = self.carry(folder)
        self.known = frozenset(str(w.message) for w in caught)

    def mutant(self, rng, folder):
        names = self.targets()
        name = list(names)[int(rng.choice(len(names), p=np.array(list(names.values())) / sum(names.values())))]
        group, text, content = self.mutate(name, self.files[name], rng)
        return group, f"{name}: {text}", {**self.files, name: content}, [*self.files, *self.later]

    def generator(self, number, seed): return np.random.default_rng([seed, *self.name.encode(), number])

    def run(self, number, seed, scratch):
        "Verdict on the mutant of a number."
        rng = self.generator(number, seed)
        folder = scratch / f"{self.name}-{number}"
        folder.mkdir()
        try: return run(self, number, rng, folder)
        finally: shutil.rmtree(folder, ignore_errors=True)
