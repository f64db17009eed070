"""Whatever a document holds, the build goes on, and the other documents are built as ever."""

import copy
import tempfile
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
from building import document, dump, tables, zs_build
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from odd_values import INTEGERS

from zs_pipeline import arrow
from zs_pipeline.acorns import ACORNS, CATALOGUE
from zs_pipeline.declaration import CORE, ByDocument, ByKey, ByPlatform
from zs_pipeline.documents import shards
from zs_pipeline.shape.problems import check
from zs_pipeline.shape.projection import path_map, trim

garbage = st.one_of(
    st.none(),
    st.text(max_size=8),
    INTEGERS,
    st.floats(),
    st.booleans(),
    st.lists(st.one_of(st.none(), st.text(max_size=3), INTEGERS, st.just({})), max_size=3),
    st.dictionaries(st.text(max_size=3), st.one_of(st.none(), st.text(max_size=3)), max_size=2),
)


def places(value: Any, path: tuple = ()) -> list[tuple]:
    """Every place in a document."""
    found = [path] if path else []
    inside = value.items() if isinstance(value, dict) else ()
    if isinstance(value, list):
        inside = enumerate(value)
    for key, item in inside:
        found += places(item, (*path, key))
    return found


WANTED = path_map(CATALOGUE.reads.paths)
PLACES = [p for p in places(document("a")) if p != ("_id",)]


def put(one: dict, path: tuple, value: Any, *, remove: bool) -> dict:
    """The document with another value, or none, at a place."""
    one = copy.deepcopy(one)
    at = one
    for key in path[:-1]:
        at = at[key]
    if remove and isinstance(at, dict):
        del at[path[-1]]
    else:
        at[path[-1]] = value
    return one


@given(st.sampled_from(PLACES), garbage, st.booleans())
@settings(max_examples=600, deadline=None)
def test_no_value_anywhere_stops_a_row_function(path, value, remove):
    one = trim(put(document("a"), path, value, remove=remove), WANTED)
    one = {**dict.fromkeys(CORE), **one}
    check(one, CATALOGUE.reads)
    basics = None
    for acorn in sorted(ACORNS, key=lambda a: a.name):
        if isinstance(acorn.kind, ByDocument):
            rows = list(acorn.kind.rows(one))
            arrow.check(acorn, arrow.table(acorn, rows))
            basics = rows[0] if acorn.name == "asset_basics" else basics
    basics = {**basics, "experimenters_normalized": None, "investigators_normalized": None}
    for acorn in ACORNS:
        if isinstance(acorn.kind, ByKey | ByPlatform):
            rows = list(acorn.kind.rows(one, basics))
            for row in rows:
                row.pop("platform", None)
            arrow.check(acorn, arrow.table(acorn, rows))


@given(
    st.lists(st.tuples(st.sampled_from(PLACES), garbage, st.booleans()), min_size=1, max_size=12)
)
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_build_of_spoilt_documents_builds_the_good_ones(spoilt):
    documents = [document("good", "700002")]
    for number, (path, value, remove) in enumerate(spoilt):
        documents.append(put(document(f"bad-{number}"), path, value, remove=remove))
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        assert zs_build(dump(Path(folder) / "d.ndjson", documents), out) == 0
        found = tables(out)
    basics = pq.read_table(pa.BufferReader(found["asset_basics.pqt"])).to_pylist()
    assert len(basics) == len(documents)
    good = next(row for row in basics if row["name"] == "good")
    assert (good["age"], good["process_date"]) == (92, "2025-01-02")
    assert "qc/subject_id=700002/data.pqt" in found


def test_a_core_file_of_any_kind_is_counted_as_there_and_told(tmp_path):
    documents = [
        {**document(f"{core}-{number}"), core: value}
        for core in CORE
        for number, value in enumerate((None, "text", 3, [1], {}, False))
    ]
    assert zs_build(dump(tmp_path / "d.ndjson", documents), tmp_path / "out") == 0
    found = tables(tmp_path / "out")
    cores = {
        row["_id"]: row
        for row in pq.read_table(pa.BufferReader(found["metadata_core.pqt"])).to_pylist()
    }
    assert len(cores) == len(documents)
    for core in CORE:
        assert [cores[f"id-{core}-{n}"][core] for n in range(6)] == [False] + [True] * 5
    problems = pq.read_table(pa.BufferReader(found["document_problems.pqt"])).to_pylist()
    told = {(p["_id"], p["field"]) for p in problems if p["field"] in CORE}
    assert told == {(f"id-{core}-{n}", core) for core in CORE for n in (1, 2, 3, 5)}


def test_a_row_of_the_snapshot_is_the_same_for_the_same_document():
    one = trim(document("a"), WANTED)
    made, again = (
        shards.rows(CATALOGUE.reads, [(orjson.dumps(each), "2025", None)], [], [])[0]
        for each in (one, copy.deepcopy(one))
    )
    assert made["_id"].to_pylist() == ["id-a"]
    assert made.equals(again)
