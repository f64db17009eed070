"""A bad connection, or a server that passes over what it is asked: read again, never mixed."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pyarrow as pa
import pytest
from building import document, dump, tables, zs_build
from moto.core import DEFAULT_ACCOUNT_ID
from moto.s3.models import s3_backends
from stores import Fault, FaultyProxy, contents, every

import zs_client
from zs_client.contract import Layout
from zs_client.opening import open_store
from zs_client.store import Altered, Store
from zs_pipeline import arrow
from zs_pipeline.acorns import CATALOGUE

pytest_plugins = ("stores",)

FAULTS = ("reset", "cut", "drop")
BASICS = CATALOGUE.by_name["asset_basics"]
FIXED = Layout("1.0.0").table("asset_basics")


def one_in(nth: int, *faults: str) -> Fault:
    """One after another of some faults, for every nth request."""
    count = iter(range(10**9))

    def decide(method: str, number: int) -> str:
        place = next(count)
        return faults[place // nth % len(faults)] if place % nth == nth - 1 else ""

    return decide


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_reset_or_cut_short_is_asked_again(
    s3: Store, proxy: FaultyProxy, fault: str
) -> None:
    bodies = {f"a/{n}.json": b"%d" % n * 1000 for n in range(8)}
    with proxy.failing(every(3, fault)):
        for key, body in bodies.items():
            s3.put(key, body)
        tag = s3.put_if_match("a/set", b"1", None)
        assert s3.get_with_etag("a/set") == (b"1", tag)
        s3.put_if_match("a/set", b"2", tag)
        s3.put_object("a/object", b"3")
        assert contents(s3, "a") == {**bodies, "a/set": b"2", "a/object": b"3"}
        for _ in range(3):
            assert [s3.exists(key) for key in ("a/set", "a/none")] == [True, False]
            assert s3.folders("") == ["a"]
            assert s3.head("a/7.json", 3) == b"777"
            assert s3.get_object("a/object") == b"3"
            s3.check()
        s3.delete(list(bodies))
    assert set(contents(s3, "a")) == {"a/set", "a/object"}


@pytest.mark.parametrize("fault", ["short", "altered"])
def test_a_body_whose_digest_is_wrong_is_fetched_again(
    s3: Store, proxy: FaultyProxy, fault: str
) -> None:
    s3.put("a.json", b"12345")
    with proxy.failing(every(2, fault, "GET")):
        assert {s3.get("a.json") for _ in range(5)} == {b"12345"}


def test_a_long_listing_goes_on_where_it_was_cut(s3: Store, proxy: FaultyProxy) -> None:
    keys = [f"a/{n:04}" for n in range(2500)]
    for key in keys:
        # Over HTTP these take 7 s.
        s3_backends[DEFAULT_ACCOUNT_ID]["aws"].put_object(s3.url.removeprefix("s3://"), key, b"")
    with proxy.failing(every(2, "cut")):
        assert [entry["path"] for entry in s3.walk("a")] == keys


def test_what_comes_altered_each_time_is_an_error_that_says_so(
    s3: Store, proxy: FaultyProxy
) -> None:
    s3.put("a.json", b"12345")
    with (
        proxy.failing(every(1, "altered", "GET")),
        pytest.raises(Altered, match=rf"{s3.url}/a.json: what came is not what the store has"),
    ):
        s3.get("a.json")


def test_a_build_over_a_bad_connection_ends_well(
    s3: Store, proxy: FaultyProxy, tmp_path: Path
) -> None:
    source = dump(tmp_path / "d.ndjson", [document(f"a{n}", str(n)) for n in range(6)])
    with proxy.failing(one_in(5, *FAULTS)):
        assert zs_build(source, s3.url) == 0
    (tmp_path / "out").mkdir()
    assert zs_build(source, tmp_path / "out") == 0
    assert tables(s3) == tables(tmp_path / "out")


def whole(word: str) -> bytes:
    """A table that is read in parts: each of its columns tells which content it is of."""
    rows = [
        {"_id": one, "name": f"{word}-{one}", "project_name": f"{word}-{one[:6]}"}
        for one in (hashlib.sha256(b"%d" % n).hexdigest()[:16] for n in range(20_000))
    ]
    return arrow.encode(arrow.table(BASICS, rows))


OLD, NEW = "a", "b"
SERVERS: dict[str, Callable[[FaultyProxy], Any]] = {
    "honours If-Match": lambda proxy: None,
    "passes over If-Match": lambda proxy: setattr(
        proxy, "without", lambda method, path: ("if-match",)
    ),
    "sends no ETag": lambda proxy: (
        setattr(proxy, "without", lambda method, path: ("if-match",)),
        setattr(proxy, "hidden", ("etag",)),
    ),
}


@pytest.mark.parametrize("cache", ["off", ""])
@pytest.mark.parametrize("server", SERVERS)
def test_a_table_that_is_replaced_between_two_ranges_is_never_mixed(
    s3: Store, proxy: FaultyProxy, server: str, cache: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZS_STORE", s3.url)
    if cache:
        monkeypatch.setenv("ZS_CACHE", cache)
    old, new = whole(OLD), whole(NEW)
    assert min(len(old), len(new)) > 2**19
    s3.put(FIXED, old)
    SERVERS[server](proxy)
    owner = boto3.client("s3", endpoint_url=proxy.target)
    left = [new]

    def replaced(method: str, number: int) -> str:
        asked = [path for method, path in proxy.seen if path.endswith(FIXED)]
        if len(asked) == 2 and left:
            owner.put_object(Bucket=s3.url.removeprefix("s3://"), Key=FIXED, Body=left.pop())
        return ""

    proxy.seen.clear()
    with proxy.failing(replaced):
        found = zs_client.asset_basics.arrow(
            columns=["name", "project_name"], project_name_after="a"
        )
    words = {name[0] for name in found["name"].to_pylist()}
    words |= {project[0] for project in found["project_name"].to_pylist() if project}
    assert len(words) == 1


def test_a_store_without_etags_is_read(
    s3: Store, proxy: FaultyProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZS_STORE", s3.url)
    s3.put(FIXED, whole(OLD))
    SERVERS["sends no ETag"](proxy)
    assert zs_client.asset_basics.arrow(limit=3, columns="_id").num_rows == 3
    with proxy.failing(every(2, "cut", "GET")):
        assert open_store(s3.url).get(FIXED) == whole(OLD)
    assert isinstance(zs_client.asset_basics.arrow(), pa.Table)
