"""Which store and version the client reads: variables, read when a function is called."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import client_store
import pytest

import zs_client
from zs_client import AcornNotFound, StoreError, fetch
from zs_client.opening import open_store
from zs_client.place import resolve
from zs_client.s3 import PUBLIC


def test_forest_type_memory_is_a_store_in_this_process(environment):
    environment.setenv("FOREST_TYPE", "MEMORY")
    client_store.filled("memory://")
    assert zs_client.unique_project_names() == ["A", "B"]
    with pytest.raises(ValueError, match="memory"):
        zs_client.qc("828418", lazy=True)


@pytest.mark.parametrize("kind", ["S3", "", None])
def test_the_public_bucket_is_read_without_credentials(environment, kind):
    with client_store.s3() as server:
        client_store.as_owner(environment, server)
        client_store.bucket(server, public=True, name=PUBLIC.removeprefix("s3://"))
        client_store.filled(PUBLIC)
        # Whoever looks for credentials fails: those that are no longer good would make S3 refuse
        # what anybody may read.
        client_store.nobody(environment, server)
        if kind is not None:
            environment.setenv("FOREST_TYPE", kind)
        environment.setenv("AWS_PROFILE", "gone")
        assert zs_client.unique_project_names() == ["A", "B"]


def test_facts_of_large_tables_are_parsed_again_when_they_change(environment, tmp_path):
    environment.setattr(fetch, "_LARGE", 0)
    environment.setenv("ZS_STORE", str(tmp_path))
    store = open_store(tmp_path)
    client_store.split(store, "quality_control", {"1": client_store.metrics("1", 2)})
    client_store.split(store, "qc_tag_status", {"1": []})
    first, tags = (
        fetch.facts(store, client_store.LAYOUT, name) for name in ("qc", "qc_tag_status")
    )
    assert first is fetch.facts(store, client_store.LAYOUT, "qc") is not tags
    client_store.split(store, "quality_control", {"2": client_store.metrics("2", 3)})
    for count in ("SELECT count(*) AS n FROM qc", "SELECT count(status) AS n FROM qc"):
        assert zs_client.sql(count)["n"].tolist() == [5]
    assert set(first["partitions"]) == {"1"}
    assert set(fetch.facts(store, client_store.LAYOUT, "qc")["partitions"]) == {"1", "2"}


def test_a_store_may_be_a_path(environment, tmp_path):
    client_store.filled(str(tmp_path))
    assert zs_client.snapshots(tmp_path) == zs_client.snapshots(str(tmp_path))
    assert len(zs_client.describe("asset_basics", tmp_path)) > 0
    assert {line.state for line in zs_client.status(tmp_path)} == {"fresh"}


def test_another_forest_type_is_an_error(environment):
    environment.setenv("FOREST_TYPE", "DISK")
    with pytest.raises(ValueError, match="FOREST_TYPE=DISK"):
        zs_client.asset_basics()


def test_zs_store_comes_before_forest_type(environment, tmp_path):
    environment.setenv("FOREST_TYPE", "MEMORY")
    environment.setenv("ZS_STORE", str(tmp_path))
    client_store.filled(str(tmp_path))
    assert resolve()[0].url == str(tmp_path)
    assert zs_client.unique_project_names() == ["A", "B"]


def test_the_current_folder_is_that_of_the_call(environment, tmp_path):
    environment.setenv("ZS_STORE", ".")
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    client_store.filled(str(tmp_path / "one"))
    environment.chdir(tmp_path / "one")
    assert zs_client.unique_project_names() == ["A", "B"]
    environment.chdir(tmp_path / "two")
    with pytest.raises(AcornNotFound, match="two"):
        zs_client.unique_project_names()


@pytest.mark.parametrize("version", ["1.0.0rc1", "../x", "zs-v1.0.0", "1..0", " "])
def test_a_version_is_dotted_numbers(environment, tmp_path, version):
    environment.setenv("ZS_STORE", str(tmp_path))
    environment.setenv("ZS_VERSION", version)
    with pytest.raises(ValueError, match="dotted numbers"):
        zs_client.asset_basics()


def test_the_version_is_the_packages_own_unless_told(environment, tmp_path):
    environment.setenv("ZS_STORE", str(tmp_path))
    assert resolve().layout.version == zs_client.__version__
    environment.setenv("ZS_VERSION", "0.28.6")
    assert resolve().layout.version == "0.28.6"


def test_a_url_of_no_known_kind_is_an_error(environment):
    environment.setenv("ZS_STORE", "ftp://somewhere")
    with pytest.raises(StoreError, match="ftp://somewhere"):
        zs_client.asset_basics()


def test_aws_variables_that_do_not_fit_are_an_error_that_says_so(environment):
    environment.setenv("ZS_STORE", "s3://bucket")
    environment.setenv("AWS_PROFILE", "gone")
    with pytest.raises(StoreError, match="AWS_PROFILE"):
        zs_client.asset_basics()
    environment.delenv("AWS_PROFILE")
    environment.setenv("AWS_SECRET_ACCESS_KEY", "x")
    with pytest.raises(StoreError, match="AWS"):
        zs_client.asset_basics()


def test_a_check_of_what_may_not_be_listed_says_so(environment):
    class Forbid(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_error(403)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Forbid) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,)).start()
        client_store.as_owner(environment, f"http://127.0.0.1:{server.server_port}")
        try:
            with pytest.raises(StoreError, match="no permission to list"):
                open_store("s3://bucket").check()
        finally:
            server.shutdown()


def test_the_public_bucket_lies_where_it_lies(environment):
    environment.setenv("AWS_REGION", "eu-central-1")
    environment.delenv("AWS_ENDPOINT_URL", raising=False)
    public, other = open_store(PUBLIC, anonymous=True), open_store("s3://bucket", anonymous=True)
    assert public._objects.config["region"] == "us-west-2"
    assert other._objects.config["region"] == "eu-central-1"


def test_a_store_is_opened_once_whoever_asks(environment, tmp_path):
    environment.setenv("ZS_STORE", str(tmp_path))
    opened = []
    barrier = threading.Barrier(8)

    def ask():
        barrier.wait()
        opened.append(resolve()[0])

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(opened) == 8
    assert len(set(map(id, opened))) == 1


def test_other_aws_variables_are_another_store(environment, tmp_path):
    environment.setenv("ZS_STORE", "s3://bucket")
    environment.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    first = resolve()[0]
    environment.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:2")
    assert resolve()[0] is not first


def test_a_lazy_path_on_s3_is_its_url(environment):
    with client_store.s3() as server:
        client_store.as_owner(environment, server)
        url = f"s3://{client_store.bucket(server, public=False)}/below"
        client_store.filled(url)
        environment.setenv("ZS_STORE", f"{url}/")
        path = f"{url}/data-asset-cache/zs-v1.0.0/qc/subject_id=a%2Fb/data.pqt"
        assert zs_client.qc("a/b", lazy=True) == path


def test_a_key_with_percent_signs_is_that_very_key_on_s3(environment):
    with client_store.s3() as server:
        client_store.as_owner(environment, server)
        name = client_store.bucket(server, public=False)
        store = open_store(f"s3://{name}")
        owner = client_store.client(server)
        for segment in ("a%2Fb", "%25", "%2E%2E", "%C3%A9", "%20"):
            key = f"data-asset-cache/zs-v1.0.0/qc/subject_id={segment}/data.pqt"
            store.put(key, segment.encode())
            assert owner.get_object(Bucket=name, Key=key)["Body"].read() == segment.encode()
            owner.put_object(Bucket=name, Key=key, Body=b"by boto3")
            assert store.get(key) == b"by boto3"
            assert [found["path"] for found in store.walk("data-asset-cache")] == [key]
            listed = owner.list_objects_v2(Bucket=name)["Contents"]
            assert [found["Key"] for found in listed] == [key]
            store.delete([key])
            assert not store.exists(key)
