"""The update that a table's build hands to the store, and the report of its commit."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, cast

import pyarrow as pa

from zs_client.facts import Facts
from zs_pipeline import arrow
from zs_pipeline.publishing.facts_file import FactsFile

# In `CommitReport`, `bytes` is a number.
Body = bytes


@dataclass(frozen=True)
class PartitionUpdate:
    """The content of one partition, or of a whole table.

    Attributes:
        segment: The partition's encoded value; empty for a table that is not partitioned.
        content: The rows or their file. None removes the partition; no rows remove a partition
            that is not of a fixed list.
        inputs: A fingerprint of the inputs of the content.
    """

    segment: str
    content: pa.Table | arrow.File | arrow.StoredFile | None
    inputs: str = ""


@dataclass
class TableUpdate:
    """The update of a table that an acorn's asset hands to the store.

    Attributes:
        partitions: The partitions that may have changed, one by one, so that memory stays flat.
        source_state: The inputs of the whole table; None when only some partitions were computed.
        code_version: The version of the acorn's code.
        skipped: Why nothing was computed; empty when something was.
        files: The largest possible number of partitions; 0 when unknown.
        known: The facts on which the plan is based; `commit` reads the facts when None.
        counts: Counts for people, by name.
        problems: Problems during the build, as sentences.
        notes: Notes about the whole table for its facts.
    """

    partitions: Iterable[PartitionUpdate]
    source_state: dict[str, str] | None
    code_version: str
    skipped: str = ""
    files: int = 0
    known: FactsFile | None = None
    counts: dict[str, int | str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    notes: dict[str, Any] = field(default_factory=dict)


@dataclass
class CommitReport:
    """The result of a commit.

    Attributes:
        rows: The number of rows of the whole table.
        bytes: The number of bytes of the whole table.
        computed: The number of partitions that were computed.
        changed: Segments that were written.
        removed: Segments that were removed.
        empty: Segments that were computed and have no rows.
        refused: By segment of a fixed list, why a partition that lost too many rows was refused.
        facts: The facts as they lie in the store.
        looked_at: The file of the day at its fixed path, by segment.
        restored: Segments whose file was altered by others and restored.
    """

    rows: int = 0
    bytes: int = 0
    computed: int = 0
    changed: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    empty: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    facts: Facts = field(default_factory=lambda: cast("Facts", {}))
    looked_at: dict[str, Body] = field(default_factory=dict)
    restored: list[str] = field(default_factory=list)
