"""asset_basics: what a document's row says by a rule, and which findings tell of it."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from building import document, dump, tables, zs_build
from hypothesis import given
from hypothesis import strategies as st

from zs_pipeline import arrow, instruments, people, zones
from zs_pipeline.acorns import (
    asset_basics,
    data_asset_problems,
    metadata_core,
    unique_genotypes,
    unique_project_names,
    unique_subject_ids,
)
from zs_pipeline.acorns.asset_basics import FALLBACK
from zs_pipeline.ages import FIRST_OF_YEAR, NOT_BORN
from zs_pipeline.catalogue import path_of
from zs_pipeline.declaration import CORE
from zs_pipeline.people import SPLIT, TOO_MANY

CASES = Path(__file__).parents[2] / "shared" / "cases"


def whole(**more: Any) -> dict[str, Any]:
    """A document with nothing in it but what is given."""
    return {"_id": "a", "name": "a_2025-01-01_00-00-00", **dict.fromkeys(CORE), **more}


def row(**more: Any) -> dict[str, Any]:
    (found,) = asset_basics.rows(whole(**more))
    return found


def told(**more: Any) -> list[tuple[str, str, str, object, object]]:
    """Field, column, reason and both readings of each finding."""
    return [
        (one.field, one.column.removeprefix("asset_basics."), one.reason, one.taken, one.other)
        for one in asset_basics.findings(whole(**more))
    ]


# Times and ages


@pytest.mark.parametrize(
    ("time", "zone", "start", "day", "age"),
    [
        ("2024-06-30T20:49:33", None, datetime(2024, 7, 1, 3, 49, 33, 0, UTC), "2024-06-30", 181),
        (
            "2024-06-29T20:49:33-07:00",
            None,
            datetime(2024, 6, 30, 3, 49, 33, 0, UTC),
            "2024-06-29",
            180,
        ),
        (
            "2024-06-29T03:49:33Z",
            "America/Los_Angeles",
            datetime(2024, 6, 29, 3, 49, 33, 0, UTC),
            "2024-06-28",
            179,
        ),
    ],
)
def test_the_age_counts_by_the_date_where_the_rig_stands(
    time: str, zone: str | None, start: datetime, day: str, age: int
) -> None:
    found = row(
        acquisition={"acquisition_start_time": time, "acquisition_start_tz": zone},
        subject={"subject_details": {"date_of_birth": "2024-01-01"}},
    )
    assert found["acquisition_start_time"] == start.timestamp() * 1_000_000
    assert found["acquisition_date"] == day
    assert found["age"] == age


def test_an_end_without_a_zone_is_in_the_rigs_too() -> None:
    end = {"acquisition_end_time": "2024-07-01T01:00:00", "acquisition_start_tz": "Europe/Berlin"}
    seattle = datetime(2024, 7, 1, 8, tzinfo=UTC).timestamp() * 1_000_000
    assert row(acquisition=end)["acquisition_end_time"] == seattle - 9 * 3600 * 1_000_000
    del end["acquisition_start_tz"]
    assert row(acquisition=end)["acquisition_end_time"] == seattle


def test_a_process_without_a_zone_is_in_utc_and_a_finding() -> None:
    starts = ["2025-01-01 02:00:00", "2024-12-31 20:00:00-07:00", None]
    processing = {"data_processes": [{"start_date_time": start} for start in starts]}
    # 02:00 and 03:00 in UTC.
    assert row(processing=processing)["process_date"] == "2024-12-31"
    assert told(processing=processing) == [
        (
            "processing.data_processes[].start_date_time",
            "process_date",
            zones.IS_UTC,
            "2025-01-01T02:00:00+00:00",
            "2025-01-01T02:00:00-08:00",
        )
    ]


def test_a_time_of_an_older_envelope_without_a_zone_is_a_finding() -> None:
    older = told(last_modified="2025-01-14T00:16:57", created="2025-01-13T22:48:51")
    assert [(field, column, reason) for field, column, reason, _, _ in older] == [
        ("last_modified", "_last_modified", zones.IS_UTC),
        ("created", "created", zones.IS_UTC),
    ]
    newer = {"_last_modified": "2025-01-14T00:16:57.000Z", "_created": "2025-01-13T22:48:51.000Z"}
    assert not told(last_modified="2025-01-14T00:16:57", created="2025-01-13T22:48:51", **newer)


@pytest.mark.parametrize(
    ("details", "age", "findings"),
    [
        ({"date_of_birth": "2024-01-01"}, 2, []),
        ({"date_of_birth": "2024-01-01", "year_of_birth": 2020}, 2, []),
        ({"year_of_birth": 2024}, 2, [("year_of_birth", FIRST_OF_YEAR, 2, None)]),
        ({"date_of_birth": "2024-01-04"}, None, [("date_of_birth", NOT_BORN, None, "2024-01-04")]),
        ({"year_of_birth": 2025}, None, [("year_of_birth", NOT_BORN, None, "2025-01-01")]),
        ({"date_of_birth": "unknown"}, None, []),
    ],
)
def test_an_age_by_the_year_and_a_birth_after_the_acquisition_are_findings(
    details: dict[str, Any], age: int | None, findings: list[tuple[Any, ...]]
) -> None:
    more = {
        "acquisition": {"acquisition_start_time": "2024-01-03T12:00:00-08:00"},
        "subject": {"subject_details": details},
    }
    assert row(**more)["age"] == age
    assert told(**more) == [
        (f"subject.subject_details.{name}", "age", *rest) for name, *rest in findings
    ]


# Subjects, instruments and people


def test_the_data_descriptions_subject_is_a_finding() -> None:
    described = {"subject_id": 990007}
    assert row(data_description=described)["subject_id"] == "990007"
    assert told(data_description=described) == [
        ("data_description.subject_id", "subject_id", FALLBACK, "990007", None)
    ]
    assert not told(data_description=described, subject={"subject_id": "1"})


def test_the_acquisitions_subject_is_no_fallback() -> None:
    assert row(acquisition={"subject_id": "990007"})["subject_id"] is None


@pytest.mark.parametrize(
    ("written", "name", "reason"),
    [
        ("None", None, instruments.NO_NAME),
        ("13A_20260101_4A_20260102", "13A+4A", instruments.MERGED),
    ],
)
def test_an_instrument_without_a_name_and_several_are_findings(
    written: str, name: str | None, reason: str
) -> None:
    acquisition = {"instrument_id": written}
    assert row(acquisition=acquisition)["instrument_id_normalized"] == name
    column = "instrument_id_normalized"
    assert told(acquisition=acquisition) == [
        ("acquisition.instrument_id", column, reason, name, written)
    ]


def test_a_name_split_into_its_letters_is_a_finding() -> None:
    letters = ["A", "d", "a"]
    assert told(acquisition={"experimenters": letters}) == [
        ("acquisition.experimenters", "experimenters_normalized", SPLIT, ["Ada"], letters)
    ]


def final(*documents: dict[str, Any]) -> pa.Table:
    found = arrow.table(
        asset_basics.ACORN, (one for d in documents for one in asset_basics.rows(whole(**d)))
    )
    return asset_basics.finish(found, {})


def test_the_spelling_that_most_documents_have_is_shown_in_both_columns() -> None:
    written = [{"acquisition": {"experimenters": ["Ada MCBRIDE", "Ada MCBRIDE"]}}]
    written += [{"data_description": {"investigators": [{"name": "Ada McBride"}]}}] * 2
    written += [{"acquisition": {"experimenters": ["ada"]}, "data_description": {}}]
    found = final(*written)
    ada = ["Ada McBride"]
    assert found["experimenters_normalized"].to_pylist() == [ada, None, None, ada]
    assert found["investigators_normalized"].to_pylist() == [None, ada, ada, None]


def test_a_document_with_a_spelling_in_both_columns_counts_once() -> None:
    both = {
        "acquisition": {"experimenters": ["Sue SU"]},
        "data_description": {"investigators": ["Sue SU"]},
    }
    one = {"acquisition": {"experimenters": ["Sue Su"]}}
    assert final(both, one, one)["experimenters_normalized"].to_pylist() == [["Sue Su"]] * 3


# Anything

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [step for path in asset_basics.ACORN.kind.reads for step in path.names]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)


@given(st.fixed_dictionaries(dict.fromkeys((*CORE, "_created", "last_modified"), anything)))
def test_no_value_does_harm_and_what_is_told_can_be_kept(values: dict[str, Any]) -> None:
    arrow.table(asset_basics.ACORN, [row(**values)])
    for one in asset_basics.findings(whole(**values)):
        assert one.reason
        assert one.column.removeprefix("asset_basics.") in row()
    list(data_asset_problems.rows(whole(**values)))


# Declarations


@pytest.mark.parametrize(
    "acorn",
    [
        asset_basics.ACORN,
        data_asset_problems.ACORN,
        metadata_core.ACORN,
        unique_genotypes.ACORN,
        unique_project_names.ACORN,
        unique_subject_ids.ACORN,
    ],
    ids=lambda acorn: acorn.name,
)
def test_each_column_says_where_it_is_from_and_by_which_rule(acorn: Any) -> None:
    for column in acorn.columns:
        assert column.reads, column.name
        assert column.rule.endswith("."), column.name
        assert column.example.endswith("."), column.name


def test_every_place_that_is_read_is_named_by_a_column() -> None:
    named = {place for column in asset_basics.ACORN.columns for place in column.reads}
    assert {path_of(read.steps) for read in asset_basics.ACORN.kind.reads} <= named


# The cases, built


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, Any]]]:
    """Every table's rows of three cases at once, by its path in the version folder."""
    names = ("07-naive-time", "09-session-date-join", "14-subject-fallback")
    if not CASES.exists():
        pytest.skip("the cases are not beside this checkout")
    lines = [
        line for n in names for line in (CASES / n / "documents.ndjson").read_text().splitlines()
    ]
    folder = tmp_path_factory.mktemp("cases")
    source = dump(folder / "documents.ndjson", map(json.loads, lines))
    assert zs_build(source, folder / "out", files=CASES / names[1] / "files") == 0
    return {
        key: pq.read_table(pa.BufferReader(body)).to_pylist()
        for key, body in tables(folder / "out").items()
    }


