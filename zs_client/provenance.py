"""Labels of the rows that a reader gets: version, snapshot, when and from what they were built.

They come from the registry, which is read beside the first table and then kept for a minute, so
that reads cost no extra request. The warning of a stale table is given here, once.
"""

import json
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from zs_client import remembered, work
from zs_client.contract import VERSIONS_INDEX, Layout, version_order
from zs_client.errors import ReadError, StaleTable, StoreError
from zs_client.store import Reader

if TYPE_CHECKING:
    import pyarrow as pa

KEPT_SECONDS = 60
# A schedule is late when it has not published for this many times its interval.
LATE = 1.5
# The labels in `attrs` of a frame and, after "zs.", in the metadata of an Arrow schema. The labels
# of partitions are those of the whole table at the time of the read.
KEYS = (
    *("table", "store", "version", "snapshot", "published_at"),
    *("built_at", "source_state", "state", "reason"),
)
# The number of rows that fit, whatever the limit; a label of one read of a table.
TOTAL = "rows_total"
_PREFIX = "zs."

_lock = work.Lock()


def begin(
    store: Reader, layout: Layout, ask: Callable[[Reader, str], Any]
) -> Callable[[], dict[str, Any] | None]:
    """Begin to read a registry; returns a function that waits for the registry.

    The registry is None when it is not there or cannot be read: the table is read all the same.

    Args:
        store: The store.
        layout: The layout of the version.
        ask: Gets the JSON under a key.
    """
    key = *store.name, layout.version
    with _lock:
        moment, registry = remembered.registries.get(key, (0.0, None))
    # A local registry is read anew: this costs nothing, and this process may have built it.
    if store.is_remote and moment and time.monotonic() - moment < KEPT_SECONDS:
        return lambda: registry

    def get() -> dict[str, Any] | None:
        registry = _get_registry(store, layout, ask)
        with _lock:
            remembered.registries[key] = time.monotonic(), registry
        return registry

    if not store.is_remote:
        registry = get()
        return lambda: registry
    return work.begin(get)


def labels_of(
    registry: dict[str, Any] | None, name: str, store: Reader, layout: Layout
) -> dict[str, Any]:
    """Returns the labels of a table from the registry; None for a label that it lacks."""
    acorn = entry(registry, name)
    published = registry or {}
    return {
        "table": name,
        "store": store.url,
        "version": layout.version,
        "snapshot": published.get("snapshot") if acorn else None,
        "published_at": published.get("published_at") if acorn else None,
        **{key: acorn.get(key) for key in ("built_at", "source_state", "state", "reason")},
    }


def is_content(registry: dict[str, Any] | None, name: str, size: int, sha256: str | None) -> bool:
    """Returns whether a file is the one in the registry; files are replaced before the registry."""
    acorn = entry(registry, name)
    return acorn.get("bytes") == size and sha256 in (None, acorn.get("sha256"))


def is_of(registry: dict[str, Any] | None, checked: Iterable[datetime | None]) -> bool:
    """Returns whether partitions are those of a registry, by when each was known to be current.

    Offline, each partition is as of its last read, and the registry as of another time.
    """
    try:
        published = datetime.fromisoformat((registry or {})["published_at"])
        # The time is cut to whole seconds.
        after = published + timedelta(seconds=1)
        return all(moment is None or moment >= after for moment in checked)
    # A registry of before 1.0.0 has no time.
    except (KeyError, TypeError, ValueError):
        return all(moment is None for moment in checked)


def mark(content: "pa.Table", labels: Mapping[str, Any]) -> "pa.Table":
    """Returns a table with labels in the metadata of its schema."""
    texts = {
        f"{_PREFIX}{key}": value if isinstance(value, str) else json.dumps(value)
        for key, value in labels.items()
        if value is not None
    }
    return content.replace_schema_metadata({**(content.schema.metadata or {}), **texts})


