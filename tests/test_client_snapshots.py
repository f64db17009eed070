"""Published states: which there are, reading at one of them, and what differs between two."""

import json
import math
import uuid
from collections import Counter
from pathlib import Path

import client_store
import pandas as pd
import pyarrow as pa
import pytest
import stores
from client_store import LAYOUT, VERSION
from hypothesis import given, settings
from hypothesis import strategies as st

import zs_client
from zs_client import (
    AcornNotFound,
    ReadError,
    SnapshotNotFound,
    SubjectNotFound,
    cli,
    comparison,
    pinned,
)
from zs_client.contract import Layout
from zs_client.opening import open_store
from zs_pipeline.acorns import ACORNS
from zs_pipeline.publishing.squirrel import publish

BASICS = [
    {"_id": "1", "name": "one", "age": 90, "modalities": ["ecephys", "fib"]},
    {"_id": "2", "name": "second", "age": 90},
    {"_id": "3", "name": "third"},
]


def before(store):
    """A published state; returns its id."""
    client_store.whole(store, "asset_basics", BASICS)
    client_store.whole(store, "unique_subject_ids", [{"subject_id": "1"}, {"subject_id": "2"}])
    client_store.whole(store, "source_data", [{"name": "one"}])
    subjects = {name: client_store.metrics(name) for name in ("1", "2", None)}
    client_store.split(store, "quality_control", subjects | {"3": []})
    return publish(store, LAYOUT, ACORNS).snapshot


def after(store):
    """A later one: of each table something was added, removed and changed, but of one nothing."""
    one, two, _ = BASICS
    rows = [one | {"age": 91, "modalities": ["fib"]}, two | {"age": None}, {"_id": "4"}]
    client_store.whole(store, "asset_basics", rows)
    client_store.whole(store, "unique_subject_ids", [{"subject_id": "2"}, {"subject_id": "3"}])
    subjects = {"1": [], "2": client_store.metrics("2", 3), "3": client_store.metrics("3", 1)}
    client_store.split(store, "quality_control", subjects)
    client_store.whole(store, "metadata_core", [])
    return publish(store, LAYOUT, ACORNS).snapshot


@pytest.fixture(scope="module")
def both(s3_server, tmp_path_factory):
    """A store of each kind with both states, and the ids; which no test changes."""
    proxy = stores.FaultyProxy(s3_server)
    with pytest.MonkeyPatch.context() as environment:
        client_store.as_owner(environment, proxy.url)
        urls = {
            "folder": str(tmp_path_factory.mktemp("both")),
            "memory": f"memory://{uuid.uuid4().hex}",
            "s3": f"s3://{client_store.bucket(s3_server, public=True)}",
        }
        for url in urls.values():
            store = open_store(url)
            ids = (before(store), after(store))
    yield proxy, urls, ids
    proxy.close()


@pytest.fixture(params=["folder", "memory", "s3"])
def states(request, both, monkeypatch):
    """The ids of the two states of the store that is read, of each kind."""
    proxy, urls, ids = both
    client_store.nobody(monkeypatch, proxy.url)
    monkeypatch.setenv("ZS_STORE", urls[request.param])
    return ids


@pytest.fixture
def remote(both, monkeypatch):
    """The two states on S3, and the proxy before it."""
    proxy, urls, ids = both
    client_store.nobody(monkeypatch, proxy.url)
    monkeypatch.setenv("ZS_STORE", urls["s3"])
    proxy.seen.clear()
    return *ids, proxy


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A folder of the test's own, with both states."""
    store = open_store(tmp_path)
    monkeypatch.setenv("ZS_STORE", store.url)
    return store, before(store), after(store)


def asked(proxy):
    found = [path.split("/", 2)[-1] for _, path in proxy.seen]
    proxy.seen.clear()
    return found


# Which there are


def test_the_published_states_are_listed_the_latest_first(states):
    old, new = states
    found = zs_client.snapshots()
    assert [(one.id, one.version, one.current) for one in found] == [
        (new, VERSION, True),
        (old, VERSION, False),
    ]
    assert found[0].published_at.tzinfo is not None
    assert found[1].tables == {
        "unique_subject_ids": 2,
        "asset_basics": 3,
        "source_data": 1,
        "quality_control": 6,
    }
    assert found[1].rows == 12
    assert found[1].bytes > 4_000


