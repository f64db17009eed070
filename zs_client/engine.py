"""The SQL engine of this process: a DuckDB database in memory that queries share.

Each query has a connection of its own, with its own tables and views, in `zs_client.query`. Opening
and closing a database took 11 to 20 ms, a further connection takes 0.02.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from zs_client import remembered, work

if TYPE_CHECKING:
    import duckdb

_lock = work.Lock()


@contextmanager
def connection(config: Mapping[str, str]) -> "Iterator[duckdb.DuckDBPyConnection]":
    """Open a block with a connection to the database that has a configuration.

    Args:
        config: DuckDB's settings and their values.
    """
    import duckdb

    databases, name = remembered.databases, tuple(sorted(config.items()))
    with _lock:
        if name not in databases:
            _close_before_forks()
            databases[name] = duckdb.connect(config=dict(config))
        cursor = databases[name].cursor()
    with cursor:
        yield cursor


def takes_encoded() -> bool:
    """Returns whether texts may be given to the engine as dictionaries.

    Some full joins of them ended the process in DuckDB 1.2.0, 1.3.2 and 1.4.4. Those of 1.5.5 and
    2.0 answered 6,000 random queries as they did over texts.
    """
    import duckdb

    return tuple(map(int, duckdb.__version__.split(".")[:2])) >= (1, 5)


_is_watching: list[bool] = []


def _close_before_forks() -> None:
    """Close the databases before each fork of this process, from now on.

    A forked process has none of a database's threads: closing it there ended the process with a
    crash or never (DuckDB 2.0), and leaving it open fills its last output with warnings.
    """
    if not _is_watching and hasattr(os, "register_at_fork"):
        os.register_at_fork(before=remembered.databases.clear)
        _is_watching.append(True)
