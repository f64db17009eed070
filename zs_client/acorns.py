"""The one-line functions: one for each table of the cache, named after it.

Each function takes any column as a filter by its name, `columns=`, `limit=`, `offset=` and
`order_by=`, and for reading `snapshot=` and `offline=` (`zs_client.place.reading`). A filter is a
value, or several of which one has to fit. None is null; a filter that is left out lets all rows
through. A list column fits if one of its entries does. Text columns have `<column>_contains` (case
ignored); text and time columns have `<column>_after` (at or after) and `<column>_before` (before),
numbers `<column>_min` and `<column>_max` (both ends belong to the range). `acquired_after` and
`acquired_before` compare the acquisition's start. A time without a zone is UTC.

Each function returns a pandas frame; its attributes `arrow`, `polars` and `duckdb` take the same
arguments and return the same rows in that shape. `zs_client.shapes` makes them, and completes the
docstrings with the arguments and errors that the functions share. Reading is in `zs_client.read`;
questions over several tables are in `zs_client.lineage`.
"""

from __future__ import annotations

from collections.abc import Iterable
from types import EllipsisType
from typing import TYPE_CHECKING, cast

from zs_client.filters import Flag, Names, Text, Time, Values
from zs_client.libraries import duckdb, pa, pd, pl  # noqa: F401 - annotations of shapes
from zs_client.read import ReadRequest
from zs_client.read_requests import (  # noqa: F401 - callers look for the tables here
    FOR_SUCCESSOR,
    TABLES,
    find,
    platforms,
    raw_request,
    read_request,
    subject_path,
    subjects_request,
    table_request,
)
from zs_client.shapes import frames, in_shapes, lists, pandas
from zs_client.snapshot import AnySnapshot

if TYPE_CHECKING:
    from zs_client import _Qc

Subjects = str | int | None | Iterable[str | int | None] | EllipsisType


@lists
def unique_project_names(
    *, snapshot: AnySnapshot = None, offline: bool | None = None
) -> ReadRequest:
    """Returns the distinct project names in `asset_basics`, sorted, without null."""
    return table_request("unique_project_names", locals())


@lists
def unique_subject_ids(*, snapshot: AnySnapshot = None, offline: bool | None = None) -> ReadRequest:
    """Returns the distinct subjects in `asset_basics`, sorted as text, without null."""
    return table_request("unique_subject_ids", locals())


@lists
def unique_genotypes(*, snapshot: AnySnapshot = None, offline: bool | None = None) -> ReadRequest:
    """Returns the distinct genotypes in `asset_basics`, sorted, without null."""
    return table_request("unique_genotypes", locals())


@frames
def asset_basics(
    *,
    subject_id: Text = ...,
    project_name: Text = ...,
    modality: Text = ...,
    data_level: Text = ...,
    name: Text = ...,
    name_contains: str | Iterable[str] | EllipsisType = ...,
    acquired_after: Time = ...,
    acquired_before: Time = ...,
    columns: Names = None,
    limit: int | None = None,
    offset: int = 0,
    order_by: Names = None,
    snapshot: AnySnapshot = None,
    offline: bool | None = None,
    **others: Values,
) -> ReadRequest:
    """Commonly used metadata, one row per document, that is per data asset.

    Args:
        subject_id: The animal.
        project_name: The project.
        modality: An abbreviation, case ignored; fits if it is one of `modalities`.
        data_level: `raw` or `derived`.
        name: The data asset's name.
        name_contains: A part of the name, case ignored.

    Returns:
        One row for each `_id`; other tables join on `name`. Times are UTC, `age` is in days;
        `modalities`, `experimenters` and similar columns are lists. A value that the document
        lacks is null.
    """
    return table_request("asset_basics", locals())


@frames
def source_data(
    *,
    name: Text = ...,
    source_data: Text = ...,
    pipeline_name: Text = ...,
    columns: Names = None,
    limit: int | None = None,
    offset: int = 0,
    order_by: Names = None,
    snapshot: AnySnapshot = None,
    offline: bool | None = None,
    **others: Values,
) -> ReadRequest:
    """Sources of derived data assets, one row per derived data asset and source.

    Args:
        name: The derived data asset's name.
        source_data: The source's name, a data asset that the derived one was made from.
        pipeline_name: The pipeline that made the derived data asset.

    Returns:
        `name` (of the derived data asset), `source_data` (null if the data asset names no source),
        `pipeline_name`, and `processing_time`, the text at the end of the name. Unknown values are
        null.
    """
    return table_request("source_data", locals())


