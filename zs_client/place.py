"""Resolving which store is read, in which version and at which snapshot.

Arguments go before `reading()`, that before `configure()`, and that before environment variables:
the first that says something decides. Stores are in
`zs_client.store`, contents of a snapshot in `zs_client.pinned`.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from pathlib import Path
from types import EllipsisType
from typing import Any, NamedTuple

from zs_client import remembered, work
from zs_client.cache import Cache, CachedStore, from_environment
from zs_client.contract import Layout, __version__
from zs_client.first_answer import seconds_from_environment
from zs_client.opening import open_store
from zs_client.pinned import pinned
from zs_client.s3 import INTERACTIVE, PUBLIC, s3_bucket, s3_place, server
from zs_client.sample import SAMPLE
from zs_client.snapshot import AnySnapshot, text_of
from zs_client.store import Reader, Store

NOW = "now"

_YES, _NO = ("1", "true", "yes", "on"), ("", "0", "false", "no", "off")
_SHOWN = 80

_lock = work.Lock()


@dataclass(frozen=True)
class _Overrides:
    """The parts of a place that `reading` or `asking` set; None for what variables decide."""

    snapshot: str | None = None
    offline: bool | None = None
    url: str | None = None
    version: str | None = None


_overrides: ContextVar[_Overrides] = ContextVar("_overrides", default=_Overrides())  # noqa: B039 - frozen


@dataclass(frozen=True)
class _Configured:
    """What `configure` set for the process; None for what variables decide."""

    store: str | Path | None = None
    cache: str | Path | None = None
    offline: bool | None = None
    snapshot: str | None = None


# Replaced as a whole, so that a reader in another thread sees one call's values or the next one's.
_configured = [_Configured()]


class Place(NamedTuple):
    """A store to read, and the layout of a version in it.

    Attributes:
        store: The store, as it is now or as it was in a snapshot.
        layout: The layout of the version.
    """

    store: Reader
    layout: Layout


@contextmanager
def reading(*, snapshot: AnySnapshot = None, offline: bool | None = None) -> Iterator[None]:
    """Set a snapshot, or offline reading, for a `with` block, in its thread or task.

    The functions that read tables take the same two arguments.

    Args:
        snapshot: Read this snapshot: its id or name, or its `Snapshot` of `snapshots()`. A date or
            a time is the last snapshot published before it; a date begins at midnight UTC, and a
            time without a zone is UTC. `"now"` is the present; else `ZS_SNAPSHOT`, else now. Custom
            tables and `status` always show the present.
        offline: True sends no requests and reads the local cache, as of the last read; else
            `ZS_OFFLINE`. Local folders and stores in memory are read as always.

    Raises:
        SnapshotNotFound: The store has no such snapshot, or none before that date; raised by a
            read in the block.
        ReadError: A table is not in the local cache, or cannot be read; raised by a read in the
            block.
        TypeError: `snapshot` names none, or `offline` is neither True nor False.
    """
    if offline is not None and not isinstance(offline, bool):
        raise TypeError(f"offline= must be True or False, not {offline!r:.80}")
    with asking(snapshot=text_of(snapshot), offline=offline):
        yield


def configure(
    *,
    store: "str | Path | EllipsisType | None" = ...,
    cache: "str | Path | EllipsisType | None" = ...,
    offline: "bool | EllipsisType | None" = ...,
    snapshot: AnySnapshot | EllipsisType = ...,
) -> None:
    """Set the store, the local cache, offline reading or a snapshot for this process.

    It holds in all its threads.

    An argument of a function goes before, then `reading()`, then what is set here, then environment
    variables. What is left out stays; None gives the decision back to the variables.

    Args:
        store: The store, as of `ZS_STORE`.
        cache: The folder of the local cache or `"off"`, as of `ZS_CACHE`.
        offline: Send no requests and read the local cache, as of `ZS_OFFLINE`.
        snapshot: Read this snapshot, as of `reading`.

    Raises:
        TypeError: A value is of another kind; nothing was set.
    """
    changes: dict[str, Any] = {}
    for name, value in (("store", store), ("cache", cache)):
        if value is not ...:
            if value is not None and not isinstance(value, str | Path):
                raise TypeError(f"{name}= is a text or a path, not {value!r:.80}")
            changes[name] = value
    if offline is not ...:
        if offline is not None and not isinstance(offline, bool):
            raise TypeError(f"offline= must be True or False, not {offline!r:.80}")
        changes["offline"] = offline
    if snapshot is not ...:
        changes["snapshot"] = text_of(snapshot)
    with _lock:
        _configured[0] = replace(_configured[0], **changes)


@contextmanager
def asking(
    *,
    snapshot: str | None = None,
    offline: bool | None = None,
    url: str | None = None,
    version: str | None = None,
) -> Iterator[None]:
    """Set a snapshot, offline reading, a store or a version for a block; None changes nothing."""
    values = {"snapshot": snapshot, "offline": offline, "url": url, "version": version}
    changes: dict[str, Any] = {name: value for name, value in values.items() if value is not None}
    token = _overrides.set(replace(_overrides.get(), **changes))
    try:
        yield
    finally:
        _overrides.reset(token)


def resolve(url: str | Path | None = None, version: str | None = None) -> Place:
    """Returns the store to read and the layout of a version, at the snapshot in effect.

    Args:
        url: As for `resolve_current`.
        version: As for `resolve_current`.

    Raises:
        SnapshotNotFound: The store has no such snapshot.
        ReadError: The snapshot cannot be read.
        ValueError: As `resolve_current`; or `ZS_OFFLINE` or `ZS_CACHE_SIZE` cannot be understood.
        StoreError: As `resolve_current`.
    """
    current = resolve_current(url, version)
    snapshot = _overrides.get().snapshot
    if snapshot is None:
        snapshot = _configured[0].snapshot
    if snapshot is None:
        snapshot = os.environ.get("ZS_SNAPSHOT") or NOW
    if snapshot == NOW:
        return Place(*current)
    return Place(*pinned(*current, snapshot))


def named_store() -> str | Path | None:
    """Returns the store that a block, `configure` or `ZS_STORE` names; None where none does."""
    return _overrides.get().url or _configured[0].store or os.environ.get("ZS_STORE") or None


def resolve_current(
    url: str | Path | None = None, version: str | None = None
) -> tuple[Store, Layout]:
    """Returns the store as it is now and the layout of a version, whatever snapshot is in effect.

    Args:
        url: The store's URL, the parent of `data-asset-cache`, or `sample` for the tables that come
            with the package; else that of `configure`, else `ZS_STORE`, else what `FOREST_TYPE`
            says: `MEMORY`, or `S3` (as when it is unset) for the public bucket.
        version: The version; else `ZS_VERSION`, else that of this package.

    Raises:
        ValueError: The version is not dotted numbers, or `FOREST_TYPE` has an unknown value.
        StoreError: The URL has an unknown scheme, or names a folder that is not there.
        TypeError: The version or the URL is not text; a folder may be a path.
    """
    if version is not None and not isinstance(version, str):
        raise TypeError(f"a version is a text such as '1.0.0', not {version!r:.80}")
    if url is not None and not isinstance(url, str | Path):
        raise TypeError(f"a store is a text or a path, not {url!r:.80}")
    overrides = _overrides.get()
    url = url or named_store()
    layout = Layout(version or overrides.version or os.environ.get("ZS_VERSION") or __version__)
    if isinstance(url, Path):
        # A path is a folder, whatever its name.
        url = url.expanduser().resolve()
    url = str(url or _forest())
    return _remote(url) if url.startswith("s3://") else _opened(url), layout


def _offline() -> bool:
    offline = _overrides.get().offline
    if offline is None:
        offline = _configured[0].offline
    if offline is not None:
        return offline
    text = os.environ.get("ZS_OFFLINE") or ""
    if text.casefold() not in (*_YES, *_NO):
        raise ValueError(f"ZS_OFFLINE={text[:_SHOWN]}: it is 1 or 0")
    return text.casefold() in _YES


def _forest() -> str:
    kind = os.environ.get("FOREST_TYPE") or "S3"
    if kind.upper() not in ("S3", "MEMORY"):
        raise ValueError(f"FOREST_TYPE={kind}: it is S3 or MEMORY; ZS_STORE names any other store")
    return PUBLIC if kind.upper() == "S3" else "memory://"


def _opened(url: str) -> Store:
    is_address = "://" in url or url == SAMPLE
    address = url if is_address else str(Path(url).expanduser().resolve())
    with _lock:
        if (address,) not in remembered.stores:
            remembered.stores[address,] = open_store(address)
        store: Store = remembered.stores[address,]
        return store


def signed(store: Store) -> Store:
    """Returns a store to write to: the public bucket is read without credentials."""
    return _remote(store.url, signs=True) if store.url == PUBLIC else store


def local_cache() -> Cache | None:
    """Returns the local cache that `configure` or `ZS_CACHE` names; None if it is turned off.

    Raises:
        ValueError: As `zs_client.cache.from_environment`.
    """
    return from_environment(_configured[0].cache)


def _remote(url: str, *, signs: bool = False) -> Store:
    bucket, prefix = s3_place(url)
    address = f"s3://{bucket}/{prefix}".rstrip("/")
    # The AWS variables say where a bucket is and whose credentials are sent.
    aws_variables = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    endpoint, seconds = server(), seconds_from_environment()

    def connect() -> Any:
        with _lock:
            name = (address, endpoint, seconds, signs, *sorted(aws_variables.items()))
            if name not in remembered.stores:
                remembered.stores[name] = s3_bucket(
                    bucket,
                    prefix=prefix,
                    anonymous=address == PUBLIC and not signs,
                    timeouts=INTERACTIVE,
                    first_answer=seconds,
                )
            return remembered.stores[name]

    return CachedStore(address, endpoint, connect, offline=_offline(), cache=local_cache())
