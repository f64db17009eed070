"""Finds nights on which most documents changed their name, or most names belong to several.

No single document is wrong then, so no other check reports it. An upheaval stays in the head of the
documents as long as the state in which it happened is kept.
"""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from zs_pipeline import arrow
from zs_pipeline.shape.findings import WARNING
from zs_pipeline.shape.problems import Problem

# More than this share of the documents, and more than a few.
SHARE = 0.3
FEWEST = 10


def find(old: pa.Table, new: pa.Table) -> Iterator[tuple[str, str]]:
    """Yields (field, sentence) for each way in which most documents changed.

    Args:
        old: The index of the documents before.
        new: The index now.
    """
    if not old.num_rows:
        return
    was = old.take(pc.index_in(new["_id"], arrow.column(old, "_id")).combine_chunks())
    both = was["_id"].is_valid()
    names, old_names = new["name"].filter(both), was["name"].filter(both)
    same = pc.equal(names, old_names).fill_null(False)  # noqa: FBT003
    unnamed = pc.and_(pc.is_null(names), pc.is_null(old_names))
    renamed = len(names) - int(pc.sum(pc.or_(same, unnamed)).as_py() or 0)
    if _most(renamed, len(names)):
        yield "name", f"{renamed:,} of {len(names):,} documents have another name than before"
    (shared, count), (before, _) = _shared(new), _shared(old)
    if _most(shared - before, count):
        yield (
            "_id",
            f"{shared:,} of {count:,} names belong to several documents; {before:,} did before",
        )


def _shared(index: pa.Table) -> tuple[int, int]:
    """Returns (number of names that belong to several documents, number of names)."""
    counted = index["name"].drop_null().value_counts()
    several = pc.sum(pc.greater(counted.field("counts"), 1)).as_py()
    return int(several or 0), len(counted)


def _most(count: int, total: int) -> bool:
    return count >= FEWEST and count > SHARE * total


def findings(documents_head: dict[str, Any]) -> list[Problem]:
    """Returns the upheavals of the states that are kept, as findings."""
    return [
        Problem(None, None, upheaval["field"], f"{upheaval['reason']} ({upheaval['at']})", WARNING)
        for upheaval in documents_head.get("upheavals", ())
    ]
