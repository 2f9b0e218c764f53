"Every cell of every chapter and of the front page runs, from a fresh start and top to bottom."
import os
import subprocess
import sys
from pathlib import Path
import pytest

RUN = """
import sys
from pathlib import Path
from nbdev.test import test_nb
sys.exit(not test_nb(Path(sys.argv[1]), basepath=sys.argv[2])[0])
"""
NBS = Path(__file__).parent.parent / "nbs"


@pytest.mark.parametrize("path", [*sorted(NBS.glob("[0-9][0-9]_*/*.ipynb")), *sorted(NBS.glob("*.ipynb"))],
                         ids=lambda p: p.relative_to(NBS).with_suffix("").as_posix())
def test_notebook_runs(path):
    env = {**os.environ, "MPLBACKEND": "agg"}
    done = subprocess.run([sys.executable, "-c", RUN, str(path), str(NBS.parent)], cwd=NBS.parent, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
