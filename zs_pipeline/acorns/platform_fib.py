"""platform_fib: the fibers of fiber photometry data assets, with their patch cords and channels.

`zs_pipeline.photometry` decides which spellings mean one device, and which channel belongs to
which fiber.
"""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from zs_pipeline import arrow, implants, photometry
from zs_pipeline.declaration import Acorn, ByDocument, Column, OfName, Tables
from zs_pipeline.implants import NO_TARGET, Target
from zs_pipeline.photometry import MISSING
from zs_pipeline.shape.findings import Finding
from zs_pipeline.shape.values import text

_KEY = ("asset_name", "fiber", "patch_cord", "channel")
_VALUES = ("intended_measurement", "targeted_structure")
_TARGET = tuple(f"target_coordinate_{field}" for field in Target._fields)


def rows(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yields one row for each fiber and channel, and one row for a fiber without channels."""
    name = text(document.get("name"))
    setup = photometry.read(document)
    if name is None or setup is None:
        return
    measured = dict(setup.channels)
    with_channels = {fiber for fiber, _, _ in measured}
    for fiber in setup.fibers:
        if fiber.name not in with_channels:
            for cord in fiber.cords or (MISSING,):
                measured[fiber.name, cord, MISSING] = MISSING
    by_name = {fiber.name: fiber for fiber in setup.fibers}
    for (fiber_name, cord, channel), measurement in measured.items():
        known = by_name.get(fiber_name)
        yield {
            "asset_name": name,
            "fiber": fiber_name,
            "patch_cord": cord,
            "channel": channel,
            "intended_measurement": measurement,
            "targeted_structure": known.structure if known else MISSING,
            **dict(zip(_TARGET, known.target if known else NO_TARGET, strict=True)),
        }


def findings(document: dict[str, Any]) -> Iterator[Finding]:
    """Yields the choices between readings of a document, and what the document does not give."""
    setup = photometry.read(document)
    if setup:
        yield from setup.choices


def finish(table: pa.Table, _: Tables) -> pa.Table:
    """Returns the table with one row for each channel, where several documents have one name.

    The row with the fewest values `missing` stays, then the one with the fewest nulls.
    """
    counts = table.group_by(list(_KEY)).aggregate([([], "count_all")])
    if counts.num_rows == table.num_rows:
        return table
    best: dict[tuple[str, ...], tuple[Any, ...]] = {}
    for row in arrow.values(table, *_KEY, *_VALUES, *_TARGET):
        key = row[: len(_KEY)]
        # Independent of the order of rows, which is that of the shards.
        best[key] = min(best.get(key, row), row, key=_lack)
    names = (*_KEY, *_VALUES, *_TARGET)
    return arrow.table(ACORN, (dict(zip(names, row, strict=True)) for row in best.values()))


def _lack(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return row.count(MISSING), row.count(None), [(value is None, value or 0) for value in row]


_TARGET_PLACES = (
    implants.TRANSLATION,
    implants.TRANSFORM_KIND,
    *(f"{system}.axes[].name" for system in implants.SYSTEMS),
    implants.IMPLANT_NAME,
    implants.SURGERY_DATE,
)
_WITHOUT_TARGET = (
    "null when no implant is recorded or the fiber has two, and when the surgery does not say"
)


def _along(field: str, axis: str, meaning: str, example: str) -> Column:
    return Column(
        f"target_coordinate_{field}",
        "float64",
        f"{meaning} at which the implant was aimed, in target_coordinate_unit, as the surgery has "
        f"it; {_WITHOUT_TARGET}.",
        reads=_TARGET_PLACES,
        rule=(
            f"The value of the axis {axis}, in any case, in the translation of the fiber's "
            "implant, as written: neither its unit nor its sign is changed, and rotations are not "
            "applied. The axes are those of the surgery's coordinate system; where it has none, of "
            "that of all procedures, as the schema has it. Null where the translation has not one "
            "value for each axis, where there are several translations or a transform that is "
            "neither translation nor rotation, where it is not given along the axes of the "
            "surgery or those are none of the four, and where two implants have the fiber's name, "
            "each with a finding. A number "
            "in a text is read. A value that is no number is null, and the others stay. Implants "
            "of a surgery whose start_date is after acquisition_date do not count."
        ),
        example=example,
    )


def _of_system(field: str, key: str, description: str, rule: str, example: str) -> Column:
    return Column(
        f"target_coordinate_{field}",
        "string",
        f"{description} Null where there is no target coordinate.",
        reads=tuple(f"{system}.{key}" for system in implants.SYSTEMS),
        rule=rule,
        example=example,
    )


ACORN = Acorn(
    name="platform_fib",
    description=(
        "Fibers of fiber photometry data assets: one row per data asset, fiber and channel, with "
        "the patch cord between them, what the channel measures and where the fiber ends. The "
        "text missing stands for what is not given. Join asset_basics.name on asset_name."
    ),
    type="metadata",
    key=_KEY,
    order=_KEY,
    kind=ByDocument(
        rows=rows,
        reuse=OfName("asset_name"),
        finish=finish,
        reads=photometry.READS,
        findings=findings,
    ),
    columns=(
        Column(
            "asset_name",
            "string",
            "The data asset's name.",
            nullable=False,
            reads=("name", *photometry.MODALITIES),
            rule=(
                "The document's name, where the data description or a data stream has the modality "
                "fib. Documents of one name share their rows. A data asset that names neither a "
                "fiber nor a channel has no row, and a finding says so."
            ),
            example="`behavior_809487_2025-11-26_15-58-37` has twelve rows: four fibers with three "
            "channels each.",
        ),
        Column(
            "fiber",
            "string",
            "The fiber, by its implant's name; as the acquisition writes it when no implant is "
            "recorded; missing when the channel cannot be given to a fiber.",
            nullable=False,
            reads=(
                implants.IMPLANT_NAME,
                implants.SURGERY_DATE,
                photometry.PROBE_NAME,
                photometry.CONNECTED_FROM,
                photometry.CONNECTED_TO,
                f"{photometry.CHANNELS}.{photometry.NAME}",
                f"{photometry.ASSEMBLY_CHANNELS}.{photometry.NAME}",
            ),
            rule=(
                "Names are one where their words are: `Fiber 0` and `fiber-0` are the implant "
                "`Fiber_0`. Electrodes, which are implanted as probes too, are no fibers; what is "
                "configured as a probe and connected to a patch cord is one. An "
                "implant without a name is left out, with a finding; an implant of a surgery after "
                "the acquisition's date does not count. A channel belongs to the fiber to which "
                "its patch cord is connected, from either end, also where its name has another "
                "fiber, which is a finding. Where a patch cord serves several "
                "fibers, the channel's name says which; a channel that names none belongs to each. "
                "Where no connection names the patch cord, it belongs to the probe of an assembly "
                "with one probe and one patch cord; else the channel's name says which fiber it "
                "is, and a channel that names none has `missing`. A channel that names a fiber "
                "which is known and which no patch cord serves belongs to that fiber. Each channel "
                "that is given to a fiber in such a way is a finding."
            ),
            example="`Fiber 0` in a connection of `804434_2025-11-14_01-02-41` becomes `Fiber_0`, "
            "as its implant is called.",
        ),
        Column(
            "patch_cord",
            "string",
            "The patch cord; missing when the acquisition connects the fiber to none.",
            nullable=False,
            reads=(
                photometry.CORD_NAME,
                photometry.ASSEMBLY_CORD_NAME,
                photometry.CONNECTED_FROM,
                photometry.CONNECTED_TO,
            ),
            rule=(
                "The name in the patch cord's own configuration, or in the fiber assembly in which "
                "it stands; where a patch cord has neither, as connections write it. A patch cord "
                "without a name is `missing`. A fiber "
                "without a channel has a row for each patch cord that serves it. Detectors and "
                "light sources in connections are no patch cords."
            ),
            example="`Fiber 0` connected to `Patch Cord A` becomes `Patch Cord A`.",
        ),
        Column(
            "channel",
            "string",
            "The channel as written, such as Fiber_0_green; missing for a fiber without channels.",
            nullable=False,
            reads=(
                f"{photometry.CHANNELS}.{photometry.NAME}",
                f"{photometry.ASSEMBLY_CHANNELS}.{photometry.NAME}",
            ),
            rule=(
                "The name of each channel of each configuration of a patch cord, whether that "
                "stands alone or in a fiber assembly; outer blanks are removed. A channel that "
                "occurs twice has one row. A data asset without any channel is a finding."
            ),
            example="`Fiber_0_green` stays `Fiber_0_green`.",
        ),
        Column(
            "intended_measurement",
            "string",
            "What the channel measures, such as dopamine, or control; missing when not given.",
            nullable=False,
            reads=(
                f"{photometry.CHANNELS}.{photometry.MEASUREMENT}",
                f"{photometry.ASSEMBLY_CHANNELS}.{photometry.MEASUREMENT}",
            ),
            rule=(
                "As written, without outer blanks. What a form leaves becomes `missing`, "
                "with a finding: `n/a`, `none`, `null`, `nan`, `select`, `select...`, `select…`, "
                "`unknown`, `tbd` and `-`, in any case. `NA` stays: it may be noradrenaline. Where "
                "a channel occurs twice, the first measurement that is given counts, and another "
                "one is a finding."
            ),
            example="`Select...` becomes `missing`; `acetylcholine` stays `acetylcholine`.",
        ),
        Column(
            "targeted_structure",
            "string",
            "Acronym of the brain structure that the implant was aimed at, such as ACB; missing "
            "when not given or root.",
            nullable=False,
            reads=(
                implants.IMPLANT_STRUCTURE,
                implants.SURGERY_DATE,
                "acquisition.acquisition_start_time",
                "acquisition.acquisition_start_tz",
                photometry.PROBE_STRUCTURE,
            ),
            rule=(
                "The structure of the fiber's implant, as written. `root`, which is the whole "
                "brain, and what a form leaves in a field (see intended_measurement) are no "
                "structures. Where the implant gives none, that of the probe in a fiber assembly. "
                "Where both give one and they differ, the implant's, with a finding. Implants of a "
                "surgery whose start_date is after acquisition_date do not count. Two implants of "
                "one name that do not give the same structure become `missing`, with a finding, "
                "since each surgery may number its fibers from 0. A fiber without an implant has "
                "`missing`."
            ),
            example="`root` becomes `missing`; `ORBl` stays `ORBl`.",
        ),
        _along(
            "ap",
            "AP",
            "The coordinate along the front-back axis (AP)",
            "The translation `[2.0, -0.8, 0.0, 1.6]` with the axes AP, ML, SI and Depth has `2.0`.",
        ),
        _along(
            "ml",
            "ML",
            "The coordinate along the left-right axis (ML)",
            "The translation `[2.0, -0.8, 0.0, 1.6]` with the axes AP, ML, SI and Depth has "
            "`-0.8`.",
        ),
        _along(
            "si",
            "SI",
            "The coordinate along the top-bottom axis (SI)",
            "The translation `[2.0, -0.8, 0.0, 1.6]` with the axes AP, ML, SI and Depth has `0.0`.",
        ),
        _along(
            "depth",
            "Depth",
            "The depth below the surface along the implant",
            "The translation `[2.3, -1.3, 0.0]` with the axes AP, ML, SI and Depth has null, and "
            "so have the other coordinates.",
        ),
        _of_system(
            "system",
            "name",
            "The coordinate system of the target coordinate, such as BREGMA_ARID: its letters say "
            "in which direction each axis grows.",
            "The name of the coordinate system whose axes target_coordinate_ap has, as written.",
            "`BREGMA_ARID` stays as it is.",
        ),
        _of_system(
            "origin",
            "origin",
            "Where the coordinate system has its zero, such as Bregma.",
            "The origin of that coordinate system, as written; the name of one that is an object.",
            "`Bregma` stays as it is.",
        ),
        _of_system(
            "unit",
            "axis_unit",
            "The unit of the target coordinate, such as millimeter, as the coordinate system has "
            "it; nothing is converted.",
            "The axis_unit of that coordinate system, as written. Whether the values are in that "
            "unit cannot be known.",
            "`millimeter` stays as it is.",
        ),
    ),
)
