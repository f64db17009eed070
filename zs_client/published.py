"""Listing snapshots, the published states of a store.

`zs_pipeline.publishing.squirrel` writes snapshots, `zs_client.pinned` reads a store as it was in a
snapshot, and `zs_client.comparison` compares two of them.
"""

from datetime import datetime
from pathlib import Path

from zs_client import fetch, snapshot_index, work
from zs_client.contract import Layout
from zs_client.errors import SnapshotNotFound
from zs_client.pinned import all_layouts, snapshot_entries
from zs_client.place import resolve_current
from zs_client.snapshot import Snapshot
from zs_client.store import Store

__all__ = ["Snapshot", "SnapshotNotFound", "latest", "snapshots"]


def snapshots(store_url: str | Path | None = None) -> list[Snapshot]:
    """Returns the snapshots in a store, of all its versions, the latest first.

    Args:
        store_url: The store; else as the functions take it from `ZS_STORE` and `FOREST_TYPE`.

    Returns:
        A `Snapshot` for each, with the id that `snapshot=` takes, its name if it has one, the time,
        the version and the number of rows of each table; an empty list when nothing was published.

    Raises:
        StoreError: The store cannot be opened.
        ReadError: The store cannot be listed, as when offline, or a snapshot cannot be read.
    """
    store, own_layout = resolve_current(store_url)
    ids = [
        (layout, id_)
        for layout in all_layouts(store, own_layout)
        for id_ in snapshot_entries(store, layout)
    ]
    current = {layout: latest(store, layout) for layout in {layout for layout, _ in ids}}
    names = {
        (layout, id_): name
        for layout in current
        # Of several names the first.
        for name, id_ in reversed([*snapshot_index.load(store, layout).names.items()])
    }
    heads = work.map_ordered(lambda key: snapshot_index.head_of(store, *key), ids)
    published = [
        Snapshot(
            id=id_,
            version=layout.version,
            published_at=datetime.fromisoformat(head["published_at"]),
            current=current[layout] == id_,
            tables={entry["name"]: entry["rows"] for entry in head["acorns"]},
            rows=sum(entry["rows"] for entry in head["acorns"]),
            bytes=sum(entry["bytes"] for entry in head["acorns"]),
            name=names.get((layout, id_)),
        )
        for (layout, id_), head in zip(ids, heads, strict=True)
    ]
    return sorted(published, key=lambda s: (s.published_at, s.current, s.id), reverse=True)


def latest(store: Store, layout: Layout) -> str | None:
    """Returns the id of the last published snapshot of a version; None if there is none."""
    try:
        registry = fetch.get_json(store, layout.registry)
    except FileNotFoundError:
        return None
    snapshot = registry.get("snapshot") if isinstance(registry, dict) else None
    return str(snapshot) if snapshot else None
