"""Reads the cache of metadata of data assets, in one line.

Made from the declarations of the tables by `make pages`.
"""

from collections.abc import Iterable
from datetime import date
from types import EllipsisType
from typing import Literal, Protocol, overload

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa

from zs_client.acorns import Subjects
from zs_client.acorns import unique_genotypes as unique_genotypes, unique_project_names as unique_project_names, unique_subject_ids as unique_subject_ids
from zs_client.changed_rows import changes as changes
from zs_client.column_values import values as values
from zs_client.comparison import TableDiff as TableDiff, diff as diff
from zs_client.contract import __version__ as __version__
from zs_client.errors import AcornNotFound as AcornNotFound, CustomConflict as CustomConflict, CustomNotFound as CustomNotFound, NoSuchValue as NoSuchValue, QueryError as QueryError, ReadError as ReadError, SnapshotNotFound as SnapshotNotFound, StaleTable as StaleTable, StoreError as StoreError, SubjectNotFound as SubjectNotFound
from zs_client.explanation import explain as explain
from zs_client.filters import Flag, Names, Text, Time
from zs_client.flattening import flat as flat
from zs_client.lineage import raw_to_derived as raw_to_derived
from zs_client.place import configure as configure, reading as reading
from zs_client.published import Snapshot as Snapshot, snapshots as snapshots
from zs_client.query import sql as sql
from zs_client.registry import AcornInfo as AcornInfo, AcornStatus as AcornStatus, ColumnInfo as ColumnInfo, SquirrelInfo as SquirrelInfo, describe as describe, get_squirrel_info as get_squirrel_info, status as status
from zs_client.snapshot import AnySnapshot
from zs_client.user_tables import CustomTable as CustomTable, custom as custom, custom_delete as custom_delete, custom_history as custom_history, custom_tables as custom_tables


__all__ = ["AcornInfo", "AcornNotFound", "AcornStatus", "ColumnInfo", "CustomConflict", "CustomNotFound", "CustomTable", "NoSuchValue", "QueryError", "ReadError", "Snapshot", "SnapshotNotFound", "SquirrelInfo", "StaleTable", "StoreError", "SubjectNotFound", "TableDiff", "__version__", "asset_basics", "assets_smartspim", "behavior_curriculum", "changes", "configure", "custom", "custom_delete", "custom_history", "custom_tables", "data_asset_problems", "describe", "diff", "document_problems", "explain", "flat", "foraging_sessions", "get_squirrel_info", "metadata_core", "metadata_upgrade", "platform_exaspim", "platform_fib", "platform_qc", "platform_smartspim_fiber_ccf", "platform_smartspim_qc_metrics", "qc", "qc_by_raw_asset", "qc_tag_status", "quality_control", "raw_to_derived", "reading", "snapshots", "source_data", "sql", "status", "time_to_qc", "unique_genotypes", "unique_project_names", "unique_subject_ids", "values"]

_Flags = bool | None | Iterable[bool | None] | EllipsisType
_Numbers = float | str | None | Iterable[float | str | None] | EllipsisType
_Times = str | date | None | Iterable[str | date | None] | EllipsisType

class _AssetBasics(Protocol):
    def __call__(self, *, subject_id: Text = ..., project_name: Text = ..., modality: Text = ..., data_level: Text = ..., name: Text = ..., name_contains: str | Iterable[str] | EllipsisType = ..., acquired_after: Time = ..., acquired_before: Time = ..., columns: Names = None, limit: int | None = None, offset: int = 0, order_by: Names = None, snapshot: AnySnapshot = None, offline: bool | None = None, _id: Text = ..., _id_contains: str | Iterable[str] | EllipsisType = ..., _id_after: Time = ..., _id_before: Time = ..., _last_modified: _Times = ..., _last_modified_after: Time = ..., _last_modified_before: Time = ..., modalities: Text = ..., project_name_contains: str | Iterable[str] | EllipsisType = ..., project_name_after: Time = ..., project_name_before: Time = ..., data_level_contains: str | Iterable[str] | EllipsisType = ..., data_level_after: Time = ..., data_level_before: Time = ..., subject_id_contains: str | Iterable[str] | EllipsisType = ..., subject_id_after: Time = ..., subject_id_before: Time = ..., acquisition_start_time: _Times = ..., acquisition_start_time_after: Time = ..., acquisition_start_time_before: Time = ..., acquisition_end_time: _Times = ..., acquisition_end_time_after: Time = ..., acquisition_end_time_before: Time = ..., code_ocean: Text = ..., process_date: Text = ..., process_date_contains: str | Iterable[str] | EllipsisType = ..., process_date_after: Time = ..., process_date_before: Time = ..., genotype: Text = ..., genotype_contains: str | Iterable[str] | EllipsisType = ..., genotype_after: Time = ..., genotype_before: Time = ..., age: _Numbers = ..., age_min: float | EllipsisType = ..., age_max: float | EllipsisType = ..., acquisition_type: Text = ..., acquisition_type_contains: str | Iterable[str] | EllipsisType = ..., acquisition_type_after: Time = ..., acquisition_type_before: Time = ..., location: Text = ..., location_contains: str | Iterable[str] | EllipsisType = ..., location_after: Time = ..., location_before: Time = ..., name_after: Time = ..., name_before: Time = ..., experimenters: Text = ..., experimenters_normalized: Text = ..., instrument_id: Text = ..., instrument_id_contains: str | Iterable[str] | EllipsisType = ..., instrument_id_after: Time = ..., instrument_id_before: Time = ..., instrument_id_normalized: Text = ..., instrument_id_normalized_contains: str | Iterable[str] | EllipsisType = ..., instrument_id_normalized_after: Time = ..., instrument_id_normalized_before: Time = ..., investigators: Text = ..., investigators_normalized: Text = ..., created: _Times = ..., created_after: Time = ..., created_before: Time = ..., acquisition_date: Text = ..., acquisition_date_contains: str | Iterable[str] | EllipsisType = ..., acquisition_date_after: Time = ..., acquisition_date_before: Time = ...) -> pd.DataFrame:
        """Commonly used metadata, one row per document, that is per data asset.

        Args:
            subject_id: The animal.
            project_name: The project.
            modality: An abbreviation, case ignored; fits if it is one of `modalities`.
            data_level: `raw` or `derived`.
            name: The data asset's name.
            name_contains: A part of the name, case ignored.
            acquired_after: Only acquisitions that began at this time or later.
            acquired_before: Only acquisitions that began before this time.
            columns: Only these columns, in this order.
            limit: The largest number of rows; `attrs` has the number without it, `rows_total`.
            offset: How many rows to leave out before the first.
            order_by: Sort by these columns; `-` before a name sorts from the largest. Nulls are last.
            snapshot: Read this `Snapshot`, id, name, or the last before a date; else `ZS_SNAPSHOT`.
            offline: Send no requests and read the local cache; else `ZS_OFFLINE`.
            others: Filters on other columns, by the column's name; the module lists all filters.

        Returns:
            One row for each `_id`; other tables join on `name`. Times are UTC, `age` is in days;
            `modalities`, `experimenters` and similar columns are lists. A value that the document
            lacks is null.

        Raises:
            AcornNotFound: The table is not in this store and version.
            ValueError: Unknown column or filter (the message lists them), or a bad value.
            TypeError: A value is of another kind than the column.
            ReadError: The table is there and cannot be read.
        """
    def arrow(self, *, subject_id: Text = ..., project_name: Text = ..., modality: Text = ..., data_level: Text = ..., name: Text = ..., name_contains: str | Iterable[str] | EllipsisType = ..., acquired_after: Time = ..., acquired_before: Time = ..., columns: Names = None, limit: int | None = None, offset: int = 0, order_by: Names = None, snapshot: AnySnapshot = None, offline: bool | None = None, _id: Text = ..., _id_contains: str | Iterable[str] | EllipsisType = ..., _id_after: Time = ..., _id_before: Time = ..., _last_modified: _Times = ..., _last_modified_after: Time = ..., _last_modified_before: Time = ..., modalities: Text = ..., project_name_contains: str | Iterable[str] | EllipsisType = ..., project_name_after: Time = ..., project_name_before: Time = ..., data_level_contains: str | Iterable[str] | EllipsisType = ..., data_level_after: Time = ..., data_level_before: Time = ..., subject_id_contains: str | Iterable[str] | EllipsisType = ..., subject_id_after: Time = ..., subject_id_before: Time = ..., acquisition_start_time: _Times = ..., acquisition_start_time_after: Time = ..., acquisition_start_time_before: Time = ..., acquisition_end_time: _Times = ..., acquisition_end_time_after: Time = ..., acquisition_end_time_before: Time = ..., code_ocean: Text = ..., process_date: Text = ..., process_date_contains: str | Iterable[str] | EllipsisType = ..., process_date_after: Time = ..., process_date_before: Time = ..., genotype: Text = ..., genotype_contains: str | Iterable[str] | EllipsisType = ..., genotype_after: Time = ..., genotype_before: Time = ..., age: _Numbers = ..., age_min: float | EllipsisType = ..., age_max: float | EllipsisType = ..., acquisition_type: Text = ..., acquisition_type_contains: str | Iterable[str] | EllipsisType = ..., acquisition_type_after: Time = ..., acquisition_type_before: Time = ..., location: Text = ..., location_contains: str | Iterable[str] | EllipsisType = ..., location_after: Time = ..., location_before: Time = ..., name_after: Time = ..., name_before: Time = ..., experimenters: Text = ..., experimenters_normalized: Text = ..., instrument_id: Text = ..., instrument_id_contains: str | Iterable[str] | EllipsisType = ..., instrument_id_after: Time = ..., instrument_id_before: Time = ..., instrument_id_normalized: Text = ..., instrument_id_normalized_contains: str | Iterable[str] | EllipsisType = ..., instrument_id_normalized_after: Time = ..., instrument_id_normalized_before: Time = ..., investigators: Text = ..., investigators_normalized: Text = ..., created: _Times = ..., created_after: Time = ..., created_before: Time = ..., acquisition_date: Text = ..., acquisition_date_contains: str | Iterable[str] | EllipsisType = ..., acquisition_date_after: Time = ..., acquisition_date_before: Time = ...) -> pa.Table:
        """The rows as a pyarrow.Table."""
    def polars(self, *, subject_id: Text = ..., project_name: Text = ..., modality: Text = ..., data_level: Text = ..., name: Text = ..., name_contains: str | Iterable[str] | EllipsisType = ..., acquired_after: Time = ..., acquired_before: Time = ..., columns: Names = None, limit: int | None = None, offset: int = 0, order_by: Names = None, snapshot: AnySnapshot = None, offline: bool | None = None, _id: Text = ..., _id_contains: str | Iterable[str] | EllipsisType = ..., _id_after: Time = ..., _id_before: Time = ..., _last_modified: _Times = ..., _last_modified_after: Time = ..., _last_modified_before: Time = ..., modalities: Text = ..., project_name_contains: str | Iterable[str] | EllipsisType = ..., project_name_after: Time = ..., project_name_before: Time = ..., data_level_contains: str | Iterable[str] | EllipsisType = ..., data_level_after: Time = ..., data_level_before: Time = ..., subject_id_contains: str | Iterable[str] | EllipsisType = ..., subject_id_after: Time = ..., subject_id_before: Time = ..., acquisition_start_time: _Times = ..., acquisition_start_time_after: Time = ..., acquisition_start_time_before: Time = ..., acquisition_end_time: _Times = ..., acquisition_end_time_after: Time = ..., acquisition_end_time_before: Time = ..., code_ocean: Text = ..., process_date: Text = ..., process_date_contains: str | Iterable[str] | EllipsisType = ..., process_date_after: Time = ..., process_date_before: Time = ..., genotype: Text = ..., genotype_contains: str | Iterable[str] | EllipsisType = ..., genotype_after: Time = ..., genotype_before: Time = ..., age: _Numbers = ..., age_min: float | EllipsisType = ..., age_max: float | EllipsisType = ..., acquisition_type: Text = ..., acquisition_type_contains: str | Iterable[str] | EllipsisType = ..., acquisition_type_after: Time = ..., acquisition_type_before: Time = ..., location: Text = ..., location_contains: str | Iterable[str] | EllipsisType = ..., location_after: Time = ..., location_before: Time = ..., name_after: Time = ..., name_before: Time = ..., experimenters: Text = ..., experimenters_normalized: Text = ..., instrument_id: Text = ..., instrument_id_contains: str | Iterable[str] | EllipsisType = ..., instrument_id_after: Time = ..., instrument_id_before: Time = ..., instrument_id_normalized: Text = ..., instrument_id_normalized_contains: str | Iterable[str] | EllipsisType = ..., instrument_id_normalized_after: Time = ..., instrument_id_normalized_before: Time = ..., investigators: Text = ..., investigators_normalized: Text = ..., created: _Times = ..., created_after: Time = ..., created_before: Time = ..., acquisition_date: Text = ..., acquisition_date_contains: str | Iterable[str] | EllipsisType = ..., acquisition_date_after: Time = ..., acquisition_date_before: Time = ...) -> pl.DataFrame:
        """The rows as a polars.DataFrame; needs the extra polars."""
    def duckdb(self, *, subject_id: Text = ..., project_name: Text = ..., modality: Text = ..., data_level: Text = ..., name: Text = ..., name_contains: str | Iterable[str] | EllipsisType = ..., acquired_after: Time = ..., acquired_before: Time = ..., columns: Names = None, limit: int | None = None, offset: int = 0, order_by: Names = None, snapshot: AnySnapshot = None, offline: bool | None = None, _id: Text = ..., _id_contains: str | Iterable[str] | EllipsisType = ..., _id_after: Time = ..., _id_before: Time = ..., _last_modified: _Times = ..., _last_modified_after: Time = ..., _last_modified_before: Time = ..., modalities: Text = ..., project_name_contains: str | Iterable[str] | EllipsisType = ..., project_name_after: Time = ..., project_name_before: Time = ..., data_level_contains: str | Iterable[str] | EllipsisType = ..., data_level_after: Time = ..., data_level_before: Time = ..., subject_id_contains: str | Iterable[str] | EllipsisType = ..., subject_id_after: Time = ..., subject_id_before: Time = ..., acquisition_start_time: _Times = ..., acquisition_start_time_after: Time = ..., acquisition_start_time_before: Time = ..., acquisition_end_time: _Times = ..., acquisition_end_time_after: Time = ..., acquisition_end_time_before: Time = ..., code_ocean: Text = ..., process_date: Text = ..., process_date_contains: str | Iterable[str] | EllipsisType = ..., process_date_after: Time = ..., process_date_before: Time = ..., genotype: Text = ..., genotype_contains: str | Iterable[str] | EllipsisType = ..., genotype_after: Time = ..., genotype_before: Time = ..., age: _Numbers = ..., age_min: float | EllipsisType = ..., age_max: float | EllipsisType = ..., acquisition_type: Text = ..., acquisition_type_contains: str | Iterable[str] | EllipsisType = ..., acquisition_type_after: Time = ..., acquisition_type_before: Time = ..., location: Text = ..., location_contains: str | Iterable[str] | EllipsisType = ..., location_after: Time = ..., location_before: Time = ..., name_after: Time = ..., name_before: Time = ..., experimenters: Text = ..., experimenters_normalized: Text = ..., instrument_id: Text = ..., instrument_id_contains: str | Iterable[str] | EllipsisType = ..., instrument_id_after: Time = ..., instrument_id_before: Time = ..., instrument_id_normalized: Text = ..., instrument_id_normalized_contains: str | Iterable[str] | EllipsisType = ..., instrument_id_normalized_after: Time = ..., instrument_id_normalized_before: Time = ..., investigators: Text = ..., investigators_normalized: Text = ..., created: _Times = ..., created_after: Time = ..., created_before: Time = ..., acquisition_date: Text = ..., acquisition_date_contains: str | Iterable[str] | EllipsisType = ..., acquisition_date_after: Time = ..., acquisition_date_before: Time = ...) -> duckdb.DuckDBPyRelation:
        """The rows as a DuckDB relation; needs the extra sql."""

asset_basics: _AssetBasics

class _SourceData(Protocol):
    def __call__(self, *, name: Text = ..., source_data: Text = ..., pipeline_name: Text = ..., columns: Names = None, limit: int | None = None, offset: int = 0, order_by: Names = None, snapshot: AnySnapshot = None, offline: bool | None = None, name_contains: str | Iterable[str] | EllipsisType = ..., name_after: Time = ..., name_before: Time = ..., source_data_contains: str | Iterable[str] | EllipsisType = ..., source_data_after: Time = ..., source_data_before: Time = ..., pipeline_name_contains: str | Iterable[str] | EllipsisType = ..., pipeline_name_after: Time = ..., pipeline_name_before: Time = ..., processing_time: Text = ..., processing_time_contains: str | Iterable[str] | EllipsisType = ..., processing_time_after: Time = ..., processing_time_before: Time = ...) -> pd.DataFrame:
        """Sources of derived data assets, one row per derived data asset and source.

        Args:
            name: The derived data asset's name.
            source_data: The source's name, a data asset that the derived one was made from.
            pipeline_name: The pipeline that made the derived data asset.
            columns: Only these columns, in this order.
            limit: The largest number of rows; `attrs` has the number without it, `rows_total`.
            offset: How many rows to leave out before the first.
            order_by: Sort by these columns; `-` before a name sorts from the largest. Nulls are last.
            snapshot: Read this `Snapshot`, id, name, or the last before a date; else `ZS_SNAPSHOT`.
            offline: Send no requests and read the local cache; else `ZS_OFFLINE`.
            others: Filters on other columns, by the column's name; the module lists all filters.

        Returns:
            `name` (of the derived data asset), `source_data` (null if the data asset names no source),
            `pipeline_name`, and `processing_time`, the text at the end of the name. Unknown values are
            null.

        Raises:
            AcornNotFound: The table is not in this store and version.
            ValueError: Unknown column or filter (the message lists them), or a bad value.
            TypeError: A value is of another kind than the column.
            ReadError: The table is there and cannot be read.
        """
    def arrow(self, *, name: Text = ..., source_data: Text = ..., pipeline_name: Text = ..., columns: Names = None, limit: int | None = None, offset: int = 0, order_by: Names = None, snapshot: AnySnapshot = None, offline: bool | None = None, name_contains: str | Iterable[str] | EllipsisType = ..., name_after: Time = ..., name_before: Time = ..., source_data_contains: str | Iterable[str] | EllipsisType = ..., source_data_after: Time = ..., source_data_before: Time = ..., pipeline_name_contains: str | Iterable[str] | EllipsisType = ..., pipeline_name_after: Time = ..., pipeline_name_before: Time = ..., processing_time: Text = ..., processing_time_contains: str | Iterable[str] | EllipsisType = ..., processing_time_after: Time = ..., processing_time_before: Time = ...) -> pa.Table:
        """The rows as a pyarrow.Table."""
    def polars(self, *, name: Text = ..., source_data: Text = ..., pipeline_name: Text = ..., columns: Names = None, limit: int | None = None, offset: int = 0, order_by: Names = None, snapshot: AnySnapshot = None, offline: bool | None = None, name_contains: str | Iterable[str] | EllipsisType = ..., name_after: Time = ..., name_before: Time = ..., source_data_contains: str | Iterable[str] | EllipsisType = ..., source_data_after: Time = ..., source_data_before: Time = ..., pipeline_name_contains: str | Iterable[str] | EllipsisType = ..., pipeline_name_after: Time = ..., pipeline_name_before: Time = ..., processing_time: Text = ..., processing_time_contains: str | Iterable[str] | EllipsisType = ..., processing_time_after: Time = ..., processing_time_before: Time = ...) -> pl.DataFrame:
        """The rows as a polars.DataFrame; needs the extra polars."""
    def duckdb(self, *, name: Text = ..., source_data: Text = ..., pipeline_name: Text = ..., columns: Names = None, limit: int | None = None, offset: int = 0, order_by: Names = None, snapshot: AnySnapshot = None, offline: bool | None = None, name_contains: str | Iterable[str] | EllipsisType = ..., name_after: Time = ..., name_before: Time = ..., source_data_contains: str | Iterable[str] | EllipsisType = ..., source_data_after: Time = ..., source_data_before: Time = ..., pipeline_name_contains: str | Iterable[str] | EllipsisType = ..., pipeline_name_after: Time = ..., pipeline_name_before: Time = ..., processing_time: Text = ..., processing_time_contains: str | Iterable[str] | EllipsisType = ..., processing_time_after: Time = ..., processing_time_before: Time = ...) -> duckdb.DuckDBPyRelation:
        """The rows as a DuckDB relation; needs the extra sql."""

