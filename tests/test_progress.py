"""What a person reads while a build works: how far it is, how fast, and how long it will take."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zs_pipeline.progress import Progress, brief


def lines(steps: list[tuple[float, int]], total: int) -> list[str]:
    told: list[str] = []
    times = iter([0.0, *(seconds for seconds, _ in steps)])
    progress = Progress(told.append, "documents", "fetched", total, lambda: next(times))
    for _, count in steps:
        progress.at(count)
    return told


@pytest.mark.parametrize(
    ("seconds", "count", "total", "said"),
    [
        (0.5, 10, 100, "documents: 10 of 100 fetched"),
        (2, 1000, 5000, "documents: 1,000 of 5,000 fetched (500/s, about 8 s left)"),
        (100, 1000, 4000, "documents: 1,000 of 4,000 fetched (10/s, about 5 min left)"),
        (100, 1000, 100_000, "documents: 1,000 of 100,000 fetched (10/s, about 2.8 h left)"),
        (10, 4000, 4000, "documents: 4,000 of 4,000 fetched (400/s)"),
        (10, 4000, 0, "documents: 4,000 fetched (400/s)"),
        (10, 0, 40, "documents: 0 of 40 fetched (0/s)"),
    ],
)
def test_a_line_tells_the_rate_and_an_estimate(seconds, count, total, said):
    assert lines([(seconds, count)], total) == [said]


@given(st.lists(st.tuples(st.floats(0, 1e7), st.integers(0, 10**9)), max_size=5), st.integers(0))
def test_there_is_one_line_for_each_step_whatever_the_numbers(steps, total):
    told = lines(steps, total)
    assert len(told) == len(steps)
    assert all(line.startswith("documents: ") and "fetched" in line for line in told)


@given(st.floats(0, 1e6), st.integers(0, 10**9), st.integers(1, 10**9))
def test_a_line_beside_a_bar_tells_what_is_done_and_what_is_left_without_the_rate(
    seconds, count, total
):
    (line,) = lines([(seconds, count)], total)
    done, whole, said = brief(line.removeprefix("documents: "))
    assert (done, whole) == (count, total)
    assert said.startswith(f"{count:,} of {total:,}")
    assert "/s" not in said
    assert said.endswith(" left") == line.endswith(" left)")


@pytest.mark.parametrize("line", ["4,000 fetched (400/s)", "45 rows; 1 files written", ""])
def test_a_line_without_a_total_stays(line):
    assert brief(line) == (0, None, line)