def marks(content: "pa.Table") -> dict[str, Any]:
    """Returns the labels that `mark` put into a table's schema, for `attrs`; empty without any."""
    metadata = {k.decode(): v.decode() for k, v in (content.schema.metadata or {}).items()}
    if f"{_PREFIX}table" not in metadata:
        return {}
    labels: dict[str, Any] = {key: metadata.get(f"{_PREFIX}{key}") for key in KEYS}
    if labels["source_state"]:
        labels["source_state"] = json.loads(labels["source_state"])
    if total := metadata.get(f"{_PREFIX}{TOTAL}"):
        labels[TOTAL] = int(total)
    return labels


def warn_if_stale(labels: Mapping[str, Any]) -> None:
    """Warn once in a process of a table that is stale, at the line outside this package."""
    if labels["state"] != "stale":
        return
    key = tuple(str(labels[key]) for key in ("store", "version", "table"))
    with _lock:
        if key in remembered.warned:
            return
        remembered.warned.add(key)
    warnings.warn(
        f"{labels['table']} of {labels['store']}, version {labels['version']}, is stale: "
        f"{labels['reason']}. It has the content of {labels['built_at']}; status() tells of all",
        StaleTable,
        stacklevel=outside(),
    )


def outside() -> int:
    """Returns the `stacklevel` of the first caller outside this package."""
    level, frame = 1, sys._getframe(1)  # noqa: SLF001 as warnings does
    while frame.f_back and frame.f_globals.get("__name__", "").split(".")[0] == "zs_client":
        level, frame = level + 1, frame.f_back
    return level


def _get_registry(
    store: Reader, layout: Layout, ask: Callable[[Reader, str], Any]
) -> dict[str, Any] | None:
    try:
        registry: dict[str, Any] = ask(store, layout.registry)
        if not [acorn["name"] for acorn in registry["acorns"]]:
            return None
        now = store.validated_at(layout.registry) or datetime.now(UTC)
        late = overdue(registry, now) and is_newest(store, layout, ask)
    except (FileNotFoundError, ReadError, StoreError, AttributeError, KeyError, TypeError):
        return None
    if not late:
        return registry
    acorns = [_aged(registry, acorn, now) for acorn in registry["acorns"]]
    return {**registry, "acorns": acorns}


def overdue(registry: Mapping[str, Any], now: datetime) -> bool:
    """Returns whether the schedule of a store is late to publish."""
    every, published = registry.get("expected_every_hours"), registry.get("published_at")
    if not isinstance(every, int | float) or not published:
        return False
    return is_late(now - datetime.fromisoformat(published), every)


def is_late(age: timedelta, every: float) -> bool:
    """Returns whether an age is too long for a schedule that checks every `every` hours."""
    return age > timedelta(hours=every) * LATE


def lateness(age: timedelta, every: float) -> str:
    """Returns the reason for a table that is stale by age only."""
    hours = int(age.total_seconds() // 3600)
    return (
        f"it was last checked {hours} hours ago, and the schedule that keeps this store does so "
        f"every {every:g} hours: tell who keeps it"
    )


def is_newest(store: Reader, layout: Layout, ask: Callable[[Reader, str], Any]) -> bool:
    """Returns whether no later version is listed; a schedule builds only the newest version."""
    try:
        versions = ask(store, VERSIONS_INDEX)
    except FileNotFoundError:
        return True
    return not any(version_order(name) > version_order(layout.name) for name in versions)


def _aged(registry: dict[str, Any], acorn: dict[str, Any], now: datetime) -> dict[str, Any]:
    if acorn.get("state") != "fresh":
        return acorn
    age = now - datetime.fromisoformat(registry["published_at"])
    reason = lateness(age, registry["expected_every_hours"])
    return {**acorn, "state": "stale", "reason": reason}


def entry(registry: dict[str, Any] | None, name: str) -> dict[str, Any]:
    """Returns a table's entry in the registry; empty when the registry does not name the table."""
    acorns = registry["acorns"] if registry else ()
    return next((acorn for acorn in acorns if acorn["name"] == name), {})
