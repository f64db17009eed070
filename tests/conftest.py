"""Servers and stores that tests of the whole way share: real ones, on this machine's loopback.

What is slow to import is imported where it is used: the process that hands out the tests imports
this module as well, and the others wait for it.
"""

import contextvars
import os
import signal
import time
import uuid
from collections.abc import Iterator
from datetime import date
from functools import wraps
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import slow

from zs_client import remembered
from zs_pipeline.settings import sample
from zs_pipeline.side_files import nights

# No test depends on the speed of the machine.
hypothesis.settings.register_profile("patient", deadline=None)
# For `make quick`: a fourth of the examples. The whole suite has all of them.
hypothesis.settings.register_profile("quick", deadline=None, max_examples=25)
hypothesis.settings.load_profile("patient")


def pytest_configure() -> None:
    """Hear interrupts also where a shell began the tests in its background, ignoring them.

    Dagster sets SIGTERM to what SIGINT has, and processes that tests start inherit both as ignored:
    a pool of forked ones then waits for ever for those that it ends.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is slow, for `make quick` to leave out."""
    for item in items:
        if slow.is_slow(item):
            item.add_marker(pytest.mark.slow)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Keep the CPU seconds of each test, with those of the servers in this process."""
    before = time.process_time()
    try:
        return (yield)
    finally:
        item.user_properties.append((slow.CPU_SECONDS, time.process_time() - before))


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> None:
    """Run each test in a context of its own.

    Dagster holds in a context variable the storage of the last instance that was entered. Instances
    that are left in another order, as when the garbage collector closes one, leave the storage of
    one that is gone, and the next test that loads definitions fails.
    """
    function = pyfuncitem.obj

    @wraps(function)
    def within(*given: Any, **named: Any) -> Any:
        return contextvars.copy_context().run(function, *given, **named)

    pyfuncitem.obj = within


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say which tests are slow without being marked."""
    for line in slow.told(terminalreporter.stats.get("passed", [])):
        terminalreporter.write_line(line, yellow=True)


CORPUS = Path(__file__).parents[2] / "shared" / "corpus"


@pytest.fixture(autouse=True)
def _no_variables(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """No test depends on the variables of whoever runs it, or on what another one has read."""
    ours = [name for name in os.environ if name.startswith("ZS_")]
    for name in (*ours, "FOREST_TYPE", "BIODATA_CACHE_BACKEND", "DAGSTER_HOME"):
        monkeypatch.delenv(name, raising=False)
    # Servers of several tests have the same port, one after another.
    place = tmp_path_factory.getbasetemp() / "cache" / uuid.uuid4().hex
    monkeypatch.setenv("ZS_CACHE", str(place))
    # However slow the machine is.
    monkeypatch.setenv("ZS_TIMEOUT", "60")
    remembered.forget()
    # Other documents than the sample's would have their side files sought on S3.
    monkeypatch.setenv("ZS_FILES", str(sample() / "files"))


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A reader's variables: nothing of them is set, credentials neither."""
    import client_store

    client_store.plain(monkeypatch)
    return monkeypatch


@pytest.fixture(scope="session", autouse=True)
def _fixed_night() -> Iterator[None]:
    """Which side files are due again depends on the date; no test depends on the clock."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nights, "today", lambda: date(2026, 11, 26))
        yield


@pytest.fixture(scope="session")
def corpus() -> Path:
    """The folder of real documents."""
    if not (CORPUS / "documents.ndjson").exists():
        pytest.skip("the corpus of real documents is not beside this checkout")
    return CORPUS


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """The endpoint of an S3 server over HTTP."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(s3_server: str, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> str:
    """A new, empty bucket's URL, with the AWS variables set to reach it."""
    import boto3

    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_server)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testtest")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    name = f"bucket-{abs(hash(request.node.nodeid)):x}"
    boto3.client("s3").create_bucket(Bucket=name)
    return f"s3://{name}"


@pytest.fixture(scope="session")
def sample_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with everything built from the sample, for tests that only read."""
    from building import zs_build

    store = tmp_path_factory.mktemp("sample")
    assert zs_build(sample() / "documents.ndjson", store) == 0
    return store


@pytest.fixture(scope="session")
def full_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As `sample_store`, with the tables and the layout of the successor."""
    from building import zs_build

    store = tmp_path_factory.mktemp("full")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ZS_BDC_VERSION", "0.99")
        assert zs_build(sample() / "documents.ndjson", store) == 0
    return store
