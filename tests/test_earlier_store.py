"""A store of 1.0.0 goes on working, and 1.0.0 reads what is built today.

What 1.0.0 built, and what its client read of that, is in `earlier_stores`.
"""

import hashlib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import client_store
import pandas as pd
import pytest
import reading
from building import FOLDER, registry
from earlier_stores import EXA, SMART, STITCHED, UPGRADES, History, Made, Place, history

import zs_client
from zs_client.contract import Layout
from zs_client.opening import open_store
from zs_pipeline.acorns import ACORNS
from zs_pipeline.documents import state as documents

pytest_plugins = ("earlier", "earlier_stores")
pytestmark = pytest.mark.slow

VERSION = "1.0.0"
LAYOUT = Layout(VERSION)
# What in tables of 1.0.0 has another value today, a column of it or its rows, of these documents.
CHANGED = {
    # Statuses are computed from the metrics; the documents' own copies lack some keys.
    *("qc_tag_status", "qc_tag_status.tag", "qc_tag_status.status", "platform_qc"),
    # Dots, aliases of rigs, rooms in words.
    "asset_basics.instrument_id_normalized",
    # A row for each choice between readings.
    "document_problems",
    # Documents that the upgrader met and no document is now.
    "data_asset_problems",
    # One map with the people of documents.
    "foraging_sessions.trainer_normalized",
}
# Tables with new columns.
LONGER = {
    *("asset_basics", "qc", "document_problems", "data_asset_problems", "assets_smartspim"),
    "platform_fib",
    # And those that are new.
    *("time_to_qc", "platform_smartspim_fiber_ccf", "platform_smartspim_qc_metrics"),
}


