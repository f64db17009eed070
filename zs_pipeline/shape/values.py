"""Reading a value out of a document: one function for each kind of value, None for what is not one.

Every function takes whatever a document may hold at that place and never raises. What a document
holds in place of the expected value is reported by `zs_pipeline.shape.problems`, with the same
functions.
"""

import math
import re
from collections.abc import Iterator
from datetime import MAXYEAR, MINYEAR, UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any

import orjson

from zs_client.contract import NULL_PARTITION, encode_partition

_TIME = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d+)?)? ?([Zz]|[+-]\d\d(:?\d\d)?)?", re.ASCII
)
_NUMBER = re.compile(r"\s*[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?\s*", re.ASCII | re.IGNORECASE)
_DATE = re.compile(r"(\d{4}-\d\d-\d\d)([Tt ].*)?", re.ASCII)
# A file name has 255 bytes on most disks, and `subject_id=` stands before it.
LONGEST_SEGMENT = 240
# Where a document names its subject, first to last.
SUBJECT_PLACES = ("subject.subject_id", "data_description.subject_id")
# Digits of a text and bits of a number that are read; the time to do so grows with their square.
LONGEST_NUMBER = 4000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def part(document: Any, path: str) -> Any:
    """Returns the value at a dotted path; None where a key is missing or a parent is no dict."""
    for key in path.split("."):
        if not isinstance(document, dict):
            return None
        document = document.get(key)
    return document


def parts(document: Any, path: str) -> Iterator[dict[str, Any]]:
    """Yields the dicts in the list at a dotted path; none where there is no list."""
    items = part(document, path)
    if isinstance(items, list):
        yield from (item for item in items if isinstance(item, dict))


def text(value: Any) -> str | None:
    """Returns a text as it is written, a number as text; None for all else, ``""`` and NaN.

    A whole number of more than `LONGEST_NUMBER` bits is no number that anybody wrote.
    """
    if isinstance(value, str):
        return value or None
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, float):
        if not math.isfinite(value):
            return None
        return str(int(value)) if value.is_integer() else str(value)
    if not isinstance(value, int) or value.bit_length() > LONGEST_NUMBER:
        return None
    return str(value)


def subject(value: Any) -> str | None:
    """Returns a subject's id as text; None when the id is too long for a folder's name."""
    subject_id = text(value)
    return subject_id if subject_id and _is_folder(subject_id) else None


# A sweep of a hundred thousand documents has a dozen of each subject.
@lru_cache(maxsize=1 << 14)
def _is_folder(subject_id: str) -> bool:
    return segment(subject_id) != NULL_PARTITION


def subject_of(document: Any) -> str | None:
    """Returns the subject of a document, by which documents are sharded and tables are split.

    Where `subject` gives none, the data description's counts; the acquisition's never does.

    Args:
        document: At least its values at `SUBJECT_PLACES`.
    """
    return next(filter(None, (subject(part(document, path)) for path in SUBJECT_PLACES)), None)


def segment(value: str | None) -> str:
    """Returns a partition's value as a segment of a key; `NULL_PARTITION` for a value too long."""
    encoded = encode_partition(value)
    return encoded if len(encoded) <= LONGEST_SEGMENT else NULL_PARTITION


def trimmed(value: Any) -> str | None:
    """Returns a text without the blanks around it; None for a text of blanks."""
    return (text(value) or "").strip() or None


def texts(values: Any, key: str = "") -> list[str] | None:
    """Returns the texts in a list, in order; None where there is no list.

    Args:
        values: A list of texts, or of dicts that hold the text under `key`.
        key: Where a dict holds the text.
    """
    if not isinstance(values, list):
        return None
    items = (v.get(key) if key and isinstance(v, dict) else v for v in values)
    return [t for t in map(text, items) if t is not None]


def moment(value: Any) -> datetime | None:
    """Returns a time, in either spelling of documents, in its own zone; UTC where it has none."""
    written = written_time(value)
    return written.replace(tzinfo=UTC) if written and written.tzinfo is None else written


def written_time(value: Any) -> datetime | None:
    """Returns a time as it is written, perhaps without a zone (see `zs_pipeline.zones`)."""
    return _written_time(value) if isinstance(value, str) else None


# One run writes the same time into all of its metrics.
@lru_cache(maxsize=1024)
def _written_time(value: str) -> datetime | None:
    if not _TIME.fullmatch(value):
        return None
    try:
        written = datetime.fromisoformat(value.replace(" ", "T", 1).replace(" ", "").upper())
        if written.tzinfo and not MINYEAR < written.year < MAXYEAR:
            written.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return written


def time(value: Any) -> int | None:
    """Returns a time as microseconds since 1970, UTC; None for what is no time."""
    return _time(value) if isinstance(value, str) else None


# A new document is walked three times. Of 1,000 metrics with ten entries each, one walk takes 8 ms
# with the times cached and 17 without.
@lru_cache(maxsize=1 << 14)
def _time(value: str) -> int | None:
    return microseconds(moment(value))


def microseconds(instant: datetime | None) -> int | None:
    """Returns an instant as microseconds since 1970, UTC."""
    return None if instant is None else (instant - _EPOCH) // _MICROSECOND


def day(value: Any) -> date | None:
    """Returns the calendar date of ``YYYY-MM-DD``, with or without a time after the date."""
    match = _DATE.fullmatch(value) if isinstance(value, str) else None
    try:
        return date.fromisoformat(match[1]) if match else None
    except ValueError:
        return None


def year(value: Any) -> int | None:
    """Returns a year of four digits, written as a number or text."""
    read = number(value)
    return int(read) if read and read.is_integer() and 1000 <= read < 3000 else None


def number(value: Any) -> float | None:
    """Returns a number, also one that is written as text; None for all else, NaN and infinities."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    if isinstance(value, str) and (len(value) > LONGEST_NUMBER or not _NUMBER.fullmatch(value)):
        return None
    try:
        read = float(value)
    except OverflowError:
        return None
    return read if math.isfinite(read) else None


def unbounded(value: Any) -> str | None:
    """Returns the name of a number that JSON cannot write, None for any other value.

    `zs_pipeline.source.plain` keeps NaN and infinities as MongoDB's extended JSON has them.
    """
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    name = value.get("$numberDouble") if isinstance(value, dict) and len(value) == 1 else None
    return name if name in ("NaN", "Infinity", "-Infinity") else None


def bounded(value: Any) -> Any:
    """Returns a value with null for each number in the value that JSON cannot write."""
    return _bounded(value) if b'"$numberDouble"' in orjson.dumps(value) else value


def _bounded(value: Any) -> Any:
    if isinstance(value, dict):
        return None if unbounded(value) else {key: _bounded(v) for key, v in value.items()}
    return [_bounded(below) for below in value] if isinstance(value, list) else value


def json_text(value: Any) -> str | None:
    """Returns a text as it is, all else as JSON text; None for null, NaN and infinities."""
    return value if isinstance(value, str) else as_json(value)


def as_json(value: Any) -> str | None:
    """Returns a value as JSON text, a text in quotes too; None for null, NaN and infinities."""
    written = orjson.dumps(value)
    if b'"$numberDouble"' in written:
        written = orjson.dumps(_bounded(value))
    return None if written == b"null" else written.decode()
