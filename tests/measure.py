"""How the chapters read, in numbers: `python tests/measure.py [FOLDER OR NOTEBOOK ...]` prints a table, one row a chapter, one a part.

characters, lines: of exported cells (lines without blank ones)
cell: lines of an exported cell, median and 90th percentile
words: of prose per exported line
shown: part of the exported functions and classes that the next cell of code uses (before the next exported cell)
docs: part of the public functions and methods with a docstring that says unit or shape, what is raised, or the source
long: functions over 40 lines of code, docstring and blank lines not counted; lines over 110 characters; bodies on the line of
their head where that line passes 80 characters; lines broken inside `for a, b in`; runs of blank lines; single-heir private classes
"""
import ast
import json
import re
import sys
from pathlib import Path
from statistics import median, quantiles

LINE, HEAD, FUNCTION = 110, 80, 40


def read(path):
    "Cells of a notebook as (kind, source): prose, export, code."
    cells = []
    for cell in json.loads(Path(path).read_text(encoding="utf-8"))["cells"]:
        source = "".join(cell["source"])
        kind = "prose" if cell["cell_type"] == "markdown" else "export" if re.match(r"#\|\s*exporti?\s", source) else "code"
        cells.append((kind, source))
    return cells


def body(source):
    "Source of an exported cell without its directive."
    return "\n".join(x for x in source.splitlines() if not x.startswith("#|"))


def code_lines(node, lines):
    "Lines of a function that hold code: without docstring, blank lines, and without the comments of its signature."
    first = node.body[0]
    documented = isinstance(first, ast.Expr) and isinstance(getattr(first, "value", None), ast.Constant) and isinstance(first.value.value, str)
    skip = set(range(first.lineno, first.end_lineno + 1)) if documented else set()
    return sum(1 for n in range(node.lineno, node.end_lineno + 1) if n not in skip and lines[n - 1].strip())


def faults(source):
    "What the rules of form forbid in one exported cell, as texts."
    found = [f"line of {len(x)} characters: {x.strip()[:60]}" for x in source.splitlines() if len(x) > LINE]
    found += [f"line broken inside its for: {x.strip()[:60]}" for x in source.splitlines() if re.search(r"^[^#]*\bfor (\w+, )*\w+,$", x)]
    if "\n\n\n\n" in source: found.append("three blank lines in a row")
    lines, tree = source.splitlines(), ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and (n := code_lines(node, lines)) > FUNCTION:
            found.append(f"function of {n} lines: {node.name}")
        if isinstance(node, (ast.If, ast.For, ast.While, ast.Try, ast.With, ast.FunctionDef)):
            first = node.body[0]
            if first.lineno == node.lineno and len(lines[node.lineno - 1]) > HEAD:
                found.append(f"body on the line of its head: {lines[node.lineno - 1].strip()[:60]}")
    return found


def mixins(sources):
    "Private classes that exactly one class of the chapter inherits from."
    classes = [n for s in sources for n in ast.parse(s).body if isinstance(n, ast.ClassDef)]
    heirs = {}
    for c in classes:
        for base in c.bases:
            heirs.setdefault(getattr(base, "id", ""), []).append(c.name)
    return [f"class with one heir: {c.name}" for c in classes if c.name.startswith("_") and len(heirs.get(c.name, [])) == 1]


def documented(sources):
    "Public functions and methods, and how many of them say unit or shape, raises or source."
    total = good = 0
    for s in sources:
        for node in ast.walk(ast.parse(s)):
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                total += 1
                text = (ast.get_docstring(node) or "") + "\n".join(s.splitlines()[node.lineno - 1:node.body[0].lineno])
                good += bool(re.search(r"shape|\(n_|TeV|cm|deg|sec|Quantity|Raises|References|arXiv|GADF|OGIP|A&A|ApJ|et al", text))
    return total, good


def measure(path):
    "Numbers and faults of one chapter."
    cells = read(path)
    sources = [body(s) for kind, s in cells if kind == "export"]
    sizes = [sum(bool(x.strip()) for x in s.splitlines()) for s in sources]
    words = sum(len(re.findall(r"\w+", s)) for kind, s in cells if kind == "prose")
    defining = shown = 0
    for i, (kind, s) in enumerate(cells):
        if kind != "export" or not any(isinstance(n, (ast.FunctionDef, ast.ClassDef)) and not n.name.startswith("_") for n in ast.parse(body(s)).body):
            continue
        defining += 1
        following = next((k for k, _ in cells[i + 1:] if k != "prose"), "")
        shown += following == "code"
    total, good = documented(sources)
    return {"characters": sum(len(s) + 1 for s in sources), "sizes": sizes, "words": words, "defining": defining, "shown": shown,
            "public": total, "documented": good, "pictures": path.read_text(encoding="utf-8").count('"image/png"'),
            "faults": [f for s in sources for f in faults(s)] + mixins(sources)}


def row(name, m):
    "One line of the table."
    sizes, lines = m["sizes"], sum(m["sizes"])
    p90 = quantiles(sizes, n=10)[-1] if len(sizes) > 1 else sum(sizes)
    share = lambda part, whole: f"{100*part/whole:.0f} %" if whole else "-"  # noqa: E731
    return (f"{name:34}{m['characters']:>9}{lines:>7}{median(sizes or [0]):>7.0f}{p90:>6.0f}{m['words']/max(lines, 1):>7.2f}"
            f"{share(m['shown'], m['defining']):>7}{share(m['documented'], m['public']):>7}{m['pictures']:>5}{len(m['faults']):>7}")


def total(measures):
    "Sum of several chapters."
    return {k: sum((m[k] for m in measures), [] if k in ("sizes", "faults") else 0) for k in measures[0]}


def main(arguments):
    nbs = Path(__file__).parent.parent / "nbs"
    verbose = "-v" in arguments
    paths = [Path(a) for a in arguments if a != "-v"] or sorted(p for p in nbs.glob("[0-9][0-9]_*") if p.is_dir())
    print(f"{'':34}{'chars':>9}{'lines':>7}{'median':>7}{'p90':>6}{'words':>7}{'shown':>7}{'docs':>7}{'pics':>5}{'faults':>7}")
    everything = []
    for path in paths:
        chapters = sorted(path.glob("[0-9]*.ipynb")) if path.is_dir() else [path]
        measures = [measure(p) for p in chapters]
        for chapter, m in zip(chapters, measures):
            if m["sizes"]:
                print(row(f"  {chapter.parent.name[3:]}.{chapter.stem[3:]}", m))
            for f in m["faults"] * verbose:
                print(f"      {f}")
        print(row(path.stem[3:], total(measures)))
        everything += measures
    print(row("all", total(everything)))


if __name__ == "__main__":
    main(sys.argv[1:])
