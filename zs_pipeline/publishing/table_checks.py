"""What is checked of a table that lies in the store, for people who look at the graph.

What must not be written is refused in `zs_pipeline.publishing.commit`; these look at what is there,
and say more. The checks are made from the declarations; `zs_pipeline.orchestration.checks` makes
Dagster's out of them.
"""

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from zs_client import work
from zs_client.contract import Layout
from zs_client.facts import Facts, FileFacts
from zs_client.store import Store
from zs_pipeline import arrow
from zs_pipeline.declaration import Acorn, ColumnCheck, NamesDocuments, Once, Settled
from zs_pipeline.documents import state as documents
from zs_pipeline.documents import upheavals
from zs_pipeline.publishing.facts_file import entries, path, read_facts
from zs_pipeline.publishing.recovery import bring_back, of_the_day
from zs_pipeline.publishing.table_update import CommitReport

# Fewer rows than this share of the last time is worth a look.
FEWER = 0.9
SHOWN = 10
# How often a table is looked at again that another build writes meanwhile.
ATTEMPTS = 5
PAUSE = 0.25
# Partitions that are read again; a first build wrote all of them, and each is a request.
LOOKED_AT = 20


@dataclass(frozen=True)
class Finding:
    """A check's outcome; `metadata` counts what was looked at and shows examples."""

    passed: bool
    description: str
    metadata: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class CheckContext:
    """What a check may look at.

    Attributes:
        store: The store.
        layout: The layout of the version.
        acorn: The declaration.
        facts: The table's facts.
        content: Partitions, or the whole table, from their fixed paths, by segment; see `look`.
        altered: Those whose fixed path has not the content that the facts name, or had not until
            this run placed it again.
        state: The name of the current state of the documents.
        disturbed: Whether another build changed the table each time while it was looked at.
    """

    store: Store
    layout: Layout
    acorn: Acorn
    facts: Facts
    content: Mapping[str, pa.Table]
    state: str
    altered: Sequence[str] = ()
    disturbed: bool = False


def load_check_context(
    store: Store, layout: Layout, acorn: Acorn, report: CommitReport | None = None
) -> CheckContext:
    """Read what the checks of a table look at.

    After a commit of the same run that is what it left: its facts, the files that it wrote, and
    one more, another each day, so that in a night without a change a file that was altered by
    others is found as well. On S3 all that is gone is brought back where any was written. Alone
    it is what lies there now, and the files that were written last.
    Of files that were written no more than the first 20 are looked at. A table that another build
    changes meanwhile is looked at again, as it lies there then.

    Args:
        store: Where the table lies.
        layout: The layout of the version.
        acorn: The declaration.
        report: What this run's commit of the table did; None where there was none.

    Raises:
        FileNotFoundError: The table was never built, or a file is gone for good.
    """
    facts: Facts = report.facts if report else _facts(store, layout, acorn)
    restored = list(report.restored) if report else []
    for attempt in range(ATTEMPTS):
        time.sleep(attempt * PAUSE)
        found = entries(facts)
        if report:
            wanted = [s for s in report.changed if s in found][:LOOKED_AT]
            wanted += [s for s in of_the_day(sorted(found)) if s not in wanted]
        else:
            newest = max((e["built_at"] for e in found.values()), default="")
            wanted = [s for s, entry in found.items() if entry["built_at"] == newest][:LOOKED_AT]
        known = report.looked_at if report else {}
        with work.Threads(LOOKED_AT + 2) as pool:
            state = pool.submit(documents.last_seen_state if report else documents.current, store)
            ask = partial(_file, store, layout, acorn, known)
            bodies = dict(zip(wanted, pool.map(ask, wanted), strict=True))
        altered = [s for s in wanted if not _is(bodies[s], found[s])]
        if not altered:
            break
        now = _facts(store, layout, acorn)
        if not now["pending"] and all(entries(now).get(s) == found[s] for s in wanted):
            # It is what lies there that is wrong.
            break
        facts, report = now, None
    else:
        return CheckContext(store, layout, acorn, facts, {}, state.result(), disturbed=True)
    if report and acorn.partition and store.is_remote and (report.changed or report.removed):
        gone = _gone(store, layout, acorn, found)
        if gone:
            bring_back(store, layout, acorn, gone)
    # Of a table in one file a night has read the object already.
    day = of_the_day(sorted(found)) if report and acorn.partition else []
    kept = [layout.object(acorn.table, found[s]["sha256"]) for s in day]
    if None in bodies.values() or not all(store.exists(key) for key in kept):
        bring_back(store, layout, acorn)
        bodies = {s: body or _file(store, layout, acorn, {}, s) for s, body in bodies.items()}
    content = {}
    for segment, body in bodies.items():
        try:
            content[segment] = arrow.decode(body or b"")
        except (pa.ArrowException, OSError):
            key = layout.object(acorn.table, found[segment]["sha256"])
            content[segment] = arrow.decode(store.get_object(key))
    return CheckContext(store, layout, acorn, facts, content, state.result(), [*altered, *restored])


def _facts(store: Store, layout: Layout, acorn: Acorn) -> Facts:
    facts = read_facts(store, layout, acorn.table)
    if facts is None:
        raise FileNotFoundError(f"{acorn.name} was never built in {store.url}")
    return facts


def _gone(store: Store, layout: Layout, acorn: Acorn, found: Mapping[str, Any]) -> list[str]:
    """Returns the partitions that lack their object or their file, by a listing of each folder.

    A listing is a request for every 1,000 keys: in a night that writes partitions it is few beside
    those writes, and one that writes none does without.
    """
    folder = layout.folder
    folders = (f"{folder}/_objects/{acorn.table}", f"{folder}/{acorn.table}")
    there = {entry["path"] for each in folders for entry in store.walk(each)}
    return [
        segment
        for segment, entry in found.items()
        if not there.issuperset(
            (layout.object(acorn.table, entry["sha256"]), path(layout, acorn, segment))
        )
    ]


