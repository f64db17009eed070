"""The zone of a time that was written without one, and the calendar date where a rig stands."""

import json
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zs_pipeline import zones
from zs_pipeline.shape.findings import COUNTED
from zs_pipeline.zones import Rule

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
spelled = st.one_of(
    st.datetimes().map(str),
    st.datetimes(timezones=st.timezones()).map(str),
    st.datetimes(timezones=st.timezones()).map(lambda time: time.isoformat("T", "seconds")),
)
zone_texts = st.one_of(
    st.timezone_keys(), st.integers(-30, 30), st.floats(), st.sampled_from(["-07:00", "UTC", "x"])
)
starts = st.fixed_dictionaries(
    {}, optional={"acquisition_start_time": spelled, "acquisition_start_tz": zone_texts}
)


def begun(time: object, zone: object = None) -> zones.Start:
    return zones.start({"acquisition_start_time": time, "acquisition_start_tz": zone})


def utc(start: zones.Start) -> str:
    assert start.instant is not None
    return start.instant.astimezone(UTC).isoformat()[: len("2024-07-01T03:49:33")]


# The zone of a time that has none


def test_a_time_without_a_zone_is_seattles_under_acquisition() -> None:
    start = begun("2024-06-30T20:49:33")
    assert utc(start) == "2024-07-01T03:49:33"
    assert start.day == date(2024, 6, 30)
    assert start.rule is Rule.SEATTLE
    assert utc(begun("2024-01-30 20:49:33")) == "2024-01-31T04:49:33"


@pytest.mark.parametrize(
    ("zone", "instant"),
    [
        ("America/New_York", "2024-07-01T00:49:33"),
        ("Europe/Berlin", "2024-06-30T18:49:33"),
        (-8, "2024-07-01T04:49:33"),
        ("-08:00", "2024-07-01T04:49:33"),
        ("UTC", "2024-07-01T03:49:33"),
        ("Etc/UTC", "2024-07-01T03:49:33"),
        ("Etc/GMT+5", "2024-07-01T03:49:33"),
        (0, "2024-07-01T03:49:33"),
        ("Pacific/Seattle", "2024-07-01T03:49:33"),
        ({}, "2024-07-01T03:49:33"),
    ],
)
def test_a_time_without_a_zone_is_in_the_one_that_is_given_never_in_utc(
    zone: object, instant: str
) -> None:
    start = begun("2024-06-30T20:49:33", zone)
    assert utc(start) == instant
    assert start.day == date(2024, 6, 30)
    acquisition = {"acquisition_start_tz": zone}
    assert zones.moment(acquisition, "2024-06-30T20:49:33") == start.instant


def test_an_hour_that_the_clock_has_twice_is_the_first_of_the_two() -> None:
    assert utc(begun("2025-11-02 01:30:00")) == "2025-11-02T08:30:00"
    assert utc(begun("2025-10-26 02:30:00", "Europe/Berlin")) == "2025-10-26T00:30:00"


def test_an_hour_that_the_clock_skips_counts_with_the_offset_before_the_change() -> None:
    start = begun("2025-03-09 02:30:00")
    assert utc(start) == "2025-03-09T10:30:00"
    assert start.day == date(2025, 3, 9)


def test_the_date_of_a_time_without_a_zone_is_the_one_written() -> None:
    # Samoa had no 30 December 2011.
    assert begun("2011-12-30 12:00:00", "Pacific/Apia").day == date(2011, 12, 30)


def test_two_times_without_a_zone_can_be_compared_over_a_change_of_the_clock() -> None:
    before, after = (zones.moment({}, f"2025-11-02 0{hour}:30:00") for hour in (0, 3))
    assert before is not None
    assert after is not None
    assert after - before == timedelta(hours=4)


# The date where the rig stands


