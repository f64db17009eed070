"""The one-line functions: one for each table of the cache, named after it.

Each takes the columns that one looks up as filters, any other column by its name, `columns=` and
`limit=`, and how to read, `snapshot=` and `offline=` (`zs_client.place.reading`). A filter is a
value, or several of which one has to fit; None is null, and one that is left out lets all rows
through. A list column fits when one of its entries does. Texts also have `<column>_contains` (case
ignored); texts and times `<column>_after` (at or after) and `<column>_before` (before).
`acquired_after` and `acquired_before` are those of the acquisition's start. A time without a zone
is UTC.

Each function returns a pandas frame; its attributes `arrow`, `polars` and `duckdb` take the same
arguments and return the same rows in that shape. `zs_client.shapes` makes them, and completes the
docstrings with the arguments and errors that the functions share. What reading does is in
`zs_client.read`; questions over several tables are in `zs_client.lineage`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import EllipsisType
from typing import TYPE_CHECKING, Any, cast

from zs_client import filters, read
from zs_client.read import ReadRequest
from zs_client.shapes import frames, in_shapes, lists, pandas

if TYPE_CHECKING:
    from zs_client import _Qc
    from zs_client.filters import Flag, Names, Text, Time, Values
    from zs_client.place import Place

Subjects = str | int | None | Iterable[str | int | None] | EllipsisType

# Name, folder in the store, and the partition column of a partitioned one.
TABLES: tuple[tuple[str, str, str], ...] = (
    ("unique_project_names", "unique_project_names", ""),
    ("unique_subject_ids", "unique_subject_ids", ""),
    ("unique_genotypes", "unique_genotypes", ""),
    ("asset_basics", "asset_basics", ""),
    ("source_data", "source_data", ""),
    ("quality_control", "qc", "subject_id"),
    ("qc_tag_status", "qc_tag_status", "subject_id"),
    ("platform_qc", "platform_qc", "platform"),
    ("metadata_core", "metadata_core", ""),
    ("assets_smartspim", "assets_smartspim", ""),
    ("platform_exaspim", "platform_exaspim", ""),
    ("platform_fib", "platform_fib", ""),
    ("foraging_sessions", "foraging_sessions", ""),
    ("behavior_curriculum", "behavior_curriculum", ""),
    ("metadata_upgrade", "metadata_upgrade", ""),
    ("document_problems", "document_problems", ""),
    ("data_asset_problems", "data_asset_problems", ""),
)


@lists
def unique_project_names(
    *, snapshot: str | None = None, offline: bool | None = None
) -> ReadRequest:
    """Every project name in `asset_basics`, sorted, each once, without null."""
    return _wish("unique_project_names", locals())


@lists
def unique_subject_ids(*, snapshot: str | None = None, offline: bool | None = None) -> ReadRequest:
    """Every subject in `asset_basics`, sorted as text, each once, without null."""
    return _wish("unique_subject_ids", locals())


@lists
def unique_genotypes(*, snapshot: str | None = None, offline: bool | None = None) -> ReadRequest:
    """Every genotype in `asset_basics`, sorted, each once, without null."""
    return _wish("unique_genotypes", locals())


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
    snapshot: str | None = None,
    offline: bool | None = None,
    **others: Values,
) -> ReadRequest:
    """Commonly used metadata, one row per document, that is per data asset.

    Args:
        subject_id: The animal.
        project_name: The project.
        modality: An abbreviation, case ignored; fits when it is one of `modalities`.
        data_level: `raw` or `derived`.
        name: The data asset's name.
        name_contains: A part of the name, case ignored.

    Returns:
        A row for each `_id`; other tables join on `name`. Times are UTC, `age` is in days;
        `modalities`, `experimenters` and the like are lists. What a document does not have is null.
    """
    return _wish("asset_basics", locals())


@frames
def source_data(
    *,
    name: Text = ...,
    source_data: Text = ...,
    pipeline_name: Text = ...,
    columns: Names = None,
    limit: int | None = None,
    snapshot: str | None = None,
    offline: bool | None = None,
    **others: Values,
) -> ReadRequest:
    """Which data asset was made from which, one row per derived data asset and source.

    Args:
        name: The derived data asset's name.
        source_data: The name of a data asset that it was made from.
        pipeline_name: The pipeline that made it.

    Returns:
        `name` (the derived one), `source_data` (null when it names no source), `pipeline_name`, and
        `processing_time` as the text at the end of the name; both null where they are not known.
    """
    return _wish("source_data", locals())


@frames
def metadata_core(
    *,
    _id: Text = ...,
    columns: Names = None,
    limit: int | None = None,
    snapshot: str | None = None,
    offline: bool | None = None,
    **others: Values,
) -> ReadRequest:
    """Which core metadata files each document has, one row per document.

    Args:
        _id: The document's id.

    Returns:
        `_id`, `_last_modified` (UTC), and a bool, never null, for each core file.
    """
    return _wish("metadata_core", locals())


@frames
def assets_smartspim(
    *,
    name: Text = ...,
    raw_name: Text = ...,
    channel: Text = ...,
    processed: Flag = ...,
    columns: Names = None,
    limit: int | None = None,
    snapshot: str | None = None,
    offline: bool | None = None,
    **others: Values,
) -> ReadRequest:
    """SmartSPIM data assets and where to look at them, one row per data asset and channel.

    Args:
        name: The stitched data asset's name.
        raw_name: The raw data asset's name.
        channel: Such as `Ex_488_Em_525`.
        processed: Whether there is a stitched data asset.

    Returns:
        `raw_name`, and `name`: the latest stitched data asset made from it, the raw one itself
        while `processed` is false. Links open in Neuroglancer; what is about the stitched one is
        null without one, what is about a channel without channels. `processing_end_time` is UTC.
    """
    return _wish("assets_smartspim", locals())


@frames
def platform_exaspim(
    *,
    name: Text = ...,
    raw_name: Text = ...,
    processed: Flag = ...,
    columns: Names = None,
    limit: int | None = None,
    snapshot: str | None = None,
    offline: bool | None = None,
    **others: Values,
) -> ReadRequest:
    """ExaSPIM data assets and where to look at them, one row per raw data asset.

    Args:
        name: The fused data asset's name.
        raw_name: The raw data asset's name.
        processed: Whether there is a fused data asset.

    Returns:
        `raw_name`, and `name`: the latest fused data asset made from it, the raw one itself while
        `processed` is false. `raw_link` and `fused_link` open in Neuroglancer, null without one.
    """
    return _wish("platform_exaspim", locals())


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
    snapshot: str | None = None,
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
        `targeted_structure`; the text `missing`, never null, stands for what is not given.
    """
    return _wish("platform_fib", locals())


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
    snapshot: str | None = None,
    offline: bool | None = None,
    **others: Values,
) -> ReadRequest:
    """Dynamic foraging sessions, one row per session, as the foraging team's table has them.

    Args:
        subject_id: The animal.
        session_date: A day, `YYYY-MM-DD`.
        session_date_after: That day or later.
        session_date_before: Before that day.
        task: Such as `Uncoupled Baiting`.
        trainer: Who ran the session, as written.
        rig: The rig, as written.

    Returns:
        `subject_id`, `session_date` (`YYYY-MM-DD`), `session` (null for further recordings of a
        day), who and where, the stage of the curriculum, and how it went: counts of trials,
        `finished_rate` from 0 to 1, `bias_naive` from -1 (left) to 1. What is not known is null.
    """
    return _wish("foraging_sessions", locals())


