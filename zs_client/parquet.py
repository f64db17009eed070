"""Parquet files, read in ranges: the end of the file first, then the columns that are used.

`zs_client.read` fetches the bytes, and `zs_client.filters` selects rows. pyarrow is loaded when a
file is opened.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from zs_client import kinds, work
from zs_client.obstore_errors import first_line
from zs_client.store import ByteRange

if TYPE_CHECKING:
    import pyarrow as pa

# A file of at most this many bytes is one request; of a larger one this is the first request. With
# 30 ms and 30 MB/s, filtered reads of 100,000 rows (11 MB) were fastest with 256 KB: 223 ms with
# 64 KB, 231 with 256 KB, 252 with 1 MB for one subject, 319, 269 and 346 for three columns.
END = 2**18
# Ranges nearer to each other than this share a request: 128 KB cost less than a request.
GAP = 2**17
_FOOTER = 8
# Times of nanoseconds are left to pyarrow.
_UNITS = {"milliseconds": timedelta(milliseconds=1), "microseconds": timedelta(microseconds=1)}


class NotParquet(Exception):
    """The bytes are not a parquet file."""


class Statistics:
    """The statistics of a column in a row group, whose times are made without loading pandas.

    Attributes:
        has_min_max: Whether there are a smallest and a largest value.
        has_null_count: Whether the nulls were counted.
        null_count: The number of nulls.
    """

    def __init__(self, raw: Any) -> None:
        self.has_min_max: bool = raw.has_min_max
        self.has_null_count: bool = raw.has_null_count
        self.null_count: int | None = raw.null_count
        self._raw = raw

    @property
    def min(self) -> Any:
        """The smallest value."""
        return self._value("min")

    @property
    def max(self) -> Any:
        """The largest value."""
        return self._value("max")

    def _value(self, name: str) -> Any:
        # pyarrow's own way to a time imports pandas, where it is installed.
        if self._raw.logical_type.type == "TIMESTAMP":
            kind = json.loads(self._raw.logical_type.to_json())
            if unit := _UNITS.get(kind["timeUnit"]):
                start = datetime(1970, 1, 1, tzinfo=UTC if kind["isAdjustedToUTC"] else None)
                with suppress(OverflowError):
                    return start + unit * getattr(self._raw, f"{name}_raw")
        return getattr(self._raw, name)


class File:
    """A parquet file, whole or in parts.

    Attributes:
        size: How many bytes the whole file has.
    """

    def __init__(
        self, end: ByteRange, fetch: Callable[[int, int], ByteRange] | None = None
    ) -> None:
        import pyarrow as pa

        self.size = end.size
        self._fetch = fetch
        # The memory is Arrow's: a thread of its pool may drop the last reference to the bytes after
        # the interpreter has ended, which is SIGABRT for a Python object (pyarrow 26). Pages that
        # are never written cost no memory.
        self._buffer = pa.allocate_buffer(end.size)
        self._present: list[tuple[int, int]] = []
        self._keep([end])
        if fetch is not None:
            length = int.from_bytes(end.body[-_FOOTER:-4], "little") + _FOOTER
            self._need([(max(0, self.size - length), self.size)])

    @work.once
    def _file(self) -> Any:
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            return pq.ParquetFile(pa.BufferReader(self._buffer))
        except (pa.ArrowException, OSError) as error:
            raise NotParquet(first_line(error)) from error

    @work.once
    def _encoded_file(self) -> Any:
        import pyarrow as pa
        import pyarrow.parquet as pq

        texts = [field.name for field in self.schema if kinds.is_text(field.type)]
        metadata, source = self._file.metadata, pa.BufferReader(self._buffer)
        return pq.ParquetFile(source, metadata=metadata, read_dictionary=texts)

    @work.once
    def schema(self) -> "pa.Schema":
        """Returns the columns and their types, each the plain one of `zs_client.kinds`."""
        return kinds.plain_schema(self._file.schema_arrow)

    @property
    def groups(self) -> list[int]:
        """Returns the numbers of the row groups, in the order of the rows."""
        return list(range(self._file.num_row_groups))

    @property
    def sha256(self) -> str | None:
        """Returns the digest of the file; None when only parts were fetched."""
        if self._present != [(0, self.size)]:
            return None
        return hashlib.sha256(self._buffer).hexdigest()

    @property
    def state(self) -> str:
        """Returns the state of the table that the one file of a partitioned table names."""
        metadata = self._file.metadata.metadata or {}
        return str(metadata.get(b"zs_state", b"").decode())

    def rows(self, group: int) -> int:
        """Returns the number of rows of a row group."""
        return int(self._file.metadata.row_group(group).num_rows)

    def statistics(self, group: int, column: str) -> Statistics | None:
        """Returns the statistics of a column in a row group; None when there are none."""
        chunks = self._chunks(group, [column])
        one = chunks[0].statistics if len(chunks) == 1 and chunks[0].is_stats_set else None
        return None if one is None else Statistics(one)

    def read(self, groups: Sequence[int], columns: Sequence[str]) -> "pa.Table":
        """Returns some columns of some row groups, in the given order."""
        return self._read(self._file, groups, columns, kinds.plain)

    def read_encoded(self, groups: Sequence[int], columns: Sequence[str]) -> "pa.Table":
        """Returns what `read` returns, with columns of text as dictionaries."""
        return self._read(self._encoded_file, groups, columns, kinds.plain_or_encoded)

    def _read(
        self,
        file: Any,
        groups: Sequence[int],
        columns: Sequence[str],
        returned: "Callable[[pa.DataType], pa.DataType]",
    ) -> "pa.Table":
        import pyarrow as pa

        ranges = [_range(chunk) for group in groups for chunk in self._chunks(group, columns)]
        self._need(ranges)
        try:
            table = file.read_row_groups(list(groups), columns=list(columns))
        except (pa.ArrowException, OSError) as error:
            raise NotParquet(first_line(error)) from error
        table = table.select(list(columns))
        fields = [field.with_type(returned(field.type)) for field in table.schema]
        schema = pa.schema(fields, table.schema.metadata)
        if schema == table.schema:
            return table
        columns = [kinds.cast(table[field.name], field.type) for field in schema]
        return pa.table(columns, schema)

    def is_fetched(self, group: int, column: str) -> bool:
        """Returns whether a column of a row group can be read without fetching more."""
        ranges = [_range(chunk) for chunk in self._chunks(group, [column])]
        return not _missing(_joined(ranges, GAP), self._present)

    def _chunks(self, group: int, columns: Iterable[str]) -> list[Any]:
        metadata = self._file.metadata.row_group(group)
        return [metadata.column(number) for name in columns for number in self._leaves[name]]

    @work.once
    def _leaves(self) -> dict[str, list[int]]:
        """Returns the numbers of the file's columns that make up each column: a map has two."""
        leaves: dict[str, list[int]] = {name: [] for name in self.schema.names}
        schema = self._file.schema
        # A column's own name may hold a dot.
        paths = [(number, schema.column(number).path) for number in range(len(schema))]
        for name in sorted(leaves, key=len):
            for number, path in paths:
                if path == name or path.startswith(f"{name}."):
                    leaves[name].append(number)
        return leaves

    def _need(self, ranges: Iterable[tuple[int, int]]) -> None:
        missing = _missing(_joined(ranges, GAP), self._present)
        if not missing:
            return
        if self._fetch is None:
            raise NotParquet("it ends before what it tells of")
        fetch = self._fetch
        self._keep(work.map_ordered(lambda span: fetch(*span), missing))

    def _keep(self, pieces: list[ByteRange]) -> None:
        buffer = memoryview(self._buffer).cast("B")
        spans = [(piece.start, piece.start + len(piece.body)) for piece in pieces]
        for piece, (start, end) in zip(pieces, spans, strict=True):
            buffer[start:end] = piece.body
        self._present = _joined([*self._present, *spans], 0)


def _range(chunk: Any) -> tuple[int, int]:
    start = chunk.data_page_offset
    # Some writers put 0 where there is no dictionary.
    if chunk.dictionary_page_offset:
        start = min(start, chunk.dictionary_page_offset)
    return start, start + chunk.total_compressed_size


def _joined(ranges: Iterable[tuple[int, int]], gap: int) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, end in sorted(ranges):
        if merged and start <= merged[-1][1] + gap:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        elif start < end:
            merged.append((start, end))
    return merged


def _missing(
    needed: list[tuple[int, int]], present: list[tuple[int, int]]
) -> list[tuple[int, int]]:
    missing = []
    for start, end in needed:
        at = start
        for begin, stop in present:
            if at < stop and begin < end:
                if at < begin:
                    missing.append((at, begin))
                at = stop
        if at < end:
            missing.append((at, end))
    return missing
