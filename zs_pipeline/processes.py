"""Worker processes that make rows of shards, so that every core works.

They call `zs_pipeline.documents.shards`. `docs/scaling.md` has measurements on two cores with
20,000 lean documents. Threads gained nothing, since rows are made in Python. With `ZS_ENGINE` the
workers are Dask's (`zs_pipeline.dask_engine`).
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

from zs_client.store import Store
from zs_pipeline import dask_engine, memory, run_scope, settings
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
        ProcessLost: A process ended by itself, and again when its work was repeated.
        EngineError: The workers that `ZS_ENGINE` names cannot be used.
    """
    url = settings.engine()
    # A daemonic process, as of some executors, may have no children. Where each step has a process,
    # those of the steps are enough for the cores.
    is_one_of_many = run_scope.current().has_siblings or multiprocessing.current_process().daemon
    alone = not url and (count() < 2 or is_one_of_many)
    if documents < WORTH or alone:
        for arguments in work:
            yield function(*dask_engine.with_shards(arguments))
        return
    with run_scope.entered() as scope:
        if url:
            yield from dask_engine.map_ordered(_dask_client(scope, url), function, work)
        else:
            yield from _by_pool(scope, function, work)


def are_elsewhere(documents: int | None = None) -> bool:
    """Returns whether rows are made by processes that use the store themselves.

    Args:
        documents: The number of documents in all calls; any when None.
    """
    return bool(settings.engine()) and (documents is None or documents >= WORTH)


def put_objects(store: Store, documents: int) -> bool:
    """Returns whether the processes that make rows put objects into a store themselves.

    Args:
        store: The store; another process has a memory of its own.
        documents: The number of documents in all calls.
    """
    return are_elsewhere(documents) and not store.url.startswith("memory:")


def _dask_client(scope: RunScope, url: str) -> Any:
    """Returns the client of a scope, which ends with it."""
    with scope.lock:
        if scope.dask_client is None:
            scope.dask_client = dask_engine.connect(url)
            scope.stack.callback(scope.dask_client.close)
        return scope.dask_client


def _by_pool(
    scope: RunScope, function: Callable[..., T], work: Iterable[tuple[Any, ...]]
) -> Iterator[T]:
    """Yields the results of a function, made by the processes of a scope and by this one."""
    sent: deque[tuple[Future[T], tuple[Any, ...]]] = deque()
    is_repeated = False

    def first() -> T:
        nonlocal is_repeated
        future, arguments = sent.popleft()
        try:
            return future.result()
        except BrokenProcessPool as error:
            if is_repeated:
                raise _lost(scope) from error
            # All processes of the pool are gone: what they had is done again, once.
            is_repeated, scope.worker_pool = True, None
            sent.appendleft((future, arguments))
            for at, (waiting, again) in enumerate(sent):
                if not waiting.done() or isinstance(waiting.exception(), BrokenProcessPool):
                    sent[at] = _sent(scope, function, again), again
            return first()

    try:
        for arguments in work:
            if sum(not future.done() for future, _ in sent) < AHEAD * (count() - 1):
                future = _sent(scope, function, arguments)
            else:
                # The others have enough to do: this process works as well.
                future = Future()
                future.set_result(function(*arguments))
            sent.append((future, arguments))
            while sent and (sent[0][0].done() or len(sent) > MOST_WAITING * count()):
                yield first()
        while sent:
            yield first()
    finally:
        for future, _ in sent:
            future.cancel()


def _sent(scope: RunScope, function: Callable[..., T], arguments: tuple[Any, ...]) -> Future[T]:
    """Returns the future of a call; one that failed where the pool broke before it was sent."""
    try:
        return _worker_pool(scope).submit(_run, function, arguments)
    except BrokenProcessPool as error:
        future: Future[T] = Future()
        future.set_exception(error)
        return future


def _lost(scope: RunScope) -> ProcessLost:
    scope.worker_pool = None
    return ProcessLost(
        "a process that made rows ended by itself, perhaps for want of memory, and so did one that "
        "repeated its work; build again, it goes on where this build was"
    )


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
