"""qc_tag_status: the QC status of each tag, modality and stage, one partition for each subject."""

from collections.abc import Iterator
from typing import Any

from zs_client.contract import Acorn, Column
from zs_pipeline.fields import part, text


def rows(document: dict[str, Any], basics: dict[str, Any]) -> Iterator[dict[str, Any]]:
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
    partition="subject_id",
    key=(),
    inputs=("documents", "asset_basics"),
    basics=("name", "subject_id", "acquisition_start_time"),
    order=("timestamp", "asset_name"),
    rows=rows,
    fields=("quality_control.status",),
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
