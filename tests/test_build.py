"""`zs build`, end to end: every source and every store give the same tables."""

import os
import subprocess
import sys
import tempfile

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from building import document, dump, facts, real, registry, tables, zs_build
from pymongo import MongoClient
from secantus import SecantusDBServer
from source_servers import serve

from zs_client.opening import open_store
from zs_pipeline import arrow
from zs_pipeline.acorns import ACORNS


@pytest.fixture(scope="module")
def built(corpus, tmp_path_factory):
    folder = tmp_path_factory.mktemp("built")
    assert zs_build(corpus / "documents.ndjson", folder) == 0
    return folder


def test_all_acorns_are_built_from_all_real_documents(built):
    found = {entry["name"]: entry for entry in registry(built)["acorns"]}
    assert set(found) == {acorn.name for acorn in ACORNS}
    assert {name: found[name]["rows"] for name in ("asset_basics", "metadata_core")} == {
        "asset_basics": 89,
        "metadata_core": 89,
    }
    assert all(entry["state"] == "fresh" for entry in found.values())


def test_no_metric_of_a_real_document_is_lost(built, corpus):
    metrics = statuses = 0
    for one in real(corpus):
        control = one["quality_control"] or {}
        metrics += sum(m["object_type"] != "Curation metric" for m in control.get("metrics", []))
        statuses += len(control.get("status") or {})
    assert (facts(built, "qc")["rows"], facts(built, "qc_tag_status")["rows"]) == (
        metrics,
        statuses,
    )


def test_every_file_has_the_declared_schema(built):
    by_table = {acorn.table: arrow.schema(acorn) for acorn in ACORNS}
    found = tables(built)
    assert len(found) > len(ACORNS)
    for key, body in found.items():
        table = key.split("/")[0].removesuffix(".pqt")
        assert pq.read_schema(pa.BufferReader(body)).equals(by_table[table]), key


def test_duckdb_reads_all_partitions_as_they_stand_and_each_row_once(built):
    rows = duckdb.sql(
        f"SELECT count(*), count(DISTINCT subject_id) FROM read_parquet("
        f"'{built}/data-asset-cache/zs-v*/qc/**', hive_partitioning=true, union_by_name=true)"
    ).fetchall()[0]
    control = facts(built, "qc")
    assert rows == (control["rows"], len(control["partitions"]))


def test_dump_mongodb_and_gateway_give_the_same_bytes(built, corpus, tmp_path):
    expected = tables(built)
    with SecantusDBServer(storage_path=str(tmp_path / "mongo")) as server:
        with MongoClient(server.uri) as client:
            client["metadata_index"]["data_assets"].insert_many(real(corpus))
        assert zs_build(server.uri, tmp_path / "a") == 0
    with serve(real(corpus)) as gateway:
        assert zs_build(gateway.url, tmp_path / "b") == 0
    assert tables(tmp_path / "a") == expected
    assert tables(tmp_path / "b") == expected


def test_folder_memory_and_s3_hold_the_same_bytes(built, corpus, bucket, request):
    expected = tables(built)
    memory = f"memory://{request.node.name}"
    for store in (memory, bucket, f"{bucket}/a/prefix"):
        assert zs_build(corpus / "documents.ndjson", store) == 0
        assert tables(store) == expected
    assert registry(bucket)["acorns"][0]["location"].startswith("s3://")


def test_older_states_and_odd_envelopes_go_through(corpus, tmp_path):
    assert zs_build(corpus / "versions", tmp_path) == 0
    problems = pq.read_table(pa.BufferReader(tables(tmp_path)["document_problems.pqt"])).to_pylist()
    assert len([p for p in problems if p["severity"] == "error"]) + facts(tmp_path, "asset_basics")[
        "rows"
    ] == len(list((corpus / "versions").glob("*.json")))


