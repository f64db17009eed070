"""The layout of biodata-cache beside ours: what its readers look for, and whose folder it is."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import aging
import pytest
from aging import ACORNS, LAYOUT
from building import zs_build
from stores import Crash, Watched, memory
from two_layouts import ENTRY, SECOND, registry

from zs_client.contract import NULL_PARTITION, SUCCESSOR_INDEX, SUCCESSOR_NAMES
from zs_client.errors import StoreError
from zs_client.facts import Facts
from zs_client.store import Store
from zs_pipeline import settings
from zs_pipeline.acorns import ALL_ACORNS as ALL
from zs_pipeline.publishing import squirrel, successor
from zs_pipeline.publishing.successor import publish
from zs_pipeline.settings import sample

pytest_plugins = ("stores",)

TYPES = ("metadata", "asset", "platform", "event", "realtime")


def tables(store: Store, number: int = 0) -> tuple[Facts, ...]:
    """The facts of tables that were built and published."""
    aging.build(store, number)
    return squirrel.publish(store, LAYOUT, ACORNS).tables


def under(store: Store, folder: str) -> dict[str, bytes]:
    """The files under a folder, by their path in it."""
    entries = [entry["path"] for entry in store.walk(folder)]
    return {key.removeprefix(folder): store.get(key) for key in entries}


def test_a_build_writes_it_beside_the_squirrel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZS_BDC_VERSION", "0.99")
    monkeypatch.setenv("ZS_BDC_FILES", "1")
    store = settings.writable_store(str(tmp_path / "out"))
    assert zs_build(sample() / "documents.ndjson", tmp_path / "out") == 0
    assert json.loads(store.get(SUCCESSOR_INDEX)) == ["bdc-v0.99"]
    found = registry(store)
    ours = {acorn.name for acorn in ALL} - {"quality_control"}
    assert found.keys() == {SUCCESSOR_NAMES.get(name, name) for name in ours}
    for name, entry in found.items():
        assert entry.keys() == ENTRY
        assert entry["type"] in TYPES
        assert entry["columns"]
        assert all(c.keys() == {"name", "description"} and c["name"] for c in entry["columns"])
        key = entry["location"].removeprefix(f"{store.url}/")
        if entry["partitioned"]:
            assert entry["partition_key"] in [column["name"] for column in entry["columns"]], name
            assert list(store.walk(key))
            copied = {unquote(path): body for path, body in under(store, key).items()}
            # No folder has a name for no value.
            copied = {path: body for path, body in copied.items() if NULL_PARTITION not in path}
            assert under(store, f"{SECOND.folder}/{name}/") == copied, name
        else:
            assert store.get(SECOND.table(name)) == store.get(key), name
    links = [column["name"] for column in found["platform_smartspim"]["columns"]]
    assert links[-1] == "alignment_ccf_link"
    # The next night has nothing to write there.
    before = {e["path"]: e["last_modified"] for e in store.walk(SECOND.folder)}
    assert zs_build(sample() / "documents.ndjson", tmp_path / "out") == 0
    assert {e["path"]: e["last_modified"] for e in store.walk(SECOND.folder)} == before


def test_without_the_variable_there_is_no_second_layout(tmp_path: Path) -> None:
    assert zs_build(sample() / "documents.ndjson", tmp_path / "out") == 0
    assert not list((tmp_path / "out" / "data-asset-cache").glob("bdc*"))
    assert not (tmp_path / "out" / SUCCESSOR_INDEX).exists()


def test_a_change_of_contents_writes_nothing(store: Store) -> None:
    assert publish(store, SECOND, LAYOUT, tables(store), complete=True) == ["names", "visits"]
    watched = Watched(store)
    assert publish(watched, SECOND, LAYOUT, tables(store, 1), complete=True) == []
    assert watched.written() == []
    assert len(watched.asked("get")) == 2


def test_an_entry_that_changes_is_written_and_one_that_is_gone_is_removed(store: Store) -> None:
    names, visits = tables(store)
    publish(store, SECOND, LAYOUT, (names, visits), complete=True)
    changed: Any = {**names, "description": "Others."}
    assert publish(store, SECOND, LAYOUT, (changed,), complete=True) == ["names"]
    assert {name: entry["description"] for name, entry in registry(store).items()} == {
        "names": "Others."
    }


def test_tables_appear_as_they_are_built_and_the_folder_is_listed_with_the_last(
    store: Store,
) -> None:
    names, visits = tables(store)
    publish(store, SECOND, LAYOUT, (names,), complete=False)
    assert registry(store).keys() == {"names"}
    assert not store.exists(SUCCESSOR_INDEX)
    publish(store, SECOND, LAYOUT, (names, visits), complete=True)
    assert registry(store).keys() == {"names", "visits"}
    assert json.loads(store.get(SUCCESSOR_INDEX)) == ["bdc-v0.99"]


def test_the_highest_version_is_the_last_of_the_index_by_number(store: Store) -> None:
    store.put(SUCCESSOR_INDEX, b'["bdc-v0.42", "bdc-v0.100", "odd", "zs-v0.28.6"]')
    publish(store, SECOND, LAYOUT, tables(store), complete=True)
    listed = json.loads(store.get(SUCCESSOR_INDEX))
    assert listed == ["odd", "zs-v0.28.6", "bdc-v0.42", "bdc-v0.99", "bdc-v0.100"]


@pytest.mark.parametrize("body", [b"{", b"{}", b"[1]", b"<html>"])
def test_an_index_that_cannot_be_read_stays_as_it_is(store: Store, body: bytes) -> None:
    store.put(SUCCESSOR_INDEX, body)
    with pytest.raises(ValueError, match=r"cache_versions\.json: .* bdc-v0\.99 is not listed"):
        publish(store, SECOND, LAYOUT, tables(store), complete=True)
    assert store.get(SUCCESSOR_INDEX) == body
    assert registry(store).keys() == {"names", "visits"}


@pytest.mark.parametrize("key", ["cache_registry/asset_basics.json", "asset_basics.pqt"])
def test_a_folder_that_another_program_writes_is_refused_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], key: str
) -> None:
    monkeypatch.setenv("ZS_BDC_VERSION", "0.42")
    theirs = tmp_path / "out" / "data-asset-cache" / "bdc-v0.42" / key
    theirs.parent.mkdir(parents=True)
    theirs.write_text("{}")
    assert zs_build(sample() / "documents.ndjson", tmp_path / "out") == 2
    said = capsys.readouterr().err
    assert "bdc-v0.42: another program writes this folder" in said
    assert key in said
    assert not list((tmp_path / "out").rglob("squirrel.json"))


def test_a_record_of_another_program_is_refused(store: Store) -> None:
    store.put(SECOND.record, b'{"written_by": "biodata-cache"}')
    with pytest.raises(StoreError, match="is not of this program"):
        publish(store, SECOND, LAYOUT, tables(store), complete=True)


@pytest.mark.parametrize("version", ["1", "0.42.26", "latest", "0.x", "-1.0", "0.42 "])
def test_a_version_that_is_not_two_numbers_is_refused(
    version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZS_BDC_VERSION", version)
    with pytest.raises(ValueError, match=r"not two numbers such as 0\.99"):
        settings.successor_layout()


def test_killed_anywhere_it_is_known_as_ours_and_goes_on() -> None:
    count = 0
    for number in range(1, 50):
        store = memory()
        found = tables(store)
        try:
            publish(
                Watched(store, number, after=bool(number % 2)), SECOND, LAYOUT, found, complete=True
            )
            break
        except Crash:
            count += 1
        # A browser rejects all when an entry is not whole.
        assert all(entry.keys() == ENTRY for entry in registry(store).values())
        if store.exists(SUCCESSOR_INDEX):
            assert registry(store).keys() == {"names", "visits"}
        successor.refuse_others(store, SECOND)
        publish(store, SECOND, LAYOUT, found, complete=True)
        assert registry(store).keys() == {"names", "visits"}
        assert json.loads(store.get(SUCCESSOR_INDEX)) == ["bdc-v0.99"]
    assert count > 5
