"""Builds of different sources on one store at once: each removes the other's partitions."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from building import document, dump, registry, tables, zs_build
from test_interrupted import assert_agree, assert_readable

from zs_pipeline.settings import sample

BUILD = [sys.executable, "-m", "zs_client.cli", "build", "--accept-shrink"]
ROUNDS = 2


def documents(who: str, number: int) -> list[dict[str, Any]]:
    """Documents of subjects that no other source has, all of them others in each round."""
    found = []
    for n in range(30):
        one = document(f"{who}-{n:02}", f"{who}{n % 10}")
        one["quality_control"]["metrics"][0]["name"] = f"metric {number}"
        one["_last_modified"] = f"2025-02-{number + 1:02}T00:00:00.000Z"
        found.append(one)
    return found


@pytest.mark.slow
def test_builds_of_different_sources_at_once_end_well_and_leave_a_store_that_one_makes_whole(
    tmp_path: Path,
) -> None:
    out = tmp_path / "out"
    variables = os.environ | {"ZS_FILES": str(sample() / "files")}
    for number in range(ROUNDS):
        sources = [dump(tmp_path / f"{who}.ndjson", documents(who, number)) for who in "ab"]
        begun = [
            subprocess.Popen(
                [*BUILD, "--source", str(source), "--store", str(out)],
                env=variables,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            for source in sources
        ]
        said = [process.communicate()[0] for process in begun]
        assert [process.returncode for process in begun] == [0, 0], said
        assert not [one for one in said if "Traceback" in one or "Error" in one]
        assert_readable(out)
    assert zs_build(sources[0], out, accept_shrink=True) == 0
    assert_agree(out)
    assert {entry["state"] for entry in registry(out)["acorns"]} == {"fresh"}
    assert zs_build(sources[0], tmp_path / "full") == 0
    assert tables(out) == tables(tmp_path / "full")
