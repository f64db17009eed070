"""What changed for data assets from one published state to the next: `changes`.

Differences of two states, with all values, are in `zs_client.comparison`.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

from zs_client import fetch, filters, pinned, read, snapshot_index, work
from zs_client.acorns import Subjects
from zs_client.comparison import compared, file_content, named_state, published_state
from zs_client.contract import Layout, encode_partition, partition_text
from zs_client.libraries import pa, pd
from zs_client.parquet_of_store import SMALL
from zs_client.pinned import State
from zs_client.place import NOW, resolve_current
from zs_client.snapshot import AnySnapshot, moment_of, text_of
from zs_client.store import Store
from zs_client.unknown import unknown_subject

# The column with the data asset's name: in quality_control `name` is the metric's.
_NAMES = ("asset_name", "name", "raw_name")
_SUBJECT = "subject_id"


def changes(
    since: AnySnapshot, *, subject_id: Subjects = ..., store_url: str | Path | None = None
) -> "pd.DataFrame":
    """Returns which data assets changed in which tables, and when that was published.

    Each published state since then is compared with the one before it, so that a state that was
    pruned counts for the next one. `diff` has the values. With `subject_id` only rows of these
    animals are read; without it every table that changed is read whole.

    Args:
        since: A `Snapshot`, its id or name, or a date: what was published at that time or later.
        subject_id: The animal, or several; None for the data assets that have no subject.
        store_url: The store; else as the functions take it from `ZS_STORE` and `FOREST_TYPE`.

    Returns:
        A row for each data asset, table and state: `name`, `change` (`added`, `removed` or
        `changed`: the table has rows of it for the first time, no longer, or others), `table`, and
        `published_at`. `name` is null in a table that has none, as in `foraging_sessions`.

    Raises:
        SnapshotNotFound: There is no such snapshot, or none before that date.
        SubjectNotFound: No data asset had that subject in any of the states.
        AcornNotFound: Nothing was published.
        ReadError: A snapshot or a content cannot be read, or is gone.
        TypeError: `since` names no snapshot, or a subject is neither a text nor a whole number.
    """
    import pandas as pd

    store, layout = resolve_current(store_url)
    subjects = None
    if subject_id is not ...:
        subjects = {partition_text(_SUBJECT, value) for value in filters.values(subject_id)}
    states = _states(store, layout, since)
    animals = _Animals(store, subjects)
    lines = [
        (name, change, table, when)
        for (old, _), (new, when) in pairwise(states)
        for table, name, change in _between(animals, old, new)
    ]
    animals.check_subjects(states[-1][0])
    frame = pd.DataFrame(lines, columns=["name", "change", "table", "published_at"])
    times = pd.to_datetime(frame["published_at"], utc=True)
    return frame.assign(published_at=times.astype("datetime64[us, UTC]"))


def _states(store: Store, layout: Layout, since: AnySnapshot) -> list[tuple[State, datetime]]:
    """Returns the states from the one that is named to the present, and when each was published."""
    first, last = named_state(store, layout, since), published_state(store, layout, NOW)
    index = snapshot_index.load(store, last.layout)
    dates = {id_: datetime.fromisoformat(text) for id_, text in index.dates.items()}
    begin = datetime.fromisoformat(
        snapshot_index.head_of(store, first.layout, first.id)["published_at"]
    )
    begin = dates.get(first.id, begin)
    later = [(date, id_) for id_, date in dates.items() if date > begin]
    text = text_of(since) or ""
    moment = None if text in index.names else moment_of(text)
    if moment is not None:
        # Of what was published at that time or later, also a state that was published again.
        begin, later = moment, [(date, id_) for id_, date in dates.items() if date >= moment]
    states = [(first, begin)]
    states += [(pinned.state_of(store, last.layout, id_), date) for date, id_ in sorted(later)]
    if states[-1][0].id != last.id:
        # After a rollback the list has another one as the last.
        registry = fetch.get_json(store, last.layout.registry)
        states.append((last, datetime.fromisoformat(registry["published_at"])))
    return states


class _Animals:
    """The rows of some animals, or of all, in the files of published states."""

    def __init__(self, store: Store, subjects: set[str | None] | None) -> None:
        self.store = store
        self.subjects = subjects
        self._names: dict[str | None, set[str | None]] = {}
        self._with_rows: set[str | None] = set()

    def names(self, state: State) -> set[str | None]:
        """Returns the names of the animals' data assets in a state."""
        digest = state.contents("asset_basics").get("")
        if digest not in self._names:
            words = {_SUBJECT: self.subjects}
            rows = self._read(state, "asset_basics", digest, words, ["name", _SUBJECT])
            self._with_rows.update(rows[_SUBJECT].to_pylist())
            self._names[digest] = set(rows["name"].to_pylist())
        return self._names[digest]

    def rows(
        self, state: State, table: str, digest: str | None, names: set[str | None]
    ) -> "pa.Table":
        """Returns the animals' rows in a file of a table, of the partition of one if it has one."""
        columns = _columns(state, table)
        words: dict[str, Any] = {}
        is_own = bool(columns) and state.tables[table]["partition_key"] == _SUBJECT
        if self.subjects is not None and not is_own:
            column = next((name for name in _NAMES if name in columns), None)
            if _SUBJECT in columns:
                words = {_SUBJECT: self.subjects}
            elif column is not None:
                words = {column: names}
        return self._read(state, table, digest, words)

    def check_subjects(self, state: State) -> None:
        """Raise SubjectNotFound for a subject that had no data asset in any state."""
        missing = sorted((self.subjects or set()) - self._with_rows, key=str)
        if not missing:
            return
        digest = state.contents("unique_subject_ids").get("")
        known = file_content(self.store, state, "unique_subject_ids", digest)
        texts = known.column(0).to_pylist() if known.num_columns else []
        # Without a change nothing was read.
        for subject in missing:
            if subject is not None and subject not in texts:
                who = f"changes: no data asset in {self.store.url}"
                raise unknown_subject(who, subject, texts)

    def _read(
        self,
        state: State,
        table: str,
        digest: str | None,
        words: Mapping[str, Any],
        columns: list[str] | None = None,
    ) -> "pa.Table":
        if digest is None or not words:
            rows = file_content(self.store, state, table, digest)
            return rows if columns is None else rows.select(columns)
        key = state.layout.object(state.tables[table]["table"], digest)
        try:
            return read.file_rows(self.store, key, words, columns, small=SMALL)
        except FileNotFoundError as error:
            raise read.ReadError(pinned.gone(self.store, state, key)) from error


