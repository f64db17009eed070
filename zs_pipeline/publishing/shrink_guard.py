"""Refuses a table that lost too many rows or values, compared with its former sizes."""

from zs_client.contract import NULL_PARTITION
from zs_client.facts import Facts, FileFacts, Size
from zs_pipeline.declaration import Acorn
from zs_pipeline.publishing.facts_file import entries
from zs_pipeline.shrink_refused import ShrinkRefused

# A table, or a partition of a fixed list, that lost more than this share of its rows is refused.
# Small tables may lose all: a subject with the only QC of a test database is no outage.
SHRINK_SHARE = 0.5
SHRINK_ROWS = 10
# The share of lost values of an identifying column, without values of rows that are gone.
SHRINK_VALUES = 0.3
# Former sizes that a new size is compared with. Compared with the last size alone, 20 nights that
# each lost a quarter left 3 rows of 1,000.
KEPT_SIZES = 14
_IF_RIGHT = "If that is right, build again with --accept-shrink"


def size_of(acorn: Acorn, files: dict[str, FileFacts]) -> Size:
    """Returns the rows and values of a table, with which later builds are compared."""
    split = acorn.kind.partitioning
    size: Size = {"rows": sum(entry["rows"] for entry in files.values())}
    counts = [entry.get("values", {}) for entry in files.values()]
    # A partition that 1.0.0 wrote has no counts of values.
    values = {
        c.name: sum(count[c.name] for count in counts)
        for c in acorn.columns
        if c.identifies and all(c.name in count for count in counts)
    }
    if split and split.is_fixed:
        size["partitions"] = {segment: entry["rows"] for segment, entry in files.items()}
    elif split:
        unknown = files.get(NULL_PARTITION, {"rows": 0})["rows"]
        values[split.column] = size["rows"] - unknown
    return size | ({"values": values} if values else {})


def sizes_of(acorn: Acorn, facts: Facts | None, code_version: str) -> list[Size]:
    """Returns the sizes that a new size is compared with; none if other code made the table."""
    if not facts or facts["code_version"] != code_version:
        return []
    return with_latest(facts.get("sizes", []), size_of(acorn, entries(facts)))


def with_latest(sizes: list[Size], size: Size) -> list[Size]:
    """Returns the sizes, each once, with the latest at the end."""
    return [*(former for former in sizes if former != size), size]


def refusals(
    acorn: Acorn, sizes: list[Size], files: dict[str, FileFacts], written: set[str]
) -> dict[str, str]:
    """Returns the reason for each partition of a fixed list that lost too many rows.

    Raises:
        ShrinkRefused: The table lost too many rows, or an identifying column too many values.
    """
    now = size_of(acorn, files)
    if lost := _lost([size["rows"] for size in sizes], now["rows"]):
        raise ShrinkRefused(
            f"{acorn.name}: {lost} rows would be gone, more than {SHRINK_SHARE:.0%}; "
            f"the table stays as it was. {_IF_RIGHT}"
        )
    for name, count in now.get("values", {}).items():
        # Values of rows that are gone do not count.
        known = [
            int(size["values"][name] * min(1, now["rows"] / size["rows"]))
            for size in sizes
            if size["rows"] and name in size.get("values", ())
        ]
        if lost := _lost(known, count, SHRINK_VALUES):
            raise ShrinkRefused(
                f"{acorn.name}: {lost} values of {name} would be gone, more than "
                f"{SHRINK_VALUES:.0%}; the table stays as it was. {_IF_RIGHT}"
            )
    refused = {}
    for segment, rows in now.get("partitions", {}).items():
        lost = _lost([size["partitions"].get(segment, 0) for size in sizes], rows)
        if lost and segment in written:
            refused[segment] = (
                f"{acorn.name}: {lost} rows of {acorn.partition}={segment} would be gone, more "
                f"than {SHRINK_SHARE:.0%}; the partition stays as it was. {_IF_RIGHT}"
            )
    return refused


def _lost(sizes: list[int], now: int, share: float = SHRINK_SHARE) -> str:
    """Returns how many of the largest size are gone, as text; empty when the loss is accepted."""
    had = max(sizes, default=0)
    lost = had - now
    return f"{lost:,} of {had:,}" if lost >= SHRINK_ROWS and lost > share * had else ""
