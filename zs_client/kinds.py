"""Arrow types as readers know them: text is text and a list is a list, in whatever layout.

pandas 3 writes text as `large_string`, polars as `string_view`, a category as a dictionary. Rows
are selected in `zs_client.filters`; pyarrow is loaded when it is needed.
"""

import sys
from collections.abc import Mapping
from contextlib import suppress
from datetime import date
from functools import reduce
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from zs_client import arrow_functions

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa


class Unlike(Exception):
    """Columns of one name hold values that no single column can hold.

    Attributes:
        column: The column's name.
        index: The index of the first table whose column does not fit the tables before it.
        kinds: The two types, for a message.
    """

    def __init__(self, column: str, index: int, kinds: str) -> None:
        super().__init__(f"the column {column} is {kinds}")
        self.column = column
        self.index = index
        self.kinds = kinds


def array(values: "Sequence[Any]", kind: "pa.DataType") -> "pa.Array":
    """Returns values as an array, without loading pandas.

    To tell whether something is a series, `pa.array` and `pa.scalar` import pandas where it is
    installed: 0.3 s. So the values become text, which Arrow casts.

    Raises:
        ValueError: A value does not fit the type.
    """
    import pyarrow as pa

    # A text has more digits than a coarse unit of time holds.
    is_coarse = pa.types.is_timestamp(kind) and kind.unit in ("s", "ms")
    if "pandas" in sys.modules or is_coarse:
        return pa.array(values, kind)
    texts = [None if value is None else _text(value).encode() for value in values]
    offsets = list(accumulate((len(text or b"") for text in texts), initial=0))
    present = sum((text is not None) << place for place, text in enumerate(texts))
    buffers = [
        _buffer(present.to_bytes(len(texts) // 8 + 1, "little")),
        _buffer(b"".join(offset.to_bytes(8, "little") for offset in offsets)),
        _buffer(b"".join(text or b"" for text in texts)),
    ]
    content = pa.Array.from_buffers(pa.large_string(), len(texts), buffers)
    try:
        return arrow_functions.cast(content, kind)
    except pa.ArrowNotImplementedError:
        return pa.array(values, kind)


def scalar(value: Any, kind: "pa.DataType") -> "pa.Scalar":
    """Returns a value as `array` makes it."""
    return array([value], kind)[0]


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return value.isoformat() if isinstance(value, date) else str(value)


def _buffer(body: bytes) -> "pa.Buffer":
    """Returns bytes in Arrow's own memory, which its threads may free when Python has ended."""
    import pyarrow as pa

    buffer = pa.allocate_buffer(len(body))
    memoryview(buffer).cast("B")[:] = body
    return buffer


def no_rows(schema: "pa.Schema") -> "pa.Table":
    """Returns a table without rows; `Schema.empty_table` imports pandas."""
    import pyarrow as pa

    return pa.Table.from_arrays([pa.nulls(0, field.type) for field in schema], schema=schema)


def arrow_types() -> "dict[str, pa.DataType]":
    """Returns the Arrow type of each type in `zs_client.contract.TYPES`."""
    import pyarrow as pa

    return {
        "string": pa.string(),
        "bool": pa.bool_(),
        "int32": pa.int32(),
        "int64": pa.int64(),
        "float64": pa.float64(),
        "time": pa.timestamp("us", tz="UTC"),
        "[string]": pa.list_(pa.string()),
        "{string: string}": pa.map_(pa.string(), pa.string()),
    }


def is_text(kind: "pa.DataType") -> bool:
    """Returns whether the values are text, in whatever layout."""
    import pyarrow as pa

    kind = plain(kind)
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def is_list(kind: "pa.DataType") -> bool:
    """Returns whether the values are lists."""
    import pyarrow as pa

    kind = plain(kind)
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind))


def is_time(kind: "pa.DataType") -> bool:
    """Returns whether the values are times or dates."""
    import pyarrow as pa

    return bool(pa.types.is_timestamp(kind) or pa.types.is_date(kind))


def is_number(kind: "pa.DataType") -> bool:
    """Returns whether the values are numbers."""
    import pyarrow as pa

    types = pa.types
    return bool(types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind))


def name(kind: "pa.DataType") -> str:
    """Returns the type's name as readers know it: `string` for text in any layout."""
    return "string" if is_text(kind) else str(plain(kind))


def plain(kind: "pa.DataType") -> "pa.DataType":
    """Returns a type for the same values that Arrow can compare, join and take from."""
    import pyarrow as pa

    types = pa.types
    if isinstance(kind, pa.BaseExtensionType):
        return plain(kind.storage_type)
    if types.is_dictionary(kind) or types.is_run_end_encoded(kind):
        return plain(kind.value_type)
    if types.is_string_view(kind):
        return pa.large_string()
    if types.is_list(kind) or types.is_fixed_size_list(kind):
        return pa.list_(kind.value_field.with_type(plain(kind.value_type)))
    if types.is_large_list(kind) or types.is_list_view(kind) or types.is_large_list_view(kind):
        return pa.large_list(kind.value_field.with_type(plain(kind.value_type)))
    return kind


