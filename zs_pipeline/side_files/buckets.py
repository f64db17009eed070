"""Buckets that data assets lie in, on S3 or in a local folder that replaces a bucket.

Buckets are only read. Missing, forbidden and unusable files have errors of their own; every other
failure is a `StoreError`, after the store's own retries. Locations are parsed in
`zs_pipeline.side_files.files`.
"""

import os
import posixpath
import socket
import threading
import time
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import partial
from operator import attrgetter, itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast
from urllib.parse import urlsplit
from urllib.request import getproxies

import urllib3
from obstore.exceptions import BaseError, InvalidPathError, NotModifiedError
from obstore.store import S3Store

from zs_client import objects
from zs_client.errors import StoreError
from zs_client.obstore_errors import first_line, is_forbidden, is_missing_bucket, repeated
from zs_client.s3 import s3_bucket
from zs_pipeline.side_files.outcomes import (
    Entry,
    Folder,
    NoBucket,
    NotParsed,
    NotReached,
    NotReadable,
    NotThere,
    NotUsable,
)

if TYPE_CHECKING:
    from obstore.store import S3Config

S3 = "s3://"
_PAGE = 1000
# Keys that begin with a slash sort before this; obstore returns them without the slash.
_BEHIND_SLASH = "0"
_REGION_TIMEOUT = 10
_CONNECT_TIMEOUT = 10
_CONNECT_ATTEMPTS = 3

T = TypeVar("T")


