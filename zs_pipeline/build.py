"""`zs build`: the same Dagster assets as the UI and the schedule run, from one command.

Opens what it needs before any work, runs the three jobs of a night one after another, and tells
what was built, what failed and why, and what was set aside.
"""

import logging
import os
import sys
from collections.abc import Sequence
from typing import Any

import dagster as dg
import pyarrow.compute as pc
from rich.console import Console

from zs_client.contract import encode_partition
from zs_client.store import Store, StoreError
from zs_pipeline import documents, events, graph, processes, settings, shards
from zs_pipeline.acorns import ACORNS, CATALOGUE
from zs_pipeline.commit import read_content
from zs_pipeline.files import Files
from zs_pipeline.source import SourceError, open_source

_FAILED, _REFUSED = 1, 2
SHOWN = 10
_INTERRUPTS = ("DagsterExecutionInterruptedError", "KeyboardInterrupt", "Abandoned")


def main(
    *,
    source: str | None = None,
    store: str | None = None,
    files: str | None = None,
    select: Sequence[str] = (),
    subjects: Sequence[str] = (),
    accept_shrink: bool = False,
) -> int:
    """Build the cache.

    Args:
        source: The documents' URL; `ZS_SOURCE`, else the sample.
        store: The store's URL; `ZS_STORE`, else the current folder.
        files: Where the buckets of side files are; `ZS_FILES`, else the sample's or S3.
        select: Only these acorns and what they are made from.
        subjects: Of acorns partitioned by subject only these, whether they changed or not.
        accept_shrink: Accept what lost more than it may.

    Returns:
        0 when all is built, 1 when anything failed, 2 when nothing could be begun.
    """
    console = Console(highlight=False)
    errors = Console(stderr=True, highlight=False)
    try:
        source_url = settings.source_url(source or "")
        store_url = settings.store_url(store or "")
        version = settings.version()
        files_url = settings.files_url(files or "", source_url)
        Files(files_url)
        opened = settings.writable_store(store_url)
        opened.check()
        open_source(source_url, CATALOGUE.reads.paths).check()
        chosen = _chosen(select)
    except (StoreError, SourceError, ValueError, OSError) as error:
        errors.print(f"zs build: {error}", style="red", markup=False, soft_wrap=True)
        return _REFUSED
    defs = graph.definitions(
        source=source_url,
        store=store_url,
        files=files_url,
        version=version,
        accept_shrink=accept_shrink,
        loggers={"console": _console_logger(console)},
    )
    # The three runs read the same documents and tables, and use the same processes.
    with (
        graph.near_by(store_url) as near,
        _instance() as instance,
        events.held_open(instance),
        processes.held(),
    ):
        # A result holds all that its run made, so none is kept until the next.
        failures = [
            line
            for job in graph.jobs(CATALOGUE)
            for line in _failures(_run(defs, job.name, chosen, subjects, instance))
        ]
        if not failures and subjects:
            failures = _unknown(opened, subjects)
        _show_aside(console, settings.writable_store(store_url, near=near), version)
    for line in failures:
        errors.print(line, style="red", markup=False, soft_wrap=True)
    return _FAILED if failures else 0


def _unknown(store: Store, subjects: Sequence[str]) -> list[str]:
    """A line for the subjects that no document has."""
    known = set(documents.load(store).index["subject_id"].to_pylist())
    unknown = [subject for subject in subjects if subject not in known]
    return [f"no such subject: {', '.join(unknown)}"] if unknown else []


def _chosen(select: Sequence[str]) -> set[str] | None:
    """The assets to run, None for all."""
    if not select:
        return None
    by_table = {acorn.table: acorn.name for acorn in ACORNS}
    names = [by_table.get(name, name) for name in select]
    unknown = [name for name in names if name not in CATALOGUE.by_name]
    if unknown:
        known = ", ".join(CATALOGUE.by_name)
        raise ValueError(f"no such acorn: {', '.join(unknown)}; there are {known}")
    return {"documents", "squirrel", *CATALOGUE.upstream(names)}


