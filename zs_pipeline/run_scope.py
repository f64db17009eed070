"""The state that a run keeps until it ends: loaded documents, cached objects, worker processes.

A process has one scope. Runs that begin inside another block share its scope, as the three runs of
`zs build` do; with Dagster's own executor a scope begins and ends with its one run. This module
knows neither Dagster nor `zs_pipeline.orchestration`.
"""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from zs_pipeline import scratch
from zs_pipeline.recent_reads import SECONDS, RecentReads

if TYPE_CHECKING:
    from concurrent.futures import ProcessPoolExecutor

    from zs_client.store import Store
    from zs_pipeline.documents.state import LoadedDocuments


class RunScope:
    """The state that the runs of a process share until the last of them ends.

    Attributes:
        stack: Holds the contexts that end with the scope.
        lock: Guards the attributes that are made when they are first needed.
        loaded_documents: The last loaded state of the documents, by store. A run opens its store
            once, and the state goes with the store: an index takes some 170 bytes per document.
        worker_pool: The processes of `zs_pipeline.processes`, once they were started.
        dask_client: The client of Dask's scheduler, once it was asked.
        recent_reads: Small files of stores; outside of runs none is kept.
        has_siblings: Whether other steps of the run work beside this one, in processes of their own
            on this machine. Such a process makes its rows itself.
    """

    def __init__(self) -> None:
        self.stack = ExitStack()
        self.lock = threading.Lock()
        self.loaded_documents: WeakKeyDictionary[Store, LoadedDocuments] = WeakKeyDictionary()
        self.worker_pool: ProcessPoolExecutor | None = None
        self.dask_client: Any = None
        self.recent_reads = RecentReads()
        self.has_siblings = False
        self._object_caches: dict[str, Path] = {}

    def object_cache(self, url: str) -> Path | None:
        """Returns a folder for objects of a store on S3; None for another kind of store.

        The folder is no part of a resource's configuration, which Dagster stores anew when it
        differs. Folders of killed runs are removed.
        """
        if not url.startswith("s3://"):
            return None
        with self.lock:
            if url not in self._object_caches:
                try:
                    self._object_caches[url] = self.stack.enter_context(scratch.folder())
                except OSError:
                    # Without a folder the run only sends more requests.
                    return None
            return self._object_caches[url]


_lock = threading.Lock()
_scope, _holders = RunScope(), 0


def current() -> RunScope:
    """Returns the scope of this process; outside of runs the scope has loaded documents alone."""
    return _scope


@contextmanager
def entered() -> Iterator[RunScope]:
    """Yields the scope of this process, which ends with the last block that entered it."""
    global _scope, _holders  # noqa: PLW0603 - one for a process
    with _lock:
        _holders += 1
        scope = _scope
        scope.recent_reads.seconds = SECONDS
    try:
        yield scope
    finally:
        with _lock:
            _holders -= 1
            is_last = not _holders
            if is_last:
                _scope = RunScope()
        if is_last:
            scope.stack.close()