source_data: _SourceData

class _Qc(Protocol):
    @overload
    def __call__(self, subject_id: Subjects = ..., asset_names: str | Iterable[str] | None = None, lazy: Literal[False] = False, *, name: Text = ..., stage: Text = ..., modality: Text = ..., status: Text = ..., tag: Text = ..., columns: Names = None, limit: int | None = None, offset: int = 0, order_by: Names = None, snapshot: AnySnapshot = None, offline: bool | None = None, name_contains: str | Iterable[str] | EllipsisType = ..., name_after: Time = ..., name_before: Time = ..., stage_contains: str | Iterable[str] | EllipsisType = ..., stage_after: Time = ..., stage_before: Time = ..., modality_contains: str | Iterable[str] | EllipsisType = ..., modality_after: Time = ..., modality_before: Time = ..., value: Text = ..., value_contains: str | Iterable[str] | EllipsisType = ..., value_after: Time = ..., value_before: Time = ..., status_contains: str | Iterable[str] | EllipsisType = ..., status_after: Time = ..., status_before: Time = ..., asset_name: Text = ..., asset_name_contains: str | Iterable[str] | EllipsisType = ..., asset_name_after: Time = ..., asset_name_before: Time = ..., subject_id_contains: str | Iterable[str] | EllipsisType = ..., subject_id_after: Time = ..., subject_id_before: Time = ..., timestamp: _Times = ..., timestamp_after: Time = ..., timestamp_before: Time = ..., tags: Text = ..., reference: Text = ..., reference_contains: str | Iterable[str] | EllipsisType = ..., reference_after: Time = ..., reference_before: Time = ..., evaluator: Text = ..., evaluator_contains: str | Iterable[str] | EllipsisType = ..., evaluator_after: Time = ..., evaluator_before: Time = ..., status_timestamp: _Times = ..., status_timestamp_after: Time = ..., status_timestamp_before: Time = ..., status_history: Text = ..., status_history_contains: str | Iterable[str] | EllipsisType = ..., status_history_after: Time = ..., status_history_before: Time = ..., value_type: Text = ..., value_type_contains: str | Iterable[str] | EllipsisType = ..., value_type_after: Time = ..., value_type_before: Time = ..., evaluated_assets: Text = ..., acquired_after: Time = ..., acquired_before: Time = ...) -> pd.DataFrame:
        """Quality control metrics of one subject or several, one row per metric of a data asset.

        Args:
            subject_id: The animal, or several; None for the data assets that have no subject. Left
                out, the subjects of `asset_names` are looked up.
            asset_names: Only rows of these data assets; a `UserWarning` names those without rows.
            lazy: Return the path of the one subject's parquet file instead of its rows; filter by
                `asset_names` in the query that reads the file. DuckDB makes a number of the subject in
                the path unless `hive_types_autocast=false`.
            name: The metric's name.
            stage: `Raw data`, `Processing`, `Analysis` or `Multi-asset`.
            modality: A modality's abbreviation, case ignored.
            status: The latest status: `Pass`, `Fail` or `Pending`.
            tag: A tag; fits if it is one of `tags`.
            columns: Only these columns, in this order.
            limit: The largest number of rows; `attrs` has the number without it, `rows_total`.
            offset: How many rows to leave out before the first.
            order_by: Sort by these columns; `-` before a name sorts from the largest. Nulls are last.
            snapshot: Read this `Snapshot`, id, name, or the last before a date; else `ZS_SNAPSHOT`.
            offline: Send no requests and read the local cache; else `ZS_OFFLINE`.
            others: Filters on other columns, by the column's name; the module lists all filters.

        Returns:
            The metrics: `value` is JSON text unless it is null or its `value_type` is `text`,
            `status_history` is JSON text, times are UTC, `tags` is a list. A subject without QC gives
            no rows, but all columns. With `lazy`, a local path or `s3://…`.

        Raises:
            AcornNotFound: The table is not in this store and version, or with `lazy`, the subject has
                no file.
            SubjectNotFound: No data asset has such a subject.
            ValueError: Neither a subject nor a data asset is given; there is no such column or filter;
                or `lazy` with several subjects, with filters, or with a store in memory.
            TypeError: A value is of another kind than the column.
            ReadError: The table is there and cannot be read.
        """
    @overload
    def __call__(
        self,
        subject_id: str | int | None,
        asset_names: str | Iterable[str] | None = None,
        *,
        lazy: Literal[True],
        snapshot: AnySnapshot = None,
        offline: bool | None = None,
    ) -> str: ...
    @overload
    def __call__(
        self,
        subject_id: str | int | None,
        asset_names: str | Iterable[str] | None,
        lazy: Literal[True],
        *,
        snapshot: AnySnapshot = None,
        offline: bool | None = None,
    ) -> str: ...
    def arrow(self, subject_id: Subjects = ..., asset_names: str | Iterable[str] | None = None, *, name: Text = ..., stage: Text = ..., modality: Text = ..., status: Text = ..., tag: Text = ..., columns: Names = None, limit: int | None = None, offset: int = 0, order_by: Names = None, snapshot: AnySnapshot = None, offline: bool | None = None, name_contains: str | Iterable[str] | EllipsisType = ..., name_after: Time = ..., name_before: Time = ..., stage_contains: str | Iterable[str] | EllipsisType = ..., stage_after: Time = ..., stage_before: Time = ..., modality_contains: str | Iterable[str] | EllipsisType = ..., modality_after: Time = ..., modality_before: Time = ..., value: Text = ..., value_contains: str | Iterable[str] | EllipsisType = ..., value_after: Time = ..., value_before: Time = ..., status_contains: str | Iterable[str] | EllipsisType = ..., status_after: Time = ..., status_before: Time = ..., asset_name: Text = ..., asset_name_contains: str | Iterable[str] | EllipsisType = ..., asset_name_after: Time = ..., asset_name_before: Time = ..., subject_id_contains: str | Iterable[str] | EllipsisType = ..., subject_id_after: Time = ..., subject_id_before: Time = ..., timestamp: _Times = ..., timestamp_after: Time = ..., timestamp_before: Time = ..., tags: Text = ..., reference: Text = ..., reference_contains: str | Iterable[str] | EllipsisType = ..., reference_after: Time = ..., reference_before: Time = ..., evaluator: Text = ..., evaluator_contains: str | Iterable[str] | EllipsisType = ..., evaluator_after: Time = ..., evaluator_before: Time = ..., status_timestamp: _Times = ..., status_timestamp_after: Time = ..., status_timestamp_before: Time = ..., status_history: Text = ..., status_history_contains: str | Iterable[str] | EllipsisType = ..., status_history_after: Time = ..., status_history_before: Time = ..., value_type: Text = ..., value_type_contains: str | Iterable[str] | EllipsisType = ..., value_type_after: Time = ..., value_type_before: Time = ..., evaluated_assets: Text = ..., acquired_after: Time = ..., acquired_before: Time = ...) -> pa.Table:
        """The rows as a pyarrow.Table."""
    def polars(self, subject_id: Subjects = ..., asset_names: str | Iterable[str] | None = None, *, name: Text = ..., stage: Text = ..., modality: Text = ..., status: Text = ..., tag: Text = ..., columns: Names = None, limit: int | None = None, offset: int = 0, order_by: Names = None, snapshot: AnySnapshot = None, offline: bool | None = None, name_contains: str | Iterable[str] | EllipsisType = ..., name_after: Time = ..., name_before: Time = ..., stage_contains: str | Iterable[str] | EllipsisType = ..., stage_after: Time = ..., stage_before: Time = ..., modality_contains: str | Iterable[str] | EllipsisType = ..., modality_after: Time = ..., modality_before: Time = ..., value: Text = ..., value_contains: str | Iterable[str] | EllipsisType = ..., value_after: Time = ..., value_before: Time = ..., status_contains: str | Iterable[str] | EllipsisType = ..., status_after: Time = ..., status_before: Time = ..., asset_name: Text = ..., asset_name_contains: str | Iterable[str] | EllipsisType = ..., asset_name_after: Time = ..., asset_name_before: Time = ..., subject_id_contains: str | Iterable[str] | EllipsisType = ..., subject_id_after: Time = ..., subject_id_before: Time = ..., timestamp: _Times = ..., timestamp_after: Time = ..., timestamp_before: Time = ..., tags: Text = ..., reference: Text = ..., reference_contains: str | Iterable[str] | EllipsisType = ..., reference_after: Time = ..., reference_before: Time = ..., evaluator: Text = ..., evaluator_contains: str | Iterable[str] | EllipsisType = ..., evaluator_after: Time = ..., evaluator_before: Time = ..., status_timestamp: _Times = ..., status_timestamp_after: Time = ..., status_timestamp_before: Time = ..., status_history: Text = ..., status_history_contains: str | Iterable[str] | EllipsisType = ..., status_history_after: Time = ..., status_history_before: Time = ..., value_type: Text = ..., value_type_contains: str | Iterable[str] | EllipsisType = ..., value_type_after: Time = ..., value_type_before: Time = ..., evaluated_assets: Text = ..., acquired_after: Time = ..., acquired_before: Time = ...) -> pl.DataFrame:
        """The rows as a polars.DataFrame; needs the extra polars."""
    def duckdb(self, subject_id: Subjects = ..., asset_names: str | Iterable[str] | None = None, *, name: Text = ..., stage: Text = ..., modality: Text = ..., status: Text = ..., tag: Text = ..., columns: Names = None, limit: int | None = None, offset: int = 0, order_by: Names = None, snapshot: AnySnapshot = None, offline: bool | None = None, name_contains: str | Iterable[str] | EllipsisType = ..., name_after: Time = ..., name_before: Time = ..., stage_contains: str | Iterable[str] | EllipsisType = ..., stage_after: Time = ..., stage_before: Time = ..., modality_contains: str | Iterable[str] | EllipsisType = ..., modality_after: Time = ..., modality_before: Time = ..., value: Text = ..., value_contains: str | Iterable[str] | EllipsisType = ..., value_after: Time = ..., value_before: Time = ..., status_contains: str | Iterable[str] | EllipsisType = ..., status_after: Time = ..., status_before: Time = ..., asset_name: Text = ..., asset_name_contains: str | Iterable[str] | EllipsisType = ..., asset_name_after: Time = ..., asset_name_before: Time = ..., subject_id_contains: str | Iterable[str] | EllipsisType = ..., subject_id_after: Time = ..., subject_id_before: Time = ..., timestamp: _Times = ..., timestamp_after: Time = ..., timestamp_before: Time = ..., tags: Text = ..., reference: Text = ..., reference_contains: str | Iterable[str] | EllipsisType = ..., reference_after: Time = ..., reference_before: Time = ..., evaluator: Text = ..., evaluator_contains: str | Iterable[str] | EllipsisType = ..., evaluator_after: Time = ..., evaluator_before: Time = ..., status_timestamp: _Times = ..., status_timestamp_after: Time = ..., status_timestamp_before: Time = ..., status_history: Text = ..., status_history_contains: str | Iterable[str] | EllipsisType = ..., status_history_after: Time = ..., status_history_before: Time = ..., value_type: Text = ..., value_type_contains: str | Iterable[str] | EllipsisType = ..., value_type_after: Time = ..., value_type_before: Time = ..., evaluated_assets: Text = ..., acquired_after: Time = ..., acquired_before: Time = ...) -> duckdb.DuckDBPyRelation:
        """The rows as a DuckDB relation; needs the extra sql."""

qc: _Qc
quality_control: _Qc

class _QcTagStatus(Protocol):
    def __call__(self, subject_id: Subjects = ..., asset_names: str | Iterable[str] | None = None, *, tag: Text = ..., status: Text = ..., columns: Names = None, limit: int | None = None, offset: int = 0, order_by: Names = None, snapshot: AnySnapshot = None, offline: bool | None = None, tag_contains: str | Iterable[str] | EllipsisType = ..., tag_after: Time = ..., tag_before: Time = ..., status_contains: str | Iterable[str] | EllipsisType = ..., status_after: Time = ..., status_before: Time = ..., asset_name: Text = ..., asset_name_contains: str | Iterable[str] | EllipsisType = ..., asset_name_after: Time = ..., asset_name_before: Time = ..., subject_id_contains: str | Iterable[str] | EllipsisType = ..., subject_id_after: Time = ..., subject_id_before: Time = ..., timestamp: _Times = ..., timestamp_after: Time = ..., timestamp_before: Time = ..., acquired_after: Time = ..., acquired_before: Time = ...) -> pd.DataFrame:
        """Quality control status by tag of one subject or several, one row per data asset and key.

        Args:
            subject_id: The animal, or several; None for the data assets that have no subject. Left
                out, the subjects of `asset_names` are looked up.
            asset_names: Only rows of these data assets; a `UserWarning` names those without rows.
            tag: A tag, a modality's abbreviation or a stage.
            status: `Pass`, `Fail` or `Pending`.
            columns: Only these columns, in this order.
            limit: The largest number of rows; `attrs` has the number without it, `rows_total`.
            offset: How many rows to leave out before the first.
            order_by: Sort by these columns; `-` before a name sorts from the largest. Nulls are last.
            snapshot: Read this `Snapshot`, id, name, or the last before a date; else `ZS_SNAPSHOT`.
            offline: Send no requests and read the local cache; else `ZS_OFFLINE`.
            others: Filters on other columns, by the column's name; the module lists all filters.

        Returns:
            `tag`, `status`, `asset_name`, `subject_id` and `timestamp` (UTC). A subject without QC
            gives no rows, but all columns.

        Raises:
            AcornNotFound: The table is not in this store and version.
            SubjectNotFound: No data asset has such a subject.
            ValueError: Neither a subject nor a data asset is given, or there is no such column or
                filter.
            TypeError: A value is of another kind than the column.
            ReadError: The table is there and cannot be read.
        """
    def arrow(self, subject_id: Subjects = ..., asset_names: str | Iterable[str] | None = None, *, tag: Text = ..., status: Text = ..., columns: Names = None, limit: int | None = None, offset: int = 0, order_by: Names = None, snapshot: AnySnapshot = None, offline: bool | None = None, tag_contains: str | Iterable[str] | EllipsisType = ..., tag_after: Time = ..., tag_before: Time = ..., status_contains: str | Iterable[str] | EllipsisType = ..., status_after: Time = ..., status_before: Time = ..., asset_name: Text = ..., asset_name_contains: str | Iterable[str] | EllipsisType = ..., asset_name_after: Time = ..., asset_name_before: Time = ..., subject_id_contains: str | Iterable[str] | EllipsisType = ..., subject_id_after: Time = ..., subject_id_before: Time = ..., timestamp: _Times = ..., timestamp_after: Time = ..., timestamp_before: Time = ..., acquired_after: Time = ..., acquired_before: Time = ...) -> pa.Table:
        """The rows as a pyarrow.Table."""
    def polars(self, subject_id: Subjects = ..., asset_names: str | Iterable[str] | None = None, *, tag: Text = ..., status: Text = ..., columns: Names = None, limit: int | None = None, offset: int = 0, order_by: Names = None, snapshot: AnySnapshot = None, offline: bool | None = None, tag_contains: str | Iterable[str] | EllipsisType = ..., tag_after: Time = ..., tag_before: Time = ..., status_contains: str | Iterable[str] | EllipsisType = ..., status_after: Time = ..., status_before: Time = ..., asset_name: Text = ..., asset_name_contains: str | Iterable[str] | EllipsisType = ..., asset_name_after: Time = ..., asset_name_before: Time = ..., subject_id_contains: str | Iterable[str] | EllipsisType = ..., subject_id_after: Time = ..., subject_id_before: Time = ..., timestamp: _Times = ..., timestamp_after: Time = ..., timestamp_before: Time = ..., acquired_after: Time = ..., acquired_before: Time = ...) -> pl.DataFrame:
        """The rows as a polars.DataFrame; needs the extra polars."""
    def duckdb(self, subject_id: Subjects = ..., asset_names: str | Iterable[str] | None = None, *, tag: Text = ..., status: Text = ..., columns: Names = None, limit: int | None = None, offset: int = 0, order_by: Names = None, snapshot: AnySnapshot = None, offline: bool | None = None, tag_contains: str | Iterable[str] | EllipsisType = ..., tag_after: Time = ..., tag_before: Time = ..., status_contains: str | Iterable[str] | EllipsisType = ..., status_after: Time = ..., status_before: Time = ..., asset_name: Text = ..., asset_name_contains: str | Iterable[str] | EllipsisType = ..., asset_name_after: Time = ..., asset_name_before: Time = ..., subject_id_contains: str | Iterable[str] | EllipsisType = ..., subject_id_after: Time = ..., subject_id_before: Time = ..., timestamp: _Times = ..., timestamp_after: Time = ..., timestamp_before: Time = ..., acquired_after: Time = ..., acquired_before: Time = ...) -> duckdb.DuckDBPyRelation:
        """The rows as a DuckDB relation; needs the extra sql."""

