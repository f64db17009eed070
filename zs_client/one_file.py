"""Which rows of a partitioned table its one file holds, and which partitions to read beside it.

`zs_client.read` reads both. The file and the facts are written one after the other, so the file
names the state that it holds: a file of an unknown state is not used, and no answer mixes states.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from zs_client import arrow_functions, filters, kinds
from zs_client.contract import decode_partition, encode_partition
from zs_client.errors import ReadError

if TYPE_CHECKING:
    import pyarrow as pa

    from zs_client.parquet import File
    from zs_client.read import ReadRequest

# Partitions that are read in the time of one request.
AT_ONCE = 32


class OtherState(Exception):
    """The one file holds a state that the facts do not tell of."""


def is_better(facts: Mapping[str, Any], values: Sequence[str | None] | None) -> bool:
    """Returns whether the one file takes less than the partitions of some values; None for all.

    False where the facts know no one file or not all of the values.
    """
    one_file, partitions = facts.get("one_file"), facts["partitions"]
    segments = partitions if values is None else [encode_partition(value) for value in values]
    if not isinstance(one_file, Mapping) or len(segments) < 2:
        return False
    if not all(segment in partitions or segment in facts["empty"] for segment in segments):
        return False
    if len(segments) == len(partitions):
        return True
    size = sum(partitions[segment]["bytes"] for segment in segments if segment in partitions)
    return len(segments) > AT_ONCE and bool(one_file["bytes"] <= size)


def rows(
    request: "ReadRequest",
    facts: Mapping[str, Any],
    values: Sequence[str | None],
    rows_of_file: "Callable[[ReadRequest, Callable[[File], None]], pa.Table]",
    rows_of_partitions: "Callable[[ReadRequest, Sequence[str | None]], list[pa.Table]]",
) -> "pa.Table | None":
    """Returns the rows of a table's partitions: of its one file, and of what changed since.

    Args:
        request: What to read.
        facts: The table's facts.
        values: The partitions to read, in the order of the answer.
        rows_of_file: Reads the one file, once a function has looked at it.
        rows_of_partitions: Reads partitions.

    Returns:
        The rows; None where the file does not serve, and the partitions have to be read.

    Raises:
        OtherState: The facts do not tell which state the file holds.
    """
    column, words = request.partition, dict(request.filters)
    columns = None if request.columns is None else filters.values(request.columns)
    may_lag = bool(facts["one_file"]["behind"])
    # What the file has of changed partitions would count as data assets that are there.
    if column in words or columns == [] or (may_lag and request.names is not None):
        return None
    is_part = len(values) < len(facts["partitions"])
    if is_part:
        words[column] = values
    # The column tells which rows are of which partition.
    is_added = (is_part or may_lag) and columns is not None and column not in columns
    columns = [*(columns or ()), column] if is_added else columns
    # Rows in another order than the file's are cut by the caller.
    limit = None if is_part or may_lag else request.limit
    old: frozenset[str] = frozenset()

    def check(file: "File") -> None:
        nonlocal old
        old = behind(facts, file.state)

    counts: list[int] = []
    try:
        of_file = replace(request, filters=words, columns=columns, limit=limit, counts=counts)
        content = rows_of_file(of_file, check)
    except (FileNotFoundError, ReadError):
        return None
    if old:
        changed = [value for value in values if encode_partition(value) in old]
        content = _without(content, column, [decode_partition(segment) for segment in old])
        counts = [content.num_rows]
        beside = rows_of_partitions(replace(request, columns=columns), changed)
        content = kinds.joined([content, *beside])
    if request.counts is not None:
        request.counts.extend(counts)
    if is_part or old:
        content = _ordered(content, column, values)
    return content.select(range(content.num_columns - 1)) if is_added else content


def behind(facts: Mapping[str, Any], state: str) -> frozenset[str]:
    """Returns the segments whose rows in the file are of an earlier state than the facts.

    Args:
        facts: The table's facts.
        state: The state that the file names.

    Raises:
        OtherState: The facts do not tell.
    """
    one_file = facts["one_file"]
    if state == facts["sha256"]:
        return frozenset()
    if state == one_file["state"] and one_file["behind_of"] == facts["sha256"]:
        return frozenset(one_file["behind"])
    raise OtherState


def _without(content: "pa.Table", column: str, values: Sequence[str | None]) -> "pa.Table":
    """Returns the rows of other partitions than those of some values."""
    import pyarrow as pa

    texts = kinds.cast(content[column], pa.string())
    is_in = arrow_functions.is_in(texts, kinds.array(values, pa.string()))
    return arrow_functions.rows_of(content, arrow_functions.call("invert", is_in))


def _ordered(content: "pa.Table", column: str, values: Sequence[str | None]) -> "pa.Table":
    """Returns rows in the order of their partitions; rows of one partition stay in their order."""
    import pyarrow as pa

    texts = kinds.cast(content[column], pa.string())
    places = arrow_functions.index_in(texts, kinds.array(values, pa.string()))
    # Arrow's sort keeps the order of equals.
    order = arrow_functions.call("array_sort_indices", places)
    return arrow_functions.take(content, order)
