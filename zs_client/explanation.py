"""What one value was made from: the document's values, the rule, the readings, the code.

Rules and paths are told by a table's facts, which the pipeline writes from its declarations; what
was chosen by the two tables of problems; documents by the copies that the store keeps of what is
read of them. Nothing is computed again here.
"""

import difflib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zs_client import fetch, filters, provenance, read
from zs_client.acorns import TABLES, find, read_request
from zs_client.contract import ANSWERS, CORE, DOCUMENTS, ENVELOPE
from zs_client.errors import AcornNotFound, ReadError
from zs_client.obstore_errors import first_line
from zs_client.place import Place, reading, resolve, resolve_current
from zs_client.store import Reader

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

# Columns by which a table's rows belong to a data asset; the first that a table has counts.
_LINKS = ("_id", "asset_name", "name", "v2_id")
_BASICS = "asset_basics"
# What the path of a value of a document begins with.
_DOCUMENT = frozenset((*CORE, *ENVELOPE))
_PROBLEMS = ("document_problems", "data_asset_problems")
# Of a table with many rows for one data asset so many are shown.
SHOWN = 50
LONGEST = 2000
_ALIKE = 100
NAMES = ("part", "what", "value")


@dataclass(frozen=True)
class _Asset:
    """The data asset that is asked about: its documents, and their rows of asset_basics."""

    ids: list[str]
    names: list[str]
    rows: list[dict[str, Any]]


def explain(
    name: str,
    column: str,
    store_url: str | Path | None = None,
    version: str | None = None,
    *,
    snapshot: str | None = None,
    offline: bool | None = None,
) -> "pd.DataFrame":
    """Tell what the values of one column were made from, for one data asset.

    Args:
        name: The data asset's name, or the `_id` of its document.
        column: `table.column`, such as `asset_basics.age`; the name of the column alone is that of
            `asset_basics`, or of the one other table that has it.
        store_url: The store; else as the functions take it from `ZS_STORE` and `FOREST_TYPE`.
        version: The version; else `ZS_VERSION`, else that of this package.
        snapshot: Read what was published then, an id of `snapshots()`; else `ZS_SNAPSHOT`.
        offline: Send nothing and read the local cache; else `ZS_OFFLINE`.

    Returns:
        `part`, `what` and `value`, all text, a line for each thing that is told. The parts are
        `value` (what the table has, by row), `meaning`, `rule` and `example`, `read` (the
        document's value at a path that the column reads, as JSON; null when there is none),
        `table` (a value of another table that it is made from), `file` (what a side file gave),
        `finding` (what was chosen or could not be read, with `taken` and `other` after it),
        `computed` (when, by which code, from which state of the documents) and `not told`, with
        the reason.

    Raises:
        AcornNotFound: There is no such table or column, or no such data asset.
        ReadError: The tables cannot be read.
    """
    with reading(snapshot=snapshot, offline=offline):
        at, now = resolve(store_url, version), resolve_current(store_url, version)[0]
        content = explained(name, column, at, now)
    return content.to_pandas()


def explained(name: str, column: str, at: Place, now: Reader) -> "pa.Table":
    """Returns what `explain` tells, as Arrow.

    Args:
        name: As of `explain`.
        column: As of `explain`.
        at: The store, at the snapshot that is asked for, and the version.
        now: The store as it is now, whose facts tell the rules.
    """
    import pyarrow as pa

    store, layout = at
    columns = _columns(at)
    table, column = _column(column, columns)
    folder = find(table)[1]
    then, facts = fetch.facts(store, layout, folder), fetch.facts(now, layout, folder)
    if then is None or facts is None:
        raise fetch.not_found(store, layout, f"what is told of {table}", layout.facts(folder))
    asked = _Asked(table, column, _asset(name, at), at, now, then, facts, columns)
    lines = list(_lines(asked))
    arrays = [pa.array(values, pa.string()) for values in zip(*lines, strict=True)]
    return pa.table(dict(zip(NAMES, arrays, strict=True)))


