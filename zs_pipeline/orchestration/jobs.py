"""Dagster's jobs and the schedule: which assets a run makes, and when a night begins.

What an asset does is in `zs_pipeline.orchestration.assets`, what starts the later runs of a night
in `zs_pipeline.orchestration.sensors`; `zs build` runs the same jobs itself.
"""

from typing import Any

import dagster as dg

from zs_pipeline.catalogue import Catalogue
from zs_pipeline.declaration import Acorn
from zs_pipeline.documents import shards
from zs_pipeline.orchestration import loggers, nights
from zs_pipeline.orchestration.run_tags import EVERY_HOURS

# Sundays, long after the night.
WEEKLY = "0 17 * * 0"
# The jobs of tables split by a list of their own, by the partition's name.
_NAMED_JOBS = {"platform": "platforms"}
_DESCRIPTIONS = {
    "tables": (
        "First of the runs of a night: the documents, and everything by document and by subject. "
        "To start a night by hand open the job `night`; here Dagster asks for a subject, and "
        "makes that subject alone."
    ),
    "platforms": "Second of the runs of a night: everything by platform. `tables` starts it.",
    "publish": "Last of the runs of a night: the registry. The run before starts it.",
}


def jobs(catalogue: Catalogue) -> list[Any]:
    """Returns the jobs of a night, in their order.

    One job cannot hold assets of two partition definitions, and the squirrel is published even when
    an acorn failed: so a night is several runs, one after another.
    """
    return [
        _job(name, selection, _DESCRIPTIONS.get(name, f"The tables {name.replace('_', ' ')}."))
        for name, selection in selections(catalogue).items()
    ]


def _job(name: str, selection: list[str], description: str) -> Any:
    """Returns a job of some assets, with the loggers that `ZS_LOG` asks for."""
    return dg.define_asset_job(
        name, selection=selection, config=loggers.job_config(), description=description
    )


def selections(catalogue: Catalogue) -> dict[str, list[str]]:
    """Returns the assets of each job of a night, by the jobs' names in their order."""
    jobs: dict[str, list[str]] = {"tables": ["documents"]}
    for acorn in catalogue.acorns:
        jobs.setdefault(job_of(acorn), []).append(acorn.name)
    jobs["publish"] = ["squirrel"]
    return jobs


def by_hand() -> Any:
    """Returns the job by which a person starts a night.

    It has no partitions: of `tables` Dagster's launchpad asks for a subject, in a red field, though
    a run without one is what makes all that changed.
    """
    return _job(
        "night",
        ["deployment"],
        "Start a night by hand: press Materialize; for another store or source, Open launchpad "
        "beside it. Shows which store and source it works on and whether they can be used; "
        "then tables, platforms and publish run one after another, with the same "
        "configuration. Only what changed is made anew.",
    )


def pruning() -> Any:
    """Returns the job that removes what nothing names any more."""
    # A job and an asset of one name cannot be in one code location.
    return _job(
        "weekly",
        ["prune"],
        "Every week: remove old snapshots, contents that nothing names, and old runs. It may "
        "run beside a night.",
    )


def rolling_back() -> Any:
    """Returns the job by which a person publishes an earlier snapshot."""
    return _job(
        "roll_back",
        ["rollback"],
        "Publish an earlier snapshot: Open launchpad beside Materialize, and write its id or "
        "name as ops.rollback.config.snapshot; release: true there publishes again what "
        "builds make. Materialize alone only shows what is published.",
    )


def weekly(prune: Any) -> dg.ScheduleDefinition:
    """Returns the schedule of the job that prunes."""
    return dg.ScheduleDefinition(
        name="weekly",
        job=prune,
        cron_schedule=WEEKLY,
        execution_timezone="UTC",
        run_config=loggers.job_config(),
        description="Every week: keep the store and Dagster's history from growing for ever.",
    )


def job_of(acorn: Acorn) -> str:
    """Returns an acorn's job; tables by subject are made in the job of those that are whole."""
    name = acorn.partition
    return "tables" if name in ("", shards.KEY) else _NAMED_JOBS.get(name, f"by_{name}")


def schedule(first: Any) -> dg.ScheduleDefinition:
    """Returns the schedule that starts a night, by the first of its jobs.

    Raises:
        ValueError: `ZS_NIGHTLY_CRON` or `ZS_EXPECTED_EVERY_HOURS` cannot be understood.
    """
    return dg.ScheduleDefinition(
        name="nightly",
        job=first,
        cron_schedule=nights.cron(),
        execution_timezone="UTC",
        tags={EVERY_HOURS: f"{nights.every_hours():g}"},
        run_config=loggers.job_config(),
        description=(
            "Every night: what changed in the documents since the last one. The sensors start the "
            "runs that follow. To start a night now open the job `night`."
        ),
    )
