"""What the tables say of single real documents; every number here was read off by hand."""

from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from building import tables, zs_build

pytestmark = pytest.mark.real

CORE = {"subject", "data_description", "procedures", "instrument", "acquisition", "processing"}
SIEGLE = "Josh Siegle"


@pytest.fixture(scope="module")
def built(corpus, tmp_path_factory):
    """Every table's rows, by its path in the version folder."""
    folder = tmp_path_factory.mktemp("built")
    assert zs_build(corpus / "documents.ndjson", folder) == 0
    return {
        key: pq.read_table(pa.BufferReader(body)).to_pylist()
        for key, body in tables(folder).items()
    }


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)


def only(rows, **wanted):
    """The one row with these values."""
    (found,) = [row for row in rows if all(row[key] == value for key, value in wanted.items())]
    return found


# asset_basics

BASICS = {
    # Times with T and Z; a login for the experimenter.
    "828418_2026-02-13_18-31-13_processed_2026-02-14_12-44-45": {
        "_id": "3b3cad8f-774b-42a1-bdce-a84269078db2",
        "_last_modified": utc(2026, 2, 14, 13, 0, 35, 192000),
        "created": utc(2026, 2, 14, 13, 0, 35, 192000),
        "modalities": ["behavior"],
        "project_name": "Cognitive flexibility in patch foraging",
        "data_level": "derived",
        "subject_id": "828418",
        "acquisition_start_time": utc(2026, 2, 13, 18, 31, 13, 61848),
        "acquisition_end_time": utc(2026, 2, 13, 19, 43, 41, 982725),
        "code_ocean": ["3c417189-1c93-4a97-92cd-b6201171c1f4"],
        "process_date": "2026-02-14",
        "genotype": "wt/wt",
        "age": 199,
        "acquisition_type": "AindVrForaging",
        "location": "s3://aind-open-data/828418_2026-02-13_18-31-13_processed_2026-02-14_12-44-45",
        "experimenters": ["huy.nguyen"],
        "experimenters_normalized": ["Huy Nguyen"],
        "instrument_id": "4A",
        "instrument_id_normalized": "4A",
        "investigators": ["Bruno Cruz", "Cindy Poo", "Tiffany Ona"],
        "investigators_normalized": ["Bruno Cruz", "Cindy Poo", "Tiffany Ona"],
    },
    # A blank in place of T, no processing; evening on 7 July is 8 July in UTC.
    "669492_2023-07-07_17-52-04_nwb_2025-09-05_16-22-41": {
        "modalities": ["behavior", "fib"],
        "data_level": "derived",
        "acquisition_start_time": utc(2023, 7, 8, 0, 52, 4),
        "acquisition_end_time": utc(2023, 7, 8, 1, 42, 15, 484000),
        "code_ocean": ["1712560f-a346-4f53-bf28-390b0d8db1ff"],
        "process_date": None,
        "genotype": "Dbh-Cre-KI/wt",
        "age": 146,
        "instrument_id": "FIP_Sue",
        "instrument_id_normalized": "FIPSue",
        "created": utc(2025, 9, 21, 22, 17, 47, 491000),
    },
    # The order of the modalities; no other identifiers.
    "804434_2025-11-14_01-02-41": {
        "modalities": ["fib", "behavior"],
        "code_ocean": None,
        "age": 199,
        "experimenters": ["jason.lee"],
        "experimenters_normalized": ["Jason Lee"],
        "process_date": None,
    },
    # Neither subject nor data description; the acquisition's subject does not count.
    "810761_2025-12-06_18-47-24": {
        "modalities": [],
        "project_name": None,
        "data_level": None,
        "subject_id": None,
        "genotype": None,
        "age": None,
        "investigators": None,
        "investigators_normalized": None,
        "acquisition_start_time": utc(2025, 12, 6, 18, 47, 24, 667358),
        "instrument_id_normalized": "SAKTIMUNA12D",
    },
    # People are objects, one letter each; the end is before the start, as the document has it.
    "SmartSPIM_658209_2023-02-08_16-32-24": {
        "acquisition_start_time": utc(2023, 2, 9, 0, 32, 2),
        "acquisition_end_time": utc(2023, 2, 8, 17, 26, 54),
        "code_ocean": None,
        "age": 88,
        "experimenters": ["J", "o", "h", "n", "R", "o", "h", "d", "e"],
        "experimenters_normalized": ["John Rohde"],
        "instrument_id": "SmartSPIM2-1",
        "instrument_id_normalized": "SmartSPIM21",
        "investigators": ["Mathew Summers", "Jayaram Chandrashekar"],
    },
    # An investigator who is a placeholder; the project is as it is written.
    "SmartSPIM_620642_2023-07-05_21-42-19": {
        "project_name": "unknown",
        "acquisition_start_time": utc(2023, 7, 6, 4, 42, 1),
        "age": 516,
        "investigators": ["unknown"],
        "investigators_normalized": [],
    },
    # A subject that is no number; no genotype; a date of birth and a year.
    "SmartSPIM_M2501_2025-04-03_17-50-21": {
        "subject_id": "M2501",
        "genotype": None,
        "age": 21,
        "process_date": "2025-04-18",
        "instrument_id": "440_SmartSPIM2_20250114",
        "instrument_id_normalized": "SmartSPIM2",
    },
    # The old envelope, whose times have no zone; no acquisition.
    "behavior_745374_2024-09-24_10-39-23": {
        "_last_modified": utc(2025, 1, 14, 0, 16, 57, 127088),
        "created": utc(2025, 1, 13, 22, 48, 51, 323845),
        "location": "s3://aind-private-data-prod-o5171v/behavior_745374_2024-09-24_10-39-23",
        "modalities": ["behavior-videos"],
        "acquisition_start_time": None,
        "age": None,
        "experimenters": None,
        "experimenters_normalized": None,
        "instrument_id_normalized": None,
        "investigators_normalized": [],
    },
    # A location that does not end in the name; no process; a placeholder for the experimenter.
    "multiplane-ophys_692478_2023-09-29_08-53-45_processed_2025-04-22_20-50-47": {
        "location": "s3://codeocean-s3datasetsbucket-1u41qdg42ur9/df429003-91a0-45d2-8457-66b156ad8bfa",
        "acquisition_start_time": utc(2023, 9, 29, 15, 53, 23, 654198),
        "process_date": None,
        "age": 86,
        "experimenters": ["unknown user"],
        "experimenters_normalized": [],
        "instrument_id": "429-mesoscope-20220321",
        "instrument_id_normalized": "MESO1",
    },
    # Two ids in Code Ocean; times in UTC with a blank.
    "behavior_745300_2024-11-15_10-55-25": {
        "code_ocean": [
            "232abf8c-eac2-46e8-ab37-95743a2425e1",
            "666763d5-0d9a-4ddd-849d-9adb1a97063b",
        ],
        "acquisition_start_time": utc(2024, 11, 15, 18, 55, 25, 590821),
        "process_date": "2025-01-06",
        "age": 213,
        "instrument_id_normalized": "5A",
    },
    # 39 processes from four years, in two zones.
    "ecephys_668755_2023-08-31_12-33-31_nwb_2026-05-01_13-19-39": {
        "process_date": "2026-05-01",
        "age": 206,
        "instrument_id_normalized": "NP3",
    },
    # 73 processes; the name says October 22, the latest of them began on October 7.
    "ecephys_800779_2025-09-26_12-57-44_sorted-ads2.0_2025-10-22_15-35-53": {
        "code_ocean": None,
        "process_date": "2025-10-07",
        "age": 173,
        "experimenters": ["Anna Lakunina", "Meghan Olsen", SIEGLE],
        "instrument_id": "323_EPHYS1_20250922",
        "instrument_id_normalized": "EPHYS1",
    },
    # A list of experimenters without anyone.
    "SLAP2_801381_2025-10-02_15-23-18": {
        "modalities": ["slap2", "behavior"],
        "acquisition_start_time": utc(2025, 10, 2, 22, 22, 47, 369504),
        "age": 226,
        "experimenters": [],
        "experimenters_normalized": [],
        "instrument_id_normalized": "SLAP21",
    },
    # Acquired on the day of birth.
    "exaSPIM_123456_example_stitched": {"age": 0, "data_level": "derived"},
    # No acquisition at all.
    "isi_example": {"subject_id": "123456", "acquisition_start_time": None, "age": None},
}


