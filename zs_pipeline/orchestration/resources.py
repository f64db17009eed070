"""Dagster's resources: the store, the source and the side files that a run's configuration names.

An empty URL is looked up where a run asks for it; `resolved` says what comes of it.

What is read or written with them is the business of the assets, the checks and the IO manager.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import dagster as dg
from pydantic import Field, PrivateAttr

from zs_client.contract import Layout
from zs_client.masking import masked
from zs_client.opening import local_path
from zs_client.store import Store
from zs_pipeline import settings
from zs_pipeline.catalogue import Catalogue
from zs_pipeline.declaration import Acorn
from zs_pipeline.orchestration import events
from zs_pipeline.publishing import hold
from zs_pipeline.publishing.table_update import CommitReport
from zs_pipeline.side_files.files import Files
from zs_pipeline.source.choice import open_source
from zs_pipeline.source.interface import Source, url_for_messages

# The name of the store's resource in a run's configuration, and what of it tells where it lies.
_CACHE, _OF_STORE = "cache", {"url", "version"}


class StoreResource(dg.ConfigurableResource[None]):
    """The store that tables are written to: `ZS_STORE`, else the current folder, without a URL."""

    url: str = Field(default="", description="Where it lies; ZS_STORE when empty.")
    version: str = Field(
        default="", description="The version folder; ZS_VERSION, else the package's, when empty."
    )
    accept_shrink: bool = Field(
        default=False, description="Accept tables and sweeps that lost more than they may."
    )
    _opened: Store | None = PrivateAttr(default=None)
    _layout: Layout | None = PrivateAttr(default=None)
    # What this run committed and has not checked yet, by acorn.
    _reports: dict[str, CommitReport] = PrivateAttr(default_factory=dict)

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator[None]:
        """Open the store for a run, in the scope that this process has or a new one."""
        url = settings.store_url(self.url)
        with events.run_scope_of(context.instance) as scope:
            self._opened = settings.writable_store(url, object_cache=scope.object_cache(url))
            try:
                yield self.create_resource(context)
            finally:
                self._opened = self._layout = None

    def open(self) -> Store:
        """Returns the store; `ZS_STORE`, else the current folder, when no URL is set."""
        return self._opened or settings.writable_store(settings.store_url(self.url))

    def layout(self) -> Layout:
        """Returns the layout that a run works in: that of the version, unless it is rolled back.

        Raises:
            StoreError: A rollback has not ended.
        """
        if self._opened is None:
            return hold.layout_of_builds(self.open(), self.version_layout())
        if self._layout is None:
            self._layout = hold.layout_of_builds(self._opened, self.version_layout())
        return self._layout

    def version_layout(self) -> Layout:
        """Returns the version's layout; of `ZS_VERSION`, else the package's, when none is set."""
        return settings.layout(self.version)

    def keep_report(self, acorn: Acorn, report: CommitReport) -> None:
        """Keep what a commit of this run did, for the checks of the table."""
        self._reports[acorn.name] = report

    def take_report(self, acorn: Acorn) -> CommitReport | None:
        """Returns what this run's commit of a table did, once; None where it made none."""
        return self._reports.pop(acorn.name, None)


def cache_of(run: dg.DagsterRun, cache: StoreResource) -> StoreResource:
    """Returns the store that a run works on: what its configuration names goes before `cache`."""
    resources: Any = run.run_config.get("resources", {})
    given = resources.get(_CACHE, {}).get("config", {})
    config = {name: getattr(cache, name) for name in _OF_STORE}
    for name in _OF_STORE & given.keys():
        value = given[name]
        config[name] = os.environ.get(value["env"], "") if isinstance(value, dict) else value
    return StoreResource(**config)


class SourceResource(dg.ConfigurableResource[None]):
    """The source of the documents: `ZS_SOURCE`, else the packaged sample, without a URL."""

    url: str = Field(default="", description="Where they come from; ZS_SOURCE when empty.")

    def open(self, catalogue: Catalogue) -> Source:
        """Returns the source; `ZS_SOURCE`, else the packaged sample, when no URL is set."""
        return open_source(settings.source_url(self.url), catalogue.reads.paths)


class SideFilesResource(dg.ConfigurableResource[None]):
    """The buckets of side files: `ZS_FILES`, else the sample's or S3, where no URL is set."""

    url: str = Field(default="", description="Where they are; ZS_FILES when empty.")

    def open(self, source: str) -> Files:
        """Returns the buckets.

        Args:
            source: The documents' URL as it is configured, since the sample has its own.
        """
        return Files(settings.files_url(self.url, source))


def resolved(
    cache: StoreResource, source: SourceResource, side_files: SideFilesResource
) -> dict[str, str]:
    """Returns what the resources resolve to here, as people may see it.

    Raises:
        ValueError: The version folder is not dotted numbers.
    """
    documents = settings.source_url(source.url)
    places = {
        "store": settings.store_url(cache.url),
        "version_folder": cache.version_layout().folder,
        "source": url_for_messages(documents),
        "side_files": settings.files_url(side_files.url, source.url),
        "old_documents": url_for_messages(settings.old_source_url(source.url)) or "none",
    }
    if "://" not in places["store"]:
        places["store"] = str(local_path(places["store"]).resolve())
    return {name: masked(place) for name, place in places.items()}
