"""The table of foraging sessions, from frames of every shape that is to be expected."""

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from building import zs_build
from given_cases import case
from hypothesis import given
from hypothesis import strategies as st

from zs_client import asset_basics
from zs_client import foraging_sessions as read_sessions
from zs_pipeline import arrow
from zs_pipeline.acorns import foraging_sessions
from zs_pipeline.acorns.foraging_sessions import ACORN, LEVELS, OtherFrame
from zs_pipeline.side_files.pickled_frame import read_frame

CORPUS = Path(__file__).parents[2] / "shared" / "corpus"

VALUES: dict[tuple[str, str], Any] = {
    ("metadata", "rig"): "447-1-D",
    ("metadata", "user_name"): "huy.nguyen",
    ("metadata", "task"): "Coupled Baiting",
    ("auto_train", "curriculum_name"): "Uncoupled Baiting",
    ("auto_train", "curriculum_version"): "2.3",
    ("auto_train", "current_stage_actual"): "STAGE_1",
    ("session_stats", "foraging_eff"): 0.5,
    ("session_stats", "foraging_eff_random_seed"): 0.75,
    ("session_stats", "finished_trials"): 300,
    ("session_stats", "finished_rate"): 0.6,
    ("session_stats", "total_trials"): 500,
    ("session_stats", "bias_naive"): -0.25,
}
PEOPLE = pa.array([], pa.list_(pa.string()))
SESSION = {
    "subject_id": "697929",
    "session_date": "2024-03-01",
    "session": 1.0,
    "nwb_suffix": 80003,
}
ROW = {
    "subject_id": "697929",
    "session_date": "2024-03-01",
    "session": 1,
    "nwb_suffix": 80003,
    "rig": "447-1-D",
    "trainer": "huy.nguyen",
    "trainer_normalized": "Huy Nguyen",
    "task": "Coupled Baiting",
    "curriculum_name": "Uncoupled Baiting",
    "curriculum_version": "2.3",
    "current_stage_actual": "STAGE_1",
    "foraging_eff": 0.5,
    "foraging_eff_random_seed": 0.75,
    "finished_trials": 300,
    "finished_rate": 0.6,
    "total_trials": 500,
    "bias_naive": -0.25,
}


def frame(*rows: dict[Any, Any], levels: tuple[str, ...] = LEVELS) -> pd.DataFrame:
    """A frame with a row for each dict of what differs from `SESSION` and `VALUES`."""
    index = [tuple(row.get(level, SESSION.get(level)) for level in levels) for row in rows]
    content = {
        pair: pd.Series([row.get(pair, value) for row in rows], dtype=object)
        for pair, value in VALUES.items()
    }
    made = pd.DataFrame(content).infer_objects()
    made.index = pd.MultiIndex.from_tuples(index, names=levels)
    return made


def only(made: pd.DataFrame) -> dict[str, Any]:
    (row,) = table(made)
    return row


def table(made: pd.DataFrame) -> list[dict[str, Any]]:
    nobody = {"asset_basics": pa.table({"experimenters": PEOPLE, "investigators": PEOPLE})}
    content = foraging_sessions.finish(arrow.table(ACORN, foraging_sessions.rows(made)), nobody)
    arrow.check(ACORN, content)
    return content.to_pylist()


def test_a_session_has_the_declared_columns_and_types() -> None:
    row = only(frame({}))
    assert row == ROW
    assert list(row) == [column.name for column in ACORN.columns]
    assert foraging_sessions.problems(frame({})) == []


# Other shapes of the frame


def test_levels_are_found_by_name_in_any_order_among_others() -> None:
    turned = frame({}, levels=("nwb_suffix", "other", "session_date", "subject_id", "session"))
    assert only(turned) == ROW


@pytest.mark.parametrize("level", LEVELS)
def test_a_missing_level_is_an_error_that_names_it(level: str) -> None:
    less = frame({}, levels=tuple(one for one in LEVELS if one != level))
    for function in (lambda f: list(foraging_sessions.rows(f)), foraging_sessions.problems):
        with pytest.raises(OtherFrame, match=f"no level {level}; it has ") as raised:
            function(less)
        assert "wanted are subject_id, session_date, session, nwb_suffix" in str(raised.value)


def test_a_frame_with_an_index_of_numbers_is_an_error() -> None:
    with pytest.raises(OtherFrame, match="no level subject_id, session_date, session, nwb_suffix"):
        list(foraging_sessions.rows(frame({}).reset_index(drop=True)))


@pytest.mark.parametrize("pair", VALUES)
def test_a_missing_column_is_null_and_reported(pair: tuple[str, str]) -> None:
    less = frame({}, {}).drop(columns=[pair])
    gone = "trainer" if pair[1] == "user_name" else pair[1]
    nulls = {gone: None} | ({"trainer_normalized": None} if gone == "trainer" else {})
    assert table(less) == [ROW | nulls] * 2
    said = foraging_sessions.problems(less)
    assert f"column {pair} is not there: {gone} is null in every row" in said


