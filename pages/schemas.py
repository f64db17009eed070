"""Makes the schemas of the store's JSON for programs: `docs/schemas/`, which the site has as well.

Each file of the store is a `TypedDict`: those that the packages have, and here those that only the
pipeline writes. From them come a JSON Schema for each file, and TypeScript types of all. Writers of
other versions may add keys, so every schema permits keys that it does not name.

`make pages` writes them.
"""

import inspect
import json
import re
import types
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, NotRequired, TypedDict, get_args, get_origin, get_type_hints

from zs_client.facts import Facts
from zs_client.night import NightFacts

FOLDER = Path(__file__).parents[1] / "docs" / "schemas"
TYPESCRIPT = "zs.d.ts"


class Column(TypedDict):
    """A column of a table.

    Attributes:
        name: The column's name.
        type: `string`, `bool`, `int32`, `int64`, `float64`, `time` (microseconds in UTC),
            `[string]` or `{string: string}`.
        description: What the value means.
        nullable: Whether the value may be null.
    """

    name: str
    type: str
    description: str
    nullable: bool


class ColumnFacts(TypedDict):
    """A column in the facts, which also say how its values are made.

    Attributes:
        name: The column's name.
        type: As in the registry.
        description: What the value means.
        nullable: Whether the value may be null.
        reads: The paths in a document from which the value comes.
        rule: The rule by which the value is made; empty where it is taken as it is.
        example: An example of the rule; may be empty.
    """

    name: str
    type: str
    description: str
    nullable: bool
    reads: list[str]
    rule: str
    example: str


class OneFileEntry(TypedDict):
    """The one file of all rows of a partitioned table.

    Attributes:
        location: The file's address.
        rows: Its number of rows.
        bytes: Its number of bytes.
        sha256: Its digest.
        state: The table's `sha256` of the partitions that it was made of. Where the table has
            another one, some partitions are newer.
    """

    location: str
    rows: int
    bytes: int
    sha256: str
    state: str


class AcornEntry(TypedDict):
    """A table in the registry.

    Attributes:
        name: The acorn's name.
        description: What a row is and how to join it.
        location: The file, or the folder with a slash at the end for a partitioned table.
        partitioned: Whether the table is split into files.
        partition_key: The column that splits it; null for a table in one file.
        type: `metadata` (may be loaded whole), `asset` or `platform`.
        columns: The columns, in the file's order.
        table: The table's name in the store.
        key: The columns whose values together identify a row.
        partitions: The number of files of a partitioned table, else 0.
        rows: The number of rows.
        bytes: The number of bytes of parquet.
        sha256: The digest of the file, or of the names and digests of the partitions' files.
        built_at: When the content last changed.
        checked_at: When a build last checked the table.
        code_version: The version of the code that made it.
        source_state: The state of each source that it was made from.
        notes: What the table's code noted for the next build.
        state: `fresh`, or `stale` while the table stays on earlier content.
        reason: Why the table is stale.
        one_file: The one file of all rows.
    """

    name: str
    description: str
    location: str
    partitioned: bool
    partition_key: str | None
    type: str
    columns: list[Column]
    table: str
    key: list[str]
    partitions: int
    rows: int
    bytes: int
    sha256: str
    built_at: str
    checked_at: str
    code_version: str
    source_state: dict[str, str]
    notes: dict[str, int | str]
    state: Literal["fresh", "stale"]
    reason: str | None
    one_file: NotRequired[OneFileEntry]


class Rollback(TypedDict):
    """What is published in place of what builds make.

    Attributes:
        snapshot: The id of the earlier snapshot.
        name: The name by which it was asked for; empty for its id.
        since: When the rollback began.
    """

    snapshot: str
    name: str
    since: str


class Database(TypedDict):
    """The DuckDB database of views.

    Attributes:
        location: The file's address.
        made_of: A digest of the declarations that it shows.
    """

    location: str
    made_of: str


class Page(TypedDict):
    """The page in a browser that shows the tables.

    Attributes:
        location: Its address.
        sha256: A digest of its files.
    """

    location: str
    sha256: str


