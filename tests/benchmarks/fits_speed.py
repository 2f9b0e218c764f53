"""FITS tables by specnb, astropy and fitsio: time relative to specnb, `python tests/benchmarks/fits_speed.py [FOLDER]`.

Reading: every number of all tables but the field background of the DL3 files in FOLDER (the simulated runs by default). Writing: the tables
of an OGIP spectrum. The median of alternating repeats; fitsio is left out if it is not installed.
"""
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
import numpy as np
from astropy.io import fits
from specnb import NewTable, demo_dir, read_tables, write_tables

try:
    import fitsio
except ImportError:
    fitsio = None
SKIPPED = "PRIMARY", "BKG"
TABLES = [NewTable(name, {"LO": (np.arange(n, dtype="f4"), "keV"), "HI": (np.arange(n, dtype="f4"), "keV"), "X": np.ones((n, 30), "f4")},
                   {"TELESCOP": "HESS", "EXPOSURE": 1581.7, "HDUCLASS": "OGIP"})
          for name, n in (("SPECTRUM", 27), ("EBOUNDS", 27), ("SPECRESP", 67), ("MATRIX", 67))]


def read_own(path):
    file = read_tables(path)
    return sum(file[name].column(c).size for name in ("EVENTS", "GTI", "AEFF", "EDISP", "PSF") if name in file for c in file[name].colnames)


def read_astropy(path):
    with fits.open(path, memmap=False) as file:
        return sum(np.asarray(hdu.data[c]).size for hdu in file if hdu.name not in SKIPPED for c in hdu.columns.names)


def read_fitsio(path):
    with fitsio.FITS(str(path)) as file:
        return sum(hdu.read()[c].size for hdu in file if hdu.get_extname() not in ("", "BKG") for c in hdu.get_colnames())


def write_astropy(path, tables):
    fits.HDUList([fits.PrimaryHDU(), *(table.to_hdu() for table in tables)]).writeto(path, overwrite=True)


def compare(works, repeats=15):
    "Median time of each, relative to the first."
    times = {name: [] for name in works}
    for _ in range(repeats):
        for name, work in works.items():
            start = time.perf_counter()
            work()
            times[name].append(time.perf_counter() - start)
    first = median(next(iter(times.values())))
    return {name: median(t) / first for name, t in times.items()}


def main(folder):
    paths = sorted(p for p in Path(folder).rglob("*.fits*") if "index" not in p.name)[:4]
    readers = {"specnb": read_own, "astropy": read_astropy, **({"fitsio": read_fitsio} if fitsio else {})}
    with tempfile.TemporaryDirectory() as where:
        out = Path(where) / "x.fits"
        for what, works in {
            "read": {name: (lambda read=read: [read(p) for p in paths]) for name, read in readers.items()},
            "write": {"specnb": lambda: write_tables(out, TABLES, overwrite=True), "astropy": lambda: write_astropy(out, TABLES)},
        }.items():
            print(what, *(f"{name} {ratio:.1f}" for name, ratio in compare(works).items()), sep="  ")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else demo_dir())
