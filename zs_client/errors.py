"""The errors and warnings that readers see; each message says what to do.

Errors that only the client's own modules see are in `zs_client.store`.
"""

from zs_client.masking import masked


class AcornNotFound(LookupError):
    """The store lacks a table, partition or column; the message says where, and what is there."""


class SubjectNotFound(AcornNotFound):
    """No data asset has that subject; the message names subjects with similar ids."""


class SnapshotNotFound(AcornNotFound):
    """There is no snapshot with that id; the message names the snapshots that exist."""


class _Masked(Exception):
    """An error without secrets in its message."""

    def __init__(self, message: str) -> None:
        super().__init__(masked(message))


class ReadError(_Masked):
    """A file is there and could not be read; `__cause__` is the original error."""


class StoreError(_Masked):
    """The store could not be opened or used; the message says what was tried and what to do."""


class Careless(StoreError):
    """The server does not honour conditional writes, so that concurrent writers could lose work."""


class Conflict(StoreError):
    """Another writer replaced the object after it was read; read the object again and retry."""


# Until 0.28.6 a missing table was a ValueError, which programs that use `custom` catch.
class CustomNotFound(AcornNotFound, ValueError):
    """There is no custom table with that name, or the table never had that state."""


class CustomConflict(Conflict):
    """Another writer stored a newer state than the expected one; nothing was stored."""


class QueryError(ValueError):
    """The query cannot be answered; the message is DuckDB's, and says what there is."""


class NoSuchValue(UserWarning):
    """A filter's value occurs nowhere in its column; the message names the nearest values.

    Of numbers it names the least and the greatest.
    """


class StaleTable(UserWarning):
    """A table stays on earlier content, and the message says why; once per table and process."""


# Messages and pickles use the names under which these classes are imported.
for _public in (
    AcornNotFound,
    SubjectNotFound,
    SnapshotNotFound,
    ReadError,
    StoreError,
    CustomNotFound,
    CustomConflict,
    QueryError,
    NoSuchValue,
    StaleTable,
):
    _public.__module__ = "zs_client"
