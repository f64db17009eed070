"""The shape of a table's facts, `<table>.json`, which both sides read.

They are plain JSON. A writer of another version may have put more keys there, and these stay.
"""

from typing import Any, NotRequired, TypedDict


class FileFacts(TypedDict):
    """What is told of one file: of a partition, or of a table that is one file."""

    rows: int
    bytes: int
    sha256: str
    inputs: str
    built_at: str
    values: NotRequired[dict[str, int]]


class Size(TypedDict):
    """How large a table was, to compare later ones with."""

    rows: int
    values: NotRequired[dict[str, int]]
    partitions: NotRequired[dict[str, int]]


class Facts(TypedDict):
    """What is told of a table: its declaration, its files, what it was made from, how it stands."""

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
    # Files that a writer is placing, by the writer.
    pending: dict[str, list[str]]
    values: NotRequired[dict[str, int]]
    sizes: NotRequired[list[Size]]
    refused: NotRequired[list[str]]
    lost: NotRequired[list[str]]
    notes: NotRequired[dict[str, Any]]
