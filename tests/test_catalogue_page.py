"""The catalogue: put by a publication, served by `zs catalogue`, shown by a browser."""

import gzip
import html
import json
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import boto3
import pytest
from client_store import BY_NAME, LAYOUT, ODD, metrics, split, whole
from stores import memory, stamps

from zs_client import cli
from zs_client.catalogue_server import server
from zs_client.contract import Layout, encode_partition
from zs_client.errors import AcornNotFound
from zs_client.opening import open_store
from zs_client.store import Store
from zs_pipeline.acorns import ACORNS
from zs_pipeline.publishing import catalogue_page, rollback
from zs_pipeline.publishing.facts_file import mark_stale
from zs_pipeline.publishing.prune import prune
from zs_pipeline.publishing.retention import Keep
from zs_pipeline.publishing.squirrel import publish

pytest_plugins = ("stores",)

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "catalogue"
# What a first view may cost, in bytes over the network.
FIRST_VIEW = 300_000
MARKUP = '<img src=x onerror="document.title=1"><b>bold</b>'


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


@pytest.fixture(scope="session")
def node() -> str:
    """The program Node."""
    found = shutil.which("node")
    if not found:
        pytest.skip("Node is not on this machine")
    return found


@pytest.mark.slow
def test_the_committed_page_is_what_its_source_builds_to(tmp_path, node):
    npm = shutil.which("npm")
    if not npm:
        pytest.skip("npm is not on this machine")
    copy = tmp_path / "catalogue"
    shutil.copytree(SOURCE, copy, ignore=shutil.ignore_patterns("node_modules"))
    if (SOURCE / "node_modules").is_dir():
        shutil.copytree(SOURCE / "node_modules", copy / "node_modules", symlinks=True)
    else:
        done = subprocess.run(
            [npm, "ci", "--ignore-scripts"], cwd=copy, capture_output=True, text=True, check=False
        )
        if any(word in done.stderr for word in ("ENOTFOUND", "ECONNREFUSED", "ETIMEDOUT")):
            pytest.skip("no registry of npm can be reached")
        assert done.returncode == 0, done.stderr
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


