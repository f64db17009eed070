"""Fingerprints of partitions: digests of their documents, of what is known of these, and of code.

For the kinds whose partitions come from the documents: only partitions of another fingerprint are
computed. Which documents a partition has is decided in their own modules.
"""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from zs_pipeline import arrow
from zs_pipeline.code import of_table
from zs_pipeline.publishing.facts_file import FactsFile, entries
from zs_pipeline.publishing.table_update import PartitionUpdate, TableUpdate
from zs_pipeline.shape import values as fields
from zs_pipeline.tables.inputs import Inputs
from zs_pipeline.tables.reuse import is_current

Content: TypeAlias = arrow.File | arrow.StoredFile | pa.Table | None

# Characters that no text in a table has: between columns, between a list's values, for null.
_COLUMN, _ITEM, _NULL = "\x1e", "\x1f", "\x00"


def plan(
    known: FactsFile,
    inputs: Inputs,
    only: Iterable[str] | None,
    *,
    noun: str,
    unchanged: str,
    place: Callable[[], pa.Table],
    contents: Callable[[pa.Table], Iterable[tuple[str, Content]]],
) -> TableUpdate:
    """Plan the update of the partitions whose fingerprint is another one.

    Args:
        known: The table's facts.
        inputs: The input tables.
        only: The encoded partitions to compute, changed or not; all that changed when None.
        noun: What a partition is of, for the reason why nothing is computed.
        unchanged: Why nothing is computed where the inputs are those of the last build.
        place: Returns the documents, with the partition of each in `segment`, and its state in
            `state`.
        contents: Returns (encoded partition, content) of those documents' partitions.
    """
    code = of_table(known.acorn)
    state = {"documents": inputs.load_documents(known.store).state, **inputs.state()}
    before = {segment: entry["inputs"] for segment, entry in entries(known.facts).items()}
    before |= known.facts["empty"] if known.facts else {}
    # Partitions that another build, or a person, changed or lost since are seen in their digest.
    present = {**state, "inputs": of_all(before)}
    if only is None and is_current(known.facts, present, code, present):
        return TableUpdate((), present, code, unchanged)
    placed = place()
    now = by_segment(placed, code)
    if only is None:
        compute = {s for s, fingerprint in now.items() if before.get(s) != fingerprint}
        gone = before.keys() - now.keys()
    else:
        compute = set(only) & now.keys()
        gone = (set(only) & before.keys()) - now.keys()
    made_from = {**state, "inputs": of_all(now)} if only is None else None
    if not compute and not gone:
        reason = f"no {noun}'s documents changed" if only is None else f"no such {noun} has rows"
        return TableUpdate((), made_from, code, reason)

    def partitions() -> Iterator[PartitionUpdate]:
        # A removal without inputs leaves no entry in the facts.
        for segment in sorted(gone):
            yield PartitionUpdate(segment, None)
        segments = pa.array(sorted(compute), pa.string())
        for segment, content in contents(placed.filter(pc.is_in(placed["segment"], segments))):
            yield PartitionUpdate(segment, content, now[segment])

    return TableUpdate(partitions(), made_from, code, files=len(compute) + len(gone))


def segments_of(values: pa.Array) -> pa.Array:
    """Returns the encoded partition of each value."""
    values = values.dictionary_encode()
    segments = [fields.segment(value) for value in values.dictionary.to_pylist()]
    return pa.array([*segments, fields.segment(None)], pa.string()).take(
        values.indices.fill_null(len(segments))
    )


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
