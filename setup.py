"Package metadata; every value lives in settings.ini."
from configparser import ConfigParser
from pathlib import Path
from setuptools import find_packages, setup

cfg = ConfigParser(delimiters=["="])
cfg.read("settings.ini", encoding="utf-8")
s = cfg["DEFAULT"]
lib = s["lib_path"]

setup(
    name=s["lib_name"], version=s["version"], description=s["description"], keywords=s["keywords"],
    long_description=Path("README.md").read_text(encoding="utf-8"), long_description_content_type="text/markdown",
    author=s["author"], author_email=s["author_email"], url=s["git_url"], license="BSD-3-Clause",
    python_requires=f">={s['min_python']}", packages=[*find_packages(include=[lib, f"{lib}.*"]), f"{lib}.tutorials"],
    package_dir={f"{lib}.tutorials": "nbs/tutorials"},  # the notebooks that `specnb run` executes
    package_data={lib: ["*.pyi", "py.typed", "demo/*", "demo/*/*", "registry/*", "templates/*"], f"{lib}.tutorials": ["*.ipynb"]},
    install_requires=s.get("requirements", "").split(),
    extras_require={x.removesuffix("_requirements"): s[x].split() for x in s if x.endswith("_requirements")},
    entry_points={"console_scripts": s.get("console_scripts", "").split(), "nbdev": [f"{lib}={lib}._modidx:d"]},
)
