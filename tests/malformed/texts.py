"""Mutations of texts: of YAML by what it says, and of any text by its characters."""
import copy
import yaml
from .fits_bytes import choose

BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]\n" for old, new in zip("abcdefgh", "bcdefghi"))


def places(content, path=()):
    "Paths of all values inside mappings and lists."
    items = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    for key, value in items:
        yield (*path, key)
        yield from places(value, (*path, key))


def at(content, path):
    for key in path: content = content[key]
    return content


def put(content, path, value): at(content, path[:-1])[path[-1]] = value


def misspelt(word, rng):
    "The word with two letters exchanged, or one more."
    i = int(rng.integers(max(1, len(word) - 1)))
    new = word[:i] + word[i:i + 2][::-1] + word[i + 2:]
    return new if new != word else word + "s"


def is_number(value): return isinstance(value, (int, float)) and not isinstance(value, bool)
def is_unit(path, value): return isinstance(value, str) and path[-1] == "unit"


def is_quantity(value):
    if not isinstance(value, str) or " " not in value: return False
    try: float(value.split()[0])
    except ValueError: return False
    return True


SENSELESS = [float("nan"), float("inf"), float("-inf"), -1, -1e-3, 0, 1e300, -1e300, "many", "", None, True, [], {}, [1, 2], {"a": 1}, 10**30, "1 TeV", "nan", [[[]]], "\u221e", "2004-01-01", "0x10"]
NUMBER_TEXTS = ["{:e}", "'{:e}'", "{:.0e}", "'{!r}'", "1_{!r}", "{!r} TeV", "+{!r}"]
ALIKE = {"TeV": "GeV", "TeV-1": "GeV-1", "cm-2 s-1 TeV-1": "m-2 s-1 TeV-1", "deg": "arcmin"}


def yaml_content(content, rng):
    "Class, text and content with one value, key or list changed."
    content = copy.deepcopy(content)
    paths = list(places(content))
    numbers, units, quantities = ([p for p in paths if f(p, at(content, p))] for f in (lambda p, v: is_number(v), is_unit, lambda p, v: is_quantity(v)))
    keys, lists = [p for p in paths if isinstance(p[-1], str)], [p for p in paths if isinstance(at(content, p), list) and at(content, p)]
    what = choose(rng, ["value", "value", "value", "key", "key", "list", "unit", "unit", "number"])
    if what == "key" or not paths:
        path, how = choose(rng, keys), choose(rng, ["misspelt", "dropped", "one more"])
        parent = at(content, path[:-1])
        if how == "misspelt": parent[misspelt(path[-1], rng)] = parent.pop(path[-1])
        elif how == "dropped": del parent[path[-1]]
        else: parent[choose(rng, ["vlaue", "note", "unit", "min", "sigma"])] = choose(rng, [1, "text", [1], {"a": 1}])
        return f"key {how}", f"{path}", content
    if what == "list" and lists:
        path, how = choose(rng, lists), choose(rng, ["backwards", "element dropped", "element repeated", "empty", "of lists"])
        old = at(content, path)
        i = int(rng.integers(len(old)))
        put(content, path, {"backwards": old[::-1], "element dropped": old[:i] + old[i + 1:], "element repeated": old + [copy.deepcopy(old[i])], "empty": [], "of lists": [old]}[how])
        return f"list {how}", f"{path}", content
    if what == "unit" and (units or quantities):
        path = choose(rng, units + quantities)
        old, how = at(content, path), choose(rng, ["of the same kind", "of another kind", "unknown", "dropped"])
        number, _, unit = (None, None, old) if path in units else old.partition(" ")
        new = {"of the same kind": ALIKE.get(unit), "of another kind": choose(rng, [x for x in ("TeV", "deg", "s", "m2", "kg") if x != unit]),
               "unknown": choose(rng, ["quux", "2.5", "TeV TeV", "(", "5 TeV", "1/0", "Tev", "\xb5"]), "dropped": ""}[how]
        if new is None: how, new = "of another kind", "kg"
        put(content, path, new if number is None else f"{number} {new}".strip())
        return f"unit {how}", f"{path}: {old!r} -> {new!r}", content
    if what == "number" and numbers:
        path = choose(rng, numbers)
        old = at(content, path)
        put(content, path, old * choose(rng, [1.3, .5, 1.0001, 2]) if rng.random() < .7 else -old)
        return "number changed", f"{path}: {old!r} -> {at(content, path)!r}", content
    path, new = choose(rng, paths), choose(rng, SENSELESS)
    old = at(content, path)
    put(content, path, new)
    return "value senseless", f"{path}: {old!r:.60} -> {new!r}", content


def number_text(content, text, rng):
    "A number written in another way."
    numbers = [v for p in places(content) if is_number(v := at(content, p)) and f" {v!r}" in text]
    if not numbers: return None
    old, form = choose(rng, numbers), choose(rng, NUMBER_TEXTS)
    if isinstance(old, int): form = form.replace("e}", "e}").replace("{!r}", "{!r}")
    new = form.format(old)
    same = form in ("{:e}", "'{:e}'", "{:.0e}", "'{!r}'", "+{!r}")
    return "number as text" if same else "number with something more", f"{old!r} -> {new}", text.replace(f" {old!r}", f" {new}", 1)


