"""obstore's functions, asked so that an interrupt is heard and a forked process never waits.

obstore waits in Rust, where no signal reaches, and what it waits for runs in threads that a forked
process does not have. So each request is made in an event loop in a thread of its own, from which
it can be taken back; and a forked process reads S3 through `zs_client.forked`. A folder needs
neither (`zs_client.folder`). The names and the arguments are those of obstore.
"""

import asyncio
import atexit
import os
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar
from weakref import WeakSet

from zs_client import aws, work
from zs_client.folder import Folder
from zs_client.masking import masked

# What is larger than this is received in pieces when somebody looks on.
WHOLE = 8_000_000
# For so many seconds the end of the process waits for a request that was taken back.
_LAST = 1.0

T = TypeVar("T")

_lock = work.Lock()
_loop: asyncio.AbstractEventLoop | None = None
_is_forked = False
# What obstore's threads have yet to answer; they let go of a future after their last step here.
_unanswered: "WeakSet[asyncio.Future[Any]]" = WeakSet()


class Answer:
    """What lies under a key, as obstore's `GetResult`.

    Attributes:
        meta: Its `size`, `e_tag` and `last_modified`.
        attributes: What its writer sent along.
        range: The first and the last byte that came, of all.
    """

    def __init__(self, found: Any, body: bytes | None) -> None:
        self.meta: Mapping[str, Any] = found.meta
        self.attributes: Mapping[Any, Any] = found.attributes
        self.range: tuple[int, int] = found.range
        self._found = found
        self._body = body

    def stream(self, min_chunk_size: int) -> Iterator[bytes]:
        """Its pieces, as they come."""
        if self._body is not None:
            yield self._body
            return
        pieces = self._found.stream(min_chunk_size=min_chunk_size)
        while (piece := ask(lambda: _next(pieces))) is not None:
            yield bytes(piece)

    def bytes(self) -> bytes:
        """All of it."""
        if self._body is None:
            self._body = ask(lambda: _bytes(self._found))
        return self._body


def get(place: Any, key: str, *, options: Any = None) -> Any:
    """What lies under a key; errors and options as obstore's, as `head` of no body."""
    other = _without_obstore(place)
    if other is not None:
        return other.get(key, options or {})
    import obstore

    async def request() -> Answer:
        found = await obstore.get_async(place, key, options=options)
        if options and options.get("head"):
            return Answer(found, b"")
        whole = found.range[1] - found.range[0] <= WHOLE
        return Answer(found, await _bytes(found) if whole else None)

    return ask(request)


def head(place: Any, key: str) -> Any:
    """What is told of a key."""
    other = _without_obstore(place)
    if other is not None:
        return other.head(key)
    import obstore

    return ask(lambda: obstore.head_async(place, key))


def put(place: Any, key: str, body: bytes, **options: Any) -> Any:
    """Write under a key."""
    other = _without_obstore(place)
    if other is not None:
        return other.put(key, body, **options)
    import obstore

    return ask(lambda: obstore.put_async(place, key, body, **options))


def delete(place: Any, keys: str | Sequence[str]) -> None:
    """Remove keys."""
    other = _without_obstore(place)
    if other is not None:
        other.delete([keys] if isinstance(keys, str) else keys)
        return
    import obstore

    ask(lambda: obstore.delete_async(place, keys))


def list(place: Any, prefix: str | None = None, **options: Any) -> Iterator[Any]:  # noqa: A001
    """What lies below a prefix, in pages."""
    other = _without_obstore(place)
    if other is not None:
        yield from other.list(prefix or "")
        return
    import obstore

    pages = obstore.list(place, prefix, **options)
    while (page := ask(lambda: _next(pages))) is not None:
        yield page


def list_with_delimiter(place: Any, prefix: str | None = None) -> Any:
    """What lies directly in a folder."""
    other = _without_obstore(place)
    if other is not None:
        return other.list_with_delimiter(prefix or "")
    import obstore

    return ask(lambda: obstore.list_with_delimiter_async(place, prefix))


def ask(call: Callable[[], Awaitable[T]]) -> T:
    """What a request answers; an interrupt takes the request back."""

    async def called() -> T:
        return await call()

    try:
        return work.result(asyncio.run_coroutine_threadsafe(called(), _running()))
    except Exception as error:
        _shorten(error)
        if type(error).__name__ == "RustPanic":
            raise OSError(
                "the request could not be made; check the AWS variables and the store's URL"
            ) from error
        raise


def _shorten(error: Exception) -> None:
    """Leave out secrets, and what obstore tells of its inside after a message but for its wants."""
    said = str(error)
    message = masked(said.partition("\n\nDebug source:")[0].strip())
    if message != said.strip():
        wants = aws.hint(said)
        error.args = (f"{message}; {wants}" if wants else message,)


async def _bytes(found: Any) -> bytes:
    return bytes(await found.bytes_async())


async def _next(stream: Any) -> Any:
    return await anext(stream, None)


def _running() -> asyncio.AbstractEventLoop:
    global _loop  # noqa: PLW0603 - one for a process
    with _lock:
        if _loop is None:
            _loop = asyncio.new_event_loop()
            _loop.create_future = partial(_future, _loop)  # type: ignore[method-assign]
            thread = threading.Thread(target=_loop.run_forever, name="zs-requests", daemon=True)
            thread.start()
            atexit.register(_stop, _loop, thread)
        return _loop


def _future(loop: asyncio.AbstractEventLoop) -> "asyncio.Future[Any]":
    future = asyncio.Future[Any](loop=loop)
    _unanswered.add(future)
    return future


def _stop(loop: asyncio.AbstractEventLoop, thread: threading.Thread) -> None:
    """End the loop, so that no answer reaches an interpreter that has ended.

    A thread in Rust that wants to answer one aborts the process: seen in one process of twenty
    that was interrupted on a machine with much to do.
    """
    global _loop  # noqa: PLW0603 - one for a process
    if loop is not _loop or not thread.is_alive():
        return
    _loop = None

    async def end() -> None:
        begun = asyncio.all_tasks() - {asyncio.current_task()}
        for task in begun:
            task.cancel()
        await asyncio.gather(*begun, return_exceptions=True)
        loop.stop()

    asyncio.run_coroutine_threadsafe(end(), loop)
    until = time.monotonic() + _LAST
    thread.join(_LAST)
    while _unanswered and time.monotonic() < until:
        time.sleep(0.001)
    if not thread.is_alive():
        loop.close()


def _without_obstore(place: Any) -> Any:
    """What answers in the place of obstore; None when obstore does."""
    if isinstance(place, Folder):
        return place
    if not _is_forked:
        return None
    from zs_client.forked import bucket

    return bucket(place)


def _forked() -> None:
    """In a forked process: what obstore began in the process before does not go on here.

    Whether it began anything cannot be asked of it. Where it was not loaded it begins anew.
    """
    global _is_forked, _loop  # noqa: PLW0603 - it holds for the process
    _loop = None
    _unanswered.clear()
    _is_forked = _is_forked or "obstore" in sys.modules


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
