"""Ctrl-C, and a notebook's interrupt, are heard while a server does not answer."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import client_store
import pytest
import stores

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.skipif(os.name != "posix", reason="sends SIGINT")
READS = {
    "a table": "z.asset_basics()",
    "a part of one": "z.asset_basics(columns=['name'], limit=1)",
    "a partition": "z.qc('828418')",
    "many partitions": "z.qc(['828418', 'M2501', 'a/b', '00123'])",
    "all partitions": "z.sql('select max(value) from qc join qc_tag_status t using (asset_name)')",
    "SQL": "z.sql('select * from asset_basics b join quality_control q on q.asset_name = b.name')",
    "states": "z.snapshots()",
    "how all stand": "z.status()",
    "what is written": "z.custom('mine', __import__('pandas').DataFrame({'a': [1]}))",
}
# Whoever hears it goes on at once: what was asked for does not hold the process, nor its end. The
# client waits for longer than the test, so that nothing ends for another reason.
CODE = """
import signal, sys, time
import zs_client as z
from zs_client import s3
s3.INTERACTIVE = s3.UNATTENDED
signal.signal(signal.SIGINT, signal.default_int_handler)
try:
    {what}
except KeyboardInterrupt:
    print("heard", flush=True)
"""


@pytest.fixture(autouse=True)
def heard():
    """What a shell starts in the background ignores SIGINT, and so would the commands here."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def hanging(s3_server, environment):
    """An S3 server that from some request on does not answer, with every acorn in a bucket."""
    environment.setenv("ZS_CACHE", "off")
    proxy = stores.FaultyProxy(s3_server)
    client_store.as_owner(environment, proxy.url)
    url = f"s3://{client_store.bucket(s3_server, public=True)}"
    client_store.filled(url)
    environment.setenv("ZS_STORE", url)
    server = Hanging(proxy)
    yield server
    server.let_go.set()
    proxy.close()


class Hanging:
    """Answers some requests, then lets all others wait until the test ends."""

    def __init__(self, proxy: stores.FaultyProxy) -> None:
        self.let_go, self.waits = threading.Event(), threading.Event()
        self.proxy = proxy

    def after(self, count: int) -> None:
        begun = len(self.proxy.seen)

        def fault(method: str, number: int) -> str:
            if number - begun > count:
                self.waits.set()
                self.let_go.wait()
                return "drop"
            return ""

        self.proxy.fault = fault


def interrupted(server: Hanging, *command: str) -> tuple[int, str, str]:
    """The exit code and output of a process that was interrupted while it waits."""
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert server.waits.wait(150), "nothing was asked"
            process.send_signal(signal.SIGINT)
            # The server answers nothing before the test ends, and requests wait for a minute.
            out, err = process.communicate(timeout=50)
        except subprocess.TimeoutExpired:
            process.kill()
            pytest.fail(f"the interrupt was not heard, or did not end it: {process.communicate()}")
        return process.returncode, out, err


@pytest.mark.parametrize("answered", [0, 1, 3])
@pytest.mark.parametrize("what", READS)
def test_an_interrupt_is_heard_while_a_server_does_not_answer(hanging, what, answered):
    hanging.after(answered)
    if answered == 3 and what in ("a table", "a part of one", "a partition"):
        pytest.skip("it asks no more than three times")
    code, out, err = interrupted(hanging, sys.executable, "-c", CODE.format(what=READS[what]))
    assert (code, out) == (0, "heard\n"), err
    assert "Traceback" not in err


@pytest.mark.parametrize("words", [["show", "asset_basics"], ["status"], ["snapshots"]])
def test_a_command_that_is_interrupted_ends_with_130(hanging, words):
    hanging.after(1)
    code, out, err = interrupted(hanging, sys.executable, "-m", "zs_client.cli", *words)
    assert (code, out) == (130, ""), err
    assert err == "zs: interrupted\n"


@pytest.mark.slow
@pytest.mark.parametrize("answered", [0, 6, 40])
def test_a_build_that_is_interrupted_ends_and_the_next_one_is_whole(hanging, s3_server, answered):
    url = f"s3://{client_store.bucket(s3_server, public=True)}"
    hanging.after(answered)
    build = [sys.executable, "-m", "zs_client.cli", "build", "--store", url]
    code, _, err = interrupted(hanging, *build)
    assert code == 130, err
    assert err.endswith("zs: interrupted\n")
    hanging.proxy.fault = stores.no_fault
    hanging.let_go.set()
    done = subprocess.run(build, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
