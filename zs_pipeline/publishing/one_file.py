"""The one file of all rows that a partitioned table has beside its partitions.

It answers questions over all partitions in one request. It is merged from the last one and the
partitions that changed since, which the facts list as `behind`, so a killed build leaves a file
that readers can still use: `zs_client.one_file`. It lies at a fixed path and is no object, since an
object of it every night would keep what `zs_pipeline.publishing.prune` removes.
"""

import hashlib
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import cast

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from zs_client import work
from zs_client.contract import decode_partition, encode_partition
from zs_client.facts import Facts, FileFacts, differing
from zs_client.store import Altered
from zs_pipeline import arrow
from zs_pipeline.publishing.facts_file import FactsFile, HeldBack

# Rows of a group. Groups of 544,462 rows of QC take 70 to 300 KB; with more rows a reader of few
# subjects fetches more, with fewer a scan pays for pages.
ROW_GROUP = 65_536
REQUESTS = 32
# What changed partitions may take in memory before they wait on the disk.
_IN_MEMORY = 16 * 2**20


class _Unlike(Exception):
    """What is merged is not of the state that the facts name."""


class Bodies:
    """The files of a build's changed partitions, by digest, until they are merged."""

    def __init__(self) -> None:
        # A file without a name: a killed build leaves nothing.
        self._file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115
        self._places: dict[str, tuple[int, int]] = {}

    def keep(self, sha256: str, body: bytes) -> None:
        """Keep a file's bytes."""
        if sha256 not in self._places:
            self._places[sha256] = self._file.seek(0, 2), len(body)
            self._file.write(body)

    def get(self, sha256: str) -> bytes | None:
        """Returns a file's bytes; None when they were not kept."""
        if sha256 not in self._places:
            return None
        start, length = self._places[sha256]
        self._file.seek(start)
        return self._file.read(length)

    def close(self) -> None:
        """Give back the memory, or the room on the disk."""
        self._file.close()


def bring_up_to_date(
    known: FactsFile, bodies: Bodies | None = None, code_version: str = ""
) -> None:
    """Write the one file of a partitioned table, where it is not of the state of the facts.

    Nothing is written of a table whose first build has not ended, while its partitions have
    different columns, or where the store lost one of them: readers go on with the partitions.

    Args:
        known: The table's facts, which then name the file's state.
        bodies: Files of changed partitions; others are read from their objects.
        code_version: The version of the table's code; empty outside of a build.
    """
    facts = known.facts
    if not known.acorn.has_one_file:
        return
    if not (facts and facts["partition_key"] and facts["source_state"]):
        return
    last, state = facts.get("one_file"), facts["sha256"]
    is_current = last is not None and last["state"] == last["behind_of"] == state
    if is_current and known.store.exists(known.layout.table(known.acorn.table)):
        return
    try:
        _renew(known, bodies, code_version)
    except HeldBack:
        # An earlier snapshot was published meanwhile, and what was put is not of it, whatever the
        # facts say of the file that was there.
        _renew(FactsFile(known.store, known.layout, known.acorn), None, "")


def _renew(known: FactsFile, bodies: Bodies | None, code_version: str) -> None:
    """Write the file of the facts' state, and name it in the facts."""
    facts = cast("Facts", known.facts)
    state, files = facts["sha256"], dict(facts["partitions"])
    try:
        body = _merged(known, state, files, bodies)
    except _Unlike:
        return
    known.store.put(known.layout.table(known.acorn.table), body)

    def apply(facts: Facts) -> None:
        facts["one_file"] = {
            "rows": sum(entry["rows"] for entry in files.values()),
            "bytes": len(body),
            "sha256": hashlib.sha256(body).hexdigest(),
            "state": state,
            # Another build may have changed partitions since.
            "behind": differing(files, facts["partitions"]),
            "behind_of": facts["sha256"],
        }

    known.update(apply, code_version=code_version or None)


def _merged(
    known: FactsFile, state: str, files: Mapping[str, FileFacts], bodies: Bodies | None
) -> bytes:
    """Returns the file of a state: from the last file where that can be, else from all partitions.

    Raises:
        _Unlike: The partitions do not all have the declared columns, or one is lost.
    """
    last = known.facts.get("one_file") if known.facts else None
    if last and last["behind_of"] == state:
        base = _last_file(known, last["sha256"])
        if base is not None:
            behind = frozenset(last["behind"])
            with suppress(_Unlike):
                merged = _with_changes(known, base, behind, files, bodies)
                return _write(known, state, files, merged)
    return _write(known, state, files, _of_partitions(known, files, list(files), bodies))


def _last_file(known: FactsFile, sha256: str) -> pq.ParquetFile | None:
    """Returns the last file; None where another content lies there, or nothing."""
    with suppress(FileNotFoundError, Altered):
        body = known.store.get(known.layout.table(known.acorn.table))
        if hashlib.sha256(body).hexdigest() == sha256:
            return arrow.opened(body)
    return None