class Squirrel(TypedDict):
    """The registry of a version, `squirrel.json`, and a snapshot of it, `_snapshots/<id>.json`.

    Attributes:
        acorns: The tables.
        version: The number of the version folder.
        snapshot: The id of the contents of all tables.
        published_at: When it was published.
        source_state: The state of each source.
        expected_every_hours: The hours between two runs of the schedule.
        duckdb: The database of views beside the registry.
        catalogue: The page in a browser beside the registry.
        copies: The folders that have copies of the tables' files, such as `bdc-v0.99`.
        rolled_back: That an earlier snapshot is published.
        partitions: Of a snapshot: the digest of each partition by table and segment.
    """

    acorns: list[AcornEntry]
    version: str
    snapshot: str
    published_at: str
    source_state: dict[str, str]
    expected_every_hours: NotRequired[float]
    duckdb: NotRequired[Database]
    catalogue: NotRequired[Page]
    copies: NotRequired[list[str]]
    rolled_back: NotRequired[Rollback]
    partitions: NotRequired[dict[str, dict[str, str]]]


class FragmentColumn(TypedDict):
    """A column of a table in the layout of biodata-cache.

    Attributes:
        name: The column's name.
        description: What the value means.
    """

    name: str
    description: str


class RegistryFragment(TypedDict):
    """A table in the layout of biodata-cache, `bdc-v…/cache_registry/<table>.json`.

    Attributes:
        name: The table's name in that layout.
        description: What a row is and how to join it.
        location: The file, or the folder with a slash at the end for a partitioned table.
        partitioned: Whether the table is split into files.
        partition_key: The column that splits it; null for a table in one file.
        type: `metadata` (may be loaded whole), `asset` or `platform`.
        columns: The columns, the partition's among them.
    """

    name: str
    description: str
    location: str
    partitioned: bool
    partition_key: str | None
    type: str
    columns: list[FragmentColumn]


class SnapshotEntry(TypedDict):
    """A snapshot in the list.

    Attributes:
        id: The snapshot's id.
        date: When it was last published.
        name: The first name that it was given.
        tables: The digest of each table, by the acorn's name.
    """

    id: str
    date: str
    name: str | None
    tables: dict[str, str]


class SnapshotName(TypedDict):
    """A name that a snapshot was given.

    Attributes:
        snapshot: The snapshot's id.
        named_at: When it was named.
    """

    snapshot: str
    named_at: str


class SnapshotList(TypedDict):
    """The newest snapshots of a version, `_snapshots.json`.

    Attributes:
        snapshots: The snapshots that there are, the latest first.
        names: The names, each never used again.
        pruned: When each snapshot that is gone was removed, by its id.
    """

    snapshots: list[SnapshotEntry]
    names: dict[str, SnapshotName]
    pruned: dict[str, str]


# The files of the store, by the name of their schema.
FILES: dict[str, type] = {
    "squirrel": Squirrel,
    "facts": Facts,
    "registry-fragment": RegistryFragment,
    "snapshots": SnapshotList,
    "night": NightFacts,
}
# Types that the packages leave open.
_MORE_EXACT: dict[tuple[str, str], Any] = {("Facts", "columns"): list[ColumnFacts]}
_PLAIN = {str: "string", int: "integer", float: "number", bool: "boolean", types.NoneType: "null"}


def schema(file: str, *, closed: bool = False) -> dict[str, Any]:
    """Returns the JSON Schema of a file.

    Args:
        file: A name in `FILES`.
        closed: Permit no key that it does not name, as a test does to miss none.
    """
    top = FILES[file]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": top.__name__,
        "$ref": f"#/$defs/{top.__name__}",
        "$defs": {cls.__name__: _object(cls, closed=closed) for cls in _classes(top)},
    }


def typescript() -> str:
    """Returns the TypeScript types of all files."""
    classes = {cls.__name__: cls for top in FILES.values() for cls in _classes(top)}
    head = "// The JSON of a store. Writers of other versions may add keys: ignore those.\n"
    return head + "".join(map(_interface, classes.values()))


def files() -> dict[str, str]:
    """Returns the made files by their names."""
    schemas = {f"{name}.json": json.dumps(schema(name), indent=1) + "\n" for name in FILES}
    return {**schemas, TYPESCRIPT: typescript()}


