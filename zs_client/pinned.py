"""A store as it was in one published state: its fixed paths have the contents of then.

A snapshot names the content of every table and partition; the contents are read by that name. Which
snapshots there are is listed in `zs_client.published`.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from zs_client import fetch
from zs_client.contract import ROOT, Layout, layouts
from zs_client.errors import AcornNotFound, ReadError, SnapshotNotFound
from zs_client.store import ByteRange, Store, Unreadable

T = TypeVar("T")

_ID = re.compile(r"[0-9a-f]{16}")
_SHOWN = 20


@dataclass(frozen=True)
class State:
    """A snapshot's contents."""

    id: str
    layout: Layout
    tables: Mapping[str, Mapping[str, Any]]
    partitions: Mapping[str, Mapping[str, str]]
    body: bytes

    def contents(self, name: str) -> dict[str, str]:
        """The digest of each file of a table, by its partition's segment."""
        if name not in self.tables:
            return {}
        if self.tables[name]["partition_key"]:
            return dict(self.partitions.get(name, {}))
        return {"": self.tables[name]["sha256"]}


class Pinned:
    """A store as one snapshot has it: its fixed paths have the contents of then.

    It is a `zs_client.store.Reader`. Nothing of what a store does else is passed on, since it would
    be about now.

    Attributes:
        snapshot: The snapshot's id.
    """

    def __init__(self, store: Store, state: State) -> None:
        self.url = store.url
        self.snapshot = state.id
        self._store = store
        self._state = state
        self._names = {entry["table"]: name for name, entry in state.tables.items()}
        self._below = re.compile(
            rf"{re.escape(state.layout.folder)}/"
            r"(?:(?P<facts>[^/]+)\.json|(?P<whole>[^/]+)\.pqt|(?P<folder>[^/]+)/[^/=]+=(?P<segment>[^/]+)/data\.pqt)"
        )

    def get(self, key: str) -> bytes:
        """The bytes under a key.

        Raises:
            FileNotFoundError: Nothing lies there, and lay there then.
            AcornNotFound: The snapshot has no such table.
            Unreadable: The snapshot has it, and its content is gone.
        """
        if key == self._state.layout.registry:
            return self._state.body
        below = self._below.fullmatch(key)
        if below and below["facts"]:
            return self._facts(below["facts"])
        return self._asked(key, self._store.get)

    @property
    def is_remote(self) -> bool:
        """As of the store itself."""
        return self._store.is_remote

    @property
    def name(self) -> tuple[str, ...]:
        """What tells this store from others: also the snapshot."""
        return (*self._store.name, self.snapshot)

    def get_end(self, key: str, count: int) -> ByteRange:
        """The last bytes under a key; errors as of `get`."""
        return self._asked(key, lambda named: self._store.get_end(named, count))

    def get_range(self, key: str, start: int, end: int, etag: str) -> ByteRange:
        """The bytes from `start` up to `end` under a key; errors as of `get`."""
        return self._asked(key, lambda named: self._store.get_range(named, start, end, etag))

    def _asked(self, key: str, ask: Callable[[str], T]) -> T:
        named = self._named(key)
        try:
            return ask(named)
        except FileNotFoundError as error:
            if named == key:
                raise
            raise Unreadable(gone(self._store, self._state, named)) from error

    def exists(self, key: str) -> bool:
        """Whether something lay under a key."""
        try:
            self._named(key)
        except FileNotFoundError:
            return False
        return True

    def at(self, key: str) -> str:
        """A key's full address; of a table or partition, that of its content."""
        try:
            return self._store.at(self._named(key))
        except (LookupError, FileNotFoundError):
            return self._store.at(key)

    def file(self, key: str) -> str:
        """Where DuckDB can read it."""
        return self._store.file(self._named(key))

    def is_cached(self, key: str) -> bool:
        """Whether a copy lies in the local cache."""
        return self._store.is_cached(self._named(key))

    def validated_at(self, key: str) -> None:
        """Nothing: what a snapshot has never changes."""

    def forget(self, name: str) -> None:
        """Remove what is kept of a key on this machine."""
        with suppress(FileNotFoundError, AcornNotFound):
            self._store.forget(self._named(name))

    def _named(self, key: str) -> str:
        """The key of the content that lay under a key; the key itself for what is no table."""
        below = self._below.fullmatch(key)
        if not below or below["facts"]:
            return key
        table = below["whole"] or below["folder"]
        sha256 = self._state.contents(self._name(table)).get(below["segment"] or "")
        if sha256 is None:
            raise FileNotFoundError(f"{key}: not in snapshot {self._state.id}")
        return self._state.layout.object(table, sha256)

    def _name(self, table: str) -> str:
        if table not in self._names:
            raise AcornNotFound(
                f"{table} is not in snapshot {self._state.id} of {self.url}, version "
                f"{self._state.layout}; it has {', '.join(self._state.tables)}"
            )
        return self._names[table]

    def _facts(self, table: str) -> bytes:
        name = self._name(table)
        parts = self._state.partitions.get(name, {})
        told = {
            **self._state.tables[name],
            "partitions": {segment: {"sha256": sha256} for segment, sha256 in parts.items()},
            "empty": {},
        }
        return json.dumps(told).encode()


