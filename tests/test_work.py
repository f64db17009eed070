"""Threads for a block, and work that is begun: who waits, and what is given up."""

import threading
from collections.abc import Generator
from concurrent.futures import Future

import pytest

from zs_client import work


def drawn(going: threading.Event) -> Generator[int, None, None]:
    with work.Threads(1, "drawn") as pool:
        pool.submit(going.wait)
        yield 1


def test_a_block_waits_for_its_threads():
    with work.Threads(2) as pool:
        results = [pool.submit(threading.current_thread) for _ in range(3)]
    assert all(result.done() for result in results)
    assert not any(result.result().is_alive() for result in results)


def test_a_generator_that_is_left_waits_for_no_thread():
    going = threading.Event()
    left = drawn(going)
    assert next(left) == 1
    # As the garbage collector does, in a thread that may hold what joining another needs.
    left.close()
    (thread,) = (t for t in threading.enumerate() if t.name.startswith("drawn"))
    assert thread.is_alive()
    going.set()
    thread.join()


def test_an_error_in_a_block_waits_and_cancels_what_has_not_begun():
    def failing() -> None:
        with work.Threads(1) as pool:
            going = threading.Event()
            pool.submit(going.wait, 0.05)
            later.append(pool.submit(going.wait))
            raise ValueError

    later: list[work.Future[bool]] = []
    with pytest.raises(ValueError, match=r"^$"):
        failing()
    assert later[0].cancelled()


def test_what_nobody_waits_for_is_given_up_with_the_block_that_began_it():
    begun, given_up = threading.Event(), threading.Event()

    def wait_for_ever():
        begun.set()
        try:
            work.result(Future())
        except work.Abandoned:
            given_up.set()

    def interrupted():
        with work.scope():
            work.begin(wait_for_ever)
            assert begun.wait(30)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert given_up.wait(30)


def test_what_was_begun_goes_on_after_a_block_that_ends_without_an_error():
    with work.scope():
        wait = work.begin(lambda: 5)
    assert wait() == 5