def test_starts_dates_and_ages_are_those_of_the_rigs_zone(built: Any) -> None:
    rows = {one["_id"]: one for one in built["asset_basics.pqt"]}
    found = [
        (rows[i]["acquisition_start_time"].isoformat(), rows[i]["acquisition_date"], rows[i]["age"])
        for i in ("07-naive", "07-aware", "07-tz")
    ]
    assert found == [
        ("2024-07-01T03:49:33+00:00", "2024-06-30", 181),
        ("2024-06-30T03:49:33+00:00", "2024-06-29", 180),
        ("2024-06-29T03:49:33+00:00", "2024-06-28", 179),
    ]


def test_every_session_joins_its_data_asset_by_date(built: Any) -> None:
    dates = {(r["subject_id"], r["acquisition_date"]) for r in built["asset_basics.pqt"]}
    sessions = [(r["subject_id"], r["session_date"]) for r in built["foraging_sessions.pqt"]]
    assert len(sessions) == 5
    assert set(sessions) <= dates


def test_qc_of_a_document_without_a_subject_is_that_of_its_data_description(built: Any) -> None:
    rows = {one["_id"]: one for one in built["asset_basics.pqt"]}
    assert rows["14-a"]["subject_id"] == "990007"
    assert len(built["qc/subject_id=990007/data.pqt"]) == 1
    assert not [r for key, rows in built.items() if key.startswith("platform_qc/") for r in rows]


