"""A server that does not honour conditional writes is not written to; 409 is no "already there"."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import boto3
import pandas as pd
import pytest
from building import FOLDER, document, dump, zs_build
from stores import FaultyProxy, contents, every, first

import zs_client
from zs_client.conditions import PROBES
from zs_client.errors import Conflict, StoreError
from zs_client.opening import open_store
from zs_client.store import Store
from zs_pipeline.acorns import ACORNS
from zs_pipeline.publishing.facts_file import entries

pytest_plugins = ("stores",)


def passes_over(*headers: str) -> Callable[[FaultyProxy], None]:
    def apply(proxy: FaultyProxy) -> None:
        proxy.without = lambda method, path: headers if method == "PUT" else ()

    return apply


def knows_none(proxy: FaultyProxy) -> None:
    proxy.fault = every(1, "501", "PUT")


def takes_none(proxy: FaultyProxy) -> None:
    """What has a condition is a bad request: of two that come alike the first one has it."""
    proxy.fault = lambda method, number: "400" if method == "PUT" and is_first(proxy) else ""


def is_first(proxy: FaultyProxy) -> bool:
    return proxy.seen.count(proxy.seen[-1]) == 1


def writes_what_is_not_there(proxy: FaultyProxy) -> None:
    def without(method: str, path: str) -> tuple[str, ...]:
        return ("if-match",) if [each for _, each in proxy.seen].count(path) == 1 else ()

    proxy.without = without


SERVERS = {
    "both are passed over": passes_over("if-match", "if-none-match"),
    "If-Match is": passes_over("if-match"),
    "If-None-Match is": passes_over("if-none-match"),
    "501": knows_none,
    "400": takes_none,
    "If-Match is where nothing lies": writes_what_is_not_there,
}


@pytest.fixture(params=SERVERS, ids=str)
def bad(request: pytest.FixtureRequest, proxy: FaultyProxy) -> str:
    """The URL of an empty bucket on a server that does not honour conditional writes."""
    name = f"bucket-{abs(hash(request.node.nodeid)):x}"
    boto3.client("s3").create_bucket(Bucket=name)
    SERVERS[request.param](proxy)
    return f"s3://{name}"


def test_what_does_not_honour_conditions_is_not_written(
    bad: str, proxy: FaultyProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store(bad)
    said = rf"{bad}: the server {proxy.url} .*If-Match and If-None-Match on PUT"
    for write in (
        lambda: store.put("a", b"1"),
        lambda: store.put_object("a", b"1"),
        lambda: store.put_first("a", b"1"),
        lambda: store.put_if_match("a", b"1", None),
        lambda: store.copy("a", "b", b"1"),
        store.check_writes,
    ):
        with pytest.raises(StoreError, match=said):
            write()
    monkeypatch.setenv("ZS_STORE", bad)
    for expect in ("absent", None):
        with pytest.raises(StoreError, match=said):
            zs_client.custom("notes", pd.DataFrame({"a": [1]}), expect=expect)
    assert contents(store, "") == {}


def test_a_build_says_so_before_any_work(
    bad: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert zs_build(dump(tmp_path / "d.ndjson", [document("a")]), bad) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "nothing is written" in said


def test_a_server_is_asked_once_and_nothing_of_it_stays(proxy: FaultyProxy) -> None:
    boto3.client("s3").create_bucket(Bucket="asked-once")
    stores = [open_store("s3://asked-once"), open_store("s3://asked-once/inner")]
    proxy.seen.clear()
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda n: stores[n % 2].put(f"a/{n}", b"1"), range(32)))
    probes = [method for method, path in proxy.seen if PROBES in path]
    assert probes.count("PUT") == 4
    assert not [key for key in contents(stores[0], "") if PROBES in key]


def test_a_bad_request_that_has_another_reason_is_told_as_it_is(proxy: FaultyProxy) -> None:
    boto3.client("s3").create_bucket(Bucket="all-is-bad")
    with (
        proxy.failing(every(1, "400", "PUT")),
        pytest.raises(StoreError, match=r"cannot be written: .*400 Bad Request"),
    ):
        open_store("s3://all-is-bad").check_writes()


@pytest.mark.parametrize("fault", ["503", "drop", "lost", "409"])
def test_a_server_that_fails_while_it_is_asked_is_asked_again(
    proxy: FaultyProxy, fault: str
) -> None:
    name = f"asked-again-{fault}"
    boto3.client("s3").create_bucket(Bucket=name)
    with proxy.failing(every(2, fault, "PUT")):
        open_store(f"s3://{name}").check_writes()


def test_who_may_not_remove_anything_may_write(proxy: FaultyProxy) -> None:
    boto3.client("s3").create_bucket(Bucket="no-removing")
    with proxy.failing(lambda method, number: "403" if method in ("DELETE", "POST") else ""):
        store = open_store("s3://no-removing")
        store.put("a", b"1")
    assert store.get("a") == b"1"


# 409: two conditional writes met.


def test_an_object_is_there_after_a_409_and_not_taken_to_be(s3: Store, proxy: FaultyProxy) -> None:
    for write in (s3.put_object, s3.put_first):
        with proxy.failing(first("409", "PUT")):
            write(f"a/{write.__name__}", b"1")
        assert s3.get(f"a/{write.__name__}") == b"1"
    with proxy.failing(every(1, "409", "PUT")):
        for write in (s3.put_object, s3.put_first):
            with pytest.raises(Conflict):
                write("b", b"1")
            write("a/put_first", b"1")


def test_a_replace_that_met_another_is_tried_again(s3: Store, proxy: FaultyProxy) -> None:
    with proxy.failing(first("409", "PUT")):
        tag = s3.put_if_match("a", b"1", None)
    with proxy.failing(first("409", "PUT")):
        s3.put_if_match("a", b"2", tag)
    assert s3.get("a") == b"2"
    with proxy.failing(first("409", "PUT")), pytest.raises(Conflict, match="another writer"):
        s3.put_if_match("a", b"3", tag)


@pytest.mark.parametrize("there", [b"12", b"321"], ids=["short", "altered"])
def test_what_lies_under_the_name_of_another_content_is_no_such_object(
    store: Store, there: bytes
) -> None:
    store.put("a", there)
    store.put_object("a", b"123")
    assert store.get("a") == b"123"
    store.put_first("a", b"other")
    assert store.get("a") == b"123"


def test_an_object_of_another_writer_is_believed_by_its_checksum_alone(
    s3: Store, proxy: FaultyProxy
) -> None:
    s3.put_object("a", b"123")
    # As a tool puts it that sends no checksum along.
    boto3.client("s3").put_object(Bucket=s3.url.removeprefix("s3://"), Key="b", Body=b"123")
    for key, asked in (("a", ["PUT", "HEAD"]), ("b", ["PUT", "HEAD", "GET"])):
        proxy.seen.clear()
        s3.put_object(key, b"123")
        # Beside them a look at the store's clock.
        of_key = [
            method for method, path in proxy.seen if path.partition("?")[0].endswith(f"/{key}")
        ]
        assert of_key == asked


def test_a_build_among_409s_leaves_all_that_its_facts_name(
    s3: Store, proxy: FaultyProxy, tmp_path: Path
) -> None:
    documents = [document(f"a{n}", str(n)) for n in range(12)]
    with proxy.failing(every(3, "409", "PUT")):
        assert zs_build(dump(tmp_path / "d.ndjson", documents), s3.url) == 0
    found = contents(s3)
    for acorn in ACORNS:
        facts = json.loads(found[f"{FOLDER}/{acorn.table}.json"])
        for entry in entries(facts).values():
            assert f"{FOLDER}/_objects/{acorn.table}/{entry['sha256']}.pqt" in found
    documents[0]["_last_modified"] = "2025-02-02T00:00:00.000Z"
    assert zs_build(dump(tmp_path / "d.ndjson", documents), s3.url) == 0
