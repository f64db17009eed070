"""Tables with rows for each document; rows of unchanged documents are reused."""

import hashlib
from collections import ChainMap
from collections.abc import Iterator

import pyarrow as pa

from zs_client.errors import StoreError
from zs_pipeline import arrow, processes
from zs_pipeline.code import of_table
from zs_pipeline.declaration import ByDocument, FoldersRead, FrameRead, Tables
from zs_pipeline.documents import shards
from zs_pipeline.documents.state import WHERE
from zs_pipeline.publishing.facts_file import FactsFile
from zs_pipeline.publishing.table_update import PartitionUpdate, TableUpdate
from zs_pipeline.side_files import pickled_frame as frames
from zs_pipeline.side_files.files import Files
from zs_pipeline.side_files.outcomes import NotUsable
from zs_pipeline.tables.inputs import Inputs
from zs_pipeline.tables.reuse import NO_FILE, is_current, rows_to_keep

# After the state of a listing that an earlier build made.
_EARLIER = " of an earlier build"


def plan(kind: ByDocument, known: FactsFile, inputs: Inputs, files: Files) -> TableUpdate:
    """Plan the update of a table by document.

    Args:
        kind: How the table is made.
        known: The table's facts.
        inputs: The input tables.
        files: The buckets of side files, for a frame.
    """
    acorn, code = known.acorn, of_table(known.acorn)
    documents = inputs.load_documents(known.store)
    state = {"documents": documents.state, "index": documents.head["index"], **inputs.state()}
    tables: Tables = inputs
    notes: dict[str, object] = {}
    if kind.frame:
        texts, state["frame"] = _frame_texts(kind.frame, known, files)
        notes[kind.frame.name] = texts
        frame = pa.table({kind.frame.name: pa.array(texts, pa.string())})
        tables = ChainMap({kind.frame.name: frame}, tables)  # type: ignore[arg-type]
    if kind.folders:
        names, state["folders"] = _folder_names(kind.folders, known, files)
        folders = pa.table({kind.folders.name: pa.array(names, pa.string())})
        tables = ChainMap({kind.folders.name: folders}, tables)  # type: ignore[arg-type]
    if is_current(known.facts, state, code, state.keys() - {"index"}):
        reason = f"{', '.join(('the documents', *inputs))} did not change"
        return TableUpdate((), state, code, reason)

    def partitions() -> Iterator[PartitionUpdate]:
        reused, ids = rows_to_keep(kind, known, documents, code)
        pieces = [reused] if reused is not None else []
        index = documents.rows(ids)
        bodies = documents.shards_to_send(index.select(WHERE))
        work = ((acorn, kind, body, arrow.column(rows, "_id")) for body, rows in bodies)
        pieces += processes.map_ordered(shards.document_rows, work, index.num_rows)
        content = pa.concat_tables([arrow.schema(acorn).empty_table(), *pieces]).combine_chunks()
        final = kind.finish(content, tables) if kind.finish else content
        if kind.notes:
            notes.update(kind.notes(final, tables))
        yield PartitionUpdate("", final)

    return TableUpdate(partitions(), state, code, notes=notes)


def _frame_texts(read: FrameRead, known: FactsFile, files: Files) -> tuple[list[str], str]:
    """Returns (texts of a frame, its ETag), from the last build if the frame is unchanged.

    An unreadable frame counts as unchanged: the table of the frame fails and gives the reason.
    """
    facts = known.facts
    texts = facts.get("notes", {}).get(read.name) if facts else None
    etag = facts["source_state"].get("frame") if facts and texts is not None else None
    location, _, key = read.file.rpartition("/")
    try:
        changed = files.changed(location, key, etag, largest=frames.LARGEST)
        if changed is None:
            return texts or [], str(etag)
        return list(read.texts(frames.read_frame(changed[0]))), changed[1]
    except (NotUsable, StoreError, ValueError):
        return texts or [], etag or NO_FILE


def _folder_names(read: FoldersRead, known: FactsFile, files: Files) -> tuple[list[str], str]:
    """Returns (names of the folders in a bucket, the state of the listing).

    Of a bucket that cannot be listed these are the names that the last build noted, which its
    findings are about. The state then says so, since another folder may have lost its document.
    """
    try:
        names = sorted(files.folder(read.location).folders)
    except (NotUsable, StoreError):
        facts = known.facts
        names = (facts.get("notes", {}).get(read.name) if facts else None) or []
        state = (facts["source_state"].get("folders") if facts else None) or NO_FILE
        return names, state if state == NO_FILE else f"{state.removesuffix(_EARLIER)}{_EARLIER}"
    lines = "".join(f"{name}\n" for name in names)
    return names, hashlib.sha256(lines.encode("utf-8", "surrogatepass")).hexdigest()
