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
    """The value at a dotted path, None where any part of the path is missing or no dict."""
    for key in path.split("."):
        if not isinstance(document, dict):
            return None
        document = document.get(key)
    return document


def parts(document: Any, path: str) -> Iterator[dict[str, Any]]:
    """The dicts in the list at a dotted path; nothing where there is no list."""
    found = part(document, path)
    if isinstance(found, list):
        yield from (item for item in found if isinstance(item, dict))


def text(value: Any) -> str | None:
    """A text as it is written; a number as text; None for everything else and for ``""``.

    A whole number of more than `LONGEST_NUMBER` bits is no number that anybody wrote.
    """
    if isinstance(value, str):
        return value or None
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else str(value)
    if not isinstance(value, int) or value.bit_length() > LONGEST_NUMBER:
        return None
    return str(value)


def subject(value: Any) -> str | None:
    """A subject's id as text; None when it is too long to be a folder's name as well."""
    found = text(value)
    return None if segment(found) == NULL_PARTITION else found


def subject_of(document: Any) -> str | None:
    """Returns the subject of a document, by which documents lie together and tables are split.

    Where `subject` gives none, the data description's counts; that of the acquisition never does.

    Args:
        document: At least what `SUBJECT_PLACES` name of it.
    """
    return next(filter(None, (subject(part(document, place)) for place in SUBJECT_PLACES)), None)


def segment(value: str | None) -> str:
    """Returns a partition's value as a segment of a key; a value too long for one is no value."""
    found = encode_partition(value)
    return found if len(found) <= LONGEST_SEGMENT else NULL_PARTITION


def trimmed(value: Any) -> str | None:
    """A text without the blanks around it."""
    found = text(value)
    return (found.strip() or None) if found else None


def texts(values: Any, key: str = "") -> list[str] | None:
    """The texts in a list, in order; None where there is no list.

    Args:
        values: The list, of texts, or of dicts that hold the text under `key`.
        key: Where a dict holds the text.
    """
    if not isinstance(values, list):
        return None
    found = (text(v.get(key)) if key and isinstance(v, dict) else text(v) for v in values)
    return [t for t in found if t is not None]


def moment(value: Any) -> datetime | None:
    """A time in either of the spellings that documents have, in its own zone; UTC where none is."""
    written = written_time(value)
    return written.replace(tzinfo=UTC) if written and written.tzinfo is None else written


def written_time(value: Any) -> datetime | None:
    """Returns a time as it is written, without a zone where none is (see `zs_pipeline.zones`)."""
    return _written_time(value) if isinstance(value, str) else None


# One run writes the same time into all of its metrics.
@lru_cache(maxsize=1024)
def _written_time(value: str) -> datetime | None:
    if not _TIME.fullmatch(value):
        return None
    try:
        found = datetime.fromisoformat(value.replace(" ", "T", 1).replace(" ", "").upper())
        if found.tzinfo and not MINYEAR < found.year < MAXYEAR:
            found.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return found


def time(value: Any) -> int | None:
    """A time as microseconds since 1970, UTC."""
    return _time(value) if isinstance(value, str) else None


# A document is gone through three times when it comes. Of 1,000 metrics with ten entries each, a
# time through takes 8 ms with the times known and 17 without.
@lru_cache(maxsize=1 << 14)
def _time(value: str) -> int | None:
    return microseconds(moment(value))


def microseconds(instant: datetime | None) -> int | None:
    """Returns an instant as microseconds since 1970, UTC."""
    return None if instant is None else (instant - _EPOCH) // _MICROSECOND


def day(value: Any) -> date | None:
    """The calendar date of ``YYYY-MM-DD``, with or without a time after it."""
    match = _DATE.fullmatch(value) if isinstance(value, str) else None
    try:
        return date.fromisoformat(match[1]) if match else None
    except ValueError:
        return None


def year(value: Any) -> int | None:
    """A year of four digits, as a number or text."""
    found = text(value)
    return int(found) if found and re.fullmatch(r"[12]\d{3}", found, re.ASCII) else None


def unbounded(value: Any) -> str | None:
    """Returns the name of a number that JSON cannot write, None for any other value.

    `zs_pipeline.source.plain` keeps NaN and infinities as MongoDB's extended JSON has them.
    """
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    name = value.get("$numberDouble") if isinstance(value, dict) and len(value) == 1 else None
    return name if name in ("NaN", "Infinity", "-Infinity") else None


def bounded(value: Any) -> Any:
    """Returns a value with null for each number in it that JSON cannot write.

    The value itself where there is none.
    """
    return _bounded(value) if b'"$numberDouble"' in orjson.dumps(value) else value


def _bounded(value: Any) -> Any:
    if isinstance(value, dict):
        made = {key: _bounded(below) for key, below in value.items()}
        return None if unbounded(value) else made
    return [_bounded(below) for below in value] if isinstance(value, list) else value


def json_text(value: Any) -> str | None:
    """A text as it is, null as null, everything else as JSON text; null for NaN and infinities."""
    return value if isinstance(value, str) else as_json(value)


def as_json(value: Any) -> str | None:
    """Returns a value as JSON text, a text in quotes too; null for null, NaN and infinities."""
    written = orjson.dumps(value)
    if b'"$numberDouble"' in written:
        written = orjson.dumps(_bounded(value))
    return None if written == b"null" else written.decode()
