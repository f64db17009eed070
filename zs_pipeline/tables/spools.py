"""Rows of many shards by partition, gathered on disk: one file of them is held at a time.

Memory depends on the largest partition, not on the table. Where a shard holds the whole of a
partition, nothing is gathered.
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

# Files among which rows are spread until all are there.
SPOOLS = 64
# Bytes of one of them that are held in memory before it goes to disk.
SPOOLED_IN_MEMORY = 1 << 18


def by_partition(
    acorn: Acorn, shards: Iterable[dict[str, bytes]], segments: Iterable[str]
) -> Iterator[tuple[str, pa.Table | None]]:
    """Returns each partition with its rows; None where it has none.

    Args:
        acorn: The declaration.
        shards: The packed rows of each shard by encoded partition.
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
            for segment in names:
                packed = pieces.pop(segment, None)
                yield segment, arrow.unpack(packed, acorn) if packed else None


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
