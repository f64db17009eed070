"""A small table is read whole and kept, also by a filter; of a large one a filter reads parts."""

import hashlib
import os
from urllib.parse import unquote

import client_store
import pytest
from client_store import LAYOUT, VERSION
from stores import FaultyProxy

import zs_client
from zs_client import parquet_of_store, read, remembered
from zs_client.cache import Cache, from_environment
from zs_client.opening import open_store
from zs_pipeline import arrow
from zs_pipeline.acorns import ACORNS
from zs_pipeline.publishing.facts_file import read_facts
from zs_pipeline.publishing.squirrel import publish

ROWS = [
    {
        "_id": hashlib.sha256(str(number).encode()).hexdigest(),
        "name": hashlib.sha256(f"name {number}".encode()).hexdigest(),
        "subject_id": str(number // 50),
    }
    for number in range(5_000)
]


@pytest.fixture
def server(s3_server, monkeypatch):
    """A proxy before a store whose asset_basics is larger than the first request for a file."""
    proxy = FaultyProxy(s3_server)
    client_store.as_owner(monkeypatch, proxy.url)
    monkeypatch.setenv("ZS_STORE", f"s3://{client_store.bucket(s3_server, public=True)}")
    store = open_store(os.environ["ZS_STORE"])
    client_store.whole(store, "asset_basics", ROWS)
    client_store.split(store, "quality_control", {"1": client_store.metrics("1", 3_000)})
    proxy.snapshot = publish(store, LAYOUT, ACORNS).snapshot
    proxy.size = read_facts(store, LAYOUT, "asset_basics")["bytes"]
    assert proxy.size > parquet_of_store.END
    # Anew for each test, whatever writing kept.
    remembered.forget()
    proxy.seen.clear()
    proxy.sent = 0
    yield proxy
    proxy.close()


def keys(proxy):
    """What was requested since the last time, an object without its digest."""
    paths = [unquote(path).split(f"zs-v{VERSION}/")[-1] for _, path in proxy.seen]
    proxy.seen.clear()
    proxy.sent = 0
    return sorted(path.rpartition("/")[0] if "_objects" in path else path for path in paths)


def test_filters_read_a_small_table_once(server):
    assert len(zs_client.asset_basics(subject_id=0)) == 50
    assert server.sent < server.size + parquet_of_store.END + 40_000
    assert keys(server) == [
        *("_objects/asset_basics", "asset_basics.json", "asset_basics.pqt", "squirrel.json")
    ]
    for number in range(1, 20):
        columns = ["name"] if number % 2 else None
        assert len(zs_client.asset_basics(subject_id=number, columns=columns)) == 50
    assert server.sent == 0
    assert keys(server) == ["asset_basics.json"] * 19


def test_what_a_filter_read_answers_other_questions_offline(server):
    zs_client.asset_basics(subject_id=3, columns="name", limit=1)
    keys(server)
    assert len(zs_client.asset_basics(subject_id=4, offline=True)) == 50
    assert len(zs_client.asset_basics(offline=True)) == len(ROWS)
    assert keys(server) == []


def test_a_small_table_of_a_snapshot_is_kept_too(server):
    zs_client.asset_basics(subject_id=3, snapshot=server.snapshot)
    keys(server)
    assert len(zs_client.asset_basics(subject_id=4, snapshot=server.snapshot)) == 50
    assert keys(server) == []


def test_what_changed_is_read_anew(server):
    zs_client.asset_basics(subject_id=3)
    client_store.whole(
        open_store(os.environ["ZS_STORE"]), "asset_basics", [*ROWS[:175], *ROWS[200:]]
    )
    for _ in range(2):
        assert len(zs_client.asset_basics(subject_id=3)) == 25
        assert len(zs_client.asset_basics(subject_id=3, offline=True)) == 25


@pytest.mark.parametrize("reason", ["large", "no cache", "small cache", "read-only cache"])
def test_of_what_is_large_or_cannot_be_kept_a_filter_reads_parts(
    server, reason, monkeypatch, tmp_path
):
    if reason == "large":
        monkeypatch.setattr(read, "SMALL", server.size - 1)
    elif reason == "no cache":
        monkeypatch.setenv("ZS_CACHE", "off")
    elif reason == "small cache":
        monkeypatch.setenv("ZS_CACHE_SIZE", str(3 * server.size))
    else:
        (tmp_path / "file").write_text("no folder")
        monkeypatch.setenv("ZS_CACHE", str(tmp_path / "file"))
    for _ in range(2):
        assert len(zs_client.asset_basics(subject_id=3, columns="name")) == 50
        assert not [key for key in keys(server) if "_objects" in key]
    if reason == "large":
        with pytest.raises(zs_client.ReadError, match="not in the local cache"):
            zs_client.asset_basics(subject_id=3, offline=True)


def test_a_partition_and_a_file_that_is_no_table_are_read_in_parts(server, monkeypatch):
    monkeypatch.setattr(parquet_of_store, "END", 4096)
    assert len(zs_client.qc("1", name="metric 7", columns="name")) == 1
    store = open_store(os.environ["ZS_STORE"])
    key = "data-asset-cache/_documents/shards/made.pqt"
    store.put(key, arrow.encode(arrow.table(client_store.BY_NAME["asset_basics"], ROWS)))
    found = read.file_rows(zs_client.place.resolve()[0], key, {"subject_id": "3"}, ["name"])
    assert found.num_rows == 50
    kept = [path for path, _ in from_environment().files() if path.suffix == ".pqt"]
    assert kept == []


def test_many_at_once_find_a_cache_writable(tmp_path):
    from concurrent.futures import ThreadPoolExecutor

    cache = Cache(tmp_path)
    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(lambda _: cache.writable(), range(400)))
    assert cache.files() == []
