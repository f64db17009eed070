"""`zs diff --against`: what zombie-squirrel's tables and ours differ in, how often, and why.

Its folder is laid out as 0.28.6 writes it: with pandas, values of partitions as they are, and of
each table a list of column names in place of facts.
"""

import io
import json
import shutil
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import client_store
import pandas as pd
import pytest
from client_store import LAYOUT, TIME
from hypothesis import given, settings
from hypothesis import strategies as st

from zs_client import AcornNotFound, causes, cli, shadow
from zs_client.causes import CERTAIN, LIKELY, UNKNOWN
from zs_client.opening import open_store
from zs_client.store import Store
from zs_pipeline.acorns import ACORNS
from zs_pipeline.publishing.squirrel import publish

FOLDER = "data-asset-cache/zs-v0.28.6"
NIGHT = datetime(2026, 2, 1, tzinfo=UTC)
MICROSECONDS = int(NIGHT.timestamp() * 1_000_000)


def ours(store: Store) -> Store:
    """A published state of four documents and 101 data assets with QC."""
    text = {"_last_modified": MICROSECONDS, "acquisition_start_time": MICROSECONDS}
    of_subject = [
        {"_id": f"m{i}", "name": f"many_{i}", "subject_id": "9"} | text for i in range(98)
    ]
    client_store.whole(
        store,
        "asset_basics",
        [
            {"_id": "1", "name": "one", "age": 90, "project_name": "Fish", "modalities": []} | text,
            {"_id": "2", "name": "two", "age": 91, "location": "s3://b/two"} | text,
            {"_id": "3", "name": "three", "subject_id": "9", "process_date": "2026-01-02"} | text,
            {"_id": "4", "name": "new", "created": MICROSECONDS + 1, "subject_id": "9"} | text,
            *of_subject,
            {"_id": "5", "name": "again", "subject_id": "9"}
            | text
            | {"_last_modified": MICROSECONDS + 1},
        ],
    )
    metric = {"status": "Pass", "timestamp": TIME, "tags": ["a"], "stage": "Raw data"}
    client_store.split(
        store,
        "quality_control",
        {
            "1": [
                {"name": "x", "value": '{"a":1}', "asset_name": "one", "subject_id": "1"} | metric,
                {"name": "x", "value": "[1,true]", "asset_name": "one", "subject_id": "1"} | metric,
                {"name": "y", "value": "seen", "asset_name": "two", "subject_id": "1"} | metric,
            ],
            "9": [
                {"name": "z", "value": "1", "asset_name": f"many_{i}", "subject_id": "9"} | metric
                for i in range(3)
            ],
            None: [{"name": "z", "value": "1", "asset_name": "nobody"} | metric],
        },
    )
    client_store.whole(store, "source_data", [{"name": "one", "source_data": "two"}])
    client_store.whole(store, "metadata_core", [])
    publish(store, LAYOUT, ACORNS)
    return store


def put(store: Store, path: str, rows: Any, folder: str = FOLDER) -> None:
    """Write a table as the earlier program does."""
    body = io.BytesIO()
    pd.DataFrame(rows).to_parquet(body, index=False)
    store.put(f"{folder}/{path}", body.getvalue())
    base = path.partition("/")[0].removesuffix(".pqt")
    store.put(f"{folder}/{base}.json", json.dumps({"columns": [*pd.DataFrame(rows)]}).encode())


def theirs(store: Store) -> Store:
    """The earlier program's tables of the same night, with the errors that it makes."""
    written = NIGHT.isoformat()
    text = {"_last_modified": written, "acquisition_start_time": written, "age": None}
    of_subject = [{"_id": f"m{i}", "name": f"many_{i}", "subject_id": "9"} for i in range(98)]
    rows = [
        {"_id": "1", "name": "one", "project_name": " Fish "},
        {"_id": "2", "name": "two", "location": "s3://c/two"},
        {"_id": "3", "name": "three", "subject_id": "9", "process_date": "2026-01-02 10:00:00"},
        *of_subject,
        {"_id": "5", "name": "again", "subject_id": "8"},
        {"_id": "6", "name": "gone"},
    ]
    put(store, "asset_basics.pqt", [text | {"modalities": None} | row for row in rows])
    metric = {"status": "Pass", "timestamp": pd.Timestamp(TIME, unit="us", tz="UTC")}
    metric |= {"stage": "Raw data", "modality": None, "subject_id": "1"}
    qc = [
        {"name": "x", "value": "{dict}", "asset_name": "one"} | metric,
        {"name": "x", "value": "[1, True]", "asset_name": "one"} | metric,
        {"name": "y", "value": "not seen", "asset_name": "two"} | metric,
    ]
    put(store, "qc/subject_id=1/data.pqt", qc)
    lost = [{"name": "z", "value": "1", "asset_name": "many_0"} | metric | {"subject_id": "9"}]
    put(store, "qc/subject_id=9/data.pqt", lost)
    put(store, "source_data.pqt", [{"name": "one", "source_data": "two", "pipeline_name": ""}])
    put(store, "somebody.pqt", [{"x": 1}])
    store.put("data-asset-cache/zombie-squirrels.json", b'["zs-v0.28.6"]')
    return store


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with both stores, which the tests copy."""
    root = tmp_path_factory.mktemp("written")
    for name, fill in (("theirs", theirs), ("ours", ours)):
        (root / name).mkdir()
        fill(open_store(root / name))
    return root


@pytest.fixture
def both(written: Path, tmp_path: Path) -> tuple[str, str]:
    """The URLs of the earlier program's store and of ours."""
    root = Path(shutil.copytree(written, tmp_path / "both"))
    return str(root / "theirs"), str(root / "ours")


