"The house rules: notebooks are the source and clean, chapters lean downward only, importing is cheap, nothing is undefined."
import ast
import configparser
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
import pytest
import measure
import specnb

ROOT = Path(__file__).parent.parent
CHAPTERS = {f"{p.parent.name[3:]}.{p.stem[3:]}": p for p in sorted((ROOT / "nbs").glob("[0-9][0-9]_*/[0-9][0-9]_*.ipynb"))
            if p.stem != "00_overview"}  # module: notebook, in the order of parts and chapters
ORDER = {chapter: n for n, chapter in enumerate(CHAPTERS)}
PARTS = {p.name[3:]: p for p in sorted((ROOT / "nbs").glob("[0-9][0-9]_*")) if p.is_dir()}
HEAVY = {"numpy", "astropy", "scipy", "matplotlib", "iminuit", "regions", "yaml", "pydantic", "typer", "rich", "tqdm", "pooch", "nbconvert"}
TOOLS = {"nbdev", "fastcore", "execnb", "IPython", "papermill"}


def run(*args, cwd=ROOT):
    "Standard output of a Python process; its error output becomes the assertion message."
    env = {k: v for k, v in os.environ.items() if k != "MPLBACKEND"}  # kernels choose their own, which draws into the notebook
    done = subprocess.run([sys.executable, *args], cwd=cwd, env=env, capture_output=True, text=True)
    assert done.returncode == 0, f"{' '.join(map(str, args))[:300]}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    "The project built again from settings.ini and nbs/ alone."
    folder = tmp_path_factory.mktemp("fresh")
    shutil.copy(ROOT / "settings.ini", folder)
    shutil.copytree(ROOT / "nbs", folder / "nbs", ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
    (folder / "specnb").mkdir()
    run(ROOT / ".ci" / "export.py", cwd=folder)
    return folder


def test_notebooks_are_clean(fresh):
    names = sorted(p.relative_to(fresh) for p in (fresh / "nbs").rglob("*.ipynb"))
    assert [str(n) for n in names if (fresh / n).read_bytes() != (ROOT / n).read_bytes()] == []


def test_package_is_what_the_notebooks_export(fresh):
    here, new = ({str(p.relative_to(f)): p.read_text() for p in (f / "specnb").rglob("*.py*") if p.suffix in (".py", ".pyi")}
                 for f in (ROOT, fresh))
    for face in (here.pop("specnb/__init__.py"), new.pop("specnb/__init__.py")): assert f'__version__ = "{specnb.__version__}"' in face
    assert sorted(here) == sorted(new)
    assert [n for n in here if here[n] != new[n]] == []


def test_readme_is_what_the_index_gives(fresh):
    nbconvert = ("-m", "nbconvert", "--log-level", "ERROR", "--to")
    run(*nbconvert, "notebook", "--execute", "--output-dir", ".", "--output", "executed", "nbs/index.ipynb", cwd=fresh)
    run(*nbconvert, "markdown", "--output-dir", ".", "--output", "README",
        "--TagRemovePreprocessor.remove_input_tags=remove-input", "executed.ipynb", cwd=fresh)
    assert (fresh / "README.md").read_text() == (ROOT / "README.md").read_text()
    pictures = re.findall(r"\]\((README_files/[^)]*)\)", (ROOT / "README.md").read_text())
    assert pictures and all((ROOT / p).exists() for p in pictures)


def imports_of(chapter):
    "Chapters that a chapter imports, wherever in its module, and the names it takes from each."
    tree = ast.parse((ROOT / "specnb").joinpath(*chapter.split(".")).with_suffix(".py").read_text())
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level:
            above = ["specnb", *chapter.split(".")][:-node.level]
            module = ".".join([*above, node.module or ""]).removeprefix("specnb").strip(".")
            found.setdefault(module, []).extend(a.name for a in node.names)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "specnb":
            found.setdefault(node.module.removeprefix("specnb").strip("."), []).extend(a.name for a in node.names)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and re.fullmatch(r"specnb\.\w+\.\w+", node.value):
            found.setdefault(node.value.removeprefix("specnb."), [])
    return found


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_imports_point_downward(chapter):
    "A part imports only from earlier parts, a chapter only from earlier chapters of its part; a circle is impossible."
    found = imports_of(chapter)
    assert set(found) <= set(ORDER), "an import names a chapter"
    assert {c for c in found if ORDER[c] >= ORDER[chapter]} == set()
    assert [c for c, names in found.items() if "*" in names] == []


def test_parts_are_ordered_folders():
    "Each part begins with a page that exports nothing and says what goes in and what comes out, with a picture."
    assert list(PARTS) == ["base", "data", "regions", "models", "stats", "makers", "simulate", "fit", "flux_points", "light_curves", "detection", "analysis",
                           "sweeps", "command_line"]
    assert sorted(p.name for p in (ROOT / "nbs").glob("*.ipynb")) == ["benchmarks.ipynb", "coming_from_gammapy.ipynb", "index.ipynb", "validation.ipynb"]


def test_private_names_stay_in_their_chapter():
    "A leading underscore means private to the chapter; what other chapters need has none."
    found = {c: [f"{home}.{n}" for home, names in imports_of(c).items() for n in names if n.startswith("_")] for c in CHAPTERS}
    assert {c: names for c, names in found.items() if names} == {}


@pytest.mark.parametrize("part", PARTS)
def test_parts_begin_with_a_page(part):
    "What goes in and comes out, with a picture; nothing is exported, and every chapter is named."
    path = PARTS[part] / "00_overview.ipynb"
    text = path.read_text()
    assert "default_exp" not in text and "#| export" not in text and '"image/png"' in text
    source = "".join(x for c in json.loads(text)["cells"] for x in c["source"])
    assert re.match(r"# .+\n\n> .+", source)
    assert [p.name for p in sorted(PARTS[part].glob("[0-9]*.ipynb"))[1:] if f"({p.name})" not in source] == []


def test_prose_names_chapters_that_exist():
    known = {*CHAPTERS, *(c.split(".")[1] for c in CHAPTERS)}
    texts = {p.name: "".join(x for c in json.loads(p.read_text())["cells"] for x in c["source"]) for p in (ROOT / "nbs").rglob("*.ipynb")}
    found = {name: re.findall(r"chapters?\s`([\w.]+)`", text) for name, text in texts.items()}
    assert sum(map(len, found.values())) > 20
    assert {name: wrong for name, names in found.items() if (wrong := [n for n in names if n not in known])} == {}


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_cells_keep_their_form(chapter):
    "Lines, functions and one-line bodies of a length that a reader can take; no class cut into mixins."
    assert measure.measure(CHAPTERS[chapter])["faults"] == []


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_chapters_keep_their_form(chapter):
    "Title and one sentence, default_exp alone and named as the file."
    source = ["".join(c["source"]) for c in json.loads(CHAPTERS[chapter].read_text())["cells"]]
    assert re.match(r"# .+\n\n> .+", source[0]), source[0][:80]
    assert source[1].strip() == f"#| default_exp {chapter}"


def imported(code):
    "Packages, and chapters of specnb, in memory after `code` ran in a fresh interpreter."
    return set(run("-c", f"{code}\nimport sys; print(*{{m if m.startswith('specnb.') else m.split('.')[0] for m in sys.modules}})").split())


def test_import_specnb_loads_nothing_heavy():
    loaded = imported("import specnb")
    assert loaded & (HEAVY | TOOLS) == set() and not [m for m in loaded if m.startswith("specnb.")]


def test_dir_reads_the_names_without_importing_the_chapters():
    assert imported("import specnb; dir(specnb)") & (HEAVY | TOOLS) == set()


def test_chapters_load_numpy_only():
    "Libraries are imported when they are used; the configuration and the entries of model files are made of pydantic's classes, the command line of typer's."
    def loaded(*others):
        chapters = ", ".join(f"specnb.{c}" for c in ORDER if c != "models.entries" and all(ORDER[c] < ORDER[o] for o in others))
        return imported(f"import {chapters}") & (HEAVY | TOOLS)
    assert loaded("analysis.fields") == {"numpy"}
    assert loaded("command_line.messages") == {"numpy", "pydantic"}
    assert loaded() - {"rich"} == {"numpy", "pydantic", "typer"}  # typer brings rich or not, by its version


def test_every_public_name_is_importable_from_specnb():
    "And seen: by `dir`, by `from specnb import *`, and in the stub that editors and type checkers read."
    from importlib import import_module
    homes = {}
    for chapter in CHAPTERS:
        for name in getattr(import_module(f"specnb.{chapter}"), "__all__", []): homes.setdefault(name, []).append(chapter)
    assert {n: c for n, c in homes.items() if len(c) > 1} == {}, "one name, two chapters"
    assert set(homes) & set(PARTS) == set(), "a part would hide a name of the same spelling"
    assert sorted(homes) == sorted(specnb.__all__) == sorted(dir(specnb))
    for name, (chapter,) in homes.items(): assert getattr(specnb, name) is getattr(import_module(f"specnb.{chapter}"), name)
    everything = {}
    exec("from specnb import *", everything)
    assert set(homes) <= set(everything)
    stub = ast.parse((ROOT / "specnb" / "__init__.pyi").read_text())
    seen = {a.asname: n.module for n in ast.walk(stub) if isinstance(n, ast.ImportFrom) for a in n.names}
    assert seen == {n: c[0] for n, c in homes.items()}
    with pytest.raises(AttributeError, match="nothing"): specnb.nothing


def test_no_undefined_names():
    run("-m", "ruff", "check", "--select", "F", "--no-cache", "--output-format", "concise", "specnb", "tests")


def test_ci_runs_the_commands_of_the_readme():
    "`.ci/run` takes them from README.md; here: they are there, two of them, and need what settings.ini declares."
    commands = re.findall(r"^```sh\n(.*?)^```", (ROOT / "README.md").read_text(), re.M | re.S)
    lines = [x for c in commands for x in c.splitlines()]
    assert len(lines) == 2 and lines[0].endswith("specnb run") and "pytest" in lines[1]
    assert "README.md" in (ROOT / ".ci" / "run").read_text()
    settings = configparser.ConfigParser()
    settings.read(ROOT / "settings.ini")
    assert settings["DEFAULT"]["console_scripts"] == "specnb=specnb.command_line.start:main" and "papermill" in settings["DEFAULT"]["notebooks_requirements"] and "[notebooks]" in lines[0]
    assert "pytest" in settings["DEFAULT"]["dev_requirements"] and "papermill" in settings["DEFAULT"]["dev_requirements"]


@pytest.mark.parametrize("path", sorted((ROOT / "nbs").rglob("*.ipynb")), ids=lambda p: p.stem)
def test_outputs_are_those_of_a_clean_run(path):
    "No error, no warning, no path, address or random number of one run; small enough to read and review."
    outputs = [o for c in json.loads(path.read_text())["cells"] for o in c.get("outputs", [])]
    assert not [o for o in outputs if o["output_type"] == "error" or o.get("name") == "stderr"]
    texts = ["".join(t) for o in outputs for k, t in {"text": o.get("text", ""), **o.get("data", {})}.items() if not k.startswith("image")]
    assert not [t[:200] for t in texts if re.search(r"\b0x[0-9a-f]{6,}|<table id=|(^|[\s\"'(])/(home|root|tmp|work|Users|usr)/", t)]
    assert path.stat().st_size < 1_000_000
