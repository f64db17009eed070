"""What a reader's surroundings do: credentials, certificates, proxies, disks, pipes, folders."""

import datetime as dt
import json
import os
import ssl
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import client_store
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

import zs_client
from zs_client import aws, cli, remembered
from zs_client.cache import from_environment
from zs_client.errors import StoreError
from zs_client.opening import local_path
from zs_client.s3 import s3_bucket

ROOT = Path(__file__).parents[1]


@pytest.fixture
def files(environment, tmp_path):
    """The files of AWS, which a test writes; nothing is there at first."""
    config, credentials = tmp_path / "config", tmp_path / "credentials"
    environment.setenv("AWS_CONFIG_FILE", str(config))
    environment.setenv("AWS_SHARED_CREDENTIALS_FILE", str(credentials))
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL"):
        environment.delenv(name, raising=False)
    return config, credentials


def without_boto3(environment):
    environment.setitem(sys.modules, "boto3", None)
    environment.setattr("importlib.util.find_spec", lambda name: None)


@pytest.fixture
def no_boto3(environment):
    without_boto3(environment)


# Credentials, region and endpoint


def test_region_and_endpoint_of_the_profile_count_and_variables_before_them(files, environment):
    config, _ = files
    config.write_text(
        "[default]\nregion = eu-west-1\nendpoint_url = http://a:1\n"
        "[profile lab]\nregion = us-east-2\nservices = mine\nendpoint_url = http://b:2\n"
        "[services mine]\ns3 =\n  endpoint_url = http://c:3\n"
    )
    assert (aws.region(), aws.endpoint()) == ("eu-west-1", "http://a:1")
    environment.setenv("AWS_PROFILE", "lab")
    assert (aws.region(), aws.endpoint()) == ("us-east-2", "http://c:3")
    environment.setenv("AWS_ENDPOINT_URL", "http://d:4")
    environment.setenv("AWS_REGION", "eu-north-1")
    assert (aws.region(), aws.endpoint()) == ("eu-north-1", "http://d:4")
    environment.setenv("AWS_ENDPOINT_URL_S3", "http://e:5")
    assert s3_bucket("b").config["endpoint"] == "http://e:5"
    environment.delenv("AWS_ENDPOINT_URL_S3")
    environment.delenv("AWS_ENDPOINT_URL")
    environment.setenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")
    assert aws.endpoint() == ""


def test_a_profile_with_keys_is_used_without_boto3(files, environment, s3_server):
    config, credentials = files
    client_store.as_owner(environment, s3_server)
    url = f"s3://{client_store.bucket(s3_server, public=False)}"
    client_store.filled(url)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL", "AWS_REGION"):
        environment.delenv(name, raising=False)
    environment.setenv("AWS_CONFIG_FILE", str(config))
    environment.setenv("AWS_SHARED_CREDENTIALS_FILE", str(credentials))
    environment.setenv("ZS_STORE", url)
    config.write_text(f"[profile lab]\nregion = us-west-2\nendpoint_url = {s3_server}\n")
    credentials.write_text("[lab]\naws_access_key_id = owner\naws_secret_access_key = owner\n")
    environment.setenv("AWS_PROFILE", "lab")
    without_boto3(environment)
    assert len(zs_client.asset_basics()) == 6


@pytest.mark.parametrize(
    "line",
    [
        "credential_process = /bin/true",
        "sso_session = lab",
        "sso_start_url = https://x",
        "role_arn = arn:aws:iam::1:role/x",
    ],
)
def test_what_needs_boto3_is_said_where_access_is_refused(files, no_boto3, line):
    files[0].write_text(f"[default]\n{line}\n")
    said = aws.lacks_boto3()
    assert line.split()[0] in said
    assert "pip install 'data-asset-cache[s3]'" in said


