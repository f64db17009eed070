"""Refusal of a table that lost more than it may, by comparison with its former sizes."""

from zs_client.contract import NULL_PARTITION
from zs_client.facts import Facts, FileFacts, Size
from zs_pipeline.declaration import Acorn
from zs_pipeline.publishing.facts_file import entries
from zs_pipeline.shrink_refused import ShrinkRefused

# A table, or a partition of a fixed list, that lost more than this share of its rows is refused.
# Small ones may: a subject with the only QC of a test database is no outage.
SHRINK_SHARE = 0.5
SHRINK_ROWS = 10
# The same of the values of a column that identifies, beside those of rows that are gone.
SHRINK_VALUES = 0.3
# Former sizes that a new one is compared with: against the last one alone, 20 nights that each
# lost a quarter left 3 rows of 1,000.
KEPT_SIZES = 14
_IF_RIGHT = "If that is right, build again with --accept-shrink"


def size_of(acorn: Acorn, found: dict[str, FileFacts]) -> Size:
    """Returns what of a table's entries later ones are compared with."""
    split = acorn.kind.partitioning
    size: Size = {"rows": sum(entry["rows"] for entry in found.values())}
    counted = [entry.get("values", {}) for entry in found.values()]
    # Of a partition that 1.0.0 wrote it is not known.
    values = {
        c.name: sum(one[c.name] for one in counted)
        for c in acorn.columns
        if c.identifies and all(c.name in one for one in counted)
    }
    if split and split.is_fixed:
        size["partitions"] = {segment: entry["rows"] for segment, entry in found.items()}
    elif split:
        unknown = found.get(NULL_PARTITION, {"rows": 0})["rows"]
        values[split.column] = size["rows"] - unknown
    return size | ({"values": values} if values else {})


def sizes_of(acorn: Acorn, facts: Facts | None, code_version: str) -> list[Size]:
    """Returns the sizes that a new one is compared with; none after another code made the table."""
    if not facts or facts["code_version"] != code_version:
        return []
    size = size_of(acorn, entries(facts))
    return [*(one for one in facts.get("sizes", ()) if one != size), size]


def refusals(
    acorn: Acorn,
    sizes: list[Size],
    found: dict[str, FileFacts],
    written: set[str],
) -> dict[str, str]:
    """Returns why each partition of a fixed list is refused that lost too many rows.

    Raises:
        ShrinkRefused: The whole table did, or a column that identifies lost too many values.
    """
    now = size_of(acorn, found)
    lost = _lost([size["rows"] for size in sizes], now["rows"])
    if lost:
        raise ShrinkRefused(
            f"{acorn.name}: {lost} rows would be gone, more than {SHRINK_SHARE:.0%}; "
            f"the table stays as it was. {_IF_RIGHT}"
        )
    for name, count in now.get("values", {}).items():
        # Rows that are gone took theirs along.
        known = [
            int(size["values"][name] * min(1, now["rows"] / size["rows"]))
            for size in sizes
            if size["rows"] and name in size.get("values", ())
        ]
        lost = _lost(known, count, SHRINK_VALUES)
        if lost:
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
    """Returns how many of the largest size are gone; empty when that many may be."""
    had = max(sizes, default=0)
    lost = had - now
    return f"{lost:,} of {had:,}" if lost >= SHRINK_ROWS and lost > share * had else ""
