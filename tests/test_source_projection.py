"""What a server is asked for never loses what the cut made here would keep."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.gateway import project
from zs_pipeline.shape.projection import (
    CORE,
    ENVELOPE,
    came_as_list,
    having_any,
    lacking_core_files,
    mongo_projection,
    partial_core_files,
    path_map,
    trim,
)


def test_a_path_is_cut_to_two_parts_under_a_core_file_and_to_one_elsewhere() -> None:
    asked = mongo_projection(["subject.a.b.c", "acquisition.x", "tags.y.z", "procedures"])
    assert asked == dict.fromkeys(
        [*ENVELOPE, "subject.a", "acquisition.x", "tags", "procedures"], 1
    )


def test_a_core_file_wanted_whole_is_not_asked_for_in_part() -> None:
    asked = mongo_projection(
        ["subject.a", "subject", "subject.b", "instrument.a.b", "instrument.a"]
    )
    assert [key for key in asked if key not in ENVELOPE] == ["instrument.a", "subject"]
    assert partial_core_files(["subject.a", "subject", "instrument.a"]) == ("instrument",)


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"subject": {"a": {"b": 1, "c": 2}, "d": 3}}, {"subject": {"a": {"b": 1}}}),
        (
            {"subject": {"a": [{"b": 1, "c": 2}, "text", None, [1]]}},
            {"subject": {"a": [{"b": 1}, "text", None, [1]]}},
        ),
        ({"subject": {"a": None}}, {"subject": {"a": None}}),
        ({"subject": {"a": "text"}}, {"subject": {"a": "text"}}),
        ({"subject": "text"}, {"subject": "text"}),
        ({"subject": {}}, {"subject": {}}),
        ({"subject": None}, {}),
        ({"tags": None}, {"tags": None}),
        ({"instrument": None}, {"instrument": None}),
        ({"unwanted": 1}, {}),
    ],
)
def test_trim(document: dict[str, Any], expected: dict[str, Any]) -> None:
    assert trim(document, path_map(["subject.a.b", "tags.x", "instrument"])) == expected


names = st.sampled_from(["subject", "acquisition", "a", "b", "metrics"])
paths = st.lists(names, min_size=1, max_size=4).map(".".join)
values = st.recursive(
    st.none() | st.integers() | st.text(max_size=2) | st.booleans(),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(names, children, max_size=4),
    max_leaves=12,
)


@pytest.mark.slow
@settings(max_examples=500, deadline=None)
@given(st.dictionaries(names, values, max_size=5), st.lists(paths, max_size=5))
def test_a_servers_answer_trims_to_the_same_or_is_asked_for_again(
    document: dict[str, Any], fields: list[str]
) -> None:
    document = {"_id": "a"} | document
    answer = project(document, mongo_projection(fields))
    cores = partial_core_files(fields)
    lacking = lacking_core_files([answer], cores)
    again = came_as_list(answer, cores) or any(document.get(core) is not None for core in lacking)
    if not again:
        assert trim(answer, path_map(fields)) == trim(document, path_map(fields))


def test_the_question_about_absent_core_files_pairs_them_with_their_documents() -> None:
    page = [{"_id": 1, "subject": {}}, {"_id": 2, "instrument": {}}]
    assert having_any(lacking_core_files(page, ("subject", "instrument"))) == {
        "_id": {"$in": [2, 1]},
        "$or": [
            {"_id": {"$in": [2]}, "subject": {"$ne": None}},
            {"_id": {"$in": [1]}, "instrument": {"$ne": None}},
        ],
    }


def test_core_files_are_those_of_a_document() -> None:
    assert len(CORE) == 7
