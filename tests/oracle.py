"""A second opinion: the tables of documents, computed by code that shares nothing with the project.

Each rule was written down from the description of the tables, not from the code that makes them,
so that a rule misread once is seen. Imports nothing of `zs_pipeline` or `zs_client`
(`test_oracle.py` says so). It is slow, plain and forgives nothing; where the description is silent,
the choice stands in a comment that begins with "Silent:".

Rows are plain dicts. A row has one key more than the table, `__document`: the `_id` of the document
that it was made of, which `compare_cells.py` names in its messages.
"""

import io
import json
import math
import pickle
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

Document = Mapping[str, Any]
Row = dict[str, Any]
# The keys below a prefix with the time each was written: `list_keys("s3://bucket/prefix/")`.
ListKeys = Callable[[str], Iterable[tuple[str, datetime]]]
ReadFile = Callable[[str], bytes | None]

DOCUMENT = "__document"
SEATTLE = ZoneInfo("America/Los_Angeles")
MISSING = "missing"
STAGES = ("Raw data", "Processing", "Analysis", "Multi-asset")
CORE = (
    "subject",
    "data_description",
    "procedures",
    "instrument",
    "acquisition",
    "processing",
    "quality_control",
)


# Values of a document


def get(value: Any, *names: str) -> Any:
    """Returns what lies below names; None where anything on the way is no object."""
    for name in names:
        if not isinstance(value, Mapping):
            return None
        value = value.get(name)
    return value


def listed(value: Any) -> list[Any]:
    """Returns the values of a list but its nulls; nothing for all that is no list."""
    return [item for item in value if item is not None] if isinstance(value, list) else []


def objects(value: Any) -> list[Mapping[str, Any]]:
    """Returns the objects of a list."""
    return [item for item in listed(value) if isinstance(item, Mapping)]


def text(value: Any) -> str | None:
    """Returns a text; a number's digits; None for the empty text and for all else."""
    if isinstance(value, str):
        return value or None
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float) and math.isfinite(value):
        return str(int(value)) if value == int(value) else repr(value)
    return None


def stripped(value: Any) -> str | None:
    """Returns a text without outer blanks; None when nothing is left."""
    return (text(value) or "").strip() or None


def texts(value: Any) -> list[str]:
    """Returns the texts of a list."""
    return [found for item in listed(value) if (found := text(item)) is not None]


def once(values: Iterable[Any]) -> list[Any]:
    """Returns the values in order, without repeats."""
    return list(dict.fromkeys(values))


def number(value: Any) -> float | None:
    """Returns a number, or that which a text is."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, str) and re.fullmatch(r"\s*[+-]?\d+(\.\d+)?\s*", value, re.ASCII):
        return float(value)
    return None


# Times

_TIME = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?"
    r"(?:(Z)|([+-])(\d\d):?(\d\d))?",
    re.ASCII,
)


def written_time(value: Any) -> datetime | None:
    """Returns a time as it was written, with its offset when it has one."""
    found = _TIME.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return None
    *parts, fraction, zulu, sign, hours, minutes = found.groups()
    zone: tzinfo | None = UTC if zulu else None
    try:
        if sign:
            offset = timedelta(hours=int(hours), minutes=int(minutes))
            zone = timezone(-offset if sign == "-" else offset)
        micros = int((fraction or "0").ljust(6, "0")[:6])
        year, month, day, hour, minute, second = map(int, parts)
        return datetime(year, month, day, hour, minute, second, micros, tzinfo=zone)
    except ValueError:
        return None


def instant(value: Any, without_zone: tzinfo = UTC) -> datetime | None:
    """Returns the instant of a time; one without a zone is read as of the zone given."""
    found = written_time(value)
    if found is None:
        return None
    try:
        return (found if found.tzinfo else found.replace(tzinfo=without_zone)).astimezone(UTC)
    except OverflowError:
        return None


def named_zone(document: Document) -> tzinfo | None:
    """Returns (a): the zone that the acquisition names, when it is a place on earth."""
    name = get(document, "acquisition", "acquisition_start_tz")
    if not isinstance(name, str) or name in ("", "UTC", "GMT") or name.startswith("Etc/"):
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def offset_hours(document: Document) -> tzinfo | None:
    """Returns (c): the offset that the acquisition gives in hours, when it is not zero."""
    value = get(document, "acquisition", "acquisition_start_tz")
    if isinstance(value, str) and (
        found := re.fullmatch(r"([+-]?)(\d{1,2}):(\d\d)", value.strip(), re.ASCII)
    ):
        hours = int(found[2]) + int(found[3]) / 60
        hours = -hours if found[1] == "-" else hours
    else:
        hours = number(value) or 0.0
    # Silent: how many hours a zone can have. No place on earth has more than 14.
    return timezone(timedelta(hours=hours)) if 0 < abs(hours) <= 14 else None


def acquisition_time(document: Document, name: str) -> datetime | None:
    """Returns a time of the acquisition; one without a zone is Seattle's, or that of (a) or (c)."""
    zone = named_zone(document) or offset_hours(document) or SEATTLE
    return instant(get(document, "acquisition", name), zone)


def acquisition_date(document: Document) -> date | None:
    """Returns the calendar date where the rig stands."""
    written = written_time(get(document, "acquisition", "acquisition_start_time"))
    if written is None:
        return None
    if written.tzinfo is None:
        return written.date()
    zone = named_zone(document)
    if zone is None and written.utcoffset():
        zone = written.tzinfo
    zone = zone or offset_hours(document) or SEATTLE
    try:
        return written.astimezone(zone).date()
    except OverflowError:
        return None


def last_modified(document: Document) -> datetime | None:
    found = instant(document.get("_last_modified"))
    return found or instant(document.get("last_modified"))


def created(document: Document) -> datetime | None:
    found = instant(document.get("_created"))
    return found or instant(document.get("created"))


def iso(value: date | None) -> str | None:
    return value.isoformat() if value else None


# Rigs

_DATE = r"(?:\d{4}-\d\d-\d\d|\d{8}|\d{6})"
_DATE_AT_END = re.compile(rf"^(.*?)(?:^|[_-])({_DATE})(?:[_-]\d{{1,3}})?$", re.ASCII | re.DOTALL)
# Three digits with a name after them are a room, so a counter within has one or two.
_DATE_INSIDE = re.compile(rf"[_-]({_DATE})(?:_\d{{1,2}})?(?=_)", re.ASCII)
_ROOM_FIRST = re.compile(r"\d{3}[_\- ].", re.ASCII)
_BLANKS = re.compile(r"[\s_.\-]+")
_NO_RIG = {"na", "n/a", "none", "unknown"}
_KEEPS_ROOM = ("mesoscope",)
_ALIASES = {"422mesoscope": "MESO2", "429mesoscope": "MESO1", "exaspim01": "exaSPIM101"}
_ALIASES_OF_IDS = {"428_1_fip1": "FIP1", "428_fip1_1": "FIP1"}


