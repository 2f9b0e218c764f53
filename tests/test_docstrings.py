"""Every public name has an entry that Shift-Tab and the site show: a numpydoc docstring whose example runs.

`python tests/test_docstrings.py [NAME OR CHAPTER OR PART ...]` runs the examples and checks of some names and lists what lacks.
"""
import doctest
import enum
import inspect
import os
import re
import sys
import tempfile
import warnings
from copy import copy
from functools import cache, cached_property
from importlib import import_module
from pathlib import Path
import matplotlib
import numpy as np
import pytest
import specnb

STUB = Path(specnb.__file__).with_suffix(".pyi")
HOME = {name: chapter for chapter, name in re.findall(r"^from \.(\S+) import (\w+) as", STUB.read_text(encoding="utf-8"), re.MULTILINE)}
CHAPTERS = sorted(set(HOME.values()), key=[*HOME.values()].index)


@cache
def constants(chapter):
    "Comments `#: ...` above the assignments of a chapter: the docstrings of constants, as Sphinx reads them."
    source = inspect.getsource(import_module(f"specnb.{chapter}"))
    found = re.findall(r"((?:^#:.*\n)+)^(\w+) *(?::.*)?=", source, re.MULTILINE)
    return {name: re.sub(r"^#: ?", "", text, flags=re.MULTILINE).strip() for text, name in found}


def members(kind):
    "Methods and properties that specnb wrote for a class, or for a class without public name that it inherits from: name -> object."
    found, own = {}, [c for c in kind.__mro__ if c.__module__.startswith("specnb.")]
    for owner in reversed([c for c in own if c is kind or HOME.get(c.__name__) != c.__module__.removeprefix("specnb.")]):
        for name, value in vars(owner).items():
            function = getattr(value, "__func__", value)
            if name.startswith("_") or isinstance(value, enum.Enum) or inspect.isclass(function):
                continue
            if isinstance(value, (property, cached_property)) or inspect.isroutine(function):
                found[name] = value
    return found


@cache
def entries(chapter):
    "Docstrings of a chapter's public names and of their methods: dotted name -> (text, object)."
    found = {}
    for name in [n for n, home in HOME.items() if home == chapter]:
        thing = getattr(specnb, name)
        own = inspect.isclass(thing) or callable(thing) or type(thing).__module__.startswith("specnb.")
        found[name] = (inspect.getdoc(thing) if own else constants(chapter).get(name)) or "", thing
        if not inspect.isclass(thing):
            continue
        for member, value in members(thing).items():
            found[f"{name}.{member}"] = inspect.getdoc(getattr(thing, member) if inspect.isroutine(value) else value) or "", value
            if not found[f"{name}.{member}"][0]:  # a method that a specnb class only states anew
                above = [vars(c)[member] for c in thing.__mro__ if member in vars(c) and c.__module__.startswith("specnb.")]
                found[f"{name}.{member}"] = next(filter(None, map(inspect.getdoc, above)), ""), value
    return found


def lacking(chapter):
    "Names without example, methods and properties without docstring."
    texts = {name: text for name, (text, _) in entries(chapter).items()}
    bare = [f"{name}: no docstring" for name, text in texts.items() if not text.strip()]
    return bare + [f"{name}: no example" for name, text in texts.items() if "." not in name and text.strip() and ">>> " not in text]


def run_example(name, text):
    "Failure of the examples of a docstring, or an empty text; no name is known to them but those they import."
    test = doctest.DocTestParser().get_doctest(text, {"__name__": name}, name, name, 0)
    said, runner = [], doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE, verbose=False)
    np.random.seed(0)
    runner.run(test, out=said.append)
    foreign = [e.source for e in test.examples if "ELLIPSIS" in e.source or "SKIP" in e.source]
    return "".join(said) + (f"{name}: is not checked: {foreign}" if foreign else "")


def run_examples(chapter, folder, only=None):
    "Failures of the examples of a chapter; a warning is a failure."
    import matplotlib.pyplot as plt
    matplotlib.use("Agg")
    here, environment, seen, failures = os.getcwd(), dict(os.environ), set(), []
    try:
        for name, (text, _) in entries(chapter).items():
            if ">>> " not in text or text in seen or only and not (name == only or name.startswith(f"{only}.")):
                continue
            seen.add(text)
            os.chdir(tempfile.mkdtemp(dir=folder))
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                failures.append(run_example(name, text))
            plt.close("all")
    finally:
        os.chdir(here)
        os.environ.clear()
        os.environ.update(environment)
    return [f for f in failures if f]


SECTIONS = ("Parameters", "Returns", "Raises", "See Also", "Notes", "References", "Examples", "Attributes", "Methods", "Warns", "Yields")


