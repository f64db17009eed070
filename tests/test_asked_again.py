"""Which side files are asked again on which night, when the documents stay as they are."""

import json
import os
import shutil
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import test_assets_smartspim as smartspim
from building import FOLDER, zs_build
from given_cases import case
from hypothesis import given
from hypothesis import strategies as st
from stores import memory
from test_behavior_curriculum import PLACE, basics, lay, state

from zs_client.store import Store
from zs_pipeline.acorns import assets_smartspim, behavior_curriculum, platform_exaspim
from zs_pipeline.side_files import answers, nights
from zs_pipeline.side_files.answers import Answer
from zs_pipeline.side_files.files import Files
from zs_pipeline.side_files.nights import Schedule, date_of

days = st.dates(date(2020, 1, 1), date(2040, 1, 1))
CAME = date(2026, 4, 1)
CREATED = int(datetime(2026, 4, 1, 23, tzinfo=UTC).timestamp() * 1_000_000)


def later(number: int) -> date:
    return CAME + timedelta(number)


@given(name=st.text(), since=days, number=st.integers(-5, 60))
def test_a_new_one_is_due_every_night(name, since, number):
    assert nights.growing(since).is_due(name, since + timedelta(number))


@given(name=st.text(), since=days | st.none(), begin=st.integers(61, 5000))
def test_an_old_one_or_one_of_no_date_is_due_in_one_night_of_thirty(name, since, begin):
    first = (since or CAME) + timedelta(begin)
    due = [nights.growing(since).is_due(name, first + timedelta(n)) for n in range(60)]
    assert sum(due) == 2
    assert due[:30] == due[30:]


def test_old_ones_are_spread_over_the_nights():
    due = [nights.growing(None).is_due(f"name {n}", CAME) for n in range(3000)]
    assert 50 < sum(due) < 150


def test_one_that_is_not_to_be_asked_any_more_is_not():
    schedule = Schedule(CAME, 30)
    assert [schedule.is_due("x", later(n)) for n in (0, 30, 31, 500)] == [True, True, False, False]
    assert not Schedule(None, 30).is_due("x", CAME)


def test_a_date_is_that_of_utc_and_one_beyond_the_calendar_is_none():
    assert date_of(CREATED) == CAME
    assert date_of(-1) == date(1969, 12, 31)
    assert date_of(None) is date_of(2**62) is date_of(-(2**62)) is None


# Growing folders


def smartspim_tables(**stitched: Any) -> dict[str, pa.Table]:
    raw = {"name": smartspim.RAW, "created": CREATED}
    made = {"name": f"{smartspim.RAW}_stitched_2026-04-01_10-00-00", "data_level": "derived"}
    table = smartspim.basics(raw=raw, stitched={**made, **stitched})
    return smartspim.named(table, smartspim.sources(({**made, **stitched}["name"], smartspim.RAW)))


@pytest.mark.parametrize(
    ("stitched", "since"),
    [
        ({"created": 5}, CAME),
        ({"name": f"{smartspim.RAW}_stitched", "created": CREATED}, CAME),
        # No such day: as without one.
        ({"name": f"{smartspim.RAW}_stitched_2026-13-41_10-00-00", "created": CREATED}, CAME),
        ({"name": f"{smartspim.RAW}_stitched"}, None),
    ],
)
def test_channels_count_from_the_time_in_the_name_else_from_when_the_document_was_made(
    stitched, since
):
    raw, made = assets_smartspim.questions(smartspim_tables(**stitched))
    assert made.schedule == nights.growing(since)
    assert raw.schedule == nights.growing(CAME)


def test_the_file_of_an_exaspim_counts_from_when_the_document_was_made():
    table = smartspim.basics(one={"name": "exaSPIM_1", "created": CREATED})
    (question,) = platform_exaspim.questions(smartspim.named(table, smartspim.NO_SOURCES))
    assert question.schedule == nights.growing(CAME)


def asked(store: Store, kind: Any, tables: Any, files: Files, today: date) -> tuple[int, dict]:
    """How many questions were asked on a night, and what is known afterwards."""
    told = answers.update(store, "acorn", kind, kind.questions(tables), files, today=today)
    return told.counts["asked"], told.values


def test_a_better_file_that_is_written_later_is_taken(tmp_path):
    table = smartspim.basics(one={"name": "exaSPIM_1", "created": CREATED})
    tables, kind = smartspim.named(table, smartspim.NO_SOURCES), platform_exaspim.ACORN.kind
    files = smartspim.lay(tmp_path, {"exaSPIM_1/process_output.json": {}})
    store = memory()
    assert asked(store, kind, tables, files, later(1)) == (1, {"one": "process_output.json"})
    smartspim.lay(tmp_path, {"exaSPIM_1/neuroglancer.json": {}})
    assert asked(store, kind, tables, files, later(60)) == (1, {"one": "neuroglancer.json"})
    nightly = [asked(store, kind, tables, files, later(n))[0] for n in range(61, 91)]
    assert sum(nightly) == 1


