"""The command line, `zs`: `build` hands over to the pipeline, the others ask the client.

What they do is in `zs_client.registry`, `zs_client.published`, `zs_client.cache` and
`zs_pipeline.build`; here are words, columns and exit codes only.
"""

import argparse
import os
import sys
from collections.abc import Sequence, Sized
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zs_client.contract import ROOT, __version__

if TYPE_CHECKING:
    import pandas as pd

    from zs_client.customs import CustomTable
    from zs_client.published import TableDiff
    from zs_client.registry import AcornStatus

_BRIEF, _NULL = 60, "null"
_NOT_ALL, _ERROR, _INTERRUPTED = 1, 2, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: The words after `zs`; those of the process when None.

    Returns:
        0 when all is well, 1 when an acorn is missing, stale or failed, or nothing can be kept on
        this machine, 2 when nothing could be done, 130 when interrupted.
    """
    given = _parser().parse_args(argv)
    try:
        code: int = given.run(given)
    except KeyboardInterrupt:
        print("zs: interrupted", file=sys.stderr)
        return _INTERRUPTED
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="zs", description="Small, fast tables made from the metadata of data assets."
    )
    parser.add_argument("--version", action="version", version=f"zs {__version__}")
    commands = parser.add_subparsers(required=True, metavar="{status,build,snapshots,diff,cache}")

    status = commands.add_parser(
        "status",
        help="show how each acorn stands",
        description="Show how each acorn stands. Exit code 1 when one is stale or missing.",
    )
    status.add_argument(
        "--store",
        metavar="URL",
        help="s3://bucket, or the folder that holds data-asset-cache (default: ZS_STORE, else the "
        "current folder when it holds one, else the public bucket)",
    )
    status.add_argument("--version", metavar="V", help="default: ZS_VERSION, else this package's")
    status.set_defaults(run=_status)

    build = commands.add_parser(
        "build",
        help="build the acorns",
        description="Build the acorns. Exit code 1 when one failed.",
    )
    build.add_argument(
        "--source",
        metavar="URL",
        help="a dump, mongodb://… or https://… (default: ZS_SOURCE, else the sample)",
    )
    build.add_argument(
        "--store",
        metavar="URL",
        help="s3://bucket or a folder (default: ZS_STORE, else the current folder)",
    )
    build.add_argument(
        "--files",
        metavar="URL",
        help="where the buckets of side files are (default: ZS_FILES, else the sample's or S3)",
    )
    build.add_argument(
        "--select", metavar="A,B", default="", help="only these acorns and what they are made from"
    )
    build.add_argument(
        "--subject",
        metavar="ID",
        nargs="+",
        action="extend",
        default=[],
        help="of acorns by subject only these, whether they changed or not",
    )
    build.add_argument(
        "--accept-shrink", action="store_true", help="accept a table that lost more than it may"
    )
    build.set_defaults(run=_build)
    _add_published(commands)
    return parser


def _add_published(commands: Any) -> None:
    """The commands about published states, and about what is kept on this machine."""
    snapshots = commands.add_parser(
        "snapshots",
        help="list the published states",
        description="List the published states, the latest first. * is what is published now.",
    )
    snapshots.set_defaults(run=_snapshots)
    diff = commands.add_parser(
        "diff",
        help="show what differs between two published states",
        description="Show what differs between two published states: in each table, or the rows "
        "of one.",
    )
    diff.add_argument("before", metavar="A", help="the earlier one, an id of `zs snapshots`")
    diff.add_argument("after", metavar="B", help="the later one, or now")
    diff.add_argument("table", metavar="TABLE", nargs="?", help="the rows of this table")
    diff.set_defaults(run=_diff)
    for command in (snapshots, diff):
        command.add_argument("--store", metavar="URL", help="as of `zs status`")
    cache = commands.add_parser(
        "cache",
        help="show what is kept on this machine",
        description="Show what is kept on this machine of tables on S3, and how large it is.",
    )
    cache.add_argument("--clear", action="store_true", help="remove it")
    cache.set_defaults(run=_cache)


def _store(given: argparse.Namespace) -> str | None:
    return given.store or os.environ.get("ZS_STORE") or ("." if Path(ROOT).is_dir() else None)


def _status(given: argparse.Namespace) -> int:
    from zs_client.customs import custom_tables
    from zs_client.read import AcornNotFound, ReadError
    from zs_client.registry import status
    from zs_client.store import StoreError

    url = _store(given)
    try:
        acorns = status(url, given.version)
        customs = custom_tables(url)
    except (StoreError, ValueError, AcornNotFound, ReadError) as error:
        print(f"zs status: {error}", file=sys.stderr)
        return _ERROR
    for line in _lines([("acorn", "rows", "size", "partitions", "age", "state")], acorns):
        print(line)
    if customs:
        print()
        for line in _custom_lines(customs):
            print(line)
    bad = [a for a in acorns if a.state != "fresh"]
    if bad:
        print(f"zs status: {len(bad)} of {len(acorns)} acorns are not fresh", file=sys.stderr)
    return _NOT_ALL if bad else 0


def _build(given: argparse.Namespace) -> int:
    try:
        from zs_pipeline.build import main as build
    except ImportError as error:
        print(
            f"zs build: the pipeline cannot be imported ({error}); install it with "
            "pip install '.[pipeline]' in a checkout",
            file=sys.stderr,
        )
        return _ERROR
    return build(
        source=given.source,
        store=given.store,
        files=given.files,
        select=[name.strip() for name in given.select.split(",") if name.strip()],
        subjects=given.subject,
        accept_shrink=given.accept_shrink,
    )


def _snapshots(given: argparse.Namespace) -> int:
    from zs_client.published import snapshots
    from zs_client.read import ReadError
    from zs_client.store import StoreError

    try:
        found = snapshots(_store(given))
    except (StoreError, ValueError, ReadError) as error:
        print(f"zs snapshots: {error}", file=sys.stderr)
        return _ERROR
    rows: list[tuple[str, ...]] = [
        ("", "snapshot", "published", "version", "tables", "rows", "size")
    ]
    rows += [
        (
            "*" if one.current else "",
            one.id,
            f"{one.published_at:%Y-%m-%d %H:%M}",
            one.version,
            f"{len(one.tables):,}",
            f"{one.rows:,}",
            size(one.bytes),
        )
        for one in found
    ]
    for line in _aligned(rows, range(4, 7)):
        print(line)
    return 0


def _diff(given: argparse.Namespace) -> int:
    from zs_client.published import diff
    from zs_client.read import AcornNotFound, ReadError
    from zs_client.store import StoreError

    url = _store(given)
    try:
        if given.table is None:
            lines = _summary_lines(diff(given.before, given.after, store_url=url))
        else:
            lines = _diff_lines(diff(given.before, given.after, given.table, store_url=url))
    except (StoreError, ValueError, AcornNotFound, ReadError) as error:
        print(f"zs diff: {error}", file=sys.stderr)
        return _ERROR
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
    return _aligned(rows, range(2, 4))


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


def _cache(given: argparse.Namespace) -> int:
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
        return _ERROR
    used = sum(found.st_size for _, found in files)
    print(f"{cache.folder}: {size(used)} of {size(cache.size)}, {len(files):,} files")
    if not cache.writable():
        print("zs cache: nothing can be written there, so nothing is kept", file=sys.stderr)
        return _NOT_ALL
    return 0


def _lines(head: list[tuple[str, ...]], acorns: "list[AcornStatus]") -> list[str]:
    rows = head + [
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
    return _aligned(rows, range(1, 5))


def _custom_lines(customs: "list[CustomTable]") -> list[str]:
    now = datetime.now(UTC)
    rows: list[tuple[str, ...]] = [("custom table", "rows", "size", "age")]
    rows += [
        (
            table.name,
            "-" if table.rows is None else f"{table.rows:,}",
            size(table.bytes),
            "-" if table.written_at is None else age(max(now - table.written_at, timedelta())),
        )
        for table in customs
    ]
    return _aligned(rows, range(1, 4))


def _aligned(rows: list[tuple[str, ...]], numbers: range) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if place in numbers else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def size(count: int) -> str:
    """Bytes for a person: `512 B`, `1.5 KB`, in steps of 1,000."""
    amount = float(count)
    for unit in ("B", "KB", "MB", "GB"):
        if amount < 999.5:
            return f"{count} B" if unit == "B" else f"{amount:.3g} {unit}"
        amount /= 1000
    return f"{amount:.3g} TB"


def age(since: timedelta) -> str:
    """A time span for a person, in its largest unit: `40 s`, `12 min`, `5 h`, `3 d`."""
    seconds = int(since.total_seconds())
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"


if __name__ == "__main__":
    sys.exit(main())
