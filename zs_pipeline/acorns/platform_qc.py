"""platform_qc: QC status by tag for each platform, one partition for each platform.

The rules by which data assets belong to platforms are declared here alone.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from zs_pipeline import quality
from zs_pipeline.declaration import Acorn, ByPlatform, Column, OfName
from zs_pipeline.shape.values import text

_BEHAVIOR = ("behavior", "behavior-videos")
_BAITING = re.compile(r"(Coupled|Uncoupled)( Without)? Baiting", re.ASCII)
_ROUTING = re.compile(r"dynamic[ _]?routing", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True)
class Platform:
    """A way of acquiring data.

    Attributes:
        modalities: Abbreviations, at least one of which a data asset of the platform has.
        belongs: Returns whether a data asset of such a modality belongs to the platform.
    """

    modalities: tuple[str, ...]
    belongs: Callable[[Mapping[str, Any]], bool] = lambda _: True


def _acquired(is_of: Callable[[str], bool]) -> Callable[[Mapping[str, Any]], bool]:
    """Returns whether a data asset's acquisition type is of a kind."""
    return lambda basics: is_of(basics["acquisition_type"] or "")


def _is_exaspim(basics: Mapping[str, Any]) -> bool:
    return any("exa" in (basics[column] or "").lower() for column in ("instrument_id", "name"))


def _is_dynamic_routing(basics: Mapping[str, Any]) -> bool:
    places = ("acquisition_type", "project_name")
    return any(_ROUTING.search(basics[column] or "") for column in places)


PLATFORMS: Mapping[str, Platform] = {
    "spim": Platform(("SPIM",)),
    "fib": Platform(("fib",)),
    "slap2": Platform(("slap2",)),
    "ecephys": Platform(("ecephys",)),
    "pophys": Platform(("pophys",)),
    "vr": Platform(_BEHAVIOR, _acquired(lambda kind: kind == "AindVrForaging")),
    "dynamic_foraging": Platform(
        _BEHAVIOR,
        _acquired(lambda kind: bool(_BAITING.match(kind)) or kind == "AindDynamicForaging"),
    ),
    # They are under spim as well.
    "exaspim": Platform(("SPIM",), _is_exaspim),
    "dynamic_routing": Platform(_BEHAVIOR, _is_dynamic_routing),
}


def platforms(basics: Mapping[str, Any]) -> list[str]:
    """Returns the platforms of a data asset."""
    modalities = set(basics["modalities"] or ())
    return [
        name
        for name, platform in PLATFORMS.items()
        if modalities.intersection(platform.modalities) and platform.belongs(basics)
    ]


def rows(document: dict[str, Any], basics: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yields one row for each platform of a data asset and each status key of the platform."""
    platform_names = platforms(basics)
    if not platform_names:
        return
    statuses = quality.evaluate(document)
    carriers = statuses.carriers if statuses else {}
    for key, status in quality.keys(document, statuses).items():
        if key in quality.STAGES:
            continue
        modalities = carriers.get(key, set()) | {quality.abbreviation(key)}
        for name in platform_names:
            if modalities.intersection(PLATFORMS[name].modalities):
                yield {
                    "platform": name,
                    "asset_name": basics["name"],
                    "tag": text(key),
                    "status": status,
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
        belongs=platforms,
        basics=(
            "name",
            "modalities",
            "acquisition_type",
            "project_name",
            "instrument_id",
            "acquisition_start_time",
            "instrument_id_normalized",
            "experimenters_normalized",
        ),
        reuse=OfName("asset_name"),
        reads=quality.STATUS_READS,
    ),
    columns=(
        Column(
            "asset_name",
            "string",
            "The data asset's name.",
            reads=("asset_basics.name",),
            rule="The name in asset_basics is taken.",
            example="`multiplane-ophys_804363_2025-08-21_14-13-43_processed_2025-08-26_06-02-34` "
            "stays as it is.",
            identifies=True,
        ),
        Column(
            "tag",
            "string",
            "A tag (key:value, or bare in older documents) or a modality's abbreviation.",
            reads=(
                *quality.KEY_PLACES,
                "asset_basics.modalities",
                "asset_basics.acquisition_type",
                *("asset_basics.project_name", "asset_basics.instrument_id", "asset_basics.name"),
            ),
            rule=f"{quality.KEY_RULE} A key has a row for a platform of the data asset when it is "
            "one of the platform's modalities, or when a metric of such a modality carries the "
            "tag. The stages Raw data, Processing, Analysis and Multi-asset have none.",
            example=quality.KEY_EXAMPLE,
        ),
        Column(
            "status",
            "string",
            "Pass, Fail or Pending, as in qc_tag_status.",
            reads=quality.STATUS_PLACES,
            rule=quality.STATUS_RULE,
            example=quality.STATUS_EXAMPLE,
        ),
        Column(
            "timestamp",
            "time",
            "When the data asset's acquisition began.",
            reads=("asset_basics.acquisition_start_time",),
            rule="The start in asset_basics is taken. It is null for a data asset without an "
            "acquisition.",
            example="`2025-09-26 12:57:44-07:00` becomes `2025-09-26 19:57:44` UTC.",
        ),
        Column(
            "instrument_id_normalized",
            "string",
            "The instrument's short name.",
            reads=("asset_basics.instrument_id_normalized",),
            rule="The name in asset_basics is taken.",
            example="`429_MESO1_20260122` becomes `MESO1`.",
        ),
        Column(
            "experimenters_normalized",
            "[string]",
            "Who acquired the data, with one spelling each.",
            reads=("asset_basics.experimenters_normalized",),
            rule="The names in asset_basics are taken.",
            example='`["jane doe"]` becomes `["Jane Doe"]`.',
        ),
    ),
)
