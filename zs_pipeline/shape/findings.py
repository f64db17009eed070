"""What a finding is: a value of a document that could not be read, or that was chosen.

A table that chooses between readings of a document says so in its `findings` hook, beside `rows`;
values of a wrong kind are found by `zs_pipeline.shape.problems`. Findings are made when a document
comes and are kept with it; document_problems shows them.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from zs_pipeline.shape.values import json_text

# The last is no row: it is counted over all documents, where most of them would have one.
WARNING, NOTE, COUNTED = "warning", "note", "counted"
# Of a reading no more is shown than a person compares at a glance.
LONGEST = 200


@dataclass(frozen=True, slots=True)
class Finding:
    """One choice between readings of a document, or one value that could not be read.

    Attributes:
        field: The path of the value, as the table's reads have it.
        column: What it concerns, `asset_basics.age`; empty where it is no column's.
        reason: What was read and by which rule, as a sentence after the field's name. The same
            for every place of the kind, so that a document's places are counted together.
        taken: The reading that was taken; None where the value became null.
        other: The reading that was not taken.
        severity: `NOTE` where a written rule decides, `WARNING` where the value may be wrong,
            `COUNTED` where a rule decides that most documents need.
    """

    field: str
    column: str
    reason: str
    taken: Any = None
    other: Any = None
    severity: str = NOTE


def gathered(findings: Iterable[Finding]) -> list[dict[str, Any]]:
    """Returns one row for each field, column and reason, with how often it was found.

    Args:
        findings: Those of one document, in its order; `taken` and `other` of the first are shown.
    """
    rows: dict[tuple[str, str, str], dict[str, Any]] = {}
    for one in findings:
        row = rows.setdefault(
            (one.field, one.column, one.reason),
            {
                "field": one.field,
                "reason": one.reason,
                "severity": one.severity,
                "column": one.column or None,
                "taken": shown(one.taken),
                "other": shown(one.other),
                "count": 0,
            },
        )
        row["count"] += 1
    return list(rows.values())


def shown(value: Any) -> str | None:
    """Returns a reading as text, no longer than `LONGEST`; None for None."""
    text = json_text(value)
    if text is None or len(text) <= LONGEST:
        return text
    return f"{text[: LONGEST - 1]}…"
