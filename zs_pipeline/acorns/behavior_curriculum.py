"""behavior_curriculum: where in its training a subject was, from the trainer state beside the data.

The curriculum and stage are those of the aind-behavior-curriculum library; what it writes is read
here, whatever of it is there.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from zs_pipeline.declaration import (
    Acorn,
    Column,
    Document,
    FromSideFiles,
    TableRead,
    Tables,
)
from zs_pipeline.fields import part, text
from zs_pipeline.files import Entry, Files, NotThere, OtherShape, Question
from zs_pipeline.lineage import COLUMNS, data_assets

# The place of today, then that of before.
_PLACES = ("behavior/trainer_state", "behavior/Logs/.launcher/TrainerState_")
_NODE = re.compile(r"-?\d{1,9}", re.ASCII)


def questions(tables: Tables) -> list[Question]:
    """One for each data asset with behavior or videos of it."""
    return [
        one.question()
        for one in data_assets(tables["asset_basics"]).values()
        if any("behavior" in modality for modality in one.modalities)
    ]


def ask(files: Files, question: Question, listed: Sequence[Entry]) -> dict[str, Any]:
    """The names of the curriculum and the stage in the newest trainer state, and of all stages."""
    there = [entry for entry in listed if entry.key.endswith(".json")]
    for place in _PLACES:
        found = [entry for entry in there if entry.key.startswith(place)]
        if found:
            key = max(found).key
            return _trainer_state(files.json(question.location, key), f"{question.location}/{key}")
    raise NotThere(f"{question.location}: has no trainer state")


def _trainer_state(state: Any, at: str) -> dict[str, Any]:
    if not isinstance(state, dict) or not state.keys() & {"curriculum", "stage"}:
        raise OtherShape(f"{at}: is no trainer state: it has neither a curriculum nor a stage")
    nodes = part(state, "curriculum.graph.nodes")
    return {
        "curriculum": text(part(state, "curriculum.name")),
        "stage": text(part(state, "stage.name")),
        "nodes": {
            key: text(part(node, "name"))
            for key, node in (nodes if isinstance(nodes, dict) else {}).items()
        },
    }


def rows(
    answers: Mapping[str, Any], tables: Tables, _: Mapping[str, Document]
) -> Iterator[dict[str, Any]]:
    """One row for each data asset; without a trainer state its columns are null."""
    for question in questions(tables):
        found = answers[question.id] or {}
        stage = found.get("stage")
        ids = [
            int(key)
            for key, name in found.get("nodes", {}).items()
            if stage is not None and name == stage and _NODE.fullmatch(key)
        ]
        yield {
            "asset_name": question.name,
            "curriculum_name": found.get("curriculum"),
            "stage_name": stage,
            "stage_node_id": min(ids, default=None),
        }


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
        listing_prefixes=_PLACES,
    ),
    columns=(
        Column("asset_name", "string", "The data asset's name.", nullable=False),
        Column(
            "curriculum_name",
            "string",
            "The curriculum's name; null without a trainer state, or outside a curriculum.",
        ),
        Column(
            "stage_name",
            "string",
            "The stage of the curriculum; null without a trainer state, or outside a curriculum.",
        ),
        Column(
            "stage_node_id",
            "int32",
            "The stage's key in the curriculum's graph. Stages are numbered in the order in which "
            "they were added to the graph, which is not the order of training. Null when the "
            "graph is not given or has no such stage.",
        ),
    ),
)
