"""Downloads against a server on this machine: what arrives, what is asked for, and what is left after each kind of failure.

The failures need no real data: a data set `toy` of two made-up runs has its own registry. The whole path, to a `DataStore`, serves the real files.
"""
import errno
import hashlib
import logging
import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from types import SimpleNamespace
import pooch
import pytest
import specnb.data.download as chapter
from specnb import DataStore, DownloadError, cached_runs, download_dataset, find_dataset, terms_of_use

SEVEN, EIGHT = "data/run_000007.fits.gz", "data/run_000008.fits.gz"
TOY = {"README.txt": b"Made-up data.\n", "hdu-index.fits.gz": b"hdu", "obs-index.fits.gz": b"obs", SEVEN: b"seven"*40000, EIGHT: b"eight"*40000}
PROCESS = """
import signal, sys
from pathlib import Path
import specnb.data.download as chapter
signal.signal(signal.SIGINT, signal.default_int_handler)
registry, url, folder = sys.argv[1:]
chapter._DATASETS["toy"] = chapter._Dataset("toy", url, Path(registry))
chapter.download_dataset("toy", folder=folder)
"""


class Server(ThreadingHTTPServer):
    "Serves a folder, notes in `asked` what it is asked for, and meets each request with the next of `trouble`."

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *args): pass

        def do_GET(self):
            self.server.asked.append(self.path.split("/", 2)[2])
            trouble = self.server.trouble.pop(0) if self.server.trouble else None
            if trouble is None: super().do_GET()
            elif isinstance(trouble, int): self.send_error(trouble)
            else: trouble(self)

        def begin(self, length):
            self.send_response(200)
            self.send_header("Content-Length", str(length))
            self.end_headers()

    def __init__(self, folder):
        self.asked, self.trouble, self.stalled, self.release = [], [], Event(), Event()
        super().__init__(("127.0.0.1", 0), partial(self.Handler, directory=folder))
        self.url = f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, *args): pass  # a client that goes away is what some tests are about

    def cut(self, handler):
        "Announce more than is sent."
        handler.begin(200000)
        handler.wfile.write(b"seven"*1000)

    def stall(self, handler):
        "Send a part, then nothing until the end of the test."
        handler.begin(200000)
        handler.wfile.write(b"seven"*20000)
        self.stalled.set()
        self.release.wait(30)

    def other(self, handler):
        "Answer with something else, as the login page of a hotel does."
        handler.begin(12)
        handler.wfile.write(b"<html>login?")


@contextmanager
def serving(folder):
    with Server(folder) as server:
        Thread(target=server.serve_forever, args=[.01], daemon=True).start()
        yield server
        server.release.set()
        server.shutdown()


@pytest.fixture
def waits(monkeypatch):
    "The seconds that pooch waits between attempts, without waiting."
    waits = []
    monkeypatch.setattr("pooch.core.time", SimpleNamespace(sleep=waits.append))
    return waits


@pytest.fixture(autouse=True)
def surroundings(monkeypatch, tmp_path):
    for name in ("SPECNB_DATA_URL", "GAMMAPY_DATA"): monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SPECNB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def server(tmp_path, monkeypatch, waits):
    for path, content in TOY.items():
        (tmp_path / "server/toy" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "server/toy" / path).write_bytes(content)
    (tmp_path / "toy.txt").write_text("".join(f"toy/{p} sha256:{hashlib.sha256(c).hexdigest()}\n" for p, c in TOY.items()))
    (tmp_path / "toy-README.txt").write_bytes(TOY["README.txt"])
    with serving(tmp_path / "server") as server:
        monkeypatch.setitem(chapter._DATASETS, "toy", chapter._Dataset("toy", server.url, tmp_path))
        yield server


@pytest.fixture
def folder(tmp_path): return tmp_path / "cache/toy"


def content(folder):
    "Every file below `folder`, hidden ones too."
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def process(server, tmp_path, folder):
    return subprocess.Popen([sys.executable, "-c", PROCESS, str(tmp_path), server.url, str(folder)], stderr=subprocess.PIPE, text=True)


# --- the real files ----------------------------------------------------------------------------------------------------------

def test_two_runs_become_observations(hess_dir, tmp_path, monkeypatch):
    with serving(hess_dir.parent) as server:
        monkeypatch.setenv("SPECNB_DATA_URL", server.url)
        folder = download_dataset("hess-dl3-dr1", [23523, 23526])
        assert folder == tmp_path / "cache/hess-dl3-dr1"
        assert server.asked == ["README.txt", "hdu-index.fits.gz", "obs-index.fits.gz", *(
            f"data/hess_dl3_dr1_obs_id_0{run}.fits.gz" for run in (23523, 23526))]
        assert (folder / "README.txt").read_text() == terms_of_use("hess-dl3-dr1")
        assert [len(o.events) for o in DataStore.from_dir(folder).get_observations([23523, 23526])] == [7613, 7581]
        assert cached_runs() == [23523, 23526]
        server.asked.clear()
        assert find_dataset(runs=[23526]) == folder and server.asked == []


