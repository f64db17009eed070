"""The rooms: no module imports its way back to itself, and Dagster stays in its own room."""

import ast
import importlib
import io
import subprocess
import sys
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for package in ("zs_client", "zs_pipeline")
    for path in sorted(ROOT.glob(f"{package}/**/*.py"))
}
# Beside `orchestration`: where Dagster looks, the command that makes runs in its own process, and
# what tells of Dagster's history.
IMPORT_DAGSTER = {"zs_pipeline.definitions", "zs_pipeline.build", "zs_pipeline.doctor"}
NO_CODE = {
    *(tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE),
    *(tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER),
}
MAKE_ASSETS = {
    "asset",
    "multi_asset",
    "graph_asset",
    "graph_multi_asset",
    "observable_source_asset",
    "multi_observable_source_asset",
}


@cache
def imported(module: str) -> set[str]:
    """Returns the names that a module imports anywhere in it, those for type checking apart."""
    tree = ast.parse(MODULES[module].read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            node.body = []
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            # What is imported from a package is a module of it, or a name in it.
            inside = {f"{node.module}.{alias.name}" for alias in node.names}
            names |= inside & MODULES.keys() or {node.module}
            if inside - MODULES.keys():
                names.add(node.module)
    return names


def reachable(module: str) -> set[str]:
    """Returns the modules that are imported by a module, and by those, and so on."""
    found: set[str] = set()
    ahead = [module]
    while ahead:
        new = (imported(ahead.pop()) & MODULES.keys()) - found
        found |= new
        ahead += new
    return found


def test_no_module_imports_its_way_back_to_itself():
    below = {module: reachable(module) for module in MODULES}
    circles = {
        frozenset(other for other in below[module] if module in below[other])
        for module in MODULES
        if module in below[module]
    }
    assert not circles


@pytest.mark.parametrize(
    ("room", "above"),
    [
        ("zs_client", "zs_pipeline"),
        ("zs_pipeline.shape", "zs_pipeline.acorns"),
        ("zs_pipeline.documents", "zs_pipeline.acorns"),
        ("zs_pipeline.documents", "zs_pipeline.publishing"),
        ("zs_pipeline.tables", "zs_client.user_tables"),
        ("zs_pipeline", "pages"),
    ],
)
def test_no_arrow_runs_up(room, above):
    inside = [module for module in MODULES if module == room or module.startswith(f"{room}.")]
    found = {m for m in inside for name in imported(m) if f"{name}.".startswith(f"{above}.")}
    assert inside
    assert not found


def lines_of_code(path: Path) -> int:
    """Returns the lines of a file that are neither docstring nor comment nor blank."""
    text = path.read_text()
    told: set[int] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            told |= {*range(node.lineno, (node.end_lineno or node.lineno) + 1)}
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in NO_CODE:
            lines |= {*range(token.start[0], token.end[0] + 1)}
    return len(lines - told)


def test_no_module_is_a_hall():
    assert {name: n for name, path in MODULES.items() if (n := lines_of_code(path)) > 400} == {}


@pytest.mark.parametrize(
    "name",
    [
        *("zs_client.read.ReadError", "zs_client.read.AcornNotFound", "zs_client.read.reading"),
        *("zs_client.store.StoreError", "zs_client.published.Snapshot", "zs_client.plots.plot_qc"),
        *("zs_client.cli.main", "zs_pipeline.build.main", "zs_pipeline.definitions.defs"),
    ],
)
def test_public_names_are_importable_from_where_they_were(name):
    module, _, attribute = name.rpartition(".")
    assert hasattr(importlib.import_module(module), attribute)


def test_dagster_is_imported_in_its_own_room():
    found = {
        module
        for module, names in ((module, imported(module)) for module in MODULES)
        if any(name.split(".")[0] == "dagster" for name in names)
    }
    assert {m for m in found if not m.startswith("zs_pipeline.orchestration.")} == IMPORT_DAGSTER
    private = {name for name, path in MODULES.items() if "dagster._core" in path.read_text()}
    assert private == {"zs_pipeline.orchestration.event_log"}


def decorators(path: Path) -> Iterator[str]:
    """Yields the last name of each decorator in a file: `asset` of `@dg.asset(...)`."""
    for node in ast.walk(ast.parse(path.read_text())):
        for decorator in getattr(node, "decorator_list", ()):
            called = decorator.func if isinstance(decorator, ast.Call) else decorator
            yield ast.unparse(called).rpartition(".")[2]


def test_the_decorator_of_assets_stands_in_one_module():
    found = {name for name, path in MODULES.items() if MAKE_ASSETS & {*decorators(path)}}
    assert found == {"zs_pipeline.orchestration.assets"}


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("zs_pipeline.acorns", {"dagster", "obstore", "urllib3", "boto3"}),
        (
            "zs_pipeline.run_scope",
            {"dagster", "obstore", "pyarrow", "urllib3", "zs_pipeline.orchestration"},
        ),
    ],
)
def test_an_import_loads_no_more_than_it_needs(module, absent):
    program = f"import sys, {module}; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert not absent & {*done.stdout.split()}
