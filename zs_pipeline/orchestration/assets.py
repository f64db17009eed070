"""Dagster's assets: the documents, a table for each acorn, the registry, and what lies outside.

The asset decorator stands here and nowhere else. An asset's body asks other modules for what it
returns: how a table is made is in `zs_pipeline.tables`, how it is written in the IO manager, what
is checked of it in `zs_pipeline.orchestration.checks`.
"""

import warnings
from functools import partial
from typing import Any

import dagster as dg

from zs_client import user_tables
from zs_client.contract import encode_partition
from zs_client.masking import masked
from zs_pipeline import code, memory, run_scope, settings
from zs_pipeline.catalogue import Catalogue
from zs_pipeline.declaration import (
    Acorn,
    ByKey,
    ByLineage,
    ByPlatform,
    FromFrame,
    FromSideFiles,
    FromTables,
)
from zs_pipeline.documents import update as documents
from zs_pipeline.documents import upheavals
from zs_pipeline.orchestration import freshness, history, partitions, runs
from zs_pipeline.orchestration.elsewhere import OWNERS, show_counts
from zs_pipeline.orchestration.failures import in_our_words, reason, stale_on_failure
from zs_pipeline.orchestration.resources import (
    SideFilesResource,
    SourceResource,
    StoreResource,
    resolved,
)
from zs_pipeline.orchestration.run_tags import BY_COMMAND, EVERY_HOURS, LOCATION
from zs_pipeline.publishing import currency, hold, night, rollback, squirrel, successor, views
from zs_pipeline.publishing.prune import prune
from zs_pipeline.publishing.retention import Keep
from zs_pipeline.publishing.table_update import TableUpdate
from zs_pipeline.tables import build as tables
from zs_pipeline.tables.inputs import Input, Surroundings

_SHOWN = 20
# The name of Dagster's executor that gives each step a process of its own on the same machine.
_PROCESS_OF_STEP = "multiprocess"

# Of a partitioned acorn, for a run without a partition key; the other assets have none.
_ONLY = {
    "only": dg.Field(
        [str],
        is_required=False,
        description="Make these partitions, percent-encoded, in place of those that changed.",
    )
}


def deployment_asset(
    cache: StoreResource,
    source: SourceResource,
    side_files: SideFilesResource,
    catalogue: Catalogue,
) -> dg.AssetsDefinition:
    """Returns the asset that shows which store and source is worked on."""
    try:
        at_load = resolved(cache, source, side_files)
    except ValueError as error:
        at_load = {"error": masked(str(error))}

    @dg.asset(
        name="deployment",
        group_name="deployment",
        owners=OWNERS,
        kinds={"dagster"},
        metadata=at_load,
        description=(
            "Which store, source and side files this Dagster works on, where a run's "
            "configuration names no others: see its metadata. A run of it looks whether they can "
            "be used, and the job `night`, which is this asset, goes on with a whole night."
        ),
    )
    def show(
        cache: StoreResource, source: SourceResource, side_files: SideFilesResource
    ) -> dg.MaterializeResult[None]:
        """Look whether store, source and side files can be used, and show which they are."""
        with in_our_words():
            places = resolved(cache, source, side_files)
            store = cache.open()
            store.check()
            source.open(catalogue).check()
            side_files.open(source.url)
            settings.check_writable(store)
        return dg.MaterializeResult(metadata=places)

    return show


