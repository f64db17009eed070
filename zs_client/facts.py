"""The shape of a table's facts, `<table>.json`, which both the pipeline and the client read.

Facts are plain JSON. A writer of another version may add keys, and other writers keep them.
"""

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
    values: NotRequired[dict[str, int]]
    sizes: NotRequired[list[Size]]
    refused: NotRequired[list[str]]
    lost: NotRequired[list[str]]
    notes: NotRequired[dict[str, Any]]
    # Whether an earlier content is published, and builds go on elsewhere.
    held: NotRequired[bool]
