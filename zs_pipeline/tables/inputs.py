"""What a table is built from: its surroundings, the tables that it looks at, and the documents.

What is made of them is for the modules of the kinds; how a table is read and written is in
`zs_pipeline.publishing.commit`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

import pyarrow as pa

from zs_client.contract import Layout
from zs_client.facts import Facts
from zs_client.store import Store
from zs_pipeline.catalogue import Catalogue
from zs_pipeline.declaration import ASSET_BASICS, Acorn
from zs_pipeline.documents.state import DocumentState, load
from zs_pipeline.publishing.facts_file import entries, read_content, read_facts
from zs_pipeline.side_files.files import Files


class CustomCopy(Protocol):
    """What lies in one of the places where a table that users store may lie."""

    @property
    def key(self) -> str:
        """Its key in the store."""

    @property
    def table(self) -> pa.Table:
        """Its rows."""

    @property
    def state(self) -> str:
        """The name of its content."""

    @property
    def modified(self) -> datetime:
        """When it was written there."""


@dataclass(frozen=True)
class Surroundings:
    """Where tables are built, and what they are built from beside the documents and each other.

    Attributes:
        store: The store.
        layout: The layout of the version.
        catalogue: All tables.
        files: The buckets of side files.
        custom_copies: Returns the copies of a table that users store, by its name, the one in their
            home first; raises `AcornNotFound` where there is none.
        old_url: The database before the upgrade; empty when there is none.
        custom_samples: The folder of tables that stand in for stored ones that are not there.
        progress: Told how far a long piece of work is.
    """

    store: Store
    layout: Layout
    catalogue: Catalogue
    files: Files
    custom_copies: Callable[[Store, str], Sequence[CustomCopy]]
    old_url: str = ""
    custom_samples: Path | None = None
    progress: Callable[[str], None] = lambda _: None


@dataclass(frozen=True)
class Input:
    """A whole table that an acorn is made from, as its facts were when they were read.

    Attributes:
        store: Where it lies.
        layout: The layout of the version.
        acorn: The declaration.
        facts: Its facts.
    """

    store: Store
    layout: Layout
    acorn: Acorn
    facts: Facts

    def rows(self, columns: tuple[str, ...]) -> pa.Table:
        """Returns some columns of the rows that the facts name, whoever has written since."""
        return read_content(self.store, self.layout, self.acorn, facts=self.facts, columns=columns)


def read_input(store: Store, layout: Layout, acorn: Acorn) -> Input:
    """Returns the facts of a table that an acorn is made from; rows are read when looked at.

    Raises:
        FileNotFoundError: It was never built.
    """
    facts = read_facts(store, layout, acorn.table)
    if not facts or not entries(facts):
        raise FileNotFoundError(f"{acorn.name} is not in {store.url}; build it first")
    return Input(store, layout, acorn, facts)


class Inputs(Mapping[str, pa.Table]):
    """The tables that an acorn is made from by name, each read when it is first looked at.

    A night without a change looks at facts alone. A table has no columns but those that the acorn
    says it looks at: 100,000 rows of all columns of asset_basics are 100 MB.

    Args:
        acorn: The acorn that is made.
        given: Each table as it was when its facts were read. State and rows are both taken by
            those facts, so that they agree.
    """

    def __init__(self, acorn: Acorn, given: Mapping[str, Input]) -> None:
        self._given = {read.table: given[read.table] for read in acorn.kind.tables}
        self._columns = {read.table: read.columns for read in acorn.kind.tables}
        self._tables: dict[str, pa.Table] = {}

    def __getitem__(self, name: str) -> pa.Table:
        if name not in self._tables:
            # In one piece, once: what takes rows of it does so for each shard.
            self._tables[name] = self._given[name].rows(self._columns[name]).combine_chunks()
        return self._tables[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._given)

    def __len__(self) -> int:
        return len(self._given)

    def state(self) -> dict[str, str]:
        """Returns what identifies the content of each."""
        return {name: table.facts["sha256"] for name, table in self._given.items()}

    def load_documents(self, store: Store) -> DocumentState:
        """Load the documents: the state that asset_basics was built from, where it is looked at.

        Raises:
            FileNotFoundError: They are not in the store.
        """
        if ASSET_BASICS not in self._given:
            return load(store)
        return load(store, self._given[ASSET_BASICS].facts["source_state"]["documents"])