def rig_name(value: Any) -> str | None:
    """Returns the one name of a rig, however its id is written."""
    written = text(value)
    if written is None:
        return None
    names = [_name_of_one(one) for one in _merged_ids(written.strip())]
    return "+".join(once(name for name in names if name)) or None


def _is_date(digits: str) -> bool:
    for form in ("%Y-%m-%d", "%Y%m%d") if len(digits) > 6 else ("%y%m%d",):
        try:
            datetime.strptime(digits, form).replace(tzinfo=UTC)
        except ValueError:
            continue
        return True
    return False


def _date_at_end(written: str) -> re.Match[str] | None:
    """Returns what stands before a date at the end, and the date."""
    found = _DATE_AT_END.match(written)
    return found if found and _is_date(found[2]) else None


def _merged_ids(written: str) -> list[str]:
    """Returns the ids that a library joined with `_`; one that is not joined alone."""
    for found in _DATE_INSIDE.finditer(written):
        rest = written[found.end() + 1 :]
        if _is_date(found[1]) and (_ROOM_FIRST.match(rest) or _date_at_end(rest)):
            return [written[: found.end()], *_merged_ids(rest)]
    return [written]


def _name_of_one(written: str) -> str | None:
    found = _date_at_end(written)
    undated = found[1] if found else written
    if undated.strip(" _-").lower() in {*_NO_RIG, ""}:
        return None
    if undated.lower() in _ALIASES_OF_IDS:
        return _ALIASES_OF_IDS[undated.lower()]
    name = _BLANKS.sub("", _without_room(undated))
    return _ALIASES.get(name.lower(), name) or None


def _without_room(written: str) -> str:
    for pattern in (
        r"^\d{3}[_\- ](?=.)",
        r"^\d{1,2}[_\- ](?=[^\W\d_][^\s_\-.])",
        r"[_\- ]?room[_\- ]?\d+",
        r"^unknown[_\- ](?=.)",
    ):
        found = re.search(pattern, written, re.ASCII | re.IGNORECASE)
        if found:
            rest = written[: found.start()] + written[found.end() :]
            kept = rest.lower().lstrip("_- ").startswith(_KEEPS_ROOM)
            return written if kept else rest
    return written


# asset_basics


def subject_id(document: Document) -> str | None:
    found = text(get(document, "subject", "subject_id"))
    return found or text(get(document, "data_description", "subject_id"))


def modalities(document: Document) -> list[str]:
    """Returns the abbreviations; a modality that is written bare is its own."""
    found = get(document, "data_description", "modalities")
    listed = found if isinstance(found, list) else ()
    written = (one.get("abbreviation") if isinstance(one, dict) else one for one in listed)
    return once(a for one in written if (a := text(one)))


def _age(document: Document) -> int | None:
    day, details = acquisition_date(document), get(document, "subject", "subject_details")
    born = None
    written, year = get(details, "date_of_birth"), number(get(details, "year_of_birth"))
    if isinstance(written, str):
        found = re.fullmatch(r"(\d{4}-\d\d-\d\d)(?:[T ].*)?", written.strip(), re.ASCII)
        try:
            born = date.fromisoformat(found[1]) if found else None
        except ValueError:
            born = None
    if born is None and year is not None and 1 <= year <= 9999 and year == int(year):
        born = date(int(year), 1, 1)
    if day is None or born is None or day < born:
        return None
    return (day - born).days


def _code_ocean(document: Document) -> list[str] | None:
    value = get(document, "other_identifiers", "Code Ocean")
    if isinstance(value, list):
        return texts(value)
    found = text(value)
    return None if found is None else [found]


def processes_by_start(document: Document) -> list[Mapping[str, Any]]:
    """Returns the data processes, the latest last; without a readable start before all others."""
    found = objects(get(document, "processing", "data_processes"))
    begin = datetime.min.replace(tzinfo=UTC)
    return sorted(found, key=lambda one: instant(one.get("start_date_time")) or begin)


def _process_date(document: Document) -> str | None:
    found = [written_time(one.get("start_date_time")) for one in processes_by_start(document)]
    return iso(found[-1].date()) if found and found[-1] else None


def names_of(value: Any) -> list[str] | None:
    """Returns the names of people, who are objects or texts."""
    if not isinstance(value, list):
        return None
    names = (one.get("name") if isinstance(one, Mapping) else one for one in value)
    return [name for one in names if (name := text(one))]


def experimenters(document: Document) -> list[str] | None:
    return names_of(get(document, "acquisition", "experimenters"))


def investigators(document: Document) -> list[str] | None:
    return names_of(get(document, "data_description", "investigators"))


def asset_basics(documents: Iterable[Document]) -> list[Row]:
    """Returns asset_basics without the two columns of people, which have properties alone."""
    return [
        {
            DOCUMENT: document["_id"],
            "_id": document["_id"],
            "_last_modified": last_modified(document),
            "modalities": modalities(document),
            "project_name": stripped(get(document, "data_description", "project_name")),
            "data_level": text(get(document, "data_description", "data_level")),
            "subject_id": subject_id(document),
            "acquisition_start_time": acquisition_time(document, "acquisition_start_time"),
            "acquisition_end_time": acquisition_time(document, "acquisition_end_time"),
            "code_ocean": _code_ocean(document),
            "process_date": _process_date(document),
            "genotype": stripped(get(document, "subject", "subject_details", "genotype")),
            "age": _age(document),
            "acquisition_type": text(get(document, "acquisition", "acquisition_type")),
            "location": text(document.get("location")),
            "name": text(document.get("name")),
            "experimenters": experimenters(document),
            "instrument_id": text(get(document, "acquisition", "instrument_id")),
            "instrument_id_normalized": rig_name(get(document, "acquisition", "instrument_id")),
            "investigators": investigators(document),
            "created": created(document),
            "acquisition_date": iso(acquisition_date(document)),
        }
        for document in documents
    ]


def unique(documents: Iterable[Document], column: str) -> list[Row]:
    """Returns the table of the distinct values of a column of asset_basics."""
    found = {row[column] for row in asset_basics(documents)} - {None}
    return [{DOCUMENT: value, column: value} for value in sorted(found)]