@frames
def behavior_curriculum(
    *,
    asset_name: Text = ...,
    curriculum_name: Text = ...,
    stage_name: Text = ...,
    columns: Names = None,
    limit: int | None = None,
    snapshot: str | None = None,
    offline: bool | None = None,
    **others: Values,
) -> ReadRequest:
    """Curriculum and stage of training, one row per data asset with a behavior modality.

    Args:
        asset_name: The data asset's name.
        curriculum_name: The curriculum.
        stage_name: The stage of training.

    Returns:
        `asset_name`, `curriculum_name`, `stage_name` and `stage_node_id`, each null where the
        trainer state does not have it or there is none. Node ids count the order in which stages
        were added to the curriculum, not the order of training.
    """
    return _wish("behavior_curriculum", locals())


@frames
def metadata_upgrade(
    *,
    _id: Text = ...,
    v2_id: Text = ...,
    name: Text = ...,
    status: Text = ...,
    columns: Names = None,
    limit: int | None = None,
    snapshot: str | None = None,
    offline: bool | None = None,
    **others: Values,
) -> ReadRequest:
    """How the upgrade of metadata from the old database went, one row per document of that one.

    Args:
        _id: The old document's id.
        v2_id: That of `asset_basics`.
        name: The data asset's name.
        status: How the latest run ended.

    Returns:
        `_id` (the old one), `v2_id` (that of `asset_basics`, null when the upgrade failed), what
        the data asset is, how the latest run ended, and `status_by_version`, a dict of upgrader
        version to status. Times are UTC. No rows where the upgrader's own table is not there.
    """
    return _wish("metadata_upgrade", locals())


