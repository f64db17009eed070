"""On which nights a question that has an answer is asked again, since files come one by one.

Dates only. `today` is the one place that looks at the clock; everything else is given the date.
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
    """When to ask again what has an answer, while the data asset stays as it is.

    Attributes:
        since: When the data asset came; None when that is not known.
        days: For how many days after that it is asked every night.
        one_in: Of how many nights it is asked in one from then on; 0 for in none.
    """

    since: date | None
    days: int
    one_in: int = 0

    def is_due(self, name: str, today: date) -> bool:
        """Returns whether to ask tonight; data assets are spread over nights by their names."""
        if self.since is not None and (today - self.since).days <= self.days:
            return True
        if not self.one_in:
            return False
        place = int.from_bytes(hashlib.sha256(name.encode("utf-8", "replace")).digest()[:8])
        return (today.toordinal() + place) % self.one_in == 0


def growing(since: date | None) -> Schedule:
    """Returns when a folder is listed again into which files come one after another."""
    return Schedule(since, days=60, one_in=30)
