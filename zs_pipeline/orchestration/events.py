"""What a run tells Dagster: which partitions were written, in which content, and where it is from.

All of it can be said in Dagster's public calls, event by event.
`zs_pipeline.orchestration.event_log` says it in batches and over one connection, about thirty times
as fast, and is written against the inside of some releases. With another release, or another
storage, the public calls are used.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType
from typing import Any
from weakref import WeakSet

import dagster as dg

from zs_pipeline import run_scope
from zs_pipeline.run_scope import RunScope

# Limits of a pooled connection to a database server: of a statement in milliseconds, of its age in
# seconds, and how many there may be beside the first.
_STATEMENT_MS, _RECYCLE_SECONDS, _MORE_CONNECTIONS = 60_000, 3600, 20
_pooled: WeakSet[dg.DagsterInstance] = WeakSet()

# By these tags Dagster knows which content an event is of, in place of guessing it from the code.
_DATA_VERSION = "dagster/data_version"
_IS_OURS = "dagster/data_version_is_user_provided"


def set_data_version(context: dg.OutputContext, sha256: str) -> None:
    """Tell Dagster which content an output's asset has, so that "unsynced" means changed."""
    context.step_context.set_data_version(context.asset_key, dg.DataVersion(sha256))


def report(
    context: dg.OutputContext,
    written: Mapping[str, Mapping[str, Any]],
    instance: dg.DagsterInstance | None,
) -> None:
    """Tell Dagster that partitions of an output's asset were materialized.

    Args:
        context: The output's.
        written: What people are shown of each partition, by its key; its `sha256` is the version
            of its data.
        instance: The run's; None where it has none.
    """
    if not written:
        return
    inside = _inside(instance)
    if inside is not None and instance is not None:
        tags = inside.provenance(context)
        made = [_materialization(context, key, metadata, tags) for key, metadata in written.items()]
        inside.store(context, instance.event_log_storage, made)
        return
    context.log.info(
        "Dagster %s is not known from inside: %d partitions are reported one by one",
        dg.__version__,
        len(written),
    )
    for key, metadata in written.items():
        context.log_event(_materialization(context, key, metadata, {}))


def _materialization(
    context: dg.OutputContext, key: str, metadata: Mapping[str, Any], tags: Mapping[str, str]
) -> dg.AssetMaterialization:
    version = {_DATA_VERSION: metadata["sha256"], _IS_OURS: "true"} if "sha256" in metadata else {}
    return dg.AssetMaterialization(
        context.asset_key, partition=key, metadata=metadata, tags={**tags, **version}
    )


@contextmanager
def run_scope_of(instance: dg.DagsterInstance | None) -> Iterator[RunScope]:
    """Yields the scope of this process, with the event log's connections open until it ends.

    A run enters it with its store. `zs build` enters it before each run as well: what Dagster
    writes until then took 0.6 s of CPU otherwise, for it makes the run's database anew.
    """
    with run_scope.entered() as scope:
        scope.stack.enter_context(reuse_connections(instance))
        yield scope


@contextmanager
def in_location(instance: dg.DagsterInstance, location: str, job: str) -> Iterator[None]:
    """Let the UI find a run of this process by its code location and its job, where it can be."""
    inside = _inside(instance)
    if inside is None:
        yield
        return
    with inside.in_location(instance, location, job):
        yield


@contextmanager
def reuse_connections(instance: dg.DagsterInstance | None) -> Iterator[None]:
    """Reuse the connections of Dagster's history, which else are made for each event.

    On Postgres a night without a change of the sample made 1,130 connections and took three times
    as long as on SQLite. Dagster has pools for its web server alone; SQLite's storages have none.
    """
    if instance is not None and instance not in _pooled:
        instance.optimize_for_webserver(_STATEMENT_MS, _RECYCLE_SECONDS, _MORE_CONNECTIONS)
        _pooled.add(instance)
    inside = _inside(instance)
    if inside is None or instance is None:
        yield
        return
    with inside.reuse_connections(instance):
        yield


def _inside(instance: dg.DagsterInstance | None) -> ModuleType | None:
    """Returns the module written against Dagster's inside; None where it does not fit."""
    try:
        from zs_pipeline.orchestration import event_log
    except (ImportError, AttributeError):
        return None
    if instance is None or not event_log.fits(instance.event_log_storage):
        return None
    return event_log
