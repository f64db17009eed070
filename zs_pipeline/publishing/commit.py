"""How a table becomes visible: validated, put as objects, then at the fixed paths, then in facts.

A crash at any point leaves the old or the new content at every path; what was begun stands in the
facts as pending, and the next commit mends it. What a table means is not known here.
"""

import hashlib
import json
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from zs_client import work
from zs_client.contract import (
    NULL_PARTITION,
    facts_key,
    object_key,
    partition_key,
    table_key,
)
from zs_client.masking import masked
from zs_client.store import Altered, Conflict, Store
from zs_pipeline import arrow, memory
from zs_pipeline.declaration import Acorn
from zs_pipeline.progress import Progress

# A table, or a partition of a fixed list, that lost more than this share of its rows is refused.
# Small ones may: a subject with the only QC of a test database is no outage.
SHRINK_SHARE = 0.5
SHRINK_ROWS = 10
# The same of the values of a column that identifies, beside those of rows that are gone.
SHRINK_VALUES = 0.3
# Former sizes that a new one is compared with: against the last one alone, 20 nights that each
# lost a quarter left 3 rows of 1,000.
KEPT_SIZES = 14
CHUNK = 256
KEPT_BYTES = 64 * 2**20
REQUESTS = 32
ATTEMPTS = 20
# Of a report `bytes` is a number.
Body = bytes


_IF_RIGHT = "If that is right, build again with --accept-shrink"


class ShrinkRefused(Exception):
    """A table or a sweep lost more than it may; nothing was changed."""


@dataclass(frozen=True)
class Part:
    """The content of one partition, or of a whole table.

    Attributes:
        segment: The partition's encoded value; empty for a table that is not partitioned.
        content: The rows, or the file that they make; None removes the partition, and so do no
            rows in a dynamic one.
        inputs: What the content was made from, as a fingerprint.
    """

    segment: str
    content: pa.Table | arrow.File | None
    inputs: str = ""


