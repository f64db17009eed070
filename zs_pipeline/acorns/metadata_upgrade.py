"""metadata_upgrade: how the upgrade of each document of the old database went.

The custom table is written by the upgrader, one row for each document and run or for its last run
alone; only earlier rows of this table remember the other runs.
"""

import re
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from zs_client.contract import version_order
from zs_pipeline import arrow
from zs_pipeline.declaration import (
    Acorn,
    Column,
    Expected,
    FromCustomTable,
    OldDocuments,
    Read,
    TableRead,
    Tables,
)
from zs_pipeline.fields import part, text, time, trimmed

CUSTOM = "metadata_upgrade_status_prod"

_NEEDED = ("v1_id", "upgrader_version", "status")
_TIMES = ("last_modified", "upgrade_datetime")
_COLUMNS = (*_NEEDED, "v2_id", *_TIMES)
# pandas writes what is missing as None or NaN, and `str` made words of them.
_NOTHING = ("None", "nan", "NaN", "NaT", "<NA>")
_NAMES = ("name", "project_name", "data_level")
_VERSION = re.compile(r"\d+(\.\d+)+\w*")


def rows(custom: pa.Table, tables: Tables, before: pa.Table | None, old: OldDocuments) -> pa.Table:
    """One row for each document of the old database that the upgrader has met.

    Args:
        custom: The upgrader's table.
        tables: asset_basics, the documents of the new database.
        before: The rows of the last build, also of an earlier version; None the first time.
        old: Gives documents of the old database by `_id`. It is asked once, for those alone whose
            names neither `asset_basics` nor `before` tells.

    Raises:
        arrow.InvalidTable: The upgrader's table lacks a column that every row needs.
    """
    runs = _runs(custom)
    former = _former(before)
    told = _told(
        tables["asset_basics"], {run["v2_id"] for found in runs.values() for run in found[-1:]}
    )
    names: dict[str, dict[str, Any]] = {}
    for one, found in runs.items():
        v2, known = found[-1]["v2_id"], former.get(one)
        if v2 in told:
            names[one] = told[v2]
        elif known and known["name"] and known["last_modified"] == found[-1]["last_modified"]:
            names[one] = known
    asked = sorted(runs.keys() - names.keys())
    if asked:
        names |= {str(document["_id"]): _named(document) for document in old(asked)}
    return arrow.table(
        ACORN,
        (
            _row(one, found, names.get(one) or former.get(one) or {}, former.get(one))
            for one, found in runs.items()
        ),
    )


def _row(
    one: str,
    found: list[dict[str, Any]],
    names: dict[str, Any],
    former: dict[str, Any] | None,
) -> dict[str, Any]:
    statuses = dict(former["statuses"]) if former else {}
    statuses |= {run["upgrader_version"]: run["status"] for run in found if run["upgrader_version"]}
    return {
        "_id": one,
        **{name: names.get(name) for name in _NAMES},
        **{name: found[-1][name] for name in ("v2_id", "upgrader_version", "status", *_TIMES)},
        "status_by_version": sorted(statuses.items(), key=lambda s: (version_order(s[0]), s[0])),
    }


def _runs(custom: pa.Table) -> dict[str, list[dict[str, Any]]]:
    """The runs of each document, the latest last: by time, by version, by place in the table."""
    missing = [name for name in _NEEDED if name not in custom.schema.names]
    if missing:
        raise arrow.InvalidTable(
            f"metadata_upgrade: the custom table {CUSTOM} has no column {', '.join(missing)}; it "
            f"has {', '.join(custom.schema.names)}"
        )
    columns = {name: _values(custom, name) for name in _COLUMNS}
    found: dict[str, list[dict[str, Any]]] = {}
    for values in zip(*columns.values(), strict=True):
        run = dict(zip(columns, values, strict=True))
        one = run.pop("v1_id")
        if one is not None:
            found.setdefault(one, []).append(run)
    for one in found.values():
        one.sort(
            key=lambda run: (
                run["upgrade_datetime"] or 0,
                version_order(run["upgrader_version"] or ""),
            )
        )
    return found


