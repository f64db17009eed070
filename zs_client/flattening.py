"""Flat frames, for programs without lists and time zones: SQL, CSV, Excel, and most of pandas.

Nothing is read or written here; `zs_client.read` reads rows.
"""

import json
from collections.abc import Mapping
from typing import Any

from zs_client.libraries import pd


def flat(frame: "pd.DataFrame", *, zone: str = "UTC") -> "pd.DataFrame":
    """Copy a pandas frame with a plain value in every cell.

    In pandas a list is an array in a cell. Many operations on such a column fail, or give wrong
    results without an error: `to_sql` stores the array's address in memory. In the copy a list is
    JSON text, such as `'["ecephys", "fib"]'`, a map is the JSON text of an object, and a time has
    no zone. You can write the copy to SQL, CSV and Excel, compare and group it, and search it with
    `.str.contains`.

    Args:
        frame: A frame of the cache or of your own; it is not changed.
        zone: The time zone of the copy's times, such as `America/Los_Angeles`.

    Returns:
        The copy, with the same index, columns and `attrs`. A null stays null, an empty list is
        `[]`.

    Raises:
        TypeError: `frame` is no pandas frame.
        ValueError: A list has an entry that JSON cannot express, or there is no such zone.
    """
    import pandas as pd

    if not isinstance(frame, pd.DataFrame):
        raise TypeError(f"flat takes a pandas frame, not {type(frame).__name__}")
    columns = [_plain_times(frame.iloc[:, position], zone) for position in range(frame.shape[1])]
    columns = [_texts(column) for column in columns]
    # Columns may have the same name, so they are joined by position.
    copy = pd.concat(columns, axis=1) if columns else frame.copy()
    copy.columns = frame.columns
    if isinstance(copy.index, pd.DatetimeIndex) and copy.index.tz is not None:
        copy.index = copy.index.tz_convert(zone).tz_localize(None)
    copy.attrs = dict(frame.attrs)
    return copy


def _plain_times(column: "pd.Series", zone: str) -> "pd.Series":
    import pandas as pd

    kind = column.dtype
    is_arrow = isinstance(kind, pd.ArrowDtype) and "tz=" in str(kind.pyarrow_dtype)
    if not (isinstance(kind, pd.DatetimeTZDtype) or is_arrow):
        return column
    try:
        return column.dt.tz_convert(zone).dt.tz_localize(None)
    except KeyError as error:
        raise ValueError(f"zone={zone!r}: there is no such time zone") from error


def _texts(column: "pd.Series") -> "pd.Series":
    import pandas as pd

    if isinstance(column.dtype, pd.ArrowDtype):
        if not column.dtype.name.startswith(("list", "large_list", "map", "struct")):
            return column
    elif column.dtype != object:
        return column
    if not any(map(_is_nested, column)):
        return column
    try:
        texts = [
            json.dumps(cell, ensure_ascii=False, default=_simple) if _is_nested(cell) else cell
            for cell in column
        ]
    except (TypeError, ValueError) as error:
        raise ValueError(f"column {column.name}: a value is none of JSON's: {error}") from error
    return pd.Series(texts, index=column.index, name=column.name, dtype=object)


def _is_nested(value: Any) -> bool:
    is_array = hasattr(value, "tolist") and getattr(value, "ndim", 0) > 0
    return is_array or isinstance(value, list | tuple | set | frozenset | Mapping)


def _simple(value: Any) -> Any:
    """Returns a value that `json` cannot write as one that it can."""
    if isinstance(value, set | frozenset):
        return sorted(value, key=str)
    if isinstance(value, Mapping):
        return dict(value)
    if hasattr(value, "tolist"):
        return value.tolist()
    if hasattr(value, "isoformat"):
        return value.isoformat()
    # pandas's nulls.
    if value != value or type(value).__name__ == "NAType":  # noqa: PLR0124
        return None
    raise TypeError(f"{type(value).__name__}")
