"""`zs_client/__init__.pyi`: what editors and type checkers know of the client's functions.

Each function takes any column of its table as a filter, which its signature says as `**others`. The
stub names them all, from the declarations, so that a misspelt one is found before anything runs.
`make pages` writes it.
"""

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path

import zs_client
from zs_client import acorns as functions
from zs_client.filters import ALIASES
from zs_client.shapes import SHAPES
from zs_pipeline.acorns import ACORNS
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
# What a filter takes, by the type of its column. A map is no filter.
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
        snapshot: str | None = None,
        offline: bool | None = None,
    ) -> str: ...
    @overload
    def __call__(
        self,
        subject_id: str | int | None,
        asset_names: str | Iterable[str] | None,
        lazy: Literal[True],
        *,
        snapshot: str | None = None,
        offline: bool | None = None,
    ) -> str: ...
"""
_AFTER_FILTERS = ("columns", "limit", "snapshot", "offline")


def filters(acorn: Acorn) -> dict[str, str]:
    """What a table's function takes as filters beside those in its signature, with their types."""
    found: dict[str, str] = {}
    for column in acorn.columns:
        if column.type in _FILTERS:
            found[column.name] = _FILTERS[column.type]
        if column.type == "string":
            found[f"{column.name}_contains"] = "str | Iterable[str] | EllipsisType"
        if column.type in ("string", "time"):
            found |= dict.fromkeys((f"{column.name}_after", f"{column.name}_before"), "Time")
    names = [column.name for column in acorn.columns]
    for alias, columns in ALIASES.items():
        if alias in names or not set(columns) & set(names):
            continue
        kinds = ("after", "before") if alias == "acquired" else ()
        found |= {f"{alias}_{kind}": "Time" for kind in kinds} or {alias: "Text"}
    return found


def stub() -> str:
    """The whole file."""
    tables = {acorn.table: acorn for acorn in ACORNS if _takes_filters(acorn.table)}
    parts = [_HEAD + "\n".join(_imports(tables)) + "\n", _exports(), _KINDS.strip("\n")]
    for table, acorn in tables.items():
        parts.append(_protocol(acorn))
        names = dict.fromkeys((table, acorn.name))
        parts.append("\n".join(f"{name}: _{_camel(table)}" for name in names))
    return "\n\n".join(parts) + "\n"


def _imports(tables: dict[str, Acorn]) -> Iterator[str]:
    """Where everything public that takes no filters is from, in the order of the module."""
    own = {name for table, acorn in tables.items() for name in (table, acorn.name)}
    tree = ast.parse(Path(zs_client.__file__).read_text(encoding="utf-8"))
    found = {"zs_client.filters": ["Flag", "Names", "Text", "Time"]}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("zs_client."):
            names = [alias.name for alias in node.names if alias.name not in own]
            found.setdefault(str(node.module), []).extend(names)
    for module, names in sorted(found.items()):
        if names:
            inner = ", ".join(f"{name} as {name}" if name in _public() else name for name in names)
            yield f"from {module} import {inner}"


def _exports() -> str:
    return f"__all__ = {sorted(zs_client.__all__)!r}".replace("'", '"')


def _public() -> set[str]:
    return set(zs_client.__all__)


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
    """The parameters of a function; its own first, then every column, then how to read."""
    signature = inspect.signature(getattr(functions, acorn.table))
    first, own, last = ["self"], {}, []
    for name, parameter in signature.parameters.items():
        default = {...: "...", inspect.Parameter.empty: ""}.get(
            parameter.default, repr(parameter.default)
        )
        text = f"{name}: {parameter.annotation}{f' = {default}' if default else ''}"
        if parameter.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD:
            first.append(text)
        elif name in _AFTER_FILTERS:
            last.append(text)
        elif name != "others":
            own[name] = text
    taken = {*signature.parameters}
    more = [f"{n}: {kind} = ..." for n, kind in filters(acorn).items() if n not in taken]
    return ", ".join([*first, "*", *own.values(), *last, *more])


def _camel(table: str) -> str:
    return "".join(word.capitalize() for word in table.split("_"))


if __name__ == "__main__":
    STUB.write_text(stub(), encoding="utf-8")
