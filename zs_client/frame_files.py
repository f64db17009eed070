"""Encodes a frame as a parquet file, and refuses values that would change.

Where the files lie is in `zs_client.user_tables`.
"""

import json
import warnings
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from zs_client.obstore_errors import first_line
from zs_client.provenance import KEYS, TOTAL

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

# The key of a frame's `attrs` with the state of the custom table that it was read from.
STATE = "custom_state"


def encode(name: str, df: Any, mark: dict[bytes, bytes]) -> tuple[bytes, int]:
    """Returns (bytes, rows) of a frame as parquet; equal frames and marks give equal bytes."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    try:
        table = df if isinstance(df, pa.Table) else _arrow(name, df)
        names = table.schema.names
        if table is not df:
            _check_dicts(table, df)
        if not names or not all(names) or len(set(names)) < len(names):
            raise ValueError("columns need names, each its own, and there must be one at least")  # noqa: TRY301
        marked = table.replace_schema_metadata({**(table.schema.metadata or {}), **mark})
        pq.write_table(marked, sink, compression="zstd")
    except (pa.ArrowException, ValueError, TypeError, OverflowError) as error:
        # The column is a second argument of pyarrow's error.
        arguments = error.args if isinstance(error, pa.ArrowException) else ()
        reason = " ".join("; ".join(map(str, arguments)).split())
        raise ValueError(
            f"custom table {name!r}: the frame cannot be stored as parquet: "
            f"{reason or first_line(error)}"
        ) from error
    body: bytes = sink.getvalue().to_pybytes()
    return body, table.num_rows


def row_count(body: bytes) -> int | None:
    """Returns how many rows a parquet file has; None for another file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return int(pq.ParquetFile(pa.BufferReader(body)).metadata.num_rows)
    except (pa.ArrowException, OSError):
        return None


def _arrow(name: str, df: Any) -> "pa.Table":
    import pandas as pd
    import pyarrow as pa

    if not isinstance(df, pd.DataFrame):
        raise TypeError(
            f"it is a {type(df).__name__}, no pandas DataFrame, polars DataFrame or pyarrow Table"
        )
    if not all(isinstance(column, str) for column in df.columns):
        odd = next(column for column in df.columns if not isinstance(column, str))
        raise ValueError(f"the column {odd!r} has a name that is no text; rename it")
    levels = [name for name in df.index.names if name is not None]
    if levels:
        warnings.warn(
            f"custom table {name!r}: the row index ({', '.join(map(str, levels))}) is not stored; "
            "reset_index() makes columns of it",
            UserWarning,
            stacklevel=4,
        )
    copy = df.copy(deep=False)
    # The same rows are the same bytes, whatever they were read from.
    copy.attrs = {key: value for key, value in df.attrs.items() if key not in (STATE, TOTAL, *KEYS)}
    return _with_attributes(pa.Table.from_pandas(copy, preserve_index=False), copy.attrs)


def _with_attributes(table: "pa.Table", attrs: dict[str, Any]) -> "pa.Table":
    """Returns a table with a frame's `attrs`, which pyarrow before 21 leaves out."""
    metadata = table.schema.pandas_metadata or {}
    if not attrs or metadata.get("attributes"):
        return table
    try:
        body = json.dumps({**metadata, "attributes": attrs}).encode()
    except TypeError:
        return table
    return table.replace_schema_metadata({**(table.schema.metadata or {}), b"pandas": body})


def _check_dicts(table: "pa.Table", df: "pd.DataFrame") -> None:
    """Refuse dicts that parquet would change, since all dicts of a column get the same keys.

    Raises:
        ValueError: A column has dicts with different keys.
    """
    for field in table.schema:
        if not _has_dicts(field.type):
            continue
        for value, stored in zip(df[field.name], table[field.name].to_pylist(), strict=True):
            if not _alike(value, stored):
                raise ValueError(
                    f"the column {field.name!r} has dicts of different keys, which would come "
                    f"back as others: {value!s:.80} as {stored!s:.80}; store them as JSON "
                    "text, or as columns"
                )


def _has_dicts(kind: "pa.DataType") -> bool:
    import pyarrow as pa

    kinds = [kind.field(position).type for position in range(kind.num_fields)]
    return bool(pa.types.is_struct(kind)) or any(map(_has_dicts, kinds))


def _alike(value: Any, stored: Any) -> bool:
    """Returns whether a value has the keys and lengths of its stored form."""
    if isinstance(stored, dict):
        same = isinstance(value, Mapping) and value.keys() == stored.keys()
        return same and all(_alike(value[key], stored[key]) for key in stored)
    if isinstance(stored, list):
        entries = list(value) if isinstance(value, Iterable) else []
        return len(entries) == len(stored) and all(map(_alike, entries, stored))
    return stored is not None or not isinstance(value, Mapping | list | tuple)
