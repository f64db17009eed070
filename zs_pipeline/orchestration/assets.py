"""Dagster's assets, checks, jobs and resources, made from the acorns. The one place that does.

What a table is made from is computed in `zs_pipeline.tables.build`, how it is written in
`zs_pipeline.publishing.commit`; here they are bound to Dagster, and told to the people who look at
it.
"""

import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import dagster as dg
from pydantic import Field, PrivateAttr

from zs_client import user_tables
from zs_client.contract import ROOT, encode_partition, location
from zs_client.facts import Facts
from zs_client.masking import masked
from zs_client.obstore_errors import first_line
from zs_client.store import Store
from zs_pipeline import code, memory, processes, scratch, settings
from zs_pipeline.acorns import CATALOGUE
from zs_pipeline.catalogue import Catalogue
from zs_pipeline.declaration import Acorn, Partitioning
from zs_pipeline.documents import shards, upheavals
from zs_pipeline.documents import update as documents
from zs_pipeline.orchestration import events
from zs_pipeline.publishing import squirrel
from zs_pipeline.publishing import table_checks as checks
from zs_pipeline.publishing.commit import commit
from zs_pipeline.publishing.facts_file import mark_stale, read_facts, read_head, segments
from zs_pipeline.publishing.recovery import bring_back
from zs_pipeline.publishing.table_update import CommitReport, TableUpdate
from zs_pipeline.shrink_refused import ShrinkRefused
from zs_pipeline.side_files import answers
from zs_pipeline.side_files.files import Files
from zs_pipeline.source.choice import open_source
from zs_pipeline.source.interface import Source
from zs_pipeline.tables import build as tables
from zs_pipeline.tables.inputs import Input, Surroundings, read_input

OWNERS = ["team:data-infrastructure"]
PREVIEW = 5
# Folders of this process, by the store's URL. No configuration: that is a part of the job that
# Dagster stores, anew when it differs.
_in_use: dict[str, Path] = {}
# Set on the runs of `zs build`, which starts the later ones itself.
BY_COMMAND = "zs/by_command"
# Set on the runs of a schedule and those that follow: the hours between two of them.
EVERY_HOURS = "zs/every_hours"
NIGHTLY, NIGHTLY_HOURS = "0 9 * * *", 24


class Cache(dg.ConfigurableResource[None]):
    """The store and the version folder that tables are written to."""

    url: str = ""
    version: str = ""
    accept_shrink: bool = False
    _opened: Store | None = PrivateAttr(default=None)
    # What this run committed and has not checked yet, by acorn.
    _reports: dict[str, CommitReport] = PrivateAttr(default_factory=dict)
    _while_running: ExitStack = PrivateAttr(default_factory=ExitStack)

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """Open the store for a run, with a folder near by for what never changes."""
        url = settings.store_url(self.url)
        near = self._while_running.enter_context(near_by(url))
        self._opened = settings.writable_store(url, near=near)
        if context.instance:
            self._while_running.enter_context(events.held_open(context.instance))
        self._while_running.enter_context(processes.held())

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:  # noqa: ARG002
        """Remove that folder."""
        self._opened = None
        self._while_running.close()

    def open(self) -> Store:
        """The store; `ZS_STORE`, else the current folder, when no URL is set."""
        return self._opened or settings.writable_store(settings.store_url(self.url))

    def folder(self) -> str:
        """The version; `ZS_VERSION`, else the package's, when none is set."""
        return settings.version(self.version)

    def committed(self, acorn: Acorn, report: CommitReport) -> None:
        """Keep what a commit of this run did, for the checks of the table."""
        self._reports[acorn.name] = report

    def report(self, acorn: Acorn) -> CommitReport | None:
        """What this run's commit of a table did, once; None where it made none."""
        return self._reports.pop(acorn.name, None)


