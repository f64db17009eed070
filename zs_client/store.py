"""The store: where the cache lies, as bytes under keys; and what of it a reader needs.

What a key means is in `zs_client.contract`, how a store is opened in `zs_client.opening`. A local
folder, where files are renamed in place of requests, is in `zs_client.local`; what lies on a
reader's own machine of a store on S3 is in `zs_client.cache`.
"""

import hashlib
import re
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from zs_client import objects
from zs_client.contract import ROOT
from zs_client.errors import Careless, Conflict, StoreError
from zs_client.masking import masked
from zs_client.obstore_errors import (
    CUT,
    MET,
    PAUSES,
    first_line,
    is_forbidden,
    refusals_as_permission_errors,
    repeated,
    wait,
)
from zs_client.s3 import credentials_in_use

# Programs of before import the errors from here.
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
_TYPES = {".pqt": "application/vnd.apache.parquet", ".json": "application/json"}
# How often a content is fetched that is not what its digest says.
ATTEMPTS = 3
# How often a change is tried again that another writer came before.
UPDATES = 20
_NAMED = re.compile(r".*/(?:_objects|_custom)/[^/]+/([0-9a-f]{64})\.pqt")


class Changed(Exception):
    """What lies under a key is no longer what was there when its first part was read."""


@dataclass(frozen=True)
class ByteRange:
    """A part of what lies under a key.

    Attributes:
        body: Its bytes.
        start: Where they begin in the whole.
        size: How many bytes the whole has.
        tag: Names the content, for further parts of the same.
        sha256: The digest of the whole that its writer sent along; empty when it sent none.
    """

    body: bytes
    start: int
    size: int
    etag: str
    sha256: str = ""


class Unreadable(OSError):
    """What was asked for cannot be had; the message says all, also what to do."""

    def __init__(self, said: str) -> None:
        super().__init__(masked(said))


class Altered(Unreadable):
    """What lies under a key is not what was written there; asking again does not help."""


class Reader(Protocol):
    """What is read of a store, whether as it is now or as it was in a snapshot.

    Attributes:
        url: The store's URL, or a local folder's path.
    """

    url: str

    @property
    def is_remote(self) -> bool:
        """Whether reads go over a network, so that range requests pay."""

    @property
    def name(self) -> tuple[str, ...]:
        """What tells this store from others, as for what is remembered of it."""

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
        """Returns where DuckDB can read what lies under a key."""

    def is_cached(self, key: str) -> bool:
        """Returns whether a copy lies in the local cache."""

    def validated_at(self, key: str) -> datetime | None:
        """Returns when a copy was known to be what the store has; None when it is."""

    def forget(self, name: str) -> None:
        """Remove what is kept of a key on this machine."""


