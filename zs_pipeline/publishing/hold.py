"""Whether a version is rolled back, and where builds work meanwhile.

While an earlier snapshot is published, builds go on in a folder of their own, `_held/`: it has
facts, fixed paths and a registry as the version folder has, and shares objects and snapshots with
it. `zs_pipeline.publishing.rollback` begins and ends a hold; readers never look there.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from zs_client.contract import Layout
from zs_client.errors import StoreError
from zs_client.store import Store
from zs_pipeline import recent_reads, run_scope
from zs_pipeline.stored_json import parsed

# Of a record: earlier contents are being placed; they are published; the latest are being placed.
PLACING, HOLDING, RELEASING = "placing", "holding", "releasing"


@dataclass(frozen=True)
class HeldLayout(Layout):
    """The layout in which builds work while an earlier snapshot is published."""

    @property
    def held_folder(self) -> str:
        """The key of the folder in which builds work."""
        return f"{self.folder}/_held"

    @property
    def registry(self) -> str:
        """The key of the registry of what was built and is not published."""
        return f"{self.held_folder}/squirrel.json"

    def facts(self, table: str) -> str:
        """Returns the key of a table's facts as builds left them."""
        return f"{self.held_folder}/{table}.json"

    def table(self, table: str) -> str:
        """Returns the path of the latest content of a table that is not partitioned."""
        return f"{self.held_folder}/{table}.pqt"

    def table_folder(self, table: str) -> str:
        """Returns the key of the folder of the latest partitions of a table."""
        return f"{self.held_folder}/{table}"

    def location(self, url: str, entry: Mapping[str, Any]) -> str:
        """Returns the address of a table where readers find it once it is published."""
        return Layout(self.version).location(url, entry)


@dataclass(frozen=True)
class Hold:
    """An earlier snapshot that is published, and stays so until it is released.

    Attributes:
        snapshot: The snapshot's id.
        name: The name by which it was asked for; empty for its id.
        since: When the rollback began.
        phase: `placing`, `holding` or `releasing`.
    """

    snapshot: str
    name: str
    since: str
    phase: str

    @property
    def sentence(self) -> str:
        """What readers and keepers are told."""
        named = f"{self.name} ({self.snapshot})" if self.name else self.snapshot
        return (
            f"rolled back to snapshot {named} at {self.since}; builds publish nothing until "
            "`zs rollback --release`"
        )


def current(store: Store, layout: Layout) -> Hold | None:
    """Returns the hold of a version; None when what builds make is published.

    Raises:
        ValueError: The record of rollbacks cannot be read.
    """
    return _hold_in(store, layout, store.get_if_there(layout.rollback)[0])


def _hold_in(store: Store, layout: Layout, body: bytes | None) -> Hold | None:
    record = parsed(store, layout.rollback, body) or {}
    hold = record.get("hold")
    return Hold(**hold) if hold else None


def behind(store: Store, layout: Layout) -> Hold | None:
    """Returns the hold behind which a build works in a layout; None where it publishes."""
    return current(store, layout) if isinstance(layout, HeldLayout) else None


def layout_of_builds(store: Store, layout: Layout) -> Layout:
    """Returns the layout in which builds work: that of the version, or the held one.

    Raises:
        StoreError: A rollback or its release was begun and has not ended.
        ValueError: The record of rollbacks cannot be read.
    """
    # The runs of a night ask one after another. Each keeps the answer until it ends, and what it
    # writes is compared with facts that a rollback marks, so that some seconds more lose nothing.
    reads, within = run_scope.current().recent_reads, recent_reads.FEW_SECONDS
    body, _ = reads.get_if_there(store, layout.rollback, within=within)
    hold = _hold_in(store, layout, body)
    if hold is None:
        return layout
    if hold.phase != HOLDING:
        again = "--release" if hold.phase == RELEASING else hold.name or hold.snapshot
        raise StoreError(
            f"{store.url}: a rollback that was begun at {hold.since} has not ended; nothing is "
            f"built until it has. If it was killed, run `zs rollback {again}` again"
        )
    return HeldLayout(layout.version)
