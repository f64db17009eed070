"""From documents and tables to the parts of a table: what is computed anew, and what is reused.

Each kind of table has a function here that plans its update, and `build` is the one place that
chooses among them. Knows neither Dagster nor how a part is written
(`zs_pipeline.publishing.commit`).
"""

import hashlib
import pickle
import tempfile
from collections import ChainMap, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from operator import itemgetter
from pathlib import Path
from typing import IO, Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from zs_client import customs
from zs_client.contract import (
    ROOT,
    encode_partition,
    facts_key,
    object_key,
    table_key,
    version_order,
)
from zs_client.store import Store, StoreError
from zs_pipeline import arrow, memory, processes
from zs_pipeline.catalogue import Catalogue, projected
from zs_pipeline.code import of_table
from zs_pipeline.declaration import (
    ASSET_BASICS,
    Acorn,
    ByDocument,
    ByKey,
    ByPlatform,
    Document,
    FrameRead,
    FromCustomTable,
    FromFindings,
    FromFrame,
    FromSideFiles,
    FromTables,
    OfId,
    Row,
    Tables,
)
from zs_pipeline.documents import shards, upheavals
from zs_pipeline.documents import update as documents
from zs_pipeline.documents.update import WHERE, Snapshot, load_index
from zs_pipeline.publishing.commit import Built, Known, Part, entries, read_content, read_facts
from zs_pipeline.shape import values as fields
from zs_pipeline.shape.findings import COUNTED, WARNING
from zs_pipeline.shape.projection import tree, trim
from zs_pipeline.side_files import answers, nights
from zs_pipeline.side_files import pickled_frame as frames
from zs_pipeline.side_files.buckets import Files, NoBucket, NotReached, NotThere, NotUsable
from zs_pipeline.source import documents_of, open_source

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# What stands for the state of a file that is not there.
_NO_FILE = "not there"
_NO_OLD_DOCUMENTS = (
    "names of documents that were not upgraded are not known without the old database; "
    "ZS_OLD_SOURCE names it"
)
# Files among which rows by key are spread until all are there; one is held at a time.
_SPOOLS = 64
# Bytes of one of them that are held in memory before it goes to disk.
_SPOOLED_IN_MEMORY = 1 << 18
# What cannot stand in a text of a table: between columns, between a list's values, for null.
_COLUMN, _ITEM, _NULL = "\x1e", "\x1f", "\x00"


@dataclass(frozen=True)
class Surroundings:
    """Where tables are built, and what they are built from beside the documents and each other.

    Attributes:
        store: The store.
        version: The version's folder.
        catalogue: All tables.
        files: The buckets of side files.
        old_url: The database before the upgrade; empty when there is none.
        custom_samples: The folder of tables that stand in for stored ones that are not there.
        progress: Told how far a long piece of work is.
    """

    store: Store
    version: str
    catalogue: Catalogue
    files: Files
    old_url: str = ""
    custom_samples: Path | None = None
    progress: Callable[[str], None] = lambda _: None


@dataclass(frozen=True)
class Input:
    """A whole table that an acorn is made from, as its facts were when they were read.

    Attributes:
        store: Where it lies.
        version: The version's folder.
        acorn: The declaration.
        facts: Its facts.
    """

    store: Store
    version: str
    acorn: Acorn
    facts: dict[str, Any]

    def rows(self, columns: tuple[str, ...]) -> pa.Table:
        """Returns some columns of the rows that the facts name, whoever has written since."""
        return read_content(self.store, self.version, self.acorn, facts=self.facts, columns=columns)


def read_input(store: Store, version: str, acorn: Acorn) -> Input:
    """Returns the facts of a table that an acorn is made from; rows are read when looked at.

    Raises:
        FileNotFoundError: It was never built.
    """
    facts = read_facts(store, version, acorn.table)
    if not facts or not entries(facts):
        raise FileNotFoundError(f"{acorn.name} is not in {store.url}; build it first")
    return Input(store, version, acorn, facts)


