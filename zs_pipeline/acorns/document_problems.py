"""document_problems: values of documents and side files that were not read, or read by a rule.

data_asset_problems has the same columns.
"""

from collections.abc import Iterable

from zs_pipeline.declaration import Acorn, Column, FromFindings, Row


def rows(findings: Iterable[Row]) -> Iterable[Row]:
    """Returns the findings of documents and of answers of side files, unchanged."""
    return findings


# The columns of a finding beside its place, reason and severity.
MORE = (
    Column(
        "column",
        "string",
        "The column that it concerns, as table.column; null when it concerns no column, or the "
        "whole document.",
        reads=("the finding",),
        rule="The column whose value the finding is about; the first where several read the field.",
        example="A start without a zone concerns `asset_basics.acquisition_start_time`.",
    ),
    Column(
        "taken",
        "string",
        "The reading that was taken, as text up to 200 characters; null when the value became "
        "null or nothing was to choose.",
        reads=("the finding",),
        rule="JSON text where the reading is no text; the first one where there are several.",
        example="`2024-06-30T20:49:33-07:00`, of a start that is written without a zone.",
    ),
    Column(
        "other",
        "string",
        "The reading that was not taken, as text up to 200 characters; of a value that could not "
        "be read, the value.",
        reads=("the finding",),
        rule="As taken.",
        example="`2024-06-30T20:49:33+00:00`, which is not taken.",
    ),
    Column(
        "count",
        "int32",
        "How often this was found in the document; taken and other are those of the first.",
        reads=("the finding",),
        rule="Places of one document with the same field, column and reason are counted together.",
        example="A form that left 12 fields as `N/A` becomes 12.",
    ),
)

ACORN = Acorn(
    name="document_problems",
    description=(
        "What did not fit in the documents or was read by a rule, one row per document, field, "
        "column and reason: documents that were set aside, values that could not be read and are "
        "null in the tables, values where other readings were possible, and side files that may "
        "not be read or are not as they should be. Join asset_basics on _id."
    ),
    type="asset",
    key=(),
    order=("severity", "name", "_id", "field", "reason", "column"),
    may_shrink=True,
    kind=FromFindings(rows),
    columns=(
        Column(
            "_id",
            "string",
            "The document's id; null when it has none.",
            reads=("_id",),
            rule="As written.",
            example="`8c593ace-ad9e-5074-a9db-fdbc23f836b9`",
        ),
        Column(
            "name",
            "string",
            "The data asset's name, where it could be read.",
            reads=("name",),
            rule="As asset_basics.name.",
            example="`SmartSPIM_747806_2024-10-29_18-35-33`",
        ),
        Column(
            "field",
            "string",
            "Where the value stands, dotted; empty for the whole document; file: and the acorn "
            "that wants it for a side file.",
            reads=("the finding",),
            rule="The path of the value, with [] for each of a list and {} for each value of an "
            "object. Of a value in a list it does not tell which: count tells how many.",
            example="`acquisition.data_streams[].connections`",
        ),
        Column(
            "reason",
            "string",
            "What is wrong, and what was done.",
            nullable=False,
            reads=("the finding",),
            rule="A sentence after the field's name, the same for every document with this kind of "
            "finding.",
            example="`acquisition.experimenters` with a text in place of a list: `is no list; it "
            "is left out of the tables`.",
        ),
        Column(
            "severity",
            "string",
            "error when the document was set aside, warning when a value became null or may be "
            "wrong or a side file gave nothing, note when a written rule chose between readings.",
            nullable=False,
            reads=("the finding",),
            rule="Set by the kind of finding, not by the value.",
            example="A document without an `_id` is an error, a time that cannot be read a "
            "warning, a time without a zone a note.",
        ),
        *MORE,
    ),
)
