"""The store: where the cache lies, as bytes under keys. S3, a local folder or memory.

What a key means is in `zs_client.contract`; parquet is read in `zs_client.read` and written in
`zs_pipeline.publishing.commit`. obstore is loaded when a store is opened.
"""

import hashlib
import os
import random
import re
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit
from urllib.request import url2pathname

from zs_client import aws, objects
from zs_client.contract import ROOT
from zs_client.errors import Careless, Conflict, StoreError
from zs_client.folder import Folder, exclusive, put_in_place
from zs_client.masking import masked, unfit

T = TypeVar("T")

PUBLIC = "s3://allen-data-views"
IMMUTABLE = "public, max-age=31536000, immutable"
SHORT = "public, max-age=60"
DIGEST = "sha256"
_TYPES = {".pqt": "application/vnd.apache.parquet", ".json": "application/json"}
_STAGING = f"{ROOT}/_staging"
_STALE_STAGING = 3600
# S3's answer where two conditional writes met: neither what lies there nor that nothing does.
_MET = "409 Conflict"
_CUT = ("response body error", "Got invalid ")
# How often a content is fetched that is not what its digest says.
ATTEMPTS = 3
_NAMED = re.compile(r".*/(?:_objects|_custom)/[^/]+/([0-9a-f]{64})\.pqt")
_PAUSES = (0.05, 0.1, 0.2, 0.4, 0.8)

_memory: dict[str, Any] = {}


@dataclass(frozen=True)
class Patience:
    """How long S3 is waited for, in seconds.

    Attributes:
        connect: For a connection.
        silence: For the next bytes of an answer.
        answer: For a whole answer.
        retries: How often what failed is asked again.
        together: After which nothing is asked again.
    """

    connect: int
    silence: int
    answer: int
    retries: int
    together: int


PATIENT = Patience(connect=10, silence=60, answer=60, retries=8, together=120)
# A person waits for what is read, perhaps without a network. A table may come over a slow line.
HASTY = Patience(connect=4, silence=10, answer=900, retries=4, together=8)


class Changed(Exception):
    """What lies under a key is no longer what was there when its first part was read."""


@dataclass(frozen=True)
class Piece:
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
    tag: str
    sha256: str = ""


class Unreadable(OSError):
    """What was asked for cannot be had; the message says all, also what to do."""

    def __init__(self, said: str) -> None:
        super().__init__(masked(said))


class Altered(Unreadable):
    """What lies under a key is not what was written there; asking again does not help."""


