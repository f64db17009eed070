"""Whether objects are being removed from a version folder, as `_prune.json` says.

A prune announces itself there before it looks for names of objects. A build that named an object
which was there before waits for the prune's end, and brings the object back if it is gone. What is
removed is decided in `zs_pipeline.publishing.prune`.
"""

import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from zs_client.contract import Layout
from zs_client.store import Store
from zs_pipeline.publishing.facts_file import now_text
from zs_pipeline.stored_json import serialized

# A prune says after each batch that it goes on; one that is silent for longer was killed.
SILENT = timedelta(minutes=5)
# Builds take less, so that a prune that ended earlier removed nothing that a running one found.
RECENT = timedelta(hours=12)
_PAUSE = 0.5


def announce(store: Store, layout: Layout) -> None:
    """Say that objects are being removed from now on."""
    store.put(layout.pruning, serialized({"deleting": True, "at": now_text()}))


def conclude(store: Store, layout: Layout, report: dict[str, Any]) -> None:
    """Say that no more objects are removed, and what was."""
    store.put(layout.pruning, serialized({"deleting": False, "at": now_text(), **report}))


def wait_for_end(store: Store, layout: Layout) -> bool:
    """Wait until no object is being removed; returns whether any was in the last hours."""
    last, begun = "", time.monotonic()
    while state := _state(store, layout):
        age = datetime.now(UTC) - datetime.fromisoformat(state["at"])
        if not state["deleting"]:
            return age < RECENT
        if state["at"] != last:
            last, begun = state["at"], time.monotonic()
        if age > SILENT or time.monotonic() - begun > SILENT.total_seconds():
            return True
        time.sleep(_PAUSE)
    return False


def _state(store: Store, layout: Layout) -> dict[str, Any]:
    try:
        state = json.loads(store.get(layout.pruning))
        return {"deleting": bool(state["deleting"]), "at": str(state["at"])}
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return {}
