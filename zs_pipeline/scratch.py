"""Temporary folders of a build, in TMPDIR; folders that killed builds left behind are removed."""

import shutil
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_NAME = "data-asset-cache-"
_LOCK = "lock"
# Seconds after which a folder without a lock is out of use. A build of 1.0.0 holds no lock, and the
# lock of a build on another machine that shares TMPDIR may not be seen here.
_UNUSED = 24 * 3600


@contextmanager
def folder() -> Iterator[Path]:
    """Yields a new folder, which is removed afterwards.

    Raises:
        OSError: No folder can be made.
    """
    parent = Path(tempfile.gettempdir())
    _remove_unused(parent)
    new = parent / f"{_NAME}{uuid.uuid4().hex}"
    new.mkdir(mode=0o700)
    try:
        with (new / _LOCK).open("w") as lock:
            _try_lock(lock.fileno())
            yield new
    finally:
        shutil.rmtree(new, ignore_errors=True)


def _remove_unused(parent: Path) -> None:
    """Remove the folders that are a day old and whose lock nobody holds."""
    for old in parent.glob(f"{_NAME}*"):
        with suppress(OSError):
            if old.stat().st_mtime < time.time() - _UNUSED and not _is_held(old / _LOCK):
                shutil.rmtree(old, ignore_errors=True)


def _is_held(lock: Path) -> bool:
    try:
        with lock.open() as opened:
            return not _try_lock(opened.fileno())
    except FileNotFoundError:
        return False


def _try_lock(descriptor: int) -> bool:
    """Returns whether nobody else holds the lock; True where the system has no locks."""
    try:
        import fcntl  # noqa: PLC0415 - there is none on Windows
    except ImportError:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
