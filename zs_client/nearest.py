"""Warnings of filters whose value occurs nowhere in a column, with the values nearest to it.

Only what a read has fetched is looked at: the file's statistics, and the columns that it tested.
"""

import difflib
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from zs_client import filters, kinds, provenance
from zs_client.errors import NoSuchValue

if TYPE_CHECKING:
    from zs_client.filters import Test
    from zs_client.parquet import File

# The most values that are compared letter by letter, and the most that a warning names.
COMPARED = 2_000
NAMED = 3


def warn_of_missing_values(file: "File", words: Mapping[str, Any], table: str) -> None:
    """Warn of each text that a filter compares and that its column does not have.

    A text is passed over where the file's statistics and fetched columns do not exclude it.
    """
    for name, test in zip(words, filters.tests(words, file.schema, table), strict=True):
        if not test.texts:
            continue
        present, absent_groups = _present_values(file, test.column)
        spellings = {_folded(value) for value in present} if test.ignores_case else present
        for text in test.texts:
            spelling = _folded(text) if test.ignores_case else text
            if spelling in spellings or not _is_excluded(file, test, text, absent_groups):
                continue
            close = nearest(text, present | _extremes(file, test.column, absent_groups))
            advice = f"; nearest: {', '.join(map(filters.short, close))}" if close else ""
            warnings.warn(
                f"{table}: {name}={filters.short(text)} occurs nowhere in {test.column}{advice}",
                NoSuchValue,
                stacklevel=provenance.outside(),
            )


def nearest(text: str, values: set[str]) -> list[str]:
    """Returns the values nearest to a text: those that differ in case and spaces go first."""
    folded = _folded(text)
    equal = sorted(value for value in values if _folded(value) == folded)
    if equal:
        return equal[:NAMED]
    by_spelling = {_folded(value): value for value in sorted(values)}
    spellings = list(by_spelling)
    if len(spellings) > COMPARED:
        # 100,000 names would take seconds.
        spellings = [s for s in spellings if s[:1] == folded[:1] and abs(len(s) - len(folded)) < 4]
    close = difflib.get_close_matches(folded[:200], spellings[:COMPARED], n=NAMED, cutoff=0.5)
    return [by_spelling[spelling] for spelling in close]


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())


def _present_values(file: "File", column: str) -> tuple[set[str], list[int]]:
    """Returns (a column's values in the fetched row groups, the other row groups)."""
    import pyarrow.compute as pc

    values: set[str] = set()
    absent = []
    for group in file.groups:
        if not file.is_fetched(group, column):
            absent.append(group)
            continue
        content = file.read([group], [column])[column]
        if kinds.is_list(content.type):
            content = pc.list_flatten(content)
        values.update(value for value in pc.unique(content).to_pylist() if value is not None)
    return values, absent


def _is_excluded(file: "File", test: "Test", text: str, groups: list[int]) -> bool:
    """Returns whether the statistics exclude a text from row groups that were not fetched."""
    if groups and test.ignores_case:
        return False
    for group in groups:
        statistics = file.statistics(group, test.column)
        if statistics is None or not statistics.has_min_max:
            return False
        if statistics.min <= text <= statistics.max:
            return False
    return True


def _extremes(file: "File", column: str, groups: list[int]) -> set[str]:
    statistics = [file.statistics(group, column) for group in groups]
    pairs = [(s.min, s.max) for s in statistics if s is not None and s.has_min_max]
    return {value for pair in pairs for value in pair if isinstance(value, str)}
