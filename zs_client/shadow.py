"""The report of a shadow run: zombie-squirrel's tables beside those that are published here.

Rows are compared by `zs_client.comparison`, its files are listed by `zs_client.earlier_folder`, and
why something differs is in `zs_client.causes`. Each file is let go once it was compared.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zs_client import causes, comparison, fetch, kinds, work
from zs_client.causes import NOT_KNOWN, Cause, Documents
from zs_client.contract import decode_partition
from zs_client.earlier_folder import EarlierFolder, open_folder
from zs_client.errors import AcornNotFound, ReadError
from zs_client.pinned import State
from zs_client.place import NOW, resolve_current
from zs_client.store import Store

if TYPE_CHECKING:
    import pyarrow as pa

# Examples of each difference, and the longest text of one.
EXAMPLES, _LONGEST = 5, 200
# By what rows of tables without a key are paired.
_PAIRED_BY = {
    "quality_control": ("asset_name", "stage", "modality", "name"),
    "qc_tag_status": ("asset_name", "tag"),
    "platform_qc": ("asset_name", "tag"),
    "foraging_sessions": ("subject_id", "session_date", "session", "nwb_suffix"),
}
# Columns that no table has: a row's key as text, and how often it stood there before.
_KEY, _BEFORE = "\0key", "\0before"
_THERE, _HERE = "there", "here"


@dataclass(frozen=True)
class Example:
    """One row or value that differs, as texts; None for null."""

    key: str
    there: str | None
    here: str | None


@dataclass(frozen=True)
class Difference:
    """What differs in one table for one reason.

    Attributes:
        kind: `table only there`, `table only here`, `unreadable there`, `column only there`,
            `column only here`, `type`, `rows only there`, `rows only here` or `cells`.
        column: The column; None for tables, files and rows.
        count: How many rows or cells; of the other kinds, how many files.
        cause: Why.
        examples: The first few.
    """

    kind: str
    column: str | None
    count: int
    cause: Cause
    examples: tuple[Example, ...]


@dataclass(frozen=True)
class TableReport:
    """The comparison of one table.

    Attributes:
        table: The acorn's name; of a table that we do not have, its file's.
        rows_there: Rows of the readable files there; None when the table is not there.
        rows_here: Rows here; None when the table is not here.
        rows_in_both: Rows that were paired.
        rows_not_compared: Rows here whose file there cannot be read.
        differences: What differs.
    """

    table: str
    rows_there: int | None
    rows_here: int | None
    rows_in_both: int
    rows_not_compared: int
    differences: tuple[Difference, ...]


@dataclass(frozen=True)
class ShadowReport:
    """The comparison of all tables, or of one.

    Attributes:
        there: The address of the earlier program's folder.
        here: Our store's URL.
        snapshot: The id of our published state.
        tables: Each table.
    """

    there: str
    here: str
    snapshot: str
    tables: tuple[TableReport, ...]


def report(
    url: str | Path, table: str | None = None, *, store_url: str | Path | None = None
) -> ShadowReport:
    """Compare zombie-squirrel's tables with the last state that was published here.

    Rows are paired by the key of their table. Tables without one have a key for this comparison;
    rows that share a key are paired in their order.

    Args:
        url: The earlier program's store or folder; see `zs_client.earlier_folder.open_folder`.
        table: The name of a table's function, or of its acorn; all tables when None.
        store_url: Our store; by default that of `ZS_STORE` and `FOREST_TYPE`.

    Raises:
        AcornNotFound: Nothing was published, the folder holds no tables, or `table` is nowhere.
        ReadError: The folder cannot be listed, no file there can be read, or one of ours cannot.
        StoreError: A URL has an unknown scheme, or names a folder that is not there.
    """
    store, layout = resolve_current(store_url)
    state = comparison.published_state(store, layout, NOW)
    folder = open_folder(url)
    acorns = {entry["table"]: name for name, entry in state.tables.items()}
    names = [*state.tables, *(name for name in folder.tables if name not in acorns)]
    if table is not None:
        name = acorns.get(table, table)
        if name not in names:
            raise AcornNotFound(
                f"{table} is neither in {folder.where} nor in {store.url}; there are "
                f"{', '.join(names)}"
            )
        names = [name]
    pair = _Pair(store, state, folder)
    documents = pair.documents()
    tables = tuple(pair.compare(name, documents) for name in names)
    lost = [
        one.examples[0].there or ""
        for of_table in tables
        for one in of_table.differences
        if one.kind == "unreadable there"
    ]
    if lost and not any(of_table.rows_there for of_table in tables):
        raise ReadError(f"nothing can be compared: {lost[0]}")
    return ShadowReport(folder.where, store.url, state.id, tables)


def as_rows(shadow: ShadowReport) -> "pa.Table":
    """Returns a report as a table: counts of each table's rows, and each of its differences."""
    import pyarrow as pa

    text = pa.string()
    example_type = pa.struct([(name, text) for name in ("key", _THERE, _HERE)])
    schema = pa.schema(
        [
            *((name, text) for name in ("table", "difference", "column")),
            ("count", pa.int64()),
            *((name, text) for name in ("why", "certainty")),
            ("examples", pa.list_(example_type)),
        ]
    )
    rows: list[dict[str, Any]] = []
    for of_table in shadow.tables:
        for name in ("rows_there", "rows_here", "rows_in_both", "rows_not_compared"):
            if (count := getattr(of_table, name)) is not None:
                kind = name.replace("_", " ")
                rows.append({"table": of_table.table, "difference": kind, "count": count})
        rows += [
            {
                "table": of_table.table,
                "difference": one.kind,
                "column": one.column,
                "count": one.count,
                "why": one.cause.text or None,
                "certainty": one.cause.certainty,
                "examples": [vars(example) for example in one.examples],
            }
            for one in of_table.differences
        ]
    return pa.Table.from_pylist(rows, schema)


