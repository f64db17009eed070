"""Reads the cache of metadata of data assets, in one line: `from zs_client import asset_basics`.

All public names stand here; a name's module is loaded when the name is first used. Their types are
in the stub, `__init__.pyi`.
"""

from importlib import import_module
from typing import Any

from zs_client.contract import __version__

__all__ = [
    "AcornInfo",
    "AcornNotFound",
    "AcornStatus",
    "ColumnInfo",
    "CustomConflict",
    "CustomNotFound",
    "CustomTable",
    "NoSuchValue",
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
    "changes",
    "configure",
    "custom",
    "custom_delete",
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
    "platform_smartspim_fiber_ccf",
    "platform_smartspim_qc_metrics",
    "qc",
    "qc_by_raw_asset",
    "qc_tag_status",
    "quality_control",
    "raw_to_derived",
    "reading",
    "snapshots",
    "source_data",
    "sql",
    "status",
    "time_to_qc",
    "unique_genotypes",
    "unique_project_names",
    "unique_subject_ids",
    "values",
]

# The modules of names that are not in `zs_client.acorns`.
_MODULES = {
    "AcornInfo": "registry",
    "AcornNotFound": "errors",
    "AcornStatus": "registry",
    "ColumnInfo": "registry",
    "CustomConflict": "errors",
    "CustomNotFound": "errors",
    "CustomTable": "user_tables",
    "NoSuchValue": "errors",
    "QueryError": "errors",
    "ReadError": "errors",
    "Snapshot": "published",
    "SnapshotNotFound": "errors",
    "SquirrelInfo": "registry",
    "StaleTable": "errors",
    "StoreError": "errors",
    "SubjectNotFound": "errors",
    "TableDiff": "comparison",
    "changes": "changed_rows",
    "configure": "place",
    "custom": "user_tables",
    "custom_delete": "user_tables",
    "custom_history": "user_tables",
    "custom_tables": "user_tables",
    "describe": "registry",
    "diff": "comparison",
    "explain": "explanation",
    "flat": "flattening",
    "get_squirrel_info": "registry",
    "raw_to_derived": "lineage",
    "reading": "place",
    "snapshots": "published",
    "sql": "query",
    "status": "registry",
    "values": "column_values",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = import_module(f"zs_client.{_MODULES.get(name, 'acorns')}")
    globals()[name] = getattr(module, name)
    return globals()[name]


def __dir__() -> list[str]:
    return sorted(__all__)