qc_tag_status: _QcTagStatus

class _TimeToQc(Protocol):
    def __call__(self, *, name: Text = ..., columns: Names = None, limit: int | None = None, offset: int = 0, order_by: Names = None, snapshot: AnySnapshot = None, offline: bool | None = None, name_contains: str | Iterable[str] | EllipsisType = ..., name_after: Time = ..., name_before: Time = ..., process_end_time: _Times = ..., process_end_time_after: Time = ..., process_end_time_before: Time = ..., qc_time: _Times = ..., qc_time_after: Time = ..., qc_time_before: Time = ...) -> pd.DataFrame:
        """When derived data assets were processed and when their QC was done, one row per document.

        Args:
            name: The derived data asset's name.
            columns: Only these columns, in this order.
            limit: The largest number of rows; `attrs` has the number without it, `rows_total`.
            offset: How many rows to leave out before the first.
            order_by: Sort by these columns; `-` before a name sorts from the largest. Nulls are last.
            snapshot: Read this `Snapshot`, id, name, or the last before a date; else `ZS_SNAPSHOT`.
            offline: Send no requests and read the local cache; else `ZS_OFFLINE`.
            others: Filters on other columns, by the column's name; the module lists all filters.

        Returns:
            `name`, `process_end_time` (null where no data process has a time) and `qc_time`, which is
            null while any metric is pending.

        Raises:
            AcornNotFound: The table is not in this store and version.
            ValueError: Unknown column or filter (the message lists them), or a bad value.
            TypeError: A value is of another kind than the column.
            ReadError: The table is there and cannot be read.
        """
    def arrow(self, *, name: Text = ..., columns: Names = None, limit: int | None = None, offset: int = 0, order_by: Names = None, snapshot: AnySnapshot = None, offline: bool | None = None, name_contains: str | Iterable[str] | EllipsisType = ..., name_after: Time = ..., name_before: Time = ..., process_end_time: _Times = ..., process_end_time_after: Time = ..., process_end_time_before: Time = ..., qc_time: _Times = ..., qc_time_after: Time = ..., qc_time_before: Time = ...) -> pa.Table:
        """The rows as a pyarrow.Table."""
    def polars(self, *, name: Text = ..., columns: Names = None, limit: int | None = None, offset: int = 0, order_by: Names = None, snapshot: AnySnapshot = None, offline: bool | None = None, name_contains: str | Iterable[str] | EllipsisType = ..., name_after: Time = ..., name_before: Time = ..., process_end_time: _Times = ..., process_end_time_after: Time = ..., process_end_time_before: Time = ..., qc_time: _Times = ..., qc_time_after: Time = ..., qc_time_before: Time = ...) -> pl.DataFrame:
        """The rows as a polars.DataFrame; needs the extra polars."""
    def duckdb(self, *, name: Text = ..., columns: Names = None, limit: int | None = None, offset: int = 0, order_by: Names = None, snapshot: AnySnapshot = None, offline: bool | None = None, name_contains: str | Iterable[str] | EllipsisType = ..., name_after: Time = ..., name_before: Time = ..., process_end_time: _Times = ..., process_end_time_after: Time = ..., process_end_time_before: Time = ..., qc_time: _Times = ..., qc_time_after: Time = ..., qc_time_before: Time = ...) -> duckdb.DuckDBPyRelation:
        """The rows as a DuckDB relation; needs the extra sql."""

time_to_qc: _TimeToQc

class _PlatformQc(Protocol):
    def __call__(self, platform: str | Iterable[str] | EllipsisType = ..., *, asset_name: Text = ..., tag: Text = ..., status: Text = ..., acquired_after: Time = ..., acquired_before: Time = ..., columns: Names = None, limit: int | None = None, offset: int = 0, order_by: Names = None, snapshot: AnySnapshot = None, offline: bool | None = None, asset_name_contains: str | Iterable[str] | EllipsisType = ..., asset_name_after: Time = ..., asset_name_before: Time = ..., tag_contains: str | Iterable[str] | EllipsisType = ..., tag_after: Time = ..., tag_before: Time = ..., status_contains: str | Iterable[str] | EllipsisType = ..., status_after: Time = ..., status_before: Time = ..., timestamp: _Times = ..., timestamp_after: Time = ..., timestamp_before: Time = ..., instrument_id_normalized: Text = ..., instrument_id_normalized_contains: str | Iterable[str] | EllipsisType = ..., instrument_id_normalized_after: Time = ..., instrument_id_normalized_before: Time = ..., experimenters_normalized: Text = ...) -> pd.DataFrame:
        """Quality control status by tag of one platform or several, one row per data asset and tag.

        Args:
            platform: Such as `fib` or `ecephys`, or several; left out, all. The error for an unknown
                platform lists all.
            asset_name: The data asset's name.
            tag: A tag, or a modality's abbreviation.
            status: `Pass`, `Fail` or `Pending`.
            acquired_after: Only acquisitions that began at this time or later.
            acquired_before: Only acquisitions that began before this time.
            columns: Only these columns, in this order.
            limit: The largest number of rows; `attrs` has the number without it, `rows_total`.
            offset: How many rows to leave out before the first.
            order_by: Sort by these columns; `-` before a name sorts from the largest. Nulls are last.
            snapshot: Read this `Snapshot`, id, name, or the last before a date; else `ZS_SNAPSHOT`.
            offline: Send no requests and read the local cache; else `ZS_OFFLINE`.
            others: Filters on other columns, by the column's name; the module lists all filters.

        Returns:
            `asset_name`, `tag`, `status`, `timestamp` (UTC), `instrument_id_normalized`, the list
            `experimenters_normalized` and `platform`. A platform without QC gives no rows, but all
            columns.

        Raises:
            AcornNotFound: The table is not in this store and version.
            ValueError: There is no such platform, column or filter, or a value does not fit.
            TypeError: A value is of another kind than the column.
            ReadError: The table is there and cannot be read.
        """
    def arrow(self, platform: str | Iterable[str] | EllipsisType = ..., *, asset_name: Text = ..., tag: Text = ..., status: Text = ..., acquired_after: Time = ..., acquired_before: Time = ..., columns: Names = None, limit: int | None = None, offset: int = 0, order_by: Names = None, snapshot: AnySnapshot = None, offline: bool | None = None, asset_name_contains: str | Iterable[str] | EllipsisType = ..., asset_name_after: Time = ..., asset_name_before: Time = ..., tag_contains: str | Iterable[str] | EllipsisType = ..., tag_after: Time = ..., tag_before: Time = ..., status_contains: str | Iterable[str] | EllipsisType = ..., status_after: Time = ..., status_before: Time = ..., timestamp: _Times = ..., timestamp_after: Time = ..., timestamp_before: Time = ..., instrument_id_normalized: Text = ..., instrument_id_normalized_contains: str | Iterable[str] | EllipsisType = ..., instrument_id_normalized_after: Time = ..., instrument_id_normalized_before: Time = ..., experimenters_normalized: Text = ...) -> pa.Table:
        """The rows as a pyarrow.Table."""
    def polars(self, platform: str | Iterable[str] | EllipsisType = ..., *, asset_name: Text = ..., tag: Text = ..., status: Text = ..., acquired_after: Time = ..., acquired_before: Time = ..., columns: Names = None, limit: int | None = None, offset: int = 0, order_by: Names = None, snapshot: AnySnapshot = None, offline: bool | None = None, asset_name_contains: str | Iterable[str] | EllipsisType = ..., asset_name_after: Time = ..., asset_name_before: Time = ..., tag_contains: str | Iterable[str] | EllipsisType = ..., tag_after: Time = ..., tag_before: Time = ..., status_contains: str | Iterable[str] | EllipsisType = ..., status_after: Time = ..., status_before: Time = ..., timestamp: _Times = ..., timestamp_after: Time = ..., timestamp_before: Time = ..., instrument_id_normalized: Text = ..., instrument_id_normalized_contains: str | Iterable[str] | EllipsisType = ..., instrument_id_normalized_after: Time = ..., instrument_id_normalized_before: Time = ..., experimenters_normalized: Text = ...) -> pl.DataFrame:
        """The rows as a polars.DataFrame; needs the extra polars."""
    def duckdb(self, platform: str | Iterable[str] | EllipsisType = ..., *, asset_name: Text = ..., tag: Text = ..., status: Text = ..., acquired_after: Time = ..., acquired_before: Time = ..., columns: Names = None, limit: int | None = None, offset: int = 0, order_by: Names = None, snapshot: AnySnapshot = None, offline: bool | None = None, asset_name_contains: str | Iterable[str] | EllipsisType = ..., asset_name_after: Time = ..., asset_name_before: Time = ..., tag_contains: str | Iterable[str] | EllipsisType = ..., tag_after: Time = ..., tag_before: Time = ..., status_contains: str | Iterable[str] | EllipsisType = ..., status_after: Time = ..., status_before: Time = ..., timestamp: _Times = ..., timestamp_after: Time = ..., timestamp_before: Time = ..., instrument_id_normalized: Text = ..., instrument_id_normalized_contains: str | Iterable[str] | EllipsisType = ..., instrument_id_normalized_after: Time = ..., instrument_id_normalized_before: Time = ..., experimenters_normalized: Text = ...) -> duckdb.DuckDBPyRelation:
        """The rows as a DuckDB relation; needs the extra sql."""

platform_qc: _PlatformQc

class _MetadataCore(Protocol):
    def __call__(self, *, _id: Text = ..., columns: Names = None, limit: int | None = None, offset: int = 0, order_by: Names = None, snapshot: AnySnapshot = None, offline: bool | None = None, _id_contains: str | Iterable[str] | EllipsisType = ..., _id_after: Time = ..., _id_before: Time = ..., _last_modified: _Times = ..., _last_modified_after: Time = ..., _last_modified_before: Time = ..., subject: _Flags = ..., data_description: _Flags = ..., procedures: _Flags = ..., instrument: _Flags = ..., acquisition: _Flags = ..., processing: _Flags = ..., quality_control: _Flags = ...) -> pd.DataFrame:
        """Core metadata files of each document, one row per document.

        Args:
            _id: The document's id.
            columns: Only these columns, in this order.
            limit: The largest number of rows; `attrs` has the number without it, `rows_total`.
            offset: How many rows to leave out before the first.
            order_by: Sort by these columns; `-` before a name sorts from the largest. Nulls are last.
            snapshot: Read this `Snapshot`, id, name, or the last before a date; else `ZS_SNAPSHOT`.
            offline: Send no requests and read the local cache; else `ZS_OFFLINE`.
            others: Filters on other columns, by the column's name; the module lists all filters.

        Returns:
            `_id`, `_last_modified` (UTC), and for each core file a bool, never null.

        Raises:
            AcornNotFound: The table is not in this store and version.
            ValueError: Unknown column or filter (the message lists them), or a bad value.
            TypeError: A value is of another kind than the column.
            ReadError: The table is there and cannot be read.
        """
    def arrow(self, *, _id: Text = ..., columns: Names = None, limit: int | None = None, offset: int = 0, order_by: Names = None, snapshot: AnySnapshot = None, offline: bool | None = None, _id_contains: str | Iterable[str] | EllipsisType = ..., _id_after: Time = ..., _id_before: Time = ..., _last_modified: _Times = ..., _last_modified_after: Time = ..., _last_modified_before: Time = ..., subject: _Flags = ..., data_description: _Flags = ..., procedures: _Flags = ..., instrument: _Flags = ..., acquisition: _Flags = ..., processing: _Flags = ..., quality_control: _Flags = ...) -> pa.Table:
        """The rows as a pyarrow.Table."""
    def polars(self, *, _id: Text = ..., columns: Names = None, limit: int | None = None, offset: int = 0, order_by: Names = None, snapshot: AnySnapshot = None, offline: bool | None = None, _id_contains: str | Iterable[str] | EllipsisType = ..., _id_after: Time = ..., _id_before: Time = ..., _last_modified: _Times = ..., _last_modified_after: Time = ..., _last_modified_before: Time = ..., subject: _Flags = ..., data_description: _Flags = ..., procedures: _Flags = ..., instrument: _Flags = ..., acquisition: _Flags = ..., processing: _Flags = ..., quality_control: _Flags = ...) -> pl.DataFrame:
        """The rows as a polars.DataFrame; needs the extra polars."""
    def duckdb(self, *, _id: Text = ..., columns: Names = None, limit: int | None = None, offset: int = 0, order_by: Names = None, snapshot: AnySnapshot = None, offline: bool | None = None, _id_contains: str | Iterable[str] | EllipsisType = ..., _id_after: Time = ..., _id_before: Time = ..., _last_modified: _Times = ..., _last_modified_after: Time = ..., _last_modified_before: Time = ..., subject: _Flags = ..., data_description: _Flags = ..., procedures: _Flags = ..., instrument: _Flags = ..., acquisition: _Flags = ..., processing: _Flags = ..., quality_control: _Flags = ...) -> duckdb.DuckDBPyRelation:
        """The rows as a DuckDB relation; needs the extra sql."""

metadata_core: _MetadataCore

class _AssetsSmartspim(Protocol):
    def __call__(self, *, name: Text = ..., raw_name: Text = ..., channel: Text = ..., processed: Flag = ..., columns: Names = None, limit: int | None = None, offset: int = 0, order_by: Names = None, snapshot: AnySnapshot = None, offline: bool | None = None, name_contains: str | Iterable[str] | EllipsisType = ..., name_after: Time = ..., name_before: Time = ..., raw_name_contains: str | Iterable[str] | EllipsisType = ..., raw_name_after: Time = ..., raw_name_before: Time = ..., institution: Text = ..., institution_contains: str | Iterable[str] | EllipsisType = ..., institution_after: Time = ..., institution_before: Time = ..., processing_end_time: _Times = ..., processing_end_time_after: Time = ..., processing_end_time_before: Time = ..., stitched_link: Text = ..., stitched_link_contains: str | Iterable[str] | EllipsisType = ..., stitched_link_after: Time = ..., stitched_link_before: Time = ..., raw_link: Text = ..., raw_link_contains: str | Iterable[str] | EllipsisType = ..., raw_link_after: Time = ..., raw_link_before: Time = ..., channel_contains: str | Iterable[str] | EllipsisType = ..., channel_after: Time = ..., channel_before: Time = ..., segmentation_link: Text = ..., segmentation_link_contains: str | Iterable[str] | EllipsisType = ..., segmentation_link_after: Time = ..., segmentation_link_before: Time = ..., quantification_link: Text = ..., quantification_link_contains: str | Iterable[str] | EllipsisType = ..., quantification_link_after: Time = ..., quantification_link_before: Time = ..., alignment_link: Text = ..., alignment_link_contains: str | Iterable[str] | EllipsisType = ..., alignment_link_after: Time = ..., alignment_link_before: Time = ..., alignment_ccf_link: Text = ..., alignment_ccf_link_contains: str | Iterable[str] | EllipsisType = ..., alignment_ccf_link_after: Time = ..., alignment_ccf_link_before: Time = ...) -> pd.DataFrame:
        """SmartSPIM data assets with links to view them, one row per data asset and channel.

        Args:
            name: The stitched data asset's name.
            raw_name: The raw data asset's name.
            channel: Such as `Ex_488_Em_525`.
            processed: Whether there is a stitched data asset.
            columns: Only these columns, in this order.
            limit: The largest number of rows; `attrs` has the number without it, `rows_total`.
            offset: How many rows to leave out before the first.
            order_by: Sort by these columns; `-` before a name sorts from the largest. Nulls are last.
            snapshot: Read this `Snapshot`, id, name, or the last before a date; else `ZS_SNAPSHOT`.
            offline: Send no requests and read the local cache; else `ZS_OFFLINE`.
            others: Filters on other columns, by the column's name; the module lists all filters.

        Returns:
            `raw_name`, and `name`: the latest stitched data asset made from the raw one, or the raw one
            itself while `processed` is false. Links open in Neuroglancer. Columns about the stitched
            data asset are null if there is none, columns about a channel if there are no channels.
            `processing_end_time` is UTC.

        Raises:
            AcornNotFound: The table is not in this store and version.
            ValueError: Unknown column or filter (the message lists them), or a bad value.
            TypeError: A value is of another kind than the column.
            ReadError: The table is there and cannot be read.
        """
    def arrow(self, *, name: Text = ..., raw_name: Text = ..., channel: Text = ..., processed: Flag = ..., columns: Names = None, limit: int | None = None, offset: int = 0, order_by: Names = None, snapshot: AnySnapshot = None, offline: bool | None = None, name_contains: str | Iterable[str] | EllipsisType = ..., name_after: Time = ..., name_before: Time = ..., raw_name_contains: str | Iterable[str] | EllipsisType = ..., raw_name_after: Time = ..., raw_name_before: Time = ..., institution: Text = ..., institution_contains: str | Iterable[str] | EllipsisType = ..., institution_after: Time = ..., institution_before: Time = ..., processing_end_time: _Times = ..., processing_end_time_after: Time = ..., processing_end_time_before: Time = ..., stitched_link: Text = ..., stitched_link_contains: str | Iterable[str] | EllipsisType = ..., stitched_link_after: Time = ..., stitched_link_before: Time = ..., raw_link: Text = ..., raw_link_contains: str | Iterable[str] | EllipsisType = ..., raw_link_after: Time = ..., raw_link_before: Time = ..., channel_contains: str | Iterable[str] | EllipsisType = ..., channel_after: Time = ..., channel_before: Time = ..., segmentation_link: Text = ..., segmentation_link_contains: str | Iterable[str] | EllipsisType = ..., segmentation_link_after: Time = ..., segmentation_link_before: Time = ..., quantification_link: Text = ..., quantification_link_contains: str | Iterable[str] | EllipsisType = ..., quantification_link_after: Time = ..., quantification_link_before: Time = ..., alignment_link: Text = ..., alignment_link_contains: str | Iterable[str] | EllipsisType = ..., alignment_link_after: Time = ..., alignment_link_before: Time = ..., alignment_ccf_link: Text = ..., alignment_ccf_link_contains: str | Iterable[str] | EllipsisType = ..., alignment_ccf_link_after: Time = ..., alignment_ccf_link_before: Time = ...) -> pa.Table:
        """The rows as a pyarrow.Table."""
    def polars(self, *, name: Text = ..., raw_name: Text = ..., channel: Text = ..., processed: Flag = ..., columns: Names = None, limit: int | None = None, offset: int = 0, order_by: Names = None, snapshot: AnySnapshot = None, offline: bool | None = None, name_contains: str | Iterable[str] | EllipsisType = ..., name_after: Time = ..., name_before: Time = ..., raw_name_contains: str | Iterable[str] | EllipsisType = ..., raw_name_after: Time = ..., raw_name_before: Time = ..., institution: Text = ..., institution_contains: str | Iterable[str] | EllipsisType = ..., institution_after: Time = ..., institution_before: Time = ..., processing_end_time: _Times = ..., processing_end_time_after: Time = ..., processing_end_time_before: Time = ..., stitched_link: Text = ..., stitched_link_contains: str | Iterable[str] | EllipsisType = ..., stitched_link_after: Time = ..., stitched_link_before: Time = ..., raw_link: Text = ..., raw_link_contains: str | Iterable[str] | EllipsisType = ..., raw_link_after: Time = ..., raw_link_before: Time = ..., channel_contains: str | Iterable[str] | EllipsisType = ..., channel_after: Time = ..., channel_before: Time = ..., segmentation_link: Text = ..., segmentation_link_contains: str | Iterable[str] | EllipsisType = ..., segmentation_link_after: Time = ..., segmentation_link_before: Time = ..., quantification_link: Text = ..., quantification_link_contains: str | Iterable[str] | EllipsisType = ..., quantification_link_after: Time = ..., quantification_link_before: Time = ..., alignment_link: Text = ..., alignment_link_contains: str | Iterable[str] | EllipsisType = ..., alignment_link_after: Time = ..., alignment_link_before: Time = ..., alignment_ccf_link: Text = ..., alignment_ccf_link_contains: str | Iterable[str] | EllipsisType = ..., alignment_ccf_link_after: Time = ..., alignment_ccf_link_before: Time = ...) -> pl.DataFrame:
        """The rows as a polars.DataFrame; needs the extra polars."""
    def duckdb(self, *, name: Text = ..., raw_name: Text = ..., channel: Text = ..., processed: Flag = ..., columns: Names = None, limit: int | None = None, offset: int = 0, order_by: Names = None, snapshot: AnySnapshot = None, offline: bool | None = None, name_contains: str | Iterable[str] | EllipsisType = ..., name_after: Time = ..., name_before: Time = ..., raw_name_contains: str | Iterable[str] | EllipsisType = ..., raw_name_after: Time = ..., raw_name_before: Time = ..., institution: Text = ..., institution_contains: str | Iterable[str] | EllipsisType = ..., institution_after: Time = ..., institution_before: Time = ..., processing_end_time: _Times = ..., processing_end_time_after: Time = ..., processing_end_time_before: Time = ..., stitched_link: Text = ..., stitched_link_contains: str | Iterable[str] | EllipsisType = ..., stitched_link_after: Time = ..., stitched_link_before: Time = ..., raw_link: Text = ..., raw_link_contains: str | Iterable[str] | EllipsisType = ..., raw_link_after: Time = ..., raw_link_before: Time = ..., channel_contains: str | Iterable[str] | EllipsisType = ..., channel_after: Time = ..., channel_before: Time = ..., segmentation_link: Text = ..., segmentation_link_contains: str | Iterable[str] | EllipsisType = ..., segmentation_link_after: Time = ..., segmentation_link_before: Time = ..., quantification_link: Text = ..., quantification_link_contains: str | Iterable[str] | EllipsisType = ..., quantification_link_after: Time = ..., quantification_link_before: Time = ..., alignment_link: Text = ..., alignment_link_contains: str | Iterable[str] | EllipsisType = ..., alignment_link_after: Time = ..., alignment_link_before: Time = ..., alignment_ccf_link: Text = ..., alignment_ccf_link_contains: str | Iterable[str] | EllipsisType = ..., alignment_ccf_link_after: Time = ..., alignment_ccf_link_before: Time = ...) -> duckdb.DuckDBPyRelation:
        """The rows as a DuckDB relation; needs the extra sql."""

