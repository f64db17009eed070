"""behavior_curriculum: which trainer state counts, and what of it is kept, whatever it holds."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zs_pipeline import arrow
from zs_pipeline.acorns import asset_basics, behavior_curriculum
from zs_pipeline.acorns.behavior_curriculum import ACORN, questions, rows
from zs_pipeline.files import (
    Files,
    NotParsed,
    NotReadable,
    NotThere,
    NotUsable,
    OtherShape,
    Question,
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
    (folder / "bucket-1").mkdir(exist_ok=True)
    for second, (key, body) in enumerate(content.items()):
        path = folder / "bucket-1/one" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body if isinstance(body, bytes) else json.dumps(body).encode())
        os.utime(path, (second, second))
    return Files(str(folder))


def ask(files: Files, question: Question) -> Any:
    """What the acorn is told, with what it has listed before."""
    listed = files.listing(question.location, *ACORN.kind.listing_prefixes)
    return behavior_curriculum.ask(files, question, listed)


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


def test_the_newest_counts_then_the_last_by_key(tmp_path):
    files = {
        "behavior/trainer_state_b.json": state("old"),
        "behavior/trainer_state_a.json": state(),
    }
    assert row(tmp_path, files)[0] == "C"
    for path in (tmp_path / "bucket-1/one/behavior").iterdir():
        os.utime(path, (9, 9))
    (question,) = questions({"asset_basics": ONE})
    assert ask(Files(str(tmp_path)), question)["curriculum"] == "old"


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
def test_a_node_is_a_number_that_fits(tmp_path, nodes, wanted):
    assert row(tmp_path, {PLACE: state(nodes=nodes)})[2] == wanted


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