def test_a_refused_reader_without_boto3_is_told_so(environment, s3_server, tmp_path):
    client_store.as_owner(environment, s3_server)
    url = f"s3://{client_store.bucket(s3_server, public=False)}"
    client_store.filled(url)
    client_store.nobody(environment, s3_server)
    environment.setenv("ZS_STORE", url)
    environment.setenv("AWS_PROFILE", "lab")
    without_boto3(environment)
    with pytest.raises(zs_client.ReadError, match=r"AWS_PROFILE=lab: there is no such profile in"):
        zs_client.asset_basics()
    environment.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    (tmp_path / "config").write_text("[profile lab]\nregion = us-west-2\n")
    with pytest.raises(zs_client.ReadError, match=r"AWS_PROFILE=lab needs boto3.*\[s3\]"):
        zs_client.asset_basics()


def test_what_obstore_can_do_by_itself_is_left_to_it(files, environment, no_boto3):
    environment.setenv("AWS_PROFILE", "lab")
    assert aws.lacks_boto3()
    assert s3_bucket("b").config["skip_signature"] == "true"
    for names in aws._BY_OBSTORE:
        with pytest.MonkeyPatch.context() as more:
            for name in names:
                more.setenv(name, "http://169.254.170.2/x")
            assert aws.lacks_boto3() == ""
            assert "skip_signature" not in s3_bucket("b").config


@pytest.mark.parametrize("value", ["localhost:9000", "ftp://x", "http://", "//x", "http://x:port"])
def test_an_endpoint_that_is_no_url_is_a_sentence_and_no_panic(files, environment, value, capfd):
    environment.setenv("AWS_ENDPOINT_URL_S3", value)
    environment.setenv("ZS_STORE", "s3://bucket")
    with pytest.raises(StoreError, match=r"AWS_ENDPOINT_URL_S3=.*http://"):
        zs_client.asset_basics()
    assert cli.main(["status"]) == 2
    assert "panicked" not in capfd.readouterr().err


# Certificates and proxies


