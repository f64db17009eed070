"""asset_basics: the columns of data assets in most use, one row for each document.

Ages, people, instruments and zones have their own modules; the QC and platform tables take times,
subjects and normalised names from here.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from zs_pipeline import ages, arrow, instruments, people, zones
from zs_pipeline.acorns import foraging_sessions
from zs_pipeline.declaration import (
    Acorn,
    ByDocument,
    Column,
    Expected,
    FrameRead,
    OfId,
    Once,
    Read,
    Settled,
    Tables,
)
from zs_pipeline.shape.findings import Finding
from zs_pipeline.shape.values import (
    SUBJECT_PLACES,
    microseconds,
    moment,
    part,
    parts,
    subject,
    subject_of,
    text,
    texts,
    time,
    trimmed,
)

# Both spellings of a key of the envelope; the first that a document has counts.
_ENVELOPE = {
    "_last_modified": ("_last_modified", "last_modified"),
    "created": ("_created", "created"),
}
_PROCESS_START = "processing.data_processes[].start_date_time"
_PEOPLE = {
    "experimenters": "acquisition.experimenters",
    "investigators": "data_description.investigators",
}

FALLBACK = "is taken, because subject.subject_id gives none"


def rows(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yields the row of a document; `finish` adds the normalised people."""
    description = document["data_description"]
    acquisition = document["acquisition"]
    start = zones.start(acquisition)
    instrument = text(part(acquisition, "instrument_id"))
    modalities = texts(part(description, "modalities"), "abbreviation") or ()
    latest = max(filter(None, map(moment, _process_starts(document))), default=None)
    yield {
        "_id": document["_id"],
        "_last_modified": time(_enveloped(document, "_last_modified")[1]),
        "modalities": list(dict.fromkeys(modalities)),
        "project_name": trimmed(part(description, "project_name")),
        "data_level": text(part(description, "data_level")),
        "subject_id": subject_of(document),
        "acquisition_start_time": microseconds(start.instant),
        "acquisition_end_time": microseconds(
            zones.moment(acquisition, part(acquisition, zones.ENDED))
        ),
        "code_ocean": _code_ocean(part(document, "other_identifiers.Code Ocean")),
        "process_date": latest and latest.date().isoformat(),
        "genotype": trimmed(part(document, "subject.subject_details.genotype")),
        "age": ages.days(document, start.day),
        "acquisition_type": text(part(acquisition, "acquisition_type")),
        "location": text(document.get("location")),
        "name": text(document.get("name")),
        "experimenters": _names(document, "experimenters"),
        "instrument_id": instrument,
        "instrument_id_normalized": instruments.short_name(instrument),
        "investigators": _names(document, "investigators"),
        "created": time(_enveloped(document, "created")[1]),
        "acquisition_date": start.day and start.day.isoformat(),
    }


def findings(document: dict[str, Any]) -> Iterator[Finding]:
    """Yields the readings that `rows` chose in a document, and values that it could not read."""
    acquisition = document["acquisition"]
    yield from zones.findings(acquisition)
    for column in _ENVELOPE:
        key, value = _enveloped(document, column)
        yield from zones.naive(key, f"asset_basics.{column}", value)
    for value in _process_starts(document):
        yield from zones.naive(_PROCESS_START, "asset_basics.process_date", value)
    preferred, fallback = SUBJECT_PLACES
    subject_id = subject_of(document)
    if subject_id is not None and subject(part(document, preferred)) is None:
        yield Finding(fallback, "asset_basics.subject_id", FALLBACK, subject_id)
    yield from instruments.findings(
        text(part(acquisition, "instrument_id")),
        "acquisition.instrument_id",
        "asset_basics.instrument_id_normalized",
    )
    for column, path in _PEOPLE.items():
        normalized = f"asset_basics.{column}_normalized"
        yield from people.findings(_names(document, column) or (), path, normalized)
    yield from ages.findings(document, zones.start(acquisition).day, "asset_basics.age")