def documents_asset(catalogue: Catalogue) -> dg.AssetsDefinition:
    """Returns the asset that keeps the documents."""

    @dg.asset(
        name="documents",
        group_name="sources",
        owners=OWNERS,
        kinds={"mongodb", "parquet"},
        description=(
            "The incremental snapshot of the documents: one sweep of ids, then only what changed "
            "is fetched. Lies outside the version folders; documents that do not fit are in "
            "document_problems."
        ),
    )
    def update(
        context: dg.AssetExecutionContext, cache: StoreResource, source: SourceResource
    ) -> dg.MaterializeResult[None]:
        """Bring the snapshot of the documents up to date."""
        store, opened = cache.open(), source.open(catalogue)
        if BY_COMMAND not in context.run.tags:
            settings.check_writable(store)
            if second := settings.successor_layout():
                successor.refuse_others(store, second)
        night.begin(store, cache.layout(), context.run.run_id)
        store.sweep_staging()
        with in_our_words():
            try:
                opened.check()
                with memory.low_memory():
                    snapshot, changes = documents.update(
                        store,
                        opened,
                        catalogue.reads,
                        accept_shrink=cache.accept_shrink,
                        refetch_every=settings.refetch_every(),
                        progress=context.log.info,
                    )
            except Exception as error:
                documents.mark_failed(store, reason(error))
                raise
        documents.clear_failed(store)
        for upheaval in upheavals.findings(snapshot.head):
            context.log.warning("documents: %s", upheaval.reason)
        return dg.MaterializeResult(
            data_version=dg.DataVersion(snapshot.state),
            metadata={
                "dagster/row_count": snapshot.index.num_rows,
                "store": store.url,
                "source": opened.url,
                "state": snapshot.state,
                **vars(changes),
                "requests": opened.requests,
                "bytes_received": opened.bytes,
            },
        )

    return update


def acorn_asset(acorn: Acorn, catalogue: Catalogue) -> dg.AssetsDefinition:
    """Returns the asset that makes one acorn."""
    with warnings.catch_warnings():
        # A backfill policy, which Dagster may still change.
        warnings.simplefilter("ignore", dg.BetaWarning)
        return _acorn_asset(acorn, catalogue)


def _acorn_asset(acorn: Acorn, catalogue: Catalogue) -> dg.AssetsDefinition:
    handed_over = [read.table for read in acorn.kind.tables]
    upstream = (*acorn.kind.sources, *catalogue.made_from(acorn))

    @dg.asset(
        name=acorn.name,
        description=_description(acorn),
        group_name=_group(acorn),
        owners=OWNERS,
        kinds={"parquet"},
        code_version=code.of_table(acorn),
        deps=[name for name in upstream if name not in handed_over],
        ins={name: dg.AssetIn() for name in handed_over},
        partitions_def=partitions.definition(acorn.kind.partitioning),
        # Not one run for each key where a person asks for all of them.
        backfill_policy=dg.BackfillPolicy.single_run() if acorn.partition else None,
        freshness_policy=freshness.policy(),
        io_manager_key="acorns",
        config_schema=_ONLY if acorn.partition else {},
        metadata={
            "dagster/column_schema": _column_schema(acorn),
            "dagster/table_name": acorn.table,
            **({"key": ", ".join(acorn.key)} if acorn.key else {}),
        },
    )
    def build(
        context: dg.AssetExecutionContext,
        cache: StoreResource,
        side_files: SideFilesResource,
        source: SourceResource,
        **inputs: Input,
    ) -> TableUpdate:
        # Beside the documents' step works no other.
        executor = context.job_def.executor_def.name
        run_scope.current().has_siblings = executor == _PROCESS_OF_STEP
        around = Surroundings(
            cache.open(),
            cache.layout(),
            catalogue,
            side_files.open(source.url),
            user_tables.copies,
            settings.old_source_url(source.url),
            settings.custom_folder(source.url),
            context.log.info,
        )
        with stale_on_failure(around.store, around.layout, acorn), memory.low_memory():
            built = tables.build(acorn, around, inputs=inputs, only=_only(context))
        show_counts(context, acorn, built)
        return built

    return build


