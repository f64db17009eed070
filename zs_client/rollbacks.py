"""Which snapshot readers got while a version was rolled back, of the record that keepers write.

Builds go on behind a rollback: their snapshots are in the list, and were not published.
"""

from datetime import datetime
from typing import Any

from zs_client import fetch
from zs_client.contract import Layout
from zs_client.errors import ReadError
from zs_client.store import Store, Unreadable


def held_at(store: Store, layout: Layout, moment: datetime) -> str | None:
    """Returns the id of the earlier snapshot that was published at a moment; None for the latest.

    Raises:
        ReadError: The record cannot be read; offline it need not be in the local cache.
    """
    try:
        record = fetch.get_json(store, layout.rollback)
    except FileNotFoundError:
        return None
    except ReadError as error:
        if isinstance(error.__cause__, Unreadable):
            return None
        raise
    try:
        events: list[dict[str, Any]] = record["history"]
        before = [event for event in events if datetime.fromisoformat(event["at"]) < moment]
        if not before:
            return None
        last = before[-1]
        # What ends a rollback, or rolls back further, begins at what was published.
        is_held = (
            events[len(before)]["from"] == last["to"]
            if len(before) < len(events)
            else bool(record["hold"])
        )
        return str(last["to"]) if is_held else None
    except (KeyError, TypeError, ValueError) as error:
        raise ReadError(
            f"{store.at(layout.rollback)}: is no record of rollbacks; tell who keeps the store"
        ) from error
