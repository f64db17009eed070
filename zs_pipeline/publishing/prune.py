"""Removes what no kept snapshot and no table names any more: `zs prune`.

First it marks: every digest in a kept snapshot, in facts, and in whatever other JSON the version
folder has, pending commits among it. Then it deletes objects that are unmarked and older than a
day. Keys whose form it does not know stay. A kill at any moment leaves every kept snapshot whole,
and the next prune goes on. How builds are kept safe is in `zs_pipeline.publishing.pruning`.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import chain
from typing import Any

from zs_client import snapshot_index, work
from zs_client.contract import ANSWERS, DOCUMENTS, ROOT, Layout
from zs_client.pinned import snapshot_entries
from zs_client.published import latest
from zs_client.store import Store
from zs_pipeline.documents import retention as documents
from zs_pipeline.publishing import hold as holds
from zs_pipeline.publishing import pruning, snapshot_list
from zs_pipeline.publishing.retention import YOUNG, Keep, kept
from zs_pipeline.stored_json import parsed

READS = 8
# Objects that are looked at and removed together; before each batch marks are brought up to date.
BATCH = 1000
_DIGEST = re.compile(rb"[0-9a-f]{64}")
_OBJECT = re.compile(r".*/_objects/[^/]+/([0-9a-f]{64})\.pqt")
_ANSWERS = re.compile(rf"{ANSWERS}/([^/]+)/([0-9a-f]{{32}})\.pqt")
_PROBE = re.compile(rf"{ROOT}/_probe/[0-9a-f]{{32}}")

Entry = Mapping[str, Any]


@dataclass(frozen=True)
class Pruned:
    """What a prune removed, or would remove.

    Attributes:
        snapshots: The ids of the snapshots that are gone.
        snapshots_before: The number of snapshots before.
        objects_before: The number of contents of tables, documents and answers, and of snapshots.
        objects_after: The same after.
        bytes_before: Their bytes before.
        bytes_after: Their bytes after.
    """

    snapshots: Sequence[str]
    snapshots_before: int
    objects_before: int
    objects_after: int
    bytes_before: int
    bytes_after: int


def prune(
    store: Store,
    layout: Layout,
    keep: Keep | None = None,
    *,
    dry_run: bool = False,
    progress: Callable[[str], None] = lambda _: None,
) -> Pruned:
    """Remove old snapshots, and what nothing names any more.

    Args:
        store: The store.
        layout: The layout of the version; other version folders stay as they are.
        keep: The snapshots to keep.
        dry_run: Remove nothing and write nothing.
        progress: Receives sentences about the progress.

    Raises:
        ValueError: Facts cannot be read, so that what they name is not known; no object was
            removed.
    """
    keep = keep or Keep()
    if dry_run:
        return _Plan(store, layout, keep, datetime.now(UTC)).report()
    now = store.now()
    pruning.announce(store, layout)
    report: dict[str, Any] = {}
    try:
        plan = _Plan(store, layout, keep, now)
        removed = plan.carry_out(progress)
        pruned = plan.report(removed)
        report = asdict(pruned) | {"snapshots": len(pruned.snapshots)}
    finally:
        pruning.conclude(store, layout, report)
    return pruned


class _Plan:
    """What a prune is going to remove."""

    def __init__(self, store: Store, layout: Layout, keep: Keep, now: datetime) -> None:
        self._store = store
        self._layout = layout
        self._before = now - YOUNG
        # Listed before anything is marked: what is put later is not among it.
        objects = list(store.walk(layout.objects))
        others = list(chain(store.walk(ANSWERS), store.walk(f"{ROOT}/_probe")))
        documents_entries = list(store.walk(DOCUMENTS))
        self._snapshots = snapshot_entries(store, layout)
        self.gone = _old_snapshots(store, layout, self._snapshots, keep, now)
        self._marks = _Marks(store, layout, self.gone)
        self._marks.bring_up_to_date()
        unused = _unused(store, others)
        self._unmarked = [
            entry for entry in objects if self._is_old(entry) and not self._marks.names(entry)
        ]
        self._unused = [e for e in others if self._is_old(e) and e["path"] in unused]
        self._unused += documents.unused(store, now)
        self._all = [*objects, *others, *documents_entries, *self._snapshots.values()]

    def _is_old(self, entry: Entry) -> bool:
        is_old: bool = entry["last_modified"] < self._before
        return is_old

    def carry_out(self, progress: Callable[[str], None]) -> set[str]:
        """Remove snapshots, then the objects that they alone named; returns the keys removed."""
        removed: set[str] = set()
        if self.gone:
            # In this order: what the list says is gone may still be there, and the other way round
            # no reader would be told since when.
            snapshot_list.take_out(self._store, self._layout, self.gone)
            keys = [self._layout.snapshot(id_) for id_ in sorted(self.gone)]
            removed.update(self._store.delete_older(keys, self._before))
        for start in range(0, len(self._unmarked), BATCH):
            pruning.announce(self._store, self._layout)
            # A build may have named some of them since.
            self._marks.bring_up_to_date()
            batch = self._unmarked[start : start + BATCH]
            keys = [entry["path"] for entry in batch if not self._marks.names(entry)]
            removed.update(self._store.delete_older(keys, self._before))
            progress(f"{start + len(batch):,} of {len(self._unmarked):,} objects removed")
        unused = [entry["path"] for entry in self._unused]
        removed.update(self._store.delete_older(unused, self._before))
        return removed

    def report(self, removed: set[str] | None = None) -> Pruned:
        """Returns what was removed; without `removed`, what would be."""
        if removed is None:
            entries = (*self._unmarked, *self._unused, *(self._snapshots[id_] for id_ in self.gone))
            removed = {entry["path"] for entry in entries}
        stay = [entry for entry in self._all if entry["path"] not in removed]
        return Pruned(
            snapshots=sorted(self.gone),
            snapshots_before=len(self._snapshots),
            objects_before=len(self._all),
            objects_after=len(stay),
            bytes_before=sum(entry["size"] for entry in self._all),
            bytes_after=sum(entry["size"] for entry in stay),
        )


def _old_snapshots(
    store: Store, layout: Layout, snapshots: Mapping[str, Entry], keep: Keep, now: datetime
) -> set[str]:
    """Returns the ids of the snapshots that are no longer kept."""
    index = snapshot_index.load(store, layout)
    unknown = [id_ for id_ in snapshots if id_ not in index.dates]
    heads = work.map_ordered(lambda id_: snapshot_index.head_of(store, layout, id_), unknown)
    published = {id_: head["published_at"] for id_, head in zip(unknown, heads, strict=True)}
    dates = {
        id_: datetime.fromisoformat(text)
        for id_, text in {**published, **index.dates}.items()
        if id_ in snapshots
    }
    hold = holds.current(store, layout)
    stay = kept(dates, set(index.names.values()), keep, now)
    stay |= {latest(store, layout) or "", hold.snapshot if hold else ""}
    return {
        id_
        for id_, entry in snapshots.items()
        if id_ not in stay and entry["last_modified"] < now - YOUNG
    }


class _Marks:
    """The digests that JSON in a version folder names, but for snapshots that are removed.

    Other JSON than facts and snapshots may be of another program, and a digest in it keeps an
    object as well.
    """

    def __init__(self, store: Store, layout: Layout, gone: Iterable[str]) -> None:
        self._store = store
        self._layout = layout
        # The list of snapshots names what snapshots name.
        own = (layout.snapshot_index, layout.pruning)
        self._passed_over = {*map(layout.snapshot, gone), *own}
        self._stamps: dict[str, tuple[Any, ...]] = {}
        self._digests: set[bytes] = set()

    def names(self, entry: Entry) -> bool:
        """Returns whether an object is named; whatever else lies there counts as named."""
        match = _OBJECT.fullmatch(entry["path"])
        return not match or bytes.fromhex(match[1]) in self._digests

    def bring_up_to_date(self) -> None:
        """Read what is new or was changed since the last time; what was named then stays named."""
        stamps = {
            entry["path"]: (entry["last_modified"], entry["size"], entry.get("e_tag"))
            for entry in self._entries()
        }
        new = [key for key, stamp in stamps.items() if self._stamps.get(key) != stamp]
        with work.Threads(READS) as pool:
            for digests in pool.map(self._digests_in, new):
                self._digests |= digests
        self._stamps |= stamps

    def _entries(self) -> Iterator[Entry]:
        folder = self._layout.folder
        names = (name for name in self._store.folders(folder) if name.startswith("_"))
        inside = [key for name in names if (key := f"{folder}/{name}") != self._layout.objects]
        for entry in chain(self._store.files(folder), *map(self._store.walk, inside)):
            if entry["path"].endswith(".json") and entry["path"] not in self._passed_over:
                yield entry

    def _digests_in(self, key: str) -> set[bytes]:
        try:
            body = self._store.get(key)
        except FileNotFoundError:
            return set()
        try:
            json.loads(body)
        except ValueError as error:
            raise ValueError(
                f"{self._store.at(key)}: cannot be read as JSON, so that what it names is not "
                f"known: {error}; no object is removed"
            ) from error
        return {bytes.fromhex(digest.decode()) for digest in _DIGEST.findall(body)}


def _unused(store: Store, entries: Iterable[Entry]) -> set[str]:
    """Returns the keys of answers that no head names, and of probes that killed writers left.

    Answers about data assets that are gone leave with the next answers that are kept; the contents
    before stay named by their head for as long as another build may read them.
    """
    unused: set[str] = set()
    named: dict[str, set[str]] = {}
    for entry in entries:
        key = entry["path"]
        if _PROBE.fullmatch(key):
            unused.add(key)
        elif match := _ANSWERS.fullmatch(key):
            name, content = match.groups()
            if name not in named:
                head_key = f"{ANSWERS}/{name}.json"
                head = parsed(store, head_key, store.get_if_there(head_key)[0]) or {}
                named[name] = {head.get("content", ""), *head.get("kept", ())}
            # Without a head it is not known what is of use.
            if named[name] != {""} and content not in named[name]:
                unused.add(key)
    return unused
