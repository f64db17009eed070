"""SQL over all tables: `sql("select … from asset_basics join quality_control …")`.

DuckDB answers from Arrow tables in memory; it opens no file and loads no extension. DuckDB's own
parser and planner say which tables, columns and partitions are read.
"""

import json
import re
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any

from zs_client import engine, fetch, kinds, provenance, query_ahead, read, work
from zs_client.ahead import Ahead
from zs_client.errors import QueryError
from zs_client.filters import NEVER_FILTERS, near, short
from zs_client.libraries import duckdb, pa, pd, pl  # noqa: F401 - annotations of shapes
from zs_client.place import Place, resolve
from zs_client.query_ahead import QueryAhead
from zs_client.query_partitions import Parameters, names_columns, nodes, partition_values
from zs_client.query_partitions import tables as named_tables
from zs_client.read import ReadRequest
from zs_client.read_requests import TABLES, find
from zs_client.shapes import frames, needs
from zs_client.snapshot import AnySnapshot
from zs_client.user_tables import named

# DuckDB's own pruning was tried in place of this planner: `read_parquet` over an fsspec
# filesystem of our keys with `allowed_directories`, 10,000 partitions, an S3 with 20 ms of
# latency. Answers are the same and the sandbox holds. But it needs the list of all partitions
# (2.7 MB): one subject takes three requests and 370 ms, here two and 100 ms. All subjects take 28
# s with DuckDB 2.0 and 357 s with 1.2, here 17 and 22 s; from a local folder, 2.0 reads them with
# half the CPU. An interrupt waits for the files that threads are reading, and a ReadError comes
# as an error of DuckDB. The filters that `EXPLAIN` shows do not give partitions either: `IN` of
# three values is shown as `IN (...)`.

# A query sees the tables and its parameters, but no file, no network and no variable of the caller.
_CLOSED = {
    "enable_external_access": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "python_enable_replacements": "false",
    "threads": "4",
}
_NOT_READ = "zs: this column was not read"
# The memory of a query with limits, whose writer may not know how large the tables are.
_MEMORY = {"memory_limit": "2GB"}
_BATCH = 10_000
_TEXT_AS_NUMBER = re.compile(r"Could not convert string .* from source column (\w+)")
_MARK = re.compile(r"zs_(\d+)_(\d+)_zs")


@dataclass(frozen=True)
class Limits:
    """How much of an answer is kept, and how long a query may take.

    Attributes:
        rows: The largest number of rows; further ones are counted.
        seconds: The time after which the query is interrupted.
    """

    rows: int
    seconds: float


@dataclass
class _Used:
    """A table in a query.

    Attributes:
        name: The name in the query.
        table: The acorn's name.
        folder: The name in the store.
        partition: The column by which the table is partitioned; empty when it is not.
        schema: The columns.
        types: DuckDB's types of the columns.
        columns: The columns to read; all when None.
        partition_values: The partitions to read; all when None.
        is_counted: Whether the query needs the number of all rows and no column.
    """

    name: str
    table: str
    folder: str
    partition: str
    schema: "pa.Schema"
    types: list[str] = field(default_factory=list)
    columns: list[str] | None = None
    partition_values: tuple[Any, ...] | None = None
    is_counted: bool = False


def _sql(  # noqa: D417 - `zs_client.shapes` adds the rest
    query: str,
    parameters: Parameters = None,
    *,
    snapshot: AnySnapshot = None,  # noqa: ARG001 - heard in `zs_client.shapes`
    offline: bool | None = None,  # noqa: ARG001
    **tables: Any,
) -> "pa.Table":
    """Returns the answer to one SELECT over the tables, in DuckDB's SQL; needs the extra sql.

    Tables have the acorns' names; `qc` is `quality_control`, and custom tables have their own. Only
    the columns that the query needs are read; a custom table is read whole, as it is now. Of a
    table by subject or platform, only the partitions that a condition like
    `subject_id = '…'` or `subject_id IN (…)` selects are read; without such a condition, all.

    Args:
        query: One SELECT; it has no access to files or the network.
        parameters: Values for each `?` in the query, or for each `$name`.
        tables: Your own tables that the query may name: pandas or polars frames, or Arrow tables.

    Returns:
        The rows. Times are UTC.

    Raises:
        ImportError: DuckDB is not installed.
        QueryError: The query is not one SELECT, or names an unknown table or column; a ValueError.
        TypeError: The query is not text, the parameters are neither a list nor a dict, or one of
            your own tables is not a table.
        AcornNotFound: A table is not in this store and version.
        ReadError: A table is there and cannot be read.
    """
    return answer(query, parameters, tables)


