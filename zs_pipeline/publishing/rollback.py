"""Publishes an earlier snapshot in place of the latest one, and later the latest one again.

Each table changes as in a commit: its facts announce the paths, the paths get their contents, the
facts name them. Every path has the earlier or the later content at any moment. Facts of a table
that is rolled back are marked, so that a build which began before publishes nothing. Where builds
work meanwhile is in `zs_pipeline.publishing.hold`.
"""

import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import pyarrow as pa
import pyarrow.parquet as pq

from zs_client import work
from zs_client.contract import Layout
from zs_client.errors import ReadError
from zs_client.facts import Facts, FileFacts
from zs_client.pinned import State, gone, state_of
from zs_client.published import latest
from zs_client.store import Store
from zs_pipeline import run_scope
from zs_pipeline.declaration import Acorn
from zs_pipeline.publishing import hold as holds
from zs_pipeline.publishing import one_file, pruning, squirrel, successor, views
from zs_pipeline.publishing.facts_file import FactsFile, entries, now_text, path, read_facts
from zs_pipeline.publishing.hold import HOLDING, PLACING, RELEASING, HeldLayout, Hold
from zs_pipeline.publishing.recovery import recover_pending
from zs_pipeline.stored_json import parsed, serialized

REQUESTS = 32
# Rollbacks and releases that the record has.
KEPT_EVENTS = 400


def roll_back(store: Store, layout: Layout, acorns: Sequence[Acorn], snapshot: str) -> Hold:
    """Publish an earlier snapshot; builds go on and publish nothing until `release`.

    A rollback that was killed is gone on with by another one, to whatever snapshot.

    Args:
        store: The store.
        layout: The layout of the version.
        acorns: All acorns of the version.
        snapshot: The snapshot's id or name.

    Raises:
        SnapshotNotFound: There is no such snapshot.
        ReadError: Contents of the snapshot are gone; nothing was changed.
        ValueError: The snapshot is of another version or of other tables; nothing was changed.
    """
    state = state_of(store, layout, snapshot)
    by_name = {acorn.name: acorn for acorn in acorns}
    if state.layout != layout:
        raise ValueError(f"snapshot {state.id} is of version {state.layout}, not of {layout}")
    if unknown := state.tables.keys() - by_name.keys():
        raise ValueError(
            f"snapshot {state.id} has tables that this program does not make: "
            f"{', '.join(sorted(unknown))}"
        )
    _refuse_gone(store, state)
    name = "" if snapshot == state.id else snapshot
    hold = Hold(state.id, name, now_text(), PLACING)
    _record(store, layout, hold, {"to": state.id, "from": latest(store, layout)})
    # From here on a prune keeps the snapshot; one that goes on may just have removed it.
    pruning.wait_for_end(store, layout)
    _refuse_gone(store, state)
    held = HeldLayout(layout.version)
    if not store.exists(held.registry):
        store.put(held.registry, store.get(layout.registry))
    for acorn in acorns:
        _roll_back_table(store, layout, acorn, state, hold)
    registry = _publish(store, layout, state, hold)
    successor.follow(store, layout, registry, acorns)
    for acorn in acorns:
        _place_held(FactsFile(store, held, acorn))
        # What a build had announced that ran meanwhile.
        recover_pending(FactsFile(store, layout, acorn))
    hold = Hold(hold.snapshot, hold.name, hold.since, HOLDING)
    _record(store, layout, hold)
    return hold


