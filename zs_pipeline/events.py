"""Tells Dagster which partitions a run wrote, many events in one transaction.

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

The only module that imports what is private to Dagster; `tests/test_events.py` holds it in place.
"""

import logging
import os
import time
from collections.abc import Mapping
from typing import Any

import dagster as dg
from dagster._core.events import StepMaterializationData
from dagster._core.storage.event_log import InMemoryEventLogStorage, SqliteEventLogStorage

BATCH = 500


def report(context: dg.OutputContext, rows: Mapping[str, int]) -> list[dg.DagsterEvent]:
    """Tell Dagster that partitions of an output's asset were materialized.

    Args:
        context: The output's.
        rows: How many rows each partition has now, by its key.

    Returns:
        The events, stored already.
    """
    entries = [_entry(context, key, count) for key, count in rows.items()]
    storage = context.step_context.instance.event_log_storage
    for start in range(0, len(entries), BATCH):
        batch = entries[start : start + BATCH]
        if isinstance(storage, SqliteEventLogStorage | InMemoryEventLogStorage):
            _store(storage, batch)
        else:
            storage.store_event_batch(batch)
    return [entry.get_dagster_event() for entry in entries]


def _entry(context: dg.OutputContext, key: str, rows: int) -> dg.EventLogEntry:
    done = dg.AssetMaterialization(
        context.asset_key, partition=key, metadata={"dagster/row_count": rows}
    )
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
        timestamp=time.time(),
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
        storage._store_asset_event(connection, last, done.inserted_primary_key[0])  # noqa: SLF001
