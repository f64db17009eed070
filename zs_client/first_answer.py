"""How long a store has for its first answer: without a network a reader is told so at once.

A request whose store has answered lately has the time limits of `zs_client.s3`, so that a slow line
or a busy server cuts nothing short.
"""

import os
import time
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from zs_client import aws, work
from zs_client.obstore_errors import NoAnswer, is_unanswered, unanswered

# A silent server cannot be told from a missing network. A name, a connection, TLS and an answer are
# five ways there and back: 0.3 s each, where a satellite takes 0.6 and the public bucket 0.02. What
# the first read imports takes the rest of the two seconds.
SECONDS = 1.5
# A store that answered this lately is there. Then a laptop may have been carried elsewhere.
LATELY = 60.0

T = TypeVar("T")


def seconds_from_environment() -> float:
    """Returns how many seconds `ZS_TIMEOUT` gives a store for its first answer.

    Raises:
        ValueError: It is no number of seconds.
    """
    text = os.environ.get("ZS_TIMEOUT") or str(SECONDS)
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1
    if not 0 < seconds < float("inf"):
        raise ValueError(f"ZS_TIMEOUT={text[:30]!r}: it is a number of seconds above 0, such as 5")
    return seconds


class FirstAnswer:
    """What is known of a store's answers, for all threads of a process.

    Attributes:
        seconds: The time for an answer, if there was none lately.
        server: The server's name, for the message.
    """

    def __init__(self, seconds: float, server: str) -> None:
        self.seconds = seconds
        self.server = server
        self._lock = work.Lock()
        self._last = float("-inf")
        self._receiving = 0

    async def expected(self, request: Coroutine[Any, Any, T]) -> T:
        """Returns the result of a request for the head of an answer.

        Raises:
            NoAnswer: The store answered neither this nor any other request in its time.
        """
        import asyncio

        begun = time.monotonic()
        task = asyncio.ensure_future(request)
        try:
            if self.limit() is not None:
                await asyncio.wait({task}, timeout=self.seconds)
                if not task.done() and not self._is_there(begun):
                    raise self.error()
            return await task
        finally:
            # A refusal is an answer too; an interrupt is none.
            if not task.cancel() and not task.cancelled():
                error = task.exception()
                if error is None or not is_unanswered(error):
                    self.note()

    def limit(self) -> float | None:
        """Returns how many seconds a request may wait; None if the store answered lately."""
        return None if self._is_there(time.monotonic() - LATELY) else self.seconds

    def note(self) -> None:
        """Note that the store has answered."""
        self._last = time.monotonic()

    def error(self) -> NoAnswer:
        """Returns the error for a store that did not answer in its time."""
        waits = f"within {self.seconds:g} s; ZS_TIMEOUT=10 waits longer"
        proxy = aws.hint("error sending request")
        return NoAnswer(f"{unanswered(self.server)} {waits}{f'; {proxy}' if proxy else ''}")

    @contextmanager
    def receiving(self) -> Iterator[None]:
        """Open a block in which the rest of an answer is received; the store is there."""
        with self._lock:
            self._receiving += 1
        try:
            yield
        finally:
            with self._lock:
                self._receiving -= 1
            self.note()

    def _is_there(self, since: float) -> bool:
        return self._receiving > 0 or self._last >= since