def release(
    store: Store, layout: Layout, acorns: Sequence[Acorn], unbuilt: Sequence[Acorn] = ()
) -> str:
    """Publish what builds made since the rollback; returns the snapshot's id.

    Args:
        store: The store.
        layout: The layout of the version.
        acorns: All acorns of the version.
        unbuilt: Acorns that are not made any more, of which the store may have some.

    Raises:
        ValueError: Nothing is rolled back.
    """
    hold = holds.current(store, layout)
    if hold is None:
        raise ValueError(f"version {layout} of {store.url} is not rolled back")
    _record(store, layout, Hold(hold.snapshot, hold.name, hold.since, RELEASING))
    held = HeldLayout(layout.version)
    acorns = [*acorns, *(a for a in unbuilt if read_facts(store, held, a.table))]
    for acorn in acorns:
        facts = read_facts(store, held, acorn.table)
        if facts is not None:
            recover_pending(FactsFile(store, held, acorn))
            _place(FactsFile(store, layout, acorn), _digests(facts), _as_built(facts))
    published = squirrel.publish(store, layout, acorns)
    successor.follow(store, layout, published.registry, acorns)
    views.publish(store, layout, published.registry)
    store.delete([entry["path"] for entry in store.walk(held.held_folder)])
    _record(store, layout, None, {"to": published.snapshot, "from": hold.snapshot})
    return published.snapshot


def _record(
    store: Store, layout: Layout, hold: Hold | None, event: Mapping[str, Any] | None = None
) -> None:
    """Write the hold, and what happened, into the record of rollbacks."""

    def change(body: bytes | None) -> bytes:
        record = parsed(store, layout.rollback, body) or {"history": []}
        record["hold"] = vars(hold) if hold else None
        if event is not None:
            record["history"] = [*record["history"], {"at": now_text(), **event}][-KEPT_EVENTS:]
        return serialized(record)

    written = store.update(layout.rollback, change, advice="is another rollback running?")
    run_scope.current().recent_reads.note(store, layout.rollback, written)


def _refuse_gone(store: Store, state: State) -> None:
    """Refuse a snapshot of which a content is gone.

    Raises:
        ReadError: A content is gone.
    """
    there = {entry["path"] for entry in store.walk(state.layout.objects)}
    for name, entry in state.tables.items():
        for sha256 in state.contents(name).values():
            key = state.layout.object(entry["table"], sha256)
            if key not in there:
                raise ReadError(gone(store, state, key))


def _roll_back_table(store: Store, layout: Layout, acorn: Acorn, state: State, hold: Hold) -> None:
    """Give a table the contents of a snapshot; keep the facts that builds go on from."""
    file = FactsFile(store, layout, acorn)
    if file.facts is None:
        return
    recover_pending(file)
    held = HeldLayout(layout.version)

    def keep(facts: Facts) -> None:
        if not facts.get("held"):
            store.put(held.facts(acorn.table), serialized({**facts, "pending": {}}))
        facts["held"] = True

    if acorn.name not in state.tables:
        # It stays as it is, and is in no registry.
        file.update(keep)
        return

    def finish(facts: Facts, files: dict[str, FileFacts]) -> None:
        entry = state.tables[acorn.name]
        former = {column["name"]: column for column in facts["columns"]}
        unknown = {"reads": [], "rule": "", "example": ""}
        _name_files(facts, files)
        copied = ("description", "type", "key", "rows", "bytes", "sha256", "built_at")
        for name in (*copied, "code_version", "source_state"):
            cast("dict[str, Any]", facts)[name] = entry[name]
        facts["columns"] = [{**unknown, **former.get(c["name"], {}), **c} for c in entry["columns"]]
        facts["empty"] = {s: v for s, v in facts["empty"].items() if s not in files}
        facts["state"], facts["reason"] = "stale", hold.sentence

    _place(file, state.contents(acorn.name), finish, announce=keep)


def _as_built(held_facts: Facts) -> Callable[[Facts, dict[str, FileFacts]], None]:
    """Returns a change of facts to what builds made."""

    def finish(facts: Facts, _: dict[str, FileFacts]) -> None:
        # The one file of builds lies elsewhere.
        own = {key: facts[key] for key in ("pending", "one_file") if key in facts}
        facts.clear()  # type: ignore[attr-defined]
        facts.update(held_facts)
        facts.pop("one_file", None)
        facts.update(own)  # type: ignore[typeddict-item]

    return finish


