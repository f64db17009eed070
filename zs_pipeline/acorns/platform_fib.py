"""platform_fib: the fibers of fiber photometry data assets, with their patch cords and channels.

`zs_pipeline.photometry` decides which spellings mean one device, and which channel belongs to
which fiber.
"""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from zs_pipeline import arrow, photometry
from zs_pipeline.declaration import Acorn, ByDocument, Column, OfName, Tables
from zs_pipeline.photometry import MISSING
from zs_pipeline.shape.findings import Finding
from zs_pipeline.shape.values import text

_KEY = ("asset_name", "fiber", "patch_cord", "channel")
_VALUES = ("intended_measurement", "targeted_structure")


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
    structures = {fiber.name: fiber.structure for fiber in setup.fibers}
    for (fiber_name, cord, channel), measurement in measured.items():
        yield {
            "asset_name": name,
            "fiber": fiber_name,
            "patch_cord": cord,
            "channel": channel,
            "intended_measurement": measurement,
            "targeted_structure": structures.get(fiber_name, MISSING),
        }


def findings(document: dict[str, Any]) -> Iterator[Finding]:
    """Yields the choices between readings of a document, and what the document does not give."""
    setup = photometry.read(document)
    if setup:
        yield from setup.choices


def finish(table: pa.Table, _: Tables) -> pa.Table:
    """Returns the table with one row for each channel, where several documents have one name.

    The row with the fewest values `missing` stays.
    """
    counts = table.group_by(list(_KEY)).aggregate([([], "count_all")])
    if counts.num_rows == table.num_rows:
        return table
    best: dict[tuple[str, ...], tuple[str, ...]] = {}
    for *key, measured, structure in arrow.values(table, *_KEY, *_VALUES):
        values = (measured, structure)
        other = best.get(tuple(key), values)
        # Independent of the order of rows, which is that of the shards.
        best[tuple(key)] = min(other, values, key=lambda v: (v.count(MISSING), v))
    rows = (dict(zip((*_KEY, *_VALUES), (*k, *v), strict=True)) for k, v in best.items())
    return arrow.table(ACORN, rows)


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
                photometry.IMPLANT_NAME,
                photometry.SURGERY_DATE,
                photometry.PROBE_NAME,
                photometry.CONNECTED_FROM,
                photometry.CONNECTED_TO,
                f"{photometry.CHANNELS}.{photometry.NAME}",
                f"{photometry.ASSEMBLY_CHANNELS}.{photometry.NAME}",
            ),
            rule=(
                "Names are one where their words are: `Fiber 0` and `fiber-0` are the implant "
                "`Fiber_0`. Electrodes, which are implanted as probes too, are no fibers. An "
                "implant without a name is left out, with a finding; an implant of a surgery after "
                "the acquisition's date does not count. A channel belongs to the fiber to which "
                "its patch cord is connected, from either end. Where a patch cord serves several "
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
                photometry.IMPLANT_STRUCTURE,
                photometry.SURGERY_DATE,
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
    ),
)
