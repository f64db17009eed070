"""Writes the list of a version's snapshots, `_snapshots.json`, which also has their names.

Readers read it in `zs_client.snapshot_index`. The squirrel adds what it publishes,
`zs_pipeline.publishing.prune` takes out what it removes.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from zs_client import work
from zs_client.contract import Layout
from zs_client.pinned import all_layouts, snapshot_entries
from zs_client.snapshot_index import NAME, SnapshotIndex, head_of, load
from zs_client.store import Store
from zs_pipeline.publishing.facts_file import now_text
from zs_pipeline.stored_json import parsed, serialized

# Snapshots that the list has, and those that are gone, each the newest; names stay for ever.
NEWEST = 400
LONGEST = 64
_ID = re.compile(r"[0-9a-fA-F]{16}")
_TAKEN = ("now", "current", "latest", "none")


def update(store: Store, layout: Layout, change: Callable[[dict[str, Any]], None]) -> None:
    """Change the list of snapshots; it is made from their folder where there is none.

    Args:
        store: Where the snapshots lie.
        layout: The layout of their version.
        change: Changes the list in place.
    """
    key = layout.snapshot_index

    def changed(body: bytes | None) -> bytes | None:
        content = parsed(store, key, body) or _made_anew(store, layout)
        change(content)
        content["snapshots"] = content["snapshots"][:NEWEST]
        content["pruned"] = dict(sorted(content["pruned"].items(), key=lambda p: p[1])[-NEWEST:])
        new = serialized(content)
        return None if new == body else new

    store.update(key, changed)


def add(store: Store, layout: Layout, registry: Mapping[str, Any]) -> None:
    """Put a registry's snapshot at the head of the list; one that is there already stays.

    Args:
        store: Where the snapshots lie.
        layout: The layout of their version.
        registry: What was published.
    """
    entry = _entry(registry)

    def change(content: dict[str, Any]) -> None:
        others = [other for other in content["snapshots"] if other["id"] != entry["id"]]
        if content["snapshots"] and content["snapshots"][0]["id"] == entry["id"]:
            return
        entry["name"] = _name_of(content, entry["id"])
        content["snapshots"] = [entry, *others]
        content["pruned"].pop(entry["id"], None)

    update(store, layout, change)


def take_out(store: Store, layout: Layout, ids: Iterable[str]) -> None:
    """Note that snapshots are gone, and since when."""
    gone, now = set(ids), now_text()

    def change(content: dict[str, Any]) -> None:
        content["snapshots"] = [one for one in content["snapshots"] if one["id"] not in gone]
        content["pruned"] |= {id_: now for id_ in gone if id_ not in content["pruned"]}

    update(store, layout, change)


def give_name(store: Store, layout: Layout, name: str, snapshot: str) -> None:
    """Give a snapshot a name that is never used again.

    Args:
        store: Where the snapshot lies.
        layout: The layout of its version.
        name: The name.
        snapshot: The id of a snapshot that is there.

    Raises:
        ValueError: The name cannot be used, or another snapshot has or had it.
    """
    check_name(name)
    for other in all_layouts(store, layout):
        if other != layout:
            _refuse_taken(name, snapshot, load(store, other), f" in version {other}")

    def change(content: dict[str, Any]) -> None:
        names = {n: release["snapshot"] for n, release in content["names"].items()}
        _refuse_taken(name, snapshot, SnapshotIndex(names=names))
        if name not in names:
            content["names"][name] = {"snapshot": snapshot, "named_at": now_text()}
        for entry in content["snapshots"]:
            entry["name"] = _name_of(content, entry["id"])

    update(store, layout, change)


def check_name(name: str) -> None:
    """Refuse what cannot be the name of a snapshot.

    Raises:
        ValueError: It cannot; the message says why.
    """
    if _ID.fullmatch(name):
        raise ValueError(f"{name!r} has the form of a snapshot's id; choose a name such as 2026-q4")
    if name.casefold() in _TAKEN:
        raise ValueError(f"{name!r} is a word that readers use; choose a name such as 2026-q4")
    if len(name) > LONGEST:
        raise ValueError(f"{name[:20]!r}… has {len(name)} characters; a name has at most {LONGEST}")
    if not NAME.fullmatch(name):
        raise ValueError(
            f"{name!r}: a name is of letters, digits, dots, _ and -, and begins with a letter or a "
            "digit, such as 2026-q4"
        )


def _refuse_taken(name: str, snapshot: str, index: SnapshotIndex, where: str = "") -> None:
    for taken, named in index.names.items():
        if taken.casefold() == name.casefold() and (taken, named) != (name, snapshot):
            raise ValueError(
                f"{taken!r} is the name of snapshot {named}{where}, and a name is never used "
                "again; choose another"
            )


def _made_anew(store: Store, layout: Layout) -> dict[str, Any]:
    """Returns the list as the folder of snapshots has it, which releases up to 1.0.0 wrote."""
    ids = snapshot_entries(store, layout)
    heads: Sequence[dict[str, Any]] = work.map_ordered(lambda i: head_of(store, layout, i), ids)
    entries = sorted(map(_entry, heads), key=lambda entry: str(entry["date"]), reverse=True)
    return {"snapshots": entries, "names": {}, "pruned": {}}


def _entry(registry: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": registry["snapshot"],
        "date": registry["published_at"],
        "name": None,
        "tables": {entry["name"]: entry["sha256"] for entry in registry["acorns"]},
    }


def _name_of(content: Mapping[str, Any], snapshot: str) -> str | None:
    """Returns the first name that a snapshot was given."""
    names = (n for n, release in content["names"].items() if release["snapshot"] == snapshot)
    return next(names, None)