def certificate(folder: Path) -> tuple[Path, Path]:
    """An authority that nobody trusts, and a certificate of it for this machine with its key."""
    now = dt.datetime.now(dt.UTC)

    def name(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    def begin(subject: str, key: Any) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(name(subject))
            .issuer_name(name("authority"))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(days=1))
            .not_valid_after(now + dt.timedelta(days=7))
        )

    own, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    is_authority = x509.BasicConstraints(ca=True, path_length=None)
    authority = begin("authority", own).add_extension(is_authority, critical=True)
    names = x509.SubjectAlternativeName([x509.DNSName("localhost")])
    server = begin("localhost", key).add_extension(names, critical=False)
    pem = serialization.Encoding.PEM
    (folder / "ca.pem").write_bytes(authority.sign(own, hashes.SHA256()).public_bytes(pem))
    plain = (pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    for file, builder, of in (("server.pem", server, key), ("authority.pem", authority, own)):
        signed = builder.sign(own, hashes.SHA256()).public_bytes(pem)
        (folder / file).write_bytes(of.private_bytes(*plain) + signed)
    return folder / "ca.pem", folder / "server.pem"


@pytest.fixture
def secure(tmp_path, environment, request):
    """A server over HTTPS that has nothing, and the authority of its certificate."""
    bundle, chain = certificate(tmp_path)
    chain = tmp_path / getattr(request, "param", chain.name)

    class Nothing(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_error(404, "Not Found")

        def log_message(self, *_):
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Nothing)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    environment.setenv("AWS_ENDPOINT_URL", f"https://localhost:{server.server_port}")
    environment.setenv("ZS_STORE", "s3://bucket")
    environment.setenv("ZS_CACHE", "off")
    yield bundle
    server.shutdown()
    server.server_close()


def test_a_certificate_that_is_not_trusted_is_named_and_the_one_that_is_named_is_used(
    secure, environment
):
    with pytest.raises(
        zs_client.ReadError, match=r"certificate is not trusted.*AWS_CA_BUNDLE"
    ) as e:
        zs_client.asset_basics()
    assert "Debug source" not in str(e.value)
    environment.setenv("AWS_CA_BUNDLE", str(secure))
    with pytest.raises(zs_client.AcornNotFound):
        zs_client.asset_basics()


@pytest.mark.parametrize(
    ("secure", "host", "said"),
    [
        ("server.pem", "127.0.0.1", "for another name"),
        ("authority.pem", "localhost", "an authority's own"),
    ],
    indirect=["secure"],
)
def test_a_certificate_that_no_bundle_mends_is_told(secure, environment, host, said):
    environment.setenv("AWS_CA_BUNDLE", str(secure))
    at = os.environ["AWS_ENDPOINT_URL"].replace("localhost", host)
    environment.setenv("AWS_ENDPOINT_URL", at)
    with pytest.raises(zs_client.ReadError, match=f"certificate is not trusted: .*{said}") as e:
        zs_client.asset_basics()
    assert "trying again may help" not in str(e.value)


@pytest.mark.parametrize("body", [None, b"", b"no certificate"])
def test_a_bundle_that_is_none_is_a_sentence(environment, tmp_path, body):
    if body is not None:
        (tmp_path / "ca.pem").write_bytes(body)
    environment.setenv("AWS_CA_BUNDLE", str(tmp_path / "ca.pem"))
    environment.setenv("ZS_STORE", "s3://bucket")
    with pytest.raises(StoreError, match=r"AWS_CA_BUNDLE=.*ca\.pem: "):
        zs_client.asset_basics()


def test_a_proxy_that_does_not_answer_is_named_without_its_secret(environment):
    environment.setenv("AWS_ENDPOINT_URL", "http://nowhere.example")
    environment.setenv("HTTP_PROXY", "http://user:secretsecret@localhost:1")
    environment.setenv("ZS_STORE", "s3://bucket")
    with pytest.raises(zs_client.ReadError, match="HTTP_PROXY=localhost:1") as e:
        zs_client.asset_basics()
    assert "secretsecret" not in str(e.value)


# The cache on the reader's disk


@pytest.fixture
def cached(environment, s3_server, tmp_path):
    """A bucket with every acorn of which two subjects and two tables are in the cache."""
    client_store.as_owner(environment, s3_server)
    url = f"s3://{client_store.bucket(s3_server, public=True)}"
    client_store.filled(url)
    environment.setenv("ZS_STORE", url)
    environment.setenv("ZS_CACHE", str(tmp_path / "cache"))
    return rows()


def rows():
    return [
        zs_client.qc("828418").to_dict("list"),
        zs_client.qc("M2501").to_dict("list"),
        zs_client.unique_project_names(),
        zs_client.unique_genotypes(),
    ]


def links() -> list[Path]:
    cache = from_environment()
    assert cache is not None
    return [path for path, _ in cache.files() if path.parents[1].name == "links"]


@pytest.mark.parametrize("also_the_name", [False, True])
def test_links_that_are_swapped_never_give_rows_of_another(cached, also_the_name):
    told = {path: json.loads(path.read_bytes()) for path in links()}
    for one, two in zip(sorted(told), sorted(told)[1:], strict=False):
        first, second = dict(told[one]), dict(told[two])
        if also_the_name:
            first["name"], second["name"] = second["name"], first["name"]
            first, second = second, first
            one.write_text(json.dumps({**first, "name": told[one]["name"]}))
            two.write_text(json.dumps({**second, "name": told[two]["name"]}))
        else:
            one.write_text(json.dumps(second))
            two.write_text(json.dumps(first))
        assert str(rows()) == str(cached)
        told = {path: json.loads(path.read_bytes()) for path in links()}


@pytest.mark.parametrize("kind", ["pipe", "folder", "link"])
def test_what_is_no_file_in_the_cache_is_neither_waited_for_nor_believed(cached, kind, tmp_path):
    cache = from_environment()
    for path, _ in cache.files():
        path.unlink()
        if kind == "pipe":
            os.mkfifo(path)
        elif kind == "folder":
            path.mkdir()
        else:
            (tmp_path / "elsewhere").write_bytes(b"{}")
            path.symlink_to(tmp_path / "elsewhere")
    remembered.forget()
    assert str(rows()) == str(cached)
    assert all(path.is_file() and not path.is_symlink() for path in links())


def test_many_threads_that_read_many_subjects_share_their_threads(cached):
    most = 0

    def read() -> None:
        zs_client.qc(list(client_store.SUBJECTS))

    threads = [threading.Thread(target=read) for _ in range(16)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        most = max(most, len([t for t in threading.enumerate() if t.name.startswith("zs")]))
    assert most <= 33


# What is written, and where


def run(*words, **how) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "zs_client.cli", *words],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        **how,
    )


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
@pytest.mark.parametrize(
    "words", [["show", "asset_basics"], ["status"], ["snapshots"], ["completion", "bash"]]
)
def test_a_full_disk_is_a_sentence_and_exit_code_2(sample_store, environment, words):
    environment.setenv("ZS_STORE", str(sample_store))
    with Path("/dev/full").open("w") as full:
        done = run(*words, stdout=full)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "No space left" in done.stderr


