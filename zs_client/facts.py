"""The shape of a table's facts, `<table>.json`, which both the pipeline and the client read.

Facts are plain JSON. A writer of another version may add keys, and other writers keep them.
"""

from collections.abc import Mapping
from typing import Any, NotRequired, TypedDict


class FileFacts(TypedDict):
    """Facts of one file: of a partition, or of a table that is one file."""

    rows: int
    bytes: int
    sha256: str
    inputs: str
    built_at: str
    values: NotRequired[dict[str, int]]


class Size(TypedDict):
    """A table's size, with which later sizes are compared."""

    rows: int
    values: NotRequired[dict[str, int]]
    partitions: NotRequired[dict[str, int]]


class OneFile(TypedDict):
    """Facts of the one file of all rows of a partitioned table.

    Attributes:
        rows: Its number of rows.
        bytes: Its number of bytes.
        sha256: Its digest.
        state: The table's digest, `sha256` of the facts, of the partitions that it was made of.
        behind: The segments whose content changed since.
        behind_of: The table's digest for which `behind` is right. A writer that knows no one file
            changes partitions without it.
    """

    rows: int
    bytes: int
    sha256: str
    state: str
    behind: list[str]
    behind_of: str


class Facts(TypedDict):
    """A table's facts: its declaration, its files, its sources and its state."""

    name: str
    table: str
    description: str
    type: str
    key: list[str]
    columns: list[dict[str, Any]]
    partition_key: str | None
    rows: int
    rows_before: int
    bytes: int
    sha256: str
    inputs: str
    built_at: str
    checked_at: str
    code_version: str
    source_state: dict[str, str]
    state: str
    reason: str | None
    partitions: dict[str, FileFacts]
    empty: dict[str, str]
    # The files that each writer is placing.
    pending: dict[str, list[str]]
    # Of a partitioned table whose first build has ended.
    one_file: NotRequired[OneFile]
    values: NotRequired[dict[str, int]]
    sizes: NotRequired[list[Size]]
    refused: NotRequired[list[str]]
    lost: NotRequired[list[str]]
    notes: NotRequired[dict[str, Any]]
    # Whether an earlier content is published, and builds go on elsewhere.
    held: NotRequired[bool]


def differing(files: Mapping[str, FileFacts], others: Mapping[str, FileFacts]) -> list[str]:
    """Returns the segments whose content differs between two states of a table, sorted."""
    return sorted(
        segment
        for segment in files.keys() | others.keys()
        if segment not in files
        or segment not in others
        or files[segment]["sha256"] != others[segment]["sha256"]
    )
