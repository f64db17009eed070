"""The fibers that the surgeries of a document implanted, with the targets of each.

Which implants count, and which structure is taken of several, is decided by their readers.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from zs_pipeline.declaration import Expected, Read
from zs_pipeline.shape.findings import WARNING, Finding
from zs_pipeline.shape.values import number, part, parts, text, trimmed

_PROCEDURES = "procedures"
_SURGERY = f"{_PROCEDURES}.subject_procedures[]"
_IMPLANT = f"{_SURGERY}.procedures[]"
STRUCTURE = "primary_targeted_structure.acronym"
# The second name came with schema 2.2 of procedures, where the first stays beside it as a copy.
_SYSTEMS = ("global_coordinate_system", "coordinate_system")

SURGERY_DATE = f"{_SURGERY}.start_date"
IMPLANT_NAME = f"{_IMPLANT}.implanted_device.name"
IMPLANT_STRUCTURE = f"{_IMPLANT}.device_config.{STRUCTURE}"
_TRANSFORM = f"{_IMPLANT}.device_config.transform[]"
TRANSFORM_KIND = f"{_TRANSFORM}.object_type"
TRANSLATION = f"{_TRANSFORM}.translation"
_REFERENCE = f"{_TRANSFORM}.reference_coordinate_system"
SYSTEMS = tuple(f"{place}.{key}" for place in (_SURGERY, _PROCEDURES) for key in _SYSTEMS)

FIBER_READS = (
    Read(f"{_IMPLANT}.object_type", Expected.TEXT),
    Read(IMPLANT_NAME, Expected.TEXT),
    Read(f"{_IMPLANT}.implanted_device.object_type", Expected.TEXT),
    Read(IMPLANT_STRUCTURE, Expected.TEXT),
)
READS = (
    Read(SURGERY_DATE, Expected.DATE),
    *FIBER_READS,
    Read(TRANSFORM_KIND, Expected.TEXT),
    Read(TRANSLATION, Expected.LIST),
    Read(f"{TRANSLATION}[]", Expected.NUMBER),
    Read(_REFERENCE, Expected.TEXT),
    *(
        read
        for system in SYSTEMS
        for read in (
            Read(f"{system}.name", Expected.TEXT),
            Read(f"{system}.origin", Expected.OBJECT_OR_TEXT),
            Read(f"{system}.origin.name", Expected.TEXT),
            Read(f"{system}.axis_unit", Expected.TEXT),
            Read(f"{system}.axes[].name", Expected.TEXT),
        )
    ),
)

# Texts that a form leaves in a field. `NA` is none of them: it may be noradrenaline.
PLACEHOLDER = re.compile(
    r"n/a|none|null|nan|select(\.\.\.|…)?|unknown|tbd|-|missing", re.IGNORECASE
)
# The words of a name identify a device: `Fiber_0`, `Fiber 0` and `fiber-0` are the same device.
Words = tuple[str, ...]

_WORD = re.compile(r"[^\W\d_]+|\d+")
_AXES = ("ap", "ml", "si", "depth")


class Target(NamedTuple):
    """The coordinate at which an implant was aimed, in the unit and system of its surgery.

    Attributes:
        ap: The value along the axis AP.
        ml: The value along the axis ML.
        si: The value along the axis SI.
        depth: The value along the axis Depth.
        system: The name of the coordinate system.
        origin: The origin of the coordinate system.
        unit: The unit of its axes.
    """

    ap: float | None = None
    ml: float | None = None
    si: float | None = None
    depth: float | None = None
    system: str | None = None
    origin: str | None = None
    unit: str | None = None


NO_TARGET = Target()


@dataclass(frozen=True, slots=True)
class FiberImplant:
    """An implanted fiber.

    Attributes:
        name: The fiber's name, without blanks around it.
        structure: What the document holds for the acronym of the targeted structure.
        operated: What the document holds for the date of the surgery.
        target: The target coordinate; all null where it cannot be known.
        doubt: Why the coordinate cannot be known, where the document gives a translation.
    """

    name: str | None
    structure: Any
    operated: Any
    target: Target = NO_TARGET
    doubt: Finding | None = None


def fibers(document: Mapping[str, Any]) -> Iterator[FiberImplant]:
    """Yields the fiber implants of all surgeries, in order."""
    general = _system(part(document, _PROCEDURES))
    for surgery in parts(document, f"{_PROCEDURES}.subject_procedures"):
        # The schema asks for a surgery's own system only where it differs from that of all.
        system = _system(surgery) or general
        for implant in parts(surgery, "procedures"):
            if implant.get("object_type") != "Probe implant":
                continue
            # An electrode is implanted as a probe, too.
            kind = text(part(implant, "implanted_device.object_type")) or "Fiber probe"
            if "fiber" not in kind.lower():
                continue
            target, doubt = _target(list(parts(implant, "device_config.transform")), system)
            yield FiberImplant(
                trimmed(part(implant, "implanted_device.name")),
                part(implant, f"device_config.{STRUCTURE}"),
                surgery.get("start_date"),
                target,
                doubt,
            )


def words_of(name: str) -> Words:
    """Returns the words of a name; the name itself where the name has no words."""
    return tuple(_WORD.findall(name.lower().replace("fibre", "fiber"))) or (name,)


def structure(acronym: Any) -> str | None:
    """Returns a targeted structure; None for root, the whole brain, and for what a form leaves."""
    written = trimmed(acronym)
    if written is None or written.casefold() == "root" or PLACEHOLDER.fullmatch(written):
        return None
    return written


def _system(holder: Any) -> dict[str, Any]:
    """Returns the coordinate system of a surgery, or of all procedures; empty where none is."""
    systems = (part(holder, key) for key in _SYSTEMS)
    return next((system for system in systems if isinstance(system, dict) and system), {})


def _target(steps: list[dict[str, Any]], system: dict[str, Any]) -> tuple[Target, Finding | None]:
    """Returns the target coordinate, or why it is null though there is a transform."""
    if not steps:
        return NO_TARGET, None
    kinds = [text(step.get("object_type")) for step in steps]
    if kinds.count("Translation") != 1 or not {*kinds} <= {"Translation", "Rotation"}:
        return _doubt(TRANSFORM_KIND, "is not one translation, with or without rotations", kinds)
    step = steps[kinds.index("Translation")]
    reference = text(step.get("reference_coordinate_system"))
    if reference not in (None, "global"):
        return _doubt(_REFERENCE, "is not the system of the surgery", reference)
    values, axes = step.get("translation"), system.get("axes")
    if not isinstance(values, list) or not isinstance(axes, list) or len(values) != len(axes):
        return _doubt(TRANSLATION, "has not one value for each axis of the surgery", values)
    names = [(trimmed(part(axis, "name")) or "").lower() for axis in axes]
    ap, ml, si, depth = (
        number(values[names.index(axis)]) if names.count(axis) == 1 else None for axis in _AXES
    )
    origin = system.get("origin")
    target = Target(
        *(ap, ml, si, depth),
        text(system.get("name")),
        text(origin.get("name") if isinstance(origin, dict) else origin),
        text(system.get("axis_unit")),
    )
    if any(names.count(axis) == 1 for axis in _AXES):
        return target, None
    # The schema also has the axes X, Y and Z.
    _, doubt = _doubt(TRANSLATION, "is along none of the axes AP, ML, SI and Depth", values)
    return target, doubt


def _doubt(path: str, reason: str, other: Any) -> tuple[Target, Finding]:
    reason = f"{reason}, so that the target coordinate is null"
    return NO_TARGET, Finding(
        path, "platform_fib.target_coordinate_ap", reason, None, other, WARNING
    )
