"""What differs between two published states: in all tables, or the rows of one.

Contents of the same digest are not read. Which states there are, and what one names, is in
`zs_client.published`.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from zs_client import fetch, kinds, pinned, published, read, work
from zs_client.contract import Layout, decode_partition
from zs_client.errors import AcornNotFound, ReadError
from zs_client.pinned import State
from zs_client.place import NOW, resolve_current
from zs_client.store import Store

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

_COUNTS = ("rows_before", "rows_after", "files_added", "files_removed", "files_changed")


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


@overload
def diff(
    before: str, after: str = NOW, table: None = None, *, store_url: str | Path | None = None
) -> "pd.DataFrame": ...
@overload
def diff(
    before: str, after: str, table: str, *, store_url: str | Path | None = None
) -> TableDiff: ...
@overload
def diff(
    before: str, after: str = NOW, *, table: str, store_url: str | Path | None = None
) -> TableDiff: ...
def diff(
    before: str, after: str = NOW, table: str | None = None, *, store_url: str | Path | None = None
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
    store, layout = resolve_current(store_url)
    old, new = (_state(store, layout, one) for one in (before, after))
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


def _state(store: Store, layout: Layout, snapshot: str) -> State:
    if snapshot == NOW:
        latest = published.latest(store, layout)
        if not latest:
            raise fetch.not_found(store, layout, "a published state", layout.registry)
        snapshot = latest
    return pinned.state_of(store, layout, snapshot)


def _summary(old: State, new: State) -> "pd.DataFrame":
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


def _rows(store: Store, old: State, new: State, name: str) -> TableDiff:
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

    found = work.map_ordered(compare, differing)
    return TableDiff(
        table=name,
        key=key,
        added=_joined([one.added for one in found], entry, name),
        removed=_joined([one.removed for one in found], other, name),
        changed=_listed(key, found),
    )


def _content(store: Store, state: State, name: str, sha256: str | None) -> "pa.Table":
    if sha256 is None:
        return read.empty(state.tables[name]) if name in state.tables else _nothing()
    key = state.layout.object(state.tables[name]["table"], sha256)
    try:
        return fetch.decode(fetch.get(store, key), store.at(key))
    except FileNotFoundError as error:
        raise ReadError(pinned.gone(store, state, key)) from error


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
    some = [table for table in tables if table.num_rows] or [read.empty(entry)]
    try:
        whole = kinds.joined(some)
    except kinds.Unlike as error:
        raise ReadError(f"{name}: {error}; read each snapshot by itself") from error
    return read.frame(whole, name)


def _listed(key: tuple[str, ...], found: list[_Compared]) -> "pd.DataFrame":
    import pandas as pd

    rows = [row for one in found for row in one.changed]
    return pd.DataFrame(rows, columns=[*key, "column", "before", "after"], dtype=object)
