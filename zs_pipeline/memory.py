"""Memory: garbage looked for where there is some, and what is free given back.

Arrow takes its memory from the C library (`zs_pipeline/__init__.py`), so that what is said here
holds for it as well.
"""

import ctypes
import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache

import pyarrow as pa

# Objects; a shard of parsed documents has fewer.
COLLECT_AFTER = 1_000_000
# glibc's mallopt: what is free at a heap's end beyond this goes back to the system at once, what is
# larger is taken from the system, and threads share heaps. With 1 MB for both a build was a fifth
# slower.
_OPTIONS = {-1: 32 << 20, -3: 16 << 20, -8: 2}


@contextmanager
def of_modules() -> Iterator[None]:
    """Import what stays until the end, and look for garbage in it neither now nor later.

    Of the 7 s of CPU that a night without a change took, 0.7 s went into collections among the
    180,000 objects of Dagster's and other modules.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def without_pandas() -> None:
    """Let pyarrow do without pandas in a process that has not loaded it.

    To tell whether a list is a series, `pa.array` imports pandas where it is installed: half a
    second of CPU and 50 MB. pyarrow remembers that it found none, and what makes a frame of a table
    imports it all the same.
    """
    if "pandas" not in sys.modules:
        sys.meta_path.insert(0, _NoPandas)
        try:
            pa.array([0])
        finally:
            sys.meta_path.remove(_NoPandas)


class _NoPandas:
    @staticmethod
    def find_spec(name: str, path: object = None, target: object = None) -> None:  # noqa: ARG004
        if name == "pandas":
            raise ModuleNotFoundError(name=name)


@contextmanager
def lean() -> Iterator[None]:
    """Work on many documents, and give back afterwards what was taken.

    Documents are trees and have no cycles of garbage: parsing the QC of 20,000 took 7.9 s with
    Python's own thresholds, 3.7 s without a collection.
    """
    before = gc.get_threshold()
    gc.set_threshold(COLLECT_AFTER, *before[1:])
    library = _glibc()
    if library:
        for option, value in _OPTIONS.items():
            library.mallopt(option, value)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        give_back()


def give_back() -> None:
    """Give the system what is free, in the midst of work on many documents as well.

    The C library keeps what lies between two things that are in use.
    """
    library = _glibc()
    if library:
        library.malloc_trim(0)


@cache
def _glibc() -> ctypes.CDLL | None:
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            library = ctypes.CDLL("libc.so.6")
            library.mallopt, library.malloc_trim  # noqa: B018 - musl has neither
            return library
    return None
