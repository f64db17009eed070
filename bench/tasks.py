"""`make bench-tasks`: what sixteen tasks of three users cost, here, in DuckDB and in biodata-cache.

A scientist with a notebook, a dashboard's developer, and one who serves tables to language models.
Each task is one line and a process of its own, timed from its call with the libraries imported, on
one store of made-up documents. Our client and biodata-cache read it from the stand-in of S3, DuckDB
the same files from a folder.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from pyarrow import parquet

from bench import readers, reads, server

SUBJECT = "600001"
BY_STATUS = "SELECT status, count(*) AS n FROM qc GROUP BY 1"
BY_PROJECT = (
    "SELECT b.project_name, count(*) AS n FROM qc q JOIN asset_basics b ON b.name = q.asset_name "
    "WHERE q.status = 'Fail' GROUP BY 1"
)
ROWS = "SELECT count(*) AS n FROM qc"
OF_SUBJECT = (
    "SELECT q.name, q.status FROM qc q JOIN asset_basics b USING (subject_id) "
    "WHERE b.subject_id = '600001' AND b.data_level = 'raw' LIMIT 20"
)


class Task(NamedTuple):
    """A line of our client, and what asks the same elsewhere; empty where nothing does."""

    user: str
    ours: str
    duckdb: str = ""
    successor: str = ""


# RAW and DERIVED are two data assets' names, FIFTY are subjects; `partition` is the file of one
# subject's QC.
TASKS = (
    Task(
        "scientist",
        "asset_basics(project_name='Project 3')",
        "SELECT * FROM asset_basics WHERE project_name = 'Project 3'",
        "asset_basics(project_name='Project 3', limit=None)",
    ),
    Task(
        "scientist",
        f"asset_basics(subject_id='{SUBJECT}', order_by='-acquisition_start_time', limit=5)",
        "SELECT * FROM asset_basics WHERE subject_id = '600001' "
        "ORDER BY acquisition_start_time DESC LIMIT 5",
        f"asset_basics(subject_id='{SUBJECT}', limit=None)"
        ".sort_values('acquisition_start_time', ascending=False).head(5)",
    ),
    Task("scientist", f"qc('{SUBJECT}')", "SELECT * FROM partition", "qc(RAW)"),
    Task(
        "scientist",
        f"qc('{SUBJECT}', status='Fail')",
        "SELECT * FROM partition WHERE status = 'Fail'",
        "qc(RAW).query('status == \"Fail\"')",
    ),
    Task("scientist", "raw_to_derived(RAW, latest=True)", "", "raw_to_derived(RAW, latest=True)"),
    Task(
        "scientist",
        "source_data(name=DERIVED)",
        "SELECT * FROM source_data WHERE name = '{DERIVED}'",
        "source_data().query(f'name == \"{DERIVED}\"')",
    ),
    Task(
        "scientist",
        "platform_qc('fib')",
        "SELECT * FROM platform_qc WHERE platform = 'fib'",
        "platform_qc('fib')",
    ),
    Task(
        "scientist",
        "values('asset_basics', 'project_name')",
        "SELECT project_name, count(*) FROM asset_basics GROUP BY 1",
        "asset_basics(columns=['project_name'], limit=None).project_name.value_counts()",
    ),
    Task(
        "dashboard",
        "unique_subject_ids()",
        "SELECT subject_id FROM unique_subject_ids",
        "unique_subject_ids()",
    ),
    Task("dashboard", f'sql("{BY_STATUS}")', BY_STATUS),
    Task("dashboard", f'sql("{BY_PROJECT}")', BY_PROJECT),
    Task(
        "dashboard",
        "qc_tag_status(FIFTY)",
        "SELECT * FROM qc_tag_status WHERE list_contains({FIFTY}, subject_id)",
    ),
    Task("dashboard", "status()"),
    Task("model", "describe('qc')", "SUMMARIZE qc"),
    Task("model", f'sql("{ROWS}")', ROWS),
    Task("model", f'sql("{OF_SUBJECT}")', OF_SUBJECT),
)
TABLES = ("asset_basics", "source_data", "unique_subject_ids", "qc", "qc_tag_status", "platform_qc")


def main(argv: Sequence[str] | None = None) -> int:
    """Time sixteen tasks of three users, and count their requests.

    Args:
        argv: The words after `python -m bench.tasks`; those of the process when None.

    Returns:
        0.
    """
    given = _parser().parse_args(argv)
    if given.ask:
        tool, number, names = given.ask
        print(json.dumps(_answered(tool, TASKS[int(number)], json.loads(names))))
        return 0
    with tempfile.TemporaryDirectory(prefix="bench-tasks-") as folder:
        work = Path(folder)
        store = work / "buckets" / readers.BUCKET
        store.mkdir(parents=True)
        version = readers.FOLDER.removeprefix("bdc-v")
        reads.build(work, store, given.size, ZS_BDC_VERSION=version, ZS_BDC_FILES="1")
        with reads.server_of(work / "buckets", given.s3_ms / 1000) as address:
            runs = _Runs(readers.Bench(address, work), store, _names(store), given.repeat)
            successor = None
            if given.successor:
                successor = readers.environment_of(runs.stand_in, readers.SUCCESSOR)
            print("| | task | rows | nothing kept | kept | biodata-cache | DuckDB, folder |")
            print("| --- | --- | ---: | ---: | ---: | ---: | ---: |")
            for number in range(len(TASKS)):
                print(runs.line(number, successor), flush=True)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench.tasks", description=(main.__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--size", type=int, default=2_000, metavar="N", help="documents")
    parser.add_argument("--s3-ms", type=float, default=20, metavar="MS", help="latency")
    parser.add_argument("--repeat", type=int, default=3, metavar="N", help="the median of N")
    parser.add_argument("--successor", action="store_true", help="install biodata-cache to ask it")
    parser.add_argument("--ask", nargs=3, help=argparse.SUPPRESS)
    return parser


def _names(store: Path) -> dict[str, Any]:
    """Returns the names that tasks use."""
    folders = (store / readers.CACHE / readers.FOLDER / "qc").glob(f"*={SUBJECT}_*")
    sources = parquet.read_table(store / reads.LAYOUT.table("source_data"))
    subjects = parquet.read_table(store / reads.LAYOUT.table("qc_tag_status"))
    pairs = zip(sources["name"].to_pylist(), sources["source_data"].to_pylist(), strict=True)
    return {
        "RAW": min(folder.name.partition("=")[2] for folder in folders),
        "DERIVED": next(name for name, source in pairs if source),
        "FIFTY": subjects["subject_id"].unique().to_pylist()[:50],
    }


class _Runs(NamedTuple):
    """How tasks are run.

    Attributes:
        stand_in: The stand-in of S3, which has the store.
        store: The same store in a folder, for DuckDB.
        names: The names that tasks use.
        repeat: How often each is run; the median counts.
    """

    stand_in: readers.Bench
    store: Path
    names: dict[str, Any]
    repeat: int

    def line(self, number: int, successor: Path | None) -> str:
        """Returns a task's line of the table: rows, milliseconds and requests to S3."""
        task = TASKS[number]
        caches = [self.stand_in.folder / f"cache {number} {turn}" for turn in range(self.repeat)]
        cold, kept = ([self._ask("ours", number, cache) for cache in caches] for _ in range(2))
        folder = [self._ask("duckdb", number, cache) for cache in caches if task.duckdb]
        theirs = [
            self._counted(
                readers.ask,
                self.stand_in,
                successor,
                *("timed", "biodata_cache", task.successor, self.names),
                BIODATA_CACHE_BACKEND="s3",
            )
            for _ in caches
            if successor and task.successor
        ]
        cells = [_cell(cold), _cell(kept), _cell(theirs, rows=True), _cell(folder, requests=False)]
        return f"| {task.user} | `{task.ours}` | {cold[0]['rows']} | {' | '.join(cells)} |"

    def _ask(self, tool: str, number: int, cache: Path) -> dict[str, Any]:
        cache.mkdir(exist_ok=True)
        root = str(self.store) if tool == "duckdb" else f"s3://{readers.BUCKET}"
        more = {"ZS_STORE": root, "ZS_CACHE": str(cache), "PYTHONPATH": os.pathsep.join(sys.path)}
        words = [sys.executable, "-m", "bench.tasks", "--ask", tool, str(number)]
        variables = self.stand_in.variables(cache, **more)

        def run() -> Any:
            told = readers.run([*words, json.dumps(self.names)], variables)
            return json.loads(told.splitlines()[-1])

        return self._counted(run)

    def _counted(self, ask: Callable[..., Any], *args: Any, **words: Any) -> dict[str, Any]:
        before = server.stats(self.stand_in.address)
        seconds, rows = ask(*args, **words)
        requests = server.stats(self.stand_in.address).since(before).requests
        return {"seconds": seconds, "rows": rows, "requests": sum(requests.values())}


