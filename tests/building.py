"""Builds for tests: the command as a person runs it, and what lies in the store afterwards."""

import copy
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from zs_client.acorns import FOR_SUCCESSOR, TABLES
from zs_client.contract import Layout, __version__
from zs_client.opening import open_store
from zs_client.store import Store
from zs_pipeline import build
from zs_pipeline.acorns import ACORNS
from zs_pipeline.settings import sample

# The lines of `TABLES` that every build makes.
MADE = [line for line in TABLES if line[0] not in FOR_SUCCESSOR]
FOLDER = Layout(__version__).folder
ONE_FILES = [f"{FOLDER}/{acorn.table}.pqt" for acorn in ACORNS if acorn.partition]


def zs_build(source: str | Path, store: str | Path, **more: Any) -> int:
    """`zs build`, in this process, with the sample's side files; returns its exit code."""
    files = str(more.pop("files", sample() / "files"))
    return build.main(source=str(source), store=str(store), files=files, **more)


def zs_build_alone(source: str, store: str) -> None:
    """`zs build` as all that a process does."""
    sys.exit(zs_build(source, store))


def dump(path: Path, documents: Iterable[Any]) -> Path:
    """Write documents as a dump."""
    path.write_text("".join(json.dumps(d) + "\n" for d in documents))
    return path


def real(corpus: Path) -> list[dict[str, Any]]:
    """The real documents."""
    return [json.loads(line) for line in (corpus / "documents.ndjson").read_text().splitlines()]


def tables(store: str | Path | Store) -> dict[str, bytes]:
    """Every parquet file at a fixed path, by key inside the version folder.

    The one file of a partitioned table has the same rows, and is left out.
    """
    opened = store if isinstance(store, Store) else open_store(str(store))
    return {
        entry["path"].removeprefix(f"{FOLDER}/"): opened.get(entry["path"])
        for entry in opened.walk(FOLDER)
        if entry["path"].endswith(".pqt")
        and "/_objects/" not in entry["path"]
        and entry["path"] not in ONE_FILES
    }


def one_files(store: str | Path) -> dict[str, bytes]:
    """The one file of each partitioned table, by key."""
    opened = open_store(str(store))
    return {key: opened.get(key) for key in ONE_FILES if opened.exists(key)}


def facts(store: str | Path, table: str) -> dict[str, Any]:
    """A table's facts."""
    return json.loads(open_store(str(store)).get(f"{FOLDER}/{table}.json"))


def registry(store: str | Path) -> dict[str, Any]:
    """The registry."""
    return json.loads(open_store(str(store)).get(f"{FOLDER}/squirrel.json"))


def document(name: str, subject: str | None = "700001", **more: Any) -> dict[str, Any]:
    """A small document with QC, as the database holds it.

    Args:
        name: The data asset's name; the `_id` is made from it.
        subject: The subject, or None for a document without one.
        more: Top-level keys to set.
    """
    metric = {
        "object_type": "QC metric",
        "name": "drift",
        "stage": "Processing",
        "modality": {"abbreviation": "ecephys"},
        "value": {"value": 3, "options": ["a"]},
        "tags": {"probe": "A"},
        "status_history": [
            {"evaluator": "Ada", "status": "Pass", "timestamp": "2025-01-02T00:00:00Z"}
        ],
    }
    found = {
        "_id": f"id-{name}",
        "name": name,
        "location": f"s3://sample-open-data/{name}",
        "_created": "2025-01-01T00:00:00.000Z",
        "_last_modified": "2025-01-02T00:00:00.000Z",
        "other_identifiers": {"Code Ocean": ["co-1"]},
        "subject": {
            "subject_id": subject,
            "subject_details": {"genotype": "wt/wt", "date_of_birth": "2024-10-01"},
        },
        "data_description": {
            "data_level": "raw",
            "project_name": "Project",
            "modalities": [{"abbreviation": "ecephys"}],
            "investigators": [{"name": "Ada Lovelace"}],
            "source_data": None,
        },
        "procedures": None,
        "instrument": {"object_type": "Instrument", "components": []},
        "acquisition": {
            "acquisition_start_time": "2025-01-01T18:00:00-08:00",
            "acquisition_type": "ecephys",
            "experimenters": ["Ada Lovelace"],
            "instrument_id": "323_EPHYS1_20250101",
        },
        "processing": {"data_processes": [{"start_date_time": "2025-01-02T01:00:00Z"}]},
        "quality_control": {
            "metrics": [copy.deepcopy(metric)],
            "status": {"probe:A": "Pass", "ecephys": "Pass", "Processing": "Pass"},
        },
    }
    return {**found, **more}