def pinned(store: Store, layout: Layout, snapshot: str) -> tuple[Pinned, Layout]:
    """A store as it was in a snapshot, and the version folder that this one lies in.

    Raises:
        SnapshotNotFound: There is none of that id.
        ReadError: It cannot be read, or is not what its id says.
    """
    state = state_of(store, layout, snapshot)
    return Pinned(store, state), state.layout


def state_of(store: Store, layout: Layout, snapshot: str) -> State:
    """The contents that an id names; errors as of `pinned`."""
    if not isinstance(snapshot, str):
        raise TypeError(f"a snapshot is named by the text of its id, not {snapshot!r}")
    if not _ID.fullmatch(snapshot):
        raise SnapshotNotFound(_unknown(store, layout, snapshot))
    # Where it lies is kept as well: a later version of this package looks elsewhere first.
    kept = f"{ROOT}/_snapshots/{snapshot}.json"
    body = store.get_cached(kept)
    if body is not None:
        return _parsed(store, kept, snapshot, body)
    for key in _places(store, layout, snapshot):
        try:
            body = fetch.get(store, key)
        except FileNotFoundError:
            continue
        state = _parsed(store, key, snapshot, body)
        store.remember(kept, body)
        return state
    raise SnapshotNotFound(_unknown(store, layout, snapshot))


def _places(store: Store, layout: Layout, snapshot: str) -> Iterator[str]:
    yield layout.snapshot(snapshot)
    yield from (other.snapshot(snapshot) for other in all_layouts(store, layout) if other != layout)


def _parsed(store: Store, key: str, snapshot: str, body: bytes) -> State:
    """The contents that a snapshot names, which its id is the digest of."""
    try:
        told = json.loads(body)
        tables = {entry["name"]: entry for entry in told["acorns"]}
        partitions = told["partitions"]
        lines = "".join(f"{name}={entry['sha256']}\n" for name, entry in tables.items())
        whole = _digest(lines)[:16] == snapshot and all(
            entry["sha256"] == _digest("".join(f"{s}={d}\n" for s, d in partitions[name].items()))
            for name, entry in tables.items()
            if entry["partition_key"]
        )
        state = State(snapshot, Layout(told["version"]), tables, partitions, body)
    except (ValueError, KeyError, TypeError, AttributeError):
        whole = False
    if not whole:
        store.forget(key)
        raise ReadError(
            f"{store.at(key)}: is not the snapshot that its name says; read it again, or tell who "
            "keeps the store"
        )
    return state


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _unknown(store: Store, layout: Layout, snapshot: str) -> str:
    found = [
        (entry["last_modified"], id_)
        for each in all_layouts(store, layout)
        for id_, entry in snapshot_entries(store, each).items()
    ]
    there = [id_ for _, id_ in sorted(found, reverse=True)]
    more = f" and {len(there) - _SHOWN} more" if len(there) > _SHOWN else ""
    return (
        f"there is no snapshot {snapshot[:80]!r} in {store.url}; there are "
        f"{', '.join(there[:_SHOWN]) or 'none'}{more}. snapshots() tells when each was published"
    )


def all_layouts(store: Store, layout: Layout) -> list[Layout]:
    """Returns the layouts that a store has folders of, and that one, the newest version first."""
    with fetch.listing(store, ROOT):
        return layouts([*store.folders(ROOT), layout.name])


def snapshot_entries(store: Store, layout: Layout) -> dict[str, dict[str, Any]]:
    """Returns what lies in a version's folder of snapshots, by the id."""
    folder = layout.snapshots
    with fetch.listing(store, folder):
        found = {entry["path"].rsplit("/", 1)[-1]: entry for entry in store.walk(folder)}
    names = {name.removesuffix(".json"): entry for name, entry in found.items()}
    return {name: entry for name, entry in names.items() if _ID.fullmatch(name)}


def gone(store: Store, state: State, key: str) -> str:
    """What to say of a content that a snapshot names, and that is not there."""
    return (
        f"{store.at(key)}: snapshot {state.id} names this content, and it is gone from the store; "
        "who keeps the store may have a copy"
    )
