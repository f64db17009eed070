"""The local cache: what was read from S3 lies on this machine, so that it need not be sent again.

Contents lie under their sha256 and are compared with it whenever they are read; links say which
content a key of a store had, and under which ETag. Keys are made in `zs_client.contract`.
"""

import hashlib
import json
import os
import re
import shutil
import stat
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from zs_client import remembered, work
from zs_client.contract import ROOT, Layout
from zs_client.obstore_errors import is_missing_bucket
from zs_client.store import ByteRange, Store, Unreadable

SIZE = 2_000_000_000
# Of what a scan found room for only this share is written before the next: others write as well.
_SHARE = 20
_PART_AGE = 3600
_SHOWN_FROM = 8_000_000
_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_OBJECT = re.compile(r".*/_objects/[^/]+/([0-9a-f]{64})\.pqt")
_TABLE = re.compile(rf"{ROOT}/zs-v([\d.]+)/([^/]+)\.pqt")
_DIGEST = re.compile(r"([0-9a-f]{64})?")
_FILE = re.compile(r"[0-9a-f]{64}\.\w+|\.[0-9a-f]{32}\.part")

# Windows has text files; a link to elsewhere is not followed, a pipe not waited for.
_READING = os.O_RDONLY | sum(
    getattr(os, name, 0) for name in ("O_BINARY", "O_NONBLOCK", "O_NOFOLLOW")
)

_lock = work.Lock()


