"""qc_tag_status: the QC status of each tag, modality and stage, one partition for each subject."""

from collections.abc import Iterator, Mapping
from typing import Any

from zs_pipeline import quality
from zs_pipeline.declaration import Acorn, ByKey, Column
from zs_pipeline.shape.values import text


def rows(document: dict[str, Any], basics: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yields one row for each tag, modality and stage of the document's metrics."""
    for key, status in quality.keys(document, quality.evaluate(document)).items():
        yield {
            "tag": text(key),
            "status": status,
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
        reads=quality.STATUS_READS,
        findings=quality.key_findings,
    ),
    columns=(
        Column(
            "tag",
            "string",
            "A tag (key:value, or bare in older documents), a modality's abbreviation or a stage.",
            reads=quality.KEY_PLACES,
            rule=f"{quality.KEY_RULE} Tags come first, then modalities, then stages, each in the "
            "order of the metrics.",
            example=quality.KEY_EXAMPLE,
        ),
        Column(
            "status",
            "string",
            "Pass, Fail or Pending, computed from the latest statuses of the metrics that carry "
            "the key.",
            reads=quality.STATUS_PLACES,
            rule=quality.STATUS_RULE,
            example=quality.STATUS_EXAMPLE,
        ),
        *quality.OWNER,
        Column(
            "timestamp",
            "time",
            "When the data asset's acquisition began.",
            reads=("asset_basics.acquisition_start_time",),
            rule="The start in asset_basics is taken. It is null for a data asset without an "
            "acquisition. Rows are ordered by it, then by asset_name, then as the column tag says.",
            example="`2025-09-26 12:57:44-07:00` becomes `2025-09-26 19:57:44` UTC.",
        ),
    ),
)
