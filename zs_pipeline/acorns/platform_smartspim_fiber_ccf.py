"""platform_smartspim_fiber_ccf: where the fibers of stitched SmartSPIM data assets end.

The ends are annotated on the review page, as a metric of quality control for each fiber.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson

from zs_pipeline import implants, light_sheet, quality
from zs_pipeline.declaration import Acorn, ByDocument, Column, Expected, OfName, Read
from zs_pipeline.implants import IMPLANT_NAME, IMPLANT_STRUCTURE, Words, words_of
from zs_pipeline.shape.findings import NOTE, WARNING, Finding
from zs_pipeline.shape.values import number, parts, subject_of, text, time, trimmed

_TABLE = "platform_smartspim_fiber_ccf"
_SUFFIX = " ccf location"
_AXES = ("ap", "ml", "dv")
_METRIC = f"{quality.METRICS}[]"
_NAME, _VALUE, _HISTORY = (f"{_METRIC}.{key}" for key in ("name", "value", "status_history"))
# A whole number that each of int64 and float64 can hold.
_LARGEST = 2**53


class _Annotation(NamedTuple):
    """The metric that says where a fiber ends, and the entry of its history that counts."""

    metric: Mapping[str, Any]
    entry: Mapping[str, Any]


@dataclass
class _Fibers:
    """The fibers of a document, by the words of their names, with their annotations.

    Attributes:
        names: Their names, as the first implant of each has it.
        structures: The targeted structures of the implants of each.
        annotations: The annotation of each that has one, also of those that are not implanted.
        choices: The choices between readings.
    """

    names: dict[Words, str] = field(default_factory=dict)
    structures: dict[Words, set[str | None]] = field(default_factory=dict)
    annotations: dict[Words, _Annotation] = field(default_factory=dict)
    choices: list[Finding] = field(default_factory=list)

    def choose(
        self, path: str, column: str, reason: str, *readings: Any, severity: str = WARNING
    ) -> None:
        """Add a choice, with the reading that is taken and the other one."""
        taken, other = (*readings, None, None)[:2]
        self.choices.append(Finding(path, f"{_TABLE}.{column}", reason, taken, other, severity))


def rows(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yields one row for each implanted fiber of a stitched SmartSPIM data asset."""
    fibers = _read(document)
    for words, fiber in fibers.names.items():
        structures = fibers.structures[words]
        annotation = fibers.annotations.get(words) or _Annotation({}, {})
        metric, entry = annotation.metric, annotation.entry
        along = _location(metric.get("value"))
        yield {
            "subject_id": subject_of(document),
            "name": text(document.get("name")),
            "fiber": fiber,
            "targeted_structure": next(iter(structures)) if len(structures) == 1 else None,
            **{axis: _index(along.get(axis)) for axis in _AXES},
            **light_sheet.status_of(entry),
            "ccf_link": text(metric.get("reference")),
        }


def findings(document: dict[str, Any]) -> Iterator[Finding]:
    """Yields the choices between readings, and annotations that are in no row."""
    fibers = _read(document)
    for words, structures in fibers.structures.items():
        if len(structures) > 1:
            reason = "differs between implants of one name, so that the structure is null"
            both = f"{fibers.names[words]}: {', '.join(sorted(s or 'none' for s in structures))}"
            fibers.choose(IMPLANT_STRUCTURE, "targeted_structure", reason, None, both)
    for words, annotation in fibers.annotations.items():
        metric = annotation.metric
        if words not in fibers.names:
            reason = "names no fiber that was implanted, so that it is in no row"
            fibers.choose(_NAME, "fiber", reason, None, text(metric.get("name")))
        value = metric.get("value")
        location = _location(value)
        if not location and _is_given(_unwrapped(value)):
            fibers.choose(_VALUE, "ap", "has no AP, ML or DV, which are null", None, value)
        for axis, given in location.items():
            if _is_given(given) and _index(given) is None:
                reason = "is no index, which is a whole number from 0; null stands for it"
                fibers.choose(_VALUE, axis, reason, None, value)
    yield from fibers.choices


def _read(document: dict[str, Any]) -> _Fibers:
    fibers = _Fibers()
    name = text(document.get("name"))
    if not name or "stitched" not in name.lower():
        return fibers
    if not light_sheet.belongs(document, light_sheet.SMARTSPIM):
        return fibers
    for implant in implants.fibers(document):
        if implant.name is None:
            reason = "is not given for an implanted fiber, which is left out"
            fibers.choose(IMPLANT_NAME, "fiber", reason, None, trimmed(implant.structure))
            continue
        words = words_of(implant.name)
        fibers.names.setdefault(words, implant.name)
        structure = implants.structure(implant.structure)
        fibers.structures.setdefault(words, set()).add(structure)
    _add_annotations(fibers, document)
    return fibers


def _add_annotations(fibers: _Fibers, document: dict[str, Any]) -> None:
    """Add the annotation of each fiber; of several, the one with the latest status."""
    last = quality.last_time(document)
    for metric in parts(document, quality.METRICS):
        name = trimmed(metric.get("name")) or ""
        fiber = name[: -len(_SUFFIX)].strip()
        if not name.lower().endswith(_SUFFIX) or not fiber:
            continue
        new = _Annotation(metric, quality.chosen(metric.get("status_history"), last))
        known = fibers.annotations.setdefault(words_of(fiber), new)
        if known is not new:
            taken, other = sorted((known, new), key=_recency, reverse=True)
            if _recency(known) == _recency(new):
                taken, other = new, known
            fibers.annotations[words_of(fiber)] = taken
            reason = "occurs several times; the one with the latest status is taken"
            values = (taken.metric.get("value"), other.metric.get("value"))
            fibers.choose(_NAME, "ap", reason, *values, severity=NOTE)