_sql.__name__ = _sql.__qualname__ = "sql"
sql = frames(_sql)


def answer(
    query: str,
    parameters: Parameters = None,
    tables: Mapping[str, Any] | None = None,
    at: Place | None = None,
    limits: Limits | None = None,
) -> "pa.Table":
    """Returns what `sql` returns, from a given store and version.

    Args:
        query: One SELECT.
        parameters: Values for its parameters.
        tables: The caller's own tables, by name.
        at: The store and version; else as `zs_client.place.resolve` takes them.
        limits: How many rows are kept and how long it may take; "rows_total" in the metadata of the
            schema is then the number of rows that there are.
    """
    try:
        import duckdb  # noqa: F401 - whether it is there
    except ImportError as error:
        raise needs("DuckDB", "sql") from error

    if isinstance(parameters, str | bytes) or not isinstance(parameters, Iterable | None):
        raise TypeError(f"parameters must be a list of values or a dict, not {short(parameters)}")
    own = {name.lower(): table for name, table in (tables or {}).items()}
    at = at or resolve()
    with work.scope():
        ahead = query_ahead.begin(query, at)
        return _of_engine(query, parameters, own, at, limits, ahead=ahead)


def _of_engine(
    query: str,
    parameters: Parameters,
    own: Mapping[str, Any],
    at: Place,
    limits: Limits | None,
    *,
    ahead: QueryAhead,
) -> "pa.Table":
    """Returns the answer of a connection of its own; the engine's errors as `QueryError`."""
    import duckdb

    config = _CLOSED if limits is None else _CLOSED | _MEMORY
    with engine.connection(config) as connection, _interrupting(connection, limits) as late:
        try:
            connection.execute("SET TimeZone = 'UTC'").fetchall()
            return _answer(connection, query, parameters, own, at, limits, ahead=ahead)
        except RuntimeError as error:
            # A Ctrl-C that the engine hears, it raises so (DuckDB 1.2 to 2.0).
            if str(error) == "Query interrupted":
                raise KeyboardInterrupt from error
            raise
        except duckdb.Error as error:
            if limits is not None and late.is_set():
                raise QueryError(
                    f"the query was stopped after {limits.seconds:g} s; a condition on the subject "
                    "or platform, fewer tables or an aggregation make it faster"
                ) from error
            # Our internal column names are no words of the reader's query.
            message = _MARK.sub("…", str(error).strip())
            if is_text := _TEXT_AS_NUMBER.search(message):
                message += f"\n{is_text[1]} has texts: compare it with a text in quotes"
            raise QueryError(message) from error


@contextmanager
def _interrupting(
    connection: "duckdb.DuckDBPyConnection", limits: Limits | None
) -> Iterator[threading.Event]:
    """Interrupt a connection again and again once its time is over; the event says that it is."""
    late, ended = threading.Event(), threading.Event()
    if limits is None:
        yield late
        return

    def watch(seconds: float) -> None:
        if not ended.wait(seconds):
            late.set()
        # An interrupt between two queries is lost.
        while not ended.wait(0.05):
            connection.interrupt()

    watcher = threading.Thread(target=watch, args=(limits.seconds,), daemon=True)
    watcher.start()
    try:
        yield late
    finally:
        ended.set()
        watcher.join()


def _answer(
    connection: "duckdb.DuckDBPyConnection",
    query: str,
    parameters: Parameters,
    own: Mapping[str, Any],
    at: Place,
    limits: Limits | None,
    *,
    ahead: QueryAhead,
) -> "pa.Table":
    import duckdb

    tree = _tree(connection, query)
    own = {**_customs(tree, own, at), **own}
    for name, table in own.items():
        connection.register(name, _arrow(name, table))
    tables = []
    names = _named(tree, own)
    if ahead.registry is not None and names:
        ahead.registry()
    for number, name in enumerate(names):
        table = _Used(name, *find(name), schema(name, at))
        tables.append(table)
        marks = [f"zs_{number}_{index}_zs" for index in range(len(table.schema))]
        connection.register(f"zs_{number}", kinds.no_rows(table.schema).rename_columns(marks))
        table.types = [str(kind) for kind in connection.table(f"zs_{number}").types]
        renamed = ", ".join(
            f"{mark} AS {_quoted(column)}"
            for mark, column in zip(marks, table.schema.names, strict=True)
        )
        _view(connection, table, f"SELECT {renamed} FROM zs_{number}")  # noqa: S608 our own names
    if not tables:
        return _result(connection, query, parameters, limits)
    _choose_partitions(tree, tables, parameters)
    _plan(connection, query, parameters, tables)
    labels = _register(connection, tables, at, ahead)
    try:
        content = _result(connection, query, parameters, limits)
    except duckdb.Error as error:
        if _NOT_READ not in str(error):
            raise
        # The plan did not name a column that is read after all.
        for table in tables:
            table.columns, table.is_counted = None, False
        labels = _register(connection, tables, at, ahead)
        content = _result(connection, query, parameters, limits)
    return provenance.mark(content, labels)


