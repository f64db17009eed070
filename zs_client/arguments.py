"""The words of `zs`: its commands, their options, their store, and the exit codes.

The commands' functions are in `zs_client.reading_commands`, `zs_client.store_commands` and
`zs_client.pipeline_commands`.
"""

import argparse
import os
from pathlib import Path
from typing import Any

from zs_client.contract import ROOT, __version__
from zs_client.place import Place
from zs_client.printing import FORMS

NOT_ALL, ERROR, INTERRUPTED, NOBODY_READS = 1, 2, 130, 141
# The rows that a terminal shows without --limit.
SCREEN_ROWS = 20
SHELLS = ("bash", "zsh", "fish")
_TO_READ = "default: table, which is text to read"
_AS_SHOW = "default: table on a terminal, else csv"
# Pictures by whether they need a subject, take none, or may have a subject or a platform.
OF_SUBJECT, OF_ALL = ("qc", "animal", "foraging"), ("projects", "growth")
OF_SOME = ("qc-over-time", "curriculum")
_PERIODS = {"nightly": "nights", "weekly": "weeks"}


def parser() -> argparse.ArgumentParser:
    """Returns the parser of all words after `zs`; `command` is the first of them."""
    words = argparse.ArgumentParser(
        prog="zs", description="Small, fast tables made from the metadata of data assets."
    )
    words.add_argument("--version", action="version", version=f"zs {__version__}")
    commands = words.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_reading(commands)
    status = _add(
        commands,
        "status",
        "show the state of each acorn",
        "Exit code 1 if one is stale or missing, or if the last night failed.",
    )
    _add_store(status)
    status.add_argument(
        "--json",
        action="store_true",
        help="one JSON object, with the acorns, custom tables and the night",
    )
    status.add_argument("--format", choices=FORMS, help=f"a row for each acorn; {_TO_READ}")
    metrics = _add(
        commands,
        "metrics",
        "print the metrics that Prometheus reads: ages, rows, the last night",
        "Print metrics in Prometheus' text format: age, rows and state of each table, and the "
        "counts of the last night.",
    )
    _add_store(metrics)
    _add_build(commands)
    _add_keeping(commands)
    _add_published(commands)
    return words


def _add(commands: Any, name: str, summary: str, details: str = "", epilog: str = "") -> Any:
    """Add a command; returns its parser, whose description is the help and the details."""
    description = f"{summary[0].upper()}{summary[1:]}. {details}"
    command = commands.add_parser(name, help=summary, description=description, epilog=epilog)
    command.set_defaults(parser=command)
    return command


def _add_build(commands: Any) -> None:
    """Add the command that the pipeline runs; its words are known without the pipeline."""
    build = _add(commands, "build", "build the acorns", "Exit code 1 if one failed.")
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
        help="only these partitions of acorns by subject, even if they did not change",
    )
    build.add_argument(
        "--accept-shrink", action="store_true", help="accept a table that lost more than it may"
    )
    build.add_argument(
        "--alert", action="store_true", help="tell of a failure as the variables ZS_ALERT_… say"
    )


def _add_keeping(commands: Any) -> None:
    """Add the commands that the pipeline runs for who keeps a store."""
    prune = _add(
        commands,
        "prune",
        "remove old snapshots, and contents that nothing names",
        "What is younger than a day stays, and what is published now.",
    )
    for kind, number in (("nightly", 30), ("weekly", 52)):
        prune.add_argument(
            f"--keep-{kind}",
            metavar="N",
            type=int,
            default=number,
            help=f"keep the last snapshot of so many {_PERIODS[kind]} (default: {number})",
        )
    prune.add_argument(
        "--keep-named",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="keep snapshots that `zs release` gave a name (default: keep them)",
    )
    prune.add_argument(
        "--dry-run", action="store_true", help="say what would be removed, and remove nothing"
    )
    release = _add(
        commands,
        "release",
        "give a snapshot a name, which is never used again",
        "Readers read it by its name, and prune keeps it.",
        "zs release 2026-q4",
    )
    release.add_argument("name", metavar="NAME", help="such as 2026-q4")
    release.add_argument("--snapshot", metavar="ID", help="default: what is published now")
    rollback = _add(
        commands,
        "rollback",
        "publish an earlier snapshot, which stays published until --release",
        "Builds go on meanwhile and publish nothing.",
        "zs rollback 2026-q4",
    )
    rollback.add_argument(
        "snapshot", metavar="ID", nargs="?", help="its id or name, as `zs snapshots` lists it"
    )
    rollback.add_argument("--release", action="store_true", help="publish again what builds make")
    for command in (prune, release, rollback):
        command.add_argument("--store", metavar="URL", help="as for `zs build`")
        command.add_argument("--version", metavar="V", help="as for `zs status`")


