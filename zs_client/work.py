"""Work of this process: threads that all readers share, and what an interrupt ends.

A thread that waits for others does itself what none of them has begun, so that work within work
cannot wait for ever. What is begun within a scope ends with it when the scope ends by an error:
an interrupt is heard at once, whatever a server is doing.
"""

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from typing import Any, Generic, TypeVar, overload
from weakref import WeakSet

THREADS = 32
# On Windows a thread that waits hears nothing; elsewhere a signal wakes it.
_LISTEN = None if os.name == "posix" else 0.2

T = TypeVar("T")
R = TypeVar("R")


class once(Generic[T]):  # noqa: N801 - a decorator
    """A property that is made once for an object, as `functools.cached_property`.

    That of Python 3.11 holds one lock for all objects of a class, which a forked process may find
    held for ever.
    """

    def __init__(self, make: Callable[[Any], T]) -> None:
        self._make = make
        self.__doc__ = make.__doc__

    @overload
    def __get__(self, owner: None, kind: type) -> "once[T]": ...
    @overload
    def __get__(self, owner: object, kind: type) -> T: ...
    def __get__(self, owner: object | None, kind: type) -> "T | once[T]":
        """The value, which then takes the place of this in the object."""
        if owner is None:
            return self
        made = self._make(owner)
        return owner.__dict__.setdefault(self._make.__name__, made)  # type: ignore[no-any-return]


class Abandoned(BaseException):
    """Whoever waited for this has gone, as after an interrupt."""


class Lock:
    """A lock that is free in a forked process, whoever held it in the process before."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        _locks.add(self)

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    def renew(self) -> None:
        """Forget who holds it."""
        self._lock = threading.Lock()


_locks: "WeakSet[Lock]" = WeakSet()
_lock = Lock()
_pool: ThreadPoolExecutor | None = None


class Scope:
    """What was begun together, to be given up together."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._begun: set[Future[Any]] = set()
        self._left = False

    def add(self, future: "Future[Any]") -> None:
        """Give up a future with the others; at once when they were given up before."""
        with self._lock:
            self._begun.add(future)
            left = self._left
        if left:
            future.cancel()

    def done(self, future: "Future[Any]") -> None:
        """Leave a future alone."""
        with self._lock:
            self._begun.discard(future)

    def give_up(self) -> None:
        """Cancel all that was begun, and all that will be."""
        with self._lock:
            self._left = True
            begun = list(self._begun)
        for future in begun:
            future.cancel()


_scopes: ContextVar[tuple[Scope, ...]] = ContextVar("_scopes", default=())


@contextmanager
def scope() -> Iterator[Scope]:
    """A block that gives up what was begun in it, in any thread, when it ends by an error."""
    opened = Scope()
    token = _scopes.set((*_scopes.get(), opened))
    try:
        yield opened
    except BaseException:
        opened.give_up()
        raise
    finally:
        _scopes.reset(token)


class Threads(ThreadPoolExecutor):
    """Threads for a block; an interrupt in the block takes back what they wait for, and goes on."""

    def __init__(self, count: int, name: str = "") -> None:
        super().__init__(count, thread_name_prefix=name)
        self._scope = Scope()

    def submit(self, function: Callable[..., T], /, *args: Any, **kwargs: Any) -> "Future[T]":
        """As that of an executor, in the context of whoever calls it."""

        def within() -> T:
            _scopes.set((*_scopes.get(), self._scope))
            return function(*args, **kwargs)

        return super().submit(copy_context().run, within)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Wait for all threads; after an interrupt for none."""
        is_interrupt = kind is not None and not issubclass(kind, (Exception, GeneratorExit))
        if is_interrupt:
            self._scope.give_up()
        self.shutdown(wait=not is_interrupt, cancel_futures=kind is not None)


def result(future: "Future[T]") -> T:
    """Wait for a future; an interrupt, or the end of a scope that this is in, gives it up.

    Raises:
        Abandoned: A scope was given up.
    """
    scopes = _scopes.get()
    for map_ordered in scopes:
        map_ordered.add(future)
    try:
        while True:
            try:
                return future.result(_LISTEN)
            except TimeoutError:
                if future.done():
                    raise
    except CancelledError:
        raise Abandoned from None
    except BaseException:
        future.cancel()
        raise
    finally:
        for map_ordered in scopes:
            map_ordered.done(future)


def begin(function: Callable[[], T]) -> Callable[[], T]:
    """Begin something in another thread; what is returned waits for its result.

    An interrupt of the wait takes back what the thread waits for, as the end of the process would
    wait for the thread: seen with `sql`, for ten seconds.
    """
    opened = Scope()

    def within() -> T:
        _scopes.set((*_scopes.get(), opened))
        return function()

    future = _threads().submit(copy_context().run, within)

    def wait() -> T:
        # Nobody has begun it: this thread does.
        if future.cancel():
            return function()
        try:
            return result(future)
        except BaseException:
            opened.give_up()
            raise

    return wait


def map_ordered(function: Callable[[T], R], items: Iterable[T]) -> list[R]:
    """What a function makes of each item, in their order, in several threads at once.

    Raises:
        Exception: The function's for the first item that fails; the others are given up.
    """
    listed = list(items)
    if len(listed) < 2:
        return [function(item) for item in listed]
    with scope():
        futures = [_threads().submit(copy_context().run, function, item) for item in listed]
        try:
            return [
                function(item) if future.cancel() else result(future)
                for future, item in zip(futures, listed, strict=True)
            ]
        finally:
            for future in futures:
                future.cancel()


def _threads() -> ThreadPoolExecutor:
    global _pool  # noqa: PLW0603 - one for a process
    with _lock:
        if _pool is None:
            _pool = ThreadPoolExecutor(THREADS, thread_name_prefix="zs")
        return _pool


def _forked() -> None:
    """In a forked process: its threads are not there, and nobody holds a lock."""
    global _pool  # noqa: PLW0603 - one for a process
    _pool = None
    for lock in list(_locks):
        lock.renew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