assets_smartspim: _AssetsSmartspim

class _PlatformSmartspimFiberCcf(Protocol):
    def __call__(self, *, subject_id: Text = ..., name: Text = ..., fiber: Text = ..., targeted_structure: Text = ..., columns: Names = None, limit: int | None = None, offset: int = 0, order_by: Names = None, snapshot: AnySnapshot = None, offline: bool | None = None, subject_id_contains: str | Iterable[str] | EllipsisType = ..., subject_id_after: Time = ..., subject_id_before: Time = ..., name_contains: str | Iterable[str] | EllipsisType = ..., name_after: Time = ..., name_before: Time = ..., fiber_contains: str | Iterable[str] | EllipsisType = ..., fiber_after: Time = ..., fiber_before: Time = ..., targeted_structure_contains: str | Iterable[str] | EllipsisType = ..., targeted_structure_after: Time = ..., targeted_structure_before: Time = ..., ap: _Numbers = ..., ap_min: float | EllipsisType = ..., ap_max: float | EllipsisType = ..., ml: _Numbers = ..., ml_min: float | EllipsisType = ..., ml_max: float | EllipsisType = ..., dv: _Numbers = ..., dv_min: float | EllipsisType = ..., dv_max: float | EllipsisType = ..., status: Text = ..., status_contains: str | Iterable[str] | EllipsisType = ..., status_after: Time = ..., status_before: Time = ..., evaluator: Text = ..., evaluator_contains: str | Iterable[str] | EllipsisType = ..., evaluator_after: Time = ..., evaluator_before: Time = ..., status_timestamp: _Times = ..., status_timestamp_after: Time = ..., status_timestamp_before: Time = ..., ccf_link: Text = ..., ccf_link_contains: str | Iterable[str] | EllipsisType = ..., ccf_link_after: Time = ..., ccf_link_before: Time = ...) -> pd.DataFrame:
        """Where implanted fibers end in the atlas, one row per stitched data asset and fiber.

        Args:
            subject_id: The animal.
            name: The stitched data asset's name.
            fiber: Such as `Fiber 0`.
            targeted_structure: Where the fiber was meant to end.
            columns: Only these columns, in this order.
            limit: The largest number of rows; `attrs` has the number without it, `rows_total`.
            offset: How many rows to leave out before the first.
            order_by: Sort by these columns; `-` before a name sorts from the largest. Nulls are last.
            snapshot: Read this `Snapshot`, id, name, or the last before a date; else `ZS_SNAPSHOT`.
            offline: Send no requests and read the local cache; else `ZS_OFFLINE`.
            others: Filters on other columns, by the column's name; the module lists all filters.

        Returns:
            `ap`, `ml` and `dv`, which are indices in the volume of 25 µm and null until the fiber is
            annotated, and the annotation's `status`, `evaluator`, `status_timestamp` and `ccf_link`,
            which opens the volume in Neuroglancer.

        Raises:
            AcornNotFound: The table is not in this store and version.
            ValueError: Unknown column or filter (the message lists them), or a bad value.
            TypeError: A value is of another kind than the column.
            ReadError: The table is there and cannot be read.
        """
    def arrow(self, *, subject_id: Text = ..., name: Text = ..., fiber: Text = ..., targeted_structure: Text = ..., columns: Names = None, limit: int | None = None, offset: int = 0, order_by: Names = None, snapshot: AnySnapshot = None, offline: bool | None = None, subject_id_contains: str | Iterable[str] | EllipsisType = ..., subject_id_after: Time = ..., subject_id_before: Time = ..., name_contains: str | Iterable[str] | EllipsisType = ..., name_after: Time = ..., name_before: Time = ..., fiber_contains: str | Iterable[str] | EllipsisType = ..., fiber_after: Time = ..., fiber_before: Time = ..., targeted_structure_contains: str | Iterable[str] | EllipsisType = ..., targeted_structure_after: Time = ..., targeted_structure_before: Time = ..., ap: _Numbers = ..., ap_min: float | EllipsisType = ..., ap_max: float | EllipsisType = ..., ml: _Numbers = ..., ml_min: float | EllipsisType = ..., ml_max: float | EllipsisType = ..., dv: _Numbers = ..., dv_min: float | EllipsisType = ..., dv_max: float | EllipsisType = ..., status: Text = ..., status_contains: str | Iterable[str] | EllipsisType = ..., status_after: Time = ..., status_before: Time = ..., evaluator: Text = ..., evaluator_contains: str | Iterable[str] | EllipsisType = ..., evaluator_after: Time = ..., evaluator_before: Time = ..., status_timestamp: _Times = ..., status_timestamp_after: Time = ..., status_timestamp_before: Time = ..., ccf_link: Text = ..., ccf_link_contains: str | Iterable[str] | EllipsisType = ..., ccf_link_after: Time = ..., ccf_link_before: Time = ...) -> pa.Table:
        """The rows as a pyarrow.Table."""
    def polars(self, *, subject_id: Text = ..., name: Text = ..., fiber: Text = ..., targeted_structure: Text = ..., columns: Names = None, limit: int | None = None, offset: int = 0, order_by: Names = None, snapshot: AnySnapshot = None, offline: bool | None = None, subject_id_contains: str | Iterable[str] | EllipsisType = ..., subject_id_after: Time = ..., subject_id_before: Time = ..., name_contains: str | Iterable[str] | EllipsisType = ..., name_after: Time = ..., name_before: Time = ..., fiber_contains: str | Iterable[str] | EllipsisType = ..., fiber_after: Time = ..., fiber_before: Time = ..., targeted_structure_contains: str | Iterable[str] | EllipsisType = ..., targeted_structure_after: Time = ..., targeted_structure_before: Time = ..., ap: _Numbers = ..., ap_min: float | EllipsisType = ..., ap_max: float | EllipsisType = ..., ml: _Numbers = ..., ml_min: float | EllipsisType = ..., ml_max: float | EllipsisType = ..., dv: _Numbers = ..., dv_min: float | EllipsisType = ..., dv_max: float | EllipsisType = ..., status: Text = ..., status_contains: str | Iterable[str] | EllipsisType = ..., status_after: Time = ..., status_before: Time = ..., evaluator: Text = ..., evaluator_contains: str | Iterable[str] | EllipsisType = ..., evaluator_after: Time = ..., evaluator_before: Time = ..., status_timestamp: _Times = ..., status_timestamp_after: Time = ..., status_timestamp_before: Time = ..., ccf_link: Text = ..., ccf_link_contains: str | Iterable[str] | EllipsisType = ..., ccf_link_after: Time = ..., ccf_link_before: Time = ...) -> pl.DataFrame:
        """The rows as a polars.DataFrame; needs the extra polars."""
    def duckdb(self, *, subject_id: Text = ..., name: Text = ..., fiber: Text = ..., targeted_structure: Text = ..., columns: Names = None, limit: int | None = None, offset: int = 0, order_by: Names = None, snapshot: AnySnapshot = None, offline: bool | None = None, subject_id_contains: str | Iterable[str] | EllipsisType = ..., subject_id_after: Time = ..., subject_id_before: Time = ..., name_contains: str | Iterable[str] | EllipsisType = ..., name_after: Time = ..., name_before: Time = ..., fiber_contains: str | Iterable[str] | EllipsisType = ..., fiber_after: Time = ..., fiber_before: Time = ..., targeted_structure_contains: str | Iterable[str] | EllipsisType = ..., targeted_structure_after: Time = ..., targeted_structure_before: Time = ..., ap: _Numbers = ..., ap_min: float | EllipsisType = ..., ap_max: float | EllipsisType = ..., ml: _Numbers = ..., ml_min: float | EllipsisType = ..., ml_max: float | EllipsisType = ..., dv: _Numbers = ..., dv_min: float | EllipsisType = ..., dv_max: float | EllipsisType = ..., status: Text = ..., status_contains: str | Iterable[str] | EllipsisType = ..., status_after: Time = ..., status_before: Time = ..., evaluator: Text = ..., evaluator_contains: str | Iterable[str] | EllipsisType = ..., evaluator_after: Time = ..., evaluator_before: Time = ..., status_timestamp: _Times = ..., status_timestamp_after: Time = ..., status_timestamp_before: Time = ..., ccf_link: Text = ..., ccf_link_contains: str | Iterable[str] | EllipsisType = ..., ccf_link_after: Time = ..., ccf_link_before: Time = ...) -> duckdb.DuckDBPyRelation:
        """The rows as a DuckDB relation; needs the extra sql."""

platform_smartspim_fiber_ccf: _PlatformSmartspimFiberCcf

class _PlatformSmartspimQcMetrics(Protocol):
    def __call__(self, *, subject_id: Text = ..., name: Text = ..., metric_name: Text = ..., channel: Text = ..., stage: Text = ..., status: Text = ..., columns: Names = None, limit: int | None = None, offset: int = 0, order_by: Names = None, snapshot: AnySnapshot = None, offline: bool | None = None, subject_id_contains: str | Iterable[str] | EllipsisType = ..., subject_id_after: Time = ..., subject_id_before: Time = ..., name_contains: str | Iterable[str] | EllipsisType = ..., name_after: Time = ..., name_before: Time = ..., metric_name_contains: str | Iterable[str] | EllipsisType = ..., metric_name_after: Time = ..., metric_name_before: Time = ..., channel_contains: str | Iterable[str] | EllipsisType = ..., channel_after: Time = ..., channel_before: Time = ..., stage_contains: str | Iterable[str] | EllipsisType = ..., stage_after: Time = ..., stage_before: Time = ..., value: Text = ..., value_contains: str | Iterable[str] | EllipsisType = ..., value_after: Time = ..., value_before: Time = ..., status_contains: str | Iterable[str] | EllipsisType = ..., status_after: Time = ..., status_before: Time = ..., evaluator: Text = ..., evaluator_contains: str | Iterable[str] | EllipsisType = ..., evaluator_after: Time = ..., evaluator_before: Time = ..., status_timestamp: _Times = ..., status_timestamp_after: Time = ..., status_timestamp_before: Time = ...) -> pd.DataFrame:
        """The standard QC metrics of derived SmartSPIM and exaSPIM data assets, one row per metric.

        Args:
            subject_id: The animal.
            name: The derived data asset's name.
            metric_name: Such as `Image stitching`.
            channel: The channel of a metric of brightness.
            stage: `Raw data`, `Processing`, `Analysis` or `Multi-asset`.
            status: `Pass`, `Fail` or `Pending`.
            columns: Only these columns, in this order.
            limit: The largest number of rows; `attrs` has the number without it, `rows_total`.
            offset: How many rows to leave out before the first.
            order_by: Sort by these columns; `-` before a name sorts from the largest. Nulls are last.
            snapshot: Read this `Snapshot`, id, name, or the last before a date; else `ZS_SNAPSHOT`.
            offline: Send no requests and read the local cache; else `ZS_OFFLINE`.
            others: Filters on other columns, by the column's name; the module lists all filters.

        Returns:
            `value` is a text as it is written, and everything else as JSON text; `qc` has the whole
            values. `status`, `evaluator` and `status_timestamp` are of the latest status.

        Raises:
            AcornNotFound: The table is not in this store and version.
            ValueError: Unknown column or filter (the message lists them), or a bad value.
            TypeError: A value is of another kind than the column.
            ReadError: The table is there and cannot be read.
        """
    def arrow(self, *, subject_id: Text = ..., name: Text = ..., metric_name: Text = ..., channel: Text = ..., stage: Text = ..., status: Text = ..., columns: Names = None, limit: int | None = None, offset: int = 0, order_by: Names = None, snapshot: AnySnapshot = None, offline: bool | None = None, subject_id_contains: str | Iterable[str] | EllipsisType = ..., subject_id_after: Time = ..., subject_id_before: Time = ..., name_contains: str | Iterable[str] | EllipsisType = ..., name_after: Time = ..., name_before: Time = ..., metric_name_contains: str | Iterable[str] | EllipsisType = ..., metric_name_after: Time = ..., metric_name_before: Time = ..., channel_contains: str | Iterable[str] | EllipsisType = ..., channel_after: Time = ..., channel_before: Time = ..., stage_contains: str | Iterable[str] | EllipsisType = ..., stage_after: Time = ..., stage_before: Time = ..., value: Text = ..., value_contains: str | Iterable[str] | EllipsisType = ..., value_after: Time = ..., value_before: Time = ..., status_contains: str | Iterable[str] | EllipsisType = ..., status_after: Time = ..., status_before: Time = ..., evaluator: Text = ..., evaluator_contains: str | Iterable[str] | EllipsisType = ..., evaluator_after: Time = ..., evaluator_before: Time = ..., status_timestamp: _Times = ..., status_timestamp_after: Time = ..., status_timestamp_before: Time = ...) -> pa.Table:
        """The rows as a pyarrow.Table."""
    def polars(self, *, subject_id: Text = ..., name: Text = ..., metric_name: Text = ..., channel: Text = ..., stage: Text = ..., status: Text = ..., columns: Names = None, limit: int | None = None, offset: int = 0, order_by: Names = None, snapshot: AnySnapshot = None, offline: bool | None = None, subject_id_contains: str | Iterable[str] | EllipsisType = ..., subject_id_after: Time = ..., subject_id_before: Time = ..., name_contains: str | Iterable[str] | EllipsisType = ..., name_after: Time = ..., name_before: Time = ..., metric_name_contains: str | Iterable[str] | EllipsisType = ..., metric_name_after: Time = ..., metric_name_before: Time = ..., channel_contains: str | Iterable[str] | EllipsisType = ..., channel_after: Time = ..., channel_before: Time = ..., stage_contains: str | Iterable[str] | EllipsisType = ..., stage_after: Time = ..., stage_before: Time = ..., value: Text = ..., value_contains: str | Iterable[str] | EllipsisType = ..., value_after: Time = ..., value_before: Time = ..., status_contains: str | Iterable[str] | EllipsisType = ..., status_after: Time = ..., status_before: Time = ..., evaluator: Text = ..., evaluator_contains: str | Iterable[str] | EllipsisType = ..., evaluator_after: Time = ..., evaluator_before: Time = ..., status_timestamp: _Times = ..., status_timestamp_after: Time = ..., status_timestamp_before: Time = ...) -> pl.DataFrame:
        """The rows as a polars.DataFrame; needs the extra polars."""
    def duckdb(self, *, subject_id: Text = ..., name: Text = ..., metric_name: Text = ..., channel: Text = ..., stage: Text = ..., status: Text = ..., columns: Names = None, limit: int | None = None, offset: int = 0, order_by: Names = None, snapshot: AnySnapshot = None, offline: bool | None = None, subject_id_contains: str | Iterable[str] | EllipsisType = ..., subject_id_after: Time = ..., subject_id_before: Time = ..., name_contains: str | Iterable[str] | EllipsisType = ..., name_after: Time = ..., name_before: Time = ..., metric_name_contains: str | Iterable[str] | EllipsisType = ..., metric_name_after: Time = ..., metric_name_before: Time = ..., channel_contains: str | Iterable[str] | EllipsisType = ..., channel_after: Time = ..., channel_before: Time = ..., stage_contains: str | Iterable[str] | EllipsisType = ..., stage_after: Time = ..., stage_before: Time = ..., value: Text = ..., value_contains: str | Iterable[str] | EllipsisType = ..., value_after: Time = ..., value_before: Time = ..., status_contains: str | Iterable[str] | EllipsisType = ..., status_after: Time = ..., status_before: Time = ..., evaluator: Text = ..., evaluator_contains: str | Iterable[str] | EllipsisType = ..., evaluator_after: Time = ..., evaluator_before: Time = ..., status_timestamp: _Times = ..., status_timestamp_after: Time = ..., status_timestamp_before: Time = ...) -> duckdb.DuckDBPyRelation:
        """The rows as a DuckDB relation; needs the extra sql."""

