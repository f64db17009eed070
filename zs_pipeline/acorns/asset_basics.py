"""asset_basics: what is asked most often about a data asset, one row for each document.

People and instruments have their own modules; the QC and platform tables take times, subjects and
normalised names from here.
"""

from collections.abc import Iterator
from datetime import date
from typing import Any

import pyarrow as pa

from zs_pipeline import people
from zs_pipeline.declaration import (
    Acorn,
    ByDocument,
    Column,
    Expected,
    OfId,
    Once,
    Read,
    Tables,
)
from zs_pipeline.fields import day, moment, part, parts, subject, text, texts, time, trimmed, year
from zs_pipeline.instruments import short_name


def rows(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The one row of a document; the normalised people follow in `finish`."""
    description = document["data_description"]
    acquisition = document["acquisition"]
    details = part(document, "subject.subject_details")
    started = part(acquisition, "acquisition_start_time")
    instrument = text(part(acquisition, "instrument_id"))
    modalities = texts(part(description, "modalities"), "abbreviation")
    yield {
        "_id": document["_id"],
        "_last_modified": time(document.get("_last_modified") or document.get("last_modified")),
        "modalities": None if modalities is None else list(dict.fromkeys(modalities)),
        "project_name": trimmed(part(description, "project_name")),
        "data_level": text(part(description, "data_level")),
        "subject_id": subject(part(document, "subject.subject_id")),
        "acquisition_start_time": time(started),
        "acquisition_end_time": time(part(acquisition, "acquisition_end_time")),
        "code_ocean": _code_ocean(part(document, "other_identifiers.Code Ocean")),
        "process_date": _process_date(document),
        "genotype": trimmed(part(details, "genotype")),
        "age": _age(started, details),
        "acquisition_type": text(part(acquisition, "acquisition_type")),
        "location": text(document.get("location")),
        "name": text(document.get("name")),
        "experimenters": texts(part(acquisition, "experimenters"), "name"),
        "instrument_id": instrument,
        "instrument_id_normalized": short_name(instrument),
        "investigators": texts(part(description, "investigators"), "name"),
        "created": time(document.get("_created") or document.get("created")),
    }


def finish(table: pa.Table, _: Tables) -> pa.Table:
    """Normalise the people, which depends on who else is in the table."""
    written = {
        column: [names if names is None else tuple(names) for names in table[column].to_pylist()]
        for column in _PEOPLE
    }
    # Few lists differ: one by one they were 3 of the 24 s of a night that changed 200 of 20,000.
    distinct = set().union(*written.values())
    mapping = people.first_name_map(distinct)
    known = {names: people.normalize(names, mapping) for names in distinct}
    for column, lists in written.items():
        place = table.schema.get_field_index(f"{column}_normalized")
        final = pa.array([known[names] for names in lists], pa.list_(pa.string()))
        table = table.set_column(place, table.schema.field(place), final)
    return table


_PEOPLE = ("experimenters", "investigators")


def _code_ocean(value: Any) -> list[str] | None:
    return [value] if isinstance(value, str) and value else texts(value)


def _process_date(document: dict[str, Any]) -> str | None:
    begun = (
        moment(process.get("start_date_time"))
        for process in parts(document, "processing.data_processes")
    )
    latest = max((m for m in begun if m is not None), default=None)
    return None if latest is None else latest.date().isoformat()


def _age(started: Any, details: Any) -> int | None:
    """Days between two calendar dates.

    A mouse's birth is recorded as a date where it lives, so it is the acquisition's own date that
    counts, not that of UTC.
    """
    begun = moment(started)
    born = day(part(details, "date_of_birth"))
    born_in = year(part(details, "year_of_birth"))
    if born is None and born_in is not None:
        born = date(born_in, 1, 1)
    if begun is None or born is None:
        return None
    days = (begun.date() - born).days
    return days if days >= 0 else None


ACORN = Acorn(
    name="asset_basics",
    description=(
        "Commonly used metadata, one row per document, that is per data asset. Join other tables "
        "on name (their name, asset_name or raw_name) or on _id; one name can belong to several "
        "documents."
    ),
    type="metadata",
    key=("_id",),
    order=("subject_id", "acquisition_start_time", "name", "_id"),
    kind=ByDocument(
        rows=rows,
        reuse=OfId(),
        finish=finish,
        reads=(
            Read("subject.subject_id", Expected.SUBJECT),
            Read("subject.subject_details.genotype", Expected.TEXT),
            Read("subject.subject_details.date_of_birth", Expected.DATE),
            Read("subject.subject_details.year_of_birth", Expected.YEAR),
            Read("data_description.modalities[]", Expected.OBJECT_OR_TEXT),
            Read("data_description.modalities[].abbreviation", Expected.TEXT),
            Read("data_description.project_name", Expected.TEXT),
            Read("data_description.data_level", Expected.TEXT),
            Read("data_description.investigators[]", Expected.TEXT_OR_PERSON),
            Read("data_description.investigators[].name", Expected.TEXT),
            Read("acquisition.acquisition_start_time", Expected.TIME),
            Read("acquisition.acquisition_end_time", Expected.TIME),
            Read("acquisition.acquisition_type", Expected.TEXT),
            Read("acquisition.experimenters[]", Expected.TEXT_OR_PERSON),
            Read("acquisition.experimenters[].name", Expected.TEXT),
            Read("acquisition.instrument_id", Expected.TEXT),
            Read("processing.data_processes[].start_date_time", Expected.TIME),
        ),
    ),
    checks=(Once("names_once", "name", "No name belongs to several documents."),),
    columns=(
        Column("_id", "string", "The document's id in the database.", nullable=False),
        Column("_last_modified", "time", "When the document was last changed in the database."),
        Column(
            "modalities",
            "[string]",
            "Abbreviations of the kinds of data in the data asset, such as ecephys or fib, in the "
            "document's order, each once.",
        ),
        Column("project_name", "string", "The project, without blanks around it."),
        Column("data_level", "string", "raw, as acquired, or derived, as processed from others."),
        Column("subject_id", "string", "The animal, always as text: not all ids are numbers."),
        Column("acquisition_start_time", "time", "When the acquisition began."),
        Column("acquisition_end_time", "time", "When the acquisition ended."),
        Column(
            "code_ocean",
            "[string]",
            "Ids of the data asset in Code Ocean, none, one or two; null when none are recorded.",
        ),
        Column(
            "process_date",
            "string",
            "Calendar date (YYYY-MM-DD) on which the latest processing step began, in that step's "
            "own time zone.",
        ),
        Column("genotype", "string", "The animal's genotype, without blanks around it."),
        Column(
            "age",
            "int32",
            "The animal's age in whole days when the acquisition began, by calendar dates; from 1 "
            "January when only the year of birth is known; null when it would be negative.",
        ),
        Column("acquisition_type", "string", "What was done, in the words of who acquired it."),
        Column("location", "string", "Where the files lie, s3://bucket/prefix."),
        Column("name", "string", "The data asset's name; other tables join on it."),
        Column("experimenters", "[string]", "Who acquired the data, as written in the document."),
        Column(
            "experimenters_normalized",
            "[string]",
            "The same people with one spelling each, over the whole table.",
        ),
        Column("instrument_id", "string", "The instrument, as written in the document."),
        Column(
            "instrument_id_normalized",
            "string",
            "The instrument's short name, without room, date and separators.",
        ),
        Column("investigators", "[string]", "Who leads the work, as written in the document."),
        Column(
            "investigators_normalized",
            "[string]",
            "The same people with one spelling each, over the whole table.",
        ),
        Column("created", "time", "When the document was made in the database."),
    ),
)
