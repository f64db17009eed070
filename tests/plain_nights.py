"""Builds of some tables on a folder, without Dagster."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from building import FOLDER, dump

from zs_client import user_tables
from zs_client.contract import Layout, __version__
from zs_client.opening import open_store
from zs_pipeline import arrow
from zs_pipeline.catalogue import Catalogue
from zs_pipeline.documents import update as documents
from zs_pipeline.publishing import commit, table_update
from zs_pipeline.side_files.files import Files
from zs_pipeline.source.choice import open_source
from zs_pipeline.tables.build import build
from zs_pipeline.tables.inputs import Surroundings

if TYPE_CHECKING:
    from zs_client.store import Store


class Nights:
    """A store in a folder, and builds of it.

    Args:
        folder: An empty folder.
        catalogue: The tables.
    """

    def __init__(self, folder: Path, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self.source, self.files = folder / "d.ndjson", folder / "files"
        self.files.mkdir(parents=True)
        (folder / "out").mkdir()
        self.store: Store = open_store(str(folder / "out"))

    def build(self, some: Iterable[dict[str, Any]]) -> dict[str, table_update.CommitReport]:
        """What each table's commit did."""
        dump(self.source, some)
        source = open_source(str(self.source), self.catalogue.reads.paths)
        documents.update(self.store, source, self.catalogue.reads)
        around = Surroundings(
            self.store,
            Layout(__version__),
            self.catalogue,
            Files(str(self.files)),
            user_tables.copies,
        )
        done = {}
        for acorn in self.catalogue.in_order:
            built = build(acorn, around)
            done[acorn.name] = commit.commit(
                self.store, Layout(__version__), acorn, built, accept_shrink=True
            )
        return done

    def rows(self, path: str) -> list[dict[str, Any]]:
        """The rows of a file in the version folder."""
        return arrow.decode(self.store.get(f"{FOLDER}/{path}")).to_pylist()