def _group(acorn: Acorn) -> str:
    """Returns the group in which people look for a table, by what its rows are."""
    kind = acorn.kind
    if any(column.name == "severity" for column in acorn.columns):
        return "findings"
    if isinstance(kind, ByKey | ByLineage | ByPlatform):
        of_quality = all(read.path.startswith("quality_control") for read in kind.reads)
        return "quality" if of_quality else f"by_{acorn.partition}"
    if isinstance(kind, FromSideFiles | FromFrame):
        return "from_side_files"
    return "unique_values" if isinstance(kind, FromTables) else "data_assets"


def _description(acorn: Acorn) -> str:
    """Returns what an acorn is, and what Dagster cannot know of its partitions."""
    split = acorn.kind.partitioning
    if split is None or split.is_fixed:
        return acorn.description
    return (
        f"{acorn.description}\n\n"
        f"A partition is one {split.column}, percent-encoded; `{encode_partition(None)}` is the "
        f"rows that have no {split.column}. Partitions come from the documents: a night adds and "
        'removes them, and "Add a partition" is not needed. One that no document has is refused.'
    )


def squirrel_asset(catalogue: Catalogue) -> dg.AssetsDefinition:
    """Returns the asset that publishes the registry."""

    @dg.asset(
        name="squirrel",
        group_name="deployment",
        owners=OWNERS,
        kinds={"json"},
        deps=[acorn.name for acorn in catalogue.acorns],
        description=(
            "The registry of all acorns of this version: gathers their facts into squirrel.json, "
            "keeps a snapshot, and lists the version once every acorn exists."
        ),
    )
    def publish(
        context: dg.AssetExecutionContext, cache: StoreResource
    ) -> dg.MaterializeResult[None]:
        """Publish the registry."""
        store, layout = cache.open(), cache.layout()
        every = settings.expected_every_hours() or context.run.tags.get(EVERY_HOURS)
        with in_our_words(), night.failing(store, layout, "squirrel"):
            second, files = settings.successor_layout(), settings.successor_files()
            done = squirrel.publish(
                store,
                layout,
                catalogue.acorns,
                unbuilt=catalogue.unbuilt,
                expected_every_hours=float(every) if every else None,
                copies=[second.name] if second and files else (),
            )
            # While an earlier snapshot is published, what readers of it see stays, too.
            if not hold.behind(store, layout):
                publish_second = partial(
                    successor.publish,
                    store,
                    source=layout,
                    tables=done.tables,
                    complete=done.listed,
                    progress=context.log.warning,
                )
                if second:
                    publish_second(second, files=files)
                successor.publish_copies(store, layout, done.registry, publish_second, but=second)
            views.publish(store, layout, done.registry)
            counts = runs.document_counts(context.instance)
            night.end(store, layout, done.failures, done.tables, counts)
            behind = currency.behind(store, layout, catalogue)
            held = hold.behind(store, layout)
        # Dagster shows a table in red whether it failed or was skipped since another one failed.
        for table in behind:
            metadata = {"state": table.state, "why": table.why, "content_since": table.since}
            context.log_event(dg.AssetObservation(table.name, metadata=metadata))
        if held:
            context.log.warning("kept and not published: %s", held.sentence)
        if done.missing:
            context.log.warning("not listed: never built are %s", ", ".join(done.missing))
        return dg.MaterializeResult(
            data_version=dg.DataVersion(done.snapshot),
            metadata={
                "snapshot": done.snapshot,
                "listed": done.listed,
                "missing": ", ".join(done.missing) or "none",
                "stale": str(done.stale) if done.stale else "none",
                "published": held.sentence if held else done.snapshot,
            },
        )

    return publish


