"""Checks of a table that lies in the store, for people who look at the graph.

Wrong content is refused in `zs_pipeline.publishing.commit`; these checks look at the written table
and report more. They are made from the declarations; `zs_pipeline.orchestration.checks` turns them
into Dagster's checks.
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
from zs_client.facts import Facts
from zs_client.store import Store
from zs_pipeline import arrow
from zs_pipeline.declaration import Acorn, ColumnCheck, NamesDocuments, Once, Settled
from zs_pipeline.documents import state as documents
from zs_pipeline.documents import upheavals
from zs_pipeline.publishing.facts_file import entries, path, read_facts
from zs_pipeline.publishing.recovery import bring_back, of_the_day
from zs_pipeline.publishing.table_update import CommitReport

# A warning is given for fewer rows than this share of the last time.
FEWER = 0.9
SHOWN = 10
# How often a table is read again that another build writes meanwhile.
ATTEMPTS = 5
PAUSE = 0.25
# The most partitions that are read: a first build writes all, and each is a request.
LOOKED_AT = 20


@dataclass(frozen=True)
class Finding:
    """The outcome of a check; `metadata` has counts, and examples as lists of rows or of texts."""

    passed: bool
    description: str
    metadata: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class CheckContext:
    """The data that a check reads.

    Attributes:
        content: Some partitions, or the whole table, from their fixed paths, by segment.
        altered: Segments whose fixed path has, or had until this run restored it, another content
            than the facts name.
        state: The name of the current state of the documents.
        disturbed: Whether another build changed the table during each attempt to read it.
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
    """Read the data that the checks of a table need.

    After a commit of the same run, these are its facts, the files that it wrote and the file of the
    day, so that altered files are found on nights without a change as well. On S3, a commit that
    wrote files also brings back all missing files. Without a commit, these are the current facts
    and the files that were written last. At most 20 written files are read. A table that another
    build changes meanwhile is read again.

    Args:
        store: Where the table lies.
        layout: The layout of the version.
        acorn: The declaration.
        report: The report of this run's commit of the table; None without a commit.

    Raises:
        FileNotFoundError: The table was never built, or a file is lost.
    """
    facts: Facts = report.facts if report else _facts(store, layout, acorn)
    restored = list(report.restored) if report else []
    for attempt in range(ATTEMPTS):
        time.sleep(attempt * PAUSE)
        files = entries(facts)
        if report:
            chosen = [s for s in report.changed if s in files][:LOOKED_AT]
            chosen += [s for s in of_the_day(sorted(files)) if s not in chosen]
        else:
            newest = max((e["built_at"] for e in files.values()), default="")
            chosen = [s for s, entry in files.items() if entry["built_at"] == newest][:LOOKED_AT]
        known = report.looked_at if report else {}
        with work.Threads(LOOKED_AT + 2) as pool:
            state = pool.submit(documents.last_seen_state if report else documents.current, store)
            read = partial(_file, store, layout, acorn, known)
            bodies = dict(zip(chosen, pool.map(read, chosen), strict=True))
        altered = [s for s in chosen if _sha256(bodies[s]) != files[s]["sha256"]]
        if not altered:
            break
        now = _facts(store, layout, acorn)
        if not now["pending"] and all(entries(now).get(s) == files[s] for s in chosen):
            # The files are wrong, not the facts.
            break
        facts, report = now, None
    else:
        return CheckContext(store, layout, acorn, facts, {}, state.result(), disturbed=True)
    if report and acorn.partition and store.is_remote and (report.changed or report.removed):
        gone = _gone(store, layout, acorn, files)
        if gone:
            bring_back(store, layout, acorn, gone)
    # That of a table in one file was put in the same night where the table changed.
    is_put = report and not acorn.partition and report.changed
    day = of_the_day(sorted(files)) if report and not is_put else []
    objects = [layout.object(acorn.table, files[s]["sha256"]) for s in day]
    if None in bodies.values() or not all(store.exists(key) for key in objects):
        bring_back(store, layout, acorn)
        bodies = {s: body or _file(store, layout, acorn, {}, s) for s, body in bodies.items()}
    content = {}
    for segment, body in bodies.items():
        try:
            content[segment] = arrow.decode(body or b"")
        except (pa.ArrowException, OSError):
            key = layout.object(acorn.table, files[segment]["sha256"])
            content[segment] = arrow.decode(store.get_object(key))
    return CheckContext(store, layout, acorn, facts, content, state.result(), [*altered, *restored])


def _facts(store: Store, layout: Layout, acorn: Acorn) -> Facts:
    facts = read_facts(store, layout, acorn.table)
    if facts is None:
        raise FileNotFoundError(f"{acorn.name} was never built in {store.url}")
    return facts


