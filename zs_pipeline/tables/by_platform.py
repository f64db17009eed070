"""Tables with a fixed list of partitions; each partition exists, even without rows.

Rows of data assets whose documents and rows of asset_basics did not change are reused. The number
of documents that each partition lost since the last build is reported.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator

import pyarrow as pa
import pyarrow.compute as pc

from zs_client.contract import encode_partition
from zs_pipeline import arrow, processes
from zs_pipeline.code import of_table
from zs_pipeline.declaration import ASSET_BASICS, ByPlatform
from zs_pipeline.documents import shards
from zs_pipeline.documents.state import WHERE
from zs_pipeline.publishing.facts_file import FactsFile
from zs_pipeline.publishing.table_update import PartitionUpdate, TableUpdate
from zs_pipeline.tables.inputs import Inputs
from zs_pipeline.tables.reuse import basics_then, changed_rows, is_current, rows_to_keep_by_platform
from zs_pipeline.tables.with_basics import shards_with_basics, with_reads


def plan(
    kind: ByPlatform,
    known: FactsFile,
    inputs: Inputs,
    only: Iterable[str] | None,
    progress: Callable[[str], None],
) -> TableUpdate:
    """Plan the update of a table by platform.

    Args:
        kind: How the table is made.
        known: The table's facts.
        inputs: The input tables.
        only: Partitions to compute, changed or not; all that changed when None.
        progress: Receives a sentence about lost documents.
    """
    acorn, code = known.acorn, of_table(known.acorn)
    documents, basics = inputs.load_documents(known.store), inputs[ASSET_BASICS]
    state = {"documents": documents.state, **inputs.state()}
    made_from = hashlib.sha256("".join((code, *state.values())).encode()).hexdigest()[:32]
    keys = tuple(state)
    state["index"] = documents.head["index"]
    if only is None and is_current(known.facts, state, code, keys):
        return TableUpdate((), state, code, "neither documents nor asset_basics changed")
    platforms = kind.values if only is None else tuple(p for p in kind.values if p in set(only))

    def partitions() -> Iterator[PartitionUpdate]:
        reused: dict[str, bytes] = {}
        ids = None
        then = basics_then(known, basics) if only is None else None
        if then is not None:
            changed = changed_rows(then, basics)
            if lost := _lost_by_platform(kind, then, basics, changed):
                progress(f"{acorn.name}: {lost}")
            reused, ids = rows_to_keep_by_platform(kind, known, documents, changed, code)
        # One pass over the documents gives the rows of all platforms, unpacked one by one.
        pieces = {name: [reused[name]] if name in reused else [] for name in platforms}
        index = with_reads(kind, documents.rows(ids)).select(WHERE)
        work = shards_with_basics(acorn, kind, documents, index, basics)
        for packed in processes.map_ordered(shards.platform_rows, work, index.num_rows):
            for name in packed.keys() & pieces.keys():
                pieces[name].append(packed[name])
        for name in platforms:
            yield PartitionUpdate(
                encode_partition(name), arrow.unpack(pieces.pop(name), acorn), made_from
            )

    return TableUpdate(partitions(), None if only is not None else state, code)


def _lost_by_platform(kind: ByPlatform, then: pa.Table, basics: pa.Table, changed: set[str]) -> str:
    """Returns a sentence on the documents that platforms lost since the rows `then`, or "".

    `changed` has the documents whose rows differ; they may belong to another platform now.
    """
    looked_at = pa.array(sorted(changed), pa.string())
    now = basics.filter(pc.is_in(basics["_id"], looked_at)).to_pylist()
    belongs = {row["_id"]: set(kind.belongs(row)) for row in now}
    gone = pc.invert(pc.is_in(then["_id"], arrow.column(basics, "_id")))
    went = then.filter(pc.or_(gone, pc.is_in(then["_id"], looked_at))).to_pylist()
    lost = Counter(
        value for row in went for value in set(kind.belongs(row)) - belongs.get(row["_id"], set())
    )
    if not lost:
        return ""
    had = Counter(value for row in then.to_pylist() for value in kind.belongs(row))
    losses = ", ".join(f"{lost[v]:,} of {had[v]:,} of {v}" for v in kind.values if lost[v])
    return f"documents that it had and has no longer, by {kind.column}: {losses}"
