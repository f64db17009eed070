"""qc_by_raw_asset: each version of a metric once, under every raw data asset that it stems from."""

import copy
import json
import random
import re
from collections import defaultdict
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from building import document, dump, real, tables, zs_build
from hypothesis import given
from hypothesis import strategies as st
from plain_nights import Nights

import zs_client
from zs_client import biodata_cache
from zs_client.contract import Layout, SuccessorLayout, __version__, decode_partition
from zs_client.errors import AcornNotFound
from zs_client.opening import open_store
from zs_pipeline import processes, run_scope, settings
from zs_pipeline.acorns import (
    ALL_ACORNS,
    CATALOGUE,
    FOR_SUCCESSOR,
    asset_basics,
    source_data,
)
from zs_pipeline.acorns.qc_by_raw_asset import ACORN, merge, places, rows
from zs_pipeline.arrow import decode
from zs_pipeline.catalogue import Catalogue
from zs_pipeline.lineage import origins
from zs_pipeline.publishing import rollback, squirrel, views
from zs_pipeline.tables import spools

# `qc_columns()` of biodata-cache 0.42.26.
THEIR_COLUMNS = (
    *("name", "stage", "modality", "value", "status", "asset_name", "raw_asset_name", "subject_id"),
    *("timestamp", "description", "reference", "tags", "object_type", "type", "evaluated_assets"),
    *("metric_index", "metric_key", "metric_json", "default_grouping", "downstream_asset_names"),
    *("asset_location", "asset_data_level"),
)
BASICS = {
    "name": "raw",
    "subject_id": "1",
    "acquisition_start_time": 0,
    "location": "s3://bucket/raw",
    "data_level": "raw",
    "created": 0,
}
LAYOUT = Layout(__version__)
LONG = "9" * 300


def sources(*pairs: tuple[str, str | None]) -> pa.Table:
    """The table source_data, of pairs of a derived data asset and a source."""
    return pa.table(
        {
            "name": pa.array([name for name, _ in pairs], pa.string()),
            "source_data": pa.array([source for _, source in pairs], pa.string()),
            "processing_time": pa.nulls(len(pairs), pa.string()),
        }
    )


def basics(*documents: tuple[str | None, str | None]) -> pa.Table:
    """The table asset_basics, of pairs of a name and a level."""
    return pa.table(
        {
            "_id": pa.array([f"id {n}" for n in range(len(documents))], pa.string()),
            "name": pa.array([name for name, _ in documents], pa.string()),
            "data_level": pa.array([level for _, level in documents], pa.string()),
        }
    )


def metric(name: str = "drift", status: str = "Pass", **more: Any) -> dict[str, Any]:
    """A metric with one status."""
    return {
        "object_type": "QC metric",
        "name": name,
        "stage": "Processing",
        "modality": {"abbreviation": "ecephys"},
        "value": {"value": 3, "type": "dropdown"},
        "tags": {"probe": "A", "shank": "1"},
        "status_history": [
            {"evaluator": "Ada", "status": status, "timestamp": "2025-01-02T00:00:00Z"}
        ],
        **more,
    }


def with_metrics(name: str, *metrics: Any, **more: Any) -> dict[str, Any]:
    """A document with metrics, and the sources under `sources`."""
    made = document(name, more.pop("subject", "700001"), **more.pop("top", {}))
    made["quality_control"] = {
        "metrics": copy.deepcopy(list(metrics)),
        "default_grouping": ["probe"],
    }
    made["data_description"]["source_data"] = more.get("sources")
    made["data_description"]["data_level"] = "derived" if more.get("sources") else "raw"
    return made


def rows_of(*metrics: Any) -> list[dict[str, Any]]:
    return list(rows({"_id": "a", "quality_control": {"metrics": list(metrics)}}, BASICS))


# Lineage