@frames
def time_to_qc(
    *,
    name: Text = ...,
    columns: Names = None,
    limit: int | None = None,
    offset: int = 0,
    order_by: Names = None,
    snapshot: AnySnapshot = None,
    offline: bool | None = None,
    **others: Values,
) -> ReadRequest:
    """When derived data assets were processed and when their QC was done, one row per document.

    Args:
        name: The derived data asset's name.

    Returns:
        `name`, `process_end_time` (null where no data process has a time) and `qc_time`, which is
        null while any metric is pending.
    """
    return table_request("time_to_qc", locals())


@frames
def metadata_core(
    *,
    _id: Text = ...,
    columns: Names = None,
    limit: int | None = None,
    offset: int = 0,
    order_by: Names = None,
    snapshot: AnySnapshot = None,
    offline: bool | None = None,
    **others: Values,
) -> ReadRequest:
    """Core metadata files of each document, one row per document.

    Args:
        _id: The document's id.

    Returns:
        `_id`, `_last_modified` (UTC), and for each core file a bool, never null.
    """
    return table_request("metadata_core", locals())


@frames
def assets_smartspim(
    *,
    name: Text = ...,
    raw_name: Text = ...,
    channel: Text = ...,
    processed: Flag = ...,
    columns: Names = None,
    limit: int | None = None,
    offset: int = 0,
    order_by: Names = None,
    snapshot: AnySnapshot = None,
    offline: bool | None = None,
    **others: Values,
) -> ReadRequest:
    """SmartSPIM data assets with links to view them, one row per data asset and channel.

    Args:
        name: The stitched data asset's name.
        raw_name: The raw data asset's name.
        channel: Such as `Ex_488_Em_525`.
        processed: Whether there is a stitched data asset.

    Returns:
        `raw_name`, and `name`: the latest stitched data asset made from the raw one, or the raw one
        itself while `processed` is false. Links open in Neuroglancer. Columns about the stitched
        data asset are null if there is none, columns about a channel if there are no channels.
        `processing_end_time` is UTC.
    """
    return table_request("assets_smartspim", locals())


@frames
def platform_smartspim_fiber_ccf(
    *,
    subject_id: Text = ...,
    name: Text = ...,
    fiber: Text = ...,
    targeted_structure: Text = ...,
    columns: Names = None,
    limit: int | None = None,
    offset: int = 0,
    order_by: Names = None,
    snapshot: AnySnapshot = None,
    offline: bool | None = None,
    **others: Values,
) -> ReadRequest:
    """Where implanted fibers end in the atlas, one row per stitched data asset and fiber.

    Args:
        subject_id: The animal.
        name: The stitched data asset's name.
        fiber: Such as `Fiber 0`.
        targeted_structure: Where the fiber was meant to end.

    Returns:
        `ap`, `ml` and `dv`, which are indices in the volume of 25 µm and null until the fiber is
        annotated, and the annotation's `status`, `evaluator`, `status_timestamp` and `ccf_link`,
        which opens the volume in Neuroglancer.
    """
    return table_request("platform_smartspim_fiber_ccf", locals())


@frames
def platform_smartspim_qc_metrics(
    *,
    subject_id: Text = ...,
    name: Text = ...,
    metric_name: Text = ...,
    channel: Text = ...,
    stage: Text = ...,
    status: Text = ...,
    columns: Names = None,
    limit: int | None = None,
    offset: int = 0,
    order_by: Names = None,
    snapshot: AnySnapshot = None,
    offline: bool | None = None,
    **others: Values,
) -> ReadRequest:
    """The standard QC metrics of derived SmartSPIM and exaSPIM data assets, one row per metric.

    Args:
        subject_id: The animal.
        name: The derived data asset's name.
        metric_name: Such as `Image stitching`.
        channel: The channel of a metric of brightness.
        stage: `Raw data`, `Processing`, `Analysis` or `Multi-asset`.
        status: `Pass`, `Fail` or `Pending`.

    Returns:
        `value` is a text as it is written, and everything else as JSON text; `qc` has the whole
        values. `status`, `evaluator` and `status_timestamp` are of the latest status.
    """
    return table_request("platform_smartspim_qc_metrics", locals())


