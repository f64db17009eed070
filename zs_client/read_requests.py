"""What the function of a table reads: the request of its arguments.

Which tables there are stands here; their functions are in `zs_client.acorns`, and
`zs_client.read` reads.
"""

from collections.abc import Mapping
from typing import Any

from zs_client import filters, origins, read
from zs_client.contract import RAW_NAME
from zs_client.place import Place
from zs_client.read import ReadRequest

# (name, folder in the store, partition column or an empty text) of each table.
TABLES: tuple[tuple[str, str, str], ...] = (
    ("unique_project_names", "unique_project_names", ""),
    ("unique_subject_ids", "unique_subject_ids", ""),
    ("unique_genotypes", "unique_genotypes", ""),
    ("asset_basics", "asset_basics", ""),
    ("source_data", "source_data", ""),
    ("quality_control", "qc", "subject_id"),
    ("qc_tag_status", "qc_tag_status", "subject_id"),
    ("qc_by_raw_asset", "qc_by_raw_asset", RAW_NAME),
    ("time_to_qc", "time_to_qc", ""),
    ("platform_qc", "platform_qc", "platform"),
    ("metadata_core", "metadata_core", ""),
    ("assets_smartspim", "assets_smartspim", ""),
    ("platform_smartspim_fiber_ccf", "platform_smartspim_fiber_ccf", ""),
    ("platform_smartspim_qc_metrics", "platform_smartspim_qc_metrics", ""),
    ("platform_exaspim", "platform_exaspim", ""),
    ("platform_fib", "platform_fib", ""),
    ("foraging_sessions", "foraging_sessions", ""),
    ("behavior_curriculum", "behavior_curriculum", ""),
    ("metadata_upgrade", "metadata_upgrade", ""),
    ("document_problems", "document_problems", ""),
    ("data_asset_problems", "data_asset_problems", ""),
)
# Tables that a store has only where builds write the layout of the successor.
FOR_SUCCESSOR = (origins.TABLE,)


def read_request(name: str, words: Mapping[str, Any], at: Place | None = None) -> ReadRequest:
    """Returns what a table's function would read, for callers that have the table's name.

    Args:
        name: The table's name, or its acorn's.
        words: The arguments of the table's function, with the partition's values among them.
        at: The store and version in which subjects are looked up; by default those to read.

    Raises:
        AcornNotFound: There is no such table; the message lists the tables.
        ValueError: The table is partitioned by subject or raw data asset, and none is given.
    """
    table, _, partition = find(name)
    if partition == "subject_id":
        return subjects_request(table, {"subject_id": ..., "asset_names": None, **words}, at)
    if partition == RAW_NAME:
        return raw_request({RAW_NAME: ..., "asset_names": None, **words}, at)
    parts = platforms(words.get("platform", ...)) if partition else None
    return table_request(table, words, parts=parts)


def find(name: str) -> tuple[str, str, str]:
    """Returns a table's (name, folder, partition column) of `TABLES`.

    Raises:
        AcornNotFound: There is no such table; the message lists the tables.
    """
    for table in TABLES:
        if name in table[:2]:
            return table
    names = [table for table, _, _ in TABLES]
    raise read.AcornNotFound(
        f"there is no table {filters.short(name)}. {filters.near(name, names)}"
    )


# Arguments that are no filters: of all tables, and of tables by subject or platform.
_NO_FILTERS = ("columns", "limit", "offset", "order_by", "snapshot", "offline", "others")
_OF_PARTITIONS = {
    "subject_id": ("subject_id", "asset_names", "lazy"),
    "platform": ("platform",),
    RAW_NAME: (RAW_NAME, "asset_names"),
}


def table_request(table: str, words: Mapping[str, Any], **more: Any) -> ReadRequest:
    """Returns the request of a function's arguments.

    Args:
        table: The table's name.
        words: The arguments, as `locals()` of the function has them.
        more: Further fields of the request.
    """
    _, folder, partition = find(table)
    no_filters = (*_NO_FILTERS, *_OF_PARTITIONS.get(partition, ()))
    given = {k: v for k, v in words.items() if k not in no_filters} | words.get("others", {})
    given = {name: value for name, value in given.items() if value is not ...}
    order = words.get("order_by")
    order = () if order is None else tuple(filters.texts(f"{folder}: order_by=", order))
    for name in order:
        if not isinstance(name, str):
            raise TypeError(
                f"{folder}: order_by= takes names of columns, not {filters.short(name)}"
            )
    return ReadRequest(
        table,
        folder,
        given,
        words.get("columns"),
        words.get("limit"),
        partition,
        offset=words.get("offset", 0),
        order_by=order,
        **more,
    )


def subjects_request(table: str, words: Mapping[str, Any], at: Place | None = None) -> ReadRequest:
    """Returns the request of a table by subject, looking up the subjects of `asset_names`.

    Raises:
        ValueError: Neither a subject nor a data asset is given.
    """
    folder, names, subject = find(table)[1], words["asset_names"], words["subject_id"]
    if names is not None:
        names = tuple(filters.texts(f"{folder}: asset_names=", names))
    if subject is not ...:
        subjects = tuple(filters.values(subject))
    elif names is not None:
        request = table_request("asset_basics", {"name": names, "columns": "subject_id"})
        subjects = tuple(dict.fromkeys(read.rows(request, at)["subject_id"].to_pylist()))
    else:
        raise ValueError(
            f"{folder} needs a subject_id, or asset_names whose subjects are looked up; "
            "sql reads all animals"
        )
    return table_request(table, words, parts=subjects, names=names)


def raw_request(words: Mapping[str, Any], at: Place | None = None) -> ReadRequest:
    """Returns the request of a table by raw data asset, looking up those of `asset_names`.

    Raises:
        ValueError: Neither a raw data asset nor a data asset is given.
    """
    table, names, raw = origins.TABLE, words["asset_names"], words[RAW_NAME]
    if names is not None:
        names = tuple(filters.texts(f"{table}: asset_names=", names))
    if raw is not ...:
        parts = tuple(filters.values(raw))
    elif names is not None:
        parts = origins.above(names, at)
    else:
        raise ValueError(
            f"{table} needs a {RAW_NAME}, or asset_names whose raw data assets are looked up; "
            "sql reads all of it"
        )
    return table_request(table, words, parts=parts, names=names)


def subject_path(subject: Any, words: Mapping[str, Any]) -> str:
    """Returns where the QC of one subject lies.

    Raises:
        ValueError: There are several subjects, or a filter.
    """
    request = table_request("quality_control", words)
    rest = ReadRequest(request.table, request.folder, partition=request.partition)
    if request != rest:
        raise ValueError("lazy= gives a path: filter in the query that reads it")
    subjects = [] if subject is ... else filters.values(subject)
    if len(subjects) != 1:
        raise ValueError("lazy= gives the path of one subject's file")
    return read.partition_path("qc", "subject_id", subjects[0])


def platforms(platform: Any) -> tuple[Any, ...] | None:
    """Returns the partitions of the argument `platform`; None for all."""
    return None if platform is ... else tuple(filters.values(platform))
