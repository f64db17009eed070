"""Why a value or a row of zombie-squirrel 0.28.6 differs from ours, where the reason is known.

The rules were read from that program's code. `zs_client.shadow` finds what differs; here nothing is
read. A cause is certain when the two values or the row prove it, and likely when only the column or
the table speaks for it.
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

CERTAIN, LIKELY, UNKNOWN = "certain", "likely", "unknown"
# A subject's documents that the earlier program reads for its QC.
SUBJECT_LIMIT = 100
_SEATTLE = "America/Los_Angeles"


@dataclass(frozen=True)
class Cause:
    """Why something differs.

    Attributes:
        text: The reason, as words that can stand after a colon; empty when nobody knows.
        certainty: `CERTAIN`, `LIKELY` or `UNKNOWN`.
    """

    text: str = ""
    certainty: str = UNKNOWN


NOT_KNOWN = Cause()
_CHANGED = Cause("the document changed between the two nights", LIKELY)


@dataclass(frozen=True)
class Documents:
    """What the two tables asset_basics say about the documents of the two nights.

    Attributes:
        changed: Ids and names of documents with another time of their last change.
        there: Ids and names of documents that the earlier program alone has.
        here: Those that we alone have.
        newest_there: The latest time of a last change that the earlier program has.
        of_subject: How many documents each subject has here.
    """

    changed: frozenset[str] = frozenset()
    there: frozenset[str] = frozenset()
    here: frozenset[str] = frozenset()
    newest_there: datetime | None = None
    of_subject: Mapping[str, int] = field(default_factory=dict)


# Columns and tables that came after 0.28.6.
_NEW_COLUMNS = {
    "asset_basics": {"created", "acquisition_date"},
    "quality_control": {
        *("tags", "reference", "evaluator", "status_timestamp", "status_history", "value_type"),
        "evaluated_assets",
    },
    "metadata_upgrade": {"status_by_version"},
}
_NEW_TABLES = {"platform_exaspim", "document_problems", "data_asset_problems"}
_TIMES = {
    *("_last_modified", "acquisition_start_time", "acquisition_end_time", "timestamp"),
    *("processing_end_time", "last_modified", "upgrade_datetime"),
}
_UNIQUE = {
    "unique_project_names": "project_name",
    "unique_subject_ids": "subject_id",
    "unique_genotypes": "genotype",
}
_OLD_PLATFORMS = {"spim", "fib", "vr", "dynamic_foraging"}

_PEOPLE = "names of people follow another rule here"
_RIGS = "names of rigs follow another rule here"
_STATUSES = "there a copy that the document keeps, here computed from the metrics"
_TRAINER = "there the first trainer state, of one bucket, read once; here the newest"
_STITCHED = "a data asset that names its source is derived here, whatever its level"
_FORMS = "a placeholder of a form, two implants of one name, and a later one are missing here"
# By table and column; where the values prove nothing.
_LIKELY = {
    ("asset_basics", "_last_modified"): "an older document calls it last_modified",
    ("asset_basics", "process_date"): "there the last process of the list, here the latest",
    ("asset_basics", "experimenters_normalized"): _PEOPLE,
    ("asset_basics", "investigators_normalized"): _PEOPLE,
    ("asset_basics", "instrument_id_normalized"): _RIGS,
    ("asset_basics", "subject_id"): "without a subject, that of the data description here",
    ("source_data", "pipeline_name"): "there the first pipeline, here that of the latest process",
    ("quality_control", "status"): "there the last of the history, here the latest by time",
    ("qc_tag_status", "status"): _STATUSES,
    ("platform_qc", "status"): _STATUSES,
    ("platform_qc", "experimenters_normalized"): _PEOPLE,
    ("platform_qc", "instrument_id_normalized"): _RIGS,
    ("platform_fib", "intended_measurement"): _FORMS,
    ("platform_fib", "targeted_structure"): _FORMS,
    **{
        ("assets_smartspim", column): _STITCHED
        for column in ("name", "processed", "stitched_link", "alignment_link")
    },
    ("assets_smartspim", "processing_end_time"): "there the last process, here the latest",
    ("assets_smartspim", "institution"): "of a data asset that is not stitched: null there",
    ("assets_smartspim", "raw_link"): "there looked for in one bucket, under the name",
    ("behavior_curriculum", "curriculum_name"): _TRAINER,
    ("behavior_curriculum", "stage_name"): _TRAINER,
    ("behavior_curriculum", "stage_node_id"): _TRAINER,
    ("foraging_sessions", "trainer_normalized"): _PEOPLE,
}
# By table and side; where the row proves nothing.
_LIKELY_ROWS = {
    ("qc_tag_status", "there"): _STATUSES,
    ("qc_tag_status", "here"): _STATUSES,
    ("platform_qc", "there"): _STATUSES,
    ("platform_qc", "here"): f"{_STATUSES}; or a type of acquisition that is new here",
    ("platform_fib", "there"): "channels are given to fibers by other rules here",
    (
        "platform_fib",
        "here",
    ): "there only cords with a connection to an implant; here every fiber and channel, and no "
    "implant of a later surgery",
    ("source_data", "here"): "here a data asset that names a source is derived, whatever its level",
    (
        "assets_smartspim",
        "there",
    ): "there every data asset with SPIM, here those with smartspim in the name or instrument",
    ("assets_smartspim", "here"): "there one bucket's channels, and the first 1,000 of a listing",
    ("behavior_curriculum", "there"): "rows are never taken back there",
    ("unique_subject_ids", "here"): "without a subject, that of the data description here",
}


def of_cell(table: str, column: str, there: Any, here: Any, *, is_changed: bool) -> Cause:
    """Returns why two values of one row and column differ.

    Args:
        table: The acorn's name.
        column: The column.
        there: The earlier program's value.
        here: Ours.
        is_changed: Whether the row's document changed between the two nights.
    """
    text = _proven(table, column, there, here)
    if not text and here is None and there and column in _TIMES and moment(there) is None:
        text = "a text that is no time is null here"
    if text:
        return Cause(text, CERTAIN)
    if is_changed:
        return _CHANGED
    return _likely(_LIKELY.get((table, column)))


def of_row(
    table: str,
    side: str,
    row: Mapping[str, Any],
    documents: Documents,
    *,
    other_has_data_asset: bool,
    is_further: bool,
) -> Cause:
    """Returns why a row is on one side only.

    Args:
        table: The acorn's name.
        side: `there` or `here`.
        row: The row.
        documents: What is known of the documents.
        other_has_data_asset: Whether the file on the other side has rows of the same data asset.
        is_further: Whether an earlier row of the same side has the same key.
    """
    names = {row.get(name) for name in ("_id", "name", "asset_name", "raw_name")} - {None}
    text = ""
    if table == "asset_basics":
        text = _of_document(side, row, documents)
    elif side == "there" and table in _UNIQUE:
        text = _of_unique(row.get(_UNIQUE[table]))
    elif names & {*(documents.there if side == "there" else documents.here)}:
        text = f"its document is in asset_basics only {side}"
    elif side == "here" and table == "platform_qc" and row.get("platform") not in _OLD_PLATFORMS:
        text = "a platform that the earlier program does not have"
    elif side == "here" and table in ("quality_control", "qc_tag_status"):
        text = _of_subject(row, documents, other_has_data_asset=other_has_data_asset)
    if text:
        return Cause(text, CERTAIN)
    if names & {*documents.changed}:
        return _CHANGED
    if is_further:
        return Cause("a further row of one key, as of two documents with one name", LIKELY)
    return _likely(_LIKELY_ROWS.get((table, side)))


def _of_document(side: str, row: Mapping[str, Any], documents: Documents) -> str:
    if side == "there":
        return "" if row["_id"] else "a document without an _id is set aside here"
    created, newest = row.get("created"), documents.newest_there
    is_new = isinstance(created, datetime) and newest and created > newest
    return "a document that was made after that night" if is_new else ""


def _of_unique(value: Any) -> str:
    if not value:
        return "nothing is no value here"
    is_blank = isinstance(value, str) and value != value.strip()
    return "blanks around a text are removed here" if is_blank else ""


def _of_subject(row: Mapping[str, Any], documents: Documents, *, other_has_data_asset: bool) -> str:
    subject = row.get("subject_id")
    if subject is None:
        return "data assets without a subject have no partition there"
    is_lost = documents.of_subject.get(subject, 0) > SUBJECT_LIMIT and not other_has_data_asset
    return f"there only the first {SUBJECT_LIMIT} data assets of a subject" if is_lost else ""


def of_column(table: str, column: str, side: str) -> Cause:
    """Returns why a column is on one side only."""
    if side == "here" and column in _NEW_COLUMNS.get(table, ()):
        return Cause("a column that the earlier program does not have", CERTAIN)
    if table == "metadata_upgrade" and side == "there" and column[:1].isdigit():
        return Cause("a column for each version; in status_by_version here", CERTAIN)
    return NOT_KNOWN


def of_table(table: str, side: str) -> Cause:
    """Returns why a table is on one side only."""
    if side == "there":
        return Cause("none of our tables; custom() writes there as well", LIKELY)
    if table in _NEW_TABLES:
        return Cause("a table that the earlier program does not have", CERTAIN)
    if table == "metadata_core":
        return Cause("the earlier program's night does not build it", CERTAIN)
    if table == "metadata_upgrade":
        return Cause("not written there without the upgrader's custom table", LIKELY)
    return NOT_KNOWN


def of_type(there: str, here: str) -> Cause:
    """Returns why a column has two types, by their names."""
    if there == "null":
        return Cause("no value there, so that parquet has no type", CERTAIN)
    if (there, here) == ("string", "time"):
        return Cause("times are text there", CERTAIN)
    if there == "double" and here.startswith("int"):
        return Cause("whole numbers beside nulls are floating there", CERTAIN)
    if there.startswith("int") and here.startswith("int"):
        return Cause("whole numbers of another width", CERTAIN)
    return NOT_KNOWN


def _likely(text: str | None) -> Cause:
    return Cause(text, LIKELY) if text else NOT_KNOWN


def _proven(table: str, column: str, there: Any, here: Any) -> str:
    """Returns the reason that two values prove; an empty text when they prove none."""
    of_column = _OF_COLUMNS.get((table, column))
    rules = (_of_nothing, _of_time, _of_list, _of_text) if of_column is None else (of_column,)
    return next((text for rule in rules if (text := rule(there, here))), "")


def _of_nothing(there: Any, here: Any) -> str:
    """Returns the reason when both values say that nothing is there."""
    nothing: list[tuple[Any, str]] = [(None, "null"), ("", "an empty text"), ([], "an empty list")]
    names = [
        next((name for empty, name in nothing if value is empty or value == empty), "")
        for value in (there, here)
    ]
    return f"nothing is {names[0]} there, {names[1]} here" if all(names) else ""


def _of_text(there: Any, here: Any) -> str:
    """Returns the reason when a text has the value that is here."""
    if not isinstance(there, str):
        return ""
    if there.strip() == here:
        return "blanks around a text are removed here"
    is_number = isinstance(here, int | float) and there == str(here)
    return "a number, as text there" if is_number else ""


def _of_age(there: Any, here: Any) -> str:
    is_lost = there is None and here is not None
    return "no age there: the date of birth was looked for under acquisition" if is_lost else ""


def _of_process_date(there: Any, here: Any) -> str:
    is_longer = isinstance(there, str) and isinstance(here, str) and there.startswith(here)
    return "the whole time there, where it is written with a blank" if is_longer else ""


def _of_qc_value(there: Any, here: Any) -> str:
    if there == "{dict}" and here is not None:
        return "a value that is an object is the text {dict} there"
    if there in ("nan", "inf", "-inf") and here is None:
        return "not a number: text there, null here"
    with suppress(ValueError, TypeError):
        if str(json.loads(here)) == there:
            return "the same value, as Python writes it there, as JSON here"
    return ""


def _of_time(there: Any, here: Any) -> str:
    """Returns the reason when a text names the time that is here."""
    time = moment(there) if isinstance(there, str) else None
    if time is None or not isinstance(here, datetime):
        return ""
    if time.tzinfo is not None:
        return "the same time, as text there" if time == here else ""
    zones = [zone for zone in (_SEATTLE, "UTC") if _in_zone(time, zone) == here]
    return f"a time without a zone: text there, of {zones[0]} here" if zones else ""


def _of_parsed_time(there: Any, here: Any) -> str:
    """Returns the reason when a time without a zone was taken for UTC there."""
    both = isinstance(there, datetime) and isinstance(here, datetime)
    if both and there.tzinfo and not there.utcoffset() and _in_zone(there, _SEATTLE) == here:
        return f"a time without a zone: UTC there, of {_SEATTLE} here"
    return ""


def _in_zone(time: datetime, zone: str) -> datetime | None:
    """Returns what a clock shows in a zone as an instant; None where zones are not installed."""
    with suppress(ZoneInfoNotFoundError):
        return time.replace(tzinfo=ZoneInfo(zone))
    return None


def _of_list(there: Any, here: Any) -> str:
    if [there] == here:
        return "a single value there, a list here"
    if not isinstance(there, list):
        return ""
    if [value for value in there if value not in ("", None)] == here:
        return "empty texts in a list are left out here"
    if list(dict.fromkeys(there)) == here:
        return "repeats in a list are left out here"
    return ""


def moment(value: Any) -> datetime | None:
    """Returns a time, or the time that a text in ISO 8601 names; None for all else."""
    if isinstance(value, datetime):
        return value
    if isinstance(value, str):
        with suppress(ValueError):
            return datetime.fromisoformat(value.strip())
    return None


# For these the values are of their own kind.
_OF_COLUMNS = {
    ("quality_control", "value"): _of_qc_value,
    ("quality_control", "timestamp"): _of_parsed_time,
    ("qc_tag_status", "timestamp"): _of_parsed_time,
    ("asset_basics", "age"): _of_age,
    ("asset_basics", "process_date"): _of_process_date,
}