Line = tuple[str, str, str | None]


@dataclass(frozen=True)
class _Asked:
    """What is asked, and where it is looked for.

    Attributes:
        table: The table.
        column: The column's name in it.
        asset: The data asset.
        at: The store, at the snapshot that is asked for, and the version.
        now: The store as it is now.
        then: The table's facts in the state that is read.
        facts: Its facts of now.
        columns: The columns of each table.
        rows: Rows of tables about the data asset, by table, as they were read.
    """

    table: str
    column: str
    asset: _Asset
    at: Place
    now: Reader
    then: Mapping[str, Any]
    facts: Mapping[str, Any]
    columns: Mapping[str, Sequence[str]]
    rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The column with its table."""
        return f"{self.table}.{self.column}"

    @property
    def made_from(self) -> Mapping[str, Any]:
        """What the table was made from."""
        found: Mapping[str, Any] = self.then.get("source_state") or {}
        return found


def _lines(asked: _Asked) -> Iterator[Line]:
    """Returns all that is told."""
    nothing: dict[str, Any] = {}
    told = next((c for c in asked.facts["columns"] if c["name"] == asked.column), nothing)
    yield from _values(asked)
    yield "meaning", asked.name, told.get("description") or None
    for part in ("rule", "example"):
        if told.get(part):
            yield part, asked.name, told[part]
    reads = told.get("reads") or ()
    if not reads:
        yield "not told", "reads", f"the facts of {asked.table} do not say what it is made from"
    yield from _inputs(reads, asked)
    yield from _findings(reads, asked)
    for what in ("built_at", "code_version", "state", "reason"):
        if asked.then.get(what):
            yield "computed", what, str(asked.then[what])
    if asked.made_from.get("documents"):
        yield "computed", "documents", str(asked.made_from["documents"])
    if asked.then.get("code_version") != asked.facts.get("code_version"):
        yield "not told", "rule", "the code has changed since; the rule is that of now"


def _column(column: str, columns: Mapping[str, Sequence[str]]) -> tuple[str, str]:
    """Returns the table and the column's name in it, of the columns of all tables."""
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
    having = [table for table, names in columns.items() if name in names]
    if len(having) == 1:
        return having[0], name
    if having:
        choices = ", ".join(f"{table}.{name}" for table in having)
        raise AcornNotFound(f"several tables have a column {name}: name one of {choices}")
    there = {each: f"{table}.{each}" for table, names in columns.items() for each in names}
    alike = [there[each] for each in difflib.get_close_matches(name[:_ALIKE], there, n=3)]
    raise AcornNotFound(
        f"there is no column {filters.short(name)}; write table.column. {_alike(alike)}"
    )


def _alike(names: Sequence[str]) -> str:
    return f"Alike: {', '.join(names)}" if names else "Nothing is written alike"


def _columns(at: Place) -> dict[str, list[str]]:
    """Returns the columns of each table, as the registry has them."""
    registry = provenance.begin(*at, fetch.get_json)()
    entries = {name: provenance.entry(registry, name) for name, _, _ in TABLES}
    return {
        name: [column["name"] for column in told.get("columns") or ()]
        for name, told in entries.items()
    }


def _asset(name: str, at: Place) -> _Asset:
    rows: list[dict[str, Any]] = []
    for link in ("name", "_id"):
        rows = read.rows(read_request(_BASICS, {link: name}, at), at).to_pylist()
        if rows:
            break
    if not rows:
        names = read.rows(read_request(_BASICS, {"columns": "name"}, at), at)["name"].drop_null()
        alike = difflib.get_close_matches(name[:_ALIKE], names.to_pylist(), n=3)
        raise AcornNotFound(
            f"there is no data asset {filters.short(name)} and no document of that _id. "
            f"{_alike(alike)}"
        )
    names = list(dict.fromkeys(row["name"] for row in rows if row["name"] is not None))
    return _Asset([row["_id"] for row in rows], names, rows)


