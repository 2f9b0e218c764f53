"Tables as CSV: numbers survive, limits have columns of their own, each column has its unit and meaning."
import csv
import numpy as np
import pytest
from astropy.table import Table
from specnb import AnalysisConfig, SpectralAnalysis, write_csv, write_products
from specnb.analysis.csv_tables import MEANINGS


def read(path):
    lines = path.read_text().splitlines()
    about = dict(line[2:].split(": ", 1) for line in lines if line.startswith("# "))
    return about, list(csv.DictReader(line for line in lines if not line.startswith("#")))


def test_csv_of_an_analysis(tmp_path):
    settings = {"general.formats": "csv", "fit.goodness": 0, "datasets.stack": True, "flux_points.energy.edges": ["1 TeV", "5 TeV", "20 TeV", "40 TeV"], "flux_points.parameters.selection_optional": ["ul", "errn-errp"]}
    analysis = SpectralAnalysis(AnalysisConfig().with_settings(settings)).run()
    names = write_products(analysis, tmp_path, figures=False)
    assert {"tables/flux_points.csv", "tables/parameters.csv", "tables/covariance.csv"} <= set(names)
    about, rows = read(tmp_path / "tables/flux_points.csv")
    table = analysis.flux_points.data.to_table(sed_type="dnde")
    for name in ("dnde", "dnde_ul", "dnde_errn", "dnde_errp"):
        column = next(n for n in rows[0] if n.startswith(f"{name} [TeV-1"))
        found = np.array([float(row[column] or "nan") for row in rows])
        assert np.allclose(found, table[name].value, rtol=1e-8, equal_nan=True) and name in about
    assert [row["is_ul"] for row in rows] == [str(int(x)) for x in table["is_ul"]] and about["dnde_ul"] == "upper limit of dnde, 2 sigma"
    assert set(about) <= set(MEANINGS) and [float(row["e_min [TeV]"]) for row in rows] == [1, 5, 20]
    about, rows = read(tmp_path / "tables/parameters.csv")
    assert rows[1]["name"] == "amplitude" and float(rows[1]["value"]) == pytest.approx(analysis.models.parameters["amplitude"].value, rel=1e-8)
    assert rows[1]["frozen"] == "0" and set(about) <= set(MEANINGS)
    about, rows = read(tmp_path / "tables/runs.csv")
    assert [(row["name"], row["counts"], row["counts_off"]) for row in rows] == [("1001", "170", "93"), ("1002", "172", "92"), ("1003", "131", "154"), ("1004", "77", "79")]
    assert set(about) <= set(MEANINGS) and "livetime [s]" in rows[0] and (tmp_path / "tables/info.csv").is_file()


def test_texts_nan_and_profiles(tmp_path):
    table = Table({"name": ["a, b", 'c "d"'], "value": [1., np.nan], "scan": [[1, 2], [3, 4]], "good": [True, False]}, units={"value": "TeV"})
    write_csv(table, tmp_path / "t.csv")
    about, rows = read(tmp_path / "t.csv")
    assert [row["name"] for row in rows] == ["a, b", 'c "d"'] and [row["value [TeV]"] for row in rows] == ["1", ""] and "scan" not in rows[0]
    assert [row["good"] for row in rows] == ["1", "0"] and about["good"] == "as in the ECSV table"
    with pytest.raises(FileExistsError): write_csv(table, tmp_path / "t.csv")
