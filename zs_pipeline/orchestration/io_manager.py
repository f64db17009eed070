"""Dagster's IO manager: commits what an acorn's asset built, and reads tables for the next assets.

It tells Dagster what was written and where; what a table is, its columns among it, is said by its
asset. How a table is written is in `zs_pipeline.publishing.commit`.
"""

import hashlib
import time
from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg
import pyarrow as pa

from zs_client.contract import encode_partition
from zs_client.facts import Facts, FileFacts
from zs_pipeline import arrow, memory, run_scope
from zs_pipeline.catalogue import Catalogue
from zs_pipeline.declaration import Acorn
from zs_pipeline.documents.keys import DOCUMENTS_HEAD
from zs_pipeline.orchestration import events, partitions
from zs_pipeline.orchestration.failures import Failed, in_our_words, stale_on_failure
from zs_pipeline.orchestration.resources import StoreResource
from zs_pipeline.publishing.commit import commit
from zs_pipeline.publishing.facts_file import entries, path, read_facts, read_head, segments
from zs_pipeline.publishing.recovery import bring_back
from zs_pipeline.publishing.table_update import TableUpdate
from zs_pipeline.shrink_refused import ShrinkRefused
from zs_pipeline.tables.inputs import Input, read_input

_PREVIEW_ROWS = 5
_NONE = encode_partition(None)
# Of more partitions at once Dagster looks for each of them among all, for as long as a run takes.
_SHOWN_PARTITIONS = 100


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
        with in_our_words():
            self._write(context, obj)

    def _write(self, context: dg.OutputContext, obj: TableUpdate) -> None:
        acorn = self.catalogue.by_name[context.asset_key.path[-1]]
        store, layout = self.cache.open(), self.cache.layout()
        begun = time.monotonic()
        before = segments(obj.known.facts if obj.known else None)
        with stale_on_failure(store, layout, acorn), memory.low_memory():
            report = commit(
                store,
                layout,
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
        partition_keys = context.asset_partition_keys if partitions.has_key(context) else ()
        context.add_output_metadata(
            {
                "computed": report.computed,
                "written": len(report.changed),
                "removed": len(report.removed),
                "skipped": obj.skipped or "no",
                "seconds": round(time.monotonic() - begun, 3),
            }
        )
        if partition_keys:
            self._show_partitions(context, acorn, facts, partition_keys)
            if unknown := set(partition_keys) - before - segments(facts):
                self._refuse(acorn, sorted(unknown))
        else:
            context.add_output_metadata(
                {
                    "dagster/row_count": report.rows,
                    "dagster/uri": layout.location(store.url, facts),
                    "bytes": report.bytes,
                    "files": len(facts["partitions"]) or 1,
                    "sha256": facts["sha256"],
                    "preview": dg.MetadataValue.md(
                        self._preview(acorn, facts, looked_at=report.looked_at)
                    ),
                }
            )
            events.set_data_version(context, facts["sha256"])
        # A run without a key works out the changed subjects itself; the graph shows just those.
        if acorn.partition and not partition_keys:
            self._sync_partitions(acorn, before, segments(facts))
            written = (*report.changed, *report.empty)
            metadata = {segment: self._partition(acorn, facts, segment) for segment in written}
            events.report(context, metadata, self.instance)
        if report.refused:
            raise ShrinkRefused(" ".join(report.refused.values()))

    def _partition(self, acorn: Acorn, facts: Facts, segment: str) -> dict[str, Any]:
        """Returns what people are shown of one partition."""
        place = self.cache.open().at(path(self.cache.layout(), acorn, segment))
        entry = facts["partitions"].get(segment)
        none = {"rows": f"those without a {acorn.partition}"} if segment == _NONE else {}
        if entry is None:
            return {"dagster/row_count": 0, "files": 0, **none}
        return {
            **none,
            "dagster/row_count": entry["rows"],
            "dagster/uri": place,
            "bytes": entry["bytes"],
            "files": 1,
            "sha256": entry["sha256"],
        }

    def _show_partitions(
        self, context: dg.OutputContext, acorn: Acorn, facts: Facts, partition_keys: Sequence[str]
    ) -> None:
        """Show people each partition that they launched the run for, and not the whole table."""
        step = context.step_context
        for segment in partition_keys[:_SHOWN_PARTITIONS]:
            preview = dg.MetadataValue.md(self._preview(acorn, facts, segment))
            metadata = {**self._partition(acorn, facts, segment), "preview": preview}
            # Of one partition alone Dagster takes what is said of the output.
            if len(partition_keys) == 1:
                context.add_output_metadata(metadata)
            else:
                step.add_asset_metadata(metadata, context.asset_key, segment)
        digests = [
            facts["partitions"][s]["sha256"] for s in partition_keys if s in facts["partitions"]
        ]
        # Dagster has one version for all partitions of a run.
        whole = hashlib.sha256("".join(digests).encode()).hexdigest()
        events.set_data_version(context, digests[0] if len(digests) == 1 else whole)

    def _refuse(self, acorn: Acorn, unknown: Sequence[str]) -> None:
        """Take partitions from Dagster's list that a person added there.

        Raises:
            Failed: Always; with what to do instead.
        """
        split = acorn.kind.partitioning
        if split is not None and not split.is_fixed:
            name = partitions.dynamic_name(split.column)
            partitions.sync(self.instance, name, set(), set(unknown))
        raise Failed(
            f"no document has the {acorn.partition} {', '.join(unknown)}; it is no longer listed. "
            "Partitions come from the documents: a night adds them"
        )

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
                others |= segments(read_facts(self.cache.open(), self.cache.layout(), other.table))
        if is_first:
            partitions.sync(self.instance, former, set(), before | others)
        partitions.sync(self.instance, name, now, gone - others)

    def _preview(
        self,
        acorn: Acorn,
        facts: Facts,
        segment: str = "",
        *,
        looked_at: Mapping[str, bytes] | None = None,
    ) -> str:
        """Returns the first rows as Markdown, of the first partition where none is named.

        Args:
            acorn: The declaration.
            facts: The table's facts.
            segment: The partition.
            looked_at: Files that were read already, as the facts name them, by segment.
        """
        if acorn.partition:
            segment = segment or next(iter(facts["partitions"]), "")
            if segment not in facts["partitions"]:
                return "no rows"
        body = (looked_at or {}).get(segment)
        if body is not None and _is_of(body, entries(facts).get(segment)):
            content = arrow.head(body, _PREVIEW_ROWS)
        else:
            content = self._first_rows(acorn, facts, segment)
        table = _markdown(acorn, content.to_pylist())
        return f"{acorn.partition}={segment}\n\n{table}" if segment else table

    def _first_rows(self, acorn: Acorn, facts: Facts, segment: str) -> pa.Table:
        """Returns the first rows from the object, which is brought back where it is gone."""
        store, layout = self.cache.open(), self.cache.layout()
        try:
            return read_head(store, layout, acorn, segment, facts=facts, rows=_PREVIEW_ROWS)
        except FileNotFoundError:
            bring_back(store, layout, acorn)
            return read_head(store, layout, acorn, segment, facts=facts, rows=_PREVIEW_ROWS)

    def load_input(self, context: dg.InputContext) -> Input:
        """Returns the whole table that an asset asks for."""
        acorn = self.catalogue.by_name[context.asset_key.path[-1]]
        with in_our_words():
            return read_input(self.cache.open(), self.cache.layout(), acorn)


# As a function of the resources, so that a run has one of each: what a resource declares as its
# own is set up once more, and Dagster warns of how it does that itself.
def acorn_io_manager(catalogue: Catalogue) -> dg.IOManagerDefinition:
    """Returns the IO manager of a run, which commits to the run's store and reads from it."""

    @dg.io_manager(required_resource_keys={"cache"})
    def of_run(context: dg.InitResourceContext) -> AcornIOManager:
        """Commits and reads tables in the run's cache."""
        cache = context.resources.cache
        facts = [cache.layout().facts(acorn.table) for acorn in catalogue.acorns]
        run_scope.current().recent_reads.read_together(cache.open(), [*facts, DOCUMENTS_HEAD])
        return AcornIOManager(cache, catalogue, context.instance)

    return of_run


def _is_of(body: bytes, entry: FileFacts | None) -> bool:
    """Returns whether bytes are those of a file that facts name."""
    return entry is not None and hashlib.sha256(body).hexdigest() == entry["sha256"]


def _markdown(acorn: Acorn, rows: Sequence[Mapping[str, Any]]) -> str:
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
