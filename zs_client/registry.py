"""The registry of a version, and how each acorn of it stands.

Both are told by the pipeline in `squirrel.json` and `<table>.json`; nothing is counted here.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from zs_client import fetch, kinds, night, provenance, read, work
from zs_client.acorns import TABLES, find, read_request
from zs_client.contract import Layout
from zs_client.night import moment
from zs_client.place import Place, reading, resolve, resolve_current
from zs_client.read import ReadRequest
from zs_client.store import Reader

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

# Of a table by subject or platform so many partitions are read to describe it.
SAMPLED = 32
_EXAMPLES, _LONGEST = 3, 80


@dataclass(frozen=True)
class ColumnInfo:
    """A column of an acorn.

    Attributes:
        name: Its name.
        description: What the value means; empty where an old registry has none.
        type: As in `zs_client.contract.TYPES`; empty where an old registry has none.
        nullable: Whether it may be null.
    """

    name: str
    description: str = ""
    type: str = ""
    nullable: bool = True


@dataclass(frozen=True)
class AcornInfo:
    """What the registry says about an acorn; None, empty or blank where an old one says nothing.

    Attributes:
        name: The acorn's name.
        description: What a row is and how to join it.
        location: Its file, or its folder with a slash at the end when it is partitioned.
        partitioned: Whether it is split into files.
        partition_key: By which column; None when it is not partitioned.
        type: `metadata` (may be loaded whole), `asset` or `platform`.
        columns: In the file's order.
        table: Its name in the store.
        key: The columns that together occur once.
        rows: How many rows.
        bytes: How many bytes of parquet.
        sha256: Of its file; of the names and digests of its files when it is partitioned.
        partitions: How many files when it is partitioned, else 0.
        built_at: When its content last changed.
        checked_at: When it was last looked at.
        state: `fresh`, or `stale` while it stays on earlier content.
        reason: Why it is stale.
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
        acorns: Those that are there.
        version: The version.
        snapshot: The id of this published state; None in an old registry.
        published_at: When it was published; None in an old registry.
        source_state: What the acorns were made from.
        expected_every_hours: How often a schedule publishes here; None when none is known to.
    """

    acorns: tuple[AcornInfo, ...]
    version: str
    snapshot: str | None = None
    published_at: datetime | None = None
    source_state: Mapping[str, Any] = field(default_factory=dict)
    expected_every_hours: float | None = None


@dataclass(frozen=True)
class AcornStatus:
    """How an acorn stands.

    Attributes:
        name: The acorn's name.
        rows: How many rows; None when that is not told.
        bytes: How many bytes of parquet; None when that is not told.
        partitions: How many files; None when it is not partitioned or that is not told.
        age: Since it was last known to be as the documents are; since it was last looked at when it
            is stale; None when that is not told.
        state: `fresh`, `stale` or `missing`.
        reason: Why it is stale or missing.
        built_at: When its content last changed; None when that is not told.
        night: `publishing since …`, or `failed at …` with the reasons, while the tables as a whole
            are not known to be fresh; None when the last night ended well or that is not told.
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


def get_squirrel_info(*, snapshot: str | None = None, offline: bool | None = None) -> SquirrelInfo:
    """The registry of the version that the functions read.

    Args:
        snapshot: Read what was published then, an id of `snapshots()`; else `ZS_SNAPSHOT`.
        offline: Send nothing and read the local cache; else `ZS_OFFLINE`.

    Raises:
        AcornNotFound: This store has no such version.
        ReadError: The registry is there and cannot be read.
    """
    with reading(snapshot=snapshot, offline=offline):
        store, layout = resolve()
        found = _registry(store, layout)
        if found is None:
            raise fetch.not_found(store, layout, "the registry", layout.registry)
        return found


