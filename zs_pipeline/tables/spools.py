"""Gathers the rows of many shards by partition, in spool files of which one is read at a time.

Memory depends on the largest partition, not on the table. Partitions that lie whole in one shard
need no spools.
"""

import hashlib
import pickle
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from typing import IO

import pyarrow as pa

from zs_pipeline import arrow
from zs_pipeline.declaration import Acorn

# Files over which rows are spread until all shards are read.
SPOOLS = 64
# Bytes of a spool in memory before the spool goes to disk.
SPOOLED_IN_MEMORY = 1 << 18


def by_partition(
    acorn: Acorn, shards: Iterable[dict[str, bytes]], segments: Iterable[str]
) -> Iterator[tuple[str, pa.Table | None]]:
    """Yields (segment, rows) of each partition; None where the partition has no rows.

    Args:
        acorn: The declaration.
        shards: The packed rows of each shard by encoded partition.
        segments: All partitions, encoded.
    """
    for pieces in spooled(shards, segments):
        for segment, packed in pieces:
            yield segment, arrow.unpack(packed, acorn) if packed else None


def spooled(
    shards: Iterable[dict[str, bytes]], segments: Iterable[str]
) -> Iterator[list[tuple[str, list[bytes]]]]:
    """Yields (segment, what each shard has of it) of the partitions of a spool, spool by spool.

    Args:
        shards: What each shard has, by encoded partition.
        segments: All partitions, encoded.
    """
    with ExitStack() as stack:
        spools = [
            stack.enter_context(tempfile.SpooledTemporaryFile(SPOOLED_IN_MEMORY))
            for _ in range(SPOOLS)
        ]
        for rows_by_segment in shards:
            for item in rows_by_segment.items():
                pickle.dump(item, spools[_number(item[0])])
        expected: dict[int, list[str]] = defaultdict(list)
        for segment in sorted(segments):
            expected[_number(segment)].append(segment)
        for number, names in sorted(expected.items()):
            pieces = _unspooled(spools[number])
            yield [(segment, pieces.pop(segment, [])) for segment in names]


def _number(segment: str) -> int:
    return hashlib.sha256(segment.encode()).digest()[0] % SPOOLS


def _unspooled(spool: IO[bytes]) -> dict[str, list[bytes]]:
    pieces: dict[str, list[bytes]] = defaultdict(list)
    end = spool.tell()
    spool.seek(0)
    while spool.tell() < end:
        segment, body = pickle.load(spool)  # noqa: S301 - written above, in a file without a name
        pieces[segment].append(body)
    return pieces
