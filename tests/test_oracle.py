"""The oracle itself: the examples of the tables' description, and that it stands alone."""

import ast
import pickle
import sys
from datetime import UTC, datetime
from pathlib import Path

import oracle
import pandas as pd
import pytest

ALONE = {"pandas", "pyarrow", *sys.stdlib_module_names}


def test_the_oracle_shares_no_code_with_the_project():
    tree = ast.parse(Path(oracle.__file__).read_text())
    nodes = list(ast.walk(tree))
    imported = {alias.name for n in nodes if isinstance(n, ast.Import) for alias in n.names}
    imported |= {n.module or "." for n in nodes if isinstance(n, ast.ImportFrom)}
    assert {name.split(".")[0] for name in imported} <= ALONE


RIGS = {
    "EPHYS1": ["323_EPHYS1_20250922", "323_EPHYS1", "EPHYS1"],
    "Bergamo2pphotostim": [
        "442 Bergamo 2p photostim",
        "442_Bergamo_2p_photostim",
        "Bergamo_2p-photostim-room442_20241021",
    ],
    "8C": ["446_8C_20251222"],
    "4A": ["4A", "426_4A_20250902"],
    "MESO2": ["422-mesoscope-20220218", "422_MESO2_20241017", "MESO.2", "422mesoscope"],
    "MESO1": ["429-mesoscope-20220321", "429_MESO1_20260122", "MESO.1"],
    "NP3": ["342_NP.3_20241111", "342_NP3_240906", "unknown_NP3_240401", "NP3"],
    "EPHYS2RF": [
        "323_EPHYS2_RF_20241223_01",
        "323_EPHYS2_RF_2024-12-23_01",
        "323_EPHYS2-RF_2023-11-09_01",
    ],
    "BEHDEVB4": ["342_BEHDEV.B-4_20240401"],
    "EPHYS1OPTO001": ["323_EPHYS1-OPTO_001"],
    "SmartSPIM21": ["SmartSPIM-2-1", "SmartSPIM2-1"],
    "SmartSPIM2": ["440_SmartSPIM2_20240327"],
    "exaSPIM101": ["exaSPIM1-01", "exaspim-01"],
    "exaSPIM1": ["exaSPIM1"],
    "FIPSue": ["FIP_Sue", "447_FIP_Sue_20260101"],
    "FIP1+2D": ["428_FIP1_20251107_447_2D_20260101", "428_FIP1_20251107_447_2D"],
    "3D": ["447-3-D_20260203", "447_3D_20260203"],
    "FIP1": ["1_FIP1", "428_1_FIP1", "428_FIP1_1", "428_1_FIP1_20251107"],
    "NP1Ultra": ["325_NP1_Ultra_20240506"],
    "13A+4A": ["13A_20260101_4A_20260102"],
    None: ["NA", "n/a", "None", "UNKNOWN", "unknown_20240101", "  ", "", None, ["EPHYS1"]],
}


@pytest.mark.parametrize(("rig", "written"), [(r, w) for r, ids in RIGS.items() for w in ids])
def test_the_name_of_a_rig(rig, written):
    assert oracle.rig_name(written) == rig


def start(time, tz=None):
    acquisition = {"acquisition_start_time": time, "acquisition_start_tz": tz}
    document = {"acquisition": acquisition}
    found = oracle.acquisition_time(document, "acquisition_start_time")
    return found, oracle.iso(oracle.acquisition_date(document))


def utc(*parts):
    return datetime(*parts, tzinfo=UTC)


@pytest.mark.parametrize(
    ("time", "tz", "instant", "day"),
    [
        ("2026-02-13T18:31:13.061848Z", None, utc(2026, 2, 13, 18, 31, 13, 61848), "2026-02-13"),
        ("2025-09-26 12:57:44-07:00", None, utc(2025, 9, 26, 19, 57, 44), "2025-09-26"),
        ("2025-09-26 12:57:44.123-07:00", 0, utc(2025, 9, 26, 19, 57, 44, 123000), "2025-09-26"),
        ("2024-07-01T03:49:33", None, utc(2024, 7, 1, 10, 49, 33), "2024-07-01"),
        ("2024-07-01T03:49:33Z", None, utc(2024, 7, 1, 3, 49, 33), "2024-06-30"),
        ("2024-07-01T03:49:33Z", -8, utc(2024, 7, 1, 3, 49, 33), "2024-06-30"),
        ("2024-07-01T03:49:33Z", "+09:00", utc(2024, 7, 1, 3, 49, 33), "2024-07-01"),
        ("2024-07-01T03:49:33Z", "5.5", utc(2024, 7, 1, 3, 49, 33), "2024-07-01"),
        ("2024-07-01T20:49:33-07:00", "Asia/Tokyo", utc(2024, 7, 2, 3, 49, 33), "2024-07-02"),
        ("2024-07-01T03:49:33", "Asia/Tokyo", utc(2024, 6, 30, 18, 49, 33), "2024-07-01"),
        ("2024-07-01T03:49:33", "Etc/GMT+5", utc(2024, 7, 1, 10, 49, 33), "2024-07-01"),
        ("2024-07-01T03:49:33", "Nowhere/Town", utc(2024, 7, 1, 10, 49, 33), "2024-07-01"),
        ("2024-07-01T03:49:33", -5, utc(2024, 7, 1, 8, 49, 33), "2024-07-01"),
        # The hour that the clock has twice, and the one that it skips.
        ("2024-11-03T01:30:00", None, utc(2024, 11, 3, 8, 30), "2024-11-03"),
        ("2024-03-10T02:30:00", None, utc(2024, 3, 10, 10, 30), "2024-03-10"),
        ("yesterday", None, None, None),
        (1719805773, None, None, None),
    ],
)
def test_a_time_of_an_acquisition(time, tz, instant, day):
    assert start(time, tz) == (instant, day)


