"""Filters, shapes and SQL together with the local cache, offline reading and snapshots."""

import hashlib
import json
import os
from urllib.parse import unquote

import client_store
import pandas as pd
import pytest
import stores
from client_store import LAYOUT, VERSION

import zs_client
from zs_client import ReadError, SnapshotNotFound, cli, parquet, parquet_of_store, read, remembered
from zs_client.acorns import read_request
from zs_client.cache import from_environment
from zs_client.opening import open_store
from zs_client.place import resolve
from zs_pipeline.acorns import ACORNS
from zs_pipeline.publishing.facts_file import read_facts
from zs_pipeline.publishing.squirrel import publish

ROWS = [
    {
        "_id": f"id {number:05}",
        "name": f"name {number:05} of {number * 7919 % 10_007}",
        "subject_id": str(number // 100),
        "data_level": ("raw", "derived")[number % 2],
    }
    for number in range(6_000)
]
# asset_basics as it is then is of 3,000 rows, and of 6,000 now.
THEN, NOW = 3_000, 6_000
BASICS = zs_client.asset_basics
SHAPES = {"pandas": BASICS, **{n: getattr(BASICS, n) for n in ("arrow", "polars", "duckdb")}}


def fill(url):
    """Two published states; returns their ids."""
    store, ids = open_store(url), []
    for count, subjects in ((THEN, {"1": 2, "2": 2}), (NOW, {"1": 2, "2": 3, "3": 1})):
        client_store.whole(store, "asset_basics", ROWS[:count])
        rows = [{"subject_id": subject} for subject in subjects]
        client_store.whole(store, "unique_subject_ids", rows)
        rows = [{"name": f"name {n}", "source_data": "raw"} for n in range(len(subjects))]
        client_store.whole(store, "source_data", rows)
        found = {name: client_store.metrics(name, many) for name, many in subjects.items()}
        client_store.split(store, "quality_control", found)
        ids.append(publish(store, LAYOUT, ACORNS).snapshot)
    published_long_ago(store)
    return ids


def published_long_ago(store):
    """What is told of the last state as if it had been published before this second."""
    told = json.loads(store.get(LAYOUT.registry))
    told["published_at"] = "2026-01-01T00:00:00Z"
    store.put(LAYOUT.registry, json.dumps(told).encode())
    remembered.forget()


@pytest.fixture(scope="module")
def filled(s3_server):
    """Two states behind a proxy, which no test changes."""
    proxy = stores.FaultyProxy(s3_server)
    with pytest.MonkeyPatch.context() as environment:
        client_store.as_owner(environment, proxy.url)
        url = f"s3://{client_store.bucket(s3_server, public=True)}"
        yield proxy, url, fill(url)
    proxy.close()


@pytest.fixture
def parts(monkeypatch):
    """asset_basics is far larger than what is read of a file at first, or whole by a filter."""
    monkeypatch.setattr(parquet_of_store, "END", 8192)
    monkeypatch.setattr(read, "SMALL", 0)
    monkeypatch.setattr(parquet, "GAP", 0)


@pytest.fixture
def server(filled, parts, monkeypatch):
    """The proxy before the two states, which are to be read."""
    proxy, url, ids = filled
    client_store.nobody(monkeypatch, proxy.url)
    monkeypatch.setenv("ZS_STORE", url)
    proxy.then, proxy.now = ids
    proxy.seen.clear()
    proxy.sent = 0
    return proxy


@pytest.fixture
def own(s3_server, parts, monkeypatch):
    """A proxy before a bucket of the test's own, with the two states."""
    proxy = stores.FaultyProxy(s3_server)
    client_store.as_owner(monkeypatch, proxy.url)
    monkeypatch.setenv("ZS_STORE", f"s3://{client_store.bucket(s3_server, public=True)}")
    proxy.then, proxy.now = fill(os.environ["ZS_STORE"])
    proxy.seen.clear()
    yield proxy
    proxy.close()


def keys(proxy):
    """What was asked since the last time: each key once, an object without its digest."""
    found = [unquote(path).split(f"zs-v{VERSION}/")[-1] for _, path in proxy.seen]
    proxy.seen.clear()
    proxy.sent = 0
    return sorted({key.rpartition("/")[0] if "_objects" in key else key for key in found})


def size():
    return read_facts(open_store(os.environ["ZS_STORE"]), LAYOUT, "asset_basics")["bytes"]


# Parts and the whole


def test_of_what_is_not_kept_a_filter_reads_parts_and_keeps_none(server):
    whole = size()
    keys(server)
    assert len(BASICS(subject_id="7", columns="subject_id")) == 100
    assert server.sent < whole / 3
    assert keys(server) == ["asset_basics.pqt", "squirrel.json"]
    with pytest.raises(ReadError, match=r"not in the local cache.*without filters"):
        BASICS(subject_id="7", offline=True)
    assert keys(server) == []


def test_of_what_is_kept_a_filter_reads_the_copy_when_it_is_the_same(server):
    whole = BASICS()
    keys(server)
    found = BASICS(subject_id="7")
    assert keys(server) == ["asset_basics.json"]
    there = BASICS(subject_id="7", offline=True)
    assert keys(server) == []
    wanted = whole[whole["subject_id"] == "7"].reset_index(drop=True)
    for one in (found, there):
        pd.testing.assert_frame_equal(one, wanted)
        assert one.attrs == whole.attrs | {"rows_total": 100}
        assert one.attrs["snapshot"] == server.now


def test_a_copy_is_brought_up_to_date_as_a_whole_also_by_a_filter(own):
    store = open_store(os.environ["ZS_STORE"])
    BASICS()
    client_store.whole(store, "asset_basics", ROWS[:4_050])
    keys(own)
    assert len(BASICS(subject_id="40")) == 50
    assert keys(own) == ["_objects/asset_basics", "asset_basics.json"]
    assert len(BASICS(offline=True)) == 4_050


def test_what_comes_whole_with_a_filter_is_kept(server):
    assert len(zs_client.qc("2", status="Pass", columns="name")) == 3
    assert len(zs_client.source_data(source_data="raw", limit=1)) == 1
    keys(server)
    assert len(zs_client.qc("2", offline=True)) == 3
    assert len(zs_client.source_data(offline=True)) == 3
    assert keys(server) == []


def test_without_a_cache_parts_are_read_all_the_same(server, monkeypatch):
    monkeypatch.setenv("ZS_CACHE", "off")
    whole = size()
    BASICS()
    keys(server)
    assert len(BASICS(subject_id="7", columns="subject_id")) == 100
    assert server.sent < whole / 3


@pytest.mark.parametrize(
    ("how", "name"),
    [("short", "asset_basics.pqt"), ("short", "data.pqt"), ("altered", "data.pqt")],
)
def test_what_came_otherwise_is_read_anew_as_a_whole(server, how, name):
    part = {
        "asset_basics.pqt": lambda: BASICS.arrow(subject_id="7", columns="name"),
        "data.pqt": lambda: zs_client.qc.arrow("2", columns="name"),
    }[name]
    right, whole = part(), zs_client.qc.arrow("2")
    cli.main(["cache", "--clear"])
    left = [how]
    fault = lambda _, number: left.pop() if left and name in server.seen[-1][1] else ""  # noqa: E731
    with server.failing(fault):
        assert part().equals(right)
    assert left == []
    assert zs_client.qc.arrow("2").equals(whole)
    store = open_store(os.environ["ZS_STORE"])
    body = store.get(LAYOUT.partition("qc", "subject_id", "2"))
    written = {
        hashlib.sha256(body).hexdigest(),
        read_facts(store, LAYOUT, "asset_basics")["sha256"],
    }
    there = {path.stem for path, _ in from_environment().files() if path.suffix == ".pqt"}
    assert there <= written


def test_parts_that_are_no_parquet_are_read_anew_as_a_whole(own):
    """As while a table is placed: what its facts name is there."""
    store = open_store(os.environ["ZS_STORE"])
    store.put(LAYOUT.table("asset_basics"), b"begun and not stated" * 1_000)
    assert len(BASICS(subject_id="7")) == 100


# At a snapshot


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_is_of_the_state_that_is_asked_for(server, shape):
    ask = SHAPES[shape]
    words = {"data_level": "raw", "columns": ["name", "subject_id"]}
    assert len(ask(**words)) == NOW / 2
    keys(server)
    assert len(ask(**words, snapshot=server.then)) == THEN / 2
    assert "_objects/asset_basics" in keys(server)
    assert len(ask(**words, snapshot="now")) == NOW / 2
    BASICS(snapshot=server.then)
    keys(server)
    assert len(ask(**words, snapshot=server.then)) == THEN / 2
    assert len(ask(**words, snapshot=server.then, offline=True)) == THEN / 2
    assert keys(server) == []


def test_of_a_state_a_filter_reads_parts(server):
    whole = size()
    keys(server)
    assert len(BASICS(subject_id="7", columns="subject_id", snapshot=server.then)) == 100
    keys(server)
    assert len(BASICS(subject_id="8", columns="subject_id", snapshot=server.then)) == 100
    assert server.sent < whole / 4
    assert keys(server) == ["_objects/asset_basics"]


def test_what_is_told_is_of_the_state_that_was_read(server):
    for id_ in (None, server.then, server.now, server.then, None):
        for found in (BASICS(limit=1, snapshot=id_), zs_client.qc("2", snapshot=id_)):
            assert found.attrs["snapshot"] == (id_ or server.now)
        assert len(found) == (2 if id_ == server.then else 3)


def test_functions_over_tables_are_of_the_state_that_is_asked_for(server, monkeypatch):
    count = "SELECT count(*) AS n, count(DISTINCT subject_id) AS s FROM asset_basics"
    asks = {
        "sql": lambda **how: zs_client.sql(count, **how)["n"].tolist(),
        "sql of subjects": lambda **how: len(zs_client.sql("FROM qc", **how)),
        "sql in Arrow": lambda **how: zs_client.sql.arrow(count, **how)["n"].to_pylist(),
        "describe": lambda **how: zs_client.describe("asset_basics", **how).attrs["rows_read"],
        "several": lambda **how: len(zs_client.qc(["1", "2"], **how)),
        "by name": lambda **how: len(zs_client.raw_to_derived("raw", **how)),
    }
    wanted = [([THEN], [NOW]), (4, 6), ([THEN], [NOW]), (THEN, NOW), (4, 5), (2, 3)]
    for (name, ask), (old, new) in zip(asks.items(), wanted, strict=True):
        assert (ask(snapshot=server.then), ask()) == (old, new), name
        monkeypatch.setenv("ZS_SNAPSHOT", server.then)
        assert (ask(), ask(snapshot="now")) == (old, new), name
        monkeypatch.delenv("ZS_SNAPSHOT")
    with zs_client.reading(snapshot=server.then):
        told = zs_client.sql(count).attrs
    assert (told["snapshot"], told["table"]) == (server.then, "asset_basics")


def test_subjects_of_data_assets_are_those_of_the_state(own):
    store = open_store(os.environ["ZS_STORE"])
    row = {"_id": "1", "name": "2_asset0", "subject_id": "2"}
    client_store.whole(store, "asset_basics", [*ROWS, row])
    state = publish(store, LAYOUT, ACORNS).snapshot
    client_store.whole(store, "asset_basics", ROWS)
    assert len(zs_client.qc(asset_names="2_asset0", snapshot=state)) == 1
    with pytest.warns(UserWarning, match="no rows with asset_name '2_asset0'"):
        assert zs_client.qc(asset_names="2_asset0").empty


# Offline


def test_offline_what_was_read_whole_is_there_in_every_way(server):
    count = "SELECT count(*) AS n FROM asset_basics JOIN source_data ON source_data = 'raw'"
    asks = [
        lambda **how: BASICS.polars(name_contains="NAME 00001", **how).to_dicts(),
        lambda **how: BASICS.arrow(subject_id="7", limit=3, **how).to_pylist(),
        lambda **how: zs_client.sql(count, **how)["n"].tolist(),
        lambda **how: zs_client.describe("asset_basics", **how).to_json(),
        lambda **how: zs_client.raw_to_derived("raw", **how),
        lambda **how: zs_client.qc.arrow(["1", "2"], **how).to_pylist(),
        lambda **how: zs_client.qc("2", name="metric 1", **how).attrs,
    ]
    for state in ("now", server.then):
        with zs_client.reading(snapshot=state):
            BASICS()
            online = [ask() for ask in asks]
            keys(server)
            remembered.forget()
            assert [ask(offline=True) for ask in asks] == online
            assert keys(server) == []


def test_offline_a_partition_is_not_told_to_be_of_a_later_night(own):
    assert zs_client.qc("1").attrs["snapshot"] == own.now
    store = open_store(os.environ["ZS_STORE"])
    client_store.split(store, "quality_control", {"1": [], "2": client_store.metrics("2")})
    later = publish(store, LAYOUT, ACORNS).snapshot
    remembered.forget()
    assert BASICS(limit=1).attrs["snapshot"] == later
    found = zs_client.qc("1", offline=True)
    assert len(found) == 2
    assert found.attrs["table"] == "quality_control"
    assert found.attrs["snapshot"] is found.attrs["built_at"] is None
    published_long_ago(store)
    zs_client.qc(["1", "2"])
    assert zs_client.qc("1", offline=True).empty
    assert zs_client.qc(["1", "2"], offline=True).attrs["snapshot"] == later


def test_offline_a_partition_that_is_still_the_same_is_of_the_later_night(own):
    zs_client.qc("1")
    for path, _ in from_environment().files():
        if path.parent.parent.name == "links":
            told = json.loads(path.read_text()) | {"checked_at": "2020-01-01T00:00:00+00:00"}
            path.write_text(json.dumps(told))
    assert zs_client.qc("1", offline=True).attrs["snapshot"] is None
    store = open_store(os.environ["ZS_STORE"])
    client_store.split(store, "quality_control", {"2": client_store.metrics("2", 1)})
    later = publish(store, LAYOUT, ACORNS).snapshot
    published_long_ago(store)
    keys(own)
    sent = len(store.get(LAYOUT.registry))
    own.sent = 0
    assert zs_client.qc("1").attrs["snapshot"] == later
    assert own.sent == sent, "the partition itself was not sent again"
    assert zs_client.qc("1", offline=True).attrs["snapshot"] == later


def test_what_could_not_be_told_offline_is_told_with_a_network(server):
    BASICS()
    for path, _ in from_environment().files():
        if path.suffix == ".json" and LAYOUT.registry in path.read_text():
            path.unlink()
    remembered.forget()
    assert BASICS(offline=True).attrs["snapshot"] is None
    assert BASICS().attrs["snapshot"] == server.now


# What does not fit


def test_a_way_of_reading_that_is_none_is_an_error(server):
    frame = pd.DataFrame({"a": [1]})
    with pytest.raises(TypeError, match="True or False"):
        zs_client.sql("SELECT * FROM offline", offline=frame)
    with pytest.raises(TypeError, match="text of its id"):
        zs_client.sql("SELECT * FROM snapshot", snapshot=frame)
    with pytest.raises(SnapshotNotFound, match="no snapshot ''"):
        BASICS(snapshot="")
    with pytest.raises(SnapshotNotFound):
        zs_client.describe("asset_basics", snapshot="0" * 16)


# The commands


def test_the_commands_read_at_a_snapshot_and_offline(server, capsysbinary, monkeypatch):
    def zs(*words):
        code = cli.main(words)
        out, err = capsysbinary.readouterr()
        return code, out.decode().splitlines(), err.decode()

    show = ("show", "asset_basics", "--columns", "_id")
    sql = ("sql", "SELECT count(*) AS n FROM asset_basics")
    describe = ("describe", "asset_basics", "--format", "json")
    derived = ("derived", "raw")
    code, _, err = zs(*show, "--offline")
    assert (code, "not in the local cache" in err) == (2, True)
    with zs_client.reading(snapshot=server.then):
        BASICS()
        zs_client.source_data()
    keys(server)
    for options in (("--offline", "--snapshot", server.then), ()):
        if not options:
            monkeypatch.setenv("ZS_OFFLINE", "1")
            monkeypatch.setenv("ZS_SNAPSHOT", server.then)
        assert sorted(zs(*show, *options)[1]) == ["_id", *(row["_id"] for row in ROWS[:THEN])]
        assert zs(*sql, *options)[1] == ["n", str(THEN)]
        told = json.loads("".join(zs(*describe, *options)[1]))
        assert {line["column"]: line["nulls"] for line in told}["subject_id"] == 0
        assert zs(*derived, *options)[1] == ["name 0", "name 1"]
    assert keys(server) == []
    code, _, err = zs(*show, "--snapshot", "0" * 16)
    assert (code, err.startswith("zs show: ")) == (2, True)
    code, _, err = zs(*show, "--where", "snapshot=now")
    assert (code, "no filter 'snapshot'" in err) == (2, True)


def test_subjects_are_looked_up_in_the_store_that_is_named(tmp_path, monkeypatch):
    places = [tmp_path / "named", tmp_path / "other"]
    for place, subject in zip(places, ("1", "2"), strict=True):
        place.mkdir()
        store = open_store(place)
        row = {"_id": "1", "name": "1_asset0", "subject_id": subject}
        client_store.whole(store, "asset_basics", [row])
        found = {name: client_store.metrics(name) for name in ("1", "2")}
        client_store.split(store, "quality_control", found)
    monkeypatch.setenv("ZS_STORE", str(places[1]))
    at = resolve(str(places[0]), VERSION)
    assert read_request("qc", {"asset_names": "1_asset0"}, at).parts == ("1",)