def _cell(runs: list[dict[str, Any]], *, requests: bool = True, rows: bool = False) -> str:
    if not runs:
        return ""
    told = f"{median(run['seconds'] for run in runs) * 1000:,.0f} ms"
    told += f", {runs[0]['requests']} req." if requests else ""
    return f"{told} ({runs[0]['rows']:,})" if rows else told


def _answered(tool: str, task: Task, names: dict[str, Any]) -> tuple[float, int]:
    """Returns the seconds of a task and the number of rows of its answer."""
    import duckdb
    import obstore  # noqa: F401 - its loading is not timed
    import pandas as pd  # noqa: F401
    import pyarrow as pa  # noqa: F401

    import zs_client

    if tool == "ours":
        functions = {name: getattr(zs_client, name) for name in zs_client.__all__}
        begun = time.perf_counter()
        answer = eval(task.ours, functions | names)  # noqa: S307 - a line of this module
        return time.perf_counter() - begun, len(answer)
    root = os.environ["ZS_STORE"]
    paths = {table: reads.LAYOUT.table(table) for table in TABLES}
    paths["partition"] = reads.LAYOUT.partition("qc", "subject_id", SUBJECT)
    connection = duckdb.connect()
    for name, key in paths.items():
        scan = f"read_parquet('{root}/{key}', hive_partitioning=false)"
        connection.execute(f'CREATE VIEW "{name}" AS FROM {scan}')
    begun = time.perf_counter()
    rows = len(connection.sql(task.duckdb.format(**names)).df())
    return time.perf_counter() - begun, rows


if __name__ == "__main__":
    sys.exit(main())