def _recency(annotation: _Annotation) -> int:
    at = time(annotation.entry.get("timestamp"))
    return -1 if at is None else at


def _location(value: Any) -> dict[str, Any]:
    """Returns what is given along each axis; empty where the value names no axis."""
    written = _unwrapped(value)
    given: dict[str, Any] = {}
    for key, along in written.items() if isinstance(written, dict) else ():
        axis = key.strip().lower()
        if axis in _AXES and (given.get(axis) is None or key == axis.upper()):
            given[axis] = along
    return given


def _unwrapped(value: Any) -> Any:
    """Returns the object of a JSON text, and what was filled in of an object of a form."""
    for _ in range(2):
        if isinstance(value, str):
            try:
                value = orjson.loads(value.strip().removeprefix("json:"))
            except ValueError:
                return value
        if isinstance(value, dict):
            value = value.get("value", value)
    return value


def _is_given(value: Any) -> bool:
    """Returns False for null, and for what a form holds before it is filled in."""
    return value is not None and value != {} and not (isinstance(value, str) and not value.strip())


def _index(value: Any) -> int | None:
    """Returns an index of the volume, also one that is written as text; None for all else."""
    index = number(value)
    is_index = index is not None and index.is_integer() and 0 <= index < _LARGEST
    return int(index) if index is not None and is_index else None


def _along(axis: str, meaning: str) -> Column:
    return Column(
        axis,
        "int64",
        f"Where the fiber ends, {meaning}: the index along {axis.upper()} in the volume of 25 µm "
        "that is aligned to the atlas CCFv3; null until it is annotated.",
        reads=(_NAME, _VALUE),
        rule=(
            f"The {axis.upper()} of the value of the metric whose name is the fiber's and CCF "
            "Location. The value is an object, or an object as JSON text, perhaps with json: "
            "before it, or one under the key value. A whole number from 0 counts, also one that "
            "is written as text; anything else is null, with a finding. Names are compared by "
            "their words, as in platform_fib. Of several metrics of one fiber the one with the "
            "latest status counts, and of equal ones the last."
        ),
        example='`{"AP": "210", "ML": 151, "DV": null}` has ap `210`, ml `151` and a null dv.',
    )


ACORN = Acorn(
    name=_TABLE,
    description=(
        "Where implanted fibers end in the brain's atlas, one row per stitched SmartSPIM data "
        "asset and fiber, as annotated in quality control. Join assets_smartspim.name on name, or "
        "platform_fib on fiber after asset_basics on subject_id."
    ),
    type="platform",
    key=(),
    order=("name", "fiber", *_AXES, "status_timestamp", "status", "targeted_structure"),
    kind=ByDocument(
        rows=rows,
        reuse=OfName("name"),
        reads=(
            *light_sheet.READS,
            *light_sheet.METRIC_READS,
            *implants.FIBER_READS,
            Read(f"{_METRIC}.reference", Expected.TEXT),
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
            "The stitched data asset's name.",
            nullable=False,
            reads=light_sheet.PLACES,
            rule=(
                "A data asset has rows when it has the modality SPIM, stitched stands in its name, "
                "and smartspim stands in its name or one of its instrument_ids, all in any case. "
                "All stitched ones have rows, not the latest alone, and so has each of several "
                "documents with one name."
            ),
            example="`SmartSPIM_990006_2026-04-01_10-00-00_stitched_2026-04-03_10-00-00` stays.",
        ),
        Column(
            "fiber",
            "string",
            "The fiber, by its implant's name.",
            nullable=False,
            reads=(IMPLANT_NAME,),
            rule=(
                "The name of each fiber that the surgeries of the document implanted, without "
                "outer blanks, whatever the surgery's date. Electrodes are no fibers. An implant "
                "without a name is left out, and an annotation of a fiber that was not implanted "
                "as well, each with a finding. Implants of one name have one row."
            ),
            example="`Fiber 0` stays; the metric `Fiber_0 CCF Location` is of it.",
        ),
        Column(
            "targeted_structure",
            "string",
            "Acronym of the brain structure that the implant was aimed at, such as ACB; null when "
            "not given or root.",
            reads=(IMPLANT_STRUCTURE,),
            rule=(
                "As in platform_fib, but null where that table has missing: `root`, what a form "
                "leaves in a field, and implants of one name that do not give the same structure, "
                "with a finding."
            ),
            example="`root` becomes null; `ORBl` stays `ORBl`.",
        ),
        _along("ap", "from front to back"),
        _along("ml", "from side to side"),
        _along("dv", "from top to bottom"),
        *light_sheet.status_columns(
            "annotation",
            "The latest status of the annotation: Pass, Fail or Pending; null without one.",
        ),
        Column(
            "ccf_link",
            "string",
            "Opens the volume in which the fiber was annotated, in Neuroglancer.",
            reads=(f"{_METRIC}.reference",),
            rule="The reference of the metric of the fiber, as it is written.",
            example="`https://allen.neuroglass.io/new#!s3://aind-open-data/x/y.json` stays.",
        ),
    ),
)
