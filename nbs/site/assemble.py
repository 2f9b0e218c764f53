"""Sources of the site from the notebooks: `python nbs/site/assemble.py FOLDER` in the project's folder.

The notebooks keep their place and their stored outputs. Cells that only check or set up go, directives become what Sphinx knows,
every folder gets its table of contents, every public name a page, every library a list of the names that links lead to.
"""
import ast
import configparser
import copy
import importlib
import inspect
import re
import shutil
import sys
import textwrap
from functools import cache
from pathlib import Path
import nbformat
import sphobjinv
from numpydoc.docscrape_sphinx import SphinxDocString

NBS = Path(__file__).resolve().parent.parent
DIRECTIVE = re.compile(r"^#\|\s*(\w[\w-]*):?\s*(.*)$")
SHOWN = {"image/png", "image/svg+xml", "text/html", "text/markdown", "text/latex", "text/plain"}
BESIDE = {"coming_from_gammapy": "From Gammapy", "validation": "Checked numbers", "benchmarks": "Performance", "changelog": "Changes", "contributing": "Contributing"}
LIBRARIES = {  # modules whose public names are linked, and the address of a name in each library's documentation
    "numpy": (["numpy", "numpy.random", "numpy.linalg", "numpy.typing"], "reference/generated/{0}.html"),
    "scipy": (["scipy.interpolate", "scipy.optimize", "scipy.stats", "scipy.special", "scipy.integrate", "scipy.ndimage", "scipy.linalg"],
              "reference/generated/{0}.html"),
    "astropy": (["astropy.units", "astropy.coordinates", "astropy.table", "astropy.time", "astropy.io.fits", "astropy.wcs",
                 "astropy.cosmology"], "api/{0}.html#{0}"),
    "regions": (["regions"], "api/{0}.html#{0}"),
    "iminuit": (["iminuit", "iminuit.cost"], "reference.html#{0}"),
    "matplotlib": (["matplotlib.pyplot", "matplotlib.axes", "matplotlib.figure", "matplotlib.colors", "matplotlib.ticker"],
                   "api/_as_gen/{0}.html"),
}
METHODS = {"matplotlib.axes.Axes": "api/_as_gen/{0}.html", "iminuit.Minuit": "reference.html#{0}",
           "astropy.units.Quantity": "api/astropy.units.Quantity.html#{0}"}


def write(path, text):
    "Write a file if it is new or has changed, so that only what changed is built again."
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")
    return path


# Notebooks

@cache
def read(path):
    "A notebook, read once; whoever changes it takes a copy."
    return nbformat.read(path, 4)


def directives(source):
    "The `#|` lines of a cell as a dictionary, and the cell without them."
    found, rest = {}, []
    for line in source.splitlines():
        match = DIRECTIVE.match(line)
        if match:
            found[match[1]] = match[2]
        else:
            rest.append(line)
    return found, "\n".join(rest).strip("\n")


def imports_only(source):
    "Whether a cell holds imports and nothing else."
    try:
        body = ast.parse(source).body
    except SyntaxError:
        return False
    return bool(body) and all(isinstance(x, (ast.Import, ast.ImportFrom)) for x in body)


def prepare_code(cell, diagrams_only=False):
    "A code cell as the site shows it; None if it shows nothing. With `diagrams_only` the code that draws a diagram is not shown."
    found, cell.source = directives(cell.source)
    if "hide" in found or "notebook-only" in cell.metadata.get("tags", []) or not (cell.source.strip() or cell.outputs):
        return None
    tags, style = list(cell.metadata.get("tags", [])), {}
    if {"export", "exporti"} & set(found):
        tags.append("exported")
    if "hide_input" in found or (diagrams_only and "plot_flow(" in cell.source):
        tags.append("remove-input")
    if "hide_output" in found:
        tags.append("remove-output")
    if found.get("code-fold") == "true":
        tags.append("hide-cell")
        style |= {"code_prompt_show": found.get("code-summary", "Show"), "code_prompt_hide": found.get("code-summary", "Hide")}
    elif imports_only(cell.source) and not cell.outputs:
        tags.append("hide-input")
        style |= {"code_prompt_show": "Imports", "code_prompt_hide": "Imports"}
    if "fig-alt" in found:
        style["image"] = {"alt": found["fig-alt"]}
    for output in cell.outputs:
        if "data" in output:
            output.data = {k: v for k, v in output.data.items() if k in SHOWN}
    cell.outputs = [o for o in cell.outputs if "data" not in o or o.data]
    cell.metadata = nbformat.from_dict({"tags": tags} | ({"mystnb": style} if style else {}))
    return cell


