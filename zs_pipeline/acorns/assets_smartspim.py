"""assets_smartspim: SmartSPIM data assets with their channels and the links that show them.

`zs_pipeline.lineage` decides which raw data assets belong, and which stitched one to each.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from zs_pipeline import light_sheet, zones
from zs_pipeline.acorns.source_data import processing_time
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
from zs_pipeline.lineage import COLUMNS, SOURCES, DataAsset, pairs
from zs_pipeline.shape.findings import Finding
from zs_pipeline.shape.values import day, part, parts, text, time
from zs_pipeline.side_files import nights
from zs_pipeline.side_files.outcomes import Entry, NotThere, OtherShape, Question

if TYPE_CHECKING:
    from zs_pipeline.side_files.files import Files

_VIEWER = "https://allen.neuroglass.io/new#!"
_CONFIG = "neuroglancer_config.json"
_SEGMENTATION = "image_cell_segmentation"
_IN_CCF = "image_atlas_alignment/ccf_visualization"
_OLD_LINK = re.compile(r"(?<!/SPIM)/derivatives/")
_RAW_LINK, _CHANNELS = "raw_link", "channels"
_PROCESSES = "processing.data_processes"
_END = f"{_PROCESSES}[].end_date_time"


def questions(tables: Tables) -> list[Question]:
    """Returns a question for the link of each raw data asset, and for the stitched one's channels.

    Folders of channels are uploaded one after another into a data asset that is registered already.
    """
    by_id: dict[str, Question] = {}
    for raw, stitched in _pairs(tables):
        by_id[raw.id] = raw.question(_RAW_LINK, nights.growing(nights.date_of(raw.created)))
        if stitched:
            processed = day((processing_time(stitched.name) or "").partition("_")[0])
            since = processed or nights.date_of(stitched.created)
            by_id[stitched.id] = stitched.question(_CHANNELS, nights.growing(since))
    return list(by_id.values())


def _pairs(tables: Tables) -> list[tuple[DataAsset, DataAsset | None]]:
    return pairs(tables["asset_basics"], tables["source_data"], "SPIM", "smartspim", "stitched")


def ask(files: "Files", question: Question, _: Sequence[Entry]) -> object:
    """Returns the link of a raw data asset, or the channels of a stitched one."""
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
    """Yields one row for each data asset and channel."""
    for raw, stitched in _pairs(tables):
        link = answers[raw.id]
        institutions = (
            text(part(documents.get(one.id), "data_description.institution.abbreviation"))
            for one in (raw, stitched)
            if one is not None
        )
        row = {
            "name": raw.name,
            "raw_name": raw.name,
            "processed": False,
            "institution": next(filter(None, institutions), None),
            "raw_link": None if link is None else _OLD_LINK.sub("/SPIM/derivatives/", link),
        }
        if stitched is None:
            yield row
            continue
        row |= {
            "name": stitched.name,
            "processed": True,
            "processing_end_time": _processing_end(documents.get(stitched.id)),
            "stitched_link": _link(stitched, _CONFIG),
            "alignment_link": _link(stitched, f"image_atlas_alignment/{_CONFIG}"),
            "alignment_ccf_link": _link(stitched, f"{_IN_CCF}/{_CONFIG}"),
        }
        for channel in answers[stitched.id] or (None,):
            path = f"{channel}/visualization/{_CONFIG}"
            links = {
                "segmentation_link": _link(stitched, f"{_SEGMENTATION}/{path}"),
                "quantification_link": _link(stitched, f"image_cell_quantification/{path}"),
            }
            yield row | {"channel": channel} | (links if channel else {})


def _processing_end(document: Any) -> int | None:
    ends = (time(process.get("end_date_time")) for process in parts(document, _PROCESSES))
    return max((end for end in ends if end is not None), default=None)


def findings(document: Document) -> Iterator[Finding]:
    """Yields a finding for each end of a step of processing that has no zone."""
    is_stitched = "stitched" in (text(document.get("name")) or "").lower()
    if is_stitched and light_sheet.belongs(document, light_sheet.SMARTSPIM):
        for process in parts(document, _PROCESSES):
            end = process.get("end_date_time")
            yield from zones.naive(_END, "assets_smartspim.processing_end_time", end)


def _link(stitched: DataAsset, path: str) -> str | None:
    address = stitched.at(path)
    return f"{_VIEWER}{address}" if address else None


_LINK = f"{_VIEWER} and the location of the stitched data asset, without a slash at its end, then"
_RAW = "SmartSPIM_990006_2026-04-01_10-00-00"
_STITCHED = f"{_RAW}_stitched_2026-04-03_10-00-00"
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
            Read(_END, Expected.TIME),
        ),
        findings=findings,
    ),
    columns=(
        Column(
            "name",
            "string",
            "The latest stitched data asset's name; the raw one's while nothing was stitched.",
            nullable=False,
            reads=("source_data.name", "source_data.processing_time", "asset_basics.name"),
            rule=(
                "Of the data assets that name the raw one as a source and have stitched in their "
                "name, in any case, the one with the latest processing_time counts, and of equal "
                "ones the last by name. One without a time comes before all others, and one that "
                "has no document counts for nothing."
            ),
            example=f"`{_RAW}` with `{_STITCHED}` becomes `{_STITCHED}`.",
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
                "source, and smartspim stands in its name or its instrument_id, in any case. Of "
                "several documents with one name the last modified counts."
            ),
            example=(
                "One named `HCR_1` belongs with the instrument `440_SmartSPIM1_20250116`, not with "
                "`exaspim-01`."
            ),
        ),
        Column(
            "processed",
            "bool",
            "Whether there is a stitched data asset; the columns about it are null when not.",
            nullable=False,
            reads=("source_data.name", "source_data.source_data"),
            rule="True when there is a stitched data asset, as name has it.",
            example="A raw data asset from which only a flatfield correction was made has false.",
        ),
        Column(
            "institution",
            "string",
            "Abbreviation of the institution that acquired the data.",
            reads=("data_description.institution.abbreviation",),
            rule=(
                "The abbreviation in the raw data asset's document, as it is written; where that "
                "gives none, the one in the stitched data asset's."
            ),
            example="`AIND`.",
        ),
        Column(
            "processing_end_time",
            "time",
            "When the last step of processing the stitched one ended.",
            reads=(_END,),
            rule=(
                "The latest end in the stitched data asset's document, wherever it stands in the "
                "list. An end without a zone is UTC, with a finding; one that cannot be read "
                "counts for nothing."
            ),
            example="`2024-02-01 12:00:00-08:00` becomes 20:00 UTC of that day.",
        ),
        Column(
            "stitched_link",
            "string",
            "Opens the stitched image in Neuroglancer.",
            reads=("asset_basics.location",),
            rule=f"{_LINK} /{_CONFIG}. Whether that file is there is not looked at.",
            example=f"`s3://aind-open-data/x` becomes `{_VIEWER}s3://aind-open-data/x/{_CONFIG}`.",
        ),
        Column(
            "raw_link",
            "string",
            "Opens the raw image in Neuroglancer; null when the raw data asset has no such link.",
            reads=(f"file:ng_link in SPIM/derivatives/{_CONFIG} of the raw data asset",),
            rule=(
                "The text as it is written, but that /derivatives/ becomes /SPIM/derivatives/ "
                "where SPIM does not stand before it: the folder was moved. A file that is no JSON "
                "or has no ng_link gives null and a finding. The file is read again every night "
                "for 60 days after the document was made, then in one night of thirty."
            ),
            example="`…/x/derivatives/y.json` becomes `…/x/SPIM/derivatives/y.json`.",
        ),
        Column(
            "channel",
            "string",
            f"The channel, such as Ex_488_Em_525; {_NO_CHANNEL}",
            reads=(f"file:the folders under {_SEGMENTATION} of the stitched data asset",),
            rule=(
                "Each folder makes a row; without any there is one row, with null. Folders are "
                "uploaded one after another, so they are listed again every night for 60 days "
                "after the processing_time in the stitched one's name, then in one night of "
                "thirty; a name without such a time counts from when the document was made."
            ),
            example="A folder `Ex_488_Em_525` becomes `Ex_488_Em_525`.",
        ),
        Column(
            "segmentation_link",
            "string",
            f"Opens the channel's segmented cells; {_NO_CHANNEL}",
            reads=("asset_basics.location", "assets_smartspim.channel"),
            rule=f"{_LINK} /{_SEGMENTATION}/<channel>/visualization/{_CONFIG}.",
            example=(
                f"The channel `Ex_1` at `s3://b/x` becomes `{_VIEWER}s3://b/x/{_SEGMENTATION}"
                f"/Ex_1/visualization/{_CONFIG}`."
            ),
        ),
        Column(
            "quantification_link",
            "string",
            f"Opens the channel's cell counts; {_NO_CHANNEL}",
            reads=("asset_basics.location", "assets_smartspim.channel"),
            rule=(
                f"{_LINK} /image_cell_quantification/<channel>/visualization/{_CONFIG}. Whether "
                "cells were counted is not looked at."
            ),
            example=(
                f"The channel `Ex_1` at `s3://b/x` becomes `{_VIEWER}s3://b/x/"
                f"image_cell_quantification/Ex_1/visualization/{_CONFIG}`."
            ),
        ),
        Column(
            "alignment_link",
            "string",
            "Opens the alignment to the atlas in Neuroglancer.",
            reads=("asset_basics.location",),
            rule=(
                f"{_LINK} /image_atlas_alignment/{_CONFIG}. Whether that file is there is not "
                "looked at."
            ),
            example=f"`s3://b/x` becomes `{_VIEWER}s3://b/x/image_atlas_alignment/{_CONFIG}`.",
        ),
        Column(
            "alignment_ccf_link",
            "string",
            "Opens the image in the coordinates of the atlas (CCF) in Neuroglancer.",
            reads=("asset_basics.location",),
            rule=f"{_LINK} /{_IN_CCF}/{_CONFIG}. Whether that file is there is not looked at.",
            example=f"`s3://b/x` becomes `{_VIEWER}s3://b/x/{_IN_CCF}/{_CONFIG}`.",
        ),
    ),
)