def _rows(table: str, asked: _Asked) -> list[dict[str, Any]]:
    """Returns the rows of a table that are about the data asset; read once."""
    if table not in asked.rows:
        asked.rows[table] = _looked_up(table, asked)
    return asked.rows[table]


def _looked_up(table: str, asked: _Asked) -> list[dict[str, Any]]:
    asset, at, columns = asked.asset, asked.at, asked.columns[table]
    if table == _BASICS:
        return asset.rows
    link = next((each for each in _LINKS if each in columns), "")
    if link:
        words: dict[str, Any] = {link: asset.ids if link in ("_id", "v2_id") else asset.names}
        rows = _read(table, words, asset, at)
        # The tables of images are about a raw data asset, and named by what was made from it.
        if not rows and "raw_name" in columns:
            rows = _read(table, {"raw_name": asset.names}, asset, at)
        return rows
    if "session_date" in columns:
        found = []
        for row in asset.rows:
            words = {"subject_id": row["subject_id"], "session_date": row.get("acquisition_date")}
            found += _read(table, words, asset, at)
        return found
    (column,) = columns
    values = {row[column] for row in asset.rows} - {None}
    return _read(table, {column: sorted(values)}, asset, at) if values else []


def _read(table: str, words: Mapping[str, Any], asset: _Asset, at: Place) -> list[dict[str, Any]]:
    partition = find(table)[2]
    if partition == "subject_id":
        subjects = list(dict.fromkeys(row["subject_id"] for row in asset.rows))
        words = {**words, "subject_id": subjects}
    rows: list[dict[str, Any]] = read.rows(read_request(table, words, at), at).to_pylist()
    return rows


def _values(asked: _Asked) -> Iterator[Line]:
    rows = _rows(asked.table, asked)
    key = [name for name in asked.facts.get("key") or () if name != asked.column]
    for row in rows[:SHOWN]:
        parts = [f"{name}={_shown(row[name])}" for name in key if name in row]
        label = asked.name + (f" ({', '.join(parts)})" if parts else "")
        yield "value", label, _shown(row[asked.column])
    if len(rows) > SHOWN:
        yield "value", asked.name, f"and {len(rows) - SHOWN:,} rows more"
    if not rows:
        yield "not told", "value", f"{asked.table} has no row of this data asset"


def _inputs(reads: Sequence[str], asked: _Asked) -> Iterator[Line]:
    """Returns what the column is made from: values of documents, tables and side files."""
    # A core file goes before the table of the same name.
    known = {line[0] for line in TABLES} - _DOCUMENT
    tables = [each for each in reads if each.partition(".")[0] in known]
    files = [each for each in reads if each.startswith("file:")]
    paths = [each for each in reads if each.partition(".")[0] in _DOCUMENT]
    if paths:
        yield from _of_documents(paths, asked)
    for each in tables:
        name, _, column = each.rpartition(".")
        for row in _rows(name, asked)[:SHOWN]:
            yield "table", each, _shown(row.get(column))
    if files:
        yield from _of_files(files, asked)
    for each in reads:
        if each not in (*paths, *tables, *files):
            yield "table", each, None


def _of_documents(paths: Sequence[str], asked: _Asked) -> Iterator[Line]:
    """Returns the values at paths of the documents, as the store keeps them."""
    try:
        documents = _documents(paths, asked)
    except (ReadError, FileNotFoundError) as error:
        reason = f"the kept documents cannot be read here: {first_line(error)}"
        yield "not told", "documents", reason
        return
    for document in documents:
        named = f" of {document['_id']}" if len(documents) > 1 else ""
        for path in paths:
            yield "read", f"{path}{named}", _shown(_at(document, path))


