"""The folder in which zombie-squirrel 0.28.6 keeps its tables: where it is, and which files it has.

`zs_client.shadow` compares them with ours. That program keeps no list of partitions, so the folder
is listed.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from zs_client import fetch
from zs_client.contract import ROOT, layouts, version_order
from zs_client.errors import AcornNotFound
from zs_client.place import resolve_current
from zs_client.store import Store

# The first version that the earlier program did not write.
_FIRST_OF_OURS = version_order("zs-v1")
_ADDRESS = re.compile(rf"(?:(?P<store>.*?)/)?{ROOT}(?:/(?P<version>zs-v[^/]+))?/?")
_FILE = re.compile(r"(?P<table>[^/]+)\.pqt|(?P<split>[^/]+)/[^/=]+=(?P<value>[^/]*)/data\.pqt")


@dataclass(frozen=True)
class EarlierFolder:
    """A version folder of the earlier program.

    Attributes:
        store: The store that holds it.
        where: Its address.
        tables: By the table's name in the store, the key of each file by its partition's value; an
            empty text for the one file of a table without partitions.
    """

    store: Store
    where: str
    tables: Mapping[str, Mapping[str | None, str]]


def open_folder(url: str | Path) -> EarlierFolder:
    """Returns the folder that a URL names.

    Args:
        url: The earlier program's store, `data-asset-cache` in it, a version folder in there, or a
            copy of a version folder. Without a version, the highest below 1 is taken.

    Raises:
        AcornNotFound: There is no such version folder, or it holds no tables.
        ReadError: It cannot be listed.
        StoreError: The URL has an unknown scheme, or names a folder that is not there.
    """
    parts = _ADDRESS.fullmatch(str(url))
    address = (parts["store"] or ".") if parts else str(url)
    store, _ = resolve_current(address)
    prefix = f"{ROOT}/{parts['version']}" if parts and parts["version"] else ""
    if not prefix:
        prefix = _newest(store, is_needed=parts is not None)
    tables: dict[str, dict[str | None, str]] = {}
    with fetch.listing(store, prefix or ROOT):
        keys = sorted(entry["path"] for entry in store.walk(prefix))
    for key in keys:
        if name := _FILE.fullmatch(key.removeprefix(prefix).lstrip("/")):
            # Values are written there as they are, not percent-encoded.
            tables.setdefault(name["table"] or name["split"], {})[name["value"] or ""] = key
    where = store.at(prefix) if prefix else store.url
    if not tables:
        raise AcornNotFound(f"{where}: holds no tables of zombie-squirrel")
    return EarlierFolder(store, where, tables)


def _newest(store: Store, *, is_needed: bool) -> str:
    """Returns the key of the highest version folder of the earlier program.

    Returns:
        An empty text for a store without version folders, which is then a copy of one.

    Raises:
        AcornNotFound: All version folders are ours, or there is none and one is needed.
    """
    with fetch.listing(store, ROOT):
        folders = store.folders(ROOT)
    earlier = [one for one in layouts(folders) if version_order(one.name) < _FIRST_OF_OURS]
    if earlier:
        return earlier[0].folder
    if folders or is_needed:
        raise AcornNotFound(
            f"{store.at(ROOT)}: holds no version folder of zombie-squirrel, only "
            f"{', '.join(f for f in sorted(folders) if f.startswith('zs-v')) or 'other things'}; "
            "name its folder"
        )
    return ""
