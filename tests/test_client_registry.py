"""The registry and the status of each acorn."""

import json
from datetime import UTC, datetime, timedelta

import client_store
import pytest
from building import MADE
from client_store import BY_NAME, LAYOUT, VERSION

from zs_client import ReadError, get_squirrel_info, status
from zs_client.opening import open_store
from zs_pipeline.acorns import ACORNS
from zs_pipeline.publishing.facts_file import mark_stale
from zs_pipeline.publishing.squirrel import publish


@pytest.fixture
def empty_store(tmp_path, monkeypatch):
    client_store.plain(monkeypatch)
    monkeypatch.setenv("ZS_STORE", str(tmp_path))
    return open_store(tmp_path)


@pytest.fixture
def store(empty_store):
    client_store.fill(empty_store)
    return empty_store


def rewrite(store, key, **changes):
    store.put(key, json.dumps(json.loads(store.get(key)) | changes).encode())


def of(name, **arguments):
    return next(acorn for acorn in status(**arguments) if acorn.name == name)


def test_the_registry_has_every_acorn_as_it_is_declared(store):
    info = get_squirrel_info()
    assert info.version == VERSION
    assert info.snapshot
    assert info.published_at.tzinfo is not None
    assert [acorn.name for acorn in info.acorns] == [acorn.name for acorn in ACORNS]
    for told, declared in zip(info.acorns, ACORNS, strict=True):
        assert told.description == declared.description
        assert told.partitioned == bool(declared.partition)
        assert told.partition_key == (declared.partition or None)
        assert told.type == declared.type
        assert told.key == declared.key
        assert [(c.name, c.description, c.type) for c in told.columns] == [
            (c.name, c.description, c.type) for c in declared.columns
        ]
    qc = next(acorn for acorn in info.acorns if acorn.name == "quality_control")
    assert qc.location == f"{store.url}/data-asset-cache/zs-v{VERSION}/qc/"
    assert qc.partitions == len(client_store.SUBJECTS)
    assert qc.rows == 2 * len(client_store.SUBJECTS)


def test_an_old_registry_is_read_too(empty_store, monkeypatch):
    client_store.old(empty_store)
    monkeypatch.setenv("ZS_VERSION", "0.28.6")
    (basics,) = get_squirrel_info().acorns
    assert (basics.name, basics.type, basics.partitioned) == ("asset_basics", "metadata", False)
    assert [c.name for c in basics.columns] == ["_id", "name"]
    assert basics.rows is None
    told = of("asset_basics")
    assert (told.state, told.rows, told.age) == ("fresh", None, None)
    assert of("source_data").state == "missing"


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"acorns": [{}]}', b'{"acorns": 1}'])
def test_a_registry_that_cannot_be_read_is_an_error(store, body):
    store.put(LAYOUT.registry, body)
    with pytest.raises(ReadError, match=r"squirrel\.json"):
        get_squirrel_info()
    with pytest.raises(ReadError, match=r"squirrel\.json"):
        status()


def test_all_is_fresh_after_a_build(store):
    told = status()
    assert [acorn.name for acorn in told] == [name for name, _, _ in MADE]
    assert {acorn.state for acorn in told} == {"fresh"}
    assert all(acorn.age < timedelta(minutes=5) for acorn in told)
    qc = of("quality_control")
    assert (qc.rows, qc.partitions) == (30, 15)
    assert qc.bytes > 0
    assert of("asset_basics").partitions is None


def test_nothing_is_there_before_a_build(empty_store):
    assert {acorn.state for acorn in status()} == {"missing"}


def test_a_failed_acorn_is_stale_with_its_reason(store):
    mark_stale(store, LAYOUT, BY_NAME["source_data"], "the disk was full")
    told = of("source_data")
    assert (told.state, told.reason, told.rows) == ("stale", "the disk was full", 6)


def test_what_the_registry_knows_to_be_stale_is_stale(store):
    acorn = BY_NAME["source_data"]
    rewrite(store, LAYOUT.facts(acorn.table), source_state={"documents": "before"})
    publish(store, LAYOUT, ACORNS)
    assert of("source_data").state == "stale"
    # What was built since is not in the registry yet.
    rewrite(store, LAYOUT.facts(acorn.table), checked_at="2099-01-01T00:00:00Z")
    assert of("source_data").state == "fresh"


def test_a_first_build_that_has_not_ended_is_missing(empty_store):
    client_store.split(empty_store, "quality_control", {"1": client_store.metrics("1")}, state=None)
    told = of("quality_control")
    assert (told.state, told.reason) == ("missing", "the first build has not ended")


def test_the_age_is_since_it_was_last_known_to_be_current(store):
    now = datetime.now(UTC)
    old = (now - timedelta(days=9)).isoformat()
    rewrite(store, LAYOUT.facts("source_data"), checked_at=old, built_at=old)
    publish(store, LAYOUT, ACORNS)
    # A night without changes leaves the facts as they are.
    assert of("source_data").age < timedelta(minutes=5)
    assert of("source_data").built_at < now - timedelta(days=8)
    mark_stale(store, LAYOUT, BY_NAME["source_data"], "x")
    rewrite(store, LAYOUT.facts("source_data"), checked_at=old)
    assert of("source_data").age > timedelta(days=8)


def test_the_store_and_version_can_be_given(store, tmp_path_factory, monkeypatch):
    monkeypatch.setenv("ZS_STORE", str(tmp_path_factory.mktemp("other")))
    assert of("asset_basics", store_url=store.url).state == "fresh"
    assert of("asset_basics", store_url=store.url, version="0.1").state == "missing"