def _documents(paths: Sequence[str], asked: _Asked) -> list[dict[str, Any]]:
    """Returns the documents in the state that the table was built from; of now if it is gone."""
    store, ids = asked.now, list(asked.asset.ids)
    try:
        state = f"{DOCUMENTS}/states/{asked.made_from.get('documents')}.json"
        documents_head = fetch.get_json(store, state)
    except FileNotFoundError:
        documents_head = fetch.get_json(store, f"{DOCUMENTS}/documents.json")
    index = f"{DOCUMENTS}/index/{documents_head['index']}.pqt"
    found = read.file_rows(store, index, {"_id": ids}, ["_id", "shard"])
    cores = [core for core in CORE if any(path.split(".")[0] == core for path in paths)]
    documents = []
    for shard in dict.fromkeys(found["shard"].to_pylist()):
        key = f"{DOCUMENTS}/{documents_head['shards'][str(shard)]}.pqt"
        rows = read.file_rows(store, key, {"_id": ids}, ["_id", "envelope", *cores])
        for row in rows.to_pylist():
            document = json.loads(row["envelope"])
            document |= {core: json.loads(row[core]) for core in cores if row[core] is not None}
            documents.append({**document, "_id": row["_id"]})
    return documents


def _at(document: Any, path: str) -> Any:
    """Returns the value at a path; a list of values where it goes through lists or objects."""
    steps = path.replace("[]", ".[]").replace("{}", ".{}").split(".")
    values, several = [document], False
    for step in steps:
        if step in ("[]", "{}"):
            kind = list if step == "[]" else dict
            lists = [value for value in values if isinstance(value, kind)]
            values = [e for v in lists for e in (v if isinstance(v, list) else v.values())]
            several = True
        else:
            values = [value.get(step) for value in values if isinstance(value, dict)]
    if several:
        return values
    return values[0] if values else None


def _of_files(reads: Sequence[str], asked: _Asked) -> Iterator[Line]:
    """Returns what side files gave for a data asset, as the store keeps it."""
    content = asked.made_from.get("answers")
    if not content:
        for each in reads:
            yield "file", each, asked.made_from.get("file")
        return
    try:
        key = f"{ANSWERS}/{asked.table}/{content}.pqt"
        columns = ["_id", "outcome", "reason", "value"]
        rows = read.file_rows(asked.now, key, {"_id": asked.asset.ids}, columns).to_pylist()
    except (ReadError, FileNotFoundError) as error:
        reason = f"the kept answers of side files cannot be read here: {first_line(error)}"
        yield "not told", "files", reason
        return
    for row in rows:
        # Of what could not be used the value only tells which file it was.
        given = row["value"] if row["outcome"] in ("found", "not_readable") else None
        said = given.decode() if given is not None else row["reason"] or None
        yield "file", f"file:{asked.table} ({row['outcome'].replace('_', ' ')})", _cut(said)
    if not rows:
        yield "not told", "files", "no side file was asked for of this data asset"


def _findings(reads: Sequence[str], asked: _Asked) -> Iterator[Line]:
    """Returns what was chosen for a column, or of what it reads could not be read."""
    # A finding about a side file is of the table, which reads one of each data asset.
    is_of_file = any(each.startswith("file:") for each in reads)
    fields = {*reads, f"file:{asked.table}"} if is_of_file else {*reads}
    for name in _PROBLEMS:
        try:
            rows = _read(name, {"_id": asked.asset.ids}, asked.asset, asked.at)
        except AcornNotFound:
            yield "not told", name, "the table is not in this store"
            continue
        for row in rows:
            if row.get("column") != asked.name and row["field"] not in fields:
                continue
            often = f" ({row['count']:,} times)" if (row.get("count") or 1) > 1 else ""
            yield "finding", row["field"], f"{row['severity']}: {row['reason']}{often}"
            for choice in ("taken", "other"):
                if row.get(choice) is not None:
                    yield choice, row["field"], row[choice]


def _shown(value: Any) -> str | None:
    """Returns a value as text: times as ISO 8601, what is no text as JSON."""
    if value is None or isinstance(value, str):
        return _cut(value)
    if hasattr(value, "isoformat"):
        return str(value.isoformat())
    return _cut(json.dumps(value, ensure_ascii=False, default=str))


def _cut(text: str | None) -> str | None:
    if text is None or len(text) <= LONGEST:
        return text
    return f"{text[:LONGEST]}… ({len(text):,} characters)"
