"""Clean the notebooks, export them, and write the stub that tells `specnb/__init__.py`, editors and type checkers every public name.

`python .ci/export.py` in the project's folder, after each change of a notebook. A second run changes nothing.
"""
import ast
import configparser
from pathlib import Path
from nbdev.clean import nbdev_clean
from nbdev.doclinks import nbdev_export


def chapters():
    "Modules of the chapters, in the order of the parts and chapters: `data.events` and so on."
    return [f"{p.parent.name[3:]}.{p.stem[3:]}" for p in sorted(Path("nbs").glob("[0-9][0-9]_*/[0-9][0-9]_*.ipynb"))
            if "#| default_exp" in p.read_text(encoding="utf-8")]


def public_names(chapter):
    "`__all__` of a chapter, read but not imported."
    tree = ast.parse(Path("specnb", *chapter.split(".")).with_suffix(".py").read_text(encoding="utf-8"))
    assigned = [n for n in tree.body if isinstance(n, ast.Assign) and getattr(n.targets[0], "id", "") == "__all__"]
    return sorted(ast.literal_eval(assigned[0].value)) if assigned else []


def stub():
    "Text of `specnb/__init__.pyi`."
    names = {c: public_names(c) for c in chapters()}
    lines = ["# Made by .ci/export.py from the chapters' `__all__`.", "__version__: str", ""]
    for chapter, public in names.items():
        lines += [f"from .{chapter} import {n} as {n}" for n in public]
    every = sorted(n for public in names.values() for n in public)
    return "\n".join([*lines, "", "__all__ = [", *(f'    "{n}",' for n in every), "]", ""])


def export():
    "Clean, export, drop modules whose notebook is gone, write the stub."
    nbdev_clean()
    nbdev_export()
    package = Path("specnb")
    wanted = {package.joinpath(*c.split(".")).with_suffix(".py") for c in chapters()}
    for path in package.glob("*/*.py"):
        if path.name != "__init__.py" and path not in wanted:
            path.unlink()
    for folder in {p.parent for p in package.glob("*/__init__.py")} - {p.parent for p in wanted}:
        (folder / "__init__.py").unlink()
    (package / "__init__.pyi").write_text(stub(), encoding="utf-8")


if __name__ == "__main__":
    settings = configparser.ConfigParser(delimiters=["="])
    if not settings.read("settings.ini"):
        raise SystemExit("no settings.ini here: call this in the project's folder")
    export()
