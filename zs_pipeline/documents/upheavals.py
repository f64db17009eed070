"""Nights on which the documents as a whole are others: most names changed, or most came twice.

No single document is wrong then, so nothing else tells. What is found stands in the head of the
documents until as many states came after it as are kept.
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
    """Yields the field and a sentence for each way in which most documents are others.

    Args:
        old: The index of the documents before.
        new: The index now.
    """
    if not old.num_rows:
        return
    was = old.take(pc.index_in(new["_id"], arrow.column(old, "_id")).combine_chunks())
    both = was["_id"].is_valid()
    names, before = new["name"].filter(both), was["name"].filter(both)
    same = pc.equal(names, before).fill_null(False)  # noqa: FBT003
    unnamed = pc.and_(pc.is_null(names), pc.is_null(before))
    renamed = len(names) - int(pc.sum(pc.or_(same, unnamed)).as_py() or 0)
    if _most(renamed, len(names)):
        yield "name", f"{renamed:,} of {len(names):,} documents have another name than before"
    (of_several, count), (had, _) = _shared(new), _shared(old)
    if _most(of_several - had, count):
        yield (
            "_id",
            f"{of_several:,} of {count:,} names belong to several documents; {had:,} did before",
        )


def _shared(index: pa.Table) -> tuple[int, int]:
    """Returns how many names belong to several documents, and how many names there are."""
    counted = index["name"].drop_null().value_counts()
    several = pc.sum(pc.greater(counted.field("counts"), 1)).as_py()
    return int(several or 0), len(counted)


def _most(count: int, of_all: int) -> bool:
    return count >= FEWEST and count > SHARE * of_all


def findings(documents_head: dict[str, Any]) -> list[Problem]:
    """Returns the upheavals of the states that are kept, as findings."""
    return [
        Problem(None, None, one["field"], f"{one['reason']} ({one['at']})", WARNING)
        for one in documents_head.get("upheavals", ())
    ]
