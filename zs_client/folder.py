"""A folder with obstore's methods, on Python's own files, which a forked process can read as well.

Keys are names with slashes between them. Only regular files are opened: a pipe would wait.
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

# Files that obstore, which wrote here before 1.1, left when a put was killed.
_LEFTOVER = re.compile(r".*#\d+")
# On Windows a lock, and a rename over a file that somebody reads, are tried again.
_ATTEMPTS, _PAUSE = 50, 0.1
# Opens binary files on Windows, and waits for no pipe.
_FLAGS = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)


@dataclass(frozen=True)
class Content:
    """The content of a key.

    Attributes:
        body: The bytes, or those of the requested range.
        meta: The key's `path`, `size`, `e_tag` and `last_modified`.
        range: The positions of the body's first byte and of the byte after its last.
        attributes: The object's own attributes; files have none.
    """

    body: bytes
    meta: dict[str, Any]
    range: tuple[int, int]
    attributes: Mapping[str, str] = field(default_factory=dict)

    def stream(self, min_chunk_size: int) -> Iterator[bytes]:  # noqa: ARG002 - it is here already
        """Yields the bytes, in one chunk."""
        yield self.body

    def bytes(self) -> bytes:
        """Returns the bytes."""
        return self.body


class Folder:
    """A folder on this machine, with the methods of an obstore store."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def get(self, key: str, options: Mapping[str, Any]) -> Content:
        """Returns the content of a key.

        Raises:
            FileNotFoundError: Nothing lies there, or a folder.
            PermissionError: The file may not be read.
            PreconditionError: The file's ETag is not `if_match`.
        """
        descriptor = os.open(self._path(key), _FLAGS)
        with open(descriptor, "rb") as file:  # noqa: PTH123 - a number
            status = os.fstat(descriptor)
            if stat.S_ISDIR(status.st_mode):
                raise FileNotFoundError(errno.ENOENT, "is a folder", key)
            if not stat.S_ISREG(status.st_mode):
                raise OSError(errno.EINVAL, "is no regular file", key)
            meta = _meta(key, status)
            if options.get("if_match") not in (None, meta["e_tag"]):
                from obstore.exceptions import PreconditionError

                raise PreconditionError(f"{key} is another")
            start, end = _range(options.get("range"), status.st_size)
            file.seek(start)
            body = file.read(end - start) if options.get("range") else file.read()
        return Content(body, meta, (start, start + len(body)))

    def head(self, key: str) -> dict[str, Any]:
        """Returns a key's `path`, `size`, `e_tag` and `last_modified`.

        Raises:
            FileNotFoundError: Nothing lies there, or a folder.
        """
        status = self._path(key).stat()
        if not stat.S_ISREG(status.st_mode):
            raise FileNotFoundError(errno.ENOENT, "is no file", key)
        return _meta(key, status)

    def put(self, key: str, body: bytes, **_: Any) -> dict[str, Any]:
        """Write a file in place; `zs_client.local` writes beside a key and renames."""
        path = self._path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            path.write_bytes(body)
        except BaseException as error:
            # Python's error of a full disk has no file name.
            if isinstance(error, OSError) and error.filename is None:
                error.filename = str(path)
            # After a full disk or an interrupt a part of the file is there.
            with suppress(OSError):
                path.unlink(missing_ok=True)
            raise
        return _meta(key, path.stat())

    def delete(self, keys: Sequence[str]) -> None:
        """Remove files; a missing file is no error."""
        for key in keys:
            self._path(key).unlink(missing_ok=True)

    def list(self, prefix: str) -> Iterator[list[dict[str, Any]]]:
        """Yields all files below a folder, a page for each folder."""
        for folder, folders, names in os.walk(self._path(prefix) if prefix else self._root):
            folders.sort()
            page = []
            for name in sorted(names):
                path = Path(folder, name)
                try:
                    status = path.stat()
                # Another process removed the file.
                except FileNotFoundError:
                    continue
                if stat.S_ISREG(status.st_mode) and not _LEFTOVER.fullmatch(name):
                    page.append(_meta(path.relative_to(self._root).as_posix(), status))
            if page:
                yield page

    def list_with_delimiter(self, prefix: str) -> dict[str, Any]:
        """Returns the folders and the files directly in a folder.

        Raises:
            PermissionError: The folder may not be listed.
        """
        folders: list[str] = []
        files: list[dict[str, Any]] = []
        path = self._path(prefix) if prefix else self._root
        try:
            names = sorted(os.listdir(path))  # noqa: PTH208 - names
        except (FileNotFoundError, NotADirectoryError):
            names = []
        for name in names:
            key = f"{prefix.strip('/')}/{name}".lstrip("/")
            if (path / name).is_dir():
                folders.append(key)
            elif not _LEFTOVER.fullmatch(name):
                files.append(self.head(key))
        return {"common_prefixes": folders, "objects": files}

    def _path(self, key: str) -> Path:
        names = key.strip("/").split("/")
        if any(name in ("", ".", "..") or "\0" in name for name in names):
            raise OSError(errno.EINVAL, "is no key", key)
        return self._root.joinpath(*names)


@contextmanager
def exclusive(lock: IO[str]) -> Iterator[None]:
    """Hold a lock on an open file, which other processes wait for.

    The lock is released when the process ends, even if it is killed.
    """
    try:
        import fcntl
    except ImportError:
        import msvcrt

        windows: Any = msvcrt
        while True:
            lock.seek(0)
            try:
                # Windows waits for ten seconds itself.
                windows.locking(lock.fileno(), windows.LK_LOCK, 1)
                break
            except OSError:
                time.sleep(_PAUSE)
        try:
            yield
        finally:
            lock.seek(0)
            windows.locking(lock.fileno(), windows.LK_UNLCK, 1)
        return
    fcntl.flock(lock, fcntl.LOCK_EX)
    yield


def put_in_place(staged: Path, target: Path) -> None:
    """Rename a file over another; on Windows, try again while somebody reads the other.

    Raises:
        PermissionError: Somebody reads the target for too long, or it may not be written.
    """
    for attempt in range(_ATTEMPTS):
        try:
            staged.replace(target)
        except PermissionError:
            if os.name == "posix" or attempt == _ATTEMPTS - 1:
                raise
            time.sleep(_PAUSE)
        else:
            return


def _meta(key: str, status: os.stat_result) -> dict[str, Any]:
    return {
        "path": key,
        "size": status.st_size,
        "last_modified": datetime.fromtimestamp(status.st_mtime, UTC),
        "e_tag": f'"{status.st_ino:x}-{status.st_mtime_ns:x}-{status.st_size:x}"',
        "version": None,
    }


def _range(byte_range: Any, size: int) -> tuple[int, int]:
    """Returns the positions of the first byte of a range and of the byte after its last."""
    if not byte_range:
        return 0, size
    if isinstance(byte_range, Mapping):
        start = (
            max(0, size - byte_range["suffix"]) if "suffix" in byte_range else byte_range["offset"]
        )
        return start, size
    return byte_range[0], min(byte_range[1], size)
