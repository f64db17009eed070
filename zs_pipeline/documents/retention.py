"""Decides which former states of the documents stay readable, and removes all other files.

What a state holds is in `zs_pipeline.documents.state`.
"""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from zs_client.contract import DOCUMENTS
from zs_client.store import Store
from zs_pipeline.documents import keys

# Former indexes and states that stay readable: a table's last build is compared with one of them.
KEPT_STATES = 14
UNUSED_FOR = timedelta(days=2)
# What lies beside them is no file of a state, such as why the documents could not be updated.
_FOLDERS = ("shards", "index", "set_aside", "states")


def with_latest(names: list[str], name: str) -> list[str]:
    """Returns the last `KEPT_STATES` names, each once, with the latest at the end."""
    return list(dict.fromkeys(reversed([*names, name])))[:KEPT_STATES][::-1]


def forget(store: Store, documents_head: dict[str, Any], now: datetime) -> None:
    """Remove files that no kept head names; a build that still reads them has two days.

    Args:
        store: Where the documents lie.
        documents_head: The head of the current state.
        now: The present time.
    """
    before = now - UNUSED_FOR
    old = [entry["path"] for entry in _unused(store, documents_head, before)]
    store.delete_older(old, before)


def unused(store: Store, now: datetime) -> list[dict[str, Any]]:
    """Returns the entries of files that no kept head names, as `forget` removes them.

    A build that was killed leaves some, and a night without a change removes none.

    Args:
        store: Where the documents lie.
        now: The present time.
    """
    body, _ = store.get_if_there(keys.DOCUMENTS_HEAD)
    if body is None:
        return []
    return list(_unused(store, json.loads(body), now - UNUSED_FOR))


def _unused(
    store: Store, documents_head: dict[str, Any], before: datetime
) -> Iterator[dict[str, Any]]:
    used = _shards_and_set_aside(documents_head)
    used |= {keys.index_key(name) for name in documents_head["indexes"]}
    used |= {keys.state_key(state) for state in documents_head["states"]}
    used |= _used_since(store, documents_head, before)
    for folder in _FOLDERS:
        for entry in store.walk(f"{DOCUMENTS}/{folder}"):
            if entry["path"] not in used and entry["last_modified"] < before:
                yield entry


def _used_since(store: Store, documents_head: dict[str, Any], since: datetime) -> set[str]:
    """Returns the keys named by states that were the latest state at some time after `since`."""
    used: set[str] = set()
    following = documents_head
    for state in reversed(documents_head["states"][:-1]):
        if datetime.fromisoformat(following["updated_at"]) < since:
            break
        try:
            following = json.loads(store.get(keys.state_key(state)))
        except FileNotFoundError:
            break
        used |= _shards_and_set_aside(following)
    return used


def _shards_and_set_aside(documents_head: dict[str, Any]) -> set[str]:
    shards = map(keys.shard_key, documents_head["shards"].values())
    return {*shards, keys.set_aside_key(documents_head["set_aside"])}
