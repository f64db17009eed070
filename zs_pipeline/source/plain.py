"""A value of BSON, of MongoDB's extended JSON or of careless JSON as plain JSON, the same for each.

Here also what makes an `_id` usable. Nothing here reads a source.
"""

import base64
import binascii
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
        ValueError: It is no JSON, also not with NaN and Infinity in it.
    """
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return json_reading.careless(raw), False
    if _long_integer(raw):
        return json_reading.careless(raw), False
    return value, b'"$' not in raw


def _long_integer(raw: bytes) -> bool:
    """Returns whether there may be an integer beyond 64 bits, which orjson turns into a float.

    Looking for 19 digits in a row runs at 1,400 MB/s this way and at 120 with a regular
    expression; orjson parses 190. One real document in five has as many digits after a point.
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
    found = value["$date"]
    if isinstance(found, dict):
        found = int(found["$numberLong"])
    if isinstance(found, int) and not isinstance(found, bool):
        return _milliseconds(found)
    moment = fields.moment(found)
    if moment is None:
        raise ValueError(found)
    return _moment(moment)


def _binary(value: dict[Any, Any]) -> str:
    found, kind = value["$binary"], value.get("$type")
    if isinstance(found, dict):
        found, kind = found["base64"], found["subType"]
    try:
        decoded = base64.b64decode(found, validate=True)
    except binascii.Error as error:
        raise ValueError(found) from error
    if str(kind).zfill(2) == "04" and len(decoded) == 16:
        return str(uuid.UUID(bytes=decoded))
    return base64.b64encode(decoded).decode()


def _as(key: str, kind: Callable[[str], Any]) -> Callable[[dict[Any, Any]], Any]:
    def convert(value: dict[Any, Any]) -> Any:
        found = value[key]
        if not isinstance(found, str):
            raise TypeError(found)
        return kind(found)

    return convert


# https://www.mongodb.com/docs/manual/reference/mongodb-extended-json/ ; what is not here stays.
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
    """Returns an `_id` as text: a text, an integer or an ObjectId; None for anything else."""
    if isinstance(value, dict) and value.keys() & {"$oid", "$numberLong", "$numberInt"}:
        value = plain(value)
    if isinstance(value, str):
        return _text(value) or None
    if isinstance(value, ObjectId) or (isinstance(value, int) and not isinstance(value, bool)):
        return str(value)
    return None


def head(document: Mapping[str, Any], where: str = "") -> Swept | Problem:
    """Returns what a sweep tells of a document, which need not be plain yet.

    Args:
        document: With at least the keys of `zs_pipeline.shape.projection.SWEEP`.
        where: The place in a dump, for the reason.
    """
    name = fields.text(plain(document.get("name")))
    found = identity(document.get("_id"))
    if found is None:
        value = document.get("_id")
        is_ = (
            "null"
            if "_id" in document and value is None
            else "missing"
            if value is None
            else "empty"
            if value == ""
            else f"of type {type(value).__name__}"
        )
        reason = f"the _id is {is_}, not a text, an integer or an ObjectId; set aside{where}"
        return Problem(None, name, "_id", reason, "error")
    times = {key: plain(document.get(key)) for key in ("_last_modified", "last_modified")}
    return Swept(found, version_of(times), None, _subject_of(document))


def _subject_of(document: Mapping[str, Any]) -> str | None:
    """Returns a document's subject as `fields.subject_of` will, when the document is plain."""
    ids: dict[str, Any] = {}
    for place in fields.SUBJECT_PLACES:
        core, key = place.split(".")
        ids[core] = {key: plain(fields.part(document, place))}
    return fields.subject_of(ids)


class SweptOnce:
    """The documents of a sweep of a server, each once, also where the sweep starts again."""

    def __init__(self) -> None:
        self._kinds: dict[str, str] = {}

    def head(self, document: Mapping[str, Any]) -> Swept | Problem | None:
        """Returns `head` of a document; None where it was returned before."""
        found = head(document)
        kind = type(document.get("_id")).__name__
        key = found.id if isinstance(found, Swept) else f"\0{document.get('_id')!r}"
        if key in self._kinds and self._kinds[key] != kind:
            # The number 5 and the text "5" are two documents on a server.
            reason = "an _id of another type is the same text; this document was set aside"
            name = fields.text(plain(document.get("name")))
            found = Problem(found.id, name, "_id", reason, "error")
            key = f"\0{kind} {key}"
        if key in self._kinds:
            return None
        self._kinds[key] = kind
        return found
