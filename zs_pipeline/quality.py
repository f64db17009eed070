"""Quality control in one document: the status of each metric, and of each tag, modality and stage.

The rules stand here once, for quality_control, qc_tag_status, platform_qc, their findings and
data_asset_problems. A document holds the statuses twice: in each metric's history, and in
`quality_control.status`, a copy that programs write and reviews do not update.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from zs_client import contract
from zs_pipeline.declaration import Column, Expected, Read
from zs_pipeline.shape.findings import WARNING, Finding
from zs_pipeline.shape.values import (
    as_json,
    bounded,
    json_text,
    part,
    parts,
    text,
    texts,
    time,
    unbounded,
    written_time,
)
from zs_pipeline.tags import bare_values, spellings
from zs_pipeline.zones import IS_UTC

PASS, PENDING, FAIL = "Pass", "Pending", "Fail"
STAGES = frozenset(contract.STAGES)
CURATION = "Curation metric"

METRICS = "quality_control.metrics"
COPY = "quality_control.status"
_ALLOWED = "quality_control.allow_tag_failures"
_VALUE = f"{METRICS}[].value"
_HISTORY = f"{METRICS}[].status_history"
_STATUS, _TIMESTAMP = f"{_HISTORY}[].status", f"{_HISTORY}[].timestamp"

# Reads and texts that the tables of statuses share.
STATUS_READS = (
    Read(f"{METRICS}[].modality.abbreviation", Expected.TEXT),
    Read(f"{METRICS}[].stage", Expected.TEXT),
    Read(f"{METRICS}[].status_history", Expected.LIST, whole=True),
    Read(f"{METRICS}[].tags", Expected.OBJECT_OR_LIST, whole=True),
    Read(f"{_ALLOWED}[]", Expected.LIST_OR_TEXT),
    Read(f"{_ALLOWED}[][]", Expected.TEXT),
    Read(COPY, Expected.OBJECT, whole=True),
    Read(f"{COPY}{{}}", Expected.TEXT),
)
KEY_PLACES = (
    f"{METRICS}[].tags",
    f"{METRICS}[].modality.abbreviation",
    f"{METRICS}[].stage",
    COPY,
)
KEY_RULE = (
    "Each tag, modality and stage that occurs in the metrics, curation metrics included, is a key. "
    "A tag of an object becomes `key:value`; a tag of a list (schema 2.1.1 and before) is taken as "
    "it is written. A document without metrics has the keys of its own quality_control.status."
)
KEY_EXAMPLE = '`{"Fiber ROI": "Fiber_0"}` becomes `Fiber ROI:Fiber_0`.'
STATUS_PLACES = (
    _STATUS,
    _TIMESTAMP,
    "_last_modified",
    _ALLOWED,
    COPY,
    f"{COPY}{{}}",
)
STATUS_RULE = (
    "The status of a metric is the one in the table quality_control, chosen from its history; a "
    "metric without one, or with another than Pass, Fail and Pending, counts as Pending. A key is "
    "Fail when one of its metrics fails, unless one of that metric's tags (bare or as key:value) "
    "is in quality_control.allow_tag_failures, or all of a list of tags in there (schema 2.1.1 and "
    "before); else Pending when one is pending; else Pass. Where a tag, a modality and a stage "
    "have the same text, the stage's status is taken, then the modality's. The statuses that a "
    "document holds beside its metrics are a copy of these and may be out of date: they are taken "
    "only where there are no metrics."
)
STATUS_EXAMPLE = (
    "Metrics of `fib` with `Pass` and `Fail` give `Fail`, though the document's own copy still "
    "says `Pending`."
)

# The columns by which rows of the two tables by subject belong to data assets.
OWNER = (
    Column(
        "asset_name",
        "string",
        "The data asset's name.",
        reads=("asset_basics.name",),
        rule="The name in asset_basics is taken.",
        example="`ecephys_834691_2026-02-17_10-49-35_sorted_2026-03-19_08-41-58` stays as it is.",
        identifies=True,
    ),
    Column(
        "subject_id",
        "string",
        "The animal, always as text.",
        reads=("asset_basics.subject_id",),
        rule="The animal in asset_basics is taken. Rows without one lie in the partition "
        "`subject_id=__HIVE_DEFAULT_PARTITION__`.",
        example="The number `834691` becomes the text `834691`.",
    ),
)

_SEVERITY = {PASS: 0, PENDING: 1, FAIL: 2}
_DAY = 24 * 3_600_000_000
_MOST_KEYS = 5
# One published file of schema 2.0.4 has the modality's whole text for its abbreviation.
_WRITTEN_OUT = re.compile(r"name='.*' abbreviation='([^']+)'")


class Choice(NamedTuple):
    """The entry of a metric's history that holds the metric's status, and the other entries.

    Attributes:
        entry: The entry; empty where the history has none.
        entries: All entries that are objects, in order.
        times: The times of `entries`, None for an unreadable time; empty for fewer than two.
        late: Indices of the entries that are later than the document's last change allows.
    """

    entry: Mapping[str, Any]
    entries: Sequence[Mapping[str, Any]]
    times: Sequence[int | None] = ()
    late: Sequence[int] = ()


def last_time(document: Mapping[str, Any]) -> int | None:
    """Returns the time after which no status entry counts, a day after the last change."""
    modified = time(document.get("_last_modified"))
    if modified is None:
        modified = time(document.get("last_modified"))
    return None if modified is None else modified + _DAY


def choose(history: Any, last: int | None) -> Choice:
    """Choose the entry that holds a metric's status.

    The latest entry by time counts, of equal times the later entry in the list; where a time is
    missing or unreadable, the last entry. Entries after `last` do not count, unless all are.
    """
    entries = [e for e in history if isinstance(e, dict)] if isinstance(history, list) else []
    # Most metrics have one entry, and its time decides nothing.
    if len(entries) < 2:
        return Choice(entries[0] if entries else {}, entries)
    times = [time(entry.get("timestamp")) for entry in entries]
    known = [at for at in times if at is not None]
    if len(known) < len(times):
        return Choice(entries[-1], entries, times)
    latest = max(known)
    late: list[int] = []
    if last is not None and latest > last:
        in_order = sorted(range(len(known)), key=known.__getitem__)
        late = [index for index in in_order if known[index] > last]
        if len(late) < len(known):
            latest = max(at for at in known if at <= last)
    index = len(known) - 1 - known[::-1].index(latest)
    return Choice(entries[index], entries, times, late)


def chosen(history: Any, last: int | None) -> Mapping[str, Any]:
    """Returns the entry of `choose` alone."""
    if isinstance(history, list) and len(history) == 1 and isinstance(history[0], dict):
        return history[0]
    return choose(history, last).entry


def value_of(written: Any) -> tuple[str | None, str | None]:
    """Returns a metric's value as the table has it, and the name of the value's type."""
    if written is None:
        return None, None
    if isinstance(written, str):
        return written, "text"
    if isinstance(written, bool):
        return json_text(written), "bool"
    if isinstance(written, int | float) or unbounded(written):
        return json_text(written), "number"
    return json_text(written), "list" if isinstance(written, list) else "object"


def metric_row(
    metric: Mapping[str, Any], basics: Mapping[str, Any], last: int | None
) -> dict[str, Any]:
    """Returns a metric's columns, which the tables of metrics share.

    Args:
        metric: The metric.
        basics: The name, subject and start of acquisition of its document in asset_basics.
        last: The document's `last_time`.
    """
    history = metric.get("status_history")
    entry = chosen(history, last)
    value, value_type = value_of(metric.get("value"))
    return {
        "name": text(metric.get("name")),
        "stage": text(metric.get("stage")),
        "modality": modality_of(metric),
        "value": value,
        "status": text(entry.get("status")),
        "asset_name": basics["name"],
        "subject_id": basics["subject_id"],
        "timestamp": basics["acquisition_start_time"],
        "tags": spellings(metric.get("tags")),
        "reference": text(metric.get("reference")),
        "evaluator": text(entry.get("evaluator")),
        "status_timestamp": time(entry.get("timestamp")),
        "status_history": as_json(history),
        "value_type": value_type,
        "evaluated_assets": texts(metric.get("evaluated_assets")),
    }


@dataclass(slots=True)
class Statuses:
    """The statuses of a document's tags, modalities and stages, by its metrics.

    Attributes:
        tags: The status of each tag, as its metrics spell it.
        modalities: The status of each modality, by its abbreviation.
        stages: The status of each stage.
        bare: The status of each bare value of a tag with a key, as the schema computes it.
        carriers: The modalities of the metrics that carry a tag, by either spelling.
    """

    tags: dict[str, str] = field(default_factory=dict)
    modalities: dict[str, str] = field(default_factory=dict)
    stages: dict[str, str] = field(default_factory=dict)
    bare: dict[str, str] = field(default_factory=dict)
    carriers: dict[str, set[str]] = field(default_factory=dict)

    def by_key(self) -> dict[str, str]:
        """Returns the status of each key; of equal texts the stage wins, then the modality."""
        return {**self.tags, **self.modalities, **self.stages}


def evaluate(document: Mapping[str, Any]) -> Statuses | None:
    """Compute the statuses as the schema defines them; None for a document without metrics."""
    metrics = list(parts(document, METRICS))
    if not metrics:
        return None
    allowed = _allowed(document)
    last = last_time(document)
    statuses = Statuses()
    for metric in metrics:
        status = text(chosen(metric.get("status_history"), last).get("status"))
        status = status if status in _SEVERITY else PENDING
        tags = metric.get("tags")
        spelled, bare = spellings(tags) or [], bare_values(tags)
        if status == FAIL and any(group.issubset((*spelled, *bare)) for group in allowed):
            status = PASS
        modality, stage = modality_of(metric), text(metric.get("stage"))
        _add(statuses.tags, spelled, status)
        _add(statuses.bare, bare, status)
        if stage is not None:
            _add(statuses.stages, (stage,), status)
        if modality is not None:
            _add(statuses.modalities, (modality,), status)
            for tag in (*spelled, *bare):
                statuses.carriers.setdefault(tag, set()).add(modality)
    return statuses


def _allowed(document: Mapping[str, Any]) -> list[frozenset[str]]:
    """Returns sets of tags; a metric that has all tags of one of them may fail.

    An entry is one tag. Until schema 2.1.1 it could be a tuple of tags, which is a list in JSON.
    """
    entries = part(document, _ALLOWED)
    groups = (
        [text(tag) for tag in (entry if isinstance(entry, list) else [entry])]
        for entry in (entries if isinstance(entries, list) else ())
    )
    return [frozenset(filter(None, group)) for group in groups if group and None not in group]


def _add(statuses: dict[str, str], keys: Sequence[str], status: str) -> None:
    """Set the graver of the known and the new status of each key."""
    for key in keys:
        known = statuses.get(key)
        if known is None or _SEVERITY[known] < _SEVERITY[status]:
            statuses[key] = status


def modality_of(metric: Mapping[str, Any]) -> str | None:
    """Returns the abbreviation of a metric's modality."""
    modality = metric.get("modality")
    return text(modality.get("abbreviation")) if isinstance(modality, dict) else None


