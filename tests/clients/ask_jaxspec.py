"jaxspec on a spectrum file, see common.py: the flux of the power law is integrated here, folding and counts are jaxspec's."
import json
import sys
import warnings
warnings.simplefilter("ignore")
import numpy as np
from jaxspec.data import ObsConfiguration

path, index, *amplitudes = sys.argv[1], *map(float, sys.argv[2:])
data = ObsConfiguration.from_pha_file(path, low_energy=0, high_energy=1e15)
low, high = (np.asarray(data[f"e_{m}_unfolded"]) / 1e9 for m in ("min", "max")) # TeV
flux = amplitudes[0] * (high**(1 - index) - low**(1 - index)) / (1 - index)
npred = data.transfer_matrix.data.todense() @ flux
print(json.dumps({"counts": data.folded_counts.values.tolist(), "counts_off": data.folded_background.values.tolist(), "alpha": data.folded_backratio.values.tolist(),
                  "npred": npred.tolist()}))
