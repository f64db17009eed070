"""Fetches documents batch by batch, one batch ahead, and again where a replica lags.

A document that does not come is withheld: its row stays, unless so many are missing that this is an
outage. Which documents are fetched is decided in `zs_pipeline.documents.update`; how a source
retries is in `zs_pipeline.source`.
"""

import time
from collections import deque
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from concurrent.futures import Future
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc

from zs_client import work
from zs_pipeline import arrow, processes
from zs_pipeline.documents import bodies, shards
from zs_pipeline.documents.shards import Fetched, Made, shard_of
from zs_pipeline.shape import values as fields
from zs_pipeline.shape.problems import Problem
from zs_pipeline.source.interface import Lacking, Source, SourceError, Swept, version_of
from zs_pipeline.source.unread import Unread, UnreadSource

# Documents fetched and merged at a time: what a build holds in memory.
BATCH = 1000
# Bytes of a batch's documents as they lie in a dump, which are much more than what is read of them;
# the documents after those are read at once.
UNREAD_BYTES = 64 * 2**20
# More documents than this, and a larger share of those asked for, that do not come are an outage.
WITHHELD_DOCUMENTS = 10
WITHHELD_SHARE = 0.01
# Times that a document older than swept is asked for again, and seconds between them.
LAG_TRIES = 3
LAG_PAUSE = 0.2

# (documents, findings about documents that cannot be kept, ids of documents that are gone)
Batch = tuple[Sequence[Fetched | tuple[Unread, str | None]], list[Problem], list[str]]


