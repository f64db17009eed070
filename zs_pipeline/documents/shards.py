"""The form of a shard of documents, and how its bytes become rows or files of an acorn.

All functions are pure; arguments and results can be sent to another process
(`zs_pipeline.processes`). Which documents are read is decided in `zs_pipeline.tables`; where shards
lie is in `zs_pipeline.documents.state`.
"""

import hashlib
import pickle
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, groupby
from operator import itemgetter
from typing import Any, NamedTuple

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import zstandard

from zs_client.contract import encode_partition
from zs_pipeline import arrow
from zs_pipeline.catalogue import Reads
from zs_pipeline.declaration import (
    CORE,
    ENVELOPE,
    Acorn,
    ByDocument,
    ByKey,
    ByLineage,
    ByPlatform,
    Expected,
    Read,
    Row,
)
from zs_pipeline.shape import values as fields
from zs_pipeline.shape.findings import gathered
from zs_pipeline.shape.problems import Problem, check

SHARDS = 256
# All documents with the same value of this key are in one shard.
KEY = "subject_id"

# (segment, its file) for each partition; None where the partition has no rows.
Files = list[tuple[str, arrow.File | None]]


INDEX_SCHEMA = pa.schema(
    [
        pa.field("_id", pa.string(), nullable=False),
        pa.field("modified", pa.string()),
        pa.field("fingerprint", pa.string()),
        pa.field("name", pa.string()),
        pa.field("subject_id", pa.string()),
        pa.field("shard", pa.int16(), nullable=False),
        pa.field("has_qc", pa.bool_(), nullable=False),
        pa.field("content", pa.string(), nullable=False),
        pa.field(
            "problems",
            # Indexes of 1.0.0 have only `field` and `reason`; the cast adds the others as null.
            pa.list_(
                pa.struct(
                    [
                        ("field", pa.string()),
                        ("reason", pa.string()),
                        ("severity", pa.string()),
                        ("column", pa.string()),
                        ("taken", pa.string()),
                        ("other", pa.string()),
                        ("count", pa.int32()),
                    ]
                )
            ),
        ),
    ]
)
SHARD = pa.schema(
    [
        *(INDEX_SCHEMA.field(name) for name in INDEX_SCHEMA.names),
        pa.field("envelope", pa.binary(), nullable=False),
        *(pa.field(core, pa.binary()) for core in CORE),
    ]
)


# (a document as JSON, `modified` and `fingerprint` from the sweep)
Fetched = tuple[bytes, str | None, str | None]


class Made(NamedTuple):
    """What was made of a batch of documents.

    Attributes:
        rows: The rows in the schema of shards, sorted by shard.
        aside: Findings about documents that were set aside.
        missing: Ids of documents that are gone.
        stored: The shards that lie in the store already, with their rows of the index; by number
            (name, rows).
    """

    rows: pa.Table
    aside: list[Problem]
    missing: list[str]
    stored: dict[int, tuple[str, pa.Table]]


def shard_of(subject_id: str | None) -> int:
    """Returns the shard of a subject's documents; those without a subject share one."""
    return hashlib.sha256((subject_id or "").encode("utf-8", "replace")).digest()[0] % SHARDS


def rows(reads: Reads, fetched: list[Fetched], aside: list[Problem], missing: list[str]) -> Made:
    """Returns the rows of documents, beside `aside` and `missing`.

    Args:
        reads: What tables read of a document; values that do not fit become findings in its row.
        fetched: The documents.
        aside: Findings about documents of the batch that were set aside.
        missing: Ids of documents of the batch that are gone.
    """
    dicts = sorted((_row(reads, *document) for document in fetched), key=lambda row: row["shard"])
    columns = [pa.array([row[field.name] for row in dicts], field.type) for field in SHARD]
    return Made(pa.Table.from_arrays(columns, schema=SHARD), aside, missing, {})


def ordered(content: pa.Table) -> pa.Table:
    """Returns a shard's rows in the order in which they are kept."""
    return content.sort_by([("subject_id", "ascending"), ("_id", "ascending")])


def _row(
    reads: Reads, body: bytes, modified: str | None, fingerprint: str | None
) -> dict[str, Any]:
    """Returns a row of a shard: the columns of the index, and the core files as JSON."""
    document = orjson.loads(body)
    envelope = {key: document[key] for key in ENVELOPE if key in document}
    subject = fields.subject_of(document)
    row: dict[str, Any] = {
        "_id": document["_id"],
        "modified": modified,
        "fingerprint": fingerprint,
        "name": fields.text(document.get("name")),
        "subject_id": subject,
        "shard": shard_of(subject),
        "has_qc": document.get("quality_control") is not None,
        "problems": _findings(document, reads),
        "envelope": orjson.dumps(envelope),
    }
    content = hashlib.blake2b(row["envelope"], digest_size=16)
    for core in CORE:
        value = document.get(core)
        row[core] = None if value is None else orjson.dumps(value)
        content.update(b"\0" + (row[core] or b""))
    row["content"] = content.hexdigest()
    return row