def metadata_core(documents: Iterable[Document]) -> list[Row]:
    return [
        {
            DOCUMENT: document["_id"],
            "_id": document["_id"],
            "_last_modified": last_modified(document),
            **{core: document.get(core) is not None for core in CORE},
        }
        for document in documents
    ]


# source_data


def sources(document: Document) -> list[str]:
    value = get(document, "data_description", "source_data")
    return once(texts(value if isinstance(value, list) else [value]))


def is_derived(document: Document) -> bool:
    level = get(document, "data_description", "data_level")
    return level == "derived" or bool(sources(document))


def processing_time(name: Any) -> str | None:
    found = re.search(r"\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d\Z", text(name) or "", re.ASCII)
    return found[0] if found else None


def pipeline_name(document: Document) -> str | None:
    ordered = processes_by_start(document)
    latest = text(ordered[-1].get("pipeline_name")) if ordered else None
    if latest:
        return latest
    named = {text(one.get("pipeline_name")) for one in ordered}
    of_pipelines = objects(get(document, "processing", "pipelines"))
    free = [n for one in of_pipelines if (n := text(one.get("name"))) and n not in named]
    return free[-1] if free else None


def source_data(documents: Iterable[Document]) -> list[Row]:
    return [
        {
            DOCUMENT: document["_id"],
            "name": text(document.get("name")),
            "source_data": source,
            "pipeline_name": pipeline_name(document),
            "processing_time": processing_time(document.get("name")),
        }
        for document in documents
        if is_derived(document)
        for source in sources(document) or [None]
    ]


# QC


def chosen_status(metric: Mapping[str, Any], modified: datetime | None) -> Mapping[str, Any] | None:
    """Returns the entry of a metric's history that counts."""
    history = objects(metric.get("status_history"))
    times = [instant(entry.get("timestamp")) for entry in history]
    if not history or None in times:
        return history[-1] if history else None
    pairs = [(when, place) for place, when in enumerate(times) if when]
    if modified:
        limit = modified + timedelta(days=1)
        pairs = [pair for pair in pairs if pair[0] <= limit] or pairs
    return history[max(pairs)[1]]


