"""Builds a table of any kind on a store, without Dagster.

How the update of each kind is planned is in the kind's module; how a planned partition is written
is in `zs_pipeline.publishing.commit`.
"""

from collections.abc import Iterable, Mapping

from zs_pipeline.declaration import (
    Acorn,
    ByDocument,
    ByKey,
    ByLineage,
    ByPlatform,
    FromCustomTable,
    FromFindings,
    FromFrame,
    FromSideFiles,
    FromTables,
)
from zs_pipeline.publishing.facts_file import FactsFile
from zs_pipeline.publishing.recovery import heal
from zs_pipeline.publishing.table_update import TableUpdate
from zs_pipeline.tables import (
    by_document,
    by_key,
    by_lineage,
    by_platform,
    from_custom_table,
    from_findings,
    from_frame,
    from_side_files,
    from_tables,
)
from zs_pipeline.tables.inputs import Input, Inputs, Surroundings, read_input


def build(
    acorn: Acorn,
    around: Surroundings,
    *,
    inputs: Mapping[str, Input] | None = None,
    only: Iterable[str] | None = None,
) -> TableUpdate:
    """Plan the update of a table; `zs_pipeline.publishing.commit` computes and writes it.

    Args:
        acorn: The declaration.
        around: Where to build, and from what.
        inputs: The tables that the table is made from, by name; read from the store when None.
        only: The encoded partitions to compute, changed or not; all that changed when None.

    Raises:
        FileNotFoundError: The documents or an input table are not in the store.
        Exception: An input cannot be read; see the kind's module.
    """
    store, layout = around.store, around.layout
    if inputs is None:
        by_name = around.catalogue.by_name
        inputs = {
            read.table: read_input(store, layout, by_name[read.table]) for read in acorn.kind.tables
        }
    tables, known = Inputs(acorn, inputs), FactsFile(store, layout, acorn)
    _heal(known, around)
    match acorn.kind:
        case ByDocument() as kind:
            built = by_document.plan(kind, known, tables, around.files)
        case ByKey() as kind:
            built = by_key.plan(kind, known, tables, only)
        case ByLineage() as kind:
            built = by_lineage.plan(kind, known, tables, only)
        case ByPlatform() as kind:
            built = by_platform.plan(kind, known, tables, only, around.progress)
        case FromTables() as kind:
            built = from_tables.plan(kind, known, tables)
        case FromFindings() as kind:
            built = from_findings.plan(kind, known, around)
        case FromSideFiles() as kind:
            built = from_side_files.plan(kind, known, tables, around)
        case FromFrame() as kind:
            built = from_frame.plan(kind, known, tables, around.files)
        case FromCustomTable() as kind:
            built = from_custom_table.plan(kind, known, tables, around)
    built.known = known
    return built


def _heal(known: FactsFile, around: Surroundings) -> None:
    """Bring back missing files that the facts name; report or refuse those that are lost."""
    # On S3 each look is a request; a missing file is noticed there when a table reads the file.
    missed = known.facts.get("lost", ()) if known.facts and known.store.is_remote else None
    back, lost = heal(known, missed)
    name = known.acorn.name
    if back:
        around.progress(f"{name}: {back} files were gone and are restored from their copies")
    if not lost:
        return
    if isinstance(known.acorn.kind, FromCustomTable):
        raise FileNotFoundError(
            f"{name}: its file is gone from {known.store.url}, and with it what it remembered of "
            "earlier upgrades, which nothing else has; put it back, or remove "
            f"{known.store.at(known.layout.facts(known.acorn.table))} to begin without"
        )
    around.progress(f"{name}: {lost} files are gone, and are made anew")
