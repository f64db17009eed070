"""The store, bytes under keys, and the protocol that readers need of it.

The meaning of keys is in `zs_client.contract`, opening a store in `zs_client.opening`, the store in
a local folder in `zs_client.local`, and the local cache of a store on S3 in `zs_client.cache`.
"""

import hashlib
import math
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from zs_client import objects, work
from zs_client.content_types import content_type
from zs_client.contract import ROOT, named_digest
from zs_client.errors import Careless, Conflict, StoreError
from zs_client.masking import masked
from zs_client.obstore_errors import (
    CUT,
    MET,
    PAUSES,
    first_line,
    is_forbidden,
    is_other_etag,
    refusals_as_permission_errors,
    repeated,
    wait,
)
from zs_client.s3 import credentials_in_use

# Earlier programs import the errors from here.
__all__ = [
    "ATTEMPTS",
    "IMMUTABLE",
    "Altered",
    "ByteRange",
    "Changed",
    "Conflict",
    "Reader",
    "Store",
    "StoreError",
    "Unreadable",
    "named_digest",
]

IMMUTABLE = "public, max-age=31536000, immutable"
SHORT = "public, max-age=60"
DIGEST = "sha256"
# How often a content that does not match its digest is fetched.
ATTEMPTS = 3
# How often a change is tried again after another writer was faster.
UPDATES = 20
# An object that a writer finds is written again when it is older than this, so that its age is new:
# `zs prune` removes unnamed objects that are older than a day.
RENEWED_AFTER = timedelta(hours=12)
# Keys whose age is looked at together before they are removed.
LOOKS = 32


class Changed(Exception):
    """The content under a key changed after its first part was read."""


@dataclass(frozen=True)
class ByteRange:
    """A part of the content under a key.

    Attributes:
        body: The bytes of the part.
        start: Where they begin in the whole content.
        size: The number of bytes of the whole content.
        etag: The ETag of the content, for further parts.
        sha256: The digest of the whole content that its writer sent; empty without one.
    """

    body: bytes
    start: int
    size: int
    etag: str
    sha256: str = ""


class Unreadable(OSError):
    """A content cannot be had; the message also says what to do."""

    def __init__(self, message: str) -> None:
        super().__init__(masked(message))


class NotCached(Unreadable):
    """A content is not in the local cache, and offline the store is not asked."""


class Altered(Unreadable):
    """The content under a key is not the one that was written; another try does not help."""


class Reader(Protocol):
    """A store to read, as it is now or as it was in a snapshot.

    Attributes:
        url: The store's URL, or a local folder's path.
    """

    url: str

    @property
    def is_remote(self) -> bool:
        """Whether reads go over a network, so that range requests pay."""

    @property
    def part_above(self) -> float:
        """How many bytes a file has of which only the parts in use are read."""

    @property
    def name(self) -> tuple[str, ...]:
        """The parts of a name that no other store has, for what a process remembers."""

    def get(self, key: str) -> bytes:
        """Returns the bytes under a key."""

    def get_end(self, key: str, count: int) -> ByteRange:
        """Returns the last bytes under a key."""

    def get_range(self, key: str, start: int, end: int, etag: str) -> ByteRange:
        """Returns the bytes from `start` up to `end` under a key."""

    def exists(self, key: str) -> bool:
        """Returns whether something lies under a key."""

    def at(self, key: str) -> str:
        """Returns a key's full address."""

    def file(self, key: str) -> str:
        """Returns the address where DuckDB can read a key."""

    def is_cached(self, key: str) -> bool:
        """Returns whether the local cache has a copy."""

    def get_content(self, sha256: str) -> bytes | None:
        """Returns a parquet file of which the local cache has a copy, by its digest; else None."""

    def can_cache(self, size: int) -> bool:
        """Returns whether the local cache keeps a content of so many bytes."""

    def get_cached(self, name: str) -> bytes | None:
        """Returns the bytes that `remember` stored on this machine; None if there are none."""

    def remember(self, name: str, body: bytes) -> None:
        """Store bytes that never change on this machine, if there is a local cache."""

    def validated_at(self, key: str) -> datetime | None:
        """Returns when a copy was last known to be current; None when it is current now."""

    def forget(self, name: str) -> None:
        """Remove the local copy of a key."""


