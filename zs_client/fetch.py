"""Bytes and JSON under a key, and what it means that they do not come: a `ReadError`, or nothing.

Which store is asked is in `zs_client.place`, which rows of a file are wanted in `zs_client.read`.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from zs_client import aws
from zs_client.contract import ROOT, VERSIONS_INDEX, Layout, version_order
from zs_client.errors import AcornNotFound, ReadError
from zs_client.obstore_errors import first_line, is_forbidden, is_missing_bucket
from zs_client.s3 import PUBLIC
from zs_client.store import Reader, Unreadable

if TYPE_CHECKING:
    import pyarrow as pa

# S3 has no longer key; a folder's name on the usual file systems is shorter still.
_KEY_BYTES, _NAME_BYTES = 1024, 255
SHOWN = 80


def get(store: Reader, key: str) -> bytes:
    """Returns the bytes under a key.

    Raises:
        FileNotFoundError: Nothing lies there.
        ReadError: The store could not answer, or does not let us read.
    """
    if is_too_long(store, key):
        raise FileNotFoundError(f"{short(key)}: longer than a key can be")
    with answering(store, key):
        return store.get(key)


def get_json(store: Reader, key: str) -> Any:
    """Returns the JSON under a key.

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


def facts(store: Reader, layout: Layout, name: str) -> dict[str, Any] | None:
    """Returns a table's facts; None where there are none, as in version folders before 1.0.0.

    Raises:
        ReadError: They cannot be read.
    """
    try:
        found = get_json(store, layout.facts(name))
    except FileNotFoundError:
        return None
    return found if isinstance(found, dict) and "partitions" in found else None


def exists(store: Reader, key: str) -> bool:
    """Returns whether something lies under a key; errors as of `get`."""
    with listing(store, key):
        return not is_too_long(store, key) and store.exists(key)


@contextmanager
def listing(store: Reader, key: str) -> Iterator[None]:
    """Raise what a store does not tell of itself, such as a listing, as a ReadError.

    Raises:
        ReadError: The store could not answer, or does not let us read.
    """
    try:
        with answering(store, key):
            yield
    except FileNotFoundError as error:
        raise _unreadable(store, key, error) from error


@contextmanager
def answering(store: Reader, key: str) -> Iterator[None]:
    """Raise what a store cannot give as a ReadError; what it lacks is a FileNotFoundError."""
    from obstore.exceptions import BaseError

    try:
        yield
    except Unreadable as error:
        raise ReadError(str(error)) from error
    except FileNotFoundError as error:
        if is_missing_bucket(error):
            raise _unreadable(store, key, error) from error
        raise
    except (BaseError, OSError) as error:
        raise _unreadable(store, key, error) from error


def is_too_long(store: Reader, key: str) -> bool:
    """Returns whether nothing can lie under a key, since it is longer than a store's can be."""
    local = "://" not in store.url
    return len(key) > _KEY_BYTES or (local and max(map(len, key.split("/"))) > _NAME_BYTES)


def _unreadable(store: Reader, key: str, error: Exception) -> ReadError:
    said = first_line(error)
    if is_missing_bucket(error):
        return ReadError(f"{store.url}: no such bucket; set ZS_STORE to one that is there")
    if is_forbidden(error):
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
        if store.is_cached(key):
            advice += "; a copy lies in the local cache: offline=True, or ZS_OFFLINE=1, reads it"
    return ReadError(f"{store.at(key)}: could not be read: {said}; {advice}")


def not_found(store: Reader, layout: Layout, what: str, key: str) -> AcornNotFound:
    """Returns the error for what is not there, with the versions that are."""
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
    """Returns whether a store's URL names what lies in a store."""
    return ROOT in store.url.split("/")


def _versions(store: Reader) -> str:
    try:
        listed = get_json(store, VERSIONS_INDEX)
    except FileNotFoundError:
        return f"Which versions there are is not known: there is no {store.at(VERSIONS_INDEX)}"
    except ReadError as error:
        return f"Which versions there are is not known: {first_line(error)}"
    names = sorted((n for n in listed if isinstance(n, str)), key=version_order)
    return f"Versions there: {', '.join(n.removeprefix('zs-v') for n in names) or 'none'}"


def decode(
    body: bytes,
    where: str,
    wanted: Sequence[str] | None = None,
    *,
    advice: str = "build the table again, or tell who keeps the store",
) -> "pa.Table":
    """Returns the table in a parquet file.

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


def short(text: str | None, shown: int = SHOWN) -> str:
    """Returns a text as a message shows it."""
    if text is None:
        return "null"
    if not text.strip():
        return repr(text)
    return text if len(text) <= shown else f"{text[:shown]}… ({len(text):,} characters)"
