"""What a build left in Dagster's history: rows and bytes of the event log, what the documents told.

The event log is read as SQLite files, wherever the instance keeps them; what an asset told through
Dagster's own API, by `python -m bench.history` as a process of its own: importing Dagster takes
more memory than measuring may.
"""

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

_MANY = 1000


def rows(home: Path) -> int:
    """The rows of the event log of an instance; of asset events SQLite holds a second one."""
    return sum(_query(path, "SELECT count(*) FROM event_logs")[0][0] for path in _logs(home))


def size(home: Path) -> int:
    """The bytes that the event log takes on the disk, with SQLite's own files beside it."""
    return sum(
        beside.stat().st_size
        for path in _logs(home)
        for beside in path.parent.glob(f"{path.name}*")
    )


def milliseconds_per_partition(home: Path) -> float | None:
    """What telling Dagster of one partition took; None where no step told of two.

    From the first event about a partition in a step to the first event after the last one: while
    they are written nothing else is done.
    """
    seconds, partitions = 0.0, 0
    for path in _logs(home):
        if path.name == _INDEX:
            continue
        for (step,) in _query(path, _STEPS):
            told = _query(path, _OF_STEP, step)
            places = [place for place, (_, about) in enumerate(told) if about]
            if len(places) > 1 and places[-1] + 1 < len(told):
                began, ended = (
                    datetime.fromisoformat(told[place][0]) for place in (places[0], places[-1] + 1)
                )
                seconds += (ended - began).total_seconds()
                partitions += len(places)
    return 1000 * seconds / partitions if partitions else None


# It holds the events about assets again; a run's own file has every event of a step.
_INDEX = "index.db"
_ABOUT = "partition IS NOT NULL AND dagster_event_type = 'ASSET_MATERIALIZATION'"
_STEPS = f"SELECT DISTINCT step_key FROM event_logs WHERE {_ABOUT}"  # noqa: S608 - our own
_OF_STEP = f"SELECT timestamp, {_ABOUT} FROM event_logs WHERE step_key = ? ORDER BY id"  # noqa: S608


def _logs(home: Path) -> Iterator[Path]:
    """The files with an event log under a home."""
    for path in sorted(home.rglob("*.db")):
        if ("event_logs",) in _query(path, "SELECT name FROM sqlite_master"):
            yield path


def _query(path: Path, query: str, *values: Any) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path)) as database:
        return database.execute(query, values).fetchall()


def documents(home: Path, environment: Mapping[str, str]) -> list[dict[str, Any]]:
    """What the asset `documents` told in each run, oldest first, such as `fetched`."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.history"],
        env={**environment, "DAGSTER_HOME": str(home)},
        stdout=subprocess.PIPE,
        check=True,
    )
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def main() -> None:
    """Print what the asset `documents` told in each run, of the instance under `DAGSTER_HOME`."""
    import dagster as dg

    with dg.DagsterInstance.from_config(os.environ["DAGSTER_HOME"]) as instance:
        found = instance.fetch_materializations(dg.AssetKey("documents"), limit=_MANY).records
        told = [record.asset_materialization for record in found]
        print(
            json.dumps(
                [
                    {name: value.value for name, value in one.metadata.items()}
                    for one in reversed(told)
                    if one
                ]
            )
        )


if __name__ == "__main__":
    main()
