"""Settings of memory: garbage collection where there is garbage, free memory to the system.

These settings hold for a whole process. They are made only in a process of our own, as `zs build`
and its worker processes are, and never by an import: Dagster's own processes, notebooks and tests
are left alone.
"""

import ctypes
import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache

# Objects; a shard of parsed documents has fewer.
COLLECT_AFTER = 1_000_000
# glibc's mallopt: the free bytes at a heap's end beyond which they go back to the system, the size
# from which a block is taken from the system, and the number of heaps that threads share. With 1 MB
# for both sizes a build was a fifth slower.
_OPTIONS = {-1: 32 << 20, -3: 16 << 20, -8: 2}

_own = False


def own_process() -> None:
    """Mark this process as our own, before pyarrow is imported; only a command may call this.

    pyarrow reads its variable once, when it is first imported. Its own pool, mimalloc, keeps free
    memory even when told to release it: 20,000 documents take 532 to 577 MB with mimalloc, 510 to
    534 MB with the C library's pool, which `trim_heap` empties. `pyarrow.set_memory_pool` leaves
    out the memory that C++ takes to read and write parquet. Child processes inherit the variable.
    """
    global _own  # noqa: PLW0603 - it holds for the process
    _own = True
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")


@contextmanager
def freeze_imports() -> Iterator[None]:
    """Import modules that stay until the end, and never look for garbage in them.

    Does nothing in a process that is not our own. Of the 7 s of CPU that a night without a change
    took, 0.7 s went into collections among the 180,000 objects of Dagster's and other modules.
    """
    if not _own:
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def without_pandas() -> None:
    """Hide pandas from pyarrow in a process of our own that has not loaded pandas.

    To tell whether a list is a series, `pa.array` imports pandas where it is installed: half a
    second of CPU and 50 MB. pyarrow remembers that pandas was missing; code that makes a frame of
    a table imports pandas all the same.
    """
    if _own and "pandas" not in sys.modules:
        import pyarrow as pa

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
def low_memory() -> Iterator[None]:
    """Work on many documents, and give free memory back to the system afterwards.

    In a process of our own, collections of garbage are rare meanwhile. Documents are trees and
    have no cycles: parsing the QC of 20,000 took 7.9 s with Python's own thresholds, 3.7 s without
    a collection.
    """
    is_own = _own
    thresholds = gc.get_threshold()
    if is_own:
        gc.set_threshold(COLLECT_AFTER, *thresholds[1:])
        library = _glibc()
        if library:
            for option, value in _OPTIONS.items():
                library.mallopt(option, value)
    try:
        yield
    finally:
        if is_own:
            gc.set_threshold(*thresholds)
        trim_heap()


def trim_heap() -> None:
    """Give free memory back to the system, during work on many documents as well.

    The C library keeps free memory that lies between two blocks in use.
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
