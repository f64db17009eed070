"""One map of people over asset_basics and foraging_sessions, and where a person finds it."""

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from building import document, dump, facts, registry, tables, zs_build

FRAME = "aind-behavior-data/foraging_nwb_bonsai_processed/df_sessions.pkl"
LEVELS = ("subject_id", "session_date", "session", "nwb_suffix")

pytestmark = pytest.mark.slow


def sessions(folder: Path, *trainers: str) -> None:
    """Write a frame with a session of each trainer."""
    index = pd.MultiIndex.from_tuples([("1", "2025-01-01", n, n) for n in range(len(trainers))])
    made = pd.DataFrame({("metadata", "user_name"): trainers}, index=index.rename(LEVELS))
    (folder / FRAME).parent.mkdir(parents=True, exist_ok=True)
    made.to_pickle(folder / FRAME)


def of(person: str) -> dict:
    acquisition = document("x")["acquisition"] | {"experimenters": [person]}
    return document("a", acquisition=acquisition)


def column(out: Path, table: str, name: str) -> list:
    return pq.read_table(pa.BufferReader(tables(out)[f"{table}.pqt"]))[name].to_pylist()


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "files").mkdir()
    (tmp_path / "out").mkdir()
    return tmp_path / "files"


def test_a_first_name_of_either_table_becomes_the_one_longer_name_of_the_other(
    tmp_path: Path, files: Path
) -> None:
    sessions(files, "grace.hopper", "Ada")
    document_of = dump(tmp_path / "d.ndjson", [of("Grace")])
    assert zs_build(document_of, tmp_path / "out", files=files) == 0
    names = column(tmp_path / "out", "asset_basics", "experimenters_normalized")
    assert names == [["Grace Hopper"]]
    # Ada Lovelace is an investigator of the document.
    shown = column(tmp_path / "out", "foraging_sessions", "trainer_normalized")
    assert shown == ["Grace Hopper", "Ada Lovelace"]


def test_the_map_stands_in_the_facts_of_asset_basics_and_not_in_the_registry(
    tmp_path: Path, files: Path
) -> None:
    sessions(files, "grace.hopper", "Ada")
    assert zs_build(dump(tmp_path / "d.ndjson", [of("Grace")]), tmp_path / "out", files=files) == 0
    told = facts(tmp_path / "out", "asset_basics")["notes"]["people"]
    assert told == {"Ada": "Ada Lovelace", "Grace": "Grace Hopper"}
    notes = {one["name"]: one["notes"] for one in registry(tmp_path / "out")["acorns"]}
    assert "people" not in notes["asset_basics"]


def test_a_change_of_one_table_reaches_the_other(tmp_path: Path, files: Path) -> None:
    out = tmp_path / "out"
    sessions(files, "Ada")
    assert zs_build(dump(tmp_path / "d.ndjson", [of("Grace")]), out, files=files) == 0
    assert column(out, "asset_basics", "experimenters_normalized") == [["Grace"]]
    sessions(files, "Ada", "Grace Hopper")
    assert zs_build(tmp_path / "d.ndjson", out, files=files) == 0
    assert column(out, "asset_basics", "experimenters_normalized") == [["Grace Hopper"]]
    other = of("Ada Byron") | {"_last_modified": "2026-01-03T00:00:00.000Z"}
    assert zs_build(dump(tmp_path / "d.ndjson", [other]), out, files=files) == 0
    # Two are called Ada now.
    assert column(out, "foraging_sessions", "trainer_normalized") == ["Ada", "Grace Hopper"]


@pytest.mark.parametrize("damage", ["gone", "no pickle"])
def test_without_the_frame_the_names_of_before_count(
    tmp_path: Path, files: Path, damage: str
) -> None:
    out = tmp_path / "out"
    sessions(files, "Grace Hopper")
    assert zs_build(dump(tmp_path / "d.ndjson", [of("Grace")]), out, files=files) == 0
    if damage == "gone":
        (files / FRAME).unlink()
    else:
        (files / FRAME).write_bytes(b"no pickle")
    again = of("Grace") | {"_last_modified": "2026-01-03T00:00:00.000Z"}
    assert zs_build(dump(tmp_path / "d.ndjson", [again]), out, files=files) == 1
    assert column(out, "asset_basics", "experimenters_normalized") == [["Grace Hopper"]]
    states = {entry["name"]: entry["state"] for entry in registry(out)["acorns"]}
    assert states.pop("foraging_sessions") == "stale"
    assert set(states.values()) == {"fresh"}
