"""The state of the night in the store: when it began, how it ended, what failed since when.

One small object beside the registry, written when a night begins and when it ends. A night that is
killed in between leaves that it began. What readers make of it is in `zs_client.night`.
"""

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime

from zs_client.contract import Layout
from zs_client.facts import Facts
from zs_client.masking import masked
from zs_client.night import NightFacts, NightFailure, moment
from zs_client.obstore_errors import first_line
from zs_client.store import Store

DOCUMENTS, PUBLISH = "documents", "squirrel"


def begin(store: Store, layout: Layout, run_id: str) -> None:
    """Say that a night is under way; since when parts fail is kept until it has ended."""

    def change(facts: NightFacts) -> None:
        since = {name: failure["since"] for name, failure in facts["failures"].items()}
        facts["earlier"], facts["failures"] = facts.get("earlier", {}) | since, {}
        facts["began_at"], facts["run_id"], facts["alerted_runs"] = _now(), run_id, []
        facts["ended_at"], facts["failed_at"], facts["counted"] = None, None, False

    _update(store, layout, change)


def end(
    store: Store,
    layout: Layout,
    failures: Mapping[str, str],
    tables: Collection[Facts],
    documents: Mapping[str, int],
) -> None:
    """Say that a night has ended, well when nothing failed.

    Args:
        store: Where.
        layout: The layout of the version.
        failures: By what failed, why.
        tables: The facts of all tables, which tell what was written since it began.
        documents: How many documents were fetched, removed and set aside.
    """

    def change(facts: NightFacts) -> None:
        now = _now()
        # Of these their facts tell; what the night's runs said of others is kept.
        known = {DOCUMENTS, PUBLISH, *(table["name"] for table in tables)}
        of_runs = facts["failures"].items() if facts["failed_at"] else ()
        both = {name: failure["reason"] for name, failure in of_runs if name not in known}
        both |= failures
        began = moment(facts["began_at"])
        if began and not facts.get("counted"):
            seconds = (datetime.fromisoformat(now) - began).total_seconds()
            facts["counts"] = {"seconds": round(seconds, 3), **_written(tables, began), **documents}
        _set_failures(facts, both, now)
        facts["earlier"], facts["counted"] = {}, True
        facts["failed_at"], facts["ended_at"] = (now, None) if both else (None, now)

    _update(store, layout, change)


def fail(
    store: Store,
    layout: Layout,
    failures: Mapping[str, str],
    *,
    run_id: str = "",
    started: datetime | None = None,
) -> NightFacts | None:
    """Say that a part of a night failed, also after it has ended.

    Args:
        store: Where.
        layout: The layout of the version.
        failures: By what failed, why.
        run_id: The run that failed.
        started: When it started; one of a night before the last changes nothing.

    Returns:
        What the store tells of the night now; None when a later night began.
    """
    is_later = False

    def change(facts: NightFacts) -> bool | None:
        nonlocal is_later
        began = moment(facts["began_at"])
        # The first run of a night starts before its documents say that it began.
        is_later = bool(started and began and began > started and facts["run_id"] != run_id)
        known = {name: failure["reason"] for name, failure in facts["failures"].items()}
        if is_later or (facts["failed_at"] and known.keys() >= failures.keys()):
            return False
        now = _now()
        both = (known if facts["failed_at"] else {}) | dict(failures)
        _set_failures(facts, both, now)
        facts["failed_at"], facts["ended_at"] = now, None
        return None

    facts = _update(store, layout, change)
    return None if is_later else facts


@contextmanager
def failing(store: Store, layout: Layout, name: str) -> Iterator[None]:
    """Say that the night failed, with the reason, when the block does or is interrupted.

    An interrupt does not wait for a server: there the night is one that was killed.
    """
    try:
        yield
    except BaseException as error:
        if not isinstance(error, Exception) and not store.is_local:
            raise
        kind = type(error).__name__
        reason = f"{kind}: {first_line(error)[:300]}" if str(error) else kind
        # What failed is the store, maybe; the error is told all the same.
        with suppress(Exception):
            fail(store, layout, {name: reason})
        raise


def unkept(failures: Mapping[str, str]) -> NightFacts:
    """Returns the state of a night that failed, as far as is known without the store."""
    facts = _parsed(None)
    _set_failures(facts, failures, _now())
    return facts


def load(store: Store, layout: Layout) -> NightFacts:
    """Returns what the store tells of the night."""
    body, _ = store.get_if_there(layout.night)
    return _parsed(body)


def keep_alerted(store: Store, layout: Layout, run_id: str) -> None:
    """Keep that people were told of a failure, and of which run."""

    def change(facts: NightFacts) -> None:
        facts["alerted_at"] = facts.get("alerted_at") or _now()
        facts["alerted_runs"] = [*facts.get("alerted_runs", []), run_id]

    _update(store, layout, change)


def clear_alerted(store: Store, layout: Layout) -> None:
    """Keep that people were told that all is well again."""

    def change(facts: NightFacts) -> None:
        facts["alerted_at"], facts["alerted_runs"] = None, []

    _update(store, layout, change)


def _set_failures(facts: NightFacts, reasons: Mapping[str, str], now: str) -> None:
    """Keep since when each part fails, whatever the reason was the last time."""
    since = facts.get("earlier", {}) | {n: f["since"] for n, f in facts["failures"].items()}
    facts["failures"] = {
        name: NightFailure(reason=masked(reason), since=since.get(name, now))
        for name, reason in reasons.items()
    }


def _written(tables: Iterable[Facts], began: datetime) -> dict[str, int]:
    """Returns how many files, and bytes of them, tables have of a time since."""
    sizes = [
        file["bytes"]
        for facts in tables
        for file in (facts["partitions"].values() if facts["partition_key"] else [facts])
        # It is told in whole seconds, cut off.
        if (built := moment(file["built_at"])) and built >= began.replace(microsecond=0)
    ]
    return {"files_written": len(sizes), "bytes_written": sum(sizes)}


def _update(
    store: Store, layout: Layout, change: Callable[[NightFacts], bool | None]
) -> NightFacts:
    def changed(body: bytes | None) -> bytes | None:
        facts = _parsed(body)
        if change(facts) is False:
            return None
        return json.dumps(facts, ensure_ascii=False, indent=1).encode()

    body, _ = store.update(layout.night, changed)
    return _parsed(body)


def _parsed(body: bytes | None) -> NightFacts:
    """Returns what a body tells, with every key; what is no such JSON is begun anew."""
    facts = NightFacts(
        began_at=None, run_id=None, ended_at=None, failed_at=None, failures={}, counts={}
    )
    try:
        content = json.loads(body or b"{}")
        facts.update(content)
        for failure in facts["failures"].values():
            moment(failure["since"])
        for name in ("began_at", "ended_at", "failed_at"):
            moment(content.get(name))
    except (AttributeError, KeyError, TypeError, ValueError):
        return _parsed(None)
    return facts


def _now() -> str:
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")
