"""Dagster's assets, checks, jobs and resources, made from the acorns. The one place that does.

What a table is made from is computed in `zs_pipeline.tables`, how it is written in
`zs_pipeline.commit`; here they are bound to Dagster, and told to the people who look at it.
"""

import shutil
import tempfile
import time
import uuid
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
from pydantic import Field, PrivateAttr

from zs_client.contract import Acorn, encode_partition, location
from zs_client.store import Store, first_line
from zs_pipeline import (
    answers,
    checks,
    documents,
    events,
    memory,
    processes,
    settings,
    squirrel,
    tables,
)
from zs_pipeline.acorns import ACORNS
from zs_pipeline.commit import (
    Built,
    Known,
    Report,
    commit,
    entries,
    mark_stale,
    read_content,
    read_facts,
    read_head,
)
from zs_pipeline.files import Files
from zs_pipeline.source import open_source

OWNERS = ["team:data-infrastructure"]
SUBJECTS = dg.DynamicPartitionsDefinition(name="subject_id")
PREVIEW = 5
# Folders of runs, and the seconds after which one that nothing was put into is no longer in use.
_NEAR = "data-asset-cache-"
_NEAR_AGE = 2 * 24 * 3600
# Those of this process, by the store's URL. No configuration: that is a part of the job that
# Dagster stores, anew when it differs.
_in_use: dict[str, Path] = {}
# Set on the runs of `zs build`, which starts the later ones itself.
BY_COMMAND = "zs/by_command"
NIGHTLY = "0 9 * * *"

BY_NAME = {acorn.name: acorn for acorn in ACORNS}
# Acorns whose side files' findings are problems of data assets.
ASKING = [acorn.name for acorn in ACORNS if acorn.ask]


class Cache(dg.ConfigurableResource[None]):
    """The store and the version folder that tables are written to."""

    url: str = ""
    version: str = ""
    accept_shrink: bool = False
    _opened: Store | None = PrivateAttr(default=None)
    # What this run committed and has not checked yet, by acorn.
    _reports: dict[str, Report] = PrivateAttr(default_factory=dict)
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

    def committed(self, acorn: Acorn, report: Report) -> None:
        """Keep what a commit of this run did, for the checks of the table."""
        self._reports[acorn.name] = report

    def report(self, acorn: Acorn) -> Report | None:
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
    folders = Path(tempfile.gettempdir())
    for old in folders.glob(f"{_NEAR}*"):
        with suppress(FileNotFoundError):
            if old.stat().st_mtime < time.time() - _NEAR_AGE:
                shutil.rmtree(old, ignore_errors=True)
    near = folders / f"{_NEAR}{uuid.uuid4().hex}"
    near.mkdir(mode=0o700)
    _in_use[url] = near
    try:
        yield near
    finally:
        del _in_use[url]
        shutil.rmtree(near, ignore_errors=True)


class Documents(dg.ConfigurableResource[None]):
    """The source of the documents."""

    url: str = ""

    def open(self) -> Any:
        """The source; `ZS_SOURCE`, else the packaged sample, when no URL is set."""
        return open_source(settings.source_url(self.url), document_paths())


class SideFiles(dg.ConfigurableResource[None]):
    """The buckets of side files."""

    url: str = ""
    source: str = ""

    def open(self) -> Files:
        """The buckets; where `ZS_FILES` says, else the sample's own or S3, when no URL is set."""
        return Files(settings.files_url(self.url, self.source))


class Acorns(dg.IOManager):
    """Commits what an acorn's asset built, and reads tables for the assets after it."""

    def __init__(self, cache: Cache) -> None:
        self.cache = cache

    def handle_output(self, context: dg.OutputContext, obj: Built) -> None:
        """Write what changed, and tell Dagster which partitions did."""
        acorn = BY_NAME[context.asset_key.path[-1]]
        store, version = self.cache.open(), self.cache.folder()
        begun = time.monotonic()
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
        facts = report.facts
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
                "preview": dg.MetadataValue.md(_preview(store, version, acorn, facts)),
            }
        )
        # A run without a key works out the changed subjects itself; the graph shows just those.
        if acorn.partition and not _has_key(context):
            found = facts["partitions"]
            events.report(
                context,
                {s: found.get(s, {"rows": 0})["rows"] for s in (*report.changed, *report.empty)},
            )

    def load_input(self, context: dg.InputContext) -> "Input":
        """The whole table that an asset asks for."""
        acorn = BY_NAME[context.asset_key.path[-1]]
        return read_input(self.cache.open(), self.cache.folder(), acorn)


