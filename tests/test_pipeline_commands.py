"""What `zs` finds of the pipeline: entry points, asked for by the commands that need one alone."""

import importlib.metadata
import json
import subprocess
import sys
import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from zs_client import cli

ROOT = Path(__file__).parents[1]
RUN = """
import importlib.metadata, json, sys
from zs_client import cli
lookups = []
class Spy:
    @staticmethod
    def find_distributions(context=importlib.metadata.DistributionFinder.Context()):
        lookups.append(context.name)
        return []
    @staticmethod
    def find_spec(name, path=None, target=None):
        return None
sys.meta_path.insert(0, Spy)
code = cli.main(sys.argv[1:])
loaded = sorted(name for name in sys.modules if name.startswith("zs_pipeline"))
print("\\n" + json.dumps([code, len(lookups) > 0, loaded]))
"""


def run(*words: str) -> tuple[int, bool, list[str]]:
    """Its exit code, whether it looked anything up, and what it loaded of the pipeline."""
    done = subprocess.run(
        [sys.executable, "-c", RUN, *words], capture_output=True, text=True, check=True
    )
    return tuple(json.loads(done.stdout.splitlines()[-1]))


def test_a_command_that_reads_looks_for_no_entry_point(sample_store):
    store = ("--store", str(sample_store))
    assert run("status", *store) == (0, False, [])
    assert run("show", "asset_basics", "--limit", "1", *store) == (0, False, [])
    assert run("snapshots", *store) == (0, False, [])
    assert run("completion", "bash") == (0, False, [])


def test_a_build_does_and_finds_the_pipeline(tmp_path):
    code, is_looked_up, loaded = run(
        "build", "--source", "nowhere.ndjson", "--store", str(tmp_path)
    )
    assert (code, is_looked_up) == (2, True)
    assert {"zs_pipeline.commands", "zs_pipeline.build"} <= set(loaded)


def test_each_entry_point_that_is_declared_is_a_function_of_the_pipeline():
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]
    commands = declared["zs_client.commands"]
    assert set(commands) == {"build", "doctor", "prune", "release", "rollback"}
    for name, value in commands.items():
        assert callable(EntryPoint(name, value, "zs_client.commands").load())


@pytest.mark.parametrize("library", ["dagster", "rich"])
def test_a_build_without_a_library_of_the_pipeline_says_how_to_install_it(
    environment, capsys, library
):
    for name in [name for name in sys.modules if name.startswith("zs_pipeline.build")]:
        environment.delitem(sys.modules, name)
    environment.setitem(sys.modules, library, None)
    if library == "rich":
        environment.setitem(sys.modules, "rich.console", None)
    assert cli.main(["build"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("zs build: the pipeline cannot be imported (")
    assert said.endswith("); install it with pip install 'data-asset-cache[pipeline]'\n")


def test_without_the_entry_points_a_build_says_so_and_reading_goes_on(
    environment, capsys, sample_store
):
    environment.setattr(importlib.metadata, "entry_points", lambda **_: ())
    assert cli.main(["build"]) == 2
    error = capsys.readouterr().err
    assert "no entry point build in the group zs_client.commands" in error
    assert "pip install 'data-asset-cache[pipeline]'" in error
    assert cli.main(["doctor", "--store", str(sample_store)]) == 0
    lines = capsys.readouterr().out
    assert lines.count("the pipeline is not installed, and reading does not need it") == 2


@pytest.mark.parametrize("words", [("prune",), ("release", "2026-q4"), ("rollback", "2026-q4")])
def test_who_keeps_a_store_hears_that_it_is_not_there_and_no_folder_is_made(
    environment, capsys, tmp_path, words
):
    store = tmp_path / "typo"
    assert cli.main([*words, "--store", str(store)]) == 2
    assert capsys.readouterr().err == (
        f"zs {words[0]}: {store}: no such folder; create it, or name another\n"
    )
    assert not store.exists()


def test_a_wrong_source_is_said_with_those_that_there_are_in_one_line(
    environment, capsys, tmp_path
):
    assert cli.main(["build", "--source", "documents.json", "--store", str(tmp_path)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("zs build: documents.json is no source that is known here; a source is")
    assert "MongoDB" in line
    assert line.endswith("(https://api.allenneuraldynamics.org/v2)")
