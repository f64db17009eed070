"""unique_genotypes: every genotype in asset_basics, once."""

import pyarrow as pa

from zs_pipeline.arrow import distinct
from zs_pipeline.declaration import Acorn, Column, FromTables, TableRead, Tables


def rows(tables: Tables) -> pa.Table:
    """Returns the distinct values, without null, sorted."""
    return distinct(tables["asset_basics"], "genotype")


ACORN = Acorn(
    name="unique_genotypes",
    description=("Every genotype, one row each, sorted. Join asset_basics on genotype."),
    type="metadata",
    key=("genotype",),
    kind=FromTables(rows=rows, tables=(TableRead("asset_basics", ("genotype",)),)),
    columns=(
        Column(
            "genotype",
            "string",
            "The genotype, without blanks around it.",
            nullable=False,
            reads=("asset_basics.genotype",),
            rule="Each value of asset_basics once, sorted as text; null is left out.",
            example="`wt/wt`, which many documents have, becomes one row.",
        ),
    ),
)
