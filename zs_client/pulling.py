"""Bringing whole tables into the local cache, for reading them without a network."""

from collections.abc import Iterator, Sequence

from zs_client import fetch, read, work
from zs_client.cache import CachedStore
from zs_client.contract import encode_partition
from zs_client.errors import StoreError
from zs_client.place import Place
from zs_client.printing import size
from zs_client.read import ReadRequest
from zs_client.read_requests import TABLES, find


def pulled(names: Sequence[str], at: Place) -> Iterator[tuple[str, int, int]]:
    """Fetch tables; yields each one's (name, files, bytes).

    Args:
        names: The tables; none for all that the store has.
        at: The store and version.

    Raises:
        StoreError: The store is not remote, reading is offline, or the tables do not fit into the
            local cache.
        AcornNotFound: There is no such table.
        ReadError: A table cannot be read.
    """
    store, layout = at
    if not isinstance(store, CachedStore):
        raise StoreError(
            f"{store.url}: only the present tables of a store on S3 are pulled; others are read "
            "where they are"
        )
    cache = store.cache
    if cache is None or not cache.writable():
        raise StoreError("there is no local cache to pull into: see ZS_CACHE and ZS_CACHE_SIZE")
    if store.offline:
        raise StoreError("nothing can be pulled offline: unset ZS_OFFLINE")
    tables = [find(name) for name in names] or list(TABLES)
    fetch.get(store, layout.registry)
    total = 0
    for name, folder, partition in tables:
        facts = fetch.facts(store, layout, folder)
        if facts is None and not names:
            continue
        total += (facts or {}).get("bytes") or 0
        if total > cache.size:
            raise StoreError(
                f"{name}: the tables have over {size(total)}, and the local cache holds "
                f"{size(cache.size)}; raise ZS_CACHE_SIZE or name fewer tables"
            )
        keys = [layout.table(folder)]
        if partition:
            request = ReadRequest(name, folder, partition=partition)
            values = read.partition_values(store, layout, request)
            keys = [layout.partition(folder, partition, encode_partition(v)) for v in values]

        def fetched(key: str, table: str = name) -> int:
            try:
                return len(fetch.get(store, key))
            except FileNotFoundError:
                raise fetch.not_found(store, layout, table, key) from None

        yield name, len(keys), sum(work.map_ordered(fetched, keys))