def _arrow(name: str, table: Any) -> "pa.Table":
    import pyarrow as pa

    if isinstance(table, pa.Table):
        return table
    # pandas would give its row index as a column.
    if type(table).__module__.partition(".")[0] == "pandas":
        return pa.Table.from_pandas(table, preserve_index=False)
    try:
        return table.to_arrow() if hasattr(table, "to_arrow") else pa.table(table)
    except (TypeError, ValueError) as error:
        advice = f"; {NEVER_FILTERS[name]}" if name in NEVER_FILTERS else ""
        raise TypeError(
            f"{name}= must be a table for the query to read, a pandas or polars frame or an Arrow "
            f"table, not {short(table)}{advice}"
        ) from error


def _result(
    connection: "duckdb.DuckDBPyConnection",
    query: str,
    parameters: Parameters,
    limits: Limits | None,
) -> "pa.Table":
    relation = connection.sql(query, params=parameters or None)
    if limits is None:
        return relation.to_arrow_table()
    import duckdb
    import pyarrow as pa

    # DuckDB before 1.4 has the one, later ones the other without a warning.
    read_batches = getattr(relation, "to_arrow_reader", None) or relation.fetch_arrow_reader
    reader = read_batches(_BATCH)
    batches, total = [], 0
    try:
        for batch in reader:
            if total < limits.rows:
                batches.append(batch.slice(0, limits.rows - total))
            total += batch.num_rows
    # So Arrow raises what goes wrong within DuckDB.
    except (pa.ArrowException, OSError) as error:
        raise duckdb.Error(str(error)) from error
    content = pa.Table.from_batches(batches, reader.schema)
    return content.replace_schema_metadata({"rows_total": str(total)})


def _view(connection: "duckdb.DuckDBPyConnection", table: _Used, query: str) -> None:
    connection.execute(f"CREATE OR REPLACE TEMP VIEW {_quoted(table.name)} AS {query}").fetchall()


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _tree(connection: "duckdb.DuckDBPyConnection", query: str) -> Any:
    if not isinstance(query, str):
        raise TypeError(f"the query must be text with one SELECT, not {short(query)}")
    rows = connection.execute("SELECT json_serialize_sql(?::VARCHAR)", [query]).fetchall()
    parsed = json.loads(rows[0][0])
    if parsed.get("error"):
        message = parsed.get("error_message", "")
        if "Only SELECT" in message:
            raise QueryError("sql runs one SELECT and nothing else; this is another statement")
        raise QueryError(f"the query cannot be understood: {message}")
    if len(parsed["statements"]) != 1:
        count = len(parsed["statements"])
        raise QueryError(f"the query has {count} statements; sql takes one SELECT")
    if any(node.get("type") == "SHOW_REF" and not node.get("query") for node in nodes(parsed)):
        raise QueryError(
            "SHOW lists no tables; DESCRIBE with a table's name lists its columns. "
            f"{near('', [line[0] for line in TABLES])}"
        )
    return parsed["statements"][0]


def _customs(tree: Any, own: Mapping[str, Any], at: Place) -> dict[str, Any]:
    """Returns the custom tables that a query names, as they are now, by name in small letters."""
    known = {name for line in TABLES for name in line[:2]} | own.keys() | _within(tree)
    names = {n["table_name"] for n in named_tables(tree) if n["table_name"].lower() not in known}
    tables = {name.lower(): named(name, at) for name in sorted(names)}
    return {name: table for name, table in tables.items() if table is not None}


def _within(tree: Any) -> set[str]:
    """Returns the names that the query itself gives, with WITH."""
    return {
        entry["key"].lower()
        for node in nodes(tree)
        for entry in (node.get("cte_map") or {}).get("map", ())
    }


def _named(tree: Any, own: Mapping[str, Any]) -> list[str]:
    """Returns the names of the cache's tables that a query may read.

    Raises:
        QueryError: The query names an unknown table.
    """
    known = {name for line in TABLES for name in line[:2]} - own.keys()
    names = {node["table_name"].lower() for node in named_tables(tree)}
    unknown = sorted(names - known - _within(tree) - own.keys())
    if unknown:
        existing = [*own, *(line[0] for line in TABLES)]
        raise QueryError(f"there is no table {short(unknown[0])}. {near(unknown[0], existing)}")
    return sorted(names & known)