@contextmanager
def near_by(url: str) -> Iterator[Path | None]:
    """A folder for what never changes on S3, removed afterwards; None for another kind of store.

    Within another one of the same store it is that one. What killed runs left behind is removed.
    """
    if not url.startswith("s3://") or url in _in_use:
        yield _in_use.get(url)
        return
    with ExitStack() as stack:
        try:
            near = stack.enter_context(scratch.folder())
        except OSError:
            # A full disk costs requests, nothing more.
            yield None
            return
        _in_use[url] = near
        try:
            yield near
        finally:
            del _in_use[url]


class Documents(dg.ConfigurableResource[None]):
    """The source of the documents."""

    url: str = ""

    def open(self, catalogue: Catalogue) -> Source:
        """The source; `ZS_SOURCE`, else the packaged sample, when no URL is set."""
        return open_source(settings.source_url(self.url), catalogue.reads.paths)


class SideFiles(dg.ConfigurableResource[None]):
    """The buckets of side files."""

    url: str = ""
    source: str = ""

    def open(self) -> Files:
        """The buckets; where `ZS_FILES` says, else the sample's own or S3, when no URL is set."""
        return Files(settings.files_url(self.url, self.source))


class Acorns(dg.IOManager):
    """Commits what an acorn's asset built, and reads tables for the assets after it."""

    def __init__(
        self, cache: Cache, catalogue: Catalogue, instance: dg.DagsterInstance | None = None
    ) -> None:
        self.cache = cache
        self.catalogue = catalogue
        self.instance = instance

    def handle_output(self, context: dg.OutputContext, obj: TableUpdate) -> None:
        """Write what changed, and tell Dagster which partitions did."""
        acorn = self.catalogue.by_name[context.asset_key.path[-1]]
        store, version = self.cache.open(), self.cache.folder()
        begun = time.monotonic()
        before = segments(obj.known.facts if obj.known else None)
        with _stale_on_failure(store, version, acorn), memory.lean():
            report = commit(
                store,
                version,
                acorn,
                obj,
                accept_shrink=self.cache.accept_shrink,
                progress=context.log.info,
            )
        self.cache.committed(acorn, report)
        said = obj.skipped or f"{report.computed} computed"
        context.log.info(
            "%s: %s rows; %d files written, %d removed (%s)",
            acorn.name,
            f"{report.rows:,}",
            len(report.changed),
            len(report.removed),
            said,
        )
        if report.restored:
            context.log.warning(
                "%s: %d files had been altered by others and were placed again: %s",
                acorn.name,
                len(report.restored),
                ", ".join(report.restored[:PREVIEW]) or "the table",
            )
        facts = report.facts
        try:
            preview = _preview(store, version, acorn, facts)
        except FileNotFoundError:
            bring_back(store, version, acorn)
            preview = _preview(store, version, acorn, facts)
        context.add_output_metadata(
            {
                "dagster/row_count": report.rows,
                "dagster/uri": location(store.url, version, facts),
                "bytes": report.bytes,
                "files": len(facts["partitions"]) or 1,
                "computed": report.computed,
                "written": len(report.changed),
                "removed": len(report.removed),
                "skipped": obj.skipped or "no",
                "sha256": facts["sha256"],
                "seconds": round(time.monotonic() - begun, 3),
                "preview": dg.MetadataValue.md(preview),
            }
        )
        # A run without a key works out the changed subjects itself; the graph shows just those.
        if acorn.partition and not _has_key(context):
            self._sync(acorn, before, segments(facts))
            found = facts["partitions"]
            events.report(
                context,
                {s: found.get(s, {"rows": 0})["rows"] for s in (*report.changed, *report.empty)},
                self.instance,
            )
        if report.refused:
            raise ShrinkRefused(" ".join(report.refused.values()))

    def _sync(self, acorn: Acorn, before: set[str], now: set[str]) -> None:
        """Tell Dagster the values of a key that this table, or another one, is split by."""
        split = acorn.kind.partitioning
        if split is None or split.is_fixed:
            return
        gone, name = before - now, partitions_name(split.column)
        # Up to 1.0.0 they had the column's own name, which other teams' may have as well.
        former = split.column
        known = events.partitions(self.instance, former)
        first = not events.partitions(self.instance, name) and before & known
        others: set[str] = set()
        for other in self.catalogue.acorns if gone or first else ():
            if other is not acorn and other.kind.partitioning == split:
                cache = self.cache
                others |= segments(read_facts(cache.open(), cache.folder(), other.table))
        if first:
            events.sync_partitions(self.instance, former, set(), before | others)
        events.sync_partitions(self.instance, name, now, gone - others)

    def load_input(self, context: dg.InputContext) -> Input:
        """The whole table that an asset asks for."""
        acorn = self.catalogue.by_name[context.asset_key.path[-1]]
        with _without_secrets():
            return read_input(self.cache.open(), self.cache.folder(), acorn)


