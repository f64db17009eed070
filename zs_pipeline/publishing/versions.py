"""The index of version folders, by which readers find the newest one."""

import json

from zs_client.contract import version_order
from zs_client.store import Store
from zs_pipeline.stored_json import serialized


def add(store: Store, index: str, folder: str) -> None:
    """Add a folder to an index of folders, which stays sorted by version.

    Args:
        store: The store.
        index: The index's key.
        folder: The folder's name.

    Raises:
        ValueError: The index cannot be read; it was not changed.
    """

    def with_folder(body: bytes | None) -> bytes | None:
        try:
            folders = json.loads(b"[]" if body is None else body)
        except ValueError as error:
            raise ValueError(
                f"{store.at(index)}: cannot be read as JSON: {error}; it is left as it is, and "
                f"{folder} is not listed"
            ) from error
        if not isinstance(folders, list) or not all(isinstance(name, str) for name in folders):
            raise ValueError(
                f"{store.at(index)}: is no list of folder names; it is left as it is, and "
                f"{folder} is not listed"
            )
        if folder in folders:
            return None
        return serialized(sorted([*folders, folder], key=_order))

    store.update(index, with_folder)


def _order(folder: str) -> tuple[int, ...]:
    """Returns the sort key of a folder such as `zs-v0.28.6` or `bdc-v0.43`."""
    return version_order(folder.rpartition("-v")[2])
