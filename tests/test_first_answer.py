"""Without a network a reader is told so at once; a slow server or line is waited for."""

import asyncio
import os
import socket
import threading
import time
from collections.abc import Iterator

import client_store
import pandas as pd
import pytest
from stores import FaultyProxy

import zs_client
from zs_client import cli, first_answer, forked, objects, remembered, s3
from zs_client.contract import Layout
from zs_client.first_answer import FirstAnswer
from zs_client.obstore_errors import NoAnswer
from zs_client.place import resolve
from zs_client.s3 import PUBLIC

# Far below what a silent server took before (10 s), far above what a busy machine adds.
SOON = 6


@pytest.fixture
def silent() -> Iterator[str]:
    """A server that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


@pytest.fixture
def refused() -> str:
    """An address at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return f"http://127.0.0.1:{listening.getsockname()[1]}"


@pytest.fixture
def proxy(s3_server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyProxy]:
    """The way to a filled store."""
    proxy = FaultyProxy(s3_server)
    client_store.as_owner(monkeypatch, proxy.url)
    monkeypatch.setenv("ZS_STORE", f"s3://{client_store.bucket(s3_server, public=True)}")
    client_store.filled(os.environ["ZS_STORE"])
    yield proxy
    proxy.close()


READS = {
    "asset_basics": zs_client.asset_basics,
    "a filter": lambda: zs_client.asset_basics(subject_id=1),
    "qc": lambda: zs_client.qc("1"),
    "several": lambda: zs_client.platform_qc(["fib", "spim"]),
    "sql": lambda: zs_client.sql("SELECT 1 FROM qc"),
    "snapshots": zs_client.snapshots,
    "a snapshot": lambda: zs_client.asset_basics(snapshot="0123456789abcdef"),
    "status": zs_client.status,
    "custom tables": zs_client.custom_tables,
    "raw_to_derived": lambda: zs_client.raw_to_derived("raw"),
}


@pytest.mark.slow
@pytest.mark.parametrize("how", ["silent", "refused"])
@pytest.mark.parametrize("name", READS)
def test_without_an_answer_a_sentence_says_so_soon_and_names_one_key(
    request, monkeypatch, how, name
):
    server = request.getfixturevalue(how)
    client_store.nobody(monkeypatch, server)
    monkeypatch.setenv("ZS_STORE", "s3://bucket")
    if how == "silent":
        monkeypatch.setenv("ZS_TIMEOUT", "0.3")
    begun = time.monotonic()
    with pytest.raises(zs_client.ReadError) as caught:
        READS[name]()
    assert time.monotonic() - begun < SOON
    message = str(caught.value)
    assert f": could not be read: there is no network, or {server} does not answer" in message
    assert message.startswith("s3://bucket/data-asset-cache")
    assert message.count("data-asset-cache") == 1
    assert ("within 0.3 s; ZS_TIMEOUT=10 waits longer" in message) == (how == "silent")


def test_a_copy_is_pointed_at(proxy, monkeypatch, capsys):
    zs_client.asset_basics()
    remembered.forget()
    proxy.fault = lambda method, number: time.sleep(1) or "drop"
    monkeypatch.setenv("ZS_TIMEOUT", "0.2")
    assert cli.main(["show", "asset_basics"]) == 2
    said = capsys.readouterr().err
    assert "does not answer within 0.2 s" in said
    assert "a copy lies in the local cache: offline=True, or ZS_OFFLINE=1, reads it" in said


def test_a_server_that_has_answered_may_be_slow(proxy, monkeypatch):
    zs_client.unique_subject_ids()
    store = next(iter(remembered.stores.values()))
    known = getattr(store, objects.FIRST_ANSWER)
    known.seconds = 0.05
    proxy.fault = lambda method, number: time.sleep(0.4) or ""
    assert len(zs_client.asset_basics()) == 6
    # A minute later nobody knows.
    known._last -= first_answer.LATELY + 1
    with pytest.raises(zs_client.ReadError, match=r"does not answer within 0\.05 s"):
        zs_client.asset_basics()
    known.seconds = 60
    assert len(zs_client.asset_basics()) == 6


def test_a_refusal_is_an_answer(proxy):
    with pytest.raises(FileNotFoundError):
        resolve()[0].get(Layout("1.0.0").table("nothing"))
    store = next(iter(remembered.stores.values()))
    getattr(store, objects.FIRST_ANSWER).seconds = 0.05
    proxy.fault = lambda method, number: time.sleep(0.4) or ""
    assert len(zs_client.asset_basics()) == 6


