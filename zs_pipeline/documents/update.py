"""The incremental snapshot of the documents: what is kept, how it is brought up to date, read.

Shards by hash of the subject hold the projected documents, one JSON column for each core file; the
index says of every document which state of it is kept. Both are objects whose content never
changes; `documents.json` names the current ones. Lies outside the version folders, so that a new
release fetches nothing. What a document means is in `zs_pipeline.shape.values` and the acorns.
"""

import hashlib
import json
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from zs_client import work
from zs_client.contract import DOCUMENTS
from zs_client.store import Conflict, Store
from zs_pipeline import arrow, code, memory, processes, run_scope
from zs_pipeline.catalogue import Reads
from zs_pipeline.declaration import CORE
from zs_pipeline.documents import shards, upheavals
from zs_pipeline.documents.shards import INDEX, SHARD, shard_of
from zs_pipeline.progress import Progress
from zs_pipeline.publishing.commit import ShrinkRefused
from zs_pipeline.shape import values as fields
from zs_pipeline.shape.findings import WARNING
from zs_pipeline.shape.problems import Problem
from zs_pipeline.source import Lacking, Source, SourceError, Swept, version_of

# Documents fetched and merged at a time: what a build holds in memory.
BATCH = 1000
# Documents after which what was fetched is kept for good, so that a killed build goes on there.
KEEP_EVERY = 5000
LOST_SHARE = 0.3
LOST_DOCUMENTS = 2
ATTEMPTS = 5
# More documents than this, and a larger share of those asked for, that do not come are an outage.
WITHHELD_DOCUMENTS = 10
WITHHELD_SHARE = 0.01
# Times that a document older than swept is asked for again, and seconds between them.
LAG_TRIES = 3
LAG_PAUSE = 0.2
UNUSED_FOR = timedelta(days=2)
AHEAD = 4
# Shards that are sent to the store at a time.
PUTS = 16
# Documents that are looked for in their shards once, and then lie together: all of a night's tables
# ask for those that changed.
FEW = 1000
# What of the index says where a document lies.
WHERE = ("shard", "_id")
# Former indexes and states that stay readable: a table's last build is compared with one of them.
KEPT_STATES = 14

MANIFEST = f"{DOCUMENTS}/documents.json"
FAILED = f"{DOCUMENTS}/failed.json"


