"""A REST gateway over HTTP for tests: the benchmark's `find`, and faults to switch on.

Nothing here is a test; the MongoDB server of the tests is SecantusDB.
"""

import contextlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson

from bench.gateway import FIND, find


def free_port() -> int:
    """Returns a port on which nobody listens, for a server that takes no port 0."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port: int = closed.getsockname()[1]
        return port


class Status(Exception):
    """Raised by a `find`: the answer has this status, and no page."""

    def __init__(self, code: int) -> None:
        self.code = code


@dataclass
class Gateway:
    """What the gateway holds and how it misbehaves.

    Attributes:
        documents: What `find` looks through.
        cap: The most bytes in a page; a page holds one document at least.
        every: With `fault`, which request of each so many fails; 0 for none.
        fault: `503`, `429`, `drop`, `cut`, `garbage`, `message` or `403`.
        queries: The parsed parameters of each `find` answered.
        longest: The longest request line seen.
    """

    documents: list[dict]
    cap: int = 6_000_000
    every: int = 0
    fault: str = ""
    queries: list[dict] = field(default_factory=list)
    longest: int = 0
    count: int = 0
    url: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def find(self, query: dict[str, Any]) -> bytes:
        return find(self.documents, query, self.cap)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Without it every small answer waits 40 ms for an acknowledgement.
    disable_nagle_algorithm = True
    server: "_Server"

    def log_message(self, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        gateway = self.server.gateway
        with gateway.lock:
            gateway.count += 1
            gateway.longest = max(gateway.longest, len(self.path))
            faulty = bool(gateway.every) and gateway.count % gateway.every == 0
        if faulty:
            self.fail(gateway.fault)
            return
        address = urlsplit(self.path)
        if address.path != FIND:
            self.reply(b'{"message":"Not Found"}', 404)
            return
        query = {key: orjson.loads(values[0]) for key, values in parse_qs(address.query).items()}
        try:
            body = gateway.find(query)
        except Status as status:
            self.reply(b'{"message":"no page"}', status.code)
            return
        except ValueError as error:
            self.reply(orjson.dumps({"message": f"no operator {error}"}), 400)
            return
        with gateway.lock:
            gateway.queries.append(query)
        self.reply(body)

    def fail(self, fault: str) -> None:
        if fault == "drop":
            self.close_connection = True
        elif fault == "cut":
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b'[{"_id":')
            self.close_connection = True
        elif fault == "garbage":
            self.reply(b"<html>maintenance</html>")
        elif fault == "message":
            self.reply(b'{"message":"Forbidden"}')
        elif fault == "403":
            self.reply(b'{"message":"Forbidden"}', 403)
        else:
            self.reply(b"busy", int(fault), {"Retry-After": "0"})

    def reply(self, body: bytes, status: int = 200, more: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for key, value in (more or {}).items():
            self.send_header(key, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with contextlib.suppress(ConnectionError):
            self.wfile.write(body)


class _Server(ThreadingHTTPServer):
    gateway: Gateway
    daemon_threads = True


@contextlib.contextmanager
def serve(documents: list[dict], **more: Any) -> Iterator[Gateway]:
    """A gateway over these documents, at `url`, until the context ends."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.gateway = Gateway(documents, **more)
    server.gateway.url = f"http://127.0.0.1:{server.server_port}/v2"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server.gateway
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
