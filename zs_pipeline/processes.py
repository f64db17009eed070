"""Worker processes that make rows of shards, so that every core works.

They call `zs_pipeline.documents.shards`. `docs/scaling.md` has measurements on two cores with
20,000 lean documents. Threads gained nothing, since rows are made in Python.
"""

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import connection
from typing import Any, TypeVar

from zs_pipeline import memory, run_scope
from zs_pipeline.run_scope import RunScope

# The fewest documents that are worth the time in which a process starts.
WORTH = 1500
MOST = 8
# Shards sent to each process, so that it never waits for the next shard; and shards per process
# that wait for an earlier one. Memory depends on both.
AHEAD = 2
MOST_WAITING = 2

T = TypeVar("T")


class ProcessLost(Exception):
    """A worker process ended by itself."""


def count() -> int:
    """Returns how many processes work on this machine, including this process."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return min(cores or 1, MOST)


def map_ordered(
    function: Callable[..., T], work: Iterable[tuple[Any, ...]], documents: int
) -> Iterator[T]:
    """Yields the results of a function of `documents.shards`, in the order of `work`.

    Args:
        function: A function that another process can import.
        work: The arguments of each call; drawn when there is room for them.
        documents: The number of documents in all calls; few are not worth a process.

    Raises:
        ProcessLost: A process ended by itself.
    """
    if documents < WORTH or count() < 2:
        for arguments in work:
            yield function(*arguments)
        return
    with run_scope.entered() as scope:
        executor = _worker_pool(scope)
        sent: deque[Future[T]] = deque()
        try:
            for arguments in work:
                if sum(not future.done() for future in sent) < AHEAD * (count() - 1):
                    sent.append(executor.submit(_run, function, arguments))
                else:
                    # The others have enough to do: this process works as well.
                    here: Future[T] = Future()
                    here.set_result(function(*arguments))
                    sent.append(here)
                while sent and (sent[0].done() or len(sent) > MOST_WAITING * count()):
                    yield sent.popleft().result()
            while sent:
                yield sent.popleft().result()
        except BrokenProcessPool as error:
            scope.worker_pool = None
            raise ProcessLost(
                "a process that made rows ended by itself, perhaps for want of memory; build "
                "again, it goes on where this build was"
            ) from error
        finally:
            for future in sent:
                future.cancel()


def _worker_pool(scope: RunScope) -> ProcessPoolExecutor:
    """Returns the worker processes of a scope, which end with it; starts them the first time."""
    with scope.lock:
        if scope.worker_pool is None:
            scope.worker_pool = ProcessPoolExecutor(
                count() - 1, multiprocessing.get_context("spawn"), _begin
            )
            scope.stack.callback(scope.worker_pool.shutdown, cancel_futures=True)
        return scope.worker_pool


def _run(function: Callable[..., T], arguments: tuple[Any, ...]) -> T:
    with memory.low_memory():
        return function(*arguments)


def _begin() -> None:
    """Leave Ctrl-C to the parent process, and end when the parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    memory.own_process()
    memory.without_pandas()
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    connection.wait([sentinel])
    # The parent's queues are broken as well: nobody can be told.
    os._exit(1)
