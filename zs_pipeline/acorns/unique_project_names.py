"""unique_project_names: every project in asset_basics, once."""

import pyarrow as pa

from zs_client.contract import Acorn, Column
from zs_pipeline.arrow import distinct


def rows(asset_basics: pa.Table) -> pa.Table:
    """The distinct values, without null, sorted."""
    return distinct(asset_basics, "project_name")


ACORN = Acorn(
    name="unique_project_names",
    description=("Every project name, one row each, sorted. Join asset_basics on project_name."),
    type="metadata",
    key=("project_name",),
    inputs=("asset_basics",),
    basics=("project_name",),
    rows=rows,
    columns=(
        Column("project_name", "string", "The project, without blanks around it.", nullable=False),
    ),
)
