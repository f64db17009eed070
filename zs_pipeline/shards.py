"""From the bytes of one shard of documents to rows of an acorn, or to the files that they make.

Pure, and all that goes in and out can be sent to another process (`zs_pipeline.processes`). Which
shards and documents are looked at is decided in `zs_pipeline.tables`; where shards lie is in
`zs_pipeline.documents`.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import orjson
import pyarrow as pa

from zs_client.contract import Acorn, encode_partition
from zs_pipeline import arrow
from zs_pipeline.problems import CORE

# What a file has of a partition that has rows, None where it has none.
Files = list[tuple[str, arrow.File | None]]


def cores(acorn: Acorn) -> tuple[set[str], set[str]]:
    """The core files that an acorn looks into, and those of which it asks whether they are there.

    A path `<core>.object_type` alone asks just that.
    """
    paths = {tuple(path.split(".", 1)) for path in acorn.fields}
    inside = {core for core, *rest in paths if core in CORE and rest != ["object_type"]}
    return inside, {core for core, *_ in paths if core in CORE} - inside


def parse(
    body: bytes, inside: Iterable[str], there: Iterable[str] = (), *, ids: pa.Array | None = None
) -> list[dict[str, Any]]:
    """The documents of a shard.

    Args:
        body: The shard, as it lies in the store.
        inside: The core files to parse.
        there: The core files that are `{}` when they are there and None when not.
        ids: Only these documents; all when None.

    Returns:
        The documents in the order of the shard, with `_id`, the envelope's keys, and the core
        files that were asked for.
    """
    content = arrow.decode(body, ["_id", "envelope", *inside, *there])
    if ids is not None and len(ids) != content.num_rows:
        content = content.filter(pa.compute.is_in(content["_id"], ids))
    documents: list[dict[str, Any]] = [
        orjson.loads(envelope) for envelope in content["envelope"].to_pylist()
    ]
    for core in inside:
        for document, value in zip(documents, content[core].to_pylist(), strict=True):
            document[core] = None if value is None else orjson.loads(value)
    for core in there:
        for document, is_there in zip(documents, content[core].is_valid().to_pylist(), strict=True):
            document[core] = {} if is_there else None
    return documents


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
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for document, row in _with_basics(acorn, body, ids, basics):
        found[encode_partition(row["subject_id"])].extend(acorn.rows(document, row))
    return [
        (
            segment,
            arrow.file(acorn, arrow.arrange(acorn, arrow.table(acorn, rows))) if rows else None,
        )
        for segment, rows in sorted(found.items())
    ]


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
    times = {
        name: basics[name].cast(pa.int64()).to_pylist()
        for name, kind in zip(basics.schema.names, basics.schema.types, strict=True)
        if pa.types.is_timestamp(kind)
    }
    rows = {
        row["_id"]: {**row, **{name: values[place] for name, values in times.items()}}
        for place, row in enumerate(basics.drop_columns(list(times)).to_pylist())
    }
    for document in parse(body, *cores(acorn), ids=ids):
        yield document, rows[document["_id"]]