def _between(animals: _Animals, old: State, new: State) -> Iterator[tuple[str, str | None, str]]:
    """Yields (table, name, change) for each data asset that changed from a state to the next."""
    names: set[str | None] = set()
    if animals.subjects is not None:
        names = animals.names(old) | animals.names(new)
    for table in {**new.tables, **old.tables}:
        columns = {*_columns(old, table), *_columns(new, table)}
        column = next((name for name in _NAMES if name in columns), None)
        # Lists of distinct values are of no data asset.
        if (column is None and _SUBJECT not in columns) or len(columns) == 1:
            continue
        was, now = old.contents(table), new.contents(table)
        segments = [s for s in sorted({**was, **now}) if was.get(s) != now.get(s)]
        entry = new.tables.get(table) or old.tables[table]
        if animals.subjects is not None and entry["partition_key"] == _SUBJECT:
            own = {encode_partition(subject) for subject in animals.subjects}
            segments = [segment for segment in segments if segment in own]

        differing = partial(_differing, animals, (old, new), table, column, names)
        touched, before, after = set(), set(), set()
        for part in work.map_ordered(differing, segments):
            touched |= part[0]
            before |= part[1]
            after |= part[2]
        for name in sorted(touched, key=lambda name: (name is None, name or "")):
            is_new, is_gone = name not in before, name not in after
            yield table, name, "added" if is_new else "removed" if is_gone else "changed"


def _differing(
    animals: _Animals,
    states: tuple[State, State],
    table: str,
    column: str | None,
    names: set[str | None],
    segment: str,
) -> "tuple[set[str | None], ...]":
    """Returns the names whose rows differ in a file, and those in it before and after."""
    before, after = (
        animals.rows(state, table, state.contents(table).get(segment), names) for state in states
    )
    rows = compared(before, after, ())
    touched = _labels(rows.added, column) | _labels(rows.removed, column)
    return touched, _labels(before, column), _labels(after, column)


def _columns(state: State, table: str) -> list[str]:
    entry = state.tables.get(table)
    if entry is None:
        return []
    names = [column["name"] for column in entry["columns"]]
    return [*names, entry["partition_key"]] if entry["partition_key"] else names


def _labels(rows: "pa.Table", column: str | None) -> set[str | None]:
    """Returns the names in some rows; None for rows of a table that has none."""
    if column is None or column not in rows.column_names:
        return {None} if rows.num_rows else set()
    return set(rows[column].to_pylist())
