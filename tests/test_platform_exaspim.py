"""platform_exaspim: which data assets belong, which fused one counts, and the links."""

from typing import Any

import pytest
from test_assets_smartspim import NO_SOURCES, basics, lay, named, sources

from zs_pipeline import arrow
from zs_pipeline.acorns.platform_exaspim import ACORN, ask, questions, rows
from zs_pipeline.side_files.outcomes import NotThere

RAW = "exaSPIM_1_2024-01-01_00-00-00"
VIEWER = "https://neuroglancer-demo.appspot.com/#!"


def built(answers: dict[str, Any], *tables: Any) -> list[dict[str, Any]]:
    table = arrow.table(ACORN, rows(answers, named(*tables), {}))
    arrow.check(ACORN, table)
    return table.to_pylist()


@pytest.mark.parametrize(
    ("asset", "belongs"),
    [
        ({"name": RAW}, True),
        ({"name": "1_2024", "instrument_id": "EXAspim-01"}, True),
        ({"name": "SmartSPIM_1", "instrument_id": "SmartSPIM1-1"}, False),
        ({"name": RAW, "data_level": "derived"}, False),
        ({"name": RAW, "modalities": ["behavior"]}, False),
    ],
)
def test_raw_ones_are_told_by_level_modality_and_name_or_instrument(asset, belongs):
    asked = questions(named(basics(one=asset), NO_SOURCES))
    assert [question.id for question in asked] == (["one"] if belongs else [])


def test_one_that_nothing_was_made_from_stands_for_itself():
    (row,) = built({"one": None}, basics(one={"name": RAW}), NO_SOURCES)
    assert row == {
        "name": RAW,
        "raw_name": RAW,
        "processed": False,
        "raw_link": None,
        "fused_link": None,
    }


def test_the_latest_fused_one_counts_and_no_other_derived_one():
    names = [
        f"{RAW}_fused_2024-02-01_00-00-00",
        f"{RAW}_fused_2024-06-01_00-00-00",
        f"{RAW}_flatfield-correction_2025-01-01_00-00-00",
    ]
    table = basics(
        raw={"name": RAW},
        **{f"made{n}": {"name": name, "data_level": "derived"} for n, name in enumerate(names)},
    )
    answers = {"raw": "neuroglancer.json"}
    (row,) = built(answers, table, sources(*((name, RAW) for name in names)))
    assert (row["name"], row["processed"]) == (names[1], True)
    assert row["fused_link"] == f"{VIEWER}s3://bucket-1/{names[1]}"
    assert row["raw_link"] == f"{VIEWER}s3://bucket-1/{RAW}/neuroglancer.json"


def test_neuroglancer_comes_before_process_output(tmp_path):
    (question,) = questions(named(basics(one={"name": RAW}), NO_SOURCES))
    files = lay(tmp_path, {})
    with pytest.raises(NotThere, match="neither"):
        ask(files, question, ())
    lay(tmp_path, {f"{RAW}/process_output.json": {}})
    assert ask(files, question, ()) == "process_output.json"
    lay(tmp_path, {f"{RAW}/neuroglancer.json": {}})
    assert ask(files, question, ()) == "neuroglancer.json"


def test_the_link_is_below_the_location_whatever_the_name(tmp_path):
    table = basics(one={"name": RAW, "location": "s3://bucket-1/elsewhere/"})
    (row,) = built({"one": "process_output.json"}, table, NO_SOURCES)
    assert row["raw_link"] == f"{VIEWER}s3://bucket-1/elsewhere/process_output.json"
