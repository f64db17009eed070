"""Builds that are killed, and builds at the same time: nothing is lost, every path is readable."""

import hashlib
import json
import multiprocessing
import os
import signal
import time
from multiprocessing.process import BaseProcess
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from building import FOLDER, document, dump, facts, tables, zs_build, zs_build_alone

from zs_client.opening import open_store
from zs_pipeline import arrow
from zs_pipeline.acorns import ACORNS

SCHEMAS = {acorn.table: arrow.schema(acorn) for acorn in ACORNS}
MOMENTS = 20
BESIDE = multiprocessing.get_context("forkserver")
BESIDE.set_forkserver_preload(["zs_pipeline.build", "zs_pipeline.orchestration.code_location"])


def documents(state: int) -> list[dict]:
    """Sixty documents of twenty subjects, all of them different from those of another state."""
    found = []
    for number in range(60):
        one = document(f"asset-{number:02}", str(number % 20))
        one["quality_control"]["metrics"][0]["name"] = f"metric {state}"
        one["data_description"]["project_name"] = f"Project {state}"
        one["_last_modified"] = f"2025-02-{state + 1:02}T00:00:00.000Z"
        found.append(one)
    return found


def start(source: Path, store: Path) -> BaseProcess:
    """A build in a process of its own, which has what it imports from the start."""
    process = BESIDE.Process(target=zs_build_alone, args=(str(source), str(store)))
    process.start()
    return process


def written(store: Path) -> int:
    """How often anything was put into place: grows with every step of a build."""
    # Half of what `rglob` costs, and it is asked thousands of times beside a build.
    paths = [Path(folder, name) for folder, _, names in os.walk(store) for name in names]
    return sum(path.stat().st_mtime_ns for path in paths)


def assert_readable(store: Path) -> None:
    """Every fixed path holds a whole file of its table, every JSON file is whole."""
    for key, body in tables(store).items():
        table = key.split("/")[0].removesuffix(".pqt")
        assert pq.read_table(pa.BufferReader(body)).schema.equals(SCHEMAS[table]), key
    for path in (store / "data-asset-cache").rglob("*.json"):
        assert json.loads(path.read_text()) is not None


def assert_agree(store: Path) -> None:
    """What lies at the fixed paths is what the facts say."""
    found = tables(store)
    for acorn in ACORNS:
        known = facts(store, acorn.table)
        if acorn.partition:
            expected = {
                f"{acorn.table}/{acorn.partition}={segment}/data.pqt": entry["sha256"]
                for segment, entry in known["partitions"].items()
            }
        else:
            expected = {f"{acorn.table}.pqt": known["sha256"]}
        there = {
            key: hashlib.sha256(body).hexdigest()
            for key, body in found.items()
            if key.split("/")[0].removesuffix(".pqt") == acorn.table
        }
        assert there == expected
        assert known["pending"] == {}


def test_builds_killed_at_many_moments_leave_every_path_readable(tmp_path):
    store = tmp_path / "out"
    store.mkdir()
    source = tmp_path / "d.ndjson"
    killed = 0
    for moment in range(MOMENTS):
        dump(source, documents(moment))
        child = start(source, store)
        # The moment is a count of steps, so that it is inside the build on a slow machine too.
        before, steps = written(store), 0
        while steps < 2 + moment * 2 and child.is_alive():
            now = written_or_again(store)
            steps += now != before
            before = now
            # Leaves the build a core.
            time.sleep(0.005)
        child.kill()
        child.join()
        killed += child.exitcode == -signal.SIGKILL
        assert_readable(store)
    assert killed >= MOMENTS // 2
    assert zs_build(source, store) == 0
    assert_agree(store)
    assert zs_build(source, tmp_path / "full") == 0
    assert tables(store) == tables(tmp_path / "full")


def written_or_again(store: Path) -> int:
    while True:
        try:
            return written(store)
        except FileNotFoundError:
            time.sleep(0.001)


@pytest.mark.parametrize("first", [True, False])
def test_builds_at_the_same_time_lose_nothing(tmp_path, first):
    store = tmp_path / "out"
    store.mkdir()
    source = dump(tmp_path / "d.ndjson", documents(0))
    if not first:
        assert zs_build(source, store) == 0
        dump(source, documents(1))
    children = [start(source, store) for _ in range(3)]
    for child in children:
        child.join()
    assert [child.exitcode for child in children] == [0, 0, 0]
    assert_agree(store)
    assert zs_build(source, tmp_path / "full") == 0
    assert tables(store) == tables(tmp_path / "full")


def test_what_a_killed_writer_left_is_swept_away(tmp_path):
    source = dump(tmp_path / "d.ndjson", documents(0))
    assert zs_build(source, tmp_path / "out") == 0
    staging = tmp_path / "out" / "data-asset-cache" / "_staging"
    old = staging / "left-behind"
    old.write_bytes(b"half a file")
    os.utime(old, (0, 0))
    assert zs_build(source, tmp_path / "out") == 0
    assert not old.exists()


def test_a_path_that_a_killed_build_changed_alone_is_mended(tmp_path):
    """Killed between the fixed path and the facts, and then the source went back."""
    source = dump(tmp_path / "d.ndjson", documents(0))
    out = tmp_path / "out"
    assert zs_build(source, out) == 0
    good = tables(out)
    store = open_store(out)
    key = f"{FOLDER}/qc/subject_id=3/data.pqt"
    store.put(key, b"of the build that was killed")
    known = facts(out, "qc")
    known["pending"] = {"the killed one": ["3"]}
    store.put(f"{FOLDER}/qc.json", json.dumps(known).encode())
    assert zs_build(source, out) == 0
    assert tables(out) == good
    assert_agree(out)


def build_in(home: Path, source: Path, store: Path) -> None:
    os.environ["DAGSTER_HOME"] = str(home)
    zs_build_alone(str(source), str(store))


@pytest.mark.slow
def test_four_first_builds_at_once_in_a_new_home_of_dagster_all_end_well(tmp_path: Path) -> None:
    home, source = tmp_path / "home", dump(tmp_path / "d.ndjson", [document("a")])
    home.mkdir()
    begun = [
        BESIDE.Process(target=build_in, args=(home, source, tmp_path / str(n))) for n in range(4)
    ]
    for process in begun:
        process.start()
    for process in begun:
        process.join()
    assert [process.exitcode for process in begun] == [0, 0, 0, 0]
