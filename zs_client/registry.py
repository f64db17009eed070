"""The registry of a version, and the status of each acorn.

The pipeline writes both, in `squirrel.json` and `<table>.json`; nothing is counted here.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Literal

from zs_client import fetch, kinds, night, provenance, read, work
from zs_client.ahead import Ahead
from zs_client.contract import Layout
from zs_client.libraries import pa, pd
from zs_client.night import moment
from zs_client.place import Place, reading, resolve, resolve_current
from zs_client.read import ReadRequest
from zs_client.read_requests import FOR_SUCCESSOR, TABLES, find, read_request
from zs_client.snapshot import AnySnapshot
from zs_client.store import Reader
from zs_client.user_tables import named

# How many partitions of a table by subject or platform are read to describe it.
SAMPLED = 32
_EXAMPLES, _LONGEST = 3, 80


@dataclass(frozen=True)
class ColumnInfo:
    """A column of an acorn.

    Attributes:
        name: The column's name.
        description: What the value means; empty where an old registry has none.
        type: A type of `zs_client.contract.TYPES`; empty where an old registry has none.
        nullable: Whether the value may be null.
    """

    name: str
    description: str = ""
    type: str = ""
    nullable: bool = True


@dataclass(frozen=True)
class AcornInfo:
    """An acorn's entry in the registry; None or empty where an old registry has no value.

    Attributes:
        name: The acorn's name.
        description: What a row is and how to join it.
        location: The file, or the folder with a slash at the end when the acorn is partitioned.
        partitioned: Whether the acorn is split into files.
        partition_key: The column that splits it; None when the acorn is not partitioned.
        type: `metadata` (may be loaded whole), `asset` or `platform`.
        columns: The columns, in the file's order.
        table: The acorn's name in the store.
        key: The columns whose values together identify a row.
        rows: The number of rows.
        bytes: The number of bytes of parquet.
        sha256: The digest of the file, or of the names and digests of the partitions' files.
        partitions: The number of files when the acorn is partitioned, else 0.
        built_at: When the content last changed.
        checked_at: When a build last checked the acorn.
        state: `fresh`, or `stale` while the acorn stays on earlier content.
        reason: Why the acorn is stale.
    """

    name: str
    description: str
    location: str
    partitioned: bool
    partition_key: str | None
    type: str
    columns: tuple[ColumnInfo, ...]
    table: str = ""
    key: tuple[str, ...] = ()
    rows: int | None = None
    bytes: int | None = None
    sha256: str | None = None
    partitions: int | None = None
    built_at: datetime | None = None
    checked_at: datetime | None = None
    state: str | None = None
    reason: str | None = None


@dataclass(frozen=True)
class SquirrelInfo:
    """The registry of all acorns of one version.

    Attributes:
        acorns: The acorns of the version.
        version: The version.
        snapshot: The id of this published state; None in an old registry.
        published_at: When this state was published; None in an old registry.
        source_state: The state of the source that the acorns were made from.
        expected_every_hours: The hours between two runs of the schedule; None if there is none.
    """

    acorns: tuple[AcornInfo, ...]
    version: str
    snapshot: str | None = None
    published_at: datetime | None = None
    source_state: Mapping[str, Any] = field(default_factory=dict)
    expected_every_hours: float | None = None


@dataclass(frozen=True)
class AcornStatus:
    """The status of an acorn; None stands for an unknown number or time.

    Attributes:
        name: The acorn's name.
        rows: The number of rows.
        bytes: The number of bytes of parquet.
        partitions: The number of files; None also for an acorn that is not partitioned.
        age: The time since the acorn last agreed with the documents; for a stale acorn, the time
            since its last check.
        state: `fresh`, `stale` or `missing`.
        reason: Why the acorn is stale or missing.
        built_at: When the content last changed.
        night: `publishing since …`, or `failed at …` with the reasons, while the last night is not
            known to have ended well.
    """

    name: str
    rows: int | None
    bytes: int | None
    partitions: int | None
    age: timedelta | None
    state: Literal["fresh", "stale", "missing"]
    reason: str | None
    built_at: datetime | None
    night: str | None = None


def get_squirrel_info(*, snapshot: AnySnapshot = None, offline: bool | None = None) -> SquirrelInfo:
    """Returns the registry of the version that the functions read.

    Args:
        snapshot: Read this `Snapshot`, id, name, or the last before a date; else `ZS_SNAPSHOT`.
        offline: Send no requests and read the local cache; else `ZS_OFFLINE`.

    Raises:
        AcornNotFound: This store has no such version.
        ReadError: The registry is there and cannot be read.
    """
    with reading(snapshot=snapshot, offline=offline):
        store, layout = resolve()
        registry = _registry(store, layout)
        if registry is None:
            raise fetch.not_found(store, layout, "the registry", layout.registry)
        return registry


def status(store_url: str | Path | None = None, version: str | None = None) -> list[AcornStatus]:
    """Returns the status of each acorn: this package's acorns, then others in the registry.

    Args:
        store_url: The store; else as the functions take it from `ZS_STORE` and `FOREST_TYPE`.
        version: The version; else `ZS_VERSION`, else that of this package.

    Raises:
        StoreError: The store cannot be opened.
        ValueError: The version is not dotted numbers.
        ReadError: The registry or a table's facts cannot be read.
        AcornNotFound: The URL names a folder within a store.
    """
    return standing(*resolve_current(store_url, version)).acorns


@dataclass(frozen=True)
class Standing:
    """How a version of a store stands.

    Attributes:
        acorns: How each acorn stands.
        night: The last night, or the one under way; None where none is told of.
        registry: What was published; None where nothing was.
    """

    acorns: list[AcornStatus]
    night: night.Night | None
    registry: SquirrelInfo | None

    @property
    def state(self) -> Literal["fresh", "stale", "missing", "publishing", "failed"]:
        """The state of the whole: of the night unless it ended well, else the worst of a table."""
        if self.night and self.night.state != "ended":
            return self.night.state
        states = {acorn.state for acorn in self.acorns}
        return "missing" if "missing" in states else "stale" if "stale" in states else "fresh"


def standing(store: Reader, layout: Layout) -> Standing:
    """Returns how a version stands, as a whole and each acorn of it; errors as of `status`."""
    registry, facts = work.map_ordered(lambda ask: ask(store, layout), (_registry, night.read))
    acorns = _statuses(store, layout, registry)
    last = night.of(facts, registry.published_at if registry else None)
    if last is None or last.sentence is None:
        return Standing(acorns, last, registry)
    acorns = [replace(acorn, night=last.sentence) for acorn in acorns]
    published = registry.published_at if registry else None
    # What was published since it began tells of each table itself.
    if last.state == "failed" and not (published and last.began_at and published > last.began_at):
        acorns = [_unknown_since(acorn, last) for acorn in acorns]
    return Standing(acorns, last, registry)


def own_statuses(store: Reader, layout: Layout) -> list[AcornStatus]:
    """Returns how each acorn stands by its own facts, whatever the night did."""
    return _statuses(store, layout, _registry(store, layout))


def _unknown_since(acorn: AcornStatus, last: night.Night) -> AcornStatus:
    """Returns a table's status after a night that failed before it published anything."""
    now, began = datetime.now(UTC), last.began_at or last.changed_at
    if acorn.state != "fresh" or (acorn.age is not None and now - acorn.age >= began):
        return acorn
    return replace(acorn, state="stale", reason=f"the last night failed: {last.reasons}")


