"Sherpa on a spectrum file, see common.py."
import json
import logging
import sys
logging.disable(logging.CRITICAL)
from sherpa.astro import ui

path, index, *amplitudes = sys.argv[1], *map(float, sys.argv[2:])
ui.load_pha(path)
ui.ignore_bad()
ui.set_stat("wstat")
ui.set_source("powlaw1d.law")
law = ui.get_source()
law.gamma, law.ref = index, 1e9 # keV
stats, npred = [], []
for amplitude in amplitudes:
    law.ampl = amplitude * 1e-9 # cm-2 s-1 keV-1
    stats.append(ui.calc_stat())
    npred.append(ui.get_data().eval_model_to_fit(ui.get_model()).tolist())
data, off = ui.get_data(), ui.get_bkg()
keep = data.mask
alpha = data.get_backscal() * data.exposure / (off.get_backscal() * off.exposure)
print(json.dumps({"counts": data.counts[keep].tolist(), "counts_off": off.counts[keep].tolist(), "alpha": alpha[keep].tolist(), "npred": npred[0],
                  "stat": stats[0], "step": stats[1] - stats[0]}))
