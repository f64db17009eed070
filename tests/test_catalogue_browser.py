"""The catalogue as a browser shows it: every page, its states, its lines, and who cannot see it.

One tab has many pages: a start of Chromium takes a second, a page 50 ms.
"""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote

import boto3
import duckdb
import pytest
from browsing import Browser
from client_store import BY_NAME, LAYOUT, ODD, metrics, split, whole

from pages import readme
from zs_client.opening import open_store
from zs_client.store import Store
from zs_pipeline.acorns import ACORNS
from zs_pipeline.publishing.facts_file import mark_stale, read_facts
from zs_pipeline.publishing.squirrel import publish

pytest_plugins = ("browsing", "stores")
pytestmark = pytest.mark.slow

MARKUP = '<img src=x onerror="document.title=1"><b>bold</b>'
RAW = "901001_2024-09-03_17-12-31"
DERIVED = f"{RAW}_processed_2024-09-04_12-44-45"
ROUTES = (
    "",
    "table/asset_basics?where=age,ge,100&sort=-age",
    "table/quality_control?partition=901002",
    "search?q=genotype",
    f"data-asset/{DERIVED}",
    "subject/901001",
    "snapshots",
    "nothing",
)


def altered(store: Store, key: str, change: Any) -> None:
    """Change what lies under a key of the version folder."""
    content = json.loads(store.get(f"{LAYOUT.folder}/{key}"))
    change(content)
    store.put(f"{LAYOUT.folder}/{key}", json.dumps(content).encode())


def entry_of(registry: dict[str, Any], table: str) -> dict[str, Any]:
    return next(entry for entry in registry["acorns"] if entry["name"] == table)


# ---- Every page --------------------------------------------------------------------------------


def test_every_page_of_the_sample(opened, sample_store):
    tab = opened(open_store(sample_store))
    shown = tab.shows()
    assert all(acorn.name in shown for acorn in ACORNS)
    assert "all of them fresh" in shown
    shown = tab.shows("table/asset_basics?where=age,ge,100&sort=-age")
    for column in BY_NAME["asset_basics"].columns:
        assert column.description in shown
    assert "39 of 45 rows" in shown
    assert "ecephys_H9001_2025-07-15_10-00-00" in shown
    for fact in ("Rows 45", "Size ", "Built ", "State ● fresh", "Made from documents "):
        assert fact in shown
    shown = tab.shows("table/quality_control?partition=901002")
    assert "subject_id = 901002" in shown
    assert "5 rows" in shown
    # What is true of the whole table is not said of a partition.
    assert not re.search(r"Rows \d|Size ", shown)
    shown = tab.shows("search?q=whole+days")
    assert "1 column" in shown
    assert "age" in shown
    assert f"Derived from it DATA ASSET {DERIVED}".casefold() in without_heads(
        tab.shows(f"data-asset/{RAW}")
    )
    shown = without_heads(tab.shows(f"data-asset/{DERIVED}"))
    assert f"made from data asset {RAW}" in shown
    assert "type:review ◆ pending" in shown
    assert "no data asset of this name" in tab.shows("data-asset/none")
    tab.asked.clear()
    shown = tab.shows("subject/901001")
    files = {url.partition(f"{LAYOUT.folder}/")[2] for url in tab.asked if url.endswith(".pqt")}
    assert files == {"asset_basics.pqt", "qc_tag_status/subject_id=901001/data.pqt"}
    assert tab.page.locator("svg.timeline").count() == 1
    assert "12 data assets" in shown
    assert "✕ 8 Fail" in shown
    tab.page.get_by_text("Curriculum and stage").click()
    assert "two_patches_drifting" in tab.text()
    assert "No such page" in tab.shows("nothing")


def without_heads(text: str) -> str:
    """Returns a text without the names of columns that the tests here do not look at."""
    return text.casefold().replace("data asset pipeline processed", "data asset")


