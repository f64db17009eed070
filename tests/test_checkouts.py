"""`make compare`: what it says of two stores that differ, and what makes it fail."""

import json
import re
from collections.abc import Callable
from importlib.metadata import distributions
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bench import checkouts, measure
from bench.differences import GROUPS, IGNORED, KEPT_STATE, TABLES, compare, shown

FOLDER = "data-asset-cache/zs-v1.0.0"
TABLE = f"{FOLDER}/asset_basics.pqt"
FACTS = f"{FOLDER}/asset_basics.json"
SHARD = "data-asset-cache/_documents/shards/1/abc.pqt"
ROWS = {"_id": ["a", "b", "c"], "age": [90, None, 91], "weight": [1.5, float("nan"), 2.5]}
ENTRY = {"sha256": "abc", "rows": 3, "inputs": "1", "built_at": "2026-01-01T00:00:00Z"}
SAID = {
    "name": "asset_basics",
    "partitions": {"1": ENTRY},
    "empty": {"2": "made from 2"},
    "columns": [{"name": "_id", "type": "string"}],
    **dict.fromkeys(IGNORED, "then"),
}


def put_table(store: Path, key: str = TABLE, **columns: list) -> None:
    (store / key).parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(ROWS | columns), store / key)


def put_json(store: Path, key: str = FACTS, **more: object) -> None:
    (store / key).parent.mkdir(parents=True, exist_ok=True)
    (store / key).write_text(json.dumps(SAID | more))


def differences(base: Path, new: Path, group: str = TABLES) -> dict[str, tuple[str, ...]]:
    """What is said of the files of one group; nothing differs in the other."""
    found = compare(base, new)
    assert [name for name in GROUPS if name != group and found[name].differences] == []
    return dict(found[group].differences)


@pytest.fixture
def stores(tmp_path: Path) -> tuple[Path, Path]:
    """Two stores that hold the same."""
    found = (tmp_path / "base", tmp_path / "new")
    for store in found:
        put_table(store)
        put_table(store, SHARD)
        put_json(store)
    return found


def test_two_stores_that_hold_the_same_are_equal_file_by_file(stores):
    found = compare(*stores)
    assert {name: (one.compared, one.equal) for name, one in found.items()} == {
        TABLES: (2, 2),
        KEPT_STATE: (1, 1),
    }
    assert list(shown(found)) == [
        "  tables: 2 files compared, 2 equal, 0 different",
        "  kept state: 1 files compared, 1 equal, 0 different",
    ]


def test_of_cells_it_says_how_many_in_which_columns_with_three_examples(stores):
    put_table(stores[1], age=[90, 0, 92], _id=["x", "y", "c"])
    assert differences(*stores) == {
        TABLE: (
            "cells: 4 in 3 rows; columns _id (2), age (2)",
            "  row 0, _id: 'a' → 'x'",
            "  row 1, _id: 'b' → 'y'",
            "  row 1, age: None → 0",
        )
    }


def test_of_a_schema_it_says_which_columns(stores):
    put_table(stores[1], age=["90", None, "91"], more=[1, 2, 3])
    found = differences(*stores)[TABLE]
    assert found[:2] == (
        "schema: column age: pyarrow.Field<age: int64> → pyarrow.Field<age: string>",
        "schema: column more only in new",
    )
    assert found[2].startswith("cells: 2 in 2 rows; columns age (2)")


def test_columns_in_another_order_differ(stores):
    pq.write_table(pa.table(ROWS).select(["age", "_id", "weight"]), stores[1] / TABLE)
    assert differences(*stores)[TABLE] == (
        "schema: order of columns: _id, age, weight → age, _id, weight",
    )


def test_of_rows_it_says_how_many_are_in_one_store_only(stores):
    pq.write_table(pa.table(ROWS).slice(1), stores[1] / TABLE)
    assert differences(*stores)[TABLE] == (
        "rows: 3 → 2",
        "rows only in base: 1",
        "  _id='a', age=90, weight=1.5",
    )


def test_the_same_rows_as_other_bytes_differ(stores):
    pq.write_table(pa.table(ROWS), stores[1] / TABLE, compression="gzip")
    assert differences(*stores)[TABLE] == ("the same schema and rows, written as other bytes",)


def test_what_is_no_parquet_is_said_to_be_none(stores):
    (stores[1] / TABLE).write_bytes(b"PAR1")
    (said,) = differences(*stores)[TABLE]
    assert said.startswith("no readable parquet in new: ")


@pytest.mark.parametrize(("gone", "said"), [(0, "only in new"), (1, "only in base")])
def test_a_file_that_one_store_lacks_differs(stores, gone, said):
    (stores[gone] / TABLE).unlink()
    assert differences(*stores) == {TABLE: (said,)}


