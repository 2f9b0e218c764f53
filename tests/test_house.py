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
import specnb

ROOT = Path(__file__).parent.parent
NUMBER = {p.stem[3:]: int(p.stem[:2]) for p in (ROOT / "nbs").glob("[0-9][0-9]_*.ipynb")}
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
    run("-c", "from nbdev.clean import nbdev_clean; from nbdev.doclinks import nbdev_export; nbdev_clean(); nbdev_export()",
        cwd=folder)
    return folder


def test_notebooks_are_clean(fresh):
    names = sorted(p.relative_to(fresh) for p in (fresh / "nbs").rglob("*.ipynb"))
    assert [str(n) for n in names if (fresh / n).read_bytes() != (ROOT / n).read_bytes()] == []


def test_package_is_what_the_notebooks_export(fresh):
    here, new = ({p.name: p.read_text() for p in (f / "specnb").glob("*.py")} for f in (ROOT, fresh))
    for face in (here.pop("__init__.py"), new.pop("__init__.py")): assert f'__version__ = "{specnb.__version__}"' in face
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


@pytest.mark.parametrize("chapter", sorted(NUMBER))
def test_imports_point_downward(chapter):
    text = (ROOT / "specnb" / f"{chapter}.py").read_text()
    nodes = [n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.ImportFrom)]
    used = {n.module for n in nodes if n.level == 1} | {n.module.split(".")[1] for n in nodes if re.match(r"specnb\.", n.module or "")}
    used |= set(re.findall(r"""["']specnb\.(\w+)["']""", text))
    assert {u for u in used if NUMBER[u] >= NUMBER[chapter]} == set()
    assert not [n.module for n in nodes if any(a.name == "*" for a in n.names)]


@pytest.mark.parametrize("path", sorted((ROOT / "nbs").glob("[0-9]*.ipynb")), ids=lambda p: p.stem)
def test_chapters_keep_their_form(path):
    "Title and one sentence, default_exp alone and named as the file, and no more than a reader can take."
    cells = json.loads(path.read_text())["cells"]
    source = ["".join(c["source"]) for c in cells]
    assert re.match(r"# .+\n\n> .+", source[0]), source[0][:80]
    assert source[1].strip() == f"#| default_exp {path.stem[3:]}"
    exported = [s for s, c in zip(source, cells) if c["cell_type"] == "code" and re.match(r"#\|\s*exporti?\s", s)]
    lines = sum(len([x for x in s.splitlines()[1:] if x.strip()]) for s in exported)
    assert len(cells) <= 80 and lines <= 350, f"{len(cells)} cells, {lines} exported lines"


def imported(code):
    "Packages, and chapters of specnb, in memory after `code` ran in a fresh interpreter."
    return set(run("-c", f"{code}\nimport sys; print(*{{m if m.startswith('specnb.') else m.split('.')[0] for m in sys.modules}})").split())


def test_import_specnb_loads_nothing_heavy():
    loaded = imported("import specnb")
    assert loaded & (HEAVY | TOOLS) == set() and not [m for m in loaded if m.startswith("specnb.")]


def test_dir_reads_the_names_without_importing_the_chapters():
    assert imported("import specnb; dir(specnb)") & (HEAVY | TOOLS) == set()


def test_chapters_load_numpy_only():
    "Libraries are imported when they are used; the configuration is made of pydantic's classes, the command line of typer's."
    def loaded(*others):
        chapters = ", ".join(f"specnb.{c}" for c in NUMBER if all(NUMBER[c] < NUMBER[o] for o in others))
        return imported(f"import {chapters}") & (HEAVY | TOOLS)
    assert loaded("config_fields") == {"numpy"}
    assert loaded("cli") == {"numpy", "pydantic"}
    assert loaded() - {"rich"} == {"numpy", "pydantic", "typer"}  # typer brings rich or not, by its version


def test_every_public_name_is_importable_from_specnb():
    from importlib import import_module
    homes = {}
    for chapter in NUMBER:
        for name in getattr(import_module(f"specnb.{chapter}"), "__all__", []): homes.setdefault(name, []).append(chapter)
    assert {n: c for n, c in homes.items() if len(c) > 1} == {}, "one name, two chapters"
    assert set(homes) & set(NUMBER) == set(), "a chapter would hide a name of the same spelling"
    assert set(homes) <= set(dir(specnb))
    for name, (chapter,) in homes.items(): assert getattr(specnb, name) is getattr(import_module(f"specnb.{chapter}"), name)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"): specnb.nothing


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
    assert settings["DEFAULT"]["console_scripts"] == "specnb=specnb.cli:main" and "papermill" in settings["DEFAULT"]["requirements"] and "pytest" in settings["DEFAULT"]["dev_requirements"]


@pytest.mark.parametrize("path", sorted((ROOT / "nbs").rglob("*.ipynb")), ids=lambda p: p.stem)
def test_outputs_are_those_of_a_clean_run(path):
    "No error, no warning, no path, address or random number of one run; small enough to read and review."
    outputs = [o for c in json.loads(path.read_text())["cells"] for o in c.get("outputs", [])]
    assert not [o for o in outputs if o["output_type"] == "error" or o.get("name") == "stderr"]
    texts = ["".join(t) for o in outputs for k, t in {"text": o.get("text", ""), **o.get("data", {})}.items() if not k.startswith("image")]
    assert not [t[:200] for t in texts if re.search(r"\b0x[0-9a-f]{6,}|<table id=|(^|[\s\"'(])/(home|root|tmp|work|Users|usr)/", t)]
    assert path.stat().st_size < 1_000_000
