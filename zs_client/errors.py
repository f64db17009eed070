"""Every error and warning that a reader can see; each message says what to do.

What a store raises for the modules above it, and no reader sees, is in `zs_client.store`.
"""

from zs_client.masking import masked


class AcornNotFound(LookupError):
    """What was asked for is not in the store; the message says where, and what is there."""


class SubjectNotFound(AcornNotFound):
    """No data asset has that subject; the message names subjects that are written alike."""


class SnapshotNotFound(AcornNotFound):
    """There is no snapshot of that id; the message names those that there are."""


class ReadError(Exception):
    """Something lies there and could not be read; `__cause__` is the error itself."""

    def __init__(self, said: str) -> None:
        super().__init__(masked(said))


class StoreError(Exception):
    """The store could not be opened or used; the message says what was tried and what to do."""

    def __init__(self, said: str) -> None:
        super().__init__(masked(said))


class Careless(StoreError):
    """The server does not honour conditional writes, on which it rests that nothing is lost."""


class Conflict(StoreError):
    """Another writer replaced the object since it was read; read it again and retry."""


# Programs that use `custom` catch a ValueError where there is no table yet, as it was until 0.28.6.
class CustomNotFound(AcornNotFound, ValueError):
    """There is no custom table of that name, or it never had that state."""


class CustomConflict(Conflict):
    """Another writer stored something since the state that was expected; nothing was stored."""


class QueryError(ValueError):
    """The query cannot be answered; the message is DuckDB's, and says what there is."""


class StaleTable(UserWarning):
    """A table stays on earlier content; the message says why. Told once for each in a process."""


# In messages and pickles each has the name under which it is imported.
for _public in (
    AcornNotFound,
    SubjectNotFound,
    SnapshotNotFound,
    ReadError,
    StoreError,
    CustomNotFound,
    CustomConflict,
    QueryError,
    StaleTable,
):
    _public.__module__ = "zs_client"
