"""`zs build`: the same Dagster assets as the UI and the schedule run, from one command.

Opens what it needs before any work, runs the three jobs of a night one after another, and tells
what was built, what failed and why, and what was set aside. What an asset does is in
`zs_pipeline.orchestration`.
"""

import logging
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from functools import partial
from pathlib import Path
from typing import Any, Self

import dagster as dg
from rich.console import Console

from zs_client.contract import encode_partition
from zs_client.errors import StoreError
from zs_client.folder import exclusive
from zs_client.masking import masked
from zs_client.obstore_errors import first_line
from zs_client.store import Store
from zs_pipeline import alerts, build_findings, dask_engine, logs, run_scope, scratch, settings
from zs_pipeline.acorns import ALL_ACORNS
from zs_pipeline.build_findings import SHOWN
from zs_pipeline.catalogue import Catalogue
from zs_pipeline.dask_engine import EngineError
from zs_pipeline.documents import shards
from zs_pipeline.documents import state as documents
from zs_pipeline.orchestration import events
from zs_pipeline.orchestration.code_location import LOCATION, definitions
from zs_pipeline.orchestration.failures import Failed
from zs_pipeline.orchestration.jobs import selections
from zs_pipeline.orchestration.nights import every_hours
from zs_pipeline.orchestration.run_tags import BY_COMMAND
from zs_pipeline.publishing import hold, night, successor
from zs_pipeline.side_files.files import Files
from zs_pipeline.source.choice import open_source
from zs_pipeline.source.interface import SourceError
from zs_pipeline.terminal import TableLines, is_here, is_interrupt

_FAILED, _REFUSED = 1, 2
_DOCUMENTS = dg.AssetKey("documents")
# Errors of the database that Dagster keeps its history in.
_OF_DATABASE = frozenset(("OperationalError", "DatabaseError", "InterfaceError", "InternalError"))
# What to do about what the system says.
_ADVICE = {
    "Too many open files": (
        "too many files are open: raise the limit, as with `ulimit -n 1024`, and build again"
    ),
    "No space left on device": "make room",
}


def main(
    *,
    source: str | None = None,
    store: str | None = None,
    files: str | None = None,
    select: Sequence[str] = (),
    subjects: Sequence[str] = (),
    accept_shrink: bool = False,
    alert: bool = False,
) -> int:
    """Build the cache.

    Args:
        source: The documents' URL; `ZS_SOURCE`, else the sample.
        store: The store's URL; `ZS_STORE`, else the current folder.
        files: Where the buckets of side files are; `ZS_FILES`, else the sample's or S3.
        select: Only these acorns and what they are made from.
        subjects: Of acorns partitioned by subject only these, whether they changed or not.
        accept_shrink: Accept what lost more than it may.
        alert: Tell people of a failure as `ZS_ALERT_…` say, and once when it is good again.

    Returns:
        0 when all is built, 1 when anything failed or a document did not come, 2 when nothing
        could be begun.
    """
    errors, ways = Console(stderr=True, highlight=False), alerts.Ways()
    try:
        console, errors = logs.consoles()
        ways = alerts.ways_of_build() if alert else ways
        settings.check_open_files()
        source_url = settings.source_url(source or "")
        store_url = settings.store_url(store or "")
        layout = settings.layout()
        settings.refetch_every()
        every_hours()
        if engine := settings.engine():
            dask_engine.connect(engine).close()
        files_url = settings.files_url(files or "", source_url)
        Files(files_url)
        opened = settings.writable_store(store_url)
        opened.check()
        tables = settings.catalogue()
        open_source(source_url, tables.reads.paths).check()
        chosen = _chosen(tables, select)
        settings.check_writable(opened)
        if second := settings.successor_layout():
            successor.refuse_others(opened, second)
        layout_of_builds = hold.layout_of_builds(opened, layout)
        lines = TableLines(console, _names(tables, chosen)) if is_here(console) else None
        defs = definitions(
            tables,
            source=source_url,
            store=store_url,
            files=files_url,
            version=layout.version,
            accept_shrink=accept_shrink,
            loggers={"console": _console_logger(lines or _handler(tables, console))},
        )
        history = _History(console)
    except (StoreError, SourceError, EngineError, ValueError, OSError) as error:
        said = masked(f"zs build: {_said(error)}")
        unsent = alerts.send(ways, alerts.refusal(said))
        for line in (said, *unsent):
            errors.print(line, style="red", markup=False, soft_wrap=True)
        return _REFUSED
    # The three runs share it, with what they cached and the processes that they started.
    with history, run_scope.entered() as scope, night.failing(opened, layout_of_builds, "night"):
        # A result holds all that its run made, so none is kept until the next.
        with lines or nullcontext():
            failures = [
                line
                for job in selections(tables)
                for line in history.failures(partial(_run, defs, job, chosen, subjects), opened)
            ]
        if not failures and subjects:
            failures = _unknown(opened, subjects)
        built = settings.writable_store(store_url, object_cache=scope.object_cache(store_url))
        if lines:
            console.print(lines.summary, markup=False, soft_wrap=True)
            build_findings.print_counts(console, built, layout_of_builds)
        else:
            build_findings.print_kinds(console, built, layout_of_builds)
    if held := hold.behind(opened, layout_of_builds):
        console.print(held.sentence, style="yellow", markup=False, soft_wrap=True)
    alerted = alerts.tell_build(ways, opened, layout_of_builds, failures)
    for line in (*failures, *map(_line, alerted)):
        errors.print(masked(line), style="red", markup=False, soft_wrap=True)
    return _FAILED if failures else 0


