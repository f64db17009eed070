"""The squirrel: gathers the facts of all acorns into the registry, keeps snapshots, lists versions.

Which acorns there are comes from `zs_pipeline.acorns`; what their facts say from the store.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from zs_client import work
from zs_client.contract import VERSIONS_INDEX, Layout, version_order
from zs_client.facts import Facts
from zs_client.store import Store
from zs_pipeline.declaration import Acorn
from zs_pipeline.documents import state as documents
from zs_pipeline.publishing.facts_file import read_facts

# How a column's values are made is told by the facts alone: every reader fetches the registry.
_OF_COLUMN = ("name", "type", "description", "nullable")
_TOLD = ("rows", "bytes", "sha256", "built_at", "checked_at", "code_version", "source_state")


@dataclass(frozen=True)
class Published:
    """What was published.

    Attributes:
        snapshot: The snapshot's id; the same for the same contents.
        missing: Acorns that were never built; while there are any, the version is not listed.
        stale: Acorns on an earlier content, with the reason.
        listed: Whether `zombie-squirrels.json` names the version.
        failures: Why tables, or the documents, could not be made the last time.
        tables: The facts of all tables that were ever built to their end.
    """

    snapshot: str
    missing: tuple[str, ...]
    stale: dict[str, str]
    listed: bool
    failures: dict[str, str]
    tables: tuple[Facts, ...]


def publish(
    store: Store,
    layout: Layout,
    acorns: Sequence[Acorn],
    *,
    expected_every_hours: float | None = None,
) -> Published:
    """Write the registry and its snapshot, and list the version once all acorns exist.

    Args:
        store: Where to.
        layout: The layout of the version.
        acorns: All of them.
        expected_every_hours: How often a schedule publishes here; None keeps what was said before.

    Raises:
        ValueError: A table's facts cannot be read, and nothing was changed; or the index of
            versions cannot be, and it was not changed.
    """
    now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    gathered: list[dict[str, Any]] = []
    partitions: dict[str, Any] = {}
    missing = []
    with work.Threads(len(acorns) + 2) as pool:
        asked = pool.submit(documents.current, store), pool.submit(documents.failed, store)
        found = list(pool.map(lambda acorn: read_facts(store, layout, acorn.table), acorns))
        state, failed = (one.result() for one in asked)
    for acorn, facts in zip(acorns, found, strict=True):
        # One that a build began and did not end has rows, but not all of them.
        if facts is None or not facts["source_state"]:
            missing.append(acorn.name)
            continue
        gathered.append(_entry(store, layout, facts, state, failed, now))
        partitions[acorn.name] = {s: e["sha256"] for s, e in facts["partitions"].items()}
    digest = hashlib.sha256("".join(f"{e['name']}={e['sha256']}\n" for e in gathered).encode())
    snapshot = digest.hexdigest()[:16]
    registry = {
        "acorns": gathered,
        "version": layout.version,
        "snapshot": snapshot,
        "published_at": now,
        "source_state": {"documents": state},
    }
    kept = layout.snapshot(snapshot)
    if not store.exists(kept):
        store.put_first(kept, _json({**registry, "partitions": partitions}))
    every = expected_every_hours or _expected_every_hours(store, layout)
    # Not in the snapshot: what was published once does not age.
    expected = {"expected_every_hours": every} if every else {}
    store.put(layout.registry, _json({**registry, **expected}))
    listed = not missing
    if listed:
        _list(store, layout)
    stale = {e["name"]: e["reason"] for e in gathered if e["state"] == "stale"}
    failures = {f["name"]: f["reason"] or "" for f in found if f and f["state"] == "stale"}
    if failed:
        failures["documents"] = failed
    complete = tuple(facts for facts in found if facts and facts["source_state"])
    return Published(snapshot, tuple(missing), stale, listed, failures, complete)


def _expected_every_hours(store: Store, layout: Layout) -> float | None:
    """Returns how often a schedule publishes here, as the last registry has it."""
    try:
        found = json.loads(store.get(layout.registry)).get("expected_every_hours")
    except (FileNotFoundError, ValueError, AttributeError):
        return None
    return found if isinstance(found, int | float) else None


def _entry(
    store: Store, layout: Layout, facts: Facts, state: str, failed: str, now: str
) -> dict[str, Any]:
    stale, reason = facts["state"] == "stale", facts["reason"]
    built_from = facts["source_state"].get("documents", state)
    if not stale and failed:
        stale, reason = True, f"the documents could not be brought up to date: {failed}"
    if not stale and built_from != state:
        stale, reason = True, "built from an earlier state of the documents"
    told = {key: value for key, value in facts.items() if key in _TOLD}
    if not stale:
        told["checked_at"] = now
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
        **told,
        "notes": {k: v for k, v in facts.get("notes", {}).items() if isinstance(v, int | str)},
        "state": "stale" if stale else "fresh",
        "reason": reason,
    }


def _list(store: Store, layout: Layout) -> None:
    """Add the version to the index. An index that cannot be read is never overwritten."""
    folder = layout.name

    def add(body: bytes | None) -> bytes | None:
        try:
            listed = json.loads(b"[]" if body is None else body)
        except ValueError as error:
            raise ValueError(
                f"{store.at(VERSIONS_INDEX)}: cannot be read as JSON: {error}; it is left as it "
                f"is, and {folder} is not listed"
            ) from error
        if not isinstance(listed, list) or not all(isinstance(name, str) for name in listed):
            raise ValueError(
                f"{store.at(VERSIONS_INDEX)}: is no list of folder names; it is left as it is, "
                f"and {folder} is not listed"
            )
        if folder in listed:
            return None
        return _json(sorted([*listed, folder], key=version_order))

    store.update(VERSIONS_INDEX, add)


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=1).encode()
