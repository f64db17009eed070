"""Tables split by a column of asset_basics; only changed partitions are computed.

The fingerprint of a partition covers its documents, their values in the columns of asset_basics
that the table reads, and the code. They are compared where the documents or asset_basics changed.
"""

from collections.abc import Iterable, Iterator
from itertools import chain

import pyarrow as pa
import pyarrow.compute as pc

from zs_pipeline import arrow, processes
from zs_pipeline.code import of_table
from zs_pipeline.declaration import ASSET_BASICS, ByKey
from zs_pipeline.documents import shards
from zs_pipeline.documents.state import WHERE, DocumentState
from zs_pipeline.publishing.facts_file import FactsFile, entries
from zs_pipeline.publishing.table_update import PartitionUpdate, TableUpdate
from zs_pipeline.shape import values as fields
from zs_pipeline.tables import fingerprints, stored_files
from zs_pipeline.tables.inputs import Inputs
from zs_pipeline.tables.reuse import is_current
from zs_pipeline.tables.spools import by_partition
from zs_pipeline.tables.with_basics import shards_with_basics, with_reads


def plan(kind: ByKey, known: FactsFile, inputs: Inputs, only: Iterable[str] | None) -> TableUpdate:
    """Plan the update of a table by key.

    Args:
        kind: How the table is made.
        known: The table's facts.
        inputs: The input tables.
        only: The encoded partitions to compute, changed or not; all that changed when None.
    """
    code = of_table(known.acorn)
    documents = inputs.load_documents(known.store)
    noun = kind.key.removesuffix("_id").replace("_", " ")
    state = {"documents": documents.state, **inputs.state()}
    before = {segment: entry["inputs"] for segment, entry in entries(known.facts).items()}
    before |= known.facts["empty"] if known.facts else {}
    # Partitions that another build, or a person, changed or lost since are seen in their digest.
    present = {**state, "inputs": fingerprints.of_all(before)}
    if only is None and is_current(known.facts, present, code, present):
        return TableUpdate((), present, code, f"no {noun}'s documents changed")
    basics = inputs[ASSET_BASICS]
    placed = _placed(kind, documents, basics)
    now = fingerprints.by_segment(placed, code)
    if only is None:
        compute = {s for s, fingerprint in now.items() if before.get(s) != fingerprint}
        gone = before.keys() - now.keys()
    else:
        compute = set(only) & now.keys()
        gone = (set(only) & before.keys()) - now.keys()
    whole = {**state, "inputs": fingerprints.of_all(now)} if only is None else None
    if not compute and not gone:
        reason = f"no {noun}'s documents changed" if only is None else f"no such {noun} has rows"
        return TableUpdate((), whole, code, reason)

    def partitions() -> Iterator[PartitionUpdate]:
        # A removal without inputs leaves no entry in the facts.
        for segment in sorted(gone):
            yield PartitionUpdate(segment, None)
        index = placed.filter(pc.is_in(placed["segment"], pa.array(sorted(compute), pa.string())))
        work = shards_with_basics(known.acorn, kind, documents, index, basics)
        contents: Iterable[tuple[str, arrow.File | arrow.StoredFile | pa.Table | None]]
        if kind.key == shards.KEY:
            files = stored_files.map_subjects(known, work, index.num_rows)
            contents = chain.from_iterable(files)
        else:
            packed = processes.map_ordered(shards.key_rows, work, index.num_rows)
            contents = by_partition(known.acorn, packed, compute)
        for segment, content in contents:
            yield PartitionUpdate(segment, content, now[segment])

    files = len(compute) + len(gone)
    return TableUpdate(partitions(), whole, code, files=files)


def _placed(kind: ByKey, documents: DocumentState, basics: pa.Table) -> pa.Table:
    """Returns the location, segment and state of each document that the table reads."""
    index = with_reads(kind, documents.index).select([*WHERE, "content"])
    basics = basics.take(pc.index_in(index["_id"], arrow.column(basics, "_id")).combine_chunks())
    values = arrow.column(basics, kind.key).dictionary_encode()
    segments = [fields.segment(value) for value in values.dictionary.to_pylist()]
    segment = pa.array([*segments, fields.segment(None)]).take(
        values.indices.fill_null(len(segments))
    )
    columns = [arrow.column(basics, name) for name in kind.basics]
    state = fingerprints.states(index["_id"], index["content"], *columns)
    return index.append_column("segment", segment).append_column("state", state)