class Store:
    """Bytes under keys, the same for S3, a local folder and memory.

    Attributes:
        url: The store's URL without a slash at its end, or a local folder's absolute path.
    """

    def __init__(
        self, held: Any, url: str, *, local: Path | None = None, near: Path | None = None
    ) -> None:
        self._objects = held
        self.url = url
        self._local = local
        self._near = near

    def get(self, key: str) -> bytes:
        """The bytes under a key.

        Raises:
            FileNotFoundError: Nothing lies there.
            PermissionError: It may not be read.
        """
        return self.get_tagged(key)[0]

    def get_tagged(self, key: str) -> tuple[bytes, str]:
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
                return body, self._tag(meta, body)
        raise Altered(
            f"{self.at(key)}: what came is not what the store has: {len(body):,} bytes, not of the "
            f"sha256 {expected[:12]}…, {ATTEMPTS} times; look at the network between, or tell who "
            "keeps the store"
        )

    def _answered(self, key: str, options: Any) -> tuple[bytes, Any, str]:
        """Returns the bytes of an answer, what it tells of them, and the digest it sent along."""
        from obstore.exceptions import PermissionDeniedError, UnauthenticatedError

        def ask() -> tuple[bytes, Any, str]:
            found = objects.get(self._objects, key, options=options)
            return self._body(found, key), found.meta, str(found.attributes.get(DIGEST) or "")

        try:
            return repeated(ask)
        # obstore's own is no PermissionError, though what is not there is a FileNotFoundError.
        except (PermissionDeniedError, UnauthenticatedError) as error:
            raise PermissionError(first_line(error)) from error

    def _body(self, found: Any, key: str) -> bytes:  # noqa: ARG002 - of a store that shows it
        return bytes(found.bytes())

    @property
    def far(self) -> bool:
        """Whether a byte less to read is worth a request more."""
        return "://" in self.url and not self.url.startswith("memory:")

    @property
    def is_local(self) -> bool:
        """Returns whether it is a folder of this machine."""
        return self._local is not None

    @property
    def name(self) -> tuple[str, ...]:
        """What tells this store from others, as for what is remembered of it."""
        return (self.url,)

    def get_end(self, key: str, count: int) -> Piece:
        """The last bytes under a key, all of them when there are fewer; errors as of `get`."""
        return self._piece(key, {"range": {"suffix": count}})

    def get_part(self, key: str, start: int, end: int, tag: str) -> Piece:
        """The bytes from `start` up to `end` under a key; errors as of `get`.

        Raises:
            Changed: The content is no longer the one that the tag names.
        """
        return self._piece(key, {"range": (start, end), "if_match": tag})

    def _piece(self, key: str, options: Any) -> Piece:
        from obstore.exceptions import (
            PermissionDeniedError,
            PreconditionError,
            UnauthenticatedError,
        )

        def ask() -> Piece:
            found = objects.get(self._objects, key, options=options)
            body, sent = bytes(found.bytes()), str(found.attributes.get(DIGEST) or "")
            tag = self._tag(found.meta, body)
            return Piece(body, found.range[0], found.meta["size"], tag, sent)

        try:
            return repeated(ask)
        except PreconditionError as error:
            raise Changed(self.at(key)) from error
        except (PermissionDeniedError, UnauthenticatedError) as error:
            raise PermissionError(first_line(error)) from error

    def _tag(self, meta: Any, body: bytes) -> str:
        return hashlib.sha256(body).hexdigest() if self._local else str(meta["e_tag"] or "")

    def exists(self, key: str) -> bool:
        """Whether something lies under a key."""
        try:
            repeated(lambda: objects.head(self._objects, key))
        except FileNotFoundError:
            return False
        return True

    def put(self, key: str, body: bytes, *, cache: str = SHORT) -> None:
        """Write bytes under a key: the old or the new content is there, never a part of it."""
        if self._local:
            self._place(self._local, key, body)
            return
        with self._permitted(f"write {key}"):
            self._ask_for_conditions()
            attributes = self._attributes(key, body, cache)
            repeated(lambda: objects.put(self._objects, key, body, attributes=attributes))

    def put_object(self, key: str, body: bytes) -> None:
        """Write bytes under a key that names its content; what lies there whole is left alone.

        Raises:
            Conflict: The store says again and again that another writer is at it.
        """
        self._bring_near(key, body)
        if self._local:
            if not self._has(key, body):
                self._place(self._local, key, body)
            return
        for pause in _PAUSES:
            said = self._create(key, body, IMMUTABLE)
            # "Already there" is also said of an object that another writer did not end to write.
            if not said or self._has(key, body):
                return
            if _MET not in said:
                self.put(key, body, cache=IMMUTABLE)
                return
            _wait(pause)
        raise Conflict(
            f"{self.at(key)}: {len(_PAUSES)} times two writers met, and nothing lies there; try "
            "again"
        )

    def put_first(self, key: str, body: bytes) -> None:
        """Write bytes under a key where nothing lies; what lies there is left alone.

        Raises:
            Conflict: As of `put_object`.
        """
        if self._local:
            if not self.exists(key):
                self._place(self._local, key, body)
            return
        for pause in _PAUSES:
            said = self._create(key, body, IMMUTABLE)
            if not said or self.exists(key):
                return
            _wait(pause)
        raise Conflict(f"{self.at(key)}: {len(_PAUSES)} times two writers met; try again")

    def _create(self, key: str, body: bytes, cache: str) -> str:
        """Write bytes where nothing lies; returns what the store said that did not, else empty."""
        from obstore.exceptions import AlreadyExistsError

        with self._permitted(f"write {key}"):
            self._ask_for_conditions()
            attributes = self._attributes(key, body, cache)
            create = partial(objects.put, self._objects, key, body, attributes=attributes)
            try:
                # Sent again after its own success it is already there: the content tells.
                repeated(partial(create, mode="create", use_multipart=False), _CUT)
            except AlreadyExistsError as error:
                return str(error)
        return ""

    def _has(self, key: str, body: bytes) -> bool:
        """Returns whether that content lies under a key, by size and checksum, else by reading."""
        try:
            if self._local:
                return self.get(key) == body
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
                if self._local:
                    probe = f"{_STAGING}/{uuid.uuid4().hex}"
                    objects.put(self._objects, probe, b"", use_multipart=False)
                    (self._local / probe).unlink()
        except (BaseError, OSError) as error:
            if isinstance(error, PermissionError) and not self._local:
                raise
            said = getattr(error, "strerror", None) or first_line(error)
            raise StoreError(f"{self.url}: cannot be written: {said}") from error

    def get_object(self, key: str) -> bytes:
        """The bytes under a key whose content never changes; from near by where they were before.

        Raises:
            FileNotFoundError: Nothing lies there.
            PermissionError: It may not be read.
        """
        if self._near:
            with suppress(OSError):
                return self._near_path(self._near, key).read_bytes()
        body = self.get(key)
        self._bring_near(key, body)
        return body

    def _bring_near(self, key: str, body: bytes) -> None:
        if not self._near:
            return
        # A full disk costs a request, nothing more.
        with suppress(OSError):
            staged = self._near / uuid.uuid4().hex
            staged.write_bytes(body)
            staged.replace(self._near_path(self._near, key))

    @staticmethod
    def _near_path(near: Path, key: str) -> Path:
        return near / hashlib.sha256(key.encode()).hexdigest()

    def replace(self, key: str, body: bytes, tag: str | None) -> str:
        """Write bytes under a key if nobody wrote there since `tag` was read; None: nothing there.

        Returns:
            The new tag.

        Raises:
            Conflict: Another writer was faster.
        """
        if self._local:
            return self._replace_local(self._local, key, body, tag)
        for pause in _PAUSES:
            done, met = self._replace(key, body, tag)
            if not met:
                return done
            _wait(pause)
        raise Conflict(f"{self.at(key)}: {len(_PAUSES)} times two writers met; try again")

    def _replace(self, key: str, body: bytes, tag: str | None) -> tuple[str, bool]:
        """Returns the new tag, and whether two writers met without a change of what lies there."""
        from obstore.exceptions import AlreadyExistsError, PreconditionError

        try:
            with self._permitted(f"write {key}"):
                self._ask_for_conditions()
                attributes = self._attributes(key, body, SHORT)
                put = partial(objects.put, self._objects, key, body, attributes=attributes)
                mode: Any = "create" if tag is None else {"e_tag": tag}
                done = repeated(partial(put, mode=mode, use_multipart=False), _CUT)
        except (AlreadyExistsError, PreconditionError, FileNotFoundError) as error:
            # A request that S3 answered but whose answer was lost is sent again by obstore, and
            # then fails on its own success: the content says whether it was ours.
            try:
                there, now = self.get_tagged(key)
            except FileNotFoundError:
                there, now = None, None
            if there == body:
                return str(now), False
            if tag is None and there is None and isinstance(error, FileNotFoundError):
                raise StoreError(
                    f"{self.url}: no such bucket; create it, or name another"
                ) from error
            if _MET in str(error) and now == tag:
                return "", True
            raise Conflict(f"{self.at(key)} was changed by another writer") from error
        return str(done["e_tag"]), False

    def copy(self, key: str, to: str, body: bytes, *, cache: str = SHORT) -> None:
        """Give the content of an object a second key, as a file of its own with its own time.

        On a local folder no hard link: what is written over a path in place would change the
        object, and the time of an earlier night would tell `rsync` and others that nothing changed.
        On S3 the bytes are sent again: a copy in the store costs the same request, and obstore's
        keeps the source's `Cache-Control`.
        """
        if not self._local:
            self.put(to, body, cache=cache)
            return
        self._place(self._local, to, body)
        self.note_placed(key, to)

    def is_placed(self, key: str, to: str) -> bool | None:
        """Returns whether a path has the content of an object, as far as its size and time tell.

        Args:
            key: The object's.
            to: The path's.

        Returns:
            None where that takes reading, as on S3.
        """
        if not self._local:
            return None
        try:
            one, other = (self._local / key).stat(), (self._local / to).stat()
        except FileNotFoundError:
            return None if (self._local / to).exists() else False
        if os.path.samestat(one, other):
            # Up to 1.0.0 they were one file under two names.
            return None
        same = (one.st_size, one.st_mtime_ns) == (other.st_size, other.st_mtime_ns)
        return True if same else None

    def note_placed(self, key: str, to: str, *, alone: bool = True) -> None:
        """Remember that a path has the content of an object: they have the same time.

        Args:
            key: The object's.
            to: The path's.
            alone: No other path has it, which has a time of its own.
        """
        if not self._local:
            return
        source, target = self._local / key, self._local / to
        with suppress(FileNotFoundError):
            if source.samefile(target):
                staged = self._local / _STAGING / uuid.uuid4().hex
                staged.parent.mkdir(parents=True, exist_ok=True)
                staged.write_bytes(target.read_bytes())
                put_in_place(staged, source)
            if alone:
                time_ns = target.stat().st_mtime_ns
                os.utime(source, ns=(time_ns, time_ns))

    def is_one_place(self, key: str, other: str) -> bool:
        """Returns whether two keys are one file, as on a disk that does not tell mouse from Mouse.

        Args:
            key: A key; its folder is made.
            other: Another one, which differs in capitals alone.
        """
        if not self._local:
            return False
        (self._local / key).parent.mkdir(parents=True, exist_ok=True)
        paths = (self._local / key, self._local / other)
        if paths[0].parent == paths[1].parent:
            return all(path.exists() for path in paths) and paths[0].samefile(paths[1])
        return paths[1].parent.exists() and paths[0].parent.samefile(paths[1].parent)

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

    def kept(self, key: str) -> bool:  # noqa: ARG002 - of a store that is its own copy
        """Whether a copy lies in the local cache, to be read without a network."""
        return False

    def checked_at(self, key: str) -> datetime | None:  # noqa: ARG002
        """When what is read under a key was known to be what the store has; None when it is."""
        return None

    def recall(self, name: str) -> bytes | None:  # noqa: ARG002
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
        from obstore.exceptions import PermissionDeniedError, UnauthenticatedError

        try:
            repeated(lambda: objects.list_with_delimiter(self._objects, ROOT))
        except FileNotFoundError as error:
            if not self._local:
                raise StoreError(
                    f"{self.url}: no such bucket; create it, or name another"
                ) from error
        except (PermissionError, PermissionDeniedError, UnauthenticatedError) as error:
            raise StoreError(
                f"{self.url}: no permission to list; {_credentials_in_use()}"
            ) from error
        except Exception as error:
            # obstore knows no missing bucket and no forbidden list: both are generic errors.
            if "403 Forbidden" in str(error) or "401 Unauthorized" in str(error):
                raise StoreError(
                    f"{self.url}: no permission to list; {_credentials_in_use()}"
                ) from error
            if "404 Not Found" in str(error):
                raise StoreError(
                    f"{self.url}: no such bucket; create it, or name another"
                ) from error
            raise StoreError(f"{self.url}: cannot be reached: {first_line(error)}") from error

    def sweep_staging(self) -> None:
        """Remove what a killed writer left behind on a local folder."""
        if not self._local:
            return
        oldest = time.time() - _STALE_STAGING
        for path in (self._local / _STAGING).glob("*"):
            try:
                if path.stat().st_mtime < oldest and path.suffix != ".lock":
                    path.unlink()
            except FileNotFoundError:
                continue

    @contextmanager
    def _permitted(self, what: str) -> Iterator[None]:
        """Refusals as PermissionError, which those of obstore are not."""
        from obstore.exceptions import PermissionDeniedError, UnauthenticatedError

        try:
            yield
        except (PermissionDeniedError, UnauthenticatedError) as error:
            raise PermissionError(
                f"{self.url}: no permission to {what}; check the AWS credentials in use: "
                f"{first_line(error)}"
            ) from error

    @staticmethod
    def _attributes(key: str, body: bytes, cache: str) -> dict[str, str]:
        kind = _TYPES.get(Path(key).suffix, "application/octet-stream")
        # It goes with the content, so that who receives it can tell whether it came whole: an ETag
        # is no digest of what was put in parts or is encrypted.
        digest = hashlib.sha256(body).hexdigest()
        return {"Content-Type": kind, "Cache-Control": cache, DIGEST: digest}

    # obstore's own local put leaves `data.pqt#1` beside the target when it is killed, and a reader
    # of `qc/**` would see those rows twice: writes are staged outside every table's folder.
    def _place(self, folder: Path, key: str, body: bytes) -> None:
        staged = f"{_STAGING}/{uuid.uuid4().hex}"
        objects.put(self._objects, staged, body, use_multipart=False)
        self._settle(folder, staged, key)

    def _settle(self, folder: Path, staged: str, key: str) -> None:
        target = folder / key
        target.parent.mkdir(parents=True, exist_ok=True)
        put_in_place(folder / staged, target)
        # POSIX: replacing a file by a hard link to itself does nothing and leaves the link.
        (folder / staged).unlink(missing_ok=True)

    def _replace_local(self, folder: Path, key: str, body: bytes, tag: str | None) -> str:
        with self._locked(folder, key):
            try:
                now = hashlib.sha256(self.get(key)).hexdigest()
            except FileNotFoundError:
                now = None
            if now != tag:
                raise Conflict(f"{self.at(key)} was changed by another writer")
            self._place(folder, key, body)
        return hashlib.sha256(body).hexdigest()

    @contextmanager
    def _locked(self, folder: Path, key: str) -> Iterator[None]:
        locks = folder / _STAGING
        locks.mkdir(parents=True, exist_ok=True)
        name = hashlib.sha256(key.encode()).hexdigest()[:16]
        with (locks / f"{name}.lock").open("w") as lock, exclusive(lock):
            yield


