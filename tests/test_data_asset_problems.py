"""data_asset_problems: each kind of finding, when it is one and when not, alone and in a build."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from building import dump, real
from hypothesis import given
from hypothesis import strategies as st

from zs_client import user_tables
from zs_client.contract import Layout
from zs_client.opening import open_store
from zs_pipeline import arrow
from zs_pipeline.acorns import (
    CATALOGUE,
    asset_basics,
    data_asset_problems,
    metadata_upgrade,
    source_data,
)
from zs_pipeline.acorns.data_asset_problems import NO_SUBJECT, OTHER_SUBJECT
from zs_pipeline.declaration import CORE, Acorn
from zs_pipeline.documents import update as states
from zs_pipeline.publishing.commit import commit
from zs_pipeline.publishing.facts_file import read_content
from zs_pipeline.publishing.table_update import TableUpdate
from zs_pipeline.side_files.files import Files
from zs_pipeline.source.choice import open_source
from zs_pipeline.tables.build import build
from zs_pipeline.tables.inputs import Surroundings

NAME = "ecephys_1_2025-01-02_10-00-00"


def document(name: str | None = NAME, **more: Any) -> dict[str, Any]:
    """A document without findings; `more` sets `location`, `_id`, or values of the core files."""
    found: dict[str, Any] = {
        **dict.fromkeys(CORE),
        "_id": more.pop("_id", f"id-{name}"),
        "name": name,
        "location": more.pop("location", f"s3://bucket/{name}"),
    }
    found["subject"] = {"subject_id": more.pop("subject", "1")}
    found["acquisition"] = {
        "acquisition_start_time": more.pop("began", "2025-01-02T10:00:00-08:00"),
        "acquisition_end_time": more.pop("ended", "2025-01-02T11:00:00-08:00"),
    }
    found["data_description"] = {"data_level": "raw", "subject_id": "1", **more}
    return found


def derived(name: str, *sources: str, **more: Any) -> dict[str, Any]:
    return document(name, **{"data_level": "derived", "source_data": list(sources), **more})


def of(acorn: Acorn, documents: list[dict[str, Any]]) -> pa.Table:
    table = arrow.table(acorn, (row for one in documents for row in acorn.kind.rows(one)))
    return acorn.kind.finish(table, {}) if acorn is not data_asset_problems.ACORN else table


def table(
    *documents: dict[str, Any],
    kept: pa.Table | None = None,
    upgrades: list[dict[str, Any]] | None = None,
    folders: list[str] | None = None,
) -> pa.Table:
    acorn = data_asset_problems.ACORN
    own = of(acorn, list(documents)) if kept is None else kept
    basics = of(asset_basics.ACORN, list(documents))
    tables = {
        "asset_basics": basics,
        "source_data": of(source_data.ACORN, list(documents)),
        "metadata_upgrade": arrow.table(metadata_upgrade.ACORN, upgrades or []),
        "open_folders": pa.table({"open_folders": pa.array(folders or [], pa.string())}),
    }
    return arrow.decode(arrow.file(acorn, acorn.kind.finish(own, tables)).body)


def findings(*documents: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Field, severity and reason of each."""
    rows = table(*documents).to_pylist()
    return [(row["field"], row["severity"], row["reason"]) for row in rows]


def test_what_is_as_it_should_be_has_no_findings() -> None:
    assert findings() == []
    assert findings(document(), derived(f"{NAME}_sorted_2025-03-01_00-00-00", NAME)) == []


def test_each_document_of_a_shared_name_is_told_of_the_others() -> None:
    twice = [document(_id="a"), document(_id="b")]
    assert [(r["_id"], r["name"], r["reason"]) for r in table(*twice).to_pylist()] == [
        ("a", NAME, "is also the name of another document: b"),
        ("b", NAME, "is also the name of another document: a"),
    ]
    many = findings(*(document(_id=str(number)) for number in range(8)))
    assert len(many) == 8
    assert many[0] == (
        "name",
        "error",
        "is also the name of 7 other documents: 1, 2, 3, 4, 5 and more",
    )


def test_a_name_of_the_old_database_that_no_document_has_is_told() -> None:
    upgrades = [
        {"_id": "old-1", "name": NAME, "status": "success", "v2_id": f"id-{NAME}"},
        # Upgraded once, and its document is gone.
        {"_id": "old-2", "name": "gone", "status": "success", "v2_id": "x"},
        {"_id": "old-3", "name": "never", "status": "failed"},
        {"_id": "old-4", "name": "never", "status": None},
        # Without the old database its name is not known.
        {"_id": "old-5", "name": None, "status": "failed"},
    ]
    start = "is that of an old document whose upgrade"
    rows = table(document(), upgrades=upgrades).to_pylist()
    assert [(row["_id"], row["name"], row["reason"]) for row in rows] == [
        ("old-2", "gone", f"{start} ended as 'success', and no document has it now"),
        ("old-3", "never", f"{start} ended as 'failed', and no document has it now"),
        ("old-4", "never", f"{start} has no status, and no document has it now"),
    ]
    assert {(row["field"], row["severity"], row["column"]) for row in rows} == {
        ("name", "warning", "metadata_upgrade.name")
    }


