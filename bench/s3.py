"""A stand-in for S3, in memory: what obstore and boto3 ask for, conditions and listings included.

Small and quick, so that it is not what is measured; tests hold it to moto's answers. It looks at no
signature, and knows nothing of who may do what.
"""

import argparse
import hashlib
import uuid
from bisect import bisect_left, bisect_right, insort
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree as ET  # what is parsed comes from our own client
from xml.sax.saxutils import escape

from bench.server import Answer, Request, serve

PAGE = 1000
# What a writer may say of an object and a reader is told.
_DIGEST = "x-amz-meta-sha256"
_TOLD = ("content-type", "content-encoding", "cache-control", _DIGEST)
_XML = {"Content-Type": "application/xml"}
_LAST = "\U0010ffff"
# Parquet is counted as both.
OBJECT, PARQUET = "objects", "parquet"
# What a request to a bucket of side files is counted as, by method: not the store's.
SIDE_FILES = "side files "


class Found(NamedTuple):
    """An object."""

    body: bytes
    tag: str
    modified: datetime
    headers: dict[str, str]


class Bucket:
    """Objects under keys, and the keys in order."""

    def __init__(self) -> None:
        self.objects: dict[str, Found] = {}
        self.keys: list[str] = []

    def put(self, key: str, body: bytes, tag: str, headers: dict[str, str]) -> Found:
        """Write an object, whole."""
        if key not in self.objects:
            insort(self.keys, key)
        told = {name: headers[name] for name in _TOLD if name in headers}
        found = self.objects[key] = Found(body, f'"{tag}"', datetime.now(UTC), told)
        return found

    def delete(self, key: str) -> None:
        """Remove an object; one that is not there is no error."""
        if self.objects.pop(key, None):
            self.keys.pop(bisect_left(self.keys, key))

    def listing(self, name: str, query: dict[str, str]) -> bytes:
        """A page of `ListObjectsV2`."""
        prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
        most = min(int(query.get("max-keys", PAGE)), PAGE)
        token = query.get("continuation-token", "")
        after = bytes.fromhex(token).decode() if token else query.get("start-after", "")
        at = bisect_right(self.keys, after) if after >= prefix else bisect_left(self.keys, prefix)
        lines: list[str] = []
        while len(lines) < most and at < len(self.keys) and self.keys[at].startswith(prefix):
            key = self.keys[at]
            cut = key.find(delimiter, len(prefix)) if delimiter else -1
            if cut >= 0:
                folder = key[: cut + len(delimiter)]
                text = f"<Prefix>{escape(folder)}</Prefix>"
                lines.append(f"<CommonPrefixes>{text}</CommonPrefixes>")
                after = folder + _LAST
                at = bisect_right(self.keys, after, at)
            else:
                lines.append(_entry(key, self.objects[key]))
                after = key
                at += 1
        more = at < len(self.keys) and self.keys[at].startswith(prefix)
        next_ = f"<NextContinuationToken>{after.encode().hex()}</NextContinuationToken>"
        return _xml(
            "ListBucketResult",
            f"<Name>{name}</Name><Prefix>{escape(prefix)}</Prefix><KeyCount>{len(lines)}</KeyCount>"
            f"<MaxKeys>{most}</MaxKeys><IsTruncated>{str(more).lower()}</IsTruncated>",
            next_ if more else "",
            *lines,
        )


