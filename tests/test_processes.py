"""Rows are made in processes beside the build, where that is worth it, and come out the same."""

import importlib
import operator
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from building import FOLDER, document, dump, tables, zs_build

from zs_client.opening import open_store
from zs_pipeline import arrow, processes, run_scope
from zs_pipeline.catalogue import Catalogue
from zs_pipeline.declaration import Acorn, ByDocument, Column, Expected, OfName, Read
from zs_pipeline.documents import state as documents
from zs_pipeline.documents.update import update
from zs_pipeline.orchestration import code_location
from zs_pipeline.source.choice import open_source

BEGUN = """
import os, sys, time
from zs_pipeline import processes, run_scope

processes.WORTH, processes.count = 0, lambda: 2
with run_scope.entered():
    print(*processes.map_ordered(os.getpid, [()], 1), flush=True)
    time.sleep(60)
"""


@pytest.fixture
def beside(monkeypatch: pytest.MonkeyPatch) -> None:
    """One process beside this one, for any number of documents."""
    monkeypatch.setattr(processes, "WORTH", 0)
    monkeypatch.setattr(processes, "count", lambda: 2)


def gone(pid: int, seconds: float = 30) -> bool:
    """Whether a process ends in time; one that ended and was not waited for counts as gone."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return True
        if state == "Z":
            return True
        time.sleep(0.05)
    return False


@pytest.mark.slow
def test_builds_with_processes_write_the_same_bytes(tmp_path, monkeypatch):
    made = [document(f"a{n}", f"70000{n % 7}" if n % 5 else None) for n in range(40)]
    source = dump(tmp_path / "first.ndjson", made)
    # Of each shard some documents change, and are not found together beforehand.
    for one in made[::3]:
        one["_last_modified"] = "2025-02-02T00:00:00.000Z"
        one["quality_control"]["metrics"][0]["name"] = "changed"
    changed = dump(tmp_path / "changed.ndjson", made)
    monkeypatch.setattr(documents, "FEW", 0)
    monkeypatch.setattr(processes, "count", lambda: 3)
    first, second = [], []
    for name, worth in (("alone", 10**9), ("beside", 0)):
        monkeypatch.setattr(processes, "WORTH", worth)
        (tmp_path / name).mkdir()
        assert zs_build(source, tmp_path / name) == 0
        first.append(tables(tmp_path / name))
        assert zs_build(changed, tmp_path / name) == 0
        second.append(tables(tmp_path / name))
    assert first[0] == first[1]
    assert second[0] == second[1] != first[0]
    assert sum("qc/subject_id=" in key for key in second[0]) == 8


def test_few_documents_are_worked_on_in_this_process():
    assert (
        list(processes.map_ordered(os.getpid, [(), ()], processes.WORTH - 1)) == [os.getpid()] * 2
    )


def test_many_are_worked_on_in_this_one_and_in_others(beside):
    # The first ones go to the other, and this one helps when that has enough to do.
    work = [(0.2,)] * 2 + [(0.0,)] * 20
    with run_scope.entered():
        began = list(processes.map_ordered(os.getpid, [()], 1))
        assert os.getpid() not in began
        assert list(processes.map_ordered(os.getpid, [()], 1)) == began
        assert len(list(processes.map_ordered(time.sleep, work, 22))) == 22


def test_results_come_in_order_and_work_is_drawn_as_there_is_room(beside):
    drawn = 0

    def work():
        nonlocal drawn
        for number in range(200):
            drawn += 1
            yield number, 2

    made = processes.map_ordered(operator.mul, work(), 200)
    assert next(made) == 0
    assert drawn < 20
    assert list(made) == [2 * number for number in range(1, 200)]


def test_an_error_in_another_process_is_the_error(beside):
    with pytest.raises(ZeroDivisionError):
        list(processes.map_ordered(operator.truediv, [(1, 0)], 1))


def test_a_process_that_ends_by_itself_is_told_and_the_next_work_is_done(beside):
    with run_scope.entered():
        with pytest.raises(processes.ProcessLost, match="build again"):
            list(processes.map_ordered(os._exit, [(3,)], 1))
        assert list(processes.map_ordered(operator.add, [(1, 2)], 1)) == [3]


DIES_ONCE = """
import os, sys
from pathlib import Path

