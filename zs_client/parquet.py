"""A parquet file of which no more is fetched than is read: its end first, then ranges of columns.

Where the bytes come from is given (`zs_client.read`); which rows are wanted is in
`zs_client.filters`. pyarrow is loaded when a file is opened.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
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
# Ranges that are nearer to each other than this are one request: 128 KB cost less than a request.
GAP = 2**17
_FOOTER = 8


class NotParquet(Exception):
    """The bytes are no parquet file."""


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
        # Arrow's own memory: a thread of its pool may drop the last hold on the bytes after the
        # interpreter has ended, and with a Python object that is SIGABRT (pyarrow 26). What is
        # never written to it costs no memory.
        self._buffer = pa.allocate_buffer(end.size)
        self._there: list[tuple[int, int]] = []
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
    def schema(self) -> "pa.Schema":
        """Returns the columns and their types, each the plain one of `zs_client.kinds`."""
        return kinds.plain_schema(self._file.schema_arrow)

    @property
    def groups(self) -> list[int]:
        """The numbers of the row groups, in the order of the rows."""
        return list(range(self._file.num_row_groups))

    @property
    def sha256(self) -> str | None:
        """The digest of the file; None when only parts of it are there."""
        if self._there != [(0, self.size)]:
            return None
        return hashlib.sha256(self._buffer).hexdigest()

    def rows(self, group: int) -> int:
        """How many rows a row group has."""
        return int(self._file.metadata.row_group(group).num_rows)

    def statistics(self, group: int, column: str) -> Any:
        """What is told of a column in a row group; None when nothing is."""
        found = self._chunks(group, [column])
        return found[0].statistics if len(found) == 1 and found[0].is_stats_set else None

    def read(self, groups: Sequence[int], columns: Sequence[str]) -> "pa.Table":
        """Some columns of some row groups, in the order that is asked for."""
        import pyarrow as pa

        ranges = [_range(chunk) for group in groups for chunk in self._chunks(group, columns)]
        self._need(ranges)
        try:
            stored = self._file.read_row_groups(list(groups), columns=list(columns))
        except (pa.ArrowException, OSError) as error:
            raise NotParquet(first_line(error)) from error
        found = stored.select(list(columns))
        schema = kinds.plain_schema(found.schema)
        if schema == found.schema:
            return found
        columns = [kinds.cast(found[field.name], field.type) for field in schema]
        return pa.table(columns, schema)

    def _chunks(self, group: int, columns: Iterable[str]) -> list[Any]:
        told = self._file.metadata.row_group(group)
        return [told.column(number) for name in columns for number in self._leaves[name]]

    @work.once
    def _leaves(self) -> dict[str, list[int]]:
        """The columns of the file that make up one of the table: a map has two."""
        found: dict[str, list[int]] = {name: [] for name in self.schema.names}
        schema = self._file.schema
        # A column's own name may hold a dot.
        paths = [(number, schema.column(number).path) for number in range(len(schema))]
        for name in sorted(found, key=len):
            for number, path in paths:
                if path == name or path.startswith(f"{name}."):
                    found[name].append(number)
        return found

    def _need(self, ranges: Iterable[tuple[int, int]]) -> None:
        """Fetch what of some ranges is not there yet."""
        missing = _missing(_joined(ranges, GAP), self._there)
        if not missing:
            return
        if self._fetch is None:
            raise NotParquet("it ends before what it tells of")
        fetch = self._fetch
        self._keep(work.map_ordered(lambda one: fetch(*one), missing))

    def _keep(self, pieces: list[ByteRange]) -> None:
        into = memoryview(self._buffer).cast("B")
        for piece in pieces:
            into[piece.start : piece.start + len(piece.body)] = piece.body
        got = [(piece.start, piece.start + len(piece.body)) for piece in pieces]
        self._there = _joined([*self._there, *got], 0)


def _range(chunk: Any) -> tuple[int, int]:
    start = chunk.data_page_offset
    # 0 where there is no dictionary, in files of some writers.
    if chunk.dictionary_page_offset:
        start = min(start, chunk.dictionary_page_offset)
    return start, start + chunk.total_compressed_size


def _joined(ranges: Iterable[tuple[int, int]], gap: int) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for start, end in sorted(ranges):
        if found and start <= found[-1][1] + gap:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        elif start < end:
            found.append((start, end))
    return found


def _missing(wanted: list[tuple[int, int]], there: list[tuple[int, int]]) -> list[tuple[int, int]]:
    found = []
    for start, end in wanted:
        at = start
        for begin, stop in there:
            if stop <= at or begin >= end:
                continue
            if begin > at:
                found.append((at, begin))
            at = max(at, stop)
        if at < end:
            found.append((at, end))
    return found
