"""Filters of rows and columns: turns the arguments of a call into tests of a table's columns.

A filter is a column's name, or `…_contains`, `…_after`, `…_before`, `…_min` or `…_max`.
`zs_client.read` chooses the table and its store.
"""

import math
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from functools import reduce
from types import EllipsisType
from typing import TYPE_CHECKING, Any

from zs_client import arrow_functions, kinds
from zs_client.parquet import File

if TYPE_CHECKING:
    import pyarrow as pa

Value = str | int | float | bool | date | None
# A filter's argument: a value, or several of which one has to fit. None is null; `...` lets all
# rows through.
Values = Value | Iterable[Value] | EllipsisType
Text = str | int | None | Iterable[str | int | None] | EllipsisType
Flag = bool | EllipsisType
Time = str | date | EllipsisType
Names = str | Iterable[str] | None

# Names of filters for columns with other names, which may differ between tables.
ALIASES = {
    "modality": ("modalities",),
    "tag": ("tags",),
    "acquired": ("acquisition_start_time", "timestamp"),
}
# Arguments of earlier programs and of other functions, and what to do instead.
NEVER_FILTERS = {
    "force_update": "reading never builds a table, so leave it out",
    "store": "ZS_STORE or configure(store=…) names the store",
    "store_url": "ZS_STORE or configure(store=…) names the store",
    "version": "ZS_VERSION names the version folder",
}
_SHOWN = 80


@dataclass(frozen=True)
class Test:
    """A test of one column.

    Attributes:
        column: The column's name.
        mask: Returns for each value whether it passes; never null.
        may: Returns whether a row group with these statistics may have a value that passes.
        texts: The texts that a filter by value compares; none for other filters.
        numbers: The numbers that it compares.
        ignores_case: Whether these are compared without regard to case.
    """

    column: str
    mask: "Callable[[pa.ChunkedArray], pa.ChunkedArray | pa.Array]"
    may: Callable[[Any], bool]
    texts: tuple[str, ...] = ()
    numbers: tuple[Any, ...] = ()
    ignores_case: bool = False


def chosen(columns: Names, schema: "pa.Schema", where: str) -> list[str]:
    """Returns the names of the columns that `columns=` names, in that order.

    Raises:
        ValueError: There is no such column; the message lists the table's columns.
    """
    if columns is None:
        return list(schema.names)
    column_names = texts(f"{where}: columns=", columns)
    for name in column_names:
        if name not in schema.names:
            raise ValueError(
                f"{where}: there is no column {short(name)}. {near(name, schema.names)}"
            )
    if not column_names:
        raise ValueError(f"{where}: columns= names no column. {near('', schema.names)}")
    return list(dict.fromkeys(column_names))


def texts(what: str, given: Any) -> list[Any]:
    """Returns a list of a text, or of the entries of an iterable, which may be anything.

    Raises:
        TypeError: The argument is neither.
    """
    if isinstance(given, str):
        return [given]
    if isinstance(given, Iterable) and not isinstance(given, bytes):
        return values(given)
    raise TypeError(f"{what} takes a text or several, not {short(given)}")


def near(name: Any, names: Sequence[str], close_to: Sequence[str] = ()) -> str:
    """Returns a sentence that lists names, first those of both lists that are spelled alike."""
    import difflib

    spellings = {other.casefold(): other for other in [*close_to, *names]}
    folded = str(name)[:_SHOWN].casefold()
    close = [spellings[s] for s in difflib.get_close_matches(folded, spellings, n=3, cutoff=0.5)]
    rest = [other for other in names if other not in close]
    return f"There are {', '.join([*close, *rest]) or 'none'}"


def tests(filters: Mapping[str, Any], schema: "pa.Schema", where: str) -> list[Test]:
    """Returns the tests for filters.

    Raises:
        ValueError: There is no such filter, or its value does not fit the column; the message
            lists the filters.
        TypeError: A value's type does not fit the column.
    """
    return [_test(name, value, schema, where) for name, value in filters.items()]


def values(argument: Any) -> list[Any]:
    """Returns the values of an argument, which is a value or several.

    Raises:
        TypeError: It is a frame, whose columns' names would be taken for values.
    """
    if hasattr(argument, "columns"):
        raise TypeError("a frame is not a list of values: name one of its columns")
    if hasattr(argument, "to_pylist"):
        # Items of Arrow's arrays are scalars.
        return list(argument.to_pylist())
    if isinstance(argument, Iterable) and not isinstance(argument, str | bytes):
        return list(argument)
    return [argument]