def finish(table: pa.Table, tables: Tables) -> pa.Table:
    """Normalise the people, which depends on the other people of the table and of sessions."""
    mapping, documents = _name_map(table, tables)
    normalized = {names: people.normalize(names, mapping) for lists in documents for names in lists}
    for column in _PEOPLE:
        index = table.schema.get_field_index(f"{column}_normalized")
        field = table.schema.field(index)
        lists = (names if names is None else tuple(names) for names in table[column].to_pylist())
        values = pa.array([normalized[names] for names in lists], field.type)
        table = table.set_column(index, field, values)
    return table


def notes(table: pa.Table, tables: Tables) -> dict[str, Any]:
    """Returns the map of people that normalised names here and in foraging_sessions."""
    return {"people": _name_map(table, tables)[0]}


def _name_map(table: pa.Table, tables: Tables) -> tuple[dict[str, str], Counter[people.Lists]]:
    """Returns the map of people, and the count of rows for each combination of lists."""
    documents = people.alike(arrow.values(table, *_PEOPLE))
    trainers = tables["trainers"]["trainers"].to_pylist() if "trainers" in tables else ()
    return people.map_over(documents, trainers), documents


def _enveloped(document: dict[str, Any], column: str) -> tuple[str, Any]:
    """Returns the key under which the envelope has a time, and the time."""
    newer, older = _ENVELOPE[column]
    return (newer, document[newer]) if document.get(newer) else (older, document.get(older))


def _process_starts(document: dict[str, Any]) -> list[Any]:
    return [p.get("start_date_time") for p in parts(document, "processing.data_processes")]


def _names(document: dict[str, Any], column: str) -> list[str] | None:
    return texts(part(document, _PEOPLE[column]), "name")


