"""unique_subject_ids: every subject in asset_basics, once."""

import pyarrow as pa

from zs_client.contract import Acorn, Column
from zs_pipeline.arrow import distinct


def rows(asset_basics: pa.Table) -> pa.Table:
    """The distinct values, without null, sorted."""
    return distinct(asset_basics, "subject_id")


ACORN = Acorn(
    name="unique_subject_ids",
    description=("Every subject, one row each, sorted as text. Join asset_basics on subject_id."),
    type="metadata",
    key=("subject_id",),
    inputs=("asset_basics",),
    basics=("subject_id",),
    rows=rows,
    columns=(
        Column(
            "subject_id",
            "string",
            "The animal, always as text: not all ids are numbers.",
            nullable=False,
        ),
    ),
)