class Inputs(Mapping[str, pa.Table]):
    """The tables that an acorn is made from by name, each read when it is first looked at.

    A night without a change looks at facts alone. A table has no columns but those that the acorn
    says it looks at: 100,000 rows of all columns of asset_basics are 100 MB.

    Args:
        acorn: The acorn that is made.
        found: Each table as it was when its facts were read. State and rows are both taken by
            those facts, so that they agree.
    """

    def __init__(self, acorn: Acorn, found: Mapping[str, Input]) -> None:
        self._found = {read.table: found[read.table] for read in acorn.kind.tables}
        self._columns = {read.table: read.columns for read in acorn.kind.tables}
        self._read: dict[str, pa.Table] = {}

    def __getitem__(self, name: str) -> pa.Table:
        if name not in self._read:
            # In one piece, once: what takes rows of it does so for each shard.
            self._read[name] = self._found[name].rows(self._columns[name]).combine_chunks()
        return self._read[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)

    def facts(self, name: str) -> dict[str, Any]:
        """Returns the facts of one of them."""
        return self._found[name].facts

    def state(self) -> dict[str, str]:
        """Returns what identifies the content of each."""
        return {name: one.facts["sha256"] for name, one in self._found.items()}


def build(
    acorn: Acorn,
    around: Surroundings,
    *,
    inputs: Mapping[str, Input] | None = None,
    only: Iterable[str] | None = None,
) -> Built:
    """Plan the update of a table; `zs_pipeline.publishing.commit` draws its parts and writes them.

    Args:
        acorn: The declaration.
        around: Where to build, and from what.
        inputs: The tables that it is made from, by name; looked up in the store when None.
        only: Encoded partitions to compute whether they changed or not; no other one is looked at.

    Raises:
        FileNotFoundError: Documents or a table that it is made from are not there.
        Exception: What it is made from cannot be read; see the kind's function.
    """
    store, version = around.store, around.version
    if inputs is None:
        by_name = around.catalogue.by_name
        inputs = {
            read.table: read_input(store, version, by_name[read.table])
            for read in acorn.kind.tables
        }
    found, known = Inputs(acorn, inputs), Known(store, version, acorn)
    _heal(known, around)
    match acorn.kind:
        case ByDocument() as kind:
            built = by_document(kind, known, found, around.files)
        case ByKey() as kind:
            built = by_key(kind, known, found, only)
        case ByPlatform() as kind:
            built = by_platform(kind, known, found, only)
        case FromTables() as kind:
            built = from_tables(kind, known, found)
        case FromFindings() as kind:
            built = from_findings(kind, known, around)
        case FromSideFiles() as kind:
            built = from_side_files(kind, known, found, around)
        case FromFrame() as kind:
            built = from_frame(kind, known, found, around.files)
        case FromCustomTable() as kind:
            built = from_custom_table(kind, known, found, around)
    built.known = known
    return built


def _heal(known: Known, around: Surroundings) -> None:
    """Bring back files that the facts name and that are gone; say which are made anew.

    Raises:
        FileNotFoundError: What is gone cannot be made anew.
    """
    # Far away each look is a request: there a file that is gone is found when it is read.
    wanted = known.facts.get("lost", ()) if known.facts and known.store.far else None
    back, lost = known.heal(wanted)
    name = known.acorn.name
    if back:
        around.progress(f"{name}: {back} files were gone, and are brought back from their copy")
    if not lost:
        return
    if isinstance(known.acorn.kind, FromCustomTable):
        raise FileNotFoundError(
            f"{name}: its file is gone from {known.store.url}, and with it what it remembered of "
            "earlier upgrades, which nothing else has; put it back, or remove "
            f"{known.store.at(facts_key(known.version, known.acorn.table))} to begin without"
        )
    around.progress(f"{name}: {lost} files are gone, and are made anew")


