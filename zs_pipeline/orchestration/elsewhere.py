"""What is made elsewhere and read by tables: side files, custom tables, the old documents.

Dagster knows them as assets that no run makes; what tables saw of them is told as observations. The
assets that are made are in `zs_pipeline.orchestration.assets`.
"""

from collections.abc import Mapping

import dagster as dg

from zs_pipeline.declaration import Acorn, FromCustomTable
from zs_pipeline.publishing.table_update import TableUpdate
from zs_pipeline.side_files import answers, nights

OWNERS = ["team:data-infrastructure"]
SIDE_FILES_SPEC = dg.AssetSpec(
    "files",
    group_name="sources",
    owners=OWNERS,
    kinds={"s3"},
    description=(
        "The side files beside the data, in whatever bucket a data asset lies. Acorns ask them; "
        "what they said is kept outside the version folders and asked again when a data asset "
        "changed, or had nothing to say."
    ),
)
CUSTOM_TABLES_SPEC = dg.AssetSpec(
    "custom",
    group_name="sources",
    owners=OWNERS,
    kinds={"parquet"},
    description=(
        "Tables that people and their programs store with zs_client.custom. They lie outside the "
        "version folders; no build writes them."
    ),
)
OLD_DOCUMENTS_SPEC = dg.AssetSpec(
    "old_documents",
    group_name="sources",
    owners=OWNERS,
    kinds={"mongodb"},
    description=(
        "The database that the documents were upgraded from. Only names are asked for, and only "
        "of documents whose upgrade failed."
    ),
)


# What is counted of each, by the names in a table's counts.
_OF_FILES = ("files_from", "asked", "reused", "requests")
_OF_CUSTOM = ("copy", "copy_time", "copies")


def _show_sources(
    context: dg.AssetExecutionContext, acorn: Acorn, counts: Mapping[str, int | str]
) -> None:
    """Tell Dagster what was seen of what is made elsewhere, for its own pages."""
    question: dict[str, int | str] = {"asked_for": acorn.name, "date": f"{nights.today()}"}
    of_files = {name: counts[name] for name in (*_OF_FILES, *answers.OUTCOMES) if name in counts}
    kind = acorn.kind
    # Where all answers are reused nothing was looked at.
    if counts.get("requests"):
        metadata = question | of_files
        context.log_event(dg.AssetObservation(SIDE_FILES_SPEC.key, metadata=metadata))
    if isinstance(kind, FromCustomTable):
        of_custom = {name: counts[name] for name in _OF_CUSTOM if name in counts}
        metadata = {**question, "table": kind.custom, "copies": 0, **of_custom}
        context.log_event(dg.AssetObservation(CUSTOM_TABLES_SPEC.key, metadata=metadata))
    if "old_documents" in counts:
        metadata = question | {"database": counts["old_documents"]}
        context.log_event(dg.AssetObservation(OLD_DOCUMENTS_SPEC.key, metadata=metadata))


def show_counts(context: dg.AssetExecutionContext, acorn: Acorn, built: TableUpdate) -> None:
    """Show people what was counted on the way to a table, and what did not fit."""
    if built.counts:
        _show_sources(context, acorn, built.counts)
        problems = {"problems": "; ".join(built.problems)}
        context.add_output_metadata({**built.counts, **problems})
    if "asked" in built.counts:
        context.log.info("%s", _counts_line(acorn, built.counts))
    for problem in built.problems:
        context.log.warning("%s: %s", acorn.name, problem)


def _counts_line(acorn: Acorn, counts: Mapping[str, int | str]) -> str:
    """Returns a line that tells a person what was asked of side files."""
    outcomes = ", ".join(
        f"{counts[outcome]:,} {outcome.replace('_', ' ')}"
        for outcome in answers.OUTCOMES
        if counts[outcome]
    )
    return (
        f"{acorn.name}: {counts['asked']:,} side files asked for, {counts['reused']:,} reused, "
        f"{counts['requests']:,} requests; {outcomes or 'nothing to ask'}"
    )
