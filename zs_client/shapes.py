"""The shapes of a table: a function returns a pandas frame, and its attributes other shapes.

`asset_basics(…)` is a pandas frame; `asset_basics.arrow(…)`, `.polars(…)` and `.duckdb(…)` are the
same rows, straight from Arrow. pandas, polars and DuckDB are loaded when they are used. This module
adds the arguments and errors that the functions share to their docstrings.
"""

import inspect
import re
from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, Protocol, TypeVar, cast

from zs_client import filters, provenance, read
from zs_client.place import reading
from zs_client.read import ReadRequest

if TYPE_CHECKING:
    import duckdb
    import pandas as pd
    import polars as pl
    import pyarrow as pa

P = ParamSpec("P")
R_co = TypeVar("R_co", covariant=True)

SHAPES = {
    "arrow": ("pa.Table", "a pyarrow.Table"),
    "polars": ("pl.DataFrame", "a polars.DataFrame; needs the extra polars"),
    "duckdb": ("duckdb.DuckDBPyRelation", "a DuckDB relation; needs the extra sql"),
}

# The meaning of parameters that a function's docstring leaves out.
ARGUMENTS = {
    "asset_names": "Only rows of these data assets; a `UserWarning` names those without rows.",
    "acquired_after": "Only acquisitions that began at this time or later.",
    "acquired_before": "Only acquisitions that began before this time.",
    "columns": "Only these columns, in this order.",
    "limit": "The largest number of rows; `attrs` has the number without it, `rows_total`.",
    "offset": "How many rows to leave out before the first.",
    "order_by": "Sort by these columns; `-` before a name sorts from the largest. Nulls are last.",
    "snapshot": "Read this `Snapshot`, id, name, or the last before a date; else `ZS_SNAPSHOT`.",
    "offline": "Send no requests and read the local cache; else `ZS_OFFLINE`.",
    "others": "Filters on other columns, by the column's name; the module lists all filters.",
}
# Each error, the parameters that every function raising it has, and when it is raised.
ERRORS = (
    ("AcornNotFound", "snapshot", "The table is not in this store and version."),
    (
        "SubjectNotFound",
        "subject_id asset_names",
        "No data asset has such a subject.",
    ),
    ("ValueError", "others", "Unknown column or filter (the message lists them), or a bad value."),
    ("TypeError", "others", "A value is of another kind than the column."),
    ("ReadError", "snapshot", "The table is there and cannot be read."),
)


class Reader(Protocol, Generic[P, R_co]):
    """A function that reads a table, with an attribute for each other shape.

    All take the same arguments and raise the same errors.
    """

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co:
        """Returns the rows as a pandas frame, or as the function says."""

    def arrow(self, *args: P.args, **kwargs: P.kwargs) -> "pa.Table":
        """Returns the rows as a pyarrow.Table."""

    def polars(self, *args: P.args, **kwargs: P.kwargs) -> "pl.DataFrame":
        """Returns the rows as a polars.DataFrame; needs the extra polars."""

    def duckdb(self, *args: P.args, **kwargs: P.kwargs) -> "duckdb.DuckDBPyRelation":
        """Returns the rows as a DuckDB relation; needs the extra sql."""


def frames(function: "Callable[P, ReadRequest | pa.Table]") -> "Reader[P, pd.DataFrame]":
    """Returns a function that reads the request that `function` makes, in every shape."""
    return cast("Reader[P, pd.DataFrame]", in_shapes(function, pandas, "pd.DataFrame"))


def lists(function: "Callable[P, ReadRequest]") -> "Reader[P, list[str]]":
    """Does what `frames` does, for a table of one column; the function returns a list."""
    first_column = in_shapes(function, lambda content: content.column(0).to_pylist(), "list[str]")
    return cast("Reader[P, list[str]]", first_column)