platform_smartspim_qc_metrics: _PlatformSmartspimQcMetrics

class _PlatformExaspim(Protocol):
    def __call__(self, *, name: Text = ..., raw_name: Text = ..., processed: Flag = ..., columns: Names = None, limit: int | None = None, offset: int = 0, order_by: Names = None, snapshot: AnySnapshot = None, offline: bool | None = None, name_contains: str | Iterable[str] | EllipsisType = ..., name_after: Time = ..., name_before: Time = ..., raw_name_contains: str | Iterable[str] | EllipsisType = ..., raw_name_after: Time = ..., raw_name_before: Time = ..., raw_link: Text = ..., raw_link_contains: str | Iterable[str] | EllipsisType = ..., raw_link_after: Time = ..., raw_link_before: Time = ..., fused_link: Text = ..., fused_link_contains: str | Iterable[str] | EllipsisType = ..., fused_link_after: Time = ..., fused_link_before: Time = ...) -> pd.DataFrame:
        """ExaSPIM data assets with links to view them, one row per raw data asset.

        Args:
            name: The fused data asset's name.
            raw_name: The raw data asset's name.
            processed: Whether there is a fused data asset.
            columns: Only these columns, in this order.
            limit: The largest number of rows; `attrs` has the number without it, `rows_total`.
            offset: How many rows to leave out before the first.
            order_by: Sort by these columns; `-` before a name sorts from the largest. Nulls are last.
            snapshot: Read this `Snapshot`, id, name, or the last before a date; else `ZS_SNAPSHOT`.
            offline: Send no requests and read the local cache; else `ZS_OFFLINE`.
            others: Filters on other columns, by the column's name; the module lists all filters.

        Returns:
            `raw_name`, and `name`: the latest fused data asset made from the raw one, or the raw one
            itself while `processed` is false. `raw_link` and `fused_link` open in Neuroglancer; a
            missing link is null.

        Raises:
            AcornNotFound: The table is not in this store and version.
            ValueError: Unknown column or filter (the message lists them), or a bad value.
            TypeError: A value is of another kind than the column.
            ReadError: The table is there and cannot be read.
        """
    def arrow(self, *, name: Text = ..., raw_name: Text = ..., processed: Flag = ..., columns: Names = None, limit: int | None = None, offset: int = 0, order_by: Names = None, snapshot: AnySnapshot = None, offline: bool | None = None, name_contains: str | Iterable[str] | EllipsisType = ..., name_after: Time = ..., name_before: Time = ..., raw_name_contains: str | Iterable[str] | EllipsisType = ..., raw_name_after: Time = ..., raw_name_before: Time = ..., raw_link: Text = ..., raw_link_contains: str | Iterable[str] | EllipsisType = ..., raw_link_after: Time = ..., raw_link_before: Time = ..., fused_link: Text = ..., fused_link_contains: str | Iterable[str] | EllipsisType = ..., fused_link_after: Time = ..., fused_link_before: Time = ...) -> pa.Table:
        """The rows as a pyarrow.Table."""
    def polars(self, *, name: Text = ..., raw_name: Text = ..., processed: Flag = ..., columns: Names = None, limit: int | None = None, offset: int = 0, order_by: Names = None, snapshot: AnySnapshot = None, offline: bool | None = None, name_contains: str | Iterable[str] | EllipsisType = ..., name_after: Time = ..., name_before: Time = ..., raw_name_contains: str | Iterable[str] | EllipsisType = ..., raw_name_after: Time = ..., raw_name_before: Time = ..., raw_link: Text = ..., raw_link_contains: str | Iterable[str] | EllipsisType = ..., raw_link_after: Time = ..., raw_link_before: Time = ..., fused_link: Text = ..., fused_link_contains: str | Iterable[str] | EllipsisType = ..., fused_link_after: Time = ..., fused_link_before: Time = ...) -> pl.DataFrame:
        """The rows as a polars.DataFrame; needs the extra polars."""
    def duckdb(self, *, name: Text = ..., raw_name: Text = ..., processed: Flag = ..., columns: Names = None, limit: int | None = None, offset: int = 0, order_by: Names = None, snapshot: AnySnapshot = None, offline: bool | None = None, name_contains: str | Iterable[str] | EllipsisType = ..., name_after: Time = ..., name_before: Time = ..., raw_name_contains: str | Iterable[str] | EllipsisType = ..., raw_name_after: Time = ..., raw_name_before: Time = ..., raw_link: Text = ..., raw_link_contains: str | Iterable[str] | EllipsisType = ..., raw_link_after: Time = ..., raw_link_before: Time = ..., fused_link: Text = ..., fused_link_contains: str | Iterable[str] | EllipsisType = ..., fused_link_after: Time = ..., fused_link_before: Time = ...) -> duckdb.DuckDBPyRelation:
        """The rows as a DuckDB relation; needs the extra sql."""

platform_exaspim: _PlatformExaspim

class _PlatformFib(Protocol):
    def __call__(self, *, asset_name: Text = ..., fiber: Text = ..., channel: Text = ..., intended_measurement: Text = ..., targeted_structure: Text = ..., columns: Names = None, limit: int | None = None, offset: int = 0, order_by: Names = None, snapshot: AnySnapshot = None, offline: bool | None = None, asset_name_contains: str | Iterable[str] | EllipsisType = ..., asset_name_after: Time = ..., asset_name_before: Time = ..., fiber_contains: str | Iterable[str] | EllipsisType = ..., fiber_after: Time = ..., fiber_before: Time = ..., patch_cord: Text = ..., patch_cord_contains: str | Iterable[str] | EllipsisType = ..., patch_cord_after: Time = ..., patch_cord_before: Time = ..., channel_contains: str | Iterable[str] | EllipsisType = ..., channel_after: Time = ..., channel_before: Time = ..., intended_measurement_contains: str | Iterable[str] | EllipsisType = ..., intended_measurement_after: Time = ..., intended_measurement_before: Time = ..., targeted_structure_contains: str | Iterable[str] | EllipsisType = ..., targeted_structure_after: Time = ..., targeted_structure_before: Time = ..., target_coordinate_ap: _Numbers = ..., target_coordinate_ap_min: float | EllipsisType = ..., target_coordinate_ap_max: float | EllipsisType = ..., target_coordinate_ml: _Numbers = ..., target_coordinate_ml_min: float | EllipsisType = ..., target_coordinate_ml_max: float | EllipsisType = ..., target_coordinate_si: _Numbers = ..., target_coordinate_si_min: float | EllipsisType = ..., target_coordinate_si_max: float | EllipsisType = ..., target_coordinate_depth: _Numbers = ..., target_coordinate_depth_min: float | EllipsisType = ..., target_coordinate_depth_max: float | EllipsisType = ..., target_coordinate_system: Text = ..., target_coordinate_system_contains: str | Iterable[str] | EllipsisType = ..., target_coordinate_system_after: Time = ..., target_coordinate_system_before: Time = ..., target_coordinate_origin: Text = ..., target_coordinate_origin_contains: str | Iterable[str] | EllipsisType = ..., target_coordinate_origin_after: Time = ..., target_coordinate_origin_before: Time = ..., target_coordinate_unit: Text = ..., target_coordinate_unit_contains: str | Iterable[str] | EllipsisType = ..., target_coordinate_unit_after: Time = ..., target_coordinate_unit_before: Time = ...) -> pd.DataFrame:
        """Fibers of fiber photometry data assets, one row per data asset, fiber and channel.

        Args:
            asset_name: The data asset's name.
            fiber: Such as `Fiber_0`.
            channel: The channel.
            intended_measurement: What the channel measures.
            targeted_structure: Where the fiber ends.
            columns: Only these columns, in this order.
            limit: The largest number of rows; `attrs` has the number without it, `rows_total`.
            offset: How many rows to leave out before the first.
            order_by: Sort by these columns; `-` before a name sorts from the largest. Nulls are last.
            snapshot: Read this `Snapshot`, id, name, or the last before a date; else `ZS_SNAPSHOT`.
            offline: Send no requests and read the local cache; else `ZS_OFFLINE`.
            others: Filters on other columns, by the column's name; the module lists all filters.

        Returns:
            `asset_name`, `fiber`, `patch_cord`, `channel`, `intended_measurement` and
            `targeted_structure`. A missing value is the text `missing`, never null. Then the
            coordinate at which the fiber's implant was aimed, null where it is not known:
            `target_coordinate_ap`, `_ml`, `_si` and `_depth`, with `_system`, `_origin` and `_unit`.

        Raises:
            AcornNotFound: The table is not in this store and version.
            ValueError: Unknown column or filter (the message lists them), or a bad value.
            TypeError: A value is of another kind than the column.
            ReadError: The table is there and cannot be read.
        """
    def arrow(self, *, asset_name: Text = ..., fiber: Text = ..., channel: Text = ..., intended_measurement: Text = ..., targeted_structure: Text = ..., columns: Names = None, limit: int | None = None, offset: int = 0, order_by: Names = None, snapshot: AnySnapshot = None, offline: bool | None = None, asset_name_contains: str | Iterable[str] | EllipsisType = ..., asset_name_after: Time = ..., asset_name_before: Time = ..., fiber_contains: str | Iterable[str] | EllipsisType = ..., fiber_after: Time = ..., fiber_before: Time = ..., patch_cord: Text = ..., patch_cord_contains: str | Iterable[str] | EllipsisType = ..., patch_cord_after: Time = ..., patch_cord_before: Time = ..., channel_contains: str | Iterable[str] | EllipsisType = ..., channel_after: Time = ..., channel_before: Time = ..., intended_measurement_contains: str | Iterable[str] | EllipsisType = ..., intended_measurement_after: Time = ..., intended_measurement_before: Time = ..., targeted_structure_contains: str | Iterable[str] | EllipsisType = ..., targeted_structure_after: Time = ..., targeted_structure_before: Time = ..., target_coordinate_ap: _Numbers = ..., target_coordinate_ap_min: float | EllipsisType = ..., target_coordinate_ap_max: float | EllipsisType = ..., target_coordinate_ml: _Numbers = ..., target_coordinate_ml_min: float | EllipsisType = ..., target_coordinate_ml_max: float | EllipsisType = ..., target_coordinate_si: _Numbers = ..., target_coordinate_si_min: float | EllipsisType = ..., target_coordinate_si_max: float | EllipsisType = ..., target_coordinate_depth: _Numbers = ..., target_coordinate_depth_min: float | EllipsisType = ..., target_coordinate_depth_max: float | EllipsisType = ..., target_coordinate_system: Text = ..., target_coordinate_system_contains: str | Iterable[str] | EllipsisType = ..., target_coordinate_system_after: Time = ..., target_coordinate_system_before: Time = ..., target_coordinate_origin: Text = ..., target_coordinate_origin_contains: str | Iterable[str] | EllipsisType = ..., target_coordinate_origin_after: Time = ..., target_coordinate_origin_before: Time = ..., target_coordinate_unit: Text = ..., target_coordinate_unit_contains: str | Iterable[str] | EllipsisType = ..., target_coordinate_unit_after: Time = ..., target_coordinate_unit_before: Time = ...) -> pa.Table:
        """The rows as a pyarrow.Table."""
    def polars(self, *, asset_name: Text = ..., fiber: Text = ..., channel: Text = ..., intended_measurement: Text = ..., targeted_structure: Text = ..., columns: Names = None, limit: int | None = None, offset: int = 0, order_by: Names = None, snapshot: AnySnapshot = None, offline: bool | None = None, asset_name_contains: str | Iterable[str] | EllipsisType = ..., asset_name_after: Time = ..., asset_name_before: Time = ..., fiber_contains: str | Iterable[str] | EllipsisType = ..., fiber_after: Time = ..., fiber_before: Time = ..., patch_cord: Text = ..., patch_cord_contains: str | Iterable[str] | EllipsisType = ..., patch_cord_after: Time = ..., patch_cord_before: Time = ..., channel_contains: str | Iterable[str] | EllipsisType = ..., channel_after: Time = ..., channel_before: Time = ..., intended_measurement_contains: str | Iterable[str] | EllipsisType = ..., intended_measurement_after: Time = ..., intended_measurement_before: Time = ..., targeted_structure_contains: str | Iterable[str] | EllipsisType = ..., targeted_structure_after: Time = ..., targeted_structure_before: Time = ..., target_coordinate_ap: _Numbers = ..., target_coordinate_ap_min: float | EllipsisType = ..., target_coordinate_ap_max: float | EllipsisType = ..., target_coordinate_ml: _Numbers = ..., target_coordinate_ml_min: float | EllipsisType = ..., target_coordinate_ml_max: float | EllipsisType = ..., target_coordinate_si: _Numbers = ..., target_coordinate_si_min: float | EllipsisType = ..., target_coordinate_si_max: float | EllipsisType = ..., target_coordinate_depth: _Numbers = ..., target_coordinate_depth_min: float | EllipsisType = ..., target_coordinate_depth_max: float | EllipsisType = ..., target_coordinate_system: Text = ..., target_coordinate_system_contains: str | Iterable[str] | EllipsisType = ..., target_coordinate_system_after: Time = ..., target_coordinate_system_before: Time = ..., target_coordinate_origin: Text = ..., target_coordinate_origin_contains: str | Iterable[str] | EllipsisType = ..., target_coordinate_origin_after: Time = ..., target_coordinate_origin_before: Time = ..., target_coordinate_unit: Text = ..., target_coordinate_unit_contains: str | Iterable[str] | EllipsisType = ..., target_coordinate_unit_after: Time = ..., target_coordinate_unit_before: Time = ...) -> pl.DataFrame:
        """The rows as a polars.DataFrame; needs the extra polars."""
    def duckdb(self, *, asset_name: Text = ..., fiber: Text = ..., channel: Text = ..., intended_measurement: Text = ..., targeted_structure: Text = ..., columns: Names = None, limit: int | None = None, offset: int = 0, order_by: Names = None, snapshot: AnySnapshot = None, offline: bool | None = None, asset_name_contains: str | Iterable[str] | EllipsisType = ..., asset_name_after: Time = ..., asset_name_before: Time = ..., fiber_contains: str | Iterable[str] | EllipsisType = ..., fiber_after: Time = ..., fiber_before: Time = ..., patch_cord: Text = ..., patch_cord_contains: str | Iterable[str] | EllipsisType = ..., patch_cord_after: Time = ..., patch_cord_before: Time = ..., channel_contains: str | Iterable[str] | EllipsisType = ..., channel_after: Time = ..., channel_before: Time = ..., intended_measurement_contains: str | Iterable[str] | EllipsisType = ..., intended_measurement_after: Time = ..., intended_measurement_before: Time = ..., targeted_structure_contains: str | Iterable[str] | EllipsisType = ..., targeted_structure_after: Time = ..., targeted_structure_before: Time = ..., target_coordinate_ap: _Numbers = ..., target_coordinate_ap_min: float | EllipsisType = ..., target_coordinate_ap_max: float | EllipsisType = ..., target_coordinate_ml: _Numbers = ..., target_coordinate_ml_min: float | EllipsisType = ..., target_coordinate_ml_max: float | EllipsisType = ..., target_coordinate_si: _Numbers = ..., target_coordinate_si_min: float | EllipsisType = ..., target_coordinate_si_max: float | EllipsisType = ..., target_coordinate_depth: _Numbers = ..., target_coordinate_depth_min: float | EllipsisType = ..., target_coordinate_depth_max: float | EllipsisType = ..., target_coordinate_system: Text = ..., target_coordinate_system_contains: str | Iterable[str] | EllipsisType = ..., target_coordinate_system_after: Time = ..., target_coordinate_system_before: Time = ..., target_coordinate_origin: Text = ..., target_coordinate_origin_contains: str | Iterable[str] | EllipsisType = ..., target_coordinate_origin_after: Time = ..., target_coordinate_origin_before: Time = ..., target_coordinate_unit: Text = ..., target_coordinate_unit_contains: str | Iterable[str] | EllipsisType = ..., target_coordinate_unit_after: Time = ..., target_coordinate_unit_before: Time = ...) -> duckdb.DuckDBPyRelation:
        """The rows as a DuckDB relation; needs the extra sql."""

platform_fib: _PlatformFib

