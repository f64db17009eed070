"""The command line, `zs`: `status` and `plot` ask the client, `build` hands over to the pipeline.

What they do is in `zs_client.registry`, `zs_client.plots` and `zs_pipeline.build`; here are words,
columns and exit codes only.
"""

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from zs_client.contract import ROOT, __version__

if TYPE_CHECKING:
    from zs_client.customs import CustomTable
    from zs_client.registry import AcornStatus

_NOT_ALL, _ERROR, _INTERRUPTED = 1, 2, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: The words after `zs`; those of the process when None.

    Returns:
        0 when all is well, 1 when an acorn is missing, stale or failed, 2 when nothing could be
        done, 130 when interrupted.
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
    commands = parser.add_subparsers(required=True, metavar="{status,plot,build}")

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

    plot = commands.add_parser(
        "plot",
        help="draw a picture (needs the extra plot)",
        description="Draw a picture of QC, of projects or of foraging. Needs the extra plot.",
        epilog="zs plot qc 828418 -o qc.png",
    )
    plot.add_argument("picture", choices=("qc", "projects", "foraging"))
    plot.add_argument("subject", nargs="?", metavar="SUBJECT", help="for qc and foraging")
    plot.add_argument(
        "-o", "--output", metavar="FILE", required=True, help="ends in .png, .svg or .pdf"
    )
    plot.add_argument("--store", metavar="URL", help="as for status")
    plot.set_defaults(run=_plot)

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
    return parser


def _status(given: argparse.Namespace) -> int:
    from zs_client.customs import custom_tables
    from zs_client.read import AcornNotFound, ReadError
    from zs_client.registry import status
    from zs_client.store import StoreError

    url = given.store or os.environ.get("ZS_STORE") or ("." if Path(ROOT).is_dir() else None)
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


def _plot(given: argparse.Namespace) -> int:
    from zs_client import plots
    from zs_client.read import AcornNotFound, ReadError
    from zs_client.store import StoreError

    of_subject = {"qc": plots.plot_qc, "foraging": plots.plot_foraging}.get(given.picture)
    try:
        if Path(given.output).suffix.lower() not in (".png", ".svg", ".pdf"):
            raise ValueError(f"-o {given.output}: its end is none of .png, .svg and .pdf")  # noqa: TRY301
        if (of_subject is None) != (given.subject is None):
            says = "takes no subject" if of_subject is None else "needs a subject"
            raise ValueError(f"{given.picture} {says}")  # noqa: TRY301
        with _reading_from(given.store):
            figure = of_subject(given.subject) if of_subject else plots.plot_projects()
        figure.savefig(given.output, dpi=150)
    except (StoreError, AcornNotFound, ReadError, ValueError, ImportError, OSError) as error:
        print(f"zs plot: {error}", file=sys.stderr)
        return _ERROR
    return 0


@contextmanager
def _reading_from(url: str | None) -> Iterator[None]:
    """The functions read the store that the command was given, or the current folder's."""
    former = os.environ.get("ZS_STORE")
    url = url or former or ("." if Path(ROOT).is_dir() else None)
    try:
        if url:
            os.environ["ZS_STORE"] = url
        yield
    finally:
        os.environ.pop("ZS_STORE", None)
        if former is not None:
            os.environ["ZS_STORE"] = former


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
