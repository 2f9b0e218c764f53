"""The kinds of files: how good ones are made, which are damaged, and what a user does with them."""
import gzip
import warnings
from functools import cache
import astropy.units as u
import numpy as np
import yaml
from astropy.coordinates import SkyCoord
from regions import CircleSkyRegion
from specnb import (AnalysisConfig, DataStore, Datasets, Fit, FluxPoints, FluxPointsDataset, FluxPointsEstimator, MapAxis, Models, PowerLawSpectralModel,
                    ReflectedRegionsBackgroundMaker, RegionGeom, SafeMaskMaker, SkyModel, SpectrumDataset, SpectrumDatasetMaker, SpectrumDatasetOnOff, demo_dir,
                    read_sweep, sweep, sweep_points, validate, write_dl3)
from specnb.simulate.example import example_datasets
from . import fits_bytes, texts
from .arguments import Arguments
from .judge import Kind

CRAB = SkyCoord(83.63, 22.01, unit="deg")
RECO = MapAxis.from_energy_bounds(.3, 30, 8, "TeV", name="energy")
TRUE = MapAxis.from_energy_bounds(.1, 100, 30, "TeV", name="energy_true")


def spectrum_numbers(dataset):
    "What a dataset holds."
    a = dataset.arrays
    fields = ("e_reco_edges", "e_true_edges", "n_on", "n_off", "acceptance", "acceptance_off", "exposure", "edisp", "mask_safe", "livetime", "ontime")
    return {f: np.nan_to_num(np.asarray(v, float), nan=-1e99) if f == "ontime" else v for f in fields if (v := getattr(a, f, None)) is not None}


def reduce(observation):
    geom = RegionGeom.create(CircleSkyRegion(CRAB, .11 * u.deg), axes=[RECO])
    dataset = SpectrumDatasetMaker(containment_correction=True).run(SpectrumDataset.create(geom, TRUE, name=str(observation.obs_id)), observation)
    dataset = ReflectedRegionsBackgroundMaker().run(dataset, observation)
    return SafeMaskMaker(["aeff-max"]).run(dataset, observation)


def plain(folder):
    "The files of a folder without compression, whatever their names say: the reader does not mind, and mutants are made faster."
    for path in folder.iterdir():
        raw = path.read_bytes()
        if raw[:2] == b"\x1f\x8b": path.write_bytes(gzip.decompress(raw))


class Dl3(Kind):
    "A folder with one run, reduced to a spectrum."
    name = "dl3"

    def prepare(self, folder):
        write_dl3(DataStore.from_dir(demo_dir()).get_observations([1001]), folder)
        plain(folder)

    def targets(self): return {n: {"hdu-index.fits.gz": .12, "obs-index.fits.gz": .12}.get(n, .76) for n in self.files}
    def mutate(self, name, raw, rng): return fits_bytes.mutate(raw, rng)
    def carry(self, folder): return spectrum_numbers(reduce(DataStore.from_dir(folder).get_observations()[0]))
    def check(self, folder): validate(folder)


@cache
def fitted():
    "Two spectra with a fitted model."
    datasets = example_datasets()
    datasets.models = [SkyModel(PowerLawSpectralModel(index=2, amplitude="1e-12 cm-2 s-1 TeV-1"), name="source")]
    Fit().run(datasets)
    return datasets


def with_fit(datasets):
    "A fit with two bands."
    result = Fit().run(datasets)
    points = FluxPointsEstimator([1, 3, 10] * u.TeV).run(datasets)
    return {"fit": result.parameters.value, "error": result.parameters.error, "stat": result.total_stat, "status of the fit": str(result.success), **point_numbers(points)}


def point_numbers(points):
    "Numbers of flux points; those of a band whose status tells are left out."
    good = np.array([not s for s in getattr(points, "status", None) or [""] * len(points)])
    numbers = {f"status of {i}": "told" for i in np.flatnonzero(~good)}
    for name in ("e_ref", "e_min", "e_max", "norm", "norm_err", "norm_ul", "is_ul"):
        if name in points.data: numbers[name] = np.where(good, points.data[name], 0)
    return numbers


class Ogip(Kind):
    "A spectrum with its background, area and energy dispersion; fitted."
    name = "ogip"
    later = ("no bin left to fit in 'run 1'",)

    def prepare(self, folder):
        fitted()[0].write(folder / "x.fits")

    def targets(self): return dict.fromkeys(self.files, 1)
    def mutate(self, name, raw, rng): return fits_bytes.mutate(raw, rng)

    def carry(self, folder):
        dataset = SpectrumDatasetOnOff.read(folder / "x.fits")
        dataset.models = fitted().models.copy()
        return {**spectrum_numbers(dataset), "npred": dataset.signal_counts(), "stat sum": dataset.stat_sum(), **with_fit(Datasets([dataset]))}

    def check(self, folder): validate(folder)