def test_findings_and_rules_come_when_they_are_opened(opened, sample_store):
    tab = opened(open_store(sample_store))
    tab.shows("table/asset_basics")
    assert not [url for url in tab.asked if "problems" in url or "asset_basics.json" in url]
    tab.page.get_by_text("Findings: what was wrong").click()
    assert "is raw, though the data asset names a source" in tab.text()
    tab.page.get_by_text("How values are made").click()
    rule = next(column.rule for column in BY_NAME["asset_basics"].columns if column.rule)
    assert " ".join(rule.split()) in tab.text()


def test_a_name_with_a_slash_and_blanks_has_its_page(opened, tmp_path):
    store = open_store(tmp_path)
    split(store, "quality_control", {subject: metrics(subject) for subject in (*ODD, None)})
    publish(store, LAYOUT, ACORNS)
    tab = opened(store)
    for value in ODD:
        assert "2 rows" in tab.shows(f"table/quality_control?partition={quote(value, safe='')}")
    assert "2 rows" in tab.shows("table/quality_control?none=1")


def test_the_page_works_from_a_bucket(opened, bucket, s3_server):
    store = open_store(bucket)
    whole(store, "unique_genotypes", [{"genotype": f"genotype {n}"} for n in range(30_000)])
    publish(store, LAYOUT, ACORNS)
    name = bucket.removeprefix("s3://")
    client = boto3.client("s3")
    for entry in store.walk(f"{LAYOUT.folder}/"):
        client.put_object_acl(Bucket=name, Key=entry["path"], ACL="public-read")
    tab = opened(f"{s3_server}/{name}")
    assert "unique_genotypes" in tab.shows()
    shown = tab.shows("table/unique_genotypes?where=genotype,is,genotype+29999")
    assert "1 of 30,000 rows" in shown


# ---- What is stale, cannot be read, or would be markup ------------------------------------------


def test_markup_in_a_document_is_text_and_does_not_run(opened, tmp_path):
    store = open_store(tmp_path)
    whole(store, "unique_project_names", [{"project_name": MARKUP}])
    mark_stale(store, LAYOUT, BY_NAME["unique_project_names"], f"failed: {MARKUP}")
    row = {"name": MARKUP, "source_data": f"{MARKUP}/x", "pipeline_name": MARKUP}
    whole(store, "source_data", [row])
    publish(store, LAYOUT, ACORNS)
    tab = opened(store)
    for route in ("", "table/unique_project_names", f"data-asset/{quote(MARKUP, safe='')}"):
        assert MARKUP in tab.shows(route)
        assert tab.page.locator("main img, main b").count() == 0
        assert tab.page.title() != "1"
    assert f"1 table stale. ▲ failed: {MARKUP}" in stale_part(tab)


def stale_part(tab: Browser) -> str:
    shown = tab.shows()
    assert "1 of them stale: unique_project_names." in shown
    assert "▲ stale" in shown
    return f"1 table stale. ▲ {shown.partition('▲ ')[2]}"


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"acorns": [{}]}'])
def test_a_registry_that_cannot_be_read_is_told(body, opened, tmp_path):
    store = open_store(tmp_path)
    publish(store, LAYOUT, ACORNS)
    right = store.get(LAYOUT.registry)
    store.put(LAYOUT.registry, body)
    tab = opened(store)
    shown = tab.shows()
    assert "This cannot be shown" in shown
    assert "squirrel.json" in shown
    # And is there again once it can be read.
    store.put(LAYOUT.registry, right)
    tab.page.get_by_role("button", name="Try again").click()
    tab.page.get_by_role("heading", name="Tables").wait_for()


# ---- Much of it --------------------------------------------------------------------------------


