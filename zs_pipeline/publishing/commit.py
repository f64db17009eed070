"""How a table becomes visible: validated, put as objects, then at the fixed paths, then in facts.

A crash at any point leaves the old or the new content at every path. The facts list unfinished
writes as pending, and the next commit recovers them.
"""

import uuid
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any, cast

import pyarrow as pa

from zs_client import work
from zs_client.contract import Layout
from zs_client.facts import Facts, FileFacts, Size
from zs_client.store import Store
from zs_pipeline import arrow, memory
from zs_pipeline.declaration import Acorn
from zs_pipeline.progress import Progress
from zs_pipeline.publishing import one_file, pruning
from zs_pipeline.publishing.facts_file import FactsFile, HeldBack, entries, now_text, path
from zs_pipeline.publishing.recovery import heal, restore, restore_segments
from zs_pipeline.publishing.shrink_guard import KEPT_SIZES, refusals, size_of, sizes_of, with_latest
from zs_pipeline.publishing.table_update import CommitReport, PartitionUpdate, TableUpdate

# The facts of a table are written twice for each chunk of its partitions. A chunk has so many, or a
# fourth of those that there are: with 256 always, the facts of 100,000 partitions, 22 MB, were
# written for 17 GB.
CHUNK, SHARE = 256, 4
KEPT_BYTES = 64 * 2**20
# In a folder more threads only wait for one another, which takes time of the CPU as well.
REQUESTS, LOCAL_REQUESTS = 32, 8


@dataclass
class _Staged:
    segment: str
    entry: FileFacts | None
    inputs: str
    body: bytes | None
    written: bool
    is_object: bool = False
    # Whether the object was there before, perhaps unnamed.
    is_reused: bool = False


def commit(
    store: Store,
    layout: Layout,
    acorn: Acorn,
    built: TableUpdate,
    *,
    accept_shrink: bool = False,
    progress: Callable[[str], None] = lambda _: None,
) -> CommitReport:
    """Write the changed partitions of a table, and its facts.

    Args:
        store: The store to write to.
        layout: The layout of the version.
        acorn: The declaration.
        built: The content; partitions that are not in it stay as they are.
        accept_shrink: Accept a table that lost too many rows.
        progress: Receives a sentence about every chunk that was committed.

    Raises:
        arrow.InvalidTable: The content breaks its declaration; nothing was changed.
        ShrinkRefused: Too many rows would be gone; nothing was changed.
        HeldBack: An earlier snapshot was published meanwhile; nothing was changed.
    """
    # Dagster holds the update until the run ends, and would hold the facts with it.
    known, built.known = built.known or FactsFile(store, layout, acorn), None
    report = CommitReport()
    facts = restore(known, report)
    before = dict(entries(facts))
    had = sum(entry["rows"] for entry in before.values())
    sizes = sizes_of(acorn, facts, built.code_version)
    # A table cannot shrink before its first whole build has ended.
    first = not (facts and facts["source_state"])
    waiting: list[_Staged] = []
    puts: list[Any] = []
    held_bytes = 0
    # A table in one file has no progress before its end.
    report_progress = progress if acorn.partition else lambda _: None
    progress_line = Progress(report_progress, acorn.name, "files done", built.files)
    bodies = one_file.Bodies()
    with (
        work.Threads(LOCAL_REQUESTS if store.is_local else REQUESTS) as pool,
        closing(bodies),
    ):

        def flush(finish: Callable[[Facts], None] | None = None) -> None:
            nonlocal held_bytes
            while puts:
                puts.pop().result()
            size = _chunk_size(known)
            chunks = [waiting[start : start + size] for start in range(0, len(waiting), size)]
            for number, chunk in enumerate(chunks, 1):
                _publish(known, chunk, pool, built, finish if number == len(chunks) else None)
                progress_line.at(report.computed)
            if finish and not chunks:
                known.update(finish, code_version=built.code_version)
            waiting.clear()
            held_bytes = 0
            memory.trim_heap()

        for staged in _stage(known, built.partitions, before, bodies):
            report.computed += 1
            if staged.written:
                (report.changed if staged.entry else report.removed).append(staged.segment)
            # A partition to which no document belongs any more is gone, not empty.
            if staged.entry is None and staged.inputs:
                report.empty.append(staged.segment)
            held_bytes += len(staged.body or b"")
            waiting.append(staged)
            # A first build publishes chunk by chunk. Later builds are judged as a whole before any
            # of it becomes visible; bodies too large to hold are put ahead as objects.
            if first or held_bytes > KEPT_BYTES:
                if len(puts) >= REQUESTS:
                    puts.pop(0).result()
                puts.append(pool.submit(_put_object, known, staged, keep_body=first))
            if first and (len(waiting) >= _chunk_size(known) or held_bytes > KEPT_BYTES):
                flush()
        if not (accept_shrink or acorn.may_shrink):
            written = {staged.segment for staged in waiting if staged.written}
            report.refused = refusals(acorn, sizes, _files_after(before, waiting), written)
            _leave_out(waiting, report)
        sha256 = _sha256(next((s.entry for s in waiting if s.entry), before.get("")))
        flush(_finish(acorn, built, report, [] if accept_shrink else sizes, had=had, sha256=sha256))
        _merge(known, bodies, built)
        report.facts = known.facts or report.facts
    report.rows, report.bytes = report.facts["rows"], report.facts["bytes"]
    return report


