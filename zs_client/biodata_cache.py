"""A drop-in for biodata-cache 0.42.26: `import zs_client.biodata_cache as biodata_cache`.

Names, arguments and their order are those of that package, and what is returned is read from our
tables; nothing is capped at 100 rows. A function whose table this cache does not have is there, and
says where its data come from. `docs/moving.md` has each function beside that of `zs_client`.

`BIODATA_CACHE_BACKEND` says which store is read, where `ZS_STORE` and `configure` say nothing: `s3`
is the public bucket, `memory` a store in this process. `codeocean` made tables from the data assets
that are attached to a capsule; reading builds nothing here, so it needs a store by name.
"""

import os
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from functools import wraps
from inspect import signature
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

from zs_client import (
    acorns,
    fetch,
    filters,
    lineage,
    origins,
    read,
    registry,
    shapes,
    unknown,
    user_tables,
)
from zs_client.contract import (
    RAW_NAME,
    STAGES,
    SUCCESSOR_INDEX,
    SUCCESSOR_NAMES,
    encode_partition,
)
from zs_client.errors import AcornNotFound, ReadError
from zs_client.place import asking, named_store, resolve, resolve_current
from zs_client.provenance import TOTAL
from zs_client.read import ReadRequest
from zs_client.read_requests import find, read_request
from zs_client.s3 import PUBLIC
from zs_client.science_data import (
    cell_genes,
    cell_index,
    cell_properties,
    platform_df_operations,
    platform_dynamic_foraging_events,
    platform_dynamic_foraging_trials,
    platform_ecephys_spikes,
    platform_ecephys_units,
    platform_exaspim_intermediates,
    platform_fib_operations,
    platform_fib_traces,
    platform_mouselight,
    platform_pophys,
    platform_video_frame_times,
    platform_visual_coding_ophys,
    platform_visual_learning_cell_gene,
    platform_visual_learning_coreg,
    storage_lens,
    swdb_2025_bci,
    swdb_2025_v1dd,
    swdb_2026_bci,
    swdb_2026_dynamic_routing,
    swdb_2026_neuropixels_opto,
    swdb_2026_v1dd,
    swdb_2026_visual_coding_neuropixels,
    swdb_2026_visual_coding_ophys,
    swdb_2026_visual_learning,
)

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

__all__ = [
    "asset_basics",
    "assets_smartspim",
    "behavior_curriculum",
    "cell_genes",
    "cell_index",
    "cell_properties",
    "custom",
    "get_cache_registry",
    "get_cache_versions",
    "metadata_core",
    "metadata_upgrade",
    "platform_df_operations",
    "platform_dynamic_foraging_events",
    "platform_dynamic_foraging_sessions",
    "platform_dynamic_foraging_trials",
    "platform_ecephys_spikes",
    "platform_ecephys_units",
    "platform_exaspim",
    "platform_exaspim_intermediates",
    "platform_fib",
    "platform_fib_operations",
    "platform_fib_traces",
    "platform_mouselight",
    "platform_pophys",
    "platform_qc",
    "platform_smartspim_fiber_ccf",
    "platform_smartspim_qc_metrics",
    "platform_video_frame_times",
    "platform_visual_coding_ophys",
    "platform_visual_learning_cell_gene",
    "platform_visual_learning_coreg",
    "qc",
    "qc_columns",
    "qc_status",
    "raw_to_derived",
    "record_consistency_checks",
    "record_consistency_results",
    "source_data",
    "storage_lens",
    "swdb_2025_bci",
    "swdb_2025_v1dd",
    "swdb_2026_bci",
    "swdb_2026_dynamic_routing",
    "swdb_2026_neuropixels_opto",
    "swdb_2026_v1dd",
    "swdb_2026_visual_coding_neuropixels",
    "swdb_2026_visual_coding_ophys",
    "swdb_2026_visual_learning",
    "time_to_qc",
    "unique_genotypes",
    "unique_project_names",
    "unique_subject_ids",
]

# The release whose names these are.
__version__ = "0.42.26"

VARIABLE = "BIODATA_CACHE_BACKEND"
STORES = {"s3": PUBLIC, "memory": "memory://"}
# Our tables that its registry has under another name. QC by subject is not in it.
NAMES = SUCCESSOR_NAMES
BY_RAW, RAW = origins.TABLE, RAW_NAME

