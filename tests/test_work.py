"""Threads for a block: who waits for them, and who does not."""

import threading
from collections.abc import Generator

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