@dataclass
class _Tally:
    """Rows of one table, and what differs, counted by kind, column and cause."""

    rows: "Counter[str]" = field(default_factory=Counter)
    counts: "Counter[tuple[str, str | None, Cause]]" = field(default_factory=Counter)
    examples: dict[tuple[str, str | None, Cause], list[Example]] = field(default_factory=dict)

    def add(self, kind: str, column: str | None, cause: Cause, example: Example) -> None:
        """Count one difference."""
        name = (kind, column, cause)
        self.counts[name] += 1
        examples = self.examples.setdefault(name, [])
        if len(examples) < EXAMPLES and example not in examples:
            examples.append(example)

    def join(self, other: "_Tally") -> None:
        """Add what was counted in another file."""
        self.rows.update(other.rows)
        self.counts.update(other.counts)
        for name, examples in other.examples.items():
            own = self.examples.setdefault(name, [])
            new = [example for example in examples if example not in own]
            own += new[: EXAMPLES - len(own)]

    def differences(self) -> Iterator[Difference]:
        """Yields each difference."""
        for (kind, column, cause), count in self.counts.items():
            yield Difference(kind, column, count, cause, tuple(self.examples[kind, column, cause]))


@dataclass(frozen=True)
class _Pair:
    """A published state of ours, and the earlier program's folder."""

    store: Store
    state: State
    folder: EarlierFolder

    def documents(self) -> Documents:
        """Returns what both tables asset_basics say; nothing when one is not there.

        Raises:
            ReadError: Ours cannot be read.
        """
        keys, digests = self._files("asset_basics")
        columns = {"_id", "name", "_last_modified"}
        if not keys or not digests:
            return Documents()
        here = self._here("asset_basics", digests[""])
        try:
            there = self._there(keys[""])
        except ReadError:
            # The report of the table says so.
            return Documents()
        if not columns <= {*there.schema.names} & {*here.schema.names}:
            return Documents()
        was, now = (
            {
                row["_id"]: (row["name"], causes.moment(row["_last_modified"]))
                for row in rows.select(sorted(columns)).to_pylist()
            }
            for rows in (there, here)
        )
        both = [key for key in was.keys() & now.keys() if was[key][1] and now[key][1]]
        changed = [key for key in both if was[key][1] != now[key][1]]
        names_there, names_here = (
            {text for key, (name, _) in rows.items() for text in (key, name)} for rows in (was, now)
        )
        times = [time for _, time in was.values() if time is not None and time.tzinfo]
        return Documents(
            changed=frozenset(text for key in changed for text in (key, now[key][0])),
            there=frozenset(names_there - names_here),
            here=frozenset(names_here - names_there),
            newest_there=max(times, default=None),
            of_subject=Counter(here["subject_id"].to_pylist()),
        )

    def compare(self, name: str, documents: Documents) -> TableReport:
        """Compare one table.

        Raises:
            ReadError: A content of ours cannot be read.
        """
        keys, digests = self._files(name)
        entry = self.state.tables.get(name)
        if entry is None or not keys:
            return self._one_sided(name, keys)
        key = tuple(entry["key"]) or _PAIRED_BY.get(name, ())
        column = entry["partition_key"] or ""

        def compare(value: str | None) -> _Tally:
            here = self._here(name, digests[value]) if value in digests else None
            try:
                there = self._there(keys[value]) if value in keys else None
            except ReadError as error:
                return _unreadable(value, here, error)
            left, right = (
                comparison.with_partition_value(rows, column, value)
                if column and rows is not None
                else rows
                for rows in (there, here)
            )
            return _Comparison(name, key, documents).of_files(left, right)

        tally = _Tally()
        for of_file in work.map_ordered(compare, sorted({*keys, *digests}, key=_null_last)):
            tally.join(of_file)
        counts = tally.rows
        return TableReport(
            name,
            counts[_THERE],
            counts[_HERE],
            counts["both"],
            counts["not compared"],
            tuple(tally.differences()),
        )

    def _one_sided(self, name: str, keys: Mapping[str | None, str]) -> TableReport:
        """Returns the report of a table that one side does not have."""
        entry = self.state.tables.get(name)
        side = _HERE if entry else _THERE
        rows = entry["rows"] if entry else None
        example = Example(name, None if entry else f"{len(keys):,} files", None)
        kind, cause = f"table only {side}", causes.of_table(name, side)
        difference = Difference(kind, None, max(len(keys), 1), cause, (example,))
        return TableReport(name, None, rows, 0, 0, (difference,))

    def _files(self, name: str) -> tuple[Mapping[str | None, str], dict[str | None, str]]:
        """Returns the keys of a table's files there, and the digests of ours, by partition."""
        entry = self.state.tables.get(name)
        if entry is None:
            return self.folder.tables.get(name, {}), {}
        contents: dict[str | None, str] = {
            decode_partition(segment): sha256
            for segment, sha256 in self.state.contents(name).items()
        }
        return self.folder.tables.get(entry["table"], {}), contents

    def _here(self, name: str, sha256: str) -> "pa.Table":
        return _plain(comparison.file_content(self.store, self.state, name, sha256))

    def _there(self, key: str) -> "pa.Table":
        """Returns the rows of a file there.

        Raises:
            ReadError: It cannot be read, or is gone since it was listed.
        """
        import pyarrow as pa

        where = self.folder.store.at(key)
        try:
            body = fetch.get(self.folder.store, key)
            return _plain(fetch.decode(body, where, advice="tell who keeps that folder"))
        except FileNotFoundError as error:
            raise ReadError(f"{where}: is gone since the folder was listed") from error
        except (pa.ArrowException, ValueError) as error:
            raise ReadError(f"{where}: has values that cannot be read: {error}") from error


