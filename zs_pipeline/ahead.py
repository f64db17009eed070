"""Side files that are asked for while other tables are made.

Questions wait for a network, and making rows for a core: so what can be asked is asked in the
background, and taken when its table's turn comes. What is asked is in `zs_pipeline.answers`.
"""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

from zs_pipeline.files import Files

# Seconds after which progress is told while a table waits for its answers.
_TELL_EVERY = 1.0

T = TypeVar("T")


@dataclass
class _Begun(Generic[T]):
    files: Files
    said: SimpleQueue[str]
    future: Future[T]


class Ahead(Generic[T]):
    """What was begun in a run, one after another in one thread, which asks from many."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="ahead")
        self._begun: dict[str, _Begun[T]] = {}

    def begin(
        self, name: str, files: Files, ask: Callable[[Files, Callable[[str], None]], T]
    ) -> None:
        """Begin to ask, under a name; `ask` takes the files, and what tells how far it is."""
        said: SimpleQueue[str] = SimpleQueue()
        self._begun[name] = _Begun(files, said, self._pool.submit(ask, files, said.put))

    def take(self, name: str, tell: Callable[[str], None]) -> T | None:
        """What came of it, once, waited for; None where nothing was begun under the name.

        Raises:
            Exception: What the asking raised.
        """
        begun = self._begun.pop(name, None)
        if begun is None:
            return None
        while wait([begun.future], timeout=_TELL_EVERY).not_done:
            _pass_on(begun.said, tell)
        _pass_on(begun.said, tell)
        return begun.future.result()

    def close(self) -> None:
        """End what was begun and not taken, as in a run that failed."""
        for begun in self._begun.values():
            begun.files.close()
        self._pool.shutdown(cancel_futures=True)


def _pass_on(said: SimpleQueue[str], tell: Callable[[str], None]) -> None:
    while True:
        try:
            line = said.get_nowait()
        except Empty:
            return
        tell(line)