def _statuses(store: Reader, layout: Layout, registry: SquirrelInfo | None) -> list[AcornStatus]:
    known = {acorn.name: acorn for acorn in registry.acorns} if registry else {}
    # Not every store has those of the successor, and none of them is missing there.
    tables = {
        name: table for name, table, _ in TABLES if name in known or name not in FOR_SUCCESSOR
    }
    tables |= {name: acorn.table or name for name, acorn in known.items() if name not in tables}
    all_facts = work.map_ordered(lambda table: fetch.facts(store, layout, table), tables.values())
    published = registry.published_at if registry else None
    if registry is None and not any(all_facts) and fetch.is_too_deep(store):
        raise fetch.not_found(store, layout, "the registry", layout.registry)
    statuses = [
        _status(name, known.get(name), facts, published)
        for name, facts in zip(tables, all_facts, strict=True)
    ]
    every = registry.expected_every_hours if registry else None
    if not every:
        return statuses
    aged = [_aged(acorn, every) for acorn in statuses]
    if aged == statuses or not provenance.is_newest(store, layout, fetch.get_json):
        return statuses
    return aged


def _aged(acorn: AcornStatus, every: float) -> AcornStatus:
    """Returns the status of an acorn, stale when a schedule has not checked it for too long."""
    if acorn.state != "fresh" or acorn.age is None or not provenance.is_late(acorn.age, every):
        return acorn
    return replace(acorn, state="stale", reason=provenance.lateness(acorn.age, every))


