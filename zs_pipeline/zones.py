"""The zone of a time that was written without one, and the calendar date where a rig stands.

Both rules stand here, so that every table reads a time alike and words its findings alike.
`zs_pipeline.shape.values` knows how a time is spelled.
"""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from enum import StrEnum
from functools import cache, lru_cache
from importlib import resources
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from zs_pipeline.declaration import Expected, Read
from zs_pipeline.shape import values as fields
from zs_pipeline.shape.findings import COUNTED, Finding
from zs_pipeline.shape.values import part, trimmed

SEATTLE = ZoneInfo("America/Los_Angeles")

STARTED, ENDED = "acquisition_start_time", "acquisition_end_time"
_ZONE = "acquisition_start_tz"
# The reads of a table that calls `start`.
READS = (
    Read(f"acquisition.{STARTED}", Expected.TIME),
    Read(f"acquisition.{_ZONE}", Expected.TEXT),
)

# Names of UTC outside of `Etc/`, and of no place: none of them tells where a rig stands.
_NO_PLACE = {"UTC", "UCT", "Z", "ZULU", "UNIVERSAL", "GREENWICH", "FACTORY"} | {
    f"GMT{zero}" for zero in ("", "0", "+0", "-0")
}
# `-7`, `-7.5`, `-07:00`, `-0700`, and `UTC-07:00` as Python writes a zone of fixed hours.
_HOURS = re.compile(
    r"(?P<sign>UTC[+-]|[+-]?)(?P<hours>\d\d?)(?:(?P<part>\.\d+)|(?P<minutes>:[0-5]\d|(?<=\d\d)[0-5]\d)"
    r"(?::00)?)?",
    re.ASCII,
)
_WEST, _EAST = timedelta(hours=-12), timedelta(hours=14)

IS_RIGS = "has no zone and is taken as the rig's own time, not as UTC"
IS_UTC = "has no zone and is taken as UTC, not as Seattle's time"
NO_ZONE = "is neither a zone's name nor hours, and is skipped"
ASSUMED = "was written as UTC, and the date is that of Seattle"
OTHER_DAY = "is another day in another zone that the document gives"


class Rule(StrEnum):
    """The sources of an acquisition's calendar date, the preferred one first."""

    NAMED = "the zone that acquisition_start_tz names"
    WRITTEN = "the time's own offset"
    HOURS = "the hours that acquisition_start_tz gives"
    SEATTLE = "Seattle's zone"


class Start(NamedTuple):
    """The instant and the day on which an acquisition began.

    Attributes:
        instant: The instant, in some zone; None where no time can be read.
        day: The calendar date where the rig stands.
        rule: The source of the date.
        is_naive: Whether the time was written without a zone.
        others: The sources of other dates that the document gives, and these dates.
    """

    instant: datetime | None = None
    day: date | None = None
    rule: Rule | None = None
    is_naive: bool = False
    others: tuple[tuple[Rule, date], ...] = ()

    @property
    def is_assumed(self) -> bool:
        """Returns whether the time was written as UTC and Seattle's date taken by default."""
        return self.rule is Rule.SEATTLE and not self.is_naive


def start(acquisition: Any) -> Start:
    """Returns the start of an acquisition, with the calendar date where the rig stands.

    Args:
        acquisition: The core file, of any kind.
    """
    written = fields.written_time(part(acquisition, STARTED))
    if written is None:
        return Start()
    zone = rig_zone(acquisition)
    named_zone = zone if isinstance(zone, ZoneInfo) else None
    hours = zone if named_zone is None else None
    if written.tzinfo is None:
        rule = Rule.NAMED if named_zone else Rule.HOURS if hours else Rule.SEATTLE
        instant = _instant(written, zone or SEATTLE)
        return Start(instant, written.date(), rule, is_naive=True) if instant else Start()
    zones = (
        (Rule.NAMED, named_zone),
        (Rule.WRITTEN, written.tzinfo if written.utcoffset() else None),
        (Rule.HOURS, hours),
    )
    dates = [(rule, _date(written, zone)) for rule, zone in zones if zone is not None]
    (rule, day), *rest = dates or [(Rule.SEATTLE, _date(written, SEATTLE))]
    others = tuple((other, its_day) for other, its_day in rest if its_day != day)
    return Start(written, day, rule, others=others)