class MapFile(Ogip):
    "The same spectrum in the format of maps."
    name = "gadf"
    later = (*Ogip.later, "no edisp, so no counts can be predicted", "no exposure, so no counts can be predicted")

    def prepare(self, folder):
        fitted()[0].write(folder / "x.fits", format="gadf")


class Points(Kind):
    "Flux points as FITS and text files, of every type; one of them is read and fitted."
    name = "flux points"

    def prepare(self, folder):
        points = FluxPointsEstimator([1, 3, 6, 10] * u.TeV, selection_optional="all").run(fitted())
        for sed_type in ("dnde", "likelihood", "e2dnde", "flux"):
            for end in ("fits", "ecsv"): points.write(folder / f"{sed_type}.{end}", sed_type=sed_type)

    def mutant(self, rng, folder):
        name = fits_bytes.choose(rng, list(self.files))
        raw = self.files[name]
        if name.endswith("fits"): group, text, content = fits_bytes.mutate(raw, rng)
        else: group, text, content = self.mutate_text(raw.decode(), rng)
        self.chosen = name
        return group, f"{name}: {text}", {name: content}, [name]

    def mutate_text(self, text, rng):
        way = rng.random()
        if way < .4: return texts.mutate_cells(text, rng, " ")
        if way < .6: return texts.characters(text, rng)
        old = fits_bytes.choose(rng, ["unit: TeV", "unit: 1 / (TeV s cm2)", "datatype: float64", "datatype: bool", "name: e_ref", "name: dnde", "SED_TYPE: dnde", "n_sigma: 1", "UL_CONF: 0.95", "%ECSV 1.0",
                                      "datatype: string", "float64[2]", "float64[11]", "# meta", "name: norm", "name: e_min", "unit: TeV / (s cm2)"])
        new = {"unit: TeV": ["unit: GeV", "unit: m", "unit: quux", "nuit: TeV", "unit: ''"], "datatype: float64": ["datatype: int64", "datatype: string", "datatype: float", "datatype: bool"],
               "%ECSV 1.0": ["%ECSV 9.0", "%CSV"]}.get(old) or [old.replace("1 /", "5 /"), old[:-1], old + "x", old.upper(), old.replace(": ", ":"), old.partition(":")[0] + ": 5"]
        new = fits_bytes.choose(rng, new)
        group = "unit of the same kind" if new == "unit: GeV" else "unit of another kind or none" if old.startswith("unit") else "head of the text"
        return group, f"{old} -> {new}", text.replace(old, new, 1).encode()

    def carry(self, folder):
        return {} if not hasattr(self, "chosen") else self.numbers(folder / self.chosen)

    def numbers(self, path):
        points = FluxPoints.read(path, reference_model=fitted().models[0].spectral_model if path.stem == "x" else None)
        dataset = FluxPointsDataset(fitted().models.copy(), points)
        table = points.to_table(sed_type="dnde")
        names = [n for n in ("e_ref", "e_min", "e_max", "dnde", "dnde_err", "dnde_errp", "dnde_errn", "dnde_ul", "is_ul", "sqrt_ts") if n in table.colnames]
        found = {n: np.asarray(table[n]) for n in names}
        if dataset.mask_valid.sum() > 1:
            result = Fit().run([dataset])
            found |= {"fit": result.parameters.value, "stat": result.total_stat, "status of the fit": str(result.success)}
        return found

    def set_up(self, folder):
        super().set_up(folder)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            self.references = {n: self.numbers(folder / n) for n in self.files}
        self.known = frozenset(str(w.message) for w in caught)

    @property
    def reference(self): return self.references[self.chosen] if hasattr(self, "chosen") else {}
    @reference.setter
    def reference(self, value): pass


ENERGIES = np.geomspace(.3, 30, 9) * u.TeV


def model_numbers(models):
    "Fluxes and errors."
    found = {"names": models.names}
    for m in models:
        found[f"{m.name} flux"] = m.spectral_model(ENERGIES).to_value("cm-2 s-1 TeV-1")
        found[f"{m.name} error"] = m.spectral_model.evaluate_error(ENERGIES)[1].to_value("cm-2 s-1 TeV-1")
        found[f"{m.name} limits"] = np.nan_to_num([[p.min, p.max] for p in m.parameters], nan=-1e99, posinf=1e99, neginf=-1e99)
        found[f"{m.name} frozen"] = [bool(p.frozen) for p in m.parameters]
    return found


