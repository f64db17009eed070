"""behavior_curriculum: which trainer state counts, and what of it is kept, whatever it holds."""

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from building import FOLDER, zs_build
from given_cases import case
from hypothesis import given
from hypothesis import strategies as st

from zs_client import explain
from zs_pipeline import arrow
from zs_pipeline.acorns import asset_basics, behavior_curriculum
from zs_pipeline.acorns.behavior_curriculum import ACORN, questions, rows
from zs_pipeline.side_files.files import Files
from zs_pipeline.side_files.outcomes import (
    Noted,
    NotParsed,
    NotReadable,
    NotThere,
    NotUsable,
    OtherShape,
    Question,
    Unchanged,
)

PLACE = "behavior/trainer_state.json"
OLD_PLACE = "behavior/Logs/.launcher/TrainerState_2024.json"


def basics(*assets: dict[str, Any]) -> Any:
    """asset_basics with these rows."""
    return arrow.table(
        asset_basics.ACORN,
        [
            {
                "_id": f"id-{place}",
                "name": "one",
                "modalities": ["behavior"],
                "location": "s3://bucket-1/one",
                "_last_modified": 5,
                **asset,
            }
            for place, asset in enumerate(assets)
        ],
    )


ONE = basics({})


def lay(folder: Path, content: dict[str, Any]) -> Files:
    """Side files of the data asset, each a second newer than the one before."""
    (folder / "bucket-1").mkdir(parents=True, exist_ok=True)
    for second, (key, body) in enumerate(content.items()):
        path = folder / "bucket-1/one" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body if isinstance(body, bytes) else json.dumps(body).encode())
        os.utime(path, (second, second))
    return Files(str(folder))


def asked(files: Files, question: Question) -> Any:
    """What the acorn answers, with what it has listed before."""
    listed = files.listing(question.location, *ACORN.kind.listing_prefixes)
    return behavior_curriculum.ask(files, question, listed)


def ask(files: Files, question: Question) -> Any:
    """The value of the answer."""
    given = asked(files, question)
    return given.value if isinstance(given, Noted) else given


def row(folder: Path, content: dict[str, Any]) -> tuple[Any, Any, Any]:
    """Curriculum, stage and node of the row that these side files give."""
    (question,) = questions({"asset_basics": ONE})
    (found,) = rows({question.id: ask(lay(folder, content), question)}, {"asset_basics": ONE}, {})
    return found["curriculum_name"], found["stage_name"], found["stage_node_id"]


def state(curriculum: str = "C", stage: str = "S", nodes: Any = None) -> dict[str, Any]:
    nodes = {"0": {"name": "first"}, "4": {"name": stage}} if nodes is None else nodes
    return {
        "curriculum": {"name": curriculum, "graph": {"nodes": nodes}},
        "stage": {"name": stage},
    }


def test_curriculum_stage_and_node_are_those_of_the_trainer_state(tmp_path):
    assert row(tmp_path, {PLACE: state()}) == ("C", "S", 4)


def test_the_last_by_name_counts_whenever_it_was_written(tmp_path):
    files = {
        "behavior/trainer_state_2026-04-01T110000.json": state(),
        "behavior/trainer_state_2026-04-01T100000.json": state("copied again later"),
        "behavior/trainer_state.json": state("written last"),
    }
    assert row(tmp_path, files)[0] == "C"


def test_of_one_name_in_two_folders_the_later_written_counts(tmp_path):
    small, large = PLACE, PLACE.replace("behavior", "Behavior")
    assert row(tmp_path / "a", {small: state("old"), large: state()})[0] == "C"
    assert row(tmp_path / "b", {large: state("old"), small: state()})[0] == "C"


@pytest.mark.parametrize("folder", ["Behavior", "BEHAVIOR", "behaviOr", "bEHAVIOR"])
@pytest.mark.parametrize("place", [PLACE, OLD_PLACE])
def test_the_folder_may_be_written_in_any_case(tmp_path, folder, place):
    assert row(tmp_path, {place.replace("behavior", folder): state()}) == ("C", "S", 4)


