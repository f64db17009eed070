"""Merges fetched documents into shards, and sends several shards to the store at a time.

What a shard is, and how its rows are made, is in `zs_pipeline.documents.shards`.
"""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from zs_client import work
from zs_client.store import Store
from zs_pipeline import arrow, dask_engine
from zs_pipeline.documents import keys, shards
from zs_pipeline.documents.shards import INDEX_SCHEMA, SHARD, Made
from zs_pipeline.documents.state import load_shard

# Shards that are sent to the store at a time.
PUTS = 16


class NewShards(NamedTuple):
    """Where the shards lie, for a process that puts new ones there.

    Attributes:
        url: The store's URL.
        taken: The numbers of shards that have documents already.
    """

    url: str
    taken: frozenset[int]


def rows_of_new(new: NewShards, rows_of: Callable[..., Made], *arguments: Any) -> Made:
    """Returns the rows that a function makes, once those of new shards lie in the store.

    Args:
        new: Where shards lie.
        rows_of: Makes rows; see `shards.rows`.
        arguments: The arguments of `rows_of`.

    Raises:
        EngineError: The store cannot be written from here.
    """
    made = rows_of(*arguments)
    runs = list(shards.runs(made.rows["shard"].to_pylist()))
    # Batches cut no shard in two that shares its batch.
    if len(runs) < 2 or any(number in new.taken for number, _, _ in runs):
        return made

    stored: dict[int, tuple[str, pa.Table]] = {}
    with work.Threads(PUTS) as pool:
        puts = []
        for number, start, end in runs:
            content = shards.ordered(made.rows.slice(start, end - start))
            name, body = _file(number, content)
            key = keys.shard_key(name)
            puts.append(pool.submit(dask_engine.put_object, new.url, key, body, is_read_again=True))
            stored[number] = name, content.select(INDEX_SCHEMA.names)
        for put in puts:
            put.result()
    return made._replace(rows=SHARD.empty_table(), stored=stored)


def _file(number: int, content: pa.Table) -> tuple[str, bytes]:
    """Returns (name, bytes) of a shard."""
    body = arrow.encode(content)
    return f"shards/{number}/{keys.digest_of(body)}", body


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
        self.send(shard, shards.ordered(pa.concat_tables([content, rows])))

    def take(self, shard: int, drop: set[str], name: str, index: pa.Table) -> None:
        """Take over a shard that lies in the store already; merge it where there is another.

        Args:
            shard: The shard's number.
            drop: Documents to take out of what was there before.
            name: The name of the shard that lies in the store.
            index: Its rows of the index.
        """
        if str(shard) in self._names:
            self.merge(shard, drop, arrow.decode(load_shard(self._store, name)).cast(SHARD))
            return
        self._names[str(shard)] = name
        self._indexes[shard] = index
        self.written += 1

    def send(self, shard: int, content: pa.Table) -> None:
        """Send a shard's new content to the store."""
        self._indexes[shard] = content.select(INDEX_SCHEMA.names)
        self.written += 1
        if not content.num_rows:
            self._names.pop(str(shard), None)
            return
        name, body = _file(shard, content)
        self._names[str(shard)] = name
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