def schema(table: str, at: Place) -> "pa.Schema":
    """Returns the columns of a table, including the column of its partitions.

    Raises:
        AcornNotFound: The table is not in this store and version.
        ReadError: The table cannot be read.
    """
    import pyarrow as pa

    store, layout = at
    name, folder, partition = find(table)
    registry = provenance.begin(store, layout, fetch.get_json)()
    facts = provenance.entry(registry, name)
    if not kinds.has_types(facts):
        facts = fetch.facts(store, layout, folder) or {}
    if kinds.has_types(facts):
        columns = kinds.empty(facts).schema
    elif partition:
        key = layout.partition(folder, partition, "…")
        raise fetch.not_found(store, layout, f"the list of partitions of {name}", key)
    else:
        columns = read.content(ReadRequest(name, folder, limit=0), at).schema.remove_metadata()
    if partition and partition not in columns.names:
        columns = columns.append(pa.field(partition, pa.string()))
    return columns


def _choose_partitions(tree: Any, tables: list[_Used], parameters: Parameters) -> None:
    """Set the partitions to read: those that the query's conditions select."""
    own_names = _within(tree)
    texts = {
        table.name: [field.name for field in table.schema if kinds.is_text(field.type)]
        for table in tables
        if table.name not in own_names
    }
    counts = not names_columns(tree)
    for table in tables:
        if table.partition:
            table.partition_values = partition_values(
                tree, table.name, table.partition, texts, parameters
            )
            table.is_counted = counts and table.partition_values is None


def _plan(
    connection: "duckdb.DuckDBPyConnection", query: str, parameters: Parameters, tables: list[_Used]
) -> None:
    """Set the columns to read: those that the scans in DuckDB's plan name."""
    import duckdb

    try:
        rows = connection.execute(f"EXPLAIN (FORMAT json) {query}", parameters or None).fetchall()
    except duckdb.Error:
        # On tables without rows the query itself fails alike, and the message shows its text.
        connection.execute(query, parameters or None).fetchall()
        raise
    scanned: set[tuple[int, int]] = set()
    for text in (str(cell) for row in rows for cell in row):
        scanned |= {(int(number), int(index)) for number, index in _MARK.findall(text)}
    for number, table in enumerate(tables):
        names = [n for index, n in enumerate(table.schema.names) if (number, index) in scanned]
        # `count(*)` may need no column, and its rows have to be counted.
        table.columns = names or [table.partition or table.schema.names[0]]


def _register(
    connection: "duckdb.DuckDBPyConnection", tables: list[_Used], at: Place, ahead: QueryAhead
) -> dict[str, Any]:
    """Read the tables into DuckDB; returns their common labels."""
    contents = work.map_ordered(
        lambda table: _content(table, at, ahead.tables.get(table.folder)), tables
    )
    labels = []
    for number, (table, content) in enumerate(zip(tables, contents, strict=True)):
        labels.append(provenance.marks(content))
        provenance.warn_if_stale(labels[-1])
        connection.register(f"zs_full_{number}", content)
        # Every column is there, or `*` and columns by position would mean others. A column that was
        # not read raises an error when it is used.
        columns = ", ".join(
            _quoted(name)
            if name in content.column_names
            else f"error('{_NOT_READ}')::{kind} AS {_quoted(name)}"
            for name, kind in zip(table.schema.names, table.types, strict=True)
        )
        _view(connection, table, f"SELECT {columns} FROM zs_full_{number}")  # noqa: S608 our names
    same = {key: value for key, value in labels[0].items() if all(t[key] == value for t in labels)}
    return {**same, "table": ", ".join(table.table for table in tables)}


def _content(table: _Used, at: Place, ahead: Ahead | None) -> "pa.Table":
    store, layout = at
    values = table.partition_values
    request = ReadRequest(
        table.table,
        table.folder,
        columns=table.columns,
        partition=table.partition,
        parts=values,
        encoded=engine.takes_encoded(),
    )
    if table.is_counted and (counted := read.counted(request, at, ahead)) is not None:
        return counted
    with suppress(read.SubjectNotFound):
        if table.partition == "subject_id" or values is None:
            return read.content(request, at, ahead)
    # A partition that does not exist has no rows.
    existing = read.partition_values(store, layout, request)
    selected = set(values or ())
    return read.content(replace(request, parts=tuple(v for v in existing if v in selected)), at)
