"""Dagster's loggers: what the runs of a code location print, with `ZS_LOG=json` as lines of JSON.

`zs build` has a logger of its own, which shows the same to a person.
"""

import logging
import sys
from collections.abc import Container, Mapping
from typing import Any

import dagster as dg

from zs_pipeline import logs


def job_config() -> Mapping[str, Any] | None:
    """Returns the configuration by which a run takes the logger; None for Dagster's own.

    A run without one has Dagster's own logger, whatever the code location brings.
    """
    return {"loggers": {"console": {"config": {}}}} if logs.is_json() else None


def loggers(tables: Container[str]) -> dict[str, dg.LoggerDefinition] | None:
    """Returns the loggers of a code location; None for Dagster's own.

    Args:
        tables: The names of all tables.

    Raises:
        ValueError: `ZS_LOG` is neither `text` nor `json`.
    """
    if not logs.is_json():
        return None

    def json_lines(_: dg.InitLoggerContext) -> logging.Logger:
        # Not in the tree of loggers: what the process logs elsewhere stays apart.
        logger = logging.Logger("zs")  # noqa: LOG001
        # Dagster keeps what a run prints to either stream.
        logger.addHandler(logs.JsonHandler(logs.json_console(sys.stderr), tables))
        return logger

    description = "What the assets say, a line of JSON for each message."
    return {"console": dg.LoggerDefinition(json_lines, description=description)}