def named_digest(key: str) -> str:
    """Returns the sha256 that a key names as its content's; empty where it names none."""
    found = _NAMED.fullmatch(key)
    return found[1] if found else ""


def repeated(ask: Callable[[], T], signs: Sequence[str] = (*_CUT, _MET)) -> T:
    """Returns what `ask` gives; it is called again when a bad connection cut an answer short.

    obstore repeats requests that had no answer, and only of objects what is lacking of an answer.

    Args:
        ask: Reads, or writes what is the same when it is written twice.
        signs: What stands in the errors after which it is called again.
    """
    from obstore.exceptions import BaseError

    for pause in _PAUSES:
        try:
            return ask()
        except BaseError as error:
            if not any(sign in str(error) for sign in signs):
                raise
        _wait(pause)
    return ask()


def _wait(seconds: float) -> None:
    """Wait for about that long: of writers that met, one is earlier the next time."""
    time.sleep(seconds * random.uniform(0.5, 1.5))  # noqa: S311 - no secret


def first_line(error: BaseException) -> str:
    """Returns an error's first line without secrets; obstore's messages have a dump after it."""
    text = masked(str(error)).strip()
    return text.splitlines()[0] if text else type(error).__name__


def open_store(url: str | Path, *, anonymous: bool = False, near: Path | None = None) -> Store:
    """Open a store.

    Args:
        url: `s3://bucket[/prefix]`, a local folder (`file://` or a path) or `memory://[name]`.
        anonymous: Send S3 no credentials, as for the public bucket.
        near: A local folder where objects of S3 that never change are kept, so that each is fetched
            once.

    Raises:
        StoreError: The URL is of no known kind.
    """
    text = str(url)
    if not text.startswith("file://"):
        without_user("ZS_STORE", text)
    parts = urlsplit(text)
    if parts.scheme == "memory":
        from obstore.store import MemoryStore

        name = f"memory://{parts.netloc}"
        return Store(_memory.setdefault(name, MemoryStore()), name)
    if parts.scheme == "s3":
        bucket, prefix = s3_place(text)
        return Store(
            s3_bucket(bucket, prefix=prefix, anonymous=anonymous),
            f"s3://{bucket}/{prefix}".rstrip("/"),
            near=near,
        )
    if parts.scheme == "file" or "://" not in text:
        folder = local_path(text).resolve()
        if folder.exists() and not folder.is_dir():
            raise StoreError(f"{folder}: is a file; a store is a folder")
        if not folder.is_dir():
            raise StoreError(f"{folder}: no such folder; create it, or name another")
        return Store(Folder(folder), str(folder), local=folder)
    raise StoreError(f"{text}: a store is s3://bucket, a local folder, or memory://name")