def _file(
    store: Store, layout: Layout, acorn: Acorn, known: Mapping[str, bytes], segment: str
) -> bytes | None:
    """Returns what lies at a fixed path; None where nothing does."""
    try:
        return known.get(segment) or store.get(path(layout, acorn, segment))
    except FileNotFoundError:
        return None


def _is(body: bytes | None, entry: FileFacts) -> bool:
    """Whether a file is the one that the facts name."""
    return body is not None and hashlib.sha256(body).hexdigest() == entry["sha256"]


def key_unique(seen: CheckContext) -> Finding:
    """No two rows of a file have the same key."""
    twice = [
        {"partition": segment, **row}
        for segment, content in seen.content.items()
        for row in arrow.duplicates(seen.acorn.key, content)
    ]
    said = f"{len(twice)} keys ({', '.join(seen.acorn.key)}) occur more than once"
    return Finding(not twice, said, {"examples": str(twice[:SHOWN])})


def not_null(seen: CheckContext) -> Finding:
    """No null where the declaration has none, and the exact schema in every file."""
    wanted = arrow.schema(seen.acorn)
    other = [s for s, content in seen.content.items() if not content.schema.equals(wanted)]
    nulls = {
        f"{segment}.{f.name}".lstrip("."): content[f.name].null_count
        for segment, content in seen.content.items()
        for f in wanted
        if not f.nullable and f.name in content.schema.names and content[f.name].null_count
    }
    said = f"{len(nulls)} columns with nulls, {len(other)} files of another schema"
    return Finding(not nulls and not other, said, {"nulls": str(nulls), "other": str(other)})


def as_written(seen: CheckContext) -> Finding:
    """Every file is the one that the facts name, by its sha256; a build places others again."""
    said = f"{len(seen.altered)} files were altered since they were written"
    return Finding(not seen.altered, said, {"altered": str(list(seen.altered)[:SHOWN])})


def row_count(seen: CheckContext) -> Finding:
    """The rows that the files have are those that the facts state, and not many fewer than last."""
    found = entries(seen.facts)
    differ = [s for s, content in seen.content.items() if content.num_rows != found[s]["rows"]]
    rows, before = seen.facts["rows"], seen.facts["rows_before"]
    fewer = rows < FEWER * before
    said = f"{rows:,} rows, {before:,} before the last change"
    if differ:
        said += f"; {len(differ)} files have other rows than the facts say"
    return Finding(not fewer and not differ, said, {"rows": rows, "rows_before": before})


def fresh(seen: CheckContext) -> Finding:
    """The table is whole and was built from the current documents."""
    built_from = seen.facts["source_state"].get("documents", seen.state)
    reason = seen.facts["reason"] if seen.facts["state"] == "stale" else ""
    if not reason and built_from != seen.state:
        reason = "built from an earlier state of the documents"
    return Finding(not reason, reason or "built from the current documents")


def _once(check: ColumnCheck, seen: CheckContext) -> Finding:
    column = check.column
    content = seen.content[""]
    twice = arrow.duplicates([column], content.filter(content[column].is_valid()))
    said = f"{len(twice)} {column}s belong to more than one document"
    return Finding(not twice, said, {"examples": str(twice[:SHOWN])})


def _names_documents(check: ColumnCheck, seen: CheckContext) -> Finding:
    index = documents.load(seen.store).index
    content = seen.content[""].filter(seen.content[""][check.column].is_valid())
    known = pc.is_in(content[check.column], index["name"].combine_chunks())
    unknown = content.filter(pc.invert(known))
    said = f"{unknown.num_rows} of {content.num_rows} named sources have no document"
    examples = unknown[check.column].slice(0, SHOWN).to_pylist()
    return Finding(not unknown.num_rows, said, {"examples": str(examples)})


def _settled(_: ColumnCheck, seen: CheckContext) -> Finding:
    told = [one.reason for one in upheavals.findings(documents.load(seen.store, seen.state).head)]
    return Finding(not told, "; ".join(told) or "the documents have the names that they had")


# How each kind of check that a table declares is made.
_LOOKS: dict[type[ColumnCheck], Callable[[Any, CheckContext], Finding]] = {
    Once: _once,
    NamesDocuments: _names_documents,
    Settled: _settled,
}


@dataclass(frozen=True)
class Check:
    """A check of a table.

    Attributes:
        name: Its name in Dagster.
        description: What passes, as a sentence.
        look: Looks at the table.
        is_error: Whether a table that fails is not what it declares; else it is worth a look.
    """

    name: str
    description: str
    look: Callable[[CheckContext], Finding]
    is_error: bool = False


def checks_of(acorn: Acorn) -> list[Check]:
    """Returns the checks of a table: those of every table, then those that it declares."""
    made = [
        *((key_unique,) if acorn.key else ()),
        not_null,
        as_written,
        row_count,
        fresh,
    ]
    found = [
        Check(
            look.__name__,
            look.__doc__ or "",
            look,
            look in (key_unique, not_null, as_written),
        )
        for look in made
    ]
    for declared in acorn.checks:
        look = partial(_LOOKS[type(declared)], declared)
        found.append(Check(declared.name, declared.description, look))
    return found


def outcome(check: Check, seen: CheckContext) -> Finding:
    """Returns what a check finds; of a table that another build is writing, that it is written."""
    if seen.disturbed:
        return Finding(
            passed=True,
            description=f"not looked at: another build changed {seen.acorn.name} each of "
            f"{ATTEMPTS} times; its own checks look at what it leaves",
        )
    return check.look(seen)
