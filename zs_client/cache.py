"""The local cache: copies on this machine of what was read from S3, so that S3 sends them once.

Contents lie under their sha256 and are compared with it at each read; links say which content a key
of a store had, and under which ETag. Keys are made in `zs_client.contract`.
"""

import hashlib
import json
import os
import re
import stat
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import nullcontext, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from zs_client import remembered, work
from zs_client.contract import ROOT, Layout
from zs_client.obstore_errors import is_missing_bucket
from zs_client.store import ByteRange, Store, Unreadable

SIZE = 2_000_000_000
# Only this share of the free room is written before the next scan: other processes write as well.
_SHARE = 20
_PART_AGE = 3600
# A content is kept by a filter's read if so many of its size fit: else they push each other out.
_BESIDE = 10
_PROGRESS_FROM = 8_000_000
_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_OBJECT = re.compile(r".*/_objects/[^/]+/([0-9a-f]{64})\.pqt")
_TABLE = re.compile(rf"{ROOT}/zs-v([\d.]+)/([^/]+)\.pqt")
_DIGEST = re.compile(r"([0-9a-f]{64})?")
_FILE = re.compile(r"[0-9a-f]{64}\.\w+|\.[0-9a-f]{32}\.part")

# Opens binary files on Windows, follows no link, and waits for no pipe.
_READING = os.O_RDONLY | sum(
    getattr(os, name, 0) for name in ("O_BINARY", "O_NONBLOCK", "O_NOFOLLOW")
)

# How long a link's time stays as it is while the store answers that nothing changed.
_CONFIRMED = timedelta(minutes=10)

_lock = work.Lock()


class NotCached(Unreadable):
    """A content is not in the local cache, and offline the store is not asked."""


