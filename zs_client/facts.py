"""The shape of a table's facts, `<table>.json`, which both the pipeline and the client read.

Facts are plain JSON. A writer of another version may add keys, and other writers keep them.
"""

from collections.abc import Mapping
from typing import Any, NotRequired, TypedDict


class FileFacts(TypedDict):
    """Facts of one file: of a partition, or of a table that is one file.

    Attributes:
        rows: Its number of rows.
        bytes: Its number of bytes.
        sha256: Its digest, by which it lies in `_objects/`.
        inputs: A digest of what it was made of.
        built_at: When its content last changed.
        values: The number of values in each column that identifies.
    """

    rows: int
    bytes: int
    sha256: str
    inputs: str
    built_at: str
    values: NotRequired[dict[str, int]]


class Size(TypedDict):
    """A table's size, with which later sizes are compared.

    Attributes:
        rows: The number of rows.
        values: The number of values in each column that identifies.
        partitions: The number of rows of each partition, of a fixed list of partitions.
    """

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
    """A table's facts: its declaration, its files, its sources and its state.

    Attributes:
        name: The acorn's name.
        table: Its name in the store.
        description: What a row is and how to join it.
        type: `metadata` (may be loaded whole), `asset` or `platform`.
        key: The columns whose values together identify a row.
        columns: The columns, in the file's order.
        partition_key: The column that splits the table; null for a table in one file.
        rows: The number of rows.
        rows_before: The number of rows before the last change.
        bytes: The number of bytes of parquet, without the one file of all rows.
        sha256: The digest of the file, or of the names and digests of the partitions' files.
        inputs: A digest of what the table in one file was made of.
        built_at: When the content last changed.
        checked_at: When the facts were last written.
        code_version: The version of the code that made the table.
        source_state: The state of each source that it was made from; none before the first build
            has ended.
        state: `fresh`, or `stale` while the table stays on earlier content.
        reason: Why the table is stale.
        partitions: The files that have rows, by segment, the partition's value percent-encoded.
        empty: What partitions without rows were made of, by segment.
        pending: The segments that each writer is placing.
        one_file: The one file of all rows of a partitioned table.
        values: The number of values in each column that identifies.
        sizes: Former sizes, the latest last.
        refused: The segments whose new content was refused.
        lost: The segments whose content the store lost.
        notes: What the table's code noted for the next build.
        held: Whether an earlier content is published, and builds go on elsewhere.
    """

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
    pending: dict[str, list[str]]
    one_file: NotRequired[OneFile]
    values: NotRequired[dict[str, int]]
    sizes: NotRequired[list[Size]]
    refused: NotRequired[list[str]]
    lost: NotRequired[list[str]]
    notes: NotRequired[dict[str, Any]]
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
