"""The tables of the sample, which come with the package in `sample.zip`: `ZS_STORE=sample`.

They are for trying the client without a server and without the pipeline. `pages.sample` makes the
file.
"""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NoReturn

from zs_client.errors import StoreError
from zs_client.store import Store

# The store's name, in place of a URL. A folder of that name is `./sample`.
SAMPLE = "sample"
FILE = Path(__file__).parent / "sample.zip"


class SampleStore(Store):
    """The packaged tables in memory, for reading only."""

    def __init__(self) -> None:
        import zipfile

        from obstore.store import MemoryStore

        bucket = MemoryStore()
        try:
            with zipfile.ZipFile(FILE) as archive:
                for name in archive.namelist():
                    bucket.put(name, archive.read(name))
        except (OSError, zipfile.BadZipFile) as error:
            raise StoreError(f"{FILE.name}: the packaged sample cannot be read: {error}") from error
        super().__init__(bucket, SAMPLE)

    def put(self, key: str, *_: Any, **__: Any) -> NoReturn:
        """Refuse a write, as do all functions that write.

        Raises:
            StoreError: Always.
        """
        raise StoreError(
            f"{self.at(key)}: the packaged sample is for reading only; ZS_STORE or --store names "
            "a store to write to, and ./sample is a folder of that name"
        )

    put_object = put_packed = put_first = put_if_match = update = copy = put

    def check_writes(self) -> NoReturn:
        """See `put`."""
        self.put("")

    def check(self) -> None:
        """Do nothing: the tables are there."""

    def delete(self, keys: list[str]) -> NoReturn:
        """See `put`."""
        self.put(next(iter(keys), ""))

    def delete_older(self, keys: Sequence[str], before: datetime) -> NoReturn:  # noqa: ARG002
        """See `put`."""
        self.put(next(iter(keys), ""))