class Cache:
    """A folder with contents and links. A write that fails leaves nothing, and is no error.

    Attributes:
        folder: The folder's path.
        size: How many bytes it may hold; the least recently read files are removed first.
    """

    def __init__(self, folder: Path, size: int = SIZE) -> None:
        self.folder = folder
        self.size = size

    def path(self, sha256: str, suffix: str) -> Path:
        """Returns the path of a content."""
        return self.folder / "contents" / sha256[:2] / f"{sha256}{suffix}"

    def content(self, sha256: str, suffix: str) -> bytes | None:
        """Returns the content with a digest; None if it is not there or was altered."""
        path = self.path(sha256, suffix)
        body = _read(path)
        if body is None or hashlib.sha256(body).hexdigest() == sha256:
            return body
        with suppress(OSError):
            path.unlink()
        return None

    def keep(self, body: bytes, suffix: str) -> str:
        """Write a content; returns its digest."""
        sha256 = hashlib.sha256(body).hexdigest()
        self._write(self.path(sha256, suffix), body)
        return sha256

    def link(self, name: str) -> dict[str, str] | None:
        """Returns a name's `sha256` (empty: the key has no content), `tag` and `checked_at`."""
        try:
            content = json.loads(_read(self._link(name)) or b"")
            link = {key: str(content[key]) for key in ("sha256", "tag", "checked_at")}
            # A link that was copied or renamed has another name in it.
            if content["name"] != name:
                return None
        except (ValueError, KeyError, TypeError):
            return None
        # The digest becomes part of a path, and a damaged file at that path is removed.
        return link if _DIGEST.fullmatch(link["sha256"]) else None

    def tie(self, name: str, sha256: str, etag: str) -> None:
        """Record which content a name has now."""
        now = datetime.now(UTC).isoformat()
        link = {"name": name, "sha256": sha256, "tag": etag, "checked_at": now}
        self._write(self._link(name), json.dumps(link).encode())

    def confirm(self, name: str, link: dict[str, str]) -> None:
        """Record that a name's link still holds; a time of the last ten minutes stays as it is.

        Rewriting the links of 1,664 partitions took 0.3 to 2.6 s. The copy's time is then at most
        ten minutes too early, never too late: offline a label may be missing, none is wrong.
        """
        with suppress(ValueError, TypeError):
            age = datetime.now(UTC) - datetime.fromisoformat(link["checked_at"])
            if timedelta() <= age < _CONFIRMED:
                return
        self.tie(name, link["sha256"], link["tag"])

    def untie(self, name: str) -> None:
        """Remove the link of a name."""
        with suppress(OSError):
            self._link(name).unlink()

    def files(self) -> list[tuple[Path, os.stat_result]]:
        """Returns the cache's own files, the least recently used first."""
        whole = (file for file in self._files() if file[0].suffix != ".part")
        return sorted(whole, key=lambda file: file[1].st_mtime)

    def writable(self) -> bool:
        """Returns whether files can be written to the cache."""
        # Another thread or process may be at the same.
        name = f"writable {uuid.uuid4().hex}"
        self.tie(name, "", "")
        is_written = self.link(name) is not None
        self.untie(name)
        return is_written

    def clear(self) -> int:
        """Remove all files of the cache; returns how many.

        Raises:
            OSError: A file cannot be removed.
        """
        paths = [path for path, _ in self._files()]
        for path in paths:
            path.unlink(missing_ok=True)
        return len(paths)

    def _files(self) -> Iterator[tuple[Path, os.stat_result]]:
        for kind in ("contents", "links"):
            for folder in _scan(self.folder / kind):
                for entry in _scan(folder):
                    if _FILE.fullmatch(entry.name):
                        with suppress(OSError):
                            yield entry, entry.stat()

    def _link(self, name: str) -> Path:
        digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
        return self.folder / "links" / digest[:2] / f"{digest}.json"

    def _write(self, path: Path, body: bytes) -> None:
        """Write beside the path, then rename, so that concurrent writers leave whole files."""
        part = path.parent / f".{uuid.uuid4().hex}.part"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            part.write_bytes(body)
            # A folder at the path of a file would stay in the way for ever.
            if path.is_dir() and not path.is_symlink():
                import shutil

                shutil.rmtree(path, ignore_errors=True)
            part.replace(path)
        except OSError:
            with suppress(OSError):
                part.unlink()
            return
        with _lock:
            left = remembered.room.get(self.folder, 0) - len(body)
            remembered.room[self.folder] = self._make_room() if left < 0 else left

    def _make_room(self) -> int:
        """Remove files beyond the size; returns how many bytes the next scan can wait for."""
        files = list(self._files())
        total = sum(status.st_size for _, status in files)
        # A tenth more than needed, so that the next files need no scan.
        aim = self.size if total <= self.size else self.size - self.size // 10
        for path, status in sorted(files, key=lambda file: file[1].st_mtime):
            written = path.suffix == ".part" and time.time() - status.st_mtime < _PART_AGE
            if written or (total <= aim and path.suffix != ".part"):
                continue
            with suppress(OSError):
                path.unlink()
            total -= status.st_size
        return min(self.size - total, self.size // _SHARE)


def _scan(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def _read(path: Path) -> bytes | None:
    """Returns the bytes of a file, and sets its time, which says when it was last used.

    Only a regular file of this user is read: a pipe would wait, and other users could change a file
    of theirs at any moment.
    """
    try:
        descriptor = os.open(path, _READING)
        with open(descriptor, "rb") as file:  # noqa: PTH123 - a number
            status = os.fstat(descriptor)
            user = os.geteuid() if hasattr(os, "geteuid") else 0
            if not stat.S_ISREG(status.st_mode) or status.st_uid not in (user, 0):
                return None
            body = file.read()
    except OSError:
        return None
    with suppress(OSError):
        os.utime(path)
    return body


def from_environment(folder: str | Path | None = None) -> Cache | None:
    """Returns the cache that `ZS_CACHE` and `ZS_CACHE_SIZE` name; None if it is turned off.

    Args:
        folder: The folder, or `off`, in place of `ZS_CACHE`.

    Raises:
        ValueError: The size is no size, or the folder belongs to a user who does not exist.
    """
    path = str(folder or os.environ.get("ZS_CACHE") or "")
    size = _size(os.environ.get("ZS_CACHE_SIZE") or str(SIZE))
    if path.casefold() == "off" or not size:
        return None
    try:
        return Cache(Path(path).expanduser().absolute() if path else _default_folder(), size)
    except RuntimeError as error:
        if path:
            raise ValueError(f"ZS_CACHE={path}: {error}") from error
        # In some containers the user has no home folder.
        return None


def _size(text: str) -> int:
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]?)b?\s*", text, re.ASCII | re.IGNORECASE)
    if not match or len(text) > 30:
        raise ValueError(f"ZS_CACHE_SIZE={text[:30]!r}: it is a size such as 500 MB, or 0 for none")
    return int(float(match[1]) * _UNITS[match[2].lower()])


