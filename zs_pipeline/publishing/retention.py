"""Which snapshots a prune keeps: the last of each night, then of each week, and those with a name.

`zs_pipeline.publishing.prune` removes the others, `zs_pipeline.documents.retention` former states
of the documents.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

# Younger snapshots and objects stay, whatever names them: a build may be about to name them.
YOUNG = timedelta(days=1)


@dataclass(frozen=True)
class Keep:
    """How many snapshots are kept.

    Attributes:
        nightly: The newest nights whose last snapshot is kept.
        weekly: The newest weeks whose last snapshot is kept.
        named: Whether every snapshot with a name is kept.

    Raises:
        ValueError: A number is below 0.
    """

    nightly: int = 30
    weekly: int = 52
    named: bool = True

    def __post_init__(self) -> None:
        for what, number in (("nightly", self.nightly), ("weekly", self.weekly)):
            if number < 0:
                raise ValueError(f"--keep-{what} is a number of snapshots, 0 or more, not {number}")


def kept(
    dates: Mapping[str, datetime], names: Collection[str], keep: Keep, now: datetime
) -> set[str]:
    """Returns the ids of the snapshots to keep.

    Args:
        dates: When each snapshot was last published, by its id.
        names: The ids of the snapshots that have a name.
        keep: How many are kept.
        now: The present time; what is younger than a day stays.
    """
    newest_first = sorted(dates, key=lambda id_: (dates[id_], id_), reverse=True)
    stay = {id_ for id_ in newest_first if now - dates[id_] < YOUNG}
    if keep.named:
        stay |= {id_ for id_ in newest_first if id_ in names}
    nights: dict[object, str] = {}
    weeks: dict[object, str] = {}
    for id_ in newest_first:
        date = dates[id_].astimezone(UTC)
        nights.setdefault(date.date(), id_)
        weeks.setdefault(date.isocalendar()[:2], id_)
    stay |= set(list(nights.values())[: keep.nightly])
    return stay | set(list(weeks.values())[: keep.weekly])
