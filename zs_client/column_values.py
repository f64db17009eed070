"""The values that a column has, with the number of rows that have each: `values` and `zs values`.

What a column means is told by `zs_client.registry.describe`.
"""

from pathlib import Path

from zs_client import arrow_functions, filters, kinds, provenance, read
from zs_client.contract import decode_partition
from zs_client.libraries import pa, pd
from zs_client.place import Place, reading, resolve
from zs_client.read import ReadRequest
from zs_client.read_requests import find
from zs_client.snapshot import AnySnapshot
from zs_client.user_tables import named


def values(
    table: str,
    column: str,
    store_url: str | Path | None = None,
    version: str | None = None,
    *,
    snapshot: AnySnapshot = None,
    offline: bool | None = None,
) -> "pd.DataFrame":
    """Returns the values of a column, the most frequent first: what a filter may be given.

    Of a table by subject or platform all partitions are read, but for the column by which it is
    split, whose rows are counted in the table's facts.

    Args:
        table: The table, by the acorn's name, or a custom table by its name.
        column: The column.
        store_url: The store; else as the functions take it from `ZS_STORE` and `FOREST_TYPE`.
        version: The version; else `ZS_VERSION`, else that of this package.
        snapshot: Read this `Snapshot`, id, name, or the last before a date; else `ZS_SNAPSHOT`.
        offline: Send no requests and read the local cache; else `ZS_OFFLINE`.

    Returns:
        A frame with `value` and `rows`, the number of rows that have the value. Null is a value
        too. Of a list each item counts once for its row.

    Raises:
        AcornNotFound: There is no such table; the message names the tables.
        ValueError: There is no such column.
        ReadError: The table is there and cannot be read.
    """
    with reading(snapshot=snapshot, offline=offline):
        content = counted(table, column, resolve(store_url, version))
    frame = read.frame(content, table)
    frame.attrs = provenance.marks(content)
    return frame


def counted(table: str, column: str, at: Place) -> "pa.Table":
    """Returns what `values` returns, as Arrow, from a given store and version."""
    import pyarrow as pa

    own = named(table, at)
    if own is not None:
        if column not in own.column_names:
            raise ValueError(
                f"{table}: there is no column {filters.short(column)}. "
                f"{filters.near(column, own.column_names)}"
            )
        return _counts(own.select([column]))
    name, folder, partition = find(table)
    store, layout = at
    if column == partition:
        files = read.facts_or_refuse(store, layout, ReadRequest(name, folder))["partitions"]
        keys = [decode_partition(segment) for segment in files]
        rows = [file["rows"] for file in files.values()]
        return _in_order(pa.table({"value": pa.array(keys, pa.string()), "rows": rows}))
    request = ReadRequest(name, folder, columns=(column,), partition=partition, encoded=True)
    content = read.content(request, at)
    provenance.warn_if_stale(provenance.marks(content))
    return _counts(content).replace_schema_metadata(content.schema.metadata)


def _counts(content: "pa.Table") -> "pa.Table":
    """Returns the values of the only column of a table, and how many rows have each."""
    import pyarrow as pa

    column = content.column(0).combine_chunks()
    if pa.types.is_list(column.type):
        numbers = arrow_functions.call("list_parent_indices", column)
        pairs = pa.table({"row": numbers, "value": arrow_functions.call("list_flatten", column)})
        items = pairs.group_by(["row", "value"]).aggregate([])["value"].combine_chunks()
        # A null has no item, an empty list none either.
        nulls = pa.nulls(column.null_count, items.type)
        column = pa.concat_arrays([items, nulls])
    # `group_by` loads and starts an engine: 0.2 s.
    counts = arrow_functions.call("value_counts", column)
    values = kinds.cast(counts.field("values"), kinds.plain(column.type))
    return _in_order(pa.table({"value": values, "rows": counts.field("counts")}))


def _in_order(counts: "pa.Table") -> "pa.Table":
    return arrow_functions.sorted_rows(counts, {"rows": "descending", "value": "ascending"})
