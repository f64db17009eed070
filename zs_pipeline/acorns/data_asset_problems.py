"""data_asset_problems: contradictions in a data asset's metadata, or between data assets.

document_problems has the values that could not be read; neither table corrects a value.
"""

import re
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from zs_pipeline import arrow, quality
from zs_pipeline.acorns.document_problems import MORE
from zs_pipeline.declaration import (
    Acorn,
    ByDocument,
    Column,
    Expected,
    FoldersRead,
    OfId,
    Read,
    TableRead,
    Tables,
)
from zs_pipeline.shape import findings
from zs_pipeline.shape.findings import NOTE, WARNING, gathered
from zs_pipeline.shape.values import SUBJECT_PLACES, part, subject_of, text, time, trimmed

ERROR = "error"

# The bucket of public data assets. One folder there is one data asset.
OPEN_BUCKET = "s3://aind-open-data"
_FOLDERS = "open_folders"
OTHER_SUBJECT = "is another subject than the one that the tables have"
NO_SUBJECT = "is a subject, but no place that counts gives one, so the tables have none"

_SUBJECTS = (*SUBJECT_PLACES, "acquisition.subject_id")
_SOURCE = "data_description.source_data"
_TIME = re.compile(r"(?<!\d)\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d(?!\d)", re.ASCII)
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_HOUR = 3_600_000_000
# Names hold the time in Seattle, 7 or 8 hours behind UTC, and those of some instruments UTC.
_BEHIND = 8 * _HOUR
_DAY = 24 * _HOUR
_MOST_IDS = 5
_BEGAN, _ENDED = "acquisition_start_time", "acquisition_end_time"
_COLUMNS = ("name", "location", "data_level", _BEGAN, _ENDED)

# Where the values stand that findings are about.
_CONTRADICTING = (
    *_SUBJECTS,
    "name",
    "location",
    "source_data.source_data",
    *(f"metadata_upgrade.{column}" for column in ("name", "status")),
    f"file:folders of {OPEN_BUCKET}",
    *(f"asset_basics.{column}" for column in ("data_level", _BEGAN, _ENDED)),
    quality.COPY,
)
# The field, the column that it concerns, the reason and the severity.
_Finding = tuple[str, str, str, str]
_SOURCES = "source_data.source_data"


