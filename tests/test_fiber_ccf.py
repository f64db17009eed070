"""platform_smartspim_fiber_ccf: where fibers end, as annotated in quality control."""

import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from odd_values import ANYTHING

from zs_pipeline import arrow
from zs_pipeline.acorns.platform_smartspim_fiber_ccf import ACORN, findings, rows
from zs_pipeline.declaration import CORE

LINK = "https://example.org/#!s3://b/x/y.json"


def implant(name: Any, structure: Any = "ACB", kind: str = "Fiber probe") -> dict[str, Any]:
    return {
        "object_type": "Probe implant",
        "implanted_device": {"name": name, "object_type": kind},
        "device_config": {"primary_targeted_structure": {"acronym": structure}},
    }


def located(name: str, value: Any, day: Any = 1, status: str = "Pass") -> dict[str, Any]:
    entry = {"status": status, "evaluator": "A Person", "timestamp": f"2026-04-0{day}T10:00:00Z"}
    return {
        "name": f"{name} CCF Location",
        "value": value,
        "status_history": [{"status": "Pending", "timestamp": "2026-03-01T10:00:00Z"}, entry],
        "reference": LINK,
    }


def document(implants: Any, *metrics: Any, **more: Any) -> dict[str, Any]:
    return {
        "_id": "a",
        "name": "SmartSPIM_1_stitched_2026-04-01_10-00-00",
        **dict.fromkeys(CORE),
        "subject": {"subject_id": 990006},
        "data_description": {"modalities": [{"abbreviation": "SPIM"}], "data_level": "derived"},
        "procedures": {"subject_procedures": [{"procedures": implants}]},
        "quality_control": {"metrics": list(metrics)},
        **more,
    }


def only(*of: Any, **more: Any) -> dict[str, Any]:
    (row,) = rows(document(*of, **more))
    return row


def where(value: Any) -> tuple[Any, Any, Any]:
    row = only([implant("Fiber 0")], located("Fiber 0", value))
    return row["ap"], row["ml"], row["dv"]


def reasons(*of: Any) -> list[str]:
    return [one.reason for one in findings(document(*of))]


def test_a_fiber_has_the_location_status_and_link_of_its_metric() -> None:
    location = {"AP": 210, "ML": 151, "DV": 99}
    assert only([implant("Fiber 0", "PL")], located("Fiber 0", location)) == {
        "subject_id": "990006",
        "name": "SmartSPIM_1_stitched_2026-04-01_10-00-00",
        "fiber": "Fiber 0",
        "targeted_structure": "PL",
        "ap": 210,
        "ml": 151,
        "dv": 99,
        "status": "Pass",
        "evaluator": "A Person",
        "status_timestamp": 1775037600000000,
        "ccf_link": LINK,
    }


def test_a_fiber_without_an_annotation_has_a_row_with_nulls() -> None:
    row = only([implant("Fiber 0")])
    assert (row["fiber"], row["targeted_structure"]) == ("Fiber 0", "ACB")
    assert set(list(row.values())[4:]) == {None}
    assert reasons([implant("Fiber 0")]) == []


@pytest.mark.parametrize(
    "value",
    [
        {"AP": 210, "ML": 151, "DV": 99},
        {"ap": 210.0, "ml": "151", "dv": " 99 "},
        '{"AP": 210, "ML": "151", "DV": 99.0}',
        'json:{"AP": 210, "ML": 151, "DV": 99}',
        {"value": {"AP": 210, "ML": 151, "DV": 99}, "type": "form"},
        {"value": '{"AP": 210, "ML": 151, "DV": 99}', "options": []},
    ],
)
def test_a_value_is_read_in_each_of_its_forms(value: Any) -> None:
    assert where(value) == (210, 151, 99)
    assert reasons([implant("Fiber 0")], located("Fiber 0", value)) == []


@pytest.mark.parametrize(
    "value",
    [None, "", " ", {}, {"AP": None, "ML": "", "DV": None}, {"value": "", "type": "dropdown"}],
)
def test_what_is_not_annotated_yet_is_null_and_no_finding(value: Any) -> None:
    assert where(value) == (None, None, None)
    assert reasons([implant("Fiber 0")], located("Fiber 0", value)) == []


@pytest.mark.parametrize("odd", [210.5, -1, True, "210 µm", math.nan, math.inf, 10**30, [210], {}])
def test_what_is_no_index_is_null_and_told(odd: Any) -> None:
    assert where({"AP": odd, "ML": 151, "DV": 99}) == (None, 151, 99)
    value = {"AP": odd, "ML": 151}
    assert bool(reasons([implant("Fiber 0")], located("Fiber 0", value))) == (odd != {})


