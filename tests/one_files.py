"""What readers get of all partitions of a table, compared with what they get of each.

Nothing here is a test.
"""

import hashlib
from typing import Any

import pyarrow as pa

from zs_client import read
from zs_client.contract import Layout, decode_partition
from zs_client.read import ReadRequest
from zs_client.store import Store
from zs_pipeline import arrow
from zs_pipeline.declaration import Acorn
from zs_pipeline.publishing.facts_file import read_facts


def rows_of_all(store: Store, layout: Layout, acorn: Acorn, **more: Any) -> pa.Table:
    """The rows of all partitions, as a reader gets them."""
    request = ReadRequest(acorn.name, acorn.table, partition=acorn.partition, **more)
    return read.content(request, (store, layout)).replace_schema_metadata(None)


def rows_of_each(store: Store, layout: Layout, acorn: Acorn, **more: Any) -> pa.Table:
    """The rows of all partitions, each read by itself."""
    facts: Any = read_facts(store, layout, acorn.table)
    values = more.pop("parts", None) or [decode_partition(s) for s in facts["partitions"]]
    limit = more.pop("limit", None)
    tables = [rows_of_all(store, layout, acorn, parts=(value,), **more) for value in values]
    joined = pa.concat_tables(tables) if tables else rows_of_all(store, layout, acorn, **more)
    return joined if limit is None else joined.slice(0, limit)


def by_partition(content: pa.Table, column: str) -> dict[str | None, list[dict[str, Any]]]:
    """The rows of each partition, without its value."""
    found: dict[str | None, list[dict[str, Any]]] = {}
    for row in content.to_pylist():
        found.setdefault(row.pop(column), []).append(row)
    return found


def assert_alike(store: Store, layout: Layout, acorn: Acorn) -> None:
    """All partitions at once are what each of them is."""
    assert rows_of_all(store, layout, acorn).equals(rows_of_each(store, layout, acorn))


def assert_current(store: Store, layout: Layout, acorn: Acorn) -> None:
    """The one file of a table holds the rows of all partitions as they are now."""
    facts: Any = read_facts(store, layout, acorn.table)
    body = store.get(layout.table(acorn.table))
    found = arrow.opened(body)
    assert found.metadata.metadata[b"zs_state"].decode() == facts["sha256"]
    said = facts["one_file"]
    assert said["state"] == said["behind_of"] == facts["sha256"]
    assert said["behind"] == []
    assert said["sha256"] == hashlib.sha256(body).hexdigest()
    assert (said["bytes"], said["rows"]) == (len(body), facts["rows"])
    rows, each = found.read(), rows_of_each(store, layout, acorn)
    assert rows.column_names == each.column_names
    assert rows.to_pydict() == each.to_pydict()
    assert_alike(store, layout, acorn)
