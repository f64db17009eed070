"""Which partitions a run wrote, as Dagster knows it: in a batch, on disk and in memory."""

import sqlite3
import sys
from contextlib import closing

import dagster as dg
import pytest
import sqlalchemy

from zs_pipeline.orchestration import event_log, events

ASSET = dg.AssetKey("qc")
SUBJECTS = dg.DynamicPartitionsDefinition(name="subject_id")


class Reports(dg.IOManager):
    def __init__(self, instance):
        self.instance = instance

    def handle_output(self, context, obj):
        shown = {
            key: {"dagster/row_count": rows, "sha256": f"{key}-{rows}"} for key, rows in obj.items()
        }
        events.report(context, shown, self.instance)

    def load_input(self, context):
        raise NotImplementedError


@dg.io_manager
def reports(context):
    return Reports(context.instance)


@pytest.fixture(params=["known", "another release", "a moved import", "a changed storage"])
def inside(request, monkeypatch):
    """Whether Dagster is one that `event_log` is written for."""
    if request.param == "another release":
        monkeypatch.setattr(dg, "__version__", "1.99.0")
    elif request.param == "a moved import":
        monkeypatch.setitem(sys.modules, "zs_pipeline.orchestration.event_log", None)
        monkeypatch.delattr("zs_pipeline.orchestration.event_log", raising=False)
    elif request.param == "a changed storage":
        monkeypatch.setattr(event_log, "_USED", dict.fromkeys(event_log._USED, ("gone",)))
    return request.param == "known"


@pytest.fixture(params=["disk", "memory"])
def instance(request, tmp_path):
    if request.param == "memory":
        opened = dg.DagsterInstance.ephemeral()
    else:
        opened = dg.DagsterInstance.local_temp(str(tmp_path))
    with opened:
        yield opened


def run(instance, rows: dict[str, int]) -> dg.ExecuteInProcessResult:
    @dg.asset(name="qc", partitions_def=SUBJECTS, io_manager_key="reports")
    def qc() -> dict[str, int]:
        return rows

    instance.add_dynamic_partitions("subject_id", [str(n) for n in range(2000)])
    defs = dg.Definitions(
        assets=[qc], resources={"reports": reports}, executor=dg.in_process_executor
    )
    job = defs.resolve_implicit_global_asset_job_def()
    return job.execute_in_process(instance=instance, asset_selection=[ASSET])


@pytest.mark.parametrize(
    "count", [0, 1, 2, event_log.BATCH, event_log.BATCH + 1, 3 * event_log.BATCH]
)
def test_every_partition_is_known_with_its_rows(instance, count):
    rows = {str(n): n for n in range(count)}

    result = run(instance, rows)

    assert result.success
    assert instance.get_materialized_partitions(ASSET) == set(rows)
    records = instance.fetch_materializations(ASSET, limit=3000).records
    stored = {
        record.partition_key: record.asset_materialization.metadata["dagster/row_count"].value
        for record in records
        if record.partition_key
    }
    assert stored == rows
    of_result = [e.partition for e in result.all_events if e.is_step_materialization]
    assert of_result == [None]
    of_run = [
        entry.dagster_event.partition
        for entry in instance.all_logs(result.run_id)
        if entry.is_dagster_event and entry.dagster_event.is_step_materialization
    ]
    assert of_run == [*rows, None]


def test_with_a_dagster_that_is_not_known_the_same_is_told_in_public_calls(
    instance, inside, caplog
):
    with events.reuse_connections(instance):
        result = run(instance, {"1": 1, "2": 0, "3": 3})

    assert result.success
    assert instance.get_materialized_partitions(ASSET) == {"1", "2", "3"}
    records = instance.fetch_materializations(ASSET, limit=10).records
    stored = {
        record.partition_key: record.asset_materialization.metadata["dagster/row_count"].value
        for record in records
        if record.partition_key
    }
    assert stored == {"1": 1, "2": 0, "3": 3}
    told = [
        e for e in instance.all_logs(result.run_id) if "not known from inside" in e.user_message
    ]
    assert len(told) == (0 if inside else 1)


def test_a_partition_that_was_written_again_has_the_later_rows(instance):
    run(instance, {"1": 1, "2": 2})

    run(instance, {"2": 5})

    assert instance.get_materialized_partitions(ASSET) == {"1", "2"}
    latest = instance.fetch_materializations(
        dg.AssetRecordsFilter(asset_key=ASSET, asset_partitions=["2"]), limit=1
    ).records
    assert latest[0].asset_materialization.metadata["dagster/row_count"].value == 5
    assert instance.get_latest_materialization_event(ASSET) is not None


def test_more_than_30000_keys():
    with dg.DagsterInstance.ephemeral() as instance:
        keys = [str(n) for n in range(30_500)]
        instance.add_dynamic_partitions("subject_id", keys)

        result = run(instance, dict.fromkeys(keys[:3], 1))

        assert result.success
        assert instance.get_materialized_partitions(ASSET) == set(keys[:3])
        assert len(instance.get_dynamic_partitions("subject_id")) == 30_500


def test_an_event_log_that_is_held_open_keeps_what_it_is_told_and_is_let_go(tmp_path):
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        with events.reuse_connections(instance), events.reuse_connections(instance):
            first = run(instance, {"1": 1})
            # Another process reads beside it, and writes.
            with dg.DagsterInstance.local_temp(str(tmp_path)) as other:
                assert other.get_materialized_partitions(ASSET) == {"1"}
                run(other, {"2": 2})
            assert instance.get_materialized_partitions(ASSET) == {"1", "2"}

        assert first.success
        assert "_connect" not in vars(instance.event_log_storage)
        run(instance, {"3": 3})
        assert instance.get_materialized_partitions(ASSET) == {"1", "2", "3"}


def test_a_run_that_is_held_open_has_the_database_that_dagster_makes(tmp_path):
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        by_dagster = run(instance, {"1": 1})
        with events.reuse_connections(instance):
            made = [by_dagster, run(instance, {"2": 2}), run(instance, {"3": 3})]
        paths = [instance.event_log_storage.path_for_shard(one.run_id) for one in made]

        assert len({tuple(made_of(path)) for path in paths}) == 1
        told = [len(instance.all_logs(one.run_id)) for one in made]
        assert told[0] == told[1] == told[2] > 0


def made_of(path: str) -> list[tuple[str, ...]]:
    """The tables and indexes of a database, its revision and how it keeps its journal."""
    with closing(sqlite3.connect(path)) as opened:
        return [
            *opened.execute("SELECT name, sql FROM sqlite_master ORDER BY name"),
            *opened.execute("SELECT version_num FROM alembic_version"),
            *opened.execute("PRAGMA journal_mode"),
        ]


def test_a_table_that_dagster_makes_meanwhile_is_seen(tmp_path):
    with (
        dg.DagsterInstance.local_temp(str(tmp_path)) as instance,
        events.reuse_connections(instance),
    ):
        storage = instance.event_log_storage
        assert not storage.has_table("later")
        with storage.index_connection() as connection:
            connection.execute(sqlalchemy.text("CREATE TABLE later (id INTEGER)"))

        assert storage.has_table("later")
        assert storage.supports_asset_checks
    assert "has_table" not in vars(storage)
