"""A night's update of the documents: one sweep of ids, then a fetch of changed documents.

How the store keeps documents, and how they are read, is in `zs_pipeline.documents.state`. Writing
shards, fetching, refusing losses and removing former states have modules of their own.
"""

import hashlib
import json
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from zs_client import work
from zs_client.errors import Conflict
from zs_client.store import Store
from zs_pipeline import arrow, code, memory, processes, run_scope
from zs_pipeline.catalogue import Reads
from zs_pipeline.documents import fetching, keys, shards, upheavals
from zs_pipeline.documents.fetching import Fetching
from zs_pipeline.documents.losses import LossGuard, tell_gone
from zs_pipeline.documents.mending import load_mended
from zs_pipeline.documents.retention import forget, with_latest
from zs_pipeline.documents.shard_writer import PUTS, NewShards, ShardWriter, rows_of_new
from zs_pipeline.documents.shards import INDEX_SCHEMA, SHARD, shard_of
from zs_pipeline.documents.state import (
    DocumentState,
    encode_head,
    load_shard,
    put_index,
    put_state,
)
from zs_pipeline.progress import Progress
from zs_pipeline.shape.findings import WARNING
from zs_pipeline.shape.problems import Problem
from zs_pipeline.source.interface import Source, Swept

# After so many documents the state is saved, so that a killed build continues there.
KEEP_EVERY = 5000
ATTEMPTS = 5


@dataclass
class Changes:
    """Counts of what an update did, in documents.

    Attributes:
        withheld: Documents that the source has and did not return; their rows are as before.
        lagging: Documents that came older than the sweep saw them, and were requested again.
        refetched: Documents that were fetched in their turn; not counted as fetched.
        altered: Refetched documents whose content changed while their time did not.
    """

    swept: int = 0
    fetched: int = 0
    added: int = 0
    changed: int = 0
    removed: int = 0
    set_aside: int = 0
    withheld: int = 0
    lagging: int = 0
    refetched: int = 0
    altered: int = 0
    values_unread: int = 0
    shards_written: int = 0


def update(
    store: Store,
    source: Source,
    reads: Reads,
    *,
    accept_shrink: bool = False,
    refetch_every: int = 0,
    progress: Callable[[str], None] = lambda _: None,
) -> tuple[DocumentState, Changes]:
    """Bring the documents up to date: sweep the ids once, then fetch changed documents.

    Args:
        store: Where the documents are kept.
        source: Where the documents come from.
        reads: What tables read of a document. With other paths all documents are fetched again;
            with other kinds of value on the same paths the kept documents are checked again.
        accept_shrink: Accept a sweep that lost too many documents.
        refetch_every: Fetch each unchanged document once in so many updates, which finds content
            that changed while its time did not. 0 means never. Documents of a dump are not
            refetched: they have fingerprints.
        progress: Receives sentences about the progress.

    Raises:
        ShrinkRefused: The sweep lost too many documents; nothing was changed.
        Conflict: Other builds were faster every time.
    """
    for _ in range(ATTEMPTS):
        try:
            with work.Threads(PUTS) as pool:
                attempt = _Update(
                    store, source, reads, pool, progress, refetch_every, accept_shrink=accept_shrink
                )
                return attempt.run()
        except Conflict:
            progress("documents: another build was faster; looking again")
    at = store.at(keys.DOCUMENTS_HEAD)
    raise Conflict(f"{at}: {ATTEMPTS} times another build was faster")


def mark_failed(store: Store, reason: str) -> None:
    """Note that the documents could not be brought up to date, which makes all tables stale."""
    failure = {"reason": reason, "at": datetime.now(UTC).isoformat(timespec="seconds")}
    store.put(keys.FAILED, json.dumps(failure).encode())


def clear_failed(store: Store) -> None:
    """Note that the documents are up to date again."""
    if store.exists(keys.FAILED):
        store.delete([keys.FAILED])


