"""Documents from MongoDB or DocumentDB, through pymongo.

Nothing here knows what the documents are for, and nothing is written to the server.
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

from zs_pipeline.problems import Problem
from zs_pipeline.source import SourceError, Swept, shown
from zs_pipeline.source.plain import Told, identity, plain
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
    from pymongo.collection import Collection

DATABASE = "metadata_index"
COLLECTION = "data_assets"
BATCH = 200
TRIES = 5

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
        self.url = shown(url)
        self.requests = 0
        self._tree = tree(fields)
        self._projection = server(fields)
        self._cores = dotted(fields)
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

        After a dropped connection the cursor starts again at the beginning and what was told
        already is passed over: MongoDB's ``$gt`` compares within one type of `_id` only.
        """
        told = Told()
        for attempt in range(1, TRIES + 1):
            try:
                self.requests += 1
                for document in self._collection.find({}, SWEEP).sort("_id", 1):
                    found = told.tell(document)
                    if found is not None:
                        yield found
                break
            except (AutoReconnect, CursorNotFound) as error:
                self._pause(attempt, "sweep", error)
            except PyMongoError as error:
                raise self._failed("sweep", error) from error

    def fetch(self, ids: Sequence[str]) -> Iterator[dict[str, Any]]:
        """See `Source`; `BATCH` documents a query."""
        wanted = list(dict.fromkeys(ids))
        for start in range(0, len(wanted), BATCH):
            yield from self._batch(wanted[start : start + BATCH])

    def _batch(self, ids: Sequence[str]) -> Iterator[dict[str, Any]]:
        wanted = {"_id": {"$in": list(chain.from_iterable(map(_candidates, ids)))}}
        page = self._find(wanted, self._projection)
        whole = [d["_id"] for d in page if mangled(d, self._cores)]
        lacking = absent(page, self._cores)
        if lacking:
            whole += [d["_id"] for d in self._find(present(lacking), {"_id": 1})]
        if whole:
            page = [d for d in page if d["_id"] not in whole]
            page += self._find({"_id": {"$in": whole}}, None)
        left = set(ids)
        for document in sorted(page, key=_rank):
            one = identity(document["_id"])
            if one in left:
                left.remove(one)
                document["_id"] = one
                yield trim(plain(document), self._tree)

    def _find(
        self, wanted: Mapping[str, Any], projection: Mapping[str, int] | None
    ) -> list[dict[str, Any]]:
        for attempt in range(1, TRIES + 1):
            try:
                self.requests += 1
                return list(self._collection.find(wanted, projection))
            except (AutoReconnect, CursorNotFound) as error:
                self._pause(attempt, "fetch", error)
            except PyMongoError as error:
                raise self._failed("fetch", error) from error
        raise AssertionError("unreachable: the last attempt raises")

    def _pause(self, attempt: int, operation: str, error: PyMongoError) -> None:
        """Wait before the next try: up to 0.5, 1, 2 and 4 seconds."""
        if attempt == TRIES or isinstance(error, ServerSelectionTimeoutError):
            raise self._failed(operation, error) from error
        time.sleep(random.uniform(0, 2 ** (attempt - 2)))  # noqa: S311 - jitter, not a secret

    def _failed(self, operation: str, error: PyMongoError) -> SourceError:
        if isinstance(error, ServerSelectionTimeoutError):
            advice = "no server answered: check the host, the network and the TLS options"
        elif isinstance(error, OperationFailure) and error.code in (13, 18, 8000):
            advice = "the server refused: check user, password, authSource and the read role"
        elif isinstance(error, AutoReconnect):
            advice = f"the connection broke {TRIES} times: try again later"
        else:
            advice = "it did not get better by trying again: see the server's log"
        reason = str(error).split(", Timeout:")[0].split(", full error:")[0]
        return SourceError(f"{self.url}: {operation} failed: {reason}; {advice}")


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
    found = document["_id"]
    return 1 if isinstance(found, str) else 2 if isinstance(found, ObjectId) else 0
