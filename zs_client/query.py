"""SQL over all tables: `sql("select … from asset_basics join quality_control …")`.

DuckDB answers from Arrow tables in memory; it opens no file and loads no extension. Which tables
are read, which columns and which partitions comes from DuckDB's own parser and planner.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from zs_client import fetch, provenance, read, work
from zs_client.acorns import TABLES, find
from zs_client.errors import QueryError
from zs_client.filters import near, short
from zs_client.place import Place, resolve
from zs_client.read import ReadRequest
from zs_client.shapes import frames, needs

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

# DuckDB's own pruning was tried in place of this planner: `read_parquet` over an fsspec
# filesystem of our keys with `allowed_directories`, 10,000 partitions, an S3 with 20 ms of
# latency. Answers are the same and the sandbox holds. But it needs the list of all partitions
# (2.7 MB): one subject takes three requests and 370 ms, here two and 100 ms. All subjects take 28
# s with DuckDB 2.0 and 357 s with 1.2, here 17 and 22 s; from a local folder, 2.0 reads them with
# half the CPU. An interrupt waits for the files that threads are reading, and a ReadError comes
# as an error of DuckDB. The filters that `EXPLAIN` shows do not give partitions either: `IN` of
# three values is shown as `IN (...)`.

# A query is no program: it sees the tables and what it is given, no file, no network, no variable
# of the caller.
_CLOSED: dict[str, str | bool | int | float | list[str]] = {
    "enable_external_access": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "python_enable_replacements": "false",
    "threads": "4",
}
_NOT_READ = "zs: this column was not read"
_MARK = re.compile(r"zs_(\d+)_(\d+)_zs")
Parameters = Sequence[Any] | Mapping[str, Any] | None


@dataclass
class _Used:
    """A table in a query.

    Attributes:
        name: As the query has it.
        table: The acorn's name.
        folder: Its name in the store.
        partition: The column by which it is partitioned; empty when it is not.
        schema: Its columns.
        types: Theirs, as DuckDB calls them.
        columns: Those that are read; all when None.
        parts: The partitions that are read; all when None.
    """

    name: str
    table: str
    folder: str
    partition: str
    schema: "pa.Schema"
    types: list[str] = field(default_factory=list)
    columns: list[str] | None = None
    parts: tuple[Any, ...] | None = None


def _sql(  # noqa: D417 - `zs_client.shapes` adds the rest
    query: str,
    parameters: Parameters = None,
    *,
    snapshot: str | None = None,  # noqa: ARG001 - heard in `zs_client.shapes`
    offline: bool | None = None,  # noqa: ARG001
    **tables: Any,
) -> "pa.Table":
    """The answer to one SELECT over the tables, in DuckDB's SQL; needs the extra sql.

    Tables go by the acorns' names; `qc` is `quality_control`. Of each only the columns are read
    that the query needs, and of one by subject or platform only the partitions that a condition
    like `subject_id = '…'` or `subject_id IN (…)` leaves; without one, all of them.

    Args:
        query: One SELECT; it sees no files and no network.
        parameters: Values for its `?`, or for its `$name`.
        tables: Tables of one's own that it may name: pandas or polars frames, or Arrow tables.

    Returns:
        The rows. Times are UTC.

    Raises:
        ImportError: DuckDB is not installed.
        QueryError: It is no SELECT, or names a table or column that there is not; a ValueError.
        TypeError: The query is no text, the parameters are neither a list nor a dict, or one of
            one's own tables is none.
        AcornNotFound: A table is not in this store and version.
        ReadError: One is there and cannot be read.
    """
    return answer(query, parameters, tables)


_sql.__name__ = "sql"
sql = frames(_sql)


def answer(
    query: str,
    parameters: Parameters = None,
    tables: Mapping[str, Any] | None = None,
    at: Place | None = None,
) -> "pa.Table":
    """As `sql`, of a store and version.

    Args:
        query: One SELECT.
        parameters: Values for it.
        tables: Tables of one's own.
        at: The store and version; else as `zs_client.place.resolve` takes them.
    """
    try:
        import duckdb
    except ImportError as error:
        raise needs("DuckDB", "sql") from error

    if isinstance(parameters, str | bytes) or not isinstance(parameters, Iterable | None):
        raise TypeError(f"parameters are a list of values or a dict, not {short(parameters)}")
    own = {name.lower(): table for name, table in (tables or {}).items()}
    with duckdb.connect(config=_CLOSED) as connection:
        connection.execute("SET TimeZone = 'UTC'").fetchall()
        try:
            return _answer(connection, query, parameters, own, at or resolve())
        except duckdb.Error as error:
            raise QueryError(_said(error)) from error


def _answer(
    connection: "duckdb.DuckDBPyConnection",
    query: str,
    parameters: Parameters,
    own: Mapping[str, Any],
    at: Place,
) -> "pa.Table":
    import duckdb

    tree = _tree(connection, query)
    for name, table in own.items():
        connection.register(name, _arrow(name, table))
    used = [_used(name, at) for name in _named(tree, own)]
    for number, table in enumerate(used):
        if table.partition:
            table.parts = _parts(tree, table, parameters)
        marks = [f"zs_{number}_{place}_zs" for place in range(len(table.schema))]
        connection.register(f"zs_{number}", table.schema.empty_table().rename_columns(marks))
        table.types = [str(kind) for kind in connection.table(f"zs_{number}").types]
        renamed = ", ".join(
            f"{mark} AS {_quoted(column)}"
            for mark, column in zip(marks, table.schema.names, strict=True)
        )
        _view(connection, table, f"SELECT {renamed} FROM zs_{number}")  # noqa: S608 our own names
    if not used:
        return _result(connection, query, parameters)
    _plan(connection, query, parameters, used)
    told = _register(connection, used, at)
    try:
        found = _result(connection, query, parameters)
    except duckdb.Error as error:
        if _NOT_READ not in str(error):
            raise
        # The plan did not name a column that is read after all.
        for table in used:
            table.columns = None
        told = _register(connection, used, at)
        found = _result(connection, query, parameters)
    return provenance.mark(found, told)


def _arrow(name: str, table: Any) -> "pa.Table":
    import pyarrow as pa

    if isinstance(table, pa.Table):
        return table
    # pandas would give its row index as a column.
    is_pandas = type(table).__module__.partition(".")[0] == "pandas"
    if is_pandas:
        return pa.Table.from_pandas(table, preserve_index=False)
    try:
        return table.to_arrow() if hasattr(table, "to_arrow") else pa.table(table)
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"{name}= is a table that the query may name, a pandas or polars frame or an Arrow "
            f"table, not {short(table)}"
        ) from error


def _result(
    connection: "duckdb.DuckDBPyConnection", query: str, parameters: Parameters
) -> "pa.Table":
    return connection.sql(query, params=parameters or None).to_arrow_table()


def _view(connection: "duckdb.DuckDBPyConnection", table: _Used, query: str) -> None:
    connection.execute(f"CREATE OR REPLACE TEMP VIEW {_quoted(table.name)} AS {query}").fetchall()


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _said(error: Exception) -> str:
    """DuckDB's message, without what it says of names that are ours."""
    return _MARK.sub("…", str(error).strip())


