"""Documents from MongoDB or DocumentDB, through pymongo.

Nothing here knows what the documents are for, and nothing is written to the server.
"""

import random
import time
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any

from bson import ObjectId
from bson.binary import UuidRepresentation
from bson.codec_options import CodecOptions, DatetimeConversion
from pymongo import MongoClient
from pymongo.errors import (
    AutoReconnect,
    CursorNotFound,
    InvalidURI,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
)
from pymongo.uri_parser import parse_uri

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
from zs_pipeline.source import asking
from zs_pipeline.source.asking import Answer, Asking, Unanswered
from zs_pipeline.source.interface import Lacking, SourceError, Swept, url_for_messages
from zs_pipeline.source.plain import SweptOnce, head, identity, plain

if TYPE_CHECKING:
    from pymongo.collection import Collection

DATABASE = "metadata_index"
COLLECTION = "data_assets"
BATCH = 200
TRIES = 5

_REFUSED = (13, 18, 8000)

_DECODE: CodecOptions[dict[str, Any]] = CodecOptions(
    uuid_representation=UuidRepresentation.STANDARD,
    unicode_decode_error_handler="replace",
    datetime_conversion=DatetimeConversion.DATETIME_AUTO,
)
_LIMITS = {"serverSelectionTimeoutMS": 10_000, "socketTimeoutMS": 60_000}