@pytest.mark.parametrize("name", BASICS)
def test_asset_basics_of_a_document(built, name):
    row = only(built["asset_basics.pqt"], name=name)
    assert {column: row[column] for column in BASICS[name]} == BASICS[name]


# source_data


@pytest.mark.parametrize(
    ("name", "source", "pipeline", "time"),
    [
        (
            "828418_2026-02-13_18-31-13_processed_2026-02-14_12-44-45",
            "828418_2026-02-13_18-31-13",
            None,
            "2026-02-14_12-44-45",
        ),
        (
            "ecephys_800779_2025-09-26_12-57-44_sorted-ads2.4.0-main_2026-02-09_14-01-16",
            "ecephys_800779_2025-09-26_12-57-44",
            "AIND ephys pipeline",
            "2026-02-09_14-01-16",
        ),
        (
            "behavior_726649_2024-10-07_13-27-02_processed_2025-02-23_03-30-46",
            None,
            "Processing Pipeline",
            "2025-02-23_03-30-46",
        ),
        (
            "669492_2023-07-07_17-52-04_nwb_2025-09-05_16-22-41",
            None,
            None,
            "2025-09-05_16-22-41",
        ),
        ("exaSPIM_123456_example_stitched", "exaSPIM_123456_example", None, None),
    ],
)
def test_source_data_of_a_document(built, name, source, pipeline, time):
    assert only(built["source_data.pqt"], name=name) == {
        "name": name,
        "source_data": source,
        "pipeline_name": pipeline,
        "processing_time": time,
    }


