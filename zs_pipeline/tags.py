"""Tags of QC metrics: lists of texts until schema 2.1.1, objects from 2.2.0 on."""

from typing import Any

from zs_pipeline.fields import json_text, text, texts


def spellings(tags: Any) -> list[str] | None:
    """A metric's tags as its document's status spells them; None where there are none.

    Args:
        tags: `{"probe": "A"}` gives `probe:A`, `["Drift"]` gives `Drift`.
    """
    if isinstance(tags, dict):
        return [f"{key}:{text(value) or json_text(value) or ''}" for key, value in tags.items()]
    return texts(tags)


def names(tags: Any) -> set[str]:
    """Every text by which a status may name one of a metric's tags.

    Tags that were made objects later leave statuses with the bare value, so both count.
    """
    found = set(spellings(tags) or ())
    if isinstance(tags, dict):
        found.update(t for t in map(text, tags.values()) if t is not None)
    return found
