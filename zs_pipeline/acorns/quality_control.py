"""quality_control: every QC metric of every document, one partition for each subject."""

from collections.abc import Iterator, Mapping
from typing import Any

from zs_pipeline.declaration import Acorn, ByKey, Column, Expected, Read
from zs_pipeline.fields import json_text, part, parts, text, time
from zs_pipeline.tags import spellings


def rows(document: dict[str, Any], basics: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """One row for each metric, in the document's order; curation metrics are another thing."""
    for metric in parts(document, "quality_control.metrics"):
        if metric.get("object_type") == "Curation metric":
            continue
        history = metric.get("status_history")
        last = history[-1] if isinstance(history, list) and history else None
        yield {
            "name": text(metric.get("name")),
            "stage": text(metric.get("stage")),
            "modality": text(part(metric, "modality.abbreviation")),
            "value": json_text(metric.get("value")),
            "status": text(part(last, "status")),
            "asset_name": basics["name"],
            "subject_id": basics["subject_id"],
            "timestamp": basics["acquisition_start_time"],
            "tags": spellings(metric.get("tags")),
            "reference": text(metric.get("reference")),
            "evaluator": text(part(last, "evaluator")),
            "status_timestamp": time(part(last, "timestamp")),
            "status_history": json_text(history),
        }


ACORN = Acorn(
    name="quality_control",
    description=(
        "Quality control metrics, one row per metric of a data asset, in one file per subject. "
        "Join asset_basics.name on asset_name."
    ),
    type="asset",
    folder="qc",
    key=(),
    order=("timestamp", "asset_name"),
    kind=ByKey(
        key="subject_id",
        rows=rows,
        basics=("name", "subject_id", "acquisition_start_time"),
        reads=(
            Read("quality_control.metrics[].object_type", Expected.TEXT),
            Read("quality_control.metrics[].name", Expected.TEXT),
            Read("quality_control.metrics[].stage", Expected.TEXT),
            Read("quality_control.metrics[].modality.abbreviation", Expected.TEXT),
            Read("quality_control.metrics[].value", Expected.ANYTHING),
            Read("quality_control.metrics[].status_history", Expected.LIST, whole=True),
            Read("quality_control.metrics[].status_history[].status", Expected.TEXT),
            Read("quality_control.metrics[].status_history[].evaluator", Expected.TEXT),
            Read("quality_control.metrics[].status_history[].timestamp", Expected.TIME),
            Read("quality_control.metrics[].tags", Expected.OBJECT_OR_LIST, whole=True),
            Read("quality_control.metrics[].tags[]", Expected.TEXT),
            Read("quality_control.metrics[].reference", Expected.TEXT),
        ),
    ),
    columns=(
        Column("name", "string", "The metric's name."),
        Column("stage", "string", "What was evaluated: Raw data, Processing or Analysis."),
        Column("modality", "string", "Abbreviation of the kind of data that was evaluated."),
        Column(
            "value",
            "string",
            "The metric's value: a text as it is, everything else as JSON text; null when there "
            "is none. Most values are objects with value, options, status and type.",
        ),
        Column("status", "string", "The latest status: Pass, Fail or Pending; null when none."),
        Column("asset_name", "string", "The data asset's name."),
        Column("subject_id", "string", "The animal, always as text."),
        Column("timestamp", "time", "When the data asset's acquisition began."),
        Column(
            "tags",
            "[string]",
            "The metric's tags: key:value where the document has keys, the bare tag where not.",
        ),
        Column("reference", "string", "Where the figure or link that shows the metric lies."),
        Column("evaluator", "string", "Who gave the latest status."),
        Column("status_timestamp", "time", "When the latest status was given."),
        Column("status_history", "string", "All statuses, oldest first, as JSON text."),
    ),
)