def test_without_any_the_list_is_empty(tmp_path):
    assert zs_client.snapshots(str(tmp_path)) == []


def test_a_state_that_comes_again_is_the_same(own):
    store, old, _ = own
    assert before(store) != old, "a table more than then"
    store.delete([LAYOUT.facts("metadata_core")])
    assert publish(store, LAYOUT, ACORNS).snapshot == old
    assert [one.current for one in zs_client.snapshots() if one.id == old] == [True]


def test_a_long_list_is_sent_without_the_partitions_and_once(remote):
    zs_client.snapshots()
    listed = asked(remote[2])
    assert len([path for path in listed if path.endswith(".json") and "_snapshots/" in path]) == 2
    zs_client.snapshots()
    assert not [path for path in asked(remote[2]) if path.endswith(f"{remote[0]}.json")]


def test_a_snapshot_with_many_partitions_is_listed_from_its_beginning(own):
    store, old, _ = own
    key = LAYOUT.snapshot(old)
    told = json.loads(store.get(key))
    told["partitions"]["quality_control"] |= {str(n): "0" * 64 for n in range(5_000)}
    store.put(key, json.dumps(told, indent=1).encode())
    assert next(one for one in zs_client.snapshots() if one.id == old).rows == 12


# Reading at one


def then():
    return (
        zs_client.asset_basics()["_id"].tolist(),
        zs_client.unique_subject_ids(),
        len(zs_client.qc("1")),
        len(zs_client.qc("2")),
        len(zs_client.qc(None)),
        {acorn.name for acorn in zs_client.get_squirrel_info().acorns} >= {"metadata_core"},
    )


OLD = (["1", "2", "3"], ["1", "2"], 2, 2, 2, False)


def test_every_read_is_of_that_state(states, monkeypatch):
    old, new = states
    with zs_client.reading(snapshot=old):
        assert then() == OLD
    monkeypatch.setenv("ZS_SNAPSHOT", old)
    assert then() == OLD
    assert zs_client.asset_basics(snapshot=new)["_id"].tolist() == ["1", "2", "4"]
    assert zs_client.asset_basics(snapshot="now")["_id"].tolist() == ["1", "2", "4"]
    monkeypatch.delenv("ZS_SNAPSHOT")
    assert zs_client.asset_basics()["_id"].tolist() == ["1", "2", "4"]
    assert len(zs_client.qc("2")) == 3


def test_each_function_takes_it(states):
    old, _ = states
    assert len(zs_client.asset_basics(snapshot=old)) == 3
    assert zs_client.unique_subject_ids(snapshot=old) == ["1", "2"]
    assert len(zs_client.qc("2", snapshot=old)) == 2
    assert len(zs_client.qc(2, "2_asset0", snapshot=old)) == 1
    assert zs_client.get_squirrel_info(snapshot=old).snapshot == old
    assert zs_client.raw_to_derived("one", snapshot=old) == []
    for ask in (zs_client.metadata_core, zs_client.platform_fib):
        with pytest.raises(AcornNotFound, match=rf"not in snapshot {old}.*it has .*asset_basics"):
            ask(snapshot=old)
    with pytest.raises(AcornNotFound, match="not in snapshot"):
        zs_client.platform_qc("fib", snapshot=old)


def test_who_was_known_then_is_known(states):
    old, new = states
    with pytest.raises(SubjectNotFound):
        zs_client.qc("3", snapshot=old)
    assert len(zs_client.qc("3", snapshot=new)) == 1
    with pytest.raises(SubjectNotFound):
        zs_client.qc("1", snapshot=new)


def test_a_lazy_path_is_that_of_the_content(own):
    _, old, _ = own
    path = zs_client.qc("2", lazy=True, snapshot=old)
    assert "/_objects/qc/" in path
    assert len(pd.read_parquet(path)) == 2


def test_it_is_found_from_another_version(own, monkeypatch):
    store, old, _ = own
    monkeypatch.setenv("ZS_VERSION", "1.1")
    assert len(zs_client.asset_basics(snapshot=old)) == 3
    assert zs_client.diff(old, old)["change"].unique().tolist() == ["same"]
    publish(store, Layout("1.1"), ACORNS)
    assert {one.version for one in zs_client.snapshots()} == {"1.1", VERSION}