class Store:
    """Bytes under keys, on S3 or in memory.

    Attributes:
        url: The store's URL without a slash at its end, or a local folder's absolute path.
        is_local: Whether it is a folder of this machine.
    """

    is_local = False
    # The store's time at some moment, and that moment by this process's own counter.
    _clock: tuple[datetime, float] | None = None

    def __init__(self, bucket: Any, url: str, *, object_cache: Path | None = None) -> None:
        self._objects = bucket
        self.url = url
        self._object_cache = object_cache

    def get(self, key: str) -> bytes:
        """Returns the bytes under a key.

        Raises:
            FileNotFoundError: Nothing lies there.
            PermissionError: It may not be read.
        """
        return self.get_with_etag(key)[0]

    def get_with_etag(self, key: str) -> tuple[bytes, str]:
        """Returns the bytes under a key, and the ETag that `put_if_match` compares.

        Raises:
            Altered: They are not the bytes that their writer put there.
        """
        return self._received(key, {})

    def _received(self, key: str, options: Any, sha256: str = "") -> tuple[bytes, str]:
        """Returns the bytes under a key, once compared with their digest, and their ETag."""
        body, meta = self._compared(key, options, sha256)
        return body, self._etag(meta, body)

    def _compared(self, key: str, options: Any, sha256: str = "") -> tuple[bytes, Any]:
        """Returns the bytes under a key, once compared with their digest, and their metadata.

        Args:
            key: The key.
            options: The options for obstore.
            sha256: The digest of the bytes; else the one that the key names or the writer sent.
        """
        for _ in range(ATTEMPTS):
            body, meta, sent = self._answered(key, options)
            expected = sha256 or named_digest(key) or sent
            if not expected or hashlib.sha256(body).hexdigest() == expected:
                return body, meta
        raise Altered(
            f"{self.at(key)}: what came is not what the store has: {len(body):,} bytes, not of the "
            f"sha256 {expected[:12]}…, {ATTEMPTS} times; look at the network between, or tell who "
            "keeps the store"
        )

    def _answered(self, key: str, options: Any) -> tuple[bytes, Any, str]:
        """Returns the bytes of an answer, their metadata, and the digest that their writer sent."""

        def ask() -> tuple[bytes, Any, str]:
            result = objects.get(self._objects, key, options=options)
            return self._body(result, key), result.meta, str(result.attributes.get(DIGEST) or "")

        with refusals_as_permission_errors():
            return repeated(ask)

    def _body(self, result: Any, key: str) -> bytes:  # noqa: ARG002 - for stores with progress
        return bytes(result.bytes())

    @property
    def part_above(self) -> float:
        """How many bytes a file has of which only the parts in use are read."""
        return 0 if self.is_remote else math.inf

    @property
    def is_remote(self) -> bool:
        """Whether reads go over a network, so that range requests pay."""
        return self.url.startswith("s3:")

    @property
    def name(self) -> tuple[str, ...]:
        """The parts of a name that no other store has, for what a process remembers."""
        return (self.url,)

    def get_end(self, key: str, count: int) -> ByteRange:
        """Returns the last bytes under a key, or all if there are fewer; errors as of `get`."""
        return self._byte_range(key, {"range": {"suffix": count}})

    def get_range(self, key: str, start: int, end: int, etag: str) -> ByteRange:
        """Returns the bytes from `start` up to `end` under a key; errors as of `get`.

        Raises:
            Changed: The content no longer has this ETag.
        """
        return self._byte_range(key, {"range": (start, end), "if_match": etag})

    def _byte_range(self, key: str, options: Any) -> ByteRange:
        def ask() -> ByteRange:
            result = objects.get(self._objects, key, options=options)
            body, sent = bytes(result.bytes()), str(result.attributes.get(DIGEST) or "")
            etag = str(result.meta["e_tag"] or "")
            return ByteRange(body, result.range[0], result.meta["size"], etag, sent)

        try:
            with refusals_as_permission_errors():
                return repeated(ask)
        except Exception as error:
            if not is_other_etag(error):
                raise
            raise Changed(self.at(key)) from error

    def _etag(self, meta: Any, body: bytes) -> str:  # noqa: ARG002 - a folder has no ETags
        return str(meta["e_tag"] or "")

    def exists(self, key: str) -> bool:
        """Returns whether something lies under a key."""
        with suppress(FileNotFoundError):
            repeated(lambda: objects.head(self._objects, key))
            return True
        return False

    def put(self, key: str, body: bytes, *, cache: str = SHORT) -> None:
        """Write bytes under a key; readers see the old or the new content, never a part."""
        with self._writing(key, body, cache) as put:
            repeated(put)

    def put_packed(self, key: str, body: bytes) -> None:
        """Write a text under a key for browsers, packed with gzip where the store sends headers.

        A program that reads the key gets the packed bytes; only browsers unpack them.
        """
        if not self.is_remote:
            self.put(key, body)
            return
        import gzip

        packed = gzip.compress(body, mtime=0)
        with self._writing(key, packed, SHORT) as put:
            headers = {**put.keywords["attributes"], "Content-Encoding": "gzip"}
            repeated(partial(put, attributes=headers))

    def put_object(self, key: str, body: bytes) -> bool:
        """Write bytes under a key that names its content, unless the same content is there.

        A content that is there and is old is written again, so that it counts as new.

        Returns:
            Whether the content was there.

        Raises:
            Conflict: The store reports another writer again and again.
        """
        self._cache_object(key, body)
        for pause in PAUSES:
            refusal = self._create(key, body, IMMUTABLE)
            if not refusal:
                return False
            # S3 also says "already there" of an object that another writer did not finish.
            if written_at := self._written_at(key, body):
                if self._age(written_at) > RENEWED_AFTER:
                    self.put(key, body, cache=IMMUTABLE)
                return True
            if MET not in refusal:
                self.put(key, body, cache=IMMUTABLE)
                return False
            wait(pause)
        raise Conflict(
            f"{self.at(key)}: {len(PAUSES)} times two writers met, and nothing lies there; try "
            "again"
        )

    def put_first(self, key: str, body: bytes) -> None:
        """Write bytes under a key, unless something lies there.

        Raises:
            Conflict: As for `put_object`.
        """
        for pause in PAUSES:
            refusal = self._create(key, body, IMMUTABLE)
            if not refusal or self.exists(key):
                return
            wait(pause)
        raise Conflict(f"{self.at(key)}: {len(PAUSES)} times two writers met; try again")

    def _create(self, key: str, body: bytes, cache: str) -> str:
        """Write bytes where nothing lies; returns the store's refusal, empty after success."""
        from obstore.exceptions import AlreadyExistsError

        with self._writing(key, body, cache) as put:
            try:
                # A request repeated after its own success is refused; the caller compares contents.
                repeated(partial(put, mode="create", use_multipart=False), CUT)
            except AlreadyExistsError as error:
                return str(error)
        return ""

    def _written_at(self, key: str, body: bytes) -> datetime | None:
        """Returns when a content was written under a key, None where another or none lies there.

        Contents are compared by size and digest, else by reading.
        """
        with suppress(FileNotFoundError, Altered):
            result = objects.get(self._objects, key, options={"head": True})
            if result.meta["size"] == len(body):
                sent = result.attributes.get(DIGEST)
                same = hashlib.sha256(body).hexdigest() == sent if sent else self.get(key) == body
                return result.meta["last_modified"] if same else None
        return None

    def _age(self, written_at: datetime) -> timedelta:
        """Returns how long ago a time of the store was; by this machine where the store is busy."""
        from obstore.exceptions import BaseError

        try:
            return self.now() - written_at
        except (BaseError, OSError):
            return datetime.now(UTC) - written_at

    def now(self) -> datetime:
        """Returns the time by the store's clock, which `last_modified` of its keys is of.

        The clock of this machine may be another. A process looks once, by a small write.
        """
        if self._clock is None:
            key = f"{ROOT}/_probe/{uuid.uuid4().hex}"
            self.put(key, b"")
            self._clock = (repeated(lambda: self._modified(key)), time.monotonic())
            # Who stores custom tables may not be permitted to; a prune removes what is left.
            with suppress(PermissionError):
                self.delete([key])
        moment, begun = self._clock
        return moment + timedelta(seconds=time.monotonic() - begun)

    def _modified(self, key: str) -> datetime:
        modified: datetime = objects.head(self._objects, key)["last_modified"]
        return modified

    def delete_older(self, keys: Sequence[str], before: datetime) -> list[str]:
        """Remove the keys that were last written before a time, and return them.

        Each is looked at once more right before, since a writer may have made it new.
        """

        def is_older(key: str) -> bool:
            with suppress(FileNotFoundError):
                return repeated(lambda: self._modified(key)) < before
            return False

        with work.Threads(LOOKS) as pool:
            older = [
                key for key, is_old in zip(keys, pool.map(is_older, keys), strict=True) if is_old
            ]
        self.delete(older)
        return older

    def _ask_for_conditions(self) -> None:
        """Check before the first write that the server honours conditional writes.

        Raises:
            StoreError: The server does not honour them, or there is no such bucket.
        """
        if not self.url.startswith("s3://"):
            return
        from zs_client import conditions

        try:
            refusal = conditions.refusal(self._objects)
        except FileNotFoundError as error:
            raise self._no_bucket() from error
        if refusal:
            raise Careless(f"{self.url}: {refusal}")

    def check_writes(self) -> None:
        """Check by one small write, before any work, that the store may be written.

        Raises:
            StoreError: It cannot be written, or its server does not honour conditional writes.
            PermissionError: The credentials do not permit writing.
        """
        from obstore.exceptions import BaseError

        try:
            with self._permitted("write"):
                self._ask_for_conditions()
        except PermissionError:
            raise
        except (BaseError, OSError) as error:
            raise self._unwritable(error) from error

    def _unwritable(self, error: Exception) -> StoreError:
        reason = getattr(error, "strerror", None) or first_line(error)
        return StoreError(f"{self.url}: cannot be written: {reason}")

    def get_object(self, key: str) -> bytes:
        """Returns the bytes of an object, from the cache of objects if possible.

        Raises:
            FileNotFoundError: Nothing lies there.
            PermissionError: The object may not be read.
        """
        if self._object_cache:
            with suppress(OSError):
                return self._object_cache_path(self._object_cache, key).read_bytes()
        body = self.get(key)
        self._cache_object(key, body)
        return body

    def _cache_object(self, key: str, body: bytes) -> None:
        if not self._object_cache:
            return
        # A full disk costs a request, nothing more.
        with suppress(OSError):
            staged = self._object_cache / uuid.uuid4().hex
            staged.write_bytes(body)
            staged.replace(self._object_cache_path(self._object_cache, key))

    @staticmethod
    def _object_cache_path(object_cache: Path, key: str) -> Path:
        return object_cache / hashlib.sha256(key.encode()).hexdigest()

    def put_if_match(self, key: str, body: bytes, etag: str | None) -> str:
        """Write bytes under a key if the content there still has `etag`; None means no content.

        Returns:
            The new ETag.

        Raises:
            Conflict: Another writer was faster.
        """
        for pause in PAUSES:
            new_etag = self._put_if_match(key, body, etag)
            if new_etag is not None:
                return new_etag
            wait(pause)
        raise Conflict(f"{self.at(key)}: {len(PAUSES)} times two writers met; try again")

    def _put_if_match(self, key: str, body: bytes, etag: str | None) -> str | None:
        """Returns the new ETag; None when two writers met and neither changed the content."""
        from obstore.exceptions import AlreadyExistsError, PreconditionError

        try:
            with self._writing(key, body, SHORT) as put:
                mode: Any = "create" if etag is None else {"e_tag": etag}
                return str(repeated(partial(put, mode=mode, use_multipart=False), CUT)["e_tag"])
        except (AlreadyExistsError, PreconditionError, FileNotFoundError) as error:
            # When S3's answer is lost, obstore sends the request again, which then fails on its own
            # success: the content says whether the write was ours.
            present, present_etag = self.get_if_there(key)
            if present == body:
                return str(present_etag)
            if etag is None and present is None and isinstance(error, FileNotFoundError):
                raise self._no_bucket() from error
            if MET in str(error) and present_etag == etag:
                return None
            raise Conflict(f"{self.at(key)} was changed by another writer") from error

    def update(
        self,
        key: str,
        change: Callable[[bytes | None], bytes | None],
        *,
        known: tuple[bytes | None, str | None] | None = None,
        advice: str = "try again later",
    ) -> tuple[bytes | None, str | None]:
        """Change the content under a key; if another writer was faster, change the new content.

        Args:
            key: The key.
            change: Makes the new content from the present one, None if there is none; returns None
                to change nothing.
            known: The content as far as is known, and its ETag; read when None.
            advice: What to do when others are faster again and again.

        Returns:
            The content that is there now, and its ETag.

        Raises:
            Conflict: Another writer was faster each time.
        """
        for _ in range(UPDATES):
            body, etag = known or self.get_if_there(key)
            known = None
            changed = change(body)
            if changed is None:
                return body, etag
            with suppress(Conflict):
                return changed, self.put_if_match(key, changed, etag)
        raise Conflict(f"{self.at(key)}: {UPDATES} times another writer was faster; {advice}")

    def get_if_there(self, key: str) -> tuple[bytes | None, str | None]:
        """Returns the bytes under a key and their ETag; None for both where nothing lies."""
        with suppress(FileNotFoundError):
            return self.get_with_etag(key)
        return None, None

    def copy(self, key: str, to: str, body: bytes, *, cache: str = SHORT) -> None:  # noqa: ARG002
        """Give the content of an object a second key.

        On S3 the bytes are sent again: a copy in the store costs the same request, and obstore's
        keeps the source's `Cache-Control`.
        """
        self.put(to, body, cache=cache)

    def is_placed(self, key: str, to: str) -> bool | None:  # noqa: ARG002
        """Returns whether a path has an object's content; None when only reading would tell."""
        return None

    def note_placed(self, key: str, to: str, *, alone: bool = True) -> None:
        """Remember, by a file's time where there are files, that a path has an object's content."""

    def is_one_place(self, key: str, other: str) -> bool:  # noqa: ARG002
        """Returns whether two keys that differ in capitals only are the same file."""
        return False

    def delete(self, keys: list[str]) -> None:
        """Remove keys; missing keys are ignored."""
        for start in range(0, len(keys), 1000):
            batch = keys[start : start + 1000]
            try:
                with self._permitted("remove what lies there"):
                    repeated(partial(objects.delete, self._objects, batch))
            except FileNotFoundError:
                for key in batch:
                    with suppress(FileNotFoundError):
                        objects.delete(self._objects, key)

    def walk(self, prefix: str) -> Iterator[dict[str, Any]]:
        """Yields the entries under a folder: dicts with `path`, `size` and `last_modified`."""
        from obstore.exceptions import BaseError

        last: str | None = None
        pages: Any = None

        def following() -> Any:
            nonlocal pages
            # A listing that was cut short goes on after the last entry.
            pages = pages or iter(objects.list(self._objects, prefix, offset=last))
            try:
                return next(pages, None)
            except BaseError:
                pages = None
                raise

        while (page := repeated(following)) is not None:
            for entry in page:
                yield dict(entry)
                last = entry["path"]

    def folders(self, prefix: str) -> list[str]:
        """Returns the names of the folders directly in a folder."""
        return [p.rstrip("/").rsplit("/", 1)[-1] for p in self._listing(prefix)["common_prefixes"]]

    def files(self, prefix: str) -> list[dict[str, Any]]:
        """Returns the entries directly in a folder, as `walk` yields them."""
        return [dict(entry) for entry in self._listing(prefix)["objects"]]

    def _listing(self, prefix: str) -> Any:
        return repeated(lambda: objects.list_with_delimiter(self._objects, prefix))

    def at(self, key: str) -> str:
        """Returns a key's full address, fit for DuckDB."""
        return f"{self.url}/{key}"

    def head(self, key: str, size: int) -> bytes:
        """Returns the first bytes under a key, or all if there are fewer."""

        def ask() -> bytes:
            return bytes(objects.get(self._objects, key, options={"range": (0, size)}).bytes())

        return repeated(ask)

    def file(self, key: str) -> str:
        """Returns the address where DuckDB can read a key."""
        return self.at(key)

    def is_cached(self, key: str) -> bool:  # noqa: ARG002 - for a store with a local cache
        """Returns whether the local cache has a copy that needs no network."""
        return False

    def get_content(self, sha256: str) -> bytes | None:  # noqa: ARG002
        """Returns a parquet file of which the local cache has a copy; None if it has none."""
        return None

    def can_cache(self, size: int) -> bool:  # noqa: ARG002
        """Returns whether the local cache keeps a content of so many bytes."""
        return False

    def validated_at(self, key: str) -> datetime | None:  # noqa: ARG002
        """Returns when a content was last known to be current; None when it is current now."""
        return None

    def get_cached(self, name: str) -> bytes | None:  # noqa: ARG002
        """Returns the bytes that `remember` stored on this machine; None if there are none."""
        return None

    def remember(self, name: str, body: bytes) -> None:
        """Store bytes that never change on this machine, if there is a local cache."""

    def forget(self, name: str) -> None:
        """Remove the local copy of a key."""

    def check(self) -> None:
        """Check before any work that the store can be read.

        Raises:
            StoreError: There is no such bucket, no permission, or no answer.
        """
        try:
            self._listing(ROOT)
        except Exception as error:
            if is_forbidden(error):
                raise StoreError(
                    f"{self.url}: no permission to list; {credentials_in_use()}"
                ) from error
            if isinstance(error, FileNotFoundError) or "404 Not Found" in str(error):
                raise self._no_bucket() from error
            raise StoreError(f"{self.url}: cannot be reached: {first_line(error)}") from error

    def _no_bucket(self) -> StoreError:
        return StoreError(f"{self.url}: no such bucket; create it, or name another")

    def sweep_staging(self) -> None:
        """Remove files that killed writers left behind, if the store stages its writes."""

    def _permitted(self, what: str) -> AbstractContextManager[None]:
        return refusals_as_permission_errors(
            f"{self.url}: no permission to {what}; check the AWS credentials in use: "
        )

    @contextmanager
    def _writing(self, key: str, body: bytes, cache: str) -> Iterator["partial[Any]"]:
        """Open a block with the function that writes some bytes under a key."""
        with self._permitted(f"write {key}"):
            self._ask_for_conditions()
            # The digest tells a receiver whether the content came whole: an ETag is no digest of a
            # content that was put in parts or is encrypted.
            digest = hashlib.sha256(body).hexdigest()
            attributes = {
                "Content-Type": content_type(key),
                "Cache-Control": cache,
                DIGEST: digest,
            }
            yield partial(objects.put, self._objects, key, body, attributes=attributes)