def by_document(kind: ByDocument, known: Known, inputs: Inputs, files: Files) -> Built:
    """Plan a table with rows for each document; rows of unchanged documents are taken over."""
    acorn, code = known.acorn, of_table(known.acorn)
    snapshot = _snapshot(known.store, inputs)
    state = {
        "documents": snapshot.state,
        "index": snapshot.manifest["index"],
        **inputs.state(),
    }
    tables: Tables = inputs
    notes: dict[str, object] = {}
    if kind.frame:
        texts, state["frame"] = _frame_texts(kind.frame, known, files)
        notes[kind.frame.name] = texts
        looked_at = pa.table({kind.frame.name: pa.array(texts, pa.string())})
        tables = ChainMap({kind.frame.name: looked_at}, inputs)  # type: ignore[arg-type]
    if _current(known.facts, state, code, state.keys() - {"index"}):
        return Built((), state, code, f"{', '.join(('the documents', *inputs))} did not change")

    def parts() -> Iterator[Part]:
        kept, ids = _reusable(kind, known, snapshot, code)
        pieces = [kept] if kept is not None else []
        wanted = snapshot.rows(ids)
        found = snapshot.shards(wanted.select(WHERE))
        work = ((acorn, kind, body, arrow.column(rows, "_id")) for body, rows in found)
        pieces += processes.map_ordered(shards.document_rows, work, wanted.num_rows)
        content = pa.concat_tables([arrow.schema(acorn).empty_table(), *pieces]).combine_chunks()
        final = kind.finish(content, tables) if kind.finish else content
        if kind.notes:
            notes.update(kind.notes(final, tables))
        yield Part("", final)

    return Built(parts(), state, code, notes=notes)


def _frame_texts(read: FrameRead, known: Known, files: Files) -> tuple[list[str], str]:
    """Returns the texts of a frame and its tag; those of the last build where it is the same.

    So it is too where the frame cannot be had or is none: the table of the frame fails and says so.
    """
    facts = known.facts or {}
    texts = (facts.get("notes") or {}).get(read.name)
    tag = facts["source_state"].get("frame") if texts is not None else None
    location, _, key = read.file.rpartition("/")
    try:
        found = files.changed(location, key, tag, largest=frames.LARGEST)
        made = None if found is None else list(read.texts(frames.read_frame(found[0])))
    except (NotUsable, StoreError, ValueError):
        return texts or [], tag or _NO_FILE
    return (texts or [], str(tag)) if found is None or made is None else (made, found[1])


def from_tables(kind: FromTables, known: Known, inputs: Inputs) -> Built:
    """Plan a table made from whole other tables."""
    state, code = inputs.state(), of_table(known.acorn)
    if _current(known.facts, state, code, state):
        return Built((), state, code, f"{', '.join(inputs)} did not change")

    def parts() -> Iterator[Part]:
        yield Part("", kind.rows(inputs).cast(arrow.schema(known.acorn)))

    return Built(parts(), state, code)


def from_findings(kind: FromFindings, known: Known, around: Surroundings) -> Built:
    """Plan a table of what did not fit in documents and side files."""
    acorn, code = known.acorn, of_table(known.acorn)
    snapshot = documents.load(known.store)
    # The same documents have other findings where other kinds of value are expected.
    state = {"documents": snapshot.state, "reads": snapshot.manifest.get("reads", "")}
    kept = {}
    for asking in around.catalogue.asking:
        facts = read_facts(known.store, known.version, asking.table)
        if facts and "answers" in facts["source_state"]:
            kept[asking.name] = facts["source_state"]["answers"]
    state |= kept
    if changed := [one.reason for one in upheavals.told(snapshot.manifest)]:
        state["upheavals"] = " ".join(changed)
    if _current(known.facts, state, code, state):
        return Built((), state, code, "neither documents nor side files changed")

    def parts() -> Iterator[Part]:
        found = [*_findings(snapshot)]
        for name, content in kept.items():
            found += answers.problems(known.store, name, content)
        yield Part("", arrow.table(acorn, kind.rows(found)))

    return Built(parts(), state, code, notes=_counted(snapshot))


