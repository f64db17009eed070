"""data_asset_problems: what contradicts itself in a data asset's metadata, or between data assets.

What could not be read in a document is in document_problems; nothing is corrected in either.
"""

import re
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from zs_pipeline import arrow
from zs_pipeline.declaration import (
    Acorn,
    ByDocument,
    Column,
    Expected,
    OfId,
    Read,
    TableRead,
    Tables,
)
from zs_pipeline.fields import part, text, time

ERROR, WARNING, NOTE = "error", "warning", "note"

_SUBJECT = "data_description.subject_id"
_SOURCE = "data_description.source_data"
_TIME = re.compile(r"(?<!\d)\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d(?!\d)", re.ASCII)
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_HOUR = 3_600_000_000
# Names hold the time in Seattle, 7 or 8 hours behind UTC, and those of some instruments UTC.
_BEHIND = 8 * _HOUR
_DAY = 24 * _HOUR
_SHOWN = 5
_BEGAN, _ENDED = "acquisition_start_time", "acquisition_end_time"
_COLUMNS = ("name", "location", "data_level", _BEGAN, _ENDED)

Finding = tuple[str, str, str]


def rows(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """What is wrong in one document and no other table has the values for."""
    described = text(part(document, _SUBJECT))
    subject = text(part(document, "subject.subject_id"))
    if described is None or described == subject:
        return
    reason, severity = (
        (f"is {described!r}, and subject.subject_id is {subject!r}, which the tables use", ERROR)
        if subject is not None
        else (
            f"is {described!r}, and there is no subject.subject_id, so the tables have none",
            WARNING,
        )
    )
    yield {
        "_id": document["_id"],
        "name": text(document.get("name")),
        "field": _SUBJECT,
        "reason": reason,
        "severity": severity,
    }


def finish(table: pa.Table, tables: Tables) -> pa.Table:
    """The findings of `rows`, and those that need the tables.

    Args:
        table: The findings of `rows`; others, of an earlier build, are made anew.
        tables: asset_basics, and source_data for which of them names which source.
    """
    asset_basics, source_data = tables["asset_basics"], tables["source_data"]
    sources: dict[str, list[str | None]] = defaultdict(list)
    for name, source in arrow.values(source_data, "name", "source_data"):
        sources[name].append(source)
    given = arrow.column(asset_basics, "name")
    counted = given.value_counts()
    twice = counted.field("values").filter(pc.greater(counted.field("counts"), 1))
    ids: dict[str | None, list[str]] = defaultdict(list)
    for one, name in arrow.values(asset_basics.filter(pc.is_in(given, twice)), "_id", "name"):
        ids[name].append(one)
    named = source_data["source_data"].unique()
    there = set(named.filter(pc.is_in(named, given)).to_pylist())
    found = []
    names = ("_id", *_COLUMNS)
    for values in arrow.values(asset_basics, *names):
        row = dict(zip(names, values, strict=True))
        for field, reason, severity in _findings(row, sources, ids, there):
            found.append((row["_id"], row["name"], field, reason, severity))
    own = table.filter(pc.equal(table["field"], _SUBJECT))
    arrays = [pa.array(values, pa.string()) for values in zip(*found, strict=True)]
    return pa.concat_tables(
        [own, pa.Table.from_arrays(arrays, schema=table.schema)] if found else [own]
    )


def _findings(
    row: dict[str, Any],
    sources: dict[str, list[str | None]],
    ids: dict[str | None, list[str]],
    there: set[str | None],
) -> Iterator[Finding]:
    """What is wrong with one data asset.

    Args:
        row: Of asset_basics.
        sources: What each derived data asset names.
        ids: The documents of each name that several have.
        there: The named sources that are a document's name.
    """
    name = row["name"]
    if name is None:
        return
    others = len(ids[name]) - 1 if name in ids else 0
    if others:
        some = [one for one in ids[name][: _SHOWN + 1] if one != row["_id"]][:_SHOWN]
        shown = ", ".join(some) + (" and more" if others > _SHOWN else "")
        count = "another document" if others == 1 else f"{others:,} other documents"
        yield "name", f"is also the name of {count}: {shown}", ERROR
    yield from _of_sources(row, sources.get(name), there)
    yield from _of_location(name, row["location"])
    yield from _of_times(row, derived=name in sources)


def _of_sources(
    row: dict[str, Any], named: list[str | None] | None, there: set[str | None]
) -> Iterator[Finding]:
    for source in named or ():
        if source is None:
            yield _SOURCE, "names no source, though the data asset is derived", WARNING
        elif source == row["name"]:
            yield _SOURCE, "names the data asset itself as its source", ERROR
        elif source not in there:
            yield _SOURCE, f"names {source!r}, which no document has as its name", WARNING
    given = [source for source in named or () if source is not None]
    if given and row["data_level"] == "raw":
        yield (
            "data_description.data_level",
            f"is raw, though the data asset names a source: {given[0]!r}",
            WARNING,
        )


def _of_location(name: str, location: str | None) -> Iterator[Finding]:
    last = location.rstrip("/").rsplit("/", 1)[-1] if location else name
    if last == name:
        return
    # Code Ocean keeps what it captured under an id of its own.
    own = _UUID.fullmatch(last) is not None
    yield (
        "location",
        f"ends in {'an id of Code Ocean' if own else 'another name'}, {last!r}",
        NOTE if own else WARNING,
    )


def _of_times(row: dict[str, Any], *, derived: bool) -> Iterator[Finding]:
    began, ended = row[_BEGAN], row[_ENDED]
    if began is None:
        return
    if ended is not None and ended < began:
        reason = f"is {_shown(ended)}, before the acquisition began at {_shown(began)}"
        yield f"acquisition.{_ENDED}", reason, ERROR
        ended = None
    written = _written_time(row["name"], derived=derived)
    if written is None:
        return
    named = time(f"{written[:10]}T{written[11:].replace('-', ':')}Z")
    if named is None:
        return
    if began > named + _BEHIND + _DAY or (ended or began) < named - _DAY:
        reason = (
            f"is {_shown(began)}, and the acquisition lies over a day from the time in the name, "
            f"{written}, be that UTC or Seattle's"
        )
        yield f"acquisition.{_BEGAN}", reason, WARNING


def _written_time(name: str, *, derived: bool) -> str | None:
    """The acquisition's time in a name; the last time in a derived one is the processing's."""
    times: list[str] = _TIME.findall(name)
    if derived and times and name.endswith(times[-1]):
        times.pop()
    return times[0] if times else None


def _shown(at: int) -> str:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at)
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


ACORN = Acorn(
    name="data_asset_problems",
    description=(
        "What in the metadata of data assets contradicts itself or other data assets, one row per "
        "finding, for those who look after them. Join asset_basics on _id."
    ),
    type="metadata",
    key=(),
    order=("severity", "name", "_id", "field", "reason"),
    may_shrink=True,
    kind=ByDocument(
        rows=rows,
        reuse=OfId(),
        finish=finish,
        reads=(
            Read("data_description.subject_id", Expected.TEXT),
            Read("subject.subject_id", Expected.SUBJECT),
        ),
        tables=(
            TableRead("asset_basics", ("_id", *_COLUMNS)),
            TableRead("source_data", ("name", "source_data")),
        ),
    ),
    columns=(
        Column("_id", "string", "The document's id."),
        Column("name", "string", "The data asset's name; null when it has none."),
        Column("field", "string", "Where the value in question stands in the document, dotted."),
        Column(
            "reason", "string", "What is wrong with it, after the field's name.", nullable=False
        ),
        Column(
            "severity",
            "string",
            "error when the tables or joins are wrong by it, warning when it is likely wrong, note "
            "when some programs leave it so.",
            nullable=False,
        ),
    ),
)
