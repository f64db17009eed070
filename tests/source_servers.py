"""A REST gateway over HTTP for tests: `find` with MongoDB's semantics, and faults to switch on.

Nothing here is a test; the MongoDB server of the tests is SecantusDB.
"""

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson

FIND = "/v2/metadata_index/data_assets/find"
RANKS = ((type(None), 0), (bool, 5), (int, 1), (float, 1), (str, 2), (dict, 3), (list, 4))


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
        rows = [d for d in self.documents if _matches(d, query.get("filter", {}))]
        for key, direction in (query.get("sort") or {}).items():
            rows.sort(key=lambda d, key=key: _order(d.get(key)), reverse=direction < 0)
        rows = rows[query.get("skip", 0) :]
        out: list[bytes] = []
        size = 2
        for row in rows[: query.get("limit") or None]:
            body = orjson.dumps(_project(row, query.get("projection")))
            size += len(body) + 1
            if out and size > self.cap:
                break
            out.append(body)
        return b"[" + b",".join(out) + b"]"


def _order(value: Any) -> tuple:
    rank = next(rank for kind, rank in RANKS if isinstance(value, kind))
    return (rank, value if rank in (1, 2) else 0)


def _matches(document: Any, wanted: dict) -> bool:
    return all(
        any(_matches(document, one) for one in condition)
        if key == "$or"
        else _holds(document.get(key), condition)
        for key, condition in wanted.items()
    )


def _holds(value: Any, condition: Any) -> bool:
    if not isinstance(condition, dict) or not any(key.startswith("$") for key in condition):
        return _equal(value, condition)
    for operator, operand in condition.items():
        if operator == "$in":
            found = any(_equal(value, one) for one in operand)
        elif operator == "$ne":
            found = not _equal(value, operand)
        elif operator in ("$gt", "$gte"):
            same = _order(value)[0] == _order(operand)[0]
            found = same and (value > operand if operator == "$gt" else value >= operand)
        elif operator == "$oid":
            found = value == condition
        else:
            raise ValueError(operator)
        if not found:
            return False
    return True


def _equal(value: Any, wanted: Any) -> bool:
    # MongoDB compares a list with a scalar element by element.
    if isinstance(value, list) and not isinstance(wanted, list):
        return any(_equal(one, wanted) for one in value)
    return type(value) is type(wanted) and value == wanted


def _project(document: dict, projection: dict | None) -> dict:
    if not projection:
        return document
    tree: dict[str, Any] = {}
    for path in projection:
        node = tree
        *parents, leaf = path.split(".")
        for key in parents:
            node = node.setdefault(key, {})
        node[leaf] = None
    return _cut(document, tree)


def _cut(document: dict, tree: dict) -> dict:
    out = {}
    for key, value in document.items():
        if key not in tree:
            continue
        below = tree[key]
        if below is None:
            out[key] = value
        elif isinstance(value, dict):
            out[key] = _cut(value, below)
        elif isinstance(value, list):
            out[key] = [_cut(one, below) for one in value if isinstance(one, dict)]
    return out


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
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
