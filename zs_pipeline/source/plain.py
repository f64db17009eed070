"""Turns values of BSON, of MongoDB's extended JSON and of careless JSON into the same plain JSON.

Also decides which `_id`s are usable. Nothing here reads a source.
"""

import base64
import json
import math
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from bson import Decimal128, ObjectId, json_util
from bson.datetime_ms import DatetimeMS
from bson.errors import BSONError

from zs_pipeline.shape import json_reading
from zs_pipeline.shape import values as fields
from zs_pipeline.shape.problems import Problem
from zs_pipeline.source.interface import Swept, version_of

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - pymongo decodes times as naive UTC
_DIGITS = bytes(48 if 48 <= code < 58 else 46 if code == 46 else 32 for code in range(256))
_LONG = b"0" * 19
_INT64 = 1 << 63


def load(raw: bytes) -> tuple[Any, bool]:
    """Returns (value of JSON text, whether the value is plain already).

    Raises:
        ValueError: The text is no JSON, even if NaN and Infinity are allowed.
    """
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return json_reading.careless(raw), False
    if _long_integer(raw):
        return json_reading.careless(raw), False
    return value, b'"$' not in raw


def _long_integer(raw: bytes) -> bool:
    """Returns whether the text may hold an integer beyond 64 bits, which orjson reads as a float.

    This search for 19 digits in a row runs at 1,400 MB/s, a regular expression at 120, and orjson
    itself at 190. One real document in five has that many digits after a decimal point.
    """
    digits = raw.translate(_DIGITS)
    at = digits.find(_LONG)
    while at >= 0 and digits[at - 1 : at] == b".":
        at = digits.find(_LONG, at + len(_LONG))
    return at >= 0


def parse(raw: bytes) -> Any:
    """Returns JSON text as plain JSON; see `load`."""
    value, ready = load(raw)
    return value if ready else plain(value)


def plain(value: Any) -> Any:
    """Returns a decoded value as plain JSON; dicts and lists are changed in place.

    Times become ``YYYY-MM-DDTHH:MM:SS.mmmZ``, ObjectId, UUID and Decimal128 text, bytes base64
    text, integers beyond 64 bits text, and lone surrogates U+FFFD. NaN and infinities become
    ``{"$numberDouble": "NaN"}``, since the text NaN is another value.
    """
    if type(value) is str:
        return _text(value)
    root = [value]
    stack: list[Any] = [root]
    while stack:
        node = stack.pop()
        if type(node) is dict:
            entries: Any = node.items()
        else:
            entries = enumerate(node)
        for key, old in entries:
            kind = type(old)
            if kind is str:
                if not old.isascii():
                    node[key] = _text(old)
                continue
            if old is None or kind is bool:
                continue
            new = _dict(old) if kind is dict else old if kind is list else _scalar(old)
            if new is not old:
                node[key] = new
            if type(new) is dict or type(new) is list:
                stack.append(new)
    return root[0]


def _text(value: str) -> str:
    if value.isascii():
        return value
    try:
        value.encode()
    except UnicodeEncodeError:
        return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return value


def _scalar(value: Any) -> Any:  # noqa: PLR0911 - one type, one line
    kind = type(value)
    if isinstance(value, int):
        return int(value) if -_INT64 <= value < _INT64 else str(int(value))
    if kind is float:
        return value if math.isfinite(value) else {"$numberDouble": fields.unbounded(value)}
    if kind is datetime:
        return _moment(value)
    if kind is DatetimeMS:
        return _milliseconds(int(value))
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, ObjectId | uuid.UUID | Decimal128):
        return str(value)
    if kind is str:
        return _text(value)
    # Regular expressions, code, MinKey and the like stay in the extended form that a dump has.
    return json.loads(json_util.dumps(value))


def _moment(value: datetime) -> str:
    if value.tzinfo:
        value = value.astimezone(UTC).replace(tzinfo=None)
    return value.isoformat(timespec="milliseconds") + "Z"


def _milliseconds(value: int) -> str:
    try:
        return _moment(_EPOCH + timedelta(milliseconds=value))
    except OverflowError:
        return str(value)


def _dict(value: dict[Any, Any]) -> Any:
    if len(value) in (1, 2):
        convert = _EXTENDED.get(next(iter(value)))
        if convert and (len(value) == 1 or value.keys() == {"$binary", "$type"}):
            try:
                return _scalar(convert(value))
            except (ValueError, TypeError, ArithmeticError, AttributeError, KeyError, BSONError):
                return value
    if all(type(key) is str and key.isascii() for key in value):
        return value
    return {_text(key if isinstance(key, str) else str(key)): v for key, v in value.items()}