def _default_folder() -> Path:
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / ROOT
    folder = Path(os.environ.get("XDG_CACHE_HOME") or "")
    return (folder if folder.is_absolute() else Path.home() / ".cache") / ROOT


class CachedStore(Store):
    """A store on S3 that reads from the local cache, and requests only what the cache lacks.

    The cache has whole contents only. A byte range is requested from the store, and is not cached
    unless it is the whole content: before you read ranges of a key, ask `is_cached`.

    A table that is one file is read through its facts, which name the object; an object never
    changes and is compared with its digest. So an unchanged table costs one conditional request,
    and a reader gets a whole table while a writer places the next. A partition is requested at its
    fixed path, since the facts of ten thousand partitions are larger than one partition, and is
    compared with the digest that its writer sent along.

    Attributes:
        offline: Whether nothing is requested; keys that are not cached are `Unreadable`.
    """

    def __init__(
        self,
        url: str,
        server: str,
        connect: Callable[[], Any],
        *,
        offline: bool,
        cache: Cache | None,
    ) -> None:
        self.url = url
        self.offline = offline
        self._object_cache = None
        self._server = server
        self._connect = connect
        self._cache = cache

    @property
    def cache(self) -> Cache | None:
        """The local cache; None if it is turned off."""
        return self._cache

    @work.once
    def _objects(self) -> Any:
        if self.offline:
            raise Unreadable(
                f"{self.url}: offline nothing is asked of the store, and this is not in the local "
                "cache; do it without offline=True and ZS_OFFLINE"
            )
        return self._connect()

    def get(self, key: str) -> bytes:
        """Returns the bytes under a key, from the cache if the store still has the same.

        Raises:
            FileNotFoundError: Nothing lies there.
            PermissionError: The key may not be read.
            Unreadable: Offline, the key is not in the cache; or the bytes came altered each time.
        """
        if self._cache is None:
            if self.offline:
                raise Unreadable(
                    f"{self.at(key)}: cannot be read offline, since the local cache is turned off; "
                    "unset ZS_CACHE, or read it with a network"
                )
            return self._received(key, {})[0]
        match = _OBJECT.fullmatch(key)
        if match:
            return self._content(self._cache, key, match[1])
        named = None
        with suppress(Unreadable) if self.offline else nullcontext():
            named = self._named_by_facts(self._cache, key)
        if named:
            with suppress(FileNotFoundError):
                return self._content(self._cache, *named)
        return self._get_validated(self._cache, key)

    @property
    def is_remote(self) -> bool:
        """Whether reads go over a network, so that range requests pay; false offline."""
        return not self.offline

    @property
    def name(self) -> tuple[str, ...]:
        """The store's identity: its URL, its server, and whether it is read offline."""
        return (self.url, self._server, "offline" if self.offline else "")

    def get_end(self, key: str, count: int) -> ByteRange:
        """As `Store.get_end`; a whole content is compared with its digest, and cached."""
        end = super().get_end(key, count)
        if end.start or len(end.body) != end.size:
            return end
        match = _OBJECT.fullmatch(key)
        sha256 = match[1] if match else end.sha256
        if sha256 and hashlib.sha256(end.body).hexdigest() != sha256:
            body = self.get(key)
            return ByteRange(body, 0, len(body), end.etag)
        if self._cache is not None:
            self._keep(self._cache, key, end.body, end.etag)
        return end

    def exists(self, key: str) -> bool:
        """Returns whether something lies under a key; offline, at the last request."""
        if not self.offline:
            return super().exists(key)
        try:
            self.get(key)
        except FileNotFoundError:
            return False
        return True

    def put(self, key: str, body: bytes, **options: Any) -> None:
        """As `Store.put`."""
        super().put(key, body, **options)
        self.forget(key)

    def put_if_match(self, key: str, body: bytes, etag: str | None) -> str:
        """As `Store.put_if_match`."""
        self.forget(key)
        return super().put_if_match(key, body, etag)

    def file(self, key: str) -> str:
        """Returns where DuckDB can read the key; offline, the path of the copy."""
        if not self.offline or self._cache is None:
            return self.at(key)
        sha256 = hashlib.sha256(self.get(key)).hexdigest()
        return str(self._cache.path(sha256, Path(key).suffix))

    def is_cached(self, key: str) -> bool:
        """Returns whether the local cache has a copy, which a read compares with its digest."""
        if self._cache is None:
            return False
        local = CachedStore(self.url, self._server, self._connect, offline=True, cache=self._cache)
        match = _OBJECT.fullmatch(key)
        sha256 = match[1] if match else ""
        if not match:
            with suppress(Unreadable):
                sha256 = (local._named_by_facts(self._cache, key) or ("", ""))[1]
        link = None if sha256 else self._cache.link(self._name(key))
        sha256 = link["sha256"] if link else sha256
        return bool(sha256) and self._cache.path(sha256, Path(key).suffix).exists()

    def get_content(self, sha256: str) -> bytes | None:
        """Returns a parquet file of which the local cache has a copy, by its digest."""
        return self._cache.content(sha256, ".pqt") if self._cache else None

    def can_cache(self, size: int) -> bool:
        """Returns whether the local cache keeps a content of so many bytes, beside several more."""
        cache = self._cache
        return cache is not None and size <= cache.size // _BESIDE and cache.writable()

    def validated_at(self, key: str) -> datetime | None:
        """Returns when the cached copy was last the store's content; None if it is so now."""
        if not self.offline or self._cache is None or _OBJECT.fullmatch(key):
            return None
        link = self._cache.link(self._name(key))
        with suppress(ValueError):
            return datetime.fromisoformat(link["checked_at"] if link else "")
        return datetime.min.replace(tzinfo=UTC)

    def get_cached(self, name: str) -> bytes | None:
        """Returns what `remember` wrote to the cache under a name; None if there is nothing."""
        link = self._cache.link(self._name(name)) if self._cache else None
        if self._cache is None or link is None or not link["sha256"]:
            return None
        return self._cache.content(link["sha256"], Path(name).suffix)

    def remember(self, name: str, body: bytes) -> None:
        """Write to the cache, under a name, bytes that never change."""
        if self._cache is not None:
            self._cache.tie(self._name(name), self._cache.keep(body, Path(name).suffix), "")

    def forget(self, name: str) -> None:
        """Remove the link of a key from the cache."""
        if self._cache is not None:
            self._cache.untie(self._name(name))

    def _name(self, key: str) -> str:
        return f"{self._server} {self.url} {key}"

    def _named_by_facts(self, cache: Cache, key: str) -> tuple[str, str] | None:
        """Returns (key, digest) of the object that a table's facts name, or None."""
        match = _TABLE.fullmatch(key)
        if not match:
            return None
        layout, table = Layout(match[1]), match[2]
        try:
            body = self._get_validated(cache, layout.facts(table))
        except FileNotFoundError:
            return None
        try:
            facts = json.loads(body)
            sha256 = facts["sha256"] if not facts["partition_key"] else ""
            # The facts of another table lie under this table's key.
            if facts["table"] != table:
                self.forget(layout.facts(table))
                return None
            object_key = layout.object(table, sha256)
        # Version folders before 1.0.0 have no facts, or a list of columns.
        except (ValueError, KeyError, TypeError):
            return None
        return (object_key, sha256) if _OBJECT.fullmatch(object_key) else None

    def _content(self, cache: Cache, key: str, sha256: str) -> bytes:
        """Returns the bytes under a key that names their digest."""
        body = cache.content(sha256, Path(key).suffix)
        if body is None:
            if self.offline:
                raise self._not_cached_error(cache, key)
            body = self._received(key, {}, sha256)[0]
            cache.keep(body, Path(key).suffix)
        return body

    def _get_validated(self, cache: Cache, key: str) -> bytes:
        """Returns the bytes under a key now; a cached copy costs one conditional request."""
        name, suffix = self._name(key), Path(key).suffix
        link = cache.link(name)
        body = cache.content(link["sha256"], suffix) if link and link["sha256"] else None
        if self.offline:
            if link and not link["sha256"]:
                raise FileNotFoundError(f"{key}: nothing lay there when it was last asked for")
            if body is None:
                raise self._not_cached_error(cache, key)
            return body
        if body is not None and link and "/_snapshots/" in key:
            return body
        from obstore.exceptions import NotModifiedError

        try:
            known = body is not None and link and link["tag"]
            fresh, etag = self._received(key, {"if_none_match": known} if known else {})
        except NotModifiedError:
            if body is None or link is None:
                raise
            cache.confirm(name, link)
            return body
        except FileNotFoundError as error:
            if not is_missing_bucket(error):
                cache.tie(name, "", "")
            raise
        self._keep(cache, key, fresh, etag)
        return fresh

    def _keep(self, cache: Cache, key: str, body: bytes, etag: str) -> None:
        suffix = Path(key).suffix
        if _OBJECT.fullmatch(key):
            cache.keep(body, suffix)
        elif _looks_whole(body, suffix):
            cache.tie(self._name(key), cache.keep(body, suffix), etag)

    def _not_cached_error(self, cache: Cache, key: str) -> NotCached:
        return NotCached(
            f"{self.at(key)}: is not in the local cache at {cache.folder}, and offline nothing is "
            "asked of the store; read it once without offline=True and ZS_OFFLINE, a large table "
            "without filters, or bring it with `zs pull`"
        )

    def _body(self, answer: Any, key: str) -> bytes:
        return _read_answer(answer, key)


def _looks_whole(body: bytes, suffix: str) -> bool:
    """Returns whether a content without a known digest looks whole, so that it may be cached."""
    if suffix == ".pqt":
        return body[:4] == body[-4:] == b"PAR1"
    try:
        json.loads(body)
    except ValueError:
        return suffix != ".json"
    return True


def _read_answer(answer: Any, key: str) -> bytes:
    """Returns the bytes of an answer; a terminal shows the progress of a large one."""
    size = int(answer.meta["size"])
    if size < _PROGRESS_FROM or not sys.stderr.isatty():
        return bytes(answer.bytes())
    label = Path(key).parent.name if _OBJECT.fullmatch(key) else Path(key).name
    body = bytearray()
    for part in answer.stream(min_chunk_size=1_000_000):
        body += bytes(part)
        sys.stderr.write(f"\r{label}: {len(body) / 1e6:.0f} of {size / 1e6:.0f} MB")
        sys.stderr.flush()
    # Clear the line.
    sys.stderr.write("\r\x1b[K")
    sys.stderr.flush()
    return bytes(body)
