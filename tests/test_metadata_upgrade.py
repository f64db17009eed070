"""metadata_upgrade: runs of the upgrader joined with names of both databases, and remembered."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from zs_client.contract import Layout
from zs_client.store import Store
from zs_client.user_tables import content, custom
from zs_pipeline import arrow
from zs_pipeline.acorns import asset_basics, metadata_upgrade
from zs_pipeline.publishing.commit import commit
from zs_pipeline.publishing.facts_file import read_content
from zs_pipeline.publishing.table_update import PartitionUpdate, TableUpdate

pytest_plugins = ("stores",)

ACORN = metadata_upgrade.ACORN
AT = datetime(2025, 10, 1, 12, tzinfo=UTC)


def run(one: str | None, version: str | None = "0.17.14", **more: Any) -> dict[str, Any]:
    """A row as the upgrader writes it."""
    return {
        "v1_id": one,
        "v2_id": f"v2-{one}",
        "upgrader_version": version,
        "last_modified": "2025-09-30T12:00:00.000Z",
        "status": "success",
        **more,
    }


def failed(one: str, version: str = "0.17.14", **more: Any) -> dict[str, Any]:
    return run(one, version, **{"v2_id": None, "status": "failed", **more})


BASICS = arrow.table(
    asset_basics.ACORN,
    [
        {"_id": f"v2-{n}", "name": f"new {n}", "project_name": "New", "data_level": "raw"}
        for n in "abc"
    ],
)


class Old:
    """The old database: documents by `_id`, and what it was asked for."""

    def __init__(self, *ids: str, **more: Any) -> None:
        self.asked: list[str] = []
        self.documents = {
            one: {
                "_id": one,
                "name": f"old {one}",
                "data_description": {"project_name": " Old ", "data_level": "derived"},
                **more,
            }
            for one in ids
        }

    def fetch(self, ids: Sequence[str]) -> Iterable[dict[str, Any]]:
        self.asked += ids
        return [self.documents[one] for one in ids if one in self.documents]


def table(
    runs: list[dict[str, Any]] | pa.Table | None,
    before: pa.Table | None = None,
    old: Old | None = None,
    basics: pa.Table = BASICS,
) -> pa.Table:
    if isinstance(runs, list):
        runs = pa.Table.from_pandas(pd.DataFrame(runs), preserve_index=False)
    made = ACORN.kind.rows(runs, {"asset_basics": basics}, before, (old or Old()).fetch)
    return arrow.decode(arrow.file(ACORN, made).body)


def rows(*args: Any, **more: Any) -> dict[str, dict[str, Any]]:
    found = table(*args, **more).to_pylist()
    return {
        row["_id"]: {**row, "status_by_version": dict(row["status_by_version"])} for row in found
    }


def test_a_document_that_was_upgraded_has_its_name_in_the_present_database() -> None:
    old = Old("a")
    assert rows([run("a", upgrade_datetime=AT)], old=old) == {
        "a": {
            "_id": "a",
            "name": "new a",
            "project_name": "New",
            "data_level": "raw",
            "v2_id": "v2-a",
            "upgrader_version": "0.17.14",
            "last_modified": datetime(2025, 9, 30, 12, tzinfo=UTC),
            "status": "success",
            "upgrade_datetime": AT,
            "status_by_version": {"0.17.14": "success"},
        }
    }
    assert old.asked == []


def test_one_that_was_not_or_is_gone_again_has_it_in_the_old_one() -> None:
    old = Old("x", "y")
    found = rows([failed("x"), run("y"), failed("z"), run("a")], old=old)
    assert old.asked == ["x", "y", "z"]
    assert {one: row["name"] for one, row in found.items()} == {
        "x": "old x",
        "y": "old y",
        "a": "new a",
        "z": None,
    }
    assert found["x"]["project_name"] == "Old"
    assert found["x"]["data_level"] == "derived"
    assert found["y"]["v2_id"] == "v2-y"
    assert found["x"]["v2_id"] is None


def test_the_old_database_is_asked_once_for_a_document_that_does_not_change() -> None:
    first = table([failed("x"), failed("y")], old=Old("x", "y"))
    changed = failed("y", last_modified="2025-10-30T12:00:00.000Z")
    old = Old("x", "y", name="renamed")
    found = rows([failed("x", "0.18.0"), changed], before=first, old=old)
    assert old.asked == ["y"]
    assert [found[one]["name"] for one in "xy"] == ["old x", "renamed"]


def test_without_an_old_database_names_are_those_of_before_or_null() -> None:
    first = table([failed("x")], old=Old("x"))
    changed = failed("x", last_modified="2025-10-30T12:00:00.000Z")
    found = rows([changed, failed("y")], before=first)
    assert [found[one]["name"] for one in "xy"] == ["old x", None]


@pytest.mark.parametrize("description", [None, "text", [], {"project_name": 5, "data_level": {}}])
def test_odd_documents_of_the_old_database_give_nulls(description: Any) -> None:
    found = rows([failed("x")], old=Old("x", name=None, data_description=description))
    assert found["x"]["name"] is None
    assert found["x"]["data_level"] is None


def test_the_runs_of_earlier_versions_are_remembered() -> None:
    first = table([failed("x", "0.9.0"), run("a", "0.9.0")])
    second = table([failed("x", "0.10.0"), run("a", "0.10.0")], before=first)
    third = table([run("x", "0.10.0", v2_id="v2-b"), run("a", "0.10.1")], before=second)
    found = {row["_id"]: row["status_by_version"] for row in third.to_pylist()}
    assert found["x"] == [("0.9.0", "failed"), ("0.10.0", "success")]
    assert found["a"] == [("0.9.0", "success"), ("0.10.0", "success"), ("0.10.1", "success")]


def test_the_columns_of_earlier_versions_that_0_28_6_wrote_are_remembered() -> None:
    before = pa.table(
        {
            "_id": ["x", "a"],
            "v2_id": [None, "v2-a"],
            "last_modified": ["2025-09-30T12:00:00.000Z", None],
            "status": ["failed", "success"],
            "0.16.0": ["failed", None],
            "0.17.1": ["failed", "success"],
            "name": ["from before", "new a"],
        }
    )
    old = Old("x")
    found = rows([failed("x"), run("a")], before=before, old=old)
    assert found["x"]["status_by_version"] == dict.fromkeys(
        ("0.16.0", "0.17.1", "0.17.14"), "failed"
    )
    assert list(found["a"]["status_by_version"]) == ["0.17.1", "0.17.14"]
    assert found["x"]["name"] == "from before"
    assert old.asked == []


@pytest.mark.parametrize("before", [None, pa.table({}), pa.table({"other": [1]})])
def test_a_former_table_that_tells_nothing_is_as_none(before: pa.Table | None) -> None:
    assert rows([run("a")], before=before)["a"]["status_by_version"] == {"0.17.14": "success"}


@pytest.mark.parametrize(
    ("runs", "latest"),
    [
        # The latest by time, else by version as numbers, else by place in the table.
        (
            [failed("a", "0.2.0", upgrade_datetime=AT), run("a", "0.1.0", upgrade_datetime=None)],
            "0.2.0",
        ),
        (
            [failed("a", "0.1.0", upgrade_datetime=AT), run("a", "0.2.0", upgrade_datetime=None)],
            "0.1.0",
        ),
        ([run("a", "0.10.0"), failed("a", "0.9.0")], "0.10.0"),
        ([run("a", "0.10.0rc1"), failed("a", "0.9.0")], "0.10.0rc1"),
        ([run("a", "0.10.0"), failed("a", "0.10.0rc1")], "0.10.0"),
        ([run("a", "0.9.0", status="old"), run("a", "0.9.0", status="new")], "0.9.0"),
        ([run("a", "strange"), run("a", "0.1.0")], "0.1.0"),
    ],
)
def test_of_several_runs_the_latest_is_the_row(runs: list[dict[str, Any]], latest: str) -> None:
    found = rows(runs)["a"]
    assert found["upgrader_version"] == latest
    assert found["status_by_version"].keys() == {r["upgrader_version"] for r in runs}
    if runs[-1]["status"] == "new":
        assert found["status"] == "new"


def test_documents_that_the_upgrader_no_longer_has_are_gone() -> None:
    assert rows([run("a")], before=table([run("a"), run("b")])).keys() == {"a"}


TIMES = [
    pa.array(["2025-10-01T12:00:00.000Z"]),
    pa.array(["2025-10-01 05:00:00-07:00"]),
    pa.array(["2025-10-01T12:00:00"]),
    pa.array([AT], pa.timestamp("s", tz="UTC")),
    pa.array([AT], pa.timestamp("ns", tz="America/Los_Angeles")),
    pa.array([AT.replace(tzinfo=None)], pa.timestamp("ms")),
    pa.array([1_759_320_000_000_000_001], pa.timestamp("ns")),
    pa.array(["2025-10-01T12:00:00Z"]).dictionary_encode(),
    pa.array(["2025-10-01T12:00:00Z"], pa.large_string()),
]


@pytest.mark.parametrize("at", TIMES, ids=lambda at: str(at.type))
def test_times_are_read_in_every_form_that_a_frame_may_have(at: pa.Array) -> None:
    runs = pa.table({**{k: [v] for k, v in run("a").items()}, "last_modified": at})
    assert rows(runs)["a"]["last_modified"] == AT


@pytest.mark.parametrize("odd", ["", "yesterday", None, float("nan"), 5, True, "NaT"])
def test_what_is_no_time_is_null(odd: Any) -> None:
    runs = [run("a", last_modified=odd, upgrade_datetime=odd)]
    found = rows(runs)["a"]
    assert (found["last_modified"], found["upgrade_datetime"]) == (None, None)


@pytest.mark.parametrize("nothing", ["", "None", "nan", None, float("nan")])
def test_what_pandas_and_str_make_of_nothing_is_null(nothing: Any) -> None:
    found = rows([run("a", v2_id=nothing)], old=Old("a"))["a"]
    assert found["v2_id"] is None
    assert found["name"] == "old a"


def test_a_run_of_no_document_or_no_version_makes_no_row_or_no_memory() -> None:
    assert rows([run(None), run("a")]).keys() == {"a"}
    assert rows([run("a", None)])["a"]["status_by_version"] == {}


def test_with_an_empty_custom_table_there_are_no_rows() -> None:
    old = Old("a")
    empty = pa.table({name: pa.array([], pa.null()) for name in run("a")})
    assert table(empty, old=old).num_rows == 0
    assert old.asked == []


@pytest.mark.parametrize("missing", ["v1_id", "status", "upgrader_version"])
def test_a_custom_table_of_another_shape_is_refused_by_name(missing: str) -> None:
    runs = [{k: v for k, v in run("a").items() if k != missing}]
    with pytest.raises(
        arrow.InvalidTable, match=f"metadata_upgrade_status_prod has no column {missing}; it has"
    ):
        table(runs)


def test_columns_that_are_not_needed_may_be_missing_and_others_are_passed_over() -> None:
    found = rows([{"v1_id": "a", "status": "failed", "upgrader_version": "1", "note": "x"}])["a"]
    assert (found["v2_id"], found["last_modified"], found["upgrade_datetime"]) == (None, None, None)


def test_what_a_script_stored_becomes_the_table_and_is_remembered_in_the_store(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZS_STORE", store.url)
    before = None
    for version in ("0.9.0", "0.10.0"):
        custom(
            metadata_upgrade.CUSTOM_TABLE, pd.DataFrame([run("a", version), failed("x", version)])
        )
        upgrader, state = content(store, Layout("1.0.0"), metadata_upgrade.CUSTOM_TABLE)
        made = ACORN.kind.rows(upgrader, {"asset_basics": BASICS}, before, Old("x").fetch)
        built = TableUpdate([PartitionUpdate("", made)], {"custom": state}, "1")
        assert commit(store, Layout("1.0.0"), ACORN, built).rows == 2
        before = read_content(store, Layout("1.0.0"), ACORN)
    frame = pd.read_parquet(
        pa.BufferReader(store.get(f"{Layout('1.0.0').folder}/metadata_upgrade.pqt"))
    )
    assert frame["name"].tolist() == ["new a", "old x"]
    assert dict(frame["status_by_version"][1]) == {"0.9.0": "failed", "0.10.0": "failed"}


# Copies


def frame(*runs: dict[str, Any]) -> pa.Table:
    return pa.Table.from_pandas(pd.DataFrame(list(runs)), preserve_index=False)


def statuses(made: pa.Table) -> dict[str, str]:
    (row,) = made.to_pylist()
    return dict(row["status_by_version"])


def made(custom: pa.Table, before: pa.Table | None, *others: pa.Table) -> pa.Table:
    return ACORN.kind.rows(custom, {"asset_basics": BASICS}, before, Old().fetch, others)


def test_what_other_copies_have_is_remembered_and_makes_no_row() -> None:
    copies = frame(failed("a", "0.14.0"), failed("b", "0.14.0")), frame(run("a", "0.16.0"))
    found = made(frame(run("a")), None, *copies)
    assert statuses(found) == {"0.14.0": "failed", "0.16.0": "success", "0.17.14": "success"}


def test_of_what_several_remember_the_later_counts_and_the_table_of_today_before_all() -> None:
    early = frame(run("a", "1", status="early", last_modified="2025-01-01T00:00:00Z"))
    late = frame(run("a", "1", status="late", last_modified="2025-03-01T00:00:00Z"))
    today = frame(run("a", "2", last_modified="2025-04-01T00:00:00Z"))
    assert statuses(made(today, None, early, late))["1"] == "late"
    # What was built in between is as old as what it was built from.
    middle = frame(run("a", "1", status="middle", last_modified="2025-02-01T00:00:00Z"))
    before = made(middle, None)
    assert statuses(made(today, before, early))["1"] == "middle"
    assert statuses(made(today, before, early, late))["1"] == "late"
    assert statuses(made(late, before, early))["1"] == "late"


def test_a_copy_of_another_shape_tells_nothing() -> None:
    assert statuses(made(frame(run("a")), None, pa.table({"x": [1]}))) == {"0.17.14": "success"}


@pytest.mark.parametrize(
    ("runs", "at"),
    [
        ([run("a", upgrade_datetime=AT), run("b", last_modified="2099-01-01T00:00:00Z")], AT),
        ([run("a"), run("b", last_modified="2025-10-01T12:00:00Z")], AT),
        ([run("a", last_modified=None, upgrade_datetime="soon")], None),
        ([run("a", last_modified="2025-10-01T12:00:00Z", upgrade_datetime=None)], AT),
    ],
)
def test_a_copy_is_as_new_as_its_latest_run_else_its_latest_change(
    runs: list[dict[str, Any]], at: datetime | None
) -> None:
    written = metadata_upgrade.written(frame(*runs))
    assert written == (None if at is None else int(at.timestamp() * 1_000_000))


def test_every_column_says_where_it_is_from_by_which_rule_and_with_an_example() -> None:
    assert all(column.reads and column.rule and column.example for column in ACORN.columns)