def in_shapes(function: Any, plain: Callable[["pa.Table"], Any], returns: str) -> Any:
    """Returns a function that reads, with an attribute for each other shape.

    Its keywords `snapshot` and `offline` are those of `zs_client.place.reading`.
    """
    # To make a signature is most of what an import costs: one does for all shapes.
    signature = inspect.signature(function)
    doc = _completed(function, signature)
    reader = _reader(function, plain, function.__name__, doc, returns, signature)
    for shape, (kind, words) in SHAPES.items():
        name = f"{function.__name__}.{shape}"
        other = f"As `{function.__name__}`, but {words}.\n\n{doc}"
        setattr(reader, shape, _reader(function, _BY[shape], name, other, kind, signature))
    return reader


def _completed(function: Any, signature: inspect.Signature) -> str | None:
    """Returns a function's docstring, completed with the shared arguments and errors."""
    if function.__doc__ is None:  # `python -OO`
        return None
    head, *rest = re.split(
        r"\n\n(?=(?:Args|Returns|Raises):\n)", inspect.cleandoc(function.__doc__)
    )
    sections = {section.partition(":")[0]: section for section in rest}
    parameters = signature.parameters
    own = _entries(sections.get("Args", ""))
    arguments = [own.get(name) or f"    {name}: {ARGUMENTS[name]}" for name in parameters]
    own = _entries(sections.get("Raises", ""))
    shared = {
        name: f"    {name}: {text}"
        for name, needs, text in ERRORS
        if parameters.keys() >= set(needs.split())
    }
    errors = {name: own[name] for name in own if name not in shared} | shared | own
    sections["Args"] = "\n".join(["Args:", *arguments])
    sections["Raises"] = "\n".join(["Raises:", *errors.values()])
    ordered = [sections[title] for title in ("Args", "Returns", "Raises") if title in sections]
    return "\n\n".join([head, *ordered])


def _entries(section: str) -> dict[str, str]:
    """Returns the entries of a docstring's section, by the names at their beginning."""
    entries = re.split(r"\n(?=    \w)", section)[1:]
    return {entry.strip().partition(":")[0]: entry for entry in entries}


def _reader(
    function: Any,
    shape: Callable[["pa.Table"], Any],
    name: str,
    doc: str | None,
    returns: str,
    signature: inspect.Signature,
) -> Any:
    @wraps(function)
    def reader(*args: Any, **kwargs: Any) -> Any:
        if "force_update" in kwargs and "others" not in signature.parameters:
            raise TypeError(f"{name}: force_update: {filters.NEVER_FILTERS['force_update']}")
        with reading(snapshot=kwargs.get("snapshot"), offline=kwargs.get("offline")):
            content = function(*args, **kwargs)
            if isinstance(content, ReadRequest):
                content = read.rows(replace(content, suggest=True))
        # A path, as from `lazy=True`, has no shape.
        return content if isinstance(content, str) else shape(content)

    reader.__name__ = name.rpartition(".")[2]
    reader.__qualname__ = name
    reader.__doc__ = doc
    reader.__annotations__ = {**function.__annotations__, "return": returns}
    reader.__signature__ = signature.replace(return_annotation=returns)  # type: ignore[attr-defined]
    return reader


def pandas(content: "pa.Table") -> "pd.DataFrame":
    """Returns a table as a pandas frame, with its labels in `attrs`."""
    labels = provenance.marks(content)
    frame = read.frame(content, labels.get("table") or "the table")
    frame.attrs = labels
    return frame


def _polars(content: "pa.Table") -> "pl.DataFrame":
    try:
        import polars as pl
    except ImportError as error:
        raise needs("polars", "polars") from error
    return cast("pl.DataFrame", pl.from_arrow(content))


def _duckdb(content: "pa.Table") -> "duckdb.DuckDBPyRelation":
    # A relation of the default connection, so that `duckdb.sql` knows it by its variable's name.
    try:
        import duckdb as engine
    except ImportError as error:
        raise needs("DuckDB", "sql") from error
    return engine.from_arrow(content)


def needs(what: str, extra: str) -> ImportError:
    """Returns the error for an extra that is not installed."""
    return ImportError(f"{what} is not installed: pip install 'data-asset-cache[{extra}]'")


_BY: dict[str, Callable[[Any], Any]] = {
    "arrow": lambda content: content,
    "polars": _polars,
    "duckdb": _duckdb,
}
