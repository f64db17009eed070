"""The store is the same on a local folder, in memory and on S3, whatever fails on the way."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import boto3
import pytest
from stores import FaultyProxy, contents, every, first, memory

from zs_client import store as store_module
from zs_client.errors import Conflict, StoreError
from zs_client.opening import open_store
from zs_client.store import IMMUTABLE, SHORT, Store

pytest_plugins = ("stores",)

ODD_KEYS = (
    "data-asset-cache/qc/subject_id=a%2Fb/data.pqt",
    "data-asset-cache/qc/subject_id=%252F/data.pqt",
    "data-asset-cache/qc/subject_id=%2E%2E/data.pqt",
    "data-asset-cache/custom/two words.pqt",
    "data-asset-cache/custom/Mäuse ☃ 🐭.pqt",
    "data-asset-cache/custom/a+b&c=d.pqt",
)


def bucket_of(store: Store) -> str:
    return store.url.removeprefix("s3://")


# The same on all three.


def test_what_was_put_is_got_listed_and_gone_when_deleted(store: Store) -> None:
    bodies = {f"a/{name}": name.encode() * n for n, name in enumerate(("x", "y/z", "y/w"))}
    for key, body in bodies.items():
        store.put(key, body)
    assert contents(store, "a") == bodies
    assert [store.exists(key) for key in (*bodies, "a/none")] == [True] * 3 + [False]
    assert {e["path"]: e["size"] for e in store.walk("a")} == {k: len(v) for k, v in bodies.items()}
    assert list(store.walk("a/none")) == []
    assert store.folders("a") == ["y"]
    assert store.folders("none") == []
    assert store.files("none") == []
    assert store.at("a/x") == f"{store.url}/a/x"
    store.put("a/x", b"other")
    assert store.get("a/x") == b"other"
    store.delete(["a/x", "a/was never there", "a/y/z"])
    assert list(contents(store, "a")) == ["a/y/w"]
    store.delete([])
    with pytest.raises(FileNotFoundError, match="a/x"):
        store.get("a/x")


def test_a_folder_is_no_prefix_of_a_name(store: Store) -> None:
    for key in ("a/qc/x", "a/qc_tags/x", "a/qc.json"):
        store.put(key, b"")
    assert [e["path"] for e in store.walk("a/qc")] == ["a/qc/x"]
    assert [e["path"] for e in store.files("a/qc")] == ["a/qc/x"]
    (found,) = store.files("a")
    assert (found["path"], found["last_modified"].tzinfo is None) == ("a/qc.json", False)


def test_more_than_a_thousand_keys_are_listed_and_deleted() -> None:
    store = memory()
    keys = [f"a/{n}" for n in range(2500)]
    for key in keys:
        store.put(key, b"")
    assert len(list(store.walk("a"))) == 2500
    store.delete(keys)
    assert list(store.walk("a")) == []


def test_a_copy_has_the_content_of_then_whatever_happens_to_the_first(store: Store) -> None:
    store.put("a/_objects/1", b"one")
    store.put("a/_objects/2", b"two")
    store.copy("a/_objects/1", "a/x", b"one")
    store.copy("a/_objects/1", "a/x", b"one")
    assert store.get("a/x") == b"one"
    store.copy("a/_objects/2", "a/x", b"two")
    assert (store.get("a/x"), store.get("a/_objects/1")) == (b"two", b"one")
    store.put("a/x", b"three")
    store.delete(["a/_objects/1"])
    assert (store.get("a/x"), store.get("a/_objects/2")) == (b"three", b"two")


def test_keys_with_percent_blanks_and_non_ascii_are_themselves(store: Store) -> None:
    for key in ODD_KEYS:
        store.put(key, key.encode())
    assert contents(store) == {key: key.encode() for key in ODD_KEYS}
    assert set(ODD_KEYS[:3]) == {e["path"] for e in store.walk("data-asset-cache/qc")}
    assert {"subject_id=a%2Fb", "subject_id=%252F"} < set(store.folders("data-asset-cache/qc"))
    store.delete(list(ODD_KEYS))
    assert contents(store) == {}


# Compare and set.


def test_a_replace_succeeds_only_on_what_was_read(store: Store) -> None:
    tag = store.put_if_match("a.json", b"1", None)
    assert store.get_with_etag("a.json") == (b"1", tag)
    second = store.put_if_match("a.json", b"2", tag)
    assert second != tag
    for stale in (tag, None):
        with pytest.raises(Conflict, match=r"a\.json was changed by another writer"):
            store.put_if_match("a.json", b"3", stale)
    assert store.get_with_etag("a.json") == (b"2", second)
    store.delete(["a.json"])
    with pytest.raises(Conflict):
        store.put_if_match("a.json", b"4", second)
    with pytest.raises(FileNotFoundError):
        store.get("a.json")


@pytest.mark.parametrize("kind", ["folder", "memory", "s3"])
def test_of_many_writers_at_once_none_loses_its_word(
    kind: str, request: pytest.FixtureRequest
) -> None:
    store = memory() if kind == "memory" else request.getfixturevalue(kind)

    def add(word: str) -> None:
        while True:
            try:
                body, tag = store.get_with_etag("words")
            except FileNotFoundError:
                body, tag = b"", None
            try:
                store.put_if_match("words", body + word.encode() + b" ", tag)
            except Conflict:
                continue
            return

    words = [f"w{n}" for n in range(16)]
    threads = [threading.Thread(target=add, args=(word,)) for word in words]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(store.get("words").decode().split()) == sorted(words)


def test_two_processes_compare_and_set_on_one_folder(folder: Store) -> None:
    code = textwrap.dedent("""
        import sys
        from zs_client.errors import Conflict
        from zs_client.opening import open_store
        store = open_store(sys.argv[1])
        for n in range(40):
            while True:
                try:
                    body, tag = store.get_with_etag("n")
                    store.put_if_match("n", str(int(body) + 1).encode(), tag)
                    break
                except Conflict:
                    pass
    """)
    folder.put("n", b"0")
    children = [subprocess.Popen([sys.executable, "-c", code, folder.url]) for _ in range(2)]
    assert [child.wait(60) for child in children] == [0, 0]
    assert folder.get("n") == b"80"


# S3: headers, faults, refusals.


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        ("a/qc/subject_id=1/data.pqt", "application/vnd.apache.parquet"),
        ("a/squirrel.json", "application/json"),
        ("a/other", "application/octet-stream"),
    ],
)
def test_objects_on_s3_say_what_they_are_and_how_long_they_stay(
    s3: Store, key: str, kind: str
) -> None:
    def head(of: str) -> tuple[str, str]:
        found = boto3.client("s3").head_object(Bucket=bucket_of(s3), Key=of)
        return found["ContentType"], found["CacheControl"]

    s3.put(key, b"1")
    assert head(key) == (kind, SHORT) == (kind, "public, max-age=60")
    s3.put(key, b"1", cache=IMMUTABLE)
    assert head(key) == (kind, IMMUTABLE) == (kind, "public, max-age=31536000, immutable")
    # The copy at a fixed path changes, though what it is copied from never does.
    s3.copy(key, f"fixed/{key}", b"1")
    assert head(f"fixed/{key}") == (kind, SHORT)
    s3.put_if_match(f"new/{key}", b"1", None)
    assert head(f"new/{key}") == (kind, SHORT)


def test_a_large_object_has_its_headers_too(s3: Store) -> None:
    body = os.urandom(11_000_000)
    s3.put("a/data.pqt", body, cache=IMMUTABLE)
    found = boto3.client("s3").get_object(Bucket=bucket_of(s3), Key="a/data.pqt")
    assert found["Body"].read() == body
    assert found["CacheControl"] == IMMUTABLE
    assert found["ContentType"] == "application/vnd.apache.parquet"


def test_odd_keys_are_the_same_keys_for_another_client(s3: Store) -> None:
    client = boto3.client("s3")
    for key in ODD_KEYS[:3]:
        s3.put(key, key.encode())
    for key in ODD_KEYS[3:]:
        client.put_object(Bucket=bucket_of(s3), Key=key, Body=key.encode())
    listed = client.list_objects_v2(Bucket=bucket_of(s3))["Contents"]
    assert {entry["Key"] for entry in listed} == set(ODD_KEYS)
    for key in ODD_KEYS:
        there = client.get_object(Bucket=bucket_of(s3), Key=key)["Body"].read()
        assert there == s3.get(key) == key.encode()


def test_a_prefix_in_the_url_is_part_of_every_key(s3: Store) -> None:
    inner = open_store(f"{s3.url}/some/prefix/")
    inner.put("a/x.json", b"1")
    assert inner.url == f"{s3.url}/some/prefix"
    assert s3.get("some/prefix/a/x.json") == b"1"
    assert [e["path"] for e in inner.walk("a")] == ["a/x.json"]


@pytest.mark.parametrize("fault", ["503", "500", "429", "drop", "lost"])
def test_a_server_that_fails_now_and_then_is_asked_again(
    s3: Store, proxy: FaultyProxy, fault: str
) -> None:
    with proxy.failing(every(3, fault)):
        for n in range(4):
            s3.put(f"a/{n}", b"%d" % n)
        assert contents(s3, "a") == {f"a/{n}": b"%d" % n for n in range(4)}
        s3.delete(["a/0", "a/1"])
        assert s3.exists("a/2")
    assert set(contents(s3, "a")) == {"a/2", "a/3"}


@pytest.mark.parametrize("fault", ["503", "drop", "lost"])
def test_a_replace_whose_own_answer_was_lost_is_no_conflict(
    s3: Store, proxy: FaultyProxy, fault: str
) -> None:
    with proxy.failing(first(fault, "PUT")):
        tag = s3.put_if_match("a.json", b"1", None)
    with proxy.failing(first(fault, "PUT")):
        tag = s3.put_if_match("a.json", b"2", tag)
    assert s3.get_with_etag("a.json") == (b"2", tag)


def test_a_replace_that_s3_calls_a_conflict_is_one(
    s3: Store, proxy: FaultyProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    # obstore asks for most of a second before it hands a 409 on: two tries instead of ten.
    monkeypatch.setattr(store_module, "PAUSES", (0,))
    tag = s3.put_if_match("a.json", b"1", None)
    for with_tag in (tag, None):
        with proxy.failing(every(1, "409", "PUT")), pytest.raises(Conflict):
            s3.put_if_match("a.json", b"2", with_tag)


@pytest.mark.parametrize("status", ["403", "401"])
def test_what_is_not_permitted_says_so(s3: Store, proxy: FaultyProxy, status: str) -> None:
    s3.put("a.json", b"1")
    with proxy.failing(lambda method, number: status):
        with pytest.raises(PermissionError):
            s3.get("a.json")
        for write in (
            lambda: s3.put("a.json", b"2"),
            lambda: s3.put_if_match("a.json", b"2", None),
            lambda: s3.delete(["a.json"]),
        ):
            with pytest.raises(PermissionError, match=rf"{s3.url}: no permission to .*credential"):
                write()
        with pytest.raises(StoreError, match=rf"{s3.url}: no permission to list.*credentials"):
            s3.check()
    s3.check()
    assert s3.get("a.json") == b"1"


def test_a_missing_bucket_is_named_before_any_work(proxy: FaultyProxy) -> None:
    missing = open_store("s3://there-is-no-such-bucket")
    for ask in (missing.check, lambda: missing.put_if_match("a.json", b"", None)):
        with pytest.raises(
            StoreError, match=r"s3://there-is-no-such-bucket: no such bucket.*create"
        ):
            ask()


@pytest.mark.parametrize("url", ["gs://bucket", "https://bucket.s3.amazonaws.com", "ftp://x/y"])
def test_a_url_of_an_unknown_kind_is_told_what_there_is(url: str) -> None:
    with pytest.raises(StoreError, match=r"s3://bucket, a local folder, or memory://name"):
        open_store(url)


def test_an_s3_url_without_a_bucket_is_told_what_is_missing() -> None:
    with pytest.raises(StoreError, match="names no bucket; write s3://bucket"):
        open_store("s3://")


def test_two_names_are_two_memory_stores_and_one_name_is_one() -> None:
    open_store("memory://test-one").put("a", b"1")
    assert open_store("memory://test-one").get("a") == b"1"
    assert not open_store("memory://test-two").exists("a")


# A local folder.


def test_a_folder_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="file: is a file; a store is a folder"):
        open_store(tmp_path / "file")
    with pytest.raises(StoreError, match="none: no such folder"):
        open_store(str(tmp_path / "none"))


def test_a_file_url_is_a_folder_whatever_its_name(tmp_path: Path) -> None:
    (tmp_path / "two words%").mkdir()
    open_store((tmp_path / "two words%").as_uri()).put("a", b"1")
    assert open_store(f"{tmp_path}/two words%").get("a") == b"1"
    assert (tmp_path / "two words%" / "a").read_bytes() == b"1"


def test_a_new_folder_can_be_checked(folder: Store) -> None:
    folder.check()


WRITER = """
import itertools, sys
from zs_client.opening import open_store
store = open_store(sys.argv[1])
body = {n: bytes([65 + n]) * 400_000 for n in range(4)}
for n in range(4):
    store.put(f"data-asset-cache/_objects/{n}.pqt", body[n])
