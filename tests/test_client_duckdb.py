"""What anyone does with DuckDB: the path of one partition, and all partitions as they stand."""

from pathlib import Path

import client_store
import duckdb
import pytest
from client_store import LAYOUT, ODD, SUBJECTS, WITHOUT_QC

import zs_client
from zs_client import AcornNotFound, SubjectNotFound

FILES = "read_parquet($1, hive_partitioning=true, union_by_name=true{})"
QUERY = f"SELECT subject_id, count(*) FROM {FILES} GROUP BY ALL"


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    client_store.plain(monkeypatch)
    monkeypatch.setenv("ZS_STORE", str(tmp_path))
    client_store.filled(str(tmp_path))
    return tmp_path / LAYOUT.folder


@pytest.mark.parametrize("subject", SUBJECTS)
def test_a_lazy_path_is_read_by_duckdb(folder, subject):
    path = zs_client.qc(subject, lazy=True)
    assert Path(path).is_file()
    found = duckdb.sql("SELECT DISTINCT asset_name FROM read_parquet($1)", params=[path]).fetchall()
    assert sorted(found) == [(f"{subject}_asset{n}",) for n in range(2)]


def test_a_lazy_path_that_would_not_be_there_is_an_error(folder):
    with pytest.raises(AcornNotFound, match="no file"):
        zs_client.qc(WITHOUT_QC, lazy=True)
    with pytest.raises(SubjectNotFound, match="828418"):
        zs_client.qc("828419", lazy=True)


def test_every_row_of_all_partitions_is_seen_once(folder):
    found = duckdb.sql(QUERY.format(""), params=[f"{folder}/qc/**"]).fetchall()
    assert dict(found) == dict.fromkeys(SUBJECTS, 2)
    assert len(found) == len(SUBJECTS)


def test_numeric_subjects_alone_are_seen_once_too(tmp_path, monkeypatch):
    store = client_store.open_store(tmp_path)
    subjects = ("828418", "00123")
    client_store.split(
        store, "quality_control", {subject: client_store.metrics(subject) for subject in subjects}
    )
    path = f"{tmp_path}/{LAYOUT.folder}/qc/**"
    found = duckdb.sql(QUERY.format(""), params=[path]).fetchall()
    # DuckDB may take numbers alone for BIGINT, unless that is switched off.
    assert {int(subject): count for subject, count in found} == {828418: 2, 123: 2}
    text = QUERY.format(", hive_types_autocast=false")
    assert dict(duckdb.sql(text, params=[path]).fetchall()) == dict.fromkeys(subjects, 2)


def test_platforms_are_seen_once(folder):
    query = f"SELECT platform, count(*) FROM {FILES.format('')} GROUP BY ALL"
    assert duckdb.sql(query, params=[f"{folder}/platform_qc/**"]).fetchall() == [("fib", 1)]


def test_odd_subjects_are_all_within_the_tables_folder(folder):
    names = {path.parent.name for path in (folder / "qc").rglob("*.pqt")}
    assert len(names) == len(SUBJECTS)
    assert all(path.parent.parent == folder / "qc" for path in (folder / "qc").rglob("*.pqt"))
    assert "subject_id=%2E%2E" in names
    assert ".." in ODD


RECIPE = """
    SELECT name, nullif(subject_id, '__HIVE_DEFAULT_PARTITION__') AS subject_id,
        CASE value_type WHEN 'object' THEN TRY_CAST(value AS JSON)->>'value' ELSE value END
            AS answer
    FROM read_parquet($1, hive_partitioning=true, hive_types_autocast=false, union_by_name=true)
"""
VALUES = {
    "text": ("text", "Low", "Low"),
    "empty": ("text", "", ""),
    "like an object": ("text", '{"value":1}', '{"value":1}'),
    "like half of one": ("text", '{"value"', '{"value"'),
    "number": ("number", "5", "5"),
    "bool": ("bool", "true", "true"),
    "list": ("list", '[{"value":1}]', '[{"value":1}]'),
    "object": ("object", '{"value":"Good","type":"dropdown"}', "Good"),
    "object in an object": ("object", '{"value":{"a":[1]}}', '{"a":[1]}'),
    "object without": ("object", '{"a":1}', None),
    "null": (None, None, None),
    "not a number": ("number", None, None),
}


def test_the_recipe_for_values_and_subjects_works_for_all_of_them(tmp_path):
    """The recipe is that of the README, where it is run as well."""
    store = client_store.open_store(tmp_path)
    rows = [
        {"name": name, "value_type": kind, "value": value, "subject_id": "1"}
        for name, (kind, value, _) in VALUES.items()
    ]
    client_store.split(store, "quality_control", dict.fromkeys(("1", None), rows))
    path = f"{tmp_path}/{LAYOUT.folder}/qc/**"
    answers = {name: answer for name, (_, _, answer) in VALUES.items()}
    expected = {(name, s, answer) for s in ("1", None) for name, answer in answers.items()}
    assert set(duckdb.sql(RECIPE, params=[path]).fetchall()) == expected
    # It stands any condition, in whichever order DuckDB looks at its parts.
    for condition, count in (
        ("answer = 'Good' AND value_type = 'object'", 2),
        ("value_type = 'object' AND answer > ''", 4),
    ):
        found = duckdb.sql(f"{RECIPE} WHERE {condition}", params=[path]).fetchall()
        assert len(found) == count
