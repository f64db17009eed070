"""The rooms: no module imports its way back to itself, and Dagster stays in its own room."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for package in ("zs_client", "zs_pipeline")
    for path in sorted(ROOT.glob(f"{package}/**/*.py"))
}
# Circles that still stand, with the reason; a circle that is cut is taken out here.
CIRCLES = {
    # What one state is, how it is read, and what a table was built from are not apart yet.
    frozenset({"zs_client.provenance", "zs_client.published", "zs_client.read"}),
    # The interface of a source stands in the package that chooses one by its URL.
    frozenset(
        {"zs_pipeline.source"}
        | {f"zs_pipeline.source.{name}" for name in ("asking", "dump", "gateway", "mongo", "plain")}
    ),
}
# Beside `orchestration`: where Dagster looks, the command that makes runs in its own process, and
# what tells of Dagster's history.
IMPORT_DAGSTER = {"zs_pipeline.definitions", "zs_pipeline.build", "zs_pipeline.doctor"}
MAKE_ASSETS = {
    "asset",
    "multi_asset",
    "graph_asset",
    "graph_multi_asset",
    "observable_source_asset",
    "multi_observable_source_asset",
}


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


IMPORTED = {module: imported(module) for module in MODULES}


def reachable(module: str) -> set[str]:
    """Returns the modules that are imported by a module, and by those, and so on."""
    found: set[str] = set()
    ahead = [module]
    while ahead:
        new = (IMPORTED[ahead.pop()] & MODULES.keys()) - found
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
    assert circles <= CIRCLES


def test_dagster_is_imported_in_its_own_room():
    found = {
        module
        for module, names in IMPORTED.items()
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
        ("zs_pipeline.acorns", {"dagster"}),
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
