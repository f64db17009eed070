"""How a table becomes visible: validated, put as objects, then at the fixed paths, then in facts.

A crash at any point leaves the old or the new content at every path; what was begun stands in the
facts as pending, and the next commit mends it. What a table means is not known here.
"""

import hashlib
import uuid
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, cast

from zs_client import work
from zs_client.contract import Layout
from zs_client.facts import Facts, FileFacts, Size
from zs_client.store import Store
from zs_pipeline import arrow, memory
from zs_pipeline.declaration import Acorn
from zs_pipeline.progress import Progress
from zs_pipeline.publishing.facts_file import FactsFile, entries, now_text, path
from zs_pipeline.publishing.recovery import restore
from zs_pipeline.publishing.shrink_guard import KEPT_SIZES, refusals, size_of, sizes_of
from zs_pipeline.publishing.table_update import CommitReport, PartitionUpdate, TableUpdate

CHUNK = 256
KEPT_BYTES = 64 * 2**20
REQUESTS = 32


@dataclass
class _Staged:
    segment: str
    entry: FileFacts | None
    inputs: str
    body: bytes | None
    written: bool
    kept: bool = False


def commit(
    store: Store,
    layout: Layout,
    acorn: Acorn,
    built: TableUpdate,
    *,
    accept_shrink: bool = False,
    progress: Callable[[str], None] = lambda _: None,
) -> CommitReport:
    """Write what changed of a table.

    Args:
        store: Where to.
        layout: The layout of the version.
        acorn: The declaration.
        built: The content; partitions that are not in it stay as they are.
        accept_shrink: Accept a table that lost more rows than it may.
        progress: Told about every chunk that was committed.

    Raises:
        arrow.InvalidTable: The content breaks its declaration; nothing was changed.
        ShrinkRefused: Too many rows would be gone; nothing was changed.
    """
    # Dagster holds what it was handed until the run ends.
    known, built.known = built.known or FactsFile(store, layout, acorn), None
    report = CommitReport()
    facts = restore(known, report)
    before = dict(entries(facts))
    had = sum(entry["rows"] for entry in before.values())
    sizes = sizes_of(acorn, facts, built.code_version)
    # Until a build of the whole table ended, nothing of it can shrink.
    first = not (facts and facts["source_state"])
    waiting: list[_Staged] = []
    keeping: list[Any] = []
    held_bytes = 0
    # Of a table in one file there is nothing to tell before its end.
    tell = progress if acorn.partition else _untold
    shown = Progress(tell, acorn.name, "files done", built.files)
    with work.Threads(REQUESTS) as pool:

        def flush(finish: Callable[[Facts], None] | None = None) -> None:
            while keeping:
                keeping.pop().result()
            chunks = [waiting[start : start + CHUNK] for start in range(0, len(waiting), CHUNK)]
            for number, chunk in enumerate(chunks, 1):
                _publish(known, chunk, pool, built, finish if number == len(chunks) else None)
                shown.at(report.computed)
            if finish and not chunks:
                known.update(finish, code_version=built.code_version)
            waiting.clear()
            memory.trim_heap()

        for staged in _stage(known, built.parts, before):
            report.computed += 1
            if staged.written:
                (report.changed if staged.entry else report.removed).append(staged.segment)
            # One that nothing belongs to any more is gone, not empty.
            if staged.entry is None and staged.inputs:
                report.empty.append(staged.segment)
            held_bytes += len(staged.body or b"")
            waiting.append(staged)
            # In a first build what is done becomes visible at once. Later the whole table is judged
            # before any of it is; what is too much to hold is put ahead, where no reader looks.
            if first or held_bytes > KEPT_BYTES:
                if len(keeping) >= REQUESTS:
                    keeping.pop(0).result()
                keeping.append(pool.submit(_keep, store, layout, acorn, staged, keep_body=first))
            if first and len(waiting) >= CHUNK:
                flush()
        if not (accept_shrink or acorn.may_shrink):
            written = {one.segment for one in waiting if one.written}
            report.refused = refusals(acorn, sizes, _files_after(before, waiting), written)
            _leave_out(waiting, report)
        sha256 = _sha256(next((s.entry for s in waiting if s.entry), before.get("")))
        flush(_finish(acorn, built, report, [] if accept_shrink else sizes, had=had, sha256=sha256))
        report.facts = known.facts or report.facts
    report.rows, report.bytes = report.facts["rows"], report.facts["bytes"]
    return report


def _tell_apart(known: FactsFile, segment: str, folded: dict[str, str]) -> None:
    """Refuse a partition whose file is another one's on a disk that folds capitals.

    Raises:
        arrow.InvalidTable: It is.
    """
    other, acorn = folded.setdefault(segment.casefold(), segment), known.acorn
    keys = [path(known.layout, acorn, each) for each in (other, segment)]
    if other != segment and known.store.is_one_place(*keys):
        raise arrow.InvalidTable(
            f"{acorn.name}: {segment} and {other} are one file in {known.store.url}, whose disk "
            "does not tell capitals from small letters; write to S3 or to a disk that does"
        )


def _untold(_: str) -> None:
    return


