"""Opening a store by its URL: on S3, in a local folder, in memory, or the packaged sample.

`zs_client.place` decides which store is read, and puts a local cache before a store on S3.
"""

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from zs_client.errors import StoreError
from zs_client.local import LocalStore
from zs_client.s3 import s3_bucket, s3_place, without_user
from zs_client.sample import SAMPLE, SampleStore
from zs_client.store import Store

_memory: dict[str, Any] = {}


def open_store(
    url: str | Path, *, anonymous: bool = False, object_cache: Path | None = None
) -> Store:
    """Open a store.

    Args:
        url: `s3://bucket[/prefix]`, a local folder (`file://` or a path), `memory://[name]`, or the
            text `sample` for the tables that come with the package.
        anonymous: Send S3 no credentials, as for the public bucket.
        object_cache: A local folder that keeps objects of S3, so that each is fetched once.

    Raises:
        StoreError: The URL has an unknown scheme, or names a folder that is not there.
    """
    text = str(url)
    if url == SAMPLE:
        return SampleStore()
    if not text.startswith("file://"):
        without_user("ZS_STORE", text)
    parts = urlsplit(text)
    if parts.scheme == "memory":
        from obstore.store import MemoryStore

        name = f"memory://{parts.netloc}"
        return Store(_memory.setdefault(name, MemoryStore()), name)
    if parts.scheme == "s3":
        bucket, prefix = s3_place(text)
        store = s3_bucket(bucket, prefix=prefix, anonymous=anonymous)
        return Store(store, f"s3://{bucket}/{prefix}".rstrip("/"), object_cache=object_cache)
    if parts.scheme == "file" or "://" not in text:
        folder = local_path(text).resolve()
        if folder.exists() and not folder.is_dir():
            raise StoreError(f"{folder}: is a file; a store is a folder")
        if not folder.is_dir():
            raise StoreError(f"{folder}: no such folder; create it, or name another")
        return LocalStore(folder)
    raise StoreError(
        f"{text}: a store is s3://bucket, a local folder, or memory://name; "
        "sample is the packaged tables"
    )


def local_path(url: str) -> Path:
    """Returns the path that a `file://` URL names, with `%20` for a blank, or the path given."""
    if not url.startswith("file://"):
        return Path(url).expanduser()
    from urllib.request import url2pathname

    # On Windows, `file:///C:/x` is C:/x.
    return Path(url2pathname(urlsplit(url).path)).expanduser()
