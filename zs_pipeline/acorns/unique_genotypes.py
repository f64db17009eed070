"""unique_genotypes: every genotype in asset_basics, once."""

import pyarrow as pa

from zs_client.contract import Acorn, Column
from zs_pipeline.arrow import distinct


def rows(asset_basics: pa.Table) -> pa.Table:
    """The distinct values, without null, sorted."""
    return distinct(asset_basics, "genotype")


ACORN = Acorn(
    name="unique_genotypes",
    description=("Every genotype, one row each, sorted. Join asset_basics on genotype."),
    type="metadata",
    key=("genotype",),
    inputs=("asset_basics",),
    basics=("genotype",),
    rows=rows,
    columns=(
        Column("genotype", "string", "The genotype, without blanks around it.", nullable=False),
    ),
)
