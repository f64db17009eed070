"""JSON of files: in any encoding of Unicode, with or without a byte order mark, with NaN or not.

Documents of a dump and side files are decoded here and nowhere else. What a value means, and what
an odd value becomes in a document, is not known here.
"""

import json
from collections.abc import Callable
from typing import Any

import orjson

_NATIVE = ("utf-8", "utf-8-sig")
# Bytes that tell the encoding: a mark and the widest character.
HEAD = 8
_BEGINS = frozenset("{[ \t\r\n")


def encoding_of(head: bytes) -> str | None:
    """Returns the encoding of a file from its first bytes; None for UTF-8 and for no JSON."""
    encoding = json.detect_encoding(head[:HEAD])
    first_character = head[:HEAD].decode(encoding, "replace")[:1]
    return encoding if encoding not in _NATIVE and first_character in _BEGINS else None


def read(body: bytes) -> Any:
    """Returns the value of a JSON text; NaN and infinities are null, lone surrogates U+FFFD.

    Raises:
        ValueError: The body is no JSON.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        text = json.dumps(careless(body, _null), ensure_ascii=False)
    # JSON can hold lone surrogates, a table cannot.
    clean = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return json.loads(clean, parse_constant=_null)


def careless(body: bytes, constant: Callable[[str], Any] = float) -> Any:
    """Returns the value of JSON that orjson refuses; an integer of over 20 digits is text.

    Args:
        body: JSON.
        constant: Makes a value of `NaN`, `Infinity` and `-Infinity`.

    Raises:
        ValueError: The body is no JSON.
    """
    text = body.decode(json.detect_encoding(body))
    try:
        return json.loads(text, parse_int=_integer, parse_constant=constant)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _integer(digits: str) -> int | str:
    # int() refuses more than 4,300 digits; an integer of over 64 bits becomes text anyway.
    return int(digits) if len(digits) <= 20 else digits


def _null(_: str) -> None:
    return None