def test_the_acquisitions_other_animal_is_a_finding_in_each(built: Any) -> None:
    found = built["data_asset_problems.pqt"]
    subjects = [one["_id"] for one in found if one["field"] == "acquisition.subject_id"]
    assert sorted(subjects) == [
        *("07-aware", "07-naive", "07-tz"),
        *(f"09-99100{n}" for n in range(1, 6)),
        "14-r",
    ]


# Documents that get another subject


def test_a_document_moves_with_its_subject(tmp_path: Path) -> None:
    first = document("a", None)
    steps = [
        (first, "subject_id=__HIVE_DEFAULT_PARTITION__"),
        (first | {"data_description": {"subject_id": "990011"}}, "subject_id=990011"),
        (first | {"subject": {"subject_id": "990012"}}, "subject_id=990012"),
    ]
    other = document("b", "990013")
    for night, (one, partition) in enumerate(steps):
        changed = one | {"_last_modified": f"2025-01-0{night + 3}T00:00:00.000Z"}
        source = dump(tmp_path / "d.ndjson", [changed, other])
        assert zs_build(source, tmp_path / "out") == 0
        qc = {key for key in tables(tmp_path / "out") if key.startswith("qc/")}
        assert qc == {f"qc/{partition}/data.pqt", "qc/subject_id=990013/data.pqt"}


def test_of_more_people_than_are_normalized_the_document_is_told() -> None:
    names = [f"Ada Lovelace{number}" for number in range(people.LONGEST_LIST + 5)]
    described = {"investigators": [{"name": name} for name in names]}
    assert row(data_description=described)["investigators"] == names
    assert told(data_description=described) == [
        ("data_description.investigators", "investigators_normalized", TOO_MANY, 1000, 1005)
    ]
