"""platform_exaspim: exaSPIM data assets and the links that show them.

`zs_pipeline.lineage` decides which raw data assets belong, and which fused one to each.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from zs_pipeline.declaration import Acorn, Column, Document, FromSideFiles, TableRead, Tables
from zs_pipeline.lineage import COLUMNS, SOURCES, DataAsset, pairs
from zs_pipeline.side_files import nights
from zs_pipeline.side_files.outcomes import Entry, NotThere, Question

if TYPE_CHECKING:
    from zs_pipeline.side_files.files import Files

_VIEWER = "https://neuroglancer-demo.appspot.com/#!"
_CONFIGS = ("neuroglancer.json", "process_output.json")


def questions(tables: Tables) -> list[Question]:
    """Returns a question for each raw data asset; the preferred file may be written last."""
    return [
        raw.question(schedule=nights.growing(nights.date_of(raw.created)))
        for raw, _ in _pairs(tables)
    ]


def _pairs(tables: Tables) -> list[tuple[DataAsset, DataAsset | None]]:
    return pairs(tables["asset_basics"], tables["source_data"], "SPIM", "exa", "fused")


def ask(files: "Files", question: Question, _: Sequence[Entry]) -> str:
    """Returns the name of the file that shows the raw image."""
    names = files.folder(question.location).files
    for name in _CONFIGS:
        if name in names:
            return name
    raise NotThere(f"{question.location}: has neither {' nor '.join(_CONFIGS)}")


def rows(
    answers: Mapping[str, Any], tables: Tables, _: Mapping[str, Document]
) -> Iterator[dict[str, Any]]:
    """Yields one row for each raw data asset."""
    for raw, fused in _pairs(tables):
        config = answers[raw.id]
        yield {
            "name": fused.name if fused else raw.name,
            "raw_name": raw.name,
            "processed": fused is not None,
            "raw_link": f"{_VIEWER}{raw.at(config)}" if config else None,
            "fused_link": f"{_VIEWER}{fused.location}" if fused and fused.location else None,
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
            reads=("source_data.name", "source_data.processing_time", "asset_basics.name"),
            rule=(
                "Of the data assets that name the raw one as a source and have fused in their "
                "name, in any case, the one with the latest processing_time counts, and of equal "
                "ones the last by name. One without a time comes before all others, and one that "
                "has no document counts for nothing."
            ),
            example="While only `exaSPIM_1_flatfield` was made from `exaSPIM_1`: `exaSPIM_1`.",
        ),
        Column(
            "raw_name",
            "string",
            "The raw data asset's name.",
            nullable=False,
            reads=(
                *("asset_basics.name", "asset_basics.data_level", "asset_basics.modalities"),
                *("asset_basics.instrument_id", "source_data.source_data"),
            ),
            rule=(
                "A data asset belongs when its level is raw, it has the modality SPIM, it names no "
                "source, and exa stands in its name or its instrument_id, in any case. Of several "
                "documents with one name the last modified counts."
            ),
            example="One with the instrument `exaspim-01` belongs, whatever its name.",
        ),
        Column(
            "processed",
            "bool",
            "Whether there is a fused data asset.",
            nullable=False,
            reads=("source_data.name", "source_data.source_data"),
            rule="True when there is a fused data asset, as name has it.",
            example="A raw data asset from which only a flatfield correction was made has false.",
        ),
        Column(
            "raw_link",
            "string",
            "Opens the raw image in Neuroglancer; null when the raw data asset has no file for it.",
            reads=("file:neuroglancer.json or process_output.json", "asset_basics.location"),
            rule=(
                f"{_VIEWER} and the URL of neuroglancer.json in the raw location, else of "
                "process_output.json. Which of them is there is asked again every night for 60 "
                "days after the document was made, then in one night of thirty."
            ),
            example=f"`s3://b/x` becomes `{_VIEWER}s3://b/x/neuroglancer.json`.",
        ),
        Column(
            "fused_link",
            "string",
            "Opens the fused image in Neuroglancer; null while nothing was fused.",
            reads=("asset_basics.location",),
            rule=f"{_VIEWER} and the location of the fused data asset, as its document has it.",
            example=f"`s3://b/x_fused` becomes `{_VIEWER}s3://b/x_fused`.",
        ),
    ),
)
