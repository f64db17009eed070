"""Sorts and cuts the rows of a read: `order_by=`, `offset=` and `limit=`.

`zs_client.read` reads the rows.
"""

import operator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from zs_client import arrow_functions, filters

if TYPE_CHECKING:
    import pyarrow as pa

    from zs_client.read import ReadRequest


def unsorted(request: "ReadRequest") -> "ReadRequest":
    """Returns the request for the rows that `in_order` sorts and cuts: as few as suffice.

    Raises:
        ValueError: The limit or the offset is no number of rows.
    """
    _check_count("limit", request.limit)
    _check_count("offset", request.offset)
    limit, columns = request.limit, request.columns
    if request.order_by:
        limit = None if limit != 0 else 0
        # A column by which rows are sorted need not be returned.
        if columns is not None:
            columns = [*filters.texts(f"{request.folder}: columns=", columns), *orders(request)]
    elif limit:
        limit += request.offset
    return replace(request, limit=limit, columns=columns)


def _check_count(name: str, count: Any) -> None:
    if count is None and name == "limit":
        return
    if isinstance(count, bool) or not hasattr(count, "__index__") or operator.index(count) < 0:
        raise ValueError(f"{name}= is a number of rows, 0 or more, not {count!r:.80}")


def orders(request: "ReadRequest") -> dict[str, str]:
    """Returns the columns by which rows are sorted, and how."""
    return {
        name.removeprefix("-"): "descending" if name.startswith("-") else "ascending"
        for name in request.order_by
    }


def in_order(table: "pa.Table", request: "ReadRequest") -> "pa.Table":
    """Returns the rows sorted and cut, with the columns of a request; nulls come last.

    Raises:
        ValueError: There is no such column, or it cannot be sorted.
    """
    import pyarrow as pa

    if request.order_by:
        by = orders(request)
        for name in filters.chosen(tuple(by), table.schema, request.folder):
            kind = table.schema.field(name).type
            if pa.types.is_nested(kind):
                raise ValueError(
                    f"{request.folder}: order_by= takes columns of single values, and "
                    f"{filters.short(name)} has lists or maps"
                )
        table = arrow_functions.sorted_rows(table, by)
        table = table.select(filters.chosen(request.columns, table.schema, request.folder))
    return table.slice(request.offset, request.limit)
