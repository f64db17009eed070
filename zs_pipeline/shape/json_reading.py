"""JSON as files hold it: in any encoding of Unicode, with or without a mark, with NaN in it.

The one place that decodes it, for documents of a dump and for side files. What a value means, and
what an odd one becomes in a document, is not known here.
"""

import json
from collections.abc import Callable
from typing import Any

import orjson

_NATIVE = ("utf-8", "utf-8-sig")
# Bytes that tell the encoding: a mark and a character of the widest.
HEAD = 8
_BEGINS = frozenset("{[ \t\r\n")


def encoding_of(head: bytes) -> str | None:
    """Returns the encoding of documents that begin so; None for UTF-8, and for what is no JSON."""
    found = json.detect_encoding(head[:HEAD])
    begins = head[:HEAD].decode(found, "replace")[:1]
    return found if found not in _NATIVE and begins in _BEGINS else None


def read(body: bytes) -> Any:
    """Returns the value; NaN and infinities are null, lone surrogates are U+FFFD.

    Raises:
        ValueError: It is no JSON.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        text = json.dumps(careless(body, _null), ensure_ascii=False)
    # Lone surrogates can stand in JSON, and not in a table.
    clean = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return json.loads(clean, parse_constant=_null)


def careless(body: bytes, constant: Callable[[str], Any] = float) -> Any:
    """Returns the value of what orjson does not take; an integer of over 20 digits is text.

    Args:
        body: JSON.
        constant: Makes a value of `NaN`, `Infinity` and `-Infinity`.

    Raises:
        ValueError: It is no JSON.
    """
    text = body.decode(json.detect_encoding(body))
    try:
        return json.loads(text, parse_int=_integer, parse_constant=constant)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _integer(digits: str) -> int | str:
    # int() refuses more than 4,300 digits; what is longer than 64 bits becomes text anyway.
    return int(digits) if len(digits) <= 20 else digits


def _null(_: str) -> None:
    return None
