"""metadata_upgrade: the outcome of the upgrade of each document of the old database.

The upgrader writes the custom table, one row for each document and run or for its last run alone;
only earlier rows of this table, and other copies of the custom table, have the other runs.
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
# pandas writes missing values as None or NaN, and `str` made words of them.
_NOTHING = ("None", "nan", "NaN", "NaT", "<NA>")
_NAMES = ("name", "project_name", "data_level")
_VERSION = re.compile(r"\d+(\.\d+)+\w*")
_NUMBERS = re.compile(r"\d+(\.\d+)*", re.ASCII)


def rows(
    custom: pa.Table,
    tables: Tables,
    before: pa.Table | None,
    old: OldDocuments,
    others: Sequence[pa.Table] = (),
) -> pa.Table:
    """Returns one row for each document of the old database that the upgrader has met.

    Args:
        custom: The upgrader's table, the copy that was written last.
        tables: asset_basics, the documents of the new database.
        before: The rows of the last build, also of an earlier version; None the first time.
        old: Gives documents of the old database by `_id`. Called once, for the documents alone
            whose names neither `asset_basics` nor `before` has.
        others: Other copies, the earliest first; they make no row, and their runs are remembered.

    Raises:
        arrow.InvalidTable: The upgrader's table lacks a column that every row needs.
    """
    runs = _runs(custom)
    former = _former(before)
    current = _named_documents(
        tables["asset_basics"], {of_document[-1]["v2_id"] for of_document in runs.values()}
    )
    names: dict[str, dict[str, Any]] = {}
    for document_id, (*_, last) in runs.items():
        row = former.get(document_id)
        if last["v2_id"] in current:
            names[document_id] = current[last["v2_id"]]
        elif row and row["name"] and row["last_modified"] == last["last_modified"]:
            names[document_id] = row
    unnamed_ids = sorted(runs.keys() - names.keys())
    if unnamed_ids:
        names |= {str(document["_id"]): _names(document) for document in old(unnamed_ids)}
    names = former | names
    remembered = _remembered(before, former, others)
    rows = (_row(i, of_document, names.get(i, {}), remembered) for i, of_document in runs.items())
    return arrow.table(ACORN, rows)


def written(table: pa.Table) -> int | None:
    """Returns the time of the latest run, else of the latest change of a document in the table."""
    for name in ("upgrade_datetime", "last_modified"):
        times: list[int] = [at for at in _values(table, name) if at is not None]
        if times:
            return max(times)
    return None


def _remembered(
    before: pa.Table | None, former: dict[str, dict[str, Any]], others: Sequence[pa.Table]
) -> list[dict[str, dict[str, Any]]]:
    """Returns the statuses by version by document of former rows and other copies, earliest first.

    Former rows are as old as the copy that they were made from.
    """
    former_time = (before is not None and written(before)) or 0
    copies = [
        (written(other) or 0, {i: _statuses(runs) for i, runs in _runs(other).items()})
        for other in others
        if not _missing(other)
    ]
    return [
        *(statuses for time, statuses in copies if time <= former_time),
        {document_id: row["statuses"] for document_id, row in former.items()},
        *(statuses for time, statuses in copies if time > former_time),
    ]


def _statuses(runs: list[dict[str, Any]]) -> dict[str, Any]:
    return {run["upgrader_version"]: run["status"] for run in runs if run["upgrader_version"]}


def _row(
    document_id: str,
    runs: list[dict[str, Any]],
    names: dict[str, Any],
    remembered: list[dict[str, dict[str, Any]]],
) -> dict[str, Any]:
    statuses: dict[str, Any] = {}
    for by_document in remembered:
        statuses |= by_document.get(document_id, {})
    statuses |= _statuses(runs)
    return {
        "_id": document_id,
        **{name: names.get(name) for name in _NAMES},
        **{name: runs[-1][name] for name in ("v2_id", "upgrader_version", "status", *_TIMES)},
        "status_by_version": sorted(statuses.items(), key=lambda s: _order(s[0])),
    }


def _runs(custom: pa.Table) -> dict[str, list[dict[str, Any]]]:
    """Returns the runs of each document, sorted by time, then version, then order in the table."""
    missing = _missing(custom)
    if missing:
        raise arrow.InvalidTable(
            f"metadata_upgrade: the custom table {CUSTOM_TABLE} has no column "
            f"{', '.join(missing)}; it has {', '.join(custom.schema.names)}"
        )
    columns = {name: _values(custom, name) for name in _COLUMNS}
    runs: dict[str, list[dict[str, Any]]] = {}
    for values in zip(*columns.values(), strict=True):
        run = dict(zip(columns, values, strict=True))
        document_id = run.pop("v1_id")
        if document_id is not None:
            runs.setdefault(document_id, []).append(run)
    for of_document in runs.values():
        of_document.sort(
            key=lambda run: (
                run["upgrade_datetime"] or 0,
                _order(run["upgrader_version"] or ""),
            )
        )
    return runs


def _order(version: str) -> tuple[Any, ...]:
    """Returns the sort key of a version of the upgrader; `0.18.0rc1` comes just before `0.18.0`."""
    numbers = _NUMBERS.match(version)
    end = numbers.end() if numbers else 0
    return version_order(version[:end]), end == len(version), version


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
        # A time without a zone is UTC, as everywhere; the table has no nanoseconds.
        column = column.cast(pa.timestamp("us", tz="UTC"), safe=False).cast(pa.int64())
        return list(column.to_pylist())
    return [time(value) for value in column.to_pylist()]


def _former(before: pa.Table | None) -> dict[str, dict[str, Any]]:
    """Returns the rows of an earlier build, by `_id`; 0.28.6 has a column for each version."""
    if before is None or "_id" not in before.schema.names:
        return {}
    versions = [name for name in before.schema.names if _VERSION.fullmatch(name)]
    names = ("_id", *_NAMES, "last_modified", *versions)
    columns = [_values(before, name) for name in names]
    maps = (
        before["status_by_version"].to_pylist()
        if "status_by_version" in before.schema.names
        else [None] * before.num_rows
    )
    rows = {}
    for values, by_version in zip(zip(*columns, strict=True), maps, strict=True):
        row = dict(zip(names, values, strict=True))
        statuses = {version: row.pop(version) for version in versions}
        statuses = {v: status for v, status in statuses.items() if status is not None}
        row["statuses"] = statuses | dict(by_version or ())
        rows[row["_id"]] = row
    return rows


def _named_documents(asset_basics: pa.Table, ids: set[str | None]) -> dict[str, dict[str, Any]]:
    matches = pc.is_in(asset_basics["_id"], pa.array(sorted(filter(None, ids)), pa.string()))
    rows = asset_basics.select(["_id", *_NAMES]).filter(matches)
    return {row["_id"]: row for row in rows.to_pylist()}


def _names(document: dict[str, Any]) -> dict[str, Any]:
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
