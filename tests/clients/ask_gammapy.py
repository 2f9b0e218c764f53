"Gammapy on a spectrum file, see common.py."
import json
import sys
import warnings
warnings.simplefilter("ignore")
from gammapy.datasets import SpectrumDatasetOnOff
from gammapy.modeling.models import PowerLawSpectralModel, SkyModel

path, index, *amplitudes = sys.argv[1], *map(float, sys.argv[2:])
dataset = SpectrumDatasetOnOff.read(path)
keep, stats, npred = dataset.mask_safe.data, [], []
for amplitude in amplitudes:
    dataset.models = [SkyModel(PowerLawSpectralModel(index=index, amplitude=f"{amplitude} cm-2 s-1 TeV-1"))]
    stats.append(dataset.stat_sum())
    npred.append(dataset.npred_signal().data[keep].tolist())
print(json.dumps({"counts": dataset.counts.data[keep].tolist(), "counts_off": dataset.counts_off.data[keep].tolist(), "alpha": dataset.alpha.data[keep].tolist(),
                  "npred": npred[0], "stat": stats[0], "step": stats[1] - stats[0]}))