@frames
def document_problems(
    *,
    _id: Text = ...,
    name: Text = ...,
    field: Text = ...,
    severity: Text = ...,
    columns: Names = None,
    limit: int | None = None,
    snapshot: str | None = None,
    offline: bool | None = None,
    **others: Values,
) -> ReadRequest:
    """What did not fit in the documents and their side files, one row per finding.

    Args:
        _id: The document's id.
        name: The data asset's name.
        field: Where in the document, dotted.
        severity: `error` or `warning`.

    Returns:
        `severity` is `error` for a document that was set aside and so is in no other table, and
        `warning` for one value or side file that became null. `_id` and `name` are null where
        there are none.
    """
    return _wish("document_problems", locals())


@frames
def data_asset_problems(
    *,
    _id: Text = ...,
    name: Text = ...,
    field: Text = ...,
    severity: Text = ...,
    columns: Names = None,
    limit: int | None = None,
    snapshot: str | None = None,
    offline: bool | None = None,
    **others: Values,
) -> ReadRequest:
    """What in the metadata contradicts itself or other data assets, one row per finding.

    Args:
        _id: The document's id.
        name: The data asset's name.
        field: Where in the document, dotted.
        severity: `error`, `warning` or `note`.

    Returns:
        `_id`, `name`, `field` and `reason`; `severity` is `error` when tables or joins are wrong by
        it, `warning` when it is likely wrong, `note` when some programs leave it so.
    """
    return _wish("data_asset_problems", locals())


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
    snapshot: str | None = None,
    offline: bool | None = None,
    **others: Values,
) -> ReadRequest | str:
    """Quality control metrics of one subject or several, one row per metric of a data asset.

    Args:
        subject_id: The animal, or several; None for the data assets that have no subject. Left
            out, the subjects of `asset_names` are looked up.
        lazy: Return where the one subject's parquet file lies instead of its rows; `asset_names`
            is for the query that reads it.
        name: The metric's name.
        stage: `Raw data`, `Processing` or `Analysis`.
        modality: Abbreviation of the kind of data, case ignored.
        status: The latest: `Pass`, `Fail` or `Pending`.
        tag: Fits when it is one of `tags`.

    Returns:
        The rows: `value` and `status_history` are JSON text, times are UTC, `tags` is a list. For
        a subject without QC no rows, but all columns. With `lazy`, a local path or `s3://…`.

    Raises:
        AcornNotFound: The table is not in this store and version, or with `lazy`, the subject has
            no file.
        ValueError: Neither subject nor data asset is given; there is no such column or filter; or
            `lazy` with several subjects, with filters, or of a store in memory.
    """
    if lazy:
        return _path(subject_id, locals())
    return _of_subjects("quality_control", "qc", locals())


