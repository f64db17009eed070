"""A store in a folder of this machine: what is written is a file at once, or not there.

Reads are those of every store, by `zs_client.folder`. A writer that was killed leaves half a file
in the folder of staging alone.
"""

import hashlib
import os
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from zs_client import objects
from zs_client.contract import ROOT
from zs_client.errors import Conflict
from zs_client.folder import Folder, exclusive, put_in_place
from zs_client.store import SHORT, Altered, Store

_STAGING = f"{ROOT}/_staging"
_STALE_STAGING = 3600


class LocalStore(Store):
    """Bytes under keys, in files."""

    is_local = True

    def __init__(self, folder: Path) -> None:
        super().__init__(Folder(folder), str(folder))
        self._folder = folder

    def put(self, key: str, body: bytes, *, cache: str = SHORT) -> None:  # noqa: ARG002
        """As `Store.put`."""
        self._place(key, body)

    def put_object(self, key: str, body: bytes) -> None:
        """As `Store.put_object`."""
        with suppress(FileNotFoundError, Altered):
            if self.get(key) == body:
                return
        self._place(key, body)

    def put_first(self, key: str, body: bytes) -> None:
        """As `Store.put_first`."""
        if not self.exists(key):
            self._place(key, body)

    def put_if_match(self, key: str, body: bytes, etag: str | None) -> str:
        """As `Store.replace`; the tag is the content's digest."""
        with self._locked(key):
            try:
                now = hashlib.sha256(self.get(key)).hexdigest()
            except FileNotFoundError:
                now = None
            if now != etag:
                raise Conflict(f"{self.at(key)} was changed by another writer")
            self._place(key, body)
        return hashlib.sha256(body).hexdigest()

    def copy(self, key: str, to: str, body: bytes, *, cache: str = SHORT) -> None:  # noqa: ARG002
        """As `Store.copy`, as a file of its own with its own time.

        It is no hard link: what is written over a path in place would change the object, and the
        time of an earlier night would tell `rsync` and others that nothing changed.
        """
        self._place(to, body)
        self.note_placed(key, to)

    def is_placed(self, key: str, to: str) -> bool | None:
        """As `Store.is_placed`, as far as size and time of the files tell."""
        try:
            one, other = (self._folder / key).stat(), (self._folder / to).stat()
        except FileNotFoundError:
            return None if (self._folder / to).exists() else False
        if os.path.samestat(one, other):
            # Up to 1.0.0 they were one file under two names.
            return None
        same = (one.st_size, one.st_mtime_ns) == (other.st_size, other.st_mtime_ns)
        return True if same else None

    def note_placed(self, key: str, to: str, *, alone: bool = True) -> None:
        """Give an object the time of a path that has its content.

        Args:
            key: The object's.
            to: The path's.
            alone: No other path has it, which has a time of its own.
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
            other: Another one, which differs in capitals alone.
        """
        (self._folder / key).parent.mkdir(parents=True, exist_ok=True)
        paths = (self._folder / key, self._folder / other)
        if paths[0].parent == paths[1].parent:
            return all(path.exists() for path in paths) and paths[0].samefile(paths[1])
        return paths[1].parent.exists() and paths[0].parent.samefile(paths[1].parent)

    def check_writes(self) -> None:
        """As `Store.check_writes`."""
        probe = f"{_STAGING}/{uuid.uuid4().hex}"
        try:
            objects.put(self._objects, probe, b"", use_multipart=False)
            (self._folder / probe).unlink()
        except OSError as error:
            raise self._unwritable(error) from error

    def check(self) -> None:
        """As `Store.check`; where nothing was written yet, there is nothing to be read."""
        if (self._folder / ROOT).exists():
            super().check()

    def sweep_staging(self) -> None:
        """Remove what a killed writer left behind."""
        oldest = time.time() - _STALE_STAGING
        for path in (self._folder / _STAGING).glob("*"):
            try:
                if path.stat().st_mtime < oldest and path.suffix != ".lock":
                    path.unlink()
            except FileNotFoundError:
                continue

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
