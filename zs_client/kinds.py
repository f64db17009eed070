"""What an Arrow type is to readers: text is text, a list a list, however its writer laid it out.

pandas 3 writes text as `large_string`, polars as `string_view`, a category as a dictionary. Which
rows are wanted is told in `zs_client.filters`; pyarrow is loaded when it is needed.
"""

from functools import reduce
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa


class Unlike(Exception):
    """Columns of one name have kinds of values that cannot stand in one column.

    Attributes:
        column: The column's name.
        place: Which of the tables does not fit those before it.
        kinds: The two types, for a message.
    """

    def __init__(self, column: str, place: int, kinds: str) -> None:
        super().__init__(f"the column {column} is {kinds}")
        self.column = column
        self.place = place
        self.kinds = kinds


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
    """Returns whether the values are text, whatever type holds them."""
    import pyarrow as pa

    kind = plain(kind)
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def is_list(kind: "pa.DataType") -> bool:
    """Returns whether the values are lists."""
    import pyarrow as pa

    kind = plain(kind)
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind))


def is_time(kind: "pa.DataType") -> bool:
    """Returns whether the values are moments or days."""
    import pyarrow as pa

    return bool(pa.types.is_timestamp(kind) or pa.types.is_date(kind))


def is_number(kind: "pa.DataType") -> bool:
    """Returns whether the values are numbers."""
    import pyarrow as pa

    found = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    return bool(found)


def name(kind: "pa.DataType") -> str:
    """Returns the type's name as a reader knows it: `string` for text of any type."""
    return "string" if is_text(kind) else str(plain(kind))


def plain(kind: "pa.DataType") -> "pa.DataType":
    """Returns the type that Arrow can compare, join and take from, with the same values."""
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


def plain_schema(schema: "pa.Schema") -> "pa.Schema":
    """Returns a schema with the plain type of each column."""
    import pyarrow as pa

    fields = [field.with_type(plain(field.type)) for field in schema]
    return pa.schema(fields, schema.metadata)


def joined(tables: "Sequence[pa.Table]") -> "pa.Table":
    """Returns the rows of several tables, one after another, with the columns that any of them has.

    Numbers beside text become text, and so do kinds of single values that Arrow does not join.

    Raises:
        Unlike: A column has values that no type holds together, as lists beside text.
    """
    import pyarrow as pa

    if all(table.schema.equals(tables[0].schema) for table in tables):
        return pa.concat_tables(tables)
    names = dict.fromkeys(name for table in tables for name in table.schema.names)
    fields = [pa.field(name, _common(name, tables)) for name in names]
    schema = pa.schema(fields, tables[0].schema.metadata)
    return pa.concat_tables(_cast(table, schema, place) for place, table in enumerate(tables))


def _common(column: str, tables: "Sequence[pa.Table]") -> "pa.DataType":
    import pyarrow as pa

    found = pa.null()
    for place, table in enumerate(tables):
        if column in table.schema.names:
            kind = plain(table.schema.field(column).type)
            both = _either(found, kind)
            if both is None:
                raise Unlike(column, place, f"{name(kind)}, and {name(found)} elsewhere")
            found = both
    return found


def _either(one: "pa.DataType", other: "pa.DataType") -> "pa.DataType | None":
    """Returns a type that holds the values of both; None when there is none."""
    import pyarrow as pa

    if one == other or pa.types.is_null(other):
        return one
    if pa.types.is_null(one):
        return other
    text = pa.string() if pa.string() in (one, other) else pa.large_string()
    if is_text(one) and is_text(other):
        return pa.large_string()
    if is_list(one) and is_list(other):
        inner = _either(one.value_type, other.value_type)
        large = pa.types.is_large_list(one) or pa.types.is_large_list(other)
        return None if inner is None else (pa.large_list if large else pa.list_)(inner)
    if pa.types.is_timestamp(one) and pa.types.is_timestamp(other) and one.tz != other.tz:
        # A time without a zone is UTC, as everywhere.
        one, other = (pa.timestamp(kind.unit, "UTC") for kind in (one, other))
    if not (is_text(one) or is_text(other)):
        try:
            schemas = [pa.schema([("", kind)]) for kind in (one, other)]
            found = pa.unify_schemas(schemas, promote_options="permissive").field(0).type
        except pa.ArrowException:
            pass
        else:
            return found
    return text if _is_single(one) and _is_single(other) else None


def _is_single(kind: "pa.DataType") -> bool:
    import pyarrow as pa

    return is_text(kind) or is_time(kind) or is_number(kind) or bool(pa.types.is_boolean(kind))


def _cast(table: "pa.Table", schema: "pa.Schema", place: int) -> "pa.Table":
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
            raise Unlike(field.name, place, kinds) from error
    return pa.table(columns, schema)


def cast(column: "pa.ChunkedArray", kind: "pa.DataType") -> "pa.ChunkedArray":
    """Returns a column's values as another type, by way of its plain one.

    Raises:
        pyarrow.ArrowException: A value has no place in that type.
    """
    import pyarrow as pa

    if isinstance(column.type, pa.BaseExtensionType):
        chunks = [chunk.storage for chunk in column.chunks]
        column = pa.chunked_array(chunks, column.type.storage_type)
    if pa.types.is_list_view(column.type) or pa.types.is_large_list_view(column.type):
        # Their cast leaves offsets out (pyarrow 26).
        column = pa.chunked_array([pa.array(column.to_pylist(), plain(column.type))])
    steps = (plain(column.type), kind)
    return reduce(lambda found, to: found if found.type == to else found.cast(to), steps, column)
