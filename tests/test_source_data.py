"""source_data: which pipeline made a derived data asset that inherits its sources' processes."""

from typing import Any

import pyarrow.parquet as pq
import pytest
from building import FOLDER, zs_build
from given_cases import case, case_documents
from hypothesis import given
from hypothesis import strategies as st

from zs_client import raw_to_derived
from zs_pipeline.acorns.source_data import ACORN, findings, rows
from zs_pipeline.declaration import CORE
from zs_pipeline.shape.findings import NOTE

DERIVED = {"data_level": "derived", "source_data": ["x"]}
EARLY, LATE = "2026-06-01T10:00:00Z", "2026-06-02T10:00:00Z"


def document(processing: Any, description: Any = DERIVED) -> dict[str, Any]:
    """A derived data asset with this processing, and no other core file."""
    found = {**dict.fromkeys(CORE), "data_description": description, "processing": processing}
    return {"_id": "a", "name": "a", **found}


def process(pipeline: Any, start: Any = None) -> dict[str, Any]:
    return {"pipeline_name": pipeline, "start_date_time": start}


def pipeline(processes: Any, pipelines: Any = None) -> str | None:
    """The pipeline's name of the row; a document has a finding when, and only when, it is null."""
    named = [{"name": name} for name in pipelines] if isinstance(pipelines, tuple) else pipelines
    one = document({"data_processes": processes, "pipelines": named})
    (row,) = rows(one)
    assert len(list(findings(one))) == (row["pipeline_name"] is None)
    return row["pipeline_name"]


@pytest.mark.parametrize(
    ("processes", "name"),
    [
        ([process("first", EARLY), process("last", LATE)], "last"),
        ([process("last", LATE), process("first", EARLY)], "last"),
        # By instant, not by text: the second of these began an hour earlier.
        ([process("p", "2026-06-02T10:00:00Z"), process("q", "2026-06-02T11:00:00+02:00")], "p"),
        ([process("p", "2026-06-02 10:00:00-07:00"), process("q", "2026-06-02T16:00:00Z")], "p"),
        # A start without a zone is UTC.
        ([process("p", "2026-06-02T10:00:00"), process("q", "2026-06-02T09:00:00Z")], "p"),
        ([process("p", "2026-06-02T10:00:00"), process("q", "2026-06-02T11:00:00Z")], "q"),
        # Equal starts, and none that can be read: by place.
        ([process("p", LATE), process("q", LATE)], "q"),
        ([process("p"), process("q")], "q"),
        ([process("p", EARLY), process("q", "yesterday"), process("r"), process("s", 5)], "p"),
        ([process("p", "1969-12-31T00:00:00Z"), process("q")], "p"),
        ([None, "text", process("p", EARLY), []], "p"),
    ],
)
def test_the_pipeline_is_that_of_the_latest_process(processes, name):
    assert pipeline(processes, ("other",)) == name


@pytest.mark.parametrize("none", [None, "", "  ", [], {}])
@pytest.mark.parametrize(
    ("pipelines", "name"),
    [
        (("inherited", "own"), "own"),
        (("own", "inherited"), "own"),
        (("first", "second"), "second"),
        (("own", "", None, "  "), "own"),
        (("inherited",), None),
        (("",), None),
        ((), None),
        (None, None),
        ({"name": "own"}, None),
        ([None, "own", {}], None),
    ],
)
def test_where_the_latest_names_none_it_is_the_last_that_no_process_names(none, pipelines, name):
    processes = [process("inherited", EARLY), process(none, LATE)]
    assert pipeline(processes, pipelines) == name


@pytest.mark.parametrize(
    ("written", "sources"),
    [(["x", "x", 7], ["x", "7"]), ("x", ["x"]), (7, ["7"]), (float("nan"), []), (True, [])],
)
def test_a_source_that_stands_alone_is_a_list_of_one(written: Any, sources: list[str]) -> None:
    raw = document(None, {"data_level": "raw", "source_data": written})
    assert [row["source_data"] for row in rows(raw)] == sources


@pytest.mark.parametrize("processes", [None, [], {}, "text", [None]])
def test_without_processes_it_is_the_last_pipeline(processes):
    assert pipeline(processes, ("one", "two")) == "two"
    assert pipeline(processes) is None


@pytest.mark.parametrize("processing", [None, "text", [], {}])
def test_a_derived_data_asset_without_processing_has_a_finding(processing):
    (found,) = findings(document(processing))
    assert (found.column, found.severity, found.taken) == ("source_data.pipeline_name", NOTE, None)


@pytest.mark.parametrize("description", [None, {}, {"data_level": "raw"}, {"source_data": [""]}])
def test_what_has_no_row_has_no_finding(description):
    assert list(rows(document(None, description))) == []
    assert list(findings(document(None, description))) == []
    nameless = {**document(None), "name": None}
    assert list(rows(nameless)) == list(findings(nameless)) == []


def test_pipelines_of_the_case_of_inherited_processes():
    found = {one["_id"]: list(rows(one)) for one in case_documents("02-inherited-pipelines")}
    assert found.pop("02-r") == []
    assert {key: [row["pipeline_name"] for row in of_one] for key, of_one in found.items()} == {
        "02-a": ["aind-ephys-pipeline"],
        "02-b": ["video-pipeline"],
        "02-c": ["unit-summary"],
    }


def test_the_latest_of_each_pipeline_are_both_given(tmp_path, monkeypatch):
    source = case("02-inherited-pipelines") / "documents.ndjson"
    assert zs_build(source, tmp_path, select=["source_data"]) == 0
    assert pq.read_table(tmp_path / FOLDER / "source_data.pqt").num_rows == 3
    monkeypatch.setenv("ZS_STORE", str(tmp_path))
    raw = "990002_2026-06-01_10-00-00"
    assert raw_to_derived(raw, latest=True) == [
        f"{raw}_sorted_2026-06-02_12-00-00",
        f"{raw}_videoprocessed_2026-06-03_12-00-00",
    ]


def test_every_column_says_where_it_is_from_by_which_rule_and_with_an_example():
    assert all(column.reads and column.rule and column.example for column in ACORN.columns)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
one_of_them = anything | st.fixed_dictionaries(
    {},
    optional={
        "pipeline_name": anything | st.sampled_from("pq"),
        "name": anything | st.sampled_from("pq"),
        "start_date_time": anything | st.sampled_from([EARLY, LATE, "2026-06-01T10:00:00"]),
    },
)
processings = anything | st.fixed_dictionaries(
    {
        "data_processes": anything | st.lists(one_of_them, max_size=4),
        "pipelines": anything | st.lists(one_of_them, max_size=3),
    }
)


@given(processing=processings, description=anything | st.just(DERIVED), name=anything)
def test_whatever_a_document_holds_a_finding_says_that_the_pipeline_is_null(
    processing, description, name
):
    one = {**document(processing, description), "name": name}
    found = list(rows(one))
    assert bool(list(findings(one))) == any(row["pipeline_name"] is None for row in found)


def test_a_number_in_place_of_the_list_of_sources_is_a_source():
    described = {"data_level": "raw", "source_data": 901001}
    assert [row["source_data"] for row in rows(document(None, described))] == ["901001"]
