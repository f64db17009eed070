"""Settings of memory: garbage is looked for where there is some, and what is free is given back.

How Python, Arrow and the C library treat memory holds for a whole process. So it is set only in one
that is ours, as `zs build` and the processes beside it are, and never by an import: Dagster's own
processes, notebooks and tests go on as they were. What a build keeps in memory is elsewhere.
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
# glibc's mallopt: what is free at a heap's end beyond this goes back to the system at once, what is
# larger is taken from the system, and threads share heaps. With 1 MB for both a build was a fifth
# slower.
_OPTIONS = {-1: 32 << 20, -3: 16 << 20, -8: 2}

_own = False


def own_process() -> None:
    """Say that this process is ours alone, before pyarrow is imported; only a command may say so.

    pyarrow reads its variable once, when it is first imported. Its own pool, mimalloc, keeps what
    is free, even when told to release it: 20,000 documents take 532 to 577 MB with it, 510 to 534
    MB with the C library's, which `trim_heap` tells to give it back. `pyarrow.set_memory_pool`
    leaves out what C++ takes for itself, as to read and write parquet. Processes that are started
    by this one inherit the variable.
    """
    global _own  # noqa: PLW0603 - it holds for the process
    _own = True
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")


@contextmanager
def freeze_imports() -> Iterator[None]:
    """Import what stays until the end, and look for garbage in it neither now nor later.

    Does nothing in a process that is not ours.

    Of the 7 s of CPU that a night without a change took, 0.7 s went into collections among the
    180,000 objects of Dagster's and other modules.
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
    """Let pyarrow do without pandas in a process of ours that has not loaded it.

    To tell whether a list is a series, `pa.array` imports pandas where it is installed: half a
    second of CPU and 50 MB. pyarrow remembers that it found none, and what makes a frame of a table
    imports it all the same.
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
    """Work on many documents, and give back afterwards what was taken.

    What holds for a whole process is set in one that is ours, and only there.

    Documents are trees and have no cycles of garbage: parsing the QC of 20,000 took 7.9 s with
    Python's own thresholds, 3.7 s without a collection.
    """
    if not _own:
        try:
            yield
        finally:
            trim_heap()
        return
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
        trim_heap()


def trim_heap() -> None:
    """Give free memory back to the system, in the midst of work on many documents as well.

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