def _code_ocean(value: Any) -> list[str] | None:
    single_id = text(value)
    return texts(value) if single_id is None else [single_id]


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
        findings=findings,
        frame=FrameRead(foraging_sessions.FRAME, "trainers", foraging_sessions.trainers),
        notes=notes,
        reads=(
            *(Read(path, Expected.SUBJECT) for path in SUBJECT_PLACES),
            Read("subject.subject_details.genotype", Expected.TEXT),
            *ages.READS,
            Read("data_description.modalities[]", Expected.OBJECT_OR_TEXT),
            Read("data_description.modalities[].abbreviation", Expected.TEXT),
            Read("data_description.project_name", Expected.TEXT),
            Read("data_description.data_level", Expected.TEXT),
            Read("data_description.investigators[]", Expected.TEXT_OR_PERSON),
            Read("data_description.investigators[].name", Expected.TEXT),
            *zones.READS,
            Read("acquisition.acquisition_end_time", Expected.TIME),
            Read("acquisition.acquisition_type", Expected.TEXT),
            Read("acquisition.experimenters[]", Expected.TEXT_OR_PERSON),
            Read("acquisition.experimenters[].name", Expected.TEXT),
            Read("acquisition.instrument_id", Expected.TEXT),
            Read(_PROCESS_START, Expected.TIME),
        ),
    ),
    checks=(
        Once("names_once", "name", "No name belongs to several documents."),
        Settled(
            "names_settled",
            "name",
            "No recent night gave most documents other names or brought most of them twice.",
        ),
    ),
    columns=(
        Column(
            "_id",
            "string",
            "The document's id in the database.",
            nullable=False,
            reads=("_id",),
            rule="As text, also where the database has a number or an ObjectId.",
            example="`3b3cad8f-774b-42a1-bdce-a84269078db2` stays as it is.",
        ),
        Column(
            "_last_modified",
            "time",
            "When the document was last changed in the database.",
            reads=("_last_modified", "last_modified"),
            rule="last_modified is taken where there is no _last_modified, as in older documents. "
            "A time without a zone is UTC, and a finding. A time that cannot be read is null.",
            example="`2026-02-14T13:00:35.192Z` becomes 2026-02-14 13:00:35.192 UTC.",
        ),
        Column(
            "modalities",
            "[string]",
            "Abbreviations of the kinds of data in the data asset, such as ecephys or fib, in the "
            "document's order, each once; an empty list where none are recorded, never null.",
            reads=("data_description.modalities[].abbreviation", "data_description.modalities[]"),
            rule="The abbreviation of each modality, or the modality itself where it is a text. "
            "Repeats are left out. Without a data description the list is empty.",
            example='`[{"abbreviation": "fib"}, {"abbreviation": "behavior"}]` becomes '
            "`[fib, behavior]`.",
            identifies=True,
        ),
        Column(
            "project_name",
            "string",
            "The project, without blanks around it.",
            reads=("data_description.project_name",),
            rule="Blanks at both ends are removed; a text of nothing else is null.",
            example="`Thalamus in the middle ` becomes `Thalamus in the middle`.",
        ),
        Column(
            "data_level",
            "string",
            "raw, as acquired, or derived, as processed from others.",
            reads=("data_description.data_level",),
            rule="As written.",
            example="`derived` stays as it is.",
            identifies=True,
        ),
        Column(
            "subject_id",
            "string",
            "The animal, always as text: not all ids are numbers.",
            reads=SUBJECT_PLACES,
            rule="data_description.subject_id is taken where subject.subject_id gives none: no "
            "subject, or none or an empty one in it. That is a finding in document_problems. "
            "acquisition.subject_id is never taken. Each place that says otherwise is a finding in "
            "data_asset_problems. A number becomes text.",
            example="`M2501` stays as it is; `804434` as a number becomes the text `804434`.",
            identifies=True,
        ),
        Column(
            "acquisition_start_time",
            "time",
            "When the acquisition began. Where a clock in Seattle was written as +00:00, which no "
            "document tells, it is 7 or 8 hours too early.",
            reads=("acquisition.acquisition_start_time", "acquisition.acquisition_start_tz"),
            rule="A time without a zone is in the one that acquisition_start_tz gives, by name or "
            "as hours, never UTC, and else Seattle's; that is a finding. An hour that the clock "
            "has twice is the first of the two, and one that it skips counts with the offset "
            "before the change. A time that cannot be read is null.",
            example="`2023-07-07 17:52:04-07:00` becomes 2023-07-08 00:52:04 UTC; "
            "`2024-06-30T20:49:33` becomes 2024-07-01 03:49:33 UTC.",
            identifies=True,
        ),
        Column(
            "acquisition_end_time",
            "time",
            "When the acquisition ended.",
            reads=("acquisition.acquisition_end_time", "acquisition.acquisition_start_tz"),
            rule="As acquisition_start_time.",
            example="`2026-02-13T19:43:41.982725Z` becomes 2026-02-13 19:43:41.982725 UTC.",
        ),
        Column(
            "code_ocean",
            "[string]",
            "Ids of the data asset in Code Ocean, none, one or two; null when none are recorded.",
            reads=("other_identifiers.Code Ocean", "other_identifiers.Code Ocean[]"),
            rule="The list as written; a bare text becomes a list of one.",
            example="`1712560f-a346-4f53-bf28-390b0d8db1ff` becomes "
            "`[1712560f-a346-4f53-bf28-390b0d8db1ff]`.",
        ),
        Column(
            "process_date",
            "string",
            "Calendar date (YYYY-MM-DD) on which the latest processing step began, in that step's "
            "own time zone.",
            reads=(_PROCESS_START,),
            rule="The latest start of all processes, which need not be the last in the list, and "
            "its date as it is written. A start without a zone is UTC, and a finding. One that "
            "cannot be read does not count.",
            example="`2024-12-31 20:00:00-07:00`, later than `2025-01-01T00:30:00Z`, becomes "
            "`2024-12-31`.",
        ),
        Column(
            "genotype",
            "string",
            "The animal's genotype, without blanks around it.",
            reads=("subject.subject_details.genotype",),
            rule="Blanks at both ends are removed; a text of nothing else is null.",
            example="`Dbh-Cre-KI/wt` stays as it is.",
        ),
        Column(
            "age",
            "int32",
            "The animal's age in whole days when the acquisition began, by calendar dates; from 1 "
            "January when only the year of birth is known; null when it would be negative.",
            reads=(
                "subject.subject_details.date_of_birth",
                "subject.subject_details.year_of_birth",
                "asset_basics.acquisition_date",
            ),
            rule="acquisition_date minus the date of birth, or minus 1 January of the year of "
            "birth where no date of birth can be read, which is a finding. A birth after the "
            "acquisition is a finding, and the age is null.",
            example="Born `2023-02-11` and acquired on 2023-07-07 becomes 146.",
        ),
        Column(
            "acquisition_type",
            "string",
            "What was done, in the words of who acquired it.",
            reads=("acquisition.acquisition_type",),
            rule="As written; it is free text.",
            example="`AindVrForaging` stays as it is.",
        ),
        Column(
            "location",
            "string",
            "Where the files lie, s3://bucket/prefix.",
            reads=("location",),
            rule="As written: any bucket, and the prefix need not end in the name.",
            example="`s3://aind-private-data-prod-o5171v/behavior_745374_2024-09-24_10-39-23` "
            "stays as it is.",
        ),
        Column(
            "name",
            "string",
            "The data asset's name; other tables join on it.",
            reads=("name",),
            rule="As written; several documents may have one name.",
            example="`810761_2025-12-06_18-47-24` stays as it is.",
            identifies=True,
        ),
        Column(
            "experimenters",
            "[string]",
            "Who acquired the data, as written in the document.",
            reads=("acquisition.experimenters[]", "acquisition.experimenters[].name"),
            rule="Each text, or the name of each person, in the document's order; null without a "
            "list.",
            example='`[{"name": "J"}, "huy.nguyen"]` becomes `[J, huy.nguyen]`.',
        ),
        Column(
            "experimenters_normalized",
            "[string]",
            "The same people with one spelling each, over the whole table.",
            reads=("asset_basics.experimenters",),
            rule=people.RULE,
            example="`huy.nguyen` becomes `Huy Nguyen`; `J, o, h, n, R, o, h, d, e` becomes "
            "`John Rohde`.",
        ),
        Column(
            "instrument_id",
            "string",
            "The instrument, as written in the document.",
            reads=("acquisition.instrument_id",),
            rule="As written.",
            example="`440_SmartSPIM2_20250114` stays as it is.",
        ),
        Column(
            "instrument_id_normalized",
            "string",
            "The instrument's short name, without room, date, blanks and punctuation; several "
            "joined with + where the id is several.",
            reads=("asset_basics.instrument_id",),
            rule=instruments.RULE,
            example="`323_EPHYS2-RF_2023-11-09_01` becomes `EPHYS2RF`; "
            "`428_FIP1_20251107_447_2D_20260101` becomes `FIP1+2D`.",
        ),
        Column(
            "investigators",
            "[string]",
            "Who leads the work, as written in the document.",
            reads=("data_description.investigators[]", "data_description.investigators[].name"),
            rule="The name of each person, or each text, in the document's order; null without a "
            "list.",
            example='`[{"name": "Bruno Cruz"}]` becomes `[Bruno Cruz]`.',
        ),
        Column(
            "investigators_normalized",
            "[string]",
            "The same people with one spelling each, over the whole table.",
            reads=("asset_basics.investigators",),
            rule=people.RULE,
            example="`[unknown]` becomes an empty list.",
        ),
        Column(
            "created",
            "time",
            "When the document was made in the database.",
            reads=("_created", "created"),
            rule="created is taken where there is no _created, as in older documents. A time "
            "without a zone is UTC, and a finding.",
            example="`2025-01-13T22:48:51.323845` becomes 2025-01-13 22:48:51.323845 UTC.",
        ),
        Column(
            "acquisition_date",
            "string",
            "Calendar date (YYYY-MM-DD) on which the acquisition began where the rig stands, which "
            "in the evening is the day before that of UTC; foraging_sessions joins on it as "
            "session_date. Many times are written as UTC and get Seattle's date; where a Seattle "
            "clock was written as +00:00, that time is 7 or 8 hours too early, and the date may be "
            "the day before the right one.",
            reads=("acquisition.acquisition_start_time", "acquisition.acquisition_start_tz"),
            rule="The date of the start in the first of these that is given: the zone that "
            "acquisition_start_tz names, other than UTC, GMT and Etc/; the time's own offset, "
            "where it is not zero; the hours that acquisition_start_tz gives, where not zero; "
            "Seattle's zone. Of a time without a zone it is the date written. A name that no zone "
            "has is skipped, with a finding, and so is a second zone that gives another date.",
            example="`2024-06-30T03:49:33Z` becomes `2024-06-29`; `2023-07-07 17:52:04-07:00` "
            "becomes `2023-07-07`.",
        ),
    ),
)