@pytest.mark.parametrize(
    ("time", "zone", "day", "rule"),
    [
        # (a) a name.
        ("2024-06-29T03:49:33Z", "America/Los_Angeles", 28, Rule.NAMED),
        ("2024-06-29T03:49:33Z", " America/Los_Angeles\n", 28, Rule.NAMED),
        ("2024-06-29T03:49:33-07:00", "America/Los_Angeles", 29, Rule.NAMED),
        ("2024-06-29T22:30:00-07:00", "America/New_York", 30, Rule.NAMED),
        ("2024-06-29T22:30:00Z", "Europe/Berlin", 30, Rule.NAMED),
        # (b) the time's own offset, whatever the hours say, and where a name says nothing.
        ("2024-06-29T22:30:00-07:00", None, 29, Rule.WRITTEN),
        ("2024-06-29T22:30:00-07:00", 3, 29, Rule.WRITTEN),
        ("2024-06-29T22:30:00+02:00", "UTC", 29, Rule.WRITTEN),
        ("2024-06-29T22:30:00-07:00", "Etc/GMT-7", 29, Rule.WRITTEN),
        ("2024-06-29T22:30:00-07:00", "GMT", 29, Rule.WRITTEN),
        ("2024-06-29T22:30:00-07:00", "Zulu", 29, Rule.WRITTEN),
        ("2024-06-29T22:30:00-07:00", "Pacific/Seattle", 29, Rule.WRITTEN),
        # (c) hours.
        ("2024-06-29T22:30:00Z", 2, 30, Rule.HOURS),
        ("2024-06-29T22:30:00Z", 1.5, 30, Rule.HOURS),
        ("2024-06-29T22:30:00+00:00", "+02:00", 30, Rule.HOURS),
        ("2024-06-29T22:30:00+00:00", "2", 30, Rule.HOURS),
        ("2024-06-29T22:30:00+00:00", "+0200", 30, Rule.HOURS),
        ("2024-06-29T22:30:00+00:00", "UTC+02:00", 30, Rule.HOURS),
        ("2024-06-29T07:30:00+00:00", "-08:00", 28, Rule.HOURS),
        ("2024-06-29T07:30:00+00:00", -8.0, 28, Rule.HOURS),
        # (d) Seattle.
        ("2024-06-29T06:30:00Z", None, 28, Rule.SEATTLE),
        ("2024-06-29T06:30:00Z", 0, 28, Rule.SEATTLE),
        ("2024-06-29T06:30:00Z", "00:00", 28, Rule.SEATTLE),
        ("2024-06-29T06:30:00Z", "UTC", 28, Rule.SEATTLE),
        ("2024-06-29T06:30:00Z", "utc", 28, Rule.SEATTLE),
        ("2024-06-29T06:30:00Z", "Etc/Greenwich", 28, Rule.SEATTLE),
        ("2024-06-29T06:30:00Z", "Mars", 28, Rule.SEATTLE),
        ("2024-06-29T06:30:00Z", "America", 28, Rule.SEATTLE),
        ("2024-06-29T06:30:00Z", "../America/New_York", 28, Rule.SEATTLE),
        ("2024-06-29T06:30:00Z", -420, 28, Rule.SEATTLE),
        ("2024-06-29T06:30:00Z", ["America/New_York"], 28, Rule.SEATTLE),
        ("2024-06-29T06:30:00Z", True, 28, Rule.SEATTLE),
        ("2024-06-29T07:30:00Z", None, 29, Rule.SEATTLE),
        ("2024-01-29T07:30:00Z", None, 28, Rule.SEATTLE),
    ],
)
def test_the_rigs_date_is_that_of_the_first_zone_that_is_given(
    time: str, zone: object, day: int, rule: Rule
) -> None:
    start = begun(time, zone)
    assert start.day is not None
    assert (start.day.day, start.rule) == (day, rule)


@pytest.mark.parametrize("time", [None, "", "soon", 5, [], "0001-01-01T00:00:00+01:00"])
def test_what_is_no_time_has_no_date(time: object) -> None:
    assert begun(time) == zones.Start()
    assert zones.start(time) == zones.Start()


@pytest.mark.parametrize(
    ("time", "zone", "assumed"),
    [
        ("2024-06-29T06:30:00Z", None, True),
        ("2024-06-29T06:30:00+00:00", 0, True),
        ("2024-06-29T06:30:00", None, False),
        ("2024-06-29T06:30:00Z", -7, False),
        ("2024-06-29T06:30:00-07:00", None, False),
        (None, None, False),
    ],
)
def test_seattles_date_of_a_time_written_as_utc_is_assumed(
    time: object, zone: object, assumed: bool
) -> None:
    assert begun(time, zone).is_assumed is assumed
    acquisition = {"acquisition_start_time": time, "acquisition_start_tz": zone}
    counted = [one for one in zones.findings(acquisition) if one.severity == COUNTED]
    assert len(counted) == assumed


