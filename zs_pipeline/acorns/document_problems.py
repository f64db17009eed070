"""document_problems: documents that were set aside, values and side files that were not read."""

from collections.abc import Iterable

from zs_pipeline.declaration import Acorn, Column, FromFindings, Row


def rows(findings: Iterable[Row]) -> Iterable[Row]:
    """Returns the findings as the documents and the answers of side files have them."""
    return findings


ACORN = Acorn(
    name="document_problems",
    description=(
        "What did not fit in the documents, one row per finding: documents that were set aside, "
        "values that could not be read and are null in the tables, and side files that may not be "
        "read or are not as they should be. Join asset_basics on _id."
    ),
    type="metadata",
    key=(),
    order=("severity", "name", "_id", "field", "reason"),
    may_shrink=True,
    kind=FromFindings(rows),
    columns=(
        Column("_id", "string", "The document's id; null when it has none."),
        Column("name", "string", "The data asset's name, where it could be read."),
        Column(
            "field",
            "string",
            "Where the value stands, dotted; empty for the whole document; file: and the acorn "
            "that wants it for a side file.",
        ),
        Column("reason", "string", "What is wrong, and what was done.", nullable=False),
        Column(
            "severity",
            "string",
            "error when the document was set aside, warning when one value became null or one side "
            "file gave nothing.",
            nullable=False,
        ),
    ),
)
