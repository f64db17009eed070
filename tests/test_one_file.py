"""A partitioned table has one file of all its rows, and readers get of it what partitions hold."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from one_files import assert_alike, assert_current, by_partition, rows_of_all, rows_of_each
from stores import Crash, FaultyProxy, Watched, memory
from test_commit import BY_PLATFORM, BY_SUBJECT, LAYOUT, WHOLE, build, declared, part, rows

from zs_client import ahead, parquet, parquet_of_store, provenance, read, remembered
from zs_client.contract import NULL_PARTITION
from zs_client.opening import open_store
from zs_client.place import reading, resolve
from zs_client.read import ReadRequest
from zs_client.store import Store
from zs_pipeline import arrow
from zs_pipeline.declaration import Acorn, Column
from zs_pipeline.publishing import one_file
from zs_pipeline.publishing.commit import commit
from zs_pipeline.publishing.facts_file import FactsFile, read_facts
from zs_pipeline.publishing.table_update import PartitionUpdate, TableUpdate

pytest_plugins = ("stores",)

KEY = LAYOUT.table("visit")
SUBJECTS = ("a", "b", "%25c", "d%20e", NULL_PARTITION, "é".encode().hex())
FIRST = {"a": [1, 2], "b": [3], "c": [4, 5, 6]}


def facts_of(store: Store, acorn: Acorn = BY_SUBJECT) -> Any:
    return read_facts(store, LAYOUT, acorn.table)


def build_some(store: Store, parts: dict[str, list[int] | None]) -> None:
    """Build some partitions, as a person does in Dagster: the table is not looked at as a whole."""
    made = [part(BY_SUBJECT, segment, values) for segment, values in parts.items()]
    commit(store, LAYOUT, BY_SUBJECT, TableUpdate(made, None, "code"))


def test_it_holds_the_rows_of_all_partitions_in_their_order(store: Store) -> None:
    build(store, BY_SUBJECT, FIRST)
    assert_current(store, LAYOUT, BY_SUBJECT)
    build(store, BY_SUBJECT, {"b": [7, 8], "c": None, "d": [9], NULL_PARTITION: [10]})
    assert_current(store, LAYOUT, BY_SUBJECT)
    found = arrow.decode(store.get(KEY)).to_pydict()
    assert found["subject_id"] == [None, "a", "a", "b", "b", "d"]
    assert found["value"] == [10, 1, 2, 7, 8, 9]


def test_partitions_of_a_fixed_list_without_rows_are_in_it(store: Store) -> None:
    build(store, BY_PLATFORM, {"fib": [], "ecephys": []})
    assert_current(store, LAYOUT, BY_PLATFORM)
    build(store, BY_PLATFORM, {"fib": [1, 2]})
    assert_current(store, LAYOUT, BY_PLATFORM)
    assert rows_of_all(store, LAYOUT, BY_PLATFORM)["platform"].to_pylist() == ["fib", "fib"]


def test_a_table_in_one_file_has_none_beside_it() -> None:
    store = memory()
    build(store, WHOLE, {"": range(3)})
    assert "one_file" not in facts_of(store, WHOLE)


def test_a_first_build_that_has_not_ended_has_none() -> None:
    store = memory()
    build_some(store, {"a": [1], "b": [2]})
    assert not store.exists(KEY)
    assert_alike(store, LAYOUT, BY_SUBJECT)
    build(store, BY_SUBJECT, {"c": [3]})
    assert_current(store, LAYOUT, BY_SUBJECT)


@pytest.mark.slow
@settings(deadline=None)
@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(SUBJECTS), st.none() | st.lists(st.integers(0, 99), unique=True)
        ),
        min_size=1,
        max_size=5,
    ),
    st.integers(1, 7),
)
def test_merged_from_changes_it_has_the_bytes_of_one_merged_from_all(
    series: list[dict[str, list[int] | None]], group: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(one_file, "ROW_GROUP", group)
        store = memory()
        for parts in series:
            build(store, BY_SUBJECT, parts, accept_shrink=True)
            assert_current(store, LAYOUT, BY_SUBJECT)
        merged = store.get(KEY)
        file = FactsFile(store, LAYOUT, BY_SUBJECT)
        file.update(lambda facts: facts.pop("one_file") and None)
        one_file.bring_up_to_date(file)
        assert store.get(KEY) == merged
        assert_current(store, LAYOUT, BY_SUBJECT)


def test_a_night_reads_the_last_file_and_no_partition_that_did_not_change() -> None:
    store = memory()
    build(store, BY_SUBJECT, {f"{n}": [n] for n in range(50)})
    watched = Watched(store)
    build(watched, BY_SUBJECT, {"7": [70]})
    found = [key for name, key in watched.done if name == "get" and key.endswith(".pqt")]
    # The one file, and the partition of the day, at which every commit looks.
    assert found.count(KEY) == 1
    assert len(found) <= 2
    assert_current(store, LAYOUT, BY_SUBJECT)


def test_a_night_without_a_change_writes_none(store: Store) -> None:
    build(store, BY_SUBJECT, FIRST)
    watched = Watched(store)
    build(watched, BY_SUBJECT, {"a": [1, 2]})
    assert KEY not in watched.written()


@pytest.mark.parametrize("spoil", ["gone", "another", "cut"])
def test_a_file_that_others_spoilt_misleads_nobody_and_is_made_again(
    store: Store, spoil: str
) -> None:
    build(store, BY_SUBJECT, FIRST)
    body = store.get(KEY)
    if spoil == "gone":
        store.delete([KEY])
    else:
        store.put(KEY, rows_file([11]) if spoil == "another" else body[: len(body) // 2])
    assert_alike(store, LAYOUT, BY_SUBJECT)
    build(store, BY_SUBJECT, {"a": [1]})
    assert_current(store, LAYOUT, BY_SUBJECT)


def rows_file(values: list[int]) -> bytes:
    return arrow.encode(rows(BY_SUBJECT, values))


def test_a_file_that_is_gone_is_made_again_on_a_night_without_a_change(store: Store) -> None:
    build(store, BY_SUBJECT, FIRST)
    store.delete([KEY])
    build(store, BY_SUBJECT, {})
    assert_current(store, LAYOUT, BY_SUBJECT)


NAMED = declared(
    "named",
    kind=BY_SUBJECT.kind,
    columns=(
        Column("name", "string", "The name.", nullable=False),
        Column("asset_name", "string", "The data asset.", nullable=False),
        Column("value", "int64", "A number."),
    ),
)


def build_named(store: Store, parts: dict[str, list[int] | None], state: str | None) -> None:
    made = []
    for segment, values in parts.items():
        found = [{"name": f"n{v}", "asset_name": f"n{v}", "value": v} for v in values or ()]
        content = None if values is None else arrow.table(NAMED, found)
        made.append(PartitionUpdate(segment, content))
    source = None if state is None else {"documents": state}
    commit(store, LAYOUT, NAMED, TableUpdate(made, source, "code"))


REQUESTS: list[dict[str, Any]] = [
    {},
    {"limit": 3},
    {"columns": ["value"]},
    {"columns": ["subject_id", "value"], "limit": 2},
    {"filters": {"value": [2, 5, 8, 71]}, "columns": ["name"]},
    {"filters": {"value_min": 3}, "limit": 3},
    {"names": ("n3", "n5")},
]


# Read one by one, most partitions lack the names.
@pytest.mark.filterwarnings("ignore:no rows with asset_name")
@pytest.mark.parametrize("more", REQUESTS, ids=str)
def test_while_it_lags_answers_are_of_the_present(store: Store, more: dict[str, Any]) -> None:
    build_named(store, {"a": [1, 2], "b": [3], "c": [4, 5, 6], NULL_PARTITION: [8]}, "s")
    build_named(store, {"a": [71, 2], "b": None, "d": [5]}, None)
    facts = facts_of(store, NAMED)
    assert facts["one_file"]["behind"] == ["a", "b", "d"]
    assert facts["one_file"]["state"] != facts["sha256"]
    found = rows_of_all(store, LAYOUT, NAMED, **more)
    assert found.equals(rows_of_each(store, LAYOUT, NAMED, **more))
    request = ReadRequest("named", "named", partition="subject_id", **more)
    total = rows_of_each(store, LAYOUT, NAMED, **{**more, "limit": None}).num_rows
    labels = provenance.marks(read.rows(request, (store, LAYOUT)))
    assert labels[provenance.TOTAL] == total
    build_named(store, {}, "s2")
    assert_current(store, LAYOUT, NAMED)


def test_many_of_the_partitions_come_in_the_order_they_are_asked_for(store: Store) -> None:
    build(store, BY_SUBJECT, {f"{n}": [n, n + 100] for n in range(60)})
    asked = tuple(str(n) for n in range(59, 9, -1))
    for more in ({}, {"columns": ["value"]}, {"limit": 7}, {"filters": {"value_max": 30}}):
        found = rows_of_all(store, LAYOUT, BY_SUBJECT, parts=asked, **more)
        assert found.equals(rows_of_each(store, LAYOUT, BY_SUBJECT, parts=asked, **more))


def test_a_writer_that_knows_no_one_file_leaves_one_that_is_not_read(store: Store) -> None:
    build(store, BY_SUBJECT, FIRST)
    said = facts_of(store)["one_file"]
    build_some(store, {"a": [9]})
    facts = facts_of(store)
    # Other writers keep keys that they do not know.
    store.put(LAYOUT.facts("visit"), json.dumps({**facts, "one_file": said}).encode())
    assert_alike(store, LAYOUT, BY_SUBJECT)
    build_some(store, {"b": [5]})
    assert "one_file" not in facts_of(store)
    assert_alike(store, LAYOUT, BY_SUBJECT)
    build(store, BY_SUBJECT, {"c": [4]})
    assert_current(store, LAYOUT, BY_SUBJECT)


def test_while_partitions_have_different_columns_it_stays_as_it_is() -> None:
    store = memory()
    build(store, BY_SUBJECT, FIRST)
    before = store.get(KEY)
    more = declared(
        "visits",
        folder="visit",
        kind=BY_SUBJECT.kind,
        columns=(*BY_SUBJECT.columns, Column("more", "string", "More.")),
    )
    wide = arrow.table(more, [{"name": "n7", "value": 7, "tags": [], "more": "m"}])
    update = TableUpdate([PartitionUpdate("a", wide)], {"documents": "s2"}, "code2")
    commit(store, LAYOUT, more, update)
    assert store.get(KEY) == before
    assert facts_of(store)["one_file"]["behind"] == ["a"]
    update = TableUpdate([PartitionUpdate("a", None)], {"documents": "s3"}, "code")
    commit(store, LAYOUT, BY_SUBJECT, update)
    assert_current(store, LAYOUT, BY_SUBJECT)


def test_where_a_content_is_lost_the_night_goes_on_without_it(store: Store) -> None:
    build(store, BY_SUBJECT, FIRST)
    sha256 = facts_of(store)["partitions"]["c"]["sha256"]
    store.delete([LAYOUT.object("visit", sha256), KEY])
    build(store, BY_SUBJECT, {"a": [7]})
    assert not store.exists(KEY)
    assert_alike(store, LAYOUT, BY_SUBJECT)


@pytest.mark.slow
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("kind", ["memory", "folder"])
def test_a_crash_at_any_write_leaves_answers_that_mix_no_states(
    kind: str, after: bool, tmp_path: Path
) -> None:
    new: dict[str, list[int] | None] = {"a": [9], "b": None, "d": [4]}
    count = 0
    for number in range(1, 100):
        (tmp_path / str(number)).mkdir()
        store = memory() if kind == "memory" else open_store(tmp_path / str(number))
        build(store, BY_SUBJECT, FIRST, "s1")
        try:
            build(Watched(store, number, after=after), BY_SUBJECT, new, "s2")
            break
        except Crash:
            count += 1
        found = rows_of_all(store, LAYOUT, BY_SUBJECT)
        by_subject = by_partition(found, "subject_id")
        for subject in {**FIRST, **new}:
            values = [row["value"] for row in by_subject.get(subject, [])]
            assert values in [state.get(subject) or [] for state in (FIRST, {**FIRST, **new})]
        build(store, BY_SUBJECT, {}, "s2")
        assert_current(store, LAYOUT, BY_SUBJECT)
        build(store, BY_SUBJECT, new, "s2")
        assert_current(store, LAYOUT, BY_SUBJECT)
    assert count > 6


def test_once_kept_all_rows_cost_one_request(
    s3: Store, proxy: FaultyProxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("ZS_STORE", s3.url)
    monkeypatch.setenv("ZS_VERSION", LAYOUT.version)
    build(s3, BY_SUBJECT, {f"{n}": [n] for n in range(40)})
    reader, _ = resolve()
    first = rows_of_all(reader, LAYOUT, BY_SUBJECT)
    assert first.num_rows == 40
    proxy.seen.clear()
    assert rows_of_all(reader, LAYOUT, BY_SUBJECT).equals(first)
    keys = [path for method, path in proxy.seen if method == "GET" and "squirrel" not in path]
    assert [key.rpartition("/")[2] for key in keys] == ["visit.json"]
    build(s3, BY_SUBJECT, {"7": [70]})
    proxy.seen.clear()
    remembered.forget()
    assert_alike(reader, LAYOUT, BY_SUBJECT)


def test_of_many_partitions_only_those_that_changed_are_requested(
    s3: Store, proxy: FaultyProxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("ZS_STORE", s3.url)
    monkeypatch.setenv("ZS_VERSION", LAYOUT.version)
    # The one file is larger than these partitions.
    subjects = [f"{n:03}" for n in range(40)]
    small = {subject: [int(subject)] for subject in subjects}
    build(s3, BY_SUBJECT, {**small, "M": list(range(40_000))})

    def asked() -> tuple[list[int], list[str]]:
        proxy.seen.clear()
        request = ReadRequest(*("visit", "visit"), partition="subject_id", parts=tuple(subjects))
        values = read.content(request)["value"].to_pylist()
        keys = [unquote(path).rpartition("visit")[2] for method, path in proxy.seen]
        return values, sorted(key for key in keys if "squirrel" not in key)

    def key(subject: str) -> str:
        return f"/subject_id={subject}/data.pqt"

    values, keys = asked()
    assert values == list(range(40))
    assert keys == [".json", *(key(subject) for subject in subjects)]
    assert asked() == (values, [".json"])
    build(s3, BY_SUBJECT, {"007": [70]})
    remembered.forget()
    assert asked() == ([*range(7), 70, *range(8, 40)], [".json", key("007")])
    with reading(offline=True):
        assert asked()[1] == []


def test_the_parts_that_a_question_read_are_kept_with_their_content(
    s3: Store, proxy: FaultyProxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("ZS_STORE", s3.url)
    monkeypatch.setenv("ZS_VERSION", LAYOUT.version)
    # Of this small file too only parts are read, each by a request.
    for module in (read, ahead):
        monkeypatch.setattr(module, "SMALL", 0)
    monkeypatch.setattr(parquet, "GAP", 0)
    monkeypatch.setattr(parquet_of_store, "END", 100)

    def asked(**more: Any) -> tuple[pa.Table, list[str]]:
        proxy.seen.clear()
        content = rows_of_all(resolve().store, LAYOUT, BY_SUBJECT, **more)
        keys = [path.rpartition("/")[2] for method, path in proxy.seen if method == "GET"]
        return content, sorted(set(keys) - {"squirrel.json"})

    for number in range(2):
        build(s3, BY_SUBJECT, {f"{n}": [n + number] for n in range(40 - number)})
        remembered.forget()
        values = [n + number for n in range(40 - number)] + [39] * number
        facts, all_rows = "visit.json", "visit.pqt"
        first, keys = asked(columns=["value"])
        assert sorted(first["value"].to_pylist()) == sorted(values)
        assert keys == [facts, all_rows]
        assert asked(columns=["value"]) == (first, [facts])
        with reading(offline=True):
            assert asked(columns=["value"]) == (first, [])
        # Other parts of the same content are fetched and kept beside them.
        more, keys = asked(columns=["name", "value"])
        assert more["value"].equals(first["value"])
        assert keys == [facts, all_rows]
        assert asked(columns=["name", "value"]) == (more, [facts])
