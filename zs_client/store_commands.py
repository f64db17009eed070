"""The commands that report on a store or the local cache: status, snapshots, diff, cache.

Commands that print rows of tables are in `zs_client.reading_commands`.
"""

import argparse
import sys
from collections.abc import Sized
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from zs_client.arguments import ERROR, NOT_ALL, store_url
from zs_client.printing import age, aligned, size

if TYPE_CHECKING:
    import pandas as pd

    from zs_client.comparison import TableDiff
    from zs_client.registry import AcornStatus
    from zs_client.user_tables import CustomTable

_BRIEF, _NULL = 60, "null"


def print_status(given: argparse.Namespace) -> int:
    """Print the status of each acorn."""
    from zs_client.registry import status
    from zs_client.user_tables import custom_tables

    url = store_url(given)
    acorns = status(url, given.version)
    tables = custom_tables(url)
    print(*_acorn_lines(acorns), sep="\n")
    if tables:
        print("", *_custom_lines(tables), sep="\n")
    not_fresh = [a for a in acorns if a.state != "fresh"]
    if not_fresh:
        print(f"zs status: {len(not_fresh)} of {len(acorns)} acorns are not fresh", file=sys.stderr)
    return NOT_ALL if not_fresh else 0


def _acorn_lines(acorns: "list[AcornStatus]") -> list[str]:
    rows = [("acorn", "rows", "size", "partitions", "age", "state")]
    rows += [
        (
            acorn.name,
            "-" if acorn.rows is None else f"{acorn.rows:,}",
            "-" if acorn.bytes is None else size(acorn.bytes),
            "-" if acorn.partitions is None else f"{acorn.partitions:,}",
            "-" if acorn.age is None else age(acorn.age),
            f"{acorn.state}: {acorn.reason}" if acorn.reason else acorn.state,
        )
        for acorn in acorns
    ]
    return aligned(rows, range(1, 5))


def _custom_lines(tables: "list[CustomTable]") -> list[str]:
    now = datetime.now(UTC)
    rows: list[tuple[str, ...]] = [("custom table", "rows", "size", "age")]
    rows += [
        (
            table.name,
            "-" if table.rows is None else f"{table.rows:,}",
            size(table.bytes),
            "-" if table.written_at is None else age(max(now - table.written_at, timedelta())),
        )
        for table in tables
    ]
    return aligned(rows, range(1, 4))


def print_snapshots(given: argparse.Namespace) -> int:
    """Print the published states."""
    from zs_client.published import snapshots

    published = snapshots(store_url(given))
    rows: list[tuple[str, ...]] = [
        ("", "snapshot", "published", "version", "tables", "rows", "size", "name")
    ]
    rows += [
        (
            "*" if snapshot.current else "",
            snapshot.id,
            f"{snapshot.published_at:%Y-%m-%d %H:%M}",
            snapshot.version,
            f"{len(snapshot.tables):,}",
            f"{snapshot.rows:,}",
            size(snapshot.bytes),
            snapshot.name or "",
        )
        for snapshot in published
    ]
    print(*aligned(rows, range(4, 7)), sep="\n")
    return 0


def print_diff(given: argparse.Namespace) -> int:
    """Print the differences between two published states."""
    from zs_client.comparison import diff

    url = store_url(given)
    if given.table is None:
        lines = _summary_lines(diff(given.before, given.after, store_url=url))
    else:
        lines = _diff_lines(diff(given.before, given.after, given.table, store_url=url))
    print(*lines, sep="\n")
    return 0


def _summary_lines(summary: "pd.DataFrame") -> list[str]:
    rows: list[tuple[str, ...]] = [("table", "change", "rows before", "rows after", "files")]
    for line in summary.astype(object).where(summary.notna(), None).to_dict("records"):
        counts = [line[name] for name in ("rows_before", "rows_after")]
        before, after = ("-" if count is None else f"{count:,}" for count in counts)
        signs = {"+": "added", "-": "removed", "~": "changed"}
        numbers = {sign: line[f"files_{word}"] for sign, word in signs.items()}
        files = " ".join(f"{sign}{number:,}" for sign, number in numbers.items() if number)
        rows.append((line["table"], line["change"], before, after, files))
    return aligned(rows, range(2, 4))


def _diff_lines(table_diff: "TableDiff") -> list[str]:
    key = list(table_diff.key)
    changed: dict[tuple[Any, ...], list[str]] = {}
    for line in table_diff.changed.to_dict("records"):
        change = f"{line['column']} {_brief(line['before'])} → {_brief(line['after'])}"
        changed.setdefault(tuple(line[name] for name in key), []).append(change)
    counts = (len(table_diff.added), len(table_diff.removed), len(changed))
    lines = ["{}: {:,} added, {:,} removed, {:,} changed".format(table_diff.table, *counts)]
    for sign, frame in (("+", table_diff.added), ("-", table_diff.removed)):
        rows = frame[key] if key else frame
        for line in rows.to_dict("records"):
            cells = {name: _brief(value) for name, value in line.items()}
            values = [v if key else f"{k}={v}" for k, v in cells.items() if key or v != _NULL]
            lines.append(f"{sign} {', '.join(values)}")
    changes = (f"~ {', '.join(map(_brief, k))}: {', '.join(v)}" for k, v in changed.items())
    return [*lines, *changes]


def _brief(value: Any) -> str:
    """Returns a value as a short text; NaN and NaT, which differ from themselves, are null."""
    if value is None or (not isinstance(value, Sized) and value != value):  # noqa: PLR0124
        return _NULL
    text = str(value)
    return text if len(text) <= _BRIEF else f"{text[:_BRIEF]}…"


def print_cache(given: argparse.Namespace) -> int:
    """Print the size of the local cache, or clear it."""
    from zs_client.cache import from_environment

    try:
        cache = from_environment()
        if cache is None:
            print("The local cache is turned off, by ZS_CACHE or ZS_CACHE_SIZE.")
            return 0
        if given.clear:
            print(f"{cache.clear():,} files removed from {cache.folder}")
            return 0
        files = cache.files()
    except (OSError, ValueError) as error:
        print(f"zs cache: {error}", file=sys.stderr)
        return ERROR
    used_bytes = sum(status.st_size for _, status in files)
    print(f"{cache.folder}: {size(used_bytes)} of {size(cache.size)}, {len(files):,} files")
    if not cache.writable():
        print("zs cache: nothing can be written there, so nothing is kept", file=sys.stderr)
        return NOT_ALL
    return 0