def describe(
    table: str,
    store_url: str | Path | None = None,
    version: str | None = None,
    *,
    snapshot: AnySnapshot = None,
    offline: bool | None = None,
) -> "pd.DataFrame":
    """Describes the columns of a table, one row per column.

    For a table by subject or platform, nulls and examples come from 32 of its partitions, evenly
    spread; `attrs["rows_read"]` and `attrs["partitions_read"]` say how much was read.

    Args:
        table: The table, by the acorn's name, or a custom table by its name.
        store_url: The store; else as the functions take it from `ZS_STORE` and `FOREST_TYPE`.
        version: The version; else `ZS_VERSION`, else that of this package.
        snapshot: Read this `Snapshot`, id, name, or the last before a date; else `ZS_SNAPSHOT`.
        offline: Send no requests and read the local cache; else `ZS_OFFLINE`.

    Returns:
        A frame with `column`, `type` (as in the registry), `description`, `nulls` (a share from 0
        to 1; null without rows), `examples` (the most frequent values as text) and `findings`: how
        many values in the whole table were chosen between readings, contradict others or could not
        be read, as in document_problems and data_asset_problems; null if these do not say.

    Raises:
        AcornNotFound: There is no such table; the message names the tables.
        ReadError: The table is there and cannot be read.
    """
    with reading(snapshot=snapshot, offline=offline):
        content = described(table, resolve(store_url, version))
    frame = read.frame(content, table)
    frame.attrs = provenance.marks(content)
    for key in ("rows_read", "partitions_read"):
        if count := content.schema.metadata.get(key.encode()):
            frame.attrs[key] = int(count)
    return frame