def plain_or_encoded(kind: "pa.DataType") -> "pa.DataType":
    """Returns what `plain` returns, or a dictionary of texts as it is."""
    import pyarrow as pa

    return kind if kind == pa.dictionary(pa.int32(), pa.string()) else plain(kind)


def plain_schema(schema: "pa.Schema") -> "pa.Schema":
    """Returns a schema with the plain type of each column."""
    import pyarrow as pa

    fields = [field.with_type(plain(field.type)) for field in schema]
    return pa.schema(fields, schema.metadata)


def joined(tables: "Sequence[pa.Table]") -> "pa.Table":
    """Returns the rows of several tables, in order, with every column that any table has.

    Numbers beside text become text. So do other single values that Arrow does not join.

    Raises:
        Unlike: A column has values that no single type can hold, such as lists beside text.
    """
    import pyarrow as pa

    if all(table.schema.equals(tables[0].schema) for table in tables):
        return pa.concat_tables(tables)
    names = dict.fromkeys(name for table in tables for name in table.schema.names)
    fields = [pa.field(name, _common(name, tables)) for name in names]
    schema = pa.schema(fields, tables[0].schema.metadata)
    return pa.concat_tables(_cast(table, schema, index) for index, table in enumerate(tables))


def _common(column: str, tables: "Sequence[pa.Table]") -> "pa.DataType":
    import pyarrow as pa

    common = pa.null()
    for index, table in enumerate(tables):
        if column in table.schema.names:
            kind = plain(table.schema.field(column).type)
            joint = _either(common, kind)
            if joint is None:
                raise Unlike(column, index, f"{name(kind)}, and {name(common)} elsewhere")
            common = joint
    return common


def _either(left: "pa.DataType", right: "pa.DataType") -> "pa.DataType | None":
    """Returns a type that holds the values of both types; None when no type does."""
    import pyarrow as pa

    if left == right or pa.types.is_null(right):
        return left
    if pa.types.is_null(left):
        return right
    text = pa.string() if pa.string() in (left, right) else pa.large_string()
    if is_text(left) and is_text(right):
        return pa.large_string()
    if is_list(left) and is_list(right):
        inner = _either(left.value_type, right.value_type)
        large = pa.types.is_large_list(left) or pa.types.is_large_list(right)
        return None if inner is None else (pa.large_list if large else pa.list_)(inner)
    if pa.types.is_timestamp(left) and pa.types.is_timestamp(right) and left.tz != right.tz:
        # A time without a zone is UTC, as everywhere.
        left, right = (pa.timestamp(kind.unit, "UTC") for kind in (left, right))
    if not (is_text(left) or is_text(right)):
        schemas = [pa.schema([("", kind)]) for kind in (left, right)]
        with suppress(pa.ArrowException):
            return pa.unify_schemas(schemas, promote_options="permissive").field(0).type
    return text if _is_single(left) and _is_single(right) else None


def _is_single(kind: "pa.DataType") -> bool:
    import pyarrow as pa

    return is_text(kind) or is_time(kind) or is_number(kind) or bool(pa.types.is_boolean(kind))


def _cast(table: "pa.Table", schema: "pa.Schema", index: int) -> "pa.Table":
    import pyarrow as pa

    columns = []
    for field in schema:
        if field.name not in table.schema.names:
            columns.append(pa.chunked_array([pa.nulls(table.num_rows, field.type)]))
            continue
        column = table[field.name]
        try:
            columns.append(cast(column, field.type))
        except pa.ArrowException as error:
            kinds = f"{name(column.type)}, and {name(field.type)} elsewhere ({error})"
            raise Unlike(field.name, index, kinds) from error
    return pa.table(columns, schema)


def cast(column: "pa.ChunkedArray", kind: "pa.DataType") -> "pa.ChunkedArray":
    """Returns a column's values in another type, cast by way of the column's plain type.

    Raises:
        pyarrow.ArrowException: The new type cannot hold a value.
    """
    import pyarrow as pa

    if column.type == kind:
        return column
    if isinstance(column.type, pa.BaseExtensionType):
        chunks = [chunk.storage for chunk in column.chunks]
        column = pa.chunked_array(chunks, column.type.storage_type)
    if pa.types.is_list_view(column.type) or pa.types.is_large_list_view(column.type):
        # Casting a list view loses offsets (pyarrow 26).
        column = pa.chunked_array([pa.array(column.to_pylist(), plain(column.type))])
    steps = (plain(column.type), kind)
    return reduce(
        lambda values, to: values if values.type == to else arrow_functions.cast(values, to),
        steps,
        column,
    )


def has_types(facts: Mapping[str, Any]) -> bool:
    """Returns whether facts have the types of columns; facts from before 1.0.0 do not."""
    columns = facts.get("columns") or ()
    return bool(columns) and all(isinstance(c, dict) and "type" in c for c in columns)


def empty(facts: Mapping[str, Any]) -> "pa.Table":
    """Returns a table without rows, with the columns in a table's facts."""
    import pyarrow as pa

    types = arrow_types()
    fields = [(c["name"], types.get(c["type"], pa.null())) for c in facts["columns"]]
    return no_rows(pa.schema(fields))