@frames
def platform_exaspim(
    *,
    name: Text = ...,
    raw_name: Text = ...,
    processed: Flag = ...,
    columns: Names = None,
    limit: int | None = None,
    offset: int = 0,
    order_by: Names = None,
    snapshot: AnySnapshot = None,
    offline: bool | None = None,
    **others: Values,
) -> ReadRequest:
    """ExaSPIM data assets with links to view them, one row per raw data asset.

    Args:
        name: The fused data asset's name.
        raw_name: The raw data asset's name.
        processed: Whether there is a fused data asset.

    Returns:
        `raw_name`, and `name`: the latest fused data asset made from the raw one, or the raw one
        itself while `processed` is false. `raw_link` and `fused_link` open in Neuroglancer; a
        missing link is null.
    """
    return table_request("platform_exaspim", locals())


@frames
def platform_fib(
    *,
    asset_name: Text = ...,
    fiber: Text = ...,
    channel: Text = ...,
    intended_measurement: Text = ...,
    targeted_structure: Text = ...,
    columns: Names = None,
    limit: int | None = None,
    offset: int = 0,
    order_by: Names = None,
    snapshot: AnySnapshot = None,
    offline: bool | None = None,
    **others: Values,
) -> ReadRequest:
    """Fibers of fiber photometry data assets, one row per data asset, fiber and channel.

    Args:
        asset_name: The data asset's name.
        fiber: Such as `Fiber_0`.
        channel: The channel.
        intended_measurement: What the channel measures.
        targeted_structure: Where the fiber ends.

    Returns:
        `asset_name`, `fiber`, `patch_cord`, `channel`, `intended_measurement` and
        `targeted_structure`. A missing value is the text `missing`, never null. Then the
        coordinate at which the fiber's implant was aimed, null where it is not known:
        `target_coordinate_ap`, `_ml`, `_si` and `_depth`, with `_system`, `_origin` and `_unit`.
    """
    return table_request("platform_fib", locals())


@frames
def foraging_sessions(
    *,
    subject_id: Text = ...,
    session_date: Text = ...,
    session_date_after: str | EllipsisType = ...,
    session_date_before: str | EllipsisType = ...,
    task: Text = ...,
    trainer: Text = ...,
    rig: Text = ...,
    columns: Names = None,
    limit: int | None = None,
    offset: int = 0,
    order_by: Names = None,
    snapshot: AnySnapshot = None,
    offline: bool | None = None,
    **others: Values,
) -> ReadRequest:
    """Dynamic foraging sessions of the foraging team's table, one row per session.

    Args:
        subject_id: The animal.
        session_date: A day, `YYYY-MM-DD`.
        session_date_after: That day or later.
        session_date_before: Before that day.
        task: Such as `Uncoupled Baiting`.
        trainer: Who ran the session, as written in the table.
        rig: The rig, as written in the table.

    Returns:
        `subject_id`, `session_date` (`YYYY-MM-DD`), `session` (null for further recordings of a
        day), people and rig, the stage of the curriculum, and results: counts of trials,
        `finished_rate` from 0 to 1, `bias_naive` from -1 (left) to 1. Unknown values are null.
    """
    return table_request("foraging_sessions", locals())


@frames
def behavior_curriculum(
    *,
    asset_name: Text = ...,
    curriculum_name: Text = ...,
    stage_name: Text = ...,
    columns: Names = None,
    limit: int | None = None,
    offset: int = 0,
    order_by: Names = None,
    snapshot: AnySnapshot = None,
    offline: bool | None = None,
    **others: Values,
) -> ReadRequest:
    """Curriculum and stage of training, one row per data asset with a behavior modality.

    Args:
        asset_name: The data asset's name.
        curriculum_name: The curriculum.
        stage_name: The stage of training.

    Returns:
        `asset_name`, `curriculum_name`, `stage_name` and `stage_node_id`; null if there is no
        trainer state, or it lacks the value. Node ids count the order in which stages were added
        to the curriculum, not the order of training.
    """
    return table_request("behavior_curriculum", locals())