@dataclass
class Built:
    """What an acorn's asset hands to the store.

    Attributes:
        parts: The partitions that may have changed; drawn one by one, so that memory stays flat.
        source_state: What the whole table is made from; None when only a part of it was looked at.
        code_version: The version of the acorn's code.
        skipped: Why nothing was computed; empty when it was.
        files: How many parts there are at most; 0 when that is not known.
        known: The facts that it was decided by, which `commit` takes; it reads them when None.
        counts: What was counted on the way, for people, by name.
        problems: What did not fit on the way, as sentences.
        notes: What the facts tell of the whole table beside its rows.
    """

    parts: Iterable[Part]
    source_state: dict[str, str] | None
    code_version: str
    skipped: str = ""
    files: int = 0
    known: "Known | None" = None
    counts: dict[str, int | str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    notes: dict[str, Any] = field(default_factory=dict)


@dataclass
class Report:
    """What a commit did.

    Attributes:
        rows: Rows of the whole table now.
        bytes: Its bytes.
        computed: Partitions that were computed.
        changed: Segments that were written.
        removed: Segments that were removed.
        empty: Segments that were looked at and have no rows, be it since now.
        refused: Why each partition of a fixed list that lost too many rows stayed as it was.
        facts: The facts as they lie in the store.
        looked_at: The file of the day as it lies at its fixed path, by segment.
        restored: Segments whose file others had altered, and that was placed again.
    """

    rows: int = 0
    bytes: int = 0
    computed: int = 0
    changed: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    empty: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    looked_at: dict[str, Body] = field(default_factory=dict)
    restored: list[str] = field(default_factory=list)


@dataclass
class _Staged:
    segment: str
    entry: dict[str, Any] | None
    inputs: str
    body: bytes | None
    written: bool
    kept: bool = False


def read_facts(store: Store, version: str, table: str) -> dict[str, Any] | None:
    """A table's facts, None where there are none.

    Raises:
        ValueError: They lie there and cannot be read.
    """
    return _read_facts(store, version, table)[0]


def _read_facts(store: Store, version: str, table: str) -> tuple[dict[str, Any] | None, str | None]:
    key = facts_key(version, table)
    try:
        body, tag = store.get_tagged(key)
    except FileNotFoundError:
        return None, None
    try:
        return json.loads(body), tag
    except ValueError as error:
        raise ValueError(f"{store.at(key)}: cannot be read as JSON: {error}") from error


def entries(facts: dict[str, Any] | None) -> dict[str, dict[str, Any]]:
    """The facts of every partition by segment; one with an empty segment for an unpartitioned."""
    if facts is None:
        return {}
    if facts["partition_key"]:
        return dict(facts["partitions"])
    if not facts["sha256"]:
        return {}
    known = {k: facts[k] for k in ("rows", "bytes", "sha256", "inputs", "built_at")}
    return {"": known | ({"values": facts["values"]} if "values" in facts else {})}


def segments(facts: dict[str, Any] | None) -> set[str]:
    """Returns the encoded values of a table's partitions, those without rows among them."""
    return {*facts["partitions"], *facts["empty"]} if facts else set()


def read_content(
    store: Store,
    version: str,
    acorn: Acorn,
    segment: str = "",
    *,
    facts: dict[str, Any] | None = None,
    columns: Sequence[str] | None = None,
) -> pa.Table:
    """The rows of a table or of one partition, from the object that the facts name.

    Args:
        store: Where it lies.
        version: The version's folder.
        acorn: The declaration.
        segment: The partition's encoded value; empty for a table that is not partitioned.
        facts: The table's facts; read when not given.
        columns: Only these; all when None.

    Raises:
        FileNotFoundError: There is no such table or partition.
    """
    facts = facts or read_facts(store, version, acorn.table)
    return arrow.decode(_body(store, version, acorn, segment, facts), columns)


def read_head(
    store: Store, version: str, acorn: Acorn, segment: str, *, facts: dict[str, Any], rows: int
) -> pa.Table:
    """The first rows of a table or of one partition; else as `read_content`."""
    return arrow.head(_body(store, version, acorn, segment, facts), rows)


def _body(
    store: Store, version: str, acorn: Acorn, segment: str, facts: dict[str, Any] | None
) -> bytes:
    entry = entries(facts).get(segment)
    if entry is None:
        raise FileNotFoundError(
            f"{acorn.name}{'/' + segment if segment else ''} is not in {store.url}; build it first"
        )
    return store.get_object(object_key(version, acorn.table, entry["sha256"]))


def path(version: str, acorn: Acorn, segment: str) -> str:
    """The fixed path of a table or of one of its partitions."""
    if acorn.partition:
        return partition_key(version, acorn.table, acorn.partition, segment)
    return table_key(version, acorn.table)


def commit(
    store: Store,
    version: str,
    acorn: Acorn,
    built: Built,
    *,
    accept_shrink: bool = False,
    progress: Callable[[str], None] = lambda _: None,
) -> Report:
    """Write what changed of a table.

    Args:
        store: Where to.
        version: The version's folder.
        acorn: The declaration.
        built: The content; partitions that are not in it stay as they are.
        accept_shrink: Accept a table that lost more rows than it may.
        progress: Told about every chunk that was committed.

    Raises:
        arrow.InvalidTable: The content breaks its declaration; nothing was changed.
        ShrinkRefused: Too many rows would be gone; nothing was changed.
    """
    # Dagster holds what it was handed until the run ends.
    known, built.known = built.known or Known(store, version, acorn), None
    report = Report()
    facts = _restore(store, version, acorn, known, report)
    before = dict(entries(facts))
    had = sum(entry["rows"] for entry in before.values())
    sizes = _sizes(acorn, facts, built)
    # Until a build of the whole table ended, nothing of it can shrink.
    first = not (facts and facts["source_state"])
    waiting: list[_Staged] = []
    keeping: list[Any] = []
    held = 0
    # Of a table in one file there is nothing to tell before its end.
    tell = progress if acorn.partition else _untold
    shown = Progress(tell, acorn.name, "files done", built.files)
    with work.Threads(REQUESTS) as pool:

        def flush(finish: Callable[[dict[str, Any]], None] | None = None) -> None:
            while keeping:
                keeping.pop().result()
            chunks = [waiting[start : start + CHUNK] for start in range(0, len(waiting), CHUNK)]
            for number, chunk in enumerate(chunks, 1):
                _publish(known, chunk, pool, built, finish if number == len(chunks) else None)
                shown.at(report.computed)
            if finish and not chunks:
                known.update(built, finish)
            waiting.clear()
            memory.trim_heap()

        for staged in _stage(known, built.parts, before):
            report.computed += 1
            if staged.written:
                (report.changed if staged.entry else report.removed).append(staged.segment)
            # One that nothing belongs to any more is gone, not empty.
            if staged.entry is None and staged.inputs:
                report.empty.append(staged.segment)
            held += len(staged.body or b"")
            waiting.append(staged)
            # In a first build what is done becomes visible at once. Later the whole table is judged
            # before any of it is; what is too much to hold is put ahead, where no reader looks.
            if first or held > KEPT_BYTES:
                if len(keeping) >= REQUESTS:
                    keeping.pop(0).result()
                keeping.append(pool.submit(_keep, store, version, acorn, staged, hold=first))
            if first and len(waiting) >= CHUNK:
                flush()
        if not (accept_shrink or acorn.may_shrink):
            report.refused = _guard(acorn, sizes, before, waiting)
            _leave_out(waiting, report)
        expected = next((s.entry for s in waiting if s.entry), before.get("")) or {}
        sha256 = expected.get("sha256", "")
        flush(_finish(acorn, built, report, [] if accept_shrink else sizes, had=had, sha256=sha256))
        report.facts = known.facts or {}
    report.rows, report.bytes = report.facts["rows"], report.facts["bytes"]
    return report


def of_the_day(segments: Sequence[str]) -> list[str]:
    """Returns one of them, the next one each day."""
    if not segments:
        return []
    return [segments[datetime.now(UTC).date().toordinal() % len(segments)]]


def _restore(
    store: Store, version: str, acorn: Acorn, known: "Known", report: Report
) -> dict[str, Any] | None:
    """Bring fixed paths back to what the facts say: of killed writers, and those that were altered.

    On a local folder size and time tell which to read; on S3 it is one, another each day. The file
    of the day is kept in the report where it is as it should be.
    """
    facts = _mend(store, version, acorn, known)
    found = entries(facts)
    days = of_the_day(sorted(found))
    shared = Counter(entry["sha256"] for entry in found.values())

    def is_altered(segment: str) -> bool:
        """Whether a fixed path has not the content that the facts name, and an object has it."""
        sha256 = found[segment]["sha256"]
        source, target = object_key(version, acorn.table, sha256), path(version, acorn, segment)
        placed = store.is_placed(source, target)
        if placed and segment not in days:
            return False
        with suppress(FileNotFoundError, Altered):
            body = store.get(target)
            if hashlib.sha256(body).hexdigest() == sha256:
                if not placed:
                    store.note_placed(source, target, alone=shared[sha256] == 1)
                if segment in days:
                    report.looked_at[segment] = body
                return False
        with suppress(FileNotFoundError, Altered):
            return bool(store.get_object(source))
        # There is nothing to bring it back from.
        return False

    looked = found if store.is_local else days
    report.restored = altered = [segment for segment in looked if is_altered(segment)]
    if not altered:
        return facts
    writer = uuid.uuid4().hex

    def announce(facts: dict[str, Any]) -> None:
        facts["pending"][writer] = altered

    known.update(None, announce)
    return _mend(store, version, acorn, known)


def _tell_apart(known: "Known", segment: str, folded: dict[str, str]) -> None:
    """Refuse a partition whose file is another one's on a disk that folds capitals.

    Raises:
        arrow.InvalidTable: It is.
    """
    other, acorn = folded.setdefault(segment.casefold(), segment), known.acorn
    keys = [path(known.version, acorn, each) for each in (other, segment)]
    if other != segment and known.store.is_one_place(*keys):
        raise arrow.InvalidTable(
            f"{acorn.name}: {segment} and {other} are one file in {known.store.url}, whose disk "
            "does not tell capitals from small letters; write to S3 or to a disk that does"
        )


def _untold(_: str) -> None:
    return


def _stage(
    known: "Known", parts: Iterable[Part], before: dict[str, dict[str, Any]]
) -> Iterator[_Staged]:
    """Validate and encode each part; what is lost is written if it is the same."""
    now, acorn = _now(), known.acorn
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
            entry = {
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


def _keep(store: Store, version: str, acorn: Acorn, staged: _Staged, *, hold: bool) -> None:
    """Put a new content under `_objects/`; held on to as well, or not."""
    if staged.body is None or staged.entry is None or staged.kept:
        return
    store.put_object(object_key(version, acorn.table, staged.entry["sha256"]), staged.body)
    staged.kept = True
    if not hold:
        staged.body = None


def _size(acorn: Acorn, found: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Returns what of a table's entries later ones are compared with."""
    split = acorn.kind.partitioning
    size: dict[str, Any] = {"rows": sum(entry["rows"] for entry in found.values())}
    counted = [entry.get("values", {}) for entry in found.values()]
    # Of a partition that 1.0.0 wrote it is not known.
    values = {
        c.name: sum(one[c.name] for one in counted)
        for c in acorn.columns
        if c.identifies and all(c.name in one for one in counted)
    }
    if split and split.is_fixed:
        size["partitions"] = {segment: entry["rows"] for segment, entry in found.items()}
    elif split:
        unknown = found.get(NULL_PARTITION, {"rows": 0})["rows"]
        values[split.column] = size["rows"] - unknown
    return size | ({"values": values} if values else {})


def _sizes(acorn: Acorn, facts: dict[str, Any] | None, built: Built) -> list[dict[str, Any]]:
    """Returns the sizes that a new one is compared with; none after another code made the table."""
    if not facts or facts["code_version"] != built.code_version:
        return []
    size = _size(acorn, entries(facts))
    return [*(one for one in facts.get("sizes", ()) if one != size), size]


def _guard(
    acorn: Acorn,
    sizes: list[dict[str, Any]],
    before: dict[str, dict[str, Any]],
    staged: list[_Staged],
) -> dict[str, str]:
    """Returns why each partition of a fixed list is refused that lost too many rows.

    Raises:
        ShrinkRefused: The whole table did, or a column that identifies lost too many values.
    """
    found = before | {one.segment: one.entry for one in staged if one.entry}
    for one in staged:
        if one.entry is None:
            found.pop(one.segment, None)
    now = _size(acorn, found)
    lost = _lost([size["rows"] for size in sizes], now["rows"])
    if lost:
        raise ShrinkRefused(
            f"{acorn.name}: {lost} rows would be gone, more than {SHRINK_SHARE:.0%}; "
            f"the table stays as it was. {_IF_RIGHT}"
        )
    for name, count in now.get("values", {}).items():
        # Rows that are gone took theirs along.
        known = [
            int(size["values"][name] * min(1, now["rows"] / size["rows"]))
            for size in sizes
            if size["rows"] and name in size.get("values", ())
        ]
        lost = _lost(known, count, SHRINK_VALUES)
        if lost:
            raise ShrinkRefused(
                f"{acorn.name}: {lost} values of {name} would be gone, more than "
                f"{SHRINK_VALUES:.0%}; the table stays as it was. {_IF_RIGHT}"
            )
    refused = {}
    for segment, rows in now.get("partitions", {}).items():
        lost = _lost([size["partitions"].get(segment, 0) for size in sizes], rows)
        if lost and any(one.segment == segment and one.written for one in staged):
            refused[segment] = (
                f"{acorn.name}: {lost} rows of {acorn.partition}={segment} would be gone, more "
                f"than {SHRINK_SHARE:.0%}; the partition stays as it was. {_IF_RIGHT}"
            )
    return refused


def _lost(sizes: list[int], now: int, share: float = SHRINK_SHARE) -> str:
    """Returns how many of the largest size are gone; empty when that many may be."""
    had = max(sizes, default=0)
    lost = had - now
    return f"{lost:,} of {had:,}" if lost >= SHRINK_ROWS and lost > share * had else ""


def _leave_out(staged: list[_Staged], report: Report) -> None:
    """Leave partitions that are refused as they are."""
    if report.refused:
        staged[:] = [one for one in staged if one.segment not in report.refused]
        report.changed = [s for s in report.changed if s not in report.refused]


def _publish(
    known: "Known",
    chunk: list[_Staged],
    pool: ThreadPoolExecutor,
    built: Built,
    finish: Callable[[dict[str, Any]], None] | None,
) -> None:
    """Write a chunk's fixed paths and facts, so that the two agree whoever else writes.

    Args:
        known: The table's facts.
        chunk: What to write.
        pool: Where requests are sent from.
        built: What the chunk is of.
        finish: What else to state in the facts, after the last chunk.
    """
    store, version, acorn = known.store, known.version, known.acorn
    written = [s for s in chunk if s.written]
    writer = uuid.uuid4().hex
    done = False
    # Nobody looks at objects that no facts name, so these need not wait for the announcement.
    ahead = [pool.submit(_keep, store, version, acorn, s, hold=True) for s in written if s.entry]

    def place(staged: _Staged) -> None:
        target = path(version, acorn, staged.segment)
        if staged.entry is None:
            store.delete([target])
            return
        source = object_key(version, acorn.table, staged.entry["sha256"])
        store.copy(source, target, staged.body or store.get_object(source))

    def apply(facts: dict[str, Any]) -> None:
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
                _enter(facts, staged)
                if not acorn.partition:
                    _vouch(facts, built)
        facts["pending"].pop(writer, None)
        if finish:
            finish(facts)

    while not done:
        known.update(built, apply)


def _sha256(entry: dict[str, Any] | None) -> str:
    return entry["sha256"] if entry else ""


def _enter(facts: dict[str, Any], staged: _Staged) -> None:
    if not facts["partition_key"]:
        facts.update(staged.entry or {})
        return
    facts["empty"].pop(staged.segment, None)
    if staged.entry is None:
        facts["partitions"].pop(staged.segment, None)
        if staged.inputs:
            facts["empty"][staged.segment] = staged.inputs
    else:
        facts["partitions"][staged.segment] = staged.entry


def _vouch(facts: dict[str, Any], built: Built) -> None:
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
    built: Built,
    report: Report,
    sizes: list[dict[str, Any]],
    *,
    had: int,
    sha256: str,
) -> Callable[[dict[str, Any]], None]:
    """States that the table is whole; of one file, only while it is the one of this build."""

    def apply(facts: dict[str, Any]) -> None:
        if report.computed:
            facts["checked_at"] = _now()
            size = _size(acorn, entries(facts))
            facts["sizes"] = [*(one for one in sizes if one != size), size][-KEPT_SIZES:]
        if report.changed or report.removed:
            facts["rows_before"] = had
        if report.refused:
            # Of a table in several states nothing can be taken over.
            facts["refused"] = sorted(report.refused)
            facts["state"], facts["reason"] = "stale", " ".join(report.refused.values())
        elif acorn.partition or facts["sha256"] == sha256:
            _vouch(facts, built)

    return apply


def mark_stale(store: Store, version: str, acorn: Acorn, reason: str) -> None:
    """Say in a table's facts that it stays on its last good content, and why."""

    def apply(facts: dict[str, Any]) -> None:
        facts["state"], facts["reason"] = "stale", masked(reason)

    known = Known(store, version, acorn)
    if known.facts is not None:
        known.update(None, apply)


def bring_back(store: Store, version: str, acorn: Acorn) -> None:
    """Bring back every file of a table that its facts name and the store lacks.

    Raises:
        FileNotFoundError: Some are lost; the next build makes them anew.
    """
    known = Known(store, version, acorn)
    _, count = known.heal()
    if not count:
        return
    reason = f"{count} files of {acorn.name} are gone from {store.url}; the next build makes them"

    def apply(facts: dict[str, Any]) -> None:
        facts["state"], facts["reason"], facts["lost"] = "stale", reason, sorted(known.lost)

    known.update(None, apply)
    raise FileNotFoundError(reason)


def _mend(store: Store, version: str, acorn: Acorn, known: "Known") -> dict[str, Any] | None:
    """Bring the fixed paths of writers that were killed back to what the facts say."""
    facts = known.facts
    if not facts or not facts["pending"]:
        return facts

    writer = uuid.uuid4().hex
    restored: set[str] = set()

    def apply(facts: dict[str, Any]) -> None:
        if restored and not facts["pending"]:
            # The other writer lived and was faster, and this one has just undone its path.
            facts["pending"][writer] = sorted(restored)
            return
        restored.update(s for segments in facts["pending"].values() for s in segments)
        for segment in restored:
            entry = entries(facts).get(segment)
            target = path(version, acorn, segment)
            if entry is None:
                store.delete([target])
            else:
                source = object_key(version, acorn.table, entry["sha256"])
                store.copy(source, target, store.get_object(source))
        facts["pending"] = {}

    while facts["pending"]:
        facts = known.update(None, apply)
    return facts


class Known:
    """A table's facts as they were last read or written; changed by compare-and-set.

    Attributes:
        store: The store.
        version: The version's folder.
        acorn: The declaration.
        facts: None where there are none.
        lost: Segments whose content the store has no longer, neither as object nor at its path.
    """

    def __init__(self, store: Store, version: str, acorn: Acorn) -> None:
        self.store = store
        self.version = version
        self.acorn = acorn
        self.lost: set[str] = set()
        self._read()

    def _read(self) -> None:
        self.facts, self._tag = _read_facts(self.store, self.version, self.acorn.table)

    def heal(self, wanted: Iterable[str] | None = None) -> tuple[int, int]:
        """Bring back what the facts name and the store lacks, from its object or its path.

        What neither has is lost: it is computed anew, and the next commit writes it.

        Args:
            wanted: The segments to look at; all of them when None.

        Returns:
            How many files were brought back, and how many are lost.
        """
        found = entries(self.facts)
        looked_at = [s for s in (found if wanted is None else wanted) if s in found]
        with work.Threads(REQUESTS) as pool:
            states = list(pool.map(lambda s: self._bring_back(s, found[s]["sha256"]), looked_at))
        by_state = {s: state for s, state in zip(looked_at, states, strict=True) if state}
        unplaced = [s for s, state in by_state.items() if state == "unplaced"]
        if unplaced:
            # Another build may be removing them: as what a killed writer left they are placed by
            # whatever the facts say then.
            self.update(None, lambda facts: facts["pending"].update({uuid.uuid4().hex: unplaced}))
            _mend(self.store, self.version, self.acorn, self)
        self.lost |= {s for s, state in by_state.items() if state == "lost"}
        if self.facts and self.lost:
            for segment in self.lost & self.facts["partitions"].keys():
                # Made from nothing that is known: so it is planned anew.
                self.facts["partitions"][segment]["inputs"] = ""
            self.facts["state"], self.facts["reason"] = "stale", "files of it were lost"
        return len(by_state) - len(self.lost), len(self.lost)

    def _bring_back(self, segment: str, sha256: str) -> str:
        """Returns `unplaced`, `kept` again or `lost`; empty where a file lies in both places."""
        source = object_key(self.version, self.acorn.table, sha256)
        target = path(self.version, self.acorn, segment)
        if self.store.exists(source):
            return "" if self.store.exists(target) else "unplaced"
        try:
            body = self.store.get(target)
        except FileNotFoundError:
            return "lost"
        if hashlib.sha256(body).hexdigest() != sha256:
            return "lost"
        self.store.put_object(source, body)
        return "kept"

    def update(
        self, built: Built | None, apply: Callable[[dict[str, Any]], None]
    ) -> dict[str, Any]:
        """Change the facts; `apply` runs again where another writer was faster."""
        key = facts_key(self.version, self.acorn.table)
        for _ in range(ATTEMPTS):
            old = json.dumps(self.facts, sort_keys=True)
            facts = self.facts or _first(self.acorn, built)
            apply(facts)
            # Without a build there are no files of a declaration that has changed since.
            if built is not None:
                _declare(self.acorn, facts)
            if json.dumps(facts, sort_keys=True) != old:
                facts["checked_at"] = _now()
            if self._tag is not None and json.dumps(facts, sort_keys=True) == old:
                return facts
            try:
                self._tag = self.store.replace(key, _json(facts), self._tag)
            except Conflict:
                self._read()
                continue
            self.facts = facts
            return facts
        raise Conflict(
            f"{self.store.at(key)}: {ATTEMPTS} times another writer was faster; "
            "is another build running?"
        )


def _first(acorn: Acorn, built: Built | None) -> dict[str, Any]:
    return {
        "name": acorn.name,
        "table": acorn.table,
        "partition_key": acorn.partition or None,
        "rows": 0,
        "rows_before": 0,
        "bytes": 0,
        "sha256": "",
        "inputs": "",
        "built_at": "",
        "checked_at": "",
        "code_version": built.code_version if built else "",
        "source_state": {},
        "state": "stale",
        "reason": "the first build has not ended",
        "partitions": {},
        "empty": {},
        "pending": {},
    }


def _declare(acorn: Acorn, facts: dict[str, Any]) -> None:
    """What the declaration says, and the sums over partitions."""
    facts["description"] = acorn.description
    facts["type"] = acorn.type
    facts["key"] = list(acorn.key)
    facts["columns"] = [
        {
            "name": c.name,
            "type": c.type,
            "description": c.description,
            "nullable": c.nullable,
            "reads": list(c.reads),
            "rule": c.rule,
            "example": c.example,
        }
        for c in acorn.columns
    ]
    if acorn.partition:
        found = facts["partitions"] = dict(sorted(facts["partitions"].items()))
        facts["rows"] = sum(e["rows"] for e in found.values())
        facts["bytes"] = sum(e["bytes"] for e in found.values())
        facts["built_at"] = max((e["built_at"] for e in found.values()), default=facts["built_at"])
        names = "".join(f"{segment}={e['sha256']}\n" for segment, e in found.items())
        facts["sha256"] = hashlib.sha256(names.encode()).hexdigest()


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=1).encode()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
