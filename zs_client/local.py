"""The store in a local folder: each write appears as one whole file, or not at all.

Reads are those of every store, by `zs_client.folder`. A writer that was killed leaves half a file
in the staging folder only.
"""

import hashlib
import os
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from zs_client import objects
from zs_client.contract import ROOT
from zs_client.errors import Conflict
from zs_client.folder import Folder, exclusive, put_in_place
from zs_client.store import RENEWED_AFTER, SHORT, Altered, Store

_STAGING = f"{ROOT}/_staging"
_STALE_STAGING = 3600
# What the lock on the ages of objects is named after.
_AGES = f"{ROOT}/_objects"


class LocalStore(Store):
    """Bytes under keys, in files."""

    is_local = True
    # A megabyte is read, copied and compared in 2 ms, and each part takes 0.1.
    part_above = 4_000_000

    def __init__(self, folder: Path) -> None:
        super().__init__(Folder(folder), str(folder))
        self._folder = folder

    def get(self, key: str) -> bytes:
        """See `Store.get`; without the ETag, for which all bytes would be digested."""
        return self._compared(key, {})[0]

    def put(self, key: str, body: bytes, *, cache: str = SHORT) -> None:  # noqa: ARG002
        """See `Store.put`."""
        self._place(key, body)

    def put_object(self, key: str, body: bytes) -> bool:
        """See `Store.put_object`."""
        with suppress(FileNotFoundError, Altered):
            if self.get(key) == body:
                if self.now() - self._modified(key) > RENEWED_AFTER:
                    # Not by its time alone: up to 1.0.0 a fixed path may be the same file.
                    with self._locked(_AGES):
                        self._place(key, body)
                return True
        self._place(key, body)
        return False

    def put_first(self, key: str, body: bytes) -> None:
        """See `Store.put_first`."""
        if not self.exists(key):
            self._place(key, body)

    def delete_older(self, keys: Sequence[str], before: datetime) -> list[str]:
        """See `Store.delete_older`; no writer makes a file new between the look and its removal."""
        with self._locked(_AGES):
            return super().delete_older(keys, before)

    def put_if_match(self, key: str, body: bytes, etag: str | None) -> str:
        """See `Store.put_if_match`; the ETag is the content's digest."""
        with self._locked(key):
            if self.get_if_there(key)[1] != etag:
                raise Conflict(f"{self.at(key)} was changed by another writer")
            self._place(key, body)
        return hashlib.sha256(body).hexdigest()

    def copy(self, key: str, to: str, body: bytes, *, cache: str = SHORT) -> None:  # noqa: ARG002
        """See `Store.copy`; the copy is a separate file with its own time.

        A hard link would not do: a program that writes to the path in place would change the
        object, and the time of an earlier night would tell `rsync` that nothing changed.
        """
        self._place(to, body)
        self.note_placed(key, to)

    def is_placed(self, key: str, to: str) -> bool | None:
        """See `Store.is_placed`, judged by the size and time of the files."""
        try:
            source, target = (self._folder / key).stat(), (self._folder / to).stat()
        except FileNotFoundError:
            return None if (self._folder / to).exists() else False
        if os.path.samestat(source, target):
            # Up to 1.0.0 they were one file under two names.
            return None
        return (source.st_size, source.st_mtime_ns) == (target.st_size, target.st_mtime_ns) or None

    def note_placed(self, key: str, to: str, *, alone: bool = True) -> None:
        """Give an object's file the time of a path that has the object's content.

        Args:
            key: The object's key.
            to: The path's key.
            alone: Whether no other path has the content; another path has another time.
        """
        source, target = self._folder / key, self._folder / to
        with suppress(FileNotFoundError):
            if source.samefile(target):
                staged = self._folder / _STAGING / uuid.uuid4().hex
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
            other: Another key, which differs in capitals only.
        """
        path, other_path = self._folder / key, self._folder / other
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.parent == other_path.parent:
            return path.exists() and other_path.exists() and path.samefile(other_path)
        return other_path.parent.exists() and path.parent.samefile(other_path.parent)

    def check_writes(self) -> None:
        """See `Store.check_writes`."""
        probe = f"{_STAGING}/{uuid.uuid4().hex}"
        try:
            objects.put(self._objects, probe, b"", use_multipart=False)
            (self._folder / probe).unlink()
        except OSError as error:
            raise self._unwritable(error) from error

    def check(self) -> None:
        """See `Store.check`; a folder without a cache passes."""
        if (self._folder / ROOT).exists():
            super().check()

    def sweep_staging(self) -> None:
        """Remove files that killed writers left in the staging folder."""
        oldest = time.time() - _STALE_STAGING
        for path in (self._folder / _STAGING).glob("*"):
            with suppress(FileNotFoundError):
                if path.stat().st_mtime < oldest and path.suffix != ".lock":
                    path.unlink()

    def _etag(self, meta: Any, body: bytes) -> str:  # noqa: ARG002
        return hashlib.sha256(body).hexdigest()

    # obstore's own local put leaves `data.pqt#1` beside the target when it is killed, and a reader
    # of `qc/**` would see those rows twice: writes are staged outside every table's folder.
    def _place(self, key: str, body: bytes) -> None:
        staged = f"{_STAGING}/{uuid.uuid4().hex}"
        objects.put(self._objects, staged, body, use_multipart=False)
        target = self._folder / key
        target.parent.mkdir(parents=True, exist_ok=True)
        put_in_place(self._folder / staged, target)
        # POSIX: replacing a file by a hard link to itself does nothing and leaves the link.
        (self._folder / staged).unlink(missing_ok=True)

    @contextmanager
    def _locked(self, key: str) -> Iterator[None]:
        locks = self._folder / _STAGING
        locks.mkdir(parents=True, exist_ok=True)
        name = hashlib.sha256(key.encode()).hexdigest()[:16]
        with (locks / f"{name}.lock").open("w") as lock, exclusive(lock):
            yield
