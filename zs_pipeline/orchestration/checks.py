"""Dagster's asset checks, made from the checks that a table's declaration asks for.

What a check looks at and when it fails is in `zs_pipeline.publishing.table_checks`.
"""

from collections.abc import Iterator

import dagster as dg

from zs_pipeline.declaration import Acorn
from zs_pipeline.orchestration.failures import in_our_words
from zs_pipeline.orchestration.resources import StoreResource
from zs_pipeline.publishing import table_checks


def acorn_checks(acorn: Acorn) -> dg.AssetChecksDefinition:
    """Returns the checks of one acorn, made from its declaration."""
    declared = table_checks.checks_of(acorn)

    @dg.multi_asset_check(
        name=f"{acorn.name}_checks",
        specs=[
            dg.AssetCheckSpec(check.name, asset=acorn.name, description=check.description)
            for check in declared
        ],
    )
    def check_table(cache: StoreResource) -> Iterator[dg.AssetCheckResult]:
        with in_our_words():
            seen = table_checks.look(cache.open(), cache.folder(), acorn, cache.take_report(acorn))
        for check in declared:
            finding = table_checks.outcome(check, seen)
            yield dg.AssetCheckResult(
                asset_key=acorn.name,
                check_name=check.name,
                passed=finding.passed,
                description=finding.description,
                metadata=finding.metadata,
                severity=dg.AssetCheckSeverity.ERROR
                if check.is_error
                else dg.AssetCheckSeverity.WARN,
            )

    return check_table
