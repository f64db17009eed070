"""Questions to a server for several documents at a time, and what a short answer means.

A server returns fewer documents than requested when they do not fit into an answer, when a replica
lags, or when the server is broken. So a question whose answer fails or is short is asked again in
halves, and a document is gone only when the server shows this in another way. How a question is
sent is in `gateway` and `mongo`.
"""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from zs_pipeline.shape.projection import (
    SWEEP,
    came_as_list,
    lacking_core_files,
    mongo_projection,
    partial_core_files,
    path_map,
    trim,
)
from zs_pipeline.source.interface import Lacking, SourceError, Swept
from zs_pipeline.source.plain import head, identity, plain

# Times that a question is asked while its answers are empty. A source that randomly drops one
# document in four from each of its answers then hides one document in ten million.
TRIES = 12
# Seconds before the second time; they double before each further time, up to the longest.
PAUSE = 0.02
LONGEST_PAUSE = 0.2
# A source that withholds more documents than this and hands out none is down.
FEW = 10

Answer = Mapping[str, dict[str, Any]]


class Unanswered(SourceError):
    """A question failed for a reason that a smaller question may avoid.

    Attributes:
        short: The reason for findings, with the same text each time.
    """

    def __init__(self, message: str, short: str) -> None:
        super().__init__(message)
        self.short = short


# Returns by id the documents that came for some ids, with a projection or whole; retries longer for
# a single id. Raises `Unanswered` where a smaller question may be answered.
ById = Callable[[Sequence[str], Mapping[str, int] | None], Answer]


class Asking:
    """Splits and repeats the questions to a source until each document came or is explained.

    Args:
        url: The source, for messages.
        fields: The dotted paths that documents are trimmed to.
        by_id: Asks for some documents.
        least: Asks the smallest question; raises SourceError where the source does not answer it.
        is_gone: Returns whether another question shows that the source lacks a document.
    """

    def __init__(
        self,
        url: str,
        fields: Sequence[str],
        by_id: ById,
        least: Callable[[], None],
        is_gone: Callable[[str], bool],
    ) -> None:
        self.projection = mongo_projection(fields)
        self._tree = path_map(fields)
        self._cores = partial_core_files(fields)
        self._url = url
        self._by_id = by_id
        self._least = least
        self._is_gone = is_gone
        self._came = 0
        self._withheld = 0
        self._count = threading.Lock()

    def documents(
        self,
        ids: Sequence[str],
        having_any: Callable[[dict[str, list[Any]]], Iterable[Mapping[str, Any]]],
        batches: Callable[[list[str]], Iterable[list[str]]] = lambda ids: [ids],
    ) -> tuple[list[dict[str, Any]], list[Lacking]]:
        """Returns (trimmed documents, an explanation for each id without a document).

        A document of which a projection dropped parts is fetched whole.

        Args:
            ids: The ids of the documents.
            having_any: Returns those documents that do have a core file which they came without.
            batches: Splits ids into questions.

        Raises:
            SourceError: The source does not answer, or returns no document at all.
        """
        documents, lacking = self._documents(ids, self.projection)
        page = list(documents.values())
        whole = [d["_id"] for d in page if came_as_list(d, self._cores)]
        whole += [d["_id"] for d in having_any(lacking_core_files(page, self._cores))]
        if whole:
            whole_ids = list(dict.fromkeys(filter(None, map(identity, whole))))
            documents = {key: d for key, d in documents.items() if key not in whole_ids}
            for part in batches(whole_ids):
                more, without = self._documents(part, None)
                documents |= more
                lacking += without
        for document_id, document in documents.items():
            document["_id"] = document_id
        return [trim(plain(document), self._tree) for document in documents.values()], lacking

    def _documents(
        self, ids: Sequence[str], projection: Mapping[str, int] | None
    ) -> tuple[dict[str, dict[str, Any]], list[Lacking]]:
        """Returns (documents by id, an explanation for each id without a document)."""
        came: dict[str, dict[str, Any]] = {}
        lacking: list[Lacking] = []
        left = [list(ids)] if ids else []
        while left:
            part = left.pop()
            if len(part) == 1:
                answer, failed = self._alone(part[0], projection)
                if not answer:
                    lacking.append(self._without(part[0], failed))
            else:
                try:
                    answer = self._by_id(part, projection)
                except Unanswered:
                    answer = {}
                rest = [document_id for document_id in part if document_id not in answer]
                if answer and rest:
                    # Page by page: each brings at least one document.
                    left.append(rest)
                else:
                    left += _halves(rest)
            came.update(answer)
            with self._count:
                self._came += len(answer)
        return came, lacking

    def again(self, ids: Sequence[str]) -> tuple[list[Swept], list[Lacking]]:
        """Ask for ids that a sweep lacks; an id absent from `TRIES` answers in a row is gone.

        Returns:
            (results of a sweep, an explanation for each id without a document)

        Raises:
            SourceError: The source does not answer.
        """
        came: dict[str, dict[str, Any]] = {}
        lacking: list[Lacking] = []
        left = [list(ids)] if ids else []
        while left:
            part = left.pop()
            attempt = 0
            try:
                while part and attempt < TRIES:
                    _wait(attempt)
                    projection = SWEEP if attempt < TRIES // 2 else {"_id": 1}
                    answer = self._by_id(part, projection)
                    came.update(answer)
                    part = [document_id for document_id in part if document_id not in answer]
                    attempt = 0 if answer else attempt + 1
            except Unanswered as error:
                if len(part) > 1:
                    left += _halves(part)
                    continue
                self._least()
                lacking.append(Lacking(part[0], gone=False, reason=error.short))
            else:
                lacking += [Lacking(document_id, gone=True, reason="") for document_id in part]
        return [entry for d in came.values() if isinstance(entry := head(d), Swept)], lacking

    def _alone(self, document_id: str, projection: Mapping[str, int] | None) -> tuple[Answer, str]:
        """Returns (answer, reason of a failure); both are empty when all answers were empty."""
        for attempt in range(TRIES):
            _wait(attempt)
            try:
                answer = self._by_id([document_id], projection)
            except Unanswered as error:
                # The transport has retried already.
                self._least()
                return {}, error.short
            if answer:
                return answer, ""
        return {}, ""

    def _without(self, document_id: str, failed: str) -> Lacking:
        # A failed question does not show that the document is gone.
        if not failed and self._is_gone(document_id):
            return Lacking(document_id, gone=True, reason="")
        reason = failed or "the answer holds no document"
        with self._count:
            self._withheld += 1
            if self._withheld > FEW and not self._came:
                raise SourceError(
                    f"{self._url}: {self._withheld} documents were asked for, each alone, and "
                    f"none came ({reason}); try again later"
                )
        return Lacking(document_id, gone=False, reason=reason)


def _halves(ids: list[str]) -> Iterator[list[str]]:
    """Returns the second half, then the first, which is popped first from the end of a list."""
    middle = len(ids) // 2
    return (half for half in (ids[middle:], ids[:middle]) if half)


def _wait(attempt: int) -> None:
    if attempt:
        time.sleep(min(PAUSE * 2 ** (attempt - 1), LONGEST_PAUSE))