def characters(text, rng):
    "Class, what was done, and bytes of any text with damage in its characters."
    raw = bytearray(text.encode())
    what, i = choose(rng, ["flipped", "random", "truncated", "line dropped", "line twice", "empty", "not UTF-8", "zeros", "binary", "tab", "byte order mark", "UTF-16"]), int(rng.integers(len(raw)))
    lines = text.splitlines(keepends=True)
    j = int(rng.integers(len(lines)))
    if what == "flipped": raw[i] ^= 1 << int(rng.integers(8))
    elif what == "random": raw[i:i + 5] = bytes(rng.integers(32, 127, 5).astype("u1"))
    elif what == "truncated": del raw[i:]
    elif what == "line dropped": raw = "".join(lines[:j] + lines[j + 1:]).encode()
    elif what == "line twice": raw = "".join(lines[:j + 1] + lines[j:]).encode()
    elif what == "empty": raw = choose(rng, [b"", b"\n", b"# nothing\n", b"---\n", b"null\n", b"[]\n", b"{}\n", b"5\n", b"text\n"])
    elif what == "not UTF-8": raw[i:i] = b"\xe9\xff"
    elif what == "zeros": raw[i:i] = bytes(3)
    elif what == "binary": raw = choose(rng, [b"\x89PNG" * 500, b"\x1f\x8b" + rng.bytes(300), b"SIMPLE  =" + b" " * 5000, rng.bytes(1000)])
    elif what == "tab": raw[i:i] = b"\t"
    elif what == "byte order mark": raw = b"\xef\xbb\xbf" + raw
    else: raw = text.encode("utf-16")
    return f"characters: {what}", f"at {i}, line {j + 1}", bytes(raw)


def hostile(text, rng):
    "YAML that is meant to hurt."
    what = choose(rng, ["alias bomb", "deep lists", "deep mappings", "tag", "two documents", "key twice", "long text", "key that is no text", "contains itself"])
    first = next((line.split(":")[0] for line in text.splitlines() if ":" in line and not line.startswith((" ", "-", "#"))), "a")
    new = {"alias bomb": BOMB + text.replace(first + ":", f"{first}: *i\nx:", 1) if rng.random() < .5 else BOMB + f"{first}: *i\n", "deep lists": f"{first}: " + "[" * 3000 + "]" * 3000,
           "deep mappings": f"{first}: " + "{a: " * 2000 + "}" * 2000, "tag": choose(rng, ["!!python/object/apply:os.getcwd []", f"{first}: !!binary aGVsbG8=", f"{first}: !!set {{a}}", f"{first}: !!bool maybe",
           f"{first}: !!int [1]", "!!omap [a: 1]", f"{first}: !foo 5"]), "two documents": text + "\n---\n" + text, "key twice": text + f"\n{first}: 5\n", "long text": text + "\nnote: " + "x" * 10**6,
           "key that is no text": text + choose(rng, ["\n5: a\n", "\non: 5\n", "\n? [1, 2]\n: 3\n", "\nnull: 1\n", "\n1.5: 2\n"]), "contains itself": f"{first}: &a [*a]\n"}[what]
    return f"YAML: {what}", "", new.encode()


def mutate_yaml(text, rng):
    "Class of mutation, what was done, and the changed file."
    content, way = yaml.safe_load(text), rng.random()
    if way < .6:
        group, told, content = yaml_content(content, rng)
        return group, told, yaml.safe_dump(content, sort_keys=False, allow_unicode=True).encode()
    if way < .7 and (found := number_text(content, text, rng)): return found[0], found[1], found[2].encode()
    return hostile(text, rng) if way < .82 else characters(text, rng)


def mutate_cells(text, rng, separator):
    "A text table with one cell, row or column changed."
    lines = text.splitlines()
    rows = [i for i, line in enumerate(lines) if not line.startswith("#") and line.strip()]
    i, what = choose(rng, rows), choose(rng, ["cell", "cell", "cell", "row dropped", "row twice", "rows exchanged", "column dropped", "cell dropped"])
    cells = [line.split(separator) for line in lines]
    inner = [j for j, c in enumerate(cells[i]) if c.strip()]
    j, k = choose(rng, inner), choose(rng, rows)
    told = f"line {i + 1} cell {j}: {cells[i][j].strip()!r:.40}"
    if what == "cell":
        new = choose(rng, ["nan", "inf", "-1", "0", "1e300", "many", "", "1,5", "True", "[1,2]", "1 TeV", "-1e-30", "--", "'", "\xe9", "9" * 400])
        cells[i][j], what = new, "cell senseless"
        told += f" -> {new:.20}"
    elif what == "row dropped": del cells[i]
    elif what == "row twice": cells.insert(i, cells[i])
    elif what == "rows exchanged": cells[i], cells[k] = cells[k], cells[i]
    elif what == "cell dropped": del cells[i][j]
    else: cells = [c[:j] + c[j + 1:] if n in rows else c for n, c in enumerate(cells)]
    return f"table: {what}", told, ("\n".join(separator.join(c) for c in cells) + "\n").encode()
