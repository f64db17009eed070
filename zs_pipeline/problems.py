"""What in a document did not fit: documents set aside, and values that could not be read.

The kinds of value are those of `zs_pipeline.fields`; where a value stands is declared here once.
What is wrong between documents (duplicate names, unknown sources) is an acorn's matter.
"""

from collections.abc import Iterator
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


def _is_name(value: Any) -> bool:
    return _is_text(value.get("name") if isinstance(value, dict) else value)


KINDS = {
    "an object": _is_dict,
    "a list": _is_list,
    "a text": _is_text,
    "a time": _is_time,
    "a date": _is_day,
    "a year": _is_year,
    "a list or a text": _is_list_or_text,
    "an object or a list": _is_dict_or_list,
    "a text or a person": _is_name,
}

# `[]` goes through a list. A null is never a problem: it means "not there".
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
    "subject.subject_id": "a text",
    "subject.subject_details": "an object",
    "subject.subject_details.genotype": "a text",
    "subject.subject_details.date_of_birth": "a date",
    "subject.subject_details.year_of_birth": "a year",
    "data_description.modalities": "a list",
    "data_description.modalities[]": "an object",
    "data_description.modalities[].abbreviation": "a text",
    "data_description.project_name": "a text",
    "data_description.data_level": "a text",
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
    "quality_control.status": "an object",
}


def check(document: dict[str, Any]) -> list[Problem]:
    """The values of a document that are not of their kind and so are null in the tables."""
    name = fields.text(document.get("name"))
    found = []
    for path, kind in EXPECTED.items():
        fits = KINDS[kind]
        count = 0
        for value in _values(document, path.replace("[]", ".[]").split(".")):
            if value is None or value == "" or fits(value):
                continue
            count += 1
            if count > _EACH:
                break
            shown = f"{type(value).__name__} {str(value)[:60]!r}"
            reason = f"is no {kind.split(' ', 1)[1]}: {shown}; taken as null"
            found.append(Problem(document.get("_id"), name, path, reason, "warning"))
    return found


def _values(value: Any, path: list[str]) -> Iterator[Any]:
    for place, key in enumerate(path):
        if key == "[]":
            if isinstance(value, list):
                for item in value:
                    yield from _values(item, path[place + 1 :])
            return
        if not isinstance(value, dict):
            return
        value = value.get(key)
    yield value
