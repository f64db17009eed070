"""What in a document did not fit: documents set aside, and values of another kind than expected.

What a value of each kind is stands here, by the functions of `zs_pipeline.shape.values`; where
which kind is expected is declared in the acorns. What is wrong between documents (duplicate names,
unknown sources) is an acorn's matter.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

from zs_pipeline.catalogue import Reads, path_of
from zs_pipeline.declaration import Expected
from zs_pipeline.shape import values as fields
from zs_pipeline.shape.findings import WARNING, Finding


class Problem(NamedTuple):
    """A document that was set aside.

    Attributes:
        id: The document's `_id`; None where it has none.
        name: The data asset's name, where it could be read.
        field: The dotted path of the value; empty for the whole document.
        reason: What is wrong and what was done, as a sentence.
        severity: `error`.
    """

    id: str | None
    name: str | None
    field: str
    reason: str
    severity: str


def _is_dict(value: Any) -> bool:
    return isinstance(value, dict)


def _is_list(value: Any) -> bool:
    return isinstance(value, list)


def _is_text(value: Any) -> bool:
    return fields.text(value) is not None


def _is_subject(value: Any) -> bool:
    return fields.subject(value) is not None


def _is_time(value: Any) -> bool:
    return fields.written_time(value) is not None


def _is_day(value: Any) -> bool:
    return fields.day(value) is not None


def _is_year(value: Any) -> bool:
    return fields.year(value) is not None


def _is_list_or_text(value: Any) -> bool:
    return isinstance(value, list) or _is_text(value)


def _is_dict_or_list(value: Any) -> bool:
    return isinstance(value, dict | list)


def _is_dict_or_text(value: Any) -> bool:
    return isinstance(value, dict) or _is_text(value)


def _is_name(value: Any) -> bool:
    return _is_text(value.get("name") if isinstance(value, dict) else value)


_FITS: dict[Expected, Callable[[Any], bool]] = {
    Expected.OBJECT: _is_dict,
    Expected.LIST: _is_list,
    Expected.TEXT: _is_text,
    Expected.SUBJECT: _is_subject,
    Expected.TIME: _is_time,
    Expected.DATE: _is_day,
    Expected.YEAR: _is_year,
    Expected.LIST_OR_TEXT: _is_list_or_text,
    Expected.OBJECT_OR_LIST: _is_dict_or_list,
    Expected.OBJECT_OR_TEXT: _is_dict_or_text,
    Expected.TEXT_OR_PERSON: _is_name,
}

# Types of which every value but "" is of the kind: most values need no call, and a document takes
# 160 us instead of 270.
_NUMBER_OR_TEXT = frozenset((str, int, float))
_ALWAYS = {
    Expected.ANYTHING: frozenset((dict, list, bool, *_NUMBER_OR_TEXT)),
    Expected.OBJECT: frozenset((dict,)),
    Expected.LIST: frozenset((list,)),
    Expected.TEXT: _NUMBER_OR_TEXT,
    Expected.LIST_OR_TEXT: frozenset((list, *_NUMBER_OR_TEXT)),
    Expected.OBJECT_OR_LIST: frozenset((dict, list)),
    Expected.OBJECT_OR_TEXT: frozenset((dict, *_NUMBER_OR_TEXT)),
}


@dataclass
class _Place:
    """What is expected at one place, and at the places below it.

    Attributes:
        path: The place, as reads have it.
        kind: What is expected.
        column: The column that a value concerns; empty where it is no column's.
        fits: Whether a value is of the kind.
        sure: Types of which every value but "" is of the kind.
        good: Those of which nothing in a value need be looked at either.
        keys: The places below by key.
        items: The place of a list's elements.
        values: The place of an object's values, whatever their keys.
    """

    path: str = ""
    kind: str = ""
    column: str = ""
    fits: Callable[[Any], bool] | None = None
    sure: frozenset[type] = frozenset()
    good: frozenset[type] = frozenset()
    keys: dict[str, "_Place"] = field(default_factory=dict)
    items: "_Place | None" = None
    values: "_Place | None" = None

    def below(self, step: str) -> "_Place":
        """The place one step further, made when it is new."""
        if step == "[]":
            self.items = self.items or _Place()
            return self.items
        if step == "{}":
            self.values = self.values or _Place()
            return self.values
        return self.keys.setdefault(step, _Place())


# Made once in each process; a document is then walked once, not once for each path: a third of the
# time of a first build.
@lru_cache(maxsize=8)
def _places(reads: Reads) -> _Place:
    root = _Place()
    for steps, expected in reads.expected.items():
        place = root
        for step in steps:
            place = place.below(step)
        place.path, place.kind, place.fits = path_of(steps), expected, _FITS.get(expected)
        place.column = reads.columns.get(place.path, "")
        place.good = place.sure = _ALWAYS.get(expected, frozenset())
    for place in _all(root):
        if place.keys or place.values:
            place.good -= {dict}
        if place.items:
            place.good -= {list}
    return root


def _all(place: _Place) -> Iterator[_Place]:
    yield place
    for below in (*place.keys.values(), place.items, place.values):
        if below is not None:
            yield from _all(below)


def check(document: dict[str, Any], reads: Reads) -> list[Finding]:
    """Returns the values of a document that are not of their kind, so that no table has them.

    Args:
        document: The document.
        reads: What is read of it, and the kinds of value expected there. Null is of every kind: it
            means "not there".
    """
    misfits: list[tuple[_Place, Any]] = []
    _misfits(document, _places(reads), misfits)
    return [
        Finding(
            place.path,
            place.column,
            f"is no {place.kind.split(' ', 1)[1]}; it is left out of the tables",
            other=value,
            severity=WARNING,
        )
        for place, value in misfits
    ]


def _misfits(value: Any, place: _Place, found: list[tuple[_Place, Any]]) -> None:
    """Add what is not of its kind, at a place and below it, in the order of the declaration."""
    if value is None or value == "":
        return
    if type(value) not in place.sure and place.fits is not None and not place.fits(value):
        found.append((place, value))
    elif isinstance(value, dict):
        for key, below in place.keys.items():
            item = value.get(key)
            if item is not None and type(item) not in below.good:
                _misfits(item, below, found)
        if place.values is not None:
            for item in value.values():
                if type(item) not in place.values.good:
                    _misfits(item, place.values, found)
    elif isinstance(value, list) and place.items is not None:
        for item in value:
            if type(item) not in place.items.good:
                _misfits(item, place.items, found)
