"""The origin of one value: the document's values, the rule, the findings, the code.

Rules and paths come from a table's facts, which the pipeline writes from its declarations; findings
from the two tables of problems; values of documents from the store's copies of what was read.
Nothing is computed again here.
"""

import difflib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from zs_client import fetch, filters, origins, provenance, read
from zs_client.contract import ANSWERS, CORE, DOCUMENTS, ENVELOPE, RAW_NAME
from zs_client.errors import AcornNotFound, ReadError
from zs_client.libraries import pa, pd
from zs_client.obstore_errors import first_line
from zs_client.place import Place, reading, resolve, resolve_current
from zs_client.read_requests import TABLES, find, read_request
from zs_client.snapshot import AnySnapshot
from zs_client.store import Reader

# Columns that link a table's rows to a data asset; the first that the table has is used.
_LINKS = ("_id", "asset_name", "name", "v2_id")
_BASICS = "asset_basics"
# The first part of a path in a document.
_DOCUMENT = frozenset((*CORE, *ENVELOPE))
_PROBLEMS = ("document_problems", "data_asset_problems")
# The largest number of a table's rows that are shown for one data asset.
SHOWN = 50
LONGEST = 2000
_LONGEST_NAME = 100
NAMES = ("part", "what", "value")


@dataclass(frozen=True)
class _DataAsset:
    """A data asset: the ids and names of its documents, and their rows of asset_basics."""

    ids: list[str]
    names: list[str]
    rows: list[dict[str, Any]]


def explain(
    name: str,
    column: str,
    store_url: str | Path | None = None,
    version: str | None = None,
    *,
    snapshot: AnySnapshot = None,
    offline: bool | None = None,
) -> "pd.DataFrame":
    """Explain what the values of one column were made from, for one data asset.

    Args:
        name: The data asset's name, or the `_id` of its document.
        column: `table.column`, such as `asset_basics.age`. A column's name alone is taken for a
            column of `asset_basics`, or of the only table that has it.
        store_url: The store; by default that of `ZS_STORE` and `FOREST_TYPE`.
        version: The version; by default `ZS_VERSION`, else that of this package.
        snapshot: Read this `Snapshot`, id, name, or the last before a date; else `ZS_SNAPSHOT`.
        offline: Send nothing and read the local cache; by default `ZS_OFFLINE`.

    Returns:
        The columns `part`, `what` and `value`, all text. Each row is one part of the explanation:
        `value` (the table's value, by row), `meaning`, `rule` and `example`, `read` (the
        document's value at a path that the column reads, as JSON; null if there is none), `table`
        (the value of another table that the column is made from), `file` (a side file's answer),
        `finding` (a choice, or a value that could not be read; `taken` and `other` follow it),
        `computed` (when, by which code, from which state of the documents) and `not told`, with
        the reason.

    Raises:
        AcornNotFound: There is no such table or column, or no such data asset.
        ReadError: The tables cannot be read.
    """
    for argument, text in (("name", name), ("column", column)):
        if not isinstance(text, str):
            raise TypeError(f"explain: {argument} takes a text, not {filters.short(text)}")
    with reading(snapshot=snapshot, offline=offline):
        at, now = resolve(store_url, version), resolve_current(store_url, version)[0]
        content = explained(name, column, at, now)
    return content.to_pandas()


def explained(name: str, column: str, at: Place, now: Reader) -> "pa.Table":
    """Returns the rows of `explain`, as Arrow.

    Args:
        name: As for `explain`.
        column: As for `explain`.
        at: The store, at the snapshot to read, and the version.
        now: The store as it is now, whose facts have the rules.
    """
    import pyarrow as pa

    store, layout = at
    registry = provenance.begin(*at, fetch.get_json)()
    columns = {
        table: [entry["name"] for entry in provenance.entry(registry, table).get("columns") or ()]
        for table, _, _ in TABLES
    }
    table, column = _column(column, columns)
    folder = find(table)[1]
    then, facts = fetch.facts(store, layout, folder), fetch.facts(now, layout, folder)
    if then is None or facts is None:
        raise fetch.not_found(store, layout, f"what is told of {table}", layout.facts(folder))
    question = _Question(table, column, _data_asset(name, at), at, now, then, facts, columns)
    lines = list(_lines(question))
    arrays = [pa.array(values, pa.string()) for values in zip(*lines, strict=True)]
    return pa.table(dict(zip(NAMES, arrays, strict=True)))