def tag_pairs(metric: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Returns each tag as it is shown, and its bare value."""
    tags = metric.get("tags")
    if isinstance(tags, Mapping):
        return [(f"{key}:{text(value) or ''}", text(value) or "") for key, value in tags.items()]
    return [(tag, tag) for tag in texts(tags)]


def spellings_of(metric: Mapping[str, Any]) -> set[str]:
    """Returns a metric's tags as they are shown and bare."""
    return {spelling for pair in tag_pairs(metric) for spelling in pair}


def as_json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _value(value: Any) -> tuple[str | None, str | None]:
    """Returns the value as text and its type."""
    if value is None:
        return None, None
    if isinstance(value, str):
        return value, "text"
    if isinstance(value, float) and math.isnan(value):
        return None, "number"
    kind = {bool: "bool", int: "number", float: "number", dict: "object", list: "list"}
    return as_json(value), kind[type(value)]


def metrics_of(document: Document) -> list[Mapping[str, Any]]:
    return objects(get(document, "quality_control", "metrics"))


def quality_control(documents: Iterable[Document]) -> list[Row]:
    rows = [
        _metric_row(document, metric)
        for document in documents
        for metric in metrics_of(document)
        if metric.get("object_type") != "Curation metric"
    ]
    # Python sorts stably: rows of one data asset stay as they stand in the document.
    late = datetime.max.replace(tzinfo=UTC)
    return sorted(rows, key=lambda row: (row["timestamp"] or late, row["asset_name"] or ""))


def _metric_row(document: Document, metric: Mapping[str, Any]) -> Row:
    entry = chosen_status(metric, last_modified(document))
    value, value_type = _value(metric.get("value"))
    tags, history = metric.get("tags"), metric.get("status_history")
    evaluated = metric.get("evaluated_assets")
    has_tags = isinstance(tags, Mapping | list)
    return {
        DOCUMENT: document["_id"],
        "name": text(metric.get("name")),
        "stage": text(metric.get("stage")),
        "modality": text(get(metric, "modality", "abbreviation")),
        "value": value,
        "status": text(get(entry, "status")),
        "asset_name": text(document.get("name")),
        "subject_id": subject_id(document),
        "timestamp": acquisition_time(document, "acquisition_start_time"),
        "tags": [shown for shown, _ in tag_pairs(metric)] if has_tags else None,
        "reference": text(metric.get("reference")),
        "evaluator": text(get(entry, "evaluator")),
        "status_timestamp": instant(get(entry, "timestamp")),
        "status_history": None if history is None else as_json(history),
        "value_type": value_type,
        "evaluated_assets": texts(evaluated) if isinstance(evaluated, list) else None,
    }


def status_keys(document: Document) -> dict[str, str]:
    """Returns the status of each tag, modality and stage of a document."""
    metrics = metrics_of(document)
    if not metrics:
        stored = get(document, "quality_control", "status")
        stored = stored if isinstance(stored, Mapping) else {}
        return {key: shown for key, value in stored.items() if (shown := text(value))}
    # Silent: an entry that is a list, as the schema allowed until 2.1.1. All of its tags are meant.
    entries = listed(get(document, "quality_control", "allow_tag_failures"))
    groups = [entry if isinstance(entry, list) else [entry] for entry in entries]
    allowed = [set(texts(group)) for group in groups if group and all(map(text, group))]
    by_tag, by_modality, by_stage = (defaultdict(list) for _ in range(3))
    for metric in metrics:
        for shown, _ in tag_pairs(metric):
            # Silent: a document of both forms. A tag's metrics are those that show it so.
            by_tag[shown].append(metric)
        if modality := text(get(metric, "modality", "abbreviation")):
            by_modality[modality].append(metric)
        if stage := text(metric.get("stage")):
            by_stage[stage].append(metric)
    modified = last_modified(document)
    found = {**by_tag, **by_modality, **by_stage}
    return {key: _overall(of_key, allowed, modified) for key, of_key in found.items()}


def _overall(
    metrics: Iterable[Mapping[str, Any]], allowed: Iterable[set[str]], modified: datetime | None
) -> str:
    pending = False
    for metric in metrics:
        status = get(chosen_status(metric, modified), "status")
        if status == "Fail":
            if not any(group <= spellings_of(metric) for group in allowed):
                return "Fail"
        elif status != "Pass":
            pending = True
    return "Pending" if pending else "Pass"


def qc_tag_status(documents: Iterable[Document]) -> list[Row]:
    return [
        {
            DOCUMENT: document["_id"],
            "tag": key,
            "status": status,
            "asset_name": text(document.get("name")),
            "subject_id": subject_id(document),
            "timestamp": acquisition_time(document, "acquisition_start_time"),
        }
        for document in documents
        for key, status in status_keys(document).items()
    ]


# Each platform: its modalities, and what the acquisition type must be.
PLATFORMS: dict[str, tuple[tuple[str, ...], str]] = {
    "spim": (("SPIM",), ""),
    "fib": (("fib",), ""),
    "slap2": (("slap2",), ""),
    "ecephys": (("ecephys",), ""),
    "pophys": (("pophys",), ""),
    "vr": (("behavior", "behavior-videos"), r"AindVrForaging\Z"),
    "dynamic_foraging": (
        ("behavior", "behavior-videos"),
        r"(?:Coupled|Uncoupled)(?: Without)? Baiting|AindDynamicForaging\Z",
    ),
}


def _platforms_of(document: Document) -> list[tuple[str, tuple[str, ...]]]:
    """The platforms of a data asset, each with its modalities."""
    kind = text(get(document, "acquisition", "acquisition_type")) or ""
    found = [(name, of) for name, (of, kinds) in PLATFORMS.items() if re.match(kinds, kind)]
    instrument = text(get(document, "acquisition", "instrument_id")) or ""
    name = text(document.get("name")) or ""
    if "exa" in f"{instrument}\n{name}".lower():
        found.append(("exaspim", ("SPIM",)))
    project = stripped(get(document, "data_description", "project_name")) or ""
    if any(
        words in text.lower()
        for words in ("dynamic routing", "dynamic_routing", "dynamicrouting")
        for text in (kind, project)
    ):
        found.append(("dynamic_routing", ("behavior", "behavior-videos")))
    return [(name, of) for name, of in found if set(of) & set(modalities(document))]


def _keys_of_platform(document: Document, of_platform: tuple[str, ...]) -> list[str]:
    carried = set(of_platform)
    for metric in metrics_of(document):
        if text(get(metric, "modality", "abbreviation")) in of_platform:
            carried |= spellings_of(metric)
    return [key for key in status_keys(document) if key in carried and key not in STAGES]


def platform_qc(documents: Iterable[Document]) -> list[Row]:
    """Returns the rows of all platforms without the people; `platform` tells the partition."""
    rows = []
    for document in documents:
        statuses = status_keys(document)
        for platform, of_platform in _platforms_of(document):
            rows += [
                {
                    DOCUMENT: document["_id"],
                    "platform": platform,
                    "asset_name": text(document.get("name")),
                    "tag": key,
                    "status": statuses[key],
                    "timestamp": acquisition_time(document, "acquisition_start_time"),
                    "instrument_id_normalized": rig_name(
                        get(document, "acquisition", "instrument_id")
                    ),
                }
                for key in _keys_of_platform(document, of_platform)
            ]
    return rows


def time_to_qc(documents: Iterable[Document]) -> list[Row]:
    """Returns one row for each derived document with quality control."""
    rows = []
    for document in documents:
        if not is_derived(document) or document.get("quality_control") is None:
            continue
        processes = objects(get(document, "processing", "data_processes"))
        ends = [
            instant(process.get("end_date_time")) or instant(process.get("start_date_time"))
            for process in processes
        ]
        entries = [
            chosen_status(metric, last_modified(document)) for metric in metrics_of(document)
        ]
        done = all(get(entry, "status") in ("Pass", "Fail") for entry in entries)
        dates = [instant(get(entry, "timestamp")) for entry in entries] if done else []
        rows.append(
            {
                DOCUMENT: document["_id"],
                "name": text(document.get("name")),
                "process_end_time": max((end for end in ends if end), default=None),
                "qc_time": max((date for date in dates if date), default=None),
            }
        )
    return rows


# platform_fib

_LEFT_BY_FORMS = {
    *("n/a", "none", "null", "nan", "select", "select...", "select…", "unknown", "tbd", "-", "")
}


def given(value: Any) -> str | None:
    """Returns what was filled in; None for what a form leaves."""
    found = text(value)
    return None if found is None or found.strip().lower() in _LEFT_BY_FORMS else found


def structure(value: Any) -> str | None:
    found = given(get(value, "primary_targeted_structure", "acronym"))
    return None if found == "root" else found


def tokens(name: str) -> tuple[str, ...]:
    """Returns the words and numbers of a name: `Fiber 0` and `fiber_0` have the same."""
    return tuple(re.findall(r"[^\W\d_]+|\d+", name.lower()))


def _contains(words: tuple[str, ...], part: tuple[str, ...]) -> bool:
    return bool(part) and any(
        words[at : at + len(part)] == part for at in range(len(words) - len(part) + 1)
    )


AXES = {
    "AP": "target_coordinate_ap",
    "ML": "target_coordinate_ml",
    "SI": "target_coordinate_si",
    "DEPTH": "target_coordinate_depth",
}
SYSTEM = ("target_coordinate_system", "target_coordinate_origin", "target_coordinate_unit")


class Fibers:
    """The fibers and cords of one document, as they come together."""

    def __init__(self, document: Document) -> None:
        self.document = document
        streams = objects(get(document, "acquisition", "data_streams"))
        self.configurations = [c for s in streams for c in objects(s.get("configurations"))]
        self.connections = [c for s in streams for c in objects(s.get("connections"))]
        # By tokens: the name as shown, and what each source says of the structure.
        self.names: dict[tuple[str, ...], str] = {}
        self.of_implants: dict[tuple[str, ...], list[str | None]] = defaultdict(list)
        self.of_assemblies: dict[tuple[str, ...], str | None] = {}
        self.configs_of: dict[tuple[str, ...], list[tuple[Any, Any]]] = defaultdict(list)
        # Channels of each cord, in order; and the fibers that each cord belongs to.
        self.cords: dict[tuple[str, ...], str] = {}
        self.channels: dict[tuple[str, ...], list[tuple[str | None, str | None]]] = {}
        self.fibers_of: dict[tuple[str, ...], list[tuple[str, ...]]] = defaultdict(list)
        self._read_implants()
        self._read_cords()
        self._read_connections()
        self._read_assemblies()

    def _fiber(self, name: str) -> tuple[str, ...]:
        self.names.setdefault(tokens(name), name)
        return tokens(name)

    def _read_implants(self) -> None:
        day = acquisition_date(self.document)
        for surgery in objects(get(self.document, "procedures", "subject_procedures")):
            start = surgery.get("start_date")
            if day and isinstance(start, str) and start[:10] > day.isoformat():
                continue
            for implant in objects(surgery.get("procedures")):
                device = implant.get("implanted_device")
                name, kind = text(get(device, "name")), text(get(device, "object_type"))
                # Silent: electrodes have the same kind of record; they are no fibers.
                if (
                    implant.get("object_type") == "Probe implant"
                    and name
                    and (kind is None or "fiber" in kind.lower())
                ):
                    self.of_implants[self._fiber(name)].append(
                        structure(implant.get("device_config"))
                    )
                    # Silent: the key that came with a later schema, and the one before.
                    system = (
                        surgery.get("global_coordinate_system")
                        or surgery.get("coordinate_system")
                        or get(self.document, "procedures", "global_coordinate_system")
                        or get(self.document, "procedures", "coordinate_system")
                    )
                    self.configs_of[tokens(name)].append((implant.get("device_config"), system))

    def _read_cords(self) -> None:
        for configuration in self.configurations:
            if configuration.get("object_type") == "Patch cord config":
                self._add_cord(configuration)
            elif configuration.get("object_type") == "Fiber assembly config":
                for cord in objects(configuration.get("patch_cords")):
                    self._add_cord(cord)
                for probe in objects(configuration.get("probes")):
                    if name := text(probe.get("device_name")):
                        self.of_assemblies.setdefault(self._fiber(name), structure(probe))

    def _add_cord(self, cord: Mapping[str, Any]) -> None:
        name = text(cord.get("device_name"))
        key = tokens(name or "")
        self.cords.setdefault(key, name or MISSING)
        channels = self.channels.setdefault(key, [])
        channels += [
            (text(one.get("channel_name")), given(one.get("intended_measurement")))
            for one in objects(cord.get("channels"))
        ]

    def _is_fiber(self, name: str) -> bool:
        """Whether a device of a connection is a fiber, not a cord, detector or light source."""
        if tokens(name) in self.cords:
            return False
        known = tokens(name) in self.names
        return known or re.fullmatch(r"fiber[ _-]?\w{1,2}", name.lower()) is not None

    def _read_connections(self) -> None:
        for connection in self.connections:
            ends = [text(connection.get(f"{end}_device")) for end in ("source", "target")]
            for fiber, cord in (ends, ends[::-1]):
                if not fiber or not cord or not self._is_fiber(fiber) or self._is_fiber(cord):
                    continue
                # Silent: a cord without a configuration is one when a fiber is connected to it.
                self.cords.setdefault(tokens(cord), cord)
                key = self._fiber(fiber)
                if key not in self.fibers_of[tokens(cord)]:
                    self.fibers_of[tokens(cord)].append(key)

    def _read_assemblies(self) -> None:
        for assembly in self.configurations:
            if assembly.get("object_type") != "Fiber assembly config":
                continue
            cords = once(text(c.get("device_name")) for c in objects(assembly.get("patch_cords")))
            probes = once(text(p.get("device_name")) for p in objects(assembly.get("probes")))
            if len(cords) == len(probes) == 1 and cords[0] and probes[0]:
                of_cord = self.fibers_of[tokens(cords[0])]
                if not of_cord:
                    of_cord.append(tokens(probes[0]))

    def structure_of(self, fiber: tuple[str, ...]) -> str:
        of_implants = self.of_implants.get(fiber, [])
        if len(of_implants) > 1:
            # Two implants of one name: the same structure, or missing.
            return (of_implants[0] if len(set(of_implants)) == 1 else None) or MISSING
        of_implant = of_implants[0] if of_implants else None
        return of_implant or self.of_assemblies.get(fiber) or MISSING

    def target_of(self, fiber: tuple[str, ...]) -> Row:
        """Returns the coordinate of the one implant of a fiber, by column."""
        empty = dict.fromkeys((*AXES.values(), *SYSTEM))
        configs = self.configs_of.get(fiber, [])
        if len(configs) != 1:
            return empty
        config, system = configs[0]
        steps = objects(get(config, "transform"))
        moves = [step for step in steps if step.get("object_type") == "Translation"]
        if len(moves) != 1 or any(
            step.get("object_type") not in ("Translation", "Rotation") for step in steps
        ):
            return empty
        if moves[0].get("reference_coordinate_system") not in (None, "", "global"):
            return empty
        axes, along = get(system, "axes"), moves[0].get("translation")
        if not isinstance(axes, list) or not isinstance(along, list) or len(axes) != len(along):
            return empty
        names = [(stripped(get(axis, "name")) or "").upper() for axis in axes]
        origin = get(system, "origin")
        return {
            **{
                column: number(along[names.index(axis)]) if names.count(axis) == 1 else None
                for axis, column in AXES.items()
            },
            "target_coordinate_system": text(get(system, "name")),
            "target_coordinate_origin": text(get(origin, "name") or origin),
            "target_coordinate_unit": text(get(system, "axis_unit")),
        }

    def _named_by(
        self, channel: str | None, among: Iterable[tuple[str, ...]]
    ) -> tuple[str, ...] | None:
        found = [fiber for fiber in among if _contains(tokens(channel or ""), fiber)]
        return max(found, key=len, default=None)

    def _fibers_of_channel(
        self, cord: tuple[str, ...], channel: str | None
    ) -> list[tuple[str, ...] | None]:
        connected = self.fibers_of.get(cord, [])
        if len(connected) == 1:
            # Silent: a channel that names another fiber than its cord's. It is that fiber's.
            return [self._named_by(channel, self.names) or connected[0]]
        if connected:
            named = self._named_by(channel, connected)
            return [named] if named else list(connected)
        named = self._named_by(channel, self.names)
        if named is None:
            found = re.search(r"fiber[ _-]?\d+", channel or "", re.ASCII | re.IGNORECASE)
            named = self._fiber(found[0]) if found else None
        return [named]

    def rows(self) -> Iterator[Row]:
        """Yields a row for each fiber and channel, and for each fiber without a channel."""
        with_channel = set()
        for cord, channels in list(self.channels.items()):
            for channel, measurement in channels:
                for fiber in self._fibers_of_channel(cord, channel):
                    with_channel.add(fiber)
                    yield self._row(fiber, self.cords[cord], channel, measurement)
        for fiber in self.names:
            if fiber not in with_channel:
                of_fiber = [cord for cord, fibers in self.fibers_of.items() if fiber in fibers]
                cord_name = self.cords[of_fiber[0]] if of_fiber else None
                yield self._row(fiber, cord_name, None, None)

    def _row(
        self,
        fiber: tuple[str, ...] | None,
        cord: str | None,
        channel: str | None,
        measurement: str | None,
    ) -> Row:
        return {
            DOCUMENT: self.document["_id"],
            "asset_name": text(self.document.get("name")),
            "fiber": MISSING if fiber is None else self.names[fiber],
            "patch_cord": cord or MISSING,
            "channel": channel or MISSING,
            "intended_measurement": measurement or MISSING,
            "targeted_structure": MISSING if fiber is None else self.structure_of(fiber),
            **self.target_of(fiber or ()),
        }


def has_fib(document: Document) -> bool:
    streams = objects(get(document, "acquisition", "data_streams"))
    of_streams = [m for s in streams for m in objects(s.get("modalities"))]
    return "fib" in modalities(document) or any(m.get("abbreviation") == "fib" for m in of_streams)


def platform_fib(documents: Iterable[Document]) -> list[Row]:
    rows: dict[tuple[Any, ...], Row] = {}
    for document in documents:
        if has_fib(document):
            for row in Fibers(document).rows():
                # Silent: two cords without a fiber, each with a channel of one name. Both stay.
                key = (row[DOCUMENT], row["fiber"], row["patch_cord"], row["channel"])
                rows.setdefault(key, row)
    return list(rows.values())


# Light sheet


def _is_light_sheet(document: Document, *words: str) -> bool:
    """Returns whether the modality is SPIM and one of the words stands in a name of it."""
    places = (
        document.get("name"),
        get(document, "acquisition", "instrument_id"),
        get(document, "instrument", "instrument_id"),
    )
    written = " ".join((text(place) or "").lower() for place in places)
    return "SPIM" in modalities(document) and any(word in written for word in words)


def _fiber_indices(value: Any) -> dict[str, int | None]:
    """Returns the three indices of an annotation's value, in whichever form it is."""
    if isinstance(value, Mapping) and "value" in value:
        value = value["value"]
    if isinstance(value, str):
        try:
            value = json.loads(value.removeprefix("json:"))
        except ValueError:
            value = None
    found: dict[str, int | None] = {}
    for axis in ("AP", "ML", "DV"):
        along = number(get(value, axis))
        whole = along is not None and along >= 0 and along == int(along)
        found[axis.lower()] = int(along or 0) if whole else None
    return found


def platform_smartspim_fiber_ccf(documents: Iterable[Document]) -> list[Row]:
    """Returns a row for each fiber of the surgeries of a stitched SmartSPIM document."""
    rows: list[Row] = []
    for document in documents:
        name = text(document.get("name"))
        if "stitched" not in (name or "").lower() or not _is_light_sheet(document, "smartspim"):
            continue
        structures: dict[tuple[str, ...], tuple[str, set[str | None]]] = {}
        for surgery in objects(get(document, "procedures", "subject_procedures")):
            for implant in objects(surgery.get("procedures")):
                fiber = stripped(get(implant, "implanted_device", "name"))
                kind = text(get(implant, "implanted_device", "object_type")) or "Fiber probe"
                is_probe = implant.get("object_type") == "Probe implant"
                if is_probe and fiber and "fiber" in kind.lower():
                    _, known = structures.setdefault(tokens(fiber), (fiber, set()))
                    known.add(structure(implant.get("device_config")))
        for words, (fiber, known) in structures.items():
            # Silent: the status of each annotation decides among several, then the last.
            annotations = [
                (instant(get(entry, "timestamp")), place, metric, entry)
                for place, metric in enumerate(metrics_of(document))
                if (text(metric.get("name")) or "").endswith(" CCF Location")
                and tokens(str(metric["name"]).removesuffix(" CCF Location")) == words
                for entry in [chosen_status(metric, last_modified(document))]
            ]
            never = datetime.min.replace(tzinfo=UTC)
            found = max(annotations, key=lambda one: (one[0] or never, one[1]), default=None)
            when, _, metric, entry = found or (None, 0, {}, None)
            rows.append(
                {
                    DOCUMENT: document["_id"],
                    "subject_id": subject_id(document),
                    "name": name,
                    "fiber": fiber,
                    "targeted_structure": next(iter(known)) if len(known) == 1 else None,
                    **_fiber_indices(metric.get("value")),
                    "status": text(get(entry, "status")),
                    "evaluator": text(get(entry, "evaluator")),
                    "status_timestamp": when,
                    "ccf_link": text(metric.get("reference")),
                }
            )
    return rows


_STANDARD = re.compile(
    r"(image and tissue quality|tissue perfusion|flatfield correction|image (destriping|stitching))"
    r"|(?P<channel>.*) brightness",
    re.IGNORECASE | re.DOTALL,
)


def platform_smartspim_qc_metrics(documents: Iterable[Document]) -> list[Row]:
    """Returns a row for each standard metric of a derived light-sheet document."""
    rows = []
    for document in documents:
        if not is_derived(document) or not _is_light_sheet(document, "smartspim", "exa"):
            continue
        for row, metric in (
            (_metric_row(document, metric), metric)
            for metric in metrics_of(document)
            if metric.get("object_type") != "Curation metric"
        ):
            match = _STANDARD.fullmatch(stripped(row["name"]) or "")
            if match is None:
                continue
            tags = metric.get("tags")
            tagged = [
                stripped(tag)
                for key, tag in (tags.items() if isinstance(tags, Mapping) else ())
                if key.lower() == "channel"
            ]
            value = metric.get("value")
            if isinstance(value, Mapping) and "value" in value:
                value = value["value"]
            rows.append(
                {
                    **{key: row[key] for key in (DOCUMENT, "subject_id", "stage", "status")},
                    "name": row["asset_name"],
                    "metric_name": row["name"],
                    "channel": next(filter(None, tagged), None) or stripped(match["channel"]),
                    "value": _value(value)[0],
                    "evaluator": row["evaluator"],
                    "status_timestamp": row["status_timestamp"],
                }
            )
    return rows


# Tables with side files


def latest_derived(documents: Sequence[Document], raw: str, word: str) -> Document | None:
    """Returns the newest data asset derived from a raw one with a word in its name."""
    found = [
        document
        for document in documents
        if raw in sources(document) and word in (text(document.get("name")) or "")
    ]
    return max(found, key=lambda d: processing_time(d.get("name")) or "", default=None)


def _raw_spim(documents: Sequence[Document], word: str) -> list[Document]:
    return [
        document
        for document in documents
        if get(document, "data_description", "data_level") == "raw"
        and not is_derived(document)
        and "SPIM" in modalities(document)
        and any(
            word in (text(value) or "").lower()
            for value in (document.get("name"), get(document, "acquisition", "instrument_id"))
        )
    ]


def _location(document: Document) -> str:
    return (text(document.get("location")) or "").rstrip("/")


def _below(keys: Iterable[tuple[str, datetime]], prefix: str) -> list[str]:
    return [key.removeprefix(prefix) for key, _ in keys if key.startswith(prefix)]


NEUROGLASS = "https://allen.neuroglass.io/new#!"
_INSTITUTION = ("data_description", "institution", "abbreviation")
NEUROGLANCER = "https://neuroglancer-demo.appspot.com/#!"


def assets_smartspim(
    documents: Sequence[Document], list_keys: ListKeys, read_file: ReadFile
) -> list[Row]:
    rows = []
    for raw in _raw_spim(documents, "smartspim"):
        name = text(raw.get("name"))
        stitched = latest_derived(documents, name or "", "stitched")
        base = _location(stitched) if stitched else ""
        channels: list[str] = []
        if stitched:
            prefix = f"{base}/image_cell_segmentation/"
            below = _below(list_keys(prefix), prefix)
            channels = once(key.split("/")[0] for key in below if "/" in key)
        ends = [
            end
            for process in objects(get(stitched, "processing", "data_processes"))
            if (end := instant(process.get("end_date_time")))
        ]
        link = f"{NEUROGLASS}{base}"
        for channel in channels or [None]:
            file = f"{channel}/visualization/neuroglancer_config.json" if channel else None
            rows.append(
                {
                    DOCUMENT: raw["_id"],
                    "name": text(stitched.get("name")) if stitched else name,
                    "raw_name": name,
                    "processed": stitched is not None,
                    # Silent: whose institution. Both have the same.
                    "institution": text(get(raw, *_INSTITUTION)),
                    "processing_end_time": max(ends, default=None),
                    "stitched_link": f"{link}/neuroglancer_config.json" if stitched else None,
                    "raw_link": _raw_link(raw, read_file),
                    "channel": channel,
                    "segmentation_link": f"{link}/image_cell_segmentation/{file}" if file else None,
                    "quantification_link": f"{link}/image_cell_quantification/{file}"
                    if file
                    else None,
                    "alignment_link": f"{link}/image_atlas_alignment/neuroglancer_config.json"
                    if stitched
                    else None,
                    "alignment_ccf_link": f"{link}/image_atlas_alignment/ccf_visualization/"
                    "neuroglancer_config.json"
                    if stitched
                    else None,
                }
            )
    return rows


def _raw_link(raw: Document, read_file: ReadFile) -> str | None:
    body = read_file(f"{_location(raw)}/SPIM/derivatives/neuroglancer_config.json")
    link = text(get(parsed(body), "ng_link"))
    if link and "/SPIM/derivatives/" not in link:
        link = link.replace("/derivatives/", "/SPIM/derivatives/")
    return link


def platform_exaspim(documents: Sequence[Document], list_keys: ListKeys) -> list[Row]:
    rows = []
    for raw in _raw_spim(documents, "exa"):
        name = text(raw.get("name"))
        fused = latest_derived(documents, name or "", "fused")
        there = set(_below(list_keys(f"{_location(raw)}/"), f"{_location(raw)}/"))
        file = next((f for f in ("neuroglancer.json", "process_output.json") if f in there), None)
        rows.append(
            {
                DOCUMENT: raw["_id"],
                "name": text(fused.get("name")) if fused else name,
                "raw_name": name,
                "processed": fused is not None,
                "raw_link": f"{NEUROGLANCER}{_location(raw)}/{file}" if file else None,
                "fused_link": f"{NEUROGLANCER}{_location(fused)}" if fused else None,
            }
        )
    return rows


def parsed(body: bytes | None) -> Any:
    """Returns a JSON file's content; None when it cannot be read."""
    if body is None:
        return None
    encodings = ("utf-16",) if body[:2] in (b"\xff\xfe", b"\xfe\xff") else ("utf-8-sig",)
    for encoding in encodings:
        try:
            return json.loads(body.decode(encoding), parse_constant=lambda _: None)
        except ValueError:
            continue
    return None


def _trainer_state(keys: Iterable[tuple[str, datetime]], base: str) -> str | None:
    """Returns the key of the trainer state that counts."""
    keys = list(keys)
    for pattern in (r"behavior/trainer_state", r"behavior/logs/\.launcher/trainerstate_"):
        found = [
            (key, when)
            for key, when in keys
            if key.endswith(".json") and re.match(pattern, key.removeprefix(f"{base}/").lower())
        ]
        if found:
            return max(found)[0]
    return None


def behavior_curriculum(
    documents: Iterable[Document], list_keys: ListKeys, read_file: ReadFile
) -> list[Row]:
    rows = []
    for document in documents:
        if not any("behavior" in modality for modality in modalities(document)):
            continue
        base = _location(document)
        key = _trainer_state(list_keys(f"{base}/"), base)
        state = parsed(read_file(key)) if key else None
        if isinstance(get(state, "trainer_state"), Mapping):
            state = get(state, "trainer_state")
        stage = text(get(state, "stage", "name"))
        nodes = get(state, "curriculum", "graph", "nodes")
        ids = [
            int(node)
            for node, value in (nodes.items() if isinstance(nodes, Mapping) else ())
            if stage and text(get(value, "name")) == stage and str(node).isdecimal()
        ]
        rows.append(
            {
                DOCUMENT: document["_id"],
                "asset_name": text(document.get("name")),
                "curriculum_name": text(get(state, "curriculum", "name")),
                "stage_name": stage,
                "stage_node_id": ids[0] if ids else None,
            }
        )
    return rows


# foraging_sessions

# What pickled frames of pandas 2 and 3 are made of; nothing else is loaded, whatever a file asks.
_PARTS_OF_FRAMES = {
    "builtins": {"slice", "bytearray"},
    "datetime": {"date", "datetime", "timedelta", "timezone"},
    "numpy": {"dtype", "ndarray"},
    "numpy.core.multiarray": {"_reconstruct", "scalar"},
    "numpy._core.multiarray": {"_reconstruct", "scalar"},
    "numpy._core.numeric": {"_frombuffer"},
    "pandas": {"DataFrame", "DatetimeTZDtype", "Index", "MultiIndex", "NA", "StringDtype"},
    "pandas.arrays": {"ArrowStringArray", "DatetimeArray", "StringArray"},
    "pandas.core.frame": {"DataFrame"},
    "pandas.core.indexes.base": {"Index", "_new_Index"},
    "pandas.core.indexes.multi": {"MultiIndex"},
    "pandas.core.indexes.range": {"RangeIndex"},
    "pandas.core.internals.managers": {"BlockManager"},
    "pandas.core.arrays.string_": {"StringArray", "StringDtype"},
    "pandas.core.dtypes.dtypes": {"DatetimeTZDtype"},
    "pandas._libs.arrays": {"__pyx_unpickle_NDArrayBacked"},
    "pandas._libs.internals": {"_unpickle_block"},
    "pandas._libs.missing": {"NAType", "C_NA"},
    "pandas._libs.tslibs.timestamps": {"_unpickle_timestamp"},
    "pyarrow.lib": {"_restore_array", "py_buffer", "type_for_alias"},
}


class _Guarded(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if name not in _PARTS_OF_FRAMES.get(module, ()):
            raise pickle.UnpicklingError(f"{module}.{name} is no part of a frame")
        return super().find_class(module, name)


def unpickled(body: bytes) -> Any:
    """Returns the frame of a pickle that is made of nothing but a frame's parts."""
    return _Guarded(io.BytesIO(body)).load()


_OF_FRAME = {
    "rig": ("metadata", "rig"),
    "trainer": ("metadata", "user_name"),
    "task": ("metadata", "task"),
    "curriculum_name": ("auto_train", "curriculum_name"),
    "curriculum_version": ("auto_train", "curriculum_version"),
    "current_stage_actual": ("auto_train", "current_stage_actual"),
    "foraging_eff": ("session_stats", "foraging_eff"),
    "foraging_eff_random_seed": ("session_stats", "foraging_eff_random_seed"),
    "finished_trials": ("session_stats", "finished_trials"),
    "finished_rate": ("session_stats", "finished_rate"),
    "total_trials": ("session_stats", "total_trials"),
    "bias_naive": ("session_stats", "bias_naive"),
}
_FLOATS = ("foraging_eff", "foraging_eff_random_seed", "finished_rate", "bias_naive")
_INTEGERS = ("session", "nwb_suffix", "finished_trials", "total_trials")


def foraging_sessions(frame: Any) -> list[Row]:
    """Returns the table without `trainer_normalized`, which has properties alone."""
    levels = list(frame.index.names)
    rows = []
    for index, values in zip(frame.index, frame.itertuples(index=False, name=None), strict=True):
        at = dict(zip(levels, index, strict=True))
        of_row = dict(zip(frame.columns, values, strict=True))
        row: Row = {name: at[name] for name in ("subject_id", "session", "nwb_suffix")}
        row["session_date"] = str(at["session_date"])[:10]
        row |= {name: of_row.get(column) for name, column in _OF_FRAME.items()}
        row = {name: None if _is_null(value) else value for name, value in row.items()}
        for name in _INTEGERS:
            row[name] = None if row[name] is None else int(row[name])
        for name in row.keys() - {*_INTEGERS, *_FLOATS}:
            row[name] = None if row[name] is None else text(_plain(row[name]))
        rows.append({DOCUMENT: "/".join(str(v) for v in index), **row})
    return rows


def _is_null(value: Any) -> bool:
    is_nan = isinstance(value, float) and math.isnan(value)
    return value is None or is_nan or type(value).__name__ in ("NAType", "NaTType")


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value


# metadata_upgrade


def metadata_upgrade(
    copies: Mapping[str, tuple[Sequence[Mapping[str, Any]], datetime]],
    documents: Iterable[Document],
    old_documents: Iterable[Document] = (),
) -> list[Row]:
    """Returns the rows of the newest copy of the custom table.

    Args:
        copies: By place, the copy's rows (times as datetimes) and the time of the object.
        documents: For the names by `v2_id`.
        old_documents: For those that have none.
    """
    if not copies:
        return []
    ordered = sorted(copies.values(), key=lambda copy: _time_of_copy(*copy))
    basics = {row["_id"]: row for row in asset_basics(documents)}
    old = {row["_id"]: row for row in asset_basics(old_documents)}
    runs: dict[str, dict[str, str]] = defaultdict(dict)
    for of_copy, _ in ordered:
        for run in sorted(of_copy, key=_time_of_run):
            if run.get("upgrader_version"):
                runs[run["v1_id"]][run["upgrader_version"]] = run.get("status")
    newest = {run["v1_id"]: run for run in sorted(ordered[-1][0], key=_time_of_run)}
    rows = []
    for key, run in newest.items():
        known = basics.get(run.get("v2_id") or "") or old.get(key) or {}
        rows.append(
            {
                DOCUMENT: key,
                "_id": key,
                **{name: known.get(name) for name in ("name", "project_name", "data_level")},
                **{name: run.get(name) for name in ("v2_id", "upgrader_version", "last_modified")},
                **{name: run.get(name) for name in ("status", "upgrade_datetime")},
                "status_by_version": runs[key],
            }
        )
    return rows


def _time_of_run(run: Mapping[str, Any]) -> tuple[bool, datetime]:
    when = run.get("upgrade_datetime") or run.get("last_modified")
    return (when is not None, when or datetime.min.replace(tzinfo=UTC))


def _time_of_copy(rows: Sequence[Mapping[str, Any]], written: datetime) -> datetime:
    for name in ("upgrade_datetime", "last_modified"):
        if times := [row[name] for row in rows if row.get(name)]:
            return max(times)
    return written


# People have properties alone: which spelling is shown depends on all rows.

_PLACEHOLDERS = {"unknown", "unknownuser", "na", "none", "nd"}


def folded_name(name: str) -> str:
    """Returns what two spellings of one name have in common."""
    return re.sub(r"[\W_]+", "", name.split("@", maxsplit=1)[0]).casefold()


def wrong_with_people(written: list[str] | None, shown: list[str] | None) -> str:
    """Returns what cannot be right about normalized names; empty when nothing."""
    if written is None or shown is None:
        return "" if written is None and shown is None else "one of the lists is null, one is not"
    if len(shown) > len(written):
        return "there are more names than were written"
    keys = [folded_name(name) for name in shown]
    if len(set(keys)) < len(keys):
        return "one person stands there twice"
    wrong = [n for n in shown if n != " ".join(n.split()) or re.search(r"[@_.]", n)]
    if wrong:
        return f"{wrong[0]!r} has a dot, an underscore, an at sign or blanks too many"
    placeholder = [n for n, key in zip(shown, keys, strict=True) if key in _PLACEHOLDERS]
    if placeholder:
        return f"{placeholder[0]!r} is a placeholder"
    if all(len(name.strip()) <= 1 for name in written):
        return ""
    # Each shown name is a written one, or a longer one that begins as it; in the same order.
    remaining = iter([folded_name(name) for name in written])
    for name, key in zip(shown, keys, strict=True):
        first = folded_name(name.split()[0])
        if not any(one in (key, first) for one in remaining):
            return f"{name!r} was not written there, or not in this order"
    return ""
