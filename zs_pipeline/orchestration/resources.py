"""Dagster's resources: the store, the source and the side files that a run's configuration names.

What is read or written with them is the business of the assets, the checks and the IO manager.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg
from pydantic import PrivateAttr

from zs_client.contract import Layout
from zs_client.store import Store
from zs_pipeline import settings
from zs_pipeline.catalogue import Catalogue
from zs_pipeline.declaration import Acorn
from zs_pipeline.orchestration import events
from zs_pipeline.publishing.table_update import CommitReport
from zs_pipeline.side_files.files import Files
from zs_pipeline.source.choice import open_source
from zs_pipeline.source.interface import Source


class StoreResource(dg.ConfigurableResource[None]):
    """The store and the version folder that tables are written to."""

    url: str = ""
    version: str = ""
    accept_shrink: bool = False
    _opened: Store | None = PrivateAttr(default=None)
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
                self._opened = None

    def open(self) -> Store:
        """Returns the store; `ZS_STORE`, else the current folder, when no URL is set."""
        return self._opened or settings.writable_store(settings.store_url(self.url))

    def layout(self) -> Layout:
        """Returns the version's layout; of `ZS_VERSION`, else the package's, when none is set."""
        return settings.layout(self.version)

    def keep_report(self, acorn: Acorn, report: CommitReport) -> None:
        """Keep what a commit of this run did, for the checks of the table."""
        self._reports[acorn.name] = report

    def take_report(self, acorn: Acorn) -> CommitReport | None:
        """Returns what this run's commit of a table did, once; None where it made none."""
        return self._reports.pop(acorn.name, None)


class SourceResource(dg.ConfigurableResource[None]):
    """The source of the documents."""

    url: str = ""

    def open(self, catalogue: Catalogue) -> Source:
        """Returns the source; `ZS_SOURCE`, else the packaged sample, when no URL is set."""
        return open_source(settings.source_url(self.url), catalogue.reads.paths)


class SideFilesResource(dg.ConfigurableResource[None]):
    """The buckets of side files."""

    url: str = ""
    source: str = ""

    def open(self) -> Files:
        """Returns the buckets; from `ZS_FILES`, else the sample's or S3, when no URL is set."""
        return Files(settings.files_url(self.url, self.source))