# Findings


def found(**acquisition: object) -> list[tuple[str, str, object, object]]:
    return [
        (one.field.removeprefix("acquisition."), one.reason, one.taken, one.other)
        for one in zones.findings(acquisition)
        if one.severity != COUNTED
    ]


def test_each_time_without_a_zone_is_a_finding() -> None:
    assert found(
        acquisition_start_time="2024-06-30 20:49:33", acquisition_end_time="2024-06-30T21:00:00"
    ) == [
        (
            "acquisition_start_time",
            zones.IS_RIGS,
            "2024-06-30T20:49:33-07:00",
            "2024-06-30T20:49:33+00:00",
        ),
        (
            "acquisition_end_time",
            zones.IS_RIGS,
            "2024-06-30T21:00:00-07:00",
            "2024-06-30T21:00:00+00:00",
        ),
    ]


def test_a_time_without_a_zone_elsewhere_is_a_finding_and_utc() -> None:
    (one,) = zones.naive("processing.x", "asset_basics.process_date", "2024-06-30 20:49:33")
    assert (one.field, one.column, one.reason) == (
        "processing.x",
        "asset_basics.process_date",
        zones.IS_UTC,
    )
    assert one.taken == "2024-06-30T20:49:33+00:00"
    assert one.other == "2024-06-30T20:49:33-07:00"


@pytest.mark.parametrize("value", [None, "", "soon", 5, {}, "2024-06-30 20:49:33Z"])
def test_a_time_with_a_zone_and_what_is_no_time_is_no_finding(value: object) -> None:
    assert not list(zones.naive("processing.x", "asset_basics.process_date", value))


@pytest.mark.parametrize("zone", ["Pacific/Seattle", "PDT", "-420", -420, "-7h", "25:00"])
def test_a_zone_that_nowhere_has_is_a_finding(zone: object) -> None:
    assert found(acquisition_start_time="2024-06-29T06:30:00Z", acquisition_start_tz=zone) == [
        ("acquisition_start_tz", zones.NO_ZONE, "2024-06-28", str(zone))
    ]


@pytest.mark.parametrize(
    "zone", [None, "", "  ", "UTC", "utc", "Z", "Etc/UTC", 0, -7, "-07:00", "US/Pacific", {}]
)
def test_what_gives_a_zone_or_utc_or_nothing_is_no_finding(zone: object) -> None:
    assert not found(acquisition_start_time="2024-06-29T12:30:00Z", acquisition_start_tz=zone)


@pytest.mark.parametrize(
    ("zone", "taken", "other"),
    [
        ("America/New_York", f"2024-06-30 in {Rule.NAMED}", f"2024-06-29 in {Rule.WRITTEN}"),
        (3, f"2024-06-29 in {Rule.WRITTEN}", f"2024-06-30 in {Rule.HOURS}"),
    ],
)
def test_two_zones_with_two_dates_are_a_finding(zone: object, taken: str, other: str) -> None:
    start = "2024-06-29T22:30:00-07:00"
    assert found(acquisition_start_time=start, acquisition_start_tz=zone) == [
        ("acquisition_start_time", zones.OTHER_DAY, taken, other)
    ]


def test_two_zones_with_the_same_date_are_no_finding() -> None:
    start = "2024-06-29T12:30:00-07:00"
    assert not found(acquisition_start_time=start, acquisition_start_tz=-8)


# Anything


@given(anything | starts | st.dictionaries(st.sampled_from(["acquisition_start_tz"]), anything))
def test_no_value_does_harm(acquisition: object) -> None:
    start = zones.start(acquisition)
    assert (start.instant is None) == (start.day is None) == (start.rule is None)
    assert zones.moment(acquisition, acquisition) is None
    for one in zones.findings(acquisition):
        json.dumps((one.taken, one.other))


@given(starts)
def test_the_rigs_date_is_within_a_day_of_that_of_utc(acquisition: dict[str, object]) -> None:
    start = zones.start(acquisition)
    if start.instant is not None:
        assert start.day is not None
        day = start.instant.astimezone(UTC).date()
        assert abs(start.day - day) <= timedelta(days=1)


@given(st.datetimes().filter(lambda time: 1 < time.year < 9999))
def test_a_time_without_a_zone_has_the_date_written(time: datetime) -> None:
    assert begun(str(time)).day == time.date()
