"""What a person sees in Dagster: of one partition, of a failure, of what changed."""

from itertools import pairwise
from pathlib import Path

import dagster as dg
import pytest
from building import FOLDER, document, dump, facts, zs_build
from dagster_server import dagster_server

from zs_client.contract import encode_partition
from zs_pipeline.acorns import ACORNS, CATALOGUE
from zs_pipeline.acorns.platform_qc import PLATFORMS
from zs_pipeline.orchestration import code_location, event_log, partitions
from zs_pipeline.publishing import currency
from zs_pipeline.settings import sample

QC = dg.AssetKey("quality_control")
DOCUMENTS = dg.AssetKey("documents")


@pytest.fixture
def instance(tmp_path: Path):
    (tmp_path / "dagster").mkdir()
    with dg.DagsterInstance.local_temp(str(tmp_path / "dagster")) as opened:
        yield opened


def run(instance, source, store, job="tables", **more):
    defs = code_location.definitions(
        source=str(source), store=str(store), files=str(sample() / "files")
    )
    return defs.resolve_job_def(job).execute_in_process(
        instance=instance, raise_on_error=False, **more
    )


def shown(result, asset: str) -> dict[str, dict[str, object]]:
    """What a run's materializations of an asset say, by partition."""
    return {
        done.partition: {name: value.value for name, value in done.metadata.items()}
        for done in result.asset_materializations_for_node(asset)
    }


def version(done: dg.AssetMaterialization) -> str:
    """The version of the data that a materialization tells."""
    return done.tags["dagster/data_version"]


@pytest.mark.slow
def test_one_partition_is_shown_and_not_its_table(tmp_path, instance):
    documents = [document("a", "1"), document("b", "2"), document("c", "2"), document("d", "3")]
    source, out = dump(tmp_path / "d.ndjson", documents), tmp_path / "out"
    whole = shown(run(instance, source, out), "quality_control")[None]
    assert (whole["dagster/row_count"], whole["files"]) == (4, 3)
    assert "subject_id=1" in whole["preview"]

    one = run(instance, source, out, asset_selection=[QC], partition_key="2")
    entry = facts(out, "qc")["partitions"]["2"]
    assert shown(one, "quality_control").keys() == {"2"}
    said = shown(one, "quality_control")["2"]
    assert (said["dagster/row_count"], said["files"]) == (2, 1)
    assert (said["bytes"], said["sha256"]) == (entry["bytes"], entry["sha256"])
    assert said["dagster/uri"].endswith("qc/subject_id=2/data.pqt")
    assert "| b |" in said["preview"]
    assert "| a |" not in said["preview"]
    (done,) = one.asset_materializations_for_node("quality_control")
    assert version(done) == entry["sha256"]

    dump(source, [*documents, document("e", None)])
    assert run(instance, source, out).success
    none = encode_partition(None)
    without = run(instance, source, out, asset_selection=[QC], partition_key=none)
    assert shown(without, "quality_control")[none]["rows"] == "those without a subject_id"


@pytest.mark.slow
def test_of_several_partitions_each_is_shown(tmp_path, instance):
    source, out = dump(tmp_path / "d.ndjson", [document("a", "1")]), tmp_path / "out"
    assert run(instance, source, out).success
    names = list(PLATFORMS)[:3]
    tags = {
        "dagster/asset_partition_range_start": names[0],
        "dagster/asset_partition_range_end": names[2],
    }
    several = shown(run(instance, source, out, "platforms", tags=tags), "platform_qc")
    entries = facts(out, "platform_qc")["partitions"]
    assert several.keys() == set(names)
    assert len({str(said["preview"]) for said in several.values()}) > 1
    for name, said in several.items():
        assert said["dagster/row_count"] == entries[name]["rows"]
        assert said["sha256"] == entries[name]["sha256"]


