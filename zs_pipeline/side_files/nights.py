"""The nights on which an answered question is asked again, since files come one by one.

All functions work on dates; only `today` reads the clock.
"""

import hashlib
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

_EPOCH = date(1970, 1, 1)
_DAY = 86_400_000_000


def today() -> date:
    """Returns the date in UTC."""
    return datetime.now(UTC).date()


def date_of(microseconds: int | None) -> date | None:
    """Returns the date in UTC of a time in microseconds since 1970."""
    try:
        return None if microseconds is None else _EPOCH + timedelta(microseconds // _DAY)
    except OverflowError:
        return None


@dataclass(frozen=True, slots=True)
class Schedule:
    """When to ask an answered question again, while the data asset does not change.

    Attributes:
        since: The date on which the data asset came; None when unknown.
        days: The number of days after that date with a question every night.
        one_in: Ask once in so many nights after these days; 0 means never.
    """

    since: date | None
    days: int
    one_in: int = 0

    def is_due(self, name: str, today: date) -> bool:
        """Returns whether to ask tonight; names spread the data assets over the nights."""
        if self.since is not None and (today - self.since).days <= self.days:
            return True
        if not self.one_in:
            return False
        offset = int.from_bytes(hashlib.sha256(name.encode("utf-8", "replace")).digest()[:8])
        return (today.toordinal() + offset) % self.one_in == 0


def growing(since: date | None) -> Schedule:
    """Returns the schedule of a folder into which files come one after another."""
    return Schedule(since, days=60, one_in=30)