def _findings(snapshot: Snapshot) -> Iterator[Row]:
    """Returns what documents have as rows of findings, and the documents set aside."""
    found = snapshot.index.filter(snapshot.index["problems"].is_valid())
    for key, name, of_one in arrow.values(found, "_id", "name", "problems"):
        for problem in of_one:
            # An index of 1.0.0 has findings of one severity, which it does not tell.
            severity = problem["severity"] or WARNING
            if severity != COUNTED:
                yield {"_id": key, "name": name, **problem, "severity": severity}
    for aside in (*snapshot.set_aside, *upheavals.told(snapshot.manifest)):
        yield {"_id": aside.id, **{k: v for k, v in aside._asdict().items() if k != "id"}}


def _counted(snapshot: Snapshot) -> dict[str, int | str]:
    """Returns in how many documents a rule decided that most of them need, by column and reason."""
    found = pc.list_flatten(snapshot.index["problems"])
    counted = found.filter(pc.equal(pc.struct_field(found, "severity"), COUNTED))
    names = pc.binary_join_element_wise(
        pc.struct_field(counted, "column"), pc.struct_field(counted, "reason"), " "
    )
    return dict(sorted((one["values"], one["counts"]) for one in names.value_counts().to_pylist()))


def by_key(kind: ByKey, known: Known, inputs: Inputs, only: Iterable[str] | None = None) -> Built:
    """Plan a table split by a column of asset_basics; partitions with changes are computed.

    A change is another document, other values in the columns of asset_basics that are looked at,
    or other code.
    """
    code = of_table(known.acorn)
    snapshot = _snapshot(known.store, inputs)
    basics = inputs[ASSET_BASICS]
    placed = _placed(kind, snapshot, basics)
    wanted = _fingerprints(placed, code)
    had = {segment: entry["inputs"] for segment, entry in entries(known.facts).items()}
    had |= known.facts["empty"] if known.facts else {}
    if only is None:
        compute = {s for s, made_from in wanted.items() if had.get(s) != made_from}
        gone = had.keys() - wanted.keys()
    else:
        compute = set(only) & wanted.keys()
        gone = (set(only) & had.keys()) - wanted.keys()
    state = {"documents": snapshot.state} if only is None else None
    if not compute and not gone:
        noun = kind.key.removesuffix("_id").replace("_", " ")
        reason = f"no {noun}'s documents changed" if only is None else f"no such {noun} has rows"
        return Built((), state, code, reason)

    def parts() -> Iterator[Part]:
        # A removal without an input leaves nothing to remember.
        for segment in sorted(gone):
            yield Part(segment, None)
        looked_at = placed.filter(
            pc.is_in(placed["segment"], pa.array(sorted(compute), pa.string()))
        )
        work = _with_basics(known.acorn, kind, snapshot, looked_at, basics)
        for segment, file in _key_contents(known.acorn, kind, work, looked_at.num_rows, compute):
            yield Part(segment, file, wanted[segment])

    return Built(parts(), state, code, files=len(compute) + len(gone))


def _key_contents(
    acorn: Acorn,
    kind: ByKey,
    work: Iterable[tuple[Any, ...]],
    documents: int,
    compute: Iterable[str],
) -> Iterator[tuple[str, arrow.File | pa.Table | None]]:
    """Returns each partition to compute with its file or rows; None where it has no rows."""
    if kind.key == shards.KEY:
        for files in processes.map_ordered(shards.subject_files, work, documents):
            yield from files
    else:
        yield from _gathered(
            acorn, processes.map_ordered(shards.key_rows, work, documents), compute
        )


