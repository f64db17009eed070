"""Reading a store as it was in a snapshot: fixed paths have the contents of that time.

A snapshot names the content of every table and partition, and contents are read by these names.
`zs_client.published` lists the snapshots.
"""

import hashlib
import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from zs_client import fetch, snapshot_index, work
from zs_client.contract import ROOT, Layout, layouts
from zs_client.errors import AcornNotFound, ReadError, SnapshotNotFound
from zs_client.rollbacks import held_at
from zs_client.snapshot import moment_of
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
        """Returns the digest of each file of a table, by its partition's segment."""
        if name not in self.tables:
            return {}
        if self.tables[name]["partition_key"]:
            return dict(self.partitions.get(name, {}))
        return {"": self.tables[name]["sha256"]}


class Pinned:
    """A store as it was in a snapshot; a `zs_client.store.Reader`.

    The other methods of a store are left out, since they would be about the present.

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
        """Returns the bytes under a key.

        Raises:
            FileNotFoundError: The snapshot has nothing under the key.
            AcornNotFound: The snapshot has no such table.
            Unreadable: The snapshot names the content, but the store no longer has it.
        """
        if key == self._state.layout.registry:
            return self._state.body
        below = self._below.fullmatch(key)
        if below and below["facts"]:
            return self._facts(below["facts"])
        return self._read_content(key, self._store.get)

    @property
    def current(self) -> Store:
        """The store as it is now."""
        return self._store

    @property
    def is_remote(self) -> bool:
        """Whether reads go over a network."""
        return self._store.is_remote

    @property
    def part_above(self) -> float:
        """As of `Store`, but a file on this machine is read whole: its digest is known."""
        return 0 if self.is_remote else math.inf

    @property
    def name(self) -> tuple[str, ...]:
        """The name of the store, followed by the snapshot."""
        return (*self._store.name, self.snapshot)

    def get_end(self, key: str, count: int) -> ByteRange:
        """Returns the last bytes under a key; errors as of `get`."""
        return self._read_content(key, lambda named: self._store.get_end(named, count))

    def get_range(self, key: str, start: int, end: int, etag: str) -> ByteRange:
        """Returns the bytes from `start` up to `end` under a key; errors as of `get`."""
        return self._read_content(key, lambda named: self._store.get_range(named, start, end, etag))

    def _read_content(self, key: str, read: Callable[[str], T]) -> T:
        named = self._named(key)
        try:
            return read(named)
        except FileNotFoundError as error:
            if named == key:
                raise
            raise Unreadable(gone(self._store, self._state, named)) from error

    def exists(self, key: str) -> bool:
        """Returns whether the snapshot has something under a key."""
        with suppress(FileNotFoundError):
            self._named(key)
            return True
        return False

    def at(self, key: str) -> str:
        """Returns a key's full address; for a table or partition, the address of its content."""
        try:
            return self._store.at(self._named(key))
        except (LookupError, FileNotFoundError):
            return self._store.at(key)

    def file(self, key: str) -> str:
        """Returns the address where DuckDB can read a key."""
        return self._store.file(self._named(key))

    def is_cached(self, key: str) -> bool:
        """Returns whether the local cache has a copy."""
        return self._store.is_cached(self._named(key))

    def get_content(self, sha256: str) -> bytes | None:
        """Returns a parquet file of which the local cache has a copy, by its digest."""
        return self._store.get_content(sha256)

    def get_cached(self, name: str) -> None:
        """Returns None: of a content that is named by its digest no parts are kept."""

    def remember(self, name: str, body: bytes) -> None:
        """Does nothing, as `get_cached`."""

    def can_cache(self, size: int) -> bool:
        """Returns whether the local cache keeps a content of so many bytes."""
        return self._store.can_cache(size)

    def validated_at(self, key: str) -> None:
        """Returns None: the contents of a snapshot never change."""

    def forget(self, name: str) -> None:
        """Remove the local copy of a key."""
        with suppress(FileNotFoundError, AcornNotFound):
            self._store.forget(self._named(name))

    def _named(self, key: str) -> str:
        """Returns the key of the content that lay under a key; other keys than tables' as given."""
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
        digests = self._state.partitions.get(name, {})
        facts = {
            **self._state.tables[name],
            "partitions": {segment: {"sha256": sha256} for segment, sha256 in digests.items()},
            "empty": {},
        }
        # The one file of all rows is that of the present.
        facts.pop("one_file", None)
        return json.dumps(facts).encode()