@pytest.mark.parametrize(
    "name",
    [
        "SmartSPIM_654092_2023-01-26_10-45-12_stitched_2023-02-02_21-58-54",
        "SmartSPIM_M2501_2025-04-03_17-50-21",
        "810761_2025-12-06_18-47-24",
    ],
)
def test_what_neither_says_derived_nor_names_a_source_has_no_row(built, name):
    assert name not in {row["name"] for row in built["source_data.pqt"]}


# metadata_core


@pytest.mark.parametrize(
    ("document", "there"),
    [
        ("3b3cad8f-774b-42a1-bdce-a84269078db2", CORE | {"quality_control"}),
        (
            "01840334-0522-408e-bb9d-eaf2a465ccf5",
            CORE - {"instrument", "acquisition"} | {"quality_control"},
        ),
        ("8c593ace-ad9e-5074-a9db-fdbc23f836b9", {"instrument", "acquisition"}),
        ("8a125b04-d64e-5bd7-8f35-adf85d0e5431", {"subject", "data_description", "instrument"}),
        ("4cf74a50-7105-46cc-b36e-8dce3f8c24be", CORE - {"instrument", "acquisition"}),
    ],
)
def test_metadata_core_of_a_document(built, document, there):
    row = only(built["metadata_core.pqt"], _id=document)
    assert {column for column, value in row.items() if value is True} == there


# quality_control


def test_a_subject_has_the_metrics_of_all_its_data_assets_in_order(built):
    names = [row["asset_name"] for row in built["qc/subject_id=800779/data.pqt"]]
    # 182 less 14 curation metrics, 96 less 8, and 182.
    assert names == (
        ["ecephys_800779_2025-09-26_12-57-44_sorted-ads2.0_2025-10-22_15-35-53"] * 168
        + ["ecephys_800779_2025-09-26_12-57-44_sorted-ads2.4.0-main_2026-02-09_14-01-16"] * 88
        + ["ecephys_800779_2025-09-26_12-57-44_sorted_2025-10-07_17-18-32"] * 182
    )


@pytest.mark.parametrize(
    ("subject", "metrics"),
    [("776259", 297 - 17), ("834691", 40 - 5), ("804363", 104 - 8), ("828418", 131)],
)
def test_curation_metrics_are_left_out(built, subject, metrics):
    assert len(built[f"qc/subject_id={subject}/data.pqt"]) == metrics


def test_a_metric_with_list_tags_of_a_data_asset_without_acquisition(built):
    rows = built["qc/subject_id=726649/data.pqt"]
    assert rows[0] == {
        "name": "Data length same",
        "stage": "Raw data",
        "modality": "fib",
        "value": "102390",
        "status": "Pass",
        "asset_name": "behavior_726649_2024-10-07_13-27-02_processed_2025-02-23_03-30-46",
        "subject_id": "726649",
        "timestamp": None,
        "tags": ["Data length check"],
        "reference": "qc-raw/raw_traces.png",
        "evaluator": "Automated",
        "status_timestamp": utc(2025, 2, 23, 3, 20, 26, 439024),
        "status_history": '[{"object_type":"QC status","evaluator":"Automated","status":"Pass",'
        '"timestamp":"2025-02-22 19:20:26.439024-08:00"}]',
        "value_type": "number",
        "evaluated_assets": None,
    }
    assert (rows[1]["name"], rows[1]["value"]) == ("Session length >15min", "85.325")
    assert (rows[23]["name"], rows[23]["value"]) == ("Number of completed trials", "209")


