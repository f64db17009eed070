"""Dagster from inside: partitions in batches, over one connection, and where a run is from.

Measured on 1.13.27 with two cores, in milliseconds for each partition of a run over 500 of them (in
brackets over 10,000); partition status was right in all:

| way                                     | SQLite    | Postgres 15  | memory |
| --------------------------------------- | --------- | ------------ | ------ |
| a run over a range of keys              | 24        | 34           | 3.4    |
| `context.log_event` in a run of no key  | 12        | 12           | 1.8    |
| `report_runless_asset_event`            | 11        | not measured | 1.5    |
| a batch, as here                        | 0.4 (0.7) | 0.6 (0.4)    | 0.4    |

Postgres' own storage writes a batch at once. SQLite's and the one in memory write event by event,
so that their batch is written here. A subclass of the storage would do the same for a range of
keys, and would have to be named with its folder in every `dagster.yaml`. 35,000 dynamic keys are
added in 0.4 s and reported in 18 s. A run that is started with keys is reported by Dagster itself.

SQLite's storage also opens an engine and a connection for each event. With those held open a run of
17 assets with 4 checks each, 262 events, takes 0.9 s instead of 3.7 s: what a night without a
change costs. The daemon and the UI read beside it, as SQLite's write-ahead log lets them. For each
check it asks as well whether there is a table of checks, and for each run Alembic reads all of its
migrations to make a database. To remember the one and to copy the other takes a third off again.
The storage in memory holds a connection, and opens others all the same: a build of six documents
takes 2.2 s instead of 3.9 s without them.

The only module that imports what is private to Dagster; `tests/test_events.py` holds it in place.
`zs_pipeline.orchestration.events` asks it where it fits the Dagster that is installed, else does
without.
"""