def local_path(url: str) -> Path:
    """The path that a `file://` URL names, in which `%20` is a blank, or that is given as it is."""
    if not url.startswith("file://"):
        return Path(url).expanduser()
    # Of Windows `file:///C:/x` is C:/x.
    return Path(url2pathname(urlsplit(url).path)).expanduser()


def s3_place(url: str) -> tuple[str, str]:
    """The bucket and the prefix in `s3://bucket[/prefix]`.

    Raises:
        StoreError: It names no bucket.
    """
    parts = urlsplit(without_user("ZS_STORE", url))
    if not parts.netloc:
        raise StoreError(f"{url}: names no bucket; write s3://bucket or s3://bucket/prefix")
    return parts.netloc, parts.path.strip("/")


def s3_bucket(
    bucket: str, *, prefix: str = "", anonymous: bool = False, patience: Patience = PATIENT
) -> Any:
    """An obstore view of a bucket, with the usual AWS variables.

    Credentials come from boto3's chain where boto3 is installed (profiles, SSO, roles), else from
    the AWS variables; where there are none, requests go unsigned.
    """
    from obstore.exceptions import BaseError
    from obstore.store import S3Store

    options: dict[str, Any] = {
        "client_options": {
            "timeout": timedelta(seconds=patience.answer),
            "connect_timeout": timedelta(seconds=patience.connect),
            "read_timeout": timedelta(seconds=patience.silence),
        },
        "retry_config": {
            "max_retries": patience.retries,
            "retry_timeout": timedelta(seconds=patience.together),
        },
    }
    endpoint, certificates = server(), _certificates(bucket)
    if certificates:
        options["client_options"]["root_certificate"] = certificates
    if endpoint:
        options["endpoint"] = endpoint
        options["client_options"]["allow_http"] = endpoint.startswith("http:")
    region = aws.region()
    # Where the public bucket lies does not depend on where its reader works.
    public = f"s3://{bucket}" == PUBLIC and not endpoint
    options["region"] = "us-west-2" if public or not region else region
    provider = None if anonymous else _credentials()
    if provider is not None:
        options["credential_provider"] = provider
    elif anonymous or not (aws.are_there() or aws.keys()):
        options["skip_signature"] = True
    else:
        options |= aws.keys()
    try:
        return S3Store(bucket, prefix=prefix or None, **options)
    except BaseError as error:
        raise StoreError(
            f"s3://{bucket}: cannot be opened: {first_line(error)}; check the AWS variables"
        ) from error


def server() -> str:
    """Returns the S3 server that variables or the profile name; empty for Amazon's.

    Raises:
        StoreError: It is no address, or has a user or a password.
    """
    try:
        return aws.endpoint()
    except ValueError as error:
        raise StoreError(str(error)) from error


def without_user(what: str, url: str) -> str:
    """Returns a URL that may be shown.

    Raises:
        StoreError: It has a user or a password, which would be written into facts and messages.
    """
    if said := unfit(what, url):
        raise StoreError(said)
    return url


def _certificates(bucket: str) -> bytes | None:
    try:
        return aws.certificates()
    except ValueError as error:
        raise StoreError(f"s3://{bucket}: cannot be opened: {error}") from error


def _credentials_in_use() -> str:
    return aws.lacks_boto3() or "check the AWS credentials in use"


def _credentials() -> Any:
    try:
        import boto3
        from botocore.exceptions import BotoCoreError
        from obstore.auth.boto3 import Boto3CredentialProvider
    except ImportError:
        return None
    try:
        session = boto3.Session()
        return Boto3CredentialProvider(session) if session.get_credentials() else None
    except BotoCoreError as error:
        raise StoreError(f"no AWS credentials: {first_line(error)}; check AWS_PROFILE") from error