Line = tuple[str, str, str | None]


@dataclass(frozen=True)
class _Question:
    """The column and the data asset to explain, and the store that has them.

    Attributes:
        table: The table.
        column: The column's name in the table.
        asset: The data asset.
        at: The store, at the snapshot to read, and the version.
        now: The store as it is now.
        then: The table's facts at the snapshot.
        facts: The table's facts now.
        columns: The columns of each table.
        rows: The data asset's rows that were already read, by table.
    """

    table: str
    column: str
    data_asset: _DataAsset
    at: Place
    now: Reader
    then: Mapping[str, Any]
    facts: Mapping[str, Any]
    columns: Mapping[str, Sequence[str]]
    rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The column, with its table before it."""
        return f"{self.table}.{self.column}"

    def made_from(self, source: str) -> str | None:
        """Returns the state of a source in the table's facts at the snapshot."""
        return (self.then.get("source_state") or {}).get(source)


def _lines(question: _Question) -> Iterator[Line]:
    declaration: Mapping[str, Any] = next(
        (c for c in question.facts["columns"] if c["name"] == question.column), {}
    )
    yield from _values(question)
    yield "meaning", question.name, declaration.get("description") or None
    for part in ("rule", "example"):
        if declaration.get(part):
            yield part, question.name, declaration[part]
    reads = declaration.get("reads") or ()
    if not reads:
        yield "not told", "reads", f"the facts of {question.table} do not say what it is made from"
    yield from _inputs(reads, question)
    yield from _findings(reads, question)
    for what in ("built_at", "code_version", "state", "reason"):
        if question.then.get(what):
            yield "computed", what, str(question.then[what])
    if question.made_from("documents"):
        yield "computed", "documents", str(question.made_from("documents"))
    if question.then.get("code_version") != question.facts.get("code_version"):
        yield "not told", "rule", "the code has changed since; the rule is that of now"


def _column(column: str, columns: Mapping[str, Sequence[str]]) -> tuple[str, str]:
    """Returns (table, column) for a column's name, with or without a table."""
    table, dot, name = column.rpartition(".")
    if dot:
        table = find(table)[0]
        if name not in columns[table]:
            raise AcornNotFound(
                f"{table} has no column {filters.short(name)}. {filters.near(name, columns[table])}"
            )
        return table, name
    if name in columns[_BASICS]:
        return _BASICS, name
    tables = [table for table, names in columns.items() if name in names]
    if len(tables) == 1:
        return tables[0], name
    if tables:
        choices = ", ".join(f"{table}.{name}" for table in tables)
        raise AcornNotFound(f"several tables have a column {name}: name one of {choices}")
    full_names = {column: f"{table}.{column}" for table in columns for column in columns[table]}
    raise AcornNotFound(
        f"there is no column {filters.short(name)}; write table.column. "
        f"{_similar(name, full_names)}"
    )


def _similar(name: str, names: Mapping[str, str]) -> str:
    """Returns a sentence with the values whose keys are spelled like a name."""
    keys = difflib.get_close_matches(name[:_LONGEST_NAME], names, n=3)
    return f"Alike: {', '.join(names[key] for key in keys)}" if keys else "Nothing is written alike"


def _data_asset(name: str, at: Place) -> _DataAsset:
    def rows_of(link: str) -> list[dict[str, Any]]:
        return list(read.rows(read_request(_BASICS, {link: name}, at), at).to_pylist())

    rows = rows_of("name") or rows_of("_id")
    if not rows:
        content = read.rows(read_request(_BASICS, {"columns": "name"}, at), at)
        known = {name: name for name in content["name"].drop_null().to_pylist()}
        raise AcornNotFound(
            f"there is no data asset {filters.short(name)} and no document of that _id. "
            f"{_similar(name, known)}; asset_basics(name_contains=…) looks for one"
        )
    names = list(dict.fromkeys(row["name"] for row in rows if row["name"] is not None))
    return _DataAsset([row["_id"] for row in rows], names, rows)


