"""`python -m bench.engine`: what a second Dask worker saves, with a simulated cost for each shard.

On a machine with two cores two workers cannot be faster than one at real work, since the build
needs a core as well. A cost that waits instead of working shows whether work is handed out side by
side.
"""

import argparse
import importlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from zs_pipeline import dask_engine


def waited(seconds: float) -> int:
    """Wait, in place of making the rows of a shard; returns the process."""
    time.sleep(seconds)
    return os.getpid()


@contextmanager
def cluster(workers: int, folder: Path) -> Iterator[str]:
    """Yields the URL of a scheduler with so many workers, each a process with one thread."""
    place = folder / "scheduler.json"

    def started(name: str, *words: str) -> subprocess.Popen[bytes]:
        always = ("--scheduler-file", str(place), "--no-dashboard")
        command = [sys.executable, "-m", f"distributed.cli.{name}", *always, *words]
        with (folder / f"{name}.log").open("ab") as log:
            return subprocess.Popen(command, stdout=log, stderr=log)

    with ExitStack() as stack:
        processes = [started("dask_scheduler", "--host", "127.0.0.1", "--port", "0")]
        for _ in range(workers):
            words = ("--nthreads", "1", "--no-nanny", "--local-directory", str(folder))
            processes.append(started("dask_worker", *words))
        for process in processes:
            stack.callback(process.kill)
        while not place.exists():
            time.sleep(0.1)
        yield json.loads(place.read_text())["address"].replace("tcp://", "dask://")


def seconds(workers: int, shards: int, cost: float) -> float:
    """Returns the time in which so many workers do the work of all shards."""
    with tempfile.TemporaryDirectory() as folder, cluster(workers, Path(folder)) as url:
        client = dask_engine.connect(url)
        client.wait_for_workers(workers, timeout=60)
        began = time.perf_counter()
        pids = set(dask_engine.map_ordered(client, waited, [(cost,)] * shards))
        took = time.perf_counter() - began
        client.close()
    if len(pids) != workers:
        raise RuntimeError(f"{len(pids)} of {workers} workers worked")
    return took


def main() -> None:
    """Print the seconds of one worker and of two, and their ratio."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--shards", type=int, default=256, help="default: 256")
    parser.add_argument("--cost", type=float, default=0.05, help="seconds for each; default: 0.05")
    given = parser.parse_args()
    one, two = (seconds(count, given.shards, given.cost) for count in (1, 2))
    print(f"1 worker {one:.2f} s, 2 workers {two:.2f} s, ratio {two / one:.2f}")


if __name__ == "__main__":
    # By the name under which a worker imports `waited` too.
    importlib.import_module("bench.engine").main()