def _tree(connection: "duckdb.DuckDBPyConnection", query: str) -> Any:
    """The query as DuckDB's parser has it."""
    if not isinstance(query, str):
        raise TypeError(f"the query is a text with one SELECT, not {short(query)}")
    rows = connection.execute("SELECT json_serialize_sql(?::VARCHAR)", [query]).fetchall()
    found = json.loads(rows[0][0])
    if found.get("error"):
        said = found.get("error_message", "")
        if "Only SELECT" in said:
            raise QueryError("sql takes one SELECT and only reads; this is another statement")
        raise QueryError(f"the query cannot be understood: {said}")
    if len(found["statements"]) != 1:
        raise QueryError(f"there are {len(found['statements'])} statements; it takes one SELECT")
    if any(node.get("type") == "SHOW_REF" and not node.get("query") for node in _nodes(found)):
        raise QueryError(
            "SHOW sees no tables; DESCRIBE and a table's name tells its columns. "
            f"{near('', [line[0] for line in TABLES])}"
        )
    return found["statements"][0]


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    waiting = [tree]
    while waiting:
        below = waiting.pop()
        if isinstance(below, dict):
            yield below
            waiting.extend(below.values())
        elif isinstance(below, list):
            waiting.extend(below)


def _tables(tree: Any) -> Iterator[dict[str, Any]]:
    return (node for node in _nodes(tree) if node.get("type") == "BASE_TABLE")


