"The site: it builds without a warning, its links lead somewhere, its pictures say what they show, and it works in a browser."
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
import nbformat
import pytest
import specnb

top = Path(__file__).parent.parent
browser = next((b for b in map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome")) if b), None)
needs_browser = pytest.mark.skipif(browser is None, reason="no Chromium on this machine: the site is not opened in a browser")


def load(name):
    "A module of nbs/site by its file."
    spec = importlib.util.spec_from_file_location(f"site_{name}", top / "nbs" / "site" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def site(tmp_path_factory, worker_id):
    "Folder of the built site: built once, by whichever process comes first."
    from filelock import FileLock
    base = tmp_path_factory.getbasetemp()
    folder = (base if worker_id == "master" else base.parent) / "site"
    with FileLock(f"{folder}.lock"):
        if not (folder / "said").exists():
            environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(top)}
            done = subprocess.run(["bash", ".ci/site", str(folder)], cwd=top, env=environment, capture_output=True, text=True)
            folder.mkdir(exist_ok=True)
            (folder / "said").write_text(f"{done.returncode}\n{done.stdout[-4000:]}{done.stderr[-4000:]}", encoding="utf-8")
    return folder


def page(site, name):
    return (site / "html" / f"{name}.html").read_text(encoding="utf-8")


def test_builds_without_a_warning_and_every_link_leads_somewhere(site):
    said = (site / "said").read_text(encoding="utf-8")
    assert said.startswith("0\n"), said
    assert " 0 faults" in said


def test_every_public_name_has_a_page_with_its_chapter(site):
    names = {p.stem.removesuffix("-function") for p in (site / "html" / "api").glob("*.html")}
    assert set(specnb.__all__) <= names
    assert 'id="specnb.Fit.run"' in page(site, "api/Fit") and "70_fit/60_fit.html#" in page(site, "api/Fit")


def test_names_in_code_style_are_links(site):
    text = page(site, "70_fit/60_fit")
    assert 'href="../api/Fit.html#specnb.Fit"' in text
    assert "https://docs.scipy.org/doc/scipy/reference/generated/scipy.optimize.minimize.html" in page(site, "api/Fit")


def test_the_first_analysis_shows_no_test_code_and_folds_the_solutions(site):
    text = page(site, "tutorials/01_spectral_analysis")
    assert "assert" not in text and "test_close" not in text and "default_exp" not in text
    assert text.count("<summary") >= 4 and "Solution" in text


def test_first_page_has_the_command_of_the_readme(site):
    command = (top / "README.md").read_text(encoding="utf-8").split("```sh\n")[1].split("\n```")[0]
    words = [w for w in command.replace("'", " ").split() if w.isalnum()]
    assert all(w in page(site, "index") for w in words)


def test_needs_no_network(site):
    "Scripts, styles and fonts come with the site; only links that a reader follows lead outside."
    import re
    for name in ("index", "50_stats/10_stats", "api/Fit", "search"):
        loaded = re.findall(r'<(?:script|img)[^>]+src="(https?://[^"]+)"|<link[^>]+rel="(?:stylesheet|preload)"[^>]+href="(https?://[^"]+)"', page(site, name))
        assert not loaded, (name, loaded)


def test_citation_is_complete_and_of_this_version():
    import configparser
    import yaml
    settings = configparser.ConfigParser(delimiters=["="])
    settings.read(top / "settings.ini", encoding="utf-8")
    citation = yaml.safe_load((top / "CITATION.cff").read_text(encoding="utf-8"))
    assert {"cff-version", "message", "title", "authors", "version", "license", "repository-code"} <= set(citation)
    assert citation["version"] == settings["DEFAULT"]["version"] == specnb.__version__
    assert citation["repository-code"] == settings["DEFAULT"]["git_url"] and citation["cff-version"] == "1.2.0"
    assert f"## {citation['version']}" in (top / "CHANGELOG.md").read_text(encoding="utf-8")


# The tools themselves

def test_link_check_finds_what_is_wrong(tmp_path):
    (tmp_path / "b.html").write_text("<h1 id='there'>b</h1>")
    (tmp_path / "a.html").write_text("<h1>a</h1><a href='b.html#there'>x</a><a href='b.html#gone'>x</a><a href='c.html'>x</a><a href='https:///nowhere'>x</a>"
                                     "<img src='b.html'><img src='b.html' alt='what it shows'><p>with $x$</p><pre>$x$ $GAMMAPY_DATA</pre>")
    found, outside, n = load("check").faults(tmp_path)
    assert n == 2 and list(outside) == ["https:///nowhere"]
    assert [f.split(": ", 1)[1].split(":")[0] for f in found] == ["no such section", "no such file", "no address", "a formula is not drawn",
                                                                  "a picture does not say what it shows"]


def cell(source, outputs=(), **metadata):
    return nbformat.v4.new_code_cell(source, outputs=list(outputs), metadata=metadata)


def test_cells_on_the_site():
    prepare = load("assemble").prepare_code
    assert prepare(cell("#| hide\nassert True")) is None
    assert prepare(cell("#| default_exp fit.fit")) is None
    shown = prepare(cell("#| export\n#| fig-alt: Two curves: one above the other.\ndef f(): pass"))
    assert shown.source == "def f(): pass" and shown.metadata.tags == ["exported"]
    assert shown.metadata.mystnb.image.alt == "Two curves: one above the other."
    folded = prepare(cell("#| code-fold: true\n#| code-summary: Solution\nx = 1"))
    assert folded.metadata.tags == ["hide-cell"] and folded.metadata.mystnb.code_prompt_show == "Solution"
    assert prepare(cell("import os\nfrom a import (b,\n c)")).metadata.tags == ["hide-input"]
    data = nbformat.v4.new_output("display_data", data={"application/vnd.x+json": {}, "text/plain": "x"})
    assert list(prepare(cell("show()", [data])).outputs[0].data) == ["text/plain"]


# In a browser

@pytest.fixture(scope="module")
def chromium():
    from playwright.sync_api import sync_playwright
    with sync_playwright() as p:
        opened = p.chromium.launch(executable_path=browser, args=["--no-sandbox", "--disable-gpu"])
        yield opened
        opened.close()


def opened(chromium, site, name, width=1200, scheme="light"):
    "A page of the site, and what its console says."
    context = chromium.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True)
    tab, said = context.new_page(), []
    tab.on("console", lambda m: said.append(m.text) if m.type == "error" else None)
    tab.on("pageerror", lambda e: said.append(str(e)))
    tab.goto((site / "html" / f"{name}.html").as_uri())
    return tab, said


@needs_browser
@pytest.mark.parametrize("name", ["index", "tutorials/01_spectral_analysis", "howto/index", "70_fit/60_fit", "api/Datasets", "coming_from_gammapy"])
@pytest.mark.parametrize("width, scheme", [(400, "light"), (1600, "dark")])
def test_pages_fit_narrow_and_wide_windows(chromium, site, name, width, scheme):
    tab, said = opened(chromium, site, name, width, scheme)
    assert tab.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 1
    assert tab.evaluate("document.documentElement.dataset.theme") == scheme
    assert not said
    tab.context.close()


@needs_browser
def test_formulas_are_drawn_without_a_network(chromium, site):
    tab, said = opened(chromium, site, "50_stats/10_stats")
    tab.wait_for_selector("mjx-container", state="attached", timeout=60_000)
    assert not said
    tab.context.close()


@needs_browser
def test_search_works_without_a_server(chromium, site):
    tab, said = opened(chromium, site, "search")
    tab.goto((site / "html" / "search.html").as_uri() + "?q=reflected")
    tab.wait_for_selector("#search-results li a", timeout=60_000)
    links = tab.eval_on_selector_all("#search-results li a", "x => x.map(a => a.href)")
    assert any("ReflectedRegions" in x for x in links)
    assert not said
    tab.context.close()


@needs_browser
def test_four_ways_lead_from_the_first_page(chromium, site):
    tab, said = opened(chromium, site, "index")
    for way, title in {"First analysis": None, "How-to": "How-to", "The book": "The book", "API": "API"}.items():
        tab.goto((site / "html" / "index.html").as_uri())
        tab.locator(".sd-card", has_text=way).first.click()
        assert tab.locator("h1").first.inner_text().startswith(title or "")
        assert not tab.url.endswith("html/index.html")
    tab.locator("article a", has_text="Fit").first.click()
    assert "api/" in tab.url and not said
    tab.context.close()
