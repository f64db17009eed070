"""quality_control: every QC metric of every document, one partition for each subject."""

from collections.abc import Iterator, Mapping
from typing import Any

from zs_pipeline import quality
from zs_pipeline.declaration import Acorn, ByKey, Column, Expected, Read
from zs_pipeline.shape.values import parts


def rows(document: dict[str, Any], basics: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yields one row for each metric but curation metrics, in the document's order."""
    last = quality.last_time(document)
    for metric in parts(document, quality.METRICS):
        if metric.get("object_type") == quality.CURATION:
            continue
        yield quality.metric_row(metric, basics, last)


_METRIC = quality.METRICS + "[]"
_HISTORY = f"{_METRIC}.status_history"
_CHOICE = (
    "The entry with the latest timestamp is taken, and of several with the same timestamp the "
    "later one in the list. If the timestamp of any entry is missing or cannot be read, the last "
    "entry in the list is taken. An entry dated more than a day after the document's "
    "_last_modified does not count, unless all entries are."
)

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
            Read("quality_control.metrics[].evaluated_assets[]", Expected.TEXT),
        ),
        findings=quality.metric_findings,
    ),
    columns=(
        Column(
            "name",
            "string",
            "The metric's name.",
            reads=(f"{_METRIC}.name",),
            rule="The name is taken as it is written. Metrics whose object_type is "
            "`Curation metric` have no row.",
            example="`probe drift` stays `probe drift`.",
        ),
        Column(
            "stage",
            "string",
            "What was evaluated: Raw data, Processing, Analysis or Multi-asset; the last one "
            "evaluates other data assets.",
            reads=(f"{_METRIC}.stage",),
            rule="The stage is taken as it is written.",
            example="`Raw data` stays `Raw data`.",
        ),
        Column(
            "modality",
            "string",
            "Abbreviation of the kind of data that was evaluated.",
            reads=(f"{_METRIC}.modality.abbreviation",),
            rule="The abbreviation is taken as it is written. It need not be among the modalities "
            "of the data asset.",
            example='`{"name": "Fiber photometry", "abbreviation": "fib"}` becomes `fib`.',
            identifies=True,
        ),
        Column(
            "value",
            "string",
            "The metric's value: a text as it is, everything else as JSON text; null when there "
            "is none. Most values are objects with value, options, status and type. The text 5 and "
            "the number 5 look alike here; value_type tells them apart.",
            reads=(f"{_METRIC}.value",),
            rule="A text stays as it is written, an empty one too. A number, a boolean, an object "
            "or a list becomes compact JSON text, with an object's keys in the document's order. "
            "Null stays null. NaN and infinities, which JSON cannot write, become null, and null "
            "inside an object or a list. An integer beyond 64 bits counts as a text.",
            example='`{"value": "", "type": "dropdown"}` becomes `{"value":"","type":"dropdown"}`, '
            "and the number `85.325` becomes `85.325`.",
        ),
        Column(
            "status",
            "string",
            "The latest status: Pass, Fail or Pending; null when none.",
            reads=(f"{_HISTORY}[].status", f"{_HISTORY}[].timestamp", "_last_modified"),
            rule=f"{_CHOICE} The status is taken as it is written.",
            example="`Pending` of 2026-04-02 and `Fail` of 2026-04-03 become `Fail`, in whichever "
            "order they are listed.",
        ),
        *quality.OWNER,
        Column(
            "timestamp",
            "time",
            "When the data asset's acquisition began.",
            reads=("asset_basics.acquisition_start_time",),
            rule="The start in asset_basics is taken. It is null for a data asset without an "
            "acquisition. Rows are ordered by it, then by asset_name, then by the metric's place "
            "in the document.",
            example="`2025-09-26 12:57:44-07:00` becomes `2025-09-26 19:57:44` UTC.",
        ),
        Column(
            "tags",
            "[string]",
            "The metric's tags: key:value where the document has keys, the bare tag where not.",
            reads=(f"{_METRIC}.tags",),
            rule="Each entry of an object becomes `key:value`; the tags of a list (schema 2.1.1 "
            "and before) are taken as they are written. Values that are no text become JSON text.",
            example='`{"probe": "A"}` becomes `["probe:A"]`, and `["Data length check"]` stays as '
            "it is.",
        ),
        Column(
            "reference",
            "string",
            "Where the figure or link that shows the metric lies.",
            reads=(f"{_METRIC}.reference",),
            rule="The reference is taken as it is written; an empty one becomes null.",
            example="`qc-raw/raw_traces.png` stays as it is.",
        ),
        Column(
            "evaluator",
            "string",
            "Who gave the latest status.",
            reads=(f"{_HISTORY}[].evaluator", f"{_HISTORY}[].timestamp", "_last_modified"),
            rule="The evaluator of the entry that holds the status is taken as it is written; an "
            "empty one becomes null.",
            example="`Automated` stays `Automated`.",
        ),
        Column(
            "status_timestamp",
            "time",
            "When the latest status was given.",
            reads=(f"{_HISTORY}[].timestamp", "_last_modified"),
            rule="The timestamp of the entry that holds the status is taken. One without a time "
            "zone counts as UTC; one that cannot be read becomes null.",
            example="`2025-02-22 19:20:26.439024-08:00` becomes `2025-02-23 03:20:26.439024` UTC.",
        ),
        Column(
            "status_history",
            "string",
            "All statuses, in the document's order, as JSON text.",
            reads=(_HISTORY,),
            rule="The whole history becomes compact JSON text, with the keys in the document's "
            "order. The entry that holds the status need not be the last.",
            example='`[{"status": "Pass"}]` becomes `[{"status":"Pass"}]`.',
        ),
        Column(
            "value_type",
            "string",
            "The type that the value has in the document: text, number, bool, object or list; null "
            "for null. The value is JSON text unless it is a text.",
            reads=(f"{_METRIC}.value",),
            rule="The type is that of JSON. NaN and infinities are numbers, whose value is null.",
            example="The text `5` is of type `text` and the number `5` of type `number`.",
        ),
        Column(
            "evaluated_assets",
            "[string]",
            "Names of the other data assets that a metric of stage Multi-asset evaluates; null for "
            "a metric that evaluates its own.",
            reads=(f"{_METRIC}.evaluated_assets",),
            rule="The names are taken as they are written; entries that are no text are left out.",
            example='`["990003_2026-06-01_10-00-00", "990004_2026-06-02_10-00-00"]` stays as it '
            "is, and null stays null.",
        ),
    ),
)
