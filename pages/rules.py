"""The page of rules, docs/values.md: where the value of each column comes from, and by which rule.

`make pages` writes it between its marks, from what the columns declare. What
stands before the marks is written by hand.
"""

from collections.abc import Iterator, Sequence

from zs_pipeline import instruments
from zs_pipeline.declaration import Acorn, Column


def rules(acorns: Sequence[Acorn]) -> str:
    """Returns a section for each table, with a paragraph for each of its columns."""
    return "\n".join(line for acorn in acorns for line in _of_table(acorn))


def kept_apart() -> str:
    """Returns a list of the instruments that may be one rig, which no document says."""
    return "\n".join(
        f"- {', '.join(f'`{name}`' for name in names)}" for names in instruments.KEPT_APART
    )


def _of_table(acorn: Acorn) -> Iterator[str]:
    yield f"## {acorn.name}"
    yield ""
    yield acorn.description
    for column in acorn.columns:
        yield ""
        yield f"### {acorn.name}.{column.name}"
        yield ""
        yield from _of_column(column)
    yield ""


def _of_column(column: Column) -> Iterator[str]:
    places = ", ".join(f"`{path}`" for path in column.reads)
    yield f"**From** {places}." if places else "**From** nothing."
    if column.rule:
        yield ""
        yield column.rule
    if column.example:
        yield ""
        yield f"*Example:* {column.example}"