def prepare(notebook, below=()):
    "A notebook as the site shows it, with a table of contents of the pages `below` it."
    notebook, cells = copy.deepcopy(notebook), []
    for cell in notebook.cells:
        shown = prepare_code(cell, bool(below)) if cell.cell_type == "code" else cell
        if shown is not None:
            cells.append(shown)
    if below:
        cells.append(nbformat.v4.new_markdown_cell(contents(below), id="contents"))
    notebook.cells = cells
    notebook.metadata = nbformat.from_dict({"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
                                            "language_info": {"name": "python", "pygments_lexer": "ipython3"}})
    return notebook


def contents(pages, hidden=True, caption="", depth=1):
    "A table of contents in MyST."
    options = [":hidden:"] * hidden + [f":caption: {caption}"] * bool(caption) + [f":maxdepth: {depth}"]
    return "\n".join(["```{toctree}", *options, "", *pages, "```"])


def head(path):
    "Title and first sentence of a notebook."
    text = read(path).cells[0].source
    title = re.match(r"# (.+)", text)
    subtitle = re.search(r"^> .+(?:\n> .+)*", text, re.M)
    return title[1] if title else path.stem, re.sub(r"\s*^> ", " ", subtitle[0], flags=re.M).strip() if subtitle else ""


def parts():
    "Folders of the book in their order."
    return sorted(p for p in NBS.glob("[0-9][0-9]_*") if p.is_dir())


def chapters(part):
    "Chapters of a part without its overview."
    return [p for p in sorted(part.glob("[0-9]*.ipynb")) if not p.stem.startswith("00_")]


def listing(paths):
    "A list of pages with their first sentences."
    lines = []
    for path in paths:
        title, sentence = head(path)
        lines.append(f"- [{title}]({path.relative_to(NBS).as_posix()}){': ' + sentence if sentence else ''}")
    return "\n".join(lines)


# API pages

def public():
    "Public names with their part, chapter, the heading they stand under, and whether they are classes."
    import specnb
    names = {}
    for part in parts():
        for path in chapters(part):
            heading = ""
            for cell in read(path).cells:
                if cell.cell_type == "markdown":
                    heads = re.findall(r"^#{2,} (.+)$", cell.source, re.M)
                    heading = heads[-1] if heads else heading
                elif "export" in directives(cell.source)[0]:
                    for name in defined(cell.source):
                        if name in specnb.__all__:
                            names[name] = (part, path, heading)
    missing = set(specnb.__all__) - set(names)
    if missing:
        raise SystemExit(f"public names that no chapter's cell defines: {', '.join(sorted(missing))}")
    return names


def defined(source):
    "Names that a cell defines at its top level."
    names = []
    for node in ast.parse(directives(source)[1]).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            names.append(node.name)
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                names += [x.id for x in ast.walk(target) if isinstance(x, ast.Name)]
    return names


def page_name(name, names):
    "File of a name; functions that differ from a class by case alone get a file of their own on every file system."
    twin = any(n != name and n.lower() == name.lower() for n in names)
    return f"{name}-function" if twin and name[0].islower() else name


def slug(heading):
    "Anchor of a heading, as MyST makes it."
    return re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")


def remarks(name, path):
    "Docstring of a constant: the comment `#: ...` above its assignment in a chapter."
    sources = "\n".join(c.source for c in read(path).cells if c.cell_type == "code")
    found = re.search(rf"((?:^#:.*\n)+)^{name}\b", sources, re.M)
    return re.sub(r"^#: ?", "", found[1], flags=re.M).strip() if found else ""


