"""The rows that a document gives, one odd form of documents after another."""

from datetime import UTC, datetime
from typing import Any

import pytest

from zs_pipeline import arrow
from zs_pipeline.acorns import (
    CATALOGUE,
    asset_basics,
    metadata_core,
    platform_qc,
    qc_tag_status,
    quality_control,
    source_data,
)
from zs_pipeline.declaration import CORE
from zs_pipeline.shape.problems import check

MICROSECONDS = 1_000_000


def document(**more: Any) -> dict[str, Any]:
    """A document without any core file, and what else it has."""
    return {"_id": "a", "name": "a_2025-01-01_00-00-00", **dict.fromkeys(CORE), **more}


def basics(**more: Any) -> dict[str, Any]:
    (row,) = asset_basics.ACORN.kind.rows(document(**more))
    return row


def acquired(**more: Any) -> dict[str, Any]:
    return basics(acquisition=more)


def described(**more: Any) -> dict[str, Any]:
    return basics(data_description=more)


def aged(started: Any, **details: Any) -> int | None:
    return basics(
        acquisition={"acquisition_start_time": started}, subject={"subject_details": details}
    )["age"]


def sources(**more: Any) -> list[dict[str, Any]]:
    return list(source_data.ACORN.kind.rows(document(**more)))


def metric_rows(*metrics: Any, **more: Any) -> list[dict[str, Any]]:
    one = document(quality_control={"metrics": list(metrics)}, **more)
    (row,) = asset_basics.ACORN.kind.rows(one)
    return list(quality_control.ACORN.kind.rows(one, row))


def metric(**more: Any) -> dict[str, Any]:
    (row,) = metric_rows(more)
    return row


def statuses(status: Any) -> list[tuple[str | None, str | None]]:
    one = document(quality_control={"metrics": [], "status": status})
    (row,) = asset_basics.ACORN.kind.rows(one)
    return [(r["tag"], r["status"]) for r in qc_tag_status.ACORN.kind.rows(one, row)]


def platform_tags(
    status: dict[str, str],
    *metrics: Any,
    modalities: tuple[str, ...],
    kind: str | None = None,
    project: str | None = None,
    rig: str | None = None,
    **more: Any,
) -> list[tuple[str, str]]:
    """Platform and tag of every row."""
    one = document(
        **more,
        data_description={
            "modalities": [{"abbreviation": m} for m in modalities],
            "project_name": project,
        },
        acquisition={"acquisition_type": kind, "instrument_id": rig},
        quality_control={"metrics": list(metrics), "status": status},
    )
    table = arrow.table(asset_basics.ACORN, asset_basics.ACORN.kind.rows(one))
    (row,) = asset_basics.ACORN.kind.finish(table, {}).to_pylist()
    return [(r["platform"], r["tag"]) for r in platform_qc.ACORN.kind.rows(one, row)]


def of(modality: str, tags: Any) -> dict[str, Any]:
    return {"modality": {"abbreviation": modality}, "tags": tags}


# Times


@pytest.mark.parametrize(
    ("written", "time"),
    [
        ("2026-02-13T18:31:13.061848Z", datetime(2026, 2, 13, 18, 31, 13, 61848, UTC)),
        ("2025-09-26 12:57:44-07:00", datetime(2025, 9, 26, 19, 57, 44, 0, UTC)),
        ("2025-09-26 12:57:44.5-07:00", datetime(2025, 9, 26, 19, 57, 44, 500000, UTC)),
        ("2025-09-26T12:57:44.123Z", datetime(2025, 9, 26, 12, 57, 44, 123000, UTC)),
        ("2025-09-26 12:57:44.123456789+00:00", datetime(2025, 9, 26, 12, 57, 44, 123456, UTC)),
        ("2025-09-26T12:57:44+0000", datetime(2025, 9, 26, 12, 57, 44, 0, UTC)),
        ("2025-09-26T12:57:44+05", datetime(2025, 9, 26, 7, 57, 44, 0, UTC)),
        ("2025-09-26T12:57:44z", datetime(2025, 9, 26, 12, 57, 44, 0, UTC)),
        ("2025-09-26t12:57:44z", datetime(2025, 9, 26, 12, 57, 44, 0, UTC)),
        ("2025-09-26 12:57:44 -07:00", datetime(2025, 9, 26, 19, 57, 44, 0, UTC)),
        ("2025-09-26T12:57:44", datetime(2025, 9, 26, 19, 57, 44, 0, UTC)),
        ("1969-12-31T23:59:59.5Z", datetime(1969, 12, 31, 23, 59, 59, 500000, UTC)),
    ],
)
def test_a_time_is_read_in_every_spelling(written, time):
    row = acquired(acquisition_start_time=written)
    assert row["acquisition_start_time"] == round(time.timestamp() * MICROSECONDS)


