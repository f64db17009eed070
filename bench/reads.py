"""`make bench-read`: what six questions cost our client, polars, DuckDB and pyarrow.

Each question is answered in a process of its own, timed from the first call, with the libraries
imported; our own modules are loaded by that call. What the libraries took to load is told apart,
for DuckDB with its connection, and what the same question took when it was asked again, as by a
dashboard. On S3 a process asks with an empty local cache, and another with what the first one kept;
the others keep nothing. DuckDB reads S3 with an extension that is not packaged for each of its
versions, so it is measured on a folder alone.
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from bench import measure
from bench.measure import BuildFailed, environment
from zs_client.contract import Layout, __version__

LAYOUT = Layout(__version__)
BUCKET = "cache"
COLUMNS = ["name", "subject_id", "acquisition_start_time"]
OURS = "zs_client"
QUESTIONS = {
    "whole table": "asset_basics, all columns",
    "one project": f"asset_basics of one project, {len(COLUMNS)} columns",
    "one animal": "qc of one subject",
    "all animals": "qc of all subjects, rows of each status",
    "one column": "qc of all subjects, one column",
    "values": "qc of all subjects, rows of each status, ours by values()",
}
TOOLS = (OURS, "polars", "DuckDB", "pyarrow")


class _Where(NamedTuple):
    """Where a question is asked."""

    place: str
    store: Path
    address: str
    work: Path


FOLDER, COLD, KEPT = "folder", "S3, nothing kept", "S3, kept"


def main(argv: Sequence[str] | None = None) -> int:
    """Compare what reading costs, side by side, of one store.

    Args:
        argv: The words after `python -m bench.reads`; those of the process when None.

    Returns:
        0, or 1 when an answer has another number of rows than the others.
    """
    given = _parser().parse_args(argv)
    if given.ask:
        print(json.dumps(_asked(*given.ask)))
        return 0
    with tempfile.TemporaryDirectory(prefix="bench-reads-") as folder:
        buckets = Path(folder) / "buckets"
        buckets.mkdir()
        store = buckets / BUCKET
        if given.store:
            shutil.copytree(given.store, store)
        else:
            store.mkdir()
            build(Path(folder), store, given.size)
        rows, alike = [], True
        with server_of(buckets, given.s3_ms / 1000) as address:
            for question in QUESTIONS:
                for place in (FOLDER, COLD, KEPT):
                    row = _row(question, _Where(place, store, address, Path(folder)), given.repeat)
                    alike &= len({found["rows"] for found in row.values()}) == 1
                    rows.append((question, place, row))
                    print(_line(*rows[-1]), flush=True)
    if not alike:
        print("bench: answers differ in their number of rows", file=sys.stderr)
    return 0 if alike else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench.reads", description=(main.__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--size", type=int, default=2_000, metavar="N", help="documents")
    parser.add_argument("--store", type=Path, metavar="FOLDER", help="a store that is built")
    parser.add_argument("--s3-ms", type=float, default=20, metavar="MS", help="latency")
    parser.add_argument("--repeat", type=int, default=5, metavar="N", help="the median of N")
    parser.add_argument("--ask", nargs=3, help=argparse.SUPPRESS)
    return parser


def build(folder: Path, store: Path, size: int, **more: str) -> None:
    """Build a store of made-up documents in a folder, with more variables of the environment."""
    # It loads pyarrow, which is not to be there when a question loads it.
    from bench import corpus

    made = folder / "made"
    made.mkdir()
    corpus.write(made, size, 0)
    variables = {
        "ZS_STORE": str(store),
        "ZS_SOURCE": str(made / "documents.ndjson"),
        "ZS_FILES": str(made / "files"),
        **more,
    }
    measure.build((), environment(folder, **variables), folder)


@contextmanager
def server_of(buckets: Path, latency: float) -> Iterator[str]:
    """Open a block with a stand-in of S3 that has a folder's buckets; the value is its address."""
    from bench import server

    words = ("--files", str(buckets), "--latency", str(latency))
    with server.started("bench.s3", *words) as address:
        yield address


