"""The catalogue: put by a publication, built from its source, served by `zs catalogue`.

`test_catalogue_browser` looks at it.
"""

import gzip
import json
import re
import shutil
import subprocess
import sys
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from browsing import ROOT, SOURCE, serving
from client_store import LAYOUT, ODD, whole
from stores import memory, stamps

from zs_client import cli
from zs_client.catalogue_server import server
from zs_client.contract import encode_partition
from zs_client.errors import AcornNotFound
from zs_client.opening import open_store
from zs_client.store import Store
from zs_pipeline.acorns import ACORNS
from zs_pipeline.publishing import catalogue_page, rollback
from zs_pipeline.publishing.prune import prune
from zs_pipeline.publishing.retention import Keep
from zs_pipeline.publishing.squirrel import publish

pytest_plugins = ("browsing", "stores")

# What a first view may cost, in bytes over the network.
FIRST_VIEW = 300_000


def registry(store: Store) -> dict[str, Any]:
    return json.loads(store.get(LAYOUT.registry))


# ---- What a publication puts -------------------------------------------------------------------


def test_a_publication_puts_the_page_once(tmp_path):
    store = open_store(tmp_path)
    publish(store, LAYOUT, ACORNS)
    there = {name: store.get(f"{LAYOUT.catalogue}/{name}") for name in catalogue_page.NAMES}
    assert there == catalogue_page.page()
    before = {key: stamp for key, stamp in stamps(store).items() if "/catalogue/" in key}
    publish(store, LAYOUT, ACORNS)
    after = {key: stamp for key, stamp in stamps(store).items() if "/catalogue/" in key}
    assert before == after
    assert len(before) == len(catalogue_page.NAMES)


def test_another_page_takes_the_place_of_the_former(tmp_path):
    store = open_store(tmp_path)
    publish(store, LAYOUT, ACORNS)
    former = registry(store)
    former["catalogue"]["sha256"] = "of an earlier release"
    store.put(LAYOUT.registry, json.dumps(former).encode())
    store.put(LAYOUT.catalogue_page, b"an earlier page")
    publish(store, LAYOUT, ACORNS)
    assert store.get(LAYOUT.catalogue_page) == catalogue_page.page()["index.html"]


def test_the_registry_of_a_snapshot_does_not_change_with_the_page():
    store = memory()
    done = publish(store, LAYOUT, ACORNS)
    assert "catalogue" in registry(store)
    assert "catalogue" not in json.loads(store.get(LAYOUT.snapshot(done.snapshot)))


def test_on_s3_the_page_is_packed_and_says_so(bucket):
    store = open_store(bucket)
    publish(store, LAYOUT, ACORNS)
    name = bucket.removeprefix("s3://")
    for file, kind in {"index.html": "text/html", "app.js": "text/javascript"}.items():
        answer = boto3.client("s3").get_object(Bucket=name, Key=f"{LAYOUT.catalogue}/{file}")
        assert answer["ContentEncoding"] == "gzip"
        assert answer["ContentType"] == f"{kind}; charset=utf-8"
        assert answer["CacheControl"] == "public, max-age=60"
        assert gzip.decompress(answer["Body"].read()) == catalogue_page.page()[file]


def test_a_prune_and_a_rollback_leave_the_page(tmp_path):
    store = open_store(tmp_path)
    whole(store, "unique_genotypes", [{"genotype": "a"}])
    first = publish(store, LAYOUT, ACORNS).snapshot
    whole(store, "unique_genotypes", [{"genotype": "a"}, {"genotype": "b"}])
    publish(store, LAYOUT, ACORNS)
    before = registry(store)["catalogue"]
    prune(store, LAYOUT, Keep())
    rollback.roll_back(store, LAYOUT, ACORNS, first)
    assert registry(store)["catalogue"] == before
    rollback.release(store, LAYOUT, ACORNS)
    assert registry(store)["catalogue"] == before
    assert store.get(LAYOUT.catalogue_page) == catalogue_page.page()["index.html"]


def test_no_table_has_the_name_of_the_page_s_folder():
    assert "catalogue" not in {acorn.table for acorn in ACORNS}


def test_a_first_view_costs_few_bytes(sample_store):
    store = open_store(sample_store)
    page = catalogue_page.page()
    packed = [len(gzip.compress(page[name])) for name in ("index.html", "app.js", "style.css")]
    assert sum(packed) < 20_000
    assert sum(packed) + len(store.get(LAYOUT.registry)) < FIRST_VIEW


def test_the_page_names_no_other_host():
    for name, body in catalogue_page.page().items():
        hosts = set(re.findall(r"https?://[\w.]+", body.decode()))
        assert name == "licenses.txt" or hosts <= {"http://www.w3.org"}, name


def test_the_licenses_of_what_is_bundled_come_along():
    text = catalogue_page.page()["licenses.txt"].decode()
    for package in ("hyparquet", "fzstd"):
        assert re.search(rf"^{package} \d", text, re.MULTILINE)
    assert text.count("Permission is hereby granted") == 2


# ---- The page that is committed, and its source ------------------------------------------------


