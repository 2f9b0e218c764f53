"""Sphinx extension: names in code style become links.

`Fit.run` leads to the API, `MapAxis` too; `numpy.geomspace`, `np.geomspace` and `Quantity` to their libraries; a name that only
other chapters use, or the name of a chapter, to the chapter. What is not known stays code.
"""
import re
from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.transforms import SphinxTransform
import assemble

NAME = re.compile(r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*(\(\))?$")
PARTS = {p.name[3:]: f"{p.name}/00_overview" for p in assemble.parts()}
SHORT = {"np": "numpy", "u": "astropy.units", "plt": "matplotlib.pyplot", "fits": "astropy.io.fits"}
FAMILIAR = {n.rpartition(".")[2]: n for n in (
    "astropy.units.Quantity", "astropy.units.Unit", "astropy.coordinates.SkyCoord", "astropy.coordinates.Angle", "astropy.time.Time", "astropy.time.TimeDelta",
    "astropy.table.Table", "astropy.table.QTable", "astropy.wcs.WCS", "regions.CircleSkyRegion", "regions.EllipseSkyRegion", "regions.PointSkyRegion",
    "regions.CircleAnnulusSkyRegion", "regions.RectangleSkyRegion", "regions.PolygonSkyRegion", "iminuit.Minuit", "numpy.ndarray",
    "numpy.random.Generator", "matplotlib.axes.Axes", "matplotlib.figure.Figure")} | {"Generator": "numpy.random.Generator", "ndarray": "numpy.ndarray"}


def chapter_names():
    "Page of each chapter by its name, and of each name that is not public by the chapter that defines it; None where two do."
    import specnb
    chapters, inner = {}, {}
    for part in assemble.parts():
        for path in assemble.chapters(part):
            page = f"{part.name}/{path.stem}"
            chapters[path.stem[3:]] = None if path.stem[3:] in chapters else page
            for cell in assemble.read(path).cells:
                if cell.cell_type == "code" and {"export", "exporti"} & set(assemble.directives(cell.source)[0]):
                    for name in assemble.defined(cell.source):
                        if name not in specnb.__all__ and not name.startswith("_"):
                            inner[name] = None if inner.get(name, page) != page else page
    return chapters, inner


class LinkNames(SphinxTransform):
    "Put a reference around each literal that may be a name; those that lead nowhere stay as they are."
    default_priority = 400

    def apply(self, **kwargs):
        import specnb
        chapters, inner = self.app.specnb_names
        here = self.env.docname
        for node in list(self.document.findall(nodes.literal)):
            text = node.astext()
            if not NAME.match(text) or isinstance(node.parent, (nodes.reference, pending_xref, nodes.title)):
                continue
            target = text.removesuffix("()")
            first, _, rest = target.partition(".")
            if first in specnb.__all__:
                self.link(node, "py", "obj", f"specnb.{target}")
            elif first == "specnb":
                self.link(node, "py", "obj", target)
            elif first in SHORT:
                self.link(node, "py", "obj", f"{SHORT[first]}.{rest}")
            elif first in FAMILIAR:
                self.link(node, "py", "obj", FAMILIAR[first] + ("." + rest if rest else ""))
            elif first in assemble.LIBRARIES:
                self.link(node, "py", "obj", target)
            elif (page := self.page(node, target, chapters, inner)) and page != here:
                self.link(node, "std", "doc", f"/{page}")

    @staticmethod
    def page(node, target, chapters, inner):
        "Page of a chapter that is spoken of as one, or of a function that only chapters use; words that are also arguments stay words."
        position = node.parent.index(node)
        before = "".join(x.astext() for x in node.parent[max(position - 4, 0):position])
        if re.search(r"\bparts?\b[^.]*$", before) and target in PARTS:
            return PARTS[target]
        if re.search(r"\bchapters?\b[^.]*$", before):
            return chapters.get(target.rpartition(".")[2])
        return inner.get(target) if re.search("_|[A-Z]", target) else None

    @staticmethod
    def link(node, domain, kind, target):
        reference = pending_xref("", refdomain=domain, reftype=kind, reftarget=target, refexplicit=True, refwarn=False)
        node.replace_self(reference)
        reference += node


def setup(app):
    app.specnb_names = chapter_names()
    app.add_transform(LinkNames)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
