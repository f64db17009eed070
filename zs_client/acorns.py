"""The one-line functions: one for each table of the cache, named after it.

What reading does, and its errors, are in `zs_client.read`; questions over several tables are in
`zs_client.lineage`.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal, overload

from zs_client import read

if TYPE_CHECKING:
    import pandas as pd

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


def unique_project_names(*, snapshot: str | None = None, offline: bool | None = None) -> list[str]:
    """Every project name in `asset_basics`, sorted, each once, without null.

    Args:
        snapshot: Read what was published then, an id of `snapshots()`; else `ZS_SNAPSHOT`.
        offline: Send nothing and read the local cache; else `ZS_OFFLINE`.

    Raises:
        AcornNotFound: The table is not in this store and version.
        ReadError: It is there and cannot be read.
    """
    with read.reading(snapshot=snapshot, offline=offline):
        return read.values("unique_project_names", "project_name")


def unique_subject_ids(*, snapshot: str | None = None, offline: bool | None = None) -> list[str]:
    """Every subject in `asset_basics`, sorted as text, each once, without null.

    Args:
        snapshot: Read what was published then, an id of `snapshots()`; else `ZS_SNAPSHOT`.
        offline: Send nothing and read the local cache; else `ZS_OFFLINE`.

    Raises:
        AcornNotFound: The table is not in this store and version.
        ReadError: It is there and cannot be read.
    """
    with read.reading(snapshot=snapshot, offline=offline):
        return read.values("unique_subject_ids", "subject_id")


def unique_genotypes(*, snapshot: str | None = None, offline: bool | None = None) -> list[str]:
    """Every genotype in `asset_basics`, sorted, each once, without null.

    Args:
        snapshot: Read what was published then, an id of `snapshots()`; else `ZS_SNAPSHOT`.
        offline: Send nothing and read the local cache; else `ZS_OFFLINE`.

    Raises:
        AcornNotFound: The table is not in this store and version.
        ReadError: It is there and cannot be read.
    """
    with read.reading(snapshot=snapshot, offline=offline):
        return read.values("unique_genotypes", "genotype")


def asset_basics(*, snapshot: str | None = None, offline: bool | None = None) -> "pd.DataFrame":
    """Commonly used metadata, one row per document, that is per data asset.

    Args:
        snapshot: Read what was published then, an id of `snapshots()`; else `ZS_SNAPSHOT`.
        offline: Send nothing and read the local cache; else `ZS_OFFLINE`.

    Returns:
        A row for each `_id`; other tables join on `name`. Times are UTC, `age` is in days;
        `modalities`, `experimenters` and the like are lists. What a document does not have is null.

    Raises:
        AcornNotFound: The table is not in this store and version.
        ReadError: It is there and cannot be read.
    """
    with read.reading(snapshot=snapshot, offline=offline):
        return read.table("asset_basics")


def source_data(*, snapshot: str | None = None, offline: bool | None = None) -> "pd.DataFrame":
    """Which data asset was made from which, one row per derived data asset and source.

    Args:
        snapshot: Read what was published then, an id of `snapshots()`; else `ZS_SNAPSHOT`.
        offline: Send nothing and read the local cache; else `ZS_OFFLINE`.

    Returns:
        `name` (the derived one), `source_data` (null when it names no source), `pipeline_name`, and
        `processing_time` as the text at the end of the name; both null where they are not known.

    Raises:
        AcornNotFound: The table is not in this store and version.
        ReadError: It is there and cannot be read.
    """
    with read.reading(snapshot=snapshot, offline=offline):
        return read.table("source_data")


def metadata_core(*, snapshot: str | None = None, offline: bool | None = None) -> "pd.DataFrame":
    """Which core metadata files each document has, one row per document.

    Args:
        snapshot: Read what was published then, an id of `snapshots()`; else `ZS_SNAPSHOT`.
        offline: Send nothing and read the local cache; else `ZS_OFFLINE`.

    Returns:
        `_id`, `_last_modified` (UTC), and a bool, never null, for each core file.

    Raises:
        AcornNotFound: The table is not in this store and version.
        ReadError: It is there and cannot be read.
    """
    with read.reading(snapshot=snapshot, offline=offline):
        return read.table("metadata_core")


def assets_smartspim(*, snapshot: str | None = None, offline: bool | None = None) -> "pd.DataFrame":
    """SmartSPIM data assets and where to look at them, one row per data asset and channel.

    Args:
        snapshot: Read what was published then, an id of `snapshots()`; else `ZS_SNAPSHOT`.
        offline: Send nothing and read the local cache; else `ZS_OFFLINE`.

    Returns:
        `raw_name`, and `name`: the latest stitched data asset made from it, the raw one itself
        while `processed` is false. Links open in Neuroglancer; what is about the stitched one is
        null without one, what is about a channel without channels. `processing_end_time` is UTC.

    Raises:
        AcornNotFound: The table is not in this store and version.
        ReadError: It is there and cannot be read.
    """
    with read.reading(snapshot=snapshot, offline=offline):
        return read.table("assets_smartspim")


def platform_exaspim(*, snapshot: str | None = None, offline: bool | None = None) -> "pd.DataFrame":
    """ExaSPIM data assets and where to look at them, one row per raw data asset.

    Args:
        snapshot: Read what was published then, an id of `snapshots()`; else `ZS_SNAPSHOT`.
        offline: Send nothing and read the local cache; else `ZS_OFFLINE`.

    Returns:
        `raw_name`, and `name`: the latest fused data asset made from it, the raw one itself while
        `processed` is false. `raw_link` and `fused_link` open in Neuroglancer, null without one.

    Raises:
        AcornNotFound: The table is not in this store and version.
        ReadError: It is there and cannot be read.
    """
    with read.reading(snapshot=snapshot, offline=offline):
        return read.table("platform_exaspim")


def platform_fib(*, snapshot: str | None = None, offline: bool | None = None) -> "pd.DataFrame":
    """Fibers of fiber photometry data assets, one row per data asset, fiber and channel.

    Args:
        snapshot: Read what was published then, an id of `snapshots()`; else `ZS_SNAPSHOT`.
        offline: Send nothing and read the local cache; else `ZS_OFFLINE`.

    Returns:
        `asset_name`, `fiber`, `patch_cord`, `channel`, `intended_measurement` and
        `targeted_structure`; the text `missing`, never null, stands for what is not given.

    Raises:
        AcornNotFound: The table is not in this store and version.
        ReadError: It is there and cannot be read.
    """
    with read.reading(snapshot=snapshot, offline=offline):
        return read.table("platform_fib")


def foraging_sessions(
    *, snapshot: str | None = None, offline: bool | None = None
) -> "pd.DataFrame":
    """Dynamic foraging sessions, one row per session, as the foraging team's table has them.

    Args:
        snapshot: Read what was published then, an id of `snapshots()`; else `ZS_SNAPSHOT`.
        offline: Send nothing and read the local cache; else `ZS_OFFLINE`.

    Returns:
        `subject_id`, `session_date` (`YYYY-MM-DD`), `session` (null for further recordings of a
        day), who and where, the stage of the curriculum, and how it went: counts of trials,
        `finished_rate` from 0 to 1, `bias_naive` from -1 (left) to 1. What is not known is null.

    Raises:
        AcornNotFound: The table is not in this store and version.
        ReadError: It is there and cannot be read.
    """
    with read.reading(snapshot=snapshot, offline=offline):
        return read.table("foraging_sessions")


def behavior_curriculum(
    *, snapshot: str | None = None, offline: bool | None = None
) -> "pd.DataFrame":
    """Curriculum and stage of training, one row per data asset with a behavior modality.

    Args:
        snapshot: Read what was published then, an id of `snapshots()`; else `ZS_SNAPSHOT`.
        offline: Send nothing and read the local cache; else `ZS_OFFLINE`.

    Returns:
        `asset_name`, `curriculum_name`, `stage_name` and `stage_node_id`, each null where the
        trainer state does not have it or there is none. Node ids count the order in which stages
        were added to the curriculum, not the order of training.

    Raises:
        AcornNotFound: The table is not in this store and version.
        ReadError: It is there and cannot be read.
    """
    with read.reading(snapshot=snapshot, offline=offline):
        return read.table("behavior_curriculum")


def metadata_upgrade(*, snapshot: str | None = None, offline: bool | None = None) -> "pd.DataFrame":
    """How the upgrade of metadata from the old database went, one row per document of that one.

    Args:
        snapshot: Read what was published then, an id of `snapshots()`; else `ZS_SNAPSHOT`.
        offline: Send nothing and read the local cache; else `ZS_OFFLINE`.

    Returns:
        `_id` (the old one), `v2_id` (that of `asset_basics`, null when the upgrade failed), what
        the data asset is, how the latest run ended, and `status_by_version`, a dict of upgrader
        version to status. Times are UTC. No rows where the upgrader's own table is not there.

    Raises:
        AcornNotFound: The table is not in this store and version.
        ReadError: It is there and cannot be read.
    """
    with read.reading(snapshot=snapshot, offline=offline):
        return read.table("metadata_upgrade")


def document_problems(
    *, snapshot: str | None = None, offline: bool | None = None
) -> "pd.DataFrame":
    """What did not fit in the documents and their side files, one row per finding.

    Args:
        snapshot: Read what was published then, an id of `snapshots()`; else `ZS_SNAPSHOT`.
        offline: Send nothing and read the local cache; else `ZS_OFFLINE`.

    Returns:
        `severity` is `error` for a document that was set aside and so is in no other table, and
        `warning` for one value or side file that became null. `_id` and `name` are null where
        there are none.

    Raises:
        AcornNotFound: The table is not in this store and version.
        ReadError: It is there and cannot be read.
    """
    with read.reading(snapshot=snapshot, offline=offline):
        return read.table("document_problems")


def data_asset_problems(
    *, snapshot: str | None = None, offline: bool | None = None
) -> "pd.DataFrame":
    """What in the metadata contradicts itself or other data assets, one row per finding.

    Args:
        snapshot: Read what was published then, an id of `snapshots()`; else `ZS_SNAPSHOT`.
        offline: Send nothing and read the local cache; else `ZS_OFFLINE`.

    Returns:
        `_id`, `name`, `field` and `reason`; `severity` is `error` when tables or joins are wrong by
        it, `warning` when it is likely wrong, `note` when some programs leave it so.

    Raises:
        AcornNotFound: The table is not in this store and version.
        ReadError: It is there and cannot be read.
    """
    with read.reading(snapshot=snapshot, offline=offline):
        return read.table("data_asset_problems")


@overload
def qc(
    subject_id: str | int | None,
    asset_names: str | Iterable[str] | None = None,
    lazy: Literal[False] = False,  # noqa: FBT002 as scripts call it
    *,
    snapshot: str | None = None,
    offline: bool | None = None,
) -> "pd.DataFrame": ...
@overload
def qc(
    subject_id: str | int | None,
    asset_names: str | Iterable[str] | None = None,
    *,
    lazy: Literal[True],
    snapshot: str | None = None,
    offline: bool | None = None,
) -> str: ...
@overload
def qc(
    subject_id: str | int | None,
    asset_names: str | Iterable[str] | None,
    lazy: Literal[True],
    *,
    snapshot: str | None = None,
    offline: bool | None = None,
) -> str: ...
def qc(
    subject_id: str | int | None,
    asset_names: str | Iterable[str] | None = None,
    lazy: bool = False,  # noqa: FBT001, FBT002 as scripts call it
    *,
    snapshot: str | None = None,
    offline: bool | None = None,
) -> "pd.DataFrame | str":
    """Quality control metrics of one subject, one row per metric of a data asset.

    Args:
        subject_id: The animal; None for the data assets that have no subject.
        asset_names: Only rows of these data assets; a `UserWarning` names those that have none.
        lazy: Return where the subject's parquet file lies instead of its rows; `asset_names` is
            for the query that reads it.
        snapshot: Read what was published then, an id of `snapshots()`; else `ZS_SNAPSHOT`.
        offline: Send nothing and read the local cache; else `ZS_OFFLINE`.

    Returns:
        The rows: `value` and `status_history` are JSON text, times are UTC, `tags` is a list. For
        a subject without QC no rows, but all columns. With `lazy`, a local path or `s3://…`.

    Raises:
        AcornNotFound: The table is not in this store and version, or with `lazy`, the subject has
            no file.
        SubjectNotFound: No data asset has that subject.
        ValueError: `lazy`, and the store is in memory.
        ReadError: It is there and cannot be read.
    """
    with read.reading(snapshot=snapshot, offline=offline):
        if lazy:
            return read.partition_path("qc", "subject_id", subject_id)
        return read.only(read.partition("qc", "subject_id", subject_id), "asset_name", asset_names)


quality_control = qc


def qc_tag_status(
    subject_id: str | int | None,
    asset_names: str | Iterable[str] | None = None,
    *,
    snapshot: str | None = None,
    offline: bool | None = None,
) -> "pd.DataFrame":
    """Quality control status by tag of one subject, one row per data asset and status key.

    Args:
        subject_id: The animal; None for the data assets that have no subject.
        asset_names: Only rows of these data assets; a `UserWarning` names those that have none.
        snapshot: Read what was published then, an id of `snapshots()`; else `ZS_SNAPSHOT`.
        offline: Send nothing and read the local cache; else `ZS_OFFLINE`.

    Returns:
        `tag` (a tag, a modality's abbreviation or a stage), `status`, `asset_name`, `subject_id`
        and `timestamp` (UTC). For a subject without QC no rows, but all columns.

    Raises:
        AcornNotFound: The table is not in this store and version.
        SubjectNotFound: No data asset has that subject.
        ReadError: It is there and cannot be read.
    """
    with read.reading(snapshot=snapshot, offline=offline):
        frame = read.partition("qc_tag_status", "subject_id", subject_id)
        return read.only(frame, "asset_name", asset_names)


def platform_qc(
    platform: str, *, snapshot: str | None = None, offline: bool | None = None
) -> "pd.DataFrame":
    """Quality control status by tag of one platform, one row per data asset and tag.

    Args:
        platform: Such as `fib` or `ecephys`; the error for another one lists them.
        snapshot: Read what was published then, an id of `snapshots()`; else `ZS_SNAPSHOT`.
        offline: Send nothing and read the local cache; else `ZS_OFFLINE`.

    Returns:
        `asset_name`, `tag`, `status`, `timestamp` (UTC), `instrument_id_normalized` and the list
        `experimenters_normalized`. For a platform without QC no rows, but all columns.

    Raises:
        AcornNotFound: The table is not in this store and version.
        ValueError: There is no such platform.
        ReadError: It is there and cannot be read.
    """
    with read.reading(snapshot=snapshot, offline=offline):
        return read.partition("platform_qc", "platform", platform)