@pytest.mark.parametrize(
    "written",
    [
        "",
        "yesterday",
        "2025-02-30T00:00:00Z",
        "2025-01-01T24:00:00Z",
        "2025-01-01",
        "0001-01-01T00:00:00+01:00",
        1735689600,
        {"$date": "2025-01-01"},
        ["2025-01-01T00:00:00Z"],
        True,
    ],
)
def test_a_time_that_cannot_be_read_is_null(written):
    assert acquired(acquisition_start_time=written)["acquisition_start_time"] is None


def test_a_time_that_cannot_be_read_is_told_and_one_that_is_not_there_is_not():
    one = document(acquisition={"acquisition_start_time": "soon", "acquisition_end_time": None})
    assert [p.field for p in check(one, CATALOGUE.reads)] == ["acquisition.acquisition_start_time"]


def test_in_the_hour_that_occurs_twice_the_offset_decides():
    first, second = (
        acquired(acquisition_start_time=f"2025-11-02 01:30:00{offset}")["acquisition_start_time"]
        for offset in ("-07:00", "-08:00")
    )
    assert second - first == 3600 * MICROSECONDS


@pytest.mark.parametrize(
    "envelope",
    [
        {"_last_modified": "1970-01-01T00:00:01.000Z", "last_modified": "1999-01-01T00:00:00Z"},
        {"last_modified": "1970-01-01T00:00:01"},
        {"_last_modified": None, "last_modified": "1970-01-01T00:00:01"},
        {"_last_modified": "", "last_modified": "1970-01-01T00:00:01"},
    ],
)
def test_the_older_envelopes_time_counts_where_the_newer_one_is_not_there(envelope):
    assert basics(**envelope)["_last_modified"] == MICROSECONDS
    (row,) = metadata_core.ACORN.kind.rows(document(**envelope))
    assert row["_last_modified"] == MICROSECONDS


def test_the_older_envelopes_creation_counts_too():
    assert basics(created="1970-01-01T00:00:02")["created"] == 2 * MICROSECONDS


# asset_basics


def test_a_document_without_core_files_has_a_row_of_nulls():
    row = basics(other_identifiers=None)
    assert {k: v for k, v in row.items() if v is not None} == {
        "_id": "a",
        "modalities": [],
        "name": "a_2025-01-01_00-00-00",
    }


@pytest.mark.parametrize("core", [{}, [], "text", 5, True, [{"subject_id": "1"}]])
def test_a_core_file_that_is_empty_or_no_object_gives_nulls(core):
    assert basics(**dict.fromkeys(CORE, core)) == basics()


@pytest.mark.parametrize(
    ("written", "subject"),
    [
        ("804434", "804434"),
        (804434, "804434"),
        (804434.0, "804434"),
        ("M2501", "M2501"),
        ("", None),
        (None, None),
        (True, None),
        (float("nan"), None),
        (float("-inf"), None),
        (["804434"], None),
    ],
)
def test_a_subject_is_text(written, subject):
    assert basics(subject={"subject_id": written})["subject_id"] == subject


def test_the_acquisitions_subject_does_not_count():
    assert acquired(subject_id="804434")["subject_id"] is None


def test_modalities_keep_their_order_and_lose_repeats():
    written = [{"abbreviation": m} for m in ("fib", "behavior", "fib", "ecephys", "behavior")]
    assert described(modalities=written)["modalities"] == ["fib", "behavior", "ecephys"]


def test_modalities_may_be_texts_and_may_lack_an_abbreviation():
    written = ["ecephys", None, {}, {"abbreviation": None}, {"abbreviation": ""}, {"name": "x"}]
    assert described(modalities=written)["modalities"] == ["ecephys"]