def _rows(table: str, question: _Question) -> list[dict[str, Any]]:
    """Returns a table's rows about the data asset, which are read once."""
    if table not in question.rows:
        question.rows[table] = _find_rows(table, question)
    return question.rows[table]


def _find_rows(table: str, question: _Question) -> list[dict[str, Any]]:
    data_asset, at, columns = question.data_asset, question.at, question.columns[table]
    if table == _BASICS:
        return data_asset.rows
    link = next((column for column in _LINKS if column in columns), "")
    if link:
        words: dict[str, Any] = {
            link: data_asset.ids if link in ("_id", "v2_id") else data_asset.names
        }
        rows = _read(table, words, data_asset, at)
        # The tables of images have the name of the derived data asset, and that of the raw one.
        if not rows and "raw_name" in columns:
            rows = _read(table, {"raw_name": data_asset.names}, data_asset, at)
        return rows
    if "session_date" in columns:
        sessions = [
            {"subject_id": row["subject_id"], "session_date": row.get("acquisition_date")}
            for row in data_asset.rows
        ]
        return [row for session in sessions for row in _read(table, session, data_asset, at)]
    (column,) = columns
    values = {row[column] for row in data_asset.rows} - {None}
    return _read(table, {column: sorted(values)}, data_asset, at) if values else []


def _read(
    table: str, words: Mapping[str, Any], data_asset: _DataAsset, at: Place
) -> list[dict[str, Any]]:
    if find(table)[2] == "subject_id":
        subjects = list(dict.fromkeys(row["subject_id"] for row in data_asset.rows))
        words = {**words, "subject_id": subjects}
    if find(table)[2] == RAW_NAME:
        words = {**words, RAW_NAME: origins.above(data_asset.names, at)}
    return list(read.rows(read_request(table, words, at), at).to_pylist())


def _values(question: _Question) -> Iterator[Line]:
    table_rows = _rows(question.table, question)
    key = [name for name in question.facts.get("key") or () if name != question.column]
    for row in table_rows[:SHOWN]:
        key_values = [f"{name}={_as_text(row[name])}" for name in key if name in row]
        label = question.name + (f" ({', '.join(key_values)})" if key_values else "")
        yield "value", label, _as_text(row[question.column])
    if len(table_rows) > SHOWN:
        yield "value", question.name, f"and {len(table_rows) - SHOWN:,} rows more"
    if not table_rows:
        yield "not told", "value", f"{question.table} has no row of this data asset"


def _inputs(reads: Sequence[str], question: _Question) -> Iterator[Line]:
    """Yields the values that the column is made from: of documents, tables and side files."""
    # A core file goes before a table with the same name.
    known = {line[0] for line in TABLES} - _DOCUMENT
    tables = [path for path in reads if path.partition(".")[0] in known]
    files = [path for path in reads if path.startswith("file:")]
    paths = [path for path in reads if path.partition(".")[0] in _DOCUMENT]
    if paths:
        yield from _document_values(paths, question)
    for path in tables:
        name, _, column = path.rpartition(".")
        for row in _rows(name, question)[:SHOWN]:
            yield "table", path, _as_text(row.get(column))
    if files:
        yield from _answer_values(files, question)
    yield from (("table", path, None) for path in reads if path not in (*paths, *tables, *files))


def _why_unread(what: str, error: Exception) -> str:
    """Returns why what a build keeps cannot be read, as of the packaged sample."""
    if isinstance(error, FileNotFoundError):
        return f"the kept {what} are not in this store"
    return f"the kept {what} cannot be read here: {first_line(error)}"


def _document_values(paths: Sequence[str], question: _Question) -> Iterator[Line]:
    """Yields the values at paths of the documents, from the store's copies."""
    try:
        documents = _documents(paths, question)
    except (ReadError, FileNotFoundError) as error:
        reason = _why_unread("documents", error)
        yield "not told", "documents", reason
        return
    for document in documents:
        named = f" of {document['_id']}" if len(documents) > 1 else ""
        for path in paths:
            yield "read", f"{path}{named}", _as_text(_value_at(document, path))


