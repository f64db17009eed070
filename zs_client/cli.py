"""The command line, `zs`: most commands ask the client, `build` hands over to the pipeline.

What they do is in the modules of `zs_client` and in `zs_pipeline.build`, how rows look in
`zs_client.printing`; here are words, columns and exit codes only.
"""

import argparse
import errno
import os
import shutil
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence, Sized
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zs_client.contract import ROOT, __version__
from zs_client.masking import masked
from zs_client.printing import FORMS, WIDEST, aligned, encoded, fitting

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from zs_client.comparison import TableDiff
    from zs_client.customs import CustomTable
    from zs_client.registry import AcornStatus
    from zs_client.store import Store

_NOT_ALL, _ERROR, _INTERRUPTED, _NOBODY_READS = 1, 2, 130, 141
# So many rows are shown on a terminal unless told otherwise.
_SCREEN = 20
_LINE = 240
_SHELLS = ("bash", "zsh", "fish")
_BRIEF, _NULL = 60, "null"


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: The words after `zs`; those of the process when None.

    Returns:
        0 when all is well, 1 when an acorn is missing, stale or failed, or nothing can be kept on
        this machine, 2 when nothing could be done, 130 when interrupted, 141 when nobody reads what
        is written.
    """
    given = _parser().parse_args(argv)
    given.own_process = argv is None
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115 - until the end
    if sys.stdout is None:
        print("zs: there is nowhere to write to: standard output is closed", file=sys.stderr)
        return _ERROR
    for stream in (sys.stdout, sys.stderr):
        # A pipe of another encoding gets a mark for what it has no letter for.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _warn  # type: ignore[assignment]
            warnings.simplefilter("default")
            code: int = given.run(given)
            sys.stdout.flush()
    except KeyboardInterrupt:
        print("zs: interrupted", file=sys.stderr, flush=True)
        if given.own_process:
            # Python would wait for threads that wait for a server.
            os._exit(_INTERRUPTED)
        return _INTERRUPTED
    except OSError as error:
        # Python would flush, and fail, once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        # Windows says so of a pipe that nobody reads.
        is_pipe = os.name == "nt" and error.errno == errno.EINVAL
        if is_pipe or isinstance(error, BrokenPipeError):
            return _NOBODY_READS
        said = masked(str(error.strerror or error))
        print(f"zs: could not be written or read: {said}", file=sys.stderr)
        return _ERROR
    return code


def _warn(message: Warning | str, *_: Any) -> None:
    print(f"zs: {message}", file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="zs", description="Small, fast tables made from the metadata of data assets."
    )
    parser.add_argument("--version", action="version", version=f"zs {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_reading(commands)
    status = commands.add_parser(
        "status",
        help="show how each acorn stands",
        description="Show how each acorn stands. Exit code 1 when one is stale or missing.",
    )
    _place_options(status)
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


def _add_reading(commands: Any) -> None:
    """The commands that read tables."""
    show = commands.add_parser(
        "show",
        help="show rows of a table",
        description="Show rows of a table: aligned on a terminal, as CSV in a pipe.",
        epilog="zs show asset_basics --where project_name='Brain wide' --columns name,age",
    )
    show.add_argument("table", metavar="TABLE", help="a table, such as asset_basics or qc")
    show.add_argument(
        "--where",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="only rows with this value; any argument of the table's function, such as subject_id, "
        "name_contains or acquired_after. Given twice for one name: either value",
    )
    show.add_argument("--columns", metavar="A,B", help="only these, in this order")
    show.add_argument(
        "--limit", metavar="N", type=int, help=f"rows (default: all, on a terminal {_SCREEN})"
    )
    show.set_defaults(run=_refusing("show", _show))

    sql = commands.add_parser(
        "sql",
        help="answer a SELECT over the tables (needs the extra sql)",
        description="Answer one SELECT over the tables, in DuckDB's SQL. Needs the extra sql.",
    )
    sql.add_argument("query", metavar="SELECT", help="such as 'select count(*) from asset_basics'")
    sql.set_defaults(run=_refusing("sql", _sql))

    describe = commands.add_parser(
        "describe",
        help="tell what the columns of a table mean",
        description="Tell the columns of a table: type, meaning, share of nulls, examples.",
    )
    describe.add_argument("table", metavar="TABLE")
    describe.set_defaults(run=_refusing("describe", _describe))

    explain = commands.add_parser(
        "explain",
        help="tell what one value was made from",
        description="Tell what one value of a data asset was made from: the document's values, the "
        "rule, what was chosen, the code.",
        epilog="zs explain behavior_901019_2026-01-05_10-00-00 asset_basics.age",
    )
    explain.add_argument("name", metavar="NAME", help="the data asset's name, or an _id")
    explain.add_argument("column", metavar="COLUMN", help="table.column, such as asset_basics.age")
    explain.set_defaults(run=_refusing("explain", _explain))

    derived = commands.add_parser(
        "derived",
        help="list what was derived from a data asset",
        description="List the data assets that were derived from a raw one, a line for each.",
    )
    derived.add_argument("name", metavar="NAME", help="the raw data asset's name")
    derived.add_argument("--modality", metavar="M", help="only those of this modality")
    derived.add_argument("--latest", action="store_true", help="only the newest of each pipeline")
    derived.set_defaults(run=_refusing("derived", _derived))
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
    plot.set_defaults(run=_refusing("plot", _plot))
    for command in (show, sql, describe, explain, derived, plot):
        _place_options(command)
        command.add_argument(
            "--snapshot", metavar="ID", help="as it was published then (default: ZS_SNAPSHOT)"
        )
        command.add_argument(
            "--offline",
            action="store_true",
            default=None,
            help="send nothing, read what is kept (default: ZS_OFFLINE)",
        )
    for command in (show, sql, describe, explain):
        command.add_argument(
            "--format", choices=FORMS, help="default: table on a terminal, else csv"
        )

    completion = commands.add_parser(
        "completion",
        help="print a script that completes words in a shell",
        description="Print a script that completes words: source <(zs completion bash)",
    )
    completion.add_argument("shell", choices=_SHELLS)
    completion.set_defaults(run=_completion)


def _add_published(commands: Any) -> None:
    """The commands about published states, and about what is kept on this machine."""
    snapshots = commands.add_parser(
        "snapshots",
        help="list the published states",
        description="List the published states, the latest first. * is what is published now.",
    )
    snapshots.set_defaults(run=_refusing("snapshots", _snapshots))
    diff = commands.add_parser(
        "diff",
        help="show what differs between two published states",
        description="Show what differs between two published states: in each table, or the rows "
        "of one.",
    )
    diff.add_argument("before", metavar="A", help="the earlier one, an id of `zs snapshots`")
    diff.add_argument("after", metavar="B", help="the later one, or now")
    diff.add_argument("table", metavar="TABLE", nargs="?", help="the rows of this table")
    diff.set_defaults(run=_refusing("diff", _diff))
    for command in (snapshots, diff):
        command.add_argument("--store", metavar="URL", help="as of `zs status`")
    doctor = commands.add_parser(
        "doctor",
        help="look whether all that is needed is as it must be",
        description="Look whether store, server, credentials, permissions, source and history are "
        "as they must be. Exit code 1 when something is not.",
    )
    doctor.add_argument("--write", action="store_true", help="try to write one small file as well")
    doctor.add_argument("--source", metavar="URL", help="as of `zs build`")
    _place_options(doctor)
    doctor.set_defaults(run=_doctor)
    cache = commands.add_parser(
        "cache",
        help="show what is kept on this machine",
        description="Show what is kept on this machine of tables on S3, and how large it is.",
    )
    cache.add_argument("--clear", action="store_true", help="remove it")
    cache.set_defaults(run=_cache)


def _place_options(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--store",
        metavar="URL",
        help="s3://bucket, or the folder that holds data-asset-cache (default: ZS_STORE, else the "
        "current folder when it holds one, else the public bucket)",
    )
    command.add_argument("--version", metavar="V", help="default: ZS_VERSION, else this package's")


def _url(given: argparse.Namespace) -> str | None:
    return given.store or os.environ.get("ZS_STORE") or ("." if Path(ROOT).is_dir() else None)


def _place(given: argparse.Namespace) -> "tuple[Store, str]":
    from zs_client.read import place, reading

    with reading(snapshot=given.snapshot, offline=given.offline):
        return place(_url(given), given.version)


def _refusing(
    command: str, run: Callable[[argparse.Namespace], int]
) -> Callable[[argparse.Namespace], int]:
    """A command whose refusals are a line on stderr and exit code 2."""

    def refusing(given: argparse.Namespace) -> int:
        from zs_client.read import AcornNotFound, ReadError
        from zs_client.store import StoreError

        try:
            return run(given)
        except (
            *(StoreError, AcornNotFound, ReadError),
            *(ValueError, TypeError, ImportError),
        ) as error:
            print(f"zs {command}: {error}", file=sys.stderr)
            return _ERROR

    return refusing


def _show(given: argparse.Namespace) -> int:
    from zs_client import read
    from zs_client.acorns import wish

    words: dict[str, Any] = {}
    for each in given.where:
        name, equals, value = each.partition("=")
        if not equals:
            raise ValueError(f"--where {each}: write NAME=VALUE, such as subject_id=828418")
        if name in ("columns", "limit", "others", "lazy", "snapshot", "offline"):
            raise ValueError(f"--where {each}: there is no filter {name!r}")
        words.setdefault(name, []).append(value)
    # Borders and parts of a text are one value.
    words = {name: found[0] if len(found) == 1 else found for name, found in words.items()}
    columns = None if given.columns is None else [c.strip() for c in given.columns.split(",")]
    form, limit = _form(given), given.limit
    screen = form == "table" and sys.stdout.isatty() and limit is None
    wanted = {**words, "columns": columns, "limit": _SCREEN + 1 if screen else limit}
    at = _place(given)
    content = read.rows(wish(given.table, wanted, at), at)
    shown = content.slice(0, _SCREEN) if screen else content
    if form == "table" and sys.stdout.isatty() and columns is None:
        shown = fitting(shown, shutil.get_terminal_size().columns)
    _write(shown, form)
    left = [name for name in content.column_names if name not in shown.column_names]
    if left:
        print(
            f"zs show: {len(left)} columns more: {', '.join(left)}; --columns chooses",
            file=sys.stderr,
        )
    if screen and content.num_rows > _SCREEN:
        print(
            f"zs show: the first {_SCREEN} rows; --limit takes another number, --format csv all",
            file=sys.stderr,
        )
    return 0


def _sql(given: argparse.Namespace) -> int:
    from zs_client.query import answer

    _write(answer(given.query, at=_place(given)), _form(given))
    return 0


def _describe(given: argparse.Namespace) -> int:
    from zs_client.registry import described

    # What a column means is what was asked for.
    _write(described(given.table, _place(given)), _form(given), widest=_LINE)
    return 0


def _explain(given: argparse.Namespace) -> int:
    from zs_client.explanation import explained
    from zs_client.read import present, reading

    with reading(offline=given.offline):
        now = present(_url(given), given.version)[0]
    found = explained(given.name, given.column, _place(given), now)
    _write(found, _form(given), widest=_LINE)
    return 0


def _derived(given: argparse.Namespace) -> int:
    from zs_client.lineage import derived

    found = derived([given.name], given.modality, latest=given.latest, at=_place(given))
    for name in found[given.name]:
        print(name)
    return 0


def _completion(given: argparse.Namespace) -> int:
    from zs_client.completion import script

    print(script(given.shell, _parser()), end="")
    return 0


def _form(given: argparse.Namespace) -> str:
    form: str = given.format or ("table" if sys.stdout.isatty() else "csv")
    if form == "parquet" and sys.stdout.isatty():
        raise ValueError("parquet is nothing to read on a terminal; write it to a file with >")
    return form


def _write(content: "pa.Table", form: str, *, widest: int = WIDEST) -> None:
    colours = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    colours = colours and os.environ.get("TERM") != "dumb"
    body = encoded(content, form, colours=colours, widest=widest)
    sys.stdout.flush()
    sys.stdout.buffer.write(body)
    sys.stdout.flush()


def _status(given: argparse.Namespace) -> int:
    from zs_client.customs import custom_tables
    from zs_client.read import AcornNotFound, ReadError
    from zs_client.registry import status
    from zs_client.store import StoreError

    url = _url(given)
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

    of_subject = {"qc": plots.plot_qc, "foraging": plots.plot_foraging}.get(given.picture)
    if Path(given.output).suffix.lower() not in (".png", ".svg", ".pdf"):
        raise ValueError(f"-o {given.output}: its end is none of .png, .svg and .pdf")
    if (of_subject is None) != (given.subject is None):
        says = "takes no subject" if of_subject is None else "needs a subject"
        raise ValueError(f"{given.picture} {says}")
    with _reading_as(given):
        figure = of_subject(given.subject) if of_subject else plots.plot_projects()
    try:
        figure.savefig(given.output, dpi=150)
    except OSError as error:
        raise ValueError(f"-o {given.output}: it could not be written: {error}") from error
    return 0


@contextmanager
def _reading_as(given: argparse.Namespace) -> Iterator[None]:
    """The functions, which know of no options, read what the command was given."""
    from zs_client.read import reading

    wanted = {"ZS_STORE": _url(given), "ZS_VERSION": given.version}
    former = {name: os.environ.get(name) for name in wanted}
    try:
        os.environ.update({name: value for name, value in wanted.items() if value})
        with reading(snapshot=given.snapshot, offline=given.offline):
            yield
    finally:
        for name, value in former.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def _doctor(given: argparse.Namespace) -> int:
    from zs_client.doctor import NOT_TRIED, WRONG, Finding, findings

    found = findings(_url(given), given.version, write=given.write)
    try:
        from zs_pipeline.doctor import findings as of_builds

        found += of_builds(given.source or "")
    except ImportError:
        said = "the pipeline is not installed, and reading does not need it"
        found += [Finding(what, NOT_TRIED, said) for what in ("source", "history")]
    rows = [(one.what, one.state, one.said) for one in found]
    for line in aligned([("what", "state", "found"), *rows], ()):
        print(line)
    return _NOT_ALL if any(one.state == WRONG for one in found) else 0


def _build(given: argparse.Namespace) -> int:
    try:
        from zs_pipeline import memory

        if given.own_process:
            memory.own_process()
        with memory.freeze_imports():
            from zs_pipeline.build import main as build
        memory.without_pandas()
    except ImportError as error:
        print(
            f"zs build: the pipeline cannot be imported ({error}); install it with "
            "pip install 'data-asset-cache[pipeline]'",
            file=sys.stderr,
        )
        return _ERROR
    except OSError as error:
        if error.errno != errno.EMFILE:
            raise
        print(
            f"zs build: {error.strerror}: raise the limit, as with `ulimit -n 1024`",
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

    found = snapshots(_url(given))
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
    for line in aligned(rows, range(4, 7)):
        print(line)
    return 0


def _diff(given: argparse.Namespace) -> int:
    from zs_client.comparison import diff

    url = _url(given)
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
    return aligned(rows, range(1, 5))


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
    return aligned(rows, range(1, 4))


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