def test_a_table_of_100_000_rows_is_sorted_and_filtered(opened, tmp_path):
    store = open_store(tmp_path)
    whole(store, "unique_genotypes", [{"genotype": f"g {n:06}"} for n in range(100_000)])
    publish(store, LAYOUT, ACORNS)
    tab = opened(store)
    shown = tab.shows("table/unique_genotypes?sort=-genotype")
    assert "100,000 rows, rows 1 to 25" in shown
    assert shown.index("g 099999") < shown.index("g 099975")
    tab.page.get_by_role("button", name="Last").click()
    tab.page.get_by_text("page 4,000 of 4,000").wait_for()
    assert "g 000000" in tab.text()
    # What is seen is in the address.
    assert "page=4000" in tab.page.url
    assert "100 of 100,000 rows" in tab.shows("table/unique_genotypes?where=genotype,has,g+0990")


def test_8_400_partitions_are_searched(opened, tmp_path):
    store = open_store(tmp_path)
    split(store, "quality_control", {"700001": metrics("700001")})
    publish(store, LAYOUT, ACORNS)
    many = {str(700_000 + n): {"rows": 2, "bytes": 900} for n in range(8_400)}
    altered(store, "qc.json", lambda facts: facts.update(partitions=many))
    altered(
        store,
        "squirrel.json",
        lambda registry: entry_of(registry, "quality_control").update(partitions=8_400),
    )
    tab = opened(store)
    tab.shows("table/quality_control")
    assert not [url for url in tab.asked if url.endswith("/qc.json")]
    tab.page.get_by_label("Search by subject_id").press_sequentially("70839")
    tab.page.get_by_text("10 of 8,400 partitions").wait_for()
    tab.page.get_by_label("Search by subject_id").fill("700001")
    tab.page.get_by_text("1 of 8,400 partitions").wait_for()
    tab.page.keyboard.press("Enter")
    tab.page.get_by_text("subject_id = 700001").wait_for()
    assert "2 rows" in tab.text()


def test_a_table_by_another_key_needs_no_code(opened, tmp_path):
    store = open_store(tmp_path)
    split(store, "quality_control", {"700001": metrics("700001")})
    split(store, "qc_tag_status", {"a": [], "b": []})
    whole(store, "asset_basics", [basics("raw one", "raw"), basics("made", "derived")])
    lineage = {"name": "made", "source_data": "raw one"}
    whole(store, "source_data", [lineage])
    publish(store, LAYOUT, ACORNS)

    def change(registry: dict[str, Any]) -> None:
        entry = entry_of(registry, "quality_control")
        key = {"name": "raw_asset_name", "type": "string", "description": "The raw data asset's."}
        entry["columns"].append(key)
        entry.update(name="qc_by_raw", partition_key="raw_asset_name", partitions=50_000)

    altered(store, "squirrel.json", change)
    tab = opened(store)
    tab.shows("table/qc_by_raw")
    tab.page.get_by_label("Search by raw_asset_name").fill("raw one")
    tab.page.get_by_role("link", name="raw_asset_name = raw one").wait_for()
    # The list of 50,000 comes only when it is asked for.
    assert not [url for url in tab.asked if url.endswith("/qc.json")]
    tab.page.get_by_role("button", name="Load the list of 50,000").click()
    tab.page.get_by_text("0 of 1 partition").wait_for()
    for name in ("raw one", "made"):
        tab.shows(f"data-asset/{quote(name)}")
        tab.page.get_by_text("Of the acquisition").click()
        link = tab.page.get_by_role("link", name="qc_by_raw of raw one")
        assert link.get_attribute("href") == "#/table/qc_by_raw?partition=raw+one"


def basics(name: str, level: str) -> dict[str, Any]:
    columns = BY_NAME["asset_basics"].columns
    row: dict[str, Any] = {column.name: None for column in columns}
    row |= {"_id": name, "name": name, "data_level": level, "subject_id": "700001"}
    empty = {column.name: [] for column in columns if column.type == "[string]"}
    return row | empty


# ---- Snapshots, and lines to copy ---------------------------------------------------------------


@pytest.fixture(scope="module")
def two_snapshots(tmp_path_factory):
    """A store that was published twice: its folder, and the ids of its snapshots."""
    folder = tmp_path_factory.mktemp("twice")
    store = open_store(folder)
    ids = []
    for count in (1, 2):
        whole(store, "unique_genotypes", [{"genotype": f"g {n}"} for n in range(count)])
        split(store, "quality_control", {"700001": metrics("700001", count)})
        ids.append(publish(store, LAYOUT, ACORNS).snapshot)
    return folder, *ids