def entry(name, where):
    "Page of one public name."
    import specnb
    part, path, heading = where
    thing, title = getattr(specnb, name), head(path)[0]
    place = f"../{path.relative_to(NBS).with_suffix('.html').as_posix()}" + (f"#{slug(heading)}" if heading else "")
    if inspect.isclass(thing):
        related = any(b.__name__ in specnb.__all__ for b in thing.__mro__[1:])
        kind, options = "autoclass", ["   :members:"] + ["   :show-inheritance:"] * related
    elif callable(thing):
        kind, options = "autofunction", []
    elif text := remarks(name, path):
        kind, options = "py:data", ["", *textwrap.indent(str(SphinxDocString(text)), "   ").splitlines()]
    else:
        kind, options = "autodata", ["   :no-value:"]
    more = inherited(thing) if inspect.isclass(thing) else []
    return "\n".join([name, "=" * len(name), "", ".. currentmodule:: specnb", "", f".. {kind}:: {name}", *options, "", *more, ".. admonition:: In the book",
                      "   :class: seealso", "", f"   ``{name}`` is told in the chapter `{title}{', ' + heading if heading else ''} <{place}>`__.", ""])


def inherited(thing):
    "Public methods and properties from the public classes that a class comes from, one line a class."
    import specnb
    seen, lines = set(vars(thing)), []
    for base in thing.__mro__[1:]:
        own = [n for n in vars(base) if not n.startswith("_") and n not in seen]
        seen |= set(own)
        if own and base.__name__ in specnb.__all__:
            lines.append(f"From `{base.__name__}`: " + ", ".join(f"`~specnb.{base.__name__}.{n}`" for n in own) + ".")
    return [x for line in lines for x in (line, "")]


def summary(name, path):
    "First sentence of a name's docstring."
    import specnb
    text = inspect.getdoc(getattr(specnb, name)) or ""
    if type(getattr(specnb, name)) in (float, str, dict, tuple, list):
        text = remarks(name, path)
    return " ".join(text.split("\n\n")[0].split()).replace("|", "\\|")


def api(folder):
    "Pages of all public names, one list a part, and the first page of the API."
    names = public()
    groups = {}
    for name, (part, path, _) in names.items():
        groups.setdefault(part, {}).setdefault(path, []).append(name)
    for name, where in names.items():
        write(folder / "api" / f"{page_name(name, names)}.rst", entry(name, where))
    blocks = []
    for part, by_chapter in groups.items():
        title, sentence = head(part / "00_overview.ipynb")
        lines = [f"# {title}", "", sentence, ""]
        for path, group in by_chapter.items():
            lines += [f"## {head(path)[0]}", "", "| | |", "|---|---|",
                      *(f"| [`{n}`]({page_name(n, names)}.rst) | {summary(n, path)} |" for n in sorted(group)), ""]
        ordered = sorted((page_name(n, names) for group in by_chapter.values() for n in group), key=str.lower)
        write(folder / "api" / f"{part.name[3:]}.md", "\n".join([*lines, contents(ordered)]) + "\n")
        blocks += [f"## [{title}]({part.name[3:]}.md)", "", sentence, "",
                   " · ".join(f"[`{n}`]({page_name(n, names)}.rst)" for n in sorted((n for g in by_chapter.values() for n in g), key=str.lower)), ""]
    text = ["# API", "", f"The {len(names)} public names by part; all of them are imported from `specnb` itself. Each has a page with its arguments, units, "
            "what it raises, and an example.", "", *blocks, contents([p.name[3:] for p in groups])]
    write(folder / "api" / "index.md", "\n".join(text) + "\n")
    return {n: f"api/{page_name(n, names)}" for n in names}


# Names of other libraries

def inventory(library):
    "Names of a library's documentation that links lead to, from the installed package."
    modules, address = LIBRARIES[library]
    objects = []
    for module_name in modules:
        module = importlib.import_module(module_name)
        for name in sorted(getattr(module, "__all__", None) or [n for n in dir(module) if not n.startswith("_")]):
            thing = getattr(module, name, None)
            full = f"{module_name}.{name}"
            if inspect.isclass(thing) or callable(thing):
                role = "class" if inspect.isclass(thing) else "function"
                objects.append((full, role, address.format(full)))
            if full in METHODS:
                objects += [(f"{full}.{m}", "method", METHODS[full].format(f"{full}.{m}")) for m in dir(thing) if not m.startswith("_")]
    made = sphobjinv.Inventory()
    made.project, made.version = library, ""
    made.objects += [sphobjinv.DataObjStr(name=n, domain="py", role=r, priority="1", uri=uri, dispname="-") for n, r, uri in objects]
    return sphobjinv.compress(made.data_file())


