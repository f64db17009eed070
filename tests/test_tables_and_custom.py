"""`zs tables`, `zs pull`, `zs show qc 901001`, and custom tables wherever a table is named."""

import json

import client_store
import pandas as pd
import pytest

import zs_client
from zs_client import cli


@pytest.fixture
def sample(monkeypatch, tmp_path):
    monkeypatch.setenv("ZS_STORE", "sample")
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def store(monkeypatch, tmp_path):
    client_store.plain(monkeypatch)
    filled = client_store.filled(str(tmp_path))
    monkeypatch.setenv("ZS_STORE", filled.url)
    return filled


@pytest.mark.usefixtures("sample")
def test_tables_are_listed_with_rows_and_a_sentence(capfdbinary):
    assert cli.main(["tables", "--format", "json"]) == 0
    rows = {row["table"]: row for row in json.loads(capfdbinary.readouterr().out)}
    assert rows["quality_control"]["rows"] == 121
    assert rows["asset_basics"]["description"]
    assert not any(". " in row["description"] for row in rows.values())


@pytest.mark.usefixtures("sample")
def test_a_partition_is_given_by_its_value(capfdbinary):
    assert cli.main(["show", "qc", "901001", "--columns", "subject_id", "--format", "json"]) == 0
    rows = json.loads(capfdbinary.readouterr().out)
    assert len(rows) == 73
    assert {row["subject_id"] for row in rows} == {"901001"}
    assert cli.main(["show", "qc", "901001", "901002", "--format", "json"]) == 0
    assert len(json.loads(capfdbinary.readouterr().out)) == 78
    assert cli.main(["show", "asset_basics", "901001"]) == 2
    assert b"is one file and takes no value" in capfdbinary.readouterr().err


@pytest.mark.usefixtures("sample")
def test_derived_data_assets_are_json_too(capfdbinary):
    raw = zs_client.source_data()["source_data"].iloc[0]
    assert cli.main(["derived", str(raw), "--format", "json"]) == 0
    assert isinstance(json.loads(capfdbinary.readouterr().out), list)


@pytest.mark.usefixtures("store")
def test_custom_tables_are_read_by_name(capfdbinary):
    frame = pd.DataFrame({"n": [1, 2, None], "name": ["a", "b", "c"]})
    zs_client.custom("My notes", frame)
    assert len(zs_client.sql('select name from "My notes" where n > 1')) == 1
    described = zs_client.describe("My notes")
    assert list(described["column"]) == ["n", "name"]
    assert described["nulls"].iloc[0] == pytest.approx(1 / 3)
    words = ["show", "My notes", "--columns", "name", "--limit", "2", "--format", "json"]
    assert cli.main(words) == 0
    assert json.loads(capfdbinary.readouterr().out) == [{"name": "a"}, {"name": "b"}]
    assert cli.main(["show", "My notes", "--columns", "no"]) == 2
    assert cli.main(["show", "My notes", "--where", "name=a"]) == 2
    assert b"zs sql" in capfdbinary.readouterr().err


@pytest.mark.usefixtures("store")
def test_a_name_that_nothing_has_is_told_as_before():
    with pytest.raises(zs_client.QueryError, match="there is no table"):
        zs_client.sql("select * from nothing")
    with pytest.raises(zs_client.AcornNotFound, match="there is no table"):
        zs_client.describe("nothing")


@pytest.mark.usefixtures("store")
def test_the_callers_own_table_goes_before_a_custom_one():
    zs_client.custom("notes", pd.DataFrame({"n": [1]}))
    mine = pd.DataFrame({"n": [2]})
    assert zs_client.sql("select n from notes", notes=mine)["n"].tolist() == [2]
    assert zs_client.sql("with notes as (select 3 n) select n from notes")["n"].tolist() == [3]


@pytest.mark.usefixtures("store")
def test_polars_frames_are_stored():
    polars = pytest.importorskip("polars")
    stored = zs_client.custom("p", polars.DataFrame({"a": [1, 2], "b": ["x", None]}))
    read = zs_client.custom("p")
    assert read["a"].tolist() == [1, 2]
    assert read["b"].isna().tolist() == [False, True]
    assert read.attrs == stored.attrs


def test_pulled_tables_are_read_offline(bucket, monkeypatch, tmp_path, capfdbinary):
    client_store.filled(bucket)
    monkeypatch.setenv("ZS_STORE", bucket)
    monkeypatch.setenv("ZS_CACHE", str(tmp_path / "cache"))
    assert cli.main(["pull", "asset_basics", "qc"]) == 0
    captured = capfdbinary.readouterr()
    assert b"asset_basics: 1 files" in captured.err
    assert b"ZS_OFFLINE=1" in captured.out
    rows = len(zs_client.sql("select * from qc"))
    monkeypatch.setenv("ZS_OFFLINE", "1")
    assert len(zs_client.asset_basics())
    assert len(zs_client.sql("select * from qc")) == rows
    with pytest.raises(
        zs_client.ReadError, match=r"not in the local cache.*or bring it with `zs p"
    ):
        zs_client.qc("828419")
    monkeypatch.setenv("ZS_OFFLINE", "0")
    assert cli.main(["pull", "unique_subject_ids"]) == 0
    monkeypatch.setenv("ZS_OFFLINE", "1")
    # Kept facts tell a subject without QC, and one that nobody has.
    with pytest.raises(zs_client.SubjectNotFound, match="Alike: 828418"):
        zs_client.qc("828419")
    assert cli.main(["pull"]) == 2


@pytest.mark.usefixtures("store")
def test_a_folder_is_not_pulled(capfdbinary):
    assert cli.main(["pull"]) == 2
    assert b"read where they are" in capfdbinary.readouterr().err