@contextmanager
def serving(store: Store, layout: Layout = LAYOUT) -> Iterator[str]:
    """Serve a version folder; gives the address of the server."""
    with server(store, layout) as http:
        thread = threading.Thread(target=http.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{http.server_port}"
        finally:
            http.shutdown()
            thread.join()


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


# ---- In a browser ------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def chromium() -> str:
    """The program Chromium."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if not found:
        pytest.skip("Chromium is not on this machine")
    return found


class Browser:
    """Chromium, and a server to look at."""

    def __init__(self, program: str, address: str, folder: Path) -> None:
        self._program, self.address, self._folder = program, address, folder

    def shows(self, route: str) -> str:
        """Returns the document of a page once it is drawn; what it says to the console fails."""
        done = subprocess.run(
            [
                *(self._program, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"),
                *("--enable-logging=stderr", "--virtual-time-budget=20000"),
                *(
                    f"--user-data-dir={self._folder}",
                    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
                ),
                f"{self.address}/{LAYOUT.catalogue_page}#/{route}",
            ],
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        )
        said = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
        assert not said
        return done.stdout


def text_of(document: str) -> str:
    """Returns the text of a document, without its elements."""
    body = document.partition("<main")[2].partition("</main>")[0]
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", f"<main{body}")))


def lines_of(document: str) -> list[str]:
    """Returns the lines to copy, of each language."""
    blocks = re.findall(r"<pre[^>]*><code>(.*?)</code></pre>", document, re.DOTALL)
    return [html.unescape(block) for block in blocks]


@pytest.fixture(scope="module")
def browser(chromium, sample_store, tmp_path_factory) -> Iterator[Browser]:
    with serving(open_store(sample_store)) as address:
        yield Browser(chromium, address, tmp_path_factory.mktemp("profile"))


@pytest.mark.slow
def test_the_list_has_every_table(browser):
    shown = text_of(browser.shows(""))
    assert all(acorn.name in shown for acorn in ACORNS)
    assert "all of them fresh" in shown


@pytest.mark.slow
def test_a_table_has_its_columns_and_rows(browser):
    shown = text_of(browser.shows("table/asset_basics?where=age,ge,100&sort=-age"))
    for column in BY_NAME["asset_basics"].columns:
        assert column.description in shown
    assert "39 of 45 rows" in shown
    assert "ecephys_H9001_2025-07-15_10-00-00" in shown


@pytest.mark.slow
def test_a_partition_has_its_rows(browser):
    shown = text_of(browser.shows("table/quality_control?partition=901002"))
    assert "subject_id = 901002" in shown
    assert "5 rows" in shown


@pytest.mark.slow
def test_the_search_is_over_all_descriptions(browser):
    shown = text_of(browser.shows("search?q=whole+days"))
    assert "1 column" in shown
    assert "age" in shown


@pytest.mark.slow
def test_a_data_asset_has_lineage_both_ways_and_qc(browser):
    raw, derived = (
        "901001_2024-09-03_17-12-31",
        "901001_2024-09-03_17-12-31_processed_2024-09-04_12-44-45",
    )
    assert f"Derived from it Data asset Pipeline Processed {derived}" in text_of(
        browser.shows(f"data-asset/{raw}")
    )
    shown = text_of(browser.shows(f"data-asset/{derived}"))
    assert f"Made from Data asset Pipeline Processed {raw}" in shown
    assert "type:Review ◆ Pending" in shown
    assert "no data asset of this name" in text_of(browser.shows("data-asset/none"))


@pytest.mark.slow
def test_a_subject_has_a_timeline_and_qc(browser):
    document = browser.shows("subject/901001")
    assert 'class="timeline"' in document
    shown = text_of(document)
    assert "12 data assets" in shown
    assert "✕ 8 Fail" in shown


@pytest.mark.slow
def test_a_snapshot_is_shown_with_lines_for_its_contents(browser, sample_store):
    snapshot = registry(open_store(sample_store))["snapshot"]
    document = browser.shows(f"table/unique_genotypes?at={snapshot}")
    lines = lines_of(document)
    assert "11 rows" in text_of(document)
    assert f'zs_client.unique_genotypes(snapshot="{snapshot}")' in lines[0]
    import pandas as pd
    import polars as pl

    for line, library in zip(lines[1:3], (pd, pl), strict=True):
        rows: dict[str, Any] = {}
        exec(line, rows)
        assert isinstance(rows["rows"], library.DataFrame)
        assert len(rows["rows"]) == 11


@pytest.mark.slow
@pytest.mark.parametrize(
    ("route", "rows"),
    [
        ("table/asset_basics", 45),
        ("table/quality_control", 121),
        ("table/quality_control?partition=901002", 5),
        ("table/platform_qc?partition=fib", 10),
    ],
)
def test_the_lines_for_the_client_read_what_is_shown(route, rows, browser):
    document = browser.shows(route)
    line = lines_of(document)[0]
    done = subprocess.run(
        [sys.executable, "-c", f"{line}\nprint(len(rows))"],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    assert int(done.stdout) == rows
    assert f"{rows} rows" in text_of(document)


@pytest.mark.slow
def test_a_name_with_a_slash_and_blanks_has_its_page(chromium, tmp_path):
    store = open_store(tmp_path)
    split(store, "quality_control", {subject: metrics(subject) for subject in (*ODD, None)})
    publish(store, LAYOUT, ACORNS)
    with serving(store) as address:
        browser = Browser(chromium, address, tmp_path / "profile")
        for value in ODD:
            route = f"table/quality_control?partition={quote(value, safe='')}"
            shown = text_of(browser.shows(route))
            assert "2 rows" in shown, value
        assert "2 rows" in text_of(browser.shows("table/quality_control?none=1"))


@pytest.mark.slow
def test_markup_in_a_document_is_text_and_does_not_run(chromium, tmp_path):
    store = open_store(tmp_path)
    whole(store, "unique_project_names", [{"project_name": MARKUP}])
    mark_stale(store, LAYOUT, BY_NAME["unique_project_names"], f"failed: {MARKUP}")
    row = {"name": MARKUP, "source_data": f"{MARKUP}/x", "pipeline_name": MARKUP}
    whole(store, "source_data", [row])
    publish(store, LAYOUT, ACORNS)
    with serving(store) as address:
        browser = Browser(chromium, address, tmp_path / "profile")
        for route in ("", "table/unique_project_names", f"data-asset/{quote(MARKUP, safe='')}"):
            document = browser.shows(route)
            assert "<img" not in document
            assert "&lt;b&gt;bold&lt;/b&gt;" in document
            assert "<title>1</title>" not in document
            assert "▲ stale" in document or route.startswith("data-asset")


@pytest.mark.slow
def test_the_page_works_from_a_bucket(chromium, bucket, s3_server, tmp_path):
    store = open_store(bucket)
    whole(store, "unique_genotypes", [{"genotype": f"genotype {n}"} for n in range(30_000)])
    publish(store, LAYOUT, ACORNS)
    name = bucket.removeprefix("s3://")
    client = boto3.client("s3")
    for entry in store.walk(f"{LAYOUT.folder}/"):
        client.put_object_acl(Bucket=name, Key=entry["path"], ACL="public-read")
    address = f"{s3_server}/{name}"
    browser = Browser(chromium, address, tmp_path / "profile")
    assert "unique_genotypes" in text_of(browser.shows(""))
    shown = text_of(browser.shows("table/unique_genotypes?where=genotype,is,genotype+29999"))
    assert "1 of 30,000 rows" in shown


@pytest.mark.slow
def test_two_snapshots_are_compared(chromium, tmp_path):
    store = open_store(tmp_path)
    whole(store, "unique_genotypes", [{"genotype": "a"}])
    first = publish(store, LAYOUT, ACORNS).snapshot
    whole(store, "unique_genotypes", [{"genotype": "a"}, {"genotype": "b"}])
    second = publish(store, LAYOUT, ACORNS).snapshot
    with serving(store) as address:
        browser = Browser(chromium, address, tmp_path / "profile")
        assert "2 snapshots" in text_of(browser.shows("snapshots"))
        shown = text_of(browser.shows(f"snapshots/{first}/{second}"))
    assert "unique_genotypes changed 1 → 2 (+1)" in shown


@pytest.mark.slow
@pytest.mark.parametrize("body", [b"{", b"[]", b'{"acorns": [{}]}'])
def test_a_registry_that_cannot_be_read_is_told(body, chromium, tmp_path):
    store = open_store(tmp_path)
    publish(store, LAYOUT, ACORNS)
    store.put(LAYOUT.registry, body)
    with serving(store) as address:
        shown = text_of(Browser(chromium, address, tmp_path / "profile").shows(""))
    assert "This cannot be shown" in shown
    assert "squirrel.json" in shown