def _findings(document: dict[str, Any], reads: Reads) -> list[dict[str, Any]] | None:
    whole = {**dict.fromkeys(CORE), **document}
    chosen = (finding for hook in reads.findings for finding in hook(whole))
    return gathered(chain(check(document, reads), chosen)) or None


def checked_anew(reads: Reads, body: bytes) -> pa.Table | None:
    """Returns a shard with its current findings, or None where the findings did not change.

    Args:
        reads: What tables read of a document now.
        body: The shard as it lies in the store.
    """
    content = arrow.decode(body).cast(SHARD)
    old = content["problems"].to_pylist()
    new = [_findings(document, reads) for document in parse(body, CORE)]
    if list(map(_in_order, old)) == list(map(_in_order, new)):
        return None
    field = SHARD.field("problems")
    return content.set_column(SHARD.get_field_index("problems"), field, pa.array(new, field.type))


def _in_order(findings: list[dict[str, Any]] | None) -> list[list[str]]:
    return sorted([str(value) for value in finding.values()] for finding in findings or ())


def runs(values: list[int]) -> Iterator[tuple[int, int, int]]:
    """Yields (value, start, end) of each run of equal values."""
    start = 0
    for at in range(1, len(values) + 1):
        if at == len(values) or values[at] != values[start]:
            yield values[start], start, at
            start = at


def cores(reads: Iterable[Read]) -> tuple[set[str], set[str]]:
    """Returns (core files whose content is read, core files of which only presence is read)."""
    core_reads = [read for read in reads if read.steps[0] in CORE]
    inside = {read.steps[0] for read in core_reads if read.expected is not Expected.PRESENCE}
    return inside, {read.steps[0] for read in core_reads} - inside


def parse(
    body: bytes, inside: Iterable[str], there: Iterable[str] = (), *, ids: pa.Array | None = None
) -> Iterator[dict[str, Any]]:
    """Parse the documents of a shard one by one: as JSON they take a tenth of the memory.

    Args:
        body: The shard as it lies in the store.
        inside: The core files to parse.
        there: Core files that become `{}` when present and None when absent.
        ids: The documents to parse; all when None.

    Yields:
        The documents in the order of the shard, with the envelope's keys and those core files.
    """
    content = arrow.decode(body, ["_id", "envelope", *inside, *there])
    if ids is not None and len(ids) != content.num_rows:
        content = content.filter(pc.is_in(content["_id"], ids))
    values = [(core, content[core].to_pylist()) for core in inside]
    valid = [(core, content[core].is_valid().to_pylist()) for core in there]
    for at, envelope in enumerate(content["envelope"].to_pylist()):
        document: dict[str, Any] = orjson.loads(envelope)
        for core, texts in values:
            document[core] = None if texts[at] is None else orjson.loads(texts[at])
        for core, is_there in valid:
            document[core] = {} if is_there[at] else None
        yield document


def document_rows(acorn: Acorn, kind: ByDocument, body: bytes, ids: pa.Array) -> pa.Table:
    """Returns the rows of a table by document, for some documents of a shard."""
    documents = parse(body, *cores(kind.reads), ids=ids)
    return arrow.table(acorn, (row for document in documents for row in kind.rows(document)))


def subject_files(acorn: Acorn, kind: ByKey, body: bytes, ids: pa.Array, basics: pa.Table) -> Files:
    """Returns (encoded subject, file) for each subject of a table by subject.

    Args:
        acorn: The declaration.
        kind: How the table is made.
        body: The shard.
        ids: All documents of the subjects to compute.
        basics: The rows of asset_basics of these documents, in any order.
    """
    files: dict[str, arrow.File | None] = {}
    pairs = _with_basics(kind, body, ids, basics)
    # A shard is sorted by subject, so only one subject's rows are held as Python objects.
    for subject, documents in groupby(pairs, key=lambda pair: pair[1][kind.key]):
        segment = encode_partition(subject)
        rows = [row for document, basic in documents for row in kind.rows(document, basic)]
        if segment in files:
            raise ValueError(f"{acorn.name}: the shard of {segment} is not sorted by subject")
        files[segment] = arrow.file(acorn, arrow.table(acorn, rows)) if rows else None
    return sorted(files.items())


def key_rows(
    acorn: Acorn, kind: ByKey, body: bytes, ids: pa.Array, basics: pa.Table
) -> dict[str, bytes]:
    """Returns the packed rows of a table by key, by encoded value; see `subject_files`."""
    rows = (
        (fields.segment(basic[kind.key]), row)
        for document, basic in _with_basics(kind, body, ids, basics)
        for row in kind.rows(document, basic)
    )
    return _packed(acorn, rows)