class MongoSource:
    """A collection on a server that speaks MongoDB's protocol.

    The URL is pymongo's: ``mongodb://host/database.collection?tls=true&…``. Without a name in it
    the names are `DATABASE` and `COLLECTION`; its time limits go before those here.
    """

    bytes = 0

    def __init__(self, url: str, fields: Sequence[str]) -> None:
        self.url = url_for_messages(url)
        self.requests = 0
        self._tree = path_map(fields)
        self._projection = mongo_projection(fields)
        self._cores = partial_core_files(fields)
        try:
            parts = parse_uri(url, validate=True, warn=False)
            said = {str(option).lower() for option in parts["options"]}
            limits: dict[str, Any] = {k: v for k, v in _LIMITS.items() if k.lower() not in said}
            client: MongoClient[dict[str, Any]] = MongoClient(url, **limits)
        except (PyMongoError, ValueError, OSError) as error:
            # pymongo's message about a malformed URL may hold parts of the password.
            told = not isinstance(error, InvalidURI) and "@" not in url.partition("?")[2]
            reason = str(error) if told else "is the password percent-encoded?"
            raise SourceError(
                f"{self.url}: pymongo does not take this URL: {reason}; "
                "the form is mongodb://user:password@host/database.collection?options"
            ) from None
        weakref.finalize(self, client.close)
        self._asking = Asking(self.url, self._least, self._is_gone)
        database = client[parts["database"] or DATABASE]
        self._collection: Collection[dict[str, Any]] = database.get_collection(
            parts["collection"] or COLLECTION, codec_options=_DECODE
        )

    def check(self) -> None:
        """See `Source`; a collection that does not exist is an error too."""
        name = self._collection.name
        database = self._collection.database
        try:
            self.requests += 1
            if self._collection.find_one({}, {"_id": 1}) is not None:
                return
            self.requests += 1
            names = database.list_collection_names(authorizedCollections=True, nameOnly=True)
        except PyMongoError as error:
            raise self._failed("check", error) from error
        if name not in names:
            raise SourceError(
                f"{self.url}: no collection {name} in database {database.name}; "
                "name it as mongodb://host/database.collection"
            )

    def sweep(self) -> Iterator[Swept | Problem]:
        """See `Source`; in the server's order of `_id`.

        After a dropped connection the cursor starts again at the beginning and what was swept
        already is passed over: MongoDB's ``$gt`` compares within one type of `_id` only.
        """
        documents = SweptOnce()
        for attempt in range(1, TRIES + 1):
            try:
                self.requests += 1
                for document in self._collection.find({}, SWEEP).sort("_id", 1):
                    found = documents.head(document)
                    if found is not None:
                        yield found
                break
            except (AutoReconnect, CursorNotFound) as error:
                if attempt == TRIES or isinstance(error, ServerSelectionTimeoutError):
                    raise self._failed("sweep", error) from error
                _pause(attempt)
            except PyMongoError as error:
                raise self._failed("sweep", error) from error

    def sweep_again(self, ids: Sequence[str]) -> Iterator[Swept | Lacking | Problem]:
        """See `Source`."""

        def ask(some: Sequence[str], attempt: int) -> Answer:
            return self._by_id(some, SWEEP if attempt < asking.TRIES // 2 else {"_id": 1})

        for batch in _batches(ids):
            came, lacking = self._asking.again(batch, ask)
            yield from (found for d in came.values() if isinstance(found := head(d), Swept))
            yield from lacking

    def fetch(self, ids: Sequence[str]) -> Iterator[dict[str, Any] | Lacking]:
        """See `Source`; `BATCH` documents a query."""
        for batch in _batches(list(dict.fromkeys(ids))):
            yield from self._batch(batch)

    def _batch(self, ids: Sequence[str]) -> Iterator[dict[str, Any] | Lacking]:
        ask = partial(self._by_id, projection=self._projection)
        came, lacking = self._asking.documents(ids, ask)
        page = list(came.values())
        whole = [d["_id"] for d in page if came_as_list(d, self._cores)]
        lacks = lacking_core_files(page, self._cores)
        if lacks:
            whole += [d["_id"] for d in self._find(having_any(lacks), {"_id": 1})]
        if whole:
            names = list(dict.fromkeys(filter(None, map(identity, whole))))
            more, without = self._asking.documents(names, partial(self._by_id, projection=None))
            came = {one: d for one, d in came.items() if one not in names} | dict(more)
            lacking += without
        for one, document in came.items():
            document["_id"] = one
            yield trim(plain(document), self._tree)
        yield from lacking

    def _by_id(self, ids: Sequence[str], projection: Mapping[str, int] | None) -> Answer:
        """The documents of these ids, by id; one alone is asked for until it comes or fails.

        Raises:
            SourceError: Something else came.
        """
        asked = list(chain.from_iterable(map(_candidates, ids)))
        page = self._find({"_id": {"$in": asked}}, projection, tries=TRIES if len(ids) == 1 else 1)
        found: dict[str, dict[str, Any]] = {}
        wanted = set(ids)
        for document in sorted(page, key=_rank):
            one = identity(document.get("_id"))
            if one is None or one not in wanted:
                shown = {key: document[key] for key in ("_id", "name") if key in document}
                raise SourceError(
                    f"{self.url}: fetch was answered with a document that was not asked for: "
                    f"{str(shown)[:400]}; see the server's log"
                )
            found.setdefault(one, document)
        return found

    def _is_gone(self, one: str) -> bool:
        """Whether another document comes where this one would be in a sweep."""
        page = self._find({"_id": {"$gte": one}}, {"_id": 1}, order=1)
        if not page:
            page = self._find({}, {"_id": 1}, order=-1)
        return bool(page) and isinstance(page[0].get("_id"), str) and page[0]["_id"] != one

    def _least(self) -> None:
        self._find({}, {"_id": 1}, order=1)

    def _find(
        self,
        wanted: Mapping[str, Any],
        projection: Mapping[str, int] | None,
        *,
        tries: int = TRIES,
        order: int = 0,
    ) -> list[dict[str, Any]]:
        """What a query finds, or with an order, 1 or -1, the first of it by `_id`."""
        for attempt in range(1, tries + 1):
            try:
                self.requests += 1
                cursor = self._collection.find(wanted, projection)
                return list(cursor.sort("_id", order).limit(1) if order else cursor)
            except PyMongoError as error:
                if not isinstance(error, AutoReconnect | CursorNotFound):
                    failed = self._failed("fetch", error)
                    if isinstance(error, OperationFailure) and error.code in _REFUSED:
                        raise failed from error
                    raise Unanswered(str(failed), "the server answers with an error") from error
                if isinstance(error, ServerSelectionTimeoutError):
                    raise self._failed("fetch", error) from error
                if attempt == tries:
                    said = str(self._failed("fetch", error))
                    raise Unanswered(said, "the connection breaks") from error
                _pause(attempt)
        raise AssertionError("unreachable: the last attempt raises")

    def _failed(self, operation: str, error: PyMongoError) -> SourceError:
        if isinstance(error, ServerSelectionTimeoutError):
            advice = "no server answered: check the host, the network and the TLS options"
        elif isinstance(error, OperationFailure) and error.code in _REFUSED:
            advice = "the server refused: check user, password, authSource and the read role"
        elif isinstance(error, AutoReconnect):
            advice = f"the connection broke {TRIES} times: try again later"
        else:
            advice = "it did not get better by trying again: see the server's log"
        reason = str(error).split(", Timeout:")[0].split(", full error:")[0]
        return SourceError(f"{self.url}: {operation} failed: {reason}; {advice}")


def _batches(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    return (ids[start : start + BATCH] for start in range(0, len(ids), BATCH))


def _pause(attempt: int) -> None:
    """Wait before the next try: up to 0.5, 1, 2 and 4 seconds."""
    time.sleep(random.uniform(0, 2 ** (attempt - 2)))  # noqa: S311 - jitter, not a secret


def _candidates(one: str) -> Iterable[Any]:
    """What an `_id` may be on the server, given its text."""
    yield one
    if len(one) <= 20 and one.lstrip("-").isdecimal() and one.isascii():
        number = int(one)
        if str(number) == one and -(1 << 63) <= number < 1 << 63:
            yield number
    if len(one) == 24 and ObjectId.is_valid(one):
        yield ObjectId(one)


def _rank(document: Mapping[str, Any]) -> int:
    """Numbers, texts, then ObjectIds: MongoDB's order, so that fetch and sweep take the same."""
    found = document.get("_id")
    return 1 if isinstance(found, str) else 2 if isinstance(found, ObjectId) else 0
