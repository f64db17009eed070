"""Processes beside this one that make rows of shards, so that every core works.

What they do is in `zs_pipeline.shards`. Measured on two cores with 20,000 lean documents: see
`docs/scaling.md`. Threads gained nothing, since rows are made in Python.
"""

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import connection
from typing import Any, TypeVar

from zs_client.contract import Acorn
from zs_pipeline import memory
from zs_pipeline.acorns import ACORNS

# Documents below which the time that a process takes to start is not worth it.
WORTH = 1500
MOST = 8
# Shards on their way for each process: it never waits for the next one, and memory depends on them.
AHEAD = 2

T = TypeVar("T")
_BY_NAME = {acorn.name: acorn for acorn in ACORNS}


class ProcessLost(Exception):
    """A process that made rows ended by itself."""


class _Pool:
    """The processes, started when they are first needed and shared by all who hold them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._holders = 0
        self._executor: ProcessPoolExecutor | None = None

    def hold(self) -> None:
        with self._lock:
            self._holders += 1

    def release(self) -> None:
        with self._lock:
            self._holders -= 1
            executor = None
            if not self._holders:
                executor, self._executor = self._executor, None
        if executor:
            executor.shutdown(cancel_futures=True)

    def executor(self) -> ProcessPoolExecutor:
        with self._lock:
            if self._executor is None:
                self._executor = ProcessPoolExecutor(
                    count(), multiprocessing.get_context("spawn"), _begin
                )
            return self._executor

    def lost(self) -> None:
        with self._lock:
            self._executor = None


_pool = _Pool()


def count() -> int:
    """How many processes are worth starting on this machine."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return min(cores or 1, MOST)


@contextmanager
def held() -> Iterator[None]:
    """Keep the processes, once they were started, until the end of the block."""
    _pool.hold()
    try:
        yield
    finally:
        _pool.release()


def each(
    function: Callable[..., T], acorn: Acorn, work: Iterable[tuple[Any, ...]], documents: int
) -> Iterator[T]:
    """What a function of `zs_pipeline.shards` makes of each shard, in the order of the shards.

    Args:
        function: Takes an acorn and what `work` has for a shard.
        acorn: The acorn. One that is not among `ACORNS` is worked on in this process.
        work: The arguments for each shard; drawn when there is room for them.
        documents: How many documents there are in all of them; few are not worth a process.

    Raises:
        ProcessLost: A process ended by itself.
    """
    if documents < WORTH or count() < 2 or _BY_NAME.get(acorn.name) is not acorn:
        for one in work:
            yield function(acorn, *one)
        return
    with held():
        executor = _pool.executor()
        sent: deque[Future[T]] = deque()
        try:
            for one in work:
                sent.append(executor.submit(_run, function, acorn.name, *one))
                if len(sent) >= AHEAD * count():
                    yield sent.popleft().result()
            while sent:
                yield sent.popleft().result()
        except BrokenProcessPool as error:
            _pool.lost()
            raise ProcessLost(
                f"{acorn.name}: a process that made its rows ended by itself, perhaps for want of "
                "memory; build again, it goes on where this build was"
            ) from error
        finally:
            for future in sent:
                future.cancel()


def _run(function: Callable[..., T], name: str, *arguments: Any) -> T:
    with memory.lean():
        return function(_BY_NAME[name], *arguments)


def _begin() -> None:
    """In a new process: leave Ctrl-C to the one that started it, and end when that one is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    connection.wait([sentinel])
    # Its queues are broken as well: there is nobody to tell.
    os._exit(1)
