"""Rows are made in processes beside the build, where that is worth it, and come out the same."""

import importlib
import operator
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from building import document, dump, tables, zs_build

from zs_pipeline import processes, run_scope
from zs_pipeline.documents import state as documents

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
