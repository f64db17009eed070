"""Published states: which there are, a store as it was in one of them, and what differs in two.

A snapshot names the content of every table and partition; the contents are read by that name. How
one comes about is in `zs_pipeline.squirrel`, what is kept on this machine in `zs_client.cache`.
"""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar, overload

from zs_client import read
from zs_client.contract import (
    ROOT,
    VERSION_FORM,
    decode_partition,
    object_key,
    registry_key,
    snapshot_key,
    version_folder,
    version_order,
)
from zs_client.read import NOW, AcornNotFound, ReadError
from zs_client.store import Piece, Store, Unreadable

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

T = TypeVar("T")

REQUESTS = 32
_ID = re.compile(r"[0-9a-f]{16}")
_SHOWN = 20
# The tables of a snapshot stand before its partitions, of which there may be megabytes.
_HEAD = 256_000
_PARTITIONS = b'\n "partitions": '


class SnapshotNotFound(AcornNotFound):
    """There is no snapshot of that id; the message names those that there are."""


@dataclass(frozen=True)
class Snapshot:
    """A published state of all tables.

    Attributes:
        id: What `snapshot=` and `ZS_SNAPSHOT` take. The same contents have the same id.
        version: The version folder it lies in.
        published_at: When these contents were first published.
        current: Whether it is what was published last in its version.
        tables: How many rows each table has, by its name.
        rows: How many rows all of them have.
        bytes: How many bytes of parquet.
    """

    id: str
    version: str
    published_at: datetime
    current: bool
    tables: Mapping[str, int]
    rows: int
    bytes: int


@dataclass(frozen=True)
class TableDiff:
    """What differs in a table between two snapshots.

    Attributes:
        table: Its name.
        key: The columns that tell rows apart. Empty for a table whose rows have no key: such a row
            is added or removed, never changed.
        added: The rows that only the later one has, with all columns.
        removed: The rows that only the earlier one has, with all columns.
        changed: One row for each value that changed: the key, `column`, `before` and `after`.
    """

    table: str
    key: tuple[str, ...]
    added: "pd.DataFrame"
    removed: "pd.DataFrame"
    changed: "pd.DataFrame"


@dataclass(frozen=True)
class _State:
    """A snapshot's contents."""

    id: str
    version: str
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


