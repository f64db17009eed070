"""A frame for what knows neither lists nor time zones: SQL, CSV, Excel, and most of pandas.

Rows are read elsewhere (`zs_client.read`); nothing is read or written here.
"""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


def flat(frame: "pd.DataFrame", *, zone: str = "UTC") -> "pd.DataFrame":
    """A copy of a pandas frame with a plain value in every cell.

    pandas keeps a list as an array in a cell, and much that it does with such a column fails, or
    goes wrong without a word: `to_sql` stores where the array lay in memory. In the copy a list is
    JSON text, as `'["ecephys", "fib"]'`, a map is the JSON text of an object, and a time has no
    zone. So it can be written to SQL, CSV and Excel, compared, grouped, and searched with
    `.str.contains`.

    Args:
        frame: The frame, which stays as it is; of the cache or of one's own.
        zone: Where the clock hangs that the times are read from, such as `America/Los_Angeles`.

    Returns:
        The copy, with the same index, columns and `attrs`. A null stays null, an empty list is
        `[]`.

    Raises:
        TypeError: It is no pandas frame.
        ValueError: A list holds what JSON has no value for, or there is no such zone.
    """
    import pandas as pd

    if not isinstance(frame, pd.DataFrame):
        raise TypeError(f"flat takes a pandas frame, not {type(frame).__name__}")
    columns = [_plain_times(frame.iloc[:, place], zone) for place in range(frame.shape[1])]
    columns = [_texts(column) for column in columns]
    # Columns may have the same name: they are put together by their place.
    made = pd.concat(columns, axis=1) if columns else frame.copy()
    made.columns = frame.columns
    if isinstance(made.index, pd.DatetimeIndex) and made.index.tz is not None:
        made.index = made.index.tz_convert(zone).tz_localize(None)
    made.attrs = dict(frame.attrs)
    return made


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
    values = list(column)
    if not any(_is_nested(value) for value in values):
        return column
    told = [_text(value, str(column.name)) if _is_nested(value) else value for value in values]
    return pd.Series(told, index=column.index, name=column.name, dtype=object)


def _is_nested(value: Any) -> bool:
    return isinstance(value, list | tuple | set | frozenset | Mapping) or _is_array(value)


def _is_array(value: Any) -> bool:
    return hasattr(value, "tolist") and getattr(value, "ndim", 0) > 0


def _text(value: Any, name: str) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, default=_simple)
    except (TypeError, ValueError) as error:
        raise ValueError(f"column {name}: a value is none of JSON's: {error}") from error


def _simple(value: Any) -> Any:
    """What `json` does not know, as what it knows."""
    if isinstance(value, set | frozenset):
        return sorted(value, key=str)
    if isinstance(value, Mapping):
        return dict(value)
    if hasattr(value, "tolist"):
        return value.tolist()
    if hasattr(value, "isoformat"):
        return value.isoformat()
    # What pandas has for null.
    if value != value or type(value).__name__ == "NAType":  # noqa: PLR0124
        return None
    raise TypeError(f"{type(value).__name__}")
