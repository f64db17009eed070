"""Published states: which there are.

How one comes about is in `zs_pipeline.publishing.squirrel`, a store as it was in one of them in
`zs_client.pinned`, what differs between two in `zs_client.comparison`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from zs_client import fetch, work
from zs_client.contract import Layout
from zs_client.errors import ReadError, SnapshotNotFound
from zs_client.pinned import all_layouts, snapshot_entries
from zs_client.place import resolve_current
from zs_client.store import Store

__all__ = ["Snapshot", "SnapshotNotFound", "latest", "snapshots"]

# The tables of a snapshot stand before its partitions, of which there may be megabytes.
_HEAD = 256_000
_PARTITIONS = b'\n "partitions": '


@dataclass(frozen=True)
class Snapshot:
    """A published state of all tables.

    Attributes:
        id: What `snapshot=` and `ZS_SNAPSHOT` take. The same contents have the same id.
        version: The version folder it lies in.
        published_at: When these contents were first published.
        current: Whether it is what was published last in its version.
        tables: How many rows each table has, by its name.
        rows: How many rows all of them have.
        bytes: How many bytes of parquet.
    """

    id: str
    version: str
    published_at: datetime
    current: bool
    tables: Mapping[str, int]
    rows: int
    bytes: int


def snapshots(store_url: str | Path | None = None) -> list[Snapshot]:
    """The published states that a store keeps, of all its versions, the latest first.

    Args:
        store_url: The store; else as the functions take it from `ZS_STORE` and `FOREST_TYPE`.

    Returns:
        A `Snapshot` for each, with its id, time, version and the rows of each table; an empty list
        when nothing was published. Ids that `snapshot=` takes.

    Raises:
        StoreError: The store cannot be opened.
        ReadError: It cannot be listed, also since it is asked offline, or one cannot be read.
    """
    store, layout = resolve_current(store_url)
    found = [
        (each, id_) for each in all_layouts(store, layout) for id_ in snapshot_entries(store, each)
    ]
    if not found:
        return []
    current = {each: latest(store, each) for each in {each for each, _ in found}}
    heads = work.map_ordered(lambda one: _head(store, *one), found)
    listed = [
        Snapshot(
            id=id_,
            version=each.version,
            published_at=datetime.fromisoformat(head["published_at"]),
            current=current[each] == id_,
            tables={entry["name"]: entry["rows"] for entry in head["acorns"]},
            rows=sum(entry["rows"] for entry in head["acorns"]),
            bytes=sum(entry["bytes"] for entry in head["acorns"]),
        )
        for (each, id_), head in zip(found, heads, strict=True)
    ]
    return sorted(listed, key=lambda one: (one.published_at, one.current, one.id), reverse=True)


def latest(store: Store, layout: Layout) -> str | None:
    """Returns the id of what was published last in a version; None where nothing was."""
    try:
        found = fetch.get_json(store, layout.registry)
    except FileNotFoundError:
        return None
    told = found.get("snapshot") if isinstance(found, dict) else None
    return str(told) if told else None


def _head(store: Store, layout: Layout, snapshot: str) -> dict[str, Any]:
    """What a snapshot says before its partitions."""
    key = layout.snapshot(snapshot)
    kept = f"{key}.head.json"
    body = store.get_cached(kept)
    if body is None:
        with fetch.listing(store, key):
            start = store.head(key, _HEAD)
        before, mark, _ = start.partition(_PARTITIONS)
        body = before.rstrip().rstrip(b",") + b"}" if mark else fetch.get(store, key)
    try:
        told: dict[str, Any] = json.loads(body)
    except ValueError as error:
        raise ReadError(f"{store.at(key)}: is no snapshot: {error}") from error
    store.remember(kept, body)
    return told