# As a function of the resources, so that a run has one of each: what a resource declares as its
# own is set up once more, and Dagster warns of how it does that itself.
def acorns(catalogue: Catalogue) -> dg.IOManagerDefinition:
    """Commits and reads tables in the run's cache."""

    @dg.io_manager(required_resource_keys={"cache"})
    def of_run(context: dg.InitResourceContext) -> Acorns:
        """Commits and reads tables in the run's cache."""
        return Acorns(context.resources.cache, catalogue, context.instance)

    return of_run


class Scope(dg.Config):
    """What of a partitioned acorn to build when the run has no partition key."""

    only: list[str] = Field(default=[])


def documents_asset(catalogue: Catalogue) -> dg.AssetsDefinition:
    """The asset that keeps the documents."""

    @dg.asset(
        name="documents",
        group_name="source",
        owners=OWNERS,
        kinds={"mongodb", "parquet"},
        description=(
            "The incremental snapshot of the documents: one sweep of ids, then only what changed "
            "is fetched. Lies outside the version folders; documents that do not fit are in "
            "document_problems."
        ),
    )
    def update(
        context: dg.AssetExecutionContext, cache: Cache, source: Documents
    ) -> dg.MaterializeResult[None]:
        """Bring the snapshot of the documents up to date."""
        store, opened = cache.open(), source.open(catalogue)
        if BY_COMMAND not in context.run.tags:
            settings.check_writable(store)
        store.sweep_staging()
        with _without_secrets():
            try:
                opened.check()
                with memory.lean():
                    snapshot, changes = documents.update(
                        store,
                        opened,
                        catalogue.reads,
                        accept_shrink=cache.accept_shrink,
                        refetch_every=settings.refetch_every(),
                        progress=context.log.info,
                    )
            except Exception as error:
                documents.mark_failed(store, _reason(error))
                raise
        documents.clear_failed(store)
        for upheaval in upheavals.findings(snapshot.head):
            context.log.warning("documents: %s", upheaval.reason)
        return dg.MaterializeResult(
            metadata={
                "dagster/row_count": snapshot.index.num_rows,
                "source": opened.url,
                "state": snapshot.state,
                **vars(changes),
                "requests": opened.requests,
                "bytes_received": opened.bytes,
            }
        )

    return update


FILES = dg.AssetSpec(
    "files",
    group_name="source",
    owners=OWNERS,
    kinds={"s3"},
    description=(
        "The side files beside the data, in whatever bucket a data asset lies. Acorns ask them; "
        "what they said is kept outside the version folders and asked again when a data asset "
        "changed, or had nothing to say."
    ),
)


CUSTOM = dg.AssetSpec(
    "custom",
    group_name="source",
    owners=OWNERS,
    kinds={"parquet"},
    description=(
        "Tables that people and their programs store with zs_client.custom. They lie outside the "
        "version folders; no build writes them."
    ),
)
OLD_DOCUMENTS = dg.AssetSpec(
    "old_documents",
    group_name="source",
    owners=OWNERS,
    kinds={"mongodb"},
    description=(
        "The database that the documents were upgraded from. Only names are asked for, and only "
        "of documents whose upgrade failed."
    ),
)


def acorn_asset(acorn: Acorn, catalogue: Catalogue) -> dg.AssetsDefinition:
    """The asset that makes one acorn."""
    with warnings.catch_warnings():
        # A backfill policy, which Dagster may still change.
        warnings.simplefilter("ignore", dg.BetaWarning)
        return _acorn_asset(acorn, catalogue)


