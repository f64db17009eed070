"""Documents from MongoDB or DocumentDB, through pymongo.

Nothing is written to the server.
"""

import random
import time
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
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
from zs_pipeline.shape.projection import SWEEP, having_any
from zs_pipeline.source.asking import Answer, Asking, Unanswered
from zs_pipeline.source.interface import Lacking, SourceError, Swept, url_for_messages
from zs_pipeline.source.plain import SweptOnce, identity

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

    The URL is pymongo's: ``mongodb://host/database.collection?tls=true&…``. Default names are
    `DATABASE` and `COLLECTION`; time limits in the URL override those here.
    """

    bytes = 0

    def __init__(self, url: str, fields: Sequence[str]) -> None:
        self.url = url_for_messages(url)
        self.requests = 0
        try:
            address = parse_uri(url, validate=True, warn=False)
            options = {str(option).lower() for option in address["options"]}
            limits: dict[str, Any] = {k: v for k, v in _LIMITS.items() if k.lower() not in options}
            client: MongoClient[dict[str, Any]] = MongoClient(url, **limits)
        except (PyMongoError, ValueError, OSError) as error:
            # pymongo's message about a malformed URL may hold parts of the password.
            is_safe = not isinstance(error, InvalidURI) and "@" not in url.partition("?")[2]
            reason = str(error) if is_safe else "is the password percent-encoded?"
            raise SourceError(
                f"{self.url}: pymongo does not take this URL: {reason}; "
                "the form is mongodb://user:password@host/database.collection?options"
            ) from None
        weakref.finalize(self, client.close)
        self._asking = Asking(self.url, fields, self._by_id, self._least, self._is_gone)
        database = client[address["database"] or DATABASE]
        self._collection: Collection[dict[str, Any]] = database.get_collection(
            address["collection"] or COLLECTION, codec_options=_DECODE
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

        After a dropped connection the cursor starts again at the beginning and documents already
        swept are passed over: MongoDB's ``$gt`` compares within one type of `_id` only.
        """
        documents = SweptOnce()
        for attempt in range(1, TRIES + 1):
            try:
                self.requests += 1
                for document in self._collection.find({}, SWEEP).sort("_id", 1):
                    entry = documents.head(document)
                    if entry is not None:
                        yield entry
                break
            except (AutoReconnect, CursorNotFound) as error:
                if attempt == TRIES or isinstance(error, ServerSelectionTimeoutError):
                    raise self._failed("sweep", error) from error
                _pause(attempt)
            except PyMongoError as error:
                raise self._failed("sweep", error) from error

    def sweep_again(self, ids: Sequence[str]) -> Iterator[Swept | Lacking | Problem]:
        """See `Source`."""
        for batch in _batches(ids):
            yield from chain.from_iterable(self._asking.again(batch))

    def fetch(self, ids: Sequence[str]) -> Iterator[dict[str, Any] | Lacking]:
        """See `Source`; `BATCH` documents a query."""
        for batch in _batches(list(dict.fromkeys(ids))):
            yield from chain.from_iterable(self._asking.documents(batch, self._having_any))

    def _having_any(self, lacking: dict[str, list[Any]]) -> list[dict[str, Any]]:
        return self._find(having_any(lacking), {"_id": 1}) if lacking else []

    def _by_id(self, ids: Sequence[str], projection: Mapping[str, int] | None) -> Answer:
        """Returns the documents of these ids by id; retries only for a single id."""
        candidates = list(chain.from_iterable(map(_candidates, ids)))
        tries = TRIES if len(ids) == 1 else 1
        page = self._find({"_id": {"$in": candidates}}, projection, tries=tries)
        requested = set(ids)
        documents: dict[str, dict[str, Any]] = {}
        for document in sorted(page, key=_rank):
            document_id = identity(document.get("_id"))
            if document_id is None or document_id not in requested:
                excerpt = {key: document[key] for key in ("_id", "name") if key in document}
                raise SourceError(
                    f"{self.url}: fetch was answered with a document that was not asked for: "
                    f"{str(excerpt)[:400]}; see the server's log"
                )
            documents.setdefault(document_id, document)
        return documents

    def _is_gone(self, document_id: str) -> bool:
        """Returns whether another document comes at this id's position in a sweep."""
        page = self._find({"_id": {"$gte": document_id}}, {"_id": 1}, order=1)
        page = page or self._find({}, {"_id": 1}, order=-1)
        return bool(page) and isinstance(page[0].get("_id"), str) and page[0]["_id"] != document_id

    def _least(self) -> None:
        self._find({}, {"_id": 1}, order=1)

    def _find(
        self,
        query: Mapping[str, Any],
        projection: Mapping[str, int] | None,
        *,
        tries: int = TRIES,
        order: int = 0,
    ) -> list[dict[str, Any]]:
        """Returns the documents of a query; with an order, 1 or -1, only the first by `_id`."""
        for attempt in range(1, tries + 1):
            try:
                self.requests += 1
                cursor = self._collection.find(query, projection)
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
                    message = str(self._failed("fetch", error))
                    raise Unanswered(message, "the connection breaks") from error
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


def _candidates(document_id: str) -> Iterable[Any]:
    """Yields the values that an `_id` may have on the server, given its text."""
    yield document_id
    if len(document_id) <= 20 and document_id.lstrip("-").isdecimal() and document_id.isascii():
        number = int(document_id)
        if str(number) == document_id and -(1 << 63) <= number < 1 << 63:
            yield number
    if len(document_id) == 24 and ObjectId.is_valid(document_id):
        yield ObjectId(document_id)


def _rank(document: Mapping[str, Any]) -> int:
    """Returns the rank of a type in MongoDB's order, so that fetch and sweep take the same."""
    value = document.get("_id")
    return 1 if isinstance(value, str) else 2 if isinstance(value, ObjectId) else 0