def test_what_was_read_once_is_read_again_without_any_request(remote, monkeypatch):
    old, _, proxy = remote
    with zs_client.reading(snapshot=old):
        first = then()
        assert asked(proxy)
        assert then() == first
        assert asked(proxy) == []
        monkeypatch.setenv("ZS_VERSION", "2.0")
        assert then() == first
        assert asked(proxy) == []
        with zs_client.reading(offline=True):
            assert then() == first
            assert len(pd.read_parquet(zs_client.qc("2", lazy=True))) == 2


def test_offline_what_was_not_read_of_it_is_an_error(remote):
    old, _, proxy = remote
    with pytest.raises(ReadError, match="not in the local cache"):
        zs_client.asset_basics(snapshot=old, offline=True)
    zs_client.asset_basics(snapshot=old)
    proxy.seen.clear()
    with pytest.raises(ReadError, match=r"_objects/source_data.*not in the local cache"):
        zs_client.source_data(snapshot=old, offline=True)
    assert asked(proxy) == []


def test_custom_tables_and_the_status_are_those_of_now(own, monkeypatch):
    _, old, _ = own
    zs_client.custom("mine", pd.DataFrame({"a": [1]}))
    monkeypatch.setenv("ZS_SNAPSHOT", old)
    assert zs_client.custom("mine")["a"].tolist() == [1]
    zs_client.custom("mine", pd.DataFrame({"a": [2]}))
    assert zs_client.custom("mine")["a"].tolist() == [2]
    assert {one.name: one.rows for one in zs_client.status()}["quality_control"] == 6


# What is not there


def test_an_unknown_one_is_an_error_with_those_there_are(states):
    for ask in (
        lambda: zs_client.asset_basics(snapshot="0" * 16),
        lambda: zs_client.diff("0" * 16),
        lambda: zs_client.diff(states[0], "0" * 16),
    ):
        with pytest.raises(SnapshotNotFound, match=rf"there are ({states[1]}, )?{states[0]}"):
            ask()


def test_where_none_was_published_that_is_said(tmp_path, monkeypatch):
    monkeypatch.setenv("ZS_STORE", str(tmp_path))
    with pytest.raises(SnapshotNotFound, match=r"there are none, so leave the snapshot out$"):
        zs_client.asset_basics(snapshot="0" * 16)
    with pytest.raises(AcornNotFound, match="a published state is not in version"):
        zs_client.diff("now")


@given(
    st.text()
    | st.sampled_from(["..", "../../x", "a/b", "*", "NOW", "0" * 15 + "é", "0" * 15 + "A"])
)
def test_any_other_text_is_no_snapshot_and_no_key(text):
    store = stores.Watched(open_store("memory://texts"))
    with pytest.raises(SnapshotNotFound):
        pinned.pinned(store, LAYOUT, text)
    assert set(store.asked("get")) <= {LAYOUT.snapshot_index}


@pytest.mark.parametrize("thing", [1, b"0" * 16, ["0" * 16]])
def test_what_is_no_text_is_a_type_error(own, thing):
    with pytest.raises(TypeError, match="text of its id"):
        zs_client.asset_basics(snapshot=thing)


def test_a_content_that_is_gone_is_said_to_be(own):
    store, old, new = own
    for found in (Path(store.url) / LAYOUT.folder / "_objects").glob("*/*"):
        found.unlink()
    for ask in (
        lambda: zs_client.asset_basics(snapshot=old),
        lambda: zs_client.qc("2", snapshot=old),
        lambda: zs_client.diff(old, new, "asset_basics"),
    ):
        with pytest.raises(ReadError, match=rf"snapshot ({old}|{new}) names this content.*is gone"):
            ask()


@pytest.mark.parametrize("where", ["acorns", "partitions", "id", "nothing", "text"])
def test_a_snapshot_that_is_not_what_its_name_says_is_refused(own, where):
    store, old, new = own
    key = LAYOUT.snapshot(old)
    told = json.loads(store.get(key))
    if where == "acorns":
        told["acorns"][0]["sha256"] = "0" * 64
    elif where == "partitions":
        told["partitions"]["quality_control"]["2"] = "0" * 64
    elif where == "id":
        told = json.loads(store.get(LAYOUT.snapshot(new)))
    body = {"nothing": b"{}", "text": b"["}.get(where, json.dumps(told).encode())
    store.put(key, body)
    with pytest.raises(ReadError, match="is not the snapshot that its name says"):
        zs_client.asset_basics(snapshot=old)


