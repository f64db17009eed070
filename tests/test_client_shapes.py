"""The shapes of a table, what a reader is told about it, and what its columns are."""

import inspect
import json

import client_store
import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from building import MADE
from client_store import BY_NAME, LAYOUT, VERSION

import zs_client
from zs_client import provenance, user_tables
from zs_client.cache import CachedStore
from zs_client.contract import Layout
from zs_client.opening import open_store
from zs_pipeline import arrow
from zs_pipeline.acorns import ACORNS
from zs_pipeline.publishing.facts_file import mark_stale
from zs_pipeline.publishing.squirrel import publish


@pytest.fixture
def store(tmp_path, monkeypatch):
    client_store.plain(monkeypatch)
    monkeypatch.setenv("ZS_STORE", str(tmp_path))
    return client_store.filled(str(tmp_path))


@pytest.fixture
def on_s3(monkeypatch):
    with client_store.s3() as server:
        client_store.as_owner(monkeypatch, server)
        store = client_store.filled(f"s3://{client_store.bucket(server, public=False)}")
        monkeypatch.setenv("ZS_STORE", store.url)
        yield store


TABLES = {
    name: {"subject_id": "828418"} if partition == "subject_id" else {}
    for name, _, partition in MADE
}


@pytest.mark.parametrize("name", TABLES)
def test_every_table_comes_in_every_shape(store, name):
    function, words = getattr(zs_client, name), TABLES[name]
    content = function.arrow(**words)
    assert isinstance(content, pa.Table)
    declared = arrow.schema(BY_NAME[name])
    assert content.schema.names[: len(declared)] == declared.names
    assert content.schema.types[: len(declared)] == declared.types
    frame = function.polars(**words)
    assert isinstance(frame, pl.DataFrame)
    relation = function.duckdb(**words)
    assert isinstance(relation, duckdb.DuckDBPyRelation)
    assert frame.columns == relation.columns == content.column_names
    assert len(frame) == len(relation) == content.num_rows == len(function(**words))


def test_a_relation_is_joined_with_others(store):
    basics = zs_client.asset_basics.duckdb(columns=["name", "age"])
    sources = zs_client.source_data.duckdb(pipeline_name="sorting")
    found = duckdb.sql("SELECT max(age) FROM basics JOIN sources USING (name)").fetchall()
    assert (basics.columns, sources.columns[0], found) == (["name", "age"], "name", [(90,)])


@pytest.mark.parametrize("name", TABLES)
def test_every_shape_has_the_functions_signature_and_help(name):
    function = getattr(zs_client, name)
    told = inspect.signature(function)
    for shape, kind in (("arrow", "Table"), ("polars", "DataFrame"), ("duckdb", "Relation")):
        other = getattr(function, shape)
        assert list(inspect.signature(other).parameters) == list(told.parameters)
        assert inspect.signature(other).return_annotation.endswith(kind)
        assert function.__doc__.splitlines()[0] in other.__doc__
        assert other.__qualname__ == f"{function.__name__}.{shape}"


def test_what_is_not_installed_is_named_with_its_extra(store, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "polars", None)
    monkeypatch.setitem(__import__("sys").modules, "duckdb", None)
    with pytest.raises(ImportError, match=r"pip install 'data-asset-cache\[polars\]'"):
        zs_client.asset_basics.polars()
    for ask in (zs_client.asset_basics.duckdb, lambda: zs_client.sql("select 1")):
        with pytest.raises(ImportError, match=r"pip install 'data-asset-cache\[sql\]'"):
            ask()


# What is told


def test_a_frame_tells_where_its_rows_are_from(store):
    info = zs_client.get_squirrel_info()
    told = zs_client.asset_basics(columns="name").attrs
    assert list(told) == [*provenance.KEYS, provenance.TOTAL]
    assert (told["table"], told["version"], told["store"]) == ("asset_basics", VERSION, store.url)
    assert told["snapshot"] == info.snapshot
    assert told["state"] == "fresh"
    assert told["source_state"] == client_store.STATE
    basics = next(acorn for acorn in info.acorns if acorn.name == "asset_basics")
    assert pd.Timestamp(told["built_at"]) == basics.built_at
    metadata = zs_client.qc.arrow("828418").schema.metadata
    assert metadata[b"zs.table"] == b"quality_control"
    assert metadata[b"zs.snapshot"].decode() == info.snapshot
    # A frame is written to parquet with its attrs, as JSON.
    json.dumps(told)


