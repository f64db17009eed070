"""Rows of a table, of one file or of many partitions, and what it means that one is missing.

Which store and version is read is in `zs_client.place`, bytes under a key are in
`zs_client.fetch`, which rows of a file are wanted in `zs_client.filters`. No table is named here
(`zs_client.acorns`), and the store is not written.
"""

import difflib
import operator
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

from zs_client import fetch, filters, kinds, provenance, work
from zs_client.contract import Layout, decode_partition, encode_partition
from zs_client.errors import AcornNotFound, ReadError, SubjectNotFound
from zs_client.filters import Names
from zs_client.obstore_errors import first_line
from zs_client.parquet import END, File, NotParquet
from zs_client.place import Place, reading, resolve
from zs_client.store import ByteRange, Changed, Reader

if TYPE_CHECKING:
    from datetime import datetime

    import pandas as pd
    import pyarrow as pa

# Some are imported from here by programs of before.
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
    """What is to be read of one table.

    Attributes:
        table: The acorn's name.
        folder: Its name in the store.
        filters: Words of `zs_client.filters` and their values.
        columns: The columns, in this order; all when None.
        limit: No more rows than this.
        partition: The column by which the table is partitioned; empty when it is not.
        parts: Which partitions; None for all of them.
        names: Only rows of these data assets; one that has none is warned of.
    """

    table: str
    folder: str
    filters: Mapping[str, Any] = field(default_factory=dict)
    columns: Names = None
    limit: int | None = None
    partition: str = ""
    parts: tuple[str | int | None, ...] | None = None
    names: tuple[str, ...] | None = None


def rows(request: ReadRequest, at: Place | None = None) -> "pa.Table":
    """What is wished for, with what is told of it in the schema's metadata.

    Args:
        request: What is to be read.
        at: The store and version; else as `zs_client.place.resolve` takes them.

    Raises:
        AcornNotFound: The table is not in this store and version.
        SubjectNotFound: No data asset has that subject.
        ValueError: There is no such platform, column or filter, or a value does not fit.
        TypeError: A value is of another kind than the column.
        ReadError: It is there and cannot be read.
    """
    found = content(request, at)
    provenance.warn_if_stale(provenance.marks(found))
    return found


def content(request: ReadRequest, at: Place | None = None) -> "pa.Table":
    """As `rows`, without a warning of a stale table."""
    _check_limit(request.limit)
    store, layout = at or resolve()
    with work.scope():
        wait = provenance.begin(store, layout, fetch.get_json)
        if request.partition:
            found, checked = _partitions(store, layout, request)
        else:
            found, size, digest = _whole(store, layout, request)
        registry = wait()
    told = provenance.told(registry, request.table, store, layout)
    if request.partition:
        published = provenance.is_of(registry, checked)
    else:
        published = provenance.is_content(registry, request.table, size, digest)
    if not published:
        told = provenance.unpublished(told)
    return provenance.mark(found, told)


def _whole(
    store: Reader, layout: Layout, request: ReadRequest
) -> "tuple[pa.Table, int, str | None]":
    key = layout.table(request.folder)
    try:
        return _chosen(store, key, request)
    except FileNotFoundError:
        _refuse(store, layout, request.table, key)


def opened(store: Reader, key: str, *, whole: bool = False) -> File:
    """A parquet file; of a large one that is far away only its end, the rest when it is read.

    What the local cache has a copy of is read, and brought up to date, as a whole. All bytes of
    tables come through here and through `get`.

    Raises:
        FileNotFoundError: Nothing lies there.
        ReadError: The store could not answer, or does not let us read.
    """
    if not (whole or not store.is_remote or fetch.is_too_long(store, key) or store.is_cached(key)):
        end = _asking(store, key, lambda: store.get_end(key, END))
        # Without an ETag nobody can tell whether further parts are of the same content.
        named = end is not None and (end.etag or not end.start)
        if end is not None and named and end.start + len(end.body) == end.size:
            part = partial(_part, store, key, end)
            return File(end, part if end.start else None)
    body = fetch.get(store, key)
    return File(ByteRange(body, 0, len(body), ""))


