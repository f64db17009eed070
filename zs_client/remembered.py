"""What a process remembers of stores between reads, and the only function that forgets it.

Each module writes its own values, under its own lock. The cache on disk is in `zs_client.cache`.
Stores in memory are not copies, and stay in `zs_client.opening`.
"""

from pathlib import Path
from typing import Any

# Open stores, by URL, server and AWS's variables (`zs_client.place`).
stores: dict[tuple[Any, ...], Any] = {}
# Why a bucket must not be written to, by server and name (`zs_client.conditions`).
refusals: dict[tuple[str, str], str] = {}
# Registries and when they were read, by store and version; the stale tables that readers were
# warned of (`zs_client.provenance`).
registries: dict[tuple[str, ...], tuple[float, dict[str, Any] | None]] = {}
warned: set[tuple[str, ...]] = set()
# How many bytes may be written to a local cache before its size is checked (`zs_client.cache`).
room: dict[Path, int] = {}
# Facts of large tables with the bytes they were parsed from, by store and key (`zs_client.fetch`).
facts: dict[tuple[str, str], tuple[bytes, Any]] = {}
# Open databases of the SQL engine, by configuration (`zs_client.engine`).
databases: dict[tuple[tuple[str, str], ...], Any] = {}


def forget() -> None:
    """Forget open stores, registries and warnings, so that the next read begins anew."""
    for remembered in (stores, refusals, registries, warned, room, facts, databases):
        remembered.clear()