def some_models():
    from specnb import ExpCutoffPowerLawSpectralModel, LogParabolaSpectralModel, TemplateSpectralModel
    models = fitted().models.copy()
    other = SkyModel(ExpCutoffPowerLawSpectralModel(index=2.1, amplitude="3e-12 cm-2 s-1 TeV-1", lambda_="0.1 TeV-1"), name="cut")
    curved = SkyModel(LogParabolaSpectralModel(), name="curved", datasets_names=["run 1"])
    other.parameters["index"].min, other.parameters["index"].max = 0, 5
    table = SkyModel(TemplateSpectralModel([.1, 1, 10, 100] * u.TeV, [1e-10, 1e-12, 1e-14, 1e-16] * u.Unit("cm-2 s-1 TeV-1")), name="table")
    return Models([*models, other, curved, table])


class ModelFiles(Kind):
    "A file with four models of four types."
    name = "models"

    def prepare(self, folder):
        some_models().write(folder / "m.yaml", write_covariance=False)

    def targets(self): return {"m.yaml": 1}
    def mutate(self, name, raw, rng): return texts.mutate_yaml(raw.decode(), rng)
    def carry(self, folder): return model_numbers(Models.read(folder / "m.yaml"))


class CovarianceFiles(Kind):
    "A file with models and the matrix beside it: damage to the matrix, and models in another order, with another name or one less."
    name = "covariance"

    def prepare(self, folder):
        models = Models(list(some_models())[:3])
        n = len(models.parameters)
        models.covariance = np.diag(np.where([p.frozen for p in models.parameters], 0, (.1 * np.abs(models.parameters.value))**2)).reshape(n, n)
        models.write(folder / "m.yaml")

    def targets(self): return {"m_covariance.dat": .8, "m.yaml": .2}

    def mutate(self, name, raw, rng):
        if name == "m.yaml":
            content = yaml.safe_load(raw)
            what = fits_bytes.choose(rng, ["backwards", "one dropped", "one renamed", "one added", "another name of the matrix"])
            parts = content["components"]
            if what == "backwards": parts.reverse()
            elif what == "one dropped": del parts[int(rng.integers(len(parts)))]
            elif what == "one renamed": parts[int(rng.integers(len(parts)))]["name"] = "other"
            elif what == "one added": parts.insert(int(rng.integers(len(parts) + 1)), {**parts[0], "name": "one more"})
            else: content["covariance"] = fits_bytes.choose(rng, [5, "no.dat", "", [1], "../m.dat", None, "m.yaml"])
            return f"models: {what}", "", yaml.safe_dump(content, sort_keys=False).encode()
        return texts.mutate_cells(raw.decode(), rng, "|") if rng.random() < .7 else texts.characters(raw.decode(), rng)

    def carry(self, folder):
        models = Models.read(folder / "m.yaml")
        return {**model_numbers(models), **{f"{m.name} {p.name} error": p.error for m in models for p in m.parameters}}


class DatasetsFiles(Kind):
    "A list of two spectra and their models; fitted."
    name = "datasets"
    later = ("no datasets to fit", "have no models", "has no models")

    def prepare(self, folder):
        fitted().write(folder / "d.yaml", folder / "m.yaml")

    def targets(self): return {"d.yaml": .8, "m.yaml": .2}
    def mutate(self, name, raw, rng): return texts.mutate_yaml(raw.decode(), rng)

    def carry(self, folder):
        datasets = Datasets.read(folder / "d.yaml", folder / "m.yaml")
        return {"names": datasets.names, **with_fit(datasets)}


class ConfigFiles(Kind):
    "A configuration: read, and written again."
    name = "configuration"

    def prepare(self, folder):
        AnalysisConfig(observations={"datastore": str(demo_dir())}).write(folder / "c.yaml")

    def targets(self): return {"c.yaml": 1}
    def mutate(self, name, raw, rng): return texts.mutate_yaml(raw.decode(), rng)

    def carry(self, folder):
        config = AnalysisConfig.read(folder / "c.yaml")
        text = config.to_yaml()
        assert AnalysisConfig.from_yaml(text).to_yaml() == text
        return {"text": text}


def repeated(x, scale="1 TeV"):
    "What the sweep repeats."
    return {"flux": 3e-12 * x, "n": int(x), "name": f"{scale}"}


