"threeML on a spectrum file, see common.py."
import json
import logging
import os
import sys
import warnings
warnings.simplefilter("ignore")
logging.disable(logging.CRITICAL)
from pathlib import Path
from threeML import Model, OGIPLike, PointSource, Powerlaw

path, index, *amplitudes = Path(sys.argv[1]), *map(float, sys.argv[2:])
os.chdir(path.parent) # it looks for the other files in the current folder
data, law = OGIPLike("x", observation=path.name), Powerlaw()
law.piv, law.index.bounds, law.index, law.K.bounds = 1e9, (-10, 10), -index, (None, None) # keV
stats, npred = [], []
for amplitude in amplitudes:
    law.K = amplitude * 1e-9 # cm-2 s-1 keV-1
    data.set_model(Model(PointSource("source", 0, 0, spectral_shape=law)))
    stats.append(-2 * data.get_log_like())
    npred.append((data.expected_model_rate * data.exposure)[data.mask].tolist())
keep = data.mask
print(json.dumps({"counts": data.observed_counts[keep].tolist(), "counts_off": data.background_counts[keep].tolist(),
                  "alpha": [float(data.scale_factor)] * int(keep.sum()), "npred": npred[0], "step": stats[1] - stats[0]}))
