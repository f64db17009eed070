"""Merges fetched documents into shards, and sends several shards to the store at a time.

What a shard is, and how its rows are made, is in `zs_pipeline.documents.shards`.
"""

from concurrent.futures import Future, ThreadPoolExecutor

import pyarrow as pa
import pyarrow.compute as pc

from zs_client.store import Store
from zs_pipeline import arrow
from zs_pipeline.documents import keys
from zs_pipeline.documents.shards import INDEX_SCHEMA, SHARD
from zs_pipeline.documents.state import load_shard

# Shards that are sent to the store at a time.
PUTS = 16


class ShardWriter:
    """Writes shards anew.

    Attributes:
        written: The number of shards that were written.
    """

    def __init__(self, store: Store, names: dict[str, str], pool: ThreadPoolExecutor) -> None:
        self.written = 0
        self._store = store
        # The name of each shard in a head, by number; updated as shards are written.
        self._names = names
        self._pool = pool
        # Shards on their way to the store, by name.
        self._sending: dict[str, Future[bool]] = {}
        # The rows of the index of shards that `update_index` has not seen yet.
        self._indexes: dict[int, pa.Table] = {}

    def merge(self, shard: int, drop: set[str], rows: pa.Table) -> None:
        """Write a shard again, without the documents in `drop` and with new rows."""
        name = self._names.get(str(shard))
        if name in self._sending:
            self._sending.pop(name).result()
        content = SHARD.empty_table()
        if name:
            content = arrow.decode(load_shard(self._store, name)).cast(SHARD)
        dropped = drop | set(rows["_id"].to_pylist())
        if dropped and content.num_rows:
            is_dropped = pc.is_in(content["_id"], pa.array(sorted(dropped), pa.string()))
            content = content.filter(pc.invert(is_dropped))
        content = pa.concat_tables([content, rows])
        self.send(shard, content.sort_by([("subject_id", "ascending"), ("_id", "ascending")]))

    def send(self, shard: int, content: pa.Table) -> None:
        """Send a shard's new content to the store."""
        self._indexes[shard] = content.select(INDEX_SCHEMA.names)
        self.written += 1
        if not content.num_rows:
            self._names.pop(str(shard), None)
            return
        body = arrow.encode(content)
        name = self._names[str(shard)] = f"shards/{shard}/{keys.digest_of(body)}"
        if len(self._sending) >= PUTS:
            self._sending.pop(next(iter(self._sending))).result()
        self._sending[name] = self._pool.submit(self._store.put_object, keys.shard_key(name), body)

    def wait(self) -> None:
        """Wait until all shards are in the store."""
        while self._sending:
            self._sending.popitem()[1].result()

    def update_index(self, index: pa.Table) -> pa.Table:
        """Returns the index with new rows for the shards written since the last call."""
        if not self._indexes:
            return index
        written = pa.array(sorted(self._indexes), pa.int16())
        rest = index.filter(pc.invert(pc.is_in(index["shard"], written)))
        index = pa.concat_tables([rest, *self._indexes.values()]).sort_by("_id").combine_chunks()
        self._indexes = {}
        return index