class S3Bucket:
    """A bucket on S3, read with the present credentials, or without if those are refused.

    Many threads may use it at once.
    """

    def __init__(self, name: str, count_requests: Callable[..., None]) -> None:
        self._name = name
        self._count_requests = count_requests
        self._lock = threading.Lock()
        self._views: list[Any] = []
        # The view that had an answer; before any answer, both views are tried.
        self._working_view: Any = None
        self._unreachable = ""

    def get(self, key: str, etag: str | None, largest: int) -> tuple[bytes, str] | None:
        """Returns (bytes, ETag) of an object, or None while the ETag is `etag`."""

        def request(view: Any) -> tuple[bytes, str] | None:
            self._count_requests()
            try:
                answer = objects.get(view, key, options={"if_none_match": etag} if etag else None)
            except NotModifiedError:
                return None
            size = answer.meta["size"]
            if size > largest:
                raise NotParsed(f"{at}: has {size:,} bytes, too many for a side file")
            return bytes(answer.bytes()), str(answer.meta["e_tag"])

        at = f"{S3}{self._name}/{key}"
        return self._request(request, at)

    def listings(
        self, groups: list[list[str]], streams: int | None
    ) -> list[list[Entry] | NotUsable | None]:
        """Returns for each group of prefixes its files, an error, or None if not reached.

        One request after another is sent for all groups together, at most `streams` if not None.
        """
        files: dict[str, list[Entry]] = {}
        urls = [f"{S3}{self._name}/{prefixes[0]}" for prefixes in groups]
        if len(groups) > 1:
            every = {prefix for prefixes in groups for prefix in prefixes}
            try:
                self._scan([p for p in every if p >= _BEHIND_SLASH], files, urls[0], streams)
            except NoBucket:
                return [NoBucket(f"{at}: there is no bucket {self._name}") for at in urls]
            except NotReadable:
                # A folder may be open while the bucket is not, and an invalid key spoils only its
                # own page: prefixes without an answer are asked for one by one.
                streams = None
        reached = [not streams or all(p in files for p in prefixes) for prefixes in groups]
        # A request may end between the prefixes of the first group: at least one is reached.
        reached[min(range(len(groups)), key=lambda number: min(groups[number]))] = True
        return [
            self._list_group(prefixes, at, files) if is_reached else None
            for prefixes, at, is_reached in zip(groups, urls, reached, strict=True)
        ]

    def _list_group(
        self, prefixes: list[str], at: str, files: dict[str, list[Entry]]
    ) -> list[Entry] | NotUsable:
        """Returns the files of a group by key, after requests for prefixes not in `files`."""
        try:
            self._scan(prefixes, files, at)
        except NotUsable as error:
            return error
        return sorted({e for prefix in prefixes for e in files[prefix]}, key=attrgetter("key"))

    def _scan(
        self,
        prefixes: list[str],
        files: dict[str, list[Entry]],
        at: str,
        streams: int | None = None,
    ) -> None:
        """Add the files of each prefix to `files`; answers before a failure stay."""

        def request(view: Any) -> None:
            waiting = sorted(prefix for prefix in prefixes if prefix not in files)
            begun = 0
            while waiting and (streams is None or begun < streams):
                waiting = self._list_stream(view, waiting, files)
                begun += 1

        if any(prefix not in files for prefix in prefixes):
            self._request(request, at)

    def _list_stream(
        self, view: Any, waiting: list[str], files: dict[str, list[Entry]]
    ) -> list[str]:
        """Add the files that one stream of pages reaches; return the prefixes not reached.

        A page reaches all prefixes that sort before its end. The stream continues while a prefix
        extends beyond the page. Otherwise a new stream at the next prefix is never worse: a hundred
        thousand keys may lie between the two.
        """
        self._count_requests()
        begun: dict[str, list[Entry]] = defaultdict(list)
        # Prefixes are sorted: the common beginning of these two is common to all.
        ends = (waiting[0], waiting[-1])
        above = posixpath.commonpath([prefix.rpartition("/")[0] for prefix in ends])
        # A prefix in obstore is a whole folder, so the offset skips the keys before the first one.
        # obstore removes a slash at its end; keys that sort before the slash would come as well.
        before = waiting[0].removesuffix("/")
        offset = before if before == waiting[0] else f"{before}.\U0010ffff"
        pages = objects.list(view, above or None, offset=offset, chunk_size=_PAGE)
        for number, page in enumerate(pages):
            if number:
                self._count_requests()
            # Keys come sorted, except that obstore removes a slash at their end.
            entries = sorted(page, key=itemgetter("path"))
            paths = [entry["path"] for entry in entries]
            reached = bisect_right(waiting, paths[-1])
            unfinished = []
            for prefix in waiting[:reached]:
                for at in range(bisect_right(paths, prefix), len(paths)):
                    if not paths[at].startswith(prefix):
                        break
                    modified = entries[at]["last_modified"].timestamp()
                    begun[prefix].append(Entry(modified, paths[at], entries[at]["e_tag"]))
                if paths[-1].startswith(prefix):
                    unfinished.append(prefix)
                else:
                    files[prefix] = begun[prefix]
            waiting = unfinished + waiting[reached:]
            if not waiting or (reached and not unfinished and len(page) >= _PAGE):
                return waiting
        files.update((prefix, begun[prefix]) for prefix in waiting)
        return []

    def folder(self, key: str) -> Folder:
        """Returns the names directly below a key."""

        def request(view: Any) -> Folder:
            answer = objects.list_with_delimiter(view, key or None)
            folders = [path.rstrip("/").rsplit("/", 1)[-1] for path in answer["common_prefixes"]]
            files = [entry["path"].rsplit("/", 1)[-1] for entry in answer["objects"]]
            self._count_requests(max(1, -(-(len(folders) + len(files)) // _PAGE)))
            return Folder(tuple(sorted(folders)), tuple(sorted(files)))

        return self._request(request, f"{S3}{self._name}/{key}/")

    def _request(self, request: Callable[[Any], T], at: str) -> T:
        """Send a request with, then without credentials; raise a failure as its own error."""
        refused = NotReadable(f"{at}: may not be read")
        working = self._working_view
        for view in self._open_views() if working is None else [working]:
            try:
                result = repeated(partial(request, view))
            except FileNotFoundError as error:
                if is_missing_bucket(error):
                    raise NoBucket(f"{at}: there is no bucket {self._name}") from error
                self._working_view = view
                raise NotThere(f"{at}: is not there") from error
            except BaseError as error:
                if _is_in_another_region(error) and self._reopen():
                    return self._request(request, at)
                refused = _refusal(error, self._name, at)
                if isinstance(refused, NoBucket):
                    raise refused from error
            else:
                self._working_view = view
                return result
        raise refused

    def _open_views(self) -> list[Any]:
        """Returns the bucket with the present credentials, then without credentials."""
        with self._lock:
            if self._unreachable:
                raise NotReached(self._unreachable)
            if not self._views:
                view = s3_bucket(self._name)
                self._unreachable = _why_unreachable(view, self._name)
                if self._unreachable:
                    raise NotReached(self._unreachable)
                self._views = [view]
                if view.config.get("skip_signature") != "true":
                    self._views.append(s3_bucket(self._name, anonymous=True))
            return self._views

    def _reopen(self) -> bool:
        """Open the bucket in its own region; return False when that is unknown or used already."""
        views = self._open_views()
        region = region_of(self._name) if "endpoint" not in views[0].config else None
        if region is None or region == views[0].config.get("region"):
            return False
        with self._lock:
            self._working_view = None
            self._views = [
                S3Store(
                    config=cast("S3Config", {**view.config, "region": region}),
                    client_options=view.client_options,
                    retry_config=view.retry_config,
                    credential_provider=view.credential_provider,
                )
                for view in views
            ]
        return True


def _why_unreachable(view: S3Store, bucket: str) -> str:
    """Returns why a bucket's server cannot be reached; empty when it can.

    Without a network each of thousands of requests would be tried for two minutes.
    """
    if getproxies():
        return ""
    endpoint = view.config.get("endpoint") or f"https://s3.{view.config['region']}.amazonaws.com"
    server = urlsplit(str(endpoint))
    for attempt in range(_CONNECT_ATTEMPTS):
        time.sleep(attempt / 4)
        try:
            port = server.port or (443 if server.scheme == "https" else 80)
            socket.create_connection((server.hostname or "", port), _CONNECT_TIMEOUT).close()
        except OSError as error:
            reason = f"{S3}{bucket}: {server.hostname} cannot be reached: {error}"
        else:
            return ""
    return reason


def region_of(bucket: str) -> str | None:
    """Returns the region of a bucket, which S3 tells without credentials; None when unknown."""
    answer = urllib3.request(
        "HEAD", f"https://s3.amazonaws.com/{bucket}", redirect=False, timeout=_REGION_TIMEOUT
    )
    return answer.headers.get("x-amz-bucket-region")


def _is_in_another_region(error: Exception) -> bool:
    """Returns whether S3 sent the request to another region."""
    return "incorrectly configured region" in str(error)


def _refusal(error: Exception, bucket: str, at: str) -> NotReadable:
    """Returns the error of a request that will always fail; raises others as `StoreError`."""
    if is_forbidden(error):
        return NotReadable(f"{at}: may not be read")
    # obstore has an error for a missing key; in a listing, only the bucket can be missing.
    if "404 Not Found" in str(error):
        return NoBucket(f"{at}: there is no bucket {bucket}")
    if isinstance(error, InvalidPathError):
        return NotReadable(f"{at}: a key there cannot be asked for: {first_line(error)}")
    raise StoreError(f"{at}: not answered: {first_line(error)}; build again later") from error


def _local_etag(stat: os.stat_result) -> str:
    return f"{stat.st_mtime_ns}-{stat.st_size}"


class LocalBucket:
    """A folder that replaces a bucket."""

    def __init__(self, root: Path, count_requests: Callable[..., None]) -> None:
        self._root = root
        self._count_requests = count_requests

    def get(self, key: str, etag: str | None, largest: int) -> tuple[bytes, str] | None:
        """Returns (bytes, ETag) of a file, or None while the ETag is `etag`."""
        self._check_bucket()
        path = self._root / key
        try:
            stat = path.stat()
            current = _local_etag(stat)
            if current == etag:
                return None
            if stat.st_size > largest:
                raise NotParsed(f"{path}: has {stat.st_size:,} bytes, too many for a side file")
            return path.read_bytes(), current
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
            raise NotThere(f"{path}: is not there") from error
        except PermissionError as error:
            raise NotReadable(f"{path}: may not be read") from error

    def listings(
        self,
        groups: list[list[str]],
        streams: int | None,  # noqa: ARG002 - a folder reaches all
    ) -> list[list[Entry] | NotUsable | None]:
        """Returns the files of each group; no group is left out."""
        return [self._listing(prefixes) for prefixes in groups]

    def _listing(self, prefixes: list[str]) -> list[Entry] | NotUsable:
        files: set[Entry] = set()
        # Prefixes share folders, and each folder is listed once.
        folders: dict[str, list[os.DirEntry[str]]] = {}
        try:
            self._check_bucket()
            for prefix in prefixes:
                parent, slash, start = prefix.rpartition("/")
                if parent not in folders:
                    folders[parent] = self._scan_folder(self._root / parent)
                for item in folders[parent]:
                    if item.name.startswith(start):
                        entries = self._entries(item, f"{parent}{slash}{item.name}")
                        files.update(entry for entry in entries if entry.key != prefix)
        except NotUsable as error:
            return error
        return sorted(files, key=attrgetter("key"))

    def _entries(self, item: os.DirEntry[str], key: str) -> Iterator[Entry]:
        """Yields a file, or all files in a folder without following its links to folders."""
        if item.is_file():
            stat = item.stat()
            yield Entry(stat.st_mtime, key, _local_etag(stat))
        elif item.is_dir():
            for inside in self._scan_folder(item):
                if inside.is_file() or not inside.is_symlink():
                    yield from self._entries(inside, f"{key}/{inside.name}")

    def folder(self, key: str) -> Folder:
        """Returns the names in a folder."""
        self._check_bucket()
        items = self._scan_folder(self._root / key)
        return Folder(
            # On S3 there is no folder without a file.
            tuple(item.name for item in items if item.is_dir() and self._scan_folder(item)),
            tuple(item.name for item in items if item.is_file()),
        )

    def _scan_folder(self, folder: Path | os.DirEntry[str]) -> list[os.DirEntry[str]]:
        """Returns the items of a folder by name, in a fourth of the time that `Path` takes."""
        try:
            with os.scandir(folder) as items:
                return sorted(items, key=attrgetter("name"))
        except (FileNotFoundError, NotADirectoryError):
            return []
        except PermissionError as error:
            raise NotReadable(f"{os.fspath(folder)}: may not be read") from error

    def _check_bucket(self) -> None:
        """Count a request; raise `NoBucket` where the folder is not there."""
        self._count_requests()
        if not self._root.is_dir():
            raise NoBucket(f"{self._root}: there is no such folder for a bucket")


Bucket = S3Bucket | LocalBucket