def test_every_run_comes_with_its_bytes(hess_dir, tmp_path):
    "As many runs as are here; four at least are what the tutorial needs."
    runs = [run for run, path in chapter._known("hess-dl3-dr1").runs.items() if (hess_dir / path).exists()]
    with serving(hess_dir.parent) as server: folder = download_dataset(runs=runs, folder=tmp_path / "all", base_url=server.url + "/")
    assert len(runs) >= 4 and len(server.asked) == len(runs) + 3 and cached_runs(folder=hess_dir) == cached_runs(folder=folder) == runs
    assert all(data == (hess_dir / path).read_bytes() for path, data in content(folder).items())


# --- the registry that ships -------------------------------------------------------------------------------------------------

def test_registry_is_what_pooch_reads():
    dataset = chapter._known("hess-dl3-dr1")
    pup = pooch.create("", dataset.base_url)
    pup.load_registry(dataset.folder / "hess-dl3-dr1.txt")
    assert pup.registry == {f"hess-dl3-dr1/{path}": f"sha256:{digest}" for path, digest in dataset.files.items()} and len(pup.registry) == 108
    assert all(re.fullmatch("[0-9a-f]{64}", digest) for digest in dataset.files.values()) and len({*dataset.files.values()}) == 108
    assert len(dataset.runs) == 105 and {23523, 23526, 23559, 23592, 33787} <= set(dataset.runs)
    assert dataset.runs[23523] == "data/hess_dl3_dr1_obs_id_023523.fits.gz"


def test_terms_are_those_of_the_data():
    assert hashlib.sha256(terms_of_use().encode()).hexdigest() == chapter._known("hess-dl3-dr1").files["README.txt"]
    assert "No scientific publications may be derived" in terms_of_use()


def test_registry_is_in_the_package(root):
    assert '"registry/*"' in (root / "setup.py").read_text()
    assert not [str(p) for p in (root / "specnb/registry").iterdir() if p.suffix != ".txt"], "facts and terms only, no data"


# --- what is asked for -------------------------------------------------------------------------------------------------------

def test_everything_and_then_nothing(server, folder, capfd):
    assert download_dataset("toy") == folder and server.asked == list(TOY)
    assert content(folder) == TOY
    assert download_dataset("toy") == find_dataset("toy") == folder and len(server.asked) == len(TOY)
    assert "".join(capfd.readouterr()) == "", "quiet where nobody watches"


def test_only_what_is_missing(server, folder):
    download_dataset("toy", 7)
    assert cached_runs("toy") == [7] and EIGHT not in content(folder)
    server.asked.clear()
    download_dataset("toy", ["8", 7, 8])
    assert server.asked == [EIGHT] and cached_runs("toy") == [7, 8]


def test_a_wrong_file_is_replaced(server, folder):
    download_dataset("toy")
    (folder / SEVEN).write_bytes(TOY[SEVEN][:-1])
    assert cached_runs("toy") == [8]
    server.asked.clear()
    download_dataset("toy")
    assert server.asked == [SEVEN] and content(folder) == TOY


def test_without_index_or_terms_no_run_counts(server, folder):
    download_dataset("toy")
    (folder / "README.txt").unlink()
    assert cached_runs("toy") == []
    assert (download_dataset("toy", []) / "README.txt").exists() and cached_runs("toy") == [7, 8]


def test_complete_data_need_no_right_to_write(server, folder, monkeypatch):
    download_dataset("toy")
    monkeypatch.setattr(chapter, "_fetch", None)
    assert download_dataset("toy") == folder


def test_files_get_the_usual_permissions(server, folder):
    download_dataset("toy")
    usual = folder / "usual"
    usual.touch()
    assert {p.stat().st_mode for p in folder.rglob("*") if p.is_file()} == {usual.stat().st_mode}


def test_addresses(server, tmp_path, monkeypatch):
    "Argument before environment before the data set's own."
    with serving(tmp_path / "server") as mirror:
        monkeypatch.setenv("SPECNB_DATA_URL", mirror.url + "/")
        download_dataset("toy", folder=tmp_path / "a")
        assert (len(mirror.asked), len(server.asked)) == (5, 0)
        download_dataset("toy", folder=tmp_path / "b", base_url=server.url)
        assert (len(mirror.asked), len(server.asked)) == (5, 5)
        monkeypatch.delenv("SPECNB_DATA_URL")
        download_dataset("toy", folder=tmp_path / "c")
        assert (len(mirror.asked), len(server.asked)) == (5, 10)


