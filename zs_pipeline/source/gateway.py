"""Documents from the REST gateway in front of the document database, through urllib3.

The gateway answers with as many documents as fit into a page of its own choice.
"""

import json
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote, urlencode

import urllib3

from zs_client import work
from zs_pipeline.declaration import CORE, ENVELOPE
from zs_pipeline.shape.problems import Problem
from zs_pipeline.shape.projection import SWEEP, having_any
from zs_pipeline.source.asking import Answer, Asking, Unanswered
from zs_pipeline.source.interface import Lacking, SourceError, Swept, url_for_messages
from zs_pipeline.source.plain import SweptOnce, identity, load

if TYPE_CHECKING:
    from concurrent.futures import Future

PATH = "metadata_index/data_assets/find"
PAGE = 5_000
TAIL = 100
# API Gateway takes 10,240 bytes of request line and headers together.
URL_LENGTH = 6_000
IN_FLIGHT = 8

LONGEST_WAIT = 120

_ID = {"_id": 1}
# Sorts before every number that is an _id.
_LOWEST = -1e308
# A dict without any of these keys is an error message, not a document.
_OF_DOCUMENTS = {*ENVELOPE, *CORE}

_UNCONNECTED = (
    urllib3.exceptions.NewConnectionError,
    urllib3.exceptions.ConnectTimeoutError,
    urllib3.exceptions.SSLError,
)

_T = TypeVar("_T")


class _Retry(urllib3.Retry):
    """urllib3's retries, with a limit on the wait that `Retry-After` asks for."""

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
# A failure that may come from the answer's size leads to smaller questions, not to retries.
_ONCE = _RETRY.new(read=0, other=0, status_forcelist=(429,))
_TIMEOUT = urllib3.Timeout(connect=10, read=60)


