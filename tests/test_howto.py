"""Each how-to runs, with its parameters and with others, keeps its form, and names commands and keys that exist.

The cells run in this process, in an empty folder, one notebook after the other with its own variables: the package is loaded once.
"""
import ast
import json
import re
import shlex
from io import StringIO
from contextlib import redirect_stdout
from pathlib import Path
import matplotlib
import matplotlib.pyplot as plt
import pytest
import specnb
from specnb import AnalysisConfig
from specnb.analysis.fields import parse_setting

NBS = Path(__file__).parent.parent / "nbs"
HOWTO = sorted((NBS / "howto").glob("*.ipynb"))
IDS = [p.stem for p in HOWTO]


def cells(path, kind="code"):
    "Cells of one kind as (source, cell)."
    return [("".join(c["source"]), c) for c in json.loads(path.read_text(encoding="utf-8"))["cells"] if c["cell_type"] == kind]


def is_parameters(cell): return "parameters" in cell["metadata"].get("tags", [])


def shown(code):
    "Code whose last expression, if no semicolon follows it, is shown as a notebook would."
    tree = ast.parse(code)
    if tree.body and isinstance(tree.body[-1], ast.Expr) and not code.rstrip().endswith(";"):
        last = tree.body[-1]
        last.value = ast.copy_location(ast.Call(ast.Name("show_value", ast.Load()), [last.value], []), last.value)
    return ast.fix_missing_locations(tree)


def show_value(x):
    "Both texts of a value."
    print(repr(x), getattr(x, "_repr_html_", str)())


def run(path, folder, **parameters):
    "The variables that the cells of a notebook leave behind; `parameters` take the place of those it has, as with papermill."
    names = {"__name__": "__main__", "show_value": show_value}
    with pytest.MonkeyPatch.context() as patch, matplotlib.rc_context(), redirect_stdout(StringIO()):
        patch.chdir(folder)
        patch.setattr("tempfile.tempdir", str(folder))
        plt.switch_backend("agg")
        for i, (source, cell) in enumerate(cells(path)):
            exec(compile(shown(source), f"{path.name}, code cell {i}", "exec"), names)
            if is_parameters(cell):
                assert set(parameters) <= set(names), "an unknown parameter"
                names.update(parameters)
            for number in plt.get_fignums():
                plt.figure(number).canvas.draw()
            plt.close("all")
    return names


@pytest.mark.parametrize("path", HOWTO, ids=IDS)
def test_howto_runs(path, tmp_path): run(path, tmp_path)


@pytest.mark.parametrize("path", HOWTO, ids=IDS)
def test_howto_keeps_its_form(path):
    "One title with its sentence, parameters that are literals, alternative texts, links, and assertions only in the last cell, hidden."
    texts = [source for source, _ in cells(path, "markdown")]
    assert re.match(r"# .+\n\n> .+", texts[0]) and sum(len(re.findall(r"^# ", t, re.M)) for t in texts) == 1
    assert "## See also" in texts[-1]
    code = cells(path)
    parameters = [source for source, cell in code if is_parameters(cell)]
    assert len(parameters) == 1
    for statement in ast.parse(parameters[0]).body: ast.literal_eval(statement.value)
    last, cell = code[-1]
    assert last.startswith("#| hide\n") and "assert " in last and cell["metadata"].get("jupyter") == {"source_hidden": True}
    assert [s[:60] for s, _ in code[:-1] if re.search(r"^\s*assert |test_eq|test_close", s, re.M)] == []
    assert [s[:60] for s, c in code if "image/png" in json.dumps(c["outputs"]) and "#| fig-alt: " not in s] == []


@pytest.mark.parametrize("path", HOWTO, ids=IDS)
def test_howto_links_to_pages_that_exist(path):
    links = [x for source, _ in cells(path, "markdown") for x in re.findall(r"\]\(([^)#]+\.ipynb)", source)]
    assert links and [x for x in links if not (path.parent / x).exists()] == []


def blocks(path):
    "Fenced blocks as (language, text)."
    return [b for source, _ in cells(path, "markdown") for b in re.findall(r"^```(\w+)\n(.*?)^```$", source, re.M | re.S)]


def commands(path):
    "Arguments of each call of specnb in the blocks of a notebook."
    joined = (text.replace("\\\n", " ") for language, text in blocks(path) if language in ("sh", "bash", "console"))
    return [shlex.split(line, comments=True)[1:] for text in joined for line in text.splitlines() if re.match(r"specnb ", line)]


def test_commands_of_the_howtos_exist():
    "Every option is one of the command's, every key is one of the configuration's."
    import typer
    from specnb.command_line.cli import app
    main, seen = typer.main.get_command(app), 0
    for path in HOWTO:
        for name, *rest in commands(path):
            context = main.commands[name].make_context(name, list(rest))
            AnalysisConfig().with_settings(dict(map(parse_setting, context.params.get("settings") or [])))
            seen += 1
    assert seen


@pytest.mark.parametrize("path", HOWTO, ids=IDS)
def test_configurations_of_the_howtos_are_read(path):
    for language, text in blocks(path):
        if language == "yaml": AnalysisConfig.from_yaml(text)


@pytest.mark.parametrize("path", HOWTO, ids=IDS)
def test_scripts_of_the_howtos_are_python(path):
    "Blocks of Python compile, and what they take from specnb is there; a hidden cell that holds the script of a block holds the same one."
    code = "\n".join(source for source, _ in cells(path))
    for text in (text for language, text in blocks(path) if language == "python"):
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ImportFrom) and node.module == "specnb":
                assert [a.name for a in node.names if not hasattr(specnb, a.name)] == []
        assert "SCRIPT = " not in code or text in code