@pytest.mark.parametrize("written", [[], None, "ecephys", {}, 5])
def test_without_modalities_there_is_an_empty_list(written):
    assert described(modalities=written)["modalities"] == []
    assert basics(data_description=written)["modalities"] == []


@pytest.mark.parametrize(
    ("written", "found"),
    [(" Thalamus in the middle\n", "Thalamus in the middle"), ("  ", None), ("", None), (5, "5")],
)
def test_project_and_genotype_lose_outer_blanks(written, found):
    assert described(project_name=written)["project_name"] == found
    genotype = basics(subject={"subject_details": {"genotype": written}})["genotype"]
    assert genotype == found


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ({"Code Ocean": []}, []),
        ({"Code Ocean": ["1"]}, ["1"]),
        ({"Code Ocean": ["1", "2"]}, ["1", "2"]),
        ({"Code Ocean": "1"}, ["1"]),
        ({"Code Ocean": 1}, ["1"]),
        ({"Code Ocean": ["1", None, ""]}, ["1"]),
        ({"Code Ocean": ""}, None),
        ({"Code Ocean": None}, None),
        ({"Code Ocean": {"id": "1"}}, None),
        ({}, None),
        (None, None),
        (["1"], None),
    ],
)
def test_code_ocean_is_a_list_of_ids(written, found):
    assert basics(other_identifiers=written)["code_ocean"] == found


def process_date(*starts: Any) -> str | None:
    processes = [{"start_date_time": start} for start in starts]
    return basics(processing={"data_processes": processes})["process_date"]


def test_the_process_that_began_last_need_not_be_the_last():
    assert process_date("2025-03-01 00:00:00+00:00", "2024-01-01T00:00:00Z") == "2025-03-01"


def test_the_latest_process_is_so_by_instant_and_the_date_is_its_own():
    # 03:00 and 00:30 in UTC, both on 1 January.
    starts = ("2024-12-31 20:00:00-07:00", "2025-01-01T00:30:00Z")
    assert process_date(*starts) == process_date(*reversed(starts)) == "2024-12-31"


def test_processes_without_a_time_do_not_hide_the_others():
    assert process_date(None, "soon", "2025-03-01T00:00:00Z", "") == "2025-03-01"
    assert process_date(None, "soon") is None
    assert process_date() is None


@pytest.mark.parametrize("written", [None, {}, "text", [None, "text", 5, []]])
def test_processes_that_are_no_objects_have_no_date(written):
    assert basics(processing={"data_processes": written})["process_date"] is None


@pytest.mark.parametrize(
    ("started", "details", "days"),
    [
        ("2023-07-07 17:52:04-07:00", {"date_of_birth": "2023-02-11"}, 146),
        ("2023-07-07T00:00:01-07:00", {"date_of_birth": "2023-07-07"}, 0),
        ("2023-07-07T23:59:59-07:00", {"date_of_birth": "2023-07-07"}, 0),
        ("2024-03-01T20:00:00Z", {"date_of_birth": "2024-02-28"}, 2),
        ("2023-07-06T20:00:00Z", {"date_of_birth": "2023-07-07"}, None),
        ("2023-07-08T20:00:00Z", {"date_of_birth": "2023-07-07T23:00:00-07:00"}, 1),
        ("2023-07-08T20:00:00Z", {"date_of_birth": "2023-07-07 00:00:00"}, 1),
        ("2024-01-03T20:00:00Z", {"year_of_birth": 2024}, 2),
        ("2024-01-03T20:00:00Z", {"year_of_birth": "2023"}, 367),
        ("2024-01-03T20:00:00Z", {"year_of_birth": " 2023.0 "}, 367),
        ("2024-01-03T20:00:00Z", {"year_of_birth": "2023.5"}, None),
        ("2024-01-03T20:00:00Z", {"year_of_birth": 0}, None),
        ("2024-01-03T20:00:00Z", {"date_of_birth": None, "year_of_birth": 2024.0}, 2),
        ("2024-01-03T20:00:00Z", {"date_of_birth": "unknown", "year_of_birth": 2024}, 2),
        ("2024-01-03T20:00:00Z", {"date_of_birth": "2024-01-02", "year_of_birth": 2020}, 1),
        ("2024-01-03T20:00:00Z", {"year_of_birth": 24}, None),
        ("2024-01-03T20:00:00Z", {}, None),
        (None, {"date_of_birth": "2024-01-02"}, None),
    ],
)
def test_age_is_whole_days_between_two_dates(started, details, days):
    assert aged(started, **details) == days


