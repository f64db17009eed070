"""All that the client gives of a store, by name: what two releases read is compared with it.

Earlier releases run it as well, so it knows the public functions that 1.0.0 had, and nothing else
of the project. Nothing here is a test.
"""

from typing import Any

import pandas as pd

import zs_client

WHOLE = (
    *("asset_basics", "source_data", "metadata_core", "platform_fib", "assets_smartspim"),
    *("platform_exaspim", "behavior_curriculum", "foraging_sessions", "metadata_upgrade"),
    *("document_problems", "data_asset_problems"),
    *("unique_project_names", "unique_subject_ids", "unique_genotypes"),
)
PLATFORMS = ("spim", "fib", "slap2", "ecephys", "pophys", "vr", "dynamic_foraging")
PER_SUBJECT = """
    SELECT subject_id, count(*) AS metrics, count(DISTINCT asset_name) AS data_assets
    FROM quality_control GROUP BY ALL ORDER BY ALL
"""
# Not of a content: where a store lies, and when it was written.
_OF_ACORN = (
    *("name", "description", "partitioned", "partition_key", "type", "table", "key", "rows"),
    *("bytes", "sha256", "partitions", "state", "reason"),
)
_OF_STATUS = ("name", "rows", "bytes", "partitions", "state", "reason")
_OF_CUSTOM = ("name", "state", "rows", "bytes")
_OF_SNAPSHOT = ("id", "version", "current", "rows", "bytes")
_OF_COLUMN = ("name", "type", "description", "nullable")
_DESCRIBED = ("column", "type", "description", "nulls", "examples")
_OF_FRAME = ("table", "version", "snapshot", "state", "reason")


def everything() -> dict[str, Any]:
    """The values of all public functions, of the store that `ZS_STORE` names."""
    customs = zs_client.custom_tables()
    return {
        "tables": tables(),
        "snapshots": [
            {**_told(one, _OF_SNAPSHOT), "tables": dict(one.tables)}
            for one in zs_client.snapshots()
        ],
        # A table that came since is missing in a store of before.
        "status": [_told(one, _OF_STATUS) for one in zs_client.status() if one.state != "missing"],
        "custom tables": [_told(one, _OF_CUSTOM) for one in customs],
        "custom": {
            f"{table.name} {one.state}": zs_client.custom(table.name, state=one.state)
            for table in customs
            for one in zs_client.custom_history(table.name)
        },
    }


def tables() -> dict[str, Any]:
    """The values of the functions that can read at a snapshot and offline."""
    told = {name: getattr(zs_client, name)() for name in WHOLE}
    for subject in [*zs_client.unique_subject_ids(), None]:
        told[f"qc {subject}"] = zs_client.qc(subject)
        told[f"qc_tag_status {subject}"] = zs_client.qc_tag_status(subject)
    for platform in PLATFORMS:
        told[f"platform_qc {platform}"] = zs_client.platform_qc(platform)
    raw = zs_client.asset_basics(data_level="raw")["name"].dropna().unique().tolist()
    told["raw_to_derived"] = zs_client.raw_to_derived(raw)
    told["raw_to_derived latest"] = zs_client.raw_to_derived(raw, latest=True)
    told["sql"] = zs_client.sql(PER_SUBJECT)
    told["describe"] = zs_client.describe("asset_basics")[list(_DESCRIBED)]
    return {**told, "get_squirrel_info": _registry()}


def tables_at(snapshot: str) -> dict[str, Any]:
    """The values of these functions at a snapshot."""
    with zs_client.reading(snapshot=snapshot):
        return tables()


def _registry() -> dict[str, Any]:
    registry = zs_client.get_squirrel_info()
    acorns = {
        acorn.name: {
            **_told(acorn, _OF_ACORN),
            "columns": [_told(column, _OF_COLUMN) for column in acorn.columns],
        }
        for acorn in registry.acorns
    }
    return {"version": registry.version, "snapshot": registry.snapshot, "acorns": acorns}


def _told(thing: object, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: getattr(thing, name) for name in names}


def assert_same(found: Any, expected: Any, name: str = "read") -> None:
    """Compare what two releases read, or what was read of two stores."""
    if isinstance(expected, dict):
        assert found.keys() == expected.keys(), name
        for key, value in expected.items():
            assert_same(found[key], value, f"{name}: {key}")
    elif isinstance(expected, pd.DataFrame):
        pd.testing.assert_frame_equal(found, expected, obj=name)
        attrs = [{key: one.attrs.get(key) for key in _OF_FRAME} for one in (found, expected)]
        assert attrs[0] == attrs[1], name
    else:
        assert found == expected, name


def grown(found: dict[str, Any], expected: dict[str, Any]) -> set[str]:
    """Returns which columns of tables have other values than before, as `table.column`.

    Columns of before must be there, first, in their order and of their types; others may follow.
    A table with other rows is named alone.
    """
    changed = set()
    for name, before in expected.items():
        now = found[name]
        if not isinstance(before, pd.DataFrame):
            changed |= set() if now == before else {name}
            continue
        table, columns = name.split()[0], list(before.columns)
        assert list(now.columns)[: len(columns)] == columns, name
        if len(now) != len(before):
            changed.add(table)
            continue
        for column in columns:
            assert now[column].dtype == before[column].dtype or before[column].isna().all(), column
            if not now[column].equals(before[column]):
                changed.add(f"{table}.{column}")
    return changed
