"""Full and read-only disks, few open files, killed builds: one sentence, nothing left behind."""

import fcntl
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from building import FOLDER, document, dump, registry, tables, zs_build

import zs_client
from zs_client import remembered
from zs_client.contract import Layout
from zs_client.opening import open_store
from zs_pipeline import scratch
from zs_pipeline.acorns import ACORNS
from zs_pipeline.orchestration import code_location
from zs_pipeline.publishing import squirrel
from zs_pipeline.settings import sample

Disk = Callable[..., Path]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """Makes small disks, which only root may."""
    made: list[Path] = []

    def make(size: str, *options: str) -> Path:
        place = tmp_path / f"disk-{len(made)}"
        place.mkdir()
        words = ["mount", "-t", "tmpfs", "-o", ",".join((f"size={size}", *options)), "tmpfs"]
        if (
            shutil.which("mount") is None
            or subprocess.run([*words, str(place)], capture_output=True, check=False).returncode
        ):
            pytest.skip("no disk can be mounted here")
        made.append(place)
        return place

    yield make
    for place in made:
        subprocess.run(["umount", str(place)], check=False)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return dump(tmp_path / "d.ndjson", [document(f"a{n}", str(n)) for n in range(4)])


@pytest.mark.parametrize("options", [(), ("ro",)], ids=["full", "read-only"])
def test_a_history_that_cannot_be_kept_is_one_sentence(
    disk: Disk, source: Path, tmp_path: Path, options, monkeypatch, capsys
) -> None:
    home = disk("16k", *options)
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    assert zs_build(source, tmp_path / "out") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"zs build: DAGSTER_HOME={home}: no history can be kept there")
    assert list(home.iterdir()) == []
    assert not list((tmp_path / "out").rglob("*.pqt"))


@pytest.mark.parametrize("home", ["none/such", "relative", "a-file"])
def test_a_history_that_is_no_folder_is_one_sentence(
    source: Path, tmp_path: Path, home, monkeypatch, capsys
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "relative").mkdir()
    (tmp_path / "a-file").write_text("")
    place = home if home == "relative" else str(tmp_path / home)
    monkeypatch.setenv("DAGSTER_HOME", place)
    assert zs_build(source, tmp_path / "out") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"zs build: DAGSTER_HOME={place}: no history can be kept there")


@pytest.mark.slow
@pytest.mark.parametrize("size", ["700k", "1100k"])
def test_a_history_that_is_full_in_the_midst_stops_nothing(
    disk: Disk, source: Path, tmp_path: Path, size, monkeypatch, capsys
) -> None:
    assert zs_build(source, tmp_path / "full") == 0
    monkeypatch.setenv("DAGSTER_HOME", str(disk(size)))
    assert zs_build(source, tmp_path / "out") == 0
    assert "the build goes on without it" in capsys.readouterr().out
    assert tables(tmp_path / "out") == tables(tmp_path / "full")


@pytest.mark.parametrize("options", [(), ("ro",)], ids=["full", "read-only"])
def test_a_store_that_takes_nothing_is_one_sentence(
    disk: Disk, source: Path, options, capsys
) -> None:
    place = disk("16k", *options)
    assert zs_build(source, place) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"zs build: {place}: nothing can be written there")
    assert [path for path in place.rglob("*") if path.is_file()] == []


@pytest.mark.slow
def test_a_store_that_is_full_in_the_midst_is_named_and_whole_when_there_is_room(
    disk: Disk, source: Path, tmp_path: Path, capsys
) -> None:
    assert zs_build(source, tmp_path / "room") == 0
    place = disk("400k")
    assert zs_build(source, place) == 1
    said = capsys.readouterr()
    failed = [line for line in (said.out + said.err).splitlines() if "No space left" in line]
    assert failed
    assert all(str(place) in line and line.endswith("; make room") for line in failed)
    subprocess.run(["mount", "-o", "remount,size=64m", str(place)], check=True)
    assert zs_build(source, place) == 0
    assert tables(place) == tables(tmp_path / "room")


def command(source: Path, store: Path, **variables: str) -> dict[str, str]:
    named = {"ZS_SOURCE": str(source), "ZS_STORE": str(store), "ZS_FILES": str(sample() / "files")}
    return {**os.environ, **named, **variables}


BUILD = [sys.executable, "-m", "zs_client.cli", "build"]


@pytest.mark.parametrize("limit", [16, 24, 48])
def test_few_open_files_are_one_sentence_that_says_what_to_raise(
    source: Path, tmp_path: Path, limit: int
) -> None:
    def few() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))

    done = subprocess.run(
        BUILD,
        env=command(source, tmp_path / "out"),
        preexec_fn=few,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "ulimit -n" in line


@pytest.mark.slow
def test_a_limit_that_may_be_raised_is(source: Path, tmp_path: Path) -> None:
    def few() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (32, 1024))

    done = subprocess.run(
        BUILD,
        env=command(source, tmp_path / "out"),
        preexec_fn=few,
        check=False,
        stdout=subprocess.DEVNULL,
    )
    assert done.returncode == 0