def abbreviation(key: str) -> str:
    """Returns the abbreviation of a modality that is written out, any other key as it is."""
    match = _WRITTEN_OUT.fullmatch(key)
    return match[1] if match else key


def copied(document: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the statuses that programs copied into the document."""
    copy = part(document, COPY)
    return copy if isinstance(copy, dict) else {}


def keys(document: Mapping[str, Any], statuses: Statuses | None) -> dict[str, str | None]:
    """Returns the status of each key of a document: by its metrics, else by the copy."""
    if statuses is not None:
        return {**statuses.by_key()}
    return {key: text(status) for key, status in copied(document).items()}


def contradictions(document: Mapping[str, Any]) -> Iterator[Finding]:
    """Yields a finding where the document's copy has other statuses than its metrics give."""
    copies = copied(document)
    statuses = evaluate(document) if copies else None
    if statuses is None:
        return
    by_key = statuses.by_key()
    ours: dict[str, str] = {}
    theirs: dict[str, str] = {}
    for key, written in copies.items():
        # `probe:A` may be called `A`, and `Drift` of a list of tags `tag_1:Drift`.
        status = (
            by_key.get(key)
            or statuses.modalities.get(abbreviation(key))
            or statuses.bare.get(key)
            or statuses.tags.get(key.partition(":")[2])
        )
        copy = text(written)
        if status is not None and copy is not None and status != copy:
            ours[key], theirs[key] = status, copy
            if len(ours) == _MOST_KEYS:
                break
    if ours:
        reason = "differs from the statuses that the metrics give, which the tables have"
        yield Finding(COPY, "qc_tag_status.status", reason, ours, theirs)


def key_findings(document: Mapping[str, Any]) -> Iterator[Finding]:
    """Yields findings for statuses that could be another key's, or that came from the copy."""
    statuses = evaluate(document)
    if statuses is None:
        if copied(document):
            reason = "is taken as it is written, since the document has no metrics"
            yield Finding(COPY, "qc_tag_status.status", reason, copied(document))
        return
    yield from _of_tags(document)
    for path, own, others in (
        ("stage", statuses.stages, (statuses.modalities, statuses.tags)),
        ("modality.abbreviation", statuses.modalities, (statuses.tags,)),
    ):
        for key, status in own.items():
            for other in others:
                if other.get(key, status) != status:
                    yield Finding(
                        f"{METRICS}[].{path}",
                        "qc_tag_status.status",
                        "has the text of another key with another status, which is left out",
                        {key: status},
                        {key: other[key]},
                    )


def _of_tags(document: Mapping[str, Any]) -> Iterator[Finding]:
    """Yields findings for tags without a text, and for lists of tags that may fail."""
    for metric in parts(document, METRICS):
        tags = metric.get("tags")
        for key, value in tags.items() if isinstance(tags, dict) else ():
            if text(value) is None:
                reason = "has a value that is no text: its JSON text is taken, nothing for null"
                (tag,) = spellings({key: value}) or ("",)
                yield Finding(f"{METRICS}[].tags", "quality_control.tags", reason, tag, value)
    allowed = part(document, _ALLOWED)
    for entry in allowed if isinstance(allowed, list) else ():
        if entry and isinstance(entry, list):
            reason = "is a list of tags: a metric may fail that has all of them, not one of them"
            yield Finding(f"{_ALLOWED}[]", "qc_tag_status.status", reason, entry)


def metric_findings(document: Mapping[str, Any]) -> Iterator[Finding]:
    """Yields findings for the choices in the metrics, and for values that could not be read."""
    last = last_time(document)
    for metric in parts(document, METRICS):
        choice = choose(metric.get("status_history"), last)
        is_curation = metric.get("object_type") == CURATION
        column = "qc_tag_status.status" if is_curation else "quality_control.status"
        status = text(choice.entry.get("status"))
        if status not in _SEVERITY:
            yield _of_status(status, column)
        yield from _of_times(choice, column, last)
        value = metric.get("value")
        if not is_curation and isinstance(value, dict | list | float):
            yield from _of_value(value)
    yield from naive_times(document)


def _of_status(status: str | None, column: str) -> Finding:
    if status is None:
        reason = "holds no status: it is null, and counts as Pending for tags"
        return Finding(_HISTORY, column, reason, None, None, WARNING)
    reason = "is none of Pass, Fail and Pending; it counts as Pending for tags"
    return Finding(_STATUS, "qc_tag_status.status", reason, PENDING, status, WARNING)


def _of_times(choice: Choice, column: str, last: int | None) -> Iterator[Finding]:
    entry, entries, times, late = choice
    at = time(entry.get("timestamp"))
    all_late = at is not None and last is not None and at > last and None not in times
    if not all_late and len(entries) < 2:
        return
    # Most histories end with the one latest entry and give no finding.
    if not late and None not in times and entry is entries[-1] and times.count(at) == 1:
        return
    taken = _entry_text(entry)
    if all_late:
        reason = "is over a day after the document's last change, but so are all of the metric's"
        yield Finding(_TIMESTAMP, column, reason, taken, None, WARNING)
    if len(entries) == 1:
        return
    if None in times:
        reason = "is missing or cannot be read, so that the last entry in the list is taken"
        unread = _entry_text(entries[times.index(None)])
        yield Finding(_TIMESTAMP, column, reason, taken, unread)
        return
    if not all_late:
        reason = "is over a day after the document's last change, so that the entry does not count"
        for index in late:
            yield Finding(_TIMESTAMP, column, reason, taken, _entry_text(entries[index]))
    if entry is not entries[-1]:
        reason = "does not end with the entry that is taken, which is the latest by time"
        yield Finding(_HISTORY, column, reason, taken, _entry_text(entries[-1]))
    for other, other_time in zip(entries, times, strict=True):
        if other_time == at and text(other.get("status")) != text(entry.get("status")):
            reason = "has several entries of the latest time, of which the last is taken"
            yield Finding(_HISTORY, column, reason, taken, _entry_text(other))


def _entry_text(entry: Mapping[str, Any]) -> str:
    return f"{text(entry.get('status'))} at {text(entry.get('timestamp'))}"


def _of_value(written: Any) -> Iterator[Finding]:
    column = "quality_control.value"
    if (name := unbounded(written)) is not None:
        reason = "is a number that cannot be written as JSON; the value is null"
        yield Finding(_VALUE, column, reason, None, name)
    elif isinstance(written, dict | list) and bounded(written) != written:
        reason = "holds a number that cannot be written as JSON; null stands for it"
        yield Finding(_VALUE, column, reason, bounded(written))


def naive_times(document: Mapping[str, Any]) -> Iterator[Finding]:
    """Yields a finding for each time of quality control without a zone, which is read as UTC."""
    column = "quality_control.status_timestamp"
    for metric in parts(document, METRICS):
        for entry in parts(metric, "status_history"):
            written = entry.get("timestamp")
            at = None if isinstance(written, str) and written[-1:] == "Z" else written_time(written)
            if at is not None and at.tzinfo is None:
                yield Finding(_TIMESTAMP, column, IS_UTC, f"{written}Z", written)
