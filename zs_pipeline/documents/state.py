"""The states of the documents: what the store keeps, how a state is loaded, and how it is read.

Shards by hash of the subject hold the projected documents, one JSON column for each core file. The
index has a row for each document, with a digest of its content. Shards and indexes never change;
`documents.json`, the head, names the current ones. All lie outside the version folders, so that a
new release fetches nothing. How a state is brought up to date is in `zs_pipeline.documents.update`;
what a document means is in `zs_pipeline.shape.values` and the acorns.
"""

import json
from collections import deque
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from zs_client import work
from zs_client.store import Store
from zs_pipeline import arrow, processes, run_scope
from zs_pipeline.dask_engine import StoredShard
from zs_pipeline.declaration import CORE
from zs_pipeline.documents import keys, shards
from zs_pipeline.documents.shards import INDEX_SCHEMA
from zs_pipeline.shape.problems import Problem
from zs_pipeline.stored_json import parsed

# Shards that are read ahead.
AHEAD = 4
# So few documents are gathered from their shards once: all of a night's tables read the documents
# that changed.
FEW = 1000
# Columns of the index that say where a document lies.
WHERE = ("shard", "_id")


@dataclass
class DocumentState:
    """One state of the documents.

    Attributes:
        head: `documents.json`.
        index: One row for each document, in `INDEX_SCHEMA`.
        set_aside: Findings about documents that cannot be used.
        gathered: A few documents by their ids, in the form of a shard; `load` reuses them.
    """

    store: Store
    head: dict[str, Any]
    index: pa.Table
    set_aside: list[Problem] = field(default_factory=list)
    gathered: dict[frozenset[str], bytes] = field(default_factory=dict)

    @property
    def state(self) -> str:
        """The name of this state; equal contents have the same name."""
        return str(self.head["state"])

    def read(
        self, cores: Collection[str] = CORE, *, ids: set[str] | None = None
    ) -> Iterator[list[dict[str, Any]]]:
        """Read documents shard by shard, so that memory depends on the size of a shard.

        Args:
            cores: The core files to parse; the others become `{}` when present.
            ids: The documents to read, from their shards alone; all when None.

        Yields:
            The documents of one shard, as `shards.parse` gives them.
        """
        there = [core for core in CORE if core not in cores]
        for body, rows in self.shards(self.rows(ids).select(WHERE)):
            yield list(shards.parse(body, cores, there, ids=arrow.column(rows, "_id")))

    def rows(self, ids: set[str] | None) -> pa.Table:
        """Returns the rows of the index for some documents; all of them when None."""
        if ids is None:
            return self.index
        return self.index.filter(pc.is_in(self.index["_id"], pa.array(sorted(ids), pa.string())))

    def shards(self, rows: pa.Table) -> Iterator[tuple[bytes, pa.Table]]:
        """Read the shards of some documents, in order and ahead; a few documents are gathered.

        Args:
            rows: A row for each document, with `shard`, `_id` and any other columns.

        Yields:
            (the bytes of a shard, the rows of the documents that lie in the shard).
        """
        if 0 < rows.num_rows <= FEW:
            yield self._gather(rows), rows
        else:
            yield from self._shards(rows)

    def shards_to_send(self, rows: pa.Table) -> Iterator[tuple[bytes | StoredShard, pa.Table]]:
        """Yields the same for `processes.map_ordered`, without the bytes that a worker reads."""
        if not processes.are_elsewhere() or 0 < rows.num_rows <= FEW:
            yield from self.shards(rows)
            return
        rows = rows.sort_by("shard").combine_chunks()
        for number, start, end in shards.runs(rows["shard"].to_pylist()):
            key = keys.shard_key(self.head["shards"][str(number)])
            yield StoredShard(self.store.url, key), rows.slice(start, end - start)

    def _gather(self, rows: pa.Table) -> bytes:
        ids = frozenset(rows["_id"].to_pylist())
        for gathered_ids, body in self.gathered.items():
            if ids <= gathered_ids:
                return body
        pieces = []
        for body, shard_rows in self._shards(rows):
            content = arrow.decode(body)
            pieces.append(content.filter(pc.is_in(content["_id"], arrow.column(shard_rows, "_id"))))
        # Only the last set is kept: a night has one set of changed documents.
        self.gathered.clear()
        self.gathered[ids] = arrow.encode(pa.concat_tables(pieces))
        return self.gathered[ids]

    def _shards(self, rows: pa.Table) -> Iterator[tuple[bytes, pa.Table]]:
        rows = rows.sort_by("shard").combine_chunks()
        runs = list(shards.runs(rows["shard"].to_pylist()))
        with work.Threads(AHEAD) as pool:
            ahead = deque(pool.submit(self._shard, number) for number, _, _ in runs[:AHEAD])
            for number, (_, start, end) in enumerate(runs, AHEAD):
                body = ahead.popleft().result()
                if number < len(runs):
                    ahead.append(pool.submit(self._shard, runs[number][0]))
                yield body, rows.slice(start, end - start)

    def _shard(self, number: int) -> bytes:
        return load_shard(self.store, self.head["shards"][str(number)])


