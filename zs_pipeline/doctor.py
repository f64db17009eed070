"""The findings of `zs doctor` on a build's surroundings: the source, and Dagster's history."""

import os
import shutil
from pathlib import Path

import dagster as dg

from zs_client.doctor import Finding, tried
from zs_pipeline import settings
from zs_pipeline.source.choice import open_source
from zs_pipeline.source.interface import url_for_messages

# SQLite's history of a night takes some MB.
_ROOM = 100_000_000


def findings(source: str = "") -> list[Finding]:
    """Returns the findings on the source and the history, which a builder needs beside a store."""
    return [tried("source", lambda: _source(source)), tried("history", _history)]


def _source(given: str) -> str:
    url = settings.source_url(given)
    open_source(url, settings.catalogue().reads.paths).check()
    return url_for_messages(url)


def _history() -> str:
    home = os.environ.get("DAGSTER_HOME")
    if not home:
        return f"none is kept, since DAGSTER_HOME is not set; Dagster {dg.__version__}"
    folder = Path(home)
    if not folder.is_absolute():
        raise ValueError(f"DAGSTER_HOME={home}: is no absolute path")
    if not folder.is_dir():
        raise ValueError(f"DAGSTER_HOME={home}: there is no such folder; make it")
    if not os.access(folder, os.W_OK):
        raise ValueError(f"DAGSTER_HOME={home}: may not be written to")
    if shutil.disk_usage(folder).free < _ROOM:
        raise ValueError(f"DAGSTER_HOME={home}: the disk is full")
    with dg.DagsterInstance.get() as instance:
        runs = instance.get_runs_count()
    return f"{home}, {runs} runs; Dagster {dg.__version__}"
