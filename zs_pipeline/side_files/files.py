"""Side files by location, in whatever bucket a data asset lies.

Acorns know what a side file means. Requests to a bucket are sent in
`zs_pipeline.side_files.buckets`; answers are kept in `zs_pipeline.side_files.answers`.
"""

import re
import threading
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from zs_client.errors import StoreError
from zs_client.obstore_errors import first_line
from zs_client.opening import local_path
from zs_pipeline.shape import json_reading
from zs_pipeline.side_files.buckets import S3, Bucket, LocalBucket, S3Bucket
from zs_pipeline.side_files.outcomes import (
    Entry,
    Folder,
    NoLocation,
    NotParsed,
    NotReadable,
    NotUsable,
)

if TYPE_CHECKING:
    from pathlib import Path

# A trainer state has some 100 KB; a larger file than this is none.
LARGEST = 64 << 20
IN_FLIGHT = 64
# A folder answers at once: more threads would only wait for each other.
LOCAL_IN_FLIGHT = 4
_SOURCES = "side files are read from s3://, or from a folder that has a folder for each bucket"
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,254}", re.ASCII)
# Characters that neither obstore nor S3 accepts in a key.
_IN_NO_KEY = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


class Files:
    """All buckets of side files; many threads may use it at once.

    Attributes:
        url: `s3://`, or a local folder that has a folder for each bucket.
        count: The number of `requests` so far, without retries.
        in_flight: The number of requests to send at a time.
    """

    def __init__(self, url: str = S3) -> None:
        self.url = url
        self.count: Counter[str] = Counter()
        self.in_flight = IN_FLIGHT
        self._local: Path | None = None
        if urlsplit(url).scheme == "file" or "://" not in url:
            self._local = local_path(url).resolve()
            self.in_flight = LOCAL_IN_FLIGHT
            if not self._local.is_dir():
                raise StoreError(f"{self._local}: no such folder; {_SOURCES}")
        elif url.rstrip("/") != S3.rstrip("/"):
            raise StoreError(f"{url}: {_SOURCES}")
        self._buckets: dict[str, Bucket] = {}
        self._lock = threading.Lock()

    def get(self, location: str | None, key: str) -> bytes:
        """Returns the bytes of a side file.

        Args:
            location: `s3://bucket/prefix`, from a document.
            key: The key of the side file below the location.

        Raises:
            NotThere: The file does not exist.
            NotReadable: The file may not be read, or the location is invalid.
            NotParsed: The file is larger than any side file.
        """
        body_and_etag = self.changed(location, key, None, largest=LARGEST)
        return body_and_etag[0] if body_and_etag else b""

    def changed(
        self, location: str | None, key: str, etag: str | None, *, largest: int
    ) -> tuple[bytes, str] | None:
        """Returns (bytes, ETag) of a side file, or None while its ETag is `etag`.

        Raises:
            NotThere: The file does not exist.
            NotReadable: The file may not be read, or the location is invalid.
            NotParsed: The file is larger than `largest` bytes.
        """
        bucket, full_key = self._locate(location, key)
        return bucket.get(full_key, etag, largest)

    def json(self, location: str | None, key: str) -> Any:
        """Returns the value of a side file that is JSON.

        Raises:
            NotThere: The file does not exist.
            NotReadable: The file may not be read, or the location is invalid.
            NotParsed: The file is no JSON in any encoding of Unicode, even if NaN is allowed.
        """
        body = self.get(location, key)
        try:
            return json_reading.read(body)
        except ValueError as error:
            url = f"{(location or '').rstrip('/')}/{key}"
            raise NotParsed(f"{url}: is no JSON: {first_line(error)[:200]}") from error

    def listing(self, location: str | None, *prefixes: str) -> list[Entry]:
        """Returns by key the files whose key below the location extends one of the prefixes.

        Files in deeper folders count as well. Several prefixes with less than a page of keys
        between them cost one request.

        Raises:
            NotReadable: The files may not be listed, or the location is invalid.
        """
        listing = self.listings([location], prefixes)[location]
        if isinstance(listing, NotUsable):
            raise listing
        return listing

    def listings(
        self,
        locations: Iterable[str | None],
        prefixes: Sequence[str],
        *,
        streams: int | None = None,
    ) -> dict[str | None, list[Entry] | NotUsable]:
        """Returns the listing of each location, or the error of a location that has none.

        Locations with less than a page of keys between them share one request; other locations
        cost a request each, and more for further pages. Requests go one after another; several
        threads may each list a group of neighbouring locations.

        Args:
            locations: The locations of data assets, from documents.
            prefixes: The beginnings of keys below a location.
            streams: The most requests in a bucket, without further pages. Locations that these do
                not reach are left out, but at least one is reached. No limit when None.
        """
        listings: dict[str | None, list[Entry] | NotUsable] = {}
        by_bucket: dict[Bucket, dict[str | None, str]] = defaultdict(dict)
        for location in locations:
            try:
                bucket, full_key = self._locate(location, prefixes[0])
            except NotReadable as error:
                listings[location] = error
            else:
                by_bucket[bucket][location] = full_key.removesuffix(prefixes[0])
        for bucket, roots in by_bucket.items():
            full_prefixes = [[root + prefix for prefix in prefixes] for root in roots.values()]
            results = bucket.listings(full_prefixes, streams)
            for (location, root), result in zip(roots.items(), results, strict=True):
                if isinstance(result, NotUsable):
                    listings[location] = result
                elif result is not None:
                    listings[location] = [
                        Entry(e.modified, e.key.removeprefix(root), e.etag) for e in result
                    ]
        return listings

    def folder(self, location: str | None, key: str = "") -> Folder:
        """Returns the names directly in a folder; no names when there is no such folder.

        Raises:
            NotReadable: The folder may not be listed, or the location is invalid.
        """
        bucket, full_key = self._locate(location, key)
        return bucket.folder(full_key.rstrip("/"))

    def _locate(self, location: str | None, key: str) -> tuple[Bucket, str]:
        """Returns (bucket of a location, full key in the bucket).

        Raises:
            NoLocation: The location is no such place.
        """
        if not location:
            raise NoLocation("the document names no location")
        scheme, _, rest = location.partition("://")
        name, _, prefix = rest.partition("/")
        full_key = "/".join(part for part in (prefix.strip("/"), key) if part)
        steps = full_key.rstrip("/").split("/") if full_key else []
        is_odd = any(step in ("", ".", "..") for step in steps)
        if scheme != "s3" or not _BUCKET.fullmatch(name) or is_odd or _IN_NO_KEY.search(full_key):
            raise NoLocation(f"{location!r} is no location such as s3://bucket/prefix")
        with self._lock:
            if name not in self._buckets:
                self._buckets[name] = (
                    LocalBucket(self._local / name, self._count_requests)
                    if self._local
                    else S3Bucket(name, self._count_requests)
                )
            return self._buckets[name], full_key

    def _count_requests(self, requests: int = 1) -> None:
        with self._lock:
            self.count["requests"] += requests
