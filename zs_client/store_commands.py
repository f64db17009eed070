"""The commands that tell how things stand: status, metrics, snapshots, diff, cache.

Of a store, and of what this machine keeps of one; rows of tables are in
`zs_client.reading_commands`.
"""

import argparse
import json
import sys
from collections.abc import Sized
from dataclasses import asdict
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
    """Print how each acorn stands."""
    from zs_client.registry import status
    from zs_client.user_tables import custom_tables

    url = store_url(given)
    acorns = status(url, given.version)
    custom_tables_there = custom_tables(url)
    night = next((acorn.night for acorn in acorns if acorn.night), None)
    if given.json:
        print(_status_json(acorns, custom_tables_there, night))
    else:
        for line in _acorn_lines(acorns):
            print(line)
        if custom_tables_there:
            print()
            for line in _custom_lines(custom_tables_there):
                print(line)
        if night:
            print(f"\nthe last night {night}" if _has_failed(night) else f"\n{night}")
    bad = [a for a in acorns if a.state != "fresh"]
    if bad:
        print(f"zs status: {len(bad)} of {len(acorns)} acorns are not fresh", file=sys.stderr)
    return NOT_ALL if bad or _has_failed(night) else 0


def _has_failed(night: str | None) -> bool:
    return bool(night and night.startswith("failed"))


def _status_json(
    acorns: "list[AcornStatus]", custom_tables_there: "list[CustomTable]", night: str | None
) -> str:
    """Returns the status as one JSON object; ages are in seconds, times are ISO 8601 in UTC."""
    states = {acorn.state for acorn in acorns}
    worst = next((state for state in ("missing", "stale") if state in states), "fresh")
    whole = night.partition(" ")[0] if night else worst
    told = {
        "state": whole,
        "night": night,
        "acorns": [asdict(acorn) for acorn in acorns],
        "custom_tables": [asdict(table) for table in custom_tables_there],
    }
    return json.dumps(told, ensure_ascii=False, indent=1, default=_plain)


def _plain(value: Any) -> Any:
    """Returns what JSON has for a time or a time span."""
    if isinstance(value, timedelta):
        return round(value.total_seconds(), 3)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return str(value)


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


def _custom_lines(custom_tables_there: "list[CustomTable]") -> list[str]:
    now = datetime.now(UTC)
    rows: list[tuple[str, ...]] = [("custom table", "rows", "size", "age")]
    rows += [
        (
            table.name,
            "-" if table.rows is None else f"{table.rows:,}",
            size(table.bytes),
            "-" if table.written_at is None else age(max(now - table.written_at, timedelta())),
        )
        for table in custom_tables_there
    ]
    return aligned(rows, range(1, 4))


def print_metrics(given: argparse.Namespace) -> int:
    """Print the metrics of a store, as Prometheus reads them."""
    from zs_client.metrics import text

    print(text(store_url(given), given.version), end="")
    return 0


def print_snapshots(given: argparse.Namespace) -> int:
    """Print the published states."""
    from zs_client.published import snapshots

    published = snapshots(store_url(given))
    rows: list[tuple[str, ...]] = [
        ("", "snapshot", "published", "version", "tables", "rows", "size")
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
        )
        for snapshot in published
    ]
    for line in aligned(rows, range(4, 7)):
        print(line)
    return 0


def print_diff(given: argparse.Namespace) -> int:
    """Print what differs between two published states."""
    from zs_client.comparison import diff

    url = store_url(given)
    if given.table is None:
        lines = _summary_lines(diff(given.before, given.after, store_url=url))
    else:
        lines = _diff_lines(diff(given.before, given.after, given.table, store_url=url))
    for line in lines:
        print(line)
    return 0


def _summary_lines(found: "pd.DataFrame") -> list[str]:
    rows: list[tuple[str, ...]] = [("table", "change", "rows before", "rows after", "files")]
    for line in found.astype(object).where(found.notna(), None).to_dict("records"):
        counts = [line[name] for name in ("rows_before", "rows_after")]
        files = [line[f"files_{word}"] for word in ("added", "removed", "changed")]
        rows.append(
            (
                line["table"],
                line["change"],
                *("-" if count is None else f"{count:,}" for count in counts),
                " ".join(f"{s}{n:,}" for s, n in zip("+-~", files, strict=True) if n),
            )
        )
    return aligned(rows, range(2, 4))


def _diff_lines(found: "TableDiff") -> list[str]:
    key = list(found.key)
    changed: dict[tuple[Any, ...], list[str]] = {}
    for line in found.changed.to_dict("records"):
        change = f"{line['column']} {_brief(line['before'])} → {_brief(line['after'])}"
        changed.setdefault(tuple(line[name] for name in key), []).append(change)
    counts = (len(found.added), len(found.removed), len(changed))
    lines = ["{}: {:,} added, {:,} removed, {:,} changed".format(found.table, *counts)]
    for sign, frame in (("+", found.added), ("-", found.removed)):
        shown = frame[key] if key else frame
        for line in shown.to_dict("records"):
            told = {name: _brief(value) for name, value in line.items()}
            values = [v if key else f"{k}={v}" for k, v in told.items() if key or v != _NULL]
            lines.append(f"{sign} {', '.join(values)}")
    lines += [
        f"~ {', '.join(map(_brief, row))}: {', '.join(told)}" for row, told in changed.items()
    ]
    return lines


def _brief(value: Any) -> str:
    """A value in few letters; a frame has NaN and NaT, which are not themselves, for null."""
    if value is None or (not isinstance(value, Sized) and value != value):  # noqa: PLR0124
        return _NULL
    text = str(value)
    return text if len(text) <= _BRIEF else f"{text[:_BRIEF]}…"


def print_cache(given: argparse.Namespace) -> int:
    """Print, or remove, what is kept on this machine."""
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
    used = sum(found.st_size for _, found in files)
    print(f"{cache.folder}: {size(used)} of {size(cache.size)}, {len(files):,} files")
    if not cache.writable():
        print("zs cache: nothing can be written there, so nothing is kept", file=sys.stderr)
        return NOT_ALL
    return 0
