"""Tables made from the side files of data assets; unknown answers are asked for.

How questions are asked and answers kept is in `zs_pipeline.side_files`.
"""

from collections.abc import Iterator

from zs_pipeline import arrow, memory
from zs_pipeline.catalogue import projected
from zs_pipeline.code import of_table
from zs_pipeline.declaration import Document, FromSideFiles
from zs_pipeline.documents import shards
from zs_pipeline.publishing.facts_file import FactsFile
from zs_pipeline.publishing.table_update import PartitionUpdate, TableUpdate
from zs_pipeline.shape.projection import path_map, trim
from zs_pipeline.side_files import answers
from zs_pipeline.tables.inputs import Inputs, Surroundings
from zs_pipeline.tables.reuse import is_current


def plan(
    kind: FromSideFiles, known: FactsFile, inputs: Inputs, around: Surroundings
) -> TableUpdate:
    """Plan the update of a table made from side files.

    Raises:
        Exception: A request failed after all retries; the answers until then are kept.
    """
    acorn, code, state = known.acorn, of_table(known.acorn), inputs.state()
    documents = inputs.load_documents(known.store) if kind.reads else None
    if documents:
        state["documents"] = documents.state
    questions = kind.questions(inputs)
    memory.trim_heap()
    answered = answers.update(
        known.store, acorn.name, kind, questions, around.files, around.progress
    )
    memory.trim_heap()
    state["answers"] = answered.content
    counts: dict[str, int | str] = {**answered.counts, "files_from": around.files.url}
    if is_current(known.facts, state, code, state):
        reason = f"neither side files nor {', '.join(inputs)} changed"
        return TableUpdate((), state, code, reason, counts=counts)

    def partitions() -> Iterator[PartitionUpdate]:
        read: dict[str, Document] = {}
        if documents is not None:
            # Thousands of documents at a time, trimmed to the paths that are read.
            paths = path_map(projected(kind.reads))
            shards_read = documents.read(shards.cores(kind.reads)[0], ids=set(answered.answers))
            read = {
                document["_id"]: trim(document, paths)
                for shard in shards_read
                for document in shard
            }
        yield PartitionUpdate("", arrow.table(acorn, kind.rows(answered.values, inputs, read)))

    return TableUpdate(partitions(), state, code, counts=counts)