def pinned(store: Store, layout: Layout, snapshot: str) -> tuple[Pinned, Layout]:
    """Returns a store as it was in a snapshot, and the layout of the snapshot's version.

    Raises:
        SnapshotNotFound: The store has no snapshot of that id.
        ReadError: The snapshot cannot be read, or is not what its id says.
    """
    state = state_of(store, layout, snapshot)
    return Pinned(store, state), state.layout


def state_of(store: Store, layout: Layout, snapshot: str) -> State:
    """Returns the contents of a snapshot; errors as of `pinned`."""
    if not _ID.fullmatch(snapshot):
        snapshot = _id_of(store, layout, snapshot)
    # The cached key names no version: a later version of this package looks elsewhere first.
    cached_key = f"{ROOT}/_snapshots/{snapshot}.json"
    body = store.get_cached(cached_key)
    if body is not None:
        return _parsed(store, cached_key, snapshot, body)
    for key in _places(store, layout, snapshot):
        try:
            body = fetch.get(store, key)
        except FileNotFoundError:
            continue
        state = _parsed(store, key, snapshot, body)
        store.remember(cached_key, body)
        return state
    raise SnapshotNotFound(_unknown(store, layout, snapshot))


def _id_of(store: Store, layout: Layout, name: str) -> str:
    """Returns the id of the snapshot that has a name, or of the last one before a date.

    Raises:
        SnapshotNotFound: There is none.
        ReadError: The list of snapshots cannot be read.
    """
    moment = moment_of(name)
    if not snapshot_index.NAME.fullmatch(name):
        if moment is None:
            raise SnapshotNotFound(_unknown(store, layout, name))
        return _last_before(store, layout, moment)
    # A name is never used again, so that a copy stays right.
    cached_key = f"{ROOT}/_snapshots/names/{name}.txt"
    if body := store.get_cached(cached_key):
        return body.decode()
    with nullcontext() if moment is None else _none_offline():
        for other in (layout, *(o for o in all_layouts(store, layout) if o != layout)):
            id_ = snapshot_index.load(store, other).names.get(name)
            if id_ is not None and _ID.fullmatch(id_):
                store.remember(cached_key, id_.encode())
                return id_
    # A name may look like a date, and is one first.
    if moment is not None:
        return _last_before(store, layout, moment)
    raise SnapshotNotFound(_unknown(store, layout, name))


def _last_before(store: Store, layout: Layout, moment: datetime) -> str:
    """Returns the id of the last snapshot published before a moment, if possible of this version.

    While a version was rolled back, it is the snapshot that it was rolled back to.

    Raises:
        SnapshotNotFound: There is none; the message names the first.
        ReadError: The snapshots cannot be listed.
    """
    begun = work.begin(lambda: held_at(store, layout, moment))
    published = _publications(store, layout, moment)
    if not any(when < moment for when, _ in published):
        with _none_offline():
            for other in (o for o in all_layouts(store, layout) if o != layout):
                published += _publications(store, other, moment)
    earlier = [entry for entry in published if entry[0] < moment]
    if earlier:
        held = begun()
        is_there = held is not None and any(id_ == held for _, id_ in published)
        return str(held) if is_there else max(earlier)[1]
    first = "there is none at all"
    if published:
        when, id_ = min(published)
        first = f"the first is {id_}, of {when.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    raise SnapshotNotFound(
        f"no snapshot of {store.url} was published before "
        f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC; {first}"
    )


@contextmanager
def _none_offline() -> Iterator[None]:
    """Pass over what is not asked offline; other errors stay."""
    try:
        yield
    except ReadError as error:
        if not isinstance(error.__cause__, Unreadable):
            raise


