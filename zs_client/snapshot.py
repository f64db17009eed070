"""Snapshots as readers name them: by an id, a name, a `Snapshot`, or a date.

`zs_client.published` lists them, `zs_client.pinned` finds the one that is named and reads it.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any


@dataclass(frozen=True)
class Snapshot:
    """A published state of all tables.

    Attributes:
        id: The id that `snapshot=` and `ZS_SNAPSHOT` take. The same contents have the same id.
        version: The version folder that the snapshot lies in.
        published_at: When these contents were first published.
        current: Whether the snapshot is the last published one of its version.
        tables: The number of rows of each table, by its name.
        rows: The number of rows of all tables.
        bytes: The number of bytes of parquet.
        name: The name that `zs release` gave it; None without a name.
    """

    id: str
    version: str
    published_at: datetime
    current: bool
    tables: Mapping[str, int]
    rows: int
    bytes: int
    name: str | None = None


# A date is the last snapshot published before it.
AnySnapshot = str | date | Snapshot | None


def text_of(snapshot: Any) -> str | None:
    """Returns the text that names a snapshot: an id, a name, or a date as ISO 8601 has it.

    Raises:
        TypeError: It is nothing that names a snapshot.
    """
    if snapshot is None or isinstance(snapshot, str):
        return snapshot
    if isinstance(snapshot, Snapshot):
        return snapshot.id
    if isinstance(snapshot, date):
        return snapshot.isoformat()
    raise TypeError(
        "a snapshot is named by the text of its id or name, by a Snapshot or by a date, "
        f"not {snapshot!r:.80}"
    )


def moment_of(text: str) -> datetime | None:
    """Returns the moment that a date or time in ISO 8601 is, in UTC without a zone; else None."""
    with suppress(ValueError):
        moment = datetime.fromisoformat(text)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return None
