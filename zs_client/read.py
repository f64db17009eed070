"""Reading the rows of a table, from one file or from many partitions.

`zs_client.place` resolves the store and version, `zs_client.fetch` gets bytes, `zs_client.filters`
selects rows of a file, and `zs_client.acorns` names the tables. Nothing is written here.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from zs_client import fetch, filters, kinds, nearest, one_file, provenance, unknown, work
from zs_client.ahead import Ahead, begin
from zs_client.cache import NotCached
from zs_client.contract import RAW_NAME, Layout, decode_partition, encode_partition, partition_text
from zs_client.errors import AcornNotFound, ReadError, SubjectNotFound
from zs_client.filters import Names
from zs_client.kinds import empty, has_types
from zs_client.obstore_errors import first_line
from zs_client.ordering import in_order, orders, unsorted
from zs_client.parquet import File, NotParquet
from zs_client.parquet_of_store import (
    SMALL,
    empty_file,
    kept_in_parts,
    named_by_facts,
    opened,
    whole_file,
)
from zs_client.place import Place, reading, resolve
from zs_client.sample import SAMPLE
from zs_client.store import Changed, Reader

if TYPE_CHECKING:
    from datetime import datetime

    import pandas as pd
    import pyarrow as pa

# Earlier programs import some of these names from here.
__all__ = [
    "AcornNotFound",
    "ReadError",
    "ReadRequest",
    "SubjectNotFound",
    "content",
    "empty",
    "file_rows",
    "frame",
    "has_types",
    "opened",
    "partition_path",
    "partition_values",
    "reading",
    "rows",
]


@dataclass(frozen=True)
class ReadRequest:
    """What to read of one table.

    Attributes:
        table: The acorn's name.
        folder: The table's name in the store.
        filters: Words of `zs_client.filters` and their values.
        columns: The columns, in this order; all when None.
        limit: The largest number of rows.
        partition: The column by which the table is partitioned; empty when it is not.
        parts: The values of the partitions to read; None for all.
        names: Only rows of these data assets, with a warning of names that have no rows.
        suggest: Whether an empty answer warns of values that occur nowhere in their column.
        missing: Gathers these values, file by file.
        offset: How many rows that fit are left out before the first.
        order_by: The columns by which rows are sorted, those with a `-` before the name from the
            largest; the order of the file when empty.
        counts: Gets the number of rows of each file that fit, whatever the limit.
        encoded: Whether columns of text stay as they are encoded in the files, as dictionaries:
            DuckDB groups 450,000 of them in 2 ms and as many texts in 9.
    """

    table: str
    folder: str
    filters: Mapping[str, Any] = field(default_factory=dict)
    columns: Names = None
    limit: int | None = None
    partition: str = ""
    parts: tuple[str | int | None, ...] | None = None
    names: tuple[str, ...] | None = None
    suggest: bool = False
    missing: nearest.MissingValues | None = None
    offset: int = 0
    order_by: tuple[str, ...] = ()
    counts: list[int] | None = None
    encoded: bool = False


def rows(request: ReadRequest, at: Place | None = None) -> "pa.Table":
    """Returns the rows of a request, with their labels in the schema's metadata.

    Args:
        request: What to read.
        at: The store and version; else as `zs_client.place.resolve` takes them.

    Raises:
        AcornNotFound: The table is not in this store and version.
        SubjectNotFound: No data asset has that subject.
        ValueError: There is no such platform, column or filter, or a value does not fit.
        TypeError: A value is of another kind than the column.
        ReadError: The table is there and cannot be read.
    """
    counts: list[int] = []
    table = content(replace(request, counts=counts), at)
    table = provenance.mark(table, {provenance.TOTAL: sum(counts)})
    provenance.warn_if_stale(provenance.marks(table))
    return table


def content(
    request: ReadRequest, at: Place | None = None, ahead: Ahead | None = None
) -> "pa.Table":
    """Returns what `rows` returns, without a warning of a stale table and the total."""
    given, request = request, unsorted(request)
    if request.suggest and request.limit != 0:
        request = replace(request, missing=nearest.MissingValues(request))
    store, layout = at or resolve()
    with work.scope():
        wait = provenance.begin(store, layout, fetch.get_json)
        if request.partition:
            table, checked = _partitions(store, layout, request, ahead)
        else:
            key = layout.table(request.folder)
            try:
                table, size, digest = _read_file(store, key, request, small=SMALL)
            except FileNotFoundError:
                raise fetch.not_found(store, layout, request.table, key) from None
        registry = wait()
    if request.missing is not None:
        request.missing.warn()
    if request.partition:
        published = provenance.is_of(registry, checked)
    else:
        published = provenance.is_content(registry, request.table, size, digest)
    # The labels of a registry are not those of a newer or older content.
    labels = provenance.labels_of(registry if published else None, request.table, store, layout)
    return provenance.mark(in_order(table, given), labels)


def counted(request: ReadRequest, at: Place, ahead: Ahead | None = None) -> "pa.Table | None":
    """Returns as many rows as a table has, without its columns, or None where facts do not tell."""
    import pyarrow as pa

    store, layout = at
    wait = provenance.begin(store, layout, fetch.get_json)
    facts = (ahead.facts() if ahead else None) or facts_or_refuse(store, layout, request)
    registry = wait()
    if not isinstance(facts.get("rows"), int):
        return None
    published = provenance.is_content(registry, request.table, facts["bytes"], facts["sha256"])
    labels = provenance.labels_of(registry if published else None, request.table, store, layout)
    return provenance.mark(pa.table({"zs_rows": pa.nulls(facts["rows"])}), labels)


def file_rows(
    store: Reader,
    key: str,
    words: Mapping[str, Any],
    columns: Sequence[str] | None,
    *,
    small: int = 0,
) -> "pa.Table":
    """Returns rows of a parquet file that is not a table of the cache, such as a shard.

    Args:
        store: The store.
        key: The file's key.
        words: Filters, as of a table.
        columns: The columns; only these are fetched from a remote store. None for all.
        small: As of `opened`.

    Raises:
        FileNotFoundError: Nothing lies there.
        ReadError: The file cannot be read.
    """
    request = ReadRequest(key, key, words, None if columns is None else tuple(columns))
    return _read_file(store, key, request, small=small)[0]


def _read_file(
    store: Reader,
    key: str,
    request: ReadRequest,
    asset_names: "set[str | None] | None" = None,
    *,
    check: "Callable[[File], None]" = lambda _: None,
    small: int = 0,
    begun: "Callable[[], File] | None" = None,
) -> "tuple[pa.Table, int, str | None]":
    """Returns the requested rows of one file, the file's size, and its digest if read whole.

    `begun` returns the file where it is being opened already.

    A file that is replaced while its parts are read, or whose parts make no sense, is read again
    in one piece, which is compared with its digest.
    """
    whole = _is_whole(request)
    for at_once in (whole, True):
        try:
            if begun is not None and not at_once:
                file = begun()
            else:
                file = opened(store, key, whole=at_once, small=small)
            check(file)
            return _select(file, request, asset_names), file.size, file.sha256
        except Changed:
            continue
        except NotParquet as error:
            if not at_once:
                continue
            raise ReadError(
                f"{store.at(key)}: is no readable parquet file: {error}; build the table again, or "
                "tell who keeps the store"
            ) from (error.__cause__ or error)
    raise ReadError(f"{store.at(key)}: changes while it is read; try again")


def _is_whole(request: ReadRequest) -> bool:
    return not request.filters and request.columns is None and request.limit is None


class _OtherPartition(Exception):
    """A file holds another partition than the requested one."""


def _check_partition(request: ReadRequest, file: File) -> None:
    """Compare the requested partition with the file's statistics."""
    values = request.parts or ()
    if request.partition not in file.schema.names or len(values) != 1:
        return
    value = partition_text(request.partition, values[0])
    for group in file.groups:
        statistics = file.statistics(group, request.partition)
        if statistics is None or not file.rows(group):
            continue
        if (
            statistics.has_min_max
            and isinstance(statistics.min, str)
            and (value is None or not statistics.min <= value <= statistics.max)
        ):
            raise _OtherPartition
        is_null = statistics.null_count == file.rows(group)
        if statistics.has_null_count and (value is None) != is_null:
            raise _OtherPartition


