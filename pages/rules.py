"""Makes the page of rules, docs/values.md: the source of each column's value, and its rule.

`make pages` writes the rules between the page's marks, from the columns' declarations. The text
before the marks is written by hand.
"""

from collections.abc import Iterator, Sequence

from zs_pipeline import instruments
from zs_pipeline.declaration import Acorn, Column


def rules(acorns: Sequence[Acorn]) -> str:
    """Returns a section for each table, with a paragraph for each of its columns."""
    return "\n".join(line for acorn in acorns for line in _table_lines(acorn))


def kept_apart() -> str:
    """Returns a list of the instruments that may be one rig, though no document says so."""
    return "\n".join(
        f"- {', '.join(f'`{name}`' for name in names)}" for names in instruments.KEPT_APART
    )


def _table_lines(acorn: Acorn) -> Iterator[str]:
    yield from (f"## {acorn.name}", "", acorn.description)
    for column in acorn.columns:
        yield from ("", f"### {acorn.name}.{column.name}", "")
        yield from _column_lines(column)
    yield ""


def _column_lines(column: Column) -> Iterator[str]:
    paths = ", ".join(f"`{path}`" for path in column.reads)
    yield f"**From** {paths}." if paths else "**From** nothing."
    if column.rule:
        yield from ("", column.rule)
    if column.example:
        yield from ("", f"*Example:* {column.example}")
