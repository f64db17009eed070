"""The contract of the pipeline and its readers: names of types, and keys in the store.

Standard library only, since both packages import it. Nothing here reads or writes the store
(`zs_client.store`); tables are declared with `zs_pipeline.declaration`.
"""

import operator
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

__version__ = "1.0.0"

ROOT = "data-asset-cache"
VERSIONS_INDEX = f"{ROOT}/zombie-squirrels.json"
# The index of the folders that readers of zombie-squirrel's successor look for.
SUCCESSOR_INDEX = f"{ROOT}/cache_versions.json"
# Those readers know these tables by other names.
SUCCESSOR_NAMES = {
    "assets_smartspim": "platform_smartspim",
    "foraging_sessions": "platform_dynamic_foraging_sessions",
    "qc_by_raw_asset": "qc",
}
# The column by which QC by raw data asset is split.
RAW_NAME = "raw_asset_name"
DOCUMENTS = f"{ROOT}/_documents"
ANSWERS = f"{ROOT}/_files"
# The core files of a document, in the order of the schema's pages.
CORE = (
    "subject",
    "data_description",
    "procedures",
    "instrument",
    "acquisition",
    "processing",
    "quality_control",
)
# What a metric of quality control may evaluate, in the order of the schema.
STAGES = ("Raw data", "Processing", "Analysis", "Multi-asset")
# The fields of a document's envelope that are kept.
ENVELOPE = (
    "_id",
    "name",
    "location",
    "_created",
    "created",
    "_last_modified",
    "last_modified",
    "other_identifiers",
)
NULL_PARTITION = "__HIVE_DEFAULT_PARTITION__"

_NAMED = re.compile(r".*/(?:_objects|_custom)/[^/]+/([0-9a-f]{64})\.pqt")
_SUCCESSOR_FORM = re.compile(r"\d+\.\d+", re.ASCII)
VERSION_FORM = re.compile(r"\d+(\.\d+)*", re.ASCII)
_PLAIN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.")

TYPES = ("string", "bool", "int32", "int64", "float64", "time", "[string]", "{string: string}")


@dataclass(frozen=True)
class Layout:
    """The keys of one version of the cache in a store. As text, a layout is the version's number.

    Attributes:
        version: The number of the version folder.

    Raises:
        ValueError: The version is not dotted numbers; the website cannot compare other texts.
    """

    version: str

    def __post_init__(self) -> None:
        if not VERSION_FORM.fullmatch(self.version):
            raise ValueError(
                f"version {self.version!r} is not dotted numbers such as {__version__}; "
                "readers compare version folders by number"
            )

    def __str__(self) -> str:
        return self.version

    @property
    def name(self) -> str:
        """The version folder's name, as `zombie-squirrels.json` lists it."""
        return f"zs-v{self.version}"

    @property
    def folder(self) -> str:
        """The version folder's key."""
        return f"{ROOT}/{self.name}"

    @property
    def registry(self) -> str:
        """The key of `squirrel.json`."""
        return f"{self.folder}/squirrel.json"

    @property
    def views(self) -> str:
        """The key of the DuckDB database of views over all tables, beside the registry."""
        return f"{self.folder}/tables.duckdb"

    @property
    def night(self) -> str:
        """The key of the state of the night, beside the registry."""
        return f"{self.folder}/_night.json"

    @property
    def snapshots(self) -> str:
        """The key of the folder of published squirrels."""
        return f"{self.folder}/_snapshots"

    def snapshot(self, snapshot: str) -> str:
        """Returns the key of a published squirrel, by the snapshot's id."""
        return f"{self.snapshots}/{snapshot}.json"

    @property
    def snapshot_index(self) -> str:
        """The key of the list of snapshots, for readers that cannot list a folder."""
        return f"{self.folder}/_snapshots.json"

    @property
    def pruning(self) -> str:
        """The key that tells whether objects are being removed, and what the last prune did."""
        return f"{self.folder}/_prune.json"

    @property
    def rollback(self) -> str:
        """The key of the record of rollbacks: whether an earlier snapshot is published."""
        return f"{self.folder}/_rollback.json"

    @property
    def catalogue(self) -> str:
        """The key of the folder of the catalogue's page and its files; no table has this name."""
        return f"{self.folder}/catalogue"

    @property
    def catalogue_page(self) -> str:
        """The key of the catalogue's page, which a browser shows."""
        return f"{self.catalogue}/index.html"

    def facts(self, table: str) -> str:
        """Returns the key of a table's facts."""
        return f"{self.folder}/{table}.json"

    def table(self, table: str) -> str:
        """Returns the fixed path of a table that is not partitioned."""
        return f"{self.folder}/{table}.pqt"

    def table_folder(self, table: str) -> str:
        """Returns the key of the folder of a table's partitions."""
        return f"{self.folder}/{table}"

    def partition(self, table: str, column: str, segment: str) -> str:
        """Returns the fixed path of a partition; `segment` is already encoded."""
        return f"{self.table_folder(table)}/{column}={segment}/data.pqt"

    @property
    def objects(self) -> str:
        """The key of the folder of all tables' objects."""
        return f"{self.folder}/_objects"

    def object(self, table: str, sha256: str) -> str:
        """Returns the key of an object, whose content never changes."""
        return f"{self.objects}/{table}/{sha256}.pqt"

    def location(self, url: str, entry: Mapping[str, Any]) -> str:
        """Returns the address of a table: its file, or its folder with a slash at the end.

        Args:
            url: The store's URL, without a slash at the end.
            entry: A table's facts, or anything with `table` and `partition_key`.
        """
        if entry["partition_key"]:
            return f"{url}/{self.folder}/{entry['table']}/"
        return f"{url}/{self.table(entry['table'])}"