def platform_rows(
    acorn: Acorn, kind: ByPlatform, body: bytes, ids: pa.Array, basics: pa.Table
) -> dict[str, bytes]:
    """Returns the packed rows of a table by platform, by platform; see `subject_files`."""
    pairs = _with_basics(kind, body, ids, basics)
    rows = (dict(row) for document, basic in pairs for row in kind.rows(document, basic))
    return _packed(acorn, ((str(row.pop(kind.column)), row) for row in rows))


# What a document is in a partition, and its rows.
Placed = tuple[Row, Sequence[Row]]


def lineage_files(acorn: Acorn, kind: ByLineage, body: bytes, places: pa.Table) -> Files:
    """Returns (encoded origin, file) for each origin whose documents all lie in a shard.

    Args:
        acorn: The declaration.
        kind: How the table is made.
        body: The shard.
        places: The places of the documents, with their rows of asset_basics; see `ByLineage`.
    """
    files = (
        (segment, merged_file(acorn, kind, placed))
        for segment, placed in _by_origin(kind, body, places)
    )
    return sorted(files, key=itemgetter(0))


def lineage_pieces(_: Acorn, kind: ByLineage, body: bytes, places: pa.Table) -> dict[str, bytes]:
    """Returns the places and rows of a shard's documents, packed, by encoded origin."""
    return {
        segment: zstandard.compress(pickle.dumps(placed), 1)
        for segment, placed in _by_origin(kind, body, places)
    }


def files_of_pieces(
    acorn: Acorn, kind: ByLineage, pieces: Sequence[tuple[str, Sequence[bytes]]]
) -> Files:
    """Returns (encoded origin, file) of what `lineage_pieces` returned for several shards."""
    return [
        (segment, merged_file(acorn, kind, [p for body in bodies for p in _unpacked(body)]))
        for segment, bodies in pieces
    ]


def merged_file(acorn: Acorn, kind: ByLineage, placed: Iterable[Placed]) -> arrow.File | None:
    """Returns the file of a partition; None where it has no rows.

    Documents of several origins share a partition where these are no name of one.
    """
    by_origin: dict[Any, list[Placed]] = defaultdict(list)
    for place, of_document in placed:
        origin = place[kind.column]
        by_origin[(origin,) if origin is not None else place["_id"]].append((place, of_document))
    merged = map(kind.merge, (by_origin[key] for key in sorted(by_origin, key=str)))
    rows = list(chain.from_iterable(merged))
    return arrow.file(acorn, arrow.table(acorn, rows)) if rows else None


def _by_origin(
    kind: ByLineage, body: bytes, places: pa.Table
) -> Iterator[tuple[str, list[Placed]]]:
    """Yields the places and rows of a shard's documents by encoded origin, each when whole."""
    by_id: dict[str, list[tuple[str, dict[str, Any]]]] = defaultdict(list)
    names = places.schema.names
    left: Counter[str] = Counter()
    for values in arrow.values(places, *names):
        place = dict(zip(names, values, strict=True))
        segment = fields.segment(place[kind.column])
        by_id[place["_id"]].append((segment, place))
        left[segment] += 1
    gathered_rows: dict[str, list[Placed]] = defaultdict(list)
    # A shard is sorted by subject, and so are most origins: few wait for their last document.
    for document in parse(body, *cores(kind.reads), ids=pa.array(by_id, pa.string())):
        of_document = by_id.pop(document["_id"])
        rows = list(kind.rows(document, of_document[0][1]))
        for segment, place in of_document:
            gathered_rows[segment].append((place, rows))
            left[segment] -= 1
            if not left[segment]:
                yield segment, gathered_rows.pop(segment)
    if by_id:
        raise ValueError(f"the shard lacks documents that the index has: {sorted(by_id)[:5]}")


def _unpacked(body: bytes) -> list[Placed]:
    placed: list[Placed] = pickle.loads(zstandard.decompress(body))  # noqa: S301 - see spools
    return placed


def _packed(acorn: Acorn, rows: Iterable[tuple[str, Row]]) -> dict[str, bytes]:
    by_value: dict[str, list[Row]] = defaultdict(list)
    for value, row in rows:
        by_value[value].append(row)
    return {value: arrow.pack(arrow.table(acorn, group)) for value, group in by_value.items()}


def _with_basics(
    kind: ByKey | ByPlatform, body: bytes, ids: pa.Array, basics: pa.Table
) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Yields each document with its row of asset_basics; times are microseconds since 1970."""
    names = basics.schema.names
    dicts = (dict(zip(names, values, strict=True)) for values in arrow.values(basics, *names))
    rows = {row["_id"]: row for row in dicts}
    for document in parse(body, *cores(kind.reads), ids=ids):
        yield document, rows[document["_id"]]
