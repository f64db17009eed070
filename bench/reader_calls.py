"""What a reader's own package answers, for `bench.readers`: run by the Python of its environment.

Standard library alone, since nothing of this project is in that environment.
"""

import importlib
import inspect
import json
import shutil
import sys
import time
from pathlib import Path
from typing import Any

Call = tuple[str, list[Any], dict[str, Any]]


def signatures(package: str) -> dict[str, Any]:
    """Returns a package's version, and of each function that it exports the parameters."""
    module = importlib.import_module(package)
    functions = {
        name: [
            {"name": p.name, "kind": p.kind.name}
            | ({} if p.default is p.empty else {"default": p.default})
            for p in inspect.signature(function).parameters.values()
        ]
        for name, function in sorted(vars(module).items())
        if inspect.isfunction(function)
    }
    return {"package": package, "version": module.__version__, "functions": functions}


def answers(package: str, calls: list[Call]) -> list[tuple[str, bool]]:
    """Returns what each call answered in a few words, and whether it failed."""
    module = importlib.import_module(package)
    found = []
    for name, args, words in calls:
        try:
            found.append((described(getattr(module, name)(*args, **words)), False))
        except Exception as error:  # noqa: BLE001 - the answer is that it failed
            first = (str(error).splitlines() or [""])[0]
            found.append((f"{type(error).__name__}: {first}"[:120], True))
    return found


def timed(package: str, line: str, names: dict[str, Any]) -> tuple[float, int]:
    """Returns the seconds that a line of a package's functions took, and its number of rows."""
    module = importlib.import_module(package)
    for library in ("duckdb", "pandas", "boto3"):
        importlib.import_module(library)
    begun = time.perf_counter()
    answer = eval(line, {**vars(module), **names})  # noqa: S307 - a line of `bench.tasks`
    return time.perf_counter() - begun, len(answer)


def described(value: Any) -> str:
    """Returns an answer in a few words."""
    if hasattr(value, "columns") and hasattr(value, "dtypes"):
        rows, columns = value.shape
        return f"{rows:,} rows, {columns} columns" if rows else "an empty frame"
    for name in ("acorns", "tables"):
        if hasattr(value, name):
            return f"{len(getattr(value, name))} tables"
    if isinstance(value, list):
        texts = all(isinstance(entry, str) for entry in value)
        return f"a list of {len(value)} {'texts' if texts else 'columns'}"
    if isinstance(value, tuple):
        return " and ".join(map(described, value))
    return f"a path that ends with {value[-24:]}" if isinstance(value, str) else f"{value}"


def queried(queries: list[str], before: list[str]) -> list[tuple[str, bool]]:
    """Returns what DuckDB answered to each query, and whether it failed."""
    import duckdb  # type: ignore[import-not-found, unused-ignore]

    connection = duckdb.connect()
    for line in before:
        connection.execute(line)
    found = []
    for query in queries:
        try:
            row = connection.execute(query).fetchone()
            found.append((", ".join(f"{value}" for value in row or ()), False))
        except Exception as error:  # noqa: BLE001 - the answer is that it failed
            found.append((f"{type(error).__name__}: {str(error).splitlines()[0]}"[:120], True))
    return found


def with_httpfs(address: str) -> str:
    """Give DuckDB its extension for S3 from a wheel, and a stand-in's address for good.

    Both lie under the home of whoever runs this, where each connection of any program has them.

    Returns:
        DuckDB's version.
    """
    import duckdb

    connection = duckdb.connect()
    (version,) = connection.execute("SELECT library_version FROM pragma_version()").fetchall()[0]
    (platform,) = connection.execute("PRAGMA platform").fetchall()[0]
    wheel = importlib.import_module("duckdb_extension_httpfs").__file__ or ""
    (extension,) = Path(wheel).parent.glob("extensions/*/httpfs.duckdb_extension")
    folder = Path.home() / ".duckdb" / "extensions" / version / platform
    folder.mkdir(parents=True)
    shutil.copy(extension, folder)
    connection.execute("LOAD httpfs")
    connection.execute(
        "CREATE PERSISTENT SECRET stand_in (TYPE s3, KEY_ID 'bench', SECRET 'bench', "
        f"ENDPOINT '{address.removeprefix('http://')}', URL_STYLE 'path', USE_SSL false)"
    )
    return str(version)


def main() -> None:
    """Answer the one question on stdin, as JSON on stdout."""
    what, *words = json.load(sys.stdin)
    functions = (signatures, answers, timed, queried, with_httpfs)
    answer = {function.__name__: function for function in functions}[what](*words)
    # The packages log to stderr, and print as they like before this line.
    print(f"\n{json.dumps(answer)}")


if __name__ == "__main__":
    main()
