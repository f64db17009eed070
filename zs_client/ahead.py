"""What of a partitioned table is being read already, while something else is waited for.

`zs_client.read` and `zs_client.query_ahead` begin it; `zs_client.one_file` says if the file serves.
"""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple

from zs_client import fetch, work
from zs_client.contract import Layout
from zs_client.errors import AcornNotFound
from zs_client.parquet import File
from zs_client.parquet_of_store import SMALL, has_parts, opened
from zs_client.store import Reader


class Ahead(NamedTuple):
    """What is being read of a table.

    Attributes:
        facts: Waits for the table's facts; None if there are none.
        one_file: Waits for the one file of all rows; None where it is not being opened.
    """

    facts: Callable[[], dict[str, Any] | None]
    one_file: Callable[[], File] | None


def begin(store: Reader, layout: Layout, folder: str) -> Ahead:
    """Begin to read a table's facts, and to open the one file of all rows.

    The facts say whether the file serves. It is not opened where the local cache has it.
    """
    ahead, key = begin_facts(store, layout, folder), layout.table(folder)
    # A snapshot has no such file.
    with suppress(FileNotFoundError, AcornNotFound):
        if not store.is_cached(key) and not has_parts(store, key):
            file = work.begin(partial(opened, store, key, small=SMALL, keep_parts=True))
            return ahead._replace(one_file=file)
    return ahead


def begin_facts(store: Reader, layout: Layout, folder: str) -> Ahead:
    """Begin to read a table's facts."""
    return Ahead(work.begin(partial(fetch.facts, store, layout, folder)), None)
