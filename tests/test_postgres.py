"""Dagster's history on Postgres: nights as on SQLite, over few connections."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from zs_pipeline.settings import sample

pytest_plugins = ("postgres",)
pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]


@pytest.fixture
def documents(tmp_path: Path) -> Path:
    """The sample, of which a test changes what it likes."""
    return Path(shutil.copytree(sample(), tmp_path / "sample")) / "documents.ndjson"


def night(documents: Path, home: Path, store: Path) -> None:
    """Run `zs build` in a process of its own."""
    store.mkdir(exist_ok=True)
    words = [
        "build",
        "--source",
        documents,
        "--store",
        store,
        "--files",
        documents.parent / "files",
    ]
    done = subprocess.run(
        [sys.executable, "-m", "zs_client.cli", *words],
        env={**os.environ, "DAGSTER_HOME": str(home), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def history(home: Path) -> dict[str, object]:
    """Returns what Dagster knows of a home's runs and tables."""
    with dg.DagsterInstance.from_config(str(home)) as instance:
        runs = instance.get_runs()
        partitioned = [dg.AssetKey(name) for name in ("quality_control", "qc_tag_status")]
        return {
            "runs": sorted((run.job_name, run.status.value) for run in runs),
            "events": {
                run.job_name: sorted(
                    event.dagster_event.event_type_value
                    for event in instance.all_logs(run.run_id)
                    if event.dagster_event
                )
                for run in runs
            },
            "partitions": {
                key.to_user_string(): sorted(instance.get_materialized_partitions(key))
                for key in partitioned
            },
        }


def test_a_night_leaves_the_history_that_it_leaves_on_sqlite(postgres, documents, tmp_path):
    homes = postgres.home(tmp_path / "server", "same"), tmp_path / "file"
    homes[1].mkdir()
    for home in homes:
        night(documents, home, tmp_path / f"store of {home.name}")
    on_postgres, on_sqlite = map(history, homes)
    assert on_postgres["runs"] == [(n, "SUCCESS") for n in ("platforms", "publish", "tables")]
    assert len(on_postgres["partitions"]["quality_control"]) > 5
    assert on_postgres == on_sqlite


def test_a_night_needs_few_connections(postgres, documents, tmp_path):
    home, store = postgres.home(tmp_path / "server", "few"), tmp_path / "store"
    night(documents, home, store)
    query = "select sessions from pg_stat_database where datname = 'few'"
    ((before,),) = postgres.run(query)
    night(documents, home, store)
    ((after,),) = postgres.run(query)
    # 1,130 where each event has one of its own.
    assert 0 < after - before < 60
