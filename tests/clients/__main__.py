"Make the environments of other programs, let them read one of our spectra, and compare statistic and predicted counts."
import argparse
import os
import shutil
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
from .common import FILES, REQUIREMENTS, ask, differences, fitsverify, make, python_of, write_files


def main():
    parser = argparse.ArgumentParser(prog="python -m clients", description=__doc__)
    parser.add_argument("folder", nargs="?", default=os.environ.get("SPECNB_CLIENTS"), help="of the environments, by default that of SPECNB_CLIENTS")
    parser.add_argument("--only", choices=REQUIREMENTS, action="append", help="only this program (may be repeated)")
    parser.add_argument("--make", action="store_true", help="make the environments that are not there (minutes, and 3 GB)")
    options = parser.parse_args()
    if not options.folder: parser.error("name a folder for the environments, or set SPECNB_CLIENTS")
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        expected = write_files(folder)
        for name in options.only or REQUIREMENTS:
            if options.make: make(options.folder, name)
            if not python_of(options.folder, name).exists():
                print(f"{name:12} not installed in {options.folder}; pass --make")
                continue
            for file in FILES.get(name, ["x.fits"]):
                try: found = differences(name, ask(python_of(options.folder, name), name, Path(folder) / file), expected)
                except RuntimeError as error:
                    wrong += 1
                    print(error)
                    continue
                print(f"{name:12} {file:10} " + ", ".join(f"{key} {far:.1e}{' WRONG' * bad}" for key, (far, bad) in found.items()))
                wrong += any(bad for _, bad in found.values())
        if shutil.which("fitsverify"):
            faults = fitsverify(folder)
            print("fitsverify   " + ("\n".join(faults) or "no warning, no error"))
            wrong += len(faults)
    sys.exit(bool(wrong))


if __name__ == "__main__": main()
