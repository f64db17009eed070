"""Rows that Dask's workers make are those that this machine makes; a worker may be lost."""

import importlib.util
import operator
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from building import document, dump, facts, tables, zs_build
from source_servers import free_port

from zs_client.contract import Layout, __version__
from zs_client.opening import open_store
from zs_pipeline import arrow, dask_engine, processes, run_scope
from zs_pipeline.acorns import CATALOGUE
from zs_pipeline.dask_engine import EngineError, StoredShard
from zs_pipeline.documents import fetching
from zs_pipeline.documents import state as documents
from zs_pipeline.side_files.files import Files
from zs_pipeline.tables.build import build
from zs_pipeline.tables.inputs import Surroundings

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        importlib.util.find_spec("distributed") is None, reason="distributed is not installed"
    ),
]


LAYOUT = Layout(__version__)


class Cluster:
    """A scheduler and two workers, each a process, over TCP."""

    def __init__(self, folder: Path) -> None:
        port = free_port()
        self.url, self._folder = f"dask://127.0.0.1:{port}", folder
        self.scheduler = self._start("dask_scheduler", "--port", str(port))
        self.workers = [
            self._start(
                "dask_worker",
                f"tcp://127.0.0.1:{port}",
                *("--nthreads", threads, "--no-nanny", "--local-directory", str(folder)),
            )
            for threads in ("1", "2")
        ]
        self.client = dask_engine.connect(self.url)
        self.client.wait_for_workers(2, timeout=60)

    def _start(self, name: str, *words: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", f"distributed.cli.{name}", *words, "--no-dashboard"]
        with (self._folder / f"{name}.log").open("ab") as log:
            return subprocess.Popen(command, stdout=log, stderr=log)

    def close(self) -> None:
        self.client.close()
        for process in (*self.workers, self.scheduler):
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    cluster = Cluster(tmp_path_factory.mktemp("dask"))
    yield cluster
    cluster.close()


@pytest.fixture
def cluster(shared: Cluster, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    """A cluster that makes the rows of any number of documents."""
    monkeypatch.setenv("ZS_ENGINE", shared.url)
    monkeypatch.setattr(processes, "WORTH", 0)
    return shared


def some() -> list[dict]:
    """Returns documents, of which some are not plain JSON, and one cannot be kept."""
    deep: list = []
    for _ in range(300):
        deep = [deep]
    odd = [
        {"_created": {"$date": "2025-01-01T00:00:00Z"}, "location": {"$oid": "5" * 24}},
        {"quality_control": {"metrics": [{"name": 10**30, "value": float("nan")}]}},
        {"quality_control": {"metrics": [{"name": "deep", "value": deep}]}},
    ]
    return [
        document(f"a{n}", f"70000{n % 7}" if n % 5 else None, **(odd[n] if n < len(odd) else {}))
        for n in range(40)
    ]


def shards_in(store: Path) -> dict[str, bytes]:
    return {
        path.relative_to(store).as_posix(): path.read_bytes()
        for path in store.rglob("shards/*/*.pqt")
    }


def test_workers_write_the_same_bytes_also_when_one_is_killed(cluster, tmp_path, monkeypatch):
    made = some()
    source = dump(tmp_path / "first.ndjson", made)
    for one in made[::3]:
        one["_last_modified"] = "2025-02-02T00:00:00.000Z"
        one["quality_control"]["metrics"][0]["name"] = "changed"
    changed = dump(tmp_path / "changed.ndjson", made)
    # So that workers read shards, also of few documents.
    monkeypatch.setattr(documents, "FEW", 0)
    # So that the build's process reads some of the documents, too.
    monkeypatch.setattr(fetching, "UNREAD_BYTES", source.stat().st_size // 2)
    (tmp_path / "workers").mkdir()
    (tmp_path / "alone").mkdir()
    first = cluster.workers[0]

    def kill() -> None:
        while not list((tmp_path / "workers").rglob("shards/*")):
            time.sleep(0.01)
        first.send_signal(signal.SIGKILL)

    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    seen = [zs_build(each, tmp_path / "workers") for each in (source, changed)]
    assert seen == [0, 0]
    killer.join()
    assert first.wait(30) == -signal.SIGKILL
    monkeypatch.delenv("ZS_ENGINE")
    monkeypatch.setattr(processes, "WORTH", 10**9)
    assert [zs_build(each, tmp_path / "alone") for each in (source, changed)] == [0, 0]
    assert tables(tmp_path / "workers") == tables(tmp_path / "alone") != {}
    # One of the documents is nested too deeply to be kept.
    assert facts(tmp_path / "alone", "asset_basics")["rows"] == len(made) - 1
    assert shards_in(tmp_path / "workers") == shards_in(tmp_path / "alone") != {}


def test_workers_put_files_and_bring_back_lost_ones(cluster, tmp_path, monkeypatch):
    monkeypatch.setattr(documents, "FEW", 0)
    store, source = open_store(tmp_path), dump(tmp_path / "d.ndjson", some())
    assert zs_build(source, tmp_path) == 0
    first = tables(tmp_path)
    lost = facts(tmp_path, "qc")["partitions"]["700003"]["sha256"]
    store.delete([LAYOUT.object("qc", lost), LAYOUT.partition("qc", "subject_id", "700003")])
    assert len(tables(tmp_path)) == len(first) - 1
    assert zs_build(source, tmp_path) == 0
    assert tables(tmp_path) == first
    # The bytes of files stay where they were made.
    around = Surroundings(store, LAYOUT, CATALOGUE, Files(str(tmp_path)), lambda *_: ())
    with run_scope.entered():
        update = build(CATALOGUE.by_name["quality_control"], around, only=["700001", "700002"])
        contents = [partition.content for partition in update.partitions]
    assert [type(content) for content in contents] == [arrow.StoredFile] * 2
    assert all(content.is_reused for content in contents)


def test_results_come_in_order_from_other_processes_and_work_is_drawn_as_there_is_room(cluster):
    drawn = 0

    def work() -> Iterator[tuple[int, int]]:
        nonlocal drawn
        for number in range(200):
            drawn += 1
            yield number, 2

    with run_scope.entered():
        results = processes.map_ordered(operator.mul, work(), 200)
        assert next(results) == 0
        assert drawn < 50
        assert list(results) == [2 * number for number in range(1, 200)]
        assert os.getpid() not in processes.map_ordered(os.getpid, [()] * 9, 9)


def test_workers_of_other_code_are_refused(cluster, monkeypatch):
    monkeypatch.setattr(dask_engine, "code_version", lambda: "another")
    with run_scope.entered(), pytest.raises(EngineError, match=r"other code than .* another"):
        list(processes.map_ordered(str, [(1,)], 1))


def test_an_error_on_a_worker_is_the_error(cluster):
    with run_scope.entered(), pytest.raises(ZeroDivisionError):
        list(processes.map_ordered(divmod, [(1, 0)], 1))


def test_a_store_that_workers_cannot_read_is_named(cluster, tmp_path):
    shard = StoredShard(str(tmp_path), "none")
    with run_scope.entered(), pytest.raises(EngineError, match=r"cannot read .*none"):
        list(processes.map_ordered(len, [(shard,)], 1))


def test_a_store_that_workers_cannot_write_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(EngineError, match=r"cannot write .*file/key"):
        dask_engine.put_object(str(tmp_path / "file"), "key", b"")


def test_no_worker_puts_into_the_memory_of_another_process(monkeypatch):
    monkeypatch.setenv("ZS_ENGINE", "dask://127.0.0.1:1")
    assert processes.put_objects(open_store("memory://dask"), 10**6) is False


def test_a_cluster_without_workers_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(dask_engine, "_LOOK_SECONDS", 0.2)
    monkeypatch.setattr(dask_engine, "_LOOKS", 2)
    cluster = Cluster(tmp_path)
    try:
        for worker in cluster.workers:
            worker.kill()
        with pytest.raises(EngineError, match="has had no worker"):
            list(dask_engine.map_ordered(cluster.client, str, [(1,)]))
    finally:
        cluster.close()


def test_a_scheduler_that_is_lost_is_told(tmp_path):
    cluster = Cluster(tmp_path)
    try:
        results = dask_engine.map_ordered(cluster.client, time.sleep, [(0.1,)] * 100)
        next(results)
        cluster.scheduler.kill()
        with pytest.raises(EngineError, match="scheduler of ZS_ENGINE was lost"):
            list(results)
    finally:
        cluster.close()


def test_workers_with_another_library_have_other_code(monkeypatch):
    own = dask_engine.code_version()
    monkeypatch.setattr(dask_engine, "version", lambda name: f"{name} of tomorrow")
    dask_engine.code_version.cache_clear()
    try:
        assert dask_engine.code_version() != own
    finally:
        dask_engine.code_version.cache_clear()


def test_a_build_whose_scheduler_does_not_answer_is_refused_before_it_begins(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(dask_engine, "_CONNECT_SECONDS", 1)
    monkeypatch.setenv("ZS_ENGINE", f"dask://127.0.0.1:{free_port()}")
    source = dump(tmp_path / "d.ndjson", some())
    assert zs_build(source, tmp_path / "out") == 2
    assert "no Dask scheduler answered" in capsys.readouterr().err
    assert not (tmp_path / "out").exists() or not tables(tmp_path / "out")
