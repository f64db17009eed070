"""Dagster's IO manager: commits what an acorn's asset built, and reads tables for the next assets.

It tells Dagster what was written and where; what a table is, its columns among it, is said by its
asset. How a table is written is in `zs_pipeline.publishing.commit`.
"""

import time
from typing import Any

import dagster as dg

from zs_client.contract import location
from zs_client.facts import Facts
from zs_client.store import Store
from zs_pipeline import memory
from zs_pipeline.catalogue import Catalogue
from zs_pipeline.declaration import Acorn
from zs_pipeline.orchestration import events, partitions
from zs_pipeline.orchestration.failures import in_our_words, stale_on_failure
from zs_pipeline.orchestration.resources import StoreResource
from zs_pipeline.publishing.commit import commit
from zs_pipeline.publishing.facts_file import read_facts, read_head, segments
from zs_pipeline.publishing.recovery import bring_back
from zs_pipeline.publishing.table_update import TableUpdate
from zs_pipeline.shrink_refused import ShrinkRefused
from zs_pipeline.tables.inputs import Input, read_input

_PREVIEW_ROWS = 5


class AcornIOManager(dg.IOManager):
    """Commits what an acorn's asset built, and reads tables for the assets after it."""

    def __init__(
        self,
        cache: StoreResource,
        catalogue: Catalogue,
        instance: dg.DagsterInstance | None = None,
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
        with stale_on_failure(store, version, acorn), memory.low_memory():
            report = commit(
                store,
                version,
                acorn,
                obj,
                accept_shrink=self.cache.accept_shrink,
                progress=context.log.info,
            )
        self.cache.keep_report(acorn, report)
        context.log.info(
            "%s: %s rows; %d files written, %d removed (%s)",
            acorn.name,
            f"{report.rows:,}",
            len(report.changed),
            len(report.removed),
            obj.skipped or f"{report.computed} computed",
        )
        if report.restored:
            context.log.warning(
                "%s: %d files had been altered by others and were placed again: %s",
                acorn.name,
                len(report.restored),
                ", ".join(report.restored[:_PREVIEW_ROWS]) or "the table",
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
        if acorn.partition and not partitions.has_key(context):
            self._sync_partitions(acorn, before, segments(facts))
            written = facts["partitions"]
            events.report(
                context,
                {s: written.get(s, {"rows": 0})["rows"] for s in (*report.changed, *report.empty)},
                self.instance,
            )
        if report.refused:
            raise ShrinkRefused(" ".join(report.refused.values()))

    def _sync_partitions(self, acorn: Acorn, before: set[str], now: set[str]) -> None:
        """Tell Dagster the values of a key that this table, or another one, is split by."""
        split = acorn.kind.partitioning
        if split is None or split.is_fixed:
            return
        gone, name = before - now, partitions.dynamic_name(split.column)
        # Up to 1.0.0 they had the column's own name, which other teams' may have as well.
        former = split.column
        known = partitions.known_values(self.instance, former)
        is_first = not partitions.known_values(self.instance, name) and before & known
        others: set[str] = set()
        for other in self.catalogue.acorns if gone or is_first else ():
            if other is not acorn and other.kind.partitioning == split:
                others |= segments(read_facts(self.cache.open(), self.cache.folder(), other.table))
        if is_first:
            partitions.sync(self.instance, former, set(), before | others)
        partitions.sync(self.instance, name, now, gone - others)

    def load_input(self, context: dg.InputContext) -> Input:
        """Returns the whole table that an asset asks for."""
        acorn = self.catalogue.by_name[context.asset_key.path[-1]]
        with in_our_words():
            return read_input(self.cache.open(), self.cache.folder(), acorn)


# As a function of the resources, so that a run has one of each: what a resource declares as its
# own is set up once more, and Dagster warns of how it does that itself.
def acorn_io_manager(catalogue: Catalogue) -> dg.IOManagerDefinition:
    """Returns the IO manager of a run, which commits to the run's store and reads from it."""

    @dg.io_manager(required_resource_keys={"cache"})
    def of_run(context: dg.InitResourceContext) -> AcornIOManager:
        """Commits and reads tables in the run's cache."""
        return AcornIOManager(context.resources.cache, catalogue, context.instance)

    return of_run


def _preview(store: Store, version: str, acorn: Acorn, facts: Facts) -> str:
    """Returns the first rows as a Markdown table."""
    segment = next(iter(facts["partitions"]), "")
    if acorn.partition and not segment:
        return "no rows"
    rows = read_head(store, version, acorn, segment, facts=facts, rows=_PREVIEW_ROWS).to_pylist()
    names = [c.name for c in acorn.columns]
    lines = ["| " + " | ".join(names) + " |", "|" + " --- |" * len(names)]
    for row in rows:
        cells = (_cell(row[name]) for name in names)
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(value: Any) -> str:
    text = "" if value is None else str(value)
    text = text if len(text) <= 60 else text[:57] + "…"
    return text.replace("|", "\\|").replace("\n", " ")
