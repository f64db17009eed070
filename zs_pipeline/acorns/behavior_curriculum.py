"""behavior_curriculum: the stage of a subject's training, from the trainer state beside the data.

The aind-behavior-curriculum library writes the curriculum and stage; either may be missing.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from zs_pipeline.declaration import Acorn, Column, Document, FromSideFiles, TableRead, Tables
from zs_pipeline.lineage import COLUMNS, data_assets
from zs_pipeline.shape.values import part, text
from zs_pipeline.side_files import nights
from zs_pipeline.side_files.outcomes import (
    Entry,
    Noted,
    NotParsed,
    NotThere,
    OtherShape,
    Question,
    Unchanged,
)

if TYPE_CHECKING:
    from zs_pipeline.side_files.files import Files

_FOLDER = "behavior"
# The present name of the file, then the former one.
_BEGINNINGS = ("trainer_state", "Logs/.launcher/TrainerState_")
# The folder may hold thousands of files: in its usual spelling only the needed ones are listed.
# Each of its 255 other spellings begins like one of the last eight prefixes.
_PREFIXES = (
    *(f"{_FOLDER}/{beginning}" for beginning in _BEGINNINGS),
    *(f"{_FOLDER[:at]}{letter.upper()}" for at, letter in enumerate(_FOLDER)),
)
_NODE = re.compile(r"-?\d{1,9}", re.ASCII)
_STATE_KEYS = frozenset(("curriculum", "stage"))
# Days after a data asset came in which a later trainer state is looked for.
_DAYS = 30
_NESTED = (
    "holds curriculum and stage in an object trainer_state, not at the top; they are read there"
)
_SEVERAL_NODES = "holds several nodes with the name of the stage, of which the least is taken"


def questions(tables: Tables) -> list[Question]:
    """Returns a question for each data asset with behavior or videos of it."""
    return [
        data_asset.question(schedule=nights.Schedule(nights.date_of(data_asset.created), _DAYS))
        for data_asset in data_assets(tables["asset_basics"]).values()
        if any("behavior" in modality for modality in data_asset.modalities)
    ]


def ask(files: "Files", question: Question, entries: Sequence[Entry]) -> object:
    """Returns the curriculum and stage in the newest trainer state, and the names of all stages."""
    newest = _newest(entries)
    if newest is None:
        raise NotThere(f"{question.location}: has no trainer state")
    seen = {"key": newest.key, "etag": newest.etag}
    before = question.before if isinstance(question.before, dict) else {}
    if newest.etag is not None and seen.items() <= before.items():
        raise Unchanged
    try:
        state = files.json(question.location, newest.key)
        return _trainer_state(state, f"{(question.location or '').rstrip('/')}/{newest.key}", seen)
    except (NotParsed, OtherShape) as error:
        error.seen = seen
        raise


def _newest(entries: Sequence[Entry]) -> Entry | None:
    """Returns the last trainer state by name, then by time; present names before former ones."""
    names = []
    for entry in entries:
        folder, _, name = entry.key.partition("/")
        if folder.lower() == _FOLDER and name.endswith(".json"):
            names.append((name, entry))
    for beginning in _BEGINNINGS:
        matches = [match for match in names if match[0].startswith(beginning)]
        if matches:
            return max(matches)[1]
    return None


def _trainer_state(state: Any, at: str, seen: dict[str, Any]) -> object:
    """Returns the answer that a trainer state gives, with the key and ETag of its file."""
    nested = part(state, "trainer_state")
    is_nested = isinstance(nested, dict) and nested.keys() >= _STATE_KEYS
    holder = nested if is_nested else state
    if not isinstance(holder, dict) or not holder.keys() & _STATE_KEYS:
        raise OtherShape(f"{at}: is no trainer state: it has neither a curriculum nor a stage")
    nodes = part(holder, "curriculum.graph.nodes")
    answer = {
        "curriculum": text(part(holder, "curriculum.name")),
        "stage": text(part(holder, "stage.name")),
        "nodes": {
            key: text(part(node, "name"))
            for key, node in (nodes if isinstance(nodes, dict) else {}).items()
        },
        **seen,
    }
    notes = [_NESTED] if is_nested else []
    if len(_node_ids(answer)) > 1:
        notes.append(_SEVERAL_NODES)
    return Noted(answer, "; ".join(notes)) if notes else answer


def _node_ids(answer: Mapping[str, Any]) -> list[int]:
    """Returns the whole numbers that are keys of nodes with the name of the stage, sorted."""
    stage = answer.get("stage")
    return sorted(
        int(key)
        for key, name in answer.get("nodes", {}).items()
        if stage is not None and name == stage and _NODE.fullmatch(key)
    )


def rows(
    answers: Mapping[str, Any], tables: Tables, _: Mapping[str, Document]
) -> Iterator[dict[str, Any]]:
    """Yields one row for each data asset; its columns are null without a trainer state."""
    for question in questions(tables):
        answer = answers[question.id] or {}
        yield {
            "asset_name": question.name,
            "curriculum_name": answer.get("curriculum"),
            "stage_name": answer.get("stage"),
            "stage_node_id": next(iter(_node_ids(answer)), None),
        }


_FILE = "file:the newest trainer state beside the data"
_WHICH = (
    "The file is the last by name of the .json files under behavior/trainer_state*, else under "
    "behavior/Logs/.launcher/TrainerState_*; of one name the last written. The folder behavior may "
    "be written in any case."
)
_HOW = (
    "The file may be UTF-8, with or without a byte order mark, or UTF-16; NaN is null. Where "
    "curriculum and stage stand in an object trainer_state they are read there, with a finding. A "
    "file that is no JSON, or holds neither, gives null and a finding."
)

ACORN = Acorn(
    name="behavior_curriculum",
    description=(
        "Curriculum and stage of training of behavior data assets, from the newest trainer state "
        "beside the data, one row per data asset with a behavior modality; null without one. Join "
        "asset_basics.name on asset_name."
    ),
    type="asset",
    key=("asset_name",),
    kind=FromSideFiles(
        questions=questions,
        ask=ask,
        rows=rows,
        tables=(TableRead("asset_basics", ("_id", *COLUMNS)),),
        listing_prefixes=_PREFIXES,
    ),
    columns=(
        Column(
            "asset_name",
            "string",
            "The data asset's name.",
            nullable=False,
            reads=("asset_basics.name", "asset_basics.modalities"),
            rule=(
                "A data asset has a row when the abbreviation of one of its modalities contains "
                "behavior. Of several documents with one name the last modified counts."
            ),
            example="A data asset with the modality `behavior-videos` has a row.",
        ),
        Column(
            "curriculum_name",
            "string",
            "The curriculum's name; null without a trainer state, or outside a curriculum.",
            reads=(_FILE,),
            rule=f"The file's curriculum.name. {_WHICH} {_HOW}",
            example='`{"curriculum": null, "stage": {"name": "S"}}` becomes null.',
        ),
        Column(
            "stage_name",
            "string",
            "The stage of the curriculum; null without a trainer state, or outside a curriculum.",
            reads=(_FILE,),
            rule=(
                "The stage.name of the same file as curriculum_name, read in the same way. It is "
                "kept where the curriculum or its graph is null or absent."
            ),
            example='`{"stage": {"name": "stage_1"}}` becomes `stage_1`.',
        ),
        Column(
            "stage_node_id",
            "int32",
            "The stage's key in the curriculum's graph. Stages are numbered in the order in which "
            "they were added to the graph, which is not the order of training. Null when the "
            "graph is not given or has no such stage.",
            reads=(_FILE,),
            rule=(
                "The key in curriculum.graph.nodes of the same file whose value has the stage's "
                "name. Of several such keys the least counts, with a finding; a key that is no "
                "whole number is passed over."
            ),
            example=(
                "With the nodes `0` `stage_1_warmup` and `1` `stage_1`, the stage `stage_1` "
                "becomes 1."
            ),
        ),
    ),
)
