"""A forked process reads what its parent read, or says at once that it cannot: it never waits."""

import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import client_store
import pytest
import stores

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")

HEAD = """
import multiprocessing, os, queue, sys, threading
import zs_client as z
from zs_client import read
fork = multiprocessing.get_context("fork")
def rows(subject="828418"):
    return z.asset_basics.arrow().num_rows, len(z.qc(subject)), len(z.qc(["828418", "M2501"]))
def wanted():
    return 6, 2, 4
def names():
    return sorted(one.name for one in z.status() if one.state == "fresh"), len(z.snapshots())
"""
WAYS = {
    "fork": """
z.asset_basics.arrow()
child = os.fork()
if not child:
    os._exit(0 if rows() == wanted() else 3)
assert rows() == wanted()
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
""",
    "queries": """
def count():
    return z.sql("SELECT count(name) AS n FROM qc")["n"].tolist()
before = count()
child = os.fork()
if not child:
    # The interpreter ends as any does: an engine that it had of its parent crashed then.
    sys.exit(0 if count() == before else 3)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
assert count() == before != [0]
""",
    "a pool": """
assert rows() == wanted()
with fork.Pool(3) as pool:
    assert pool.map(rows, ["828418", "M2501", "a/b", "828418", "M2501", "a/b"]) == [wanted()] * 6
""",
    "a loader": """
# As PyTorch's: the parent reads, each worker answers indices from a queue, and reads on.
z.unique_subject_ids()
def work(asked, answered):
    for index in iter(asked.get, None):
        answered.put((index, len(z.qc(["828418", "M2501"][index % 2]))))
asked, answered = [fork.Queue() for _ in range(2)], fork.Queue()
workers = [fork.Process(target=work, args=(one, answered), daemon=True) for one in asked]
for worker in workers: worker.start()
for index in range(10): asked[index % 2].put(index)
assert sorted(answered.get(timeout=40) for _ in range(10)) == [(n, 2) for n in range(10)]
assert len(z.qc("828418")) == 2
for one in asked: one.put(None)
for worker in workers: worker.join(40)
""",
    "a child of a child": """
z.asset_basics.arrow()
def once_more(_):
    with fork.Pool(1) as pool:
        pool.map(rows, ["828418"])
    return rows()
child = fork.Process(target=once_more, args=(0,))
child.start(); child.join(40)
assert child.exitcode == 0
""",
    "while threads read": """
# A module that a thread is importing stays locked in the forked process; Python has no way out.
assert rows() == wanted()
stop = False
def read_on():
    while not stop:
        z.qc(["828418", "M2501"])
threads = [threading.Thread(target=read_on) for _ in range(4)]
for thread in threads: thread.start()
for _ in range(5):
    child = os.fork()
    if not child:
        try:
            os._exit(0 if rows() == wanted() else 3)
        finally:
            os._exit(4)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
stop = True
""",
    "listings and settings": """
before = names()
with fork.Pool(1) as pool:
    assert pool.apply(names) == before
""",
}
REFUSED = """
z.asset_basics.arrow()
child = os.fork()
if not child:
    try:
        {what}
    except Exception as error:
        print(type(error).__name__, error, flush=True)
        os._exit(0)
    os._exit(3)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
"""


@pytest.fixture(params=["folder", "public", "with credentials", "cached"])
def store(request, environment, tmp_path):
    """The URL of a store with every acorn, and what reads it set in the environment."""
    environment.setenv("ZS_CACHE", str(tmp_path / "cache") if request.param == "cached" else "off")
    if request.param == "folder":
        (tmp_path / "store").mkdir()
        url = str(tmp_path / "store")
        client_store.filled(url)
    else:
        address = request.getfixturevalue("s3_server")
        client_store.as_owner(environment, address)
        url = f"s3://{client_store.bucket(address, public=request.param != 'with credentials')}"
        client_store.filled(url)
        if request.param == "public":
            client_store.nobody(environment, address)
    environment.setenv("ZS_STORE", url)
    return url


