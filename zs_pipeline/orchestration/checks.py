"""Dagster's asset checks: those of a table's declaration, of the documents, and of the squirrel.

What a check of a table looks at and when it fails is in `zs_pipeline.publishing.table_checks`. All
of them can be executed by a person, alone or together.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import dagster as dg

from zs_pipeline.catalogue import Catalogue
from zs_pipeline.declaration import Acorn
from zs_pipeline.documents import state as documents
from zs_pipeline.orchestration.failures import in_our_words
from zs_pipeline.orchestration.resources import StoreResource
from zs_pipeline.publishing import currency, hold, table_checks

_DOCUMENTS = dg.AssetKey("documents")
# Fewer documents than this share of the last time, or more of them gone, is worth a look.
_FEWER, _LOST = 0.9, 0.1


def acorn_checks(acorn: Acorn) -> dg.AssetChecksDefinition:
    """Returns the checks of one acorn, made from its declaration."""
    declared = table_checks.checks_of(acorn)

    @dg.multi_asset_check(
        name=f"{acorn.name}_checks",
        specs=[
            dg.AssetCheckSpec(check.name, asset=acorn.name, description=check.description)
            for check in declared
        ],
        # Without it nobody can execute them: they want a materialization.
        can_subset=True,
    )
    def check_table(
        context: dg.AssetCheckExecutionContext, cache: StoreResource
    ) -> Iterator[dg.AssetCheckResult]:
        with in_our_words():
            seen = table_checks.load_check_context(
                cache.open(), cache.layout(), acorn, cache.take_report(acorn)
            )
        chosen = {key.name for key in context.selected_asset_check_keys}
        for check in declared:
            if check.name not in chosen:
                continue
            finding = table_checks.outcome(check, seen)
            yield dg.AssetCheckResult(
                asset_key=acorn.name,
                check_name=check.name,
                passed=finding.passed,
                description=finding.description,
                metadata=in_tables(finding.metadata),
                severity=_severity(is_error=check.is_error),
            )

    return check_table


@dataclass(frozen=True)
class _Night:
    """What the last update of the documents counted.

    Attributes:
        counts: By name, as `zs_pipeline.documents.update.Changes` has them; 0 for what an earlier
            version did not count.
        before: The same of the update before; empty where there was none.
        withheld: Documents that the source has and did not hand out.
    """

    counts: Counter[str]
    before: Mapping[str, int]
    withheld: Sequence[str] = field(default=())


def _swept(night: _Night) -> table_checks.Finding:
    """The sweep saw about as many documents as the last one, or more."""
    count, before = night.counts["swept"], night.before.get("swept", 0)
    said = f"{count:,} documents swept, {before:,} the time before"
    return table_checks.Finding(
        count >= _FEWER * before, said, {"swept": count, "swept_before": before}
    )


def _fetched(night: _Night) -> table_checks.Finding:
    """Every document that is new or changed came."""
    names = ("fetched", "added", "changed", "refetched", "altered", "lagging")
    counts: dict[str, Any] = {name: night.counts[name] for name in names}
    lacking = len(night.withheld)
    said = f"{counts['fetched']:,} documents fetched; {lacking:,} did not come and are as before"
    examples = list(night.withheld[: table_checks.SHOWN])
    return table_checks.Finding(
        not lacking, said, {**counts, "withheld": lacking, "examples": examples}
    )


def _set_aside(night: _Night) -> table_checks.Finding:
    """No more documents could not be used than the last time; document_problems names them."""
    count = night.counts["set_aside"]
    before = night.before.get("set_aside", count)
    said = f"{count:,} documents set aside, {before:,} the time before"
    return table_checks.Finding(
        count <= before, said, {"set_aside": count, "set_aside_before": before}
    )


def _lost(night: _Night) -> table_checks.Finding:
    """Few of the documents that there were are gone from the source."""
    count, before = night.counts["removed"], night.before.get("swept", 0)
    said = f"{count:,} documents are gone; there were {before:,}"
    return table_checks.Finding(
        count <= _LOST * before or not before, said, {"lost": count, "swept_before": before}
    )


# By name in Dagster; whether it is an error, else it is worth a look.
_OF_DOCUMENTS = {
    "swept": (_swept, False),
    "fetched": (_fetched, True),
    "set_aside": (_set_aside, False),
    "lost": (_lost, False),
}


def documents_checks() -> dg.AssetChecksDefinition:
    """Returns the checks of the documents: numbers to watch from night to night."""

    @dg.multi_asset_check(
        name="documents_checks",
        specs=[
            dg.AssetCheckSpec(name, asset=_DOCUMENTS, description=look.__doc__)
            for name, (look, _) in _OF_DOCUMENTS.items()
        ],
        can_subset=True,
    )
    def check_documents(
        context: dg.AssetCheckExecutionContext, cache: StoreResource
    ) -> Iterator[dg.AssetCheckResult]:
        with in_our_words():
            night = _last_night(context.instance, cache)
        for name in (key.name for key in context.selected_asset_check_keys):
            look, is_error = _OF_DOCUMENTS[name]
            finding = look(night)
            yield dg.AssetCheckResult(
                asset_key=_DOCUMENTS,
                check_name=name,
                passed=finding.passed,
                description=finding.description,
                metadata=in_tables(finding.metadata),
                severity=_severity(is_error=is_error),
            )

    return check_documents


def _last_night(instance: dg.DagsterInstance, cache: StoreResource) -> _Night:
    """Returns what Dagster's history has of the last two updates of the store's documents.

    Raises:
        LookupError: It has none.
    """
    store = cache.open()
    counts: list[dict[str, int]] = []
    for done in instance.fetch_materializations(_DOCUMENTS, limit=10).records:
        metadata = done.asset_materialization.metadata if done.asset_materialization else {}
        # Another store's say nothing of this one's; up to 1.0.0 they did not say whose they are.
        if "store" not in metadata or metadata["store"].value == store.url:
            values = ((name, entry.value) for name, entry in metadata.items())
            counts.append({name: value for name, value in values if isinstance(value, int)})
    if not counts:
        raise LookupError(
            f"Dagster's history has no update of the documents of {store.url}: materialize "
            "documents, or start a night"
        )
    withheld = documents.withheld(store) if counts[0].get("withheld") else ()
    return _Night(Counter(counts[0]), counts[1] if counts[1:] else {}, withheld)


def squirrel_check(catalogue: Catalogue) -> dg.AssetChecksDefinition:
    """Returns the check of the registry, which names every table that is not current."""

    @dg.asset_check(
        name="all_tables_current",
        asset="squirrel",
        description=(
            "Every table was made from the current documents. Else the check's metadata has the "
            "table of those that were not: failed themselves, or skipped since another one failed."
        ),
    )
    def check_registry(cache: StoreResource) -> dg.AssetCheckResult:
        with in_our_words():
            behind = currency.behind(cache.open(), cache.layout(), catalogue)
            held = hold.behind(cache.open(), cache.layout())
        rows = [
            dg.TableRecord({"table": t.name, "state": t.state, "why": t.why, "since": t.since})
            for t in behind
        ]
        said = [f"{t.name} failed: {t.why}" for t in behind if t.state == currency.FAILED]
        for state in (currency.SKIPPED, currency.MISSING):
            alike = sum(t.state == state for t in behind)
            said += [f"{alike} {state}"] if alike else []
        count = len(catalogue.acorns)
        description = (
            f"{len(behind)} of {count} tables are not current: {'; '.join(said)}"
            if behind
            else f"all {count} tables are current"
        )
        return dg.AssetCheckResult(
            passed=not behind and not held,
            description=f"{held.sentence}. Of what is built {description}" if held else description,
            metadata={
                "not_current": len(behind),
                "rolled_back": held.snapshot if held else "no",
                **({"tables": dg.MetadataValue.table(rows)} if rows else {}),
            },
            severity=_severity(is_error=bool(behind)),
        )

    return check_registry


def in_tables(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Returns metadata with its lists as tables of Dagster's UI, and without empty ones."""
    made = {}
    for name, value in metadata.items():
        if not isinstance(value, list):
            made[name] = value
        elif value:
            rows = [row if isinstance(row, Mapping) else {name: row} for row in value]
            plain = [{key: _plain(cell) for key, cell in row.items()} for row in rows]
            made[name] = dg.MetadataValue.table([dg.TableRecord(row) for row in plain])
    return made


def _plain(value: Any) -> Any:
    return value if isinstance(value, str | int | float | None) else str(value)


def _severity(*, is_error: bool) -> dg.AssetCheckSeverity:
    return dg.AssetCheckSeverity.ERROR if is_error else dg.AssetCheckSeverity.WARN