@dataclass(frozen=True)
class Input:
    """A whole table that an acorn is made from, as its facts were when they were read.

    Attributes:
        store: Where it lies.
        version: The version's folder.
        acorn: The declaration.
        facts: Its facts.
    """

    store: Store
    version: str
    acorn: Acorn
    facts: dict[str, Any]

    def rows(self, columns: Sequence[str] | None) -> pa.Table:
        """Its rows: those that the facts name, whoever has written since.

        Args:
            columns: Only these; all when None.
        """
        return read_content(self.store, self.version, self.acorn, facts=self.facts, columns=columns)


def read_input(store: Store, version: str, acorn: Acorn) -> Input:
    """The facts of a table that an acorn is made from; its rows are read when they are looked at.

    Raises:
        FileNotFoundError: It was never built.
    """
    facts = read_facts(store, version, acorn.table)
    if not facts or not entries(facts):
        raise FileNotFoundError(f"{acorn.name} is not in {store.url}; build it first")
    return Input(store, version, acorn, facts)


class Inputs(Mapping[str, pa.Table]):
    """The tables that an acorn is made from by name, each read when it is first looked at.

    A night without a change looks at facts alone. Of asset_basics an acorn that says which columns
    it looks at gets no others: 100,000 rows of all of them are 100 MB.

    Attributes:
        sources: Each one's facts. State and rows are both taken by them, so that they agree.
        made: Tables that are at hand: those that were read, and such as lie nowhere.
    """

    def __init__(self, acorn: Acorn, found: Mapping[str, Input]) -> None:
        self._found = found
        self._columns = {"asset_basics": ["_id", *acorn.basics]} if acorn.basics else {}
        self.sources = {name: one.facts for name, one in found.items()}
        self.made: dict[str, pa.Table] = {}

    def __getitem__(self, name: str) -> pa.Table:
        if name not in self.made:
            found = self._found[name].rows(self._columns.get(name))
            # In one piece, once: what takes rows of it does so for each shard.
            self.made[name] = found.combine_chunks()
        return self.made[name]

    def __iter__(self) -> Iterator[str]:
        return iter({**self._found, **self.made})

    def __len__(self) -> int:
        return len({**self._found, **self.made})

    def state(self) -> dict[str, str]:
        """What identifies the content of those that lie in the store."""
        return {name: facts["sha256"] for name, facts in self.sources.items()}


# As a function of the resources, so that a run has one of each: what a resource declares as its
# own is set up once more, and Dagster warns of how it does that itself.
@dg.io_manager(required_resource_keys={"cache"})
def acorns(context: dg.InitResourceContext) -> Acorns:
    """Commits and reads tables in the run's cache."""
    return Acorns(context.resources.cache)


class Scope(dg.Config):
    """What of a partitioned acorn to build when the run has no partition key."""

    only: list[str] = Field(default=[])


def document_paths() -> list[str]:
    """The union of the paths that acorns read in a document."""
    return sorted({path for acorn in ACORNS for path in acorn.fields})


def upstream(names: Sequence[str]) -> set[str]:
    """The acorns of these names and all that they are made from."""
    found: set[str] = set()
    for name in names:
        if name in BY_NAME and name not in found:
            found |= {name, *upstream(_parents(BY_NAME[name]))}
    return found


def _parents(acorn: Acorn) -> list[str]:
    """The names of the assets that an acorn is made from."""
    if "problems" in acorn.inputs:
        return ["documents", *ASKING, *(name for name in acorn.inputs if name in BY_NAME)]
    return [name.partition(":")[0] for name in acorn.inputs]


@dg.asset(
    name="documents",
    group_name="source",
    owners=OWNERS,
    kinds={"mongodb", "parquet"},
    description=(
        "The incremental snapshot of the documents: one sweep of ids, then only what changed is "
        "fetched. Lies outside the version folders; documents that do not fit are in "
        "document_problems."
    ),
)
def documents_asset(
    context: dg.AssetExecutionContext, cache: Cache, source: Documents
) -> dg.MaterializeResult[None]:
    """Bring the snapshot of the documents up to date, and the subjects that Dagster knows."""
    store, opened = cache.open(), source.open()
    store.sweep_staging()
    try:
        opened.check()
        with memory.lean():
            snapshot, changes = documents.update(
                store,
                opened,
                document_paths(),
                accept_shrink=cache.accept_shrink,
                progress=context.log.info,
            )
    except Exception as error:
        documents.mark_failed(store, _reason(error))
        raise
    documents.clear_failed(store)
    _sync_subjects(context.instance, set(tables.subject_inputs(snapshot, "")))
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


def acorn_asset(acorn: Acorn) -> dg.AssetsDefinition:
    """The asset that makes one acorn."""
    with warnings.catch_warnings():
        # A backfill policy, which Dagster may still change.
        warnings.simplefilter("ignore", dg.BetaWarning)
        return _acorn_asset(acorn)


