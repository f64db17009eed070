"""Temporary folders of a build, in TMPDIR; those that killed builds left behind are removed.

What is kept in them, and until when, is said by who asks for one.
"""

import shutil
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_NAME = "data-asset-cache-"
_LOCK = "lock"
# Seconds after which a folder that nobody holds a lock on is no longer in use. A build of 1.0.0, or
# one on another machine that shares the folder, may hold none that is seen here.
_UNUSED = 24 * 3600


@contextmanager
def folder() -> Iterator[Path]:
    """Yields a new folder, which is removed afterwards.

    Raises:
        OSError: None can be made.
    """
    _sweep(Path(tempfile.gettempdir()))
    made = Path(tempfile.gettempdir()) / f"{_NAME}{uuid.uuid4().hex}"
    made.mkdir(mode=0o700)
    try:
        with (made / _LOCK).open("w") as lock:
            _try_lock(lock.fileno())
            yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _sweep(folders: Path) -> None:
    """Remove what nobody owns: no lock on it is held, and it is a day old."""
    for old in folders.glob(f"{_NAME}*"):
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
    """Returns whether nobody else holds the lock; where there are none, whether it is unknown."""
    try:
        import fcntl  # noqa: PLC0415 - there is none on Windows
    except ImportError:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
