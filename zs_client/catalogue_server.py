"""`zs catalogue`: serves the catalogue's page and the files of its version folder on this machine.

The page reads parquet files in parts, so the server answers requests for byte ranges. It asks the
store, so that a private bucket is served with the reader's own credentials. Only this machine can
connect, and only under names of this machine: a page of another host cannot read through it.
"""

import argparse
import hashlib
import re
import sys
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

from zs_client.arguments import store_url
from zs_client.content_types import content_type
from zs_client.contract import Layout
from zs_client.errors import AcornNotFound
from zs_client.store import ByteRange, Changed, Reader

_RANGE = re.compile(r"bytes=(\d*)-(\d*)")
_HERE = ("127.0.0.1", "localhost")
# Pages are stored packed where the store carries the header that says so.
_GZIP = b"\x1f\x8b"
_HEADERS = {
    "type": "Content-Type",
    "encoding": "Content-Encoding",
    "range": "Content-Range",
    "etag": "ETag",
    "location": "Location",
}


def serve_catalogue(given: argparse.Namespace) -> int:
    """Serve the catalogue until an interrupt; prints its address first.

    Raises:
        AcornNotFound: The version has no page.
    """
    from zs_client.place import resolve_current

    store, layout = resolve_current(store_url(given), given.version)
    with server(store, layout, given.port) as http:
        print(f"http://{_HERE[0]}:{http.server_port}/{layout.catalogue_page}", flush=True)
        print("zs catalogue: Ctrl-C ends it", file=sys.stderr)
        http.serve_forever()
    return 0


def server(store: Reader, layout: Layout, port: int = 0) -> ThreadingHTTPServer:
    """Returns a server of a version folder, which is not yet serving.

    Args:
        store: The store.
        layout: The layout of the version.
        port: The port; 0 for one that is free.

    Raises:
        AcornNotFound: The version has no page.
    """
    if not store.exists(layout.catalogue_page):
        raise AcornNotFound(
            f"{store.at(layout.catalogue_page)}: is not there; builds put it there since release "
            "1.1"
        )

    class Handler(_Handler):
        files = store
        folder = f"{layout.folder}/"
        page = layout.catalogue_page
        page_folder = f"{layout.catalogue}/"

    return ThreadingHTTPServer((_HERE[0], port), Handler)


class _Handler(BaseHTTPRequestHandler):
    files: Reader
    folder: str
    page: str
    page_folder: str
    protocol_version = "HTTP/1.1"
    # Without it every small answer waits 40 ms for an acknowledgement.
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        """Answer with a file of the version folder, or a part of it."""
        if (self.headers.get("Host") or "").rpartition(":")[0] not in _HERE:
            self._send(HTTPStatus.FORBIDDEN)
            return
        key = unquote(urlsplit(self.path).path).lstrip("/")
        if key in ("", self.folder, self.page_folder):
            self._send(HTTPStatus.FOUND, location=f"/{self.page}")
            return
        if not key.startswith(self.folder):
            self._send(HTTPStatus.NOT_FOUND)
            return
        try:
            self._answer(key)
        except FileNotFoundError:
            self._send(HTTPStatus.NOT_FOUND)
        except Changed:
            self._send(HTTPStatus.PRECONDITION_FAILED)
        except PermissionError:
            self._send(HTTPStatus.FORBIDDEN)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True
        except OSError:
            self._send(HTTPStatus.BAD_GATEWAY)

    def do_HEAD(self) -> None:
        """Answer as to GET, without the content."""
        self.do_GET()

    def _answer(self, key: str) -> None:
        match = _RANGE.fullmatch(self.headers.get("Range") or "")
        if not match or not any(match.groups()):
            body = self.files.get(key)
            is_packed = key.startswith(self.page_folder) and body.startswith(_GZIP)
            headers = {"type": content_type(key), "etag": _etag(body)}
            self._send(HTTPStatus.OK, body, **headers, encoding="gzip" if is_packed else "")
            return
        part = self._part(key, *match.groups())
        if not part.body:
            outside = HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE
            self._send(outside, range=f"bytes */{part.size}")
            return
        span = f"bytes {part.start}-{part.start + len(part.body) - 1}/{part.size}"
        headers = {"type": content_type(key), "range": span, "etag": part.etag}
        self._send(HTTPStatus.PARTIAL_CONTENT, part.body, **headers)

    def _part(self, key: str, first: str, last: str) -> ByteRange:
        """Returns a part of a content, by the numbers of a request; one of them may be empty.

        Raises:
            Changed: The content has another ETag than the request asks for.
        """
        expected = self.headers.get("If-Match") or ""
        if not self.files.is_remote:
            body = self.files.get(key)
            if expected and expected != _etag(body):
                raise Changed(key)
            start = int(first) if first else max(0, len(body) - int(last))
            end = int(last) + 1 if first and last else len(body)
            return ByteRange(body[start:end], start, len(body), _etag(body))
        if not first:
            return self.files.get_end(key, int(last))
        end_of_file = self.files.get_end(key, 1)
        end = min(int(last) + 1 if last else end_of_file.size, end_of_file.size)
        if int(first) >= end:
            return ByteRange(b"", 0, end_of_file.size, end_of_file.etag)
        return self.files.get_range(key, int(first), end, expected or end_of_file.etag)

    def _send(self, status: HTTPStatus, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            if value:
                self.send_header(_HEADERS[name], value)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Cache-Control", "no-cache")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Print nothing: whoever looks at the page reads the browser."""


def _etag(body: bytes) -> str:
    return f'"{hashlib.sha256(body).hexdigest()}"'
