"""What a build makes of custom tables and the old database, and that it leaves custom tables be."""

import itertools
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from building import document, dump, facts, tables, zs_build
from given_cases import case
from stores import contents

from zs_client.cli import main
from zs_client.opening import open_store
from zs_client.user_tables import custom
from zs_pipeline import settings

NAME = "metadata_upgrade_status_prod"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return dump(tmp_path / "d.ndjson", [document("a"), document("b")])


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ZS_STORE", str(tmp_path / "store"))
    (tmp_path / "store").mkdir()
    return tmp_path / "store"


@pytest.fixture
def old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The old database, as a dump."""
    documents = [{"_id": "x", "name": "old x", "data_description": {"data_level": "raw"}}]
    path = dump(tmp_path / "old.ndjson", documents)
    monkeypatch.setenv("ZS_OLD_SOURCE", str(path))
    return path


def runs(*versions: str) -> pd.DataFrame:
    rows = [
        {"v1_id": one, "v2_id": v2, "upgrader_version": version, "status": "ok"}
        for version in versions
        for one, v2 in (("a", "id-a"), ("x", None))
    ]
    return pd.DataFrame(rows)


def upgrades(store: Path) -> list[dict]:
    return pq.read_table(pa.BufferReader(tables(store)["metadata_upgrade.pqt"])).to_pylist()


def build(source: Path, store: Path, select: str = "metadata_upgrade") -> int:
    return zs_build(source, store, select=[select])


def test_without_the_custom_table_it_is_empty_and_the_build_says_why(source, store, capfd) -> None:
    assert build(source, store) == 0
    assert upgrades(store) == []
    assert f"there is no custom table '{NAME}'" in " ".join(capfd.readouterr().out.split())
    assert facts(store, "metadata_upgrade")["state"] == "fresh"


def test_what_a_script_stored_is_built_once_and_again_when_it_changes(
    source, store, old, capfd
) -> None:
    custom(NAME, runs("0.1.0"))
    assert build(source, store) == 0
    assert [(r["_id"], r["name"]) for r in upgrades(store)] == [("a", "a"), ("x", "old x")]
    first = facts(store, "metadata_upgrade")
    capfd.readouterr()
    assert build(source, store) == 0
    assert "did not change" not in first["source_state"]
    assert "neither" in capfd.readouterr().out
    assert facts(store, "metadata_upgrade")["built_at"] == first["built_at"]
    # The table remembers the version that the upgrader forgot.
    custom(NAME, runs("0.2.0"))
    assert build(source, store) == 0
    assert upgrades(store)[0]["status_by_version"] == [("0.1.0", "ok"), ("0.2.0", "ok")]


def test_a_new_version_of_the_cache_remembers_too(source, store, old, monkeypatch) -> None:
    custom(NAME, runs("0.1.0"))
    monkeypatch.setenv("ZS_VERSION", "0.9.0")
    assert build(source, store) == 0
    monkeypatch.delenv("ZS_VERSION")
    custom(NAME, runs("0.2.0"))
    assert build(source, store) == 0
    assert upgrades(store)[0]["status_by_version"] == [("0.1.0", "ok"), ("0.2.0", "ok")]


def test_a_custom_table_that_is_gone_or_broken_leaves_the_rows_and_makes_the_run_red(
    source, store, old
) -> None:
    custom(NAME, runs("0.1.0"))
    assert build(source, store) == 0
    opened = open_store(store)
    key = f"data-asset-cache/custom/{NAME}.pqt"
    opened.put(key, b"no parquet")
    assert build(source, store) == 1
    assert "no readable parquet" in facts(store, "metadata_upgrade")["reason"]
    opened.delete([key, *(k for k in contents(opened) if k.endswith(f"{NAME}.pqt"))])
    assert build(source, store) == 1
    assert "keeps its rows" in facts(store, "metadata_upgrade")["reason"]
    assert len(upgrades(store)) == 2


def put_copy(store: Path, folder: str, frame: pd.DataFrame) -> None:
    """A copy as another program writes it: a file in its version folder and nothing else."""
    path = store / "data-asset-cache" / folder / f"{NAME}.pqt"
    path.parent.mkdir(parents=True, exist_ok=True)
    frame.to_parquet(path)
    # Written in 2027, after all that it may tell of itself.
    os.utime(path, (1_800_000_000, 1_800_000_000))


def test_rows_of_the_case_of_a_table_that_moved(tmp_path, capfd) -> None:
    folder = case("19-upgrade-table-moved")
    shutil.copytree(folder / "store", tmp_path / "store")
    for _ in range(2):
        assert build(folder / "documents.ndjson", tmp_path / "store") == 0
        assert [
            (row["_id"], row["status"], row["upgrader_version"], row["status_by_version"])
            for row in upgrades(tmp_path / "store")
        ] == [
            ("v1-1", "success", "0.17.14", [("0.14.0", "failed"), ("0.17.14", "success")]),
            ("v1-2", "success", "0.17.14", [("0.17.14", "success")]),
        ]
        told = facts(tmp_path / "store", "metadata_upgrade")
        assert told["notes"] == {
            "copy": f"data-asset-cache/bdc-v0.43/{NAME}.pqt",
            "copy_time": "2026-08-01T00:00:00+00:00",
        }
        assert told["state"] == "fresh"
        said = " ".join(capfd.readouterr().out.split())
        assert f"bdc-v0.43/{NAME}.pqt of 2026-08-01, 117 days old" in said


def dated(version: str, status: str, **times: Any) -> pd.DataFrame:
    one = {"v1_id": "a", "v2_id": "id-a", "upgrader_version": version, "status": status}
    return pd.DataFrame([{**one, **times}])


COPIES = {
    "custom": dated("1", "custom", last_modified="2026-03-01T00:00:00Z"),
    "zs-v0.28.6": dated("1", "zs", last_modified="2026-01-01T00:00:00Z"),
    "bdc-v0.43": dated("2", "bdc", last_modified="2026-05-01T00:00:00Z"),
}


@pytest.mark.parametrize("order", [*itertools.permutations(COPIES)])
def test_copies_give_the_same_rows_in_whichever_order_they_are_written(source, store, order):
    for folder in order:
        put_copy(store, folder, COPIES[folder])
    assert build(source, store) == 0
    (row,) = upgrades(store)
    assert (row["status"], row["status_by_version"]) == ("bdc", [("1", "custom"), ("2", "bdc")])


@pytest.mark.parametrize(
    ("times", "wanted"),
    [
        # A run counts before a change of a document, whatever the columns of the other copy.
        ({"upgrade_datetime": "2026-06-01T00:00:00Z"}, "custom"),
        ({"upgrade_datetime": "2026-04-01T00:00:00Z", "last_modified": "2099-01-01"}, "bdc"),
        ({"last_modified": "2026-06-01T00:00:00Z", "upgrade_datetime": None}, "custom"),
        # Without a time of its own, by the file.
        ({}, "custom"),
    ],
)
def test_the_copy_of_the_latest_time_makes_the_rows(source, store, times, wanted) -> None:
    put_copy(store, "bdc-v0.43", COPIES["bdc-v0.43"])
    put_copy(store, "custom", dated("1", "custom", **times))
    assert build(source, store) == 0
    assert upgrades(store)[0]["status"] == wanted


def test_a_copy_that_is_left_behind_makes_nothing_stale(source, store) -> None:
    put_copy(store, "bdc-v0.43", dated("1", "ok", last_modified="2001-01-01T00:00:00Z"))
    put_copy(store, "bdc-notes", COPIES["custom"])
    assert build(source, store) == 0
    told = facts(store, "metadata_upgrade")
    assert (told["state"], told["notes"]["copy_time"][:4]) == ("fresh", "2001")


def test_no_build_touches_a_custom_table(source, store, old) -> None:
    custom(NAME, runs("0.1.0"))
    custom("mine", runs("1"))
    before = contents(open_store(store))
    assert zs_build(source, store) == 0
    after = contents(open_store(store))
    assert {k: after.get(k) for k in before} == before


def test_status_lists_custom_tables_after_the_acorns(source, store, capsys) -> None:
    custom("mine", runs("1"))
    main(["status", "--store", str(store)])
    lines = capsys.readouterr().out.splitlines()
    head = next(i for i, line in enumerate(lines) if line.startswith("custom"))
    assert lines[head + 1].split()[:2] == ["mine", "2"]


def test_findings_between_data_assets_follow_what_changed_elsewhere(
    source, store, tmp_path
) -> None:
    def found(where: Path) -> list[tuple[str, str]]:
        body = tables(where)["data_asset_problems.pqt"]
        return [(r["_id"], r["field"]) for r in pq.read_table(pa.BufferReader(body)).to_pylist()]

    documents = [document("a"), document("b")]
    documents[1]["data_description"] |= {"data_level": "derived", "source_data": ["a"]}
    documents[0]["data_description"]["subject_id"] = "other"
    assert build(dump(source, documents), store, "data_asset_problems") == 0
    assert found(store) == [("id-a", "data_description.subject_id")]
    # Only the source's name changes, and the finding is about the one made from it.
    documents[0] |= {"name": "c", "location": "s3://bucket/c", "_last_modified": "2025-02-01"}
    assert build(dump(source, documents), store, "data_asset_problems") == 0
    assert found(store) == [
        ("id-a", "data_description.subject_id"),
        ("id-b", "data_description.source_data"),
    ]
    anew = tmp_path / "anew"
    assert build(source, anew, "data_asset_problems") == 0
    assert tables(anew)["data_asset_problems.pqt"] == tables(store)["data_asset_problems.pqt"]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://api.allenneuraldynamics.org/v2", "https://api.allenneuraldynamics.org/v1"),
        ("http://127.0.0.1:8801/v2/", "http://127.0.0.1:8801/v1"),
        ("https://host/other", ""),
        ("mongodb://host/db.v2", ""),
        ("dump/v2", ""),
        ("documents.ndjson", ""),
    ],
)
def test_the_old_database_is_beside_the_gateways_and_else_named(
    url: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert settings.old_source_url(url) == expected
    monkeypatch.setenv("ZS_OLD_SOURCE", "mongodb://host/old.data_assets")
    assert settings.old_source_url(url) == "mongodb://host/old.data_assets"


def test_the_sample_has_a_custom_table_and_an_old_database_of_its_own(tmp_path) -> None:
    assert build(settings.source_url_of_sample(), tmp_path) == 0
    found = upgrades(tmp_path)
    assert len(found) == 6
    assert all(row["name"] and row["project_name"] for row in found)
    assert sum(row["status"] == "failed" for row in found) == 2
    assert max(len(row["status_by_version"]) for row in found) == 2
    lines = (settings.sample() / "old_documents.ndjson").read_text().splitlines()
    assert {json.loads(line)["_id"] for line in lines} <= {row["_id"] for row in found}
    # It is read where it is, not put into the store.
    assert not (tmp_path / "data-asset-cache/custom").exists()