@pytest.mark.parametrize("value", [5, [210, 151, 99], "in the middle", {"X": 1}, True])
def test_a_value_without_axes_is_null_and_told(value: Any) -> None:
    assert where(value) == (None, None, None)
    assert len(reasons([implant("Fiber 0")], located("Fiber 0", value))) == 1


@pytest.mark.parametrize("written", ["Fiber_0", "fiber 0", "Fiber-0"])
def test_a_metric_is_of_a_fiber_whatever_stands_between_its_words(written: str) -> None:
    assert only([implant("Fiber 0")], located(written, {"AP": 1}))["ap"] == 1


@pytest.mark.parametrize("first_day", [1, 3])
def test_of_two_annotations_the_one_with_the_latest_status_counts(first_day: int) -> None:
    first, second = located("Fiber 0", {"AP": 1}, first_day), located("Fiber 0", {"AP": 2}, 2)
    row = only([implant("Fiber 0")], first, second)
    assert row["ap"] == (1 if first_day == 3 else 2)
    assert len(reasons([implant("Fiber 0")], first, second)) == 1
    of_one_time = located("Fiber 0", {"AP": 3}, first_day)
    assert only([implant("Fiber 0")], first, of_one_time)["ap"] == 3


def test_an_annotation_of_no_implanted_fiber_is_in_no_row_and_told() -> None:
    assert list(rows(document([], located("Fiber 1", {"AP": 1})))) == []
    assert len(reasons([], located("Fiber 1", {"AP": 1}))) == 1


def test_implants_of_one_name_have_one_row_with_the_structure_that_both_give() -> None:
    assert only([implant("Fiber 0"), implant("Fiber_0")])["targeted_structure"] == "ACB"
    differ = [implant("Fiber 0"), implant("Fiber_0", "PL")]
    assert only(differ)["targeted_structure"] is None
    assert len(reasons(differ)) == 1


@pytest.mark.parametrize("structure", ["root", "Root", " ", "Select...", "missing", None, 0.5j])
def test_what_is_no_structure_is_null(structure: Any) -> None:
    assert only([implant("Fiber 0", structure)])["targeted_structure"] is None


def test_electrodes_and_implants_without_a_name_have_no_row() -> None:
    assert list(rows(document([implant("A", kind="Ephys probe"), implant(None)]))) == []
    assert len(reasons([implant(None)])) == 1


@pytest.mark.parametrize(
    ("more", "has_row"),
    [
        ({"name": "SmartSPIM_1_STITCHED_2"}, True),
        ({"name": "SmartSPIM_1"}, False),
        ({"name": None}, False),
        ({"name": "HCR_1_stitched"}, False),
        ({"name": "HCR_1_stitched", "acquisition": {"instrument_id": "440_SmartSPIM1"}}, True),
        ({"name": "HCR_1_stitched", "instrument": {"instrument_id": "smartspim-2"}}, True),
        ({"name": "exaSPIM_1_stitched"}, False),
        ({"data_description": {"modalities": [{"abbreviation": "fib"}]}}, False),
        ({"data_description": None}, False),
    ],
)
def test_stitched_smartspim_data_assets_have_rows(more: dict[str, Any], *, has_row: bool) -> None:
    assert bool(list(rows(document([implant("Fiber 0")], **more)))) == has_row


LOCATION = st.dictionaries(st.sampled_from(["AP", "ml", "DV", "value", "x"]), ANYTHING)


@settings(max_examples=150, deadline=None)
@given(
    value=ANYTHING | LOCATION | LOCATION.map(json.dumps) | st.builds(dict, value=LOCATION),
    implants=ANYTHING | st.lists(st.builds(implant, ANYTHING, ANYTHING), max_size=2),
    history=ANYTHING,
    name=ANYTHING,
)
def test_odd_forms_never_raise_and_keep_the_types(
    value: Any, implants: Any, history: Any, name: Any
) -> None:
    metric = located("Fiber 0", value) | {"reference": name}
    odd = {"name": name, "value": value, "status_history": history}
    fibers = implants if isinstance(implants, list) else [implants]
    whole = document([*fibers, implant("Fiber 0")], metric, odd)
    table = arrow.table(ACORN, rows(whole))
    arrow.check(ACORN, table)
    assert "Fiber 0" in table["fiber"].to_pylist()
    assert all(one.column.startswith(ACORN.name) for one in findings(whole))
    whole["procedures"]["subject_procedures"] = implants
    assert list(rows(whole)) is not None