@dataclass
class Changes:
    """What one update of the snapshot did, in documents.

    Attributes:
        withheld: Documents that the source has and did not hand out; they are as before.
        lagging: Documents that came older than the sweep saw them, and were asked for again.
        refetched: Documents that were fetched since it was their turn; not counted as fetched.
        altered: Those of them that had changed without a word.
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


@dataclass
class Snapshot:
    """One state of the documents.

    Attributes:
        store: Where it lies.
        manifest: `documents.json`.
        index: One row for each document: `INDEX`.
        set_aside: What was no usable document.
        together: Few documents by their ids, in the form of a shard; `load` hands it on.
    """

    store: Store
    manifest: dict[str, Any]
    index: pa.Table
    set_aside: list[Problem] = field(default_factory=list)
    together: dict[frozenset[str], bytes] = field(default_factory=dict)

    @property
    def state(self) -> str:
        """The name of this state of the documents; the same for the same content."""
        return str(self.manifest["state"])

    def read(
        self, cores: Collection[str] = CORE, *, ids: set[str] | None = None
    ) -> Iterator[list[dict[str, Any]]]:
        """Documents, shard by shard, so that memory depends on a shard alone.

        Args:
            cores: The core files to parse; of the others it is told whether they are there.
            ids: Only these documents; only their shards are read.

        Yields:
            The documents of one shard, as `shards.parse` gives them.
        """
        there = [core for core in CORE if core not in cores]
        for body, found in self.shards(self.rows(ids).select(WHERE)):
            yield list(shards.parse(body, cores, there, ids=arrow.column(found, "_id")))

    def rows(self, ids: set[str] | None) -> pa.Table:
        """The rows of the index for some documents; all of them when None."""
        if ids is None:
            return self.index
        wanted = pa.array(sorted(ids), pa.string())
        return self.index.filter(pc.is_in(self.index["_id"], wanted))

    def shards(self, wanted: pa.Table) -> Iterator[tuple[bytes, pa.Table]]:
        """The shards of some documents, in their order, read ahead; few documents lie in one.

        Args:
            wanted: `shard`, `_id` and what else is wanted of each of them.

        Yields:
            The shard as it lies in the store, and the rows of its documents that are wanted.
        """
        if 0 < wanted.num_rows <= FEW:
            yield self._together(wanted), wanted
        else:
            yield from self._shards(wanted)

    def _together(self, wanted: pa.Table) -> bytes:
        ids = frozenset(wanted["_id"].to_pylist())
        for known, body in self.together.items():
            if ids <= known:
                return body
        pieces = []
        for body, found in self._shards(wanted):
            content = arrow.decode(body)
            pieces.append(content.filter(pc.is_in(content["_id"], arrow.column(found, "_id"))))
        # The last ones alone: a night has one set of them.
        self.together.clear()
        self.together[ids] = arrow.encode(pa.concat_tables(pieces))
        return self.together[ids]

    def _shards(self, wanted: pa.Table) -> Iterator[tuple[bytes, pa.Table]]:
        rows = wanted.sort_by("shard").combine_chunks()
        found = list(shards.runs(rows["shard"].to_pylist()))
        with work.Threads(AHEAD) as pool:
            ahead = deque(pool.submit(self._shard, number) for number, _, _ in found[:AHEAD])
            for place, (_, start, end) in enumerate(found):
                body = ahead.popleft().result()
                if place + AHEAD < len(found):
                    ahead.append(pool.submit(self._shard, found[place + AHEAD][0]))
                yield body, rows.slice(start, end - start)

    def _shard(self, number: int) -> bytes:
        return _shard_body(self.store, self.manifest["shards"][str(number)])


@dataclass
class LoadedDocuments:
    """What was last read of a store's documents.

    Attributes:
        latest: The state that was the latest one then; None when that was not asked.
        manifest: What names the index and what was set aside.
        index: The index; it holds no store, or the store would hold itself.
        set_aside: What was no usable document.
        together: As in `Snapshot`.
    """

    latest: str | None = None
    manifest: dict[str, Any] = field(default_factory=dict)
    index: pa.Table | None = None
    set_aside: list[Problem] = field(default_factory=list)
    together: dict[frozenset[str], bytes] = field(default_factory=dict)


def load(store: Store, state: str = "") -> Snapshot:
    """A snapshot that the store holds; what was loaded of the same content before is taken over.

    Args:
        store: Where it lies.
        state: Which; the latest when empty.

    Raises:
        FileNotFoundError: It is not there, or no longer.
    """
    loaded = _loaded(store)
    if not state or loaded.manifest.get("state") != state:
        manifest = _manifest(store, _state_key(state) if state else MANIFEST)[0]
        if manifest is None:
            raise FileNotFoundError(
                f"{store.url} keeps no documents{' in the state ' + state if state else ''}; "
                "build documents and asset_basics first"
            )
        if not state:
            loaded.latest = str(manifest["state"])
        names = ("index", "set_aside")
        if any(loaded.manifest.get(name) != manifest[name] for name in names):
            loaded.manifest, loaded.index, loaded.together = {}, None, {}
            loaded.set_aside = _load_aside(store, manifest)
            loaded.index = load_index(store, manifest["index"])
        loaded.manifest = manifest
    return Snapshot(store, loaded.manifest, loaded.index, loaded.set_aside, loaded.together)


def current(store: Store) -> str:
    """The name of the latest state of the documents; empty when there is none."""
    manifest = _manifest(store)[0]
    return str(manifest["state"]) if manifest else ""


def lately(store: Store) -> str:
    """The name of the state that was the latest one when a run last looked; else of the latest."""
    loaded = _loaded(store)
    if loaded.latest is None:
        loaded.latest = current(store)
    return loaded.latest


def _loaded(store: Store) -> LoadedDocuments:
    """Returns what the run has loaded; most of its tables are made from one state, the last."""
    return run_scope.current().loaded_documents.setdefault(store, LoadedDocuments())


def _state_key(state: str) -> str:
    return f"{DOCUMENTS}/states/{state}.json"


def _manifest(store: Store, key: str = MANIFEST) -> tuple[dict[str, Any] | None, str | None]:
    try:
        body, tag = store.get_tagged(key)
    except FileNotFoundError:
        return None, None
    try:
        return json.loads(body), tag
    except ValueError as error:
        raise ValueError(f"{store.at(key)}: cannot be read as JSON: {error}") from error


def _load_mended(
    store: Store, progress: Callable[[str], None]
) -> tuple[Snapshot | None, str | None]:
    """Load the latest state without what the manifest names and the store lacks.

    The index is made anew from the shards; documents of a shard that is gone are left out of it,
    so that they are fetched again; what was set aside is found again by the sweep.
    """
    manifest, tag = _manifest(store)
    if manifest is None:
        return None, None
    there = {entry["path"] for entry in store.walk(DOCUMENTS)}
    shard_names = manifest["shards"]
    lost = [n for n, name in shard_names.items() if f"{DOCUMENTS}/{name}.pqt" not in there]
    without_index = f"{DOCUMENTS}/index/{manifest['index']}.pqt" not in there
    without_aside = f"{DOCUMENTS}/set_aside/{manifest['set_aside']}.json" not in there
    if _state_key(manifest["state"]) not in there:
        progress(f"documents: the state {manifest['state']} is gone from {store.url}; put again")
        store.put(_state_key(manifest["state"]), json.dumps(manifest, indent=1).encode())
    if not (lost or without_index or without_aside):
        index = load_index(store, manifest["index"])
        return Snapshot(store, manifest, index, _load_aside(store, manifest)), tag
    if lost:
        progress(f"documents: {len(lost)} shards are gone from {store.url}; fetched again")
        manifest["shards"] = {n: name for n, name in shard_names.items() if n not in lost}
    if without_index:
        progress(f"documents: the index is gone from {store.url}; made anew")
        bodies = (_shard_body(store, name) for name in manifest["shards"].values())
        pieces = [arrow.decode(body, INDEX.names).cast(INDEX) for body in bodies]
        index = pa.concat_tables([INDEX.empty_table(), *pieces]).sort_by("_id").combine_chunks()
        manifest["index"] = _put(store, "index", arrow.encode(index), ".pqt")
    else:
        index = load_index(store, manifest["index"])
        numbers = pa.array([int(number) for number in lost], pa.int16())
        index = index.filter(pc.invert(pc.is_in(index["shard"], numbers))).combine_chunks()
    aside: list[Problem] = []
    if without_aside:
        progress(f"documents: what was set aside is gone from {store.url}; looked for again")
        manifest["set_aside"] = ""
    else:
        aside = _load_aside(store, manifest)
    return Snapshot(store, manifest, index, aside), tag


def _load_aside(store: Store, manifest: dict[str, Any]) -> list[Problem]:
    body = store.get_object(f"{DOCUMENTS}/set_aside/{manifest['set_aside']}.json")
    return [Problem(*row) for row in orjson.loads(body)]


def load_index(store: Store, name: str) -> pa.Table:
    """An index by the name that a manifest or a table's source state gives it.

    Raises:
        FileNotFoundError: It is no longer kept.
    """
    return arrow.decode(store.get_object(f"{DOCUMENTS}/index/{name}.pqt")).cast(INDEX)


def update(
    store: Store,
    source: Source,
    reads: Reads,
    *,
    accept_shrink: bool = False,
    refetch_every: int = 0,
    progress: Callable[[str], None] = lambda _: None,
) -> tuple[Snapshot, Changes]:
    """Bring the snapshot up to date: one sweep of ids, then only what changed is fetched.

    Args:
        store: Where the snapshot lies.
        source: Where the documents come from.
        reads: What tables read of a document. Other paths fetch everything anew; other kinds of
            value on the same paths only look through the kept documents again.
        accept_shrink: Accept a sweep that lost more documents than it may.
        refetch_every: In so many updates each document is fetched once though its time is as it
            was: content that was changed without a word is found. Never when 0, nor from a dump,
            which tells of every byte.
        progress: Told how far it is.

    Raises:
        ShrinkRefused: The sweep lost too many documents; nothing was changed.
        Conflict: Other builds were faster every time.
    """
    for _ in range(ATTEMPTS):
        try:
            with work.Threads(PUTS) as pool:
                update = _Update(store, source, reads, pool, progress, refetch_every)
                return update.run(accept_shrink=accept_shrink)
        except Conflict:
            progress("documents: another build was faster; looking again")
    raise Conflict(f"{store.at(MANIFEST)}: {ATTEMPTS} times another build was faster")


def mark_failed(store: Store, reason: str) -> None:
    """Say that the documents could not be brought up to date; until they are, all is stale."""
    said = {"reason": reason, "at": datetime.now(UTC).isoformat(timespec="seconds")}
    store.put(FAILED, json.dumps(said).encode())


def clear_failed(store: Store) -> None:
    """Say that the documents are up to date again."""
    if store.exists(FAILED):
        store.delete([FAILED])


def failed(store: Store) -> str:
    """Why the documents could not be brought up to date; empty when they were."""
    try:
        return str(json.loads(store.get(FAILED))["reason"])
    except FileNotFoundError:
        return ""


def withheld(store: Store) -> list[str]:
    """The documents that the source did not hand out at the last update, and that are as before."""
    manifest = _manifest(store)[0]
    return list(manifest.get("withheld", ())) if manifest else []


class _Update:
    """One attempt at an update; holds what the steps share."""

    def __init__(
        self,
        store: Store,
        source: Source,
        reads: Reads,
        pool: ThreadPoolExecutor,
        progress: Callable[[str], None],
        refetch_every: int,
    ) -> None:
        self.store = store
        self.source = source
        self.reads = reads
        self.findings = code.of_findings(reads)
        self.projection = hashlib.sha256("\n".join(reads.paths).encode()).hexdigest()[:16]
        self.pool = pool
        self.progress = progress
        # Shards on their way, by name.
        self.sending: dict[str, Future[None]] = {}
        self.changes = Changes()
        old, self.tag = _load_mended(store, progress)
        self.manifest: dict[str, Any] = old.manifest if old else {"shards": {}}
        self.index = old.index if old else INDEX.empty_table()
        self.index_before = self.index
        self.old_rows: dict[str, tuple[str | None, str | None, int, str]] = {
            row_id: (modified, fingerprint, shard, content)
            for row_id, modified, fingerprint, shard, content in arrow.values(
                self.index, "_id", "modified", "fingerprint", "shard", "content"
            )
        }
        self.same_projection = self.manifest.get("projection") == self.projection
        self.aside: list[Problem] = []
        self.withheld_before = frozenset(self.manifest.get("withheld", ()))
        # What came in place of documents that the source did not hand out, by id.
        self.withheld: dict[str, str] = {}
        self.asked = 0
        self.refetch_every = refetch_every
        self.takes_turns = False
        self.refetched: frozenset[str] = frozenset()
        # Whether more was lost than may be, and that was accepted.
        self.accepted = False
        self.largest = 0
        # Documents that came older than swept every time.
        self.behind = 0
        self.indexes: dict[int, pa.Table] = {}

    def run(self, *, accept_shrink: bool) -> tuple[Snapshot, Changes]:
        swept = self._sweep()
        gone = self._gone(swept, accept_shrink=accept_shrink)
        if self.same_projection and self.manifest.get("reads") != self.findings:
            self._check_anew()
        self.refetched = frozenset(self._refetched(swept))
        wanted = sorted(
            (s for s in swept.values() if s.id in self.refetched or not self._same(s)),
            key=lambda s: (shard_of(s.subject_id), s.id),
        )
        self.asked += len(wanted)
        drops: dict[int, set[str]] = defaultdict(set)
        for document_id in gone:
            drops[self.old_rows[document_id][2]].add(document_id)
        since_kept = 0
        shown = Progress(self.progress, "documents", "fetched", len(wanted))
        sent: deque[list[Swept]] = deque()
        made = processes.map_ordered(shards.rows, self._fetched(wanted, swept, sent), len(wanted))
        for fetched, aside, vanished in made:
            batch = sent.popleft()
            self.aside += aside
            self.changes.set_aside += len(aside)
            self._count(fetched)
            rows, unchanged = self._changed(fetched)
            for one in batch:
                old = self.old_rows.get(one.id)
                if old and one.id not in self.withheld and one.id not in unchanged:
                    drops[old[2]].add(one.id)
            # What vanished between the sweep and now is gone; the next sweep will not have it.
            self.changes.removed += sum(document_id in self.old_rows for document_id in vanished)
            self._guard(accept_shrink=accept_shrink)
            for shard, start, end in shards.runs(rows["shard"].to_pylist()):
                self._merge(shard, drops.pop(shard, set()), rows.slice(start, end - start))
            shown.at(self.changes.fetched + self.changes.refetched)
            memory.trim_heap()
            since_kept += len(batch)
            if since_kept >= KEEP_EVERY:
                for shard in sorted(drops):
                    self._merge(shard, drops[shard], SHARD.empty_table())
                drops.clear()
                self._keep(whole=False)
                since_kept = 0
        for shard in sorted(drops):
            self._merge(shard, drops[shard], SHARD.empty_table())
        if self.changes.altered:
            self.progress(
                f"documents: {self.changes.altered:,} of {self.changes.refetched:,} that were "
                "fetched in their turn have another content under the same time"
            )
        if self.behind:
            self.progress(
                f"documents: {self.behind:,} came older than the sweep of {self.source.url} saw "
                "them; the next build asks for them again"
            )
        snapshot = self._keep(whole=True)
        return snapshot, self.changes

    def _check_anew(self) -> None:
        """Find what does not fit in the kept documents, now that other values are expected."""
        numbers = sorted(self.manifest["shards"], key=int)
        self.progress(f"documents: {self.index.num_rows:,} kept ones are looked through again")
        work = ((self.reads, _shard_body(self.store, self.manifest["shards"][n])) for n in numbers)
        found = processes.map_ordered(shards.checked_anew, work, self.index.num_rows)
        for number, content in zip(numbers, found, strict=True):
            if content is not None:
                self._send(int(number), content)

    def _gone(self, swept: dict[str, Swept], *, accept_shrink: bool) -> list[str]:
        """Ask once more for what the sweep lacks; what is absent then as well is gone."""
        lacking = sorted(self.old_rows.keys() - swept.keys())
        gone: list[str] = []
        self.asked = len(lacking)
        for one in self.source.sweep_again(lacking) if lacking else ():
            if isinstance(one, Problem):
                self.aside.append(one)
                self.progress(f"documents: {one.reason}")
            elif isinstance(one, Swept):
                swept[one.id] = one
            elif one.gone:
                gone.append(one.id)
                self.changes.removed += 1
                if not self.changes.removed % BATCH:
                    # An outage is not asked for to its end.
                    self._guard(accept_shrink=accept_shrink)
            else:
                self._withhold(one.id, one.reason)
        self._guard(accept_shrink=accept_shrink)
        if gone:
            self._say_gone(gone)
        return gone

    def _withhold(self, document_id: str, reason: str) -> None:
        """Keep the old row of a document that did not come, unless too many do not.

        Raises:
            SourceError: It is an outage.
        """
        self.withheld[document_id] = reason
        self.changes.withheld = count = len(self.withheld)
        if count > WITHHELD_DOCUMENTS and count > WITHHELD_SHARE * self.asked:
            raise SourceError(
                f"{self.source.url} does not hand out {count:,} of the {self.asked:,} documents "
                f"that were asked for, each alone ({reason}); they stay as they are. Try again "
                "later, or see the log of the source"
            )

    def _guard(self, *, accept_shrink: bool) -> None:
        """Refuse what lost too much, in the sweep or between it and the fetch.

        Each of many nights may lose less than is refused: what is left is also compared with the
        largest of the kept states, back to the one that was accepted last.
        """
        removed, had = self.changes.removed, len(self.old_rows)
        if not removed:
            return
        self.largest = self.largest or self._largest()
        lost = self.largest - (had - removed)
        if lost < LOST_DOCUMENTS or lost <= LOST_SHARE * self.largest:
            return
        self.accepted = True
        if not accept_shrink:
            latest = removed >= LOST_DOCUMENTS and removed > LOST_SHARE * had
            there = (
                f"{removed:,} of {had:,} are"
                if latest
                else (
                    f"{lost:,} of the {self.largest:,} of one of the last {KEPT_STATES} states are"
                )
            )
            raise ShrinkRefused(
                f"documents: {there} gone from {self.source.url}, "
                f"more than {LOST_SHARE:.0%}; they stay. If the source is the right one "
                "and this is meant, build again with --accept-shrink"
            )

    def _largest(self) -> int:
        """The number of documents in the largest of the kept states."""
        states = list(self.manifest.get("states", ()))
        accepted = self.manifest.get("accepted")
        counts = [len(self.old_rows)]
        for state in states[states.index(accepted) if accepted in states else 0 :]:
            manifest, _ = _manifest(self.store, _state_key(state))
            counts.append(int(manifest["documents"]) if manifest else 0)
        return max(counts)

    def _say_gone(self, gone: list[str]) -> None:
        """Say how many documents are gone, by modality."""
        before = Snapshot(self.store, self.manifest, self.index)
        counts: Counter[str] = Counter()
        for documents in before.read(["data_description"], ids=set(gone)):
            for document in documents:
                found = fields.part(document, "data_description.modalities")
                counts.update(set(fields.texts(found, "abbreviation") or ["without a modality"]))
        shown = ", ".join(f"{count:,} {name}" for name, count in sorted(counts.items()))
        self.progress(f"documents: {len(gone):,} of {len(self.old_rows):,} are gone: {shown}")

    def _fetched(
        self, wanted: list[Swept], swept: dict[str, Swept], sent: deque[list[Swept]]
    ) -> Iterator[tuple[Any, ...]]:
        """Batch by batch the arguments of `shards.rows`; the next one is fetched meanwhile."""
        coming: deque[Future[Any]] = deque()
        with work.Threads(1, "fetch") as pool:
            for batch in _batches(wanted):
                sent.append(batch)
                coming.append(pool.submit(self._fetch, batch, swept))
                if len(coming) > 1:
                    yield self.reads, *coming.popleft().result()
            while coming:
                yield self.reads, *coming.popleft().result()

    def _fetch(
        self, batch: list[Swept], swept: dict[str, Swept]
    ) -> tuple[list[shards.Fetched], list[Problem], list[str]]:
        """What was fetched of a batch, what of it cannot be kept, and what is gone."""
        came, lacking = self._up_to_date(batch, swept)
        found: list[shards.Fetched] = []
        aside: list[Problem] = []
        for document_id, document in came.items():
            # The sweep may have seen another version than came.
            version = version_of(document), swept[document_id].fingerprint
            try:
                found.append((orjson.dumps(document), *version))
            except orjson.JSONEncodeError as error:
                # It reads 1,024 levels and writes 254.
                reason = f"cannot be kept as JSON: {error}; set aside"
                name = fields.text(document.get("name"))
                aside.append(Problem(document_id, name, "", reason, "error"))
        for one in batch:
            if one.id not in came and one.id not in lacking:
                self._withhold(one.id, "the source does not say why")
        for absent in lacking.values():
            if not absent.gone:
                self._withhold(absent.id, absent.reason)
        return found, aside, [absent.id for absent in lacking.values() if absent.gone]

    def _up_to_date(
        self, batch: list[Swept], swept: dict[str, Swept]
    ) -> tuple[dict[str, dict[str, Any]], dict[str, Lacking]]:
        """The documents of a batch by id, and what did not come.

        A replica that lags hands out an older document than the sweep saw; it is asked again, and
        what it then still hands out is kept under its own version.
        """
        came, lacking = self._came(one.id for one in batch)
        older = [one for one in came if _older(version_of(came[one]), swept[one].modified)]
        self.changes.lagging += len(older)
        for attempt in range(LAG_TRIES):
            if not older:
                break
            time.sleep(attempt * LAG_PAUSE)
            again, _ = self._came(older)
            for one, document in again.items():
                if not _older(version_of(document), version_of(came[one])):
                    came[one] = document
            older = [one for one in older if _older(version_of(came[one]), swept[one].modified)]
        self.behind += len(older)
        return came, lacking

    def _came(self, ids: Iterable[str]) -> tuple[dict[str, dict[str, Any]], dict[str, Lacking]]:
        came: dict[str, dict[str, Any]] = {}
        lacking: dict[str, Lacking] = {}
        for document in self.source.fetch(list(ids)):
            if isinstance(document, Lacking):
                lacking[document.id] = document
            else:
                came[document["_id"]] = document
        return came, lacking

    def _sweep(self) -> dict[str, Swept]:
        swept = {}
        for one in self.source.sweep():
            if isinstance(one, Problem):
                self.aside.append(one)
            else:
                swept[one.id] = one
        self.changes.swept = len(swept)
        self.changes.set_aside = len(self.aside)
        self.progress(f"documents: {len(swept):,} in {self.source.url}")
        return swept

    def _same(self, swept: Swept) -> bool:
        """Whether the kept state is the source's; without a sign of either, it is fetched."""
        old = self.old_rows.get(swept.id)
        if old is None or not self.same_projection or swept.id in self.withheld_before:
            return False
        modified, fingerprint = old[0], old[1]
        if swept.fingerprint is not None and fingerprint is not None:
            return swept.fingerprint == fingerprint
        return swept.modified is not None and swept.modified == modified

    def _refetched(self, swept: dict[str, Swept]) -> Iterator[str]:
        """The documents whose turn it is to be fetched though nothing tells of a change."""
        if not self.refetch_every:
            return
        turn = int(self.manifest.get("update", 0)) % self.refetch_every
        for one in swept.values():
            self.takes_turns |= one.fingerprint is None
            if one.fingerprint is None and self._same(one):
                place = hashlib.sha256(one.id.encode("utf-8", "replace")).digest()
                if int.from_bytes(place[:8]) % self.refetch_every == turn:
                    yield one.id

    def _changed(self, rows: pa.Table) -> tuple[pa.Table, set[str]]:
        """The rows that are not as they were kept, and the documents of the others."""
        if not self.same_projection:
            return rows, set()
        named = arrow.values(rows, "_id", "modified", "fingerprint", "shard", "content")
        same = {one: self.old_rows.get(one) == tuple(row) for one, *row in named}
        kept = rows.filter(pa.array([not found for found in same.values()], pa.bool_()))
        return kept, {one for one, found in same.items() if found}

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

    def _merge(self, shard: int, drop: set[str], rows: pa.Table) -> None:
        """Write a shard anew, without some documents and with others."""
        name = self.manifest["shards"].get(str(shard))
        if name in self.sending:
            self.sending.pop(name).result()
        content = SHARD.empty_table()
        if name:
            content = arrow.decode(_shard_body(self.store, name)).cast(SHARD)
        dropped = drop | set(rows["_id"].to_pylist())
        if dropped and content.num_rows:
            out = pc.is_in(content["_id"], pa.array(sorted(dropped), pa.string()))
            content = content.filter(pc.invert(out))
        content = pa.concat_tables([content, rows])
        self._send(shard, content.sort_by([("subject_id", "ascending"), ("_id", "ascending")]))

    def _send(self, shard: int, content: pa.Table) -> None:
        """Send a shard's new content to the store."""
        self.indexes[shard] = content.select(INDEX.names)
        if content.num_rows:
            body = arrow.encode(content)
            name = f"shards/{shard}/{_digest(body)}"
            self.manifest["shards"][str(shard)] = name
            if len(self.sending) >= PUTS:
                self.sending.pop(next(iter(self.sending))).result()
            self.sending[name] = self.pool.submit(
                self.store.put_object, f"{DOCUMENTS}/{name}.pqt", body
            )
        else:
            self.manifest["shards"].pop(str(shard), None)
        self.changes.shards_written += 1

    def _withheld_problems(self) -> Iterator[Problem]:
        rows = self.index.filter(pc.is_in(self.index["_id"], pa.array(self.withheld, pa.string())))
        names = dict(arrow.values(rows, "_id", "name"))
        for document_id, reason in sorted(self.withheld.items()):
            kept = "its row is as before" if document_id in names else "it has no row until it does"
            said = (
                f"the source does not hand it out, also when asked for it alone: {reason}; {kept}"
            )
            yield Problem(document_id, names.get(document_id), "", said, "error")

    def _keep(self, *, whole: bool) -> Snapshot:
        """Make what was merged so far the snapshot, unless another build was faster.

        Args:
            whole: Every document was looked at; until then the projection stays unnamed, so that a
                build with another one fetches again what this one left.
        """
        while self.sending:
            self.sending.popitem()[1].result()
        before = _without_turn(self.manifest)
        if self.indexes or not self.tag:
            touched = pa.array(sorted(self.indexes), pa.int16())
            rest = self.index.filter(pc.invert(pc.is_in(self.index["shard"], touched)))
            self.index = pa.concat_tables([rest, *self.indexes.values()]).sort_by("_id")
            self.index = self.index.combine_chunks()
            self.indexes = {}
            self.manifest["index"] = _put(self.store, "index", arrow.encode(self.index), ".pqt")
            kept = [*self.manifest.get("indexes", []), self.manifest["index"]]
            self.manifest["indexes"] = list(dict.fromkeys(reversed(kept)))[:KEPT_STATES][::-1]
        manifest = {k: v for k, v in self.manifest.items() if k != "withheld"}
        manifest["source"] = self.source.url
        problems = [*self.aside, *self._withheld_problems()]
        aside = orjson.dumps(sorted((list(p) for p in problems), key=str))
        if _digest(aside) != self.manifest.get("set_aside"):
            manifest["set_aside"] = _put(self.store, "set_aside", aside, ".json")
        manifest["documents"] = self.index.num_rows
        asked_again = {*self.withheld, *(() if whole else self.withheld_before)}
        manifest |= {"withheld": sorted(asked_again)} if asked_again else {}
        contents = pc.binary_join_element_wise(
            self.index["_id"], self.index["content"], "="
        ).to_pylist()
        state = hashlib.sha256("\n".join([*contents, manifest["set_aside"]]).encode())
        manifest["state"] = state.hexdigest()[:32]
        named = whole or self.same_projection or not self.old_rows
        manifest["projection"] = self.projection if named else ""
        manifest["reads"] = self.findings if named else ""
        found = pc.list_flatten(self.index["problems"])
        warned = pc.equal(pc.struct_field(found, "severity"), WARNING)
        self.changes.values_unread = int(pc.sum(warned).as_py() or 0)
        if whole and self.refetch_every and self.takes_turns:
            manifest["update"] = int(manifest.get("update", 0)) + 1
        if self.accepted:
            manifest["accepted"] = manifest["state"]
        if self.tag is not None and _without_turn(manifest) == before:
            if manifest.get("update") != self.manifest.get("update"):
                body = json.dumps(manifest, indent=1).encode()
                self.tag = self.store.replace(MANIFEST, body, self.tag)
            return Snapshot(self.store, manifest, self.index, problems)
        manifest["updated_at"] = datetime.now(UTC).isoformat(timespec="seconds")
        states = [*self.manifest.get("states", []), manifest["state"]]
        manifest["states"] = list(dict.fromkeys(reversed(states)))[:KEPT_STATES][::-1]
        if whole:
            self._note_upheavals(manifest)
        self.manifest = manifest
        body = json.dumps(manifest, indent=1).encode()
        self.store.put(_state_key(manifest["state"]), body)
        self.tag = self.store.replace(MANIFEST, body, self.tag)
        if whole:
            _forget(self.store, manifest)
        return Snapshot(self.store, manifest, self.index, problems)

    def _note_upheavals(self, manifest: dict[str, Any]) -> None:
        """Note in the manifest in which ways most documents are others than before this update."""
        found = [
            {"state": manifest["state"], "at": manifest["updated_at"], "field": at, "reason": said}
            for at, said in upheavals.find(self.index_before, self.index)
        ]
        kept = [o for o in manifest.get("upheavals", ()) if o["state"] in manifest["states"]]
        if found or "upheavals" in manifest:
            manifest["upheavals"] = [*kept, *found]


