"""Dagster's sensors: a run that has ended starts the next run of its night.

Which runs a night has, and what each makes, is in `zs_pipeline.orchestration.jobs`. `zs build` runs
them itself, one after another.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import dagster as dg

from zs_pipeline.orchestration.run_tags import BY_COMMAND, EVERY_HOURS, FOLLOWS, WILL_RETRY

_DESCRIPTIONS = {
    dg.DagsterRunStatus.SUCCESS: "Starts the next run of a night when one has ended well.",
    dg.DagsterRunStatus.FAILURE: (
        "Starts the next run of a night when one has failed: tables that were made are published."
    ),
}


def sensors(night: Sequence[Any], by_hand: Any) -> list[dg.SensorDefinition]:
    """Returns the sensors that start each run of a night after the one before.

    Args:
        night: The jobs of a night, in their order.
        by_hand: The job that a person starts; nothing follows it when it failed.
    """
    return [
        _sensor(dg.DagsterRunStatus.SUCCESS, [by_hand, *night]),
        _sensor(dg.DagsterRunStatus.FAILURE, night),
    ]


def _sensor(status: dg.DagsterRunStatus, night: Sequence[Any]) -> dg.SensorDefinition:
    following = {first.name: then.name for first, then in pairwise(night)}

    @dg.run_status_sensor(
        name=f"next_run_after_{status.value.lower()}",
        description=_DESCRIPTIONS[status],
        run_status=status,
        monitored_jobs=night[:-1],
        request_jobs=night[1:],
        default_status=dg.DefaultSensorStatus.RUNNING,
        # The daemon looks every 5 s at the most often.
        minimum_interval_seconds=1,
    )
    def next_run(context: dg.RunStatusSensorContext) -> dg.RunRequest | dg.SkipReason:
        run = context.dagster_run
        if run.tags.get(BY_COMMAND):
            return dg.SkipReason("zs build starts the next run itself")
        if run.tags.get(WILL_RETRY) == "true":
            return dg.SkipReason("the run is tried again, and the next one follows that")
        kept = {name: run.tags[name] for name in (EVERY_HOURS,) if name in run.tags}
        return dg.RunRequest(
            run_key=run.run_id,
            job_name=following[run.job_name],
            run_config=_config_to_follow(run.run_config),
            tags={**kept, FOLLOWS: run.run_id},
        )

    return next_run


def _config_to_follow(config: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the configuration of a run for the next: all but that of its own assets.

    Without it what follows another store's tables would publish the default store.
    """
    return {part: value for part, value in config.items() if part != "ops"}
