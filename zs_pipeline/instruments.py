"""The short name of an instrument: one name for the forms in which its id is written.

The id as it is written stays in its own column; where in a document it stands is for the tables.
"""

import re
from datetime import date

_ROOM = re.compile(r"\A[0-9]+[_-]")
_DATED = re.compile(
    r"(?P<name>.*)[_-](?P<day>[0-9]{8}|[0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{6})([_-][0-9]{1,3})?",
    re.DOTALL,
)


def short_name(instrument_id: str | None) -> str | None:
    """The name of an instrument without room, date, counter, ``_`` and ``-``.

    A number is the room only at the start with a name after it, and a counter only after a date:
    ``exaSPIM1-01`` is the instrument ``exaSPIM101``.

    Args:
        instrument_id: The id as a document has it, such as ``323_EPHYS2-RF_2023-11-09_01``.

    Returns:
        The short name, such as ``EPHYS2RF``; None for None and for an id without any name.
    """
    written = (instrument_id or "").strip()
    return _joined(_ROOM.sub("", _undated(written))) or _joined(written) or None


def _undated(name: str) -> str:
    found = _DATED.fullmatch(name)
    return found["name"] if found and _is_day(found["day"]) else name


def _is_day(written: str) -> bool:
    whole = f"20{written}" if len(written) == len("YYMMDD") else written
    try:
        date.fromisoformat(whole)
    except ValueError:
        return False
    return whole.startswith(("19", "20"))


def _joined(name: str) -> str:
    return name.replace("_", "").replace("-", "").strip()