def _null_last(value: str | None) -> tuple[bool, str]:
    return value is None, value or ""


def _plain(rows: "pa.Table") -> "pa.Table":
    """Returns rows with types that Arrow can compare and take from."""
    import pyarrow as pa

    schema = kinds.plain_schema(rows.schema)
    columns = [kinds.cast(rows[name], schema.field(name).type) for name in schema.names]
    return pa.table(columns, pa.schema(list(schema)))


def _unreadable(value: str | None, here: "pa.Table | None", error: ReadError) -> _Tally:
    tally = _Tally()
    count = 0 if here is None else here.num_rows
    tally.rows.update({_HERE: count, "not compared": count})
    example = Example(value or "", str(error), f"{count:,} rows")
    tally.add("unreadable there", None, NOT_KNOWN, example)
    return tally


@dataclass
class _Comparison:
    """The comparison of two files of one table, and what it has counted."""

    table: str
    key: Sequence[str]
    documents: Documents
    tally: _Tally = field(default_factory=_Tally)

    def of_files(self, there: "pa.Table | None", here: "pa.Table | None") -> _Tally:
        """Returns what differs between two files; None for one that is not there."""
        sides = {_THERE: there, _HERE: here}
        counts = {side: rows.num_rows for side, rows in sides.items() if rows is not None}
        self.tally.rows.update(counts)
        if there is not None and here is not None:
            self._add_columns(there, here)
            self._add_both(there, here)
            return self.tally
        for side, rows in sides.items():
            if rows is not None:
                self._add_rows(side, rows, self.key, frozenset())
        return self.tally

    def _add_columns(self, there: "pa.Table", here: "pa.Table") -> None:
        """Count the columns that one file alone has, and those of another type."""
        was, now = ({one.name: _type_name(one.type) for one in r.schema} for r in (there, here))
        for name in dict.fromkeys([*now, *was]):
            example = Example(name, was.get(name), now.get(name))
            if name in was and name in now:
                if was[name] != now[name]:
                    cause = causes.of_type(was[name], now[name])
                    self.tally.add("type", name, cause, example)
                continue
            side = _THERE if name in was else _HERE
            cause = causes.of_column(self.table, name, side)
            self.tally.add(f"column only {side}", name, cause, example)

    def _add_both(self, there: "pa.Table", here: "pa.Table") -> None:
        """Pair the rows, and count those of one side and the cells that differ."""
        common = [name for name in here.schema.names if name in there.schema.names]
        key = self.key if {*self.key} <= {*common} else ()
        left, right = (_numbered(rows.select(common), key) for rows in (there, here))
        of_rows = comparison.compared(left, right, (_KEY, _BEFORE) if key else ())
        self.tally.rows["both"] += right.num_rows - of_rows.added.num_rows
        removed, added = of_rows.removed, of_rows.added
        if key:
            removed, added = _whole(there, left, removed), _whole(here, right, added)
        self._add_rows(_THERE, removed, key, _data_assets(here))
        self._add_rows(_HERE, added, key, _data_assets(there))
        for text, _, column, old, new in of_rows.changed:
            values = json.loads(text)
            is_changed = not self.documents.changed.isdisjoint(v for v in values if v)
            cause = causes.of_cell(self.table, column, old, new, is_changed=is_changed)
            example = Example(_key_line(key, values), _text(old), _text(new))
            self.tally.add("cells", column, cause, example)

    def _add_rows(
        self, side: str, rows: "pa.Table", key: Sequence[str], data_assets: frozenset[str]
    ) -> None:
        """Count rows of one side, by the data assets that have rows on the other."""
        for row in rows.to_pylist():
            cause = causes.of_row(
                self.table,
                side,
                row,
                self.documents,
                other_has_data_asset=row.get("asset_name") in data_assets,
                is_further=bool(row.pop(_BEFORE, 0)),
            )
            names = key or [name for name, value in row.items() if value is not None]
            example = Example(_key_line(names, [row.get(name) for name in names]), None, None)
            self.tally.add(f"rows only {side}", None, cause, example)


