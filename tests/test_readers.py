"""Real readers: what is asked of them, how their answers are told, and the page that has them."""

import json
import re
import sys
from pathlib import Path

import pytest

import zs_client
from bench import reader_calls, readers
from zs_client.facts import Facts
from zs_client.opening import open_store
from zs_pipeline.publishing.facts_file import read_facts

ROOT = Path(__file__).parents[1]
PAGE = readers.PAGE.read_text(encoding="utf-8")
LINES = [line.strip("| ").split(" | ") for line in PAGE.splitlines() if line.startswith("| ")]


def test_the_page_has_what_each_call_answered():
    calls = {(reader, call) for reader, call, _ in LINES[2:]}
    for reader, asked in (
        (readers.ZOMBIE, readers.OF_ZOMBIE),
        (readers.SUCCESSOR, readers.OF_SUCCESSOR),
        ("zs_client.biodata_cache", readers.OF_SUCCESSOR),
    ):
        for call in asked:
            assert (reader.replace("==", " "), readers._written(*call)) in calls
    of_duckdb = {reader for reader, _ in calls if reader.startswith("DuckDB ")}
    assert len(of_duckdb) == len(readers.ENGINES)
    assert all((reader, call) in calls for reader in of_duckdb for call in readers.QUERIES)
    # Nothing is told of a reader that was not run.
    newer = [answer for reader, _, answer in LINES if reader == "DuckDB-WASM, newer"]
    assert newer == [readers.NEWER_WASM]


def test_the_page_says_nothing_of_the_machine_and_of_no_failure():
    assert not re.search(r"/tmp/|127\.0\.0\.1|localhost|FAILS", PAGE)


def test_each_function_of_the_packages_is_asked_or_named():
    signatures = json.loads(readers.SIGNATURES.read_text(encoding="utf-8"))["functions"]
    asked = {name for name, *_ in readers.OF_SUCCESSOR}
    assert asked < set(signatures)
    assert f"the {len(set(signatures) - asked)} functions" in readers.OF_SCIENCE


def test_addresses_and_paths_are_not_told():
    failed = readers.Result("a", "`b`", "IOError: http://127.0.0.1:1/x at /tmp/y|z\n end", True)
    assert readers.table([failed]).splitlines()[2] == "| a | `b` | FAILS: IOError: … at … end |"
    other = readers.Result("a", "", "not run: why")
    assert readers.table([other]).splitlines()[2] == "| a | all | not run: why |"


def test_parts_that_were_not_run_keep_their_lines():
    results = [
        readers.Result("zombie-squirrel 0.28.6", "`a`", "1"),
        readers.Result("DuckDB 1.0, S3", "`b`", "2"),
        readers.Result("DuckDB-WASM, newer", "", "3"),
    ]
    empty = f"a\n\n{readers.BEGIN}\n{readers.END}\nb"
    page = readers.written(empty, readers.table(results))
    assert page == f"a\n\n{readers.BEGIN}\n{readers.table(results)}{readers.END}\nb"
    later = [readers.Result("DuckDB 1.1, S3", "`b`", "4")]
    assert readers.written(page, readers.table(later)) == page.replace(
        "| DuckDB 1.0, S3 | `b` | 2 |", "| DuckDB 1.1, S3 | `b` | 4 |"
    )
    with pytest.raises(ValueError, match="no <!-- readers: begin"):
        readers.written("a page", "new")


def facts_of(folder: Path, table: str) -> Facts:
    from client_store import LAYOUT

    facts = read_facts(open_store(folder), LAYOUT, table)
    assert facts is not None
    return facts


def test_duckdb_sees_each_row_once(sample_store):
    root = sample_store / "data-asset-cache" / "zs-v1.0.0"
    queries = [query.format(root) for query in readers.QUERIES.values()]
    answers = reader_calls.queried([*queries, "SELECT no"], [])
    rows = str(facts_of(sample_store, "qc")["rows"])
    of_all, of_one, as_of_old, of_file, one_of_file, fib, wrong = answers
    assert of_all == as_of_old == of_file == (rows, False)
    assert of_one == one_of_file
    assert 0 < int(of_one[0]) < int(rows)
    assert int(fib[0]) > 0
    assert wrong[0].startswith("BinderException")
    assert wrong[1]


def test_the_drop_in_answers_every_call_that_has_its_table(sample_store, environment):
    environment.setenv("ZS_STORE", str(sample_store))
    calls = [call for call in readers.OF_SUCCESSOR if call[0] != "custom"]
    answers = reader_calls.answers("zs_client.biodata_cache", calls)
    by_call = {readers._written(*call): answer for call, answer in zip(calls, answers, strict=True)}
    rows, columns = zs_client.asset_basics().shape
    assert by_call["`asset_basics()`"] == (f"{rows} rows, {columns} columns", False)
    assert by_call["`get_cache_versions()`"] == ("a list of 0 texts", False)
    assert by_call["`raw_to_derived('901001_2024-09-03_17-12-31', latest=True)`"] == (
        "a list of 1 texts",
        False,
    )
    failed = {call: answer for call, (answer, bad) in by_call.items() if bad}
    # Tables that a store may not have.
    assert all(answer.startswith("AcornNotFound: ") for answer in failed.values())
    assert not {"`qc_status()`", "`metadata_core()`", "`platform_fib()`"} & failed.keys()


def test_the_calls_need_no_library():
    text = readers.CALLS.read_text(encoding="utf-8")
    imported = set(re.findall(r"^(?:import|from) (\w+)", text, re.MULTILINE))
    assert imported <= sys.stdlib_module_names
    described = reader_calls.described
    assert described(["a", "b"]) == "a list of 2 texts"
    assert described((["a"], 3)) == "a list of 1 texts and 3"
    assert described("s3://bucket/cache/qc/subject_id=901001/data.pqt").endswith("901001/data.pqt")
    assert reader_calls.answers("json", [("loads", ["{"], {})])[0][1]
