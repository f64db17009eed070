"""Documents beside their rows of asset_basics, for the kinds that make rows from both.

Shared by `zs_pipeline.tables.by_key` and `zs_pipeline.tables.by_platform`; rows are made in
`zs_pipeline.documents.shards`.
"""

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from zs_pipeline import arrow
from zs_pipeline.dask_engine import StoredShard
from zs_pipeline.declaration import Acorn, ByKey, ByLineage, ByPlatform
from zs_pipeline.documents.state import WHERE, DocumentState


def with_reads(kind: ByKey | ByLineage | ByPlatform, index: pa.Table) -> pa.Table:
    """Returns the rows of an index whose documents may have the core files that a table reads."""
    cores = {read.steps[0] for read in kind.reads}
    return index.filter(index["has_qc"]) if cores == {"quality_control"} else index


def shards_with_basics(
    acorn: Acorn,
    kind: ByKey | ByPlatform,
    documents: DocumentState,
    index: pa.Table,
    basics: pa.Table,
) -> Iterator[tuple[Acorn, ByKey | ByPlatform, bytes | StoredShard, pa.Array, pa.Table]]:
    """Read the shards of some documents, each with the documents' rows of asset_basics.

    Args:
        acorn: The declaration.
        kind: How the table is made.
        documents: The state that has the shards.
        index: The rows of the documents in the index.
        basics: The rows of asset_basics.

    Yields:
        The arguments of a function of `documents.shards`.
    """
    # One look-up for all: separate ones for 256 shards took a second for every 20,000 documents.
    places = pc.index_in(index["_id"], arrow.column(basics, "_id"))
    for body, placed in documents.shards_to_send(
        index.select(WHERE).append_column("place", places)
    ):
        rows = basics.take(arrow.column(placed, "place"))
        yield acorn, kind, body, arrow.column(placed, "_id"), rows