def _row(question: str, where: _Where, repeat: int) -> dict[str, dict[str, Any]]:
    """Returns what each tool took, by tool."""
    row = {}
    for tool in TOOLS:
        if tool == "DuckDB" and where.place != FOLDER:
            continue
        measured = [_ask(tool, question, where, number) for number in range(repeat)]
        row[tool] = {
            **measured[0],
            "seconds": median(found["seconds"] for found in measured),
            "loading": median(found["loading"] for found in measured),
            "again": median(found["again"] for found in measured),
            "peak_mb": max(found["peak_mb"] for found in measured),
        }
    return row


def _ask(tool: str, question: str, where: _Where, number: int) -> dict[str, Any]:
    """Ask in a process; what was kept of the same question with nothing kept is there."""
    from bench import server

    root = str(where.store) if where.place == FOLDER else f"s3://{BUCKET}"
    cache = where.work / f"{question} {number}{' folder' if where.place == FOLDER else ''}"
    cache.mkdir(exist_ok=True)
    variables = {
        "ZS_STORE": root,
        "ZS_CACHE": str(cache),
        "AWS_ENDPOINT_URL": where.address,
        "AWS_ACCESS_KEY_ID": "bench",
        "AWS_SECRET_ACCESS_KEY": "bench",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ALLOW_HTTP": "true",
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    before = sum(server.stats(where.address).requests.values())
    words = [sys.executable, "-m", "bench.reads", "--ask", tool, question, root]
    answer = subprocess.run(
        words,
        env=environment(where.work, **variables),
        check=False,
        capture_output=True,
        text=True,
    )
    if answer.returncode:
        raise BuildFailed(f"{tool}, {question}, {where.place}: {answer.stderr.strip()[-2000:]}")
    found: dict[str, Any] = json.loads(answer.stdout.splitlines()[-1])
    return {**found, "requests": found["requests"] - before}


def _ratio(seconds: dict[str, float]) -> float:
    """Returns our time as a multiple of the best of the others."""
    return seconds[OURS] / min(taken for tool, taken in seconds.items() if tool != OURS)


def _line(question: str, place: str, row: dict[str, dict[str, Any]]) -> str:
    cells = [
        f"{tool} {found['seconds'] * 1000:,.0f} ms, {found['requests']} requests, "
        f"{found['peak_mb']:,.0f} MB, loaded in {found['loading'] * 1000:,.0f} ms, "
        f"again {found['again'] * 1000:,.1f} ms"
        for tool, found in row.items()
    ]
    ratios = [
        _ratio({tool: found["seconds"] for tool, found in row.items()}),
        _ratio({tool: found["loading"] + found["seconds"] for tool, found in row.items()}),
        _ratio({tool: found["again"] for tool, found in row.items()}),
    ]
    numbers = " | ".join(f"{ratio:.2f}" for ratio in ratios)
    return f"| {QUESTIONS[question]} | {place} | {' | '.join(cells)} | {numbers} |"


def _asked(tool: str, question: str, root: str) -> dict[str, Any]:
    """Answer a question here, twice.

    Returns the seconds of the first and of the second answer and of loading, the rows, the peak of
    memory, and how many requests the server had got after the first answer.
    """
    ask = {OURS: _by_us, "polars": _by_polars, "DuckDB": _by_duckdb, "pyarrow": _by_pyarrow}[tool]
    begun = time.perf_counter()
    answer = ask(root, question)
    loaded = time.perf_counter()
    rows = answer()
    answered = time.perf_counter()
    from bench import server

    requests = server.stats(os.environ["AWS_ENDPOINT_URL"]).requests
    asked_again = time.perf_counter()
    answer()
    return {
        "again": time.perf_counter() - asked_again,
        "seconds": answered - loaded,
        "loading": loaded - begun,
        "requests": sum(requests.values()),
        "rows": rows,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6,
    }


def _project() -> str:
    return "Project 3"


def _subject() -> str:
    return "600001"


def _by_us(root: str, question: str) -> Callable[[], int]:
    # Imports are not timed.
    if question in ("all animals", "one column"):
        import duckdb  # noqa: F401
    if question == "values":
        import pandas as pd  # noqa: F401
    if root.startswith("s3://"):
        import obstore  # noqa: F401
    import pyarrow.parquet  # noqa: F401

    import zs_client

    def answer() -> int:
        match question:
            case "whole table":
                return int(zs_client.asset_basics.arrow().num_rows)
            case "one project":
                found = zs_client.asset_basics.arrow(project_name=_project(), columns=COLUMNS)
                return int(found.num_rows)
            case "one animal":
                return int(zs_client.qc.arrow(_subject()).num_rows)
            case "one column":
                return int(zs_client.sql.arrow("SELECT status FROM qc").num_rows)
            case "values":
                return len(zs_client.values("qc", "status"))
        return int(zs_client.sql.arrow("SELECT status, count(*) FROM qc GROUP BY ALL").num_rows)

    return answer


def _by_polars(root: str, question: str) -> Callable[[], int]:
    import polars as pl

    def scan(key: str) -> Any:
        return pl.scan_parquet(f"{root}/{key}", hive_partitioning=False)

    def answer() -> int:
        basics = LAYOUT.table("asset_basics")
        match question:
            case "whole table":
                return int(scan(basics).collect().height)
            case "one project":
                rows = scan(basics).filter(pl.col("project_name") == _project())
                return int(rows.select(COLUMNS).collect().height)
            case "one animal":
                key = LAYOUT.partition("qc", "subject_id", _subject())
                return int(scan(key).collect().height)
            case "one column":
                return int(scan(LAYOUT.table("qc")).select("status").collect().height)
        return int(scan(LAYOUT.table("qc")).group_by("status").len().collect().height)

    return answer


def _by_duckdb(root: str, question: str) -> Callable[[], int]:
    import duckdb

    connection = duckdb.connect()

    def run(query: str, key: str) -> int:
        path = f"read_parquet('{root}/{key}', hive_partitioning=false)"
        return int(connection.sql(query.replace("TABLE", path)).to_arrow_table().num_rows)

    def answer() -> int:
        basics = LAYOUT.table("asset_basics")
        match question:
            case "whole table":
                return run("SELECT * FROM TABLE", basics)
            case "one project":
                columns = ", ".join(COLUMNS)
                where = f"project_name = '{_project()}'"
                return run(f"SELECT {columns} FROM TABLE WHERE {where}", basics)  # noqa: S608
            case "one animal":
                return run("SELECT * FROM TABLE", LAYOUT.partition("qc", "subject_id", _subject()))
            case "one column":
                return run("SELECT status FROM TABLE", LAYOUT.table("qc"))
        return run("SELECT status, count(*) FROM TABLE GROUP BY ALL", LAYOUT.table("qc"))

    return answer


def _by_pyarrow(root: str, question: str) -> Callable[[], int]:
    import pyarrow.parquet as pq
    from pyarrow import fs

    def read(key: str, columns: list[str] | None = None, filters: Any = None) -> Any:
        if not root.startswith("s3://"):
            return pq.read_table(
                f"{root}/{key}", columns=columns, filters=filters, partitioning=None
            )
        endpoint = os.environ["AWS_ENDPOINT_URL"].removeprefix("http://")
        bucket = fs.S3FileSystem(endpoint_override=endpoint, scheme="http")
        path = f"{root.removeprefix('s3://')}/{key}"
        return pq.read_table(
            path, columns=columns, filters=filters, filesystem=bucket, partitioning=None
        )

    def answer() -> int:
        basics = LAYOUT.table("asset_basics")
        match question:
            case "whole table":
                return int(read(basics).num_rows)
            case "one project":
                rows = read(basics, COLUMNS, [("project_name", "=", _project())])
                return int(rows.num_rows)
            case "one animal":
                return int(read(LAYOUT.partition("qc", "subject_id", _subject())).num_rows)
            case "one column":
                return int(read(LAYOUT.table("qc"), ["status"]).num_rows)
        counts = read(LAYOUT.table("qc"), ["status"]).group_by("status")
        return int(counts.aggregate([([], "count_all")]).num_rows)

    return answer


if __name__ == "__main__":
    sys.exit(main())
