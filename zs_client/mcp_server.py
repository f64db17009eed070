"""`zs mcp`: serves the tables to language models over standard input and output, as MCP tools.

The official SDK speaks the protocol and makes the schemas from the functions here, each of which is
a tool. What they answer is made in `zs_client.mcp_answers`.
"""

import argparse
import json
import re
import sys
import warnings
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import partial
from traceback import print_exception
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, ValidationError

from zs_client import column_values, fetch, lineage, provenance, query, read, registry, remembered
from zs_client.arguments import store_url
from zs_client.contract import STAGES, __version__
from zs_client.errors import QueryError, ReadError, StoreError
from zs_client.filters import ALIASES, short
from zs_client.libraries import pa
from zs_client.mcp_answers import (
    DEFAULT_ROWS,
    MOST_ROWS,
    NOTICE,
    Answer,
    ColumnRow,
    DerivedRow,
    Page,
    Problem,
    TableRow,
    ValueRow,
    answer_of,
    note,
    notes,
    table_answer,
)
from zs_client.nearest import nearest
from zs_client.place import asking, resolve
from zs_client.read_requests import TABLES, read_request
from zs_client.user_tables import custom_tables, named

if TYPE_CHECKING:
    from mcp.server import Server
    from mcp.types import CallToolResult, ListToolsResult

INSTRUCTIONS = (
    "Tables of metadata of neuroscience data assets, made every night. Call tables, then "
    "describe for the columns of one, and values for what a filter may be given. sql answers "
    "one query of DuckDB over all tables; with a condition on subject_id it reads one animal. "
    "Every answer has the total and, in `cut`, what is missing from it; every error has its "
    "kind, a message, and the nearest names or values that exist. " + NOTICE
)
SECONDS = 30.0
# So many names are listed where none is near.
_FEW = 30
# Words that a column may have, whether or not the rows of one animal have them.
_WORDS = {
    "status": {"Pass", "Fail", "Pending"},
    "stage": set(STAGES),
}
_EXPECTED = (StoreError, ReadError, LookupError, ValueError, TypeError, ImportError)


class _Unknown(Exception):
    """A name or a value that does not exist."""

    def __init__(self, kind: str, message: str, close: Sequence[str]) -> None:
        super().__init__(message)
        self.kind, self.close = kind, [*close]


Table = Annotated[str, Field(description="A table's name, as of the tool tables.")]
Texts = str | list[str] | None
Limit = Annotated[int, Field(ge=1, le=MOST_ROWS, description="The largest number of rows.")]
Offset = Annotated[int, Field(ge=0, description="How many rows to leave out first.")]


def tables() -> Answer[TableRow]:
    """Lists the tables: name, number of rows, what a row is, and the columns."""
    info = registry.get_squirrel_info()
    rows = [
        {
            "table": acorn.name,
            "rows": acorn.rows,
            "description": acorn.description,
            "partition": acorn.partition_key,
            "columns": [column.name for column in acorn.columns],
        }
        for acorn in info.acorns
    ]
    rows += [
        {
            "table": name,
            "rows": count,
            "description": "A custom table.",
            "partition": None,
            "columns": [],
        }
        for name, count in _custom_tables()
    ]
    published = info.published_at and info.published_at.isoformat().replace("+00:00", "Z")
    labels = {"version": info.version, "snapshot": info.snapshot, "published_at": published}
    return answer_of(Answer[TableRow], rows, labels, Page())


def describe(table: Table, limit: Limit = MOST_ROWS, offset: Offset = 0) -> Answer[ColumnRow]:
    """Tells what the columns of a table mean: type, meaning, share of nulls, examples."""
    _check_table(table)
    content = registry.described(table, resolve())
    return table_answer(Answer[ColumnRow], content, Page(limit, offset))


def values(
    table: Table,
    column: Annotated[str, Field(description="A column of the table.")],
    limit: Limit = DEFAULT_ROWS,
    offset: Offset = 0,
) -> Answer[ValueRow]:
    """Lists the values of a column and how many rows have each, the most frequent first.

    Of a list column each entry is a value.
    """
    _check_table(table)
    own = named(table, resolve())
    columns = query.schema(table, resolve()).names if own is None else own.column_names
    _check("NoSuchColumn", f"the table {table} has no column", [column], columns)
    content = column_values.counted(table, column, resolve())
    return table_answer(Answer[ValueRow], content, Page(limit, offset))