def _gone(store: Store, layout: Layout, acorn: Acorn, files: Mapping[str, Any]) -> list[str]:
    """Returns the partitions that lack their object or their file, by listing both folders.

    A listing is a request for every 1,000 keys: few beside the writes of a night that changes
    partitions; other nights list nothing.
    """
    folders = (f"{layout.objects}/{acorn.table}", layout.table_folder(acorn.table))
    paths = {entry["path"] for name in folders for entry in store.walk(name)}
    return [
        segment
        for segment, entry in files.items()
        if not paths.issuperset(
            (layout.object(acorn.table, entry["sha256"]), path(layout, acorn, segment))
        )
    ]


def _file(
    store: Store, layout: Layout, acorn: Acorn, known: Mapping[str, bytes], segment: str
) -> bytes | None:
    """Returns the bytes at a fixed path; None where no file lies there."""
    try:
        return known.get(segment) or store.get(path(layout, acorn, segment))
    except FileNotFoundError:
        return None


def _sha256(body: bytes | None) -> str | None:
    return None if body is None else hashlib.sha256(body).hexdigest()


def key_unique(seen: CheckContext) -> Finding:
    """No two rows of a file have the same key."""
    twice = [
        {"partition": segment, **row}
        for segment, content in seen.content.items()
        for row in arrow.duplicates(seen.acorn.key, content)
    ]
    message = f"{len(twice)} keys ({', '.join(seen.acorn.key)}) occur more than once"
    return Finding(not twice, message, {"examples": twice[:SHOWN]})


def not_null(seen: CheckContext) -> Finding:
    """No null where the declaration has none, and the exact schema in every file."""
    schema = arrow.schema(seen.acorn)
    other = [s for s, content in seen.content.items() if not content.schema.equals(schema)]
    nulls = {
        f"{segment}.{f.name}".lstrip("."): content[f.name].null_count
        for segment, content in seen.content.items()
        for f in schema
        if not f.nullable and f.name in content.schema.names and content[f.name].null_count
    }
    rows = [{"column": name, "nulls": count} for name, count in nulls.items()]
    message = f"{len(nulls)} columns with nulls, {len(other)} files of another schema"
    return Finding(not nulls and not other, message, {"nulls": rows, "other": other})


def as_written(seen: CheckContext) -> Finding:
    """Every file is the one that the facts name, by its sha256; a build places others again."""
    message = f"{len(seen.altered)} files were altered since they were written"
    return Finding(not seen.altered, message, {"altered": list(seen.altered)[:SHOWN]})


def row_count(seen: CheckContext) -> Finding:
    """The rows that the files have are those that the facts state, and not many fewer than last."""
    files = entries(seen.facts)
    differ = [s for s, content in seen.content.items() if content.num_rows != files[s]["rows"]]
    rows, before = seen.facts["rows"], seen.facts["rows_before"]
    fewer = rows < FEWER * before
    message = f"{rows:,} rows, {before:,} before the last change"
    if differ:
        message += f"; {len(differ)} files have other rows than the facts say"
    return Finding(not fewer and not differ, message, {"rows": rows, "rows_before": before})


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
    message = f"{len(twice)} of the {column}s belong to more than one document"
    return Finding(not twice, message, {"examples": twice[:SHOWN]})


def _names_documents(check: ColumnCheck, seen: CheckContext) -> Finding:
    index = documents.load(seen.store).index
    content = seen.content[""].filter(seen.content[""][check.column].is_valid())
    known = pc.is_in(content[check.column], index["name"].combine_chunks())
    unknown = content.filter(pc.invert(known))
    message = f"{unknown.num_rows} of {content.num_rows} named sources have no document"
    examples = unknown[check.column].slice(0, SHOWN).to_pylist()
    return Finding(not unknown.num_rows, message, {"examples": examples})


def _settled(_: ColumnCheck, seen: CheckContext) -> Finding:
    head = documents.load(seen.store, seen.state).head
    reasons = [upheaval.reason for upheaval in upheavals.findings(head)]
    return Finding(not reasons, "; ".join(reasons) or "the documents have the names that they had")


# The function of each kind of check that a table declares.
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
        description: The condition that passes, as a sentence.
        look: Returns the outcome for a table.
        is_error: Whether a failure is an error; otherwise it is a warning.
    """

    name: str
    description: str
    look: Callable[[CheckContext], Finding]
    is_error: bool = False


def checks_of(acorn: Acorn) -> list[Check]:
    """Returns the checks of a table: those of every table, then those that it declares."""
    errors = (*((key_unique,) if acorn.key else ()), not_null, as_written)
    return [
        *(Check(look.__name__, look.__doc__ or "", look, is_error=True) for look in errors),
        *(Check(look.__name__, look.__doc__ or "", look) for look in (row_count, fresh)),
        *(
            Check(check.name, check.description, partial(_LOOKS[type(check)], check))
            for check in acorn.checks
        ),
    ]


def outcome(check: Check, seen: CheckContext) -> Finding:
    """Returns the outcome of a check, which passes for a table that another build is writing."""
    if seen.disturbed:
        return Finding(
            passed=True,
            description=f"not looked at: another build changed {seen.acorn.name} each of "
            f"{ATTEMPTS} times; its own checks look at what it leaves",
        )
    return check.look(seen)