def run(code: str, seconds: float = 150) -> subprocess.CompletedProcess[str]:
    """Run code in a process, which is killed with its children when it does not end."""
    with subprocess.Popen(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", HEAD + code],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            said = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            pytest.fail("it waited for ever")
        return subprocess.CompletedProcess([], process.returncode, *said)


@pytest.mark.parametrize("way", WAYS)
def test_a_forked_process_reads_as_its_parent_did(store, way):
    done = run(WAYS[way])
    assert done.returncode == 0, done.stderr


def test_what_a_forked_process_cannot_do_is_said_at_once(environment, s3_server, tmp_path):
    environment.setenv("ZS_CACHE", "off")
    client_store.as_owner(environment, s3_server)
    url = f"s3://{client_store.bucket(s3_server, public=False)}"
    client_store.filled(url)
    environment.setenv("ZS_STORE", url)
    what = "import pandas as pd; z.custom('mine', pd.DataFrame({'a': [1]}))"
    done = run(REFUSED.format(what=what))
    assert done.returncode == 0, done.stderr
    assert "spawn" in done.stdout

    memory = """
from zs_client.opening import open_store
store = open_store("memory://")
store.put("key", b"1")
""" + REFUSED.format(what="store.get('key')").replace("z.asset_basics.arrow()", "")
    done = run(memory)
    assert done.returncode == 0, done.stderr
    assert "spawn" in done.stdout


def test_what_comes_altered_to_a_forked_process_is_no_table(environment, s3_server):
    proxy = stores.FaultyProxy(s3_server)
    environment.setenv("ZS_CACHE", "off")
    client_store.as_owner(environment, proxy.url)
    url = f"s3://{client_store.bucket(s3_server, public=True)}"
    client_store.filled(url)
    environment.setenv("ZS_STORE", url)
    proxy.fault = lambda method, _: "altered" if "/qc/" in proxy.seen[-1][1] else ""
    done = run(REFUSED.format(what="z.qc('828418')"))
    proxy.close()
    assert done.returncode == 0, done.stderr
    assert "ReadError" in done.stdout
    assert "what came is not what the store has" in done.stdout


def test_a_folder_is_written_by_a_forked_process_as_well(environment, tmp_path):
    environment.setenv("ZS_STORE", str(tmp_path))
    client_store.filled(str(tmp_path))
    code = """
import pandas as pd
z.asset_basics.arrow()
def write(number):
    z.custom(f"table{number}", pd.DataFrame({"a": [number]}))
    return z.custom(f"table{number}")["a"].tolist()
with fork.Pool(2) as pool:
    assert pool.map(write, range(4)) == [[n] for n in range(4)]
assert len(z.custom_tables()) == 4
"""
    done = run(code)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("store", ["folder", "public"], indirect=True)
def test_gunicorn_that_reads_before_it_forks_answers(store, tmp_path):
    (tmp_path / "app.py").write_text(
        "import zs_client\n"
        "zs_client.asset_basics.arrow()\n"
        "def app(environ, start):\n"
        "    rows = zs_client.asset_basics.arrow().num_rows + len(zs_client.qc('828418'))\n"
        "    start('200 OK', [])\n"
        "    return [str(rows).encode()]\n"
    )
    command = [sys.executable, "-m", "gunicorn", "--preload", "-w", "2", "-b", "127.0.0.1:0"]
    with subprocess.Popen(
        [*command, "--chdir", str(tmp_path), "app:app"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as server:
        try:
            assert server.stderr is not None
            line = ""
            while "Listening at: " not in line:
                line = server.stderr.readline()
                assert line, "it ended"
            address = line.split("Listening at: ")[1].split()[0]
            began = time.monotonic()
            answers = [urllib.request.urlopen(address, timeout=40).read() for _ in range(6)]
            assert set(answers) == {b"8"}
            assert time.monotonic() - began < 60
        finally:
            os.killpg(server.pid, signal.SIGTERM)
