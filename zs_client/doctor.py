"""`zs doctor`: whether what the cache needs is as it must be, one line for each.

Asks only, but for one small file under `data-asset-cache/_probe/` when it is told to write.
"""

import os
import platform
import sys
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from zs_client import aws, fetch
from zs_client.cache import from_environment
from zs_client.contract import ROOT, Layout, __version__
from zs_client.errors import Careless, Conflict, StoreError
from zs_client.obstore_errors import first_line
from zs_client.place import resolve_current
from zs_client.registry import status
from zs_client.s3 import PUBLIC
from zs_client.store import Store

GOOD, WRONG, NOT_TRIED = "good", "WRONG", "not tried"
_PROBE = f"{ROOT}/_probe"


@dataclass(frozen=True)
class Finding:
    """What was found of one thing.

    Attributes:
        what: The thing.
        state: `good`, `WRONG` or `not tried`.
        said: What was found, and what to do.
    """

    what: str
    state: str
    said: str


def tried(what: str, look: Callable[[], str]) -> Finding:
    """What a look gives, or the first line of its error."""
    try:
        return Finding(what, GOOD, look())
    except Exception as error:  # noqa: BLE001 - whatever fails is what was looked for
        return Finding(what, WRONG, first_line(error))


def findings(url: str | None, version: str | None, *, write: bool) -> list[Finding]:
    """What a reader needs, and with `write` what a writer needs as well.

    Args:
        url: The store; else as the functions take it.
        version: The version; else `ZS_VERSION`, else that of this package.
        write: Try to write, and whether conditions of writing are kept.
    """
    runs_on = f"{__version__}, Python {platform.python_version()}, {sys.platform}"
    found = [Finding("zs", GOOD, runs_on)]
    found.append(tried("local cache", _cache))
    try:
        store, layout = resolve_current(url, version)
    except (StoreError, ValueError) as error:
        return [*found, Finding("store", WRONG, first_line(error))]
    if store.url.startswith("s3://"):
        found.append(tried("server", _server))
        found.append(tried("credentials", lambda: _credentials(store)))

    def reached() -> str:
        store.check()
        return store.url

    found.append(tried("store", reached))
    if found[-1].state == WRONG:
        return found
    found.append(tried("reading", lambda: _reading(store, layout)))
    found.append(tried("tables", lambda: _tables(store, layout)))
    if not write:
        skipped = "--write tries it with one small file"
        return [*found, *(Finding(what, NOT_TRIED, skipped) for what in ("writing", "conditions"))]
    return [*found, *_of_writing(store)]


def _of_writing(store: Store) -> list[Finding]:
    """Whether the store may be written to, and whether its server keeps what writers rely on."""
    try:
        writing = Finding("writing", GOOD, _writing(store))
    except Careless as error:
        return [
            Finding("writing", NOT_TRIED, "nothing is written to such a server"),
            Finding("conditions", WRONG, first_line(error)),
        ]
    except Exception as error:  # noqa: BLE001 - whatever fails is what was looked for
        return [Finding("writing", WRONG, first_line(error))]
    return [writing, tried("conditions", lambda: _conditions(store))]


def _cache() -> str:
    cache = from_environment()
    if cache is None:
        return "turned off"
    if not cache.writable():
        raise StoreError(
            f"{cache.folder}: nothing can be kept there; set ZS_CACHE, or ZS_CACHE=off"
        )
    return str(cache.folder)


def _server() -> str:
    bundle = aws.certificates()
    named = aws.endpoint() or "AWS"
    region = aws.region() or "no region is set"
    return f"{named}, {region}{', certificates of AWS_CA_BUNDLE' if bundle else ''}"


def _credentials(store: Store) -> str:
    if store.url == PUBLIC:
        return "none are needed"
    lacks = aws.lacks_boto3()
    if lacks:
        raise StoreError(lacks)
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
    found = boto3.Session().get_credentials()
    return f"by boto3: {found.method}" if found else "none: requests are not signed"


def _reading(store: Store, layout: Layout) -> str:
    key = layout.registry
    try:
        fetch.get_json(store, key)
    except FileNotFoundError:
        raise fetch.not_found(store, layout, "the registry", key) from None
    return f"version {layout}"


def _tables(store: Store, layout: Layout) -> str:
    found = status(store.url, layout.version)
    bad = [one.name for one in found if one.state != "fresh"]
    if bad:
        raise StoreError(f"{len(bad)} of {len(found)} are not fresh: zs status tells why")
    return f"{len(found)} are fresh"


def _writing(store: Store) -> str:
    key = f"{_PROBE}/{uuid.uuid4().hex}"
    store.put(key, b"1")
    try:
        if store.get(key) != b"1":
            raise StoreError(f"{store.url}: what was written does not come back")
    finally:
        store.delete([key])
    if "://" not in store.url:
        return f"allowed, {Path(store.url)}"
    return "allowed"


def _conditions(store: Store) -> str:
    """Whether a write waits for its condition, which keeps two writers from losing work."""
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
