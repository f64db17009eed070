"""The short name of an instrument: one name for all spellings of its id.

The id as written stays in its own column; the tables know where it stands in a document.
"""

import re
from collections.abc import Iterator
from datetime import date
from functools import lru_cache
from typing import NamedTuple

from zs_pipeline.shape.findings import Finding

# Names, in lower case, that no rule turns into the instrument's short name.
ALIASES = {"422mesoscope": "MESO2", "429mesoscope": "MESO1", "exaspim01": "exaSPIM101"}
# Whole ids, without their dates, that no rule turns into the short name.
ID_ALIASES = {"428_1_fip1": "FIP1", "428_fip1_1": "FIP1"}
# Names that may or may not be one rig's: the documents do not tell.
KEPT_APART = (
    ("SmartSPIM1", "SmartSPIM11", "SmartSPIM12", "SmartSPIM17"),
    ("SmartSPIM2", "SmartSPIM21"),
    ("exaSPIM1", "exaSPIM101"),
    ("NP1", "NP1Ultra"),
    ("SLAP21", "SLAP21VCO1"),
    ("12D", "SAKTIMUNA12D"),
)
# Kinds of instruments that are told apart by their rooms, which are part of their names.
NAMED_BY_ROOM = ("mesoscope",)
PLACEHOLDERS = {"na", "n/a", "none", "unknown"}

NO_NAME = "names no instrument"
MERGED = "is several ids that were joined, each of which has its name"
# For readers of a column of short names.
RULE = (
    "NA, N/A, none and unknown are null and a finding. An id that programs joined of "
    "several is split and is a finding. A date at the end and a counter after it go. A "
    "room goes: three digits at the start, one or two before a name, room and a number "
    "anywhere, unknown before a name; it stays before mesoscope. Blanks, _, - and . go. A "
    "few aliases are declared: 422-mesoscope is MESO2, 429-mesoscope MESO1, exaspim-01 "
    "exaSPIM101, 428_1_FIP1 and 428_FIP1_1 are FIP1. Otherwise case counts."
)

_APART = r"[_\-\s]"
_DAY = r"(?P<day>[0-9]{8}|[0-9]{4}(?P<mark>[-_.])[0-9]{2}(?P=mark)[0-9]{2}|[0-9]{6})(?![0-9])"
_DATE = re.compile(_APART + _DAY)
_DATE_AT_END = re.compile(rf"{_APART}{_DAY}(?:{_APART}[0-9]{{1,3}})?\Z")
_LONGEST_DATE = len("_2025-12-31_001")
_COUNTER = re.compile(rf"{_APART}[0-9]{{1,3}}(?![0-9])")
_THREE_DIGIT_ROOM = re.compile(rf"[0-9]{{3}}{_APART}+[^\W_]")
_ROOM = re.compile(
    rf"(?:unknown|(?:[0-9]{{3}}|[0-9]{{1,2}}(?={_APART}+[^\W\d_][^\W_]))"
    rf"(?!{_APART}+(?:{'|'.join(NAMED_BY_ROOM)})(?![^\W\d_]))){_APART}+(?=.*[^\W_])",
    re.IGNORECASE | re.DOTALL,
)
_ROOM_IN_WORDS = re.compile(rf"(?<![^\W\d_])room{_APART}*[0-9]+(?![^\W_])", re.IGNORECASE)
_SEPARATORS = re.compile(r"[\s_.\-]+")


class Reading(NamedTuple):
    """The reading of an instrument's id.

    Attributes:
        name: The short name; several are joined with `+`; None where the id names none.
        is_merged: Whether a program joined several ids.
    """

    name: str | None
    is_merged: bool


def short_name(instrument_id: str | None) -> str | None:
    """Returns the name of an instrument without room, date, counter, blanks and punctuation.

    Args:
        instrument_id: The id as a document has it, such as `323_EPHYS2-RF_2023-11-09_01`.

    Returns:
        The short name, such as `EPHYS2RF`; None for None and for an id without any name.
    """
    return read(instrument_id).name if instrument_id else None


# Rows and findings read the same id, and many documents have the same few ids.
@lru_cache(maxsize=1024)
def read(instrument_id: str) -> Reading:
    """Returns the reading of an id, by the rules in the order of `RULE`.

    Args:
        instrument_id: The id as a document has it.
    """
    ids = _split(instrument_id.strip())
    names = dict.fromkeys(filter(None, map(_name, ids)))
    return Reading("+".join(names) or None, is_merged=len(ids) > 1)


def findings(instrument_id: str | None, field: str, column: str) -> Iterator[Finding]:
    """Yields a finding for an id that names no instrument, or several.

    Args:
        instrument_id: The id as a document has it.
        field: Its path, as the table's reads have it.
        column: The `table.column` of the short name.
    """
    if instrument_id is None:
        return
    name, is_merged = read(instrument_id)
    if name is None:
        yield Finding(field, column, NO_NAME, None, instrument_id)
    elif is_merged:
        yield Finding(field, column, MERGED, name, instrument_id)


def _split(written: str) -> list[str]:
    """Returns the ids that a program joined, each with its date; mostly one id."""
    ids = []
    start = 0
    for match in _DATE.finditer(written):
        end = _end(written, match) if match.start() > start else None
        if end is not None:
            ids.append(written[start:end])
            start = end + 1
    return [*ids, written[start:]]


def _end(written: str, dated: re.Match[str]) -> int | None:
    """Returns the end of the id that a date ends; None where no other id follows."""
    if not _is_day(dated["day"]):
        return None
    ends = [dated.end()]
    counter = _COUNTER.match(written, dated.end())
    if counter:
        # Three digits before a name are the room of the next id.
        is_short = counter.end() - counter.start() < len("_000")
        ends.insert(0 if is_short else 1, counter.end())
    return next(
        (e for e in ends if written.startswith("_", e) and _is_whole(written[e + 1 :])), None
    )


def _is_whole(written: str) -> bool:
    """Returns whether an id is surely whole: it ends in a date, or begins with a 3-digit room."""
    name = _undated(written)
    has_letters = any(c.isalpha() for c in name)
    return has_letters and (name != written or _THREE_DIGIT_ROOM.match(written) is not None)


def _name(written: str) -> str | None:
    undated = _undated(written)
    alias = ID_ALIASES.get(undated.lower())
    if alias:
        return alias
    roomless = _ROOM_IN_WORDS.sub("", undated)
    roomless = roomless if _has_name(roomless) else undated
    room = _ROOM.match(roomless)
    name = _SEPARATORS.sub("", roomless[room.end() :] if room else roomless)
    if not _has_name(name) or name.lower() in PLACEHOLDERS:
        return None
    return ALIASES.get(name.lower(), name)


def _undated(written: str) -> str:
    """Returns an id without the dates at its end, each perhaps with a counter."""
    while True:
        match = _DATE_AT_END.search(written, max(0, len(written) - _LONGEST_DATE))
        if not match or not _is_day(match["day"]):
            return written
        name = written[: match.start()]
        if not _has_name(name):
            return written
        written = name


def _is_day(written: str) -> bool:
    digits = "".join(c for c in written if c.isdigit())
    whole = f"20{digits}" if len(digits) == len("YYMMDD") else digits
    try:
        date.fromisoformat(whole)
    except ValueError:
        return False
    return whole.startswith(("19", "20"))


def _has_name(written: str) -> bool:
    return any(c.isalnum() for c in written)
