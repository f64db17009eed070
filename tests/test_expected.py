"""How often a night is expected, and which runs are tried again."""

import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest
from building import document, dump, registry, zs_build

from zs_pipeline import settings
from zs_pipeline.acorns import ACORNS
from zs_pipeline.orchestration import code_location
from zs_pipeline.orchestration.run_tags import EVERY_HOURS, WILL_RETRY

ROOT = Path(__file__).parents[1]


@pytest.fixture
def instance(tmp_path: Path, monkeypatch) -> Iterator[dg.DagsterInstance]:
    """An instance as `dagster.yaml` sets it up."""
    (tmp_path / "home").mkdir()
    shutil.copy(ROOT / "dagster.yaml", tmp_path / "home")
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    with dg.DagsterInstance.get() as found:
        yield found


def test_a_lost_worker_is_tried_again_and_a_refused_content_is_not(instance, tmp_path):
    names = [f"a{n}" for n in range(40)]
    source, out = dump(tmp_path / "d.ndjson", map(document, names)), tmp_path / "out"
    assert zs_build(source, out) == 0
    dump(source, [document("a1")])
    defs = code_location.definitions(source=str(source), store=str(out))
    job = defs.resolve_job_def("tables")
    refused = job.execute_in_process(instance=instance, raise_on_error=False)
    assert not refused.success
    assert instance.get_run_by_id(refused.run_id).tags[WILL_RETRY] == "false"

    lost = instance.create_run_for_job(job)
    instance.report_run_failed(lost, "the run worker went away")
    assert instance.get_run_by_id(lost.run_id).tags[WILL_RETRY] == "true"
    # Once: the second time it is told.
    tags = {f"dagster/{name}_run_id": lost.run_id for name in ("root", "parent")}
    again = instance.create_run_for_job(
        job, parent_run_id=lost.run_id, root_run_id=lost.run_id, tags=tags
    )
    instance.report_run_failed(again, "the run worker went away")
    assert instance.get_run_by_id(again.run_id).tags[WILL_RETRY] == "false"


def test_a_run_that_is_tried_again_starts_no_other(instance, tmp_path):
    defs = code_location.definitions(source="", store=str(tmp_path / "out"))
    lost = instance.create_run_for_job(defs.resolve_job_def("tables"))
    instance.report_run_failed(lost, "the run worker went away")
    run = instance.get_run_by_id(lost.run_id)
    (ended,) = (
        entry.dagster_event
        for entry in instance.all_logs(lost.run_id)
        if entry.dagster_event and entry.dagster_event.event_type_value == "PIPELINE_FAILURE"
    )
    (sensor,) = (s for s in defs.sensors if s.name == "next_run_after_failure")
    context = dg.build_run_status_sensor_context(sensor.name, ended, instance, run)
    assert "tried again" in sensor(context).skip_message


def test_each_table_has_a_policy_of_the_age_by_which_readers_call_it_stale(monkeypatch):
    def windows() -> set[tuple[timedelta, timedelta]]:
        assets = code_location.definitions().resolve_asset_graph()
        policies = [assets.get(dg.AssetKey(acorn.name)).freshness_policy for acorn in ACORNS]
        return {(p.warn_window.to_timedelta(), p.fail_window.to_timedelta()) for p in policies}

    assert windows() == {(timedelta(hours=30), timedelta(hours=36))}
    monkeypatch.setenv("ZS_EXPECTED_EVERY_HOURS", "4")
    assert windows() == {(timedelta(hours=5), timedelta(hours=6))}


def test_the_daemon_looks_at_policies_and_at_runs_to_try_again(instance):
    assert {"FRESHNESS_DAEMON", "EVENT_LOG_CONSUMER"} <= set(instance.get_required_daemon_types())


def test_one_setting_is_what_the_schedule_and_a_crontab_tell_readers(monkeypatch, tmp_path):
    monkeypatch.setenv("ZS_EXPECTED_EVERY_HOURS", "4")
    nightly = next(s for s in code_location.definitions().schedules if s.name == "nightly")
    assert nightly.tags[EVERY_HOURS] == "4"
    source = dump(tmp_path / "d.ndjson", [document("a")])
    assert zs_build(source, tmp_path / "out") == 0
    assert registry(tmp_path / "out")["expected_every_hours"] == 4


@pytest.mark.parametrize("hours", ["soon", "-1", "0", "nan", "inf"])
def test_what_is_no_number_of_hours_is_refused(hours, monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("ZS_EXPECTED_EVERY_HOURS", hours)
    with pytest.raises(ValueError, match="no number of hours"):
        settings.expected_every_hours()
    source = dump(tmp_path / "d.ndjson", [document("a")])
    assert zs_build(source, tmp_path / "out") == 2
    assert "ZS_EXPECTED_EVERY_HOURS" in capsys.readouterr().err