def test_a_folder_of_the_open_bucket_that_no_document_has_is_told() -> None:
    bucket = data_asset_problems.OPEN_BUCKET
    documents = [
        document("a", location=f"{bucket}/a"),
        document("b", location=f"{bucket}/b/"),
        # Two documents may lie in one folder.
        document("c", location=f"{bucket}/deeper/c"),
        document("d", location="s3://another-bucket/orphan"),
        document("e", location=None),
    ]
    folders = ["a", "b", "deeper", "orphan"]
    rows = [row for row in table(*documents, folders=folders).to_pylist() if not row["_id"]]
    assert [(row["name"], row["field"], row["severity"], row["reason"]) for row in rows] == [
        (
            "orphan",
            "location",
            "warning",
            f"is {bucket}/orphan, a folder with files, of no document in the tables",
        )
    ]


def test_folders_are_noted_for_builds_that_cannot_list_the_bucket() -> None:
    rows = table(document("a"), folders=["a", "orphan"])
    folders = pa.table({"open_folders": ["a", "orphan"]})
    tables = {"open_folders": folders}
    assert data_asset_problems.notes(rows, tables) == {"open_folders": ["a", "orphan"]}
    there = table(document("a", location=f"{data_asset_problems.OPEN_BUCKET}/a"), folders=["a"])
    assert data_asset_problems.notes(there, tables) == {"open_folders": []}


def built(folder: Path, *documents: dict[str, Any]) -> TableUpdate:
    """Build the table and those that it is made from in a folder, as a night does."""
    (folder / "store").mkdir(exist_ok=True)
    store, layout = open_store(str(folder / "store")), Layout("1.0.0")
    source = open_source(str(dump(folder / "d.ndjson", documents)), CATALOGUE.reads.paths)
    states.update(store, source, CATALOGUE.reads, accept_shrink=True)
    files = Files(str(folder / "buckets"))
    around = Surroundings(store, layout, CATALOGUE, files, user_tables.copies)
    for name in ("asset_basics", "source_data", "metadata_upgrade", "data_asset_problems"):
        update = build(CATALOGUE.by_name[name], around)
        commit(store, layout, CATALOGUE.by_name[name], update)
    return update


def orphans(folder: Path) -> list[str]:
    """The folders without a document, as the table has them."""
    acorn = data_asset_problems.ACORN
    store = open_store(str(folder / "store"))
    rows = read_content(store, Layout("1.0.0"), acorn).to_pylist()
    return [row["name"] for row in rows if row["field"] == "location" and not row["_id"]]


def test_while_the_bucket_cannot_be_listed_its_findings_stay(tmp_path: Path) -> None:
    bucket = tmp_path / "buckets" / "aind-open-data"
    for name in ("a", "b", "orphan"):
        (bucket / name).mkdir(parents=True)
        (bucket / name / "file").write_text("")
    a, b = (document(name, location=f"s3://aind-open-data/{name}") for name in ("a", "b"))
    built(tmp_path, a, b)
    assert orphans(tmp_path) == ["orphan"]
    assert built(tmp_path, a, b).skipped
    hidden = bucket.rename(tmp_path / "hidden")
    built(tmp_path, a, b)
    assert orphans(tmp_path) == ["orphan"]
    assert built(tmp_path, a, b).skipped
    # b goes, which is seen once the bucket can be listed again; nothing else changed then.
    built(tmp_path, a)
    assert orphans(tmp_path) == ["orphan"]
    hidden.rename(bucket)
    built(tmp_path, a)
    assert orphans(tmp_path) == ["b", "orphan"]
    # What has a document now is no finding, listed or not.
    bucket.rename(tmp_path / "hidden")
    built(tmp_path, a, document("orphan", location="s3://aind-open-data/orphan"))
    assert orphans(tmp_path) == ["b"]


def test_a_bucket_that_never_answered_has_no_findings(tmp_path: Path) -> None:
    (tmp_path / "buckets").mkdir()
    built(tmp_path, document("a"))
    assert orphans(tmp_path) == []
    assert built(tmp_path, document("a")).skipped


def test_documents_without_a_name_do_not_share_one() -> None:
    assert findings(document(None, _id="a"), document(None, _id="b")) == []


