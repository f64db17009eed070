"""Reading: which store and version, the bytes at a fixed path, and what their absence means.

What is kept on this machine is known to `zs_client.cache`, what was published when to
`zs_client.published`, which rows of a file are wanted to `zs_client.filters`. No table is named
here (`zs_client.acorns`), and the store is not written.
"""

import difflib
import json
import operator
import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from zs_client import aws, filters, kinds, provenance, work
from zs_client.cache import CachedStore, from_environment
from zs_client.contract import (
    INDEX,
    ROOT,
    __version__,
    decode_partition,
    encode_partition,
    facts_key,
    object_key,
    partition_key,
    table_key,
    version_folder,
    version_order,
)
from zs_client.filters import Names
from zs_client.masking import masked
from zs_client.parquet import END, File, NotParquet
from zs_client.store import (
    HASTY,
    PUBLIC,
    Changed,
    Piece,
    Store,
    Unreadable,
    first_line,
    open_store,
    s3_bucket,
    s3_place,
    server,
)

if TYPE_CHECKING:
    from datetime import datetime

    import pandas as pd
    import pyarrow as pa

# S3 has no longer key; a folder's name on the usual file systems is shorter still.
_KEY_BYTES, _NAME_BYTES = 1024, 255
_SHOWN = 80
NOW = "now"

_YES, _NO = ("1", "true", "yes", "on"), ("", "0", "false", "no", "off")

_stores: dict[tuple[Any, ...], Any] = {}
_lock = work.Lock()
_asked: ContextVar[tuple[str | None, bool | None]] = ContextVar("_asked", default=(None, None))


class AcornNotFound(LookupError):
    """What was asked for is not in the store; the message says where, and what is there."""


class SubjectNotFound(AcornNotFound):
    """No data asset has that subject; the message names subjects that are written alike."""


class ReadError(Exception):
    """Something lies there and could not be read; `__cause__` is the error itself."""

    def __init__(self, said: str) -> None:
        super().__init__(masked(said))


@contextmanager
def reading(*, snapshot: str | None = None, offline: bool | None = None) -> Iterator[None]:
    """Read in one way for the time of a `with` block, in its thread or task.

    The functions for tables take the same two as arguments.

    Args:
        snapshot: Read what was published then, an id of `snapshots()`, or `"now"`; else
            `ZS_SNAPSHOT`, else now. Custom tables and `status` are always those of now.
        offline: True sends nothing and reads what is in the local cache, as it was when it was last
            read; else `ZS_OFFLINE`. A local folder, or a store in memory, is read as ever.

    Raises:
        SnapshotNotFound: When something is read: the store has no such snapshot.
        ReadError: When something is read: it is not in the local cache, or cannot be read.
        TypeError: `snapshot` is no text, or `offline` neither True nor False.
    """
    if snapshot is not None and not isinstance(snapshot, str):
        raise TypeError(f"a snapshot is named by the text of its id, not {snapshot!r:.80}")
    if offline is not None and not isinstance(offline, bool):
        raise TypeError(f"offline= is True or False, not {offline!r:.80}")
    before = _asked.get()
    token = _asked.set(
        (before[0] if snapshot is None else snapshot, before[1] if offline is None else offline)
    )
    try:
        yield
    finally:
        _asked.reset(token)


def place(url: str | Path | None = None, version: str | None = None) -> tuple[Store, str]:
    """The store to read and the version in it, at the snapshot that was asked for.

    Args:
        url: As of `present`.
        version: As of `present`.

    Raises:
        SnapshotNotFound: The store has no such snapshot.
        ReadError: The snapshot cannot be read.
        ValueError: As `present`; or `ZS_OFFLINE` or `ZS_CACHE_SIZE` cannot be understood.
        StoreError: As `present`.
    """
    store, version = present(url, version)
    snapshot = _asked.get()[0]
    if snapshot is None:
        snapshot = os.environ.get("ZS_SNAPSHOT") or NOW
    if snapshot == NOW:
        return store, version
    from zs_client.published import pinned

    return pinned(store, version, snapshot)