def _acorn_asset(acorn: Acorn) -> dg.AssetsDefinition:
    from_acorns = [name for name in acorn.inputs if name in BY_NAME]
    others = [name for name in _parents(acorn) if name not in from_acorns]

    @dg.asset(
        name=acorn.name,
        description=acorn.description,
        group_name=acorn.type,
        owners=OWNERS,
        kinds={"parquet"},
        code_version=tables.code_version(acorn),
        deps=others,
        ins={name: dg.AssetIn() for name in from_acorns},
        partitions_def=_partitions(acorn),
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
    ) -> Built:
        store, version, found = cache.open(), cache.folder(), Inputs(acorn, inputs)
        only = _only(context, config)
        with _stale_on_failure(store, version, acorn), memory.lean():
            known = Known(store, version, acorn)
            if "files" in acorn.inputs:
                return _build_from_files(context, known, found, side_files.open())
            if "old_documents" in acorn.inputs:
                return _build_from_custom(context, known, found, source.url)
            return _build(known, found, only)

    return build


def _build_from_custom(
    context: dg.AssetExecutionContext, known: Known, inputs: Inputs, source_url: str
) -> Built:
    store, version, acorn, state = known.store, known.version, known.acorn, inputs.state()
    url = settings.old_source_url(source_url)
    old = open_source(url, acorn.fields) if url else None
    sample = settings.custom_folder(source_url)
    built = tables.by_custom(store, version, acorn, inputs, state, old=old, sample=sample)
    built.known = known
    if old is None:
        context.log.warning(
            "%s: names of documents that were not upgraded are not known without the old "
            "database; ZS_OLD_SOURCE names it",
            acorn.name,
        )
    context.add_output_metadata({"old_documents": old.url if old else "none"})
    return built


def _snapshot(store: Store, inputs: Inputs) -> documents.Snapshot:
    """The documents: the very state that asset_basics was built from, where it is an input."""
    if "asset_basics" not in inputs.sources:
        return documents.load(store)
    return documents.load(store, inputs.sources["asset_basics"]["source_state"]["documents"])


def _build_from_files(
    context: dg.AssetExecutionContext, known: Known, inputs: Inputs, files: Files
) -> Built:
    store, acorn, facts = known.store, known.acorn, known.facts
    said: list[str] = []
    if acorn.questions is None:
        built, counts, said = tables.by_file(acorn, files, facts)
    else:
        state, snapshot = inputs.state(), None
        if "documents" in acorn.inputs:
            snapshot = _snapshot(store, inputs)
            state["documents"] = snapshot.state
        asked = acorn.questions(**inputs)
        memory.give_back()
        told = answers.update(store, acorn, asked, files, context.log.info)
        memory.give_back()
        built, counts = tables.by_files(acorn, inputs, snapshot, told, state, facts), told.counts
    context.add_output_metadata({**counts, "files_from": files.url, "problems": "; ".join(said)})
    context.log.info("%s", _counted(acorn, counts))
    for problem in said:
        context.log.warning("%s: %s", acorn.name, problem)
    built.known = known
    return built


def _counted(acorn: Acorn, counts: dict[str, int]) -> str:
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


def _build(known: Known, inputs: Inputs, only: list[str] | None) -> Built:
    built = _built(known, inputs, only)
    built.known = known
    return built


def _built(known: Known, inputs: Inputs, only: list[str] | None) -> Built:
    store, version, acorn, facts = known.store, known.version, known.acorn, known.facts
    state = inputs.state()
    if acorn.partition:
        snapshot, basics = _snapshot(store, inputs), inputs["asset_basics"]
        if acorn.partitions:
            digest = state["asset_basics"]
            return tables.by_platform(version, acorn, snapshot, basics, digest, facts, only=only)
        code = inputs.sources["asset_basics"]["code_version"]
        return tables.by_subject(acorn, snapshot, basics, facts, basics_code=code, only=only)
    if "documents" in acorn.inputs:
        snapshot = _snapshot(store, inputs)
        return tables.by_document(
            store, version, acorn, snapshot, facts, tables=inputs, made_from=state
        )
    if "problems" in acorn.inputs:
        snapshot = documents.load(store)
        state["documents"] = snapshot.state
        of_files = []
        for name in ASKING:
            built = read_facts(store, version, BY_NAME[name].table)
            if built and "answers" in built["source_state"]:
                state[name] = built["source_state"]["answers"]
                of_files += answers.problems(store, BY_NAME[name], state[name])
        inputs.made["problems"] = tables.problems(snapshot, of_files)
    return tables.by_acorn(acorn, inputs, state, facts)


