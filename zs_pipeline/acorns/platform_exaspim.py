"""platform_exaspim: exaSPIM data assets and the links to look at them.

Which raw data asset belongs, and which fused one to it, is decided in `zs_pipeline.lineage`.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from zs_pipeline.declaration import Acorn, Column, Document, FromSideFiles, TableRead, Tables
from zs_pipeline.files import Entry, Files, NotThere, Question
from zs_pipeline.lineage import COLUMNS, SOURCES, DataAsset, pairs

_VIEWER = "https://neuroglancer-demo.appspot.com/#!"
_CONFIGS = ("neuroglancer.json", "process_output.json")


def questions(tables: Tables) -> list[Question]:
    """One for each raw data asset."""
    return [raw.question() for raw, _ in _pairs(tables)]


def _pairs(tables: Tables) -> list[tuple[DataAsset, DataAsset | None]]:
    return pairs(tables["asset_basics"], tables["source_data"], "SPIM", "exa", "fused")


def ask(files: Files, question: Question, _: Sequence[Entry]) -> str:
    """The name of the file that shows the raw image."""
    there = files.folder(question.location).files
    for name in _CONFIGS:
        if name in there:
            return name
    raise NotThere(f"{question.location}: has neither {' nor '.join(_CONFIGS)}")


def rows(
    answers: Mapping[str, Any], tables: Tables, _: Mapping[str, Document]
) -> Iterator[dict[str, Any]]:
    """One row for each raw data asset."""
    for raw, made in _pairs(tables):
        config = answers[raw.id]
        yield {
            "name": made.name if made else raw.name,
            "raw_name": raw.name,
            "processed": made is not None,
            "raw_link": f"{_VIEWER}{raw.at(config)}" if config else None,
            "fused_link": f"{_VIEWER}{made.location}" if made and made.location else None,
        }


ACORN = Acorn(
    name="platform_exaspim",
    description=(
        "exaSPIM data assets and where to look at them: one row per raw data asset, with the "
        "latest fused data asset made from it. Join asset_basics.name on name or raw_name."
    ),
    type="metadata",
    key=("raw_name",),
    kind=FromSideFiles(
        questions=questions,
        ask=ask,
        rows=rows,
        tables=(
            TableRead("asset_basics", ("_id", *COLUMNS)),
            TableRead("source_data", SOURCES),
        ),
    ),
    columns=(
        Column(
            "name",
            "string",
            "The latest fused data asset's name; the raw one's while nothing was fused.",
            nullable=False,
        ),
        Column("raw_name", "string", "The raw data asset's name.", nullable=False),
        Column("processed", "bool", "Whether there is a fused data asset.", nullable=False),
        Column(
            "raw_link",
            "string",
            "Opens the raw image in Neuroglancer; null when the raw data asset has no file for it.",
        ),
        Column(
            "fused_link",
            "string",
            "Opens the fused image in Neuroglancer; null while nothing was fused.",
        ),
    ),
)
