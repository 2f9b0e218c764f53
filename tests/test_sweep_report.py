"The page of a sweep in cases that are not the usual: well-formed, without network, links that lead somewhere, nothing of a user taken for HTML."
import re
from html.parser import HTMLParser
import numpy as np
import pytest
from astropy.table import Table
from specnb import latin_hypercube, plot_parallel, plot_repeats, plot_sweep, plot_sweep_map, read_sweep, spread_table, sweep, sweep_report

VOID = {"meta", "img", "br", "hr", "input", "link"}


class Page(HTMLParser):
    "Titles, text, links and tables of a page; fails if a tag is not closed."

    def __init__(self, path):
        super().__init__()
        self.open, self.links, self.tags, self.texts = [], [], [], []
        self.source = path.read_text(encoding="utf-8")
        self.feed(self.source)
        self.close()
        assert self.open == []
        assert not re.search("https?:", self.source) and not re.search(r"<(script|link|iframe|img)[^>]*(src|href)=\"(?!data:)", self.source)
        for link in self.links: assert (path.parent / link).is_file(), link

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag not in VOID: self.open.append(tag)
        if tag == "a": self.links.append(dict(attrs)["href"])

    def handle_endtag(self, tag): assert self.open.pop() == tag

    def handle_data(self, data): self.texts.append((self.open[-1] if self.open else "", data))

    def titles(self): return [d.strip() for t, d in self.texts if t in ("h1", "h2", "h3")]
    def rows(self): return self.tags.count("tr")


def page_of(tmp_path, function, grid, **kw):
    options = {k: kw.pop(k) for k in ("repeats", "seed") if k in kw}
    return Page(sweep_report(sweep(function, grid, tmp_path / "s", n_jobs=1, progress=False, **options), **kw))


def square(x=1., y=1.): return {"z": x**2 + y, "z_err": .1, "note": "as <expected> & more"}


def test_one_point_without_a_parameter(tmp_path):
    page = page_of(tmp_path, square, [{}])
    assert page.titles() == ["Sweep of square", "Spread and statistical error", "All points"] and "img" not in page.tags
    assert "1 point, 0 failed" in page.source and "Varied: nothing" in page.source and "2.00 ± 0.10" in page.source


def test_all_points_failed(tmp_path):
    def never(x): raise ValueError(f"no <b>{x}</b> & never")
    page = page_of(tmp_path, never, {"x": list(range(30))})
    assert page.titles() == ["Sweep of never", "Failed: 30 of 30 points", "All points"] and "b" not in page.tags
    assert page.tags.count("details") == 20 and "10 more kinds of errors are in the table" in page.source


def test_the_same_failure_is_told_once(tmp_path):
    def never(x): raise ValueError("no")
    page = page_of(tmp_path, never, {"x": list(range(30))})
    assert page.tags.count("details") == 1 and "ValueError: no — 30 points" in page.source and "and 10 more" in page.source


def test_missing_results_text_results_errors_that_are_no_numbers(tmp_path):
    def odd(x, kind):
        if kind == "a": return {"y": float(x), "y_err": np.nan, "label": "<i>", "values": [1., 2.]}
        return {"y": np.inf if x > 2 else None, "z": 1e-12*x, "z_err": -1., "flag": x > 1}
    page = page_of(tmp_path, odd, {"x": [1, 2, 3], "kind": ["a", "<b>"]})
    assert {"y", "z"} <= {*page.titles()} and "i" not in page.tags and "b" not in page.tags
    assert "also values are in sweep.ecsv" in page.source and page.source.count("&lt;i&gt;") == 3
    with pytest.raises(TypeError, match="label: found texts, expected numbers"): sweep_report(tmp_path / "s", results=["label"])
    with pytest.raises(TypeError, match="values: found lists"): sweep_report(tmp_path / "s", results=["values"])
    with pytest.raises(KeyError, match="nothing: no such result"): sweep_report(tmp_path / "s", results=["nothing"])
    assert "h3" in Page(sweep_report(tmp_path / "s", results=["flag"])).tags


def test_results_without_errors(tmp_path):
    page = page_of(tmp_path, lambda x: {"y": x, "same": 1.}, {"x": [1, 2]})
    assert [t for t in page.titles() if t in ("y", "same")] == ["y"]