@pytest.mark.slow
def test_a_partition_that_a_person_made_up_is_refused_and_taken_from_the_list(tmp_path, instance):
    source, out = dump(tmp_path / "d.ndjson", [document("a", "1")]), tmp_path / "out"
    assert run(instance, source, out).success
    name = partitions.dynamic_name("subject_id")
    instance.add_dynamic_partitions(name, ["made up"])
    result = run(instance, source, out, asset_selection=[QC], partition_key="made up")
    (failure,) = (event for event in result.all_events if event.is_step_failure)
    assert failure.step_failure_data.error.message.startswith(
        "Failed: no document has the subject_id made up; it is no longer listed"
    )
    assert instance.get_dynamic_partitions(name) == ["1"]


def test_what_dagster_cannot_know_of_partitions_is_said():
    graph = code_location.definitions().resolve_asset_graph()
    for acorn in ACORNS:
        said = graph.get(dg.AssetKey(acorn.name)).description
        assert said.startswith(acorn.description)
        of_values = acorn.kind.partitioning is not None and not acorn.kind.partitioning.is_fixed
        assert (encode_partition(None) in said) == of_values
        assert ("Add a partition" in said) == of_values


def test_groups_say_what_is_in_them():
    graph = code_location.definitions().resolve_asset_graph()
    groups: dict[str, set[str]] = {}
    for key in graph.get_all_asset_keys():
        groups.setdefault(graph.get(key).group_name, set()).add(key.to_user_string())
    assert groups["sources"] == {"documents", "files", "custom", "old_documents"}
    assert groups["quality"] == {"quality_control", "qc_tag_status", "platform_qc"}
    assert groups["findings"] == {"document_problems", "data_asset_problems"}
    assert groups["deployment"] == {"deployment", "prune", "rollback", "squirrel"}
    assert groups.keys() == {
        *("sources", "data_assets", "quality", "from_side_files", "unique_values", "findings"),
        "deployment",
    }
    assert all(len(members) > 1 for members in groups.values())


@pytest.mark.slow
def test_each_event_of_a_batch_has_a_millisecond_of_its_own(tmp_path, instance):
    documents = [document(f"n{number}", str(number)) for number in range(60)]
    source = dump(tmp_path / "d.ndjson", documents)
    result = run(instance, source, tmp_path / "out")
    entries = [
        entry
        for entry in instance.all_logs(result.run_id)
        if entry.dagster_event
        and entry.dagster_event.is_step_materialization
        and entry.dagster_event.asset_key == QC
    ]
    times = [int(entry.timestamp * 1000) for entry in entries]
    assert len(times) == 61
    assert all(earlier < later for earlier, later in pairwise(times))
    assert entries[-1].dagster_event.partition is None


@pytest.mark.slow
def test_the_version_of_an_assets_data_is_its_content(tmp_path, instance):
    documents = [document("a", "1"), document("b", "2")]
    source, out = dump(tmp_path / "d.ndjson", documents), tmp_path / "out"
    versions = []
    for count in (1, 1, 2):
        dump(source, documents[:count])
        for job in ("tables", "platforms", "publish"):
            assert run(instance, source, out, job).success
        latest = {
            key.to_user_string(): version(event.asset_materialization)
            for key in code_location.definitions().resolve_asset_graph().materializable_asset_keys
            if (event := instance.get_latest_materialization_event(key))
        }
        versions.append(latest)
        for acorn in ACORNS:
            if not acorn.partition:
                assert latest[acorn.name] == facts(out, acorn.table)["sha256"]
    first, same, other = versions
    assert first == same
    assert {"documents", "asset_basics", "quality_control", "squirrel"} <= {
        name for name in other if other[name] != first[name]
    }
    assert other["assets_smartspim"] == first["assets_smartspim"]