def _unknown(store: Store, subjects: Sequence[str]) -> list[str]:
    """Returns a line for the subjects that no document has."""
    known = set(documents.load(store).index["subject_id"].to_pylist())
    unknown = [subject for subject in subjects if subject not in known]
    if not unknown:
        return []
    return [f"no such subject: {', '.join(unknown)}; `zs show unique_subject_ids` has all"]


def _withheld(store: Store) -> list[str]:
    """Returns a line for the documents that the source has and did not hand out."""
    withheld = documents.withheld(store)
    more = f" and {len(withheld) - SHOWN:,} more" if len(withheld) > SHOWN else ""
    first = ", ".join(withheld[:SHOWN])
    return [f"{len(withheld):,} documents did not come and are as before: {first}{more}"]


def _chosen(tables: Catalogue, select: Sequence[str]) -> set[str] | None:
    """Returns the assets to run, None for all."""
    if not select:
        return None
    by_table = {acorn.table: acorn.name for acorn in ALL_ACORNS}
    names = [by_table.get(name, name) for name in select]
    unknown = [name for name in names if name not in tables.by_name]
    if unbuilt := [acorn.name for acorn in tables.unbuilt if acorn.name in unknown]:
        raise ValueError(f"built only with ZS_BDC_VERSION: {', '.join(unbuilt)}")
    if unknown:
        known = ", ".join(tables.by_name)
        raise ValueError(f"no such acorn: {', '.join(unknown)}; there are {known}")
    return {"documents", "squirrel", *tables.upstream(names)}


class _History:
    """Dagster's instance: the one under `DAGSTER_HOME`, else one that is gone afterwards.

    The history is not the data: where it can no longer be written, runs go on without one.

    Args:
        console: Where that is told.

    Raises:
        OSError: There is a `DAGSTER_HOME`, and no history can be kept there.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._stack = ExitStack()
        self._home = os.environ.get("DAGSTER_HOME") or ""
        if self._home:
            settings.check_history(self._home)
            try:
                with _alone(Path(self._home)):
                    self._instance = self._stack.enter_context(dg.DagsterInstance.get())
            except Exception as error:
                raise OSError(
                    f"DAGSTER_HOME={self._home}: no history can be kept there: {first_line(error)}"
                ) from error
        else:
            self._instance = self._passing()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _passing(self) -> dg.DagsterInstance:
        scratch_folder = self._stack.enter_context(scratch.folder())
        instance = dg.DagsterInstance.ephemeral(tempdir=str(scratch_folder))
        return self._stack.enter_context(instance)

    def failures(
        self, run: Callable[[dg.DagsterInstance], dg.ExecuteInProcessResult | None], store: Store
    ) -> list[str]:
        """Returns a line for each asset that failed in a run, run again if the history did."""
        try:
            result = run(self._instance)
            lost = self._lost(_kinds_of_errors(result))
        except Exception as error:
            lost = self._lost({type(one).__name__ for one in _chain(error)})
            if not lost:
                raise
        if not lost:
            return _failures(result, store)
        self._console.print(
            f"the history cannot be written, and the build goes on without it: {lost}",
            style="yellow",
            markup=False,
            soft_wrap=True,
        )
        self._home = ""
        self._instance = self._passing()
        return _failures(run(self._instance), store)

    def _lost(self, kinds: set[str]) -> str:
        """Returns why the history can no longer be written, where that is why a run failed."""
        if not self._home or not kinds:
            return ""
        try:
            settings.check_history(self._home)
        except OSError as error:
            return str(error)
        kept = f"DAGSTER_HOME={self._home}: its database"
        return f"{kept} answered {', '.join(kinds & _OF_DATABASE)}" if kinds & _OF_DATABASE else ""


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _kinds_of_errors(result: dg.ExecuteInProcessResult | None) -> set[str]:
    """Returns the names of the errors that a run's steps failed with."""
    kinds: set[str] = set()
    if result is None or result.success:
        return kinds
    for event in result.all_events:
        error = event.step_failure_data.error if event.is_step_failure else None
        while error is not None:
            kinds.add(str(error.cls_name))
            error = error.cause
    return kinds or {"no reason given"}


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """Hold a lock on Dagster's home: whoever opens it first makes its databases, without one."""
    with ExitStack() as held:
        # Where no lock can be held, one build at a time is as safe as ever.
        with suppress(OSError):
            lock = held.enter_context((home / ".data-asset-cache.lock").open("w"))
            held.enter_context(exclusive(lock))
        yield


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
            for acorn in ALL_ACORNS
            if acorn.name in names and acorn.partition == shards.KEY
        }
    with events.run_scope_of(instance), events.in_location(instance, LOCATION, job):
        return resolved.execute_in_process(
            instance=instance,
            run_config=config,
            raise_on_error=False,
            # Of a part of a job Dagster stores the whole as well.
            asset_selection=[dg.AssetKey(name) for name in sorted(names)] if chosen else None,
            tags={BY_COMMAND: "true"},
        )


