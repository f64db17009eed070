"""The bytes in which documents are handed to where their rows are made.

Documents of a dump are handed over as they lie there, and read where rows are made; those that
arrive as other values are handed over as JSON.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson

from zs_pipeline.catalogue import Reads
from zs_pipeline.documents import shards
from zs_pipeline.documents.shards import Fetched, Made
from zs_pipeline.shape import values as fields
from zs_pipeline.shape.problems import Problem
from zs_pipeline.shape.projection import Tree
from zs_pipeline.source.interface import version_of
from zs_pipeline.source.unread import Unread


def as_json(
    documents: Iterable[dict[str, Any]], fingerprints: Mapping[str, str | None]
) -> tuple[list[Fetched], list[Problem]]:
    """Returns (documents as JSON with their versions, findings about those that cannot be kept).

    Args:
        documents: The documents, as plain JSON.
        fingerprints: The fingerprints from the sweep, by id. The sweep may have seen another
            version than came.
    """
    fetched: list[Fetched] = []
    aside: list[Problem] = []
    for document in documents:
        fingerprint = fingerprints[document["_id"]]
        try:
            fetched.append((orjson.dumps(document), version_of(document), fingerprint))
        except orjson.JSONEncodeError as error:
            # It reads 1,024 levels and writes 254.
            reason = f"cannot be kept as JSON: {error}; set aside"
            name = fields.text(document.get("name"))
            aside.append(Problem(document["_id"], name, "", reason, "error"))
    return fetched, aside


def rows_of_unread(
    tree: Tree,
    reads: Reads,
    documents: Sequence[Fetched | tuple[Unread, str | None]],
    aside: list[Problem],
    missing: list[str],
) -> Made:
    """Returns what `shards.rows` does, for documents as they lie in a source.

    Args:
        tree: The paths that the source reads of a document.
        reads: See `shards.rows`.
        documents: The documents, unread with their fingerprints, or as JSON.
        aside: See `shards.rows`.
        missing: See `shards.rows`.

    Raises:
        SourceError: The source changed while it was read.
    """
    pairs = [pair for pair in documents if isinstance(pair[0], Unread)]
    ready = [fetched for fetched in documents if not isinstance(fetched[0], Unread)]
    fingerprints = {document.id: fingerprint for document, fingerprint in pairs}
    # One document at a time is held as Python objects.
    fetched, unfit = as_json((document.read(tree) for document, _ in pairs), fingerprints)
    return shards.rows(reads, [*fetched, *ready], [*aside, *unfit], missing)