def _named(tree: Any, own: Mapping[str, Any]) -> list[str]:
    """The tables of the cache that a query may read.

    Raises:
        QueryError: It names a table that there is not.
    """
    known = {name for line in TABLES for name in line[:2]} - own.keys()
    within = {
        entry["key"].lower()
        for node in _nodes(tree)
        for entry in (node.get("cte_map") or {}).get("map", ())
    }
    named = {node["table_name"].lower() for node in _tables(tree)}
    unknown = sorted(named - known - within - own.keys())
    if unknown:
        names = [*own, *(line[0] for line in TABLES)]
        raise QueryError(f"there is no table {short(unknown[0])}. {near(unknown[0], names)}")
    return sorted(named & known)


def _used(name: str, at: Place) -> _Used:
    table, folder, partition = find(name)
    return _Used(name, table, folder, partition, schema(table, at))


def schema(table: str, at: Place) -> "pa.Schema":
    """The columns of a table, that of its partitions among them.

    Raises:
        AcornNotFound: It is not in this store and version.
        ReadError: It cannot be read.
    """
    import pyarrow as pa

    store, layout = at
    name, folder, partition = find(table)
    registry = provenance.begin(store, layout, fetch.get_json)()
    told = provenance.entry(registry, name)
    if not read.has_types(told):
        told = fetch.facts(store, layout, folder) or {}
    if read.has_types(told):
        found = read.empty(told).schema
    elif partition:
        key = layout.partition(folder, partition, "…")
        raise fetch.not_found(store, layout, f"the list of partitions of {name}", key)
    else:
        found = read.content(ReadRequest(name, folder, limit=0), at).schema.remove_metadata()
    if partition and partition not in found.names:
        found = found.append(pa.field(partition, pa.string()))
    return found


def _plan(
    connection: "duckdb.DuckDBPyConnection", query: str, parameters: Parameters, used: list[_Used]
) -> None:
    """Find the columns that are read: those that the scans in DuckDB's plan name."""
    import duckdb

    try:
        rows = connection.execute(f"EXPLAIN (FORMAT json) {query}", parameters or None).fetchall()
    except duckdb.Error:
        # Of the query itself, on tables without rows, DuckDB says the same and shows its own words.
        connection.execute(query, parameters or None).fetchall()
        raise
    wanted: set[tuple[int, int]] = set()
    for text in (str(cell) for row in rows for cell in row):
        wanted |= {(int(number), int(place)) for number, place in _MARK.findall(text)}
    for number, table in enumerate(used):
        names = [n for place, n in enumerate(table.schema.names) if (number, place) in wanted]
        # `count(*)` may need no column, and its rows have to be counted.
        table.columns = names or [table.partition or table.schema.names[0]]


def _register(
    connection: "duckdb.DuckDBPyConnection", used: list[_Used], at: Place
) -> dict[str, Any]:
    """Read what is used, and what is told about it."""
    contents = work.map_ordered(lambda table: _content(table, at), used)
    told = []
    for number, (table, content) in enumerate(zip(used, contents, strict=True)):
        told.append(provenance.marks(content))
        provenance.warn_if_stale(told[-1])
        connection.register(f"zs_full_{number}", content)
        # Every column is there, or `*` and columns by their place would be others. One that was not
        # read refuses to be.
        columns = ", ".join(
            _quoted(name)
            if name in content.column_names
            else f"error('{_NOT_READ}')::{kind} AS {_quoted(name)}"
            for name, kind in zip(table.schema.names, table.types, strict=True)
        )
        _view(connection, table, f"SELECT {columns} FROM zs_full_{number}")  # noqa: S608 our names
    same = {key: found for key, found in told[0].items() if all(t[key] == found for t in told)}
    return {**same, "table": ", ".join(table.table for table in used)}