def _names(tables: Catalogue, chosen: set[str] | None) -> list[str]:
    """Returns the tables that are built, and `documents`, in the catalogue's order."""
    names = ["documents", *tables.by_name]
    return [name for name in names if chosen is None or name in chosen]


def _handler(tables: Catalogue, console: Console) -> logging.Handler:
    """Returns what prints what the assets say; Dagster's own events are in its history."""
    if isinstance(console, logs.JsonConsole):
        return logs.JsonHandler(console, tables.by_name)
    return _ConsoleHandler(console)


def _console_logger(handler: logging.Handler) -> dg.LoggerDefinition:
    """Returns a logger that hands what the assets say to a handler."""

    @dg.logger
    def to_console(_: dg.InitLoggerContext) -> logging.Logger:
        # Not in the tree of loggers: what the process logs elsewhere stays apart.
        logger = logging.Logger("zs")  # noqa: LOG001
        logger.addHandler(handler)
        return logger

    return to_console


class _ConsoleHandler(logging.Handler):
    def __init__(self, console: Console) -> None:
        super().__init__(logging.INFO)
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        # What was skipped is told once, by the reason of what failed.
        if logs.is_of_dagster(record):
            return
        meta = getattr(record, "dagster_meta", {})
        said = meta.get("orig_message", record.getMessage())
        style = "yellow" if record.levelno >= logging.WARNING else "dim"
        self._console.print(masked(said), style=style, markup=False, soft_wrap=True)


def _failures(result: dg.ExecuteInProcessResult | None, store: Store) -> list[str]:
    """Returns a line for each asset that failed, with why; one for documents that did not come."""
    lines: list[str] = []
    if result is None:
        return lines
    for event in result.all_events:
        if event.is_step_materialization and event.asset_key == _DOCUMENTS:
            count = event.step_materialization_data.materialization.metadata["withheld"]
            lines += _withheld(store) if count.value else []
        # Dagster hears an interrupt in our place, and ends its run; before the first step and
        # between two of them no step fails of it.
        if event.is_failure and is_interrupt(event):
            raise KeyboardInterrupt
        if not event.is_step_failure:
            continue
        error = event.step_failure_data.error
        # Dagster's own error wraps ours, which says more than what it came from.
        while error is not None and error.cause and str(error.cls_name).startswith("Dagster"):
            error = error.cause
        if error is not None and error.cls_name == Failed.__name__:
            # Its message has the class before the sentence.
            said = _line(error.message.partition(": ")[2])
        else:
            said = _line(error.message) if error is not None else "no reason given"
        lines.append(f"{event.step_key} failed: {said}")
    if not result.success and not lines:
        lines.append(f"{result.job_def.name} failed: see its run in Dagster")
    return lines


def _said(error: Exception) -> str:
    return _line(str(error)) or type(error).__name__


def _line(message: str) -> str:
    """Returns the first line of a message, and what to do where files or room ran out."""
    first = next(iter(message.strip().splitlines()), "")
    # obstore tells of it some lines below.
    advice = [what for said, what in _ADVICE.items() if said in message and what not in message]
    return "; ".join([first, *advice])


if __name__ == "__main__":
    sys.exit(main())
