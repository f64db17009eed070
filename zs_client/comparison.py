"""Differences between two published states: in all tables, or the rows of one table.

Contents of the same digest are not read. `zs_client.published` lists the states.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, overload

from zs_client import fetch, kinds, pinned, published, read, work
from zs_client.contract import Layout, decode_partition
from zs_client.errors import AcornNotFound, ReadError
from zs_client.libraries import pa, pd
from zs_client.pinned import State
from zs_client.place import NOW, resolve_current
from zs_client.snapshot import AnySnapshot, text_of
from zs_client.store import Store

_COUNTS = ("rows_before", "rows_after", "files_added", "files_removed", "files_changed")


@dataclass(frozen=True)
class TableDiff:
    """The differences of a table between two snapshots.

    Attributes:
        table: The table's name.
        key: The columns that identify a row. Empty for a table without a key, whose rows are added
            or removed, never changed.
        added: The rows that only the later snapshot has, with all columns.
        removed: The rows that only the earlier snapshot has, with all columns.
        changed: One row for each value that changed: the key, `column`, `before` and `after`.
    """

    table: str
    key: tuple[str, ...]
    added: "pd.DataFrame"
    removed: "pd.DataFrame"
    changed: "pd.DataFrame"


@overload
def diff(
    before: AnySnapshot,
    after: AnySnapshot = NOW,
    table: None = None,
    *,
    store_url: str | Path | None = None,
) -> "pd.DataFrame": ...
@overload
def diff(
    before: AnySnapshot, after: AnySnapshot, table: str, *, store_url: str | Path | None = None
) -> TableDiff: ...
@overload
def diff(
    before: AnySnapshot,
    after: AnySnapshot = NOW,
    *,
    table: str,
    store_url: str | Path | None = None,
) -> TableDiff: ...
def diff(
    before: AnySnapshot,
    after: AnySnapshot = NOW,
    table: str | None = None,
    *,
    store_url: str | Path | None = None,
) -> "pd.DataFrame | TableDiff":
    """Compare two published states: all tables, or the rows of one table.

    Contents with the same digest in both states are not read. Without `table` no content is read.

    Args:
        before: The earlier snapshot: a `Snapshot`, its id or name, or the last before a date.
        after: The later snapshot, or `"now"` for the last published state.
        table: The name of a table's function, or of its acorn.
        store_url: The store; by default that of `ZS_STORE` and `FOREST_TYPE`.

    Returns:
        Without `table`, one row for each table: `table`, `change` (`same`, `changed`, `added` or
        `removed`), `rows_before` and `rows_after` (null where the table is not there), and how
        many of its files (partitions) were added, removed and changed. With `table`, a `TableDiff`.

    Raises:
        SnapshotNotFound: There is no such snapshot.
        AcornNotFound: Neither state has the table, or nothing was published.
        ReadError: A snapshot or a content cannot be read, or is gone.
    """
    store, layout = resolve_current(store_url)
    old, new = (named_state(store, layout, snapshot) for snapshot in (before, after))
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


def named_state(store: Store, layout: Layout, snapshot: AnySnapshot) -> State:
    """Returns the published state that a reader names; errors as of `published_state`."""
    text = text_of(snapshot)
    if text is None:
        raise TypeError("a snapshot is needed, such as an id of snapshots() or a date, not None")
    return published_state(store, layout, text)


def published_state(store: Store, layout: Layout, snapshot: str) -> State:
    """Returns a published state by its snapshot's id, or the last one.

    Raises:
        SnapshotNotFound: There is no such snapshot.
        AcornNotFound: Nothing was published.
        ReadError: The snapshot cannot be read.
    """
    if snapshot == NOW:
        snapshot = published.latest(store, layout) or ""
        if not snapshot and fetch.exists(store, layout.registry):
            raise AcornNotFound(
                f"no snapshot is published in version {layout} of {store.url}, so there is nothing "
                "to compare"
            )
        if not snapshot:
            raise fetch.not_found(store, layout, "a published state", layout.registry)
    return pinned.state_of(store, layout, snapshot)


def _summary(old: State, new: State) -> "pd.DataFrame":
    import pandas as pd

    rows = []
    for name in {**new.tables, **old.tables}:
        was, now = old.contents(name), new.contents(name)
        both = was.keys() & now.keys()
        rows_before, rows_after = (
            state.tables[name]["rows"] if name in state.tables else None for state in (old, new)
        )
        change = "same" if was == now else "changed"
        if name not in old.tables:
            change = "added"
        elif name not in new.tables:
            change = "removed"
        changed = sum(was[segment] != now[segment] for segment in both)
        files = (len(now) - len(both), len(was) - len(both), changed)
        rows.append((name, change, rows_before, rows_after, *files))
    frame = pd.DataFrame(rows, columns=["table", "change", *_COUNTS])
    return frame.astype(dict.fromkeys(_COUNTS, "Int64"))


def _rows(store: Store, old: State, new: State, name: str) -> TableDiff:
    was, now = old.contents(name), new.contents(name)
    entry = new.tables.get(name) or old.tables[name]
    other = old.tables.get(name) or entry
    # If the declaration changed the key, whole rows are compared.
    key = tuple(entry["key"]) if entry["key"] == other["key"] else ()
    segments = [s for s in sorted({**was, **now}) if was.get(s) != now.get(s)]

    def compare(segment: str) -> "Compared":
        before, after = (
            file_content(store, state, name, digests.get(segment))
            for state, digests in ((old, was), (new, now))
        )
        column = entry["partition_key"] or other["partition_key"]
        if column and segment:
            value = decode_partition(segment)
            before = with_partition_value(before, column, value)
            after = with_partition_value(after, column, value)
        return compared(before, after, key)

    import pandas as pd

    comparisons = work.map_ordered(compare, segments)
    changed = [values for comparison in comparisons for values in comparison.changed]
    return TableDiff(
        table=name,
        key=key,
        added=_join([comparison.added for comparison in comparisons], entry, name),
        removed=_join([comparison.removed for comparison in comparisons], other, name),
        changed=pd.DataFrame(changed, columns=[*key, "column", "before", "after"], dtype=object),
    )


def file_content(store: Store, state: State, name: str, sha256: str | None) -> "pa.Table":
    """Returns the content of a table's file in a state, by its digest; no rows without a digest.

    Raises:
        ReadError: The content cannot be read, or is gone.
    """
    if sha256 is None:
        if name in state.tables:
            return kinds.empty(state.tables[name])
        import pyarrow as pa

        return pa.schema([]).empty_table()
    key = state.layout.object(state.tables[name]["table"], sha256)
    try:
        return fetch.decode(fetch.get(store, key), store.at(key))
    except FileNotFoundError as error:
        raise ReadError(pinned.gone(store, state, key)) from error


def with_partition_value(rows: "pa.Table", column: str, value: str | None) -> "pa.Table":
    """Returns the rows with their partition's value, as a column if the file has none."""
    import pyarrow as pa

    if column in rows.schema.names:
        return rows
    return rows.add_column(0, column, pa.array([value] * rows.num_rows, pa.string()))