def file_rows(
    store: Reader, key: str, words: Mapping[str, Any], columns: Sequence[str]
) -> "pa.Table":
    """Rows of a parquet file that is no table of the cache, such as a shard of documents.

    Args:
        store: Where it lies.
        key: Its key.
        words: Filters, as of a table.
        columns: The columns, of which no more is fetched from afar.

    Raises:
        FileNotFoundError: Nothing lies there.
        ReadError: It cannot be read.
    """
    return _chosen(store, key, ReadRequest(key, key, words, tuple(columns)))[0]


def _part(store: Reader, key: str, first: ByteRange, start: int, end: int) -> ByteRange:
    """Returns a part of what the first part is of.

    Raises:
        Changed: It is of another content, whether the store compared that or not.
        ReadError: It is another part, or cannot be read.
    """
    found = _asking(store, key, lambda: store.get_range(key, start, end, first.etag))
    if found is not None and (found.etag, found.size) != (first.etag, first.size):
        raise Changed(store.at(key))
    if found is None or found.start != start or len(found.body) != end - start:
        raise ReadError(
            f"{store.at(key)}: the store gave another part than was asked for; try again"
        )
    return found


def _asking(store: Reader, key: str, ask: Callable[[], ByteRange]) -> ByteRange | None:
    """A part of what lies under a key; None when the store gives no part of it."""
    from obstore.exceptions import GenericError

    with fetch.answering(store, key):
        try:
            return ask()
        except GenericError as error:
            # An empty file has no last bytes, and some servers know no ranges.
            if "non-partial response" in str(error) or "416 " in str(error):
                return None
            raise


def _chosen(
    store: Reader,
    key: str,
    request: ReadRequest,
    found: "set[str | None] | None" = None,
    *,
    checked: bool = False,
) -> "tuple[pa.Table, int, str | None]":
    """What a request wants of one file, the size of the file, and its digest where all was read.

    A file that is replaced while parts of it are read, or whose parts make no sense, is read again
    in one piece: that is compared with its digest.
    """
    whole = not request.filters and request.columns is None and request.limit is None
    for at_once in (whole, True):
        try:
            file = opened(store, key, whole=at_once)
            if checked:
                _check_partition(file, request)
            return _selected(file, request, found), file.size, file.sha256
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


class _Another(Exception):
    """A file holds another partition than was asked for."""


def _check_partition(file: File, request: ReadRequest) -> None:
    """Compare the partition that is asked for with what the file's statistics tell of it."""
    if (
        request.partition not in file.schema.names
        or request.parts is None
        or len(request.parts) != 1
    ):
        return
    value = _text(request.partition, request.parts[0])
    for group in file.groups:
        told = file.statistics(group, request.partition)
        if told is None or not file.rows(group):
            continue
        if (
            told.has_min_max
            and isinstance(told.min, str)
            and (value is None or not told.min <= value <= told.max)
        ):
            raise _Another
        if told.has_null_count and (value is None) != (told.null_count == file.rows(group)):
            raise _Another


def _selected(
    file: File, request: ReadRequest, found: "set[str | None] | None" = None
) -> "pa.Table":
    import pyarrow as pa

    schema = file.schema
    if request.partition and request.partition not in schema.names:
        schema = schema.append(pa.field(request.partition, pa.string()))
    wanted = filters.chosen(request.columns, schema, request.folder)
    asked = dict(request.filters)
    if request.names is not None:
        asked["asset_name"] = request.names
        if found is not None:
            found.update(file.read(file.groups, ["asset_name"])["asset_name"].to_pylist())
    tests = filters.tests(asked, file.schema, request.folder)
    stored = [name for name in wanted if name in file.schema.names] or file.schema.names[:1]
    content = filters.select(file, stored, tests, request.limit)
    if wanted == stored:
        return content
    value = pa.array([None if p is None else str(p) for p in request.parts or ()], pa.string())
    column = pa.repeat(value[0], content.num_rows)
    return content.append_column(pa.field(request.partition, pa.string()), column).select(wanted)


