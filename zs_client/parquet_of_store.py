"""Opens parquet files of a store: small ones and kept ones whole, of others the parts in use.

`zs_client.parquet` is such a file, and `zs_client.read` selects its rows.
"""

import math
from collections.abc import Callable
from functools import partial

from zs_client import fetch
from zs_client.errors import ReadError
from zs_client.parquet import END, File
from zs_client.store import ByteRange, Changed, Reader


def opened(store: Reader, key: str, *, whole: bool = False, small: int = 0) -> File:
    """Opens a parquet file; of a large remote file only the end is fetched, the rest on demand.

    A file with a copy in the local cache is read, and brought up to date, as a whole.

    Args:
        store: The store.
        key: The file's key.
        whole: Fetch the whole file.
        small: Fetch the whole file if it has at most so many bytes and the local cache keeps it.

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
                return File(end, partial(_read_part, store, key, end))
    return whole_file(fetch.get(store, key))


def whole_file(body: bytes) -> File:
    """Returns a file of which all bytes are there."""
    return File(ByteRange(body, 0, len(body), ""))


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
    from obstore.exceptions import GenericError

    with fetch.answering(store, key):
        try:
            return ask()
        except GenericError as error:
            # An empty file has no last bytes, and some servers know no ranges.
            if "non-partial response" in str(error) or "416 " in str(error):
                return None
            raise
