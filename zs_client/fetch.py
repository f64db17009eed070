"""Reads bytes and JSON under a key, and raises a `ReadError` if they cannot be read.

`zs_client.place` chooses the store, `zs_client.read` the rows of a file.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from zs_client import aws, remembered
from zs_client.contract import ROOT, VERSIONS_INDEX, Layout, version_order
from zs_client.errors import AcornNotFound, ReadError
from zs_client.obstore_errors import first_line, is_forbidden, is_missing_bucket
from zs_client.s3 import PUBLIC
from zs_client.store import Reader, Unreadable

if TYPE_CHECKING:
    import pyarrow as pa

# The longest key of S3, and the longest name on the usual file systems.
_KEY_BYTES, _NAME_BYTES = 1024, 255
SHOWN = 80
# Facts of so many bytes are kept parsed, of so many tables: 10,000 partitions take 17 ms to parse.
_LARGE, _KEPT = 100_000, 4


def get(store: Reader, key: str) -> bytes:
    """Returns the bytes under a key.

    Raises:
        FileNotFoundError: Nothing lies there.
        ReadError: The store did not answer, or does not permit reading.
    """
    if is_too_long(store, key):
        raise FileNotFoundError(f"{short(key)}: longer than a key can be")
    with answering(store, key):
        return store.get(key)


def get_json(store: Reader, key: str) -> Any:
    """Returns the JSON under a key.

    Raises:
        FileNotFoundError: Nothing lies there.
        ReadError: The key cannot be read, or its content is no JSON.
    """
    return _parsed(store, key, get(store, key))


def _parsed(store: Reader, key: str, body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError as error:
        raise ReadError(
            f"{store.at(key)}: is no JSON: {error}; publish it again with `zs build`, or tell who "
            "keeps the store"
        ) from error


def facts(store: Reader, layout: Layout, name: str) -> dict[str, Any] | None:
    """Returns a table's facts; None if there are none, as in version folders before 1.0.0.

    Of a large table they are parsed once; nobody may change them.

    Raises:
        ReadError: The facts cannot be read.
    """
    key = layout.facts(name)
    try:
        body = get(store, key)
    except FileNotFoundError:
        return None
    place = store.url, key
    known, content = remembered.facts.get(place, (b"", None))
    if body != known:
        content = _parsed(store, key, body)
        if len(body) > _LARGE:
            while len(remembered.facts) >= _KEPT:
                remembered.facts.pop(next(iter(remembered.facts), place), None)
            remembered.facts[place] = body, content
    return content if isinstance(content, dict) and "partitions" in content else None


def exists(store: Reader, key: str) -> bool:
    """Returns whether something lies under a key; raises the errors of `get`."""
    with listing(store, key):
        return not is_too_long(store, key) and store.exists(key)


@contextmanager
def listing(store: Reader, key: str) -> Iterator[None]:
    """Raise the errors of a listing or of `exists`, also a FileNotFoundError, as a ReadError.

    Raises:
        ReadError: The store did not answer, or does not permit reading.
    """
    try:
        with answering(store, key):
            yield
    except FileNotFoundError as error:
        raise _unreadable(store, key, error) from error


@contextmanager
def answering(store: Reader, key: str) -> Iterator[None]:
    """Raise a store's errors as a ReadError; a missing key stays a FileNotFoundError."""
    try:
        yield
    except Unreadable as error:
        raise ReadError(str(error)) from error
    except FileNotFoundError as error:
        if is_missing_bucket(error):
            raise _unreadable(store, key, error) from error
        raise
    except OSError as error:
        raise _unreadable(store, key, error) from error
    except Exception as error:
        from obstore.exceptions import BaseError

        if not isinstance(error, BaseError):
            raise
        raise _unreadable(store, key, error) from error


