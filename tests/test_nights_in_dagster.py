"""Nights by Dagster's daemon: what a run follows, with which configuration, and how soon."""

from itertools import pairwise
from pathlib import Path

import dagster as dg
import pytest
import yaml
from building import document, dump, registry, tables, zs_build
from dagster_server import REPOSITORY, dagster_server

from zs_pipeline.acorns import ACORNS
from zs_pipeline.orchestration import code_location
from zs_pipeline.orchestration.run_tags import BY_COMMAND, EVERY_HOURS, FOLLOWS
from zs_pipeline.settings import sample

NIGHT = ["night", "tables", "platforms", "publish"]


@pytest.mark.slow
def test_a_night_on_another_store_runs_there_to_its_end_and_leaves_the_first_alone(
    tmp_path: Path, record_property
):
    first, second = tmp_path / "first", tmp_path / "second"
    source = dump(tmp_path / "first.ndjson", [document("a", "1")])
    other = dump(tmp_path / "second.ndjson", [document("b", "2"), document("c", "3")])
    assert zs_build(source, first) == 0
    before = registry(first), tables(first)
    config = {
        "resources": {
            "cache": {"config": {"url": str(second)}},
            "source": {"config": {"url": str(other)}},
        }
    }
    environment = {
        "ZS_STORE": str(first),
        "ZS_SOURCE": str(source),
        "ZS_FILES": str(sample() / "files"),
    }
    with dagster_server(tmp_path / "home", **environment) as server:
        server.launch("night", config)
        runs = server.wait(lambda runs: len(runs) == 4 and runs[-1]["status"] == "SUCCESS")

    assert [run["jobName"] for run in runs] == NIGHT
    assert {run["runConfigYaml"] for run in runs} == {runs[0]["runConfigYaml"]}
    assert (registry(first), tables(first)) == before
    published = registry(second)
    assert {acorn["state"] for acorn in published["acorns"]} == {"fresh"}
    assert len(published["acorns"]) == len(before[0]["acorns"])
    # Measured on two cores beside other work: 3 to 6 s, and 15 s before. Kept, not asserted.
    pauses = [
        min(step["startTime"] for step in then["stepStats"]) - run["endTime"]
        for run, then in pairwise(runs)
    ]
    record_property("from the end of a run to the next one's first step", pauses)


def ended(instance, run: dg.DagsterRun) -> dg.DagsterEvent:
    """The event that tells of a run's end."""
    return next(
        entry.dagster_event
        for entry in instance.all_logs(run.run_id)
        if entry.dagster_event
        and entry.dagster_event.event_type_value in ("PIPELINE_SUCCESS", "PIPELINE_FAILURE")
    )


def following(defs: dg.Definitions, instance, run: dg.DagsterRun):
    """What the sensors answer to the end of a run."""
    name = f"next_run_after_{run.status.value.lower()}"
    (sensor,) = (sensor for sensor in defs.sensors if sensor.name == name)
    context = dg.build_run_status_sensor_context(name, ended(instance, run), instance, run)
    return sensor(context)


@pytest.mark.slow
def test_what_follows_a_failed_run_has_its_configuration_and_says_what_it_follows(tmp_path):
    defs = code_location.definitions()
    config = {
        "resources": {
            "cache": {"config": {"url": str(tmp_path / "out")}},
            "source": {"config": {"url": str(tmp_path / "none.ndjson")}},
        },
        "ops": {"quality_control": {"config": {"only": ["1"]}}},
    }
    with dg.DagsterInstance.ephemeral() as instance:
        for tags in ({EVERY_HOURS: "24"}, {BY_COMMAND: "true"}):
            done = defs.resolve_job_def("tables").execute_in_process(
                run_config=config, instance=instance, tags=tags, raise_on_error=False
            )
            answer = following(defs, instance, done.dagster_run)
            assert not done.success
            if BY_COMMAND in tags:
                assert isinstance(answer, dg.SkipReason)
                continue
            assert answer.job_name == "platforms"
            assert answer.run_config == {"resources": config["resources"]}
            assert answer.tags == {EVERY_HOURS: "24", FOLLOWS: done.run_id}


def test_nothing_follows_a_night_by_hand_that_cannot_begin(tmp_path):
    defs = code_location.definitions(source=str(tmp_path / "none.ndjson"), store=str(tmp_path))
    done = defs.resolve_job_def("night").execute_in_process(raise_on_error=False)
    assert not done.success
    following = [sensor for sensor in defs.sensors if sensor.name.startswith("next_run")]
    started = {sensor.name: {job.name for job in sensor.jobs} for sensor in following}
    assert started["next_run_after_success"] == {"tables", "platforms", "publish"}
    assert started["next_run_after_failure"] == {"platforms", "publish"}


def test_the_daemon_looks_for_the_next_run_as_often_as_it_can():
    following = [s for s in code_location.definitions().sensors if s.name.startswith("next_run")]
    assert [sensor.minimum_interval_seconds for sensor in following] == [1, 1]
    settings = yaml.safe_load((REPOSITORY / "dagster.yaml").read_text())
    assert settings["run_coordinator"]["config"]["dequeue_interval_seconds"] == 1
    assert settings["concurrency"]["runs"]["max_concurrent_runs"] == 2


def test_a_night_by_hand_asks_for_no_partition_and_says_what_it_does():
    defs = code_location.definitions()
    night = defs.resolve_job_def("night")
    assert night.partitions_def is None
    assert "press Materialize" in night.description
    assert "`night`" in defs.resolve_job_def("tables").description
    nightly = next(s for s in defs.schedules if s.name == "nightly")
    assert "`night`" in nightly.description


def test_the_deployment_shows_what_it_works_on_before_any_run_and_without_secrets(
    tmp_path, monkeypatch
):
    monkeypatch.setenv("ZS_STORE", str(tmp_path / "out"))
    monkeypatch.setenv("ZS_SOURCE", "mongodb://reader:hunter2hunter2@host/db.documents")
    defs = code_location.definitions()
    shown = defs.resolve_asset_graph().get(dg.AssetKey("deployment")).metadata
    assert shown["store"] == str(tmp_path / "out")
    assert "host/db.documents" in shown["source"]
    assert "hunter2" not in str(shown)
    assert not (tmp_path / "out").exists()

    other = dump(tmp_path / "d.ndjson", [document("a", "1")])
    config = {
        "resources": {
            "cache": {"config": {"url": str(tmp_path / "other")}},
            "source": {"config": {"url": str(other)}},
            "side_files": {"config": {"url": str(sample() / "files")}},
        }
    }
    done = defs.resolve_job_def("night").execute_in_process(run_config=config)
    (event,) = done.asset_materializations_for_node("deployment")
    assert event.metadata["store"].value == str(tmp_path / "other")
    assert event.metadata["source"].value == str(other)


def test_urls_are_configured_in_one_place_and_only_what_is_partitioned_asks_for_partitions():
    job = code_location.definitions().resolve_job_def("tables")
    once = {"side_files": {"config": {"url": "files", "source": "again"}}}
    with pytest.raises(dg.DagsterInvalidConfigError, match="source"):
        dg.validate_run_config(job, {"resources": once})
    for acorn in ACORNS:
        only = {"ops": {acorn.name: {"config": {"only": ["1"]}}}}
        if acorn.partition == "subject_id":
            dg.validate_run_config(job, only)
        else:
            with pytest.raises(dg.DagsterInvalidConfigError):
                dg.validate_run_config(job, only)