import logging
import os
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import dagster as dg
import sqlalchemy
from dagster._core.definitions.repository_definition import SINGLETON_REPOSITORY_NAME
from dagster._core.events import StepMaterializationData
from dagster._core.execution.plan.execute_step import (
    _build_data_version_tags,
    _get_code_version,
    _get_input_provenance_data,
)
from dagster._core.remote_origin import (
    RegisteredCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.storage.event_log import InMemoryEventLogStorage, SqliteEventLogStorage
from dagster._core.storage.event_log.sqlite.sqlite_event_log import INDEX_SHARD_NAME
from sqlalchemy.pool import StaticPool

# What begins the version of each Dagster that this was tried with.
KNOWN = ("1.13.",)
BATCH = 500
_TIMEOUT = 60
_OF_OTHERS = ("store_event_batch",)
_SQL = ("_connect", "has_table", "index_connection", "prepare_insert_event", "_store_asset_event")
_USED: dict[type[Any], tuple[str, ...]] = {
    SqliteEventLogStorage: (*_SQL, "run_connection", "path_for_shard", "_initialized_dbs"),
    InMemoryEventLogStorage: (*_SQL, "_db_lock", "_held_conn"),
}


def fits(storage: Any) -> bool:
    """Returns whether this module fits the Dagster that is installed, and a storage of it."""
    used = next((names for kind, names in _USED.items() if isinstance(storage, kind)), _OF_OTHERS)
    return dg.__version__.startswith(KNOWN) and all(hasattr(storage, name) for name in used)


def remove_file(storage: Any, run_id: str) -> None:
    """Remove the file of a deleted run, of which SQLite's storage has one each and leaves it."""
    if isinstance(storage, SqliteEventLogStorage) and hasattr(storage, "path_for_shard"):
        path = Path(storage.path_for_shard(run_id))
        for beside in (
            path,
            path.with_name(f"{path.name}-wal"),
            path.with_name(f"{path.name}-shm"),
        ):
            beside.unlink(missing_ok=True)


def provenance(context: dg.OutputContext) -> dict[str, str]:
    """Returns the tags by which Dagster knows what an output was made from, and by which code.

    Dagster adds them to what it reports itself; without them a partition is "unsynced" as soon as
    what it was made from is reported again, changed or not.
    """
    step = context.step_context
    inputs = _get_input_provenance_data(context.asset_key, step)
    code = _get_code_version(context.asset_key, step)
    tags = _build_data_version_tags(
        dg.DataVersion(""), code, inputs, data_version_is_user_provided=False
    )
    return {name: value for name, value in tags.items() if value}


def store(context: dg.OutputContext, storage: Any, made: Sequence[dg.AssetMaterialization]) -> None:
    """Write to the event log that partitions of an output's asset were materialized.

    They are among the run's events in Dagster's history, and not in the result of a run in this
    process, which would hold them until its end.

    Args:
        context: The output's.
        storage: The event log.
        made: A materialization for each partition.
    """
    # The page of an asset takes events of one millisecond for one: of 1,663 it showed 4. Each has
    # its own, in the past: what Dagster reports of the whole asset comes after them.
    begin = int(time.time() * 1000) - len(made)
    entries = (
        _entry(context, done, (begin + place + 0.5) / 1000) for place, done in enumerate(made)
    )
    while batch := list(islice(entries, BATCH)):
        if isinstance(storage, SqliteEventLogStorage | InMemoryEventLogStorage):
            _store(storage, batch)
        else:
            storage.store_event_batch(batch)


@contextmanager
def in_location(instance: Any, location: str, job: str) -> Iterator[None]:
    """Give a run of this process the origin that one from the launchpad has.

    By it the UI finds a run on its home page, its timeline and the job's page.
    """
    place = RemoteRepositoryOrigin(
        RegisteredCodeLocationOrigin(location), SINGLETON_REPOSITORY_NAME
    )
    origin = RemoteJobOrigin(place, job)
    instance.create_run_for_job = partial(instance.create_run_for_job, remote_job_origin=origin)
    try:
        yield
    finally:
        del instance.create_run_for_job


@contextmanager
def reuse_connections(instance: dg.DagsterInstance) -> Iterator[None]:
    """Reuse an event log's connections, which SQLite and memory else make for each event."""
    storage: Any = instance.event_log_storage
    if isinstance(storage, SqliteEventLogStorage):
        way = _on_disk
    elif isinstance(storage, InMemoryEventLogStorage):
        way = _in_memory
    else:
        way = None
    if way is None or "_connect" in vars(storage):
        yield
        return
    looking = storage.has_table
    tables: set[str] = set()

    def has_table(name: str) -> bool:
        # A table that is there stays.
        if name not in tables and looking(name):
            tables.add(name)
        return name in tables

    with way(storage) as connect:
        storage._connect, storage.has_table = connect, has_table
        try:
            yield
        finally:
            del storage._connect, storage.has_table


@contextmanager
def _on_disk(storage: Any) -> Iterator[Any]:
    """What takes the place of `storage._connect`: a run has a database of its own, a shard."""
    opening = storage._connect
    engines: dict[str, sqlalchemy.Engine] = {}
    # What a run's database holds before its first event.
    unused = sqlite3.connect(":memory:", check_same_thread=False)
    hold = threading.Lock()

    @contextmanager
    def connect(shard: str) -> Iterator[sqlalchemy.Connection]:
        with hold:
            if shard not in engines:
                _make(storage, opening, shard, unused)
                engines[shard] = _engine(storage.conn_string_for_shard(shard))
            with engines[shard].begin() as connection:
                yield connection

    try:
        yield connect
    finally:
        unused.close()
        for engine in engines.values():
            engine.dispose()


@contextmanager
def _in_memory(storage: Any) -> Iterator[Any]:
    """The same of the storage in memory, which holds a connection for as long as it lives."""

    @contextmanager
    def connect() -> Iterator[sqlalchemy.Connection]:
        with storage._db_lock, storage._held_conn.begin():
            yield storage._held_conn

    yield connect


def _make(storage: Any, opening: Any, shard: str, unused: sqlite3.Connection) -> None:
    """Make a shard's database where there is none; what a run's holds at first is kept."""
    path = Path(storage.path_for_shard(shard))
    new, known = not path.exists(), unused.execute("PRAGMA page_count").fetchone()[0]
    if new and known:
        with closing(sqlite3.connect(path)) as made:
            unused.backup(made)
        storage._initialized_dbs.add(shard)
        return
    with opening(shard):
        pass
    if new and shard != INDEX_SHARD_NAME:
        with closing(sqlite3.connect(path)) as made:
            made.backup(unused)


def _engine(address: str) -> sqlalchemy.Engine:
    engine = sqlalchemy.create_engine(
        address,
        poolclass=StaticPool,
        connect_args={"timeout": _TIMEOUT, "check_same_thread": False},
    )
    with engine.connect() as connection:
        # A power cut may take the last events with it; what is written stands in the store.
        connection.execute(sqlalchemy.text("PRAGMA synchronous=NORMAL"))
    return engine


def _entry(
    context: dg.OutputContext, done: dg.AssetMaterialization, timestamp: float
) -> dg.EventLogEntry:
    step = context.step_context.step
    event = dg.DagsterEvent(
        event_type_value=dg.DagsterEventType.ASSET_MATERIALIZATION.value,
        job_name=context.job_name,
        step_handle=step.handle,
        node_handle=step.node_handle,
        step_kind_value=step.kind.value,
        logging_tags=context.step_context.event_tags,
        pid=os.getpid(),
        event_specific_data=StepMaterializationData(done),
        message=f"Materialized value {done.label}.",
    )
    return dg.EventLogEntry(  # type: ignore[no-untyped-call]
        error_info=None,
        level=logging.DEBUG,
        user_message="",
        run_id=context.run_id,
        timestamp=timestamp,
        step_key=context.step_key,
        job_name=context.job_name,
        dagster_event=event,
    )


def _store(storage: Any, entries: list[dg.EventLogEntry]) -> None:
    """What the storage's `store_event` does, in one transaction of each database."""
    if isinstance(storage, SqliteEventLogStorage):
        # A run has a database of its own; what is said of assets stands in the index as well.
        with storage.run_connection(entries[0].run_id) as connection:
            connection.execute(storage.prepare_insert_event_batch(entries))
    with storage.index_connection() as connection:
        *before, last = entries
        if before:
            connection.execute(storage.prepare_insert_event_batch(before))
        done = connection.execute(storage.prepare_insert_event(last))
        # The asset's own row names the last event of the batch.
        storage._store_asset_event(connection, last, done.inserted_primary_key[0])