def moment(acquisition: Any, value: Any) -> datetime | None:
    """Returns a time that stands under `acquisition`; a time without a zone is in the rig's.

    Args:
        acquisition: The core file, of any kind.
        value: The time as it is written.
    """
    written = fields.written_time(value)
    if written is None or written.tzinfo is not None:
        return written
    return _instant(written, rig_zone(acquisition) or SEATTLE)


def rig_zone(acquisition: Any) -> tzinfo | None:
    """Returns the zone that `acquisition_start_tz` gives; None for UTC and for no zone."""
    written = trimmed(part(acquisition, _ZONE))
    zone = _zone(written) if written else None
    return None if zone is UTC else zone


def findings(acquisition: Any) -> Iterator[Finding]:
    """Yields findings for the readings chosen of an acquisition's times, and of its zone.

    Args:
        acquisition: The core file, of any kind.
    """
    began = start(acquisition)
    written = trimmed(part(acquisition, _ZONE))
    column = "asset_basics.acquisition_date"
    zones = (rig_zone(acquisition) or SEATTLE, UTC)
    if written and _zone(written) is None:
        yield Finding(f"acquisition.{_ZONE}", column, NO_ZONE, _text(began.day), written)
    for name in (STARTED, ENDED):
        value = part(acquisition, name)
        yield from _naive(f"acquisition.{name}", f"asset_basics.{name}", IS_RIGS, value, zones)
    if began.is_assumed:
        yield Finding(f"acquisition.{STARTED}", column, ASSUMED, severity=COUNTED)
    for rule, day in began.others:
        taken, other = f"{began.day} in {began.rule}", f"{day} in {rule}"
        yield Finding(f"acquisition.{STARTED}", column, OTHER_DAY, taken, other)


def naive(field: str, column: str, value: Any) -> Iterator[Finding]:
    """Yields a finding for a time outside of `acquisition` without a zone, taken as UTC.

    Args:
        field: Its path, as the table's reads have it.
        column: The `table.column` that the time concerns.
        value: The time as it is written, of any kind; a time with a zone gives no finding.
    """
    yield from _naive(field, column, IS_UTC, value, (UTC, SEATTLE))


def _naive(
    field: str, column: str, reason: str, value: Any, zones: tuple[tzinfo, tzinfo]
) -> Iterator[Finding]:
    written = fields.written_time(value)
    if written is not None and written.tzinfo is None:
        taken, other = (_instant(written, zone) for zone in zones)
        yield Finding(field, column, reason, _text(taken), _text(other))


def _text(value: date | None) -> str | None:
    return None if value is None else value.isoformat()


def _instant(written: datetime, zone: tzinfo) -> datetime | None:
    """Returns the instant at which a zone's clock shows a time, with the zone's offset then.

    An hour that the clock shows twice is the first of the two; an hour that it skips has the
    offset before the change. The offset is fixed, so that two instants can be compared.
    """
    offset = zone.utcoffset(written)
    instant = written.replace(tzinfo=timezone(offset or timedelta()))
    try:
        instant.astimezone(UTC)
    except OverflowError:
        return None
    return instant


def _date(instant: datetime, zone: tzinfo) -> date:
    try:
        return instant.astimezone(zone).date()
    except OverflowError:
        # The first or last day of the calendar.
        return instant.date()


@lru_cache(maxsize=256)
def _zone(written: str) -> tzinfo | None:
    """Returns the zone of a name or of hours, UTC for all names of UTC; None for no zone."""
    hours = _HOURS.fullmatch(written)
    if hours:
        minutes = float(hours["part"] or 0) * 60 + int((hours["minutes"] or "0").lstrip(":"))
        offset = timedelta(hours=int(hours["hours"]), minutes=round(minutes))
        offset = -offset if hours["sign"].endswith("-") else offset
        if not _WEST <= offset <= _EAST:
            return None
        return timezone(offset) if offset else UTC
    if written.upper() in _NO_PLACE:
        return UTC
    if written not in _names():
        return None
    return UTC if written.startswith("Etc/") else ZoneInfo(written)


@cache
def _names() -> frozenset[str]:
    """Returns the names of all zones of the package tzdata, the same on every machine."""
    return frozenset(resources.files("tzdata").joinpath("zones").read_text().split())