def _chunk_size(known: FactsFile) -> int:
    """Returns how many partitions become visible at once."""
    return max(CHUNK, len(known.facts["partitions"]) // SHARE) if known.facts else CHUNK


def _tell_apart(known: FactsFile, segment: str, folded: dict[str, str]) -> None:
    """Refuse a partition that shares its file with another on a disk that folds capitals."""
    other, acorn = folded.setdefault(segment.casefold(), segment), known.acorn
    keys = [path(known.layout, acorn, other), path(known.layout, acorn, segment)]
    if other != segment and known.store.is_one_place(*keys):
        raise arrow.InvalidTable(
            f"{acorn.name}: {segment} and {other} are one file in {known.store.url}, whose disk "
            "does not tell capitals from small letters; write to S3 or to a disk that does"
        )


def _stage(
    known: FactsFile,
    partitions: Iterable[PartitionUpdate],
    before: dict[str, FileFacts],
    bodies: one_file.Bodies,
) -> Iterator[_Staged]:
    """Validate and encode each partition; a lost file is written even if it did not change."""
    now, acorn = now_text(), known.acorn
    folded = {segment.casefold(): segment for segment in before}
    split = acorn.kind.partitioning
    # A partition of a fixed list exists without rows as well.
    may_vanish = split is not None and not split.is_fixed
    seen: set[str] = set()
    for partition in partitions:
        segment, content = partition.segment, partition.content
        # Two contents for one path would be written in any order.
        if segment in seen:
            raise arrow.InvalidTable(f"{acorn.name}: the partition {segment!r} came twice")
        seen.add(segment)
        old = before.get(segment)
        if content is None or (may_vanish and not content.num_rows):
            yield _Staged(segment, None, partition.inputs, None, old is not None)
        else:
            _tell_apart(known, segment, folded)
            file = arrow.file(acorn, content) if isinstance(content, pa.Table) else content
            digest = file.sha256
            same = old is not None and old["sha256"] == digest
            entry: FileFacts = {
                "rows": file.num_rows,
                "bytes": file.size,
                "sha256": digest,
                "inputs": partition.inputs,
                "built_at": old["built_at"] if same and old else now,
            }
            if file.values:
                entry["values"] = file.values
            written = not same or segment in known.lost
            staged = _Staged(segment, entry, partition.inputs, None, written)
            # A worker's file is an object already, and read again where it is merged.
            if isinstance(file, arrow.StoredFile):
                staged.is_object, staged.is_reused = True, file.is_reused
            elif written:
                staged.body = file.body
                if acorn.partition and acorn.has_one_file:
                    bodies.keep(digest, file.body)
            yield staged


def _put_object(known: FactsFile, staged: _Staged, *, keep_body: bool) -> None:
    """Upload a new content to `_objects/`; keep the bytes in memory if `keep_body`."""
    if staged.body is None or staged.entry is None or staged.is_object:
        return
    key = known.layout.object(known.acorn.table, staged.entry["sha256"])
    staged.is_reused = known.store.put_object(key, staged.body)
    staged.is_object = True
    if not keep_body:
        staged.body = None


def _files_after(before: dict[str, FileFacts], waiting: list[_Staged]) -> dict[str, FileFacts]:
    after = before | {staged.segment: staged.entry for staged in waiting}
    return {segment: entry for segment, entry in after.items() if entry}


def _leave_out(waiting: list[_Staged], report: CommitReport) -> None:
    """Leave refused partitions as they are."""
    waiting[:] = [staged for staged in waiting if staged.segment not in report.refused]
    report.changed = [segment for segment in report.changed if segment not in report.refused]


def _publish(
    known: FactsFile,
    chunk: list[_Staged],
    pool: ThreadPoolExecutor,
    built: TableUpdate,
    finish: Callable[[Facts], None] | None,
) -> None:
    """Write a chunk's fixed paths and facts, so that they agree even if another build writes.

    `finish` makes the last changes to the facts, after the last chunk.
    """
    store, layout, acorn = known.store, known.layout, known.acorn
    written = [s for s in chunk if s.written]
    writer = uuid.uuid4().hex
    done = False
    # No reader looks at objects that no facts name, so these need not wait for the announcement.
    puts = [pool.submit(_put_object, known, s, keep_body=True) for s in written if s.entry]

    def write_fixed_path(staged: _Staged) -> None:
        target = path(layout, acorn, staged.segment)
        if staged.entry is None:
            store.delete([target])
            return
        source = layout.object(acorn.table, staged.entry["sha256"])
        store.copy(source, target, staged.body or store.get_object(source))

    def apply(facts: Facts) -> None:
        nonlocal done
        # Announce first, and again where another writer took this one for dead and recovered.
        done = not written or writer in facts["pending"]
        if not done:
            facts["pending"][writer] = [s.segment for s in written]
            return
        for put in puts:
            put.result()
        # Before every attempt: a faster writer may have written its own content since.
        list(pool.map(write_fixed_path, written))
        now = entries(facts)
        for staged in chunk:
            # A file that was unchanged here, and that another writer has changed since, stays.
            if staged.written or _sha256(staged.entry) == _sha256(now.get(staged.segment)):
                _apply_entry(facts, staged)
                if not acorn.partition:
                    _mark_built_from(facts, built)
        facts["pending"].pop(writer, None)
        if finish:
            finish(facts)

    with _undone_if_held(known, written):
        while not done:
            known.update(apply, code_version=built.code_version)
    _keep_reused(known, written)


@contextmanager
def _undone_if_held(known: FactsFile, written: Iterable[_Staged]) -> Iterator[None]:
    """Write fixed paths as facts name them where an earlier snapshot was published meanwhile."""
    try:
        yield
    except HeldBack:
        file = FactsFile(known.store, known.layout, known.acorn)
        restore_segments(file, [staged.segment for staged in written])
        raise


def _keep_reused(known: FactsFile, written: Iterable[_Staged]) -> None:
    """Bring back objects that a prune removed while this commit came to name them.

    Now that facts name them, a prune that begins later keeps them.
    """
    reused = [staged.segment for staged in written if staged.is_reused]
    if reused and pruning.wait_for_end(known.store, known.layout):
        heal(known, reused)


def _merge(known: FactsFile, bodies: one_file.Bodies, built: TableUpdate) -> None:
    """Write the one file of a partitioned table, after a build that looked at the whole table.

    Where a person builds some partitions, the next night merges them.
    """
    if built.source_state is not None:
        one_file.bring_up_to_date(known, bodies, built.code_version)


def _sha256(entry: FileFacts | None) -> str:
    return entry["sha256"] if entry else ""


def _apply_entry(facts: Facts, staged: _Staged) -> None:
    if not facts["partition_key"]:
        cast("dict[str, Any]", facts).update(staged.entry or {})
        return
    facts["empty"].pop(staged.segment, None)
    if staged.entry is None:
        facts["partitions"].pop(staged.segment, None)
        if staged.inputs:
            facts["empty"][staged.segment] = staged.inputs
    else:
        facts["partitions"][staged.segment] = staged.entry


def _mark_built_from(facts: Facts, built: TableUpdate) -> None:
    """Record what the table was made from, where the whole table was looked at."""
    if built.source_state is not None:
        facts["source_state"] = built.source_state
        facts["code_version"] = built.code_version
        if built.notes:
            facts["notes"] = built.notes
        elif not built.skipped:
            facts.pop("notes", None)
        facts["state"], facts["reason"] = "fresh", None
        facts.pop("refused", None)
        facts.pop("lost", None)


def _finish(
    acorn: Acorn,
    built: TableUpdate,
    report: CommitReport,
    sizes: list[Size],
    *,
    had: int,
    sha256: str,
) -> Callable[[Facts], None]:
    """Returns a change of facts: the table is whole, unless another build wrote its one file."""

    def apply(facts: Facts) -> None:
        if report.computed:
            facts["checked_at"] = now_text()
            size = size_of(acorn, entries(facts))
            facts["sizes"] = with_latest(sizes, size)[-KEPT_SIZES:]
        if report.changed or report.removed:
            facts["rows_before"] = had
        if report.refused:
            # No rows of a table in several states can be reused.
            facts["refused"] = sorted(report.refused)
            facts["state"], facts["reason"] = "stale", " ".join(report.refused.values())
        elif acorn.partition or facts["sha256"] == sha256:
            _mark_built_from(facts, built)

    return apply