def _publications(store: Store, layout: Layout, moment: datetime) -> list[tuple[datetime, str]]:
    """Returns when snapshots of a version were published: last, and first if before a moment."""
    index = snapshot_index.load(store, layout)
    last = {id_: datetime.fromisoformat(text) for id_, text in index.dates.items()}
    entries: dict[str, dict[str, Any]] = {}
    # Offline nothing is listed, and the list of snapshots has to do.
    with _none_offline() if last else nullcontext():
        entries = snapshot_entries(store, layout)
    # A state that was published again, as by a rollback, has only its last date in the list. A head
    # has the first; of 400 snapshots few are worth its request.
    unclear = [
        id_
        for id_, entry in entries.items()
        if id_ not in last or last[id_] >= moment > entry["last_modified"]
    ]
    heads = work.map_ordered(lambda id_: snapshot_index.head_of(store, layout, id_), unclear)
    first = [datetime.fromisoformat(head["published_at"]) for head in heads]
    return [(when, id_) for id_, when in last.items()] + list(zip(first, unclear, strict=True))


def _places(store: Store, layout: Layout, snapshot: str) -> Iterator[str]:
    yield layout.snapshot(snapshot)
    yield from (other.snapshot(snapshot) for other in all_layouts(store, layout) if other != layout)


def _parsed(store: Store, key: str, snapshot: str, body: bytes) -> State:
    """Returns the contents that a snapshot names, once their digest is compared with its id."""
    try:
        squirrel = json.loads(body)
        tables = {entry["name"]: entry for entry in squirrel["acorns"]}
        partitions = squirrel["partitions"]
        lines = "".join(f"{name}={entry['sha256']}\n" for name, entry in tables.items())
        whole = _digest(lines)[:16] == snapshot and all(
            entry["sha256"] == _digest("".join(f"{s}={d}\n" for s, d in partitions[name].items()))
            for name, entry in tables.items()
            if entry["partition_key"]
        )
        state = State(snapshot, Layout(squirrel["version"]), tables, partitions, body)
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
    published = [
        (entry["last_modified"], id_)
        for existing in all_layouts(store, layout)
        for id_, entry in snapshot_entries(store, existing).items()
    ]
    ids = [id_ for _, id_ in sorted(published, reverse=True)]
    reason = f"there is no snapshot {snapshot[:80]!r} in {store.url}"
    if since := _pruned_since(store, all_layouts(store, layout), snapshot):
        reason = f"snapshot {snapshot} is gone from {store.url} since {since}, when it was pruned"
    if not ids:
        return f"{reason}; there are none, so leave the snapshot out"
    more = f" and {len(ids) - _SHOWN} more" if len(ids) > _SHOWN else ""
    return (
        f"{reason}; there are {', '.join(ids[:_SHOWN])}{more}. snapshots() tells when each was "
        "published"
    )


def _pruned_since(store: Store, among: Iterable[Layout], snapshot: str) -> str:
    """Returns when a snapshot was removed; empty where no list of snapshots says so."""
    for layout in among if _ID.fullmatch(snapshot) else ():
        # It explains another error, and must not hide it.
        with suppress(ReadError):
            if since := snapshot_index.load(store, layout).pruned.get(snapshot):
                return since
    return ""


def all_layouts(store: Store, layout: Layout) -> list[Layout]:
    """Returns the layouts of the version folders in a store, with `layout`, the newest first."""
    with fetch.listing(store, ROOT):
        return layouts([*store.folders(ROOT), layout.name])


def snapshot_entries(store: Store, layout: Layout) -> dict[str, dict[str, Any]]:
    """Returns the entries in a version's folder of snapshots, by the snapshot's id."""
    folder = layout.snapshots
    with fetch.listing(store, folder):
        entries = list(store.walk(folder))
    names = {entry["path"].rsplit("/", 1)[-1].removesuffix(".json"): entry for entry in entries}
    return {name: entry for name, entry in names.items() if _ID.fullmatch(name)}


def gone(store: Store, state: State, key: str) -> str:
    """Returns the message for a content that a snapshot names and the store no longer has."""
    since = _pruned_since(store, [state.layout], state.id)
    when = f" since {since}, when the snapshot was pruned" if since else ""
    return (
        f"{store.at(key)}: snapshot {state.id} names this content, and it is gone from the store"
        f"{when}; who keeps the store may have a copy"
    )