def _oid(value: dict[Any, Any]) -> str:
    return str(ObjectId(value["$oid"]))


def _date(value: dict[Any, Any]) -> str:
    date = value["$date"]
    if isinstance(date, dict):
        date = int(date["$numberLong"])
    if isinstance(date, int) and not isinstance(date, bool):
        return _milliseconds(date)
    moment = fields.moment(date)
    if moment is None:
        raise ValueError(date)
    return _moment(moment)


def _binary(value: dict[Any, Any]) -> str:
    text, kind = value["$binary"], value.get("$type")
    if isinstance(text, dict):
        text, kind = text["base64"], text["subType"]
    # binascii.Error is a ValueError.
    decoded = base64.b64decode(text, validate=True)
    if str(kind).zfill(2) == "04" and len(decoded) == 16:
        return str(uuid.UUID(bytes=decoded))
    return base64.b64encode(decoded).decode()


def _as(key: str, kind: Callable[[str], Any]) -> Callable[[dict[Any, Any]], Any]:
    def convert(value: dict[Any, Any]) -> Any:
        text = value[key]
        if not isinstance(text, str):
            raise TypeError(text)
        return kind(text)

    return convert


# https://www.mongodb.com/docs/manual/reference/mongodb-extended-json/ ; other keys stay.
_EXTENDED: dict[Any, Callable[[dict[Any, Any]], Any]] = {
    "$oid": _oid,
    "$date": _date,
    "$binary": _binary,
    "$uuid": _as("$uuid", uuid.UUID),
    "$numberLong": _as("$numberLong", int),
    "$numberInt": _as("$numberInt", int),
    "$numberDouble": _as("$numberDouble", float),
    "$numberDecimal": _as("$numberDecimal", Decimal128),
    "$symbol": _as("$symbol", str),
}


def identity(value: Any) -> str | None:
    """Returns an `_id` that is a text, an integer or an ObjectId as text; else None."""
    if isinstance(value, dict) and value.keys() & {"$oid", "$numberLong", "$numberInt"}:
        value = plain(value)
    if isinstance(value, str):
        return _text(value) or None
    if isinstance(value, ObjectId) or (isinstance(value, int) and not isinstance(value, bool)):
        return str(value)
    return None


def head(document: Mapping[str, Any], where: str = "") -> Swept | Problem:
    """Returns the result of a sweep for a document, or why the document cannot be used.

    Args:
        document: A document with at least the keys of `zs_pipeline.shape.projection.SWEEP`; its
            values need not be plain.
        where: The position in a dump, for the reason.
    """
    value = document.get("_id")
    document_id = identity(value)
    if document_id is None:
        if value is None:
            defect = "null" if "_id" in document else "missing"
        else:
            defect = "empty" if value == "" else f"of type {type(value).__name__}"
        name = fields.text(plain(document.get("name")))
        reason = f"the _id is {defect}, not a text, an integer or an ObjectId; set aside{where}"
        return Problem(None, name, "_id", reason, "error")
    modified = document.get("_last_modified")
    # Nearly all have one, and a sweep looks at a hundred thousand.
    if not (modified and type(modified) is str and modified.isascii()):
        times = {key: plain(document.get(key)) for key in ("_last_modified", "last_modified")}
        modified = version_of(times)
    return Swept(document_id, modified, None, _subject_of(document))


def _subject_of(document: Mapping[str, Any]) -> str | None:
    """Returns the subject that `fields.subject_of` finds in the plain form of a document."""
    for path in fields.SUBJECT_PLACES:
        subject_id = fields.subject(plain(fields.part(document, path)))
        if subject_id:
            return subject_id
    return None


class SweptOnce:
    """The documents of a server's sweep, each once, even if the sweep starts again."""

    def __init__(self) -> None:
        self._kinds: dict[str, str] = {}

    def head(self, document: Mapping[str, Any]) -> Swept | Problem | None:
        """Returns `head` of a document; None for a document that was returned before."""
        entry = head(document)
        kind = type(document.get("_id")).__name__
        key = entry.id if isinstance(entry, Swept) else f"\0{document.get('_id')!r}"
        if key in self._kinds and self._kinds[key] != kind:
            # The number 5 and the text "5" are two documents on a server.
            reason = "an _id of another type is the same text; this document was set aside"
            name = fields.text(plain(document.get("name")))
            entry = Problem(entry.id, name, "_id", reason, "error")
            key = f"\0{kind} {key}"
        if key in self._kinds:
            return None
        self._kinds[key] = kind
        return entry
