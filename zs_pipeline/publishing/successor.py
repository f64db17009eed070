"""The layout of biodata-cache, zombie-squirrel's successor, for readers that look for its folders.

A publication writes it beside the squirrel where `ZS_BDC_VERSION` names a version: a folder with a
registry of one object for each table, whose locations are our own files, and an index of folders.
With `ZS_BDC_FILES` the folder also has copies of the files (`successor_files`).
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from zs_client.contract import SUCCESSOR_INDEX, Layout, SuccessorLayout, successor_name
from zs_client.facts import Facts
from zs_client.store import Store
from zs_pipeline.declaration import Acorn
from zs_pipeline.publishing import successor_files, versions
from zs_pipeline.publishing.facts_file import read_facts
from zs_pipeline.publishing.successor_record import Record
from zs_pipeline.stored_json import serialized

# Its readers read QC by the raw data asset, and would throw on a table by subject.
ABSENT = ("quality_control",)


def refuse_others(store: Store, layout: SuccessorLayout) -> Record:
    """Refuse a folder that another program writes; returns our record of it.

    Raises:
        StoreError: Something lies in the folder that we did not write.
        ValueError: The record cannot be read.
    """
    record = Record(store, layout)
    record.refuse_others()
    return record


def publish(
    store: Store,
    layout: SuccessorLayout,
    source: Layout,
    tables: Iterable[Facts],
    *,
    complete: bool,
    files: bool = False,
    progress: Callable[[str], None] = lambda _: None,
) -> list[str]:
    """Write the registry of the successor's layout, as far as it changed, and copies of files.

    Args:
        store: The store.
        layout: The successor's layout.
        source: The layout of the tables.
        tables: The facts of all tables that were ever built to their end.
        complete: Whether all tables were, so that the index may name the folder.
        files: Whether the folder gets copies of the files; one that has some goes on.
        progress: Receives a sentence for each table with values that have no copy.

    Returns:
        The tables whose entry was written.

    Raises:
        StoreError: Another program writes the folder.
        ValueError: The record or the index cannot be read; the index was not changed.
        FileNotFoundError: The store lost a file that is to be copied.
    """
    record = refuse_others(store, layout)
    tables = [facts for facts in tables if facts["name"] not in ABSENT]
    entries = {}
    for facts in tables:
        entry = _entry(store, source, facts)
        entries[entry["name"]] = serialized(entry)
    digests = {name: hashlib.sha256(body).hexdigest() for name, body in sorted(entries.items())}
    former = record.tables
    changed = [name for name in digests if former.get(name) != digests[name]]
    if record.content is None:
        # Before anything else lies in the folder, so that a killed publication is known as ours.
        record.update(lambda _: None)
    if gone := [layout.fragment(name) for name in former if name not in digests]:
        store.delete(gone)
    if files or record.copies:
        # An entry appears when its content is there.
        successor_files.bring_up_to_date(record, source, tables, progress)
    for name in changed:
        store.put(layout.fragment(name), entries[name])
    if digests != former:
        record.update(lambda content: content.update(tables=digests))
    if complete:
        versions.add(store, SUCCESSOR_INDEX, layout.name)
    return changed


def publish_copies(
    store: Store,
    source: Layout,
    registry: Mapping[str, Any],
    publish_in: Callable[[SuccessorLayout], object],
    *,
    but: SuccessorLayout | None = None,
) -> None:
    """Publish in each other folder that has copies of our files, so that none is left behind.

    A folder that was removed, or that follows another version by now, is passed over.

    Args:
        store: The store.
        source: The layout of the tables.
        registry: The registry, which names the folders.
        publish_in: Publishes in a folder.
        but: A folder that is published in anyway.
    """
    for name in registry.get("copies", ()):
        layout = SuccessorLayout(name.removeprefix("bdc-v"))
        if layout != but and Record(store, layout).copies.get("source") == source.name:
            publish_in(layout)


def follow(
    store: Store, source: Layout, registry: Mapping[str, Any], acorns: Sequence[Acorn]
) -> None:
    """Give copies of our files the contents that are published now, after a rollback or its end.

    Registries stay, since they say nothing of contents.
    """
    of_acorns = [read_facts(store, source, acorn.table) for acorn in acorns]
    tables = [f for f in of_acorns if f and f["source_state"] and f["name"] not in ABSENT]

    def publish_in(layout: SuccessorLayout) -> None:
        successor_files.bring_up_to_date(Record(store, layout), source, tables)

    publish_copies(store, source, registry, publish_in)


def _entry(store: Store, source: Layout, facts: Facts) -> dict[str, Any]:
    name = successor_name(facts["name"])
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