def qc(  # noqa: PLR0913 - a filter is an argument
    *,
    subject_id: Annotated[
        str | int | list[str | int] | None, Field(description="An animal, or several.")
    ] = None,
    asset_names: Annotated[
        Texts, Field(description="Only these data assets; their animals are looked up.")
    ] = None,
    name: Annotated[Texts, Field(description="Metrics' names.")] = None,
    stage: Annotated[
        Texts, Field(description="Raw data, Processing, Analysis or Multi-asset.")
    ] = None,
    modality: Annotated[Texts, Field(description="An abbreviation, case ignored.")] = None,
    status: Annotated[Texts, Field(description="Pass, Fail or Pending.")] = None,
    tag: Annotated[Texts, Field(description="Fits if it is one of the metric's tags.")] = None,
    columns: Annotated[list[str] | None, Field(description="Only these columns.")] = None,
    limit: Limit = DEFAULT_ROWS,
    offset: Offset = 0,
) -> Answer[dict[str, Any]]:
    """Lists quality control metrics of one animal or several, one row per metric.

    Give subject_id or asset_names. For all animals, use sql over the table quality_control.
    """
    place = resolve()
    existing = query.schema("quality_control", place).names
    _check("NoSuchColumn", "the table quality_control has no column", columns or (), existing)
    given = {"subject_id": subject_id, "asset_names": asset_names}
    animals = {word: value for word, value in given.items() if value is not None}
    given = {"name": name, "stage": stage, "modality": modality, "status": status, "tag": tag}
    words = {word: value for word, value in given.items() if value is not None}
    request = read_request("quality_control", {**animals, **words, "columns": columns}, place)
    try:
        content = read.rows(request, place)
    except read.SubjectNotFound as error:
        subjects = read.rows(read_request("unique_subject_ids", {}), place).column(0).to_pylist()
        _check("NoSuchSubject", "no data asset has the subject", _texts(subject_id), subjects)
        raise _Unknown("NoSuchSubject", str(error), ()) from error
    if asset_names is not None and not content.num_rows:
        basics = read.rows(read_request("asset_basics", {"columns": "name"}), place)
        names = basics["name"].to_pylist()
        _check("NoSuchValue", "no data asset has the name", _texts(asset_names), names)
    # Of several values one may be wrong.
    if words and not (content.num_rows and all(isinstance(v, str) for v in words.values())):
        _check_values(read.rows(read_request("quality_control", animals, place), place), words)
    return table_answer(Answer[dict[str, Any]], content, Page(limit, offset))


def raw_to_derived(
    asset_name: Annotated[str | list[str], Field(description="Raw data assets' names.")],
    modality: Annotated[str | None, Field(description="An abbreviation, case ignored.")] = None,
    latest: Annotated[bool, Field(description="Only the newest of each pipeline.")] = False,  # noqa: FBT002
    limit: Limit = DEFAULT_ROWS,
    offset: Offset = 0,
) -> Answer[DerivedRow]:
    """Lists the data assets that were derived from raw ones."""
    place = resolve()
    by_name = lineage.derived(_texts(asset_name), modality, latest=latest, at=place)
    if not all(by_name.values()):
        request = read_request("asset_basics", {"columns": ["name", "modalities"]})
        basics = read.rows(request, place)
        without = [name for name, derived in by_name.items() if not derived]
        _check("NoSuchValue", "no data asset has the name", without, basics["name"].to_pylist())
        modalities = {m for entry in basics["modalities"].to_pylist() for m in entry or ()}
        problem = "no data asset has the modality"
        _check("NoSuchValue", problem, _texts(modality), modalities, ignore_case=True)
        of_modality = f" of the modality {modality}" if modality else ""
        note(f"nothing{of_modality} was derived from {short(without)}")
    pairs = [(raw, name) for raw, names in by_name.items() for name in names]
    rows = [{"asset_name": raw, "derived": name} for raw, name in pairs[offset : offset + limit]]
    read_registry = provenance.begin(*place, fetch.get_json)
    labels = provenance.labels_of(read_registry(), "source_data", *place)
    return answer_of(Answer[DerivedRow], rows, labels, Page(limit, offset, len(pairs)))


