"""FITS tables by specnb, astropy and fitsio: time relative to specnb, `python tests/benchmarks/fits_speed.py [FOLDER]`.

Reading: every number of all tables but the field background of four DL3 files in FOLDER (the simulated runs by default). Writing: the OGIP
files of a spectrum, by the encoder of specnb and by astropy. Medians of alternating repeats; fitsio is left out if it is not installed.
"""
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from unittest import mock
import numpy as np
from astropy.io import fits
from specnb import NewTable, SpectrumArrays, demo_dir, read_tables, write_ogip

try:
    import fitsio
except ImportError:
    fitsio = None


def read_own(path):
    file = read_tables(path)
    return sum(file[name].column(c).size for name in ("EVENTS", "GTI", "AEFF", "EDISP", "PSF") if name in file for c in file[name].colnames)


def read_astropy(path):
    with fits.open(path, memmap=False) as file:
        return sum(np.asarray(hdu.data[c]).size for hdu in file if hdu.name not in ("PRIMARY", "BKG") for c in hdu.columns.names)


def read_fitsio(path):
    with fitsio.FITS(str(path)) as file:
        return sum(hdu.read()[c].size for hdu in file if hdu.get_extname() not in ("", "BKG") for c in hdu.get_colnames())


def spectrum():
    "27 reconstructed and 67 true energies, as in the tutorials."
    true, reco = np.geomspace(.05, 100, 68), np.geomspace(.1, 40, 28)
    overlap = np.minimum(true[1:, None], reco[1:]) - np.maximum(true[:-1, None], reco[:-1])
    return SpectrumArrays(e_true_edges=true, e_reco_edges=reco, n_on=np.arange(27.), n_off=np.arange(27.) * 3, acceptance=np.ones(27),
                          acceptance_off=np.arange(27) + 9., exposure=np.geomspace(1e8, 1e9, 67), mask_safe=np.arange(27) > 0,
                          edisp=np.clip(overlap, 0, None) / np.diff(true)[:, None], livetime=1500., ontime=1600.)


def compare(what, works, repeats=15):
    "Print the median time of each, relative to the first."
    times = {name: [] for name in works}
    for _ in range(repeats):
        for name, work in works.items():
            start = time.perf_counter()
            work()
            times[name].append(time.perf_counter() - start)
    first = median(next(iter(times.values())))
    print(what, *(f"{name} {median(t) / first:.1f}" for name, t in times.items()), sep="  ")


def main(folder):
    paths = sorted(p for p in Path(folder).rglob("*.fits*") if "index" not in p.name)[:4]
    readers = {"specnb": read_own, "astropy": read_astropy, **({"fitsio": read_fitsio} if fitsio else {})}
    compare("read", {name: (lambda read=read: [read(p) for p in paths]) for name, read in readers.items()})
    arrays = spectrum()
    with tempfile.TemporaryDirectory() as where:
        def own(): write_ogip(Path(where) / "x.fits", arrays, "x", overwrite=True)

        def by_astropy():
            with mock.patch.object(NewTable, "to_bytes", lambda self: None): own()
        compare("write", {"specnb": own, "astropy": by_astropy})


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else demo_dir())
