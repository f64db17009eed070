"""Writes the stub `zs_client/__init__.pyi`, for editors and type checkers.

Each function takes any column of its table as a filter, which its signature declares as `**others`.
The stub has all their names, from the declarations, so that a misspelled filter is an error before
anything runs. `make pages` writes the stub.
"""

import inspect
from collections.abc import Iterator
from pathlib import Path

import zs_client
from zs_client import acorns as functions
from zs_client.filters import ALIASES
from zs_client.shapes import SHAPES
from zs_pipeline.acorns import ALL_ACORNS
from zs_pipeline.declaration import Acorn

STUB = Path(zs_client.__file__).parent / "__init__.pyi"
_HEAD = '''"""Reads the cache of metadata of data assets, in one line.

Made from the declarations of the tables by `make pages`.
"""

from collections.abc import Iterable
from datetime import date
from types import EllipsisType
from typing import Literal, Protocol, overload

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa

from zs_client.acorns import Subjects
'''
# A filter's type, by the type of its column. A map is no filter.
_FILTERS = {
    "string": "Text",
    "[string]": "Text",
    "bool": "_Flags",
    "int32": "_Numbers",
    "int64": "_Numbers",
    "float64": "_Numbers",
    "time": "_Times",
}
_KINDS = """
_Flags = bool | None | Iterable[bool | None] | EllipsisType
_Numbers = float | str | None | Iterable[float | str | None] | EllipsisType
_Times = str | date | None | Iterable[str | date | None] | EllipsisType
"""
_LAZY = """
    @overload
    def __call__(
        self,
        subject_id: str | int | None,
        asset_names: str | Iterable[str] | None = None,
        *,
        lazy: Literal[True],
        snapshot: AnySnapshot = None,
        offline: bool | None = None,
    ) -> str: ...
    @overload
    def __call__(
        self,
        subject_id: str | int | None,
        asset_names: str | Iterable[str] | None,
        lazy: Literal[True],
        *,
        snapshot: AnySnapshot = None,
        offline: bool | None = None,
    ) -> str: ...
"""
_AFTER_FILTERS = ("columns", "limit", "offset", "order_by", "snapshot", "offline")


def filters(acorn: Acorn) -> dict[str, str]:
    """Returns the filters for a table's columns, with their types."""
    types: dict[str, str] = {}
    for column in acorn.columns:
        if column.type in _FILTERS:
            types[column.name] = _FILTERS[column.type]
        if column.type == "string":
            types[f"{column.name}_contains"] = "str | Iterable[str] | EllipsisType"
        if column.type in ("string", "time"):
            types |= dict.fromkeys((f"{column.name}_after", f"{column.name}_before"), "Time")
        if _FILTERS.get(column.type) == "_Numbers":
            ends = (f"{column.name}_min", f"{column.name}_max")
            types |= dict.fromkeys(ends, "float | EllipsisType")
    names = [column.name for column in acorn.columns]
    for alias, columns in ALIASES.items():
        if alias in names or not set(columns) & set(names):
            continue
        kinds = ("after", "before") if alias == "acquired" else ()
        types |= {f"{alias}_{kind}": "Time" for kind in kinds} or {alias: "Text"}
    return types


def stub() -> str:
    """Returns the content of the stub."""
    tables = {acorn.table: acorn for acorn in ALL_ACORNS if _takes_filters(acorn.table)}
    exports = f"__all__ = {sorted(zs_client.__all__)!r}".replace("'", '"')
    sections = [_HEAD + "\n".join(_imports(tables)) + "\n", exports, _KINDS.strip("\n")]
    for table, acorn in tables.items():
        sections.append(_protocol(acorn))
        names = dict.fromkeys((table, acorn.name))
        sections.append("\n".join(f"{name}: _{_camel(table)}" for name in names))
    return "\n\n".join(sections) + "\n"


def _imports(tables: dict[str, Acorn]) -> Iterator[str]:
    """Yields the imports of the public names that take no filters, sorted by module."""
    own = {name for table, acorn in tables.items() for name in (table, acorn.name)}
    modules = {"__version__": "contract"} | vars(zs_client)["_MODULES"]
    names_by_module = {
        "zs_client.filters": ["Flag", "Names", "Text", "Time"],
        "zs_client.snapshot": ["AnySnapshot"],
    }
    for name in zs_client.__all__:
        if name not in own:
            module = f"zs_client.{modules.get(name, 'acorns')}"
            names_by_module.setdefault(module, []).append(name)
    for module, names in sorted(names_by_module.items()):
        exports = [f"{name} as {name}" if name in zs_client.__all__ else name for name in names]
        if exports:
            yield f"from {module} import {', '.join(exports)}"


def _takes_filters(table: str) -> bool:
    return "others" in inspect.signature(getattr(functions, table)).parameters


def _protocol(acorn: Acorn) -> str:
    reader = getattr(functions, acorn.table)
    words = _words(acorn)
    lines = [f"class _{_camel(acorn.table)}(Protocol):"]
    doc = inspect.cleandoc(reader.__doc__ or "").replace("\n", "\n        ")
    doc = "\n".join(line.rstrip() for line in f'        """{doc}\n        """'.splitlines())
    is_lazy = "lazy" in inspect.signature(reader).parameters
    if is_lazy:
        plain = words.replace("lazy: bool = False", "lazy: Literal[False] = False")
        lines += ["    @overload", f"    def __call__({plain}) -> pd.DataFrame:\n{doc}"]
        lines.append(_LAZY.strip("\n"))
        words = words.replace("lazy: bool = False, ", "")
    else:
        lines.append(f"    def __call__({words}) -> pd.DataFrame:\n{doc}")
    for shape, (kind, what) in SHAPES.items():
        lines.append(f'    def {shape}({words}) -> {kind}:\n        """The rows as {what}."""')
    return "\n".join(lines)


def _words(acorn: Acorn) -> str:
    """Returns a function's parameters: its own, those of reading, then a filter for each column."""
    parameters = inspect.signature(getattr(functions, acorn.table)).parameters
    positional, own_filters, last = ["self"], [], []
    for name, parameter in parameters.items():
        default = {...: " = ...", inspect.Parameter.empty: ""}.get(
            parameter.default, f" = {parameter.default!r}"
        )
        text = f"{name}: {parameter.annotation}{default}"
        if parameter.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD:
            positional.append(text)
        elif name in _AFTER_FILTERS:
            last.append(text)
        elif name != "others":
            own_filters.append(text)
    more = [f"{n}: {kind} = ..." for n, kind in filters(acorn).items() if n not in parameters]
    return ", ".join([*positional, "*", *own_filters, *last, *more])


def _camel(table: str) -> str:
    return "".join(word.capitalize() for word in table.split("_"))


if __name__ == "__main__":
    STUB.write_text(stub(), encoding="utf-8")
