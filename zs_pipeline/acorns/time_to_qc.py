"""time_to_qc: when a derived data asset was processed, and when its quality control was done."""

from collections.abc import Iterator
from typing import Any

from zs_pipeline import quality, zones
from zs_pipeline.acorns.source_data import DERIVED_READS, is_derived
from zs_pipeline.declaration import Acorn, ByDocument, Column, Expected, OfName, Read
from zs_pipeline.shape.findings import Finding
from zs_pipeline.shape.values import part, parts, text, time

_PROCESSES = "processing.data_processes"
_END = f"{_PROCESSES}[].end_date_time"
_DONE = (quality.PASS, quality.FAIL)


def rows(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yields the row of a derived data asset with quality control."""
    name = text(document.get("name"))
    has_control = part(document, "quality_control") is not None
    if name is not None and has_control and is_derived(document):
        yield {
            "name": name,
            "process_end_time": _process_end(document),
            "qc_time": _control_time(document),
        }


def findings(document: dict[str, Any]) -> Iterator[Finding]:
    """Yields a finding for each end of a process of a derived data asset without a zone.

    asset_basics has those of the starts, and quality_control those of the entries. assets_smartspim
    reads the ends as well.
    """
    if is_derived(document):
        for process in parts(document, _PROCESSES):
            end = process.get("end_date_time")
            yield from zones.naive(_END, "time_to_qc.process_end_time", end)


def _process_end(document: dict[str, Any]) -> int | None:
    """Returns the latest end of a data process; a process without an end counts by its start."""
    times = (
        (time(process.get("end_date_time")), time(process.get("start_date_time")))
        for process in parts(document, _PROCESSES)
    )
    ends = (start if end is None else end for end, start in times)
    return max((end for end in ends if end is not None), default=None)


def _control_time(document: dict[str, Any]) -> int | None:
    """Returns the latest time of a metric's status; None while a metric is pending."""
    last = quality.last_time(document)
    entries = [
        quality.chosen(metric.get("status_history"), last)
        for metric in parts(document, quality.METRICS)
    ]
    if not all(text(entry.get("status")) in _DONE for entry in entries):
        return None
    times = (time(entry.get("timestamp")) for entry in entries)
    return max((at for at in times if at is not None), default=None)


ACORN = Acorn(
    name="time_to_qc",
    description=(
        "When derived data assets were processed and when their quality control was done, one row "
        "per document of a derived data asset with quality control. Join asset_basics.name on name."
    ),
    type="metadata",
    key=(),
    order=("name", "process_end_time", "qc_time"),
    kind=ByDocument(
        rows=rows,
        reuse=OfName("name"),
        findings=findings,
        reads=(
            *DERIVED_READS,
            Read(f"{_PROCESSES}[].start_date_time", Expected.TIME),
            Read(_END, Expected.TIME),
            Read("quality_control", Expected.PRESENCE),
            Read(f"{quality.METRICS}[].status_history", Expected.LIST, whole=True),
        ),
    ),
    columns=(
        Column(
            "name",
            "string",
            "The derived data asset's name.",
            nullable=False,
            reads=("name", "data_description.source_data", "data_description.data_level"),
            rule=(
                "A data asset is derived as in source_data: it names a source, or its level is "
                "derived. One without the core file quality_control has no row."
            ),
            example="`behavior_901003_2024-10-21_13-02-48_processed_2024-10-22_08-00-00` stays.",
        ),
        Column(
            "process_end_time",
            "time",
            "When the last data process ended.",
            reads=(_END, f"{_PROCESSES}[].start_date_time"),
            rule=(
                "The latest end of all data processes, wherever it stands in the list; a process "
                "without an end, or with one that cannot be read, counts by its start. A time "
                "without a zone is UTC, and a finding; null is left where no time can be read."
            ),
            example="`2024-02-01 12:00:00-08:00` becomes 20:00 UTC of that day.",
        ),
        Column(
            "qc_time",
            "time",
            "When the last metric got its status; null while any metric is pending.",
            reads=(
                f"{quality.METRICS}[].status_history[].timestamp",
                f"{quality.METRICS}[].status_history[].status",
                "_last_modified",
            ),
            rule=(
                "Of each metric, curation metrics included, the entry counts that holds its status "
                "in quality_control, and the latest of their times is taken. Null when a metric "
                "has another status than Pass and Fail, or none, and where no metric has a time."
            ),
            example="Metrics that passed on 2 and 5 May give 5 May; a Pending one gives null.",
        ),
    ),
)
