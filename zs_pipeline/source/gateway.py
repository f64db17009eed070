"""Documents from the REST gateway in front of the document database, through urllib3.

The gateway answers with as many documents as fit into a page of its own choice. Nothing here knows
what the documents are for.
"""

import json
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote, urlencode

import urllib3

from zs_client import work
from zs_pipeline.declaration import CORE, ENVELOPE
from zs_pipeline.shape.problems import Problem
from zs_pipeline.shape.projection import (
    SWEEP,
    came_as_list,
    having_any,
    lacking_core_files,
    mongo_projection,
    partial_core_files,
    path_map,
    trim,
)
from zs_pipeline.source.asking import TRIES, Answer, Asking, Unanswered
from zs_pipeline.source.interface import Lacking, SourceError, Swept, url_for_messages
from zs_pipeline.source.plain import SweptOnce, head, identity, load, plain

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
# Before every number that an _id is.
_LOWEST = -1e308
# Without any of these it is an error in a document's place.
_OF_DOCUMENTS = {*ENVELOPE, *CORE}

_UNCONNECTED = (
    urllib3.exceptions.NewConnectionError,
    urllib3.exceptions.ConnectTimeoutError,
    urllib3.exceptions.SSLError,
)

_T = TypeVar("_T")


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
# What may be the answer's size is not tried again but asked for in smaller questions.
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
        self._tree = path_map(fields)
        self._projection = mongo_projection(fields)
        self._cores = partial_core_files(fields)
        self._originals: dict[str, Any] = {}
        self._limit = PAGE
        self._asking = Asking(self.url, self.check, self._is_gone)

    def check(self) -> None:
        """See `Source`."""
        self._find({}, _ID, _CHECK, limit=1)

    def sweep(self) -> Iterator[Swept | Problem]:
        """See `Source`; in the order of `_id`.

        ``$gt`` finds `_id`s of the same type only, so pages of numbers are followed by pages of
        texts, and what lies behind the texts is read from the other end.
        """
        documents = SweptOnce()
        self._limit = PAGE
        for document in self._ordered():
            found = documents.head(document)
            if isinstance(found, Swept) and not isinstance(document["_id"], str):
                self._originals[found.id] = document["_id"]
            if found is not None:
                yield found

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
        """The documents whose `_id`s have some types, in their order.

        Args:
            last: What they all come after; None for all of them.
            lowest: What all of them come after.
            types: The types.

        Returns:
            The last `_id`.

        Raises:
            SourceError: A page does not move on, so that a sweep would have no end.
        """
        while True:
            wanted = {"$gte": lowest} if last is None else {"$gt": last}
            page = self._page({"_id": wanted}, PAGE, sort={"_id": 1})
            for document in page:
                one = document.get("_id")
                foreign = type(one) in (int, float, str) and type(one) not in types
                if foreign or (type(one) in types and last is not None and one <= last):
                    raise SourceError(
                        f"GET {self.url}/{PATH} answered a sweep with a document that was not "
                        f"asked for: _id {_shown(one)} in place of one after {_shown(last)}"
                    )
            yield from page
            reached = _last(page, *types)
            if reached is None:
                return last
            last = reached

    def _page(self, wanted: Mapping[str, Any], most: int, **more: Any) -> list[dict[str, Any]]:
        """A page of a sweep; fewer documents are asked for when it fails, and then less of one."""
        while (limit := min(self._limit, most)) > 1:
            try:
                page = self._find(wanted, SWEEP, _ONCE, limit=limit, **more)
            except Unanswered:
                self._limit = limit // 8
            else:
                self._limit = min(limit * 2, PAGE) if limit == self._limit else self._limit
                return page
        self._limit = 2
        try:
            return self._find(wanted, SWEEP, _RETRY, limit=1, **more)
        except Unanswered:
            return self._find(wanted, _ID, _CHECK, limit=1, **more)

    def _behind(self, last: str | None) -> Iterator[dict[str, Any]]:
        """What comes after the last text, from the end; some of it may have been told before."""
        told: set[str] = set()
        while page := self._page({}, TAIL, sort={"_id": -1}, skip=len(told)):
            before = len(told)
            for document in page:
                one = document.get("_id")
                if isinstance(one, str) and last is not None and one <= last:
                    return
                told.add(_json(one))
                yield document
            if len(told) == before:
                raise SourceError(
                    f"GET {self.url}/{PATH} answered a sweep twice with the same documents: _id "
                    f"{_shown(page[0].get('_id'))}"
                )

    def sweep_again(self, ids: Sequence[str]) -> Iterator[Swept | Lacking | Problem]:
        """See `Source`."""
        for came, lacking in self._each(ids, SWEEP, self._again):
            yield from came
            yield from lacking

    def fetch(self, ids: Sequence[str]) -> Iterator[dict[str, Any] | Lacking]:
        """See `Source`; up to `IN_FLIGHT` requests at a time, answers in the order asked."""
        for came, lacking in self._each(dict.fromkeys(ids), self._projection, self._batch):
            yield from came
            yield from lacking

    def _each(
        self,
        ids: Iterable[str],
        projection: Mapping[str, int],
        answer: Callable[[list[str]], tuple[list[_T], list[Lacking]]],
    ) -> Iterator[tuple[list[_T], list[Lacking]]]:
        """The answers to all batches of some ids."""
        pending: deque[Future[tuple[list[_T], list[Lacking]]]] = deque()
        with work.Threads(IN_FLIGHT, "gateway") as pool:
            for batch in self._batches(ids, projection):
                if len(pending) == IN_FLIGHT:
                    yield pending.popleft().result()
                pending.append(pool.submit(answer, batch))
            while pending:
                yield pending.popleft().result()

    def _batches(self, ids: Iterable[str], projection: Mapping[str, int]) -> Iterator[list[str]]:
        """The ids in lists that fit into a URL as the server has them."""
        room = URL_LENGTH - len(self._address({"_id": {"$in": []}}, projection, limit=9999))
        batch: list[str] = []
        used = 0
        for one in ids:
            size = sum(len(quote(_json(asked))) + len("%2C") for asked in self._as_asked(one))
            if batch and used + size > room:
                yield batch
                batch, used = [], 0
            batch.append(one)
            used += size
        if batch:
            yield batch

    def _as_asked(self, one: str) -> list[Any]:
        if one in self._originals:
            return [self._originals[one]]
        # A fetch with no sweep before it does not know whether 17 is a number or a text.
        return [one, int(one)] if one.isascii() and one.isdecimal() and len(one) < 19 else [one]

    def _batch(self, ids: list[str]) -> tuple[list[dict[str, Any]], list[Lacking]]:
        """The documents of a batch."""
        came, lacking = self._asking.documents(
            ids, partial(self._by_id, projection=self._projection)
        )
        page = list(came.values())
        whole = [d["_id"] for d in page if came_as_list(d, self._cores)]
        for wanted in self._questions(lacking_core_files(page, self._cores)):
            whole += [d["_id"] for d in self._find(wanted, _ID)]
        if whole:
            names = list(dict.fromkeys(filter(None, map(identity, whole))))
            came = {one: document for one, document in came.items() if one not in names}
            for some in self._batches(names, {}):
                more, without = self._asking.documents(some, partial(self._by_id, projection=None))
                came |= more
                lacking += without
        for one, document in came.items():
            document["_id"] = one
        return [trim(plain(document), self._tree) for document in came.values()], lacking

    def _again(self, ids: list[str]) -> tuple[list[Swept], list[Lacking]]:
        """What a sweep would tell of a batch, as far as it is there."""

        def ask(some: Sequence[str], attempt: int) -> Answer:
            return self._by_id(some, SWEEP if attempt < TRIES // 2 else _ID)

        came, lacking = self._asking.again(ids, ask)
        return [found for d in came.values() if isinstance(found := head(d), Swept)], lacking

    def _by_id(self, ids: Sequence[str], projection: Mapping[str, int] | None) -> Answer:
        """The documents of these ids, by id; one alone is asked for until it comes or fails.

        Raises:
            SourceError: Something else came.
        """
        asked = [asked for one in ids for asked in self._as_asked(one)]
        retries = _RETRY if len(ids) == 1 else _ONCE
        page = self._find({"_id": {"$in": asked}}, projection, retries, limit=len(asked))
        found: dict[str, dict[str, Any]] = {}
        wanted = set(ids)
        # Numbers first, as in a sweep: of the number 5 and the text "5" only one counts.
        for document in sorted(page, key=lambda d: isinstance(d.get("_id"), str)):
            one = identity(document.get("_id"))
            if one is None or one not in wanted:
                raise SourceError(
                    f"GET {self.url}/{PATH} answered with a document that was not asked for: "
                    f"{_shown({k: document[k] for k in ('_id', 'name') if k in document})}; "
                    "see the gateway's log"
                )
            found.setdefault(one, document)
        return found

    def _is_gone(self, one: str) -> bool:
        """Whether another document comes where this one would be in a sweep."""
        if one in self._originals:
            return False
        page = self._find({"_id": {"$gte": one}}, _ID, sort={"_id": 1}, limit=1)
        if not page:
            page = self._find({}, _ID, sort={"_id": -1}, limit=1)
        return bool(page) and isinstance(page[0].get("_id"), str) and page[0]["_id"] != one

    def _questions(self, lacking: Mapping[str, list[Any]]) -> Iterator[dict[str, Any]]:
        """`present` in filters that fit into a URL: one, or several for a page lacking much."""
        if not lacking:
            return
        wanted = having_any(lacking)
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
        retries: urllib3.Retry | None = None,
        **more: Any,
    ) -> list[dict[str, Any]]:
        operation = f"GET {self.url}/{PATH}"
        try:
            answer = self._pool.request(
                "GET", self._address(wanted, projection, **more), retries=retries or _RETRY
            )
        except urllib3.exceptions.HTTPError as error:
            cause = getattr(error, "reason", None) or error
            said = f"{operation} failed: {cause}; check the URL and the network, or try again later"
            if isinstance(cause, _UNCONNECTED):
                raise SourceError(said) from error
            raise Unanswered(said, "the answer broke off") from error
        with self._count:
            self.requests += 1 + (len(answer.retries.history) if answer.retries else 0)
            self.bytes += len(answer.data)
        if answer.status >= 300:
            said = (
                f"{operation} answered {answer.status}: {_said(answer.data)}; "
                f"{_advice(answer.status)}"
            )
            if answer.status == 413 or answer.status >= 500:
                raise Unanswered(said, f"the answer has status {answer.status}")
            raise SourceError(said)
        try:
            page = load(answer.data)[0]
        except ValueError as error:
            raise Unanswered(
                f"{operation} answered with no JSON ({_said(answer.data)}); "
                "does the URL end in the gateway's version, such as /v2?",
                "the answer is no JSON",
            ) from error
        if not isinstance(page, list) or not all(isinstance(d, dict) for d in page):
            raise Unanswered(
                f"{operation} answered with no list of documents ({_said(answer.data)}); "
                "check the URL and whether this network may ask",
                "the answer is no list of documents",
            )
        if any(not d.keys() & _OF_DOCUMENTS for d in page):
            raise Unanswered(
                f"{operation} answered with a list of something else ({_said(answer.data)}); "
                "try again later, or see the gateway's log",
                "the answer is no list of documents",
            )
        return page


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def _shown(value: Any) -> str:
    return _json(value)[:200]


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


def _last(page: Iterable[Mapping[str, Any]], *types: type) -> Any:
    """The last `_id` of some types in a page; None where there is none."""
    reached = [d["_id"] for d in page if type(d.get("_id")) in types]
    return reached[-1] if reached else None