@pytest.mark.parametrize(
    ("documents", "pairs", "expected"),
    [
        pytest.param(
            ["raw", "a", "b", "c"],
            [("a", "raw"), ("b", "a"), ("c", "b"), ("c", "raw")],
            {"raw": {"raw": 0}, "a": {"raw": 1}, "b": {"raw": 2}, "c": {"raw": 1}},
            id="over several steps, by the shortest way",
        ),
        pytest.param(
            ["raw", "other", "pooled", "of pooled"],
            [("pooled", "raw"), ("pooled", "other"), ("of pooled", "pooled")],
            {
                "raw": {"raw": 0},
                "other": {"other": 0},
                "pooled": {"raw": 1, "other": 1},
                "of pooled": {"raw": 2, "other": 2},
            },
            id="several raw ones",
        ),
        pytest.param(["a", "b"], [("a", "gone"), ("b", "a")], {}, id="a source without a document"),
        pytest.param(
            ["raw", "a"],
            [("a", "gone"), ("a", "raw")],
            {"raw": {"raw": 0}, "a": {"raw": 1}},
            id="one of two sources without a document",
        ),
        pytest.param(["a", "b"], [("a", "b"), ("b", "a"), ("b", "b")], {}, id="a circle"),
        pytest.param(
            ["raw", "a", "b"],
            [("a", "b"), ("b", "a"), ("b", "raw")],
            {"raw": {"raw": 0}, "b": {"raw": 1}, "a": {"raw": 2}},
            id="a circle below a raw one",
        ),
    ],
)
def test_raw_data_assets_are_those_above_that_name_no_source(documents, pairs, expected):
    of_derived = {name for name, _ in pairs}
    levels = [(name, "derived" if name in of_derived else "raw") for name in documents]
    assert origins(basics(*levels), sources(*pairs)) == expected


def test_a_derived_data_asset_that_names_no_source_is_no_raw_one():
    assert (
        origins(basics(("a", "derived"), ("b", "derived")), sources(("a", None), ("b", "a"))) == {}
    )
    # Of a level that nobody wrote, and of two documents with one name.
    assert origins(basics(("a", None)), sources()) == {"a": {"a": 0}}
    twice = basics(("a", "derived"), ("a", "raw"))
    assert origins(twice, sources(("a", None))) == {"a": {"a": 0}}


def test_a_document_without_a_raw_data_asset_stands_under_its_own_name():
    of = {
        "asset_basics": basics(("raw", "raw"), ("a", "derived"), ("b", "derived"), (None, "raw")),
        "source_data": sources(("a", "raw"), ("b", "gone")),
    }
    rows = places(of).to_pylist()
    assert [(r["_id"], r["raw_asset_name"], r["steps"]) for r in rows] == [
        ("id 0", "raw", 0),
        ("id 1", "raw", 1),
        ("id 2", "b", 0),
        ("id 3", None, 0),
    ]
    assert places({"asset_basics": basics(), "source_data": sources()}).num_rows == 0


# The rows of a document


def test_a_row_has_the_metric_as_it_is_in_the_document():
    written = metric(description="About it", value=float("1"), notes="more")
    curation = metric("curated", object_type="Curation metric", type="Spike sorting", value=[{}])
    first, second, third = rows_of(written, "no metric", metric(), curation)
    assert (first["name"], first["status"], first["description"]) == ("drift", "Pass", "About it")
    assert json.loads(first["metric_json"]) == written
    assert [row["metric_index"] for row in (first, second, third)] == [0, 2, 3]
    assert [row["type"] for row in (first, second, third)] == [None, "dropdown", "Spike sorting"]
    assert third["object_type"] == "Curation metric"
    assert (first["asset_location"], first["asset_data_level"]) == ("s3://bucket/raw", "raw")
    # Every column but those of all documents together.
    later = {"raw_asset_name", "downstream_asset_names"}
    assert first.keys() - {"version"} == {column.name for column in ACORN.columns} - later


@pytest.mark.parametrize("metrics", [None, "text", {}, [None, 1, "text", []]])
def test_what_is_no_metric_has_no_row(metrics):
    assert list(rows({"_id": "a", "quality_control": {"metrics": metrics}}, BASICS)) == []


@pytest.mark.parametrize(
    ("other", "is_same"),
    [
        (metric(tags={"shank": "1", "probe": "A"}), True),
        (metric(tags=["shank:1", "probe:A"]), True),
        (metric(value={"type": "dropdown", "value": 3}), True),
        (metric(description="Another", reference="a.png", evaluated_assets=["x"]), True),
        (metric(status="Fail"), False),
        (metric(value=3), False),
        (metric(value='{"value":3,"type":"dropdown"}'), False),
    ],
)
def test_a_version_is_a_value_and_a_status(other, is_same):
    one, two = rows_of(metric(), other)
    assert one["metric_key"] == two["metric_key"]
    assert (one["version"] == two["version"]) is is_same


