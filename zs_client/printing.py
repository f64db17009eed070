"""Formatting rows for a terminal, a pipe or a file: an aligned table, CSV, JSON or parquet.

Sizes and ages are formatted here too. `zs_client.reading_commands` reads the rows.
"""

import base64
import json
import unicodedata
from collections.abc import Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from zs_client import kinds

if TYPE_CHECKING:
    import pyarrow as pa

FORMS = ("table", "csv", "json", "parquet")
WIDEST = 60
_BOLD, _PLAIN = "\x1b[1m", "\x1b[0m"


def encoded(
    content: "pa.Table", form: str, *, colours: bool = False, widest: int = WIDEST
) -> bytes:
    """Returns the rows encoded in one of `FORMS`.

    Times are ISO 8601 in UTC. In CSV, null is an empty field and a list is JSON text. JSON is one
    array with an object for each row, each on a separate line. A table has one line for each row,
    with its cells cut at `widest` characters.
    """
    if form == "parquet":
        return _parquet(content)
    if form == "table":
        text = _table(content, colours, widest)
    else:
        text = _csv(content) if form == "csv" else _json(content)
    return text.encode("utf-8", "replace")


def _parquet(content: "pa.Table") -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    pq.write_table(content, sink, compression="zstd")
    return sink.getvalue().to_pybytes()  # type: ignore[no-any-return]


def _csv(content: "pa.Table") -> str:
    lines = [content.column_names]
    for batch in content.to_batches(max_chunksize=10_000):
        lines += [list(map(_cell, row)) for row in _rows(batch)]
    # The standard library's writer leaves a carriage return bare when lines end in a line feed.
    texts = (",".join(map(_field, line)) for line in lines)
    # Readers would skip a row whose only field is empty.
    return "".join(f"{text}\n" if text else '""\n' for text in texts)


def _field(text: str) -> str:
    bare = not any(c in text for c in '",\r\n')
    return text if bare else '"' + text.replace('"', '""') + '"'


def _json(content: "pa.Table") -> str:
    names = content.column_names
    lines = [
        json.dumps(dict(zip(names, row, strict=True)), ensure_ascii=False, default=_plain)
        for batch in content.to_batches(max_chunksize=10_000)
        for row in _rows(batch)
    ]
    return "[\n" + ",\n".join(lines) + "\n]\n" if lines else "[]\n"


def _table(content: "pa.Table", colours: bool, widest: int) -> str:  # noqa: FBT001
    head = tuple(_printable(name, widest) for name in content.column_names)
    cells = [tuple(_printable(_rounded(value), widest) for value in row) for row in _rows(content)]
    numbers = [index for index, field in enumerate(content.schema) if kinds.is_number(field.type)]
    lines = aligned([head, *cells], numbers)
    if colours:
        lines[0] = f"{_BOLD}{lines[0]}{_PLAIN}"
    return "\n".join(lines) + "\n"


def fitting(content: "pa.Table", width: int) -> "pa.Table":
    """Returns the first columns of a table, as many as fit in `width`, but at least one."""
    line_width, count = 0, 0
    for name in content.column_names:
        cells = [name, *map(_rounded, content[name].to_pylist(maps_as_pydicts="strict"))]
        line_width += max(_width(_printable(cell, WIDEST)) for cell in cells) + 2
        if count and line_width - 2 > width:
            break
        count += 1
    return content.select(content.column_names[:count])


def aligned(rows: Sequence[Sequence[str]], numbers: Sequence[int]) -> list[str]:
    """Returns one line for each row of cells; the columns in `numbers` are aligned right."""
    widths = [max(map(_width, column)) for column in zip(*rows, strict=True)]

    def padded(index: int, cell: str) -> str:
        padding = " " * (widths[index] - _width(cell))
        return padding + cell if index in numbers else cell + padding

    return ["  ".join(padded(*cell) for cell in enumerate(row)).rstrip() for row in rows]


def _rows(content: Any) -> list[tuple[Any, ...]]:
    columns = [column.to_pylist(maps_as_pydicts="strict") for column in content.columns]
    return list(zip(*columns, strict=True))


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False, default=_plain)
    if isinstance(value, bool):
        return str(value).lower()
    return str(_plain(value))


def _plain(value: Any) -> Any:
    """Returns a value that JSON can hold, in place of a date, bytes or another object."""
    if isinstance(value, date):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return str(value) if not isinstance(value, int | float) else value


def _rounded(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else _cell(value)


def _printable(text: str, widest: int) -> str:
    """Returns a text in one line without control characters, cut when it is long."""
    if not text.isprintable():
        text = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)
    return text if len(text) <= widest else f"{text[: widest - 1]}…"


def _width(text: str) -> int:
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in text)
    return len(text) + wide - sum(bool(unicodedata.combining(c)) for c in text)


def size(count: int) -> str:
    """Returns a number of bytes as text: `512 B`, `1.5 KB`, in steps of 1,000."""
    amount = float(count)
    for unit in ("B", "KB", "MB", "GB"):
        if amount < 999.5:
            return f"{count} B" if unit == "B" else f"{amount:.3g} {unit}"
        amount /= 1000
    return f"{amount:.3g} TB"


def age(since: timedelta) -> str:
    """Returns a time span as text in its largest unit: `40 s`, `12 min`, `5 h`, `3 d`."""
    seconds = int(since.total_seconds())
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"
