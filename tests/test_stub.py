"""What an editor or a type checker knows of the functions, before anything runs."""

import ast
import inspect
import json
import subprocess
import sys
from pathlib import Path

import jedi
import pytest

import zs_client
from pages import stub
from zs_client import acorns as functions
from zs_client.filters import tests as made_tests
from zs_pipeline import arrow
from zs_pipeline.acorns import ACORNS

ROOT = Path(__file__).parents[1]
TABLES = [
    acorn for acorn in ACORNS if "others" in str(inspect.signature(vars(functions)[acorn.table]))
]
RIGHT = """
import zs_client as z
from zs_client import asset_basics, custom, qc, quality_control, reading, sql
import pandas as pd, polars as pl, pyarrow as pa
a: pd.DataFrame = asset_basics(subject_id=1, modality=["SPIM", None], age=90, created_after="2026")
b: pa.Table = z.asset_basics.arrow(name=["a"], limit=3, columns=["name"], offline=True)
c: pl.DataFrame = z.source_data.polars(source_data=None)
d: pd.DataFrame = qc("1", ["x"], status="Fail", value_contains="text")
e: str = quality_control("1", lazy=True)
f: list[str] = z.unique_subject_ids()
g: pd.DataFrame = z.assets_smartspim(processed=True, snapshot="x")
h: pd.DataFrame = sql("select 1", x=a)
with reading(snapshot="now"):
    z.platform_qc("fib", acquired_after="2024")
"""
WRONG = (
    'z.asset_basics(subject="1")',
    "z.asset_basics(subjectid=1)",
    "z.asset_basics.arrow(modalitys='SPIM')",
    "z.qc('1', statuss='Fail')",
    "z.qc_tag_status.polars('1', tagg='a')",
    "z.assets_smartspim(processed='yes, all')",
    "z.asset_basics(limit='3')",
    "z.asset_basics(age='x', created=3)",
    "z.asset_basic()",
    "z.platform_fib(fibre='Fiber_0')",
)


def checked(folder: Path, code: str) -> list[tuple[int, str]]:
    """The lines, counted from 1, at which a type checker finds an error."""
    (folder / "it.py").write_text(code)
    (folder / "pyrightconfig.json").write_text(
        json.dumps({"typeCheckingMode": "standard", "extraPaths": [str(ROOT)]})
    )
    done = subprocess.run(
        [
            *(Path(sys.executable).parent / "basedpyright", "--outputjson"),
            *("--pythonpath", sys.executable, "-p", str(folder)),
        ],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
    )
    told = json.loads(done.stdout)["generalDiagnostics"]
    return [
        (one["range"]["start"]["line"] + 1, one["message"])
        for one in told
        if one["severity"] == "error"
    ]


def test_the_stub_is_that_of_the_declarations():
    assert stub.STUB.read_text() == stub.stub(), "run `make pages`"


def test_the_stub_has_what_is_public_and_no_more():
    tree = ast.parse(stub.STUB.read_text())
    names = {
        alias.asname
        for node in tree.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    } | {node.target.id for node in tree.body if isinstance(node, ast.AnnAssign)}
    assert names - {None} == set(zs_client.__all__)


@pytest.mark.parametrize("acorn", TABLES, ids=lambda acorn: acorn.name)
def test_each_filter_of_the_stub_is_one_and_each_filter_is_in_the_stub(acorn):
    schema = arrow.schema(acorn)
    fits = {"Time": "2026-01-01", "_Times": "2026-01-01", "_Numbers": 1, "_Flags": True}
    fits |= {"float | EllipsisType": 1}
    for name, kind in stub.filters(acorn).items():
        made_tests({name: fits.get(kind, "x")}, schema, acorn.table)
    known = {*stub.filters(acorn), *inspect.signature(vars(functions)[acorn.table]).parameters}
    for column in acorn.columns:
        if column.type != "{string: string}":
            assert column.name in known


@pytest.mark.slow
def test_a_type_checker_finds_what_is_misspelt_and_nothing_else(tmp_path):
    wrong = "import zs_client as z\n" + "\n".join(WRONG)
    found = {line for line, _ in checked(tmp_path, wrong)}
    assert found == set(range(2, len(WRONG) + 2))
    assert checked(tmp_path, RIGHT) == []


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ("z.asset_basics(", {"subject_id=", "genotype=", "age=", "columns=", "limit="}),
        ("z.asset_basics.arrow(", {"subject_id=", "genotype_contains="}),
        ("z.qc(", {"subject_id=", "status=", "lazy="}),
        ("z.platform_qc.polars(", {"platform=", "asset_name="}),
    ],
)
def test_an_editor_without_a_kernel_shows_the_filters(call, expected):
    code = f"import zs_client as z\n{call}"
    project = jedi.Project(ROOT, added_sys_path=[str(ROOT)])
    found = jedi.Script(code, project=project).complete()
    assert expected <= {one.name for one in found}
