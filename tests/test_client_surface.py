"""What is public, by hand; that all of it is documented; and what an import does not do."""

import inspect
import json
import os
import re
import subprocess
import sys
import typing
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

import zs_client
from zs_client import (
    acorns,
    cache,
    cli,
    completion,
    filters,
    lineage,
    parquet,
    printing,
    provenance,
    published,
    query,
    read,
    registry,
    shapes,
    user_tables,
)
from zs_client.acorns import TABLES
from zs_pipeline import arrow
from zs_pipeline.acorns import ALL_ACORNS

PUBLIC = [
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

# A `…` after `=` is a filter that may be left out, one at the end what every table takes, with any
# other column by its name.
EVERY = "columns=None limit=None offset=0 order_by=None snapshot=None offline=None **others"
SIGNATURES = {
    "unique_project_names": "snapshot=None offline=None",
    "unique_subject_ids": "snapshot=None offline=None",
    "unique_genotypes": "snapshot=None offline=None",
    "asset_basics": "subject_id=… project_name=… modality=… data_level=… name=… name_contains=… "
    "acquired_after=… acquired_before=… …",
    "source_data": "name=… source_data=… pipeline_name=… …",
    "time_to_qc": "name=… …",
    "metadata_core": "_id=… …",
    "assets_smartspim": "name=… raw_name=… channel=… processed=… …",
    "platform_smartspim_fiber_ccf": "subject_id=… name=… fiber=… targeted_structure=… …",
    "platform_smartspim_qc_metrics": "subject_id=… name=… metric_name=… channel=… stage=… "
    "status=… …",
    "platform_exaspim": "name=… raw_name=… processed=… …",
    "platform_fib": "asset_name=… fiber=… channel=… intended_measurement=… targeted_structure=… …",
    "foraging_sessions": "subject_id=… session_date=… session_date_after=… session_date_before=… "
    "task=… trainer=… rig=… …",
    "behavior_curriculum": "asset_name=… curriculum_name=… stage_name=… …",
    "metadata_upgrade": "_id=… v2_id=… name=… status=… …",
    "document_problems": "_id=… name=… field=… severity=… …",
    "data_asset_problems": "_id=… name=… field=… severity=… …",
    "changes": "since subject_id=… store_url=None",
    "configure": "store=… cache=… offline=… snapshot=…",
    "custom": "name df=None expect=None state=None",
    "custom_delete": "name expect=None",
    "custom_history": "name",
    "custom_tables": "store_url=None",
    "qc": "subject_id=… asset_names=None lazy=False name=… stage=… modality=… status=… tag=… …",
    "qc_tag_status": "subject_id=… asset_names=None tag=… status=… …",
    "qc_by_raw_asset": "raw_asset_name=… asset_names=None name=… stage=… modality=… status=… "
    "tag=… …",
    "platform_qc": "platform=… asset_name=… tag=… status=… acquired_after=… acquired_before=… …",
    "raw_to_derived": "asset_name modality=None latest=False snapshot=None offline=None",
    "get_squirrel_info": "snapshot=None offline=None",
    "describe": "table store_url=None version=None snapshot=None offline=None",
    "values": "table column store_url=None version=None snapshot=None offline=None",
    "explain": "name column store_url=None version=None snapshot=None offline=None",
    "sql": "query parameters=None snapshot=None offline=None **tables",
    "reading": "snapshot=None offline=None",
    "flat": "frame zone='UTC'",
    "snapshots": "store_url=None",
    "diff": "before after='now' table=None store_url=None",
    "status": "store_url=None version=None",
}
SIGNATURES["quality_control"] = SIGNATURES["qc"]

HEAVY = (
    "pandas",
    "pyarrow",
    "obstore",
    "polars",
    "duckdb",
    "boto3",
    "numpy",
    "dagster",
    "zs_pipeline",
)


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
        assert " ".join(map(word, parameters)) == wanted.replace(" …", f" {EVERY}"), name


def word(parameter):
    if parameter.default is parameter.empty:
        return f"**{parameter.name}" if parameter.kind is parameter.VAR_KEYWORD else parameter.name
    default = "…" if parameter.default is ... else repr(parameter.default)
    return f"{parameter.name}={default}"


def test_types_of_every_public_thing_resolve_at_run_time():
    for name in PUBLIC:
        thing = getattr(zs_client, name)
        for shape in (thing, *(getattr(thing, word, None) for word in shapes.SHAPES)):
            if inspect.isfunction(shape) or inspect.isclass(shape):
                hints = typing.get_type_hints(shape)
                assert not any(isinstance(hint, str) for hint in hints.values()), name
            if inspect.isfunction(shape):
                parameters = inspect.signature(shape, eval_str=True).parameters
                assert parameters.keys() <= typing.get_type_hints(shape).keys(), name
    assert typing.get_type_hints(zs_client.describe)["return"] is pd.DataFrame
    assert typing.get_type_hints(zs_client.qc.arrow)["return"] is pa.Table
    assert typing.get_type_hints(zs_client.qc)["return"] == pd.DataFrame | str


def test_types_resolve_without_the_libraries_of_extras():
    code = (
        "import sys, json, typing; sys.modules.update(polars=None, duckdb=None); import zs_client; "
        "print(json.dumps([str(typing.get_type_hints(f)['return']) for f in "
        "(zs_client.qc.polars, zs_client.sql.duckdb, zs_client.custom)]))"
    )
    frame = "<class 'pandas.core.frame.DataFrame'>"
    assert child(code)[:2] == ["typing.Any"] * 2
    assert child(code)[2] in (frame, frame.replace("core.frame.", ""))


def test_every_filter_is_one_of_its_table():
    for acorn in ALL_ACORNS:
        parameters = inspect.signature(getattr(acorns, acorn.name)).parameters.values()
        named = {p.name for p in parameters if p.default is ...} - {acorn.partition}
        words = {name: True if name == "processed" else "2026-01-01" for name in named}
        assert len(filters.tests(words, arrow.schema(acorn), acorn.name)) == len(words)


def test_the_calls_of_before_still_fit():
    """As scripts written for zombie-squirrel call the functions."""
    needing = {
        "changes",
        "describe",
        "diff",
        "values",
        "explain",
        "flat",
        "sql",
        "raw_to_derived",
        "custom",
    }
    for name in SIGNATURES.keys() - needing:
        if name not in (
            "qc",
            "quality_control",
            "qc_by_raw_asset",
            "qc_tag_status",
            "platform_qc",
            "custom_delete",
            "custom_history",
        ):
            inspect.signature(getattr(zs_client, name)).bind()
    qc = inspect.signature(zs_client.qc)
    for call in (("1",), (1, ["a"]), (None, "a", True)):
        qc.bind(*call)
    qc.bind(subject_id="1", asset_names=["a"], lazy=True)
    inspect.signature(zs_client.platform_qc).bind("fib")


def test_every_filter_is_told_in_its_function():
    for name in (line[0] for line in TABLES):
        function = getattr(zs_client, name)
        for parameter in inspect.signature(function).parameters:
            # Python 3.13 takes the indentation of a docstring away.
            assert re.search(rf"^(    ){{1,2}}{parameter}: ", function.__doc__, re.MULTILINE), (
                f"{name}({parameter}=)"
            )


def test_every_error_is_told_in_its_function():
    for name, _, partition in TABLES:
        function = getattr(zs_client, name)
        errors = ["AcornNotFound", "ReadError"]
        if "others" in inspect.signature(function).parameters:
            errors[1:1] = ["ValueError", "TypeError"]
        if partition == "subject_id":
            errors.insert(1, "SubjectNotFound")
        for shape in (function, function.arrow, function.polars, function.duckdb):
            _, raised = inspect.getdoc(shape).split("\n\nRaises:\n")
            assert re.findall(r"^    (\w+): ", raised, re.MULTILINE) == errors, name


def test_without_docstrings_the_functions_are_there_all_the_same():
    code = "import json, zs_client; print(json.dumps(zs_client.asset_basics.__doc__))"
    assert child(code, PYTHONOPTIMIZE="2") is None


def test_every_public_thing_is_documented():
    for name in PUBLIC:
        thing = getattr(zs_client, name)
        assert name == "__version__" or thing.__doc__, name
        if name in SIGNATURES:
            assert "Raises:" in thing.__doc__, name
    for module in (
        *(zs_client, acorns, cache, cli, completion, user_tables, filters, lineage, parquet),
        *(printing, provenance, published, query, read, registry, shapes),
    ):
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
    assert {(a.name, a.table, a.partition) for a in ALL_ACORNS} == set(TABLES)
    for name, _, _ in TABLES:
        function = getattr(zs_client, name)
        source = inspect.getsource(function)
        body = source[source.rindex('"""') + 3 :].strip().splitlines()
        assert len(body) <= 5, name


def test_custom_is_the_function_whatever_was_imported_first():
    code = "import json, zs_client.user_tables\nfrom zs_client import custom\n"
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


@pytest.mark.parametrize("shape", ["polars", "arrow"])
def test_other_shapes_than_frames_need_no_pandas(shape):
    """pyarrow loads it to tell whether a list of values is a series: 0.3 s."""
    asset_basics = (
        {},
        {"subject_id": 901001, "columns": "name", "limit": 3, "order_by": "-age"},
        {"modality": ["SPIM", "fib"], "data_level": "raw", "genotype": None},
        {
            "name_contains": "behavior",
            "acquired_after": "2020-01-01",
            "age_min": 1,
            "age": [90, 107],
        },
        {"subject_id": [], "project_name": "nowhere"},
    )
    code = "import json, sys, warnings, zs_client\nwarnings.simplefilter('ignore')\n"
    for words in asset_basics:
        code += f"zs_client.asset_basics.{shape}(**{words!r})\n"
    code += (
        f"zs_client.qc.{shape}('901001', tag='x', status='Pass', columns=['name', 'subject_id'])\n"
    )
    code += f"zs_client.platform_qc.{shape}(tag='x')\nzs_client.unique_genotypes.{shape}()\n"
    code += (
        "zs_client.raw_to_derived('SmartSPIM_901006_2024-10-21_14-05-40', 'SPIM', latest=True)\n"
    )
    loaded = child(f"{code}print(json.dumps(list(sys.modules)))", ZS_STORE="sample")
    # Loaded, pyarrow.compute makes 286 functions with docstrings.
    assert not {"pandas", "pyarrow.compute", "pyarrow.acero"} & set(loaded)


def test_a_folder_is_read_without_what_requests_need(tmp_path):
    import client_store

    client_store.filled(str(tmp_path))
    code = (
        "import json, sys, zs_client\nzs_client.asset_basics.arrow()\n"
        "zs_client.asset_basics.arrow(subject_id='828418')\nprint(json.dumps(list(sys.modules)))"
    )
    loaded = child(code, ZS_STORE=str(tmp_path), ZS_VERSION=client_store.VERSION)
    assert not {"asyncio", "boto3", "obstore", "pyarrow.compute", "zipfile"} & {*loaded}


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