P = ParamSpec("P")
R = TypeVar("R")


class CacheTableType(StrEnum):
    """What kind of table it is."""

    metadata = "metadata"
    asset = "asset"
    event = "event"
    realtime = "realtime"
    platform = "platform"


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        name: The column's name.
        description: What the value means.
    """

    name: str
    description: str


@dataclass(frozen=True)
class CacheTable:
    """A table's entry in the registry.

    Attributes:
        name: The table's name.
        description: What a row is and how to join it.
        location: The file, or the folder of the partitions.
        partitioned: Whether the table is split into files.
        partition_key: The column that splits it.
        type: What kind of table it is.
        columns: The columns.
    """

    name: str
    description: str
    location: str
    partitioned: bool
    partition_key: str | None
    type: CacheTableType
    columns: list[Column]


@dataclass(frozen=True)
class CacheRegistry:
    """The registry of all tables.

    Attributes:
        tables: The tables, by name.
    """

    tables: list[CacheTable]


def _store_url() -> str | None:
    """Returns the store that the variable names; None where something else decides.

    Raises:
        ValueError: The variable has an unknown value, or one that names no store.
    """
    value = os.environ.get(VARIABLE, "").strip().casefold()
    if value not in ("", "codeocean", *STORES):
        raise ValueError(
            f"{VARIABLE}={value[:80]}: it is s3 (the public bucket), memory (a store in this "
            "process) or codeocean; ZS_STORE names any other store"
        )
    if not value or named_store():
        return None
    if value == "codeocean":
        raise ValueError(
            f"{VARIABLE}=codeocean made tables from the data assets attached to a capsule, and "
            f"reading builds nothing here: set {VARIABLE}=s3 for the public bucket, which has all "
            "data assets, or ZS_STORE"
        )
    return STORES[value]


def _reading_ours(function: Callable[P, R]) -> Callable[P, R]:
    """Returns a function that reads the store that the variable names."""

    @wraps(function)
    def reader(*args: P.args, **kwargs: P.kwargs) -> R:
        is_forced = False
        # The call itself raises it, with the function's name.
        with suppress(TypeError):
            words = signature(function).bind(*args, **kwargs).arguments
            is_forced = bool(words.get("force_update"))
        if is_forced:
            warnings.warn(
                f"{function.__name__}(force_update=True) builds nothing here: it reads the tables "
                "as they were last published; leave force_update out",
                stacklevel=2,
            )
        with asking(url=_store_url()):
            return function(*args, **kwargs)

    return reader


def _whole(table: str) -> "pd.DataFrame":
    """Returns all rows of a table that `zs_client.acorns` may not know.

    Raises:
        AcornNotFound: This store and version has no such table.
        ReadError: The table is there and cannot be read.
    """
    return shapes.pandas(read.rows(ReadRequest(table, table)))


# Queries over data assets


@_reading_ours
def asset_basics(
    force_update: bool = False,
    *,
    subject_id: str | None = None,
    project_name: str | None = None,
    modality: str | None = None,
    data_level: str | None = None,
    name: str | None = None,
    name_contains: str | None = None,
    acquisition_start_before: str | None = None,
    acquisition_start_after: str | None = None,
    columns: list[str] | None = None,
    limit: int | None = None,
    offset: int = 0,
    include_total: bool = False,
) -> "pd.DataFrame | tuple[pd.DataFrame, int]":
    """Returns data assets, sorted by name where anything is asked for; a filter of None is none.

    Args:
        force_update: Builds nothing here.
        subject_id: The animal.
        project_name: The project.
        modality: A modality's abbreviation, compared whole, case ignored.
        data_level: `raw` or `derived`.
        name: The data asset's name.
        name_contains: A part of the name, case ignored.
        acquisition_start_before: Only acquisitions that began before this time.
        acquisition_start_after: Only acquisitions that began at this time or later.
        columns: Only these columns, in this order.
        limit: The largest number of rows; all when None, which is what is taken when left out.
        offset: How many rows to leave out at the beginning.
        include_total: Return the number of all that fit as well.

    Raises:
        AcornNotFound: The table is not in this store and version.
        ValueError: There is no such column, or a number is below zero.
        ReadError: The table is there and cannot be read.
    """
    given = {
        "subject_id": subject_id,
        "project_name": project_name,
        "modality": modality,
        "data_level": data_level,
        "name": name,
        "name_contains": name_contains,
        "acquired_before": acquisition_start_before,
        "acquired_after": acquisition_start_after,
    }
    words: dict[str, Any] = {word: value for word, value in given.items() if value is not None}
    if not words and columns is None and limit is None and not offset and not include_total:
        return acorns.asset_basics()
    words |= {"columns": columns, "limit": limit, "offset": offset, "order_by": "name"}
    page = acorns.asset_basics(**words)
    return (page, page.attrs[TOTAL]) if include_total else page


@_reading_ours
def raw_to_derived(
    asset_name: str,
    latest: bool = False,
    modality: str | None = None,
    force_update: bool = False,
) -> list[str]:
    """Returns the names of the data assets derived from a raw one, as `zs_client.raw_to_derived`.

    `latest` is in second place here; there `modality` is.
    """
    return lineage.raw_to_derived(asset_name, modality, latest)


@_reading_ours
def source_data(force_update: bool = False) -> "pd.DataFrame":
    """Returns what derived data assets were made from, as `zs_client.source_data`."""
    return acorns.source_data()


@_reading_ours
def unique_project_names(force_update: bool = False) -> list[str]:
    """Returns the distinct project names, sorted."""
    return acorns.unique_project_names()


@_reading_ours
def unique_subject_ids(force_update: bool = False) -> list[str]:
    """Returns the distinct subjects, sorted as text."""
    return acorns.unique_subject_ids()


@_reading_ours
def unique_genotypes(force_update: bool = False) -> list[str]:
    """Returns the distinct genotypes, sorted."""
    return acorns.unique_genotypes()


@_reading_ours
def metadata_core(force_update: bool = False) -> "pd.DataFrame":
    """Returns which core files each document has, as `zs_client.metadata_core`."""
    return acorns.metadata_core()


@_reading_ours
def metadata_upgrade(force_update: bool = False) -> "pd.DataFrame":
    """Returns the results of the metadata upgrade, as `zs_client.metadata_upgrade`."""
    return acorns.metadata_upgrade()


@_reading_ours
def custom(name: str, df: "pd.DataFrame | None" = None) -> "pd.DataFrame":
    """Store your own table, or read it, as `zs_client.custom`."""
    return user_tables.custom(name, df)


# Quality control


@_reading_ours
def qc(
    raw_asset_name: str | None = None,
    asset_names: str | list[str] | None = None,
    force_update: bool = False,
    lazy: bool = False,
    return_df: bool = True,
) -> "pd.DataFrame | str":
    """Returns the QC of a raw data asset and of all that was made from it, a row a metric version.

    `zs_client.qc` reads QC by subject.

    Args:
        raw_asset_name: The raw data asset's name.
        asset_names: Only versions that were first seen in these data assets.
        force_update: Builds nothing here.
        lazy: Return the path of the parquet file instead of its rows.
        return_df: Without a meaning here: it was for `force_update`.

    Returns:
        The rows; all columns and no row for a data asset without QC.

    Raises:
        AcornNotFound: The store has no QC by raw data asset, no data asset has that name, or with
            `lazy`, it has no file.
        ValueError: No raw data asset is given; or `lazy` with a store in memory.
        ReadError: The table is there and cannot be read.
    """
    if raw_asset_name is None:
        raise ValueError(
            "qc needs a raw_asset_name; zs_client.qc reads by subject, and zs_client.sql all of it"
        )
    raw_asset_name = filters.texts("qc: raw_asset_name", raw_asset_name)[0]
    is_known = _has_qc(raw_asset_name)
    if lazy and is_known:
        return read.partition_path(BY_RAW, RAW, raw_asset_name)
    if lazy:
        raise AcornNotFound(
            f"qc: {fetch.short(raw_asset_name)} is known and has no QC, so there is no file; "
            "without lazy=True it is an empty frame"
        )
    given = {} if asset_names is None else {"asset_name": asset_names}
    parts = (raw_asset_name,) if is_known else ()
    request = ReadRequest(BY_RAW, BY_RAW, given, partition=RAW, parts=parts)
    return shapes.pandas(read.rows(request))


def _has_qc(raw_asset_name: str) -> bool:
    """Returns whether a known data asset has a partition of QC.

    Raises:
        AcornNotFound: The store has no QC by raw data asset, or no data asset has that name.
    """
    place, segment = resolve(), encode_partition(raw_asset_name)
    # The facts name tens of thousands of partitions.
    if fetch.exists(place.store, place.layout.partition(BY_RAW, RAW, segment)):
        return True
    facts = fetch.facts(*place, BY_RAW)
    if facts is None:
        raise AcornNotFound(
            f"qc: {place.store.url}, version {place.layout}, has no QC by raw data asset "
            f"(the table {BY_RAW}); zs_client.qc reads QC by subject"
        )
    if segment in facts["partitions"]:
        return True
    words = {"name": raw_asset_name, "columns": ["data_level"]}
    levels = read.content(read_request("asset_basics", words), place)
    if not levels.num_rows and segment not in facts["empty"]:
        raise unknown.unknown_name("qc", raw_asset_name, *place)
    if "derived" in levels["data_level"].to_pylist():
        warnings.warn(
            f"qc: {raw_asset_name[:200]} is a derived data asset, and QC stands under the raw one: "
            "source_data has its source",
            stacklevel=4,
        )
    return False


@_reading_ours
def qc_columns() -> list[Column]:
    """Returns the columns of QC by raw data asset.

    Raises:
        AcornNotFound: The store has no QC by raw data asset.
    """
    for table in _registry().tables:
        if table.name == "qc":
            return table.columns
    store, layout = resolve()
    raise AcornNotFound(
        f"qc_columns: {store.url}, version {layout}, has no QC by raw data asset (the table "
        f"{BY_RAW}); zs_client.describe('qc') tells of QC by subject"
    )


@_reading_ours
def qc_status(force_update: bool = False) -> "pd.DataFrame":
    """Returns the statuses of modalities and stages, one row per data asset with QC.

    Returns:
        `name`, and a column for each modality and stage of metrics, curation metrics included;
        null where the data asset has no metric of it, or no status is noted. Of documents that
        share a name biodata-cache takes the one that was last modified; the tables of QC name no
        document, so the last row of each modality and stage counts here.

    Raises:
        AcornNotFound: `asset_basics`, `quality_control` or `qc_tag_status` is not in this store
            and version.
        ReadError: A table is there and cannot be read.
    """
    import pandas as pd

    statuses = _all_partitions("qc_tag_status", "asset_name", "tag", "status").to_pandas()
    metrics = _all_partitions("quality_control", "asset_name", "modality", "stage", "tags")
    # Keys of tags are among the statuses too, and are no columns here.
    keys = pd.concat(
        metrics.select(["asset_name", column]).rename_columns(["asset_name", "tag"]).to_pandas()
        for column in ("modality", "stage")
    )
    of_curation = _keys_of_curation(statuses, metrics.select(["asset_name", "tags"]).to_pandas())
    keys = pd.concat([keys, of_curation]).dropna().drop_duplicates()
    known = statuses.merge(keys, on=["asset_name", "tag"])
    # Two documents of one name have two.
    known = known.drop_duplicates(["asset_name", "tag"], keep="last")
    wide = known.pivot_table(index="asset_name", columns="tag", values="status", aggfunc="last")
    columns = sorted(keys["tag"].unique(), key=lambda key: (key.casefold(), key))
    wide = wide.reindex(index=sorted(statuses["asset_name"].dropna().unique()), columns=columns)
    wide = wide.astype(object).where(wide.notna(), None)
    return wide.rename_axis(index="name", columns=None).reset_index()


def _keys_of_curation(statuses: "pd.DataFrame", tags: "pd.DataFrame") -> "pd.DataFrame":
    """Returns data assets and the modalities and stages that only curation metrics may have.

    quality_control leaves these metrics out. Stages have four names, and the modality of a metric
    is one of its data asset's; a key that is a tag of other metrics is none.
    """
    import pandas as pd

    basics = acorns.asset_basics(columns=["name", "modalities"]).explode("modalities")
    named = statuses[["asset_name", "tag"]]
    pairs = [basics.set_axis(named.columns, axis=1), named[named["tag"].isin(STAGES)]]
    keys = named.drop_duplicates().merge(pd.concat(pairs).drop_duplicates())
    tagged = tags.explode("tags").set_axis(named.columns, axis=1)
    is_tag = pd.MultiIndex.from_frame(keys).isin(pd.MultiIndex.from_frame(tagged))
    return keys[~is_tag]


def _all_partitions(table: str, *columns: str) -> "pa.Table":
    """Returns columns of all partitions of a table by subject."""
    _, folder, partition = find(table)
    return read.rows(ReadRequest(table, folder, columns=columns, partition=partition))


@_reading_ours
def platform_qc(platform: str, force_update: bool = False) -> "pd.DataFrame":
    """Returns the QC status by tag of a platform, as `zs_client.platform_qc`."""
    return acorns.platform_qc(platform)


@_reading_ours
def time_to_qc(force_update: bool = False) -> "pd.DataFrame":
    """Returns when derived data assets were processed and their QC was done."""
    return acorns.time_to_qc()


@_reading_ours
def record_consistency_results(
    force_update: bool = False, force_full_rerun: bool = False
) -> "pd.DataFrame":
    """Returns a row per document and check; `data_asset_problems` has the findings alone."""
    return _whole("record_consistency_results")


@_reading_ours
def record_consistency_checks(force_update: bool = False) -> "pd.DataFrame":
    """Returns a row per check; `data_asset_problems` has the findings."""
    return _whole("record_consistency_checks")


# Platforms


@_reading_ours
def assets_smartspim(force_update: bool = False) -> "pd.DataFrame":
    """Returns SmartSPIM data assets by channel, as `zs_client.assets_smartspim`."""
    return acorns.assets_smartspim()


@_reading_ours
def platform_smartspim_fiber_ccf(force_update: bool = False) -> "pd.DataFrame":
    """Returns where fibers end in the brain's atlas, as annotated in QC."""
    return acorns.platform_smartspim_fiber_ccf()