def _stage(
    known: FactsFile, parts: Iterable[PartitionUpdate], before: dict[str, FileFacts]
) -> Iterator[_Staged]:
    """Validate and encode each part; what is lost is written if it is the same."""
    now, acorn = now_text(), known.acorn
    folded = {segment.casefold(): segment for segment in before}
    split = acorn.kind.partitioning
    # A partition of a fixed list is there without rows as well.
    may_vanish = split is not None and not split.is_fixed
    seen: set[str] = set()
    for part in parts:
        # Two contents for one path would be placed in any order.
        if part.segment in seen:
            raise arrow.InvalidTable(f"{acorn.name}: the partition {part.segment!r} came twice")
        seen.add(part.segment)
        old = before.get(part.segment)
        content = part.content
        if content is None or (may_vanish and not content.num_rows):
            staged = _Staged(part.segment, None, part.inputs, None, old is not None)
        else:
            _tell_apart(known, part.segment, folded)
            file = content if isinstance(content, arrow.File) else arrow.file(acorn, content)
            digest = hashlib.sha256(file.body).hexdigest()
            same = old is not None and old["sha256"] == digest
            entry: FileFacts = {
                "rows": file.num_rows,
                "bytes": len(file.body),
                "sha256": digest,
                "inputs": part.inputs,
                "built_at": old["built_at"] if same and old else now,
            }
            if file.values:
                entry["values"] = file.values
            written = not same or part.segment in known.lost
            body = file.body if written else None
            staged = _Staged(part.segment, entry, part.inputs, body, written)
        yield staged


def _keep(store: Store, layout: Layout, acorn: Acorn, staged: _Staged, *, keep_body: bool) -> None:
    """Put a new content under `_objects/`; held on to as well, or not."""
    if staged.body is None or staged.entry is None or staged.kept:
        return
    store.put_object(layout.object(acorn.table, staged.entry["sha256"]), staged.body)
    staged.kept = True
    if not keep_body:
        staged.body = None


def _files_after(before: dict[str, FileFacts], staged: list[_Staged]) -> dict[str, FileFacts]:
    removed = {one.segment for one in staged if one.entry is None}
    kept = {segment: entry for segment, entry in before.items() if segment not in removed}
    return kept | {one.segment: one.entry for one in staged if one.entry}


def _leave_out(staged: list[_Staged], report: CommitReport) -> None:
    """Leave partitions that are refused as they are."""
    if report.refused:
        staged[:] = [one for one in staged if one.segment not in report.refused]
        report.changed = [s for s in report.changed if s not in report.refused]


def _publish(
    known: FactsFile,
    chunk: list[_Staged],
    pool: ThreadPoolExecutor,
    built: TableUpdate,
    finish: Callable[[Facts], None] | None,
) -> None:
    """Write a chunk's fixed paths and facts, so that the two agree whoever else writes.

    Args:
        known: The table's facts.
        chunk: What to write.
        pool: Where requests are sent from.
        built: What the chunk is of.
        finish: What else to state in the facts, after the last chunk.
    """
    store, layout, acorn = known.store, known.layout, known.acorn
    written = [s for s in chunk if s.written]
    writer = uuid.uuid4().hex
    done = False
    # Nobody looks at objects that no facts name, so these need not wait for the announcement.
    ahead = [
        pool.submit(_keep, store, layout, acorn, s, keep_body=True) for s in written if s.entry
    ]

    def place(staged: _Staged) -> None:
        target = path(layout, acorn, staged.segment)
        if staged.entry is None:
            store.delete([target])
            return
        source = layout.object(acorn.table, staged.entry["sha256"])
        store.copy(source, target, staged.body or store.get_object(source))

    def apply(facts: Facts) -> None:
        nonlocal done
        # Announced first, and again where another writer took this one for dead and mended.
        done = not written or writer in facts["pending"]
        if not done:
            facts["pending"][writer] = [s.segment for s in written]
            return
        for one in ahead:
            one.result()
        # Before every attempt: a writer that was faster may have placed its own content since.
        list(pool.map(place, written))
        now = entries(facts)
        for staged in chunk:
            # What was found unchanged and was changed by another writer since is that one's.
            if staged.written or _sha256(staged.entry) == _sha256(now.get(staged.segment)):
                _apply_entry(facts, staged)
                if not acorn.partition:
                    _mark_built_from(facts, built)
        facts["pending"].pop(writer, None)
        if finish:
            finish(facts)

    while not done:
        known.update(apply, code_version=built.code_version)


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
    """Say what the whole table was made from, where it was looked at as a whole."""
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
    """States that the table is whole; of one file, only while it is the one of this build."""

    def apply(facts: Facts) -> None:
        if report.computed:
            facts["checked_at"] = now_text()
            size = size_of(acorn, entries(facts))
            facts["sizes"] = [*(one for one in sizes if one != size), size][-KEPT_SIZES:]
        if report.changed or report.removed:
            facts["rows_before"] = had
        if report.refused:
            # Of a table in several states nothing can be taken over.
            facts["refused"] = sorted(report.refused)
            facts["state"], facts["reason"] = "stale", " ".join(report.refused.values())
        elif acorn.partition or facts["sha256"] == sha256:
            _mark_built_from(facts, built)

    return apply
