"""What the pipeline and every reader agree on: names of types, and where things lie.

Standard library only, since both packages import it. Nothing here reads or writes the store
(`zs_client.store`), and what a declaration of a table is stands in `zs_pipeline.declaration`.
"""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

__version__ = "1.0.0"

ROOT = "data-asset-cache"
INDEX = f"{ROOT}/zombie-squirrels.json"
DOCUMENTS = f"{ROOT}/_documents"
FILES = f"{ROOT}/_files"
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
