"""Shards of documents: the form of one, and from its bytes to rows or files of an acorn.

Pure, and all that goes in and out can be sent to another process (`zs_pipeline.processes`). Which
documents are looked at is decided in `zs_pipeline.tables`; where shards lie is in
`zs_pipeline.documents.state`.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import chain, groupby
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from zs_client.contract import encode_partition
from zs_pipeline import arrow
from zs_pipeline.catalogue import Reads
from zs_pipeline.declaration import (
    CORE,
    ENVELOPE,
    Acorn,
    ByDocument,
    ByKey,
    ByPlatform,
    Expected,
    Read,
    Row,
)
from zs_pipeline.shape import values as fields
from zs_pipeline.shape.findings import gathered
from zs_pipeline.shape.problems import Problem, check

SHARDS = 256
# What documents lie together by: all documents of one value are in one shard.
KEY = "subject_id"

# What a file has of a partition that has rows, None where it has none.
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
            # Kept indexes have `field` and `reason` alone; cast, the others are null.
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


# A document as JSON, and what the sweep told of it: `modified` and `fingerprint`.
Fetched = tuple[bytes, str | None, str | None]


def shard_of(subject_id: str | None) -> int:
    """Returns the shard of a subject's documents; those without a subject share one."""
    return hashlib.sha256((subject_id or "").encode("utf-8", "replace")).digest()[0] % SHARDS


def rows(
    reads: Reads, fetched: list[Fetched], aside: list[Problem], missing: list[str]
) -> tuple[pa.Table, list[Problem], list[str]]:
    """Returns the rows of documents as shards keep them, sorted by shard, and the rest of a batch.

    Args:
        reads: What tables read of a document; where that does not fit is noted with it.
        fetched: The documents.
        aside: What was set aside of the same batch.
        missing: What was not there of the same batch.
    """
    found = sorted((_row(reads, *one) for one in fetched), key=lambda row: row["shard"])
    columns = [pa.array([row[field.name] for row in found], field.type) for field in SHARD]
    return pa.Table.from_arrays(columns, schema=SHARD), aside, missing


def _row(
    reads: Reads, body: bytes, modified: str | None, fingerprint: str | None
) -> dict[str, Any]:
    """Returns one row of a shard: the document's index, and its parts as JSON."""
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
    """Returns a shard with the findings that its documents have now; None where they are as kept.

    Args:
        reads: What tables read of a document now.
        body: The shard as it lies in the store.
    """
    content = arrow.decode(body).cast(SHARD)
    kept = content["problems"].to_pylist()
    found = [_findings(document, reads) for document in parse(body, CORE)]
    if all(_in_order(one) == _in_order(other) for one, other in zip(kept, found, strict=True)):
        return None
    place = SHARD.get_field_index("problems")
    return content.set_column(place, SHARD.field(place), pa.array(found, SHARD.field(place).type))


def _in_order(findings: list[dict[str, Any]] | None) -> list[list[str]]:
    return sorted([str(value) for value in finding.values()] for finding in findings or ())


def runs(values: list[int]) -> Iterator[tuple[int, int, int]]:
    """Yields each run of the same value, where it begins and where it ends."""
    start = 0
    for at in range(1, len(values) + 1):
        if at == len(values) or values[at] != values[start]:
            yield values[start], start, at
            start = at


def cores(reads: Iterable[Read]) -> tuple[set[str], set[str]]:
    """Returns the core files that reads look into, and those that they only ask to be there."""
    found = [(read.steps[0], read.expected is Expected.PRESENCE) for read in reads]
    inside = {core for core, presence in found if core in CORE and not presence}
    return inside, {core for core, _ in found if core in CORE} - inside


