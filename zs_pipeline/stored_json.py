"""JSON that the pipeline keeps in the store: facts, and the heads of documents and answers."""

import json
from typing import Any

import orjson

from zs_client.store import Store


def parsed(store: Store, key: str, body: bytes | None) -> Any:
    """Returns the value of a JSON body; None for no body.

    Args:
        store: The store, for the error.
        key: The key of the body, for the error.
        body: The bytes under the key; None where the store has no such key.

    Raises:
        ValueError: The body is no JSON.
    """
    try:
        return None if body is None else json.loads(body)
    except ValueError as error:
        raise ValueError(f"{store.at(key)}: cannot be read as JSON: {error}") from error


def sorted_json(value: Any) -> bytes:
    """Returns a value as JSON that is the same for equal values, to compare them.

    The facts of 8,000 partitions are compared three times a night; `json` takes ten times as long.
    """
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError:
        # Such as an integer beyond 64 bits.
        return json.dumps(value, sort_keys=True).encode()


def serialized(value: Any) -> bytes:
    """Returns a value as facts and the registry are written."""
    return json.dumps(value, ensure_ascii=False, indent=1).encode()
