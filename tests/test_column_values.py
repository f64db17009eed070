"""What a column has, and how many rows have each value."""

from collections import Counter

import pandas as pd
import pytest

import zs_client
from zs_client import cli


@pytest.fixture(autouse=True)
def _packed(monkeypatch):
    monkeypatch.setenv("ZS_STORE", "sample")


def pairs(frame: pd.DataFrame) -> list[tuple]:
    return list(frame.astype(object).where(frame.notna(), None).itertuples(index=False, name=None))


@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("asset_basics", "project_name"),
        ("asset_basics", "age"),
        ("asset_basics", "acquisition_start_time"),
        ("qc", "status"),
        ("qc", "subject_id"),
        ("platform_qc", "status"),
    ],
)
def test_each_value_has_its_rows_nulls_as_well(table, column):
    subjects = [value for value, _ in pairs(zs_client.values("qc", "subject_id"))]
    read = {"qc": lambda: zs_client.qc(subjects)}.get(table, getattr(zs_client, table))
    cells = read()[column]
    expected = Counter(None if gone else v for v, gone in zip(cells, cells.isna(), strict=True))
    found = pairs(zs_client.values(table, column))
    assert dict(found) == expected
    counts = [rows for _, rows in found]
    assert counts == sorted(counts, reverse=True)


def test_of_a_list_each_item_counts_once_for_its_row(tmp_path, monkeypatch):
    lists = [["a", "b", "a"], [], None, ["b"]]
    store = tmp_path / "own"
    store.mkdir()
    monkeypatch.setenv("ZS_STORE", str(store))
    zs_client.custom("mine", pd.DataFrame({"items": lists}))
    assert pairs(zs_client.values("mine", "items")) == [("b", 2), ("a", 1), (None, 1)]
    with pytest.raises(ValueError, match=r"mine: there is no column 'item'\. There are items"):
        zs_client.values("mine", "item")


def test_what_is_not_there_is_named(capsys):
    with pytest.raises(ValueError, match="there is no column 'project'"):
        zs_client.values("asset_basics", "project")
    with pytest.raises(zs_client.AcornNotFound, match="there is no table 'basics'"):
        zs_client.values("basics", "name")
    assert cli.main(["values", "asset_basics", "data_level", "--format", "csv"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "value,rows"
    assert {line.split(",")[0] for line in lines[1:]} >= {"raw", "derived"}
