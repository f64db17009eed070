"""qc_tag_status: the QC status of each tag, modality and stage, one partition for each subject."""

from collections.abc import Iterator, Mapping
from typing import Any

from zs_pipeline.declaration import Acorn, ByKey, Column, Expected, Read
from zs_pipeline.fields import part, text


def rows(document: dict[str, Any], basics: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """One row for each key of the document's status, in its order."""
    statuses = part(document, "quality_control.status")
    if not isinstance(statuses, dict):
        return
    for tag, status in statuses.items():
        yield {
            "tag": text(tag),
            "status": text(status),
            "asset_name": basics["name"],
            "subject_id": basics["subject_id"],
            "timestamp": basics["acquisition_start_time"],
        }


ACORN = Acorn(
    name="qc_tag_status",
    description=(
        "Quality control status by tag, one row per data asset and status key, in one file per "
        "subject. A key is a tag, a modality's abbreviation or a stage. Join asset_basics.name on "
        "asset_name."
    ),
    type="asset",
    key=(),
    order=("timestamp", "asset_name"),
    kind=ByKey(
        key="subject_id",
        rows=rows,
        basics=("name", "subject_id", "acquisition_start_time"),
        reads=(
            Read("quality_control.status", Expected.OBJECT, whole=True),
            Read("quality_control.status{}", Expected.TEXT),
        ),
    ),
    columns=(
        Column(
            "tag",
            "string",
            "A tag (key:value, or bare in older documents), a modality's abbreviation or a stage.",
        ),
        Column("status", "string", "Pass, Fail or Pending."),
        Column("asset_name", "string", "The data asset's name."),
        Column("subject_id", "string", "The animal, always as text."),
        Column("timestamp", "time", "When the data asset's acquisition began."),
    ),
)
