"""Questions to a server for several documents at a time, and what a short answer means.

A server answers with fewer documents than it was asked for when they do not fit into an answer,
when a replica lags, or when it is broken. So an answer that fails or comes short is asked for again
in halves, and a document is gone only when the server, asked for it in another way, shows that it
is. How a question is sent is in `gateway` and `mongo`.
"""

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from zs_pipeline.source.interface import Lacking, SourceError

# Times that a question is asked while its answers are empty. A source that drops one document in
# four from each of its answers, at random, then hides one in ten million.
TRIES = 12
# Seconds before the second time; twice as long before each further one, up to the longest.
PAUSE = 0.02
LONGEST_PAUSE = 0.2
# A source that withholds more documents than this and hands out none is down.
FEW = 10

Answer = Mapping[str, dict[str, Any]]


class Unanswered(SourceError):
    """A question failed in a way in which a smaller one may not.

    Attributes:
        short: What came in place of an answer, the same each time, for findings.
    """

    def __init__(self, message: str, short: str) -> None:
        super().__init__(message)
        self.short = short


# The documents of some ids that came, by id; one id alone is asked for with patience. Raises
# `Unanswered` where a smaller question may be answered.
Question = Callable[[Sequence[str]], Answer]
# The same; the number says how many answers in a row held nothing.
Again = Callable[[Sequence[str], int], Answer]


class Asking:
    """What the questions of one source have in common.

    Args:
        url: The source, for messages.
        least: Asks for the least; raises SourceError where the source does not answer it either.
        is_gone: Whether the source shows that there is no such document, asked in another way.
    """

    def __init__(self, url: str, least: Callable[[], None], is_gone: Callable[[str], bool]) -> None:
        self._url = url
        self._least = least
        self._is_gone = is_gone
        self._came = 0
        self._withheld = 0
        self._count = threading.Lock()

    def documents(self, ids: Sequence[str], ask: Question) -> tuple[Answer, list[Lacking]]:
        """Returns the documents of some ids, by id, and what is known of the others.

        Raises:
            SourceError: The source does not answer, or hands out nothing at all.
        """
        came: dict[str, dict[str, Any]] = {}
        lacking: list[Lacking] = []
        left = [list(ids)] if ids else []
        while left:
            part = left.pop()
            if len(part) == 1:
                answer, failed = self._alone(part[0], ask)
                if not answer:
                    lacking.append(self._without(part[0], failed))
            else:
                try:
                    answer = ask(part)
                except Unanswered:
                    answer = {}
                rest = [one for one in part if one not in answer]
                if answer and rest:
                    # Page by page: each brings at least one.
                    left.append(rest)
                else:
                    left += _halves(rest)
            came.update(answer)
            with self._count:
                self._came += len(answer)
        return came, lacking

    def again(self, ids: Sequence[str], ask: Again) -> tuple[Answer, list[Lacking]]:
        """Returns what the source has of ids that a sweep lacks, by id, and what of it is gone.

        An id is gone when it is absent from `TRIES` answers in a row.

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
                    answer = ask(part, attempt)
                    came.update(answer)
                    part = [one for one in part if one not in answer]
                    attempt = 0 if answer else attempt + 1
            except Unanswered as error:
                if len(part) > 1:
                    left += _halves(part)
                    continue
                self._least()
                lacking.append(Lacking(part[0], gone=False, reason=error.short))
            else:
                lacking += [Lacking(one, gone=True, reason="") for one in part]
        return came, lacking

    def _alone(self, one: str, ask: Question) -> tuple[Answer, str]:
        """The document, or what came in place of an answer; neither when answers hold nothing."""
        for attempt in range(TRIES):
            _wait(attempt)
            try:
                answer = ask([one])
            except Unanswered as error:
                # All tries of the transport are behind it.
                self._least()
                return {}, error.short
            if answer:
                return answer, ""
        return {}, ""

    def _without(self, one: str, failed: str) -> Lacking:
        # That a question fails shows nothing.
        if not failed and self._is_gone(one):
            return Lacking(one, gone=True, reason="")
        reason = failed or "the answer holds no document"
        with self._count:
            self._withheld += 1
            if self._withheld > FEW and not self._came:
                raise SourceError(
                    f"{self._url}: {self._withheld} documents were asked for, each alone, and "
                    f"none came ({reason}); try again later"
                )
        return Lacking(one, gone=False, reason=reason)


def _halves(ids: list[str]) -> Iterator[list[str]]:
    """The second half, then the first, which is taken up first from the end of a list."""
    middle = len(ids) // 2
    return (half for half in (ids[middle:], ids[:middle]) if half)


def _wait(attempt: int) -> None:
    if attempt:
        time.sleep(min(PAUSE * 2 ** (attempt - 1), LONGEST_PAUSE))
