"""Documents from the REST gateway in front of the document database, through urllib3.

The gateway answers with as many documents as fit into a page of its own choice. Nothing here knows
what the documents are for.
"""

import json
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import urllib3

from zs_client import work
from zs_pipeline.problems import Problem
from zs_pipeline.source import SourceError, Swept, shown
from zs_pipeline.source.plain import Told, identity, load, plain
from zs_pipeline.source.projection import (
    SWEEP,
    absent,
    dotted,
    mangled,
    present,
    server,
    tree,
    trim,
)

if TYPE_CHECKING:
    from concurrent.futures import Future

PATH = "metadata_index/data_assets/find"
PAGE = 5_000
TAIL = 100
# API Gateway takes 10,240 bytes of request line and headers together.
URL_LENGTH = 6_000
IN_FLIGHT = 8

LONGEST_WAIT = 120


class _Retry(urllib3.Retry):
    """urllib3's, with an end to how long `Retry-After` may make the night wait."""

    def get_retry_after(self, response: urllib3.BaseHTTPResponse) -> float | None:
        wait = super().get_retry_after(response)
        return None if wait is None else min(wait, LONGEST_WAIT)


_RETRY = _Retry(
    total=6,
    backoff_factor=0.5,
    backoff_jitter=1.0,
    backoff_max=30,
    status_forcelist=(429, 500, 502, 503, 504),
    allowed_methods=("GET",),
    raise_on_status=False,
)
_CHECK = _RETRY.new(total=2)
_TIMEOUT = urllib3.Timeout(connect=10, read=60)