@pytest.mark.parametrize("words", [["show", "asset_basics"], ["status"]])
def test_a_closed_output_is_a_sentence_and_exit_code_2(sample_store, environment, words):
    environment.setenv("ZS_STORE", str(sample_store))
    command = " ".join([sys.executable, "-m", "zs_client.cli", *words, ">&-"])
    done = subprocess.run(
        command, shell=True, cwd=ROOT, stderr=subprocess.PIPE, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr == "zs: there is nowhere to write to: standard output is closed\n"


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "cp437"])
def test_a_pipe_of_another_encoding_gets_what_it_can_write(tmp_path, environment, encoding):
    client_store.filled(str(tmp_path))
    environment.setenv("ZS_STORE", str(tmp_path))
    environment.setenv("PYTHONIOENCODING", encoding)
    for words in (["status"], ["show", "unique_subject_ids"], ["derived", "é日"]):
        done = run(*words, stdout=subprocess.DEVNULL, encoding=encoding)
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize("below", ["data-asset-cache", "data-asset-cache/zs-v1.0.0"])
def test_a_store_that_is_named_too_deep_is_refused_with_the_right_name(
    sample_store, below, capsys, environment
):
    assert cli.main(["status", "--store", str(sample_store / below)]) == 2
    assert f"is the parent of data-asset-cache: {sample_store}" in capsys.readouterr().err


def test_a_blank_in_a_file_url_is_a_blank_everywhere(tmp_path, environment):
    folder = tmp_path / "with blank"
    url = folder.as_uri()
    assert "%20" in url
    assert local_path(url) == folder
    from zs_pipeline import settings
    from zs_pipeline.side_files.files import Files
    from zs_pipeline.source.choice import open_source

    assert settings.writable_store(url).url == str(folder)
    assert [path.name for path in tmp_path.iterdir()] == ["with blank"]
    assert Files(url)._local == folder
    (folder / "one.json").write_text("{}")
    open_source(url, ["subject"]).check()


def test_without_the_sdk_the_server_is_a_sentence(environment, capsys):
    for name in [name for name in sys.modules if name == "zs_client.mcp_server"]:
        environment.delitem(sys.modules, name)
    environment.setitem(sys.modules, "mcp", None)
    environment.setitem(sys.modules, "mcp.server", None)
    assert cli.main(["mcp", "--store", "sample"]) == 2
    said = "zs mcp: The MCP SDK is not installed: pip install 'data-asset-cache[mcp]'\n"
    assert capsys.readouterr().err == said