@pytest.mark.slow
def test_a_slow_line_is_not_cut_and_others_wait_beside_it(monkeypatch):
    """The head of a large answer comes at once, and its body in pieces that take longer."""
    body, requests = b"x" * 40_000, []
    head = f'HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nETag: "a"\r\n'
    head += "Last-Modified: Wed, 01 Jan 2025 00:00:00 GMT\r\n\r\n"
    begun = threading.Event()

    def serve(connection: socket.socket) -> None:
        with connection:
            requests.append(connection.recv(65_536))
            if b"/late" in requests[-1]:
                time.sleep(0.5)
            connection.sendall(head.encode())
            for start in range(0, len(body), 4_000):
                connection.sendall(body[start : start + 4_000])
                begun.set()
                if b"/slow" in requests[-1]:
                    time.sleep(0.1)

    def accept() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0), backlog=8) as listening:
        threading.Thread(target=accept, daemon=True).start()
        client_store.nobody(monkeypatch, f"http://127.0.0.1:{listening.getsockname()[1]}")
        monkeypatch.setenv("ZS_STORE", "s3://bucket")
        store = resolve()[0]
        answers = []
        reader = threading.Thread(target=lambda: answers.append(store.get("slow")))
        reader.start()
        begun.wait()
        known = getattr(next(iter(remembered.stores.values())), objects.FIRST_ANSWER)
        # As if the line were so slow that the answer began long ago.
        while not known._receiving:
            time.sleep(0.01)
        known.seconds, known._last = 0.05, float("-inf")
        answers.append(store.get("late"))
        reader.join()
        assert answers == [body, body]
        listening.shutdown(socket.SHUT_RDWR)


def test_who_gives_up_cancels_the_request():
    canceled = []

    async def request() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            canceled.append(True)
            raise

    async def main() -> None:
        known = FirstAnswer(0.01, "a server")
        with pytest.raises(NoAnswer, match="a server does not answer"):
            await known.expected(request())
        known.seconds = 60
        task = asyncio.ensure_future(known.expected(request()))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert canceled == [True, True]


@pytest.mark.slow
@pytest.mark.parametrize("how", ["silent", "refused"])
def test_a_forked_process_says_so_soon_too(request, monkeypatch, how):
    client_store.nobody(monkeypatch, request.getfixturevalue(how))
    begun = time.monotonic()
    with pytest.raises(OSError, match=r"there is no network, or http.* does not answer within"):
        forked.bucket(s3.s3_bucket("bucket", first_answer=0.3)).get("key", {})
    assert time.monotonic() - begun < SOON


@pytest.mark.slow
def test_a_forked_process_waits_for_a_slow_server(proxy, monkeypatch):
    store = s3.s3_bucket(os.environ["ZS_STORE"].removeprefix("s3://"), first_answer=60)
    bucket, key = forked.bucket(store), Layout("1.0.0").registry
    body = bucket.get(key, {}).bytes()
    getattr(store, objects.FIRST_ANSWER).seconds = 0.05
    proxy.fault = lambda method, number: time.sleep(0.4) or ""
    assert bucket.get(key, {}).bytes() == body


@pytest.mark.slow
def test_by_default_a_silent_server_is_left_after_two_seconds(silent, monkeypatch):
    client_store.nobody(monkeypatch, silent)
    monkeypatch.setenv("ZS_STORE", "s3://bucket")
    monkeypatch.delenv("ZS_TIMEOUT")
    begun = time.monotonic()
    with pytest.raises(zs_client.ReadError, match=r"does not answer within 1\.5 s"):
        zs_client.asset_basics()
    assert time.monotonic() - begun < SOON


@pytest.mark.slow
@pytest.mark.parametrize("url", ["s3://bucket", PUBLIC])
def test_a_write_is_told_as_soon_that_nobody_answers(silent, monkeypatch, url):
    monkeypatch.setenv("ZS_TIMEOUT", "0.3")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("AWS_ENDPOINT_URL", silent)
    monkeypatch.setenv("ZS_STORE", url)
    frame = pd.DataFrame({"a": [1]})
    for write in (lambda: zs_client.custom("x", frame), lambda: zs_client.custom_delete("x")):
        begun = time.monotonic()
        with pytest.raises(zs_client.ReadError, match=r"does not answer within 0\.3 s"):
            write()
        assert time.monotonic() - begun < SOON


@pytest.mark.parametrize("text", ["soon", "0", "-1", "nan", "inf", "1 s", "1e999"])
def test_what_is_no_time_is_refused(monkeypatch, text):
    monkeypatch.setenv("ZS_TIMEOUT", text)
    monkeypatch.setenv("ZS_STORE", "s3://bucket")
    with pytest.raises(ValueError, match=r"ZS_TIMEOUT=.*number of seconds"):
        zs_client.asset_basics()


def test_the_time_is_below_two_seconds(monkeypatch):
    monkeypatch.delenv("ZS_TIMEOUT")
    assert first_answer.seconds_from_environment() < 2
    monkeypatch.setenv("ZS_TIMEOUT", "5")
    assert first_answer.seconds_from_environment() == 5