def test_a_derived_one_whose_source_is_unknown_is_told() -> None:
    here = derived(f"{NAME}_sorted_2025-03-01_00-00-00", NAME, "gone", "lost")
    field = "data_description.source_data"
    assert findings(document(), here) == [
        (field, "warning", "names 'gone', which no document has as its name"),
        (field, "warning", "names 'lost', which no document has as its name"),
    ]
    assert findings(derived("x")) == [
        (field, "warning", "names no source, though the data asset is derived")
    ]
    assert findings(derived("x", "x")) == [
        (field, "error", "names the data asset itself as its source")
    ]


def test_a_raw_one_that_names_a_source_is_told() -> None:
    both = [document(), document(f"{NAME}_nwb_2025-03-01_00-00-00", source_data=[NAME])]
    assert findings(*both) == [
        (
            "data_description.data_level",
            "warning",
            f"is raw, though the data asset names a source: '{NAME}'",
        )
    ]


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        (f"s3://bucket/{NAME}", []),
        (f"s3://bucket/{NAME}/", []),
        (f"s3://bucket/deep/er/{NAME}", []),
        (None, []),
        ("s3://bucket/other", [("warning", "ends in another name, 'other'")]),
        (f"s3://bucket/x{NAME}", [("warning", f"ends in another name, 'x{NAME}'")]),
        (f"s3://bucket/{NAME}/ecephys", [("warning", "ends in another name, 'ecephys'")]),
        (
            "s3://bucket/8806dc51-993d-4ddb-9e03-059fb0e4509c",
            [("note", "ends in an id of Code Ocean, '8806dc51-993d-4ddb-9e03-059fb0e4509c'")],
        ),
    ],
)
def test_a_location_that_does_not_end_in_the_name_is_told(
    location: str | None, expected: list[tuple[str, str]]
) -> None:
    found = findings(document(location=location))
    assert found == [("location", *one) for one in expected]


def test_an_acquisition_that_ends_before_it_begins_is_told() -> None:
    assert findings(document(ended="2025-01-02T09:59:59-08:00")) == [
        (
            "acquisition.acquisition_end_time",
            "error",
            "is 2025-01-02 17:59:59 UTC, before the acquisition began at 2025-01-02 18:00:00 UTC",
        )
    ]
    assert findings(document(ended="2025-01-02T10:00:00-08:00")) == []
    # What a document says of itself needs no name.
    (nameless,) = findings(document(None, ended="2025-01-02T09:59:59-08:00"))
    assert nameless[:2] == ("acquisition.acquisition_end_time", "error")


DAY = "2025-01-02_10-00-00"


@pytest.mark.parametrize(
    ("name", "began", "ended", "told"),
    [
        # The name's time in Seattle, in UTC, and a day from either.
        (f"x_{DAY}", "2025-01-02T10:00:00-08:00", None, False),
        (f"x_{DAY}", "2025-01-02T10:00:00Z", None, False),
        (f"x_{DAY}", "2025-01-03T10:00:00-08:00", None, False),
        (f"x_{DAY}", "2025-01-03T10:00:01-08:00", None, True),
        (f"x_{DAY}", "2025-01-01T10:00:00Z", None, False),
        (f"x_{DAY}", "2025-01-01T09:59:59Z", None, True),
        # An acquisition of many days whose name is of its end.
        (f"x_{DAY}", "2024-12-25T10:00:00Z", "2025-01-02T10:00:00Z", False),
        (f"x_{DAY}", "2024-12-25T10:00:00Z", "2024-12-31T10:00:00Z", True),
        # Where there is no time, or none that is one.
        (f"x_{DAY}", None, "2020-01-01T00:00:00Z", False),
        ("x", "2020-01-01T00:00:00Z", None, False),
        ("x_2025-13-45_99-00-00", "2020-01-01T00:00:00Z", None, False),
        ("x_0000-00-00_00-00-00", "2020-01-01T00:00:00Z", None, False),
        ("x_9999-12-31_23-59-59", "2020-01-01T00:00:00Z", None, True),
        ("x_0001-01-01_00-00-00", "9998-12-31T23:59:59Z", None, True),
        ("x_12025-01-02_10-00-001", "2020-01-01T00:00:00Z", None, False),
    ],
)
def test_an_acquisition_over_a_day_from_the_time_in_the_name_is_told(
    name: str, began: str | None, ended: str | None, told: bool
) -> None:
    found = findings(document(name, began=began, ended=ended))
    assert [field for field, _, _ in found] == (
        ["acquisition.acquisition_start_time"] if told else []
    )


