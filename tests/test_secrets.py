"""A planted secret is in no message, fact, log, history or cache, whatever fails."""

import base64
import http.server
import shutil
import socketserver
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from building import document, dump, zs_build
from hypothesis import given
from hypothesis import strategies as st

import zs_client
from zs_client import aws, forked, objects
from zs_client.errors import StoreError
from zs_client.masking import has_user, masked
from zs_client.opening import open_store
from zs_client.s3 import s3_bucket
from zs_pipeline.settings import sample

pytest_plugins = ("stores",)

SECRET = "Pl4nted/S3cret"
SPELT = (
    SECRET,
    SECRET.replace("/", "%2F"),
    base64.b64encode(f"reader:{SECRET}".encode()).decode(),
)


@contextmanager
def repeating(status: int, form: str = "json") -> Iterator[str]:
    """A server that answers each request with its headers; the value is its address."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            said = " ".join(f"{k}: {v}" for k, v in self.headers.items() if k != "accept-encoding")
            body = f'{{"message": "{said}"}}' if form == "json" else f"<Error>{said}</Error>"
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body.encode())

        do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = answer  # noqa: N815 - looked for

        def log_message(self, *args: Any) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def spelt_in(text: str) -> list[str]:
    return [form for form in SPELT if form in text]


def told_by(error: BaseException | None) -> str:
    """What a printed traceback tells of an error, and those behind it that none prints."""
    told = []
    while error is not None:
        told += [*traceback.format_exception(error), repr(error.args)]
        error = error.__cause__ or error.__context__
    return "".join(told)


def files_with_it(*folders: Path) -> list[Path]:
    return [
        path
        for folder in folders
        for path in folder.rglob("*")
        if path.is_file() and any(form.encode() in path.read_bytes() for form in SPELT)
    ]


@pytest.fixture(scope="module")
def built_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store and Dagster's home after a good build."""
    folder = tmp_path_factory.mktemp("built")
    (folder / "home").mkdir()
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("DAGSTER_HOME", str(folder / "home"))
        source = dump(folder / "d.ndjson", [document("a")])
        assert zs_build(source, folder / "store") == 0
    return folder


@pytest.mark.parametrize(
    "source",
    [
        "http://reader:{secret}@{server}/v2",
        "http://{server}/v2#{secret}",
        "http://{server}/v2?api_key={secret}",
        "mongodb://reader:{secret}@127.0.0.1:1/db.c?serverSelectionTimeoutMS=50",
        "ftp://reader:{secret}@nowhere/v2",
    ],
)
@pytest.mark.parametrize("status", [401, 200])
def test_a_source_that_fails_tells_no_secret(
    source: str,
    status: int,
    built_once: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """A store that was built before: its facts, history and snapshot are looked through."""
    home, store = tmp_path / "home", tmp_path / "store"
    shutil.copytree(built_once, tmp_path, dirs_exist_ok=True)
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    with repeating(status) as server:
        url = source.format(secret=SPELT[1], server=server)
        assert zs_build(url, store) == 2
        # As where it fails in the midst: what Dagster runs has no look before.
        monkeypatch.setattr("zs_pipeline.build.open_source", lambda *_: _Checked())
        zs_build(url, store)
    said = capfd.readouterr()
    assert not spelt_in(said.out + said.err)
    assert files_with_it(home, store) == []


class _Checked:
    def check(self) -> None:
        """Find nothing."""


@pytest.mark.parametrize("status", [400, 403, 409])
def test_a_server_of_s3_that_repeats_headers_tells_no_secret(
    status: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "known")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not this one")
    monkeypatch.setenv("AWS_SESSION_TOKEN", SECRET)
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    with repeating(status, "xml") as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{server}")
        monkeypatch.setenv("ZS_STORE", "s3://bucket")
        for ask in (
            zs_client.asset_basics,
            zs_client.snapshots,
            zs_client.status,
            lambda: zs_client.sql("select 1 from asset_basics"),
            lambda: zs_client.custom("a"),
            lambda: zs_client.custom("a", zs_client_frame()),
            lambda: open_store("s3://bucket").check(),
            lambda: open_store("s3://bucket").check_writes(),
        ):
            with pytest.raises(Exception) as error:  # noqa: PT011 - each has its own
                ask()
            assert not spelt_in(told_by(error.value))
        assert zs_build(sample() / "documents.ndjson", "s3://bucket") == 2
    said = capfd.readouterr()
    assert not spelt_in(said.out + said.err)
    assert files_with_it(tmp_path) == []


@contextmanager
def answering(form: str) -> Iterator[str]:
    """A server that answers one line, which repeats the session token; yields its address."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            lines = iter(self.rfile.readline, b"\r\n")
            self.wfile.write(form.format(*(x for x in lines if SECRET.encode() in x)).encode())

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.fixture
def known_token(monkeypatch: pytest.MonkeyPatch) -> None:
    """Credentials whose session token is the secret."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "known")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not this one")
    monkeypatch.setenv("AWS_SESSION_TOKEN", SECRET)


