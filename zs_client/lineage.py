"""Queries over `source_data` and `asset_basics`: which data assets were derived from which.

The functions that read the tables themselves are in `zs_client.acorns`.
"""

import warnings
from contextlib import suppress
from dataclasses import replace
from typing import Any, overload

from zs_client import filters, provenance, read
from zs_client.errors import AcornNotFound, NoSuchValue, ReadError
from zs_client.nearest import nearest
from zs_client.place import Place, reading
from zs_client.read_requests import read_request
from zs_client.snapshot import AnySnapshot

# Of so many unknown names each has a warning.
_WARNED = 5


@overload
def raw_to_derived(
    asset_name: str,
    modality: str | None = None,
    latest: bool = False,  # noqa: FBT001, FBT002 as scripts call it
    *,
    snapshot: AnySnapshot = None,
    offline: bool | None = None,
) -> list[str]: ...
@overload
def raw_to_derived(
    asset_name: list[str],
    modality: str | None = None,
    latest: bool = False,  # noqa: FBT001, FBT002 as scripts call it
    *,
    snapshot: AnySnapshot = None,
    offline: bool | None = None,
) -> dict[str, list[str]]: ...
def raw_to_derived(
    asset_name: str | list[str],
    modality: str | None = None,
    latest: bool = False,  # noqa: FBT001, FBT002 as scripts call it
    *,
    snapshot: AnySnapshot = None,
    offline: bool | None = None,
) -> list[str] | dict[str, list[str]]:
    """Returns the names of the data assets that were derived from a raw data asset.

    Args:
        asset_name: The raw data asset's name, or a list of names.
        modality: Only derived data assets of this modality: an abbreviation, case ignored.
        latest: For each pipeline, only the newest by `processing_time`. A data asset without a
            time counts as the oldest, and the last name wins a tie. Data assets without a
            pipeline's name are all kept.
        snapshot: Read this `Snapshot`, id, name, or the last before a date; else `ZS_SNAPSHOT`.
        offline: Send nothing and read the local cache; else `ZS_OFFLINE`.

    Returns:
        Sorted names; for a list of names, a dict with a list for each. The list is empty for a
        name that nothing was derived from, or that is unknown: then a `NoSuchValue` warns.

    Raises:
        AcornNotFound: `source_data`, or `asset_basics` for a modality, is not in this store and
            version.
        ReadError: One of these tables is there and cannot be read.
        TypeError: A name or the modality is not text.
    """
    # The earlier program had `latest` in second place.
    if isinstance(modality, bool):
        raise TypeError("modality is a text such as 'ecephys'; write latest=True by name")
    with reading(snapshot=snapshot, offline=offline):
        if isinstance(asset_name, str):
            return derived([asset_name], modality, latest=latest)[asset_name]
        names = filters.texts("raw_to_derived: asset_name", asset_name)
        for name in names:
            if not isinstance(name, str):
                raise TypeError(
                    f"raw_to_derived: asset_name takes texts, not {filters.short(name)}"
                )
        return derived(names, modality, latest=latest)


def derived(
    raw: list[str],
    modality: str | None,
    *,
    latest: bool,
    at: Place | None = None,
) -> dict[str, list[str]]:
    """Returns what `raw_to_derived` returns for several names; `at` names the store to read."""
    columns = ["name", "source_data", "pipeline_name", "processing_time"]
    request = read_request("source_data", {"source_data": raw, "columns": columns})
    rows = read.rows(request, at).to_pylist()
    _warn_of_unknown({*raw} - {row["source_data"] for row in rows}, at)
    if modality is not None:
        words = {"name": {row["name"] for row in rows}, "modality": modality, "columns": "name"}
        request = replace(read_request("asset_basics", words), suggest=True)
        matches = set(read.rows(request, at)["name"].to_pylist())
        rows = [row for row in rows if row["name"] in matches]
    by_source: dict[str, list[dict[str, Any]]] = {name: [] for name in raw}
    for row in rows:
        by_source[row["source_data"]].append(row)
    if latest:
        by_source = {source: _newest(group) for source, group in by_source.items()}
    return {source: sorted({row["name"] for row in group}) for source, group in by_source.items()}


def _warn_of_unknown(names: set[str], at: Place | None) -> None:
    """Warn of names that no data asset has; of others nothing may have been derived."""
    if not names:
        return
    # Without asset_basics, as in some old folders or offline, nothing is said.
    with suppress(AcornNotFound, ReadError):
        known = read.content(read_request("asset_basics", {"name": names, "columns": "name"}), at)
        unknown = sorted(names.difference(known["name"].to_pylist()))
        if not unknown:
            return
        every = read.content(read_request("asset_basics", {"columns": "name"}), at)
        texts = {name for name in every["name"].to_pylist() if name is not None}
        for name in unknown[:_WARNED]:
            close = ", ".join(map(filters.short, nearest(name, texts)))
            advice = f"nearest: {close}" if close else "asset_basics(name_contains=…) looks for one"
            warnings.warn(
                f"raw_to_derived: no data asset has the name {filters.short(name)}; {advice}",
                NoSuchValue,
                stacklevel=provenance.outside(),
            )


def _newest(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    ordered = sorted(rows, key=lambda row: (row["processing_time"] or "", row["name"]))
    by_pipeline = {row["pipeline_name"]: row for row in ordered}
    alone = [row for row in rows if row["pipeline_name"] is None]
    return [row for name, row in by_pipeline.items() if name is not None] + alone