async def sql(
    select: Annotated[
        str, Field(description="One SELECT; it has no access to files or the network.")
    ],
    limit: Limit = DEFAULT_ROWS,
    seconds: Annotated[float, Field(gt=0, le=SECONDS, description="When to stop.")] = SECONDS,
) -> Answer[dict[str, Any]]:
    """Answers one SELECT over the tables, in DuckDB's SQL.

    A condition like subject_id = '…' on quality_control or qc_tag_status, or platform = '…' on
    platform_qc, reads only that part.
    """
    import anyio

    with anyio.move_on_after(seconds + 1):
        # DuckDB stops by itself; a read over a network is left behind.
        ask = partial(_sql, select, query.Limits(limit, seconds))
        return await anyio.to_thread.run_sync(ask, abandon_on_cancel=True)
    raise QueryError(f"the tables were not read within {seconds:g} s; a condition makes it faster")


def _sql(select: str, limits: query.Limits) -> Answer[dict[str, Any]]:
    content = query.answer(select, at=resolve(), limits=limits)
    total = int(content.schema.metadata[b"rows_total"])
    page = Page(limits.rows, 0, total, "LIMIT and OFFSET in the query")
    return table_answer(Answer[dict[str, Any]], content, page)


_TOOLS = (tables, describe, values, qc, raw_to_derived, sql)


def _custom_tables() -> list[tuple[str, int | None]]:
    try:
        return [(table.name, table.rows) for table in custom_tables()]
    except (ReadError, StoreError) as error:
        note(f"custom tables cannot be listed: {error}")
        return []


def _texts(value: Any) -> list[str]:
    if value is None:
        return []
    return [str(entry) for entry in value] if isinstance(value, list) else [str(value)]


def _check_table(table: str) -> None:
    names = [name for line in TABLES for name in line[:2]]
    if table not in names and named(table, resolve()) is None:
        _check("NoSuchTable", "there is no table", [table], [*names, *dict(_custom_tables())])


def _check(
    kind: str,
    problem: str,
    names: Iterable[str],
    existing: Iterable[str | None],
    *,
    ignore_case: bool = False,
) -> None:
    """Refuse the first name that does not exist, with the nearest that do."""
    known = {name for name in existing if name is not None}
    spellings = {name.casefold() for name in known} if ignore_case else known
    for name in names:
        if (name.casefold() if ignore_case else name) not in spellings:
            close = nearest(name, known)
            raise _Unknown(kind, f"{problem} {short(name)}; {_advice(close, known)}", close)


def _advice(close: Sequence[str], known: Collection[str]) -> str:
    """Returns the nearest names, all of few names, or which tool lists them."""
    if close:
        return f"nearest: {', '.join(map(short, close))}"
    if len(known) > _FEW:
        return "the tool values lists those of a column"
    return f"there are {', '.join(sorted(known)) or 'none'}"


def _check_values(content: "pa.Table", words: Mapping[str, Any]) -> None:
    """Refuse a value that some animals' rows lack and that is spelled like one that they have."""
    count = content.num_rows
    for word, value in words.items():
        names = (word, *ALIASES.get(word, ()))
        column = next(content[name] for name in names if name in content.column_names)
        entries = column.to_pylist()
        present = {e for entry in entries for e in (entry if isinstance(entry, list) else [entry])}
        known = {entry for entry in present if entry is not None} | _WORDS.get(word, set())
        for text in _texts(value):
            problem = f"none of the {count:,} metrics of these animals has {word}"
            try:
                _check("NoSuchValue", problem, [text], known, ignore_case=word == "modality")
            except _Unknown as error:
                # Nothing near: other animals may have the value.
                if error.close:
                    raise
                note(str(error))


