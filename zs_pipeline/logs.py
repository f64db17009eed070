"""What a build says, for a person or, with `ZS_LOG=json`, as a line of JSON for each message.

Secrets are masked here. Which logger a run of Dagster has is in
`zs_pipeline.orchestration.loggers`.
"""

import json
import logging
import os
import sys
from collections.abc import Container
from datetime import UTC, datetime
from typing import Any, TextIO

from rich.console import Console

from zs_client.masking import masked

FORMS = ("text", "json")
# Of a message that is shown in this colour.
_LEVELS = {"yellow": "WARNING", "red": "ERROR"}


def is_json() -> bool:
    """Returns whether `ZS_LOG` asks for JSON.

    Raises:
        ValueError: It is neither `text` nor `json`.
    """
    form = os.environ.get("ZS_LOG") or FORMS[0]
    if form not in FORMS:
        raise ValueError(f"ZS_LOG is {form!r}, neither text nor json")
    return form == "json"


class JsonConsole(Console):
    """Prints each message as a line of JSON; the arguments of a terminal say how grave it is."""

    def print(self, *objects: Any, style: Any = None, **_: Any) -> None:
        """Print a message, without secrets."""
        self.write(str(objects[0]) if objects else "", _LEVELS.get(str(style), "INFO"))

    def write(self, message: str, level: str, at: float | None = None, **where: str | None) -> None:
        """Print a message with its time, its level and where in a run it was said."""
        time = datetime.now(UTC) if at is None else datetime.fromtimestamp(at, UTC)
        line = {
            "time": time.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": level,
            **{name: where.get(name) for name in ("run", "job", "step", "table")},
            "message": masked(message.strip()),
        }
        self.file.write(f"{json.dumps(line, ensure_ascii=False)}\n")
        self.file.flush()


class JsonHandler(logging.Handler):
    """Prints what the assets of a run say; Dagster's own events are in its history."""

    def __init__(self, console: JsonConsole, tables: Container[str]) -> None:
        super().__init__(logging.INFO)
        self._console = console
        self._tables = tables

    def emit(self, record: logging.LogRecord) -> None:
        """Print a record with the run, the job, the step and the table that it is of."""
        meta = getattr(record, "dagster_meta", {})
        if is_of_dagster(record):
            return
        step = meta.get("step_key")
        table = (step or "").removesuffix("_checks")
        self._console.write(
            meta.get("orig_message", record.getMessage()),
            record.levelname,
            record.created,
            run=meta.get("run_id"),
            job=meta.get("job_name"),
            step=step,
            table=table if table in self._tables else None,
        )


def is_of_dagster(record: logging.LogRecord) -> bool:
    """Returns whether a record is Dagster's own event, or says what was skipped for a failure."""
    meta = getattr(record, "dagster_meta", {})
    said = meta.get("orig_message", record.getMessage())
    return bool(meta.get("dagster_event")) or said.startswith("Dependencies for step")


def consoles() -> tuple[Console, Console]:
    """Returns where a build says what it does, and what went wrong.

    Raises:
        ValueError: `ZS_LOG` is neither `text` nor `json`.
    """
    if is_json():
        return json_console(sys.stdout), json_console(sys.stderr)
    return Console(highlight=False), Console(stderr=True, highlight=False)


def json_console(file: TextIO) -> JsonConsole:
    """Returns a console that prints JSON to a file."""
    return JsonConsole(file=file)