class SweepFiles(Kind):
    "A design, and the database of a sweep."
    name = "sweeps"

    def prepare(self, folder):
        sweep(repeated, {"x": [1., 2., 3.], "scale": ["1 TeV", "2 TeV"]}, folder / "s", n_jobs=1, progress=False)
        raw = (folder / "s" / "sweep.sqlite").read_bytes()
        for path in sorted((folder / "s").iterdir()): path.unlink()
        (folder / "s").rmdir()
        (folder / "sweep.sqlite").write_bytes(raw)
        (folder / "d.yaml").write_text("grid:\n  on_radius: [0.07, 0.11 deg, 3e-1]\n  n_bins: [5, 10]\npoints:\n- {index: 2.1, method: a}\n- {index: 2.3, method: b}\n"
                                       "latin_hypercube:\n  n: 4\n  seed: 3\n  ranges:\n    amplitude: {low: 1e-12, high: 1e-11, log: true}\n    bins: {low: 1, high: 9, integer: true}\n")

    def targets(self): return {"d.yaml": .6, "sweep.sqlite": .4}

    def mutate(self, name, raw, rng):
        if name == "d.yaml": return texts.mutate_yaml(raw.decode(), rng)
        return mutate_database(raw, rng)

    def carry(self, folder):
        table = read_sweep(folder).table
        columns = {n: np.asarray(table[n]).astype(str) if table[n].dtype.kind == "O" else np.ma.filled(table[n], 0 if table[n].dtype.kind in "fib" else "")
                   for n in table.colnames if n not in ("seconds", "finished")}
        return {**columns, "points": [str(p) for p in sweep_points(folder / "d.yaml")]}


def mutate_database(raw, rng):
    "Damage to the bytes, the tables or the cells of a SQLite file."
    import sqlite3
    import tempfile
    from pathlib import Path
    way = rng.random()
    if way < .4:
        changed, i = bytearray(raw), int(rng.integers(len(raw)))
        what = fits_bytes.choose(rng, ["flipped", "random", "truncated", "zeros", "head", "empty", "text"])
        if what == "flipped": changed[i] ^= 1 << int(rng.integers(8))
        elif what == "random": changed[i:i + 40] = rng.bytes(len(changed[i:i + 40]))
        elif what == "truncated": del changed[i:]
        elif what == "zeros": changed[i:i + 500] = bytes(len(changed[i:i + 500]))
        elif what == "head": changed[int(rng.integers(100))] = int(rng.integers(256))
        else: changed = {"empty": b"", "text": b"hello"}[what]
        return f"database: bytes {what}", f"at {i}", bytes(changed)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "s.sqlite")
        path.write_bytes(raw)
        with sqlite3.connect(path) as database:
            names = [r[1] for r in database.execute("PRAGMA table_info(points)")]
            name = fits_bytes.choose(rng, names)
            if way < .8:
                new = fits_bytes.choose(rng, [None, "", "{", "[1, 2]", "5", "nan", "{\"flux\": NaN}", "{\"flux\": 1e999}", b"\xff\xfe\x00", -1, 1e300, "x" * 10**5, "null", "\"text\"", "{\"a\": {\"b\": [1]}}", "[" * 20000,
                                              "{\"flux\": \"many\"}"])
                which = int(rng.integers(6))
                database.execute(f"UPDATE OR IGNORE points SET {name} = ? WHERE number = ?", (new, which))
                told = f"cell {name} {which} = {new!r:.40}"
                group = "database: cell"
            elif way < .9:
                told = fits_bytes.choose(rng, [f"ALTER TABLE points DROP COLUMN {'results' if name == 'point_id' else name}", "DROP TABLE notes", "DROP TABLE points", "DROP TABLE numbers", "PRAGMA user_version = 7",
                                               "DELETE FROM points", f"ALTER TABLE points RENAME COLUMN {name} TO other"])
                database.execute(told)
                group = "database: tables"
            else:
                new = fits_bytes.choose(rng, [None, "", "{", "5", b"\xff", "\"other\"", "[" * 20000, "[1]", "null"])
                note = fits_bytes.choose(rng, [r[0] for r in database.execute("SELECT name FROM notes")])
                database.execute("UPDATE notes SET value = ? WHERE name = ?", (new, note))
                group, told = "database: note", f"{note:.20} = {new!r:.40}"
        database.close()
        return group, told, path.read_bytes()


KINDS = {k.name: k for k in (Dl3, Ogip, MapFile, Points, ModelFiles, CovarianceFiles, DatasetsFiles, ConfigFiles, SweepFiles, Arguments)}
