"""From documents and tables to the parts of a table: what is computed anew, and what is reused.

Calls the pure functions of the acorns and decides for which documents. Knows neither Dagster nor
how a part is written (`zs_pipeline.commit`).
"""

import hashlib
import inspect
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from zs_client import customs
from zs_client.contract import (
    ROOT,
    Acorn,
    decode_partition,
    encode_partition,
    object_key,
    table_key,
    version_order,
)
from zs_client.store import Store
from zs_pipeline import (
    answers,
    arrow,
    fields,
    frames,
    instruments,
    lineage,
    people,
    processes,
    shards,
    tags,
)
from zs_pipeline.commit import Built, Part, entries, read_content, read_facts
from zs_pipeline.documents import WHERE, Snapshot, load_index
from zs_pipeline.files import Files, NoBucket, NotReached, NotThere
from zs_pipeline.source import Source
from zs_pipeline.source.projection import tree, trim

_SHARED = (fields, people, instruments, tags, arrow, shards)
_FROM_FILES = (frames, lineage)
# What stands for the state of a file that is not there.
_NO_FILE = "not there"
# Ahead of the name of a custom table among the inputs of an acorn.
CUSTOM = "custom:"
PROBLEMS = pa.schema(
    [
        ("_id", pa.string()),
        ("name", pa.string()),
        ("field", pa.string()),
        pa.field("reason", pa.string(), nullable=False),
        pa.field("severity", pa.string(), nullable=False),
    ]
)


def code_version(acorn: Acorn) -> str:
    """A name for the code that makes a table: its own file, and what its values go through."""
    digest = hashlib.sha256()
    more = _FROM_FILES if "files" in acorn.inputs else ()
    for module in (inspect.getmodule(acorn.rows), *_SHARED, *more):
        if module is None:
            raise ValueError(f"{acorn.name}: its rows function stands in no module")
        digest.update(inspect.getsource(module).encode())
    return digest.hexdigest()[:12]


def by_document(
    store: Store,
    version: str,
    acorn: Acorn,
    snapshot: Snapshot,
    facts: dict[str, Any] | None,
    *,
    tables: Mapping[str, pa.Table] | None = None,
    made_from: dict[str, str] | None = None,
) -> Built:
    """A table with rows for each document; rows of unchanged documents are taken over.

    Args:
        store: Where the table's former content lies.
        version: The version folder.
        acorn: The declaration.
        snapshot: The documents.
        facts: The table's facts so far.
        tables: Whole other tables by name, which its `finish` takes too.
        made_from: What identifies the content of those.
    """
    state = {
        "documents": snapshot.state,
        "index": snapshot.manifest["index"],
        **(made_from or {}),
    }
    version_of_code = code_version(acorn)
    if _current(facts, state, version_of_code, state.keys() - {"index"}):
        names = ", ".join(("the documents", *(tables or ())))
        return Built((), state, version_of_code, f"{names} did not change")

    def parts() -> Iterator[Part]:
        kept, ids = _reusable(store, version, acorn, snapshot, facts, version_of_code)
        pieces = [kept] if kept is not None else []
        wanted = snapshot.rows(ids)
        found = snapshot.shards(wanted.select(WHERE))
        work = ((acorn, body, arrow.column(rows, "_id")) for body, rows in found)
        pieces += processes.each(shards.document_rows, work, wanted.num_rows)
        content = pa.concat_tables([arrow.schema(acorn).empty_table(), *pieces]).combine_chunks()
        if acorn.finish is not None:
            content = acorn.finish(content, **(tables or {}))
        yield Part("", content)

    return Built(parts(), state, version_of_code)


def by_acorn(
    acorn: Acorn,
    tables: Mapping[str, pa.Table],
    state: dict[str, str],
    facts: dict[str, Any] | None,
) -> Built:
    """A table made from whole other tables.

    Args:
        acorn: The declaration.
        tables: Its inputs by name.
        state: What identifies the inputs' content.
        facts: The table's facts so far.
    """
    version_of_code = code_version(acorn)
    if _current(facts, state, version_of_code, tuple(state)):
        return Built((), state, version_of_code, f"{', '.join(tables)} did not change")

    def parts() -> Iterator[Part]:
        content = acorn.rows(**tables)
        yield Part("", content.cast(arrow.schema(acorn)))

    return Built(parts(), state, version_of_code)


