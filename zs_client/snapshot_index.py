"""The list of a version's snapshots, `_snapshots.json`: their dates, names and digests.

It is for readers that cannot list a folder, and says which snapshots were removed and when. The
pipeline writes it in `zs_pipeline.publishing.snapshot_list`; `zs_client.published` lists snapshots
from their folder, which is the truth.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from zs_client import fetch
from zs_client.contract import Layout
from zs_client.errors import ReadError
from zs_client.store import Store

# The tables of a snapshot stand before its partitions, of which there may be megabytes.
_HEAD = 256_000
_PARTITIONS = b'\n "partitions": '
# What a snapshot's name is made of.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)


@dataclass(frozen=True)
class SnapshotIndex:
    """A version's list of snapshots.

    Attributes:
        dates: When each snapshot was last published, by its id.
        names: The id of each snapshot with a name, by the name.
        pruned: When each snapshot that is gone was removed, by its id.
    """

    dates: Mapping[str, str] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    pruned: Mapping[str, str] = field(default_factory=dict)


def load(store: Store, layout: Layout) -> SnapshotIndex:
    """Returns a version's list of snapshots; an empty one where none was written, as by 1.0.0.

    Raises:
        ReadError: The list is there and cannot be read.
    """
    key = layout.snapshot_index
    try:
        content = fetch.get_json(store, key)
    except FileNotFoundError:
        return SnapshotIndex()
    try:
        return SnapshotIndex(
            {entry["id"]: entry["date"] for entry in content["snapshots"]},
            {name: release["snapshot"] for name, release in content["names"].items()},
            dict(content["pruned"]),
        )
    except (AttributeError, KeyError, TypeError) as error:
        raise ReadError(
            f"{store.at(key)}: is no list of snapshots; tell who keeps the store"
        ) from error


def head_of(store: Store, layout: Layout, snapshot: str) -> dict[str, Any]:
    """Returns the part of a snapshot before its partitions.

    Raises:
        ReadError: The snapshot cannot be read.
    """
    key = layout.snapshot(snapshot)
    cached_key = f"{key}.head.json"
    body = store.get_cached(cached_key)
    if body is None:
        with fetch.listing(store, key):
            start = store.head(key, _HEAD)
        before, mark, _ = start.partition(_PARTITIONS)
        body = before.rstrip().rstrip(b",") + b"}" if mark else fetch.get(store, key)
    try:
        head: dict[str, Any] = json.loads(body)
    except ValueError as error:
        raise ReadError(f"{store.at(key)}: is no snapshot: {error}") from error
    store.remember(cached_key, body)
    return head
