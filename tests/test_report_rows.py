"""`--format` of reports: the same switch as of tables, one row for each thing that is told of."""

import io
import json

import client_store
import pyarrow.parquet as pq
import pytest
from building import MADE
from test_client_snapshots import after, before

import zs_client
from zs_client import cli
from zs_client.opening import open_store
from zs_pipeline.publishing import snapshot_list


@pytest.fixture
def own(tmp_path, monkeypatch):
    client_store.plain(monkeypatch)
    monkeypatch.setenv("ZS_STORE", str(tmp_path))
    store = open_store(tmp_path)
    return store, before(store), after(store)


@pytest.fixture
def rows(capsysbinary):
    """Runs a command with `--format json`; returns its rows."""

    def run(*words, code=0):
        assert cli.main([*words, "--format", "json"]) == code
        return json.loads(capsysbinary.readouterr().out)

    return run


def test_a_status_is_a_row_for_each_acorn(own, rows):
    found = rows("status", code=1)
    assert [row["acorn"] for row in found] == [name for name, _, _ in MADE]
    assert list(found[0]) == [
        *("acorn", "rows", "bytes", "partitions", "age", "state", "reason", "built_at", "night")
    ]
    states = {row["acorn"]: (row["state"], row["rows"], row["partitions"]) for row in found}
    assert states["asset_basics"] == ("fresh", 3, None)
    assert states["quality_control"][2] == 3
    assert states["platform_fib"] == ("missing", None, None)
    ages = {row["acorn"]: row["age"] for row in found}
    assert ages["asset_basics"] >= 0
    assert ages["platform_fib"] is None


def test_snapshots_are_rows_the_latest_first(own, rows):
    store, old, new = own
    assert [(row["snapshot"], row["current"], row["name"]) for row in rows("snapshots")] == [
        (new, True, None),
        (old, False, None),
    ]
    snapshot_list.give_name(store, client_store.LAYOUT, "paper", old)
    first, last = rows("snapshots")
    published = zs_client.snapshots()
    assert (last["name"], last["tables"], last["rows"], last["bytes"]) == (
        *("paper", len(published[1].tables)),
        *(published[1].rows, published[1].bytes),
    )
    assert first["published_at"].endswith("Z")


def test_a_summary_is_a_row_for_each_table(own, rows):
    _, old, _ = own
    found = rows("diff", old, "now")
    summary = zs_client.diff(old)
    assert [row["table"] for row in found] == summary["table"].tolist()
    assert list(found[0]) == list(summary.columns)
    by_table = {row["table"]: row for row in found}
    assert by_table["metadata_core"]["change"] == "added"
    assert by_table["metadata_core"]["rows_before"] is None
    assert by_table["quality_control"]["files_changed"] > 0


def test_the_rows_of_a_table_and_its_values_are_rows(own, rows):
    _, old, new = own
    found = rows("diff", old, new, "asset_basics")
    assert list(found[0]) == ["change", "_id", "column", "before", "after"]
    assert {(row["change"], row["_id"]) for row in found if row["change"] != "changed"} == {
        ("added", "4"),
        ("removed", "3"),
    }
    values = {(row["_id"], row["column"]): (row["before"], row["after"]) for row in found}
    assert values["1", "age"] == ("90", "91")
    assert values["2", "age"] == ("90", None)
    assert values["1", "modalities"] == ('["ecephys", "fib"]', '["fib"]')
    # Of a table without a key whole rows are added or removed.
    assert {row["change"] for row in rows("diff", old, new, "qc")} <= {
        *("added", "removed", "changed")
    }
    assert rows("diff", new, new, "asset_basics") == []


def test_other_forms_have_the_same_rows_and_no_form_is_text_to_read(own, rows, capsysbinary):
    _, old, new = own
    found = rows("diff", old, new, "asset_basics")
    assert cli.main(["diff", old, new, "asset_basics", "--format", "parquet"]) == 0
    body = capsysbinary.readouterr().out
    assert pq.read_table(io.BytesIO(body)).to_pylist() == found
    for command in (["snapshots"], ["diff", old, "now"], ["diff", old, new, "asset_basics"]):
        assert cli.main(command) == 0
        plain = capsysbinary.readouterr().out
        assert cli.main([*command, "--format", "table"]) == 0
        assert capsysbinary.readouterr().out == plain
        assert cli.main([*command, "--format", "csv"]) == 0
        assert b"," in capsysbinary.readouterr().out.splitlines()[0]


def test_without_a_snapshot_there_is_an_empty_array(tmp_path, monkeypatch, rows):
    monkeypatch.setenv("ZS_STORE", str(tmp_path))
    assert rows("snapshots") == []