def _with_changes(
    known: FactsFile,
    base: pq.ParquetFile,
    behind: frozenset[str],
    files: Mapping[str, FileFacts],
    bodies: Bodies | None,
) -> Iterator[pa.Table]:
    """Yields the rows of all partitions in order: of the last file, and of changed partitions.

    Args:
        known: The table's facts.
        base: The last file.
        behind: The partitions that changed since.
        files: The partitions.
        bodies: Files of changed partitions; others are read from their objects.

    Raises:
        _Unlike: The last file lacks rows that it should have.
    """
    changes = _of_partitions(known, files, [s for s in files if s in behind], bodies)
    runs = _runs(base, known.acorn.partition)
    segment, rows = next(runs, ("", None))
    for following, entry in files.items():
        if following in behind:
            yield next(changes)
            continue
        count = entry["rows"]
        while count:
            # What the last file has of a changed or removed partition is passed over.
            while rows is not None and segment != following:
                if segment in files and segment not in behind:
                    raise _Unlike
                segment, rows = next(runs, ("", None))
            if rows is None or rows.num_rows > count:
                raise _Unlike
            yield rows
            count -= rows.num_rows
            segment, rows = next(runs, ("", None))


def _runs(base: pq.ParquetFile, column: str) -> Iterator[tuple[str, pa.Table | None]]:
    """Yields the partitions of a file in order, one of several row groups in several pieces."""
    for number in range(base.num_row_groups):
        group = base.read_row_group(number, use_threads=False)
        runs = pc.run_end_encode(group[column].combine_chunks())
        start = 0
        for end, value in zip(runs.run_ends.to_pylist(), runs.values.to_pylist(), strict=True):
            yield encode_partition(value), group.slice(start, end - start)
            start = end


def _of_partitions(
    known: FactsFile, files: Mapping[str, FileFacts], segments: Sequence[str], bodies: Bodies | None
) -> Iterator[pa.Table]:
    """Yields the rows of partitions, in order."""
    store, layout, table = known.store, known.layout, known.acorn.table

    def get(sha256: str) -> bytes:
        try:
            return store.get_object(layout.object(table, sha256))
        except FileNotFoundError as error:
            raise _Unlike from error

    with work.Threads(REQUESTS) as pool:
        for start in range(0, len(segments), REQUESTS):
            batch = segments[start : start + REQUESTS]
            kept = [bodies.get(files[s]["sha256"]) if bodies else None for s in batch]
            lacking = [s for s, body in zip(batch, kept, strict=True) if body is None]
            fetched = iter(list(pool.map(lambda s: get(files[s]["sha256"]), lacking)))
            for segment, body in zip(batch, kept, strict=True):
                rows = arrow.decode(next(fetched) if body is None else body)
                yield _with_partition(rows, known.acorn.partition, segment)


def _with_partition(rows: pa.Table, column: str, segment: str) -> pa.Table:
    """Returns a partition's rows with its value as a column, which not every file has."""
    if column in rows.schema.names:
        return rows
    values = pa.repeat(pa.scalar(decode_partition(segment), pa.string()), rows.num_rows)
    return rows.append_column(column, values)


def _write(
    known: FactsFile, state: str, files: Mapping[str, FileFacts], pieces: Iterator[pa.Table]
) -> bytes:
    """Returns rows as one file; the same rows give the same bytes, however they come in pieces.

    Raises:
        _Unlike: A piece has other columns than are declared, or there are more or fewer rows.
    """
    # As files are read: parquet has other names inside of lists than Arrow.
    none = arrow.decode(arrow.encode(arrow.schema(known.acorn).empty_table()))
    schema = _with_partition(none, known.acorn.partition, "").schema
    sink = pa.BufferOutputStream()
    waiting: list[pa.Table] = []
    count, total = 0, 0
    with pq.ParquetWriter(sink, schema, compression="zstd") as writer:
        # The name of the state is beside the rows, so that a reader never takes one for another.
        writer.add_key_value_metadata({"zs_state": state})

        def write_group() -> None:
            group = pa.concat_tables(waiting) if waiting else schema.empty_table()
            waiting[:] = [group.slice(ROW_GROUP)]
            # Pages would end where pieces do.
            group = group.slice(0, ROW_GROUP).combine_chunks()
            writer.write_table(group, row_group_size=ROW_GROUP)

        for piece in pieces:
            if not piece.schema.equals(schema):
                raise _Unlike
            waiting.append(piece.replace_schema_metadata(None))
            count += piece.num_rows
            total += piece.num_rows
            while count >= ROW_GROUP:
                write_group()
                count -= ROW_GROUP
        if count or not total:
            write_group()
    if total != sum(entry["rows"] for entry in files.values()):
        raise _Unlike
    body: bytes = sink.getvalue().to_pybytes()
    return body
