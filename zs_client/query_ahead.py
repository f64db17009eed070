"""Begins to read over a network, while the SQL engine starts, what a query's text surely needs.

The text alone is looked at: a name in a string or comment costs a read that nothing uses, and never
a wrong answer. `zs_client.query` asks the engine's parser.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from zs_client import ahead, fetch, provenance
from zs_client.ahead import Ahead
from zs_client.place import Place
from zs_client.read_requests import TABLES

_WORD = re.compile(r"\w+")
# The facts alone answer it.
_COUNTS_ROWS = re.compile(r"\s*select\s+count\(\s*\*\s*\)(\s+(as\s+)?\w+)?\s+from\s+\w+\s*;?\s*")


class QueryAhead(NamedTuple):
    """What is being read for a query.

    Attributes:
        registry: Waits for the registry; None where it is not being read.
        tables: What is being read of tables all of whose partitions are needed, by folder.
    """

    registry: Callable[[], Any] | None
    tables: Mapping[str, Ahead]


def begin(query: Any, at: Place) -> QueryAhead:
    """Begin to read the registry, if the text names a table, and what goes over all partitions.

    Args:
        query: The query's text.
        at: The store and version.
    """
    store, layout = at
    text = str(query).lower()
    words = set(_WORD.findall(text))
    named = [table for table in TABLES if not words.isdisjoint(table[:2])]
    if not named or not store.is_remote:
        return QueryAhead(None, {})
    registry = provenance.begin(store, layout, fetch.get_json)
    # A condition on the partition's column may select few.
    folders = [folder for _, folder, column in named if column and column not in words]
    begin_table = ahead.begin_facts if _COUNTS_ROWS.fullmatch(text) else ahead.begin
    return QueryAhead(registry, {folder: begin_table(store, layout, folder) for folder in folders})