@pytest.mark.parametrize(
    "more", [{"name": "b"}, {"stage": "Analysis"}, {"modality": None}, {"tags": {"probe": "B"}}]
)
def test_a_metric_is_its_name_modality_stage_and_tags(more):
    one, two = rows_of(metric(), metric() | more)
    assert one["metric_key"] != two["metric_key"]


def test_the_key_of_a_metric_stays():
    (row,) = rows_of(metric())
    assert row["metric_key"] == "2e36fc90be68b216e5369710ec195477"


# All documents of a raw data asset

NAMES = st.sampled_from(["drift", "noise"])
STATUSES = st.sampled_from(["Pass", "Fail"])
METRICS = st.lists(st.builds(metric, NAMES, STATUSES, value=st.sampled_from([1, "1"])), max_size=6)
PLACES = st.fixed_dictionaries(
    {
        "steps": st.integers(0, 2),
        "processing_time": st.sampled_from([None, "2025-01-01_00-00-00", "2025-01-02_00-00-00"]),
        "created": st.sampled_from([None, 1, 2]),
        "name": st.sampled_from([None, "a", "b", "c"]),
    }
)


def placed(pairs: list[tuple[dict[str, Any], list[Any]]]) -> list[Any]:
    return [
        (
            {**place, "_id": f"{n}", "raw_asset_name": "raw"},
            list(
                rows(
                    {"_id": f"{n}", "quality_control": {"metrics": metrics}},
                    {**BASICS, "name": place["name"]},
                )
            ),
        )
        for n, (place, metrics) in enumerate(pairs)
    ]


def version(row: dict[str, Any]) -> tuple[Any, ...]:
    return row["metric_key"], row["value"], row["value_type"], row["status"]


@given(st.lists(st.tuples(PLACES, METRICS), max_size=6), st.randoms(use_true_random=False))
def test_each_version_has_one_row_that_of_the_nearest(pairs, order: random.Random):
    documents = placed(pairs)
    before = copy.deepcopy(documents)
    merged = list(merge(documents))
    assert documents == before
    carriers = defaultdict(list)
    for place, of_document in documents:
        for row in of_document:
            carriers[version(row)].append((place, row))
    assert sorted(map(repr, map(version, merged))) == sorted(map(repr, carriers))
    for row in merged:
        of_version = carriers[version(row)]
        nearest = [place for place, own in of_version if own["asset_name"] == row["asset_name"]]
        fewest = min(place["steps"] for place, _ in of_version)
        assert min(place["steps"] for place in nearest) == fewest
        others = {place["name"] for place, _ in of_version} - {None, row["asset_name"]}
        assert sorted(row["downstream_asset_names"]) == sorted(others)
        assert "version" not in row
    order.shuffle(documents)
    assert list(merge(documents)) == merged


def test_of_equally_near_data_assets_the_oldest_has_the_row_then_the_first_by_name():
    early, late = "2025-01-01_00-00-00", "2025-01-02_00-00-00"
    rank = [
        {"steps": 0, "processing_time": late, "created": 9, "name": "z"},
        {"steps": 1, "processing_time": None, "created": 9, "name": "y"},
        {"steps": 1, "processing_time": early, "created": None, "name": "x"},
        {"steps": 1, "processing_time": early, "created": 1, "name": "w"},
        {"steps": 1, "processing_time": late, "created": 0, "name": "u"},
        {"steps": 1, "processing_time": late, "created": 0, "name": "v"},
    ]
    for at in range(len(rank)):
        (row,) = merge(placed([(place, [metric()]) for place in reversed(rank[at:])]))
        assert row["asset_name"] == rank[at]["name"]
        assert row["downstream_asset_names"] == [place["name"] for place in rank[at + 1 :]]