def test_a_date_of_birth_in_the_acquisition_does_not_count():
    started = {"acquisition_start_time": "2024-01-03T00:00:00Z"}
    row = acquired(**started, subject_details={"date_of_birth": "2024-01-01"})
    assert row["age"] is None


def test_experimenters_are_texts_and_persons_as_written():
    written = ["jason.lee", {"name": " Ada  Lovelace"}, None, {"name": None}, {}, "", ["x"]]
    assert acquired(experimenters=written)["experimenters"] == ["jason.lee", " Ada  Lovelace"]


def test_investigators_are_as_written():
    written = [{"name": "rachel.lee@alleninstitute.org"}, "Ada Lovelace", None]
    assert described(investigators=written)["investigators"] == [
        "rachel.lee@alleninstitute.org",
        "Ada Lovelace",
    ]


def test_nobody_is_an_empty_list_and_no_list_is_null():
    assert acquired(experimenters=[])["experimenters"] == []
    assert acquired(experimenters=None)["experimenters"] is None


def test_an_instrument_keeps_its_id_and_gets_its_short_name():
    row = acquired(instrument_id="323_EPHYS1_20250922")
    assert row["instrument_id"] == "323_EPHYS1_20250922"
    assert row["instrument_id_normalized"] == "EPHYS1"


def test_people_of_a_table_depend_on_its_other_rows():
    documents = (
        document(acquisition={"experimenters": ["Huy"]}),
        document(_id="b", data_description={"investigators": [{"name": "huy.nguyen"}]}),
        document(_id="c", acquisition={"experimenters": None}),
    )
    rows = (row for one in documents for row in asset_basics.ACORN.kind.rows(one))
    table = asset_basics.ACORN.kind.finish(arrow.table(asset_basics.ACORN, rows), {})
    assert table["experimenters_normalized"].to_pylist() == [["Huy Nguyen"], None, None]
    assert table["investigators_normalized"].to_pylist() == [None, ["Huy Nguyen"], None]
    assert table["experimenters"].to_pylist() == [["Huy"], None, None]


# metadata_core


def test_a_core_file_is_there_unless_it_is_null():
    (row,) = metadata_core.ACORN.kind.rows(document(subject={}, processing={"data_processes": []}))
    assert {core for core in CORE if row[core]} == {"subject", "processing"}


# source_data


def test_a_derived_data_asset_without_sources_has_one_row():
    assert sources(data_description={"data_level": "derived", "source_data": None}) == [
        {
            "name": "a_2025-01-01_00-00-00",
            "source_data": None,
            "pipeline_name": None,
            "processing_time": "2025-01-01_00-00-00",
        }
    ]


@pytest.mark.parametrize(
    ("written", "found"),
    [
        (["x", "y"], ["x", "y"]),
        (["x", "x", None, ""], ["x"]),
        ("x", ["x"]),
        ("", [None]),
        ([None], [None]),
        ([], [None]),
        ({"x": 1}, [None]),
    ],
)
def test_each_source_has_a_row(written, found):
    rows = sources(data_description={"data_level": "derived", "source_data": written})
    assert [row["source_data"] for row in rows] == found


@pytest.mark.parametrize("level", ["raw", None])
def test_what_names_a_source_is_derived_whatever_its_level_says(level):
    (row,) = sources(data_description={"data_level": level, "source_data": ["x"]})
    assert row["source_data"] == "x"


@pytest.mark.parametrize("written", [None, [], "", [None]])
def test_a_raw_data_asset_without_sources_has_no_row(written):
    assert sources(data_description={"data_level": "raw", "source_data": written}) == []
    assert sources() == []


