"""JSON that the pipeline keeps in the store: facts, and the heads of documents and answers."""

import json
from typing import Any

from zs_client.store import Store


def parsed(store: Store, key: str, body: bytes | None) -> Any:
    """Returns what lies under a key; None where nothing does.

    Args:
        store: The store.
        key: The key, for the error.
        body: The bytes that lie there; None for none.

    Raises:
        ValueError: They are no JSON.
    """
    try:
        return None if body is None else json.loads(body)
    except ValueError as error:
        raise ValueError(f"{store.at(key)}: cannot be read as JSON: {error}") from error