def select(
    file: File,
    column_names: Sequence[str],
    column_tests: Sequence[Test],
    limit: int | None,
    counts: list[int] | None = None,
    read: "Callable[[Sequence[int], Sequence[str]], pa.Table] | None" = None,
) -> "pa.Table":
    """Returns the rows of a file that pass all tests, in the file's order, up to the limit.

    Only row groups that may have such rows are read. Of a row group without such rows only the
    tested columns are read.

    Args:
        file: The file.
        column_names: The columns to return.
        column_tests: The tests.
        limit: The largest number of rows; None for all.
        counts: Gets the number of rows that pass, whatever the limit.
        read: Reads the columns to return of some row groups; `file.read` when None.
    """
    import pyarrow as pa

    groups = [
        group
        for group in file.groups
        if all(test.may(file.statistics(group, test.column)) for test in column_tests)
    ]
    masks: dict[int, pa.Array | None] = {}
    counted: dict[int, int] = {}
    tested = list(dict.fromkeys(test.column for test in column_tests))
    if tested:
        content = file.read(groups, tested)
        start = 0
        for group in groups:
            rows = content.slice(start, file.rows(group))
            start += rows.num_rows
            mask = reduce(
                arrow_functions.both, [test.mask(rows[test.column]) for test in column_tests]
            )
            mask = mask.combine_chunks() if isinstance(mask, pa.ChunkedArray) else mask
            if count := arrow_functions.count_true(mask):
                masks[group], counted[group] = mask, count
    else:
        masks = dict.fromkeys(groups)
    read_groups, count = [], 0
    for group, mask in masks.items():
        if limit is None or count < limit:
            read_groups.append(group)
        count += file.rows(group) if mask is None else counted[group]
    content = (read or file.read)(read_groups, column_names)
    # Not before: a file that changes while it is read is read again.
    if counts is not None:
        counts.append(count)
    if tested:
        flags = [masks[group] for group in read_groups]
        content = arrow_functions.rows_of(content, pa.chunked_array(flags, pa.bool_()))
    return content if limit is None else content.slice(0, limit)


def _test(name: str, value: Any, schema: "pa.Schema", where: str) -> Test:
    import pyarrow as pa

    column = _column(name, schema)
    if column is not None:
        kind = schema.field(column).type
        if _is_filter(kind):
            return _equal(name, column, value, kind, where)
        kind_name = "map" if pa.types.is_map(kind) else kind
        raise ValueError(
            f"{where}: {name} is a {kind_name}, and no filter. {_available_filters(name, schema)}"
        )
    stem, _, ending = name.rpartition("_")
    column = _column(stem, schema)
    if column is not None:
        kind = schema.field(column).type
        if ending == "contains" and _is_text(kind):
            return _contains(name, column, value, kind, where)
        if ending in ("after", "before") and _has_order(kind):
            return _border(name, column, value, kind, where)
        if ending in ("min", "max") and kinds.is_number(kind):
            return _border(name, column, _whole(name, value, kind), kind, where)
    if name in NEVER_FILTERS:
        raise ValueError(f"{where}: there is no filter {short(name)}: {NEVER_FILTERS[name]}")
    raise ValueError(
        f"{where}: there is no filter {short(name)}. {_available_filters(name, schema)}"
    )


def _available_filters(name: str, schema: "pa.Schema") -> str:
    """Returns sentences that list the filters, first those that are spelled like a name."""
    plain = [field.name for field in schema if _is_filter(field.type)]
    aliases = [alias for alias in ALIASES if alias not in plain and _column(alias, schema)]
    texts = [f"{field.name}_contains" for field in schema if _is_text(field.type)]
    ordered = [f.name for f in schema if _has_order(f.type)] + aliases
    borders = [f"{column}_{kind}" for column in ordered for kind in ("after", "before")]
    numbers = [field.name for field in schema if kinds.is_number(field.type)]
    borders += [f"{column}_{kind}" for column in numbers for kind in ("min", "max")]
    acquired = ["acquired_after", "acquired_before"] if "acquired" in aliases else []
    names = [*plain, *(alias for alias in aliases if alias != "acquired"), *acquired]
    return (
        f"{near(name, names, texts + borders)}; texts also have …_contains, texts and times "
        "…_after and …_before, numbers …_min and …_max"
    )


def _column(name: str, schema: "pa.Schema") -> str | None:
    return next((c for c in (name, *ALIASES.get(name, ())) if c in schema.names), None)