def _placed(kind: ByKey, snapshot: Snapshot, basics: pa.Table) -> pa.Table:
    """Returns for each document that is looked at where it lies, its partition and its state."""
    index = _looked_at(kind, snapshot.index).select([*WHERE, "content"])
    basics = basics.take(pc.index_in(index["_id"], arrow.column(basics, "_id")).combine_chunks())
    values = arrow.column(basics, kind.key).dictionary_encode()
    named = [fields.segment(value) for value in values.dictionary.to_pylist()]
    segment = pa.array([*named, fields.segment(None)]).take(values.indices.fill_null(len(named)))
    columns = [_as_text(arrow.column(basics, name)) for name in kind.basics]
    state = pc.binary_join_element_wise(index["_id"], index["content"], *columns, _COLUMN)
    return index.append_column("segment", segment).append_column("state", state)


def _as_text(column: pa.Array) -> pa.Array:
    """Returns the values of a column as texts that differ where the values do."""
    if pa.types.is_list(column.type):
        column = pc.binary_join(column, _ITEM)
    return column.cast(pa.string()).fill_null(_NULL)


def _fingerprints(placed: pa.Table, code: str) -> dict[str, str]:
    """Returns for each partition what its documents, their rows and the code are digested to."""
    states: dict[str, list[str]] = defaultdict(list)
    for segment, state in arrow.values(placed, "segment", "state"):
        states[segment].append(state)
    return {
        segment: hashlib.sha256(
            "\n".join((code, *sorted(found))).encode("utf-8", "replace")
        ).hexdigest()[:32]
        for segment, found in states.items()
    }


def _gathered(
    acorn: Acorn, made: Iterable[dict[str, bytes]], compute: Iterable[str]
) -> Iterator[tuple[str, pa.Table | None]]:
    """Returns each partition with its rows, which come from many shards.

    Rows are spread over files by partition, and one file is held at a time: memory depends on the
    largest partition, not on the table.

    Args:
        acorn: The declaration.
        made: The packed rows of each shard by partition.
        compute: All partitions; one without rows gives None.
    """
    with ExitStack() as stack:
        spools = [
            stack.enter_context(tempfile.SpooledTemporaryFile(_SPOOLED_IN_MEMORY))
            for _ in range(_SPOOLS)
        ]
        for of_shard in made:
            for item in of_shard.items():
                pickle.dump(item, spools[_spool(item[0])])
        expected: dict[int, list[str]] = defaultdict(list)
        for segment in sorted(compute):
            expected[_spool(segment)].append(segment)
        for number, names in sorted(expected.items()):
            pieces = _unspooled(spools[number])
            for segment in names:
                packed = pieces.pop(segment, None)
                yield segment, arrow.unpack(packed, acorn) if packed else None


def _spool(segment: str) -> int:
    return hashlib.sha256(segment.encode()).digest()[0] % _SPOOLS


def _unspooled(spool: IO[bytes]) -> dict[str, list[bytes]]:
    found: dict[str, list[bytes]] = defaultdict(list)
    end = spool.tell()
    spool.seek(0)
    while spool.tell() < end:
        segment, body = pickle.load(spool)  # noqa: S301 - written above, in a file without a name
        found[segment].append(body)
    return found


def by_platform(
    kind: ByPlatform, known: Known, inputs: Inputs, only: Iterable[str] | None = None
) -> Built:
    """Plan a table with a fixed list of partitions; every one of them exists, if without rows.

    Rows of data assets whose documents and rows of asset_basics did not change are taken over.
    """
    acorn, code = known.acorn, of_table(known.acorn)
    snapshot, basics = _snapshot(known.store, inputs), inputs[ASSET_BASICS]
    state = {"documents": snapshot.state, **inputs.state()}
    made_from = hashlib.sha256("".join((code, *state.values())).encode()).hexdigest()[:32]
    looked_at = tuple(state)
    state["index"] = snapshot.manifest["index"]
    if only is None and _current(known.facts, state, code, looked_at):
        return Built((), state, code, "neither documents nor asset_basics changed")
    wanted = kind.values if only is None else tuple(p for p in kind.values if p in set(only))

    def parts() -> Iterator[Part]:
        kept, ids = (
            _reusable_by_platform(kind, known, snapshot, basics, code)
            if only is None
            else ({}, None)
        )
        # All platforms come of one pass over the documents, and are unpacked one by one.
        pieces = {name: [kept[name]] if name in kept else [] for name in wanted}
        index = _looked_at(kind, snapshot.rows(ids)).select(WHERE)
        work = _with_basics(acorn, kind, snapshot, index, basics)
        for found in processes.map_ordered(shards.platform_rows, work, index.num_rows):
            for name in found.keys() & pieces.keys():
                pieces[name].append(found[name])
        for name in wanted:
            yield Part(encode_partition(name), arrow.unpack(pieces.pop(name), acorn), made_from)

    return Built(parts(), None if only is not None else state, code)


