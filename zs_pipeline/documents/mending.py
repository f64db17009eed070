"""Documents whose files are gone from the store: what of a state is left, and its head without it.

What is left out is fetched again by the next update, in `zs_pipeline.documents.update`.
"""

import json
from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc

from zs_client.contract import DOCUMENTS
from zs_client.store import Store
from zs_pipeline import arrow
from zs_pipeline.documents import keys
from zs_pipeline.documents.shards import INDEX_SCHEMA
from zs_pipeline.documents.state import (
    DocumentState,
    load_index,
    load_set_aside,
    load_shard,
    put_index,
    read_head,
)


def load_mended(
    store: Store, progress: Callable[[str], None]
) -> tuple[DocumentState | None, str | None]:
    """Load the latest state without what the head names and the store lacks.

    The index is made anew from the shards; documents of a shard that is gone are left out of it,
    so that they are fetched again; what was set aside is found again by the sweep.

    Args:
        store: Where the documents lie.
        progress: Told what is gone.

    Returns:
        The state, and the ETag of the head as it lies in the store; None for both where there is
        none.
    """
    head, etag = read_head(store)
    if head is None:
        return None, None
    there = {entry["path"] for entry in store.walk(DOCUMENTS)}
    shard_names = head["shards"]
    lost = [n for n, name in shard_names.items() if keys.shard_key(name) not in there]
    without_index = keys.index_key(head["index"]) not in there
    without_aside = keys.set_aside_key(head["set_aside"]) not in there
    if keys.state_key(head["state"]) not in there:
        progress(f"documents: the state {head['state']} is gone from {store.url}; put again")
        store.put(keys.state_key(head["state"]), json.dumps(head, indent=1).encode())
    if lost:
        progress(f"documents: {len(lost)} shards are gone from {store.url}; fetched again")
        head["shards"] = {n: name for n, name in shard_names.items() if n not in lost}
    if without_index:
        progress(f"documents: the index is gone from {store.url}; made anew")
        bodies = (load_shard(store, name) for name in head["shards"].values())
        pieces = [arrow.decode(body, INDEX_SCHEMA.names).cast(INDEX_SCHEMA) for body in bodies]
        index = (
            pa.concat_tables([INDEX_SCHEMA.empty_table(), *pieces]).sort_by("_id").combine_chunks()
        )
        head["index"] = put_index(store, index)
    else:
        index = load_index(store, head["index"])
        if lost:
            numbers = pa.array([int(number) for number in lost], pa.int16())
            index = index.filter(pc.invert(pc.is_in(index["shard"], numbers))).combine_chunks()
    if without_aside:
        progress(f"documents: what was set aside is gone from {store.url}; looked for again")
        head["set_aside"] = ""
        return DocumentState(store, head, index), etag
    return DocumentState(store, head, index, load_set_aside(store, head)), etag
