"""Recovery of files: of writers that were killed, of those that others altered, and of lost ones.

What the facts name and the store lacks is brought back from the object or from the fixed path, of
which one is left; what neither has is lost, and the next build makes it anew.
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
    """Bring fixed paths back to what the facts say: of killed writers, and those that were altered.

    On a local folder size and time tell which to read; on S3 it is one, another each day. The file
    of the day is kept in the report where it is as it should be.
    """
    store, layout, acorn = file.store, file.layout, file.acorn
    facts = recover_pending(file)
    found = entries(facts)
    days = of_the_day(sorted(found))
    shared = Counter(entry["sha256"] for entry in found.values())

    def is_altered(segment: str) -> bool:
        """Whether a fixed path has not the content that the facts name, and an object has it."""
        sha256 = found[segment]["sha256"]
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
        # There is nothing to bring it back from.
        return False

    looked = found if store.is_local else days
    report.restored = altered = [segment for segment in looked if is_altered(segment)]
    if not altered:
        return facts
    writer = uuid.uuid4().hex

    def announce(facts: Facts) -> None:
        facts["pending"][writer] = altered

    file.update(announce)
    return recover_pending(file)


def recover_pending(file: FactsFile) -> Facts | None:
    """Bring the fixed paths of writers that were killed back to what the facts say."""
    store, layout, acorn, facts = file.store, file.layout, file.acorn, file.facts
    if not facts or not facts["pending"]:
        return facts

    writer = uuid.uuid4().hex
    restored: set[str] = set()

    def apply(facts: Facts) -> None:
        if restored and not facts["pending"]:
            # The other writer lived and was faster, and this one has just undone its path.
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
    store: Store, layout: Layout, acorn: Acorn, wanted: Iterable[str] | None = None
) -> None:
    """Bring back every file of a table that its facts name and the store lacks.

    Args:
        store: Where the table lies.
        layout: The layout of the version.
        acorn: The declaration.
        wanted: The segments to look at; all of them when None.

    Raises:
        FileNotFoundError: Some are lost; the next build makes them anew.
    """
    file = FactsFile(store, layout, acorn)
    _, count = heal(file, wanted)
    if not count:
        return
    reason = f"{count} files of {acorn.name} are gone from {store.url}; the next build makes them"

    def apply(facts: Facts) -> None:
        facts["state"], facts["reason"], facts["lost"] = "stale", reason, sorted(file.lost)

    file.update(apply)
    raise FileNotFoundError(reason)


def heal(file: FactsFile, wanted: Iterable[str] | None = None) -> tuple[int, int]:
    """Bring back what the facts name and the store lacks, from its object or its path.

    What neither has is lost: it is computed anew, and the next commit writes it.

    Args:
        file: The table's facts.
        wanted: The segments to look at; all of them when None.

    Returns:
        How many files were brought back, and how many are lost.
    """
    found = entries(file.facts)
    looked_at = [s for s in (found if wanted is None else wanted) if s in found]
    with work.Threads(REQUESTS) as pool:
        states = list(pool.map(lambda s: _bring_back(file, s, found[s]["sha256"]), looked_at))
    by_state = {s: state for s, state in zip(looked_at, states, strict=True) if state}
    unplaced = [s for s, state in by_state.items() if state == "unplaced"]
    if unplaced:
        # Another build may be removing them: as what a killed writer left they are placed by
        # whatever the facts say then.
        file.update(lambda facts: facts["pending"].update({uuid.uuid4().hex: unplaced}))
        recover_pending(file)
    file.lost |= {s for s, state in by_state.items() if state == "lost"}
    if file.facts and file.lost:
        for segment in file.lost & file.facts["partitions"].keys():
            # Made from nothing that is known: so it is planned anew.
            file.facts["partitions"][segment]["inputs"] = ""
        file.facts["state"], file.facts["reason"] = "stale", "files of it were lost"
    return len(by_state) - len(file.lost), len(file.lost)


def _bring_back(file: FactsFile, segment: str, sha256: str) -> str:
    """Returns `unplaced`, `kept` again or `lost`; empty where a file lies in both places."""
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
    """Returns one of them, the next one each day."""
    if not segments:
        return []
    return [segments[datetime.now(UTC).date().toordinal() % len(segments)]]
