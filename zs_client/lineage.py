"""Which data assets were derived from which: questions over `source_data` and `asset_basics`.

The tables themselves have their functions in `zs_client.acorns`.
"""

from typing import Any, overload

from zs_client import filters, read
from zs_client.acorns import read_request
from zs_client.place import Place, reading


@overload
def raw_to_derived(
    asset_name: str,
    modality: str | None = None,
    latest: bool = False,  # noqa: FBT001, FBT002 as scripts call it
    *,
    snapshot: str | None = None,
    offline: bool | None = None,
) -> list[str]: ...
@overload
def raw_to_derived(
    asset_name: list[str],
    modality: str | None = None,
    latest: bool = False,  # noqa: FBT001, FBT002 as scripts call it
    *,
    snapshot: str | None = None,
    offline: bool | None = None,
) -> dict[str, list[str]]: ...
def raw_to_derived(
    asset_name: str | list[str],
    modality: str | None = None,
    latest: bool = False,  # noqa: FBT001, FBT002 as scripts call it
    *,
    snapshot: str | None = None,
    offline: bool | None = None,
) -> list[str] | dict[str, list[str]]:
    """Names of the data assets that name a raw one as their source.

    Args:
        asset_name: The raw data asset's name, or several.
        modality: Only derived data assets of this modality: an abbreviation, case ignored.
        latest: For each pipeline only the newest by `processing_time` (one without a time is the
            oldest, the last name wins a tie). One without a pipeline's name is its own newest.
        snapshot: Read what was published then, an id of `snapshots()`; else `ZS_SNAPSHOT`.
        offline: Send nothing and read the local cache; else `ZS_OFFLINE`.

    Returns:
        Sorted names; for several a dict with a list for each. A name with nothing derived from it,
        or that nobody knows, has an empty list.

    Raises:
        AcornNotFound: `source_data`, or `asset_basics` for a modality, is not in this store and
            version.
        ReadError: One of them is there and cannot be read.
        TypeError: A name or the modality is no text.
    """
    # The earlier program had `latest` in second place.
    if isinstance(modality, bool):
        raise TypeError("modality is a text such as 'ecephys'; write latest=True by name")
    with reading(snapshot=snapshot, offline=offline):
        if isinstance(asset_name, str):
            return derived([asset_name], modality, latest=latest)[asset_name]
        names = filters.texts("raw_to_derived: asset_name", asset_name)
        return derived(names, modality, latest=latest)


def derived(
    raw: list[str],
    modality: str | None,
    *,
    latest: bool,
    at: Place | None = None,
) -> dict[str, list[str]]:
    """As `raw_to_derived` of several names, of a store and version; else as the functions."""
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in raw}
    wanted = ["name", "source_data", "pipeline_name", "processing_time"]
    for row in read.rows(
        read_request("source_data", {"source_data": raw, "columns": wanted}), at
    ).to_pylist():
        found[row["source_data"]].append(row)
    if modality is not None:
        names = {row["name"] for rows in found.values() for row in rows}
        words = {"name": names, "modality": modality, "columns": "name"}
        having = set(read.rows(read_request("asset_basics", words), at)["name"].to_pylist())
        found = {k: [r for r in rows if r["name"] in having] for k, rows in found.items()}
    if latest:
        found = {k: _newest(rows) for k, rows in found.items()}
    return {k: sorted({r["name"] for r in rows}) for k, rows in found.items()}


def _newest(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    ordered = sorted(rows, key=lambda row: (row["processing_time"] or "", row["name"]))
    by_pipeline = {row["pipeline_name"]: row for row in ordered}
    alone = [row for row in rows if row["pipeline_name"] is None]
    return [row for name, row in by_pipeline.items() if name is not None] + alone