def arguments(thing):
    "Names of the arguments of a function or class, without self, cls and stars, and whether there are others (`**kwargs`)."
    function = getattr(thing, "__func__", thing)
    try:
        names = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return [], True
    named = [p.name for p in names if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    named = named[1:] if named[:1] in (["self"], ["cls"]) and not inspect.isclass(function) else named
    return named, any(p.kind == p.VAR_KEYWORD for p in names)


def form_faults(chapter):
    "What numpydoc and docutils find wrong in the docstrings of a chapter."
    docscrape = pytest.importorskip("numpydoc.docscrape", reason="numpydoc (it comes with the site's tools) checks the form")
    found, seen = [], set()
    for name, (text, thing) in entries(chapter).items():
        if text in seen or not text:
            continue
        seen.add(text)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                parsed = docscrape.NumpyDocString(text)
        except Exception as error:
            found.append(f"{name}: {error}")
            continue
        found += [f"{name}: unknown section {title!r}" for title in re.findall(r"^(\S.*)\n[-=~]{3,}$", text, re.MULTILINE) if title not in SECTIONS]
        found += [f"{name}: {fault}" for fault in _parameter_faults(parsed, thing) + _text_faults(parsed)]
        found += [f"{name}: See Also names {other}, which there is not" for names, _ in parsed["See Also"] for other, _ in names if not _exists(other)]
    return found


def _exists(name):
    "Whether specnb has a public name or method, or a library has such a name."
    owner, _, rest = name.partition(".")
    thing = specnb if owner in specnb.__all__ else sys.modules.get(owner)
    for part in (name if thing is specnb else rest).split("."):
        thing = getattr(thing, part, None)
    return thing is not None


def _parameter_faults(parsed, thing):
    "Documented parameters that the signature does not have, or has in another order, or has besides."
    documented = [n.strip() for p in parsed["Parameters"] for n in p.name.split(",")]
    documented = [n for n in documented if not n.startswith("*") and "\\*" not in n]
    expected, open_ended = arguments(thing)
    faults = []
    if documented and (lacks := [n for n in expected if n not in documented]):
        faults.append(f"Parameters lacks {', '.join(lacks)}")
    if not open_ended and (unknown := [n for n in documented if n not in expected]):
        faults.append(f"Parameters has {', '.join(unknown)}, which the signature does not have: {', '.join(expected)}")
    both = [n for n in documented if n in expected]
    if documented and both != [n for n in expected if n in documented]:
        faults.append(f"Parameters are in another order than in the signature: {', '.join(expected)}")
    return faults


class _Reporter:
    "Keeps what docutils complains about."
    def __init__(self): self.said = []
    def write(self, text): self.said.append(text.strip())


def _rest(parsed):
    "A parsed docstring as one text that reStructuredText understands, much as the site renders it."
    lines = [*parsed["Summary"], "", *parsed["Extended Summary"], ""]
    for title in ("Parameters", "Attributes", "Methods", "Returns", "Yields", "Raises", "Warns"):
        for p in parsed[title]:
            name = p.name.replace("*", "\\*").replace("_,", "\\_,").removesuffix("_")
            lines += [f"- {name} : {p.type}", "", *(f"  {x}" for x in p.desc), ""]
    for title in ("Notes", "References", "Examples"):
        lines += ["", *parsed[title], ""]
    return re.sub(r":(?:py:)?(?:mod|class|func|meth|attr|obj|data|doc|ref|exc):(?=`)", "", "\n".join(lines))


@cache
def _settings():
    "Settings of docutils, made once: reading its options takes longer than a docstring."
    frontend = pytest.importorskip("docutils.frontend", reason="docutils (it comes with the site's tools) checks the form")
    from docutils.parsers.rst import Parser
    from docutils.readers.standalone import Reader
    from docutils.writers.null import Writer
    settings = frontend.get_default_settings(Parser, Reader, Writer)
    settings.report_level, settings.halt_level, settings.raw_enabled, settings.file_insertion_enabled = 2, 5, False, False
    return settings


def _text_faults(parsed):
    "What docutils finds wrong in a docstring."
    settings, reporter = copy(_settings()), _Reporter()
    settings.warning_stream = reporter
    from docutils.core import publish_doctree
    publish_doctree(_rest(parsed), settings=settings)
    return [" ".join(said.split()) for said in reporter.said]


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_examples_run(chapter, tmp_path):
    "The examples of each public name and its methods print what they say."
    failures = run_examples(chapter, tmp_path)
    assert not failures, "\n".join(failures)


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_entries_have_their_form(chapter):
    "Sections that numpydoc knows, the parameters of the signature, valid reST: so the site builds without warnings."
    faults = form_faults(chapter)
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_nothing_lacks_an_entry(chapter):
    "Each public name has an example, each of its methods and properties a docstring."
    assert lacking(chapter) == []


def test_paste_ready():
    "Each example imports what it uses of specnb, so that it can be pasted; nothing of other packages' private parts."
    texts = {name: text for chapter in CHAPTERS for name, (text, _) in entries(chapter).items() if ">>> " in text}
    assert [name for name, text in texts.items() if "import" not in text] == []
    assert [name for name, text in texts.items() if re.search(r">>> .*(import _|specnb\.\w+\.\w+ import|gammapy)", text)] == []


def main(wanted):
    "Print what is wrong or lacks, of some names, chapters or parts (default: all)."
    wrong = []
    for chapter in CHAPTERS:
        names = [w for w in wanted if HOME.get(w.split(".")[0]) == chapter]
        if wanted and not names and not {chapter, chapter.split(".")[0], chapter.split(".")[1]} & set(wanted):
            continue
        with tempfile.TemporaryDirectory() as folder:
            failures = [f for n in names or [None] for f in run_examples(chapter, folder, n)]
        said = failures + [line for line in form_faults(chapter) + lacking(chapter)
                           if not names or line.startswith(tuple(f"{n}{end}" for n in names for end in ".:"))]
        print(*(f"[{chapter}] {line}" for line in said), sep="\n", end="\n" if said else "")
        wrong += said
    every = {name: text for chapter in CHAPTERS for name, (text, _) in entries(chapter).items()}
    names = {n: t for n, t in every.items() if "." not in n}
    print(f"{len(wrong)} faults here; of {len(names)} names {sum('>>> ' in t for t in names.values())} have an example, "
          f"of {len(every) - len(names)} methods and properties {sum(bool(t) for n, t in every.items() if '.' in n)} a docstring")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
