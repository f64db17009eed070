"""The commands that report on a store or the local cache.

They are status, metrics, snapshots, diff, changes and cache.

Commands that print rows of tables are in `zs_client.reading_commands`.
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator, Sized
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from zs_client import report_rows
from zs_client.arguments import ERROR, NOT_ALL, store_url
from zs_client.printing import age, aligned, size
from zs_client.reading_commands import chosen_form, write, write_rows

if TYPE_CHECKING:
    import pandas as pd

    from zs_client.comparison import TableDiff
    from zs_client.registry import AcornStatus
    from zs_client.shadow import Difference, ShadowReport
    from zs_client.user_tables import CustomTable

_BRIEF, _NULL = 60, "null"
# What a person has to look at, and not a matter of how files are written.
_COUNTED = ("cells", "rows only there", "rows only here")


def print_status(given: argparse.Namespace) -> int:
    """Print the status of each acorn."""
    from zs_client.registry import status
    from zs_client.user_tables import custom_tables

    url = store_url(given)
    acorns = status(url, given.version)
    tables = custom_tables(url)
    night = next((acorn.night for acorn in acorns if acorn.night), None)
    if given.json:
        print(_status_json(acorns, tables, night))
    elif _is_for_programs(given):
        write_rows(report_rows.of_statuses(acorns), given.format)
    else:
        print(*_acorn_lines(acorns), sep="\n")
        if tables:
            print("", *_custom_lines(tables), sep="\n")
        if night:
            print(f"\nthe last night {night}" if _has_failed(night) else f"\n{night}")
    not_fresh = [a for a in acorns if a.state != "fresh"]
    if not_fresh:
        print(f"zs status: {len(not_fresh)} of {len(acorns)} acorns are not fresh", file=sys.stderr)
    return NOT_ALL if not_fresh or _has_failed(night) else 0


def _is_for_programs(given: argparse.Namespace) -> bool:
    # A table is text to read, also in a pipe.
    return given.format not in (None, "table") and chosen_form(given) == given.format


def _has_failed(night: str | None) -> bool:
    return bool(night and night.startswith("failed"))


def _status_json(
    acorns: "list[AcornStatus]", tables: "list[CustomTable]", night: str | None
) -> str:
    """Returns the status as one JSON object; ages are in seconds, times are ISO 8601 in UTC."""
    states = {acorn.state for acorn in acorns}
    worst = next((state for state in ("missing", "stale") if state in states), "fresh")
    status = {
        "state": night.partition(" ")[0] if night else worst,
        "night": night,
        "acorns": [asdict(acorn) for acorn in acorns],
        "custom_tables": [asdict(table) for table in tables],
    }
    return json.dumps(status, ensure_ascii=False, indent=1, default=_plain)


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


def print_metrics(given: argparse.Namespace) -> int:
    """Print the metrics of a store, as Prometheus reads them."""
    from zs_client.metrics import text

    print(text(store_url(given), given.version), end="")
    return 0


def print_snapshots(given: argparse.Namespace) -> int:
    """Print the published states."""
    from zs_client.published import snapshots

    published = snapshots(store_url(given))
    if _is_for_programs(given):
        write_rows(report_rows.of_snapshots(published), given.format)
        return 0
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
    """Print the differences between two published states, or from zombie-squirrel's tables."""
    from zs_client.comparison import diff

    url = store_url(given)
    if given.against is not None:
        return _print_shadow(given, url)
    if given.after is None:
        raise ValueError("two snapshots are needed, such as `zs diff ID now`; or --against URL")
    if given.table is None:
        summary = diff(given.before, given.after, store_url=url)
        if _is_for_programs(given):
            write_rows(report_rows.of_summary(summary), given.format)
        else:
            print(*_summary_lines(summary), sep="\n")
        return 0
    table_diff = diff(given.before, given.after, given.table, store_url=url)
    if _is_for_programs(given):
        write_rows(report_rows.of_diff(table_diff), given.format)
    else:
        print(*_diff_lines(table_diff), sep="\n")
    return 0


def print_changes(given: argparse.Namespace) -> int:
    """Print which data assets changed in which tables."""
    import pyarrow as pa

    from zs_client.changed_rows import changes

    animals = ... if given.subject is None else given.subject
    frame = changes(given.since, subject_id=animals, store_url=store_url(given))
    write(pa.Table.from_pandas(frame, preserve_index=False), given)
    if frame.empty:
        print(f"zs changes: nothing changed since {given.since}", file=sys.stderr)
    return 0


def _print_shadow(given: argparse.Namespace, url: str | None) -> int:
    """Print the report of a shadow run; its only positional word is a table."""
    from zs_client.shadow import as_rows, report

    if given.after is not None:
        raise ValueError("--against takes no snapshots, and one table at most")
    shadow = report(given.against, given.before, store_url=url)
    if given.format in (None, "table"):
        print(*_shadow_lines(shadow, brief=given.before is None), sep="\n")
        return 0
    write_rows(as_rows(shadow), chosen_form(given))
    return 0


def _shadow_lines(shadow: "ShadowReport", *, brief: bool) -> Iterator[str]:
    """Yields a report as lines to read; a brief one has one example of each difference."""
    yield f"there: {shadow.there}"
    yield f"here:  {shadow.here}, snapshot {shadow.snapshot}"
    counts: Counter[str] = Counter()
    for table in shadow.tables:
        there, here = (
            "none" if count is None else f"{count:,}"
            for count in (table.rows_there, table.rows_here)
        )
        yield ""
        line = f"{table.table}: {there} rows there, {here} here, {table.rows_in_both:,} in both"
        lost = table.rows_not_compared
        yield line + (f", {lost:,} not compared" if lost else "")
        for one in table.differences:
            if one.kind in _COUNTED:
                counts[one.cause.certainty] += one.count
            yield from _difference_lines(one, brief=brief)
    yield ""
    known, likely, unknown = (counts[name] for name in ("certain", "likely", "unknown"))
    lost = sum(table.rows_not_compared for table in shadow.tables)
    if lost:
        yield f"{lost:,} rows could not be compared: files there cannot be read"
    yield (
        f"{counts.total():,} cells and rows differ: of {known:,} the cause is certain, "
        f"of {likely:,} likely, of {unknown:,} unknown"
    )


def _difference_lines(one: "Difference", *, brief: bool) -> Iterator[str]:
    why = {"likely": f"likely {one.cause.text}", "unknown": "why is not known"}
    reason = why.get(one.cause.certainty, one.cause.text)
    if one.column and one.kind != "cells":
        sides = [one.examples[0].there, one.examples[0].here]
        types = " there, ".join(side for side in sides if side)
        yield f"  {one.kind}: {one.column}, {types}{' here' * all(sides)} ({reason})"
        return
    column = f"{one.column}: " if one.column else ""
    is_error = one.kind == "unreadable there"
    yield f"  {one.count:,} {one.kind}" + ("" if is_error else f": {column}{reason}")
    for example in one.examples[: 1 if brief else None]:
        sides = [example.there, example.here]
        values = " → ".join(side if side and is_error else _brief(side) for side in sides)
        key = example.key or "the file"
        has_values = one.kind == "cells" or is_error
        yield f"    {key}: {values}" if has_values else f"    {key}"


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
    from zs_client.place import local_cache

    try:
        cache = local_cache()
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