def _select(
    file: File, request: ReadRequest, asset_names: "set[str | None] | None" = None
) -> "pa.Table":
    import pyarrow as pa

    schema = file.schema
    if request.partition and request.partition not in schema.names:
        schema = schema.append(pa.field(request.partition, pa.string()))
    columns = filters.chosen(request.columns, schema, request.folder)
    if request.order_by:
        filters.chosen(tuple(orders(request)), schema, request.folder)
    words = dict(request.filters)
    if request.names is not None:
        words["asset_name"] = request.names
        if asset_names is not None:
            asset_names.update(file.read(file.groups, ["asset_name"])["asset_name"].to_pylist())
    tests = filters.tests(words, file.schema, request.folder)
    stored = [name for name in columns if name in file.schema.names] or file.schema.names[:1]
    read = file.read_encoded if request.encoded else file.read
    content = filters.select(file, stored, tests, request.limit, request.counts, read)
    if request.missing is not None:
        request.missing.add(file, words, content.num_rows)
    if columns == stored:
        return content
    part = (request.parts or (None,))[0]
    value = kinds.scalar(None if part is None else str(part), pa.string())
    column = pa.repeat(value, content.num_rows)
    return content.append_column(pa.field(request.partition, pa.string()), column).select(columns)


def _partitions(
    store: Reader, layout: Layout, request: ReadRequest, ahead: Ahead | None
) -> "tuple[pa.Table, list[datetime | None]]":
    """Returns the rows of several partitions, in order, and when each was known to be current."""
    asset_names: set[str | None] = set()
    of_many: pa.Table | None = None
    checked: list[datetime | None] = []
    if request.parts is None and ahead is None and store.is_remote and not _is_whole(request):
        ahead = begin(store, layout, request.folder)
    # The one file may be written after the facts were read.
    for _ in range(2):
        facts, values = _facts_and_values(store, layout, request, ahead)
        with suppress(one_file.OtherState):
            of_many = _rows_of_many(store, layout, request, facts, values, asset_names, ahead=ahead)
            break
        ahead = None
    if facts is not None:
        checked.append(store.validated_at(layout.facts(request.folder)))
    if of_many is not None:
        contents, values = [of_many], ()
    elif not values:
        facts = facts_or_refuse(store, layout, request)
        contents = [_select(empty_file(facts), replace(request, parts=("",)))]
    else:
        get_rows = partial(_partition_rows, store, layout, request, asset_names, facts)
        contents = work.map_ordered(get_rows, values)
    if request.names is not None:
        unknown.warn_of_missing(request.folder, request.names, asset_names)
    for value in values:
        key = layout.partition(request.folder, request.partition, encode_partition(value))
        checked.append(store.validated_at(key))
    # Files of before 1.0.0 do not all have the same schema.
    try:
        content = kinds.joined(contents)
    except kinds.Unlike as error:
        segment = encode_partition(values[error.index])
        key = layout.partition(request.folder, request.partition, segment)
        raise ReadError(
            f"{store.at(key)}: {error}; read the partitions one by one, or without that column"
        ) from error
    return content if request.limit is None else content.slice(0, request.limit), checked