def _fields(cls: type) -> Iterator[tuple[str, Any, bool, str]]:
    """Yields the name, the type, whether it is always there, and the meaning of each key."""
    meanings = _meanings(cls)
    # `NotRequired` is taken off.
    for name, hint in get_type_hints(cls).items():
        exact = _MORE_EXACT.get((cls.__name__, name), hint)
        yield name, exact, name in cls.__required_keys__, meanings.get(name, "")  # type: ignore[attr-defined]


def _meanings(cls: type) -> dict[str, str]:
    """Returns what a class says of its keys, in `Attributes`."""
    meanings: dict[str, str] = {}
    _, _, text = inspect.cleandoc(cls.__doc__ or "").partition("Attributes:\n")
    for name, meaning in re.findall(r"^    (\w+): (.*(?:\n {6,}.*)*)", text, re.MULTILINE):
        meanings[name] = re.sub(r"\s+", " ", meaning)
    return meanings


def _summary(cls: type) -> str:
    return inspect.cleandoc(cls.__doc__ or "").partition("\n")[0]


def _classes(top: type) -> Iterator[type]:
    """Yields a class and those that it names, each once."""
    ahead, known = [top], [top]
    while ahead:
        cls = ahead.pop(0)
        yield cls
        for _, hint, _, _ in _fields(cls):
            for named in _named(hint):
                if named not in known:
                    known.append(named)
                    ahead.append(named)


def _named(hint: Any) -> Iterator[type]:
    if hasattr(hint, "__required_keys__"):
        yield hint
    for argument in get_args(hint):
        yield from _named(argument)


def _object(cls: type, *, closed: bool) -> dict[str, Any]:
    fields = list(_fields(cls))
    return {
        "description": _summary(cls),
        "type": "object",
        "properties": {
            name: {**_value(hint), **({"description": meaning} if meaning else {})}
            for name, hint, _, meaning in fields
        },
        "required": [name for name, _, is_required, _ in fields if is_required],
        "additionalProperties": not closed,
    }


def _value(hint: Any) -> dict[str, Any]:
    """Returns the schema of a value."""
    if hint in _PLAIN:
        return {"type": _PLAIN[hint]}
    if hint is Any:
        return {}
    if hasattr(hint, "__required_keys__"):
        return {"$ref": f"#/$defs/{hint.__name__}"}
    return _generic(get_origin(hint), get_args(hint))


def _generic(origin: Any, arguments: tuple[Any, ...]) -> dict[str, Any]:
    if origin is Literal:
        return {"enum": list(arguments)}
    if origin is list:
        return {"type": "array", "items": _value(arguments[0])}
    if origin is dict:
        return {"type": "object", "additionalProperties": _value(arguments[1])}
    if origin is types.UnionType:
        return {"anyOf": [_value(argument) for argument in arguments]}
    raise TypeError(f"{origin} has no JSON Schema")


def _interface(cls: type) -> str:
    lines = [f"/** {_summary(cls)} */", f"export interface {cls.__name__} {{"]
    for name, hint, is_required, meaning in _fields(cls):
        lines += [f"  /** {meaning} */"] if meaning else []
        lines.append(f"  {name}{'' if is_required else '?'}: {_typescript(_value(hint))};")
    return "\n" + "\n".join([*lines, "}"]) + "\n"


def _typescript(value: Mapping[str, Any]) -> str:
    """Returns the TypeScript type of a value's schema."""
    if "$ref" in value:
        return str(value["$ref"]).rpartition("/")[2]
    if "enum" in value:
        return " | ".join(map(json.dumps, value["enum"]))
    if "anyOf" in value:
        return " | ".join(map(_typescript, value["anyOf"]))
    kind = value.get("type", "unknown")
    if kind == "array":
        inner = _typescript(value["items"])
        return f"({inner})[]" if " | " in inner else f"{inner}[]"
    if kind == "object":
        return f"Record<string, {_typescript(value['additionalProperties'])}>"
    return "number" if kind == "integer" else str(kind)


def main() -> None:
    """Write the schemas."""
    FOLDER.mkdir(exist_ok=True)
    for name, text in files().items():
        (FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
