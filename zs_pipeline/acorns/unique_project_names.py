"""unique_project_names: every project in asset_basics, once."""

import pyarrow as pa

from zs_pipeline.arrow import distinct
from zs_pipeline.declaration import Acorn, Column, FromTables, TableRead, Tables


def rows(tables: Tables) -> pa.Table:
    """Returns the distinct values, without null, sorted."""
    return distinct(tables["asset_basics"], "project_name")


ACORN = Acorn(
    name="unique_project_names",
    description=("Every project name, one row each, sorted. Join asset_basics on project_name."),
    type="metadata",
    key=("project_name",),
    kind=FromTables(rows=rows, tables=(TableRead("asset_basics", ("project_name",)),)),
    columns=(
        Column(
            "project_name",
            "string",
            "The project, without blanks around it.",
            nullable=False,
            reads=("asset_basics.project_name",),
            rule="Each value of asset_basics once, sorted as text; null is left out.",
            example="`unknown` stays as it is: it is what the documents say.",
        ),
    ),
)
