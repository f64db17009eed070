"""Tables that nobody has declared before: built, built again, and read, whatever their kind."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pytest
from building import FOLDER, document, dump, tables, zs_build
from plain_nights import Nights

from zs_client.contract import Layout, __version__, encode_partition
from zs_client.opening import open_store
from zs_pipeline import arrow, processes
from zs_pipeline.acorns import ACORNS
from zs_pipeline.acorns import asset_basics as basics_module
from zs_pipeline.catalogue import Catalogue
from zs_pipeline.declaration import (
    Acorn,
    ByDocument,
    ByKey,
    Column,
    Document,
    Expected,
    FromSideFiles,
    Read,
    Row,
    TableRead,
    Tables,
)
from zs_pipeline.lineage import COLUMNS, data_assets
from zs_pipeline.orchestration import code_location, jobs, partitions
from zs_pipeline.publishing import facts_file
from zs_pipeline.side_files.files import Files
from zs_pipeline.side_files.outcomes import Entry, NotThere, Question
from zs_pipeline.tables import spools

ASSET_BASICS = basics_module.ACORN


def text(name: str) -> Column:
    return Column(name, "string", f"The {name}.")


# One row for each data asset of a project, one file for each project.


def sessions(document: Document, basics: Row) -> Iterator[Row]:
    kind = document["acquisition"]
    if isinstance(kind, dict) and kind.get("acquisition_type") != "nothing":
        yield {"asset_name": basics["name"], "people": basics["experimenters_normalized"]}


BY_PROJECT = Acorn(
    name="sessions_by_project",
    description="Sessions, one row each, in one file per project.",
    type="asset",
    key=(),
    order=("asset_name",),
    kind=ByKey(
        key="project_name",
        rows=sessions,
        reads=(Read("acquisition.acquisition_type", Expected.TEXT),),
        basics=("name", "experimenters_normalized"),
    ),
    columns=(text("asset_name"), Column("people", "[string]", "Who ran it.")),
)


# Without a column by which rows could be told apart.


def genders(document: Document) -> Iterator[Row]:
    details = (document["subject"] or {}).get("subject_details") or {}
    yield {"strain": details.get("genotype"), "documents": 1}


def counted(table: pa.Table, _: Tables) -> pa.Table:
    count = Counter(row["strain"] for row in table.to_pylist())
    return arrow.table(STRAINS, ({"strain": k, "documents": n} for k, n in count.items()))


STRAINS = Acorn(
    name="strains",
    description="Documents of each strain, one row each.",
    type="metadata",
    key=("strain",),
    kind=ByDocument(
        rows=genders,
        reads=(Read("subject.subject_details.genotype", Expected.TEXT),),
        reuse=None,
        finish=counted,
    ),
    columns=(text("strain"), Column("documents", "int64", "How many documents.")),
)


# From two side files of one data asset.


def questions(tables: Tables) -> list[Question]:
    return [one.question() for one in data_assets(tables["asset_basics"]).values()]


def ask(files: Files, question: Question, listed: Sequence[Entry]) -> object:
    found = {}
    for key in ("rig.json", "session.json"):
        try:
            found |= files.json(question.location, key)
        except NotThere:
            continue
    if not found:
        raise NotThere(f"{question.location}: has neither")
    return found


def rigs(
    answers: Mapping[str, Any], tables: Tables, documents: Mapping[str, Document]
) -> Iterable[Row]:
    for question in questions(tables):
        told = answers[question.id] or {}
        described = documents[question.id]["data_description"]
        level = described.get("data_level") if isinstance(described, dict) else None
        yield {
            "asset_name": question.name,
            "rig": told.get("rig"),
            "weight": told.get("weight"),
            "level": level,
        }


RIGS = Acorn(
    name="rigs",
    description="Rigs, one row per data asset.",
    type="asset",
    key=("asset_name",),
    kind=FromSideFiles(
        questions=questions,
        ask=ask,
        rows=rigs,
        tables=(TableRead("asset_basics", ("_id", *COLUMNS)),),
        reads=(Read("data_description.data_level", Expected.TEXT),),
    ),
    columns=(text("asset_name"), text("rig"), text("weight"), text("level")),
)

SOME = Catalogue([ASSET_BASICS, BY_PROJECT, STRAINS, RIGS])


@pytest.fixture
def night(tmp_path: Path) -> Nights:
    return Nights(tmp_path, SOME)


def of_project(name: str, project: Any, subject: str = "1", **acquisition: Any) -> dict[str, Any]:
    found = document(name, subject)
    found["data_description"]["project_name"] = project
    found["acquisition"] |= acquisition
    return found


def some() -> list[dict[str, Any]]:
    """Documents of five projects, whose data assets are of many subjects."""
    return [
        *(of_project(f"a{n}", "A/b", str(n)) for n in range(5)),
        *(of_project(f"b{n}", "B", str(n)) for n in range(3)),
        of_project("none", None),
        of_project("long", "p" * 300),
        of_project("empty", "C", acquisition_type="nothing"),
    ]


def path_of(project: str | None) -> str:
    return f"sessions_by_project/project_name={encode_partition(project)}/data.pqt"


def names(night: Nights, project: str | None) -> list[str]:
    return [row["asset_name"] for row in night.rows(path_of(project))]


@pytest.mark.parametrize("beside", [False, True], ids=["in one process", "in several"])
def test_a_table_by_project_has_a_file_for_each_project(night, monkeypatch, beside):
    if beside:
        monkeypatch.setattr(processes, "WORTH", 0)
    done = night.build(some())["sessions_by_project"]
    assert set(done.changed) == {"A%2Fb", "B", encode_partition(None)}
    assert done.empty == ["C"]
    assert names(night, "A/b") == [f"a{n}" for n in range(5)]
    assert names(night, "B") == ["b0", "b1", "b2"]
    # One whose value is too long for the name of a folder has none.
    assert names(night, None) == ["long", "none"]


def test_a_night_computes_the_projects_alone_whose_documents_or_rows_changed(night):
    now = some()
    night.build(now)
    again = night.build(now)["sessions_by_project"]
    assert (again.computed, again.changed) == (0, [])

    now[0]["acquisition"]["acquisition_type"] = "nothing"
    one = night.build(now)["sessions_by_project"]
    assert (one.computed, one.changed) == (1, ["A%2Fb"])
    assert names(night, "A/b") == ["a1", "a2", "a3", "a4"]

    # Documents of another project are as they were, the row of asset_basics is another: there is
    # somebody now whose first name that is.
    now[5]["acquisition"]["experimenters"] = ["Grace"]
    night.build(now)
    now[8]["acquisition"]["experimenters"] = ["Grace Hopper"]
    both = night.build(now)["sessions_by_project"]
    assert set(both.changed) == {"B", encode_partition(None)}
    assert night.rows(path_of("B"))[0]["people"] == ["Grace Hopper"]


def test_a_project_that_has_no_documents_any_more_is_gone(night):
    now = some()
    night.build(now)
    for one in now[5:8]:
        one["data_description"]["project_name"] = "A/b"
    done = night.build(now)["sessions_by_project"]
    assert done.removed == ["B"]
    assert not night.store.exists(f"{FOLDER}/{path_of('B')}")
    assert len(names(night, "A/b")) == 8


def test_rows_by_project_are_the_same_wherever_they_were_put_meanwhile(night, monkeypatch):
    monkeypatch.setattr(spools, "SPOOLED_IN_MEMORY", 1)
    night.build(some())
    assert names(night, "A/b") == [f"a{n}" for n in range(5)]


def test_a_table_by_document_may_do_without_a_column_to_reuse_rows_by(night):
    now = some()
    night.build(now)
    assert night.rows("strains.pqt") == [{"strain": "wt/wt", "documents": 11}]
    assert night.build(now)["strains"].computed == 0
    now[3]["subject"]["subject_details"]["genotype"] = "other"
    night.build(now)
    assert night.rows("strains.pqt") == [
        {"strain": "other", "documents": 1},
        {"strain": "wt/wt", "documents": 10},
    ]


def test_two_side_files_of_a_data_asset_may_be_asked(night):
    now = [document("a"), document("b"), document("c")]
    for name, key, content in (
        ("a", "rig.json", {"rig": "R"}),
        ("a", "session.json", {"weight": "20"}),
        ("b", "session.json", {"weight": "21"}),
    ):
        place = night.files / "sample-open-data" / name
        place.mkdir(parents=True, exist_ok=True)
        (place / key).write_text(json.dumps(content))
    night.build(now)
    assert [tuple(row.values()) for row in night.rows("rigs.pqt")] == [
        ("a", "R", "20", "raw"),
        ("b", None, "21", "raw"),
        ("c", None, None, "raw"),
    ]
    assert night.build(now)["rigs"].changed == []


def test_dagster_knows_the_projects_and_materializes_one(tmp_path):
    catalogue = Catalogue([*ACORNS, BY_PROJECT])
    source, out = dump(tmp_path / "d.ndjson", some()), tmp_path / "out"
    assert zs_build(source, out) == 0
    defs = code_location.definitions(catalogue, source=str(source), store=str(out))
    assert [job.name for job in jobs.jobs(catalogue)] == [
        "tables",
        "platforms",
        "by_project_name",
        "publish",
    ]
    for sensor in (s for s in defs.sensors if s.name.startswith("next_run")):
        assert {job.name for job in sensor.jobs} == {"platforms", "by_project_name", "publish"} | (
            {"tables"} if sensor.name.endswith("success") else set()
        )
    key = dg.AssetKey("sessions_by_project")
    with dg.DagsterInstance.ephemeral() as instance:
        job = defs.resolve_job_def("by_project_name")
        assert job.execute_in_process(instance=instance).success
        known = {"A%2Fb", "B", "C", encode_partition(None)}
        assert (
            set(instance.get_dynamic_partitions(partitions.dynamic_name("project_name"))) == known
        )
        before = tables(out)
        assert path_of("B") in before

        (tmp_path / f"out/{FOLDER}/{path_of('B')}").unlink()
        facts = facts_file.read_facts(open_store(str(out)), Layout(__version__), BY_PROJECT.table)
        facts["partitions"].pop("B")
        open_store(str(out)).put(f"{FOLDER}/sessions_by_project.json", json.dumps(facts).encode())
        done = job.execute_in_process(instance=instance, partition_key="B")
        assert done.success
        assert [e.partition for e in done.asset_materializations_for_node(key.path[-1])] == ["B"]
        assert tables(out) == before