def test_what_is_newer_than_the_registry_is_of_no_snapshot(store):
    rows = [{"_id": "1", "name": "new"}]
    client_store.whole(store, "asset_basics", rows * 1 + [{"_id": str(n)} for n in range(2, 8)])
    told = zs_client.asset_basics().attrs
    assert (told["table"], told["snapshot"], told["built_at"]) == ("asset_basics", None, None)
    publish(store, LAYOUT, ACORNS)
    assert zs_client.asset_basics().attrs["snapshot"] == zs_client.get_squirrel_info().snapshot


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"acorns": [1]}', None])
def test_a_table_is_read_without_a_registry(store, body):
    if body is None:
        store.delete([LAYOUT.registry])
    else:
        store.put(LAYOUT.registry, body)
    found = zs_client.asset_basics()
    assert len(found) == 6
    assert found.attrs["snapshot"] is None
    assert zs_client.sql("select count(*) as n from asset_basics")["n"].tolist() == [6]


def test_a_stale_table_is_warned_of_once_with_its_reason(store):
    mark_stale(store, LAYOUT, BY_NAME["source_data"], "the disk was full")
    publish(store, LAYOUT, ACORNS)
    with pytest.warns(zs_client.StaleTable, match="source_data.*the disk was full") as told:
        zs_client.source_data()
    assert told[0].filename == __file__
    assert zs_client.source_data().attrs["reason"] == "the disk was full"
    zs_client.raw_to_derived("raw")
    zs_client.asset_basics()


def test_on_s3_the_registry_is_asked_for_once_a_minute(on_s3, monkeypatch):
    asked = []
    real = CachedStore.get
    monkeypatch.setattr(CachedStore, "get", lambda s, key: asked.append(key) or real(s, key))
    assert zs_client.asset_basics().attrs["snapshot"] is not None
    assert zs_client.source_data().attrs["snapshot"] is not None
    assert asked.count(LAYOUT.registry) == 1
    monkeypatch.setattr(provenance, "KEPT_SECONDS", 0)
    zs_client.source_data()
    assert asked.count(LAYOUT.registry) == 2


def test_what_is_told_is_not_stored_in_a_custom_table(store):
    frame = zs_client.asset_basics(columns=["name", "age"])
    first = user_tables.custom("mine", frame).attrs["custom_state"]
    frame.attrs = {}
    assert user_tables.custom("mine", frame).attrs["custom_state"] == first


# What the columns are


def test_a_table_is_described(store):
    found = zs_client.describe("asset_basics").set_index("column")
    declared = {column.name: column for column in BY_NAME["asset_basics"].columns}
    assert list(found.index) == list(declared)
    assert found.loc["age", "type"] == "int32"
    assert found.loc["age", "description"] == declared["age"].description
    assert found.loc["age", "nulls"] == 0.5
    assert list(found.loc["age", "examples"]) == ["90"]
    assert next(iter(found.loc["modalities", "examples"])) == "ecephys"
    assert list(found.loc["project_name", "examples"]) == []
    assert found.attrs["rows_read"] == 6
    assert "partitions_read" not in found.attrs


@pytest.mark.parametrize("name", TABLES)
def test_every_table_can_be_described(store, name):
    found = zs_client.describe(name)
    declared = [(c.name, c.type) for c in BY_NAME[name].columns]
    partition = BY_NAME[name].partition
    if partition and partition not in dict(declared):
        declared.append((partition, "string"))
    assert list(zip(found["column"], found["type"], strict=True)) == declared
    assert all(found["description"])


def test_of_a_table_by_subject_some_partitions_are_described(store, monkeypatch):
    monkeypatch.setattr("zs_client.registry.SAMPLED", 4)
    found = zs_client.describe("qc")
    assert found.attrs["partitions_read"] == 4
    assert found.attrs["rows_read"] == 8


def test_a_table_that_there_is_not_is_named_with_those_like_it(store, tmp_path_factory):
    with pytest.raises(zs_client.AcornNotFound, match=r"'asset_basic'\. There are asset_basics, "):
        zs_client.describe("asset_basic")
    with pytest.raises(zs_client.AcornNotFound, match="10,002 characters"):
        zs_client.describe("x" * 10_000)
    empty = str(tmp_path_factory.mktemp("empty"))
    for name in TABLES:
        with pytest.raises(zs_client.AcornNotFound, match=empty):
            zs_client.describe(name, store_url=empty)


def test_an_old_version_is_described_without_words(tmp_path, monkeypatch):
    client_store.plain(monkeypatch)
    store = open_store(tmp_path)
    client_store.old(store)
    found = zs_client.describe("asset_basics", str(tmp_path), "0.28.6").set_index("column")
    assert found.loc["name", "type"] == "string"
    assert found.loc["_id", "description"] == "The id."
    assert store.exists(Layout("0.28.6").table("asset_basics"))
