"""Buckets of side files: a local folder and S3 say the same, and each failure has its kind."""

import os
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import boto3
import pytest
from hypothesis import given
from hypothesis import strategies as st
from moto.core import DEFAULT_ACCOUNT_ID
from moto.s3.models import s3_backends
from stores import every

from zs_client.errors import StoreError
from zs_pipeline.side_files import buckets
from zs_pipeline.side_files import files as module
from zs_pipeline.side_files.files import Files
from zs_pipeline.side_files.outcomes import (
    Entry,
    Folder,
    NoBucket,
    NotParsed,
    NotReached,
    NotReadable,
    NotThere,
    NotUsable,
)

pytest_plugins = ("stores",)

CONTENT = {
    "one/behavior/a.csv": b"1",
    "one/behavior/trainer_state.json": b'{"stage": null}',
    "one/behavior/trainer_state/inside.json": b"{}",
    "one/behavior/trainer_state_2.json": b"{cut",
    "one/behavior/video.mp4": b"2",
    "one/channels/Ex_1/x.json": b"{}",
    "one/channels/Ex_2/deep/y.json": b"{}",
    "one/channels/manifest.json": b"{}",
    "top.json": b"[1]",
}


def filled(folder: Path, bucket: str) -> Files:
    for key, body in CONTENT.items():
        path = folder / bucket / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
    return Files(str(folder))


def new_bucket(content: dict[str, bytes]) -> str:
    name = f"files-{uuid.uuid4().hex[:12]}"
    boto3.client("s3").create_bucket(Bucket=name)
    for key, body in content.items():
        # A thousand of them over HTTP take ten seconds.
        s3_backends[DEFAULT_ACCOUNT_ID]["aws"].put_object(name, key, body)
    return name


@pytest.fixture(params=["folder", "s3"])
def found(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Files, str]:
    """The same side files in either place, and their bucket's location."""
    if request.param == "folder":
        return filled(tmp_path, "bucket-1"), "s3://bucket-1"
    request.getfixturevalue("proxy")
    return Files("s3://"), f"s3://{new_bucket(CONTENT)}"


def test_what_lies_there_is_read(found):
    files, bucket = found
    assert files.get(f"{bucket}/one", "behavior/a.csv") == b"1"
    assert files.json(bucket, "top.json") == [1]
    assert files.json(f"{bucket}/", "top.json") == [1]
    assert files.json(f"{bucket}/one/", "behavior/trainer_state.json") == {"stage": None}
    assert files.count["requests"] == 4


def test_a_listing_is_of_keys_that_begin_so(found):
    files, bucket = found
    keys = [e.key for e in files.listing(f"{bucket}/one", "behavior/trainer_state")]
    assert sorted(keys) == [
        "behavior/trainer_state.json",
        "behavior/trainer_state/inside.json",
        "behavior/trainer_state_2.json",
    ]
    assert [e.key for e in files.listing(bucket, "top")] == ["top.json"]
    assert files.listing(f"{bucket}/one", "behavior/Logs/.launcher/TrainerState_") == []
    assert files.count["requests"] == 3


def test_the_newest_is_the_last_modified_then_the_last_by_key():
    entries = [Entry(2.0, "a"), Entry(1.0, "z"), Entry(2.0, "b")]
    assert max(entries) == Entry(2.0, "b")


def test_a_folder_is_what_lies_directly_in_it(found):
    files, bucket = found
    assert files.folder(f"{bucket}/one", "channels") == Folder(("Ex_1", "Ex_2"), ("manifest.json",))
    assert files.folder(bucket) == Folder(("one",), ("top.json",))
    assert files.folder(f"{bucket}/one", "no such") == Folder((), ())


def test_what_is_not_there_is_told_from_what_may_not_be_read(found):
    files, bucket = found
    with pytest.raises(NotThere, match=r"nope\.json"):
        files.get(f"{bucket}/one", "nope.json")
    for ask in (files.get, files.listing, files.folder):
        with pytest.raises(NoBucket):
            ask("s3://no-such-bucket-here/one", "x")


@pytest.mark.parametrize(
    "location",
    [
        None,
        "",
        "nonsense",
        "gs://bucket-1/one",
        "s3://",
        "s3:///one",
        "s3://../one",
        "s3://bucket-1/../one",
        "s3://bucket-1/a/./b",
        "s3://bucket-1/a//b",
        "s3://Bad Bucket!/one",
        "s3://bucket-1/a\0b",
        "s3://bucket-1/a\nb",
        "s3://bucket-1/a\ud800b",
        "/data/one",
    ],
)
def test_a_location_that_is_none_may_not_be_read_and_is_not_asked_for(found, location):
    files, _ = found
    for ask in (files.get, files.json, files.listing, files.folder):
        with pytest.raises(NotReadable):
            ask(location, "x")
    assert files.count["requests"] == 0