def _acorn_asset(acorn: Acorn, catalogue: Catalogue) -> dg.AssetsDefinition:
    handed_over = [read.table for read in acorn.kind.tables]
    upstream = (*acorn.kind.sources, *catalogue.made_from(acorn))

    @dg.asset(
        name=acorn.name,
        description=acorn.description,
        group_name=acorn.type,
        owners=OWNERS,
        kinds={"parquet"},
        code_version=code.of_table(acorn),
        deps=[name for name in upstream if name not in handed_over],
        ins={name: dg.AssetIn() for name in handed_over},
        partitions_def=_partitions(acorn.kind.partitioning),
        # Not one run for each key where a person asks for all of them.
        backfill_policy=dg.BackfillPolicy.single_run() if acorn.partition else None,
        io_manager_key="acorns",
        metadata={
            "dagster/column_schema": _column_schema(acorn),
            "dagster/table_name": acorn.table,
            **({"key": ", ".join(acorn.key)} if acorn.key else {}),
        },
    )
    def build(
        context: dg.AssetExecutionContext,
        config: Scope,
        cache: Cache,
        side_files: SideFiles,
        source: Documents,
        **inputs: Input,
    ) -> TableUpdate:
        around = Surroundings(
            cache.open(),
            cache.folder(),
            catalogue,
            side_files.open(),
            user_tables.copies,
            settings.old_source_url(source.url),
            settings.custom_folder(source.url),
            context.log.info,
        )
        with _stale_on_failure(around.store, around.version, acorn), memory.lean():
            built = tables.build(acorn, around, inputs=inputs, only=_only(context, config))
        _tell(context, acorn, built)
        return built

    return build


def _tell(context: dg.AssetExecutionContext, acorn: Acorn, built: TableUpdate) -> None:
    """Tell people what was counted on the way to a table, and what did not fit."""
    if built.counts:
        problems = {"problems": "; ".join(built.problems)}
        context.add_output_metadata({**built.counts, **problems})
    if "asked" in built.counts:
        context.log.info("%s", _counted(acorn, built.counts))
    for problem in built.problems:
        context.log.warning("%s: %s", acorn.name, problem)


def _counted(acorn: Acorn, counts: Mapping[str, int | str]) -> str:
    """What was asked of side files, for a person."""
    outcomes = ", ".join(
        f"{counts[outcome]:,} {outcome.replace('_', ' ')}"
        for outcome in answers.OUTCOMES
        if counts[outcome]
    )
    return (
        f"{acorn.name}: {counts['asked']:,} side files asked for, {counts['reused']:,} reused, "
        f"{counts['requests']:,} requests; {outcomes or 'nothing to ask'}"
    )


def acorn_checks(acorn: Acorn) -> dg.AssetChecksDefinition:
    """The checks of one acorn, made from its declaration."""
    made = checks.checks_of(acorn)

    @dg.multi_asset_check(
        name=f"{acorn.name}_checks",
        specs=[
            dg.AssetCheckSpec(check.name, asset=acorn.name, description=check.description)
            for check in made
        ],
    )
    def check_table(cache: Cache) -> Iterator[dg.AssetCheckResult]:
        with _without_secrets():
            seen = checks.look(cache.open(), cache.folder(), acorn, cache.report(acorn))
        for check in made:
            found = checks.outcome(check, seen)
            yield dg.AssetCheckResult(
                asset_key=acorn.name,
                check_name=check.name,
                passed=found.passed,
                description=found.description,
                metadata=found.metadata,
                severity=dg.AssetCheckSeverity.ERROR
                if check.is_error
                else dg.AssetCheckSeverity.WARN,
            )

    return check_table


