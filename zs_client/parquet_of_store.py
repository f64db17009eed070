"""Opens parquet files of a store: small ones and kept ones whole, of others the parts in use.

`zs_client.parquet` is such a file, and `zs_client.read` selects its rows.
"""

import math
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

from zs_client import fetch, kinds, work
from zs_client.errors import ReadError
from zs_client.parquet import END, File, NotParquet
from zs_client.store import ByteRange, Changed, Reader

# A table of at most this many bytes is read whole by a filter too, and kept in the local cache. At
# 30 MB/s 8 MB take 0.27 s, as does one filtered read of a larger file; 20 filtered reads of 1.6 MB
# made 81 requests for 32 MB. A partition is read in parts: there are thousands.
SMALL = 8_000_000
# Letters of a digest.
_DIGEST = 64


def opened(
    store: Reader, key: str, *, whole: bool = False, small: int = 0, keep_parts: bool = False
) -> File:
    """Opens a parquet file; of a large remote file only the end is fetched, the rest on demand.

    A file with a copy in the local cache is read, and brought up to date, as a whole.

    Args:
        store: The store.
        key: The file's key.
        whole: Fetch the whole file.
        small: Fetch the whole file if it has at most so many bytes and the local cache keeps it.
        keep_parts: Keep the parts of a larger file in the local cache, for `kept_in_parts`.

    Raises:
        FileNotFoundError: Nothing lies there.
        ReadError: The store could not answer, or does not permit the read.
    """
    is_in_parts = store.part_above < math.inf and not fetch.is_too_long(store, key)
    if is_in_parts and not whole and not store.is_cached(key):
        end = _ask_for_part(store, key, lambda: store.get_end(key, END))
        whole_end = end is not None and end.start + len(end.body) == end.size
        if end is not None and whole_end and end.size > store.part_above:
            if not end.start:
                return File(end)
            # Without an ETag nobody can tell whether further parts are of the same content.
            if end.etag and not (end.size <= small and store.can_cache(end.size)):
                read = partial(_read_part, store, key, end)
                if keep_parts and end.sha256:
                    store.remember(_end_name(key), end.sha256.encode() + end.body)
                    read = partial(_keep_part, store, key, read)
                return File(end, read)
    return whole_file(fetch.get(store, key))


def kept_in_parts(store: Reader, key: str, size: int, sha256: str) -> File | None:
    """Opens a file of which the local cache has parts; None where it has none of this content.

    A part that is not there is fetched, once it is clear that the store still has the content.

    Args:
        store: The store.
        key: The file's key.
        size: The file's number of bytes.
        sha256: The file's digest.
    """
    kept = store.get_cached(_end_name(key)) or b""
    digest, end = kept[:_DIGEST].decode("ascii", "replace"), kept[_DIGEST:]
    if digest != sha256 or not end:
        return None
    lock, fetched = work.Lock(), dict[str, Callable[[int, int], ByteRange]]()

    def read(start: int, stop: int) -> ByteRange:
        body = store.get_cached(_part_name(key, sha256, start, stop))
        if body is not None:
            return ByteRange(body, start, size, "", sha256)
        with lock:
            if not fetched:
                first = _ask_for_part(store, key, lambda: store.get_end(key, END))
                if first is None or not first.etag or first.sha256 != sha256:
                    raise Changed(store.at(key))
                part = partial(_read_part, store, key, first)
                fetched["part"] = partial(_keep_part, store, key, part)
        return fetched["part"](start, stop)

    return File(ByteRange(end, size - len(end), size, "", sha256), read)


def has_parts(store: Reader, key: str) -> bool:
    """Returns whether the local cache has parts of a file, of whatever content."""
    return store.get_cached(_end_name(key)) is not None


def _keep_part(
    store: Reader, key: str, read: Callable[[int, int], ByteRange], start: int, end: int
) -> ByteRange:
    """Returns a part, and keeps it under the digest that its writer sent."""
    part = read(start, end)
    if part.sha256:
        store.remember(_part_name(key, part.sha256, start, end), part.body)
    return part


def _end_name(key: str) -> str:
    return f"{key} end.bytes"


def _part_name(key: str, sha256: str, start: int, end: int) -> str:
    return f"{key} {sha256} {start}-{end}.bytes"


def whole_file(body: bytes) -> File:
    """Returns a file of which all bytes are there."""
    return File(ByteRange(body, 0, len(body), ""))


def named_by_facts(store: Reader, facts: dict[str, Any], segment: str) -> File | None:
    """Returns a partition's file that costs no request, or None: an empty one, or a copy.

    Near or offline a partition is as its fixed path has it.
    """
    if not store.is_remote:
        return None
    if segment in facts["empty"]:
        return empty_file(facts)
    named = facts["partitions"].get(segment)
    body = store.get_content(named["sha256"]) if named else None
    with suppress(NotParquet):
        return whole_file(body) if body is not None else None
    return None


def empty_file(facts: dict[str, Any]) -> File:
    """Returns a file without rows, with the columns in a table's facts."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    pq.write_table(kinds.empty(facts), sink)
    return whole_file(sink.getvalue().to_pybytes())


def _read_part(store: Reader, key: str, first: ByteRange, start: int, end: int) -> ByteRange:
    """Returns a further part of the content that the first part belongs to.

    Raises:
        Changed: The part is of another content, whether the store compared that or not.
        ReadError: The store gave another part, or cannot be read.
    """
    part = _ask_for_part(store, key, lambda: store.get_range(key, start, end, first.etag))
    if part is not None and (part.etag, part.size) != (first.etag, first.size):
        raise Changed(store.at(key))
    if part is None or part.start != start or len(part.body) != end - start:
        raise ReadError(
            f"{store.at(key)}: the store gave another part than was asked for; try again"
        )
    return part


def _ask_for_part(store: Reader, key: str, ask: Callable[[], ByteRange]) -> ByteRange | None:
    """Returns a part of the content under a key; None when the store gives no parts."""
    with fetch.answering(store, key):
        try:
            return ask()
        except Exception as error:
            from obstore.exceptions import GenericError

            # An empty file has no last bytes, and some servers know no ranges.
            is_without = "non-partial response" in str(error) or "416 " in str(error)
            if is_without and isinstance(error, GenericError):
                return None
            raise