@given(location=st.text(), after=st.text())
def test_no_location_raises_anything_else(tmp_path_factory, location, after):
    files = Files(str(tmp_path_factory.getbasetemp()))
    for one in (location, f"s3://{location}", f"s3://bucket-1/{after}"):
        with pytest.raises(NotUsable):
            files.get(one, "x")


def test_what_is_no_json_is_told(found):
    files, bucket = found
    with pytest.raises(NotParsed, match=r"trainer_state_2\.json: is no JSON"):
        files.json(f"{bucket}/one", "behavior/trainer_state_2.json")


def test_what_is_too_large_is_not_read(found, monkeypatch):
    files, bucket = found
    monkeypatch.setattr(module, "LARGEST", 2)
    with pytest.raises(NotParsed, match="too many for a side file"):
        files.get(bucket, "top.json")


def test_a_file_is_fetched_again_only_when_it_changed(found, tmp_path):
    files, bucket = found
    body, tag = files.changed(bucket, "top.json", None, largest=10)
    assert body == b"[1]"
    assert files.changed(bucket, "top.json", tag, largest=10) is None
    name = bucket.removeprefix("s3://")
    if files.url == "s3://":
        boto3.client("s3").put_object(Bucket=name, Key="top.json", Body=b"[12]")
    else:
        (tmp_path / name / "top.json").write_bytes(b"[12]")
    body, other = files.changed(bucket, "top.json", tag, largest=10)
    assert (body, other != tag) == (b"[12]", True)


def test_lists_of_several_pages_are_read_whole_and_counted(proxy):
    bucket = new_bucket({f"one/channels/Ex_{n:04}/x.json": b"" for n in range(1100)})
    files = Files("s3://")
    proxy.seen.clear()
    assert len(files.folder(f"s3://{bucket}/one", "channels").folders) == 1100
    assert len(files.listing(f"s3://{bucket}/one", "channels/Ex_")) == 1100
    assert files.count["requests"] == len(proxy.seen) == 4


def test_what_comes_after_the_prefix_is_not_listed(proxy):
    bucket = new_bucket({f"one/behavior/z_{n:04}.csv": b"" for n in range(1100)})
    proxy.seen.clear()
    assert Files("s3://").listing(f"s3://{bucket}/one", "behavior/trainer_state") == []
    assert len(proxy.seen) == 1


@pytest.mark.parametrize(("between", "requests"), [(10, 1), (1500, 2)])
def test_two_prefixes_are_listed_without_what_lies_between_them(proxy, between, requests):
    keys = [f"one/behavior/Logs/{n:04}.csv" for n in range(between)]
    wanted = ["behavior/A_1.json", "behavior/A_2.json", "behavior/t_1.json", "behavior/t_2/x.json"]
    bucket = new_bucket(dict.fromkeys([*keys, *(f"one/{key}" for key in wanted)], b""))
    proxy.seen.clear()
    found = Files("s3://").listing(f"s3://{bucket}/one", "behavior/t_", "behavior/A_")
    assert [entry.key for entry in found] == wanted
    assert len(proxy.seen) == requests


@pytest.mark.parametrize("fault", ["503", "429", "drop", "lost"])
def test_one_failure_in_five_changes_nothing(proxy, fault):
    bucket = f"s3://{new_bucket(CONTENT)}"
    files = Files("s3://")
    with proxy.failing(every(5, fault)):
        for _ in range(2):
            assert files.get(f"{bucket}/one", "behavior/a.csv") == b"1"
            assert len(files.listing(f"{bucket}/one", "behavior/trainer_state")) == 3
            assert files.folder(f"{bucket}/one", "channels").folders == ("Ex_1", "Ex_2")
            with pytest.raises(NotThere):
                files.get(bucket, "nope")


@pytest.mark.slow
def test_a_request_that_fails_for_good_is_not_taken_for_a_missing_file(proxy):
    bucket = f"s3://{new_bucket(CONTENT)}"
    files = Files("s3://")
    with proxy.failing(lambda method, number: "503"):
        with pytest.raises(StoreError, match=r"not answered: .*503.*build again"):
            files.get(bucket, "top.json")
        with pytest.raises(StoreError, match=r"not answered: .*503.*build again"):
            files.listing(bucket, "top.json")


