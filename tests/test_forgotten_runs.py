"""The weekly job prunes the store and Dagster's history, which stays quick after 1,000 nights."""

import os
import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from building import document, dump, tables, zs_build

from zs_client.opening import open_store
from zs_pipeline.orchestration import events, history
from zs_pipeline.orchestration.code_location import definitions
from zs_pipeline.orchestration.run_tags import LOCATION

QC = dg.AssetKey("quality_control")
KEYS = [QC, dg.AssetKey("documents"), dg.AssetKey("asset_basics"), dg.AssetKey("squirrel")]
NIGHTS = 1000


def copy_night(home: Path, run_id: str, nights: int) -> None:
    """Write the rows of a run once more for each of so many nights before."""
    runs = home / "history" / "runs"
    for database, table in (("runs.db", "runs"), ("runs/index.db", "event_logs")):
        with closing(sqlite3.connect(home / "history" / database)) as connection:
            connection.row_factory = sqlite3.Row
            chosen = f"SELECT * FROM {table} WHERE run_id = ?"
            rows = [dict(row) for row in connection.execute(chosen, (run_id,))]
            for row in rows:
                del row["id"]
            names = ", ".join(rows[0])
            marks = ", ".join("?" for _ in rows[0])
            insert = f"INSERT INTO {table} ({names}) VALUES ({marks})"
            for days in range(nights, 0, -1):
                values = (list(earlier(row, run_id, days).values()) for row in rows)
                connection.executemany(insert, values)
            connection.commit()
    for days in range(nights, 0, -1):
        # What a run's own file holds is not looked at, and a thousand take room.
        (runs / f"{other(run_id, days)}.db").hardlink_to(runs / f"{run_id}.db")


def other(run_id: str, days: int) -> str:
    return f"{days:08x}{run_id[8:]}"


def earlier(row: dict[str, Any], run_id: str, days: int) -> dict[str, Any]:
    """A row as of another run, so many days before."""
    ago = timedelta(days=days)
    values = {
        name: value.replace(run_id, other(run_id, days)) if isinstance(value, str) else value
        for name, value in row.items()
    }
    for name in ("timestamp", "create_timestamp", "update_timestamp"):
        if values.get(name):
            values[name] = (datetime.fromisoformat(values[name]) - ago).isoformat(sep=" ")
    for name in ("start_time", "end_time"):
        if values.get(name):
            values[name] -= ago.total_seconds()
    return values


def counted(home: Path) -> tuple[int, int]:
    """The numbers of runs and of event rows in the index."""
    numbers = []
    for database, table in (("runs.db", "runs"), ("runs/index.db", "event_logs")):
        with closing(sqlite3.connect(home / "history" / database)) as connection:
            query = f"SELECT count(*) FROM {table}"
            numbers.append(connection.execute(query).fetchone()[0])
    return numbers[0], numbers[1]


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home of Dagster with the history of one night, beside its store and its source."""
    folder = tmp_path_factory.mktemp("night")
    home = folder / "home"
    home.mkdir()
    source = dump(folder / "d.ndjson", [document(f"a{n}", str(n)) for n in range(6)])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAGSTER_HOME", str(home))
        assert zs_build(source, folder / "out", select=["quality_control"]) == 0
    return folder


def of_materialized(instance: dg.DagsterInstance) -> dict[str, str]:
    """The version of each partition of quality_control that Dagster knows."""
    made = instance.fetch_materializations(QC, limit=5000).records
    newest: dict[str, str] = {}
    for record in made:
        one = record.asset_materialization
        if one and one.partition:
            newest.setdefault(one.partition, one.tags["dagster/data_version"])
    assert newest.keys() == instance.get_materialized_partitions(QC)
    return newest


@pytest.mark.slow
def test_a_history_of_1000_nights_has_30_afterwards_and_every_partition(
    night: Path, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    shutil.copytree(night / "home", home)
    with dg.DagsterInstance.from_config(str(home)) as instance:
        first = {run.run_id: run.job_name for run in instance.get_runs()}
        versions = of_materialized(instance)
        assert len(versions) == 6
    runs, rows = counted(home)
    copy_night(home, next(run for run, job in first.items() if job == "tables"), NIGHTS)
    assert counted(home)[0] == runs + NIGHTS
    # The partitions were made on none of the last thirty nights.
    with closing(sqlite3.connect(home / "history" / "runs" / "index.db")) as index:
        index.execute(
            "DELETE FROM event_logs WHERE partition IS NOT NULL AND timestamp > ?",
            (f"{datetime.now(UTC) - timedelta(days=40):%Y-%m-%d %H:%M:%S}",),
        )
        index.commit()
    with (
        dg.DagsterInstance.from_config(str(home)) as instance,
        events.reuse_connections(instance),
    ):
        assert history.forget(instance, "another team's", KEYS) == 0
        assert history.forget(instance, LOCATION, KEYS) == NIGHTS - 29
        assert of_materialized(instance) == versions
        (again,) = instance.fetch_materializations(
            dg.AssetRecordsFilter(QC, asset_partitions=["1"]), limit=5
        ).records
        assert again.asset_materialization
        assert history.MADE_AT in again.asset_materialization.metadata
        assert history.forget(instance, LOCATION, KEYS) == 0
    left = counted(home)
    assert left[0] == runs + 29
    assert left[1] <= 30 * rows + len(versions)
    files = {path.name for path in (home / "history" / "runs").glob("*.db")}
    # That of all runs, and that of what no run reported.
    assert len(files - {"index.db", ".db"}) == left[0]


def test_the_latest_of_a_table_stays_however_old_it_is(night: Path, tmp_path: Path) -> None:
    """Where no night ran for months, what Dagster shows is still what there is."""
    home = tmp_path / "home"
    shutil.copytree(night / "home", home)
    with dg.DagsterInstance.from_config(str(home)) as instance:
        before = {run.run_id for run in instance.get_runs()}
        history.forget(instance, LOCATION, KEYS, days=0)
        left = {run.run_id for run in instance.get_runs()}
        assert left <= before
        for key in KEYS:
            assert instance.get_latest_materialization_event(key)
        assert len(of_materialized(instance)) == 6


@pytest.mark.slow
def test_the_job_prunes_the_store_and_tells_what_there_was(night: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    shutil.copytree(night / "out", out)
    store = open_store(out)
    key = "data-asset-cache/zs-v1.0.0/_objects/qc/" + "0" * 64 + ".pqt"
    store.put(key, b"left by a refused table")
    old = (datetime.now(UTC) - timedelta(days=3)).timestamp()
    os.utime(out / key, (old, old))
    good = tables(out)
    defs = definitions(store=str(out))
    with dg.DagsterInstance.ephemeral() as instance:
        done = defs.resolve_job_def("weekly").execute_in_process(instance=instance)
    (event,) = (e for e in done.all_events if e.is_step_materialization)
    metadata = event.step_materialization_data.materialization.metadata
    assert metadata["objects_before"].value == metadata["objects_after"].value + 1
    assert metadata["runs_removed"].value == 0
    assert not store.exists(key)
    assert tables(out) == good


def test_it_has_a_schedule_of_its_own_and_no_night_makes_it() -> None:
    defs = definitions()
    dg.Definitions.validate_loadable(defs)
    weekly = next(one for one in defs.schedules or () if one.name == "weekly")
    assert (weekly.cron_schedule, weekly.job_name) == ("0 17 * * 0", "weekly")
    for job in ("tables", "platforms", "publish", "night"):
        keys = defs.resolve_job_def(job).asset_layer.selected_asset_keys
        assert dg.AssetKey("prune") not in keys
