"""The progress of a long piece of work, as lines for the run's log and the terminal."""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass

_LINE = re.compile(r"([\d,]+) of ([\d,]+) [^(]*(?:\(\S+/s(?:, (about .* left))?\))?")


@dataclass
class Progress:
    """Reports how much is done, how fast, and how long the rest will take at that rate.

    Attributes:
        tell: Takes each line.
        name: The name of the work, ahead of each line.
        done: The past participle of the work, such as "fetched".
        total: The number of pieces; 0 when it is not known.
        clock: Returns seconds that only grow.
    """

    tell: Callable[[str], None]
    name: str
    done: str
    total: int = 0
    clock: Callable[[], float] = time.monotonic

    def __post_init__(self) -> None:
        self._begun = self.clock()

    def at(self, count: int) -> None:
        """Report that `count` pieces are done."""
        line = f"{count:,} of {self.total:,}" if self.total else f"{count:,}"
        line += f" {self.done}"
        seconds = self.clock() - self._begun
        # In the first second a rate means nothing.
        if seconds >= 1:
            rate = count / seconds
            line += f" ({rate:,.0f}/s"
            if count < self.total and rate:
                line += f", about {_duration((self.total - count) / rate)} left"
            line += ")"
        self.tell(f"{self.name}: {line}")


def brief(line: str) -> tuple[int, int | None, str]:
    """Returns how much of how many a line without its name says, and the line without the rate.

    Of another line than `Progress.at` makes, or one without a total, it is (0, None, the line).
    """
    numbers = _LINE.fullmatch(line)
    if not numbers:
        return 0, None, line
    count, total, left = numbers.groups()
    said = f"{count} of {total}" + (f", {left}" if left else "")
    return int(count.replace(",", "")), int(total.replace(",", "")), said


def _duration(seconds: float) -> str:
    whole = max(1, round(seconds))
    if whole < 90:
        return f"{whole} s"
    minutes = round(whole / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes / 60:.1f} h"
