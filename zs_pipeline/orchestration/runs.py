"""What Dagster's history tells of runs: what failed in one, and what the documents' update counted.

Who is told of it is in `zs_pipeline.orchestration.alerts`; what the store keeps of a night is in
`zs_pipeline.publishing.night`.
"""

import re
from collections.abc import Iterable

import dagster as dg

from zs_client.masking import masked

_DOCUMENTS = dg.AssetKey("documents")
# As facts keep a reason: without Dagster's wrapper and the module of its error.
_MODULE = re.compile(r"^(?:Failed: )?(?:\w+\.)*(?=\w+(?::|$))")
_COUNTS = ("fetched", "removed", "set_aside")


def document_counts(instance: dg.DagsterInstance) -> dict[str, int]:
    """Returns what the last update of the documents counted; empty where that is not known."""
    entry = instance.get_latest_materialization_event(_DOCUMENTS)
    done = entry.asset_materialization if entry else None
    values = {name: done.metadata[name].value for name in _COUNTS if done and name in done.metadata}
    return {f"documents_{name}": v for name, v in values.items() if isinstance(v, int)}


def unmade(instance: dg.DagsterInstance, run_id: str, names: Iterable[str]) -> tuple[str, ...]:
    """Returns the assets of a run, out of those of its job, that it did not make to the end."""
    of_steps = instance.get_records_for_run(
        run_id, of_type=dg.DagsterEventType.STEP_SUCCESS
    ).records
    events = (record.event_log_entry.dagster_event for record in of_steps)
    made = {event.step_key for event in events if event}
    return tuple(name for name in names if name not in made)


def failures(events: Iterable[dg.DagsterEvent]) -> dict[str, str]:
    """Returns by the asset of each step that failed its reason, in our words.

    Dagster's own error wraps ours, which says more than what it came from.
    """
    reasons = {}
    for event in events:
        error = event.step_failure_data.error
        while error is not None and error.cause and str(error.cls_name).startswith("Dagster"):
            error = error.cause
        message = error.message.strip() if error is not None else ""
        line = next(iter(message.splitlines()), "no reason given")
        reasons[str(event.step_key)] = masked(_MODULE.sub("", line))
    return reasons
