"""Puts files as objects where they are made, so that their bytes never come to the build's process.

Only with the workers of `ZS_ENGINE`; the objects are named and placed by
`zs_pipeline.publishing.commit`, in the build's process alone. An object that no table comes to
name, as of a refused one, is left to `zs prune`.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from zs_client import work
from zs_client.contract import Layout
from zs_pipeline import arrow, dask_engine, processes
from zs_pipeline.declaration import Acorn
from zs_pipeline.documents import shards
from zs_pipeline.publishing.facts_file import FactsFile, entries
from zs_pipeline.shape import values as fields

# Objects that a call sends to the store at a time.
PUTS = 8

# As `shards.Files`.
StoredFiles = Sequence[tuple[str, arrow.File | arrow.StoredFile | None]]


class Objects(NamedTuple):
    """Where the objects of a table lie.

    Attributes:
        url: The store's URL.
        layout: The layout of the version.
        placed: By segment, the digest of the file that is placed, and stays if it is the same.
    """

    url: str
    layout: Layout
    placed: dict[str, str]


# Returns the files of a shard's partitions, as a function of `documents.shards`.
Files = Callable[..., shards.Files]


def map_subjects(
    known: FactsFile, calls: Iterable[tuple[Any, ...]], documents: int
) -> Iterator[StoredFiles]:
    """Yields the results of `shards.subject_files`; see `processes.map_ordered`.

    Args:
        known: The table's facts.
        calls: The arguments of each call.
        documents: The number of documents in all calls.
    """
    return _map_files(known, shards.subject_files, calls, documents)


def map_lineage(
    known: FactsFile, calls: Iterable[tuple[Any, ...]], documents: int
) -> Iterator[StoredFiles]:
    """Yields the results of `shards.lineage_files`; arguments as of `map_subjects`."""
    return _map_files(known, shards.lineage_files, calls, documents)


def _map_files(
    known: FactsFile, function: Files, calls: Iterable[tuple[Any, ...]], documents: int
) -> Iterator[StoredFiles]:
    """Yields the results of a function, whose files lie in the store where workers put them."""
    if not processes.put_objects(known.store, documents):
        yield from processes.map_ordered(function, calls, documents)
        return
    # A lost file is put again, though its content is the same.
    digests = {s: entry["sha256"] for s, entry in entries(known.facts).items()}
    digests = {s: sha256 for s, sha256 in digests.items() if s not in known.lost}

    def with_objects() -> Iterator[tuple[Any, ...]]:
        for acorn, kind, *others, basics in calls:
            values = arrow.column(basics, kind.partitioning.column).unique().to_pylist()
            placed = {s: digests[s] for s in map(fields.segment, values) if s in digests}
            objects = Objects(known.store.url, known.layout, placed)
            yield function, objects, acorn, kind, *others, basics

    yield from processes.map_ordered(with_files_put, with_objects(), documents)


def with_files_put(function: Files, objects: Objects, acorn: Acorn, *others: Any) -> StoredFiles:
    """Returns what a function of `documents.shards` does, once its files lie in the store.

    Raises:
        EngineError: The store cannot be written from here.
    """

    def stored(segment: str, file: arrow.File) -> arrow.StoredFile:
        sha256, is_reused = file.sha256, True
        if objects.placed.get(segment) != sha256:
            key = objects.layout.object(acorn.table, sha256)
            is_reused = dask_engine.put_object(objects.url, key, file.body)
        return arrow.StoredFile(file.num_rows, file.size, sha256, file.values, is_reused)

    files = function(acorn, *others)
    made = [(segment, file) for segment, file in files if file]
    with work.Threads(PUTS) as pool:
        results = dict(
            zip((s for s, _ in made), pool.map(lambda pair: stored(*pair), made), strict=True)
        )
    return [(segment, results.get(segment)) for segment, _ in files]