def rows(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yields the findings of one document whose values no other table has."""
    document_keys = {"_id": document["_id"], "name": text(document.get("name"))}
    contradictions = chain(_of_subjects(document), quality.contradictions(document))
    yield from (document_keys | finding for finding in gathered(contradictions))


def _of_subjects(document: dict[str, Any]) -> Iterator[findings.Finding]:
    """Yields a finding for each path with another subject than the one that the tables have."""
    taken = subject_of(document)
    for path in _SUBJECTS:
        other = trimmed(part(document, path))
        if other is None or other == trimmed(taken):
            continue
        reason = OTHER_SUBJECT if taken else NO_SUBJECT
        severity = ERROR if taken and path in SUBJECT_PLACES else WARNING
        yield findings.Finding(path, "asset_basics.subject_id", reason, taken, other, severity)


def finish(table: pa.Table, tables: Tables) -> pa.Table:
    """Returns the findings of `rows`, and those that need the tables.

    Args:
        table: The findings of `rows`; others, of an earlier build, are made anew.
        tables: asset_basics, source_data for the sources that derived data assets name,
            metadata_upgrade for documents of the old database, and the folders of `OPEN_BUCKET`.
    """
    asset_basics, source_data = tables["asset_basics"], tables["source_data"]
    sources: dict[str, list[str | None]] = defaultdict(list)
    for name, source in arrow.values(source_data, "name", "source_data"):
        sources[name].append(source)
    names = arrow.column(asset_basics, "name")
    counts = names.value_counts()
    repeated = counts.field("values").filter(pc.greater(counts.field("counts"), 1))
    ids: dict[str | None, list[str]] = defaultdict(list)
    documents = asset_basics.filter(pc.is_in(names, repeated))
    for document_id, name in arrow.values(documents, "_id", "name"):
        ids[name].append(document_id)
    all_sources = source_data["source_data"].unique()
    known = set(all_sources.filter(pc.is_in(all_sources, names)).to_pylist())
    columns = ("_id", *_COLUMNS)
    basics = (dict(zip(columns, v, strict=True)) for v in arrow.values(asset_basics, *columns))
    rows = [
        {
            "_id": row["_id"],
            "name": row["name"],
            "field": field,
            "reason": reason,
            "severity": severity,
            "column": column,
            "count": 1,
        }
        for row in basics
        for field, column, reason, severity in _findings(row, sources, ids, known)
    ]
    rows += _of_old_documents(tables["metadata_upgrade"], names)
    rows += _of_folders(tables[_FOLDERS][_FOLDERS], asset_basics["location"])
    own_findings = table.filter(pc.is_in(table["field"], pa.array((*_SUBJECTS, quality.COPY))))
    return pa.concat_tables([own_findings, arrow.table(ACORN, rows)])


def notes(table: pa.Table, tables: Tables) -> dict[str, Any]:
    """Returns the folders that findings are about, for builds that cannot list the bucket."""
    folders = tables[_FOLDERS][_FOLDERS]
    is_of_folder = pc.and_(table["_id"].is_null(), pc.equal(table["field"], "location"))
    names = table["name"].filter(is_of_folder).combine_chunks()
    return {_FOLDERS: folders.filter(pc.is_in(folders, names)).to_pylist()}


def _of_old_documents(upgrades: pa.Table, names: pa.Array) -> Iterator[dict[str, Any]]:
    """Yields a finding for each document of the old database whose name no document has now."""
    is_lacking = pc.and_(upgrades["name"].is_valid(), pc.invert(pc.is_in(upgrades["name"], names)))
    lacking = upgrades.filter(is_lacking)
    for document_id, name, status in arrow.values(lacking, "_id", "name", "status"):
        ended = f"ended as {status!r}" if status else "has no status"
        reason = f"is that of an old document whose upgrade {ended}, and no document has it now"
        yield _finding(document_id, name, "name", "metadata_upgrade.name", reason)


def _of_folders(folders: pa.ChunkedArray, locations: pa.ChunkedArray) -> Iterator[dict[str, Any]]:
    """Yields a finding for each folder of the open bucket in which no document's location lies."""
    start = f"{OPEN_BUCKET}/"
    known = {
        location[len(start) :].partition("/")[0]
        for location in locations.to_pylist()
        if location and location.startswith(start)
    }
    for name in folders.to_pylist():
        if name not in known:
            reason = f"is {start}{name}, a folder with files, of no document in the tables"
            yield _finding(None, name, "location", "asset_basics.location", reason)


def _finding(
    document_id: str | None, name: str, field: str, column: str, reason: str
) -> dict[str, Any]:
    own = {"_id": document_id, "name": name, "field": field, "reason": reason}
    return {**own, "severity": WARNING, "column": column, "count": 1}


def _findings(
    row: dict[str, Any],
    sources: dict[str, list[str | None]],
    ids: dict[str | None, list[str]],
    known: set[str | None],
) -> Iterator[_Finding]:
    """Yields the findings of a row of asset_basics.

    `ids` has the documents of names that several have; `known` the sources that have a document.
    """
    name = row["name"]
    if name is None:
        yield from _of_times(row, derived=False)
        return
    others = len(ids[name]) - 1 if name in ids else 0
    if others:
        first_ids = [i for i in ids[name][: _MOST_IDS + 1] if i != row["_id"]][:_MOST_IDS]
        listing = ", ".join(first_ids) + (" and more" if others > _MOST_IDS else "")
        count = "another document" if others == 1 else f"{others:,} other documents"
        yield "name", "asset_basics.name", f"is also the name of {count}: {listing}", ERROR
    yield from _of_sources(row, sources.get(name) or [], known)
    yield from _of_location(name, row["location"])
    yield from _of_times(row, derived=name in sources)


def _of_sources(
    row: dict[str, Any], sources: list[str | None], known: set[str | None]
) -> Iterator[_Finding]:
    for source in sources:
        if source is None:
            reason = "names no source, though the data asset is derived"
            yield _SOURCE, _SOURCES, reason, WARNING
        elif source == row["name"]:
            yield _SOURCE, _SOURCES, "names the data asset itself as its source", ERROR
        elif source not in known:
            reason = f"names {source!r}, which no document has as its name"
            yield _SOURCE, _SOURCES, reason, WARNING
    first_source = next((source for source in sources if source is not None), None)
    if first_source is not None and row["data_level"] == "raw":
        reason = f"is raw, though the data asset names a source: {first_source!r}"
        yield "data_description.data_level", "asset_basics.data_level", reason, WARNING


def _of_location(name: str, location: str | None) -> Iterator[_Finding]:
    last = location.rstrip("/").rsplit("/", 1)[-1] if location else name
    if last == name:
        return
    # Code Ocean stores captured data assets under ids of its own.
    is_id = _UUID.fullmatch(last) is not None
    reason = f"ends in {'an id of Code Ocean' if is_id else 'another name'}, {last!r}"
    yield "location", "asset_basics.location", reason, NOTE if is_id else WARNING


def _of_times(row: dict[str, Any], *, derived: bool) -> Iterator[_Finding]:
    began, ended = row[_BEGAN], row[_ENDED]
    if began is None:
        return
    if ended is not None and ended < began:
        reason = f"is {_utc(ended)}, before the acquisition began at {_utc(began)}"
        yield f"acquisition.{_ENDED}", f"asset_basics.{_ENDED}", reason, ERROR
        ended = None
    written = _written_time(row["name"], derived=derived)
    if written is None:
        return
    named = time(f"{written[:10]}T{written[11:].replace('-', ':')}Z")
    if named is None:
        return
    if began > named + _BEHIND + _DAY or (ended or began) < named - _DAY:
        reason = (
            f"is {_utc(began)}, and the acquisition lies over a day from the time in the name, "
            f"{written}, be that UTC or Seattle's"
        )
        yield f"acquisition.{_BEGAN}", f"asset_basics.{_BEGAN}", reason, WARNING


def _written_time(name: str | None, *, derived: bool) -> str | None:
    """Returns the acquisition's time in a name; a derived name may end in the processing's."""
    times: list[str] = _TIME.findall(name or "")
    if derived and name and times and name.endswith(times[-1]):
        times.pop()
    return times[0] if times else None


def _utc(microseconds: int) -> str:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


ACORN = Acorn(
    name="data_asset_problems",
    description=(
        "What in the metadata of data assets contradicts itself or other data assets, and which "
        "data assets the metadata lack, one row per finding, for those who look after them. Join "
        "asset_basics on _id."
    ),
    type="asset",
    key=(),
    order=("severity", "name", "_id", "field", "reason"),
    may_shrink=True,
    kind=ByDocument(
        rows=rows,
        reuse=OfId(),
        finish=finish,
        reads=(
            *(Read(path, Expected.SUBJECT) for path in _SUBJECTS),
            *quality.STATUS_READS,
        ),
        tables=(
            TableRead("asset_basics", ("_id", *_COLUMNS)),
            TableRead("source_data", ("name", "source_data")),
            TableRead("metadata_upgrade", ("_id", "name", "status")),
        ),
        folders=FoldersRead(OPEN_BUCKET, _FOLDERS),
        notes=notes,
    ),
    columns=(
        Column(
            "_id",
            "string",
            "The document's id; of the old database where the present one lacks the document; null "
            "for a folder without a document.",
            reads=("_id", "metadata_upgrade._id"),
            rule="As in asset_basics, or in metadata_upgrade.",
            example="`3b3cad8f-774b-42a1-bdce-a84269078db2` stays as it is.",
        ),
        Column(
            "name",
            "string",
            "The data asset's name; null when it has none. The folder's, where no document has it.",
            reads=("name", "metadata_upgrade.name", f"file:folders of {OPEN_BUCKET}"),
            rule="As in asset_basics, or in metadata_upgrade.",
            example="`exaSPIM_675375_2024-02-27_18-50-24` stays as it is.",
        ),
        Column(
            "field",
            "string",
            "Where the value in question stands in the document, dotted.",
            reads=_CONTRADICTING,
            rule="The path of the value that contradicts another one.",
            example="An end before the start becomes `acquisition.acquisition_end_time`.",
        ),
        Column(
            "reason",
            "string",
            "What is wrong with it, after the field's name.",
            nullable=False,
            reads=_CONTRADICTING,
            rule="A sentence without its subject, which is the field. Names that several documents "
            "have, sources that no document has as its name, locations that end in another name, "
            "ends before starts, starts over a day from the time in the name, and subjects other "
            "than the one in asset_basics are told. So are names of documents that the upgrader "
            "met in the old database and no document has now, and folders directly in the open "
            "bucket in which no document's location lies; document_problems has documents that "
            "were set aside. While the bucket cannot be listed, folders that were told stay, "
            "until a document has them.",
            example="`data_description.source_data` with `gone` becomes `names 'gone', which no "
            "document has as its name`.",
        ),
        Column(
            "severity",
            "string",
            "error when the tables or joins are wrong by it, warning when it is likely wrong, note "
            "when some programs leave it so.",
            nullable=False,
            reads=_CONTRADICTING,
            rule="Each kind of finding has its own. Of two subjects, that of the data description "
            "is an error and that of the acquisition a warning.",
            example="A location that ends in an id of Code Ocean becomes `note`.",
        ),
        *MORE,
    ),
)
