"""time_to_qc: the end of processing, and when the last metric got its status."""

from datetime import UTC, datetime
from typing import Any

import pytest

from zs_pipeline.acorns.time_to_qc import findings, rows
from zs_pipeline.declaration import CORE
from zs_pipeline.zones import IS_UTC


def derived(*metrics: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "_id": "a",
        "name": "a_processed",
        **dict.fromkeys(CORE),
        "data_description": {"data_level": "derived"},
        "quality_control": {"metrics": list(metrics)},
        **more,
    }


def metric(status: str, *dates: str, earlier: str = "Pending") -> dict[str, Any]:
    history = [{"status": earlier, "timestamp": date} for date in dates[:-1]]
    return {"status_history": [*history, {"status": status, "timestamp": dates[-1]}]}


def only(document: dict[str, Any]) -> dict[str, Any]:
    (row,) = rows(document)
    return row


def micros(*when: int) -> int:
    return int(datetime(*when, tzinfo=UTC).timestamp()) * 1_000_000


def test_the_latest_status_counts_when_none_is_pending() -> None:
    one = metric("Pass", "2025-05-01T00:00:00Z", "2025-05-02T10:00:00Z")
    other = metric("Fail", "2025-05-05T02:00:00+02:00")
    assert only(derived(one, other))["qc_time"] == micros(2025, 5, 5)


@pytest.mark.parametrize("status", ["Pending", "pass", "", "Unknown"])
def test_while_any_metric_is_pending_there_is_no_time(status: str) -> None:
    done = metric("Pass", "2025-05-02T10:00:00Z")
    assert only(derived(done, metric(status, "2025-05-05T00:00:00Z")))["qc_time"] is None
    assert only(derived(done, {"status_history": []}))["qc_time"] is None


def test_a_curation_metric_counts() -> None:
    curation = metric("Pending", "2025-05-02T00:00:00Z") | {"object_type": "Curation metric"}
    assert only(derived(metric("Pass", "2025-05-01T00:00:00Z"), curation))["qc_time"] is None


def test_without_metrics_or_times_there_is_a_row_with_null() -> None:
    assert only(derived()) == {"name": "a_processed", "process_end_time": None, "qc_time": None}
    assert only(derived(metric("Pass", "never")))["qc_time"] is None


@pytest.mark.parametrize("end", [None, "", "2025-02-30T00:00:00Z", "soon", 5, {}])
def test_the_latest_process_ended_or_began_last_wherever_it_stands(end: Any) -> None:
    processes = [
        {"start_date_time": "2025-01-01T00:00:00Z", "end_date_time": "2025-01-03T00:00:00Z"},
        {"start_date_time": "2025-01-04T00:00:00Z", "end_date_time": end},
        {"start_date_time": "2025-01-02T00:00:00Z", "end_date_time": "2025-01-02T00:00:00Z"},
    ]
    found = only(derived(processing={"data_processes": processes}))
    assert found["process_end_time"] == micros(2025, 1, 4)


def test_an_end_without_a_zone_is_utc_and_told() -> None:
    processes = [{"end_date_time": end} for end in ("2025-01-04 10:00:00", "2025-01-03T00:00:00Z")]
    one = derived(processing={"data_processes": processes})
    assert only(one)["process_end_time"] == micros(2025, 1, 4, 10)
    (told,) = findings(one)
    assert (told.column, told.other) == ("time_to_qc.process_end_time", "2025-01-04T10:00:00-08:00")
    assert not list(findings(one | {"quality_control": None}))


@pytest.mark.parametrize(
    "more",
    [
        {"data_description": {"data_level": "raw"}},
        {"data_description": None},
        {"quality_control": None},
        {"name": None},
    ],
)
def test_what_is_not_derived_or_has_no_control_has_no_row(more: dict[str, Any]) -> None:
    assert list(rows(derived(metric("Pass", "2025-05-01T00:00:00Z"), **more))) == []


def test_a_raw_data_asset_that_names_a_source_is_derived() -> None:
    described = {"data_level": "raw", "source_data": ["b"]}
    assert only(derived(data_description=described))["name"] == "a_processed"


@pytest.mark.parametrize(
    ("end", "level", "reasons"),
    [
        ("2025-01-03T00:00:00", "derived", [IS_UTC]),
        ("2025-01-03 00:00", "derived", [IS_UTC]),
        ("2025-01-03T00:00:00Z", "derived", []),
        ("2025-01-03T00:00:00", "raw", []),
        ("soon", "derived", []),
    ],
)
def test_an_end_without_a_zone_is_utc_and_a_finding(
    end: str, level: str, reasons: list[str]
) -> None:
    processing = {"data_processes": [None, {"end_date_time": end}]}
    document = derived(processing=processing, data_description={"data_level": level})
    assert [finding.reason for finding in findings(document)] == reasons
    if reasons:
        assert only(document)["process_end_time"] == micros(2025, 1, 3)