@pytest.mark.parametrize("columns", [["rig", "task"], [("metadata", "notes")], []])
def test_a_frame_with_none_of_the_columns_is_an_error(columns: list[Any]) -> None:
    other = pd.DataFrame(index=frame({}).index, columns=columns)
    with pytest.raises(OtherFrame, match="none of the columns"):
        list(foraging_sessions.rows(other))


def test_extra_columns_and_their_order_make_no_difference() -> None:
    more = frame({})
    more["metadata", "notes"] = "x"
    more["session_stats", "rig"] = "other"
    assert only(more[more.columns[::-1]]) == ROW


def test_a_column_that_is_there_twice_is_taken_once() -> None:
    assert only(pd.concat([frame({}), frame({})], axis=1)) == ROW


def test_a_frame_without_rows_gives_a_table_without_rows() -> None:
    assert table(frame({}).iloc[:0]) == []


# Values


@pytest.mark.parametrize("nothing", [None, np.nan, pd.NaT, pd.NA, "", float("nan")])
@pytest.mark.parametrize("pair", VALUES)
def test_what_is_not_there_is_null(pair: tuple[str, str], nothing: Any) -> None:
    made = frame({pair: nothing}, {pair: nothing})
    name = "trainer" if pair[1] == "user_name" else pair[1]
    assert [row[name] for row in table(made)] == [None, None]
    assert foraging_sessions.problems(made.iloc[:1]) == []


@pytest.mark.parametrize("level", LEVELS)
def test_a_level_without_a_value_is_null(level: str) -> None:
    assert only(frame({level: np.nan})) == ROW | {level: None}


@pytest.mark.parametrize(
    "digits", ["9" * 3_000_000, "0." + "3" * 5000, "1" + "0" * 5000 + "e-5000"], ids=len
)
def test_a_number_of_millions_of_digits_is_no_number_and_told(digits: str) -> None:
    for level in ("session", "nwb_suffix"):
        assert only(frame({level: digits})) == ROW | {level: None}
    pairs = [pair for pair in VALUES if pair[0] == "session_stats"]
    made = frame(dict.fromkeys(pairs, digits))
    assert only(made) == ROW | {name: None for _, name in pairs}
    assert len(foraging_sessions.problems(made)) == len(pairs)


def test_a_whole_number_of_millions_of_bits_is_no_text_and_told() -> None:
    made = frame({"subject_id": 1 << 3_000_000})
    assert only(made) == ROW | {"subject_id": None}
    assert "3,000,001 bits" in "".join(foraging_sessions.problems(made))


@pytest.mark.parametrize(
    ("written", "subject"),
    [(600001, "600001"), (600001.0, "600001"), ("600001", "600001"), (" 600001 ", "600001"),
     ("M2501", "M2501"), (np.int64(600001), "600001")],
)  # fmt: skip
def test_a_subject_is_text(written: Any, subject: str) -> None:
    assert only(frame({"subject_id": written}))["subject_id"] == subject


@pytest.mark.parametrize(
    "written",
    [
        "2024-03-01",
        " 2024-03-01 ",
        "2024-03-01 08:30:00",
        dt.date(2024, 3, 1),
        dt.datetime(2024, 3, 1, 23, tzinfo=dt.UTC),
        pd.Timestamp("2024-03-01"),
        pd.Timestamp("2024-03-01 23:00", tz="America/Los_Angeles"),
        np.datetime64("2024-03-01"),
    ],
)
def test_a_date_is_its_own_calendar_date(written: Any) -> None:
    assert only(frame({"session_date": written}))["session_date"] == "2024-03-01"


def test_sessions_without_a_number_and_with_one_stand_together() -> None:
    rows = table(frame({"session": 3.0}, {"session": np.nan, "nwb_suffix": 93015}))
    assert [(row["session"], row["nwb_suffix"]) for row in rows] == [(3, 80003), (None, 93015)]


@pytest.mark.parametrize(
    ("written", "number"),
    [("12", 12), (" 12.0 ", 12), (12.0, 12), (np.int64(12), 12), ("12.5", None), (12.5, None),
     (True, None), ("many", None), (float("inf"), None), (2**63, None), ("²", None),
     (2**53 + 1, 2**53 + 1), (str(2**53 + 1), 2**53 + 1), ([12], None)],
)  # fmt: skip
def test_a_count_may_be_text_and_is_whole(written: Any, number: int | None) -> None:
    made = frame({("session_stats", "finished_trials"): written})
    assert only(made)["finished_trials"] == number
    assert len(foraging_sessions.problems(made)) == (number is None)


