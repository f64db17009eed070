"""The state that a run keeps until it ends: loaded documents, cached objects, worker processes.

It is one for a process. A run that begins inside another block shares it, as the three runs of
`zs build` do; Dagster's own executor, which makes a run alone, begins and ends one with that run.
How documents are loaded, what the processes do and what Dagster is told is elsewhere: this module
knows neither Dagster nor `zs_pipeline.orchestration`.
"""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from zs_pipeline import scratch

if TYPE_CHECKING:
    from concurrent.futures import ProcessPoolExecutor

    from zs_client.store import Store
    from zs_pipeline.documents.state import LoadedDocuments


class RunScope:
    """What the runs of a process share until the last of them ends.

    Attributes:
        stack: Ends with the scope, and what was entered on it.
        lock: For what is made when it is first needed.
        loaded_documents: The last state of the documents that was loaded, by the store. A run opens
            its store once; what was loaded goes with the store, since an index takes some 170 bytes
            for each document.
        worker_pool: The processes of `zs_pipeline.processes`, once they were started.
    """

    def __init__(self) -> None:
        self.stack = ExitStack()
        self.lock = threading.Lock()
        self.loaded_documents: WeakKeyDictionary[Store, LoadedDocuments] = WeakKeyDictionary()
        self.worker_pool: ProcessPoolExecutor | None = None
        self._object_caches: dict[str, Path] = {}

    def object_cache(self, url: str) -> Path | None:
        """Returns a folder for what never changes on S3; None for another kind of store.

        It is no part of a resource's configuration, which Dagster stores anew when it differs. What
        killed runs left behind is removed.
        """
        if not url.startswith("s3://"):
            return None
        with self.lock:
            if url not in self._object_caches:
                try:
                    self._object_caches[url] = self.stack.enter_context(scratch.folder())
                except OSError:
                    # A full disk costs requests, nothing more.
                    return None
            return self._object_caches[url]


_lock = threading.Lock()
_scope, _holders = RunScope(), 0


def current() -> RunScope:
    """Returns the scope of this process; outside of all runs it holds loaded documents alone."""
    return _scope


@contextmanager
def entered() -> Iterator[RunScope]:
    """Yields the scope of this process, which ends with the last block that entered it."""
    global _scope, _holders  # noqa: PLW0603 - one for a process
    with _lock:
        _holders += 1
        scope = _scope
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
