"""Warnings of filters whose value occurs nowhere in a column, with the values nearest to it.

Only what a read has fetched is looked at: the file's statistics, and the columns that it tested.
"""

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from zs_client import arrow_functions, filters, kinds, provenance
from zs_client.contract import STAGES
from zs_client.errors import NoSuchValue

if TYPE_CHECKING:
    from zs_client.filters import Test
    from zs_client.parquet import File
    from zs_client.read import ReadRequest

# The most values that are compared letter by letter, and the most that a warning names.
COMPARED = 2_000
NAMED = 3
# The values that some columns have in other partitions too.
_STATUSES = ("Pass", "Fail", "Pending")
_USUAL = {
    ("quality_control", "status"): _STATUSES,
    ("quality_control", "stage"): STAGES,
    ("qc_by_raw_asset", "status"): _STATUSES,
    ("qc_by_raw_asset", "stage"): STAGES,
    ("qc_tag_status", "status"): _STATUSES,
    ("platform_qc", "status"): _STATUSES,
}
# The endings of a range's two filters, and the order of its values.
_RANGES: tuple[tuple[str, str, Callable[[Any], Any]], ...] = (
    ("_min", "_max", float),
    ("_after", "_before", filters.moment),
)


class MissingValues:
    """Texts and numbers that filters compare and that no file of a read has in their column.

    A value is passed over where a file's statistics and fetched columns do not exclude it. In some
    partitions of a table a value may rightly be missing: then only a text that is spelled like
    another is warned of.

    Attributes:
        request: The read.
    """

    def __init__(self, request: "ReadRequest") -> None:
        self.request = request
        self._has_rows = False
        # Of each file without a row to return, the texts it lacks, and its column and values.
        self._absent: list[dict[tuple[str, str], tuple[str, set[str]]]] = []
        # What is said of filters that no row can pass, or hardly any.
        self._hints: dict[str, str] = {}

    def add(self, file: "File", words: Mapping[str, Any], count: int) -> None:
        """Add a file of which `count` rows fit; it may be called by several threads."""
        if count:
            self._has_rows = True
        if not self._has_rows and any(file.rows(group) for group in file.groups):
            if not self._absent:
                # They are the same for all files.
                self._hints.update(_days(file, words, self.request.table))
                self._hints.update(_empty_ranges(words))
                if not self.request.partition:
                    self._hints.update(_absent_numbers(file, words, self.request.table))
            self._absent.append(_absent_texts(file, words, self.request.table))

    def warn(self) -> None:
        """Warn of each missing text, of days and of ranges, if no file had a row to return."""
        if self._has_rows or not self._absent:
            return
        table, partition = self.request.table, self.request.partition
        for name, hint in self._hints.items():
            warnings.warn(f"{table}: {name}={hint}", NoSuchValue, stacklevel=provenance.outside())
        for (name, text), (column, _) in self._absent[0].items():
            if not all((name, text) in absent for absent in self._absent):
                continue
            usual = _USUAL.get((table, column), ())
            values = {*usual}.union(*(absent[name, text][1] for absent in self._absent))
            close = nearest(text, values)
            if partition and (text in usual or not close):
                continue
            advice = f"values({table!r}, {column!r}) lists what it has"
            if close:
                advice = f"nearest: {', '.join(map(filters.short, close))}"
            where = f" of {_partitions(self.request)}" if partition else ""
            warnings.warn(
                f"{table}: {name}={filters.short(text)} occurs nowhere in {column}{where}; "
                f"{advice}",
                NoSuchValue,
                stacklevel=provenance.outside(),
            )


def _partitions(request: "ReadRequest") -> str:
    if request.parts is not None and len(request.parts) <= NAMED:
        return f"{request.partition} {', '.join(filters.short(part) for part in request.parts)}"
    return "the partitions that were read"