def by_subject(
    acorn: Acorn,
    snapshot: Snapshot,
    basics: pa.Table,
    facts: dict[str, Any] | None,
    *,
    basics_code: str,
    only: Iterable[str] | None = None,
) -> Built:
    """A table with a partition for each subject; only subjects with other documents are computed.

    Args:
        acorn: The declaration.
        snapshot: The documents.
        basics: asset_basics.
        facts: The table's facts so far.
        basics_code: The version of the code that made asset_basics, of which rows hold values.
        only: Encoded subjects to compute in any case; then no other one is looked at.
    """
    version_of_code = code_version(acorn)
    wanted = subject_inputs(snapshot, version_of_code + basics_code)
    had = {segment: entry["inputs"] for segment, entry in entries(facts).items()}
    had |= facts["empty"] if facts else {}
    if only is None:
        compute = {s for s, inputs in wanted.items() if had.get(s) != inputs}
        gone = had.keys() - wanted.keys()
    else:
        compute = set(only) & wanted.keys()
        gone = (set(only) & had.keys()) - wanted.keys()
    state = {"documents": snapshot.state} if only is None else None
    if not compute and not gone:
        reason = "no subject's documents changed" if only is None else "no such subject has QC"
        return Built((), state, version_of_code, reason)

    def parts() -> Iterator[Part]:
        # A removal without an input leaves nothing to remember.
        for segment in sorted(gone):
            yield Part(segment, None)
        index = snapshot.index.select([*WHERE, "subject_id", "has_qc"])
        index = index.filter(index["has_qc"])
        subjects = pa.array([decode_partition(s) for s in sorted(compute)], pa.string())
        index = index.filter(pc.is_in(index["subject_id"], subjects))
        work = _with_basics(acorn, snapshot, index, basics)
        for files in processes.each(shards.subject_files, work, index.num_rows):
            for segment, file in files:
                yield Part(segment, file, wanted[segment])

    return Built(parts(), state, version_of_code, files=len(compute) + len(gone))


def by_platform(
    version: str,
    acorn: Acorn,
    snapshot: Snapshot,
    basics: pa.Table,
    basics_sha256: str,
    facts: dict[str, Any] | None,
    *,
    only: Iterable[str] | None = None,
) -> Built:
    """A table with a fixed set of partitions; every one of them exists, if without rows.

    Rows of data assets whose documents and rows of asset_basics did not change are taken over.

    Args:
        version: The version folder.
        acorn: The declaration.
        snapshot: The documents.
        basics: asset_basics.
        basics_sha256: Names its content.
        facts: The table's facts so far.
        only: Partitions to compute from all documents; then no other one is looked at.
    """
    state = {"documents": snapshot.state, "asset_basics": basics_sha256}
    version_of_code = code_version(acorn)
    inputs = hashlib.sha256("".join((version_of_code, *state.values())).encode()).hexdigest()[:32]
    made_from = tuple(state)
    state["index"] = snapshot.manifest["index"]
    if only is None and _current(facts, state, version_of_code, made_from):
        return Built((), state, version_of_code, "neither documents nor asset_basics changed")
    wanted = acorn.partitions if only is None else tuple(p for p in acorn.partitions if p in only)

    def parts() -> Iterator[Part]:
        kept, ids = (
            _reusable_by_platform(acorn, version, snapshot, basics, facts, version_of_code)
            if only is None
            else ({}, None)
        )
        # All platforms come of one pass over the documents, and are unpacked one by one.
        pieces = {name: [kept[name]] if name in kept else [] for name in wanted}
        index = snapshot.rows(ids).select([*WHERE, "has_qc"])
        index = index.filter(index["has_qc"])
        work = _with_basics(acorn, snapshot, index, basics)
        for found in processes.each(shards.platform_rows, work, index.num_rows):
            for name in found.keys() & pieces.keys():
                pieces[name].append(found[name])
        for name in wanted:
            content = arrow.unpack(pieces.pop(name), acorn)
            yield Part(encode_partition(name), content, inputs)

    return Built(parts(), None if only is not None else state, version_of_code)