def test_an_object_of_another_name_differs_and_is_shown_last(stores):
    for store, name in zip(stores, "ab", strict=True):
        put_table(store, f"{FOLDER}/_objects/asset_basics/{name}.pqt")
    put_table(stores[1], age=[1, 2, 3])
    keys = [line.strip() for line in shown(compare(*stores)) if line.endswith(".pqt")]
    assert keys == [TABLE, *(f"{FOLDER}/_objects/asset_basics/{name}.pqt" for name in "ab")]


def test_times_inputs_and_code_versions_may_differ_at_any_depth(stores):
    later = dict.fromkeys(IGNORED, "now")
    entry = {key: later.get(key, value) for key, value in ENTRY.items()}
    put_json(stores[1], partitions={"1": entry}, empty={"2": "another"}, **later)
    assert (stores[0] / FACTS).read_bytes() != (stores[1] / FACTS).read_bytes()
    assert differences(*stores) == {}


def test_any_other_value_of_json_differs_and_its_place_is_said(stores):
    put_json(
        stores[1],
        partitions={"1": ENTRY | {"rows": 4}},
        empty={"3": "made from 2"},
        columns=[{"name": "_id"}],
        pending={},
    )
    assert differences(*stores) == {
        FACTS: (
            "partitions.1.rows: 3 → 4",
            "empty[0]: '2' → '3'",
            "columns[0].type: only in base",
            "and 1 more",
        )
    }


@pytest.mark.parametrize(("before", "after"), [(1, 1.0), (1, True), (None, ""), ([1], [1, 2])])
def test_values_of_json_are_not_taken_for_each_other(stores, before, after):
    put_json(stores[0], rows=before)
    put_json(stores[1], rows=after)
    assert differences(*stores) == {FACTS: (f"rows: {before!r} → {after!r}",)}


def test_what_is_kept_of_documents_and_side_files_is_told_apart(stores):
    answers = "data-asset-cache/_files/platform_exaspim.json"
    put_table(stores[1], SHARD, age=[1, None, 91])
    put_json(stores[1], answers)
    found = differences(*stores, KEPT_STATE)
    assert found.keys() == {SHARD, answers}
    assert found[SHARD][0] == "cells: 1 in 1 rows; columns age (1)"


def test_what_writers_leave_behind_is_not_compared(stores):
    for key in ("_staging/1.lock", "_staging/x", "zs-v1.0.0/a.json.lock"):
        path = stores[0] / "data-asset-cache" / key
        path.parent.mkdir(exist_ok=True)
        path.touch()
    assert differences(*stores) == {}


def test_many_differing_files_are_counted_and_not_all_shown(stores):
    for number in range(12):
        put_table(stores[0], f"{FOLDER}/qc/subject_id={number}/data.pqt")
    lines = list(shown(compare(*stores), most=10))
    assert "  tables: 14 files compared, 2 equal, 12 different" in lines
    assert "    and 2 more" in lines
    assert sum(line.endswith(".pqt") for line in lines) == 10


# The command, on checkouts whose `zs build` writes two files.

CLI = """
import os, pathlib
def main(words):
    assert words == ["build"]
    folder = pathlib.Path(os.environ["ZS_STORE"], "data-asset-cache")
    for key, text in {written!r}.items():
        if not text:
            continue
        path = folder / key
        path.parent.mkdir(parents=True)
        path.write_text(text.replace("STORE", str(folder)).replace("CODE", __file__))
    return {code}
"""
TABLE_JSON = '{"location": "STORE", "rows": 1, "built_at": "a"}'
KEPT_JSON = '{"source": "CODE"}'
Checkout = Callable[..., Path]


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    """Makes checkouts: what their builds write, and the exit code."""

    def make(name: str, code: int = 0, table: str = TABLE_JSON, kept: str = KEPT_JSON) -> Path:
        folder = tmp_path / name
        for package in checkouts.PACKAGES:
            (folder / package).mkdir(parents=True)
            (folder / package / "__init__.py").touch()
        written = {"zs-v1.0.0/qc.json": table, "_documents/documents.json": kept}
        (folder / "zs_client/cli.py").write_text(CLI.format(written=written, code=code))
        (folder / "dagster.yaml").touch()
        (folder / "pyproject.toml").write_text(
            '[project]\nname = "data-asset-cache"\n'
            f'[project.scripts]\nzs = "{name}"\n[project.entry-points."zs"]\nbuild = "{name}:b"\n'
        )
        return folder

    return make


