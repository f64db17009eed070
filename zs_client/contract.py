"""What the pipeline and every reader agree on: names of types, and where things lie.

Standard library only, since both packages import it. Nothing here reads or writes the store
(`zs_client.store`), and what a declaration of a table is stands in `zs_pipeline.declaration`.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

__version__ = "1.0.0"

ROOT = "data-asset-cache"
VERSIONS_INDEX = f"{ROOT}/zombie-squirrels.json"
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
# What of the envelope of a document is kept.
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

VERSION_FORM = re.compile(r"\d+(\.\d+)*", re.ASCII)
_PLAIN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.")

TYPES = ("string", "bool", "int32", "int64", "float64", "time", "[string]", "{string: string}")


@dataclass(frozen=True)
class Layout:
    """Where one version of the cache has its parts: their keys in a store.

    As text it is the version's number.

    Attributes:
        version: The number of the version folder.

    Raises:
        ValueError: The version is not dotted numbers; the website's comparison breaks on others.
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

    def facts(self, table: str) -> str:
        """Returns the key of a table's facts."""
        return f"{self.folder}/{table}.json"

    def table(self, table: str) -> str:
        """Returns the fixed path of a table that is not partitioned."""
        return f"{self.folder}/{table}.pqt"

    def partition(self, table: str, column: str, segment: str) -> str:
        """Returns the fixed path of one partition; `segment` is already encoded."""
        return f"{self.folder}/{table}/{column}={segment}/data.pqt"

    def object(self, table: str, sha256: str) -> str:
        """Returns the key of a content, which never changes."""
        return f"{self.folder}/_objects/{table}/{sha256}.pqt"

    def location(self, url: str, entry: Mapping[str, Any]) -> str:
        """Returns where a table lies, for readers: its file, or its folder with a slash at the end.

        Args:
            url: The store's URL, without a slash at its end.
            entry: A table's facts, or anything with `table` and `partition_key`.
        """
        if entry["partition_key"]:
            return f"{url}/{self.folder}/{entry['table']}/"
        return f"{url}/{self.table(entry['table'])}"


def layouts(folders: Iterable[str]) -> list[Layout]:
    """Returns the layouts that folders such as `zs-v0.28.6` are of, the newest version first."""
    numbers = {name.removeprefix("zs-v") for name in folders if name.startswith("zs-v")}
    found = [Layout(number) for number in numbers if VERSION_FORM.fullmatch(number)]
    return sorted(found, key=lambda layout: version_order(layout.name), reverse=True)


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
