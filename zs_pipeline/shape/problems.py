"""Misfits of documents: documents set aside, and values of another kind than expected.

Each kind of value is defined here, by the functions of `zs_pipeline.shape.values`; acorns declare
which kind is expected where. Errors between documents (duplicate names, unknown sources) are an
acorn's matter.
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


def _is_text(value: Any) -> bool:
    return fields.text(value) is not None


# Whether a value is of a kind.
_FITS: dict[Expected, Callable[[Any], bool]] = {
    Expected.OBJECT: lambda value: isinstance(value, dict),
    Expected.LIST: lambda value: isinstance(value, list),
    Expected.TEXT: _is_text,
    Expected.NUMBER: lambda value: fields.number(value) is not None,
    Expected.SUBJECT: lambda value: fields.subject(value) is not None,
    Expected.TIME: lambda value: fields.written_time(value) is not None,
    Expected.DATE: lambda value: fields.day(value) is not None,
    Expected.YEAR: lambda value: fields.year(value) is not None,
    Expected.LIST_OR_TEXT: lambda value: isinstance(value, list) or _is_text(value),
    Expected.OBJECT_OR_LIST: lambda value: isinstance(value, dict | list),
    Expected.OBJECT_OR_TEXT: lambda value: isinstance(value, dict) or _is_text(value),
    Expected.TEXT_OR_PERSON: lambda value: _is_text(
        value.get("name") if isinstance(value, dict) else value
    ),
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
    """The kind of value that is expected at one place of a document, and at the places below.

    Attributes:
        path: The path of the place, as reads have it.
        kind: The kind of value.
        column: The column that a value concerns; empty for none.
        fits: Whether a value is of the kind.
        sure: Types of which every value but "" is of the kind.
        good: Those of the types in `sure` whose values hold nothing to check.
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
        """Returns the place one step further; makes a new place where there is none."""
        if step == "[]":
            self.items = self.items or _Place()
            return self.items
        if step == "{}":
            self.values = self.values or _Place()
            return self.values
        return self.keys.setdefault(step, _Place())


# A document is walked once, not once for each path, which saves a third of the time of a first
# build.
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
    """Returns findings for the values of a document of a wrong kind, which no table has.

    Args:
        document: The document.
        reads: The places that tables read, and the kinds of value expected there. Null is of every
            kind: it means "not there".
    """
    misfits: list[tuple[_Place, Any]] = []
    _add_misfits(document, _places(reads), misfits)
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


def _add_misfits(value: Any, place: _Place, misfits: list[tuple[_Place, Any]]) -> None:
    """Add the values of a wrong kind at a place and below, in the order of the declaration."""
    if value is None or value == "":
        return
    if type(value) not in place.sure and place.fits is not None and not place.fits(value):
        misfits.append((place, value))
    elif isinstance(value, dict):
        for key, below in place.keys.items():
            item = value.get(key)
            if item is not None and type(item) not in below.good:
                _add_misfits(item, below, misfits)
        if place.values is not None:
            for item in value.values():
                if type(item) not in place.values.good:
                    _add_misfits(item, place.values, misfits)
    elif isinstance(value, list) and place.items is not None:
        for item in value:
            if type(item) not in place.items.good:
                _add_misfits(item, place.items, misfits)