def present(url: str | Path | None = None, version: str | None = None) -> tuple[Store, str]:
    """The store and the version in it, as they are now, whatever snapshot was asked for.

    Args:
        url: The store's URL, the parent of `data-asset-cache`; else `ZS_STORE`, else what
            `FOREST_TYPE` says: `MEMORY`, or `S3` (as when it is unset) for the public bucket.
        version: The version; else `ZS_VERSION`, else that of this package.

    Raises:
        ValueError: The version is not dotted numbers, or `FOREST_TYPE` is of no known kind.
        StoreError: The URL is of no known kind, or names a folder that is not there.
        TypeError: The version or the URL is no text; a folder may be a path.
    """
    if version is not None and not isinstance(version, str):
        raise TypeError(f"a version is a text such as '1.0.0', not {version!r:.80}")
    if url is not None and not isinstance(url, str | Path):
        raise TypeError(f"a store is a text or a path, not {url!r:.80}")
    version = version or os.environ.get("ZS_VERSION") or __version__
    version_folder(version)
    url = str(url or os.environ.get("ZS_STORE") or _forest())
    return (_remote(url) if url.startswith("s3://") else _opened(url)), version


def _offline() -> bool:
    asked = _asked.get()[1]
    if asked is not None:
        return asked
    told = os.environ.get("ZS_OFFLINE") or ""
    if told.casefold() not in (*_YES, *_NO):
        raise ValueError(f"ZS_OFFLINE={told[:_SHOWN]}: it is 1 or 0")
    return told.casefold() in _YES


def _forest() -> str:
    kind = os.environ.get("FOREST_TYPE") or "S3"
    if kind.upper() not in ("S3", "MEMORY"):
        raise ValueError(f"FOREST_TYPE={kind}: it is S3 or MEMORY; ZS_STORE names any other store")
    return PUBLIC if kind.upper() == "S3" else "memory://"


def _opened(url: str) -> Store:
    where = url if "://" in url else str(Path(url).expanduser().resolve())
    with _lock:
        if (where,) not in _stores:
            _stores[where,] = open_store(where)
        found: Store = _stores[where,]
        return found


def _remote(url: str) -> Store:
    bucket, prefix = s3_place(url)
    where = f"s3://{bucket}/{prefix}".rstrip("/")
    # The AWS variables say where a bucket is and who asks.
    told = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    named = server()

    def connect() -> Any:
        with _lock:
            name = (where, named, *sorted(told.items()))
            if name not in _stores:
                anonymous = where == PUBLIC
                _stores[name] = s3_bucket(
                    bucket, prefix=prefix, anonymous=anonymous, patience=HASTY
                )
            return _stores[name]

    return CachedStore(where, named, connect, offline=_offline(), cache=from_environment())


@dataclass(frozen=True)
class Wish:
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


def rows(wish: Wish, at: "tuple[Store, str] | None" = None) -> "pa.Table":
    """What is wished for, with what is told of it in the schema's metadata.

    Args:
        wish: What is to be read.
        at: The store and version; else as `place` takes them.

    Raises:
        AcornNotFound: The table is not in this store and version.
        SubjectNotFound: No data asset has that subject.
        ValueError: There is no such platform, column or filter, or a value does not fit.
        TypeError: A value is of another kind than the column.
        ReadError: It is there and cannot be read.
    """
    found = content(wish, at)
    provenance.warn_if_stale(provenance.marks(found))
    return found


def content(wish: Wish, at: "tuple[Store, str] | None" = None) -> "pa.Table":
    """As `rows`, without a warning of a stale table."""
    _check_limit(wish.limit)
    store, version = at or place()
    with work.scope():
        wait = provenance.begin(store, version, get_json)
        if wish.partition:
            found, checked = _partitions(store, version, wish)
        else:
            found, size, digest = _whole(store, version, wish)
        registry = wait()
    told = provenance.told(registry, wish.table, store, version)
    if wish.partition:
        published = provenance.is_of(registry, checked)
    else:
        published = provenance.is_content(registry, wish.table, size, digest)
    if not published:
        told = provenance.unpublished(told)
    return provenance.mark(found, told)


def _whole(store: Store, version: str, wish: Wish) -> "tuple[pa.Table, int, str | None]":
    key = table_key(version, wish.folder)
    try:
        return _chosen(store, key, wish)
    except FileNotFoundError:
        _refuse(store, version, wish.table, key)