def squirrel_asset(catalogue: Catalogue) -> dg.AssetsDefinition:
    """The asset that publishes the registry."""

    @dg.asset(
        name="squirrel",
        group_name="registry",
        owners=OWNERS,
        kinds={"json"},
        deps=[acorn.name for acorn in catalogue.acorns],
        description=(
            "The registry of all acorns of this version: gathers their facts into squirrel.json, "
            "keeps a snapshot, and lists the version once every acorn exists."
        ),
    )
    def publish(context: dg.AssetExecutionContext, cache: Cache) -> dg.MaterializeResult[None]:
        """Publish the registry."""
        store, version = cache.open(), cache.folder()
        every = context.run.tags.get(EVERY_HOURS)
        with _without_secrets():
            done = squirrel.publish(
                store,
                version,
                catalogue.acorns,
                expected_every_hours=float(every) if every else None,
            )
        if done.missing:
            context.log.warning("not listed: never built are %s", ", ".join(done.missing))
        return dg.MaterializeResult(
            metadata={
                "snapshot": done.snapshot,
                "listed": done.listed,
                "missing": ", ".join(done.missing) or "none",
                "stale": str(done.stale) if done.stale else "none",
            }
        )

    return publish


# The jobs of tables split by a list of their own, by the partition's name.
_NAMED_JOBS = {"platform": "platforms"}
_DESCRIPTIONS = {
    "tables": "Everything by document and by subject; the first run of a night.",
    "platforms": "Everything by platform; the second run.",
    "publish": "The registry; the last run of a night.",
}


def jobs(catalogue: Catalogue) -> list[Any]:
    """The jobs of a night, in their order.

    One job cannot hold assets of two partition definitions, and the squirrel is published even when
    an acorn failed: so a night is several runs, one after another.
    """
    selections: dict[str, list[str]] = {"tables": ["documents"]}
    for acorn in catalogue.acorns:
        selections.setdefault(_job_of(acorn), []).append(acorn.name)
    selections["publish"] = ["squirrel"]
    return [
        dg.define_asset_job(
            name,
            selection=selection,
            description=_DESCRIPTIONS.get(name, f"The tables {name.replace('_', ' ')}."),
        )
        for name, selection in selections.items()
    ]


def _job_of(acorn: Acorn) -> str:
    """The job that makes an acorn: what is split by subject goes with what is not split."""
    name = acorn.partition
    return "tables" if name in ("", shards.KEY) else _NAMED_JOBS.get(name, f"by_{name}")


def schedule(first: Any) -> dg.ScheduleDefinition:
    """The schedule that starts a night."""
    return dg.ScheduleDefinition(
        name="nightly",
        job=first,
        cron_schedule=NIGHTLY,
        execution_timezone="UTC",
        tags={EVERY_HOURS: str(NIGHTLY_HOURS)},
        description="Every night: what changed in the documents since the last one.",
    )


def chain(first: Any, then: Any) -> Iterator[dg.SensorDefinition]:
    """Start a job after another one has ended, whether it went well or not."""
    for status in (dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE):

        @dg.run_status_sensor(
            name=f"{then.name}_after_{first.name}_{status.value.lower()}",
            run_status=status,
            monitored_jobs=[first],
            request_job=then,
            default_status=dg.DefaultSensorStatus.RUNNING,
            minimum_interval_seconds=10,
        )
        def after(context: dg.RunStatusSensorContext) -> dg.RunRequest | dg.SkipReason:
            if context.dagster_run.tags.get(BY_COMMAND):
                return dg.SkipReason("zs build starts the next run itself")
            run = context.dagster_run
            kept = {EVERY_HOURS: run.tags[EVERY_HOURS]} if EVERY_HOURS in run.tags else {}
            return dg.RunRequest(run_key=run.run_id, tags=kept)

        yield after


