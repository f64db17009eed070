"""A night costs what changed: what is fetched, what is written, and that nothing else is."""

import json
import shutil
from pathlib import Path

import pytest
from building import FOLDER, document, dump, facts, real, registry, tables, zs_build
from source_servers import serve


def files(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Every data object in a local store: its inode and time, and its bytes."""
    return {
        str(path.relative_to(folder)): (path.stat().st_ino, path.read_bytes())
        for path in folder.rglob("*.pqt")
    }


@pytest.fixture(scope="module")
def built_once(corpus, tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpus")
    assert zs_build(dump(folder / "d.ndjson", real(corpus)), folder / "out") == 0
    return folder


@pytest.fixture
def corpus_built(corpus, built_once, tmp_path):
    shutil.copytree(built_once, tmp_path, dirs_exist_ok=True)
    return real(corpus), tmp_path / "d.ndjson", tmp_path / "out"


def differing(before: dict[str, bytes], after: dict[str, bytes]) -> set[str]:
    """The keys whose content is another."""
    return {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}


def test_a_second_build_writes_no_data_object(corpus_built):
    _, source, out = corpus_built
    before, snapshot = files(out), registry(out)["snapshot"]
    assert zs_build(source, out) == 0
    assert files(out) == before
    assert registry(out)["snapshot"] == snapshot


def test_a_second_build_fetches_no_document(tmp_path):
    with serve([document(f"a-{n}") for n in range(30)]) as gateway:
        assert zs_build(gateway.url, tmp_path) == 0
        gateway.queries.clear()
        assert zs_build(gateway.url, tmp_path) == 0
        asked = [query.get("projection") or {} for query in gateway.queries]
    assert asked
    assert all("quality_control.metrics" not in projection for projection in asked)


def test_a_changed_document_rewrites_its_subject_and_the_tables_that_differ(corpus_built):
    documents, source, out = corpus_built
    before = tables(out)
    changed = next(d for d in documents if d["name"].startswith("828418") and d["quality_control"])
    changed["quality_control"]["metrics"][0]["name"] = "another name"
    changed["_last_modified"] = "2026-07-01T00:00:00.000Z"
    dump(source, documents)
    assert zs_build(source, out) == 0
    assert differing(before, tables(out)) == {
        "qc/subject_id=828418/data.pqt",
        "asset_basics.pqt",
        "metadata_core.pqt",
    }


def test_a_deleted_document_is_gone_from_every_table(corpus_built):
    documents, source, out = corpus_built
    gone = next(d for d in documents if d["name"].startswith("776259") or "776259" in d["name"])
    before = tables(out)
    dump(source, [d for d in documents if d is not gone])
    assert zs_build(source, out) == 0
    after = tables(out)
    assert "qc/subject_id=776259/data.pqt" in before
    assert "qc/subject_id=776259/data.pqt" not in after
    assert "776259" not in facts(out, "qc")["partitions"]
    assert not [key for key, body in after.items() if gone["name"].encode() in body]


def test_incremental_builds_end_where_a_full_build_does(corpus_built, tmp_path):
    documents, source, out = corpus_built
    for step in range(3):
        one = documents.pop(step * 7)
        documents[step]["_last_modified"] = f"2026-07-0{step + 1}T00:00:00.000Z"
        documents[step]["name"] += "x"
        documents.append({**one, "_id": one["_id"] + "-again"})
        dump(source, documents)
        assert zs_build(source, out) == 0
    assert zs_build(source, tmp_path / "full") == 0
    assert tables(out) == tables(tmp_path / "full")


def test_a_name_learnt_later_changes_the_rows_of_others(tmp_path):
    """`Ada` becomes `Ada Lovelace` in documents that did not change themselves."""
    first = document("a", "1")
    first["acquisition"]["experimenters"] = ["Ada"]
    first["data_description"]["investigators"] = []
    source = dump(tmp_path / "d.ndjson", [first])
    assert zs_build(source, tmp_path / "out") == 0
    before = tables(tmp_path / "out")
    dump(source, [first, document("b", "2")])
    assert zs_build(source, tmp_path / "out") == 0
    after = tables(tmp_path / "out")
    assert b"Lovelace" not in before["platform_qc/platform=ecephys/data.pqt"]
    assert zs_build(source, tmp_path / "full") == 0
    assert after == tables(tmp_path / "full")


def test_one_subject_can_be_built_alone_and_the_others_are_not_forgotten(tmp_path):
    documents = [document("a", "1"), document("b", "2")]
    source = dump(tmp_path / "d.ndjson", documents)
    out = tmp_path / "out"
    assert zs_build(source, out) == 0
    for one in documents:
        one["quality_control"]["metrics"][0]["name"] = "changed"
        one["_last_modified"] = "2025-03-01T00:00:00.000Z"
    dump(source, documents)
    before = tables(out)
    assert zs_build(source, out, subjects=["1"]) == 0
    changed = {key for key in differing(before, tables(out)) if key.startswith("qc/")}
    assert changed == {"qc/subject_id=1/data.pqt"}
    assert zs_build(source, out) == 0
    assert zs_build(source, tmp_path / "full") == 0
    assert tables(out) == tables(tmp_path / "full")


def test_a_subject_that_nobody_knows_is_an_error(tmp_path, capsys):
    source = dump(tmp_path / "d.ndjson", [document("a", "1")])
    assert zs_build(source, tmp_path / "out", subjects=["1", "nobody"]) == 1
    assert "no such subject: nobody; `zs show unique_subject_ids`" in capsys.readouterr().err


def test_a_lost_source_is_refused_unless_told(corpus_built, capsys):
    documents, source, out = corpus_built
    before = files(out)
    dump(source, documents[:10])
    assert zs_build(source, out) == 1
    said = capsys.readouterr().err
    assert "79 of 89" in said
    assert "--accept-shrink" in said
    assert files(out) == before
    for entry in registry(out)["acorns"]:
        if entry["name"] != "foraging_sessions":
            assert entry["state"] == "stale"
            assert "the documents could not be brought up to date" in entry["reason"]
    assert zs_build(source, out, accept_shrink=True) == 0
    assert facts(out, "asset_basics")["rows"] == 10
    assert {entry["state"] for entry in registry(out)["acorns"]} == {"fresh"}


def test_a_table_that_lost_its_rows_is_refused_and_the_others_are_published(corpus_built, capsys):
    documents, source, out = corpus_built
    for one in documents:
        if one["quality_control"]:
            one["quality_control"]["metrics"] = []
            one["_last_modified"] = "2026-07-01T00:00:00.000Z"
    dump(source, documents)
    before = tables(out)
    assert zs_build(source, out) == 1
    assert "quality_control failed" in capsys.readouterr().err
    changed = differing(before, tables(out))
    assert not [key for key in changed if key.startswith("qc/")]
    assert "asset_basics.pqt" in changed
    states = {entry["name"]: entry for entry in registry(out)["acorns"]}
    assert states["quality_control"]["state"] == "stale"
    assert "1,248 of 1,248 rows" in states["quality_control"]["reason"]
    assert states["asset_basics"]["state"] == "fresh"


def test_a_new_version_folder_is_built_without_fetching(tmp_path, monkeypatch):
    with serve([document(f"a-{n}") for n in range(5)]) as gateway:
        assert zs_build(gateway.url, tmp_path) == 0
        gateway.queries.clear()
        monkeypatch.setenv("ZS_VERSION", "1.0.1")
        assert zs_build(gateway.url, tmp_path) == 0
        asked = [query.get("projection") or {} for query in gateway.queries]
    assert all("quality_control.metrics" not in projection for projection in asked)
    listed = json.loads((tmp_path / "data-asset-cache/zombie-squirrels.json").read_text())
    assert listed == [FOLDER.split("/")[1], "zs-v1.0.1"]