def _place(
    file: FactsFile,
    digests: Mapping[str, str],
    finish: Callable[[Facts, dict[str, FileFacts]], None],
    *,
    announce: Callable[[Facts], None] = lambda _: None,
) -> None:
    """Give the fixed paths of a table other contents, which are there as objects.

    Args:
        file: The table's facts.
        digests: The digest of each file, by segment; other files are removed.
        finish: Names the files in the facts, once they are placed.
        announce: Changes the facts when they announce what is placed.
    """
    store, layout, acorn = file.store, file.layout, file.acorn
    writer, done = uuid.uuid4().hex, False

    def differ(facts: Facts) -> list[str]:
        now = {segment: entry["sha256"] for segment, entry in entries(facts).items()}
        return sorted(s for s in now.keys() | digests.keys() if now.get(s) != digests.get(s))

    def write(segment: str) -> FileFacts | None:
        target = path(layout, acorn, segment)
        if segment not in digests:
            store.delete([target])
            return None
        source = layout.object(acorn.table, digests[segment])
        body = store.get_object(source)
        store.copy(source, target, body)
        return {
            "rows": pq.read_metadata(pa.BufferReader(body)).num_rows,
            "bytes": len(body),
            "sha256": digests[segment],
            "inputs": "",
            "built_at": now_text(),
        }

    def apply(facts: Facts) -> None:
        nonlocal done
        done = writer in facts["pending"]
        announce(facts)
        if not done:
            facts["pending"][writer] = differ(facts)
            return
        segments = sorted({*facts["pending"][writer], *differ(facts)})
        with work.Threads(REQUESTS) as pool:
            placed = zip(segments, pool.map(write, segments), strict=True)
            files = entries(facts) | {s: entry for s, entry in placed if entry}
        finish(facts, {s: entry for s, entry in files.items() if s in digests})
        facts["pending"].pop(writer, None)

    while not done:
        file.update(apply)
    one_file.bring_up_to_date(file)


def _name_files(facts: Facts, files: dict[str, FileFacts]) -> None:
    if facts["partition_key"]:
        facts["partitions"] = dict(sorted(files.items()))
    elif files:
        cast("dict[str, Any]", facts).update(files[""])


def _digests(facts: Facts) -> dict[str, str]:
    return {segment: entry["sha256"] for segment, entry in entries(facts).items()}


def _place_held(file: FactsFile) -> None:
    """Place the latest contents where builds look for them; what is there stays."""
    store, layout, acorn = file.store, file.layout, file.acorn

    def place(segment: str, sha256: str) -> None:
        target = path(layout, acorn, segment)
        if not store.exists(target):
            source = layout.object(acorn.table, sha256)
            store.copy(source, target, store.get_object(source))

    with work.Threads(REQUESTS) as pool:
        files = _digests(file.facts) if file.facts else {}
        list(pool.map(place, files.keys(), files.values()))


def _publish(store: Store, layout: Layout, state: State, hold: Hold) -> dict[str, Any]:
    """Write the registry of a snapshot, which says that it is an earlier one, and return it."""
    registry: dict[str, Any] = json.loads(state.body)
    registry.pop("partitions", None)
    former = json.loads(store.get(layout.registry))
    for entry in registry["acorns"]:
        entry["state"], entry["reason"] = "stale", hold.sentence
    registry["published_at"] = now_text()
    registry["rolled_back"] = {"snapshot": hold.snapshot, "name": hold.name, "since": hold.since}
    registry |= squirrel.kept_of(former)
    for entry in registry["acorns"]:
        facts = read_facts(store, layout, entry["table"]) if entry["partition_key"] else None
        squirrel.name_one_file(store, layout, entry, facts or {})
    store.put(layout.registry, serialized(registry))
    # A view names the columns of its table: one that came since is none of the snapshot's.
    views.publish(store, layout, registry)
    return registry
