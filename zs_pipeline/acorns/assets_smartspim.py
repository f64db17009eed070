"""assets_smartspim: SmartSPIM data assets with their channels and the links to look at them.

Which raw data asset belongs, and which stitched one to it, is decided in `zs_pipeline.lineage`.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from zs_pipeline.declaration import (
    Acorn,
    Column,
    Document,
    Expected,
    FromSideFiles,
    Read,
    TableRead,
    Tables,
)
from zs_pipeline.fields import part, parts, text, time
from zs_pipeline.files import Entry, Files, NotThere, OtherShape, Question
from zs_pipeline.lineage import COLUMNS, SOURCES, DataAsset, pairs

_VIEWER = "https://allen.neuroglass.io/new#!"
_CONFIG = "neuroglancer_config.json"
_SEGMENTATION = "image_cell_segmentation"
_OLD_LINK = re.compile(r"(?<!/SPIM)/derivatives/")
_RAW_LINK, _CHANNELS = "raw_link", "channels"


def questions(tables: Tables) -> list[Question]:
    """The link of each raw data asset, and the channels of each one's stitched data asset."""
    found: dict[str, Question] = {}
    for raw, stitched in _pairs(tables):
        found[raw.id] = raw.question(_RAW_LINK)
        if stitched:
            found[stitched.id] = stitched.question(_CHANNELS)
    return list(found.values())


def _pairs(tables: Tables) -> list[tuple[DataAsset, DataAsset | None]]:
    return pairs(tables["asset_basics"], tables["source_data"], "SPIM", "smartspim", "stitched")


def ask(files: Files, question: Question, _: Sequence[Entry]) -> object:
    """The link of a raw data asset, or the channels of a stitched one."""
    if question.about == _CHANNELS:
        channels = files.folder(question.location, _SEGMENTATION).folders
        if not channels:
            raise NotThere(f"{question.location}: has no segmented channels")
        return list(channels)
    key = f"SPIM/derivatives/{_CONFIG}"
    link = text(part(files.json(question.location, key), "ng_link"))
    if link is None:
        raise OtherShape(f"{question.location}/{key}: has no ng_link")
    return link


def rows(
    answers: Mapping[str, Any], tables: Tables, documents: Mapping[str, Document]
) -> Iterator[dict[str, Any]]:
    """One row for each data asset and channel."""
    for raw, stitched in _pairs(tables):
        link = answers[raw.id]
        institution = part(documents.get(raw.id), "data_description.institution.abbreviation")
        row = {
            "name": raw.name,
            "raw_name": raw.name,
            "processed": False,
            "institution": text(institution),
            "raw_link": None if link is None else _OLD_LINK.sub("/SPIM/derivatives/", link),
        }
        if stitched is None:
            yield row
            continue
        row |= {
            "name": stitched.name,
            "processed": True,
            "processing_end_time": _ended(documents.get(stitched.id)),
            "stitched_link": _link(stitched, _CONFIG),
            "alignment_link": _link(stitched, f"image_atlas_alignment/{_CONFIG}"),
        }
        for channel in answers[stitched.id] or (None,):
            shown = f"{channel}/visualization/{_CONFIG}"
            yield row | {
                "channel": channel,
                "segmentation_link": _link(stitched, f"{_SEGMENTATION}/{shown}")
                if channel
                else None,
                "quantification_link": _link(stitched, f"image_cell_quantification/{shown}")
                if channel
                else None,
            }


def _ended(document: Any) -> int | None:
    ends = (time(p.get("end_date_time")) for p in parts(document, "processing.data_processes"))
    return max((end for end in ends if end is not None), default=None)


def _link(stitched: DataAsset, path: str) -> str | None:
    address = stitched.at(path)
    return f"{_VIEWER}{address}" if address else None


_NO_CHANNEL = "null when no channel was segmented or nothing was stitched."

ACORN = Acorn(
    name="assets_smartspim",
    description=(
        "SmartSPIM data assets and where to look at them: one row per raw data asset and segmented "
        "channel, one row for one without channels, with the latest stitched data asset made from "
        "it. Join asset_basics.name on name or raw_name."
    ),
    type="metadata",
    key=("raw_name", "channel"),
    order=("raw_name", "channel"),
    kind=FromSideFiles(
        questions=questions,
        ask=ask,
        rows=rows,
        tables=(
            TableRead("asset_basics", ("_id", *COLUMNS)),
            TableRead("source_data", SOURCES),
        ),
        reads=(
            Read("data_description.institution.abbreviation", Expected.TEXT),
            Read("processing.data_processes[].end_date_time", Expected.TIME),
        ),
    ),
    columns=(
        Column(
            "name",
            "string",
            "The latest stitched data asset's name; the raw one's while nothing was stitched.",
            nullable=False,
        ),
        Column("raw_name", "string", "The raw data asset's name.", nullable=False),
        Column(
            "processed",
            "bool",
            "Whether there is a stitched data asset; the columns about it are null when not.",
            nullable=False,
        ),
        Column("institution", "string", "Abbreviation of the institution that acquired the data."),
        Column(
            "processing_end_time",
            "time",
            "When the last step of processing the stitched one ended.",
        ),
        Column("stitched_link", "string", "Opens the stitched image in Neuroglancer."),
        Column(
            "raw_link",
            "string",
            "Opens the raw image in Neuroglancer; null when the raw data asset has no such link.",
        ),
        Column("channel", "string", f"The channel, such as Ex_488_Em_525; {_NO_CHANNEL}"),
        Column(
            "segmentation_link", "string", f"Opens the channel's segmented cells; {_NO_CHANNEL}"
        ),
        Column("quantification_link", "string", f"Opens the channel's cell counts; {_NO_CHANNEL}"),
        Column("alignment_link", "string", "Opens the alignment to the atlas in Neuroglancer."),
    ),
)