@dataclass(frozen=True)
class SuccessorLayout:
    """The keys of a version of the successor's layout.

    Attributes:
        version: The version's two numbers, as the successor's packages have them.

    Raises:
        ValueError: The version is not two numbers.
    """

    version: str

    def __post_init__(self) -> None:
        if not _SUCCESSOR_FORM.fullmatch(self.version):
            raise ValueError(
                f"ZS_BDC_VERSION is {self.version!r}, not two numbers such as 0.99; unset it to "
                "write no second layout"
            )

    @property
    def name(self) -> str:
        """The folder's name, as the index lists it."""
        return f"bdc-v{self.version}"

    @property
    def folder(self) -> str:
        """The folder's key."""
        return f"{ROOT}/{self.name}"

    @property
    def record(self) -> str:
        """The key that tells who writes the folder, and what the registry holds."""
        return f"{self.folder}/_written_by.json"

    @property
    def copies(self) -> str:
        """The key that tells which copies of our files the folder has, where it has any."""
        return f"{self.folder}/_copies.json"

    def fragment(self, table: str) -> str:
        """Returns the key of a table in the registry."""
        return f"{self.folder}/cache_registry/{table}.json"

    def table(self, table: str) -> str:
        """Returns the path where the successor's Python package reads an unpartitioned table."""
        return f"{self.folder}/{table}.pqt"

    def partition(self, table: str, column: str, value: str) -> str:
        """Returns the path where that package reads a partition; the value stands as it is."""
        return f"{self.folder}/{table}/{column}={value}/data.pqt"


def layouts(folders: Iterable[str]) -> list[Layout]:
    """Returns the layouts of folders such as `zs-v0.28.6`, the newest version first."""
    names = {name for name in folders if name.startswith("zs-v") and version_order(name)}
    newest_first = sorted(names, key=version_order, reverse=True)
    return [Layout(name.removeprefix("zs-v")) for name in newest_first]


def version_order(folder: str) -> tuple[int, ...]:
    """Returns the sort key of a folder such as `zs-v0.28.6`; other names come first."""
    number = folder.removeprefix("zs-v")
    return tuple(map(int, number.split("."))) if VERSION_FORM.fullmatch(number) else ()


def partition_text(column: str, value: Any) -> str | None:
    """Returns the value of a partition as text.

    Raises:
        TypeError: It is neither a text nor a whole number.
    """
    if value is None or isinstance(value, str):
        return value
    with suppress(TypeError):
        if not isinstance(value, bool):
            return str(operator.index(value))
    raise TypeError(f"{column} is a text or a whole number, not {value!r:.80}")


def encode_partition(value: str | None) -> str:
    """Returns a partition's value as one segment of a key, percent-encoded as Hive does.

    Letters, digits, `_`, `-` and single dots stay. Runs of dots are encoded, since `..` leads out
    of a folder and Dagster refuses `...`. None becomes Hive's default partition.
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
    """Returns the value of a segment that `encode_partition` made."""
    if segment == NULL_PARTITION:
        return None
    # Most have nothing to decode, and a table may have 10,000.
    return unquote(segment, errors="surrogatepass") if "%" in segment else segment


def named_digest(key: str) -> str:
    """Returns the sha256 in a key that names its content; empty for other keys."""
    match = _NAMED.fullmatch(key)
    return match[1] if match else ""


def successor_name(table: str) -> str:
    """Returns the name that the successor's readers know a table by."""
    return SUCCESSOR_NAMES.get(table, table)
