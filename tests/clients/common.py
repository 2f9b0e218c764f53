"""Our OGIP files in the hands of other programs: what each of them makes of one spectrum, beside what specnb makes of it.

Each program lives in a virtual environment of its own, so that its requirements stay out of the way of ours and of each other's. A script
`ask_NAME.py` runs there: it reads a spectrum file, sets a power law, and prints one line of JSON. The keys it may give:

counts, counts_off, alpha: in the safe channels
npred: signal counts predicted by the first model, in the safe channels
stat: W statistic of the first model
step: how much twice the negative logarithm of the likelihood grows from the first model to the second, if the program leaves out constants
"""
import json
import os
import subprocess
import sys
from pathlib import Path
import numpy as np

HERE = Path(__file__).parent
REQUIREMENTS = { # of each environment; Sherpa is built, which takes gfortran, bison, flex, byacc, libreadline-dev and libfftw3-dev
    "sherpa": ["sherpa==4.19.0", "astropy"],
    "threeml": ["threeML==2.6.1"],
    "jaxspec": ["jaxspec==0.4.1"],
    "gammapy": ["gammapy==2.1"],
    "pyspextools": ["pyspextools==0.7.1", "astropy"],
}
INDEX, AMPLITUDES = 2.3, (3e-11, 4e-11) # cm-2 s-1 TeV-1 at 1 TeV
TOLERANCE = {"counts": 0, "counts_off": 0, "alpha": 1e-12, "npred": 1e-5, "stat": 1e-5, "step": 1e-4}
FILES = {"gammapy": ["x.fits", "maps.fits"]} # others read OGIP files only
LOOSE = {"threeml": 2e-4} # it integrates the flux in each bin by Simpson's rule


def python_of(folder, name):
    return Path(folder) / name / "bin" / "python"


def make(folder, name):
    "Make the environment of a program, if it is not there."
    if python_of(folder, name).exists(): return
    subprocess.run([sys.executable, "-m", "venv", str(Path(folder) / name)], check=True)
    subprocess.run([str(python_of(folder, name)), "-m", "pip", "install", "-q", *REQUIREMENTS[name]], check=True)


def spectrum():
    "A simulated ON/OFF spectrum with two channels that are not safe."
    from specnb import GTI, MapAxis, RegionGeom, SpectrumArrays, SpectrumDatasetOnOff
    from specnb.data.edisp import EDispKernel
    true, reco = (MapAxis.from_energy_bounds(*b, nbin=n, name=name) for b, n, name in ((("0.1 TeV", "100 TeV"), 40, "energy_true"), (("0.4 TeV", "50 TeV"), 15, "energy")))
    rng, edisp = np.random.default_rng(0), EDispKernel.from_gauss(true, reco, .15)
    exposure = 1e8 * 1600 * true.center.to_value("TeV")**.5 / (1 + .1 / true.center.to_value("TeV"))**2 / 2e3
    dataset = SpectrumDatasetOnOff.from_arrays(SpectrumArrays(
        reco.edges_in("TeV"), true.edges_in("TeV"), n_on=np.zeros(15), exposure=exposure, edisp=edisp.data, mask_safe=np.arange(15) > 1, livetime=1600.,
        ontime=1687., n_off=rng.poisson(60 * reco.center.to_value("TeV")**-1.5), acceptance=np.ones(15), acceptance_off=np.full(15, 9.)),
        RegionGeom.create("icrs;circle(83.63, 22.01, 0.11)", axes=[reco]), "simulated", GTI([0., 900.], [800., 1787.]), meta={"TELESCOP": "DEMO", "INSTRUME": "CAM"})
    dataset.models = model(AMPLITUDES[0])
    return dataset.fill(n_on=rng.poisson(dataset.signal_counts() + dataset.arrays.n_bkg))


def model(amplitude):
    from specnb import PowerLawSpectralModel, SkyModel
    return [SkyModel(PowerLawSpectralModel(index=INDEX, amplitude=f"{amplitude} cm-2 s-1 TeV-1"), name="source")]


def ours(dataset):
    "The same numbers from specnb."
    arrays, k, stats = dataset.arrays, dataset.arrays.mask_safe, []
    for amplitude in AMPLITUDES[::-1]:
        dataset.models = model(amplitude)
        stats.append(dataset.stat_sum())
    return {"counts": arrays.n_on[k], "counts_off": arrays.n_off[k], "alpha": arrays.alpha[k], "npred": dataset.signal_counts()[k], "stat": stats[1], "step": stats[0] - stats[1]}


def write_files(folder):
    "Write the spectrum in both formats; what specnb makes of it."
    dataset = spectrum()
    dataset.write(Path(folder) / "x.fits")
    dataset.write(Path(folder) / "maps.fits", format="gadf")
    return ours(dataset)


def ask(python, name, path):
    "What a program says of a spectrum file."
    command = [str(python), str(HERE / f"ask_{name}.py"), str(path), str(INDEX), *map(str, AMPLITUDES)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, cwd=Path(path).parent, env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"})
    if done.returncode: raise RuntimeError(f"{name} cannot read {path}:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def differences(name, found, expected):
    "Largest relative difference of each number, and those beyond the tolerance."
    result = {}
    for key, value in found.items():
        a, b = np.asarray(value, float), np.asarray(expected[key], float)
        far = np.inf if a.shape != b.shape else float(np.max(np.abs(a - b) / np.maximum(np.abs(b), 1e-300) * (a != b)))
        limit = LOOSE.get(name, TOLERANCE[key]) if key in ("npred", "stat", "step") else TOLERANCE[key]
        result[key] = far, far > limit
    return result


def fitsverify(folder):
    "What the checker of FITS files says, one text for each file that is not clean."
    found = []
    for path in sorted(Path(folder).glob("*.fits")):
        done = subprocess.run(["fitsverify", "-q", str(path)], capture_output=True, text=True)
        if not done.stdout.startswith("verification OK"): found.append(done.stdout)
    return found