def test_default_folder_is_the_cache_of_the_system(monkeypatch):
    monkeypatch.delenv("SPECNB_CACHE")
    assert chapter._folder_of("toy", None) == pooch.os_cache("specnb") / "toy"


def test_progress_on_request(server, tmp_path, capfd):
    download_dataset("toy", folder=tmp_path / "a", progress=True)
    assert "toy: 100%" in (text := capfd.readouterr().err) and "5/5" in text
    download_dataset("toy", folder=tmp_path / "b", progress=False)
    assert capfd.readouterr().err == ""


def test_pooch_is_quiet_here_and_only_here(server, monkeypatch):
    logger, said = pooch.get_logger(), []
    handler = logging.Handler()
    handler.emit = said.append
    monkeypatch.setattr(logger, "handlers", [handler])
    logger.setLevel(5)
    server.trouble = [503]
    download_dataset("toy")
    assert said == [] and logger.level == 5
    logger.setLevel(logging.NOTSET)


def test_own_data_come_first(server, tmp_path, monkeypatch, folder):
    monkeypatch.setenv("GAMMAPY_DATA", str(tmp_path / "server"))
    assert find_dataset("toy") == tmp_path / "server/toy" and server.asked == []
    (tmp_path / "server/toy" / EIGHT).rename(tmp_path / "eight")
    assert find_dataset("toy", [7]) == tmp_path / "server/toy" and server.asked == []
    (tmp_path / "eight").rename(tmp_path / "server/toy" / EIGHT)
    (tmp_path / "own/toy/data").mkdir(parents=True)
    for path in (SEVEN, EIGHT): (tmp_path / "own/toy" / path).write_bytes(TOY[path])
    monkeypatch.setenv("GAMMAPY_DATA", str(tmp_path / "own"))
    assert find_dataset("toy") == folder, "runs without index tables are no data set"
    assert content(tmp_path / "own/toy").keys() == {SEVEN, EIGHT}


# --- what is refused ---------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("function", [download_dataset, find_dataset, cached_runs, terms_of_use])
def test_unknown_data_set(function):
    with pytest.raises(ValueError, match="no data set 'hess-dl3'; known are hess-dl3-dr1; did you mean 'hess-dl3-dr1'"): function("hess-dl3")
    with pytest.raises(ValueError, match="no data set 'fermi'; known are hess-dl3-dr1$"): function("fermi")


@pytest.mark.parametrize("function", [download_dataset, find_dataset])
def test_unknown_run(function, tmp_path):
    with pytest.raises(ValueError, match="hess-dl3-dr1: no run 1, 2; there are 105 runs from 20136 to 47829"): function(runs=[1, 23523, 2])
    with pytest.raises(ValueError, match="expected the number of a run, found 'crab'"): function(runs="crab")
    assert not (tmp_path / "cache").exists()


# --- failures of the server --------------------------------------------------------------------------------------------------

def test_not_found(server, folder):
    server.trouble = [None]*3 + [404]*4
    with pytest.raises(DownloadError, match="^" + re.escape(f"{server.url}/toy/{SEVEN}: the server answered 404 Not Found, in 4 attempts; complete files are kept")):
        download_dataset("toy")
    assert content(folder).keys() == TOY.keys() - {SEVEN, EIGHT}
    server.asked.clear()
    download_dataset("toy")
    assert server.asked == [SEVEN, EIGHT], "goes on where it stopped"


@pytest.mark.parametrize("trouble", [503, 500, 429, "cut", "other"])
def test_passing_trouble_is_tried_again(server, folder, waits, trouble):
    trouble = getattr(server, str(trouble), trouble)
    server.trouble = [None]*3 + [trouble]*3
    download_dataset("toy")
    assert server.asked.count(SEVEN) == 4 and waits == [1, 2, 3] and content(folder) == TOY


def test_lasting_trouble_is_named(server, folder):
    server.trouble = [503]*4
    with pytest.raises(DownloadError, match=r"README.txt: the server answered 503 Service Unavailable, in 4 attempts.*call again"): download_dataset("toy")
    assert server.asked == ["README.txt"]*4 and content(folder) == {}


def test_a_corrupted_file_is_refused(server, folder):
    server.trouble = [None]*4 + [server.other]*4
    with pytest.raises(DownloadError) as caught: download_dataset("toy")
    for part in (f"{server.url}/toy/{EIGHT}: refused and not kept", hashlib.sha256(TOY[EIGHT]).hexdigest(),
                 hashlib.sha256(b"<html>login?").hexdigest(), "SPECNB_DATA_URL"): assert part in str(caught.value)
    assert content(folder).keys() == TOY.keys() - {EIGHT}


