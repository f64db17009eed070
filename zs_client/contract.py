"""What the pipeline and every reader agree on: the declaration of a table, and where things lie.

Standard library only, since both packages import it. Nothing here reads or writes the store
(`zs_client.store`), and no table is declared here (`zs_pipeline/acorns/<table>.py`).
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

__version__ = "1.0.0"

ROOT = "data-asset-cache"
INDEX = f"{ROOT}/zombie-squirrels.json"
DOCUMENTS = f"{ROOT}/_documents"
FILES = f"{ROOT}/_files"
NULL_PARTITION = "__HIVE_DEFAULT_PARTITION__"

VERSION_FORM = re.compile(r"\d+(\.\d+)*", re.ASCII)
_PLAIN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.")

TYPES = ("string", "bool", "int32", "int64", "float64", "time", "[string]", "{string: string}")


@dataclass(frozen=True)
class Column:
    """One column of an acorn.

    Attributes:
        name: The column's name; the same name has the same type in every table.
        type: One of `TYPES`. `time` is a timestamp in microseconds, UTC.
        description: What the value means, as a sentence for a scientist; units and nulls included.
        nullable: False when the store refuses a table with a null in this column.
    """

    name: str
    type: str
    description: str
    nullable: bool = True

    def __post_init__(self) -> None:
        if self.type not in TYPES:
            raise ValueError(f"column {self.name}: {self.type!r} is not one of {TYPES}")


@dataclass(frozen=True)
class Acorn:
    """One table of the cache: its declaration and the pure function that makes its rows.

    Attributes:
        name: The acorn's name in Dagster and in the registry.
        description: What a row is and how to join it, as sentences.
        type: `metadata` (may be loaded whole), `asset` or `platform`.
        columns: In the order of the file.
        key: The columns that together occur once; a null counts as a value.
        inputs: What it is made from: `documents`, `files` (side files), `problems` (what did not
            fit in either), `custom:<name>` (a custom table), `old_documents` (those of the old
            database), or names of other acorns.
        rows: The pure function; `zs_pipeline.graph` says how each kind is called.
        folder: The table's name in the store, where it is not the acorn's.
        partition: The column, or the name, by which the table is split into files.
        partitions: The values of a static partition; empty for a dynamic one.
        fields: The paths of a document that `rows` reads.
        order: The columns by which rows are sorted; the key when empty.
        finish: A step over the whole table, for values that depend on other rows.
        questions: What it asks about data assets, of an acorn from their side files; pure.
        ask: Asks one of its questions; what it returns is kept, and given to `rows`.
        listed: Of each data asset that it asks about, what is listed and given to `ask`: how keys
            below its location begin. Many data assets are listed with one request.
        basics: The columns of asset_basics that are looked at, beside `_id`; all when empty.
        form: To be raised when `ask` returns something else, so that everything is asked again.
        file: The address of the one side file that it is made from, where it is one for all.
        problems: What of that file did not fit, as sentences.
    """

    name: str
    description: str
    type: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    inputs: tuple[str, ...]
    rows: Callable[..., Any]
    folder: str = ""
    partition: str = ""
    partitions: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
    order: tuple[str, ...] = ()
    finish: Callable[..., Any] | None = None
    questions: Callable[..., Any] | None = None
    ask: Callable[..., Any] | None = None
    listed: tuple[str, ...] = ()
    basics: tuple[str, ...] = ()
    form: int = 1
    file: str = ""
    problems: Callable[..., Any] | None = None

    @property
    def table(self) -> str:
        """The table's name in the store."""
        return self.folder or self.name

    def column(self, name: str) -> Column:
        """The column of that name."""
        return next(c for c in self.columns if c.name == name)


def version_folder(version: str) -> str:
    """The key of a version's folder.

    Raises:
        ValueError: The version is not dotted numbers; the website's comparison breaks on others.
    """
    if not VERSION_FORM.fullmatch(version):
        raise ValueError(
            f"version {version!r} is not dotted numbers such as {__version__}; "
            "readers compare version folders by number"
        )
    return f"{ROOT}/zs-v{version}"


def version_order(folder: str) -> tuple[int, ...]:
    """The sort key of a folder's name such as `zs-v0.28.6`; names of another form come first."""
    number = folder.removeprefix("zs-v")
    return tuple(map(int, number.split("."))) if VERSION_FORM.fullmatch(number) else ()


def encode_partition(value: str | None) -> str:
    """A partition's value as one segment of a key, percent-encoded as Hive does.

    Letters, digits, `_`, `-` and single dots stay; runs of dots are encoded, since `..` is a way
    out of a folder and `...` is refused by Dagster. None becomes Hive's default partition.
    """
    if value is None:
        return NULL_PARTITION
    encoded = "".join(
        c if c in _PLAIN else "".join(f"%{b:02X}" for b in c.encode("utf-8", "surrogatepass"))
        for c in value
    )
    if encoded == NULL_PARTITION:
        return f"%5F{encoded[1:]}"
    return re.sub(r"^\.|\.{2,}|\.$", lambda m: "%2E" * len(m[0]), encoded)


def decode_partition(segment: str) -> str | None:
    """The value that `encode_partition` was given."""
    if segment == NULL_PARTITION:
        return None
    return unquote(segment, errors="surrogatepass")


def registry_key(version: str) -> str:
    """The key of a version's `squirrel.json`."""
    return f"{version_folder(version)}/squirrel.json"


def snapshot_key(version: str, snapshot: str) -> str:
    """The key of a published squirrel that is kept."""
    return f"{version_folder(version)}/_snapshots/{snapshot}.json"


def facts_key(version: str, table: str) -> str:
    """The key of a table's facts, `<table>.json`."""
    return f"{version_folder(version)}/{table}.json"


def table_key(version: str, table: str) -> str:
    """The fixed path of a table that is not partitioned."""
    return f"{version_folder(version)}/{table}.pqt"


def partition_key(version: str, table: str, column: str, segment: str) -> str:
    """The fixed path of one partition; `segment` is already encoded."""
    return f"{version_folder(version)}/{table}/{column}={segment}/data.pqt"


def object_key(version: str, table: str, sha256: str) -> str:
    """The key of a content, which never changes."""
    return f"{version_folder(version)}/_objects/{table}/{sha256}.pqt"


def location(url: str, version: str, entry: Mapping[str, Any]) -> str:
    """Where a table lies, as readers have it: the file, or the folder with a slash at its end.

    Args:
        url: The store's URL, without a slash at its end.
        version: The version.
        entry: A table's facts, or anything with `table` and `partition_key`.
    """
    if entry["partition_key"]:
        return f"{url}/{version_folder(version)}/{entry['table']}/"
    return f"{url}/{table_key(version, entry['table'])}"