@pytest.fixture
def run(checkout: Checkout, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """Compares a base with a checkout that is new; returns the exit code."""
    corpus = tmp_path / "corpus.ndjson"
    corpus.touch()
    monkeypatch.setattr(checkouts, "CORPUS", corpus)

    def compared(base: Path, *words: str, new: Path | None = None) -> int:
        monkeypatch.setattr(checkouts, "NEW", new or checkout("new"))
        return checkouts.main(["--base", str(base), "--documents", "30", *words])

    return compared


def test_checkouts_that_build_the_same_are_equal_wherever_they_lie(run, checkout, capsys, tmp_path):
    assert run(checkout("base")) == 0
    lines = capsys.readouterr().out.splitlines()
    equal = [f"  {group}: 1 files compared, 1 equal, 0 different" for group in GROUPS]
    names = ("sample", "real documents", "30 made-up documents")
    assert lines == [line for name in names for line in (name, *equal)] + ["", "all equal"]
    assert list((tmp_path / "new/bench-results").iterdir()) == []


def test_a_table_that_differs_fails(run, checkout, capsys):
    assert run(checkout("base", table='{"location": "STORE", "rows": 2}'), "--tables-only") == 1
    said = capsys.readouterr().out
    assert "rows: 2 → 1" in said
    assert said.endswith("\nDIFFERENT: sample, real documents, 30 made-up documents\n")


@pytest.mark.parametrize(("words", "code"), [([], 1), (["--tables-only"], 0)])
def test_kept_state_that_differs_is_told_and_fails_unless_told_otherwise(
    run, checkout, capsys, words, code
):
    assert run(checkout("base", kept='{"source": ""}'), *words) == code
    assert "kept state: 1 files compared, 0 equal, 1 different" in capsys.readouterr().out


@pytest.mark.parametrize(("words", "code"), [([], 2), (["--without-corpus"], 0)])
def test_a_corpus_that_is_not_there_is_said_and_fails_unless_that_is_meant(
    run, checkout, capsys, monkeypatch, tmp_path, words, code
):
    base = checkout("base")
    monkeypatch.setattr(checkouts, "CORPUS", tmp_path / "none.ndjson")
    assert run(base, *words) == code
    told = capsys.readouterr()
    assert "real documents" not in told.out
    assert ("NOT ALL COMPARED: the corpus of real documents" in told.err) == bool(code)


def test_builds_are_timed_in_pairs(run, checkout, capsys):
    assert run(checkout("base"), "--speed", "2") == 0
    said = capsys.readouterr().out
    pairs = re.findall(r"pair (\d): base [\d.]+ s, new [\d.]+ s, ratio ([\d.]+)\n", said)
    assert [number for number, _ in pairs] == ["1", "2"]
    (median,) = re.findall(r"median of the ratios, new / base: ([\d.]+)\n", said)
    ratios = sorted(float(ratio) for _, ratio in pairs)
    assert ratios[0] <= float(median) <= ratios[1]


def test_a_build_that_fails_is_no_comparison(run, checkout, capsys):
    assert run(checkout("base", code=3)) == 2
    assert "zs build ended with 3" in capsys.readouterr().err


def test_builds_that_write_no_table_are_no_comparison(run, checkout, capsys):
    assert run(checkout("base", table=""), new=checkout("new", table="")) == 2
    assert "sample: the builds wrote no tables" in capsys.readouterr().err


def test_a_base_that_is_no_checkout_is_refused(run, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    assert run(tmp_path / "empty") == 2
    assert "is no checkout: it has no zs_client, zs_pipeline" in capsys.readouterr().err


def test_a_base_that_git_does_not_know_is_refused(capsys):
    assert checkouts.main(["no-such-ref"]) == 2
    assert "no-such-ref" in capsys.readouterr().err


def test_code_that_is_imported_from_elsewhere_is_no_build_of_the_checkout(checkout, tmp_path):
    code = checkouts.copied(checkout("base"), tmp_path / "code-of-base")
    (code / "zs_client/__init__.py").write_text(f"__file__ = {str(tmp_path / 'else/x.py')!r}")
    with pytest.raises(measure.BuildFailed, match=r"zs_client was imported from .*else, not from"):
        checkouts.build(code, {}, tmp_path, tmp_path / "store-of-base")


def test_the_entry_points_are_those_of_the_checkout(checkout, tmp_path):
    code = checkouts.copied(checkout("base"), tmp_path / "code-of-base")
    (found,) = distributions(path=[str(code)])
    assert {(one.group, one.name, one.value) for one in found.entry_points} == {
        ("console_scripts", "zs", "base"),
        ("zs", "build", "base:b"),
    }