def opened(store: Store, key: str, *, whole: bool = False) -> File:
    """A parquet file; of a large one that is far away only its end, the rest when it is read.

    What the local cache has a copy of is read, and brought up to date, as a whole. All bytes of
    tables come through here and through `get`.

    Raises:
        FileNotFoundError: Nothing lies there.
        ReadError: The store could not answer, or does not let us read.
    """
    if not (whole or not store.far or _too_long(store, key) or store.kept(key)):
        end = _asking(store, key, lambda: store.get_end(key, END))
        # Without an ETag nobody can tell whether further parts are of the same content.
        named = end is not None and (end.tag or not end.start)
        if end is not None and named and end.start + len(end.body) == end.size:
            part = partial(_part, store, key, end)
            return File(end, part if end.start else None)
    body = get(store, key)
    return File(Piece(body, 0, len(body), ""))


def file_rows(
    store: Store, key: str, words: Mapping[str, Any], columns: Sequence[str]
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
    return _chosen(store, key, Wish(key, key, words, tuple(columns)))[0]


def _part(store: Store, key: str, first: Piece, start: int, end: int) -> Piece:
    """Returns a part of what the first part is of.

    Raises:
        Changed: It is of another content, whether the store compared that or not.
        ReadError: It is another part, or cannot be read.
    """
    found = _asking(store, key, lambda: store.get_part(key, start, end, first.tag))
    if found is not None and (found.tag, found.size) != (first.tag, first.size):
        raise Changed(store.at(key))
    if found is None or found.start != start or len(found.body) != end - start:
        raise ReadError(
            f"{store.at(key)}: the store gave another part than was asked for; try again"
        )
    return found


def _asking(store: Store, key: str, ask: Callable[[], Piece]) -> Piece | None:
    """A part of what lies under a key; None when the store gives no part of it."""
    from obstore.exceptions import GenericError

    with _answering(store, key):
        try:
            return ask()
        except GenericError as error:
            # An empty file has no last bytes, and some servers know no ranges.
            if "non-partial response" in str(error) or "416 " in str(error):
                return None
            raise


def _chosen(
    store: Store,
    key: str,
    wish: Wish,
    found: "set[str | None] | None" = None,
    *,
    checked: bool = False,
) -> "tuple[pa.Table, int, str | None]":
    """What a wish wants of one file, the size of the file, and its digest where all was read.

    A file that is replaced while parts of it are read, or whose parts make no sense, is read again
    in one piece: that is compared with its digest.
    """
    whole = not wish.filters and wish.columns is None and wish.limit is None
    for at_once in (whole, True):
        try:
            file = opened(store, key, whole=at_once)
            if checked:
                _check_partition(file, wish)
            return _selected(file, wish, found), file.size, file.sha256
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


def _check_partition(file: File, wish: Wish) -> None:
    """Compare the partition that is asked for with what the file's statistics tell of it."""
    if wish.partition not in file.schema.names or wish.parts is None or len(wish.parts) != 1:
        return
    value = _text(wish.partition, wish.parts[0])
    for group in file.groups:
        told = file.statistics(group, wish.partition)
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


def _selected(file: File, wish: Wish, found: "set[str | None] | None" = None) -> "pa.Table":
    import pyarrow as pa

    schema = file.schema
    if wish.partition and wish.partition not in schema.names:
        schema = schema.append(pa.field(wish.partition, pa.string()))
    wanted = filters.chosen(wish.columns, schema, wish.folder)
    asked = dict(wish.filters)
    if wish.names is not None:
        asked["asset_name"] = wish.names
        if found is not None:
            found.update(file.read(file.groups, ["asset_name"])["asset_name"].to_pylist())
    tests = filters.tests(asked, file.schema, wish.folder)
    stored = [name for name in wanted if name in file.schema.names] or file.schema.names[:1]
    content = filters.select(file, stored, tests, wish.limit)
    if wanted == stored:
        return content
    value = pa.array([None if p is None else str(p) for p in wish.parts or ()], pa.string())
    column = pa.repeat(value[0], content.num_rows)
    return content.append_column(pa.field(wish.partition, pa.string()), column).select(wanted)


def _partitions(store: Store, version: str, wish: Wish) -> "tuple[pa.Table, list[datetime | None]]":
    """The rows of several partitions, one after another; and when each was known to be current."""
    parts, checked = wish.parts, []
    if parts is None:
        parts = partition_values(store, version, wish)
        checked.append(store.checked_at(facts_key(version, wish.folder)))
    parts = tuple(dict.fromkeys(_text(wish.partition, part) for part in parts))
    found: set[str | None] = set()
    if not parts:
        told = _facts_or_refuse(store, version, wish)
        contents = [_selected(_of_none(told), replace(wish, parts=("",)))]
    else:
        contents = work.each(partial(_one, store, version, wish, found=found), parts)
    if wish.names is not None:
        _warn_of_missing(wish.names, found)
    for part in parts:
        key = partition_key(version, wish.folder, wish.partition, encode_partition(part))
        checked.append(store.checked_at(key))
    # Files of before 1.0.0 do not all have the same schema.
    try:
        content = kinds.joined(contents)
    except kinds.Unlike as error:
        segment = encode_partition(parts[error.place])
        key = partition_key(version, wish.folder, wish.partition, segment)
        raise ReadError(
            f"{store.at(key)}: {error}; read the partitions one by one, or without that column"
        ) from error
    return content if wish.limit is None else content.slice(0, wish.limit), checked


def partition_values(store: Store, version: str, wish: Wish) -> tuple[str | None, ...]:
    """Which partitions a table has.

    Raises:
        AcornNotFound: The table is not in this store and version.
        ReadError: Its facts cannot be read.
    """
    told = _facts_or_refuse(store, version, wish)
    return tuple(decode_partition(segment) for segment in told["partitions"])


def _facts_or_refuse(store: Store, version: str, wish: Wish) -> dict[str, Any]:
    told = facts(store, version, wish.folder)
    if told is None:
        _refuse(
            store,
            version,
            f"the list of partitions of {wish.table}",
            facts_key(version, wish.folder),
        )
    return told


def _one(
    store: Store,
    version: str,
    wish: Wish,
    value: str | None,
    found: "set[str | None]",
) -> "pa.Table":
    """The rows of one partition; none, but all columns, when it is known and has no rows."""
    wish = replace(wish, parts=(value,))
    column, segment = wish.partition, encode_partition(value)
    key = partition_key(version, wish.folder, column, segment)
    try:
        try:
            return _chosen(store, key, wish, found, checked=True)[0]
        except _Another:
            # A copy on this machine that was put in the place of another: the store is asked.
            store.forget(key)
            return _chosen(store, key, wish, found)[0]
    except FileNotFoundError:
        told = _known(store, version, wish.folder, column, segment)
        if segment not in told["partitions"]:
            return _selected(_of_none(told), wish, found)
    key = object_key(version, told["table"], told["partitions"][segment]["sha256"])
    try:
        return _chosen(store, key, wish, found)[0]
    except FileNotFoundError as error:
        raise _lost(store, key, told) from error


def _warn_of_missing(names: Iterable[str], found: "set[str | None]") -> None:
    missing = [name for name in dict.fromkeys(names) if name not in found]
    if missing:
        warnings.warn(
            f"no rows with asset_name {', '.join(map(_short, map(repr, missing[:20])))}"
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
    return File(Piece(body, 0, len(body), ""))


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
    store, version = place()
    if store.url.startswith("memory:"):
        raise ValueError(f"{store.url} has no paths: read {name} without lazy=True")
    text = _text(column, value)
    segment = encode_partition(text)
    key = partition_key(version, name, column, segment)
    if _exists(store, key):
        return store.file(key)
    told = _known(store, version, name, column, segment)
    if segment not in told["partitions"]:
        raise AcornNotFound(
            f"{name}: {column} {_short(text)} is known and has no rows, so there is no file at "
            f"{store.at(key)}; without lazy=True it is an empty frame"
        )
    # A partition that the facts have and whose fixed path is not there, as while it is written.
    key = object_key(version, told["table"], told["partitions"][segment]["sha256"])
    if not _exists(store, key):
        raise _lost(store, key, told)
    return store.file(key)


def get(store: Store, key: str) -> bytes:
    """The bytes under a key.

    Raises:
        FileNotFoundError: Nothing lies there.
        ReadError: The store could not answer, or does not let us read.
    """
    if _too_long(store, key):
        raise FileNotFoundError(f"{_short(key)}: longer than a key can be")
    with _answering(store, key):
        return store.get(key)


@contextmanager
def listing(store: Store, key: str) -> Iterator[None]:
    """What a store does not tell of itself, such as a listing, as a ReadError.

    Raises:
        ReadError: The store could not answer, or does not let us read.
    """
    try:
        with _answering(store, key):
            yield
    except FileNotFoundError as error:
        raise _unreadable(store, key, error) from error


@contextmanager
def _answering(store: Store, key: str) -> Iterator[None]:
    """What a store cannot give as a ReadError; what it does not have is not found as ever."""
    from obstore.exceptions import BaseError

    try:
        yield
    except Unreadable as error:
        raise ReadError(str(error)) from error
    except FileNotFoundError as error:
        if "NoSuchBucket" in str(error):
            raise _unreadable(store, key, error) from error
        raise
    except (BaseError, OSError) as error:
        raise _unreadable(store, key, error) from error


def get_json(store: Store, key: str) -> Any:
    """The JSON under a key.

    Raises:
        FileNotFoundError: Nothing lies there.
        ReadError: It cannot be read, or is no JSON.
    """
    body = get(store, key)
    try:
        return json.loads(body)
    except ValueError as error:
        raise ReadError(
            f"{store.at(key)}: is no JSON: {error}; publish it again with `zs build`, or tell who "
            "keeps the store"
        ) from error


def facts(store: Store, version: str, name: str) -> dict[str, Any] | None:
    """A table's facts; None where there are none, as in version folders before 1.0.0.

    Raises:
        ReadError: They cannot be read.
    """
    try:
        found = get_json(store, facts_key(version, name))
    except FileNotFoundError:
        return None
    return found if isinstance(found, dict) and "partitions" in found else None


def is_too_deep(store: Store) -> bool:
    """Whether a store's URL names what lies in a store."""
    return ROOT in store.url.split("/")


def not_found(store: Store, version: str, what: str, key: str) -> AcornNotFound:
    """The error for what is not there, with the versions that are."""
    advice = (
        f"The store's URL is the parent of {ROOT}: {store.url.partition(f'/{ROOT}')[0]}"
        if is_too_deep(store)
        else "Set ZS_VERSION to a version that has it, ZS_STORE to another store, or build it "
        "with `zs build`"
    )
    return AcornNotFound(
        f"{what} is not in version {version} of {store.url}: nothing lies at "
        f"{store.at(_short(key, 300))}. {_versions(store)}. {advice}."
    )


def _refuse(store: Store, version: str, what: str, key: str) -> NoReturn:
    raise not_found(store, version, what, key) from None


def _versions(store: Store) -> str:
    try:
        listed = get_json(store, INDEX)
    except FileNotFoundError:
        return f"Which versions there are is not known: there is no {store.at(INDEX)}"
    except ReadError as error:
        return f"Which versions there are is not known: {first_line(error)}"
    names = sorted((n for n in listed if isinstance(n, str)), key=version_order)
    return f"Versions there: {', '.join(n.removeprefix('zs-v') for n in names) or 'none'}"


def _known(store: Store, version: str, name: str, column: str, segment: str) -> dict[str, Any]:
    """The facts of a table that has no file for a partition, when the partition is known."""
    told = facts(store, version, name)
    if told is None:
        _refuse(store, version, name, partition_key(version, name, column, segment))
    if segment in told["partitions"] or segment in told["empty"]:
        return told
    if not told["source_state"]:
        raise AcornNotFound(
            f"{name} of {store.url}, version {version}, is not whole: {told['reason']}. "
            "End it with `zs build`"
        )
    value = decode_partition(segment)
    parts = [decode_partition(s) or "" for s in {**told["partitions"], **told["empty"]}]
    if column != "subject_id":
        raise ValueError(f"{column} {_short(value)}: there are {', '.join(sorted(parts))}")
    subjects = _subjects(version, store, parts)
    if value in subjects:
        return told
    alike = difflib.get_close_matches((value or "")[:_SHOWN], subjects, n=5)
    raise SubjectNotFound(
        f"{name}: no data asset in {store.url}, version {version}, has the subject "
        f"{_short(value)}. {'Alike: ' + ', '.join(alike) if alike else 'None is written alike'}; "
        "unique_subject_ids() has all"
    )


def _subjects(version: str, store: Store, otherwise: list[str]) -> list[str]:
    key = table_key(version, "unique_subject_ids")
    try:
        body = get(store, key)
    except FileNotFoundError:
        return otherwise
    found: list[str] = decode(body, store.at(key))["subject_id"].to_pylist()
    return found


def _lost(store: Store, key: str, told: dict[str, Any]) -> ReadError:
    return ReadError(
        f"{store.at(key)}: the facts of {told['name']} name it and it is not there; build the "
        "table again"
    )


def _exists(store: Store, key: str) -> bool:
    with listing(store, key):
        return not _too_long(store, key) and store.exists(key)


def _too_long(store: Store, key: str) -> bool:
    local = "://" not in store.url
    return len(key) > _KEY_BYTES or (local and max(map(len, key.split("/"))) > _NAME_BYTES)


def _unreadable(store: Store, key: str, error: Exception) -> ReadError:
    from obstore.exceptions import PermissionDeniedError, UnauthenticatedError

    said = first_line(error)
    if "NoSuchBucket" in str(error):
        return ReadError(f"{store.url}: no such bucket; set ZS_STORE to one that is there")
    if isinstance(error, PermissionError | PermissionDeniedError | UnauthenticatedError):
        advice = (
            "it may not be read with the credentials in use; S3 says the same of what is not "
            "there to those who may not list the bucket"
        )
        lacks = "" if store.url == PUBLIC else aws.lacks_boto3()
        advice = f"{advice}; {lacks}" if lacks else advice
    elif "certificate is not trusted" in said:
        advice = "trying again does not help"
    else:
        advice = "trying again may help; if it does not, check the network and the store's URL"
        if store.kept(key):
            advice += "; a copy lies in the local cache: offline=True, or ZS_OFFLINE=1, reads it"
    return ReadError(f"{store.at(key)}: could not be read: {said}; {advice}")


def decode(
    body: bytes,
    where: str,
    wanted: Sequence[str] | None = None,
    *,
    advice: str = "build the table again, or tell who keeps the store",
) -> "pa.Table":
    """The table in a parquet file.

    Args:
        body: The file.
        where: Where it lies, for the error.
        wanted: Only these columns.
        advice: What to do when it cannot be read.

    Raises:
        ReadError: It is no parquet file.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        # Arrow's own copy of the bytes: a thread of its pool may drop the last hold on them after
        # the interpreter has ended, and with a Python object that is SIGABRT (pyarrow 26).
        sink = pa.BufferOutputStream()
        sink.write(body)
        return pq.ParquetFile(pa.BufferReader(sink.getvalue())).read(columns=wanted)
    except (pa.ArrowException, OSError) as error:
        raise ReadError(
            f"{where}: is no readable parquet file: {first_line(error)}; {advice}"
        ) from error


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

    types = arrow_types()
    fields = [(c["name"], types.get(c["type"], pa.null())) for c in told["columns"]]
    return pa.schema(fields).empty_table()


def arrow_types() -> dict[str, Any]:
    """The Arrow type of each of the contract's types."""
    import pyarrow as pa

    return {
        "string": pa.string(),
        "bool": pa.bool_(),
        "int32": pa.int32(),
        "int64": pa.int64(),
        "float64": pa.float64(),
        "time": pa.timestamp("us", tz="UTC"),
        "[string]": pa.list_(pa.string()),
        "{string: string}": pa.map_(pa.string(), pa.string()),
    }


def _text(column: str, value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    try:
        if not isinstance(value, bool):
            return str(operator.index(value))
    except TypeError:
        pass
    raise TypeError(f"{column} is a text or a whole number, not {value!r:.80}")


def _short(text: str | None, shown: int = _SHOWN) -> str:
    if text is None:
        return "null"
    if not text.strip():
        return repr(text)
    return text if len(text) <= shown else f"{text[:shown]}… ({len(text):,} characters)"
