"""Dagster's jobs, schedule and sensors: which assets a run makes, and when a run is started.

What an asset does is in `zs_pipeline.orchestration.assets`; `zs build` runs the same jobs itself.
"""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from zs_pipeline import settings
from zs_pipeline.catalogue import Catalogue
from zs_pipeline.declaration import Acorn
from zs_pipeline.documents import shards
from zs_pipeline.orchestration import loggers
from zs_pipeline.orchestration.run_tags import BY_COMMAND, EVERY_HOURS, WILL_RETRY

NIGHTLY, NIGHTLY_HOURS = "0 9 * * *", 24
# The jobs of tables split by a list of their own, by the partition's name.
_NAMED_JOBS = {"platform": "platforms"}
_DESCRIPTIONS = {
    "tables": "Everything by document and by subject; the first run of a night.",
    "platforms": "Everything by platform; the second run.",
    "publish": "The registry; the last run of a night.",
}


def jobs(catalogue: Catalogue) -> list[Any]:
    """Returns the jobs of a night, in their order.

    One job cannot hold assets of two partition definitions, and the squirrel is published even when
    an acorn failed: so a night is several runs, one after another.
    """
    selections: dict[str, list[str]] = {"tables": ["documents"]}
    for acorn in catalogue.acorns:
        selections.setdefault(job_of(acorn), []).append(acorn.name)
    selections["publish"] = ["squirrel"]
    return [
        dg.define_asset_job(
            name,
            selection=selection,
            config=loggers.job_config(),
            description=_DESCRIPTIONS.get(name, f"The tables {name.replace('_', ' ')}."),
        )
        for name, selection in selections.items()
    ]


def job_of(acorn: Acorn) -> str:
    """Returns an acorn's job; tables by subject are made in the job of those that are whole."""
    name = acorn.partition
    return "tables" if name in ("", shards.KEY) else _NAMED_JOBS.get(name, f"by_{name}")


def schedule(first: Any) -> dg.ScheduleDefinition:
    """Returns the schedule that starts a night, by the first of its jobs."""
    return dg.ScheduleDefinition(
        name="nightly",
        job=first,
        cron_schedule=NIGHTLY,
        execution_timezone="UTC",
        tags={EVERY_HOURS: f"{settings.expected_every_hours() or NIGHTLY_HOURS:g}"},
        run_config=loggers.job_config(),
        description="Every night: what changed in the documents since the last one.",
    )


def chain(first: Any, then: Any) -> Iterator[dg.SensorDefinition]:
    """Yields the sensors that start a job after another one has ended, well or not."""
    for status in (dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE):

        @dg.run_status_sensor(
            name=f"{then.name}_after_{first.name}_{status.value.lower()}",
            run_status=status,
            monitored_jobs=[first],
            request_job=then,
            default_status=dg.DefaultSensorStatus.RUNNING,
            minimum_interval_seconds=10,
        )
        def after(context: dg.RunStatusSensorContext) -> dg.RunRequest | dg.SkipReason:
            if context.dagster_run.tags.get(BY_COMMAND):
                return dg.SkipReason("zs build starts the next run itself")
            if context.dagster_run.tags.get(WILL_RETRY) == "true":
                return dg.SkipReason("the run is tried again, and the next one follows that")
            run = context.dagster_run
            kept = {EVERY_HOURS: run.tags[EVERY_HOURS]} if EVERY_HOURS in run.tags else {}
            return dg.RunRequest(
                run_key=run.run_id, tags=kept, run_config=loggers.job_config() or {}
            )

        yield after