def _partitions(
    store: Reader, layout: Layout, request: ReadRequest
) -> "tuple[pa.Table, list[datetime | None]]":
    """The rows of several partitions, one after another; and when each was known to be current."""
    parts, checked = request.parts, []
    if parts is None:
        parts = partition_values(store, layout, request)
        checked.append(store.validated_at(layout.facts(request.folder)))
    parts = tuple(dict.fromkeys(_text(request.partition, part) for part in parts))
    found: set[str | None] = set()
    if not parts:
        told = _facts_or_refuse(store, layout, request)
        contents = [_selected(_of_none(told), replace(request, parts=("",)))]
    else:
        contents = work.map_ordered(partial(_one, store, layout, request, found=found), parts)
    if request.names is not None:
        _warn_of_missing(request.names, found)
    for part in parts:
        key = layout.partition(request.folder, request.partition, encode_partition(part))
        checked.append(store.validated_at(key))
    # Files of before 1.0.0 do not all have the same schema.
    try:
        content = kinds.joined(contents)
    except kinds.Unlike as error:
        segment = encode_partition(parts[error.place])
        key = layout.partition(request.folder, request.partition, segment)
        raise ReadError(
            f"{store.at(key)}: {error}; read the partitions one by one, or without that column"
        ) from error
    return content if request.limit is None else content.slice(0, request.limit), checked


def partition_values(store: Reader, layout: Layout, request: ReadRequest) -> tuple[str | None, ...]:
    """Which partitions a table has.

    Raises:
        AcornNotFound: The table is not in this store and version.
        ReadError: Its facts cannot be read.
    """
    told = _facts_or_refuse(store, layout, request)
    return tuple(decode_partition(segment) for segment in told["partitions"])


def _facts_or_refuse(store: Reader, layout: Layout, request: ReadRequest) -> dict[str, Any]:
    told = fetch.facts(store, layout, request.folder)
    if told is None:
        _refuse(
            store,
            layout,
            f"the list of partitions of {request.table}",
            layout.facts(request.folder),
        )
    return told


def _one(
    store: Reader,
    layout: Layout,
    request: ReadRequest,
    value: str | None,
    found: "set[str | None]",
) -> "pa.Table":
    """The rows of one partition; none, but all columns, when it is known and has no rows."""
    request = replace(request, parts=(value,))
    column, segment = request.partition, encode_partition(value)
    key = layout.partition(request.folder, column, segment)
    try:
        try:
            return _chosen(store, key, request, found, checked=True)[0]
        except _Another:
            # A copy on this machine that was put in the place of another: the store is asked.
            store.forget(key)
            return _chosen(store, key, request, found)[0]
    except FileNotFoundError:
        told = _known(store, layout, request.folder, column, segment)
        if segment not in told["partitions"]:
            return _selected(_of_none(told), request, found)
    key = layout.object(told["table"], told["partitions"][segment]["sha256"])
    try:
        return _chosen(store, key, request, found)[0]
    except FileNotFoundError as error:
        raise _lost(store, key, told) from error


def _warn_of_missing(names: Iterable[str], found: "set[str | None]") -> None:
    missing = [name for name in dict.fromkeys(names) if name not in found]
    if missing:
        warnings.warn(
            f"no rows with asset_name {', '.join(map(fetch.short, map(repr, missing[:20])))}"
            f"{' and others' if len(missing) > 20 else ''}"
            f"{f'; there are {len(found)} others' if found else ''}",
            UserWarning,
            stacklevel=provenance.outside(),
        )


