"""Fetching of documents: batch by batch, ahead of what is done with them, and again where they lag.

A document that does not come is withheld: it stays as it is, unless so many do not come that it is
an outage. Which documents are fetched is decided in `zs_pipeline.documents.update`; how a source
asks again by itself is in `zs_pipeline.source`.
"""

import time
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from zs_client import work
from zs_pipeline import arrow
from zs_pipeline.documents.shards import Fetched, shard_of
from zs_pipeline.shape import values as fields
from zs_pipeline.shape.problems import Problem
from zs_pipeline.source.interface import Lacking, Source, SourceError, Swept, version_of

# Documents fetched and merged at a time: what a build holds in memory.
BATCH = 1000
# More documents than this, and a larger share of those asked for, that do not come are an outage.
WITHHELD_DOCUMENTS = 10
WITHHELD_SHARE = 0.01
# Times that a document older than swept is asked for again, and seconds between them.
LAG_TRIES = 3
LAG_PAUSE = 0.2

# What was fetched of a batch, what of it cannot be kept, and what is gone.
Batch = tuple[list[Fetched], list[Problem], list[str]]


class Fetching:
    """The documents that an update asks a source for.

    Attributes:
        asked: Documents that were asked for by their ids.
        withheld: What came in place of documents that the source did not hand out, by id.
        lagging: Documents that came older than swept, and were asked for again.
        behind: Those of them that came older every time.

    Args:
        source: Where they come from.
    """

    def __init__(self, source: Source) -> None:
        self.asked = 0
        self.withheld: dict[str, str] = {}
        self.lagging = 0
        self.behind = 0
        self._source = source

    def withhold(self, document_id: str, reason: str) -> None:
        """Keep the old row of a document that did not come, unless too many do not.

        Raises:
            SourceError: It is an outage.
        """
        self.withheld[document_id] = reason
        count = len(self.withheld)
        if count > WITHHELD_DOCUMENTS and count > WITHHELD_SHARE * self.asked:
            raise SourceError(
                f"{self._source.url} does not hand out {count:,} of the {self.asked:,} documents "
                f"that were asked for, each alone ({reason}); they stay as they are. Try again "
                "later, or see the log of the source"
            )

    def withheld_problems(self, index: pa.Table) -> Iterator[Problem]:
        """Returns the documents that did not come as findings; those of an index keep their row."""
        ids = pa.array(self.withheld, pa.string())
        names = dict(arrow.values(index.filter(pc.is_in(index["_id"], ids)), "_id", "name"))
        for document_id, reason in sorted(self.withheld.items()):
            kept = "its row is as before" if document_id in names else "it has no row until it does"
            said = (
                f"the source does not hand it out, also when asked for it alone: {reason}; {kept}"
            )
            yield Problem(document_id, names.get(document_id), "", said, "error")

    def batches(
        self, wanted: list[Swept], swept: dict[str, Swept], sent: deque[list[Swept]]
    ) -> Iterator[Batch]:
        """Fetch documents batch by batch; the next one is fetched meanwhile.

        Args:
            wanted: What to fetch, in the order of the shards.
            swept: All that the sweep saw, by id.
            sent: Each batch is put at its end when it is asked for.
        """
        self.asked += len(wanted)
        coming = deque[Future[Batch]]()
        with work.Threads(1, "fetch") as pool:
            for batch in _batches(wanted):
                sent.append(batch)
                coming.append(pool.submit(self._fetch, batch, swept))
                if len(coming) > 1:
                    yield coming.popleft().result()
            while coming:
                yield coming.popleft().result()

    def _fetch(self, batch: list[Swept], swept: dict[str, Swept]) -> Batch:
        came, lacking = self._up_to_date(batch, swept)
        fetched: list[Fetched] = []
        aside: list[Problem] = []
        for document_id, document in came.items():
            # The sweep may have seen another version than came.
            version = version_of(document), swept[document_id].fingerprint
            try:
                fetched.append((orjson.dumps(document), *version))
            except orjson.JSONEncodeError as error:
                # It reads 1,024 levels and writes 254.
                reason = f"cannot be kept as JSON: {error}; set aside"
                name = fields.text(document.get("name"))
                aside.append(Problem(document_id, name, "", reason, "error"))
        for document_id in (asked.id for asked in batch):
            if document_id not in came and document_id not in lacking:
                self.withhold(document_id, "the source does not say why")
        for absent in lacking.values():
            if not absent.gone:
                self.withhold(absent.id, absent.reason)
        return fetched, aside, [absent.id for absent in lacking.values() if absent.gone]

    def _up_to_date(
        self, batch: list[Swept], swept: dict[str, Swept]
    ) -> tuple[dict[str, dict[str, object]], dict[str, Lacking]]:
        """Returns the documents of a batch by id, and what did not come.

        A replica that lags hands out an older document than the sweep saw; it is asked again, and
        what it then still hands out is kept under its own version.
        """
        came, lacking = self._came(asked.id for asked in batch)
        older = [key for key in came if _is_older(version_of(came[key]), swept[key].modified)]
        self.lagging += len(older)
        for attempt in range(LAG_TRIES):
            if not older:
                break
            time.sleep(attempt * LAG_PAUSE)
            again, _ = self._came(older)
            for key, document in again.items():
                if not _is_older(version_of(document), version_of(came[key])):
                    came[key] = document
            older = [key for key in older if _is_older(version_of(came[key]), swept[key].modified)]
        self.behind += len(older)
        return came, lacking

    def _came(self, ids: Iterable[str]) -> tuple[dict[str, dict[str, object]], dict[str, Lacking]]:
        came: dict[str, dict[str, object]] = {}
        lacking: dict[str, Lacking] = {}
        for document in self._source.fetch(list(ids)):
            if isinstance(document, Lacking):
                lacking[document.id] = document
            else:
                came[document["_id"]] = document
        return came, lacking


def _is_older(version: str | None, other: str | None) -> bool:
    """Returns whether a version is of a time before another's; without a time nobody can tell."""
    moment, later = fields.time(version), fields.time(other)
    return moment is not None and later is not None and moment < later


def _batches(wanted: list[Swept]) -> Iterator[list[Swept]]:
    """Yields batches that cut no shard in two, so that a first build writes each shard once."""
    start = 0
    while start < len(wanted):
        end = min(start + BATCH, len(wanted))
        if end < len(wanted):
            last = shard_of(wanted[end].subject_id)
            cut = end
            while cut > start and shard_of(wanted[cut - 1].subject_id) == last:
                cut -= 1
            end = cut if cut > start else end
        yield wanted[start:end]
        start = end