def test_folders_that_nobody_owns_are_removed(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    for name in ("killed", "locked", "young"):
        (tmp_path / f"data-asset-cache-{name}").mkdir()
        (tmp_path / f"data-asset-cache-{name}" / "lock").touch()
    for name in ("killed", "locked"):
        os.utime(tmp_path / f"data-asset-cache-{name}", (0, 0))
    with (tmp_path / "data-asset-cache-locked" / "lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with scratch.folder() as made:
            left = {path.name.removeprefix("data-asset-cache-") for path in tmp_path.iterdir()}
    assert left == {"locked", "young", made.name.removeprefix("data-asset-cache-")}
    assert not made.exists()
    with scratch.folder():
        assert not (tmp_path / "data-asset-cache-locked").exists()


@pytest.mark.slow
def test_a_build_that_is_killed_leaves_nothing_that_the_next_does_not_find(tmp_path: Path) -> None:
    source = dump(tmp_path / "d.ndjson", [document(f"a{n}", str(n)) for n in range(2000)])
    here = tmp_path / "tmp"
    here.mkdir()
    variables = command(source, tmp_path / "out", TMPDIR=str(here))
    (tmp_path / "out").mkdir()
    child = subprocess.Popen(BUILD, env=variables, stdout=subprocess.DEVNULL)
    while not list((tmp_path / "out").rglob("*.pqt")):
        time.sleep(0.02)
    child.send_signal(signal.SIGKILL)
    child.wait()
    left = list(here.iterdir())
    assert left
    assert all(path.name.startswith("data-asset-cache-") for path in left)
    for path in left:
        os.utime(path, (0, 0))
    dump(source, [document("a")])
    again = subprocess.run([*BUILD, "--accept-shrink"], env=variables, check=False)
    assert again.returncode == 0
    assert list(here.iterdir()) == []


# A store that a schedule keeps.


@pytest.fixture(scope="module")
def built_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kept")
    assert zs_build(dump(folder / "d.ndjson", [document("a")]), folder / "out") == 0
    return folder / "out"


@pytest.fixture
def kept(built_once: Path, tmp_path: Path) -> Path:
    """A store that was published by a schedule."""
    out = shutil.copytree(built_once, tmp_path / "out")
    squirrel.publish(open_store(out), Layout("1.0.0"), ACORNS, expected_every_hours=24)
    return out


def aged(out: Path, hours: float) -> None:
    """Let a store lie for some hours."""
    when = (datetime.now(UTC) - timedelta(hours=hours)).isoformat(timespec="seconds")
    for path in (out / FOLDER).glob("*.json"):
        store, key = open_store(out), f"{FOLDER}/{path.name}"
        text = store.get(key).decode()
        for name in ("checked_at", "published_at"):
            found = text.split(f'"{name}": "')
            text = found[0] + "".join(f'"{name}": "{when}"' + x.split('"', 1)[1] for x in found[1:])
        store.put(key, text.encode())


def stale(out: Path) -> set[str]:
    return {one.state for one in zs_client.status(out)}


@pytest.mark.parametrize(("hours", "state"), [(30, "fresh"), (37, "stale")])
def test_a_store_that_its_schedule_left_is_stale_by_age(kept: Path, hours, state, monkeypatch):
    aged(kept, hours)
    assert stale(kept) == {state}
    monkeypatch.setenv("ZS_STORE", str(kept))
    remembered.forget()
    if state == "stale":
        with pytest.warns(zs_client.StaleTable, match="37 hours ago.*every 24 hours"):
            rows = zs_client.asset_basics()
        pinned = registry(kept)["snapshot"]
        assert zs_client.asset_basics(snapshot=pinned).attrs["state"] == "fresh"
    else:
        rows = zs_client.asset_basics()
    assert rows.attrs["state"] == state


def test_a_store_built_by_hand_or_an_older_version_does_not_age(kept: Path, source, tmp_path):
    by_hand = tmp_path / "by-hand"
    assert zs_build(source, by_hand) == 0
    aged(by_hand, 1000)
    assert stale(by_hand) == {"fresh"}
    aged(kept, 1000)
    open_store(kept).put("data-asset-cache/zombie-squirrels.json", b'["zs-v1.0.0", "zs-v2.0.0"]')
    assert stale(kept) == {"fresh"}


def test_a_build_by_hand_between_two_nights_leaves_the_schedule_as_it_is(kept: Path, source):
    assert zs_build(source, kept) == 0
    assert registry(kept)["expected_every_hours"] == 24


def test_a_night_of_the_schedule_says_how_often_it_comes(source: Path, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    out = tmp_path / "out"
    defs = code_location.definitions(source=str(source), store=str(out))
    with dg.DagsterInstance.local_temp(str(tmp_path / "home")) as instance:
        nightly = next(s for s in defs.schedules if s.name == "nightly")
        ticked = dg.build_schedule_context(instance, datetime(2026, 1, 1, 9, tzinfo=UTC))
        (request,) = nightly.evaluate_tick(ticked).run_requests
        tags = request.tags
        for name in ("tables", "platforms", "publish"):
            job = defs.resolve_job_def(name)
            done = job.execute_in_process(instance=instance, tags=tags)
            (ended,) = (
                entry.dagster_event
                for entry in instance.all_logs(done.run_id)
                if entry.dagster_event
                and entry.dagster_event.event_type_value == "PIPELINE_SUCCESS"
            )
            (sensor,) = (s for s in defs.sensors if s.name == "next_run_after_success")
            if name != "publish":
                context = dg.build_run_status_sensor_context(
                    sensor.name, ended, instance, done.dagster_run
                )
                tags = sensor(context).tags
    assert registry(out)["expected_every_hours"] == 24
