"""The states of the documents: what the store keeps, how a state is loaded, and how it is read.

Shards by hash of the subject hold the projected documents, one JSON column for each core file; the
index says of every document which content of it is kept. Both are objects whose content never
changes; `documents.json`, the head, names the current ones. They lie outside the version folders,
so that a new release fetches nothing. How a state is brought up to date is in
`zs_pipeline.documents.update`; what a document means is in `zs_pipeline.shape.values` and the
acorns.
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
from zs_pipeline import arrow, run_scope
from zs_pipeline.declaration import CORE
from zs_pipeline.documents import keys, shards
from zs_pipeline.documents.shards import INDEX_SCHEMA
from zs_pipeline.shape.problems import Problem
from zs_pipeline.stored_json import parsed

# Shards that are read ahead.
AHEAD = 4
# Documents that are looked for in their shards once, and then lie together: all of a night's tables
# ask for those that changed.
FEW = 1000
# Columns of the index that say where a document lies.
WHERE = ("shard", "_id")


@dataclass
class DocumentState:
    """One state of the documents.

    Attributes:
        store: Where it lies.
        head: `documents.json`.
        index: One row for each document: `INDEX`.
        set_aside: What was no usable document.
        gathered: Few documents by their ids, in the form of a shard; `load` hands it on.
    """

    store: Store
    head: dict[str, Any]
    index: pa.Table
    set_aside: list[Problem] = field(default_factory=list)
    gathered: dict[frozenset[str], bytes] = field(default_factory=dict)

    @property
    def state(self) -> str:
        """The name of this state of the documents; the same for the same content."""
        return str(self.head["state"])

    def read(
        self, cores: Collection[str] = CORE, *, ids: set[str] | None = None
    ) -> Iterator[list[dict[str, Any]]]:
        """Read documents, shard by shard, so that memory depends on a shard alone.

        Args:
            cores: The core files to parse; of the others it is told whether they are there.
            ids: Only these documents; only their shards are read.

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

    def shards(self, wanted: pa.Table) -> Iterator[tuple[bytes, pa.Table]]:
        """Read the shards of some documents, in their order, ahead; few documents lie in one.

        Args:
            wanted: `shard`, `_id` and what else is wanted of each of them.

        Yields:
            The shard as it lies in the store, and the rows of its documents that are wanted.
        """
        if 0 < wanted.num_rows <= FEW:
            yield self._gather(wanted), wanted
        else:
            yield from self._shards(wanted)

    def _gather(self, wanted: pa.Table) -> bytes:
        ids = frozenset(wanted["_id"].to_pylist())
        for known, body in self.gathered.items():
            if ids <= known:
                return body
        pieces = []
        for body, rows in self._shards(wanted):
            content = arrow.decode(body)
            pieces.append(content.filter(pc.is_in(content["_id"], arrow.column(rows, "_id"))))
        # The last ones alone: a night has one set of them.
        self.gathered.clear()
        self.gathered[ids] = arrow.encode(pa.concat_tables(pieces))
        return self.gathered[ids]

    def _shards(self, wanted: pa.Table) -> Iterator[tuple[bytes, pa.Table]]:
        rows = wanted.sort_by("shard").combine_chunks()
        runs = list(shards.runs(rows["shard"].to_pylist()))
        with work.Threads(AHEAD) as pool:
            ahead = deque(pool.submit(self._shard, number) for number, _, _ in runs[:AHEAD])
            for place, (_, start, end) in enumerate(runs):
                body = ahead.popleft().result()
                if place + AHEAD < len(runs):
                    ahead.append(pool.submit(self._shard, runs[place + AHEAD][0]))
                yield body, rows.slice(start, end - start)

    def _shard(self, number: int) -> bytes:
        return load_shard(self.store, self.head["shards"][str(number)])


@dataclass
class LoadedDocuments:
    """What was last read of a store's documents.

    Attributes:
        latest: The state that was the latest one then; None when that was not asked.
        head: What names the index and what was set aside.
        index: The index; it holds no store, or the store would hold itself.
        set_aside: What was no usable document.
        gathered: As in `DocumentState`.
    """

    latest: str | None = None
    head: dict[str, Any] = field(default_factory=dict)
    index: pa.Table | None = None
    set_aside: list[Problem] = field(default_factory=list)
    gathered: dict[frozenset[str], bytes] = field(default_factory=dict)


def load(store: Store, state: str = "") -> DocumentState:
    """Load a state that the store holds; what was loaded of the same content is taken over.

    Args:
        store: Where it lies.
        state: Which; the latest when empty.

    Raises:
        FileNotFoundError: It is not there, or no longer.
    """
    loaded = _loaded(store)
    if not state or loaded.head.get("state") != state:
        key = keys.state_key(state) if state else keys.DOCUMENTS_HEAD
        documents_head = read_head(store, key)[0]
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
    documents_head = read_head(store)[0]
    return str(documents_head["state"]) if documents_head else ""


def last_seen_state(store: Store) -> str:
    """Returns the state that was the latest one when a run last looked; else the latest."""
    loaded = _loaded(store)
    if loaded.latest is None:
        loaded.latest = current(store)
    return loaded.latest


def _loaded(store: Store) -> LoadedDocuments:
    """Returns what the run has loaded; most of its tables are made from one state, the last."""
    return run_scope.current().loaded_documents.setdefault(store, LoadedDocuments())


def failed(store: Store) -> str:
    """Returns why the documents could not be brought up to date; empty when they were."""
    try:
        return str(json.loads(store.get(keys.FAILED))["reason"])
    except FileNotFoundError:
        return ""


def withheld(store: Store) -> list[str]:
    """Returns the documents that the source did not hand out at the last update; they stay."""
    documents_head = read_head(store)[0]
    return list(documents_head.get("withheld", ())) if documents_head else []


def read_head(
    store: Store, key: str = keys.DOCUMENTS_HEAD
) -> tuple[dict[str, Any] | None, str | None]:
    """Returns the head of a state and its ETag; None for both where there is none."""
    body, etag = store.get_if_there(key)
    return parsed(store, key, body), etag


def load_shard(store: Store, name: str) -> bytes:
    """Returns a shard as it lies in the store, by the name that a head gives it."""
    return store.get_object(keys.shard_key(name))


def load_set_aside(store: Store, documents_head: dict[str, Any]) -> list[Problem]:
    """Returns what was no usable document of a state."""
    body = store.get_object(keys.set_aside_key(documents_head["set_aside"]))
    return [Problem(*row) for row in orjson.loads(body)]


def load_index(store: Store, digest: str) -> pa.Table:
    """Returns an index by the name that a head or a table's source state gives it.

    Raises:
        FileNotFoundError: It is no longer kept.
    """
    return arrow.decode(store.get_object(keys.index_key(digest))).cast(INDEX_SCHEMA)


def put_index(store: Store, index: pa.Table) -> str:
    """Put an index under the name of its content, and return the name."""
    body = arrow.encode(index)
    digest = keys.digest_of(body)
    store.put_object(keys.index_key(digest), body)
    return digest