@pytest.mark.parametrize(
    "location", [None, "/data/exaSPIM_1", "s3://bucket-1/a//b", "s3://closed-bucket/exaSPIM_1"]
)
def test_one_that_lies_where_nothing_can_be_read_has_no_file(tmp_path, location):
    kind, store = platform_exaspim.ACORN.kind, memory()
    files = smartspim.lay(tmp_path, {"exaSPIM_1/process_output.json": {}})
    for place, answer in (("s3://bucket-1/exaSPIM_1", "process_output.json"), (location, None)):
        table = smartspim.basics(one={"name": "exaSPIM_1", "location": place})
        tables = smartspim.named(table, smartspim.NO_SOURCES)
        _, values = asked(store, kind, tables, files, later(1))
        assert values == {"one": answer}
        (row,) = platform_exaspim.rows(values, tables, {})
        assert (row["raw_link"] is None) == (answer is None)


def test_what_is_not_there_comes_on_one_of_thirty_nights_as_well(tmp_path):
    tables, kind = smartspim_tables(), assets_smartspim.ACORN.kind
    files, store = smartspim.lay(tmp_path, {}), memory()
    assert asked(store, kind, tables, files, later(0))[0] == 2
    assert asked(store, kind, tables, files, later(60))[0] == 2
    nightly = [asked(store, kind, tables, files, later(n))[0] for n in range(61, 91)]
    assert sum(nightly) == 2


def test_old_data_assets_cost_few_requests_a_night(tmp_path):
    many = {f"n{n}": {"name": f"exaSPIM_{n}", "created": 5} for n in range(3000)}
    tables = smartspim.named(smartspim.basics(**many), smartspim.NO_SOURCES)
    kind, files, store = platform_exaspim.ACORN.kind, smartspim.lay(tmp_path, {}), memory()
    assert asked(store, kind, tables, files, later(0))[0] == 3000
    assert asked(store, kind, tables, files, later(1))[0] < 150


def rows(store: Path, table: str) -> list[dict[str, Any]]:
    return pq.read_table(store / FOLDER / f"{table}.pqt").to_pylist()


def test_channels_of_the_case_come_one_after_another(tmp_path, monkeypatch):
    folder = case("11-channels-arrive-later")
    files = Path(shutil.copytree(folder / "files", tmp_path / "files"))
    (cells,) = files.glob("*/*/image_cell_segmentation")
    late = tmp_path / "late"
    late.mkdir()
    for channel in ("Ex_561_Em_600", "Ex_639_Em_680"):
        (cells / channel).rename(late / channel)

    def channels(today: date) -> list[str]:
        monkeypatch.setattr(nights, "today", lambda: today)
        assert zs_build(folder / "documents.ndjson", tmp_path / "out", files=files) == 0
        found = rows(tmp_path / "out", "assets_smartspim")
        assert {(row["name"], row["processed"]) for row in found} == {(cells.parent.name, True)}
        return [row["channel"] for row in found]

    assert channels(date(2026, 4, 4)) == ["Ex_488_Em_525"]
    for channel in late.iterdir():
        channel.rename(cells / channel.name)
    three = ["Ex_488_Em_525", "Ex_561_Em_600", "Ex_639_Em_680"]
    assert channels(date(2026, 6, 2)) == three


# Trainer states


def curriculum(created: int | None = CREATED, **more: Any) -> dict[str, pa.Table]:
    return {"asset_basics": basics({"created": created, **more})}


KIND = behavior_curriculum.ACORN.kind


def stage(values: dict[str, Any]) -> Any:
    (value,) = values.values()
    return value and value.get("stage")


def test_a_later_trainer_state_is_looked_for_while_the_data_asset_is_young(tmp_path):
    store, files = memory(), lay(tmp_path, {PLACE: state(stage="first")})
    assert stage(asked(store, KIND, curriculum(), files, later(0))[1]) == "first"
    lay(tmp_path, {"behavior/trainer_state_2.json": state(stage="second")})
    assert stage(asked(store, KIND, curriculum(), files, later(30))[1]) == "second"
    lay(tmp_path, {"behavior/trainer_state_3.json": state(stage="third")})
    assert asked(store, KIND, curriculum(), files, later(31))[0] == 0
    # A change of the document asks again.
    count, values = asked(store, KIND, curriculum(_last_modified=6), files, later(31))
    assert (count, stage(values)) == (1, "third")