def prune_asset(catalogue: Catalogue) -> dg.AssetsDefinition:
    """Returns the asset that removes what nothing names any more."""
    keep = Keep()

    @dg.asset(
        name="prune",
        group_name="deployment",
        owners=OWNERS,
        kinds={"parquet"},
        config_schema={
            "keep_nightly": dg.Field(
                int, default_value=keep.nightly, description="Nights whose last snapshot is kept."
            ),
            "keep_weekly": dg.Field(
                int, default_value=keep.weekly, description="Weeks whose last snapshot is kept."
            ),
            "history_days": dg.Field(
                int, default_value=history.DAYS, description="Days that Dagster's runs are kept."
            ),
        },
        description=(
            "Removes old snapshots, contents that no kept snapshot and no table names, and old "
            "runs from Dagster's history. Snapshots that `zs release` gave a name stay. Runs "
            "weekly once its schedule is started; see its metadata for what was there before and "
            "after."
        ),
    )
    def remove(
        context: dg.AssetExecutionContext, cache: StoreResource
    ) -> dg.MaterializeResult[None]:
        """Prune the store and the history."""
        config: dict[str, int] = context.op_execution_context.op_config
        with in_our_words():
            chosen = Keep(config["keep_nightly"], config["keep_weekly"])
            done = prune(cache.open(), cache.version_layout(), chosen, progress=context.log.info)
            every = (*catalogue.acorns, *catalogue.unbuilt)
            keys = [dg.AssetKey(acorn.name) for acorn in every]
            others = ("documents", "squirrel", "deployment", "prune", "rollback")
            keys += [dg.AssetKey(name) for name in others]
            runs = history.forget(context.instance, LOCATION, keys, config["history_days"])
        counts = {name: value for name, value in vars(done).items() if name != "snapshots"}
        removed = ", ".join(done.snapshots[:_SHOWN]) or "none"
        return dg.MaterializeResult(
            metadata={
                **counts,
                "snapshots_removed": len(done.snapshots),
                "removed": removed,
                "runs_removed": runs,
            }
        )

    return remove


def rollback_asset(catalogue: Catalogue) -> dg.AssetsDefinition:
    """Returns the asset by which a person publishes an earlier snapshot, or what builds made."""

    @dg.asset(
        name="rollback",
        group_name="deployment",
        owners=OWNERS,
        kinds={"json"},
        config_schema={
            "snapshot": dg.Field(
                str,
                default_value="",
                description="The id or the name of the snapshot to publish, as `zs snapshots` "
                "lists it; empty to publish none.",
            ),
            "release": dg.Field(
                bool, default_value=False, description="Publish again what builds make."
            ),
        },
        description=(
            "Whether an earlier snapshot is published; a run without configuration only looks. "
            "With a snapshot it publishes that one, and builds publish nothing until a run with "
            "release. `zs rollback` does the same."
        ),
    )
    def publish_earlier(
        context: dg.AssetExecutionContext, cache: StoreResource
    ) -> dg.MaterializeResult[None]:
        """Publish an earlier snapshot, or what builds made since, or look."""
        config: dict[str, Any] = context.op_execution_context.op_config
        store, layout = cache.open(), cache.version_layout()
        with in_our_words():
            if config["snapshot"] and config["release"]:
                raise ValueError("give a snapshot or release, not both")
            if config["release"]:
                rollback.release(store, layout, catalogue.acorns, catalogue.unbuilt)
            elif config["snapshot"]:
                every = (*catalogue.acorns, *catalogue.unbuilt)
                rollback.roll_back(store, layout, every, config["snapshot"])
            held = hold.current(store, layout)
        state = held.sentence if held else "what builds make is published"
        return dg.MaterializeResult(metadata={"state": state})

    return publish_earlier


def _only(context: dg.AssetExecutionContext) -> list[str] | None:
    """Returns the partitions that a person asked for; None for those that changed."""
    if partitions.has_key(context):
        return list(context.partition_keys)
    return (context.op_execution_context.op_config or {}).get("only") or None


def _column_schema(acorn: Acorn) -> dg.TableSchema:
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                c.name,
                c.type,
                description=c.description,
                constraints=dg.TableColumnConstraints(
                    nullable=c.nullable, unique=acorn.key == (c.name,)
                ),
            )
            for c in acorn.columns
        ]
    )
