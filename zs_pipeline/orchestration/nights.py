"""When a night begins, and how often one is expected.

The schedule is in `zs_pipeline.orchestration.jobs`; what is late is in
`zs_pipeline.orchestration.freshness` and, for readers, in `zs_client.provenance`.
"""

from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise

import dagster as dg

from zs_pipeline import settings

# Days from which the longest pause is known: two weeks, and months where days of a month are named.
# Of a schedule of every minute two weeks take 0.7 s.
_WEEKS, _MONTHS = 15, 800


def cron() -> str:
    """Returns the cron expression of `ZS_NIGHTLY_CRON`, or its default.

    Raises:
        ValueError: It is no cron expression.
    """
    given = settings.nightly_cron()
    try:
        longest_pause(given)
    except (dg.DagsterInvalidDefinitionError, ValueError) as error:
        raise ValueError(
            f"ZS_NIGHTLY_CRON is {given!r}, no cron expression of five fields, such as 0 9 * * * "
            "for 09:00 UTC"
        ) from error
    return given


def every_hours() -> float:
    """Returns the hours between nights: `ZS_EXPECTED_EVERY_HOURS`, else the schedule's longest.

    Raises:
        ValueError: A variable cannot be understood.
    """
    return settings.expected_every_hours() or longest_pause(cron()) / timedelta(hours=1)


@cache
def longest_pause(expression: str) -> timedelta:
    """Returns the longest time between two times of a cron expression.

    Raises:
        DagsterInvalidDefinitionError: It is no cron expression.
    """
    names_days = expression.split()[2:4] != ["*", "*"]
    first = datetime(2024, 1, 1, tzinfo=UTC)
    nights = dg.TimeWindowPartitionsDefinition(
        start=first, fmt="%Y-%m-%dT%H:%M", cron_schedule=expression, timezone="UTC"
    ).get_partition_keys(current_time=first + timedelta(days=_MONTHS if names_days else _WEEKS))
    times = map(datetime.fromisoformat, nights)
    return max((later - time for time, later in pairwise(times)), default=timedelta(days=366))