def _facts_and_values(
    store: Reader, layout: Layout, request: ReadRequest, ahead: Ahead | None
) -> tuple[dict[str, Any] | None, tuple[str | None, ...]]:
    """Returns a table's facts, None for a request of few partitions, and the partitions' values."""
    if request.parts is None:
        facts = (ahead.facts() if ahead else None) or facts_or_refuse(store, layout, request)
        return facts, values_in(facts)
    values = tuple(
        dict.fromkeys(partition_text(request.partition, value) for value in request.parts)
    )
    if ahead is not None:
        return ahead.facts(), values
    is_many = len(values) >= one_file.AT_ONCE
    return (fetch.facts(store, layout, request.folder) if is_many else None), values


def _rows_of_many(
    store: Reader,
    layout: Layout,
    request: ReadRequest,
    facts: dict[str, Any] | None,
    values: tuple[str | None, ...],
    asset_names: "set[str | None]",
    *,
    ahead: Ahead | None,
) -> "pa.Table | None":
    """Returns the rows of partitions as `one_file.rows` does, from a copy where there is one."""
    if facts is None or not one_file.is_better(facts, None if request.parts is None else values):
        return None
    named = facts["one_file"]

    def rows_of_file(request: ReadRequest, check: Callable[[File], None]) -> "pa.Table":
        # The facts say that the copy is current, so it costs no request.
        key = layout.table(request.folder)
        body = store.get_content(named["sha256"])
        file = whole_file(body) if body is not None else None
        wait = ahead.one_file if ahead else None
        if file is None and wait is None and not _is_whole(request):
            file = kept_in_parts(store, key, named["bytes"], named["sha256"])
        if file is not None:
            with suppress(Changed, NotParquet):
                check(file)
                return _select(file, request, asset_names)
        wait = wait or partial(opened, store, key, small=SMALL, keep_parts=True)
        return _read_file(store, key, request, asset_names, check=check, begun=wait)[0]

    def rows_of_partitions(
        request: ReadRequest, values: "Sequence[str | None]"
    ) -> "list[pa.Table]":
        return work.map_ordered(
            partial(_partition_rows, store, layout, request, asset_names, facts), values
        )

    return one_file.rows(request, facts, values, rows_of_file, rows_of_partitions)