@dataclass(frozen=True)
class Compared:
    """The differences of two tables: the rows of one alone, and (key…, column, old, new)."""

    added: "pa.Table"
    removed: "pa.Table"
    changed: list[tuple[Any, ...]]


def compared(before: "pa.Table", after: "pa.Table", key: Sequence[str]) -> Compared:
    """Compare two tables by a key that no two rows of one have; whole rows without a key."""
    if not key or not set(key) <= {*before.schema.names} & {*after.schema.names}:
        return Compared(_rows_beyond(after, before), _rows_beyond(before, after), [])
    was, now = (
        {k: row for row, k in enumerate(_values(content, key))} for content in (before, after)
    )
    both = [k for k in now if k in was]
    left = _take(before, [was[k] for k in both])
    right = _take(after, [now[k] for k in both])
    changed = []
    for column in dict.fromkeys([*after.schema.names, *before.schema.names]):
        changed += [
            (row, (*both[row], column, old, new))
            for row, old, new in _differing_values(left, right, column)
        ]
    return Compared(
        _take(after, [row for k, row in now.items() if k not in was]),
        _take(before, [row for k, row in was.items() if k not in now]),
        [values for _, values in sorted(changed, key=lambda change: change[0])],
    )


def _take(content: "pa.Table", rows: list[int]) -> "pa.Table":
    import pyarrow as pa

    return content.take(pa.array(rows, pa.int64()))


def _differing_values(
    left: "pa.Table", right: "pa.Table", column: str
) -> Iterator[tuple[int, Any, Any]]:
    """Yields (row, old value, new value) where a column differs; a missing column is nulls."""
    old, new = (
        content[column] if column in content.schema.names else None for content in (left, right)
    )
    if old is not None and new is not None and old.type == new.type and old.equals(new):
        return
    olds = [None] * left.num_rows if old is None else old.to_pylist()
    news = [None] * right.num_rows if new is None else new.to_pylist()
    for row, (before, after) in enumerate(zip(olds, news, strict=True)):
        # NaN is not equal to itself.
        if before != after and not (before != before and after != after):  # noqa: PLR0124
            yield row, before, after


def _values(content: "pa.Table", columns: Sequence[str]) -> list[tuple[Any, ...]]:
    if not columns:
        return [()] * content.num_rows
    return list(zip(*(content[column].to_pylist() for column in columns), strict=True))


def _rows_beyond(content: "pa.Table", other: "pa.Table") -> "pa.Table":
    """Returns the rows that the other table does not have, or not as often."""

    def texts(table: "pa.Table") -> list[str]:
        columns = sorted(table.schema.names)
        # A missing column is equal to a column of nulls.
        return [
            repr([(n, v) for n, v in zip(columns, values, strict=True) if v is not None])
            for values in _values(table, columns)
        ]

    left = Counter(texts(other))
    rows = []
    for row, text in enumerate(texts(content)):
        left[text] -= 1
        if left[text] < 0:
            rows.append(row)
    return _take(content, rows)


def _join(tables: "list[pa.Table]", entry: Mapping[str, Any], name: str) -> "pd.DataFrame":
    filled = [table for table in tables if table.num_rows] or [kinds.empty(entry)]
    try:
        return read.frame(kinds.joined(filled), name)
    except kinds.Unlike as error:
        raise ReadError(f"{name}: {error}; read each snapshot by itself") from error
