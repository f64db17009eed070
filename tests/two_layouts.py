"""Publications of both layouts: made, killed at a chosen moment, and looked at afterwards.

Nothing here is a test. `main` is run in a process of its own, which kills itself.
"""

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from aging import ACORNS, LAYOUT, NAMES, SUBJECTS, VISITS, content
from stores import Watched

from zs_client.contract import SUCCESSOR_INDEX, VERSIONS_INDEX, SuccessorLayout
from zs_client.store import Store
from zs_pipeline.declaration import Acorn
from zs_pipeline.publishing import squirrel, successor
from zs_pipeline.publishing.commit import commit
from zs_pipeline.publishing.table_update import PartitionUpdate, TableUpdate
from zs_pipeline.settings import writable_store

SECOND = SuccessorLayout("0.99")
# What the website and the Python package ask of an entry.
ENTRY = {"name", "description", "location", "partitioned", "partition_key", "type", "columns"}


def declared(number: int) -> tuple[Acorn, ...]:
    """The tables of a state, whose entries in a registry differ from those of another."""
    return tuple(replace(acorn, description=f"State {number}.") for acorn in ACORNS)


def build(store: Store, number: int) -> None:
    """Commit both tables in a state; one subject comes and one goes with it."""
    for acorn in declared(number):
        segments = SUBJECTS[number % 2 :] if acorn.name == VISITS.name else ("",)
        gone = {*SUBJECTS} - {*segments} if acorn.partition and number else ()
        updates = [PartitionUpdate(s, content(acorn, number), f"{number}") for s in segments]
        updates += [PartitionUpdate(s, None, "") for s in gone]
        made = TableUpdate(updates, {"documents": f"{number}"}, "c")
        commit(store, LAYOUT, acorn, made, accept_shrink=True)


def publish(store: Store, number: int) -> None:
    """Publish both layouts, as the end of a night does."""
    done = squirrel.publish(store, LAYOUT, declared(number), copies=[SECOND.name])
    successor.publish(store, SECOND, LAYOUT, done.tables, complete=done.listed, files=True)


def main(folder: str, number: int, moment: int) -> None:
    """Build a state in a folder; the process is killed at an operation of its publication."""
    store = writable_store(str(folder))
    build(store, number)
    watched = Watched(store)

    def kill(*_: str) -> None:
        if len(watched.done) + 1 == moment:
            os.kill(os.getpid(), signal.SIGKILL)

    watched.before = kill
    publish(watched, number)


def operations(folder: Path, number: int) -> int:
    """Build and publish a state; returns how many operations the publication had."""
    store = writable_store(str(folder))
    build(store, number)
    watched = Watched(store)
    publish(watched, number)
    return len(watched.done)


def killed(folder: Path, number: int, moment: int) -> bool:
    """Build and publish a state in a process that is killed at a moment."""
    code = f"import two_layouts; two_layouts.main({str(folder)!r}, {number}, {moment})"
    child = subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parent, check=False)
    assert child.returncode in (0, -signal.SIGKILL)
    return child.returncode == -signal.SIGKILL


def registry(store: Store) -> dict[str, Any]:
    """The second layout's registry as a browser reads it: a listing, and each entry."""
    keys = [entry["path"] for entry in store.walk(f"{SECOND.folder}/cache_registry/")]
    entries = [json.loads(store.get(key)) for key in keys]
    return {entry["name"]: entry for entry in entries}


def contents_of(store: Store) -> dict[str, Any]:
    """What readers see of the second layout, without the store's own address."""
    keys = [entry["path"] for entry in store.walk(SECOND.folder)]
    keys = [SUCCESSOR_INDEX, *(key for key in keys if "/_" not in key)]
    return {key: store.get(key).replace(store.url.encode(), b"") for key in keys}


def rows_at(store: Store, entry: dict[str, Any]) -> int:
    """Read the table to which an entry leads; returns its rows."""
    key = entry["location"].removeprefix(f"{store.url}/")
    if not entry["partitioned"]:
        return int(pq.read_table(pa.BufferReader(store.get(key))).num_rows)
    keys = [one["path"] for one in store.walk(key)]
    assert keys
    return sum(pq.read_table(pa.BufferReader(store.get(key))).num_rows for key in keys)


def copies(store: Store) -> dict[str, bytes]:
    """The files under the successor's own paths."""
    start = len(SECOND.folder) + 1
    keys = [entry["path"] for entry in store.walk(SECOND.folder)]
    return {key[start:]: store.get(key) for key in keys if key.endswith(".pqt")}


def fixed_paths(store: Store) -> dict[str, bytes]:
    """Our own files, under the paths that their copies have; their values stand as they are."""
    start = len(LAYOUT.folder) + 1
    found = {NAMES.name + ".pqt": store.get(LAYOUT.table(NAMES.table))}
    for entry in store.walk(f"{LAYOUT.table_folder(VISITS.table)}/"):
        path = entry["path"][start:].replace(VISITS.table, VISITS.name, 1)
        found[path] = store.get(entry["path"])
    return found


def assert_whole(store: Store) -> None:
    """Whoever reads either layout finds whole entries that lead to whole tables."""
    for entry in store.walk("data-asset-cache"):
        if entry["path"].endswith(".json"):
            json.loads(store.get(entry["path"]))
    found = registry(store)
    for entry in found.values():
        assert entry.keys() == ENTRY
        assert rows_at(store, entry)
    of_copies = copies(store)
    for body in of_copies.values():
        assert pq.read_table(pa.BufferReader(body)).num_rows
    assert found.keys() <= {path.partition("/")[0].removesuffix(".pqt") for path in of_copies}
    if store.exists(SUCCESSOR_INDEX):
        assert json.loads(store.get(SUCCESSOR_INDEX)) == [SECOND.name]
        assert found.keys() == {acorn.name for acorn in ACORNS}
    if store.exists(VERSIONS_INDEX):
        assert json.loads(store.get(VERSIONS_INDEX)) == [LAYOUT.name]
        ours = json.loads(store.get(LAYOUT.registry))
        assert [rows_at(store, entry) for entry in ours["acorns"]]
    successor.refuse_others(store, SECOND)
