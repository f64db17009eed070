"""Arrow and parquet for declared tables: schemas, rows to tables, the checks, the bytes.

Keys of the store are in `zs_pipeline.publishing.commit`; no table's meaning is known here.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from zs_client import kinds
from zs_pipeline.declaration import Acorn

TYPES = kinds.arrow_types()
# Types that pyarrow converts without an error: 1.5 to 1, a text to the list of its letters, True
# to 1.0.
_REFUSED = {"int32": float, "int64": float, "time": float, "float64": bool, "[string]": str}
# Rows of a group. Tables are sorted by the columns of lookups, so that groups of this size have
# sharp statistics and a request for one group is small.
ROW_GROUP = 16_384
# Rows that are Python's own objects at the same time.
_AT_A_TIME = 8192
_PACKED = pa.ipc.IpcWriteOptions(compression="zstd", use_threads=False)


class InvalidTable(Exception):
    """A table breaks its own declaration; it is not written."""


@dataclass(frozen=True)
class File:
    """A checked table as it is written.

    Attributes:
        num_rows: The number of rows.
        body: The bytes.
        values: The number of values in each column that identifies.
    """

    num_rows: int
    body: bytes
    values: dict[str, int]

    @property
    def size(self) -> int:
        """The number of bytes."""
        return len(self.body)

    @property
    def sha256(self) -> str:
        """The digest of the bytes."""
        return hashlib.sha256(self.body).hexdigest()


@dataclass(frozen=True)
class StoredFile:
    """A checked table that was put into the store as an object where it was made.

    Attributes:
        num_rows: The number of rows.
        size: The number of bytes.
        sha256: The digest of the bytes, which names the object.
        values: The number of values in each column that identifies.
        is_reused: Whether the object was there before, perhaps unnamed.
    """

    num_rows: int
    size: int
    sha256: str
    values: dict[str, int]
    is_reused: bool


def schema(acorn: Acorn) -> pa.Schema:
    """Returns the exact Arrow schema of every file of an acorn."""
    return pa.schema([pa.field(c.name, TYPES[c.type], nullable=c.nullable) for c in acorn.columns])


def table(acorn: Acorn, rows: Iterable[Mapping[str, Any]]) -> pa.Table:
    """Returns rows as a table of the declared schema.

    Args:
        acorn: The declaration.
        rows: One mapping for each row; a missing key is a null. Times are microseconds since 1970.

    Raises:
        InvalidTable: A row has a key that is no column, or a value of another type.
    """
    declared = schema(acorn)
    arrays = []
    for field, column, values in zip(
        declared, acorn.columns, _columns(acorn, list(rows), declared.names), strict=True
    ):
        refused = _REFUSED.get(column.type)
        if refused and refused in set(map(type, values)):
            raise InvalidTable(
                f"{acorn.name}.{field.name}: a {refused.__name__} where {column.type} is declared"
            )
        try:
            arrays.append(pa.array(values, field.type))
        except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError, UnicodeEncodeError) as error:
            raise InvalidTable(f"{acorn.name}.{field.name}: {error}") from error
    return pa.Table.from_arrays(arrays, schema=declared)


def _columns(
    acorn: Acorn, rows: list[Mapping[str, Any]], names: list[str]
) -> Iterable[Sequence[Any]]:
    """Returns the values of each column.

    `Table.from_pylist` drops unknown keys without an error, and takes twice as long.
    """
    if rows and len(names) > 1 and {len(row) for row in rows} == {len(names)}:
        # As many keys as columns, and every column among them: no key is missing or unknown.
        with suppress(KeyError):
            return list(zip(*map(itemgetter(*names), rows), strict=True))
    known = set(names)
    for row in rows:
        if not row.keys() <= known:
            unknown = sorted(row.keys() - known)
            raise InvalidTable(f"{acorn.name}: no such column: {', '.join(unknown)}")
    return [[row.get(name) for row in rows] for name in names]


def check(acorn: Acorn, content: pa.Table) -> None:
    """Refuse a table that breaks its declaration.

    Raises:
        InvalidTable: Another schema, a null where none may be, or a key that occurs twice.
    """
    declared = schema(acorn)
    # `Schema.equals` ignores the names inside a list, which the bytes of the file have.
    if str(content.schema) != str(declared):
        actual, expected = (", ".join(str(s).splitlines()) for s in (content.schema, declared))
        raise InvalidTable(f"{acorn.name}: schema is ({actual}) instead of ({expected})")
    for field in declared:
        # `Table.from_arrays` puts nulls into a non-nullable field without an error.
        count = content[field.name].null_count
        if count and not field.nullable:
            raise InvalidTable(
                f"{acorn.name}.{field.name}: {count} nulls in a column that has none"
            )
    twice = duplicates(acorn.key, content)
    if twice:
        raise InvalidTable(
            f"{acorn.name}: the key ({', '.join(acorn.key)}) occurs more than once: {twice[:5]}"
        )


def duplicates(key: Sequence[str], content: pa.Table) -> list[dict[str, Any]]:
    """Returns the keys that occur more than once, each with its `count`."""
    if not key or content.num_rows < 2:
        return []
    counts = content.group_by(list(key)).aggregate([([], "count_all")])
    if counts.num_rows == content.num_rows:
        return []
    twice = counts.filter(pc.greater(counts["count_all"], 1))
    return [{**{k: row[k] for k in key}, "count": row["count_all"]} for row in twice.to_pylist()]


def file(acorn: Acorn, content: pa.Table) -> File:
    """Returns the file of a table, sorted in the declared order, after `check`.

    Raises:
        InvalidTable: The table breaks its declaration.
    """
    check(acorn, content)
    values = {c.name: _filled(content[c.name]) for c in acorn.columns if c.identifies}
    return File(content.num_rows, encode(content, acorn.order or acorn.key), values)


def _filled(column: pa.ChunkedArray) -> int:
    """Returns the number of values that are neither null nor an empty list nor false."""
    if pa.types.is_boolean(column.type):
        return int(pc.sum(column).as_py() or 0)
    if pa.types.is_list(column.type):
        return int(pc.sum(pc.greater(pc.list_value_length(column), 0)).as_py() or 0)
    return int(len(column) - column.null_count)


def encode(content: pa.Table, order: Sequence[str] = ()) -> bytes:
    """Returns the table as parquet; the same content gives the same bytes.

    Args:
        content: The table.
        order: The columns by which to sort the rows, with nulls last; empty for no sorting.
    """
    indices = None
    if order and content.num_rows > 1:
        indices = pc.sort_indices(content, sort_keys=[(name, "ascending") for name in order])
    sink = pa.BufferOutputStream()
    with pq.ParquetWriter(sink, content.schema, compression="zstd") as writer:
        # Group by group: a sorted copy takes as much memory as the table.
        for start in range(0, max(1, content.num_rows), ROW_GROUP):
            group = (
                content.slice(start, ROW_GROUP)
                if indices is None
                else content.take(indices[start : start + ROW_GROUP])
            )
            writer.write_table(group, row_group_size=ROW_GROUP)
    body: bytes = sink.getvalue().to_pybytes()
    return body


def decode(body: bytes, columns: Sequence[str] | None = None) -> pa.Table:
    """Returns the table in a parquet file.

    Args:
        body: The file.
        columns: The columns to read; None for all.
    """
    return opened(body).read(columns, use_threads=False)


def head(body: bytes, rows: int) -> pa.Table:
    """Returns the first rows of a parquet file, decoding no more than its first row group."""
    file = opened(body)
    if not file.num_row_groups:
        return file.schema_arrow.empty_table()
    return file.read_row_group(0, use_threads=False).slice(0, rows)


def opened(body: bytes) -> pq.ParquetFile:
    """Returns a parquet file, of which nothing is decoded yet."""
    # Arrow's own copy of the bytes: a thread of its pool may drop the last hold on them after the
    # interpreter has ended, and with a Python object that is SIGABRT. 3 of 75 builds under load
    # ended so, their work done (pyarrow 26, Python 3.11).
    sink = pa.BufferOutputStream()
    sink.write(body)
    # `read_table` goes through pyarrow.dataset: half a second to import, and 2.0 ms for a shard of
    # 16 documents instead of 1.1, or 0.5 for three of its columns.
    return pq.ParquetFile(pa.BufferReader(sink.getvalue()))


def column(content: pa.Table, name: str) -> pa.Array:
    """Returns a copy of a column as one array: pickle would send all that a slice is cut from."""
    return pa.concat_arrays([pa.array([], content.schema.field(name).type), *content[name].chunks])


def values(content: pa.Table, *names: str) -> Iterator[tuple[Any, ...]]:
    """Yields the values of some columns, row by row; times are microseconds since 1970.

    All rows at once take 100 MB more for 100,000 data assets, and part of that stays taken.
    """
    for batch in content.select(names).to_batches(max_chunksize=_AT_A_TIME):
        columns = (
            column.cast(pa.int64()) if pa.types.is_timestamp(column.type) else column
            for column in batch.columns
        )
        yield from zip(*(column.to_pylist() for column in columns), strict=True)


def pack(content: pa.Table) -> bytes:
    """Returns a table compressed for memory or another process; never for the store."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, content.schema, options=_PACKED) as writer:
        writer.write_table(content)
    return bytes(sink.getvalue())


def unpack(packed: Iterable[bytes], acorn: Acorn) -> pa.Table:
    """Returns the packed tables of an acorn, one below the other."""
    tables = (pa.ipc.open_stream(body).read_all() for body in packed)
    return pa.concat_tables([schema(acorn).empty_table(), *tables])


def distinct(content: pa.Table, column: str) -> pa.Table:
    """Returns a table of a column's distinct values, without null, sorted."""
    values = content[column].drop_null().unique()
    field = pa.field(column, values.type, nullable=False)
    return pa.table([values], schema=pa.schema([field])).sort_by(column)