def by_files(
    acorn: Acorn,
    inputs: Mapping[str, pa.Table],
    snapshot: Snapshot | None,
    told: answers.Told,
    state: dict[str, str],
    facts: dict[str, Any] | None,
) -> Built:
    """A table made from what the side files of data assets say, and from other tables.

    Args:
        acorn: The declaration.
        inputs: Other tables by name.
        snapshot: The documents, where the acorn reads those that it asked about.
        told: What the side files say.
        state: What identifies the inputs' content.
        facts: The table's facts so far.
    """
    state = {**state, "answers": told.content}
    version_of_code = code_version(acorn)
    if _current(facts, state, version_of_code, tuple(state)):
        reason = f"neither side files nor {', '.join(inputs)} changed"
        return Built((), state, version_of_code, reason)

    def parts() -> Iterator[Part]:
        more = {}
        if snapshot is not None:
            # Of thousands of documents at a time no more than what is looked at.
            paths = tree(acorn.fields)
            read = snapshot.read(shards.cores(acorn)[0], ids=set(told.values))
            more["documents"] = {one["_id"]: trim(one, paths) for shard in read for one in shard}
        rows = acorn.rows(told.values, **inputs, **more)
        yield Part("", arrow.table(acorn, rows))

    return Built(parts(), state, version_of_code)


def by_file(
    acorn: Acorn, files: Files, facts: dict[str, Any] | None
) -> tuple[Built, dict[str, int], list[str]]:
    """A table made from one pickled frame, which is not fetched again while it is the same.

    Returns:
        The table, the counts as in `by_files`, and what of the frame did not fit.

    Raises:
        NotReadable: The frame may not be read.
        NotThere: It is gone, and the table has rows of it.
        frames.RefusedPickle: It is no frame.
    """
    version_of_code = code_version(acorn)
    location, _, key = acorn.file.rpartition("/")
    tag = facts["source_state"].get("file") if facts else None
    if not _current(facts, {"file": tag or ""}, version_of_code, ("file",)) or tag == _NO_FILE:
        tag = None
    begun = files.count["requests"]
    try:
        found = files.changed(location, key, tag, largest=frames.LARGEST)
    except (NotThere, NoBucket, NotReached) as error:
        if facts and facts["rows"]:
            raise type(error)(f"{error}, and was before; the table keeps its rows") from error
        counts = _counts(error.outcome, files.count["requests"] - begun)
        nothing = Part("", arrow.schema(acorn).empty_table())
        return Built((nothing,), {"file": _NO_FILE}, version_of_code, str(error)), counts, []
    counts = _counts(answers.FOUND, files.count["requests"] - begun)
    if found is None:
        reason = f"{key} did not change"
        return Built((), {"file": str(tag)}, version_of_code, reason), counts, []
    frame = frames.read_frame(found[0])
    content = arrow.table(acorn, acorn.rows(frame))
    said = acorn.problems(frame) if acorn.problems else []
    part = Part("", content)
    return Built((part,), {"file": found[1]}, version_of_code), counts, said


def _counts(outcome: str, requests: int) -> dict[str, int]:
    counts = {"questions": 1, "asked": 1, "reused": 0, "requests": requests}
    return {**counts, **dict.fromkeys(answers.OUTCOMES, 0), outcome: 1}


def by_custom(
    store: Store,
    version: str,
    acorn: Acorn,
    inputs: Mapping[str, pa.Table],
    state: dict[str, str],
    *,
    old: Source | None,
    sample: Path | None,
) -> Built:
    """A table made from a custom table, and from documents of the old database.

    Args:
        store: Where the custom table lies, and the table as it was built before.
        version: The version folder.
        acorn: The declaration.
        inputs: Other tables by name.
        state: What identifies the inputs' content.
        old: The old database; None when there is none.
        sample: The folder of custom tables that stand in for one that is not there.

    Raises:
        customs.CustomNotFound: The custom table is gone, and the table has rows of it.
        ReadError: It cannot be read.
    """
    facts = read_facts(store, version, acorn.table)
    version_of_code = code_version(acorn)
    name = next(i for i in acorn.inputs if i.startswith(CUSTOM)).removeprefix(CUSTOM)
    try:
        content, digest = customs.content(store, version, name)
    except customs.CustomNotFound as error:
        own = sample / f"{name}.ndjson" if sample else None
        if own is None or not own.exists():
            if facts and facts["rows"]:
                said = f"the table keeps its rows, since what they were made from is gone: {error}"
                raise customs.CustomNotFound(said) from error
            nothing = Part("", arrow.schema(acorn).empty_table())
            return Built((nothing,), {"custom": _NO_FILE}, version_of_code, str(error))
        body = own.read_bytes()
        content = pa.Table.from_pylist([orjson.loads(line) for line in body.splitlines()])
        digest = hashlib.sha256(body).hexdigest()
    state = {**state, "custom": digest, "old_documents": old.url if old else "none"}
    if _current(facts, state, version_of_code, tuple(state)):
        reason = f"neither {name} nor {', '.join(inputs)} changed"
        return Built((), state, version_of_code, reason)

    def parts() -> Iterator[Part]:
        before = _before(store, version, acorn)
        made = acorn.rows(content, **inputs, before=before, old=old.fetch if old else _none)
        yield Part("", made)

    return Built(parts(), state, version_of_code)