def from_side_files(
    kind: FromSideFiles, known: Known, inputs: Inputs, around: Surroundings
) -> Built:
    """Plan a table of what the side files of data assets say; what is not known of them is asked.

    Raises:
        Exception: A request failed for good; the answers until then are kept.
    """
    acorn, code, state = known.acorn, of_table(known.acorn), inputs.state()
    snapshot = _snapshot(known.store, inputs) if kind.reads else None
    if snapshot:
        state["documents"] = snapshot.state
    questions = kind.questions(inputs)
    memory.trim_heap()
    told = answers.update(known.store, acorn.name, kind, questions, around.files, around.progress)
    memory.trim_heap()
    state["answers"] = told.content
    counts: dict[str, int | str] = {**told.counts, "files_from": around.files.url}
    if _current(known.facts, state, code, state):
        reason = f"neither side files nor {', '.join(inputs)} changed"
        return Built((), state, code, reason, counts=counts)

    def parts() -> Iterator[Part]:
        found: dict[str, Document] = {}
        if snapshot is not None:
            # Of thousands of documents at a time no more than what is looked at.
            paths = tree(projected(kind.reads))
            read = snapshot.read(shards.cores(kind.reads)[0], ids=set(told.values))
            found = {one["_id"]: trim(one, paths) for shard in read for one in shard}
        yield Part("", arrow.table(acorn, kind.rows(told.values, inputs, found)))

    return Built(parts(), state, code, counts=counts)


def from_frame(kind: FromFrame, known: Known, inputs: Inputs, files: Files) -> Built:
    """Plan a table made from one pickled frame, which is not fetched again while it is the same.

    Where only other tables changed, its own rows are finished again.

    Raises:
        NotReadable: The frame may not be read.
        NotThere: It is gone, and the table has rows of it.
        frames.RefusedPickle: It is no frame.
    """
    acorn, code, facts = known.acorn, of_table(known.acorn), known.facts
    location, _, key = kind.file.rpartition("/")
    tag = facts["source_state"].get("file") if facts else None
    if not _current(facts, {"file": tag or ""}, code, ("file",)) or tag == _NO_FILE:
        tag = None
    begun = files.count["requests"]

    def counts(outcome: str) -> dict[str, int | str]:
        outcomes = {**dict.fromkeys(answers.OUTCOMES, 0), outcome: 1}
        asked = {"questions": 1, "asked": 1, "reused": 0}
        requests = files.count["requests"] - begun
        return {**asked, "requests": requests, **outcomes, "files_from": files.url}

    try:
        found = files.changed(location, key, tag, largest=frames.LARGEST)
    except (NotThere, NoBucket, NotReached) as error:
        if facts and facts["rows"]:
            raise type(error)(f"{error}, and was before; the table keeps its rows") from error
        nothing = Part("", arrow.schema(acorn).empty_table())
        state = {"file": _NO_FILE, **inputs.state()}
        return Built((nothing,), state, code, str(error), counts=counts(error.outcome))
    told = counts(answers.FOUND)
    state = {"file": str(tag) if found is None else found[1], **inputs.state()}
    if found is None and _current(facts, state, code, state):
        reason = f"{', '.join((key, *inputs))} did not change"
        return Built((), state, code, reason, counts=told)
    problems: list[str] = []
    if found is None:
        content = read_content(known.store, known.version, acorn, facts=facts)
        content = content.cast(arrow.schema(acorn))
    else:
        frame = frames.read_frame(found[0])
        content = arrow.table(acorn, kind.rows(frame))
        problems = list(kind.problems(frame))
    part = Part("", kind.finish(content, inputs) if kind.finish else content)
    return Built((part,), state, code, counts=told, problems=problems)