def test_a_metric_with_an_object_for_its_value_and_two_tags_with_keys(built):
    row = built["qc/subject_id=800779/data.pqt"][168 + 88]
    where = "experiment1_Record Node 101#Neuropix-PXI-100.ProbeA_recording1_group0"
    assert row["value"] == (
        '{"value":"","options":["Normal","No spikes","Noisy"],'
        '"status":["Pass","Fail","Fail"],"type":"dropdown"}'
    )
    assert row["tags"] == [f"tag_1:{where}", "tag_2:Raw Data"]
    assert row["reference"] == f"quality_control/{where}/traces_raw.png"
    assert (row["status"], row["evaluator"]) == ("Pending", None)
    assert row["timestamp"] == utc(2025, 9, 26, 19, 57, 44)
    assert row["status_timestamp"] == utc(2025, 10, 7, 15, 23, 13, 545824)


def test_metrics_whose_value_is_null_a_text_or_an_empty_text(built):
    assert built["qc/subject_id=828418/data.pqt"][0]["value"] is None
    assert built["qc/subject_id=123456/data.pqt"][9]["value"] == "Thalamus"
    assert built["qc/subject_id=747806/data.pqt"][0]["value"] == ""


# qc_tag_status and platform_qc


def test_the_statuses_of_a_data_asset_in_the_order_of_its_metrics(built):
    rows = built["qc_tag_status/subject_id=123456/data.pqt"]
    assert [(row["tag"], row["status"]) for row in rows] == [
        ("neuron_id:N001", "Pass"),
        ("neuron_id:N002", "Pass"),
        ("SPIM", "Pass"),
        ("Analysis", "Pass"),
    ]
    assert {row["timestamp"] for row in rows} == {utc(2022, 11, 22, 16, 43)}


def test_the_statuses_of_a_data_asset_with_list_tags(built):
    rows = built["qc_tag_status/subject_id=692478/data.pqt"]
    assert [(row["tag"], row["status"]) for row in rows] == [
        ("Motion Correction Registration Summary VISp_0", "Pending"),
        ("Motion Correction Registration Summary VISp_1", "Pending"),
        ("Motion Correction FOV Quality VISp_0", "Pending"),
        ("Motion Correction FOV Quality VISp_1", "Pending"),
        ("pophys", "Pending"),
        ("Processing", "Pending"),
    ]


@pytest.mark.parametrize(
    ("platform", "rows"),
    [
        ("spim", 9),
        ("fib", 21),
        ("slap2", 0),
        ("ecephys", 92),
        ("pophys", 29),
        ("vr", 30),
        ("dynamic_foraging", 20),
    ],
)
def test_how_many_statuses_a_platform_has(built, platform, rows):
    assert len(built[f"platform_qc/platform={platform}/data.pqt"]) == rows


def test_only_the_fib_statuses_of_a_data_asset_with_three_modalities_are_of_platform_fib(built):
    rows = built["platform_qc/platform=fib/data.pqt"]
    name = "behavior_726649_2024-10-07_13-27-02_processed_2025-02-23_03-30-46"
    assert {row["tag"]: row["status"] for row in rows if row["asset_name"] == name} == {
        "Preprocessing using method 'poly'": "Pending",
        "Preprocessing using method 'bright'": "Pending",
        "Preprocessing using method 'exp'": "Pending",
        "CMOS Floor signal": "Fail",
        "No NaN values in data": "Pass",
        "Complete Synchronization Pulse": "Pass",
        "Data length check": "Pass",
        "No sudden changes in signals": "Pass",
        "fib": "Fail",
    }


def test_platform_qc_carries_instrument_and_people(built):
    row = only(built["platform_qc/platform=pophys/data.pqt"], tag="type:Z-drift Analysis - VISp_6")
    assert row == {
        "asset_name": "multiplane-ophys_804363_2025-08-21_14-13-43_processed_2025-08-26_06-02-34",
        "tag": "type:Z-drift Analysis - VISp_6",
        "status": "Pass",
        "timestamp": utc(2025, 8, 21, 21, 13, 43, 88154),
        "instrument_id_normalized": "MESO1",
        "experimenters_normalized": ["Jimin Park"],
    }


def test_a_data_asset_of_virtual_reality_and_one_of_foraging_are_of_their_platforms(built):
    names = {
        platform: {row["asset_name"] for row in built[f"platform_qc/platform={platform}/data.pqt"]}
        for platform in ("vr", "dynamic_foraging")
    }
    assert names == {
        "vr": {
            "828418_2026-02-13_18-31-13_processed_2026-02-14_12-44-45",
            "behavior_754560_2024-08-28_09-07-05_videoprocessed_2026-03-14_00-21-14",
        },
        "dynamic_foraging": {
            "behavior_717535_2024-10-25_10-24-48_processed_2026-04-10_21-32-50",
            "behavior_766562_2025-06-19_21-47-35_processed_2025-06-21_04-11-28",
            "behavior_775510_2025-04-13_15-30-30_processed_2025-04-14_04-09-06",
        },
    }
