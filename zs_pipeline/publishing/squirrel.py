"""The squirrel: gathers the facts of all acorns into the registry, keeps snapshots, lists versions.

The list of acorns comes from `zs_pipeline.acorns`, and their facts from the store.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from zs_client import work
from zs_client.contract import VERSIONS_INDEX, Layout
from zs_client.facts import Facts
from zs_client.store import Store
from zs_pipeline import recent_reads
from zs_pipeline.declaration import Acorn
from zs_pipeline.documents import state as documents
from zs_pipeline.publishing import catalogue_page, snapshot_list, versions
from zs_pipeline.publishing.facts_file import HeldBack, now_text, read_facts
from zs_pipeline.stored_json import serialized

# Only the facts say how a column's values are made: every reader fetches the whole registry.
_OF_COLUMN = ("name", "type", "description", "nullable")
_OF_TABLE = ("rows", "bytes", "sha256", "built_at", "checked_at", "code_version", "source_state")
_OF_ONE_FILE = ("rows", "bytes", "sha256", "state")
# Why a table is stale that did not fail itself.
_NO_DOCUMENTS = "the documents could not be brought up to date"
_EARLIER_STATE = "built from an earlier state of the documents"


@dataclass(frozen=True)
class Published:
    """The result of a publication.

    Attributes:
        snapshot: The snapshot's id; equal contents have the same id.
        missing: Acorns that were never built; while there are any, the version is not listed.
        stale: Acorns on an earlier content, with the reason.
        listed: Whether `zombie-squirrels.json` names the version.
        failures: Why tables, or the documents, could not be made the last time.
        tables: The facts of all tables that were ever built to their end.
        registry: The registry as it was written.
    """

    snapshot: str
    missing: tuple[str, ...]
    stale: dict[str, str]
    listed: bool
    failures: dict[str, str]
    tables: tuple[Facts, ...]
    registry: dict[str, Any]


def publish(
    store: Store,
    layout: Layout,
    acorns: Sequence[Acorn],
    *,
    unbuilt: Sequence[Acorn] = (),
    expected_every_hours: float | None = None,
    copies: Iterable[str] = (),
) -> Published:
    """Write the registry and its snapshot, and list the version once all acorns exist.

    Args:
        store: The store to publish in.
        layout: The layout of the version.
        acorns: All acorns of the version.
        unbuilt: Acorns that are not made any more; one that the last registry names stays in it.
        expected_every_hours: The interval of the schedule; None keeps that of the last registry.
        copies: Folders that get copies of the files; those that have some stay in the registry.

    Raises:
        ValueError: A table's facts cannot be read, and nothing was changed; or the index of
            versions cannot be read, and it was not changed.
        HeldBack: An earlier snapshot is published; nothing was changed.
    """
    now, former = now_text(), _former(store, layout)
    named = {entry["name"] for entry in former.get("acorns", ())}
    acorns = [*acorns, *(acorn for acorn in unbuilt if acorn.name in named)]
    gathered: list[dict[str, Any]] = []
    partitions: dict[str, Any] = {}
    with work.Threads(len(acorns) + 2) as pool:
        current = pool.submit(documents.current, store)
        failure = pool.submit(documents.failed, store)
        # A rollback that was begun since is seen in them.
        read = partial(read_facts, store, layout, within=recent_reads.FEW_SECONDS)
        facts_of = list(pool.map(lambda acorn: read(acorn.table), acorns))
        state, failed = current.result(), failure.result()
    if any(facts and facts.get("held") for facts in facts_of):
        raise HeldBack(
            "an earlier snapshot was published while this run began; the next build goes on"
        )
    # A table whose first build did not end has some of its rows.
    complete = tuple(facts for facts in facts_of if facts and facts["source_state"])
    for facts in complete:
        gathered.append(_entry(store, layout, facts, state, failed, now))
        partitions[facts["name"]] = {s: e["sha256"] for s, e in facts["partitions"].items()}
    built = {facts["name"] for facts in complete}
    missing = [acorn.name for acorn in acorns if acorn.name not in built and acorn not in unbuilt]
    digest = hashlib.sha256("".join(f"{e['name']}={e['sha256']}\n" for e in gathered).encode())
    snapshot = digest.hexdigest()[:16]
    registry: dict[str, Any] = {
        "acorns": gathered,
        "version": layout.version,
        "snapshot": snapshot,
        "published_at": now,
        "source_state": {"documents": state},
    }
    key = layout.snapshot(snapshot)
    body = serialized({**registry, "partitions": partitions})
    is_new = former.get("snapshot") != snapshot
    if not store.exists(key):
        store.put_first(key, body)
    if is_new:
        snapshot_list.add(store, layout, registry)
    for entry, facts in zip(gathered, complete, strict=True):
        # Not in the snapshot either: the one file of all rows is that of the present.
        name_one_file(store, layout, entry, facts)
    registry |= kept_of(former)
    registry["catalogue"] = catalogue_page.publish(store, layout, former)
    if folders := {*copies, *registry.get("copies", ())}:
        registry["copies"] = sorted(folders)
    if expected_every_hours:
        registry["expected_every_hours"] = expected_every_hours
    store.put(layout.registry, serialized(registry))
    # A prune that was about to remove a former snapshot of the same contents removes none that a
    # registry names.
    if is_new and not store.exists(key):
        store.put_first(key, body)
    if not missing:
        versions.add(store, VERSIONS_INDEX, layout.name)
    stale = {e["name"]: e["reason"] for e in gathered if e["state"] == "stale"}
    failures = {f["name"]: f["reason"] or "" for f in facts_of if f and f["state"] == "stale"}
    if failed:
        failures["documents"] = failed
    return Published(snapshot, tuple(missing), stale, not missing, failures, complete, registry)


def is_skipped(reason: str) -> bool:
    """Returns whether a table is stale for what it is made from, by the registry's reason."""
    return reason.startswith((_NO_DOCUMENTS, _EARLIER_STATE))