# What differs


def test_without_a_table_all_tables_are_told_and_none_is_read(remote):
    old, new, proxy = remote
    found = zs_client.diff(old).set_index("table")
    assert not [path for path in asked(proxy) if "_objects" in path]
    assert found["change"].to_dict() == {
        "unique_subject_ids": "changed",
        "asset_basics": "changed",
        "source_data": "same",
        "quality_control": "changed",
        "metadata_core": "added",
    }
    counts = ["rows_before", "rows_after", "files_added", "files_removed", "files_changed"]
    assert found.loc["quality_control", counts].tolist() == [6, 6, 1, 1, 1]
    assert found.loc["source_data", counts].tolist() == [1, 1, 0, 0, 0]
    assert pd.isna(found.loc["metadata_core", "rows_before"])
    empty = zs_client.diff(old, new, "metadata_core")
    assert "_id" in list(empty.added)
    assert "_id" in list(empty.removed)
    back = zs_client.diff(new, old).set_index("table")
    assert back["change"]["metadata_core"] == "removed"


def test_rows_are_told_by_key_with_the_values_that_changed(states):
    old, new = states
    found = zs_client.diff(old, "now", "asset_basics")
    assert (found.table, found.key) == ("asset_basics", ("_id",))
    assert found.added["_id"].tolist() == ["4"]
    assert found.removed["_id"].tolist() == ["3"]
    assert found.removed["name"].tolist() == ["third"]
    assert found.changed.to_dict("records") == [
        {"_id": "1", "column": "modalities", "before": ["ecephys", "fib"], "after": ["fib"]},
        {"_id": "1", "column": "age", "before": 90, "after": 91},
        {"_id": "2", "column": "age", "before": 90, "after": None},
    ]
    back = zs_client.diff(new, old, "asset_basics")
    assert back.added["_id"].tolist() == ["3"]
    assert back.changed["before"].tolist() == found.changed["after"].tolist()


def test_rows_without_a_key_are_added_and_removed(states):
    for name in ("qc", "quality_control"):
        found = zs_client.diff(*states, name)
        assert (found.table, found.key) == ("quality_control", ())
        assert found.added["asset_name"].tolist() == ["2_asset2", "3_asset0"]
        assert found.removed["asset_name"].tolist() == ["1_asset0", "1_asset1"]
        assert len(found.changed) == 0


def test_only_what_differs_is_read(remote):
    old, new, proxy = remote
    zs_client.diff(old, new)
    proxy.seen.clear()
    zs_client.diff(old, new, "qc")
    read = [path for path in asked(proxy) if "_objects" in path]
    assert len(read) == 4, "2 before and after, 1 before, 3 after"
    found = zs_client.diff(old, new, "source_data")
    assert not [path for path in asked(proxy) if "_objects" in path]
    assert [len(frame) for frame in (found.added, found.removed, found.changed)] == [0, 0, 0]
    assert list(found.added) == list(zs_client.source_data())
    assert list(found.changed) == ["name", "source_data", "column", "before", "after"]


def test_a_table_that_only_one_has_is_added_or_removed_whole(own):
    store, old, _ = own
    client_store.whole(
        store, "metadata_core", [{"_id": "1", **dict.fromkeys(client_store._cores(), False)}]
    )
    new = publish(store, LAYOUT, ACORNS).snapshot
    assert zs_client.diff(old, new, "metadata_core").added["_id"].tolist() == ["1"]
    assert zs_client.diff(new, old, "metadata_core").removed["_id"].tolist() == ["1"]
    with pytest.raises(
        AcornNotFound, match=r"platform_fib is in neither.*there are .*metadata_core"
    ):
        zs_client.diff(old, new, "platform_fib")


def test_offline_it_is_told_from_what_was_read(remote):
    old, new, proxy = remote
    online = zs_client.diff(old, new, "asset_basics")
    proxy.seen.clear()
    with zs_client.reading(offline=True):
        again = zs_client.diff(old, new, "asset_basics")
        with pytest.raises(ReadError, match="not in the local cache"):
            zs_client.diff(old, new, "qc")
    pd.testing.assert_frame_equal(online.changed, again.changed)
    assert asked(proxy) == []


