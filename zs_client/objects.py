"""obstore's functions, called so that interrupts are heard and forked processes never hang.

obstore waits in Rust, where no signal arrives, for threads that a forked process does not have. So
each request is made in an event loop in a separate thread, where it can be canceled; and a forked
process reads S3 through `zs_client.forked`. A folder needs neither (`zs_client.folder`). Names and
arguments are those of obstore.
"""

import atexit
import os
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakSet

from zs_client import aws, work
from zs_client.folder import Folder
from zs_client.masking import masked

if TYPE_CHECKING:
    import asyncio

    from zs_client.first_answer import FirstAnswer

# A larger content is received in pieces, so that a caller can show progress.
WHOLE = 8_000_000
# How many seconds the process waits at its end for canceled requests.
_LAST = 1.0

T = TypeVar("T")

# The attribute of a store whose first answer has a time of its own.
FIRST_ANSWER = "first_answer"

_lock = work.Lock()
_loop: "asyncio.AbstractEventLoop | None" = None
_is_forked = False
# The futures that obstore's threads have yet to answer; the threads drop a future at their end.
_unanswered: "WeakSet[asyncio.Future[Any]]" = WeakSet()


class Answer:
    """The content under a key, with the interface of obstore's `GetResult`.

    Attributes:
        meta: Its `size`, `e_tag` and `last_modified`.
        attributes: The attributes that its writer sent.
        range: Where the bytes that came begin and end in the whole content.
    """

    def __init__(self, result: Any, body: bytes | None, store: Any = None) -> None:
        self.meta: Mapping[str, Any] = result.meta
        self.attributes: Mapping[Any, Any] = result.attributes
        self.range: tuple[int, int] = result.range
        self._result = result
        self._body = body
        self._store = store

    def stream(self, min_chunk_size: int) -> Iterator[bytes]:
        """Yields the content in pieces, as they come."""
        if self._body is not None:
            yield self._body
            return
        pieces = self._result.stream(min_chunk_size=min_chunk_size)
        with _receiving(self._store):
            while (piece := ask(lambda: _next(pieces))) is not None:
                yield bytes(piece)

    def bytes(self) -> bytes:
        """Returns the whole content."""
        if self._body is None:
            with _receiving(self._store):
                self._body = ask(lambda: _bytes(self._result))
        return self._body


def get(store: Any, key: str, *, options: Any = None) -> Any:
    """Returns the content under a key; errors and options are those of obstore."""
    if substitute := _without_obstore(store):
        return substitute.get(key, options or {})
    import obstore

    async def request() -> Answer:
        result = await _answered(store, lambda: obstore.get_async(store, key, options=options))
        if options and options.get("head"):
            return Answer(result, b"")
        whole = result.range[1] - result.range[0] <= WHOLE
        if not whole:
            return Answer(result, None, store)
        with _receiving(store):
            return Answer(result, await _bytes(result))

    return ask(request)


def head(store: Any, key: str) -> Any:
    """Returns the metadata of a key."""
    if substitute := _without_obstore(store):
        return substitute.head(key)
    import obstore

    return ask(lambda: _answered(store, lambda: obstore.head_async(store, key)))


def put(store: Any, key: str, body: bytes, **options: Any) -> Any:
    """Write under a key."""
    if substitute := _without_obstore(store):
        return substitute.put(key, body, **options)
    import obstore

    return ask(lambda: obstore.put_async(store, key, body, **options))


def delete(store: Any, keys: str | Sequence[str]) -> None:
    """Remove keys."""
    if substitute := _without_obstore(store):
        substitute.delete([keys] if isinstance(keys, str) else keys)
        return
    import obstore

    ask(lambda: obstore.delete_async(store, keys))


def list(store: Any, prefix: str | None = None, **options: Any) -> Iterator[Any]:  # noqa: A001
    """Yields pages of the entries below a prefix."""
    if substitute := _without_obstore(store):
        yield from substitute.list(prefix or "")
        return
    import obstore

    pages = obstore.list(store, prefix, **options)
    while (page := ask(lambda: _answered(store, lambda: _next(pages)))) is not None:
        yield page


