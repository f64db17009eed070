"""Reads the cache of metadata of data assets, in one line: `from zs_client import asset_basics`.

What is public stands here; each name's module is loaded when the name is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from zs_client.contract import __version__

if TYPE_CHECKING:
    from zs_client.acorns import (
        asset_basics,
        assets_smartspim,
        behavior_curriculum,
        data_asset_problems,
        document_problems,
        foraging_sessions,
        metadata_core,
        metadata_upgrade,
        platform_exaspim,
        platform_fib,
        platform_qc,
        qc,
        qc_tag_status,
        quality_control,
        source_data,
        unique_genotypes,
        unique_project_names,
        unique_subject_ids,
    )
    from zs_client.comparison import TableDiff, diff
    from zs_client.errors import (
        AcornNotFound,
        CustomConflict,
        CustomNotFound,
        QueryError,
        ReadError,
        SnapshotNotFound,
        StaleTable,
        StoreError,
        SubjectNotFound,
    )
    from zs_client.explanation import explain
    from zs_client.flattening import flat
    from zs_client.lineage import raw_to_derived
    from zs_client.place import reading
    from zs_client.published import Snapshot, snapshots
    from zs_client.query import sql
    from zs_client.registry import (
        AcornInfo,
        AcornStatus,
        ColumnInfo,
        SquirrelInfo,
        describe,
        get_squirrel_info,
        status,
    )
    from zs_client.user_tables import CustomTable, custom, custom_history, custom_tables

__all__ = [
    "AcornInfo",
    "AcornNotFound",
    "AcornStatus",
    "ColumnInfo",
    "CustomConflict",
    "CustomNotFound",
    "CustomTable",
    "QueryError",
    "ReadError",
    "Snapshot",
    "SnapshotNotFound",
    "SquirrelInfo",
    "StaleTable",
    "StoreError",
    "SubjectNotFound",
    "TableDiff",
    "__version__",
    "asset_basics",
    "assets_smartspim",
    "behavior_curriculum",
    "custom",
    "custom_history",
    "custom_tables",
    "data_asset_problems",
    "describe",
    "diff",
    "document_problems",
    "explain",
    "flat",
    "foraging_sessions",
    "get_squirrel_info",
    "metadata_core",
    "metadata_upgrade",
    "platform_exaspim",
    "platform_fib",
    "platform_qc",
    "qc",
    "qc_tag_status",
    "quality_control",
    "raw_to_derived",
    "reading",
    "snapshots",
    "source_data",
    "sql",
    "status",
    "unique_genotypes",
    "unique_project_names",
    "unique_subject_ids",
]

_ELSEWHERE = {
    "AcornNotFound": "errors",
    "ReadError": "errors",
    "SubjectNotFound": "errors",
    "StoreError": "errors",
    "reading": "place",
    "explain": "explanation",
    "flat": "flattening",
    "raw_to_derived": "lineage",
    "StaleTable": "errors",
    "QueryError": "errors",
    "sql": "query",
    "Snapshot": "published",
    "SnapshotNotFound": "errors",
    "TableDiff": "comparison",
    "diff": "comparison",
    "snapshots": "published",
    "CustomConflict": "errors",
    "CustomNotFound": "errors",
    "CustomTable": "user_tables",
    "custom": "user_tables",
    "custom_history": "user_tables",
    "custom_tables": "user_tables",
    "AcornInfo": "registry",
    "AcornStatus": "registry",
    "ColumnInfo": "registry",
    "SquirrelInfo": "registry",
    "describe": "registry",
    "get_squirrel_info": "registry",
    "status": "registry",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = import_module(f"zs_client.{_ELSEWHERE.get(name, 'acorns')}")
    globals()[name] = getattr(module, name)
    return globals()[name]


def __dir__() -> list[str]:
    return sorted(__all__)
