"""Findings: values of a document that could not be read, or that were chosen.

A table that chooses between readings of a document yields findings in its `findings` hook, beside
`rows`; `zs_pipeline.shape.problems` finds values of a wrong kind. Findings are made when a
document comes and are stored with it; document_problems shows them.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from zs_pipeline.shape.values import json_text

# `COUNTED` findings make no rows, since most documents have them: they are counted.
WARNING, NOTE, COUNTED = "warning", "note", "counted"
# Characters of a reading, as many as a person compares at a glance.
LONGEST = 200


@dataclass(frozen=True, slots=True)
class Finding:
    """One choice between readings of a document, or one value that could not be read.

    Attributes:
        field: The path of the value, as the table's reads have it.
        column: The column that the value concerns, `asset_basics.age`; empty for none.
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
    """Returns one row for each field, column and reason, with the count of its findings.

    Args:
        findings: The findings of one document, in its order. A row has `taken` and `other` of the
            first of its findings.
    """
    rows: dict[tuple[str, str, str], dict[str, Any]] = {}
    for finding in findings:
        row = rows.setdefault(
            (finding.field, finding.column, finding.reason),
            {
                "field": finding.field,
                "reason": finding.reason,
                "severity": finding.severity,
                "column": finding.column or None,
                "taken": shortened(finding.taken),
                "other": shortened(finding.other),
                "count": 0,
            },
        )
        row["count"] += 1
    return list(rows.values())


def shortened(value: Any) -> str | None:
    """Returns a reading as text of at most `LONGEST` characters; None for None."""
    text = json_text(value)
    if text is None or len(text) <= LONGEST:
        return text
    return f"{text[: LONGEST - 1]}…"
