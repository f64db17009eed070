"""The raw data assets under which the QC of some data assets stands.

The table is read in `zs_client.acorns` and `zs_client.biodata_cache`; what is raw is decided where
it is built.
"""

from collections.abc import Iterable

from zs_client import read
from zs_client.contract import RAW_NAME
from zs_client.place import Place, resolve
from zs_client.read import ReadRequest

TABLE = "qc_by_raw_asset"


def above(names: Iterable[str], at: Place | None = None) -> tuple[str, ...]:
    """Returns the partitions in which the QC of data assets stands, over all steps of sources.

    Args:
        names: The data assets' names.
        at: The store and version; those to read when None.

    Raises:
        AcornNotFound: The table, or `source_data`, is not in this store and version.
        ReadError: One of these tables is there and cannot be read.
    """
    place = at or resolve()
    existing = set(read.partition_values(*place, ReadRequest(TABLE, TABLE, partition=RAW_NAME)))
    request = ReadRequest("source_data", "source_data", columns=("name", "source_data"))
    sources: dict[str, list[str]] = {}
    for row in read.content(request, place).to_pylist():
        if row["source_data"] is not None:
            sources.setdefault(row["name"], []).append(row["source_data"])
    lineage: dict[str, None] = {}
    ahead = list(names)[::-1]
    while ahead:
        name = ahead.pop()
        if name not in lineage:
            lineage[name] = None
            ahead.extend(reversed(sources.get(name, ())))
    return tuple(name for name in lineage if name in existing)