def test_two_snapshots_are_compared(opened, two_snapshots):
    folder, first, second = two_snapshots
    tab = opened(open_store(folder))
    shown = tab.shows("snapshots")
    assert "2 snapshots" in shown
    assert "unique_genotypes" in shown
    tab.page.get_by_role("button", name="Compare From with To").click()
    tab.page.get_by_role("heading", name="What changed").wait_for()
    assert tab.page.url.endswith(f"#/snapshots/{first}/{second}")
    shown = tab.text()
    assert "unique_genotypes changed 1 → 2 (+1)" in shown
    assert "quality_control changed 1 → 2 (+1)" in shown
    tab.page.get_by_text("1 partition", exact=True).click()
    assert "700001 changed" in tab.text()


@pytest.mark.parametrize("route", ["unique_genotypes", "quality_control?partition=700001"])
def test_lines_read_the_version_and_snapshot_that_is_shown(
    route, opened, two_snapshots, environment
):
    folder, first, _ = two_snapshots
    tab = opened(open_store(folder))
    for at, rows in {"": 2, first: 1}.items():
        mark = "&" if "?" in route else "?"
        shown = tab.shows(f"table/{route}{mark}at={at}")
        assert f"{rows} row" in shown
        lines = tab.lines()
        # After a read over a network, polars 2.1 looks at the environment every 20 ms, which ends
        # a process that changes it meanwhile, as tests do.
        program = "".join(
            f"{lines[language]}\nprint(len(rows))\n"
            for language in ("Python client", "pandas", "polars")
        )
        done = subprocess.run(
            [sys.executable, "-c", program],
            cwd=Path(__file__).parents[1],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.stdout.split() == [str(rows)] * 3, (at, done.stderr)
        # DuckDB reads addresses with an extension that it fetches; the same key lies in the folder.
        query = lines["DuckDB"].replace(tab.address, str(folder)).replace("%3D", "=")
        assert len(duckdb.sql(query).fetchall()) == rows
        if at:
            assert f'snapshot="{first}"' in lines.pop("Python client")
            assert all("/_objects/" in text for text in lines.values())


@pytest.mark.parametrize(
    ("table", "value"),
    [("asset_basics", ""), ("quality_control", ""), ("quality_control", "901002")],
)
def test_the_lines_for_the_client_read_what_is_shown(
    table, value, opened, sample_store, environment
):
    store = open_store(sample_store)
    facts = read_facts(store, LAYOUT, BY_NAME[table].table)
    rows = facts["partitions"][value]["rows"] if value else facts["rows"]
    tab = opened(store)
    shown = tab.shows(f"table/{table}{value and f'?partition={value}'}")
    assert f"{rows} rows" in shown
    for name in ("ZS_STORE", "ZS_VERSION"):
        environment.setenv(name, "set by the lines")
    names: dict[str, Any] = {}
    exec(tab.lines()["Python client"], names)
    assert len(names["rows"]) == rows


def test_the_lines_for_javascript_run_under_node(opened, two_snapshots, node, node_modules):
    folder, first, _ = two_snapshots
    tab = opened(open_store(folder))
    tab.shows(f"table/quality_control?partition=700001&at={first}")
    program = f"{tab.lines()['JavaScript']}\nconsole.log(rows.length);"
    done = subprocess.run(
        [node, "--input-type=module", "-e", program],
        cwd=node_modules.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.returncode) == ("1\n", 0), done.stderr


@pytest.mark.skipif(not shutil.which("Rscript"), reason="there is no Rscript")
def test_the_lines_for_r_can_be_parsed(opened, two_snapshots, tmp_path):
    tab = opened(open_store(two_snapshots[0]))
    tab.shows("table/unique_genotypes")
    (tmp_path / "lines.R").write_text(tab.lines()["R"], encoding="utf-8")
    command = ["Rscript", "-e", 'invisible(parse("lines.R"))']
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_page_of_the_docs_has_the_same_lines(opened, two_snapshots):
    page = readme.COPIED.read_text(encoding="utf-8")
    assert readme.copied(page) == page, "run `make pages`"
    tab = opened(open_store(two_snapshots[0]))
    tab.shows("table/unique_genotypes")
    lines = tab.lines()
    here = f"{tab.address}/data-asset-cache"
    assert len(lines) == 6
    for language, text in lines.items():
        there = text.replace(here, readme.PUBLIC).replace(
            str(two_snapshots[0]), "s3://allen-data-views"
        )
        assert f"{language}:\n\n```" in page
        assert f"{there}\n```" in page, language


# ---- Who cannot see it, or has no mouse ---------------------------------------------------------


# Beside all rules in light colors at 1,280 px: what differs with the scheme and the width.
SHOWN = {("dark", 400): "['color-contrast', 'target-size']", ("light", 400): "['color-contrast']"}


def test_axe_finds_nothing(opened, sample_store, node_modules):
    tab = opened(open_store(sample_store))
    page = tab.page
    axe = (node_modules / "axe-core" / "axe.min.js").read_text(encoding="utf-8")

    def violations(rules: str = "{}") -> list[tuple[str, str]]:
        answer = page.evaluate(f"axe.run(document, {{resultTypes: ['violations'], ...{rules}}})")
        found = [(one["id"], node) for one in answer["violations"] for node in one["nodes"]]
        return [(rule, node["html"][:200]) for rule, node in found]

    for route in ROUTES:
        page.set_viewport_size({"width": 1280, "height": 900})
        page.emulate_media(color_scheme="light")
        tab.shows(route)
        page.evaluate("document.querySelectorAll('details').forEach((one) => one.open = true)")
        tab.text()
        page.evaluate(axe)
        assert not violations(), route
        for (scheme, width), rules in SHOWN.items():
            page.set_viewport_size({"width": width, "height": 900})
            page.emulate_media(color_scheme=scheme)
            assert not violations(f"{{runOnly: {rules}}}"), (route, scheme, width)
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), route
    page.evaluate("document.querySelector('main').append(new Image())")
    assert violations()[0][0] == "image-alt"