def _of_none(told: dict[str, Any]) -> File:
    """A file without rows, of the columns that a table's facts tell."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    pq.write_table(empty(told), sink)
    body = sink.getvalue().to_pybytes()
    return File(ByteRange(body, 0, len(body), ""))


def _check_limit(limit: Any) -> None:
    if limit is None:
        return
    if isinstance(limit, bool) or not hasattr(limit, "__index__") or operator.index(limit) < 0:
        raise ValueError(f"limit= is a number of rows, 0 or more, not {limit!r}")


def partition_path(name: str, column: str, value: str | int | None) -> str:
    """Where one partition's file lies: a local path or `s3://…`, fit for DuckDB.

    Raises:
        ValueError: A store in memory has no paths, or there is no such platform.
        AcornNotFound: The table is not there, or the subject is known and has no file.
        SubjectNotFound: No data asset has that subject.
        ReadError: The store cannot be read.
    """
    store, layout = resolve()
    if store.url.startswith("memory:"):
        raise ValueError(f"{store.url} has no paths: read {name} without lazy=True")
    text = _text(column, value)
    segment = encode_partition(text)
    key = layout.partition(name, column, segment)
    if fetch.exists(store, key):
        return store.file(key)
    told = _known(store, layout, name, column, segment)
    if segment not in told["partitions"]:
        raise AcornNotFound(
            f"{name}: {column} {fetch.short(text)} is known and has no rows, so there is no file "
            f"at {store.at(key)}; without lazy=True it is an empty frame"
        )
    # A partition that the facts have and whose fixed path is not there, as while it is written.
    key = layout.object(told["table"], told["partitions"][segment]["sha256"])
    if not fetch.exists(store, key):
        raise _lost(store, key, told)
    return store.file(key)


def _refuse(store: Reader, layout: Layout, what: str, key: str) -> NoReturn:
    raise fetch.not_found(store, layout, what, key) from None


def _known(store: Reader, layout: Layout, name: str, column: str, segment: str) -> dict[str, Any]:
    """The facts of a table that has no file for a partition, when the partition is known."""
    told = fetch.facts(store, layout, name)
    if told is None:
        _refuse(store, layout, name, layout.partition(name, column, segment))
    if segment in told["partitions"] or segment in told["empty"]:
        return told
    if not told["source_state"]:
        raise AcornNotFound(
            f"{name} of {store.url}, version {layout}, is not whole: {told['reason']}. "
            "End it with `zs build`"
        )
    value = decode_partition(segment)
    parts = [decode_partition(s) or "" for s in {**told["partitions"], **told["empty"]}]
    if column != "subject_id":
        raise ValueError(f"{column} {fetch.short(value)}: there are {', '.join(sorted(parts))}")
    subjects = _subjects(layout, store, parts)
    if value in subjects:
        return told
    alike = difflib.get_close_matches((value or "")[: fetch.SHOWN], subjects, n=5)
    near = f"Alike: {', '.join(alike)}" if alike else "None is written alike"
    raise SubjectNotFound(
        f"{name}: no data asset in {store.url}, version {layout}, has the subject "
        f"{fetch.short(value)}. {near}; unique_subject_ids() has all"
    )


def _subjects(layout: Layout, store: Reader, otherwise: list[str]) -> list[str]:
    key = layout.table("unique_subject_ids")
    try:
        body = fetch.get(store, key)
    except FileNotFoundError:
        return otherwise
    found: list[str] = fetch.decode(body, store.at(key))["subject_id"].to_pylist()
    return found


def _lost(store: Reader, key: str, told: dict[str, Any]) -> ReadError:
    return ReadError(
        f"{store.at(key)}: the facts of {told['name']} name it and it is not there; build the "
        "table again"
    )


def frame(content: "pa.Table", name: str) -> "pd.DataFrame":
    """A table as a pandas frame: maps as dicts, lists as arrays.

    Raises:
        ReadError: A value has no place in a frame.
    """
    import pyarrow as pa

    try:
        return content.to_pandas(maps_as_pydicts="strict")
    except (pa.ArrowException, UnicodeDecodeError) as error:
        raise ReadError(f"{name}: cannot become a frame: {first_line(error)}") from error


def has_types(told: Mapping[str, Any]) -> bool:
    """Whether facts tell the types of columns; those of before 1.0.0 do not."""
    columns = told.get("columns") or ()
    return bool(columns) and all(isinstance(c, dict) and "type" in c for c in columns)


def empty(told: Mapping[str, Any]) -> "pa.Table":
    """A table without rows, of the columns that facts tell."""
    import pyarrow as pa

    types = kinds.arrow_types()
    fields = [(c["name"], types.get(c["type"], pa.null())) for c in told["columns"]]
    return pa.schema(fields).empty_table()


def _text(column: str, value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    try:
        if not isinstance(value, bool):
            return str(operator.index(value))
    except TypeError:
        pass
    raise TypeError(f"{column} is a text or a whole number, not {value!r:.80}")