def of(url: str, store_url: str, table: str) -> shadow.TableReport:
    (report,) = shadow.report(url, table, store_url=store_url).tables
    return report


def cells(report: shadow.TableReport) -> dict[tuple[str | None, str], tuple[int, str]]:
    """Returns the count and the certainty of the cells that differ, by column and cause."""
    return {
        (one.column, one.cause.text): (one.count, one.cause.certainty)
        for one in report.differences
        if one.kind == "cells"
    }


def rows(report: shadow.TableReport) -> dict[tuple[str, str], tuple[int, str]]:
    """Returns the count and the first example of the rows of one side, by side and cause."""
    return {
        (one.kind, one.cause.text): (one.count, one.examples[0].key)
        for one in report.differences
        if one.kind.startswith("rows")
    }


def test_cells_that_differ_are_counted_by_column_and_cause(both):
    report = of(*both, "asset_basics")
    assert (report.rows_there, report.rows_here, report.rows_in_both) == (103, 103, 102)
    assert cells(report) == {
        ("_last_modified", "the same time, as text there"): (101, CERTAIN),
        ("acquisition_start_time", "the same time, as text there"): (102, CERTAIN),
        ("age", "no age there: the date of birth was looked for under acquisition"): (2, CERTAIN),
        ("project_name", "blanks around a text are removed here"): (1, CERTAIN),
        ("modalities", "nothing is null there, an empty list here"): (1, CERTAIN),
        ("process_date", "the whole time there, where it is written with a blank"): (1, CERTAIN),
        # Nobody planted a reason for this one.
        ("location", ""): (1, UNKNOWN),
        ("_last_modified", "the document changed between the two nights"): (1, LIKELY),
        ("subject_id", "the document changed between the two nights"): (1, LIKELY),
    }
    (location,) = [one for one in report.differences if one.column == "location"][-1:]
    assert location.examples == (shadow.Example("_id=2", "s3://c/two", "s3://b/two"),)


def test_rows_of_one_side_are_counted_by_cause(both):
    assert rows(of(*both, "asset_basics")) == {
        ("rows only there", ""): (1, "_id=6"),
        ("rows only here", "a document that was made after that night"): (1, "_id=4"),
    }
    key = "asset_name={}, stage=Raw data, modality=null, name=z"
    assert rows(of(*both, "qc")) == {
        ("rows only here", "there only the first 100 data assets of a subject"): (
            2,
            key.format("many_1"),
        ),
        ("rows only here", "data assets without a subject have no partition there"): (
            1,
            key.format("nobody"),
        ),
    }


def test_metrics_of_one_name_are_paired_in_their_order(both):
    report = of(*both, "quality_control")
    assert (report.rows_there, report.rows_here, report.rows_in_both) == (4, 7, 4)
    assert cells(report) == {
        ("value", "a value that is an object is the text {dict} there"): (1, CERTAIN),
        ("value", "the same value, as Python writes it there, as JSON here"): (1, CERTAIN),
        ("value", ""): (1, UNKNOWN),
    }


def at(hour: int) -> datetime:
    return datetime(2026, 2, 1, hour, tzinfo=UTC)


