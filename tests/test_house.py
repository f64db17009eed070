"""The rules of the house: who imports whom, what happens at import, what is kept in step."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from zs_client import acorns as client
from zs_pipeline import settings
from zs_pipeline.acorns import ALL_ACORNS
from zs_pipeline.declaration import CORE

ROOT = Path(__file__).parents[1]
FILES = sorted([*ROOT.glob("zs_client/**/*.py"), *ROOT.glob("zs_pipeline/**/*.py")])
SPY = """
import os, socket, sys
asked = []
real = os.environ.__class__.__getitem__
def spy(self, name):
    frame = sys._getframe(1)
    while frame and frame.f_code.co_filename.endswith(("os.py", "_collections_abc.py")) or (
        frame and frame.f_code.co_filename.startswith("<frozen")
    ):
        frame = frame.f_back
    file = frame.f_code.co_filename if frame else ""
    if "zs_client" in file or "zs_pipeline" in file:
        asked.append(name)
    return real(self, name)
os.environ.__class__.__getitem__ = spy
def refuse(*args, **more):
    raise AssertionError("a connection at import")
socket.socket.connect = refuse
import importlib, pkgutil
package = importlib.import_module(sys.argv[1])
for found in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
    importlib.import_module(found.name)
print("asked", asked)
print("modules", *sorted(m.split(".")[0] for m in sys.modules if "." not in m))
"""


def imports(path: Path) -> set[str]:
    """The top-level names of all modules that a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.split(".")[0])
    return found


@pytest.mark.parametrize("path", sorted(ROOT.glob("zs_pipeline/acorns/*.py")), ids=lambda p: p.stem)
def test_an_acorn_knows_neither_dagster_nor_s3_nor_pandas(path):
    assert not imports(path) & {"dagster", "boto3", "botocore", "obstore", "pandas"}


@pytest.mark.parametrize("path", sorted(ROOT.glob("zs_client/*.py")), ids=lambda p: p.stem)
def test_the_client_knows_neither_dagster_nor_the_pipeline(path):
    # `zs build` hands over to the pipeline where that is installed.
    allowed = {"zs_pipeline"} if path.stem == "cli" else set()
    assert not (imports(path) - allowed) & {"dagster", "zs_pipeline"}


def test_the_contract_needs_the_standard_library_alone():
    assert imports(ROOT / "zs_client/contract.py") <= set(sys.stdlib_module_names)


@pytest.mark.parametrize("package", ["zs_client", "zs_pipeline"])
def test_importing_reads_no_variable_and_opens_no_connection(package):
    done = subprocess.run(
        [sys.executable, "-c", SPY, package], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "asked []" in done.stdout


def test_the_client_has_a_function_for_every_acorn_and_no_other():
    assert set(client.TABLES) == {
        (acorn.name, acorn.table, acorn.partition) for acorn in ALL_ACORNS
    }


def test_every_acorn_file_is_in_the_tuple():
    files = {p.stem for p in ROOT.glob("zs_pipeline/acorns/*.py")} - {"__init__"}
    assert files == {acorn.name for acorn in ALL_ACORNS}


def test_the_same_column_has_the_same_type_in_every_table():
    types: dict[str, set[str]] = {}
    for acorn in ALL_ACORNS:
        for column in acorn.columns:
            if column.name not in CORE:
                types.setdefault(column.name, set()).add(column.type)
    # A metric's value and a registry's word are texts everywhere, a name is one even when null.
    assert {name: found for name, found in types.items() if len(found) > 1} == {}


def test_every_description_is_a_sentence():
    for acorn in ALL_ACORNS:
        for text in (acorn.description, *(c.description for c in acorn.columns)):
            assert text.endswith("."), f"{acorn.name}: {text}"


def test_every_key_and_order_is_of_columns_that_exist():
    for acorn in ALL_ACORNS:
        names = {column.name for column in acorn.columns}
        assert {*acorn.key, *acorn.order} <= names
        assert len(names) == len(acorn.columns)


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_module_says_what_lives_in_it(path):
    if path.read_text().strip():
        assert ast.get_docstring(ast.parse(path.read_text()))


def test_the_sample_ships_with_the_package():
    assert (settings.sample() / "documents.ndjson").exists()
