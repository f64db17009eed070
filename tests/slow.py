"""Which tests are slow: those that build a store, or start a process or a server.

They are found by what a test calls and by its fixtures, so that a new test needs no mark. What
takes over two seconds for another reason has `@pytest.mark.slow`; `told` names what has not.
"""

import ast
from functools import cache
from pathlib import Path

import pytest

# What builds a store, or starts a process or a server, by the name under which tests call it.
STARTS = {
    *("zs_build", "build_all", "execute_in_process", "materialize", "resolve_job_def"),
    *("subprocess", "Popen", "ProcessPoolExecutor", "multiprocessing", "fork"),
    *("ThreadedMotoServer", "HTTPServer", "ThreadingHTTPServer", "FaultyProxy", "serve"),
    *("SecantusDBServer", "MongoClient", "DagsterInstance"),
    # Our own programs, and the number of documents that is worth a process.
    *("checkouts.main", "bench.main", "matrix.main", "measure.build", "WORTH"),
    *("client_store.s3", "s3_server"),
}
CPU_SECONDS, LIMIT = "cpu_seconds", 2
FIXTURES = {
    "s3_server",
    "sample_store",
    "full_store",
    "release_1_0_0",
    "made",
    "postgres",
    "corpus_built",
}


@cache
def _starting(path: Path) -> frozenset[str]:
    """Returns the functions of a module that start something, themselves or by another one."""
    tree = ast.parse(path.read_text())
    calls = {
        node.name: _names(node)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
    }
    starting = {name for name, used in calls.items() if used & STARTS}
    while more := {name for name, used in calls.items() if used & starting} - starting:
        starting |= more
    return frozenset(starting)


def _names(function: ast.AST) -> set[str]:
    """Returns the names in a function, of an attribute `a.b` both `b` and `a.b`."""
    found, words = set(), set()
    for node in ast.walk(function):
        if isinstance(node, ast.Name):
            found.add(node.id)
        elif isinstance(node, ast.Attribute):
            found.add(node.attr)
            if isinstance(node.value, ast.Name):
                found.add(f"{node.value.id}.{node.attr}")
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            words.add(node.value)
    # `setattr(processes, "WORTH", 0)`, `getfixturevalue("s3_server")`
    return found | words & {"WORTH", "s3_server"}


def is_slow(item: pytest.Item) -> bool:
    """Returns whether a test builds a store, or starts a process or a server."""
    if not isinstance(item, pytest.Function):
        return False
    parameters = item.callspec.params if hasattr(item, "callspec") else {}
    starting = _starting(item.path)
    used = {*item.fixturenames, item.originalname}
    # Fixtures such as `store` start the server for a parameter such as `public s3`.
    words = [value for value in parameters.values() if isinstance(value, str)]
    on_s3 = any(word == "s3" or word.endswith(" s3") for word in words)
    return bool(used & FIXTURES or used & starting or on_s3)


def told(reports: list[pytest.TestReport]) -> list[str]:
    """Returns a line for each test without the mark that took over two seconds of CPU time.

    No failure: none depends on the speed of the machine.
    """
    seconds = {
        report.nodeid: dict(report.user_properties).get(CPU_SECONDS, 0)
        for report in reports
        if "slow" not in report.keywords
    }
    return [
        f"{name} took {found:.1f} s of CPU time: `slow` is what takes over {LIMIT} s"
        for name, found in seconds.items()
        if found > LIMIT
    ]