def _values(table: pa.Table, name: str) -> list[Any]:
    if name not in table.schema.names:
        return [None] * table.num_rows
    column = table[name]
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if name not in _TIMES:
        texts = (text(value) for value in column.to_pylist())
        return [None if value in _NOTHING else value for value in texts]
    if pa.types.is_timestamp(column.type):
        # A time without a zone is UTC, as everywhere; nanoseconds are more than is kept.
        exact = column.cast(pa.timestamp("us", tz="UTC"), safe=False)
        found: list[int | None] = exact.cast(pa.int64()).to_pylist()
        return found
    return [time(value) for value in column.to_pylist()]


def _former(before: pa.Table | None) -> dict[str, dict[str, Any]]:
    """The rows of an earlier build, by `_id`; those of 0.28.6 have a column for each version."""
    if before is None or "_id" not in before.schema.names:
        return {}
    versions = [name for name in before.schema.names if _VERSION.fullmatch(name)]
    wanted = ("_id", *_NAMES, "last_modified", *versions)
    columns = [_values(before, name) for name in wanted]
    maps = (
        before["status_by_version"].to_pylist()
        if "status_by_version" in before.schema.names
        else [None] * before.num_rows
    )
    found = {}
    for values, known in zip(zip(*columns, strict=True), maps, strict=True):
        row = dict(zip(wanted, values, strict=True))
        statuses = {version: row.pop(version) for version in versions}
        row["statuses"] = {v: s for v, s in statuses.items() if s is not None} | dict(known or ())
        found[row["_id"]] = row
    return found


def _told(asset_basics: pa.Table, wanted: set[str | None]) -> dict[str, dict[str, Any]]:
    known = pa.array(sorted(one for one in wanted if one), pa.string())
    rows = asset_basics.select(["_id", *_NAMES])
    kept = rows.filter(pc.is_in(rows["_id"], known))
    return {row["_id"]: row for row in kept.to_pylist()}


def _named(document: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": text(document.get("name")),
        "project_name": trimmed(part(document, "data_description.project_name")),
        "data_level": text(part(document, "data_description.data_level")),
    }


ACORN = Acorn(
    name="metadata_upgrade",
    description=(
        "How the upgrade of metadata from the old database (v1) to the present one (v2) went: one "
        "row per document of the old database. Join asset_basics._id on v2_id; _id is the old one."
    ),
    type="metadata",
    key=("_id",),
    order=("name", "_id"),
    kind=FromCustomTable(
        custom=CUSTOM,
        rows=rows,
        tables=(TableRead("asset_basics", ("_id", *_NAMES)),),
        # The old database has them where the present one does.
        old_reads=(
            Read("data_description.project_name", Expected.TEXT),
            Read("data_description.data_level", Expected.TEXT),
        ),
    ),
    columns=(
        Column("_id", "string", "The document's id in the old database.", nullable=False),
        Column(
            "name",
            "string",
            "The data asset's name, in the present database where it is there, else in the old "
            "one; null when neither tells it.",
        ),
        Column("project_name", "string", "The project, from where the name is."),
        Column("data_level", "string", "raw or derived, from where the name is."),
        Column(
            "v2_id",
            "string",
            "The document's id in the present database; null when the upgrade failed.",
        ),
        Column("upgrader_version", "string", "The version of the upgrader in its latest run."),
        Column(
            "last_modified",
            "time",
            "When the document in the old database was last changed before that run.",
        ),
        Column("status", "string", "How that run ended, such as success or failed."),
        Column(
            "upgrade_datetime",
            "time",
            "When that run was; null when the upgrader did not tell.",
        ),
        Column(
            "status_by_version",
            "{string: string}",
            "How the latest run of each version of the upgrader ended, by version; also those runs "
            "that the upgrader has forgotten.",
        ),
    ),
)