def test_metrics_of_one_document_that_only_their_texts_tell_apart_stay_apart():
    one, two = metric(description="of Behavior"), metric(description="of Treadmill")
    again = metric(description="of Treadmill", notes="once more")
    raw = {"steps": 0, "processing_time": None, "created": 0, "name": "raw"}
    derived = {**raw, "steps": 1, "name": "derived"}
    merged = list(merge(placed([(raw, [one, two, again])])))
    assert [row["metric_index"] for row in merged] == [0, 1]
    # What is inherited is what has the same texts, and else the first that is left.
    rewritten = metric(description="of Behavior and more")
    for inherited, names in (
        ([two], [[], ["derived"]]),
        ([rewritten], [["derived"], []]),
        ([rewritten, two, metric(reference="a.png")], [["derived"], ["derived"], []]),
    ):
        merged = list(merge(placed([(raw, [one, two]), (derived, inherited)])))
        assert [row["downstream_asset_names"] for row in merged] == names


# A store

RAW, SORTED, CURATED = "raw", "raw_sorted_2025-01-03_00-00-00", "raw_curated"


def first_night() -> list[dict[str, Any]]:
    inherited, reviewed = metric("inherited"), metric("reviewed", "Pending")
    return [
        with_metrics(RAW, inherited, reviewed),
        with_metrics(SORTED, inherited, metric("reviewed"), metric("own"), sources=[RAW]),
        with_metrics(CURATED, inherited, metric("own"), sources=[SORTED]),
        # Of two animals, in other shards than one of them.
        with_metrics("second", metric("of the second"), subject="700002"),
        with_metrics("pooled", inherited, metric("both"), sources=[RAW, "second"], subject=None),
        # A text in place of the list.
        with_metrics("orphan", metric(), sources="later"),
        with_metrics("wanderer", metric("moves"), sources=["second"]),
        with_metrics("one", metric(), sources=["two"]),
        with_metrics("two", metric(), metric("more"), sources=["one"], subject="700003"),
        with_metrics(LONG, metric()),
        with_metrics("", metric(), top={"_id": "nameless"}),
        with_metrics("", metric(), top={"_id": "nameless too"}),
        with_metrics("twin", metric("twice"), top={"_id": "twin 1", "_created": "2025-03-01"}),
        with_metrics("twin", metric("twice"), metric("once"), top={"_id": "twin 2"}),
        with_metrics("emptied", metric()),
        with_metrics("without"),
    ]


def second_night() -> list[dict[str, Any]]:
    """A raw data asset arrives, one changes its source, metrics change or go, documents go."""
    documents = {d["_id"]: d for d in first_night()}
    del documents["id-two"], documents["twin 1"]
    documents["id-wanderer"]["data_description"]["source_data"] = [SORTED]
    documents["id-emptied"]["quality_control"]["metrics"] = []
    documents[f"id-{SORTED}"]["quality_control"]["metrics"][0]["value"] = "changed"
    for changed in ("id-wanderer", "id-emptied", f"id-{SORTED}"):
        documents[changed]["_last_modified"] = "2025-02-01T00:00:00Z"
    # Without metrics: only the lineage changes.
    return [*documents.values(), with_metrics("later")]


SOME = Catalogue([asset_basics.ACORN, source_data.ACORN, ACORN])


def partitions(nights: Nights) -> dict[str, list[dict[str, Any]]]:
    """The rows of each partition."""
    return {
        decode_partition(key.split("=")[1].removesuffix("/data.pqt")) or "": decode(
            body
        ).to_pylist()
        for key, body in tables(nights.store).items()
        if key.startswith("qc_by_raw_asset/")
    }


