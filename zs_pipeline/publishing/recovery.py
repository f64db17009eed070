"""Recovers files that killed writers left unfinished, that others altered, and that were lost.

A file that the facts name and the store lacks is copied back from its object or its fixed path. A
file that neither has is lost, and the next build makes it again.
"""

import hashlib
import uuid
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime

from zs_client import work
from zs_client.contract import Layout
from zs_client.facts import Facts
from zs_client.store import Altered, Store
from zs_pipeline.declaration import Acorn
from zs_pipeline.publishing.facts_file import FactsFile, entries, path
from zs_pipeline.publishing.table_update import CommitReport

REQUESTS = 32


def restore(file: FactsFile, report: CommitReport) -> Facts | None:
    """Restore fixed paths that killed writers left unfinished or that others altered.

    On a local folder, size and time tell which files to read; on S3 only the file of the day is
    read. The report keeps the file of the day where it is as it should be.
    """
    store, layout, acorn = file.store, file.layout, file.acorn
    facts = recover_pending(file)
    files = entries(facts)
    days = of_the_day(sorted(files))
    shared = Counter(entry["sha256"] for entry in files.values())

    def is_altered(segment: str) -> bool:
        """Returns whether a fixed path has a wrong content and an object has the right one."""
        sha256 = files[segment]["sha256"]
        source, target = layout.object(acorn.table, sha256), path(layout, acorn, segment)
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
        # Nothing has the right content.
        return False

    looked_at = files if store.is_local else days
    report.restored = [segment for segment in looked_at if is_altered(segment)]
    return restore_segments(file, report.restored) if report.restored else facts


def restore_segments(file: FactsFile, segments: list[str]) -> Facts | None:
    """Write fixed paths again, as if a killed writer had left them."""
    file.update(lambda facts: facts["pending"].update({uuid.uuid4().hex: segments}))
    return recover_pending(file)


def recover_pending(file: FactsFile) -> Facts | None:
    """Write the pending fixed paths of killed writers again, as the facts name them."""
    store, layout, acorn, facts = file.store, file.layout, file.acorn, file.facts
    if not facts or not facts["pending"]:
        return facts

    writer = uuid.uuid4().hex
    restored: set[str] = set()

    def apply(facts: Facts) -> None:
        if restored and not facts["pending"]:
            # The other writer lived and was faster, and this writer has just undone its path.
            facts["pending"][writer] = sorted(restored)
            return
        restored.update(s for segments in facts["pending"].values() for s in segments)
        for segment in restored:
            entry = entries(facts).get(segment)
            target = path(layout, acorn, segment)
            if entry is None:
                store.delete([target])
            else:
                source = layout.object(acorn.table, entry["sha256"])
                store.copy(source, target, store.get_object(source))
        facts["pending"] = {}

    while facts["pending"]:
        facts = file.update(apply)
    return facts


def bring_back(
    store: Store, layout: Layout, acorn: Acorn, segments: Iterable[str] | None = None
) -> None:
    """Bring back every file of a table that its facts name and the store lacks.

    Args:
        store: Where the table lies.
        layout: The layout of the version.
        acorn: The declaration.
        segments: The segments to look at; all when None.

    Raises:
        FileNotFoundError: Some files are lost; the next build makes them again.
    """
    file = FactsFile(store, layout, acorn)
    _, count = heal(file, segments)
    if not count:
        return
    reason = f"{count} files of {acorn.name} are gone from {store.url}; the next build makes them"

    def apply(facts: Facts) -> None:
        facts["state"], facts["reason"], facts["lost"] = "stale", reason, sorted(file.lost)

    file.update(apply)
    raise FileNotFoundError(reason)


def heal(file: FactsFile, segments: Iterable[str] | None = None) -> tuple[int, int]:
    """Bring back files that the facts name and the store lacks, from their object or path.

    Lost files are computed again, and the next commit writes them.

    Args:
        file: The table's facts.
        segments: The segments to look at; all when None.

    Returns:
        (number of files that were brought back, number of lost files)
    """
    files = entries(file.facts)
    looked_at = [s for s in (files if segments is None else segments) if s in files]
    with work.Threads(REQUESTS) as pool:
        states = list(pool.map(lambda s: _bring_back(file, s, files[s]["sha256"]), looked_at))
    by_state = {s: state for s, state in zip(looked_at, states, strict=True) if state}
    unplaced = [s for s, state in by_state.items() if state == "unplaced"]
    if unplaced:
        # Another build may be removing them: as pending files they follow the facts of that time.
        restore_segments(file, unplaced)
    file.lost |= {s for s, state in by_state.items() if state == "lost"}
    if file.facts and file.lost:
        for segment in file.lost & file.facts["partitions"].keys():
            # Unknown inputs make the next build compute the partition.
            file.facts["partitions"][segment]["inputs"] = ""
        file.facts["state"], file.facts["reason"] = "stale", "files of it were lost"
    return len(by_state) - len(file.lost), len(file.lost)


def _bring_back(file: FactsFile, segment: str, sha256: str) -> str:
    """Returns `unplaced`, `kept` (put as an object again) or `lost`; empty for a whole file."""
    source = file.layout.object(file.acorn.table, sha256)
    target = path(file.layout, file.acorn, segment)
    if file.store.exists(source):
        return "" if file.store.exists(target) else "unplaced"
    try:
        body = file.store.get(target)
    except FileNotFoundError:
        return "lost"
    if hashlib.sha256(body).hexdigest() != sha256:
        return "lost"
    file.store.put_object(source, body)
    return "kept"


def of_the_day(segments: Sequence[str]) -> list[str]:
    """Returns a list with one of the segments, the next segment each day."""
    if not segments:
        return []
    return [segments[datetime.now(UTC).date().toordinal() % len(segments)]]
