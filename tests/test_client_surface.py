"""What is public, by hand; that all of it is documented; and what an import does not do."""

import inspect
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import zs_client
from zs_client import acorns, cache, cli, customs, lineage, published, read, registry
from zs_client.acorns import TABLES
from zs_pipeline.acorns import ACORNS

PUBLIC = [
    "AcornInfo",
    "AcornNotFound",
    "AcornStatus",
    "ColumnInfo",
    "CustomConflict",
    "CustomNotFound",
    "CustomTable",
    "ReadError",
    "Snapshot",
    "SnapshotNotFound",
    "SquirrelInfo",
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
    "diff",
    "document_problems",
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
    "status",
    "unique_genotypes",
    "unique_project_names",
    "unique_subject_ids",
]

SIGNATURES = {
    "unique_project_names": "snapshot=None offline=None",
    "unique_subject_ids": "snapshot=None offline=None",
    "unique_genotypes": "snapshot=None offline=None",
    "asset_basics": "snapshot=None offline=None",
    "source_data": "snapshot=None offline=None",
    "metadata_core": "snapshot=None offline=None",
    "assets_smartspim": "snapshot=None offline=None",
    "platform_exaspim": "snapshot=None offline=None",
    "platform_fib": "snapshot=None offline=None",
    "foraging_sessions": "snapshot=None offline=None",
    "behavior_curriculum": "snapshot=None offline=None",
    "metadata_upgrade": "snapshot=None offline=None",
    "document_problems": "snapshot=None offline=None",
    "data_asset_problems": "snapshot=None offline=None",
    "custom": "name df=None expect=None state=None",
    "custom_history": "name",
    "custom_tables": "store_url=None",
    "qc": "subject_id asset_names=None lazy=False snapshot=None offline=None",
    "quality_control": "subject_id asset_names=None lazy=False snapshot=None offline=None",
    "qc_tag_status": "subject_id asset_names=None snapshot=None offline=None",
    "platform_qc": "platform snapshot=None offline=None",
    "raw_to_derived": "asset_name modality=None latest=False snapshot=None offline=None",
    "get_squirrel_info": "snapshot=None offline=None",
    "reading": "snapshot=None offline=None",
    "snapshots": "store_url=None",
    "diff": "before after='now' table=None store_url=None",
    "status": "store_url=None version=None",
}

HEAVY = ("pandas", "pyarrow", "obstore", "boto3", "numpy", "dagster", "zs_pipeline")


def child(code, **variables):
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | variables,
        cwd=Path(__file__).parent.parent,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_what_is_public():
    assert zs_client.__all__ == PUBLIC
    assert dir(zs_client) == PUBLIC
    for name in PUBLIC:
        assert getattr(zs_client, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'custard'"):
        _ = zs_client.custard


def test_signatures():
    functions = {n for n in PUBLIC if inspect.isfunction(getattr(zs_client, n))}
    assert functions == SIGNATURES.keys()
    for name, wanted in SIGNATURES.items():
        parameters = inspect.signature(getattr(zs_client, name)).parameters.values()
        told = [p.name if p.default is p.empty else f"{p.name}={p.default!r}" for p in parameters]
        assert " ".join(told) == wanted, name


def test_every_public_thing_is_documented():
    for name in PUBLIC:
        thing = getattr(zs_client, name)
        assert name == "__version__" or thing.__doc__, name
        if name in SIGNATURES:
            assert "Raises:" in thing.__doc__, name
    for module in (zs_client, acorns, cache, cli, customs, lineage, published, read, registry):
        assert module.__doc__
        for name, thing in vars(module).items():
            if inspect.isroutine(thing) and thing.__module__ == module.__name__ and name[0] != "_":
                assert thing.__doc__, f"{module.__name__}.{name}"


def test_a_dataclass_tells_each_of_its_fields():
    for name in (
        "AcornInfo",
        "AcornStatus",
        "ColumnInfo",
        "CustomTable",
        "SquirrelInfo",
        "Snapshot",
        "TableDiff",
    ):
        kind = getattr(zs_client, name)
        for told in kind.__dataclass_fields__:
            assert f"\n        {told}: " in kind.__doc__ or f"\n    {told}: " in kind.__doc__, told


def test_there_is_a_function_for_each_table_of_at_most_five_lines():
    assert {(a.name, a.table, a.partition) for a in ACORNS} == set(TABLES)
    for name, _, _ in TABLES:
        function = getattr(zs_client, name)
        source = inspect.getsource(function)
        body = source[source.rindex('"""') + 3 :].strip().splitlines()
        assert len(body) <= 5, name


def test_custom_is_the_function_whatever_was_imported_first():
    code = "import json, zs_client.customs\nfrom zs_client import custom\n"
    assert child(f"{code}print(json.dumps(callable(custom)))")


def test_an_import_loads_nothing_heavy():
    code = "import json, sys, zs_client; print(json.dumps(list(sys.modules)))"
    assert not set(HEAVY) & set(child(code))
    everything = (
        "import json, sys\nfrom zs_client import *\nimport zs_client.cli\n"
        "print(json.dumps(list(sys.modules)))"
    )
    assert not set(HEAVY) & set(child(everything))


def test_reading_loads_no_pipeline(tmp_path):
    import client_store

    client_store.filled(str(tmp_path))
    code = (
        "import json, sys, zs_client\nzs_client.asset_basics(); zs_client.qc('828418')\n"
        "print(json.dumps(list(sys.modules)))"
    )
    loaded = set(child(code, ZS_STORE=str(tmp_path), ZS_VERSION=client_store.VERSION))
    assert not {"dagster", "zs_pipeline", "boto3"} & loaded
    assert "pandas" in loaded


def test_lists_of_names_need_no_pandas(tmp_path):
    import client_store

    client_store.filled(str(tmp_path))
    code = (
        "import json, sys, zs_client\nzs_client.unique_subject_ids()\n"
        "print(json.dumps(list(sys.modules)))"
    )
    assert "pandas" not in child(code, ZS_STORE=str(tmp_path), ZS_VERSION=client_store.VERSION)


def test_an_import_reads_no_environment_variable():
    code = """
import json, os
asked = []
class Spy(type(os.environ)):
    def __getitem__(self, key):
        asked.append(key)
        return super().__getitem__(key)
os.environ.__class__ = Spy
import zs_client
from zs_client import *
import zs_client.cli
print(json.dumps(asked))
"""
    assert child(code) == []
