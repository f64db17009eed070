"""A folder, as obstore shows a store: Python's own files, which a forked process can read as well.

Keys are names with slashes between them. What is no regular file is not opened: a pipe would wait.
"""

import errno
import os
import re
import stat
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

# What obstore, which wrote here before 1.1, left of a put that was killed.
_LEFT = re.compile(r".*#\d+")
# Windows has text files, and no wait for the other end of a pipe.
# A rename over a file that is read on Windows, and a lock there, are tried again.
_ATTEMPTS, _AGAIN = 50, 0.1
_FLAGS = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)


@dataclass(frozen=True)
class Content:
    """What lies under a key.

    Attributes:
        body: Its bytes, or those of the range that was asked for.
        meta: Its `path`, `size`, `e_tag` and `last_modified`.
        range: The first and the last byte of the body.
        attributes: Nothing: files have none.
    """

    body: bytes
    meta: dict[str, Any]
    range: tuple[int, int]
    attributes: Mapping[str, str] = field(default_factory=dict)

    def stream(self, min_chunk_size: int) -> Iterator[bytes]:  # noqa: ARG002 - it is here already
        """The bytes, in one piece."""
        yield self.body

    def bytes(self) -> bytes:
        """The bytes."""
        return self.body


class Folder:
    """A folder on this machine."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def get(self, key: str, options: Mapping[str, Any]) -> Content:
        """What lies under a key.

        Raises:
            FileNotFoundError: Nothing lies there, or a folder.
            PermissionError: It may not be read.
            PreconditionError: It is another content than `if_match` names.
        """
        number = os.open(self._path(key), _FLAGS)
        with open(number, "rb") as file:  # noqa: PTH123 - a number
            told = os.fstat(number)
            if stat.S_ISDIR(told.st_mode):
                raise FileNotFoundError(errno.ENOENT, "is a folder", key)
            if not stat.S_ISREG(told.st_mode):
                raise OSError(errno.EINVAL, "is no regular file", key)
            meta = _meta(key, told)
            if options.get("if_match") not in (None, meta["e_tag"]):
                from obstore.exceptions import PreconditionError

                raise PreconditionError(f"{key} is another")
            start, end = _range(options.get("range"), told.st_size)
            file.seek(start)
            body = file.read(end - start) if options.get("range") else file.read()
        return Content(body, meta, (start, start + len(body)))

    def head(self, key: str) -> dict[str, Any]:
        """What is told of a key.

        Raises:
            FileNotFoundError: Nothing lies there, or a folder.
        """
        told = self._path(key).stat()
        if not stat.S_ISREG(told.st_mode):
            raise FileNotFoundError(errno.ENOENT, "is no file", key)
        return _meta(key, told)

    def put(self, key: str, body: bytes, **_: Any) -> dict[str, Any]:
        """Write a file, in place: a `zs_client.store` renames it."""
        path = self._path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            path.write_bytes(body)
        except BaseException as error:
            # Of what does not fit on a disk Python tells no name.
            if isinstance(error, OSError) and error.filename is None:
                error.filename = str(path)
            # What a full disk took of it, or an interrupt left, goes as well.
            with suppress(OSError):
                path.unlink(missing_ok=True)
            raise
        return _meta(key, path.stat())

    def delete(self, keys: Sequence[str]) -> None:
        """Remove files; one that is not there is no error."""
        for key in keys:
            self._path(key).unlink(missing_ok=True)

    def list(self, prefix: str) -> Iterator[list[dict[str, Any]]]:
        """All files below a folder, a page for each folder."""
        for above, folders, names in os.walk(self._path(prefix) if prefix else self._root):
            folders.sort()
            page = []
            for name in sorted(names):
                path = Path(above, name)
                try:
                    told = path.stat()
                # Another process removed it meanwhile.
                except FileNotFoundError:
                    continue
                if stat.S_ISREG(told.st_mode) and not _LEFT.fullmatch(name):
                    page.append(_meta(path.relative_to(self._root).as_posix(), told))
            if page:
                yield page

    def list_with_delimiter(self, prefix: str) -> dict[str, Any]:
        """The folders and the files directly in a folder.

        Raises:
            PermissionError: It may not be listed.
        """
        folders: list[str] = []
        files: list[dict[str, Any]] = []
        path = self._path(prefix) if prefix else self._root
        try:
            names = sorted(os.listdir(path))  # noqa: PTH208 - names
        except (FileNotFoundError, NotADirectoryError):
            names = []
        for name in names:
            key = "/".join(part for part in (prefix.strip("/"), name) if part)
            if (path / name).is_dir():
                folders.append(key)
            elif not _LEFT.fullmatch(name):
                files.append(self.head(key))
        return {"common_prefixes": folders, "objects": files}

    def _path(self, key: str) -> Path:
        parts = key.strip("/").split("/")
        if any(part in ("", ".", "..") or "\0" in part for part in parts):
            raise OSError(errno.EINVAL, "is no key", key)
        return self._root.joinpath(*parts)


@contextmanager
def exclusive(lock: IO[str]) -> Iterator[None]:
    """Hold a lock on an open file, which other processes wait for; Windows' own where it is that.

    A process that ends, however it does, lets go of it.
    """
    try:
        import fcntl
    except ImportError:
        import msvcrt

        windows: Any = msvcrt
        while True:
            lock.seek(0)
            try:
                # It waits for ten seconds itself.
                windows.locking(lock.fileno(), windows.LK_LOCK, 1)
                break
            except OSError:
                time.sleep(_AGAIN)
        try:
            yield
        finally:
            lock.seek(0)
            windows.locking(lock.fileno(), windows.LK_UNLCK, 1)
        return
    fcntl.flock(lock, fcntl.LOCK_EX)
    yield


def put_in_place(staged: Path, target: Path) -> None:
    """Rename a file over another one; on Windows again while somebody reads that.

    Raises:
        PermissionError: It is read for too long, or may not be written.
    """
    for attempt in range(_ATTEMPTS):
        try:
            staged.replace(target)
        except PermissionError:
            if os.name == "posix" or attempt == _ATTEMPTS - 1:
                raise
            time.sleep(_AGAIN)
        else:
            return


def _meta(key: str, told: os.stat_result) -> dict[str, Any]:
    return {
        "path": key,
        "size": told.st_size,
        "last_modified": datetime.fromtimestamp(told.st_mtime, UTC),
        "e_tag": f'"{told.st_ino:x}-{told.st_mtime_ns:x}-{told.st_size:x}"',
        "version": None,
    }


def _range(asked: Any, size: int) -> tuple[int, int]:
    """The first byte that is asked for, and the one after the last."""
    if not asked:
        return 0, size
    if isinstance(asked, Mapping):
        start = max(0, size - asked["suffix"]) if "suffix" in asked else asked["offset"]
        return start, size
    return asked[0], min(asked[1], size)
