"""Dagster's history: forgets old runs, so that its pages stay quick.

`dagster.yaml` says how long ticks are kept; of runs and their events Dagster 1.13 keeps all. What
was written is recorded in the store, so that nothing of it is lost. What is forgotten of the store
itself is in `zs_pipeline.publishing.prune`.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice

import dagster as dg

from zs_pipeline.orchestration import event_log

# Days that runs are kept.
DAYS = 30
_AT_A_TIME = 500
_ENDED = (
    dg.DagsterRunStatus.SUCCESS,
    dg.DagsterRunStatus.FAILURE,
    dg.DagsterRunStatus.CANCELED,
)
MADE_AT = "made_at"


def forget(
    instance: dg.DagsterInstance, location: str, asset_keys: Sequence[dg.AssetKey], days: int = DAYS
) -> int:
    """Delete the runs of a code location that ended so many days ago, with their events.

    A partition that was last made in such a run is reported once more, so that Dagster does not
    take it for missing. A run that made the latest of a table without partitions stays.

    Args:
        instance: The instance.
        location: The name of the code location; other teams' runs stay.
        asset_keys: The assets of the location.
        days: The days that runs are kept.

    Returns:
        The number of runs that were deleted.
    """
    before = datetime.now(UTC) - timedelta(days=days)
    old = {run.run_id for run in _old_runs(instance, location, before)}
    for asset_key in asset_keys:
        latest = instance.get_latest_materialization_event(asset_key)
        is_whole = latest is not None and _partition(latest.asset_materialization) is None
        if latest is not None and is_whole:
            old.discard(latest.run_id)
    for asset_key in asset_keys if old else ():
        _report_again(instance, asset_key, old)
    for run_id in old:
        instance.delete_run(run_id)
        event_log.remove_file(instance.event_log_storage, run_id)
        instance.compute_log_manager.delete_logs(prefix=[run_id])
    return len(old)


def _old_runs(
    instance: dg.DagsterInstance, location: str, before: datetime
) -> Iterator[dg.DagsterRun]:
    cursor = None
    chosen = dg.RunsFilter(statuses=list(_ENDED), updated_before=before)
    while runs := instance.get_runs(chosen, cursor=cursor, limit=_AT_A_TIME):
        for run in runs:
            origin = run.remote_job_origin
            if origin and origin.repository_origin.code_location_origin.location_name == location:
                yield run
        cursor = runs[-1].run_id


def _report_again(instance: dg.DagsterInstance, asset_key: dg.AssetKey, old: set[str]) -> None:
    """Report the partitions of an asset whose latest materialization is in an old run."""
    latest = instance.event_log_storage.get_latest_storage_id_by_partition(
        asset_key, dg.DagsterEventType.ASSET_MATERIALIZATION
    )
    ids = iter(sorted(latest.values()))
    while chunk := list(islice(ids, _AT_A_TIME)):
        chosen = dg.AssetRecordsFilter(asset_key=asset_key, storage_ids=chunk)
        for record in instance.fetch_materializations(chosen, limit=len(chunk)).records:
            made = record.asset_materialization
            if made is None or record.run_id not in old or _partition(made) is None:
                continue
            made_at = dg.MetadataValue.timestamp(record.timestamp)
            instance.report_runless_asset_event(
                dg.AssetMaterialization(
                    asset_key,
                    metadata={MADE_AT: made_at, **made.metadata},
                    partition=made.partition,
                    tags=made.tags,
                )
            )


def _partition(made: dg.AssetMaterialization | None) -> str | None:
    return made.partition if made else None