def in_short(rows: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return sorted(
        (r["name"], r["status"], r["asset_name"], *r["downstream_asset_names"]) for r in rows
    )


def test_two_nights_are_a_fresh_build_to_the_byte(tmp_path, monkeypatch):
    nights = Nights(tmp_path / "nights", SOME)
    first = nights.build(first_night())["qc_by_raw_asset"]
    before = partitions(nights)
    assert before.keys() == {RAW, "second", "orphan", "one", "two", "twin", "emptied", ""}
    assert first.empty == ["without"]
    assert in_short(before[RAW]) == [
        ("both", "Pass", "pooled"),
        ("inherited", "Pass", RAW, "pooled", SORTED, CURATED),
        ("own", "Pass", SORTED, CURATED),
        ("reviewed", "Pass", SORTED),
        ("reviewed", "Pending", RAW),
    ]
    assert in_short(before["second"]) == [
        ("both", "Pass", "pooled"),
        ("inherited", "Pass", "pooled"),
        ("moves", "Pass", "wanderer"),
        ("of the second", "Pass", "second"),
    ]
    assert in_short(before["one"]) == [("drift", "Pass", "one")]
    assert in_short(before["two"]) == [("drift", "Pass", "two"), ("more", "Pass", "two")]
    assert in_short(before["twin"]) == [("once", "Pass", "twin"), ("twice", "Pass", "twin")]
    # Neither do the two without a name share a row, nor have those with too long a name.
    assert sorted((r["asset_name"] or "", r["raw_asset_name"]) for r in before[""]) == [
        ("", None),
        ("", None),
        (LONG, None),
    ]
    again = nights.build(first_night())["qc_by_raw_asset"]
    assert (again.computed, again.changed) == (0, [])

    second = nights.build(second_night())["qc_by_raw_asset"]
    assert set(second.changed) == {RAW, "second", "later"}
    assert set(second.removed) == {"orphan", "two", "emptied"}
    after = partitions(nights)
    assert in_short(after["later"]) == [("drift", "Pass", "orphan")]
    assert in_short(after[RAW]) == [
        ("both", "Pass", "pooled"),
        ("inherited", "Pass", RAW, "pooled", CURATED),
        ("inherited", "Pass", SORTED),
        ("moves", "Pass", "wanderer"),
        ("own", "Pass", SORTED, CURATED),
        ("reviewed", "Pass", SORTED),
        ("reviewed", "Pending", RAW),
    ]
    # The fresh one by several processes, and with rows on the disk.
    monkeypatch.setattr(processes, "WORTH", 0)
    monkeypatch.setattr(spools, "SPOOLED_IN_MEMORY", 1)
    fresh = Nights(tmp_path / "fresh", SOME)
    with run_scope.entered():
        fresh.build(second_night())
    assert tables(nights.store) == tables(fresh.store)


def test_real_documents_have_each_version_once_under_each_raw_data_asset(tmp_path, corpus):
    documents = real(corpus)
    nights = Nights(tmp_path, SOME)
    nights.build(documents)
    by_raw = partitions(nights)
    count = 0
    for raw, of_raw in by_raw.items():
        assert raw == "" or {row["raw_asset_name"] for row in of_raw} == {raw}
        keys = [
            (row["metric_key"], row["value"], row["status"], row["description"], row["reference"])
            for row in of_raw
        ]
        assert raw == "" or len(keys) == len(set(keys))
        count += len(of_raw)
    # 1,308 metrics, of which 84 stand twice in their document, to the word.
    names = {document["name"] for document in documents}
    metrics = {
        (d["name"], json.dumps(m))
        for d in documents
        for m in (d.get("quality_control") or {}).get("metrics") or ()
    }
    carried = {
        (name, row["metric_key"])
        for of_raw in by_raw.values()
        for row in of_raw
        for name in (row["asset_name"], *row["downstream_asset_names"])
    }
    assert {name for name, _ in carried} == {name for name, _ in metrics}
    assert count == 1224
    assert by_raw.keys() <= names


def test_only_builds_for_the_successor_make_it(monkeypatch):
    assert settings.catalogue() is CATALOGUE
    assert CATALOGUE.unbuilt == FOR_SUCCESSOR == (ACORN,)
    assert ACORN.name not in CATALOGUE.by_name
    monkeypatch.setenv("ZS_BDC_VERSION", "0.99")
    assert settings.catalogue().acorns == ALL_ACORNS
    assert settings.catalogue().unbuilt == ()


def test_it_cannot_be_chosen_without_the_variable(tmp_path, capsys):
    source = dump(tmp_path / "d.ndjson", first_night())
    assert zs_build(source, tmp_path / "out", select=["qc_by_raw_asset"]) == 2
    assert "built only with ZS_BDC_VERSION: qc_by_raw_asset" in capsys.readouterr().err


# Reading it


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of the first night, for tests that only read."""
    nights = Nights(tmp_path_factory.mktemp("reading"), SOME)
    nights.build(first_night())
    squirrel.publish(nights.store, LAYOUT, SOME.acorns)
    return nights.source.parent / "out"


def names_of(rows: Any) -> list[str]:
    return sorted(rows["name"])


def test_the_client_reads_raw_data_assets_with_filters(folder, environment):
    environment.setenv("ZS_STORE", str(folder))
    assert len(zs_client.qc_by_raw_asset(RAW)) == 5
    both = zs_client.qc_by_raw_asset([RAW, "second"], status="Pass", columns=["name", "status"])
    assert list(both.columns) == ["name", "status"]
    assert len(both) == 8
    assert names_of(zs_client.qc_by_raw_asset(RAW, asset_names=SORTED)) == ["own", "reviewed"]
    assert names_of(zs_client.qc_by_raw_asset(RAW, tag="probe:A", limit=1, order_by="name")) == [
        "both"
    ]
    assert list(zs_client.qc_by_raw_asset.arrow(None)["raw_asset_name"].to_pylist()) == [None] * 3
    # Its rows stand under no name.
    assert zs_client.qc_by_raw_asset(LONG).empty
    # Without QC: no rows, all columns.
    nothing = zs_client.qc_by_raw_asset("without")
    assert nothing.empty
    assert list(nothing.columns) == [column.name for column in ACORN.columns]


def test_the_raw_data_assets_of_data_assets_are_looked_up(folder, environment):
    environment.setenv("ZS_STORE", str(folder))
    of_pooled = zs_client.qc_by_raw_asset(asset_names="pooled")
    assert names_of(of_pooled) == ["both", "both", "inherited"]
    assert sorted(of_pooled["raw_asset_name"]) == [RAW, "second", "second"]
    assert names_of(zs_client.qc_by_raw_asset(asset_names=["one", "orphan"])) == ["drift", "drift"]
    with pytest.raises(AcornNotFound, match=r"was made from raw,.*asset_names=raw_sorted_"):
        zs_client.qc_by_raw_asset(SORTED)
    with pytest.raises(AcornNotFound, match=r"no data asset in .* has the name rwa;"):
        zs_client.qc_by_raw_asset("rwa")
    with pytest.raises(ValueError, match="needs a raw_asset_name, or asset_names"):
        zs_client.qc_by_raw_asset()


def test_a_query_reads_the_raw_data_assets_that_it_names_or_all(folder, environment):
    environment.setenv("ZS_STORE", str(folder))
    count = "select count(*) as n from qc_by_raw_asset"
    assert zs_client.sql(count)["n"][0] == 19
    assert zs_client.sql(f"{count} where status = 'Pending'")["n"][0] == 1
    assert zs_client.sql(f"{count} where raw_asset_name = '{RAW}'")["n"][0] == 5
    assert zs_client.sql(f"{count} where raw_asset_name in ('gone', 'second')")["n"][0] == 4


def test_biodata_cache_reads_it(folder, environment):
    environment.setenv("ZS_STORE", str(folder))
    assert len(biodata_cache.qc(RAW)) == 5
    assert names_of(biodata_cache.qc(RAW, [SORTED])) == ["own", "reviewed"]
    path = biodata_cache.qc(RAW, lazy=True)
    assert Path(path).parts[-3:] == ("qc_by_raw_asset", "raw_asset_name=raw", "data.pqt")
    columns = [column.name for column in biodata_cache.qc_columns()]
    assert columns == [column.name for column in ACORN.columns]
    # Every column of its own, as far as it is not the subject of another one.
    assert {*THEIR_COLUMNS} <= {*columns}
    with pytest.warns(UserWarning, match="is a derived data asset"):
        assert biodata_cache.qc(SORTED).empty


def test_a_view_over_the_partitions_reads_the_one_that_is_asked_for(folder):
    duckdb = pytest.importorskip("duckdb")
    store = open_store(str(folder))
    registry = json.loads(store.get(LAYOUT.registry))
    assert views.publish(store, LAYOUT, registry)
    connection = duckdb.connect()
    connection.execute(f"ATTACH '{folder}/{LAYOUT.views}' AS zs (READ_ONLY)")
    rows = connection.sql(
        "SELECT raw_asset_name, count(*) FROM zs.qc_by_raw_asset GROUP BY ALL ORDER BY ALL"
    ).fetchall()
    assert rows[-1] == (None, 3)
    assert dict(rows)[RAW] == 5
    assert sum(count for _, count in rows) == 19
    one = f"FROM zs.qc_by_raw_asset WHERE raw_asset_name = '{RAW}'"
    assert connection.sql(f"SELECT count(*) {one}").fetchall() == [(5,)]
    explained = connection.sql(f"EXPLAIN ANALYZE SELECT metric_json {one}").fetchall()
    assert re.search(r"Total Files Read: 1\b", explained[0][1])


# Publishing it


def test_what_is_not_built_any_more_stays_and_is_stale_once_the_documents_change(tmp_path):
    nights = Nights(tmp_path, SOME)
    store, others = nights.store, SOME.acorns[:2]
    nights.build(first_night())
    first = squirrel.publish(store, LAYOUT, SOME.acorns)
    before = tables(store)

    def entry() -> dict[str, Any]:
        registry = json.loads(store.get(LAYOUT.registry))
        return {e["name"]: e for e in registry["acorns"]}[ACORN.name]

    # A night without the variable, on the same documents: it is as fresh as it was.
    again = squirrel.publish(store, LAYOUT, others, unbuilt=[ACORN])
    assert (again.snapshot, again.missing, entry()["state"]) == (first.snapshot, (), "fresh")
    nights.catalogue = Catalogue(others, unbuilt=[ACORN])
    nights.build(second_night())
    later = squirrel.publish(store, LAYOUT, others, unbuilt=[ACORN])
    assert later.missing == ()
    assert (entry()["state"], entry()["reason"]) == (
        "stale",
        "built from an earlier state of the documents",
    )
    assert {k: v for k, v in tables(store).items() if ACORN.table in k} == {
        k: v for k, v in before.items() if ACORN.table in k
    }
    # One that a person removed is gone.
    store.delete([LAYOUT.facts(ACORN.table)])
    gone = squirrel.publish(store, LAYOUT, others, unbuilt=[ACORN])
    assert (gone.missing, len(gone.registry["acorns"])) == ((), 2)
    # One that the store never had is not missed.
    nothing = Nights(tmp_path / "nothing", nights.catalogue)
    nothing.build(first_night())
    assert squirrel.publish(nothing.store, LAYOUT, others, unbuilt=[ACORN]).listed


def test_a_rollback_places_it_and_a_release_brings_it_forward(tmp_path):
    nights = Nights(tmp_path, SOME)
    nights.build(first_night())
    first = squirrel.publish(nights.store, LAYOUT, SOME.acorns).snapshot
    before = tables(nights.store)
    nights.build(second_night())
    squirrel.publish(nights.store, LAYOUT, SOME.acorns)
    after = tables(nights.store)
    rollback.roll_back(nights.store, LAYOUT, SOME.acorns, first)
    rolled_back = tables(nights.store)
    assert {k: v for k, v in rolled_back.items() if not k.startswith("_held/")} == before
    # Also by a program that does not build it.
    rollback.release(nights.store, LAYOUT, SOME.acorns[:2], [ACORN])
    assert tables(nights.store) == after


def test_the_sample_has_a_metric_that_is_inherited_and_one_that_changed(full_store, environment):
    environment.setenv("ZS_STORE", str(full_store))
    raw = "901001_2024-09-03_17-12-31"
    rows = zs_client.qc_by_raw_asset.arrow(raw).to_pylist()
    derived = f"{raw}_processed_2024-09-04_12-44-45"
    inherited = [row["name"] for row in rows if row["downstream_asset_names"] == [derived]]
    assert "CameraTestSuite::test_is_start_bounded" in inherited
    versions = defaultdict(list)
    for row in rows:
        versions[row["metric_key"]].append(row["asset_name"])
    assert [raw, derived] in versions.values()
    # As many as by subject, where inherited ones have a row in each document.
    metrics = zs_client.qc("901001", asset_names=[raw, derived])
    others = [row for row in rows if row["object_type"] != "Curation metric"]
    assert len(metrics) == sum(1 + len(row["downstream_asset_names"]) for row in others) == 17
    states = {acorn.name: acorn.state for acorn in zs_client.status()}
    assert states[ACORN.name] == "fresh"
    fragment = open_store(str(full_store)).get(SuccessorLayout("0.99").fragment("qc"))
    entry = json.loads(fragment)
    assert (entry["partition_key"], entry["location"]) == (
        "raw_asset_name",
        f"{full_store}/{LAYOUT.folder}/qc_by_raw_asset/",
    )