_qc.__name__ = "qc"
# The stub has the overload of each shape, and that `lazy=True` gives a path.
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
    snapshot: str | None = None,
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
        `tag`, `status`, `asset_name`, `subject_id` and `timestamp` (UTC). For a subject without QC
        no rows, but all columns.

    Raises:
        ValueError: Neither subject nor data asset is given, or there is no such column or filter.
    """
    return _of_subjects("qc_tag_status", "qc_tag_status", locals())


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
    snapshot: str | None = None,
    offline: bool | None = None,
    **others: Values,
) -> ReadRequest:
    """Quality control status by tag of one platform or several, one row per data asset and tag.

    Args:
        platform: Such as `fib` or `ecephys`, or several; left out, all. The error for another one
            lists them.
        asset_name: The data asset's name.
        tag: A tag, or a modality's abbreviation.
        status: `Pass`, `Fail` or `Pending`.

    Returns:
        `asset_name`, `tag`, `status`, `timestamp` (UTC), `instrument_id_normalized`, the list
        `experimenters_normalized` and the `platform`. For one without QC no rows, but all columns.

    Raises:
        ValueError: There is no such platform, column or filter, or a value does not fit.
    """
    return _wish("platform_qc", locals(), parts=_all_or(platform))


def read_request(name: str, words: Mapping[str, Any], at: Place | None = None) -> ReadRequest:
    """What a function is called with, by the table's name; for the command line.

    Args:
        name: The table, by the acorn's name or by its name in the store.
        words: The arguments of its function, that of a partitioned one's partition among them.
        at: The store and version in which subjects are looked up; else as the functions take them.

    Raises:
        AcornNotFound: There is no such table; the message names those that there are.
        ValueError: It is partitioned by subject, and no subject is given.
    """
    table, folder, partition = find(name)
    given = dict(words)
    if not partition:
        return _wish(table, given)
    value = given.pop(partition, ...)
    if partition == "platform":
        return _wish(table, given, parts=_all_or(value))
    names = given.pop("asset_names", None)
    return _of_subjects(table, folder, {**given, "subject_id": value, "asset_names": names}, at)


def find(name: str) -> tuple[str, str, str]:
    """A table's line of `TABLES`.

    Raises:
        AcornNotFound: There is no such table; the message names those that there are.
    """
    for line in TABLES:
        if name in line[:2]:
            return line
    names = [line[0] for line in TABLES]
    raise read.AcornNotFound(
        f"there is no table {filters.short(name)}. {filters.near(name, names)}"
    )


# Arguments that are no filters, and those of tables by subject or platform.
_NO_FILTERS = ("columns", "limit", "snapshot", "offline", "others")
_OF_PARTITIONS = {
    "": (),
    "subject_id": ("subject_id", "asset_names", "lazy"),
    "platform": ("platform",),
}


def _wish(table: str, words: Mapping[str, Any], **more: Any) -> ReadRequest:
    _, folder, partition = find(table)
    skipped = (*_NO_FILTERS, *_OF_PARTITIONS[partition])
    named = {k: v for k, v in words.items() if k not in skipped} | words.get("others", {})
    asked = {name: value for name, value in named.items() if value is not ...}
    limit, columns = words.get("limit"), words.get("columns")
    return ReadRequest(table, folder, asked, columns, limit, partition, **more)


def _of_subjects(
    table: str, folder: str, words: Mapping[str, Any], at: Place | None = None
) -> ReadRequest:
    names, subject = words["asset_names"], words["subject_id"]
    if names is not None:
        names = tuple(filters.texts(f"{folder}: asset_names=", names))
    if subject is not ...:
        parts = _several(subject)
    elif names is not None:
        parts = _subjects_of(names, at)
    else:
        raise ValueError(
            f"{folder} needs a subject_id, or asset_names whose subjects are looked up"
        )
    return _wish(table, words, parts=parts, names=names)


def _subjects_of(names: tuple[str, ...], at: Place | None) -> tuple[str | None, ...]:
    found = read.rows(_wish("asset_basics", {"name": names, "columns": "subject_id"}), at)
    return tuple(dict.fromkeys(found["subject_id"].to_pylist()))


def _path(subject: Any, words: Mapping[str, Any]) -> str:
    if _wish("quality_control", words).filters or (words["columns"], words["limit"]) != (
        None,
        None,
    ):
        raise ValueError("lazy= gives a path: filter in the query that reads it")
    if subject is ... or len(_several(subject)) != 1:
        raise ValueError("lazy= gives the path of one subject's file")
    return read.partition_path("qc", "subject_id", _several(subject)[0])


def _all_or(value: Any) -> tuple[Any, ...] | None:
    return None if value is ... else _several(value)


def _several(value: Any) -> tuple[Any, ...]:
    if isinstance(value, Iterable) and not isinstance(value, str | bytes):
        return tuple(value)
    return (value,)