class _Update:
    """An attempt at an update; holds the values that its steps share."""

    def __init__(
        self,
        store: Store,
        source: Source,
        reads: Reads,
        pool: ThreadPoolExecutor,
        progress: Callable[[str], None],
        refetch_every: int,
        *,
        accept_shrink: bool,
    ) -> None:
        self.store = store
        self.source = source
        self.reads = reads
        self.findings = code.of_findings(reads)
        self.projection = hashlib.sha256("\n".join(reads.paths).encode()).hexdigest()[:16]
        self.progress = progress
        self.refetch_every = refetch_every
        self.changes = Changes()
        before, self.etag = load_mended(store, progress)
        self.before = before or DocumentState(store, {"shards": {}}, INDEX_SCHEMA.empty_table())
        self.head = self.before.head
        self.index = self.before.index
        # By id (modified, fingerprint, shard, content) of the documents before the update.
        self.old_rows: dict[str, tuple[str | None, str | None, int, str]] = {
            row_id: (modified, fingerprint, shard, content)
            for row_id, modified, fingerprint, shard, content in arrow.values(
                self.index, "_id", "modified", "fingerprint", "shard", "content"
            )
        }
        self.same_projection = self.head.get("projection") == self.projection
        self.aside: list[Problem] = []
        self.withheld_before = frozenset(self.head.get("withheld", ()))
        self.takes_turns = False
        self.refetched: frozenset[str] = frozenset()
        self.fetching = Fetching(source)
        self.guard = LossGuard(self.before, source.url, accept_shrink=accept_shrink)
        self.writer = ShardWriter(store, self.head["shards"], pool)

    def run(self) -> tuple[DocumentState, Changes]:
        swept = self._sweep()
        gone = self._gone(swept)
        if self.same_projection and self.head.get("reads") != self.findings:
            self._check_anew()
        self.refetched = frozenset(self._in_turn(swept))
        pending = sorted(
            (s for s in swept.values() if s.id in self.refetched or not self._is_same(s)),
            key=lambda s: (shard_of(s.subject_id), s.id),
        )
        drops: dict[int, set[str]] = defaultdict(set)
        for document_id in gone:
            drops[self.old_rows[document_id][2]].add(document_id)
        self._fetch(pending, swept, drops)
        self._merge_rest(drops)
        self.changes.withheld = len(self.fetching.withheld)
        self.changes.lagging = self.fetching.lagging
        if self.changes.altered:
            self.progress(
                f"documents: {self.changes.altered:,} of {self.changes.refetched:,} fetched in "
                "their turn have a new content and an old time"
            )
        if self.fetching.behind:
            self.progress(
                f"documents: {self.fetching.behind:,} came in an older version than in the sweep "
                f"of {self.source.url}; the next build fetches them again"
            )
        state = self._keep(whole=True)
        self.changes.shards_written = self.writer.written
        return state, self.changes

    def _sweep(self) -> dict[str, Swept]:
        swept = {}
        for document in self.source.sweep():
            if isinstance(document, Problem):
                self.aside.append(document)
            else:
                swept[document.id] = document
        self.changes.swept = len(swept)
        self.changes.set_aside = len(self.aside)
        self.progress(f"documents: {len(swept):,} in {self.source.url}")
        return swept

    def _gone(self, swept: dict[str, Swept]) -> list[str]:
        """Ask again for documents that the sweep lacks; those still absent are gone."""
        lacking = sorted(self.old_rows.keys() - swept.keys())
        gone: list[str] = []
        self.fetching.requested = len(lacking)
        for answer in self.source.sweep_again(lacking) if lacking else ():
            if isinstance(answer, Problem):
                self.aside.append(answer)
                self.progress(f"documents: {answer.reason}")
            elif isinstance(answer, Swept):
                swept[answer.id] = answer
            elif answer.gone:
                gone.append(answer.id)
                self.changes.removed += 1
                if not self.changes.removed % fetching.BATCH:
                    # In an outage, stop asking early.
                    self.guard.check(self.changes.removed)
            else:
                self.fetching.withhold(answer.id, answer.reason)
        self.guard.check(self.changes.removed)
        if gone:
            tell_gone(self.before, gone, self.progress)
        return gone

    def _check_anew(self) -> None:
        """Make the findings of the kept documents again, now that other values are expected."""
        names = self.head["shards"]
        numbers = sorted(names, key=int)
        self.progress(f"documents: {self.index.num_rows:,} kept ones are looked through again")
        pieces = ((self.reads, load_shard(self.store, names[number])) for number in numbers)
        contents = processes.map_ordered(shards.checked_anew, pieces, self.index.num_rows)
        for number, content in zip(numbers, contents, strict=True):
            if content is not None:
                self.writer.send(int(number), content)

    def _is_same(self, swept: Swept) -> bool:
        """Returns whether the kept content is current by its fingerprint or time."""
        old = self.old_rows.get(swept.id)
        if old is None or not self.same_projection or swept.id in self.withheld_before:
            return False
        modified, fingerprint = old[0], old[1]
        if swept.fingerprint is not None and fingerprint is not None:
            return swept.fingerprint == fingerprint
        return swept.modified is not None and swept.modified == modified

    def _in_turn(self, swept: dict[str, Swept]) -> Iterator[str]:
        """Yields the ids of unchanged documents whose turn it is to be fetched again."""
        if not self.refetch_every:
            return
        turn = int(self.head.get("update", 0)) % self.refetch_every
        for document in swept.values():
            self.takes_turns |= document.fingerprint is None
            if document.fingerprint is None and self._is_same(document):
                digest = hashlib.sha256(document.id.encode("utf-8", "replace")).digest()
                if int.from_bytes(digest[:8]) % self.refetch_every == turn:
                    yield document.id

    def _fetch(
        self, pending: list[Swept], swept: dict[str, Swept], drops: dict[int, set[str]]
    ) -> None:
        """Fetch the pending documents, which are in the order of the shards, and merge them.

        `drops` has the documents to take out of each shard; shards merged here leave `drops`.
        """
        since_kept = 0
        progress = Progress(self.progress, "documents", "fetched", len(pending))
        sent: deque[list[Swept]] = deque()
        rows_of = self.fetching.rows_function(len(pending))
        batches = self.fetching.batches(pending, swept, sent)
        calls: Iterator[tuple[Any, ...]] = ((self.reads, *batch) for batch in batches)
        make = rows_of
        if processes.put_objects(self.store, len(pending)):
            calls = ((self._new_shards(), rows_of, *arguments) for arguments in calls)
            make = rows_of_new
        for made in processes.map_ordered(make, calls, len(pending)):
            fetched, aside, vanished, stored = made
            batch = sent.popleft()
            self.aside += aside
            self.changes.set_aside += len(aside)
            for new in (fetched, *(index for _, index in stored.values())):
                self._count(new)
            rows, unchanged = self._changed(fetched)
            stay = self.fetching.withheld.keys() | unchanged
            for entry in batch:
                if entry.id not in stay and (old := self.old_rows.get(entry.id)):
                    drops[old[2]].add(entry.id)
            # Documents that vanished since the sweep are gone; the next sweep will not have them.
            self.changes.removed += sum(document_id in self.old_rows for document_id in vanished)
            self.guard.check(self.changes.removed)
            for shard, start, end in shards.runs(rows["shard"].to_pylist()):
                self.writer.merge(shard, drops.pop(shard, set()), rows.slice(start, end - start))
            for shard, (name, index) in stored.items():
                self.writer.take(shard, drops.pop(shard, set()), name, index)
            progress.at(self.changes.fetched + self.changes.refetched)
            memory.trim_heap()
            since_kept += len(batch)
            if since_kept >= KEEP_EVERY:
                self._merge_rest(drops)
                self._keep(whole=False)
                since_kept = 0

    def _new_shards(self) -> NewShards:
        # Those that there are when a batch is sent; `take` looks again.
        return NewShards(self.store.url, frozenset(map(int, self.head["shards"])))

    def _merge_rest(self, drops: dict[int, set[str]]) -> None:
        """Drop documents from shards into which nothing new was merged."""
        for shard in sorted(drops):
            self.writer.merge(shard, drops[shard], SHARD.empty_table())
        drops.clear()

    def _changed(self, rows: pa.Table) -> tuple[pa.Table, set[str]]:
        """Returns (rows that differ from the kept rows, ids of the unchanged rows)."""
        if not self.same_projection:
            return rows, set()
        values = arrow.values(rows, "_id", "modified", "fingerprint", "shard", "content")
        same = {key: self.old_rows.get(key) == tuple(row) for key, *row in values}
        changed = rows.filter(pa.array([not is_same for is_same in same.values()], pa.bool_()))
        return changed, {key for key, is_same in same.items() if is_same}

    def _count(self, rows: pa.Table) -> None:
        for document_id, content in arrow.values(rows, "_id", "content"):
            old = self.old_rows.get(document_id)
            if old is not None and document_id in self.refetched:
                self.changes.refetched += 1
                self.changes.altered += old[3] != content
            else:
                self.changes.fetched += 1
            if old is None:
                self.changes.added += 1
            elif old[3] != content:
                self.changes.changed += 1

    def _keep(self, *, whole: bool) -> DocumentState:
        """Make the merged documents the current state, unless another build was faster.

        Until the update is whole, the head names no projection. A build with another projection
        then fetches again the documents that this build left.
        """
        self.writer.wait()
        before = _without_turn(self.head)
        index = self.writer.update_index(self.index)
        if index is not self.index or not self.etag:
            self.index = index
            self.head["index"] = put_index(self.store, self.index)
            self.head["indexes"] = with_latest(self.head.get("indexes", []), self.head["index"])
        problems = [*self.aside, *self.fetching.withheld_problems(self.index)]
        head = self._new_head(problems, whole=whole)
        if self.etag is not None and _without_turn(head) == before:
            if head.get("update") != self.head.get("update"):
                self._put_head(head)
            return DocumentState(self.store, head, self.index, problems)
        head["updated_at"] = datetime.now(UTC).isoformat(timespec="seconds")
        head["states"] = with_latest(self.head.get("states", []), head["state"])
        if whole:
            self._note_upheavals(head)
        self.head = head
        put_state(self.store, head)
        self._put_head(head)
        if whole:
            forget(self.store, head, datetime.now(UTC))
        return DocumentState(self.store, head, self.index, problems)

    def _new_head(self, problems: list[Problem], *, whole: bool) -> dict[str, Any]:
        """Returns the head of the merged documents; puts the list of documents set aside."""
        head = {k: v for k, v in self.head.items() if k != "withheld"}
        head["source"] = self.source.url
        aside = orjson.dumps(sorted((list(p) for p in problems), key=str))
        digest = keys.digest_of(aside)
        if digest != head.get("set_aside"):
            self.store.put_object(keys.set_aside_key(digest), aside)
            head["set_aside"] = digest
        head["documents"] = self.index.num_rows
        withheld = {*self.fetching.withheld, *(() if whole else self.withheld_before)}
        if withheld:
            head["withheld"] = sorted(withheld)
        contents = pc.binary_join_element_wise(self.index["_id"], self.index["content"], "=")
        state = hashlib.sha256("\n".join([*contents.to_pylist(), head["set_aside"]]).encode())
        head["state"] = state.hexdigest()[:32]
        named = whole or self.same_projection or not self.old_rows
        head["projection"] = self.projection if named else ""
        head["reads"] = self.findings if named else ""
        findings = pc.list_flatten(self.index["problems"])
        warned = pc.equal(pc.struct_field(findings, "severity"), WARNING)
        self.changes.values_unread = int(pc.sum(warned).as_py() or 0)
        if whole and self.refetch_every and self.takes_turns:
            head["update"] = int(head.get("update", 0)) + 1
        if self.guard.accepted:
            head["accepted"] = head["state"]
        return head

    def _put_head(self, head: dict[str, Any]) -> None:
        body = encode_head(head)
        self.etag = self.store.put_if_match(keys.DOCUMENTS_HEAD, body, self.etag)
        content = body, self.etag
        run_scope.current().recent_reads.note(self.store, keys.DOCUMENTS_HEAD, content)

    def _note_upheavals(self, head: dict[str, Any]) -> None:
        """Add to a head the ways in which most documents changed in this update."""
        new = [
            {"state": head["state"], "at": head["updated_at"], "field": at, "reason": reason}
            for at, reason in upheavals.find(self.before.index, self.index)
        ]
        former = [old for old in head.get("upheavals", ()) if old["state"] in head["states"]]
        if new or "upheavals" in head:
            head["upheavals"] = [*former, *new]


def _without_turn(head: dict[str, Any]) -> str:
    """Returns a head as text without the number of updates, for comparisons."""
    return json.dumps({k: v for k, v in head.items() if k != "update"}, sort_keys=True)