def test_folders_that_only_begin_so_are_none(tmp_path):
    files = {"Behaviors/trainer_state.json": state(), "behavior-videos/trainer_state.json": state()}
    with pytest.raises(NotThere):
        row(tmp_path, files)


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"]
)
@pytest.mark.parametrize("name", ["C", "naïve ü 学"])
def test_a_state_is_read_in_any_encoding_with_or_without_a_mark(tmp_path, encoding, name):
    body = json.dumps(state(name), ensure_ascii=False).encode(encoding)
    assert row(tmp_path, {PLACE: body}) == (name, "S", 4)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
def test_what_is_no_number_is_null_and_no_fault(tmp_path, number):
    body = json.dumps(state() | {"version": 5}).replace("5", number).encode()
    assert row(tmp_path, {PLACE: body}) == ("C", "S", 4)
    body = b'{"curriculum": {"name": %s}, "stage": {"name": "S"}}' % number.encode()
    assert row(tmp_path, {PLACE: body}) == (None, "S", None)


@pytest.mark.parametrize(
    ("holder", "wanted", "is_noted"),
    [
        ({"trainer_state": state()}, ("C", "S", 4), True),
        ({"trainer_state": state() | {"stage": None}}, ("C", None, None), True),
        ({"trainer_state": state() | {"curriculum": None}}, (None, "S", None), True),
        ({"trainer_state": state(), "metrics": {}, "version": "0.1"}, ("C", "S", 4), True),
        (state() | {"trainer_state": None}, ("C", "S", 4), False),
        (state() | {"trainer_state": "text"}, ("C", "S", 4), False),
        (state() | {"trainer_state": {"curriculum": {"name": "other"}}}, ("C", "S", 4), False),
    ],
)
def test_a_state_inside_of_another_object_is_read_there_with_a_finding(
    tmp_path, holder, wanted, is_noted
):
    files, (question,) = lay(tmp_path, {PLACE: holder}), questions({"asset_basics": ONE})
    given = asked(files, question)
    assert isinstance(given, Noted) == is_noted
    assert row(tmp_path, {PLACE: holder}) == wanted


@pytest.mark.parametrize("inside", [{}, {"curriculum": {}}, None, [], "text"])
def test_an_object_that_is_no_state_holds_none(tmp_path, inside):
    with pytest.raises(OtherShape):
        row(tmp_path, {PLACE: {"trainer_state": inside}})


def test_a_file_that_was_read_is_not_fetched_again_until_its_key_or_content_is_new(tmp_path):
    files, (question,) = lay(tmp_path, {PLACE: state()}), questions({"asset_basics": ONE})
    before = asked(files, question)
    with pytest.raises(Unchanged):
        asked(files, replace(question, before=before))
    later = lay(tmp_path, {PLACE: state("other one")})
    assert asked(later, replace(question, before=before))["curriculum"] == "other one"
    lay(tmp_path, {"behavior/trainer_state_2.json": state()})
    assert asked(files, replace(question, before=before))["key"].endswith("_2.json")
    # What 1.0.0 kept says nothing of the file.
    assert asked(files, replace(question, before={"curriculum": "C", "stage": "S", "nodes": {}}))


@pytest.mark.parametrize("body", [b"{cut", b"[]"])
def test_neither_is_one_that_cannot_be_used(tmp_path, body):
    files, (question,) = lay(tmp_path, {PLACE: body}), questions({"asset_basics": ONE})
    with pytest.raises((NotParsed, OtherShape)) as found:
        asked(files, question)
    with pytest.raises(Unchanged):
        asked(files, replace(question, before=found.value.seen))


def test_the_older_place_counts_only_when_the_new_one_has_none(tmp_path):
    assert row(tmp_path, {OLD_PLACE: state("older")})[0] == "older"
    assert row(tmp_path, {PLACE: state("new"), OLD_PLACE: state("older")})[0] == "new"


