"""metadata_upgrade: how the upgrade of each document of the old database went.

The custom table is written by the upgrader, one row for each document and run or for its last run
alone; only earlier rows of this table, and copies of the custom table that lie elsewhere, remember
the other runs.
"""

import re
from collections.abc import Sequence
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
from zs_pipeline.shape.values import part, text, time, trimmed

CUSTOM_TABLE = "metadata_upgrade_status_prod"

_NEEDED = ("v1_id", "upgrader_version", "status")
_TIMES = ("last_modified", "upgrade_datetime")
_COLUMNS = (*_NEEDED, "v2_id", *_TIMES)
# pandas writes what is missing as None or NaN, and `str` made words of them.
_NOTHING = ("None", "nan", "NaN", "NaT", "<NA>")
_NAMES = ("name", "project_name", "data_level")
_VERSION = re.compile(r"\d+(\.\d+)+\w*")


def rows(
    custom: pa.Table,
    tables: Tables,
    before: pa.Table | None,
    old: OldDocuments,
    others: Sequence[pa.Table] = (),
) -> pa.Table:
    """One row for each document of the old database that the upgrader has met.

    Args:
        custom: The upgrader's table, the copy that was written last.
        tables: asset_basics, the documents of the new database.
        before: The rows of the last build, also of an earlier version; None the first time.
        old: Gives documents of the old database by `_id`. It is asked once, for those alone whose
            names neither `asset_basics` nor `before` tells.
        others: Other copies, the earliest first; they make no row, and their runs are remembered.

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
    remembered = _remembered(before, former, others)
    return arrow.table(
        ACORN,
        (
            _row(
                one,
                found,
                names.get(one) or former.get(one) or {},
                [statuses[one] for statuses in remembered if one in statuses],
            )
            for one, found in runs.items()
        ),
    )


def written(table: pa.Table) -> int | None:
    """Returns the time of the latest run, else of the latest change of a document it was about."""
    greatest = (
        max((one for one in _values(table, name) if one is not None), default=None)
        for name in ("upgrade_datetime", "last_modified")
    )
    return next((found for found in greatest if found is not None), None)


def _remembered(
    before: pa.Table | None, former: dict[str, dict[str, Any]], others: Sequence[pa.Table]
) -> list[dict[str, dict[str, Any]]]:
    """Returns the statuses by version by document of former rows and other copies, earliest first.

    Former rows are as old as the copy that they were made from.
    """
    own = (before is not None and written(before)) or 0
    found = [
        (written(other) or 0, {one: _statuses(runs) for one, runs in _runs(other).items()})
        for other in others
        if not _missing(other)
    ]
    return [
        *(statuses for time, statuses in found if time <= own),
        {one: row["statuses"] for one, row in former.items()},
        *(statuses for time, statuses in found if time > own),
    ]


def _statuses(runs: list[dict[str, Any]]) -> dict[str, Any]:
    return {run["upgrader_version"]: run["status"] for run in runs if run["upgrader_version"]}


def _row(
    one: str,
    found: list[dict[str, Any]],
    names: dict[str, Any],
    remembered: list[dict[str, Any]],
) -> dict[str, Any]:
    statuses: dict[str, Any] = {}
    for known in (*remembered, _statuses(found)):
        statuses |= known
    return {
        "_id": one,
        **{name: names.get(name) for name in _NAMES},
        **{name: found[-1][name] for name in ("v2_id", "upgrader_version", "status", *_TIMES)},
        "status_by_version": sorted(statuses.items(), key=lambda s: (version_order(s[0]), s[0])),
    }


def _runs(custom: pa.Table) -> dict[str, list[dict[str, Any]]]:
    """The runs of each document, the latest last: by time, by version, by place in the table."""
    missing = _missing(custom)
    if missing:
        raise arrow.InvalidTable(
            f"metadata_upgrade: the custom table {CUSTOM_TABLE} has no column "
            f"{', '.join(missing)}; it has {', '.join(custom.schema.names)}"
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


def _missing(custom: pa.Table) -> list[str]:
    return [name for name in _NEEDED if name not in custom.schema.names]


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


_WHICH = (
    "The table lies in custom/, in folders zs-v* or in folders bdc-v*; of several copies the one "
    "counts whose greatest upgrade_datetime, else greatest last_modified, else time of the object "
    "is the latest."
)
_OF_LATEST = (
    "The value in the document's latest run: by upgrade_datetime, then by upgrader_version as "
    "numbers, then by place in the table. None, nan and NaT as texts are null."
)


def _read(column: str) -> str:
    return f"{CUSTOM_TABLE}.{column}"


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
        custom=CUSTOM_TABLE,
        rows=rows,
        written=written,
        tables=(TableRead("asset_basics", ("_id", *_NAMES)),),
        # The old database has them where the present one does.
        old_reads=(
            Read("data_description.project_name", Expected.TEXT),
            Read("data_description.data_level", Expected.TEXT),
        ),
    ),
    columns=(
        Column(
            "_id",
            "string",
            "The document's id in the old database.",
            nullable=False,
            reads=(_read("v1_id"),),
            rule=f"Each v1_id of the table makes a row. {_WHICH} A row without v1_id makes none.",
            example="Two runs of one document become one row, that of the later run.",
        ),
        Column(
            "name",
            "string",
            "The data asset's name, in the present database where it is there, else in the old "
            "one; null when neither tells it.",
            reads=("asset_basics.name", "/v1:name"),
            rule=(
                "The name of the document v2_id in asset_basics. Where that is not there, the name "
                "of the document _id in the old database, which is asked once while last_modified "
                "stays the same. Without the old database it is the name of the last build."
            ),
            example="A document whose upgrade failed has the name that the old database gives it.",
        ),
        Column(
            "project_name",
            "string",
            "The project, from where the name is.",
            reads=("asset_basics.project_name", "/v1:data_description.project_name"),
            rule="As name; of the old database's text the outer blanks are removed.",
            example="` Old project ` in the old database becomes `Old project`.",
        ),
        Column(
            "data_level",
            "string",
            "raw or derived, from where the name is.",
            reads=("asset_basics.data_level", "/v1:data_description.data_level"),
            rule="As name.",
            example="`raw` stays `raw`.",
        ),
        Column(
            "v2_id",
            "string",
            "The document's id in the present database; null when the upgrade failed.",
            reads=(_read("v2_id"),),
            rule=_OF_LATEST,
            example="The text `None` becomes null.",
        ),
        Column(
            "upgrader_version",
            "string",
            "The version of the upgrader in its latest run.",
            reads=(_read("upgrader_version"), _read("upgrade_datetime")),
            rule=_OF_LATEST,
            example="Runs of `0.9.0` and `0.10.0` without times become `0.10.0`.",
        ),
        Column(
            "last_modified",
            "time",
            "When the document in the old database was last changed before that run.",
            reads=(_read("last_modified"),),
            rule=f"{_OF_LATEST} A time without a zone is UTC; one that cannot be read is null.",
            example="`2025-10-01 05:00:00-07:00` becomes 12:00 UTC of that day.",
        ),
        Column(
            "status",
            "string",
            "How that run ended, such as success or failed.",
            reads=(_read("status"),),
            rule=_OF_LATEST,
            example="`success` stays `success`.",
        ),
        Column(
            "upgrade_datetime",
            "time",
            "When that run was; null when the upgrader did not tell.",
            reads=(_read("upgrade_datetime"),),
            rule=f"{_OF_LATEST} A time without a zone is UTC; one that cannot be read is null.",
            example="A custom table without the column gives null in each row.",
        ),
        Column(
            "status_by_version",
            "{string: string}",
            "How the latest run of each version of the upgrader ended, by version; also those runs "
            "that the upgrader has forgotten.",
            reads=(
                *(_read("upgrader_version"), _read("status")),
                "metadata_upgrade.status_by_version",
            ),
            rule=(
                "For each version the status in the copy that makes the rows; of versions that it "
                "does not have, the status in the other copies and in the rows of the last build, "
                "of which the later counts. Versions are in the order of their numbers."
            ),
            example=(
                "With `0.14.0` failed in a copy that was left behind and `0.17.14` success in the "
                "one of today it becomes `{0.14.0: failed, 0.17.14: success}`."
            ),
        ),
    ),
)
