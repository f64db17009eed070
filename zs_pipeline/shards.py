"""Shards of documents: the form of one, and from its bytes to rows or files of an acorn.

Pure, and all that goes in and out can be sent to another process (`zs_pipeline.processes`). Which
documents are looked at is decided in `zs_pipeline.tables`; where shards lie, and what they were
fetched for, is in `zs_pipeline.documents`.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from zs_client.contract import Acorn, encode_partition
from zs_pipeline import arrow, fields
from zs_pipeline.problems import CORE, Problem, check
from zs_pipeline.source.projection import ENVELOPE

SHARDS = 256

# What a file has of a partition that has rows, None where it has none.
Files = list[tuple[str, arrow.File | None]]


INDEX = pa.schema(
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
            pa.list_(pa.struct([("field", pa.string()), ("reason", pa.string())])),
        ),
    ]
)
SHARD = pa.schema(
    [
        *(INDEX.field(name) for name in INDEX.names),
        pa.field("envelope", pa.binary(), nullable=False),
        *(pa.field(core, pa.binary()) for core in CORE),
    ]
)


# A document as JSON, and what the sweep told of it: `modified` and `fingerprint`.
Fetched = tuple[bytes, str | None, str | None]


def shard_of(subject_id: str | None) -> int:
    """The shard that holds a subject's documents; those without a subject share one."""
    return hashlib.sha256((subject_id or "").encode("utf-8", "replace")).digest()[0] % SHARDS


def rows(
    fetched: list[Fetched], aside: list[Problem], missing: list[str]
) -> tuple[pa.Table, list[Problem], list[str]]:
    """The rows of documents as shards keep them, sorted by shard; what else came with them stays.

    Args:
        fetched: The documents.
        aside: What was set aside of the same batch.
        missing: What was not there of the same batch.
    """
    found = sorted((_row(*one) for one in fetched), key=lambda row: row["shard"])
    columns = [pa.array([row[field.name] for row in found], field.type) for field in SHARD]
    return pa.Table.from_arrays(columns, schema=SHARD), aside, missing


def _row(body: bytes, modified: str | None, fingerprint: str | None) -> dict[str, Any]:
    """One row of a shard: the document's index, and its parts as JSON."""
    document = orjson.loads(body)
    found = check(document)
    envelope = {key: document[key] for key in ENVELOPE if key in document}
    subject = fields.subject(fields.part(document, "subject.subject_id"))
    row: dict[str, Any] = {
        "_id": document["_id"],
        "modified": modified,
        "fingerprint": fingerprint,
        "name": fields.text(document.get("name")),
        "subject_id": subject,
        "shard": shard_of(subject),
        "has_qc": document.get("quality_control") is not None,
        "problems": [{"field": p.field, "reason": p.reason} for p in found] or None,
        "envelope": orjson.dumps(envelope),
    }
    content = hashlib.blake2b(row["envelope"], digest_size=16)
    for core in CORE:
        value = document.get(core)
        row[core] = None if value is None else orjson.dumps(value)
        content.update(b"\0" + (row[core] or b""))
    row["content"] = content.hexdigest()
    return row


def runs(values: list[int]) -> Iterator[tuple[int, int, int]]:
    """Each run of the same value, where it begins and where it ends."""
    start = 0
    for at in range(1, len(values) + 1):
        if at == len(values) or values[at] != values[start]:
            yield values[start], start, at
            start = at


def cores(acorn: Acorn) -> tuple[set[str], set[str]]:
    """The core files that an acorn looks into, and those of which it asks whether they are there.

    A path `<core>.object_type` alone asks just that.
    """
    paths = {tuple(path.split(".", 1)) for path in acorn.fields}
    inside = {core for core, *rest in paths if core in CORE and rest != ["object_type"]}
    return inside, {core for core, *_ in paths if core in CORE} - inside


def parse(
    body: bytes, inside: Iterable[str], there: Iterable[str] = (), *, ids: pa.Array | None = None
) -> Iterator[dict[str, Any]]:
    """The documents of a shard, one after another: as JSON they take a tenth of the memory.

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


def document_rows(acorn: Acorn, body: bytes, ids: pa.Array) -> pa.Table:
    """The rows of an acorn by document."""
    documents = parse(body, *cores(acorn), ids=ids)
    return arrow.table(acorn, (row for document in documents for row in acorn.rows(document)))


def subject_files(acorn: Acorn, body: bytes, ids: pa.Array, basics: pa.Table) -> Files:
    """The files of an acorn by subject, by encoded subject.

    Args:
        acorn: The declaration.
        body: The shard.
        ids: All documents of the subjects that are looked at.
        basics: Their rows of asset_basics, in any order.
    """
    files: dict[str, arrow.File | None] = {}
    both = _with_basics(acorn, body, ids, basics)
    # A shard is sorted by subject: the rows of one alone are held as Python has them.
    for subject, documents in groupby(both, key=lambda one: one[1]["subject_id"]):
        segment = encode_partition(subject)
        rows = [row for document, basic in documents for row in acorn.rows(document, basic)]
        if segment in files:
            raise ValueError(f"{acorn.name}: the shard of {segment} is not sorted by subject")
        files[segment] = arrow.file(acorn, arrow.table(acorn, rows)) if rows else None
    return sorted(files.items())


def platform_rows(
    acorn: Acorn, body: bytes, ids: pa.Array, basics: pa.Table
) -> Mapping[str, bytes]:
    """The rows of an acorn by platform, packed, by platform; arguments as of `subject_files`."""
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for document, basic in _with_basics(acorn, body, ids, basics):
        for row in acorn.rows(document, basic):
            found[row.pop(acorn.partition)].append(row)
    return {name: arrow.pack(arrow.table(acorn, rows)) for name, rows in found.items()}


def _with_basics(
    acorn: Acorn, body: bytes, ids: pa.Array, basics: pa.Table
) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Each document with its row of asset_basics; times are microseconds since 1970."""
    names = basics.schema.names
    made = (dict(zip(names, values, strict=True)) for values in arrow.values(basics, *names))
    rows = {row["_id"]: row for row in made}
    for document in parse(body, *cores(acorn), ids=ids):
        yield document, rows[document["_id"]]