def test_one_without_a_trainer_state_is_listed_every_night(tmp_path):
    store, files = memory(), lay(tmp_path, {})
    for night in (0, 31, 500):
        assert asked(store, KIND, curriculum(), files, later(night))[0] == 1
    lay(tmp_path, {PLACE: state(stage="late")})
    assert stage(asked(store, KIND, curriculum(), files, later(501))[1]) == "late"
    assert asked(store, KIND, curriculum(), files, later(502))[0] == 0


def test_a_night_lists_and_fetches_only_what_is_new(tmp_path):
    store, files = memory(), lay(tmp_path, {PLACE: state()})
    asked(store, KIND, curriculum(), files, later(0))
    fetched = count_of(files)
    first = answers.update(store, "acorn", KIND, KIND.questions(curriculum()), files, today=CAME)
    assert (fetched(), first.counts["found"]) == (1, 1)
    path = tmp_path / "bucket-1/one" / PLACE
    path.write_bytes(json.dumps(state(stage="mended")).encode())
    values = asked(store, KIND, curriculum(), files, later(1))[1]
    assert (fetched(), stage(values)) == (3, "mended")


def count_of(files: Files) -> Any:
    before = files.count["requests"]
    return lambda: files.count["requests"] - before


@pytest.mark.parametrize("body", [b"{cut", b"[]"])
def test_a_file_that_cannot_be_used_is_not_fetched_again_while_it_is_the_same(tmp_path, body):
    store, files = memory(), lay(tmp_path, {PLACE: body})
    told = [
        answers.update(store, "acorn", KIND, KIND.questions(curriculum()), files, today=later(n))
        for n in (0, 1, 31)
    ]
    assert [one.counts["requests"] for one in told] == [2, 1, 0]
    assert len({one.content for one in told}) == 1
    assert [stage(one.values) for one in told] == [None] * 3
    (tmp_path / "bucket-1/one" / PLACE).write_bytes(json.dumps(state()).encode())
    os.utime(tmp_path / "bucket-1/one" / PLACE, (99, 99))
    assert stage(asked(store, KIND, curriculum(), files, later(2))[1]) == "S"


def kept_by_1_0_0(store: Store, outcome: str, reason: str, value: object) -> None:
    """An answer as 1.0.0 kept it: without the file's key."""
    (question,) = KIND.questions(curriculum())
    body = None if value is None else json.dumps(value).encode()
    answer = {question.id: Answer(question, outcome, reason, body)}
    answers._keep(store, "acorn", KIND, [question], answer, seen={}, answered=set())


@pytest.mark.parametrize("outcome", ["unparsable", "other_shape"])
def test_what_1_0_0_could_not_read_is_read_once_more_however_old(tmp_path, outcome):
    store = memory()
    files = lay(tmp_path, {PLACE: json.dumps({"trainer_state": state()}).encode("utf-16")})
    kept_by_1_0_0(store, outcome, "is no JSON", None)
    assert stage(asked(store, KIND, curriculum(), files, later(500))[1]) == "S"
    assert asked(store, KIND, curriculum(), files, later(501))[0] == 0
    lay(tmp_path, {PLACE: b"{cut"})
    kept_by_1_0_0(store, outcome, "is no JSON", None)
    assert asked(store, KIND, curriculum(), files, later(500))[0] == 1
    assert asked(store, KIND, curriculum(), files, later(501))[0] == 0


def test_what_1_0_0_read_of_an_old_data_asset_is_not_asked_again(tmp_path):
    store, value = memory(), {"curriculum": "C", "stage": "kept", "nodes": {}}
    kept_by_1_0_0(store, "found", "", value)
    files = lay(tmp_path, {PLACE: state()})
    assert asked(store, KIND, curriculum(), files, later(31)) == (0, {"id-0": value})
    assert asked(store, KIND, curriculum(created=None), files, later(0))[0] == 0
    assert stage(asked(store, KIND, curriculum(), files, later(30))[1]) == "S"


def test_a_note_on_what_was_read_is_told_once_for_the_data_asset(tmp_path):
    store, files = memory(), lay(tmp_path, {PLACE: {"trainer_state": state()}})
    told = answers.update(store, "acorn", KIND, KIND.questions(curriculum()), files, today=CAME)
    (row,) = answers.problems(store, "acorn", told.content)
    assert (row["_id"], row["field"], row["severity"], row["count"]) == (
        *("id-0", "file:acorn", "note"),
        1,
    )
    assert "trainer_state" in row["reason"]
    # The file is the same on the next night, and the note stays.
    again = answers.update(store, "acorn", KIND, KIND.questions(curriculum()), files, today=CAME)
    assert again.content == told.content
