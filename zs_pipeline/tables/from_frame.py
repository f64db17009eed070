"""Tables made from a pickled frame, which is fetched again only when it changed.

How a frame is read without running what is pickled is in `zs_pipeline.side_files.pickled_frame`.
"""

from zs_pipeline import arrow
from zs_pipeline.code import of_table
from zs_pipeline.declaration import FromFrame
from zs_pipeline.publishing.facts_file import FactsFile, read_content
from zs_pipeline.publishing.table_update import PartitionUpdate, TableUpdate
from zs_pipeline.side_files import answers
from zs_pipeline.side_files import pickled_frame as frames
from zs_pipeline.side_files.files import Files
from zs_pipeline.side_files.outcomes import NoBucket, NotReached, NotThere
from zs_pipeline.tables.inputs import Inputs
from zs_pipeline.tables.reuse import NO_FILE, is_current, no_rows


def plan(kind: FromFrame, known: FactsFile, inputs: Inputs, files: Files) -> TableUpdate:
    """Plan the update of a table made from a frame; read the frame if it changed.

    Where only input tables changed, `finish` runs again on the table's rows.

    Raises:
        NotReadable: The frame may not be read.
        NotThere: The frame is gone, and the table has rows of it.
        frames.RefusedPickle: The file is no frame.
    """
    acorn, code, facts = known.acorn, of_table(known.acorn), known.facts
    location, _, key = kind.file.rpartition("/")
    etag = facts["source_state"].get("file") if facts else None
    if not is_current(facts, {"file": etag or ""}, code, ("file",)) or etag == NO_FILE:
        etag = None
    begun = files.count["requests"]

    def counts(outcome: str) -> dict[str, int | str]:
        outcomes = {**dict.fromkeys(answers.OUTCOMES, 0), outcome: 1}
        questions = {"questions": 1, "asked": 1, "reused": 0}
        requests = files.count["requests"] - begun
        return {**questions, "requests": requests, **outcomes, "files_from": files.url}

    try:
        changed = files.changed(location, key, etag, largest=frames.LARGEST)
    except (NotThere, NoBucket, NotReached) as error:
        if facts and facts["rows"]:
            raise type(error)(f"{error}, and was before; the table keeps its rows") from error
        empty, state = no_rows(acorn), {"file": NO_FILE, **inputs.state()}
        return TableUpdate((empty,), state, code, str(error), counts=counts(error.outcome))
    outcome = counts(answers.FOUND)
    state = {"file": str(etag) if changed is None else changed[1], **inputs.state()}
    if changed is None and is_current(facts, state, code, state):
        reason = f"{', '.join((key, *inputs))} did not change"
        return TableUpdate((), state, code, reason, counts=outcome)
    problems: list[str] = []
    if changed is None:
        content = read_content(known.store, known.layout, acorn, facts=facts)
        content = content.cast(arrow.schema(acorn))
    else:
        frame = frames.read_frame(changed[0])
        content = arrow.table(acorn, kind.rows(frame))
        problems = list(kind.problems(frame))
    update = PartitionUpdate("", kind.finish(content, inputs) if kind.finish else content)
    return TableUpdate((update,), state, code, counts=outcome, problems=problems)
