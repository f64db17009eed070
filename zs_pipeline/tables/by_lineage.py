"""Tables split by the origins of documents; only changed partitions are computed.

A document may have several origins, and the rows of a partition depend on all of its documents. The
fingerprint of a partition covers its documents, their places in their lineage, their values in the
columns of asset_basics that the table reads, and the code. Which origins a document has is decided
by the acorn.
"""

from collections.abc import Iterable, Iterator
from itertools import chain

import pyarrow as pa
import pyarrow.compute as pc

from zs_pipeline import arrow, processes
from zs_pipeline.dask_engine import StoredShard
from zs_pipeline.declaration import ASSET_BASICS, Acorn, ByLineage
from zs_pipeline.documents import shards
from zs_pipeline.documents.state import WHERE, DocumentState
from zs_pipeline.publishing.facts_file import FactsFile
from zs_pipeline.publishing.table_update import TableUpdate
from zs_pipeline.tables import fingerprints, stored_files
from zs_pipeline.tables.inputs import Inputs
from zs_pipeline.tables.spools import spooled
from zs_pipeline.tables.with_basics import with_reads

# Columns of the plan, which those who make rows do not need.
_OF_PLAN = ("shard", "content", "segment", "state")


def plan(
    kind: ByLineage, known: FactsFile, inputs: Inputs, only: Iterable[str] | None
) -> TableUpdate:
    """Plan the update of a table by lineage.

    Args:
        kind: How the table is made.
        known: The table's facts.
        inputs: The input tables.
        only: The encoded partitions to compute, changed or not; all that changed when None.
    """
    acorn, documents = known.acorn, inputs.load_documents(known.store)

    def contents(rows: pa.Table) -> Iterable[tuple[str, fingerprints.Content]]:
        is_whole = pc.is_in(rows["segment"], _in_one_shard(rows))
        whole, parted = rows.filter(is_whole), rows.filter(pc.invert(is_whole))
        work = _work(acorn, kind, documents, whole)
        files = stored_files.map_lineage(known, work, whole.num_rows)
        return chain(chain.from_iterable(files), _parted(acorn, kind, documents, parted))

    return fingerprints.plan(
        known,
        inputs,
        only,
        noun=kind.column.replace("_", " "),
        unchanged="neither documents nor their lineage changed",
        place=lambda: _placed(kind, documents, inputs),
        contents=contents,
    )


def _placed(kind: ByLineage, documents: DocumentState, inputs: Inputs) -> pa.Table:
    """Returns the location, place, segment and state of each document, once for each origin."""
    index = with_reads(kind, documents.index).select([*WHERE, "content"])
    places, basics = kind.places(inputs), inputs[ASSET_BASICS]
    at = pc.index_in(places["_id"], arrow.column(index, "_id"))
    places = places.filter(at.is_valid()).combine_chunks()
    index = index.take(at.drop_null())
    basics = basics.take(pc.index_in(index["_id"], arrow.column(basics, "_id")).combine_chunks())
    for name in places.schema.names:
        if name != "_id":
            index = index.append_column(name, places[name])
    for name in kind.basics:
        index = index.append_column(name, basics[name])
    known = [name for name in index.schema.names if name != "shard"]
    state = fingerprints.states(*(arrow.column(index, name) for name in known))
    segment = fingerprints.segments_of(arrow.column(index, kind.column))
    return index.append_column("segment", segment).append_column("state", state)


def _in_one_shard(rows: pa.Table) -> pa.Array:
    """Returns the segments whose documents all lie in one shard, as those of a subject do."""
    counts = rows.group_by("segment").aggregate([("shard", "min"), ("shard", "max")])
    return arrow.column(
        counts.filter(pc.equal(counts["shard_min"], counts["shard_max"])), "segment"
    )


def _work(
    acorn: Acorn, kind: ByLineage, documents: DocumentState, rows: pa.Table
) -> Iterator[tuple[Acorn, ByLineage, bytes | StoredShard, pa.Table]]:
    """Yields the arguments of a function of `documents.shards`, shard by shard."""
    names = [name for name in rows.schema.names if name not in _OF_PLAN]
    for body, placed in documents.shards_to_send(rows):
        yield acorn, kind, body, placed.select(names).combine_chunks()


def _parted(
    acorn: Acorn, kind: ByLineage, documents: DocumentState, rows: pa.Table
) -> Iterator[tuple[str, arrow.File | None]]:
    """Yields (segment, file) of partitions whose documents lie in several shards."""
    if not rows.num_rows:
        return
    work = _work(acorn, kind, documents, rows)
    pieces = processes.map_ordered(shards.lineage_pieces, work, rows.num_rows)
    segments = rows["segment"].unique().to_pylist()
    calls = ((acorn, kind, of_spool) for of_spool in spooled(pieces, segments))
    for files in processes.map_ordered(shards.files_of_pieces, calls, rows.num_rows):
        yield from files
