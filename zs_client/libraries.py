"""The libraries whose types annotations name, loaded when a type is looked up and no earlier.

`typing.get_type_hints` evaluates annotations in the module of a function, so that `pd` has to be
there; but `import zs_client` takes 40 ms, and pandas alone 400.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__all__ = ["duckdb", "pa", "pd", "pl"]


class _Library:
    """A library of which only types are used; all are `Any` where it is not installed."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> Any:
        try:
            library = import_module(self._name)
        except ImportError:
            return Any
        return getattr(library, name)


if TYPE_CHECKING:
    import duckdb
    import pandas as pd
    import polars as pl
    import pyarrow as pa
else:
    duckdb, pd, pl, pa = map(_Library, ("duckdb", "pandas", "polars", "pyarrow"))