class _ForagingSessions(Protocol):
    def __call__(self, *, subject_id: Text = ..., session_date: Text = ..., session_date_after: str | EllipsisType = ..., session_date_before: str | EllipsisType = ..., task: Text = ..., trainer: Text = ..., rig: Text = ..., columns: Names = None, limit: int | None = None, offset: int = 0, order_by: Names = None, snapshot: AnySnapshot = None, offline: bool | None = None, subject_id_contains: str | Iterable[str] | EllipsisType = ..., subject_id_after: Time = ..., subject_id_before: Time = ..., session_date_contains: str | Iterable[str] | EllipsisType = ..., session: _Numbers = ..., session_min: float | EllipsisType = ..., session_max: float | EllipsisType = ..., nwb_suffix: _Numbers = ..., nwb_suffix_min: float | EllipsisType = ..., nwb_suffix_max: float | EllipsisType = ..., rig_contains: str | Iterable[str] | EllipsisType = ..., rig_after: Time = ..., rig_before: Time = ..., trainer_contains: str | Iterable[str] | EllipsisType = ..., trainer_after: Time = ..., trainer_before: Time = ..., trainer_normalized: Text = ..., trainer_normalized_contains: str | Iterable[str] | EllipsisType = ..., trainer_normalized_after: Time = ..., trainer_normalized_before: Time = ..., task_contains: str | Iterable[str] | EllipsisType = ..., task_after: Time = ..., task_before: Time = ..., curriculum_name: Text = ..., curriculum_name_contains: str | Iterable[str] | EllipsisType = ..., curriculum_name_after: Time = ..., curriculum_name_before: Time = ..., curriculum_version: Text = ..., curriculum_version_contains: str | Iterable[str] | EllipsisType = ..., curriculum_version_after: Time = ..., curriculum_version_before: Time = ..., current_stage_actual: Text = ..., current_stage_actual_contains: str | Iterable[str] | EllipsisType = ..., current_stage_actual_after: Time = ..., current_stage_actual_before: Time = ..., foraging_eff: _Numbers = ..., foraging_eff_min: float | EllipsisType = ..., foraging_eff_max: float | EllipsisType = ..., foraging_eff_random_seed: _Numbers = ..., foraging_eff_random_seed_min: float | EllipsisType = ..., foraging_eff_random_seed_max: float | EllipsisType = ..., finished_trials: _Numbers = ..., finished_trials_min: float | EllipsisType = ..., finished_trials_max: float | EllipsisType = ..., finished_rate: _Numbers = ..., finished_rate_min: float | EllipsisType = ..., finished_rate_max: float | EllipsisType = ..., total_trials: _Numbers = ..., total_trials_min: float | EllipsisType = ..., total_trials_max: float | EllipsisType = ..., bias_naive: _Numbers = ..., bias_naive_min: float | EllipsisType = ..., bias_naive_max: float | EllipsisType = ...) -> pd.DataFrame:
        """Dynamic foraging sessions of the foraging team's table, one row per session.

        Args:
            subject_id: The animal.
            session_date: A day, `YYYY-MM-DD`.
            session_date_after: That day or later.
            session_date_before: Before that day.
            task: Such as `Uncoupled Baiting`.
            trainer: Who ran the session, as written in the table.
            rig: The rig, as written in the table.
            columns: Only these columns, in this order.
            limit: The largest number of rows; `attrs` has the number without it, `rows_total`.
            offset: How many rows to leave out before the first.
            order_by: Sort by these columns; `-` before a name sorts from the largest. Nulls are last.
            snapshot: Read this `Snapshot`, id, name, or the last before a date; else `ZS_SNAPSHOT`.
            offline: Send no requests and read the local cache; else `ZS_OFFLINE`.
            others: Filters on other columns, by the column's name; the module lists all filters.

        Returns:
            `subject_id`, `session_date` (`YYYY-MM-DD`), `session` (null for further recordings of a
            day), people and rig, the stage of the curriculum, and results: counts of trials,
            `finished_rate` from 0 to 1, `bias_naive` from -1 (left) to 1. Unknown values are null.

        Raises:
            AcornNotFound: The table is not in this store and version.
            ValueError: Unknown column or filter (the message lists them), or a bad value.
            TypeError: A value is of another kind than the column.
            ReadError: The table is there and cannot be read.
        """
    def arrow(self, *, subject_id: Text = ..., session_date: Text = ..., session_date_after: str | EllipsisType = ..., session_date_before: str | EllipsisType = ..., task: Text = ..., trainer: Text = ..., rig: Text = ..., columns: Names = None, limit: int | None = None, offset: int = 0, order_by: Names = None, snapshot: AnySnapshot = None, offline: bool | None = None, subject_id_contains: str | Iterable[str] | EllipsisType = ..., subject_id_after: Time = ..., subject_id_before: Time = ..., session_date_contains: str | Iterable[str] | EllipsisType = ..., session: _Numbers = ..., session_min: float | EllipsisType = ..., session_max: float | EllipsisType = ..., nwb_suffix: _Numbers = ..., nwb_suffix_min: float | EllipsisType = ..., nwb_suffix_max: float | EllipsisType = ..., rig_contains: str | Iterable[str] | EllipsisType = ..., rig_after: Time = ..., rig_before: Time = ..., trainer_contains: str | Iterable[str] | EllipsisType = ..., trainer_after: Time = ..., trainer_before: Time = ..., trainer_normalized: Text = ..., trainer_normalized_contains: str | Iterable[str] | EllipsisType = ..., trainer_normalized_after: Time = ..., trainer_normalized_before: Time = ..., task_contains: str | Iterable[str] | EllipsisType = ..., task_after: Time = ..., task_before: Time = ..., curriculum_name: Text = ..., curriculum_name_contains: str | Iterable[str] | EllipsisType = ..., curriculum_name_after: Time = ..., curriculum_name_before: Time = ..., curriculum_version: Text = ..., curriculum_version_contains: str | Iterable[str] | EllipsisType = ..., curriculum_version_after: Time = ..., curriculum_version_before: Time = ..., current_stage_actual: Text = ..., current_stage_actual_contains: str | Iterable[str] | EllipsisType = ..., current_stage_actual_after: Time = ..., current_stage_actual_before: Time = ..., foraging_eff: _Numbers = ..., foraging_eff_min: float | EllipsisType = ..., foraging_eff_max: float | EllipsisType = ..., foraging_eff_random_seed: _Numbers = ..., foraging_eff_random_seed_min: float | EllipsisType = ..., foraging_eff_random_seed_max: float | EllipsisType = ..., finished_trials: _Numbers = ..., finished_trials_min: float | EllipsisType = ..., finished_trials_max: float | EllipsisType = ..., finished_rate: _Numbers = ..., finished_rate_min: float | EllipsisType = ..., finished_rate_max: float | EllipsisType = ..., total_trials: _Numbers = ..., total_trials_min: float | EllipsisType = ..., total_trials_max: float | EllipsisType = ..., bias_naive: _Numbers = ..., bias_naive_min: float | EllipsisType = ..., bias_naive_max: float | EllipsisType = ...) -> pa.Table:
        """The rows as a pyarrow.Table."""
    def polars(self, *, subject_id: Text = ..., session_date: Text = ..., session_date_after: str | EllipsisType = ..., session_date_before: str | EllipsisType = ..., task: Text = ..., trainer: Text = ..., rig: Text = ..., columns: Names = None, limit: int | None = None, offset: int = 0, order_by: Names = None, snapshot: AnySnapshot = None, offline: bool | None = None, subject_id_contains: str | Iterable[str] | EllipsisType = ..., subject_id_after: Time = ..., subject_id_before: Time = ..., session_date_contains: str | Iterable[str] | EllipsisType = ..., session: _Numbers = ..., session_min: float | EllipsisType = ..., session_max: float | EllipsisType = ..., nwb_suffix: _Numbers = ..., nwb_suffix_min: float | EllipsisType = ..., nwb_suffix_max: float | EllipsisType = ..., rig_contains: str | Iterable[str] | EllipsisType = ..., rig_after: Time = ..., rig_before: Time = ..., trainer_contains: str | Iterable[str] | EllipsisType = ..., trainer_after: Time = ..., trainer_before: Time = ..., trainer_normalized: Text = ..., trainer_normalized_contains: str | Iterable[str] | EllipsisType = ..., trainer_normalized_after: Time = ..., trainer_normalized_before: Time = ..., task_contains: str | Iterable[str] | EllipsisType = ..., task_after: Time = ..., task_before: Time = ..., curriculum_name: Text = ..., curriculum_name_contains: str | Iterable[str] | EllipsisType = ..., curriculum_name_after: Time = ..., curriculum_name_before: Time = ..., curriculum_version: Text = ..., curriculum_version_contains: str | Iterable[str] | EllipsisType = ..., curriculum_version_after: Time = ..., curriculum_version_before: Time = ..., current_stage_actual: Text = ..., current_stage_actual_contains: str | Iterable[str] | EllipsisType = ..., current_stage_actual_after: Time = ..., current_stage_actual_before: Time = ..., foraging_eff: _Numbers = ..., foraging_eff_min: float | EllipsisType = ..., foraging_eff_max: float | EllipsisType = ..., foraging_eff_random_seed: _Numbers = ..., foraging_eff_random_seed_min: float | EllipsisType = ..., foraging_eff_random_seed_max: float | EllipsisType = ..., finished_trials: _Numbers = ..., finished_trials_min: float | EllipsisType = ..., finished_trials_max: float | EllipsisType = ..., finished_rate: _Numbers = ..., finished_rate_min: float | EllipsisType = ..., finished_rate_max: float | EllipsisType = ..., total_trials: _Numbers = ..., total_trials_min: float | EllipsisType = ..., total_trials_max: float | EllipsisType = ..., bias_naive: _Numbers = ..., bias_naive_min: float | EllipsisType = ..., bias_naive_max: float | EllipsisType = ...) -> pl.DataFrame:
        """The rows as a polars.DataFrame; needs the extra polars."""
    def duckdb(self, *, subject_id: Text = ..., session_date: Text = ..., session_date_after: str | EllipsisType = ..., session_date_before: str | EllipsisType = ..., task: Text = ..., trainer: Text = ..., rig: Text = ..., columns: Names = None, limit: int | None = None, offset: int = 0, order_by: Names = None, snapshot: AnySnapshot = None, offline: bool | None = None, subject_id_contains: str | Iterable[str] | EllipsisType = ..., subject_id_after: Time = ..., subject_id_before: Time = ..., session_date_contains: str | Iterable[str] | EllipsisType = ..., session: _Numbers = ..., session_min: float | EllipsisType = ..., session_max: float | EllipsisType = ..., nwb_suffix: _Numbers = ..., nwb_suffix_min: float | EllipsisType = ..., nwb_suffix_max: float | EllipsisType = ..., rig_contains: str | Iterable[str] | EllipsisType = ..., rig_after: Time = ..., rig_before: Time = ..., trainer_contains: str | Iterable[str] | EllipsisType = ..., trainer_after: Time = ..., trainer_before: Time = ..., trainer_normalized: Text = ..., trainer_normalized_contains: str | Iterable[str] | EllipsisType = ..., trainer_normalized_after: Time = ..., trainer_normalized_before: Time = ..., task_contains: str | Iterable[str] | EllipsisType = ..., task_after: Time = ..., task_before: Time = ..., curriculum_name: Text = ..., curriculum_name_contains: str | Iterable[str] | EllipsisType = ..., curriculum_name_after: Time = ..., curriculum_name_before: Time = ..., curriculum_version: Text = ..., curriculum_version_contains: str | Iterable[str] | EllipsisType = ..., curriculum_version_after: Time = ..., curriculum_version_before: Time = ..., current_stage_actual: Text = ..., current_stage_actual_contains: str | Iterable[str] | EllipsisType = ..., current_stage_actual_after: Time = ..., current_stage_actual_before: Time = ..., foraging_eff: _Numbers = ..., foraging_eff_min: float | EllipsisType = ..., foraging_eff_max: float | EllipsisType = ..., foraging_eff_random_seed: _Numbers = ..., foraging_eff_random_seed_min: float | EllipsisType = ..., foraging_eff_random_seed_max: float | EllipsisType = ..., finished_trials: _Numbers = ..., finished_trials_min: float | EllipsisType = ..., finished_trials_max: float | EllipsisType = ..., finished_rate: _Numbers = ..., finished_rate_min: float | EllipsisType = ..., finished_rate_max: float | EllipsisType = ..., total_trials: _Numbers = ..., total_trials_min: float | EllipsisType = ..., total_trials_max: float | EllipsisType = ..., bias_naive: _Numbers = ..., bias_naive_min: float | EllipsisType = ..., bias_naive_max: float | EllipsisType = ...) -> duckdb.DuckDBPyRelation:
        """The rows as a DuckDB relation; needs the extra sql."""

foraging_sessions: _ForagingSessions

class _BehaviorCurriculum(Protocol):
    def __call__(self, *, asset_name: Text = ..., curriculum_name: Text = ..., stage_name: Text = ..., columns: Names = None, limit: int | None = None, offset: int = 0, order_by: Names = None, snapshot: AnySnapshot = None, offline: bool | None = None, asset_name_contains: str | Iterable[str] | EllipsisType = ..., asset_name_after: Time = ..., asset_name_before: Time = ..., curriculum_name_contains: str | Iterable[str] | EllipsisType = ..., curriculum_name_after: Time = ..., curriculum_name_before: Time = ..., stage_name_contains: str | Iterable[str] | EllipsisType = ..., stage_name_after: Time = ..., stage_name_before: Time = ..., stage_node_id: _Numbers = ..., stage_node_id_min: float | EllipsisType = ..., stage_node_id_max: float | EllipsisType = ...) -> pd.DataFrame:
        """Curriculum and stage of training, one row per data asset with a behavior modality.

        Args:
            asset_name: The data asset's name.
            curriculum_name: The curriculum.
            stage_name: The stage of training.
            columns: Only these columns, in this order.
            limit: The largest number of rows; `attrs` has the number without it, `rows_total`.
            offset: How many rows to leave out before the first.
            order_by: Sort by these columns; `-` before a name sorts from the largest. Nulls are last.
            snapshot: Read this `Snapshot`, id, name, or the last before a date; else `ZS_SNAPSHOT`.
            offline: Send no requests and read the local cache; else `ZS_OFFLINE`.
            others: Filters on other columns, by the column's name; the module lists all filters.

        Returns:
            `asset_name`, `curriculum_name`, `stage_name` and `stage_node_id`; null if there is no
            trainer state, or it lacks the value. Node ids count the order in which stages were added
            to the curriculum, not the order of training.

        Raises:
            AcornNotFound: The table is not in this store and version.
            ValueError: Unknown column or filter (the message lists them), or a bad value.
            TypeError: A value is of another kind than the column.
            ReadError: The table is there and cannot be read.
        """
    def arrow(self, *, asset_name: Text = ..., curriculum_name: Text = ..., stage_name: Text = ..., columns: Names = None, limit: int | None = None, offset: int = 0, order_by: Names = None, snapshot: AnySnapshot = None, offline: bool | None = None, asset_name_contains: str | Iterable[str] | EllipsisType = ..., asset_name_after: Time = ..., asset_name_before: Time = ..., curriculum_name_contains: str | Iterable[str] | EllipsisType = ..., curriculum_name_after: Time = ..., curriculum_name_before: Time = ..., stage_name_contains: str | Iterable[str] | EllipsisType = ..., stage_name_after: Time = ..., stage_name_before: Time = ..., stage_node_id: _Numbers = ..., stage_node_id_min: float | EllipsisType = ..., stage_node_id_max: float | EllipsisType = ...) -> pa.Table:
        """The rows as a pyarrow.Table."""
    def polars(self, *, asset_name: Text = ..., curriculum_name: Text = ..., stage_name: Text = ..., columns: Names = None, limit: int | None = None, offset: int = 0, order_by: Names = None, snapshot: AnySnapshot = None, offline: bool | None = None, asset_name_contains: str | Iterable[str] | EllipsisType = ..., asset_name_after: Time = ..., asset_name_before: Time = ..., curriculum_name_contains: str | Iterable[str] | EllipsisType = ..., curriculum_name_after: Time = ..., curriculum_name_before: Time = ..., stage_name_contains: str | Iterable[str] | EllipsisType = ..., stage_name_after: Time = ..., stage_name_before: Time = ..., stage_node_id: _Numbers = ..., stage_node_id_min: float | EllipsisType = ..., stage_node_id_max: float | EllipsisType = ...) -> pl.DataFrame:
        """The rows as a polars.DataFrame; needs the extra polars."""
    def duckdb(self, *, asset_name: Text = ..., curriculum_name: Text = ..., stage_name: Text = ..., columns: Names = None, limit: int | None = None, offset: int = 0, order_by: Names = None, snapshot: AnySnapshot = None, offline: bool | None = None, asset_name_contains: str | Iterable[str] | EllipsisType = ..., asset_name_after: Time = ..., asset_name_before: Time = ..., curriculum_name_contains: str | Iterable[str] | EllipsisType = ..., curriculum_name_after: Time = ..., curriculum_name_before: Time = ..., stage_name_contains: str | Iterable[str] | EllipsisType = ..., stage_name_after: Time = ..., stage_name_before: Time = ..., stage_node_id: _Numbers = ..., stage_node_id_min: float | EllipsisType = ..., stage_node_id_max: float | EllipsisType = ...) -> duckdb.DuckDBPyRelation:
        """The rows as a DuckDB relation; needs the extra sql."""

behavior_curriculum: _BehaviorCurriculum

