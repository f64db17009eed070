"""Dagster's sensors that make a night that fails heard, and one that is good again.

What is told and by which ways is in `zs_pipeline.alerts`. Runs of `zs build` are told by that
command, when it is asked to.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from zs_client.contract import Layout
from zs_client.errors import StoreError
from zs_pipeline import alerts
from zs_pipeline.catalogue import Catalogue
from zs_pipeline.orchestration import runs
from zs_pipeline.orchestration.failures import in_our_words
from zs_pipeline.orchestration.jobs import job_of
from zs_pipeline.orchestration.resources import StoreResource, cache_of
from zs_pipeline.orchestration.run_tags import BY_COMMAND, WILL_RETRY

_SECONDS = 30


def alert_sensors(
    catalogue: Catalogue, jobs: Sequence[Any], cache: StoreResource
) -> list[dg.SensorDefinition]:
    """Returns the sensor of runs that fail, and that of nights that are good again.

    Args:
        catalogue: The tables.
        jobs: The jobs of a night, in their order.
        cache: The store.
    """

    @dg.run_failure_sensor(
        name="alert_on_failure",
        description="Keeps that a run of a night failed, and tells people as ZS_ALERT_… say.",
        monitored_jobs=list(jobs),
        default_status=dg.DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=_SECONDS,
    )
    def on_failure(context: dg.RunFailureSensorContext) -> dg.SkipReason | None:
        run = context.dagster_run
        if run.tags.get(BY_COMMAND):
            return dg.SkipReason("zs build tells of it itself, with --alert")
        if run.tags.get(WILL_RETRY) == "true":
            return dg.SkipReason("the run is tried again, and told of when that fails")
        with in_our_words():
            return _tell_failure(context, catalogue, cache)

    @dg.run_status_sensor(
        name="alert_on_recovery",
        description="Tells people once that a night ended well after one that failed.",
        run_status=dg.DagsterRunStatus.SUCCESS,
        monitored_jobs=[jobs[-1]],
        default_status=dg.DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=_SECONDS,
    )
    def on_recovery(context: dg.RunStatusSensorContext) -> dg.SkipReason | None:
        with in_our_words():
            if not (to := alerts.ways()):
                return dg.SkipReason("no ZS_ALERT_… says where to")
            own = cache_of(context.dagster_run, cache)
            unsent = alerts.tell_recovery(to, own.open(), own.layout())
        if unsent is None:
            return dg.SkipReason("nothing had failed that people were told of")
        return _said(context, unsent)

    return [on_failure, on_recovery]


def _tell_failure(
    context: dg.RunFailureSensorContext, catalogue: Catalogue, cache: StoreResource
) -> dg.SkipReason | None:
    run = context.dagster_run
    own = cache_of(run, cache)
    store, layout = own.open(), _layout(own)
    of_steps = runs.failures(context.get_step_failure_events())
    # A lost worker leaves no step that failed.
    reasons = of_steps or {run.job_name: context.failure_event.message or "the run was lost"}
    stats = context.instance.get_run_stats(run.run_id)
    began = stats.start_time or stats.launch_time
    made = [acorn.name for acorn in catalogue.acorns if job_of(acorn) == run.job_name]
    to = alerts.ways()
    problems = alerts.tell_failure(
        to,
        store,
        layout,
        reasons,
        run_id=run.run_id,
        started=datetime.fromtimestamp(began, UTC) if began else None,
        unmade=runs.unmade(context.instance, run.run_id, made),
    )
    if problems is None:
        return dg.SkipReason("a later night has begun")
    if not to:
        problems = [*problems, "kept in the store; no ZS_ALERT_… says where to tell it"]
    return _said(context, problems)


def _layout(cache: StoreResource) -> Layout:
    """Returns the layout in which builds work; that of the version where the store failed."""
    try:
        return cache.layout()
    except (StoreError, OSError, ValueError):
        return cache.version_layout()


def _said(context: dg.RunStatusSensorContext, problems: list[str]) -> dg.SkipReason | None:
    """Say in the sensor's log what could not be done."""
    for line in problems:
        context.log.warning(line)
    return dg.SkipReason("; ".join(problems)) if problems else None