class Store:
    """Bytes under keys, on S3 or in memory.

    Attributes:
        url: The store's URL without a slash at its end, or a local folder's absolute path.
        is_local: Whether it is a folder of this machine.
    """

    is_local = False

    def __init__(self, held: Any, url: str, *, object_cache: Path | None = None) -> None:
        self._objects = held
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
        """Returns the bytes under a key, and the ETag that `replace` compares.

        Raises:
            Altered: They are not those that their writer put there.
        """
        return self._received(key, {})

    def _received(self, key: str, options: Any, sha256: str = "") -> tuple[bytes, str]:
        """Returns the bytes under a key, compared with the digest that is known, and their ETag.

        Args:
            key: The key.
            options: Those of obstore.
            sha256: The digest that the bytes have; else what the key names, or the writer sent.
        """
        sha256 = sha256 or named_digest(key)
        for _ in range(ATTEMPTS):
            body, meta, sent = self._answered(key, options)
            expected = sha256 or sent
            if not expected or hashlib.sha256(body).hexdigest() == expected:
                return body, self._etag(meta, body)
        raise Altered(
            f"{self.at(key)}: what came is not what the store has: {len(body):,} bytes, not of the "
            f"sha256 {expected[:12]}…, {ATTEMPTS} times; look at the network between, or tell who "
            "keeps the store"
        )

    def _answered(self, key: str, options: Any) -> tuple[bytes, Any, str]:
        """Returns the bytes of an answer, what it tells of them, and the digest it sent along."""

        def ask() -> tuple[bytes, Any, str]:
            found = objects.get(self._objects, key, options=options)
            return self._body(found, key), found.meta, str(found.attributes.get(DIGEST) or "")

        with refusals_as_permission_errors():
            return repeated(ask)

    def _body(self, found: Any, key: str) -> bytes:  # noqa: ARG002 - of a store that shows it
        return bytes(found.bytes())

    @property
    def is_remote(self) -> bool:
        """Whether a byte less to read is worth a request more."""
        return self.url.startswith("s3:")

    @property
    def name(self) -> tuple[str, ...]:
        """What tells this store from others, as for what is remembered of it."""
        return (self.url,)

    def get_end(self, key: str, count: int) -> ByteRange:
        """The last bytes under a key, all of them when there are fewer; errors as of `get`."""
        return self._byte_range(key, {"range": {"suffix": count}})

    def get_range(self, key: str, start: int, end: int, etag: str) -> ByteRange:
        """The bytes from `start` up to `end` under a key; errors as of `get`.

        Raises:
            Changed: The content is no longer the one that the tag names.
        """
        return self._byte_range(key, {"range": (start, end), "if_match": etag})

    def _byte_range(self, key: str, options: Any) -> ByteRange:
        from obstore.exceptions import PreconditionError

        def ask() -> ByteRange:
            found = objects.get(self._objects, key, options=options)
            body, sent = bytes(found.bytes()), str(found.attributes.get(DIGEST) or "")
            etag = self._etag(found.meta, body)
            return ByteRange(body, found.range[0], found.meta["size"], etag, sent)

        try:
            with refusals_as_permission_errors():
                return repeated(ask)
        except PreconditionError as error:
            raise Changed(self.at(key)) from error

    def _etag(self, meta: Any, body: bytes) -> str:  # noqa: ARG002 - a folder has no ETags
        return str(meta["e_tag"] or "")

    def exists(self, key: str) -> bool:
        """Whether something lies under a key."""
        try:
            repeated(lambda: objects.head(self._objects, key))
        except FileNotFoundError:
            return False
        return True

    def put(self, key: str, body: bytes, *, cache: str = SHORT) -> None:
        """Write bytes under a key: the old or the new content is there, never a part of it."""
        with self._permitted(f"write {key}"):
            self._ask_for_conditions()
            attributes = self._attributes(key, body, cache)
            repeated(lambda: objects.put(self._objects, key, body, attributes=attributes))

    def put_object(self, key: str, body: bytes) -> None:
        """Write bytes under a key that names its content; what lies there whole is left alone.

        Raises:
            Conflict: The store says again and again that another writer is at it.
        """
        self._cache_object(key, body)
        for pause in PAUSES:
            said = self._create(key, body, IMMUTABLE)
            # "Already there" is also said of an object that another writer did not end to write.
            if not said or self._has(key, body):
                return
            if MET not in said:
                self.put(key, body, cache=IMMUTABLE)
                return
            wait(pause)
        raise Conflict(
            f"{self.at(key)}: {len(PAUSES)} times two writers met, and nothing lies there; try "
            "again"
        )

    def put_first(self, key: str, body: bytes) -> None:
        """Write bytes under a key where nothing lies; what lies there is left alone.

        Raises:
            Conflict: As of `put_object`.
        """
        for pause in PAUSES:
            said = self._create(key, body, IMMUTABLE)
            if not said or self.exists(key):
                return
            wait(pause)
        raise Conflict(f"{self.at(key)}: {len(PAUSES)} times two writers met; try again")

    def _create(self, key: str, body: bytes, cache: str) -> str:
        """Write bytes where nothing lies; returns what the store said that did not, else empty."""
        from obstore.exceptions import AlreadyExistsError

        with self._permitted(f"write {key}"):
            self._ask_for_conditions()
            attributes = self._attributes(key, body, cache)
            create = partial(objects.put, self._objects, key, body, attributes=attributes)
            try:
                # Sent again after its own success it is already there: the content tells.
                repeated(partial(create, mode="create", use_multipart=False), CUT)
            except AlreadyExistsError as error:
                return str(error)
        return ""

    def _has(self, key: str, body: bytes) -> bool:
        """Returns whether that content lies under a key, by size and checksum, else by reading."""
        try:
            found = objects.get(self._objects, key, options={"head": True})
            if found.meta["size"] != len(body):
                return False
            digest = found.attributes.get(DIGEST)
            return hashlib.sha256(body).hexdigest() == digest if digest else self.get(key) == body
        except (FileNotFoundError, Altered):
            return False

    def _ask_for_conditions(self) -> None:
        """Find out before the first write whether the server honours conditional ones.

        Raises:
            StoreError: It does not, or there is no such bucket.
        """
        if not self.url.startswith("s3://"):
            return
        from zs_client import conditions

        try:
            said = conditions.refusal(self._objects)
        except FileNotFoundError as error:
            raise StoreError(f"{self.url}: no such bucket; create it, or name another") from error
        if said:
            raise Careless(f"{self.url}: {said}")

    def check_writes(self) -> None:
        """Find out before any work whether the store may be written, by one small write.

        Raises:
            StoreError: It cannot be written, or its server does not honour conditional writes.
            PermissionError: It may not be written.
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
        said = getattr(error, "strerror", None) or first_line(error)
        return StoreError(f"{self.url}: cannot be written: {said}")

    def get_object(self, key: str) -> bytes:
        """Returns the bytes of an object, from the cache of objects if they are there.

        Raises:
            FileNotFoundError: Nothing lies there.
            PermissionError: It may not be read.
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
        """Write bytes under a key if nobody wrote there since `tag` was read; None: nothing there.

        Returns:
            The new tag.

        Raises:
            Conflict: Another writer was faster.
        """
        for pause in PAUSES:
            done, met = self._put_if_match(key, body, etag)
            if not met:
                return done
            wait(pause)
        raise Conflict(f"{self.at(key)}: {len(PAUSES)} times two writers met; try again")

    def _put_if_match(self, key: str, body: bytes, etag: str | None) -> tuple[str, bool]:
        """Returns the new tag, and whether two writers met without a change of what lies there."""
        from obstore.exceptions import AlreadyExistsError, PreconditionError

        try:
            with self._permitted(f"write {key}"):
                self._ask_for_conditions()
                attributes = self._attributes(key, body, SHORT)
                put = partial(objects.put, self._objects, key, body, attributes=attributes)
                mode: Any = "create" if etag is None else {"e_tag": etag}
                done = repeated(partial(put, mode=mode, use_multipart=False), CUT)
        except (AlreadyExistsError, PreconditionError, FileNotFoundError) as error:
            # A request that S3 answered but whose answer was lost is sent again by obstore, and
            # then fails on its own success: the content says whether it was ours.
            try:
                there, now = self.get_with_etag(key)
            except FileNotFoundError:
                there, now = None, None
            if there == body:
                return str(now), False
            if etag is None and there is None and isinstance(error, FileNotFoundError):
                raise StoreError(
                    f"{self.url}: no such bucket; create it, or name another"
                ) from error
            if MET in str(error) and now == etag:
                return "", True
            raise Conflict(f"{self.at(key)} was changed by another writer") from error
        return str(done["e_tag"]), False

    def update(
        self,
        key: str,
        change: Callable[[bytes | None], bytes | None],
        *,
        known: tuple[bytes | None, str | None] | None = None,
        advice: str = "try again later",
    ) -> tuple[bytes | None, str | None]:
        """Change what lies under a key; where another writer was faster, change what it wrote.

        Args:
            key: The key.
            change: Makes the new content out of what lies there, None where nothing does; returns
                None to leave it.
            known: What lies there as far as is known, and its ETag; read when None.
            advice: What to do when others are faster again and again.

        Returns:
            What lies there now, and its ETag.

        Raises:
            Conflict: Another writer was faster each time.
        """
        for _ in range(UPDATES):
            body, etag = known or self.get_if_there(key)
            known = None
            changed = change(body)
            if changed is None:
                return body, etag
            try:
                return changed, self.put_if_match(key, changed, etag)
            except Conflict:
                continue
        raise Conflict(f"{self.at(key)}: {UPDATES} times another writer was faster; {advice}")

    def get_if_there(self, key: str) -> tuple[bytes | None, str | None]:
        """Returns the bytes under a key and their ETag; None for both where nothing lies."""
        try:
            return self.get_with_etag(key)
        except FileNotFoundError:
            return None, None

    def copy(self, key: str, to: str, body: bytes, *, cache: str = SHORT) -> None:  # noqa: ARG002
        """Give the content of an object a second key.

        On S3 the bytes are sent again: a copy in the store costs the same request, and obstore's
        keeps the source's `Cache-Control`.
        """
        self.put(to, body, cache=cache)

    def is_placed(self, key: str, to: str) -> bool | None:  # noqa: ARG002
        """Returns whether a path has the content of an object; None where that takes reading."""
        return None

    def note_placed(self, key: str, to: str, *, alone: bool = True) -> None:
        """Remember that a path has the content of an object, where a file's time can say so."""

    def is_one_place(self, key: str, other: str) -> bool:  # noqa: ARG002
        """Returns whether two keys that differ in capitals alone are one."""
        return False

    def delete(self, keys: list[str]) -> None:
        """Remove keys; one that is not there is no error."""
        for start in range(0, len(keys), 1000):
            try:
                with self._permitted("remove what lies there"):
                    repeated(partial(objects.delete, self._objects, keys[start : start + 1000]))
            except FileNotFoundError:
                for key in keys[start : start + 1000]:
                    try:
                        objects.delete(self._objects, key)
                    except FileNotFoundError:
                        continue

    def walk(self, prefix: str) -> Iterator[dict[str, Any]]:
        """What lies under a folder, as dicts with `path`, `size` and `last_modified`."""
        from obstore.exceptions import BaseError

        last: str | None = None
        pages: Any = None

        def following() -> Any:
            nonlocal pages
            # A listing that is cut short goes on behind what came.
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
        """The names of the folders directly under a folder."""
        found = repeated(lambda: objects.list_with_delimiter(self._objects, prefix))
        return [p.rstrip("/").rsplit("/", 1)[-1] for p in found["common_prefixes"]]

    def files(self, prefix: str) -> list[dict[str, Any]]:
        """What lies directly in a folder, as `walk` tells it of all below."""
        found = repeated(lambda: objects.list_with_delimiter(self._objects, prefix))
        return [dict(entry) for entry in found["objects"]]

    def at(self, key: str) -> str:
        """A key's full address, fit for DuckDB."""
        return f"{self.url}/{key}"

    def head(self, key: str, size: int) -> bytes:
        """The first bytes under a key, all of them where there are fewer."""

        def ask() -> bytes:
            return bytes(objects.get(self._objects, key, options={"range": (0, size)}).bytes())

        return repeated(ask)

    def file(self, key: str) -> str:
        """Where DuckDB can read what lies under a key."""
        return self.at(key)

    def is_cached(self, key: str) -> bool:  # noqa: ARG002 - of a store that is its own copy
        """Whether a copy lies in the local cache, to be read without a network."""
        return False

    def validated_at(self, key: str) -> datetime | None:  # noqa: ARG002
        """When what is read under a key was known to be what the store has; None when it is."""
        return None

    def get_cached(self, name: str) -> bytes | None:  # noqa: ARG002
        """What `remember` was given on this machine; None when there is nothing."""
        return None

    def remember(self, name: str, body: bytes) -> None:
        """Keep on this machine what never changes, where there is a local cache."""

    def forget(self, name: str) -> None:
        """Remove what is kept of a key on this machine."""

    def check(self) -> None:
        """Find out before any work whether the store can be read.

        Raises:
            StoreError: No such bucket, no permission, or no answer.
        """
        try:
            repeated(lambda: objects.list_with_delimiter(self._objects, ROOT))
        except Exception as error:
            if is_forbidden(error):
                raise StoreError(
                    f"{self.url}: no permission to list; {credentials_in_use()}"
                ) from error
            if isinstance(error, FileNotFoundError) or "404 Not Found" in str(error):
                raise StoreError(
                    f"{self.url}: no such bucket; create it, or name another"
                ) from error
            raise StoreError(f"{self.url}: cannot be reached: {first_line(error)}") from error

    def sweep_staging(self) -> None:
        """Remove what a killed writer left behind, where that is not the server's matter."""

    def _permitted(self, what: str) -> AbstractContextManager[None]:
        return refusals_as_permission_errors(
            f"{self.url}: no permission to {what}; check the AWS credentials in use: "
        )

    @staticmethod
    def _attributes(key: str, body: bytes, cache: str) -> dict[str, str]:
        kind = _TYPES.get(Path(key).suffix, "application/octet-stream")
        # It goes with the content, so that who receives it can tell whether it came whole: an ETag
        # is no digest of what was put in parts or is encrypted.
        digest = hashlib.sha256(body).hexdigest()
        return {"Content-Type": kind, "Cache-Control": cache, DIGEST: digest}


def named_digest(key: str) -> str:
    """Returns the sha256 that a key names as its content's; empty where it names none."""
    found = _NAMED.fullmatch(key)
    return found[1] if found else ""
