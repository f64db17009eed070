"""The inputs of a table: its surroundings, the tables that it reads, and the documents.

The modules of the kinds make rows from them; how a table is written is in
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
    """A copy of a table that users store."""

    @property
    def key(self) -> str:
        """The key in the store."""

    @property
    def table(self) -> pa.Table:
        """The rows."""

    @property
    def state(self) -> str:
        """The name of the content."""

    @property
    def modified(self) -> datetime:
        """The time at which the object was written."""


@dataclass(frozen=True)
class Surroundings:
    """Where tables are built, and their inputs beside documents and tables.

    Attributes:
        custom_copies: Returns the copies of a stored table by its name, the copy in the users' home
            first; raises `AcornNotFound` where there is no copy.
        old_url: The database before the upgrade; empty when there is none.
        custom_samples: The folder of tables that replace missing stored tables.
        progress: Receives sentences about long pieces of work.
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
    """A table that another table is made from, in the state of the facts that were read."""

    store: Store
    layout: Layout
    acorn: Acorn
    facts: Facts

    def rows(self, columns: tuple[str, ...]) -> pa.Table:
        """Returns some columns of the content that the facts name, even if it changed since."""
        return read_content(self.store, self.layout, self.acorn, facts=self.facts, columns=columns)


def read_input(store: Store, layout: Layout, acorn: Acorn) -> Input:
    """Returns a table that another table is made from; its rows are read when needed.

    Raises:
        FileNotFoundError: The table was never built.
    """
    facts = read_facts(store, layout, acorn.table)
    if not facts or not entries(facts):
        raise FileNotFoundError(f"{acorn.name} is not in {store.url}; build it first")
    return Input(store, layout, acorn, facts)


class Inputs(Mapping[str, pa.Table]):
    """The tables that a table is made from, by name, each read when it is first needed.

    A night without a change reads facts alone. Only the columns are read that the acorn declares:
    100,000 rows of all columns of asset_basics are 100 MB.

    Args:
        acorn: The acorn to make.
        given: The input tables. Their state and rows both come from the same facts and agree.
    """

    def __init__(self, acorn: Acorn, given: Mapping[str, Input]) -> None:
        self._given = {read.table: given[read.table] for read in acorn.kind.tables}
        self._columns = {read.table: read.columns for read in acorn.kind.tables}
        self._tables: dict[str, pa.Table] = {}

    def __getitem__(self, name: str) -> pa.Table:
        if name not in self._tables:
            # In one piece, once: rows are taken from the table for each shard.
            self._tables[name] = self._given[name].rows(self._columns[name]).combine_chunks()
        return self._tables[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._given)

    def __len__(self) -> int:
        return len(self._given)

    def state(self) -> dict[str, str]:
        """Returns the digest of each table's content."""
        return {name: table.facts["sha256"] for name, table in self._given.items()}

    def load_documents(self, store: Store) -> DocumentState:
        """Load the documents, in the state of asset_basics where that is an input.

        Raises:
            FileNotFoundError: The documents are not in the store.
        """
        if ASSET_BASICS not in self._given:
            return load(store)
        return load(store, self._given[ASSET_BASICS].facts["source_state"]["documents"])