def list_with_delimiter(store: Any, prefix: str | None = None) -> Any:
    """Returns the entries directly in a folder."""
    if substitute := _without_obstore(store):
        return substitute.list_with_delimiter(prefix or "")
    import obstore

    return ask(lambda: _answered(store, lambda: obstore.list_with_delimiter_async(store, prefix)))


def ask(call: Callable[[], Awaitable[T]]) -> T:
    """Returns the answer to a request; an interrupt cancels the request."""
    # A folder is read without it, and it takes 10 ms to load.
    import asyncio

    async def request() -> T:
        return await call()

    try:
        return work.result(asyncio.run_coroutine_threadsafe(request(), _running_loop()))
    except Exception as error:
        _shorten(error)
        if type(error).__name__ == "RustPanic":
            raise OSError(
                "the request could not be made; check the AWS variables and the store's URL"
            ) from error
        raise


async def _answered(store: Any, call: Callable[[], Awaitable[T]]) -> T:
    """Returns the answer to a request, for whose head a store may have a time of its own."""

    async def request() -> T:
        return await call()

    first_answer: FirstAnswer | None = getattr(store, FIRST_ANSWER, None)
    return await (request() if first_answer is None else first_answer.expected(request()))


def _receiving(store: Any) -> AbstractContextManager[None]:
    first_answer: FirstAnswer | None = getattr(store, FIRST_ANSWER, None)
    return nullcontext() if first_answer is None else first_answer.receiving()


def _shorten(error: Exception) -> None:
    """Remove secrets and obstore's debug text from an error's message, and add a hint if known."""
    text = str(error)
    message = masked(text.partition("\n\nDebug source:")[0].strip())
    if message != text.strip():
        wants = aws.hint(text)
        error.args = (f"{message}; {wants}" if wants else message,)


async def _bytes(result: Any) -> bytes:
    return bytes(await result.bytes_async())


async def _next(stream: Any) -> Any:
    return await anext(stream, None)


def _running_loop() -> "asyncio.AbstractEventLoop":
    import asyncio

    global _loop  # noqa: PLW0603 - one for a process
    with _lock:
        if _loop is None:
            _loop = asyncio.new_event_loop()
            _loop.create_future = partial(_future, _loop)  # type: ignore[method-assign]
            thread = threading.Thread(target=_loop.run_forever, name="zs-requests", daemon=True)
            thread.start()
            atexit.register(_stop, _loop, thread)
        return _loop


def _future(loop: "asyncio.AbstractEventLoop") -> "asyncio.Future[Any]":
    import asyncio

    future = asyncio.Future[Any](loop=loop)
    _unanswered.add(future)
    return future


def _stop(loop: "asyncio.AbstractEventLoop", thread: threading.Thread) -> None:
    """End the loop, so that no answer reaches an interpreter that has ended.

    A Rust thread that answers an ended interpreter aborts the process. This was seen in one of
    twenty processes that were interrupted on a busy machine.
    """
    import asyncio

    global _loop  # noqa: PLW0603 - one for a process
    if loop is not _loop or not thread.is_alive():
        return
    _loop = None

    async def end() -> None:
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        loop.stop()

    asyncio.run_coroutine_threadsafe(end(), loop)
    until = time.monotonic() + _LAST
    thread.join(_LAST)
    while _unanswered and time.monotonic() < until:
        time.sleep(0.001)
    if not thread.is_alive():
        loop.close()


def _without_obstore(store: Any) -> Any:
    """Returns the object that answers in place of obstore; None when obstore answers."""
    if isinstance(store, Folder):
        return store
    if not _is_forked:
        return None
    from zs_client.forked import bucket

    return bucket(store)


def _forked() -> None:
    """Forget, in a forked process, the loop and the requests of its parent.

    Whether the parent used obstore is not known; if obstore was loaded, it cannot be used here.
    """
    global _is_forked, _loop  # noqa: PLW0603 - it holds for the process
    _loop = None
    _unanswered.clear()
    _is_forked = _is_forked or "obstore" in sys.modules


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