def test_a_wrong_file_stays_wrong_until_a_good_one_comes(server, folder):
    download_dataset("toy")
    (folder / EIGHT).write_bytes(b"wrong")
    server.trouble = [server.other]*4
    with pytest.raises(DownloadError): download_dataset("toy")
    assert cached_runs("toy") == [7] and content(folder) == {**TOY, EIGHT: b"wrong"}


def test_a_transfer_that_breaks_off(server, folder):
    server.trouble = [None]*3 + [server.cut]*4
    with pytest.raises(DownloadError, match=f"/toy/{SEVEN}: no complete answer .*, in 4 attempts.*call again"): download_dataset("toy")
    assert content(folder).keys() == TOY.keys() - {SEVEN, EIGHT}


def test_a_server_that_falls_silent(server, folder, monkeypatch):
    monkeypatch.setattr(chapter, "_TIMEOUT", .2)
    server.trouble = [None]*3 + [server.stall]
    download_dataset("toy")
    assert content(folder) == TOY and server.asked.count(SEVEN) == 2
    (folder / SEVEN).unlink()
    server.trouble = [server.stall]*4
    with pytest.raises(DownloadError, match="no complete answer .*Read timed out.*, in 4 attempts"): download_dataset("toy")


# --- no network, no disk -----------------------------------------------------------------------------------------------------

def test_nobody_answers(server, folder):
    with socket.socket() as nobody:  # a port that is taken, but where nobody listens
        nobody.bind(("127.0.0.1", 0))
        with pytest.raises(DownloadError, match=r"/toy/README.txt: no complete answer \(.*Connection refused\).*--data demo"):
            download_dataset("toy", base_url="http://{}:{}".format(*nobody.getsockname()))
    assert content(folder) == {}


def test_no_such_host(server):
    with pytest.raises(DownloadError, match="http://no-such-host.invalid/toy/README.txt: no complete answer .*--data demo"):
        download_dataset("toy", base_url="http://no-such-host.invalid")


def test_no_address(server):
    with pytest.raises(DownloadError, match="mirror/toy/README.txt: (no complete answer|refused).*SPECNB_DATA_URL"): download_dataset("toy", base_url="mirror")


def test_a_file_where_the_folder_should_be(server, folder):
    folder.parent.mkdir()
    folder.write_text("mine")
    with pytest.raises(DownloadError, match=f"{re.escape(str(folder))}: files from .* cannot be written .*SPECNB_CACHE"): download_dataset("toy")
    folder.unlink()
    folder.mkdir()
    (folder / "data").write_text("mine")
    with pytest.raises(DownloadError, match="cannot be written there"): download_dataset("toy")
    assert (folder / "data").read_text() == "mine" and sorted(p.name for p in folder.iterdir()) == sorted({"data", *(k for k in TOY if "/" not in k)})


def test_a_full_disk(server, folder, monkeypatch):
    def full(*args): raise OSError(errno.ENOSPC, "No space left on device")
    monkeypatch.setattr(pooch.HTTPDownloader, "__call__", full)
    with pytest.raises(DownloadError, match=f"{re.escape(str(folder))}: .*No space left on device"): download_dataset("toy")
    assert content(folder) == {}


# --- processes that end, and two at once -------------------------------------------------------------------------------------

@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT], ids=lambda n: n.name)
def test_stopped_in_the_middle(server, tmp_path, folder, number):
    server.trouble = [None]*3 + [server.stall]
    with process(server, tmp_path, folder) as child:
        assert server.stalled.wait(30)
        child.send_signal(number)
        assert child.wait(30) != 0
    left = {name: data for name, data in content(folder).items() if name in TOY}
    assert left.keys() == TOY.keys() - {SEVEN, EIGHT} and all(TOY[k] == v for k, v in left.items())
    assert (left == content(folder)) == (number == signal.SIGINT), "Ctrl-C leaves nothing, a process that is killed a temporary file"
    assert cached_runs("toy") == []
    server.asked.clear()
    download_dataset("toy")
    assert server.asked == [SEVEN, EIGHT] and {k: v for k, v in content(folder).items() if k in TOY} == TOY


@pytest.mark.parametrize("processes", [True, False])
def test_two_at_once(server, tmp_path, folder, processes):
    "Files may be fetched twice, but each is whole, and nothing else is left."
    server.trouble = [lambda handler: (time.sleep(.05), SimpleHTTPRequestHandler.do_GET(handler))]*10
    if processes:
        children = [process(server, tmp_path, folder) for _ in range(2)]
        assert [child.communicate(timeout=60) and child.returncode for child in children] == [0, 0]
    else:
        failures = []
        def one():
            try: download_dataset("toy")
            except BaseException as error: failures.append(error)
        threads = [Thread(target=one) for _ in range(2)]
        for thread in threads: thread.start()
        for thread in threads: thread.join(30)
        assert failures == []
    assert content(folder) == TOY
