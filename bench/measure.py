"""One build measured: the command as a person runs it, in a process of its own.

Linux counts the size of the process that starts another one as part of the other's peak, so what
measures stays small: nothing large is imported or held here.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from bench import memory
from zs_client.contract import ROOT

_STAGING = "_staging"
# Everything else of whoever measures is left out: credentials, proxies, what the cache reads.
_KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR")
_CHECKOUT = Path(__file__).parents[1]


class BuildFailed(Exception):
    """A build that was to be measured did not end well; the message says what it said."""


class Usage(NamedTuple):
    """What a process took, those that it started included.

    Attributes:
        seconds: From start to end.
        cpu_seconds: Of the user and of the system.
        peak_mb: The most memory at a time, in millions of bytes, of all processes together; where
            the kernel tells it of each alone, of the largest.
        processes: The most of them at a time; 1 where the kernel does not tell.
    """

    seconds: float
    cpu_seconds: float
    peak_mb: float
    processes: int


class Written(NamedTuple):
    """What was written into a store.

    Attributes:
        objects: How many.
        parquet: Those of them with rows: tables, documents, answers.
        bytes: Of all of them.
    """

    objects: int
    parquet: int
    bytes: int


def environment(home: Path, **more: str) -> dict[str, str]:
    """The variables of a build: a Dagster home and those given, nothing of the caller's."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return {
        **kept,
        "PYTHONPATH": str(_CHECKOUT),
        "DAGSTER_HOME": str(home),
        "DAGSTER_DISABLE_TELEMETRY": "1",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        **more,
    }


def build(words: Sequence[str], variables: Mapping[str, str], folder: Path) -> Usage:
    """Run `zs build` in a folder and measure it.

    Raises:
        BuildFailed: Its exit code was not 0.
    """
    return run(
        "zs build", [sys.executable, "-m", "zs_client.cli", "build", *words], variables, folder
    )


def run(name: str, command: Sequence[str], variables: Mapping[str, str], folder: Path) -> Usage:
    """Run a command in a folder and measure it; errors call it by the name.

    Raises:
        BuildFailed: Its exit code was not 0.
    """
    said = folder / "said.txt"
    with said.open("wb") as output:
        began = time.perf_counter()
        process = subprocess.Popen(
            command, env=variables, cwd=folder, stdout=output, stderr=subprocess.STDOUT
        )
        with memory.watched(process.pid) as seen:
            _, status, used = os.wait4(process.pid, 0)
            seconds = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        text = said.read_text(errors="replace")[-2000:]
        raise BuildFailed(f"{name} ended with {process.returncode} and said:\n{text}")
    # The kernel counts kilobytes on Linux, bytes on macOS, and of several processes the largest.
    unit = 1 if sys.platform == "darwin" else 1024
    peak = max(used.ru_maxrss * unit / 1e6, seen.peak_mb)
    return Usage(seconds, used.ru_utime + used.ru_stime, peak, seen.processes)


def machine_seconds() -> float | None:
    """CPU seconds that this machine has spent on anything; None where the kernel does not tell."""
    try:
        first = Path("/proc/stat").read_text(encoding="ascii").splitlines()[0]
    except OSError:
        return None
    user, nice, system, _, _, interrupts, soft, steal = map(int, first.split()[1:9])
    ticks = user + nice + system + interrupts + soft + steal
    return ticks / os.sysconf("SC_CLK_TCK")


def state(store: Path) -> dict[str, tuple[int, int, int]]:
    """The files of a local store, and what tells a file from one that was written later."""
    return {
        str(path.relative_to(store)): (found.st_ino, found.st_mtime_ns, found.st_size)
        for path in _files(store / ROOT)
        for found in [path.stat()]
    }


def written(
    before: Mapping[str, tuple[int, int, int]], after: Mapping[str, tuple[int, int, int]]
) -> Written:
    """What is in a local store that was not there before; both names of a content count."""
    new = {key: found for key, found in after.items() if before.get(key) != found}
    parquet = sum(key.endswith(".pqt") for key in new)
    return Written(len(new), parquet, sum(size for _, _, size in new.values()))


def _files(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        if path.is_file() and _STAGING not in path.parts:
            yield path
