"The site: Sphinx on the sources that `assemble.py` has put together. `.ci/site` calls both."
import configparser
import sys
from importlib.util import find_spec
from pathlib import Path

here = Path(__file__).resolve().parent
sys.path[:0] = [str(here), str(here.parent.parent)]
settings = configparser.ConfigParser(delimiters=["="])
settings.read(here.parent.parent / "settings.ini", encoding="utf-8")
about = settings["DEFAULT"]

project, author, release = about["lib_name"], about["author"], about["version"]
version = release
copyright = about["copyright"]
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.intersphinx", "numpydoc", "sphinx_design", "sphinx_copybutton", "names"]
nb_execution_mode = "off"
nb_render_markdown_format = "myst"
myst_enable_extensions = ["colon_fence", "dollarmath", "amsmath", "deflist"]
myst_dmath_double_inline = True  # a displayed formula inside a list or a sentence, as JupyterLab has it
myst_heading_anchors = 4
default_role = "py:obj"
templates_path = [str(here / "templates")]
exclude_patterns = ["static", "templates", "inventories"]
intersphinx_mapping = {name: (address, f"inventories/{name}.inv") for name, address in {
    "numpy": "https://numpy.org/doc/stable/", "scipy": "https://docs.scipy.org/doc/scipy/", "astropy": "https://docs.astropy.org/en/stable/",
    "regions": "https://astropy-regions.readthedocs.io/en/stable/", "iminuit": "https://scikit-hep.org/iminuit/",
    "matplotlib": "https://matplotlib.org/stable/"}.items()}
autodoc_typehints = "none"
autodoc_member_order = "bysource"
toc_object_entries_show_parents = "hide"
numpydoc_show_class_members = False
numpydoc_xref_param_type = False
mathjax_path = "mathjax/tex-chtml.js"  # a copy of MathJax from a package, so that formulas need no network
copybutton_exclude = ".linenos, .gp, .go"

html_theme = "pydata_sphinx_theme"
html_title = project
html_logo = "static/logo.svg"
html_favicon = "static/logo.svg"
html_static_path = ["static", str(Path(find_spec("sphinx-mathjax-offline").origin).parent / "static")]
html_css_files = ["specnb.css"]
html_show_sourcelink = False
html_copy_source = False
html_show_search_summary = False  # would fetch pages, which a browser refuses where there is no server
html_context = {"notebooks": f"{about['git_url']}/edit/{about['branch']}/nbs", "default_mode": "auto"}
html_sidebars = dict.fromkeys(["index", "coming_from_gammapy", "validation", "benchmarks", "changelog", "contributing"], [])
html_theme_options = {
    "navigation_with_keys": False, "logo": {"text": project}, "show_nav_level": 1, "collapse_navigation": True, "header_links_before_dropdown": 5,
    "icon_links": [], "footer_start": ["copyright"], "footer_end": [], "show_toc_level": 2,
    "secondary_sidebar_items": ["page-toc", "edit-chapter"],
}
