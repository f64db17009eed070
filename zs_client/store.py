"""The store: where the cache lies, as bytes under keys. S3, a local folder or memory.

What a key means is in `zs_client.contract`; parquet is read in `zs_client.read` and written in
`zs_pipeline.commit`. obstore is loaded when a store is opened.
"""

import hashlib
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from zs_client import aws, objects
from zs_client.contract import ROOT
from zs_client.folder import Folder, exclusive, put_in_place

PUBLIC = "s3://allen-data-views"
IMMUTABLE = "public, max-age=31536000, immutable"
SHORT = "public, max-age=60"
DIGEST = "sha256"
_TYPES = {".pqt": "application/vnd.apache.parquet", ".json": "application/json"}
_STAGING = f"{ROOT}/_staging"
_STALE_STAGING = 3600

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


class StoreError(Exception):
    """The store could not be opened or used; the message says what was tried and what to do."""


class Conflict(StoreError):
    """Another writer replaced the object since it was read; read it again and retry."""


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
        """The bytes under a key, and the tag that `replace` compares."""
        from obstore.exceptions import PermissionDeniedError, UnauthenticatedError

        try:
            found = objects.get(self._objects, key)
        # obstore's own is no PermissionError, though what is not there is a FileNotFoundError.
        except (PermissionDeniedError, UnauthenticatedError) as error:
            raise PermissionError(first_line(error)) from error
        body = bytes(found.bytes())
        return body, self._tag(found.meta, body)

    @property
    def far(self) -> bool:
        """Whether a byte less to read is worth a request more."""
        return "://" in self.url and not self.url.startswith("memory:")

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

        try:
            found = objects.get(self._objects, key, options=options)
            body = bytes(found.bytes())
        except PreconditionError as error:
            raise Changed(self.at(key)) from error
        except (PermissionDeniedError, UnauthenticatedError) as error:
            raise PermissionError(first_line(error)) from error
        told = str(found.attributes.get(DIGEST) or "")
        return Piece(body, found.range[0], found.meta["size"], str(found.meta["e_tag"]), told)

    def _tag(self, meta: Any, body: bytes) -> str:
        return hashlib.sha256(body).hexdigest() if self._local else str(meta["e_tag"])

    def exists(self, key: str) -> bool:
        """Whether something lies under a key."""
        try:
            objects.head(self._objects, key)
        except FileNotFoundError:
            return False
        return True

    def put(self, key: str, body: bytes, *, cache: str = SHORT) -> None:
        """Write bytes under a key: the old or the new content is there, never a part of it."""
        if self._local:
            self._place(self._local, key, body)
            return
        with self._permitted(f"write {key}"):
            objects.put(self._objects, key, body, attributes=self._attributes(key, body, cache))

    def put_object(self, key: str, body: bytes) -> None:
        """Write bytes under a key whose content never changes; what lies there is left alone."""
        from obstore.exceptions import AlreadyExistsError

        self._bring_near(key, body)
        if self._local:
            if not self.exists(key):
                self._place(self._local, key, body)
            return
        with self._permitted(f"write {key}"), suppress(AlreadyExistsError):
            objects.put(
                self._objects,
                key,
                body,
                attributes=self._attributes(key, body, IMMUTABLE),
                mode="create",
                use_multipart=False,
            )

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
        from obstore.exceptions import AlreadyExistsError, PreconditionError

        if self._local:
            return self._replace_local(self._local, key, body, tag)
        try:
            with self._permitted(f"write {key}"):
                done = objects.put(
                    self._objects,
                    key,
                    body,
                    attributes=self._attributes(key, body, SHORT),
                    mode="create" if tag is None else {"e_tag": tag},
                    use_multipart=False,
                )
        except (AlreadyExistsError, PreconditionError, FileNotFoundError) as error:
            # A request that S3 answered but whose answer was lost is sent again by obstore, and
            # then fails on its own success: the content says whether it was ours.
            try:
                there, now = self.get_tagged(key)
            except FileNotFoundError:
                there, now = None, ""
            if there == body:
                return now
            if tag is None and there is None and isinstance(error, FileNotFoundError):
                raise StoreError(
                    f"{self.url}: no such bucket; create it, or name another"
                ) from error
            raise Conflict(f"{self.at(key)} was changed by another writer") from error
        return str(done["e_tag"])

    def copy(self, key: str, to: str, body: bytes, *, cache: str = SHORT) -> None:
        """Give the content under `key` a second key.

        On a local folder this is a hard link. On S3 the bytes are sent again: a copy in the store
        costs the same request, and obstore's keeps the source's `Cache-Control`.
        """
        if not self._local:
            self.put(to, body, cache=cache)
            return
        staged = f"{_STAGING}/{uuid.uuid4().hex}"
        objects.copy(self._objects, key, staged)
        self._settle(self._local, staged, to)

    def delete(self, keys: list[str]) -> None:
        """Remove keys; one that is not there is no error."""
        for start in range(0, len(keys), 1000):
            try:
                with self._permitted("remove what lies there"):
                    objects.delete(self._objects, keys[start : start + 1000])
            except FileNotFoundError:
                for key in keys[start : start + 1000]:
                    try:
                        objects.delete(self._objects, key)
                    except FileNotFoundError:
                        continue

    def walk(self, prefix: str) -> Iterator[dict[str, Any]]:
        """What lies under a folder, as dicts with `path`, `size` and `last_modified`."""
        for batch in objects.list(self._objects, prefix):
            yield from (dict(entry) for entry in batch)

    def folders(self, prefix: str) -> list[str]:
        """The names of the folders directly under a folder."""
        found = objects.list_with_delimiter(self._objects, prefix)
        return [p.rstrip("/").rsplit("/", 1)[-1] for p in found["common_prefixes"]]

    def at(self, key: str) -> str:
        """A key's full address, fit for DuckDB."""
        return f"{self.url}/{key}"

    def head(self, key: str, size: int) -> bytes:
        """The first bytes under a key, all of them where there are fewer."""
        return bytes(objects.get(self._objects, key, options={"range": (0, size)}).bytes())

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
            objects.list_with_delimiter(self._objects, ROOT)
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


def first_line(error: BaseException) -> str:
    """An error's first line; obstore's messages carry a dump of the request after it."""
    text = str(error).strip()
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
    parts = urlsplit(url)
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
    try:
        endpoint, certificates = aws.endpoint(), aws.certificates()
    except ValueError as error:
        raise StoreError(f"s3://{bucket}: cannot be opened: {error}") from error
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
