"""An HTTP server for the stand-ins: latency, counts of what was asked, its own CPU time.

What is answered is in `bench.gateway` and `bench.s3`. Each runs as a process of its own, so that
its work is not taken for the build's, and ends when the process that started it does.
"""

import asyncio
import json
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

STATS = "/_stats"


class Request(NamedTuple):
    """What was asked; the path and the query are decoded, the names of headers in lower case."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes


class Answer(NamedTuple):
    """What is answered.

    Attributes:
        status: Of HTTP.
        body: Not sent to a HEAD, which is told its length.
        headers: Beside `Content-Length`.
        kind: What the request is counted as; nothing is counted without.
        wrote: What was written, one word for each thing that is counted.
    """

    status: int
    body: bytes = b""
    headers: dict[str, str] = {}  # noqa: RUF012 - never changed
    kind: str = ""
    wrote: tuple[str, ...] = ()


class Stats(NamedTuple):
    """What a stand-in did so far.

    Attributes:
        requests: How many of each kind.
        wrote: How many of each kind of thing.
        received: Bytes of bodies that were sent to it.
        sent: Bytes of bodies that it sent.
        cpu_seconds: Its own, loading included.
    """

    requests: dict[str, int]
    wrote: dict[str, int]
    received: int
    sent: int
    cpu_seconds: float

    def since(self, before: "Stats") -> "Stats":
        """What was done after an earlier look."""
        return Stats(
            _less(self.requests, before.requests),
            _less(self.wrote, before.wrote),
            self.received - before.received,
            self.sent - before.sent,
            self.cpu_seconds - before.cpu_seconds,
        )


def _less(counts: dict[str, int], before: dict[str, int]) -> dict[str, int]:
    left = {kind: count - before.get(kind, 0) for kind, count in sorted(counts.items())}
    return {kind: count for kind, count in left.items() if count}


def serve(answer: Callable[[Request], Answer], latency: float) -> None:
    """Serve on a port of this machine's loopback, and print the port, until stdin ends."""
    import uvicorn

    counts: Counter[str] = Counter()
    wrote: Counter[str] = Counter()
    amount = {"received": 0, "sent": 0}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        parts = []
        more = True
        while more:
            message = await receive()
            parts.append(message.get("body", b""))
            more = message.get("more_body", False)
        body = b"".join(parts)
        if scope["path"] == STATS:
            told = {
                "requests": counts,
                "wrote": wrote,
                **amount,
                "cpu_seconds": time.process_time(),
            }
            made = Answer(200, json.dumps(told).encode())
        else:
            headers = {name.decode().lower(): text.decode() for name, text in scope["headers"]}
            query = dict(parse_qsl(scope["query_string"].decode(), keep_blank_values=True))
            made = answer(Request(scope["method"], scope["path"], query, headers, body))
        if made.kind:
            counts[made.kind] += 1
            wrote.update(made.wrote)
            amount["received"] += len(body)
            amount["sent"] += len(made.body) if scope["method"] != "HEAD" else 0
            if latency:
                await asyncio.sleep(latency)
        lines = [(name.lower().encode(), text.encode()) for name, text in made.headers.items()]
        if made.status not in (204, 304):
            lines.append((b"content-length", str(len(made.body)).encode()))
        await send({"type": "http.response.start", "status": made.status, "headers": lines})
        await send({"type": "http.response.body", "body": made.body})

    listening = socket.create_server(("127.0.0.1", 0), backlog=512)
    print(listening.getsockname()[1], flush=True)
    threading.Thread(target=_end_with_stdin, daemon=True).start()
    config = uvicorn.Config(
        app,
        lifespan="off",
        ws="none",
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        # Its own 5 s are shorter than a build's steps, and each closed connection costs a retry.
        timeout_keep_alive=120,
    )
    uvicorn.Server(config).run(sockets=[listening])


def _end_with_stdin() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


@contextmanager
def started(module: str, *words: str) -> Iterator[str]:
    """A stand-in as a process of its own, until the context ends; the value is its address."""
    command = [sys.executable, "-m", module, *words]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        port = process.stdout.readline().decode().strip() if process.stdout else ""
        if not port:
            raise RuntimeError(f"{module} did not start; what it said is above")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.communicate()


def stats(address: str) -> Stats:
    """What a stand-in did so far."""
    return Stats(**json.loads(post(f"{address}{STATS}")))


def post(url: str, body: str = "") -> bytes:
    """Ask a stand-in for what is not measured."""
    # No proxy: the variables of whoever measures may name one.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, body.encode(), timeout=600) as told:
        found: bytes = told.read()
    return found