def test_parameters_of_any_kind(tmp_path):
    "Lists, dictionaries, values that some points leave out, formulas, long texts, quantities."
    def any_kind(**given): return {"n": float(len(str(given))), "n_err": 1., "unit": 1.}
    points = [{"a": [1, 2], "b": "$x$ and $y", "c": "1 deg"}, {"a": {"k": "<v>"}, "b": "_" * 200, "c": "30 arcmin"}, {"b": "$\\frac{$", "d": 3, "c": "2 deg"}, {"d": True, "c": "1 deg"}]
    page = page_of(tmp_path, any_kind, points)
    assert "v" not in page.tags and page.tags.count("img") == 6 and "c [deg]" in page.source and page.rows() == 3 + 4


def test_repeats(tmp_path):
    def toy(x, rng): return {"y": x + rng.normal(), "y_err": 1.}
    page = page_of(tmp_path, toy, {"x": [1., 2.]}, repeats=20)
    assert page.tags.count("img") == 2 and "Varied: x." in page.source
    page = Page(sweep_report(sweep(toy, {"x": [1.]}, tmp_path / "one", repeats=20, n_jobs=1, progress=False)))
    assert page.tags.count("img") == 1


def test_many_points_are_cut(tmp_path):
    def flux(a, b, kind): return {n: v for k in range(6) for n, v in ((f"r{k}", a + k*b), (f"r{k}_err", .1))}
    points = latin_hypercube({"a": (0, 1), "b": (1e-3, 1, True), "kind": {"choices": ["x", "y"]}}, 1000, 1)
    made = sweep(flux, points, tmp_path / "s", n_jobs=1, progress=False)
    page = Page(sweep_report(made, max_rows=100))
    assert page.tags.count("img") == 6*5 and page.rows() == 2 + 6 + 100
    assert "Points 0 to 99, 100 of 1000." in page.source and len(page.source) < 4e6


def test_links_from_another_folder_and_a_page_that_is_replaced(tmp_path):
    import nbformat
    cells = [nbformat.v4.new_code_cell("x = 1.0", metadata={"tags": ["parameters"]}), nbformat.v4.new_code_cell("from specnb import record_results\nrecord_results(y=1/x);")]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "inverse.ipynb")
    made = sweep(tmp_path / "inverse.ipynb", {"x": [0, 2]}, tmp_path / "a sweep", n_jobs=1, progress=False)
    (tmp_path / "pages").mkdir()
    path = sweep_report(tmp_path / "a sweep", tmp_path / "pages" / "p.html") # the parser wants links as they are on disk
    links = re.findall(r'href="([^"]*)"', path.read_text())
    assert links[0].startswith("../a%20sweep/points/00000-") and len(links) == 6
    assert Page(sweep_report(made)).links[0].startswith("points/00000-")
    before = (made.folder / "report.html").read_text()
    assert sweep_report(made) == made.folder / "report.html" and (made.folder / "report.html").read_text() == before
    assert sorted(p.name for p in made.folder.iterdir()) == ["points", "report.html", "sweep.ecsv", "sweep.parquet", "sweep.sqlite"]
    with pytest.raises(FileNotFoundError, match="the folder .* does not exist"): sweep_report(made, tmp_path / "none" / "p.html")


def test_pictures_of_a_sweep_and_of_its_table(tmp_path):
    from matplotlib.figure import Figure
    made = sweep(square, {"x": [1., 2.], "y": [0., 1., 5.]}, tmp_path / "s", n_jobs=1, progress=False)
    for source in (made, made.table, read_sweep(tmp_path / "s")):
        ax = Figure().subplots()
        assert plot_sweep(source, "z", "x", ax=ax) is ax and ax.get_xlabel() == "x"
        ax = plot_sweep_map(source, "z", "x", "y", ax=Figure().subplots())
        assert [t.get_text() for t in ax.texts][:2] == ["1.00\n± 0.10", "4.00\n± 0.10"]
        assert len(plot_parallel(source, "z", ax=Figure().subplots()).collections[0].get_paths()) == 6
        plot_repeats(source, "z", ax=Figure().subplots())
    with pytest.raises(KeyError, match="w: no such parameter; there are x, y"): plot_sweep(made, "z", "w", ax=Figure().subplots())
    with pytest.raises(TypeError, match="note: found texts"): plot_sweep(made, "note", "x", ax=Figure().subplots())


def test_the_spread_writes_units_as_papers_do():
    content = Table({"point": [0, 1], "seed": [1, 2], "flux": [3e-11, 4e-11], "flux_err": [2e-12, 2e-12], "status": ["done", "done"]},
                    units={"flux": "TeV-1 cm-2 s-1"}, meta={"parameters": []})
    assert spread_table(content)["unit"].tolist() == ["cm-2 s-1 TeV-1"]
