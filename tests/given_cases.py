"""The cases beside this checkout: small inputs for which somebody worked the right rows out."""

import json
from pathlib import Path
from typing import Any

import pytest

CASES = Path(__file__).parents[2] / "shared" / "cases"


def case(name: str) -> Path:
    """Returns the folder of a case; skips the test where the cases are not there."""
    folder = CASES / name
    if not folder.is_dir():
        pytest.skip("the cases are not beside this checkout")
    return folder


def case_documents(name: str) -> list[dict[str, Any]]:
    """Returns the documents of a case."""
    return [json.loads(line) for line in (case(name) / "documents.ndjson").read_text().splitlines()]