def _add_reading(commands: Any) -> None:
    """Add the commands that read tables."""
    show = _add(
        commands,
        "show",
        "show rows of a table",
        "On a terminal the rows are aligned, in a pipe they are CSV.",
        "zs show asset_basics --where project_name='Brain wide' --columns name,age",
    )
    show.add_argument("table", metavar="TABLE", help="a table, such as asset_basics or qc")
    show.add_argument(
        "values",
        metavar="VALUE",
        nargs="*",
        # Without one, argparse's error says that it is required.
        default=[],
        help="subjects or platforms of a table that is split by them: zs show qc 901001",
    )
    show.add_argument(
        "--where",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="only rows with this value; any argument of the table's function, such as subject_id, "
        "name_contains or acquired_after. Given twice for one name: either value",
    )
    show.add_argument("--columns", metavar="A,B", help="only these columns, in this order")
    show.add_argument(
        "--limit", metavar="N", type=int, help=f"rows (default: all, on a terminal {SCREEN_ROWS})"
    )
    show.add_argument(
        "--offset", metavar="N", type=int, default=0, help="leave out so many rows (default: 0)"
    )
    show.add_argument(
        "--order-by",
        metavar="A,-B",
        help="sort by these columns; - before a name sorts from the largest (--order-by=-B)",
    )
    sql = _add(
        commands,
        "sql",
        "answer a SELECT over the tables (needs the extra sql)",
        "It is DuckDB's SQL.",
    )
    sql.add_argument("query", metavar="SELECT", help="such as 'select count(*) from asset_basics'")
    describe = _add(
        commands,
        "describe",
        "show what the columns of a table mean",
        "For each column: type, meaning, share of nulls, examples.",
    )
    describe.add_argument("table", metavar="TABLE")
    values = _add(
        commands,
        "values",
        "list the values of a column, with the number of rows of each",
        "The most frequent first. What a filter of zs show may be given.",
        "zs values asset_basics project_name",
    )
    values.add_argument("table", metavar="TABLE")
    values.add_argument("column", metavar="COLUMN")
    explain = _add(
        commands,
        "explain",
        "show what one value was made from",
        "For a data asset and a column: the document's values, the rule, the findings, the code.",
        "zs explain behavior_901019_2024-11-30_09-40-00 asset_basics.age",
    )
    explain.add_argument("name", metavar="NAME", help="the data asset's name, or an _id")
    explain.add_argument("column", metavar="COLUMN", help="table.column, such as asset_basics.age")
    derived = _add(commands, "derived", "list the data assets derived from a raw one")
    derived.add_argument("name", metavar="NAME", help="the raw data asset's name")
    derived.add_argument("--modality", metavar="M", help="only those of this modality")
    derived.add_argument("--latest", action="store_true", help="only the newest of each pipeline")
    located = _add(
        commands,
        "open",
        "print where a data asset's files lie, and the command to fetch them",
        "Nothing is fetched, and no bucket is asked.",
        "zs open SmartSPIM_901006_2024-10-21_14-05-40",
    )
    located.add_argument("name", metavar="NAME", help="the data asset's name")
    plot = _add(
        commands,
        "plot",
        "draw a picture of QC, animals or projects (needs the extra plot)",
        epilog="zs plot qc 828418 -o qc.png; zs plot qc-over-time fib -o fib.svg",
    )
    plot.add_argument("picture", choices=(*OF_SUBJECT, *OF_ALL, *OF_SOME))
    plot.add_argument(
        "of",
        nargs="?",
        metavar="SUBJECT",
        help=f"for {', '.join(OF_SUBJECT)}; curriculum may have one, qc-over-time a platform",
    )
    plot.add_argument(
        "--where",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="only what has this value; any filter of the table that is drawn. Given twice for one "
        "name: either value",
    )
    plot.add_argument(
        "-o", "--output", metavar="FILE", required=True, help="ends in .png, .svg or .pdf"
    )
    tables = _add(commands, "tables", "list the tables: name, rows and what a row is")
    mcp = _add(
        commands,
        "mcp",
        "serve the tables to language models (needs the extra mcp)",
        "An MCP server over standard input and output, which a client such as an editor starts.",
    )
    for command in (show, sql, describe, values, explain, derived, located, plot, tables, mcp):
        _add_store(command)
        command.add_argument(
            "--snapshot",
            metavar="ID",
            help="its id or name, or the last before a date (default: ZS_SNAPSHOT, else now)",
        )
        command.add_argument(
            "--offline",
            action="store_true",
            default=None,
            help="send nothing, read the local cache (default: ZS_OFFLINE)",
        )
    for command in (show, sql, describe, values, explain, derived, tables):
        command.add_argument("--format", choices=FORMS, help=_AS_SHOW)
    located.add_argument("--format", choices=FORMS, help="default: a line each")
    completion = _add(
        commands,
        "completion",
        "print a script that completes words in a shell",
        "In bash: source <(zs completion bash)",
    )
    completion.add_argument("shell", choices=SHELLS)


