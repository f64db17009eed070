"""Side files by location: the one object that acorns ask, whatever bucket a data asset lies in.

What a side file means is an acorn's matter; how a bucket is asked is in
`zs_pipeline.side_files.buckets`; what is kept of the answers, and asked again when, is in
`zs_pipeline.side_files.answers`.
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
from zs_pipeline.side_files.outcomes import Entry, Folder, NotParsed, NotReadable, NotUsable

if TYPE_CHECKING:
    from pathlib import Path

# A trainer state has some 100 KB; nothing beyond this is one.
LARGEST = 64 << 20
IN_FLIGHT = 64
# A folder answers at once; more threads only wait for each other.
LOCAL_IN_FLIGHT = 4
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,254}", re.ASCII)
# Neither obstore nor S3 can be asked for these.
_IN_NO_KEY = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


class Files:
    """Every bucket of side files; may be asked from many threads at once.

    Attributes:
        url: `s3://`, or the local folder that has a folder for each bucket.
        count: What was asked so far: `requests` (without retries) of any kind.
        in_flight: How many requests are worth sending at a time.
    """

    def __init__(self, url: str = S3) -> None:
        self.url = url
        self.count: Counter[str] = Counter()
        self.in_flight = IN_FLIGHT
        self._local: Path | None = None
        parts = urlsplit(url)
        if parts.scheme == "file" or "://" not in url:
            self._local = local_path(url).resolve()
            self.in_flight = LOCAL_IN_FLIGHT
            if not self._local.is_dir():
                raise StoreError(
                    f"{self._local}: no such folder; side files are read from s3://, or from a "
                    "folder that has a folder for each bucket"
                )
        elif url.rstrip("/") != S3.rstrip("/"):
            raise StoreError(
                f"{url}: side files are read from s3://, or from a folder that has a folder for "
                "each bucket"
            )
        self._buckets: dict[str, Bucket] = {}
        self._lock = threading.Lock()

    def get(self, location: str | None, key: str) -> bytes:
        """Returns the bytes of a side file.

        Args:
            location: `s3://bucket/prefix`, as a document has it.
            key: Where it lies below that.

        Raises:
            NotThere: Nothing lies there.
            NotReadable: It may not be read, or the location is none.
            NotParsed: It is larger than any side file.
        """
        body_and_etag = self.changed(location, key, None, largest=LARGEST)
        return body_and_etag[0] if body_and_etag else b""

    def changed(
        self, location: str | None, key: str, etag: str | None, *, largest: int
    ) -> tuple[bytes, str] | None:
        """Returns (bytes, ETag) of a side file, or None while its ETag is still the given one.

        Raises:
            NotThere: Nothing lies there.
            NotReadable: It may not be read, or the location is none.
            NotParsed: It is larger than `largest` bytes.
        """
        bucket, full_key = self._locate(location, key)
        return bucket.get(full_key, etag, largest)

    def json(self, location: str | None, key: str) -> Any:
        """Returns the value of a side file that is JSON.

        Raises:
            NotThere: Nothing lies there.
            NotReadable: It may not be read, or the location is none.
            NotParsed: It is no JSON, in no encoding of Unicode, nor with NaN in it.
        """
        body = self.get(location, key)
        try:
            return json_reading.read(body)
        except ValueError as error:
            place = f"{(location or '').rstrip('/')}/{key}"
            raise NotParsed(f"{place}: is no JSON: {first_line(error)[:200]}") from error

    def listing(self, location: str | None, *prefixes: str) -> list[Entry]:
        """Returns the files whose key below the location begins with a prefix and goes on, by key.

        Files in folders below count as well. Several prefixes with less than a page of keys between
        them cost one request.

        Raises:
            NotReadable: They may not be listed, or the location is none.
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
        """Returns the listing of each location, or why there is none.

        Locations with less than a page of keys between them cost one request together, others
        one each, and further pages of what begins so. Requests go one after another: who wants
        several at a time calls this from several threads, each with locations that are neighbours.

        Args:
            locations: Where the data assets lie, as documents have it.
            prefixes: How keys below a location begin.
            streams: After how many requests (and further pages of what begins so) in a bucket to
                leave out the locations that were not reached, at least one is; never when None.
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
        """Returns what lies directly in a folder; nothing when there is no such folder.

        Raises:
            NotReadable: It may not be listed, or the location is none.
        """
        bucket, full_key = self._locate(location, key)
        return bucket.folder(full_key.rstrip("/"))

    def _locate(self, location: str | None, key: str) -> tuple[Bucket, str]:
        """Returns the bucket of a location, and the full key in it."""
        if not location:
            raise NotReadable("the document names no location")
        scheme, _, rest = location.partition("://")
        name, _, prefix = rest.partition("/")
        full_key = "/".join(part for part in (prefix.strip("/"), key) if part)
        steps = full_key.rstrip("/").split("/") if full_key else []
        is_odd = any(step in ("", ".", "..") for step in steps)
        if scheme != "s3" or not _BUCKET.fullmatch(name) or is_odd or _IN_NO_KEY.search(full_key):
            raise NotReadable(f"{location!r} is no location such as s3://bucket/prefix")
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
