"""What a table's build hands to the store, and what a commit of it did."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, cast

import pyarrow as pa

from zs_client.facts import Facts
from zs_pipeline import arrow
from zs_pipeline.publishing.facts_file import FactsFile

# Of a report `bytes` is a number.
Body = bytes


@dataclass(frozen=True)
class PartitionUpdate:
    """The content of one partition, or of a whole table.

    Attributes:
        segment: The partition's encoded value; empty for a table that is not partitioned.
        content: The rows, or the file that they make; None removes the partition, and so do no
            rows in a dynamic one.
        inputs: What the content was made from, as a fingerprint.
    """

    segment: str
    content: pa.Table | arrow.File | None
    inputs: str = ""


@dataclass
class TableUpdate:
    """What an acorn's asset hands to the store.

    Attributes:
        parts: The partitions that may have changed; drawn one by one, so that memory stays flat.
        source_state: What the whole table is made from; None when only a part of it was looked at.
        code_version: The version of the acorn's code.
        skipped: Why nothing was computed; empty when it was.
        files: How many parts there are at most; 0 when that is not known.
        known: The facts that it was decided by, which `commit` takes; it reads them when None.
        counts: What was counted on the way, for people, by name.
        problems: What did not fit on the way, as sentences.
        notes: What the facts tell of the whole table beside its rows.
    """

    parts: Iterable[PartitionUpdate]
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
    """What a commit did.

    Attributes:
        rows: Rows of the whole table now.
        bytes: Its bytes.
        computed: Partitions that were computed.
        changed: Segments that were written.
        removed: Segments that were removed.
        empty: Segments that were looked at and have no rows, be it since now.
        refused: Why each partition of a fixed list that lost too many rows stayed as it was.
        facts: The facts as they lie in the store.
        looked_at: The file of the day as it lies at its fixed path, by segment.
        restored: Segments whose file others had altered, and that was placed again.
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