def definitions(
    catalogue: Catalogue = CATALOGUE,
    *,
    source: str = "",
    store: str = "",
    files: str = "",
    version: str = "",
    accept_shrink: bool = False,
    loggers: dict[str, dg.LoggerDefinition] | None = None,
) -> dg.Definitions:
    """All that Dagster is told.

    Args:
        catalogue: The tables.
        source: The documents' URL; `ZS_SOURCE` or the sample, looked up in the run, when empty.
        store: The store's URL; `ZS_STORE` or the current folder when empty.
        files: Where the buckets of side files are; `ZS_FILES`, else the sample's or S3, when empty.
        version: The version folder; `ZS_VERSION` or the package's when empty.
        accept_shrink: Accept tables and sweeps that lost more than they may.
        loggers: What shows a run's messages.
    """
    night = jobs(catalogue)
    return dg.Definitions(
        assets=[
            FILES,
            CUSTOM,
            OLD_DOCUMENTS,
            documents_asset(catalogue),
            *(acorn_asset(acorn, catalogue) for acorn in catalogue.acorns),
            squirrel_asset(catalogue),
        ],
        asset_checks=[acorn_checks(acorn) for acorn in catalogue.acorns],
        jobs=night,
        schedules=[schedule(night[0])],
        sensors=[sensor for first, then in pairwise(night) for sensor in chain(first, then)],
        resources={
            "cache": Cache(url=store, version=version, accept_shrink=accept_shrink),
            "source": Documents(url=source),
            "side_files": SideFiles(url=files, source=source),
            "acorns": acorns(catalogue),
        },
        # A step in a process of its own costs 2 to 3 s of imports; the work itself is in threads.
        executor=dg.in_process_executor,
        loggers=loggers,
    )


@contextmanager
def _stale_on_failure(store: Store, version: str, acorn: Acorn) -> Iterator[None]:
    with _without_secrets():
        try:
            yield
        except Exception as error:
            mark_stale(store, version, acorn, _reason(error))
            raise


@contextmanager
def _without_secrets() -> Iterator[None]:
    """Raise what fails with a message that Dagster's history may keep."""
    said = ""
    try:
        yield
    except Exception as error:
        if all(masked(str(one)) == str(one) for one in _chain(error)):
            raise
        said = masked(f"{type(error).__name__}: {error}")
    # Outside, so that the error itself is not kept as its context.
    if said:
        raise RuntimeError(said)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yields an error and those that it came from."""
    below: BaseException | None = error
    while below is not None:
        yield below
        below = below.__cause__ or below.__context__


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {first_line(error)[:300]}"


def partitions_name(column: str) -> str:
    """Returns the name of the dynamic partitions of a column, which no other team's have."""
    return f"{ROOT}/{column}"


def _partitions(split: Partitioning | None) -> dg.PartitionsDefinition | None:
    if split is None:
        return None
    if split.is_fixed:
        return dg.StaticPartitionsDefinition([encode_partition(value) for value in split.values])
    return dg.DynamicPartitionsDefinition(name=partitions_name(split.column))


def _has_key(context: dg.OutputContext | dg.AssetExecutionContext) -> bool:
    if isinstance(context, dg.OutputContext):
        return bool(context.has_asset_partitions)
    return bool(context.has_partition_key or context.has_partition_key_range)


def _only(context: dg.AssetExecutionContext, config: Scope) -> list[str] | None:
    if _has_key(context):
        return list(context.partition_keys)
    return config.only or None


def _column_schema(acorn: Acorn) -> dg.TableSchema:
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                c.name,
                c.type,
                description=c.description,
                constraints=dg.TableColumnConstraints(
                    nullable=c.nullable, unique=acorn.key == (c.name,)
                ),
            )
            for c in acorn.columns
        ]
    )


def _preview(store: Store, version: str, acorn: Acorn, facts: Facts) -> str:
    """The first rows as a Markdown table."""
    segment = next(iter(facts["partitions"]), "")
    if acorn.partition and not segment:
        return "no rows"
    rows = read_head(store, version, acorn, segment, facts=facts, rows=PREVIEW).to_pylist()
    names = [c.name for c in acorn.columns]
    lines = ["| " + " | ".join(names) + " |", "|" + " --- |" * len(names)]
    for row in rows:
        cells = (_cell(row[name]) for name in names)
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(value: Any) -> str:
    shown = "" if value is None else str(value)
    shown = shown if len(shown) <= 60 else shown[:57] + "…"
    return shown.replace("|", "\\|").replace("\n", " ")