def add(flag, a, b):
    if a == 7 and not Path(flag).exists():
        Path(flag).touch()
        os._exit(3)
    return a + b
"""


def test_what_a_lost_process_had_is_done_again_once(beside, tmp_path, monkeypatch):
    (tmp_path / "dies_once.py").write_text(DIES_ONCE)
    monkeypatch.syspath_prepend(tmp_path)
    add = importlib.import_module("dies_once").add
    # The others wait for it, so that this process does not take the work that is lost.
    monkeypatch.setattr(processes, "AHEAD", 100)
    with run_scope.entered():
        work = [(str(tmp_path / "flag"), number, 1) for number in range(40)]
        assert list(processes.map_ordered(add, work, 40)) == list(range(1, 41))
    assert (tmp_path / "flag").exists()


def test_a_daemonic_process_makes_rows_itself():
    code = """
import multiprocessing, os
from zs_pipeline import processes
processes.WORTH, processes.count = 0, lambda: 2

def made(queue):
    queue.put((os.getpid(), list(processes.map_ordered(os.getpid, [()], 1))))

if __name__ == "__main__":
    queue = multiprocessing.Queue()
    child = multiprocessing.get_context("fork").Process(target=made, args=(queue,), daemon=True)
    child.start()
    pid, pids = queue.get(timeout=30)
    assert pids == [pid] != [os.getpid()], pids
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def processes_of_rows(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield {"name": document["name"], "made_by": os.getpid()}


MADE_BY = Acorn(
    name="made_by",
    description="Which process made a row.",
    type="metadata",
    columns=(Column("name", "string", "The name."), Column("made_by", "int64", "A process.")),
    key=(),
    kind=ByDocument(
        rows=processes_of_rows, reads=(Read("name", Expected.TEXT),), reuse=OfName("name")
    ),
)


def own_process_for_each_step() -> dg.JobDefinition:
    """A job whose only step would be worth a process beside its own; imported there, too."""
    processes.WORTH, processes.count = 0, lambda: 2
    catalogue = Catalogue([MADE_BY])
    defs = code_location.definitions(catalogue)
    beside = dg.define_asset_job(
        "beside", selection=["made_by"], executor_def=dg.multiprocess_executor
    )
    merged = dg.Definitions(assets=defs.assets, resources=defs.resources, jobs=[beside])
    return merged.resolve_job_def("beside")


@pytest.mark.slow
def test_a_step_with_a_process_of_its_own_starts_no_others(tmp_path, monkeypatch):
    for name in ("WORTH", "count"):
        monkeypatch.setattr(processes, name, getattr(processes, name))
    source = dump(tmp_path / "d.ndjson", [document(f"a{n}") for n in range(3)])
    # From where Dagster finds this module.
    monkeypatch.chdir(Path(__file__).parent)
    reads, out = Catalogue([MADE_BY]).reads, tmp_path / "out"
    out.mkdir()
    monkeypatch.setenv("ZS_STORE", str(out))
    update(open_store(out), open_source(str(source), reads.paths), reads)
    with dg.instance_for_test(temp_dir=str(tmp_path)) as instance:
        job = dg.reconstructable(own_process_for_each_step)
        result = dg.execute_job(job, instance, raise_on_error=True)
        started = result.filter_events(
            lambda event: event.event_type_value == "STEP_WORKER_STARTED"
        )
    (step,) = {int(event.event_specific_data.metadata["pid"].value) for event in started}
    content = arrow.decode((out / FOLDER / "made_by.pqt").read_bytes())
    assert content["made_by"].to_pylist() == [step] * 3
    assert step != os.getpid()


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_processes_end_with_the_block_that_held_them(beside):
    with run_scope.entered():
        (pid,) = processes.map_ordered(os.getpid, [()], 1)
        assert not gone(pid, 0.2)
    assert gone(pid)


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_processes_end_when_the_build_is_killed():
    command = [sys.executable, "-c", BEGUN]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as build:
        assert build.stdout is not None
        pid = int(build.stdout.readline())
        assert pid != build.pid
        assert not gone(pid, 0.2)
        build.send_signal(signal.SIGKILL)
    assert gone(pid)