@pytest.mark.slow
def test_checks_are_executed_alone_as_a_person_does(tmp_path, instance):
    source, out = dump(tmp_path / "d.ndjson", [document("a", "1")]), tmp_path / "out"
    for job in ("tables", "platforms", "publish"):
        assert run(instance, source, out, job).success
    for asset, name in (
        ("asset_basics", "key_unique"),
        ("documents", "set_aside"),
        ("squirrel", "all_tables_current"),
    ):
        defs = code_location.definitions(source=str(source), store=str(out))
        key = dg.AssetCheckKey(dg.AssetKey(asset), name)
        only = dg.define_asset_job("only", selection=dg.AssetSelection.checks(key))
        alone = dg.Definitions(
            assets=list(defs.assets),
            asset_checks=list(defs.asset_checks),
            jobs=[only],
            resources=defs.resources,
        )
        result = alone.resolve_job_def("only").execute_in_process(instance=instance)
        (evaluation,) = result.get_asset_check_evaluations()
        assert (evaluation.asset_check_key, evaluation.passed) == (key, True)


@pytest.mark.slow
def test_the_documents_have_numbers_to_watch(tmp_path, instance):
    documents = [document(f"n{number}", "1") for number in range(20)]
    source, out = dump(tmp_path / "d.ndjson", documents), tmp_path / "out"
    first = checks_of(run(instance, source, out), DOCUMENTS)
    assert {name: check.passed for name, check in first.items()} == dict.fromkeys(
        ("swept", "fetched", "set_aside", "lost"), True
    )
    assert first["fetched"].metadata["fetched"].value == 20

    dump(source, [*documents[:17], {"name": "nameless"}])
    # A dump with a line without an id hides which one, so that nothing is taken for gone.
    aside = checks_of(run(instance, source, out), DOCUMENTS)
    assert not aside["set_aside"].passed
    assert aside["set_aside"].metadata["set_aside"].value == 1
    assert not aside["swept"].passed

    dump(source, documents[:17])
    gone = checks_of(run(instance, source, out), DOCUMENTS)
    assert not gone["lost"].passed
    assert gone["lost"].metadata["lost"].value == 3


def checks_of(result, key: dg.AssetKey) -> dict[str, dg.AssetCheckEvaluation]:
    """The checks of an asset in a run, by name."""
    return {
        check.check_name: check
        for check in result.get_asset_check_evaluations()
        if check.asset_key == key
    }


@pytest.mark.slow
def test_what_is_made_elsewhere_is_observed_with_counts_and_dates(tmp_path, instance, monkeypatch):
    monkeypatch.setenv("ZS_OLD_SOURCE", str(sample() / "old_documents.ndjson"))
    source = sample() / "documents.ndjson"
    assert run(instance, source, tmp_path / "out").success
    for name, count in (("files", "asked"), ("custom", "copies"), ("old_documents", "database")):
        records = instance.fetch_observations(dg.AssetKey(name), limit=10).records
        assert records, name
        for record in records:
            metadata = record.asset_observation.metadata
            assert metadata["date"].value.startswith("20")
            assert metadata["asked_for"].value in CATALOGUE.by_name
            assert count in metadata