def _problem(error: BaseException) -> Problem:
    """Returns what an error says, and what exists in place of an unknown name."""
    kind, message, close = type(error).__name__, str(error), list[str]()
    if isinstance(error, _Unknown):
        kind, close = error.kind, error.close
    elif isinstance(error, ValidationError):
        places = [(".".join(map(str, e["loc"])), e["msg"]) for e in error.errors()]
        kind, message = "BadArgument", "; ".join(f"{place}: {text}" for place, text in places)
    elif isinstance(error, QueryError):
        kind, close = _unknown_in_query(message)
    elif not isinstance(error, _EXPECTED):
        print_exception(error, file=sys.stderr)
        kind, message = "InternalError", f"{kind}; standard error of the server has the rest"
    # Half a character, as JSON may have it, cannot be sent.
    message = message.encode("utf-8", "backslashreplace").decode()
    return Problem(notice=NOTICE, error=kind, message=message, nearest=close)


def _unknown_in_query(message: str) -> tuple[str, list[str]]:
    """Returns the kind of a query's error, and the names that exist in place of an unknown one."""
    if unknown := re.match(r"there is no table '(.+?)'", message):
        return "NoSuchTable", nearest(unknown[1], {name for line in TABLES for name in line[:2]})
    candidates = re.search(r"Candidate bindings: (.+)", message)
    if candidates is None:
        return "QueryError", []
    return "NoSuchColumn", re.findall(r'"([^"]+)"', candidates[1])


def _result(content: Mapping[str, Any], *, is_error: bool = False) -> "CallToolResult":
    """Returns content for clients that read it structured, and as text for those that do not."""
    from mcp.types import CallToolResult, TextContent

    text = json.dumps(content, ensure_ascii=False, allow_nan=False)
    return CallToolResult(
        content=[TextContent(type="text", text=text)],
        structured_content=dict(content),
        is_error=is_error,
    )


def _server() -> "Server[Any]":
    from mcp.server import Server
    from mcp.server.mcpserver import MCPServer
    from mcp.server.mcpserver.exceptions import ToolError
    from mcp.types import ListToolsResult, ToolAnnotations

    hints = ToolAnnotations(read_only_hint=True, idempotent_hint=True, open_world_hint=False)
    toolbox = MCPServer("zs", log_level="WARNING")
    for function in _TOOLS:
        toolbox.add_tool(function, annotations=hints, structured_output=True)

    async def list_tools(_context: Any, _params: Any) -> "ListToolsResult":
        return ListToolsResult(tools=await toolbox.list_tools())

    async def call_tool(_context: Any, params: Any) -> "CallToolResult":
        notes.set([])
        # Every answer says that a table is stale, not only the first of this process.
        remembered.warned.clear()
        arguments = params.arguments or {}
        try:
            schemas = {tool.name: tool.input_schema for tool in await toolbox.list_tools()}
            _check("NoSuchTool", "there is no tool", [params.name], schemas)
            words = schemas[params.name].get("properties", {})
            _check("NoSuchArgument", f"{params.name} has no argument", arguments, words)
            result: Any = await toolbox.call_tool(params.name, arguments)
        except (_Unknown, ToolError) as error:
            return _result(_problem(error.__cause__ or error).model_dump(), is_error=True)
        return _result(result.structured_content)

    return Server(
        "zs",
        title="Data asset cache",
        version=__version__,
        instructions=INSTRUCTIONS,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
    )


def _hear(message: Warning | str, category: type[Warning], *_: Any) -> None:
    """Put a warning for the reader among the notes of the answer that is being made."""
    if issubclass(category, UserWarning) and notes.get(None) is not None:
        note(f"{category.__name__}: {message}")
    else:
        print(f"zs mcp: {message}", file=sys.stderr)


async def _run() -> None:
    from mcp.server.stdio import stdio_server

    server = _server()
    async with stdio_server() as (read_stream, write_stream):
        await server.run(read_stream, write_stream, server.create_initialization_options())


def serve(given: argparse.Namespace) -> int:
    """Serve the tools until standard input ends."""
    import anyio

    place = {"url": store_url(given), "version": given.version, "snapshot": given.snapshot}
    with asking(**place, offline=given.offline), warnings.catch_warnings():
        warnings.simplefilter("always", UserWarning)
        warnings.showwarning = _hear  # type: ignore[assignment]
        # A store that is not there is said at once.
        resolve()
        anyio.run(_run)
    return 0