def test_what_is_no_json_by_its_name_is_not_looked_at(tmp_path):
    files = {OLD_PLACE: state("older"), "behavior/trainer_state.yml": b"x"}
    assert row(tmp_path, files)[0] == "older"


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({"stage": None}, ("C", None, None)),
        ({"curriculum": None}, (None, "S", None)),
        ({"curriculum": {"name": "C"}}, ("C", "S", None)),
        ({"curriculum": {"name": "C", "graph": None}}, ("C", "S", None)),
        ({"curriculum": {"name": "C", "graph": {"nodes": None}}}, ("C", "S", None)),
        ({"curriculum": {"graph": {"nodes": {"2": {"name": "S"}}}}}, (None, "S", 2)),
        ({"stage": {"name": "not in the graph"}}, ("C", "not in the graph", None)),
        ({"stage": {}}, ("C", None, None)),
    ],
)
def test_parts_that_are_null_or_absent_leave_the_others(tmp_path, change, wanted):
    assert row(tmp_path, {PLACE: state() | change}) == wanted


@pytest.mark.parametrize("absent", ["stage", "curriculum"])
def test_an_absent_part_is_as_a_null_one(tmp_path, absent):
    found = {key: value for key, value in state().items() if key != absent}
    wanted = {"stage": ("C", None, None), "curriculum": (None, "S", None)}[absent]
    assert row(tmp_path, {PLACE: found}) == wanted


def test_an_off_curriculum_state_is_one_without_names(tmp_path):
    off = {"curriculum": None, "stage": None, "is_on_curriculum": False}
    assert row(tmp_path, {PLACE: off}) == (None, None, None)


@pytest.mark.parametrize(
    ("nodes", "wanted"),
    [
        ({"7": {"name": "S"}, "3": {"name": "S"}}, 3),
        ({"x": {"name": "S"}}, None),
        ({"99999999999": {"name": "S"}}, None),
        ({"1": "S", "2": None, "3": {}}, None),
        ([{"name": "S"}], None),
    ],
)
def test_a_node_is_a_number_that_fits_and_the_least_of_several_is_told(tmp_path, nodes, wanted):
    assert row(tmp_path, {PLACE: state(nodes=nodes)})[2] == wanted
    files, (question,) = lay(tmp_path, {}), questions({"asset_basics": ONE})
    assert isinstance(asked(files, question), Noted) == (len(nodes) == 2)


def test_none_is_told_from_one_that_cannot_be_used(tmp_path):
    (question,) = questions({"asset_basics": ONE})
    with pytest.raises(NotThere, match="no trainer state"):
        ask(lay(tmp_path, {"behavior/other.json": {}}), question)
    with pytest.raises(NotParsed):
        ask(lay(tmp_path, {PLACE: b'{"curriculum": {'}), question)
    for other in ({"unexpected": 1}, [], "text", 3, None):
        with pytest.raises(OtherShape, match="is no trainer state"):
            ask(lay(tmp_path, {PLACE: other}), question)
    (nowhere,) = questions({"asset_basics": basics({"location": None})})
    with pytest.raises(NotReadable):
        ask(Files(str(tmp_path)), nowhere)


def test_there_is_a_row_for_each_data_asset_with_behavior_in_a_modality():
    table = basics(
        {"name": "a", "modalities": ["ecephys", "behavior-videos"]},
        {"name": "b", "modalities": ["ecephys"]},
        {"name": "c", "modalities": None},
        {"name": "d", "modalities": ["behavior"], "location": None},
        {"name": None, "modalities": ["behavior"]},
    )
    asked = questions({"asset_basics": table})
    assert [question.name for question in asked] == ["a", "d"]
    found = list(rows({question.id: None for question in asked}, {"asset_basics": table}, {}))
    assert found == [
        {
            "asset_name": name,
            "curriculum_name": None,
            "stage_name": None,
            "stage_node_id": None,
        }
        for name in ("a", "d")
    ]