@pytest.mark.parametrize(
    ("column", "there", "here", "text"),
    [
        ("asset_basics.created", "2026-02-01T09:00:00Z", at(9), "the same time, as text there"),
        ("asset_basics.created", "2026-02-01 01:00:00-08:00", at(9), "the same time, as text"),
        (
            "asset_basics.created",
            "2026-02-01T09:00:00",
            at(9),
            "without a zone: text there, of UTC",
        ),
        (
            "asset_basics.created",
            "2026-02-01T01:00:00",
            at(9),
            "a time without a zone: text there, of America/Los_Angeles here",
        ),
        # Eight hours may be the zone of Seattle, or eight hours.
        ("asset_basics.created", "2026-02-01T01:00:00Z", at(9), ""),
        ("asset_basics.created", at(1), at(9), ""),
        ("quality_control.timestamp", at(1), at(9), "without a zone: UTC there"),
        ("quality_control.timestamp", at(2), at(9), ""),
        ("asset_basics.acquisition_end_time", "2024-11-31 10:40:00", None, "that is no time"),
        ("asset_basics.experimenters", ["a", "", "b"], ["a", "b"], "empty texts in a list"),
        ("asset_basics.modalities", ["a", "a"], ["a"], "repeats in a list"),
        ("asset_basics.modalities", ["b", "a"], ["a", "b"], ""),
        ("asset_basics.code_ocean", "id", ["id"], "a single value there"),
        ("asset_basics.genotype", None, "wt", ""),
        ("asset_basics.age", None, 90, "no age there"),
        ("asset_basics.age", 89, 90, ""),
        ("asset_basics.process_date", "2026-01-01 10:00", "2026-01-02", ""),
        ("quality_control.value", "{dict}", None, ""),
        ("quality_control.value", "nan", None, "not a number"),
        ("quality_control.value", "True", "true", "as Python writes it there"),
        ("quality_control.value", "1", "2", ""),
    ],
)
def test_a_cause_is_certain_only_where_the_values_prove_it(column, there, here, text):
    table, _, name = column.partition(".")
    cause = causes.of_cell(table, name, there, here, is_changed=False)
    assert (text in cause.text) if text else (cause.certainty != CERTAIN)
    assert (cause.certainty == CERTAIN) == bool(text)


def test_columns_types_and_tables_of_one_side_are_reported(both):
    report = shadow.report(both[0], store_url=both[1])
    kinds = {
        (table.table, one.kind, one.column): one.cause.certainty
        for table in report.tables
        for one in table.differences
    }
    assert kinds["asset_basics", "type", "_last_modified"] == CERTAIN
    assert kinds["asset_basics", "type", "age"] == CERTAIN
    assert kinds["asset_basics", "column only here", "created"] == CERTAIN
    assert kinds["asset_basics", "column only here", "code_ocean"] == UNKNOWN
    assert kinds["quality_control", "column only here", "tags"] == CERTAIN
    assert kinds["metadata_core", "table only here", None] == CERTAIN
    assert kinds["somebody", "table only there", None] == LIKELY
    # Text in one layout or another is one type.
    assert ("source_data", "type", "name") not in kinds
    assert cells(next(t for t in report.tables if t.table == "source_data")) == {
        ("pipeline_name", "nothing is an empty text there, null here"): (1, CERTAIN)
    }


def test_a_file_that_cannot_be_read_is_no_silence(both, capsys):
    path = Path(both[0], FOLDER, "qc", "subject_id=9", "data.pqt")
    path.write_bytes(b"PAR1 and no more")
    report = of(*both, "qc")
    assert (report.rows_there, report.rows_here, report.rows_not_compared) == (3, 7, 3)
    (lost,) = [one for one in report.differences if one.kind == "unreadable there"]
    assert "no readable parquet file" in lost.examples[0].there
    assert (lost.examples[0].key, lost.examples[0].here) == ("9", "3 rows")
    assert cli.main(["diff", "--against", both[0], "--store", both[1]]) == 0
    said = capsys.readouterr().out
    assert "quality_control: 3 rows there, 7 here, 3 in both, 3 not compared" in said
    assert "3 rows could not be compared: files there cannot be read" in said
    assert str(path) in said


def test_without_the_key_s_columns_whole_rows_are_compared(both):
    put(open_store(both[0]), "source_data.pqt", [{"name": "one"}, {"name": "other"}])
    report = of(*both, "source_data")
    assert (report.rows_in_both, rows(report)) == (1, {("rows only there", ""): (1, "name=other")})
    assert ("column only here", "source_data") in {(d.kind, d.column) for d in report.differences}


def test_further_rows_of_a_key_are_not_lost(both):
    row = {"name": "one", "source_data": "two", "pipeline_name": None, "processing_time": None}
    put(open_store(both[0]), "source_data.pqt", [row, row, row | {"source_data": ""}])
    text = "a further row of one key, as of two documents with one name"
    assert rows(of(*both, "source_data")) == {
        ("rows only there", text): (1, "name=one, source_data=two"),
        ("rows only there", ""): (1, "name=one, source_data="),
    }


@pytest.mark.parametrize("end", ["", "/data-asset-cache", f"/{FOLDER}", f"/{FOLDER}/"])
def test_the_folder_is_named_in_several_ways(both, end):
    put(open_store(both[0]), "source_data.pqt", [], folder="data-asset-cache/zs-v0.9.0")
    # A version folder of ours in the same store is not theirs.
    shutil.copytree(Path(both[1], LAYOUT.folder), Path(both[0], LAYOUT.folder))
    report = shadow.report(both[0] + end, store_url=both[1])
    assert report.there.endswith(FOLDER)
    assert len(report.tables) == 5