def described(table: str, at: Place) -> "pa.Table":
    """Returns what `describe` returns, as Arrow, from a given store and version."""
    own = named(table, at)
    if own is not None:
        return _custom_columns(own)
    store, layout = at
    name, folder, partition = find(table)
    request = ReadRequest(name, folder, partition=partition)
    counted, ahead = {}, None
    if partition:
        facts = read.facts_or_refuse(store, layout, request)
        values = read.values_in(facts)
        values = values[:: max(1, -(-len(values) // SAMPLED))]
        request = replace(request, parts=values)
        counted = {"partitions_read": str(len(values))}
        # They say which copies are current, so that what is kept costs no request.
        ahead = Ahead(lambda: facts, None)
    with work.scope():
        wait = work.begin(partial(_findings, name, at))
        content = read.content(request, at, ahead)
        registered = provenance.entry(provenance.begin(store, layout, fetch.get_json)(), name)
        findings = wait()
    provenance.warn_if_stale(provenance.marks(content))
    infos = {
        partition: ColumnInfo(partition, f"The {partition} by which the table is split into files.")
    }
    infos |= {info.name: info for info in map(_column, registered.get("columns") or ())}
    rows = [
        _described_column(
            infos.get(column, ColumnInfo(column)),
            values,
            None if findings is None else findings.get(f"{name}.{column}", 0),
        )
        for column, values in zip(content.column_names, content.columns, strict=True)
    ]
    metadata = {**(content.schema.metadata or {}), "rows_read": str(content.num_rows), **counted}
    return _as_description(rows).replace_schema_metadata(metadata)


def _custom_columns(content: "pa.Table") -> "pa.Table":
    """Returns a description of a custom table's columns, of which nobody wrote the meaning."""
    pairs = zip(content.column_names, content.columns, strict=True)
    rows = [_described_column(ColumnInfo(name), values, None) for name, values in pairs]
    return _as_description(rows).replace_schema_metadata({"rows_read": str(content.num_rows)})


def _described_column(info: ColumnInfo, values: Any, findings: int | None) -> dict[str, Any]:
    return {
        "column": info.name,
        "type": info.type or kinds.name(values.type),
        "description": info.description,
        "nulls": values.null_count / len(values) if len(values) else None,
        "examples": _examples(values),
        "findings": findings,
    }


def _as_description(rows: list[dict[str, Any]]) -> "pa.Table":
    import pyarrow as pa

    text = pa.string()
    types = [text, text, text, pa.float64(), pa.list_(text), pa.int64()]
    names = ("column", "type", "description", "nulls", "examples", "findings")
    return pa.Table.from_pylist(rows, pa.schema(zip(names, types, strict=True)))


def _findings(table: str, at: Place) -> dict[str, int] | None:
    """Returns how many values of each column have a finding; None when the tables do not say."""
    words = {"column_contains": f"{table}.", "columns": ["column", "count"]}
    requests = [read_request(name, words) for name in ("document_problems", "data_asset_problems")]
    try:
        findings = work.map_ordered(lambda request: read.content(request, at), requests)
    # An older store lacks the tables or these columns; offline they may not have been read.
    except (read.AcornNotFound, read.ReadError, ValueError):
        return None
    counts: Counter[str] = Counter()
    for finding in (one for content in findings for one in content.to_pylist()):
        counts[finding["column"]] += finding["count"] or 1
    return counts


def _examples(values: "pa.ChunkedArray") -> list[str]:
    """Returns the most frequent values as text; of lists their entries, of maps their keys."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_map(values.type):
        values = pa.chunked_array([chunk.keys for chunk in values.chunks], values.type.key_type)
    if kinds.is_list(values.type):
        values = pc.list_flatten(values)
    not_null = values.drop_null()
    # Before pyarrow 26, selecting from an empty table is an error.
    if not len(not_null):
        return []
    counted = not_null.value_counts()
    order = pc.select_k_unstable(
        pa.table({"n": counted.field("counts"), "at": pa.array(range(len(counted)))}),
        k=_EXAMPLES,
        sort_keys=[("n", "descending"), ("at", "ascending")],
    )
    frequent = counted.field("values").take(order).to_pylist()
    texts = [value.isoformat() if hasattr(value, "isoformat") else str(value) for value in frequent]
    return [text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…" for text in texts]


def _status(
    name: str, entry: AcornInfo | None, facts: dict[str, Any] | None, published: datetime | None
) -> AcornStatus:
    if facts is None:
        return _from_registry(name, entry)
    state: Literal["fresh", "stale", "missing"] = "stale" if facts["state"] == "stale" else "fresh"
    reason, checked, built = facts["reason"], moment(facts["checked_at"]), moment(facts["built_at"])
    # The registry also knows the documents; it counts unless the facts changed since.
    if entry is not None and published and checked and published < checked:
        entry = None
    if not facts["source_state"]:
        state = "missing"
    elif entry is not None and state == "fresh" and entry.state == "stale":
        state, reason = "stale", entry.reason
    # A night that finds nothing changed leaves the facts as they are and publishes anew.
    rechecked = entry.checked_at if entry is not None and state == "fresh" else None
    current = [at for at in (checked, rechecked) if at]
    return AcornStatus(
        name=name,
        rows=facts["rows"],
        bytes=facts["bytes"],
        partitions=len(facts["partitions"]) if facts["partition_key"] else None,
        age=_since(max(current, default=built)),
        state=state,
        reason=reason,
        built_at=built,
    )


def _from_registry(name: str, entry: AcornInfo | None) -> AcornStatus:
    if entry is None:
        return AcornStatus(name, None, None, None, None, "missing", "never built", None)
    return AcornStatus(
        name=name,
        rows=entry.rows,
        bytes=entry.bytes,
        partitions=entry.partitions if entry.partitioned else None,
        age=_since(entry.checked_at or entry.built_at),
        state="stale" if entry.state == "stale" else "fresh",
        reason=entry.reason,
        built_at=entry.built_at,
    )


def _registry(store: Reader, layout: Layout) -> SquirrelInfo | None:
    key = layout.registry
    try:
        registry = fetch.get_json(store, key)
    except FileNotFoundError:
        return None
    try:
        return SquirrelInfo(
            acorns=tuple(_acorn(entry) for entry in registry["acorns"]),
            version=registry.get("version") or layout.version,
            snapshot=registry.get("snapshot"),
            published_at=moment(registry.get("published_at")),
            source_state=registry.get("source_state") or {},
            expected_every_hours=registry.get("expected_every_hours"),
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise read.ReadError(
            f"{store.at(key)}: is no registry ({type(error).__name__}: {error}); publish it again "
            "with `zs build`, or tell who keeps the store"
        ) from error


def _acorn(entry: dict[str, Any]) -> AcornInfo:
    key = entry.get("partition_key") or None
    return AcornInfo(
        name=entry["name"],
        description=entry.get("description") or "",
        location=entry["location"],
        partitioned=bool(entry.get("partitioned", key)),
        partition_key=key,
        type=entry.get("type") or "",
        columns=tuple(_column(column) for column in entry.get("columns") or ()),
        table=entry.get("table") or "",
        key=tuple(entry.get("key") or ()),
        built_at=moment(entry.get("built_at")),
        checked_at=moment(entry.get("checked_at")),
        **{name: entry.get(name) for name in _UNCHANGED},
    )


_UNCHANGED = ("rows", "bytes", "sha256", "partitions", "state", "reason")


def _column(column: str | dict[str, Any]) -> ColumnInfo:
    if isinstance(column, str):
        return ColumnInfo(column)
    return ColumnInfo(
        name=column["name"],
        description=column.get("description") or "",
        type=column.get("type") or "",
        nullable=column.get("nullable", True),
    )


def _since(at: datetime | None) -> timedelta | None:
    return None if at is None else max(datetime.now(UTC) - at, timedelta())