@pytest.mark.slow
def test_the_committed_page_is_what_its_source_builds_to(tmp_path, node, node_modules):
    copy = tmp_path / "catalogue"
    shutil.copytree(SOURCE, copy, ignore=shutil.ignore_patterns("node_modules"))
    shutil.copytree(node_modules, copy / "node_modules", symlinks=True)
    subprocess.run([node, "build.mjs", str(tmp_path / "built")], cwd=copy, check=True)
    built = {path.name: path.read_bytes() for path in (tmp_path / "built").iterdir()}
    assert built == catalogue_page.page(), "`make catalogue` was not run"


def test_the_lock_names_no_address():
    assert "http" not in (SOURCE / "package-lock.json").read_text()


@pytest.mark.slow
def test_partitions_have_the_same_names_in_the_browser(node):
    values = [*ODD, "828418", "..a", "a.", ".", "__HIVE_DEFAULT_PARTITION__", "ü/ß", "'()*!~", None]
    module = json.dumps((SOURCE / "src/place.js").as_uri())
    program = (
        "globalThis.document = {baseURI: 'http://h/catalogue/index.html'};"
        f"const {{segmentOf, valueOf}} = await import({module});"
        f"const values = {json.dumps(values)};"
        "console.log(JSON.stringify(values.map((v) => [segmentOf(v), valueOf(segmentOf(v))])));"
    )
    done = subprocess.run(
        [node, "--input-type=module", "-e", program], capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == [[encode_partition(v), v] for v in values]


# ---- The server --------------------------------------------------------------------------------


def ask(address: str, key: str, method: str = "GET", **headers: str) -> tuple[int, Any, bytes]:
    parts = urlsplit(address)
    connection = HTTPConnection(parts.hostname or "", parts.port)
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, f"/{key}", headers=names)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, answer.headers, body


@pytest.mark.slow
@pytest.mark.parametrize("place", ["folder", "s3"])
def test_the_server_gives_files_and_parts_of_them(place, tmp_path, request):
    url = request.getfixturevalue("bucket") if place == "s3" else tmp_path
    store = open_store(url)
    whole(store, "unique_genotypes", [{"genotype": "a"}])
    publish(store, LAYOUT, ACORNS)
    key = LAYOUT.table("unique_genotypes")
    body = store.get(key)
    with serving(store) as address:
        status, headers, page = ask(address, LAYOUT.catalogue_page)
        packed = headers["Content-Encoding"] == "gzip"
        assert (status, packed) == (200, place == "s3")
        page = gzip.decompress(page) if packed else page
        assert page == catalogue_page.page()["index.html"]
        status, headers, end = ask(address, key, Range="bytes=-8")
        assert (status, end) == (206, body[-8:])
        assert headers["Content-Range"] == f"bytes {len(body) - 8}-{len(body) - 1}/{len(body)}"
        given = {"Range": "bytes=4-11", "If_Match": headers["ETag"]}
        status, _, part = ask(address, key, **given)
        assert (status, part) == (206, body[4:12])
        assert ask(address, key, Range="bytes=4-")[2] == body[4:]
        assert ask(address, key, Range=f"bytes={len(body)}-")[0] == 416
        assert ask(address, key, method="HEAD")[2] == b""
        whole(store, "unique_genotypes", [{"genotype": "a"}, {"genotype": "b"}])
        assert ask(address, key, **given)[0] == 412
        assert ask(address, f"{LAYOUT.folder}/not_there.pqt")[0] == 404


@pytest.mark.slow
def test_the_server_gives_nothing_else(tmp_path):
    store = open_store(tmp_path)
    publish(store, LAYOUT, ACORNS)
    (tmp_path / "secret").write_text("secret")
    with serving(store) as address:
        for key in ("secret", "data-asset-cache/zombie-squirrels.json"):
            assert ask(address, key)[0] == 404
        for key in (f"{LAYOUT.folder}/../../secret", f"{LAYOUT.folder}/..%2F..%2Fsecret"):
            assert ask(address, key)[0] in (404, 502)
        # A page of another host whose name leads to this machine.
        assert ask(address, LAYOUT.registry, Host="elsewhere.example:80")[0] == 403
        status, headers, _ = ask(address, "")
        assert (status, headers["Location"]) == (302, f"/{LAYOUT.catalogue_page}")


def test_a_version_without_a_page_is_told():
    with pytest.raises(AcornNotFound, match=r"catalogue/index\.html"):
        server(memory(), LAYOUT)


@pytest.mark.slow
def test_the_command_prints_the_address_that_it_serves(sample_store):
    command = [sys.executable, "-m", "zs_client.cli", "catalogue", "--store", str(sample_store)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=ROOT
    ) as process:
        assert process.stdout is not None
        try:
            address = process.stdout.readline().strip()
            key = urlsplit(address).path.lstrip("/")
            assert key == LAYOUT.catalogue_page
            assert ask(address, key)[2] == catalogue_page.page()["index.html"]
        finally:
            process.terminate()


def test_the_command_tells_of_a_version_without_a_page(tmp_path, capsys):
    assert cli.main(["catalogue", "--store", str(tmp_path)]) == 2
    assert "catalogue/index.html: is not there" in capsys.readouterr().err
