"""Who writes a folder of the successor's layout, and what we wrote there: `_written_by.json`."""

from collections.abc import Callable
from typing import Any

from zs_client.contract import SuccessorLayout
from zs_client.errors import StoreError
from zs_client.store import Store
from zs_pipeline.stored_json import parsed, serialized

_WRITER = "zs_pipeline"


class Record:
    """The record of a folder as it was last read or written; changed by compare-and-set.

    Attributes:
        content: What it says; None where there is none.
    """

    def __init__(self, store: Store, layout: SuccessorLayout) -> None:
        self.store = store
        self.layout = layout
        self._file = store.get_if_there(layout.record)
        self.content: Any = parsed(store, layout.record, self._file[0])

    @property
    def is_ours(self) -> bool:
        """Whether it says that this program writes the folder."""
        return isinstance(self.content, dict) and self.content.get("written_by") == _WRITER

    @property
    def tables(self) -> dict[str, str]:
        """The digest of each entry in the registry, by the table's name there."""
        return dict(self.content.get("tables", {})) if self.is_ours else {}

    @property
    def copies(self) -> dict[str, Any]:
        """What is known of the copies of our files; empty where the folder has none."""
        return dict(self.content.get("copies", {})) if self.is_ours else {}

    def refuse_others(self) -> None:
        """Refuse a folder that another program writes.

        Raises:
            StoreError: Something lies in the folder that we did not write.
        """
        store, layout = self.store, self.layout
        if self.content is None:
            other = next((entry["path"] for entry in store.walk(f"{layout.folder}/")), "")
            if other:
                raise StoreError(
                    f"{store.at(layout.folder)}: another program writes this folder, as {other} "
                    "shows; ZS_BDC_VERSION has to name a version that no program writes"
                )
        elif not self.is_ours:
            raise StoreError(
                f"{store.at(layout.record)}: is not of this program; ZS_BDC_VERSION has to name a "
                "version that no program writes"
            )

    def update(self, change: Callable[[dict[str, Any]], None]) -> None:
        """Change the record; where another writer was faster, change what it wrote."""
        store, key = self.store, self.layout.record

        def changed(body: bytes | None) -> bytes:
            content = parsed(store, key, body) or {"written_by": _WRITER, "tables": {}}
            change(content)
            return serialized(content)

        self._file = store.update(key, changed, known=self._file)
        self.content = parsed(store, key, self._file[0])
