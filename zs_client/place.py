"""Which store is read, in which version and at which snapshot: resolved once, from what is asked.

Arguments go before `reading()`, and that before variables. How a store answers is in
`zs_client.store`, what a snapshot has in `zs_client.pinned`.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from zs_client import remembered, work
from zs_client.cache import CachedStore, from_environment
from zs_client.contract import Layout, __version__
from zs_client.opening import open_store
from zs_client.pinned import pinned
from zs_client.s3 import INTERACTIVE, PUBLIC, s3_bucket, s3_place, server
from zs_client.store import Reader, Store

NOW = "now"

_YES, _NO = ("1", "true", "yes", "on"), ("", "0", "false", "no", "off")
_SHOWN = 80

_lock = work.Lock()


@dataclass(frozen=True)
class _Asked:
    """What of a place is not left to variables and defaults; None for what is."""

    snapshot: str | None = None
    offline: bool | None = None
    url: str | None = None
    version: str | None = None


_asked: ContextVar[_Asked] = ContextVar("_asked", default=_Asked())  # noqa: B039 - frozen


class Place(NamedTuple):
    """A store to read, and where a version has its parts in it.

    Attributes:
        store: The store, as it is now or as it was in a snapshot.
        layout: The layout of the version.
    """

    store: Reader
    layout: Layout


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
    with asking(snapshot=snapshot, offline=offline):
        yield


@contextmanager
def asking(
    *,
    snapshot: str | None = None,
    offline: bool | None = None,
    url: str | None = None,
    version: str | None = None,
) -> Iterator[None]:
    """As `reading`, of a store and a version as well; what is None stays as it is."""
    told: dict[str, Any] = {
        "snapshot": snapshot,
        "offline": offline,
        "url": url,
        "version": version,
    }
    changes = {name: value for name, value in told.items() if value is not None}
    token = _asked.set(replace(_asked.get(), **changes))
    try:
        yield
    finally:
        _asked.reset(token)


def resolve(url: str | Path | None = None, version: str | None = None) -> Place:
    """Returns the store to read and the version in it, at the snapshot that was asked for.

    Args:
        url: As of `resolve_current`.
        version: As of `resolve_current`.

    Raises:
        SnapshotNotFound: The store has no such snapshot.
        ReadError: The snapshot cannot be read.
        ValueError: As `resolve_current`; or `ZS_OFFLINE` or `ZS_CACHE_SIZE` cannot be understood.
        StoreError: As `resolve_current`.
    """
    current = resolve_current(url, version)
    snapshot = _asked.get().snapshot
    if snapshot is None:
        snapshot = os.environ.get("ZS_SNAPSHOT") or NOW
    if snapshot == NOW:
        return Place(*current)
    return Place(*pinned(*current, snapshot))


def resolve_current(
    url: str | Path | None = None, version: str | None = None
) -> tuple[Store, Layout]:
    """Returns the store and the version in it, as they are now, whatever snapshot was asked for.

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
    asked = _asked.get()
    layout = Layout(version or asked.version or os.environ.get("ZS_VERSION") or __version__)
    url = str(url or asked.url or os.environ.get("ZS_STORE") or _forest())
    return _remote(url) if url.startswith("s3://") else _opened(url), layout


def _offline() -> bool:
    asked = _asked.get().offline
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
        if (where,) not in remembered.stores:
            remembered.stores[where,] = open_store(where)
        found: Store = remembered.stores[where,]
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
            if name not in remembered.stores:
                anonymous = where == PUBLIC
                remembered.stores[name] = s3_bucket(
                    bucket, prefix=prefix, anonymous=anonymous, timeouts=INTERACTIVE
                )
            return remembered.stores[name]

    return CachedStore(where, named, connect, offline=_offline(), cache=from_environment())