def status(store_url: str | Path | None = None, version: str | None = None) -> list[AcornStatus]:
    """How each acorn stands: those that this package knows, then others of the registry.

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
    listed = {acorn.name: acorn for acorn in registry.acorns} if registry else {}
    tables = {name: table for name, table, _ in TABLES}
    tables |= {name: acorn.table or name for name, acorn in listed.items() if name not in tables}
    told = work.map_ordered(lambda table: fetch.facts(store, layout, table), tables.values())
    published = registry.published_at if registry else None
    if registry is None and not any(told) and fetch.is_too_deep(store):
        raise fetch.not_found(store, layout, "the registry", layout.registry)
    found = [
        _status(name, listed.get(name), facts, published)
        for name, facts in zip(tables, told, strict=True)
    ]
    every = registry.expected_every_hours if registry else None
    late = every and any(_is_late(one, every) for one in found)
    if not every or not late or not provenance.is_newest(store, layout, fetch.get_json):
        return found
    return [_aged(one, every) if _is_late(one, every) else one for one in found]


def _is_late(one: AcornStatus, every: float) -> bool:
    return one.state == "fresh" and one.age is not None and provenance.is_late(one.age, every)


def _aged(one: AcornStatus, every: float) -> AcornStatus:
    reason = provenance.lateness(one.age or timedelta(), every)
    return replace(one, state="stale", reason=reason)


def describe(
    table: str,
    store_url: str | Path | None = None,
    version: str | None = None,
    *,
    snapshot: str | None = None,
    offline: bool | None = None,
) -> "pd.DataFrame":
    """What the columns of a table are, one row per column.

    Of a table by subject or platform, nulls and examples are those of 32 partitions, spread over
    all of them; `attrs["rows_read"]` and `attrs["partitions_read"]` tell of how much.

    Args:
        table: The table, by the acorn's name.
        store_url: The store; else as the functions take it from `ZS_STORE` and `FOREST_TYPE`.
        version: The version; else `ZS_VERSION`, else that of this package.
        snapshot: Read what was published then, an id of `snapshots()`; else `ZS_SNAPSHOT`.
        offline: Send nothing and read the local cache; else `ZS_OFFLINE`.

    Returns:
        `column`, `type` (as in the registry), `description`, `nulls` (the share of rows, 0 to 1;
        null without rows), `examples`, a list with the most frequent values as text, and
        `findings`: how many values of the whole table were chosen between readings, contradict
        others or could not be read, as document_problems and data_asset_problems have them; null
        where those do not tell.

    Raises:
        AcornNotFound: There is no such table; the message names those that there are.
        ReadError: It is there and cannot be read.
    """
    with reading(snapshot=snapshot, offline=offline):
        content = described(table, resolve(store_url, version))
    found = read.frame(content, table)
    found.attrs = provenance.marks(content)
    read_of = content.schema.metadata
    for key in ("rows_read", "partitions_read"):
        if key.encode() in read_of:
            found.attrs[key] = int(read_of[key.encode()])
    return found


def described(table: str, at: Place) -> "pa.Table":
    """As `describe`, of a store and version, as Arrow."""
    import pyarrow as pa

    store, layout = at
    name, folder, partition = find(table)
    wanted = ReadRequest(name, folder, partition=partition)
    counted = {}
    if partition:
        parts = read.partition_values(store, layout, wanted)
        parts = parts[:: max(1, -(-len(parts) // SAMPLED))]
        wanted = replace(wanted, parts=parts)
        counted = {"partitions_read": str(len(parts))}
    content = read.content(wanted, at)
    provenance.warn_if_stale(provenance.marks(content))
    listed = provenance.entry(provenance.begin(store, layout, fetch.get_json)(), name)
    told = {c.name: c for c in (_column(each) for each in listed.get("columns") or ())}
    findings = _findings(name, at)
    rows = [
        {
            "column": column.name,
            "type": (told[column.name].type if column.name in told else "")
            or kinds.name(column.type),
            "description": told[column.name].description
            if column.name in told
            else f"The {column.name} by which the table is split into files."
            if column.name == partition
            else "",
            "nulls": values.null_count / len(values) if len(values) else None,
            "examples": _examples(values),
            "findings": None if findings is None else findings.get(f"{name}.{column.name}", 0),
        }
        for column, values in zip(content.schema, content.columns, strict=True)
    ]
    text = pa.string()
    types = [text, text, text, pa.float64(), pa.list_(text), pa.int64()]
    names = ("column", "type", "description", "nulls", "examples", "findings")
    schema = pa.schema(zip(names, types, strict=True))
    metadata = {**(content.schema.metadata or {}), "rows_read": str(content.num_rows), **counted}
    return pa.Table.from_pylist(rows, schema).replace_schema_metadata(metadata)


def _findings(table: str, at: Place) -> dict[str, int] | None:
    """Returns how many values of each column of a table have a finding; None where not told."""
    counts: Counter[str] = Counter()
    for name in ("document_problems", "data_asset_problems"):
        words = {"column_contains": f"{table}.", "columns": ["column", "count"]}
        try:
            found = read.content(read_request(name, words), at)
        # A store of before has the tables without these columns, or not at all; offline they may
        # not have been read.
        except (read.AcornNotFound, read.ReadError, ValueError):
            return None
        for column, count in zip(
            *(found[key].to_pylist() for key in words["columns"]), strict=True
        ):
            counts[column] += count or 1
    return counts


def _examples(values: "pa.ChunkedArray") -> list[str]:
    """The most frequent values as text; of lists their entries, of maps their keys."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_map(values.type):
        values = pa.chunked_array([chunk.keys for chunk in values.chunks], values.type.key_type)
    if kinds.is_list(values.type):
        values = pc.list_flatten(values)
    there = values.drop_null()
    # Before pyarrow 26 the first of none is an error.
    if not len(there):
        return []
    counted = there.value_counts()
    order = pc.select_k_unstable(
        pa.table({"n": counted.field("counts"), "at": pa.array(range(len(counted)))}),
        k=_EXAMPLES,
        sort_keys=[("n", "descending"), ("at", "ascending")],
    )
    found = counted.field("values").take(order).to_pylist()
    texts = [value.isoformat() if hasattr(value, "isoformat") else str(value) for value in found]
    return [text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…" for text in texts]


def _status(
    name: str, listed: AcornInfo | None, facts: dict[str, Any] | None, published: datetime | None
) -> AcornStatus:
    if facts is None:
        return _from_registry(name, listed)
    state: Literal["fresh", "stale", "missing"] = "stale" if facts["state"] == "stale" else "fresh"
    reason, checked, built = facts["reason"], moment(facts["checked_at"]), moment(facts["built_at"])
    # The registry also knows the documents; it is heard unless the facts changed since.
    if listed is not None and published and checked and published < checked:
        listed = None
    if not facts["source_state"]:
        state = "missing"
    elif listed is not None and state == "fresh" and listed.state == "stale":
        state, reason = "stale", listed.reason
    # A night that finds nothing changed leaves the facts as they are and publishes anew.
    again = listed.checked_at if listed is not None and state == "fresh" else None
    current = [at for at in (checked, again) if at]
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


def _from_registry(name: str, listed: AcornInfo | None) -> AcornStatus:
    if listed is None:
        return AcornStatus(name, None, None, None, None, "missing", "never built", None)
    return AcornStatus(
        name=name,
        rows=listed.rows,
        bytes=listed.bytes,
        partitions=listed.partitions if listed.partitioned else None,
        age=_since(listed.checked_at or listed.built_at),
        state="stale" if listed.state == "stale" else "fresh",
        reason=listed.reason,
        built_at=listed.built_at,
    )


def _registry(store: Reader, layout: Layout) -> SquirrelInfo | None:
    key = layout.registry
    try:
        found = fetch.get_json(store, key)
    except FileNotFoundError:
        return None
    try:
        return SquirrelInfo(
            acorns=tuple(_acorn(entry) for entry in found["acorns"]),
            version=found.get("version") or layout.version,
            snapshot=found.get("snapshot"),
            published_at=moment(found.get("published_at")),
            source_state=found.get("source_state") or {},
            expected_every_hours=found.get("expected_every_hours"),
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
        **{name: entry.get(name) for name in _AS_TOLD},
    )


_AS_TOLD = ("rows", "bytes", "sha256", "partitions", "state", "reason")


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