def from_custom_table(
    kind: FromCustomTable, known: Known, inputs: Inputs, around: Surroundings
) -> Built:
    """Plan a table made from one that users store, and from documents of the old database.

    Raises:
        customs.CustomNotFound: The stored table is gone, and the table has rows of it.
        ReadError: It cannot be read.
    """
    store, version, acorn, facts = known.store, known.version, known.acorn, known.facts
    code = of_table(acorn)
    old = open_source(around.old_url, projected(kind.old_reads)) if around.old_url else None
    told: dict[str, int | str] = {"old_documents": old.url if old else "none"}
    problems = [] if old else [_NO_OLD_DOCUMENTS]
    notes: dict[str, int | str] = {}
    others: list[pa.Table] = []
    try:
        copies = _newest_first(customs.copies(store, kind.custom), kind.written)
    except customs.CustomNotFound as error:
        samples = around.custom_samples
        own = samples / f"{kind.custom}.ndjson" if samples else None
        if own is None or not own.exists():
            if facts and facts["rows"]:
                said = f"the table keeps its rows, since what they were made from is gone: {error}"
                raise customs.CustomNotFound(said) from error
            nothing, state = Part("", arrow.schema(acorn).empty_table()), {"custom": _NO_FILE}
            return Built((nothing,), state, code, str(error), counts=told, problems=problems)
        body = own.read_bytes()
        content = pa.Table.from_pylist([orjson.loads(line) for line in body.splitlines()])
        digest = hashlib.sha256(body).hexdigest()
    else:
        (written, newest), *older = copies
        content, digest = newest.table, newest.state
        others = [copy.table for _, copy in reversed(older)]
        if others:
            states = "\n".join(copy.state for _, copy in copies)
            digest = hashlib.sha256(states.encode()).hexdigest()
        notes = {"copy": newest.key, "copy_time": written.isoformat()}
        told |= {**notes, "copies": len(copies)}
        days = (nights.today() - written.date()).days
        said = f"made from {newest.key} of {written:%Y-%m-%d}, {days:,} days old"
        around.progress(f"{acorn.name}: {said}; {len(copies)} different copies")
    state = {**inputs.state(), "custom": digest, "old_documents": str(told["old_documents"])}
    if _current(facts, state, code, state):
        reason = f"neither {kind.custom} nor {', '.join(inputs)} changed"
        return Built((), state, code, reason, counts=told, problems=problems, notes=notes)

    def parts() -> Iterator[Part]:
        before = _before(store, version, acorn)
        fetch = partial(documents_of, old) if old else _no_documents
        yield Part("", kind.rows(content, inputs, before, fetch, others))

    return Built(parts(), state, code, counts=told, problems=problems, notes=notes)


def _newest_first(
    found: Iterable[customs.Copy], written: Callable[[pa.Table], int | None]
) -> list[tuple[datetime, customs.Copy]]:
    """Returns the copies of a stored table that differ, each with the time that it tells.

    One that tells none has the time at which the object was written. Of those of one time that in
    the home comes first, then the later version's.
    """
    timed = []
    for copy in found:
        told = written(copy.table)
        time = copy.modified if told is None else _EPOCH + timedelta(microseconds=told)
        place = copy.key.startswith(f"{customs.HOME}/"), copy.key
        timed.append((time, place, copy))
    timed.sort(key=itemgetter(0, 1), reverse=True)
    distinct: dict[str, tuple[datetime, customs.Copy]] = {}
    for time, _, copy in timed:
        distinct.setdefault(copy.state, (time, copy))
    return list(distinct.values())