class S3:
    """All buckets, and what is asked of them."""

    def __init__(self) -> None:
        self.buckets: dict[str, Bucket] = {}
        self.stores: set[str] = set()
        self.uploads: dict[str, tuple[dict[str, str], dict[int, bytes]]] = {}

    def fill(self, folder: Path) -> None:
        """Take over a folder that has a folder for each bucket."""
        for path in folder.rglob("*"):
            if path.is_file():
                name, _, key = path.relative_to(folder).as_posix().partition("/")
                body = path.read_bytes()
                # As the pipeline writes it.
                sent = {_DIGEST: hashlib.sha256(body).hexdigest()}
                self.buckets.setdefault(name, Bucket()).put(key, body, _md5(body), sent)

    def add_store(self, name: str) -> None:
        """Have an empty bucket that is written, beside those of side files."""
        self.buckets.setdefault(name, Bucket())
        self.stores.add(name)

    def answer(self, request: Request) -> Answer:
        """The answer to a request, and what it counts as."""
        name, _, key = request.path.lstrip("/").partition("/")
        kind = "LIST" if request.method == "GET" and not key else request.method
        if not key and request.method == "PUT":
            self.add_store(name)
            return Answer(200)
        bucket = self.buckets.get(name)
        if bucket is None:
            made = _error(404, "NoSuchBucket")
        elif kind == "LIST":
            made = Answer(200, bucket.listing(name, request.query), _XML)
        elif "delete" in request.query:
            made = self._delete(bucket, request.body)
        else:
            made = self._object(bucket, key, request)
        return made._replace(kind=kind if name in self.stores else f"{SIDE_FILES}{kind}")

    def _object(self, bucket: Bucket, key: str, request: Request) -> Answer:
        if "uploads" in request.query or "uploadId" in request.query:
            return self._upload(bucket, key, request)
        if request.method in ("GET", "HEAD"):
            return _get(bucket, key, request)
        if request.method == "PUT":
            tag = _md5(request.body)
            return _put(bucket, key, request, request.body, request.headers, tag)
        if request.method == "DELETE":
            bucket.delete(key)
            return Answer(204)
        return _error(405, "MethodNotAllowed")

    def _upload(self, bucket: Bucket, key: str, request: Request) -> Answer:
        """In parts, as obstore writes what is larger than 5 MB."""
        if "uploads" in request.query:
            upload = uuid.uuid4().hex
            self.uploads[upload] = (request.headers, {})
            told = f"<Key>{escape(key)}</Key><UploadId>{upload}</UploadId>"
            return Answer(200, _xml("InitiateMultipartUploadResult", told), _XML)
        upload = request.query["uploadId"]
        if upload not in self.uploads:
            return _error(404, "NoSuchUpload")
        headers, parts = self.uploads[upload]
        if request.method == "PUT":
            parts[int(request.query["partNumber"])] = request.body
            return Answer(200, headers={"ETag": f'"{_md5(request.body)}"'})
        del self.uploads[upload]
        if request.method == "DELETE":
            return Answer(204)
        digests = b"".join(bytes.fromhex(_md5(parts[n])) for n in sorted(parts))
        body = b"".join(parts[n] for n in sorted(parts))
        made = _put(bucket, key, request, body, headers, f"{_md5(digests)}-{len(parts)}")
        if made.status != 200:
            return made
        told = f"<Key>{escape(key)}</Key><ETag>{escape(made.headers['ETag'])}</ETag>"
        return made._replace(body=_xml("CompleteMultipartUploadResult", told))

    def _delete(self, bucket: Bucket, body: bytes) -> Answer:
        gone = []
        for node in ET.fromstring(body).iter():  # noqa: S314 - our own client's
            if node.tag.rpartition("}")[2] == "Key" and node.text:
                bucket.delete(node.text)
                gone.append(f"<Deleted><Key>{escape(node.text)}</Key></Deleted>")
        return Answer(200, _xml("DeleteResult", *gone), _XML)


def _get(bucket: Bucket, key: str, request: Request) -> Answer:
    found = bucket.objects.get(key)
    if found is None:
        return _error(404, "NoSuchKey")
    headers = {
        "ETag": found.tag,
        "Last-Modified": format_datetime(found.modified, usegmt=True),
        "Accept-Ranges": "bytes",
        **found.headers,
    }
    if request.headers.get("if-none-match") in (found.tag, "*"):
        return Answer(304, headers=headers)
    if request.headers.get("if-match") not in (None, found.tag, "*"):
        return _error(412, "PreconditionFailed")
    wanted = request.headers.get("range", "")
    if not wanted.startswith("bytes="):
        return Answer(200, found.body, headers)
    size = len(found.body)
    first, _, last = wanted.removeprefix("bytes=").partition("-")
    start = int(first) if first else max(0, size - int(last))
    end = min(int(last) + 1, size) if first and last else size
    if start >= size:
        return _error(416, "InvalidRange")
    headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    return Answer(206, found.body[start:end], headers)


def _put(
    bucket: Bucket, key: str, request: Request, body: bytes, headers: dict[str, str], tag: str
) -> Answer:
    there = bucket.objects.get(key)
    if request.headers.get("if-none-match") == "*" and there:
        return _error(412, "PreconditionFailed")
    wanted = request.headers.get("if-match")
    if wanted and there is None:
        return _error(404, "NoSuchKey")
    if wanted and there and wanted != there.tag:
        return _error(412, "PreconditionFailed")
    wrote = (OBJECT, PARQUET) if key.endswith(".pqt") else (OBJECT,)
    return Answer(200, headers={"ETag": bucket.put(key, body, tag, headers).tag}, wrote=wrote)


def _entry(key: str, found: Found) -> str:
    modified = found.modified.strftime("%Y-%m-%dT%H:%M:%S.000Z")
    return (
        f"<Contents><Key>{escape(key)}</Key><LastModified>{modified}</LastModified>"
        f"<ETag>{escape(found.tag)}</ETag><Size>{len(found.body)}</Size>"
        "<StorageClass>STANDARD</StorageClass></Contents>"
    )


def _xml(name: str, *inside: str) -> bytes:
    space = "http://s3.amazonaws.com/doc/2006-03-01/"
    text = "".join(inside)
    return f'<?xml version="1.0" encoding="UTF-8"?><{name} xmlns="{space}">{text}</{name}>'.encode()


def _error(status: int, code: str) -> Answer:
    text = f"<Error><Code>{code}</Code><Message>{code}</Message></Error>"
    return Answer(status, text.encode(), _XML)


def _md5(body: bytes) -> str:
    return hashlib.md5(body, usedforsecurity=False).hexdigest()


def main() -> None:
    """Serve until stdin ends."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--bucket", action="append", default=[], help="an empty bucket")
    parser.add_argument("--files", type=Path, help="a folder with a folder for each bucket")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before each answer")
    given = parser.parse_args()
    held = S3()
    for name in given.bucket:
        held.add_store(name)
    if given.files:
        held.fill(given.files)
    serve(held.answer, given.latency)


if __name__ == "__main__":
    main()
