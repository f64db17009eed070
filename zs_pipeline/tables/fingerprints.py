"""Fingerprints of partitions: digests of their documents, of what is known of these, and of code.

For the kinds whose partitions come from the documents; which documents a partition has is decided
in their own modules.
"""

import hashlib
from collections import defaultdict
from collections.abc import Mapping

import pyarrow as pa
import pyarrow.compute as pc

from zs_pipeline import arrow

# Characters that no text in a table has: between columns, between a list's values, for null.
_COLUMN, _ITEM, _NULL = "\x1e", "\x1f", "\x00"


def states(*columns: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Returns a text for each row that differs where a value of any column does."""
    return pc.binary_join_element_wise(*map(_as_text, columns), _COLUMN)


def _as_text(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Returns the values of a column as texts that differ where the values do."""
    if pa.types.is_list(column.type):
        column = pc.binary_join(column, _ITEM)
    return column.cast(pa.string()).fill_null(_NULL)


def by_segment(placed: pa.Table, code: str) -> dict[str, str]:
    """Returns by partition a digest of its documents, their rows and the code.

    Args:
        placed: The partition of each document in `segment`, and its state in `state`.
        code: The version of the table's code.
    """
    of_segments: dict[str, list[str]] = defaultdict(list)
    for segment, state in arrow.values(placed, "segment", "state"):
        of_segments[segment].append(state)
    return {
        segment: hashlib.sha256(
            "\n".join((code, *sorted(of_documents))).encode("utf-8", "replace")
        ).hexdigest()[:32]
        for segment, of_documents in of_segments.items()
    }


def of_all(by_partition: Mapping[str, str]) -> str:
    """Returns a digest of the fingerprints of all partitions."""
    lines = (f"{segment}={fingerprint}" for segment, fingerprint in sorted(by_partition.items()))
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:32]
