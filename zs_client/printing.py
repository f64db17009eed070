"""Rows for a terminal, a pipe or a file: an aligned table, CSV, JSON or parquet; sizes and ages.

Which rows they are is not known here (`zs_client.reading_commands`).
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
    """The rows in one of `FORMS`.

    Times are ISO 8601 in UTC. In CSV null is an empty field, and a list is JSON text; JSON is one
    array with an object for each row, each on a line of its own. A table has one line for each
    row, its cells cut at `widest` characters.
    """
    if form == "parquet":
        return _parquet(content)
    made = {"table": lambda: _table(content, colours, widest), "csv": lambda: _csv(content)}
    return made.get(form, lambda: _json(content))().encode("utf-8", "replace")


def _parquet(content: "pa.Table") -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    pq.write_table(content, sink, compression="zstd")
    body: bytes = sink.getvalue().to_pybytes()
    return body


def _csv(content: "pa.Table") -> str:
    lines = [content.column_names]
    for batch in content.to_batches(max_chunksize=10_000):
        lines += [list(map(_cell, row)) for row in _rows(batch)]
    # The standard library's writer leaves a carriage return bare when lines end in a line feed.
    texts = (",".join(map(_field, line)) for line in lines)
    # A line of one empty field would be no row.
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
    head = tuple(_shown(name, widest) for name in content.column_names)
    cells = [tuple(_shown(_rounded(value), widest) for value in row) for row in _rows(content)]
    numbers = [place for place, field in enumerate(content.schema) if kinds.is_number(field.type)]
    lines = aligned([head, *cells], numbers)
    if colours:
        lines[0] = f"{_BOLD}{lines[0]}{_PLAIN}"
    return "\n".join(lines) + "\n"


def fitting(content: "pa.Table", width: int) -> "pa.Table":
    """The first columns of a table, as many as fit on lines of that width; one at least."""
    used, kept = 0, 0
    for name in content.column_names:
        cells = [name, *map(_rounded, content[name].to_pylist(maps_as_pydicts="strict"))]
        used += max(_width(_shown(cell, WIDEST)) for cell in cells) + 2
        if kept and used - 2 > width:
            break
        kept += 1
    return content.select(content.column_names[:kept])


def aligned(rows: Sequence[Sequence[str]], numbers: Sequence[int]) -> list[str]:
    """Rows of cells as lines, those of some columns at the right of it."""
    widths = [max(map(_width, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            f"{' ' * (width - _width(cell))}{cell}"
            if place in numbers
            else f"{cell}{' ' * (width - _width(cell))}"
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


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
    """What JSON has no value for."""
    if isinstance(value, date):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return str(value) if not isinstance(value, int | float) else value


def _rounded(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else _cell(value)


def _shown(text: str, widest: int) -> str:
    """A text of one line that leaves the terminal as it is, cut when it is long."""
    if not text.isprintable():
        text = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)
    return text if len(text) <= widest else f"{text[: widest - 1]}…"


def _width(text: str) -> int:
    """The columns of a terminal that a text takes."""
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in text)
    return len(text) + wide - sum(bool(unicodedata.combining(c)) for c in text)


def size(count: int) -> str:
    """Returns bytes for a person: `512 B`, `1.5 KB`, in steps of 1,000."""
    amount = float(count)
    for unit in ("B", "KB", "MB", "GB"):
        if amount < 999.5:
            return f"{count} B" if unit == "B" else f"{amount:.3g} {unit}"
        amount /= 1000
    return f"{amount:.3g} TB"


def age(since: timedelta) -> str:
    """Returns a time span for a person, in its largest unit: `40 s`, `12 min`, `5 h`, `3 d`."""
    seconds = int(since.total_seconds())
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"
