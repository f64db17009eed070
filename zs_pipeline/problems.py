"""What in a document did not fit: documents set aside, and values that could not be read.

The kinds of value are those of `zs_pipeline.fields`; where a value stands is declared here once.
What is wrong between documents (duplicate names, unknown sources) is an acorn's matter.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from zs_pipeline import fields

CORE = (
    "subject",
    "data_description",
    "procedures",
    "instrument",
    "acquisition",
    "processing",
    "quality_control",
)
# At most this many findings of one field in one document: the reason is the same for all.
_EACH = 3


class Problem(NamedTuple):
    """One finding about one document.

    Attributes:
        id: The document's `_id`; None where it has none.
        name: The data asset's name, where it could be read.
        field: The dotted path of the value; empty for the whole document.
        reason: What is wrong and what was done, as a sentence.
        severity: `error` when the document was set aside, `warning` when one value became null.
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
    return fields.moment(value) is not None


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


KINDS = {
    "an object": _is_dict,
    "a list": _is_list,
    "a text": _is_text,
    "a subject's id": _is_subject,
    "a time": _is_time,
    "a date": _is_day,
    "a year": _is_year,
    "a list or a text": _is_list_or_text,
    "an object or a list": _is_dict_or_list,
    "an object or a text": _is_dict_or_text,
    "a text or a person": _is_name,
}

# Types of which every value but "" is of the kind: most values need no call, and a document takes
# 160 us instead of 270.
_NUMBER_OR_TEXT = frozenset((str, int, float))
_ALWAYS = {
    "an object": frozenset((dict,)),
    "a list": frozenset((list,)),
    "a text": _NUMBER_OR_TEXT,
    "a list or a text": frozenset((list, *_NUMBER_OR_TEXT)),
    "an object or a list": frozenset((dict, list)),
    "an object or a text": frozenset((dict, *_NUMBER_OR_TEXT)),
}

# `[]` goes through a list, `{}` through the values of an object. A null is never a problem: it
# means "not there".
EXPECTED = {
    "name": "a text",
    "location": "a text",
    "_created": "a time",
    "created": "a time",
    "_last_modified": "a time",
    "last_modified": "a time",
    "other_identifiers": "an object",
    "other_identifiers.Code Ocean": "a list or a text",
    "other_identifiers.Code Ocean[]": "a text",
    **dict.fromkeys(CORE, "an object"),
    "subject.subject_id": "a subject's id",
    "subject.subject_details": "an object",
    "subject.subject_details.genotype": "a text",
    "subject.subject_details.date_of_birth": "a date",
    "subject.subject_details.year_of_birth": "a year",
    "data_description.modalities": "a list",
    "data_description.modalities[]": "an object or a text",
    "data_description.modalities[].abbreviation": "a text",
    "data_description.project_name": "a text",
    "data_description.data_level": "a text",
    "data_description.subject_id": "a text",
    "data_description.source_data": "a list or a text",
    "data_description.source_data[]": "a text",
    "data_description.investigators": "a list",
    "data_description.investigators[]": "a text or a person",
    "acquisition.acquisition_start_time": "a time",
    "acquisition.acquisition_end_time": "a time",
    "acquisition.acquisition_type": "a text",
    "acquisition.instrument_id": "a text",
    "acquisition.experimenters": "a list",
    "acquisition.experimenters[]": "a text or a person",
    "processing.data_processes": "a list",
    "processing.data_processes[]": "an object",
    "processing.data_processes[].start_date_time": "a time",
    "processing.pipelines": "a list",
    "processing.pipelines[]": "an object",
    "quality_control.metrics": "a list",
    "quality_control.metrics[]": "an object",
    "quality_control.metrics[].tags": "an object or a list",
    "quality_control.metrics[].modality": "an object",
    "quality_control.metrics[].status_history": "a list",
    "quality_control.metrics[].status_history[]": "an object",
    "quality_control.metrics[].status_history[].timestamp": "a time",
    "quality_control.metrics[].name": "a text",
    "quality_control.metrics[].stage": "a text",
    "quality_control.metrics[].reference": "a text",
    "quality_control.status": "an object",
    "quality_control.status{}": "a text",
}


@dataclass
class _Place:
    """What is expected at one place, and at the places below it.

    Attributes:
        path: The place, as `EXPECTED` has it.
        kind: What is expected.
        fits: Whether a value is of the kind.
        good: Types of which no value, nor anything in it, need be looked at.
        keys: The places below by key.
        items: The place of a list's elements.
        values: The place of an object's values, whatever their keys.
    """

    path: str = ""
    kind: str = ""
    fits: Callable[[Any], bool] | None = None
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


def _places() -> _Place:
    root = _Place()
    for path, kind in EXPECTED.items():
        place = root
        for step in path.replace("[]", ".[]").replace("{}", ".{}").split("."):
            place = place.below(step)
        place.path, place.kind, place.fits = path, kind, KINDS[kind]
        place.good = _ALWAYS.get(kind, frozenset())
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


# One walk over a document instead of one for each path: a third of the time of a first build.
_ROOT = _places()


def check(document: dict[str, Any]) -> list[Problem]:
    """The values of a document that are not of their kind, and so are left out of the tables."""
    name = fields.text(document.get("name"))
    counts: Counter[str] = Counter()
    misfits: list[tuple[_Place, Any]] = []
    _misfits(document, _ROOT, misfits)
    found = []
    for place, value in misfits:
        counts[place.path] += 1
        if counts[place.path] <= _EACH:
            shown = f"{type(value).__name__} {str(value)[:60]!r}"
            reason = f"is no {place.kind.split(' ', 1)[1]}: {shown}; it is left out of the tables"
            found.append(Problem(document.get("_id"), name, place.path, reason, "warning"))
    return found


def _misfits(value: Any, place: _Place, found: list[tuple[_Place, Any]]) -> None:
    """Add what is not of its kind, at a place and below it, in the order of the declaration."""
    if value is None or value == "":
        return
    if place.fits is not None and not place.fits(value):
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
