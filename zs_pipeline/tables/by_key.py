"""Tables split by a column of asset_basics; only changed partitions are computed.

The fingerprint of a partition covers its documents, their values in the columns of asset_basics
that the table reads, and the code. They are compared where the documents or asset_basics changed.
"""

from collections.abc import Iterable
from itertools import chain

import pyarrow as pa
import pyarrow.compute as pc

from zs_pipeline import arrow, processes
from zs_pipeline.declaration import ASSET_BASICS, ByKey
from zs_pipeline.documents import shards
from zs_pipeline.documents.state import WHERE, DocumentState
from zs_pipeline.publishing.facts_file import FactsFile
from zs_pipeline.publishing.table_update import TableUpdate
from zs_pipeline.tables import fingerprints, stored_files
from zs_pipeline.tables.inputs import Inputs
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
    documents = inputs.load_documents(known.store)

    def place() -> pa.Table:
        return _placed(kind, documents, inputs[ASSET_BASICS])

    def contents(index: pa.Table) -> Iterable[tuple[str, fingerprints.Content]]:
        work = shards_with_basics(known.acorn, kind, documents, index, inputs[ASSET_BASICS])
        if kind.key == shards.KEY:
            files = stored_files.map_subjects(known, work, index.num_rows)
            return chain.from_iterable(files)
        packed = processes.map_ordered(shards.key_rows, work, index.num_rows)
        return by_partition(known.acorn, packed, index["segment"].unique().to_pylist())

    noun = kind.key.removesuffix("_id").replace("_", " ")
    return fingerprints.plan(
        known,
        inputs,
        only,
        noun=noun,
        unchanged=f"no {noun}'s documents changed",
        place=place,
        contents=contents,
    )


def _placed(kind: ByKey, documents: DocumentState, basics: pa.Table) -> pa.Table:
    """Returns the location, segment and state of each document that the table reads."""
    index = with_reads(kind, documents.index).select([*WHERE, "content"])
    basics = basics.take(pc.index_in(index["_id"], arrow.column(basics, "_id")).combine_chunks())
    segment = fingerprints.segments_of(arrow.column(basics, kind.key))
    columns = [arrow.column(basics, name) for name in kind.basics]
    state = fingerprints.states(index["_id"], index["content"], *columns)
    return index.append_column("segment", segment).append_column("state", state)
