"""Processes beside this one that make rows of shards, so that every core works.

What they do is in `zs_pipeline.documents.shards`. Measured on two cores with 20,000 lean documents:
see `docs/scaling.md`. Threads gained nothing, since rows are made in Python.
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

from zs_pipeline import memory

# Documents below which the time that a process takes to start is not worth it.
WORTH = 1500
MOST = 8
# Shards on their way to each process, so that it never waits for the next one; and those of which
# one before them is not done. Memory depends on both.
AHEAD = 2
MOST_WAITING = 2

T = TypeVar("T")


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
                    count() - 1, multiprocessing.get_context("spawn"), _begin
                )
            return self._executor

    def lost(self) -> None:
        with self._lock:
            self._executor = None


_pool = _Pool()


def count() -> int:
    """How many processes work on a machine of this kind, this one among them."""
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
    function: Callable[..., T], work: Iterable[tuple[Any, ...]], documents: int
) -> Iterator[T]:
    """What a function of `documents.shards` makes of each piece of work, in their order.

    Args:
        function: A function that another process can import.
        work: Its arguments, piece by piece; drawn when there is room for them.
        documents: How many documents there are in all of them; few are not worth a process.

    Raises:
        ProcessLost: A process ended by itself.
    """
    if documents < WORTH or count() < 2:
        for one in work:
            yield function(*one)
        return
    with held():
        executor = _pool.executor()
        sent: deque[Future[T]] = deque()
        try:
            for one in work:
                if sum(not future.done() for future in sent) < AHEAD * (count() - 1):
                    sent.append(executor.submit(_run, function, one))
                else:
                    # The others have enough to do: this process is one of those that work.
                    here: Future[T] = Future()
                    here.set_result(function(*one))
                    sent.append(here)
                while sent and (sent[0].done() or len(sent) > MOST_WAITING * count()):
                    yield sent.popleft().result()
            while sent:
                yield sent.popleft().result()
        except BrokenProcessPool as error:
            _pool.lost()
            raise ProcessLost(
                "a process that made rows ended by itself, perhaps for want of memory; build "
                "again, it goes on where this build was"
            ) from error
        finally:
            for future in sent:
                future.cancel()


def _run(function: Callable[..., T], arguments: tuple[Any, ...]) -> T:
    with memory.lean():
        return function(*arguments)


def _begin() -> None:
    """In a new process: leave Ctrl-C to the one that started it, and end when that one is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    memory.own_process()
    memory.without_pandas()
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    connection.wait([sentinel])
    # Its queues are broken as well: there is nobody to tell.
    os._exit(1)