def _documents(paths: Sequence[str], question: _Question) -> list[dict[str, Any]]:
    """Returns the documents in the state that the table was built from, or now if that is gone."""
    store, ids = question.now, list(question.data_asset.ids)
    try:
        state = f"{DOCUMENTS}/states/{question.made_from('documents')}.json"
        documents_head = fetch.get_json(store, state)
    except FileNotFoundError:
        documents_head = fetch.get_json(store, f"{DOCUMENTS}/documents.json")
    index = f"{DOCUMENTS}/index/{documents_head['index']}.pqt"
    index_rows = read.file_rows(store, index, {"_id": ids}, ["_id", "shard"])
    cores = [core for core in CORE if any(path.split(".")[0] == core for path in paths)]
    documents = []
    for shard in dict.fromkeys(index_rows["shard"].to_pylist()):
        key = f"{DOCUMENTS}/{documents_head['shards'][str(shard)]}.pqt"
        rows = read.file_rows(store, key, {"_id": ids}, ["_id", "envelope", *cores])
        for row in rows.to_pylist():
            document = json.loads(row["envelope"])
            document |= {core: json.loads(row[core]) for core in cores if row[core] is not None}
            documents.append({**document, "_id": row["_id"]})
    return documents


def _value_at(document: Any, path: str) -> Any:
    """Returns the value at a path; a list of values if the path goes through lists or objects."""
    steps = path.replace("[]", ".[]").replace("{}", ".{}").split(".")
    values = [document]
    for step in steps:
        if step == "[]":
            values = [entry for value in values if isinstance(value, list) for entry in value]
        elif step == "{}":
            values = [v for value in values if isinstance(value, dict) for v in value.values()]
        else:
            values = [value.get(step) for value in values if isinstance(value, dict)]
    if "[]" in steps or "{}" in steps:
        return values
    return values[0] if values else None


def _answer_values(reads: Sequence[str], question: _Question) -> Iterator[Line]:
    """Yields the side files' answers about a data asset, from the store's copies."""
    content = question.made_from("answers")
    if not content:
        yield from (("file", path, question.made_from("file")) for path in reads)
        return
    try:
        key = f"{ANSWERS}/{question.table}/{content}.pqt"
        columns = ["_id", "outcome", "reason", "value"]
        rows = read.file_rows(
            question.now, key, {"_id": question.data_asset.ids}, columns
        ).to_pylist()
    except (ReadError, FileNotFoundError) as error:
        reason = _why_unread("answers of side files", error)
        yield "not told", "files", reason
        return
    for row in rows:
        # With any other outcome the value is only the identity of the file.
        value = row["value"] if row["outcome"] in ("found", "not_readable") else None
        answer = value.decode() if value is not None else row["reason"] or None
        yield "file", f"file:{question.table} ({row['outcome'].replace('_', ' ')})", _cut(answer)
    if not rows:
        yield "not told", "files", "no side file was asked for of this data asset"


def _findings(reads: Sequence[str], question: _Question) -> Iterator[Line]:
    """Yields the findings about the column, or about the paths and side files that it reads."""
    # A finding about a side file has the table's name, since a data asset has one file per table.
    is_of_file = any(path.startswith("file:") for path in reads)
    fields = {*reads, f"file:{question.table}"} if is_of_file else {*reads}
    for name in _PROBLEMS:
        try:
            rows = _read(name, {"_id": question.data_asset.ids}, question.data_asset, question.at)
        except AcornNotFound:
            yield "not told", name, "the table is not in this store"
            continue
        for row in rows:
            if row.get("column") != question.name and row["field"] not in fields:
                continue
            often = f" ({row['count']:,} times)" if (row.get("count") or 1) > 1 else ""
            yield "finding", row["field"], f"{row['severity']}: {row['reason']}{often}"
            for choice in ("taken", "other"):
                if row.get(choice) is not None:
                    yield choice, row["field"], row[choice]


def _as_text(value: Any) -> str | None:
    """Returns a value as text: times as ISO 8601, all but text as JSON."""
    if value is None or isinstance(value, str):
        return _cut(value)
    if hasattr(value, "isoformat"):
        return str(value.isoformat())
    return _cut(json.dumps(value, ensure_ascii=False, default=str))


def _cut(text: str | None) -> str | None:
    if text is None or len(text) <= LONGEST:
        return text
    return f"{text[:LONGEST]}… ({len(text):,} characters)"