@pytest.mark.parametrize(
    ("name", "time"),
    [
        ("x_2024-01-01_00-00-00_sorted_2025-02-03_04-05-06", "2025-02-03_04-05-06"),
        ("x-sorted-2025-02-03_04-05-06", "2025-02-03_04-05-06"),
        ("2025-02-03_04-05-06", "2025-02-03_04-05-06"),
        ("x_2025-02-03_04-05-06 ", "2025-02-03_04-05-06"),
        ("x_2025-02-03_04-05-06_stitched", None),
        ("x_2025-02-03", None),
        ("x_12025-02-03_04-05-06", None),
        ("exaSPIM_123456_example_stitched", None),
    ],
)
def test_the_processing_time_ends_the_name(name, time):
    (row,) = sources(name=name, data_description={"data_level": "derived"})
    assert row["processing_time"] == time


def test_a_name_that_several_documents_share_has_each_source_once_with_its_pipeline():
    level = {"data_level": "derived", "source_data": ["x"]}
    documents = (
        document(data_description=level),
        document(_id="b", data_description=level, processing={"pipelines": [{"name": "P"}]}),
    )
    for order in (documents, documents[::-1]):
        rows = [row for one in order for row in source_data.ACORN.kind.rows(one)]
        table = source_data.ACORN.kind.finish(arrow.table(source_data.ACORN, rows), {})
        assert table.select(["source_data", "pipeline_name"]).to_pylist() == [
            {"source_data": "x", "pipeline_name": "P"}
        ]


# quality_control


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a text", "a text"),
        ("", ""),
        ("null", "null"),
        (None, None),
        (True, "true"),
        (0, "0"),
        (1.5, "1.5"),
        ([], "[]"),
        ([None, "é"], '[null,"é"]'),
        ({}, "{}"),
        ({"value": None, "options": ["a"]}, '{"value":null,"options":["a"]}'),
        ({"b": 1, "a": {"c": [2]}}, '{"b":1,"a":{"c":[2]}}'),
    ],
)
def test_a_value_that_is_no_text_is_json_text(value, text):
    assert metric(value=value)["value"] == text


def test_a_metric_that_says_nothing_has_a_row_of_nulls():
    row = metric()
    assert {k: v for k, v in row.items() if v is not None} == {
        "asset_name": "a_2025-01-01_00-00-00"
    }


def test_curation_metrics_and_what_is_no_object_are_left_out():
    rows = metric_rows(
        {"name": "a", "object_type": "QC metric"},
        {"name": "b", "object_type": "Curation metric"},
        {"name": "c"},
        None,
        "text",
    )
    assert [row["name"] for row in rows] == ["a", "c"]


@pytest.mark.parametrize(
    "control", [None, {}, {"metrics": None}, {"metrics": {}}, {"metrics": "text"}, [], "text"]
)
def test_without_metrics_there_are_no_rows(control):
    one = document(quality_control=control)
    assert list(quality_control.ACORN.kind.rows(one, basics())) == []


@pytest.mark.parametrize(
    ("history", "text"), [([], "[]"), (None, None), ([None], "[null]"), ({}, "{}")]
)
def test_a_history_without_a_status_keeps_the_row(history, text):
    row = metric(name="drift", status_history=history)
    assert (row["name"], row["status"], row["status_history"]) == ("drift", None, text)
    assert (row["evaluator"], row["status_timestamp"]) == (None, None)


@pytest.mark.parametrize(
    ("tags", "found"),
    [
        ({"probe": "A", "type": "Drift"}, ["probe:A", "type:Drift"]),
        ({}, []),
        (["A", "Drift"], ["A", "Drift"]),
        ([], []),
        (["A", None, "", 5], ["A", "5"]),
        (None, None),
        ("A", None),
        ({"n": 1, "none": None, "yes": True}, ["n:1", "none:", "yes:true"]),
        ({"probe": ["A", "B"]}, ['probe:["A","B"]']),
        ({"type": "a:b"}, ["type:a:b"]),
    ],
)
def test_tags_are_key_and_value_or_bare(tags, found):
    assert metric(tags=tags)["tags"] == found


@pytest.mark.parametrize("modality", [None, {}, {"abbreviation": None}, [], "ecephys"])
def test_a_metric_without_a_modality_keeps_its_row(modality):
    row = metric(name="drift", modality=modality)
    assert (row["name"], row["modality"]) == ("drift", None)


