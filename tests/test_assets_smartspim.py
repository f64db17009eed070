"""assets_smartspim: which data assets belong, which stitched one counts, channels and links."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from zs_pipeline import arrow
from zs_pipeline.acorns import asset_basics, source_data
from zs_pipeline.acorns.assets_smartspim import ACORN, ask, findings, questions, rows
from zs_pipeline.side_files.files import Files
from zs_pipeline.side_files.outcomes import NotThere, OtherShape

RAW = "SmartSPIM_1_2024-01-01_00-00-00"
STITCHED = f"{RAW}_stitched_2024-02-01_00-00-00"
VIEWER = "https://allen.neuroglass.io/new#!"


def basics(**assets: dict[str, Any]) -> pa.Table:
    """asset_basics with data assets by `_id`."""
    return arrow.table(
        asset_basics.ACORN,
        [
            {
                "_id": key,
                "modalities": ["SPIM"],
                "data_level": "raw",
                "location": f"s3://bucket-1/{asset['name']}",
                "_last_modified": 5,
                **asset,
            }
            for key, asset in assets.items()
        ],
    )


def sources(*pairs: tuple[str, str]) -> pa.Table:
    """source_data with derived data assets and their sources."""
    return arrow.table(
        source_data.ACORN,
        [
            {"name": n, "source_data": s, "processing_time": source_data.processing_time(n)}
            for n, s in pairs
        ],
    )


NO_SOURCES = sources()
BOTH = basics(raw={"name": RAW}, stitched={"name": STITCHED, "data_level": "derived"})
PAIR = sources((STITCHED, RAW))


def named(basics: pa.Table, sources: pa.Table) -> dict[str, pa.Table]:
    """The tables that the acorn looks at, by name."""
    return {"asset_basics": basics, "source_data": sources}


def built(answers: dict[str, Any], *tables: pa.Table, **documents: Any) -> list[dict[str, Any]]:
    """The rows, as they come out of the table."""
    table = arrow.table(ACORN, rows(answers, named(*tables), documents))
    arrow.check(ACORN, table)
    return table.to_pylist()


@pytest.mark.parametrize(
    ("asset", "belongs"),
    [
        ({"name": RAW}, True),
        ({"name": "smartspim_1"}, True),
        ({"name": "1_2024", "instrument_id": "440_SmartSPIM1_20250116"}, True),
        ({"name": "HCR_1", "instrument_id": "Zeiss"}, False),
        ({"name": "exaSPIM_1", "instrument_id": "exaspim-01"}, False),
        ({"name": RAW, "modalities": ["pophys"]}, False),
        ({"name": RAW, "modalities": None}, False),
        ({"name": RAW, "data_level": "derived"}, False),
        ({"name": RAW, "data_level": None}, False),
    ],
)
def test_raw_ones_are_told_by_level_modality_and_name_or_instrument(asset, belongs):
    asked = questions(named(basics(one=asset), NO_SOURCES))
    assert [question.id for question in asked] == (["one"] if belongs else [])


def test_one_that_says_raw_and_names_a_source_is_the_stitched_one():
    table = basics(raw={"name": RAW}, stitched={"name": STITCHED})
    (row,) = built({"raw": None, "stitched": None}, table, PAIR)
    assert (row["name"], row["raw_name"], row["processed"]) == (STITCHED, RAW, True)


def test_one_without_a_stitched_one_has_nulls_for_it():
    (row,) = built({"one": None}, basics(one={"name": RAW}), NO_SOURCES)
    assert (row.pop("name"), row.pop("raw_name"), row.pop("processed")) == (RAW, RAW, False)
    assert set(row.values()) == {None}


def test_the_latest_stitched_one_counts():
    names = {
        "old": f"{RAW}_stitched_2024-02-01_00-00-00",
        "new": f"{RAW}_stitched_2025-01-01_00-00-00",
        "no_time": f"{RAW}_stitched",
        "other": f"{RAW}_flatfield_2026-01-01_00-00-00",
    }
    table = basics(
        raw={"name": RAW}, **{k: {"name": n, "data_level": "derived"} for k, n in names.items()}
    )
    made = sources(*((name, RAW) for name in names.values()), ("not a document_stitched", RAW))
    assert [q.id for q in questions(named(table, made))] == ["raw", "new"]


def test_there_is_a_row_for_each_channel_with_its_links():
    answers = {"raw": None, "stitched": ["Ex_1", "Ex_2"]}
    found = built(answers, BOTH, PAIR)
    at = f"{VIEWER}s3://bucket-1/{STITCHED}"
    assert [row["channel"] for row in found] == ["Ex_1", "Ex_2"]
    shown = "Ex_2/visualization/neuroglancer_config.json"
    assert found[1]["segmentation_link"] == f"{at}/image_cell_segmentation/{shown}"
    assert found[1]["quantification_link"] == f"{at}/image_cell_quantification/{shown}"
    assert found[1]["stitched_link"] == f"{at}/neuroglancer_config.json"
    atlas = f"{at}/image_atlas_alignment"
    assert found[1]["alignment_link"] == f"{atlas}/neuroglancer_config.json"
    link = f"{atlas}/ccf_visualization/neuroglancer_config.json"
    assert found[1]["alignment_ccf_link"] == link


def test_without_channels_there_is_one_row():
    (row,) = built({"raw": None, "stitched": None}, BOTH, PAIR)
    assert (row["channel"], row["segmentation_link"], row["quantification_link"]) == (None,) * 3
    assert row["stitched_link"] is not None


def test_a_location_with_a_slash_at_its_end_gives_the_same_links():
    table = basics(
        raw={"name": RAW}, stitched={"name": STITCHED, "location": f"s3://bucket-1/{STITCHED}/"}
    )
    answers = {"raw": None, "stitched": ["Ex_1"]}
    assert built(answers, table, PAIR) == built(answers, BOTH, PAIR)


def test_a_stitched_one_without_a_location_has_no_links():
    table = basics(raw={"name": RAW}, stitched={"name": STITCHED, "location": None})
    (row,) = built({"raw": None, "stitched": ["Ex_1"]}, table, PAIR)
    assert (row["stitched_link"], row["segmentation_link"], row["processed"]) == (None, None, True)


@pytest.mark.parametrize(
    ("name", "count"), [(STITCHED, 1), (RAW, 0), ("exaSPIM_1_stitched", 0), (None, 0)]
)
def test_an_end_of_processing_without_a_zone_is_utc_and_told(name, count):
    processes = [{"end_date_time": "2024-02-01T12:00:00"}, {"end_date_time": "soon"}, None]
    stitched = {
        "name": name,
        "data_description": {"modalities": [{"abbreviation": "SPIM"}]},
        "processing": {"data_processes": processes},
    }
    assert [(told.column, told.taken) for told in findings(stitched)] == [
        ("assets_smartspim.processing_end_time", "2024-02-01T12:00:00+00:00")
    ] * count
    (row,) = built({"raw": None, "stitched": None}, BOTH, PAIR, stitched=stitched)
    assert row["processing_end_time"].isoformat() == "2024-02-01T12:00:00+00:00"


def test_an_old_link_is_brought_up_to_date():
    at = "https://neuroglancer-demo.appspot.com/#!s3://b/x"
    for link in (f"{at}/derivatives/n.json", f"{at}/SPIM/derivatives/n.json"):
        (row,) = built({"one": link}, basics(one={"name": RAW}), NO_SOURCES)
        assert row["raw_link"] == f"{at}/SPIM/derivatives/n.json"


def test_institution_and_end_of_processing_come_from_the_documents():
    raw = {"data_description": {"institution": {"abbreviation": "AIBS"}}}
    processes = [
        {"end_date_time": "2024-02-01 12:00:00-08:00"},
        {"end_date_time": "2024-02-01T13:00:00Z"},
        {"end_date_time": None},
        {"end_date_time": "soon"},
    ]
    stitched = {"processing": {"data_processes": processes}}
    (row,) = built({"raw": None, "stitched": None}, BOTH, PAIR, raw=raw, stitched=stitched)
    assert row["institution"] == "AIBS"
    assert row["processing_end_time"].isoformat() == "2024-02-01T20:00:00+00:00"
    nothing = {"data_description": None, "processing": None}
    (row,) = built({"raw": None, "stitched": None}, BOTH, PAIR, raw=nothing, stitched=raw)
    assert row["institution"] == "AIBS"
    (row,) = built({"raw": None, "stitched": None}, BOTH, PAIR, raw=nothing, stitched=nothing)
    assert (row["institution"], row["processing_end_time"]) == (None, None)


def lay(folder: Path, content: dict[str, Any]) -> Files:
    (folder / "bucket-1").mkdir(exist_ok=True)
    for key, body in content.items():
        path = folder / "bucket-1" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(body))
    return Files(str(folder))


def test_the_side_files_are_asked_for_link_and_channels(tmp_path):
    raw, stitched = questions(named(BOTH, PAIR))
    files = lay(tmp_path, {})
    for question in (raw, stitched):
        with pytest.raises(NotThere):
            ask(files, question, ())
    config = f"{RAW}/SPIM/derivatives/neuroglancer_config.json"
    cells = f"{STITCHED}/image_cell_segmentation"
    lay(tmp_path, {config: {"ng_link": "L"}, f"{cells}/Ex_1/x": 1, f"{cells}/manifest.json": 1})
    assert ask(files, raw, ()) == "L"
    assert ask(files, stitched, ()) == ["Ex_1"]
    for other in ({}, {"ng_link": None}, {"ng_link": [1]}, [], 3):
        with pytest.raises(OtherShape, match="no ng_link"):
            ask(lay(tmp_path, {config: other}), raw, ())


@pytest.mark.real
def test_an_old_link_of_a_real_configuration(tmp_path, corpus):
    body = (corpus / "s3/neuroglancer_config__raw_SPIM_derivatives_old_link.json").read_text()
    files = lay(tmp_path, {f"{RAW}/SPIM/derivatives/neuroglancer_config.json": json.loads(body)})
    table = basics(one={"name": RAW})
    (question,) = questions(named(table, NO_SOURCES))
    (row,) = built({"one": ask(files, question, ())}, table, NO_SOURCES)
    assert row["raw_link"].endswith(
        "_2025-04-16_21-39-58/SPIM/derivatives/neuroglancer_config.json"
    )