def _days(file: "File", words: Mapping[str, Any], table: str) -> Iterator[tuple[str, str]]:
    """Yields the filters that compare a time with a day, and what that means."""
    import pyarrow as pa

    for name, test in zip(words, filters.tests(words, file.schema, table), strict=True):
        is_time = pa.types.is_timestamp(file.schema.field(test.column).type)
        if not is_time or name.endswith(("_after", "_before")):
            continue
        for value in filters.values(words[name]):
            is_date = isinstance(value, date) and not isinstance(value, datetime)
            if is_date or (isinstance(value, str) and len(value) == len("2026-05-01")):
                advice = f"{name}_after= and {name}_before= take the whole day"
                yield name, f"{str(value)!r} is the midnight at which that day begins; {advice}"


def _empty_ranges(words: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yields the lower ends that are above the upper end, and what that means."""
    for lower, upper, order in _RANGES:
        for name, value in words.items():
            end = f"{name.removesuffix(lower)}{upper}"
            if not name.endswith(lower) or end not in words:
                continue
            # Texts that are neither numbers nor times have an order of their own.
            with suppress(TypeError, ValueError):
                if order(value) > order(words[end]):
                    short_end = f"{end}={filters.short(words[end])}"
                    yield name, f"{filters.short(value)} lies above {short_end}: no row fits"


def _absent_texts(
    file: "File", words: Mapping[str, Any], table: str
) -> dict[tuple[str, str], tuple[str, set[str]]]:
    """Returns the texts that a file lacks, by filter and text: (column, values of the column)."""
    absent = {}
    for name, test in zip(words, filters.tests(words, file.schema, table), strict=True):
        if not test.texts:
            continue
        present, groups = _present_values(file, test.column)
        spellings = {_folded(value) for value in present} if test.ignores_case else present
        for text in test.texts:
            spelling = _folded(text) if test.ignores_case else text
            if spelling not in spellings and _is_excluded(file, test, text, groups):
                ends = _extremes(file, test.column, groups)
                values = present | {value for value in ends if isinstance(value, str)}
                absent[name, text] = (test.column, values)
    return absent


def _absent_numbers(
    file: "File", words: Mapping[str, Any], table: str
) -> Iterator[tuple[str, str]]:
    """Yields the filters that compare numbers that a file lacks, and what the column has."""
    for name, test in zip(words, filters.tests(words, file.schema, table), strict=True):
        if not test.numbers:
            continue
        present, groups = _present_values(file, test.column)
        absent = [
            n for n in test.numbers if n not in present and _is_excluded(file, test, n, groups)
        ]
        if absent:
            ends = _extremes(file, test.column, list(file.groups))
            has = f"{min(ends)} to {max(ends)}" if ends else "none"
            yield (
                name,
                f"{', '.join(map(str, absent))} occurs nowhere in {test.column}, which has {has}",
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
    import difflib

    close = difflib.get_close_matches(folded[:200], spellings[:COMPARED], n=NAMED, cutoff=0.5)
    return [by_spelling[spelling] for spelling in close]


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())


def _present_values(file: "File", column: str) -> tuple[set[Any], list[int]]:
    """Returns (a column's values in the fetched row groups, the other row groups)."""
    values: set[Any] = set()
    absent = []
    for group in file.groups:
        if not file.is_fetched(group, column):
            absent.append(group)
            continue
        content = file.read([group], [column])[column]
        if kinds.is_list(content.type):
            content = arrow_functions.call("list_flatten", content)
        distinct = arrow_functions.call("unique", content).to_pylist()
        values.update(value for value in distinct if value is not None)
    return values, absent


def _is_excluded(file: "File", test: "Test", value: Any, groups: list[int]) -> bool:
    """Returns whether the statistics exclude a value from row groups that were not fetched."""
    if groups and test.ignores_case:
        return False
    for group in groups:
        statistics = file.statistics(group, test.column)
        if statistics is None or not statistics.has_min_max:
            return False
        if statistics.min <= value <= statistics.max:
            return False
    return True


def _extremes(file: "File", column: str, groups: list[int]) -> set[Any]:
    statistics = [file.statistics(group, column) for group in groups]
    pairs = [(s.min, s.max) for s in statistics if s is not None and s.has_min_max]
    return {value for pair in pairs for value in pair}
