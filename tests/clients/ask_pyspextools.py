"pyspextools, which makes SPEX files of OGIP files, on a spectrum file, see common.py."
import contextlib
import io
import json
import os
import sys
import warnings
warnings.simplefilter("ignore")
from pathlib import Path
import numpy as np
from pyspextools.io.ogip import OGIPRegion

path, index, *amplitudes = Path(sys.argv[1]), *map(float, sys.argv[2:])
os.chdir(path.parent)
region = OGIPRegion()
with contextlib.redirect_stdout(io.StringIO()) as said:
    region.read_region(path.name, f"{path.stem}_rmf.fits", bkgfile=f"{path.stem}_bkg.fits", arffile=f"{path.stem}_arf.fits")
keep = region.spec.Quality == 0
counts = np.rint(region.spec.Rate * region.spec.Exposure)
print(json.dumps({"counts": counts[keep].tolist()}))
