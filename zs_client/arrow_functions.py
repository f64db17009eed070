"""Arrow's functions on columns and tables, without loading `pyarrow.compute`.

Loaded, that module makes a Python function with a docstring of each of Arrow's 286: 25 ms, six
times what it takes to filter the rows of one animal. The methods of tables and columns load it too.
Functions and arguments are those of `pyarrow.compute`.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

# Columns, tables and single values.
Datum = Any


def call(name: str, *arguments: Datum, options: Any = None) -> Any:
    """Returns the result of the Arrow function of a name."""
    return _arrow().call_function(name, list(arguments), options)


def is_in(column: Datum, value_set: "pa.Array", *, skip_nulls: bool = False) -> Any:
    """Returns for each value whether it is among some values; by default a null may be among."""
    return call(
        "is_in", column, options=_arrow().SetLookupOptions(value_set, skip_nulls=skip_nulls)
    )


def index_in(column: Datum, value_set: "pa.Array") -> Any:
    """Returns for each value its position among some values."""
    return call("index_in", column, options=_arrow().SetLookupOptions(value_set, skip_nulls=False))


def match_substring(column: Datum, pattern: str) -> Any:
    """Returns for each text whether it has a part."""
    return call("match_substring", column, options=_arrow().MatchSubstringOptions(pattern))


def fill_null(column: Datum, value: "pa.Scalar") -> Any:
    """Returns a column with a value in place of nulls."""
    return call("coalesce", column, value)


def lower(texts: Datum) -> Any:
    """Returns texts in small letters."""
    return call("utf8_lower", texts)


def both(left: Datum, right: Datum) -> Any:
    """Returns where both of two columns of truth values are true."""
    return call("and", left, right)


def either(left: Datum, right: Datum) -> Any:
    """Returns where one of two columns of truth values is true."""
    return call("or", left, right)


def count_true(mask: Datum) -> int:
    """Returns how many truth values are true."""
    options = _arrow().ScalarAggregateOptions(skip_nulls=True, min_count=0)
    return int(call("sum", mask, options=options).as_py())


def running_sum(column: Datum) -> Any:
    """Returns for each number the sum of all up to it."""
    return call("cumulative_sum", column, options=_arrow().CumulativeOptions())


def is_null(column: Datum) -> Any:
    """Returns for each value whether it is null."""
    return call("is_null", column, options=_arrow().NullOptions())


def cast(column: Datum, kind: "pa.DataType") -> Any:
    """Returns values in another type.

    Raises:
        pyarrow.ArrowException: The type cannot hold a value.
    """
    return call("cast", column, options=_arrow().CastOptions.safe(kind))


def rows_of(table: Datum, mask: Datum) -> Any:
    """Returns the rows, or values, where a column of truth values is true."""
    return call("filter", table, mask, options=_arrow().FilterOptions())


def take(table: Datum, positions: Datum) -> Any:
    """Returns the rows, or values, at some positions."""
    return call("take", table, positions, options=_arrow().TakeOptions())


def sorted_rows(table: "pa.Table", by: Mapping[str, str]) -> "pa.Table":
    """Returns rows sorted by columns, each `ascending` or `descending`; nulls are last."""
    options = _arrow().SortOptions(sort_keys=list(by.items()))
    return take(table, call("sort_indices", table, options=options))


def _arrow() -> Any:
    """Returns the module with what `pyarrow.compute` is made of."""
    try:
        from pyarrow import _compute as arrow
    except ImportError:
        import pyarrow.compute as arrow
    return arrow