class GatewaySource:
    """The gateway at a URL that ends in its version, such as ``https://…/v2``."""

    def __init__(self, url: str, fields: Sequence[str]) -> None:
        try:
            parsed = urllib3.util.parse_url(url)
        except urllib3.exceptions.LocationParseError as error:
            raise SourceError(f"{url_for_messages(url)}: no URL: {error}") from None
        self.url = url_for_messages(url).rstrip("/")
        self.requests = 0
        self.bytes = 0
        headers = {"accept": "application/json", "accept-encoding": "gzip"}
        if parsed.auth:
            headers |= urllib3.make_headers(basic_auth=parsed.auth)
        self._pool = urllib3.PoolManager(
            maxsize=IN_FLIGHT, block=True, timeout=_TIMEOUT, retries=_RETRY, headers=headers
        )
        self._count = threading.Lock()
        self._originals: dict[str, Any] = {}
        self._limit = PAGE
        self._asking = Asking(self.url, fields, self._by_id, self.check, self._is_gone)

    def check(self) -> None:
        """See `Source`."""
        self._find({}, _ID, _CHECK, limit=1)

    def sweep(self) -> Iterator[Swept | Problem]:
        """See `Source`; in the order of `_id`.

        ``$gt`` finds `_id`s of the same type only. So pages of numbers are followed by pages of
        texts, and documents behind the texts are read from the other end.
        """
        documents = SweptOnce()
        self._limit = PAGE
        for document in self._ordered():
            entry = documents.head(document)
            if isinstance(entry, Swept) and not isinstance(document["_id"], str):
                self._originals[entry.id] = document["_id"]
            if entry is not None:
                yield entry

    def _ordered(self) -> Iterator[dict[str, Any]]:
        yield from (page := self._page({}, PAGE, sort={"_id": 1}))
        last = _last(page, str)
        if last is None:
            yield from self._after(_last(page, int, float), _LOWEST, int, float)
        last = yield from self._after(last, "", str)
        yield from self._behind(last)

    def _after(
        self, last: Any, lowest: float | str, *types: type
    ) -> Generator[dict[str, Any], None, Any]:
        """Yield documents whose `_id` has one of the types and lies after `last`, in order.

        Returns the last `_id`. All such `_id`s lie after `lowest`. A page that does not move on is
        an error, since the sweep would not end.
        """
        while True:
            bound = {"$gte": lowest} if last is None else {"$gt": last}
            page = self._page({"_id": bound}, PAGE, sort={"_id": 1})
            for document in page:
                value = document.get("_id")
                foreign = type(value) in (int, float, str) and type(value) not in types
                if foreign or (type(value) in types and last is not None and value <= last):
                    raise SourceError(
                        f"GET {self.url}/{PATH} answered a sweep with a document that was not "
                        f"asked for: _id {_excerpt(value)} in place of one after {_excerpt(last)}"
                    )
            yield from page
            reached = _last(page, *types)
            if reached is None:
                return last
            last = reached

    def _page(self, query: Mapping[str, Any], most: int, **more: Any) -> list[dict[str, Any]]:
        """Returns a page of a sweep; after failures smaller pages, then only the `_id`."""
        while (limit := min(self._limit, most)) > 1:
            try:
                page = self._find(query, SWEEP, _ONCE, limit=limit, **more)
            except Unanswered:
                self._limit = limit // 8
            else:
                self._limit = min(limit * 2, PAGE) if limit == self._limit else self._limit
                return page
        self._limit = 2
        try:
            return self._find(query, SWEEP, _RETRY, limit=1, **more)
        except Unanswered:
            return self._find(query, _ID, _CHECK, limit=1, **more)

    def _behind(self, last: str | None) -> Iterator[dict[str, Any]]:
        """Yields documents after the last text, from the end; a few may be repetitions."""
        seen: set[str] = set()
        while page := self._page({}, TAIL, sort={"_id": -1}, skip=len(seen)):
            before = len(seen)
            for document in page:
                value = document.get("_id")
                if isinstance(value, str) and last is not None and value <= last:
                    return
                seen.add(_json(value))
                yield document
            if len(seen) == before:
                raise SourceError(
                    f"GET {self.url}/{PATH} answered a sweep twice with the same documents: _id "
                    f"{_excerpt(page[0].get('_id'))}"
                )

    def sweep_again(self, ids: Sequence[str]) -> Iterator[Swept | Lacking | Problem]:
        """See `Source`."""
        yield from self._answers(ids, SWEEP, self._asking.again)

    def fetch(self, ids: Sequence[str]) -> Iterator[dict[str, Any] | Lacking]:
        """See `Source`; up to `IN_FLIGHT` requests at a time, answers in the order asked."""
        ask = partial(
            self._asking.documents,
            having_any=self._having_any,
            batches=partial(self._batches, projection={}),
        )
        yield from self._answers(dict.fromkeys(ids), self._asking.projection, ask)

    def _answers(
        self,
        ids: Iterable[str],
        projection: Mapping[str, int],
        answer: Callable[[list[str]], tuple[list[_T], list[Lacking]]],
    ) -> Iterator[_T | Lacking]:
        """Yields the results and the lacking documents of each batch of some ids."""
        pending: deque[Future[tuple[list[_T], list[Lacking]]]] = deque()
        with work.Threads(IN_FLIGHT, "gateway") as pool:
            for batch in self._batches(ids, projection):
                if len(pending) == IN_FLIGHT:
                    yield from chain.from_iterable(pending.popleft().result())
                pending.append(pool.submit(answer, batch))
            while pending:
                yield from chain.from_iterable(pending.popleft().result())

    def _batches(self, ids: Iterable[str], projection: Mapping[str, int]) -> Iterator[list[str]]:
        """Yields the ids in lists that fit into a URL, as the server has them."""
        room = URL_LENGTH - len(self._address({"_id": {"$in": []}}, projection, limit=9999))
        batch: list[str] = []
        used = 0
        for document_id in ids:
            values = self._candidates(document_id)
            size = sum(len(quote(_json(value))) + len("%2C") for value in values)
            if batch and used + size > room:
                yield batch
                batch, used = [], 0
            batch.append(document_id)
            used += size
        if batch:
            yield batch

    def _candidates(self, document_id: str) -> list[Any]:
        """Returns the values that an `_id` may have on the server, given its text."""
        if document_id in self._originals:
            return [self._originals[document_id]]
        # A fetch with no sweep before it does not know whether 17 is a number or a text.
        if document_id.isascii() and document_id.isdecimal() and len(document_id) < 19:
            return [document_id, int(document_id)]
        return [document_id]

    def _by_id(self, ids: Sequence[str], projection: Mapping[str, int] | None) -> Answer:
        """Returns the documents of these ids by id; retries only for a single id."""
        candidates = [value for document_id in ids for value in self._candidates(document_id)]
        retries = _RETRY if len(ids) == 1 else _ONCE
        page = self._find({"_id": {"$in": candidates}}, projection, retries, limit=len(candidates))
        requested = set(ids)
        documents: dict[str, dict[str, Any]] = {}
        # Numbers first, as in a sweep: of the number 5 and the text "5" only one counts.
        for document in sorted(page, key=lambda d: isinstance(d.get("_id"), str)):
            document_id = identity(document.get("_id"))
            if document_id is None or document_id not in requested:
                raise SourceError(
                    f"GET {self.url}/{PATH} answered with a document that was not asked for: "
                    f"{_excerpt({k: document[k] for k in ('_id', 'name') if k in document})}; "
                    "see the gateway's log"
                )
            documents.setdefault(document_id, document)
        return documents

    def _is_gone(self, document_id: str) -> bool:
        """Returns whether another document comes at this id's position in a sweep."""
        if document_id in self._originals:
            return False
        page = self._find({"_id": {"$gte": document_id}}, _ID, sort={"_id": 1}, limit=1)
        page = page or self._find({}, _ID, sort={"_id": -1}, limit=1)
        return bool(page) and isinstance(page[0].get("_id"), str) and page[0]["_id"] != document_id

    def _having_any(self, lacking: Mapping[str, list[Any]]) -> Iterator[dict[str, Any]]:
        """Yields the documents of the filter `having_any`, split so that it fits into a URL."""
        if not lacking:
            return
        query = having_any(lacking)
        ids = query["_id"]["$in"]
        if len(ids) == 1 or len(self._address(query, _ID)) <= URL_LENGTH:
            yield from self._find(query, _ID)
            return
        for half in (ids[: len(ids) // 2], ids[len(ids) // 2 :]):
            part = {core: [i for i in values if i in half] for core, values in lacking.items()}
            yield from self._having_any({core: values for core, values in part.items() if values})

    def _address(
        self, query: Mapping[str, Any], projection: Mapping[str, int] | None, **more: Any
    ) -> str:
        arguments = {"filter": query, "projection": projection, **more}
        encoded = {k: _json(v) for k, v in arguments.items() if v is not None}
        return f"{self.url}/{PATH}?{urlencode(encoded, quote_via=quote)}"

    def _find(
        self,
        query: Mapping[str, Any],
        projection: Mapping[str, int] | None,
        retries: urllib3.Retry | None = None,
        **more: Any,
    ) -> list[dict[str, Any]]:
        operation = f"GET {self.url}/{PATH}"
        try:
            answer = self._pool.request(
                "GET", self._address(query, projection, **more), retries=retries or _RETRY
            )
        except urllib3.exceptions.HTTPError as error:
            cause = getattr(error, "reason", None) or error
            message = (
                f"{operation} failed: {cause}; check the URL and the network, or try again later"
            )
            if isinstance(cause, _UNCONNECTED):
                raise SourceError(message) from error
            raise Unanswered(message, "the answer broke off") from error
        with self._count:
            self.requests += 1 + (len(answer.retries.history) if answer.retries else 0)
            self.bytes += len(answer.data)
        if answer.status >= 300:
            advice = _advice(answer.status)
            message = f"{operation} answered {answer.status}: {_text_of(answer.data)}; {advice}"
            if answer.status == 413 or answer.status >= 500:
                raise Unanswered(message, f"the answer has status {answer.status}")
            raise SourceError(message)
        try:
            page = load(answer.data)[0]
        except ValueError as error:
            raise Unanswered(
                f"{operation} answered with no JSON ({_text_of(answer.data)}); "
                "does the URL end in the gateway's version, such as /v2?",
                "the answer is no JSON",
            ) from error
        if not isinstance(page, list) or not all(isinstance(d, dict) for d in page):
            raise Unanswered(
                f"{operation} answered with no list of documents ({_text_of(answer.data)}); "
                "check the URL and whether this network may ask",
                "the answer is no list of documents",
            )
        if any(not d.keys() & _OF_DOCUMENTS for d in page):
            raise Unanswered(
                f"{operation} answered with a list of something else ({_text_of(answer.data)}); "
                "try again later, or see the gateway's log",
                "the answer is no list of documents",
            )
        return page


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def _excerpt(value: Any) -> str:
    return _json(value)[:200]


def _text_of(data: bytes) -> str:
    return " ".join(data[:200].decode("utf-8", "replace").split()) or "nothing"


def _advice(status: int) -> str:
    if status in (401, 403):
        return "this network or user may not ask: check the URL and the access"
    if status == 404:
        return "does the URL end in the gateway's version, such as /v2?"
    if status == 429 or status >= 500:
        return "the gateway is busy or down, also after several tries: try again later"
    return "the gateway does not take the question: is it the version meant here?"


def _last(page: Iterable[Mapping[str, Any]], *types: type) -> Any:
    """Returns the last `_id` of some types in a page; None where no `_id` has these types."""
    ids = [d["_id"] for d in page if type(d.get("_id")) in types]
    return ids[-1] if ids else None
