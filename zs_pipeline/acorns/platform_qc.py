"""platform_qc: QC status by tag for each platform, one partition for each platform.

Which data assets belong to a platform is declared here, once.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from zs_pipeline.declaration import Acorn, ByPlatform, Column, Expected, OfName, Read
from zs_pipeline.fields import part, parts, text
from zs_pipeline.tags import names

_BEHAVIOR = ("behavior", "behavior-videos")
_BAITING = re.compile(r"(Coupled|Uncoupled)( Without)? Baiting", re.ASCII)


@dataclass(frozen=True)
class Platform:
    """A way of acquiring data.

    Attributes:
        modalities: The abbreviations of which a data asset has at least one.
        acquired: Whether an acquisition type belongs to it.
    """

    modalities: tuple[str, ...]
    acquired: Callable[[str], bool] = lambda _: True


PLATFORMS: Mapping[str, Platform] = {
    "spim": Platform(("SPIM",)),
    "fib": Platform(("fib",)),
    "slap2": Platform(("slap2",)),
    "ecephys": Platform(("ecephys",)),
    "pophys": Platform(("pophys",)),
    "vr": Platform(_BEHAVIOR, lambda kind: kind == "AindVrForaging"),
    "dynamic_foraging": Platform(
        _BEHAVIOR, lambda kind: bool(_BAITING.match(kind)) or kind == "AindDynamicForaging"
    ),
}
_STAGES = frozenset(("Raw data", "Processing", "Analysis"))
# One published file of schema 2.0.4 has the modality's whole text for its abbreviation.
_WRITTEN_OUT = re.compile(r"^name='.*' abbreviation='([^']+)'$")


def platforms(basics: Mapping[str, Any]) -> list[str]:
    """The platforms of a data asset."""
    modalities = set(basics["modalities"] or ())
    kind = basics["acquisition_type"] or ""
    return [
        name
        for name, platform in PLATFORMS.items()
        if modalities.intersection(platform.modalities) and platform.acquired(kind)
    ]


def rows(document: dict[str, Any], basics: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """One row for each platform of a data asset and each of its status keys that belong there."""
    statuses = part(document, "quality_control.status")
    belongs = platforms(basics)
    if not belongs or not isinstance(statuses, dict):
        return
    of_tag: dict[str, set[str]] = {}
    for metric in parts(document, "quality_control.metrics"):
        modality = text(part(metric, "modality.abbreviation"))
        if modality is not None:
            for tag in names(metric.get("tags")):
                of_tag.setdefault(tag, set()).add(modality)
    for key, status in statuses.items():
        if key in _STAGES:
            continue
        written_out = _WRITTEN_OUT.match(key)
        touched = of_tag.get(key, set()) | {written_out[1] if written_out else key}
        for name in belongs:
            if touched.intersection(PLATFORMS[name].modalities):
                yield {
                    "platform": name,
                    "asset_name": basics["name"],
                    "tag": text(key),
                    "status": text(status),
                    "timestamp": basics["acquisition_start_time"],
                    "instrument_id_normalized": basics["instrument_id_normalized"],
                    "experimenters_normalized": basics["experimenters_normalized"],
                }


ACORN = Acorn(
    name="platform_qc",
    description=(
        "Quality control status by tag for each platform, one row per data asset and tag, in one "
        "file per platform. Join asset_basics.name on asset_name."
    ),
    type="platform",
    key=(),
    order=("timestamp", "asset_name"),
    kind=ByPlatform(
        column="platform",
        values=tuple(PLATFORMS),
        rows=rows,
        basics=(
            "name",
            "modalities",
            "acquisition_type",
            "acquisition_start_time",
            "instrument_id_normalized",
            "experimenters_normalized",
        ),
        reuse=OfName("asset_name"),
        reads=(
            Read("quality_control.metrics[].modality.abbreviation", Expected.TEXT),
            Read("quality_control.metrics[].tags", Expected.OBJECT_OR_LIST, whole=True),
            Read("quality_control.status", Expected.OBJECT, whole=True),
        ),
    ),
    columns=(
        Column("asset_name", "string", "The data asset's name."),
        Column(
            "tag",
            "string",
            "A tag (key:value, or bare in older documents) or a modality's abbreviation.",
        ),
        Column("status", "string", "Pass, Fail or Pending."),
        Column("timestamp", "time", "When the data asset's acquisition began."),
        Column("instrument_id_normalized", "string", "The instrument's short name."),
        Column(
            "experimenters_normalized",
            "[string]",
            "Who acquired the data, with one spelling each.",
        ),
    ),
)
