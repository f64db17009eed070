"""Threads that all readers of this process share, and how an interrupt ends their work.

A thread that waits does the work that no other thread has begun, so that nested work cannot wait
for ever. Work that was begun in a scope is canceled when the scope ends by an error, so that an
interrupt takes effect at once, whatever a server is doing.
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
# How long a thread waits without listening for an interrupt: on Windows a signal does not wake it,
# and elsewhere one that arrives just before the wait does not either (3 of 100 in a test).
_LISTEN = 0.2

T = TypeVar("T")
R = TypeVar("R")


class once(Generic[T]):  # noqa: N801 - a decorator
    """A property that is computed once for an object, like `functools.cached_property`.

    `cached_property` of Python 3.11 has one lock for all objects of a class, which may be locked
    for ever in a forked process.
    """

    def __init__(self, make: Callable[[Any], T]) -> None:
        self._make = make
        self.__doc__ = make.__doc__

    @overload
    def __get__(self, owner: None, kind: type) -> "once[T]": ...
    @overload
    def __get__(self, owner: object, kind: type) -> T: ...
    def __get__(self, owner: object | None, kind: type) -> "T | once[T]":
        """Returns the value, which then takes the place of this property in the object."""
        if owner is None:
            return self
        value = self._make(owner)
        return owner.__dict__.setdefault(self._make.__name__, value)  # type: ignore[no-any-return]


class Abandoned(BaseException):
    """The caller that waited for this work has gone, as after an interrupt."""


class Lock:
    """A lock that is free in a forked process, whoever held it in the parent."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        _locks.add(self)

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    def renew(self) -> None:
        """Free the lock in a forked process."""
        self._lock = threading.Lock()


_locks: "WeakSet[Lock]" = WeakSet()
_lock = Lock()
_pool: ThreadPoolExecutor | None = None


class Scope:
    """Futures that are given up together, with those of scopes that were begun within it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._begun: set[Future[Any]] = set()
        self._within: set[Scope] = set()
        self._is_given_up = False

    def add(self, future: "Future[Any]") -> None:
        """Add a future; cancel it at once if the scope was given up."""
        with self._lock:
            self._begun.add(future)
            is_given_up = self._is_given_up
        if is_given_up:
            future.cancel()

    def done(self, future: "Future[Any]") -> None:
        """Remove a future."""
        with self._lock:
            self._begun.discard(future)

    def begin_within(self, scope: "Scope") -> None:
        """Add a scope; give it up at once if this one was given up."""
        with self._lock:
            self._within.add(scope)
            is_given_up = self._is_given_up
        if is_given_up:
            scope.give_up()

    def done_within(self, scope: "Scope") -> None:
        """Remove a scope."""
        with self._lock:
            self._within.discard(scope)

    def give_up(self) -> None:
        """Cancel all futures, and those that are added later."""
        with self._lock:
            self._is_given_up = True
            begun, within = list(self._begun), list(self._within)
        for future in begun:
            future.cancel()
        for scope in within:
            scope.give_up()


_scopes: ContextVar[tuple[Scope, ...]] = ContextVar("_scopes", default=())


@contextmanager
def scope() -> Iterator[Scope]:
    """Open a block; its work, in any thread, is given up when the block ends by an error."""
    new_scope = Scope()
    token = _scopes.set((*_scopes.get(), new_scope))
    try:
        yield new_scope
    except BaseException:
        new_scope.give_up()
        raise
    finally:
        _scopes.reset(token)


class Threads(ThreadPoolExecutor):
    """Threads for a block; an interrupt in the block cancels the requests that they wait for."""

    def __init__(self, count: int, name: str = "") -> None:
        super().__init__(count, thread_name_prefix=name)
        self._scope = Scope()

    def submit(self, function: Callable[..., T], /, *args: Any, **kwargs: Any) -> "Future[T]":
        """Submit a function, which runs in the caller's context."""

        def within() -> T:
            _scopes.set((*_scopes.get(), self._scope))
            return function(*args, **kwargs)

        return super().submit(copy_context().run, within)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Wait for all threads; for none after an interrupt, and where a generator is left.

        A generator that an error left behind is closed by the garbage collector, in whichever
        thread runs it: in one that was just starting, and so held the lock that joining another
        takes, a wait never ended.
        """
        is_interrupt = kind is not None and not issubclass(kind, (Exception, GeneratorExit))
        if is_interrupt:
            self._scope.give_up()
        is_left = is_interrupt or kind is GeneratorExit
        self.shutdown(wait=not is_left, cancel_futures=kind is not None)


def result(future: "Future[T]") -> T:
    """Wait for a future; an interrupt, or an error in an enclosing scope, cancels it.

    Raises:
        Abandoned: An enclosing scope was given up.
    """
    scopes = _scopes.get()
    for open_scope in scopes:
        open_scope.add(future)
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
        for open_scope in scopes:
            open_scope.done(future)


def begin(function: Callable[[], T]) -> Callable[[], T]:
    """Begin to call a function in another thread; returns a function that waits for the result.

    An interrupt of the wait, or an error in an enclosing scope, cancels the requests of the thread.
    Otherwise the process would wait for the thread at its end: seen with `sql`, for ten seconds.
    """
    new_scope, scopes = Scope(), _scopes.get()

    def within() -> T:
        _scopes.set((*_scopes.get(), new_scope))
        return function()

    # Before the thread begins, so that no interrupt falls between.
    for open_scope in scopes:
        open_scope.begin_within(new_scope)
    future = _threads().submit(copy_context().run, within)

    def end(_: "Future[T]") -> None:
        for open_scope in scopes:
            open_scope.done_within(new_scope)

    future.add_done_callback(end)

    def wait() -> T:
        # If no thread has begun the work, this thread does it.
        if future.cancel():
            return function()
        try:
            return result(future)
        except BaseException:
            new_scope.give_up()
            raise

    return wait


def map_ordered(function: Callable[[T], R], items: Iterable[T]) -> list[R]:
    """Returns a function's results for some items, in order, computed in several threads.

    Raises:
        Exception: The function's error for the first item that fails; the others are given up.
    """
    inputs = list(items)
    if len(inputs) < 2:
        return [function(item) for item in inputs]
    with scope():
        futures = [_threads().submit(copy_context().run, function, item) for item in inputs]
        try:
            return [
                function(item) if future.cancel() else result(future)
                for future, item in zip(futures, inputs, strict=True)
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
    """Forget, in a forked process, the parent's threads, and free its locks."""
    global _pool  # noqa: PLW0603 - one for a process
    _pool = None
    for lock in list(_locks):
        lock.renew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