def parse(
    body: bytes, inside: Iterable[str], there: Iterable[str] = (), *, ids: pa.Array | None = None
) -> Iterator[dict[str, Any]]:
    """Parse the documents of a shard one after another: as JSON they take a tenth of the memory.

    Args:
        body: The shard, as it lies in the store.
        inside: The core files to parse.
        there: The core files that are `{}` when they are there and None when not.
        ids: Only these documents; all when None.

    Yields:
        The documents in the order of the shard, with `_id`, the envelope's keys, and the core
        files that were asked for.
    """
    content = arrow.decode(body, ["_id", "envelope", *inside, *there])
    if ids is not None and len(ids) != content.num_rows:
        content = content.filter(pc.is_in(content["_id"], ids))
    values = [(core, content[core].to_pylist()) for core in inside]
    valid = [(core, content[core].is_valid().to_pylist()) for core in there]
    for at, envelope in enumerate(content["envelope"].to_pylist()):
        document: dict[str, Any] = orjson.loads(envelope)
        for core, of_all in values:
            document[core] = None if of_all[at] is None else orjson.loads(of_all[at])
        for core, is_there in valid:
            document[core] = {} if is_there[at] else None
        yield document


def document_rows(acorn: Acorn, kind: ByDocument, body: bytes, ids: pa.Array) -> pa.Table:
    """Returns the rows of an acorn by document, for some documents of a shard."""
    documents = parse(body, *cores(kind.reads), ids=ids)
    return arrow.table(acorn, (row for document in documents for row in kind.rows(document)))


def subject_files(acorn: Acorn, kind: ByKey, body: bytes, ids: pa.Array, basics: pa.Table) -> Files:
    """Returns the files of an acorn by subject, by encoded subject.

    Args:
        acorn: The declaration.
        kind: How it is made.
        body: The shard.
        ids: All documents of the subjects that are looked at.
        basics: Their rows of asset_basics, in any order.
    """
    files: dict[str, arrow.File | None] = {}
    both = _with_basics(kind, body, ids, basics)
    # A shard is sorted by subject: the rows of one alone are held as Python has them.
    for subject, documents in groupby(both, key=lambda one: one[1][kind.key]):
        segment = encode_partition(subject)
        rows = [row for document, basic in documents for row in kind.rows(document, basic)]
        if segment in files:
            raise ValueError(f"{acorn.name}: the shard of {segment} is not sorted by subject")
        files[segment] = arrow.file(acorn, arrow.table(acorn, rows)) if rows else None
    return sorted(files.items())


def key_rows(
    acorn: Acorn, kind: ByKey, body: bytes, ids: pa.Array, basics: pa.Table
) -> dict[str, bytes]:
    """Returns the rows of an acorn by any key, packed, by encoded value, as `subject_files`."""
    both = _with_basics(kind, body, ids, basics)
    found = (
        (fields.segment(b[kind.key]), row) for document, b in both for row in kind.rows(document, b)
    )
    return _packed(acorn, found)


def platform_rows(
    acorn: Acorn, kind: ByPlatform, body: bytes, ids: pa.Array, basics: pa.Table
) -> dict[str, bytes]:
    """Returns the rows of an acorn by platform, packed, by platform, as `subject_files`."""
    both = _with_basics(kind, body, ids, basics)
    made = (dict(row) for document, basic in both for row in kind.rows(document, basic))
    return _packed(acorn, ((str(row.pop(kind.column)), row) for row in made))


def _packed(acorn: Acorn, rows: Iterable[tuple[str, Row]]) -> dict[str, bytes]:
    found: dict[str, list[Row]] = defaultdict(list)
    for value, row in rows:
        found[value].append(row)
    return {value: arrow.pack(arrow.table(acorn, rows)) for value, rows in found.items()}


def _with_basics(
    kind: ByKey | ByPlatform, body: bytes, ids: pa.Array, basics: pa.Table
) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Yields each document with its row of asset_basics; times are microseconds since 1970."""
    names = basics.schema.names
    made = (dict(zip(names, values, strict=True)) for values in arrow.values(basics, *names))
    rows = {row["_id"]: row for row in made}
    for document in parse(body, *cores(kind.reads), ids=ids):
        yield document, rows[document["_id"]]