@pytest.mark.slow
def test_a_failure_opens_with_its_sentence_and_the_squirrel_tells_failed_from_skipped(
    tmp_path, instance
):
    source, out = dump(tmp_path / "d.ndjson", [document("a", "1")]), tmp_path / "out"
    for job in ("tables", "platforms", "publish"):
        assert run(instance, source, out, job).success
    assert checks_of(run(instance, source, out, "publish"), dg.AssetKey("squirrel"))[
        "all_tables_current"
    ].passed

    # Nothing can be put at the path of asset_basics: it fails, and what is made from it is skipped.
    place = out / FOLDER / "asset_basics.pqt"
    place.unlink()
    place.mkdir()
    (place / "in the way").touch()
    dump(source, [document("a", "1"), document("b", "2")])
    result = run(instance, source, out)
    (failure,) = (event for event in result.all_events if event.is_step_failure)
    error = failure.step_failure_data.error
    assert failure.step_key == "asset_basics"
    assert error.message.startswith("Failed: "), error.message
    assert "Dagster" not in error.message
    assert error.cause is not None

    check = checks_of(run(instance, source, out, "publish"), dg.AssetKey("squirrel"))[
        "all_tables_current"
    ]
    assert not check.passed
    assert check.severity == dg.AssetCheckSeverity.ERROR
    told = {row.data["table"]: row.data for row in check.metadata["tables"].records}
    assert told["asset_basics"]["state"] == currency.FAILED
    assert "asset_basics failed: " in check.description
    assert told["quality_control"]["state"] == currency.SKIPPED
    assert told["unique_genotypes"]["why"] == "it is made from asset_basics"
    assert "metadata_core" not in told
    assert "13 skipped" in check.description
    # Dagster's own page of a skipped table says that it failed; ours stands beside it.
    for name, state in (("asset_basics", currency.FAILED), ("unique_genotypes", currency.SKIPPED)):
        (seen,) = instance.fetch_observations(dg.AssetKey(name), limit=1).records
        assert seen.asset_observation.metadata["state"].value == state


@pytest.mark.slow
def test_the_ui_finds_builds_by_command_and_shows_every_partition(tmp_path, monkeypatch):
    """The home page, the timeline and a job's page ask for runs by their code location."""
    home, out = tmp_path / "home", tmp_path / "out"
    home.mkdir()
    documents = [document(f"n{number}", str(number)) for number in range(13)]
    source = dump(tmp_path / "d.ndjson", documents)
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    assert zs_build(source, out) == 0
    assert zs_build(source, out) == 0
    with dagster_server(home, ZS_STORE=str(out), ZS_SOURCE=str(source)) as server:
        runs = server.runs()
        jobs = server.ask(_JOBS)["repositoryOrError"]["pipelines"]
        nodes = server.ask(_NODES)["assetNodes"]
        events = server.ask(_EVENTS)["assetOrError"]["assetMaterializations"]

    assert [run["jobName"] for run in runs] == ["tables", "platforms", "publish"] * 2
    for run_ in runs:
        assert run_["repositoryOrigin"] == {
            "repositoryLocationName": code_location.LOCATION,
            "repositoryName": "__repository__",
        }
    assert {job["name"]: len(job["runs"]) for job in jobs if job["runs"]} == {
        "tables": 2,
        "platforms": 2,
        "publish": 2,
    }
    assert {node["staleStatus"] for node in nodes if node["opNames"]} <= {"FRESH", "MISSING"}
    checks = [check for node in nodes for check in node["assetChecksOrError"].get("checks", ())]
    assert {check["canExecuteIndividually"] for check in checks} == {"CAN_EXECUTE"}
    assert len({event["timestamp"] for event in events}) == len(events) == 15


_JOBS = """{ repositoryOrError(repositorySelector: {
  repositoryLocationName: "data-asset-cache", repositoryName: "__repository__"
}) { ... on Repository { pipelines { name runs { runId } } } } }"""
_NODES = """{ assetNodes { assetKey { path } opNames staleStatus assetChecksOrError {
  ... on AssetChecks { checks { name canExecuteIndividually } }
} } }"""
_EVENTS = """{ assetOrError(assetKey: { path: ["quality_control"] }) {
  ... on Asset { assetMaterializations { timestamp partition } }
} }"""


def test_the_location_is_the_one_that_dagster_is_told():
    root = Path(__file__).parents[1]
    assert f"location_name: {code_location.LOCATION}\n" in (root / "workspace.yaml").read_text()
    assert f'"{code_location.LOCATION}"' in (root / "pyproject.toml").read_text()


def test_a_run_without_an_origin_of_its_own_is_left_as_it_was():
    with dg.DagsterInstance.ephemeral() as instance:
        with event_log.in_location(instance, "somewhere", "job"):
            assert "create_run_for_job" in vars(instance)
        assert "create_run_for_job" not in vars(instance)
    assert currency.FAILED != currency.SKIPPED