rows = st.dictionaries(
    st.text(st.characters(codec="utf-8"), max_size=3),
    st.tuples(
        st.none() | st.integers(0, 2), st.none() | st.lists(st.sampled_from(["a", "b"]), max_size=2)
    ),
    max_size=6,
)


@pytest.mark.slow
@settings(max_examples=30, deadline=None)
@given(rows, rows)
def test_what_differs_is_what_a_loop_over_the_rows_finds(old, new):
    store = open_store("memory://loops")
    ids = []
    for state in (old, new):
        content = [{"_id": k, "age": age, "modalities": m} for k, (age, m) in state.items()]
        client_store.whole(store, "asset_basics", content)
        ids.append(publish(store, LAYOUT, ACORNS).snapshot)
    found = zs_client.diff(*ids, "asset_basics", store_url="memory://loops")
    assert set(found.added["_id"]) == new.keys() - old.keys()
    assert set(found.removed["_id"]) == old.keys() - new.keys()
    told = {
        (line["_id"], line["column"]): (line["before"], line["after"])
        for line in found.changed.to_dict("records")
    }
    assert told == {
        (key, column): (old[key][place], new[key][place])
        for key in old.keys() & new.keys()
        for place, column in enumerate(("age", "modalities"))
        if old[key][place] != new[key][place]
    }


@settings(max_examples=20, deadline=None)
@given(st.lists(st.sampled_from("abc"), max_size=5), st.lists(st.sampled_from("abc"), max_size=5))
def test_rows_that_occur_several_times_are_counted(old, new):
    store = open_store("memory://counts")
    ids = []
    for state in (old, new):
        parts = {"1": [{"name": name, "asset_name": "x"} for name in state], "2": [{"name": "a"}]}
        client_store.split(store, "quality_control", parts)
        ids.append(publish(store, LAYOUT, ACORNS).snapshot)
    found = zs_client.diff(*ids, "qc", store_url="memory://counts")
    assert Counter(found.added["name"]) == Counter(new) - Counter(old)
    assert Counter(found.removed["name"]) == Counter(old) - Counter(new)


def test_a_number_that_is_none_is_the_same_as_itself():
    old, new = (
        pa.table({"k": ["a", "b", "c"], "x": pa.array(numbers, pa.float64())})
        for numbers in ([math.nan, math.nan, None], [math.nan, 1.0, math.nan])
    )
    found = comparison.compared(old, new, ["k"])
    assert [(line[0], line[1]) for line in found.changed] == [("b", "x"), ("c", "x")]


# The command line


def test_the_command_lists_them(own, capsys):
    store, old, new = own
    assert cli.main(["snapshots", "--store", store.url]) == 0
    head, first, second = capsys.readouterr().out.splitlines()
    names = ["snapshot", "published", "version", "tables", "rows", "size", "name"]
    assert head.split() == names
    assert first.split()[:2] == ["*", new]
    assert second.split()[0] == old
    assert second.split()[3:6] == [VERSION, "4", "12"]


def test_the_command_shows_what_differs(own, capsys):
    _, old, new = own
    assert cli.main(["diff", old, "now"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["quality_control", "changed", "6", "6", "+1", "-1", "~1"] in lines
    assert ["metadata_core", "added", "-", "0", "+1"] in lines
    assert cli.main(["diff", old, new, "asset_basics"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "asset_basics: 1 added, 1 removed, 2 changed",
        "+ 4",
        "- 3",
        "~ 1: modalities ['ecephys', 'fib'] → ['fib'], age 90 → 91",
        "~ 2: age 90 → null",
    ]
    assert cli.main(["diff", old, new, "qc"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "quality_control: 2 added, 2 removed, 0 changed"
    assert said[1].startswith("+ name=metric 2, value={")
    assert "nan" not in said[1]
    assert "NaT" not in said[1]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["diff", "0" * 16, "now"], "zs diff: there is no snapshot"),
        (["diff", "now", "now", "nothing"], "zs diff: nothing is in neither"),
        (["snapshots", "--store", "ftp://x"], "zs snapshots: ftp://x"),
        (["diff", "now", "now", "--store", "nowhere"], "zs diff: "),
    ],
)
def test_an_expected_error_is_one_line_and_exit_code_2(own, capsys, words, said):
    assert cli.main(words) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith(said)
    assert len(told.err.splitlines()) == 1