def _without_turn(manifest: dict[str, Any]) -> str:
    """A manifest as text, to be compared; that an update took place is no change."""
    return json.dumps({k: v for k, v in manifest.items() if k != "update"}, sort_keys=True)


def _older(version: str | None, other: str | None) -> bool:
    """Whether a version is of a time before another's; without a time nobody can tell."""
    moment, later = fields.time(version), fields.time(other)
    return moment is not None and later is not None and moment < later


def _batches(wanted: list[Swept]) -> Iterator[list[Swept]]:
    """Batches that do not cut a shard in two, so that a first build writes each shard once."""
    start = 0
    while start < len(wanted):
        end = min(start + BATCH, len(wanted))
        if end < len(wanted):
            last = shard_of(wanted[end].subject_id)
            cut = end
            while cut > start and shard_of(wanted[cut - 1].subject_id) == last:
                cut -= 1
            end = cut if cut > start else end
        yield wanted[start:end]
        start = end


def _shard_body(store: Store, name: str) -> bytes:
    return store.get_object(f"{DOCUMENTS}/{name}.pqt")


def _digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()[:32]


def _put(store: Store, folder: str, body: bytes, suffix: str) -> str:
    """Put an object under its own hash; the same content is not written again."""
    digest = _digest(body)
    store.put_object(f"{DOCUMENTS}/{folder}/{digest}{suffix}", body)
    return digest