class Pinned(Store):
    """A store as one snapshot has it: its fixed paths have the contents of then.

    It is for reading by key. Nothing of what a store does else is passed on, since it would be
    about now.

    Attributes:
        snapshot: The snapshot's id.
    """

    def __init__(self, store: Store, state: _State) -> None:
        self.url = store.url
        self.snapshot = state.id
        self._store = store
        self._state = state
        self._names = {entry["table"]: name for name, entry in state.tables.items()}
        self._below = re.compile(
            rf"{re.escape(version_folder(state.version))}/"
            r"(?:(?P<facts>[^/]+)\.json|(?P<whole>[^/]+)\.pqt|(?P<folder>[^/]+)/[^/=]+=(?P<segment>[^/]+)/data\.pqt)"
        )

    def get(self, key: str) -> bytes:
        """The bytes under a key.

        Raises:
            FileNotFoundError: Nothing lies there, and lay there then.
            AcornNotFound: The snapshot has no such table.
            Unreadable: The snapshot has it, and its content is gone.
        """
        if key == registry_key(self._state.version):
            return self._state.body
        below = self._below.fullmatch(key)
        if below and below["facts"]:
            return self._facts(below["facts"])
        return self._asked(key, self._store.get)

    @property
    def far(self) -> bool:
        """As of the store itself."""
        return self._store.far

    @property
    def name(self) -> tuple[str, ...]:
        """What tells this store from others: also the snapshot."""
        return (*self._store.name, self.snapshot)

    def get_end(self, key: str, count: int) -> Piece:
        """The last bytes under a key; errors as of `get`."""
        return self._asked(key, lambda named: self._store.get_end(named, count))

    def get_part(self, key: str, start: int, end: int, tag: str) -> Piece:
        """The bytes from `start` up to `end` under a key; errors as of `get`."""
        return self._asked(key, lambda named: self._store.get_part(named, start, end, tag))

    def _asked(self, key: str, ask: Callable[[str], T]) -> T:
        named = self._named(key)
        try:
            return ask(named)
        except FileNotFoundError as error:
            if named == key:
                raise
            raise Unreadable(_gone(self._store, self._state, named)) from error

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
        except LookupError:
            return self._store.at(key)
        except FileNotFoundError:
            return self._store.at(key)

    def file(self, key: str) -> str:
        """Where DuckDB can read it."""
        return self._store.file(self._named(key))

    def kept(self, key: str) -> bool:
        """Whether a copy lies in the local cache."""
        return self._store.kept(self._named(key))

    def _named(self, key: str) -> str:
        """The key of the content that lay under a key; the key itself for what is no table."""
        below = self._below.fullmatch(key)
        if not below or below["facts"]:
            return key
        table = below["whole"] or below["folder"]
        sha256 = self._state.contents(self._name(table)).get(below["segment"] or "")
        if sha256 is None:
            raise FileNotFoundError(f"{key}: not in snapshot {self._state.id}")
        return object_key(self._state.version, table, sha256)

    def _name(self, table: str) -> str:
        if table not in self._names:
            raise AcornNotFound(
                f"{table} is not in snapshot {self._state.id} of {self.url}, version "
                f"{self._state.version}; it has {', '.join(self._state.tables)}"
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


def pinned(store: Store, version: str, snapshot: str) -> tuple[Store, str]:
    """A store as it was in a snapshot, and the version folder that this one lies in.

    Raises:
        SnapshotNotFound: There is none of that id.
        ReadError: It cannot be read, or is not what its id says.
    """
    state = _state(store, version, snapshot)
    return Pinned(store, state), state.version


def snapshots(store_url: str | None = None) -> list[Snapshot]:
    """The published states that a store keeps, of all its versions, the latest first.

    Args:
        store_url: The store; else as the functions take it from `ZS_STORE` and `FOREST_TYPE`.

    Returns:
        A `Snapshot` for each, with its id, time, version and the rows of each table; an empty list
        when nothing was published. Ids that `snapshot=` takes.

    Raises:
        StoreError: The store cannot be opened.
        ReadError: It cannot be listed, also since it is asked offline, or one cannot be read.
    """
    store, version = read.present(store_url)
    found = [(each, id_) for each in _versions(store, version) for id_ in _ids(store, each)]
    if not found:
        return []
    current = {each: _current(store, each) for each in {each for each, _ in found}}
    with ThreadPoolExecutor(min(REQUESTS, len(found))) as pool:
        heads = list(pool.map(lambda one: _head(store, *one), found))
    listed = [
        Snapshot(
            id=id_,
            version=each,
            published_at=datetime.fromisoformat(head["published_at"]),
            current=current[each] == id_,
            tables={entry["name"]: entry["rows"] for entry in head["acorns"]},
            rows=sum(entry["rows"] for entry in head["acorns"]),
            bytes=sum(entry["bytes"] for entry in head["acorns"]),
        )
        for (each, id_), head in zip(found, heads, strict=True)
    ]
    return sorted(listed, key=lambda one: (one.published_at, one.current, one.id), reverse=True)


@overload
def diff(
    before: str, after: str = NOW, table: None = None, *, store_url: str | None = None
) -> "pd.DataFrame": ...
@overload
def diff(before: str, after: str, table: str, *, store_url: str | None = None) -> TableDiff: ...
@overload
def diff(
    before: str, after: str = NOW, *, table: str, store_url: str | None = None
) -> TableDiff: ...
def diff(
    before: str, after: str = NOW, table: str | None = None, *, store_url: str | None = None
) -> "pd.DataFrame | TableDiff":
    """What differs between two published states: in all tables, or the rows of one.

    What has the same digest in both is not read, and without a table no table is.

    Args:
        before: The earlier one, an id of `snapshots()`.
        after: The later one, or `"now"` for what was published last.
        table: A table's name, as of its function or of its acorn.
        store_url: The store; else as the functions take it from `ZS_STORE` and `FOREST_TYPE`.

    Returns:
        Without a table a row for each: `table`, `change` (`same`, `changed`, `added` or
        `removed`), `rows_before` and `rows_after` (null where it is not there), and how many of
        its files, that is partitions, were added, removed and changed. With one a `TableDiff`.

    Raises:
        SnapshotNotFound: There is no such snapshot.
        AcornNotFound: Neither has that table, or nothing was published.
        ReadError: A snapshot or a content cannot be read, or is gone.
    """
    store, version = read.present(store_url)
    old, new = (_state(store, version, _named(store, version, one)) for one in (before, after))
    if table is None:
        return _summary(old, new)
    names = {entry["table"]: name for state in (old, new) for name, entry in state.tables.items()}
    name = names.get(table, table)
    if name not in old.tables and name not in new.tables:
        raise AcornNotFound(
            f"{table} is in neither snapshot, {old.id} and {new.id}; there are "
            f"{', '.join({**new.tables, **old.tables})}"
        )
    return _rows(store, old, new, name)


def _named(store: Store, version: str, snapshot: str) -> str:
    if snapshot != NOW:
        return snapshot
    current = _current(store, version)
    if not current:
        raise read.not_found(store, version, "a published state", registry_key(version))
    return current


def _current(store: Store, version: str) -> str | None:
    try:
        found = read.get_json(store, registry_key(version))
    except FileNotFoundError:
        return None
    told = found.get("snapshot") if isinstance(found, dict) else None
    return str(told) if told else None


def _state(store: Store, version: str, snapshot: str) -> _State:
    if not isinstance(snapshot, str):
        raise TypeError(f"a snapshot is named by the text of its id, not {snapshot!r}")
    if not _ID.fullmatch(snapshot):
        raise SnapshotNotFound(_unknown(store, version, snapshot))
    # Where it lies is kept as well: a later version of this package looks elsewhere first.
    kept = f"{ROOT}/_snapshots/{snapshot}.json"
    body = store.recall(kept)
    if body is not None:
        return _parsed(store, kept, snapshot, body)
    for key in _places(store, version, snapshot):
        try:
            body = read.get(store, key)
        except FileNotFoundError:
            continue
        state = _parsed(store, key, snapshot, body)
        store.remember(kept, body)
        return state
    raise SnapshotNotFound(_unknown(store, version, snapshot))


def _places(store: Store, version: str, snapshot: str) -> Iterator[str]:
    yield snapshot_key(version, snapshot)
    for each in _versions(store, version):
        if each != version:
            yield snapshot_key(each, snapshot)


def _parsed(store: Store, key: str, snapshot: str, body: bytes) -> _State:
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
        state = _State(snapshot, told["version"], tables, partitions, body)
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


def _unknown(store: Store, version: str, snapshot: str) -> str:
    found = [
        (entry["last_modified"], id_)
        for each in _versions(store, version)
        for id_, entry in _ids(store, each).items()
    ]
    there = [id_ for _, id_ in sorted(found, reverse=True)]
    more = f" and {len(there) - _SHOWN} more" if len(there) > _SHOWN else ""
    return (
        f"there is no snapshot {snapshot[:80]!r} in {store.url}; there are "
        f"{', '.join(there[:_SHOWN]) or 'none'}{more}. snapshots() tells when each was published"
    )


def _versions(store: Store, version: str) -> list[str]:
    with read.listing(store, ROOT):
        numbers = {name.removeprefix("zs-v") for name in store.folders(ROOT) if name[:4] == "zs-v"}
    found = {number for number in numbers if VERSION_FORM.fullmatch(number)} | {version}
    return sorted(found, key=version_order, reverse=True)


def _ids(store: Store, version: str) -> dict[str, dict[str, Any]]:
    folder = snapshot_key(version, "").removesuffix("/.json")
    with read.listing(store, folder):
        found = {entry["path"].rsplit("/", 1)[-1]: entry for entry in store.walk(folder)}
    names = {name.removesuffix(".json"): entry for name, entry in found.items()}
    return {name: entry for name, entry in names.items() if _ID.fullmatch(name)}


def _head(store: Store, version: str, snapshot: str) -> dict[str, Any]:
    """What a snapshot says before its partitions."""
    key = snapshot_key(version, snapshot)
    kept = f"{key}.head.json"
    body = store.recall(kept)
    if body is None:
        with read.listing(store, key):
            start = store.head(key, _HEAD)
        before, mark, _ = start.partition(_PARTITIONS)
        body = before.rstrip().rstrip(b",") + b"}" if mark else read.get(store, key)
    try:
        told: dict[str, Any] = json.loads(body)
    except ValueError as error:
        raise ReadError(f"{store.at(key)}: is no snapshot: {error}") from error
    store.remember(kept, body)
    return told


def _gone(store: Store, state: _State, key: str) -> str:
    return (
        f"{store.at(key)}: snapshot {state.id} names this content, and it is gone from the store; "
        "who keeps the store may have a copy"
    )


def _summary(old: _State, new: _State) -> "pd.DataFrame":
    import pandas as pd

    lines = []
    for name in {**new.tables, **old.tables}:
        was, now = old.contents(name), new.contents(name)
        both = was.keys() & now.keys()
        changed = sum(was[segment] != now[segment] for segment in both)
        there = (name in old.tables, name in new.tables)
        words = {(True, False): "removed", (False, True): "added"}
        lines.append(
            {
                "table": name,
                "change": words.get(there, "same" if was == now else "changed"),
                "rows_before": old.tables[name]["rows"] if there[0] else None,
                "rows_after": new.tables[name]["rows"] if there[1] else None,
                "files_added": len(now) - len(both),
                "files_removed": len(was) - len(both),
                "files_changed": changed,
            }
        )
    frame = pd.DataFrame(lines, columns=["table", "change", *_COUNTS])
    return frame.astype(dict.fromkeys(_COUNTS, "Int64"))


_COUNTS = ("rows_before", "rows_after", "files_added", "files_removed", "files_changed")


def _rows(store: Store, old: _State, new: _State, name: str) -> TableDiff:
    was, now = old.contents(name), new.contents(name)
    entry = new.tables.get(name) or old.tables[name]
    other = old.tables.get(name) or entry
    # A declaration may have changed its key: then whole rows are compared.
    key = tuple(entry["key"]) if entry["key"] == other["key"] else ()
    differing = [s for s in sorted({**was, **now}) if was.get(s) != now.get(s)]

    def compare(segment: str) -> "_Compared":
        before, after = (
            _content(store, state, name, digests.get(segment))
            for state, digests in ((old, was), (new, now))
        )
        split = entry["partition_key"] or other["partition_key"]
        if split and segment:
            before, after = (
                _with(one, split, decode_partition(segment)) for one in (before, after)
            )
        return _compared(before, after, key)

    with ThreadPoolExecutor(max(1, min(REQUESTS, len(differing)))) as pool:
        found = list(pool.map(compare, differing))
    return TableDiff(
        table=name,
        key=key,
        added=_joined([one.added for one in found], entry, name),
        removed=_joined([one.removed for one in found], other, name),
        changed=_listed(key, found),
    )


def _content(store: Store, state: _State, name: str, sha256: str | None) -> "pa.Table":
    if sha256 is None:
        return read.empty(state.tables[name]) if name in state.tables else _nothing()
    key = object_key(state.version, state.tables[name]["table"], sha256)
    try:
        return read.decode(read.get(store, key), store.at(key))
    except FileNotFoundError as error:
        raise ReadError(_gone(store, state, key)) from error


def _nothing() -> "pa.Table":
    import pyarrow as pa

    return pa.schema([]).empty_table()


def _with(content: "pa.Table", column: str, value: str | None) -> "pa.Table":
    """The rows with the value that their file is for, where no column has it."""
    import pyarrow as pa

    if column in content.schema.names:
        return content
    return content.add_column(0, column, pa.array([value] * content.num_rows, pa.string()))


@dataclass(frozen=True)
class _Compared:
    added: "pa.Table"
    removed: "pa.Table"
    changed: list[tuple[Any, ...]]


def _compared(before: "pa.Table", after: "pa.Table", key: Sequence[str]) -> _Compared:
    if not key or not set(key) <= {*before.schema.names} & {*after.schema.names}:
        return _Compared(_beyond(after, before), _beyond(before, after), [])
    was, now = ({k: place for place, k in enumerate(_values(one, key))} for one in (before, after))
    both = [k for k in now if k in was]
    left = _taken(before, [was[k] for k in both])
    right = _taken(after, [now[k] for k in both])
    changed = []
    for column in dict.fromkeys([*after.schema.names, *before.schema.names]):
        changed += [
            (place, (*both[place], column, old, new))
            for place, old, new in _differing(left, right, column)
        ]
    return _Compared(
        _taken(after, [place for k, place in now.items() if k not in was]),
        _taken(before, [place for k, place in was.items() if k not in now]),
        [row for _, row in sorted(changed, key=lambda one: one[0])],
    )


def _taken(content: "pa.Table", places: list[int]) -> "pa.Table":
    import pyarrow as pa

    return content.take(pa.array(places, pa.int64()))


def _differing(left: "pa.Table", right: "pa.Table", column: str) -> Iterator[tuple[int, Any, Any]]:
    """Where the values of a column differ; a table without the column has nulls."""
    old, new = (one[column] if column in one.schema.names else None for one in (left, right))
    if old is not None and new is not None and old.type == new.type and old.equals(new):
        return
    olds, news = (
        [None] * one.num_rows if found is None else found.to_pylist()
        for one, found in ((left, old), (right, new))
    )
    for place, (one, other) in enumerate(zip(olds, news, strict=True)):
        # NaN is not itself.
        if one != other and not (one != one and other != other):  # noqa: PLR0124
            yield place, one, other


def _values(content: "pa.Table", columns: Sequence[str]) -> list[tuple[Any, ...]]:
    if not columns:
        return [()] * content.num_rows
    return list(zip(*(content[column].to_pylist() for column in columns), strict=True))


def _beyond(content: "pa.Table", other: "pa.Table") -> "pa.Table":
    """The rows that the other one does not have, or not as often."""
    columns = sorted({*content.schema.names, *other.schema.names})

    def rows(table: "pa.Table") -> list[str]:
        there = [name for name in columns if name in table.schema.names]
        # A column that is not there is as one of nulls.
        return [
            repr([(n, v) for n, v in zip(there, row, strict=True) if v is not None])
            for row in _values(table, there)
        ]

    left = Counter(rows(other))
    found = []
    for place, row in enumerate(rows(content)):
        left[row] -= 1
        if left[row] < 0:
            found.append(place)
    return _taken(content, found)


def _joined(tables: "list[pa.Table]", entry: Mapping[str, Any], name: str) -> "pd.DataFrame":
    import pyarrow as pa

    some = [table for table in tables if table.num_rows] or [read.empty(entry)]
    whole = pa.concat_tables(some, promote_options="permissive")
    return read.frame(whole, name)


def _listed(key: tuple[str, ...], found: list[_Compared]) -> "pd.DataFrame":
    import pandas as pd

    rows = [row for one in found for row in one.changed]
    return pd.DataFrame(rows, columns=[*key, "column", "before", "after"], dtype=object)
