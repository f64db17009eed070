"""Declarations of tables are types and pure functions: importing all of them loads no server."""

import json
import subprocess
import sys

import pytest

IMPORTS = """
import json, sys
import zs_pipeline.acorns
print(json.dumps(sorted(sys.modules)))
"""


@pytest.fixture(scope="module")
def loaded() -> set[str]:
    """The modules that a fresh process has after it imported every acorn."""
    done = subprocess.run(
        [sys.executable, "-c", IMPORTS], capture_output=True, text=True, check=True
    )
    return set(json.loads(done.stdout))


@pytest.mark.parametrize(
    "name", ["obstore", "urllib3", "boto3", "botocore", "dagster", "pymongo", "pandas"]
)
def test_importing_the_acorns_loads_nothing_that_asks_a_server(loaded, name):
    assert name not in loaded


def test_importing_the_acorns_loads_no_room_that_reads_or_writes(loaded):
    rooms = ("documents", "orchestration", "publishing", "source", "tables")
    assert {f"zs_pipeline.{room}" for room in rooms} & loaded == set()
    of_side_files = {name for name in loaded if name.startswith("zs_pipeline.side_files.")}
    assert of_side_files == {"zs_pipeline.side_files.nights", "zs_pipeline.side_files.outcomes"}
    assert {name for name in loaded if name.startswith("zs_client")} == {
        "zs_client",
        "zs_client.arrow_functions",
        "zs_client.contract",
        "zs_client.kinds",
    }