@frames
def metadata_upgrade(
    *,
    _id: Text = ...,
    v2_id: Text = ...,
    name: Text = ...,
    status: Text = ...,
    columns: Names = None,
    limit: int | None = None,
    offset: int = 0,
    order_by: Names = None,
    snapshot: AnySnapshot = None,
    offline: bool | None = None,
    **others: Values,
) -> ReadRequest:
    """Results of the metadata upgrade from the old database, one row per old document.

    Args:
        _id: The old document's id.
        v2_id: The upgraded document's id, as in `asset_basics`.
        name: The data asset's name.
        status: The result of the latest run.

    Returns:
        `_id` (of the old document), `v2_id` (as in `asset_basics`; null if the upgrade failed),
        facts of the data asset, the result of the latest run, and `status_by_version`, a dict of
        upgrader version to status. Times are UTC. No rows if the upgrader's own table is missing.
    """
    return table_request("metadata_upgrade", locals())


@frames
def document_problems(
    *,
    _id: Text = ...,
    name: Text = ...,
    field: Text = ...,
    severity: Text = ...,
    columns: Names = None,
    limit: int | None = None,
    offset: int = 0,
    order_by: Names = None,
    snapshot: AnySnapshot = None,
    offline: bool | None = None,
    **others: Values,
) -> ReadRequest:
    """Values of documents and side files that could not be used, one row per finding.

    Args:
        _id: The document's id.
        name: The data asset's name.
        field: Where in the document, dotted.
        severity: `error` or `warning`.

    Returns:
        `severity` is `error` for a document that was set aside, so that it is in no other table,
        and `warning` for a value or a side file that became null. `_id` and `name` are null if the
        document has none.
    """
    return table_request("document_problems", locals())


@frames
def data_asset_problems(
    *,
    _id: Text = ...,
    name: Text = ...,
    field: Text = ...,
    severity: Text = ...,
    columns: Names = None,
    limit: int | None = None,
    offset: int = 0,
    order_by: Names = None,
    snapshot: AnySnapshot = None,
    offline: bool | None = None,
    **others: Values,
) -> ReadRequest:
    """Contradictions in the metadata of a data asset or with others, one row per finding.

    Args:
        _id: The document's id.
        name: The data asset's name.
        field: Where in the document, dotted.
        severity: `error`, `warning` or `note`.

    Returns:
        `_id`, `name`, `field` and `reason`. `severity` is `error` if it makes tables or joins
        wrong, `warning` if the value is likely wrong, `note` if some programs write it so.
    """
    return table_request("data_asset_problems", locals())


def _qc(
    subject_id: Subjects = ...,
    asset_names: str | Iterable[str] | None = None,
    lazy: bool = False,  # noqa: FBT001, FBT002 as scripts call it
    *,
    name: Text = ...,
    stage: Text = ...,
    modality: Text = ...,
    status: Text = ...,
    tag: Text = ...,
    columns: Names = None,
    limit: int | None = None,
    offset: int = 0,
    order_by: Names = None,
    snapshot: AnySnapshot = None,
    offline: bool | None = None,
    **others: Values,
) -> ReadRequest | str:
    """Quality control metrics of one subject or several, one row per metric of a data asset.

    Args:
        subject_id: The animal, or several; None for the data assets that have no subject. Left
            out, the subjects of `asset_names` are looked up.
        lazy: Return the path of the one subject's parquet file instead of its rows; filter by
            `asset_names` in the query that reads the file. DuckDB makes a number of the subject in
            the path unless `hive_types_autocast=false`.
        name: The metric's name.
        stage: `Raw data`, `Processing`, `Analysis` or `Multi-asset`.
        modality: A modality's abbreviation, case ignored.
        status: The latest status: `Pass`, `Fail` or `Pending`.
        tag: A tag; fits if it is one of `tags`.

    Returns:
        The metrics: `value` is JSON text unless it is null or its `value_type` is `text`,
        `status_history` is JSON text, times are UTC, `tags` is a list. A subject without QC gives
        no rows, but all columns. With `lazy`, a local path or `s3://…`.

    Raises:
        AcornNotFound: The table is not in this store and version, or with `lazy`, the subject has
            no file.
        ValueError: Neither a subject nor a data asset is given; there is no such column or filter;
            or `lazy` with several subjects, with filters, or with a store in memory.
    """
    if lazy:
        return subject_path(subject_id, locals())
    return subjects_request("quality_control", locals())