def _no_documents(_: object) -> Iterable[Document]:
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


def _snapshot(store: Store, inputs: Inputs) -> Snapshot:
    """The documents: the very state that asset_basics was built from, where it is looked at."""
    if ASSET_BASICS not in inputs:
        return documents.load(store)
    return documents.load(store, inputs.facts(ASSET_BASICS)["source_state"]["documents"])


def _looked_at(kind: ByKey | ByPlatform, index: pa.Table) -> pa.Table:
    """Returns the rows of an index whose documents have what a table reads of them."""
    cores = {read.steps[0] for read in kind.reads}
    return index.filter(index["has_qc"]) if cores == {"quality_control"} else index


def _with_basics(
    acorn: Acorn, kind: ByKey | ByPlatform, snapshot: Snapshot, index: pa.Table, basics: pa.Table
) -> Iterator[tuple[Acorn, ByKey | ByPlatform, bytes, pa.Array, pa.Table]]:
    """The shards of some documents, each with the documents' rows of asset_basics."""
    # Looked up once: for each of 256 shards it would be a second for every 20,000 documents.
    places = pc.index_in(index["_id"], arrow.column(basics, "_id"))
    for body, found in snapshot.shards(index.select(WHERE).append_column("place", places)):
        rows = basics.take(arrow.column(found, "place"))
        yield acorn, kind, body, arrow.column(found, "_id"), rows


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
    kind: ByPlatform, known: Known, snapshot: Snapshot, basics: pa.Table, code: str
) -> tuple[dict[str, bytes], set[str] | None]:
    """Returns (the rows that stay, packed, by platform; documents to compute, or None for all)."""
    store, version, acorn, facts = known.store, known.version, known.acorn, known.facts
    before = facts["source_state"] if facts else {}
    if not facts or facts["code_version"] != code or "index" not in before or facts.get("refused"):
        return {}, None
    key = object_key(version, ASSET_BASICS, before[ASSET_BASICS])
    try:
        old_index = load_index(store, before["index"])
        then = arrow.decode(store.get_object(key), basics.schema.names).cast(basics.schema)
        touched = _touched(old_index, snapshot.index) | _changed_rows(then, basics)
        names = _names(touched, old_index, snapshot.index)
        if None in names:
            # Rows without a name cannot be told apart.
            return {}, None
        kept = {}
        for name in kind.values:
            content = read_content(store, version, acorn, encode_partition(name), facts=facts)
            content = _without(content.cast(arrow.schema(acorn)), kind.reuse.column, names)
            kept[name] = arrow.pack(content)
    except (FileNotFoundError, ValueError):
        return {}, None
    return kept, _named(snapshot.index, names)


def _reusable(
    kind: ByDocument, known: Known, snapshot: Snapshot, code: str
) -> tuple[pa.Table | None, set[str] | None]:
    """Returns (the rows that stay, documents to compute); (None, None) for all documents.

    Where rows are told apart by the document's name, all documents of a name are computed when one
    of them changed.
    """
    store, facts = known.store, known.facts
    if (
        kind.reuse is None
        or not facts
        or facts["code_version"] != code
        or "index" not in facts["source_state"]
    ):
        return None, None
    try:
        old = load_index(store, facts["source_state"]["index"])
        content = read_content(store, known.version, known.acorn, facts=facts)
    except FileNotFoundError:
        return None, None
    touched = _touched(old, snapshot.index)
    # A list's element is called `element` in parquet and `item` here: without the cast the same
    # rows would give other bytes.
    content = content.cast(arrow.schema(known.acorn))
    if isinstance(kind.reuse, OfId):
        return _without(content, kind.reuse.column, touched), touched
    names = _names(touched, old, snapshot.index)
    return _without(content, kind.reuse.column, names), _named(snapshot.index, names)
