"""1D spectral analysis of gamma-ray telescope data.

Every public name of the chapters is importable from here: `from specnb import Fit`. A chapter loads when one of its names is
first used, so `import specnb` itself costs next to nothing.
"""
__version__ = "0.1.0"
_homes = {}


def _find_homes():
    "Public name -> its chapter, from the `__all__` in the chapters' files, which are read but not imported."
    import ast, os, re
    folder = os.path.dirname(__file__)
    for chapter in sorted(f[:-3] for f in os.listdir(folder) if f.endswith(".py") and not f.startswith("_")):
        with open(os.path.join(folder, f"{chapter}.py"), encoding="utf-8") as file:
            names = re.search(r"^__all__ = (\[.*?\])", file.read(), re.M | re.S)
        if names: _homes.update(dict.fromkeys(ast.literal_eval(names[1]), chapter))


def __getattr__(name):
    if not _homes and not name.startswith("__"): _find_homes()
    if name not in _homes: raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module
    value = globals()[name] = getattr(import_module(f"{__name__}.{_homes[name]}"), name)
    return value


def __dir__():
    if not _homes: _find_homes()
    return sorted({*globals(), *_homes})