def _instance() -> Any:
    """Dagster's instance: the one under `DAGSTER_HOME`, else one that is gone afterwards."""
    if os.environ.get("DAGSTER_HOME"):
        return dg.DagsterInstance.get()
    return dg.DagsterInstance.ephemeral()


def _run(
    defs: dg.Definitions,
    job: str,
    chosen: set[str] | None,
    subjects: Sequence[str],
    instance: dg.DagsterInstance,
) -> dg.ExecuteInProcessResult | None:
    resolved = defs.resolve_job_def(job)
    names = {key.to_user_string() for key in resolved.asset_layer.selected_asset_keys}
    if chosen is not None:
        names &= chosen
    if not names:
        return None
    config: dict[str, Any] = {"loggers": {"console": {"config": {}}}}
    if subjects:
        segments = [encode_partition(subject) for subject in subjects]
        config["ops"] = {
            acorn.name: {"config": {"only": segments}}
            for acorn in ACORNS
            if acorn.name in names and acorn.partition == shards.KEY
        }
    return resolved.execute_in_process(
        instance=instance,
        run_config=config,
        raise_on_error=False,
        # Of a part of a job Dagster stores the whole as well.
        asset_selection=[dg.AssetKey(name) for name in sorted(names)] if chosen else None,
        tags={graph.BY_COMMAND: "true"},
    )


def _console_logger(console: Console) -> dg.LoggerDefinition:
    """Shows what the assets say; Dagster's own events are in its history."""

    @dg.logger
    def to_console(_: dg.InitLoggerContext) -> logging.Logger:
        # Not in the tree of loggers: what the process logs elsewhere stays apart.
        logger = logging.Logger("zs")  # noqa: LOG001
        handler = _ConsoleHandler(console)
        logger.addHandler(handler)
        return logger

    return to_console


class _ConsoleHandler(logging.Handler):
    def __init__(self, console: Console) -> None:
        super().__init__(logging.INFO)
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        meta = getattr(record, "dagster_meta", {})
        said = meta.get("orig_message", record.getMessage())
        # What was skipped is told once, by the reason of what failed.
        if meta.get("dagster_event") or said.startswith("Dependencies for step"):
            return
        style = "yellow" if record.levelno >= logging.WARNING else "dim"
        self._console.print(said, style=style, markup=False, soft_wrap=True)


def _failures(result: dg.ExecuteInProcessResult | None) -> list[str]:
    """One line for each asset that failed: what, and why."""
    lines: list[str] = []
    if result is None:
        return lines
    for event in result.all_events:
        if not event.is_step_failure:
            continue
        error = event.step_failure_data.error
        # Dagster hears an interrupt in our place, and ends its run.
        if error is not None and error.cls_name in _INTERRUPTS:
            raise KeyboardInterrupt
        # Dagster's own error wraps ours, which says more than what it came from.
        while error is not None and error.cause and str(error.cls_name).startswith("Dagster"):
            error = error.cause
        said = error.message.strip() if error is not None else "no reason given"
        lines.append(f"{event.step_key} failed: {said}")
    if not result.success and not lines:
        lines.append(f"{result.job_def.name} failed: see its run in Dagster")
    return lines


def _show_aside(console: Console, store: Store, version: str) -> None:
    """Say what did not fit, and where to read more of it."""
    try:
        found = read_content(store, version, CATALOGUE.by_name["document_problems"])
    except FileNotFoundError:
        return
    aside = found.filter(pc.equal(found["severity"], "error"))
    if aside.num_rows:
        console.print(f"{aside.num_rows} documents were set aside:", style="yellow", soft_wrap=True)
        for row in aside.slice(0, SHOWN).to_pylist():
            console.print(
                f"  {row['name'] or row['_id'] or ''} {row['reason']}", markup=False, soft_wrap=True
            )
    if found.num_rows > aside.num_rows:
        count = found.num_rows - aside.num_rows
        console.print(
            f"{count} values and side files could not be read and are null",
            style="yellow",
            soft_wrap=True,
        )
    if found.num_rows:
        console.print("All of them: zs_client.document_problems()", soft_wrap=True)


if __name__ == "__main__":
    sys.exit(main())