print("go", flush=True)
tag = None
for n in itertools.count():
    store.put("data-asset-cache/qc/subject_id=1/data.pqt", body[n % 4])
    store.copy(f"data-asset-cache/_objects/{n % 4}.pqt",
               "data-asset-cache/qc/subject_id=2/data.pqt", body[n % 4])
    tag = store.put_if_match("data-asset-cache/qc.json", body[n % 4], tag)
"""


def test_a_writer_killed_at_any_moment_leaves_whole_files_and_no_others(tmp_path: Path) -> None:
    tables = tmp_path / "data-asset-cache" / "qc"
    for moment in (0.0, 0.003, 0.01, 0.025, 0.04):
        child = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True
        )
        assert child.stdout is not None
        assert child.stdout.readline() == "go\n"
        deadline = time.monotonic() + 0.05 + moment
        while time.monotonic() < deadline:  # read while it writes
            for path in tables.glob("*/data.pqt"):
                assert len(set(path.read_bytes())) == 1
        child.send_signal(signal.SIGKILL)
        child.wait(10)
        child.stdout.close()
        files = {str(p.relative_to(tables)) for p in tables.rglob("*") if p.is_file()}
        assert files <= {"subject_id=1/data.pqt", "subject_id=2/data.pqt"}
        for path in (*tables.rglob("data.pqt"), tmp_path / "data-asset-cache" / "qc.json"):
            if path.exists():
                body = path.read_bytes()
                assert len(body) == 400_000
                assert len(set(body)) == 1
        (tmp_path / "data-asset-cache" / "qc.json").unlink(missing_ok=True)


def test_what_a_killed_writer_left_is_swept_after_an_hour_and_locks_stay(folder: Store) -> None:
    folder.put_if_match("data-asset-cache/a.json", b"1", None)
    staging = Path(folder.url) / "data-asset-cache" / "_staging"
    assert [p.suffix for p in staging.iterdir()] == [".lock"]
    for name, age in (("old", 4000), ("new", 10), ("old#1", 4000), ("old.lock", 4000)):
        (staging / name).write_bytes(b"x")
        os.utime(staging / name, (time.time() - age,) * 2)
    folder.sweep_staging()
    assert {p.name for p in staging.iterdir() if len(p.name) < 10} == {"new", "old.lock"}


def test_a_write_leaves_nothing_in_the_staging_folder(folder: Store) -> None:
    folder.put("data-asset-cache/a/x", b"1")
    for _ in range(2):  # the second finds the very same file at its target
        folder.copy("data-asset-cache/a/x", "data-asset-cache/a/y", b"1")
    staging = Path(folder.url) / "data-asset-cache" / "_staging"
    assert list(staging.iterdir()) == []