def test_every_qc_object_goes_through(corpus, tmp_path):
    import json

    documents, expected = [], 0
    for number, path in enumerate(sorted((corpus / "qc").glob("*.json"))):
        body = json.loads(path.read_text())
        if isinstance(body, list):
            control = {"metrics": [entry["metric"] for entry in body], "status": {}}
        else:
            control = body.get("quality_control", body)
        one = document(f"asset-{number}", f"{number % 7}", quality_control=control)
        expected += sum(m["object_type"] != "Curation metric" for m in control["metrics"])
        documents.append(one)
    assert zs_build(dump(tmp_path / "qc.ndjson", documents), tmp_path / "out") == 0
    assert facts(tmp_path / "out", "qc")["rows"] == expected


def test_a_large_subject_loses_nothing(tmp_path):
    documents = [document(f"asset-{n:04}") for n in range(400)]
    assert zs_build(dump(tmp_path / "d.ndjson", documents), tmp_path / "out") == 0
    assert facts(tmp_path / "out", "qc")["partitions"]["700001"]["rows"] == 400


def test_what_does_not_fit_is_set_aside_and_said(tmp_path, capsys):
    documents = [document("good"), {"name": "no id"}, [1], "text"]
    source = dump(tmp_path / "d.ndjson", documents)
    source.write_text(source.read_text() + '{"_id": "cut", "name": "cu')
    assert zs_build(source, tmp_path / "out") == 0
    said = capsys.readouterr().out
    assert "4 documents were set aside" in said
    assert "no id" in said
    assert facts(tmp_path / "out", "asset_basics")["rows"] == 1
    assert facts(tmp_path / "out", "document_problems")["rows"] == 4


@pytest.mark.parametrize(
    ("source", "store", "said"),
    [
        ("ftp://nowhere", "out", "a source is a dump"),
        ("missing.ndjson", "out", "missing.ndjson"),
        (None, "ftp://nowhere", "a store is"),
        (None, "s3://no-such-bucket", "no such bucket"),
    ],
)
def test_a_wrong_address_is_refused_before_any_work(
    source, store, said, tmp_path, monkeypatch, capsys, bucket
):
    monkeypatch.chdir(tmp_path)
    source = source or dump(tmp_path / "d.ndjson", [document("a")])
    assert zs_build(source, store) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out" / "data-asset-cache").exists()


def test_selected_acorns_are_built_with_what_they_are_made_from(tmp_path):
    source = dump(tmp_path / "d.ndjson", [document("a")])
    assert zs_build(source, tmp_path / "out", select=["qc"]) == 0
    store = open_store(tmp_path / "out")
    assert {key.split("/")[0] for key in tables(store)} == {"asset_basics.pqt", "qc"}
    assert not store.exists("data-asset-cache/zombie-squirrels.json")


def test_an_unknown_acorn_is_refused_with_those_there_are(tmp_path, capsys):
    source = dump(tmp_path / "d.ndjson", [document("a")])
    assert zs_build(source, tmp_path / "out", select=["asset_basic"]) == 2
    assert "asset_basics" in capsys.readouterr().err


def test_a_build_into_s3_leaves_no_folder_on_this_machine_and_removes_what_a_killed_one_left(
    bucket, tmp_path, monkeypatch
):
    here = tmp_path / "here"
    for name in ("data-asset-cache-killed", "data-asset-cache-running", "of-others"):
        (here / name).mkdir(parents=True)
    os.utime(here / "data-asset-cache-killed", (0, 0))
    os.utime(here / "of-others", (0, 0))
    monkeypatch.setattr(tempfile, "tempdir", str(here))
    source = dump(tmp_path / "d.ndjson", [document("a", "1")])

    assert zs_build(source, bucket, select=["asset_basics"]) == 0

    assert {path.name for path in here.iterdir()} == {"data-asset-cache-running", "of-others"}


def test_a_build_says_nothing_that_is_not_its_own(tmp_path):
    """Nothing is deprecated, neither of what is used here nor of what Dagster does with it."""
    source = dump(tmp_path / "d.ndjson", [document("a")])
    command = [sys.executable, "-W", "default", "-m", "zs_client.cli", "build"]
    where = {"ZS_SOURCE": str(source), "ZS_STORE": str(tmp_path / "out")}
    done = subprocess.run(
        command, env={**os.environ, **where}, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
