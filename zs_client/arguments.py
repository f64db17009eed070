"""The words of `zs`: its commands, their options, which store they name, and the exit codes.

What a command does is in `zs_client.reading_commands`, `zs_client.store_commands` and
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
# So many rows are shown on a terminal unless told otherwise.
SCREEN_ROWS = 20
SHELLS = ("bash", "zsh", "fish")


def parser() -> argparse.ArgumentParser:
    """Returns the parser of all words after `zs`; `command` is the first of them."""
    words = argparse.ArgumentParser(
        prog="zs", description="Small, fast tables made from the metadata of data assets."
    )
    words.add_argument("--version", action="version", version=f"zs {__version__}")
    commands = words.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_reading(commands)
    status = commands.add_parser(
        "status",
        help="show how each acorn stands",
        description="Show how each acorn stands. Exit code 1 when one is stale or missing, or the "
        "last night failed.",
    )
    status.add_argument("--json", action="store_true", help="as one JSON object")
    metrics = commands.add_parser(
        "metrics",
        help="print what Prometheus reads: ages, rows, the last night",
        description="Print metrics in Prometheus' text format: age, rows and state of each table, "
        "and what the last night did.",
    )
    _place_options(metrics)
    _place_options(status)
    _add_build(commands)
    _add_published(commands)
    return words


def _add_build(commands: Any) -> None:
    """Add the command that the pipeline runs; its words are known without the pipeline."""
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
    build.add_argument(
        "--alert", action="store_true", help="tell of a failure as the variables ZS_ALERT_… say"
    )


def _add_reading(commands: Any) -> None:
    """Add the commands that read tables."""
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
        "--limit", metavar="N", type=int, help=f"rows (default: all, on a terminal {SCREEN_ROWS})"
    )

    sql = commands.add_parser(
        "sql",
        help="answer a SELECT over the tables (needs the extra sql)",
        description="Answer one SELECT over the tables, in DuckDB's SQL. Needs the extra sql.",
    )
    sql.add_argument("query", metavar="SELECT", help="such as 'select count(*) from asset_basics'")

    describe = commands.add_parser(
        "describe",
        help="tell what the columns of a table mean",
        description="Tell the columns of a table: type, meaning, share of nulls, examples.",
    )
    describe.add_argument("table", metavar="TABLE")

    explain = commands.add_parser(
        "explain",
        help="tell what one value was made from",
        description="Tell what one value of a data asset was made from: the document's values, the "
        "rule, what was chosen, the code.",
        epilog="zs explain behavior_901019_2024-11-30_09-40-00 asset_basics.age",
    )
    explain.add_argument("name", metavar="NAME", help="the data asset's name, or an _id")
    explain.add_argument("column", metavar="COLUMN", help="table.column, such as asset_basics.age")

    derived = commands.add_parser(
        "derived",
        help="list what was derived from a data asset",
        description="List the data assets that were derived from a raw one, a line for each.",
    )
    derived.add_argument("name", metavar="NAME", help="the raw data asset's name")
    derived.add_argument("--modality", metavar="M", help="only those of this modality")
    derived.add_argument("--latest", action="store_true", help="only the newest of each pipeline")
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
    completion.add_argument("shell", choices=SHELLS)


def _add_published(commands: Any) -> None:
    """Add the commands about published states, and about what is kept on this machine."""
    snapshots = commands.add_parser(
        "snapshots",
        help="list the published states",
        description="List the published states, the latest first. * is what is published now.",
    )
    diff = commands.add_parser(
        "diff",
        help="show what differs between two published states",
        description="Show what differs between two published states: in each table, or the rows "
        "of one.",
    )
    diff.add_argument("before", metavar="A", help="the earlier one, an id of `zs snapshots`")
    diff.add_argument("after", metavar="B", help="the later one, or now")
    diff.add_argument("table", metavar="TABLE", nargs="?", help="the rows of this table")
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
    cache = commands.add_parser(
        "cache",
        help="show what is kept on this machine",
        description="Show what is kept on this machine of tables on S3, and how large it is.",
    )
    cache.add_argument("--clear", action="store_true", help="remove it")


def _place_options(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--store",
        metavar="URL",
        help="s3://bucket, or the folder that holds data-asset-cache (default: ZS_STORE, else the "
        "current folder when it holds one, else the public bucket)",
    )
    command.add_argument("--version", metavar="V", help="default: ZS_VERSION, else this package's")


def store_url(given: argparse.Namespace) -> str | None:
    """Returns the store that a command was given, the variable, or the current folder names."""
    return given.store or os.environ.get("ZS_STORE") or ("." if Path(ROOT).is_dir() else None)


def resolve(given: argparse.Namespace) -> Place:
    """Returns (store, version) to read, at the snapshot that a command was given."""
    from zs_client import place

    with place.reading(snapshot=given.snapshot, offline=given.offline):
        return place.resolve(store_url(given), given.version)