def _is_text(kind: "pa.DataType") -> bool:
    """Returns whether a column is compared as text, as is a column without any value."""
    import pyarrow as pa

    return kinds.is_text(kind) or bool(pa.types.is_null(kind))


def _has_order(kind: "pa.DataType") -> bool:
    return _is_text(kind) or kinds.is_time(kind)


def _compared_type(kind: "pa.DataType") -> "pa.DataType":
    """Returns the type in which a column is compared: text for a column without any value."""
    import pyarrow as pa

    return pa.string() if pa.types.is_null(kind) else kind


def _is_filter(kind: "pa.DataType") -> bool:
    import pyarrow as pa

    inner = kind.value_type if kinds.is_list(kind) else kind
    return not (pa.types.is_nested(inner) or pa.types.is_binary(inner))


def _equal(name: str, column: str, value: Any, kind: "pa.DataType", where: str) -> Test:
    import pyarrow as pa

    inner = _compared_type(kind.value_type if kinds.is_list(kind) else kind)
    entries = [_fit(name, entry, inner, where) for entry in values(value)]
    # As in `raw_to_derived`: documents have both SPIM and spim.
    ignores_case = name == "modality" and kinds.is_text(inner)
    value_set = kinds.array(entries, inner)
    if ignores_case:
        value_set = arrow_functions.lower(value_set)

    def is_in(array: "pa.ChunkedArray | pa.Array") -> "pa.ChunkedArray | pa.Array":
        array = _in_type(array, inner)
        array = arrow_functions.lower(array) if ignores_case else array
        return arrow_functions.is_in(array, value_set)

    def has_entry(lists: "pa.ChunkedArray") -> "pa.Array":
        array = lists.combine_chunks()
        hits = arrow_functions.rows_of(
            arrow_functions.call("list_parent_indices", array),
            is_in(arrow_functions.call("list_flatten", array)),
        )
        one = kinds.scalar(1, hits.type)
        ends = arrow_functions.running_sum(pa.repeat(one, len(array)))
        mask = arrow_functions.is_in(arrow_functions.call("subtract", ends, one), hits)
        if None not in entries:
            return mask
        return arrow_functions.either(mask, arrow_functions.is_null(array))

    def may(statistics: Any) -> bool:
        if statistics is None or not statistics.has_min_max or not statistics.has_null_count:
            return True
        return any(
            statistics.null_count > 0
            if entry is None
            else statistics.min <= entry <= statistics.max
            for entry in entries
        )

    # The statistics count an empty list and a null list alike.
    is_nullable_list = kinds.is_list(kind) and None in entries
    may_be_any = ignores_case or is_nullable_list or pa.types.is_floating(kind)
    mask = has_entry if kinds.is_list(kind) else is_in
    distinct = tuple(dict.fromkeys(entry for entry in entries if entry is not None))
    return Test(
        column,
        mask,
        (lambda _: True) if may_be_any else may,
        texts=distinct if kinds.is_text(inner) else (),
        numbers=distinct if kinds.is_number(inner) else (),
        ignores_case=ignores_case,
    )


def _contains(name: str, column: str, value: Any, kind: "pa.DataType", where: str) -> Test:
    import pyarrow as pa

    substrings = values(value)
    for substring in substrings:
        if not isinstance(substring, str):
            raise TypeError(f"{where}: {name} takes a text, not {short(substring)}")
        _encodable(name, substring, where)

    def mask(array: "pa.ChunkedArray") -> "pa.ChunkedArray":
        array = _in_type(array, _compared_type(kind))
        passed = arrow_functions.is_in(array, array.slice(0, 0).combine_chunks())
        # `ignore_case=True` takes seconds for a text of 10,000 characters (pyarrow 26).
        lower = arrow_functions.lower(array)
        for substring in substrings:
            part = arrow_functions.lower(kinds.scalar(substring, pa.string())).as_py()
            hits = _without_nulls(arrow_functions.match_substring(lower, part))
            passed = arrow_functions.either(passed, hits)
        return passed

    return Test(column, mask, lambda _: True)


