"""What holds for a whole process is set by the commands that own it, and by no import."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from building import document, dump

from zs_pipeline import memory

ROOT = Path(__file__).parents[1]
STATE = """
import gc, importlib, os, pkgutil, signal, sys
def state():
    return (
        dict(os.environ), gc.get_threshold(), gc.isenabled(), gc.get_freeze_count(),
        signal.getsignal(signal.SIGINT), sys.excepthook, sys.getrecursionlimit(),
    )
"""
IMPORTS = """
before = state()
for package in map(importlib.import_module, ("zs_client", "zs_pipeline")):
    for found in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if found.name != "pages.site":
            importlib.import_module(found.name)
"""
BUILDS = """
from zs_client import cli
before = state()
assert cli.main(["build", "--source", sys.argv[1], "--store", sys.argv[2]]) == 0
"""
SAME = """
after = state()
assert before[1:] == after[1:], (before[1:], after[1:])
assert before[0] == after[0], set(after[0].items()) ^ set(before[0].items())
"""


def child(code: str, *words: object, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if k != "ARROW_DEFAULT_MEMORY_POOL"}
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, words)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
        env={**environment, **variables},
    )


def test_an_import_changes_nothing_of_the_process():
    done = child(STATE + IMPORTS + SAME)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_a_build_in_a_process_of_others_changes_nothing_of_it(tmp_path):
    source = dump(tmp_path / "documents.ndjson", [document("a", "700001")])
    (tmp_path / "store").mkdir()
    done = child(STATE + BUILDS + SAME, source, tmp_path / "store")
    assert done.returncode == 0, done.stderr


def test_work_on_many_documents_leaves_the_settings_of_others_alone():
    code = "import gc; from zs_pipeline import memory\n"
    code += "with memory.low_memory(), memory.freeze_imports():"
    code += " print(gc.get_threshold(), gc.isenabled())"
    plain = "import gc; print(gc.get_threshold(), gc.isenabled())"
    assert child(code).stdout == child(plain).stdout != ""
    own = code.replace("with ", "memory.own_process()\nwith ")
    assert f"({memory.COLLECT_AFTER}," in child(own).stdout


@pytest.mark.parametrize("told", ["", "mimalloc"])
def test_the_command_takes_arrows_memory_from_the_c_library_unless_told_otherwise(tmp_path, told):
    code = """
import sys
sys.argv = ["zs", "build", "--source", "nowhere.ndjson", "--store", "."]
from zs_client import cli
code = cli.main()
import pyarrow
print(code, pyarrow.default_memory_pool().backend_name)
"""
    done = child(code, **({"ARROW_DEFAULT_MEMORY_POOL": told} if told else {}))
    assert done.stdout.split() == ["2", told or "system"], done.stderr
