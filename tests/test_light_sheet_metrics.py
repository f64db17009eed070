"""platform_smartspim_qc_metrics: the standard metrics of derived light-sheet data assets."""

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from odd_values import ANYTHING

from zs_pipeline import arrow
from zs_pipeline.acorns.platform_smartspim_qc_metrics import ACORN, findings, rows
from zs_pipeline.declaration import CORE


def metric(name: Any, value: Any = "Good", **more: Any) -> dict[str, Any]:
    history = [
        {"status": "Pass", "evaluator": "A Person", "timestamp": "2026-04-01T10:00:00Z"},
        {"status": "Pending", "evaluator": "Automated", "timestamp": "2026-03-01T10:00:00Z"},
    ]
    return {"name": name, "value": value, "stage": "Processing", "status_history": history, **more}


def document(*metrics: Any, **more: Any) -> dict[str, Any]:
    return {
        "_id": "a",
        "name": "SmartSPIM_1_stitched_2026-04-01_10-00-00",
        **dict.fromkeys(CORE),
        "subject": {"subject_id": "990006"},
        "data_description": {"modalities": [{"abbreviation": "SPIM"}], "data_level": "derived"},
        "quality_control": {"metrics": list(metrics)},
        **more,
    }


def only(*of: Any) -> dict[str, Any]:
    (row,) = rows(document(*of))
    return row


def test_a_standard_metric_has_its_value_and_latest_status() -> None:
    assert only(metric("Image stitching"), metric("Dataset neuroglancer link")) == {
        "subject_id": "990006",
        "name": "SmartSPIM_1_stitched_2026-04-01_10-00-00",
        "metric_name": "Image stitching",
        "channel": None,
        "stage": "Processing",
        "value": "Good",
        "status": "Pass",
        "evaluator": "A Person",
        "status_timestamp": 1775037600000000,
    }


@pytest.mark.parametrize(
    ("name", "is_standard"),
    [
        ("Image and tissue quality", True),
        ("Tissue perfusion", True),
        ("Flatfield correction", True),
        ("Image destriping", True),
        ("image stitching ", True),
        ("Ex_488_Em_525 brightness", True),
        ("Image stitching 2", False),
        ("brightness", False),
        ("Brightness of all", False),
        (None, False),
    ],
)
def test_the_name_tells_a_standard_metric(name: Any, *, is_standard: bool) -> None:
    assert [row["metric_name"] for row in rows(document(metric(name)))] == [name] * is_standard


def test_a_curation_metric_has_no_row() -> None:
    curation = metric("Image stitching", object_type="Curation metric")
    assert list(rows(document(curation))) == []


@pytest.mark.parametrize(
    ("name", "tags", "channel"),
    [
        ("Ex_488_Em_525 brightness", None, "Ex_488_Em_525"),
        ("Ex_488_Em_525 Brightness", ["Channel"], "Ex_488_Em_525"),
        ("Ex_488_Em_525 brightness", {"Channel": " Ex_561_Em_600 "}, "Ex_561_Em_600"),
        ("Ex_488_Em_525 brightness", {"channel": ["a"]}, "Ex_488_Em_525"),
        ("Image destriping", {"channel": "Ex_561_Em_600"}, "Ex_561_Em_600"),
        ("Image destriping", {"channel": "", "type": "Ex_561"}, None),
        ("Image destriping", "Ex_561_Em_600", None),
    ],
)
def test_the_channel_is_that_of_the_tag_else_of_the_name(
    name: str, tags: Any, channel: str | None
) -> None:
    assert only(metric(name, tags=tags))["channel"] == channel


def test_a_tag_that_contradicts_the_name_is_told() -> None:
    odd = metric("Ex_488_Em_525 brightness", tags={"channel": "Ex_561_Em_600"})
    same = metric("Ex_488_Em_525 brightness", tags={"channel": "Ex_488_Em_525"})
    assert [one.other for one in findings(document(odd, same))] == ["Ex_488_Em_525"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"value": "Good", "options": ["Good"], "type": "dropdown"}, "Good"),
        ({"value": 0.75, "type": "number"}, "0.75"),
        ({"value": None}, None),
        ({"value": ["a", "b"]}, '["a","b"]'),
        ({"mean": 3}, '{"mean":3}'),
        ("", ""),
        ('{"value": 1}', '{"value": 1}'),
        (0.75, "0.75"),
        (True, "true"),
        ([1, 2], "[1,2]"),
        (None, None),
        (math.nan, None),
    ],
)
def test_a_value_is_text_or_json(value: Any, text: str | None) -> None:
    assert only(metric("Image stitching", value))["value"] == text


SPIM = {"modalities": [{"abbreviation": "SPIM"}]}


@pytest.mark.parametrize(
    ("more", "has_row"),
    [
        ({"data_description": SPIM | {"data_level": "raw", "source_data": ["b"]}}, True),
        ({"data_description": SPIM | {"data_level": "raw"}}, False),
        ({"name": "exaSPIM_1_fused"}, True),
        ({"name": "x", "instrument": {"instrument_id": "ExaSPIM-01"}}, True),
        ({"name": "x", "acquisition": {"instrument_id": "440_SmartSPIM1"}}, True),
        ({"name": "HCR_1"}, False),
        ({"name": None}, False),
        ({"data_description": {"data_level": "derived"}}, False),
        ({"quality_control": None}, False),
    ],
)
def test_derived_light_sheet_data_assets_have_rows(more: dict[str, Any], *, has_row: bool) -> None:
    assert bool(list(rows(document(metric("Image stitching"), **more)))) == has_row


@settings(max_examples=100, deadline=None)
@given(odd=st.lists(ANYTHING, min_size=6, max_size=6), control=ANYTHING)
def test_odd_forms_never_raise_and_keep_the_types(odd: list[Any], control: Any) -> None:
    value, tags, history, stage, name, instrument = odd
    changed = metric(
        "A brightness", value, tags={"channel": tags}, status_history=history, stage=stage
    )
    whole = document(
        changed,
        metric("Image stitching", value, tags=tags),
        metric(name),
        acquisition={"instrument_id": instrument},
    )
    table = arrow.table(ACORN, rows(whole))
    arrow.check(ACORN, table)
    assert table.num_rows >= 2
    assert all(one.column.startswith(ACORN.name) for one in findings(whole))
    assert not list(rows(whole | {"quality_control": control, "name": instrument}))
