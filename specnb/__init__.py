"""1D spectral analysis of gamma-ray telescope data.

Every public name of the chapters is importable from here: `from specnb import Fit`. A chapter loads when one of its names is
first used, so `import specnb` itself costs next to nothing. The names stand in `__init__.pyi`, where editors find them too.
"""
__version__ = "0.1.0"
import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
