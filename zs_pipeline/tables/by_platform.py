"""Tables with a fixed list of partitions; every one of them exists, if without rows.

Rows of data assets whose documents and rows of asset_basics did not change are taken over.
"""

import hashlib
from collections.abc import Iterable, Iterator

from zs_client.contract import encode_partition
from zs_pipeline import arrow, processes
from zs_pipeline.code import of_table
from zs_pipeline.declaration import ASSET_BASICS, ByPlatform
from zs_pipeline.documents import shards
from zs_pipeline.documents.state import WHERE
from zs_pipeline.publishing.commit import Built, Known, Part
from zs_pipeline.tables.inputs import Inputs
from zs_pipeline.tables.reuse import is_current, rows_to_keep_by_platform
from zs_pipeline.tables.with_basics import shards_with_basics, with_reads


def plan(kind: ByPlatform, known: Known, inputs: Inputs, only: Iterable[str] | None) -> Built:
    """Plan the update of a table by platform.

    Args:
        kind: How it is made.
        known: Its facts.
        inputs: The tables that it looks at.
        only: Partitions to compute whether they changed or not; all that changed when None.
    """
    acorn, code = known.acorn, of_table(known.acorn)
    documents, basics = inputs.load_documents(known.store), inputs[ASSET_BASICS]
    state = {"documents": documents.state, **inputs.state()}
    made_from = hashlib.sha256("".join((code, *state.values())).encode()).hexdigest()[:32]
    keys = tuple(state)
    state["index"] = documents.head["index"]
    if only is None and is_current(known.facts, state, code, keys):
        return Built((), state, code, "neither documents nor asset_basics changed")
    platforms = kind.values if only is None else tuple(p for p in kind.values if p in set(only))

    def parts() -> Iterator[Part]:
        kept, ids = (
            rows_to_keep_by_platform(kind, known, documents, basics, code)
            if only is None
            else ({}, None)
        )
        # All platforms come of one pass over the documents, and are unpacked one by one.
        pieces = {name: [kept[name]] if name in kept else [] for name in platforms}
        index = with_reads(kind, documents.rows(ids)).select(WHERE)
        work = shards_with_basics(acorn, kind, documents, index, basics)
        for packed in processes.each(shards.platform_rows, work, index.num_rows):
            for name in packed.keys() & pieces.keys():
                pieces[name].append(packed[name])
        for name in platforms:
            yield Part(encode_partition(name), arrow.unpack(pieces.pop(name), acorn), made_from)

    return Built(parts(), None if only is not None else state, code)
