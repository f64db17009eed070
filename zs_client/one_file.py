"""Which rows of a partitioned table its one file holds, and which partitions to read beside it.

`zs_client.read` reads both. The file and the facts are written one after the other, so the file
names the state that it holds: a file of an unknown state is not used, and no answer mixes states.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from zs_client.contract import encode_partition

if TYPE_CHECKING:
    import pyarrow as pa

# Partitions that are read in the time of one request.
AT_ONCE = 32


class OtherState(Exception):
    """The one file holds a state that the facts do not tell of."""


def is_better(facts: Mapping[str, Any], values: Sequence[str | None]) -> bool:
    """Returns whether the one file takes less than the partitions of some values.

    False where the facts know no one file or not all of the values.
    """
    one_file, partitions = facts.get("one_file"), facts["partitions"]
    segments = [encode_partition(value) for value in values]
    if not isinstance(one_file, Mapping) or len(segments) < 2:
        return False
    if not all(segment in partitions or segment in facts["empty"] for segment in segments):
        return False
    if len(segments) == len(partitions):
        return True
    size = sum(partitions[segment]["bytes"] for segment in segments if segment in partitions)
    return len(segments) > AT_ONCE and bool(one_file["bytes"] <= size)


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


def without(content: "pa.Table", column: str, values: Sequence[str | None]) -> "pa.Table":
    """Returns the rows of other partitions than those of some values."""
    import pyarrow as pa
    import pyarrow.compute as pc

    is_in = pc.is_in(content[column], value_set=pa.array(values, pa.string()))
    return content.filter(pc.invert(is_in))


def ordered(content: "pa.Table", column: str, values: Sequence[str | None]) -> "pa.Table":
    """Returns rows in the order of their partitions; rows of one partition stay in their order."""
    import pyarrow as pa
    import pyarrow.compute as pc

    places = pc.index_in(content[column], value_set=pa.array(values, pa.string()))
    # Arrow's sort keeps the order of equals.
    return content.take(pc.sort_indices(places))
