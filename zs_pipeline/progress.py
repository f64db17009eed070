"""How far a long piece of work is, as a line for the run's log and the terminal."""

import time
from collections.abc import Callable


class Progress:
    """Tells how much is done, how fast, and how long the rest will take at that rate.

    Args:
        tell: Takes each line.
        name: What is built, ahead of each line.
        done: What was done with each, as "fetched".
        total: How many there are; 0 when that is not known.
        clock: Seconds that only grow.
    """

    def __init__(
        self,
        tell: Callable[[str], None],
        name: str,
        done: str,
        total: int = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._tell = tell
        self._name = name
        self._done = done
        self._total = total
        self._clock = clock
        self._begun = clock()

    def at(self, count: int) -> None:
        """Tell that so many are done."""
        said = f"{count:,} of {self._total:,}" if self._total else f"{count:,}"
        seconds = self._clock() - self._begun
        # In the first moments a rate says nothing.
        if seconds >= 1:
            rate = count / seconds
            said += f" {self._done} ({rate:,.0f}/s"
            if count < self._total and rate:
                said += f", about {_lasting((self._total - count) / rate)} left"
            said += ")"
        else:
            said += f" {self._done}"
        self._tell(f"{self._name}: {said}")


def _lasting(seconds: float) -> str:
    """A span of time as a person says it."""
    whole = max(1, round(seconds))
    if whole < 90:
        return f"{whole} s"
    minutes = round(whole / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes / 60:.1f} h"
