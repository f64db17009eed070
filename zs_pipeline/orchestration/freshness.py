"""Dagster's freshness policies: a night that never ran is seen at the tables that it left.

How often a night is expected is one setting, by which readers call a table stale as well
(`zs_client.provenance`).
"""

from datetime import timedelta

import dagster as dg

from zs_client.provenance import LATE
from zs_pipeline.orchestration.nights import every_hours

# A night that takes an hour longer than the last one is no reason to warn.
_WARN = 1.25


def policy() -> dg.FreshnessPolicy:
    """Returns the policy of a table: it fails when readers call the table stale by its age."""
    night = timedelta(hours=every_hours())
    return dg.FreshnessPolicy.time_window(fail_window=night * LATE, warn_window=night * _WARN)