def parquet(store: Path) -> dict[str, str]:
    """The digest of every parquet file of a store: tables, objects, documents, answers."""
    return {
        str(path.relative_to(store)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in (store / "data-asset-cache").rglob("*.pqt")
    }


def stamps(store: Path) -> dict[str, tuple[int, int]]:
    """The inode and time of every file: others where it was written, be it as it was."""
    return {
        str(path.relative_to(store)): (path.stat().st_ino, path.stat().st_mtime_ns)
        for path in store.rglob("*")
        if path.is_file() and path.suffix != ".lock"
    }


def test_the_store_of_1_0_0_has_all_that_is_to_go_on_working(made: Made) -> None:
    read = made.local.read[-1]
    assert len(read["snapshots"]) == 2
    assert {name for name, rows in read["snapshots"][0]["tables"].items() if not rows} == set()
    assert set(read["tables"]["document_problems"]["severity"]) == {"error", "warning"}
    assert {one["name"]: one["rows"] for one in read["custom tables"]} == {
        UPGRADES: 7,
        "my_notes": 1,
    }
    assert len(read["custom"]) == 3
    found = read["tables"]["behavior_curriculum"].set_index("asset_name")["curriculum_name"]
    assert found["behavior_stage"] == "Made up"
    assert found.loc[["behavior_damaged", "behavior_other", "behavior_none"]].isna().all()
    assert {SMART, STITCHED} & set(read["tables"]["assets_smartspim"]["name"]) == {STITCHED}
    assert EXA in set(read["tables"]["platform_exaspim"]["raw_name"])
    # Neither is all asked again, nor nothing.
    assert 0 < made.again.counts["behavior_curriculum"] < len(found)


# Today's builds on a store of 1.0.0.


@dataclass
class Upgraded:
    """A copy of a store of 1.0.0 that today's code built twice, with the same documents.

    Attributes:
        store: The copy.
        codes: The exit codes.
        kept: The digests of parquet files as 1.0.0 left them.
        first: Those after the first build.
        history: Dagster's, after the first build.
        again: Dagster's after 1.0.0 itself had built another copy.
        written: The files that the second build wrote, even if they are as before.
        removed: The files that it removed.
    """

    store: Path
    codes: list[int]
    kept: dict[str, str]
    first: dict[str, str]
    history: History
    again: History
    written: set[str]
    removed: set[str]


@pytest.fixture(scope="module")
def upgraded(made: Made) -> Upgraded:
    """That store, with Dagster's history of 1.0.0."""
    place = made.local
    store = shutil.copytree(place.store, place.folder / "upgraded")
    kept = parquet(store)
    codes = [place.build(place.sources[-1], store, place.home)]
    first, known, before = parquet(store), history(place.home), stamps(store)
    codes.append(place.build(place.sources[-1], store, place.home))
    after = stamps(store)
    written = {key for key in after if after[key] != before.get(key)}
    removed = before.keys() - after.keys()
    return Upgraded(store, codes, kept, first, known, made.again, written, removed)


def test_the_first_build_fetches_each_document_once(upgraded: Upgraded, made: Made) -> None:
    # More is read of them, and the shards of 1.0.0 do not have it.
    there = documents.load(open_store(str(upgraded.store))).index
    assert upgraded.history.counts["documents"] == there.num_rows > 0


def test_the_first_build_asks_what_another_of_1_0_0_would_and_what_that_could_not_read(
    upgraded: Upgraded,
) -> None:
    asked = {name: count for name, count in upgraded.history.counts.items() if name != "documents"}
    more = {name: count - upgraded.again.counts[name] for name, count in asked.items()}
    # 1.0.0 read no other encoding and no state inside of another object.
    assert {name: count for name, count in more.items() if count > 0} == {"behavior_curriculum": 4}


def test_the_first_build_writes_files_of_tables_that_changed_alone(upgraded: Upgraded) -> None:
    tables = {
        key.removeprefix(f"{FOLDER}/").removeprefix("_objects/").split("/")[0].split(".")[0]
        for key in upgraded.first
        if key.startswith(FOLDER) and upgraded.first[key] != upgraded.kept.get(key)
    }
    assert tables <= {name.split(".")[0] for name in (*CHANGED, *LONGER)}
    # What 1.0.0 kept stays readable: its snapshots name it.
    objects = {key for key in upgraded.kept if "/_objects/" in key}
    assert {key: upgraded.first.get(key) for key in objects} == {
        key: upgraded.kept[key] for key in objects
    }


def test_every_table_is_fresh(upgraded: Upgraded) -> None:
    assert upgraded.codes == [0, 0]
    found = {entry["name"]: entry["state"] for entry in registry(upgraded.store)["acorns"]}
    assert found == {acorn.name: "fresh" for acorn in ACORNS}


def test_the_second_build_changes_nothing(upgraded: Upgraded) -> None:
    # It says when the tables were looked at, and how the night ended.
    assert upgraded.written == {f"{FOLDER}/squirrel.json", f"{FOLDER}/_night.json"}
    assert upgraded.removed == set()


def test_dagster_goes_on_with_the_names_of_before(upgraded: Upgraded) -> None:
    # What is made elsewhere is observed since.
    observed = {"files", "custom", "old_documents"}
    since = {"time_to_qc", "platform_smartspim_fiber_ccf", "platform_smartspim_qc_metrics"}
    assert upgraded.history.assets - observed - since == upgraded.again.assets
    assert upgraded.history.subjects == upgraded.again.subjects
    assert upgraded.history.jobs == upgraded.again.jobs


# The client of 1.0.0 on what is built today.


@pytest.fixture(scope="module")
def built_anew(made: Made) -> Path:
    """A store that only today's code built, of the documents and custom tables of two nights."""
    place = made.local
    store = place.folder / "anew"
    store.mkdir()
    for source, tables in zip(place.sources, place.custom, strict=True):
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("ZS_STORE", str(store))
            for name, path in tables.items():
                zs_client.custom(name, pd.read_json(path, lines=True, dtype=str))
        assert place.build(source, store) == 0
    return store


@pytest.fixture(scope="module", params=["upgraded", "built anew"])
def read_by_1_0_0(
    request: pytest.FixtureRequest, made: Made, upgraded: Upgraded, built_anew: Path
) -> dict[str, Any]:
    """All that the client of 1.0.0 reads of today's stores."""
    store = {"upgraded": upgraded.store, "built anew": built_anew}[request.param]
    return made.release.read(store, "reading.everything()", ZS_CACHE="off")


def first_snapshot(place: Place) -> str:
    """The id of the snapshot that 1.0.0 published after the first night."""
    return place.read[0]["snapshots"][0]["id"]


def test_1_0_0_reads_what_is_built_today_and_finds_what_changed(
    made: Made, read_by_1_0_0: dict[str, Any]
) -> None:
    before = made.local.read[-1]
    assert read_by_1_0_0.keys() == before.keys()
    told = {"get_squirrel_info", "describe"}
    found, expected = (
        {name: value for name, value in one["tables"].items() if name not in told}
        for one in (read_by_1_0_0, before)
    )
    assert reading.grown(found, expected) == CHANGED
    for name in ("custom tables", "custom"):
        reading.assert_same(read_by_1_0_0[name], before[name])


def test_1_0_0_reads_a_former_snapshot_of_an_upgraded_store_as_what_it_was(
    made: Made, upgraded: Upgraded
) -> None:
    at = f"reading.tables_at({first_snapshot(made.local)!r})"
    found = made.release.read(upgraded.store, at, ZS_CACHE="off")
    reading.assert_same(found, made.local.read[0]["tables"])


# Today's client on what 1.0.0 built.


def test_todays_client_reads_a_store_of_1_0_0_as_that_read_it(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZS_STORE", made.local.store)
    reading.assert_same(reading.everything(), made.local.read[-1])


def test_todays_client_reads_a_former_snapshot_as_what_it_was(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZS_STORE", made.local.store)
    reading.assert_same(reading.tables_at(first_snapshot(made.local)), made.local.read[0]["tables"])


@pytest.fixture
def remote(made: Made, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Made:
    """The store on S3, with a copy of the local cache that 1.0.0 filled."""
    client_store.as_owner(monkeypatch, made.proxy.url)
    monkeypatch.setenv("ZS_STORE", made.remote.store)
    monkeypatch.setenv("ZS_CACHE", str(shutil.copytree(made.cache, tmp_path / "cache")))
    made.proxy.seen.clear()
    made.proxy.sent = 0
    return made


def test_offline_todays_client_reads_what_1_0_0_kept(remote: Made) -> None:
    with zs_client.reading(offline=True):
        reading.assert_same(reading.tables(), remote.remote.read[-1]["tables"])
    assert remote.proxy.seen == []


def test_offline_todays_client_reads_the_snapshot_that_1_0_0_kept(remote: Made) -> None:
    with zs_client.reading(offline=True):
        found = reading.tables_at(first_snapshot(remote.remote))
        reading.assert_same(found, remote.remote.read[0]["tables"])
    assert remote.proxy.seen == []


def test_what_1_0_0_kept_is_not_sent_again(remote: Made) -> None:
    reading.assert_same(reading.tables(), remote.remote.read[-1]["tables"])
    assert len(remote.proxy.seen) > len(ACORNS)
    # Nothing but S3's word that there is no file of all rows, which 1.0.0 did not write.
    assert remote.proxy.seen.count(("GET", remote.proxy.seen[0][1].rpartition("/")[0] + "/qc.pqt"))
    assert remote.proxy.sent < 400


# Its snapshots in a list.


@pytest.fixture
def large(made: Made, monkeypatch: pytest.MonkeyPatch) -> Made:
    """The store with a large snapshot."""
    client_store.as_owner(monkeypatch, made.proxy.url)
    monkeypatch.setenv("ZS_STORE", made.large)
    made.proxy.sent = 0
    return made


def test_a_large_snapshot_of_1_0_0_is_listed_without_being_read_whole(large: Made) -> None:
    (found,) = zs_client.snapshots()
    tables = large.local.read[-1]["snapshots"][0]["tables"]
    assert (found.current, dict(found.tables)) == (True, tables)
    key = LAYOUT.snapshot(found.id)
    assert large.proxy.sent < len(open_store(large.large).get(key)) / 4


def test_a_snapshot_of_1_0_0_that_was_dumped_without_indentation_is_listed_as_well(
    large: Made, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    listed = zs_client.snapshots()
    store = open_store(large.large)
    key = LAYOUT.snapshot(listed[0].id)
    body = store.get(key)
    store.put(key, json.dumps(json.loads(body)).encode())
    monkeypatch.setenv("ZS_CACHE", str(tmp_path / "another"))
    try:
        assert zs_client.snapshots() == listed
    finally:
        store.put(key, body)
