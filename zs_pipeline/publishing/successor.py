"""The layout of biodata-cache, zombie-squirrel's successor, for readers that look for its folders.

A publication writes it beside the squirrel where `ZS_BDC_VERSION` names a version: a folder with a
registry of one object for each table, whose locations are our own files, and an index of folders.
Nothing of a table is written twice.
"""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

from zs_client.contract import SUCCESSOR_INDEX, SUCCESSOR_NAMES, Layout, SuccessorLayout
from zs_client.errors import StoreError
from zs_client.facts import Facts
from zs_client.store import Store
from zs_pipeline.publishing import versions
from zs_pipeline.stored_json import parsed, serialized

# Its readers read QC by the raw data asset, and would throw on a table by subject.
ABSENT = ("quality_control",)
_WRITER = "zs_pipeline"


def refuse_others(store: Store, layout: SuccessorLayout) -> dict[str, Any]:
    """Refuse a folder that another program writes; returns our record, empty for a new folder.

    Raises:
        StoreError: Something lies in the folder that we did not write.
        ValueError: The record cannot be read.
    """
    record = parsed(store, layout.record, store.get_if_there(layout.record)[0])
    if record is None:
        other = next((entry["path"] for entry in store.walk(f"{layout.folder}/")), "")
        if other:
            raise StoreError(
                f"{store.at(layout.folder)}: another program writes this folder, as {other} "
                "shows; ZS_BDC_VERSION has to name a version that no program writes"
            )
        return {}
    if not isinstance(record, dict) or record.get("written_by") != _WRITER:
        raise StoreError(
            f"{store.at(layout.record)}: is not of this program; ZS_BDC_VERSION has to name a "
            "version that no program writes"
        )
    return record


def publish(
    store: Store,
    layout: SuccessorLayout,
    source: Layout,
    tables: Iterable[Facts],
    *,
    complete: bool,
) -> list[str]:
    """Write the registry of the successor's layout, as far as it changed.

    Args:
        store: The store.
        layout: The successor's layout.
        source: The layout of the tables.
        tables: The facts of all tables that were ever built to their end.
        complete: Whether all tables were, so that the index may name the folder.

    Returns:
        The tables whose entry was written.

    Raises:
        StoreError: Another program writes the folder.
        ValueError: The record or the index cannot be read; the index was not changed.
    """
    former = refuse_others(store, layout).get("tables", {})
    entries = {}
    for facts in tables:
        if facts["name"] not in ABSENT:
            entry = _entry(store, source, facts)
            entries[entry["name"]] = serialized(entry)
    digests = {name: hashlib.sha256(body).hexdigest() for name, body in sorted(entries.items())}
    changed = [name for name in digests if former.get(name) != digests[name]]
    record = serialized({"written_by": _WRITER, "tables": digests})
    if not former:
        # Before anything else lies in the folder, so that a killed publication is known as ours.
        store.put(layout.record, serialized({"written_by": _WRITER, "tables": {}}))
    for name in changed:
        store.put(layout.fragment(name), entries[name])
    if gone := [layout.fragment(name) for name in former if name not in digests]:
        store.delete(gone)
    if digests != former:
        store.put(layout.record, record)
    if complete:
        versions.add(store, SUCCESSOR_INDEX, layout.name)
    return changed


def _entry(store: Store, source: Layout, facts: Facts) -> dict[str, Any]:
    name = SUCCESSOR_NAMES.get(facts["name"], facts["name"])
    return {
        "name": name,
        "description": facts["description"],
        "location": source.location(store.url, facts),
        "partitioned": bool(facts["partition_key"]),
        "partition_key": facts["partition_key"],
        "type": facts["type"],
        "columns": [
            {"name": column["name"], "description": column["description"]}
            for column in with_partition(facts)
        ],
    }


def with_partition(table: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Returns the columns; a partition's value is a column for readers of its folder.

    Args:
        table: The facts of a table, or its entry in the registry.
    """
    key = table["partition_key"]
    if not key or key in [column["name"] for column in table["columns"]]:
        return list(table["columns"])
    return [*table["columns"], {"name": key, "description": f"The {key} of the partition."}]