class _MetadataUpgrade(Protocol):
    def __call__(self, *, _id: Text = ..., v2_id: Text = ..., name: Text = ..., status: Text = ..., columns: Names = None, limit: int | None = None, offset: int = 0, order_by: Names = None, snapshot: AnySnapshot = None, offline: bool | None = None, _id_contains: str | Iterable[str] | EllipsisType = ..., _id_after: Time = ..., _id_before: Time = ..., name_contains: str | Iterable[str] | EllipsisType = ..., name_after: Time = ..., name_before: Time = ..., project_name: Text = ..., project_name_contains: str | Iterable[str] | EllipsisType = ..., project_name_after: Time = ..., project_name_before: Time = ..., data_level: Text = ..., data_level_contains: str | Iterable[str] | EllipsisType = ..., data_level_after: Time = ..., data_level_before: Time = ..., v2_id_contains: str | Iterable[str] | EllipsisType = ..., v2_id_after: Time = ..., v2_id_before: Time = ..., upgrader_version: Text = ..., upgrader_version_contains: str | Iterable[str] | EllipsisType = ..., upgrader_version_after: Time = ..., upgrader_version_before: Time = ..., last_modified: _Times = ..., last_modified_after: Time = ..., last_modified_before: Time = ..., status_contains: str | Iterable[str] | EllipsisType = ..., status_after: Time = ..., status_before: Time = ..., upgrade_datetime: _Times = ..., upgrade_datetime_after: Time = ..., upgrade_datetime_before: Time = ...) -> pd.DataFrame:
        """Results of the metadata upgrade from the old database, one row per old document.

        Args:
            _id: The old document's id.
            v2_id: The upgraded document's id, as in `asset_basics`.
            name: The data asset's name.
            status: The result of the latest run.
            columns: Only these columns, in this order.
            limit: The largest number of rows; `attrs` has the number without it, `rows_total`.
            offset: How many rows to leave out before the first.
            order_by: Sort by these columns; `-` before a name sorts from the largest. Nulls are last.
            snapshot: Read this `Snapshot`, id, name, or the last before a date; else `ZS_SNAPSHOT`.
            offline: Send no requests and read the local cache; else `ZS_OFFLINE`.
            others: Filters on other columns, by the column's name; the module lists all filters.

        Returns:
            `_id` (of the old document), `v2_id` (as in `asset_basics`; null if the upgrade failed),
            facts of the data asset, the result of the latest run, and `status_by_version`, a dict of
            upgrader version to status. Times are UTC. No rows if the upgrader's own table is missing.

        Raises:
            AcornNotFound: The table is not in this store and version.
            ValueError: Unknown column or filter (the message lists them), or a bad value.
            TypeError: A value is of another kind than the column.
            ReadError: The table is there and cannot be read.
        """
    def arrow(self, *, _id: Text = ..., v2_id: Text = ..., name: Text = ..., status: Text = ..., columns: Names = None, limit: int | None = None, offset: int = 0, order_by: Names = None, snapshot: AnySnapshot = None, offline: bool | None = None, _id_contains: str | Iterable[str] | EllipsisType = ..., _id_after: Time = ..., _id_before: Time = ..., name_contains: str | Iterable[str] | EllipsisType = ..., name_after: Time = ..., name_before: Time = ..., project_name: Text = ..., project_name_contains: str | Iterable[str] | EllipsisType = ..., project_name_after: Time = ..., project_name_before: Time = ..., data_level: Text = ..., data_level_contains: str | Iterable[str] | EllipsisType = ..., data_level_after: Time = ..., data_level_before: Time = ..., v2_id_contains: str | Iterable[str] | EllipsisType = ..., v2_id_after: Time = ..., v2_id_before: Time = ..., upgrader_version: Text = ..., upgrader_version_contains: str | Iterable[str] | EllipsisType = ..., upgrader_version_after: Time = ..., upgrader_version_before: Time = ..., last_modified: _Times = ..., last_modified_after: Time = ..., last_modified_before: Time = ..., status_contains: str | Iterable[str] | EllipsisType = ..., status_after: Time = ..., status_before: Time = ..., upgrade_datetime: _Times = ..., upgrade_datetime_after: Time = ..., upgrade_datetime_before: Time = ...) -> pa.Table:
        """The rows as a pyarrow.Table."""
    def polars(self, *, _id: Text = ..., v2_id: Text = ..., name: Text = ..., status: Text = ..., columns: Names = None, limit: int | None = None, offset: int = 0, order_by: Names = None, snapshot: AnySnapshot = None, offline: bool | None = None, _id_contains: str | Iterable[str] | EllipsisType = ..., _id_after: Time = ..., _id_before: Time = ..., name_contains: str | Iterable[str] | EllipsisType = ..., name_after: Time = ..., name_before: Time = ..., project_name: Text = ..., project_name_contains: str | Iterable[str] | EllipsisType = ..., project_name_after: Time = ..., project_name_before: Time = ..., data_level: Text = ..., data_level_contains: str | Iterable[str] | EllipsisType = ..., data_level_after: Time = ..., data_level_before: Time = ..., v2_id_contains: str | Iterable[str] | EllipsisType = ..., v2_id_after: Time = ..., v2_id_before: Time = ..., upgrader_version: Text = ..., upgrader_version_contains: str | Iterable[str] | EllipsisType = ..., upgrader_version_after: Time = ..., upgrader_version_before: Time = ..., last_modified: _Times = ..., last_modified_after: Time = ..., last_modified_before: Time = ..., status_contains: str | Iterable[str] | EllipsisType = ..., status_after: Time = ..., status_before: Time = ..., upgrade_datetime: _Times = ..., upgrade_datetime_after: Time = ..., upgrade_datetime_before: Time = ...) -> pl.DataFrame:
        """The rows as a polars.DataFrame; needs the extra polars."""
    def duckdb(self, *, _id: Text = ..., v2_id: Text = ..., name: Text = ..., status: Text = ..., columns: Names = None, limit: int | None = None, offset: int = 0, order_by: Names = None, snapshot: AnySnapshot = None, offline: bool | None = None, _id_contains: str | Iterable[str] | EllipsisType = ..., _id_after: Time = ..., _id_before: Time = ..., name_contains: str | Iterable[str] | EllipsisType = ..., name_after: Time = ..., name_before: Time = ..., project_name: Text = ..., project_name_contains: str | Iterable[str] | EllipsisType = ..., project_name_after: Time = ..., project_name_before: Time = ..., data_level: Text = ..., data_level_contains: str | Iterable[str] | EllipsisType = ..., data_level_after: Time = ..., data_level_before: Time = ..., v2_id_contains: str | Iterable[str] | EllipsisType = ..., v2_id_after: Time = ..., v2_id_before: Time = ..., upgrader_version: Text = ..., upgrader_version_contains: str | Iterable[str] | EllipsisType = ..., upgrader_version_after: Time = ..., upgrader_version_before: Time = ..., last_modified: _Times = ..., last_modified_after: Time = ..., last_modified_before: Time = ..., status_contains: str | Iterable[str] | EllipsisType = ..., status_after: Time = ..., status_before: Time = ..., upgrade_datetime: _Times = ..., upgrade_datetime_after: Time = ..., upgrade_datetime_before: Time = ...) -> duckdb.DuckDBPyRelation:
        """The rows as a DuckDB relation; needs the extra sql."""

metadata_upgrade: _MetadataUpgrade

class _DocumentProblems(Protocol):
    def __call__(self, *, _id: Text = ..., name: Text = ..., field: Text = ..., severity: Text = ..., columns: Names = None, limit: int | None = None, offset: int = 0, order_by: Names = None, snapshot: AnySnapshot = None, offline: bool | None = None, _id_contains: str | Iterable[str] | EllipsisType = ..., _id_after: Time = ..., _id_before: Time = ..., name_contains: str | Iterable[str] | EllipsisType = ..., name_after: Time = ..., name_before: Time = ..., field_contains: str | Iterable[str] | EllipsisType = ..., field_after: Time = ..., field_before: Time = ..., reason: Text = ..., reason_contains: str | Iterable[str] | EllipsisType = ..., reason_after: Time = ..., reason_before: Time = ..., severity_contains: str | Iterable[str] | EllipsisType = ..., severity_after: Time = ..., severity_before: Time = ..., column: Text = ..., column_contains: str | Iterable[str] | EllipsisType = ..., column_after: Time = ..., column_before: Time = ..., taken: Text = ..., taken_contains: str | Iterable[str] | EllipsisType = ..., taken_after: Time = ..., taken_before: Time = ..., other: Text = ..., other_contains: str | Iterable[str] | EllipsisType = ..., other_after: Time = ..., other_before: Time = ..., count: _Numbers = ..., count_min: float | EllipsisType = ..., count_max: float | EllipsisType = ...) -> pd.DataFrame:
        """Values of documents and side files that could not be used, one row per finding.

        Args:
            _id: The document's id.
            name: The data asset's name.
            field: Where in the document, dotted.
            severity: `error` or `warning`.
            columns: Only these columns, in this order.
            limit: The largest number of rows; `attrs` has the number without it, `rows_total`.
            offset: How many rows to leave out before the first.
            order_by: Sort by these columns; `-` before a name sorts from the largest. Nulls are last.
            snapshot: Read this `Snapshot`, id, name, or the last before a date; else `ZS_SNAPSHOT`.
            offline: Send no requests and read the local cache; else `ZS_OFFLINE`.
            others: Filters on other columns, by the column's name; the module lists all filters.

        Returns:
            `severity` is `error` for a document that was set aside, so that it is in no other table,
            and `warning` for a value or a side file that became null. `_id` and `name` are null if the
            document has none.

        Raises:
            AcornNotFound: The table is not in this store and version.
            ValueError: Unknown column or filter (the message lists them), or a bad value.
            TypeError: A value is of another kind than the column.
            ReadError: The table is there and cannot be read.
        """
    def arrow(self, *, _id: Text = ..., name: Text = ..., field: Text = ..., severity: Text = ..., columns: Names = None, limit: int | None = None, offset: int = 0, order_by: Names = None, snapshot: AnySnapshot = None, offline: bool | None = None, _id_contains: str | Iterable[str] | EllipsisType = ..., _id_after: Time = ..., _id_before: Time = ..., name_contains: str | Iterable[str] | EllipsisType = ..., name_after: Time = ..., name_before: Time = ..., field_contains: str | Iterable[str] | EllipsisType = ..., field_after: Time = ..., field_before: Time = ..., reason: Text = ..., reason_contains: str | Iterable[str] | EllipsisType = ..., reason_after: Time = ..., reason_before: Time = ..., severity_contains: str | Iterable[str] | EllipsisType = ..., severity_after: Time = ..., severity_before: Time = ..., column: Text = ..., column_contains: str | Iterable[str] | EllipsisType = ..., column_after: Time = ..., column_before: Time = ..., taken: Text = ..., taken_contains: str | Iterable[str] | EllipsisType = ..., taken_after: Time = ..., taken_before: Time = ..., other: Text = ..., other_contains: str | Iterable[str] | EllipsisType = ..., other_after: Time = ..., other_before: Time = ..., count: _Numbers = ..., count_min: float | EllipsisType = ..., count_max: float | EllipsisType = ...) -> pa.Table:
        """The rows as a pyarrow.Table."""
    def polars(self, *, _id: Text = ..., name: Text = ..., field: Text = ..., severity: Text = ..., columns: Names = None, limit: int | None = None, offset: int = 0, order_by: Names = None, snapshot: AnySnapshot = None, offline: bool | None = None, _id_contains: str | Iterable[str] | EllipsisType = ..., _id_after: Time = ..., _id_before: Time = ..., name_contains: str | Iterable[str] | EllipsisType = ..., name_after: Time = ..., name_before: Time = ..., field_contains: str | Iterable[str] | EllipsisType = ..., field_after: Time = ..., field_before: Time = ..., reason: Text = ..., reason_contains: str | Iterable[str] | EllipsisType = ..., reason_after: Time = ..., reason_before: Time = ..., severity_contains: str | Iterable[str] | EllipsisType = ..., severity_after: Time = ..., severity_before: Time = ..., column: Text = ..., column_contains: str | Iterable[str] | EllipsisType = ..., column_after: Time = ..., column_before: Time = ..., taken: Text = ..., taken_contains: str | Iterable[str] | EllipsisType = ..., taken_after: Time = ..., taken_before: Time = ..., other: Text = ..., other_contains: str | Iterable[str] | EllipsisType = ..., other_after: Time = ..., other_before: Time = ..., count: _Numbers = ..., count_min: float | EllipsisType = ..., count_max: float | EllipsisType = ...) -> pl.DataFrame:
        """The rows as a polars.DataFrame; needs the extra polars."""
    def duckdb(self, *, _id: Text = ..., name: Text = ..., field: Text = ..., severity: Text = ..., columns: Names = None, limit: int | None = None, offset: int = 0, order_by: Names = None, snapshot: AnySnapshot = None, offline: bool | None = None, _id_contains: str | Iterable[str] | EllipsisType = ..., _id_after: Time = ..., _id_before: Time = ..., name_contains: str | Iterable[str] | EllipsisType = ..., name_after: Time = ..., name_before: Time = ..., field_contains: str | Iterable[str] | EllipsisType = ..., field_after: Time = ..., field_before: Time = ..., reason: Text = ..., reason_contains: str | Iterable[str] | EllipsisType = ..., reason_after: Time = ..., reason_before: Time = ..., severity_contains: str | Iterable[str] | EllipsisType = ..., severity_after: Time = ..., severity_before: Time = ..., column: Text = ..., column_contains: str | Iterable[str] | EllipsisType = ..., column_after: Time = ..., column_before: Time = ..., taken: Text = ..., taken_contains: str | Iterable[str] | EllipsisType = ..., taken_after: Time = ..., taken_before: Time = ..., other: Text = ..., other_contains: str | Iterable[str] | EllipsisType = ..., other_after: Time = ..., other_before: Time = ..., count: _Numbers = ..., count_min: float | EllipsisType = ..., count_max: float | EllipsisType = ...) -> duckdb.DuckDBPyRelation:
        """The rows as a DuckDB relation; needs the extra sql."""

document_problems: _DocumentProblems

class _DataAssetProblems(Protocol):
    def __call__(self, *, _id: Text = ..., name: Text = ..., field: Text = ..., severity: Text = ..., columns: Names = None, limit: int | None = None, offset: int = 0, order_by: Names = None, snapshot: AnySnapshot = None, offline: bool | None = None, _id_contains: str | Iterable[str] | EllipsisType = ..., _id_after: Time = ..., _id_before: Time = ..., name_contains: str | Iterable[str] | EllipsisType = ..., name_after: Time = ..., name_before: Time = ..., field_contains: str | Iterable[str] | EllipsisType = ..., field_after: Time = ..., field_before: Time = ..., reason: Text = ..., reason_contains: str | Iterable[str] | EllipsisType = ..., reason_after: Time = ..., reason_before: Time = ..., severity_contains: str | Iterable[str] | EllipsisType = ..., severity_after: Time = ..., severity_before: Time = ..., column: Text = ..., column_contains: str | Iterable[str] | EllipsisType = ..., column_after: Time = ..., column_before: Time = ..., taken: Text = ..., taken_contains: str | Iterable[str] | EllipsisType = ..., taken_after: Time = ..., taken_before: Time = ..., other: Text = ..., other_contains: str | Iterable[str] | EllipsisType = ..., other_after: Time = ..., other_before: Time = ..., count: _Numbers = ..., count_min: float | EllipsisType = ..., count_max: float | EllipsisType = ...) -> pd.DataFrame:
        """Contradictions in the metadata of a data asset or with others, one row per finding.

        Args:
            _id: The document's id.
            name: The data asset's name.
            field: Where in the document, dotted.
            severity: `error`, `warning` or `note`.
            columns: Only these columns, in this order.
            limit: The largest number of rows; `attrs` has the number without it, `rows_total`.
            offset: How many rows to leave out before the first.
            order_by: Sort by these columns; `-` before a name sorts from the largest. Nulls are last.
            snapshot: Read this `Snapshot`, id, name, or the last before a date; else `ZS_SNAPSHOT`.
            offline: Send no requests and read the local cache; else `ZS_OFFLINE`.
            others: Filters on other columns, by the column's name; the module lists all filters.

        Returns:
            `_id`, `name`, `field` and `reason`. `severity` is `error` if it makes tables or joins
            wrong, `warning` if the value is likely wrong, `note` if some programs write it so.

        Raises:
            AcornNotFound: The table is not in this store and version.
            ValueError: Unknown column or filter (the message lists them), or a bad value.
            TypeError: A value is of another kind than the column.
            ReadError: The table is there and cannot be read.
        """
    def arrow(self, *, _id: Text = ..., name: Text = ..., field: Text = ..., severity: Text = ..., columns: Names = None, limit: int | None = None, offset: int = 0, order_by: Names = None, snapshot: AnySnapshot = None, offline: bool | None = None, _id_contains: str | Iterable[str] | EllipsisType = ..., _id_after: Time = ..., _id_before: Time = ..., name_contains: str | Iterable[str] | EllipsisType = ..., name_after: Time = ..., name_before: Time = ..., field_contains: str | Iterable[str] | EllipsisType = ..., field_after: Time = ..., field_before: Time = ..., reason: Text = ..., reason_contains: str | Iterable[str] | EllipsisType = ..., reason_after: Time = ..., reason_before: Time = ..., severity_contains: str | Iterable[str] | EllipsisType = ..., severity_after: Time = ..., severity_before: Time = ..., column: Text = ..., column_contains: str | Iterable[str] | EllipsisType = ..., column_after: Time = ..., column_before: Time = ..., taken: Text = ..., taken_contains: str | Iterable[str] | EllipsisType = ..., taken_after: Time = ..., taken_before: Time = ..., other: Text = ..., other_contains: str | Iterable[str] | EllipsisType = ..., other_after: Time = ..., other_before: Time = ..., count: _Numbers = ..., count_min: float | EllipsisType = ..., count_max: float | EllipsisType = ...) -> pa.Table:
        """The rows as a pyarrow.Table."""
    def polars(self, *, _id: Text = ..., name: Text = ..., field: Text = ..., severity: Text = ..., columns: Names = None, limit: int | None = None, offset: int = 0, order_by: Names = None, snapshot: AnySnapshot = None, offline: bool | None = None, _id_contains: str | Iterable[str] | EllipsisType = ..., _id_after: Time = ..., _id_before: Time = ..., name_contains: str | Iterable[str] | EllipsisType = ..., name_after: Time = ..., name_before: Time = ..., field_contains: str | Iterable[str] | EllipsisType = ..., field_after: Time = ..., field_before: Time = ..., reason: Text = ..., reason_contains: str | Iterable[str] | EllipsisType = ..., reason_after: Time = ..., reason_before: Time = ..., severity_contains: str | Iterable[str] | EllipsisType = ..., severity_after: Time = ..., severity_before: Time = ..., column: Text = ..., column_contains: str | Iterable[str] | EllipsisType = ..., column_after: Time = ..., column_before: Time = ..., taken: Text = ..., taken_contains: str | Iterable[str] | EllipsisType = ..., taken_after: Time = ..., taken_before: Time = ..., other: Text = ..., other_contains: str | Iterable[str] | EllipsisType = ..., other_after: Time = ..., other_before: Time = ..., count: _Numbers = ..., count_min: float | EllipsisType = ..., count_max: float | EllipsisType = ...) -> pl.DataFrame:
        """The rows as a polars.DataFrame; needs the extra polars."""
    def duckdb(self, *, _id: Text = ..., name: Text = ..., field: Text = ..., severity: Text = ..., columns: Names = None, limit: int | None = None, offset: int = 0, order_by: Names = None, snapshot: AnySnapshot = None, offline: bool | None = None, _id_contains: str | Iterable[str] | EllipsisType = ..., _id_after: Time = ..., _id_before: Time = ..., name_contains: str | Iterable[str] | EllipsisType = ..., name_after: Time = ..., name_before: Time = ..., field_contains: str | Iterable[str] | EllipsisType = ..., field_after: Time = ..., field_before: Time = ..., reason: Text = ..., reason_contains: str | Iterable[str] | EllipsisType = ..., reason_after: Time = ..., reason_before: Time = ..., severity_contains: str | Iterable[str] | EllipsisType = ..., severity_after: Time = ..., severity_before: Time = ..., column: Text = ..., column_contains: str | Iterable[str] | EllipsisType = ..., column_after: Time = ..., column_before: Time = ..., taken: Text = ..., taken_contains: str | Iterable[str] | EllipsisType = ..., taken_after: Time = ..., taken_before: Time = ..., other: Text = ..., other_contains: str | Iterable[str] | EllipsisType = ..., other_after: Time = ..., other_before: Time = ..., count: _Numbers = ..., count_min: float | EllipsisType = ..., count_max: float | EllipsisType = ...) -> duckdb.DuckDBPyRelation:
        """The rows as a DuckDB relation; needs the extra sql."""