def test_a_metric_has_subject_name_and_time_of_its_data_asset():
    (row,) = metric_rows(
        {"name": "drift", "stage": "Raw data", "reference": ""},
        subject={"subject_id": 804434},
        acquisition={"acquisition_start_time": "1970-01-01 00:00:01-01:00"},
    )
    assert row["asset_name"] == "a_2025-01-01_00-00-00"
    assert row["subject_id"] == "804434"
    assert row["timestamp"] == 3601 * MICROSECONDS
    assert (row["stage"], row["reference"]) == ("Raw data", None)


def test_metrics_of_equal_time_and_name_stay_in_the_documents_order():
    rows = metric_rows(*({"name": str(number)} for number in range(50, 0, -1)))
    acorn = quality_control.ACORN
    table = arrow.decode(arrow.file(acorn, arrow.table(acorn, rows)).body)
    assert table["name"].to_pylist() == [str(number) for number in range(50, 0, -1)]


# qc_tag_status


def test_without_metrics_each_key_of_the_documents_own_status_has_a_row_in_its_order():
    written = {"probe:B": "Fail", "ecephys": "Pending", "Raw data": "Pass", "Drift": "Pass"}
    assert statuses(written) == list(written.items())


def test_a_status_that_is_no_text_is_null_and_keeps_its_row():
    assert statuses({"a": None, "b": {"status": "Pass"}, "c": ["Pass"], "d": ""}) == [
        ("a", None),
        ("b", None),
        ("c", None),
        ("d", None),
    ]


@pytest.mark.parametrize("written", [None, {}, [], ["Pass"], "Pass"])
def test_without_metrics_and_a_status_object_there_are_no_rows(written):
    assert statuses(written) == []


# platform_qc


@pytest.mark.parametrize(
    ("modality", "platform"),
    [
        ("SPIM", "spim"),
        ("fib", "fib"),
        ("slap2", "slap2"),
        ("ecephys", "ecephys"),
        ("pophys", "pophys"),
    ],
)
def test_a_modality_has_its_platform(modality, platform):
    assert platform_tags({modality: "Pass"}, modalities=(modality,)) == [(platform, modality)]


@pytest.mark.parametrize("modality", ["behavior", "behavior-videos"])
@pytest.mark.parametrize(
    ("kind", "platform"),
    [
        ("AindVrForaging", "vr"),
        ("AindDynamicForaging", "dynamic_foraging"),
        ("Coupled Baiting", "dynamic_foraging"),
        ("Uncoupled Baiting", "dynamic_foraging"),
        ("Coupled Without Baiting", "dynamic_foraging"),
        ("Uncoupled Without Baiting", "dynamic_foraging"),
        ("Uncoupled Baiting day 3", "dynamic_foraging"),
    ],
)
def test_behavior_has_a_platform_by_its_acquisition_type(modality, kind, platform):
    found = platform_tags({modality: "Pass"}, modalities=(modality,), kind=kind)
    assert found == [(platform, modality)]


@pytest.mark.parametrize(
    "kind",
    [None, "", "AindVrForaging2", "Not Coupled Baiting", "Coupled", "Baiting", "coupled baiting"],
)
def test_other_behavior_has_no_platform(kind):
    assert platform_tags({"behavior": "Pass"}, modalities=("behavior",), kind=kind) == []


@pytest.mark.parametrize("place", ["kind", "project"])
@pytest.mark.parametrize(
    ("written", "belongs"),
    [
        ("Dynamic Routing", True),
        ("dynamic_routing_2", True),
        ("The DynamicRouting task", True),
        ("dynamic  routing", False),
        ("dynamic-routing", False),
        ("Dynamic Foraging", False),
    ],
)
def test_dynamic_routing_is_told_by_its_words(place, written, belongs):
    found = platform_tags({"behavior": "Pass"}, modalities=("behavior",), **{place: written})
    assert found == ([("dynamic_routing", "behavior")] if belongs else [])


@pytest.mark.parametrize(
    ("more", "belongs"),
    [
        ({"rig": "exaSPIM-01"}, True),
        ({"rig": "440_EXASPIM1_20231004"}, True),
        ({"name": "exaSPIM_708373_2024-02-26_11-14-50"}, True),
        ({"rig": "SmartSPIM_01", "name": "SmartSPIM_708373_2024-02-26_11-14-50"}, False),
    ],
)
def test_an_exaspim_data_asset_is_of_spim_and_of_exaspim(more, belongs):
    found = platform_tags({"SPIM": "Pass"}, modalities=("SPIM",), **more)
    assert found == [("spim", "SPIM"), *([("exaspim", "SPIM")] if belongs else [])]
    assert platform_tags({"fib": "Pass"}, modalities=("fib",), **more) == [("fib", "fib")]