@pytest.mark.usefixtures("known_token")
def test_a_forked_process_tells_no_secret_either(monkeypatch: pytest.MonkeyPatch) -> None:
    with repeating(403, "xml") as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{server}")
        with pytest.raises(PermissionError, match="403") as error:
            forked.bucket(s3_bucket("bucket")).get("key", {})
    assert not spelt_in(told_by(error.value))


@pytest.mark.slow
@pytest.mark.usefixtures("known_token")
@pytest.mark.parametrize("form", ["no HTTP: {}", "HTTP/1.1 403 not with {}\r\n\r\n"])
@pytest.mark.parametrize("is_forked", [False, True])
def test_no_error_behind_that_of_a_read_tells_a_secret(
    form: str, monkeypatch: pytest.MonkeyPatch, *, is_forked: bool
) -> None:
    """As a traceback prints them, and as one that goes through causes and contexts finds them."""
    monkeypatch.setattr(objects, "_is_forked", is_forked)
    with answering(form) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{server}")
        monkeypatch.setenv("ZS_STORE", "s3://bucket")
        with pytest.raises(zs_client.ReadError) as error:
            zs_client.asset_basics()
    assert not spelt_in(told_by(error.value))


@pytest.mark.usefixtures("known_token")
def test_a_token_that_is_no_header_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", f"{SECRET}\nof two lines")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    with pytest.raises(OSError, match="check the AWS variables") as error:
        forked.bucket(s3_bucket("bucket")).get("key", {})
    assert not spelt_in(told_by(error.value))


@pytest.mark.parametrize("url", ["http://[bad?api_key={}", "nonsense?token={}", "nonsense#{}"])
def test_an_address_that_is_none_is_told_without_what_follows_it(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", url.format(SPELT[1]))
    monkeypatch.setenv("ZS_STORE", "s3://bucket")
    with pytest.raises(StoreError, match="is no address of a server") as error:
        zs_client.asset_basics()
    assert not spelt_in(told_by(error.value))


def test_the_secrets_of_a_profile_are_kept_as_those_of_variables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_ACCESS_KEY_ID"):
        monkeypatch.delenv(name, raising=False)
    keys = "aws_access_key_id = known\naws_secret_access_key = of-a-profile-alone\n"
    (tmp_path / "credentials").write_text(f"[default]\n{keys}")
    (tmp_path / "config").write_text(f"[default]\nendpoint_url = http://a:{SPELT[1]}@b:1\n")
    assert aws.keys()["secret_access_key"] == "of-a-profile-alone"
    assert masked("it is of-a-profile-alone") == "it is ***"
    with pytest.raises(StoreError, match=r"a user or a password in it would be shown") as error:
        s3_bucket("bucket")
    assert not spelt_in(str(error.value))


def zs_client_frame() -> Any:
    import pandas as pd

    return pd.DataFrame({"a": [1]})


@pytest.mark.parametrize("name", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "ZS_STORE"])
def test_a_user_in_a_url_of_the_store_is_refused(
    name: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("ZS_STORE", "s3://bucket")
    scheme = "s3" if name == "ZS_STORE" else "http"
    monkeypatch.setenv(name, f"{scheme}://reader:{SPELT[1]}@127.0.0.1:1")
    for ask in (zs_client.asset_basics, zs_client.status, lambda: open_store("s3://a:b@bucket")):
        with pytest.raises(StoreError, match=r"a user or a password in it would be shown") as error:
            ask()
        assert not spelt_in(str(error.value))
    store = str(open_url(name))
    assert zs_build(sample() / "documents.ndjson", store) == 2
    assert not spelt_in("".join(capfd.readouterr()))


def open_url(name: str) -> str:
    return f"s3://reader:{SPELT[1]}@bucket" if name == "ZS_STORE" else "s3://bucket"


WORDS = st.text(st.characters(codec="ascii", categories=("L", "N")), min_size=8, max_size=30)


@given(WORDS, WORDS)
def test_what_a_url_or_a_header_holds_is_masked_and_the_rest_is_as_it_was(
    secret: str, word: str
) -> None:
    for text in (
        f"{word} http://me:%s@host/path?x=1 {word}",
        f"{word}: s3://%s@bucket: gone",
        f'{{"Authorization": "Basic %s"}} {word}',
        f"authorization: Bearer %s, {word}",
        f"x-amz-security-token:%s {word}",
        f"Cookie=%s {word}",
        f"Authorization: AWS4-HMAC-SHA256 Credential=a, SignedHeaders=b, Signature=%s {word}",
    ):
        found = masked(text % f"_{secret}_")
        assert f"_{secret}_" not in found
        assert word in found
    plain = f"{word}_: s3://bucket/{secret}@2x: 3 of 4; mail me@{word}"
    assert masked(plain) == plain
    assert not has_user(plain)