def test_of_a_derived_one_the_processing_time_is_not_the_acquisitions() -> None:
    source = document("x", began=None)
    later = {"began": "2025-01-02T10:00:00Z", "ended": None}
    assert findings(source, derived("x_sorted_2026-01-01_00-00-00", "x", **later)) == []
    assert findings(source, derived(f"x_{DAY}_sorted_2026-01-01_00-00-00", "x", **later)) == []
    assert findings(
        source, derived("x_2024-01-01_00-00-00_sorted_2026-01-01_00-00-00", "x", **later)
    )
    assert findings(source, derived("x_2024-01-01_00-00-00_sorted", "x", **later))


DESCRIBED, ACQUIRED = "data_description.subject_id", "acquisition.subject_id"


@pytest.mark.parametrize(
    ("subject", "described", "acquired", "told"),
    [
        ("1", "1", "1", []),
        (1, "1", " 1 ", []),
        ("1", None, None, []),
        ("1", "", " ", []),
        ("1", "2", None, [(DESCRIBED, "error", OTHER_SUBJECT, "1", "2")]),
        ("1", None, 3, [(ACQUIRED, "warning", OTHER_SUBJECT, "1", "3")]),
        (
            "1",
            "2",
            "3",
            [
                (DESCRIBED, "error", OTHER_SUBJECT, "1", "2"),
                (ACQUIRED, "warning", OTHER_SUBJECT, "1", "3"),
            ],
        ),
        # The data description's counts.
        (None, "2", "2", []),
        (None, "2", "3", [(ACQUIRED, "warning", OTHER_SUBJECT, "2", "3")]),
        ("", "2", "3", [(ACQUIRED, "warning", OTHER_SUBJECT, "2", "3")]),
        # The acquisition's never does.
        (None, None, "3", [(ACQUIRED, "warning", NO_SUBJECT, None, "3")]),
        (None, None, None, []),
        # An id that is too long to be a folder's name is no subject.
        (
            "9" * 300,
            "2",
            None,
            [("subject.subject_id", "error", OTHER_SUBJECT, "2", f"{'9' * 199}…")],
        ),
    ],
)
def test_each_place_that_names_another_subject_is_told(
    subject: Any, described: Any, acquired: Any, told: list[tuple[Any, ...]]
) -> None:
    one = document(subject=subject, subject_id=described)
    one["acquisition"]["subject_id"] = acquired
    columns = ("field", "severity", "reason", "taken", "other")
    found = table(one).to_pylist()
    assert [tuple(row[column] for column in columns) for row in found] == told
    assert {(row["column"], row["count"]) for row in found} <= {("asset_basics.subject_id", 1)}


def test_findings_of_an_earlier_build_are_not_told_twice_nor_kept_when_they_are_gone() -> None:
    bad = document(subject_id="2", location="s3://bucket/other")
    first = table(bad)
    assert table(bad, kept=first).equals(first)
    mended = {**bad, "location": f"s3://bucket/{NAME}"}
    assert table(mended, kept=first).column("field").to_pylist() == [DESCRIBED]


anything = (
    st.none() | st.text(max_size=5) | st.integers() | st.lists(st.text(max_size=3), max_size=2)
)


@given(st.fixed_dictionaries(dict.fromkeys(("subject_id", "source_data", "data_level"), anything)))
def test_whatever_stands_there_gives_a_table(values: dict[str, Any]) -> None:
    table(document(), document("other", **values))


@pytest.mark.real
def test_the_findings_about_the_real_documents(corpus: Any) -> None:
    found = table(*real(corpus)).to_pylist()
    by_field: dict[str, list[dict[str, Any]]] = {}
    for row in found:
        by_field.setdefault(row["field"], []).append(row)
    assert [r["name"] for r in by_field["acquisition.acquisition_end_time"]] == [
        "SmartSPIM_658209_2023-02-08_16-32-24"
    ]
    assert [r["name"] for r in by_field["acquisition.acquisition_start_time"]] == [
        "exaSPIM_675375_2024-02-27_18-50-24"
    ]
    assert [(r["name"], r["taken"], r["other"]) for r in by_field["acquisition.subject_id"]] == [
        ("810761_2025-12-06_18-47-24", None, "810761"),
        ("SmartSPIM_762444_2025-07-16_20-47-57", None, "762444"),
        ("exaSPIM_675375_2024-02-27_18-50-24", "675375", "667857"),
    ]
    assert "data_description.subject_id" not in by_field
    assert [r["name"] for r in by_field["location"] if r["severity"] == "warning"] == [
        "exaSPIM_750318_2025-02-03_12-13-09"
    ]
    assert {r["severity"] for r in by_field["data_description.source_data"]} == {"warning"}
    assert "name" not in by_field