def metric(*entries, tags=None, **more):
    history = [{"status": status, "timestamp": time} for status, time in entries]
    return {"status_history": history, "tags": tags, **more}


EARLY, LATE = "2026-04-02T10:00:00Z", "2026-04-03 09:30:00.123456"


@pytest.mark.parametrize(
    ("entries", "status"),
    [
        ([("Pending", EARLY), ("Pass", LATE)], "Pass"),
        ([("Pass", LATE), ("Pending", EARLY)], "Pass"),
        ([("Fail", EARLY), ("Pass", EARLY)], "Pass"),
        ([("Pass", LATE), ("Fail", "soon"), ("Pending", EARLY)], "Pending"),
        ([("Pass", LATE), ("Fail", "2036-01-01T00:00:00Z")], "Pass"),
        ([("Pass", "2037-01-01T00:00:00Z"), ("Fail", "2036-01-01T00:00:00Z")], "Pass"),
        ([], None),
    ],
)
def test_the_status_that_counts(entries, status):
    found = oracle.chosen_status(metric(*entries), utc(2026, 5, 1))
    assert (found or {}).get("status") == status


def test_status_keys():
    fails = metric(("Fail", EARLY), tags={"probe": "A", "x": None}, stage="Processing")
    passes = metric(("Pass", EARLY), tags=["A"], modality={"abbreviation": "fib"})
    document = {"quality_control": {"metrics": [fails, passes, metric(stage="fib")]}}
    assert oracle.status_keys(document) == {
        "probe:A": "Fail",
        "x:": "Fail",
        "A": "Pass",
        "fib": "Pending",
        "Processing": "Fail",
    }
    for allowed, status in (["A"], "Pass"), ([["A", "x:"]], "Pass"), ([["A", "B"]], "Fail"):
        document["quality_control"]["allow_tag_failures"] = allowed
        assert oracle.status_keys(document)["probe:A"] == status


@pytest.mark.parametrize("left", ["n/a", "None", "NULL", "Select...", "select…", " ", "-", "TBD"])
def test_what_a_form_leaves_is_no_value(left):
    assert oracle.given(left) is None
    assert oracle.given("NA") == "NA"


@pytest.mark.parametrize(
    ("value", "shown", "kind"),
    [
        ("Low", "Low", "text"),
        ({"value": 3, "options": ["é"]}, '{"value":3,"options":["é"]}', "object"),
        ("5", "5", "text"),
        (5, "5", "number"),
        (True, "true", "bool"),
        ([], "[]", "list"),
        (float("nan"), None, "number"),
        (None, None, None),
    ],
)
def test_the_value_of_a_metric(value, shown, kind):
    document = {"_id": "a", "quality_control": {"metrics": [{"value": value}]}}
    (row,) = oracle.quality_control([document])
    assert (row["value"], row["value_type"]) == (shown, kind)


def test_a_frame_is_read_and_what_is_no_frame_is_refused():
    texts = pd.array(["a", None], dtype=pd.StringDtype("python"))
    frame = pd.DataFrame({("metadata", "rig"): texts, ("session_stats", "total_trials"): [1, 2]})
    frame.columns = pd.MultiIndex.from_tuples(frame.columns)
    levels = ["subject_id", "session_date", "session", "nwb_suffix"]
    rows = [("1", "2024-03-01", 1.0, 0), ("1", "2024-03-01", float("nan"), 1)]
    frame.index = pd.MultiIndex.from_tuples(rows, names=levels)
    first, second = oracle.foraging_sessions(oracle.unpickled(pickle.dumps(frame)))
    assert (first["rig"], first["session"], first["total_trials"]) == ("a", 1, 1)
    assert (second["rig"], second["session"], second["nwb_suffix"]) == (None, None, 1)
    with pytest.raises(pickle.UnpicklingError, match=r"no part of a frame"):
        oracle.unpickled(pickle.dumps(Path.home))
