"""platform_smartspim_qc_metrics: the standard metrics of derived light-sheet data assets.

All metrics, these among them, stand in quality_control.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from zs_pipeline import light_sheet, quality
from zs_pipeline.acorns.source_data import DERIVED_READS, is_derived
from zs_pipeline.declaration import Acorn, ByDocument, Column, Expected, OfName, Read
from zs_pipeline.shape.findings import WARNING, Finding
from zs_pipeline.shape.values import parts, subject_of, text, trimmed

_TABLE = "platform_smartspim_qc_metrics"
_STANDARD = (
    "Image and tissue quality",
    "Tissue perfusion",
    "Flatfield correction",
    "Image destriping",
    "Image stitching",
)
_NAMES = frozenset(name.lower() for name in _STANDARD)
_BRIGHTNESS = " brightness"
_METRIC = f"{quality.METRICS}[]"
_NAME, _TAGS, _HISTORY = (f"{_METRIC}.{key}" for key in ("name", "tags", "status_history"))


def rows(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yields one row for each standard metric of a derived light-sheet data asset."""
    last = quality.last_time(document)
    for metric in _metrics(document):
        entry = quality.chosen(metric.get("status_history"), last)
        value, _ = quality.value_of(_filled_in(metric.get("value")))
        yield {
            "subject_id": subject_of(document),
            "name": text(document.get("name")),
            "metric_name": text(metric.get("name")),
            "channel": _tagged(metric) or _named(metric),
            "stage": text(metric.get("stage")),
            "value": value,
            **light_sheet.status_of(entry),
        }


def findings(document: dict[str, Any]) -> Iterator[Finding]:
    """Yields a finding for each channel that stands in a metric's name and tags and differs."""
    for metric in _metrics(document):
        tagged, named = _tagged(metric), _named(metric)
        if tagged and named and tagged != named:
            reason = "has another channel than the metric's name; the tag's is taken"
            yield Finding(_TAGS, f"{_TABLE}.channel", reason, tagged, named, WARNING)


def _metrics(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yields the standard metrics; none for other documents than derived light-sheet ones."""
    if text(document.get("name")) is None or not is_derived(document):
        return
    if not light_sheet.belongs(document, light_sheet.SMARTSPIM, light_sheet.EXASPIM):
        return
    for metric in parts(document, quality.METRICS):
        name = (trimmed(metric.get("name")) or "").lower()
        is_standard = name in _NAMES or name.endswith(_BRIGHTNESS)
        if is_standard and metric.get("object_type") != quality.CURATION:
            yield metric


def _filled_in(value: Any) -> Any:
    """Returns what was filled in of an object of a form, which also holds the choices."""
    return value.get("value", value) if isinstance(value, dict) else value


def _tagged(metric: Mapping[str, Any]) -> str | None:
    """Returns the channel of a metric's tags; None without one, and for tags in a list."""
    tags = metric.get("tags")
    by_key = tags.items() if isinstance(tags, dict) else ()
    return next(
        filter(None, (trimmed(tag) for key, tag in by_key if key.lower() == "channel")), None
    )


def _named(metric: Mapping[str, Any]) -> str | None:
    """Returns the channel in the name of a metric of brightness."""
    name = trimmed(metric.get("name")) or ""
    return trimmed(name[: -len(_BRIGHTNESS)]) if name.lower().endswith(_BRIGHTNESS) else None


ACORN = Acorn(
    name=_TABLE,
    description=(
        "The standard metrics of quality control of derived SmartSPIM and exaSPIM data assets, one "
        "row per metric: the quality of image and tissue, perfusion, flatfield correction, "
        "destriping, stitching, and the brightness of each channel. Join asset_basics.name on name."
    ),
    type="platform",
    key=(),
    order=(
        *("name", "metric_name", "channel", "stage", "status_timestamp", "value"),
        *("status", "evaluator"),
    ),
    kind=ByDocument(
        rows=rows,
        reuse=OfName("name"),
        reads=(
            *light_sheet.READS,
            *light_sheet.METRIC_READS,
            *DERIVED_READS,
            Read(f"{_METRIC}.object_type", Expected.TEXT),
            Read(f"{_METRIC}.stage", Expected.TEXT),
            Read(_TAGS, Expected.OBJECT_OR_LIST, whole=True),
        ),
        findings=findings,
    ),
    columns=(
        Column(
            "subject_id",
            "string",
            "The animal, always as text.",
            reads=("subject.subject_id", "data_description.subject_id"),
            rule="As in asset_basics.",
            example="The number `990006` becomes the text `990006`.",
        ),
        Column(
            "name",
            "string",
            "The derived data asset's name.",
            nullable=False,
            reads=(
                *light_sheet.PLACES,
                "data_description.source_data",
                "data_description.data_level",
            ),
            rule=(
                "A data asset has rows when it is derived as in source_data, has the modality "
                "SPIM, and smartspim or exa stands in its name or one of its instrument_ids, in "
                "any case. A derived data asset that inherits the metrics of its source has rows "
                "of them as well, and so has each of several documents with one name."
            ),
            example="`SmartSPIM_990006_2026-04-01_10-00-00_stitched_2026-04-03_10-00-00` stays.",
        ),
        Column(
            "metric_name",
            "string",
            "The metric's name.",
            nullable=False,
            reads=(_NAME, f"{_METRIC}.object_type"),
            rule=(
                f"A metric is standard when it is called {', '.join(_STANDARD)}, or its name ends "
                "with brightness, in any case. The name is taken as it is written. Metrics whose "
                "object_type is `Curation metric` have no row."
            ),
            example="`Image stitching` has a row; `Dataset neuroglancer link` has none.",
        ),
        Column(
            "channel",
            "string",
            "The channel that was evaluated, such as Ex_488_Em_525; null for a metric of all.",
            reads=(_TAGS, _NAME),
            rule=(
                "The tag with the key channel, in any case; else what stands before brightness in "
                "the name. Tags in a list (schema 2.1.1 and before) have no key. Where both are "
                "there and differ, the tag's, with a finding."
            ),
            example="`Ex_488_Em_525 brightness` without a tag has `Ex_488_Em_525`.",
        ),
        Column(
            "stage",
            "string",
            "What was evaluated: Raw data, Processing, Analysis or Multi-asset.",
            reads=(f"{_METRIC}.stage",),
            rule="The stage is taken as it is written.",
            example="`Raw data` stays `Raw data`.",
        ),
        Column(
            "value",
            "string",
            "What was measured or chosen: a text as it is, everything else as JSON text; null when "
            "there is none. quality_control has the whole value, with its choices.",
            reads=(f"{_METRIC}.value",),
            rule=(
                "Of an object with the key value what stands there, else the whole value; then as "
                "in quality_control."
            ),
            example='`{"value": "Good", "options": ["Good", "Seams"]}` becomes `Good`, and the '
            "number `0.75` becomes `0.75`.",
        ),
        *light_sheet.status_columns(
            "metric", "The latest status: Pass, Fail or Pending; null when none."
        ),
    ),
)