def _none(_: Sequence[str]) -> Iterable[dict[str, Any]]:
    return ()


def _before(store: Store, version: str, acorn: Acorn) -> pa.Table | None:
    """A table as this version or the newest before it has it."""
    folders = sorted(store.folders(ROOT), key=version_order, reverse=True)
    earlier = [
        folder.removeprefix("zs-v")
        for folder in folders
        if () < version_order(folder) < version_order(version)
    ]
    for number in (version, *earlier):
        try:
            return arrow.decode(store.get(table_key(number, acorn.table)))
        except FileNotFoundError:
            continue
    return None


def problems(snapshot: Snapshot, of_files: Iterable[dict[str, Any]] = ()) -> pa.Table:
    """The findings about documents and their side files, as `document_problems` has them."""
    rows = [
        {"_id": row["_id"], "name": row["name"], "severity": "warning", **problem}
        for row in snapshot.index.filter(snapshot.index["problems"].is_valid())
        .select(["_id", "name", "problems"])
        .to_pylist()
        for problem in row["problems"]
    ]
    rows += [
        {"_id": p.id, "name": p.name, "field": p.field, "reason": p.reason, "severity": p.severity}
        for p in snapshot.set_aside
    ]
    rows += of_files
    return pa.Table.from_pylist(rows, schema=PROBLEMS)


def subject_inputs(snapshot: Snapshot, version_of_code: str) -> dict[str, str]:
    """For each encoded subject with QC a fingerprint of its documents and of the code."""
    index = snapshot.index.filter(snapshot.index["has_qc"])
    contents: dict[str | None, list[str]] = defaultdict(list)
    for subject, document, content in arrow.values(index, "subject_id", "_id", "content"):
        contents[subject].append(f"{document}={content}")
    return {
        encode_partition(subject): hashlib.sha256(
            "\n".join((version_of_code, *sorted(found))).encode("utf-8", "replace")
        ).hexdigest()[:32]
        for subject, found in contents.items()
    }


def _with_basics(
    acorn: Acorn, snapshot: Snapshot, index: pa.Table, basics: pa.Table
) -> Iterator[tuple[Acorn, bytes, pa.Array, pa.Table]]:
    """The shards of some documents, each with the documents' rows of asset_basics."""
    columns = {"_id": None, **dict.fromkeys(acorn.basics or basics.schema.names)}
    basics = basics.select(list(columns))
    # Looked up once: for each of 256 shards it would be a second for every 20,000 documents.
    places = pc.index_in(index["_id"], arrow.column(basics, "_id"))
    for body, found in snapshot.shards(index.select(WHERE).append_column("place", places)):
        yield acorn, body, arrow.column(found, "_id"), basics.take(arrow.column(found, "place"))


def _current(
    facts: dict[str, Any] | None, state: dict[str, str], version_of_code: str, keys: Iterable[str]
) -> bool:
    """Whether a table is whole and was made from the same state by the same code."""
    return (
        facts is not None
        and facts["state"] == "fresh"
        and facts["code_version"] == version_of_code
        and all(facts["source_state"].get(key) == state[key] for key in keys)
    )


def _touched(old: pa.Table, new: pa.Table) -> set[str]:
    """The documents that came, went, or have another name or content, of two indexes."""
    was = old.take(pc.index_in(new["_id"], old["_id"].combine_chunks()))
    named = pc.equal(new["name"], was["name"])
    unnamed = pc.and_(pc.is_null(new["name"]), pc.is_null(was["name"]))
    same = pc.and_(
        pc.equal(new["content"], was["content"]).fill_null(False),  # noqa: FBT003
        pc.or_(named.fill_null(False), unnamed),  # noqa: FBT003
    )
    gone = pc.invert(pc.is_in(old["_id"], new["_id"].combine_chunks()))
    came = new["_id"].filter(pc.invert(same))
    return {*came.to_pylist(), *old["_id"].filter(gone).to_pylist()}


