"""Findings: made beside the rows of a table, kept with the document, shown and counted."""

import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from building import document, dump
from hypothesis import given
from hypothesis import strategies as st

from zs_client import user_tables
from zs_client.contract import Layout, __version__
from zs_client.opening import open_store
from zs_client.store import Store
from zs_pipeline import settings
from zs_pipeline.acorns import ACORNS
from zs_pipeline.catalogue import Catalogue
from zs_pipeline.code import of_findings
from zs_pipeline.declaration import Acorn, ByDocument, Column, Document, Expected, OfId, Read, Row
from zs_pipeline.documents import update as documents
from zs_pipeline.publishing import commit
from zs_pipeline.publishing.facts_file import read_content, read_facts
from zs_pipeline.shape import findings
from zs_pipeline.shape.findings import COUNTED, LONGEST, WARNING, Finding, gathered
from zs_pipeline.side_files.files import Files
from zs_pipeline.source.choice import open_source
from zs_pipeline.tables.build import build as plan
from zs_pipeline.tables.inputs import Surroundings


def rows(document: Document) -> Iterator[Row]:
    yield {"_id": document["_id"]}


def choices(document: Document) -> Iterable[Finding]:
    acquisition = document["acquisition"]
    notes = acquisition.get("notes") if isinstance(acquisition, dict) else None
    for note in notes if isinstance(notes, list) else ():
        yield Finding("acquisition.notes", "noted.note", "is read aloud", note, {"as": note})
    if document["procedures"] is None:
        yield Finding("procedures", "noted.note", "are read as none", severity=COUNTED)


NOTED = Acorn(
    name="noted",
    description="Notes.",
    type="asset",
    key=("_id",),
    kind=ByDocument(
        rows=rows,
        reuse=OfId(),
        findings=choices,
        reads=(
            Read("acquisition.notes", Expected.LIST),
            Read("acquisition.notes[]", Expected.TEXT),
            Read("procedures.a", Expected.LIST),
        ),
    ),
    columns=(
        Column("_id", "string", "The document."),
        Column("note", "string", "A note.", reads=("acquisition.notes",)),
    ),
)
CATALOGUE = Catalogue((*ACORNS, NOTED))
# What a parsed document holds: no number beyond 64 bits.
_SCALARS = st.none() | st.text() | st.floats() | st.integers(-(2**63), 2**63 - 1)


def noted(number: int, notes: Any, procedures: Any = None) -> dict[str, Any]:
    acquisition = {"notes": notes, "experimenters": "oops"}
    return document(f"d{number}", acquisition=acquisition, procedures=procedures)


def build(folder: Path, *given: dict[str, Any]) -> Store:
    (folder / "store").mkdir()
    store = open_store(str(folder / "store"))
    source = open_source(str(dump(folder / "d.ndjson", given)), CATALOGUE.reads.paths)
    documents.update(store, source, CATALOGUE.reads)
    around = Surroundings(
        store, Layout(__version__), CATALOGUE, Files(str(settings.sample())), user_tables.copies
    )
    acorn = CATALOGUE.by_name["document_problems"]
    commit.commit(store, Layout(__version__), acorn, plan(acorn, around))
    return store


def problems(store: Store) -> list[dict[str, Any]]:
    return read_content(
        store, Layout(__version__), CATALOGUE.by_name["document_problems"]
    ).to_pylist()


def test_a_choice_is_a_row_with_both_readings_and_how_often_it_was_made(tmp_path: Path) -> None:
    store = build(tmp_path, noted(1, ["a", "b"]), noted(2, None))
    (found,) = [row for row in problems(store) if row["column"] == "noted.note"]
    assert (found["field"], found["reason"]) == ("acquisition.notes", "is read aloud")
    assert (found["severity"], found["count"]) == ("note", 2)
    assert (found["taken"], found["other"]) == ("a", '{"as":"a"}')


def test_a_value_of_another_kind_is_a_row_with_the_value_and_the_column_that_lacks_it(
    tmp_path: Path,
) -> None:
    store = build(tmp_path, noted(1, 5))
    (found,) = [row for row in problems(store) if row["field"] == "acquisition.notes"]
    assert found["column"] == "noted.note"
    assert (found["severity"], found["taken"], found["other"]) == (WARNING, None, "5")
    assert found["reason"] == "is no list; it is left out of the tables"


def test_an_entry_of_a_list_concerns_the_column_that_reads_the_list() -> None:
    columns = CATALOGUE.reads.columns
    assert columns["acquisition.notes[]"] == "noted.note"
    assert columns["quality_control.metrics[].tags[]"] == "quality_control.tags"
    assert columns["quality_control.status{}"] == "qc_tag_status.status"
    assert columns["data_description.source_data[]"] == "source_data.source_data"
    # A name that stands beside others is no entry.
    assert "procedures.subject_procedures[].procedures[].object_type" not in columns


def test_what_most_documents_have_is_no_row_but_counted_in_the_facts(tmp_path: Path) -> None:
    store = build(tmp_path, noted(1, None), noted(2, None), noted(3, None, {}))
    assert not [row for row in problems(store) if row["field"] == "procedures"]
    facts = read_facts(store, Layout(__version__), "document_problems")
    assert facts is not None
    assert facts["notes"]["noted.note are read as none"] == 2


def test_other_code_or_other_reads_find_anew() -> None:
    without = Catalogue(ACORNS).reads
    names = {of_findings(CATALOGUE.reads), of_findings(without)}
    assert len(names) == 2
    assert of_findings(Catalogue((*ACORNS, NOTED)).reads) in names


@given(st.recursive(_SCALARS, st.lists, max_leaves=9))
def test_a_reading_is_shown_as_text_of_bounded_length(value: Any) -> None:
    text = findings.shortened(value)
    # NaN and infinities are null as JSON.
    is_null = value is None or (isinstance(value, float) and not math.isfinite(value))
    assert (text is None) == is_null
    assert text is None or len(text) <= LONGEST


def test_places_are_gathered_by_field_column_and_reason() -> None:
    one, other = Finding("a", "t.c", "is so", 1, 2), Finding("a", "t.d", "is so", 3, 4)
    found = gathered([one, other, one])
    assert [(row["column"], row["count"], row["taken"]) for row in found] == [
        ("t.c", 2, "1"),
        ("t.d", 1, "3"),
    ]
