"""Loads a state of the documents from a store that lost some of its files.

Documents of lost files are fetched again by the next update, in `zs_pipeline.documents.update`.
"""

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
    put_state,
    read_head,
)


def load_mended(
    store: Store, progress: Callable[[str], None]
) -> tuple[DocumentState | None, str | None]:
    """Load the latest state without the files that its head names and the store lacks.

    A lost index is made from the shards. Documents of a lost shard are left out of the index, so
    that they are fetched again. A lost list of documents set aside is made again by the sweep.

    Args:
        store: Where the documents lie.
        progress: Receives a sentence for each kind of file that is gone.

    Returns:
        (the state, the ETag of its head), or (None, None) where the store has no documents.
    """
    head, etag = read_head(store)
    if head is None:
        return None, None
    paths = {entry["path"] for entry in store.walk(DOCUMENTS)}
    shard_names = head["shards"]
    lost_shards = [n for n, name in shard_names.items() if keys.shard_key(name) not in paths]
    if keys.state_key(head["state"]) not in paths:
        progress(f"documents: the state {head['state']} is gone from {store.url}; written again")
        put_state(store, head)
    if lost_shards:
        progress(f"documents: {len(lost_shards)} shards are gone from {store.url}; fetched again")
        head["shards"] = {n: name for n, name in shard_names.items() if n not in lost_shards}
    if keys.index_key(head["index"]) not in paths:
        progress(f"documents: the index is gone from {store.url}; made anew")
        bodies = (load_shard(store, name) for name in head["shards"].values())
        pieces = [arrow.decode(body, INDEX_SCHEMA.names).cast(INDEX_SCHEMA) for body in bodies]
        index = (
            pa.concat_tables([INDEX_SCHEMA.empty_table(), *pieces]).sort_by("_id").combine_chunks()
        )
        head["index"] = put_index(store, index)
    else:
        index = load_index(store, head["index"])
        if lost_shards:
            numbers = pa.array([int(number) for number in lost_shards], pa.int16())
            index = index.filter(pc.invert(pc.is_in(index["shard"], numbers))).combine_chunks()
    if keys.set_aside_key(head["set_aside"]) not in paths:
        progress(f"documents: the list of those set aside is gone from {store.url}; made again")
        head["set_aside"] = ""
        return DocumentState(store, head, index), etag
    return DocumentState(store, head, index, load_set_aside(store, head)), etag
