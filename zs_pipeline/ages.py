"""The age of an animal when an acquisition began, from a date or a year of birth.

`zs_pipeline.zones` decides on which calendar date an acquisition began.
"""

from collections.abc import Iterator
from datetime import date
from typing import Any

from zs_pipeline.declaration import Expected, Read
from zs_pipeline.shape.findings import WARNING, Finding
from zs_pipeline.shape.values import day, part, year

_DATE_OF_BIRTH = "subject.subject_details.date_of_birth"
_YEAR_OF_BIRTH = "subject.subject_details.year_of_birth"
# The reads of a table that calls `days`.
READS = (Read(_DATE_OF_BIRTH, Expected.DATE), Read(_YEAR_OF_BIRTH, Expected.YEAR))

FIRST_OF_YEAR = "counts from 1 January, because there is no date of birth"
NOT_BORN = "is after the acquisition began, so there is no age"


def days(document: dict[str, Any], began: date | None) -> int | None:
    """Returns the days from the birth to the start of the acquisition.

    None where one of the two is unknown, or the birth is after the acquisition.
    """
    return _between(_birth(document)[1], began)


def findings(document: dict[str, Any], began: date | None, column: str) -> Iterator[Finding]:
    """Yields a finding for an age that counts from a year, or that would be negative."""
    source, born = _birth(document)
    if born is None or began is None:
        return
    age = _between(born, began)
    if age is None:
        yield Finding(source, column, NOT_BORN, None, born.isoformat(), WARNING)
    elif source == _YEAR_OF_BIRTH:
        yield Finding(source, column, FIRST_OF_YEAR, age)


def _birth(document: dict[str, Any]) -> tuple[str, date | None]:
    """Returns the field that gives the date of birth, and the date; 1 January for a year."""
    born, born_in = day(part(document, _DATE_OF_BIRTH)), year(part(document, _YEAR_OF_BIRTH))
    if born is not None or born_in is None:
        return _DATE_OF_BIRTH, born
    return _YEAR_OF_BIRTH, date(born_in, 1, 1)


def _between(born: date | None, began: date | None) -> int | None:
    return (began - born).days if began and born and born <= began else None
