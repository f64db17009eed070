"""The sample's tables in the client's package: current, small, readable without the pipeline."""

import json
import os
import subprocess
import sys
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import zs_client
from pages import sample as packing
from zs_client import cli
from zs_client.acorns import TABLES
from zs_client.errors import StoreError
from zs_client.opening import open_store
from zs_client.sample import FILE
from zs_client.store import Store


@pytest.fixture
def packed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ZS_STORE", "sample")
    monkeypatch.chdir(tmp_path)


def entries(file: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(file) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_rows_and_columns_are_those_of_a_build(full_store):
    built, kept = packing.contents(full_store), entries(FILE)
    assert list(built) == list(kept), "make sample writes the file again"
    for key in built:
        if key.endswith(".pqt"):
            fresh, packaged = (pq.read_table(pa.BufferReader(x[key])) for x in (built, kept))
            assert packaged.equals(fresh), f"{key}: make sample writes the file again"
            # The descriptions of columns are in the schema's fields.
            assert packaged.schema.equals(fresh.schema, check_metadata=False)
        elif key.endswith("squirrel.json"):
            was, now = (
                [(a["name"], a["description"], a["columns"]) for a in json.loads(x[key])["acorns"]]
                for x in (kept, built)
            )
            assert was == now, f"{key}: make sample writes the file again"


def test_equal_tables_are_equal_bytes(full_store, tmp_path):
    packing.write(full_store, tmp_path / "a.zip")
    packing.write(full_store, tmp_path / "b.zip")
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    assert list(entries(tmp_path / "a.zip")) == sorted(entries(tmp_path / "a.zip"))


def test_it_is_small_and_names_no_folder_of_the_machine_that_made_it():
    assert FILE.stat().st_size < 400_000
    for key, body in entries(FILE).items():
        assert not key.startswith("/")
        assert b"/tmp/" not in body
        assert b"/home/" not in body


@pytest.mark.usefixtures("packed")
def test_every_table_is_read():
    for name, _, partition in TABLES:
        if not partition:
            assert len(getattr(zs_client, name)())
    assert len(zs_client.qc("901001")) == 73
    assert len(zs_client.sql("select * from qc")) == 121
    assert len(zs_client.qc_by_raw_asset("901001_2024-09-03_17-12-31")) == 14
    assert zs_client.asset_basics().attrs["store"] == "sample"
    assert all(acorn.state == "fresh" for acorn in zs_client.status())


@pytest.mark.usefixtures("packed")
def test_a_client_alone_reads_it():
    root = str(Path(zs_client.__file__).parents[1])
    code = (
        "import sys, zs_client; assert len(zs_client.asset_basics());"
        "assert not {'zs_pipeline', 'dagster', 'boto3'} & sys.modules.keys()"
    )
    env = {**os.environ, "PYTHONPATH": root}
    subprocess.run([sys.executable, "-c", code], env=env, check=True)


@pytest.mark.usefixtures("packed")
def test_nothing_is_written_to_it():
    with pytest.raises(StoreError, match="for reading only"):
        zs_client.custom("mine", zs_client.asset_basics(limit=1)[["name"]])
    with pytest.raises(StoreError, match="for reading only"):
        open_store("sample").delete(["x"])


def test_a_folder_of_that_name_is_a_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("sample").mkdir()
    assert open_store("./sample").is_local
    assert open_store(Path("sample")).is_local
    assert not open_store("sample").is_local


def test_no_write_of_a_store_is_left_open():
    writers = {"put", "put_object", "put_packed", "put_first", "put_if_match", "update", "copy"}
    writers |= {"delete", "delete_older"}
    assert {name for name in vars(Store) if name.startswith(("put", "copy", "del", "upd"))} == (
        writers
    )
    packed = open_store("sample")
    removing = {"delete": (["x"],), "delete_older": (["x"], datetime.now(UTC))}
    for name in sorted(writers):
        with pytest.raises(StoreError, match="for reading only"):
            getattr(packed, name)(*removing.get(name, ("x", b"", b"")))


def test_the_command_line_reads_it(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["show", "asset_basics", "--store", "sample", "--limit", "2"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 3


def test_the_sample_has_no_snapshots_and_says_so(packed):
    with pytest.raises(zs_client.AcornNotFound, match=r"^no snapshot is published in version "):
        zs_client.diff("now", "now")