def _names(ids: set[str], *indexes: pa.Table) -> set[str | None]:
    """The names that documents have in any of some indexes."""
    wanted = pa.array(sorted(ids), pa.string())
    return {
        name
        for index in indexes
        for name in index["name"].filter(pc.is_in(index["_id"], wanted)).to_pylist()
    }


def _named(index: pa.Table, names: set[str | None]) -> set[str]:
    """The documents of some names."""
    wanted = pc.is_in(index["name"], pa.array(names, pa.string()))
    return set(index["_id"].filter(wanted).to_pylist())


def _without(content: pa.Table, column: str, values: Iterable[str | None]) -> pa.Table:
    """The rows whose column has none of some values; those of null stay."""
    gone = pa.array(sorted(value for value in values if value is not None), pa.string())
    return content.filter(pc.invert(pc.is_in(content[column], gone)))


def _changed_rows(old: pa.Table, new: pa.Table) -> set[str]:
    """The documents whose rows of asset_basics differ, those that both have."""
    places = pc.index_in(new["_id"], old["_id"].combine_chunks())
    both = places.is_valid()
    new, old = new.filter(both), old.take(places.filter(both))
    ids = new["_id"].to_pylist()
    return {
        ids[at]
        for name in new.schema.names
        if not new[name].equals(old[name])
        for at, (one, other) in enumerate(
            zip(new[name].to_pylist(), old[name].to_pylist(), strict=True)
        )
        if one != other
    }


def _reusable_by_platform(
    acorn: Acorn,
    version: str,
    snapshot: Snapshot,
    basics: pa.Table,
    facts: dict[str, Any] | None,
    version_of_code: str,
) -> tuple[dict[str, bytes], set[str] | None]:
    """The rows that stay, packed, by platform, and the documents to compute; None for all."""
    before = facts["source_state"] if facts else {}
    if not facts or facts["code_version"] != version_of_code or "index" not in before:
        return {}, None
    store = snapshot.store
    key = object_key(version, "asset_basics", before["asset_basics"])
    looked_at = list(dict.fromkeys(("_id", *acorn.basics)))
    try:
        old_index = load_index(store, before["index"])
        now = basics.select(looked_at)
        then = arrow.decode(store.get_object(key), looked_at).cast(now.schema)
        touched = _touched(old_index, snapshot.index) | _changed_rows(then, now)
        names = _names(touched, old_index, snapshot.index)
        if None in names:
            # Rows without a name cannot be told apart.
            return {}, None
        kept = {}
        for name in acorn.partitions:
            content = read_content(store, version, acorn, encode_partition(name), facts=facts)
            content = _without(content.cast(arrow.schema(acorn)), "asset_name", names)
            kept[name] = arrow.pack(content)
    except (FileNotFoundError, ValueError):
        return {}, None
    return kept, _named(snapshot.index, names)


def _reusable(
    store: Store,
    version: str,
    acorn: Acorn,
    snapshot: Snapshot,
    facts: dict[str, Any] | None,
    version_of_code: str,
) -> tuple[pa.Table | None, set[str] | None]:
    """The rows that stay, and the documents to compute; (None, None) for all of them.

    Rows are told apart by the document's id where the table has it, else by the name: then all
    documents of a name are computed when one of them changed.
    """
    if (
        not facts
        or facts["code_version"] != version_of_code
        or "index" not in facts["source_state"]
    ):
        return None, None
    try:
        old = load_index(store, facts["source_state"]["index"])
        content = read_content(store, version, acorn, facts=facts)
    except FileNotFoundError:
        return None, None
    touched = _touched(old, snapshot.index)
    # A list's element is called `element` in parquet and `item` here: without the cast the same
    # rows would give other bytes.
    content = content.cast(arrow.schema(acorn))
    by = next(c.name for c in acorn.columns if c.name in ("_id", "name", "asset_name"))
    if by == "_id":
        return _without(content, by, touched), touched
    names = _names(touched, old, snapshot.index)
    return _without(content, by, names), _named(snapshot.index, names)
