"""unique_subject_ids: every subject in asset_basics, once."""

import pyarrow as pa

from zs_pipeline.arrow import distinct
from zs_pipeline.declaration import Acorn, Column, FromTables, TableRead, Tables


def rows(tables: Tables) -> pa.Table:
    """Returns the distinct values, without null, sorted."""
    return distinct(tables["asset_basics"], "subject_id")


ACORN = Acorn(
    name="unique_subject_ids",
    description=("Every subject, one row each, sorted as text. Join asset_basics on subject_id."),
    type="metadata",
    key=("subject_id",),
    kind=FromTables(rows=rows, tables=(TableRead("asset_basics", ("subject_id",)),)),
    columns=(
        Column(
            "subject_id",
            "string",
            "The animal, always as text: not all ids are numbers.",
            nullable=False,
            reads=("asset_basics.subject_id",),
            rule="Each value of asset_basics once, sorted as text; null is left out.",
            example="`M2501` comes after `839153`, since both are texts.",
        ),
    ),
)
