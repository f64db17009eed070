"""What a process remembers of stores from one read to the next, and the one way to forget it.

Whoever asks also writes here, under a lock of its own. What lies on the disk is in
`zs_client.cache`; the stores in memory are no copy of anything, and stay in `zs_client.opening`.
"""

from pathlib import Path
from typing import Any

# Open stores, by URL, server and AWS's variables (`zs_client.place`).
stores: dict[tuple[Any, ...], Any] = {}
# Why a bucket must not be written to, by server and name (`zs_client.conditions`).
refusals: dict[tuple[str, str], str] = {}
# Registries and when they were asked for, by store and version; the tables whose readers were
# warned that they are stale (`zs_client.provenance`).
registries: dict[tuple[str, ...], tuple[float, dict[str, Any] | None]] = {}
warned: set[tuple[str, ...]] = set()
# How many bytes may be written to a local cache until it is looked through (`zs_client.cache`).
room: dict[Path, int] = {}


def forget() -> None:
    """Open stores and ask for registries anew, and warn again of stale tables."""
    for remembered in (stores, refusals, registries, warned, room):
        remembered.clear()