@dataclass
class LoadedDocuments:
    """The documents that a run last read from a store; see `DocumentState`.

    There is no attribute `store`, or the store would hold itself.

    Attributes:
        latest: The state that was the latest then; None when the head was not read.
    """

    latest: str | None = None
    head: dict[str, Any] = field(default_factory=dict)
    index: pa.Table | None = None
    set_aside: list[Problem] = field(default_factory=list)
    gathered: dict[frozenset[str], bytes] = field(default_factory=dict)


def load(store: Store, state: str = "") -> DocumentState:
    """Load a state; an index that the run has already loaded is reused.

    Args:
        store: Where the state lies.
        state: The name of the state; the latest when empty.

    Raises:
        FileNotFoundError: The store does not have the state.
    """
    loaded = _loaded(store)
    if not state or loaded.head.get("state") != state:
        documents_head = (
            read_head(store, keys.state_key(state))[0] if state else _latest_head(store)
        )
        if documents_head is None:
            raise FileNotFoundError(
                f"{store.url} keeps no documents{' in the state ' + state if state else ''}; "
                "build documents and asset_basics first"
            )
        if not state:
            loaded.latest = str(documents_head["state"])
        names = ("index", "set_aside")
        if any(loaded.head.get(name) != documents_head[name] for name in names):
            loaded.head, loaded.index, loaded.gathered = {}, None, {}
            loaded.set_aside = load_set_aside(store, documents_head)
            loaded.index = load_index(store, documents_head["index"])
        loaded.head = documents_head
    return DocumentState(store, loaded.head, loaded.index, loaded.set_aside, loaded.gathered)


def current(store: Store) -> str:
    """Returns the name of the latest state of the documents; empty when there is none."""
    documents_head = _latest_head(store)
    return str(documents_head["state"]) if documents_head else ""


def last_seen_state(store: Store) -> str:
    """Returns the state that was the latest when the run last read the head."""
    loaded = _loaded(store)
    if loaded.latest is None:
        loaded.latest = current(store)
    return loaded.latest


def _loaded(store: Store) -> LoadedDocuments:
    """Returns the documents that the run has loaded; most tables are made from the same state."""
    return run_scope.current().loaded_documents.setdefault(store, LoadedDocuments())


def failed(store: Store) -> str:
    """Returns why the documents could not be brought up to date; empty when they were."""
    try:
        return str(json.loads(store.get(keys.FAILED))["reason"])
    except FileNotFoundError:
        return ""


def withheld(store: Store) -> list[str]:
    """Returns the ids that the source did not return at the last update; their rows stay."""
    documents_head = read_head(store)[0]
    return list(documents_head.get("withheld", ())) if documents_head else []


def read_head(
    store: Store, key: str = keys.DOCUMENTS_HEAD
) -> tuple[dict[str, Any] | None, str | None]:
    """Returns the head of a state and its ETag; None for both where there is none."""
    body, etag = store.get_if_there(key)
    return parsed(store, key, body), etag


def encode_head(documents_head: dict[str, Any]) -> bytes:
    """Returns the bytes of a head."""
    return json.dumps(documents_head, indent=1).encode()


def put_state(store: Store, documents_head: dict[str, Any]) -> None:
    """Put a head under the name of its state, where it stays when the head is replaced."""
    store.put(keys.state_key(documents_head["state"]), encode_head(documents_head))


def _latest_head(store: Store) -> dict[str, Any] | None:
    """Returns the head of the latest state, maybe as it was some seconds ago."""
    key = keys.DOCUMENTS_HEAD
    head: dict[str, Any] | None = parsed(
        store, key, run_scope.current().recent_reads.get_if_there(store, key)[0]
    )
    return head


def load_shard(store: Store, name: str) -> bytes:
    """Returns the bytes of a shard, given its name in a head."""
    return store.get_object(keys.shard_key(name))


def load_set_aside(store: Store, documents_head: dict[str, Any]) -> list[Problem]:
    """Returns the findings about documents of a state that cannot be used."""
    body = store.get_object(keys.set_aside_key(documents_head["set_aside"]))
    return [Problem(*row) for row in orjson.loads(body)]


def load_index(store: Store, digest: str) -> pa.Table:
    """Returns an index, given its digest in a head or in a table's source state.

    Raises:
        FileNotFoundError: The index is no longer kept.
    """
    return arrow.decode(store.get_object(keys.index_key(digest))).cast(INDEX_SCHEMA)


def put_index(store: Store, index: pa.Table) -> str:
    """Put an index under its digest, and return the digest."""
    body = arrow.encode(index)
    digest = keys.digest_of(body)
    store.put_object(keys.index_key(digest), body)
    return digest