def test_a_copy_of_the_folder_will_do(both, tmp_path):
    shutil.copytree(Path(both[0], FOLDER), tmp_path / "copy")
    assert len(shadow.report(tmp_path / "copy", store_url=both[1]).tables) == 5


def test_a_folder_on_s3_will_do(both, bucket):
    for path in Path(both[0]).rglob("*.pqt"):
        key = path.relative_to(both[0]).as_posix()
        boto3.client("s3").put_object(
            Bucket=bucket.removeprefix("s3://"), Key=key, Body=path.read_bytes()
        )
    report = shadow.report(f"{bucket}/{FOLDER}", store_url=both[1])
    assert report.there == f"{bucket}/{FOLDER}"
    assert report.tables == shadow.report(both[0], store_url=both[1]).tables


def test_the_command_reports_and_does_not_judge(both, capsys):
    assert cli.main(["diff", "--against", both[0], "--store", both[1], "qc"]) == 0
    said = capsys.readouterr().out.splitlines()
    snapshot = shadow.report(both[0], store_url=both[1]).snapshot
    assert said[0] == f"there: {both[0]}/{FOLDER}"
    assert said[1] == f"here:  {both[1]}, snapshot {snapshot}"
    assert "quality_control: 4 rows there, 7 here, 4 in both" in said
    assert "  1 cells: value: a value that is an object is the text {dict} there" in said
    assert "  1 cells: value: why is not known" in said
    assert said[-1] == (
        "6 cells and rows differ: of 5 the cause is certain, of 0 likely, of 1 unknown"
    )


def test_the_command_writes_json(both, capfdbinary):
    assert cli.main(["diff", "--against", both[0], "--store", both[1], "--format", "json"]) == 0
    lines = json.loads(capfdbinary.readouterr().out)
    counts = {
        (line["table"], line["difference"]): line["count"]
        for line in lines
        if line["difference"].startswith("rows ")
    }
    assert counts["asset_basics", "rows in both"] == 102
    (unknown,) = [
        line for line in lines if line["column"] == "value" and line["certainty"] == UNKNOWN
    ]
    assert (unknown["count"], unknown["why"]) == (1, None)
    assert unknown["examples"][0]["there"] == "not seen"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--against", "{theirs}", "nothing"], "zs diff: nothing is neither in"),
        (["--against", "{ours}"], "holds no version folder of zombie-squirrel, only zs-v"),
        (["--against", "{theirs}/nowhere"], "no such folder"),
        (["--against", "{theirs}", "qc", "now"], "--against takes no snapshots"),
        (["now"], "zs diff: two snapshots are needed"),
    ],
)
def test_an_expected_error_is_a_sentence(both, capsys, words, said):
    given = [word.format(theirs=both[0], ours=both[1]) for word in words]
    assert cli.main(["diff", *given, "--store", both[1]]) == 2
    assert said in capsys.readouterr().err


def test_a_folder_of_which_no_file_can_be_read_is_an_error(both, capsys):
    for path in Path(both[0]).rglob("*.pqt"):
        path.write_bytes(b"nothing")
    assert cli.main(["diff", "--against", both[0], "--store", both[1]]) == 2
    assert "zs diff: nothing can be compared: " in capsys.readouterr().err


def test_without_a_published_state_nothing_is_compared(both, tmp_path):
    with pytest.raises(AcornNotFound):
        shadow.report(both[0], store_url=tmp_path)


values = st.sampled_from([None, "", " a", "a", "b", "missing"])


@settings(max_examples=30)
@given(st.lists(st.tuples(st.sampled_from("uvw"), values, values), max_size=8))
def test_each_cell_and_row_is_counted_once(given_rows):
    there, here = open_store("memory://there"), open_store("memory://here")
    columns = ["name", "source_data", "pipeline_name"]
    was = [(name, "s", one) for name, one, _ in given_rows]
    now = {name: other for name, _, other in given_rows}
    put(there, "source_data.pqt", pd.DataFrame(was, columns=columns, dtype=object))
    client_store.whole(
        here,
        "source_data",
        [{"name": n, "source_data": "s", "pipeline_name": p} for n, p in now.items()],
    )
    publish(here, LAYOUT, ACORNS)
    report = of("memory://there", "memory://here", "source_data")
    counts = Counter[str]()
    for one in report.differences:
        counts[one.kind] += one.count
    first = {name: one for name, _, one in reversed(was)}
    assert counts["cells"] == sum(first[name] != now[name] for name in now)
    assert counts["rows only there"] == len(was) - len(first)
    assert counts["rows only here"] == 0
    assert report.rows_in_both == len(first)
