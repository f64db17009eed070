"""The state of a night as it lies beside the registry: under way, ended well, or failed.

The pipeline writes it in `zs_pipeline.publishing.night`; stores of 1.0.0 have none. How each table
stands is in `zs_client.registry`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, NotRequired, TypedDict

from zs_client import fetch
from zs_client.contract import Layout
from zs_client.errors import ReadError
from zs_client.obstore_errors import is_forbidden
from zs_client.store import Reader

# As `max_runtime_seconds` in dagster.yaml: one that has not ended by then was killed.
LONGEST = timedelta(hours=6)
_SHOWN = 100


class NightFailure(TypedDict):
    """Why a part of a night failed, and since when it does.

    Attributes:
        reason: Why it failed.
        since: Since when it fails.
    """

    reason: str
    since: str


class NightFacts(TypedDict):
    """The content of `_night.json`; of another version's writer it may have more keys.

    Attributes:
        began_at: When the night that began last began.
        run_id: Its run in Dagster.
        ended_at: When it ended well; null before.
        failed_at: When it failed; null where it did not.
        failures: By what failed: a table, the documents, or a run.
        counts: Of the last night that ended: seconds, bytes_written, files_written, documents_…
        counted: Whether those are of the night that began last.
        earlier: Since when parts fail that have not failed again in the night under way.
        alerted_at: When people were first told of a failure that still lasts.
        alerted_runs: Of which runs of this night they were told.
    """

    began_at: str | None
    run_id: str | None
    ended_at: str | None
    failed_at: str | None
    failures: dict[str, NightFailure]
    counts: dict[str, float]
    counted: NotRequired[bool]
    earlier: NotRequired[dict[str, str]]
    alerted_at: NotRequired[str | None]
    alerted_runs: NotRequired[list[str]]


@dataclass(frozen=True)
class Night:
    """The last night, or the one under way.

    Attributes:
        state: `publishing`, `failed` or `ended`.
        began_at: When it began; None when that is not known.
        changed_at: Since when it is in that state.
        failures: By what failed, why; empty unless it failed.
        since: Since when each of them fails.
        counts: Seconds, files, bytes and documents of the last night that ended.
    """

    state: Literal["publishing", "failed", "ended"]
    began_at: datetime | None
    changed_at: datetime
    failures: Mapping[str, str] = field(default_factory=dict)
    since: Mapping[str, datetime] = field(default_factory=dict)
    counts: Mapping[str, float] = field(default_factory=dict)

    @property
    def sentence(self) -> str | None:
        """The state as a sentence; None when the night ended well."""
        if self.state == "publishing":
            return f"publishing since {utc_minute(self.changed_at)}"
        if self.state == "failed":
            return f"failed at {utc_minute(self.changed_at)}: {self.reasons}"
        return None

    @property
    def reasons(self) -> str:
        """What failed, why and since when, in one line; each table's reason is whole in its own."""
        lines = (
            f"{name}: {_cut(reason)} (since {utc_minute(self.since[name])})"
            for name, reason in self.failures.items()
        )
        return "; ".join(lines)


def read(store: Reader, layout: Layout) -> Any:
    """Returns what lies beside the registry; None where nothing does.

    Raises:
        ReadError: It is there and cannot be read.
    """
    try:
        return fetch.get_json(store, layout.night)
    except FileNotFoundError:
        return None
    except ReadError as error:
        # S3 says so of what is not there to those who may not list the bucket.
        if error.__cause__ is not None and is_forbidden(error.__cause__):
            return None
        raise


def of(facts: Any, published_at: datetime | None) -> Night | None:
    """Returns the night that facts tell of; None where another writer has published since.

    Args:
        facts: As `read` gives them.
        published_at: When the registry was published; None where there is none.
    """
    try:
        began, ended, failed = (
            moment(facts[f"{name}_at"]) for name in ("began", "ended", "failed")
        )
        failures = {name: str(failure["reason"]) for name, failure in facts["failures"].items()}
        since = {name: moment(failure["since"]) for name, failure in facts["failures"].items()}
        counts = dict(facts["counts"])
    except (AttributeError, KeyError, TypeError, ValueError):
        return None
    moments = [at for at in (began, ended, failed) if at]
    # A night that was killed after it had published; or a writer of 1.0.0, which tells no night.
    if not moments or (published_at and published_at > max(moments)):
        return None
    latest = max(moments)
    known = {name: at or latest for name, at in since.items()}
    if failed:
        return Night("failed", began, failed, failures, known, counts)
    if ended or not began:
        return Night("ended", began, ended or latest, counts=counts)
    if datetime.now(UTC) - began > LONGEST:
        hours = int(LONGEST.total_seconds() // 3600)
        reason = f"did not end within {hours} hours, and was killed or hangs"
        return Night("failed", began, began + LONGEST, {"night": reason}, {"night": began}, counts)
    return Night("publishing", began, began, counts=counts)


def moment(text: str | None) -> datetime | None:
    """Returns a time that a store tells, in UTC where it names no zone."""
    if not text:
        return None
    at = datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _cut(reason: str) -> str:
    return reason if len(reason) <= _SHOWN else f"{reason[: _SHOWN - 1]}…"


def utc_minute(at: datetime) -> str:
    """Returns a time for a person, in UTC."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