def _add_published(commands: Any) -> None:
    """Add the commands about published states, the setup, and the local cache."""
    snapshots = _add(
        commands,
        "snapshots",
        "list the published states",
        "The latest is the first; * is what is published now.",
    )
    diff = _add(
        commands,
        "diff",
        "show the differences of two published states, or from zombie-squirrel's tables",
        "The states are compared in all tables, or the rows of one table. With --against the last "
        "published state is compared with zombie-squirrel's tables: what differs, how often, and "
        "why. The exit code is 0 whatever differs.",
        "zs diff --against s3://allen-data-views/data-asset-cache/zs-v0.28.6",
    )
    diff.usage = "zs diff A B [TABLE] | zs diff --against URL [TABLE]"
    diff.add_argument(
        "before", metavar="A", nargs="?", help="the earlier one, as `zs snapshots` lists it"
    )
    diff.add_argument("after", metavar="B", nargs="?", help="the later one, or now")
    diff.add_argument("table", metavar="TABLE", nargs="?", help="the rows of this table")
    diff.add_argument(
        "--against",
        metavar="URL",
        help="zombie-squirrel's store, its data-asset-cache, or a version folder in there",
    )
    changes = _add(
        commands,
        "changes",
        "show which data assets changed in which tables since a published state or a date",
        "Without --subject every table that changed is read whole.",
        "zs changes 2026-05-01 --subject 901001",
    )
    changes.add_argument(
        "since",
        metavar="SINCE",
        help="a snapshot's id or name, or a date: what was published at that time or later",
    )
    changes.add_argument(
        "--subject", metavar="ID", action="append", help="only this animal; may be given again"
    )
    for command, default in ((snapshots, _TO_READ), (diff, _TO_READ), (changes, _AS_SHOW)):
        command.add_argument("--format", choices=FORMS, help=default)
        command.add_argument("--store", metavar="URL", help="as for `zs status`")
    doctor = _add(
        commands,
        "doctor",
        "test the store, server, credentials, permissions, source and history",
        "Exit code 1 if a test fails.",
    )
    doctor.add_argument("--write", action="store_true", help="also write and remove one small file")
    doctor.add_argument("--source", metavar="URL", help="as for `zs build`")
    _add_store(doctor)
    pull = _add(
        commands,
        "pull",
        "bring tables into the local cache, to be read offline",
        "Prints each table with its files and bytes; then ZS_OFFLINE=1 reads them.",
        "zs pull asset_basics qc",
    )
    pull.add_argument("tables", metavar="TABLE", nargs="*", help="default: all tables")
    pull.set_defaults(snapshot=None, offline=None)
    _add_store(pull)
    catalogue = _add(
        commands,
        "catalogue",
        "serve the catalogue of the tables to a browser on this machine",
        "Prints the page's address, and serves it until Ctrl-C.",
    )
    catalogue.add_argument(
        "--port", metavar="N", type=int, default=0, help="default: one that is free"
    )
    _add_store(catalogue)
    cache = _add(commands, "cache", "show the path and the size of the local cache")
    cache.add_argument("--clear", action="store_true", help="remove its files")


def _add_store(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--store",
        metavar="URL",
        help="s3://bucket, or the folder that holds data-asset-cache (default: ZS_STORE, else the "
        "current folder if it holds one, else the public bucket)",
    )
    command.add_argument("--version", metavar="V", help="default: ZS_VERSION, else this package's")


def store_url(given: argparse.Namespace) -> str | None:
    """Returns the store of --store, else ZS_STORE, else the current folder if it is a store."""
    return given.store or os.environ.get("ZS_STORE") or ("." if Path(ROOT).is_dir() else None)


def resolve(given: argparse.Namespace) -> Place:
    """Returns (store, version) to read, at the snapshot of --snapshot."""
    from zs_client import place

    with place.reading(snapshot=given.snapshot, offline=given.offline):
        return place.resolve(store_url(given), given.version)