def _border(name: str, column: str, value: Any, kind: "pa.DataType", where: str) -> Test:

    if value is None:
        wants = "a number" if kinds.is_number(kind) else "a time or a text"
        raise TypeError(f"{where}: {name} takes {wants}; leave it out for all rows")
    kind = _compared_type(kind)
    border = _fit(name, value, kind, where)
    if border is None:
        raise TypeError(f"{where}: {name} takes no missing value; leave it out for all rows")
    scalar = kinds.scalar(border, kind)
    # At or after, and before; but a range of numbers has both its ends.
    _, _, ending = name.rpartition("_")
    compare, passes = {
        "after": ("greater_equal", operator.ge),
        "min": ("greater_equal", operator.ge),
        "before": ("less", operator.lt),
        "max": ("less_equal", operator.le),
    }[ending]
    is_lower = ending in ("after", "min")

    def may(statistics: Any) -> bool:
        if statistics is None or not statistics.has_min_max:
            return True
        return bool(passes(statistics.max if is_lower else statistics.min, border))

    def mask(array: "pa.ChunkedArray") -> "pa.ChunkedArray":
        return _without_nulls(arrow_functions.call(compare, _in_type(array, kind), scalar))

    return Test(column, mask, may)


def _in_type(array: "pa.ChunkedArray", kind: "pa.DataType") -> "pa.ChunkedArray":
    return array if array.type == kind else arrow_functions.cast(array, kind)


def _without_nulls(mask: "pa.ChunkedArray") -> "pa.ChunkedArray":
    import pyarrow as pa

    return arrow_functions.fill_null(mask, kinds.scalar(value=False, kind=pa.bool_()))


def _whole(name: str, value: Any, kind: "pa.DataType") -> Any:
    """Returns a border between whole numbers as the next one inside of it."""
    import pyarrow as pa

    if isinstance(value, float) and math.isfinite(value) and pa.types.is_integer(kind):
        return math.ceil(value) if name.endswith("_min") else math.floor(value)
    return value


def _fit(name: str, value: Any, kind: "pa.DataType", where: str) -> Any:
    """Returns a filter's value in the column's type."""
    import pyarrow as pa

    # pandas's nulls are not equal to themselves, or refuse the comparison.
    if value is None or type(value).__name__ in ("NAType", "NaTType") or value != value:  # noqa: PLR0124
        return None
    try:
        if kind == pa.bool_():
            return _truth(value)
        if isinstance(value, bool):
            raise TypeError  # noqa: TRY301 - True is 1 to Python
        if kinds.is_text(kind):
            text = value if isinstance(value, str) else str(operator.index(value))
            return _encodable(name, text, where)
        if kinds.is_time(kind):
            return _time(value, kind)
        if pa.types.is_integer(kind):
            number = int(value) if isinstance(value, str) else operator.index(value)
            return kinds.scalar(number, kind).as_py()
        exact = pa.types.is_decimal(kind)
        return pa.scalar(Decimal(str(value)), kind).as_py() if exact else float(value)
    except (TypeError, ValueError, ArithmeticError) as error:
        wants = _WANTS.get(str(kind)) or (_WANTS_TIME if kinds.is_time(kind) else kinds.name(kind))
        kind_of = TypeError if isinstance(error, TypeError) else ValueError
        raise kind_of(f"{where}: {name} takes {wants}, not {short(value)}") from None


_WANTS = {
    "string": "a text",
    "bool": "True or False",
    "int32": "a whole number",
    "int64": "a whole number",
    "double": "a number",
    "large_string": "a text",
}
_WANTS_TIME = "a datetime, a date, or a text such as 2026-05-01"


def _truth(value: Any) -> bool:
    if isinstance(value, str):
        if value.lower() not in ("true", "false"):
            raise ValueError
        return value.lower() == "true"
    if not isinstance(value, bool) and type(value).__name__ not in ("bool", "bool_"):
        raise TypeError
    return bool(value)


def _time(value: Any, kind: "pa.DataType") -> date:
    """Returns a time in the column's type: a date, or a datetime with or without UTC."""
    import pyarrow as pa

    utc = moment(value)
    if pa.types.is_date(kind):
        return utc.date()
    return utc if kind.tz else utc.replace(tzinfo=None)


def moment(value: Any) -> datetime:
    """Returns a datetime, a date or their text as a time in UTC; without a zone it is UTC."""
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    elif type(value).__name__ == "datetime64":
        # numpy's own type, as `frame["created"].values` has it.
        value = value.astype("datetime64[us]").item()
    elif isinstance(value, date) and not isinstance(value, datetime):
        value = datetime.combine(value, time())
    if not isinstance(value, datetime):
        raise TypeError
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _encodable(name: str, value: str, where: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{where}: {name} has half a character: {ascii(value)[:_SHOWN]}") from None
    return value


def short(value: Any) -> str:
    """Returns a value for a message, cut if it is long."""
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}… ({len(text):,} characters)"
