"""`zs doctor`: tests what the cache needs, and returns a finding for each.

It only reads, except for one small file under `data-asset-cache/_probe/` with `--write`.
"""

import os
import platform
import sys
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from zs_client import aws, fetch
from zs_client.contract import ROOT, Layout, __version__
from zs_client.errors import Careless, Conflict, StoreError
from zs_client.obstore_errors import first_line
from zs_client.place import local_cache, resolve_current
from zs_client.registry import status
from zs_client.s3 import PUBLIC
from zs_client.store import Store

GOOD, WRONG, NOT_TRIED = "good", "WRONG", "not tried"
_PROBE = f"{ROOT}/_probe"


@dataclass(frozen=True)
class Finding:
    """The result of one test.

    Attributes:
        what: What was tested, such as `credentials`.
        state: `good`, `WRONG` or `not tried`.
        said: The result, and what to do.
    """

    what: str
    state: str
    said: str


def tried(what: str, look: Callable[[], str]) -> Finding:
    """Returns a test's result as a finding, or the first line of its error."""
    try:
        return Finding(what, GOOD, look())
    except Exception as error:  # noqa: BLE001 - any error is a finding
        return Finding(what, WRONG, first_line(error))


def findings(url: str | None, version: str | None, *, write: bool) -> list[Finding]:
    """Returns findings about reading, and with `write` also about writing.

    Args:
        url: The store; by default that of the variables.
        version: The version; by default `ZS_VERSION`, else that of this package.
        write: Test writing, and whether the server honours conditional writes.
    """
    runs_on = f"{__version__}, Python {platform.python_version()}, {sys.platform}"
    results = [Finding("zs", GOOD, runs_on), tried("local cache", _cache)]
    try:
        store, layout = resolve_current(url, version)
    except (StoreError, ValueError) as error:
        return [*results, Finding("store", WRONG, first_line(error))]
    if store.url.startswith("s3://"):
        results.append(tried("server", _server))
        results.append(tried("credentials", lambda: _credentials(store)))

    def reach() -> str:
        store.check()
        return store.url

    results.append(tried("store", reach))
    if results[-1].state == WRONG:
        return results
    results.append(tried("reading", lambda: _reading(store, layout)))
    results.append(tried("tables", lambda: _tables(store, layout)))
    if write:
        return results + _writing_findings(store)
    skipped = "--write tries it with one small file"
    return results + [Finding(what, NOT_TRIED, skipped) for what in ("writing", "conditions")]


def _writing_findings(store: Store) -> list[Finding]:
    """Returns whether the store can be written to, and whether it honours conditional writes."""
    try:
        writing = Finding("writing", GOOD, _writing(store))
    except Careless as error:
        return [
            Finding("writing", NOT_TRIED, "nothing is written to such a server"),
            Finding("conditions", WRONG, first_line(error)),
        ]
    except Exception as error:  # noqa: BLE001 - any error is a finding
        return [Finding("writing", WRONG, first_line(error))]
    return [writing, tried("conditions", lambda: _conditions(store))]


def _cache() -> str:
    cache = local_cache()
    if cache is None:
        return "turned off"
    if not cache.writable():
        raise StoreError(
            f"{cache.folder}: nothing can be kept there; set ZS_CACHE, or ZS_CACHE=off"
        )
    return str(cache.folder)


def _server() -> str:
    certificates = ", certificates of AWS_CA_BUNDLE" if aws.certificates() else ""
    return f"{aws.endpoint() or 'AWS'}, {aws.region() or 'no region is set'}{certificates}"


def _credentials(store: Store) -> str:
    if store.url == PUBLIC:
        return "none are needed"
    if reason := aws.lacks_boto3():
        raise StoreError(reason)
    if os.environ.get("AWS_ACCESS_KEY_ID"):
        return "of the AWS variables"
    if aws.are_there():
        return "of a role"
    if aws.keys():
        return f"of the profile {aws.profile_name()}"
    try:
        import boto3
    except ImportError:
        return "none: requests are not signed"
    credentials = boto3.Session().get_credentials()
    return f"by boto3: {credentials.method}" if credentials else "none: requests are not signed"


def _reading(store: Store, layout: Layout) -> str:
    try:
        fetch.get_json(store, layout.registry)
    except FileNotFoundError:
        raise fetch.not_found(store, layout, "the registry", layout.registry) from None
    return f"version {layout}"


def _tables(store: Store, layout: Layout) -> str:
    tables = status(store.url, layout.version)
    not_fresh = sum(table.state != "fresh" for table in tables)
    if not_fresh:
        raise StoreError(f"{not_fresh} of {len(tables)} are not fresh: zs status tells why")
    return f"{len(tables)} are fresh"


def _writing(store: Store) -> str:
    key = f"{_PROBE}/{uuid.uuid4().hex}"
    store.put(key, b"1")
    try:
        if store.get(key) != b"1":
            raise StoreError(f"{store.url}: what was written does not come back")
    finally:
        store.delete([key])
    return "allowed" if "://" in store.url else f"allowed, {Path(store.url)}"


def _conditions(store: Store) -> str:
    """Write under conditions that fail and that hold; two writers rely on them."""
    key = f"{_PROBE}/{uuid.uuid4().hex}"
    etag = store.put_if_match(key, b"1", None)
    try:
        for body, condition in ((b"2", None), (b"3", etag[::-1] or "other")):
            try:
                store.put_if_match(key, body, condition)
            except Conflict:
                continue
            raise StoreError(
                f"{store.url}: writes over what another writer wrote, since the server passes "
                "over If-Match or If-None-Match; two builds at once would lose work: use a server "
                "that keeps them"
            )
        store.put_if_match(key, b"4", etag)
    finally:
        store.delete([key])
    return "kept: two writers lose nothing"