_qc.__name__ = _qc.__qualname__ = "qc"
# The stub declares each shape, and that `lazy=True` returns a path.
qc = cast("_Qc", in_shapes(_qc, pandas, "pd.DataFrame | str"))
quality_control = qc


@frames
def qc_tag_status(
    subject_id: Subjects = ...,
    asset_names: str | Iterable[str] | None = None,
    *,
    tag: Text = ...,
    status: Text = ...,
    columns: Names = None,
    limit: int | None = None,
    offset: int = 0,
    order_by: Names = None,
    snapshot: AnySnapshot = None,
    offline: bool | None = None,
    **others: Values,
) -> ReadRequest:
    """Quality control status by tag of one subject or several, one row per data asset and key.

    Args:
        subject_id: The animal, or several; None for the data assets that have no subject. Left
            out, the subjects of `asset_names` are looked up.
        tag: A tag, a modality's abbreviation or a stage.
        status: `Pass`, `Fail` or `Pending`.

    Returns:
        `tag`, `status`, `asset_name`, `subject_id` and `timestamp` (UTC). A subject without QC
        gives no rows, but all columns.

    Raises:
        ValueError: Neither a subject nor a data asset is given, or there is no such column or
            filter.
    """
    return subjects_request("qc_tag_status", locals())


@frames
def qc_by_raw_asset(
    raw_asset_name: str | Iterable[str | None] | EllipsisType | None = ...,
    asset_names: str | Iterable[str] | None = None,
    *,
    name: Text = ...,
    stage: Text = ...,
    modality: Text = ...,
    status: Text = ...,
    tag: Text = ...,
    columns: Names = None,
    limit: int | None = None,
    offset: int = 0,
    order_by: Names = None,
    snapshot: AnySnapshot = None,
    offline: bool | None = None,
    **others: Values,
) -> ReadRequest:
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

    Returns:
        The columns of `qc`, and beside others `metric_key`, the same for all versions of a metric,
        `metric_json`, and the list `downstream_asset_names`. A data asset without QC gives no rows,
        but all columns.

    Raises:
        AcornNotFound: The table is not in this store and version; or no data asset has that name,
            or its QC stands under another one.
        ValueError: Neither a raw data asset nor a data asset is given, or there is no such column
            or filter.
    """
    return raw_request(locals())


@frames
def platform_qc(
    platform: str | Iterable[str] | EllipsisType = ...,
    *,
    asset_name: Text = ...,
    tag: Text = ...,
    status: Text = ...,
    acquired_after: Time = ...,
    acquired_before: Time = ...,
    columns: Names = None,
    limit: int | None = None,
    offset: int = 0,
    order_by: Names = None,
    snapshot: AnySnapshot = None,
    offline: bool | None = None,
    **others: Values,
) -> ReadRequest:
    """Quality control status by tag of one platform or several, one row per data asset and tag.

    Args:
        platform: Such as `fib` or `ecephys`, or several; left out, all. The error for an unknown
            platform lists all.
        asset_name: The data asset's name.
        tag: A tag, or a modality's abbreviation.
        status: `Pass`, `Fail` or `Pending`.

    Returns:
        `asset_name`, `tag`, `status`, `timestamp` (UTC), `instrument_id_normalized`, the list
        `experimenters_normalized` and `platform`. A platform without QC gives no rows, but all
        columns.

    Raises:
        ValueError: There is no such platform, column or filter, or a value does not fit.
    """
    return table_request("platform_qc", locals(), parts=platforms(platform))