def test_a_session_number_beyond_int32_is_null_and_reported() -> None:
    made = frame({"session": 2.0**31})
    assert only(made)["session"] is None
    assert "1 values of session do not fit" in foraging_sessions.problems(made)[0]


@pytest.mark.parametrize(
    ("written", "number"), [("0.5", 0.5), (1, 1.0), ("x", None), (True, None), ("nan", None)]
)
def test_a_rate_may_be_text(written: Any, number: float | None) -> None:
    made = frame({("session_stats", "foraging_eff"): written})
    assert only(made)["foraging_eff"] == number


def test_what_does_not_fit_is_reported_with_an_example() -> None:
    made = frame({"session_date": "March"}, {("session_stats", "bias_naive"): "left"}, {})
    assert foraging_sessions.problems(made) == [
        "1 values of session_date do not fit, such as str 'March'; taken as null",
        "1 values of bias_naive do not fit, such as str 'left'; taken as null",
        "1 sessions have several rows, such as ('697929', '2024-03-01', 1, 80003); all are kept",
    ]


def test_trainers_have_one_name_over_the_whole_table() -> None:
    written = ["Huy Nguyen", "huy.nguyen", "Huy", None, "Katrina Nguyen", "unknown", "NSB trainer"]
    made = frame(*({("metadata", "user_name"): name} for name in written))
    assert [(row["trainer"], row["trainer_normalized"]) for row in table(made)] == [
        ("Huy Nguyen", "Huy Nguyen"),
        ("huy.nguyen", "Huy Nguyen"),
        ("Huy", "Huy Nguyen"),
        (None, None),
        ("Katrina Nguyen", "Katrina Nguyen"),
        ("unknown", None),
        ("NSB trainer", "NSB Trainer"),
    ]


cells = st.one_of(
    *(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.binary(max_size=3)),
    *(st.datetimes(), st.dates(), st.lists(st.integers(), max_size=2)),
    st.sampled_from([pd.NA, pd.NaT, np.float32(1), np.array([1, 2]), {}, complex(1, 2)]),
)


@given(row=st.dictionaries(st.sampled_from(list(VALUES)), cells, max_size=6))
def test_any_cell_gives_a_valid_row(row: dict[Any, Any]) -> None:
    made = frame(row, {})
    assert len(table(made)) == 2
    foraging_sessions.problems(made)


# The generated table of the corpus


@pytest.mark.real
def test_the_table_of_the_corpus_gives_what_is_in_it() -> None:
    path = CORPUS / "s3" / "df_sessions__generated.pkl"
    if not path.exists():
        pytest.skip(f"no corpus of real documents at {CORPUS}")
    made = read_frame(path.read_bytes())
    rows = table(made)
    assert len(rows) == 28
    assert foraging_sessions.problems(made) == []
    keys = {(row["subject_id"], row["session_date"], row["nwb_suffix"]) for row in rows}
    assert len(keys) == 28
    assert sum(row["session"] is None for row in rows) == 4
    by_key = {(row["subject_id"], row["session_date"], row["session"]): row for row in rows}
    assert by_key["689727", "2024-03-05", 5] == {
        "subject_id": "689727",
        "session_date": "2024-03-05",
        "session": 5,
        "nwb_suffix": 80403,
        "rig": "AIND-447-3-B",
        "trainer": "Huy",
        "trainer_normalized": "Huy Nguyen",
        "task": "Coupled Without Baiting",
        "curriculum_name": "Uncoupled Baiting",
        "curriculum_version": "2.3",
        "current_stage_actual": "STAGE_FINAL",
        "foraging_eff": 0.5349667453086836,
        "foraging_eff_random_seed": None,
        "finished_trials": 127,
        "finished_rate": 0.31592039800995025,
        "total_trials": 402,
        "bias_naive": -0.9392994112317767,
    }
    assert by_key["713557", "2024-03-01", 1]["curriculum_name"] is None


def test_the_sessions_of_the_case_join_on_the_date_where_the_rig_stands(tmp_path, monkeypatch):
    folder = case("09-session-date-join")
    files = folder / "files"
    assert zs_build(folder / "documents.ndjson", tmp_path, files=files) == 0
    monkeypatch.setenv("ZS_STORE", str(tmp_path))
    joined = read_sessions().merge(
        asset_basics(),
        left_on=["subject_id", "session_date"],
        right_on=["subject_id", "acquisition_date"],
    )
    assert len(joined) == len(read_sessions()) == 5
    assert joined["name"].is_unique


def test_every_column_says_where_it_is_from_by_which_rule_and_with_an_example():
    assert all(column.reads and column.rule and column.example for column in ACORN.columns)
    assert "session_date = acquisition_date" in ACORN.description
