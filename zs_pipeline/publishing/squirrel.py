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
from zs_client.contract import (
    INDEX,
    location,
    registry_key,
    snapshot_key,
    version_folder,
    version_order,
)
from zs_client.facts import Facts
from zs_client.store import Store
from zs_pipeline.declaration import Acorn
from zs_pipeline.documents import state as documents
from zs_pipeline.publishing.facts_file import read_facts

# How a column's values are made is told by the facts alone: every reader fetches the registry.
_OF_COLUMN = ("name", "type", "description", "nullable")
_TOLD = ("rows", "bytes", "sha256", "built_at", "checked_at", "code_version", "source_state")
# Why a table is stale that did not fail itself.
_NO_DOCUMENTS = "the documents could not be brought up to date"
_EARLIER_STATE = "built from an earlier state of the documents"


@dataclass(frozen=True)
class Published:
    """What was published.

    Attributes:
        snapshot: The snapshot's id; the same for the same contents.
        missing: Acorns that were never built; while there are any, the version is not listed.
        stale: Acorns on an earlier content, with the reason.
        listed: Whether `zombie-squirrels.json` names the version.
    """

    snapshot: str
    missing: tuple[str, ...]
    stale: dict[str, str]
    listed: bool


def publish(
    store: Store,
    version: str,
    acorns: Sequence[Acorn],
    *,
    expected_every_hours: float | None = None,
) -> Published:
    """Write the registry and its snapshot, and list the version once all acorns exist.

    Args:
        store: Where to.
        version: The version's folder.
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
        found = list(pool.map(lambda acorn: read_facts(store, version, acorn.table), acorns))
        state, failed = (one.result() for one in asked)
    for acorn, facts in zip(acorns, found, strict=True):
        # One that a build began and did not end has rows, but not all of them.
        if facts is None or not facts["source_state"]:
            missing.append(acorn.name)
            continue
        gathered.append(_entry(store, version, facts, state, failed, now))
        partitions[acorn.name] = {s: e["sha256"] for s, e in facts["partitions"].items()}
    digest = hashlib.sha256("".join(f"{e['name']}={e['sha256']}\n" for e in gathered).encode())
    snapshot = digest.hexdigest()[:16]
    registry = {
        "acorns": gathered,
        "version": version,
        "snapshot": snapshot,
        "published_at": now,
        "source_state": {"documents": state},
    }
    kept = snapshot_key(version, snapshot)
    if not store.exists(kept):
        store.put_first(kept, _json({**registry, "partitions": partitions}))
    every = expected_every_hours or _expected_every_hours(store, version)
    # Not in the snapshot: what was published once does not age.
    expected = {"expected_every_hours": every} if every else {}
    store.put(registry_key(version), _json({**registry, **expected}))
    listed = not missing
    if listed:
        _list(store, version)
    stale = {e["name"]: e["reason"] for e in gathered if e["state"] == "stale"}
    return Published(snapshot, tuple(missing), stale, listed)


def is_skipped(reason: str) -> bool:
    """Returns whether a table is stale for what it is made from, by the registry's reason."""
    return reason.startswith((_NO_DOCUMENTS, _EARLIER_STATE))


def _expected_every_hours(store: Store, version: str) -> float | None:
    """Returns how often a schedule publishes here, as the last registry has it."""
    try:
        found = json.loads(store.get(registry_key(version))).get("expected_every_hours")
    except (FileNotFoundError, ValueError, AttributeError):
        return None
    return found if isinstance(found, int | float) else None


def _entry(
    store: Store, version: str, facts: Facts, state: str, failed: str, now: str
) -> dict[str, Any]:
    stale, reason = facts["state"] == "stale", facts["reason"]
    built_from = facts["source_state"].get("documents", state)
    if not stale and failed:
        stale, reason = True, f"{_NO_DOCUMENTS}: {failed}"
    if not stale and built_from != state:
        stale, reason = True, _EARLIER_STATE
    told = {key: value for key, value in facts.items() if key in _TOLD}
    if not stale:
        told["checked_at"] = now
    return {
        "name": facts["name"],
        "description": facts["description"],
        "location": location(store.url, version, facts),
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


def _list(store: Store, version: str) -> None:
    """Add the version to the index. An index that cannot be read is never overwritten."""
    folder = version_folder(version).rsplit("/", 1)[-1]

    def add(body: bytes | None) -> bytes | None:
        try:
            listed = json.loads(b"[]" if body is None else body)
        except ValueError as error:
            raise ValueError(
                f"{store.at(INDEX)}: cannot be read as JSON: {error}; it is left as it is, "
                f"and {folder} is not listed"
            ) from error
        if not isinstance(listed, list) or not all(isinstance(name, str) for name in listed):
            raise ValueError(
                f"{store.at(INDEX)}: is no list of folder names; it is left as it is, "
                f"and {folder} is not listed"
            )
        if folder in listed:
            return None
        return _json(sorted([*listed, folder], key=version_order))

    store.update(INDEX, add)


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=1).encode()
