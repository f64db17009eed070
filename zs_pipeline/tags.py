"""Tags of QC metrics: lists of texts until schema 2.1.1, objects from 2.2.0 on."""

from typing import Any

from zs_pipeline.shape.values import json_text, text, texts


def spellings(tags: Any) -> list[str] | None:
    """Returns a metric's tags as its document's status spells them; None for no tags.

    Args:
        tags: `{"probe": "A"}` gives `probe:A`, `["Drift"]` gives `Drift`.
    """
    if isinstance(tags, dict):
        return [f"{key}:{text(value) or json_text(value) or ''}" for key, value in tags.items()]
    return texts(tags)


def bare_values(tags: Any) -> list[str]:
    """Returns the values of a metric's tags without their keys; none for a list of tags.

    Documents whose tags became objects later have statuses of the bare values.
    """
    values = tags.values() if isinstance(tags, dict) else ()
    return [t for t in map(text, values) if t is not None]