def _former(store: Store, layout: Layout) -> dict[str, Any]:
    """Returns the last registry; an empty one where none can be read."""
    try:
        registry = json.loads(store.get(layout.registry))
    except (FileNotFoundError, ValueError):
        return {}
    return registry if isinstance(registry, dict) else {}


def name_one_file(
    store: Store, layout: Layout, entry: dict[str, Any], facts: Mapping[str, Any]
) -> None:
    """Name the one file of a partitioned table in its entry of the registry, if it has one."""
    if one_file := facts.get("one_file"):
        place = layout.location(store.url, {**entry, "partition_key": None})
        own = {name: value for name, value in one_file.items() if name in _OF_ONE_FILE}
        entry["one_file"] = {"location": place, **own}


def kept_of(former: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what a registry takes over from the former one, and no snapshot has.

    It is the interval of the schedule, since a snapshot does not become late, what the database of
    views was made of, the page in a browser, which shows any snapshot, and the folders that have
    copies of the files, which are those of whatever is published.
    """
    hours = former.get("expected_every_hours")
    every = {"expected_every_hours": hours} if isinstance(hours, int | float) and hours else {}
    kept = ("duckdb", "catalogue", "copies")
    return every | {key: former[key] for key in kept if former.get(key)}


def _entry(
    store: Store, layout: Layout, facts: Facts, state: str, failed: str, now: str
) -> dict[str, Any]:
    stale, reason = facts["state"] == "stale", facts["reason"]
    built_from = facts["source_state"].get("documents", state)
    if not stale and failed:
        stale, reason = True, f"{_NO_DOCUMENTS}: {failed}"
    if not stale and built_from != state:
        stale, reason = True, _EARLIER_STATE
    copied = {key: value for key, value in facts.items() if key in _OF_TABLE}
    if not stale:
        copied["checked_at"] = now
    return {
        "name": facts["name"],
        "description": facts["description"],
        "location": layout.location(store.url, facts),
        "partitioned": bool(facts["partition_key"]),
        "partition_key": facts["partition_key"],
        "type": facts["type"],
        "columns": [{name: c[name] for name in _OF_COLUMN} for c in facts["columns"]],
        "table": facts["table"],
        "key": facts["key"],
        "partitions": len(facts["partitions"]),
        **copied,
        "notes": {k: v for k, v in facts.get("notes", {}).items() if isinstance(v, int | str)},
        "state": "stale" if stale else "fresh",
        "reason": reason,
    }