def partition_values(store: Reader, layout: Layout, request: ReadRequest) -> tuple[str | None, ...]:
    """Returns the values of a table's partitions.

    Raises:
        AcornNotFound: The table is not in this store and version.
        ReadError: The table's facts cannot be read.
    """
    return values_in(facts_or_refuse(store, layout, request))


def values_in(facts: Mapping[str, Any]) -> tuple[str | None, ...]:
    """Returns the values of the partitions that facts name."""
    return tuple(decode_partition(segment) for segment in facts["partitions"])


def facts_or_refuse(store: Reader, layout: Layout, request: ReadRequest) -> dict[str, Any]:
    """Returns a table's facts; errors as of `partition_values`."""
    facts = fetch.facts(store, layout, request.folder)
    if facts is None:
        what, key = f"the list of partitions of {request.table}", layout.facts(request.folder)
        raise fetch.not_found(store, layout, what, key)
    return facts


def _partition_rows(
    store: Reader,
    layout: Layout,
    request: ReadRequest,
    asset_names: "set[str | None]",
    facts: dict[str, Any] | None,
    value: str | None,
) -> "pa.Table":
    """Returns the rows of one partition; a table without rows for a known but empty partition.

    Where the table's facts were read, they say which copies are current.
    """
    request = replace(request, parts=(value,))
    column, segment = request.partition, encode_partition(value)
    if facts is not None and (file := named_by_facts(store, facts, segment)) is not None:
        return _select(file, request, asset_names)
    key = layout.partition(request.folder, column, segment)
    try:
        try:
            check = partial(_check_partition, request)
            return _read_file(store, key, request, asset_names, check=check)[0]
        except _OtherPartition:
            # A local copy was put in place of another partition's; the store has the right one.
            store.forget(key)
            return _read_file(store, key, request, asset_names)[0]
    except FileNotFoundError:
        facts = _facts_of_known(store, layout, request.folder, column, segment)
        if segment not in facts["partitions"]:
            return _select(empty_file(facts), request, asset_names)
    except ReadError as error:
        # Kept facts may tell that there is no such partition, or nothing in it.
        if not isinstance(error.__cause__, NotCached):
            raise
        with suppress(ReadError):
            facts = _facts_of_known(store, layout, request.folder, column, segment)
            if segment not in facts["partitions"]:
                return _select(empty_file(facts), request, asset_names)
        raise
    key = layout.object(facts["table"], facts["partitions"][segment]["sha256"])
    try:
        return _read_file(store, key, request, asset_names)[0]
    except FileNotFoundError as error:
        raise fetch.lost(store, key, facts) from error


