"""Dagster's code location: all that is made from a catalogue of acorns, put together.

Dagster finds it by `zs_pipeline.definitions`, `zs build` asks for it with what it was given.
"""

import dagster as dg

from zs_pipeline import settings
from zs_pipeline.catalogue import Catalogue
from zs_pipeline.orchestration.alerts import alert_sensors
from zs_pipeline.orchestration.assets import (
    acorn_asset,
    deployment_asset,
    documents_asset,
    prune_asset,
    rollback_asset,
    squirrel_asset,
)
from zs_pipeline.orchestration.checks import acorn_checks, documents_checks, squirrel_check
from zs_pipeline.orchestration.elsewhere import (
    CUSTOM_TABLES_SPEC,
    OLD_DOCUMENTS_SPEC,
    SIDE_FILES_SPEC,
)
from zs_pipeline.orchestration.io_manager import acorn_io_manager
from zs_pipeline.orchestration.jobs import by_hand, jobs, pruning, rolling_back, schedule, weekly
from zs_pipeline.orchestration.loggers import loggers as default_loggers
from zs_pipeline.orchestration.resources import SideFilesResource, SourceResource, StoreResource
from zs_pipeline.orchestration.run_tags import LOCATION
from zs_pipeline.orchestration.sensors import sensors

__all__ = ["LOCATION", "definitions"]


def definitions(
    catalogue: Catalogue | None = None,
    *,
    source: str = "",
    store: str = "",
    files: str = "",
    version: str = "",
    accept_shrink: bool = False,
    loggers: dict[str, dg.LoggerDefinition] | None = None,
) -> dg.Definitions:
    """Returns all that Dagster is told.

    Args:
        catalogue: The tables; those that `settings.catalogue` says builds make when None.
        source: The documents' URL; `ZS_SOURCE` or the sample, looked up in the run, when empty.
        store: The store's URL; `ZS_STORE` or the current folder when empty.
        files: Where the buckets of side files are; `ZS_FILES`, else the sample's or S3, when empty.
        version: The version folder; `ZS_VERSION` or the package's when empty.
        accept_shrink: Accept tables and sweeps that lost more than they may.
        loggers: What shows a run's messages; as `ZS_LOG` says when None.
    """
    catalogue = catalogue or settings.catalogue()
    night, first, prune = jobs(catalogue), by_hand(), pruning()
    cache = StoreResource(url=store, version=version, accept_shrink=accept_shrink)
    documents, side_files = SourceResource(url=source), SideFilesResource(url=files)
    return dg.Definitions(
        assets=[
            SIDE_FILES_SPEC,
            CUSTOM_TABLES_SPEC,
            OLD_DOCUMENTS_SPEC,
            deployment_asset(cache, documents, side_files, catalogue),
            documents_asset(catalogue),
            *(acorn_asset(acorn, catalogue) for acorn in catalogue.acorns),
            squirrel_asset(catalogue),
            prune_asset(catalogue),
            rollback_asset(catalogue),
        ],
        asset_checks=[
            documents_checks(),
            *(acorn_checks(acorn) for acorn in catalogue.acorns),
            squirrel_check(catalogue),
        ],
        jobs=[first, *night, prune, rolling_back()],
        schedules=[schedule(night[0]), weekly(prune)],
        sensors=[*sensors(night, first), *alert_sensors(catalogue, night, cache)],
        resources={
            "cache": cache,
            "source": documents,
            "side_files": side_files,
            "acorns": acorn_io_manager(catalogue),
        },
        # A step in a process of its own costs 2 to 3 s of imports; the work itself is in threads.
        executor=dg.in_process_executor,
        loggers=loggers or default_loggers(catalogue.by_name),
    )
