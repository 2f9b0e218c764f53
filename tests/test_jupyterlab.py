"The first tutorial as a student has it: opened in JupyterLab, in a browser, and run to its end."
import os
import re
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
import nbformat
import pytest

top = Path(__file__).parent.parent
browser = next((b for b in map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome")) if b), None)


@pytest.fixture
def lab(tmp_path):
    "Address of a JupyterLab that serves a copy of the tutorial."
    shutil.copy(top / "nbs" / "tutorials" / "01_spectral_analysis.ipynb", tmp_path / "first.ipynb")
    environment = os.environ | {"PYTHONPATH": str(top), "HOME": str(tmp_path), "JUPYTER_CONFIG_DIR": str(tmp_path / "config")}
    environment.pop("MPLBACKEND", None)
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--ip=127.0.0.1", "--port=0", "--allow-root", "--IdentityProvider.token=here",
               "--ServerApp.root_dir", str(tmp_path), "--LabApp.news_url=None", "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"]
    server = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        said, address = [], None
        for line in server.stderr:
            said.append(line)
            if match := re.search(r"(http://127\.0\.0\.1:\d+)/lab", line):
                address = match[1]
                break
        assert address, "".join(said)
        yield address
        urllib.request.urlopen(urllib.request.Request(f"{address}/api/shutdown?token=here", method="POST", data=b"")).close()
    except urllib.error.URLError:
        pass
    finally:
        server.terminate()
        server.wait(30)


@pytest.mark.skipif(browser is None, reason="no Chromium on this machine: JupyterLab is not opened in a browser")
def test_first_tutorial_runs_to_its_end_in_jupyterlab(lab, tmp_path):
    from playwright.sync_api import sync_playwright
    with sync_playwright() as p:
        opened = p.chromium.launch(executable_path=browser, args=["--no-sandbox", "--disable-gpu"])
        tab = opened.new_page(viewport={"width": 1400, "height": 1000})
        tab.set_default_timeout(120_000)
        tab.goto(f"{lab}/lab/tree/first.ipynb?token=here&reset")
        tab.wait_for_selector(".jp-Notebook .jp-Cell")
        tab.wait_for_selector('.jp-StatusBar-TextItem:has-text("(ipykernel) | Idle")')
        tab.locator('.lm-MenuBar-itemLabel:text-is("Run")').click()
        tab.locator('.lm-Menu-itemLabel:text-is("Run All Cells")').click()
        tab.wait_for_function("document.querySelector('.jp-Notebook-ExecutionIndicator')?.dataset.status === 'busy'")
        tab.wait_for_function("document.querySelector('.jp-Notebook-ExecutionIndicator')?.dataset.status === 'idle'")
        with tab.expect_response(lambda r: r.request.method == "PUT" and "first.ipynb" in r.url and r.ok):
            tab.locator('[data-command="docmanager:save"]').first.click()
        opened.close()
    cells = [c for c in nbformat.read(tmp_path / "first.ipynb", 4).cells if c.cell_type == "code" and c.source.strip()]
    assert [c.execution_count for c in cells] == list(range(1, len(cells) + 1))
    assert not [o for c in cells for o in c.outputs if o.output_type == "error"]