def test_of_two_documents_with_one_name_the_newer_counts():
    table = basics(
        {"location": "s3://b/new", "_last_modified": 9},
        {"location": "s3://b/old", "_last_modified": 8},
        {"location": "s3://b/none", "_last_modified": None},
    )
    assert [question.location for question in questions({"asset_basics": table})] == ["s3://b/new"]
    tie = basics({"location": "s3://b/x"}, {"location": "s3://b/y"})
    assert [question.location for question in questions({"asset_basics": tie})] == ["s3://b/y"]


def test_what_is_asked_is_another_question_once_the_document_changes():
    def states(**change: Any) -> Any:
        return questions({"asset_basics": basics(change)})[0].state

    assert states() == states(project_name="another")
    assert len({states(), states(_last_modified=6), states(location="s3://bucket-1/two")}) == 3
    assert states(_last_modified=None) is None


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
# Of the right shape down to a chance place.
curricula = st.fixed_dictionaries(
    {},
    optional={
        "stage": anything | st.fixed_dictionaries({"name": anything}),
        "curriculum": anything
        | st.fixed_dictionaries(
            {
                "name": anything,
                "graph": anything
                | st.fixed_dictionaries(
                    {"nodes": st.dictionaries(st.text(max_size=12), st.just({"name": "S"}))}
                ),
            }
        ),
    },
)


@given(body=st.binary() | (anything | curricula).map(lambda v: json.dumps(v).encode()))
def test_whatever_the_file_holds_there_is_a_row_that_fits(tmp_path_factory, body):
    folder = tmp_path_factory.getbasetemp() / "garbage"
    folder.mkdir(exist_ok=True)
    (question,) = questions({"asset_basics": ONE})
    try:
        value = ask(lay(folder, {PLACE: body}), question)
    except NotUsable:
        value = None
    table = arrow.table(ACORN, rows({question.id: value}, {"asset_basics": ONE}, {}))
    arrow.check(ACORN, table)
    assert table.num_rows == 1


def test_the_description_says_that_nodes_are_not_in_the_order_of_training():
    said = behavior_curriculum.ACORN.column("stage_node_id").description
    assert "not the order of training" in said


@pytest.mark.real
@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("trainer_state__vrf_depletion__node2.json", 2),
        ("trainer_state__vrf_learning_sets__node1.json", 1),
        ("TrainerState_example_project__GRADUATED.json", 1),
        ("TrainerState_example_project__StageA.json", 0),
    ],
)
def test_states_of_the_published_curricula(tmp_path, corpus, name, wanted):
    body = (corpus / "s3" / name).read_bytes()
    curriculum, stage, node = row(tmp_path, {PLACE: body})
    written = json.loads(body)
    assert (curriculum, stage) == (written["curriculum"]["name"], written["stage"]["name"])
    assert node == wanted


def test_rows_of_the_case_of_odd_trainer_states(tmp_path, monkeypatch):
    folder = case("10-trainer-states")
    documents, files = folder / "documents.ndjson", folder / "files"
    assert zs_build(documents, tmp_path, files=files) == 0
    found = pq.read_table(tmp_path / FOLDER / "behavior_curriculum.pqt").to_pylist()
    assert {row["curriculum_name"] for row in found} == {"CoupledBaiting2p3Curriculum"}
    name = "99000{}_2026-04-01_10-00-00"
    assert {row["asset_name"]: (row["stage_name"], row["stage_node_id"]) for row in found} == {
        **{name.format(number): ("stage_1", 1) for number in (1, 2, 3, 4, 6, 7)},
        name.format(5): ("graduated", 5),
    }
    told = pq.read_table(tmp_path / FOLDER / "document_problems.pqt").to_pylist()
    assert [
        (row["_id"], row["severity"], row["count"])
        for row in told
        if row["field"] == "file:behavior_curriculum"
    ] == [("10-4", "note", 1)]
    monkeypatch.setenv("ZS_STORE", str(tmp_path))
    said = explain(name.format(4), "behavior_curriculum.stage_name")
    assert "trainer_state" in said[said["part"] == "finding"]["value"].item()


def test_every_column_says_where_it_is_from_by_which_rule_and_with_an_example():
    assert all(column.reads and column.rule and column.example for column in ACORN.columns)