class Fetching:
    """The documents that an update requests from a source.

    Attributes:
        requested: The number of documents that were requested by their ids.
        withheld: By id, why the source did not return a document.
        lagging: The number of documents that came older than swept and were requested again.
        behind: The number of lagging documents that came older every time.
    """

    def __init__(self, source: Source) -> None:
        self.requested = 0
        self.withheld: dict[str, str] = {}
        self.lagging = 0
        self.behind = 0
        self._source = source
        # The source where it leaves the reading to others, for `rows_function`.
        self._unread: UnreadSource | None = None

    def rows_function(self, count: int) -> Callable[..., Made]:
        """Returns the function that makes the rows of each of the batches; see `shards.rows`.

        Args:
            count: The number of documents in all batches.
        """
        if not processes.are_elsewhere(count) or not isinstance(self._source, UnreadSource):
            self._unread = None
            return shards.rows
        self._unread = self._source
        return partial(bodies.rows_of_unread, self._source.tree)

    def withhold(self, document_id: str, reason: str) -> None:
        """Note that a document did not come and keeps its old row.

        Raises:
            SourceError: So many documents did not come that this is an outage.
        """
        self.withheld[document_id] = reason
        count = len(self.withheld)
        if count > WITHHELD_DOCUMENTS and count > WITHHELD_SHARE * self.requested:
            raise SourceError(
                f"{self._source.url} does not hand out {count:,} of the {self.requested:,} "
                f"documents that were asked for, each alone ({reason}); they stay as they are. "
                "Try again later, or see the log of the source"
            )

    def withheld_problems(self, index: pa.Table) -> Iterator[Problem]:
        """Yields a finding for each document that did not come; rows in the index stay."""
        ids = pa.array(self.withheld, pa.string())
        names = dict(arrow.values(index.filter(pc.is_in(index["_id"], ids)), "_id", "name"))
        for document_id, reason in sorted(self.withheld.items()):
            row = "its row is as before" if document_id in names else "it has no row until it does"
            message = (
                f"the source does not hand it out, also when asked for it alone: {reason}; {row}"
            )
            yield Problem(document_id, names.get(document_id), "", message, "error")

    def batches(
        self, documents: list[Swept], swept: dict[str, Swept], sent: deque[list[Swept]]
    ) -> Iterator[Batch]:
        """Fetch documents batch by batch; the next batch is fetched meanwhile.

        Args:
            documents: The documents to fetch, in the order of the shards.
            swept: All documents of the sweep, by id.
            sent: Receives each batch when the batch is requested.
        """
        self.requested += len(documents)
        pending = deque[Future[Batch]]()
        with work.Threads(1, "fetch") as pool:
            for batch in _batches(documents):
                sent.append(batch)
                pending.append(pool.submit(self._fetch, batch, swept))
                if len(pending) > 1:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()

    def _fetch(self, batch: list[Swept], swept: dict[str, Swept]) -> Batch:
        if self._unread is not None:
            return self._fetch_unread(self._unread, batch, swept)
        documents, lacking = self._up_to_date(batch, swept)
        fetched, aside = bodies.as_json(
            documents.values(), {key: swept[key].fingerprint for key in documents}
        )
        gone = self._gone(batch, documents, lacking)
        return fetched, aside, gone

    def _fetch_unread(
        self, source: UnreadSource, batch: list[Swept], swept: dict[str, Swept]
    ) -> Batch:
        """Fetch documents of a dump, which are as they were swept."""
        documents: dict[str, tuple[Unread, str | None]] = {}
        read: dict[str, dict[str, object]] = {}
        lacking: dict[str, Lacking] = {}
        held = 0
        for document in source.fetch_unread([entry.id for entry in batch]):
            if isinstance(document, Lacking):
                lacking[document.id] = document
            elif held < UNREAD_BYTES:
                held += len(document.raw)
                documents[document.id] = document, swept[document.id].fingerprint
            else:
                read[document.id] = document.read(source.tree)
        fetched, aside = bodies.as_json(
            read.values(), {key: swept[key].fingerprint for key in read}
        )
        gone = self._gone(batch, documents.keys() | read.keys(), lacking)
        return [*documents.values(), *fetched], aside, gone

    def _gone(
        self, batch: list[Swept], documents: Container[str], lacking: dict[str, Lacking]
    ) -> list[str]:
        """Returns the ids of documents that are gone; withholds those that did not come."""
        for entry in batch:
            if entry.id not in documents and entry.id not in lacking:
                self.withhold(entry.id, "the source does not say why")
        for absent in lacking.values():
            if not absent.gone:
                self.withhold(absent.id, absent.reason)
        return [absent.id for absent in lacking.values() if absent.gone]

    def _up_to_date(
        self, batch: list[Swept], swept: dict[str, Swept]
    ) -> tuple[dict[str, dict[str, object]], dict[str, Lacking]]:
        """Returns (documents of a batch by id, documents that did not come by id).

        A replica that lags returns an older document than the sweep saw. The document is requested
        again; if the replica still returns the older one, that is kept under its own version.
        """
        documents, lacking = self._request(entry.id for entry in batch)
        older = [
            key for key in documents if _is_older(version_of(documents[key]), swept[key].modified)
        ]
        self.lagging += len(older)
        for attempt in range(LAG_TRIES):
            if not older:
                break
            time.sleep(attempt * LAG_PAUSE)
            again, _ = self._request(older)
            for key, document in again.items():
                if not _is_older(version_of(document), version_of(documents[key])):
                    documents[key] = document
            older = [
                key for key in older if _is_older(version_of(documents[key]), swept[key].modified)
            ]
        self.behind += len(older)
        return documents, lacking

    def _request(
        self, ids: Iterable[str]
    ) -> tuple[dict[str, dict[str, object]], dict[str, Lacking]]:
        documents: dict[str, dict[str, object]] = {}
        lacking: dict[str, Lacking] = {}
        for document in self._source.fetch(list(ids)):
            if isinstance(document, Lacking):
                lacking[document.id] = document
            else:
                documents[document["_id"]] = document
        return documents, lacking


def _is_older(version: str | None, other: str | None) -> bool:
    """Returns whether a version has an earlier time than another; False where a time is missing."""
    moment, later = fields.time(version), fields.time(other)
    return moment is not None and later is not None and moment < later


def _batches(documents: list[Swept]) -> Iterator[list[Swept]]:
    """Yields batches that cut no shard in two, so that a first build writes each shard once."""
    start = 0
    while start < len(documents):
        end = min(start + BATCH, len(documents))
        if end < len(documents):
            last = shard_of(documents[end].subject_id)
            cut = end
            while cut > start and shard_of(documents[cut - 1].subject_id) == last:
                cut -= 1
            end = cut if cut > start else end
        yield documents[start:end]
        start = end