def _forget(store: Store, manifest: dict[str, Any]) -> None:
    """Remove what the manifest names no more; a build that still reads it has days."""
    used = {f"{DOCUMENTS}/{name}.pqt" for name in manifest["shards"].values()}
    used |= {f"{DOCUMENTS}/index/{name}.pqt" for name in manifest["indexes"]}
    used |= {_state_key(state) for state in manifest["states"]}
    used |= {f"{DOCUMENTS}/set_aside/{manifest['set_aside']}.json", MANIFEST}
    before = datetime.now(UTC) - UNUSED_FOR
    used |= _lately_used(store, manifest, before)
    old = [
        entry["path"]
        for entry in store.walk(DOCUMENTS)
        if entry["path"] not in used and entry["last_modified"] < before
    ]
    store.delete(old)


def _lately_used(store: Store, manifest: dict[str, Any], since: datetime) -> set[str]:
    """What the states name that were the latest one at some time since; a build may read them."""
    used: set[str] = set()
    following = manifest
    for state in reversed(manifest["states"][:-1]):
        if datetime.fromisoformat(following["updated_at"]) < since:
            break
        try:
            following = json.loads(store.get(_state_key(state)))
        except FileNotFoundError:
            break
        used |= {f"{DOCUMENTS}/{name}.pqt" for name in following["shards"].values()}
        used.add(f"{DOCUMENTS}/set_aside/{following['set_aside']}.json")
    return used
