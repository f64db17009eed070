"""Tables made from whole other tables, when the content of one changed."""

from collections.abc import Iterator

from zs_pipeline import arrow
from zs_pipeline.code import of_table
from zs_pipeline.declaration import FromTables
from zs_pipeline.publishing.facts_file import FactsFile
from zs_pipeline.publishing.table_update import PartitionUpdate, TableUpdate
from zs_pipeline.tables.inputs import Inputs
from zs_pipeline.tables.reuse import is_current


def plan(kind: FromTables, known: FactsFile, inputs: Inputs) -> TableUpdate:
    """Plan the update of a table made from other tables."""
    state, code = inputs.state(), of_table(known.acorn)
    if is_current(known.facts, state, code, state):
        return TableUpdate((), state, code, f"{', '.join(inputs)} did not change")

    def partitions() -> Iterator[PartitionUpdate]:
        yield PartitionUpdate("", kind.rows(inputs).cast(arrow.schema(known.acorn)))

    return TableUpdate(partitions(), state, code)