def is_too_long(store: Reader, key: str) -> bool:
    """Returns whether a key is longer than the store permits, so that nothing can lie there."""
    local = "://" not in store.url
    return len(key) > _KEY_BYTES or (local and max(map(len, key.split("/"))) > _NAME_BYTES)


def _unreadable(store: Reader, key: str, error: Exception) -> ReadError:
    reason = first_line(error)
    if is_missing_bucket(error):
        return ReadError(f"{store.url}: no such bucket; set ZS_STORE to one that is there")
    if is_forbidden(error):
        advice = (
            "it may not be read with the credentials in use; S3 says the same of what is not "
            "there to those who may not list the bucket"
        )
        cause = "" if store.url == PUBLIC else aws.lacks_boto3()
        advice = f"{advice}; {cause}" if cause else advice
    elif "certificate is not trusted" in reason:
        advice = "trying again does not help"
    else:
        advice = "trying again may help; if it does not, check the network and the store's URL"
        if store.is_cached(key):
            advice += "; a copy lies in the local cache: offline=True, or ZS_OFFLINE=1, reads it"
    return ReadError(f"{store.at(key)}: could not be read: {reason}; {advice}")


def not_found(store: Reader, layout: Layout, what: str, key: str) -> AcornNotFound:
    """Returns the error for a missing thing, which lists the versions that are there."""
    advice = (
        f"The store's URL is the parent of {ROOT}: {store.url.partition(f'/{ROOT}')[0]}"
        if is_too_deep(store)
        else "Set ZS_VERSION to a version that has it, ZS_STORE to another store, or build it "
        "with `zs build`"
    )
    return AcornNotFound(
        f"{what} is not in version {layout} of {store.url}: nothing lies at "
        f"{store.at(short(key, 300))}. {_versions(store)}. {advice}."
    )


def is_too_deep(store: Reader) -> bool:
    """Returns whether a store's URL points into a store, below its root."""
    return ROOT in store.url.split("/")


def _versions(store: Reader) -> str:
    try:
        folders = get_json(store, VERSIONS_INDEX)
    except FileNotFoundError:
        return f"Which versions there are is not known: there is no {store.at(VERSIONS_INDEX)}"
    except ReadError as error:
        return f"Which versions there are is not known: {first_line(error)}"
    names = sorted((name for name in folders if isinstance(name, str)), key=version_order)
    return f"Versions there: {', '.join(name.removeprefix('zs-v') for name in names) or 'none'}"


def decode(
    body: bytes,
    where: str,
    columns: Sequence[str] | None = None,
    *,
    advice: str = "build the table again, or tell who keeps the store",
) -> "pa.Table":
    """Returns the table in a parquet file.

    Args:
        body: The file's bytes.
        where: The file's address, for the error.
        columns: The columns to read; None for all.
        advice: What to do if the file cannot be read, for the error.

    Raises:
        ReadError: The bytes are no parquet file.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        # Arrow gets a copy of its own: a thread of its pool may free the bytes after the
        # interpreter has ended, and with a Python object that is SIGABRT (pyarrow 26).
        sink = pa.BufferOutputStream()
        sink.write(body)
        return pq.ParquetFile(pa.BufferReader(sink.getvalue())).read(columns=columns)
    except (pa.ArrowException, OSError) as error:
        raise ReadError(
            f"{where}: is no readable parquet file: {first_line(error)}; {advice}"
        ) from error


def short(text: str | None, length: int = SHOWN) -> str:
    """Returns a text for a message, cut after `length` characters."""
    if text is None:
        return "null"
    # Blanks at an end would not be seen.
    if not text or text != text.strip():
        return repr(text[:length])
    return text if len(text) <= length else f"{text[:length]}… ({len(text):,} characters)"


def lost(store: Reader, key: str, facts: dict[str, Any]) -> ReadError:
    """Returns the error for a content that facts name and a store has no more."""
    return ReadError(
        f"{store.at(key)}: the facts of {facts['name']} name it and it is not there; build the "
        "table again"
    )
