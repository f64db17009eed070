"""What a reader is told about the rows: version, snapshot, when and from what they were built.

It comes from the registry, which is asked for beside the first table and then kept for a minute,
so that a read costs no request more. Whether a table is stale is warned of here, once.
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
from zs_client.errors import StaleTable, StoreError
from zs_client.store import Reader

if TYPE_CHECKING:
    import pyarrow as pa

KEPT_SECONDS = 60
# A schedule that has not published for this many times as long as it should is late.
LATE = 1.5
# What `attrs` of a frame and, after "zs.", the metadata of an Arrow schema have. Of partitions it
# is what the registry said of the whole table when they were read.
KEYS = (
    *("table", "store", "version", "snapshot", "published_at"),
    *("built_at", "source_state", "state", "reason"),
)
_PREFIX = "zs."

_lock = work.Lock()


def begin(
    store: Reader, layout: Layout, ask: Callable[[Reader, str], Any]
) -> Callable[[], dict[str, Any] | None]:
    """Begin to ask for a registry; what is returned waits for it.

    A registry that is not there or cannot be read is None: the table is read all the same.

    Args:
        store: The store.
        layout: The layout of the version.
        ask: Gets the JSON under a key.
    """
    place = *store.name, layout.version
    with _lock:
        moment, found = remembered.registries.get(place, (0.0, None))
    # What is near is read anew: it costs nothing, and may have been built by this process.
    if store.is_remote and moment and time.monotonic() - moment < KEPT_SECONDS:
        return lambda: found

    def get() -> dict[str, Any] | None:
        told = _asked(store, layout, ask)
        with _lock:
            remembered.registries[place] = time.monotonic(), told
        return told

    if not store.is_remote:
        found = get()
        return lambda: found
    return work.begin(get)


def told(
    registry: dict[str, Any] | None, name: str, store: Reader, layout: Layout
) -> dict[str, Any]:
    """What the registry says about a table; None for each that it does not say."""
    listed = entry(registry, name)
    published = registry or {}
    return {
        "table": name,
        "store": store.url,
        "version": layout.version,
        "snapshot": published.get("snapshot") if listed else None,
        "published_at": published.get("published_at") if listed else None,
        **{key: listed.get(key) for key in ("built_at", "source_state", "state", "reason")},
    }


def is_content(registry: dict[str, Any] | None, name: str, size: int, sha256: str | None) -> bool:
    """Whether a file is the one that the registry tells of; it is replaced before the registry."""
    listed = entry(registry, name)
    if "bytes" not in listed:
        return False
    return listed["bytes"] == size and sha256 in (None, listed.get("sha256"))


def is_of(registry: dict[str, Any] | None, checked: Iterable[datetime | None]) -> bool:
    """Whether a registry tells of partitions, from when each was known to be current.

    Offline, each is of the time when it was last read, and the registry of another.
    """
    try:
        published = datetime.fromisoformat((registry or {})["published_at"])
        # It is told in whole seconds, cut off.
        after = published + timedelta(seconds=1)
        return all(moment is None or moment >= after for moment in checked)
    # A registry of before 1.0.0 tells no time.
    except (KeyError, TypeError, ValueError):
        return all(moment is None for moment in checked)


def unpublished(found: Mapping[str, Any]) -> dict[str, Any]:
    """What is told of a content that is newer than the registry, or older."""
    kept = ("table", "store", "version")
    return {key: value if key in kept else None for key, value in found.items()}


def mark(content: "pa.Table", found: Mapping[str, Any]) -> "pa.Table":
    """A table with what is told about it in the metadata of its schema."""
    texts = {
        f"{_PREFIX}{key}": value if isinstance(value, str) else json.dumps(value)
        for key, value in found.items()
        if value is not None
    }
    return content.replace_schema_metadata({**(content.schema.metadata or {}), **texts})


def marks(content: "pa.Table") -> dict[str, Any]:
    """What `mark` was given, as for `attrs`; empty for a table without."""
    told = {k.decode(): v.decode() for k, v in (content.schema.metadata or {}).items()}
    if f"{_PREFIX}table" not in told:
        return {}
    found: dict[str, Any] = {key: told.get(f"{_PREFIX}{key}") for key in KEYS}
    if found["source_state"]:
        found["source_state"] = json.loads(found["source_state"])
    return found


def warn_if_stale(found: Mapping[str, Any]) -> None:
    """Warn once in a process of a table that is stale, at the line outside this package."""
    if found["state"] != "stale":
        return
    place = tuple(str(found[key]) for key in ("store", "version", "table"))
    with _lock:
        if place in remembered.warned:
            return
        remembered.warned.add(place)
    warnings.warn(
        f"{found['table']} of {found['store']}, version {found['version']}, is stale: "
        f"{found['reason']}. It has the content of {found['built_at']}; status() tells of all",
        StaleTable,
        stacklevel=outside(),
    )


def outside() -> int:
    """The `stacklevel` for whoever calls this: the first line that is not of this package."""
    level, frame = 1, sys._getframe(1)  # noqa: SLF001 as warnings does
    while frame.f_back and frame.f_globals.get("__name__", "").split(".")[0] == "zs_client":
        level, frame = level + 1, frame.f_back
    return level


def _asked(
    store: Reader, layout: Layout, ask: Callable[[Reader, str], Any]
) -> dict[str, Any] | None:
    from zs_client.errors import ReadError

    try:
        found: dict[str, Any] = ask(store, layout.registry)
        names = [each["name"] for each in found["acorns"]]
        if not names:
            return None
        now = store.validated_at(layout.registry) or datetime.now(UTC)
        late = overdue(found, now) and is_newest(store, layout, ask)
    except (FileNotFoundError, ReadError, StoreError, AttributeError, KeyError, TypeError):
        return None
    if late:
        found = {**found, "acorns": [_aged(found, each, now) for each in found["acorns"]]}
    return found


def overdue(registry: Mapping[str, Any], now: datetime) -> bool:
    """Whether the schedule that keeps a store has not published for half as long again."""
    every, published = registry.get("expected_every_hours"), registry.get("published_at")
    if not isinstance(every, int | float) or not published:
        return False
    return is_late(now - datetime.fromisoformat(published), every)


def is_late(age: timedelta, every: float) -> bool:
    """Whether what a schedule looks at every so many hours was not looked at for too long."""
    return age > timedelta(hours=every) * LATE


def lateness(age: timedelta, every: float) -> str:
    """The reason of a table that is stale by age alone."""
    hours = int(age.total_seconds() // 3600)
    return (
        f"it was last checked {hours} hours ago, and the schedule that keeps this store does so "
        f"every {every:g} hours: tell who keeps it"
    )


def is_newest(store: Reader, layout: Layout, ask: Callable[[Reader, str], Any]) -> bool:
    """Whether no later version is listed; a schedule keeps the newest alone."""
    try:
        listed = ask(store, VERSIONS_INDEX)
    except FileNotFoundError:
        return True
    return not any(version_order(name) > version_order(layout.name) for name in listed)


def _aged(registry: dict[str, Any], listed: dict[str, Any], now: datetime) -> dict[str, Any]:
    if listed.get("state") != "fresh":
        return listed
    age = now - datetime.fromisoformat(registry["published_at"])
    reason = lateness(age, registry["expected_every_hours"])
    return {**listed, "state": "stale", "reason": reason}


def entry(registry: dict[str, Any] | None, name: str) -> dict[str, Any]:
    """What the registry has of a table; empty when it does not name it."""
    listed = registry["acorns"] if registry else ()
    return next((found for found in listed if found["name"] == name), {})
