"""What a build shows on a terminal: a live line for the table at work, then one that stays.

What the assets say arrives as the records of a run's logger. In a pipe, and with `ZS_LOG=json`, a
build prints what they say as it is (`zs_pipeline.build`).
"""

import logging
import re
import sys
import threading
import time
from collections.abc import Collection
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.table import Column
from rich.text import Text

from zs_client.masking import masked
from zs_pipeline import logs
from zs_pipeline.progress import brief

_NAME_WIDTH, _BAR_WIDTH, _BAR = 22, 20, "green"
_DOCUMENTS = "documents"
_NOTHING_WRITTEN = re.compile(r"\b0 files written, 0 removed\b")
_ENDS = {"STEP_SUCCESS": "", "STEP_FAILURE": "failed", "STEP_SKIPPED": "skipped"}
_DRAWN_EVERY = 0.2  # seconds
_INTERRUPTED = "interrupted"
_INTERRUPTS = ("DagsterExecutionInterruptedError", "KeyboardInterrupt", "Abandoned")
# Of the columns, those for what is said; the rest is for a "^C" that the terminal writes behind it,
# which would otherwise begin a line that is not counted.
_MARGIN = 6


def is_here(console: Console) -> bool:
    """Returns whether a person watches: stdout is a terminal that can redraw a line."""
    is_plain = isinstance(console, logs.JsonConsole) or not sys.stdout.isatty()
    return not is_plain and console.is_interactive and not console.is_dumb_terminal


def is_interrupt(event: Any) -> bool:
    """Returns whether an event of Dagster is a failure that an interrupt is the reason of."""
    error = getattr(event.event_specific_data, "error", None)
    return error is not None and error.cls_name in _INTERRUPTS


class TableLines(logging.Handler, AbstractContextManager["TableLines"]):
    """Shows each table of a build as one line, live while it is made.

    The terminal is as it was after the block, also when the block is interrupted.

    Args:
        console: The terminal.
        names: The tables that are built, and `documents`.
    """

    def __init__(self, console: Console, names: Collection[str]) -> None:
        super().__init__(logging.DEBUG)
        self._console = console
        self._names = set(names)
        rest = max(10, console.width - _NAME_WIDTH - _BAR_WIDTH - _MARGIN)
        self._live = Progress(
            TextColumn("{task.description}", table_column=Column(no_wrap=True, width=_NAME_WIDTH)),
            BarColumn(_BAR_WIDTH, complete_style=_BAR, finished_style=_BAR, pulse_style=_BAR),
            TextColumn(
                "{task.fields[said]}",
                markup=False,
                table_column=Column(no_wrap=True, overflow="ellipsis", max_width=rest),
            ),
            console=console,
            transient=True,
            # rich's own thread may draw between another one's print and its bookkeeping: of some
            # builds a line was overwritten.
            auto_refresh=False,
            # What goes to a file stays in the file.
            redirect_stderr=sys.stderr.isatty(),
        )
        self._tasks: dict[str, TaskID] = {}
        self._said: dict[str, str] = {}
        self._outcomes: dict[str, str] = {}
        self._begun = time.monotonic()
        self._whole = self._add_whole()
        self._ended = threading.Event()
        self._drawer = threading.Thread(target=self._draw, daemon=True)

    def __enter__(self) -> Self:
        try:
            self._live.start()
            self._drawer.start()
        except BaseException:
            # An interrupt that comes here finds the cursor hidden already.
            self._stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stop()

    def _stop(self) -> None:
        self._ended.set()
        if self._drawer.is_alive():
            self._drawer.join()
        self._live.stop()

    @property
    def summary(self) -> str:
        """How many tables were built, and what became of them."""
        outcomes = list(self._outcomes.values())
        kinds = ("with new content", "as before", *_ENDS.values())
        counts = [(outcomes.count(kind), kind) for kind in kinds if kind in outcomes]
        said = ", ".join(f"{count} {kind}" for count, kind in counts)
        seconds = time.monotonic() - self._begun
        tables = f"{len(outcomes)} table{'' if len(outcomes) == 1 else 's'}"
        return f"{tables} in {seconds:,.0f} s: {said or 'nothing was built'}"

    def emit(self, record: logging.LogRecord) -> None:
        """Show what a record says of a table."""
        meta = getattr(record, "dagster_meta", {})
        name = meta.get("step_key") or ""
        if event := meta.get("dagster_event"):
            kind = event.event_type_value
            if name in self._names and kind == "STEP_START":
                self._begin(name)
            elif name in self._names and kind in _ENDS:
                self._end(name, _INTERRUPTED if is_interrupt(event) else _ENDS[kind])
        elif not logs.is_of_dagster(record):
            line = masked(meta.get("orig_message", record.getMessage()))
            if record.levelno >= logging.WARNING:
                self._keep(Text(line, "yellow"))
            else:
                self._update(name, line)

    def _draw(self) -> None:
        """Draw the live lines anew until the block ends, never while a record is shown."""
        while not self._ended.wait(_DRAWN_EVERY):
            self.acquire()
            try:
                self._live.refresh()
            finally:
                self.release()

    def _begin(self, name: str) -> None:
        # The line of the whole stays the last one.
        self._live.remove_task(self._whole)
        self._tasks[name] = self._live.add_task(name, total=None, said="")
        self._whole = self._add_whole()

    def _update(self, name: str, line: str) -> None:
        said = self._said[name] = line.removeprefix(f"{name}: ")
        if task := self._tasks.get(name):
            # What is left has to fit in beside the name and the bar on 80 columns.
            count, total, said = brief(said)
            self._live.update(task, completed=count, total=total, said=said)

    def _end(self, name: str, outcome: str) -> None:
        if task := self._tasks.pop(name, None):
            self._live.remove_task(task)
        said = self._said.get(name, "")
        if name != _DOCUMENTS:
            is_same = _NOTHING_WRITTEN.search(said)
            self._outcomes[name] = outcome or ("as before" if is_same else "with new content")
            self._live.update(self._whole, completed=len(self._outcomes), said=self._rest())
        style = "red" if outcome == _ENDS["STEP_FAILURE"] else "yellow" if outcome else "dim"
        self._keep(Text(f"{name:<{_NAME_WIDTH}} ").append(outcome or said, style))

    def _keep(self, line: Text) -> None:
        """Print a line that stays above the live lines."""
        self._console.print(line)

    def _add_whole(self) -> TaskID:
        count, total = len(self._outcomes), len(self._names - {_DOCUMENTS})
        return self._live.add_task("all", total=total, completed=count, said=self._rest())

    def _rest(self) -> str:
        left = len(self._names - {_DOCUMENTS} - self._outcomes.keys())
        return f"{left} tables are left" if left != 1 else "1 table is left"
