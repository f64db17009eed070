"""The memory of a process and all that it started, together, looked at while they run.

Linux tells it, other systems do not. What a build took otherwise is in `bench.measure`.
"""

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

INTERVAL = 0.05
# Pages that several processes share are told by a walk over all of them: 20 ms for each GB, while
# the process cannot map more. So that is done for a fiftieth of the time at most. All else is
# 0.6 ms for each look. Together 1 % of one core for one process and 3 % for two of 300 MB; four
# builds of the sample took 11.0 CPU s with it, and 11.3 without.
_PAUSES = 50
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass
class Seen:
    """What was seen of a process and all that it started.

    Attributes:
        peak_mb: The most memory of several of them at a time, in millions of bytes. A page that
            they share counts once, and one that programs beside them have as well in part. 0 while
            there was only one: its own peak the kernel tells.
        processes: The most of them at a time.
    """

    peak_mb: float = 0.0
    processes: int = 1


@contextmanager
def watched(pid: int) -> Iterator[Seen]:
    """Look at a process and all that it started, every 50 ms from a thread of this process.

    Where the kernel does not tell, nothing is seen.
    """
    seen, ended = Seen(), threading.Event()
    if sys.platform != "linux" or not Path("/proc/self/smaps_rollup").exists():
        yield seen
        return
    thread = threading.Thread(target=_look, args=(pid, seen, ended), daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        ended.set()
        thread.join()


def _look(pid: int, seen: Seen, ended: threading.Event) -> None:
    family, before = _Family({pid}), frozenset[int]()
    shared_by, shared, due = before, 0, 0.0
    while not ended.wait(INTERVAL):
        members = family.members()
        # Between its start and its exec a process is its parent once more: at the second look
        # it is itself.
        here, before = members & before, members
        if len(here) < 2:
            continue
        sizes = {member: size for member in here if (size := _resident(member))}
        seen.processes = max(seen.processes, len(sizes))
        if time.perf_counter() >= due:
            began = time.thread_time()
            told = [_told(member) for member in sizes]
            due = time.perf_counter() + _PAUSES * (time.thread_time() - began)
            if not all(map(_resident, sizes)):
                # What one that ended shared is the others' alone, and would count twice.
                continue
            whole = sum(one.share for one in told)
            shared_by, shared = frozenset(sizes), sum(one.resident for one in told) - whole
        elif shared_by == sizes.keys():
            # What came since is taken for what is not shared.
            whole = sum(sizes.values()) - shared
        else:
            continue
        seen.peak_mb = max(seen.peak_mb, whole / 1e6)


@dataclass
class _Family:
    """Processes of which each was started by another one, but for the first.

    A file for each process with its children is not in every kernel. So each process is asked for
    its parent, once, since asking all of them took 2 ms.
    """

    known: set[int]
    others: set[int] = field(default_factory=set)

    def members(self) -> frozenset[int]:
        there = {int(name) for name in os.listdir("/proc") if name.isdecimal()}  # noqa: PTH208
        self.known &= there
        self.others &= there
        new = {pid: _parent(pid) for pid in there - self.known - self.others}
        while found := {pid for pid, parent in new.items() if parent in self.known}:
            self.known |= found
            new = {pid: parent for pid, parent in new.items() if pid not in found}
        self.others |= new.keys()
        return frozenset(self.known)


class _Told(NamedTuple):
    """Bytes of a process: all, and with what it shares divided by those who share it."""

    resident: int
    share: int


def _told(pid: int) -> _Told:
    lines = _read(pid, "smaps_rollup").splitlines()
    kilobytes = {words[0]: int(words[1]) for words in map(bytes.split, lines[1:])}
    return _Told(1024 * kilobytes.get(b"Rss:", 0), 1024 * kilobytes.get(b"Pss:", 0))


def _resident(pid: int) -> int:
    fields = _read(pid, "statm").split()
    return int(fields[1]) * _PAGE if fields else 0


def _parent(pid: int) -> int:
    # The name before it is in brackets, and may have any character.
    fields = _read(pid, "stat").rpartition(b")")[2].split()
    return int(fields[1]) if fields else 0


def _read(pid: int, name: str) -> bytes:
    """What the kernel says of a process; nothing when it has ended."""
    try:
        with open(f"/proc/{pid}/{name}", "rb", buffering=0) as file:  # noqa: PTH123
            return file.read()
    except OSError:
        return b""