class GatewaySource:
    """The gateway at a URL that ends in its version, such as ``https://…/v2``."""

    def __init__(self, url: str, fields: Sequence[str]) -> None:
        try:
            parsed = urllib3.util.parse_url(url)
        except urllib3.exceptions.LocationParseError as error:
            raise SourceError(f"{shown(url)}: no URL: {error}") from None
        self.url = shown(url).rstrip("/")
        self.requests = 0
        self.bytes = 0
        headers = {"accept": "application/json", "accept-encoding": "gzip"}
        if parsed.auth:
            headers |= urllib3.make_headers(basic_auth=parsed.auth)
        self._pool = urllib3.PoolManager(
            maxsize=IN_FLIGHT, block=True, timeout=_TIMEOUT, retries=_RETRY, headers=headers
        )
        self._count = threading.Lock()
        self._tree = tree(fields)
        self._projection = server(fields)
        self._cores = dotted(fields)
        self._originals: dict[str, Any] = {}

    def check(self) -> None:
        """See `Source`."""
        self._find({}, {"_id": 1}, retries=_CHECK, limit=1)

    def sweep(self) -> Iterator[Swept | Problem]:
        """See `Source`; in the order of `_id`.

        ``$gt`` finds `_id`s of the same type only, so pages of numbers are followed by pages of
        texts, and what lies behind the texts is read from the other end.
        """
        told = Told()
        for document in self._ordered():
            found = told.tell(document)
            if isinstance(found, Swept) and not isinstance(document["_id"], str):
                self._originals[found.id] = document["_id"]
            if found is not None:
                yield found

    def _ordered(self) -> Iterator[dict[str, Any]]:
        wanted: dict[str, Any] = {}
        last: Any = None
        while True:
            page = self._find(wanted, SWEEP, sort={"_id": 1}, limit=PAGE)
            yield from page
            reached = [d["_id"] for d in page if type(d.get("_id")) in (int, float, str)]
            if reached:
                last = reached[-1]
                wanted = {"_id": {"$gt": last}}
            elif isinstance(last, str) or wanted == {"_id": {"$gte": ""}}:
                break
            else:
                last, wanted = None, {"_id": {"$gte": ""}}
        yield from self._behind(last)

    def _behind(self, last: str | None) -> Iterator[dict[str, Any]]:
        """What comes after the last text, from the end; some of it may have been told before."""
        skip = 0
        while page := self._find({}, SWEEP, sort={"_id": -1}, limit=TAIL, skip=skip):
            for document in page:
                one = document.get("_id")
                if isinstance(one, str) and last is not None and one <= last:
                    return
                yield document
            skip += len(page)

    def fetch(self, ids: Sequence[str]) -> Iterator[dict[str, Any]]:
        """See `Source`; up to `IN_FLIGHT` requests at a time, answers in the order asked."""
        pending: deque[Future[list[dict[str, Any]]]] = deque()
        with work.Threads(IN_FLIGHT, "gateway") as pool:
            for batch in self._batches(dict.fromkeys(ids)):
                if len(pending) == IN_FLIGHT:
                    yield from pending.popleft().result()
                pending.append(pool.submit(self._batch, batch))
            while pending:
                yield from pending.popleft().result()

    def _batches(self, ids: Iterable[str]) -> Iterator[list[Any]]:
        """The ids in lists that fit into a URL, as the server has them."""
        room = URL_LENGTH - len(self._address({"_id": {"$in": []}}, self._projection, limit=9999))
        batch: list[Any] = []
        used = 0
        for one in ids:
            originals = self._as_asked(one)
            size = sum(len(quote(_json(original))) + len("%2C") for original in originals)
            if batch and used + size > room:
                yield batch
                batch, used = [], 0
            batch += originals
            used += size
        if batch:
            yield batch

    def _as_asked(self, one: str) -> list[Any]:
        if one in self._originals:
            return [self._originals[one]]
        # A fetch with no sweep before it does not know whether 17 is a number or a text.
        return [one, int(one)] if one.isascii() and one.isdecimal() and len(one) < 19 else [one]

    def _batch(self, ids: list[Any]) -> list[dict[str, Any]]:
        page = self._all(ids, self._projection)
        whole = [d["_id"] for d in page if mangled(d, self._cores)]
        for wanted in self._questions(absent(page, self._cores)):
            whole += [d["_id"] for d in self._find(wanted, {"_id": 1})]
        if whole:
            page = [d for d in page if d["_id"] not in whole]
            page += self._all(whole, None)
        found: dict[str, dict[str, Any]] = {}
        # Numbers first, as in a sweep: of the number 5 and the text "5" only one counts.
        for document in sorted(page, key=lambda d: isinstance(d["_id"], str)):
            one = identity(document["_id"])
            if one is not None and one not in found:
                document["_id"] = one
                found[one] = trim(plain(document), self._tree)
        return list(found.values())

    def _all(self, ids: list[Any], projection: Mapping[str, int] | None) -> list[dict[str, Any]]:
        """The documents of these ids, asking again for those that a full page left out."""
        found: list[dict[str, Any]] = []
        left = list(ids)
        while left:
            page = self._find({"_id": {"$in": left}}, projection, limit=len(left))
            arrived = [d["_id"] for d in page if d.get("_id") in left]
            if not arrived:
                break
            found += page
            left = [one for one in left if one not in arrived]
        return found

    def _questions(self, lacking: Mapping[str, list[Any]]) -> Iterator[dict[str, Any]]:
        """`present` in filters that fit into a URL: one, or several for a page lacking much."""
        if not lacking:
            return
        wanted = present(lacking)
        ids = wanted["_id"]["$in"]
        if len(ids) == 1 or len(self._address(wanted, {"_id": 1})) <= URL_LENGTH:
            yield wanted
            return
        for half in (ids[: len(ids) // 2], ids[len(ids) // 2 :]):
            part = {core: [i for i in some if i in half] for core, some in lacking.items()}
            yield from self._questions({core: some for core, some in part.items() if some})

    def _address(
        self, wanted: Mapping[str, Any], projection: Mapping[str, int] | None, **more: Any
    ) -> str:
        asked = {"filter": wanted, "projection": projection, **more}
        query = {k: _json(v) for k, v in asked.items() if v is not None}
        return f"{self.url}/{PATH}?{urlencode(query, quote_via=quote)}"

    def _find(
        self,
        wanted: Mapping[str, Any],
        projection: Mapping[str, int] | None,
        retries: urllib3.Retry = _RETRY,
        **more: Any,
    ) -> list[dict[str, Any]]:
        operation = f"GET {self.url}/{PATH}"
        try:
            answer = self._pool.request(
                "GET", self._address(wanted, projection, **more), retries=retries
            )
        except urllib3.exceptions.HTTPError as error:
            cause = getattr(error, "reason", None) or error
            raise SourceError(
                f"{operation} failed: {cause}; check the URL and the network, or try again later"
            ) from error
        with self._count:
            self.requests += 1 + (len(answer.retries.history) if answer.retries else 0)
            self.bytes += len(answer.data)
        if answer.status >= 300:
            raise SourceError(
                f"{operation} answered {answer.status}: {_said(answer.data)}; "
                f"{_advice(answer.status)}"
            )
        try:
            page = load(answer.data)[0]
        except ValueError as error:
            raise SourceError(
                f"{operation} answered with no JSON ({_said(answer.data)}); "
                "does the URL end in the gateway's version, such as /v2?"
            ) from error
        if not isinstance(page, list) or not all(isinstance(d, dict) for d in page):
            raise SourceError(
                f"{operation} answered with no list of documents ({_said(answer.data)}); "
                "check the URL and whether this network may ask"
            )
        return page


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def _said(data: bytes) -> str:
    return " ".join(data[:200].decode("utf-8", "replace").split()) or "nothing"


def _advice(status: int) -> str:
    if status in (401, 403):
        return "this network or user may not ask: check the URL and the access"
    if status == 404:
        return "does the URL end in the gateway's version, such as /v2?"
    if status == 429 or status >= 500:
        return "the gateway is busy or down, also after several tries: try again later"
    return "the gateway does not take the question: is it the version meant here?"
