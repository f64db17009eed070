"""Small files of a store on S3 that a night reads again and again, kept for some seconds.

These are the facts of tables and the head of the documents. On a night without a change each table
asked for its own facts, for those of the tables that it is made from, and for the head, one after
another: 45 of 157 requests. What is written on the ground of them is compared and set by
`Store.update`, so that a file that another writer changed meanwhile costs a second try, as before.
"""

import threading
import time
from collections.abc import Iterable

from zs_client import work
from zs_client.store import Store

# A night of 100,000 documents takes longer than the 10 s of before: facts were read four times.
SECONDS = 60
# For what is written without a comparison, as the registry is.
FEW_SECONDS = 10
# The most bytes of a file that is kept; facts of some ten thousand partitions have more.
LARGEST = 4 << 20
_REQUESTS = 32

# The bytes and their ETag, None for both where nothing lies.
Content = tuple[bytes | None, str | None]


class RecentReads:
    """The files that a run read or wrote within the last seconds.

    Attributes:
        seconds: For how long a file is kept; 0 keeps none.
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        self._kept: dict[tuple[str, str], tuple[float, Content]] = {}
        self._together: dict[str, frozenset[str]] = {}
        self._large: set[tuple[str, str]] = set()
        self._lock = threading.Lock()

    def read_together(self, store: Store, keys: Iterable[str]) -> None:
        """Read these files of a store at once, when the first of them is asked for."""
        self._together[store.url] = frozenset(keys)

    def get_if_there(self, store: Store, key: str, *, within: float | None = None) -> Content:
        """Returns the bytes under a key and their ETag; None for both where nothing lies.

        Args:
            store: The store.
            key: The key.
            within: The seconds since the file was read, at most; `seconds` when None.
        """
        if not self.seconds or not store.is_remote:
            return store.get_if_there(key)
        # Large ones are kept nowhere, and do not wait for one another.
        if (store.url, key) in self._large:
            return store.get_if_there(key)
        with self._lock:
            if (content := self._recent(store, key, within)) is not None:
                return content
            together = self._together.get(store.url, frozenset())
            keys = [key]
            if key in together:
                keys += [k for k in together if k != key and self._is_wanted(store, k, within)]
            with work.Threads(min(_REQUESTS, len(keys))) as pool:
                contents = list(pool.map(store.get_if_there, keys))
            for read, content in zip(keys, contents, strict=True):
                self._keep(store, read, content)
            return contents[0]

    def note(self, store: Store, key: str, content: Content) -> None:
        """Keep what was just written under a key."""
        if self.seconds and store.is_remote:
            with self._lock:
                self._keep(store, key, content)

    def _recent(self, store: Store, key: str, within: float | None) -> Content | None:
        at, content = self._kept.get((store.url, key), (0.0, (None, None)))
        seconds = self.seconds if within is None else min(within, self.seconds)
        return content if at and time.monotonic() - at < seconds else None

    def _is_wanted(self, store: Store, key: str, within: float | None) -> bool:
        return (store.url, key) not in self._large and self._recent(store, key, within) is None

    def _keep(self, store: Store, key: str, content: Content) -> None:
        place = store.url, key
        self._kept.pop(place, None)
        if len(content[0] or b"") > LARGEST:
            self._large.add(place)
        else:
            self._kept[place] = time.monotonic(), content