def partition_path(name: str, column: str, value: str | int | None) -> str:
    """Returns the address of a partition's file: a local path or `s3://…`, fit for DuckDB.

    Raises:
        ValueError: A store in memory has no paths, or there is no such platform.
        AcornNotFound: The table is not there, or the subject is known and has no file.
        SubjectNotFound: No data asset has that subject.
        ReadError: The store cannot be read.
    """
    store, layout = resolve()
    if store.url.startswith("memory:") or store.url == SAMPLE:
        raise ValueError(f"{store.url} has no paths: read {name} without lazy=True")
    text = partition_text(column, value)
    segment = encode_partition(text)
    key = layout.partition(name, column, segment)
    if fetch.exists(store, key):
        return store.file(key)
    facts = _facts_of_known(store, layout, name, column, segment)
    if segment not in facts["partitions"]:
        raise AcornNotFound(
            f"{name}: {column} {fetch.short(text)} is known and has no rows, so there is no file "
            f"at {store.at(key)}; without lazy=True it is an empty frame"
        )
    # The facts name the partition, but its fixed path is not there, as while it is written.
    key = layout.object(facts["table"], facts["partitions"][segment]["sha256"])
    if not fetch.exists(store, key):
        raise fetch.lost(store, key, facts)
    return store.file(key)


def _facts_of_known(
    store: Reader, layout: Layout, name: str, column: str, segment: str
) -> dict[str, Any]:
    """Returns the facts of a table, for a known partition without a file; raises for others."""
    facts = fetch.facts(store, layout, name)
    if facts is None:
        key = layout.partition(name, column, segment)
        raise fetch.not_found(store, layout, name, key) from None
    if segment in facts["partitions"] or segment in facts["empty"]:
        return facts
    if not facts["source_state"]:
        raise AcornNotFound(
            f"{name} of {store.url}, version {layout}, is not whole: {facts['reason']}. "
            "End it with `zs build`"
        )
    value = decode_partition(segment)
    if column == RAW_NAME:
        _check_raw(store, layout, name, value)
        return facts
    values = [decode_partition(s) or "" for s in {**facts["partitions"], **facts["empty"]}]
    if column != "subject_id":
        raise unknown.unknown_partition(name, column, value, values)
    unknown.check_subject(store, layout, name, value, values)
    return facts


def _check_raw(store: Reader, layout: Layout, name: str, value: str | None) -> None:
    """Refuse what is no raw data asset; a raw one without QC has no rows.

    Raises:
        AcornNotFound: No data asset has that name, or its QC stands under others.
    """
    names = {}
    for table, column in (("asset_basics", "name"), ("source_data", "source_data")):
        key = layout.table(table)
        request = ReadRequest(table, table, {"name": value}, (column,))
        try:
            rows = _read_file(store, key, request, small=SMALL)[0]
        except FileNotFoundError:
            raise fetch.not_found(store, layout, table, key) from None
        names[table] = rows[column].to_pylist()
    if not names["asset_basics"]:
        raise unknown.unknown_name(name, value, store, layout)
    if sources := [source for source in names["source_data"] if source is not None]:
        raise AcornNotFound(
            f"{name}: {fetch.short(value)} was made from {fetch.short(sources[0])}, and QC stands "
            f"under the raw data asset: asset_names={fetch.short(value)} looks it up"
        )


def frame(content: "pa.Table", name: str) -> "pd.DataFrame":
    """Returns a table as a pandas frame: maps as dicts, lists as arrays.

    Raises:
        ReadError: A frame cannot hold a value.
    """
    import pyarrow as pa

    try:
        return content.to_pandas(maps_as_pydicts="strict")
    except (pa.ArrowException, UnicodeDecodeError) as error:
        raise ReadError(f"{name}: cannot become a frame: {first_line(error)}") from error