def _content(table: _Used, at: Place) -> "pa.Table":
    store, layout = at
    wish = ReadRequest(
        table.table, table.folder, {}, table.columns, None, table.partition, table.parts
    )
    try:
        if table.partition == "subject_id" or table.parts is None:
            return read.content(wish, at)
    except read.SubjectNotFound:
        pass
    # A query that asks for what is not there has no rows of it.
    there = read.partition_values(store, layout, wish)
    wanted = set(table.parts or ())
    return read.content(replace(wish, parts=tuple(p for p in there if p in wanted)), at)


def _parts(tree: Any, table: _Used, parameters: Parameters) -> tuple[Any, ...] | None:
    """The partitions that conditions leave, when each mention of the table has such a condition."""
    mentions = sum(node["table_name"].lower() == table.name for node in _tables(tree))
    left: set[str] = set()
    for node in _nodes(tree):
        if node.get("type") != "SELECT_NODE" or node.get("sample"):
            continue
        leaves = _leaves(node.get("from_table") or {})
        for leaf in leaves:
            if leaf.get("type") != "BASE_TABLE" or leaf["table_name"].lower() != table.name:
                continue
            found = _condition(node, leaf, table.partition, parameters, alone=len(leaves) == 1)
            if found is None:
                return None
            left |= found
            mentions -= 1
    return tuple(sorted(left)) if mentions == 0 else None


def _leaves(source: dict[str, Any]) -> list[dict[str, Any]]:
    """What is joined; nothing where a join is not one of rows that fit."""
    if source.get("type") != "JOIN":
        return [source]
    if source.get("ref_type") not in ("REGULAR", "CROSS"):
        return []
    return [*_leaves(source["left"]), *_leaves(source["right"])]


def _condition(
    node: dict[str, Any], leaf: dict[str, Any], column: str, parameters: Parameters, *, alone: bool
) -> set[str] | None:
    """The values that a SELECT leaves of a column of one of its tables; None when any."""
    if leaf.get("sample") or leaf.get("column_name_alias"):
        return None
    names = [[(leaf.get("alias") or leaf["table_name"]).lower(), column]]
    aliases = {(each.get("alias") or "").lower() for each in node.get("select_list") or ()}
    if alone and column not in aliases:
        names.append([column])
    waiting = [node.get("where_clause") or {}]
    while waiting:
        test = waiting.pop()
        kind = test.get("type")
        if kind == "CONJUNCTION_AND":
            waiting.extend(test["children"])
            continue
        if kind == "COMPARE_EQUAL":
            sides = [test["left"], test["right"]]
        elif kind == "COMPARE_IN":
            sides = test["children"]
        else:
            continue
        if kind == "COMPARE_EQUAL" and sides[0].get("type") != "COLUMN_REF":
            sides.reverse()
        said = [each.lower() for each in sides[0].get("column_names") or ()]
        values = [_constant(side, parameters) for side in sides[1:]]
        if said in names and all(value is not None for value in values):
            return {value for value in values if value is not None}
    return None


def _constant(side: dict[str, Any], parameters: Parameters) -> str | None:
    """A text that stands in the query, or is given for a parameter of it."""
    found: Any = None
    if side.get("type") == "VALUE_CONSTANT":
        literal, value = side.get("literal") or {}, side.get("value") or {}
        if literal.get("kind") == "STRING":
            found = literal.get("text", "")
        elif isinstance(value, dict) and (value.get("type") or {}).get("id") == "VARCHAR":
            found = value.get("value")
    elif side.get("type") == "VALUE_PARAMETER":
        name = str(side.get("identifier"))
        if isinstance(parameters, Mapping):
            found = parameters.get(name)
        elif parameters is not None and name.isdecimal() and int(name) <= len(parameters):
            found = parameters[int(name) - 1]
    return found if isinstance(found, str) else None