class Gate:
    """Something that speaks as S3 does, and lets in whom it is told to.

    Attributes:
        refuses: Whether a request, given its Authorization header, gets a 403.
        moved: Whether it says that the bucket lies in another region.
        seen: The Authorization header of every request.
    """

    def __init__(self) -> None:
        self.refuses = lambda signed: False
        self.moved = False
        self.delay = 0.0
        self.seen: list[str] = []
        self.most = 0
        self._now = 0
        gate, lock = self, threading.Lock()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # Without it every small answer waits 40 ms for an acknowledgement.
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                signed = self.headers.get("Authorization", "")
                with lock:
                    gate.seen.append(signed)
                    gate._now += 1
                    gate.most = max(gate.most, gate._now)
                time.sleep(gate.delay)
                with lock:
                    gate._now -= 1
                refused = gate.refuses(signed)
                self.send_response(301 if gate.moved else 403 if refused else 200)
                body = b"" if refused or gate.moved else b"{}"
                if "list-type" in self.path and body:
                    body = b"<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>"
                self.send_header("Content-Length", str(len(body)))
                self.send_header("ETag", '"x"')
                self.send_header("Last-Modified", "Wed, 01 Jan 2025 00:00:00 GMT")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    found = Gate()
    monkeypatch.setenv("AWS_ENDPOINT_URL", found.url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testtest")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    yield found
    found.close()


def test_a_bucket_that_refuses_our_credentials_is_asked_without_any_from_then_on(gate):
    gate.refuses = bool
    files = Files("s3://")
    for _ in range(3):
        assert files.json("s3://public-bucket/one", "x.json") == {}
    assert [bool(signed) for signed in gate.seen] == [True, False, False, False]
    assert files.listing("s3://public-bucket/one", "x") == []
    assert not gate.seen[-1]


def test_a_private_bucket_is_asked_with_credentials(gate):
    gate.refuses = lambda signed: not signed
    files = Files("s3://")
    assert files.json("s3://private-bucket/one", "x.json") == {}
    assert all(gate.seen)


def test_a_bucket_that_refuses_both_may_not_be_read(gate):
    gate.refuses = lambda signed: True
    files = Files("s3://")
    for ask in (files.get, files.listing, files.folder):
        gate.seen.clear()
        with pytest.raises(NotReadable, match=r"closed-bucket/one.*may not be read"):
            ask("s3://closed-bucket/one", "x.json")
        assert [bool(signed) for signed in gate.seen] == [True, False]


def test_without_credentials_nothing_is_signed(gate, monkeypatch, tmp_path):
    for name in [n for n in os.environ if n.startswith("AWS_") and "ENDPOINT" not in n]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    gate.refuses = lambda signed: True
    with pytest.raises(NotReadable):
        Files("s3://").get("s3://closed-bucket/one", "x.json")
    assert gate.seen == [""]


def test_a_bucket_in_another_region_is_opened_there(gate, monkeypatch):
    gate.moved = True
    monkeypatch.setattr(buckets, "region_of", lambda name: "eu-west-1")
    with pytest.raises(StoreError, match="incorrectly configured region") as told:
        Files("s3://").get("s3://far-bucket", "x")
    assert buckets._is_in_another_region(told.value)
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    # Behind a proxy nobody can tell without a request whether S3 can be reached.
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    bucket = buckets.S3Bucket("far-bucket", lambda: None)
    assert [view.config["region"] for view in bucket._open_views()] == ["us-east-1"] * 2
    assert bucket._reopen()
    signed, anonymous = bucket._open_views()
    assert signed.config["region"] == anonymous.config["region"] == "eu-west-1"
    assert "skip_signature" not in signed.config
    assert anonymous.config["skip_signature"] == "true"
    assert not bucket._reopen()


@pytest.mark.parametrize("url", ["ftp://x", "s3://a-mirror", "no/such/folder"])
def test_a_wrong_address_of_side_files_is_refused(url):
    with pytest.raises(StoreError, match="side files are read from s3://"):
        Files(url)


def test_without_a_network_a_bucket_is_not_readable_and_asked_once(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
    files = Files("s3://")
    for _ in range(3):
        with pytest.raises(NotReached, match="cannot be reached") as told:
            files.get("s3://some-bucket/prefix", "x")
    assert isinstance(told.value, NotReadable)
    assert files.count["requests"] == 0
