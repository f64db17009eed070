"""Dagster's resources: the store, the source and the side files that a run's configuration names.

What is read or written with them is the business of the assets, the checks and the IO manager.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import dagster as dg
from pydantic import PrivateAttr

from zs_client.store import Store
from zs_pipeline import processes, scratch, settings
from zs_pipeline.catalogue import Catalogue
from zs_pipeline.declaration import Acorn
from zs_pipeline.orchestration import events
from zs_pipeline.publishing.commit import Report
from zs_pipeline.side_files.buckets import Files
from zs_pipeline.source import Source, open_source

# Folders of this process, by the store's URL. No configuration: that is a part of the job that
# Dagster stores, anew when it differs.
_in_use: dict[str, Path] = {}


class StoreResource(dg.ConfigurableResource[None]):
    """The store and the version folder that tables are written to."""

    url: str = ""
    version: str = ""
    accept_shrink: bool = False
    _opened: Store | None = PrivateAttr(default=None)
    # What this run committed and has not checked yet, by acorn.
    _reports: dict[str, Report] = PrivateAttr(default_factory=dict)
    _while_running: ExitStack = PrivateAttr(default_factory=ExitStack)

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """Open the store for a run, with a folder near by for what never changes."""
        url = settings.store_url(self.url)
        near = self._while_running.enter_context(near_by(url))
        self._opened = settings.writable_store(url, near=near)
        if context.instance:
            self._while_running.enter_context(events.held_open(context.instance))
        self._while_running.enter_context(processes.held())

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:  # noqa: ARG002
        """Remove that folder."""
        self._opened = None
        self._while_running.close()

    def open(self) -> Store:
        """Returns the store; `ZS_STORE`, else the current folder, when no URL is set."""
        return self._opened or settings.writable_store(settings.store_url(self.url))

    def folder(self) -> str:
        """Returns the version; `ZS_VERSION`, else the package's, when none is set."""
        return settings.version(self.version)

    def keep_report(self, acorn: Acorn, report: Report) -> None:
        """Keep what a commit of this run did, for the checks of the table."""
        self._reports[acorn.name] = report

    def take_report(self, acorn: Acorn) -> Report | None:
        """Returns what this run's commit of a table did, once; None where it made none."""
        return self._reports.pop(acorn.name, None)


@contextmanager
def near_by(url: str) -> Iterator[Path | None]:
    """A folder for what never changes on S3, removed afterwards; None for another kind of store.

    Within another one of the same store it is that one. What killed runs left behind is removed.
    """
    if not url.startswith("s3://") or url in _in_use:
        yield _in_use.get(url)
        return
    with ExitStack() as stack:
        try:
            near = stack.enter_context(scratch.folder())
        except OSError:
            # A full disk costs requests, nothing more.
            yield None
            return
        _in_use[url] = near
        try:
            yield near
        finally:
            del _in_use[url]


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
