"""Which tables a registry says are behind, and whether each failed itself or was skipped.

How a table is marked is in `zs_pipeline.publishing.facts_file`, what the registry says of it in
`zs_pipeline.publishing.squirrel`.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass

from zs_client.contract import Layout
from zs_client.store import Store
from zs_pipeline.catalogue import Catalogue
from zs_pipeline.publishing.squirrel import is_skipped

FAILED, SKIPPED, MISSING = "failed", "skipped", "missing"


@dataclass(frozen=True)
class Behind:
    """A table that is not current.

    Attributes:
        name: The acorn's.
        state: `failed` itself; `skipped`, since what it is made from is not current; `missing`,
            never built to its end.
        why: The reason, as a sentence.
        since: When its content last changed; empty where it has none.
    """

    name: str
    state: str
    why: str
    since: str


def behind(store: Store, layout: Layout, catalogue: Catalogue) -> list[Behind]:
    """Returns the tables that are not current, those that failed themselves first.

    Args:
        store: Where the registry lies.
        layout: The layout of the version.
        catalogue: The tables.

    Raises:
        FileNotFoundError: None was published.
    """
    registry = json.loads(store.get(layout.registry))
    entries = {entry["name"]: entry for entry in registry["acorns"]}
    return sorted(_behind(entries, catalogue), key=lambda table: table.state != FAILED)


def _behind(entries: dict[str, dict[str, str]], catalogue: Catalogue) -> Iterator[Behind]:
    not_current: set[str] = set()
    for acorn in catalogue.in_order:
        entry = entries.get(acorn.name)
        above = [name for name in catalogue.made_from(acorn) if name in not_current]
        if entry is None:
            state, why = MISSING, "it was never built to its end"
        elif entry["state"] == "stale" and not is_skipped(entry["reason"]):
            state, why = FAILED, entry["reason"]
        elif above:
            state, why = SKIPPED, f"it is made from {', '.join(above)}"
        elif entry["state"] == "stale":
            state, why = SKIPPED, entry["reason"]
        else:
            continue
        not_current.add(acorn.name)
        yield Behind(acorn.name, state, why, entry["built_at"] or "" if entry else "")