def inventories(folder):
    "One `objects.inv` a library."
    folder.mkdir(parents=True, exist_ok=True)
    for library in LIBRARIES:
        (folder / f"{library}.inv").write_bytes(inventory(library))


# All of it

def book(folder):
    "The chapters by part."
    lines = ["# The book", "", "> The package is its notebooks: each chapter is a module, with formulas, reasons, code, and beside the code what it does.", "",
             "A part uses only the parts before it, and begins with a page that says what goes in and what comes out. Code that belongs to the "
             "package has a line on its left; everything else is example, and its results are stored with it.", ""]
    for part in parts():
        title, sentence = head(part / "00_overview.ipynb")
        lines += [f"## [{title}]({part.name}/00_overview.ipynb)", "", sentence, "", listing(chapters(part)), ""]
    write(folder / "book.md", "\n".join([*lines, contents([f"{p.name}/00_overview" for p in parts()])]) + "\n")


def collection(folder, name, title, text):
    "Page of a folder of notebooks: its title, a text, and its notebooks with their first sentences."
    paths = sorted((NBS / name).glob("[0-9]*.ipynb"))
    lines = [f"# {title}", "", text, "", "\n".join(f"- [{head(p)[0]}]({p.name}): {head(p)[1]}" for p in paths), "", contents([p.stem for p in paths])]
    write(folder / name / "index.md", "\n".join(lines) + "\n")


def front(folder):
    "The first page, with the README's first command and picture, and the pages that stand beside the book."
    settings = configparser.ConfigParser(delimiters=["="])
    settings.read(NBS.parent / "settings.ini", encoding="utf-8")
    for name in ("CHANGELOG", "CONTRIBUTING"):
        write(folder / f"{name.lower()}.md", (NBS.parent / f"{name}.md").read_text(encoding="utf-8"))
    beside = [f"{title} <{name}>" for name, title in BESIDE.items()]
    command = re.search(r"^```sh\n(.+?)\n```", (NBS.parent / "README.md").read_text(encoding="utf-8"), re.M | re.S)[1]
    text = (NBS / "site" / "index.md").read_text(encoding="utf-8")
    for mark, value in {"command": command, "repository": settings["DEFAULT"]["git_url"], "pages": "\n".join(beside)}.items():
        text = text.replace("{{ " + mark + " }}", value)
    write(folder / "index.md", text)
    shutil.copyfile(NBS.parent / "README_files" / "README_1_0.png", folder / "picture.png")


def notebooks(folder):
    "Every notebook at its place."
    for part in parts():
        for path in sorted(part.glob("[0-9]*.ipynb")):
            below = [p.stem for p in chapters(part)] if path.stem.startswith("00_") else ()
            write(folder / path.relative_to(NBS), nbformat.writes(prepare(read(path), below)))
    for path in [*sorted(NBS.glob("tutorials/*.ipynb")), *sorted(NBS.glob("howto/*.ipynb")),
                 *(p for p in sorted(NBS.glob("*.ipynb")) if p.stem != "index")]:
        write(folder / path.relative_to(NBS), nbformat.writes(prepare(read(path))))


def assemble(folder):
    "Everything that Sphinx reads, below one folder."
    folder = Path(folder)
    for path in sorted((NBS / "site").rglob("*")):
        if path.suffix in (".css", ".js", ".svg", ".html"):
            target = folder / path.relative_to(NBS / "site")
            target.parent.mkdir(parents=True, exist_ok=True)
            if not target.exists() or target.read_bytes() != path.read_bytes():
                shutil.copyfile(path, target)
    front(folder)
    notebooks(folder)
    book(folder)
    collection(folder, "tutorials", "Tutorials", "Whole analyses, each a notebook with parameters that runs on simulated data as it stands.")
    collection(folder, "howto", "How-to", "One question, one short notebook: in Python and, where there is one, on the command line.")
    inventories(folder / "inventories")
    api(folder)


if __name__ == "__main__":
    sys.path.insert(0, str(NBS.parent))
    assemble(sys.argv[1])
