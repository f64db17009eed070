"""Stores that fail as real ones do: a proxy before S3, a process killed between two requests.

Nothing here is a test. What a document or a table means is not known here. Modules that want the
fixtures import it and then name it as a plugin: PYTEST_DONT_REWRITE, or pytest warns of that order.
"""

import http.client
import socket
import struct
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest

from zs_client.local import LocalStore
from zs_client.opening import open_store
from zs_client.store import Store

KINDS = ("folder", "memory", "s3")
# Asked with the method and the number of the request; says what happens to it.
RESETS, STAYS = struct.pack("ii", 1, 0), struct.pack("ii", 0, 0)
Fault = Callable[[str, int], str]


def no_fault(method: str, number: int) -> str:
    return ""


class FaultyProxy:
    """A forwarder to an HTTP server that answers 503, drops connections, loses and alters answers.

    Attributes:
        fault: Says for each request what happens: `""` (passed on), a status such as `503`
            (answered, not passed on), `drop` (neither), `lost` (passed on, never answered), `short`
            (half of the answer, as if it were all), `altered` (one byte of it is another), `reset`
            (passed on, and the connection is reset) or `cut` (half of the answer, then a reset).
        without: Says for each request, by method and path, which headers of it are passed over, as
            a server does that does not know them.
        hidden: Headers of answers that are not passed on.
        target: The server's own address.
        seen: Method and path of every request.
        sent: How many bytes of content were answered.
    """

    def __init__(self, endpoint: str) -> None:
        self.plain()
        self.seen: list[tuple[str, str]] = []
        self.sent = 0
        self.target = endpoint
        self._target = urlsplit(endpoint)
        # moto compares and sets in two steps, and real S3 in one.
        self._one_put = threading.Lock()
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # Without it every small answer waits 40 ms for an acknowledgement.
            disable_nagle_algorithm = True
            wbufsize = -1

            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                proxy.seen.append((self.command, self.path))
                fault = proxy.fault(self.command, len(proxy.seen))
                if fault == "drop":
                    self.close_connection = True
                    return
                if fault.isdigit():
                    self.send_response(int(fault))
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                status, headers, content = proxy._forward(self, body)
                if fault in ("lost", "reset"):
                    self.close_connection = True
                    self.connection.setsockopt(
                        socket.SOL_SOCKET, socket.SO_LINGER, RESETS if fault == "reset" else STAYS
                    )
                    return
                if fault in ("short", "altered"):
                    content = spoilt(fault, content)
                    own = "content-length"
                    headers = [(k, v) for k, v in headers if k.lower() != own]
                    headers.append((own, str(len(content))))
                if fault == "cut":
                    self.close_connection = True
                    content = content[: len(content) // 2]
                proxy.sent += len(content)
                self.send_response_only(status)
                for name, value in headers:
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = answer  # noqa: N815 - looked for

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name there
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        # It looks so often whether it is to end; each test waits for that.
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def _forward(self, request: Any, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        target = http.client.HTTPConnection(self._target.hostname, self._target.port)
        try:
            if request.command == "PUT":
                self._one_put.acquire()
            try:
                without = self.without(request.command, request.path)
                headers = {k: v for k, v in request.headers.items() if k.lower() not in without}
                target.request(request.command, request.path, body, headers)
                answer = target.getresponse()
                content = answer.read()
            finally:
                if request.command == "PUT":
                    self._one_put.release()
        finally:
            target.close()
        own = {"connection", "transfer-encoding", "server", "date", *self.hidden}
        sent = [(k, v) for k, v in answer.getheaders() if k.lower() not in own]
        if request.command != "HEAD" and not any(k.lower() == "content-length" for k, _ in sent):
            sent.append(("Content-Length", str(len(content))))
        return answer.status, sent, content

    def plain(self) -> None:
        """Pass everything on."""
        self.fault: Fault = no_fault
        self.without: Callable[[str, str], tuple[str, ...]] = lambda method, path: ()
        self.hidden: tuple[str, ...] = ()

    @contextmanager
    def failing(self, fault: Fault) -> Iterator[None]:
        """Faults for the time of a block."""
        self.fault = fault
        try:
            yield
        finally:
            self.fault = no_fault

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def spoilt(how: str, content: bytes) -> bytes:
    """A content as a bad network or disk leaves it: `short`, or `altered` in the middle."""
    half = len(content) // 2
    if not content:
        return content
    if how == "short":
        return content[:half]
    return content[:half] + bytes([content[half] ^ 1]) + content[half + 1 :]


def every(nth: int, fault: str, method: str = "") -> Fault:
    """That fault for every nth request of a method, or of all."""
    count = iter(range(1, 1_000_000))

    def decide(seen: str, number: int) -> str:
        return fault if (not method or seen == method) and next(count) % nth == 0 else ""

    return decide


def first(fault: str, method: str) -> Fault:
    """That fault for the first request of a method, once."""
    left = [fault]
    return lambda seen, number: left.pop() if seen == method and left else ""


@pytest.fixture(scope="session")
def _proxy(s3_server: str) -> Iterator[FaultyProxy]:
    proxy = FaultyProxy(s3_server)
    yield proxy
    proxy.close()


@pytest.fixture
def proxy(_proxy: FaultyProxy, monkeypatch: pytest.MonkeyPatch) -> FaultyProxy:
    """The way to S3 through a proxy that passes everything on until it is told otherwise."""
    _proxy.seen.clear()
    _proxy.plain()
    monkeypatch.setenv("AWS_ENDPOINT_URL", _proxy.url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testtest")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    return _proxy


@pytest.fixture
def s3(proxy: FaultyProxy) -> Store:
    """An empty bucket behind the proxy."""
    name = f"bucket-{uuid.uuid4().hex[:12]}"
    boto3.client("s3").create_bucket(Bucket=name)
    store = open_store(f"s3://{name}")
    # Once for all: later requests are counted, and fail.
    store.check_writes()
    return store


@pytest.fixture
def folder(tmp_path: Path) -> Store:
    """An empty local folder."""
    place = tmp_path / "store"
    place.mkdir()
    return open_store(place)


def memory() -> Store:
    """An empty store in this process."""
    return open_store(f"memory://{uuid.uuid4().hex}")


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest) -> Store:
    """An empty store, one of each kind."""
    return memory() if request.param == "memory" else request.getfixturevalue(request.param)


class Crash(BaseException):
    """The process is killed: nothing that catches errors sees it."""


class _Watched(Store):
    """A store that keeps account of what is asked of it, and is killed at a chosen operation.

    Attributes:
        done: The operations so far, as (name, key).
        crash_at: The number of the operation at which the process is killed; 0 for never.
        after: Whether that operation is still done.
        before: Called ahead of each operation with its name and key.
    """

    def __init__(self, store: Store, crash_at: int = 0, *, after: bool = False) -> None:
        self.__dict__.update(store.__dict__)
        self.done: list[tuple[str, str]] = []
        self.crash_at = crash_at
        self.after = after
        self.before: Callable[[str, str], None] = lambda name, key: None
        self._lock = threading.Lock()

    @contextmanager
    def _operation(self, name: str, key: str) -> Iterator[None]:
        self.before(name, key)
        with self._lock:
            self.done.append((name, key))
            number = len(self.done)
        # Of what other threads still ask after the kill, nothing happens either.
        if self.crash_at and number >= self.crash_at + self.after:
            raise Crash(f"{name} {key}")
        yield
        if self.crash_at and number == self.crash_at:
            raise Crash(f"{name} {key}")

    def get_with_etag(self, key: str) -> tuple[bytes, str]:
        with self._operation("get", key):
            return super().get_with_etag(key)

    def exists(self, key: str) -> bool:
        with self._operation("exists", key):
            return super().exists(key)

    def put(self, key: str, body: bytes, **options: Any) -> None:
        with self._operation("put", key):
            super().put(key, body, **options)

    def put_object(self, key: str, body: bytes) -> bool:
        with self._operation("look" if super().exists(key) else "put", key):
            return super().put_object(key, body)

    def put_if_match(self, key: str, body: bytes, tag: str | None) -> str:
        with self._operation("replace", key):
            return super().put_if_match(key, body, tag)

    def copy(self, key: str, to: str, body: bytes, **options: Any) -> None:
        if not self.is_local:  # which puts
            return super().copy(key, to, body, **options)
        with self._operation("copy", to):
            return super().copy(key, to, body, **options)

    def delete(self, keys: list[str]) -> None:
        with self._operation("delete", ",".join(keys)):
            super().delete(keys)

    def asked(self, *names: str) -> list[str]:
        """The keys of the operations of these names."""
        return [key for name, key in self.done if name in names]

    def written(self) -> list[str]:
        """The keys that were written or removed."""
        return self.asked("put", "replace", "copy", "delete")


class _WatchedFolder(_Watched, LocalStore):
    """The same of a folder, which reads some contents without their ETag."""

    def get(self, key: str) -> bytes:
        with self._operation("get", key):
            return super().get(key)


def Watched(store: Store, crash_at: int = 0, *, after: bool = False) -> _Watched:  # noqa: N802
    """Watch a store of either kind."""
    return (_WatchedFolder if store.is_local else _Watched)(store, crash_at, after=after)


def contents(store: Store, prefix: str = "data-asset-cache") -> dict[str, bytes]:
    """Every object under a folder, without the locks of a local one."""
    return {
        entry["path"]: store.get(entry["path"])
        for entry in store.walk(prefix)
        if not entry["path"].endswith(".lock")
    }


def stamps(store: Store, prefix: str = "data-asset-cache") -> dict[str, Any]:
    """When every object was written."""
    return {
        entry["path"]: entry["last_modified"]
        for entry in store.walk(prefix)
        if not entry["path"].endswith(".lock")
    }