class Cache:
    """A folder with contents and links. Whatever fails in writing to it is as if it were not there.

    Attributes:
        folder: Where it is.
        size: How many bytes it may hold; what was not read for longest goes first.
    """

    def __init__(self, folder: Path, size: int = SIZE) -> None:
        self.folder = folder
        self.size = size

    def path(self, sha256: str, suffix: str) -> Path:
        """Where a content lies when it is there."""
        return self.folder / "contents" / sha256[:2] / f"{sha256}{suffix}"

    def content(self, sha256: str, suffix: str) -> bytes | None:
        """The content with that digest; None when it is not there or was altered."""
        path = self.path(sha256, suffix)
        body = _read(path)
        if body is None or hashlib.sha256(body).hexdigest() == sha256:
            return body
        with suppress(OSError):
            path.unlink()
        return None

    def keep(self, body: bytes, suffix: str) -> str:
        """Keep a content; returns its digest."""
        sha256 = hashlib.sha256(body).hexdigest()
        self._write(self.path(sha256, suffix), body)
        return sha256

    def link(self, name: str) -> dict[str, str] | None:
        """What is known of a name: `sha256` (empty: nothing lies there), `tag` and `checked_at`."""
        try:
            found = json.loads(_read(self._link(name)) or b"")
            told = {key: str(found[key]) for key in ("sha256", "tag", "checked_at")}
            # A link that was copied or renamed tells of another name.
            if found["name"] != name:
                return None
        except (ValueError, KeyError, TypeError):
            return None
        # It becomes a part of a path, of a file that is removed when it is not as it should be.
        return told if _DIGEST.fullmatch(told["sha256"]) else None

    def tie(self, name: str, sha256: str, etag: str) -> None:
        """Say which content a name has now."""
        now = datetime.now(UTC).isoformat()
        told = {"name": name, "sha256": sha256, "tag": etag, "checked_at": now}
        self._write(self._link(name), json.dumps(told).encode())

    def untie(self, name: str) -> None:
        """Forget a name."""
        with suppress(OSError):
            self._link(name).unlink()

    def files(self) -> list[tuple[Path, os.stat_result]]:
        """What lies in it, the least recently used first; only files that it made itself."""
        found = sorted(self._files(), key=lambda file: file[1].st_mtime)
        return [file for file in found if not file[0].name.endswith(".part")]

    def writable(self) -> bool:
        """Whether anything can be kept in it."""
        self.tie("writable", "", "")
        found = self.link("writable") is not None
        self.untie("writable")
        return found

    def clear(self) -> int:
        """Remove all that it made; returns how many files.

        Raises:
            OSError: One of them cannot be removed.
        """
        found = [path for path, _ in self._files()]
        for path in found:
            path.unlink(missing_ok=True)
        return len(found)

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
        """Beside, then renamed: of many writers at once each puts a whole file there."""
        part = path.parent / f".{uuid.uuid4().hex}.part"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            part.write_bytes(body)
            _make_way(path)
            part.replace(path)
        except OSError:
            with suppress(OSError):
                part.unlink()
            return
        with _lock:
            left = remembered.room.get(self.folder, 0) - len(body)
            remembered.room[self.folder] = self._make_room() if left < 0 else left

    def _make_room(self) -> int:
        """Remove what is too much; returns how much may be written until the next look."""
        files = list(self._files())
        total = sum(found.st_size for _, found in files)
        # A tenth more than needed, so that not every file after this one needs a look.
        aim = self.size if total <= self.size else self.size - self.size // 10
        for path, found in sorted(files, key=lambda file: file[1].st_mtime):
            written = path.suffix == ".part" and time.time() - found.st_mtime < _PART_AGE
            if written or (total <= aim and path.suffix != ".part"):
                continue
            with suppress(OSError):
                path.unlink()
            total -= found.st_size
        return min(self.size - total, self.size // _SHARE)


def _scan(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def _read(path: Path) -> bytes | None:
    """The bytes of a file, whose time then says that it was used.

    Only of a regular file that is one's own: a pipe in its place would wait, and what somebody else
    may write can be another thing at any moment.
    """
    try:
        number = os.open(path, _READING)
        with open(number, "rb") as file:  # noqa: PTH123 - a number
            told = os.fstat(number)
            if not stat.S_ISREG(told.st_mode) or told.st_uid not in (_user(), 0):
                return None
            body = file.read()
    except OSError:
        return None
    with suppress(OSError):
        os.utime(path)
    return body


def _user() -> int:
    return os.geteuid() if hasattr(os, "geteuid") else 0


def _make_way(path: Path) -> None:
    """Remove a folder that stands where a file belongs, with all that is in it."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)


def from_environment() -> Cache | None:
    """The cache that `ZS_CACHE` and `ZS_CACHE_SIZE` name; None when it is turned off.

    Raises:
        ValueError: The size is no size, or the folder is that of a user that there is not.
    """
    place = os.environ.get("ZS_CACHE") or ""
    size = _size(os.environ.get("ZS_CACHE_SIZE") or str(SIZE))
    if place.casefold() == "off" or not size:
        return None
    try:
        return Cache(Path(place).expanduser().absolute() if place else _usual(), size)
    except RuntimeError as error:
        if place:
            raise ValueError(f"ZS_CACHE={place}: {error}") from error
        # Some containers have no home folder for who runs in them.
        return None


def _size(text: str) -> int:
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]?)b?\s*", text, re.ASCII | re.IGNORECASE)
    if not found or len(text) > 30:
        raise ValueError(f"ZS_CACHE_SIZE={text[:30]!r}: it is a size such as 500 MB, or 0 for none")
    return int(float(found[1]) * _UNITS[found[2].lower()])


def _usual() -> Path:
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / ROOT
    told = os.environ.get("XDG_CACHE_HOME") or ""
    return (Path(told) if Path(told).is_absolute() else Path.home() / ".cache") / ROOT


class CachedStore(Store):
    """A store on S3 of which only that is sent which is not on this machine.

    Contents are kept whole. A part of one is sent from the store and is not kept, unless it is all
    of it: of what is to be read in parts, ask `kept` first.

    A table that is one file is read through its facts: they are asked for, and name the object,
    which never changes and is compared with its name. So a table costs one conditional request
    while it is the same, and is whole while another is being placed. A partition is asked for at
    its fixed path, since the facts of ten thousand are larger than one of them, and compared with
    the digest that its writer sent along.

    Attributes:
        offline: Nothing is sent; what is not here is `Unreadable`.
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

    @work.once
    def _objects(self) -> Any:
        if self.offline:
            raise Unreadable(
                f"{self.url}: offline nothing is asked of the store, and this is not in the local "
                "cache; do it without offline=True and ZS_OFFLINE"
            )
        return self._connect()

    def get(self, key: str) -> bytes:
        """The bytes under a key, from the cache when they are still the same.

        Raises:
            FileNotFoundError: Nothing lies there.
            PermissionError: It may not be read.
            Unreadable: It is not in the cache, and offline; or it came altered each time.
        """
        if self._cache is None:
            if self.offline:
                raise Unreadable(
                    f"{self.at(key)}: cannot be read offline, since the local cache is turned off; "
                    "unset ZS_CACHE, or read it with a network"
                )
            return self._received(key, {})[0]
        named = _OBJECT.fullmatch(key)
        if named:
            return self._content(self._cache, key, named[1])
        try:
            whole = self._named_by_facts(self._cache, key)
        except Unreadable:
            if not self.offline:
                raise
            whole = None
        if whole:
            with suppress(FileNotFoundError):
                return self._content(self._cache, *whole)
        return self._asked(self._cache, key)

    @property
    def is_remote(self) -> bool:
        """Whether a byte less to read is worth a request more; offline there are none."""
        return not self.offline

    @property
    def name(self) -> tuple[str, ...]:
        """What tells this store from others: also its server, and what is read offline."""
        return (self.url, self._server, "offline" if self.offline else "")

    def get_end(self, key: str, count: int) -> ByteRange:
        """As `Store.get_end`; what comes whole is compared with its digest, and kept."""
        end = super().get_end(key, count)
        if end.start or len(end.body) != end.size:
            return end
        named = _OBJECT.fullmatch(key)
        told = named[1] if named else end.sha256
        if told and hashlib.sha256(end.body).hexdigest() != told:
            body = self.get(key)
            return ByteRange(body, 0, len(body), end.etag)
        if self._cache is not None:
            self._keep(self._cache, key, end.body, end.etag)
        return end

    def exists(self, key: str) -> bool:
        """Whether something lies under a key; offline, whether it did when it was last asked."""
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
        """As `Store.replace`."""
        self.forget(key)
        return super().put_if_match(key, body, etag)

    def file(self, key: str) -> str:
        """Where DuckDB can read it; offline that is the copy."""
        if not self.offline or self._cache is None:
            return self.at(key)
        sha256 = hashlib.sha256(self.get(key)).hexdigest()
        return str(self._cache.path(sha256, Path(key).suffix))

    def is_cached(self, key: str) -> bool:
        """Whether a copy lies in the local cache, which reading it compares with its digest."""
        if self._cache is None:
            return False
        alone = CachedStore(self.url, self._server, self._connect, offline=True, cache=self._cache)
        named = _OBJECT.fullmatch(key)
        sha256 = named[1] if named else ""
        if not named:
            with suppress(Unreadable):
                sha256 = (alone._named_by_facts(self._cache, key) or ("", ""))[1]
        link = None if sha256 else self._cache.link(self._name(key))
        sha256 = link["sha256"] if link else sha256
        return bool(sha256) and self._cache.path(sha256, Path(key).suffix).exists()

    def validated_at(self, key: str) -> datetime | None:
        """When what is read under a key was known to be what the store has; None when it is."""
        if not self.offline or self._cache is None or _OBJECT.fullmatch(key):
            return None
        link = self._cache.link(self._name(key))
        with suppress(ValueError):
            return datetime.fromisoformat(link["checked_at"] if link else "")
        return datetime.min.replace(tzinfo=UTC)

    def get_cached(self, name: str) -> bytes | None:
        """What `remember` was given on this machine; None when there is nothing."""
        link = self._cache.link(self._name(name)) if self._cache else None
        if self._cache is None or link is None or not link["sha256"]:
            return None
        return self._cache.content(link["sha256"], Path(name).suffix)

    def remember(self, name: str, body: bytes) -> None:
        """Keep on this machine what never changes."""
        if self._cache is not None:
            self._cache.tie(self._name(name), self._cache.keep(body, Path(name).suffix), "")

    def forget(self, name: str) -> None:
        """Remove what is kept of a key on this machine."""
        if self._cache is not None:
            self._cache.untie(self._name(name))

    def _name(self, key: str) -> str:
        return f"{self._server} {self.url} {key}"

    def _named_by_facts(self, cache: Cache, key: str) -> tuple[str, str] | None:
        """The key and the digest of the object that a table's facts name; None without such."""
        table = _TABLE.fullmatch(key)
        if not table:
            return None
        layout = Layout(table[1])
        try:
            told = self._asked(cache, layout.facts(table[2]))
        except FileNotFoundError:
            return None
        try:
            facts = json.loads(told)
            sha256 = facts["sha256"] if not facts["partition_key"] else ""
            # The facts of another table, which lie under this one's name.
            if facts["table"] != table[2]:
                self.forget(layout.facts(table[2]))
                return None
            found = layout.object(table[2], sha256)
        # Version folders before 1.0.0 have no facts, or a list of columns.
        except (ValueError, KeyError, TypeError):
            return None
        return (found, sha256) if _OBJECT.fullmatch(found) else None

    def _content(self, cache: Cache, key: str, sha256: str) -> bytes:
        """What lies under a key that names its content."""
        body = cache.content(sha256, Path(key).suffix)
        if body is None:
            if self.offline:
                raise self._not_kept(cache, key)
            body = self._received(key, {}, sha256)[0]
            cache.keep(body, Path(key).suffix)
        return body

    def _asked(self, cache: Cache, key: str) -> bytes:
        """What lies under a key now; of what is here only whether it is still the same."""
        name, suffix = self._name(key), Path(key).suffix
        link = cache.link(name)
        body = cache.content(link["sha256"], suffix) if link and link["sha256"] else None
        if self.offline:
            if link and not link["sha256"]:
                raise FileNotFoundError(f"{key}: nothing lay there when it was last asked for")
            if body is None:
                raise self._not_kept(cache, key)
            return body
        if body is not None and link and "/_snapshots/" in key:
            return body
        from obstore.exceptions import NotModifiedError

        try:
            known = link["tag"] if body is not None and link else ""
            fresh, etag = self._received(key, {"if_none_match": known} if known else {})
        except NotModifiedError:
            if body is None or link is None:
                raise
            cache.tie(name, link["sha256"], link["tag"])
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
        elif _whole(body, suffix):
            cache.tie(self._name(key), cache.keep(body, suffix), etag)

    def _not_kept(self, cache: Cache, key: str) -> Unreadable:
        return Unreadable(
            f"{self.at(key)}: is not in the local cache at {cache.folder}, and offline nothing is "
            "asked of the store; read it once without offline=True and ZS_OFFLINE, a large table "
            "without filters"
        )

    def _body(self, found: Any, key: str) -> bytes:
        return _shown(found, key)


def _whole(body: bytes, suffix: str) -> bool:
    """Whether a content without a known digest looks whole: what is kept would be read again."""
    if suffix == ".pqt":
        return body[:4] == body[-4:] == b"PAR1"
    try:
        json.loads(body)
    except ValueError:
        return suffix != ".json"
    return True


def _shown(found: Any, key: str) -> bytes:
    """The bytes of an answer; a person at a terminal sees a large one come."""
    size = int(found.meta["size"])
    if size < _SHOWN_FROM or not sys.stderr.isatty():
        return bytes(found.bytes())
    named = Path(key).parent.name if _OBJECT.fullmatch(key) else Path(key).name
    body = bytearray()
    for part in found.stream(min_chunk_size=1_000_000):
        body += bytes(part)
        sys.stderr.write(f"\r{named}: {len(body) / 1e6:.0f} of {size / 1e6:.0f} MB")
        sys.stderr.flush()
    # To the line's beginning, and all of it away.
    sys.stderr.write("\r\x1b[K")
    sys.stderr.flush()
    return bytes(body)