def test_all_is_reached_by_the_keyboard(opened, sample_store):
    tab = opened(open_store(sample_store), viewport={"width": 400, "height": 800})
    page, keys = tab.page, tab.page.keyboard
    focused = "document.activeElement.textContent || document.activeElement.id"
    tab.shows()
    keys.press("Tab")
    assert page.evaluate(focused) == "Skip to the content"
    keys.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    assert page.evaluate("location.hash") in ("#/", "#main")
    keys.press("/")
    keys.type("901001")
    page.get_by_role("link", name="901001", exact=True).wait_for()
    keys.press("Enter")
    assert page.evaluate("document.activeElement.id") != "q"
    page.get_by_role("link", name="901001", exact=True).focus()
    keys.press("Enter")
    page.get_by_role("heading", name="Subject 901001").wait_for()
    # A page that was gone to begins at its beginning.
    assert page.evaluate("document.activeElement.id") == "main"
    tab.shows("table/asset_basics")
    page.get_by_role("button", name="name", exact=True).focus()
    keys.press("Enter")
    page.locator("th[aria-sort=ascending]").wait_for()
    tab.text()
    keys.press("Enter")
    page.locator("th[aria-sort=descending]").wait_for()
    page.get_by_role("radio", name="Python client").focus()
    keys.press("ArrowRight")
    assert page.locator("pre:visible").get_attribute("aria-label") == "Lines for pandas"
    page.get_by_role("button", name="Add a condition").focus()
    keys.press("Enter")
    keys.type("H9001")
    page.get_by_text("of 45 rows").wait_for()
    assert "where=" in page.url