@_reading_ours
def platform_smartspim_qc_metrics(force_update: bool = False) -> "pd.DataFrame":
    """Returns the standard SPIM metrics, one row each."""
    return acorns.platform_smartspim_qc_metrics()


@_reading_ours
def platform_exaspim(force_update: bool = False) -> "pd.DataFrame":
    """Returns exaSPIM data assets, as `zs_client.platform_exaspim`."""
    return acorns.platform_exaspim()


@_reading_ours
def platform_fib(force_update: bool = False) -> "pd.DataFrame":
    """Returns fibers and channels of fiber photometry, as `zs_client.platform_fib`."""
    return acorns.platform_fib()


@_reading_ours
def platform_dynamic_foraging_sessions(force_update: bool = False) -> "pd.DataFrame":
    """Returns dynamic foraging sessions, as `zs_client.foraging_sessions`."""
    return acorns.foraging_sessions()


@_reading_ours
def behavior_curriculum(force_update: bool = False) -> "pd.DataFrame":
    """Returns curriculum and stage of behavior, as `zs_client.behavior_curriculum`."""
    return acorns.behavior_curriculum()


# Of the cache itself


@_reading_ours
def get_cache_registry() -> CacheRegistry:
    """Returns the registry under the names that biodata-cache has for our tables."""
    return _registry()


def _registry() -> CacheRegistry:
    tables = [
        CacheTable(
            NAMES.get(acorn.name, acorn.name),
            acorn.description,
            acorn.location,
            acorn.partitioned,
            acorn.partition_key,
            CacheTableType(acorn.type),
            [Column(column.name, column.description) for column in acorn.columns],
        )
        for acorn in registry.get_squirrel_info().acorns
        # Its readers take `qc` for QC by raw data asset.
        if acorn.name != "quality_control"
    ]
    return CacheRegistry(sorted(tables, key=lambda table: table.name))


@_reading_ours
def get_cache_versions() -> list[str]:
    """Returns the folders of biodata-cache in the store; none where no build writes that layout.

    Raises:
        ReadError: The index is there and cannot be read.
    """
    store, _ = resolve_current()
    try:
        folders = fetch.get_json(store, SUCCESSOR_INDEX)
    except FileNotFoundError:
        return []
    if not isinstance(folders, list) or not all(isinstance(folder, str) for folder in folders):
        raise ReadError(f"{store.at(SUCCESSOR_INDEX)}: is no list of names of folders")
    return cast("list[str]", folders)