def acorn_checks(acorn: Acorn) -> dg.AssetChecksDefinition:
    """The checks of one acorn, made from its declaration."""
    made = checks.checks_of(acorn)

    @dg.multi_asset_check(
        name=f"{acorn.name}_checks",
        specs=[
            dg.AssetCheckSpec(name, asset=acorn.name, description=check.__doc__)
            for name, check in made.items()
        ],
    )
    def check_table(cache: Cache) -> Iterator[dg.AssetCheckResult]:
        seen = checks.look(cache.open(), cache.folder(), acorn, cache.report(acorn))
        for name, check in made.items():
            found = check(seen)
            yield dg.AssetCheckResult(
                asset_key=acorn.name,
                check_name=name,
                passed=found.passed,
                description=found.description,
                metadata=found.metadata,
                severity=dg.AssetCheckSeverity.ERROR
                if name in checks.ERRORS
                else dg.AssetCheckSeverity.WARN,
            )

    return check_table


@dg.asset(
    name="squirrel",
    group_name="registry",
    owners=OWNERS,
    kinds={"json"},
    deps=[acorn.name for acorn in ACORNS],
    description=(
        "The registry of all acorns of this version: gathers their facts into squirrel.json, keeps "
        "a snapshot, and lists the version once every acorn exists."
    ),
)
def squirrel_asset(context: dg.AssetExecutionContext, cache: Cache) -> dg.MaterializeResult[None]:
    """Publish the registry."""
    store, version = cache.open(), cache.folder()
    done = squirrel.publish(store, version, ACORNS)
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


# One job cannot hold assets of two partition definitions, and the squirrel is published even when
# an acorn failed: so a night is three runs, one after another.
_BY_PLATFORM = [acorn.name for acorn in ACORNS if acorn.partitions]
_OTHERS = ["documents", *(acorn.name for acorn in ACORNS if not acorn.partitions)]
TABLES = dg.define_asset_job(
    "tables",
    selection=_OTHERS,
    description="Everything by document and by subject; the first run of a night.",
)
PLATFORMS = dg.define_asset_job(
    "platforms", selection=_BY_PLATFORM, description="Everything by platform; the second run."
)
PUBLISH = dg.define_asset_job(
    "publish", selection=["squirrel"], description="The registry; the last run of a night."
)
SCHEDULE = dg.ScheduleDefinition(
    name="nightly",
    job=TABLES,
    cron_schedule=NIGHTLY,
    execution_timezone="UTC",
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
            return dg.RunRequest(run_key=context.dagster_run.run_id)

        yield after


def definitions(
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
        source: The documents' URL; `ZS_SOURCE` or the sample, looked up in the run, when empty.
        store: The store's URL; `ZS_STORE` or the current folder when empty.
        files: Where the buckets of side files are; `ZS_FILES`, else the sample's or S3, when empty.
        version: The version folder; `ZS_VERSION` or the package's when empty.
        accept_shrink: Accept tables and sweeps that lost more than they may.
        loggers: What shows a run's messages.
    """
    return dg.Definitions(
        assets=[
            FILES,
            CUSTOM,
            OLD_DOCUMENTS,
            documents_asset,
            *(acorn_asset(acorn) for acorn in ACORNS),
            squirrel_asset,
        ],
        asset_checks=[acorn_checks(acorn) for acorn in ACORNS],
        jobs=[TABLES, PLATFORMS, PUBLISH],
        schedules=[SCHEDULE],
        sensors=[*chain(TABLES, PLATFORMS), *chain(PLATFORMS, PUBLISH)],
        resources={
            "cache": Cache(url=store, version=version, accept_shrink=accept_shrink),
            "source": Documents(url=source),
            "side_files": SideFiles(url=files, source=source),
            "acorns": acorns,
        },
        # A step in a process of its own costs 2 to 3 s of imports; the work itself is in threads.
        executor=dg.in_process_executor,
        loggers=loggers,
    )


@contextmanager
def _stale_on_failure(store: Store, version: str, acorn: Acorn) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        mark_stale(store, version, acorn, _reason(error))
        raise


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {first_line(error)[:300]}"


def _sync_subjects(instance: dg.DagsterInstance, wanted: set[str]) -> None:
    known = set(instance.get_dynamic_partitions("subject_id"))
    if wanted - known:
        instance.add_dynamic_partitions("subject_id", sorted(wanted - known))
    for gone in known - wanted:
        instance.delete_dynamic_partition("subject_id", gone)


def _partitions(acorn: Acorn) -> dg.PartitionsDefinition | None:
    if acorn.partitions:
        return dg.StaticPartitionsDefinition([encode_partition(p) for p in acorn.partitions])
    return SUBJECTS if acorn.partition else None


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


def _preview(store: Store, version: str, acorn: Acorn, facts: dict[str, Any]) -> str:
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