def _numbered(rows: "pa.Table", key: Sequence[str]) -> "pa.Table":
    """Returns rows with their key as text, and how often each key stood there before."""
    import pyarrow as pa

    if not key:
        return rows
    values = zip(*(map(_key_text, rows[name].to_pylist()) for name in key), strict=True)
    texts = [json.dumps(of_row) for of_row in values]
    seen: Counter[str] = Counter()
    before = []
    for text in texts:
        before.append(seen[text])
        seen[text] += 1
    return rows.append_column(_KEY, pa.array(texts, pa.string())).append_column(
        _BEFORE, pa.array(before, pa.int64())
    )


def _whole(rows: "pa.Table", numbered: "pa.Table", only: "pa.Table") -> "pa.Table":
    """Returns some of a file's rows with all columns, and how often their key stood before."""
    import pyarrow as pa

    names = zip(numbered[_KEY].to_pylist(), numbered[_BEFORE].to_pylist(), strict=True)
    indexes = {name: index for index, name in enumerate(names)}
    of_only = zip(only[_KEY].to_pylist(), only[_BEFORE].to_pylist(), strict=True)
    chosen = rows.take(pa.array([indexes[name] for name in of_only], pa.int64()))
    return chosen.append_column(_BEFORE, only[_BEFORE])


def _data_assets(rows: "pa.Table") -> frozenset[str]:
    is_there = "asset_name" in rows.schema.names
    return frozenset(rows["asset_name"].to_pylist()) if is_there else frozenset()


def _key_text(value: Any) -> str | None:
    """Returns a key's value as both sides write it: nothing is null, 1.0 is 1."""
    if value is None or value == "" or value != value:  # noqa: PLR0124 - NaN
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value.isoformat() if isinstance(value, date) else str(value)


def _key_line(names: Iterable[str], values: Iterable[Any]) -> str:
    cells = zip(names, map(_text, values), strict=True)
    return ", ".join(f"{name}={'null' if text is None else text}" for name, text in cells)


def _text(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, date):
        value = value.isoformat()
    text = value if isinstance(value, str) else str(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _type_name(kind: "pa.DataType") -> str:
    """Returns a type's name, whatever its layout: `[string]` for every list of texts."""
    if kinds.is_list(kind):
        return f"[{_type_name(kind.value_type)}]"
    return "time" if kinds.is_time(kind) else kinds.name(kind)