def test_a_platform_of_behavior_needs_the_modality():
    found = platform_tags({"ecephys": "Pass"}, modalities=("ecephys",), kind="AindVrForaging")
    assert found == [("ecephys", "ecephys")]


@pytest.mark.parametrize(
    ("tags", "keys"),
    [
        (["Drift"], ["Drift"]),
        ({"type": "Drift"}, ["type:Drift"]),
        ({"probe": "A", "type": "Drift"}, ["probe:A", "type:Drift"]),
    ],
)
def test_a_key_belongs_where_a_metric_of_the_modality_carries_the_tag(tags, keys):
    found = platform_tags({}, of("ecephys", tags), modalities=("ecephys", "fib"))
    assert found == [("ecephys", key) for key in (*keys, "ecephys")]


def test_a_tag_of_metrics_of_two_modalities_belongs_to_both_in_either_spelling():
    found = platform_tags(
        {},
        of("ecephys", ["Drift"]),
        of("fib", {"type": "Drift"}),
        modalities=("ecephys", "fib"),
    )
    assert sorted(found) == [
        ("ecephys", "Drift"),
        ("ecephys", "ecephys"),
        ("fib", "Drift"),
        ("fib", "fib"),
        ("fib", "type:Drift"),
    ]


def test_a_tag_of_a_modality_that_the_data_asset_lacks_belongs_nowhere():
    assert platform_tags({}, of("fib", ["Drift"]), modalities=("ecephys",)) == []


def test_a_tag_that_no_metric_with_a_modality_carries_belongs_nowhere():
    metrics = ({"tags": ["Drift"]}, {"modality": None, "tags": ["Drift"]}, of("ecephys", None))
    found = platform_tags({}, *metrics, modalities=("ecephys",))
    assert found == [("ecephys", "ecephys")]


def test_a_key_of_the_documents_own_status_has_no_row_beside_metrics():
    metrics = of("ecephys", {"type": "Drift"})
    found = platform_tags({"type": "Pass", "Drift": "Pass"}, metrics, modalities=("ecephys",))
    assert found == [("ecephys", "type:Drift"), ("ecephys", "ecephys")]


@pytest.mark.parametrize("stage", ["Raw data", "Processing", "Analysis", "Multi-asset"])
def test_a_stage_belongs_nowhere_even_where_a_tag_is_called_so(stage):
    metric = of("ecephys", [stage]) | {"stage": stage}
    assert platform_tags({}, metric, modalities=("ecephys",)) == [("ecephys", "ecephys")]
    assert platform_tags({stage: "Pass"}, modalities=("ecephys",)) == []


def test_a_tag_spelled_almost_like_a_stage_is_a_tag():
    found = platform_tags({}, of("ecephys", ["Raw Data"]), modalities=("ecephys",))
    assert found == [("ecephys", "Raw Data"), ("ecephys", "ecephys")]


def test_a_modality_written_out_in_a_key_belongs_to_its_platform():
    key = "name='Planar optical physiology' abbreviation='pophys'"
    assert platform_tags({key: "Pending"}, modalities=("pophys",)) == [("pophys", key)]


def test_a_name_with_a_source_has_no_row_without_one():
    rows = [
        {"name": "a", "source_data": None, "pipeline_name": "p", "processing_time": None},
        {"name": "a", "source_data": "raw", "pipeline_name": None, "processing_time": None},
        {"name": "b", "source_data": None, "pipeline_name": None, "processing_time": None},
    ]
    made = source_data.ACORN.kind.finish(arrow.table(source_data.ACORN, rows), {}).to_pylist()
    assert [(row["name"], row["source_data"]) for row in made] == [("a", "raw"), ("b", None)]


def test_a_subject_that_cannot_be_a_folder_is_null_and_told():
    one = document(subject={"subject_id": "x" * 300, "subject_details": None})
    (row,) = asset_basics.ACORN.kind.rows(one)
    assert row["subject_id"] is None
    assert [p.field for p in check(one, CATALOGUE.reads)] == ["subject.subject_id"]