data_asset_problems: _DataAssetProblems

class _QcByRawAsset(Protocol):
    def __call__(self, raw_asset_name: str | Iterable[str | None] | EllipsisType | None = ..., asset_names: str | Iterable[str] | None = None, *, name: Text = ..., stage: Text = ..., modality: Text = ..., status: Text = ..., tag: Text = ..., columns: Names = None, limit: int | None = None, offset: int = 0, order_by: Names = None, snapshot: AnySnapshot = None, offline: bool | None = None, name_contains: str | Iterable[str] | EllipsisType = ..., name_after: Time = ..., name_before: Time = ..., stage_contains: str | Iterable[str] | EllipsisType = ..., stage_after: Time = ..., stage_before: Time = ..., modality_contains: str | Iterable[str] | EllipsisType = ..., modality_after: Time = ..., modality_before: Time = ..., value: Text = ..., value_contains: str | Iterable[str] | EllipsisType = ..., value_after: Time = ..., value_before: Time = ..., status_contains: str | Iterable[str] | EllipsisType = ..., status_after: Time = ..., status_before: Time = ..., asset_name: Text = ..., asset_name_contains: str | Iterable[str] | EllipsisType = ..., asset_name_after: Time = ..., asset_name_before: Time = ..., subject_id: Text = ..., subject_id_contains: str | Iterable[str] | EllipsisType = ..., subject_id_after: Time = ..., subject_id_before: Time = ..., timestamp: _Times = ..., timestamp_after: Time = ..., timestamp_before: Time = ..., tags: Text = ..., reference: Text = ..., reference_contains: str | Iterable[str] | EllipsisType = ..., reference_after: Time = ..., reference_before: Time = ..., evaluator: Text = ..., evaluator_contains: str | Iterable[str] | EllipsisType = ..., evaluator_after: Time = ..., evaluator_before: Time = ..., status_timestamp: _Times = ..., status_timestamp_after: Time = ..., status_timestamp_before: Time = ..., status_history: Text = ..., status_history_contains: str | Iterable[str] | EllipsisType = ..., status_history_after: Time = ..., status_history_before: Time = ..., value_type: Text = ..., value_type_contains: str | Iterable[str] | EllipsisType = ..., value_type_after: Time = ..., value_type_before: Time = ..., evaluated_assets: Text = ..., raw_asset_name_contains: str | Iterable[str] | EllipsisType = ..., raw_asset_name_after: Time = ..., raw_asset_name_before: Time = ..., description: Text = ..., description_contains: str | Iterable[str] | EllipsisType = ..., description_after: Time = ..., description_before: Time = ..., object_type: Text = ..., object_type_contains: str | Iterable[str] | EllipsisType = ..., object_type_after: Time = ..., object_type_before: Time = ..., type: Text = ..., type_contains: str | Iterable[str] | EllipsisType = ..., type_after: Time = ..., type_before: Time = ..., metric_index: _Numbers = ..., metric_index_min: float | EllipsisType = ..., metric_index_max: float | EllipsisType = ..., metric_key: Text = ..., metric_key_contains: str | Iterable[str] | EllipsisType = ..., metric_key_after: Time = ..., metric_key_before: Time = ..., metric_json: Text = ..., metric_json_contains: str | Iterable[str] | EllipsisType = ..., metric_json_after: Time = ..., metric_json_before: Time = ..., default_grouping: Text = ..., default_grouping_contains: str | Iterable[str] | EllipsisType = ..., default_grouping_after: Time = ..., default_grouping_before: Time = ..., downstream_asset_names: Text = ..., asset_location: Text = ..., asset_location_contains: str | Iterable[str] | EllipsisType = ..., asset_location_after: Time = ..., asset_location_before: Time = ..., asset_data_level: Text = ..., asset_data_level_contains: str | Iterable[str] | EllipsisType = ..., asset_data_level_after: Time = ..., asset_data_level_before: Time = ..., acquired_after: Time = ..., acquired_before: Time = ...) -> pd.DataFrame:
        """Quality control of raw data assets and all made from them, one row per version of a metric.

        Only builds with `ZS_BDC_VERSION` make this table.

        Args:
            raw_asset_name: The raw data asset, or several; a derived one whose sources are not known
                stands under its own name. Left out, those of `asset_names` are looked up.
            asset_names: Only rows of these data assets. A metric that one inherits is a row of the data
                asset nearest to the raw one, and names the others in `downstream_asset_names`.
            name: The metric's name.
            stage: `Raw data`, `Processing`, `Analysis` or `Multi-asset`.
            modality: A modality's abbreviation, case ignored.
            status: The latest status: `Pass`, `Fail` or `Pending`.
            tag: A tag; fits if it is one of `tags`.
            columns: Only these columns, in this order.
            limit: The largest number of rows; `attrs` has the number without it, `rows_total`.
            offset: How many rows to leave out before the first.
            order_by: Sort by these columns; `-` before a name sorts from the largest. Nulls are last.
            snapshot: Read this `Snapshot`, id, name, or the last before a date; else `ZS_SNAPSHOT`.
            offline: Send no requests and read the local cache; else `ZS_OFFLINE`.
            others: Filters on other columns, by the column's name; the module lists all filters.

        Returns:
            The columns of `qc`, and beside others `metric_key`, the same for all versions of a metric,
            `metric_json`, and the list `downstream_asset_names`. A data asset without QC gives no rows,
            but all columns.

        Raises:
            AcornNotFound: The table is not in this store and version; or no data asset has that name,
                or its QC stands under another one.
            ValueError: Neither a raw data asset nor a data asset is given, or there is no such column
                or filter.
            TypeError: A value is of another kind than the column.
            ReadError: The table is there and cannot be read.
        """
    def arrow(self, raw_asset_name: str | Iterable[str | None] | EllipsisType | None = ..., asset_names: str | Iterable[str] | None = None, *, name: Text = ..., stage: Text = ..., modality: Text = ..., status: Text = ..., tag: Text = ..., columns: Names = None, limit: int | None = None, offset: int = 0, order_by: Names = None, snapshot: AnySnapshot = None, offline: bool | None = None, name_contains: str | Iterable[str] | EllipsisType = ..., name_after: Time = ..., name_before: Time = ..., stage_contains: str | Iterable[str] | EllipsisType = ..., stage_after: Time = ..., stage_before: Time = ..., modality_contains: str | Iterable[str] | EllipsisType = ..., modality_after: Time = ..., modality_before: Time = ..., value: Text = ..., value_contains: str | Iterable[str] | EllipsisType = ..., value_after: Time = ..., value_before: Time = ..., status_contains: str | Iterable[str] | EllipsisType = ..., status_after: Time = ..., status_before: Time = ..., asset_name: Text = ..., asset_name_contains: str | Iterable[str] | EllipsisType = ..., asset_name_after: Time = ..., asset_name_before: Time = ..., subject_id: Text = ..., subject_id_contains: str | Iterable[str] | EllipsisType = ..., subject_id_after: Time = ..., subject_id_before: Time = ..., timestamp: _Times = ..., timestamp_after: Time = ..., timestamp_before: Time = ..., tags: Text = ..., reference: Text = ..., reference_contains: str | Iterable[str] | EllipsisType = ..., reference_after: Time = ..., reference_before: Time = ..., evaluator: Text = ..., evaluator_contains: str | Iterable[str] | EllipsisType = ..., evaluator_after: Time = ..., evaluator_before: Time = ..., status_timestamp: _Times = ..., status_timestamp_after: Time = ..., status_timestamp_before: Time = ..., status_history: Text = ..., status_history_contains: str | Iterable[str] | EllipsisType = ..., status_history_after: Time = ..., status_history_before: Time = ..., value_type: Text = ..., value_type_contains: str | Iterable[str] | EllipsisType = ..., value_type_after: Time = ..., value_type_before: Time = ..., evaluated_assets: Text = ..., raw_asset_name_contains: str | Iterable[str] | EllipsisType = ..., raw_asset_name_after: Time = ..., raw_asset_name_before: Time = ..., description: Text = ..., description_contains: str | Iterable[str] | EllipsisType = ..., description_after: Time = ..., description_before: Time = ..., object_type: Text = ..., object_type_contains: str | Iterable[str] | EllipsisType = ..., object_type_after: Time = ..., object_type_before: Time = ..., type: Text = ..., type_contains: str | Iterable[str] | EllipsisType = ..., type_after: Time = ..., type_before: Time = ..., metric_index: _Numbers = ..., metric_index_min: float | EllipsisType = ..., metric_index_max: float | EllipsisType = ..., metric_key: Text = ..., metric_key_contains: str | Iterable[str] | EllipsisType = ..., metric_key_after: Time = ..., metric_key_before: Time = ..., metric_json: Text = ..., metric_json_contains: str | Iterable[str] | EllipsisType = ..., metric_json_after: Time = ..., metric_json_before: Time = ..., default_grouping: Text = ..., default_grouping_contains: str | Iterable[str] | EllipsisType = ..., default_grouping_after: Time = ..., default_grouping_before: Time = ..., downstream_asset_names: Text = ..., asset_location: Text = ..., asset_location_contains: str | Iterable[str] | EllipsisType = ..., asset_location_after: Time = ..., asset_location_before: Time = ..., asset_data_level: Text = ..., asset_data_level_contains: str | Iterable[str] | EllipsisType = ..., asset_data_level_after: Time = ..., asset_data_level_before: Time = ..., acquired_after: Time = ..., acquired_before: Time = ...) -> pa.Table:
        """The rows as a pyarrow.Table."""
    def polars(self, raw_asset_name: str | Iterable[str | None] | EllipsisType | None = ..., asset_names: str | Iterable[str] | None = None, *, name: Text = ..., stage: Text = ..., modality: Text = ..., status: Text = ..., tag: Text = ..., columns: Names = None, limit: int | None = None, offset: int = 0, order_by: Names = None, snapshot: AnySnapshot = None, offline: bool | None = None, name_contains: str | Iterable[str] | EllipsisType = ..., name_after: Time = ..., name_before: Time = ..., stage_contains: str | Iterable[str] | EllipsisType = ..., stage_after: Time = ..., stage_before: Time = ..., modality_contains: str | Iterable[str] | EllipsisType = ..., modality_after: Time = ..., modality_before: Time = ..., value: Text = ..., value_contains: str | Iterable[str] | EllipsisType = ..., value_after: Time = ..., value_before: Time = ..., status_contains: str | Iterable[str] | EllipsisType = ..., status_after: Time = ..., status_before: Time = ..., asset_name: Text = ..., asset_name_contains: str | Iterable[str] | EllipsisType = ..., asset_name_after: Time = ..., asset_name_before: Time = ..., subject_id: Text = ..., subject_id_contains: str | Iterable[str] | EllipsisType = ..., subject_id_after: Time = ..., subject_id_before: Time = ..., timestamp: _Times = ..., timestamp_after: Time = ..., timestamp_before: Time = ..., tags: Text = ..., reference: Text = ..., reference_contains: str | Iterable[str] | EllipsisType = ..., reference_after: Time = ..., reference_before: Time = ..., evaluator: Text = ..., evaluator_contains: str | Iterable[str] | EllipsisType = ..., evaluator_after: Time = ..., evaluator_before: Time = ..., status_timestamp: _Times = ..., status_timestamp_after: Time = ..., status_timestamp_before: Time = ..., status_history: Text = ..., status_history_contains: str | Iterable[str] | EllipsisType = ..., status_history_after: Time = ..., status_history_before: Time = ..., value_type: Text = ..., value_type_contains: str | Iterable[str] | EllipsisType = ..., value_type_after: Time = ..., value_type_before: Time = ..., evaluated_assets: Text = ..., raw_asset_name_contains: str | Iterable[str] | EllipsisType = ..., raw_asset_name_after: Time = ..., raw_asset_name_before: Time = ..., description: Text = ..., description_contains: str | Iterable[str] | EllipsisType = ..., description_after: Time = ..., description_before: Time = ..., object_type: Text = ..., object_type_contains: str | Iterable[str] | EllipsisType = ..., object_type_after: Time = ..., object_type_before: Time = ..., type: Text = ..., type_contains: str | Iterable[str] | EllipsisType = ..., type_after: Time = ..., type_before: Time = ..., metric_index: _Numbers = ..., metric_index_min: float | EllipsisType = ..., metric_index_max: float | EllipsisType = ..., metric_key: Text = ..., metric_key_contains: str | Iterable[str] | EllipsisType = ..., metric_key_after: Time = ..., metric_key_before: Time = ..., metric_json: Text = ..., metric_json_contains: str | Iterable[str] | EllipsisType = ..., metric_json_after: Time = ..., metric_json_before: Time = ..., default_grouping: Text = ..., default_grouping_contains: str | Iterable[str] | EllipsisType = ..., default_grouping_after: Time = ..., default_grouping_before: Time = ..., downstream_asset_names: Text = ..., asset_location: Text = ..., asset_location_contains: str | Iterable[str] | EllipsisType = ..., asset_location_after: Time = ..., asset_location_before: Time = ..., asset_data_level: Text = ..., asset_data_level_contains: str | Iterable[str] | EllipsisType = ..., asset_data_level_after: Time = ..., asset_data_level_before: Time = ..., acquired_after: Time = ..., acquired_before: Time = ...) -> pl.DataFrame:
        """The rows as a polars.DataFrame; needs the extra polars."""
    def duckdb(self, raw_asset_name: str | Iterable[str | None] | EllipsisType | None = ..., asset_names: str | Iterable[str] | None = None, *, name: Text = ..., stage: Text = ..., modality: Text = ..., status: Text = ..., tag: Text = ..., columns: Names = None, limit: int | None = None, offset: int = 0, order_by: Names = None, snapshot: AnySnapshot = None, offline: bool | None = None, name_contains: str | Iterable[str] | EllipsisType = ..., name_after: Time = ..., name_before: Time = ..., stage_contains: str | Iterable[str] | EllipsisType = ..., stage_after: Time = ..., stage_before: Time = ..., modality_contains: str | Iterable[str] | EllipsisType = ..., modality_after: Time = ..., modality_before: Time = ..., value: Text = ..., value_contains: str | Iterable[str] | EllipsisType = ..., value_after: Time = ..., value_before: Time = ..., status_contains: str | Iterable[str] | EllipsisType = ..., status_after: Time = ..., status_before: Time = ..., asset_name: Text = ..., asset_name_contains: str | Iterable[str] | EllipsisType = ..., asset_name_after: Time = ..., asset_name_before: Time = ..., subject_id: Text = ..., subject_id_contains: str | Iterable[str] | EllipsisType = ..., subject_id_after: Time = ..., subject_id_before: Time = ..., timestamp: _Times = ..., timestamp_after: Time = ..., timestamp_before: Time = ..., tags: Text = ..., reference: Text = ..., reference_contains: str | Iterable[str] | EllipsisType = ..., reference_after: Time = ..., reference_before: Time = ..., evaluator: Text = ..., evaluator_contains: str | Iterable[str] | EllipsisType = ..., evaluator_after: Time = ..., evaluator_before: Time = ..., status_timestamp: _Times = ..., status_timestamp_after: Time = ..., status_timestamp_before: Time = ..., status_history: Text = ..., status_history_contains: str | Iterable[str] | EllipsisType = ..., status_history_after: Time = ..., status_history_before: Time = ..., value_type: Text = ..., value_type_contains: str | Iterable[str] | EllipsisType = ..., value_type_after: Time = ..., value_type_before: Time = ..., evaluated_assets: Text = ..., raw_asset_name_contains: str | Iterable[str] | EllipsisType = ..., raw_asset_name_after: Time = ..., raw_asset_name_before: Time = ..., description: Text = ..., description_contains: str | Iterable[str] | EllipsisType = ..., description_after: Time = ..., description_before: Time = ..., object_type: Text = ..., object_type_contains: str | Iterable[str] | EllipsisType = ..., object_type_after: Time = ..., object_type_before: Time = ..., type: Text = ..., type_contains: str | Iterable[str] | EllipsisType = ..., type_after: Time = ..., type_before: Time = ..., metric_index: _Numbers = ..., metric_index_min: float | EllipsisType = ..., metric_index_max: float | EllipsisType = ..., metric_key: Text = ..., metric_key_contains: str | Iterable[str] | EllipsisType = ..., metric_key_after: Time = ..., metric_key_before: Time = ..., metric_json: Text = ..., metric_json_contains: str | Iterable[str] | EllipsisType = ..., metric_json_after: Time = ..., metric_json_before: Time = ..., default_grouping: Text = ..., default_grouping_contains: str | Iterable[str] | EllipsisType = ..., default_grouping_after: Time = ..., default_grouping_before: Time = ..., downstream_asset_names: Text = ..., asset_location: Text = ..., asset_location_contains: str | Iterable[str] | EllipsisType = ..., asset_location_after: Time = ..., asset_location_before: Time = ..., asset_data_level: Text = ..., asset_data_level_contains: str | Iterable[str] | EllipsisType = ..., asset_data_level_after: Time = ..., asset_data_level_before: Time = ..., acquired_after: Time = ..., acquired_before: Time = ...) -> duckdb.DuckDBPyRelation:
        """The rows as a DuckDB relation; needs the extra sql."""

qc_by_raw_asset: _QcByRawAsset
